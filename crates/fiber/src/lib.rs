//! Stacks from a pool, and switching between them.
//!
//! A [`StackPool`] owns the memory of many stacks and lends them out one by one
//! as [`Stack`]s; a [`Fiber`] runs a closure on such a stack and can be suspended
//! in the middle of it. The switch itself is `corosensei`'s; ours are the
//! memory, the guard pages, and the contract for fibers that never finish.
//!
//! This crate knows nothing of WebAssembly. What a fiber is a thread *of*, what
//! must be saved when it is switched away from, and which one runs next are
//! decided above.
//!
//! # Switching between two fibers
//!
//! A fiber is resumed by someone and suspends to whoever resumed it. To go from
//! fiber A to fiber B, A suspends with a value that names B, and the loop that
//! resumed A resumes B. That takes two switches, which together cost 4 ns with two
//! fibers and 7 ns with a thousand taking turns (`benches/switch.rs`): both are a
//! `call` matched by a `ret`, so the processor predicts them, and the loop's frame
//! stays in the first-level cache. Jumping from stack to stack would save at most
//! half of it and needs assembly of our own, because `corosensei` links each fiber
//! to its resumer. There is no primitive for the loop here either, because it *is*
//! the scheduler's: only that knows what a value that names a fiber looks like.
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
mod stack;

pub use config::PoolConfig;
pub use error::PoolError;
pub use fiber::{Fiber, SendFiber, Step, Suspender};
pub use guard::GuardMethod;
pub use pool::{PoolStats, StackPool};
pub use stack::{Stack, StackBounds};
