"""What the point ops compute, in the plainest NumPy float32; slow, from the contract alone."""

import numpy as np


def squared_distances(of: np.ndarray, to: np.ndarray) -> np.ndarray:
    """`[N, 3]` and `[M, 3]` to `[N, M]`, rounded to float32 at every step."""
    with np.errstate(all="ignore"):
        dx, dy, dz = np.moveaxis(to[None] - of[:, None], -1, 0)
        return dx * dx + dy * dy + dz * dz


def farthest_point_sample(xyz: np.ndarray, num_samples: int) -> np.ndarray:
    picked = np.zeros((len(xyz), num_samples), np.int32)
    for cloud, picks in zip(xyz, picked, strict=True):
        finite = np.isfinite(cloud).all(axis=1)
        if not finite.any():
            continue
        nearest = np.where(finite, np.float32(np.inf), np.float32(-1))
        for m in range(num_samples):
            picks[m] = np.argmax(nearest)
            distance = squared_distances(cloud[picks[m]][None], cloud)[0]
            nearest = np.where(finite, np.fmin(nearest, distance), nearest)
    return picked


def ball_query(xyz, centres, radius, num_neighbours):
    batch, num_centres = centres.shape[:2]
    index = np.zeros((batch, num_centres, num_neighbours), np.int32)
    count = np.zeros((batch, num_centres), np.int32)
    with np.errstate(over="ignore"):
        radius2 = np.float32(radius) * np.float32(radius)
    for b in range(batch):
        inside = squared_distances(centres[b], xyz[b]) < radius2
        for m in range(num_centres):
            hits = np.flatnonzero(inside[m])[:num_neighbours]
            count[b, m] = len(hits)
            if len(hits):
                index[b, m] = hits[0]
                index[b, m, : len(hits)] = hits
    return index, count


def three_nearest(query, reference):
    distance = np.zeros(query.shape, np.float32)
    index = np.zeros(query.shape, np.int32)
    for b in range(len(query)):
        all_distances = squared_distances(query[b], reference[b])
        all_distances[np.isnan(all_distances)] = np.inf
        index[b] = np.argsort(all_distances, axis=1, kind="stable")[:, :3]
        distance[b] = np.take_along_axis(all_distances, index[b], axis=1)
    return distance, index


def take_rows(points, index):
    """`points[b, index[b, ...]]`."""
    rows = [p[i] for p, i in zip(points, index, strict=True)]
    return np.array(rows, points.dtype).reshape((*index.shape, points.shape[-1]))


def take_rows_gradient(output_grad, index, num_points):
    """Row after row into float32 sums, in the order of the index."""
    channels = output_grad.shape[-1]
    points_grad = np.zeros((len(index), num_points, channels), np.float32)
    for b in range(len(index)):
        np.add.at(
            points_grad[b], index[b].reshape(-1), output_grad[b].reshape(index[b].size, channels)
        )
    return points_grad


def interpolate(points, index, weights):
    rows = take_rows(points, index)  # [B, N, 3, C]
    terms = rows * weights[..., None]
    return terms[:, :, 0] + terms[:, :, 1] + terms[:, :, 2]


def interpolate_gradient(output_grad, index, weights, num_points):
    return take_rows_gradient(weights[..., None] * output_grad[:, :, None], index, num_points)
