//! The naive interpreter's built-ins: what each step of a program does.

use super::waitables::BLOCKED;
use super::{
    Buffer, EndState, Flow, Handle, Kind, Lift, Model, Op, Ready, Set, State, Step, Stop,
    SubtaskState, Then, trap_if,
};
use crate::program::Wrong;
use crate::trace::{
    Entry, index_of, misuse, pick_handle, pick_set, pick_sink, pick_thread, wrong_set,
};

impl Model<'_> {
    fn did(&mut self, thread: usize, what: &'static str, result: usize) -> Step<Flow> {
        self.emit(Entry::Did(thread, what, result as u32))?;
        Ok(Flow::On)
    }

    pub(super) fn perform(&mut self, thread: usize, list: usize, op: Op) -> Step<Flow> {
        let instance = self.instance_of(thread);
        let task = self.threads[thread].task;
        match op {
            Op::Yield => self.yield_(thread, "yield"),
            Op::Suspend => Ok(Flow::Blocked),
            Op::NewThread(selector) => {
                let Some(list) = self.program.thread_list(list, selector) else {
                    return Ok(Flow::On);
                };
                let new = self.new_thread(task, None, list);
                let index = self.register_thread(new);
                self.did(thread, "op", index)
            }
            Op::ResumeLater(_)
            | Op::SuspendThenResume(_)
            | Op::YieldThenResume(_)
            | Op::SuspendThenPromote(_)
            | Op::YieldThenPromote(_) => self.perform_on_thread(thread, op),
            Op::BackpressureInc => {
                self.instances[instance].backpressure += 1;
                self.did(thread, "op", 0)
            }
            Op::BackpressureDec => {
                if self.instances[instance].backpressure == 0 {
                    return Ok(Flow::On);
                }
                self.instances[instance].backpressure -= 1;
                self.did(thread, "op", 0)
            }
            Op::Call(selector, is_async, argument) => match self.program.callee(list, selector) {
                Some(function) => self.canon_lower(thread, function, is_async, argument),
                None => Ok(Flow::On),
            },
            Op::Return(_) | Op::Cancel => {
                let has_it = matches!(self.lift_of(task), Lift::Stackful | Lift::Callback);
                match (op, self.tasks[task].state) {
                    (_, State::Resolved) => Ok(Flow::On),
                    (Op::Return(selector), _) if has_it => {
                        self.task_return(thread, selector)?;
                        Ok(Flow::On)
                    }
                    (Op::Cancel, State::CancelDelivered) if has_it => {
                        self.resolve(task, false);
                        self.did(thread, "cancel", 0)
                    }
                    _ => Ok(Flow::On),
                }
            }
            Op::Wrong(wrong, selector) => self.perform_wrong(thread, wrong, selector),
            Op::NewSet => {
                self.sets.push(Set {
                    elems: Vec::new(),
                    num_waiting: 0,
                });
                let set = Handle::Set(self.sets.len() - 1);
                let index = self.instances[instance].handles.add(set);
                self.did(thread, "op", index)
            }
            Op::NewStream(number) => self.perform_new(thread, true, number),
            Op::NewFuture(number) => self.perform_new(thread, false, number),
            _ => match pick_handle(op, &self.seen(instance)) {
                Some(index) => self.perform_on_handle(thread, op, index as usize),
                None => Ok(Flow::On),
            },
        }
    }

    /// What is never allowed, where there is what it needs.
    fn perform_wrong(&mut self, thread: usize, wrong: Wrong, selector: u8) -> Step<Flow> {
        let instance = self.instance_of(thread);
        let seen = self.seen(instance);
        let task = self.threads[thread].task;
        let is_async = matches!(self.lift_of(task), Lift::Stackful | Lift::Callback);
        match wrong {
            Wrong::Handle(which) => {
                let index = index_of(misuse(&seen, which, selector));
                return Err(self.wrong_handle(instance, index));
            }
            Wrong::Join => {
                if pick_handle(Op::Join(selector, None), &seen).is_some() {
                    return Err(self.wrong_handle(instance, wrong_set(&seen, selector)));
                }
            }
            Wrong::Return => {
                trap_if(!is_async, "TaskNotAsync")?;
                let is_resolved = self.tasks[task].state == State::Resolved;
                trap_if(is_resolved, "TaskReturnedTwice")?;
            }
            Wrong::Cancel => {
                trap_if(!is_async, "TaskNotAsync")?;
                let is_asked = self.tasks[task].state == State::CancelDelivered;
                trap_if(!is_asked, "TaskNotCancelled")?;
            }
            Wrong::BackpressureDec => {
                let count = self.instances[instance].backpressure;
                trap_if(count == 0, "BackpressureUnderflow")?;
            }
        }
        Ok(Flow::On)
    }

    /// `trap_if(not isinstance(...))`, where it isn't.
    pub(super) fn wrong_handle(&self, instance: usize, index: u32) -> Stop {
        let handles = &self.instances[instance].handles.array;
        Stop::Trap(match handles.get(index as usize).copied().flatten() {
            Some(_) => "WrongHandleType",
            None => "UnknownHandle",
        })
    }

    fn yield_(&mut self, thread: usize, what: &'static str) -> Step<Flow> {
        match self.wait_until(thread, Ready::Always, Then::Proceed)? {
            Flow::On => self.did(thread, what, 0),
            other => Ok(other),
        }
    }

    fn perform_on_thread(&mut self, thread: usize, op: Op) -> Step<Flow> {
        let instance = self.instance_of(thread);
        let own = self.threads[thread].index.expect("it runs") as u32;
        let threads = self.instances[instance].threads.array.iter().enumerate();
        let seen: Vec<(u32, bool)> = threads
            .filter_map(|(index, handle)| match handle {
                Some(Handle::Thread(other)) => Some((index as u32, self.is_suspended(*other))),
                _ => None,
            })
            .collect();
        let Some(index) = pick_thread(op, &seen, own) else {
            return Ok(Flow::On);
        };
        let promotes = matches!(op, Op::SuspendThenPromote(_) | Op::YieldThenPromote(_));
        trap_if(promotes && index == own, "ThreadNotSuspended")?;
        let found = self.instances[instance].threads.array.get(index as usize);
        let other = match found.copied().flatten() {
            Some(Handle::Thread(other)) => other,
            _ => return Err(super::Stop::Trap("UnknownThread")),
        };
        if promotes {
            let is_ready = self.is_ready(other);
            return match (op, is_ready) {
                (Op::SuspendThenPromote(_), false) => Ok(Flow::Blocked),
                (_, false) => self.yield_(thread, "thread"),
                (Op::SuspendThenPromote(_), true) => Ok(Flow::To(other)),
                (_, true) => self.yield_to(thread, other),
            };
        }
        trap_if(!self.is_suspended(other), "ThreadNotSuspended")?;
        match op {
            Op::SuspendThenResume(_) => Ok(Flow::To(other)),
            Op::YieldThenResume(_) => self.yield_to(thread, other),
            _ => {
                self.threads[other].ready_func = Some(Ready::Always);
                self.did(thread, "thread", 0)
            }
        }
    }

    fn yield_to(&mut self, thread: usize, other: usize) -> Step<Flow> {
        self.threads[thread].ready_func = Some(Ready::Always);
        Ok(Flow::To(other))
    }

    fn perform_new(&mut self, thread: usize, stream: bool, number: bool) -> Step<Flow> {
        let instance = self.instance_of(thread);
        let (readable, writable) = self.new_ends(instance, stream, number);
        let index = |model: &Self, end: usize| match model.waitables[end].kind {
            Kind::End { index, .. } => index,
            Kind::Subtask { .. } => 0,
        };
        let (first, second) = (index(self, readable), index(self, writable));
        self.did(thread, "op", first | second << 16)
    }

    /// `canon_lower`.
    fn canon_lower(
        &mut self,
        thread: usize,
        function: usize,
        is_async: bool,
        argument: Option<u8>,
    ) -> Step<Flow> {
        let instance = self.instance_of(thread);
        let argument = self.select_passed(instance, argument);
        let subtask = self.new_subtask(instance, argument);
        self.canon_lift(function, Some(subtask))?;
        if !is_async {
            if !self.is_resolved(subtask) {
                let then = Then::CallReturns(subtask);
                return self.wait_until(thread, Ready::Resolved(subtask), then);
            }
            self.deliver_call(thread, subtask)?;
            return Ok(Flow::On);
        }
        if self.is_resolved(subtask) {
            self.deliver_call(thread, subtask)?;
            return Ok(Flow::On);
        }
        let handle = Handle::Subtask(subtask);
        let index = self.instances[instance].handles.add(handle);
        if let Kind::Subtask { on_progress, .. } = &mut self.waitables[subtask].kind {
            *on_progress = Some(index);
        }
        let state = self.subtask_state(subtask) as usize;
        self.did(thread, "call", state | index << 4)
    }

    fn perform_on_handle(&mut self, thread: usize, op: Op, index: usize) -> Step<Flow> {
        let instance = self.instance_of(thread);
        let handle = self.instances[instance].handles.array[index].expect("it was picked");
        match (op, handle) {
            (Op::Wait(_), Handle::Set(set)) => {
                self.sets[set].num_waiting += 1;
                return self.wait_until(thread, Ready::SetPending(set), Then::SetReturns(set));
            }
            (Op::Poll(_), Handle::Set(set)) => {
                let event = match self.set_has_pending_event(set) {
                    true => self.get_pending_event_of(set)?,
                    false => (0, 0, 0),
                };
                self.emit_event(thread, event)?;
                return Ok(Flow::On);
            }
            (Op::DropSet(_), Handle::Set(set)) => {
                trap_if(!self.sets[set].elems.is_empty(), "DropSetWithWaitables")?;
                trap_if(self.sets[set].num_waiting > 0, "DropSetWithWaiters")?;
                self.instances[instance].handles.remove(index);
            }
            (Op::Join(_, selector), Handle::Subtask(waitable) | Handle::End(waitable)) => {
                trap_if(
                    self.waitables[waitable].has_sync_waiter,
                    "JoinDuringSyncWait",
                )?;
                let seen = self.seen(instance);
                let to = selector.and_then(|selector| pick_set(&seen, selector));
                let to =
                    to.and_then(
                        |to| match self.instances[instance].handles.array[to as usize] {
                            Some(Handle::Set(set)) => Some(set),
                            _ => None,
                        },
                    );
                self.join(waitable, to);
            }
            (Op::CancelSubtask(_, is_async), Handle::Subtask(subtask)) => {
                return self.subtask_cancel(thread, subtask, is_async, index);
            }
            (Op::DropSubtask(_), Handle::Subtask(subtask)) => {
                if let Kind::Subtask { delivered, .. } = self.waitables[subtask].kind {
                    trap_if(!delivered, "DropSubtaskUnresolved")?;
                }
                self.join(subtask, None);
                self.instances[instance].handles.remove(index);
            }
            (Op::Read(_, length, is_async) | Op::Write(_, length, is_async), Handle::End(end)) => {
                return self.canon_copy(thread, end, u32::from(length), is_async);
            }
            (Op::CancelCopy(_, is_async), Handle::End(end)) => {
                return self.cancel_copy(thread, end, is_async);
            }
            (Op::DropEnd(_), Handle::End(end)) => {
                let (reads, stream, _) = self.sort(end);
                let state = *self.state(end);
                let busy = matches!(state, EndState::Copying | EndState::CancellingCopy);
                trap_if(busy, "DropBusy")?;
                let unwritten = !stream && !reads && state != EndState::Done;
                trap_if(unwritten, "DropFutureUnwritten")?;
                self.drop_end(end);
                self.instances[instance].handles.remove(index);
            }
            (Op::Forward(_, selector), Handle::End(end)) => {
                return self.canon_forward(thread, end, index, selector);
            }
            _ => unreachable!("handles are picked by kind"),
        }
        self.did(thread, "handle", index)
    }

    fn subtask_cancel(
        &mut self,
        thread: usize,
        subtask: usize,
        is_async: bool,
        index: usize,
    ) -> Step<Flow> {
        let joined = self.waitables[subtask].set.is_some();
        let resolved = self.is_resolved(subtask);
        let Kind::Subtask {
            delivered,
            cancellation_requested,
            task,
            ..
        } = &mut self.waitables[subtask].kind
        else {
            unreachable!("it is a subtask");
        };
        trap_if(*delivered, "CancelSubtaskDelivered")?;
        trap_if(*cancellation_requested, "CancelSubtaskTwice")?;
        trap_if(joined, "CancelSubtaskInSet")?;
        if !resolved {
            *cancellation_requested = true;
            let task = task.expect("guests call guests here");
            self.waitables[subtask].has_sync_waiter = true;
            self.request_cancellation(task)?;
            if !is_async && !self.is_resolved(subtask) {
                let then = Then::CancelReturns(subtask);
                return self.wait_until(thread, Ready::Resolved(subtask), then);
            }
            self.waitables[subtask].has_sync_waiter = false;
            if !self.is_resolved(subtask) {
                self.emit_event(thread, (1, index as u32, BLOCKED))?;
                return Ok(Flow::On);
            }
        }
        let event = self.get_pending_event(subtask);
        assert!(
            event.2 == self.subtask_state(subtask) as u32
                && event.2 != SubtaskState::Started as u32
        );
        self.emit_event(thread, event)?;
        Ok(Flow::On)
    }

    fn canon_copy(&mut self, thread: usize, end: usize, length: u32, is_async: bool) -> Step<Flow> {
        let (_, stream, _) = self.sort(end);
        let joined = self.waitables[end].set.is_some();
        trap_if(*self.state(end) == EndState::Done, "CopyDone")?;
        trap_if(*self.state(end) != EndState::Idle, "CopyBusy")?;
        trap_if(joined && !is_async, "SyncCopyInSet")?;
        self.buffers += 1;
        let buffer = Buffer {
            tag: self.buffers,
            length: if stream { length } else { 1 },
            progress: 0,
        };
        self.copy(end, buffer)?;
        self.copy_result(thread, end, is_async)
    }

    fn copy_result(&mut self, thread: usize, end: usize, is_async: bool) -> Step<Flow> {
        if self.waitables[end].pending.is_none() {
            if !is_async {
                self.waitables[end].has_sync_waiter = true;
                return self.wait_until(thread, Ready::Pending(end), Then::CopyReturns(end));
            }
            let (reads, stream, _) = self.sort(end);
            let code = 2 + 2 * u32::from(!stream) + u32::from(!reads);
            let index = match self.waitables[end].kind {
                Kind::End { index, .. } => index as u32,
                Kind::Subtask { .. } => 0,
            };
            self.emit_event(thread, (code, index, BLOCKED))?;
            return Ok(Flow::On);
        }
        let event = self.get_pending_event(end);
        self.emit_event(thread, event)?;
        Ok(Flow::On)
    }

    fn cancel_copy(&mut self, thread: usize, end: usize, is_async: bool) -> Step<Flow> {
        let waitable = &self.waitables[end];
        let (joined, busy) = (waitable.set.is_some(), waitable.has_sync_waiter);
        trap_if(*self.state(end) != EndState::Copying, "CancelNotCopying")?;
        trap_if(busy, "CancelDuringSyncWait")?;
        trap_if(joined && !is_async, "SyncCancelInSet")?;
        self.cancel(end);
        self.copy_result(thread, end, is_async)
    }

    fn canon_forward(
        &mut self,
        thread: usize,
        readable: usize,
        index: usize,
        selector: u8,
    ) -> Step<Flow> {
        let instance = self.instance_of(thread);
        let (_, stream, number) = self.sort(readable);
        let sink = pick_sink(&self.seen(instance), selector, stream);
        let Some(sink) = sink else {
            return Ok(Flow::On);
        };
        let Some(Handle::End(writable)) = self.instances[instance].handles.array[sink as usize]
        else {
            unreachable!("handles are picked by kind");
        };
        if self.sort(writable).2 != number {
            return Ok(Flow::On);
        }
        self.instances[instance].handles.remove(index);
        self.instances[instance].handles.remove(sink as usize);
        for end in [readable, writable] {
            let joined = self.waitables[end].set.is_some();
            trap_if(*self.state(end) == EndState::Done, "ForwardDone")?;
            trap_if(*self.state(end) != EndState::Idle, "ForwardBusy")?;
            trap_if(joined, "ForwardInSet")?;
        }
        self.forward(readable, writable)?;
        self.did(thread, "forward", sink as usize)
    }
}
