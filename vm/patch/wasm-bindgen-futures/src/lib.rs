//! An empty crate that lets wasmer and libp2p stand in one lock file.
//!
//! `libp2p-swarm` 0.48.0 pins `wasm-bindgen-futures` to `=0.4.58`, and through it `wasm-bindgen` to `=0.2.108`;
//! wasmer 7.4 asks for `wasm-bindgen` 0.2.120 or newer. Both need them only when they are built for a browser, but
//! cargo resolves the versions of every target at once and finds none. A node does not run in a browser, so this
//! crate, named by `[patch.crates-io]` in the workspace's `Cargo.toml`, takes the place of the pinned one. It is never
//! compiled. Remove it together with the patch when libp2p loosens its pin.

#[cfg(target_family = "wasm")]
compile_error!("the node is not built for WebAssembly: see the text at the top of this file");
