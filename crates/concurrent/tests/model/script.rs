//! What the threads of a run did, in the order in which they did it, with all that steps select
//! selected: enough for somebody else to do the same.

/// What a thread does next. Indices are those of handles and threads in its instance; new threads and
/// calls come with the number of the thread that they make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Act {
    Yield,
    Suspend,
    NewThread {
        number: u32,
    },
    ResumeLater(u32),
    SuspendThenResume(u32),
    YieldThenResume(u32),
    SuspendThenPromote(u32),
    YieldThenPromote(u32),
    BackpressureInc,
    BackpressureDec,
    Call {
        function: usize,
        is_async: bool,
        number: u32,
    },
    Return,
    Cancel,
    NewSet,
    Wait(u32),
    Poll(u32),
    DropSet(u32),
    /// A waitable, and the set to join, or 0.
    Join(u32, u32),
    CancelSubtask(u32, bool),
    DropSubtask(u32),
    /// The core function, callback or thread's function ends; callbacks return this.
    Leave(u32),
    NewEnds(Ends),
    /// A read or write.
    Copy {
        ends: Ends,
        reads: bool,
        is_async: bool,
        index: u32,
        length: u32,
    },
    CancelCopy {
        ends: Ends,
        reads: bool,
        is_async: bool,
        index: u32,
    },
    DropEnd {
        ends: Ends,
        reads: bool,
        index: u32,
    },
    Forward {
        ends: Ends,
        readable: u32,
        writable: u32,
    },
}

/// A type of streams or futures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ends {
    pub(crate) are_streams: bool,
    /// Whether their elements are numbers.
    pub(crate) of_numbers: bool,
}

/// A thread asks what to do next, and says what came of what it did before: the result of a built-in
/// or call, or an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Asked {
    /// The number of the thread.
    pub(crate) thread: u32,
    pub(crate) found: [u32; 3],
    pub(crate) act: Act,
}
