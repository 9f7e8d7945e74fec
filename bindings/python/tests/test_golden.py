"""The cases of tests/golden, forward and backward, through the modules."""

import numpy as np
import pytest
from conftest import GOLDEN, close, near

import recur
from recur import c

CASES = sorted(p.stem for p in GOLDEN.glob("*.safetensors"))
pytestmark = pytest.mark.skipif(not CASES, reason="no golden cases here")


class Case:
    def __init__(self, name):
        file = recur.File(GOLDEN / f"{name}.safetensors")
        self.tensors = {key: file[key] for key in file.keys()}
        self.texts = file.texts

    def number(self, key, otherwise=0.0):
        value = self.texts.get(key, otherwise)
        return float({"True": 1, "False": 0}.get(value, value))

    def __getitem__(self, key):
        return self.tensors[key]

    def get(self, key):
        return self.tensors.get(key)

    def layer(self, **more):
        mode, t = self.texts["mode"], self.number
        kind = {"rnn_tanh": recur.RNN, "rnn_relu": recur.RNN, "lstm": recur.LSTM, "gru": recur.GRU}[mode]
        if kind is recur.RNN:
            more["nonlinearity"] = mode[4:]
        if kind is recur.LSTM:
            more["proj_size"] = int(t("proj_size"))
        return kind(int(t("input_size")), int(t("hidden_size")), int(t("num_layers", 1)), bias=bool(t("bias", 1)),
                    bidirectional=bool(t("bidirectional")), **more)  # fmt: skip


def of_kind(*starts):
    return [name for name in CASES if name.startswith(starts)]


def two(a, b):
    return a if b is None else (a, b)


def check_grads(case, module):
    for name, grad in module.grads.items():
        near(grad, case["grad_" + name])


@pytest.mark.parametrize("name", of_kind("rnn_", "lstm_", "gru_"))
@pytest.mark.parametrize("batch_first", [False, True])
def test_layer(name, batch_first):
    case = Case(name)
    layer = case.layer(batch_first=batch_first)
    layer.load_state_dict({k: v for k, v in case.tensors.items() if k in layer.params})
    turn = (lambda a: np.ascontiguousarray(a.swapaxes(0, 1))) if batch_first else (lambda a: a)
    x, gy, lengths = turn(case["input"]), turn(case["grad_output"]), case.get("lengths")
    if lengths is not None:
        lengths = lengths.astype(int)
        x = recur.pack_padded_sequence(x, lengths, batch_first, enforce_sorted=False)
        gy = recur.pack_padded_sequence(gy, lengths, batch_first, enforce_sorted=False)
        if "batch_sizes" in case.tensors:
            assert x.batch_sizes.tolist() == case["batch_sizes"].astype(int).tolist()
    padded = lambda v: turn(recur.pad_packed_sequence(v, batch_first)[0] if lengths is not None else v)  # noqa: E731
    start = two(case.get("h0"), case.get("c0")) if case.get("h0") is not None else None
    y, final = layer(x, start)
    gx, gstart = layer.backward(gy, two(case.get("grad_hn"), case.get("grad_cn")))
    close(padded(y), case["output"])
    near(padded(gx), case["grad_input"])
    for got, key in zip(final if isinstance(final, tuple) else (final,), ("hn", "cn")):
        close(got, case[key])
    for got, key in zip(gstart if isinstance(gstart, tuple) else (gstart,), ("grad_h0", "grad_c0")):
        if key in case.tensors:
            near(got, case[key])
    check_grads(case, layer)
    layer.eval()
    close(padded(layer(x, start)[0]), case["output"])


@pytest.mark.parametrize("name", of_kind("cell_"))
def test_cell(name):
    case = Case(name)
    mode, bias = case.texts["mode"], bool(case.number("bias", 1))
    sizes = int(case.number("input_size")), int(case.number("hidden_size"))
    kinds = {"lstm": recur.LSTMCell, "gru": recur.GRUCell}
    cell = kinds[mode](*sizes, bias) if mode in kinds else recur.RNNCell(*sizes, bias, mode[4:])
    cell.load_state_dict({k: v for k, v in case.tensors.items() if k in cell.params})
    after = cell(case["input"], two(case["h0"], case.get("c0")))
    gx, before = cell.backward(two(case["grad_hn"], case.get("grad_cn")))
    for got, key in zip(after if isinstance(after, tuple) else (after,), ("hn", "cn")):
        close(got, case[key])
    near(gx, case["grad_input"])
    for got, key in zip(before if isinstance(before, tuple) else (before,), ("grad_h0", "grad_c0")):
        near(got, case[key])
    check_grads(case, cell)


LOSSES = {
    "cross_entropy": recur.CrossEntropyLoss,
    "nll": recur.NLLLoss,
    "mse": recur.MSELoss,
    "l1": recur.L1Loss,
    "huber": recur.HuberLoss,
    "bce_with_logits": recur.BCEWithLogitsLoss,
}


