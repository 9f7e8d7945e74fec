"""Modules that treat every row by itself, and `Last`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from . import c, settings
from ._arrays import floats, here, size
from ._forms import Numbers
from ._numbers import check_number
from .layer import Layer
from .passes import data_of

if TYPE_CHECKING:
    from .settings import Context


class Linear(Layer):
    """y = W x + b. Integers in x are ids: the one-hot vector of that index.

    x [..., in_features] gives y [..., out_features].

    >>> import numpy as np, recur
    >>> fc = recur.Linear(3, 2)
    >>> fc(np.zeros((5, 4, 3), np.float32)).shape, fc.weight.shape
    ((5, 4, 2), (2, 3))
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        context: Context | None = None,
    ) -> None:
        here(device)
        here(dtype)
        self.in_features, self.out_features = (
            size(in_features, "in_features"),
            size(out_features, "out_features"),
        )
        self.bias_used = bool(bias)
        flags = 0 if bias else c.RECUR_LAYER_NO_BIAS
        self._own(
            c.recur_linear_create(settings.handle_of(context), in_features, out_features, flags),
            context,
        )

    def extra_repr(self) -> str:
        """What stands in the brackets of repr()."""
        return f"{self.in_features}, {self.out_features}, bias={self.bias_used}"


class Embedding(Layer):
    """A vector for each symbol. That of padding_idx is zeros at the start, and gets no gradient.

    Ids [...] give y [..., embedding_dim].

    >>> import numpy as np, recur
    >>> embedding = recur.Embedding(10, 4, padding_idx=0)
    >>> embedding([[1, 2, 0]]).shape, bool(embedding([0]).any())
    ((1, 3, 4), False)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        *,
        device: Any = None,
        dtype: Any = None,
        context: Context | None = None,
    ) -> None:
        here(device)
        here(dtype)
        for name, value in {
            "max_norm": max_norm,
            "scale_grad_by_freq": scale_grad_by_freq,
            "sparse": sparse,
        }.items():
            if value:
                raise NotImplementedError(f"an Embedding with {name} is not there: leave it out")
        self.num_embeddings = size(num_embeddings, "num_embeddings")
        self.embedding_dim = size(embedding_dim, "embedding_dim")
        self.padding_idx = None
        if padding_idx is not None:
            index = size(padding_idx, "padding_idx", -num_embeddings)
            if index >= num_embeddings:
                raise ValueError(f"padding_idx is {index}: there are {num_embeddings} vectors")
            self.padding_idx = index % num_embeddings
        self._own(
            c.recur_embedding_create(settings.handle_of(context), num_embeddings, embedding_dim, 0),
            context,
        )
        self._clear_padding()

    def _clear_padding(self) -> None:
        if self.padding_idx is not None:
            self.params["weight"][self.padding_idx] = 0

    def extra_repr(self) -> str:
        """What stands in the brackets of repr()."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


class Lazy(Layer):
    """A module that learns its number of features from its neighbour in a Sequential, or from
    its first input."""

    flat = np.empty(0, np.float32)

    features: Any  # None until it is known

    def _plan(self, features: int | None, context: Context | None) -> None:
        self.__dict__.update(
            _layer=None,
            params={},
            _tensors=[],
            _parent=None,
            _grads=None,
            _seed=None,
            _context=None,
        )
        self.features = None
        self._planned, self._offset = context, 0
        self._ready()
        self._mode = c.RECUR_TAPE_TRAIN
        if features is not None:
            self.bind(size(features, "features"))

    def bind(self, features: int | None) -> Any:
        """Makes the layer, unless it is there."""
        if self.features is None:
            mode, seed = self._mode, self._seed
            if self._layer is not None:
                self.forget()
            self._own(
                self._create(settings.handle_of(self._planned), features), self._planned, init=False
            )
            self._mode, self.__dict__["features"] = mode, features
            self._seed = self._seed if seed is None else seed
        return self

    def _open(self) -> Any:
        if self._layer is None:
            self.require_features()
        return super()._open()

    def require_features(self) -> None:
        """What is written to a file has a number of features."""
        if self.features is None:
            raise RuntimeError(
                f"this {type(self).__name__} does not know its features: give features=, or put "
                "it behind another part of a Sequential"
            )

    def _form(self, x: Any) -> Any:
        if self._layer is None:
            shape = np.shape(data_of(x)) if not hasattr(data_of(x), "shape") else data_of(x).shape
            if not len(shape):
                raise ValueError(
                    f"x is a single number: {type(self).__name__} takes arrays whose last "
                    "dimension holds features"
                )
            self.bind(int(shape[-1]))
        self._open()
        return super()._form(x)

    def _set_mode(self, mode: str) -> None:
        if self._layer is None:
            self._mode = mode
        else:
            super()._set_mode(mode)

    def state_dict(self) -> dict[str, Any]:
        """What load_state_dict needs to go on from here."""
        return {}

    def release(self) -> None:
        """Gives the memory back; the object is of no use after it."""
        if self._layer is not None:
            super().release()


