//! What a store knows of its tasks and threads beside the scheduler.

use super::copy::Buffer;
use super::end::{ElementType, MovingEnds};
use super::error_context::ErrorContexts;
use super::host_call::HostCallId;
use super::host_end::HostEnds;
use super::host_task::{HostTaskId, HostTasks};
use crate::bug::bug;
use crate::canonical_abi::KeptHandles;
use crate::store::StoreOpaque;
use crate::type_registry::TypeId;
use crate::vm::{
    ComponentInstancePtr, CoreFunc, DefinedTable, Entrance, GuestStack, GuestStackPtr, Owned,
};
use anyhow::Result;
use std::cell::{Cell, OnceCell};
use threadline_concurrent::{Event, Id, InstanceId, Platform, Scheduler, SubtaskId};
use threadline_environ::canonical_abi::LiftOrLower;
use threadline_environ::component::{Component, InterfaceType};
use threadline_environ::entity::EntityRef;
use threadline_environ::{
    OptionsIndex, RuntimeCallbackIndex, RuntimeComponentInstanceIndex, RuntimeTableIndex, SlotType,
    TaskAdapterIndex,
};

/// What is attached to what the scheduler knows.
pub(crate) enum Guests {}

impl Platform for Guests {
    type Thread = GuestThread;
    type Task = GuestTask;
    type Subtask = GuestSubtask;
    type Buffer = Buffer;
    type Payload = ElementType;
}

/// A thread's own.
pub(crate) struct GuestThread {
    pub(super) stack: GuestStack,
    /// What it does when it next goes on.
    pub(super) next: Next,
    /// What the call is that its stack has frames of.
    pub(super) doing: Doing,
}

/// What a core function is called for on a thread's stack.
#[derive(Copy, Clone, Debug)]
pub(super) enum Doing {
    /// It is that of an explicit thread.
    Thread,
    /// It is that of a task, lifted so.
    Task(LiftOrLower),
    /// It is a task's callback.
    Callback,
}

/// What a thread does next.
#[derive(Copy, Clone, Debug)]
pub(super) enum Next {
    /// It goes on, on its stack.
    GoOn,
    /// It enters its instance and starts its task.
    Task,
    /// It calls a core function with one parameter.
    Call(CoreFunc, u64),
    /// It is called back, with the event that is its outcome.
    CallBack,
    /// It is called back with this event.
    CallBackWith(Event),
}

impl GuestThread {
    /// A thread that will start its task.
    pub(super) fn of_task(stack: GuestStack) -> GuestThread {
        GuestThread {
            stack,
            next: Next::Task,
            doing: Doing::Task(LiftOrLower::Lift),
        }
    }
}

/// A task's own.
pub(crate) struct GuestTask {
    /// The component that the callee belongs to.
    pub(super) instance: ComponentInstancePtr,
    /// How it is lifted; none for a core module's start function.
    pub(super) lift: Option<Owned<OptionsIndex>>,
    /// The type of what it returns, in that component.
    pub(super) result: Owned<Option<InterfaceType>>,
    /// What it does.
    pub(super) work: TaskWork,
    /// The call of the host that it is part of, as its callee or as a callee of that; none of a start
    /// function.
    pub(super) root: Option<HostCallId>,
    /// The core parameters that the caller passed, if it has gone on before the task has started.
    pub(super) args: Option<Args>,
    /// Where the caller wants the result, if it wants it in memory.
    pub(super) out: u64,
    /// The scope that counts what it has borrowed; 0 if there is none.
    pub(super) scope: u32,
}

/// Core parameters, none of which has more than 64 bits.
pub(super) type Args = Box<[u64]>;

/// What a task does when it starts and when it returns.
#[derive(Copy, Clone, Debug)]
pub(super) enum TaskWork {
    /// It was called by a guest of the same component.
    Guest(TaskAdapterIndex),
    /// It was called by the host, which lowers and lifts.
    Host {
        /// The core function.
        core: CoreFunc,
        /// The call.
        call: HostCallId,
    },
    /// It is a core module's start function.
    Start(CoreFunc),
}

/// A subtask's own.
#[derive(Default)]
pub(crate) struct GuestSubtask {
    pub(super) lent: Lent,
    /// The flat result of a call that waits for it.
    pub(super) result: u64,
    /// Who carries it out, if the callee is the host.
    pub(super) host: Option<HostTaskId>,
}

/// What is lent for a call, to be taken back.
#[derive(Default)]
pub(crate) struct Lent {
    /// The list of handles that are lent to a guest.
    pub(super) lenders: Option<(ComponentInstancePtr, RuntimeComponentInstanceIndex, u32)>,
    /// What the host has borrowed.
    pub(super) handles: KeptHandles,
}

