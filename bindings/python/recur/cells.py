"""One step of a recurrence, for loops written by hand.

for x in xs:             h = cell(x, h)
for _ in reversed(xs):   gx, gh = cell.backward(gh)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import c, settings
from ._arrays import floats, here, rows_or_ids, size
from ._forms import Step
from ._plans import MOST_NUMBERS, CellPlan, key_of
from ._tapes import Pass
from .errors import OrderError
from .layer import Layer, kept
from .module import by_names
from .passes import F32, WAITS, Array, Link, link_of, memory_of
from .recurrent import nonlinear
from .state import State

if TYPE_CHECKING:
    from .settings import Context


class Cell(Layer):
    """h = cell(x, h): x [B][I] or ids [B] (or [I] of one sequence), h [B][H]; an LSTM's state
    is (h, c). In place of arrays a State may be given, which is changed and comes back."""

    states: tuple[str, ...] = ("h",)

    def __init__(
        self, kind: Any, input_size: int, hidden_size: int, bias: bool, context: Context | None
    ) -> None:
        self.input_size, self.hidden_size = (
            size(input_size, "input_size"),
            size(hidden_size, "hidden_size"),
        )
        self.bias = bool(bias)
        options = c.exact(
            "recur_recurrent_options",
            kind,
            input_size=input_size,
            hidden_size=hidden_size,
            flags=c.RECUR_LAYER_CELL_NAMES | (0 if bias else c.RECUR_LAYER_NO_BIAS),
        )
        self._own(c.recur_recurrent_create(settings.handle_of(context), options), context)

    def _set(self, layer: Any) -> None:
        super()._set(layer)
        self._cell = c.recur_cell_from_layer(layer)

    def release(self) -> None:
        """Gives the memory back; the object is of no use after it."""
        super().release()
        self._cell.release()

    def _rows(self, x: Any) -> Any:
        """(rows, whether they are ids, whether there is no batch dimension)."""
        rows, is_ids = rows_or_ids(x, "x")
        alone = rows.ndim == (0 if is_ids else 1)
        if alone:
            rows = rows.reshape(1, *rows.shape)
        if rows.ndim != (1 if is_ids else 2):
            raise ValueError(
                f"x must have shape (batch, {self.input_size}), or be ids (batch,), not "
                f"{rows.shape}"
            )
        self._check_width(None if is_ids else rows.shape[1])
        return rows, is_ids, alone

    def _state_of(self, values: Any, batch: int, alone: bool, what: str) -> Any:
        """A State made of the user's arrays; a State stays what it is."""
        if isinstance(values, State):
            return values
        state = State(self, batch)
        values = values if len(self.states) > 1 or values is None else (values,)
        if values is None:
            return state
        if not isinstance(values, (tuple, list)) or len(values) != len(self.states):
            names = ", ".join(what + s for s in self.states)
            raise TypeError(f"{type(self).__name__} needs ({names}), not {type(values).__name__}")
        shape = (self.hidden_size,) if alone else (batch, self.hidden_size)
        for name, value in zip(self.states, values):
            if value is not None:
                state[name] = floats(value, what + name, shape).reshape(1, batch, self.hidden_size)
        return state

    def _values_of(self, state: Any, alone: bool) -> Any:
        return self._shaped([state[name] for name in self.states], alone)

    def _planned_step(self, x: Any, state: Any) -> Any:
        """The state after a step, if there is a plan for it."""
        plan = self._plans.get(key_of(x))
        if state is not None and len(self.states) == 1:
            state = (state,)
        if plan is None or not (state is None or type(state) is tuple):
            return None
        links = self._links_of(plan, x, state)
        if links is None or not self.training and any(link is not None for link in links):
            return None
        owned = self._layer._owned, self._cell._owned  # held until the call is over
        if None in owned:
            return None
        rows, rows_at = plan.rows(x, links[0] is not None)
        with self._lock:
            if not self.training:
                memory = plan.run(rows_at, state, None)[0]
                finals = [Array(shape, F32, memory, at) for shape, at in plan.finals]
                return self._one_or_more(finals)
            tape = self._fresh_tape() if state is None else self._tape_for(links[1:])
            results = plan.run(rows_at, state, tape.handle._owned), plan.result_shapes
            one = Pass(self, tape, rows, plan.is_ids, plan.form.alone, *results, links)
            self._remember_planned(one, plan)
        return self._one_or_more(plan.arrays(one))

    @staticmethod
    def _one_or_more(values: Any) -> Any:
        return tuple(values) if len(values) > 1 else values[0]

    def _plan_step(self, x: Any, rows: Any, alone: bool) -> None:
        """Makes the plan of a shape when it comes for the second time."""
        if type(x) in (np.ndarray, Array) and 0 < rows.size <= MOST_NUMBERS:
            form = Step(len(rows), alone)
            self._plan_again(self._plans, x, lambda: CellPlan(self, form, rows))

    def forward(self, x: Any = None, state: Any = None, **more: Any) -> Any:
        if not more and type(x) in (np.ndarray, Array):
            known = self._planned_step(x, state)
            if known is not None:
                return known
        if more or x is None:
            x, state = by_names(self, x, state, more, ("input", "hx"))
        self._open()
        rows, is_ids, alone = self._rows(x)
        self._plan_step(x, rows, alone)
        inner = self._state_of(state, len(rows), alone, "")
        step = c.recur_cell_step_ids if is_ids else c.recur_cell_step
        link = None if is_ids else link_of(x)
        given = state is inner or state is None
        links = (
            []
            if given
            else [link_of(value) for value in (state if len(self.states) > 1 else (state,))]
        )
        if not self.training:
            step(self._cell, rows, inner._handle, None, None)
            if state is inner:
                return state
            return self._shaped(self._untracked(self._finals(inner), (link, *links)), alone)
        if type(link) is not Link and not is_ids:
            rows = kept(rows, x)
        with self._lock:
            tape = self._tape_for(links, inner)
            step(self._cell, rows, inner._handle, None, tape.handle)
            finals = () if state is inner else tuple(self._finals(inner))
            memories, shapes = [memory_of(f) for f in finals], [f.shape for f in finals]
            one = Pass(self, tape, rows, is_ids, alone, memories, shapes, (link, *links))
            self._remember(one, state if state is inner else None)
        return (
            state
            if state is inner
            else self._shaped([one.array(i) for i in range(len(finals))], alone)
        )

    def _shaped(self, finals: Any, alone: bool) -> Any:
        return self._one_or_more([final[0, 0] if alone else final[0] for final in finals])

    def _back_step(self, one: Any, inner: Any, want_dx: bool) -> Any:
        """Plays a step back: the gradient of x; inner goes from the gradient after the step
        to that before it."""
        if one.status != WAITS:
            raise OrderError(one.status)
        rows, tape, dx = one.rows, one.tape, None
        tape.cut(
            one.place + 1,
            f"this step of {one.name} was dropped, because the step before it was played back",
        )
        if one.is_ids:
            c.recur_cell_step_backward_ids(
                self._cell, rows, None, inner._handle, self.flat_grad, tape.handle
            )
        else:
            dx = np.empty_like(rows) if want_dx else None
            c.recur_cell_step_backward(
                self._cell, rows, None, inner._handle, dx, self.flat_grad, tape.handle
            )
        alone = one.form
        self._was_played(one)
        return dx[0] if alone and dx is not None else dx

    def _play(self, one: Any, given: Any) -> list[Any]:
        with self._lock:
            inner = State(self, len(one.rows))
            for name, gradient in zip(self.states, given):
                if gradient is not None:
                    inner[name] = gradient
            dx = self._back_step(one, inner, one.links[0] is not None)
        values = self._values_of(inner, one.form)
        values = values if len(self.states) > 1 else (values,)
        return [(link, d) for link, d in zip(one.links, (dx, *values)) if link is not None]

    def backward(self, grad_state: Any = None, *, input_grad: bool = True) -> Any:
        """(gradient of x, gradient of the state before the step), from the gradient of the
        state after it."""
        self._open()
        with self._lock:
            first = grad_state[0] if isinstance(grad_state, (tuple, list)) else grad_state
            one = self._newest(first)
            alone = one.form
            inner = self._state_of(grad_state, len(one.rows), alone, "gradient of ")
            dx = self._back_step(one, inner, input_grad)
        return dx, grad_state if inner is grad_state else self._values_of(inner, alone)

    def extra_repr(self) -> str:
        """What stands in the brackets of repr()."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(Cell):
    """h' = tanh(W x + U h + b), or max(0, .), for one step.

    >>> import numpy as np, recur
    >>> cell, h = recur.RNNCell(3, 4), None
    >>> for x in np.zeros((5, 2, 3), np.float32):                # [time][batch][features]
    ...     h = cell(x, h)
    >>> h.shape
    (2, 4)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        device: Any = None,
        dtype: Any = None,
        context: Context | None = None,
    ) -> None:
        here(device)
        here(dtype)
        self.nonlinearity = nonlinearity
        super().__init__(nonlinear(nonlinearity), input_size, hidden_size, bias, context)


