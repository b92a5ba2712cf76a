"""Prints what the CPU benchmarks have measured as Markdown tables, those of docs/speed.md.

    python benchmarks/tables.py                                   # of benchmarks/results
    python benchmarks/tables.py benchmarks/results/zen_4          # of another folder

One thread has all columns, two threads (where measured) the ratio alone. "asked" is the project's
aim, "limit" the share of the least time that the benchmark knows of, and "copy" the ratio that a
plain copy of as many bytes would have.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import measuring
from attention import LEAST_OF_TENSORFLOW, OURS, TENSORFLOW_PEERS, TORCH_FUSED

MISSING = "-"


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table whose first column is text and whose others are figures."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def milliseconds(value: float) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:.{digits}f} ms"


def ratio(value: float | None) -> str:
    if value is None:
        return MISSING
    return f"{value:.0f}x" if value >= 100 else f"{value:.1f}x" if value >= 10 else f"{value:.2f}x"


def read(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def by_name(results: dict[str, Any] | None, *names: str) -> dict[tuple, dict[str, Any]]:
    """The cases of a file, by the fields that name them."""
    cases = results["cases"] if results else []
    return {tuple(case[name] for name in names): case for case in cases}


def attention_tables(folder: Path) -> Iterator[str]:
    one, two = (read(folder / f"attention_{threads}.json") for threads in (1, 2))
    if one is None:
        return
    names = ("heads", "width", "gradient")
    other = by_name(two, *names)
    rows = []
    for key, case in by_name(one, *names).items():
        heads, width, gradient = key
        best = min(TENSORFLOW_PEERS, key=case["median_ms"].__getitem__)
        times = case["median_ms"]
        second = other[key]["ratio"] if key in other else None
        rows.append(
            [
                f"{'one head' if heads == 1 else f'{heads} heads'}, width {width}, "
                + ("with gradient" if gradient else "forward"),
                milliseconds(times[OURS]),
                milliseconds(times[TORCH_FUSED]) if TORCH_FUSED in times else MISSING,
                milliseconds(times[best]),
                ratio(case["ratio"][best]),
                ratio(min(second[peer] for peer in TENSORFLOW_PEERS) if second else None),
                ratio(LEAST_OF_TENSORFLOW[gradient].get(width)),
                ratio(case["ratio_of_limit"][best]),
            ]
        )
    header = "attention, 4096 points; ours; torch's fused; best of TensorFlow; ratio; two threads"
    yield table([*header.split("; "), "asked", "products alone"], rows)
    if memory := one.get("memory"):
        rows = [[f"{m['name']}, {m['case']}", f"{m['mib']:.1f} MiB"] for m in memory]
        yield table(["peak memory of attention", "above what is resident"], rows)


def op_table(folder: Path) -> Iterator[str]:
    one, two = (read(folder / f"cpu_ops_{threads}.json") for threads in (1, 2))
    if one is None:
        return
    other = by_name(two, "case")
    rows = []
    for key, case in by_name(one, "case").items():
        peer_ms = case["medians_ms"].get(case["best_peer"])
        copy_ms = case.get("copy_ms")
        rows.append(
            [
                case["case"],
                milliseconds(case["medians_ms"][OURS]),
                case["best_peer"] or MISSING,
                ratio(case["ratio"]),
                ratio(other[key]["ratio"] if key in other else None),
                ratio(case["demand"]),
                f"{case['share_of_limit']:.0%}",
                ratio(peer_ms / copy_ms if peer_ms and copy_ms else None),
            ]
        )
    header = "op; one thread; fastest peer; ratio; two threads; asked; limit; copy"
    yield table(header.split("; "), rows)


def mean_shift_table(folder: Path) -> Iterator[str]:
    results = read(folder / "mean_shift.json")
    if results is None:
        return
    rows = [
        [
            case["name"],
            milliseconds(case["ours_ms"]),
            milliseconds(case["scikit_learn_ms"]),
            ratio(case["ratio"]),
            ratio(case["demand"]),
            "identical" if case["labels_identical"] and case["centres_identical"] else "DIFFERENT",
        ]
        for case in results["cases"]
    ]
    yield table(
        ["mean shift, 4096 points", "ours", "scikit-learn", "ratio", "asked", "results"], rows
    )


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=measuring.RESULTS)
    folder = parser.parse_args(argv).folder
    found = [t for make in (attention_tables, op_table, mean_shift_table) for t in make(folder)]
    if not found:
        parser.error(f"no results of the CPU benchmarks in '{folder}'; run benchmarks/cpu_ops.py")
    print("\n\n".join(found))


if __name__ == "__main__":
    main()
