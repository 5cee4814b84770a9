//! [`Deadlock`]: nothing can ever go on, and who waits for what.

use super::state::{Concurrency, TaskWork};
use crate::component::export_name;
use crate::guest_name;
use crate::store::StoreOpaque;
use crate::trap::WasmBacktrace;
use std::fmt;
use threadline_concurrent::{
    EndKind, EndReport, EndState, Id, InstanceId, Reason, ReportLimits, Side, SubtaskState, TaskId,
    ThreadId, TransferKind, WaitReport, WaitableKind, WaitableReport,
};

/// What is told of: a guest may have made any number of threads and waitables.
const LIMITS: ReportLimits = ReportLimits {
    threads: 256,
    waitables_of_a_thread: 32,
    waitables: 512,
};

/// How many frames are told of, of all threads together, and those of one more thread.
const MAX_FRAMES: usize = 1024;

/// A call can't return: it waits for what no thread of its store, and no host function, will ever do.
///
/// It says of each thread what that waits for, and where; of very many threads, of the first ones.
#[derive(Debug)]
pub struct Deadlock {
    threads: Vec<WaitingThread>,
    more_threads: usize,
}

/// A guest thread that waits for what will never come.
#[derive(Debug, Clone)]
pub struct WaitingThread {
    text: String,
    backtrace: Option<WasmBacktrace>,
}

impl WaitingThread {
    /// Whose it is and what it waits for, for people; on several lines if that is more than one thing.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The wasm functions on its own stack, innermost first.
    ///
    /// There are none of a thread that is to be called back, or has not begun. And if there are very
    /// many frames, only the first threads have theirs.
    pub fn backtrace(&self) -> Option<&WasmBacktrace> {
        self.backtrace.as_ref()
    }
}

impl fmt::Display for WaitingThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        if let Some(backtrace) = &self.backtrace {
            for line in backtrace.to_string().lines() {
                write!(f, "\n  {line}")?;
            }
        }
        Ok(())
    }
}

impl Deadlock {
    pub(super) fn new(store: &StoreOpaque) -> Deadlock {
        let concurrency = &store.concurrency;
        let waiting = concurrency.scheduler.waiting(LIMITS);
        let mut frames = 0;
        let threads = waiting.threads.iter().map(|wait| {
            let backtrace = match frames < MAX_FRAMES {
                true => backtrace(store, wait.thread),
                false => None,
            };
            frames += backtrace.as_ref().map_or(0, |it| it.frames().len());
            WaitingThread {
                text: thread(concurrency, wait),
                backtrace,
            }
        });
        Deadlock {
            threads: threads.collect(),
            more_threads: waiting.more_threads,
        }
    }

    /// The threads that could go on, if what they wait for came: the first 256 of them.
    pub fn threads(&self) -> &[WaitingThread] {
        &self.threads
    }

    /// How many threads wait beside [`threads`](Self::threads).
    pub fn more_threads(&self) -> usize {
        self.more_threads
    }
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wasm trap: deadlock detected: event loop cannot make further progress")?;
        for thread in &self.threads {
            for line in thread.to_string().lines() {
                write!(f, "\n  {line}")?;
            }
        }
        if self.more_threads > 0 {
            write!(f, "\n  ... and {} more threads", self.more_threads)?;
        }
        Ok(())
    }
}

impl std::error::Error for Deadlock {}

fn backtrace(store: &StoreOpaque, id: ThreadId) -> Option<WasmBacktrace> {
    let thread = store.concurrency.scheduler.thread_payload(id)?;
    store.suspended_frames(&thread.stack)
}

fn thread(concurrency: &Concurrency, wait: &WaitReport) -> String {
    let instance = instance(concurrency, wait.instance);
    let task = task(concurrency, wait.task);
    let what = match wait.reason {
        None => "is suspended, and nobody resumes it".to_owned(),
        Some(reason) => reason_of(reason, wait),
    };
    let mut text = match wait.index {
        0 => format!("{task}, a call of {instance}, {what}"),
        index => format!("{task}, thread {index} of {instance}, {what}"),
    };
    for waitable in &wait.waitables {
        text += "\n  ";
        text += &waitable_of(concurrency, waitable);
    }
    if wait.more_waitables > 0 {
        text += &format!("\n  ... and {} more", wait.more_waitables);
    }
    text
}

