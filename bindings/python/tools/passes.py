"""Draws modules, batches, losses and optimizers, runs them here and in PyTorch, and counts what is
wrong.

    python tools/passes.py                      all families
    python tools/passes.py layers training      these
    python tools/passes.py --count 1000         so many of each

PyTorch computes in float64 from the same float32 numbers and weights.

    layers     RNN, LSTM, GRU: forward and backward by hand, with (h, c), packed, unbatched
    cells      loops over a cell, played back by y.backward
    nets       modules of the user's own and a loss, played back by loss.backward
    training   nets with an optimizer in groups, clipping and a schedule, over some steps

Wrong has to be 0. Needs torch.
"""

import argparse
import pathlib
import sys
import time
import warnings

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
sys.path.insert(1, str(pathlib.Path(__file__).resolve().parent))

import recur  # noqa: E402
from converters import Draw, flat  # noqa: E402

TOLERANCE = 2e-5  # of the largest number of an array, or of 1


def check(what, got, wanted, tolerance=TOLERANCE) -> None:
    """Raises ValueError where ours and torch's are not the same."""
    got = np.asarray(got, np.float64)
    wanted = np.asarray(getattr(wanted, "detach", lambda: wanted)(), np.float64)
    if got.shape != wanted.shape:
        raise ValueError(f"{what} has shape {got.shape}, torch's {wanted.shape}")
    apart = np.abs(got - wanted).max(initial=0)
    if not apart <= tolerance * max(1, np.abs(wanted).max(initial=0)):
        raise ValueError(f"{what} differs by {apart:g}, of {np.abs(wanted).max(initial=0):g}")


def double(array):
    """A leaf in double of the same numbers."""
    import torch

    return torch.tensor(np.asarray(array), dtype=torch.float64, requires_grad=True)


def twins(kind, *args, **more):
    """The module of torch.nn in double, and ours with its weights."""
    from torch import nn

    theirs = getattr(nn, kind)(*args, **more)
    ours = getattr(recur.nn, kind)(*args, **more)
    ours.load_state_dict(theirs.state_dict())
    return theirs.double(), ours


# ---- layers --------------------------------------------------------------------------------------


def recurrent_options(draw, hidden, batch_first) -> tuple:
    """(kind, options)"""
    kind = draw.one_of("RNN", "LSTM", "GRU")
    more = {"num_layers": draw.one_of(1, 1, 2, 3), "bidirectional": draw.chance(0.4)}
    more.update(bias=draw.chance(0.8), batch_first=batch_first)
    if kind == "RNN":
        more["nonlinearity"] = draw.one_of("tanh", "relu")
    if kind == "LSTM" and hidden > 1 and draw.chance(0.3):
        more["proj_size"] = hidden - 1
    return kind, more


def layers(draw) -> None:
    import torch

    width, hidden, batch_first = draw.size(), draw.size(), draw.chance(0.5)
    kind, more = recurrent_options(draw, hidden, batch_first)
    theirs, ours = twins(kind, width, hidden, **more)
    form = draw.one_of("dense", "dense", "packed", "one")
    steps, batch = draw.size(), 1 if form == "one" else draw.size()
    lead = (steps,) if form == "one" else (batch, steps) if batch_first else (steps, batch)
    x = draw.numbers(*lead, width)
    tx = double(x)
    given, wanted_x = x, tx
    if form == "packed":
        lengths = draw.rng.integers(1, steps + 1, batch)
        given = recur.pack_padded_sequence(x, lengths, batch_first, enforce_sorted=False)
        pack = torch.nn.utils.rnn.pack_padded_sequence
        wanted_x = pack(tx, torch.tensor(lengths), batch_first, enforce_sorted=False)
    rows = more["num_layers"] * (2 if more["bidirectional"] else 1)
    widths = [more.get("proj_size") or hidden] + [hidden] * (kind == "LSTM")
    start = None
    if draw.chance(0.5):
        start = [draw.numbers(*([rows] if form == "one" else [rows, batch]), w) for w in widths]
    t_start = start and [double(s) for s in start]
    whole = (lambda s: tuple(s)) if kind == "LSTM" else (lambda s: s[0])
    y, finals = ours(given, start and whole(start))
    ty, t_finals = theirs(wanted_x, t_start and whole(t_start))
    rows_of, t_rows = (y.data, ty.data) if form == "packed" else (y, ty)
    check("y", rows_of, t_rows)
    for a, b in zip(flat(finals), flat(t_finals)):
        check("final state", a, b)
    dy, dfinals = draw.numbers(*t_rows.shape), [draw.numbers(*f.shape) for f in flat(t_finals)]
    parameters = list(theirs.parameters())
    asked = [tx, *(t_start or []), *parameters]
    heads, grads = [t_rows, *flat(t_finals)], [double(d).detach() for d in (dy, *dfinals)]
    wanted = torch.autograd.grad(heads, asked, grads)
    given_dy = type(y).of(dy, y.layout) if form == "packed" else dy
    dx, dstart = ours.backward(given_dy, whole(dfinals))
    if form == "packed":
        dx = recur.pad_packed_sequence(dx, batch_first, total_length=steps)[0]
    check("dx", dx, wanted[0])
    for a, b in zip(flat(dstart), wanted[1 : 1 + len(t_start or [])]):
        check("gradient of the initial state", a, b)
    for (name, a), b in zip(ours.grads.items(), wanted[len(wanted) - len(parameters) :]):
        check(f"gradient of {name}", a, b)


