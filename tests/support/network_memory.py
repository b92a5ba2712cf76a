"""Prints the peak memory of a narrow BAN on one block of each size asked for, in MiB, as JSON.

    python tests/support/network_memory.py chunked 4096 8192 16384

Run as its own process, so that nothing else moves the memory peak. Sizes must ascend.
"""

import dataclasses
import json
import sys

import numpy as np

import tiny_runs
from attention_memory import status_mib
from ban_tf.training import trainer


def main(attention: str, sizes: list[int]) -> None:
    experiment = tiny_runs.experiment()
    ban = dataclasses.replace(experiment.network.ban, attention=attention)
    network = dataclasses.replace(experiment.network, ban=ban)
    model = trainer.build_network(dataclasses.replace(experiment, network=network))
    rng = np.random.default_rng(0)
    model.predict_on_batch(rng.random((1, 256, 9), np.float32))
    before, peaks = status_mib("VmRSS"), []
    for size in sizes:
        with open("/proc/self/clear_refs", "w") as reset:
            reset.write("5")
        model.predict_on_batch(rng.random((1, size, 9), np.float32))
        peaks.append(status_mib("VmHWM") - before)
    print(json.dumps(peaks))


if __name__ == "__main__":
    main(sys.argv[1], [int(size) for size in sys.argv[2:]])
