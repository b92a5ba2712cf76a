"""The forward passes of the originals BAN, ASIS and JSNet in plain NumPy, without training.

Written from the papers and what the published definitions compute, in float64 and by the names of
the originals' variables; neither our networks nor their names play a part. Points are picked and
grouped by `op_references`, in float32 as the originals did. `tests/model/test_original_readings.py`
compares them with our networks, and with recordings of the originals where there are any.

    outputs = ORIGINALS["ban"](variables, blocks, SIZES["ban"])

`variables` are arrays by name, `blocks` float32 `[B, N, 3 + C]`; outputs are `logits` and
`embedding`, float64 `[B, N, ...]`.
"""

import itertools
from typing import NamedTuple

import numpy as np

import op_references as points_of

BATCH_NORM_EPSILON = 1e-3
AVERAGE = "{0}/bn/{0}/bn/moments/{1}/ExponentialMovingAverage"


class Level(NamedTuple):
    """A level of an encoder; the last two only where density is estimated."""

    num_samples: int
    radius: float
    num_neighbours: int
    variance: float = 0.0
    density_neighbours: int = 0


class Sizes(NamedTuple):
    """What the variables' shapes do not tell."""

    levels: tuple[Level, ...]
    num_neighbours: int = 0  # ASIS: in the embedding; JSNet: of the decoder's groups
    max_distance: float = 0.0  # ASIS


POINTNET2 = (Level(1024, 0.1, 32), Level(256, 0.2, 32), Level(64, 0.4, 32), Level(16, 0.8, 32))
POINTCONV = (
    Level(1024, 0.1, 32),
    Level(256, 0.2, 32, 0.1, 128),
    Level(64, 0.4, 32, 0.2, 128),
    Level(32, 0.8, 32, 0.4, 128),
)
SIZES = {
    "ban": Sizes(POINTNET2),
    "asis": Sizes(POINTNET2, num_neighbours=30, max_distance=0.5),
    "jsnet": Sizes(POINTCONV, num_neighbours=16),
}


