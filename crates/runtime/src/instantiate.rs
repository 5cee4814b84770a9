//! From a module and its imports to an instance: the core specification's "Instantiation".

use crate::bug::bail_bug;
use crate::concurrent::StartTask;
use crate::error::LinkError;
use crate::externals::{Extern, attach};
use crate::module::{CoreModule, Module};
use crate::store::StoreOpaque;
use crate::type_registry::{Direction, Trampoline};
use crate::types::{ExternType, global_matches, memory_matches, table_matches};
use crate::vm::{
    ComponentInstancePtr, ContextPlace, CoreFunc, Entrance, FunctionImport, HostFunc, Imports,
    InstancePtr, OwnedInstance, OwnedSlots, RawExtern, ThreadKind,
};
use anyhow::Result;
use std::sync::Arc;
use threadline_environ::module::{ElemItems, Import, SegmentMode};
use threadline_environ::{EntityType, RuntimeComponentInstanceIndex};

/// What an import is given.
#[derive(Clone)]
pub(crate) enum Definition {
    /// Something of the store.
    Extern(Extern),
    /// A host function that the store doesn't have yet.
    HostFunc(Arc<HostFunc>),
    /// The same for an import whose type it has been checked against, with the way from wasm to
    /// it.
    Prepared(Arc<HostFunc>, Trampoline),
}

impl Definition {
    fn ty(&self, store: &StoreOpaque) -> ExternType {
        match self {
            Definition::Extern(item) => item.ty_in(store),
            Definition::HostFunc(host) | Definition::Prepared(host, _) => {
                ExternType::Func((*store.engine().func_type(host.type_id)).clone())
            }
        }
    }
}

/// Instantiates a module of the public API. `definitions` are as many as its imports, in order.
///
/// # Errors
/// If an import's type doesn't fit, there is no room, or the guest traps.
pub(crate) fn instantiate(
    store: &mut StoreOpaque,
    module: &Module,
    definitions: &[Definition],
) -> Result<Unstarted> {
    if !crate::Engine::same(store.engine(), module.engine()) {
        return Err(LinkError::WrongEngine { what: "module" }.into());
    }
    let core = module.core();
    let imports = &core.module.imports;
    if definitions.len() != imports.len() {
        return Err(LinkError::ImportCount {
            expected: imports.len(),
            found: definitions.len(),
        }
        .into());
    }
    instantiate_prepared(store, module, definitions)
}

/// Does what can be done for all instances in advance: finds the code that leads to host
/// functions, once their types have been checked.
///
/// # Errors
/// If the type of a host function doesn't fit, or no such code can be compiled.
pub(crate) fn prepare(module: &Module, definitions: Vec<Definition>) -> Result<Vec<Definition>> {
    let (engine, core) = (module.engine(), module.core());
    let imports = core.module.imports.iter();
    let prepared = imports.zip(definitions).map(|(import, definition)| {
        let Definition::HostFunc(host) = definition else {
            return Ok(definition);
        };
        let fits = match core.module.entity_type(import.index) {
            EntityType::Func(signature) => engine.is_subtype(host.type_id, core.type_id(signature)),
            _ => false,
        };
        if !fits {
            let found = ExternType::Func((*engine.func_type(host.type_id)).clone());
            return Err(incompatible(core, import, found).into());
        }
        let trampoline = engine.trampoline(host.type_id, Direction::WasmToHost)?;
        Ok(Definition::Prepared(host, trampoline))
    });
    prepared.collect()
}

/// Instantiates a module of the store's engine. `definitions` are as many as its imports, in
/// order; types are checked where that has not been done.
///
/// # Errors
/// If an import's type doesn't fit, there is no room, or the guest traps.
pub(crate) fn instantiate_prepared(
    store: &mut StoreOpaque,
    module: &Module,
    definitions: &[Definition],
) -> Result<Unstarted> {
    let core = module.core();
    for (import, definition) in core.module.imports.iter().zip(definitions) {
        check_import(store, core, import, definition)?;
    }
    let first_host_func = store.host_func_count();
    let mut supplied = Imports::default();
    for definition in definitions {
        supplied.push(raw_extern(store, definition)?);
    }
    let instance = store.make_counted_instance(core, supplied, ContextPlace::Alone)?;
    store.set_importer_from(first_host_func, instance);
    store.initialize(instance)
}

