//! A WebAssembly component runtime with cheap concurrency.
#![deny(unsafe_code)]

mod bug;
mod code;
mod concurrent;
mod trap;
mod vm;

pub use bug::Bug;
pub use trap::{FrameInfo, Trap, WasmBacktrace};
