"""The network as ONNX, where tf2onnx and onnxruntime are installed."""

import importlib.util

import numpy as np
import pytest

import served_networks
from ban_tf.serving import export, graph, onnx_graph

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def test_compiled_ops_are_refused(tmp_path):
    experiment = served_networks.experiment()
    with pytest.raises(ValueError, match="only TensorFlow's own ops can become ONNX"):
        export.export(None, experiment, tmp_path / "m" / "1", ops="native", onnx=True)


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'tf2onnx and onnxruntime.*"\.\[onnx\]"'):
        onnx_graph.check("stock")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # tf2onnx's own
@pytest.mark.parametrize("name", served_networks.EMBEDDING)
def test_it_agrees_with_the_network(name, tmp_path):
    pytest.importorskip("tf2onnx")
    runtime = pytest.importorskip("onnxruntime")
    network, experiment = served_networks.network(name), served_networks.experiment(name)
    made = export.export(network, experiment, tmp_path / name / "1", onnx=True)
    assert made.card["difference_of_onnx"] < 1e-3
    session = runtime.InferenceSession(str(made.folder / onnx_graph.FILE))
    request = served_networks.request(np.inf)
    served = graph.ServedNetwork(network, experiment, "stock").signatures()
    expected = graph.run(served[graph.NETWORK], request)
    for output, values in zip(session.get_outputs(), session.run(None, request), strict=True):
        np.testing.assert_allclose(values, expected[output.name], rtol=0, atol=1e-3)
