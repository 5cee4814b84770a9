//! [`ConcurrencyCounts`]: what goes on in a store.

use crate::store::Store;

/// How much goes on in a store, and what has not been freed; see [`Store::concurrency_counts`].
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct ConcurrencyCounts {
    /// Tasks of guests.
    pub tasks: usize,
    /// Their threads.
    pub threads: usize,
    /// Subtasks, and ends of streams and futures.
    pub waitables: usize,
    /// Waitable sets.
    pub waitable_sets: usize,
    /// Calls that the host waits for.
    pub host_calls: usize,
    /// Futures of host functions, and those that were spawned.
    pub host_futures: usize,
}

impl<T: 'static> Store<T> {
    /// How much goes on in the store.
    pub fn concurrency_counts(&self) -> ConcurrencyCounts {
        let concurrency = &self.opaque().concurrency;
        let counts = concurrency.scheduler.counts();
        ConcurrencyCounts {
            tasks: counts.tasks,
            threads: counts.threads,
            waitables: counts.waitables,
            waitable_sets: counts.sets,
            host_calls: concurrency.host_calls.len(),
            host_futures: concurrency.host_tasks.kept(),
        }
    }

    /// Whether everything that goes on is checked after every step, which takes time in proportion. Only
    /// ever so with debug assertions.
    #[doc(hidden)]
    pub fn set_concurrency_checks(&mut self, checks: bool) {
        let concurrency = &mut self.opaque_mut().concurrency;
        concurrency.scheduler.set_checking(checks);
    }
}
