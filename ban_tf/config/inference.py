"""From outputs of the network to instances."""

from typing import Literal

from ban_tf.config import kinds
from ban_tf.config.checking import require, require_at_least_one, require_choice

Protocol = Literal["covering", "legacy"]
Clusterer = Literal["native", "sklearn"]


@kinds.config
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
        require(self.margin > 0, "`margin` must be positive.", margin=self.margin)
        require(
            self.default_threshold > 0,
            "`default_threshold` must be positive.",
            default_threshold=self.default_threshold,
        )
        require_at_least_one(
            min_proposal_points=self.min_proposal_points,
            min_group_points=self.min_group_points,
            num_bins=self.num_bins,
            num_calibration_blocks=self.num_calibration_blocks,
        )


@kinds.config
class InferenceConfig:
    """From network outputs to instances of a room."""

    bandwidth: float = 0.6  # [C] of mean shift
    bin_seeding: bool = True  # [C]
    clusterer: Clusterer = "native"  # [O] scikit-learn gives the same, hundreds of times slower
    min_overlap: int = 7  # [C] a cluster with fewer hits on every instance may open a new one
    min_new_points: int = 30  # [C] ... if it has at least this many points
    legacy_gap: float = 0.005  # [C] voxel edge as a share of the room's extent, per axis
    size_filter: float = 0.25  # [C] instances below this share of their class's mean size go
    batch_size: int = 4  # [O] blocks per call of the network
    # [O] blocks with features or outputs in memory, half in the network, half in clustering; at
    # least two batches. A block of 4096 points takes about 1 MB.
    blocks_in_flight: int = 64
    group_merging: GroupMergingConfig = GroupMergingConfig()  # of SGPN's similarities

    def __post_init__(self) -> None:
        require(self.bandwidth > 0, "`bandwidth` must be positive.", bandwidth=self.bandwidth)
        require_choice(Clusterer, clusterer=self.clusterer)
        require(self.legacy_gap > 0, "`legacy_gap` must be positive.", legacy_gap=self.legacy_gap)
        for name in ("min_overlap", "min_new_points", "size_filter"):
            value = getattr(self, name)
            require(value >= 0, f"`{name}` must be at least 0.", **{name: value})
        require_at_least_one(batch_size=self.batch_size, blocks_in_flight=self.blocks_in_flight)
