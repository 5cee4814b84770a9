//! Calls of the host that make tasks.

use super::state::{GuestTask, Next, TaskWork};
use super::turn::{Ran, new_thread, next_for_sync};
use super::waitable;
use crate::bug::{bail_bug, bug};
use crate::store::StoreOpaque;
use crate::vm::{CallerSlot, ComponentInstancePtr, CoreFunc};
use anyhow::{Context as _, Result, anyhow};
use std::future::poll_fn;
use std::task::Poll;
use threadline_concurrent::{NewTask, SubtaskId, TaskId, Trap};
use threadline_environ::canonical_abi::LiftOrLower;
use threadline_environ::component::InterfaceType;
use threadline_environ::layout::ValRaw;
use threadline_environ::{ComponentFuncTypeIndex, OptionsIndex, RuntimeComponentInstanceIndex};

/// The host's part of a call that makes a task.
pub(crate) trait HostCaller {
    /// Puts the core parameters in the slots.
    ///
    /// # Errors
    /// If they can't be lowered.
    fn lower(&mut self, store: &mut StoreOpaque, slots: &mut [ValRaw]) -> Result<()>;

    /// Takes the result of the core values in the slots.
    ///
    /// # Errors
    /// If it can't be lifted.
    fn lift(&mut self, store: &mut StoreOpaque, slots: &mut [ValRaw]) -> Result<()>;
}

/// A lifted function, calls of which make tasks.
#[derive(Copy, Clone, Debug)]
pub(crate) struct HostTask {
    instance: ComponentInstancePtr,
    owner: RuntimeComponentInstanceIndex,
    core: CoreFunc,
    lift: OptionsIndex,
    kind: LiftOrLower,
    async_typed: bool,
    result: Option<InterfaceType>,
}

impl HostTask {
    /// A function that an instance lifts.
    pub(crate) fn new(
        instance: ComponentInstancePtr,
        core: CoreFunc,
        ty: ComponentFuncTypeIndex,
        lift: OptionsIndex,
    ) -> HostTask {
        let description = instance.description();
        let (ty, options) = (&description.types.funcs[ty], &description.options[lift]);
        HostTask {
            instance,
            owner: options.instance,
            core,
            lift,
            kind: options.lift(),
            async_typed: ty.async_,
            result: ty.result,
        }
    }

    /// How many core values a result has at most that isn't passed in memory.
    pub(crate) fn max_flat_results(&self) -> usize {
        match self.kind {
            LiftOrLower::LiftCallback | LiftOrLower::LiftStackful => {
                threadline_environ::canonical_abi::MAX_FLAT_PARAMS
            }
            _ => threadline_environ::canonical_abi::MAX_FLAT_RESULTS,
        }
    }
}

/// A call of the host that makes a task; a place and a generation.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostCallId {
    place: usize,
    generation: u64,
}

/// Calls of the host that have not ended.
#[derive(Default)]
pub(crate) struct HostCalls {
    places: Vec<HostCall>,
    free: Vec<usize>,
    /// Tasks whose callers have lost interest, to be told so at the next turn.
    given_up: Vec<TaskId>,
}

struct HostCall {
    generation: u64,
    caller: CallerSlot,
    task: Option<TaskId>,
    resolution: Option<Resolution>,
}

/// How a call ended.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Resolution {
    Returned,
    Cancelled,
}

impl HostCalls {
    fn begin(&mut self) -> HostCallId {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(HostCall {
                generation: 0,
                caller: CallerSlot::default(),
                task: None,
                resolution: None,
            });
            self.places.len() - 1
        });
        HostCallId {
            place,
            generation: self.places[place].generation,
        }
    }

    fn get(&mut self, id: HostCallId) -> Option<&mut HostCall> {
        let call = self.places.get_mut(id.place)?;
        (call.generation == id.generation).then_some(call)
    }

    /// Where the caller is.
    pub(crate) fn caller(&mut self, id: HostCallId) -> Option<&mut CallerSlot> {
        Some(&mut self.get(id)?.caller)
    }

    fn resolve(&mut self, id: HostCallId, resolution: Resolution) {
        if let Some(call) = self.get(id) {
            call.resolution = Some(resolution);
        }
    }

    fn end(&mut self, id: HostCallId) -> Option<HostCall> {
        let call = self.get(id)?;
        let ended = HostCall {
            generation: call.generation,
            caller: std::mem::take(&mut call.caller),
            task: call.task.take(),
            resolution: call.resolution.take(),
        };
        call.generation += 1;
        self.free.push(id.place);
        Some(ended)
    }
}

/// What the host finds when it looks for a call's result.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Driven {
    Resolved(Resolution),
    Pending,
}

impl StoreOpaque {
    /// Lowers the parameters of a call of the host that starts.
    pub(super) fn lower_params(&mut self, call: HostCallId, slots: &mut [ValRaw]) -> Result<()> {
        let lowered = self.use_caller(call, |caller, store| caller.lower(store, slots));
        lowered.context("a call starts whose caller has gone")?
    }

    /// Lifts the result of a call of the host that returns; if nobody waits for it, it is ignored.
    pub(super) fn lift_result(&mut self, call: HostCallId, slots: &mut [ValRaw]) -> Result<()> {
        match self.use_caller(call, |caller, store| caller.lift(store, slots)) {
            Some(lifted) => lifted?,
            None => return Ok(()),
        }
        self.concurrency
            .host_calls
            .resolve(call, Resolution::Returned);
        Ok(())
    }

