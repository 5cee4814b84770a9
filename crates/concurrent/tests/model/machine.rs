//! Runs a program on the scheduler, as a runtime would, with interpreters instead of stacks.

use std::collections::BTreeMap;

use threadline_concurrent::{
    CallbackNext, CancelRequest, CancelSubtask, Copying, Counts, EndId, EndState, Event,
    Forwarding, InstanceId, NewTask, Outcome, Payload, Platform, Recording, Released, Schedule,
    Scheduler, SetId, Side, Status, SubtaskId, SubtaskState, Switch, Table, TaskId, TaskState,
    ThreadId, Transfer, TransferKind, Trap, Wait, WaitableKind,
};

use crate::program::{Code, HostOp, Lift, Op, Program};
use crate::trace::{Entry, Seen, Why, pick_handle, pick_passed, pick_set, pick_sink, pick_thread};

pub(crate) struct Fake;

/// Where a thread is in its program.
pub(crate) struct Body {
    number: usize,
    /// The function whose implicit thread it is.
    function: Option<usize>,
    list: usize,
    step: usize,
    callbacks: usize,
}

impl Platform for Fake {
    type Thread = Body;
    /// The number of its implicit thread, and the function.
    type Task = (usize, usize);
    /// Where the argument is in the caller's table.
    type Subtask = Option<u32>;
    type Buffer = u32;
    type Payload = Element;
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
}

/// What comes of a run.
pub(crate) struct Ran {
    pub(crate) trace: Vec<Entry>,
    /// What there is after all instances are freed.
    pub(crate) left: Counts,
    pub(crate) recording: Recording,
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
    };
    if let Err(trap) = machine.host() {
        assert!(!trap.is_bug(), "{trap}; after {:#?}", machine.trace);
        let name = format!("{trap:?}");
        let name = name.split('(').next().unwrap().to_owned();
        machine.trace.push(Entry::Trap(name));
        machine.unwind();
    }
    for instance in machine.instances.clone() {
        let mut threads = 0;
        let mut take = |released| threads += usize::from(matches!(released, Released::Thread(_)));
        machine
            .scheduler
            .remove_instance(instance, &mut take)
            .unwrap();
    }
    Ran {
        trace: machine.trace,
        left: machine.scheduler.counts(),
        recording: machine.scheduler.take_recording(),
    }
}

