"""The functions of the C API under their own names, made from the headers' tables.

    from recur import c
    layer = c.recur_linear_create(None, 4, 2, 0)        # out-parameters are results
    y = numpy.empty((3, 2), numpy.float32)
    c.recur_layer_forward(layer, packed, x, None, y, None)

Arguments are those of C, in its order, without the out-parameters: these come back (a tuple, if
there are several). A failure is an exception with the library's sentence. Handles are objects that
keep what they need alive; arrays are NumPy's, and must have the type, the order in memory and the
room that the function needs, which is checked. None is NULL. Structs are classes here too
(`c.recur_recurrent_options(cell=c.RECUR_CELL_LSTM, input_size=3, hidden_size=4)`); a dict does as
well. docs and header comments of the C library describe each function.
"""

from __future__ import annotations

import contextlib
import ctypes
import types
from typing import Any

import numpy as np

from . import _api, _sizes
from ._convert import CONVERTERS
from ._handles import CLASSES, EXCLUSIVE, View, make
from ._library import LIBRARY
from ._numbers import INTEGERS
from ._structs import STRUCTS
from .errors import raise_status

SCALARS_OUT = {
    "double *": ctypes.c_double,
    "int64_t *": ctypes.c_int64,
    "size_t *": ctypes.c_size_t,
}
ARRAYS_OUT: dict[str, Any] = {
    "label_lengths": np.int64,
    "scores": np.float64,
}  # out-parameters with a number for each sequence
RESULTS = {**INTEGERS, "void": None, "double": ctypes.c_double, "const char *": ctypes.c_char_p}
_kept: list[Any] = []  # allocators: what they made may outlive every handle that Python has


def _c_type(ctype: Any) -> Any:
    """How ctypes passes a type: integers and doubles as they are, every pointer as an address."""
    if ctype in INTEGERS:
        return INTEGERS[ctype]
    return {"double": ctypes.c_double, "const char *": ctypes.c_char_p}.get(ctype, ctypes.c_void_p)


def _raw(name: Any) -> Any:
    """The function itself, with all its types set."""
    ret, args = _api.FUNCTIONS[name]
    function = LIBRARY[name]
    function.argtypes = [_c_type(ctype) for ctype, _ in args]
    function.restype = RESULTS.get(ret, ctypes.c_void_p)
    return function


RAW = {name: _raw(name) for name in _api.FUNCTIONS}


def refuse(status: Any) -> None:
    """Raises what a status of the library stands for, with its sentence."""
    raise_status(status, RAW["recur_last_error"]().decode(errors="replace"))


def bare(name: Any) -> Any:
    """A function that gives a status, without its types: its arguments are objects of ctypes, made
    once for many calls (an int would be passed as a C int, and cut)."""
    return LIBRARY[name]


# ---- what functions give back --------------------------------------------------------------------


def _out_kind(ctype: Any, name: Any) -> Any:
    """'handle', 'struct', 'scalar' for an out-parameter, None for an argument."""
    if ctype.endswith(" **") and ctype[:-3] in CLASSES:
        return "handle"
    if ctype[:-2] in STRUCTS and name == "out":
        return "struct"
    if ctype in SCALARS_OUT:
        return "array" if name in ARRAYS_OUT else "scalar"
    return None


def _plain(struct: Any) -> Any:
    """A struct that the library filled in, as a namespace: its texts, and structs that it points
    to, are copies that live on their own."""
    members = {}
    for name, (ctype, length) in struct._ctypes.items():
        value = getattr(struct, name)
        if ctype == "const char *":
            value = value.decode(errors="replace") if value is not None else None
        elif ctype[6:-2] in STRUCTS:
            value = _plain(value.contents) if value else None
        members[name] = tuple(value) if length else value
    members.pop("size", None)
    if "sources" in members:
        members["sources"] = tuple(_plain(struct.sources[i]) for i in range(struct.source_count))
    return types.SimpleNamespace(**members)


def _new_out(ctype: Any, kind: Any) -> Any:
    if kind == "handle":
        return ctypes.c_void_p()
    return STRUCTS[ctype[:-2]]() if kind == "struct" else SCALARS_OUT[ctype]()


def _finish_out(out: Any, ctype: Any, kind: Any, keep: Any) -> Any:
    if kind == "handle":
        name = ctype[:-3]
        return make(name, out.value, RAW[f"{name}_release"], keep)
    if kind == "array":
        return out
    return _plain(out) if kind == "struct" else out.value