fn reason_of(reason: Reason, wait: &WaitReport) -> String {
    let what = match reason {
        Reason::Yield | Reason::CallbackYield => "has yielded",
        Reason::Enter => "waits to enter it",
        Reason::Subtask(_) => "waits for a call to return",
        Reason::Cancel(_) => "waits for a call to be cancelled",
        Reason::End(_) => "waits for a read or write to end",
        Reason::Set(_) | Reason::CallbackSet(_)
            if wait.waitables.is_empty() && wait.more_waitables == 0 =>
        {
            "waits for an event of a set that has nothing in it"
        }
        Reason::Set(_) | Reason::CallbackSet(_) => "waits for an event of a set of",
    };
    match wait.exclusive_thread {
        Some(_) => format!("{what} (another thread has its instance's exclusive lock)"),
        None => what.to_owned(),
    }
}

fn instance(concurrency: &Concurrency, id: InstanceId) -> String {
    let (_, index) = concurrency.instance(id);
    format!("component instance {}", index.as_u32())
}

/// A task and, if it is known, the function that was called.
fn task(concurrency: &Concurrency, id: TaskId) -> String {
    let number = id.raw().index();
    let payload = concurrency.scheduler.task_payload(id);
    let what = payload.map(|task| match task.work {
        TaskWork::Host { core, .. } => match export_name(task.instance, &core) {
            Some(name) => format!(" (the export `{}`)", guest_name::cut(&name)),
            None => String::new(),
        },
        TaskWork::Guest(adapter) => {
            let funcs = task.instance.tasks().adapter(adapter);
            let caller = funcs.map(|funcs| funcs.caller.as_u32());
            caller.map_or_else(
                |_| String::new(),
                |caller| format!(" (called by component instance {caller})"),
            )
        }
        TaskWork::Start(_) => " (a start function)".to_owned(),
    });
    format!("task {number}{}", what.unwrap_or_default())
}

fn waitable_of(concurrency: &Concurrency, waitable: &WaitableReport) -> String {
    match waitable.kind {
        WaitableKind::Subtask {
            index,
            state,
            callee,
            ..
        } => {
            let callee = match callee {
                Some(callee) => task(concurrency, callee),
                None => "the host".to_owned(),
            };
            let state = match state {
                SubtaskState::Starting => "has not started",
                SubtaskState::Started => "has not returned",
                SubtaskState::Returned => "has returned",
                SubtaskState::CancelledBeforeStarted | SubtaskState::CancelledBeforeReturned => {
                    "was cancelled"
                }
            };
            match index {
                0 => format!("a call, {callee}, that {state}"),
                index => format!("subtask {index}: {callee}, {state}"),
            }
        }
        WaitableKind::End { own, other } => {
            let other = match other {
                Some(other) => end(concurrency, &other),
                None => "dropped".to_owned(),
            };
            format!("{}; the other end: {other}", end(concurrency, &own))
        }
    }
}

fn end(concurrency: &Concurrency, report: &EndReport) -> String {
    let EndKind { transfer, side } = report.kind;
    let side = match side {
        Side::Readable => "readable",
        Side::Writable => "writable",
    };
    let transfer = match transfer {
        TransferKind::Stream => "stream",
        TransferKind::Future => "future",
    };
    let state = match report.state {
        EndState::Idle => "idle",
        EndState::Copying => "copying",
        EndState::CancellingCopy => "cancelling a copy",
        EndState::Done => "done",
    };
    let owner = match report.owner {
        Some(owner) => format!("{}, handle {}", instance(concurrency, owner), report.index),
        None => "the host".to_owned(),
    };
    format!("{side} end of a {transfer} ({owner}), {state}")
}
