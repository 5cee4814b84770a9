//! What must hold between any two steps, checked over all there is.

use std::collections::BTreeMap;

use crate::Platform;
use crate::aside::Aside;
use crate::id::{Id, InstanceId, SetId, ThreadId, WaitableId};
use crate::instance::Instance;
use crate::list::List;
use crate::scheduler::Scheduler;
use crate::set::WaitableSet;
use crate::task::TaskState;
use crate::thread::{Place, PlaceList, Reason, Status, Thread};
use crate::waitable::{Kind, Waitable};

/// What was found wrong.
type Checked = Result<(), String>;

fn ensure(condition: bool, what: impl FnOnce() -> String) -> Checked {
    if condition { Ok(()) } else { Err(what()) }
}

/// What is counted while going over the threads, to be compared with what is in lists and counters.
#[derive(Default)]
struct Tally {
    ready: usize,
    /// Threads that are in the ready queue of an instance.
    ready_in: BTreeMap<InstanceId, usize>,
    entering: BTreeMap<InstanceId, u32>,
    registered: BTreeMap<InstanceId, u32>,
    /// Scouts, by what they look for.
    entry_scouts: BTreeMap<(InstanceId, bool), u32>,
    callback_scouts: BTreeMap<InstanceId, u32>,
    set_scouts: BTreeMap<(SetId, bool), u32>,
    waiting_for: BTreeMap<SetId, u32>,
    /// Threads in a list, by its place; those of sets and instances alike.
    placed: BTreeMap<(Option<InstanceId>, Option<SetId>, u8), usize>,
}

