//! librecur as C has it. `tools/declarations.py` writes the declarations from the headers, whose
//! comments say what each function does; the crate `recur` has safe names for them.
#![no_std]
#![allow(non_camel_case_types)]

include!("declarations.rs");