impl Machine<'_> {
    fn host(&mut self) -> Result<(), Trap> {
        for (number, &op) in self.program.host.iter().enumerate() {
            self.trace.push(Entry::Host(number));
            match op {
                HostOp::Call(selector) => {
                    let function = usize::from(selector) % self.program.functions.len();
                    self.call(function, None)?;
                }
                HostOp::Tick => {
                    self.tick()?;
                }
            }
        }
        while self.tick()? {}
        Ok(())
    }

    /// Ends all that runs, as a trap does on its way out.
    fn unwind(&mut self) {
        for instance in self.instances.clone() {
            self.scheduler.lock(instance).unwrap();
        }
        while self.scheduler.depth() > 0 {
            if self.scheduler.current().is_some() {
                self.scheduler.abandon_thread().unwrap();
            }
            self.scheduler.end_resume().unwrap();
        }
        assert_eq!(self.scheduler.next_ready(), None);
    }

    fn tick(&mut self) -> Result<bool, Trap> {
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
    fn call(&mut self, function: usize, caller: Option<SubtaskId>) -> Result<(), Trap> {
        let found = &self.program.functions[function];
        let instance = self.instances[found.instance];
        let is_async = found.lift != Lift::Sync;
        let number = self.threads;
        let (task, thread) = self.scheduler.new_task(NewTask {
            instance,
            async_typed: is_async,
            needs_exclusive: matches!(found.lift, Lift::Exclusive | Lift::Callback),
            caller,
            task: (number, function),
            thread: Body {
                number,
                function: Some(function),
                list: found.body,
                step: 0,
                callbacks: 0,
            },
        })?;
        self.threads += 1;
        self.resume(thread, Why::Call)?;
        while !is_async && self.scheduler.task_state(task) != TaskState::Resolved {
            let next = self.scheduler.next_ready_in(instance);
            let next = next.ok_or(Trap::SyncTaskBlocked)?;
            self.resume(next, Why::Sync(number))?;
        }
        Ok(())
    }

    fn resume(&mut self, thread: ThreadId, why: Why) -> Result<(), Trap> {
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
                None => return self.scheduler.end_resume(),
            }
        }
    }

    /// Runs the current thread until it blocks, ends or names another one.
    fn run(&mut self, thread: ThreadId) -> Result<Option<ThreadId>, Trap> {
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

    fn go_on(&mut self, thread: ThreadId) -> Result<Next, Trap> {
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
            Outcome::Trap(trap) => return Err(trap),
        }
        Ok(Next::On)
    }

    fn start(&mut self, thread: ThreadId) -> Result<(), Trap> {
        let number = self.body(thread).number;
        let caller = self.scheduler.start()?;
        self.trace.push(Entry::Started(number));
        let Some(caller) = caller else {
            return Ok(());
        };
        let Some(argument) = *self.scheduler.subtask_payload(caller).unwrap() else {
            return Ok(());
        };
        let from = self.scheduler.caller_instance(caller).unwrap();
        // What the caller has dropped or used up meanwhile can't be lifted; it goes without.
        let Some(&Handle::End(end)) = self.handles[&from].get(argument) else {
            return Ok(());
        };
        let (kind, ..) = self.scheduler.end_state(end).unwrap();
        if kind.side != Side::Readable {
            return Ok(());
        }
        self.handles.get_mut(&from).unwrap().remove(argument);
        self.scheduler.lift_end(end)?;
        let instance = self.scheduler.current_instance()?;
        let index = self.add(instance, Handle::End(end));
        self.scheduler.lower_end(end, instance, index)
    }

    fn call_back(&mut self, thread: ThreadId, event: Event) {
        let body = self.scheduler.thread_payload_mut(thread).unwrap();
        let function = body.function.unwrap();
        body.list = self.program.callback_list(function, body.callbacks);
        body.callbacks += 1;
        body.step = 0;
        let number = body.number;
        self.trace.push(Entry::Callback(
            number,
            event.code as u32,
            event.index,
            event.payload,
        ));
    }

    fn deliver(&mut self, number: usize, event: Event) {
        self.trace.push(Entry::Event(
            number,
            event.code as u32,
            event.index,
            event.payload,
        ));
    }

    fn finish_call(&mut self, number: usize, subtask: SubtaskId) -> Result<(), Trap> {
        let state = self.scheduler.subtask_state(subtask).unwrap();
        self.scheduler.finish_subtask(subtask)?;
        self.did(number, "call", state as u32);
        Ok(())
    }

    fn did(&mut self, number: usize, what: &'static str, result: u32) {
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

    fn step(&mut self, thread: ThreadId) -> Result<Next, Trap> {
        let body = self.scheduler.thread_payload_mut(thread).unwrap();
        let (list, step) = (body.list, body.step);
        body.step += 1;
        match self.program.lists[list].get(step) {
            Some(&op) => self.perform(thread, list, op),
            None => self.finish(thread),
        }
    }

    /// The end of a list.
    fn finish(&mut self, thread: ThreadId) -> Result<Next, Trap> {
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
            if is_sync || (found.returns && state != TaskState::Resolved) {
                self.scheduler.check_return()?;
                self.scheduler.return_()?;
                self.did(number, "return", 0);
            }
        }
        self.scheduler.exit_thread()?;
        Ok(Next::Blocked)
    }

    fn between_callbacks(&mut self, thread: ThreadId, code: Code) -> Result<Option<Next>, Trap> {
        let instance = self.scheduler.current_instance()?;
        let packed = match code {
            Code::Yield => 1,
            Code::Wait(selector) => match pick_set(&self.seen(instance), selector) {
                Some(index) => 2 | index << 4,
                None => return Ok(None),
            },
        };
        let handles = &self.handles[&instance];
        let next = self
            .scheduler
            .callback_returned(packed, |index| match handles.get(index) {
                Some(&Handle::Set(set)) => Ok(set),
                _ => Err(Trap::Internal("not a set")),
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

    fn switch(&mut self, number: usize, what: &'static str, switch: Switch) -> Next {
        match switch {
            Switch::Stay => {
                self.did(number, what, 0);
                Next::On
            }
            Switch::Block => Next::Blocked,
            Switch::To(other) => Next::To(other),
        }
    }

    fn waited(&mut self, number: usize, wait: Wait<Event>) -> Next {
        match wait {
            Wait::Ready(event) => {
                self.deliver(number, event);
                Next::On
            }
            Wait::Block => Next::Blocked,
        }
    }

    fn seen_threads(&self, instance: InstanceId) -> Vec<(u32, bool)> {
        (1..=self.threads as u32)
            .filter_map(|index| {
                let thread = self.scheduler.thread_at(instance, index)?;
                let suspended = self.scheduler.status(thread)? == Status::Suspended;
                Some((index, suspended))
            })
            .collect()
    }

    fn seen(&self, instance: InstanceId) -> Vec<(u32, Seen)> {
        self.handles[&instance]
            .iter()
            .map(|(index, &handle)| (index, self.see(handle)))
            .collect()
    }

    fn see(&self, handle: Handle) -> Seen {
        let report = match handle {
            Handle::Set(set) => {
                let (len, waiting) = self.scheduler.set_report(set).unwrap();
                return Seen::Set {
                    empty: len == 0,
                    waited: waiting > 0,
                };
            }
            Handle::Subtask(subtask) => self.scheduler.waitable_report(subtask).unwrap(),
            Handle::End(end) => self.scheduler.waitable_report(end).unwrap(),
        };
        let joined = report.set.is_some();
        let busy = report.has_sync_waiter;
        match report.kind {
            WaitableKind::Subtask {
                cancellation_requested,
                resolve_delivered,
                ..
            } => Seen::Subtask {
                delivered: resolve_delivered,
                cancelled: cancellation_requested,
                joined,
                busy,
            },
            WaitableKind::End { own, .. } => Seen::End {
                reads: own.kind.side == Side::Readable,
                stream: own.kind.transfer == TransferKind::Stream,
                idle: own.state == EndState::Idle,
                copying: own.state == EndState::Copying,
                done: own.state == EndState::Done,
                joined,
                busy,
            },
        }
    }

    fn perform(&mut self, thread: ThreadId, list: usize, op: Op) -> Result<Next, Trap> {
        let number = self.body(thread).number;
        let instance = self.scheduler.current_instance()?;
        let result = match op {
            Op::Yield => {
                let switch = self.scheduler.thread_yield()?;
                return Ok(self.switch(number, "yield", switch));
            }
            Op::Suspend => {
                let switch = self.scheduler.thread_suspend()?;
                return Ok(self.switch(number, "suspend", switch));
            }
            Op::NewThread(selector) => {
                let Some(list) = self.program.thread_list(list, selector) else {
                    return Ok(Next::On);
                };
                let (_, index) = self.scheduler.thread_new(Body {
                    number: self.threads,
                    function: None,
                    list,
                    step: 0,
                    callbacks: 0,
                })?;
                self.threads += 1;
                index
            }
            Op::ResumeLater(_)
            | Op::SuspendThenResume(_)
            | Op::YieldThenResume(_)
            | Op::SuspendThenPromote(_)
            | Op::YieldThenPromote(_) => return self.perform_on_thread(number, instance, op),
            Op::BackpressureInc => {
                self.scheduler.backpressure_inc(instance)?;
                0
            }
            Op::BackpressureDec => {
                if self.scheduler.backpressure(instance) == Some(0) {
                    return Ok(Next::On);
                }
                self.scheduler.backpressure_dec(instance)?;
                0
            }
            Op::Call(selector, is_async, argument) => {
                let Some(function) = self.program.callee(list, selector) else {
                    return Ok(Next::On);
                };
                return self.perform_call(number, instance, function, is_async, argument);
            }
            Op::Return | Op::Cancel => return self.perform_resolve(number, op),
            Op::NewSet => {
                let set = self.scheduler.set_new(instance)?;
                self.add(instance, Handle::Set(set))
            }
            Op::NewStream(is_number) => {
                self.perform_new(instance, TransferKind::Stream, is_number)?
            }
            Op::NewFuture(is_number) => {
                self.perform_new(instance, TransferKind::Future, is_number)?
            }
            _ => {
                let seen = self.seen(instance);
                let Some(index) = pick_handle(op, &seen) else {
                    return Ok(Next::On);
                };
                return self.perform_on_handle(number, instance, op, index);
            }
        };
        self.did(number, "op", result);
        Ok(Next::On)
    }

    fn perform_on_thread(
        &mut self,
        number: usize,
        instance: InstanceId,
        op: Op,
    ) -> Result<Next, Trap> {
        let own = self.scheduler.thread_index()?;
        let Some(index) = pick_thread(op, &self.seen_threads(instance), own) else {
            return Ok(Next::On);
        };
        let switch = match op {
            Op::SuspendThenResume(_) => self.scheduler.thread_suspend_then_resume(index)?,
            Op::YieldThenResume(_) => self.scheduler.thread_yield_then_resume(index)?,
            Op::SuspendThenPromote(_) => self.scheduler.thread_suspend_then_promote(index)?,
            Op::YieldThenPromote(_) => self.scheduler.thread_yield_then_promote(index)?,
            _ => {
                self.scheduler.thread_resume_later(index)?;
                Switch::Stay
            }
        };
        Ok(self.switch(number, "thread", switch))
    }

    fn perform_new(
        &mut self,
        instance: InstanceId,
        kind: TransferKind,
        is_number: bool,
    ) -> Result<u32, Trap> {
        let element = Element { is_number };
        let (readable, writable) = self.scheduler.new_transfer(kind, element, Some(instance))?;
        let first = self.add(instance, Handle::End(readable));
        self.scheduler.set_end_index(readable, first)?;
        let second = self.add(instance, Handle::End(writable));
        self.scheduler.set_end_index(writable, second)?;
        Ok(first | second << 16)
    }

    /// `task.return` and `task.cancel`, where the function's kind has them.
    fn perform_resolve(&mut self, number: usize, op: Op) -> Result<Next, Trap> {
        let task = self.scheduler.current_task()?;
        let state = self.scheduler.task_state(task);
        if !self.is_async_lifted(task) || state == TaskState::Resolved {
            return Ok(Next::On);
        }
        if op == Op::Return {
            self.scheduler.check_return()?;
            self.scheduler.return_()?;
            self.did(number, "return", 0);
        } else if state == TaskState::CancelDelivered {
            self.scheduler.task_cancel()?;
            self.did(number, "cancel", 0);
        }
        Ok(Next::On)
    }

    fn is_async_lifted(&self, task: TaskId) -> bool {
        let (_, function) = *self.scheduler.task_payload(task).unwrap();
        let lift = self.program.functions[function].lift;
        matches!(lift, Lift::Stackful | Lift::Callback)
    }

    fn perform_call(
        &mut self,
        number: usize,
        instance: InstanceId,
        function: usize,
        is_async: bool,
        argument: Option<u8>,
    ) -> Result<Next, Trap> {
        let argument = argument.and_then(|selector| pick_passed(&self.seen(instance), selector));
        let subtask = self.scheduler.new_subtask(instance, argument)?;
        self.call(function, Some(subtask))?;
        let state = self.scheduler.subtask_state(subtask).unwrap();
        if is_async && state != SubtaskState::Returned {
            let index = self.add(instance, Handle::Subtask(subtask));
            let packed = self.scheduler.publish_subtask(subtask, index)?;
            self.did(number, "call", packed);
            return Ok(Next::On);
        }
        match self.scheduler.wait_for_subtask(subtask)? {
            Wait::Ready(()) => {
                self.finish_call(number, subtask)?;
                Ok(Next::On)
            }
            Wait::Block => Ok(Next::Blocked),
        }
    }

    fn perform_on_handle(
        &mut self,
        number: usize,
        instance: InstanceId,
        op: Op,
        index: u32,
    ) -> Result<Next, Trap> {
        let handle = *self.handles[&instance].get(index).unwrap();
        match (op, handle) {
            (Op::Wait(_), Handle::Set(set)) => {
                let wait = self.scheduler.set_wait(set)?;
                return Ok(self.waited(number, wait));
            }
            (Op::Poll(_), Handle::Set(set)) => {
                let event = self.scheduler.set_poll(set)?;
                self.deliver(number, event);
                return Ok(Next::On);
            }
            (Op::DropSet(_), Handle::Set(set)) => self.scheduler.set_drop(set)?,
            (Op::Join(_, selector), Handle::Subtask(subtask)) => {
                let set = self.set_to_join(instance, selector);
                self.scheduler.join(subtask, set)?;
            }
            (Op::Join(_, selector), Handle::End(end)) => {
                let set = self.set_to_join(instance, selector);
                self.scheduler.join(end, set)?;
            }
            (Op::CancelSubtask(_, is_async), Handle::Subtask(subtask)) => {
                return self.perform_cancel(number, subtask, is_async);
            }
            (Op::DropSubtask(_), Handle::Subtask(subtask)) => {
                self.scheduler.drop_subtask(subtask)?;
            }
            (Op::Read(_, length, is_async) | Op::Write(_, length, is_async), Handle::End(end)) => {
                return self.perform_copy(number, end, length, is_async);
            }
            (Op::CancelCopy(_, is_async), Handle::End(end)) => {
                let wait = self.scheduler.cancel_copy(end, is_async)?;
                return Ok(self.waited(number, wait));
            }
            (Op::DropEnd(_), Handle::End(end)) => self.scheduler.drop_end(end)?,
            (Op::Forward(_, selector), Handle::End(end)) => {
                return self.perform_forward(number, instance, index, end, selector);
            }
            _ => unreachable!("handles are picked by kind"),
        }
        if matches!(op, Op::DropSet(_) | Op::DropSubtask(_) | Op::DropEnd(_)) {
            self.handles.get_mut(&instance).unwrap().remove(index);
        }
        self.did(number, "handle", index);
        Ok(Next::On)
    }

    fn set_to_join(&self, instance: InstanceId, selector: Option<u8>) -> Option<SetId> {
        let index = pick_set(&self.seen(instance), selector?)?;
        match self.handles[&instance].get(index) {
            Some(&Handle::Set(set)) => Some(set),
            _ => None,
        }
    }

    fn perform_copy(
        &mut self,
        number: usize,
        end: EndId,
        length: u8,
        is_async: bool,
    ) -> Result<Next, Trap> {
        let (kind, ..) = self.scheduler.end_state(end).unwrap();
        let length = match kind.transfer {
            TransferKind::Stream => u32::from(length),
            TransferKind::Future => 1,
        };
        self.scheduler.check_copy(end, is_async)?;
        self.buffers += 1;
        match self.scheduler.begin_copy(end, self.buffers, length)? {
            Copying::Begun => {}
            Copying::Transfer(transfer) => self.transfer(transfer)?,
        }
        let wait = self.scheduler.finish_copy(end, is_async)?;
        Ok(self.waited(number, wait))
    }

    fn transfer(&mut self, transfer: Transfer<Fake>) -> Result<(), Trap> {
        self.trace.push(Entry::Copied(
            transfer.source,
            transfer.source_progress,
            transfer.destination,
            transfer.destination_progress,
            transfer.count,
        ));
        self.scheduler.end_copy(transfer)
    }

    fn perform_forward(
        &mut self,
        number: usize,
        instance: InstanceId,
        index: u32,
        readable: EndId,
        selector: u8,
    ) -> Result<Next, Trap> {
        let (kind, ..) = self.scheduler.end_state(readable).unwrap();
        let of_streams = kind.transfer == TransferKind::Stream;
        let sink = pick_sink(&self.seen(instance), selector, of_streams);
        let Some(sink) = sink else {
            return Ok(Next::On);
        };
        let Some(&Handle::End(writable)) = self.handles[&instance].get(sink) else {
            unreachable!("handles are picked by kind");
        };
        if self.scheduler.end_payload(readable) != self.scheduler.end_payload(writable) {
            return Ok(Next::On);
        }
        let handles = self.handles.get_mut(&instance).unwrap();
        handles.remove(index);
        handles.remove(sink);
        match self.scheduler.forward(readable, writable)? {
            Forwarding::Done => {}
            Forwarding::Transfer(transfer) => self.transfer(transfer)?,
        }
        self.did(number, "forward", sink);
        Ok(Next::On)
    }

    fn perform_cancel(
        &mut self,
        number: usize,
        subtask: SubtaskId,
        is_async: bool,
    ) -> Result<Next, Trap> {
        if let CancelSubtask::AskTask(task) = self.scheduler.cancel_subtask(subtask)? {
            let (asked, _) = *self.scheduler.task_payload(task).unwrap();
            match self.scheduler.request_cancellation(task)? {
                CancelRequest::BeforeStart(exited) => {
                    self.trace.push(Entry::CancelledEntry(exited.thread.number));
                }
                CancelRequest::Resume(thread) => {
                    let mut next = Some(thread);
                    while let Some(thread) = next {
                        self.resume(thread, Why::Cancel(asked))?;
                        next = self.scheduler.next_for_cancellation(task);
                    }
                }
                CancelRequest::Later => {}
            }
        }
        let wait = self.scheduler.finish_cancel(subtask, is_async)?;
        Ok(self.waited(number, wait))
    }
}
