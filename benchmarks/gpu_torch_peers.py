"""The point ops as one would write them in PyTorch; for benchmarks/gpu_ops.py."""

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

torch: Any = importlib.import_module("torch") if importlib.util.find_spec("torch") else None


def bind(peer: Callable[..., Any], arrays: tuple[np.ndarray, ...]) -> Callable[[], Any]:
    """Moves the arrays to the GPU and returns the call that is timed."""
    tensors = []
    for array in arrays:
        tensor = torch.from_numpy(np.ascontiguousarray(array)).cuda()
        # PyTorch indexes with 64 bits; the conversion is not timed.
        tensors.append(tensor.long() if tensor.dtype == torch.int32 else tensor)
    return lambda: peer(*tensors)


def farthest_point_sample(xyz: Any, num_samples: int) -> Any:
    """`[B, N, 3]` to `[B, M]`."""
    picks = xyz.new_zeros((xyz.shape[0], num_samples), dtype=torch.long)
    nearest = xyz.new_full(xyz.shape[:2], float("inf"))
    batch = torch.arange(xyz.shape[0], device=xyz.device)
    for m in range(1, num_samples):
        last = xyz[batch, picks[:, m - 1]]
        nearest = torch.minimum(nearest, ((xyz - last[:, None]) ** 2).sum(-1))
        picks[:, m] = nearest.argmax(-1)
    return picks


def ball_query(xyz: Any, centres: Any, radius: float, num_neighbours: int) -> tuple[Any, Any]:
    """The first hits by index: `[B, N, 3]`, `[B, M, 3]` to `[B, M, K]` and `[B, M]`."""
    num_points = xyz.shape[1]
    inside = torch.cdist(centres, xyz) < radius
    number = torch.arange(num_points, device=xyz.device, dtype=torch.int32)
    candidates = torch.where(inside, number, num_points)
    k = min(num_neighbours, num_points)
    index = candidates.topk(k, largest=False, sorted=True).values
    index = torch.where(index == num_points, index[..., :1], index)
    return index % num_points, inside.sum(-1).clamp(max=num_neighbours)


def three_nearest(query: Any, reference: Any) -> tuple[Any, Any]:
    """`[B, N, 3]`, `[B, M, 3]` to `[B, N, 3]` twice."""
    found = torch.cdist(query, reference).topk(3, largest=False, sorted=True)
    return found.values**2, found.indices


def group_points(points: Any, index: Any) -> Any:
    """`[B, N, C]`, `[B, ...]` to `[B, ..., C]`."""
    batch = torch.arange(points.shape[0], device=points.device)
    return points[batch.reshape(-1, *[1] * (index.dim() - 1)), index]


def group_points_grad(grad: Any, index: Any, num_points: int) -> Any:
    """`[B, ..., C]`, `[B, ...]` to `[B, N, C]`; adds in no fixed order."""
    batch, channels = grad.shape[0], grad.shape[-1]
    total = grad.new_zeros((batch, num_points, channels))
    rows = index.reshape(batch, -1, 1).expand(-1, -1, channels)
    return total.scatter_add_(1, rows, grad.reshape(batch, -1, channels))


def interpolate(points: Any, index: Any, weights: Any) -> Any:
    """`[B, M, C]`, `[B, N, 3]`, `[B, N, 3]` to `[B, N, C]`."""
    return (group_points(points, index) * weights[..., None]).sum(2)


def interpolate_grad(grad: Any, index: Any, weights: Any, num_points: int) -> Any:
    """`[B, N, C]`, `[B, N, 3]`, `[B, N, 3]` to `[B, M, C]`; adds in no fixed order."""
    return group_points_grad(grad[:, :, None] * weights[..., None], index, num_points)
