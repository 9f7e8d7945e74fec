"""Whole networks in files, structure included: save_model(net, path), net = open_model(path)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Mapping

from . import c, settings
from .cells import GRUCell, LSTMCell, RNNCell
from .compose import Composite, Graph, Group, Residual, Sequential
from .convolution import ConvRow, ConvTime
from .files import File, heed, note
from .layers import (
    DIRECTIONS,
    ELU,
    GELU,
    WAYS,
    Affine,
    Dropout,
    Embedding,
    GroupNorm,
    HardSigmoid,
    Identity,
    Last,
    LayerNorm,
    Lazy,
    Linear,
    Merge,
    Positive,
    PReLU,
    ReLU,
    RMSNorm,
    Sigmoid,
    SiLU,
    Softmax,
    Softsign,
    Tanh,
)
from .convert import _verify
from .layer import precision_of
from .module import Module
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
    Recurrent,
)
from .state import State

if TYPE_CHECKING:
    from ._types import PathLike

FORMS = {number: name for name, number in DIRECTIONS.items()}


def save_model(
    module: Any,
    path: PathLike,
    sample: Any = None,
    outputs: Any = None,
    tolerance: float = 0.0,
    texts: Mapping[str, str] | None = None,
    dtype: str = "float32",
) -> None:
    """Writes a module, structure and parameters, as one file, which open_model and
    recur_model_open of C open.

    sample: an input as for module(sample), which is run, and again by whoever opens the file:
    if the results are not `outputs` (None: what the module gives now) within `tolerance` (0:
    1e-4), the model is refused. Without one, that of from_torch, from_onnx or from_keras is taken,
    with the outputs of the other framework. texts: your own words. dtype: "float16" and "bfloat16"
    store the parameters in half the space; a sample is then run with what is stored.

    >>> import os, tempfile
    >>> import recur
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path, net = os.path.join(folder, "net.safetensors"), recur.Linear(3, 2)
    ...     recur.save_model(net, path, texts={"epoch": "3"})
    ...     recur.open_model(path)
    Linear(3, 2, bias=True)
    """
    file = File()
    file.set_type(dtype)
    put_model(file, module, "", sample, outputs, tolerance)
    for key, value in (texts or {}).items():
        file.set_text(key, value)
    file.write(path)


def open_model(source: Any, prefix: str = "", batch_first: bool = False) -> Module:
    """The module of a path, of the bytes of a file, or of a File; in evaluation, ready to run.
    How arrays lie in memory is no property of a network: say batch_first=True where it is
    wanted.

    >>> import os, tempfile
    >>> import recur
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path, net = os.path.join(folder, "net.safetensors"), recur.Linear(3, 2)
    ...     recur.save_model(net, path)
    ...     recur.open_model(path)
    Linear(3, 2, bias=True)
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        source = File(data=bytes(source))
    if not isinstance(source, File):
        source = File(os.fspath(source))
    module = wrapped(c.recur_file_get_model(source._handle, prefix), bool(batch_first))
    heed(source, module, prefix, padding=True)
    return module.eval()


def _imported(source: Any, name: str, batch_first: bool) -> Module:
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
        layer = getattr(c, name + "_memory")(settings.handle_of(None), data, len(data))
    else:
        layer = getattr(c, name)(settings.handle_of(None), os.fspath(source))
    return wrapped(layer, bool(batch_first)).eval()


def load_nam(source: Any, batch_first: bool = False) -> Module:
    """The LSTM of a .nam file of Neural Amp Modeler: its path, or its bytes; in evaluation, ready
    to run. Its start is a learned initial state.

    >>> import recur
    >>> pedal = b'''{"architecture": "LSTM", "weights": [1, 2, 3, 4, 5, 6, 7, 8,
    ...     0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
    ...     "config": {"input_size": 1, "hidden_size": 1, "num_layers": 1}}'''
    >>> recur.load_nam(pedal).state_dict()["rnn.h0_l0"]
    array([0.5], dtype=float32)
    """
    return _imported(source, "recur_import_nam", batch_first)


