"""PartNet as data sets, one for each category at each level, and a generated one like it."""

import collections
import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

from ban_tf.config import Features, Labels, Shapes, Split
from ban_tf.data.dataset import Dataset, Source
from ban_tf.data.partnet import catalogue, layout, reader, writer
from ban_tf.data.partnet.catalogue import OTHER, Task

NAME = "partnet"
BENCHMARK = "partnet"
_WITH_OTHER = f"-{OTHER}"
_TRAIN = "train"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """What is to be made of PartNet's files.

    Args:
        task: category and level.
        form: one of `layout.FORMS`; None takes the first that is there.
        num_points: of a sample: 10 000 are all, 4096 is what the paper's authors drew.
        other_as_class: whether points without a part are the class `other`, and learnt and scored
            like one, as by the paper's authors.
    """

    task: Task
    form: str | None = None
    num_points: int = Shapes.num_points
    other_as_class: bool = False


def dataset(choice: Choice, name: str = NAME, splits: Sequence[str] = catalogue.SPLITS) -> Dataset:
    """The data set of a task.

    Args:
        choice: the task and how it is read.
        name: of the data; the task's is added.
        splits: which of `train`, `val` and `test` are there. Either of the last two is the test of
            one split, `test` by default.

    Example:
        >>> made = dataset(Choice(task=Task("Mug", 1)))
        >>> made.name, made.labels.class_names, made.split().test
        ('partnet-Mug-1', ('body', 'handle', 'containing_things'), ('test',))
    """
    train = tuple(split for split in splits if split == _TRAIN)
    tests = [split for split in ("test", "val") if split in splits] or ["test"]
    ending = _WITH_OTHER if choice.other_as_class else ""
    return Dataset(
        name=f"{name}-{choice.task.title}{ending}",
        labels=choice.task.labels(choice.other_as_class),
        splits=tuple(Split(name=test, train=train, test=(test,)) for test in tests),
        scans=functools.partial(
            reader.scans,
            task=choice.task,
            form=choice.form,
            other_as_class=choice.other_as_class,
        ),
        left_out=functools.partial(reader.left_out, task=choice.task, form=choice.form),
        features=Features(names=("xyz",)),
        samples=Shapes(num_points=choice.num_points),
        benchmark=BENCHMARK,
    )


def task_of(name: str) -> Task | None:
    """The task of a data set made by `dataset`, by its name; None for other names.

    Example:
        >>> task_of("partnet-Mug-1"), task_of("office")
        (Task(category='Mug', level=1), None)
    """
    ending = "-".join(name.removesuffix(_WITH_OTHER).split("-")[-2:])
    return next((task for task in catalogue.tasks() if task.title == ending), None)


def has_other(name: str) -> bool:
    """Whether points without a part are a class of a data set, by its name."""
    return name.endswith(_WITH_OTHER)


def describe(data: Path | None, blocks: Path | None, choice: Choice) -> Dataset:
    """The data set that lies in a folder; a wrong path is refused before any work.

    All of a category of PartNet is called `partnet`, anything else like its folder.

    Args:
        data: as for `layout.find`; None if there are only `blocks`.
        blocks: a prepared store.
        choice: what is asked for; a store tells its own classes, which must be these.

    Raises:
        FileNotFoundError: nothing of the kind is there.
        ValueError: neither is given, or the store is of another task.
    """
    if data is not None:
        place = layout.find(data, choice.task, choice.form)
        counts = collections.Counter(shape.split for shape in layout.shapes(place, choice.task))
        is_whole = counts == catalogue.num_shapes(choice.task.category)
        return dataset(choice, NAME if is_whole else _other_name(data), tuple(counts))
    if blocks is not None:
        from ban_tf.data.store import Store

        store = Store.open(blocks)
        made = dataset(choice, splits=store.groups)
        own = made.labels if store.settings is None else store.settings.labels
        _refuse_other_classes(own, made.labels, choice, blocks)
        return dataclasses.replace(made, name=store.dataset)
    raise ValueError("`data` or `blocks` must be given. Received: neither")


def _refuse_other_classes(own: Labels, asked: Labels, choice: Choice, blocks: Path) -> None:
    if own.class_names != asked.class_names:
        raise ValueError(
            f"{blocks} was prepared with {len(own.class_names)} classes "
            f"({', '.join(own.class_names[:3])}, ...), which are not those of {choice.task.title}. "
            "Name the category and level that it is of (`category`, `level`)."
        )


def _other_name(data: Path) -> str:
    """A name that is not PartNet's own, which incomplete data must not carry."""
    name = data.resolve().name
    return f"{name}_part" if name.lower() == NAME else name


def of_clouds(folder: Path, clouds: Sequence[str], choice: Choice) -> Dataset:
    """The data set of clouds of which only the names are known."""
    return dataset(choice, _other_name(folder))


def demo(choice: Choice) -> Dataset:
    """Generated furniture in the form `ins_seg_h5`.

    Raises:
        ValueError: there is no generator for the category.
    """
    if choice.task.category not in writer.CATEGORIES:
        raise ValueError(
            f"there is generated data of {', '.join(writer.CATEGORIES)} only; give PartNet's own "
            f"(`data`) for others. Received: category={choice.task.category!r}, data=None"
        )
    made = dataset(choice, "furniture")
    stand_in = functools.partial(_write_demo, category=choice.task.category)
    return dataclasses.replace(made, stand_in=stand_in)


def _write_demo(root: Path, seed: int, category: str) -> None:
    writer.write_h5(root, (category,), seed=seed)


def long(choice: Choice) -> Dataset:
    """As `demo`, six times as many shapes."""
    return dataclasses.replace(
        demo(choice), stand_in=functools.partial(_write_long, category=choice.task.category)
    )


def _write_long(root: Path, seed: int, category: str) -> None:
    num_shapes = {split: 6 * count for split, count in writer.NUM_SHAPES.items()}
    writer.write_h5(root, (category,), num_shapes, seed=seed)


def source(choice: Choice) -> Source:
    """Finds the data set of a task in a user's folders."""
    return Source(
        describe=functools.partial(describe, choice=choice),
        of_clouds=functools.partial(of_clouds, choice=choice),
        demo=functools.partial(demo, choice),
        long=functools.partial(long, choice),
    )
