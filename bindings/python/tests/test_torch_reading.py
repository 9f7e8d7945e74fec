"""from_torch and to_torch give the numbers of the other side, or refuse: a fault each."""

import collections
import copy

import numpy as np
import pytest
from conftest import numbers

import recur

torch = pytest.importorskip("torch")
nn = torch.nn


def same(ours, theirs, x):
    with torch.no_grad():
        wanted = theirs(torch.tensor(x))
    got = ours(x)
    got = got[0] if isinstance(got, tuple) else got
    wanted = wanted[0] if isinstance(wanted, tuple) else wanted
    np.testing.assert_allclose(got, wanted.float().numpy(), atol=2e-6, rtol=1e-5)


def refused(module, words):
    """Strictness alone refuses, without the check."""
    with pytest.raises(NotImplementedError, match=words):
        recur.from_torch(module, verify=False)


def test_a_module_that_stands_twice(rng):
    act = nn.Tanh()
    theirs = nn.Sequential(nn.Linear(3, 4), act, nn.Linear(4, 4), act).eval()
    ours = recur.from_torch(theirs)
    assert len(ours) == 4
    same(ours, theirs, numbers(rng, 2, 3))
    fc = nn.Linear(3, 3)
    refused(nn.Sequential(fc, act, fc), "0.weight and 2.weight are one parameter")
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    refused(tied, "0.weight and 1.weight are one parameter")


class Scaled(nn.Linear):
    def forward(self, x):
        return 10 * super().forward(x)


class Doubled(nn.LSTM):
    def forward(self, x, state=None):
        y, state = super().forward(x, state)
        return 2 * y, state


class Skip(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


class Flipped(nn.GRU):
    def __call__(self, x):
        return super().__call__(x.flip(0))


class Named(nn.GRU):
    """Changes nothing but its constructor."""

    def __init__(self, width):
        super().__init__(width, 5, batch_first=True)

    def extra_repr(self):
        return "named"


def test_subclasses(rng):
    refused(Scaled(3, 2), "Scaled has its own forward in place of Linear's")
    refused(Doubled(3, 2), "forward")
    refused(Skip(nn.Linear(3, 3)), "forward")
    refused(Flipped(3, 2), "__call__")
    refused(nn.Sequential(nn.Tanh(), Scaled(3, 2)), "Scaled")
    patched = nn.Linear(3, 2)
    patched.forward = lambda x: x[..., :2]
    refused(patched, "forward")
    theirs = Named(3).eval()
    same(recur.from_torch(theirs), theirs, numbers(rng, 2, 4, 3))


def test_hooks_and_parametrizations():
    for register in (
        "register_forward_hook",
        "register_forward_pre_hook",
        "register_full_backward_hook",
    ):
        module = nn.Sequential(nn.Linear(3, 2))
        getattr(module[0], register)(lambda *args: None)
        refused(module, "the Linear '0' has hooks")
    refused(nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)), "parametriz")
    pruned = nn.Linear(3, 2)
    prune = pytest.importorskip("torch.nn.utils.prune")
    prune.l1_unstructured(pruned, "weight", 2)
    refused(pruned, "hooks")
    module = nn.Linear(3, 2)
    module.weight.register_hook(lambda g: 2 * g)
    refused(module, "hooks, which would change its gradient")


def test_sequentials_that_begin_with_an_activation(rng):
    x = numbers(rng, 4, 3)
    for theirs in (
        nn.Sequential(nn.ReLU(), nn.Linear(3, 4)),
        nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.Tanh(), nn.Dropout(0.1), nn.Linear(4, 2))),
        nn.Sequential(
            nn.Sequential(nn.Identity()),
            nn.Sequential(nn.Sigmoid(), nn.Sequential(nn.LayerNorm(3))),
        ),
        nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.Softsign())),
    ):
        ours = recur.from_torch(theirs.eval())
        same(ours, theirs, x)
        assert list(ours.state_dict()) == list(theirs.state_dict())
    refused(nn.Sequential(nn.ReLU(), nn.Tanh()), "features of part '0'")
    refused(nn.Sequential(), "empty")


def test_states_in_the_middle_are_refused():
    """torch cannot run these."""
    for module in (
        nn.Sequential(nn.LSTM(3, 4), nn.Linear(4, 2)),
        nn.Sequential(nn.Sequential(nn.Linear(3, 3), nn.GRU(3, 4)), nn.Linear(4, 2)),
    ):
        with pytest.raises((TypeError, AttributeError)):
            module(torch.zeros(2, 2, 3))
        refused(module, "recur.Sequential")


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_other_dtypes(rng, dtype):
    theirs = nn.GRU(3, 4).eval()
    narrow = copy.deepcopy(theirs).to(getattr(torch, dtype))
    ours = recur.from_torch(narrow)
    same(ours, narrow.float(), numbers(rng, 5, 2, 3))
    refused(nn.Linear(3, 2, dtype=torch.complex64), "complex64")
    refused(nn.Linear(3, 2, device="meta"), "meta")


