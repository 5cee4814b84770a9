//! After a trap: an instance that trapped is locked, what waits for it is told, and everything of it
//! can be freed.

use crate::Platform;
use crate::bug::Bug;
use crate::id::{EndId, Id, InstanceId, TaskId};
use crate::scheduler::Scheduler;
use crate::task::TaskState;
use crate::thread::{Place, Status};
use crate::transfer::End;
use crate::trap::Trap;
use crate::waitable::{Kind, Pending};
use std::collections::BTreeSet;

/// What was attached to something that is freed.
pub enum Released<P: Platform> {
    /// To a thread.
    Thread(P::Thread),
    /// To a task.
    Task(P::Task),
    /// To a subtask.
    Subtask(P::Subtask),
}

impl<P: Platform> Scheduler<P> {
    /// Locks an instance, because a thread of it has trapped: nobody enters it any more, and none of
    /// its threads goes on that doesn't run now. Those that do are
    /// [abandoned](Self::abandon_thread) by the driver as the trap goes through them.
    ///
    /// Whoever waits for one of its calls to return, or for one of its ends to copy, traps in turn.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if there is no such instance.
    pub fn lock(&mut self, instance: InstanceId) -> Result<(), Trap> {
        self.lock_all([instance])
    }

    /// Locks instances, as [`lock`](Self::lock) does each. Searches all there is once, however many
    /// instances there are.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if there is no such instance; then none is locked.
    pub fn lock_all(
        &mut self,
        instances: impl IntoIterator<Item = InstanceId>,
    ) -> Result<(), Trap> {
        let mut new = BTreeSet::new();
        for id in instances {
            if !self.instance(id)?.locked {
                new.insert(id);
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        for &id in &new {
            self.instance_mut(id)?.locked = true;
        }
        for id in self
            .threads
            .ids_where(|thread| thread.status != Status::Running && new.contains(&thread.instance))
        {
            self.withdraw_waiter(id);
            self.withdraw(id);
        }
        for id in self.tasks.ids_where(|task| new.contains(&task.instance)) {
            self.fail_caller(id);
        }
        for id in self.waitables.ids_where(|waitable| match &waitable.kind {
            Kind::End(end) => end.owner.is_some_and(|owner| new.contains(&owner)),
            Kind::Subtask(_) => false,
        }) {
            self.break_peer(EndId::from_raw(id.raw()));
        }
        self.checked();
        Ok(())
    }

    /// What a thread waits for doesn't name it any more.
    fn withdraw_waiter(&mut self, id: crate::ThreadId) {
        let Some(Status::Waiting(reason)) = self.status(id) else {
            return;
        };
        let waitable = match reason {
            crate::Reason::Subtask(subtask) | crate::Reason::Cancel(subtask) => subtask.into(),
            crate::Reason::End(end) => end.into(),
            crate::Reason::Enter => {
                let instance = self.threads.at(id.raw().place()).instance;
                if let Some(instance) = self.instances.get_mut(instance) {
                    instance.num_waiting_to_enter -= 1;
                }
                return;
            }
            crate::Reason::Set(set) | crate::Reason::CallbackSet(set) => {
                if let Some(set) = self.sets.get_mut(set) {
                    set.num_waiting -= 1;
                }
                return;
            }
            crate::Reason::Yield | crate::Reason::CallbackYield => return,
        };
        if let Some(waitable) = self.waitables.get_mut(waitable) {
            waitable.waiter = None;
            waitable.has_sync_waiter = false;
        }
    }

    fn fail_caller(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get_mut(id) else {
            return;
        };
        if task.state != TaskState::Resolved
            && let Some(caller) = task.caller.take()
        {
            self.fail_subtask(caller);
        }
    }

    /// The other end of an end of a locked instance can't be used any more.
    fn break_peer(&mut self, id: EndId) {
        let (Ok(&End { owner, .. }), Some(peer)) = (self.end(id), self.other_end(id)) else {
            return;
        };
        let Ok(end) = self.end_mut(peer) else {
            return;
        };
        if end.owner == owner {
            return;
        }
        end.broken = true;
        if end.state.is_busy() {
            self.set_pending(peer.into(), Pending::Trap);
        }
    }

    /// Locks an instance and frees all that is its: threads, tasks, sets, subtasks and ends. What was
    /// attached to them is handed out.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if one of its threads runs.
    pub fn release(
        &mut self,
        instance: InstanceId,
        take: &mut dyn FnMut(Released<P>),
    ) -> Result<(), Trap> {
        self.release_all([instance], take)
    }

    /// Locks instances and frees all that is theirs, as [`release`](Self::release) does for each.
    /// Searches all there is once, however many instances there are.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if one of their threads runs; then nothing is freed.
    pub fn release_all(
        &mut self,
        instances: impl IntoIterator<Item = InstanceId>,
        take: &mut dyn FnMut(Released<P>),
    ) -> Result<(), Trap> {
        let all: BTreeSet<InstanceId> = instances.into_iter().collect();
        let runs = |status| status == Status::Running;
        if self
            .threads
            .iter()
            .any(|(_, thread)| runs(thread.status) && all.contains(&thread.instance))
        {
            return Err(Trap::Internal(Bug::FreedRunning));
        }
        self.lock_all(all.iter().copied())?;
        for id in self
            .threads
            .ids_where(|thread| all.contains(&thread.instance))
        {
            if let Some(thread) = self.forget_thread(id) {
                debug_assert_eq!(thread.place, Place::Nowhere);
                take(Released::Thread(thread.payload));
            }
        }
        for &id in &all {
            self.instance_mut(id)?.exclusive_thread = None;
        }
        for id in self.tasks.ids_where(|task| all.contains(&task.instance)) {
            if let Some(task) = self.tasks.remove(id) {
                take(Released::Task(task.payload));
            }
        }
        self.release_waitables(&all, take)?;
        for id in self.sets.ids_where(|set| all.contains(&set.instance)) {
            self.sets.remove(id);
        }
        self.checked();
        Ok(())
    }

    fn release_waitables(
        &mut self,
        all: &BTreeSet<InstanceId>,
        take: &mut dyn FnMut(Released<P>),
    ) -> Result<(), Trap> {
        for id in self.waitables.ids_where(|waitable| match &waitable.kind {
            Kind::Subtask(subtask) => all.contains(&subtask.instance),
            Kind::End(end) => end.owner.is_some_and(|owner| all.contains(&owner)),
        }) {
            let peer = self.remove_waitable(id, |kind| match kind {
                Kind::Subtask(subtask) => {
                    take(Released::Subtask(std::mem::take(&mut subtask.payload)));
                    None
                }
                Kind::End(end) => end.other,
            })?;
            if let Some(peer) = peer.and_then(|peer| self.end_mut(peer).ok()) {
                peer.other = None;
            }
        }
        Ok(())
    }
}
