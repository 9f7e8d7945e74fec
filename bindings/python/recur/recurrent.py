"""RNN, LSTM and GRU over whole sequences; names, argument orders and results are PyTorch's, and so
are those of the keywords that PyTorch has; the others are the members of recur_recurrent_options
and recur_clockwork_options in C: zoneout_hidden, cell_clip, gate_activation, periods ..."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _api, c, settings
from ._arrays import floats, here, size
from .layers import DIRECTIONS, direction_of
from ._plans import planned_array
from .layer import EVALUATE, Layer
from .module import by_names
from .passes import Array, data_of, link_of
from .state import State

if TYPE_CHECKING:
    from .settings import Context

FUNCTIONS = {
    name[len("RECUR_ACTIVATION_") :].lower(): n
    for name, n in _api.CONSTANTS.items()
    if name.startswith("RECUR_ACTIVATION_")
}
FLAGS = {
    "update_new": c.RECUR_LAYER_UPDATE_NEW,
    "learn_start": c.RECUR_LAYER_LEARN_INITIAL_STATE,
    "output_cell": c.RECUR_LAYER_OUTPUT_CELL,
}
OPTIONS = (
    "projection_size",
    "recurrent_dropout",
    "zoneout_hidden",
    "zoneout_cell",
    "cell_clip",
    "preactivation_clip",
    "gate_activation",
    "activation",
    "output_activation",
)
CLOCKWORK = ("modules", "periods")


def checked_options(given: Any) -> dict[str, Any]:
    """Options by keyword as members of recur_recurrent_options; functions go by their names."""
    options, clockwork, flags = {}, {}, 0
    for name, value in given.items():
        if name in ("device", "dtype"):
            here(value)
        elif name == "cell":
            raise TypeError(
                "there is no option cell: each kind has a class, RNN, LSTM, GRU, PeepholeLSTM, "
                "CoupledLSTM, LayerNormRNN, LayerNormLSTM, "
                "LayerNormGRU, IndRNN, ClockworkRNN, MinGRU, MinLSTM, QRNN and SRU"
            )
        elif name in FLAGS:
            flags |= FLAGS[name] if value else 0
        elif name in CLOCKWORK:
            clockwork.update({} if value is None else {name: value})
        elif name not in OPTIONS:
            raise TypeError(
                f"there is no option {name}: there are {', '.join((*OPTIONS, *CLOCKWORK, *FLAGS))}"
            )
        elif name.endswith("activation") and value is not None:
            if value not in FUNCTIONS:
                raise ValueError(f"{name} is {value!r}: it is one of {', '.join(FUNCTIONS)}")
            options[name] = FUNCTIONS[value]
        elif value is not None:
            options[name] = value
    if clockwork:
        options["clockwork"] = c.recur_clockwork_options(**clockwork)
    return {**options, "flags": flags}


def told_options(info: Any) -> dict[str, Any]:
    """The way back: the options of a layer, by keyword."""
    names = {number: name for name, number in FUNCTIONS.items()}
    told = {name: getattr(info, name) for name in OPTIONS if getattr(info, name)}
    told = {
        name: names[value] if name.endswith("activation") else value for name, value in told.items()
    }
    if info.clockwork:
        modules = info.clockwork.modules
        told.update(modules=modules, periods=info.clockwork.periods[:modules])
    return {**told, **{name: True for name, flag in FLAGS.items() if info.flags & flag}}


class Recurrent(Layer):
    """y, state = layer(x, state): x [T][B][I] ([B][T][I] with batch_first; [T][I] for one
    sequence), ids without the last dimension, or a PackedSequence; y [T][B][D*H] alike; h
    [L*D][B][H]."""

    over_time = True
    states: tuple[str, ...] = ("h",)
    option_names = (*OPTIONS, *CLOCKWORK, *FLAGS)

    def __init__(
        self,
        variant: Any,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        direction: str | None,
        context: Context | None,
        /,
        **options: Any,
    ) -> None:
        self.input_size, self.hidden_size = (
            size(input_size, "input_size"),
            size(hidden_size, "hidden_size"),
        )
        self.num_layers, self.batch_first = size(num_layers, "num_layers"), bool(batch_first)
        self.direction = direction_of(bool(bidirectional), direction)
        self.bidirectional = self.direction == "bidirectional"
        self.bias, self.dropout = bool(bias), dropout
        options = checked_options(options)
        options["flags"] |= 0 if bias else c.RECUR_LAYER_NO_BIAS
        options = c.exact(
            "recur_recurrent_options",
            variant,
            input_size=input_size,
            hidden_size=hidden_size,
            num_layers=num_layers,
            direction=DIRECTIONS[self.direction],
            dropout=dropout,
            **options,
        )
        self._own(c.recur_recurrent_create(settings.handle_of(context), options), context)

    def flatten_parameters(self) -> None:
        """Does nothing: parameters lie one after the other always."""

    @property
    def cell(self) -> int:
        return int(self._info.variant)

    @property
    def options(self) -> dict[str, Any]:
        """Those that are not the default."""
        return told_options(self._info)

    def _state_values(self, values: Any, what: str) -> Any:
        """The user's h, or (h, c), as a tuple."""
        values = values if len(self.states) > 1 else (values,)
        if not isinstance(values, (tuple, list)) or len(values) != len(self.states):
            names = ", ".join(f"{what}{s}" for s in self.states)
            raise TypeError(f"{type(self).__name__} needs ({names}), not {type(values).__name__}")
        return values

    def _write_state(self, into: Any, values: Any, form: Any, what: str) -> None:
        """Values of h (and c) into a state. None stands for zeros."""
        for name, value in zip(self.states, values):
            if value is not None:
                rows, batch, width = into.shape(name)
                shape = (rows, width) if getattr(form, "unbatched", False) else (rows, batch, width)
                into[name] = np.ascontiguousarray(form.state(floats(value, what + name, shape)))

    def _read_state(self, state: Any, form: Any) -> Any:
        values = tuple(form.states(state[name]) for name in self.states)
        return values if len(values) > 1 else values[0]

    def forward(self, x: Any = None, state: Any = None, **more: Any) -> Any:
        """y, state = layer(x, state). A State is changed and comes back: gradients do not
        go through it."""
        if not more and type(x) in (np.ndarray, Array):
            known = None
            if self._mode != EVALUATE:
                known = self._recorded(x, state)
            else:
                known = self._planned_pass(x, state)
            if known is not None:
                return known
        if more or x is None:
            x, state = by_names(self, x, state, more, ("input", "hx"))
        given = self._form(x)
        form = given[2]
        if isinstance(state, State):
            return form.shaped(self._call(x, given, state)[0], False), state
        inner = State(self, form.layout.batch)
        links: list[Any] = []
        if state is not None:
            values = self._state_values(state, "initial ")
            self._write_state(inner, values, form, "initial ")
            links = [link_of(value) for value in values]
        y, *finals = self._call(x, given, inner, True, links)
        state = tuple(form.states(final) for final in finals)
        return form.shaped(y, False), state if len(state) > 1 else state[0]

    def _recorded(self, x: Any, state: Any) -> Any:
        """y and the final state of a recorded call, if there is a plan for it."""
        if state is not None:
            state = state if len(self.states) > 1 else (state,)
            if type(state) is not tuple:
                return None
        results = self._planned_record(x, state)
        if results is None:
            return None
        y, *finals = results
        return y, tuple(finals) if len(finals) > 1 else finals[0]

    def _planned_pass(self, x: Any, state: Any = None) -> Any:
        """With arrays or None as the initial state: y and the final state, if there is a plan."""
        if type(state) is State:
            return super()._planned_pass(x, state)
        plan = self._plan_of(x)
        if plan is None:
            return None
        values = None
        if state is not None:
            values = state if len(plan.shapes) > 1 else (state,)
            if type(values) is not tuple or len(values) != len(plan.shapes):
                return None
            for value, shape in zip(values, plan.shapes):
                if not planned_array(value) or value.shape != shape:
                    return None
        owned = plan.take(self)  # held until the call is over
        if owned is None:
            return None
        pool = self._pool
        try:
            tape = pool.take(self._context_handle).prepare(EVALUATE)
            y, finals = plan.run_from(x, values, tape.handle._owned)
        finally:
            plan.lock.release()
        pool.free.append(tape)
        return y, tuple(finals) if len(finals) > 1 else finals[0]

    def _play(self, one: Any, given: Any) -> Any:
        dy, *dfinals = given
        dstate: Any = None
        if any(d is not None for d in dfinals) or any(link is not None for link in one.links[1:]):
            dstate = State(self, one.form.layout.batch)
            for name, d in zip(self.states, dfinals):
                if d is not None:
                    dstate[name] = d
        with self._lock:
            dx = self._back(one, dy, dstate._handle if dstate else None, one.links[0] is not None)
        pairs = [] if dx is None else [(one.links[0], data_of(one.form.shaped(dx, False)))]
        return pairs + [
            (link, one.form.states(dstate[name]))
            for link, name in zip(one.links[1:], self.states)
            if link is not None
        ]

    def backward(self, grad: Any = None, grad_state: Any = None, *, input_grad: bool = True) -> Any:
        """(gradient of x, gradient of the initial state), from those of y and of the final
        state, of the newest recorded call; None stands for zeros."""
        with self._lock:
            one = self._newest(grad)
            if isinstance(grad_state, State):
                inner = grad_state
            else:
                inner = State(self, one.form.layout.batch)
                if grad_state is not None:
                    self._write_state(
                        inner,
                        self._state_values(grad_state, "gradient of "),
                        one.form,
                        "gradient of ",
                    )
            dx = self._back(one, self._dy(one, grad), inner._handle, input_grad)
        dx = None if dx is None else one.form.shaped(dx, False)
        return dx, grad_state if inner is grad_state else self._read_state(inner, one.form)

    def extra_repr(self) -> str:
        """What stands in the brackets of repr()."""
        more = [f"num_layers={self.num_layers}"] if self.num_layers > 1 else []
        more += ["bias=False"] if not self.bias else []
        more += ["batch_first=True"] if self.batch_first else []
        more += [f"dropout={self.dropout}"] if self.dropout else []
        more += [f"direction={self.direction!r}"] if self.direction != "forward" else []
        more += [f"{name}={value!r}" for name, value in self.options.items()]
        return ", ".join([str(self.input_size), str(self.hidden_size), *more])


