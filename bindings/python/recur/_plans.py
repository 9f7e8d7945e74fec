"""Plans of small calls: what a call with arrays of a known shape needs, made once.

A call of the general way checks everything and makes a state, a layout and arrays anew, which takes
far longer than the few numbers of one step do. A module keeps a plan for each of the last few
shapes: in evaluation with buffers for x, y and the state, which a call copies x into and the
results out of; in training without, as x and y stay for backward. What a plan does not know goes
the general way, which finds the words for what is wrong.
"""

from __future__ import annotations

import contextlib
import copy
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

NO_LOCK = contextlib.nullcontext()

backward, backward_ids = c.RAW["recur_layer_backward"], c.RAW["recur_layer_backward_ids"]
forward = c.bare("recur_layer_forward")
forward_ids = c.bare("recur_layer_forward_ids")
step = c.bare("recur_layer_step")
cell_step = c.bare("recur_cell_step")
cell_step_ids = c.bare("recur_cell_step_ids")
reset_state = c.bare("recur_state_reset")
read_state = c.bare("recur_state_read")
write_state = c.bare("recur_state_write")


def planned_array(x: Any) -> bool:
    """Whether x is float32 of NumPy's own type, and comes from no recorded pass."""
    return type(x) is ndarray and x.dtype is F32 and (x.base is None or owner_of(x) is None)


def key_of(x: Any) -> Any:
    """What a plan for x is found by: its shape, and whether it holds ids. None: there is none."""
    if x.dtype is F32:
        return x.shape
    return (x.shape,) if x.dtype.kind in "iu" else None


def planned_ids(x: Any) -> bool:
    """Whether x holds integers that fit into 32 bits."""
    return x.dtype == np.int32 or bool((x.astype(np.int32) == x).all())


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


def run_backward(one: Any, layer: Any, dy: Any, dstate: Any, dx: Any, grads: Any) -> None:
    """Plays a pass back, from arrays that are known to have the right sizes; `dstate` is a handle,
    or None. Who calls has the lock of the module."""
    layer, packed, tape = layer.owned, one.form.layout.handle.owned, one.tape.handle.owned
    to = [address(array) for array in ((grads,) if one.is_ids else (dx, grads))]
    run = backward_ids if one.is_ids else backward
    c.pin(packed, 1)
    try:
        with dstate.owned.lock if dstate is not None else NO_LOCK:
            state = dstate.owned if dstate is not None else None
            status = run(layer, packed, address(one.rows), address(dy), state, *to, tape)
    finally:
        c.unpin(packed, 1)
    if status < 0:
        c.refuse(status)


def address(array: Any) -> Any:
    return None if array is None else array.__array_interface__["data"][0]


class Plan:
    """What plans of passes have in common: a layout of their own, and a state of their own where
    the module has one."""

    __slots__ = (
        "layer",
        "batch_first",
        "form",
        "arguments",
        "reset",
        "writes",
        "read",
        "values",
        "shapes",
        "per_sequence",
        "is_ids",
        "_kept",
    )

    def __init__(self, module: Any, form: Any, is_ids: bool, per_sequence: bool) -> None:
        layer = module._open()
        self.is_ids = is_ids
        self.form = form = copy.copy(form)
        form.layout = form.layout.alone()
        self.layer, self.per_sequence = weakref.ref(layer), per_sequence
        self.batch_first, self.shapes = module.batch_first, ()
        packed, state = form.layout.handle.owned, None
        self._kept: tuple[Any, ...] = ()
        names = getattr(type(module), "states", ())
        if names:
            state = self._plan_state(module, names)
        self.arguments = (ctypes.c_void_p(layer.owned.value), packed, state)

    def _plan_state(self, module: Any, names: Any) -> Any:
        """The calls around a forward whose state is of its own, which comes back."""
        state = c.recur_state_create(module._open(), self.form.layout.batch)
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
            views.append(flat.reshape(info.dim[: info.rank]))
        every = (ctypes.c_int64(0), ctypes.c_int64(total), pointer(values))
        if len(places) == len(names):
            pointers = [every]
        self.values = tuple(views)
        self.shapes = tuple(self.form.states(view).shape for view in views)
        self.reset = (state.owned, ctypes.c_int64(-1))
        self.writes = tuple((state.owned, *one) for one in pointers)
        self.read = (state.owned, *every)
        self._kept = (state, values)
        return state.owned

    def begin(self, given: Any) -> int:
        """The state becomes the initial one (None), or takes arrays for all of it."""
        status: int = reset_state(*self.reset)  # RECUR_OK is 0
        if given is not None:
            for view, value in zip(self.values, given):
                self.form.states(view)[...] = value
            for arguments in self.writes:
                status = status or write_state(*arguments)
        return status

    def fits(self, module: Any) -> bool:
        """Whether the module is as it was when the plan was made."""
        return self.layer() is module._layer and self.batch_first == module.batch_first


