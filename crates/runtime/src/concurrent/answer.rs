//! What a built-in that may switch threads leaves to be done when its thread goes on.
//!
//! The host runs below the frames of the function that resumed the guest's thread, never on the
//! guest's own stack (`vm::stack_switch`). So a built-in whose thread blocks returns like any other
//! function: it says [`Answer::Blocked`], and names by an [`After`] what is left. When the thread goes
//! on, [`StoreOpaque::complete`] does that, and gives the guest its result.

use super::call::{self, TaskCall};
use super::turn::Ran;
use super::waitable::{self, Cancellation, EventUse};
use crate::bug::bail_bug;
use crate::store::StoreOpaque;
use crate::trap::Trap as GuestTrap;
use crate::vm::{ComponentInstancePtr, GuestStackPtr, val_raw};
use anyhow::Result;
use threadline_concurrent::{Outcome, SubtaskId};
use threadline_environ::layout::ValRaw;

/// What a built-in has come to.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Answer {
    /// It is done. The guest goes on with this word, or, where results are in slots, with these.
    Done(u64),
    /// The current thread has blocked: another thread is current, or none.
    Blocked(After),
    /// The host is waited for: everything in the store waits, and nothing has been decided.
    Waits(After),
}

/// The answer of a built-in whose results are in slots: success.
pub(crate) const DONE: Answer = Answer::Done(1);

/// What is left to do for the guest when a thread goes on.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) enum After {
    /// Nothing.
    #[default]
    Nothing,
    /// `thread.*`: the result is 0.
    Switched,
    /// The future of a host function is polled again. This is the business of `vm::stack_switch`.
    HostFuture(HostFunction),
    /// A call of a guest's function that the caller waits for: its result.
    Subtask(SubtaskId),
    /// The same for a host function.
    HostSubtask(SubtaskId, HostFunction),
    /// An event that the thread has waited for.
    Event(EventUse),
    /// A call within which everything has waited for the host, and the stack that goes on first.
    Call(TaskCall, GuestStackPtr),
    /// `subtask.cancel`, likewise.
    Cancel(Cancellation, GuestStackPtr),
}

/// A host function that a guest has called, and how its result gets to the guest.
#[derive(Copy, Clone, Debug)]
pub(crate) struct HostFunction {
    /// The component that called; none if a core module did.
    pub(crate) instance: Option<ComponentInstancePtr>,
    /// What becomes the core function's result, of a function that lifts and lowers by itself.
    pub(crate) returned: Option<u32>,
    /// Whether the word that it answers is the core function's result.
    pub(crate) has_word: bool,
}

impl HostFunction {
    /// The function is done, with this word: the guest goes on, unless it was locked meanwhile.
    ///
    /// # Errors
    /// If the host has called the instance again, and has swallowed a trap: to return into the
    /// instance would be to enter it.
    pub(crate) fn done(self, word: u64, slots: &mut [ValRaw]) -> Result<Answer> {
        if let Some(slot) = slots.first_mut() {
            if let Some(returned) = self.returned {
                *slot = val_raw::from_i32(returned as i32);
            } else if self.has_word {
                *slot = val_raw::from_i64(word as i64);
            }
        }
        match self.instance.is_some_and(|instance| instance.is_locked()) {
            true => Err(GuestTrap::CannotEnterComponent.into()),
            false => Ok(DONE),
        }
    }
}

impl StoreOpaque {
    /// Does what is left for the thread whose built-in has answered with `after`, and which goes on
    /// now. The slots are those of the built-in.
    ///
    /// # Errors
    /// If the guest traps: by what it finds as it goes on, or by what is done here.
    pub(crate) fn complete(&mut self, after: After, slots: &mut [ValRaw]) -> Result<Answer> {
        match after {
            After::Nothing => Ok(DONE),
            After::Switched => {
                self.outcome()?;
                Ok(Answer::Done(0))
            }
            After::HostFuture(_) => bail_bug!("a future is completed where none is polled"),
            After::Subtask(subtask) => {
                self.outcome()?;
                call::deliver(self, subtask, slots)
            }
            After::HostSubtask(subtask, function) => {
                self.outcome()?;
                let word = call::finish(self, subtask)?;
                function.done(word, slots)
            }
            After::Event(using) => match self.outcome()? {
                Outcome::Event(event) => waitable::use_event(self, using, event, slots),
                other => bail_bug!("a thread that waits for an event gets {other:?}"),
            },
            After::Call(call, stack) => match self.go_on_within(stack)? {
                Ran::Done => call.go_on(self, slots),
                Ran::Pending => {
                    let stack = self.concurrency.take_interrupted()?;
                    Ok(Answer::Waits(After::Call(call, stack)))
                }
            },
            After::Cancel(cancellation, stack) => match self.go_on_within(stack)? {
                Ran::Done => cancellation.go_on(self, slots),
                Ran::Pending => {
                    let stack = self.concurrency.take_interrupted()?;
                    Ok(Answer::Waits(After::Cancel(cancellation, stack)))
                }
            },
        }
    }
}
