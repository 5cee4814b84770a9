//! What depends on the processor: a jump that replaces the stack, and code made visible.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
pub(crate) use aarch64::{callee_saved_registers, read_any, resume_at, synchronize_instructions};
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::{callee_saved_registers, read_any, resume_at, synchronize_instructions};

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("only x86-64 and aarch64 are supported");