def load_rtneural(source: Any, batch_first: bool = False) -> Module:
    """The network of one of the JSON forms that RTNeural reads (Keras' layers, PyTorch's state
    dicts, as AIDA-X, NeuralPi and Proteus have them): its path, or its bytes; in evaluation, ready
    to run.

    >>> import numpy as np
    >>> import recur
    >>> net = recur.load_rtneural(b'{"in_skip": 1, "fc.weight": [[2]], "fc.bias": [1]}')
    >>> net(np.array([[[3.0]]], np.float32))
    array([[[10.]]], dtype=float32)
    """
    return _imported(source, "recur_import_rtneural", batch_first)


def put_model(
    file: Any,
    module: Any,
    prefix: str = "",
    sample: Any = None,
    outputs: Any = None,
    tolerance: float = 0.0,
) -> None:
    """Adds a module, structure and parameters, to a File, under a prefix: beside an optimizer,
    another module, texts.

    >>> import recur
    >>> file = recur.File()
    >>> recur.put_model(file, recur.Linear(3, 2), "head.")
    >>> recur.open_model(file, "head.")
    Linear(3, 2, bias=True)
    """
    if not isinstance(module, Module):
        raise TypeError(f"a module is needed, not {type(module).__name__}")
    if isinstance(module, Lazy):
        module.require_features()
    if sample is None and outputs is not None:
        raise ValueError("outputs without a sample")
    if sample is None:
        sample, outputs = _verify.kept(module)
    given = None if sample is None else sampled(module, sample, outputs, tolerance)
    c.recur_file_put_model(file._handle, prefix, module._open(), given)
    note(file, module, prefix)


def sampled(module: Any, x: Any, y: Any, tolerance: float) -> Any:
    if isinstance(module, Group):
        raise TypeError("a Group is not run: it takes no sample")
    rows, is_ids, form = module._form(x)
    layout = getattr(form, "layout", None)
    if layout is None:
        raise TypeError(f"a {type(module).__name__} takes no sample")
    if y is not None:
        y = form.gradient(y, module._info.output_size, module._able(c.RECUR_CAN_REDUCE_TIME))
    return c.recur_model_sample(
        packed=layout.handle, tolerance=tolerance, y=y, **{"ids" if is_ids else "x": rows}
    )


# ---- as C ---------------------------------------------------------------------------------------


def compile_c(
    module: Any,
    path: PathLike,
    name: str = "model",
    precision: str = "float32",
    sample: Any = None,
    own_math: bool = False,
    library_math: bool = False,
    exact: bool = False,
    arena: bool = False,
    ids: bool = False,
) -> None:
    """Writes a module as one file of C99, and a header beside it, for machines that have no
    place for this library: constant weights, name_init and name_step, no allocation, no call
    but to expf and tanhf.

    precision: "float32", or "int8", which gives the bits of module.snapshot("int8") on the
    reference instruction set. sample: an input as for module(sample); with -DNAME_SELF_TEST
    the file has a main that runs it. own_math: exp and tanh are functions of the file, as int8
    has them in any case but with library_math, which is faster and gives other bits.
    exact: the bits of a Context(exact=True), in both precisions, on any machine.
    arena: what a step takes is a struct of the caller's, not on the stack. ids: a step takes
    an id, not a row.

    >>> import os, tempfile
    >>> import recur
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     recur.compile_c(recur.GRU(3, 8), os.path.join(folder, "gru.c"), name="gru")
    ...     sorted(os.listdir(folder))
    ['gru.c', 'gru.h']
    """
    if not isinstance(module, Module):
        raise TypeError(f"a module is needed, not {type(module).__name__}")
    if isinstance(module, Lazy):
        module.require_features()
    flags = {
        c.RECUR_COMPILE_OWN_MATH: own_math,
        c.RECUR_COMPILE_LIBRARY_MATH: library_math,
        c.RECUR_COMPILE_EXACT: exact,
        c.RECUR_COMPILE_ARENA: arena,
        c.RECUR_COMPILE_IDS: ids,
    }
    given = None if sample is None else sampled(module, sample, None, 0.0)
    options = c.recur_compile_options(
        flags=sum(flag for flag, wanted in flags.items() if wanted),
        precision=precision_of(precision),
        name=name,
        sample=given,
    )
    c.recur_compile_c(module._open(), options, path)


