import dataclasses
import json

import pytest

from ban_tf import config
from ban_tf.config import files, reduced
from ban_tf.data import s3dis

LABELS = config.Labels(class_names=("desk", "lamp", "other"))
SPLIT = config.Split(name="val", train=("scan1",), test=("scan2",))
EXPERIMENTS = {
    "paper": s3dis.experiment(2),
    "quick": reduced.quick(s3dis.experiment()),
    "demo": s3dis.demo(),
    "bonet": s3dis.experiment(network="bonet"),
    "sgpn": s3dis.experiment(network="sgpn"),
    "shapes": config.Experiment(
        dataset="desks",
        labels=dataclasses.replace(LABELS, stuff=("other",)),
        split=SPLIT,
        features=config.Features(names=("xyz",)),
        samples=config.Shapes(num_points=500),
    ),
}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_json_gives_back_all_that_a_run_depends_on(name):
    again = config.from_json(config.to_json(EXPERIMENTS[name]))
    assert files.identity(again) == files.identity(EXPERIMENTS[name])
    assert config.to_json(again) == config.to_json(EXPERIMENTS[name])
    assert files.differences(EXPERIMENTS[name], again) == ""
    for field in ("labels", "split", "features", "samples", "training"):
        assert getattr(again, field) == getattr(EXPERIMENTS[name], field)
    assert again.network.num_classes == EXPERIMENTS[name].labels.num_classes


def test_json_keeps_every_choice_that_is_not_the_default():
    ban = config.BanConfig(order="itos_first", itos_source="feature", attention="plain")
    changed = dataclasses.replace(
        s3dis.experiment(),
        seed=7,
        network=config.NetworkConfig(ban=ban),
        training=config.TrainingConfig(
            decay_unit="iterations",
            blocks_per_epoch=9,
            augmentation=config.AugmentationConfig(rotate_z=True, jitter_m=0.01),
        ),
    )
    assert config.from_json(config.to_json(changed)) == changed


@pytest.mark.parametrize("path", [(), ("training",), ("network", "backbone", "encoder", 0)])
def test_an_unknown_field_is_refused_by_name_at_any_depth(path):
    values = json.loads(config.to_json(s3dis.experiment()))
    inner = values
    for key in path:
        inner = inner[key]
    inner["warmup"] = 3
    with pytest.raises(ValueError, match=r"does not know these fields.*'warmup'"):
        config.from_json(json.dumps(values))


def test_a_value_out_of_range_is_refused_when_read_back():
    values = json.loads(config.to_json(s3dis.experiment()))
    values["samples"]["stride_m"] = 2.0
    with pytest.raises(ValueError, match=r"`stride_m` must be in .*Received: stride_m=2.0"):
        config.from_json(json.dumps(values))


def test_the_paper_s_numbers_are_the_defaults():
    experiment = s3dis.experiment()
    assert experiment.split.test == ("Area_5",)
    assert experiment.split.train == ("Area_1", "Area_2", "Area_3", "Area_4", "Area_6")
    assert (experiment.network.num_classes, experiment.network.num_features) == (13, 9)
    assert experiment.features.names == ("block_xyz", "rgb", "room_xyz")
    assert (experiment.samples.size_m, experiment.samples.num_points) == (1.0, 4096)
    training = experiment.training
    assert (training.batch_size, training.num_epochs, training.per_step) == (12, 100, 12)
    assert dataclasses.replace(training, decay_unit="iterations").per_step == 1


def test_the_reduced_setting_keeps_data_seed_and_protocol():
    full = dataclasses.replace(s3dis.experiment(test_area=3), seed=4)
    quick = reduced.quick(full)
    assert (quick.dataset, quick.labels, quick.seed) == (full.dataset, full.labels, 4)
    assert quick.split.test == full.split.test == ("Area_3",)
    assert quick.samples.num_points < full.samples.num_points


def test_sgpn_trains_by_its_own_recipe_after_the_classes():
    training = s3dis.experiment(network="sgpn").training
    assert (training.batch_size, training.num_epochs, training.total_epochs) == (4, 200, 250)
    rate = training.learning_rate
    assert (rate.initial, rate.factor, rate.every, rate.limit) == (1e-4, 0.5, 800_000, 1e-6)
    assert training.pretraining.batch_size == 32


def test_the_reduced_setting_starts_at_four_times_the_rate_of_a_systems_recipe():
    ban, bonet = (s3dis.demo(name).training for name in ("ban", "bonet"))
    assert (ban.learning_rate.initial, bonet.learning_rate.initial) == (4e-3, 2e-3)
    assert not bonet.learning_rate_by_epoch  # 2000 samples, not epochs
    assert bonet.learning_rate.every == ban.learning_rate.every