def refuse_inplace(inplace: bool) -> None:
    if inplace:
        raise NotImplementedError(
            "inplace=True: arrays of the caller's are never changed; leave it out"
        )


class Elementwise(Lazy):
    """A module that treats every number by itself. Where it was told no number of features, it
    takes arrays of any shape, and each one of another if you like."""

    def _form(self, x: Any) -> Any:
        if self.features is not None:
            return super()._form(x)
        if self._layer is None:
            self.bind(1)
            self.__dict__["features"] = None
        self._open()
        data = data_of(x)
        numbers = floats(data, "x")
        form = Numbers(x if data is not x else numbers)
        return np.ascontiguousarray(numbers.reshape(-1, 1)), False, form


class Dropout(Elementwise):
    """Zeroes each number with probability p in training, and divides the others by 1 - p.

    >>> import numpy as np, recur
    >>> drop = recur.Dropout(0.5)
    >>> sorted(set(drop(np.ones((50, 4), np.float32)).ravel().tolist()))
    [0.0, 2.0]
    >>> bool((drop.eval()(np.ones((5, 4), np.float32)) == 1).all())
    True
    """

    def __init__(
        self,
        p: float = 0.5,
        inplace: bool = False,
        *,
        features: int | None = None,
        context: Context | None = None,
    ) -> None:
        refuse_inplace(inplace)
        self.p = check_number(p, "p")
        if not 0 <= self.p < 1:
            raise ValueError(f"p is {p}: it must be at least 0 and below 1")
        self._plan(features, context)

    def _create(self, context: Context | None, features: int) -> Any:
        return c.recur_dropout_create(context, features, self.p)

    def extra_repr(self) -> str:
        """What stands in the brackets of repr()."""
        return f"p={self.p}"


class Activation(Elementwise):
    function = 0

    def __init__(
        self, inplace: bool = False, *, features: int | None = None, context: Context | None = None
    ) -> None:
        refuse_inplace(inplace)
        self._plan(features, context)

    def _create(self, context: Context | None, features: int) -> Any:
        return c.recur_activation_create(context, features, self.function)


class ReLU(Activation):
    """max(0, x)

    >>> import numpy as np, recur
    >>> recur.ReLU()(np.array([[-3.0, 0.0, 3.0]], np.float32)).round(2).tolist()
    [[0.0, 0.0, 3.0]]
    """

    function = c.RECUR_ACTIVATION_RELU


class Tanh(Activation):
    """tanh x

    >>> import numpy as np, recur
    >>> recur.Tanh()(np.zeros((2, 3), np.float32)).tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """

    function = c.RECUR_ACTIVATION_TANH


class Sigmoid(Activation):
    """1 / (1 + exp(-x))

    >>> import numpy as np, recur
    >>> recur.Sigmoid()(np.zeros((2, 3), np.float32)).tolist()
    [[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]
    """

    function = c.RECUR_ACTIVATION_SIGMOID


class HardSigmoid(Activation):
    """0.2 x + 0.5, between 0 and 1: ONNX' and Keras 2's; torch's Hardsigmoid is x/6 + 0.5

    >>> import numpy as np, recur
    >>> recur.HardSigmoid()(np.array([[-3.0, 0.0, 3.0]], np.float32)).round(2).tolist()
    [[0.0, 0.5, 1.0]]
    """

    function = c.RECUR_ACTIVATION_HARD_SIGMOID


class Softsign(Activation):
    """x / (1 + |x|)

    >>> import numpy as np, recur
    >>> recur.Softsign()(np.array([[-3.0, 0.0, 3.0]], np.float32)).round(2).tolist()
    [[-0.75, 0.0, 0.75]]
    """

    function = c.RECUR_ACTIVATION_SOFTSIGN


