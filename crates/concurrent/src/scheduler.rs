//! The scheduler itself: what there is, who runs, and who resumed whom.

use crate::Platform;
use crate::aside::Aside;
use crate::bug::Bug;
use crate::id::{EndId, InstanceId, SetId, SubtaskId, TaskId, ThreadId, WaitableId};
use crate::instance::Instance;
use crate::list::List;
use crate::schedule::{Choice, Decision, Fifo, Recording, Schedule};
use crate::set::WaitableSet;
use crate::slab::Slab;
use crate::task::Task;
use crate::thread::{Outcome, Reason, Status, StoreList, Thread};
use crate::tracer::{TraceEvent, Tracer};
use crate::trap::Trap;
use crate::waitable::{EventList, Waitable};

/// All concurrency of a store.
pub struct Scheduler<P: Platform> {
    pub(crate) instances: Slab<InstanceId, Instance>,
    pub(crate) tasks: Slab<TaskId, Task<P>>,
    pub(crate) threads: Slab<ThreadId, Thread<P>>,
    pub(crate) waitables: Slab<WaitableId, Waitable<P>>,
    pub(crate) sets: Slab<SetId, WaitableSet>,
    /// Threads that may be ready, of all instances.
    pub(crate) ready: List<StoreList>,
    /// Ends that are the host's and have an event.
    pub(crate) host_events: List<EventList>,
    pub(crate) current: Option<ThreadId>,
    /// Who was current when the threads on the way to the current one were resumed.
    pub(crate) resumers: Vec<Option<ThreadId>>,
    /// Resumptions that are set aside.
    pub(crate) asides: Vec<Aside>,
    pub(crate) next_aside: u64,
    schedule: Box<dyn Schedule>,
    /// [`Schedule::is_first_come`] of the schedule: nothing need be counted.
    pub(crate) first_come: bool,
    recording: Option<Vec<Decision>>,
    /// Is told what happens.
    pub(crate) tracer: Option<Box<dyn Tracer>>,
    checking: bool,
}

/// How many threads and waitables are checked after every step.
const MAX_CHECKED: usize = 256;

/// Who runs after an operation of the current thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Switch {
    /// The same thread.
    Stay,
    /// Whoever resumed it: the thread has blocked.
    Block,
    /// This thread, which is current now, with the same resumer.
    To(ThreadId),
}

/// Whether an operation has a result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Wait<T> {
    /// It has.
    Ready(T),
    /// The current thread has blocked; the result is its [`Outcome`] when it goes on.
    Block,
}

/// How much of everything there is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Component instances.
    pub instances: usize,
    /// Tasks.
    pub tasks: usize,
    /// Threads.
    pub threads: usize,
    /// Subtasks and ends of streams and futures.
    pub waitables: usize,
    /// Waitable sets.
    pub sets: usize,
}

impl<P: Platform> Default for Scheduler<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Platform> Scheduler<P> {
    /// A scheduler with nothing in it: first come, first served.
    pub fn new() -> Self {
        Scheduler {
            instances: Slab::new(),
            tasks: Slab::new(),
            threads: Slab::new(),
            waitables: Slab::new(),
            sets: Slab::new(),
            ready: List::default(),
            host_events: List::default(),
            current: None,
            resumers: Vec::new(),
            asides: Vec::new(),
            next_aside: 0,
            schedule: Box::new(Fifo),
            first_come: true,
            recording: None,
            tracer: None,
            checking: cfg!(debug_assertions),
        }
    }

    /// Lets a schedule decide what the specification leaves open: [`Fifo`] until then.
    pub fn set_schedule(&mut self, schedule: impl Schedule + 'static) {
        self.first_come = schedule.is_first_come();
        self.schedule = Box::new(schedule);
    }

    /// Whether the schedule is first come, first served: then to ask twice who is next makes no
    /// difference.
    #[inline]
    pub fn is_first_come(&self) -> bool {
        self.first_come
    }

    /// Records decisions from now on.
    pub fn record(&mut self) {
        self.recording = Some(Vec::new());
    }

    /// The decisions taken since [`record`](Self::record), which ends.
    pub fn take_recording(&mut self) -> Recording {
        Recording {
            is_first_come: self.first_come,
            decisions: self.recording.take().unwrap_or_default(),
        }
    }

    /// Whether [`check`](Self::check) runs after every step, as it does by default with debug
    /// assertions, and never does without. It takes time in proportion to all there is, and is left
    /// out when there are more than some hundred threads and waitables.
    pub fn set_checking(&mut self, checking: bool) {
        self.checking = checking && cfg!(debug_assertions);
    }

    /// How much of everything there is.
    pub fn counts(&self) -> Counts {
        Counts {
            instances: self.instances.len(),
            tasks: self.tasks.len(),
            threads: self.threads.len(),
            waitables: self.waitables.len(),
            sets: self.sets.len(),
        }
    }

    /// The thread that runs, or none: the host.
    #[inline]
    pub fn current(&self) -> Option<ThreadId> {
        self.current
    }

    /// How many resumptions haven't ended.
    #[inline]
    pub fn depth(&self) -> usize {
        self.resumers.len()
    }

