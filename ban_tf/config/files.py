"""Experiments as JSON: only what an experiment depends on, under a format number."""

import dataclasses
import json
import types
import typing
from typing import Any, get_args

from ban_tf.config.checking import require
from ban_tf.config.experiment import Experiment
from ban_tf.config.samples import Blocks, Sampling, Shapes

# What a JSON file raises that was cut or edited, from parsing to the checks of its values.
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
FORMAT = 2  # one more whenever a field is renamed or goes
# Fields of files of this format that nothing reads any more.
_RETIRED = {"InferenceConfig": {"voxel_m"}}
# What each network's file reads of `NetworkConfig`, beside the sizes that all share.
NETWORK_PARTS = {
    "asis": ("backbone", "asis"),
    "ban": ("backbone", "ban"),
    "bonet": ("bonet",),
    "jsnet": ("jsnet",),
    "jsnet_pointnet2": ("backbone",),
    "pointnet": ("pointnet",),
    "pointnet2": ("backbone",),
    "sgpn": ("pointnet", "sgpn"),
}
# What other systems read of an experiment, by their networks; the rest embed.
_LOSSES = {"sgpn": "similarity_loss", "bonet": "box_loss"}
_KINDS = {"blocks": Blocks, "shapes": Shapes}


def identity(experiment: Experiment) -> dict[str, Any]:
    """All that a run of the experiment depends on, and nothing else, as plain values.

    Numbers of networks and losses that play no part are left out, so two experiments that would
    train and infer alike are equal here.

    Example:
        >>> from ban_tf.config import BonetConfig, Labels, NetworkConfig, Split
        >>> options = {
        ...     "dataset": "desks",
        ...     "labels": Labels(class_names=("desk", "lamp")),
        ...     "split": Split(name="val", train=("scan1",), test=("scan2",)),
        ... }
        >>> ban = Experiment(**options)
        >>> same = Experiment(**options, network=NetworkConfig(bonet=BonetConfig(num_boxes=9)))
        >>> same == ban, identity(same) == identity(ban)
        (False, True)
    """
    values = dataclasses.asdict(experiment)
    name = experiment.network.name
    parts = {part for listed in NETWORK_PARTS.values() for part in listed}
    for part in parts - set(NETWORK_PARTS.get(name, parts)):
        del values["network"][part]
    for follows in ("num_classes", "num_features"):
        del values["network"][follows]
    for loss in {"loss", *_LOSSES.values()} - {_LOSSES.get(name, "loss")}:
        del values[loss]
    if name != "sgpn":
        del values["inference"]["group_merging"]
    values["samples"] = sampling_to_json(experiment.samples)
    return values


def sampling_to_json(samples: Sampling) -> dict[str, Any]:
    """`Blocks` or `Shapes` as plain values, with their `kind`."""
    kind = next(kind for kind, cls in _KINDS.items() if isinstance(samples, cls))
    return {"kind": kind, **dataclasses.asdict(samples)}


def sampling_from_json(values: dict[str, Any]) -> Sampling:
    """The inverse of `sampling_to_json`; raises ValueError for an unknown kind or field."""
    kind = str(values.get("kind"))
    require(kind in _KINDS, f"`kind` must be one of {sorted(_KINDS)}.", kind=kind)
    return _build(_KINDS[kind], {key: item for key, item in values.items() if key != "kind"})


def differences(old: Experiment, new: Experiment) -> str:
    """Where two experiments differ in what a run depends on, as one line; empty if nowhere.

    Such as `seed: 0 there, 3 asked for`.
    """
    before, after = _flat(identity(old)), _flat(identity(new))
    return "; ".join(
        f"{key}: {before.get(key)!r} there, {after.get(key)!r} asked for"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    )


def _flat(values: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(values, dict):
        return {prefix: values}
    return {
        key: leaf
        for name, value in values.items()
        for key, leaf in _flat(value, f"{prefix}.{name}" if prefix else name).items()
    }


def to_json(experiment: Experiment) -> str:
    """The experiment as JSON text, the form in which a run folder keeps it."""
    return json.dumps({"format": FORMAT, **identity(experiment)}, indent=2) + "\n"


def from_json(text: str) -> Experiment:
    """The inverse of `to_json`; every value is checked again.

    Raises:
        ValueError: another format, an unknown field, or a value out of its range.
    """
    values = json.loads(text)
    require(isinstance(values, dict), "an experiment must hold named fields.", found=values)
    found = values.pop("format", 1)
    require(
        found == FORMAT,
        f"the experiment must be of format {FORMAT}: an earlier version of ban-tf wrote it, with "
        "which it can still be evaluated; to use this version, train anew in another folder.",
        format=found,
    )
    return _build(Experiment, values)


def _build(cls: type, values: Any) -> Any:
    require(isinstance(values, dict), f"`{cls.__name__}` must hold named fields.", found=values)
    known = typing.get_type_hints(cls)
    retired = _RETIRED.get(cls.__name__, set())
    values = {name: value for name, value in values.items() if name not in retired}
    unknown = sorted(set(values) - set(known))
    require(not unknown, f"`{cls.__name__}` does not know these fields.", unknown=unknown)
    return cls(**{name: _restore(known[name], value) for name, value in values.items()})


def _restore(kind: Any, value: Any) -> Any:
    if dataclasses.is_dataclass(kind):
        return _build(kind, value)  # type: ignore[arg-type]
    if isinstance(kind, types.UnionType) and isinstance(value, dict):
        return sampling_from_json(value)
    if isinstance(value, list):
        inner = next((arg for arg in get_args(kind) if arg is not Ellipsis), None)
        return tuple(_restore(inner, item) for item in value)
    return value
