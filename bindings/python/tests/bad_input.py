"""Everything wrong that a user can write: run by test_bad_input.py in a process of its own. Each attempt must raise one of
the expected exceptions, or give a result; the process must live. Prints how many there were."""

import faulthandler
import gc
import itertools
import os
import pathlib
import sys
import threading

import numpy as np

faulthandler.enable()
if not os.environ.get("RECUR_TEST_INSTALLED"):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import recur  # noqa: E402
from recur import c  # noqa: E402

EXPECTED = (ValueError, TypeError, RuntimeError, MemoryError, OSError, LookupError, AttributeError, OverflowError)
F = np.float32
count = 0
silent = []


def attempt(what, call, must_fail=True):
    """must_fail: a result is a fault too."""
    global count
    count += 1
    try:
        call()
    except EXPECTED as error:
        if not str(error):
            silent.append(f"{what}: {type(error).__name__} without a word")
        return
    except BaseException as error:  # noqa: BLE001
        silent.append(f"{what}: {type(error).__name__}: {error}")
        return
    if must_fail:
        silent.append(f"{what}: no exception")


x = np.ones((5, 2, 3), F)
READ_ONLY = x.copy()
READ_ONLY.setflags(write=False)

BAD_X = {
    "complex": x.astype(np.complex64),
    "bool": x.astype(bool),
    "object": x.astype(object),
    "text": "abc",
    "bytes": b"abc",
    "none": None,
    "nothing": [],
    "ragged": [[1.0], [1.0, 2.0]],
    "a dict": {"a": 1},
    "a set": {1, 2},
    "a number": 3.5,
    "0-d": np.array(1, F),
    "1-d": np.ones(3, F),
    "4-d": np.ones((5, 2, 3, 1), F),
    "too narrow": np.ones((5, 2, 2), F),
    "too wide": np.ones((5, 2, 4), F),
    "no features": np.ones((5, 2, 0), F),
    "negative ids": np.full((5, 2), -1),
    "ids too large": np.full((5, 2), 3),
    "huge ids": np.full((5, 2), 2**40),
    "unsigned ids": np.full((5, 2), 2**63, np.uint64),
    "3-d ids": np.zeros((5, 2, 3), np.int32),
    "dates": np.zeros((5, 2), "M8[s]"),
    "strings": np.full((5, 2), "a"),
    "structured": np.zeros((5, 2), [("a", F)]),
    "a module": recur.Linear(2, 2),
    "a type": int,
}
ODD_X = {  # odd, and right
    "float64": x.astype(np.float64),
    "float16": x.astype(np.float16),
    "big-endian": x.astype(">f4"),
    "no batch": np.ones((5, 0, 3), F),
    "read-only": READ_ONLY,
    "fortran": np.asfortranarray(x),
    "strided": np.ones((10, 4, 6), F)[::2, ::2, ::2],
    "backwards": np.ones((5, 2, 3), F)[::-1, ::-1, ::-1],
    "repeated": np.broadcast_to(np.ones(3, F), (5, 2, 3)),
    "nan": np.full((5, 2, 3), np.nan, F),
    "infinite": np.full((5, 2, 3), np.inf, F),
    "huge numbers": np.full((5, 2, 3), 3e38, F),
    "no steps": np.ones((0, 2, 3), F),
    "unaligned": np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(F).reshape(5, 2, 3),
    "a subclass": np.ma.masked_array(x),
    "a matrix": np.ones((5, 3), F).view(np.ndarray),
    "small ids": np.zeros((5, 2), np.int8),
    "unsigned small ids": np.zeros((5, 2), np.uint8),
}


def forward():
    for make in (lambda: recur.RNN(3, 4), lambda: recur.LSTM(3, 4, 2), lambda: recur.GRU(3, 4, bidirectional=True),
                 lambda: recur.Sequential(recur.LSTM(3, 4), recur.Last(), recur.Linear(4, 2))):  # fmt: skip
        module = make()
        for name, value in BAD_X.items():
            attempt(f"{type(module).__name__}({name})", lambda: module(value))
        for name, value in ODD_X.items():
            attempt(f"{type(module).__name__}({name})", lambda: module(value), False)
    for name, value in BAD_X.items():
        attempt(f"Linear({name})", lambda: recur.Linear(3, 4)(value), name not in ("1-d", "4-d", "3-d ids"))
        attempt(f"Embedding({name})", lambda: recur.Embedding(3, 4)(value), name != "3-d ids")
        attempt(f"LSTMCell({name})", lambda: recur.LSTMCell(3, 4)(value), name != "1-d")


