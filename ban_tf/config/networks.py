"""Sizes and switches of the networks; where a number comes from is marked as in `ban_tf.config`."""

from typing import Literal

from ban_tf.config import kinds
from ban_tf.config.checking import (
    require,
    require_at_least_one,
    require_choice,
    require_decoder,
    require_widths,
)

Order = Literal["stoi_first", "itos_first", "simultaneous"]
ItosSource = Literal["embedding", "feature"]
AttentionScale = Literal["none", "rsqrt"]
AttentionKernel = Literal["plain", "chunked"]
SimilarityStart = Literal["independent", "tied"]


@kinds.config
class SetAbstractionConfig:
    """One level of the encoder (PointNet++ set abstraction)."""

    num_samples: int
    radius_m: float
    num_neighbours: int = 32  # [C]
    widths: tuple[int, ...]

    def __post_init__(self) -> None:
        require_at_least_one(num_samples=self.num_samples, num_neighbours=self.num_neighbours)
        require(self.radius_m > 0, "`radius_m` must be positive.", radius_m=self.radius_m)
        require_widths(widths=self.widths)


@kinds.config
class BackboneConfig:
    """PointNet++ as in ASIS and BAN [C]: encoder levels, then decoder widths coarse to fine."""

    encoder: tuple[SetAbstractionConfig, ...] = (
        SetAbstractionConfig(num_samples=1024, radius_m=0.1, widths=(32, 32, 64)),
        SetAbstractionConfig(num_samples=256, radius_m=0.2, widths=(64, 64, 128)),
        SetAbstractionConfig(num_samples=64, radius_m=0.4, widths=(128, 128, 256)),
        SetAbstractionConfig(num_samples=16, radius_m=0.8, widths=(256, 256, 512)),
    )
    decoder: tuple[tuple[int, ...], ...] = ((256, 256), (256, 256), (256, 128), (128, 128, 128))
    head_width: int = 128

    def __post_init__(self) -> None:
        require_decoder(self.decoder, self.encoder)
        require_at_least_one(head_width=self.head_width)


@kinds.config
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
    # Two maps drawn on their own give no similarity at the start. "tied" starts them equal, after
    # which they may part: a point is then most like those whose features are like its own [O].
    similarity_start: SimilarityStart = "independent"  # [C]
    attention: AttentionKernel = "chunked"  # [O] "plain" holds the N x N similarity

    def __post_init__(self) -> None:
        require_choice(Order, order=self.order)
        require_choice(AttentionScale, attention_scale=self.attention_scale)
        require_choice(SimilarityStart, similarity_start=self.similarity_start)
        require_choice(AttentionKernel, attention=self.attention)
        if self.itos_source is not None:
            require_choice(ItosSource, itos_source=self.itos_source)
        embedding_first = self.itos and not self.self_attention and self.order == "stoi_first"
        require(
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


@kinds.config
class PointNetConfig:
    """PointNet for segmentation (Qi et al. 2017), whose trunk SGPN shares."""

    point_widths: tuple[int, ...] = (64, 64, 64, 128, 1024)  # [N]
    global_widths: tuple[int, ...] = (256, 128)  # [N]
    head_widths: tuple[int, ...] = (512, 256, 128)  # [O] of each branch; the baseline's are unknown

    def __post_init__(self) -> None:
        for name in ("point_widths", "global_widths", "head_widths"):
            require_widths(**{name: getattr(self, name)})


@kinds.config
class AsisConfig:
    """How ASIS (Wang et al. 2019) joins semantic features over points of similar embedding."""

    num_neighbours: int = 30  # [A] the point itself among them
    max_distance: float = 0.5  # [A] L1; the point itself stands in for neighbours further away
    chunk_rows: int = 64  # [O] points whose distances to all others are held at a time

    def __post_init__(self) -> None:
        require_at_least_one(num_neighbours=self.num_neighbours, chunk_rows=self.chunk_rows)
        require(
            self.max_distance >= 0,
            "`max_distance` must be at least 0.",
            max_distance=self.max_distance,
        )


@kinds.config
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
        require_at_least_one(
            num_samples=self.num_samples,
            num_neighbours=self.num_neighbours,
            density_neighbours=self.density_neighbours,
            weight_width=self.weight_width,
            density_width=self.density_width,
        )
        require(self.radius_m > 0, "`radius_m` must be positive.", radius_m=self.radius_m)
        require(
            self.density_variance_m2 > 0,
            "`density_variance_m2` must be positive.",
            density_variance_m2=self.density_variance_m2,
        )
        require(
            len(self.widths) >= 2 and min(self.widths) >= 1,
            "`widths` must hold at least two widths, each at least 1.",
            widths=self.widths,
        )


@kinds.config
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
        require_decoder(self.decoder, self.encoder, more=1, least=3)
        third, second, last = (widths[-1] for widths in self.decoder[-3:])
        require(
            third == second + last,
            "the last widths of the last two steps of `decoder` must add up to that of the step "
            "before them, or their features cannot be fused.",
            decoder=self.decoder,
        )
        require_at_least_one(
            decoder_neighbours=self.decoder_neighbours,
            decoder_weight_width=self.decoder_weight_width,
            head_width=self.head_width,
        )


@kinds.config
class SgpnConfig:
    """SGPN (Wang et al. 2018): what it adds to PointNet's trunk."""

    shared_widths: tuple[int, ...] = (512, 256)  # [S] before the three heads part
    head_width: int = 128  # [S] of each head; that of the similarity ends there

    def __post_init__(self) -> None:
        require_at_least_one(head_width=self.head_width)
        require_widths(shared_widths=self.shared_widths)


@kinds.config
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
        require_decoder(self.decoder, self.encoder, more=1, least=2)
        require_at_least_one(
            num_boxes=self.num_boxes,
            box_head_width=self.box_head_width,
            mask_input_width=self.mask_input_width,
        )
        require(
            len(self.mask_widths) >= 2,
            "`mask_widths` must hold at least two widths.",
            mask_widths=self.mask_widths,
        )
        require_widths(
            global_widths=self.global_widths,
            box_widths=self.box_widths,
            mask_point_widths=self.mask_point_widths,
            mask_widths=self.mask_widths,
            semantic_widths=self.semantic_widths,
        )


@kinds.config
class NetworkConfig:
    """A network: its name in `model.networks`, shared sizes, and each network's own numbers.

    `num_classes` and `num_features` follow from the labels and features of an `Experiment`, which
    fills them in; a network that is built without one needs them.
    """

    name: str = "ban"
    num_classes: int | None = None
    num_features: int | None = None
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
        for field, least in (("num_classes", 2), ("num_features", 3)):
            value = getattr(self, field)
            require(
                value is None or value >= least,
                f"`{field}` must be at least {least}.",
                **{field: value},
            )
        require(0 <= self.dropout < 1, "`dropout` must be in [0, 1).", dropout=self.dropout)
        require_at_least_one(embedding_size=self.embedding_size)
