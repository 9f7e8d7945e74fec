"""Networks that go from PyTorch to a program in C by a file, and back."""

import os
import pathlib
import shutil
import subprocess

import numpy as np
import pytest
from conftest import HERE, ROOT, numbers

import recur

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.torch")
nn = torch.nn

STEPS, BATCH, TOLERANCE = 7, 4, 1e-6
CC = os.environ.get("CC", "cc").split()


class Net(nn.Module):
    """What people write: an LSTM and a linear layer; with `last` a classifier on the last step."""

    def __init__(self, last):
        super().__init__()
        self.rnn, self.fc, self.last = nn.LSTM(3, 5, 2), nn.Linear(5, 2), last

    def forward(self, x):
        y = self.rnn(x)[0]
        return self.fc(y[-1] if self.last else y)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    include, library = ROOT / "include", pathlib.Path(recur.library_path).resolve()
    if not (include / "recur.h").exists() or not shutil.which(CC[0]):
        pytest.skip("no headers or no C compiler here")
    out = tmp_path_factory.mktemp("model") / "model"
    subprocess.run([*CC, "-std=c11", f"-I{include}", HERE / "model.c", "-o", out, library, f"-Wl,-rpath,{library.parent}"], check=True)
    return out


def run_program(program, what, path, x):
    done = subprocess.run([program, what, path, str(STEPS), str(BATCH)], input=x.tobytes(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return np.frombuffer(done.stdout, np.float32).reshape(-1, 2)


@pytest.mark.parametrize("last", [False, True])
def test_trained_in_torch_run_in_c(rng, tmp_path, program, last):
    torch.manual_seed(1)
    net, x = Net(last), numbers(rng, STEPS, BATCH, 3)
    adam, target = torch.optim.Adam(net.parameters(), lr=0.01), torch.tensor(x.sum(2 if not last else (0, 2)))[..., None]
    for _ in range(50):
        adam.zero_grad()
        ((net(torch.tensor(x)) - target) ** 2).mean().backward()
        adam.step()
    with torch.no_grad():
        wanted = net(torch.tensor(x)).numpy()
    parts = {"rnn": recur.from_torch(net.rnn), **({"last": recur.Last()} if last else {}), "fc": recur.from_torch(net.fc)}
    recur.save_model(recur.Sequential(parts), tmp_path / "net", sample=x, outputs=wanted, tolerance=TOLERANCE)
    y = run_program(program, "run", tmp_path / "net", x)
    print("from torch:", np.abs(y - wanted.reshape(y.shape)).max())
    np.testing.assert_allclose(y, wanted.reshape(y.shape), rtol=0, atol=TOLERANCE)
    weights = {k: v for k, v in safetensors.load_file(tmp_path / "net").items() if "recur.sample." not in k}
    again = Net(last)
    again.load_state_dict(weights)  # the same file in PyTorch, by its own names
    with torch.no_grad():
        assert torch.equal(again(torch.tensor(x)), torch.tensor(wanted))


def test_trained_in_c_run_in_torch(rng, tmp_path, program):
    x = numbers(rng, STEPS, BATCH, 3)
    y = run_program(program, "train", tmp_path / "net", x)
    assert np.abs(y - x.sum(2).reshape(-1, 1)).mean() < 0.9 * np.abs(x.sum(2)).mean()  # it learnt something
    ours = recur.open_model(tmp_path / "net")
    by_hand = Net(False)
    by_hand.load_state_dict({k: v for k, v in safetensors.load_file(tmp_path / "net").items() if "recur.sample." not in k})
    for theirs in (recur.to_torch(ours), by_hand):
        with torch.no_grad():
            wanted = theirs(torch.tensor(x)).numpy().reshape(y.shape)
        print("from C:", np.abs(y - wanted).max())
        np.testing.assert_allclose(y, wanted, rtol=0, atol=TOLERANCE)


def test_the_page_from_pytorch(tmp_path, monkeypatch, program):
    """What docs/from-pytorch.md tells to write is run, and the file it leaves opens in C."""
    page = ROOT / "docs" / "from-pytorch.md"
    lines = page.read_text().split("    import recur, torch\n", 1)[1].split("\n<!--", 1)[0]
    source = "import recur, torch\n" + "\n".join(line[4:] for line in lines.splitlines())
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(source, str(page), "exec"), names)
    x = names["x"].numpy()
    done = subprocess.run([program, "run", "model.safetensors", "7", "3"], input=x.tobytes(), capture_output=True, check=True)
    y, wanted = np.frombuffer(done.stdout, np.float32), names["model"](names["x"]).detach().numpy()
    np.testing.assert_allclose(y.reshape(wanted.shape), wanted, rtol=0, atol=TOLERANCE)
