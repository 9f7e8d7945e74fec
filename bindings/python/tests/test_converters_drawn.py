"""A few models of every family of tools/converters.py: none may come out wrong."""

import importlib.util
import pathlib

import pytest

TOOL = pathlib.Path(__file__).resolve().parents[1] / "tools" / "converters.py"
NEEDED = {
    "from_torch": ("torch",),
    "to_torch": ("torch",),
    "legacy": ("torch", "onnx", "onnxruntime"),
    "dynamo": ("torch", "onnx", "onnxruntime", "onnxscript"),
    "own_onnx": ("onnx",),
    "keras": ("keras", "torch"),
}
COUNTS = {"from_torch": 30, "to_torch": 30, "legacy": 12, "dynamo": 2, "own_onnx": 30, "keras": 8}


@pytest.mark.parametrize("family", NEEDED)
def test_drawn_models(family):
    if not TOOL.exists():
        pytest.skip("the tool is part of the source tree only")
    for package in NEEDED[family]:
        pytest.importorskip(package)
    spec = importlib.util.spec_from_file_location("converters", TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    right, refused, wrong, _ = tool.count(family, COUNTS[family], seed=1)
    assert wrong == [] and (right or family == "dynamo")
    print(f"{family}: right {right}, refused {sum(refused.values())}")
