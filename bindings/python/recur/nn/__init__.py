"""The names of torch.nn that are there: `from recur import nn` in the place of `from torch import nn`."""

from ..cells import GRUCell, LSTMCell, RNNCell
from ..compose import Sequential
from ..layers import Dropout, Embedding, Identity, LayerNorm, Linear, ReLU, Sigmoid, Softsign, Tanh
from ..losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    CTCLoss,
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
    "Embedding",
    "GRU",
    "GRUCell",
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
    "NLLLoss",
    "RNN",
    "RNNCell",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "SmoothL1Loss",
    "Softsign",
    "Tanh",
    "utils",
]