INVALID = {
    "stride over size": (config.Blocks, {"stride_m": 1.5}, "`stride_m` must be in"),
    "stride zero": (config.Blocks, {"stride_m": 0.0}, "`stride_m` must be in"),
    "no points": (config.Blocks, {"num_points": 0}, "`num_points` must be at least 1"),
    "no least points": (config.Blocks, {"min_points": 0}, "`min_points` must be at least 1"),
    "levels": (config.BackboneConfig, {"decoder": ((8,),)}, "one tuple of widths per level"),
    "order": (config.BanConfig, {"order": "both"}, "`order` must be one of 'stoi_first'"),
    "scale of attention": (
        config.BanConfig,
        {"attention_scale": "sqrt"},
        "`attention_scale` must be one of",
    ),
    "kernel": (config.BanConfig, {"attention": "flash"}, "`attention` must be one of"),
    "source": (config.BanConfig, {"itos_source": "logits"}, "`itos_source` must be one of"),
    "source and order": (
        config.BanConfig,
        {"itos_source": "embedding", "order": "itos_first"},
        "needs an ITOS that comes after the embedding",
    ),
    "one class": (config.NetworkConfig, {"num_classes": 1}, "`num_classes` must be at least 2"),
    "dropout": (config.NetworkConfig, {"dropout": 1.0}, "`dropout` must be in"),
    "embedding": (config.NetworkConfig, {"embedding_size": 0}, "`embedding_size` must be at"),
    "norm": (config.LossConfig, {"norm": "l3"}, "`norm` must be one of 'l1', 'l2'"),
    "scale": (config.AugmentationConfig, {"scale": 1.0}, "`scale` must be in"),
    "jitter": (config.AugmentationConfig, {"jitter_m": -0.1}, "`jitter_m` must be at least 0"),
    "colour": (config.AugmentationConfig, {"drop_color": 1.1}, "`drop_color` must be in"),
    "unit": (config.TrainingConfig, {"decay_unit": "epochs"}, "`decay_unit` must be one of"),
    "batch": (config.TrainingConfig, {"batch_size": 0}, "`batch_size` must be at least 1"),
    "epochs": (config.TrainingConfig, {"num_epochs": 0}, "`num_epochs` must be at least 1"),
    "checkpoints": (config.TrainingConfig, {"checkpoint_every": 0}, "`checkpoint_every` must be"),
    "sample": (config.TrainingConfig, {"blocks_per_epoch": 0}, "`blocks_per_epoch` must"),
    "bandwidth": (config.InferenceConfig, {"bandwidth": 0.0}, "`bandwidth` must be positive"),
    "inference batch": (config.InferenceConfig, {"batch_size": 0}, "`batch_size` must be at"),
    "stair": (
        config.ScheduleConfig,
        {"initial": 1.0, "factor": 0.5, "every": 0, "limit": 0.1},
        "`every` must be at least 1",
    ),
    "factor": (
        config.ScheduleConfig,
        {"initial": 1.0, "factor": 1.5, "every": 1, "limit": 0.1},
        "`factor` must be in",
    ),
    "limit": (
        config.ScheduleConfig,
        {"initial": 1.0, "factor": 0.5, "every": 1, "limit": 2.0},
        "`limit` must be in .*limit=2.0, initial=1.0",
    ),
    "samples": (
        config.SetAbstractionConfig,
        {"num_samples": 0, "radius_m": 0.1, "num_neighbours": 4, "widths": (8,)},
        "`num_samples` must be at least 1",
    ),
    "radius": (
        config.SetAbstractionConfig,
        {"num_samples": 4, "radius_m": 0.0, "num_neighbours": 4, "widths": (8,)},
        "`radius_m` must be positive",
    ),
    "widths": (
        config.SetAbstractionConfig,
        {"num_samples": 4, "radius_m": 0.1, "num_neighbours": 4, "widths": ()},
        "`widths` must hold at least one width",
    ),
    "heads of SGPN": (config.SgpnConfig, {"shared_widths": ()}, "`shared_widths` must hold at"),
    "margins of SGPN": (
        config.SimilarityLossConfig,
        {"margin": 90.0},
        r"`margin` must be in \(0, class_margin\].*margin=90.0, class_margin=80.0",
    ),
    "factor of SGPN": (config.SimilarityLossConfig, {"factor": 11.0}, "`factor` must be in"),
    "pretraining": (config.PretrainingConfig, {"num_epochs": -1}, "`num_epochs` must be at least"),
    "margin of similarities": (
        config.Experiment,
        {
            "dataset": "desks",
            "labels": LABELS,
            "split": SPLIT,
            "similarity_loss": config.SimilarityLossConfig(margin=5.0),
        },
        "the margins must agree.*similarity_loss=5.0, group_merging=10.0",
    ),
    "levels of BoNet": (
        config.BonetConfig,
        {"decoder": ((8,), (8,), (8,))},
        "`decoder` must have one tuple of widths more than `encoder`.*encoder=3, decoder=3",
    ),
    "no box": (config.BonetConfig, {"num_boxes": 0}, "`num_boxes` must be at least 1"),
    "one layer for masks": (
        config.BonetConfig,
        {"mask_widths": (8,)},
        "`mask_widths` must hold at least two widths",
    ),
    "no layer for boxes": (
        config.BonetConfig,
        {"box_widths": ()},
        "`box_widths` must hold at least one width",
    ),
    "sharpness": (config.BoxLossConfig, {"sharpness": 0.0}, "`sharpness` and `limit` must be"),
    "focal": (config.BoxLossConfig, {"focal_alpha": 1.5}, "`focal_alpha` must be in"),
    "no points of shapes": (config.Shapes, {"num_points": 0}, "`num_points` must be at least 1"),
    "colours": (
        config.Labels,
        {"class_names": ("a", "b"), "class_colors": ((0, 0, 0),)},
        "one colour per class, or none. Received: num_colors=1, num_classes=2",
    ),
    "no class name": (config.Labels, {"class_names": ()}, "`class_names` must hold at least one"),
    "class name twice": (config.Labels, {"class_names": ("a", "b", "a")}, "and each once"),
    "unknown stuff": (
        config.Labels,
        {"class_names": ("a", "b"), "stuff": ("wall", "b")},
        r"`stuff` must name classes of `class_names`. Received: unknown=\['wall'\]",
    ),
    "split without a name": (
        config.Split,
        {"name": "", "train": ("a",), "test": ("b",)},
        "`name` of a split is part of the names of files",
    ),
    "more epochs than can be counted": (
        config.TrainingConfig,
        {"num_epochs": 10**20},
        "`num_epochs` must be at most 1000000. Received: num_epochs=1",
    ),
    "nothing to test": (
        config.Split,
        {"name": "val", "train": ("a",), "test": ()},
        "`test` must name at least one cloud or group of clouds. Received: split='val'",
    ),
    "tested on what was trained on": (
        config.Split,
        {"name": "val", "train": ("a", "b"), "test": ("b", "c")},
        r"must share nothing.*split='val', shared=\['b'\]",
    ),
    "unknown features": (
        config.Features,
        {"names": ("block_xyz", "normals")},
        r"features must be of .*Received: unknown=\['normals'\]",
    ),
    "features twice": (config.Features, {"names": ("xyz", "rgb", "rgb")}, "hold each name once"),
    "no features": (config.Features, {"names": ()}, "must be coordinates in the sample"),
    "colours before coordinates": (
        config.Features,
        {"names": ("rgb", "xyz")},
        r"first channels must be coordinates.*\['block_xyz', 'xyz'\].*names=\('rgb', 'xyz'\)",
    ),
    "data set without a name": (
        config.Experiment,
        {"dataset": "", "labels": LABELS, "split": SPLIT},
        "`dataset` is part of the names of files",
    ),
    "blocks without their coordinates": (
        config.Experiment,
        {
            "dataset": "desks",
            "labels": LABELS,
            "split": SPLIT,
            "features": config.Features(names=("xyz",)),
        },
        "the first features of Blocks must be `block_xyz`",
    ),
    "shapes without their coordinates": (
        config.Experiment,
        {"dataset": "desks", "labels": LABELS, "split": SPLIT, "samples": config.Shapes()},
        "the first features of Shapes must be `xyz`",
    ),
    "seed": (
        config.Experiment,
        {"dataset": "desks", "labels": LABELS, "split": SPLIT, "seed": -1},
        r"`seed` must be in \[0, 4294967295\]. Received: seed=-1",
    ),
    "seed too large": (
        config.Experiment,
        {"dataset": "desks", "labels": LABELS, "split": SPLIT, "seed": 2**32},
        r"`seed` must be in .*seed=4294967296",
    ),
    "classes": (
        config.Experiment,
        {
            "dataset": "desks",
            "labels": LABELS,
            "split": SPLIT,
            "network": config.NetworkConfig(num_classes=4),
        },
        "`network.num_classes` must be that of the labels.*Received: network=4, experiment=3",
    ),
    "features of the network": (
        config.Experiment,
        {
            "dataset": "desks",
            "labels": LABELS,
            "split": SPLIT,
            "network": config.NetworkConfig(num_features=6),
        },
        "`network.num_features` must be that of.*Received: network=6, experiment=9",
    ),
}


@pytest.mark.parametrize("case", INVALID)
def test_a_bad_value_is_refused_with_its_rule(case):
    cls, values, message = INVALID[case]
    with pytest.raises(ValueError, match=message):
        cls(**values)