class Layers:
    """The layers that the variables describe, by scope."""

    def __init__(self, variables):
        self._variables = variables

    def __contains__(self, scope):
        return f"{scope}/biases" in self._variables

    def _get(self, name):
        return np.asarray(self._variables[name], np.float64)

    def linear(self, scope, inputs):
        """A convolution over one point, or over a whole patch whose axes are flattened."""
        kernel = self._get(f"{scope}/weights")
        return inputs @ kernel.reshape(-1, kernel.shape[-1]) + self._get(f"{scope}/biases")

    def batch_norm(self, scope, inputs):
        """With the moving averages, and ReLU."""
        mean = self._get(AVERAGE.format(scope, "Squeeze"))
        variance = self._get(AVERAGE.format(scope, "Squeeze_1"))
        scaled = (inputs - mean) / np.sqrt(variance + BATCH_NORM_EPSILON)
        scaled = scaled * self._get(f"{scope}/bn/gamma") + self._get(f"{scope}/bn/beta")
        return np.maximum(scaled, 0.0)

    def layer(self, scope, inputs):
        return self.batch_norm(scope, self.linear(scope, inputs))

    def stack(self, scope, inputs):
        """Layers `<scope>0`, `<scope>1`, ... as many as there are."""
        for step in itertools.count():
            if f"{scope}{step}" not in self:
                return inputs
            inputs = self.layer(f"{scope}{step}", inputs)

    def bias(self, scope):
        return self._get(f"{scope}/biases")


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def softmax(x):
    shares = np.exp(x - x.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


# --- where the points lie: float32 coordinates in, indices and float64 numbers out ---


def nearest(query, reference, num_neighbours):
    """int `[B, N, K]`: the nearest reference points, of equals the lowest index first."""
    return np.stack(
        [
            np.argsort(points_of.squared_distances(q, r), axis=1, kind="stable")[:, :num_neighbours]
            for q, r in zip(query, reference, strict=True)
        ]
    )


def offsets(xyz, index, centres):
    """float64 `[B, M, K, 3]`: grouped coordinates as seen from their centres."""
    return (points_of.take_rows(xyz, index) - centres[:, :, None]).astype(np.float64)


def interpolated(fine_xyz, coarse_xyz, features):
    """Between the three nearest, by inverse squared distance."""
    squared, index = points_of.three_nearest(fine_xyz, coarse_xyz)
    weights = 1.0 / np.maximum(squared.astype(np.float64), 1e-10)
    weights /= weights.sum(axis=-1, keepdims=True)
    return np.einsum("bnkc,bnk->bnc", points_of.take_rows(features, index), weights)


def density(xyz, level):
    """`[B, N, 1]`: Gaussian kernel density in a ball, up to a factor."""
    index, count = points_of.ball_query(xyz, xyz, level.radius, level.density_neighbours)
    squared = np.sum(offsets(xyz, index, xyz) ** 2, axis=-1)
    real = np.arange(index.shape[-1]) < count[..., None]  # a free slot repeats the first point
    kernel = np.where(real, np.exp(-squared / (2.0 * level.variance)), 0.0)
    return (kernel.sum(axis=-1) / count)[..., None]


# --- encoders and decoders; a `cloud` is (coordinates, features), a list of them fine to coarse ---


def set_abstraction(layers, scope, cloud, level):
    xyz, features = cloud
    centres = points_of.take_rows(xyz, points_of.farthest_point_sample(xyz, level.num_samples))
    index, _ = points_of.ball_query(xyz, centres, level.radius, level.num_neighbours)
    groups = [offsets(xyz, index, centres), points_of.take_rows(features, index)]
    return centres, layers.stack(f"{scope}/conv", np.concatenate(groups, axis=-1)).max(axis=2)


def pointconv_encoding(layers, scope, cloud, level):
    xyz, features = cloud
    centres = points_of.take_rows(xyz, points_of.farthest_point_sample(xyz, level.num_samples))
    index = nearest(centres, xyz, level.num_neighbours)
    relative = offsets(xyz, index, centres)
    groups = np.concatenate([relative, points_of.take_rows(features, index)], axis=-1)
    groups = layers.stack(f"{scope}/conv", groups)
    inverse = 1.0 / points_of.take_rows(density(xyz, level), index)
    inverse /= inverse.max(axis=2, keepdims=True)
    hidden = layers.layer(f"{scope}/density_net/nonlinear0", inverse)
    groups = groups * sigmoid(layers.linear(f"{scope}/density_net/nonlinear1", hidden))
    weights = layers.layer(f"{scope}/weight_net/wconv0", relative)
    patch = np.einsum("bmkc,bmkw->bmcw", groups, weights)  # channel-major
    patch = patch.reshape(*patch.shape[:2], -1)
    return centres, layers.layer(f"{scope}/after_conv", patch)


def pointconv_decoding(layers, scope, fine, coarse, num_neighbours):
    xyz, skip = fine
    index = nearest(xyz, xyz, num_neighbours)
    relative = offsets(xyz, index, xyz)
    carried = points_of.take_rows(interpolated(xyz, *coarse), index)
    groups = np.concatenate([relative, carried], axis=-1)
    hidden = layers.layer(f"{scope}/decode_weight_net/wconv0", relative)
    groups = groups * layers.linear(f"{scope}/decode_weight_net/wconv1", hidden)
    pool = f"{scope}/fp_sumpool"
    pooled = layers.batch_norm(pool, groups.sum(axis=2) + layers.bias(pool))
    return xyz, layers.stack(f"{scope}/conv_", np.concatenate([pooled, skip], axis=-1))


def propagation(layers, scope, fine, coarse):
    xyz, skip = fine
    joined = np.concatenate([interpolated(xyz, *coarse), skip], axis=-1)
    return xyz, layers.stack(f"{scope}/conv_", joined)


def whole_cloud(blocks):
    return blocks[..., :3], blocks[..., 3:].astype(np.float64)


def pointnet2_branches(layers, blocks, levels):
    """Semantic and instance features of every point, after `sem_fc1` and `ins_fc1`."""
    clouds = [whole_cloud(blocks)]
    for number, level in enumerate(levels, start=1):
        clouds.append(set_abstraction(layers, f"layer{number}", clouds[-1], level))
    for branch in ("sem", "ins"):
        cloud = clouds[-1]
        for number, fine in enumerate(clouds[-2::-1], start=1):
            cloud = propagation(layers, f"{branch}_fa_layer{number}", fine, cloud)
        yield layers.layer(f"{branch}_fc1", cloud[1])


# --- the networks ---


def attention(layers, name, guide, values):
    """[values, what attention brings]; its scopes are named `*_itos` and `*_stoi`."""
    rows, columns = layers.linear(f"phi_{name}", guide), layers.linear(f"theta_{name}", guide)
    share = softmax(rows @ columns.transpose(0, 2, 1))
    return np.concatenate([values, share @ layers.linear(f"g_{name}", values)], axis=-1)


def ban(variables, blocks, sizes):
    """The scope `itos` feeds the instance branch, `stoi` the semantic one: as published."""
    layers = Layers(variables)
    semantic, instance = pointnet2_branches(layers, blocks, sizes.levels)
    embedding = layers.linear("ins_fc4", attention(layers, "itos", semantic, instance))
    logits = layers.linear("sem_fc4", attention(layers, "stoi", embedding, semantic))
    return {"logits": logits, "embedding": embedding}


def asis(variables, blocks, sizes, neighbours=None):
    """`neighbours` `[B, N, K]` takes the place of those found, where rounding decides."""
    layers = Layers(variables)
    semantic, instance = pointnet2_branches(layers, blocks, sizes.levels)
    embedding = layers.linear("ins_fc4", instance + layers.layer("sem_cache", semantic))
    if neighbours is None:
        neighbours = np.stack([near_in_embedding(block, sizes) for block in embedding])
    joined = points_of.take_rows(semantic, neighbours).max(axis=2)
    return {"logits": layers.linear("sem_fc4", joined), "embedding": embedding}


def near_in_embedding(embedding, sizes):
    """int `[N, K]` of one block, by L1; the point itself where a neighbour is too far."""
    distance = sum(np.abs(channel[:, None] - channel) for channel in embedding.T)
    index = np.argsort(distance, axis=1, kind="stable")[:, : sizes.num_neighbours]
    far = np.take_along_axis(distance, index, axis=1) > sizes.max_distance
    return np.where(far, np.arange(len(index))[:, None], index)


def jsnet(variables, blocks, sizes):
    layers = Layers(variables)
    semantic, instance = jsnet_branches(layers, blocks, sizes)

    def gate(features):
        return features * sigmoid(features.mean(axis=-1, keepdims=True))

    told = instance + layers.layer("sem_cache_1", semantic)
    instance = gate(np.concatenate([instance, told], axis=-1))
    told = semantic + layers.layer("ins_cache_1", instance).mean(axis=1, keepdims=True)
    semantic = gate(np.concatenate([semantic, told], axis=-1))
    return {
        "logits": layers.linear("sem_fc5", layers.layer("sem_fc2", semantic)),
        "embedding": layers.linear("ins_fc5", layers.layer("ins_fc2", instance)),
    }


def jsnet_branches(layers, blocks, sizes):
    """Semantic and instance features of every point, the last three levels of each fused."""
    first, *others = sizes.levels
    clouds = [whole_cloud(blocks)]
    clouds.append(set_abstraction(layers, "layer1", clouds[0], first))
    for number, level in enumerate(others, start=2):
        clouds.append(pointconv_encoding(layers, f"layer{number}", clouds[-1], level))
    for branch in ("sem", "ins"):
        decoded = [clouds[-1]]
        for number, fine in enumerate(clouds[-2:0:-1], start=1):
            scope = f"{branch}_fa_layer{number}"
            decoded.append(
                pointconv_decoding(layers, scope, fine, decoded[-1], sizes.num_neighbours)
            )
        last = f"{branch}_fa_layer{len(decoded)}"
        decoded.append(propagation(layers, last, clouds[0], decoded[-1]))
        level_2, level_1, (xyz, level_0) = decoded[-3:]
        fused = np.concatenate([level_0, interpolated(xyz, *level_1)], axis=-1)
        yield layers.layer(f"{branch}_fc1", fused + interpolated(xyz, *level_2))


ORIGINALS = {"ban": ban, "asis": asis, "jsnet": jsnet}
