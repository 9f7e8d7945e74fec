"""Recurrent neural networks on a CPU: librecur for Python, with names and arguments of PyTorch.

    net = recur.Sequential(recur.LSTM(8, 4), recur.Last(), recur.Linear(4, 4))
    criterion, adam = recur.CrossEntropyLoss(), recur.Adam(net, lr=0.005)
    for x, labels in batches:                 # float32 arrays, ids, or packed sequences
        adam.zero_grad()
        loss = criterion(net(x), labels)
        loss.backward()                       # fills net.grads
        recur.clip_grad_norm_(net, 1.0)
        adam.step()

Everything is NumPy. `recur.c` has every function of the C library.
"""

from __future__ import annotations

from . import c, nn, optim
from ._library import PATH as library_path
from ._missing import refuse_in
from .cells import GRUCell, LSTMCell, RNNCell
from .compose import Graph, Group, ModuleDict, ModuleList, Residual, Sequential
from .convert import from_keras, from_onnx, from_torch, to_onnx, to_torch
from .convolution import ConvRow, ConvTime
from .ctc import CTCDecoder, CTCLoss
from .errors import (
    ArgumentError,
    Error,
    FileError,
    FormatError,
    MissingError,
    NotFoundError,
    NumericError,
    OrderError,
    OutOfMemoryError,
    ShapeError,
    UnsupportedError,
)
from .files import File, load, save
from .layers import (
    ELU,
    GELU,
    Affine,
    Dropout,
    Embedding,
    GroupNorm,
    HardSigmoid,
    Identity,
    Last,
    LayerNorm,
    Linear,
    Merge,
    Positive,
    PReLU,
    RMSNorm,
    ReLU,
    SiLU,
    Sigmoid,
    Softmax,
    Softsign,
    Tanh,
)
from .losses import (
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
from .loss_values import LossValue
from .models import compile_c, load_nam, load_rtneural, open_model, put_model, save_model
from .module import Module
from .optim import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    NAdam,
    RAdam,
    RMSprop,
    clip_grad_norm_,
    clip_grad_value_,
    grad_norm,
)
from .optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from .packed import (
    Layout,
    PackedSequence,
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
    unpack_sequence,
    unpad_sequence,
)
from .parameter import Parameter
from .passes import Array
from .recurrent import (
    GRU,
    LSTM,
    QRNN,
    RNN,
    SRU,
    ClockworkRNN,
    CoupledLSTM,
    IndRNN,
    LayerNormGRU,
    LayerNormLSTM,
    LayerNormRNN,
    MinGRU,
    MinLSTM,
    PeepholeLSTM,
)
from .sampled_losses import NegativeSamplingLoss, SampledSoftmaxLoss
from .sampling import random, sample
from .settings import Context, manual_seed, set_default_context, set_num_threads
from .shards import Shards
from .state import State

__version__ = ".".join(map(str, c._api.VERSION))
__all__ = [
    "Adadelta",
    "Adagrad",
    "Adam",
    "Adamax",
    "AdamW",
    "Affine",
    "ArgumentError",
    "Array",
    "BCELoss",
    "BCEWithLogitsLoss",
    "c",
    "ChainedScheduler",
    "clip_grad_norm_",
    "clip_grad_value_",
    "ClockworkRNN",
    "compile_c",
    "ConstantLR",
    "Context",
    "ConvRow",
    "ConvTime",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CoupledLSTM",
    "CrossEntropyLoss",
    "CTCDecoder",
    "CTCLoss",
    "CyclicLR",
    "Dropout",
    "ELU",
    "Embedding",
    "Error",
    "ExponentialLR",
    "File",
    "FileError",
    "FormatError",
    "from_keras",
    "from_onnx",
    "from_torch",
    "GELU",
    "grad_norm",
    "Graph",
    "Group",
    "GroupNorm",
    "GRU",
    "GRUCell",
    "HardSigmoid",
    "HuberLoss",
    "Identity",
    "IndRNN",
    "KLDivLoss",
    "L1Loss",
    "LambdaLR",
    "Last",
    "LayerNorm",
    "LayerNormGRU",
    "LayerNormLSTM",
    "LayerNormRNN",
    "Layout",
    "library_path",
    "Linear",
    "LinearLR",
    "load",
    "load_nam",
    "load_rtneural",
    "LossValue",
    "LSTM",
    "LSTMCell",
    "manual_seed",
    "Merge",
    "MinGRU",
    "MinLSTM",
    "MissingError",
    "Module",
    "ModuleDict",
    "ModuleList",
    "MSELoss",
    "MultiplicativeLR",
    "MultiStepLR",
    "NAdam",
    "NegativeSamplingLoss",
    "NLLLoss",
    "nn",
    "NotFoundError",
    "NumericError",
    "OneCycleLR",
    "optim",
    "open_model",
    "OrderError",
    "OutOfMemoryError",
    "pack_padded_sequence",
    "pack_sequence",
    "PackedSequence",
    "pad_packed_sequence",
    "pad_sequence",
    "Parameter",
    "PeepholeLSTM",
    "PolynomialLR",
    "Positive",
    "PReLU",
    "put_model",
    "QRNN",
    "RAdam",
    "random",
    "ReduceLROnPlateau",
    "ReLU",
    "Residual",
    "RMSNorm",
    "RMSprop",
    "RNN",
    "RNNCell",
    "sample",
    "SampledSoftmaxLoss",
    "save",
    "save_model",
    "Sequential",
    "SequentialLR",
    "set_default_context",
    "set_num_threads",
    "SGD",
    "ShapeError",
    "Shards",
    "Shards",
    "Sigmoid",
    "SiLU",
    "SmoothL1Loss",
    "Softmax",
    "Softsign",
    "SRU",
    "State",
    "StepLR",
    "Tanh",
    "to_onnx",
    "to_torch",
    "unpack_sequence",
    "unpad_sequence",
    "UnsupportedError",
]


__getattr__ = refuse_in(__name__)


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]