def states_and_gradients():
    lstm, gru = recur.LSTM(3, 4), recur.GRU(3, 4)
    h = np.zeros((1, 2, 4), F)
    bad = [h, (h,), (h, h, h), (h, h[:, :1]), (h.astype(bool), h), (h[0], h), "hc", 3, {"h": h}, (h, "c"), [[1, 2], [3, 4]]]
    for i, s in enumerate(bad):
        attempt(f"lstm state {i}", lambda: lstm(x, s))
        lstm(x)
        attempt(f"lstm gradient of state {i}", lambda: lstm.backward(None, s))
    for i, s in enumerate([(h, h), h[0], h.astype(bool), np.zeros((1, 3, 4), F), np.zeros((2, 2, 4), F), "h", 5]):
        attempt(f"gru state {i}", lambda: gru(x, s))
    gru.eval()
    for i, g in enumerate([np.ones((5, 2, 4), F)]):
        attempt(f"backward without a record {i}", lambda: gru.backward(g))
    gru.train()
    y, _ = gru(x)
    for i, g in enumerate([y[:4], y[:, :1], y[..., :2], y.astype(bool), y.tolist()[:3], "y", 3, y[None], y.astype(int)]):
        attempt(f"gradient {i}", lambda: gru.backward(g))
    for other in (recur.GRU(3, 5), recur.LSTM(3, 4), recur.GRU(3, 4, 2)):
        attempt("state of another layer", lambda: gru(x, other.state(2)))
    attempt("state of another batch", lambda: gru(x, gru.state(3)))
    attempt("states of none", lambda: gru.state(0), False)
    attempt("states of less than none", lambda: gru.state(-1))
    attempt("states of a half", lambda: gru.state(1.5))
    attempt("too many states", lambda: gru.state(2**31))
    state = gru.state(2)
    for i, v in enumerate([np.zeros((1, 2, 3), F), 3, "a", None, np.zeros((1, 2, 4), bool)]):
        attempt(f"written state {i}", lambda: state.__setitem__("h", v))
    attempt("no such tensor", lambda: state["c"])
    for s in (2, -2, 2**70, "0", 0.5):
        attempt(f"reset {s}", lambda: state.reset(s))
    attempt("step without state", lambda: gru.step(x[0], None))
    attempt("step of another batch", lambda: gru.step(x[0, :1], state))
    attempt("step with bad out", lambda: gru.step(x[0], state, out=np.zeros((2, 3), F)))
    attempt("step with a read-only out", lambda: gru.step(x[0], state, out=READ_ONLY[0][:, :2]))
    attempt("step with another out", lambda: gru.step(x[0], state, out=np.zeros((2, 4))))
    attempt("step with a strided out", lambda: gru.step(x[0], state, out=np.zeros((2, 8), F)[:, ::2]))
    attempt("step out of ids", lambda: gru.step([0, 9], state))
    state.release()
    attempt("a released state", lambda: gru(x, state))
    attempt("a released state read", lambda: state["h"])


