//! Component instances: who is in them, who waits to enter, and backpressure.

use crate::Platform;
use crate::id::{InstanceId, ThreadId};
use crate::list::List;
use crate::scheduler::Scheduler;
use crate::table::Table;
use crate::thread::PlaceList;
use crate::trap::Trap;

/// The part of `ComponentInstance` that concerns concurrency.
#[derive(Default)]
pub(crate) struct Instance {
    pub(crate) threads: Table<ThreadId>,
    pub(crate) backpressure: u32,
    pub(crate) num_waiting_to_enter: u32,
    pub(crate) exclusive_thread: Option<ThreadId>,
    pub(crate) locked: bool,
    /// The ready threads of this instance that have an index.
    pub(crate) ready: List<PlaceList>,
    pub(crate) entry: List<PlaceList>,
    pub(crate) exclusive_entry: List<PlaceList>,
    pub(crate) callbacks: List<PlaceList>,
}

/// The least number that the counter of backpressure can't hold.
const BACKPRESSURE_LIMIT: u32 = 1 << 16;

impl<P: Platform> Scheduler<P> {
    /// A new component instance.
    pub fn new_instance(&mut self) -> InstanceId {
        self.instances.insert(Instance::default())
    }

    /// Forgets an instance, with all threads, tasks, sets, subtasks and ends that are its.
    ///
    /// # Errors
    ///
    /// As [`release`](Self::release).
    pub fn remove_instance(
        &mut self,
        instance: InstanceId,
        take: &mut dyn FnMut(crate::Released<P>),
    ) -> Result<(), Trap> {
        self.release(instance, take)?;
        self.instances.remove(instance);
        self.checked();
        Ok(())
    }

    /// `backpressure.inc`.
    ///
    /// # Errors
    ///
    /// [`Trap::BackpressureOverflow`].
    pub fn backpressure_inc(&mut self, instance: InstanceId) -> Result<(), Trap> {
        let instance = self.instance_mut(instance)?;
        if instance.backpressure + 1 == BACKPRESSURE_LIMIT {
            return Err(Trap::BackpressureOverflow);
        }
        instance.backpressure += 1;
        self.checked();
        Ok(())
    }

    /// `backpressure.dec`.
    ///
    /// # Errors
    ///
    /// [`Trap::BackpressureUnderflow`].
    pub fn backpressure_dec(&mut self, instance: InstanceId) -> Result<(), Trap> {
        let counter = &mut self.instance_mut(instance)?.backpressure;
        *counter = counter.checked_sub(1).ok_or(Trap::BackpressureUnderflow)?;
        self.signal_entry(instance);
        self.checked();
        Ok(())
    }

    /// The counter of backpressure of an instance.
    pub fn backpressure(&self, instance: InstanceId) -> Option<u32> {
        Some(self.instances.get(instance)?.backpressure)
    }

    /// The thread of an instance that has this index.
    pub fn thread_at(&self, instance: InstanceId, index: u32) -> Option<ThreadId> {
        self.instances.get(instance)?.threads.get(index).copied()
    }

    /// Whether an instance is [locked](Self::lock).
    #[inline]
    pub fn is_locked(&self, instance: InstanceId) -> bool {
        self.instances
            .get(instance)
            .is_none_or(|instance| instance.locked)
    }

    /// Takes the exclusive lock for a thread. Nobody has it.
    pub(crate) fn take_exclusive(&mut self, instance: InstanceId, thread: ThreadId) {
        if let Some(instance) = self.instances.get_mut(instance) {
            debug_assert_eq!(instance.exclusive_thread, None);
            instance.exclusive_thread = Some(thread);
        }
    }

    /// Gives the exclusive lock back, which wakes who waits for it.
    #[inline]
    pub(crate) fn release_exclusive(&mut self, instance: InstanceId) {
        if let Some(found) = self.instances.get_mut(instance) {
            found.exclusive_thread = None;
            let nobody_enters = found.num_waiting_to_enter == 0;
            if !found.callbacks.is_empty() {
                self.signal_callbacks(instance);
            }
            if !nobody_enters {
                self.signal_entry(instance);
            }
        }
    }
}
