//! The naive interpreter's waitables: subtasks, sets, and ends of streams and futures.

use super::{
    Buffer, EndState, EventTuple, Handle, Kind, Model, Step, Stop, SubtaskState, Waitable, trap_if,
};
use crate::trace::{Entry, Seen, pick_passed};

/// Set by `async` operations that go on.
pub(super) const BLOCKED: u32 = u32::MAX;

/// `Waitable`, `WaitableSet` and `Subtask`.
impl Model<'_> {
    pub(super) fn set_has_pending_event(&self, set: usize) -> bool {
        let elems = &self.sets[set].elems;
        elems.iter().any(|&w| self.waitables[w].pending.is_some())
    }

    /// `WaitableSet.get_pending_event`: any of them; which one is seen in the trace.
    pub(super) fn get_pending_event_of(&mut self, set: usize) -> Step<EventTuple> {
        let told = match self.peek() {
            Some(&Entry::Event(_, code, index, _) | &Entry::Callback(_, code, index, _)) => {
                Some((code, index))
            }
            _ => None,
        };
        let found = self.sets[set].elems.iter().copied().find(|&waitable| {
            self.waitables[waitable].pending.is_some()
                && Some(self.code_and_index(waitable)) == told
        });
        match found {
            Some(waitable) => Ok(self.get_pending_event(waitable)),
            None => Err(Stop::Differs(format!(
                "at {}: no waitable of the set has the event of {:?}",
                self.at,
                self.peek()
            ))),
        }
    }

    fn code_and_index(&self, waitable: usize) -> (u32, u32) {
        match self.waitables[waitable].kind {
            Kind::Subtask { on_progress, .. } => (1, on_progress.unwrap_or_default() as u32),
            Kind::End {
                reads,
                stream,
                index,
                ..
            } => {
                let code = match (stream, reads) {
                    (true, true) => 2,
                    (true, false) => 3,
                    (false, true) => 4,
                    (false, false) => 5,
                };
                (code, index as u32)
            }
        }
    }

    pub(super) fn get_pending_event(&mut self, waitable: usize) -> EventTuple {
        let (code, index) = self.code_and_index(waitable);
        let progress = self.waitables[waitable].pending.take();
        let progress = progress.expect("an event is pending");
        let payload = match &mut self.waitables[waitable].kind {
            Kind::Subtask {
                state, delivered, ..
            } => {
                *delivered |= !matches!(state, SubtaskState::Starting | SubtaskState::Started);
                *state as u32
            }
            Kind::End { stream: true, .. } => self.stream_event(waitable, progress),
            Kind::End { .. } => self.future_event(waitable, progress),
        };
        (code, index, payload)
    }

    pub(super) fn join(&mut self, waitable: usize, set: Option<usize>) {
        if let Some(old) = self.waitables[waitable].set {
            self.sets[old].elems.retain(|&other| other != waitable);
        }
        self.waitables[waitable].set = set;
        if let Some(set) = set {
            self.sets[set].elems.push(waitable);
        }
    }

    pub(super) fn new_subtask(
        &mut self,
        caller: usize,
        argument: Option<(usize, bool, bool)>,
    ) -> usize {
        self.waitables.push(Waitable {
            pending: None,
            set: None,
            has_sync_waiter: false,
            kind: Kind::Subtask {
                state: SubtaskState::Starting,
                task: None,
                delivered: false,
                cancellation_requested: false,
                on_progress: None,
                caller,
                argument,
            },
        });
        self.waitables.len() - 1
    }

    pub(super) fn subtask_state(&self, subtask: usize) -> SubtaskState {
        match self.waitables[subtask].kind {
            Kind::Subtask { state, .. } => state,
            Kind::End { .. } => unreachable!("it is a subtask"),
        }
    }

    pub(super) fn set_subtask_state(&mut self, subtask: usize, to: SubtaskState) {
        if let Kind::Subtask { state, .. } = &mut self.waitables[subtask].kind {
            *state = to;
        }
    }

    pub(super) fn is_resolved(&self, subtask: usize) -> bool {
        let state = self.subtask_state(subtask);
        !matches!(state, SubtaskState::Starting | SubtaskState::Started)
    }

    pub(super) fn on_progress(&mut self, subtask: usize) {
        if let Kind::Subtask {
            on_progress: Some(_),
            ..
        } = self.waitables[subtask].kind
        {
            self.waitables[subtask].pending = Some(0);
        }
    }

    /// The end of a call that the caller has no handle for.
    pub(super) fn deliver_call(&mut self, thread: usize, subtask: usize) -> Step {
        let state = self.subtask_state(subtask);
        if let Kind::Subtask { delivered, .. } = &mut self.waitables[subtask].kind {
            *delivered = true;
        }
        self.emit(Entry::Did(thread, "call", state as u32))
    }

    /// What steps see of an instance's handles.
    pub(super) fn seen(&self, instance: usize) -> Vec<(u32, Seen)> {
        let handles = self.instances[instance].handles.array.iter().enumerate();
        handles
            .filter_map(|(index, handle)| Some((index as u32, self.see((*handle)?))))
            .collect()
    }

    fn see(&self, handle: Handle) -> Seen {
        let waitable = match handle {
            Handle::Set(set) => {
                return Seen::Set {
                    empty: self.sets[set].elems.is_empty(),
                    waited: self.sets[set].num_waiting > 0,
                };
            }
            Handle::Subtask(waitable) | Handle::End(waitable) => &self.waitables[waitable],
            Handle::Thread(_) => unreachable!("threads have a table of their own"),
        };
        let joined = waitable.set.is_some();
        let busy = waitable.has_sync_waiter;
        match waitable.kind {
            Kind::Subtask {
                delivered,
                cancellation_requested,
                ..
            } => Seen::Subtask {
                delivered,
                cancelled: cancellation_requested,
                joined,
                busy,
            },
            Kind::End {
                reads,
                stream,
                number,
                state,
                ..
            } => Seen::End {
                reads,
                stream,
                number,
                idle: state == EndState::Idle,
                copying: state == EndState::Copying,
                done: state == EndState::Done,
                joined,
                busy,
            },
        }
    }
}

