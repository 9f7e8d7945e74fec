"""Runs PyTorch's own sample inputs through torch.nn and recur.nn, and counts: right, refused (and
why), wrong.

    python tools/common_modules.py                  every module that both have
    python tools/common_modules.py LSTM KLDivLoss   these

The samples are those of torch.testing._internal.common_modules, in float32, in training and in
evaluation. torch.nn computes in float64 from these numbers and weights, recur.nn in float32.
Results are compared, then the gradients of inputs and parameters for one drawn gradient of them.
Wrong has to be 0. A sample that is refused with a sentence which says what to type is run once more
as it says ("typed"). A mean over no label at all, if one is drawn, is 0 here and NaN in PyTorch.
Needs torch and expecttest.
"""

import collections
import pathlib
import sys
import warnings

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import recur  # noqa: E402

TOLERANCE = 2e-5
REFUSALS = (NotImplementedError, ValueError, TypeError, AttributeError)
PACKED = ("RNN", "GRU", "LSTM")  # their samples may be packed sequences


class Wrong(Exception):
    """What differs."""


def ours(value):
    """What recur is given in the place of a tensor, or of anything with tensors in it."""
    import torch

    if isinstance(value, torch.Tensor):
        return (value.float() if value.is_floating_point() else value).detach().numpy().copy()
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        value = value._replace(data=value.data.float())
        padded, lengths = torch.nn.utils.rnn.pad_packed_sequence(value)
        return recur.pack_padded_sequence(padded.detach().numpy(), lengths.numpy())
    return type(value)(ours(v) for v in value) if isinstance(value, (list, tuple)) else value


def doubled(value):
    """Tensors of floats in double, as new leaves."""
    import torch

    if isinstance(value, torch.Tensor):
        exact = value.detach().double() if value.is_floating_point() else value
        return exact.requires_grad_(value.requires_grad)
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        return value._replace(data=doubled(value.data))
    return type(value)(doubled(v) for v in value) if isinstance(value, (list, tuple)) else value


def leaves(value) -> list:
    """The arrays or tensors of a result, from the outside in."""
    if hasattr(value, "batch_sizes"):
        return [value.data]
    if isinstance(value, recur.loss_values.LossValues):
        return [value[0]]
    if isinstance(value, (list, tuple)):
        return [leaf for v in value for leaf in leaves(v)]
    return [] if value is None else [value]


def compare(what, got, wanted) -> None:
    got, wanted = np.asarray(got, np.float64), np.asarray(wanted, np.float64)
    if got.shape != wanted.shape:
        raise Wrong(f"{what} has shape {got.shape}, torch's {wanted.shape}")
    finite = np.isfinite(wanted)
    if not np.array_equal(got[~finite], wanted[~finite], equal_nan=True):
        raise Wrong(f"{what}: {got.ravel()[:4]}, torch's {wanted.ravel()[:4]}")
    error = np.abs(got[finite] - wanted[finite]).max(initial=0)
    scale = max(1, np.abs(wanted[finite]).max(initial=0))
    if not error <= TOLERANCE * scale:
        raise Wrong(f"{what} differs by {error:g} of {scale:g}")


