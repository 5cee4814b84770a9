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

    /// Resumes a guest thread that is ready, until it blocks or ends: `Store.tick` of the specification.
    /// Whether there was one.
    ///
    /// Calls that are waited for do this by themselves until they have returned. This is for what is left
    /// then: tasks go on that have returned before they ended, or that others have called and not waited for.
    ///
    /// # Errors
    /// If the thread traps.
    pub fn tick(&mut self) -> Result<bool> {
        self.inner.opaque.tick()
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