# ---- modules around layers that are there -------------------------------------------------------


def of_linear(info: Any) -> Any:
    bias = not info.flags & c.RECUR_LAYER_NO_BIAS
    return Linear, {
        "in_features": info.input_size,
        "out_features": info.output_size,
        "bias_used": bias,
    }


def of_embedding(info: Any) -> Any:
    return Embedding, {
        "num_embeddings": info.input_size,
        "embedding_dim": info.output_size,
        "padding_idx": None,
    }


def lazy(kind: Any, info: Any, **more: Any) -> Any:
    return kind, {"features": info.input_size, "_planned": None, **more}


def of_last(info: Any) -> Any:
    return lazy(Last, info, direction=FORMS[info.direction])


def of_dropout(info: Any) -> Any:
    return lazy(Dropout, info, p=info.dropout)


def of_activation(info: Any) -> Any:
    functions = (ReLU, Tanh, Sigmoid, HardSigmoid, Softsign, Identity, SiLU, ELU, GELU, Positive)
    kinds = {kind.function: kind for kind in functions}
    return lazy(kinds[info.variant], info)


def channels(info: Any) -> dict[str, Any]:
    return {"channels": info.channels, "length": info.input_size // info.channels}


def of_affine(info: Any) -> Any:
    return Affine, {**channels(info), "bias_used": not info.flags & c.RECUR_LAYER_NO_BIAS}


def of_prelu(info: Any) -> Any:
    return PReLU, channels(info)


def of_softmax(info: Any) -> Any:
    return lazy(Softmax, info)


def of_conv(info: Any) -> Any:
    options = info.conv
    told = {
        "in_channels": options.in_channels,
        "out_channels": options.out_channels,
        "kernel_size": options.kernel,
        "dilation": options.dilation,
        "groups": options.groups,
        "bias_used": not info.flags & c.RECUR_LAYER_NO_BIAS,
    }
    if options.axis == c.RECUR_CONV_TIME:
        return ConvTime, {**told, "ahead": options.pad_after}
    return ConvRow, {
        **told,
        "stride": options.stride,
        "padding": (options.pad_before, options.pad_after),
        "padding_mode": "reflect" if options.padding == c.RECUR_PADDING_REFLECT else "zeros",
        "length": options.length,
    }


def of_norm(info: Any) -> Any:
    if info.variant == c.RECUR_NORM_RMS:
        return RMSNorm, {"normalized_shape": (info.input_size,), "eps": info.epsilon}
    if info.variant == c.RECUR_NORM_GROUP:
        return GroupNorm, {**channels(info), "num_groups": info.groups, "eps": info.epsilon}
    bias = not info.flags & c.RECUR_LAYER_NO_BIAS
    return LayerNorm, {
        "normalized_shape": (info.input_size,),
        "eps": info.epsilon,
        "elementwise_affine": True,
        "bias_used": bias,
    }


def of_merge(info: Any) -> Any:
    return lazy(
        Merge, info, way=next(name for name, number in WAYS.items() if number == info.variant)
    )


def of_composed(info: Any) -> Any:
    kinds = {
        c.RECUR_COMPOSE_SEQUENTIAL: Sequential,
        c.RECUR_COMPOSE_GROUP: Group,
        c.RECUR_COMPOSE_RESIDUAL: Residual,
        c.RECUR_COMPOSE_GRAPH: Graph,
    }
    told = {"input_size": info.input_size} if info.variant == c.RECUR_COMPOSE_GRAPH else {}
    return kinds[info.variant], told


# (layer, cell, what the constructor was told)
NAMED: dict[int, tuple[Any, Any, dict[str, Any]]] = {
    c.RECUR_CELL_RNN_TANH: (RNN, RNNCell, {"nonlinearity": "tanh"}),
    c.RECUR_CELL_RNN_RELU: (RNN, RNNCell, {"nonlinearity": "relu"}),
    c.RECUR_CELL_LSTM: (LSTM, LSTMCell, {}),
    c.RECUR_CELL_GRU: (GRU, GRUCell, {"reset_after": True}),
    c.RECUR_CELL_GRU_RESET_BEFORE: (GRU, GRUCell, {"reset_after": False}),
    **{
        kind.kind: (kind, None, {})
        for kind in (
            PeepholeLSTM,
            CoupledLSTM,
            LayerNormRNN,
            LayerNormLSTM,
            LayerNormGRU,
            ClockworkRNN,
            IndRNN,
            MinGRU,
            MinLSTM,
            QRNN,
            SRU,
        )
    },
}


def of_recurrent(info: Any) -> Any:
    layer, cell, told = NAMED.get(info.variant, (Recurrent, None, {}))
    told = {
        **told,
        "input_size": info.input_size,
        "hidden_size": info.hidden_size,
        "bias": not info.flags & c.RECUR_LAYER_NO_BIAS,
    }
    if cell and info.flags & c.RECUR_LAYER_CELL_NAMES:
        return cell, told
    direction = FORMS[info.direction]
    told.update(
        num_layers=info.num_layers,
        dropout=info.dropout,
        direction=direction,
        bidirectional=direction == "bidirectional",
    )
    return layer, told


KINDS = {
    c.RECUR_KIND_RECURRENT: of_recurrent,
    c.RECUR_KIND_LINEAR: of_linear,
    c.RECUR_KIND_EMBEDDING: of_embedding,
    c.RECUR_KIND_LAST: of_last,
    c.RECUR_KIND_DROPOUT: of_dropout,
    c.RECUR_KIND_ACTIVATION: of_activation,
    c.RECUR_KIND_NORM: of_norm,
    c.RECUR_KIND_MERGE: of_merge,
    c.RECUR_KIND_COMPOSE: of_composed,
    c.RECUR_KIND_SOFTMAX: of_softmax,
    c.RECUR_KIND_AFFINE: of_affine,
    c.RECUR_KIND_PRELU: of_prelu,
    c.RECUR_KIND_CONV: of_conv,
}


def wrapped(layer: Any, batch_first: bool) -> Module:
    """A module around a layer of the library, of the class that makes such layers."""
    info = c.recur_layer_describe(layer, -1)
    kind, told = KINDS[info.kind](info)
    module = object.__new__(kind)
    module.__dict__.update(told)
    module._own(layer, None, init=False)
    if isinstance(module, Composite):
        adopt(module, layer, info.parts, batch_first)
    elif kind.over_time:
        module.batch_first = batch_first
    if kind is Recurrent:
        module.states = tuple(State(module, 1))
    made: Module = module
    return made


def adopt(whole: Any, layer: Any, parts: Any, batch_first: bool) -> None:
    found = [c.recur_layer_describe(layer, i) for i in range(parts)]
    names = [info.name for info in found]
    if isinstance(whole, Graph):
        whole.__dict__["_sources"] = {
            info.name: [(s.part, s.begin, s.count) for s in info.sources] for info in found
        }
    whole._composed = [
        (name, wrapped(c.recur_layer_child(layer, name)[0], batch_first)) for name in names
    ]
    whole._adopt(whole._composed)
    if isinstance(whole, Sequential):
        whole.__dict__["over_time"] = any(part.over_time for part in whole.children())
        whole.batch_first = any(part.batch_first for part in whole.children())
