"""A network without an error: what comes out of a cloud is what went in, object by object."""

import functools

import numpy as np
import pytest

from ban_tf.clouds import overlap
from ban_tf.clouds.cloud import Cloud
from ban_tf.config import Blocks, Experiment, InferenceConfig, NetworkConfig, leave_one_out
from ban_tf.data import s3dis, samples, synthetic
from ban_tf.inference import room_state
from ban_tf.inference.sample_outputs import SampleOutputs
from ban_tf.instances import clustering
from places import ROOT

SCANS = ROOT.parent / "shared" / "data" / "osd_s3dis"
# On these, voxels of 5 cm fused or split objects.
HARD = ("Area_1_tabletop_6", "Area_2_tabletop_6", "Area_3_tabletop_4", "Area_4_tabletop_6")


def experiment(num_points: int) -> Experiment:
    return Experiment(
        dataset="perfect",
        labels=s3dis.LABELS,
        split=leave_one_out(("Area_1", "Area_2"), "Area_2", name="area2"),
        samples=Blocks(num_points=num_points),
        network=NetworkConfig(),
        inference=InferenceConfig(),
    )


def perfect(cloud: Cloud, rows: np.ndarray) -> SampleOutputs:
    """The truth of a sample, its clusters numbered anew."""
    _, clusters = overlap.number(cloud.instance[rows])
    semantic = cloud.semantic[rows]
    classes = clustering.cluster_classes(clusters, semantic)
    return SampleOutputs(np.eye(13, dtype=np.float32)[semantic], semantic, clusters, classes)


def overlaps(cloud: Cloud, num_points: int) -> tuple[np.ndarray, int]:
    """The IoU of every object with its best prediction, and how many predictions there are."""
    asked = experiment(num_points)
    state = room_state.RoomState(cloud.xyz, asked)
    for rows in samples.plan_covering(cloud, asked.samples):
        state.add(rows[None], [perfect(cloud, rows)])
    found = overlap.contingency(cloud.instance, state.result()[2])
    return found.dense_iou().max(axis=1), len(found.second_labels)


@functools.cache
def generated() -> list[Cloud]:
    clouds = []
    for scan in synthetic.scan_wing(2, 4, 3000.0, seed=0):
        semantic = np.array([s3dis.LABELS.class_names.index(name) for name in scan.class_names])
        clouds.append(
            Cloud(
                name=scan.name,
                xyz=scan.xyz,
                rgb=scan.rgb,
                semantic=semantic[scan.object].astype(np.int32),
                instance=scan.object.astype(np.int32),
            )
        )
    return clouds


@pytest.mark.parametrize("num_points", [1024, 4096])
@pytest.mark.parametrize("room", range(4))
def test_every_object_of_a_generated_room_comes_back(room, num_points):
    cloud = generated()[room]
    iou, num_predicted = overlaps(cloud, num_points)
    sizes = np.bincount(cloud.instance)
    seen = sizes[sizes > 0] >= 20  # fewer points are dealt out one by one over several samples
    assert iou[seen].min() > 0.95
    assert iou.mean() > 0.99
    assert num_predicted <= len(iou) + 1


@pytest.mark.skipif(not SCANS.is_dir(), reason="needs the table-top scans beside the project")
@pytest.mark.parametrize("name", HARD)
def test_objects_that_touch_on_a_table_come_back_apart(name):
    (scan,) = [
        scan
        for scan in s3dis.dataset(areas=range(1, 7), name="scans").scans(SCANS, None)
        if scan.name == name
    ]
    iou, num_predicted = overlaps(scan.read()[0], 1024)
    assert iou.min() == 1.0
    assert num_predicted == len(iou)