# ---- calling -------------------------------------------------------------------------------------


def pin(owned: Any, change: Any) -> None:
    """A layout that a call reads must not be reset by another thread meanwhile: `change` is 1 for
    a call that reads it, -1 for one that writes."""
    with owned.count_lock:
        if owned.users < 0 or (change < 0 and owned.users > 0):
            raise RuntimeError("another thread is using this recur_packed")
        owned.users += change


def unpin(owned: Any, change: Any) -> None:
    with owned.count_lock:
        owned.users -= change


class Function:
    """A function of the library. `prototype` is its C declaration."""

    def __init__(self, name: Any) -> None:
        self.__name__ = self.__qualname__ = name
        self.ret, args = _api.FUNCTIONS[name]
        self.raw = RAW[name]
        self.fallible = self.ret == "recur_status"
        self.plan = [(ctype, arg, _out_kind(ctype, arg)) for ctype, arg in args]
        self.gives = any(out for _, _, out in self.plan)
        self.inputs = [(arg, CONVERTERS[ctype]) for ctype, arg, out in self.plan if not out]
        self.prototype = f"{self.ret} {name}({', '.join(f'{t} {a}' for t, a in args) or 'void'})"
        self.__doc__ = self.prototype
        self.shared = [
            a for t, a, _ in self.plan if t in ("recur_packed *", "const recur_packed *")
        ]
        self.locked = [
            a for t, a, o in self.plan if not o and t.replace("const ", "")[:-2] in EXCLUSIVE
        ]
        self.voids = {a for t, a in args if "void" in t}
        self.size_rule: Any = None

    def __repr__(self) -> Any:
        return f"<C function {self.prototype}>"

    def __call__(self, *given: Any) -> Any:
        if len(given) != len(self.inputs):
            names = ", ".join(name for name, _ in self.inputs)
            raise TypeError(f"{self.__name__} takes ({names}), {len(given)} given")
        checked, passed = {}, {}
        for value, (name, convert) in zip(given, self.inputs):
            checked[name], passed[name] = convert(value, name)
        if not self.locked and not self.shared:
            return self._call(checked, passed)
        locks = [passed[name] for name in self.locked if passed[name] is not None]
        if len(locks) > 1:  # in one order for all threads, and each once
            locks = sorted({id(owned): owned for owned in locks}.values(), key=id)
        pinned = [passed[name] for name in self.shared if passed[name] is not None]
        return self._locked(locks, pinned, checked, passed)

    def _locked(self, locks: Any, pinned: Any, checked: Any, passed: Any) -> Any:
        """The call, with these locks held and these layouts pinned, one after the other."""
        if locks:
            with locks[0].lock:
                return self._locked(locks[1:], pinned, checked, passed)
        if not pinned:
            return self._call(checked, passed)
        change = -1 if self.__name__ == "recur_packed_reset" else 1
        pin(pinned[0], change)
        try:
            return self._locked((), pinned[1:], checked, passed)
        finally:
            unpin(pinned[0], change)

    def _call(self, checked: Any, passed: Any) -> Any:
        sizes: dict[str, int] = self._check_sizes(checked) if self.size_rule else {}
        if self.fallible and not self.gives:
            status = self.raw(*passed.values())
            if status < 0:
                refuse(status)
            return None
        outs: list[Any] = []
        arguments: list[Any] = []
        for ctype, name, kind in self.plan:
            if kind == "array":
                outs.append((np.zeros(sizes.get(name, 0), ARRAYS_OUT[name]), ctype, kind))
                arguments.append(outs[-1][0].ctypes.data)
            elif kind:
                outs.append((_new_out(ctype, kind), ctype, kind))
                arguments.append(ctypes.byref(outs[-1][0]))
            else:
                arguments.append(passed[name])
        result = self.raw(*arguments)
        if self.fallible:
            if result < 0:
                refuse(result)
            results = [_finish_out(out, ctype, kind, None) for out, ctype, kind in outs]
            return None if not results else results[0] if len(results) == 1 else tuple(results)
        return result.decode(errors="replace") if isinstance(result, bytes) else result

    def _check_sizes(self, checked: Any) -> Any:
        sizes = self.size_rule(checked)
        for name, needed in sizes.items():
            value = checked.get(name)
            if value is None:
                continue
            in_bytes = isinstance(value, bytes) or (
                isinstance(value, np.ndarray) and name in self.voids
            )
            room = (
                value.nbytes if in_bytes and isinstance(value, np.ndarray) else _numbers_in(value)
            )
            if room < needed:
                unit = "bytes" if in_bytes else "numbers"
                shape = f" (shape {value.shape})" if isinstance(value, np.ndarray) else ""
                raise ValueError(
                    f"{self.__name__}: {name} needs {needed} {unit}, and has {room}{shape}"
                )
        return sizes


