"""Modules of modules: one flat vector for all parameters, one optimizer, one file."""

from . import c, settings
from .cells import Cell
from .layers import Activation, Dropout, Last, LayerNorm, Lazy
from .module import Module
from .recurrent import Recurrent
from .state import State


class Composite(Module):
    """Parts by name. They are copied into one flat vector, and become windows on it: what they had stays in them, their
    parameter and gradient arrays are new views."""

    def _compose(self, kind, names, parts, context):
        for name, part in zip(names, parts):
            if not isinstance(part, Module):
                raise TypeError(f"part {name!r} must be a module, not {type(part).__name__}")
            if part._parent is not None:
                raise ValueError(f"part {name!r} already belongs to a {type(part._parent).__name__}")
        if len({id(p) for p in parts}) != len(parts):
            raise ValueError("the same module is given twice")
        self._bind(names, parts)
        layers = [part._open() for part in parts]
        layer = c.recur_compose_create(settings.handle_of(context), kind, len(parts), names, layers)
        self._own(layer, context, init=False)
        self._names, self._parts = list(names), list(parts)
        self._adopt()

    def _bind(self, names, parts):
        for name, part in zip(names, parts):
            if isinstance(part, Lazy) and part._layer is None:
                raise ValueError(f"part {name!r} ({type(part).__name__}) does not know its features: give features=")

    def _adopt(self):
        for name, part in zip(self._names, self._parts):
            part._move(self, *c.recur_layer_child(self._layer, name))

    def _move(self, parent, layer, offset):
        super()._move(parent, layer, offset)
        self._adopt()

    def children(self):
        return self.__dict__.get("_parts", [])

    def named_children(self):
        return list(zip(self.__dict__.get("_names", []), self.children()))

    def __len__(self):
        return len(self.children())

    def __iter__(self):
        return iter(self.children())

    def __getitem__(self, key):
        if isinstance(key, str):
            return dict(self.named_children())[key]
        return self.children()[key]

    def __getattr__(self, name):
        for key, part in zip(self.__dict__.get("_names", []), self.__dict__.get("_parts", [])):
            if key == name:
                return part
        return super().__getattr__(name)

    def release(self):
        super().release()
        for part in self.children():
            part.release()

    def __repr__(self):
        lines = [f"  ({name}): " + repr(part).replace("\n", "\n  ") for name, part in self.named_children()]
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])


def named(args) -> tuple:
    """(names, parts) of PyTorch's two forms: modules one after the other, or a dict."""
    if len(args) == 1 and hasattr(args[0], "items"):
        return [str(k) for k in args[0]], list(args[0].values())
    return [str(i) for i in range(len(args))], list(args)


class Sequential(Composite):
    """A chain: every part takes the rows of the one before. y = net(x), or y, state = net(x, state) with a State.

    Last, Dropout, Merge and activations take their number of features from the part before them."""

    kind = c.RECUR_COMPOSE_SEQUENTIAL

    def __init__(self, *parts, context=None):
        names, parts = named(parts)
        if not parts:
            raise ValueError(f"a {type(self).__name__} needs at least one part")
        self._compose(self.kind, names, parts, context)
        self.over_time = any(p.over_time for p in parts)
        self.batch_first = any(p.batch_first for p in parts)

    def _bind(self, names, parts):
        timed = [p for p in parts if p.over_time and not (isinstance(p, Last) and p._layer is None)]
        if len({p.batch_first for p in timed}) > 1:
            raise ValueError("some parts are batch_first and some are not")
        width, before = None, []
        for name, part in zip(names, parts):
            if isinstance(part, Cell):
                raise ValueError(f"part {name!r} is a cell: a Sequential runs over time and needs RNN, LSTM or GRU")
            if isinstance(part, Lazy) and part._layer is None:
                if width is None:
                    super()._bind([name], [part])
                if isinstance(part, Last) and part.direction is None:
                    part.direction = self._direction(before)
                if timed:
                    part.batch_first = timed[0].batch_first
                part.bind(width)
            width = part._info.output_size
            before.append(part)

    @staticmethod
    def _direction(before):
        """Where the whole sequence has been seen, after these parts."""
        flat = [p for part in before for p in (part.children() if isinstance(part, Sequential) else [part])]
        while flat and isinstance(flat[-1], (Dropout, Activation, LayerNorm)):
            flat.pop()
        if flat and isinstance(flat[-1], Recurrent):
            return flat[-1].direction
        if any(isinstance(p, Recurrent) and p.direction != "forward" for p in flat):
            raise ValueError("Last does not follow a recurrent layer at once: give its direction")
        return "forward"

    def forward(self, x, state=None):
        """y = net(x), or y, state = net(x, state) with a State, which is changed: gradients do not go through it."""
        if state is None:
            return super().forward(x)
        if not isinstance(state, State):
            raise TypeError(f"state must be a State (net.state(batch)), not {type(state).__name__}")
        given = self._form(x)
        y = self._call(x, given, state)[0]
        return given[2].shaped(y, self._able(c.RECUR_CAN_REDUCE_TIME)), state

    def backward(self, grad=None, grad_state=None, *, input_grad=True):
        """Gradient of x; with a State as gradient of the final state: (gradient of x, that of the initial state)."""
        if grad_state is None:
            return super().backward(grad, input_grad=input_grad)
        if not isinstance(grad_state, State):
            raise TypeError(f"grad_state must be a State (net.state(batch)), not {type(grad_state).__name__}")
        with self._lock:
            one = self._newest(grad)
            dx = self._back(one, self._dy(one, grad), grad_state._handle, input_grad)
        return None if dx is None else one.form.shaped(dx, False), grad_state


class Residual(Sequential):
    """A chain whose input is added to its output: y = x + chain(x)."""

    kind = c.RECUR_COMPOSE_RESIDUAL


class Group(Composite):
    """Parts that you run yourself, such as encoder and decoder: group = Group(encoder=..., decoder=...)."""

    def __init__(self, *parts, context=None, **more):
        names, parts = named(parts)
        self._compose(c.RECUR_COMPOSE_GROUP, names + list(more), parts + list(more.values()), context)

    def forward(self, *_args, **_more):
        raise TypeError("a Group is not run: run its parts")

    def backward(self, *_args, **_more):
        raise TypeError("a Group is not run: run its parts")
