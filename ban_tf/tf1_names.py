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
    """

    scopes: dict[str, str]
    first: str
    logits: str
    embedding: str
    unused: re.Pattern[str]

    def original(self, path: str) -> str | None:
        """The original's name of our variable `path`; None if only we have it."""
        found = _PATH.fullmatch(path)
        if found is None or found["leaf"] not in _LEAVES:
            return None
        step = int(found["step"] or 1) - 1
        return _LEAVES[found["leaf"]].format(self.scopes[found["layer"]].format(step))


_BRANCHES = {"semantic": "sem", "instance": "ins"}
_LEVELS = (1, 2, 3, 4)

# The optimiser and the step. `Adam` slots have the shape of the weight they belong to.
_OPTIMISER = r".*/Adam(_1)?|beta[12]_power|Variable"

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

NETWORKS = {
    "ban": OriginalNames(
        # The original calls the attention that feeds the instance branch "itos" and the one that
        # feeds the semantic branch "stoi": swapped against the paper.
        scopes=_POINTNET2
        | {f"stoi/{part}": f"{part}_itos" for part in ("theta", "phi", "g")}
        | {f"itos/{part}": f"{part}_stoi" for part in ("theta", "phi", "g")},
        first="layer1/conv0",
        logits="sem_fc4",
        embedding="ins_fc4",
        unused=re.compile(_OPTIMISER + r"|sem_cache/.*"),  # a layer that nothing reads
    ),
}
