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
from .passes import Array, owner_of

ndarray = np.ndarray
copied = ndarray.copy  # of an Array: an Array, without asking where it comes from
addressof, of_buffer = ctypes.addressof, ctypes.c_char.from_buffer
MOST_NUMBERS = 1 << 14  # of x and y: with more than these, copies cost more than checks
MOST_PLANS = 16  # of a module

I32 = np.dtype(np.int32)
LIMIT = 1 << 31  # of numbers of 32 bits
FEW = 32
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
    """Whether x is float32 and comes from no recorded pass."""
    kind = type(x)
    if kind is not ndarray and (kind is not Array or x._made is not None):
        return False
    return x.dtype is F32 and (x.base is None or owner_of(x) is None)


def key_of(x: Any) -> Any:
    """What a plan for x is found by: its shape, and whether it holds ids. None: there is none."""
    if x.dtype is F32:
        return x.shape
    return (x.shape,) if x.dtype.kind in "iu" else None


def planned_ids(x: Any) -> bool:
    """Whether x holds integers that fit into 32 bits."""
    if x.dtype is I32:
        return True
    if x.size > FEW:
        return bool((x.astype(np.int32) == x).all())
    numbers = x.ravel().tolist()  # for few of them Python is faster than a call of NumPy's
    return bool(-LIMIT <= min(numbers) and max(numbers) < LIMIT)


def address(array: Any) -> Any:
    """Where the numbers of an array without gaps lie; None of None."""
    if array is None:
        return None
    try:
        return addressof(of_buffer(array))  # a third of what __array_interface__ takes
    except (TypeError, ValueError):  # read-only, or empty
        return array.__array_interface__["data"][0]


def pointer(array: Any) -> ctypes.c_void_p:
    return ctypes.c_void_p(address(array))


def run_forward(
    run: Any, layer: Any, layout: Any, rows: Any, state: Any, y: Any, tape: Any
) -> None:
    """A forward (of rows or ids, as `run` says) whose arrays are known to have the right sizes."""
    layer, packed, tape = layer.owned, layout.handle.owned, tape.handle.owned
    at, to = address(rows), address(y)
    c.pin(packed, 1)
    try:
        if state is None:
            status = run(layer, packed, at, None, to, tape)
        else:
            owned = state._handle.owned
            with owned.lock:
                status = run(layer, packed, at, owned, to, tape)
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
        "finals",
        "state_memory",
        "shapes",
        "per_sequence",
        "is_ids",
        "_kept",
    )
    shapes: tuple[Any, ...]
    values: tuple[Any, ...]
    finals: tuple[Any, ...]

    def __init__(self, module: Any, form: Any, is_ids: bool, per_sequence: bool) -> None:
        layer = module._open()
        self.is_ids = is_ids
        self.form = form = copy.copy(form)
        form.layout = form.layout.alone()
        self.layer, self.per_sequence = weakref.ref(layer), per_sequence
        self.batch_first = module.batch_first
        self.shapes = self.values = self.finals = ()
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
        told = [c.recur_state_tensor_info(state, i) for i in range(count)]
        infos = {info.name: info for info in told}
        total = sum(info.count for info in told)
        values, pointers, views = np.zeros(total, np.float32), [], []
        for name in names:
            info = infos[name]
            flat = values[info.offset : info.offset + info.count]
            place = (ctypes.c_int64(info.offset), ctypes.c_int64(info.count))
            pointers.append((*place, pointer(flat)))
            views.append(flat.reshape(info.dim[: info.rank]))
        every = (ctypes.c_int64(0), ctypes.c_int64(total))
        if len(infos) == len(names):
            pointers = [(*every, pointer(values))]
        self.values = tuple(views)
        self.shapes = tuple(self.form.states(view).shape for view in views)
        offsets = [4 * infos[name].offset for name in names]
        self.finals = tuple(zip(self.shapes, offsets))
        self.state_memory = ctypes.c_float * total
        self.reset = (state.owned, ctypes.c_int64(-1))
        self.writes = tuple((state.owned, *one) for one in pointers)
        self.read = (state.owned, *every)
        self._kept = (state, values)
        return state.owned

    def read_state(self, status: int) -> Any:
        """The memory of the state after a call, whose status this was."""
        memory = self.state_memory()
        status = status or read_state(*self.read, memory)
        if status:
            c.refuse(status)
        return memory

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


