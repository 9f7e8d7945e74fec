"""Models of other frameworks. Their packages are needed only when one of these is called."""


def from_torch(module, *, verify=True):
    """A recur module with the weights of a torch one."""
    from . import pytorch

    return pytorch.from_torch(module, verify)


def to_torch(module, *, verify=True):
    """A torch module with the weights of a recur one."""
    from . import pytorch

    return pytorch.to_torch(module, verify)


def to_onnx(module, path=None, *, states=False, lengths=False, opset=17, verify=True):
    """Writes a module as an ONNX model, and gives the model. The batch and the number of steps stay open.

    states: the initial state is an input (h0, c0), else zeros. lengths: the number of steps of each sequence is an input.
    """
    from . import onnx_export

    more = {"states": states, "lengths": lengths, "opset": opset, "verify": verify}
    return onnx_export.to_onnx(module, path, **more)


def from_onnx(model, constants=None, *, outputs=None, verify=True):
    """A recur module from an ONNX file or model.

    Every node that an output depends on has to be explained by the module, or the model is refused.
    """
    from . import onnx_import

    return onnx_import.from_onnx(model, constants, outputs, verify)


def from_keras(weights, config, *, logits=False, verify=True):
    """A recur module from Keras' arrays (get_weights()) and configuration (serialize)."""
    from . import keras

    return keras.from_keras(weights, config, logits=logits, verify=verify)
