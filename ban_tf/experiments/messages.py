"""What a script tells of an error: our sentence alone, with flags where a library names arguments.

Nothing here imports TensorFlow or Keras: their errors are known by the names of their classes.
"""

import errno
import os
import re

from ban_tf.config.settings import SettingsError

_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # colours of terminals
_WRAPPED = re.compile(r"\AException encountered when calling [^\n]*\n\s*", re.MULTILINE)
_ARGUMENTS = re.compile(r"\n\s*Arguments received by .*\Z", re.DOTALL)
_NUMBERED = re.compile(r"\A\[Errno \d+\] ")
_PLACE = re.compile(r"^\{\{(?:function_)?node .*?\}\}\s*")  # in a graph, before the sentence
# Arguments of the library that a script takes as a flag of another name, or of the same.
_FLAGS = {
    "address": "--server",
    "batch_size": "--batch-size",
    "block_size": "--block-size",
    "blocks": "--blocks",
    "ca_file": "--ca-file",
    "class_colors": "--class-colors",
    "classes_from_data": "--classes from-data",
    "colors": "--colors",
    "columns": "--columns",
    "compare": "--compare",
    "csv": "--csv",
    "epochs": "--epochs",
    "grace_s": "--grace-s",
    "grpc_port": "--grpc-port",
    "host": "--host",
    "html": "--html",
    "json": "--json",
    "keep": "--keep",
    "max_memory": "--max-memory",
    "learning_rate": "--learning-rate",
    "longest_run_s": "--longest-run-s",
    "max_request_mib": "--max-request-mib",
    "model": "--model",
    "model_name": "--model-name",
    "model_version": "--model-version",
    "num_blocks": "--num-blocks",
    "num_epochs": "--epochs",
    "num_seeds": "--seeds",
    "out": "--out",
    "panels": "--panels",
    "point": "--point",
    "similarity": "--similarity",
    "storeys": "--storeys",
    "width": "--width",
    "overwrite": "--overwrite",
    "poll_s": "--poll-s",
    "queue": "--queue",
    "quick": "--quick",
    "rest": "--rest",
    "rest_port": "--rest-port",
    "rounds": "--rounds",
    "run": "--run",
    "runs": "--run",
    "seed": "--seed",
    "seeds": "--seeds",
    "split": "--test-area or --split",
    "threads": "--threads",
    "timeout_s": "--timeout-s",
    "tls": "--tls",
    "tls_cert": "--tls-cert",
    "tls_client_ca": "--tls-client-ca",
    "tls_key": "--tls-key",
    "token": "--token-file",
    "token_file": "--token-file",
    "truth": "--truth",
    "unit": "--unit",
    "up": "--up",
    "validate_every": "--validate-every",
    "validation_clouds": "--validation-clouds",
    "variants": "--variants",
    "versions": "--versions",
    "weights": "--weights",
    "workers": "--workers",
}
_QUOTED = re.compile(rf"`({'|'.join(_FLAGS)})`")
_BRACKETED = re.compile(r"\(`data`(?= or |\))|(?<= or )`data`\)")  # elsewhere it is a part of files
_SMALLER = (
    "Close other programs, or ask for less at a time: a smaller `batch_size`, smaller clouds, or "
    "the reduced setting (`quick`)."
)
_WAYS_OUT = {
    errno.ENOSPC: "Make space there, or name a folder on another disk.",
    errno.EDQUOT: "Make space there, or name a folder on another disk.",
    errno.EROFS: "Name a folder that can be written.",
    errno.EACCES: "Restore the right to it, or name another file or folder.",
    errno.EPERM: "Restore the right to it, or name another file or folder.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.EMFILE: "Raise the number of open files (`ulimit -n`).",
    errno.ENOENT: "Check its name.",
    errno.ENOTDIR: "A part of it is a file; check its name.",
    errno.EISDIR: "It must be a file; check its name.",
    errno.EEXIST: "Name another file or folder.",
    errno.EIO: "The disk or the network behind it failed; give the same command again.",
    errno.ESTALE: "The disk or the network behind it failed; give the same command again.",
}


def sentence(error: BaseException) -> str:
    """What went wrong, in one paragraph without marks of the libraries that it came through.

    Args:
        error: any that a script expects.

    Example:
        >>> sentence(ValueError("`seed` must be at least 0. Received: seed=-1"))
        '--seed must be at least 0. Received: seed=-1'
        >>> sentence(OSError(28, "No space left on device"))
        'no space left on device. Make space there, or name a folder on another disk.'
    """
    if isinstance(error, SettingsError):
        return str(error)  # its names are those of the file
    if isinstance(error, MemoryError) or _is_exhausted(error):
        return _with_flags(_out_of_memory(str(error)))
    if isinstance(error, OSError) and error.errno is not None:
        return _with_flags(_of_system(error))
    return _with_flags(unwrapped(str(error))) or f"{type(error).__name__}, without a message"


def unwrapped(text: str) -> str:
    """A message without what Keras and TensorFlow lay around it when a layer raised it.

    Example:
        >>> unwrapped(
        ...     "Exception encountered when calling Ban.call().\\n\\n\\x1b[1mK is 0.\\x1b[0m\\n\\n"
        ...     "Arguments received by Ban.call():\\n  - points=tf.Tensor(...)"
        ... )
        'K is 0.'
    """
    text = _ARGUMENTS.sub("", _ESCAPES.sub("", text))
    while _WRAPPED.match(text):  # a layer in a layer
        text = _WRAPPED.sub("", text, count=1)
    return _PLACE.sub("", text).strip()


def _is_exhausted(error: BaseException) -> bool:
    names = {kind.__name__ for kind in type(error).__mro__}
    return "ResourceExhaustedError" in names or "OOM when allocating" in str(error)


def _out_of_memory(text: str) -> str:
    told = unwrapped(text).split("\n")[0].rstrip(". ")
    return f"out of memory{f' ({told})' if told else ''}. {_SMALLER}"


def _of_system(error: OSError) -> str:
    """Ours name file and way out themselves; those of the system have a file at most."""
    reason = str(error.strerror or error)
    if reason != os.strerror(error.errno or 0):
        return _NUMBERED.sub("", reason)
    files = [str(name) for name in (error.filename, error.filename2) if name is not None]
    where = f"{' and '.join(files)}: " if files else ""
    way_out = _WAYS_OUT.get(error.errno or 0, "")
    return f"{where}{reason[0].lower()}{reason[1:]}. {way_out}".strip()


def _with_flags(text: str) -> str:
    text = _BRACKETED.sub(lambda found: found[0].replace("`data`", "--data"), text)
    return _QUOTED.sub(lambda found: _FLAGS[found[1]], text)
