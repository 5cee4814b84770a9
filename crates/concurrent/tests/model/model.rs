//! The naive interpreter: `definitions.py`, word for word where that is possible. Who waits has a
//! predicate that is evaluated over and over; nothing is pushed, linked or counted ahead.
//!
//! What the specification leaves open is taken from the trace of the scheduler's run, after checking
//! that it is one of the answers there are. Everything else is computed and must be in the trace.

#[path = "model/steps.rs"]
mod steps;
#[path = "model/tasks.rs"]
mod tasks;
#[path = "model/waitables.rs"]
mod waitables;

use crate::program::{HostOp, Lift, Op, Program};
use crate::trace::{Entry, Why};

/// Why the interpreter stops.
#[derive(Debug)]
pub(crate) enum Stop {
    Trap(&'static str),
    Differs(String),
}

type Step<T = ()> = Result<T, Stop>;

fn trap_if(condition: bool, name: &'static str) -> Step {
    if condition {
        Err(Stop::Trap(name))
    } else {
        Ok(())
    }
}

/// `Table`.
struct Table {
    array: Vec<Option<Handle>>,
    free: Vec<usize>,
}

impl Table {
    fn add(&mut self, handle: Handle) -> usize {
        if let Some(index) = self.free.pop() {
            self.array[index] = Some(handle);
            return index;
        }
        self.array.push(Some(handle));
        self.array.len() - 1
    }

