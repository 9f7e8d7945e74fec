"""PyTorch's DistributedDataParallel over gloo beside mpi_train: the same network, batch and ranks.

mpirun -n 4 python bench/mpi_ddp.py --hidden 512 --batch 64 --window 50 --updates 10

Prints the fastest and the middle time of a step, and of an all-reduce of the gradients alone.
MASTER_ADDR says where rank 0 is (10.77.0.1 with bench/mpi_links.sh).
"""

import argparse
import os
import statistics
import time

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

p = argparse.ArgumentParser()
for name, value in (("hidden", 512), ("layers", 2), ("batch", 64), ("window", 50), ("updates", 10)):
    p.add_argument(f"--{name}", type=int, default=value, help="of each rank" * (name == "batch"))
o = p.parse_args()
rank, ranks = int(os.environ["OMPI_COMM_WORLD_RANK"]), int(os.environ["OMPI_COMM_WORLD_SIZE"])
os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
os.environ.setdefault("MASTER_PORT", "29511")
torch.set_num_threads(1)
torch.manual_seed(1)
dist.init_process_group("gloo", rank=rank, world_size=ranks)
SYMBOLS = 96


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = torch.nn.LSTM(SYMBOLS, o.hidden, o.layers)
        self.fc = torch.nn.Linear(o.hidden, SYMBOLS)

    def forward(self, x):
        return self.fc(self.rnn(x)[0])


net = DistributedDataParallel(Net())
adam = torch.optim.Adam(net.parameters(), lr=0.002)
criterion = torch.nn.CrossEntropyLoss()
ids = torch.randint(SYMBOLS, (o.window, o.batch))
x = torch.nn.functional.one_hot(ids, SYMBOLS).float()
vector = torch.zeros(sum(p.numel() for p in net.parameters()))
steps, sums = [], []
for _ in range(o.updates):
    dist.barrier()
    start = time.perf_counter()
    adam.zero_grad()
    criterion(net(x).flatten(0, 1), ids.flatten()).backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 5)
    adam.step()
    steps.append(time.perf_counter() - start)
    dist.barrier()
    start = time.perf_counter()
    dist.all_reduce(vector)
    sums.append(time.perf_counter() - start)
if rank == 0:
    for name, times in (("step", steps), ("all-reduce", sums)):
        print(
            f"{ranks} ranks, {vector.numel() * 4e-6:.2f} MB: {name}: fastest "
            f"{1e3 * min(times):.2f} ms, middle {1e3 * statistics.median(times):.2f} ms"
        )
