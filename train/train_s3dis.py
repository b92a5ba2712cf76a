"""Trains a network on S3DIS, all areas but one, and evaluates the one left out.

    python train/train_s3dis.py                                  # no data: a generated building
    python train/train_s3dis.py --data S3DIS --test-area 5       # the paper's protocol
    python train/train_s3dis.py --data S3DIS --six-fold          # all six folds
    python train/train_s3dis.py --data MY_SCANS --quick          # reduced: minutes on two cores
    python train/train_s3dis.py --network asis                   # another system of the paper

S3DIS is the folder `Stanford3dDataset_v1.2_Aligned_Version`, or any folder of rooms in its layout.
A stopped command, given again, goes on where it was. The first command takes two to four minutes on
two CPU cores and ends with the tables of the area it has not seen: mIoU near 65, mCov near 53.
"""

import argparse
from collections.abc import Sequence

from ban_tf.experiments import command_line, requests


def main(argv: Sequence[str] | None = None) -> None:
    request = command_line.request(requests.Training, parse_args(argv))
    from ban_tf.data import s3dis  # TensorFlow is imported only once there is work
    from ban_tf.experiments.commands import train

    outcomes = train.train(request, s3dis.SOURCE)
    run = outcomes[-1].run.folder.parent if request.all_splits else outcomes[-1].run.folder
    flags = " --six-fold" if request.all_splits else ""
    flags += "" if outcomes[-1].after.protocol == "covering" else " --protocol legacy"
    print(f"evaluate     python eval/eval_s3dis.py --run {run}{flags}")
    if request.is_demo:
        print(
            "real S3DIS   python train/train_s3dis.py --data Stanford3dDataset_v1.2_Aligned_Version"
        )


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    flags = command_line.training_parser(__doc__)
    fold = flags.add_mutually_exclusive_group()
    fold.add_argument(
        "--test-area",
        type="area{}".format,
        dest="split",
        metavar="N",
        help="the area left out (default: 5, else the last)",
    )
    fold.add_argument(
        "--six-fold", action="store_true", dest="all_splits", help="train one network per area"
    )
    return flags.parse_args(argv)


if __name__ == "__main__":
    command_line.run(main)
