//! Who waits for what: the graph that a report of a deadlock shows.

use crate::Platform;
use crate::id::{EndId, Id, InstanceId, SetId, SubtaskId, TaskId, ThreadId, WaitableId};
use crate::scheduler::Scheduler;
use crate::subtask::SubtaskState;
use crate::thread::{Reason, Status, Thread};
use crate::transfer::{End, EndKind, EndState};
use crate::waitable::{Kind, Waitable};
use std::collections::BTreeMap;

/// How much a report tells at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReportLimits {
    /// Threads.
    pub threads: usize,
    /// Waitables of one thread.
    pub waitables_of_a_thread: usize,
    /// Waitables of all threads together.
    pub waitables: usize,
}

/// The threads that wait, as far as a report tells of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// The first ones.
    pub threads: Vec<WaitReport>,
    /// How many more there are.
    pub more_threads: usize,
}

/// A thread that doesn't run, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WaitReport {
    /// The thread.
    pub thread: ThreadId,
    /// Its index in its instance, or 0 if it hasn't entered.
    pub index: u32,
    /// Its task.
    pub task: TaskId,
    /// Its instance.
    pub instance: InstanceId,
    /// What it waits for; none if it is suspended.
    pub reason: Option<Reason>,
    /// Whether somebody else keeps it out: the thread that has the exclusive lock it needs.
    pub exclusive_thread: Option<ThreadId>,
    /// The waitables that it waits for: those of a set, or the one.
    pub waitables: Vec<WaitableReport>,
    /// How many waitables more it waits for.
    pub more_waitables: usize,
}

/// A waitable, as it is now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WaitableReport {
    /// The set it is in.
    pub set: Option<SetId>,
    /// Whether it has an event that was not delivered.
    pub has_event: bool,
    /// Whether a synchronous operation on it is under way.
    pub has_sync_waiter: bool,
    /// What it is.
    pub kind: WaitableKind,
}

/// What a waitable is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitableKind {
    /// A call.
    Subtask {
        /// The subtask.
        id: SubtaskId,
        /// Its index in its instance's table of handles.
        index: u32,
        /// How far the call is.
        state: SubtaskState,
        /// The callee, unless it is the host.
        callee: Option<TaskId>,
        /// Whether the caller has asked to cancel it.
        cancellation_requested: bool,
        /// Whether the caller knows that it is resolved.
        resolve_delivered: bool,
    },
    /// An end of a stream or future.
    End {
        /// The end itself.
        own: EndReport,
        /// The other one, unless it was dropped.
        other: Option<EndReport>,
    },
}

/// An end of a stream or future.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EndReport {
    /// The end.
    pub id: EndId,
    /// What kind of end it is.
    pub kind: EndKind,
    /// What it does.
    pub state: EndState,
    /// Whose it is; none is the host.
    pub owner: Option<InstanceId>,
    /// Its index in its owner's table of handles.
    pub index: u32,
}

impl<P: Platform> Scheduler<P> {
    /// Tells of threads that wait or are suspended, and what for. Searches all there is, twice at
    /// most.
    pub fn waiting(&self, limits: ReportLimits) -> Waiting {
        let mut threads = Vec::new();
        let mut more_threads = 0;
        for (id, thread) in self.threads.iter() {
            let reason = match thread.status {
                Status::Suspended => None,
                Status::Waiting(reason) => Some(reason),
                Status::Running | Status::Locked => continue,
            };
            match threads.len() < limits.threads {
                true => threads.push(self.report_thread(id, thread, reason)),
                false => more_threads += 1,
            }
        }
        self.add_waitables(&mut threads, limits);
        Waiting {
            threads,
            more_threads,
        }
    }

