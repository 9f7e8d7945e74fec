"""Models of other frameworks. Their packages are needed only when one of these is called.

A converter gives a module that computes what the other model computes, or it raises: what it cannot
read for certain is a NotImplementedError that names the node, module or entry. Then drawn samples
run through both sides, where the other framework is at hand; what differs is a ConversionError and
is not returned. `verify=False` leaves this check out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..module import Module
from ._verify import ConversionError


def from_torch(module: Any, *, verify: bool = True) -> Module:
    """A recur module with the weights of a torch one, in the same mode.

    It reads RNN, LSTM, GRU, their cells, Linear, Embedding, LayerNorm, RMSNorm, GroupNorm,
    BatchNorm1d in eval mode, ReLU, Tanh, Sigmoid, Softsign, SiLU, ELU, GELU, PReLU, Softmax, GLU,
    Identity, Dropout, Sequential of these, and what to_torch makes. Parameters of float64, float16
    and bfloat16 become float32.

    A Conv1d, or a Sequential with some, takes [B][channels][T] in torch and [B][T][channels] here.
    Each convolution has to give a step for each step: with all zeros before it (ZeroPad1d) it is
    causal and streams, with zeros behind (padding="same") it looks ahead.

    Refused (NotImplementedError): other modules, subclasses that override a method, hooks,
    parametrizations, parameters that stand twice, parts whose mode differs from the whole's, and in
    training mode frozen parameters. In a chain that torch cannot run, because a recurrent layer
    gives (y, state) to the next part, convert the parts and put them into a recur.Sequential.

        net = recur.from_torch(torch.nn.LSTM(8, 4))
        y, (hn, cn) = net(x)                            # x [T][B][8], float32

    >>> import recur
    >>> net = recur.from_torch(torch.nn.LSTM(3, 4))              # doctest: +SKIP
    """
    from . import pytorch

    return pytorch.from_torch(module, verify)


def to_torch(module: Module, *, verify: bool = True) -> Any:
    """A torch module with the weights of a recur one, in the same mode.

    Sequential, Residual, Graph, Merge, Last, Affine and what sees a row as [channels][length]
    become classes of recur.convert.torch_modules, the others torch's own. Refused
    (NotImplementedError): a snapshot, which has no parameters, options and kinds that torch has not
    (a reverse layer, reset_after=False, HardSigmoid), and subclasses of your own.

        theirs = recur.to_torch(recur.Sequential(recur.LSTM(8, 4), recur.Last()))

    >>> import recur
    >>> theirs = recur.to_torch(recur.LSTM(3, 4))                 # doctest: +SKIP
    """
    from . import pytorch

    return pytorch.to_torch(module, verify)


def to_onnx(
    module: Module,
    path: Any = None,
    *,
    states: bool = False,
    lengths: bool = False,
    opset: int = 17,
    verify: bool = True,
) -> Any:
    """Writes a module as an ONNX model, and gives the model. The batch and the number of steps stay
    open.

    states: the initial state is an input (h0, c0), else zeros. lengths: the number of steps of each
    sequence is an input. Inputs are x (rows float32, or ids int64), outputs y and the final states.
    The check runs ONNX Runtime, or the evaluator of the onnx package. Refused
    (NotImplementedError): a snapshot, cells, options that ONNX has not.

        model = recur.to_onnx(net, "net.onnx", lengths=True)

    >>> import recur
    >>> recur.to_onnx(recur.GRU(3, 4), "gru.onnx")               # doctest: +SKIP
    """
    from . import onnx_export

    more: dict[str, Any] = {"states": states, "lengths": lengths, "opset": opset, "verify": verify}
    return onnx_export.to_onnx(module, path, **more)


def from_onnx(
    model: Any,
    constants: Mapping[str, Any] | None = None,
    *,
    outputs: Sequence[str] | str | None = None,
    sizes: Mapping[str, int] | None = None,
    verify: bool = True,
) -> Module:
    """A recur module from an ONNX file or model.

    The graph is followed from its inputs to all its outputs. Every node that an output depends on,
    with all its attributes and inputs, has to be explained by the module, and so do the inputs and
    outputs of the graph, else NotImplementedError names what is not. Understood are RNN, LSTM and
    GRU (one node or stacks, both directions in one node or two), MatMul, Gemm, LayerNormalization,
    embeddings by Gather, Relu, Tanh, Sigmoid, HardSigmoid, Softsign, Elu, Gelu, SiLU, Softmax,
    PRelu, LeakyRelu, a scale and a shift for each feature, convolutions over steps (with all zeros
    that they need before or behind, or too many steps cut off behind), BatchNormalization, RMS
    normalisations, rows of branches added, multiplied, averaged or side by side, slices of
    features, the last or first step, final states, and what moves axes.

    One output is the module's y, with the axes of the input; others may be the whole final state
    (h_n, c_n) of its layers. constants: arrays for graph inputs that are weights. outputs: names of
    the outputs to keep, where the graph has several. A graph that is one recurrent node stands for
    the layer, which gives final states beside y: y is then [T][B][D*H], and not [T][D][B][H]. An
    initial state that is an input is the module's state argument, or its State; lengths that are an
    input are those of packed sequences.

    A graph of one step, with its states as inputs and outputs, becomes a module whose State holds
    them: y = net.step(x, state), where x is the row [batch][numbers of the input]. Understood there
    are also convolutions inside the row, padding, slices, batch normalisation, PRelu, Softmax,
    Elu, Gelu, magnitudes, masks, sums, If with a condition that follows from sizes, and LSTM cells
    and layer normalisations that are written as single operations. Every number is followed by
    itself, for one sequence; every state input has to come out as what a cell makes of it. sizes:
    numbers for open axes by their names, all but the batch.

        net = recur.from_onnx("tagger.onnx", outputs=["logits"])
        vad = recur.from_onnx("vad.onnx", {"sr": np.int64(16000)}, sizes={"sequence": 576})

    >>> import recur
    >>> net = recur.from_onnx("model.onnx")                      # doctest: +SKIP
    """
    from . import onnx_import

    return onnx_import.from_onnx(model, constants, outputs, sizes, verify)


def from_keras(
    model: Any,
    config: Mapping[str, Any] | None = None,
    *,
    logits: bool = False,
    packed: bool = False,
    verify: bool = True,
) -> Module:
    """A recur module, in eval mode, from a Keras model or layer, the path of a .keras or .h5 file,
    or the arrays of get_weights() with a configuration (class_name and config, as
    keras.layers.serialize gives it). Files need h5py, not Keras. Input is batch first.

    It reads SimpleRNN, LSTM, GRU, RNN of their cells, Bidirectional of two layers, alike or not,
    Conv1D, DepthwiseConv1D, SeparableConv1D (one step for each step: "causal", "same", or zeros
    before), BatchNormalization as in inference, Dense, Embedding, LayerNormalization,
    RMSNormalization, GroupNormalization of single rows, Rescaling, Dropout and noise, Activation,
    ReLU, LeakyReLU, PReLU, ELU, Softmax, TimeDistributed of what works row by row, Add, Multiply,
    Average and Concatenate, in Sequential and Functional models. logits: leave out a softmax at the
    end. With return_state, final states are in the module's State. packed: sequences come as packed
    sequences, so that steps which Keras would mask (Masking, mask_zero) are not in them.

    Every entry of a configuration is asked for or concerns training only; another one is refused
    (NotImplementedError), and so are stateful, time_major, steps in reverse order, layers that are
    used twice and layers of your own. The check runs if the program has imported keras: importing
    it here would choose its backend.

        net = recur.from_keras("model.keras")
        net = recur.from_keras(model.get_weights(), keras.layers.serialize(model), logits=True)

    >>> import recur
    >>> net = recur.from_keras(keras_model)                      # doctest: +SKIP
    """
    from . import keras

    return keras.from_keras(model, config, logits=logits, packed=packed, verify=verify)


__all__ = ["ConversionError", "from_keras", "from_onnx", "from_torch", "to_onnx", "to_torch"]
