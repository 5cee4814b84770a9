//! Turns translated WebAssembly into machine code with Cranelift.
//!
//! The way in is [`Compiler`]; what comes out is a
//! [`CodeImage`](threadline_environ::artifact::CodeImage), plain data that a runtime can load
//! without this crate. A running store is unknown here.

#![forbid(unsafe_code)]

mod budget;
mod compiler;
#[cfg(feature = "disassemble")]
pub mod disassemble;
mod func_name;
mod image;
mod intrinsic;
mod isa;
mod merges;
mod optimization;
mod register_allocation;
mod signature;
mod trampoline;
mod trap;
mod vm_access;
mod wasm;

pub use budget::Budget;
pub use compiler::{Compiler, CompilerConfig};
