"""Modules that are a layer of the library: their passes, the records of these, the way back."""

from __future__ import annotations

import collections
import contextlib
import copy
import functools
import inspect
import math
import threading
import types
import weakref
from typing import TYPE_CHECKING, Any, Callable, Iterator, cast

import numpy as np
import numpy.typing as npt

from . import c, settings
from ._arrays import F32, floats, rows_or_ids, warn_caller
from ._forms import Dense, Packed, Rows
from ._plans import (
    MOST_NUMBERS,
    MOST_PLANS,
    PassPlan,
    RecordPlan,
    StepPlan,
    address,
    key_of,
    planned_array,
    planned_ids,
    run_backward,
    run_forward,
)
from ._structs import STRUCTS
from ._tapes import Held, Pass, Pool
from .errors import OrderError
from .module import Module, by_names, is_ours
from .packed import Layout, is_packed
from .parameter import Parameter
from .passes import WAITS, Array, Link, data_of, foreign, link_of, makers_in, memory_of, plain
from .state import State

if TYPE_CHECKING:
    from .settings import Context
    from ._types import Floats

PLAYED = (
    "this pass of {} was already played back: a pass is played back once. Add losses that share "
    "it, (l1 + l2).backward(), or "
    "call the module again"
)
UPDATED = (
    "this pass of {} was dropped, because its parameters changed after it: call the module again"
)
EVALUATED = "this pass of {} was dropped by eval(): play passes back before"
UNHELD = (
    "the newest call of this {} was dropped, because nobody held its output and the calls after "
    "it took much memory: hold "
    "its output, and use y.backward(grad)"
)
CROWDED = (
    "this pass of {} was dropped, because more than {} passes waited (recur.settings.set_waiting)"
)
MEANT = "; integers are ids, without a dimension of features: for features write 1.0 in place of 1"
EVALUATE = c.RECUR_TAPE_EVALUATE
NO_LINKS = (None,)
ndarray = np.ndarray
PRECISIONS = ("float32", "bfloat16", "int8")  # RECUR_PRECISION_*, by value
FIXED = {
    "p": "make a new Dropout; train(dropout=False) and eval() run without",
    "dropout": "make a new one, and load_state_dict; train(dropout=False) and eval() run without",
}


def _part_of(whole: Any, name: str) -> Any:
    return dict(whole._named_parts())[name]


def _made_again(tree: Any, data: Any = None) -> Any:
    """A module from its pickle: a tree, and the file of its layer."""
    layer = None
    if data is not None:
        layer = c.recur_file_get_model(c.recur_file_open_memory(None, data, len(data)), "")
    return Layer._planted(tree, layer)


def precision_of(name: str) -> int:
    """RECUR_PRECISION_* of its name."""
    if name not in PRECISIONS:
        raise ValueError(f"precision is {name!r}: it must be one of {', '.join(PRECISIONS)}")
    return PRECISIONS.index(name)


@functools.lru_cache(maxsize=None)
def words_of(kind: type) -> frozenset[str]:
    """What a module of a class is made with: the arguments of __init__ in this package."""
    words = set(getattr(kind, "option_names", ()))
    for one in kind.__mro__:
        if is_ours(one) and "__init__" in vars(one):
            words.update(inspect.signature(vars(one)["__init__"]).parameters)
    return frozenset(words - {"self", "batch_first"})