@pytest.mark.parametrize("name", of_kind("loss_"))
def test_loss(name):
    case = Case(name)
    more = {"reduction": case.texts["reduction"]}
    for key, kind in (("ignore_index", int), ("label_smoothing", float), ("delta", float)):
        if key in case.texts:
            more[key] = kind(case.number(key))
    if "weight" in case.tensors:
        more["weight"] = case["weight"]
    if case.texts["loss"] == "ctc":
        y, lengths = case["input"], case["input_lengths"].astype(np.int64)
        value, grad = recur.CTCLoss(**more)(y, case["target"].astype(np.int64), lengths, case["target_lengths"].astype(np.int64))
        close(np.float32(value), case["loss"].reshape(()))
        return near(grad, case["grad_input"])
    kind = LOSSES[case.texts["loss"]]
    labels = case.texts["loss"] in ("cross_entropy", "nll")
    value, grad = kind(**more)(case["input"], case["target"].astype(np.int64) if labels else case["target"])
    close(np.float32(value), case["loss"].reshape(()))
    near(grad, case["grad_input"])


RULES = {"sgd": recur.SGD, "adam": recur.Adam, "adamw": recur.AdamW, "rmsprop": recur.RMSprop, "adagrad": recur.Adagrad,
         "adadelta": recur.Adadelta}  # fmt: skip


@pytest.mark.parametrize("name", of_kind("optim_"))
def test_optimizer(name):
    case = Case(name)
    count = case["param_0"].size
    module = recur.Linear(count, 1, bias=False)
    more = {k: case.number(k) for k in ("lr", "momentum", "weight_decay") if k in case.texts}
    more.update({k: True for k in ("nesterov", "amsgrad", "centered") if k in case.texts})
    module.flat[:] = case["param_0"].ravel()
    rule = RULES[case.texts["optim"]](module, **more)
    for s in range(int(case.number("steps"))):
        module.flat_grad[:] = case[f"grad_{s}"].ravel()
        rule.step()
        close(module.flat, case[f"param_{s + 1}"].ravel())


@pytest.mark.parametrize("name", of_kind("norm_"))
def test_norm(name):
    case = Case(name)
    layer = recur.LayerNorm(int(case.number("features")), case.number("eps"), bias=case.number("bias") != 0)
    layer.load_state_dict({key: case[key] for key in layer.params})
    if "lengths" in case.tensors:
        lengths = case["lengths"].astype(int)
        x, gy = (recur.pack_padded_sequence(case[key], lengths, enforce_sorted=False) for key in ("input", "grad_output"))
        wanted = [recur.pack_padded_sequence(case[key], lengths, enforce_sorted=False).data for key in ("output", "grad_input")]
        close(layer(x).data, wanted[0])
        close(layer.backward(gy).data, wanted[1], 1e-5)
    else:
        close(layer(case["input"]), case["output"])
        close(layer.backward(case["grad_output"]), case["grad_input"], 1e-5)
    for key, value in layer.grads.items():
        close(value, case["grad_" + key], 1e-5)


@pytest.mark.parametrize("name", of_kind("clip_"))
def test_clip(name):
    case = Case(name)
    a, b = case["grad_a"].ravel(), case["grad_b"].ravel()
    module = recur.Linear(a.size + b.size, 1, bias=False)
    module.flat_grad[:] = np.concatenate([a, b])
    kind = float("inf") if case.texts["norm_type"] == "inf" else 2.0
    norm = recur.clip_grad_norm_(module, case.number("max_norm"), kind)
    close(np.float32(norm), case["total_norm"].reshape(()))
    close(module.flat_grad, np.concatenate([case["clipped_a"].ravel(), case["clipped_b"].ravel()]))


@pytest.mark.parametrize("name", of_kind("train_"))
def test_whole_run(name):
    case = Case(name)
    rnn = case.layer()
    width = rnn._info.output_size
    net = recur.Sequential(
        {"rnn": rnn, "last": recur.Last(direction="forward"), "fc": recur.Linear(width, int(case.number("classes")))}
    )
    net.load_state_dict({k: v for k, v in case.tensors.items() if k in net.params})
    x = recur.pack_padded_sequence(case["input"], case["lengths"].astype(int), enforce_sorted=False)
    criterion, adam = recur.CrossEntropyLoss(), recur.Adam(net, lr=case.number("lr"))
    losses = []
    for _ in range(int(case.number("steps"))):
        adam.zero_grad()
        loss, grad = criterion(net(x), case["target"].astype(int))
        net.backward(grad)
        recur.clip_grad_norm_(net, case.number("max_norm"))
        adam.step()
        losses.append(loss)
    close(losses, case["losses"], 1e-4, 0)
    for key, value in net.params.items():
        close(value, case["final." + key], 1e-3, 0)


def test_all_cases_are_used():
    starts = ("rnn_", "lstm_", "gru_", "cell_", "norm_", "loss_", "optim_", "clip_", "train_")
    assert set(CASES) == set(of_kind(*starts)) and len(CASES) > 70
    assert c.recur_version() > 0
