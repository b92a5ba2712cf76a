"""Settings files: any number of an experiment, nested by subject, refused by name."""

import dataclasses
import json
from pathlib import Path

import pytest

from ban_tf import config
from ban_tf.config import files, reduced, settings
from ban_tf.data import s3dis

FILE = Path("mine.json")
PLAIN = s3dis.experiment()


def applied(values) -> config.Experiment:
    return settings.apply(PLAIN, values, FILE)


@pytest.mark.parametrize("network", files.NETWORK_PARTS)
def test_what_is_printed_is_read_as_the_same_experiment(network):
    for experiment in (s3dis.experiment(network=network), s3dis.demo(network)):
        values = json.loads(settings.to_json(experiment))
        assert not {"dataset", "labels", "split", "format"} & values.keys()
        base = dataclasses.replace(
            s3dis.experiment(network=network),
            **{name: getattr(experiment, name) for name in ("dataset", "labels", "split")},
        )
        assert files.identity(settings.apply(base, values, FILE)) == files.identity(experiment)


def test_a_file_holds_only_what_changes():
    changed = applied(
        {
            "samples": {"size_m": 2},
            "training": {"learning_rate": {"initial": 0.01}, "augmentation": {"rotate_z": True}},
            "inference": {"bandwidth": 0.4},
        }
    )
    training = dataclasses.replace(
        PLAIN.training,
        learning_rate=dataclasses.replace(PLAIN.training.learning_rate, initial=0.01),
        augmentation=config.AugmentationConfig(rotate_z=True),
    )
    assert changed == dataclasses.replace(
        PLAIN,
        samples=config.Blocks(size_m=2.0),
        training=training,
        inference=dataclasses.replace(PLAIN.inference, bandwidth=0.4),
    )
    assert isinstance(changed.samples.size_m, float)  # as the run's config.json will have it
    assert applied({}) == PLAIN


def test_other_features_change_what_the_network_takes():
    changed = applied({"features": {"names": ["block_xyz"]}})
    assert changed.network.num_features == changed.features.num_channels == 3


def test_samples_of_another_kind_are_made_anew():
    values = {"features": {"names": ["xyz"]}, "samples": {"kind": "shapes", "num_points": 50}}
    assert applied(values).samples == config.Shapes(num_points=50)


def test_levels_of_a_network_are_a_list_of_objects():
    level = {"num_samples": 8, "radius_m": 0.5, "widths": [4, 4]}
    changed = applied({"network": {"backbone": {"encoder": [level], "decoder": [[4]]}}})
    [made] = changed.network.backbone.encoder
    assert made == config.SetAbstractionConfig(num_samples=8, radius_m=0.5, widths=(4, 4))


@pytest.mark.parametrize(
    ("values", "field", "received", "allowed"),
    [
        ({"trainin": {}}, "trainin", "trainin={}", "Known are: features, samples, seed"),
        ({"dataset": "x"}, "dataset", 'dataset="x"', "Known are: features"),
        ({"training": {"epochs": 3}}, "training.epochs", "epochs=3", "training.num_epochs"),
        ({"network": {"num_classes": 3}}, "network.num_classes", "3", "network.embedding_size"),
        ({"training": {"batch_size": 0}}, "batch_size", "batch_size=0", "at least 1"),
        ({"training": {"batch_size": 1.5}}, "training.batch_size", "1.5", "a whole number"),
        ({"training": {"batch_size": True}}, "training.batch_size", "true", "a whole number"),
        ({"training": {"batch_size": None}}, "training.batch_size", "null", "a whole number"),
        ({"training": {"blocks_per_epoch": "all"}}, "training.blocks_per_epoch", '"all"', "null"),
        ({"training": {"adam_epsilon": 0}}, "adam_epsilon", "adam_epsilon=0.0", "positive"),
        ({"samples": {"stride_m": 5}}, "stride_m", "stride_m=5.0", "in (0, size_m]"),
        ({"samples": {"stride_m": False}}, "samples.stride_m", "false", "a number"),
        ({"samples": {"kind": "voxels"}}, "samples.kind", '"voxels"', "blocks, shapes"),
        ({"samples": 7}, "samples", "7", "an object with any of size_m"),
        ({"loss": {"norm": "l3"}}, "loss.norm", '"l3"', 'one of "l1", "l2"'),
        ({"loss": {"push_weight": -1}}, "push_weight", "push_weight=-1.0", "at least 0"),
        ({"inference": {"bandwidth": float("nan")}}, "inference.bandwidth", "NaN", "a number"),
        ({"inference": {"size_filter": -1}}, "size_filter", "size_filter=-1.0", "at least 0"),
        ({"inference": {"legacy_gap": 0}}, "legacy_gap", "legacy_gap=0.0", "positive"),
        ({"network": {"name": "segnet"}}, "network.name", '"segnet"', "one of asis, ban"),
        ({"network": {"ban": {"order": 3}}}, "network.ban.order", "3", '"stoi_first"'),
        (
            {"network": {"backbone": {"encoder": [{"num_samples": 8}]}}},
            "network.backbone.encoder[0]",
            '{"num_samples": 8}',
            "an object with radius_m, widths",
        ),
        (
            {"network": {"backbone": {"decoder": [[4], ["x"]]}}},
            "network.backbone.decoder[1][0]",
            '"x"',
            "a whole number",
        ),
        ({"seed": -1}, "seed", "seed=-1", "in [0, 4294967295]"),
        (
            {"training": {"validation": {"keep": "best"}}},
            "training.validation",
            "keep='best'",
            "set `every`",
        ),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_a_wrong_setting_is_one_message_with_file_field_value_and_rule(
    values, field, received, allowed
):
    with pytest.raises(settings.SettingsError) as raised:
        applied(values)
    message = str(raised.value)
    assert message.startswith("mine.json: ")
    assert f"`{field}`" in message
    assert received in message.split("Received: ")[1]
    assert allowed in message.split("Received: ")[0]
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", r"must be a JSON object of settings. Received: \[1\]"),
        ("{", "must be a JSON object of settings: Expecting"),
        ('{"seed": 1, "seed": 2}', "each name may stand once. Received: seed twice"),
    ],
)
def test_a_file_that_is_no_object_is_refused(tmp_path, text, message):
    path = tmp_path / "mine.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(settings.SettingsError, match=message):
        settings.read(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no settings file at .*mine.json"):
        settings.read(tmp_path / "mine.json")


def test_the_network_that_a_file_names_is_known_before_its_recipe():
    assert settings.network_of({"network": {"name": "sgpn"}}, FILE) == "sgpn"
    assert settings.network_of({"network": {"dropout": 0.1}}, FILE) is None
    assert settings.network_of({}, FILE) is None


def test_the_reduced_setting_is_changed_too():
    changed = settings.apply(reduced.quick(PLAIN), {"samples": {"num_points": 99}}, FILE)
    assert changed.samples.num_points == 99
    assert changed.training == reduced.quick(PLAIN).training
