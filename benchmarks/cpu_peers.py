"""What a user would call instead of the ops of `tf_ops` on a CPU: one function per library.

A peer that is not installed, or does not load, raises ImportError or OSError when it is built, and
is skipped by name with that reason.
"""

from collections.abc import Callable

import numpy as np

Run = Callable[[], object]


def sampling_peers(xyz: np.ndarray, num_samples: int, threads: int) -> dict[str, Callable[[], Run]]:
    """Farthest point sampling of `[B, N, 3]`."""

    def fpsample_line() -> Run:
        import fpsample

        height = 3 if xyz.shape[1] <= 1024 else 5 if xyz.shape[1] <= 5000 else 9
        return lambda: [
            fpsample.bucket_fps_kdline_sampling(cloud, num_samples, h=height, start_idx=0)
            for cloud in xyz
        ]

    def fpsample_plain() -> Run:
        import fpsample

        return lambda: [fpsample.fps_sampling(cloud, num_samples, start_idx=0) for cloud in xyz]

    def torch_quickfps() -> Run:
        import torch
        import torch_quickfps as quick

        tensor = torch.from_numpy(xyz)
        options = {"h": 9} if xyz.shape[1] > 50000 else {}
        return lambda: quick.sample(
            tensor, num_samples, start_idx=0, return_points=False, **options
        )

    def pytorch3d() -> Run:
        import torch
        from pytorch3d.ops import sample_farthest_points

        torch.set_num_threads(threads)
        tensor = torch.from_numpy(xyz)
        return lambda: sample_farthest_points(tensor, K=num_samples)

    peers = {
        "fpsample kdline": fpsample_line,
        "torch-quickfps": torch_quickfps,
        "PyTorch3D": pytorch3d,
    }
    if xyz.shape[1] <= 5000:
        peers["fpsample"] = fpsample_plain
    return peers


def ball_peers(
    xyz: np.ndarray, centres: np.ndarray, radius: float, num_neighbours: int, threads: int
) -> dict[str, Callable[[], Run]]:
    """Neighbours within a radius; most peers return the nearest, not the first by index."""

    def each(search: Callable[[np.ndarray, np.ndarray], object]) -> Run:
        return lambda: [search(c, q) for c, q in zip(xyz, centres, strict=True)]

    def scipy() -> Run:
        from scipy.spatial import cKDTree

        return each(
            lambda cloud, at: cKDTree(cloud).query(
                at, k=num_neighbours, distance_upper_bound=radius, workers=threads
            )
        )

    def pykdtree() -> Run:
        from pykdtree.kdtree import KDTree

        return each(
            lambda cloud, at: KDTree(cloud).query(at, k=num_neighbours, distance_upper_bound=radius)
        )

    def open3d() -> Run:
        import open3d

        def search(cloud: np.ndarray, at: np.ndarray) -> object:
            index = open3d.core.nns.NearestNeighborSearch(open3d.core.Tensor(cloud))
            index.hybrid_index(radius)
            return index.hybrid_search(open3d.core.Tensor(at), radius, num_neighbours)

        return each(search)

    return {
        "scipy": scipy,
        "pykdtree": pykdtree,
        "open3d": open3d,
        **_torch_ball_peers(xyz, centres, radius, num_neighbours, threads),
    }


def _torch_ball_peers(
    xyz: np.ndarray, centres: np.ndarray, radius: float, num_neighbours: int, threads: int
) -> dict[str, Callable[[], Run]]:
    def torch_cluster() -> Run:
        import torch
        from torch_cluster import radius as search

        torch.set_num_threads(threads)
        pairs = [
            (torch.from_numpy(c), torch.from_numpy(q)) for c, q in zip(xyz, centres, strict=True)
        ]
        return lambda: [
            search(cloud, at, radius, max_num_neighbors=num_neighbours, num_workers=threads)
            for cloud, at in pairs
        ]

    def pytorch3d() -> Run:
        import torch
        from pytorch3d.ops import ball_query

        torch.set_num_threads(threads)
        points, at = torch.from_numpy(xyz), torch.from_numpy(centres)
        return lambda: ball_query(at, points, K=num_neighbours, radius=radius, return_nn=False)

    return {"torch-cluster": torch_cluster, "PyTorch3D": pytorch3d}


