//! Host functions that are tasks of the host, and calls that go on together.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]
#![allow(missing_docs, reason = "tests")]

mod abandoned;
mod async_io;
mod async_lowering;
mod blame;
mod calls;
mod cancel;
mod deadlocks;
mod executors;
mod failed_elements;
mod failures;
mod host_to_host;
mod linked;
mod pending;
mod setup;
mod streams;