/// Checks that a definition's type is one that the import accepts.
fn check_import(
    store: &StoreOpaque,
    core: &CoreModule,
    import: &Import,
    definition: &Definition,
) -> Result<(), LinkError> {
    let matches = match (core.module.entity_type(import.index), definition) {
        (EntityType::Func(signature), Definition::HostFunc(host)) => store
            .engine()
            .is_subtype(host.type_id, core.type_id(signature)),
        (expected, Definition::Extern(item)) => {
            item.check_store(store)?;
            match (expected, item) {
                (EntityType::Func(signature), Extern::Func(func)) => {
                    let found = func.raw().type_id();
                    store.engine().is_subtype(found, core.type_id(signature))
                }
                (EntityType::Table(ty), Extern::Table(table)) => {
                    let table = table.raw();
                    table_matches(&table.ty(), table.size(), &ty)
                }
                (EntityType::Memory(ty), Extern::Memory(memory)) => {
                    let memory = memory.raw();
                    memory_matches(&memory.ty(), memory.size(), &ty)
                }
                (EntityType::Memory(ty), Extern::SharedMemory(memory)) => {
                    memory_matches(&memory.ty(), memory.size(), &ty)
                }
                (EntityType::Global(ty), Extern::Global(global)) => {
                    global_matches(store.engine(), &global.ty_raw(), &ty)
                }
                (EntityType::Tag(signature), Extern::Tag(tag)) => {
                    tag.raw().type_id() == core.type_id(signature)
                }
                _ => false,
            }
        }
        (_, Definition::HostFunc(_)) => false,
        (_, Definition::Prepared(..)) => true,
    };
    if matches {
        return Ok(());
    }
    Err(incompatible(core, import, definition.ty(store)))
}

fn incompatible(core: &CoreModule, import: &Import, found: ExternType) -> LinkError {
    LinkError::IncompatibleImport {
        module: import.module.clone(),
        name: import.field.clone(),
        expected: Box::new(core.extern_type(import.index)),
        found: Box::new(found),
    }
}

/// What the importer's `VMContext` gets. A host function is made anew for each import, so that
/// it knows its importer.
fn raw_extern(store: &mut StoreOpaque, definition: &Definition) -> Result<RawExtern> {
    let func = match definition {
        Definition::HostFunc(host) => host_func(store, host)?,
        Definition::Prepared(host, trampoline) => {
            let added = store.add_prepared_host_func(host, trampoline.clone(), None);
            added.function()
        }
        Definition::Extern(Extern::Func(func)) => match func.raw().host_func() {
            Some(host) => host_func(store, &host)?,
            None => func.raw().function(),
        },
        Definition::Extern(Extern::Table(table)) => return Ok(RawExtern::Table(table.raw())),
        Definition::Extern(Extern::Memory(memory)) => return Ok(RawExtern::Memory(memory.raw())),
        Definition::Extern(Extern::SharedMemory(memory)) => {
            return Ok(RawExtern::Memory(attach(store, memory)?));
        }
        Definition::Extern(Extern::Global(global)) => return Ok(RawExtern::Global(global.raw())),
        Definition::Extern(Extern::Tag(tag)) => return Ok(RawExtern::Tag(tag.raw())),
    };
    Ok(RawExtern::Func(func))
}

fn host_func(store: &mut StoreOpaque, host: &Arc<HostFunc>) -> Result<FunctionImport> {
    Ok(store.add_host_func(host, None)?.function())
}

impl StoreOpaque {
    /// Makes an instance that counts as one of the store's.
    ///
    /// # Errors
    /// If there is no room; then it isn't counted.
    fn make_counted_instance(
        &mut self,
        module: &Arc<CoreModule>,
        imports: Imports,
        place: ContextPlace,
    ) -> Result<InstancePtr> {
        self.count_resources(module)?;
        let made = self.make_instance(module, imports, place);
        if made.is_err() {
            self.uncount_resources(module);
        }
        made
    }

    /// Instantiates a module of a component; otherwise as [`StoreOpaque::instantiate`].
    ///
    /// # Errors
    /// As there, and if the store may have no more instances.
    pub(crate) fn instantiate_counted(
        &mut self,
        module: &Arc<CoreModule>,
        imports: Imports,
        place: ContextPlace,
    ) -> Result<Unstarted> {
        let instance = self.make_counted_instance(module, imports, place)?;
        self.initialize(instance)
    }

    /// Instantiates a module whose imports are known to fit: allocates and initializes.
    ///
    /// # Errors
    /// If there is no room, or the guest traps. The instance then stays in the store, for
    /// segments may have made parts of it visible.
    pub(crate) fn instantiate(
        &mut self,
        module: &Arc<CoreModule>,
        imports: Imports,
        place: ContextPlace,
    ) -> Result<Unstarted> {
        let instance = self.make_instance(module, imports, place)?;
        self.initialize(instance)
    }

    /// Allocates an instance: everything but the values of globals, table elements and memory.
    fn make_instance(
        &mut self,
        module: &Arc<CoreModule>,
        imports: Imports,
        place: ContextPlace,
    ) -> Result<InstancePtr> {
        let info = &module.module;
        // A shared memory that is brought along exists already.
        if imports.shared_memory.is_none() {
            for ty in info.memories.values().skip(info.num_imported_memories) {
                self.limit_new_memory(ty)?;
            }
        }
        for ty in info.tables.values().skip(info.num_imported_tables) {
            self.limit_new_table(ty)?;
        }
        let instance = OwnedInstance::new(self.vm(), module.clone(), imports, place)?;
        Ok(self.keep_instance(instance))
    }

