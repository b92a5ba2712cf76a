"""What a `.keras` file says of itself: the experiment it was trained in, and sizes learnt there.

A network alone does not tell how to cut a cloud, what its classes are called, or how large their
instances were. Keras passes over members of its archive that it does not know, so this stands in
one of them and travels with the file.
"""

import dataclasses
import json
import zipfile
from pathlib import Path

from ban_tf import config
from ban_tf.config import files
from ban_tf.training.instance_sizes import InstanceSizes

MEMBER = "ban_tf.json"  # of the archive


@dataclasses.dataclass(frozen=True)
class Description:
    """What inference needs to know beside a network.

    Args:
        experiment: labels, samples, features, thresholds.
        sizes: of the training instances; None where they are not known.

    Example:
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split)
        >>> from ban_tf.training.description import Description
        >>> Description(experiment, sizes=None).experiment.labels.num_classes
        2
    """

    experiment: config.Experiment
    sizes: InstanceSizes | None


def write(path: Path, description: Description) -> None:
    """Adds the description to a `.keras` file that has none.

    Example:
        >>> import pathlib
        >>> import tempfile
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split)
        >>> from ban_tf.training import description
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "network.keras"
        >>> description.write(path, description.Description(experiment, sizes=None))
        >>> path.is_file()
        True
    """
    document = {
        "experiment": json.loads(config.to_json(description.experiment)),
        "sizes": None if description.sizes is None else description.sizes.to_dict(),
    }
    with zipfile.ZipFile(path, "a") as archive:
        # A fixed time: equal networks give equal files.
        archive.writestr(zipfile.ZipInfo(MEMBER), json.dumps(document, indent=2) + "\n")


def read(path: Path) -> Description | None:
    """The description in a `.keras` file; None if it has none.

    Raises:
        ValueError: the file or its description is damaged, or of another version.

    Example:
        >>> import pathlib
        >>> import tempfile
        >>> from ban_tf.config import Experiment, Labels, Split
        >>> labels = Labels(class_names=("desk", "lamp"))
        >>> split = Split(name="val", train=("scan1",), test=("scan2",))
        >>> experiment = Experiment(dataset="desks", labels=labels, split=split)
        >>> from ban_tf.training import description
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "network.keras"
        >>> description.write(path, description.Description(experiment, sizes=None))
        >>> description.read(path).experiment == experiment
        True
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if MEMBER not in archive.namelist():
                return None
            document = json.loads(archive.read(MEMBER))
        sizes = document["sizes"]
        return Description(
            config.from_json(json.dumps(document["experiment"])),
            None if sizes is None else InstanceSizes.from_dict(sizes),
        )
    except (zipfile.BadZipFile, *files.UNREADABLE) as error:
        raise ValueError(f"{path} is damaged or of another version: {error}") from error