def test_what_differs_in_training_only():
    mixed = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
    mixed[1].eval()
    refused(mixed, "the Dropout '1' is in eval mode")
    frozen = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    frozen[0].requires_grad_(False)
    refused(frozen, "0.weight is frozen")
    assert len(recur.from_torch(frozen.eval())) == 2
    frozen[1].train()
    assert len(recur.from_torch(frozen)) == 2  # no dropout: its mode means nothing
    refused(nn.Embedding(3, 2, scale_grad_by_freq=True), "scale_grad_by_freq")
    refused(nn.Embedding(3, 2, max_norm=1.0), "max_norm")


def test_own_modules_of_torch_come_back(rng):
    net = recur.Sequential(
        collections.OrderedDict(
            rnn=recur.GRU(3, 4, batch_first=True, bidirectional=True),
            merge=recur.Merge("mean"),
            around=recur.Residual(
                recur.LayerNorm(4), recur.LSTM(4, 4, batch_first=True), recur.Softsign()
            ),
            last=recur.Last(direction="forward"),
            fc=recur.Linear(4, 2),
        )
    ).eval()
    x = numbers(rng, 5, 7, 3)
    theirs = recur.to_torch(net)
    same(net, theirs, x)
    again = recur.from_torch(theirs, verify=False)
    np.testing.assert_allclose(again(x), net(x), atol=1e-6)
    assert type(again.around) is recur.Residual and list(again.params) == list(net.params)
    alone = recur.Residual(recur.Linear(3, 3), recur.Tanh()).eval()
    back = recur.from_torch(recur.to_torch(alone), verify=False)
    np.testing.assert_allclose(back(x), alone(x), atol=1e-6)


def test_a_residual_takes_packed_sequences(rng):
    net = recur.Residual(recur.GRU(3, 3)).eval()
    theirs = recur.to_torch(net)
    x = torch.tensor(numbers(rng, 5, 2, 3))
    packed = nn.utils.rnn.pack_padded_sequence(x, [5, 2])
    np.testing.assert_allclose(net(packed).data, theirs(packed).data.detach().numpy(), atol=1e-6)


def test_snapshots_and_own_classes_are_refused():
    net = recur.Sequential(recur.GRU(3, 4), recur.Linear(4, 2))
    for module in (net, net[0], recur.Linear(3, 2)):
        with pytest.raises(NotImplementedError, match="snapshot"):
            recur.to_torch(module.snapshot())

    class Own(recur.Linear):
        def __call__(self, x):
            return 2 * super().__call__(x)

    with pytest.raises(NotImplementedError, match="class of your own"):
        recur.to_torch(Own(3, 2))


def test_the_check_finds_a_difference(monkeypatch):
    from recur.convert import _verify, pytorch

    def transposed(torch, name, value):
        return value.detach().numpy().T.copy()

    monkeypatch.setattr(pytorch, "array_of", transposed)
    module = nn.Linear(3, 3, bias=False)
    with pytest.raises(_verify.ConversionError, match="from_torch: output 0 .* differs"):
        recur.from_torch(module)
    assert recur.from_torch(module, verify=False).out_features == 3


def test_the_check_leaves_no_trace():
    """Neither torch's random numbers, nor the user's modules, nor recur's seeds."""
    theirs = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5))
    before = torch.get_rng_state()
    recur.manual_seed(3)
    ours = recur.from_torch(theirs)
    assert ours.training and theirs.training and torch.equal(before, torch.get_rng_state())
    first = recur.Linear(2, 2).flat.copy()
    recur.manual_seed(3)
    recur.from_torch(theirs, verify=False)
    np.testing.assert_array_equal(first, recur.Linear(2, 2).flat)
    lazy = recur.from_torch(nn.Tanh())
    assert lazy(np.zeros((1, 7), np.float32)).shape == (1, 7)


ROWS = {
    "batch_norm": lambda: nn.BatchNorm1d(6),
    "batch_norm_bare": lambda: nn.BatchNorm1d(6, affine=False),
    "prelu": lambda: nn.PReLU(),
    "prelu_each": lambda: nn.PReLU(6),
    "elu": lambda: nn.ELU(),
    "gelu": lambda: nn.GELU(),
    "silu": lambda: nn.SiLU(),
    "glu": lambda: nn.GLU(),
    "softmax": lambda: nn.Softmax(dim=-1),
    "rms_norm": lambda: nn.RMSNorm(6),
    "group_norm": lambda: nn.GroupNorm(3, 6, 1e-3),
}


@pytest.mark.parametrize("name", ROWS)
def test_layers_of_rows(rng, name):
    theirs = nn.Sequential(nn.Linear(4, 6), ROWS[name](), nn.Linear(3 if name == "glu" else 6, 2))
    for part in theirs.modules():
        for what, value in part.named_parameters(recurse=False):
            value.data = torch.tensor(numbers(rng, *value.shape))
        if isinstance(part, nn.BatchNorm1d):
            part.running_mean[:] = torch.tensor(numbers(rng, 6))
            part.running_var[:] = torch.tensor(np.abs(numbers(rng, 6)))
    theirs.eval()
    same(recur.from_torch(theirs, verify=False), theirs, numbers(rng, 5, 4))
    recur.from_torch(theirs)


