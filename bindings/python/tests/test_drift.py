"""The tables of recur/_api.py against the headers, and against what the C compiler sees of them."""

import ctypes
import importlib.util
import re

import pytest
from conftest import HERE, ROOT

from recur import _api, c
from recur._structs import STRUCTS

ABI = ROOT / "tests" / "abi" / "recur.abi"
spec = importlib.util.spec_from_file_location("headers", HERE.parent / "tools" / "headers.py")
headers = importlib.util.module_from_spec(spec)
spec.loader.exec_module(headers)

needs_headers = pytest.mark.skipif(not (ROOT / "include" / "recur.h").exists(), reason="no headers here")
needs_abi = pytest.mark.skipif(not ABI.exists(), reason="no ABI file here")


def lines(kind):
    return [line.split(None, 1)[1] for line in ABI.read_text().splitlines() if line.startswith(kind + " ")]


@needs_headers
def test_tables_are_those_of_the_headers():
    assert headers.TABLE.read_text() == headers.table(), "run tools/headers.py"


def change(text, old, new):
    assert old in text
    return text.replace(old, new, 1)


@needs_headers
@pytest.mark.parametrize(
    "old, new",
    [
        ("int64_t recur_packed_length(const recur_packed *packed", "int32_t recur_packed_length(const recur_packed *packed"),
        ("RECUR_E_SHAPE = -2", "RECUR_E_SHAPE = -12"),
        ("int32_t top_k;", "int64_t top_k;"),
        ("recur_tape_reset(recur_tape *tape)", "recur_tape_reset(recur_tape *tape, int32_t how)"),
        ("RECUR_API uint32_t recur_version(void);", "RECUR_API uint32_t recur_version(void); RECUR_API void recur_new(void);"),
    ],
)
def test_a_changed_header_is_noticed(old, new):
    text = headers.source()
    changed = change(text, old, new)
    parts = lambda t: (headers.functions(t), headers.constants(t), headers.structs(t))  # noqa: E731
    assert parts(text) == (_api.FUNCTIONS, _api.CONSTANTS, _api.STRUCTS)
    assert parts(changed) != parts(text)


@needs_abi
def test_every_function_of_the_abi_file_is_there():
    wanted = {re.sub(r"\s+", "", line) for line in lines("function")}
    assert {re.sub(r"\s+", "", f.prototype) for f in c.FUNCTIONS.values()} == wanted


@needs_abi
def test_every_constant_has_the_compiler_s_value():
    values = dict(line.rsplit(" ", 1) for line in lines("value"))
    assert {k: str(v) for k, v in _api.CONSTANTS.items()} == values


@needs_abi
@pytest.mark.skipif(ctypes.sizeof(ctypes.c_void_p) != 8, reason="the ABI file is for 64-bit pointers")
def test_structs_lie_as_the_compiler_lays_them():
    sizes = {name: int(size) for name, size in (line.split() for line in lines("struct"))}
    assert {name: ctypes.sizeof(kind) for name, kind in STRUCTS.items()} == sizes
    members = {}
    for line in lines("member"):
        path, offset, size = line.split()
        members[path] = (int(offset), int(size))
    ours = {}
    for name, kind in STRUCTS.items():
        for member, _ in kind._fields_:
            field = getattr(kind, member)
            ours[f"{name}.{member}"] = (field.offset, field.size)
    assert ours == members


def test_every_pointer_argument_has_types():
    for name, raw in c.RAW.items():
        ret, args = _api.FUNCTIONS[name]
        assert len(raw.argtypes) == len(args)
        if ret.endswith("*") and "char" not in ret:
            assert raw.restype is ctypes.c_void_p, "pointers must not be cut to 32 bits"


def test_every_array_argument_has_a_size_rule():
    special = {"recur_file_write_memory", "recur_tape_trace", "recur_shards_create"}
    for name, function in c.FUNCTIONS.items():
        arrays = [
            arg
            for ctype, arg, out in function.plan
            if not out and re.fullmatch(r"(const )?(float|int32_t|int64_t|void) \*|.*\*const \*", ctype)
        ]
        if arrays and name not in special:
            assert function.size_rule is not None, f"{name} takes {arrays} and nobody checks how long they are"


def test_every_function_is_reachable():
    for name in _api.FUNCTIONS:
        assert callable(getattr(c, name))
    for name in _api.CONSTANTS:
        assert getattr(c, name) == _api.CONSTANTS[name]
