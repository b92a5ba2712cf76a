"""Every number an experiment depends on, in one frozen tree.

`[P]` marks what the paper states, `[C]` what only the authors' released code tells, `[S]` what
SGPN's released code tells, `[N]` what PointNet's, `[A]` what ASIS's, `[J]` what JSNet's, `[B]` what
BoNet's, `[O]` what belongs to this project.
"""

import dataclasses
import json
from typing import Any, Literal, get_args

Norm = Literal["l1", "l2"]
DecayUnit = Literal["samples", "iterations"]
Order = Literal["stoi_first", "itos_first", "simultaneous"]
ItosSource = Literal["embedding", "feature"]
AttentionScale = Literal["none", "rsqrt"]
AttentionKernel = Literal["plain", "chunked"]
Protocol = Literal["covering", "legacy"]
Clusterer = Literal["native", "sklearn"]


def _require(rule: bool, message: str, **received: Any) -> None:
    if not rule:
        values = ", ".join(f"{name}={value!r}" for name, value in received.items())
        raise ValueError(f"{message} Received: {values}")


def _require_choice(choices: Any, **received: Any) -> None:
    for name, value in received.items():
        options = ", ".join(repr(choice) for choice in get_args(choices))
        _require(value in get_args(choices), f"`{name}` must be one of {options}.", **received)


def _require_at_least_one(**received: int) -> None:
    for name, value in received.items():
        _require(value >= 1, f"`{name}` must be at least 1.", **{name: value})


