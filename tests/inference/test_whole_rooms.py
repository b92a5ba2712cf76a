"""Segmentation of whole rooms: the thread beside the network, and memory."""

import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from ban_tf import config
from ban_tf.data import samples
from ban_tf.inference import room_state, sample_outputs, segmentation
from ban_tf.instances import clustering, voting
from muddled_room import CLOUD, SMALL, Muddled, assert_equal, with_thresholds
from places import SUPPORT
from tf_ops import library


@pytest.fixture(scope="module")
def uninterrupted() -> segmentation.Segmentation:
    return segmentation.segment(CLOUD, Muddled(CLOUD), SMALL)


# --- the thread beside the network ---


def test_the_thread_changes_nothing(uninterrupted):
    """The reference goes through the blocks one by one, with the parts `segment` is made of."""
    model = Muddled(CLOUD)
    plan = samples.plan_covering(CLOUD, SMALL.samples)
    room = room_state.RoomState(CLOUD.xyz, SMALL)
    for rows in plan:
        outputs = model.predict_on_batch(
            samples.gather(CLOUD, rows[None], SMALL.samples, SMALL.features).features
        )
        powers = np.exp(outputs["logits"][0] - outputs["logits"][0].max(axis=-1, keepdims=True))
        probabilities = powers / powers.sum(axis=-1, keepdims=True)
        semantic = probabilities.argmax(axis=-1)
        labels = clustering.cluster(outputs["embedding"][0], SMALL.inference)
        classes = clustering.cluster_classes(labels, semantic)
        block = sample_outputs.SampleOutputs(probabilities, semantic, labels, classes)
        room.add(rows[None], [block])
    semantic, confidence, instance = room.result()
    np.testing.assert_array_equal(uninterrupted.semantic, semantic)
    np.testing.assert_array_equal(uninterrupted.confidence, confidence)
    kept, numbered = np.unique(instance, return_inverse=True)
    np.testing.assert_array_equal(uninterrupted.instance, numbered + min(kept[0], 0))
    assert len(kept) > 3  # the noise makes more instances than there are: merging is not trivial


@pytest.mark.parametrize("blocks_in_flight", [1, 9, 1000])
def test_the_blocks_in_flight_change_nothing(uninterrupted, blocks_in_flight):
    experiment = with_thresholds(batch_size=2, blocks_in_flight=blocks_in_flight)
    assert_equal(segmentation.segment(CLOUD, Muddled(CLOUD), experiment), uninterrupted)


def test_no_more_blocks_are_in_memory_than_the_setting_says(monkeypatch):
    held, most = 0, []
    changing = threading.Lock()
    gather, cluster = samples.gather, clustering.cluster_blocks

    def change(number):
        nonlocal held
        with changing:
            held += number
            most.append(held)

    def gather_counted(cloud, plan, *args):
        change(len(plan))
        return gather(cloud, plan, *args)

    def cluster_counted(embedding, *args, **kwargs):
        labels = cluster(embedding, *args, **kwargs)
        change(-len(embedding))
        return labels

    model = Muddled(CLOUD)  # which gathers features as well
    monkeypatch.setattr(samples, "gather", gather_counted)
    monkeypatch.setattr(clustering, "cluster_blocks", cluster_counted)
    segmentation.segment(CLOUD, model, with_thresholds(batch_size=3, blocks_in_flight=13))
    # Half of 13 in whole batches is 6. A chunk is gathered only once the one before the last was
    # clustered, so two chunks at a time and never three.
    assert max(most) <= 12
    assert sum(most) > 0
    assert held == 0