    /// Gives globals, tables and memories their values, in the specification's order.
    fn initialize(&mut self, instance: InstancePtr) -> Result<Unstarted> {
        let module = &instance.module().module;
        for (index, init) in module.global_inits.iter() {
            let value = instance.eval(init)?;
            instance.global(module.global_index(index)).write(value);
        }
        for (index, init) in module.table_inits.iter() {
            if let Some(init) = init {
                let element = instance.eval_element(init)?;
                let table = instance.table(module.table_index(index));
                table.fill(0, element, table.size())?;
            }
        }
        initialize_tables(instance)?;
        initialize_memories(instance)?;
        let start = match module.start {
            Some(start) => Some((
                self.entrance(instance.module().func_type_id(start))?,
                instance.function(start)?,
            )),
            None => None,
        };
        Ok(Unstarted { instance, start })
    }
}

/// An instance whose start function, if it has one, is still to be called.
#[must_use]
#[derive(Debug)]
pub(crate) struct Unstarted {
    instance: InstancePtr,
    start: Option<(Entrance, FunctionImport)>,
}

impl Unstarted {
    /// Calls the start function, on a new implicit thread.
    ///
    /// # Errors
    /// If the guest traps.
    pub(crate) fn start(self, store: &mut StoreOpaque) -> Result<InstancePtr> {
        if let Some((entrance, func)) = self.start {
            store.invoke(ThreadKind::New, entrance, func, &mut [])?;
        }
        Ok(self.instance)
    }

    /// The same as a task of a component instance.
    ///
    /// # Errors
    /// If the guest traps or blocks.
    pub(crate) fn start_as_task(
        self,
        store: &mut StoreOpaque,
        component: ComponentInstancePtr,
        owner: RuntimeComponentInstanceIndex,
    ) -> Result<InstancePtr> {
        if let Some(start) = self.start_task(component, owner) {
            store.start_task(start)?;
        }
        Ok(self.instance)
    }

    /// The same in a future.
    ///
    /// # Errors
    /// If the guest traps or blocks.
    pub(crate) async fn start_as_task_async(
        self,
        store: &mut StoreOpaque,
        component: ComponentInstancePtr,
        owner: RuntimeComponentInstanceIndex,
    ) -> Result<InstancePtr> {
        if let Some(start) = self.start_task(component, owner) {
            store.start_task_async(start).await?;
        }
        Ok(self.instance)
    }

    fn start_task(
        &self,
        instance: ComponentInstancePtr,
        owner: RuntimeComponentInstanceIndex,
    ) -> Option<StartTask> {
        let (entrance, func) = self.start?;
        Some(StartTask {
            instance,
            owner,
            func: CoreFunc { func, entrance },
            arg: None,
        })
    }

    /// The same on a stack of its own.
    ///
    /// # Errors
    /// If the guest traps, or there is no stack.
    pub(crate) async fn start_async(self, store: &mut StoreOpaque) -> Result<InstancePtr> {
        if let Some((entrance, func)) = self.start {
            let args = OwnedSlots::new(entrance.slots());
            store
                .invoke_async(ThreadKind::New, entrance, func, args)?
                .await?;
        }
        Ok(self.instance)
    }
}

fn initialize_tables(instance: InstancePtr) -> Result<()> {
    let module = &instance.module().module;
    for (index, segment) in module.elems.iter() {
        match &segment.mode {
            SegmentMode::Active { target, offset } => {
                let address = module.tables[*target].address;
                let offset = instance.eval_address(offset, address)?;
                let length = match &segment.items {
                    ElemItems::Funcs(funcs) => funcs.len(),
                    ElemItems::Exprs(exprs) => exprs.len(),
                };
                let length = length as u32;
                instance.table_init(*target, index, offset, 0, length)?;
                instance.elem_drop(index);
            }
            SegmentMode::Declared => instance.elem_drop(index),
            SegmentMode::Passive => {}
        }
    }
    Ok(())
}

/// Writes the images of memories that aren't mapped, and active data segments, and drops those.
fn initialize_memories(instance: InstancePtr) -> Result<()> {
    instance.write_images()?;
    let module = &instance.module().module;
    for (index, segment) in module.data.needed() {
        match &segment.mode {
            SegmentMode::Active { target, offset } => {
                let address = module.memories[*target].address;
                let offset = instance.eval_address(offset, address)?;
                let length = segment.range.end - segment.range.start;
                instance.memory_init(*target, index, offset, 0, length)?;
                instance.data_drop(index);
            }
            SegmentMode::Declared => bail_bug!("a data segment is declared"),
            SegmentMode::Passive => {}
        }
    }
    Ok(())
}

/// The names of an import, for errors.
pub(crate) fn unknown_import(import: &Import) -> LinkError {
    LinkError::UnknownImport {
        module: import.module.clone(),
        name: import.field.clone(),
    }
}