def making():
    big = [0, -1, 2**31, 2**40, 2**63, 2**64 + 4, 1.5, "3", None, [3], np.nan, True, 3 + 0j]
    for n in big:
        attempt(f"LSTM({n}, 4)", lambda: recur.LSTM(n, 4))
        attempt(f"GRU(3, {n})", lambda: recur.GRU(3, n))
        attempt(f"RNN layers {n}", lambda: recur.RNN(3, 4, num_layers=n), not isinstance(n, int) or n > 2**30 or n < 1 or n is True)
        attempt(f"Linear({n}, 2)", lambda: recur.Linear(n, 2))
        attempt(f"Embedding(2, {n})", lambda: recur.Embedding(2, n))
        attempt(f"LayerNorm({n})", lambda: recur.LayerNorm(n), not isinstance(n, list))
    for shape in ((), (3, 4), "ab", [2.5], {}):
        attempt(f"LayerNorm({shape})", lambda: recur.LayerNorm(shape))
    for eps in (0, -1e-5, np.nan, np.inf, "a", None, 1e-60):
        attempt(f"LayerNorm eps {eps}", lambda: recur.LayerNorm(3, eps))
    for way in (None, 1, "concat", []):
        attempt(f"Merge({way})", lambda: recur.Merge(way))
    attempt("Merge of an odd number", lambda: recur.Merge()(x))
    for parts in ((), (recur.GRU(3, 4),), (recur.Embedding(4, 4),), (recur.GRU(3, 3), recur.Last()), (recur.Dropout(),), (3,)):
        attempt(f"Residual {parts}", lambda: recur.Residual(*parts))
    for p in (1, 1.5, -0.1, np.nan, np.inf, "a", None):
        attempt(f"Dropout({p})", lambda: recur.Dropout(p))
        attempt(f"GRU dropout {p}", lambda: recur.GRU(3, 4, 2, dropout=p))
    attempt("nonlinearity", lambda: recur.RNN(3, 4, nonlinearity="sin"))
    attempt("direction", lambda: recur.RNN(3, 4, direction="up"))
    attempt("both directions", lambda: recur.RNN(3, 4, bidirectional=True, direction="reverse"))
    attempt("context", lambda: recur.GRU(3, 4, context=3))
    attempt("isa", lambda: recur.Context("xyz"))
    for t in (-1, 2**40, "2", 0.5):
        attempt(f"threads {t}", lambda: recur.Context(threads=t))
    for parts in ((), (3,), (recur.GRU(3, 4), recur.Linear(5, 2)), (recur.Last(),), (recur.Dropout(),), (recur.GRUCell(3, 4),),
                  ({"a.b": recur.GRU(3, 4)},), ({"": recur.GRU(3, 4)},), ({"a\0": recur.GRU(3, 4)},), ({"\ud800": recur.GRU(3, 4)},),
                  (recur.GRU(3, 4), recur.Last(), recur.GRU(4, 2)), (recur.Linear(3, 4), recur.Embedding(4, 2)),
                  (recur.GRU(3, 4), recur.GRU(4, 4, batch_first=True)),
                  (recur.GRU(3, 4, bidirectional=True), recur.Linear(8, 2), recur.Last())):  # fmt: skip
        attempt(f"Sequential{parts}", lambda: recur.Sequential(*parts))
        attempt(
            f"Group{parts}", lambda: recur.Group(*parts), len(parts) < 2 and not (parts and isinstance(parts[0], recur.GRUCell))
        )
    for scheme, value in (
        ("no", 1),
        ("normal", -1),
        ("normal", np.nan),
        ("identity", np.inf),
        ("forget_bias", 1),
        (None, 1),
        ("constant", "a"),
    ):
        attempt(f"init {scheme} {value}", lambda: recur.GRU(3, 4).init_(scheme, value), scheme != "forget_bias")
    attempt("init of nothing", lambda: recur.GRU(3, 4).init_("constant", 1, "weight_xx"))
    for seed in (-1, 2**64, "a", None, 1.5):
        attempt(f"seed {seed}", lambda: recur.manual_seed(seed))
        attempt(f"tape seed {seed}", lambda: recur.GRU(3, 4).manual_seed(seed))