def test_the_network_runs_while_a_group_is_clustered(monkeypatch):
    """Each waits for the other: one after the other, neither would go on."""
    model = Muddled(CLOUD)
    predict, cluster = model.predict_on_batch, clustering.cluster_blocks
    clustering_begun, second_group_begun = threading.Event(), threading.Event()

    def predict_after_clustering_began(features):
        if sum(model.batch_sizes) == 2:
            assert clustering_begun.wait(timeout=20)
            second_group_begun.set()
        return predict(features)

    def cluster_during_the_second_group(*args, **kwargs):
        clustering_begun.set()
        assert second_group_begun.wait(timeout=20)
        return cluster(*args, **kwargs)

    model.predict_on_batch = predict_after_clustering_began
    monkeypatch.setattr(clustering, "cluster_blocks", cluster_during_the_second_group)
    segmentation.segment(CLOUD, model, SMALL)
    assert clustering_begun.is_set()
    assert second_group_begun.is_set()


def test_the_thread_uses_the_kernels_that_the_caller_chose(monkeypatch):
    chosen = []

    def note(embedding, *args, **kwargs):
        chosen.append(library.use_stock())
        return np.zeros(embedding.shape[:2], np.int32)

    monkeypatch.setattr(clustering, "cluster_blocks", note)
    with library.stock_kernels():
        segmentation.segment(CLOUD, Muddled(CLOUD), SMALL)
    assert chosen
    assert all(chosen)


def test_an_error_of_clustering_names_the_first_bad_block_though_the_network_fails_later():
    model = Muddled(CLOUD, 8, RuntimeError("the network stopped"))
    predict = model.predict_on_batch

    def diverge(features):
        outputs = predict(features)
        if sum(model.batch_sizes) >= 5:
            outputs["embedding"][1] = np.nan
        return outputs

    model.predict_on_batch = diverge
    with pytest.raises(ValueError, match="the embedding of block 5 must be finite"):
        segmentation.segment(CLOUD, model, SMALL)


def test_progress_is_reported_from_the_caller_s_thread():
    threads = set()
    segmentation.segment(
        CLOUD, Muddled(CLOUD), SMALL, progress=lambda _: threads.add(threading.get_ident())
    )
    assert threads == {threading.get_ident()}


# --- blocks of more points ---


def peaks_mib(attention: str, *sizes: int) -> list[float]:
    script = SUPPORT / "network_memory.py"
    done = subprocess.run(
        [sys.executable, str(script), attention, *map(str, sizes)],
        capture_output=True,
        text=True,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "-1"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="needs Linux's /proc")
def test_memory_grows_linearly_with_the_points_of_a_block():
    small, large, largest = peaks_mib("chunked", 4096, 16_384, 65_536)
    assert large < 6 * small  # four times the points; the square would be 16 times
    assert largest < 6 * large
    assert largest < 500  # one similarity of 65 536 x 65 536 would take 16 GiB


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="needs Linux's /proc")
def test_plain_attention_grows_with_the_square():
    """That the measurement sees what the other test denies."""
    small, large = peaks_mib("plain", 4096, 8192)
    assert large > 3 * small


def test_votes_counted_in_many_portions_are_the_votes_counted_at_once(monkeypatch):
    rng = np.random.default_rng(0)
    rows, instance = rng.integers(0, 50, (40, 30)), rng.integers(-1, 9, (40, 30))
    at_once, in_portions, restored = (voting.InstanceVotes(50) for _ in range(3))
    at_once.add(rows, instance)
    monkeypatch.setattr(voting, "_PENDING", 1)
    for k in range(40):
        in_portions.add(rows[k], instance[k])
        restored.add(rows[k], instance[k])
        other = voting.InstanceVotes(50)
        other.restore({name: array.copy() for name, array in restored.state().items()})
        restored = other
    for votes in (in_portions, restored):
        np.testing.assert_array_equal(votes.result(), at_once.result())
        for name, array in at_once.state().items():
            np.testing.assert_array_equal(votes.state()[name], array)
            assert votes.state()[name].dtype == array.dtype


def test_blocks_in_flight_must_be_positive():
    with pytest.raises(ValueError, match="blocks_in_flight=0"):
        config.InferenceConfig(blocks_in_flight=0)
