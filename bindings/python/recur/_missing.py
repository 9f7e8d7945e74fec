"""Names that PyTorch's users type and that are not there: what to type instead."""

from __future__ import annotations

from typing import Any, Callable

_FUNCTIONS = "activations are ReLU, Tanh, Sigmoid, HardSigmoid, Softsign, ELU, GELU, SiLU, PReLU"
_LOGITS = "criteria take logits (CrossEntropyLoss), and recur.sample draws from them"
_RECURRENT = "this package has recurrent nets: RNN, LSTM, GRU, their cells, Linear, Embedding ..."
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
    "set_default_dtype": "everything is computed in float32; leave it out",
}


def refuse_in(module: str) -> Callable[[str], Any]:
    """The __getattr__ of a module."""

    def missing(name: str) -> Any:
        advice = f": {INSTEAD[name]}" if name in INSTEAD else ""
        raise AttributeError(f"module {module!r} has no attribute {name!r}{advice}")

    return missing