# ---- cells ---------------------------------------------------------------------------------------


def cells(draw) -> None:
    """A linear layer under a loop over a cell, whose outputs are stacked or the last one taken."""
    width, hidden, steps, batch = draw.size(), draw.size(), draw.size(), draw.size()
    kind = draw.one_of("RNNCell", "LSTMCell", "GRUCell")
    more = {"bias": draw.chance(0.8)}
    if kind == "RNNCell":
        more["nonlinearity"] = draw.one_of("tanh", "relu")
    theirs, ours = twins(kind, width, hidden, **more)
    t_front, front = twins("Linear", width, width)
    import torch

    x, stacked, alone = draw.numbers(steps, batch, width), draw.chance(0.5), draw.chance(0.2)
    x = x[:, 0] if alone else x

    def loop(lib, front, cell, x):
        state, ys = None, []
        for t in range(steps):
            state = cell(front(x[t]), state)
            ys.append(state[0] if kind == "LSTMCell" else state)
        return lib.stack(ys) if stacked else ys[-1]

    y, ty = loop(np, front, ours, x), loop(torch, t_front, theirs, double(x))
    check("y", y, ty)
    dy = draw.numbers(*ty.shape)
    y.backward(dy)
    ty.backward(double(dy).detach())
    for mine, module in ((ours, theirs), (front, t_front)):
        for (name, a), b in zip(mine.grads.items(), module.parameters()):
            check(f"gradient of {name}", a, b.grad)


# ---- nets ----------------------------------------------------------------------------------------

HEADS = {
    "all": lambda s, y, h: y,
    "last": lambda s, y, h: y[:, -1] if s.batch_first else y[-1],
    "first": lambda s, y, h: y[:, 0] if s.batch_first else y[0],
    "every other": lambda s, y, h: y[::2],
    "turned": lambda s, y, h: y.swapaxes(0, 1),
    "final": lambda s, y, h: h[-1],
    "both finals": lambda s, y, h: s.lib_cat([h[0], h[-1]]),
    "twice": lambda s, y, h: s.lib_cat([y, y]),
    "flat": lambda s, y, h: y.reshape(-1, y.shape[-1]),
}


class Plan:
    """What a net is made of: drawn once, built for both sides."""

    def __init__(self, draw):
        self.width, self.hidden, self.out = draw.size() + 1, draw.size() + 1, draw.size() + 1
        self.batch_first = draw.chance(0.5)
        self.front = draw.one_of("none", "linear", "embedding", "norm")
        self.rnns = [recurrent_options(draw, self.hidden, self.batch_first)]
        self.rnns[0][1].pop("proj_size", None)
        self.second = draw.one_of("none", "above", "decoder")
        self.head = draw.one_of(*HEADS)
        self.packed, self.tail = draw.chance(0.3), draw.one_of("fc", "fc", "deep")
        self.loss, self.options = draw_loss(draw, self.out)
        self.batch, self.steps = draw.size(), draw.size()

    def build(self, base, nn, cat):
        plan = self

        class Net(base):
            def __init__(self):
                super().__init__()
                self.batch_first, self.lib_cat = plan.batch_first, lambda parts: cat(parts, -1)
                if plan.front == "embedding":
                    self.front = nn.Embedding(7, plan.width)
                elif plan.front == "linear":
                    self.front = nn.Sequential(nn.Linear(plan.width, plan.width), nn.Tanh())
                elif plan.front == "norm":
                    self.front = nn.LayerNorm(plan.width)
                kind, more = plan.rnns[0]
                self.rnn = getattr(nn, kind)(plan.width, plan.hidden, **more)
                wide = plan.hidden * (2 if more["bidirectional"] else 1)
                if plan.second != "none":
                    width = wide if plan.second == "above" else plan.width
                    self.next = getattr(nn, kind)(width, plan.hidden, **more)
                wide = plan.hidden if plan.head in ("final", "both finals") else wide
                wide *= 2 if plan.head in ("both finals", "twice") else 1
                fc = nn.Linear(wide, plan.out)
                if plan.tail == "deep":
                    fc = nn.Sequential(nn.Linear(wide, wide), nn.LayerNorm(wide), nn.Tanh(), fc)
                self.tail = fc

            def forward(self, x, lengths):
                x = self.front(x) if plan.front != "none" else x
                rnn = nn.utils.rnn
                if plan.packed:
                    more = {"batch_first": plan.batch_first, "enforce_sorted": False}
                    x = rnn.pack_padded_sequence(x, lengths, **more)
                y, state = self.rnn(x)
                if plan.second == "above":
                    y, state = self.next(y)
                elif plan.second == "decoder":
                    y, state = self.next(x, state)
                if plan.packed:
                    y, _ = rnn.pad_packed_sequence(y, plan.batch_first, total_length=plan.steps)
                h = state[0] if isinstance(state, tuple) else state
                return self.tail(HEADS[plan.head](self, y, h))

        return Net()