def laid_out(array: Any) -> tuple[Any, bool]:
    """(shape, whether two axes are swapped): those of the memory below a view in a user's form."""
    swapped = not array.flags.c_contiguous
    return (array.swapaxes(0, 1) if swapped else array).shape, swapped


class PassPlan(Plan):
    """A forward without a record, of x of one shape.

    The plan has a layout and a state to itself, and one thread at a time uses it. Tapes, whose
    scratch may be large, come from the module. The arguments hold the address of the layer only:
    who calls holds the layer meanwhile."""

    __slots__ = ("lock", "x", "y", "arrays")

    def __init__(self, module: Any, form: Any, x: Any, y: Any, per_sequence: bool) -> None:
        """`x` and `y` are rows of such a call."""
        super().__init__(module, form, x.dtype != F32, per_sequence)
        x, y = np.zeros_like(x), np.zeros_like(y)
        self.lock = threading.Lock()
        if self.is_ids:
            self.x = self.form.shaped(x.reshape(-1, 1), False)[..., 0]
        else:
            self.x = self.form.shaped(x, False)
        self.y = self.form.shaped(y, per_sequence).view(Array)
        self.arrays = (pointer(x), pointer(y))
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
        return copied(self.y)

    def _forward(self, state: Any, tape: Any) -> None:
        layer, packed, _ = self.arguments
        call = forward_ids if self.is_ids else forward
        status = call(layer, packed, self.arrays[0], state, self.arrays[1], tape)
        if status < 0:
            c.refuse(status)

    def run_with(self, x: Any, state: Any, tape: Any) -> Any:
        """y, with a State that is changed."""
        owned = state._handle.owned
        self.x[...] = x
        with owned.lock:
            self._forward(owned, tape)
        return copied(self.y)

    def run_from(self, x: Any, given: Any, tape: Any) -> Any:
        """y and the final state, from the initial state (None), or from arrays for all of it."""
        self.x[...] = x
        layer, packed, state = self.arguments
        call = forward_ids if self.is_ids else forward
        status = self.begin(given)
        status = status or call(layer, packed, self.arrays[0], state, self.arrays[1], tape)
        memory = self.read_state(status)
        return copied(self.y), [Array(shape, F32, memory, at) for shape, at in self.finals]