    fn remove(&mut self, index: usize) {
        self.array[index] = None;
        self.free.push(index);
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Handle {
    Thread(usize),
    Set(usize),
    Subtask(usize),
    End(usize),
}

struct Instance {
    handles: Table,
    threads: Table,
    backpressure: u32,
    num_waiting_to_enter: u32,
    exclusive_thread: Option<usize>,
}

/// A `ready_func`.
#[derive(Clone, Copy, PartialEq)]
enum Ready {
    Always,
    NoBackpressure,
    Resolved(usize),
    Pending(usize),
    SetPending(usize),
    ExclusiveFree,
    Callback(usize),
}

/// What a thread does when it goes on.
#[derive(Clone, Copy)]
enum Then {
    Begin,
    Proceed,
    Entered,
    CallReturns(usize),
    CancelReturns(usize),
    CopyReturns(usize),
    SetReturns(usize),
    CallbackYielded,
    CallbackWaited(usize),
}

#[derive(Clone, Copy, PartialEq)]
enum Run {
    Running,
    Blocked,
    Ended,
}

struct Thread {
    run: Run,
    ready_func: Option<Ready>,
    task: usize,
    index: Option<usize>,
    then: Then,
    function: Option<usize>,
    list: usize,
    step: usize,
    callbacks: usize,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum State {
    Initial,
    Started,
    PendingCancel,
    CancelDelivered,
    Resolved,
}

struct Task {
    function: usize,
    instance: usize,
    state: State,
    implicit_thread: usize,
    threads: Vec<usize>,
    caller: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum SubtaskState {
    Starting,
    Started,
    Returned,
    CancelledBeforeStarted,
    CancelledBeforeReturned,
}

#[derive(Clone, Copy, PartialEq)]
enum EndState {
    Idle,
    Copying,
    CancellingCopy,
    Done,
}

#[derive(Clone, Copy)]
struct Buffer {
    tag: u32,
    length: u32,
    progress: u32,
}

impl Buffer {
    fn remain(&self) -> u32 {
        self.length - self.progress
    }
}

enum Kind {
    Subtask {
        state: SubtaskState,
        task: Option<usize>,
        delivered: bool,
        cancellation_requested: bool,
        on_progress: Option<usize>,
        caller: usize,
        /// Its index, and whether it is of a stream, and of numbers.
        argument: Option<(usize, bool, bool)>,
    },
    End {
        reads: bool,
        stream: bool,
        number: bool,
        state: EndState,
        other: Option<usize>,
        buffer: Option<Buffer>,
        owner: Option<usize>,
        index: usize,
    },
}

struct Waitable {
    /// The progress that the pending event was made with.
    pending: Option<u32>,
    set: Option<usize>,
    has_sync_waiter: bool,
    kind: Kind,
}

struct Set {
    elems: Vec<usize>,
    num_waiting: u32,
}

/// How a thread's step leaves it.
enum Flow {
    On,
    Blocked,
    To(usize),
    Ended,
}

type EventTuple = (u32, u32, u32);

pub(crate) struct Model<'p> {
    program: &'p Program,
    deterministic: bool,
    trace: &'p [Entry],
    at: usize,
    instances: Vec<Instance>,
    threads: Vec<Thread>,
    tasks: Vec<Task>,
    waitables: Vec<Waitable>,
    sets: Vec<Set>,
    buffers: u32,
}

/// Follows a trace to its end.
pub(crate) fn follow(
    program: &Program,
    deterministic: bool,
    trace: &[Entry],
) -> Result<(), String> {
    let new_table = || Table {
        array: vec![None],
        free: Vec::new(),
    };
    let mut model = Model {
        program,
        deterministic,
        trace,
        at: 0,
        instances: (0..program.instances)
            .map(|_| Instance {
                handles: new_table(),
                threads: new_table(),
                backpressure: 0,
                num_waiting_to_enter: 0,
                exclusive_thread: None,
            })
            .collect(),
        threads: Vec::new(),
        tasks: Vec::new(),
        waitables: Vec::new(),
        sets: Vec::new(),
        buffers: 0,
    };
    let result = model.host();
    let result = match result {
        Err(Stop::Trap(name)) => model.emit(Entry::Trap(name.to_owned())),
        other => other,
    };
    match result {
        Err(Stop::Differs(how)) => Err(how),
        _ if model.at < trace.len() => Err(format!(
            "the model ends before {:?} at {}",
            trace[model.at], model.at
        )),
        _ => Ok(()),
    }
}

/// The event loop, and the trace.
impl Model<'_> {
    fn host(&mut self) -> Step {
        for (number, &op) in self.program.host.iter().enumerate() {
            self.emit(Entry::Host(number))?;
            match op {
                HostOp::Call(selector) => {
                    let function = usize::from(selector) % self.program.functions.len();
                    self.canon_lift(function, None)?;
                }
                HostOp::Finish(selector) => {
                    let function = usize::from(selector) % self.program.functions.len();
                    let task = self.canon_lift(function, None)?;
                    while self.tasks[task].state != State::Resolved {
                        let is_stuck = !self.tick()?;
                        trap_if(is_stuck, "Deadlock")?;
                    }
                }
                HostOp::Tick => {
                    self.tick()?;
                }
            }
        }
        while self.tick()? {}
        Ok(())
    }

    fn emit(&mut self, entry: Entry) -> Step {
        let expected = self.trace.get(self.at);
        if expected != Some(&entry) {
            return Err(Stop::Differs(format!(
                "at {}: the model has {entry:?}, the scheduler {expected:?}",
                self.at
            )));
        }
        self.at += 1;
        Ok(())
    }

    fn peek(&self) -> Option<&Entry> {
        self.trace.get(self.at)
    }

    /// `random.choice` of candidates, as it was in the trace.
    fn choice(&mut self, candidates: &[usize], why: Why) -> Step<usize> {
        match self.peek() {
            Some(&Entry::Resume(thread, reason))
                if reason == why && candidates.contains(&thread) =>
            {
                Ok(thread)
            }
            other => Err(Stop::Differs(format!(
                "at {}: the scheduler has {other:?}, the candidates for {why:?} are {candidates:?}",
                self.at
            ))),
        }
    }

    fn tick(&mut self) -> Step<bool> {
        let candidates: Vec<usize> = (0..self.threads.len())
            .filter(|&thread| self.is_ready(thread))
            .collect();
        if candidates.is_empty() {
            self.emit(Entry::Idle)?;
            return Ok(false);
        }
        let thread = self.choice(&candidates, Why::Tick)?;
        self.resume(thread, Why::Tick)?;
        Ok(true)
    }

    fn candidates_in(&self, instance: usize) -> Vec<usize> {
        let threads = self.instances[instance].threads.array.iter().flatten();
        threads
            .filter_map(|&handle| match handle {
                Handle::Thread(thread) => Some(thread),
                _ => None,
            })
            .filter(|&thread| self.is_ready(thread))
            .collect()
    }
}

/// `Thread`.
impl Model<'_> {
    fn instance_of(&self, thread: usize) -> usize {
        self.tasks[self.threads[thread].task].instance
    }

    fn is_suspended(&self, thread: usize) -> bool {
        self.threads[thread].run == Run::Blocked && self.threads[thread].ready_func.is_none()
    }

    fn is_ready(&self, thread: usize) -> bool {
        let found = &self.threads[thread];
        found.run == Run::Blocked
            && found
                .ready_func
                .is_some_and(|ready| self.holds(thread, ready))
    }

    fn holds(&self, thread: usize, ready: Ready) -> bool {
        let instance = self.instance_of(thread);
        let exclusive_is_free = self.instances[instance].exclusive_thread.is_none();
        match ready {
            Ready::Always => true,
            Ready::NoBackpressure => !self.has_backpressure(self.threads[thread].task),
            Ready::Resolved(subtask) => self.is_resolved(subtask),
            Ready::Pending(waitable) => self.waitables[waitable].pending.is_some(),
            Ready::SetPending(set) => self.set_has_pending_event(set),
            Ready::ExclusiveFree => exclusive_is_free,
            Ready::Callback(set) => {
                let task = &self.tasks[self.threads[thread].task];
                exclusive_is_free
                    && (self.set_has_pending_event(set) || task.state == State::PendingCancel)
            }
        }
    }

    fn new_thread(&mut self, task: usize, function: Option<usize>, list: usize) -> usize {
        self.threads.push(Thread {
            run: Run::Blocked,
            ready_func: None,
            task,
            index: None,
            then: match function {
                Some(_) => Then::Begin,
                None => Then::Proceed,
            },
            function,
            list,
            step: 0,
            callbacks: 0,
        });
        self.threads.len() - 1
    }

    fn resume(&mut self, thread: usize, why: Why) -> Step {
        self.emit(Entry::Resume(thread, why))?;
        let mut thread = thread;
        loop {
            self.threads[thread].ready_func = None;
            self.threads[thread].run = Run::Running;
            match self.run(thread)? {
                Flow::To(other) => {
                    self.emit(Entry::To(thread, other))?;
                    self.threads[thread].run = Run::Blocked;
                    thread = other;
                }
                Flow::Ended => {
                    self.threads[thread].run = Run::Ended;
                    return self.emit(Entry::Ended(thread));
                }
                Flow::Blocked | Flow::On => {
                    self.threads[thread].run = Run::Blocked;
                    return self.emit(Entry::Blocked(thread));
                }
            }
        }
    }

    /// `Thread.wait_until`. Whether it goes on at once is seen in the trace.
    fn wait_until(&mut self, thread: usize, ready: Ready, then: Then) -> Step<Flow> {
        let holds = self.holds(thread, ready);
        // First come, first served, an event that is there is taken at once.
        if holds && self.deterministic && matches!(ready, Ready::SetPending(_)) {
            return self.go_on(thread, then);
        }
        let may_stay = holds && !self.deterministic;
        if may_stay && self.peek() != Some(&Entry::Blocked(thread)) {
            return self.go_on(thread, then);
        }
        self.threads[thread].then = then;
        self.threads[thread].ready_func = Some(ready);
        Ok(Flow::Blocked)
    }

    fn run(&mut self, thread: usize) -> Step<Flow> {
        let then = std::mem::replace(&mut self.threads[thread].then, Then::Proceed);
        let mut flow = self.go_on(thread, then)?;
        while let Flow::On = flow {
            let found = &mut self.threads[thread];
            let (list, step) = (found.list, found.step);
            found.step += 1;
            flow = match self.program.lists[list].get(step) {
                Some(&op) => self.perform(thread, list, op)?,
                None => self.finish(thread)?,
            };
        }
        Ok(flow)
    }

    fn go_on(&mut self, thread: usize, then: Then) -> Step<Flow> {
        match then {
            Then::Begin => return self.enter_implicit_thread(thread),
            Then::Proceed => {}
            Then::Entered => {
                let instance = self.instance_of(thread);
                self.instances[instance].num_waiting_to_enter -= 1;
                self.enter_now(thread)?;
            }
            Then::CallReturns(subtask) => self.deliver_call(thread, subtask)?,
            Then::CancelReturns(subtask) => {
                self.waitables[subtask].has_sync_waiter = false;
                let event = self.get_pending_event(subtask);
                self.emit_event(thread, event)?;
            }
            Then::CopyReturns(end) => {
                self.waitables[end].has_sync_waiter = false;
                let event = self.get_pending_event(end);
                self.emit_event(thread, event)?;
            }
            Then::SetReturns(set) => {
                self.sets[set].num_waiting -= 1;
                let event = self.get_pending_event_of(set)?;
                self.emit_event(thread, event)?;
            }
            Then::CallbackYielded => {
                let event = match self.deliver_pending_cancel(thread) {
                    true => (6, 0, 0),
                    false => (0, 0, 0),
                };
                self.take_lock(thread);
                self.call_back(thread, event)?;
            }
            Then::CallbackWaited(set) => {
                self.sets[set].num_waiting -= 1;
                let event = match self.deliver_pending_cancel(thread) {
                    true => (6, 0, 0),
                    false => self.get_pending_event_of(set)?,
                };
                self.take_lock(thread);
                self.call_back(thread, event)?;
            }
        }
        Ok(Flow::On)
    }

    fn take_lock(&mut self, thread: usize) {
        let instance = self.instance_of(thread);
        assert_eq!(self.instances[instance].exclusive_thread, None);
        self.instances[instance].exclusive_thread = Some(thread);
    }

    fn call_back(&mut self, thread: usize, event: EventTuple) -> Step {
        let found = &mut self.threads[thread];
        let function = found
            .function
            .expect("only implicit threads are called back");
        found.list = self.program.callback_list(function, found.callbacks);
        found.callbacks += 1;
        found.step = 0;
        self.emit(Entry::Callback(thread, event.0, event.1, event.2))
    }

    fn emit_event(&mut self, thread: usize, event: EventTuple) -> Step {
        self.emit(Entry::Event(thread, event.0, event.1, event.2))
    }
}