/// All concurrency of a store.
pub(crate) struct Concurrency {
    pub(crate) scheduler: Scheduler<Guests>,
    /// By the place of an [`InstanceId`].
    instances: Vec<(ComponentInstancePtr, RuntimeComponentInstanceIndex)>,
    /// Calls of the host that make tasks.
    pub(crate) host_calls: super::host_call::HostCalls,
    /// What host functions do meanwhile.
    pub(crate) host_tasks: HostTasks,
    /// How many threads there may be, when its limiter was asked last.
    pub(super) thread_limit: usize,
    /// How many waitables there may be when a guest makes a stream or future, as its limiter said last.
    pub(super) waitable_limit: usize,
    /// Core parameters of the tasks that are about to start: most start at once, and take them from
    /// the end of this.
    pub(super) incoming: Vec<u64>,
    /// The outermost stack, if everything waits for the host.
    pub(super) interrupted: Vec<GuestStackPtr>,
    /// Ends that are between two tables.
    pub(super) moving: MovingEnds,
    /// Ends that are the host's, and what drives them.
    pub(super) host_ends: HostEnds,
    /// Messages of error contexts, by the places that are in the tables of handles.
    pub(crate) error_contexts: ErrorContexts,
}

impl Default for Concurrency {
    fn default() -> Concurrency {
        Concurrency {
            scheduler: Scheduler::new(),
            instances: Vec::new(),
            host_calls: Default::default(),
            host_tasks: HostTasks::default(),
            thread_limit: 0,
            waitable_limit: 0,
            incoming: Vec::new(),
            interrupted: Vec::new(),
            moving: MovingEnds::default(),
            host_ends: HostEnds::default(),
            error_contexts: ErrorContexts::default(),
        }
    }
}

impl Concurrency {
    /// Which component instance an id is of.
    pub(crate) fn instance(
        &self,
        id: InstanceId,
    ) -> (ComponentInstancePtr, RuntimeComponentInstanceIndex) {
        self.instances[id.raw().index()]
    }

    /// What is attached to the running thread.
    #[inline]
    pub(super) fn current_thread(&mut self) -> Result<&mut GuestThread> {
        let current = self.scheduler.current();
        let thread = current.and_then(|id| self.scheduler.thread_payload_mut(id));
        thread.ok_or_else(no_current_thread)
    }

    /// Takes the stack that waits for the host in the middle of what its resumer does, which waits
    /// likewise.
    pub(super) fn take_interrupted(&mut self) -> Result<GuestStackPtr> {
        let stack = self.interrupted.pop();
        Ok(stack.ok_or_else(|| crate::bug::bug!("a thread waits for the host without a stack"))?)
    }

    /// What is attached to the running task.
    #[inline]
    pub(super) fn current_task(&mut self) -> Result<&mut GuestTask> {
        let task = self.scheduler.current_task_payload_mut();
        task.ok_or_else(no_current_thread)
    }

    /// The call of the host that the running task is part of.
    pub(super) fn current_root(&mut self) -> Option<HostCallId> {
        self.scheduler.current_task_payload_mut()?.root
    }

    /// What is attached to a subtask.
    pub(super) fn subtask(&mut self, id: SubtaskId) -> Option<&mut GuestSubtask> {
        self.scheduler.subtask_payload_mut(id)
    }
}

/// Something speaks of the running guest thread where none runs.
#[cold]
fn no_current_thread() -> anyhow::Error {
    crate::bug::bug!("no guest thread runs").into()
}

impl StoreOpaque {
    /// The id of a component instance in the scheduler.
    #[inline]
    pub(crate) fn scheduled(
        &mut self,
        instance: ComponentInstancePtr,
        index: RuntimeComponentInstanceIndex,
    ) -> InstanceId {
        match instance.tasks().id(index) {
            Some(id) => id,
            None => self.schedule(instance, index),
        }
    }

    #[cold]
    fn schedule(
        &mut self,
        instance: ComponentInstancePtr,
        index: RuntimeComponentInstanceIndex,
    ) -> InstanceId {
        let id = self.concurrency.scheduler.new_instance();
        // Instances are never removed, so places ascend.
        self.concurrency.instances.push((instance, index));
        debug_assert_eq!(id.raw().index() + 1, self.concurrency.instances.len());
        let cell = instance.tasks().ids.get(index.index());
        debug_assert!(cell.is_some(), "{index:?} is another component's");
        if let Some(cell) = cell {
            cell.set(Some(id));
        }
        id
    }
}

/// What a component instance has for tasks: filled by steps of instantiation.
pub(crate) struct InstanceTasks {
    callbacks: Box<[Cell<Option<CoreFunc>>]>,
    tables: Box<[Cell<Option<DefinedTable>>]>,
    adapters: Box<[OnceCell<TaskFuncs>]>,
    /// The function type that `thread.new-indirect` has found right last.
    start_type: Cell<Option<(SlotType, TypeId, Entrance)>>,
    /// By [`RuntimeComponentInstanceIndex`], those that the scheduler knows.
    ids: Box<[Cell<Option<InstanceId>>]>,
}

