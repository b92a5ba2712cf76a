"""Evaluates trained networks on the areas they have not seen, and prints the paper's tables.

    ban-eval                                    # the newest run below runs/
    ban-eval --run runs/area5 --protocol legacy # drawn and scored as in the paper
    ban-eval --run runs/six --six-fold          # six runs, rooms pooled
    ban-eval --compare ban asis jsnet           # Tables 1 and 2 with all rows
    ban-eval --network ban --tf1-checkpoint log5/epoch_99.ckpt --data S3DIS
    ban-eval --predictions DIR --protocol legacy --json scores.json
    ban-eval --estimate                         # settings that suit the data

`--compare` takes networks, of which it finds the newest run below runs/, or run folders; of runs
that differ in the seed alone it shows mean ± spread. With `--out` it also writes comparison.md,
.csv and .json there.
`--tf1-checkpoint` is a checkpoint of the authors' TensorFlow 1 code, `--predictions` a folder of
prediction files in the text format of ASIS, JSNet and BAN. The demo's area takes half a minute on
two CPU cores; the tables are those that its training ended with.
"""

from collections.abc import Sequence

from ban_tf.experiments import command_line, quiet, requests, running
from ban_tf.programs import names


def main(argv: Sequence[str] | None = None) -> None:
    request = parse_args(argv)
    quiet.load_tensorflow()  # only once there is work
    from ban_tf.data import s3dis
    from ban_tf.experiments.commands import evaluate

    evaluate.evaluate(request, s3dis.SOURCE)


def parse_args(argv: Sequence[str] | None) -> requests.Evaluation:
    flags = command_line.evaluation_parser(names.spelled(__doc__))
    flags.add_argument(
        "--six-fold", action="store_true", dest="all_splits", help="pool <run>/area1 ... area6"
    )
    flags.add_argument(
        "--test-area",
        type="area{}".format,
        dest="split",
        metavar="N",
        help="with --tf1-checkpoint (default: 5, else the last)",
    )
    return command_line.evaluation_request(flags, flags.parse_args(argv))


def command() -> None:
    """The installed command."""
    running.run(main)
