"""Draws models, converts them, and counts: right, refused (and why), wrong.

    python tools/converters.py                    all families
    python tools/converters.py from_torch keras   these
    python tools/converters.py --count 20         so many of each

A family draws models that fit and models that do not: subclasses, hooks, other axes, casts. They
are converted with verify=False, so the counts say what strictness alone is worth, and compared here
with the framework that they come from. Wrong has to be 0. Needs torch, onnx, onnxruntime,
onnxscript and keras, for the families that are asked for.
"""

import argparse
import collections
import contextlib
import io
import logging
import os
import pathlib
import re
import sys
import time
import warnings

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
os.environ.setdefault("KERAS_BACKEND", "torch")

import recur  # noqa: E402

TOLERANCE = 2e-5
REFUSALS = (NotImplementedError, ValueError, TypeError)


class Draw:
    """Random choices, seeded."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def one_of(self, *options):
        return options[int(self.rng.integers(len(options)))]

    def chance(self, p) -> bool:
        return bool(self.rng.random() < p)

    def size(self, most=6) -> int:
        return int(self.rng.integers(1, most + 1))

    def numbers(self, *shape) -> np.ndarray:
        return self.rng.standard_normal(shape).astype(np.float32)


def same(a, b) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    return bool(np.abs(a - b).max(initial=0) <= TOLERANCE * max(1, np.abs(b).max(initial=0)))


def flat(value) -> list:
    return (
        [leaf for v in value for leaf in flat(v)] if isinstance(value, (tuple, list)) else [value]
    )


def reason(error) -> str:
    """The sentence without names and numbers, short."""
    text = re.sub(r"'[^']*'|\[[^\]]*\]|\([^)]*\)|\d[\d.]*", "_", str(error).partition("\n")[0])
    text = re.sub("^from_(torch|onnx): ", "", text)
    text = re.sub(r"[ _,]{2,}", " _ ", text)
    return text[:76]


@contextlib.contextmanager
def quiet():
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    logging.disable(logging.NOTSET)


# ---- PyTorch, both ways -------------------------------------------------------------------------


def torch_part(draw, nn, width):
    """(module, its output width)."""
    out = draw.size()
    kind = draw.one_of(
        "linear", "linear", "norm", "relu", "tanh", "sigmoid", "softsign", "identity", "dropout"
    )
    if kind == "linear":
        return nn.Linear(width, out, bias=draw.chance(0.8)), out
    if kind == "norm":
        return nn.LayerNorm(width, eps=draw.one_of(1e-5, 0.1), bias=draw.chance(0.8)), width
    plain = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "softsign": nn.Softsign}
    plain.update(identity=nn.Identity, dropout=lambda: nn.Dropout(0.3))
    return plain[kind](), width


def torch_recurrent(draw, nn, width):
    kind = draw.one_of(nn.RNN, nn.LSTM, nn.GRU)
    more = {"num_layers": draw.one_of(1, 1, 2, 3), "bidirectional": draw.chance(0.4)}
    more.update(
        bias=draw.chance(0.8), batch_first=draw.chance(0.5), dropout=draw.one_of(0.0, 0.0, 0.2)
    )
    hidden = draw.size() + 1
    if kind is nn.RNN:
        more["nonlinearity"] = draw.one_of("tanh", "relu")
    if kind is nn.LSTM and draw.chance(0.3):
        more["proj_size"] = hidden - 1
    return kind(width, hidden, **more)


def torch_chain(draw, nn, width, depth=0):
    """Parts that fit on each other, the last one perhaps recurrent."""
    parts, shared = [], draw.one_of(nn.Tanh(), nn.ReLU())
    for _ in range(draw.size(4)):
        if draw.chance(0.2):
            parts.append(shared)
        elif depth < 2 and draw.chance(0.2):
            inner, width = torch_chain(draw, nn, width, depth + 1)
            parts.append(inner)
        else:
            part, width = torch_part(draw, nn, width)
            parts.append(part)
    if depth == 0 and draw.chance(0.3):
        parts.append(torch_recurrent(draw, nn, width))
    return nn.Sequential(*parts), width


def torch_trap(draw, nn, module):
    """The module with something that from_torch has to notice."""
    import torch

    linears = [m for m in module.modules() if isinstance(m, nn.Linear)]
    target = linears[0] if linears else module
    kind = draw.one_of("hook", "pre-hook", "subclass", "patched", "norm", "tied", "skip", "prune")
    if kind == "hook":
        target.register_forward_hook(
            lambda m, given, y: y * 2 if isinstance(y, torch.Tensor) else None
        )
    elif kind == "pre-hook":
        target.register_forward_pre_hook(lambda m, given: (given[0] * 2, *given[1:]))
    elif kind == "subclass" and linears:
        own = type("Own", (nn.Linear,), {"forward": lambda self, x: 3 * nn.Linear.forward(self, x)})
        target.__class__ = own
    elif kind == "patched":
        before = target.forward
        target.forward = lambda *given: before(2 * given[0], *given[1:])
    elif kind == "norm" and linears:
        nn.utils.parametrizations.weight_norm(target)
    elif kind == "tied" and len(linears) > 1 and linears[0].weight.shape == linears[1].weight.shape:
        linears[1].weight = linears[0].weight
    elif kind == "prune" and linears:
        from torch.nn.utils import prune

        prune.random_unstructured(target, "weight", 1)
    elif kind == "skip" and isinstance(module, nn.Sequential):
        module.__class__ = type("Skip", (nn.Sequential,), {"forward": skip_forward})
    return module


def skip_forward(self, x):
    from torch import nn

    y = nn.Sequential.forward(self, x)
    return (y[0] if isinstance(y, tuple) else y) * 0.5


def draw_torch(draw):
    from torch import nn

    width = draw.size() + 1
    kind = draw.one_of(
        "chain", "chain", "chain", "recurrent", "recurrent", "cell", "embedding", "part"
    )
    if kind == "recurrent":
        module = torch_recurrent(draw, nn, width)
        x = draw.numbers(draw.size(), draw.size(), width)
    elif kind == "cell":
        cell = draw.one_of(nn.RNNCell, nn.LSTMCell, nn.GRUCell)
        module, x = cell(width, draw.size(), bias=draw.chance(0.8)), draw.numbers(3, width)
    elif kind == "embedding":
        module = nn.Sequential(nn.Embedding(7, width), torch_chain(draw, nn, width)[0])
        x = draw.rng.integers(0, 7, (draw.size(), draw.size()))
    elif kind == "part":
        module, x = torch_part(draw, nn, width)[0], draw.numbers(4, width)
    else:
        module, x = torch_chain(draw, nn, width)[0], draw.numbers(draw.size(), draw.size(), width)
    if draw.chance(0.2):
        module = torch_trap(draw, nn, module)
    if draw.chance(0.1):
        module = module.double()
    return module.train() if draw.chance(0.1) else module.eval(), x


def from_torch(draw):
    import torch

    module, x = draw_torch(draw)
    made = recur.from_torch(module, verify=False).eval()
    given = torch.tensor(x)
    doubles = any(p.dtype == torch.float64 for p in module.parameters())
    with torch.no_grad():
        wanted = flat(
            module.eval()(given.double() if doubles and given.is_floating_point() else given)
        )
    got = flat(made(x))
    return all(same(a, b.numpy()) for a, b in zip(got, wanted))


def recur_chain(draw, width, batch_first, depth=0):
    parts = []
    for _ in range(draw.size(4)):
        kind = draw.one_of(
            "linear", "norm", "act", "dropout", "rnn", "rnn", "both", "residual", "chain",
            "row", "conv", "graph"
        )  # fmt: skip
        if kind in ("rnn", "both"):
            part, width = recur_layer(draw, width, batch_first, kind == "both")
            parts.append(part)
            if kind == "both":
                parts.append(recur.Merge(draw.one_of("sum", "mean", "multiply")))
                width //= 2
        elif kind == "linear":
            out = draw.size()
            parts.append(recur.Linear(width, out, bias=draw.chance(0.8)))
            width = out
        elif kind == "norm":
            parts.append(recur.LayerNorm(width, draw.one_of(1e-5, 0.1), bias=draw.chance(0.8)))
        elif kind == "act":
            act = draw.one_of(recur.ReLU, recur.Tanh, recur.Sigmoid, recur.Softsign, recur.Identity)
            act = recur.HardSigmoid if draw.chance(0.1) else act
            parts.append(act(features=width))
        elif kind == "dropout":
            parts.append(recur.Dropout(0.2, features=width))
        elif kind == "row":
            part, width = recur_row(draw, width)
            parts.append(part)
        elif kind == "conv":
            out, kernel = draw.size(), draw.size(3)
            more = {"ahead": draw.one_of(0, 0, kernel - 1), "bias": draw.chance(0.8)}
            part = recur.ConvTime(width, out, kernel, **more, batch_first=batch_first)
            parts.append(part)
            width = out
        elif kind == "graph":
            part, width = recur_graph(draw, width, batch_first)
            width = width or part._info.output_size
            parts.append(part)
        elif kind == "residual":
            inner = recur_layer(draw, width, batch_first, False, hidden=width)[0]
            parts.append(recur.Residual(inner, recur.Tanh()))
        elif depth < 2:
            inner, width = recur_chain(draw, width, batch_first, depth + 1)
            parts.append(inner)
    if not parts:
        parts = [recur.Linear(width, width)]
    if depth == 0 and draw.chance(0.4):
        parts.append(
            recur.Last(direction=draw.one_of("forward", "reverse"), batch_first=batch_first)
        )
    return recur.Sequential(*parts), width


def recur_row(draw, width):
    """A layer of rows that not every framework has."""
    kind = draw.one_of("glu", "silu", "elu", "gelu", "rms", "prelu", "affine", "softmax", "group")
    if kind == "glu" and width % 2 == 0:
        return recur.Merge(draw.one_of("gate", "magnitude", "sum")), width // 2
    if kind == "group":
        return recur.GroupNorm(1, width), width
    plain = {"silu": recur.SiLU, "elu": recur.ELU, "gelu": recur.GELU, "softmax": recur.Softmax}
    if kind in plain:
        return plain[kind](features=width), width
    sized = {"rms": recur.RMSNorm, "prelu": recur.PReLU, "affine": recur.Affine}
    return sized.get(kind, recur.Affine)(width), width


def recur_graph(draw, width, batch_first):
    """A recurrent layer beside a linear one, joined in some way."""
    hidden = draw.size()
    rnn = recur_layer(draw, width, batch_first, False, hidden)[0]
    parts = {"rnn": rnn, "fc": (recur.Linear(width, hidden), [None])}
    if draw.chance(0.4):
        parts["all"] = (recur.Identity(), ["rnn", None, ("fc", 0, draw.size(hidden))])
        return recur.Graph(width, parts), 0
    parts["out"] = (recur.Merge(draw.one_of("sum", "multiply", "gate", "mean")), ["rnn", "fc"])
    return recur.Graph(width, parts), hidden


def recur_layer(draw, width, batch_first, both, hidden=None):
    hidden = hidden or draw.size()
    kind = draw.one_of(recur.RNN, recur.LSTM, recur.GRU)
    more = {
        "num_layers": draw.one_of(1, 1, 2),
        "bias": draw.chance(0.8),
        "batch_first": batch_first,
    }
    if kind is recur.RNN:
        more["nonlinearity"] = draw.one_of("tanh", "relu")
    if kind is recur.GRU and draw.chance(0.2):
        more["reset_after"] = False
    if not both and draw.chance(0.1):
        more["direction"] = "reverse"
    if draw.chance(0.05):
        more["cell_clip" if kind is recur.LSTM else "preactivation_clip"] = 0.5
    return kind(width, hidden, bidirectional=both, **more), hidden * (2 if both else 1)


def draw_recur(draw):
    width, batch_first = draw.size(), draw.chance(0.4)
    if draw.chance(0.2):
        cell = draw.one_of(recur.RNNCell, recur.LSTMCell, recur.GRUCell)
        module, x = cell(width, draw.size(), bias=draw.chance(0.8)), draw.numbers(3, width)
    elif draw.chance(0.2):
        module = recur_layer(draw, width, batch_first, draw.chance(0.4))[0]
        x = draw.numbers(draw.size(), draw.size(), width)
    else:
        module = recur_chain(draw, width, batch_first)[0]
        if draw.chance(0.2):
            module = recur.Sequential(recur.Embedding(7, width), module)
            x = draw.rng.integers(0, 7, (draw.size(), draw.size()))
        else:
            x = draw.numbers(draw.size(), draw.size(), width)
    for value in module.params.values():
        value[...] = 0.6 * draw.numbers(*value.shape)
    module.eval()
    return (module.snapshot() if draw.chance(0.05) else module), x


def to_torch(draw):
    import torch

    module, x = draw_recur(draw)
    made = recur.to_torch(module, verify=False)
    with torch.no_grad():
        got = [t.numpy() for t in flat(made(torch.tensor(x)))]
    return all(same(a, b) for a, b in zip(got, flat(module(x))))


# ---- ONNX ---------------------------------------------------------------------------------------


class Run:
    """A model in ONNX Runtime."""

    def __init__(self, model):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        data = model.SerializeToString()
        self.session = onnxruntime.InferenceSession(
            data, options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, **given):
        return self.session.run(None, given)


HEADS = {
    "y": lambda s, x, y, h: y,
    "fc": lambda s, x, y, h: s.fc(y),
    "relu fc": lambda s, x, y, h: s.fc(s.relu(y)),
    "y and states": lambda s, x, y, h: (y, h),
    "fc and states": lambda s, x, y, h: (s.fc(y), h),
    "last step": lambda s, x, y, h: s.fc(y[:, -1] if s.batch_first else y[-1]),
    "first step": lambda s, x, y, h: s.fc(y[:, 0] if s.batch_first else y[0]),
    "second step": lambda s, x, y, h: s.fc(y[:, 1] if s.batch_first else y[1]),
    "h of the last": lambda s, x, y, h: s.one(h[-1]),
    "h of the first": lambda s, x, y, h: s.one(h[0]),
    "both h": lambda s, x, y, h: s.fc(s.cat([h[-2], h[-1]])) if s.both else s.one(h[-1]),
    "both h, turned": lambda s, x, y, h: s.fc(s.cat([h[-1], h[-2]])) if s.both else s.one(h[-1]),
    "both ends": lambda s, x, y, h: s.fc(s.ends(y)),
    "only h": lambda s, x, y, h: h,
    "two heads": lambda s, x, y, h: (s.fc(y), s.other(y)),
    "turned": lambda s, x, y, h: y.transpose(0, 1),
    "channels": lambda s, x, y, h: y.permute(0, 2, 1),
    "flat": lambda s, x, y, h: s.fc(y).reshape(-1, 2),
    "scaled": lambda s, x, y, h: s.fc(2 * y),
    "mean of steps": lambda s, x, y, h: s.fc(y.mean(1 if s.batch_first else 0)),
    "most": lambda s, x, y, h: s.fc(y.max(1 if s.batch_first else 0)[0]),
    "softmax": lambda s, x, y, h: s.fc(y).softmax(-1),
    "norm": lambda s, x, y, h: s.fc(s.norm(y)),
    "skip": lambda s, x, y, h: s.fc(y + s.square(y)),
    "halves": lambda s, x, y, h: y[..., : s.hidden] + y[..., s.hidden :] if s.both else s.fc(y),
    "directions": lambda s, x, y, h: y.unflatten(-1, (-1, s.hidden)).sum(-2),
    "product": lambda s, x, y, h: y * s.square(y),
    "two layers": lambda s, x, y, h: s.fc(s.next(y)[0]),
    "conv": lambda s, x, y, h: s.fc(s.over_time(s.causal, y)),
    "conv, same": lambda s, x, y, h: s.fc(s.over_time(s.same, y).relu()),
    "conv, cut": lambda s, x, y, h: s.fc(s.over_time(s.cut, y)),
    "conv, fewer": lambda s, x, y, h: s.fc(s.over_time(s.fewer, y)),
    "batch norm": lambda s, x, y, h: s.fc(s.over_time(s.bn, y)),
    "leaky": lambda s, x, y, h: s.fc(nn_functional().leaky_relu(y, 0.1)),
    "state 0 and 1": lambda s, x, y, h: s.fc(y) + s.one(h[0]).sum(),
}


def nn_functional():
    import torch

    return torch.nn.functional


FRONTS = {
    "plain": lambda s, x: x,
    "linear": lambda s, x: s.front(x),
    "conv": lambda s, x: s.over_time(s.first, x),
    "relu": lambda s, x: x.relu(),
    "cut": lambda s, x: x.int().float(),
    "half": lambda s, x: x.half().float(),
    "turned": lambda s, x: x.transpose(0, 1),
    "flipped": lambda s, x: x.flip(0),
    "scaled": lambda s, x: 3 * x,
    "last half": lambda s, x: x[1:],
}


def torch_net(draw, kinds):
    """A module as users write them, with a front and a head."""
    import torch
    from torch import nn

    width, hidden, both = draw.size() + 1, draw.size() + 1, draw.chance(0.4)
    more = {
        "num_layers": draw.one_of(1, 1, 2),
        "bidirectional": both,
        "batch_first": draw.chance(0.5),
    }
    head = draw.one_of(*HEADS)
    front = draw.one_of(*["plain"] * 12, *FRONTS)

    class Cut(nn.Module):
        def forward(self, x):
            return x[:, :, :-1]

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            out = hidden * (2 if both else 1)
            self.rnn = getattr(nn, draw.one_of(*kinds))(
                width, hidden, bias=draw.chance(0.8), **more
            )
            self.batch_first, self.both, self.hidden = more["batch_first"], both, hidden
            self.front, self.relu, self.norm = nn.Linear(width, width), nn.ReLU(), nn.LayerNorm(out)
            self.fc, self.other, self.one = (
                nn.Linear(out, 2),
                nn.Linear(out, 3),
                nn.Linear(hidden, 2),
            )
            self.square = nn.Linear(out, out)
            self.causal = nn.Sequential(nn.ZeroPad1d((4, 0)), nn.Conv1d(out, out, 3, dilation=2))
            self.same = nn.Conv1d(out, out, 3, padding=1, groups=out, bias=draw.chance(0.5))
            self.cut = nn.Sequential(nn.Conv1d(out, out, 2, padding=1), Cut(), nn.BatchNorm1d(out))
            self.fewer, self.bn = nn.Conv1d(out, out, 2), nn.BatchNorm1d(out)
            self.first = nn.Sequential(
                nn.Conv1d(width, width, 3, padding=1), nn.BatchNorm1d(width), nn.PReLU(width)
            )
            for name, value in self.named_buffers():
                if "running" in name:
                    value.copy_(torch.rand(value.shape) + 0.5)
            self.next = nn.GRU(out, hidden, batch_first=more["batch_first"], bidirectional=both)
            self.embedding = nn.Embedding(7, width)

        def over_time(self, module, y):
            order, back = ((0, 2, 1), (0, 2, 1)) if self.batch_first else ((1, 2, 0), (2, 0, 1))
            return module(y.permute(order)).permute(back)

        def cat(self, parts):
            return torch.cat(parts, -1)

        def ends(self, y):
            steps = y.transpose(0, 1) if self.batch_first else y
            middle = self.hidden if self.both else self.hidden // 2
            return torch.cat([steps[-1][..., :middle], steps[0][..., middle:]], -1)

        def forward(self, x, *state):
            x = self.embedding(x) if by_id else FRONTS[front](self, x)
            y, ended = self.rnn(x, *(state if len(state) < 2 else (state,)))
            ended = ended[0] if isinstance(ended, tuple) else ended
            return HEADS[head](self, x, y, ended)

    by_id = draw.chance(0.2)
    net = Net().eval()
    x = draw.rng.integers(0, 7, (5, 4)) if by_id else draw.numbers(5, 4, width)
    states = ()
    if draw.chance(0.2):
        batch = 5 if more["batch_first"] else 4
        shape = (more["num_layers"] * (2 if both else 1), batch, hidden)
        states = tuple(
            draw.numbers(*shape) for _ in range(2 if isinstance(net.rnn, nn.LSTM) else 1)
        )
    return net, x, states, f"{front} / {head}"


def exported(net, x, states, dynamo, fixed):
    import onnx
    import torch

    names = ["x", *"hc"[: len(states)]]
    given = tuple(torch.tensor(a) for a in (x, *states))
    batch = 0 if net.batch_first else 1
    if dynamo:
        size = torch.export.Dim("batch")
        shapes = {"x": {batch: size}}
        if states:
            shapes["state"] = tuple({1: size} for _ in states)
        shapes = None if fixed else shapes
        return torch.onnx.export(net, given, input_names=names, dynamic_shapes=shapes).model_proto
    axes = {"x": {batch: "batch", 1 - batch: "steps"}, **{name: {1: "batch"} for name in names[1:]}}
    buffer = io.BytesIO()
    more = {"dynamic_axes": None if fixed else axes, "dynamo": False}
    torch.onnx.export(net, given, buffer, input_names=names, **more)
    return onnx.load_from_string(buffer.getvalue())


def compare_onnx(model, net, x, states):
    """Whether every output of the model is y or a final state of the module."""
    made = recur.from_onnx(model, verify=False)
    names = [i.name for i in model.graph.input]
    wanted = Run(model)(
        **{name: a for name, a in zip(("x", "h", "c"), (x, *states)) if name in names}
    )
    state = made.state(x.shape[0 if made.batch_first else 1])
    if len(state):
        for name, value in zip(list(state), states):
            state[name] = value
        y, state = made(x, state)
        got = [y, *(value for _, value in state.items())]
    else:
        got = [made(x)]
    alone = len(model.graph.node) == 1  # it stands for the layer: any output may be its h_n
    first = None if alone else 1
    return all(any(same(a, b) for a in got[: first if i == 0 else None]) for i, b in enumerate(wanted))


def from_onnx(draw, dynamo):
    kinds = ("LSTM", "GRU") if dynamo else ("RNN", "LSTM", "GRU")
    net, x, states, _ = torch_net(draw, kinds)
    try:
        with quiet():
            model = exported(net, x, states, dynamo, fixed=draw.chance(0.3))
    except Exception as error:  # noqa: BLE001
        raise Skipped(f"not exported: {type(error).__name__}") from error
    return compare_onnx(model, net, x, states)


class Skipped(Exception):
    """A model that the framework itself cannot make or run."""


def legacy(draw):
    return from_onnx(draw, False)


def dynamo(draw):
    return from_onnx(draw, True)


def own_onnx(draw):
    module, x = draw_recur(draw)
    more = {"states": draw.chance(0.3), "opset": draw.one_of(17, 20)}
    model = recur.to_onnx(module, **more, verify=False)
    again = recur.from_onnx(model, verify=False)
    return same(flat(again(x))[0], flat(module(x))[0])


# ---- Keras --------------------------------------------------------------------------------------


def keras_recurrent(draw, layers, sequences):
    kind = draw.one_of(layers.SimpleRNN, layers.LSTM, layers.GRU)
    more = {"return_sequences": sequences, "use_bias": draw.chance(0.8)}
    if draw.chance(0.3):
        more["activation"] = draw.one_of("relu", "softsign", "sigmoid", None, "gelu")
    if kind is not layers.SimpleRNN and draw.chance(0.2):
        more["recurrent_activation"] = draw.one_of("tanh", "softsign", "hard_sigmoid")
    if kind is layers.GRU:
        more["reset_after"] = draw.chance(0.6)
    if draw.chance(0.1):
        more["go_backwards"] = True
    if draw.chance(0.05):
        more["stateful"] = True
    if draw.chance(0.4):
        return keras_both(draw, layers, kind, more)
    return kind(draw.size(), **more)


def keras_both(draw, layers, kind, more):
    units, other = draw.size(), dict(more)
    mode = draw.one_of("concat", "concat", "sum", "ave", "mul", None)
    backward = None
    if draw.chance(0.4):
        other["go_backwards"] = not more.get("go_backwards", False)
        if draw.chance(0.5):
            other["activation"] = draw.one_of("relu", "tanh", "sigmoid")
        backward = kind(units, **other)
    return layers.Bidirectional(kind(units, **more), merge_mode=mode, backward_layer=backward)


def keras_row(draw, layers, over_time=True):
    """A layer that treats every row by itself."""
    return draw.one_of(
        layers.LayerNormalization(),
        layers.Dropout(0.2),
        layers.Activation("relu"),
        layers.BatchNormalization(),
        layers.ReLU(negative_slope=draw.one_of(0.0, 0.1)),
        layers.ReLU(max_value=6),
        layers.LeakyReLU(),
        layers.ELU(),
        layers.Softmax(),
        layers.Activation(draw.one_of("silu", "gelu", "selu", "elu")),
        layers.TimeDistributed(layers.Dense(draw.size())) if over_time else layers.Dense(2),
    )


def keras_conv(draw, layers):
    more = {"padding": draw.one_of("causal", "causal", "same", "valid")}
    more["dilation_rate"] = draw.one_of(1, 1, 2)
    more["activation"] = draw.one_of(None, "relu", "tanh")
    if draw.chance(0.2):
        more["padding"] = "same"
        return layers.SeparableConv1D(draw.size(), draw.size(3), use_bias=draw.chance(0.8), **more)
    more["strides"] = 2 if draw.chance(0.1) and more["dilation_rate"] == 1 else 1
    return layers.Conv1D(draw.size(), draw.size(3), use_bias=draw.chance(0.8), **more)


def keras_front(draw, keras, width, steps):
    """(input, rows, whether it is ids)."""
    layers = keras.layers
    if draw.chance(0.3):
        x = keras.Input((steps,), dtype="int32")
        return x, layers.Embedding(7, width, mask_zero=draw.chance(0.3))(x), True
    x = keras.Input((steps, width))
    masked = draw.chance(0.1)
    return x, layers.Masking(0.0)(x) if masked else x, False


def keras_body(draw, keras, y):
    """Layers over time, and what stands between them."""
    layers = keras.layers
    if draw.chance(0.3):
        y = keras_conv(draw, layers)(y)
    count = draw.size(2)
    for i in range(count):
        before = y
        y = keras_recurrent(draw, layers, i < count - 1 or draw.chance(0.4))(y)
        if draw.chance(0.3) and y.ndim == 3:
            way = draw.one_of(layers.Concatenate, layers.Add, layers.Multiply)
            other = before if way is layers.Concatenate else layers.Dense(y.shape[-1])(before)
            y = way()([y, other])
        if draw.chance(0.4):
            y = keras_row(draw, layers, y.ndim == 3)(y)
    return y


def keras_model(draw, keras):
    """A chain, or a graph with skips; perhaps with final states beside the output."""
    layers, width, steps = keras.layers, draw.size() + 1, draw.size() + 1
    given, y, by_id = keras_front(draw, keras, width, steps)
    y = keras_body(draw, keras, y)
    states = []
    if draw.chance(0.15):
        kind = draw.one_of(layers.LSTM, layers.GRU)
        if y.ndim == 3:
            y, *states = kind(draw.size(), return_state=True, return_sequences=draw.chance(0.5))(y)
    act = draw.one_of(None, "relu", "softmax", "sigmoid", "tanh", "elu", "selu")
    y = layers.Dense(draw.size(), activation=act, use_bias=draw.chance(0.8))(y)
    if draw.chance(0.2):
        y = layers.Dense(2, activation=draw.one_of(None, "softmax"))(y)
    model = keras.Model(given, [y, *states] if states else y)
    if by_id:
        x = draw.rng.integers(0, 7, (3, steps))
        if draw.chance(0.5):
            x[:, -1] = 0
    else:
        x = draw.numbers(3, steps, width)
    arrays = [0.6 * draw.numbers(*w.shape) for w in model.get_weights()]
    names = [w.path for w in model.weights]
    model.set_weights([np.abs(a) if "variance" in n else a for n, a in zip(names, arrays)])
    return model, x


def keras_chain(draw, keras):
    """A Sequential model."""
    layers, width, steps = keras.layers, draw.size() + 1, draw.size() + 1
    model = keras.Sequential([keras.Input((steps, width))])
    if draw.chance(0.5):
        model.add(keras_conv(draw, layers))
    for _ in range(draw.size(3)):
        parts = [lambda: keras_row(draw, layers), lambda: keras_recurrent(draw, layers, True)]
        model.add(draw.one_of(*parts)())
    model.add(layers.Dense(draw.size(), activation=draw.one_of(None, "softmax")))
    arrays = [0.6 * draw.numbers(*w.shape) for w in model.get_weights()]
    names = [w.path for w in model.weights]
    model.set_weights([np.abs(a) if "variance" in n else a for n, a in zip(names, arrays)])
    return model, draw.numbers(3, steps, width)


def from_keras(draw):
    import keras

    logits = draw.chance(0.3)
    with quiet():
        try:
            model, x = draw.one_of(keras_model, keras_model, keras_chain)(draw, keras)
        except Exception as error:  # noqa: BLE001
            raise Skipped(f"not made: {type(error).__name__}") from error
        config = keras.layers.serialize(model)
        packs = draw.chance(0.7)
        lengths = [x.shape[1], *draw.rng.integers(1, x.shape[1] + 1, len(x) - 1)]
        if packs and has_mask(config):
            x = np.maximum(x, 1) if x.dtype.kind == "i" else x
            for row, n in zip(x, lengths):
                row[n:] = 0
        wanted = model(x, training=False)
        wanted = wanted if isinstance(wanted, list) else [wanted]
        wanted = [keras.ops.convert_to_numpy(a) for a in wanted]
    more = {"logits": logits, "verify": False, "packed": packs}
    if draw.chance(0.5):
        made = recur.from_keras(model.get_weights(), config, **more)
    else:
        made = recur.from_keras(model, **more)
    given = x
    if packs and has_mask(config):
        given = recur.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    got = made(given)
    got = got[0] if type(got) is tuple else got
    if isinstance(got, recur.PackedSequence):
        got = recur.pad_packed_sequence(got, batch_first=True)[0]
        wanted[0] = np.array(wanted[0])
        for array in (got, wanted[0]):
            for row, n in zip(array, lengths):
                row[n:] = 0
    if logits and ends_in_softmax(config):
        got = np.exp(got - got.max(-1, keepdims=True))
        got /= got.sum(-1, keepdims=True)
    if len(wanted) == 1:
        return same(got, wanted[0])
    state = made(given, made.state(len(x)))[1]
    rows = [row for _, value in state.items() for row in np.asarray(value)]
    return same(got, wanted[0]) and all(any(same(r, w) for r in rows) for w in wanted[1:])


def has_mask(config):
    text = str(config)
    return "'Masking'" in text or "'mask_zero': True" in text


def ends_in_softmax(config):
    from recur.convert import keras

    return keras.ends_in_softmax(config)


# ---- counts -------------------------------------------------------------------------------------

FAMILIES = {
    "from_torch": (from_torch, 300),
    "to_torch": (to_torch, 300),
    "legacy": (legacy, 300),
    "dynamo": (dynamo, 300),
    "own_onnx": (own_onnx, 200),
    "keras": (from_keras, 120),
}
SEED = 13


def count(name, many, seed=SEED) -> tuple:
    """(right, {reason: refused}, numbers of the draws that were wrong, {reason: not drawn}). Models
    that the framework itself cannot make are not among the `many`."""
    run, right, wrong = FAMILIES[name][0], 0, []
    refused, skipped = collections.Counter(), collections.Counter()
    made = i = 0
    while made < many and i < 3 * many:
        seeds = [seed, sorted(FAMILIES).index(name), i]
        recur.manual_seed(i)
        if "torch" in sys.modules or name != "own_onnx":
            import torch

            torch.manual_seed(i)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fine = run(Draw(seeds))
        except Skipped as error:
            skipped[str(error)] += 1
            made -= 1
        except REFUSALS as error:
            refused[reason(error)] += 1
        else:
            right += fine
            if not fine:
                wrong.append(i)
        made, i = made + 1, i + 1
    return right, refused, wrong, skipped


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("family", nargs="*", choices=[*FAMILIES, []], default=[])
    parser.add_argument("--count", type=int, help="how many models of each family")
    parser.add_argument("--seed", type=int, default=SEED)
    args = parser.parse_args()
    failed = False
    for name in args.family or FAMILIES:
        many, start = args.count or FAMILIES[name][1], time.perf_counter()
        right, refused, wrong, skipped = count(name, many, args.seed)
        seconds = time.perf_counter() - start
        print(
            f"{name}: {many} models, right {right}, refused {sum(refused.values())}, "
            f"wrong {len(wrong)}, not made by the framework {sum(skipped.values())}; "
            f"{seconds:.0f} s"
        )
        for why, times in [*refused.most_common(), *skipped.most_common()]:
            print(f"  {times:4d}  {why}")
        if wrong:
            print(f"  wrong: draws {wrong}")
        failed = failed or bool(wrong)
        sys.stdout.flush()
    sys.exit(failed)


if __name__ == "__main__":
    main()
