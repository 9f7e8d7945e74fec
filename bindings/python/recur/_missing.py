"""Names that PyTorch's users type and that are not there: what to type instead."""

from __future__ import annotations

from typing import Any, Callable

_FUNCTIONS = "activations are ReLU, Tanh, Sigmoid, HardSigmoid, Softsign, ELU, GELU, SiLU, PReLU"
_LOGITS = "criteria take logits (CrossEntropyLoss), and recur.sample draws from them"
_RECURRENT = "this package has recurrent nets: RNN, LSTM, GRU, their cells, Linear, Embedding ..."
_ARRAYS = "write numpy.{}, with arrays of type float32: they are what goes in"
_CRITERIA = (
    "criteria are CrossEntropyLoss, NLLLoss, MSELoss, L1Loss, HuberLoss, SmoothL1Loss, BCELoss, "
    "BCEWithLogitsLoss, KLDivLoss and CTCLoss. Others: compute the gradient of y yourself, and give "
    "it to y.backward(grad)"
)
_ADAM = "update rules are SGD, Adam, AdamW, RAdam, NAdam, RMSprop, Adagrad and Adadelta"

INSTEAD = {
    **dict.fromkeys(("SELU", "CELU", "Mish", "ReLU6"), _FUNCTIONS),
    **dict.fromkeys(("LeakyReLU", "Softplus", "LogSigmoid", "Hardtanh", "Threshold"), _FUNCTIONS),
    **dict.fromkeys(("LogSoftmax", "Softmin"), _LOGITS),
    "Hardsigmoid": "recur.HardSigmoid is 0.2 x + 0.5, another function than torch's x/6 + 0.5",
    **dict.fromkeys(("Conv2d", "MaxPool1d", "MaxPool2d", "Flatten"), _RECURRENT),
    **dict.fromkeys(("MultiheadAttention", "Transformer", "TransformerEncoder"), _RECURRENT),
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d"), "LayerNorm, GroupNorm and RMSNorm are there"),
    "Conv1d": "ConvTime is a convolution over time, ConvRow one along a row",
    "EmbeddingBag": "Embedding is there",
    "init": "write module.init_('xavier', match='*weight*')",
    "functional": "modules and criteria are there: recur.ReLU()(x), recur.CrossEntropyLoss()(y, t)",
    **dict.fromkeys(("ASGD", "LBFGS", "Rprop", "SparseAdam", "Adafactor"), _ADAM),
    "SWALR": "schedules are in recur.optim.lr_scheduler",
    "ctc_decode": "write CTCDecoder(beam_width=8)(logits, input_lengths)",
    **dict.fromkeys(("tensor", "Tensor", "from_numpy"), "arrays of NumPy are what goes in"),
    **dict.fromkeys(("no_grad", "inference_mode"), "after net.eval() nothing is recorded"),
    "device": "everything is computed on the CPU; leave it out",
    **dict.fromkeys(("Dropout1d", "Dropout2d", "AlphaDropout"), "Dropout is there"),
    **dict.fromkeys(("TransformerEncoderLayer", "TransformerDecoderLayer", "Bilinear"), _RECURRENT),
    **dict.fromkeys(("GaussianNLLLoss", "PoissonNLLLoss", "CosineEmbeddingLoss"), _CRITERIA),
    **dict.fromkeys(("TripletMarginLoss", "MultiMarginLoss", "MultiLabelMarginLoss"), _CRITERIA),
    **dict.fromkeys(("MarginRankingLoss", "HingeEmbeddingLoss", "SoftMarginLoss"), _CRITERIA),
    "Parameter": "parameters belong to layers; Linear(1, n, bias=False) has n of them",
    "GLU": "write Merge('gate')",
    "Unflatten": "y.reshape(...) is what gradients go through",
    **{name: _ARRAYS.format(name) for name in ("zeros", "ones", "empty", "full", "arange", "stack")},
    **{name: _ARRAYS.format(name) for name in ("float32", "argmax", "exp", "tanh", "where", "mean")},
    "cat": _ARRAYS.format("concatenate"),
    **dict.fromkeys(("rand", "randn", "randint"), "write numpy.random.default_rng(seed)"),
    "relu": "write recur.ReLU()(x)",
    "sigmoid": "write recur.Sigmoid()(x)",
    "softmax": "write recur.Softmax()(x)",
    "set_default_dtype": "everything is computed in float32; leave it out",
}


# Methods of tensors, for the arrays of this package.
OF_TENSORS = {
    "cuda": "everything is computed on the CPU: leave it out",
    "clone": "a.copy()",
    "norm": "numpy.linalg.norm(a)",
    "abs": "numpy.abs(a)",
    "exp": "numpy.exp(a)",
    "log": "numpy.log(a)",
    "sqrt": "numpy.sqrt(a)",
    "tanh": "recur.Tanh()(a), which gradients go through",
    "relu": "recur.ReLU()(a)",
    "sigmoid": "recur.Sigmoid()(a), which gradients go through",
    "softmax": "recur.Softmax()(a), which gradients go through",
    "log_softmax": "CrossEntropyLoss, which takes logits",
    "expand": "numpy.broadcast_to(a, shape)",
    "chunk": "numpy.split(a, n, axis)",
    "unbind": "list(a)",
    "eq": "a == b",
    "matmul": "a @ b; gradients go through recur.Linear",
    "retain_grad": "loss.grad is the gradient of what the criterion was given",
    "register_hook": "hooks are not there; chain backward by hand",
    "fill_": "a[...] = value",
    "zero_": "a[...] = 0",
    "copy_": "a[...] = other",
    "add_": "a += other",
    "mul_": "a *= other",
    "sub_": "a -= other",
    "clamp_": "numpy.clip(a, low, high, out=a)",
    "clamp": "numpy.clip(a, low, high)",
    "normal_": "module.init_('normal', value, match='*weight*')",
    "uniform_": "module.init_('uniform', value, match='*weight*')",
}


def refuse_of_tensor(array: Any, name: str) -> Any:
    """The __getattr__ of a class of arrays."""
    if name in OF_TENSORS:
        raise AttributeError(
            f"{type(array).__name__} has no {name}: arrays are NumPy's; {OF_TENSORS[name]}"
        )
    return object.__getattribute__(array, name)  # says what it said before


def refuse_in(module: str) -> Callable[[str], Any]:
    """The __getattr__ of a module."""

    def missing(name: str) -> Any:
        advice = f": {INSTEAD[name]}" if name in INSTEAD else ""
        raise AttributeError(f"module {module!r} has no attribute {name!r}{advice}")

    return missing
