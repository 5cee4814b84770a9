//! What a guest can make its host take, or do, is bounded: memory, time, address space, messages.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod deadlock_report;
mod defaults;
mod fuel;
mod guest;
mod traps;
mod waits;
