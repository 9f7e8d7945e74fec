"""Training by several processes: mpirun -n 4 python mpi_train.py. Every N prints the same losses."""

import numpy as np
from mpi4py import MPI

import recur

world, seed, S, B, T = MPI.COMM_WORLD, 1, 8, 64, 20
recur.manual_seed(seed)  # all ranks begin with the same weights
net = recur.Sequential(recur.LSTM(4, 32), recur.Last(), recur.Linear(32, 4))
criterion, adam = recur.CrossEntropyLoss(reduction="sum"), recur.Adam(net, lr=0.01)


def exchange(rank, send, receive):
    world.Sendrecv(send, rank, 0, receive, rank, 0)


shards = recur.Shards(
    S, net.flat_grad.size, numbers=1, rank=world.rank, ranks=world.size, exchange=exchange
)
for step in range(100):
    for shard in shards.own:
        sequences = shards.sequences(B, shard)
        dice = np.random.default_rng([seed, step, sequences.start])  # no rank is in it
        ids = dice.integers(0, 4, (T, len(sequences)))
        adam.zero_grad()
        loss = criterion(net(np.eye(4, dtype=np.float32)[ids]), ids[3])  # what came fourth?
        loss.backward()
        shards.add(net.flat_grad, loss)
    total = shards.sum(net.flat_grad)[0]
    net.flat_grad[:] /= B
    adam.step()
    if world.rank == 0 and step % 10 == 9:
        print(f"step {step + 1:3d}  loss {total / B:.9f}")