/// `End`, `StreamEnd` and `FutureEnd`.
impl Model<'_> {
    pub(super) fn new_ends(
        &mut self,
        instance: usize,
        stream: bool,
        number: bool,
    ) -> (usize, usize) {
        let first = self.waitables.len();
        for reads in [true, false] {
            let waitable = self.waitables.len();
            let index = self.instances[instance].handles.add(Handle::End(waitable));
            self.waitables.push(Waitable {
                pending: None,
                set: None,
                has_sync_waiter: false,
                kind: Kind::End {
                    reads,
                    stream,
                    number,
                    state: EndState::Idle,
                    other: Some(if reads { first + 1 } else { first }),
                    buffer: None,
                    owner: Some(instance),
                    index,
                },
            });
        }
        (first, first + 1)
    }

    pub(super) fn state(&mut self, end: usize) -> &mut EndState {
        match &mut self.waitables[end].kind {
            Kind::End { state, .. } => state,
            Kind::Subtask { .. } => unreachable!("it is an end"),
        }
    }

    fn other(&mut self, end: usize) -> &mut Option<usize> {
        match &mut self.waitables[end].kind {
            Kind::End { other, .. } => other,
            Kind::Subtask { .. } => unreachable!("it is an end"),
        }
    }

    fn buffer(&mut self, end: usize) -> &mut Option<Buffer> {
        match &mut self.waitables[end].kind {
            Kind::End { buffer, .. } => buffer,
            Kind::Subtask { .. } => unreachable!("it is an end"),
        }
    }

    fn owner(&self, end: usize) -> Option<usize> {
        match self.waitables[end].kind {
            Kind::End { owner, .. } => owner,
            Kind::Subtask { .. } => unreachable!("it is an end"),
        }
    }

    /// Whether it reads, is of a stream, and is of numbers.
    pub(super) fn sort(&self, end: usize) -> (bool, bool, bool) {
        match self.waitables[end].kind {
            Kind::End {
                reads,
                stream,
                number,
                ..
            } => (reads, stream, number),
            Kind::Subtask { .. } => unreachable!("it is an end"),
        }
    }

    /// The readable end that a selector selects, to be passed on: its index and type.
    pub(super) fn select_passed(
        &self,
        instance: usize,
        selector: Option<u8>,
    ) -> Option<(usize, bool, bool)> {
        let index = pick_passed(&self.seen(instance), selector?)? as usize;
        match self.instances[instance].handles.array[index] {
            Some(Handle::End(end)) => {
                let (_, stream, number) = self.sort(end);
                Some((index, stream, number))
            }
            _ => unreachable!("ends are picked"),
        }
    }

    /// `lift_async_value` and `lower_async_value`.
    pub(super) fn pass(
        &mut self,
        thread: usize,
        what: &'static str,
        (index, stream, number): (usize, bool, bool),
        [from, to]: [usize; 2],
    ) -> Step {
        let handle = self.instances[from].handles.array.get(index).copied();
        let Some(handle) = handle.flatten() else {
            return Err(Stop::Trap("UnknownHandle"));
        };
        let Handle::End(end) = handle else {
            return Err(Stop::Trap("WrongHandleType"));
        };
        trap_if(self.sort(end) != (true, stream, number), "WrongHandleType")?;
        self.instances[from].handles.remove(index);
        let joined = self.waitables[end].set.is_some();
        trap_if(*self.state(end) == EndState::Done, "LiftDone")?;
        trap_if(*self.state(end) != EndState::Idle, "LiftBusy")?;
        trap_if(joined, "LiftInSet")?;
        let lowered = self.instances[to].handles.add(Handle::End(end));
        if let Kind::End { owner, index, .. } = &mut self.waitables[end].kind {
            (*owner, *index) = (Some(to), lowered);
        }
        self.emit(Entry::Passed(thread, what, index as u32, lowered as u32))
    }

    fn notify(&mut self, end: usize, progress: u32) {
        self.waitables[end].pending = Some(progress);
    }

    /// `End.copy`.
    pub(super) fn copy(&mut self, end: usize, mut buffer: Buffer) -> Step {
        let (is_read, _, number) = self.sort(end);
        *self.state(end) = EndState::Copying;
        let Some(other) = *self.other(end) else {
            assert!(self.waitables[end].pending.is_some());
            return Ok(());
        };
        let Some(mut others) = *self.buffer(other) else {
            *self.buffer(end) = Some(buffer);
            return Ok(());
        };
        if buffer.remain() > 0 && others.remain() > 0 {
            let same = self.owner(end).is_some() && self.owner(end) == self.owner(other);
            trap_if(same && !number, "CopyWithinInstance")?;
            let n = buffer.remain().min(others.remain());
            let (from, to) = match is_read {
                true => (others, buffer),
                false => (buffer, others),
            };
            self.emit(Entry::Copied(
                from.tag,
                from.progress,
                to.tag,
                to.progress,
                n,
            ))?;
            buffer.progress += n;
            others.progress += n;
            self.notify(end, buffer.progress);
            self.notify(other, others.progress);
            *self.buffer(other) = (others.remain() > 0).then_some(others);
        } else if buffer.remain() > 0 || (is_read && others.remain() == 0) {
            self.notify(other, 0);
            *self.buffer(other) = None;
            *self.buffer(end) = Some(buffer);
        } else {
            self.notify(end, 0);
        }
        Ok(())
    }

    /// `End.cancel`; no end is the host's here.
    pub(super) fn cancel(&mut self, end: usize) {
        *self.state(end) = EndState::CancellingCopy;
        if self.waitables[end].pending.is_none() {
            self.notify(end, 0);
        }
    }

    /// `End.forward`.
    pub(super) fn forward(&mut self, src: usize, dst: usize) -> Step {
        let (writable, readable) = (*self.other(src), *self.other(dst));
        let (Some(writable), Some(readable)) = (writable, readable) else {
            self.drop_end(src);
            self.drop_end(dst);
            return Ok(());
        };
        if writable == dst {
            self.drop_end(src);
            self.drop_end(dst);
            return Ok(());
        }
        *self.other(writable) = Some(readable);
        *self.other(readable) = Some(writable);
        let (written, read) = (*self.buffer(writable), *self.buffer(readable));
        if let (Some(written), Some(read)) = (written, read) {
            let (smaller, buffer) = if read.remain() > written.remain() {
                (writable, written)
            } else {
                (readable, read)
            };
            *self.buffer(smaller) = None;
            self.copy(smaller, buffer)?;
        }
        Ok(())
    }

    /// `End.drop`.
    pub(super) fn drop_end(&mut self, end: usize) {
        if let Some(other) = self.other(end).take() {
            *self.other(other) = None;
            if *self.state(other) != EndState::Done && self.waitables[other].pending.is_none() {
                self.notify(other, 0);
            }
        }
        self.join(end, None);
    }

    fn stream_event(&mut self, end: usize, progress: u32) -> u32 {
        *self.buffer(end) = None;
        let result = if self.other(end).is_none() {
            *self.state(end) = EndState::Done;
            1
        } else if *self.state(end) == EndState::CancellingCopy {
            *self.state(end) = EndState::Idle;
            2
        } else {
            assert!(*self.state(end) == EndState::Copying);
            *self.state(end) = EndState::Idle;
            0
        };
        result | progress << 4
    }

    fn future_event(&mut self, end: usize, progress: u32) -> u32 {
        if progress == 1 {
            assert!(self.buffer(end).is_none());
            *self.state(end) = EndState::Done;
            0
        } else if self.other(end).is_none() {
            *self.buffer(end) = None;
            *self.state(end) = EndState::Done;
            1
        } else {
            assert!(*self.state(end) == EndState::CancellingCopy);
            *self.buffer(end) = None;
            *self.state(end) = EndState::Idle;
            2
        }
    }
}
