//! What depends on the processor: jumps and calls that change the stack, and code made visible.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
use aarch64 as arch;
#[cfg(target_arch = "x86_64")]
use x86_64 as arch;

pub(crate) use arch::{
    RESUMER_OFFSET, call_and_switch, call_on_host_stack, callee_saved_registers, place_call,
    read_any, resume_at, switch_to_guest, synchronize_instructions,
};

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("only x86-64 and aarch64 are supported");
