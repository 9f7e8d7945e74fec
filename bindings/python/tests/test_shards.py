"""Shards: one sum for every division over ranks, which are threads here."""

import queue
import threading

import numpy as np
import pytest

import recur


def run_ranks(ranks, work):
    """work(rank, exchange) on so many threads; what each gave."""
    lines = {(a, b): queue.Queue() for a in range(ranks) for b in range(ranks)}
    results = [None] * ranks

    def run(rank):
        def exchange(other, send, receive):
            lines[rank, other].put(send.copy())
            receive[:] = lines[other, rank].get(timeout=60)

        try:
            results[rank] = work(rank, exchange)
        except Exception as error:  # seen by the caller
            results[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(ranks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


X = np.random.default_rng(3).standard_normal((6, 12, 4)).astype(np.float32)
LABELS = np.random.default_rng(4).integers(0, 3, 12).astype(np.int32)


def network():
    recur.manual_seed(1)
    return recur.Sequential(recur.LSTM(4, 8), recur.Last(), recur.Linear(8, 3))


def train(net, rank, ranks, exchange):
    criterion, adam = recur.CrossEntropyLoss(reduction="sum"), recur.Adam(net, lr=0.01)
    shards = recur.Shards(8, net.flat_grad.size, numbers=1, rank=rank, ranks=ranks, exchange=exchange)
    losses = []
    for _ in range(4):
        for shard in shards.own:
            sequences = shards.sequences(12, shard)
            part = slice(sequences.start, sequences.stop)
            adam.zero_grad()
            loss = criterion(net(np.ascontiguousarray(X[:, part])), LABELS[part])
            loss.backward()
            shards.add(net.flat_grad, loss)
        losses.append(float(shards.sum(net.flat_grad)[0]))
        adam.step()
    return losses, [p.tobytes() for p in net.parameters()]


def test_ranks_change_no_bit():
    want = train(network(), 0, 1, None)
    assert all(np.isfinite(want[0])) and want[0][-1] < want[0][0]
    for ranks in (2, 3, 4, 8):
        nets = [network() for _ in range(ranks)]
        results = run_ranks(ranks, lambda rank, exchange: train(nets[rank], rank, ranks, exchange))
        assert all(result == want for result in results)


def test_numbers_are_added_by_the_tree():
    def work(rank, exchange):
        shards = recur.Shards(8, 0, numbers=2, rank=rank, ranks=3, exchange=exchange)
        for shard in shards.own:
            shards.add(np.empty(0, np.float32), shard, 0.1)
        return shards.sum(np.empty(0, np.float32)).tolist()

    two = 0.1 + 0.1
    assert run_ranks(3, work) == [[28.0, (two + two) + (two + two)]] * 3


def test_gather():
    def work(rank, exchange):
        shards = recur.Shards(8, 0, rank=rank, ranks=3, exchange=exchange)
        values = np.full((8, 2), -1, np.float32)
        for shard in shards.own:
            values[shard] = shard
        shards.gather(values)
        return values

    for values in run_ranks(3, work):
        assert values.tolist() == [[i, i] for i in range(8)]


def test_mistakes():
    shards = recur.Shards(2, 3, numbers=1)
    assert repr(shards) == "Shards(0 to 1 of 2; rank 0 of 1)"
    with pytest.raises(recur.ArgumentError, match="power of two"):
        recur.Shards(3, 1)
    with pytest.raises(recur.ArgumentError, match="exchange is NULL"):
        recur.Shards(2, 1, ranks=2)
    with pytest.raises(TypeError, match="callable"):
        recur.Shards(2, 1, ranks=2, exchange=3)
    with pytest.raises(ValueError, match="2 numbers: a shard has 1"):
        shards.add(np.zeros(3, np.float32), 1, 2)
    with pytest.raises(ValueError, match="3"):
        shards.add(np.zeros(4, np.float32), 1)
    with pytest.raises(recur.OrderError):
        shards.sum(np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="3 numbers"):
        shards.sum(np.zeros(2, np.float32))
    with pytest.raises(ValueError):
        shards.sequences(4, 2)
    with pytest.raises(ValueError, match="a row for each"):
        shards.gather(np.zeros((3, 1), np.float32))
    shards.add(np.zeros(3, np.float32), 1)
    shards.reset()
    for _ in shards.own:
        shards.add(np.ones(3, np.float32), 1)
    with pytest.raises(recur.OrderError, match="recur_shards_sum"):
        shards.add(np.zeros(3, np.float32), 1)
    grads = np.empty(3, np.float32)
    assert shards.sum(grads).tolist() == [2] and grads.tolist() == [2, 2, 2]


def test_an_exchange_that_raises():
    def exchange(rank, send, receive):
        raise RuntimeError(f"no line to {rank}")

    shards = recur.Shards(2, 4, ranks=2, exchange=exchange)
    shards.add(np.zeros(4, np.float32))
    with pytest.raises(recur.Error, match="rank 0 of 2.*RuntimeError: no line to 1"):
        shards.sum(np.empty(4, np.float32))
