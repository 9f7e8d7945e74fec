"""Some draws of every family of tools/passes.py: none may come out wrong."""

import importlib.util
import pathlib
import sys

import pytest

TOOLS = pathlib.Path(__file__).resolve().parents[1] / "tools"
COUNTS = {"layers": 60, "cells": 30, "nets": 40, "training": 15}


@pytest.mark.parametrize("family", COUNTS)
@pytest.mark.filterwarnings("ignore")
def test_drawn_passes(family, monkeypatch):
    if not TOOLS.exists():
        pytest.skip("the tool is part of the source tree only")
    pytest.importorskip("torch")
    monkeypatch.setattr(sys, "path", [str(TOOLS), *sys.path])
    spec = importlib.util.spec_from_file_location("passes", TOOLS / "passes.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.count(family, COUNTS[family], seed=1) == []
