"""What a user asks of a command, whether by flags or in Python; importing it is fast.

Places may be given as text.
"""

from pathlib import Path
from typing import Literal

from ban_tf.config import Clusterer, Keep, Protocol, Recipe, kinds
from ban_tf.config.scans import ColorRange, Unit, Up
from ban_tf.config.served import Server
from ban_tf.experiments.picture_requests import Figure as Figure
from ban_tf.experiments.picture_requests import Similarity as Similarity

RUNS = Path("runs")


@kinds.config
class Training:
    """A training with its evaluation.

    Args:
        data: raw input folder; None with `blocks` None too is the demo on generated data.
        blocks: prepared store; None puts it into the run's folder.
        run: run folder; None takes `runs/<dataset>`, with `_<network>` for others than ban.
        settings: a settings file; what is given here wins over it.
        network: what to train; None takes that of the settings, else `ban`.
        weights: a `.keras` file to start from; None starts from scratch.
        split: name of the split; None takes the data set's first.
        all_splits: train one network per split instead, and pool their tests.
        quick: the reduced setting of the demo.
        long: the reduced setting at a length of hours; without data, on a larger generated set.
        block_size: side of the blocks, metres; the network's radii go with it. None as the setting
            says, which is a metre.
        recipe: BAN's attention as released, or improved; None as the setting has it.
        epochs: instead of the setting's own number.
        batch_size: instead of the setting's own number.
        learning_rate: at the start, instead of the setting's own.
        clusterer: who groups the points of a sample; None as the setting says.
        seed: of everything random; None as the setting says.
        validate_every: epochs from one scoring on held-out training clouds to the next; None as
            the setting says, which is never.
        validation_clouds: how many training clouds are held out for it; None as the setting says.
        keep: the epoch whose network the training ends with; None as the setting says.
        dry_run: tell what would be done, and write nothing.
    """

    data: Path | None = None
    blocks: Path | None = None
    run: Path | None = None
    settings: Path | None = None
    network: str | None = None
    weights: Path | None = None
    split: str | None = None
    all_splits: bool = False
    quick: bool = False
    long: bool = False
    block_size: float | None = None
    recipe: Recipe | None = None
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    clusterer: Clusterer | None = None
    seed: int | None = None
    validate_every: int | None = None
    validation_clouds: int | None = None
    keep: Keep | None = None
    dry_run: bool = False

    @property
    def is_demo(self) -> bool:
        return self.data is None and self.blocks is None


@kinds.config
class Evaluation:
    """An evaluation of what was trained, here or elsewhere.

    Args:
        data: raw input folder; None takes what the run was trained on.
        blocks: prepared store; None as `data`.
        run: run folder; None takes the newest below `runs/`.
        model: a run folder, or a `.keras` file in one, instead of `run`.
        all_splits: `run` is the folder of several folds, whose tests are pooled.
        protocol: None takes `covering`, and `legacy` for `predictions`.
        clusterer: None takes the one of the training.
        predictions: folder of prediction files to score.
        estimate: print settings that suit the training data instead.
        compare: networks or run folders, a row of the table each; those that differ in the seed
            alone share one.
        report: write the page of an evaluation that was done before anew, evaluating nothing.
        tf1_checkpoint: of the authors' TensorFlow 1 code.
        network: what wrote `tf1_checkpoint`.
        split: of the data for `tf1_checkpoint`; None takes the data set's first.
        test: groups or clouds to evaluate; None takes those that were held out from the training.
        json: file to write the scores to as well.
        overwrite: replace `json` if it is there.
        out: folder of the results; None puts them into the run's folder.
        dry_run: tell what would be evaluated, and write nothing.
    """

    data: Path | None = None
    blocks: Path | None = None
    run: Path | None = None
    model: Path | None = None
    all_splits: bool = False
    protocol: Protocol | None = None
    clusterer: Clusterer | None = None
    predictions: Path | None = None
    estimate: bool = False
    report: bool = False
    compare: list[str] | None = None
    tf1_checkpoint: Path | None = None
    network: str | None = None
    split: str | None = None
    test: tuple[str, ...] | None = None
    json: Path | None = None
    overwrite: bool = False
    out: Path | None = None
    dry_run: bool = False

    @property
    def names_data(self) -> bool:
        return self.data is not None or self.blocks is not None


@kinds.config
class Preparation:
    """A preparation of training samples, nothing more.

    Args:
        data: raw input folder.
        blocks: store to make.
        groups: groups or clouds to prepare; None means all.
        settings: a settings file; what is given here wins over it.
        quick: samples of the reduced setting.
        block_size: side of the blocks, metres; None as the setting says.
        seed: of the draws; None as the setting says.
        dry_run: tell what would be prepared, and write nothing.
    """

    data: Path
    blocks: Path
    groups: list[str] | None = None
    settings: Path | None = None
    quick: bool = False
    block_size: float | None = None
    seed: int | None = None
    dry_run: bool = False


