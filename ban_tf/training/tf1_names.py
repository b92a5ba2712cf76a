"""What the originals' checkpoints call the variables of our networks."""

import dataclasses
import re

_LEAVES = {
    "kernel": "{0}/weights",
    "bias": "{0}/biases",
    "gamma": "{0}/bn/gamma",
    "beta": "{0}/bn/beta",
    # The averages are created inside the layer's scope and named after the op they follow.
    "moving_mean": "{0}/bn/{0}/bn/moments/Squeeze/ExponentialMovingAverage",
    "moving_variance": "{0}/bn/{0}/bn/moments/Squeeze_1/ExponentialMovingAverage",
}
# Ours: a layer, the step within it where it is a `PointMLP`, and the variable.
_PATH = re.compile(r"(?P<layer>.+?)(/(dense|batch_norm)_(?P<step>\d+))?/(?P<leaf>\w+)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class OriginalNames:
    """The names in the checkpoints of one network.

    Attributes:
        scopes: by our layer, the scope of the original's; `{}` stands for the step within a
            `PointMLP`, counted from 0.
        first: scope of the first layer, whose kernel tells the number of input channels.
        logits: scope of the layer whose kernel tells the number of classes.
        embedding: scope of the layer whose kernel tells the number of embedding channels.
        unused: matches variables of every file that no forward pass reads.
        patches: by the original's scope, the width W of a convolution over a whole patch. Its
            kernel is `[C, W, out]` there and `[C * W, out]` here.

    Example:
        >>> from ban_tf.training.tf1_names import NETWORKS
        >>> NETWORKS["ban"].original("encoder_1/mlp/dense_2/kernel")
        'layer1/conv1/weights'
    """

    scopes: dict[str, str]
    first: str
    logits: str
    embedding: str
    unused: re.Pattern[str]
    patches: dict[str, int] = dataclasses.field(default_factory=dict)

    def original(self, path: str) -> str | None:
        """The original's name of our variable `path`; None if only we have it."""
        found = _PATH.fullmatch(path)
        if found is None or found["leaf"] not in _LEAVES:
            return None
        step = int(found["step"] or 1) - 1
        return _LEAVES[found["leaf"]].format(self.scopes[found["layer"]].format(step))

    def original_shape(self, name: str, shape: tuple[int, ...]) -> list[int]:
        """The shape of the original's variable, less leading axes of size 1, for our shape."""
        width = self.patches.get(name.removesuffix("/weights"))
        if width is None:
            return list(shape)
        return [shape[0] // width, width, shape[1]]


_BRANCHES = {"semantic": "sem", "instance": "ins"}
_LEVELS = (1, 2, 3, 4)

# `Adam` slots have the shape of the weight they belong to.
_OPTIMISER = r".*/Adam(_1)?|beta[12]_power"
_STEP = "Variable"

# PointNet++ of BAN and ASIS, with the last layers that follow.
_POINTNET2 = {
    **{f"encoder_{level}/mlp": f"layer{level}/conv{{}}" for level in _LEVELS},
    **{
        f"{ours}_decoder_{level}/mlp": f"{theirs}_fa_layer{level}/conv_{{}}"
        for ours, theirs in _BRANCHES.items()
        for level in _LEVELS
    },
    **{f"{ours}_fc1": f"{theirs}_fc1" for ours, theirs in _BRANCHES.items()},
    "logits": "sem_fc4",
    "embedding": "ins_fc4",
}

_POINTCONV_LEVELS = (2, 3, 4)
_POINTCONV_DECODERS = (1, 2, 3)
_JSNET = {
    "encoder_1/mlp": "layer1/conv{}",
    **{
        f"encoder_{level}/{ours}": f"layer{level}/{theirs}"
        for level in _POINTCONV_LEVELS
        for ours, theirs in {
            "mlp": "conv{}",
            "weight_net": "weight_net/wconv0",
            "density_net": "density_net/nonlinear0",
            "density_gate": "density_net/nonlinear1",
            "convolution": "after_conv",
        }.items()
    },
    **{
        f"{branch}_decoder_{level}/{ours}": f"{scope}_fa_layer{level}/{theirs}"
        for branch, scope in _BRANCHES.items()
        for level in _POINTCONV_DECODERS
        for ours, theirs in {
            "weight_net": "decode_weight_net/wconv0",
            "channel_weights": "decode_weight_net/wconv1",
            "sum_pool": "fp_sumpool",
            "sum_pool/batch_norm": "fp_sumpool",
            "mlp": "conv_{}",
        }.items()
    },
    **{
        f"{branch}_{ours}": f"{scope}_{theirs}"
        for branch, scope in _BRANCHES.items()
        for ours, theirs in {
            "decoder_4/mlp": "fa_layer4/conv_{}",
            "fc1": "fc1",
            "cache": "cache_1",
            "fc2": "fc2",
        }.items()
    },
    "logits": "sem_fc5",
    "embedding": "ins_fc5",
}

NETWORKS = {
    "asis": OriginalNames(
        scopes=_POINTNET2 | {"semantic_adaptation": "sem_cache"},
        first="layer1/conv0",
        logits="sem_fc4",
        embedding="ins_fc4",
        unused=re.compile(rf"{_OPTIMISER}|{_STEP}"),
    ),
    "ban": OriginalNames(
        # The original calls the attention that feeds the instance branch "itos" and the one that
        # feeds the semantic branch "stoi": swapped against the paper.
        scopes=_POINTNET2
        | {f"stoi/{part}": f"{part}_itos" for part in ("theta", "phi", "g")}
        | {f"itos/{part}": f"{part}_stoi" for part in ("theta", "phi", "g")},
        first="layer1/conv0",
        logits="sem_fc4",
        embedding="ins_fc4",
        unused=re.compile(rf"{_OPTIMISER}|{_STEP}|sem_cache/.*"),  # a layer that nothing reads
    ),
    "jsnet": OriginalNames(
        scopes=_JSNET,
        first="layer1/conv0",
        logits="sem_fc5",
        embedding="ins_fc5",
        unused=re.compile(rf"{_OPTIMISER}|batch"),
        patches={f"layer{level}/after_conv": 32 for level in _POINTCONV_LEVELS},
    ),
}
