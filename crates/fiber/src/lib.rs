//! Stacks from a pool, and switching between them.
//!
//! A [`StackPool`] owns the memory of many stacks and lends them out one by one
//! as [`Stack`]s; a [`Fiber`] runs a closure on such a stack and can be suspended
//! in the middle of it.
//!
//! This crate knows nothing of WebAssembly. What a fiber is a thread *of*, what
//! must be saved when it is switched away from, and which one runs next are
//! decided above.
//!
//! # Switching between two fibers
//!
//! A fiber is resumed by someone and suspends to whoever resumed it. To go from
//! fiber A to fiber B, A suspends with a value that names B, and the loop that
//! resumed A resumes B; or A [hops](Suspender::hop) to B, which takes its place:
//! that is one switch instead of two, and what B returns through is predicted if
//! A has called the same (see `switch.rs`).
//!
//! # A fiber that is dropped while suspended
//!
//! See [`Fiber`]: dropping unwinds, which needs unwind information for every
//! frame on the stack; [`Fiber::abandon`] takes the stack away without running
//! anything, which needs a promise.

#[cfg(not(target_os = "linux"))]
compile_error!("threadline-fiber maps and guards its stacks by Linux system calls");

mod config;
mod error;
mod fiber;
mod guard;
mod pool;
mod sanitizer;
mod stack;
mod switch;

pub use config::PoolConfig;
pub use error::PoolError;
pub use fiber::{Fiber, HopTarget, SendFiber, Step, Suspender};
pub use guard::GuardMethod;
pub use pool::{PoolStats, StackPool};
pub use sanitizer::forget_frames_below;
pub use stack::{Stack, StackBounds};