    /// Makes a thread current, which must be suspended or [ready](Self::next_ready); what it waited
    /// for becomes its [outcome](Self::take_outcome).
    ///
    /// This is for those who may resume any thread: the event loop, the beginning of a call, the
    /// loop of a sync-typed call, a request to cancel.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if the thread can't run.
    #[inline]
    pub fn begin_resume(&mut self, thread: ThreadId) -> Result<(), Trap> {
        let by = self.current;
        self.run(thread, by)?;
        self.resumers.push(by);
        self.current = Some(thread);
        self.checked();
        Ok(())
    }

    /// Makes a thread current in the place of the one that has just blocked, with the same resumer:
    /// as [`Self::end_resume`] and [`Self::begin_resume`] by a resumer that resumes any thread.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if a thread runs still, nobody was resumed, or the thread can't run.
    #[inline]
    pub fn resume_in_place(&mut self, thread: ThreadId) -> Result<(), Trap> {
        if self.current.is_some() {
            return Err(Trap::Internal(Bug::StillRunning));
        }
        let Some(&by) = self.resumers.last() else {
            return Err(Trap::Internal(Bug::NobodyResumed));
        };
        self.run(thread, by)?;
        self.current = Some(thread);
        self.checked();
        Ok(())
    }

    /// A thread that is suspended or ready runs.
    #[inline]
    fn run(&mut self, thread: ThreadId, by: Option<ThreadId>) -> Result<(), Trap> {
        let status = self.thread(thread)?.status;
        self.trace(|| TraceEvent::Resumed { thread, by });
        match status {
            Status::Suspended => self.thread_mut(thread)?.status = Status::Running,
            Status::Waiting(reason) => self.stop_waiting(thread, reason)?,
            Status::Running | Status::Locked => {
                return Err(Trap::Internal(Bug::ResumedRunning));
            }
        }
        Ok(())
    }

    /// Makes the resumer of the thread that has just blocked or ended current.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if a thread runs still, or nobody was resumed.
    #[inline]
    pub fn end_resume(&mut self) -> Result<(), Trap> {
        if self.current.is_some() {
            return Err(Trap::Internal(Bug::StillRunning));
        }
        let resumer = self.resumers.pop();
        self.current = resumer.ok_or(Trap::Internal(Bug::NobodyResumed))?;
        self.checked();
        Ok(())
    }

    /// Whether the current thread goes on with something else than [`Outcome::Resumed`].
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if the host is current.
    #[inline]
    pub fn has_outcome(&self) -> Result<bool, Trap> {
        let outcome = &self.thread(self.running()?)?.outcome;
        Ok(!matches!(outcome, Outcome::Resumed))
    }

    /// Why the current thread goes on. The second time it is [`Outcome::Resumed`].
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if the host is current.
    #[inline]
    pub fn take_outcome(&mut self) -> Result<Outcome, Trap> {
        let current = self.running()?;
        let thread = self.thread_mut(current)?;
        if matches!(thread.outcome, Outcome::Resumed) {
            return Ok(Outcome::Resumed);
        }
        Ok(std::mem::replace(&mut thread.outcome, Outcome::Resumed))
    }

    /// Why the current thread goes on, if nobody has [taken](Self::take_outcome) that.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if the host is current.
    #[inline]
    pub fn outcome(&self) -> Result<Outcome, Trap> {
        Ok(self.thread(self.running()?)?.outcome)
    }

    /// The current thread waits from now on, and nobody is current. If it can't, nothing changes.
    #[inline]
    pub(crate) fn block(&mut self, reason: Reason) -> Result<(), Trap> {
        let current = self.running()?;
        if self.instance(self.thread(current)?.instance)?.locked {
            return Err(Trap::CannotEnterInstance);
        }
        self.start_waiting(current, reason)?;
        self.step_back(current, Some(reason));
        Ok(())
    }

    /// The current thread, where it can't be the host.
    #[inline]
    pub(crate) fn running(&self) -> Result<ThreadId, Trap> {
        self.current.ok_or(Trap::Internal(Bug::HostIsCurrent))
    }

    /// Decides between so many answers.
    #[inline]
    pub(crate) fn choose(&mut self, choice: Choice, of: usize) -> usize {
        if self.first_come || of < 2 {
            return 0;
        }
        let chosen = self.schedule.choose(choice, of).min(of - 1);
        if let Some(recording) = &mut self.recording {
            recording.push(Decision {
                choice,
                of: of as u32,
                chosen: chosen as u32,
            });
        }
        chosen
    }

    /// Every public step ends with this.
    #[inline]
    pub(crate) fn checked(&self) {
        let few = self.threads.len() + self.waitables.len() <= MAX_CHECKED;
        if cfg!(debug_assertions) && self.checking && few {
            self.assert_consistent();
        }
    }

    #[cold]
    #[inline(never)]
    fn assert_consistent(&self) {
        if let Err(broken) = self.check() {
            panic!("the scheduler is inconsistent: {broken}");
        }
    }
}