def draw_loss(draw, out) -> tuple:
    """(name, options)"""
    kind = draw.one_of("CrossEntropyLoss", "CrossEntropyLoss", "MSELoss", "L1Loss", "HuberLoss",
                       "SmoothL1Loss", "BCEWithLogitsLoss", "KLDivLoss", "NLLLoss")  # fmt: skip
    more = {"reduction": draw.one_of("mean", "sum", "none")}
    if kind in ("CrossEntropyLoss", "NLLLoss") and draw.chance(0.3):
        more["weight"] = np.abs(draw.numbers(out)) + np.float32(0.1)
    if kind == "CrossEntropyLoss" and draw.chance(0.3):
        more["label_smoothing"] = 0.1
    if kind == "HuberLoss":
        more["delta"] = draw.one_of(1.0, 0.3)
    if kind == "SmoothL1Loss":
        more["beta"] = draw.one_of(1.0, 0.3)
    if kind == "BCEWithLogitsLoss" and draw.chance(0.4):
        more["pos_weight"] = np.abs(draw.numbers(out)) + np.float32(0.1)
    return kind, more


class Run:
    """A net on both sides, with a loss."""

    def __init__(self, draw):
        import torch

        self.torch, self.plan = torch, Plan(draw)
        plan, self.draw = self.plan, draw
        self.theirs = plan.build(torch.nn.Module, torch.nn, torch.cat)
        self.ours = plan.build(recur.Module, recur.nn, np.concatenate)
        self.ours.load_state_dict(self.theirs.state_dict())
        self.theirs.double()
        options = {k: torch.tensor(v).double() if k.endswith("weight") else v
                   for k, v in plan.options.items()}  # fmt: skip
        self.their_loss = getattr(torch.nn, plan.loss)(**options)
        if plan.loss in ("CrossEntropyLoss", "NLLLoss"):
            plan.options = {**plan.options, "class_dim": -1}
        self.our_loss = getattr(recur.nn, plan.loss)(**plan.options)

    def batch(self):
        """(x, lengths)"""
        plan, draw = self.plan, self.draw
        lead = (plan.batch, plan.steps) if plan.batch_first else (plan.steps, plan.batch)
        by_id = plan.front == "embedding"
        x = draw.rng.integers(0, 7, lead) if by_id else draw.numbers(*lead, plan.width)
        return x, draw.rng.integers(1, plan.steps + 1, plan.batch)

    def target(self, shape):
        if self.plan.loss in ("CrossEntropyLoss", "NLLLoss"):
            target = self.draw.rng.integers(0, shape[-1], shape[:-1])
            target.ravel()[1::3] = -100  # counts for nothing; the first one counts
            return target
        if self.plan.loss in ("BCEWithLogitsLoss", "KLDivLoss"):
            return self.draw.rng.random(shape).astype(np.float32)
        return self.draw.numbers(*shape)

    def losses(self):
        """(ours, theirs) of one batch, as numbers that can be played back."""
        x, lengths = self.batch()
        tx = self.torch.tensor(x)
        y = self.ours(x, lengths)
        ty = self.theirs(tx if tx.dtype == self.torch.int64 else tx.double(),
                         self.torch.tensor(lengths))  # fmt: skip
        check("y", y, ty)
        target = self.target(ty.shape)
        t_target = self.torch.tensor(target)
        if t_target.is_floating_point():
            t_target = t_target.double()
        else:
            ty = ty.reshape(-1, ty.shape[-1])
        loss = self.our_loss(y, target)
        their = self.their_loss(ty, t_target if t_target.is_floating_point() else t_target.ravel())
        if self.plan.options["reduction"] == "none":
            weights = self.draw.numbers(*loss.shape)
            loss = (loss * weights).sum()
            their = (their * self.torch.tensor(weights).reshape(their.shape)).sum()
        check("loss", loss, their)
        return loss, their

    def compare_gradients(self) -> None:
        for name, value in self.theirs.named_parameters():
            grad = 0 * value if value.grad is None else value.grad
            check(f"gradient of {name}", self.ours.grads[name], grad)


