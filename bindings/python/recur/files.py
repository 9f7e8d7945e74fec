"""Safetensors files: modules, optimizers, states, arrays and texts."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Mapping

import numpy as np
import numpy.typing as npt

from . import c, settings
from ._arrays import floats
from .layer import Layer
from .module import Module
from .optim import Optimizer
from .state import State

if TYPE_CHECKING:
    from ._types import PathLike


STORED = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}


class File:
    """A safetensors file in memory: tensors by name (as float32), texts beside them.

    >>> import numpy as np, recur
    >>> file = recur.File()
    >>> file["mean"] = np.zeros(3, np.float32)
    >>> file.set_text("epoch", "3")
    >>> again = recur.File(data=bytes(file))
    >>> again.keys(), again.texts
    (['mean'], {'epoch': '3'})
    """

    def __init__(self, path: Any = None, data: Any = None) -> None:
        context = settings.handle_of(None)
        if path is not None:
            self._handle = c.recur_file_open(context, os.fspath(path))
        else:
            self._handle = c.recur_file_open_memory(
                context, data, 0 if data is None else len(bytes(data))
            )

    def info(self) -> list[Any]:
        """Name, shape and type of every tensor."""
        infos = [
            c.recur_file_tensor_info(self._handle, i)
            for i in range(c.recur_file_tensor_count(self._handle))
        ]
        return [(t.name, t.dim[: t.rank], t.type) for t in infos]

    def keys(self) -> list[str]:
        """The names."""
        return [name for name, _, _ in self.info()]

    def __contains__(self, name: str) -> bool:
        return name in self.keys()

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        info = c.recur_file_find(self._handle, name)
        out = np.empty(info.dim[: info.rank], np.float32)
        c.recur_file_read(self._handle, name, out, out.size)
        return out

    def __setitem__(self, name: str, values: Any) -> None:
        values = floats(values, str(name))
        if values.ndim > 4:
            raise ValueError(
                f"{name} has {values.ndim} dimensions: a tensor of a file has at most 4"
            )
        c.recur_file_add(
            self._handle, c.recur_tensor(name=name, rank=values.ndim, dim=values.shape), values
        )

    @property
    def texts(self) -> dict[str, str]:
        keys = [
            c.recur_file_metadata_key(self._handle, i)
            for i in range(c.recur_file_metadata_count(self._handle))
        ]
        return {key: c.recur_file_metadata(self._handle, key) for key in keys}

    def set_text(self, key: str, value: str) -> None:
        """Writes a text under a key."""
        c.recur_file_set_metadata(self._handle, key, value)

    def set_type(self, dtype: str) -> None:
        """How parameters of modules are stored from now on: "float32", "float16" or "bfloat16".

        >>> import recur
        >>> file = recur.File()
        >>> file.set_type("bfloat16")
        >>> file.add(recur.Linear(3, 2))
        >>> file.info()
        [('weight', (2, 3), 'BF16'), ('bias', (2,), 'BF16')]
        """
        if dtype not in STORED:
            raise ValueError(f"dtype is {dtype!r}; it must be one of {', '.join(STORED)}")
        c.recur_file_set_type(self._handle, STORED[dtype])

    def add(self, thing: Any, prefix: str = "") -> None:
        """A module, optimizer or state under a prefix."""
        if isinstance(thing, Module):
            if thing.flat.size or not thing._able(c.RECUR_CAN_RECORD):
                c.recur_file_put_layer(self._handle, prefix, thing._open())
                note(self, thing, prefix)
        elif isinstance(thing, Optimizer):
            for own, handle in thing._handles(prefix):
                c.recur_file_put_optimizer(self._handle, own, handle)
        elif isinstance(thing, State):
            c.recur_file_put_state(self._handle, prefix, thing._handle)
        else:
            raise TypeError(f"a module, optimizer or State is needed, not {type(thing).__name__}")

    def load(self, thing: Any, prefix: str = "") -> None:
        """Strict: everything the thing needs must be there, and nothing else under the prefix."""
        if isinstance(thing, Module):
            c.recur_file_get_layer(self._handle, prefix, thing._open())
            thing.forget()
            heed(self, thing, prefix)
        elif isinstance(thing, Optimizer):
            for own, handle in thing._handles(prefix):
                c.recur_file_get_optimizer(self._handle, own, handle)
        elif isinstance(thing, State):
            c.recur_file_get_state(self._handle, prefix, thing._handle)
        else:
            raise TypeError(f"a module, optimizer or State is needed, not {type(thing).__name__}")

    def write(self, path: PathLike) -> None:
        """The old file or the new one is at path, never half of one."""
        c.recur_file_write(self._handle, os.fspath(path))

    def __bytes__(self) -> bytes:
        made: bytes = c.recur_file_write_memory(self._handle)
        return made

    def __repr__(self) -> str:
        tensors = c.recur_file_tensor_count(self._handle)
        texts = c.recur_file_metadata_count(self._handle)
        return f"File({tensors} tensors, {texts} texts)"


# ---- what a file says of a module beside its tensors --------------------------------------------

NOTE = "recur.python"  # a text: {"dropout": {module: [seed, passes so far]}, "padding_idx": {...}}


def note(file: Any, module: Any, prefix: str) -> None:
    """Writes where random numbers have got to, and which vectors stand for padding."""
    parts = [(name, part) for name, part in module.named_modules() if isinstance(part, Layer)]
    random = {name: [part._seed, part._drawn] for name, part in parts if part._draws()}
    padding = {name: getattr(part, "padding_idx", None) for name, part in parts}
    padding = {name: index for name, index in padding.items() if index is not None}
    if random or padding:
        text = json.dumps({"dropout": random, "padding_idx": padding})
        c.recur_file_set_metadata(file._handle, prefix + NOTE, text)


def heed(file: Any, module: Any, prefix: str, padding: bool = False) -> None:
    """Goes on with the random numbers of a file; with `padding`, for modules made from the file,
    sets their padding too."""
    told = json.loads(file.texts.get(prefix + NOTE, "{}"))
    for name, part in module.named_modules():
        if name in told.get("dropout", {}) and isinstance(part, Layer):
            part._seed, part._drawn = told["dropout"][name]
        if padding and name in told.get("padding_idx", {}):
            part.__dict__["padding_idx"] = told["padding_idx"][name]


def save(
    things: Any,
    path: PathLike,
    texts: Mapping[str, str] | None = None,
    dtype: str = "float32",
) -> None:
    """save(net, path), or save({"model": net, "optimizer": adam, "mean": array}, path,
    texts={"epoch": "3"}): in a dict the tensors of "model" are named "model.rnn.weight_ih_l0" and
    so on. dtype: "float16" and "bfloat16" store the parameters of modules in half the space.

    >>> import os, tempfile
    >>> import recur
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path, net = os.path.join(folder, "net.safetensors"), recur.Linear(3, 2)
    ...     recur.save({"model": net}, path, texts={"epoch": "3"})
    ...     recur.load(path, {"model": net})["epoch"], list(recur.load(path))
    ('3', ['model.weight', 'model.bias'])
    """
    file = File()
    file.set_type(dtype)
    if isinstance(things, dict):
        for name, thing in things.items():
            if isinstance(thing, (Module, Optimizer, State)):
                file.add(thing, f"{name}.")
            else:
                file[name] = thing
    else:
        file.add(things)
    for key, value in (texts or {}).items():
        file.set_text(key, value)
    file.write(path)


def load(path: PathLike, into: Any = None) -> dict[str, Any]:
    """load(path, net) or load(path, {"model": net, "optimizer": adam}) fills them, strictly, and
    gives the texts. Without `into`: all tensors by name, for load_state_dict (those of a model's
    sample are left out).

    >>> import os, tempfile
    >>> import recur
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path, net = os.path.join(folder, "net.safetensors"), recur.Linear(3, 2)
    ...     recur.save(net, path)
    ...     recur.load(path)["weight"].shape
    (2, 3)
    """
    file = File(path)
    if into is None:
        samples = tuple(
            key[: -len("model")] + "sample." for key in file.texts if key.endswith("recur.model")
        )
        return {name: file[name] for name in file.keys() if not name.startswith(samples)}
    if isinstance(into, dict):
        for name, thing in into.items():
            file.load(thing, f"{name}.")
    else:
        file.load(into)
    return file.texts
