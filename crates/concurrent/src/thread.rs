//! Guest threads: their states, what they wait for, and what they find when they go on.

use crate::Platform;
use crate::event::Event;
use crate::id::{EndId, InstanceId, SetId, SubtaskId, TaskId};
use crate::list::{Link, Linked};
use crate::trap::Trap;

/// A thread.
pub(crate) struct Thread<P: Platform> {
    pub(crate) task: TaskId,
    pub(crate) instance: InstanceId,
    /// In the instance's table of threads; 0 until it has entered the instance.
    pub(crate) index: u32,
    pub(crate) status: Status,
    pub(crate) place: Place,
    pub(crate) outcome: Outcome,
    /// Link of the store's ready queue.
    pub(crate) in_store: Link,
    /// Link of the instance's ready queue, or of the list the thread waits in.
    pub(crate) in_place: Link,
    pub(crate) payload: P::Thread,
}

/// What a thread does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// It goes on when a thread of its instance says so.
    Suspended,
    /// It runs, or has resumed a thread and goes on when that blocks or ends.
    Running,
    /// It goes on when something has come, and the schedule says so.
    Waiting(Reason),
    /// Its instance is locked: it never goes on.
    Locked,
}

/// What a thread waits for: `ready_func` of the specification, as data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// Nothing: it lets others run.
    Yield,
    /// To enter its instance: no backpressure.
    Enter,
    /// A subtask that it called synchronously.
    Subtask(SubtaskId),
    /// A subtask that it has cancelled.
    Cancel(SubtaskId),
    /// The end of a read, write, or its cancellation.
    End(EndId),
    /// An event of a set.
    Set(SetId),
    /// To be called back, with no event: the instance's exclusive lock.
    CallbackYield,
    /// To be called back with an event of a set, or because its task shall be cancelled: either,
    /// and the instance's exclusive lock.
    CallbackSet(SetId),
}

impl Reason {
    /// Whether the thread has no frames on a stack while it waits.
    #[inline]
    pub fn is_between_callbacks(self) -> bool {
        matches!(self, Reason::CallbackYield | Reason::CallbackSet(_))
    }
}

/// Why a thread goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It was resumed, or has yielded: the built-in returns 0.
    Resumed,
    /// It has entered its instance, and now calls [`start`](crate::Scheduler::start).
    Entered,
    /// The subtask it called synchronously is resolved; now comes
    /// [`finish_subtask`](crate::Scheduler::finish_subtask).
    SubtaskResolved(SubtaskId),
    /// The event that it waited for; the result of a synchronous operation is its payload.
    Event(Event),
    /// Its callback is to be called with this event, on a stack that need not be the one before.
    Callback(Event),
    /// It traps.
    Trap(Trap),
}

/// Which list a thread is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// None: it doesn't wait, or what it waits for names it.
    Nowhere,
    /// The ready queues, of the store and (once it has an index) of its instance.
    Ready,
    /// Who waits to enter the instance and needn't have the exclusive lock.
    Entry,
    /// Who waits to enter the instance with the exclusive lock.
    ExclusiveEntry,
    /// Who waits to be called back and lacks nothing but the exclusive lock.
    Callback,
    /// Who waits for an event of a set.
    Set(SetId),
    /// Who waits to be called back with an event of a set.
    SetCallback(SetId),
}

/// The store's ready queue.
pub(crate) enum StoreList {}

/// All other lists of threads.
pub(crate) enum PlaceList {}

impl<P: Platform> Linked<StoreList> for Thread<P> {
    #[inline]
    fn link(&self) -> &Link {
        &self.in_store
    }

    #[inline]
    fn link_mut(&mut self) -> &mut Link {
        &mut self.in_store
    }
}

impl<P: Platform> Linked<PlaceList> for Thread<P> {
    #[inline]
    fn link(&self) -> &Link {
        &self.in_place
    }

    #[inline]
    fn link_mut(&mut self) -> &mut Link {
        &mut self.in_place
    }
}

impl<P: Platform> Thread<P> {
    #[inline(always)]
    pub(crate) fn new(task: TaskId, instance: InstanceId, payload: P::Thread) -> Self {
        Thread {
            task,
            instance,
            index: 0,
            status: Status::Suspended,
            place: Place::Nowhere,
            outcome: Outcome::Resumed,
            in_store: Link::default(),
            in_place: Link::default(),
            payload,
        }
    }
}