NONLINEARITIES = {"tanh": c.RECUR_CELL_RNN_TANH, "relu": c.RECUR_CELL_RNN_RELU}


def nonlinear(name: str) -> int:
    if name not in NONLINEARITIES:
        raise ValueError(f"nonlinearity is {name!r}: it is 'tanh' or 'relu'")
    return int(NONLINEARITIES[name])


class RNN(Recurrent):
    """h' = tanh(W x + U h + b), or max(0, .).

    >>> import numpy as np, recur
    >>> y, h = recur.RNN(3, 4, nonlinearity="relu")(np.zeros((5, 2, 3), np.float32))
    >>> y.shape, h.shape
    ((5, 2, 4), (1, 2, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        direction: str | None = None,
        context: Context | None = None,
        **options: Any,
    ) -> None:
        self.nonlinearity = nonlinearity
        super().__init__(
            nonlinear(nonlinearity),
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            direction,
            context,
            **options,
        )


class LSTM(Recurrent):
    """Gates i, f, g, o: y, (hn, cn) = lstm(x, (h0, c0)). proj_size: h is W_hr h', so many
    numbers wide.

    >>> import numpy as np, recur
    >>> lstm = recur.LSTM(3, 4, num_layers=2, batch_first=True)
    >>> y, (h, c) = lstm(np.zeros((2, 5, 3), np.float32))
    >>> y.shape, h.shape, c.shape
    ((2, 5, 4), (2, 2, 4), (2, 2, 4))
    """

    states = ("h", "c")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        *,
        direction: str | None = None,
        context: Context | None = None,
        **options: Any,
    ) -> None:
        super().__init__(
            c.RECUR_CELL_LSTM,
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            direction,
            context,
            projection_size=proj_size,
            **options,
        )

    @property
    def proj_size(self) -> int:
        return int(self._info.projection_size)


class GRU(Recurrent):
    """Gates r, z, n. reset_after: the reset gate acts after the product with h, as in PyTorch;
    False: before, as in the first paper (another function, not another form of this one).

    >>> import numpy as np, recur
    >>> y, h = recur.GRU(3, 4, bidirectional=True)(np.zeros((5, 2, 3), np.float32))
    >>> y.shape, h.shape
    ((5, 2, 8), (2, 2, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        reset_after: bool = True,
        direction: str | None = None,
        context: Context | None = None,
        **options: Any,
    ) -> None:
        self.reset_after = bool(reset_after)
        cell = c.RECUR_CELL_GRU if reset_after else c.RECUR_CELL_GRU_RESET_BEFORE
        super().__init__(
            cell,
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            direction,
            context,
            **options,
        )


class Variant(Recurrent):
    """A kind of recurrence that PyTorch lacks; the arguments are those of LSTM and GRU, and the
    options of all layers."""

    kind = 0

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        direction: str | None = None,
        context: Context | None = None,
        **options: Any,
    ) -> None:
        super().__init__(
            self.kind,
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            direction,
            context,
            **options,
        )


