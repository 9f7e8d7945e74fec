"""Writes recur-sys/src/declarations.rs from the public C headers.

    python tools/declarations.py          rewrites it
    python tools/declarations.py --check  says whether it is up to date

The headers are read by the reader of the Python package (bindings/python/tools/headers.py).
"""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "python" / "tools"))

import headers  # noqa: E402

TARGET = HERE.parent / "recur-sys" / "src" / "declarations.rs"
PLAIN = {
    "int32_t": "i32", "uint32_t": "u32", "int64_t": "i64", "uint64_t": "u64", "size_t": "usize",
    "float": "f32", "double": "f64", "char": "core::ffi::c_char", "void": "core::ffi::c_void",
    "int": "core::ffi::c_int", "unsigned char": "u8", "recur_status": "recur_status",
}
WORDS = {"type": "r#type", "in": "r#in", "ref": "r#ref", "loop": "r#loop", "match": "r#match"}
# The members of structs that are pointers to functions.
FUNCTIONS = {
    "alloc": "Option<unsafe extern \"C\" fn(*mut core::ffi::c_void, usize, usize)"
             " -> *mut core::ffi::c_void>",
    "free": "Option<unsafe extern \"C\" fn(*mut core::ffi::c_void, *mut core::ffi::c_void, usize)>",
}


def rust_type(ctype: str) -> str:
    """'const float *' is *const f32, 'recur_layer *const *' is *const *mut recur_layer."""
    if ctype in ("recur_trace_function *", "recur_exchange_function *"):
        return ctype[:-2]
    words = ctype.replace("*", " * ").split()
    const = words[0] == "const"
    words = words[const:]
    base = []
    while words and words[0] not in ("*", "const"):
        base.append(words.pop(0))
    name = " ".join(base)
    found = PLAIN.get(name) or (name if name.startswith("recur_") else None)
    if found is None:
        raise ValueError(f"the type {ctype!r} was not understood")
    for word in words:
        if word == "*":
            found = ("*const " if const else "*mut ") + found
            const = False
        elif word == "const":
            const = True
        else:
            raise ValueError(f"the type {ctype!r} was not understood")
    return found


# The function types of the headers, which are only pointed to.
TRACE = ("pub type recur_trace_function =\n    Option<unsafe extern \"C\" fn(*const recur_trace, "
         "*mut core::ffi::c_void)>;")
EXCHANGE = ("pub type recur_exchange_function =\n    Option<unsafe extern \"C\" fn(*mut "
            "core::ffi::c_void, i32, i64, *const f32, i64, *mut f32) -> recur_status>;")


def named(name: str) -> str:
    return WORDS.get(name, name)


def text() -> str:
    source = headers.source()
    out = ["// Written by tools/declarations.py from the headers, not by hand.", "",
           "pub type recur_status = i32;", TRACE, EXCHANGE, ""]
    for name, value in headers.constants(source).items():
        kind = "u32" if value > 0x7FFFFFFF else "i32"
        out.append(f"pub const {name}: {kind} = {value};")
    for name in headers.handles(source):
        out += ["", "#[repr(C)]", f"pub struct {name} {{", "    _private: [u8; 0],", "}"]
    for name, members in headers.structs(source).items():
        out += ["", "#[repr(C)]", "#[derive(Clone, Copy)]", f"pub struct {name} {{"]
        for ctype, member, length in members:
            kind = FUNCTIONS[member] if ctype == "function" else rust_type(ctype)
            out.append(f"    pub {named(member)}: {f'[{kind}; {length}]' if length else kind},")
        out.append("}")
    out += ["", "extern \"C\" {"]
    for name, (ret, args) in headers.functions(source).items():
        given = ", ".join(f"{named(n)}: {rust_type(t)}" for t, n in args)
        back = "" if ret == "void" else f" -> {rust_type(ret)}"
        out.append(f"    pub fn {name}({given}){back};")
    return "\n".join(out + ["}"]) + "\n"


def main() -> int:
    new = text()
    if "--check" in sys.argv[1:]:
        same = TARGET.exists() and TARGET.read_text() == new
        print(f"{TARGET.name}: " + ("up to date" if same else
                                   "the headers say something else; run tools/declarations.py"))
        return 0 if same else 1
    TARGET.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
