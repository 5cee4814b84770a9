//! The part of a store that doesn't depend on the embedder's data.

use super::OnDeadline;
use super::limits::ResourceCounts;
use super::resources::StoreResources;
use crate::Engine;
use crate::code::CodeMemory;
use crate::concurrent::Concurrency;
use crate::error::LinkError;
use crate::type_registry::{self, Direction, Trampoline};
use crate::vm::{
    ComponentInstancePtr, Entrance, FuncRefPtr, HostFunc, InstancePtr, Limiter,
    OwnedComponentInstance, OwnedHostFunc, OwnedInstance, VmStoreState,
};
use anyhow::Result;
use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A store's number, unique in the process.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StoreId(NonZeroU64);

impl StoreId {
    fn next() -> StoreId {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        StoreId(NonZeroU64::new(id).expect("2^64 stores are never made"))
    }
}

/// The part of a [`Store`](crate::Store) that doesn't depend on the embedder's data.
///
/// Opaque to embedders.
pub struct StoreOpaque {
    /// Tasks and threads. Dropped before what their stacks belong to.
    pub(crate) concurrency: Concurrency,
    id: StoreId,
    /// The type of the embedder's data.
    data_type: TypeId,
    engine: Engine,
    vm: VmStoreState,
    /// Only added to: handles and tables of other instances point into these.
    instances: Vec<OwnedInstance>,
    /// Only added to, as `instances`.
    host_funcs: Vec<OwnedHostFunc>,
    /// Only added to, as `instances`.
    component_instances: Vec<OwnedComponentInstance>,
    /// What `externref`s refer to; handle 1 is the first.
    extern_values: Vec<Box<dyn Any + Send + Sync>>,
    /// What happens at the epoch deadline.
    on_deadline: OnDeadline,
    /// How functions are called, by [`type_registry::TypeId`], for types that have been called.
    entrances: BTreeMap<type_registry::TypeId, (Entrance, Arc<CodeMemory>)>,
    /// Resource types, and the host's handles.
    pub(crate) resources: StoreResources,
    /// See [`Config::max_lifted_bytes`](crate::Config::max_lifted_bytes).
    max_lifted_bytes: usize,
    pub(super) limiter: Option<Arc<Limiter>>,
    pub(super) counts: ResourceCounts,
}

impl Drop for StoreOpaque {
    fn drop(&mut self) {
        self.drop_host_work();
    }
}

impl StoreOpaque {
    /// Of a store whose data is of this type.
    pub(super) fn new(engine: &Engine, data_type: TypeId) -> StoreOpaque {
        StoreOpaque {
            concurrency: Concurrency::default(),
            id: StoreId::next(),
            data_type,
            engine: engine.clone(),
            vm: VmStoreState::new(engine.config().max_wasm_stack, engine.epoch().clone()),
            instances: Vec::new(),
            host_funcs: Vec::new(),
            component_instances: Vec::new(),
            extern_values: Vec::new(),
            on_deadline: OnDeadline::Trap,
            entrances: BTreeMap::new(),
            resources: StoreResources::default(),
            max_lifted_bytes: engine.config().max_lifted_bytes,
            limiter: None,
            counts: ResourceCounts::default(),
        }
    }

    /// What happens at the epoch deadline.
    pub(crate) fn on_deadline(&mut self) -> &mut OnDeadline {
        &mut self.on_deadline
    }

    /// Sets the limiter, which must be one for stores of this store's type.
    pub(super) fn set_limiter(&mut self, limiter: Limiter) {
        self.limiter = Some(Arc::new(limiter));
    }

    pub(crate) fn id(&self) -> StoreId {
        self.id
    }

    /// The type of the embedder's data.
    pub(crate) fn data_type(&self) -> TypeId {
        self.data_type
    }