    /// A thread, without what it waits for.
    fn report_thread(
        &self,
        id: ThreadId,
        thread: &Thread<P>,
        reason: Option<Reason>,
    ) -> WaitReport {
        let waits_for_lock =
            reason.is_some_and(|reason| reason == Reason::Enter || reason.is_between_callbacks());
        let instance = self.instances.get(thread.instance);
        WaitReport {
            thread: id,
            index: thread.index,
            task: thread.task,
            instance: thread.instance,
            reason,
            exclusive_thread: instance
                .filter(|_| waits_for_lock)
                .and_then(|instance| instance.exclusive_thread),
            waitables: Vec::new(),
            more_waitables: 0,
        }
    }

    /// Adds what threads wait for.
    fn add_waitables(&self, threads: &mut [WaitReport], limits: ReportLimits) {
        let members = self.members(threads, limits.waitables_of_a_thread);
        let mut left = limits.waitables;
        for thread in threads {
            match thread.reason {
                None | Some(Reason::Yield | Reason::Enter | Reason::CallbackYield) => {}
                Some(Reason::Subtask(id) | Reason::Cancel(id)) => {
                    thread.waitables.extend(self.waitable_report(id));
                }
                Some(Reason::End(id)) => thread.waitables.extend(self.waitable_report(id)),
                Some(Reason::Set(set) | Reason::CallbackSet(set)) => {
                    let members = members.get(&set).map_or(&[][..], |members| members);
                    let told = &members[..members.len().min(left)];
                    left -= told.len();
                    thread.waitables.extend_from_slice(told);
                    let all = self.sets.get(set).map_or(0, |set| set.len as usize);
                    thread.more_waitables = all.saturating_sub(told.len());
                }
            }
        }
    }

    /// The first few members of each set that a thread waits for.
    fn members(&self, threads: &[WaitReport], most: usize) -> BTreeMap<SetId, Vec<WaitableReport>> {
        let sets = threads.iter().filter_map(|thread| match thread.reason {
            Some(Reason::Set(set) | Reason::CallbackSet(set)) => Some((set, Vec::new())),
            _ => None,
        });
        let mut sets: BTreeMap<SetId, Vec<WaitableReport>> = sets.collect();
        if sets.is_empty() {
            return sets;
        }
        for (id, waitable) in self.waitables.iter() {
            if let Some(members) = waitable.set.and_then(|set| sets.get_mut(&set))
                && members.len() < most
            {
                members.push(self.report_waitable(id, waitable));
            }
        }
        sets
    }

    /// A waitable, as it is now.
    pub fn waitable_report(&self, id: impl Into<WaitableId>) -> Option<WaitableReport> {
        let id = id.into();
        Some(self.report_waitable(id, self.waitables.get(id)?))
    }

    /// How many waitables are in a set, and how many threads wait for it.
    pub fn set_report(&self, id: SetId) -> Option<(u32, u32)> {
        let set = self.sets.get(id)?;
        Some((set.len, set.num_waiting))
    }

    fn report_waitable(&self, id: WaitableId, waitable: &Waitable<P>) -> WaitableReport {
        let kind = match &waitable.kind {
            Kind::Subtask(subtask) => WaitableKind::Subtask {
                id: SubtaskId::from_raw(id.raw()),
                index: subtask.index,
                state: subtask.state,
                callee: subtask.callee,
                cancellation_requested: subtask.cancellation_requested,
                resolve_delivered: subtask.resolve_delivered,
            },
            Kind::End(end) => WaitableKind::End {
                own: report_end(EndId::from_raw(id.raw()), end),
                other: end
                    .other
                    .and_then(|other| Some(report_end(other, self.end(other).ok()?))),
            },
        };
        WaitableReport {
            set: waitable.set,
            has_event: waitable.pending.is_some(),
            has_sync_waiter: waitable.has_sync_waiter,
            kind,
        }
    }
}

fn report_end<P: Platform>(id: EndId, end: &End<P>) -> EndReport {
    EndReport {
        id,
        kind: end.kind,
        state: end.state,
        owner: end.owner,
        index: end.index,
    }
}