/// A call between guests that makes a task, with all that is known beforehand.
#[derive(Copy, Clone, Debug)]
pub(crate) struct TaskFuncs {
    /// Starts the task.
    pub(crate) start: CoreFunc,
    /// Returns its result.
    pub(crate) return_: CoreFunc,
    /// The caller.
    pub(crate) caller: RuntimeComponentInstanceIndex,
    /// The callee.
    pub(crate) callee: RuntimeComponentInstanceIndex,
    /// How the function is lifted.
    pub(crate) lift: OptionsIndex,
    /// Whether the function's type is `async`.
    pub(crate) async_typed: bool,
    /// Whether it was lifted without `async`, or with a callback.
    pub(crate) needs_exclusive: bool,
    /// Whether it is lowered with `async`.
    pub(crate) lower_async: bool,
    /// Core parameters of the caller.
    pub(crate) params: usize,
    /// What it returns, in the component that lifts it.
    pub(crate) result: Option<InterfaceType>,
}

fn nothing<T: Copy>(count: usize) -> Box<[Cell<Option<T>>]> {
    vec![Cell::new(None); count].into()
}

impl InstanceTasks {
    /// Of an instance of which no step has been taken.
    pub(crate) fn new(component: &Component) -> InstanceTasks {
        InstanceTasks {
            callbacks: nothing(component.num_callbacks as usize),
            tables: nothing(component.num_tables as usize),
            adapters: component
                .task_adapters
                .values()
                .map(|_| OnceCell::new())
                .collect(),
            start_type: Cell::new(None),
            ids: nothing(component.num_component_instances as usize),
        }
    }

    /// The scheduler's id of a component instance, if it has one.
    #[inline]
    pub(super) fn id(&self, index: RuntimeComponentInstanceIndex) -> Option<InstanceId> {
        self.ids.get(index.index())?.get()
    }

    /// Of all of its component instances that the scheduler knows.
    pub(super) fn all_ids(&self) -> impl Iterator<Item = InstanceId> {
        self.ids.iter().filter_map(Cell::get)
    }

    /// A `callback`.
    pub(super) fn callback(&self, index: RuntimeCallbackIndex) -> Option<CoreFunc> {
        self.callbacks.get(index.index())?.get()
    }

    /// `Step::ExtractCallback`.
    ///
    /// # Errors
    /// If the index is another component's.
    pub(crate) fn set_callback(&self, index: RuntimeCallbackIndex, func: CoreFunc) -> Result<()> {
        let cell = self.callbacks.get(index.index());
        cell.ok_or_else(|| bug!("{index:?} is another component's"))?
            .set(Some(func));
        Ok(())
    }

    /// A table of functions.
    pub(super) fn table(&self, index: RuntimeTableIndex) -> Option<DefinedTable> {
        self.tables.get(index.index())?.get()
    }

    /// `Step::ExtractTable`.
    ///
    /// # Errors
    /// If the index is another component's.
    pub(crate) fn set_table(&self, index: RuntimeTableIndex, table: DefinedTable) -> Result<()> {
        let cell = self.tables.get(index.index());
        cell.ok_or_else(|| bug!("{index:?} is another component's"))?
            .set(Some(table));
        Ok(())
    }

    /// The functions of a call that makes a task.
    #[inline]
    pub(super) fn adapter(&self, index: TaskAdapterIndex) -> Result<&TaskFuncs> {
        let funcs = self.adapters.get(index.index()).and_then(OnceCell::get);
        Ok(funcs.ok_or_else(|| bug!("{index} has not been extracted"))?)
    }

    /// `Step::ExtractTaskAdapter`.
    ///
    /// # Errors
    /// If that was done before.
    pub(crate) fn set_adapter(&self, index: TaskAdapterIndex, funcs: TaskFuncs) -> Result<()> {
        let cell = self.adapters.get(index.index());
        let cell = cell.ok_or_else(|| bug!("{index:?} is another component's"))?;
        let set = cell.set(funcs);
        Ok(set.map_err(|_| bug!("{index} is extracted twice"))?)
    }

    /// How functions of a type are entered that take just such a closure, if that was found out last.
    #[inline]
    pub(super) fn start_type(&self, closure: SlotType, ty: TypeId) -> Option<Entrance> {
        let (of, known, entrance) = self.start_type.get()?;
        (of == closure && known == ty).then_some(entrance)
    }

    /// Functions of this type take just such a closure.
    pub(super) fn set_start_type(&self, closure: SlotType, ty: TypeId, entrance: Entrance) {
        self.start_type.set(Some((closure, ty, entrance)));
    }
}
