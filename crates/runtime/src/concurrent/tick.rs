//! `Store.tick`: the event loop, turned by the embedder.

use super::turn::Ran;
use crate::bug::bail_bug;
use crate::store::StoreOpaque;
use anyhow::Result;

impl StoreOpaque {
    /// Resumes a thread that is ready, until it blocks or ends. Whether there was one.
    ///
    /// # Errors
    /// If it traps.
    pub(crate) fn tick(&mut self) -> Result<bool> {
        self.turn(None, |store| {
            let Some(thread) = store.concurrency.scheduler.next_ready() else {
                return Ok(false);
            };
            match store.run_thread(thread)? {
                Ran::Done => Ok(true),
                Ran::Pending => bail_bug!("a thread waits for the host where nothing can"),
            }
        })
    }
}
