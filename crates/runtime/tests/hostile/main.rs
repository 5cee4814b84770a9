//! Guests that try hard to hurt the host, and hosts that are careless: whatever they do, it is a
//! trap, an error or the host's own panic, and the process goes on.

mod addresses;
mod canonical;
mod ownership;
mod panics;
mod recursion;
mod slots;
mod stores;
mod tables;

use threadline::{Config, ContextLowering, Engine, Trap};

/// An engine for each lowering.
fn engines() -> impl Iterator<Item = Engine> {
    ContextLowering::ALL.into_iter().map(|lowering| {
        Engine::new(Config::new().context_lowering(lowering)).expect("this host is supported")
    })
}

/// The trap behind an error.
#[track_caller]
fn trap<T>(result: anyhow::Result<T>) -> Trap {
    match result {
        Ok(_) => panic!("it doesn't trap"),
        Err(error) => match error.downcast_ref() {
            Some(&trap) => trap,
            None => panic!("no trap: {error:?}"),
        },
    }
}
