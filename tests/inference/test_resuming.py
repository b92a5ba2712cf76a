"""Segmentations that are stopped, and go on from a file to the same labels."""

import dataclasses
import errno

import numpy as np
import pytest

from ban_tf import disk
from ban_tf.inference import room_state, sample_outputs, segmentation, state_file
from ban_tf.inference.key import Key
from ban_tf.instances import voting
from ban_tf.training import trainer
from muddled_room import (
    CLOUD,
    EXPERIMENT,
    NUM_BLOCKS,
    SMALL,
    Muddled,
    assert_equal,
    with_thresholds,
)


@pytest.fixture(scope="module")
def uninterrupted() -> segmentation.Segmentation:
    return segmentation.segment(CLOUD, Muddled(CLOUD), SMALL)


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
    monkeypatch.setattr(state_file, "_MAX_SHARE", np.inf)
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
    monkeypatch.setattr(state_file.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(disk.os, "fsync", lambda _: clock.__setitem__(0, clock[0] + 3))
    keeper = state_file.StateFile(
        tmp_path / "state", Key("a", "b", "c"), np.zeros((1, 0), int), every_s
    )
    room = room_state.RoomState(CLOUD.xyz, SMALL)
    room.add(np.zeros((1, 0), int), [empty_block()])
    for _ in range(10_000):
        clock[0] += 1.0
        before = clock[0]
        keeper.save_if_due(room)
        written.append(clock[0] > before)
    # Three seconds each: one an hour, or one a minute, 5 % of the time.
    assert sum(written) == (2 if every_s else 1 + (10_000 - 1) // 60)


def empty_block() -> sample_outputs.SampleOutputs:
    none = np.zeros(0, np.int32)
    return sample_outputs.SampleOutputs(np.zeros((0, 13), np.float32), none, none, none)


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
    with pytest.raises(
        ValueError, match=rf"room\.state was left by a call with another {other}\. Move"
    ):
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
    with pytest.raises(ValueError, match=r"room\.state is damaged .*Move it away to begin anew"):
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
    monkeypatch.setattr(disk.os, "fsync", full)
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
    state, votes_of_two = room.state(), voting.SemanticVotes(2 * len(CLOUD), 13).state()
    with pytest.raises(ValueError, match=r"`sum` of a state must be float32 \(3000, 13\)"):
        room.restore(state | {f"semantic.{name}": array for name, array in votes_of_two.items()})
    with pytest.raises(ValueError, match="`instance` of a state must be int32"):
        room.restore(room_state.RoomState(CLOUD.xyz[:9], SMALL).state())
    votes, state = voting.InstanceVotes(3), {"keys": np.zeros(2, np.int64)}
    for counts in (np.ones(3, np.int32), np.ones(2, np.int64)):
        with pytest.raises(ValueError, match=r"`counts` of a state must be int32 \(2,\)"):
            votes.restore(state | {"counts": counts})
    with pytest.raises(ValueError, match="Received: counts=nothing"):
        votes.restore(state)
