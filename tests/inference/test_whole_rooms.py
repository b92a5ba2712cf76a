"""Segmentation of whole rooms: the thread beside the network, memory, stopping and going on."""

import dataclasses
import errno
import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import tiny_runs
from ban_tf import config
from ban_tf.clouds.cloud import Cloud
from ban_tf.data.samples import blocks
from ban_tf.inference import room_state, segmentation
from ban_tf.instances import clustering, voting
from ban_tf.training import trainer
from places import SUPPORT
from tf_ops import library

CLOUD = tiny_runs.room("Area_1_hallway_1", num_points=3000, size_m=3.0)
EXPERIMENT = dataclasses.replace(
    tiny_runs.experiment(), blocks=config.BlockConfig(num_points=256, stride_m=0.5, min_points=10)
)
NUM_BLOCKS = len(blocks.plan_covering(CLOUD, EXPERIMENT.blocks))


def with_thresholds(**thresholds) -> config.Experiment:
    changed = dataclasses.replace(EXPERIMENT.inference, **thresholds)
    return dataclasses.replace(EXPERIMENT, inference=changed)


# Two batches of two blocks, one in the network and one in clustering: many groups in one room.
SMALL = with_thresholds(batch_size=2, blocks_in_flight=4)


class Muddled(tiny_runs.Oracle):
    """Knows the truth but for noise that depends on the block, so that votes and merging matter.

    Stops with `error` when it has seen `blocks_until` blocks.
    """

    def __init__(
        self, cloud: Cloud, blocks_until: int | None = None, error: BaseException | None = None
    ):
        super().__init__(cloud)
        self._blocks_until = blocks_until
        self._error = error

    def predict_on_batch(self, features):
        if self._error and sum(self.batch_sizes) >= self._blocks_until:
            raise self._error
        outputs = super().predict_on_batch(features)
        for k, block in enumerate(features):
            rng = np.random.default_rng(int(np.abs(block).sum() * 1e3))
            outputs["logits"][k] += rng.normal(0, 9, outputs["logits"][k].shape)
            outputs["embedding"][k] += rng.normal(0, 0.25, outputs["embedding"][k].shape)
        return outputs


def assert_equal(found: segmentation.Segmentation, expected: segmentation.Segmentation) -> None:
    for field in dataclasses.fields(expected):
        got, want = getattr(found, field.name), getattr(expected, field.name)
        np.testing.assert_array_equal(got, want, err_msg=field.name)


@pytest.fixture(scope="module")
def uninterrupted() -> segmentation.Segmentation:
    return segmentation.segment(CLOUD, Muddled(CLOUD), SMALL)


# --- the thread beside the network ---


def test_the_thread_changes_nothing(uninterrupted):
    """The reference goes through the blocks one by one, with the parts `segment` is made of."""
    model = Muddled(CLOUD)
    plan = blocks.plan_covering(CLOUD, SMALL.blocks)
    room = room_state.RoomState(CLOUD.xyz, SMALL)
    for rows in plan:
        outputs = model.predict_on_batch(blocks.gather(CLOUD, rows[None]).features)
        powers = np.exp(outputs["logits"][0] - outputs["logits"][0].max(axis=-1, keepdims=True))
        probabilities = powers / powers.sum(axis=-1, keepdims=True)
        semantic = probabilities.argmax(axis=-1)
        labels = clustering.cluster(outputs["embedding"][0], SMALL.inference)
        classes = clustering.cluster_classes(labels, semantic)
        block = room_state.BlockOutputs(probabilities, semantic, labels, classes)
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
    gather, cluster = blocks.gather, clustering.cluster_blocks

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

    monkeypatch.setattr(blocks, "gather", gather_counted)
    monkeypatch.setattr(clustering, "cluster_blocks", cluster_counted)
    segmentation.segment(CLOUD, Muddled(CLOUD), with_thresholds(batch_size=3, blocks_in_flight=13))
    # Half of 13 in whole batches is 6. A group is gathered only once the one before the last was
    # clustered, so two groups at a time and never three.
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


# --- stopping and going on ---

