"""Makes Keras know our layers as soon as both packages are imported, without importing Keras.

Keras finds the classes that a `.keras` file names in a list of its own, which each of our classes
enters when its module is imported. Importing them with `ban_tf` would make that take seconds, for
Keras brings its backend along. So they are imported at the end of the import of Keras instead.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Sequence

_MODULES = (
    "ban_tf.model",
    "ban_tf.losses.discriminative",
    "ban_tf.losses.semantic",
    "ban_tf.training.schedule",
)


def register() -> None:
    """Imports the modules of our Keras classes: now if Keras is there, else right after it."""
    if "keras" in sys.modules:
        _import_all()
    else:
        sys.meta_path.insert(0, _Finder())


def _import_all() -> None:
    for name in _MODULES:
        importlib.import_module(name)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds Keras once, as Python would, with a loader that does more at the end."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    """Loads Keras as its own loader does, then imports our classes."""

    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: types.ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader  # what else asks for it gets Keras's own
        self._loader.exec_module(module)
        _import_all()