def losses_and_optimizers():
    y = np.zeros((3, 4), F)
    labels = [
        np.array([0, 1, 4]),
        np.array([0, 1]),
        np.array([0.0, 1.0, 2.0]),
        np.zeros((3, 4), int),
        "abc",
        None,
        3,
        [2**40] * 3,
        [[0], [1], [2]],
    ]
    for i, t in enumerate(labels):
        attempt(f"labels {i}", lambda: recur.CrossEntropyLoss()(y, t))
        attempt(f"nll labels {i}", lambda: recur.NLLLoss()(y, t))
    for i, t in enumerate([y[:2], y.astype(bool), "y", None, 3, y.astype(int), y.T]):
        attempt(f"target {i}", lambda: recur.MSELoss()(y, t))
        attempt(f"bce target {i}", lambda: recur.BCEWithLogitsLoss(pos_weight=np.ones(4, F))(y, t))
    for v in (y.astype(bool), "y", None, np.float32(1), y.astype(int)):
        attempt(f"y {type(v)}", lambda: recur.CrossEntropyLoss()(v, [0, 1, 2]))
    attempt("weights", lambda: recur.CrossEntropyLoss(np.ones(3, F))(y, [0, 1, 2]))
    attempt("weights of another type", lambda: recur.CrossEntropyLoss(np.ones(3, bool)))
    attempt("negative weights", lambda: recur.CrossEntropyLoss(-np.ones(3, F)))
    attempt("pos_weight", lambda: recur.BCEWithLogitsLoss(pos_weight=np.ones(3, F))(y, y))
    for r in ("nothing", None, 3, "MEAN"):
        attempt(f"reduction {r}", lambda: recur.MSELoss(reduction=r))
    for s in (-0.1, 1.0, np.nan, "a"):
        attempt(f"smoothing {s}", lambda: recur.CrossEntropyLoss(label_smoothing=s))
    for d in (0, -1, np.nan, "a"):
        attempt(f"delta {d}", lambda: recur.HuberLoss(delta=d))
    fc = recur.Linear(4, 9)
    for kind in (recur.SampledSoftmaxLoss, recur.NegativeSamplingLoss):
        for V, n, counts, power in (
            (9, 0, None, None),
            (9, 2**40, None, None),
            (0, 3, None, None),
            (9, 3, None, 0.5),
            (9, 3, np.zeros(9, F), None),
            (9, 3, -np.ones(9, F), None),
            (9, 3, np.ones(8, F), None),
            (9, 3, "abc", None),
            (9, 3, np.ones(9, F), 2),
            (9, "3", None, None),
            (8, 3, None, None),
        ):
            attempt(f"{kind.__name__} {V} {n} {power}", lambda: kind(V, n, counts, power=power)(y, [0, 1, 2], fc))
        for layer in (None, recur.Linear(4, 8), recur.Linear(3, 9), recur.ReLU(), "fc", fc.flat):
            attempt(f"{kind.__name__} of {layer}", lambda: kind(9, 3)(y, [0, 1, 2], layer))
        for i, t in enumerate(labels[1:]):
            attempt(f"{kind.__name__} labels {i}", lambda: kind(9, 3)(y, t, fc))
    attempt("ignore_index", lambda: recur.NLLLoss(ignore_index=2**40))
    net = recur.Linear(3, 2)
    for kind in (recur.SGD, recur.Adam, recur.AdamW, recur.RMSprop, recur.Adagrad, recur.Adadelta):
        for lr in (-1, np.nan, np.inf, "a", None):
            attempt(f"{kind.__name__} lr {lr}", lambda: kind(net, lr=lr))
        attempt(f"{kind.__name__} of nothing", lambda: kind(None))
        attempt(f"{kind.__name__} of parameters", lambda: kind(net.parameters()), False)
        attempt(f"{kind.__name__} decay", lambda: kind(net, weight_decay=-1))
    attempt("eps", lambda: recur.Adam(net, eps=-1e-8))
    attempt("betas", lambda: recur.Adam(net, betas=(0.9,)))
    attempt("betas 1", lambda: recur.Adam(net, betas=(1, 0.9)))
    attempt("beta2", lambda: recur.Adam(net, betas=(0.9, 1)))
    attempt("nesterov", lambda: recur.SGD(net, nesterov=True))
    adam = recur.Adam(net)
    for lr in (-1, np.nan, "a"):
        attempt(f"set lr {lr}", lambda: setattr(adam, "lr", lr))
    attempt("scale", lambda: adam.scale("weight", lr=-1))
    attempt("scale of nothing", lambda: adam.scale("xyz"))
    attempt("grad_scale", lambda: adam.step(np.nan))
    for n in (-1, np.nan, "a", 0):
        attempt(f"clip {n}", lambda: recur.clip_grad_norm_(net, n))
    attempt("clip value", lambda: recur.clip_grad_value_(net, -1))
    attempt("norm type", lambda: recur.clip_grad_norm_(net, 1, "one"))
    for more in (
        {"temperature": 0},
        {"temperature": -1},
        {"top_k": -1},
        {"top_p": 2},
        {"top_p": 0},
        {"seed": -1},
        {"counter": 2**64},
    ):
        attempt(f"sample {more}", lambda: recur.sample(y, **more))
    attempt("sample nan", lambda: recur.sample(y * np.nan))
    attempt("sample of nothing", lambda: recur.sample(np.zeros((2, 0), F)))