class Sample:
    """One sample on both sides: modules, arguments, results."""

    def __init__(self, info, sample, training):
        self.name, self.training = info.module_cls.__name__, training
        self.made, given = sample.constructor_input, sample.forward_input
        self.more = {}  # what recur's class alone is given
        self.theirs = info.module_cls(*self.made.args, **self.made.kwargs).train(training).double()
        if hasattr(self.theirs, "dropout"):
            self.theirs.dropout = 0.0  # masks are drawn, and cannot be compared
        self.args = doubled(given.args)
        self.named = {key: doubled(value) for key, value in given.kwargs.items()}
        self.wanted = leaves(self.theirs(*self.args, **self.named))

    def run(self) -> None:
        """Compares everything. Raises Wrong, or what recur refuses with."""
        named = {key: ours(value) for key, value in self.made.kwargs.items()}
        self.mine = getattr(recur.nn, self.name)(*ours(self.made.args), **named, **self.more)
        is_loss = not isinstance(self.mine, recur.Module)
        if not is_loss:
            self.mine.train(self.training, dropout=False)
            if self.theirs.state_dict():
                self.mine.load_state_dict(self.theirs.state_dict())
        result = self.mine(
            *ours(self.args), **{key: ours(value) for key, value in self.named.items()}
        )
        got = leaves(result)
        if len(got) != len(self.wanted):
            raise Wrong(f"{len(got)} results, torch gives {len(self.wanted)}")
        for i, (a, b) in enumerate(zip(got, self.wanted)):
            compare(f"result {i}", a, b.detach())
        if is_loss:
            self.compare_loss(result)
        elif self.training:
            self.compare_gradients(result)

    def typed(self, sentence) -> bool:
        """Makes it what a refusal says to type. False: there is nothing to do about it."""
        if "class_dim=1 PyTorch's" in sentence:
            self.more["class_dim"] = 1
            return True
        weight = self.made.kwargs.get("weight")
        if "must be at least 0" in sentence and weight is not None:
            self.made.kwargs["weight"] = weight.abs()
            self.theirs.weight = weight.double().abs()
            self.wanted = leaves(self.theirs(*self.args, **self.named))
            return True
        return False

    def compare_loss(self, result) -> None:
        """The gradient of the input; of the sum, where there is a value for each row."""
        import torch

        (wanted,) = torch.autograd.grad(self.wanted[0].sum(), self.args[:1])
        compare("gradient of the input", result[1], wanted)

    def compare_gradients(self, result) -> None:
        """Gradients of all inputs and parameters, for drawn gradients of all results."""
        import torch

        rng = np.random.default_rng(0)
        drawn = [rng.standard_normal(w.shape).astype(np.float32) for w in self.wanted]
        inputs = leaves([*self.args, *self.named.values()])
        asked = [leaf for leaf in inputs if leaf.requires_grad]
        grads = [torch.tensor(d, dtype=torch.float64) for d in drawn]
        parameters = list(self.theirs.parameters())
        theirs = torch.autograd.grad(self.wanted, asked + parameters, grads, allow_unused=True)
        mine = self.backward(result, drawn)
        for i, (got, wanted) in enumerate(zip(mine, theirs[: len(asked)])):
            compare(f"gradient of input {i}", got, wanted)
        for (name, got), wanted in zip(self.mine.grads.items(), theirs[len(asked) :]):
            compare(f"gradient of {name}", got, wanted)

    def backward(self, result, drawn) -> list:
        """Gradients of the inputs, from those of the results, as the class is played back."""
        states = len(getattr(self.mine, "states", ()))
        if isinstance(self.mine, recur.cells.Cell):
            return leaves(self.mine.backward(tuple(drawn) if states > 1 else drawn[0]))
        if states:
            y = result[0]
            dy = type(y).of(drawn[0], y.layout) if hasattr(y, "batch_sizes") else drawn[0]
            dx, dstate = self.mine.backward(dy, tuple(drawn[1:]) if states > 1 else drawn[1])
            return [*leaves(dx), *leaves(dstate)]
        return leaves(self.mine.backward(drawn[0]))


def samples_of(info):
    """(sample, whether in training) of a module."""
    import torch

    for training in (True, False):
        more = {"device": "cpu", "dtype": torch.float32, "requires_grad": True}
        kinds = [{}]
        if info.module_cls.__name__ in PACKED:
            kinds.append({"with_packed_sequence": True})
        for kind in kinds:
            made = info.module_inputs_func(info, training=training, **more, **kind)
            yield from ((sample, training) for sample in made)


def run(both) -> list:
    """The sentences it was refused with, one after the other; the last is None if it ran."""
    said = []
    while True:
        try:
            both.run()
            return [*said, None]
        except REFUSALS as error:
            said.append(f"{type(error).__name__}: {error}".partition("\n")[0])
            if said.count(said[-1]) > 1 or not both.typed(said[-1]):
                return said


def count(info):
    """(right, typed, refused with how many times, wrong) of the samples of one module."""
    import torch

    torch.manual_seed(1)  # the samples of a module do not depend on those before it
    right, typed, refused, wrong = 0, 0, collections.Counter(), []
    for number, (sample, training) in enumerate(samples_of(info)):
        try:
            said = run(Sample(info, sample, training))
        except Wrong as error:
            made = sample.constructor_input
            wrong.append(f"{number} {made.args} {made.kwargs} {sample.desc}: {error}")
            continue
        right += said == [None]
        typed += len(said) > 1 and said[-1] is None
        refused.update([] if said == [None] else said[:1])
    return right, typed, refused, wrong


def modules() -> list:
    """What torch has samples of, and recur.nn has too."""
    from torch.testing._internal.common_modules import module_db

    return [info for info in module_db if info.module_cls.__name__ in recur.nn.__all__]


def main() -> int:
    warnings.simplefilter("ignore")
    total = collections.Counter()
    for info in modules():
        name = info.module_cls.__name__
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        right, typed, refused, wrong = count(info)
        counts = {"right": right, "refused": sum(refused.values()), "of them typed": typed}
        counts["wrong"] = len(wrong)
        total.update(modules=1, **counts)
        print(f"{name:18} " + ", ".join(f"{key} {value:3}" for key, value in counts.items()))
        for why, times in refused.most_common():
            print(f"  {times:4}  {why}")
        for what in wrong:
            print(f"  wrong: sample {what}")
    print(", ".join(f"{key} {value}" for key, value in total.items()))
    return 1 if total["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
