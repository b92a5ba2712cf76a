"""The emulator runs right kernels as a GPU does, and wrong ones do not get past it."""

import ctypes

import numpy as np
import pytest

import cuda_emulation

REVERSE, REVERSE_WITHOUT_BARRIER, WARP_REVERSE, WARP_REVERSE_WITHOUT_BARRIER = range(4)
ROTATE_IN_CLUSTER, WARP_OPERATIONS = 4, 5
ROTATE_WITHOUT_WAITING = 11
SEEDS = range(8)


@pytest.fixture(scope="module")
def self_test():
    path = cuda_emulation.compile_sources([cuda_emulation.EMULATOR / "self_test.cu"], 900)
    return cuda_emulation.declare_emulator(ctypes.CDLL(str(path)))


def run(library, case, values, seed=0):
    library.ban_emulator_set_schedule(seed)
    values = np.array(values, np.int32)
    error = library.ban_self_test(case, values.ctypes.data_as(ctypes.c_void_p))
    failure = library.ban_emulator_take_failure().decode()
    assert (error == 0) == (failure == "")
    return values, failure


@pytest.mark.parametrize(("case", "size"), [(REVERSE, 96), (WARP_REVERSE, 32)])
def test_a_barrier_orders_shared_memory_under_every_schedule(self_test, case, size):
    for seed in SEEDS:
        values, failure = run(self_test, case, np.arange(size), seed)
        assert failure == ""
        np.testing.assert_array_equal(values, np.arange(size)[::-1])


@pytest.mark.parametrize(
    ("case", "size"), [(REVERSE_WITHOUT_BARRIER, 96), (WARP_REVERSE_WITHOUT_BARRIER, 32)]
)
def test_a_missing_barrier_shows_in_the_result(self_test, case, size):
    for seed in SEEDS:
        values, _ = run(self_test, case, np.arange(size), seed)
        assert (values != np.arange(size)[::-1]).any()


def test_blocks_of_a_cluster_read_each_others_memory(self_test):
    values, failure = run(self_test, ROTATE_IN_CLUSTER, np.arange(256))
    assert failure == ""
    np.testing.assert_array_equal(values, np.roll(np.arange(256), -64))


def test_warp_operations_by_hand(self_test):
    given = np.arange(32) ** 2 + 1
    values, failure = run(self_test, WARP_OPERATIONS, [*given, *[0] * 128])
    assert failure == ""
    _, ballot, shuffle, exclusive_or, up = values.reshape(5, 32)
    np.testing.assert_array_equal(ballot, np.full(32, 0x55555555))
    np.testing.assert_array_equal(shuffle, np.full(32, 26))
    np.testing.assert_array_equal(exclusive_or, given[np.arange(32) ^ 3])
    np.testing.assert_array_equal(up, [*given[:2], *given[:30]])


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (6, "threads wait at __syncthreads"),
        (7, "threads wait at a warp operation"),
        (8, "whose mask leaves it out"),
        (9, "reads a lane that is not in its mask"),
        (10, "past the end of its shared memory"),
    ],
)
def test_a_wrong_kernel_is_stopped_with_a_reason(self_test, case, message):
    for seed in SEEDS:
        _, failure = run(self_test, case, np.arange(64), seed)
        assert message in failure
    values, failure = run(self_test, REVERSE, np.arange(96))
    assert failure == ""
    np.testing.assert_array_equal(values, np.arange(96)[::-1])


def test_looking_into_a_block_that_has_not_started_is_stopped(self_test):
    failures = [run(self_test, ROTATE_WITHOUT_WAITING, np.arange(256), seed)[1] for seed in SEEDS]
    assert any("has not started or has finished" in failure for failure in failures)


def test_an_empty_grid_is_refused_as_on_a_gpu(self_test):
    assert self_test.ban_self_test_empty_grid() != 0
    assert "the grid is empty" in self_test.ban_emulator_take_failure().decode()
