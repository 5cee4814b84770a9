//! [`Func`]: an exported function, and what a call of one does: `canon lift`.

use super::error::ComponentError;
use super::task_caller::TaskCaller;
use super::type_check::check_func;
use super::types::ComponentFunc;
use super::val::ValTypes;
use super::{ComponentNamedList, Lift, Lower, TypedFunc, Val};
use crate::canonical_abi::{
    CallHandles, FuncShape, HandleCheck, LiftContext, LowerContext, lift_vals, lower_vals,
};
use crate::concurrent::HostTask;
use crate::concurrent::switch::ThreadScope;
use crate::error::LinkError;
use crate::store::{AsContext, AsContextMut, StoreId, StoreOpaque};
use crate::trap::Trap;
use crate::vm::{
    ComponentInstancePtr, CoreFunc, GuestOptions, InstanceIn, LiftedFuncPtr, OwnedSlots,
    ThreadKind, val_raw,
};
use anyhow::Result;
use threadline_environ::canonical_abi::{MAX_FLAT_PARAMS, MAX_FLAT_RESULTS};
use threadline_environ::component::ComponentFuncType;
use threadline_environ::layout::ValRaw;
use threadline_environ::{ComponentFuncTypeIndex, OptionsIndex};

/// A function that a component instance exports.
///
/// A plain value that names something in a [`Store`](crate::Store).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Func {
    store: StoreId,
    func: LiftedFuncPtr,
}

impl Func {
    pub(super) fn new(store: StoreId, func: LiftedFuncPtr) -> Func {
        Func { store, func }
    }

    /// The function, if it belongs to `store`.
    ///
    /// # Errors
    /// If it doesn't.
    #[inline]
    pub(super) fn get<'a>(&self, store: &StoreOpaque) -> Result<&'a LiftedFunc, LinkError> {
        store.check(self.store, "component function")?;
        Ok(self.func.get())
    }