def released():
    net = recur.Sequential(recur.LSTM(3, 4), recur.Linear(4, 2))
    adam, part, state = recur.Adam(net), net[0], net.state(2)
    view, y = net.params["0.weight_ih_l0"], net(x)
    net.release()
    for name, call in {
        "call": lambda: net(x), "backward": lambda: net.backward(y), "step": lambda: net.step(x[0], state), "part": lambda: part(x),
        "optimizer": lambda: adam.step(), "save": lambda: recur.save(net, "/nonexistent/x"), "load": lambda: recur.File().load(net),
        "state": lambda: net.state(2), "snapshot": lambda: net.snapshot(), "compose": lambda: recur.Sequential(net),
    }.items():  # fmt: skip
        attempt(f"released {name}", call)
    view += 1  # still there
    for kind in (c.recur_layer, c.recur_tape, c.recur_context):
        attempt(f"{kind.__name__} by hand", lambda: kind())
    empty = object.__new__(recur.LSTM)
    attempt("without init", lambda: empty(x))
    import copy
    import pickle

    attempt("pickle", lambda: pickle.dumps(recur.Linear(2, 2).eval().snapshot()))
    attempt("pickle of a state", lambda: pickle.dumps(recur.LSTM(2, 2).state(1)))
    attempt("copy", lambda: copy.copy(recur.Linear(2, 2)))


def files():
    for path in ("/", "/nonexistent/x", "a\0b", None, 3, b"/x\0", ""):
        attempt(
            f"load {path!r}",
            lambda: recur.load(path) if path is not None else recur.load(path, recur.Linear(2, 2)),
            path is not None,
        )
        attempt(f"save {path!r}", lambda: recur.save(recur.Linear(2, 2), path))
    file = recur.File()
    file.add(recur.GRU(3, 4))
    good = bytes(file)
    rng = np.random.default_rng(0)
    for n in (0, 1, 7, 8, 9, 40, len(good) - 1):
        attempt(f"cut to {n}", lambda: recur.File(data=good[:n]), n > 0)
    for i in range(40):
        damaged = bytearray(good)
        damaged[rng.integers(0, 300)] = rng.integers(0, 256)
        attempt(f"damaged {i}", lambda: [recur.File(data=bytes(damaged))[k] for k in recur.File(data=bytes(damaged)).keys()], False)
    attempt("twice", lambda: file.add(recur.GRU(3, 4)))
    attempt("5 dimensions", lambda: file.__setitem__("a", np.zeros((1,) * 5, F)))
    attempt("another type", lambda: file.__setitem__("a", np.zeros(3, bool)))
    attempt("name", lambda: file.__setitem__("a\0b", np.zeros(3, F)))
    attempt("surrogate", lambda: file.set_text("\ud800", "a"))
    attempt("text", lambda: file.set_text("a", 3))
    attempt("missing", lambda: file["nothing"])
    attempt("add", lambda: file.add("x"))


