"""An experiment's numbers as a file that a user writes: any of them, nested by subject.

The form is that of a run's `config.json` without what the data say (name, classes, split):

    {"samples": {"size_m": 2.0, "stride_m": 1.0}, "training": {"num_epochs": 50}}
"""

import dataclasses
import json
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_origin

from ban_tf.config import files, kinds
from ban_tf.config.experiment import Experiment
from ban_tf.config.samples import Blocks, Shapes

# What the data say, and what follows from that.
_OF_THE_DATA = ("dataset", "labels", "split")
_FOLLOWS = ("network.num_classes", "network.num_features")
_SAMPLES = {"blocks": Blocks, "shapes": Shapes}


class SettingsError(ValueError):
    """A settings file that cannot be used; the message names file, field, value and rule."""


def to_json(experiment: Experiment) -> str:
    """The numbers of an experiment as the text of a settings file.

    Example:
        >>> from ban_tf.config import Labels, Split
        >>> experiment = Experiment(
        ...     dataset="desks",
        ...     labels=Labels(class_names=("desk", "lamp")),
        ...     split=Split(name="val", train=("scan1",), test=("scan2",)),
        ... )
        >>> json.loads(to_json(experiment))["training"]["batch_size"]
        12
    """
    values = files.identity(experiment)
    kept = {name: value for name, value in values.items() if name not in _OF_THE_DATA}
    return json.dumps(kept, indent=2) + "\n"