class LSTMCell(Cell):
    """One step of an LSTM.

    >>> import numpy as np, recur
    >>> cell, state = recur.LSTMCell(3, 4), None
    >>> for x in np.zeros((5, 2, 3), np.float32):                # [time][batch][features]
    ...     state = cell(x, state)
    >>> h, c = state
    >>> h.shape, c.shape
    ((2, 4), (2, 4))
    """

    states = ("h", "c")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        device: Any = None,
        dtype: Any = None,
        context: Context | None = None,
    ) -> None:
        here(device)
        here(dtype)
        super().__init__(c.RECUR_CELL_LSTM, input_size, hidden_size, bias, context)


class GRUCell(Cell):
    """One step of a GRU.

    >>> import numpy as np, recur
    >>> cell, h = recur.GRUCell(3, 4), None
    >>> for x in np.zeros((5, 2, 3), np.float32):                # [time][batch][features]
    ...     h = cell(x, h)
    >>> h.shape
    (2, 4)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        reset_after: bool = True,
        device: Any = None,
        dtype: Any = None,
        context: Context | None = None,
    ) -> None:
        here(device)
        here(dtype)
        self.reset_after = bool(reset_after)
        kind = c.RECUR_CELL_GRU if reset_after else c.RECUR_CELL_GRU_RESET_BEFORE
        super().__init__(kind, input_size, hidden_size, bias, context)
