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
        passed: Option<Passed>,
    },
    Return {
        to_guest: bool,
        passed: Option<Passed>,
    },
    Cancel,
    NewSet,
    Wait(u32),
    Poll(u32),
    DropSet(u32),
    /// A waitable, and the set to join, or 0.
    Join(u32, u32),
    CancelSubtask(u32, bool),
    /// Its index, and the number of its thread.
    DropSubtask(u32, u32),
    /// The core function, callback or thread's function ends; callbacks return this code, and what is
    /// lifted without `async` returns an end.
    Leave {
        code: u32,
        passed: Option<Passed>,
    },
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

/// A readable end that goes with a call or a result: as the one who passes it on, or then the other one, has
/// it in its table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Passed {
    pub(crate) ends: Ends,
    pub(crate) index: u32,
}

impl Passed {
    /// As guests tell it: a number for the type, or 0 for nothing, and the index.
    pub(crate) fn told(passed: Option<Passed>) -> [u32; 2] {
        match passed {
            Some(Passed { ends, index }) => [ends.number(), index],
            None => [0, 0],
        }
    }
}

impl Ends {
    pub(crate) const fn new(are_streams: bool, of_numbers: bool) -> Ends {
        Ends {
            are_streams,
            of_numbers,
        }
    }

    /// A number for the type, from 1 to 4.
    pub(crate) fn number(self) -> u32 {
        1 + 2 * u32::from(!self.are_streams) + u32::from(!self.of_numbers)
    }
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