STOPS = [0, 2, 4, NUM_BLOCKS // 2, NUM_BLOCKS - 2]


@pytest.mark.parametrize("error", [RuntimeError("no memory"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("stop", STOPS)
def test_a_stopped_run_goes_on_to_the_same_labels(tmp_path, uninterrupted, stop, error):
    state = tmp_path / "states" / "room.state"
    with pytest.raises(type(error)):
        segmentation.segment(CLOUD, Muddled(CLOUD, stop, error), SMALL, state_file=state)
    done, rest = [], Muddled(CLOUD)
    result = segmentation.segment(CLOUD, rest, SMALL, progress=done.append, state_file=state)
    assert_equal(result, uninterrupted)
    reached = stop + stop % 2  # batches of two: what the network gave was also added
    assert sum(rest.batch_sizes) == NUM_BLOCKS + NUM_BLOCKS % 2 - reached
    assert done[0] == reached
    assert sum(done) == NUM_BLOCKS
    assert list(tmp_path.rglob("*.*")) == []


def test_a_run_may_be_stopped_again_and_go_on_with_less_memory(tmp_path, uninterrupted):
    state = tmp_path / "room.state"
    for stop in (4, 2, 6):
        model = Muddled(CLOUD, stop, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            segmentation.segment(CLOUD, model, SMALL, state_file=state)
    experiment = with_thresholds(batch_size=2, blocks_in_flight=10)
    model = Muddled(CLOUD)
    assert_equal(segmentation.segment(CLOUD, model, experiment, state_file=state), uninterrupted)
    assert sum(model.batch_sizes) == NUM_BLOCKS + NUM_BLOCKS % 2 - 12


def test_a_state_is_kept_from_time_to_time(tmp_path, monkeypatch, uninterrupted):
    """As for a process that is killed: the state of some moment is put back."""
    monkeypatch.setattr(room_state, "_MAX_SHARE", np.inf)
    state, kept = tmp_path / "room.state", tmp_path / "kept.state"
    model = Muddled(CLOUD)
    predict = model.predict_on_batch

    def predict_and_look(features):
        if sum(model.batch_sizes) == 8:
            kept.write_bytes(state.read_bytes())
        return predict(features)

    model.predict_on_batch = predict_and_look
    segmentation.segment(CLOUD, model, SMALL, state_file=state, state_every_s=0)
    assert not state.exists()
    rest = Muddled(CLOUD)
    assert_equal(segmentation.segment(CLOUD, rest, SMALL, state_file=kept), uninterrupted)
    assert 0 < sum(rest.batch_sizes) < NUM_BLOCKS


@pytest.mark.parametrize("every_s", [3600.0, 0.0])
def test_states_take_a_small_share_of_the_time(tmp_path, monkeypatch, every_s):
    clock, written = [0.0], []
    monkeypatch.setattr(room_state.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(room_state.os, "fsync", lambda _: clock.__setitem__(0, clock[0] + 3))
    keeper = room_state.StateFile(tmp_path / "state", {}, every_s)
    room = room_state.RoomState(CLOUD.xyz, SMALL)
    room.add(np.zeros((1, 0), int), [empty_block()])
    for _ in range(10_000):
        clock[0] += 1.0
        before = clock[0]
        keeper.save_if_due(room)
        written.append(clock[0] > before)
    # Three seconds each: one an hour, or one a minute, 5 % of the time.
    assert sum(written) == (2 if every_s else 1 + (10_000 - 1) // 60)


def empty_block() -> room_state.BlockOutputs:
    none = np.zeros(0, np.int32)
    return room_state.BlockOutputs(np.zeros((0, 13), np.float32), none, none, none)


def test_a_state_that_is_torn_is_never_written(tmp_path, monkeypatch, uninterrupted):
    state = tmp_path / "room.state"
    with pytest.raises(KeyboardInterrupt):
        segmentation.segment(CLOUD, Muddled(CLOUD, 4, KeyboardInterrupt()), SMALL, state_file=state)
    before = state.read_bytes()
    add, calls = voting.InstanceVotes.add, []

    def fail_in_the_middle(votes, rows, instance):
        calls.append(rows)
        if len(calls) == 3:
            raise MemoryError("votes")
        add(votes, rows, instance)

    with monkeypatch.context() as patch:
        patch.setattr(voting.InstanceVotes, "add", fail_in_the_middle)
        with pytest.raises(MemoryError, match="votes"):
            segmentation.segment(CLOUD, Muddled(CLOUD), SMALL, state_file=state)
    assert state.read_bytes() == before
    result = segmentation.segment(CLOUD, Muddled(CLOUD), SMALL, state_file=state)
    assert_equal(result, uninterrupted)


def test_an_error_after_the_last_block_costs_no_block(tmp_path, uninterrupted):
    state, wrong_sizes, model = tmp_path / "room.state", np.ones(3), Muddled(CLOUD)
    with pytest.raises(IndexError):
        segmentation.segment(CLOUD, Muddled(CLOUD), SMALL, wrong_sizes, state_file=state)
    assert_equal(segmentation.segment(CLOUD, model, SMALL, state_file=state), uninterrupted)
    assert model.batch_sizes == []


@pytest.mark.filterwarnings("ignore::ban_tf.systems.collapse.CollapseWarning")  # it is untrained
def test_a_real_network_goes_on_to_the_same_labels(tmp_path):
    network = trainer.build_network(EXPERIMENT)
    expected = segmentation.segment(CLOUD, network, SMALL)
    state, done = tmp_path / "room.state", []

    def stop(number):
        done.append(number)
        if sum(done) >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segmentation.segment(CLOUD, network, SMALL, progress=stop, state_file=state)
    assert state.exists()
    assert_equal(segmentation.segment(CLOUD, network, SMALL, state_file=state), expected)


# --- states that do not belong here ---


@pytest.fixture
def state_of_four_blocks(tmp_path):
    state = tmp_path / "room.state"
    with pytest.raises(KeyboardInterrupt):
        segmentation.segment(CLOUD, Muddled(CLOUD, 4, KeyboardInterrupt()), SMALL, state_file=state)
    return state


def changed_weights() -> Muddled:
    model = Muddled(CLOUD)
    model.embedding = model.embedding + np.float32(1e-3)
    return model


OTHERS = {
    "cloud": lambda: (dataclasses.replace(CLOUD, xyz=CLOUD.xyz * 1.000001), Muddled(CLOUD), SMALL),
    "network": lambda: (CLOUD, changed_weights(), SMALL),
    "experiment": lambda: (
        CLOUD,
        Muddled(CLOUD),
        with_thresholds(batch_size=2, blocks_in_flight=4, bandwidth=0.5),
    ),
}


@pytest.mark.parametrize("other", OTHERS)
def test_the_state_of_another_is_refused_by_name_and_kept(state_of_four_blocks, other):
    before = state_of_four_blocks.read_bytes()
    with pytest.raises(ValueError, match=rf"room\.state, of another {other}\. Delete it to begin"):
        segmentation.segment(*OTHERS[other](), state_file=state_of_four_blocks)
    assert state_of_four_blocks.read_bytes() == before


def test_the_same_points_under_another_name_and_other_labels_are_the_same(
    state_of_four_blocks, uninterrupted
):
    blind = dataclasses.replace(CLOUD, name="scan", semantic=np.full_like(CLOUD.semantic, -1))
    result = segmentation.segment(blind, Muddled(CLOUD), SMALL, state_file=state_of_four_blocks)
    assert_equal(result, uninterrupted)


@pytest.mark.parametrize(
    "damage",
    [lambda raw: b"", lambda raw: raw[:-1000], lambda raw: b"no state", lambda raw: raw[:5000]],
    ids=["empty", "cut", "text", "half"],
)
def test_a_damaged_state_is_refused(state_of_four_blocks, damage):
    state_of_four_blocks.write_bytes(damage(state_of_four_blocks.read_bytes()))
    with pytest.raises(ValueError, match=r"room\.state is damaged .*Delete it to begin anew"):
        segmentation.segment(CLOUD, Muddled(CLOUD), SMALL, state_file=state_of_four_blocks)


def test_a_state_with_a_flipped_bit_is_refused(state_of_four_blocks):
    raw = bytearray(state_of_four_blocks.read_bytes())
    raw[len(raw) // 2] ^= 4
    state_of_four_blocks.write_bytes(raw)
    with pytest.raises(ValueError, match=r"is damaged \(Bad CRC-32"):
        segmentation.segment(CLOUD, Muddled(CLOUD), SMALL, state_file=state_of_four_blocks)


def test_a_folder_that_cannot_be_created_is_refused_before_work_starts(tmp_path):
    (tmp_path / "file").write_text("no folder")
    model = Muddled(CLOUD)
    with pytest.raises(OSError, match="file"):
        segmentation.segment(CLOUD, model, SMALL, state_file=tmp_path / "file" / "room.state")
    assert model.batch_sizes == []


def test_a_full_disk_leaves_the_earlier_state_and_says_so(state_of_four_blocks, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    before = state_of_four_blocks.read_bytes()
    monkeypatch.setattr(room_state.os, "fsync", full)
    with pytest.raises(OSError, match=r"room\.state cannot be written \(No space"):
        segmentation.segment(
            CLOUD,
            Muddled(CLOUD, 4, KeyboardInterrupt()),
            SMALL,
            state_file=state_of_four_blocks,
        )
    assert state_of_four_blocks.read_bytes() == before
    assert list(state_of_four_blocks.parent.iterdir()) == [state_of_four_blocks]


def test_arrays_of_another_room_do_not_fit():
    room = room_state.RoomState(CLOUD.xyz, SMALL)
    doubled = np.concatenate([CLOUD.xyz, CLOUD.xyz])  # in the same voxels
    with pytest.raises(ValueError, match=r"`sum` of a state must be float32 \(3000, 13\)"):
        room.restore(room_state.RoomState(doubled, SMALL).state())
    with pytest.raises(ValueError, match="`instance` of a state must be int32"):
        room.restore(room_state.RoomState(CLOUD.xyz[:9], SMALL).state())
    votes, state = voting.InstanceVotes(3), {"keys": np.zeros(2, np.int64)}
    for counts in (np.ones(3, np.int32), np.ones(2, np.int64)):
        with pytest.raises(ValueError, match=r"`counts` of a state must be int32 \(2,\)"):
            votes.restore(state | {"counts": counts})
    with pytest.raises(ValueError, match="Received: counts=nothing"):
        votes.restore(state)


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
