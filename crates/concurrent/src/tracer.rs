//! What there is to see of a scheduler's work, as it happens.
//!
//! Threads swap where one is resumed, blocks, hands over to another or ends. A scheduler without a [`Tracer`]
//! pays a test of one pointer there.

use crate::Platform;
use crate::event::Event;
use crate::id::{EndId, InstanceId, SubtaskId, TaskId, ThreadId};
use crate::scheduler::Scheduler;
use crate::subtask::SubtaskState;
use crate::thread::Reason;
use crate::transfer::TransferKind;

/// Is told what happens.
pub trait Tracer: Send + Sync {
    /// This has just happened.
    fn trace(&mut self, event: TraceEvent);
}

impl<F: FnMut(TraceEvent) + Send + Sync> Tracer for F {
    fn trace(&mut self, event: TraceEvent) {
        self(event);
    }
}

/// Something that has happened to a task, a thread, a call or a stream.
///
/// A thread *runs* from [`Resumed`](Self::Resumed) (or [`SwitchedTo`](Self::SwitchedTo)) until it
/// has [blocked](Self::Blocked), handed over ([`SwitchedTo`](Self::SwitchedTo)) or
/// [ended](Self::ThreadEnded). Who resumes another thread is then under it, as a caller is under a
/// function, and goes on when that has blocked or ended.
///
/// Ids are of one store. An id is never given to another thing of its kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TraceEvent {
    /// A call has made a task, with its implicit thread.
    TaskMade {
        /// The task.
        task: TaskId,
        /// Its implicit thread.
        thread: ThreadId,
        /// The callee's component instance.
        instance: InstanceId,
        /// The caller's view of the call; none if the caller is the host.
        caller: Option<SubtaskId>,
    },
    /// A task has entered its instance and takes its arguments.
    TaskStarted {
        /// The task.
        task: TaskId,
    },
    /// A task has returned its result.
    TaskReturned {
        /// The task.
        task: TaskId,
    },
    /// The caller of a task asks for it to be cancelled.
    CancelRequested {
        /// The task.
        task: TaskId,
    },
    /// A task has acknowledged that it is cancelled, or was so before it had started.
    TaskCancelled {
        /// The task.
        task: TaskId,
    },
    /// `thread.new-indirect` has made a thread, suspended.
    ThreadMade {
        /// The thread.
        thread: ThreadId,
        /// Its task.
        task: TaskId,
        /// Its component instance.
        instance: InstanceId,
        /// Its index in the instance, which is what guests know.
        index: u32,
    },
    /// A thread goes on, or begins.
    Resumed {
        /// The thread.
        thread: ThreadId,
        /// Who waits under it now; none is the host.
        by: Option<ThreadId>,
    },
    /// The thread that ran goes on later.
    Blocked {
        /// The thread.
        thread: ThreadId,
        /// What it waits for; none if it is suspended, until another thread resumes it.
        reason: Option<Reason>,
    },
    /// The thread that ran goes on later, and another one now, in its place.
    SwitchedTo {
        /// Who ran.
        from: ThreadId,
        /// What it waits for; none if it is suspended.
        reason: Option<Reason>,
        /// Who runs now.
        to: ThreadId,
    },
    /// The thread that ran has ended.
    ThreadEnded {
        /// The thread.
        thread: ThreadId,
        /// Its task.
        task: TaskId,
        /// Whether it was the last thread of its task, which has ended so.
        is_last: bool,
        /// Whether it has trapped.
        has_trapped: bool,
    },
    /// Everything waits for a future of the host that has the whole store: the thread that runs, and all
    /// whom it rests on.
    HostAwaited,
    /// It goes on, to wait again or not.
    HostAnswered,
    /// A call has begun, seen from the caller. What it calls is a [task](Self::TaskMade) that names
    /// it, or a function of the host, of which there is nothing else to see.
    SubtaskMade {
        /// The call.
        subtask: SubtaskId,
        /// The caller's component instance.
        instance: InstanceId,
    },
    /// A call has got further.
    SubtaskProgressed {
        /// The call.
        subtask: SubtaskId,
        /// How far it is.
        state: SubtaskState,
    },
    /// An event was delivered to the thread that runs: by a waitable set, to a callback, or as the result of something
    /// synchronous.
    Delivered {
        /// What has happened, as the guest is told.
        event: Event,
    },
    /// `stream.new` or `future.new`.
    TransferMade {
        /// Which of them.
        kind: TransferKind,
        /// The readable end.
        readable: EndId,
        /// The writable end.
        writable: EndId,
    },
    /// A read or write has begun.
    CopyBegun {
        /// The end that is read from or written to.
        end: EndId,
        /// For how many elements there is room, or how many there are.
        length: u32,
    },
    /// Elements were copied.
    Copied {
        /// The end that is read from.
        readable: EndId,
        /// The end that is written to.
        writable: EndId,
        /// How many.
        count: u32,
    },
    /// An end was dropped.
    EndDropped {
        /// The end.
        end: EndId,
    },
}

impl<P: Platform> Scheduler<P> {
    /// Tells this tracer what happens from now on; nobody, if there is none.
    pub fn set_tracer(&mut self, tracer: Option<Box<dyn Tracer>>) {
        self.tracer = tracer;
    }

    /// Whether somebody is told what happens.
    #[inline]
    pub fn is_traced(&self) -> bool {
        self.tracer.is_some()
    }

    /// Tells the tracer, if there is one. For drivers: what only they know.
    #[inline]
    pub fn trace(&mut self, event: impl FnOnce() -> TraceEvent) {
        if self.tracer.is_some() {
            self.tell(event);
        }
    }

    #[cold]
    #[inline(never)]
    fn tell(&mut self, event: impl FnOnce() -> TraceEvent) {
        if let Some(tracer) = &mut self.tracer {
            tracer.trace(event());
        }
    }

    /// The current thread goes on later, and nobody is current.
    #[inline]
    pub(crate) fn step_back(&mut self, thread: ThreadId, reason: Option<Reason>) {
        self.current = None;
        self.trace(|| TraceEvent::Blocked { thread, reason });
    }

    /// The current thread is about to hand over to another one.
    #[inline]
    pub(crate) fn trace_switch(&mut self, from: ThreadId, reason: Option<Reason>, to: ThreadId) {
        self.trace(|| TraceEvent::SwitchedTo { from, reason, to });
    }
}