class RecordPlan(Plan):
    """A recorded forward of x of one shape; who calls has the lock of the module. x, y and the
    final state are new arrays, which belong to the record. Their memory is ctypes', as asking
    NumPy for an address takes longer than all else."""

    __slots__ = (
        "x_memory",
        "x_shape",
        "x_swapped",
        "rows_shape",
        "y_memory",
        "y_shape",
        "y_swapped",
        "result_shapes",
        "bytes",
    )

    def __init__(self, module: Any, form: Any, x: Any, y: Any, per_sequence: bool) -> None:
        """`x` and `y` are rows of such a call."""
        super().__init__(module, form, x.dtype != F32, per_sequence)
        self.bytes = 0  # that a record takes; 0 until one is there
        self.x_memory = (ctypes.c_int32 if self.is_ids else ctypes.c_float) * x.size
        self.rows_shape = x.shape
        self._plan_forms(x, y)

    def _plan_forms(self, x: Any, y: Any) -> None:
        """How the user's x becomes rows, and rows become the user's y."""
        given = self.form.shaped(x.reshape(-1, 1) if self.is_ids else x, False)
        self.x_shape, self.x_swapped = laid_out(given[..., 0] if self.is_ids else given)
        self.y_memory = ctypes.c_float * y.size
        self.y_shape, self.y_swapped = laid_out(self.form.shaped(y, self.per_sequence))
        self.result_shapes = (y.shape, *(view.shape for view in self.values))

    def rows(self, x: Any, is_result: bool) -> tuple[Any, Any]:
        """x as rows, and what the library gets for them: a copy, unless it is a result, which
        nobody writes into."""
        if is_result:
            rows = np.ascontiguousarray(self.form.rows(x.view(ndarray)))
            return rows, ctypes.c_void_p(address(rows))
        memory, dtype = self.x_memory(), I32 if self.is_ids else F32
        rows = copied = ndarray(self.x_shape, dtype, memory)
        if self.x_shape != self.rows_shape:
            rows = ndarray(self.rows_shape, dtype, memory)
        copied[...] = x.swapaxes(0, 1) if self.x_swapped else x
        return rows, memory

    def run(self, rows_at: Any, given: Any, tape: Any) -> tuple[Any, ...]:
        """The memories of (rows of y, final state ...), from the initial state (None) or arrays
        for all of it."""
        layer, packed, state = self.arguments
        memory = self.y_memory()
        call = forward_ids if self.is_ids else forward
        if state is None:
            status = call(layer, packed, rows_at, None, memory, tape)
            if status < 0:
                c.refuse(status)
            return (memory,)
        status = self.begin(given) or call(layer, packed, rows_at, state, memory, tape)
        return (memory, *[self.read_state(status)] * len(self.finals))

    def arrays(self, one: Any) -> list[Any]:
        """What the user gets of a pass."""
        y = one.array(0, self.y_shape)
        results = [y.swapaxes(0, 1) if self.y_swapped else y]
        for i, (shape, offset) in enumerate(self.finals, 1):
            results.append(one.array(i, shape, offset))
        return results


class CellPlan(RecordPlan):
    """A step of a cell, recorded or not, from x of one shape; who calls has the lock of the
    module."""

    __slots__ = ()

    def __init__(self, module: Any, form: Any, x: Any) -> None:
        """`x` are rows of such a call."""
        super().__init__(module, form, x, None, False)
        self.arguments = (ctypes.c_void_p(module._cell.owned.value), *self.arguments[1:])

    def _plan_forms(self, x: Any, y: Any) -> None:
        self.x_swapped, self.x_shape = False, x.shape[1:] if self.form.alone else x.shape
        self.result_shapes = tuple(view.shape for view in self.values)

    def run(self, rows_at: Any, given: Any, tape: Any) -> tuple[Any, ...]:
        """The memory of the state after the step, from zeros (None) or arrays for all of it."""
        cell, _, state = self.arguments
        call = cell_step_ids if self.is_ids else cell_step
        status = self.begin(given) or call(cell, rows_at, state, None, tape)
        return (self.read_state(status),) * len(self.finals)

    def arrays(self, one: Any) -> list[Any]:
        """What the user gets of a step: the state after it."""
        return [one.array(i, shape, at) for i, (shape, at) in enumerate(self.finals)]


class StepPlan:
    """A streaming step of one State through one layer; who calls has the lock of the state."""

    __slots__ = ("layer", "owned", "x", "y", "x_shape", "y_shape", "arguments")

    def __init__(self, layer: Any, state: Any, info: Any) -> None:
        self.layer = weakref.ref(layer)
        self.x = np.zeros((state.batch, info.input_size), np.float32)
        self.y = np.zeros((state.batch, info.output_size), np.float32).view(Array)
        self.x_shape, self.y_shape = self.x.shape, self.y.shape
        self.owned, x, y = state._handle.owned, pointer(self.x), pointer(self.y)
        self.arguments = (ctypes.c_void_p(layer.owned.value), x, self.owned, y, None)

    def takes(self, out: Any) -> bool:
        """Whether y can be copied into this array."""
        return (
            type(out) in (ndarray, Array)
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
                return copied(self.y)
            out[...] = self.y
            return out
