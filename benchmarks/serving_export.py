"""Times an exported model per block of 4096 points: TensorFlow's own ops beside the compiled ones.

    python benchmarks/serving_export.py                       # two threads, a few minutes
    python benchmarks/serving_export.py --threads 1 --networks ban --rounds 9

Networks have the paper's size and fresh weights. Each is exported twice, loaded from disk, and the
signature `network`, which does not cluster, runs in turns with the other's; the ratio is the
median over the rounds. What clustering takes is timed apart, on embeddings drawn as training
leaves them. Results go to benchmarks/results/serving_export.json.
"""

import argparse
import functools
import statistics
import tempfile
from pathlib import Path
from typing import Any

import measuring

NUM_POINTS, NUM_FEATURES, NUM_CLASSES = 4096, 9, 13
DEMAND = 3.0  # stock at most this many times native


def measure(name: str, rounds: int, clock: str) -> dict[str, Any]:
    """Exports one network with both sets of ops, and times them in turns."""
    import numpy as np
    import tensorflow as tf

    from ban_tf import config
    from ban_tf.experiments.efficiency import timing
    from ban_tf.model import networks
    from ban_tf.serving import export, graph

    experiment = config.Experiment(
        dataset="drawn",
        labels=config.Labels(class_names=tuple(f"class {k}" for k in range(NUM_CLASSES))),
        split=config.Split(name="none", train=("one",), test=("two",)),
        network=config.NetworkConfig(name=name),
    )
    network = networks.build(experiment.network)
    rng = np.random.default_rng(0)
    block = rng.uniform(0, 1, (1, NUM_POINTS, NUM_FEATURES)).astype(np.float32)
    request = {"points": block, "num_points": np.array([NUM_POINTS], np.int32)}
    kept, models, size = [], {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for ops in ("native", "stock"):
            made = export.export(network, experiment, Path(folder) / ops / "1", ops=ops)
            kept.append(tf.saved_model.load(str(made.folder)))  # weights live as long as it does
            models[ops] = kept[-1].signatures[graph.NETWORK]
            size[ops] = sum(file.stat().st_size for file in made.folder.rglob("*"))

        def seconds(function: Any) -> float:
            return timing.seconds_of(
                lambda: graph.run(function, request), clock=timing.CLOCKS[clock]
            )

        for function in models.values():
            graph.run(function, request)  # the first call plans the graph
        turns = {ops: functools.partial(seconds, function) for ops, function in models.items()}
        times = timing.in_turns(turns, rounds)
    ratios = timing.ratios(times["stock"], times["native"])
    return {
        "network": name,
        "native_ms": 1e3 * statistics.median(times["native"]),
        "stock_ms": 1e3 * statistics.median(times["stock"]),
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "bytes": size,
    }


def measure_clustering(
    num_instances: int, std: float, separation: float, rounds: int, clock: str
) -> Any:
    """Times mean shift in the graph with both sets of ops, on one drawn embedding."""
    import numpy as np
    import tensorflow as tf
    from mean_shift import Case

    import tf_ops
    from ban_tf.config import InferenceConfig
    from ban_tf.experiments.efficiency import timing
    from ban_tf.serving import clustering

    embedding = Case("drawn", num_instances, std, separation, 0).embedding()[None]
    counts = np.array([NUM_POINTS], np.int32)

    def traced() -> Any:
        specs = [tf.TensorSpec(embedding.shape), tf.TensorSpec([1], tf.int32)]

        def cluster(points: Any, counts: Any) -> Any:
            return clustering.cluster_blocks(points, counts, InferenceConfig())

        return tf.function(cluster, input_signature=specs).get_concrete_function()

    native = traced()
    with tf_ops.stock_kernels():
        stock = traced()
    found, inputs = {}, (tf.constant(embedding), tf.constant(counts))
    for ops, function in (("native", native), ("stock", stock)):
        labels, moves = function(*inputs)
        seconds = [
            timing.seconds_of(functools.partial(function, *inputs), clock=timing.CLOCKS[clock])
            for _ in range(rounds)
        ]
        found[f"{ops}_ms"] = 1e3 * statistics.median(seconds)
        found[f"{ops}_clusters"] = int(labels.numpy().max()) + 1
        found[f"{ops}_iterations"] = int(moves.numpy()[0])
    return {"instances": num_instances, "std": std, "separation": separation, **found}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--clock", choices=("wall", "cpu"), default="wall", help="cpu: where other work runs beside"
    )
    parser.add_argument(
        "--networks", nargs="+", default=["ban", "asis", "jsnet", "pointnet2", "pointnet"]
    )
    parser.add_argument("--output", type=Path, default=measuring.RESULTS / "serving_export.json")
    args = parser.parse_args(argv)
    measuring.limit_threads(args.threads)
    from ban_tf.training import provenance

    measured, clustered = [], []
    for name in args.networks:
        result = measure(name, args.rounds, args.clock)
        measured.append(result)
        print(
            f"{name:12} native {result['native_ms']:7.1f} ms, stock {result['stock_ms']:7.1f} ms: "
            f"{result['ratio']:.2f}x (asked at most {DEMAND:.0f}x)",
            flush=True,
        )
    for case in ((15, 0.15, 1.5), (30, 0.15, 1.5), (15, 0.30, 0.8)):
        result = measure_clustering(*case, args.rounds, args.clock)
        clustered.append(result)
        print(
            f"clustering, {case[0]} instances, std {case[1]}, separation {case[2]}: native "
            f"{result['native_ms']:.1f} ms, stock {result['stock_ms']:.1f} ms, "
            f"{result['stock_iterations']} iterations",
            flush=True,
        )
    measuring.write(
        args.output,
        {
            "threads": args.threads,
            "clock": args.clock,
            "num_points": NUM_POINTS,
            **provenance.collect(),
            "networks": measured,
            "clustering": clustered,
        },
    )


if __name__ == "__main__":
    main()