def _numbers_in(value: Any) -> Any:
    return value.size if isinstance(value, np.ndarray) else len(value)


# ---- functions that need more than their types tell ----------------------------------------------


class Release(Function):
    """recur_x_release: the handle lets go of its object, which is freed when no call and no array
    needs it."""

    def __call__(self, handle: Any) -> None:
        expected: Any = CLASSES[self.plan[0][0][:-2]]
        if handle is not None and not isinstance(handle, expected):
            raise TypeError(
                f"{self.__name__}: a {expected.kind} is needed, not {type(handle).__name__}"
            )
        if handle is not None:
            handle.release()


class Params(Function):
    """The flat vector as an array: no copy, and the array keeps the layer alive. None where there
    are no parameters."""

    def __call__(self, layer: Any) -> Any:
        _, owned = self.inputs[0][1](layer, "layer")
        address = self.raw(owned) if owned is not None else None
        return (
            np.asarray(View(owned, address, RAW["recur_layer_param_count"](owned)))
            if address
            else None
        )


EXCHANGE = ctypes.CFUNCTYPE(
    ctypes.c_int32,
    ctypes.c_void_p,
    ctypes.c_int32,
    ctypes.c_int64,
    ctypes.POINTER(ctypes.c_float),
    ctypes.c_int64,
    ctypes.POINTER(ctypes.c_float),
)


class ShardsCreate(Function):
    """recur_shards_create(ctx, options, exchange): exchange(rank, send, receive) gets arrays. What
    it raises is the sentence of the failure. None: one rank."""

    def __call__(self, ctx: Any, options: Any, exchange: Any) -> Any:
        _, owned = self.inputs[0][1](ctx, "ctx")
        struct, passed = self.inputs[1][1](options, "options")
        if exchange is not None and not callable(exchange):
            raise TypeError(f"exchange: a callable is needed, not {type(exchange).__name__}")

        def called(_: Any, rank: Any, sends: Any, send: Any, receives: Any, receive: Any) -> Any:
            try:
                exchange(rank, _view(send, sends), _view(receive, receives))
            except BaseException as error:
                sentence = f"{type(error).__name__}: {error}"
                RAW["recur_fail"](_api.CONSTANTS["RECUR_E_IO"], sentence.encode())
                return _api.CONSTANTS["RECUR_E_IO"]
            return 0

        function = EXCHANGE(called) if exchange is not None else None
        address = ctypes.cast(function, ctypes.c_void_p) if function else None
        out = ctypes.c_void_p()
        status = self.raw(owned, passed, address, None, ctypes.byref(out))
        if status < 0:
            refuse(status)
        made = make("recur_shards", int(out.value or 0), RAW["recur_shards_release"], keep=function)
        made._facts = (max(struct.shards, 1), struct.count, struct.numbers)
        return made


def _view(floats: Any, count: Any) -> Any:
    """The library's floats as an array."""
    if not count:
        return np.empty(0, np.float32)
    return np.ctypeslib.as_array(floats, (count,))


def _of_shards(function: Any, shards: Any, *rest: Any) -> Any:
    """A call of a function that takes shards, which one thread uses at a time."""
    _, owned = CONVERTERS["recur_shards *"](shards, "shards")
    with owned.lock if owned is not None else contextlib.nullcontext():
        result = function.raw(owned, *rest)
        if function.fallible and result < 0:
            refuse(result)
        return result


def _pointer(values: Any, count: Any, dtype: Any, name: Any) -> Any:
    if values is not None and (values.dtype != dtype or values.size != count):
        raise ValueError(f"{name}: {count} numbers of type {np.dtype(dtype)} are needed")
    return None if values is None else values.ctypes.data


class ShardsGradient(Function):
    """The place as an array; it is valid until recur_shards_add."""

    def __call__(self, shards: Any) -> Any:
        address = _of_shards(self, shards)
        if not address:
            refuse(_api.CONSTANTS["RECUR_E_ORDER"])
        return np.asarray(View(shards.owned, address, shards._facts[1]))