@kinds.config
class Ablation:
    """Trainings of BAN's variants, each with several seeds.

    Args:
        data: raw input folder; None with `blocks` None too is a shorter demo.
        blocks: prepared store; None puts it into the run's folder.
        run: folder of all trainings; None takes `runs/<dataset>_ablation`.
        split: name of the split; None takes the data set's first.
        settings: a settings file; what is given here wins over it.
        seeds: trainings of each variant.
        seed: the first of them; None as the setting says.
        quick: the reduced setting of the demo.
        long: the reduced setting at a length of hours; without data, on a larger generated set.
        epochs: instead of the setting's own number.
        variants: rows of the table.
        done: folder of results of other machines, `<trial>/result.json`, which count as done.
        protocol: None takes `legacy` where the paper's numbers are of the same data.
        dry_run: tell which trainings are left, and write nothing.
    """

    data: Path | None = None
    blocks: Path | None = None
    run: Path | None = None
    split: str | None = None
    settings: Path | None = None
    seeds: int = 3
    seed: int | None = None
    quick: bool = False
    long: bool = False
    epochs: int | None = None
    variants: tuple[str, ...]
    done: Path | None = None
    protocol: Protocol | None = None
    dry_run: bool = False

    @property
    def is_demo(self) -> bool:
        return self.data is None and self.blocks is None


@kinds.config
class Timing:
    """A timing of whole systems, beside the originals' way from outputs to instances.

    Args:
        data: raw input folder; None with `blocks` None too is a generated room.
        blocks: prepared store; None draws blocks from the raw data.
        runs: trained runs, whose embeddings are clustered too; a system of which there is none
            takes the first.
        systems: names of networks that embed.
        split: name of the split, of whose test a room is taken; None takes the data set's default.
        num_blocks: of that room, at most.
        rounds: medians of so many are reported.
        with_originals: also run, with the last of the systems, what the originals do.
        json: file to write what was measured to as well.
        overwrite: replace `json` if it is there.
    """

    data: Path | None = None
    blocks: Path | None = None
    runs: tuple[Path, ...] = ()
    systems: tuple[str, ...] = ("pointnet2", "asis", "ban")  # of the paper's Table 8
    split: str | None = None
    num_blocks: int = 4
    rounds: int = 3
    with_originals: bool = True
    json: Path | None = None
    overwrite: bool = False


@kinds.config
class Export:
    """An export of a trained network for TensorFlow Serving.

    Args:
        run: run folder or `.keras` file; None takes the newest below `runs/`.
        out: `<name>/<version>` to write, which must not exist; None takes
            `models/<network>/<the next version>`.
        ops: kernels in the graph: TensorFlow's own, or the compiled ones.
        half: keep the larger weights as float16.
        onnx: also write the network as ONNX.
    """

    run: Path | None = None
    out: Path | None = None
    ops: Literal["stock", "native"] = "stock"
    half: bool = False
    onnx: bool = False


@kinds.config
class Scans:
    """A segmentation of a user's own scans.

    Args:
        scans: files, folders of a data set's scan, or patterns of these.
        model: a run folder or a `.keras` file; None takes the newest run below `runs/`.
        out: the file to write; with several scans the folder. None puts `<name>_labelled` beside
            each scan.
        format: extension of what is written, such as `.ply`; None keeps the scan's own.
        unit: of the coordinates; None finds it.
        up: axis of the file that is up; None finds it.
        colors: range of the colours; None finds it.
        storeys: heights above the lowest point at which storeys are cut apart, metres; None finds
            them, none at all is one storey.
        columns: names of the columns of a file of text; None takes them from the file.
        overwrite: replace files and fields that are there.
        csv: file to write the table of instances to as well.
        json: file to write the table, the assumptions and the scores to as well.
        evaluate: score the labels that the scan has.
        truth: names of the fields of the scan with class and instance; None finds them.
        dry_run: read, and tell what would be done.
        max_memory: bytes that may be used, the program included; a scan that takes more is
            segmented in tiles. None takes a share of what is free.
        server: that runs the network; `model`, which may then be an exported version too, only
            tells its classes and features, and None asks the served model.
        html: page for a browser to write as well; with several scans the folder of their pages.
        similarity: keep in the page where the attentions of the network look.
    """

    scans: tuple[str, ...]
    model: Path | None = None
    out: Path | None = None
    format: str | None = None
    unit: Unit | None = None
    up: Up | None = None
    colors: ColorRange | None = None
    storeys: tuple[float, ...] | None = None
    columns: tuple[str, ...] | None = None
    overwrite: bool = False
    csv: Path | None = None
    json: Path | None = None
    evaluate: bool = False
    truth: tuple[str, ...] | None = None
    dry_run: bool = False
    max_memory: int | None = None
    server: Server | None = None
    html: Path | None = None
    similarity: bool = False
