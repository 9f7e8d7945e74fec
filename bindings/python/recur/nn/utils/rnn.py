"""torch.nn.utils.rnn over arrays: `from recur.nn.utils.rnn import pack_padded_sequence`.

>>> import numpy
>>> packed = pack_sequence([numpy.array([1, 2]), numpy.array([3])])
>>> packed.data.tolist(), packed.batch_sizes.tolist()
([1, 3, 2], [2, 1])
>>> [s.tolist() for s in unpack_sequence(packed)]
[[1, 2], [3]]
"""

from ...packed import (
    PackedSequence,
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
    unpack_sequence,
    unpad_sequence,
)

__all__ = [
    "PackedSequence",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]
