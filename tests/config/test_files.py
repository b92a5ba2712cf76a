"""Experiments as JSON: what a run is identified by, and which formats are read."""

import dataclasses
import json

import pytest

from ban_tf import config
from ban_tf.config import files
from ban_tf.data import s3dis

EXPERIMENTS = {name: s3dis.experiment(network=name) for name in files.NETWORK_PARTS}
# A changed number of each part of the network's config.
CHANGES = {
    "backbone": lambda c: dataclasses.replace(c.backbone, head_width=77),
    "ban": lambda c: dataclasses.replace(c.ban, stoi=False),
    "pointnet": lambda c: dataclasses.replace(c.pointnet, point_widths=(9, 9, 9, 9, 9)),
    "asis": lambda c: dataclasses.replace(c.asis, num_neighbours=7),
    "jsnet": lambda c: dataclasses.replace(c.jsnet, head_width=77),
    "bonet": lambda c: dataclasses.replace(c.bonet, num_boxes=7),
    "sgpn": lambda c: dataclasses.replace(c.sgpn, head_width=77),
}


@pytest.mark.parametrize("part", CHANGES)
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_identity_changes_with_the_numbers_of_the_chosen_network_alone(name, part):
    before = EXPERIMENTS[name]
    changed = dataclasses.replace(before.network, **{part: CHANGES[part](before.network)})
    after = dataclasses.replace(before, network=changed)
    assert after != before
    plays_a_part = part in files.NETWORK_PARTS[name]
    assert (files.identity(after) != files.identity(before)) == plays_a_part
    assert (config.to_json(after) != config.to_json(before)) == plays_a_part
    assert bool(files.differences(before, after)) == plays_a_part


@pytest.mark.parametrize(
    ("field", "changed", "network"),
    [
        ("loss", config.LossConfig(push_weight=2.0), "ban"),
        ("similarity_loss", config.SimilarityLossConfig(factor=3.0), "sgpn"),
        ("box_loss", config.BoxLossConfig(mask_weight=3.0), "bonet"),
    ],
)
def test_identity_changes_with_the_chosen_systems_loss_alone(field, changed, network):
    for name, before in EXPERIMENTS.items():
        after = dataclasses.replace(before, **{field: changed})
        embeds = name not in ("sgpn", "bonet")
        plays_a_part = embeds if network == "ban" else name == network
        assert (files.identity(after) != files.identity(before)) == plays_a_part, name


@pytest.mark.parametrize("name", ["ban", "sgpn"])
def test_merging_of_groups_identifies_sgpn_alone(name):
    before = EXPERIMENTS[name]
    merging = dataclasses.replace(before.inference.group_merging, min_confidence=0.5)
    inference = dataclasses.replace(before.inference, group_merging=merging)
    after = dataclasses.replace(before, inference=inference)
    assert (files.identity(after) != files.identity(before)) == (name == "sgpn")


def test_differences_are_named_with_both_values():
    before = EXPERIMENTS["ban"]
    after = dataclasses.replace(
        before, seed=3, samples=dataclasses.replace(before.samples, num_points=64)
    )
    assert files.differences(before, after) == (
        "samples.num_points: 4096 there, 64 asked for; seed: 0 there, 3 asked for"
    )
    assert files.differences(before, before) == ""


def test_blocks_and_shapes_differ_in_kind():
    shapes = dataclasses.replace(
        EXPERIMENTS["ban"],
        features=config.Features(names=("xyz", "rgb", "room_xyz")),
        samples=config.Shapes(),
    )
    assert "samples.kind: 'blocks' there, 'shapes' asked for" in files.differences(
        EXPERIMENTS["ban"], shapes
    )


def test_classes_and_channels_are_filled_in_again_when_read():
    again = config.from_json(config.to_json(EXPERIMENTS["ban"]))
    assert again == EXPERIMENTS["ban"]
    assert (again.network.num_classes, again.network.num_features) == (13, 9)
    assert "num_classes" not in json.loads(config.to_json(again))["network"]


@pytest.mark.parametrize("found", [None, 1, 3])
def test_another_format_is_refused_in_one_sentence(found):
    values = json.loads(config.to_json(EXPERIMENTS["ban"]))
    assert values.pop("format") == files.FORMAT == 2
    text = json.dumps(values if found is None else values | {"format": found})
    with pytest.raises(ValueError, match="the experiment must be of format 2") as raised:
        config.from_json(text)
    assert str(raised.value).endswith(f"Received: format={found or 1}")
    assert "train anew in another folder" in str(raised.value)


def test_what_is_no_experiment_is_refused():
    with pytest.raises(ValueError, match=r"must hold named fields. Received: found=\[\]"):
        config.from_json("[]")


@pytest.mark.parametrize("samples", [config.Blocks(stride_m=0.25), config.Shapes(num_points=7)])
def test_samples_survive_a_round_trip(samples):
    assert files.sampling_from_json(files.sampling_to_json(samples)) == samples


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"num_points": 7}, r"`kind` must be one of \['blocks', 'shapes'\]. Received: kind='None'"),
        ({"kind": "voxels"}, "kind='voxels'"),
        ({"kind": "shapes", "size_m": 1.0}, r"`Shapes` does not know these fields.*'size_m'"),
    ],
)
def test_unknown_samples_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        files.sampling_from_json(values)


def test_a_field_that_nothing_reads_any_more_is_passed_over_and_any_other_refused():
    values = json.loads(config.to_json(EXPERIMENTS["ban"]))
    values["inference"]["voxel_m"] = 0.05
    assert config.from_json(json.dumps(values)) == EXPERIMENTS["ban"]
    values["inference"]["voxel_mm"] = 50
    with pytest.raises(ValueError, match=r"does not know these fields.*voxel_mm"):
        config.from_json(json.dumps(values))