@pytest.mark.parametrize(
    "part, words",
    [
        (nn.ELU(0.5), "ELU with alpha=0.5"),
        (nn.GELU("tanh"), "approximate='tanh'"),
        (nn.Softmax(dim=0), "dim=0"),
        (nn.GLU(dim=1), "dim=1"),
        (nn.RMSNorm(6, elementwise_affine=False), "RMSNorm without a weight"),
        (nn.GroupNorm(2, 6, affine=False), "GroupNorm without a weight"),
        (nn.BatchNorm1d(6), "in training mode"),
        (nn.BatchNorm1d(6, track_running_stats=False), "in training mode"),
        (nn.PReLU(), "not known here"),
        (nn.Conv1d(6, 6, 3), r"gives -2 steps.*ZeroPad1d\(\(2, 0\)\)"),
        (nn.Conv1d(6, 6, 2, stride=2), "stride=2"),
        (nn.Conv1d(6, 6, 3, padding=1, padding_mode="reflect"), "padding_mode='reflect'"),
        (nn.Sequential(nn.ConstantPad1d((2, 0), 1.0), nn.Conv1d(6, 6, 3)), "pads with zeros"),
        (nn.Sequential(nn.ZeroPad1d((2, 0)), nn.ReLU(), nn.Conv1d(6, 6, 3)), "before a Conv1d"),
        (nn.Sequential(nn.Conv1d(6, 6, 1), nn.ZeroPad1d((2, 0))), "the last part pads"),
        (nn.Sequential(nn.Conv1d(6, 6, 1), nn.Linear(6, 6)), "Linear in a chain with a Conv1d"),
    ],
)
def test_rows_that_are_refused(part, words):
    refused(part, words)


def rows_of_recur():
    graph = {
        "a": recur.Linear(6, 6),
        "gate": (recur.Merge("gate"), ["a", (None, 0, 6)]),
        "rnn": recur.GRU(6, 4),
        "out": (recur.Identity(), [("rnn", 1, 2), "a"]),
    }
    return {
        "row": recur.ConvRow(2, 4, 2, 2, (1, 0), groups=2, padding_mode="reflect", length=3),
        "time": recur.ConvTime(6, 3, 3, 2, ahead=1),
        "back": recur.ConvTime(6, 3, 2, batch_first=True, bias=False),
        "affine": recur.Affine(2, 3, bias=False),
        "prelu": recur.PReLU(2, length=3),
        "norm": recur.GroupNorm(2, 2, length=3),
        "rms": recur.RMSNorm(6),
        "softmax": recur.Softmax(features=6),
        "size": recur.Merge("magnitude", features=6),
        "gelu": recur.GELU(features=6),
        "graph": recur.Graph(6, graph),
    }


@pytest.mark.parametrize("name", rows_of_recur())
def test_there_and_back(rng, name):
    ours = rows_of_recur()[name].eval()
    for value in ours.params.values():
        value[...] = numbers(rng, *value.shape)
    theirs = recur.to_torch(ours, verify=False)
    x = numbers(rng, 5, 2, 6)
    same(ours, theirs, x)
    again = recur.from_torch(recur.to_torch(ours))
    assert type(again) is type(ours)
    np.testing.assert_array_equal(again(x), ours(x))


def test_convolutions_over_time(rng):
    """[B][T][channels] here, and causal ones stream."""
    theirs = nn.Sequential(
        nn.ZeroPad1d((4, 0)),
        nn.Conv1d(3, 4, 3, dilation=2),
        nn.BatchNorm1d(4),
        nn.PReLU(4),
        nn.Conv1d(4, 6, 1, groups=2),
        nn.PReLU(),
        nn.ConstantPad1d((2, 0), 0.0),
        nn.Conv1d(6, 2, 3, bias=False),
    ).eval()
    theirs[2].running_mean[:] = torch.tensor(numbers(rng, 4))
    theirs[3].weight.data[:] = torch.tensor(numbers(rng, 4))
    ours = recur.from_torch(theirs, verify=False)
    x = numbers(rng, 2, 7, 3)
    with torch.no_grad():
        wanted = theirs(torch.tensor(x).transpose(1, 2)).transpose(1, 2).numpy()
    np.testing.assert_allclose(ours(x), wanted, atol=2e-6)
    state = ours.state(2)
    for t in range(7):
        np.testing.assert_array_equal(ours.step(x[:, t], state), ours(x)[:, t])
    recur.from_torch(theirs)


@pytest.mark.parametrize("padding, kernel", [("same", 4), ("same", 3), (1, 3), (0, 1)])
def test_convolutions_that_look_ahead(padding, kernel):
    ours = recur.from_torch(nn.Conv1d(3, 2, kernel, padding=padding))  # its check compares
    assert ours.ahead == kernel // 2