/// Access by id: an id that is out of date is an error.
impl<P: Platform> Scheduler<P> {
    #[inline]
    pub(crate) fn instance(&self, id: InstanceId) -> Result<&Instance, Trap> {
        self.instances
            .get(id)
            .ok_or(Trap::Internal(Bug::NoSuchInstance))
    }

    #[inline]
    pub(crate) fn instance_mut(&mut self, id: InstanceId) -> Result<&mut Instance, Trap> {
        self.instances
            .get_mut(id)
            .ok_or(Trap::Internal(Bug::NoSuchInstance))
    }

    #[inline]
    pub(crate) fn task(&self, id: TaskId) -> Result<&Task<P>, Trap> {
        self.tasks.get(id).ok_or(Trap::Internal(Bug::NoSuchTask))
    }

    #[inline]
    pub(crate) fn task_mut(&mut self, id: TaskId) -> Result<&mut Task<P>, Trap> {
        self.tasks
            .get_mut(id)
            .ok_or(Trap::Internal(Bug::NoSuchTask))
    }

    #[inline]
    pub(crate) fn thread(&self, id: ThreadId) -> Result<&Thread<P>, Trap> {
        self.threads
            .get(id)
            .ok_or(Trap::Internal(Bug::NoSuchThread))
    }

    #[inline]
    pub(crate) fn thread_mut(&mut self, id: ThreadId) -> Result<&mut Thread<P>, Trap> {
        self.threads
            .get_mut(id)
            .ok_or(Trap::Internal(Bug::NoSuchThread))
    }

    #[inline]
    pub(crate) fn waitable(&self, id: WaitableId) -> Result<&Waitable<P>, Trap> {
        self.waitables
            .get(id)
            .ok_or(Trap::Internal(Bug::NoSuchWaitable))
    }

    #[inline]
    pub(crate) fn waitable_mut(&mut self, id: WaitableId) -> Result<&mut Waitable<P>, Trap> {
        self.waitables
            .get_mut(id)
            .ok_or(Trap::Internal(Bug::NoSuchWaitable))
    }

    #[inline]
    pub(crate) fn set(&self, id: SetId) -> Result<&WaitableSet, Trap> {
        self.sets.get(id).ok_or(Trap::Internal(Bug::NoSuchSet))
    }

    #[inline]
    pub(crate) fn set_mut(&mut self, id: SetId) -> Result<&mut WaitableSet, Trap> {
        self.sets.get_mut(id).ok_or(Trap::Internal(Bug::NoSuchSet))
    }
}

/// What the runtime has attached.
impl<P: Platform> Scheduler<P> {
    /// What is attached to a thread.
    #[inline]
    pub fn thread_payload(&self, id: ThreadId) -> Option<&P::Thread> {
        Some(&self.threads.get(id)?.payload)
    }

    /// What is attached to a thread.
    #[inline]
    pub fn thread_payload_mut(&mut self, id: ThreadId) -> Option<&mut P::Thread> {
        Some(&mut self.threads.get_mut(id)?.payload)
    }

    /// What is attached to two different threads.
    #[inline]
    pub fn thread_payloads_mut(
        &mut self,
        first: ThreadId,
        second: ThreadId,
    ) -> Option<(&mut P::Thread, &mut P::Thread)> {
        let (first, second) = self.threads.get_two_mut(first, second)?;
        Some((&mut first.payload, &mut second.payload))
    }

    /// What is attached to a task.
    #[inline]
    pub fn task_payload(&self, id: TaskId) -> Option<&P::Task> {
        Some(&self.tasks.get(id)?.payload)
    }

    /// What is attached to a task.
    #[inline]
    pub fn task_payload_mut(&mut self, id: TaskId) -> Option<&mut P::Task> {
        Some(&mut self.tasks.get_mut(id)?.payload)
    }

    /// What is attached to the current thread's task; none if the host is current.
    #[inline]
    pub fn current_task_payload_mut(&mut self) -> Option<&mut P::Task> {
        let task = self.threads.get(self.current?)?.task;
        Some(&mut self.tasks.get_mut(task)?.payload)
    }

    /// What is attached to a subtask.
    pub fn subtask_payload(&self, id: SubtaskId) -> Option<&P::Subtask> {
        Some(&self.subtask(id).ok()?.payload)
    }

    /// What is attached to a subtask.
    pub fn subtask_payload_mut(&mut self, id: SubtaskId) -> Option<&mut P::Subtask> {
        Some(&mut self.subtask_mut(id).ok()?.payload)
    }

    /// The type of the elements of an end.
    pub fn end_payload(&self, id: EndId) -> Option<&P::Payload> {
        Some(&self.end(id).ok()?.payload)
    }

    /// What a thread does.
    #[inline]
    pub fn status(&self, id: ThreadId) -> Option<Status> {
        Some(self.threads.get(id)?.status)
    }

    /// The task of a thread.
    #[inline]
    pub fn task_of(&self, id: ThreadId) -> Option<TaskId> {
        Some(self.threads.get(id)?.task)
    }

    /// The instance of a thread.
    #[inline]
    pub fn instance_of(&self, id: ThreadId) -> Option<InstanceId> {
        Some(self.threads.get(id)?.instance)
    }
}