class Identity(Activation):
    """x

    >>> import numpy as np, recur
    >>> recur.Identity()(np.array([[-3.0, 0.0, 3.0]], np.float32)).round(2).tolist()
    [[-3.0, 0.0, 3.0]]
    """

    function = c.RECUR_ACTIVATION_IDENTITY


class SiLU(Activation):
    """x / (1 + exp(-x)), also called swish

    >>> import numpy as np, recur
    >>> recur.SiLU()(np.array([[0.0, 30.0]], np.float32)).tolist()
    [[0.0, 30.0]]
    """

    function = c.RECUR_ACTIVATION_SILU


class ELU(Activation):
    """x above 0, exp(x) - 1 below

    >>> import numpy as np, recur
    >>> recur.ELU()(np.array([[0.0, 3.0]], np.float32)).tolist()
    [[0.0, 3.0]]
    """

    function = c.RECUR_ACTIVATION_ELU

    def __init__(
        self,
        alpha: float = 1.0,
        inplace: bool = False,
        *,
        features: int | None = None,
        context: Context | None = None,
    ) -> None:
        if alpha != 1:
            raise NotImplementedError(f"alpha is {alpha}: an ELU has 1, leave it out")
        super().__init__(inplace, features=features, context=context)


class GELU(Activation):
    """x Φ(x), with the normal distribution Φ itself: PyTorch's approximate="none"

    >>> import numpy as np, recur
    >>> recur.GELU()(np.array([[0.0, 30.0]], np.float32)).tolist()
    [[0.0, 30.0]]
    """

    function = c.RECUR_ACTIVATION_GELU

    def __init__(
        self,
        approximate: str = "none",
        *,
        features: int | None = None,
        context: Context | None = None,
    ) -> None:
        if approximate != "none":
            raise NotImplementedError(
                f"approximate is {approximate!r}: a GELU computes the function itself, 'none'. "
                "Both are within 0.0005 of each other"
            )
        super().__init__(features=features, context=context)


class Positive(Activation):
    """x + 1/2 from 0 on, σ(x) below: g of Feng 2024

    >>> import numpy as np, recur
    >>> recur.Positive()(np.array([[0.0, 2.0]], np.float32)).tolist()
    [[0.5, 2.5]]
    """

    function = c.RECUR_ACTIVATION_POSITIVE


def refuse_without_affine(affine: bool) -> None:
    if not affine:
        raise NotImplementedError(
            "affine or elementwise_affine=False: weight and bias are always there. Leave it out, "
            "and give the optimizer the parameters of the other modules only: they stay 1 and 0"
        )


