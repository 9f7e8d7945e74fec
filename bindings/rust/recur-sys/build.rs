//! Finds librecur: in the folder that RECUR_LIB_DIR names, else as pkg-config says, else in the
//! checkout around this crate, if it was built there.

use std::env;
use std::path::Path;
use std::process::Command;

/// Where pkg-config finds recur.
fn installed() -> Option<String> {
    let run = Command::new("pkg-config")
        .args(["--variable=libdir", "recur"])
        .output()
        .ok()?;
    let folder = String::from_utf8(run.stdout).ok()?.trim().to_string();
    (run.status.success() && !folder.is_empty()).then_some(folder)
}

fn main() {
    let checkout = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap()).join("../../../lib");
    let folder = env::var("RECUR_LIB_DIR").ok().or_else(installed);
    let folder = folder.unwrap_or_else(|| checkout.display().to_string());
    println!("cargo:rerun-if-env-changed=RECUR_LIB_DIR");
    println!("cargo:rustc-link-search=native={folder}");
    println!("cargo:rustc-link-lib=dylib=recur");
    println!("cargo:lib_dir={folder}"); // DEP_RECUR_LIB_DIR of crates that depend on this one
}
