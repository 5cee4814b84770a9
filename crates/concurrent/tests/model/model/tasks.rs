//! The naive interpreter's tasks: entering, starting, returning, cancelling, and callbacks.

use super::{
    Flow, Handle, Kind, Model, Ready, Run, State, Step, Stop, SubtaskState, Task, Then, trap_if,
};
use crate::program::{Code, Lift};
use crate::trace::{Entry, Why, pick_set, wrong_set};

/// `Task` and `canon_lift`.
impl Model<'_> {
    pub(super) fn lift_of(&self, task: usize) -> Lift {
        self.program.functions[self.tasks[task].function].lift
    }

    pub(super) fn needs_exclusive(&self, task: usize) -> bool {
        matches!(self.lift_of(task), Lift::Exclusive | Lift::Callback)
    }

    pub(super) fn has_backpressure(&self, task: usize) -> bool {
        let instance = &self.instances[self.tasks[task].instance];
        instance.backpressure > 0
            || (self.needs_exclusive(task) && instance.exclusive_thread.is_some())
    }

    pub(super) fn canon_lift(&mut self, function: usize, caller: Option<usize>) -> Step<usize> {
        let found = &self.program.functions[function];
        let task = self.tasks.len();
        let thread = self.new_thread(task, Some(function), found.body);
        self.tasks.push(Task {
            function,
            instance: found.instance,
            state: State::Initial,
            implicit_thread: thread,
            threads: Vec::new(),
            caller,
        });
        if let Some(caller) = caller
            && let Kind::Subtask { task: callee, .. } = &mut self.waitables[caller].kind
        {
            *callee = Some(task);
        }
        self.resume(thread, Why::Call)?;
        if found.lift == Lift::Sync {
            while self.tasks[task].state != State::Resolved {
                let candidates = self.candidates_in(found.instance);
                trap_if(candidates.is_empty(), "SyncTaskBlocked")?;
                let next = self.choice(&candidates, Why::Sync(thread))?;
                self.resume(next, Why::Sync(thread))?;
            }
        }
        Ok(task)
    }

    pub(super) fn enter_implicit_thread(&mut self, thread: usize) -> Step<Flow> {
        let task = self.threads[thread].task;
        let instance = self.tasks[task].instance;
        if self.lift_of(task) != Lift::Sync {
            let others_wait = self.instances[instance].num_waiting_to_enter > 0;
            if self.has_backpressure(task) || others_wait {
                self.instances[instance].num_waiting_to_enter += 1;
                return self.wait_until(thread, Ready::NoBackpressure, Then::Entered);
            }
        }
        self.enter_now(thread)?;
        Ok(Flow::On)
    }

    pub(super) fn enter_now(&mut self, thread: usize) -> Step {
        let task = self.threads[thread].task;
        if self.needs_exclusive(task) {
            self.take_lock(thread);
        }
        self.register_thread(thread);
        self.start(thread)
    }

    pub(super) fn register_thread(&mut self, thread: usize) -> usize {
        let task = self.threads[thread].task;
        self.tasks[task].threads.push(thread);
        let instance = self.tasks[task].instance;
        let threads = &mut self.instances[instance].threads;
        let index = threads.add(Handle::Thread(thread));
        self.threads[thread].index = Some(index);
        index
    }

    pub(super) fn unregister_thread(&mut self, thread: usize) -> Step {
        let task = self.threads[thread].task;
        self.tasks[task].threads.retain(|&other| other != thread);
        let found = &self.tasks[task];
        trap_if(
            found.threads.is_empty() && found.state != State::Resolved,
            "TaskNotResolved",
        )?;
        let index = self.threads[thread].index.expect("it is registered");
        self.instances[found.instance].threads.remove(index);
        Ok(())
    }

    pub(super) fn start(&mut self, thread: usize) -> Step {
        let task = self.threads[thread].task;
        self.tasks[task].state = State::Started;
        let caller = self.tasks[task].caller;
        if let Some(caller) = caller {
            self.on_progress(caller);
            self.set_subtask_state(caller, SubtaskState::Started);
        }
        self.emit(Entry::Started(thread))?;
        let Some(caller) = caller else {
            return Ok(());
        };
        let Kind::Subtask {
            argument: Some(argument),
            caller: from,
            ..
        } = self.waitables[caller].kind
        else {
            return Ok(());
        };
        let to = self.tasks[task].instance;
        self.pass(thread, "parameter", argument, [from, to])
    }

    pub(super) fn resolve(&mut self, task: usize, returned: bool) {
        if let Some(caller) = self.tasks[task].caller {
            self.on_progress(caller);
            let state = match (returned, self.subtask_state(caller)) {
                (true, _) => SubtaskState::Returned,
                (false, SubtaskState::Starting) => SubtaskState::CancelledBeforeStarted,
                (false, _) => SubtaskState::CancelledBeforeReturned,
            };
            self.set_subtask_state(caller, state);
        }
        self.tasks[task].state = State::Resolved;
    }

    pub(super) fn request_cancellation(&mut self, task: usize) -> Step {
        let (instance, implicit) = (self.tasks[task].instance, self.tasks[task].implicit_thread);
        if self.tasks[task].state == State::Initial {
            // The thread is resumed, finds that it is cancelled, and ends.
            self.instances[instance].num_waiting_to_enter -= 1;
            self.threads[implicit].ready_func = None;
            self.threads[implicit].run = Run::Ended;
            self.resolve(task, false);
            return self.emit(Entry::Cancelled(implicit));
        }
        assert_eq!(self.tasks[task].state, State::Started);
        self.tasks[task].state = State::PendingCancel;
        let why = Why::Cancel(implicit);
        let mut is_first = true;
        while self.tasks[task].state != State::Resolved {
            let candidates = self.candidates_in(instance);
            if candidates.is_empty() {
                break;
            }
            if !is_first {
                let goes_on = matches!(self.peek(), Some(&Entry::Resume(_, w)) if w == why);
                if self.deterministic || !goes_on {
                    break;
                }
            }
            is_first = false;
            let next = self.choice(&candidates, why)?;
            self.resume(next, why)?;
        }
        Ok(())
    }

    pub(super) fn deliver_pending_cancel(&mut self, thread: usize) -> bool {
        let task = &mut self.tasks[self.threads[thread].task];
        let pending = task.state == State::PendingCancel;
        if pending {
            task.state = State::CancelDelivered;
        }
        pending
    }

    /// The core function or callback has returned.
    pub(super) fn finish(&mut self, thread: usize) -> Step<Flow> {
        let task = self.threads[thread].task;
        let Some(function) = self.threads[thread].function else {
            self.unregister_thread(thread)?;
            return Ok(Flow::Ended);
        };
        let found = &self.program.functions[function];
        let code = found.codes.get(self.threads[thread].callbacks).copied();
        if let (Lift::Callback, Some(code)) = (found.lift, code)
            && let Some(flow) = self.callback_code(thread, code)?
        {
            return Ok(flow);
        }
        let is_sync = matches!(found.lift, Lift::Sync | Lift::Exclusive);
        if is_sync || (found.returns && self.tasks[task].state != State::Resolved) {
            self.task_return(thread, found.passes)?;
        }
        self.unregister_thread(thread)?;
        if self.needs_exclusive(task) {
            let instance = self.tasks[task].instance;
            assert_eq!(self.instances[instance].exclusive_thread, Some(thread));
            self.instances[instance].exclusive_thread = None;
        }
        Ok(Flow::Ended)
    }

    pub(super) fn callback_code(&mut self, thread: usize, code: Code) -> Step<Option<Flow>> {
        let instance = self.instance_of(thread);
        let set = match code {
            Code::Yield => None,
            Code::Wait(selector) => match pick_set(&self.seen(instance), selector) {
                Some(index) => Some(index),
                None => return Ok(None),
            },
            Code::Wrong(selector) if selector.is_multiple_of(2) => {
                return Err(Stop::Trap("UnsupportedCallbackCode"));
            }
            Code::Wrong(selector) => {
                let index = wrong_set(&self.seen(instance), selector);
                return Err(self.wrong_handle(instance, index));
            }
        };
        if self.deliver_pending_cancel(thread) {
            self.call_back(thread, (6, 0, 0))?;
            return Ok(Some(Flow::On));
        }
        self.instances[instance].exclusive_thread = None;
        let Some(index) = set else {
            return self
                .wait_until(thread, Ready::ExclusiveFree, Then::CallbackYielded)
                .map(Some);
        };
        let Some(Handle::Set(set)) = self.instances[instance].handles.array[index as usize] else {
            unreachable!("a set was picked");
        };
        self.sets[set].num_waiting += 1;
        self.wait_until(thread, Ready::Callback(set), Then::CallbackWaited(set))
            .map(Some)
    }

    pub(super) fn task_return(&mut self, thread: usize, selector: Option<u8>) -> Step {
        let task = self.threads[thread].task;
        trap_if(
            self.tasks[task].state == State::Resolved,
            "TaskReturnedTwice",
        )?;
        let from = self.tasks[task].instance;
        if let Some(caller) = self.tasks[task].caller
            && let Kind::Subtask { caller: to, .. } = self.waitables[caller].kind
            && let Some(passed) = self.select_passed(from, selector)
        {
            self.pass(thread, "result", passed, [from, to])?;
        }
        self.resolve(task, true);
        self.emit(Entry::Did(thread, "return", 0))
    }
}
