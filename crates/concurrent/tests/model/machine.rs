//! Runs a program on the scheduler, as a runtime would, with interpreters instead of stacks.

#[path = "machine/steps.rs"]
mod steps;

use std::collections::BTreeMap;

use threadline_concurrent::{
    Bug, CallbackNext, Counts, EndId, Event, InstanceId, NewTask, Outcome, Payload, Platform,
    Recording, Schedule, Scheduler, SetId, Side, SubtaskId, Table, TaskId, TaskState, ThreadId,
    TransferKind, Trap, Wait,
};

use crate::program::{Code, HostOp, Lift, Op, Program, Wrong};
use crate::script::{Act, Asked, Ends, Passed};
use crate::trace::{Entry, Why, pick_passed, pick_set, wrong_set};

pub(crate) struct Fake;

/// Where a thread is in its program.
pub(crate) struct Body {
    number: usize,
    /// The function whose implicit thread it is.
    function: Option<usize>,
    list: usize,
    step: usize,
    callbacks: usize,
    /// What came of its last step.
    found: [u32; 3],
    /// Whether that is an event of which only the payload is seen.
    sees_payload: bool,
}

/// What a task is a call of.
#[derive(Clone, Copy)]
pub(crate) struct Called {
    /// The number of its implicit thread.
    number: usize,
    function: usize,
    by_guest: bool,
}

impl Platform for Fake {
    type Thread = Body;
    type Task = Called;
    type Subtask = Passing;
    type Buffer = u32;
    type Payload = Element;
}

/// What goes with a call, in the caller's table, and what has come back, there.
#[derive(Clone, Copy, Default)]
pub(crate) struct Passing {
    /// The number of the callee's thread.
    number: u32,
    argument: Option<Passed>,
    result: Option<Passed>,
}