def low_level():
    """recur.c: NULL, wrong kinds, and sizes that lie."""
    layer, other = c.recur_linear_create(None, 4, 2, 0), c.recur_linear_create(None, 40, 20, 0)
    packed, tape = c.recur_packed_create(None, 3, None, 2), c.recur_tape_create(None)
    state, x4, y2 = c.recur_state_create(layer, 3), np.ones((6, 4), F), np.ones((6, 2), F)
    for name in c._api.FUNCTIONS:
        function = getattr(c, name)
        n = len(function.inputs)
        attempt(f"{name}: all NULL", lambda: function(*[None] * n), False)
        for filler in (object(), "x", -1, 2**70, np.ones(1), layer, packed, 1.5, b"\0", [], {}):
            attempt(f"{name}: {type(filler).__name__}", lambda: function(*[filler] * n), False)
        attempt(f"{name}: too many", lambda: function(*[None] * (n + 1)))
    layer, packed = c.recur_linear_create(None, 4, 2, 0), c.recur_packed_create(None, 3, None, 2)
    args = [layer, packed, x4, None, y2, tape]
    swaps = {0: [other, tape, None], 1: [c.recur_packed_create(None, 300, None, 2), None], 2: [x4[:5], x4.T, x4.astype(float), None, READ_ONLY[:1]],
             3: [tape], 4: [y2[:5], np.ones((2, 6), F).T, READ_ONLY.reshape(-1)], 5: [state, layer]}  # fmt: skip
    for place, values in swaps.items():
        for i, v in enumerate(values):
            attempt(
                f"forward argument {place}, {i}", lambda: c.recur_layer_forward(*args[:place], v, *args[place + 1 :]), v is not None
            )
    for size in (2, 5, 2**31, 2**62, -1):
        attempt(f"read {size}", lambda: c.recur_state_read(state, 0, size, np.zeros(1, F)))
        attempt(f"lengths {size}", lambda: c.recur_packed_create(None, size, [1], 0))
        attempt(f"classes {size}", lambda: c.recur_sample(None, 1, size, np.zeros(1, F), 0, 0, np.zeros(1, np.int32)))
        attempt(f"clip {size}", lambda: c.recur_clip_value(np.zeros(1, F), size, 1.0))
        attempt(f"memory {size}", lambda: c.recur_file_open_memory(None, b"a", size))
        attempt(f"compose {size}", lambda: c.recur_compose_create(None, 1, size, ["a"], [layer]))
        attempt(f"options size {size}", lambda: c.recur_sample_options(size=size), size > 24 or size < 0)
        sampled = dict(kind=4, classes=size, samples=1, counts=np.ones(1, F))
        attempt(f"counts {size}", lambda: c.recur_loss_create(None, sampled))
        attempt(f"weights {size}", lambda: c.recur_loss_create(None, dict(kind=1, classes=size, class_weight=np.ones(1, F))))
        options = c.recur_context_options()
        attempt(f"struct member {size}", lambda: setattr(options, "threads", size), abs(size) > 2**31 - 1)
        attempt(f"gather {size}", lambda: c.recur_packed_gather(packed, [0, 0, 0], max(size, 0), x4, y2), size not in (2, 5))
        attempt(f"pack {size}", lambda: c.recur_packed_pack(packed, 0, max(size, 0), x4[:1], y2[:1]))
    attempt("objects moved", lambda: c.recur_packed_pack(packed, 1, 8, np.array([None] * 6), np.array([None] * 6)))
    attempt("layout", lambda: c.recur_packed_pack(packed, 7, 8, x4, x4.copy()))
    attempt("dict of nonsense", lambda: c.recur_recurrent_create(None, dict(celll=3)))
    attempt("released", lambda: [c.recur_layer_release(layer), c.recur_layer_param_count(layer)])


def threads():
    """Releases, resets and passes from many threads at once, on the same objects."""
    gru, shared = recur.GRU(8, 16), recur.GRU(8, 16).eval()
    state, big, errors = shared.state(4), np.ones((20, 4, 8), F), []
    packed = c.recur_packed_create(None, 4, None, 20)
    layer = c.recur_linear_create(None, 8, 8, 0)
    flat, out = np.ones((80, 8), F), np.ones((80, 8), F)

    def work(i):
        for n in range(25):
            try:
                if i == 0:
                    gru.backward(gru(big)[0])
                elif i == 1:
                    gru(big), gru.forget()
                elif i == 2:
                    shared(big, state), state.reset()
                elif i == 3:
                    shared.step(big[0], state)
                elif i == 4:
                    c.recur_packed_reset(packed, 1 + n % 4, None, 1 + n % 20)
                elif i == 5:
                    c.recur_layer_forward(layer, packed, flat, None, out, None)
                elif i == 6 and n == 12:
                    gru.release(), state.release(), layer.release()
                else:
                    recur.SGD(gru).step()
            except EXPECTED:
                pass
            except BaseException as error:  # noqa: BLE001
                errors.append(error)

    running = [threading.Thread(target=work, args=(i % 8,)) for i in range(16)]
    for t in running:
        t.start()
    for t in running:
        t.join()
    attempt("threads", lambda: None if errors else (_ for _ in ()).throw(ValueError("fine")))


def main():
    for part in (forward, states_and_gradients, making, losses_and_optimizers, released, files, low_level, threads, threads):
        part()
        gc.collect()
    y, _ = recur.GRU(3, 4)(x)  # alive and right
    assert np.isfinite(y).all()
    print(*itertools.islice(silent, 30), sep="\n")
    print(f"{count} attempts, {len(silent)} faults")
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