def read(path: Path) -> dict[str, Any]:
    """The fields of a settings file, not checked yet.

    Raises:
        FileNotFoundError: there is no such file.
        SettingsError: it is no JSON object, is not UTF-8, or names a field twice.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no settings file at {path}.")
    try:
        # With or without a byte order mark, which editors of Windows write.
        text = path.read_text(encoding="utf-8-sig")
        values = json.loads(text, object_pairs_hook=_each_once)
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} must be text in UTF-8; save it as such: {error}") from error
    except RecursionError as error:
        raise SettingsError(
            f"{path} must be a JSON object of settings. Received: objects or lists nested "
            "deeper than any setting"
        ) from error
    except ValueError as error:  # JSON, or a name twice
        raise SettingsError(f"{path} must be a JSON object of settings: {error}") from error
    if not isinstance(values, dict):
        raise SettingsError(
            f"{path} must be a JSON object of settings. Received: {json.dumps(values)[:80]}"
        )
    return values


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"each name may stand once. Received: {', '.join(twice)} twice")
    return dict(pairs)


def network_of(values: dict[str, Any], path: Path) -> str | None:
    """The network that a settings file names, which decides the recipe; None for none.

    Raises:
        SettingsError: there is no such network.
    """
    network = values.get("network")
    name = network.get("name") if isinstance(network, dict) else None
    if name is not None and (not isinstance(name, str) or name not in files.NETWORK_PARTS):
        known = ", ".join(sorted(files.NETWORK_PARTS))
        raise _refused(path, "network.name", f"one of {known}", name)
    return name


def apply(experiment: Experiment, values: dict[str, Any], path: Path) -> Experiment:
    """The experiment with the fields of a settings file in place of its own.

    Args:
        experiment: gives every field that the file does not name.
        values: from `read`.
        path: of the file, for errors.

    Raises:
        SettingsError: an unknown name, a value of another type, or one out of its range.

    Example:
        >>> from ban_tf.config import Labels, Split
        >>> experiment = Experiment(
        ...     dataset="desks",
        ...     labels=Labels(class_names=("desk", "lamp")),
        ...     split=Split(name="val", train=("scan1",), test=("scan2",)),
        ... )
        >>> values = {"training": {"learning_rate": {"initial": 0.01}}}
        >>> apply(experiment, values, Path("mine.json")).training.learning_rate.initial
        0.01
    """
    network_of(values, path)
    return _Overlay(path).changed(experiment, values, "")


def _refused(path: Path, field: str, allowed: str, value: Any) -> SettingsError:
    received = json.dumps(value)
    shown = received if len(received) <= 80 else f"{received[:77]}..."
    return SettingsError(f"{path}: `{field}` must be {allowed}. Received: {shown}")


@dataclasses.dataclass(frozen=True)
class _Overlay:
    """Changes frozen dataclasses by plain values; `place` is where in the file these stand."""

    path: Path

    def changed(self, before: Any, values: Any, place: str) -> Any:
        """A dataclass with some of its fields replaced."""
        fields_of = self._fields(type(before), values, place)
        changes = {
            name: self._value(fields_of[name], value, _join(place, name), getattr(before, name))
            for name, value in values.items()
        }
        if isinstance(before, Experiment):  # the network is told the number of features anew
            network = changes.get("network", before.network)
            changes["network"] = dataclasses.replace(network, num_features=None)
        return self._checked(lambda: dataclasses.replace(before, **changes), place)

    def _built(self, cls: type, values: Any, place: str) -> Any:
        """A new dataclass; what the file leaves out has its default."""
        fields_of = self._fields(cls, values, place)
        needed = [
            field.name
            for field in dataclasses.fields(cls)
            if field.default is dataclasses.MISSING and field.name not in values
        ]
        if needed:
            raise _refused(self.path, place, f"an object with {', '.join(needed)}", values)
        made = {
            name: self._value(fields_of[name], value, _join(place, name), None)
            for name, value in values.items()
        }
        return self._checked(lambda: cls(**made), place)

    def _fields(self, cls: type, values: Any, place: str) -> dict[str, Any]:
        """The types of the fields that may be named; refuses other names."""
        fields_of = typing.get_type_hints(cls)
        hidden = _OF_THE_DATA if not place else ()
        fields_of = {
            name: kind
            for name, kind in fields_of.items()
            if name not in hidden and _join(place, name) not in _FOLLOWS
        }
        if not isinstance(values, dict):
            raise _refused(
                self.path, place, f"an object with any of {', '.join(fields_of)}", values
            )
        for name in values:
            if name not in fields_of:
                raise SettingsError(
                    f"{self.path}: there is no setting `{_join(place, name)}`. Known are: "
                    f"{', '.join(_join(place, known) for known in fields_of)}. Received: "
                    f"{name}={json.dumps(values[name])[:80]}"
                )
        return fields_of

    def _checked(self, make: Callable[[], Any], place: str) -> Any:
        """What `make` makes; its own checks say what was out of range."""
        try:
            return make()
        except SettingsError:
            raise
        except ValueError as error:
            where = f"in `{place}`: " if place else ""
            raise SettingsError(f"{self.path}: {where}{error}") from error

    def _value(self, kind: Any, value: Any, place: str, before: Any) -> Any:
        """A value of the type that the field has."""
        if isinstance(before, Blocks | Shapes):
            return self._samples(value, place, before)
        if dataclasses.is_dataclass(kind):
            if before is None:
                return self._built(typing.cast(type, kind), value, place)
            return self.changed(before, value, place)
        if get_origin(kind) is tuple:
            return self._tuple(kind, value, place)
        if not kinds.fits(kind, value):
            raise _refused(self.path, place, kinds.name_of(kind), value)
        return float(value) if kind is float else value

    def _samples(self, values: Any, place: str, before: Blocks | Shapes) -> Any:
        """Samples of the kind that the data set has, changed; of another kind, new ones."""
        fields = dict(values) if isinstance(values, dict) else values
        own = next(kind for kind, cls in _SAMPLES.items() if isinstance(before, cls))
        kind = fields.pop("kind", own) if isinstance(fields, dict) else own
        if not isinstance(kind, str) or kind not in _SAMPLES:
            raise _refused(self.path, f"{place}.kind", f"one of {', '.join(_SAMPLES)}", kind)
        if kind == own:
            return self.changed(before, fields, place)
        return self._built(_SAMPLES[kind], fields, place)

    def _tuple(self, kind: Any, value: Any, place: str) -> tuple[Any, ...]:
        inner = get_args(kind)[0]
        if not isinstance(value, list):
            raise _refused(self.path, place, kinds.name_of(kind), value)
        return tuple(
            self._value(inner, item, f"{place}[{index}]", None) for index, item in enumerate(value)
        )


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
