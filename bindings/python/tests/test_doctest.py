"""The examples in docstrings run, every public name has one, and `dir` and `__all__` are tidy."""

import builtins
import doctest
import importlib
import inspect
import pkgutil
import types
import warnings

import pytest

import recur

MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(recur.__path__, "recur.")
    if not name.startswith("recur.convert.")  # they need packages that may be absent
    and name != "recur.librecur"  # the library of an installed package
]
PUBLIC = [
    name
    for name in recur.__all__
    if not isinstance(getattr(recur, name), (types.ModuleType, str))
]


@pytest.mark.parametrize("name", ["recur", *MODULES])
def test_examples_in_docstrings(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of float64 arrays, which examples may have
        result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_are_explained(name):
    thing = getattr(recur, name)
    assert thing.__doc__ and thing.__doc__.strip()
    if not (inspect.isclass(thing) and issubclass(thing, Exception)):
        assert ">>>" in thing.__doc__


def test_star_import_shadows_nothing():
    names = {}
    exec("from recur import *", names)
    names.pop("__builtins__")
    assert not set(names) & set(dir(builtins))
    assert set(names) == set(recur.__all__) == {n for n in dir(recur) if not n.startswith("__")}


def test_dir_of_a_module_knows_its_parts():
    net = recur.Sequential({"rnn": recur.GRU(2, 3), "fc": recur.Linear(3, 1)})
    assert {"rnn", "fc", "parameters"} <= set(dir(net))
    assert "weight_ih_l0" in dir(net.rnn)
