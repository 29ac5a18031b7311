//! Hands the versions of the lock file to the program, which says them when it listens.

use std::fs;

fn main() {
    println!("cargo::rerun-if-changed=Cargo.lock");
    let lock = fs::read_to_string("Cargo.lock").expect("the lock file lies beside the manifest");
    for name in ["socketioxide", "axum", "tokio"] {
        let head = format!("name = \"{name}\"\nversion = \"");
        let version = lock
            .split_once(&head)
            .and_then(|(_, rest)| rest.split('"').next());
        let version = version.expect("every dependency stands in the lock file");
        println!("cargo::rustc-env={}_VERSION={version}", name.to_uppercase());
    }
}