class PeepholeLSTM(Variant):
    """An LSTM whose gates i and f see c, and whose o sees the new c (Gers 2000).

    >>> import numpy as np, recur
    >>> y, (h, c) = recur.PeepholeLSTM(3, 4)(np.zeros((5, 2, 3), np.float32))
    >>> y.shape, c.shape
    ((5, 2, 4), (1, 2, 4))
    """

    kind, states = c.RECUR_CELL_LSTM_PEEPHOLE, ("h", "c")


class CoupledLSTM(Variant):
    """An LSTM of the gates f, g and o, with i = 1 - f (Greff 2017).

    >>> import recur
    >>> recur.CoupledLSTM(3, 4).weight_ih_l0.shape
    (12, 3)
    """

    kind, states = c.RECUR_CELL_LSTM_COUPLED, ("h", "c")


class LayerNormRNN(Variant):
    """An RNN whose summed inputs are normalised over the units (Ba 2016).

    >>> import recur
    >>> recur.LayerNormRNN(3, 4)
    LayerNormRNN(3, 4)
    """

    kind = c.RECUR_CELL_RNN_NORM


class LayerNormLSTM(Variant):
    """An LSTM that normalises the summed inputs of each gate, and c (Ba 2016).

    >>> import recur
    >>> recur.LayerNormLSTM(3, 4, batch_first=True)
    LayerNormLSTM(3, 4, batch_first=True)
    """

    kind, states = c.RECUR_CELL_LSTM_NORM, ("h", "c")


