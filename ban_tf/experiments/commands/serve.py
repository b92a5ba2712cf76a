"""Serves an exported model."""

import logging

from ban_tf.experiments import quiet
from ban_tf.serving.server import options
from ban_tf.serving.server.options import Options

__all__ = ["Options", "serve"]
_OWN = ("127.0.0.1", "::1", "localhost")  # addresses that nobody else can reach


def serve(request: Options) -> None:
    """Does what the serving script is asked for, until it is told to end.

    Args:
        request: which model, where and how.

    Raises:
        FileNotFoundError: there is no such model, version or file.
        ValueError: options that cannot be.
        ImportError: what serving needs, or the compiled ops that are wanted, are not there.
        OSError: a port is in use.
        RuntimeError: no version can be served.
    """
    options.check(request)
    quiet.load_tensorflow()  # only once there is work
    if request.ops == "native":
        from tf_ops import library

        library.require_usable()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("ban_tf.serving").setLevel(logging.INFO)
    if request.host not in _OWN:
        parts = {"TLS": request.tls_cert, "a token": request.token_file}
        missing = [name for name, file in parts.items() if file is None]
        if missing:
            print(f"note: {request.host} is served without {' and '.join(missing)}", flush=True)
    from ban_tf.serving.server import serving

    serving.serve(request, lambda text: print(text, flush=True))
