//! Programs of this crate find the library where recur-sys found it.

fn main() {
    if let Ok(folder) = std::env::var("DEP_RECUR_LIB_DIR") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    }
}