class ShardsAdd(Function):
    """recur_shards_add(shards, numbers): any sequence of numbers."""

    def __call__(self, shards: Any, numbers: Any) -> None:
        values = np.ascontiguousarray(() if numbers is None else numbers, np.float64)
        _of_shards(self, shards, _pointer(values, shards._facts[2], np.float64, "numbers"))


class ShardsSum(Function):
    """recur_shards_sum(shards, grads): the numbers as an array."""

    def __call__(self, shards: Any, grads: Any) -> Any:
        _, count, numbers = shards._facts
        checked, _ = CONVERTERS["float *"](grads, "grads")
        values = np.zeros(numbers)
        _of_shards(
            self, shards, _pointer(checked, count, np.float32, "grads"), values.ctypes.data
        )
        return values


class CellLayer(Function):
    """The layer is borrowed: its handle keeps the cell alive, and does not release it."""

    def __call__(self, cell: Any) -> Any:
        _, owned = self.inputs[0][1](cell, "cell")
        address = self.raw(owned) if owned is not None else None
        return make("recur_layer", address, None, keep=owned) if address else None


class WriteMemory(Function):
    """The file as bytes."""

    def __call__(self, file: Any) -> Any:
        _, owned = CONVERTERS["const recur_file *"](file, "file")
        with owned.lock if owned is not None else contextlib.nullcontext():
            size = ctypes.c_size_t(0)
            self._try(owned, None, size)
            room = ctypes.create_string_buffer(max(size.value, 1))
            self._try(owned, room, size)
            return room.raw[: size.value]

    def _try(self, owned: Any, room: Any, size: Any) -> None:
        status = self.raw(owned, room, ctypes.byref(size))
        if status < 0:
            refuse(status)


class CompileMemory(Function):
    """recur_compile_c_memory(layer, options, file): one of the two texts."""

    def __call__(self, layer: Any, options: Any, file: Any) -> str:
        convert = [convert for _, convert in self.inputs]
        given, owned = convert[0](layer, "layer")
        wanted, how = convert[1](options, "options")
        if self.size_rule:
            self.size_rule({"layer": given, "options": wanted})
        _, number = convert[2](file, "file")
        size = ctypes.c_size_t(0)
        self._try(owned, how, number, None, size)
        room = ctypes.create_string_buffer(size.value)
        self._try(owned, how, number, room, size)
        return room.value.decode()

    def _try(self, owned: Any, how: Any, number: Any, room: Any, size: Any) -> None:
        status = self.raw(owned, how, number, room, ctypes.byref(size))
        if status < 0:
            refuse(status)


TRACE_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.POINTER(STRUCTS["recur_trace"]), ctypes.c_void_p)


class TapeTrace(Function):
    """recur_tape_trace(tape, function): the function gets a namespace with the members of
    recur_trace, arrays copied, h and dh without their strides. None: no trace."""

    def __call__(self, tape: Any, function: Any) -> None:
        _, owned = self.inputs[0][1](tape, "tape")
        if function is not None and not callable(function):
            raise TypeError(f"function: a callable is needed, not {type(function).__name__}")
        called = (
            TRACE_FUNCTION(lambda trace, _: function(_traced(trace.contents)))
            if function is not None
            else None
        )
        with owned.lock if owned is not None else contextlib.nullcontext():
            status = self.raw(owned, ctypes.cast(called, ctypes.c_void_p) if called else None, None)
            if status < 0:
                refuse(status)
            owned.traced = called  # lives as long as the tape may call it


def _traced(trace: Any) -> Any:
    info = STRUCTS["recur_layer_info"]()
    RAW["recur_layer_describe"](trace.recurrent, -1, ctypes.byref(info))
    rows, width = trace.rows, info.projection_size or trace.hidden_size
    shapes = {
        "gate": (rows, trace.gates, trace.hidden_size),
        "c": (rows, trace.hidden_size),
        "h": (rows, width),
        "dh": (rows, width),
        "norm": (trace.steps,),
    }
    seen = _plain(trace)
    for name, shape in shapes.items():
        pointer = getattr(trace, name)
        flat = np.ctypeslib.as_array(pointer, (1,)) if pointer else None
        strides = (4 * trace.h_stride, 4) if name == "h" else None
        setattr(
            seen,
            name,
            None
            if flat is None
            else np.lib.stride_tricks.as_strided(
                flat, shape, strides or _rows_of(shape, flat)
            ).copy(),
        )
    del seen.packed, seen.recurrent
    return seen


