"""Atheris on from_onnx: networks that to_onnx writes, with fields changed as the input says.

    python tools/fuzz_converters.py [-runs=N] [options of libFuzzer]

It needs atheris, onnx and NumPy. A changed model is converted, or refused with a sentence:
NotImplementedError, ConversionError, ValueError or an error of the library. Anything else is a
finding.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["recur"]):
    import recur
    from recur.convert import ConversionError

import onnx

ALLOWED = (NotImplementedError, ConversionError, ValueError, recur.Error)


def models():
    """Serialised networks of different kinds."""
    nets = [
        recur.Sequential(recur.LSTM(2, 3), recur.Linear(3, 2)),
        recur.Sequential(recur.GRU(2, 3, bidirectional=True), recur.LayerNorm(6)),
        recur.Sequential(recur.Embedding(4, 2), recur.RNN(2, 3), recur.Last(), recur.Linear(3, 1)),
        recur.LSTM(2, 3),
    ]
    return [recur.to_onnx(net, verify=False).SerializeToString() for net in nets]


def change_node(data, graph):
    node = graph.node[data.ConsumeIntInRange(0, len(graph.node) - 1)]
    way = data.ConsumeIntInRange(0, 4)
    if way == 0 and node.input:
        place = data.ConsumeIntInRange(0, len(node.input) - 1)
        others = [i.name for i in graph.initializer] + [o for n in graph.node for o in n.output]
        node.input[place] = data.PickValueInList([*others, "", "nowhere"])
    elif way == 1 and node.attribute:
        change_attribute(data, node.attribute[data.ConsumeIntInRange(0, len(node.attribute) - 1)])
    elif way == 2:
        node.op_type = data.PickValueInList([n.op_type for n in graph.node] + ["Add", "Relu", "If"])
    elif way == 3 and node.input:
        del node.input[data.ConsumeIntInRange(0, len(node.input) - 1) :]
    else:
        graph.node.remove(node)


def change_attribute(data, attribute):
    if attribute.ints:
        attribute.ints[data.ConsumeIntInRange(0, len(attribute.ints) - 1)] = data.ConsumeInt(8)
    elif attribute.strings:
        attribute.strings[0] = data.PickValueInList([b"Tanh", b"Relu", b"Affine", b"", b"\xff"])
    elif attribute.type == onnx.AttributeProto.FLOAT:
        attribute.f = data.ConsumeFloat()
    else:
        attribute.i = data.ConsumeInt(data.PickValueInList([1, 4, 8]))


def change_weight(data, graph):
    weight = graph.initializer[data.ConsumeIntInRange(0, len(graph.initializer) - 1)]
    way = data.ConsumeIntInRange(0, 3)
    if way == 0 and weight.dims:
        weight.dims[data.ConsumeIntInRange(0, len(weight.dims) - 1)] = data.ConsumeIntInRange(-2, 9)
    elif way == 1:
        weight.raw_data = weight.raw_data[: data.ConsumeIntInRange(0, len(weight.raw_data))]
    elif way == 2:
        weight.data_type = data.ConsumeIntInRange(0, 22)
    else:
        graph.initializer.remove(weight)


def change_end(data, graph):
    end = data.PickValueInList([*graph.input, *graph.output])
    dims = end.type.tensor_type.shape.dim
    if dims and data.ConsumeBool():
        dims[data.ConsumeIntInRange(0, len(dims) - 1)].dim_value = data.ConsumeIntInRange(-2, 9)
    elif data.ConsumeBool():
        end.type.tensor_type.elem_type = data.ConsumeIntInRange(0, 22)
    else:
        end.name = data.PickValueInList([n.output[0] for n in graph.node] + ["elsewhere"])


def one_input(data_bytes):
    data = atheris.FuzzedDataProvider(data_bytes)
    model = onnx.load_model_from_string(data.PickValueInList(MODELS))
    for _ in range(data.ConsumeIntInRange(1, 4)):
        change = data.PickValueInList([change_node, change_node, change_weight, change_end])
        if model.graph.node and model.graph.initializer:
            change(data, model.graph)
    try:
        net = recur.from_onnx(model, verify=False)
    except ALLOWED as error:
        assert str(error), "an error without a sentence"
        return
    assert isinstance(net, recur.Module)


if __name__ == "__main__":
    MODELS = models()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
