//! Stacks from a pool.
//!
//! A [`StackPool`] owns the memory of many stacks and lends them out one by one as [`Stack`]s. Each has
//! a guard below it.
//!
//! This crate knows nothing of WebAssembly, nor of what runs on a stack and how it is switched to:
//! that is in the runtime (`vm/stack_switch` and `vm/sys/arch`), because a switch saves what only the
//! runtime knows of.

#[cfg(not(target_os = "linux"))]
compile_error!("threadline-fiber maps and guards its stacks by Linux system calls");

mod config;
mod error;
mod guard;
mod pool;
mod sanitizer;
mod stack;

pub use config::PoolConfig;
pub use error::PoolError;
pub use guard::GuardMethod;
pub use pool::{PoolStats, StackPool};
pub use sanitizer::forget_frames_below;
pub use stack::{Stack, StackBounds};