    /// Bytes that what a guest passes in one call may take on the host.
    #[inline]
    pub(crate) fn max_lifted_bytes(&self) -> usize {
        self.max_lifted_bytes
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn vm(&self) -> &VmStoreState {
        &self.vm
    }

    pub(crate) fn vm_mut(&mut self) -> &mut VmStoreState {
        &mut self.vm
    }

    /// Checks that a handle belongs to this store.
    ///
    /// # Errors
    /// If it doesn't.
    pub(crate) fn check(&self, id: StoreId, what: &'static str) -> Result<(), LinkError> {
        if self.id == id {
            Ok(())
        } else {
            Err(LinkError::WrongStore { what })
        }
    }

    /// Checks that a handle belongs to this store, where there is no error to return.
    ///
    /// # Panics
    /// If it doesn't.
    pub(crate) fn assert_owns(&self, id: StoreId, what: &'static str) {
        assert!(self.id == id, "the {what} belongs to another store");
    }

    /// Keeps an instance until the store is dropped.
    pub(crate) fn keep_instance(&mut self, instance: OwnedInstance) -> InstancePtr {
        let ptr = instance.ptr();
        self.instances.push(instance);
        ptr
    }

    /// All core instances.
    pub(crate) fn core_instances(&self) -> impl Iterator<Item = InstancePtr> {
        self.instances.iter().map(OwnedInstance::ptr)
    }

    /// Keeps a component instance until the store is dropped.
    pub(crate) fn keep_component_instance(
        &mut self,
        instance: OwnedComponentInstance,
    ) -> ComponentInstancePtr {
        let ptr = instance.ptr();
        self.component_instances.push(instance);
        ptr
    }

    /// Makes a host function callable by wasm of this store, as imported by `importer`. The
    /// store's data must be of the type that the function was made for.
    ///
    /// # Errors
    /// If there is no trampoline for its type and it can't be compiled.
    pub(crate) fn add_host_func(
        &mut self,
        host: &Arc<HostFunc>,
        importer: Option<InstancePtr>,
    ) -> Result<FuncRefPtr> {
        let trampoline = self
            .engine
            .trampoline(host.type_id, Direction::WasmToHost)?;
        Ok(self.add_prepared_host_func(host, trampoline, importer))
    }

    /// The same with the trampoline for its type.
    pub(crate) fn add_prepared_host_func(
        &mut self,
        host: &Arc<HostFunc>,
        trampoline: Trampoline,
        importer: Option<InstancePtr>,
    ) -> FuncRefPtr {
        let owned = OwnedHostFunc::new(&self.vm, host.clone(), trampoline, importer);
        let func_ref = owned.func_ref();
        self.host_funcs.push(owned);
        func_ref
    }

    /// How many host functions there are.
    pub(crate) fn host_func_count(&self) -> usize {
        self.host_funcs.len()
    }

    /// Sets the importer of the host functions that were added since there were `first` of them.
    pub(crate) fn set_importer_from(&self, first: usize, importer: InstancePtr) {
        for host_func in self.host_funcs.iter().skip(first) {
            host_func.set_importer(importer);
        }
    }

    /// How to call functions of a type.
    ///
    /// # Errors
    /// If there is no trampoline for it and it can't be compiled.
    pub(crate) fn entrance(&mut self, id: type_registry::TypeId) -> Result<Entrance> {
        if let Some((entrance, _)) = self.entrances.get(&id) {
            return Ok(*entrance);
        }
        let ty = self.engine.func_type(id);
        let slots = ty.params().len().max(ty.results().len());
        let trampoline = self.engine.trampoline(id, Direction::HostToWasm)?;
        let entrance = Entrance::new(trampoline.code, slots);
        self.entrances.insert(id, (entrance, trampoline.owner));
        Ok(entrance)
    }

    /// Keeps a value for `externref`s; its handle, which is never 0.
    pub(crate) fn add_extern_value(&mut self, value: Box<dyn Any + Send + Sync>) -> u64 {
        self.extern_values.push(value);
        self.extern_values.len() as u64
    }

    /// The value behind an `externref` handle.
    pub(crate) fn extern_value(&self, handle: u64) -> Option<&(dyn Any + Send + Sync)> {
        let index = usize::try_from(handle).ok()?.checked_sub(1)?;
        self.extern_values.get(index).map(|value| &**value)
    }
}
