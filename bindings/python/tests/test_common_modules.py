"""PyTorch's own sample inputs, through tools/common_modules.py: none may come out wrong."""

import importlib.util
import pathlib

import pytest

TOOL = pathlib.Path(__file__).resolve().parents[1] / "tools" / "common_modules.py"
FEWEST = {"RNN": 192, "LSTM": 128, "GRU": 96, "CrossEntropyLoss": 120}  # that come out right
# Layers of rows that have fewer options than torch's: other dimensions, scales of ELU ...
PARTLY = ("ELU", "GELU", "GroupNorm", "LayerNorm", "PReLU", "RMSNorm", "Softmax")


def test_samples_of_torch(recwarn):
    if not TOOL.exists():
        pytest.skip("the tool is part of the source tree only")
    pytest.importorskip("torch")
    pytest.importorskip("expecttest")
    spec = importlib.util.spec_from_file_location("common_modules", TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    found = tool.modules()
    assert len(found) >= 20
    for info in found:
        name = info.module_cls.__name__
        right, typed, refused, wrong = tool.count(info)
        assert wrong == [], name
        if name not in PARTLY:
            assert right >= FEWEST.get(name, 4), name
            assert typed == sum(refused.values()), (name, refused)
