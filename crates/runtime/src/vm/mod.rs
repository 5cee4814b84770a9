//! The runtime's unsafe half: entering and leaving wasm, traps, and the memory behind it all.
#![allow(
    unsafe_code,
    reason = "raw contexts and machine code are handled here and only here"
)]

mod activation;
mod backtrace;
mod entry;
mod host_call;
mod store_state;
mod sys;

pub(crate) use entry::{HostToWasm, ThreadKind, call_wasm};
pub(crate) use host_call::{Raised, catch, raise, trap};
pub(crate) use store_state::{DEFAULT_MAX_WASM_STACK, VmStoreState};
pub(crate) use sys::{Mapping, page_size};
