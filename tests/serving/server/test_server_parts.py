"""The parts of a server by themselves: batches, the queue, tensors and JSON."""

import asyncio

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("tensorflow_serving", reason="needs the extra serving")
pytest.importorskip("aiohttp", reason="needs the extra serving")

import serving_rules
from ban_tf.serving import assets
from ban_tf.serving.server import batches, json_forms, refusals, signatures, tensors, waiting

SIZES = (1, 2, 4, 8)
ONE = signatures.Signature("add", {"x": signatures.Input(np.dtype("f"), (None, None))}, ("y",))


def inputs(rows, length, seed):
    rng = np.random.default_rng(seed)
    return {
        "points": rng.uniform(size=(rows, length, 3)).astype(np.float32),
        "num_points": rng.integers(1, 9, rows).astype(np.int32),
    }


@given(st.lists(st.tuples(st.integers(1, 2), st.integers(1, 9)), min_size=1, max_size=4))
def test_batches_are_made_and_split_by_the_stock_servers_rules(requests):
    made = [inputs(*sizes, seed) for seed, sizes in enumerate(requests)]
    found, expected = batches.merge(made, SIZES), serving_rules.merge(made, SIZES)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
        assert found[name].dtype == made[0][name].dtype
    rows = [rows for rows, _ in requests]
    parts = zip(batches.split(found, rows), serving_rules.split(expected, rows), strict=True)
    for ours, theirs in parts:
        for name, values in theirs.items():
            np.testing.assert_array_equal(ours[name], values)
    total = sum(rows)
    assert batches.merged_bytes(made) == sum(v[:total].nbytes for v in expected.values())


def test_a_batch_without_points_can_be_padded():
    merged = batches.merge([{"x": np.zeros((1, 0, 2))}, {"x": np.ones((1, 1, 2))}], ())
    assert merged["x"].tolist() == [[[0.0, 0.0]], [[1.0, 1.0]]]


def test_outputs_without_a_row_for_each_are_refused():
    with pytest.raises(ValueError, match="a row for each"):
        batches.split({"y": np.zeros(1)}, [1, 1])


def test_the_rules_of_an_export_are_read(tmp_path):
    assert batches.read(tmp_path) is None
    path = tmp_path / batches.FILE
    path.write_text(assets.BATCHING)
    assert batches.read(tmp_path) == batches.Rules(8, (1, 2, 4, 8), 0.002, True)
    for wrong in ("max_batch_size {", "max_batch_size { value: 8 } allowed_batch_sizes: 4"):
        path.write_text(wrong)
        with pytest.raises(ValueError, match="batching_params"):
            batches.read(tmp_path)


class Waiting:
    """A queue in a loop, and requests by number."""

    def __init__(self, rules, most_rows=64, most_bytes=2**20):
        self.queue = waiting.Queue(rules, most_rows, most_bytes)

    def put(self, number, length=2, signature="s", rows=1):
        loop = asyncio.get_running_loop()
        x = np.full((rows, length), number, np.float32)
        task = waiting.Task(signature, {"x": x}, rows, loop.create_future(), loop.time())
        self.queue.put(task)
        return task

    async def take(self):
        batch = await asyncio.wait_for(self.queue.take(), 10)
        return [int(task.inputs["x"].flat[0]) for task in batch]


RULES = batches.Rules(4, (1, 2, 4), wait_s=0.01, pads=True)


def test_a_batch_holds_the_oldest_and_what_fits_to_it():
    async def go():
        waits = Waiting(RULES)
        for number, signature in enumerate("aabab"):
            waits.put(number, signature=signature, length=1 + number)
        waits.put(9, signature="a", rows=2)
        return [await waits.take() for _ in range(3)]

    assert asyncio.run(go()) == [[0, 1, 3], [2, 4], [9]]


def test_without_padding_only_equal_shapes_meet():
    async def go():
        waits = Waiting(batches.Rules(4, (), wait_s=0.01, pads=False))
        for number, length in enumerate((2, 3, 2)):
            waits.put(number, length)
        return [await waits.take() for _ in range(2)]

    assert asyncio.run(go()) == [[0, 2], [1]]


def test_without_rules_every_request_runs_alone():
    async def go():
        waits = Waiting(None)
        waits.put(0, rows=50)
        waits.put(1)
        return [await waits.take() for _ in range(2)]

    assert asyncio.run(go()) == [[0], [1]]


def test_padding_that_takes_too_much_keeps_requests_apart():
    async def go():
        waits = Waiting(RULES, most_bytes=4 * 150)
        for number, length in enumerate((100, 10, 10)):
            waits.put(number, length)
        return [await waits.take() for _ in range(2)]

    assert asyncio.run(go()) == [[0], [1, 2]]


def test_what_nobody_waits_for_is_not_taken_and_takes_no_room():
    async def go():
        waits = Waiting(RULES, most_rows=2)
        waits.put(0).answer.cancel()
        waits.put(1)
        waits.put(2)
        with pytest.raises(refusals.RefusedError, match="at most 2 rows may wait") as caught:
            waits.put(3)
        assert caught.value.http_status == 429
        return await waits.take()

    assert asyncio.run(go()) == [1, 2]


def test_a_request_larger_than_a_batch_is_refused():
    async def go():
        with pytest.raises(refusals.RefusedError, match="at most 4 rows"):
            Waiting(RULES).put(0, rows=5)

    asyncio.run(go())


def test_what_a_worker_ended_over_comes_first_and_alone():
    async def go():
        waits = Waiting(RULES)
        tasks = [waits.put(number) for number in range(2)]
        assert await waits.take() == [0, 1]
        waits.put(2)
        for task in tasks:
            task.runs = 1
        waits.queue.give_back(tasks)
        return [await waits.take() for _ in range(3)]

    assert asyncio.run(go()) == [[0], [1], [2]]


@pytest.mark.parametrize("dtype", sorted(map(str, tensors.DTYPES.values())))
def test_tensors_come_and_go_unchanged(dtype):
    values = np.array([[0, 1, 1]], dtype)
    for made in (tensors.to_proto(values), tf.make_tensor_proto(values)):
        found = tensors.to_array(made, "x", 2**20)
        np.testing.assert_array_equal(found, values)
        assert found.dtype == values.dtype


def test_the_last_value_of_a_short_tensor_stands_for_the_rest():
    made = tf.make_tensor_proto([1.0, 2.0], shape=(2,))
    made.ClearField("tensor_content")
    made.float_val.extend([1.0, 2.0])
    made.tensor_shape.dim[0].size = 4
    assert tensors.to_array(made, "x", 100).tolist() == [1.0, 2.0, 2.0, 2.0]
    made.tensor_shape.dim[0].size = 1
    with pytest.raises(refusals.RefusedError, match="at most as many values"):
        tensors.to_array(made, "x", 100)


def test_json_of_one_input_needs_no_name_and_one_output_none():
    for body, expected in (
        (b'{"instances": [[1, 2.5]]}', b'{"predictions": [[1.0, 2.5]]}'),
        (b'{"inputs": [[1, 2.5]]}', b'{"outputs": [[1.0, 2.5]]}'),
    ):
        document = json_forms.parse(body)
        arrays = json_forms.to_arrays(document, ONE, 100)
        assert signatures.rows(ONE, arrays) == 1
        assert json_forms.answer({"y": arrays["x"]}, "instances" in document) == expected


def test_json_that_is_too_much_is_refused():
    with pytest.raises(refusals.RefusedError) as caught:
        json_forms.to_arrays({"instances": [[1.0] * 30]}, ONE, 100)
    assert caught.value.http_status == 429
