//! The event loop: `Store.tick` of the specification, and what the host has to do in between.
//!
//! In each turn of it the host does one thing that a caller wants, polls one future that was woken, and
//! resumes one thread that is ready, so neither guests nor the host keep the others from going on. When
//! there is nothing to do, either something outside will wake it, or nothing ever goes on again.
//!
//! It is turned by calls that wait for a result, on the stack of whoever polls them. It may be turned
//! within itself, by a host function that makes a call; what is being polled further out isn't polled
//! again.

use super::deadlock::Deadlock;
use super::host_call::{Hops, Request};
use super::host_task::Failure;
use super::mail::Letters;
use super::turn::Ran;
use crate::store::StoreOpaque;
use anyhow::{Result, anyhow};
use threadline_concurrent::ThreadId;

/// Turns of the loop after which the executor has its turn, if it may have something to say.
const TURNS: u32 = 256;

/// Futures that were woken and are polled before the next thread goes on: a guest that waits for many of
/// them need not be resumed for each.
const POLLS: u32 = 32;

/// How many threads go on in each other's place before the loop looks around.
const HOPS: u32 = 64;

/// How the loop ended.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Driven<R> {
    /// There is a result.
    Done(R),
    /// Something outside of the store is waited for.
    Pending,
}

/// What may go on by itself, beside what the store knows.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Outside {
    /// Nothing.
    Nothing,
    /// A future that the caller polls.
    Future,
}

/// How one turn ended.
enum Turn {
    /// Something was done.
    Busy,
    /// There was nothing to do.
    Idle,
    /// Everything waits for the host.
    Pending,
}

impl StoreOpaque {
    /// Turns the event loop until there is a result.
    ///
    /// # Errors
    /// Those of `done`; the failure of a task that nobody waits for; a [`Deadlock`].
    pub(super) fn drive<R>(
        &mut self,
        outside: Outside,
        mut done: impl FnMut(&mut StoreOpaque) -> Result<Option<R>>,
    ) -> Result<Driven<R>> {
        let mut turns: u32 = 0;
        loop {
            if let Some(result) = done(self)? {
                return Ok(Driven::Done(result));
            }
            match self.turn_once()? {
                Turn::Pending => return Ok(Driven::Pending),
                Turn::Busy => {
                    turns += 1;
                    if turns.is_multiple_of(TURNS) && self.gives_way(outside) {
                        return Ok(Driven::Pending);
                    }
                }
                Turn::Idle => {
                    if self.waits(outside)? {
                        return Ok(Driven::Pending);
                    }
                }
            }
        }
    }

    fn turn_once(&mut self) -> Result<Turn> {
        if self.concurrency.host_tasks.mail().has_letters() {
            self.read_mail();
        }
        let mut turn = Turn::Idle;
        if let Some(request) = self.next_request() {
            if self.handle_request(request)? == Ran::Pending {
                return Ok(Turn::Pending);
            }
            turn = Turn::Busy;
        }
        for _ in 0..POLLS {
            let Some(place) = self.concurrency.host_tasks.next_woken() else {
                break;
            };
            self.poll_from_loop(place)?;
            turn = Turn::Busy;
        }
        if let Some(next) = self.next_thread() {
            self.allow_hops();
            let ran = self.run_from_loop(next);
            self.concurrency.host_calls.hops.left = 0;
            if ran? == Ran::Pending {
                return Ok(Turn::Pending);
            }
            turn = Turn::Busy;
        }
        Ok(turn)
    }

    /// Until the loop goes on, threads that block let others go on by themselves.
    fn allow_hops(&mut self) {
        let concurrency = &mut self.concurrency;
        concurrency.host_calls.hops = Hops {
            // Not any thread may go on, or somebody else decides which.
            left: match concurrency.host_calls.has_sync_call()
                || !concurrency.scheduler.is_first_come()
            {
                true => 0,
                false => HOPS,
            },
            depth: concurrency.scheduler.depth() + 1,
        };
    }

    /// Whether the loop has nothing to do but to resume the next thread.
    #[inline]
    pub(super) fn may_hop(&mut self) -> bool {
        let concurrency = &mut self.concurrency;
        let hops = &mut concurrency.host_calls.hops;
        if hops.left == 0 || hops.depth != concurrency.scheduler.depth() {
            return false;
        }
        hops.left -= 1;
        concurrency.host_calls.requests.is_empty()
            && !concurrency.host_tasks.has_woken()
            && !concurrency.host_tasks.mail().has_letters()
    }

    /// Polls a future that was woken. If it fails and a call of the host waits for what has called it, that
    /// has failed.
    fn poll_from_loop(&mut self, place: u32) -> Result<()> {
        let polled = self.poll_host_task(place);
        let calls = &mut self.concurrency.host_calls;
        polled.or_else(|Failure { call, error }| calls.fail(call, error))
    }

    /// Runs a thread. If it fails and a call of the host waits for what it is part of, that has failed.
    pub(super) fn run_from_loop(&mut self, thread: ThreadId) -> Result<Ran> {
        self.run_thread(thread).or_else(|error| self.failed(error))
    }

    /// Goes on with what has waited for the host.
    pub(super) fn go_on_from_loop(&mut self) -> Result<Ran> {
        self.go_on_after_host().or_else(|error| self.failed(error))
    }

    fn failed(&mut self, error: anyhow::Error) -> Result<Ran> {
        let calls = &mut self.concurrency.host_calls;
        let call = calls.failed.take();
        calls.fail(call, error)?;
        Ok(Ran::Done)
    }

    fn read_mail(&mut self) {
        if let Some(letters) = self.concurrency.host_tasks.take_letters() {
            self.read_letters(letters);
        }
    }

    #[inline(never)]
    fn read_letters(&mut self, letters: Letters) {
        for call in letters.cancelled {
            self.request(Request::Cancel(call));
        }
        for call in letters.dropped {
            self.request(Request::Drop(call));
        }
        for task in letters.aborted {
            self.abort_host_task(task);
        }
    }

    /// After many turns: whether the executor has its turn now.
    fn gives_way(&mut self, outside: Outside) -> bool {
        if self.concurrency.host_tasks.kept() == 0 && outside == Outside::Nothing {
            return false;
        }
        let waker = self.turning_waker();
        if let Some(waker) = &waker {
            waker.wake_by_ref();
        }
        waker.is_some()
    }

    /// There is nothing to do: whether to wait for what is outside, or to look again.
    ///
    /// # Errors
    /// If there is nothing to wait for, or it can't be waited for.
    fn waits(&mut self, outside: Outside) -> Result<bool> {
        let tasks = &self.concurrency.host_tasks;
        if tasks.kept() == 0 && outside == Outside::Nothing {
            return Err(Deadlock::new(self).into());
        }
        match self.turning_waker() {
            Some(waker) => Ok(tasks.mail().wait(waker)),
            // A letter may have come meanwhile, from another thread of the operating system.
            None if tasks.mail().has_letters() => Ok(false),
            None => Err(anyhow!(
                "the call waits for a host function{}, and a plain call can't wait: call it with \
                 `call_async`",
                match tasks.imports().next() {
                    Some(import) => format!(", the import `{import}`"),
                    None => String::new(),
                }
            )),
        }
    }
}