    /// The function's type.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> ComponentFunc {
        store
            .as_context()
            .opaque()
            .assert_owns(self.store, "component function");
        self.func.get().ty()
    }

    /// The function with Rust's types for its parameters and result.
    ///
    /// # Errors
    /// If the types differ, or the function belongs to another store.
    pub fn typed<Params, Return>(&self, store: impl AsContext) -> Result<TypedFunc<Params, Return>>
    where
        Params: ComponentNamedList + Lower,
        Return: ComponentNamedList + Lift,
    {
        let func = self.get(store.as_context().opaque())?;
        let store = store.as_context();
        let store = store.opaque();
        let resources = |index| func.instance.public_resource(store, index);
        check_func::<Params, Return>(func.instance.description(), &resources, func.ty)?;
        Ok(TypedFunc::new(*self))
    }

    /// Calls the function.
    ///
    /// `results` must have a place for each result, whose value doesn't matter. `post-return`, if
    /// the function has one, has run when this returns.
    ///
    /// # Errors
    /// If the number or the types of the values aren't the function's, or it belongs to another
    /// store: then nothing has happened. If the guest traps, or a host function that it called
    /// fails: then the instance is locked, and every further call into it is a trap. If it is
    /// locked: [`Trap::CannotEnterComponent`].
    ///
    /// # Panics
    /// If a host function that the guest called panicked, with its payload.
    pub fn call(
        &self,
        mut store: impl AsContextMut,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<()> {
        self.call_in(store.as_context_mut().opaque(), params, results)
    }

    /// [`Func::call`] where the type of the store is not known.
    pub(super) fn call_in(
        &self,
        store: &mut StoreOpaque,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<()> {
        let func = self.get(store)?;
        func.check_vals(store, params, results)?;
        if let Some(task) = func.task() {
            return func.call_task(
                store,
                task,
                |cx, slots| func.lower_params(cx, params, slots),
                |cx, slots| func.lift_results(cx, slots, results),
            );
        }
        let mut slots = [val_raw::ZERO; MAX_FLAT_PARAMS];
        func.call(
            store,
            &mut slots,
            |cx, slots| func.lower_params(cx, params, slots),
            |cx, slots| func.lift_results(cx, slots, results),
        )
    }

    /// Calls the function as [`Func::call`] does, with the guest on a stack of its own, so that
    /// host functions that are futures
    /// ([`LinkerInstance::func_wrap_async`](super::LinkerInstance::func_wrap_async)) can be waited
    /// for and the guest can yield. The future has borrowed the store: until it is ready, everything
    /// in the store waits for it.
    ///
    /// Dropping the future before it is ready ends the call where it is, without running any guest
    /// code, and locks the instance as a trap does.
    ///
    /// # Errors
    /// As [`Func::call`], and if there is no stack
    /// ([`Config::max_async_stacks`](crate::Config::max_async_stacks)).
    ///
    /// # Panics
    /// As [`Func::call`].
    pub async fn call_async(
        &self,
        mut store: impl AsContextMut<Data: Send>,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<()> {
        let store = store.as_context_mut().opaque();
        let func = self.get(store)?;
        func.check_vals(store, params, results)?;
        let lower =
            |cx: &mut LowerContext<'_>, slots: &mut [ValRaw]| func.lower_params(cx, params, slots);
        let lift =
            |cx: &mut LiftContext<'_>, slots: &[ValRaw]| func.lift_results(cx, slots, results);
        if let Some(&task) = func.task() {
            return func.call_task_async(store, task, lower, lift).await;
        }
        func.call_async(store, lower, lift).await
    }
}

/// A function that a component instance lifts.
pub(crate) struct LiftedFunc {
    instance: ComponentInstancePtr,
    core: CoreFunc,
    ty: ComponentFuncTypeIndex,
    /// How it is called if calls of it make tasks.
    task: Option<HostTask>,
    pub(super) shape: FuncShape,
    pub(super) options: OptionsIndex,
}

/// Locks an instance when dropped, unless the call turned out well.
pub(super) struct LockOnFailure(Option<ComponentInstancePtr>);

impl LockOnFailure {
    pub(super) fn new(instance: ComponentInstancePtr) -> LockOnFailure {
        LockOnFailure(Some(instance))
    }

    /// The call turned out well.
    pub(super) fn all_well(mut self) {
        self.0 = None;
    }
}

impl Drop for LockOnFailure {
    fn drop(&mut self) {
        if let Some(instance) = self.0 {
            instance.lock();
        }
    }
}

/// What an asynchronous call has of its store while it is being made, and gives back when it is
/// dropped.
struct AsyncCall<'a> {
    thread: ThreadScope<InstanceIn<'a>>,
    handles: CallHandles,
}

impl<'a> AsyncCall<'a> {
    /// On a new implicit thread of an instance.
    fn begin(instance: ComponentInstancePtr, store: &'a mut StoreOpaque) -> AsyncCall<'a> {
        store.vm_mut().begin_async_call();
        AsyncCall {
            thread: instance.begin_thread(store),
            handles: CallHandles::default(),
        }
    }

    fn store(&mut self) -> &mut StoreOpaque {
        self.thread.store().store
    }

    fn with<R>(&mut self, f: impl FnOnce(&mut StoreOpaque, &CallHandles) -> R) -> R {
        f(self.thread.store().store, &self.handles)
    }
}

impl Drop for AsyncCall<'_> {
    fn drop(&mut self) {
        let handles = std::mem::take(&mut self.handles);
        handles.end(self.store());
        self.store().vm_mut().end_async_call();
    }
}

impl LiftedFunc {
    pub(super) fn new(
        instance: ComponentInstancePtr,
        core: CoreFunc,
        ty: ComponentFuncTypeIndex,
        options: OptionsIndex,
    ) -> LiftedFunc {
        let description = instance.description();
        let makes_tasks = description.makes_tasks[description.options[options].instance];
        let task = makes_tasks.then(|| HostTask::new(instance, core, ty, options));
        let max_flat_results = task
            .as_ref()
            .map_or(MAX_FLAT_RESULTS, HostTask::max_flat_results);
        LiftedFunc {
            instance,
            core,
            ty,
            task,
            shape: FuncShape::lifted(&description.types, ty, max_flat_results),
            options,
        }
    }

    /// The instance that exports it.
    pub(super) fn instance(&self) -> ComponentInstancePtr {
        self.instance
    }

    /// How it is called if calls of it make tasks.
    #[inline]
    pub(super) fn task(&self) -> Option<&HostTask> {
        self.task.as_ref()
    }

    /// How it is called as a task, also if calls of it need not make any.
    pub(super) fn as_task(&self) -> HostTask {
        match &self.task {
            Some(task) => *task,
            None => HostTask::new(self.instance, self.core, self.ty, self.options),
        }
    }

    /// Whether it is this core function, lifted.
    pub(super) fn is(&self, core: &CoreFunc) -> bool {
        self.core.func.code.as_ptr() == core.func.code.as_ptr()
            && self.core.func.vmctx.as_ptr() == core.func.vmctx.as_ptr()
    }

    /// The index of its type in its component.
    pub(super) fn type_index(&self) -> ComponentFuncTypeIndex {
        self.ty
    }

    fn ty(&self) -> ComponentFunc {
        ComponentFunc::new(self.instance.description(), self.ty)
    }

    pub(super) fn func_type<'a>(&self) -> &'a ComponentFuncType {
        &self.instance.description().types.funcs[self.ty]
    }

    /// Calls the function on a new implicit thread: `lower` puts the parameters in `slots`, `lift`
    /// takes the result from there, then `post-return` runs.
    ///
    /// A failure, wherever it comes from, is a trap as far as the instance is concerned: it is
    /// locked. The caller's thread is current again afterwards in any case.
    #[inline]
    pub(super) fn call<R>(
        &self,
        store: &mut StoreOpaque,
        slots: &mut [ValRaw],
        lower: impl FnOnce(&mut LowerContext<'_>, &mut [ValRaw]) -> Result<()>,
        lift: impl FnOnce(&mut LiftContext<'_>, &[ValRaw]) -> Result<R>,
    ) -> Result<R> {
        let instance = self.instance;
        if instance.is_locked() {
            return Err(Trap::CannotEnterComponent.into());
        }
        let lock = LockOnFailure::new(instance);
        let mut thread = instance.begin_thread(store);
        let store = &mut *thread.store().store;
        let options: &GuestOptions = instance.options(self.options)?;
        let handles = CallHandles::default();
        let result = (|| {
            let cx = &mut LowerContext::new(store, instance, options, &handles);
            lower(cx, slots)?;
            self.core.call(store, ThreadKind::Same, slots)?;
            let cx = &mut LiftContext::new(store, instance, options, &handles);
            let result = lift(cx, slots)?;
            handles.exit_scope(instance)?;
            instance.post_return(store, options, slots)?;
            Ok(result)
        })();
        handles.end(store);
        if result.is_ok() {
            lock.all_well();
        }
        result
    }

    /// The same on a stack of its own, for host functions that are futures. `lower` and `lift` run
    /// on the caller's.
    ///
    /// Dropped midway, the future locks the instance.
    pub(super) async fn call_async<R>(
        &self,
        store: &mut StoreOpaque,
        lower: impl FnOnce(&mut LowerContext<'_>, &mut [ValRaw]) -> Result<()>,
        lift: impl FnOnce(&mut LiftContext<'_>, &[ValRaw]) -> Result<R>,
    ) -> Result<R> {
        let instance = self.instance;
        if instance.is_locked() {
            return Err(Trap::CannotEnterComponent.into());
        }
        let lock = LockOnFailure::new(instance);
        let mut call = AsyncCall::begin(instance, store);
        let mut slots = OwnedSlots::new(MAX_FLAT_PARAMS.max(self.core.entrance.slots()));
        call.with(|store, handles| {
            let options = instance.options(self.options)?;
            lower(
                &mut LowerContext::new(store, instance, options, handles),
                &mut slots,
            )
        })?;
        let (entrance, func) = (self.core.entrance, self.core.func);
        let fiber = call
            .store()
            .invoke_async(ThreadKind::Same, entrance, func, slots)?;
        let mut slots = fiber.await?;
        let result = call.with(|store, handles| {
            let options = instance.options(self.options)?;
            let result = lift(
                &mut LiftContext::new(store, instance, options, handles),
                &slots,
            )?;
            handles.exit_scope(instance)?;
            instance.post_return(store, options, &mut slots)?;
            anyhow::Ok(result)
        })?;
        drop(call);
        lock.all_well();
        Ok(result)
    }

    /// Calls the function as a task, in a plain call: nothing can wait for the host.
    #[cold]
    pub(super) fn call_task<R>(
        &self,
        store: &mut StoreOpaque,
        task: &HostTask,
        lower: impl FnOnce(&mut LowerContext<'_>, &mut [ValRaw]) -> Result<()>,
        lift: impl FnOnce(&mut LiftContext<'_>, &[ValRaw]) -> Result<R>,
    ) -> Result<R> {
        let mut caller = TaskCaller::new(self, lower, lift);
        let called = store.call_task(task, &mut caller);
        caller.end(store, called)
    }

    /// The same in a future.
    pub(super) async fn call_task_async<R>(
        &self,
        store: &mut StoreOpaque,
        task: HostTask,
        lower: impl FnOnce(&mut LowerContext<'_>, &mut [ValRaw]) -> Result<()>,
        lift: impl FnOnce(&mut LiftContext<'_>, &[ValRaw]) -> Result<R>,
    ) -> Result<R> {
        let mut caller = TaskCaller::new(self, lower, lift);
        let called = store.call_task_async(task, &mut caller).await;
        caller.end(store, called)
    }

    /// Checks the resources among typed parameters before anything happens.
    ///
    /// # Errors
    /// If one can't be passed.
    #[inline]
    pub(super) fn check_handles<P: Lower>(&self, store: &StoreOpaque, params: &P) -> Result<()> {
        if const { !P::ABI.has_handles() } {
            return Ok(());
        }
        let check = HandleCheck::new(store, self.instance);
        let result = params.check_handles(&check, self.shape.params);
        Ok(result.map_err(|error| ComponentError::value("a parameter".to_owned(), &error))?)
    }

    pub(super) fn lower_params(
        &self,
        cx: &mut LowerContext<'_>,
        params: &[Val],
        slots: &mut [ValRaw],
    ) -> Result<()> {
        let in_memory = self.shape.flat_params.is_none();
        lower_vals(cx, self.shape.params, in_memory, params, slots, None)
    }

    pub(super) fn lift_results(
        &self,
        cx: &mut LiftContext<'_>,
        slots: &[ValRaw],
        results: &mut [Val],
    ) -> Result<()> {
        let in_memory = self.shape.flat_results.is_none();
        // There is one at most, so either nothing or all is written.
        lift_vals(cx, self.shape.results, in_memory, slots, results)
    }

    /// Checks the values of a dynamic call before anything happens.
    pub(super) fn check_vals(
        &self,
        store: &StoreOpaque,
        params: &[Val],
        results: &[Val],
    ) -> Result<(), ComponentError> {
        let ty = self.func_type();
        check_count("parameters", ty.params.len(), params.len())?;
        check_count("results", usize::from(ty.result.is_some()), results.len())?;
        let types = ValTypes::of_call(store, self.instance);
        for ((name, ty), val) in ty.params.iter().zip(params) {
            val.check(&types, *ty).map_err(|error| {
                ComponentError::value(format!("the parameter `{name}`"), &error)
            })?;
        }
        Ok(())
    }
}

fn check_count(what: &'static str, expected: usize, found: usize) -> Result<(), ComponentError> {
    if expected == found {
        return Ok(());
    }
    Err(ComponentError::ValueCount {
        what,
        expected,
        found,
    })
}
