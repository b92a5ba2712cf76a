"""What an exported model asks of the program that loads it: which ops, and whether XLA."""

from pathlib import Path

from tensorflow.core.protobuf import saved_model_pb2

_OF_XLA = ("_XlaMustCompile", "_XlaCompile", "jit_compile")


def read(folder: Path) -> saved_model_pb2.SavedModel:
    """The graph of a model, without loading it.

    Raises:
        FileNotFoundError: there is none.
    """
    return saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())


def ops_of(model: saved_model_pb2.SavedModel) -> set[str]:
    """Names of all ops, those of functions too; the functions themselves are none.

    Example:
        >>> ops_of(saved_model_pb2.SavedModel())
        set()
    """
    found: set[str] = set()
    functions: set[str] = set()
    for meta_graph in model.meta_graphs:
        library = meta_graph.graph_def.library.function
        functions |= {function.signature.name for function in library}
        found |= {node.op for node in meta_graph.graph_def.node}
        found |= {node.op for function in library for node in function.node_def}
    return found - functions


def marked_for_xla(model: saved_model_pb2.SavedModel) -> list[str]:
    """Functions and nodes that only a server with XLA would run.

    Example:
        >>> marked_for_xla(saved_model_pb2.SavedModel())
        []
    """
    found = []
    for meta_graph in model.meta_graphs:
        for function in meta_graph.graph_def.library.function:
            parts = [(function.signature.name, function.attr)]
            parts += [(node.name, node.attr) for node in function.node_def]
            found += [
                name for name, attr in parts if any(attr[key].b for key in _OF_XLA if key in attr)
            ]
    return found