def nets(draw) -> None:
    run = Run(draw)
    terms = [run.losses() for _ in range(draw.one_of(1, 1, 2))]
    if draw.chance(0.5) or len(terms) > 1:
        scale = draw.one_of(1.0, 0.5)
        (sum(a for a, _ in terms) * scale).backward()
        (sum(b for _, b in terms) * scale).backward()
    else:
        terms[0][0].backward()
        terms[0][1].backward()
    run.compare_gradients()


# ---- training ------------------------------------------------------------------------------------


def draw_optimizer(draw) -> tuple:
    """(name, options). eps is large enough that rounding in a gradient stays small in a step."""
    kind = draw.one_of("SGD", "Adam", "AdamW", "RAdam", "NAdam", "RMSprop", "Adagrad", "Adadelta")
    more = {"lr": draw.one_of(0.01, 0.1), "weight_decay": draw.one_of(0.0, 0.1)}
    if kind == "SGD":
        more["momentum"] = draw.one_of(0.0, 0.9)
        more["nesterov"] = more["momentum"] > 0 and draw.chance(0.5)
    else:
        more["eps"] = 1e-2
    if kind in ("Adam", "AdamW"):
        more["amsgrad"] = draw.chance(0.3)
    if kind in ("RAdam", "NAdam"):
        more["decoupled_weight_decay"] = draw.chance(0.3)
    if kind == "RMSprop":
        more.update(momentum=draw.one_of(0.0, 0.5), centered=draw.chance(0.3))
    return kind, {**more, "maximize": draw.chance(0.2)}


def schedules(draw, lib, name, optimizer):
    made = {
        "none": lambda: None,
        "StepLR": lambda: lib.StepLR(optimizer, 2, 0.5),
        "MultiStepLR": lambda: lib.MultiStepLR(optimizer, [1, 3], 0.5),
        "ExponentialLR": lambda: lib.ExponentialLR(optimizer, 0.8),
        "CosineAnnealingLR": lambda: lib.CosineAnnealingLR(optimizer, 3),
        "LambdaLR": lambda: lib.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch)),
    }
    return made[name]()


def training(draw) -> None:
    import torch

    run = Run(draw)
    kind, more = draw_optimizer(draw)
    groups = draw.chance(0.5)

    def parameters(net):
        if not groups:
            return net.parameters()
        others = [p for name, p in net.named_parameters() if not name.startswith("rnn.")]
        return [{"params": net.rnn.parameters()}, {"params": others, "lr": 0.05}]

    ours = getattr(recur, kind)(parameters(run.ours), **more)
    theirs = getattr(torch.optim, kind)(parameters(run.theirs), **more)
    name = draw.one_of("none", "StepLR", "MultiStepLR", "ExponentialLR", "CosineAnnealingLR",
                       "LambdaLR")  # fmt: skip
    mine = schedules(draw, recur, name, ours)
    other = schedules(draw, torch.optim.lr_scheduler, name, theirs)
    clip = draw.one_of(None, 0.5, 1.0)
    for _ in range(4):
        loss, their = run.losses()
        for optimizer, value in ((ours, loss), (theirs, their)):
            optimizer.zero_grad()
            value.backward()
        run.compare_gradients()
        if clip:
            a = recur.clip_grad_norm_(run.ours.parameters(), clip)
            b = torch.nn.utils.clip_grad_norm_(run.theirs.parameters(), clip)
            check("norm", a, b)
        ours.step()
        theirs.step()
        if mine:
            mine.step()
            other.step()
        rates = [[g["lr"] for g in optimizer.param_groups] for optimizer in (ours, theirs)]
        check("learning rates", *rates)
        for name, value in run.theirs.named_parameters():
            check(f"{name} after a step of {kind}", run.ours.params[name], value, 1e-4)
            with torch.no_grad():  # both go on from the same numbers
                value.copy_(torch.tensor(run.ours.params[name]))


FAMILIES = {"layers": layers, "cells": cells, "nets": nets, "training": training}


def count(family, times, seed=0) -> list:
    """What went wrong, as (draw, sentence), in so many draws."""
    import torch

    torch.manual_seed(seed)
    wrong = []
    for number in range(times):
        try:
            FAMILIES[family](Draw((seed, number)))
        except Exception as error:
            wrong.append((number, f"{type(error).__name__}: {error}"))
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("families", nargs="*", choices=[*FAMILIES, []])
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    failed = False
    for family in options.families or FAMILIES:
        start = time.perf_counter()
        wrong = count(family, options.count, options.seed)
        seconds = time.perf_counter() - start
        print(
            f"{family:9} right {options.count - len(wrong):5}, wrong {len(wrong)}; {seconds:.0f} s"
        )
        for number, sentence in wrong[:20]:
            print(f"  draw {number}: {sentence}")
        failed = failed or bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
