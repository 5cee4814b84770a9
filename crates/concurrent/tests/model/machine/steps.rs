//! What each step of a program does on the scheduler.

use threadline_concurrent::{
    CancelRequest, CancelSubtask, Copying, EndId, EndState, Event, Forwarding, InstanceId, SetId,
    Side, Status, SubtaskId, SubtaskState, Switch, TaskId, TaskState, ThreadId, Transfer,
    TransferKind, Trap, Wait, WaitableKind,
};

use super::{Body, Element, Fake, Handle, Lift, Machine, Next, Op, Passing, Stop, Wrong};
use crate::script::{Act, Ends, Passed};
use crate::trace::{
    Entry, Seen, Why, index_of, misuse, pick_handle, pick_set, pick_sink, pick_thread, wrong_set,
};

impl Machine<'_> {
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

    pub(super) fn seen(&self, instance: InstanceId) -> Vec<(u32, Seen)> {
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
                number: self.type_of(own.id).0.of_numbers,
                idle: own.state == EndState::Idle,
                copying: own.state == EndState::Copying,
                done: own.state == EndState::Done,
                joined,
                busy,
            },
        }
    }

    pub(super) fn perform(&mut self, thread: ThreadId, list: usize, op: Op) -> Result<Next, Stop> {
        let number = self.body(thread).number;
        let instance = self.scheduler.current_instance()?;
        let result = match op {
            Op::Yield => {
                self.ask(Act::Yield);
                let switch = self.scheduler.thread_yield()?;
                return Ok(self.switch(number, "yield", switch));
            }
            Op::Suspend => {
                self.ask(Act::Suspend);
                let switch = self.scheduler.thread_suspend()?;
                return Ok(self.switch(number, "suspend", switch));
            }
            Op::NewThread(selector) => {
                let Some(list) = self.program.thread_list(list, selector) else {
                    return Ok(Next::On);
                };
                self.ask(Act::NewThread {
                    number: self.threads as u32,
                });
                let (_, index) = self.scheduler.thread_new(|| Body {
                    number: self.threads,
                    function: None,
                    list,
                    step: 0,
                    callbacks: 0,
                    found: [0; 3],
                    sees_payload: false,
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
                self.ask(Act::BackpressureInc);
                self.scheduler.backpressure_inc(instance)?;
                0
            }
            Op::BackpressureDec => {
                if self.scheduler.backpressure(instance) == Some(0) {
                    return Ok(Next::On);
                }
                self.ask(Act::BackpressureDec);
                self.scheduler.backpressure_dec(instance)?;
                0
            }
            Op::Call(selector, is_async, argument) => {
                let Some(function) = self.program.callee(list, selector) else {
                    return Ok(Next::On);
                };
                return self.perform_call(number, instance, function, is_async, argument);
            }
            Op::Return(_) | Op::Cancel => return self.perform_resolve(number, op),
            Op::Wrong(wrong, selector) => return self.perform_wrong(instance, wrong, selector),
            Op::NewSet => {
                self.ask(Act::NewSet);
                let set = self.scheduler.set_new(instance)?;
                self.add(instance, Handle::Set(set))
            }
            Op::NewStream(is_number) => {
                return self.perform_new(number, instance, TransferKind::Stream, is_number);
            }
            Op::NewFuture(is_number) => {
                return self.perform_new(number, instance, TransferKind::Future, is_number);
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
    ) -> Result<Next, Stop> {
        let own = self.scheduler.thread_index()?;
        let Some(index) = pick_thread(op, &self.seen_threads(instance), own) else {
            return Ok(Next::On);
        };
        self.ask(match op {
            Op::SuspendThenResume(_) => Act::SuspendThenResume(index),
            Op::YieldThenResume(_) => Act::YieldThenResume(index),
            Op::SuspendThenPromote(_) => Act::SuspendThenPromote(index),
            Op::YieldThenPromote(_) => Act::YieldThenPromote(index),
            _ => Act::ResumeLater(index),
        });
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
        number: usize,
        instance: InstanceId,
        kind: TransferKind,
        is_number: bool,
    ) -> Result<Next, Stop> {
        self.ask(Act::NewEnds(Ends {
            are_streams: kind == TransferKind::Stream,
            of_numbers: is_number,
        }));
        let element = Element { is_number };
        let (readable, writable) = self.scheduler.new_transfer(kind, element, Some(instance))?;
        let first = self.add(instance, Handle::End(readable));
        self.scheduler.set_end_index(readable, first)?;
        let second = self.add(instance, Handle::End(writable));
        self.scheduler.set_end_index(writable, second)?;
        self.did(number, "op", first | second << 16);
        self.find([first, second, 0]);
        Ok(Next::On)
    }

    /// `task.return` and `task.cancel`, where the function's kind has them.
    fn perform_resolve(&mut self, number: usize, op: Op) -> Result<Next, Stop> {
        let task = self.scheduler.current_task()?;
        let state = self.scheduler.task_state(task);
        if !self.is_async_lifted(task) || state == TaskState::Resolved {
            return Ok(Next::On);
        }
        if let Op::Return(selector) = op {
            let (to_guest, passed) = self.to_return(selector)?;
            self.ask(Act::Return { to_guest, passed });
            self.return_(number, passed)?;
        } else if state == TaskState::CancelDelivered {
            self.ask(Act::Cancel);
            self.scheduler.task_cancel()?;
            self.did(number, "cancel", 0);
        }
        Ok(Next::On)
    }

    /// What is never allowed, where there is what it needs.
    fn perform_wrong(
        &mut self,
        instance: InstanceId,
        wrong: Wrong,
        selector: u8,
    ) -> Result<Next, Stop> {
        let seen = self.seen(instance);
        let task = self.scheduler.current_task()?;
        let state = self.scheduler.task_state(task);
        let is_async = self.is_async_lifted(task);
        match wrong {
            Wrong::Handle(which) => {
                let act = misuse(&seen, which, selector);
                self.ask(act);
                return Err(self.wrong_handle(instance, index_of(act)));
            }
            Wrong::Join => {
                let Some(waitable) = pick_handle(Op::Join(selector, None), &seen) else {
                    return Ok(Next::On);
                };
                let set = wrong_set(&seen, selector);
                self.ask(Act::Join(waitable, set));
                return Err(self.wrong_handle(instance, set));
            }
            Wrong::Return if !is_async || state == TaskState::Resolved => {
                let to_guest = self.scheduler.task_payload(task).unwrap().by_guest;
                self.ask(Act::Return {
                    to_guest,
                    passed: None,
                });
                if !is_async {
                    return Err(Trap::TaskNotAsync.into());
                }
                self.scheduler.return_()?;
            }
            Wrong::Cancel if !is_async || state != TaskState::CancelDelivered => {
                self.ask(Act::Cancel);
                if !is_async {
                    return Err(Trap::TaskNotAsync.into());
                }
                self.scheduler.task_cancel()?;
            }
            Wrong::BackpressureDec if self.scheduler.backpressure(instance) == Some(0) => {
                self.ask(Act::BackpressureDec);
                self.scheduler.backpressure_dec(instance)?;
            }
            Wrong::Return | Wrong::Cancel | Wrong::BackpressureDec => return Ok(Next::On),
        }
        unreachable!("{wrong:?} is done")
    }

    fn is_async_lifted(&self, task: TaskId) -> bool {
        let function = self.scheduler.task_payload(task).unwrap().function;
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
    ) -> Result<Next, Stop> {
        let passed = self.select_passed(instance, argument);
        let passing = Passing {
            number: self.threads as u32,
            argument: passed,
            result: None,
        };
        self.ask(Act::Call {
            function,
            is_async,
            number: passing.number,
            passed,
        });
        let subtask = self.scheduler.new_subtask(instance, passing)?;
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
    ) -> Result<Next, Stop> {
        let handle = *self.handles[&instance].get(index).unwrap();
        // What else the thread finds.
        let mut told = [0; 2];
        match (op, handle) {
            (Op::Wait(_), Handle::Set(set)) => {
                self.ask(Act::Wait(index));
                let wait = self.scheduler.set_wait(set)?;
                return Ok(self.waited(number, wait));
            }
            (Op::Poll(_), Handle::Set(set)) => {
                self.ask(Act::Poll(index));
                let event = self.scheduler.set_poll(set)?;
                self.deliver(number, event);
                return Ok(Next::On);
            }
            (Op::DropSet(_), Handle::Set(set)) => {
                self.ask(Act::DropSet(index));
                self.scheduler.set_drop(set)?;
            }
            (Op::Join(_, selector), Handle::Subtask(subtask)) => {
                let (at, set) = self.set_to_join(instance, selector);
                self.ask(Act::Join(index, at));
                self.scheduler.join(subtask, set)?;
            }
            (Op::Join(_, selector), Handle::End(end)) => {
                let (at, set) = self.set_to_join(instance, selector);
                self.ask(Act::Join(index, at));
                self.scheduler.join(end, set)?;
            }
            (Op::CancelSubtask(_, is_async), Handle::Subtask(subtask)) => {
                self.ask(Act::CancelSubtask(index, is_async));
                return self.perform_cancel(number, subtask, is_async);
            }
            (Op::DropSubtask(_), Handle::Subtask(subtask)) => {
                let number = self.scheduler.subtask_payload(subtask).unwrap().number;
                self.ask(Act::DropSubtask(index, number));
                let result = self
                    .scheduler
                    .drop_subtask(subtask, |passing| passing.result)?;
                told = Passed::told(result);
            }
            (Op::Read(_, length, is_async) | Op::Write(_, length, is_async), Handle::End(end)) => {
                return self.perform_copy(number, (index, end), length, is_async);
            }
            (Op::CancelCopy(_, is_async), Handle::End(end)) => {
                let (ends, reads) = self.type_of(end);
                self.ask(Act::CancelCopy {
                    ends,
                    reads,
                    is_async,
                    index,
                });
                let wait = self.scheduler.cancel_copy(end, is_async)?;
                return Ok(self.waited(number, wait));
            }
            (Op::DropEnd(_), Handle::End(end)) => {
                let (ends, reads) = self.type_of(end);
                self.ask(Act::DropEnd { ends, reads, index });
                self.scheduler.drop_end(end)?;
            }
            (Op::Forward(_, selector), Handle::End(end)) => {
                return self.perform_forward(number, instance, index, end, selector);
            }
            _ => unreachable!("handles are picked by kind"),
        }
        if matches!(op, Op::DropSet(_) | Op::DropSubtask(_) | Op::DropEnd(_)) {
            self.handles.get_mut(&instance).unwrap().remove(index);
        }
        self.did(number, "handle", index);
        self.find([index, told[0], told[1]]);
        Ok(Next::On)
    }

    /// The set to join and its index, or none and 0.
    fn set_to_join(&self, instance: InstanceId, selector: Option<u8>) -> (u32, Option<SetId>) {
        let seen = self.seen(instance);
        let index = selector.and_then(|selector| pick_set(&seen, selector));
        match index.map(|index| (index, self.handles[&instance].get(index))) {
            Some((index, Some(&Handle::Set(set)))) => (index, Some(set)),
            _ => (0, None),
        }
    }

    fn perform_copy(
        &mut self,
        number: usize,
        (index, end): (u32, EndId),
        length: u8,
        is_async: bool,
    ) -> Result<Next, Stop> {
        let (kind, ..) = self.scheduler.end_state(end).unwrap();
        let length = match kind.transfer {
            TransferKind::Stream => u32::from(length),
            TransferKind::Future => 1,
        };
        let (ends, reads) = self.type_of(end);
        self.ask(Act::Copy {
            ends,
            reads,
            is_async,
            index,
            length,
        });
        self.scheduler.check_copy(end, is_async)?;
        self.buffers += 1;
        // What is over as soon as it is copied may be one step or three.
        if self.buffers.is_multiple_of(2)
            && let Some(event) = self.copy_at_once(end, length)?
        {
            return Ok(self.waited(number, Wait::Ready(event)));
        }
        match self.scheduler.begin_copy(end, self.buffers, length)? {
            Copying::Begun => {}
            Copying::Transfer(transfer) => self.transfer(transfer)?,
        }
        let wait = self.scheduler.finish_copy(end, is_async)?;
        Ok(self.waited(number, wait))
    }

    fn copy_at_once(&mut self, end: EndId, length: u32) -> Result<Option<Event>, Stop> {
        let Some(meeting) = self.scheduler.meet_at_once(end, length) else {
            return Ok(None);
        };
        let (_, reads) = self.type_of(end);
        let (own, others) = ((self.buffers, 0), (*meeting.buffer, meeting.progress));
        let (source, destination) = match reads {
            true => (others, own),
            false => (own, others),
        };
        self.trace.push(Entry::Copied(
            source.0,
            source.1,
            destination.0,
            destination.1,
            meeting.count,
        ));
        Ok(Some(self.scheduler.copied_at_once(end, length)?))
    }

    fn transfer(&mut self, transfer: Transfer<Fake>) -> Result<(), Stop> {
        self.trace.push(Entry::Copied(
            transfer.source,
            transfer.source_progress,
            transfer.destination,
            transfer.destination_progress,
            transfer.count,
        ));
        Ok(self.scheduler.end_copy(transfer)?)
    }

    fn perform_forward(
        &mut self,
        number: usize,
        instance: InstanceId,
        index: u32,
        readable: EndId,
        selector: u8,
    ) -> Result<Next, Stop> {
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
        let (ends, _) = self.type_of(readable);
        self.ask(Act::Forward {
            ends,
            readable: index,
            writable: sink,
        });
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
    ) -> Result<Next, Stop> {
        if let CancelSubtask::AskTask(task) = self.scheduler.cancel_subtask(subtask)? {
            let asked = self.scheduler.task_payload(task).unwrap().number;
            match self.scheduler.request_cancellation(task)? {
                CancelRequest::BeforeStart(exited) => {
                    self.trace.push(Entry::Cancelled(exited.thread.number));
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
