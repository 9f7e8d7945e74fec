"""ONNX models that do not fit themselves are refused with a sentence; tools/fuzz_converters.py found
them."""

import pytest

import recur

onnx = pytest.importorskip("onnx")


def model():
    net = recur.Sequential(recur.LSTM(2, 3), recur.Linear(3, 2))
    return onnx.load_model_from_string(recur.to_onnx(net, verify=False).SerializeToString())


def refused(changed, words):
    with pytest.raises((NotImplementedError, ValueError), match=words):
        recur.from_onnx(changed, verify=False)


def test_a_weight_without_a_type():
    changed = model()
    changed.graph.initializer[0].data_type = 0
    refused(changed, "weight .*UNDEFINED")


def test_a_matrix_of_one_axis():
    changed = model()
    for weight in changed.graph.initializer:
        if len(weight.dims) == 2:
            count = weight.dims[0] * weight.dims[1]
            del weight.dims[1]
            weight.dims[0] = count
    refused(changed, "node|weight")


def test_a_circle():
    changed = model()
    first, last = changed.graph.node[0], changed.graph.node[-1]
    first.input[0] = last.output[0]
    refused(changed, "which nothing before it gives")
