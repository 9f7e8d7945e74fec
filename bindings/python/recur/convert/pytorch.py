"""From and to torch.nn. librecur's parameters have PyTorch's names, shapes and gate orders, so weights are copied."""

import collections

import numpy as np

from .. import cells, layers, recurrent
from ..compose import Residual, Sequential
from ..module import Module
from .gates import refuse_options

NO_COUNTERPART = (
    "{} has no counterpart here; RNN, LSTM, GRU, their cells, Linear, Embedding, LayerNorm, ReLU, Tanh, Sigmoid, Softsign, Identity, "
    "Dropout and Sequential have"
)


def stacked(module) -> dict:
    """Arguments that RNN, LSTM and GRU of both libraries share."""
    names = ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional")
    return {name: getattr(module, name) for name in names}


def from_torch(module) -> Module:
    made = make_recur(module)
    if not isinstance(made, Sequential) and made.flat.size:
        made.load_state_dict(module.state_dict())
    return made.train(module.training)


def make_recur(module) -> Module:
    from torch import nn

    if isinstance(module, nn.Sequential):
        return Sequential(collections.OrderedDict((name, from_torch(part)) for name, part in module.named_children()))
    if isinstance(module, nn.RNN):
        return recurrent.RNN(**stacked(module), nonlinearity=module.nonlinearity)
    if isinstance(module, nn.LSTM):
        return recurrent.LSTM(**stacked(module), proj_size=module.proj_size)
    if isinstance(module, nn.GRU):
        return recurrent.GRU(**stacked(module))
    if isinstance(module, nn.RNNCell):
        return cells.RNNCell(module.input_size, module.hidden_size, module.bias, module.nonlinearity)
    if isinstance(module, (nn.LSTMCell, nn.GRUCell)):
        return getattr(cells, type(module).__name__)(module.input_size, module.hidden_size, module.bias)
    if isinstance(module, nn.Linear):
        return layers.Linear(module.in_features, module.out_features, module.bias is not None)
    if isinstance(module, nn.Embedding):
        if module.max_norm is not None or module.padding_idx is not None:
            raise NotImplementedError("an Embedding with max_norm or padding_idx is out of reach")
        return layers.Embedding(module.num_embeddings, module.embedding_dim)
    if isinstance(module, nn.Dropout):
        return layers.Dropout(module.p)
    if isinstance(module, nn.LayerNorm):
        return layers.LayerNorm(module.normalized_shape, module.eps, module.elementwise_affine, module.bias is not None)
    for kind in (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.Softsign, nn.Identity):
        if isinstance(module, kind):
            return getattr(layers, kind.__name__)()
    raise NotImplementedError(NO_COUNTERPART.format(f"torch's {type(module).__name__}"))


def to_torch(module):
    import torch

    if not isinstance(module, Module):
        raise TypeError(f"a recur module is needed, not {type(module).__name__}")
    made = make_torch(module)
    with torch.no_grad():
        tensors = {name: torch.from_numpy(np.array(value)) for name, value in module.state_dict().items()}
        if tensors:
            made.load_state_dict(tensors)
    return made.train(module.training)


def make_torch(module):
    from torch import nn

    if isinstance(module, Sequential):
        return chain(isinstance(module, Residual))(collections.OrderedDict((name, make_torch(part)) for name, part in module.named_children()))
    if isinstance(module, (recurrent.Recurrent, cells.Cell)):
        refuse_options(module, but=("projection_size",))
    if type(module) in (recurrent.RNN, recurrent.LSTM, recurrent.GRU):
        if module.direction == "reverse" or not getattr(module, "reset_after", True):
            raise NotImplementedError("torch has no reverse-only layer, and no GRU with reset_after=False")
        more = {"nonlinearity": module.nonlinearity} if isinstance(module, recurrent.RNN) else {}
        more = {"proj_size": module.proj_size} if isinstance(module, recurrent.LSTM) else more
        return getattr(nn, type(module).__name__)(**stacked(module), **more)
    if isinstance(module, cells.Cell):
        if not getattr(module, "reset_after", True):
            raise NotImplementedError("torch has no GRUCell with reset_after=False")
        more = {"nonlinearity": module.nonlinearity} if isinstance(module, cells.RNNCell) else {}
        return getattr(nn, type(module).__name__)(module.input_size, module.hidden_size, module.bias, **more)
    if isinstance(module, layers.Linear):
        return nn.Linear(module.in_features, module.out_features, module.bias_used)
    if isinstance(module, layers.Embedding):
        return nn.Embedding(module.num_embeddings, module.embedding_dim)
    if isinstance(module, layers.Dropout):
        return nn.Dropout(module.p)
    if isinstance(module, layers.LayerNorm):
        return nn.LayerNorm(module.normalized_shape, module.eps, bias=module.bias_used)
    if isinstance(module, layers.Merge):
        return merge()(module.way)
    if isinstance(module, layers.Activation) and not isinstance(module, layers.HardSigmoid):
        return getattr(nn, type(module).__name__)()
    if isinstance(module, layers.Last):
        return last()(module.direction or "forward", module.batch_first)
    raise NotImplementedError(NO_COUNTERPART.format(type(module).__name__))


def chain(residual):
    """nn.Sequential, with the outputs of recurrent layers passed on without their states. residual: added to its input."""
    from torch import nn

    class Chain(nn.Sequential):
        def forward(self, x):
            first = x
            for part in self:
                x = part(x)
                x = x[0] if isinstance(part, (nn.RNN, nn.LSTM, nn.GRU)) else x
            return first + x if residual else x

    return Chain


def merge():
    """recur's Merge for torch."""
    from torch import nn

    class Merge(nn.Module):
        def __init__(self, way):
            super().__init__()
            self.way = way

        def forward(self, x):
            a, b = x.chunk(2, -1)
            return a * b if self.way == "multiply" else (a + b) / (2 if self.way == "mean" else 1)

    return Merge


def last():
    """recur's Last for torch: dense arrays and packed sequences."""
    import torch
    from torch import nn

    class Last(nn.Module):
        def __init__(self, direction, batch_first):
            super().__init__()
            self.direction, self.batch_first = direction, batch_first

        def forward(self, x):
            if isinstance(x, nn.utils.rnn.PackedSequence):
                x, lengths = nn.utils.rnn.pad_packed_sequence(x)
                end = x[lengths - 1, torch.arange(x.shape[1])]
            else:
                x = x.transpose(0, 1) if self.batch_first and x.dim() == 3 else x
                end = x[-1]
            half = {"forward": x.shape[-1], "reverse": 0, "bidirectional": x.shape[-1] // 2}[self.direction]
            return torch.cat([end[..., :half], x[0][..., half:]], -1)

    return Last
