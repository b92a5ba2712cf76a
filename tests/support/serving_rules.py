"""What TensorFlow Serving does to requests on their way to a model, written from its source.

Requests wait until a batch is full, are padded to the longest of them, put one behind the other,
filled up to an allowed size, run, and split again. (`batching_session.cc`, `batching_util.cc`,
`saved_model_warmup.cc` of TensorFlow Serving.)
"""

import numpy as np


def pad(arrays):
    """Pads along all but the first axis to the largest of each, with each array's first scalar."""
    largest = np.max([array.shape[1:] for array in arrays], axis=0, initial=0).astype(int)
    padded = []
    for array in arrays:
        amounts = [(0, size - have) for size, have in zip(largest, array.shape[1:], strict=True)]
        first = array.ravel()[0]
        padded.append(np.pad(array, [(0, 0), *amounts], constant_values=first))
    return padded


def merge(requests, allowed_sizes):
    """One batch of several requests, filled up by repeating the first row of the last of them."""
    batch = {}
    for name in requests[0]:
        parts = pad([request[name] for request in requests])
        missing = min(size for size in allowed_sizes if size >= sum(map(len, parts)))
        missing -= sum(map(len, parts))
        batch[name] = np.concatenate([*parts, *[parts[-1][:1]] * missing])
    return batch


def split(outputs, sizes):
    """The outputs of each request: rows of the batch, and nothing is cut to the request's N."""
    ends = np.cumsum(sizes)
    return [
        {name: values[end - size : end] for name, values in outputs.items()}
        for size, end in zip(sizes, ends, strict=True)
    ]


def fields(message):
    """Number and content of every field of a serialized message, in order."""
    found, at = [], 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        tag = varint()
        assert tag & 7 == 2, "only texts and messages are expected"
        length = varint()
        assert at + length <= len(message), "cut off"
        found.append((tag >> 3, message[at : at + length]))
        at += length
    return found
