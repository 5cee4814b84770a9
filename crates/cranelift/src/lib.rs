//! Turns translated WebAssembly into machine code with Cranelift.

#![forbid(unsafe_code)]

mod func_name;
mod intrinsic;
mod signature;
mod trap;
mod vm_access;
mod wasm;