/// Why a run ends early.
pub(crate) enum Stop {
    /// The scheduler says so.
    Trap(Trap),
    /// An index is not that of an end that could be passed on: what the driver finds.
    Handle(&'static str),
}

impl From<Trap> for Stop {
    fn from(trap: Trap) -> Stop {
        Stop::Trap(trap)
    }
}

impl Stop {
    /// What it is called in the trace.
    fn name(&self) -> String {
        match self {
            Stop::Trap(trap) => {
                let name = format!("{trap:?}");
                name.split('(').next().unwrap().to_owned()
            }
            Stop::Handle(name) => (*name).to_owned(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Element {
    is_number: bool,
}

impl Payload for Element {
    fn is_none_or_number(&self) -> bool {
        self.is_number
    }
}

#[derive(Clone, Copy)]
enum Handle {
    Set(SetId),
    Subtask(SubtaskId),
    End(EndId),
}

/// How an operation goes on.
enum Next {
    On,
    Blocked,
    To(ThreadId),
}

pub(crate) struct Machine<'p> {
    program: &'p Program,
    scheduler: Scheduler<Fake>,
    instances: Vec<InstanceId>,
    handles: BTreeMap<InstanceId, Table<Handle>>,
    threads: usize,
    buffers: u32,
    trace: Vec<Entry>,
    script: Vec<Asked>,
}

/// What comes of a run.
pub(crate) struct Ran {
    pub(crate) trace: Vec<Entry>,
    /// What there is after all instances are freed.
    pub(crate) left: Counts,
    pub(crate) recording: Recording,
    pub(crate) script: Vec<Asked>,
}

/// Runs a program to its end.
pub(crate) fn run(program: &Program, schedule: Box<dyn Schedule>) -> Ran {
    let mut scheduler = Scheduler::new();
    scheduler.set_schedule(schedule);
    scheduler.record();
    let instances: Vec<InstanceId> = (0..program.instances)
        .map(|_| scheduler.new_instance())
        .collect();
    let mut machine = Machine {
        program,
        scheduler,
        handles: instances
            .iter()
            .map(|&instance| (instance, Table::default()))
            .collect(),
        instances,
        threads: 0,
        buffers: 0,
        trace: Vec::new(),
        script: Vec::new(),
    };
    if let Err(stop) = machine.host() {
        if let Stop::Trap(trap) = &stop {
            assert!(!trap.is_bug(), "{trap}; after {:#?}", machine.trace);
        }
        machine.trace.push(Entry::Trap(stop.name()));
        machine.unwind();
    }
    // What is told to others when an instance is freed is no part of the run.
    let recording = machine.scheduler.take_recording();
    machine.lock_all();
    assert_eq!(machine.scheduler.next_ready(), None);
    for instance in machine.instances.clone() {
        let mut take = |_| {};
        machine
            .scheduler
            .remove_instance(instance, &mut take)
            .unwrap();
    }
    Ran {
        trace: machine.trace,
        left: machine.scheduler.counts(),
        recording,
        script: machine.script,
    }
}

impl Machine<'_> {
    fn host(&mut self) -> Result<(), Stop> {
        for (number, &op) in self.program.host.iter().enumerate() {
            self.trace.push(Entry::Host(number));
            match op {
                HostOp::Call(selector) => {
                    let function = usize::from(selector) % self.program.functions.len();
                    self.call(function, None)?;
                }
                HostOp::Finish(selector) => {
                    let function = usize::from(selector) % self.program.functions.len();
                    let task = self.call(function, None)?;
                    while self.scheduler.task_state(task) != TaskState::Resolved {
                        if !self.tick()? {
                            return Err(Trap::Deadlock.into());
                        }
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

    /// Ends all that runs, as a trap does on its way out: when the first thread has gone, what is in the same
    /// component is locked.
    fn unwind(&mut self) {
        while self.scheduler.depth() > 0 {
            if self.scheduler.current().is_some() {
                self.scheduler.abandon_thread().unwrap();
            }
            self.scheduler.end_resume().unwrap();
            self.lock_all();
        }
    }

    /// Those first that a component instantiates first: who is called before who calls. What is told by then
    /// to who isn't locked yet may be decided on.
    fn lock_all(&mut self) {
        for &instance in self.instances.iter().rev() {
            self.scheduler.lock(instance).unwrap();
        }
    }

    fn tick(&mut self) -> Result<bool, Stop> {
        match self.scheduler.next_ready() {
            Some(thread) => {
                self.resume(thread, Why::Tick)?;
                Ok(true)
            }
            None => {
                self.trace.push(Entry::Idle);
                Ok(false)
            }
        }
    }

    /// `canon_lift`, without what concerns the caller.
    fn call(&mut self, function: usize, caller: Option<SubtaskId>) -> Result<TaskId, Stop> {
        let found = &self.program.functions[function];
        let instance = self.instances[found.instance];
        let is_async = found.lift != Lift::Sync;
        let number = self.threads;
        let (task, thread) = self.scheduler.new_task(NewTask {
            instance,
            async_typed: is_async,
            needs_exclusive: matches!(found.lift, Lift::Exclusive | Lift::Callback),
            caller,
            task: || Called {
                number,
                function,
                by_guest: caller.is_some(),
            },
            thread: || Body {
                number,
                function: Some(function),
                list: found.body,
                step: 0,
                callbacks: 0,
                found: [0; 3],
                sees_payload: false,
            },
        })?;
        self.threads += 1;
        self.resume(thread, Why::Call)?;
        while !is_async && self.scheduler.task_state(task) != TaskState::Resolved {
            let next = self.scheduler.next_ready_in(instance);
            let next = next.ok_or(Trap::SyncTaskBlocked)?;
            self.resume(next, Why::Sync(number))?;
        }
        Ok(task)
    }

    fn resume(&mut self, thread: ThreadId, why: Why) -> Result<(), Stop> {
        let number = self.body(thread).number;
        self.trace.push(Entry::Resume(number, why));
        self.scheduler.begin_resume(thread)?;
        let mut current = thread;
        loop {
            let number = self.body(current).number;
            match self.run(current)? {
                Some(next) => {
                    let other = self.body(next).number;
                    self.trace.push(Entry::To(number, other));
                    current = next;
                }
                None => return Ok(self.scheduler.end_resume()?),
            }
        }
    }

    /// Runs the current thread until it blocks, ends or names another one.
    fn run(&mut self, thread: ThreadId) -> Result<Option<ThreadId>, Stop> {
        let number = self.body(thread).number;
        let mut next = self.go_on(thread)?;
        loop {
            match next {
                Next::Blocked => {
                    if self.scheduler.status(thread).is_some() {
                        self.trace.push(Entry::Blocked(number));
                    } else {
                        self.trace.push(Entry::Ended(number));
                    }
                    return Ok(None);
                }
                Next::To(other) => return Ok(Some(other)),
                Next::On => next = self.step(thread)?,
            }
        }
    }

    fn go_on(&mut self, thread: ThreadId) -> Result<Next, Stop> {
        let number = self.body(thread).number;
        match self.scheduler.take_outcome()? {
            Outcome::Resumed => {
                let instance = self.scheduler.instance_of(thread).unwrap();
                if self.scheduler.thread_index()? != 0 {
                    return Ok(Next::On);
                }
                assert!(!self.scheduler.is_locked(instance));
                match self.scheduler.enter()? {
                    Wait::Ready(()) => self.start(thread)?,
                    Wait::Block => return Ok(Next::Blocked),
                }
            }
            Outcome::Entered => self.start(thread)?,
            Outcome::SubtaskResolved(subtask) => self.finish_call(number, subtask)?,
            Outcome::Event(event) => self.deliver(number, event),
            Outcome::Callback(event) => self.call_back(thread, event),
            Outcome::Trap(trap) => return Err(trap.into()),
        }
        Ok(Next::On)
    }

    fn start(&mut self, thread: ThreadId) -> Result<(), Stop> {
        let number = self.body(thread).number;
        let caller = self.scheduler.start()?;
        self.trace.push(Entry::Started(number));
        let Some(caller) = caller else {
            return Ok(());
        };
        let Some(argument) = self.scheduler.subtask_payload(caller).unwrap().argument else {
            return Ok(());
        };
        let from = self.scheduler.caller_instance(caller).unwrap();
        let to = self.scheduler.current_instance()?;
        let passed = self.pass(number, "parameter", argument, [from, to])?;
        let body = self.scheduler.thread_payload_mut(thread).unwrap();
        let [kind, index] = Passed::told(Some(passed));
        body.found = [kind, index, 0];
        Ok(())
    }

    /// A readable end goes from table to table, if it is there, of the right type, and nothing else is done
    /// with it.
    fn pass(
        &mut self,
        number: usize,
        what: &'static str,
        passed: Passed,
        [from, to]: [InstanceId; 2],
    ) -> Result<Passed, Stop> {
        let end = match self.handles[&from].get(passed.index) {
            Some(&Handle::End(end)) if self.type_of(end) == (passed.ends, true) => end,
            Some(_) => return Err(Stop::Handle("WrongHandleType")),
            None => return Err(Stop::Handle("UnknownHandle")),
        };
        self.handles.get_mut(&from).unwrap().remove(passed.index);
        self.scheduler.lift_end(end)?;
        let index = self.add(to, Handle::End(end));
        self.scheduler.lower_end(end, to, index)?;
        self.trace
            .push(Entry::Passed(number, what, passed.index, index));
        Ok(Passed { index, ..passed })
    }

    /// What a built-in says of an index that isn't what it takes.
    fn wrong_handle(&self, instance: InstanceId, index: u32) -> Stop {
        Stop::Handle(match self.handles[&instance].get(index) {
            Some(_) => "WrongHandleType",
            None => "UnknownHandle",
        })
    }

    /// The type of streams or futures that an end is of, and whether it is readable.
    fn type_of(&self, end: EndId) -> (Ends, bool) {
        let (kind, ..) = self.scheduler.end_state(end).unwrap();
        let element = self.scheduler.end_payload(end).unwrap();
        let ends = Ends {
            are_streams: kind.transfer == TransferKind::Stream,
            of_numbers: element.is_number,
        };
        (ends, kind.side == Side::Readable)
    }

    /// The readable end that a selector selects, to go with the current task's result, if that is for a
    /// guest; and whether it is.
    fn to_return(&self, selector: Option<u8>) -> Result<(bool, Option<Passed>), Stop> {
        let to_guest = self.scheduler.check_return()?.is_some();
        let selector = selector.filter(|_| to_guest);
        let instance = self.scheduler.current_instance()?;
        Ok((to_guest, self.select_passed(instance, selector)))
    }

    fn select_passed(&self, instance: InstanceId, selector: Option<u8>) -> Option<Passed> {
        let index = pick_passed(&self.seen(instance), selector?)?;
        match self.handles[&instance].get(index) {
            Some(&Handle::End(end)) => Some(Passed {
                ends: self.type_of(end).0,
                index,
            }),
            _ => unreachable!("ends are picked"),
        }
    }

    /// The current task returns.
    fn return_(&mut self, number: usize, passed: Option<Passed>) -> Result<(), Stop> {
        let caller = self.scheduler.check_return()?;
        if let (Some(caller), Some(passed)) = (caller, passed) {
            let from = self.scheduler.current_instance()?;
            let to = self.scheduler.caller_instance(caller).unwrap();
            let result = self.pass(number, "result", passed, [from, to])?;
            let payload = self.scheduler.subtask_payload_mut(caller).unwrap();
            payload.result = Some(result);
        }
        self.scheduler.return_()?;
        self.did(number, "return", 0);
        Ok(())
    }

    fn call_back(&mut self, thread: ThreadId, event: Event) {
        let body = self.scheduler.thread_payload_mut(thread).unwrap();
        let function = body.function.unwrap();
        body.list = self.program.callback_list(function, body.callbacks);
        body.callbacks += 1;
        body.step = 0;
        body.found = [event.code as u32, event.index, event.payload];
        let number = body.number;
        self.trace.push(Entry::Callback(
            number,
            event.code as u32,
            event.index,
            event.payload,
        ));
    }

    /// What the current thread does next.
    fn ask(&mut self, act: Act) {
        let current = self.scheduler.current().unwrap();
        let body = self.scheduler.thread_payload_mut(current).unwrap();
        let found = std::mem::take(&mut body.found);
        let thread = body.number as u32;
        body.sees_payload = matches!(
            act,
            Act::CancelSubtask(..) | Act::Copy { .. } | Act::CancelCopy { .. }
        );
        self.script.push(Asked { thread, found, act });
    }

    fn find(&mut self, found: [u32; 3]) {
        let current = self.scheduler.current();
        if let Some(body) = current.and_then(|id| self.scheduler.thread_payload_mut(id)) {
            body.found = match body.sees_payload {
                true => [found[2], 0, 0],
                false => found,
            };
        }
    }

    fn deliver(&mut self, number: usize, event: Event) {
        self.find([event.code as u32, event.index, event.payload]);
        self.trace.push(Entry::Event(
            number,
            event.code as u32,
            event.index,
            event.payload,
        ));
    }

    fn finish_call(&mut self, number: usize, subtask: SubtaskId) -> Result<(), Stop> {
        let state = self.scheduler.subtask_state(subtask).unwrap();
        let result = self
            .scheduler
            .finish_subtask(subtask, |passing| passing.result)?;
        self.did(number, "call", state as u32);
        let [kind, index] = Passed::told(result);
        self.find([state as u32, kind, index]);
        Ok(())
    }

    fn did(&mut self, number: usize, what: &'static str, result: u32) {
        self.find([result, 0, 0]);
        self.trace.push(Entry::Did(number, what, result));
    }

    fn body(&self, thread: ThreadId) -> &Body {
        self.scheduler.thread_payload(thread).unwrap()
    }

    fn add(&mut self, instance: InstanceId, handle: Handle) -> u32 {
        self.handles
            .get_mut(&instance)
            .unwrap()
            .add(handle)
            .unwrap()
    }

    fn step(&mut self, thread: ThreadId) -> Result<Next, Stop> {
        let body = self.scheduler.thread_payload_mut(thread).unwrap();
        let (list, step) = (body.list, body.step);
        body.step += 1;
        match self.program.lists[list].get(step) {
            Some(&op) => self.perform(thread, list, op),
            None => self.finish(thread),
        }
    }

    /// The end of a list.
    fn finish(&mut self, thread: ThreadId) -> Result<Next, Stop> {
        let body = self.body(thread);
        let (number, callbacks) = (body.number, body.callbacks);
        if let Some(function) = body.function {
            let found = &self.program.functions[function];
            if found.lift == Lift::Callback
                && let Some(&code) = found.codes.get(callbacks)
                && let Some(next) = self.between_callbacks(thread, code)?
            {
                return Ok(next);
            }
            let task = self.scheduler.current_task()?;
            let state = self.scheduler.task_state(task);
            let is_sync = matches!(found.lift, Lift::Sync | Lift::Exclusive);
            let returns = found.returns && state != TaskState::Resolved;
            let is_returning = is_sync || returns;
            let (to_guest, passed) = match is_returning {
                true => self.to_return(found.passes)?,
                false => (false, None),
            };
            if is_sync {
                self.ask(Act::Leave { code: 0, passed });
            } else if returns {
                self.ask(Act::Return { to_guest, passed });
            }
            if is_returning {
                self.return_(number, passed)?;
            }
            if !is_sync {
                self.leave();
            }
        } else {
            self.leave();
        }
        self.scheduler.exit_thread(|_| ())?;
        Ok(Next::Blocked)
    }

    fn leave(&mut self) {
        self.ask(Act::Leave {
            code: 0,
            passed: None,
        });
    }

    fn between_callbacks(&mut self, thread: ThreadId, code: Code) -> Result<Option<Next>, Stop> {
        let instance = self.scheduler.current_instance()?;
        let packed = match code {
            Code::Yield => 1,
            Code::Wait(selector) => match pick_set(&self.seen(instance), selector) {
                Some(index) => 2 | index << 4,
                None => return Ok(None),
            },
            Code::Wrong(selector) if selector.is_multiple_of(2) => 3 + u32::from(selector) % 13,
            Code::Wrong(selector) => {
                let index = wrong_set(&self.seen(instance), selector);
                self.ask(Act::Leave {
                    code: 2 | index << 4,
                    passed: None,
                });
                return Err(self.wrong_handle(instance, index));
            }
        };
        self.ask(Act::Leave {
            code: packed,
            passed: None,
        });
        let handles = &self.handles[&instance];
        let next = self
            .scheduler
            .callback_returned(packed, |index| match handles.get(index) {
                Some(&Handle::Set(set)) => Ok(set),
                _ => Err(Trap::Internal(Bug::NoSuchSet)),
            })?;
        Ok(match next {
            CallbackNext::Exit => None,
            CallbackNext::Call(event) => {
                self.call_back(thread, event);
                Some(Next::On)
            }
            CallbackNext::Block => Some(Next::Blocked),
        })
    }
}
