"""Plans of small calls: what a call with arrays of a known shape needs, made once.

A call of the general way checks everything and makes a state, a layout and arrays anew, which takes
far longer than the few numbers of one step do. In evaluation a module keeps a plan for each of the
last few shapes: buffers for x, y and the state, and the calls of the library with their arguments
made beforehand. A planned call copies x in, calls, and copies the results out. What a plan does not
know goes the general way, which finds the words for what is wrong.
"""

from __future__ import annotations

import ctypes
import threading
import weakref
from typing import Any

import numpy as np

from . import c
from ._arrays import F32
from .passes import owner_of

ndarray = np.ndarray
MOST_NUMBERS = 1 << 14  # of x and y: with more than these, copies cost more than checks
MOST_PLANS = 16  # of a module

forward = c.bare("recur_layer_forward")
step = c.bare("recur_layer_step")
reset_state = c.bare("recur_state_reset")
read_state = c.bare("recur_state_read")
write_state = c.bare("recur_state_write")


def planned_array(x: Any) -> bool:
    """Whether x is float32 of NumPy's own type, and comes from no recorded pass."""
    return type(x) is ndarray and x.dtype is F32 and (x.base is None or owner_of(x) is None)


def pointer(array: Any) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.__array_interface__["data"][0])


def run_forward(
    run: Any, layer: Any, layout: Any, rows: Any, state: Any, y: Any, tape: Any
) -> None:
    """A forward (of rows or ids, as `run` says) whose arrays are known to have the right sizes."""
    layer, packed, tape = layer.owned, layout.handle.owned, tape.handle.owned
    address, to = rows.__array_interface__["data"][0], y.__array_interface__["data"][0]
    c.pin(packed, 1)
    try:
        if state is None:
            status = run(layer, packed, address, None, to, tape)
        else:
            owned = state._handle.owned
            with owned.lock:
                status = run(layer, packed, address, owned, to, tape)
    finally:
        c.unpin(packed, 1)
    if status < 0:
        c.refuse(status)


class PassPlan:
    """A forward without a record, of x of one shape.

    The plan has a layout and a state to itself, and one thread at a time uses it. Tapes, whose
    scratch may be large, come from the module. The arguments hold the address of the layer only:
    who calls holds the layer meanwhile."""

    __slots__ = (
        "lock",
        "layer",
        "batch_first",
        "batch",
        "x",
        "y",
        "arguments",
        "reset",
        "writes",
        "read",
        "values",
        "shapes",
        "_kept",
    )

    def __init__(self, module: Any, form: Any, x: Any, y: Any, per_sequence: Any) -> None:
        """`x` and `y` are rows of such a call."""
        layer, layout = module._open(), form.layout
        packed = c.recur_packed_create(None, layout.batch, None, layout.steps)
        x, y = np.zeros_like(x), np.zeros_like(y)
        self.lock, self.layer = threading.Lock(), weakref.ref(layer)
        self.batch_first, self.batch, self.shapes = module.batch_first, layout.batch, ()
        self.x, self.y = form.shaped(x, False), form.shaped(y, per_sequence)
        layer = ctypes.c_void_p(layer.owned.value)
        self.arguments = (layer, packed.owned, pointer(x), None, pointer(y))
        self._kept = (packed, x, y)
        names = getattr(type(module), "states", ())
        if names:
            self._plan_state(module, form, names)

    def _plan_state(self, module: Any, form: Any, names: Any) -> None:
        """The calls around a forward whose state is of its own."""
        state = c.recur_state_create(module._open(), self.batch)
        count = c.recur_state_tensor_count(state)
        infos = [c.recur_state_tensor_info(state, i) for i in range(count)]
        places = {info.name: info for info in infos}
        total = sum(info.count for info in infos)
        values, pointers, views = np.zeros(total, np.float32), [], []
        for name in names:
            info = places[name]
            flat = values[info.offset : info.offset + info.count]
            place = (ctypes.c_int64(info.offset), ctypes.c_int64(info.count))
            pointers.append((*place, pointer(flat)))
            views.append(form.states(flat.reshape(info.dim[: info.rank])))
        every = (ctypes.c_int64(0), ctypes.c_int64(total), pointer(values))
        if len(places) == len(names):
            pointers = [every]
        self.values, self.shapes = tuple(views), tuple(view.shape for view in views)
        layer, packed, x, _, y = self.arguments
        self.arguments = (layer, packed, x, state.owned, y)
        self.reset = (state.owned, ctypes.c_int64(-1))
        self.writes = tuple((state.owned, *one) for one in pointers)
        self.read = (state.owned, *every)
        self._kept += (state, values)

    def fits(self, module: Any) -> bool:
        """Whether the module is as it was when the plan was made."""
        return self.layer() is module._layer and self.batch_first == module.batch_first

    def take(self, module: Any) -> Any:
        """The object of the layer, which the caller holds until the call is over, and gives the
        lock back. None: the layer was released or changed, or another thread has the plan."""
        owned = module._layer._owned
        return owned if self.fits(module) and owned and self.lock.acquire(False) else None

    def run(self, x: Any, tape: Any) -> Any:
        """y, without a state."""
        self.x[...] = x
        status = forward(*self.arguments, tape)
        if status < 0:
            c.refuse(status)
        return self.y.copy()

    def run_with(self, x: Any, state: Any, tape: Any) -> Any:
        """y, with a State that is changed."""
        owned = state._handle.owned
        layer, packed, xs, _, y = self.arguments
        self.x[...] = x
        with owned.lock:
            status = forward(layer, packed, xs, owned, y, tape)
        if status < 0:
            c.refuse(status)
        return self.y.copy()

    def run_from(self, x: Any, given: Any, tape: Any) -> Any:
        """y and the final state, from the initial state (None), or from arrays for all of it."""
        self.x[...] = x
        status = reset_state(*self.reset)  # RECUR_OK is 0
        if given is not None:
            for view, value in zip(self.values, given):
                view[...] = value
            for arguments in self.writes:
                status = status or write_state(*arguments)
        status = status or forward(*self.arguments, tape) or read_state(*self.read)
        if status:
            c.refuse(status)
        return self.y.copy(), [view.copy() for view in self.values]


class StepPlan:
    """A streaming step of one State through one layer; who calls has the lock of the state."""

    __slots__ = ("layer", "owned", "x", "y", "x_shape", "y_shape", "arguments")

    def __init__(self, layer: Any, state: Any, info: Any) -> None:
        self.layer = weakref.ref(layer)
        self.x = np.zeros((state.batch, info.input_size), np.float32)
        self.y = np.zeros((state.batch, info.output_size), np.float32)
        self.x_shape, self.y_shape = self.x.shape, self.y.shape
        self.owned, x, y = state._handle.owned, pointer(self.x), pointer(self.y)
        self.arguments = (ctypes.c_void_p(layer.owned.value), x, self.owned, y, None)

    def takes(self, out: Any) -> bool:
        """Whether y can be copied into this array."""
        return (
            type(out) is ndarray
            and out.dtype is F32
            and out.shape == self.y_shape
            and out.flags.carray
        )

    def run(self, x: Any, out: Any) -> Any:
        """y, in `out` if there is one."""
        with self.owned.lock:
            self.x[...] = x
            status = step(*self.arguments)
            if status < 0:
                c.refuse(status)
            if out is None:
                return self.y.copy()
            out[...] = self.y
            return out
