"""Keras' models as configuration and arrays: from a model, a .keras file, or an .h5 file. Keras is
not needed for files, but h5py is, with which Keras wrote them."""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from typing import Any

import numpy as np


class Source:
    """A model: its configuration, its arrays in the order of get_weights(), the version of Keras (2
    or 3) or None, and the Keras model itself if there is one."""

    def __init__(self, config: Any, arrays: Any, version: int | None, model: Any = None) -> None:
        self.config, self.arrays, self.version, self.model = config, list(arrays), version, model


def source_of(model: Any, config: Any) -> Source:
    if config is not None:
        return Source(config, model, None)
    if isinstance(model, (str, os.PathLike)):
        return from_file(os.fspath(model))
    if hasattr(model, "get_weights") and hasattr(model, "get_config"):
        return from_model(model)
    raise TypeError(
        "from_keras takes a Keras model or layer, the path of a .keras or .h5 file, or the arrays "
        f"of get_weights() together with config, not a {type(model).__name__}"
    )


def from_model(model: Any) -> Source:
    import importlib

    package = type(model).__module__.partition(".")[0]
    registered = type(model).__mro__
    known = [k.__module__.partition(".")[0] for k in registered]
    package = next((k for k in known if k in ("keras", "tf_keras", "tensorflow")), package)
    if package not in ("keras", "tf_keras"):
        raise TypeError(f"a model of {package} is not understood: a model of keras is")
    keras = importlib.import_module(package)
    if not model.get_weights() and not getattr(model, "built", True):
        raise ValueError("the Keras model is not built, so it has no arrays yet: call it first")
    config = keras.layers.serialize(model)
    return Source(config, model.get_weights(), major(keras.__version__), model)


def major(version: Any) -> int | None:
    text = version.decode() if isinstance(version, bytes) else str(version or "")
    found = re.match(r"\d+", text)
    return int(found.group()) if found else None


def from_file(path: str) -> Source:
    try:
        import h5py  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError as error:
        raise ImportError("files of Keras hold their arrays as HDF5: pip install h5py") from error
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            for needed in ("config.json", "model.weights.h5"):
                if needed not in names:
                    raise ValueError(f"{path} is no .keras file: it has no {needed}")
            config = json.loads(archive.read("config.json"))
            version = major(json.loads(archive.read("metadata.json")).get("keras_version"))
            with h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as file:
                return Source(config, arrays_of(config, file), version)
    if not h5py.is_hdf5(path):
        raise ValueError(f"{path} is neither a .keras file nor an .h5 file")
    with h5py.File(path, "r") as file:
        return whole_h5(path, file)


def whole_h5(path: str, file: Any) -> Source:
    """The older format: a configuration as an attribute, and the arrays of each layer by name."""
    if "model_config" not in file.attrs or "model_weights" not in file:
        raise ValueError(f"{path} has weights without a configuration: save the whole model")
    text = file.attrs["model_config"]
    config = json.loads(text.decode() if isinstance(text, bytes) else text)
    group, arrays = file["model_weights"], []
    for name in group.attrs["layer_names"]:
        layer = group[text_of(name)]
        arrays += [np.asarray(layer[text_of(n)]) for n in layer.attrs["weight_names"]]
    return Source(config, arrays, major(file.attrs.get("keras_version")))


def text_of(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


# ---- the groups of a .keras file ----------------------------------------------------------------


def arrays_of(spec: Any, group: Any) -> list[Any]:
    """The arrays of a layer in the order of get_weights(). The group of a model has one for each
    layer, numbered by the name of its class; that of a wrapper one for each layer inside."""
    config = spec.get("config") or {}
    if isinstance(config.get("layers"), list):
        return in_models(config["layers"], group["layers"] if "layers" in group else {})
    if spec["class_name"] == "Bidirectional":
        forward = config["layer"]
        backward = config.get("backward_layer") or forward
        return arrays_of(forward, group["forward_layer"]) + arrays_of(
            backward, group["backward_layer"]
        )
    if isinstance(config.get("layer"), dict):
        return arrays_of(config["layer"], group["layer"])
    if "cell" in group:
        return cells_of(group["cell"])
    return own(group)


def own(group: Any) -> list[Any]:
    found = group["vars"] if "vars" in group else {}
    return [np.asarray(found[name]) for name in sorted(found, key=int)]


def cells_of(group: Any) -> list[Any]:
    """The arrays of one cell, or of several."""
    if "cells" not in group:
        return own(group)
    names = sorted(group["cells"], key=lambda n: int((re.findall(r"_(\d+)$", n) or ["0"])[0]))
    return [a for name in names for a in own(group["cells"][name])]


def in_models(specs: Any, group: Any) -> list[Any]:
    used: dict[str, int] = {}
    found = []
    for spec in specs:
        name = snake(spec["class_name"])
        count = used.get(name, 0)
        used[name] = count + 1
        name = f"{name}_{count}" if count else name
        if name in group:
            found += arrays_of(spec, group[name])
    return found


def snake(name: str) -> str:
    """Keras' name of a class in a file: LSTM is lstm, Conv1D conv1d, LayerNormalization
    layer_normalization."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