class LayerNorm(Layer):
    """Each row shifted and scaled to mean 0 and variance 1, then weight x + bias; over the last
    dimension.

    >>> import numpy as np, recur
    >>> recur.LayerNorm(2)(np.array([[1.0, 3.0]], np.float32)).round(2).tolist()
    [[-1.0, 1.0]]
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        context: Context | None = None,
    ) -> None:
        here(device)
        here(dtype)
        given: Any = normalized_shape
        shape = tuple(given) if hasattr(given, "__len__") else (given,)
        if len(shape) != 1:
            n = int(np.prod(shape))
            raise ValueError(
                f"normalized_shape is {shape}: only the last dimension is normalised. The same "
                f"numbers come from LayerNorm({n}) of x.reshape(-1, {n})"
            )
        refuse_without_affine(elementwise_affine)
        self.normalized_shape, self.eps = (
            (size(shape[0], "normalized_shape"),),
            check_number(eps, "eps"),
        )
        if self.eps <= 0:
            raise ValueError(f"eps is {self.eps}: it must be above 0")
        self.elementwise_affine, self.bias_used = True, bool(bias)
        flags = 0 if bias else c.RECUR_LAYER_NO_BIAS
        self._own(
            c.recur_norm_create(
                settings.handle_of(context), self.normalized_shape[0], self.eps, flags
            ),
            context,
        )

    def extra_repr(self) -> str:
        """What stands in the brackets of repr()."""
        return f"{self.normalized_shape}, eps={self.eps}, bias={self.bias_used}"


class RMSNorm(Layer):
    """Each row divided by its root mean square, then times weight; over the last dimension.

    >>> import numpy as np, recur
    >>> recur.RMSNorm(2)(np.array([[3.0, -3.0]], np.float32)).round(2).tolist()
    [[1.0, -1.0]]
    """

    def __init__(
        self,
        normalized_shape: int,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        context: Context | None = None,
    ) -> None:
        here(device)
        here(dtype)
        refuse_without_affine(elementwise_affine)
        given: Any = normalized_shape
        shape = tuple(given) if hasattr(given, "__len__") else (given,)
        if len(shape) != 1:
            raise ValueError(f"normalized_shape is {shape}: only the last dimension is normalised")
        self.normalized_shape = (size(shape[0], "normalized_shape"),)
        self.eps = float(np.finfo(np.float32).eps) if eps is None else check_number(eps, "eps")
        if self.eps <= 0:
            raise ValueError(f"eps is {self.eps}: it must be above 0")
        self._own(
            c.recur_rms_norm_create(
                settings.handle_of(context), self.normalized_shape[0], self.eps
            ),
            context,
        )

    def extra_repr(self) -> str:
        """What stands in the brackets of repr()."""
        return f"{self.normalized_shape}, eps={self.eps}"


class Channels(Layer):
    """Base of layers whose rows are [channels][length]."""

    channels: int
    length: int

    def _take(self, channels: int, length: int) -> None:
        self.channels, self.length = size(channels, "channels"), size(length, "length")

    def extra_repr(self) -> str:
        """What stands in the brackets of repr()."""
        return f"{self.channels}, length={self.length}"


class GroupNorm(Channels):
    """Each of the groups of a row's channels shifted and scaled to mean 0 and variance 1, then
    weight x + bias, with a weight and a bias for each channel.

    x [..., num_channels * length] gives y of the same shape: the features are last, as everywhere
    here. For x [N, C, L] of PyTorch, length=L takes x.reshape(N, C * L).

    >>> import numpy as np, recur
    >>> recur.GroupNorm(2, 4)(np.array([[1.0, 3.0, 2.0, 6.0]], np.float32)).round(2).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        length: int = 1,
        context: Context | None = None,
    ) -> None:
        here(device)
        here(dtype)
        refuse_without_affine(affine)
        self._take(num_channels, length)
        self.num_groups, self.eps = size(num_groups, "num_groups"), check_number(eps, "eps")
        if self.eps <= 0:
            raise ValueError(f"eps is {self.eps}: it must be above 0")
        self._own(
            c.recur_group_norm_create(
                settings.handle_of(context), self.channels, self.length, self.num_groups, self.eps
            ),
            context,
        )

    def extra_repr(self) -> str:
        """What stands in the brackets of repr()."""
        return f"{self.num_groups}, {super().extra_repr()}, eps={self.eps}"


class Affine(Channels):
    """weight x + bias, with a weight and a bias for each channel: a batch normalisation that is
    no longer trained.

    x [..., channels * length] gives y of the same shape.

    >>> import numpy as np, recur
    >>> recur.Affine(2)(np.array([[1.0, 3.0]], np.float32)).tolist()
    [[1.0, 3.0]]
    """

    def __init__(
        self, channels: int, length: int = 1, bias: bool = True, *, context: Context | None = None
    ) -> None:
        self._take(channels, length)
        self.bias_used = bool(bias)
        flags = 0 if bias else c.RECUR_LAYER_NO_BIAS
        self._own(
            c.recur_affine_create(settings.handle_of(context), self.channels, self.length, flags),
            context,
        )

    def extra_repr(self) -> str:
        """What stands in the brackets of repr()."""
        return f"{super().extra_repr()}, bias={self.bias_used}"


class PReLU(Channels):
    """x where it is above 0, else weight x, with a weight for each channel.

    x [..., num_parameters * length] gives y of the same shape: one weight for rows of 8 numbers
    is PReLU(1, length=8).

    >>> import numpy as np, recur
    >>> recur.PReLU(2)(np.array([[-1.0, 3.0]], np.float32)).tolist()
    [[-0.25, 3.0]]
    """

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        *,
        length: int = 1,
        context: Context | None = None,
    ) -> None:
        self._take(num_parameters, length)
        self._own(
            c.recur_prelu_create(settings.handle_of(context), self.channels, self.length), context
        )
        self.params["weight"][...] = check_number(init, "init")