class Layer(Module):
    """Base of the modules that are a layer of the library: their calls are recorded passes.

    Outputs of recorded passes are Arrays, which know their pass. A pass waits for its backward
    as long as somebody holds its output, or until an update of the parameters makes it
    worthless.
    """

    recorded = True

    def _own(self, layer: Any, context: Context | None = None, init: bool = True) -> None:
        """Takes a layer of the library."""
        self._set(layer)
        self._context = context
        self._parent = self._grads = None
        self._offset = 0
        self._ready()
        self._mode, self._seed = c.RECUR_TAPE_TRAIN, settings.next_seed()
        if init and self.flat.size:
            c.recur_layer_init(layer, None, c.RECUR_INIT_DEFAULT, 0, self._seed)

    def _ready(self) -> None:
        """No pass is recorded yet."""
        self._lock, self._pool = threading.RLock(), Pool()
        self._plans: dict[Any, Any] = {}  # by the shape of x, of calls in evaluation
        self._record_plans: dict[Any, Any] = {}  # the same of recorded calls
        self._records = collections.deque()  # weak references to passes that wait, the newest last
        self._held = Held()  # the newest ones, for backward by hand without an output
        self._drawn, self._random, self._padded = 0, None, None
        self._count_anew()

    def _count_anew(self) -> None:
        """What has happened since the last update: the first pass, the last one played back
        that ran on plain arrays."""
        self._first, self._fed, self._played, self._detached = math.inf, -1, False, False

    def _move(self, parent: Any, layer: Any, offset: int) -> None:
        super()._move(parent, layer, offset)
        self._pool = Pool()

    def _set_public(self, name: str, value: Any) -> None:
        inside, kind = self.__dict__, cast(Any, type(self))
        if name in inside.get("params", ()):
            view = self.params[name]
            if isinstance(value, Parameter) and not same_place(value, view):
                raise TypeError(
                    f"{name} of a {type(self).__name__} cannot be the parameter of another module: "
                    f"no two modules share one. module.{name}[...] = value copies its numbers"
                )
            view[...] = floats(value, name, view.shape)
            self.forget()
        elif "_mode" not in inside or name in ("batch_first", "flat", "params", "training"):
            super()._set_public(name, value)
        elif (
            name in inside
            or name in words_of(kind)
            or isinstance(getattr(kind, name, None), property)
        ):
            raise AttributeError(
                f"{name} of a {type(self).__name__} is fixed when it is made: "
                f"{FIXED.get(name, 'make a new one')}"
            )
        elif isinstance(value, np.ndarray) and is_ours(type(self)):
            raise AttributeError(
                f"{type(self).__name__} has no parameter {name!r}: it has "
                f"{', '.join(self.params) or 'none'}"
            )
        else:
            super()._set_public(name, value)

    def _register(self, name: str, part: Any) -> Any:
        raise AttributeError(
            f"a {type(self).__name__} takes no module {name!r} as an attribute: write a Module "
            "that has both, or use a Sequential"
        )

    def _set_mode(self, mode: str) -> None:
        if (
            mode != c.RECUR_TAPE_EVALUATE
            and not self._able(c.RECUR_CAN_RECORD)
            and self._info.capabilities
        ):
            raise RuntimeError(f"this {type(self).__name__} is a snapshot: it cannot be trained")
        with self._lock:
            self._mode = mode
            if not self.training:
                self._drop_passes(EVALUATED)
                self._pool.clear()

    def manual_seed(self, seed: int) -> Module:
        """Dropout masks of the passes that follow depend on this seed and on how many have
        been recorded since."""
        c.recur_random(seed, 0)
        with self._lock:
            self._seed, self._drawn = int(seed), 0
        return self

    def _forget(self) -> None:
        self._drop_passes(UPDATED)
        self._count_anew()
        for part in self.children():
            part._forget()

    def _drop_passes(self, reason: Any) -> None:
        with self._lock:
            waiting = [ref() for ref in self._records]
            for one in waiting:
                if one is not None:
                    one.close(reason.format(one.name))
            self._records.clear()
            self._held.clear()

    # ---- passes ----------------------------------------------------------------------------------

    def _form(self, x: Any) -> Any:
        """(rows, whether they are ids, form) of what the user gave."""
        form: Any
        if is_packed(x):
            form = Packed(x)
            rows, is_ids = rows_or_ids(form.rows(x), "x")
        else:
            array, is_ids = rows_or_ids(x, "x")
            if self.over_time:
                if is_ids and array.ndim == 3:
                    raise ValueError(f"x has three dimensions, {array.shape}{MEANT}")
                form = Dense(array.shape, 2 if is_ids else 3, self.batch_first)
            else:
                if not is_ids and not array.ndim:
                    raise ValueError(
                        f"x must have at least one dimension for {type(self).__name__}"
                    )
                form = Rows(array.shape, is_ids)
            width = array.shape[-1] if not is_ids else None
            self._check_width(width)
            rows = np.ascontiguousarray(form.rows(array))
        self._check_width(None if is_ids else rows.shape[-1])
        if rows.ndim != (1 if is_ids else 2):
            raise ValueError(
                f"x must be {'ids' if is_ids else 'rows'}, its data have shape {rows.shape}"
            )
        return rows, is_ids, form

    def _check_width(self, width: int | None) -> None:
        if width is not None and width != self._info.input_size and self._info.input_size:
            raise ValueError(
                f"x has {width} features, {type(self).__name__} takes {self._info.input_size}"
            )

    # ---- recording ----

    def _context_handle(self) -> Any:
        return settings.handle_of(self._context)

    def _draws(self) -> bool:
        """Whether passes draw random numbers."""
        if self._random is None:
            info = self._info
            options = ("dropout", "recurrent_dropout", "zoneout_hidden", "zoneout_cell")
            self._random = any(getattr(info, name) for name in options) or any(
                part._draws() for part in self.children()
            )
        return bool(self._random)

    def _tape_for(self, links: Any, state: Any = None) -> Any:
        """The tape to record on: that of the pass which an initial state comes from, or one for
        this pass alone."""
        origins = [link.node for link in links if type(link) is Link]
        if state is not None and state.origin is not None:
            origins.append(state.origin())
        for before in origins:
            if (
                type(before) is Pass
                and before.module is self
                and before.newest()
                and before.tape.mode == self._mode
            ):
                before.tape.cut(before.place + 1)
                return before.tape
        return self._fresh_tape()

    def _fresh_tape(self) -> Any:
        """A tape for one pass alone."""
        held, seed = self._held, None
        if held and held[-1].bytes + held.bytes > settings.unheld_bytes:
            self._trim(held[-1].bytes)
        if self._random or self._random is None and self._draws():
            seed = c.recur_random(self._seed, self._drawn)
            self._drawn += 1
        tape = self._pool.record(self._context_handle).prepare(self._mode, seed)
        tape.clean = False
        return tape

    def _trim(self, expected: int) -> None:
        """Lets go of passes that nobody else holds, before they take more memory than settings
        allow: of half of them, so that this is rare."""
        self._held.keep_within(min(settings.unheld_bytes // 2, settings.unheld_bytes - expected))
        passes = self._records
        while passes and passes[0]() is None:
            passes.popleft()

    def _remember(self, one: Any, state: Any = None) -> None:
        """Puts a new pass on the list of those that wait. The next one with this State
        follows it on its tape."""
        if state is not None:
            state.origin = weakref.ref(one)
        passes, held, tape = self._records, self._held, one.tape
        if one.serial < self._first:
            self._first = one.serial
        while len(passes) > 1 and passes[-1]() is None and passes[-2]() is None:
            passes.pop()
        passes.append(tape.passes[-1])
        if not one.bytes:
            one.bytes = tape.bytes()
            if one.place:
                before = sum(other.bytes for other in held if other.tape is tape)
                one.bytes = max(one.bytes - before, 0)
        held.append(one)
        held.bytes += one.bytes
        if len(passes) > settings.waiting:
            self._drop_oldest()

    def _remember_planned(self, one: Any, plan: Any) -> None:
        """The same for a pass by a plan, whose first pass has told how many bytes each takes."""
        if one.place:
            self._remember(one)
        else:
            one.bytes = plan.bytes
            self._remember(one)
            plan.bytes = one.bytes

    def _drop_oldest(self) -> None:
        """Keeps the number of waiting passes within the bound."""
        alive = [one for one in (ref() for ref in self._records) if one is not None]
        if len(alive) <= settings.waiting:
            self._records = collections.deque(weakref.ref(one) for one in alive)
            return
        if settings.warn_once("waiting"):
            warn_caller(
                f"{len(alive)} recorded passes of one {type(self).__name__} wait for their "
                "backward, and the oldest are dropped. Use "
                "eval() for passes that need no gradient, y.detach() for results that you keep, "
                "or recur.settings.set_waiting"
            )
        for one in alive[: -settings.waiting]:
            one.close(CROWDED.format(one.name, settings.waiting))

    def _closed(self, one: Any) -> None:
        """A pass does not wait any more."""
        self._held.discard(one)
        for at in range(len(self._records) - 1, -1, -1):
            if self._records[at]() is one:
                del self._records[at]
                break

    def _call(
        self, x: Any, given: Any, state: Any = None, own: bool = False, links: Any = ()
    ) -> list[Any]:
        """Runs the layer. `given` is what _form made of x; `state` is a State, whose values
        are results too if it is the call's own. Gives [rows of y, final states ...]: Arrays
        in training, if somebody may ask for their gradients."""
        rows, is_ids, form = given
        layer, layout, data = self._open(), form.layout, data_of(x)
        run = c.RAW["recur_layer_forward_ids" if is_ids else "recur_layer_forward"]
        out_rows = c.RAW["recur_layer_rows"](layer.owned, layout.handle.owned)
        y = np.empty((out_rows, self._info.output_size), np.float32)
        link = None if is_ids else link_of(data)
        if not self.training:
            tape = self._pool.take(self._context_handle).prepare(EVALUATE)
            run_forward(run, layer, layout, rows, state, y, tape)
            self._pool.free.append(tape)
            if is_ids and isinstance(x, np.ndarray) or planned_array(x):
                self._plan_pass(x, form, rows, y)
            return self._untracked([y, *(self._finals(state) if own else ())], (link, *links))
        if type(link) is not Link and not is_ids:
            rows = kept(rows, data)
        if isinstance(x, np.ndarray):
            self._plan_pass(x, form, rows, y)
        with self._lock:
            tape = self._tape_for(links, state)
            run_forward(run, layer, layout, rows, state, y, tape)
            finals = self._finals(state) if own else ()
            results = (y, *finals)
            memories, shapes = [memory_of(r) for r in results], [r.shape for r in results]
            one = Pass(self, tape, rows, is_ids, form, memories, shapes, (link, *links))
            self._remember(one, None if own else state)
        return [one.array(i) for i in range(len(results))]

    def _plan_pass(self, x: Any, form: Any, rows: Any, y: Any) -> None:
        """Makes the plan of a shape when it comes for the second time."""
        recorded = self.training
        plans = self._record_plans if recorded else self._plans
        if not x.size or not y.size or x.size + y.size > MOST_NUMBERS:
            return
        kind = RecordPlan if recorded else PassPlan
        per_sequence = self._able(c.RECUR_CAN_REDUCE_TIME)
        self._plan_again(plans, x, lambda: kind(self, form, rows, y, per_sequence))

    def _plan_again(self, plans: dict[Any, Any], x: Any, make: Callable[[], Any]) -> None:
        """Puts a plan for x among the others, if its shape has come before."""
        key = key_of(x)
        known = plans.get(key)
        if key is None or known is not None and known.fits(self):
            return
        if key in plans:
            plans[key] = make()
            return
        if len(plans) >= MOST_PLANS:
            plans.clear()
        plans[key] = None

    def _planned_record(self, x: Any, state: Any = None) -> Any:
        """The results of a recorded call in the form of x, if there is a plan for it. `state`:
        None, or arrays for all of the initial state."""
        plan: Any = self._record_plans.get(x.shape if x.dtype is F32 else key_of(x))
        links = None if plan is None else self._links_of(plan, x, state)
        if links is None:
            return None
        owned = self._layer._owned  # held until the call is over
        if owned is None:
            return None
        rows, rows_at = plan.rows(x, links[0] is not None)
        with self._lock:
            tape = self._fresh_tape() if state is None else self._tape_for(links[1:])
            memories = plan.run(rows_at, state, tape.handle._owned)
            results = memories, plan.result_shapes
            one = Pass(self, tape, rows, plan.is_ids, plan.form, *results, links)
            self._remember_planned(one, plan)
        return plan.arrays(one)

    def _links_of(self, plan: Any, x: Any, state: Any) -> Any:
        """Where x and the arrays of an initial state come from: a Link, or None for data of the
        user's own. None in place of a list: they are not what the plan takes."""
        if not plan.fits(self):
            return None
        link = known_ids(x) if plan.is_ids else known_link(x)
        if link is Ellipsis:
            return None
        if state is None:
            return NO_LINKS if link is None else (link,)
        links = [link]
        if len(state) != len(plan.shapes):
            return None
        for value, shape in zip(state, plan.shapes):
            link = known_link(value)
            if link is Ellipsis or value.shape != shape:
                return None
            links.append(link)
        return links

    def _plan_of(self, x: Any) -> Any:
        """The plan of a call in evaluation, if x is what it takes."""
        plan = self._plans.get(key_of(x))
        if plan is None or not (planned_ids(x) if plan.is_ids else planned_array(x)):
            return None
        return plan

    def _planned_pass(self, x: Any, state: Any = None) -> Any:
        """What a call in evaluation gives, if there is a plan for it: y, and with a State this
        too. None: it goes the general way."""
        plan = self._plan_of(x)
        if plan is None:
            return None
        owned = plan.take(self)  # held until the call is over
        if owned is None:
            return None
        pool = self._pool
        try:
            tape = pool.take(self._context_handle).prepare(EVALUATE)
            if state is None:
                result = plan.run(x, tape.handle._owned)
            else:
                result = plan.run_with(x, state, tape.handle._owned), state
        finally:
            plan.lock.release()
        pool.free.append(tape)
        return result

    def _finals(self, state: Any) -> list[Any]:
        return [state[name] for name in self.states]

    def _untracked(self, results: list[Any], links: Any) -> list[Any]:
        """Results in evaluation: Arrays, with the reason why no gradient goes back to the
        modules that x comes from, if it comes from any."""
        return foreign(
            results,
            f"{type(self).__name__} in eval mode (train(dropout=False) records without dropout)",
            links,
        )

    # ---- going back ----

    def _newest(self, grad: Any = None) -> Pass:
        """The pass that backward by hand means: the newest one that waits."""
        if not self._records:
            raise OrderError(
                f"{type(self).__name__} has no recorded pass: backward follows a call in training "
                "mode, "
                "before the parameters are updated"
            )
        newest = self._records[-1]()
        if newest is None:
            self._records.pop()
            raise OrderError(UNHELD.format(type(self).__name__))
        makers = makers_in([data_of(grad)])
        origins = {made[0] for made in makers if type(made) is tuple}
        origins |= {ref() for made in makers if type(made) is not tuple for ref in made.passes}
        older = [
            one
            for one in origins
            if type(one) is Pass and one.module is self and one.status == WAITS
        ]
        if older and newest not in older:
            raise OrderError(
                f"backward of {type(self).__name__} means its newest call, and this gradient was "
                "computed from the output of an "
                "older one: use loss.backward() or y.backward(grad), which know their pass"
            )
        made: Pass = newest
        return made

    def _back(self, one: Any, dy: Any, dstate: Any, want_dx: bool) -> Any:
        """Plays a pass back: dx as rows, or None."""
        if one.status != WAITS:
            raise OrderError(one.status)
        layer, grads, tape = self._open(), self.flat_grad, one.tape
        padding = [(vector, vector.copy()) for vector in self._padding()]
        tape.cut(
            one.place + 1,
            f"this pass of {one.name} was dropped, because the pass that its state comes from was "
            "played back",
        )
        dx = np.empty_like(one.rows) if want_dx and not one.is_ids else None
        run_backward(one, layer, dy, dstate, dx, grads if grads.size else None)
        for vector, before in padding:
            vector[:] = before
        self._was_played(one)
        return dx

    def _was_played(self, one: Any) -> None:
        """The record of a pass is gone, its gradients are added."""
        tape = one.tape
        tape.passes.pop()
        tape.clean = not tape.passes
        self._played = True
        if any(link is None for link in one.links[one.is_ids :]):
            self._fed = max(self._fed, one.serial)
        one.close(PLAYED.format(one.name))

    def _padding(self) -> list[Any]:
        """Gradients that stay as they are: those of vectors for padding."""
        if self._padded is None:
            self._padded = [
                module
                for module in self.modules()
                if getattr(module, "padding_idx", None) is not None
            ]
        return [module.grads["weight"][module.padding_idx] for module in self._padded]

    def _play(self, one: Any, given: Any) -> Any:
        """Backward of a pass in a chain: pairs of a link and its gradient."""
        with self._lock:
            dx = self._back(one, given[0], None, one.links[0] is not None)
        return [(one.links[0], data_of(one.form.shaped(dx, False)))] if dx is not None else []

    def _dy(self, one: Any, grad: Any) -> Any:
        """The user's gradient of y as rows."""
        if grad is None:
            return None
        if hasattr(grad, "batch_sizes"):
            grad = (
                type(grad).of(plain(grad.data), grad.layout)
                if isinstance(grad.data, Array)
                else grad
            )
        return one.form.gradient(
            plain(grad), self._info.output_size, self._able(c.RECUR_CAN_REDUCE_TIME)
        )

    def forward(self, x: Any = None, **more: Any) -> Any:
        """y = module(x): the class says what x is."""
        if not more and type(x) in (np.ndarray, Array):
            if self._mode != EVALUATE:
                results = self._planned_record(x)
                if results is not None:
                    return results[0]
            else:
                y = self._planned_pass(x)
                if y is not None:
                    return y
        if more or x is None:
            x, _ = by_names(self, x, None, more, ("input",))
        given = self._form(x)
        return given[2].shaped(self._call(x, given)[0], self._able(c.RECUR_CAN_REDUCE_TIME))

    def backward(self, grad: Any = None, *, input_grad: bool = True) -> Any:
        """Gradient of x, from that of y (None: zeros), of the newest recorded call: for
        going back by hand, module by module. Gradients of parameters add up in `grads`.
        None where x were ids, or with input_grad=False."""
        with self._lock:
            one = self._newest(grad)
            dx = self._back(one, self._dy(one, grad), None, input_grad)
        return None if dx is None else one.form.shaped(dx, False)

    def memory(self, lengths: Any, flags: Any = 0) -> types.SimpleNamespace:
        """Bytes that the library takes for this module and a batch of sequences of these
        lengths (or a Layout): parameters, snapshot, state, record, scratch of training and
        of inference ...; recur_memory in C. flags: c.RECUR_MEMORY_*."""
        layout = lengths if isinstance(lengths, Layout) else Layout(lengths)
        made: types.SimpleNamespace = c.recur_layer_memory(self._open(), layout.handle, flags)
        return made

    # ---- streaming, copies, the end -------------------------------------------------------------

    def state(self, batch: int) -> State:
        """A fresh state for that many sequences."""
        return State(self, batch)

    def step(self, x: Any, state: State, out: Floats | None = None) -> npt.NDArray[Any]:
        """One step of every stream of a state: x [B][I] or ids [B]. No dropout, nothing is
        recorded."""
        if type(state) is State and type(x) in (np.ndarray, Array) and x.dtype is F32:
            plan, layer = state._plan, self._layer
            if (
                plan is not None
                and plan.layer() is layer
                and plan.x_shape == x.shape
                and state._handle._owned is plan.owned
                and (out is None or plan.takes(out))
            ):
                owned = layer._owned  # held until the call is over
                if owned is not None:
                    made: npt.NDArray[Any] = plan.run(x, out)
                    return made
        if not isinstance(state, State):
            raise TypeError(
                f"state must be a State (module.state(batch)), not {type(state).__name__}"
            )
        rows, is_ids = rows_or_ids(x, "x")
        wanted = (state.batch,) if is_ids else (state.batch, self._info.input_size)
        if rows.shape != wanted:
            meant = MEANT if is_ids and rows.ndim == 2 else ""
            raise ValueError(f"x must have shape {wanted}, not {rows.shape}{meant}")
        y: Any = out
        if out is None:
            y = Array((state.batch, self._info.output_size), np.float32)
        if out is not None and getattr(out, "shape", None) != (state.batch, self._info.output_size):
            raise ValueError(
                f"out must be an array of shape {(state.batch, self._info.output_size)}"
            )
        step = c.recur_layer_step_ids if is_ids else c.recur_layer_step
        step(self._open(), rows, state._handle, y, None)
        if not is_ids and rows.size + y.size <= MOST_NUMBERS:
            state._plan = StepPlan(self._open(), state, self._info)
        result: npt.NDArray[Any] = y
        return result

    def snapshot(self, precision: str = "float32") -> Module:
        """An immutable copy that runs fastest, for any number of threads; it has no
        parameters and records nothing. precision: "float32", or "bfloat16" or "int8" for
        matrices of fewer bits, which pay from about 128 units on; `quantise` measures what
        they cost."""
        return self._frozen(c.recur_layer_snapshot(self._open(), precision_of(precision)))

    def _frozen(self, layer: Any) -> Module:
        """A module like this one around a snapshot."""
        frozen = object.__new__(type(self))
        frozen.__dict__.update(self._settings())
        frozen._own(layer, self._context, init=False)
        frozen._mode = c.RECUR_TAPE_EVALUATE
        return frozen

    def quantise(
        self, x: Any, precision: str = "int8", most_y: float = 0.0, most_state: float = 0.0
    ) -> tuple[Module, types.SimpleNamespace]:
        """(snapshot, report): a snapshot with matrices of fewer bits, and how far it is off
        float32 on the batch x. With a bound (most_y, most_state: the largest difference in
        the output, and in the state after the last step) the parts that cost most get
        float32, until the bound holds.

        report.y_error and report.state_error are those of the snapshot; report.matrices has
        for each matrix its name, precision, weight_error (of its numbers, a part of their
        root mean square), and the y_error and state_error of its part alone."""
        rows, is_ids, form = self._form(x)
        options = {
            "precision": precision_of(precision),
            "packed": form.layout.handle,
            "ids" if is_ids else "x": rows,
            "most_y": most_y,
            "most_state": most_state,
        }
        layer = self._open()
        matrices = (STRUCTS["recur_quantised"] * c.recur_layer_tensor_count(layer))()
        report = c.recur_quantise_report(count=len(matrices), matrix=matrices)
        snapshot = c.recur_quantise(layer, c.recur_quantise_options(**options), report)
        told = [
            types.SimpleNamespace(
                name=m.name.decode(),
                precision=PRECISIONS[m.precision],
                weight_error=m.weight_error,
                y_error=m.y_error,
                state_error=m.state_error,
            )
            for m in matrices[: report.count]
        ]
        return self._frozen(snapshot), types.SimpleNamespace(
            y_error=report.y_error, state_error=report.state_error, matrices=told
        )

    @contextlib.contextmanager
    def rounded(self, precision: str = "int8") -> Iterator[None]:
        """While it lasts, the parameters are rounded to those of a snapshot with "int8" or
        "bfloat16"; then the floats are back. So a network is trained further for fewer bits, with
        the gradients as they are ("straight through"): forward and backward inside, the
        optimizer's step outside.

        >>> import numpy as np, recur
        >>> net, x = recur.Linear(20, 1), np.ones((4, 20), np.float32)
        >>> adam, criterion = recur.Adam(net.parameters()), recur.MSELoss()
        >>> with net.rounded("int8"):
        ...     criterion(net(x), np.zeros((4, 1), np.float32)).backward()
        >>> adam.step()
        """
        layer, kept = self._open(), self.flat.copy()
        c.recur_quantise_params(layer, precision_of(precision), kept, self.flat)
        try:
            yield
        finally:
            self.flat[...] = kept

    def release(self) -> None:
        """Gives the memory back as soon as no view needs it. Calls after this raise
        RuntimeError."""
        self._plans.clear()
        self._record_plans.clear()
        self._layer.release()
        self._pool.clear()
        self._records.clear()
        self._held.clear()

    # ---- copies ----

    def _tree(self, memo: Any = None) -> tuple[Any, ...]:
        """What a module and its parts are beside their layers. With a memo (of deepcopy) it
        shares nothing with them."""
        attributes = self._settings() if memo is None else copy.deepcopy(self._settings(), memo)
        context = None if memo is None else self._context
        parts = [(name, part._tree(memo)) for name, part in self.__dict__.get("_composed", ())]
        return type(self), attributes, (self._mode, self._seed, self._drawn), context, parts

    @staticmethod
    def _planted(tree: Any, layer: Any) -> Layer:
        """The module of a tree, around a layer (of a whole: its parts are found in it), or
        around none."""
        kind, attributes, (mode, seed, drawn), context, parts = tree
        module = object.__new__(kind)
        module.__dict__.update(
            attributes,
            _layer=None,
            params={},
            _tensors=[],
            _context=context,
            _planned=context,
            _parent=None,
            _grads=None,
            _offset=0,
        )
        module._ready()
        module.__dict__.update(_mode=mode, _seed=seed, _drawn=drawn)
        if parts:
            module._composed = [(name, Layer._planted(part, None)) for name, part in parts]
        if layer is not None:
            module._set(layer)
            module._adopt(module.__dict__.get("_composed", ()))
        made: Layer = module
        return made

    def __deepcopy__(self, memo: Any) -> Any:
        if memo and isinstance(
            self._parent, Layer
        ):  # one of several things that are copied, with the whole perhaps
            copy.deepcopy(self._parent, memo)
            return memo[id(self)]
        layer = None if self._layer is None else c.recur_layer_copy(self._open())
        other = Layer._planted(self._tree(memo), layer)
        memo.update({id(old): new for old, new in zip(self.modules(), other.modules())})
        if self._grads is not None:
            other.flat_grad[:] = self._grads
        return other

    def __reduce__(self) -> Any:
        if not self._able(c.RECUR_CAN_RECORD) and self._info.capabilities:
            raise TypeError("a snapshot is not pickled: pickle the module that it was made of")
        if isinstance(self._parent, Layer):
            return _part_of, (
                self._parent,
                next(name for name, part in self._parent._named_parts() if part is self),
            )
        if self._layer is None:
            return _made_again, (self._tree(), None)
        file = c.recur_file_open_memory(None, None, 0)
        c.recur_file_put_model(file, "", self._open(), None)
        return _made_again, (self._tree(), c.recur_file_write_memory(file))


def same_place(a: Any, b: Any) -> bool:
    """Whether two arrays are the same numbers, as after `module.weight *= 2`."""
    return a is b or a.shape == b.shape and address(a) == address(b)


def known_link(value: Any) -> Any:
    """None for an array of the user's own, the Link of a result; Ellipsis for what goes the general
    way."""
    if type(value) is ndarray or type(value) is Array and value._made is None:
        return None if settings.copies_inputs and planned_array(value) else Ellipsis
    if type(value) is not Array or value.dtype is not F32:
        return Ellipsis
    link = link_of(value)
    return link if type(link) is Link else Ellipsis


def known_ids(x: Any) -> Any:
    """None for ids that a plan takes, Ellipsis for others."""
    return None if type(x) in (np.ndarray, Array) and planned_ids(x) else Ellipsis


def kept(rows: Any, data: Any) -> Any:
    """Rows that stay as they are until backward: a copy, unless nobody else can write into them
    or the user promised not to."""
    if (
        not settings.copies_inputs
        or not isinstance(data, np.ndarray)
        and not hasattr(data, "detach")
    ):
        return rows
    if isinstance(data, np.ndarray) and not np.may_share_memory(rows, data):
        return rows
    return rows.copy()
