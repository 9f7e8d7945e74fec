"""The workloads in PyTorch, as its own tutorials would write them. This is a peer of compare.py;
see peer.py."""
import functools

import torch
from torch import nn

import peer

RATE = 1e-6  # so small that the thousandth step works on the same kind of numbers as the first
LAYERS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
ONE_STEP = {"lstm": nn.LSTMCell, "gru": nn.GRUCell}


def training_step(modules, loss_of, clip=None):
    params = [p for module in modules for p in module.parameters()]
    adam = torch.optim.Adam(params, lr=RATE)

    def step():
        adam.zero_grad()
        loss_of().backward()
        if clip:
            nn.utils.clip_grad_norm_(params, clip)
        adam.step()

    return step


def layers_alone(rnn, steps, batch, inputs):
    """Forward and backward of the layers, with the gradient of their input."""
    x = torch.rand(steps, batch, inputs, requires_grad=True)
    dy = 0.1 * torch.rand_like(rnn(x)[0])

    def step():
        rnn.zero_grad()
        x.grad = None
        rnn(x)[0].backward(dy)

    return step


def symbols_of_8(cell, padded=False):
    rnn, head, loss = LAYERS[cell](8, 4, batch_first=True), nn.Linear(4, 4), nn.CrossEntropyLoss()
    batches = []
    for _ in range(8):
        lengths = torch.randint(70, 81, (256,)).sort(descending=True)[0]
        x = nn.functional.one_hot(torch.randint(0, 8, (256, int(lengths[0]))), 8).float()
        batches.append((x, lengths))
    labels, turn = torch.randint(0, 4, (256,)), 0
    row = torch.arange(256)

    def value():
        nonlocal turn
        x, lengths = batches[turn]
        turn = (turn + 1) % len(batches)
        if padded:
            h = rnn(x)[0][row, lengths - 1]
        else:
            final = rnn(nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True))[1]
            h = (final[0] if cell == "lstm" else final)[-1]
        return loss(head(h), labels)

    return training_step([rnn, head], value, clip=1.0)


def sentence():
    steps, size = 69, 35

    class Cell(nn.Module):
        def __init__(self):
            super().__init__()
            self.to_hidden, self.to_output = nn.Linear(2 * size, size), nn.Linear(2 * size, size)

        def forward(self, x, h):
            joined = torch.cat((x, h), 1)
            return self.to_output(joined), torch.tanh(self.to_hidden(joined))

    cell, loss = Cell(), nn.MSELoss()
    x = nn.functional.one_hot(torch.randint(0, size, (steps + 1, 1)), size).float()

    def value():
        h, total = torch.zeros(1, size), 0
        for t in range(steps):
            y, h = cell(x[t], h)
            total = total + loss(y, x[t + 1])
        return total

    return training_step([cell], value)


def digits_by_rows(cell, layers=2, bidirectional=False, alone=False):
    rnn = LAYERS[cell](28, 128, layers, bidirectional=bidirectional)
    if alone:
        return layers_alone(rnn, 28, 100, 28)
    head, loss = nn.Linear(256 if bidirectional else 128, 10), nn.CrossEntropyLoss()
    x, labels = torch.rand(28, 100, 28), torch.randint(0, 10, (100,))

    def value():
        y, final = rnn(x)
        h = final[0] if cell == "lstm" else final
        return loss(head(torch.cat((h[-2], h[-1]), 1) if bidirectional else y[-1]), labels)

    return training_step([rnn, head], value)


def text_by_characters(alone=False):
    rnn = nn.LSTM(65, 512, 2)
    if alone:
        return layers_alone(rnn, 100, 64, 65)
    head, loss = nn.Linear(512, 65), nn.CrossEntropyLoss()
    x = nn.functional.one_hot(torch.randint(0, 65, (100, 64)), 65).float()
    labels = torch.randint(0, 65, (6400,))
    return training_step([rnn, head], lambda: loss(head(rnn(x)[0]).view(-1, 65), labels))


def stream(cell, inputs, hidden):
    step_of, head, x = ONE_STEP[cell](inputs, hidden), nn.Linear(hidden, 1), torch.rand(1, inputs)
    state = None

    @torch.inference_mode()
    def step():
        nonlocal state
        state = step_of(x, state)
        return head(state[0] if cell == "lstm" else state)

    return step


def sequence(cell, steps, batch, inputs, hidden, native=False):
    """native: PyTorch's own loop; where there is one, it prefers that of the oneDNN inside it."""
    rnn, x = LAYERS[cell](inputs, hidden).eval(), torch.rand(steps, batch, inputs)

    @torch.inference_mode()
    def run():
        if not native:
            return rnn(x)
        with torch.backends.mkldnn.flags(enabled=False):
            return rnn(x)

    return run


def with_int8(rnn):
    return torch.ao.quantization.quantize_dynamic(nn.Sequential(rnn), {type(rnn)}, torch.qint8)[0]


def fewer_bits(cell, bits, steps, batch, inputs, hidden):
    """Weights and, with bf16, numbers of fewer bits; a stream's step is a sequence of one."""
    rnn, x = LAYERS[cell](inputs, hidden).eval(), torch.rand(steps, batch, inputs)
    if bits == "int8":
        rnn = with_int8(rnn)
    else:
        rnn, x = rnn.to(torch.bfloat16), x.to(torch.bfloat16)
    state = None

    @torch.inference_mode()
    def run():
        nonlocal state
        y, state = rnn(x, state if steps == 1 else None)
        return y

    return run


def all_workloads():
    given = functools.partial
    found = {"w2": sentence, "w5-lstm": text_by_characters,
             "w5-layer": given(text_by_characters, alone=True)}
    for cell in peer.CELLS:
        found["w1-" + cell] = given(symbols_of_8, cell)
        found["w1-" + cell + ":padded"] = given(symbols_of_8, cell, padded=True)
        found["w3-" + cell] = given(digits_by_rows, cell)
        found["w3-" + cell + "-layer"] = given(digits_by_rows, cell, alone=True)
    for name, alone in (("w4-lstm", False), ("w4-layer", True)):
        found[name] = given(digits_by_rows, "lstm", 1, True, alone)
    for cell in ("lstm", "gru"):
        name = "w1-" + cell + "-layer"
        found[name] = lambda cell=cell: layers_alone(LAYERS[cell](8, 4), 80, 256, 8)
        for name, sizes in peer.SEQUENCES.items():
            found["w7-%s-%s" % (cell, name)] = given(sequence, cell, *sizes)
            if cell == "lstm":
                found["w7-lstm-%s:native" % name] = given(sequence, cell, *sizes, native=True)
    for cell, inputs, hidden in peer.STREAMS:
        found["w6-%s-i%d-h%d" % (cell, inputs, hidden)] = given(stream, cell, inputs, hidden)
    for cell in ("lstm", "gru"):
        for bits in ("bf16", "int8"):
            for name, sizes in peer.FEWER_BITS.items():
                found["w9-%s-%s-%s" % (bits, cell, name)] = given(fewer_bits, cell, bits, *sizes)
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(1)
    peer.serve("PyTorch " + torch.__version__.split("+")[0], all_workloads())