class Softmax(Lazy):
    """exp(x) / sum of exp(x), over the last dimension.

    >>> import numpy as np, recur
    >>> recur.Softmax()(np.zeros((1, 4), np.float32)).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """

    dim = -1

    def __init__(
        self, dim: int = -1, *, features: int | None = None, context: Context | None = None
    ) -> None:
        self.dim = size(dim, "dim", -1)  # of the last dimension: -1, or its number in all inputs
        self._plan(features, context)

    def _create(self, context: Context | None, features: int) -> Any:
        return c.recur_softmax_create(context, features)

    def _form(self, x: Any) -> Any:
        if self.dim != -1 and (hasattr(x, "batch_sizes") or self.dim != np.ndim(x) - 1):
            raise NotImplementedError(
                f"Softmax(dim={self.dim}) of an array with {np.ndim(data_of(x))} dimensions: it "
                "goes over the last one, Softmax(-1). Swap dimensions before, y.swapaxes(...)"
            )
        return super()._form(x)

    def extra_repr(self) -> str:
        """What stands in the brackets of repr()."""
        return f"dim={self.dim}"


WAYS = {
    "sum": c.RECUR_MERGE_SUM,
    "mean": c.RECUR_MERGE_MEAN,
    "multiply": c.RECUR_MERGE_MULTIPLY,
    "gate": c.RECUR_MERGE_GATE,
    "magnitude": c.RECUR_MERGE_MAGNITUDE,
}


class Merge(Lazy):
    """Joins the two halves a and b of each row, such as both directions of a layer, into one:
    "sum", "mean", "multiply", "gate" (a σ(b), a gated linear unit) or "magnitude" (√(a² + b²)).

    x [..., 2 n] gives y [..., n].

    >>> import numpy as np, recur
    >>> recur.Merge("sum")(np.array([[1.0, 2.0, 10.0, 20.0]], np.float32)).tolist()
    [[11.0, 22.0]]
    """

    def __init__(
        self, way: str = "sum", *, features: int | None = None, context: Context | None = None
    ) -> None:
        if not isinstance(way, str) or way not in WAYS:
            raise ValueError(f"way is {way!r}: it is one of {', '.join(WAYS)}")
        self.way = way
        self._plan(features, context)

    def _create(self, context: Context | None, features: int) -> Any:
        return c.recur_merge_create(context, features, WAYS[self.way])

    def extra_repr(self) -> str:
        """What stands in the brackets of repr()."""
        return f"way={self.way!r}"


DIRECTIONS = {
    "forward": c.RECUR_DIRECTION_FORWARD,
    "reverse": c.RECUR_DIRECTION_REVERSE,
    "bidirectional": c.RECUR_DIRECTION_BIDIRECTIONAL,
}


def direction_of(bidirectional: bool, direction: str | None) -> str:
    if direction is None:
        return "bidirectional" if bidirectional else "forward"
    if direction not in DIRECTIONS or bidirectional and direction != "bidirectional":
        raise ValueError(
            f"direction is {direction!r}: it is 'forward', 'reverse' or 'bidirectional'"
        )
    return direction


class Last(Lazy):
    """One row for each sequence: what all of it has been seen by. Of a bidirectional layer's
    rows the first half comes from the last step, the second half from the first. Inside a
    Sequential it follows the layer before it.

    x [T][B][F] gives y [B][F].

    >>> import numpy as np, recur
    >>> x = np.arange(6, dtype=np.float32).reshape(3, 2, 1)
    >>> recur.Last()(x).tolist()
    [[4.0], [5.0]]
    """

    over_time = True

    def __init__(
        self,
        bidirectional: bool | str | None = None,
        *,
        direction: str | None = None,
        batch_first: bool = False,
        features: int | None = None,
        context: Context | None = None,
    ) -> None:
        self.direction = None
        if isinstance(bidirectional, str):
            bidirectional, direction = None, bidirectional
        if bidirectional is not None or direction is not None:
            self.direction = direction_of(bool(bidirectional), direction)
        self.batch_first = bool(batch_first)
        self._plan(features, context)

    def _create(self, context: Context | None, features: int) -> Any:
        return c.recur_last_create(context, features, DIRECTIONS[self.direction or "forward"])

    def extra_repr(self) -> str:
        """What stands in the brackets of repr()."""
        return f"direction={self.direction or 'forward'!r}"