def _rows_of(shape: Any, flat: Any) -> Any:
    """Strides of an array without gaps."""
    return tuple(
        flat.itemsize * int(np.prod(shape[i + 1 :], dtype=np.int64)) for i in range(len(shape))
    )


class ContextCreate(Function):
    def __call__(self, options: Any) -> Any:
        context = super().__call__(options)
        if isinstance(options, dict):
            options = options.get("allocator")
        if options is not None:
            _kept.append(options)
        return context


class StructInit(Function):
    """recur_x_init: its size must be that of the struct at most, for so many bytes are written."""

    def __call__(self, struct: Any, size: Any, *kind: Any) -> Any:
        checked, _ = self.inputs[0][1](struct, self.inputs[0][0])
        if checked is not None and size > ctypes.sizeof(checked):
            raise ValueError(
                f"{self.__name__}: size is {size}, more than the {ctypes.sizeof(checked)} bytes "
                "of the struct"
            )
        return super().__call__(checked, size, *kind)


def exact(name: Any, *kind: Any, **members: Any) -> Any:
    """A struct as recur_x_init makes it, with these members: a zero among them is a zero, not a
    wish for the default."""
    struct = STRUCTS[name]()
    FUNCTIONS[f"{name}_init"](struct, ctypes.sizeof(struct), *kind)
    for member, value in members.items():
        if member not in struct._ctypes:
            raise TypeError(f"{name} has no member {member}")
        setattr(struct, member, value)
    return struct


def _make(name: Any) -> Any:
    special = {
        "recur_layer_params": Params,
        "recur_cell_layer": CellLayer,
        "recur_file_write_memory": WriteMemory,
        "recur_compile_c_memory": CompileMemory,
        "recur_context_create": ContextCreate,
        "recur_tape_trace": TapeTrace,
        "recur_shards_create": ShardsCreate,
        "recur_shards_gradient": ShardsGradient,
        "recur_shards_add": ShardsAdd,
        "recur_shards_sum": ShardsSum,
    }
    if name.endswith("_release"):
        return Release(name)
    args = _api.FUNCTIONS[name][1]
    if name.endswith("_init") and args[0][0][:-2] in STRUCTS:
        return StructInit(name)
    return special.get(name, Function)(name)


class _Ask:
    """Queries that the size rules need. Facts of a layer never change, so they are asked once."""

    rows_in = staticmethod(lambda packed: RAW["recur_packed_rows"](packed.owned))
    batch = staticmethod(lambda packed: RAW["recur_packed_batch"](packed.owned))
    steps = staticmethod(lambda packed: RAW["recur_packed_steps"](packed.owned))
    shards = staticmethod(lambda shards: shards._facts[0])
    gradient = staticmethod(lambda shards: shards._facts[1])
    streams = staticmethod(lambda state: RAW["recur_state_batch"](state.owned))
    rows_out = staticmethod(
        lambda layer, packed: RAW["recur_layer_rows"](layer.owned, packed.owned)
    )

    @staticmethod
    def facts(handle: Any) -> Any:
        if handle._facts is None:
            info = FUNCTIONS["recur_layer_describe"](handle, -1)
            handle._facts = (
                (info.input_size, info.output_size),
                RAW["recur_layer_param_count"](handle.owned),
            )
        return handle._facts

    def widths(self, layer: Any) -> Any:
        return self.facts(layer)[0]

    def count(self, layer: Any) -> Any:
        return self.facts(layer)[1]

    @staticmethod
    def layer_of(cell: Any) -> Any:
        if cell._facts is None:
            cell._facts = FUNCTIONS["recur_cell_layer"](cell)
        return cell._facts


globals().update(CLASSES)
globals().update(STRUCTS)
globals().update(_api.CONSTANTS)
FUNCTIONS = {name: _make(name) for name in _api.FUNCTIONS}
globals().update(FUNCTIONS)
for _name, _rule in _sizes.rules(_Ask()).items():
    FUNCTIONS[_name].size_rule = _rule

__all__ = [*_api.FUNCTIONS, *_api.STRUCTS, *_api.CONSTANTS, *_api.HANDLES]
