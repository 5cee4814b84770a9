//! What embedders say and see of a store's tasks and threads.

use super::Store;
use crate::Schedule;
use anyhow::Result;
use threadline_concurrent::{Recording, Tracer};

impl<T: 'static> Store<T> {
    /// Chooses who decides what the component model leaves open, from now on; first come, first
    /// served until then.
    ///
    /// What a program does under one schedule and not under another depends on what nobody has
    /// promised.
    pub fn set_schedule(&mut self, schedule: Schedule) {
        schedule.set(&mut self.inner.opaque.concurrency.scheduler);
    }

    /// Records what the schedule decides from now on, for [`Self::take_recording`]. What was recorded
    /// before is forgotten.
    ///
    /// Under [`Schedule::Fifo`] there is nothing to record.
    pub fn record_schedule(&mut self) {
        self.inner.opaque.concurrency.scheduler.record();
    }

    /// What was decided since [`Self::record_schedule`], to be decided again in another store
    /// ([`Schedule::Replay`]). No more is recorded.
    pub fn take_recording(&mut self) -> Recording {
        self.inner.opaque.concurrency.scheduler.take_recording()
    }

    /// Resumes guest threads that are ready, one after the other, until none is or so many `turns` were
    /// taken; how many were. What waits for the host goes on waiting: for that, there are futures.
    ///
    /// Threads that outlive the calls that made them go on whenever a call turns the event loop; this
    /// turns it without a call.
    ///
    /// # Errors
    /// If a thread traps; its instance is locked then.
    ///
    /// # Panics
    /// If a host function that a guest called panicked, with its payload.
    pub fn run_until_stalled(&mut self, turns: usize) -> Result<usize> {
        self.inner.opaque.run_until_stalled(turns)
    }

    /// Tells this tracer what tasks, threads, calls and streams do, from now on; in place of any
    /// other.
    ///
    /// A store without one doesn't pay for it. A tracer is called from within the scheduler, and can't use
    /// the store.
    pub fn set_tracer(&mut self, tracer: impl Tracer + 'static) {
        let scheduler = &mut self.inner.opaque.concurrency.scheduler;
        scheduler.set_tracer(Some(Box::new(tracer)));
    }

    /// Tells nobody any more what happens.
    pub fn remove_tracer(&mut self) {
        self.inner.opaque.concurrency.scheduler.set_tracer(None);
    }
}