def nearest_peers(
    query: np.ndarray, reference: np.ndarray, threads: int
) -> dict[str, Callable[[], Run]]:
    """Three nearest neighbours."""

    def each(search: Callable[[np.ndarray, np.ndarray], object]) -> Run:
        return lambda: [search(q, r) for q, r in zip(query, reference, strict=True)]

    def scipy() -> Run:
        from scipy.spatial import cKDTree

        return each(lambda q, r: cKDTree(r).query(q, k=3, workers=threads))

    def pykdtree() -> Run:
        from pykdtree.kdtree import KDTree

        return each(lambda q, r: KDTree(r).query(q, k=3))

    def pynanoflann() -> Run:
        import pynanoflann as flann

        def search(q: np.ndarray, r: np.ndarray) -> object:
            tree = flann.KDTree(n_neighbors=3, metric="L2")
            tree.fit(r)
            return tree.kneighbors(q, n_jobs=threads)

        return each(search)

    def faiss() -> Run:
        import faiss as library

        library.omp_set_num_threads(threads)

        def search(q: np.ndarray, r: np.ndarray) -> object:
            index = library.IndexFlatL2(3)
            index.add(r)
            return index.search(q, 3)

        return each(search)

    return {"scipy": scipy, "pykdtree": pykdtree, "pynanoflann": pynanoflann, "faiss": faiss}


def _flat(index: np.ndarray, num_points: int) -> np.ndarray:
    cloud = np.arange(len(index)).reshape(-1, *[1] * (index.ndim - 1))
    return (index + cloud * num_points).astype(np.int64)


def row_peers(points: np.ndarray, index: np.ndarray) -> dict[str, Callable[[], Run]]:
    """Rows `[B, N, C]` by index `[B, M, K]`."""
    channels = points.shape[-1]

    def tensorflow() -> Run:
        import tensorflow as tf

        rows = tf.constant(points.reshape(-1, channels))
        flat = tf.constant(_flat(index, points.shape[1]).reshape(-1).astype(np.int32))
        return lambda: tf.gather(rows, flat)

    def tensorflow_batched() -> Run:
        import tensorflow as tf

        rows, batched = tf.constant(points), tf.constant(index)
        gather = tf.function(lambda p, i: tf.gather(p, i, batch_dims=1))
        return lambda: gather(rows, batched)

    return {"tf.gather flat": tensorflow, "tf.gather batch_dims": tensorflow_batched}


def row_gradient_peers(
    output_grad: np.ndarray, index: np.ndarray, num_points: int
) -> dict[str, Callable[[], Run]]:
    """Sums of rows by index, the gradient of `row_peers`."""
    channels = output_grad.shape[-1]
    flat = _flat(index, num_points).reshape(-1)
    size = len(index) * num_points

    def torch_scatter() -> Run:
        import torch

        grad = torch.from_numpy(output_grad.reshape(-1, channels)).clone()
        rows = torch.from_numpy(flat)[:, None].expand(-1, channels)
        return lambda: torch.zeros(size, channels).scatter_add_(0, rows, grad)

    def tensorflow() -> Run:
        import tensorflow as tf

        grad = tf.constant(output_grad.reshape(-1, channels))
        rows = tf.constant(flat.astype(np.int32))
        return lambda: tf.math.unsorted_segment_sum(grad, rows, size)

    return {"torch scatter_add": torch_scatter, "tf unsorted_segment_sum": tensorflow}


def interpolation_peers(
    points: np.ndarray, index: np.ndarray, weights: np.ndarray, with_gradient: bool
) -> dict[str, Callable[[], Run]]:
    """Weighted sums of three rows, alone or with the gradient to the points."""
    channels = points.shape[-1]
    flat = _flat(index, points.shape[1]).reshape(-1, 3)

    def torch_bag() -> Run:
        import torch
        from torch.nn.functional import embedding_bag

        rows = torch.from_numpy(points.reshape(-1, channels)).clone()
        where, w = torch.from_numpy(flat), torch.from_numpy(weights.reshape(-1, 3))
        if not with_gradient:
            return lambda: embedding_bag(where, rows, per_sample_weights=w, mode="sum")
        grad = torch.ones(len(flat), channels)

        def run() -> object:
            leaf = rows.clone().requires_grad_()
            embedding_bag(where, leaf, per_sample_weights=w, mode="sum").backward(grad)
            return leaf.grad

        return run

    def tensorflow_xla() -> Run:
        import tensorflow as tf

        p, i, w = tf.constant(points), tf.constant(index), tf.constant(weights)

        @tf.function(jit_compile=True)
        def forward(p: tf.Tensor) -> tf.Tensor:
            return tf.reduce_sum(tf.gather(p, i, batch_dims=1) * w[..., None], 2)

        @tf.function(jit_compile=True)
        def both(p: tf.Tensor, upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            with tf.GradientTape() as tape:
                tape.watch(p)
                output = tf.reduce_sum(tf.gather(p, i, batch_dims=1) * w[..., None], 2)
            return output, tape.gradient(output, p, upstream)

        grad = tf.ones((*index.shape[:2], channels))
        return (lambda: both(p, grad)) if with_gradient else (lambda: forward(p))

    return {"torch embedding_bag": torch_bag, "tf gather, XLA": tensorflow_xla}
