"""python -m recur: files of other frameworks into model files, and back."""

import numpy as np
import pytest
from conftest import numbers

import recur
from recur.__main__ import main


def test_onnx_there_and_back(rng, tmp_path, capsys):
    pytest.importorskip("onnx")
    net = recur.Sequential(recur.LSTM(3, 4), recur.Linear(4, 2)).eval()
    recur.save_model(net, tmp_path / "net")
    assert main(["export", str(tmp_path / "net"), str(tmp_path / "net.onnx")]) == 0
    assert main(["import", str(tmp_path / "net.onnx"), str(tmp_path / "again")]) == 0
    assert "LSTM(3, 4)" in capsys.readouterr().out
    x = numbers(rng, 5, 2, 3)
    np.testing.assert_allclose(recur.open_model(tmp_path / "again")(x), net(x), atol=1e-6)


def test_torch_modules(rng, tmp_path):
    torch = pytest.importorskip("torch")
    module = torch.nn.GRU(3, 4)
    torch.save(module, tmp_path / "net.pt")
    assert main(["import", str(tmp_path / "net.pt"), str(tmp_path / "net")]) == 0
    x = numbers(rng, 5, 2, 3)
    wanted = module(torch.tensor(x))[0].detach().numpy()
    np.testing.assert_allclose(recur.open_model(tmp_path / "net")(x)[0], wanted, atol=1e-6)
    torch.save(module.state_dict(), tmp_path / "state.pt")
    assert main(["import", str(tmp_path / "state.pt"), str(tmp_path / "net")]) == 1


def test_rtneural(tmp_path):
    (tmp_path / "net.json").write_text('{"in_skip": 1, "fc.weight": [[2]], "fc.bias": [1]}')
    assert main(["import", str(tmp_path / "net.json"), str(tmp_path / "net")]) == 0
    assert recur.open_model(tmp_path / "net")(np.array([[[3.0]]], np.float32)) == 10


def test_bad_use(tmp_path, capsys):
    assert main(["import", str(tmp_path / "none.onnx"), "out"]) == 1
    assert "there is no file" in capsys.readouterr().err
    (tmp_path / "net.doc").write_text("x")
    assert main(["import", str(tmp_path / "net.doc"), "out"]) == 1
    assert "its ending is none of .onnx" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["import"])
    assert ended.value.code == 2


def test_the_sample_travels(rng, tmp_path):
    """The drawn sample is in the file, with what the other framework made of it."""
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh())
    net, path = recur.from_torch(module.eval()), tmp_path / "net"
    recur.save_model(net, path)
    names = recur.File(str(path)).keys()
    assert any("sample" in name for name in names), names
    x, y = net.__dict__["_sample"]
    np.testing.assert_allclose(y, module(torch.tensor(x)).detach().numpy(), atol=1e-6)
    net.params["0.bias"][0] += 1  # as training does: now its own outputs go with it
    recur.save_model(net, path)
    np.testing.assert_array_equal(recur.open_model(path)(x), net(x))
    recur.save_model(recur.from_torch(module, verify=False), path)
    assert not any("sample" in name for name in recur.File(str(path)).keys())