class PassPlan(Plan):
    """A forward without a record, of x of one shape.

    The plan has a layout and a state to itself, and one thread at a time uses it. Tapes, whose
    scratch may be large, come from the module. The arguments hold the address of the layer only:
    who calls holds the layer meanwhile."""

    __slots__ = ("lock", "x", "y", "places")

    def __init__(self, module: Any, form: Any, x: Any, y: Any, per_sequence: bool) -> None:
        """`x` and `y` are rows of such a call."""
        super().__init__(module, form, x.dtype != F32, per_sequence)
        x, y = np.zeros_like(x), np.zeros_like(y)
        self.lock = threading.Lock()
        if self.is_ids:
            self.x = self.form.shaped(x.reshape(-1, 1), False)[..., 0]
        else:
            self.x = self.form.shaped(x, False)
        self.y = self.form.shaped(y, per_sequence)
        self.places = (pointer(x), pointer(y))
        self._kept += (x, y)

    def take(self, module: Any) -> Any:
        """The object of the layer, which the caller holds until the call is over, and gives the
        lock back. None: the layer was released or changed, or another thread has the plan."""
        owned = module._layer._owned
        return owned if self.fits(module) and owned and self.lock.acquire(False) else None

    def run(self, x: Any, tape: Any) -> Any:
        """y, without a state."""
        self.x[...] = x
        self._forward(None, tape)
        return self.y.copy()

    def _forward(self, state: Any, tape: Any) -> None:
        layer, packed, _ = self.arguments
        call = forward_ids if self.is_ids else forward
        status = call(layer, packed, self.places[0], state, self.places[1], tape)
        if status < 0:
            c.refuse(status)

    def run_with(self, x: Any, state: Any, tape: Any) -> Any:
        """y, with a State that is changed."""
        owned = state._handle.owned
        self.x[...] = x
        with owned.lock:
            self._forward(owned, tape)
        return self.y.copy()

    def run_from(self, x: Any, given: Any, tape: Any) -> Any:
        """y and the final state, from the initial state (None), or from arrays for all of it."""
        self.x[...] = x
        layer, packed, state = self.arguments
        call = forward_ids if self.is_ids else forward
        status = self.begin(given)
        status = status or call(layer, packed, self.places[0], state, self.places[1], tape)
        status = status or read_state(*self.read)
        if status:
            c.refuse(status)
        return self.y.copy(), [self.form.states(view).copy() for view in self.values]


class RecordPlan(Plan):
    """A recorded forward of x of one shape; who calls has the lock of the module. x, y and the
    final state are new arrays, which belong to the record."""

    __slots__ = ("y_shape",)

    def __init__(self, module: Any, form: Any, x: Any, y: Any, per_sequence: bool) -> None:
        """`x` and `y` are rows of such a call."""
        super().__init__(module, form, x.dtype != F32, per_sequence)
        self.y_shape = y.shape

    def rows(self, x: Any, is_result: bool) -> Any:
        """x as rows: a copy, unless it is a result, which nobody writes into."""
        if self.is_ids:
            return self.form.rows(np.array(x, np.int32, order="C"))
        if is_result:
            return np.ascontiguousarray(self.form.rows(x.view(ndarray)))
        return self.form.rows(np.array(x, order="C"))

    def run(self, rows: Any, given: Any, tape: Any) -> tuple[Any, ...]:
        """(rows of y, final state ...), from the initial state (None) or arrays for all of it."""
        layer, packed, state = self.arguments
        y = np.empty(self.y_shape, F32)
        places = rows.__array_interface__["data"][0], y.__array_interface__["data"][0]
        x_at, y_at = ctypes.c_void_p(places[0]), ctypes.c_void_p(places[1])
        call = forward_ids if self.is_ids else forward
        if state is None:
            status = call(layer, packed, x_at, None, y_at, tape)
            if status < 0:
                c.refuse(status)
            return (y,)
        status = self.begin(given) or call(layer, packed, x_at, state, y_at, tape)
        status = status or read_state(*self.read)
        if status:
            c.refuse(status)
        return (y, *(view.copy() for view in self.values))

    def shaped(self, results: Any) -> Any:
        """What the user gets of the results: views in the form of x."""
        y = self.form.shaped(results[0], self.per_sequence)
        return [y, *(self.form.states(final) for final in results[1:])]


class CellPlan(RecordPlan):
    """A step of a cell, recorded or not, from x of one shape; who calls has the lock of the
    module."""

    __slots__ = ()

    def __init__(self, module: Any, form: Any, x: Any) -> None:
        """`x` are rows of such a call."""
        super().__init__(module, form, x, x, False)
        self.arguments = (ctypes.c_void_p(module._cell.owned.value), *self.arguments[1:])

    def run(self, rows: Any, given: Any, tape: Any) -> tuple[Any, ...]:
        """The state after the step, from zeros (None) or arrays for all of it."""
        cell, _, state = self.arguments
        call = cell_step_ids if self.is_ids else cell_step
        x_at = ctypes.c_void_p(rows.__array_interface__["data"][0])
        status = self.begin(given) or call(cell, x_at, state, None, tape)
        status = status or read_state(*self.read)
        if status:
            c.refuse(status)
        return tuple(view.copy() for view in self.values)


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