    /// The task has acknowledged that it is cancelled.
    pub(super) fn host_call_cancelled(&mut self, call: HostCallId) {
        self.concurrency
            .host_calls
            .resolve(call, Resolution::Cancelled);
    }

    /// A host function is told that its caller wants it to be cancelled.
    pub(super) fn cancel_host_task(&mut self, _: SubtaskId) -> Result<()> {
        bail_bug!("host functions that are subtasks are not driven")
    }

    /// Makes a task and runs it until it blocks or ends.
    fn begin_task(&mut self, task: &HostTask, call: HostCallId) -> Result<Ran> {
        let instance = self.scheduled(task.instance, task.owner);
        let thread = new_thread(self, task.instance, Next::Task)?;
        let payload = GuestTask {
            instance: task.instance,
            lift: Some(task.lift),
            result: task.result,
            work: TaskWork::Host {
                core: task.core,
                call,
            },
            args: Default::default(),
            out: 0,
            scope: 0,
        };
        let (id, thread) = self.concurrency.scheduler.new_task(NewTask {
            instance,
            async_typed: task.async_typed,
            needs_exclusive: task.kind != LiftOrLower::LiftStackful,
            caller: None,
            task: payload,
            thread,
        })?;
        if let Some(call) = self.concurrency.host_calls.get(call) {
            call.task = Some(id);
        }
        self.run_thread(thread)
    }

    /// Turns the event loop until a call is resolved.
    fn drive(&mut self, task: &HostTask, call: HostCallId) -> Result<Driven> {
        loop {
            let found = self.concurrency.host_calls.get(call);
            let found = found.ok_or_else(|| bug!("a call that is gone is driven"))?;
            if let Some(resolution) = found.resolution {
                return Ok(Driven::Resolved(resolution));
            }
            let next = match task.async_typed {
                false => {
                    let instance = self.scheduled(task.instance, task.owner);
                    next_for_sync(&mut self.concurrency.scheduler, instance)?
                }
                true => match self.concurrency.scheduler.next_ready() {
                    Some(next) => next,
                    None => return Err(Trap::Deadlock.into()),
                },
            };
            if self.run_thread(next)? == Ran::Pending {
                return Ok(Driven::Pending);
            }
        }
    }

    /// Tells tasks whose callers have lost interest that they are to be cancelled.
    fn give_up(&mut self) -> Result<()> {
        while let Some(task) = self.concurrency.host_calls.given_up.pop() {
            // It may have ended meanwhile, or been resolved.
            if self.concurrency.scheduler.task_state(task)
                != threadline_concurrent::TaskState::Resolved
            {
                waitable::request_cancellation(self, task)?;
            }
        }
        Ok(())
    }

    /// Calls a function, as a task, from within a plain call: nothing can wait for the host.
    ///
    /// # Errors
    /// If the task fails, or can't return without the host.
    pub(crate) fn call_task(&mut self, task: &HostTask, caller: &mut dyn HostCaller) -> Result<()> {
        let id = self.concurrency.host_calls.begin();
        let driven = self.turn(None, |store| {
            store.with_caller(id, caller, |store| {
                store.give_up()?;
                match store.begin_task(task, id)? {
                    Ran::Done => store.drive(task, id),
                    Ran::Pending => Ok(Driven::Pending),
                }
            })
        });
        self.concurrency.host_calls.end(id);
        match driven? {
            Driven::Resolved(resolution) => resolved(resolution),
            Driven::Pending => Err(anyhow!(
                "the call waits for a host function, and a plain call can't wait: call it with \
                 `call_async`"
            )),
        }
    }

    /// The same within a future.
    ///
    /// # Errors
    /// If the task fails, or nothing can ever go on.
    pub(crate) async fn call_task_async<C: HostCaller>(
        &mut self,
        task: HostTask,
        caller: &mut C,
    ) -> Result<()> {
        let id = self.concurrency.host_calls.begin();
        let call = AsyncCall { store: self, id };
        let mut begun = false;
        let resolution = poll_fn(|cx| {
            let driven = call.store.turn(Some(cx), |store| {
                store.with_caller(id, caller, |store| {
                    let ran = match std::mem::replace(&mut begun, true) {
                        true => store.go_on_after_host()?,
                        false => {
                            store.give_up()?;
                            store.begin_task(&task, id)?
                        }
                    };
                    match ran {
                        Ran::Done => store.drive(&task, id),
                        Ran::Pending => Ok(Driven::Pending),
                    }
                })
            });
            match driven {
                Ok(Driven::Resolved(resolution)) => Poll::Ready(Ok(resolution)),
                Ok(Driven::Pending) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            }
        });
        let resolution = resolution.await?;
        drop(call);
        resolved(resolution)
    }
}

fn resolved(resolution: Resolution) -> Result<()> {
    match resolution {
        Resolution::Returned => Ok(()),
        Resolution::Cancelled => Err(anyhow!("the call was cancelled")),
    }
}

/// A call within a future; dropped early, it gives the task up.
struct AsyncCall<'a> {
    store: &'a mut StoreOpaque,
    id: HostCallId,
}

impl Drop for AsyncCall<'_> {
    fn drop(&mut self) {
        if self.store.is_interrupted() {
            self.store.abandon_interrupted();
        }
        let calls = &mut self.store.concurrency.host_calls;
        if let Some(HostCall {
            task: Some(task),
            resolution: None,
            ..
        }) = calls.end(self.id)
        {
            calls.given_up.push(task);
        }
    }
}