impl<P: Platform> Scheduler<P> {
    /// Checks that:
    ///
    /// 1. `current` and all resumers, those that are set aside among them, are running threads or the
    ///    host, none twice; nobody else runs.
    /// 2. A thread is in at most one list, and in one only if it waits: the list of what it waits
    ///    for, or the ready queue of the store and, once it has an index, of its instance.
    /// 3. For everything that has come and is waited for in a list, a thread that waits for it is in
    ///    the ready queue (or, if it needs the exclusive lock too, waits for that).
    /// 4. Indices of threads name them, and a task's count is that of its threads that have one. A
    ///    task that has none hasn't started.
    /// 5. Of the two ends of a stream or future each names the other or none.
    /// 6. A waitable is in at most one set, in none while somebody waits for just it, and in the list
    ///    of those with an event exactly if it has one.
    /// 7. Counters of who waits to enter and who waits for a set are right.
    /// 8. Who has the exclusive lock lives and needs it.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub fn check(&self) -> Result<(), String> {
        self.check_running()?;
        let mut tally = Tally::default();
        for (id, thread) in self.threads.iter() {
            self.check_thread(id, thread, &mut tally)?;
        }
        ensure(self.ready.is_consistent(&self.threads), || {
            "the ready queue is torn".to_owned()
        })?;
        ensure(self.ready.len() == tally.ready, || {
            "threads are missing in the ready queue".to_owned()
        })?;
        for (id, instance) in self.instances.iter() {
            self.check_instance(id, instance, &tally)?;
        }
        self.check_tasks()?;
        let mut members = BTreeMap::new();
        for (id, waitable) in self.waitables.iter() {
            self.check_waitable(id, waitable)?;
            if let Some(set) = waitable.set {
                let (len, pending) = members.entry(set).or_insert((0, 0));
                *len += 1;
                *pending += usize::from(waitable.pending.is_some());
            }
        }
        self.check_host_events()?;
        for (id, set) in self.sets.iter() {
            let found = members.get(&id).copied().unwrap_or_default();
            self.check_set(id, set, found, &tally)?;
        }
        Ok(())
    }

    fn check_running(&self) -> Checked {
        let mut running: Vec<ThreadId> = self.resumers.iter().copied().flatten().collect();
        running.extend(self.current);
        running.extend(self.asides.iter().flat_map(Aside::threads));
        running.sort();
        let count = running.len();
        running.dedup();
        ensure(running.len() == count, || "a thread runs twice".to_owned())?;
        for &id in &running {
            ensure(self.status(id) == Some(Status::Running), || {
                format!("{id:?} is current or a resumer and doesn't run")
            })?;
        }
        let are_running = self
            .threads
            .iter()
            .filter(|(_, thread)| thread.status == Status::Running)
            .count();
        ensure(are_running == count, || {
            "a thread runs that nobody has resumed".to_owned()
        })
    }

    fn check_thread(&self, id: ThreadId, thread: &Thread<P>, tally: &mut Tally) -> Checked {
        ensure(self.tasks.get(thread.task).is_some(), || {
            format!("{id:?} has no task")
        })?;
        if thread.index != 0 {
            ensure(
                self.thread_at(thread.instance, thread.index) == Some(id),
                || format!("the index of {id:?} names another thread"),
            )?;
            *tally.registered.entry(thread.instance).or_default() += 1;
        }
        let Status::Waiting(reason) = thread.status else {
            return ensure(thread.place == Place::Nowhere, || {
                format!("{id:?} is in a list and doesn't wait")
            });
        };
        self.check_place(id, thread, reason)?;
        let in_instance = Some(thread.instance);
        let placed = match thread.place {
            Place::Nowhere => None,
            Place::Ready => {
                tally.ready += 1;
                if thread.index != 0 {
                    *tally.ready_in.entry(thread.instance).or_default() += 1;
                }
                None
            }
            Place::Entry => Some((in_instance, None, 0)),
            Place::ExclusiveEntry => Some((in_instance, None, 1)),
            Place::Callback => Some((in_instance, None, 2)),
            Place::Set(set) => Some((None, Some(set), 0)),
            Place::SetCallback(set) => Some((None, Some(set), 1)),
        };
        if let Some(placed) = placed {
            *tally.placed.entry(placed).or_default() += 1;
        }
        self.tally_wait(thread, reason, tally);
        Ok(())
    }

    fn check_place(&self, id: ThreadId, thread: &Thread<P>, reason: Reason) -> Checked {
        let waits_for_one = |waitable: WaitableId| {
            let found = self.waitables.get(waitable);
            let is_named = found.is_some_and(|waitable| waitable.waiter == Some(id));
            is_named && (thread.place == Place::Ready) == self.holds(thread, reason)
        };
        let fits = match (reason, thread.place) {
            (Reason::Yield, place) => place == Place::Ready,
            (Reason::Subtask(subtask) | Reason::Cancel(subtask), Place::Nowhere | Place::Ready) => {
                waits_for_one(subtask.into())
            }
            (Reason::End(end), Place::Nowhere | Place::Ready) => waits_for_one(end.into()),
            (Reason::Enter, Place::Ready | Place::Entry | Place::ExclusiveEntry) => {
                thread.index == 0
            }
            (Reason::Set(_), Place::Ready) => true,
            (Reason::Set(set), Place::Set(at)) => set == at,
            (Reason::CallbackYield, Place::Ready | Place::Callback) => true,
            (Reason::CallbackSet(_), Place::Ready | Place::Callback) => true,
            (Reason::CallbackSet(set), Place::SetCallback(at)) => {
                set == at && !self.has_pending_cancel(thread.task)
            }
            _ => false,
        };
        ensure(fits, || {
            format!("{id:?} waits for {reason:?} at {:?}", thread.place)
        })
    }

    fn tally_wait(&self, thread: &Thread<P>, reason: Reason, tally: &mut Tally) {
        let is_ready = thread.place == Place::Ready;
        let instance = thread.instance;
        match reason {
            Reason::Enter => {
                *tally.entering.entry(instance).or_default() += 1;
                if is_ready {
                    let task = self.tasks.get(thread.task);
                    let exclusive = task.is_some_and(|task| task.needs_exclusive);
                    *tally.entry_scouts.entry((instance, exclusive)).or_default() += 1;
                }
            }
            Reason::Set(set) => {
                *tally.waiting_for.entry(set).or_default() += 1;
                if is_ready {
                    *tally.set_scouts.entry((set, false)).or_default() += 1;
                }
            }
            Reason::CallbackSet(set) => {
                *tally.waiting_for.entry(set).or_default() += 1;
                if is_ready || thread.place == Place::Callback {
                    *tally.set_scouts.entry((set, true)).or_default() += 1;
                }
            }
            Reason::Yield
            | Reason::CallbackYield
            | Reason::Subtask(_)
            | Reason::Cancel(_)
            | Reason::End(_) => {}
        }
        if is_ready && reason.is_between_callbacks() {
            *tally.callback_scouts.entry(instance).or_default() += 1;
        }
    }

    fn check_list(
        &self,
        list: &List<PlaceList>,
        expected: Option<&usize>,
        name: impl FnOnce() -> String,
    ) -> Checked {
        let fits = list.is_consistent(&self.threads)
            && list.len() == expected.copied().unwrap_or_default();
        ensure(fits, || format!("{} is wrong", name()))
    }

    fn check_instance(&self, id: InstanceId, instance: &Instance, tally: &Tally) -> Checked {
        let lists = [
            &instance.entry,
            &instance.exclusive_entry,
            &instance.callbacks,
        ];
        for (number, list) in lists.into_iter().enumerate() {
            let expected = tally.placed.get(&(Some(id), None, number as u8));
            self.check_list(list, expected, || format!("list {number} of {id:?}"))?;
        }
        self.check_list(&instance.ready, tally.ready_in.get(&id), || {
            format!("the ready queue of {id:?}")
        })?;
        let registered = tally.registered.get(&id).copied().unwrap_or_default();
        ensure(instance.threads.len() == registered, || {
            format!("{id:?} has indices of threads that are gone")
        })?;
        let entering = tally.entering.get(&id).copied().unwrap_or_default();
        ensure(instance.num_waiting_to_enter == entering, || {
            format!("{id:?} counts wrongly who waits to enter")
        })?;
        if let Some(thread) = instance.exclusive_thread {
            let needs = self.threads.get(thread).and_then(|thread| {
                Some(thread.instance == id && self.tasks.get(thread.task)?.needs_exclusive)
            });
            ensure(needs == Some(true), || {
                format!("the exclusive lock of {id:?} is somebody's who doesn't need it")
            })?;
        }
        self.check_scouts(id, instance, tally)
    }

    fn check_scouts(&self, id: InstanceId, instance: &Instance, tally: &Tally) -> Checked {
        if instance.locked {
            return Ok(());
        }
        let is_free = instance.exclusive_thread.is_none();
        let may_enter = instance.backpressure == 0;
        let entry = may_enter && !instance.entry.is_empty();
        let exclusive_entry = may_enter && is_free && !instance.exclusive_entry.is_empty();
        for (is_needed, exclusive) in [(entry, false), (exclusive_entry, true)] {
            ensure(
                !is_needed || tally.entry_scouts.contains_key(&(id, exclusive)),
                || format!("nobody is told that {id:?} can be entered"),
            )?;
        }
        ensure(
            !is_free || instance.callbacks.is_empty() || tally.callback_scouts.contains_key(&id),
            || format!("nobody is told that the exclusive lock of {id:?} is free"),
        )
    }

    fn check_tasks(&self) -> Checked {
        let mut threads = BTreeMap::new();
        for (_, thread) in self.threads.iter() {
            if thread.index != 0 {
                *threads.entry(thread.task).or_insert(0) += 1;
            }
        }
        for (id, task) in self.tasks.iter() {
            let counted = threads.get(&id).copied().unwrap_or_default();
            ensure(task.threads == counted, || {
                format!("{id:?} counts its threads wrongly")
            })?;
            let may_be_empty = task.state == TaskState::Initial || self.is_locked(task.instance);
            ensure(counted > 0 || may_be_empty, || {
                format!("{id:?} has no threads left and exists")
            })?;
            if let Some(implicit) = task.implicit_thread {
                let found = self.threads.get(implicit);
                ensure(found.is_some_and(|thread| thread.task == id), || {
                    format!("the implicit thread of {id:?} is another task's")
                })?;
            }
        }
        Ok(())
    }

    fn check_waitable(&self, id: WaitableId, waitable: &Waitable<P>) -> Checked {
        ensure(!waitable.has_sync_waiter || waitable.set.is_none(), || {
            format!("{id:?} has a synchronous waiter and is in a set")
        })?;
        if let Some(set) = waitable.set {
            ensure(self.sets.get(set).is_some(), || {
                format!("{id:?} is in a set that is gone")
            })?;
        }
        if let Some(waiter) = waitable.waiter {
            ensure(
                matches!(self.status(waiter), Some(Status::Waiting(_))),
                || format!("the waiter of {id:?} doesn't wait"),
            )?;
        }
        if let Kind::End(end) = &waitable.kind
            && let Some(other) = end.other
        {
            let names = self.other_end(other).map(Id::raw);
            ensure(names == Some(id.raw()), || {
                format!("the other end of {id:?} doesn't name it")
            })?;
        }
        Ok(())
    }

    fn check_host_events(&self) -> Checked {
        let for_host = |waitable: &Waitable<P>| {
            waitable.pending.is_some() && waitable.set.is_none() && waitable.is_host_owned()
        };
        let count = self.waitables.iter().filter(|(_, w)| for_host(w)).count();
        let fits = self.host_events.is_consistent(&self.waitables);
        ensure(fits && self.host_events.len() == count, || {
            "the events of the host are wrong".to_owned()
        })
    }

    fn check_set(
        &self,
        id: SetId,
        set: &WaitableSet,
        (len, pending): (u32, usize),
        tally: &Tally,
    ) -> Checked {
        ensure(set.len == len, || format!("{id:?} counts wrongly"))?;
        let fits = set.pending.is_consistent(&self.waitables) && set.pending.len() == pending;
        ensure(fits, || format!("the events of {id:?} are wrong"))?;
        for (number, list) in [&set.waiters, &set.callbacks].into_iter().enumerate() {
            let expected = tally.placed.get(&(None, Some(id), number as u8));
            self.check_list(list, expected, || format!("list {number} of {id:?}"))?;
            let is_scouted = tally.set_scouts.contains_key(&(id, number == 1));
            ensure(pending == 0 || list.is_empty() || is_scouted, || {
                format!("nobody is told of an event of {id:?}")
            })?;
        }
        let waiting = tally.waiting_for.get(&id).copied().unwrap_or_default();
        ensure(set.num_waiting == waiting, || {
            format!("{id:?} counts wrongly who waits")
        })
    }
}