@dataclasses.dataclass(frozen=True, kw_only=True)
class DatasetConfig:
    """What the labels of a data set mean."""

    name: str
    class_names: tuple[str, ...]
    class_colors: tuple[tuple[int, int, int], ...]  # RGB, 0-255, for pictures
    areas: tuple[int, ...]  # the folds: each is the test area of one run

    def __post_init__(self) -> None:
        _require(
            len(self.class_names) == len(self.class_colors) > 0,
            "`class_names` and `class_colors` must be of the same length, at least 1.",
            class_names=self.class_names,
            class_colors=self.class_colors,
        )
        _require(
            len(set(self.areas)) == len(self.areas) > 0,
            "`areas` must name at least one area, and each once.",
            areas=self.areas,
        )

    @property
    def num_classes(self) -> int:
        return len(self.class_names)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BlockConfig:
    """How a room is cut into blocks; lengths in metres."""

    size_m: float = 1.0  # [P] 5.1
    stride_m: float = 0.5  # [C]
    num_points: int = 4096  # [P] 5.1
    min_points: int = 100  # [C] blocks with fewer raw points are left out of training

    def __post_init__(self) -> None:
        _require(
            0 < self.stride_m <= self.size_m,
            "`stride_m` must be in (0, size_m], or points between blocks are never seen.",
            stride_m=self.stride_m,
            size_m=self.size_m,
        )
        _require_at_least_one(num_points=self.num_points, min_points=self.min_points)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SetAbstractionConfig:
    """One level of the encoder (PointNet++ set abstraction)."""

    num_samples: int
    radius_m: float
    num_neighbours: int
    widths: tuple[int, ...]

    def __post_init__(self) -> None:
        _require_at_least_one(num_samples=self.num_samples, num_neighbours=self.num_neighbours)
        _require(self.radius_m > 0, "`radius_m` must be positive.", radius_m=self.radius_m)
        _require(
            bool(self.widths) and min(self.widths) >= 1,
            "`widths` must hold at least one width, each at least 1.",
            widths=self.widths,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """PointNet++ as in ASIS and BAN [C]: encoder levels, then decoder widths coarse to fine."""

    encoder: tuple[SetAbstractionConfig, ...] = (
        SetAbstractionConfig(
            num_samples=1024, radius_m=0.1, num_neighbours=32, widths=(32, 32, 64)
        ),
        SetAbstractionConfig(
            num_samples=256, radius_m=0.2, num_neighbours=32, widths=(64, 64, 128)
        ),
        SetAbstractionConfig(
            num_samples=64, radius_m=0.4, num_neighbours=32, widths=(128, 128, 256)
        ),
        SetAbstractionConfig(
            num_samples=16, radius_m=0.8, num_neighbours=32, widths=(256, 256, 512)
        ),
    )
    decoder: tuple[tuple[int, ...], ...] = ((256, 256), (256, 256), (256, 128), (128, 128, 128))
    head_width: int = 128

    def __post_init__(self) -> None:
        _require(
            len(self.encoder) == len(self.decoder) > 0,
            "`decoder` must have one tuple of widths per level of `encoder`.",
            encoder=len(self.encoder),
            decoder=len(self.decoder),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class BanConfig:
    """The bi-directional attention of BAN (paper, section 3) and its ablations (Table 7).

    The default is the released code's reading: STOI first, similarities of ITOS measured on the
    embedding, inner products not scaled.
    """

    order: Order = "stoi_first"  # [P] 3.3; the others are Table 7 rows or open readings
    stoi: bool = True
    itos: bool = True
    self_attention: bool = False  # Table 7: each branch attends to itself
    itos_source: ItosSource | None = None  # None: "embedding" where the order allows it [C]
    attention_scale: AttentionScale = "none"  # [C]
    attention: AttentionKernel = "chunked"  # [O] "plain" holds the N x N similarity

    def __post_init__(self) -> None:
        _require_choice(Order, order=self.order)
        _require_choice(AttentionScale, attention_scale=self.attention_scale)
        _require_choice(AttentionKernel, attention=self.attention)
        if self.itos_source is not None:
            _require_choice(ItosSource, itos_source=self.itos_source)
        embedding_first = self.itos and not self.self_attention and self.order == "stoi_first"
        _require(
            self.itos_source != "embedding" or embedding_first,
            '`itos_source="embedding"` needs an ITOS that comes after the embedding: '
            '`order="stoi_first"`, `itos=True`, `self_attention=False`. Use "feature" or None.',
            itos_source=self.itos_source,
            order=self.order,
            itos=self.itos,
            self_attention=self.self_attention,
        )

    @property
    def resolved_itos_source(self) -> ItosSource:
        """`itos_source` with None replaced by what the order implies."""
        if self.itos_source is not None:
            return self.itos_source
        plain_order = self.order == "stoi_first" and not self.self_attention
        return "embedding" if plain_order else "feature"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PointNetConfig:
    """PointNet for segmentation (Qi et al. 2017), whose trunk SGPN shares."""

    point_widths: tuple[int, ...] = (64, 64, 64, 128, 1024)  # [N]
    global_widths: tuple[int, ...] = (256, 128)  # [N]
    head_widths: tuple[int, ...] = (512, 256, 128)  # [O] of each branch; the baseline's are unknown

    def __post_init__(self) -> None:
        for name in ("point_widths", "global_widths", "head_widths"):
            widths = getattr(self, name)
            _require(
                bool(widths) and min(widths) >= 1,
                f"`{name}` must hold at least one width, each at least 1.",
                **{name: widths},
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class AsisConfig:
    """How ASIS (Wang et al. 2019) joins semantic features over points of similar embedding."""

    num_neighbours: int = 30  # [A] the point itself among them
    max_distance: float = 0.5  # [A] L1; the point itself stands in for neighbours further away
    chunk_rows: int = 64  # [O] points whose distances to all others are held at a time

    def __post_init__(self) -> None:
        _require_at_least_one(num_neighbours=self.num_neighbours, chunk_rows=self.chunk_rows)
        _require(
            self.max_distance >= 0,
            "`max_distance` must be at least 0.",
            max_distance=self.max_distance,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PointConvConfig:
    """One PointConv level of JSNet's encoder; the sizes that all levels share are defaults [J]."""

    num_samples: int
    radius_m: float  # of the ball in which the density is estimated
    density_variance_m2: float  # of the density's Gaussian kernel
    widths: tuple[int, ...]  # the last one is that of the convolution
    num_neighbours: int = 32
    density_neighbours: int = 128
    weight_width: int = 32  # weights per offset
    density_width: int = 16  # hidden layer from inverse density to its share

    def __post_init__(self) -> None:
        _require_at_least_one(
            num_samples=self.num_samples,
            num_neighbours=self.num_neighbours,
            density_neighbours=self.density_neighbours,
            weight_width=self.weight_width,
            density_width=self.density_width,
        )
        _require(self.radius_m > 0, "`radius_m` must be positive.", radius_m=self.radius_m)
        _require(
            self.density_variance_m2 > 0,
            "`density_variance_m2` must be positive.",
            density_variance_m2=self.density_variance_m2,
        )
        _require(
            len(self.widths) >= 2 and min(self.widths) >= 1,
            "`widths` must hold at least two widths, each at least 1.",
            widths=self.widths,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class JsnetConfig:
    """JSNet's own backbone [J]; on PointNet++ ("jsnet_pointnet2") it takes `BackboneConfig`."""

    first: SetAbstractionConfig = BackboneConfig.encoder[0]
    encoder: tuple[PointConvConfig, ...] = (
        PointConvConfig(
            num_samples=256, radius_m=0.2, density_variance_m2=0.1, widths=(64, 64, 128)
        ),
        PointConvConfig(
            num_samples=64, radius_m=0.4, density_variance_m2=0.2, widths=(128, 128, 256)
        ),
        PointConvConfig(
            num_samples=32, radius_m=0.8, density_variance_m2=0.4, widths=(256, 256, 512)
        ),
    )
    decoder: tuple[tuple[int, ...], ...] = ((512, 512), (256, 256), (256, 128), (128, 128, 128))
    decoder_neighbours: int = 16
    decoder_weight_width: int = 32  # hidden layer from offset to the weights of the channels
    head_width: int = 128

    def __post_init__(self) -> None:
        _require(
            len(self.decoder) == len(self.encoder) + 1 >= 3,
            "`decoder` must have one tuple of widths more than `encoder` has levels, at least 3.",
            encoder=len(self.encoder),
            decoder=len(self.decoder),
        )
        third, second, last = (widths[-1] for widths in self.decoder[-3:])
        _require(
            third == second + last,
            "the last widths of the last two steps of `decoder` must add up to that of the step "
            "before them, or their features cannot be fused.",
            decoder=self.decoder,
        )
        _require_at_least_one(
            decoder_neighbours=self.decoder_neighbours,
            decoder_weight_width=self.decoder_weight_width,
            head_width=self.head_width,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class SgpnConfig:
    """SGPN (Wang et al. 2018): what it adds to PointNet's trunk."""

    shared_widths: tuple[int, ...] = (512, 256)  # [S] before the three heads part
    head_width: int = 128  # [S] of each head; that of the similarity ends there

    def __post_init__(self) -> None:
        _require_at_least_one(head_width=self.head_width)
        _require(
            bool(self.shared_widths) and min(self.shared_widths) >= 1,
            "`shared_widths` must hold at least one width, each at least 1.",
            shared_widths=self.shared_widths,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class BonetConfig:
    """3D-BoNet (Yang et al. 2019) on PointNet++ [B].

    It sees a block stretched to a unit cube, so `radius_m` is not in metres here but a share of
    the block's extent.
    """

    encoder: tuple[SetAbstractionConfig, ...] = (
        SetAbstractionConfig(
            num_samples=1024, radius_m=0.1, num_neighbours=32, widths=(32, 32, 64)
        ),
        SetAbstractionConfig(
            num_samples=256, radius_m=0.2, num_neighbours=64, widths=(64, 64, 128)
        ),
        SetAbstractionConfig(
            num_samples=64, radius_m=0.4, num_neighbours=128, widths=(128, 128, 256)
        ),
    )
    global_widths: tuple[int, ...] = (256, 256, 512)
    decoder: tuple[tuple[int, ...], ...] = (
        (256, 256), (256, 256), (256, 128), (128, 128, 128, 128),
    )  # fmt: skip
    semantic_widths: tuple[int, ...] = (128, 64)
    num_boxes: int = 24  # instances of a block beyond these are not learnt
    box_widths: tuple[int, ...] = (512, 256)  # of corners and scores together
    box_head_width: int = 256  # of each of them alone
    mask_input_width: int = 256  # of the points and of the block, before they are joined
    mask_point_widths: tuple[int, ...] = (128, 128)
    mask_widths: tuple[int, ...] = (64, 32)  # of every point and box
    negative_slope: float = 0.2  # of the leaky ReLU after every layer; there is no batch norm

    def __post_init__(self) -> None:
        _require(
            len(self.decoder) == len(self.encoder) + 1 >= 2,
            "`decoder` must have one tuple of widths more than `encoder` has levels, at least 2.",
            encoder=len(self.encoder),
            decoder=len(self.decoder),
        )
        _require_at_least_one(
            num_boxes=self.num_boxes,
            box_head_width=self.box_head_width,
            mask_input_width=self.mask_input_width,
        )
        _require(
            len(self.mask_widths) >= 2,
            "`mask_widths` must hold at least two widths.",
            mask_widths=self.mask_widths,
        )
        for name in ("box_widths", "mask_point_widths", "mask_widths", "semantic_widths"):
            widths = getattr(self, name)
            _require(
                bool(widths) and min(widths) >= 1,
                f"`{name}` must hold at least one width, each at least 1.",
                **{name: widths},
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """A network: its name in `model.networks`, shared sizes, and BAN's switches."""

    name: str = "ban"
    num_classes: int = 13
    num_features: int = 9  # block xyz, rgb, room-normalised xyz
    embedding_size: int = 5  # [C] N_E
    dropout: float = 0.5  # [C] share of features dropped before the last layers
    backbone: BackboneConfig = BackboneConfig()
    ban: BanConfig = BanConfig()
    pointnet: PointNetConfig = PointNetConfig()
    asis: AsisConfig = AsisConfig()
    jsnet: JsnetConfig = JsnetConfig()
    bonet: BonetConfig = BonetConfig()
    sgpn: SgpnConfig = SgpnConfig()

    def __post_init__(self) -> None:
        _require(
            self.num_classes >= 2, "`num_classes` must be at least 2.", num_classes=self.num_classes
        )
        _require(0 <= self.dropout < 1, "`dropout` must be in [0, 1).", dropout=self.dropout)
        _require_at_least_one(embedding_size=self.embedding_size)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LossConfig:
    """Discriminative loss (De Brabandere et al. 2017) with the released code's L1 norm [C]."""

    norm: Norm = "l1"  # [C]
    pull_margin: float = 0.5  # delta_v
    push_margin: float = 1.5  # delta_d; means are pushed 2 delta_d apart
    pull_weight: float = 1.0
    push_weight: float = 1.0
    regularisation_weight: float = 0.001

    def __post_init__(self) -> None:
        _require_choice(Norm, norm=self.norm)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SimilarityLossConfig:
    """SGPN's double hinge on the similarities of pairs, which are small for points of one group.

    Pairs of different groups are pushed up to a margin. Those of the same class weigh `factor`
    times as much, which rises with the epoch.
    """

    margin: float = 10.0  # [S] of the same class; a unit of squared distance counts as much
    class_margin: float = 80.0  # [S] of different classes
    factor: float = 2.0  # [S] in the first epoch
    factor_per_epoch: float = 0.4  # [S]
    factor_limit: float = 10.0  # [S]

    def __post_init__(self) -> None:
        _require(
            0 < self.margin <= self.class_margin,
            "`margin` must be in (0, class_margin].",
            margin=self.margin,
            class_margin=self.class_margin,
        )
        _require(
            0 <= self.factor <= self.factor_limit,
            "`factor` must be in [0, factor_limit].",
            factor=self.factor,
            factor_limit=self.factor_limit,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class BoxLossConfig:
    """Losses of BoNet's boxes and masks [B].

    A point is inside a box with probability sigmoid(x), where x is `sharpness` times the product
    of its distances to the two faces, of the axis with the least, clipped to +-`limit`.
    """

    sharpness: float = 100.0  # coordinates run from 0 to 1
    limit: float = 20.0
    focal_alpha: float = 0.75  # weight of the points of a mask; the others have the rest
    focal_gamma: float = 2.0
    mask_weight: float = 30.0

    def __post_init__(self) -> None:
        _require(
            self.sharpness > 0 and self.limit > 0,
            "`sharpness` and `limit` must be positive.",
            sharpness=self.sharpness,
            limit=self.limit,
        )
        _require(
            0 <= self.focal_alpha <= 1,
            "`focal_alpha` must be in [0, 1].",
            focal_alpha=self.focal_alpha,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """A value that decays in steps: learning rate, or 1 - batch-norm momentum."""

    initial: float
    factor: float
    every: int  # in `TrainingConfig.decay_unit`
    limit: float  # the value never passes this one

    def __post_init__(self) -> None:
        _require_at_least_one(every=self.every)
        _require(0 < self.factor <= 1, "`factor` must be in (0, 1].", factor=self.factor)
        _require(
            0 <= self.limit <= self.initial,
            "`limit` must be in [0, initial].",
            limit=self.limit,
            initial=self.initial,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class AugmentationConfig:
    """Random changes of training blocks; all off by default, as in the paper [C]."""

    rotate_z: bool = False  # any angle about the vertical through the block's middle
    scale: float = 0.0  # factor uniform in [1 - scale, 1 + scale]
    jitter_m: float = 0.0  # standard deviation of coordinate noise, metres
    drop_color: float = 0.0  # probability that a block loses its colours

    def __post_init__(self) -> None:
        _require(0 <= self.scale < 1, "`scale` must be in [0, 1).", scale=self.scale)
        _require(self.jitter_m >= 0, "`jitter_m` must be at least 0.", jitter_m=self.jitter_m)
        _require(
            0 <= self.drop_color <= 1, "`drop_color` must be in [0, 1].", drop_color=self.drop_color
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PretrainingConfig:
    """Epochs before the others, for the classes alone.

    Only the layers that the class scores depend on are trained. Afterwards the optimiser starts
    anew, nothing is dropped, and the batch norms keep the moments they have reached.
    """

    num_epochs: int = 0  # none
    batch_size: int = 32  # [S]
    learning_rate: ScheduleConfig = ScheduleConfig(
        initial=1e-3, factor=0.5, every=300_000, limit=1e-5
    )  # [N]

    def __post_init__(self) -> None:
        _require(
            self.num_epochs >= 0, "`num_epochs` must be at least 0.", num_epochs=self.num_epochs
        )
        _require_at_least_one(batch_size=self.batch_size)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Optimiser, schedules and length of a run."""

    batch_size: int = 12  # [P] 5.1
    num_epochs: int = 100  # [P] 5.1
    decay_unit: DecayUnit = "samples"  # [C]; the paper's words are "iterations"
    learning_rate: ScheduleConfig = ScheduleConfig(
        initial=1e-3, factor=0.5, every=300_000, limit=1e-5
    )  # [P] 5.1, limit [C]
    learning_rate_by_epoch: bool = False  # [B] whether its `every` counts epochs after all
    # Momentum of the moving averages is 1 - this: 0.5, 0.75, ... up to 0.99 [C].
    batch_norm_decay: ScheduleConfig = ScheduleConfig(
        initial=0.5, factor=0.5, every=300_000, limit=0.01
    )
    adam_epsilon: float = 1e-8  # TensorFlow 1's default, the one the code ran with [C]
    augmentation: AugmentationConfig = AugmentationConfig()
    checkpoint_every: int = 1  # epochs [O]
    blocks_per_epoch: int | None = None  # None: each once; the reduced setting draws a sample [O]
    pretraining: PretrainingConfig = PretrainingConfig()

    def __post_init__(self) -> None:
        _require_choice(DecayUnit, decay_unit=self.decay_unit)
        _require_at_least_one(
            batch_size=self.batch_size,
            num_epochs=self.num_epochs,
            checkpoint_every=self.checkpoint_every,
        )
        if self.blocks_per_epoch is not None:
            _require_at_least_one(blocks_per_epoch=self.blocks_per_epoch)

    @property
    def per_step(self) -> int:
        """What one step of the optimiser counts in the schedules."""
        return self.batch_size if self.decay_unit == "samples" else 1

    @property
    def total_epochs(self) -> int:
        """Those of the pre-training included."""
        return self.pretraining.num_epochs + self.num_epochs


@dataclasses.dataclass(frozen=True, kw_only=True)
class GroupMergingConfig:
    """From SGPN's similarities of a block to its groups (GroupMerging), and the thresholds."""

    margin: float = 10.0  # [S] similarity of a pair: margin x squared distance of its features
    min_confidence: float = 0.4  # [S] points above it propose a group
    min_proposal_points: int = 6  # [S]
    merge_iou: float = 0.6  # [S] proposals that overlap more than this are one
    merge_share: float = 0.8  # [S] ... or of which more than this share lies in an earlier one
    min_group_points: int = 50  # [S] more to become a group, at least as many to stay one
    default_threshold: float = 0.2  # [S] of a class without an estimate
    num_bins: int = 20  # [S] of the similarities within an instance; their edges are tried
    min_true_share: float = 0.5  # [S] an edge must have more than this share of the instance below
    min_gain: float = 4.0  # [S] ... and more than this many times the share of its class's others
    num_calibration_blocks: int = 128  # [O] training blocks that the thresholds come from

    def __post_init__(self) -> None:
        _require(self.margin > 0, "`margin` must be positive.", margin=self.margin)
        _require(
            self.default_threshold > 0,
            "`default_threshold` must be positive.",
            default_threshold=self.default_threshold,
        )
        _require_at_least_one(
            min_proposal_points=self.min_proposal_points,
            min_group_points=self.min_group_points,
            num_bins=self.num_bins,
            num_calibration_blocks=self.num_calibration_blocks,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class InferenceConfig:
    """From network outputs to instances of a room."""

    bandwidth: float = 0.6  # [C] of mean shift
    bin_seeding: bool = True  # [C]
    clusterer: Clusterer = "native"  # [O] scikit-learn gives the same, hundreds of times slower
    min_overlap: int = 7  # [C] a cluster with fewer hits on every instance may open a new one
    min_new_points: int = 30  # [C] ... if it has at least this many points
    legacy_gap: float = 0.005  # [C] voxel edge as a share of the room's extent, per axis
    voxel_m: float = 0.05  # [O] voxel edge of the covering protocol, metres
    size_filter: float = 0.25  # [C] instances below this share of their class's mean size go
    batch_size: int = 4  # [O] blocks per call of the network
    # [O] blocks with features or outputs in memory, half in the network, half in clustering; at
    # least two batches. A block of 4096 points takes about 1 MB.
    blocks_in_flight: int = 64
    group_merging: GroupMergingConfig = GroupMergingConfig()  # of SGPN's similarities

    def __post_init__(self) -> None:
        _require(self.bandwidth > 0, "`bandwidth` must be positive.", bandwidth=self.bandwidth)
        _require_choice(Clusterer, clusterer=self.clusterer)
        _require(self.voxel_m > 0, "`voxel_m` must be positive.", voxel_m=self.voxel_m)
        _require_at_least_one(batch_size=self.batch_size, blocks_in_flight=self.blocks_in_flight)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
    """One row of a table: a data set, a network, and everything done with them."""

    dataset: DatasetConfig
    test_area: int
    seed: int = 0
    blocks: BlockConfig = BlockConfig()
    network: NetworkConfig = NetworkConfig()
    loss: LossConfig = LossConfig()
    similarity_loss: SimilarityLossConfig = SimilarityLossConfig()
    box_loss: BoxLossConfig = BoxLossConfig()
    training: TrainingConfig = TrainingConfig()
    inference: InferenceConfig = InferenceConfig()

    def __post_init__(self) -> None:
        _require(
            self.test_area in self.dataset.areas,
            f"`test_area` must be one of {self.dataset.areas}.",
            test_area=self.test_area,
        )
        _require(self.seed >= 0, "`seed` must be at least 0.", seed=self.seed)
        _require(
            self.network.num_classes == self.dataset.num_classes,
            "the network must have one output per class of the data set.",
            network=self.network.num_classes,
            dataset=self.dataset.num_classes,
        )
        _require(
            self.similarity_loss.margin == self.inference.group_merging.margin,
            "similarities must be scaled alike in training and in merging: the margins must agree.",
            similarity_loss=self.similarity_loss.margin,
            group_merging=self.inference.group_merging.margin,
        )

    @property
    def train_areas(self) -> tuple[int, ...]:
        return tuple(area for area in self.dataset.areas if area != self.test_area)


S3DIS = DatasetConfig(
    name="s3dis",
    class_names=(
        "ceiling", "floor", "wall", "beam", "column", "window", "door",
        "table", "chair", "sofa", "bookcase", "board", "clutter",
    ),
    class_colors=(
        (0, 255, 0), (0, 0, 255), (0, 255, 255), (255, 255, 0), (255, 0, 255), (100, 100, 255),
        (200, 200, 100), (170, 120, 200), (255, 0, 0), (200, 100, 100), (10, 200, 100),
        (200, 200, 200), (50, 50, 50),
    ),
    areas=(1, 2, 3, 4, 5, 6),
)  # fmt: skip


# The rows of the paper's Table 7, by their names there. The mirrored reading of "Inverse order" is
# open in the paper; see `BanConfig.order`.
ABLATIONS = {
    "none": BanConfig(stoi=False, itos=False),
    "STOI only": BanConfig(itos=False),
    "ITOS only": BanConfig(stoi=False),
    "STOI then ITOS": BanConfig(),
    "Inverse order": BanConfig(order="itos_first"),
    "Self-attention": BanConfig(self_attention=True),
}


def s3dis(test_area: int = 5, network: str = "ban") -> Experiment:
    """S3DIS, trained on the other five areas: the paper's protocol (section 5.1)."""
    return with_network(Experiment(dataset=S3DIS, test_area=test_area), network)


# How systems train that do not train like BAN.
RECIPES: dict[str, TrainingConfig] = {
    "sgpn": TrainingConfig(
        batch_size=4,  # [S]
        num_epochs=200,  # [S]
        learning_rate=ScheduleConfig(initial=1e-4, factor=0.5, every=800_000, limit=1e-6),  # [S]
        pretraining=PretrainingConfig(num_epochs=50),  # [N]
    ),
    "bonet": TrainingConfig(
        batch_size=4,  # [B]
        num_epochs=51,  # [B]
        learning_rate=ScheduleConfig(initial=5e-4, factor=0.5, every=20, limit=1e-5),  # [B]
        learning_rate_by_epoch=True,  # [B]
    ),
}


def with_network(experiment: Experiment, name: str) -> Experiment:
    """The same experiment with another network, trained by that system's own recipe."""
    network = dataclasses.replace(experiment.network, name=name)
    training = RECIPES.get(name, experiment.training)
    inference, loss = experiment.inference, experiment.loss
    if name in ("jsnet", "jsnet_pointnet2"):
        loss = dataclasses.replace(loss, regularisation_weight=0.0)  # [J]
    if name == "bonet":
        inference = dataclasses.replace(inference, min_new_points=12, size_filter=0.3)  # [B]
    return dataclasses.replace(
        experiment, network=network, loss=loss, training=training, inference=inference
    )


def to_json(experiment: Experiment) -> str:
    """The experiment as JSON text, the form in which a run folder keeps it."""
    return json.dumps(dataclasses.asdict(experiment), indent=2) + "\n"


def _build(cls: type, values: Any) -> Any:
    _require(isinstance(values, dict), f"`{cls.__name__}` must hold named fields.", found=values)
    known = {field.name: field for field in dataclasses.fields(cls)}
    unknown = sorted(set(values) - set(known))
    _require(not unknown, f"`{cls.__name__}` does not know these fields.", unknown=unknown)
    return cls(**{name: _restore(known[name].type, value) for name, value in values.items()})


def _restore(kind: Any, value: Any) -> Any:
    if dataclasses.is_dataclass(kind):
        return _build(kind, value)  # type: ignore[arg-type]
    if isinstance(value, list):
        inner = next((arg for arg in get_args(kind) if arg is not Ellipsis), None)
        return tuple(_restore(inner, item) for item in value)
    return value


def from_json(text: str) -> Experiment:
    """The inverse of `to_json`; every value is checked again.

    Raises:
        ValueError: an unknown field, or a value out of its range.
    """
    return _build(Experiment, json.loads(text))
