"""A model carried over from PyTorch: trained there, run here with the same results."""

import sys

import numpy as np

import recur

try:
    import torch
except ImportError:
    sys.exit("This example needs PyTorch, which is not here: pip install torch. It did nothing.")


def parity(nn):
    """The model, of torch.nn or of recur: is the number of ones so far odd?"""

    class Parity(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.GRU(1, 16, batch_first=True)
            self.fc = nn.Linear(16, 2)

        def forward(self, x):
            y, _ = self.rnn(x)
            return self.fc(y)

    return Parity()


if __name__ == "__main__":
    torch.manual_seed(1)
    torch.set_num_threads(1)
    model = parity(torch.nn)
    criterion = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for step in range(250):
        x = torch.randint(0, 2, (64, 8, 1))
        t = x[..., 0].cumsum(1) % 2
        loss = criterion(model(x.float()).transpose(1, 2), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"PyTorch has learnt it: loss {loss.item():.5f}")

    net = parity(recur)
    net.load_state_dict(model.state_dict())
    net.eval()
    x = torch.randint(0, 2, (100, 40, 1)).float()
    difference = np.abs(net(x) - model(x).detach().numpy()).max()
    print(f"100 new sequences of 40 bits: outputs differ by {difference:.0e} at most")

    stream, state = net.rnn.snapshot(), net.rnn.state(1)
    for bit in (1.0, 0.0, 1.0, 1.0, 0.0, 1.0):
        odd = net.fc(stream.step([[bit]], state)).argmax()
        print(f"read {bit:.0f}: the count is {('even', 'odd')[odd]}")