class LayerNormGRU(Variant):
    """A GRU that normalises r, z and both parts of n (Ba 2016).

    >>> import recur
    >>> recur.LayerNormGRU(3, 4)
    LayerNormGRU(3, 4)
    """

    kind = c.RECUR_CELL_GRU_NORM


class IndRNN(Variant):
    """h' = max(0, W x + u h + b): a unit sees its own h and no other (Li 2018). weight_hh is a
    vector.

    >>> import recur
    >>> recur.IndRNN(3, 4).weight_hh_l0.shape
    (4,)
    """

    kind = c.RECUR_CELL_INDRNN


class MinGRU(Variant):
    """A GRU whose gates z and n see x only: h' = (1 - z) h + z n (Feng 2024). With
    activation="positive" n is g(W x + b), as where it is made in logarithms.

    >>> import recur
    >>> recur.MinGRU(3, 4, activation="positive").weight_ih_l0.shape
    (8, 3)
    """

    kind = c.RECUR_CELL_MINGRU


class MinLSTM(Variant):
    """An LSTM whose gates f, i and n see x only: h' = (f h + i n) / (f + i) (Feng 2024).

    >>> import recur
    >>> recur.MinLSTM(3, 4)
    MinLSTM(3, 4)
    """

    kind = c.RECUR_CELL_MINLSTM


class QRNN(Variant):
    """Gates z, f and o of x only, with fo-pooling: c' = f c + (1 - f) z, h' = o c' (Bradbury
    2017). A convolution over time before it gives it windows of more than one step.

    >>> import recur
    >>> recur.QRNN(3, 4)
    QRNN(3, 4)
    """

    kind, states = c.RECUR_CELL_QRNN, ("h", "c")


class SRU(Variant):
    """Gates n, f, r and p of x; f and r see c of their own unit, too, through weight_c:
    c' = f c + (1 - f) n, h' = r c' + (1 - r) p (Lei 2018).

    >>> import recur
    >>> recur.SRU(3, 4).weight_c_l0.shape
    (8,)
    """

    kind, states = c.RECUR_CELL_SRU, ("h", "c")


class ClockworkRNN(Variant):
    """An RNN of modules with periods of their own: units of period n change every n-th step
    (Koutnik 2014).

    >>> import recur
    >>> recur.ClockworkRNN(3, 6, modules=3, periods=[1, 2, 4]).options["periods"]
    (1, 2, 4)
    """

    kind = c.RECUR_CELL_CLOCKWORK
