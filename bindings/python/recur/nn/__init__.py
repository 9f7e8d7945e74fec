"""The names of torch.nn that are there: `from recur import nn`, as `from torch import nn`."""

from .._missing import refuse_in
from ..cells import GRUCell, LSTMCell, RNNCell
from ..compose import ModuleDict, ModuleList, Sequential
from ..ctc import CTCLoss
from ..layers import (
    ELU,
    GELU,
    Dropout,
    Embedding,
    GroupNorm,
    Identity,
    LayerNorm,
    Linear,
    PReLU,
    ReLU,
    RMSNorm,
    Sigmoid,
    SiLU,
    Softmax,
    Softsign,
    Tanh,
)
from ..losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)
from ..module import Module
from ..recurrent import GRU, LSTM, RNN
from . import utils

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CrossEntropyLoss",
    "Dropout",
    "ELU",
    "Embedding",
    "GELU",
    "GRU",
    "GRUCell",
    "GroupNorm",
    "HuberLoss",
    "Identity",
    "KLDivLoss",
    "L1Loss",
    "LSTM",
    "LSTMCell",
    "LayerNorm",
    "Linear",
    "MSELoss",
    "Module",
    "ModuleDict",
    "ModuleList",
    "NLLLoss",
    "PReLU",
    "RMSNorm",
    "RNN",
    "RNNCell",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "Softmax",
    "Softsign",
    "Tanh",
    "utils",
]

__getattr__ = refuse_in(__name__)
