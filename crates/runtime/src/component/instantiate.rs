//! The steps that make an instance of a component.

use super::component::CompiledComponent;
use super::export::Item;
use super::func::LiftedFunc;
use super::import_check::{Found, ImportedResource};
use super::linked::{Linked, Links};
use crate::bug::{bail_bug, bug};
use crate::concurrent::TaskFuncs;
use crate::instantiate::Unstarted;
use crate::store::StoreOpaque;
use crate::type_registry::TypeId;
use crate::vm::{
    ComponentHostFunc, ComponentInstancePtr, CoreFunc, DefinedMemory, DefinedTable, Dtor,
    FunctionImport, Imports, InstancePtr, InstanceResource, OwnedComponentInstance, RawExtern,
};
use anyhow::Result;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use threadline_environ::canonical_abi::LiftOrLower;
use threadline_environ::component::{
    CoreDef, CoreExport, ModuleType, Resource, ResourceOrigin, Step,
};
use threadline_environ::entity::PrimaryMap;
use threadline_environ::{
    EntityIndex, LinkedInstanceIndex, ModuleImportIndex, ResourceIndex, RuntimeInstanceIndex,
    StaticModuleIndex, TaskAdapterIndex,
};

/// Instantiates a component. `imports` are by `RuntimeImportIndex`, of the right types and made
/// for stores of this one's type.
///
/// # Errors
/// If there is no room, or a core module's initialization or start function traps. What has been
/// made so far stays in the store.
pub(super) fn instantiate(
    store: &mut StoreOpaque,
    component: &Arc<CompiledComponent>,
    imports: &[Option<ComponentHostFunc>],
    found: &Arc<Found>,
) -> Result<ComponentInstancePtr> {
    let mut instantiation = Instantiation::begin(store, component, imports, found)?;
    for step in &component.description().steps {
        match instantiation.step(step)? {
            Next::Step => {}
            Next::Start(index, unstarted) => {
                let component = instantiation.instance;
                let instance = match instantiation.component.task_owner(step) {
                    Some(owner) => {
                        unstarted.start_as_task(instantiation.store, component, owner)?
                    }
                    None => unstarted.start(instantiation.store)?,
                };
                instantiation.made(index, instance);
            }
            Next::Instantiate(index, inner) => {
                let store = &mut *instantiation.store;
                let (component, imports, found) = inner.parts();
                let instance = instantiate(store, component, imports, found)?;
                instantiation.linked(index, instance)?;
            }
        }
    }
    instantiation.end()
}

/// The same with start functions on stacks of their own.
///
/// # Errors
/// As for [`instantiate`], and if there is no stack.
pub(super) async fn instantiate_async(
    store: &mut StoreOpaque,
    component: &Arc<CompiledComponent>,
    imports: &[Option<ComponentHostFunc>],
    found: &Arc<Found>,
) -> Result<ComponentInstancePtr> {
    let mut instantiation = Instantiation::begin(store, component, imports, found)?;
    for step in &component.description().steps {
        match instantiation.step(step)? {
            Next::Step => {}
            Next::Start(index, unstarted) => {
                let component = instantiation.instance;
                let store = &mut *instantiation.store;
                let instance = match instantiation.component.task_owner(step) {
                    Some(owner) => {
                        unstarted
                            .start_as_task_async(store, component, owner)
                            .await?
                    }
                    None => unstarted.start_async(store).await?,
                };
                instantiation.made(index, instance);
            }
            Next::Instantiate(index, inner) => {
                let instance = instantiate_inner(instantiation.store, &inner).await?;
                instantiation.linked(index, instance)?;
            }
        }
    }
    instantiation.end()
}

/// [`instantiate_async`] inside of itself.
fn instantiate_inner<'a>(
    store: &'a mut StoreOpaque,
    inner: &'a Linked,
) -> Pin<Box<dyn Future<Output = Result<ComponentInstancePtr>> + Send + 'a>> {
    let (component, imports, found) = inner.parts();
    Box::pin(instantiate_async(store, component, imports, found))
}

/// What there is to do after a step.
enum Next {
    /// The next one.
    Step,
    /// A core instance is to be started, and kept.
    Start(RuntimeInstanceIndex, Unstarted),
    /// A component is to be instantiated, and its instance kept.
    Instantiate(LinkedInstanceIndex, Linked),
}

/// An instance in the making.
pub(super) struct Instantiation<'a> {
    pub(super) store: &'a mut StoreOpaque,
    pub(super) component: &'a CompiledComponent,
    /// By `RuntimeImportIndex`.
    pub(super) imports: &'a [Option<ComponentHostFunc>],
    found: &'a Arc<Found>,
    pub(super) instance: ComponentInstancePtr,
    /// Instances of imported components, if any are to be made.
    pub(super) links: Option<Links<'a>>,
    core_instances: PrimaryMap<RuntimeInstanceIndex, InstancePtr>,
    /// The types of the modules of those instances whose modules are imported.
    imported: BTreeMap<RuntimeInstanceIndex, &'a ModuleType>,
}

impl<'a> Instantiation<'a> {
    fn begin(
        store: &'a mut StoreOpaque,
        component: &'a Arc<CompiledComponent>,
        imports: &'a [Option<ComponentHostFunc>],
        found: &'a Arc<Found>,
    ) -> Result<Instantiation<'a>> {
        let owned = OwnedComponentInstance::new(store.vm(), component.clone(), imports)?;
        let instance = store.keep_component_instance(owned);
        let mut this = Instantiation {
            store,
            component,
            imports,
            found,
            instance,
            links: Links::of(component, found),
            core_instances: PrimaryMap::new(),
            imported: BTreeMap::new(),
        };
        for (index, resource) in found.resources() {
            this.import_resource(index, resource)?;
        }
        Ok(this)
    }

    fn end(mut self) -> Result<ComponentInstancePtr> {
        self.lift_exports()?;
        let found = match self.links.take() {
            Some(links) => Arc::new(links.into_found()),
            None => self.found.clone(),
        };
        self.instance.set_found(found)?;
        Ok(self.instance)
    }

    /// What has been found by now.
    pub(super) fn found(&self) -> &Found {
        self.links.as_ref().map_or(self.found, Links::found)
    }

    /// Does what a step says.
    fn step(&mut self, step: &Step) -> Result<Next> {
        match step {
            Step::Instantiate {
                instance,
                module,
                args,
                ..
            } => {
                let unstarted = self.instantiate_module(*instance, *module, args)?;
                return Ok(Next::Start(*instance, unstarted));
            }
            Step::InstantiateImported {
                instance,
                module,
                args,
                ..
            } => {
                let unstarted = self.instantiate_imported(*instance, *module, args)?;
                return Ok(Next::Start(*instance, unstarted));
            }
            Step::ExtractMemory { index, export } => {
                let memory = self.memory(*export)?;
                self.instance.set_memory(*index, memory)?;
            }
            Step::ExtractRealloc { index, def } => {
                let func = self.core_func(*def)?;
                self.instance.set_realloc(*index, func)?;
            }
            Step::ExtractPostReturn { index, def } => {
                let func = self.core_func(*def)?;
                self.instance.set_post_return(*index, func)?;
            }
            Step::ExtractCallback { index, def } => {
                let func = self.core_func(*def)?;
                self.instance.tasks().set_callback(*index, func)?;
            }
            Step::ExtractTable { index, export } => {
                let table = self.table(*export)?;
                self.instance.tasks().set_table(*index, table)?;
            }
            Step::ExtractTaskAdapter { index } => self.extract_task_adapter(*index)?,
            Step::Resource { index } => self.make_resource(*index)?,
            Step::InstantiateComponent {
                instance,
                component,
                args,
            } => return Ok(Next::Instantiate(*instance, self.link(*component, args)?)),
            Step::LowerImport {
                index,
                import,
                async_,
            } => self.lower_linked(*index, *import, *async_)?,
        }
        Ok(Next::Step)
    }

    /// Takes a resource type from the imports.
    pub(super) fn import_resource(
        &mut self,
        index: ResourceIndex,
        given: &ImportedResource,
    ) -> Result<()> {
        let dtor = given.dtor.as_ref();
        let resource = match (given.ty.as_host(), given.ty.as_guest()) {
            (Some(host), _) => InstanceResource {
                id: self.store.resources.host_type(host, dtor),
                dtor: dtor.cloned().map_or(Dtor::None, Dtor::Host),
            },
            (None, Some((store, id))) => {
                self.store.check(store, "resource type")?;
                let dtor = dtor.cloned().map_or(Dtor::Elsewhere, Dtor::Host);
                InstanceResource { id, dtor }
            }
            (None, None) => bail_bug!("a resource type of no instance was linked"),
        };
        self.instance.set_resource(index, resource, None)
    }

    /// Makes a resource type.
    fn make_resource(&mut self, index: ResourceIndex) -> Result<()> {
        let description = self.component.description();
        let Resource { name, origin } = &description.resources[index];
        let ResourceOrigin::Defined {
            dtor, adapted_dtor, ..
        } = origin
        else {
            bail_bug!("{index} is imported, not made");
        };
        let adapted = match adapted_dtor {
            Some(def) => match self.import(*def)? {
                RawExtern::Func(func) => Some(func),
                _ => bail_bug!("a destructor is no function"),
            },
            None => None,
        };
        let dtor = match dtor {
            Some(def) => Dtor::Guest(self.core_func(*def)?),
            None => Dtor::None,
        };
        let name = name.as_deref().map(Arc::from);
        let id = self.store.resources.guest_type(self.instance, index, name);
        let resource = InstanceResource { id, dtor };
        self.instance.set_resource(index, resource, adapted)
    }

    fn instantiate_module(
        &mut self,
        index: RuntimeInstanceIndex,
        module: StaticModuleIndex,
        args: &[CoreDef],
    ) -> Result<Unstarted> {
        let mut imports = Imports::default();
        for arg in args {
            imports.push(self.import(*arg)?);
        }
        let module = self.component.module(module);
        let place = self.instance.place(index);
        self.store.instantiate_counted(module, imports, place)
    }

    /// Keeps a core instance that has been started.
    fn made(&mut self, index: RuntimeInstanceIndex, instance: InstancePtr) {
        let made = self.core_instances.push(instance);
        debug_assert_eq!(made, index);
    }

    fn instantiate_imported(
        &mut self,
        index: RuntimeInstanceIndex,
        module: ModuleImportIndex,
        args: &[CoreDef],
    ) -> Result<Unstarted> {
        let ty = &self.component.description().module_imports[module].ty;
        let module = self.found().module(module).cloned();
        let module = module.ok_or_else(|| bug!("an imported module has not been found"))?;
        let mut imports = Imports::default();
        for import in &module.module.imports {
            // It may import less than its type says, and in another order.
            let mut types = ty.imports.iter();
            let given = types.position(|i| i.module == import.module && i.field == import.field);
            let arg = given.and_then(|position| args.get(position));
            let arg = arg.ok_or_else(|| bug!("a module imports more than its type has"))?;
            imports.push(self.import(*arg)?);
        }
        let place = self.instance.place_elsewhere();
        let unstarted = self.store.instantiate_counted(&module, imports, place)?;
        self.imported.insert(index, ty);
        Ok(unstarted)
    }

    /// What a core module is given as an import.
    fn import(&self, def: CoreDef) -> Result<RawExtern> {
        Ok(match def {
            CoreDef::Export(export) => {
                let (instance, entity) = self.export(export)?;
                instance.raw_extern(entity)?
            }
            CoreDef::Trampoline(index) => RawExtern::Func(FunctionImport {
                code: self.component.trampoline(index)?,
                vmctx: self.instance.vmctx(),
            }),
            CoreDef::Flags(index) => RawExtern::Global(self.instance.flags(index)),
        })
    }

    /// Which part of which instance an export is.
    fn export(&self, export: CoreExport) -> Result<(InstancePtr, EntityIndex)> {
        let instance = self.core_instances.get(export.instance).copied();
        let instance =
            instance.ok_or_else(|| bug!("{} is used before it is made", export.instance))?;
        let Some(ty) = self.imported.get(&export.instance) else {
            return Ok((instance, export.entity));
        };
        let name = ty.exported(export.entity).map(|(name, _)| name);
        let entity = name.and_then(|name| instance.module().module.export(name));
        let entity = entity.ok_or_else(|| bug!("an imported module lacks an export"))?;
        Ok((instance, entity))
    }

    fn memory(&self, export: CoreExport) -> Result<DefinedMemory> {
        match self.export(export)? {
            (instance, EntityIndex::Memory(index)) => Ok(instance.memory(index)),
            (_, other) => bail_bug!("a memory is extracted from {other:?}"),
        }
    }

    fn table(&self, export: CoreExport) -> Result<DefinedTable> {
        match self.export(export)? {
            (instance, EntityIndex::Table(index)) => Ok(instance.table(index)),
            (_, other) => bail_bug!("a table is extracted from {other:?}"),
        }
    }

    /// Takes note of the functions of a call that makes a task.
    fn extract_task_adapter(&mut self, index: TaskAdapterIndex) -> Result<()> {
        let description = self.component.description();
        let adapter = &description.task_adapters[index];
        let (lift, lower) = (
            &description.options[adapter.lift],
            &description.options[adapter.lower],
        );
        let start = self.core_func(adapter.start)?;
        let return_ = self.core_func(adapter.return_)?;
        let start_type = self.type_id(adapter.start)?;
        let ty = &description.types.funcs[adapter.ty];
        let funcs = TaskFuncs {
            start,
            return_,
            caller: lower.instance,
            callee: lift.instance,
            lift: adapter.lift,
            async_typed: ty.async_,
            needs_exclusive: lift.lift() != LiftOrLower::LiftStackful,
            lower_async: lower.async_,
            params: self.store.engine().func_type(start_type).params().len(),
            result: ty.result,
        };
        self.instance.tasks().set_adapter(index, funcs)
    }

    /// A core function that the host will call.
    pub(super) fn core_func(&mut self, def: CoreDef) -> Result<CoreFunc> {
        let RawExtern::Func(func) = self.import(def)? else {
            bail_bug!("a function is extracted from {def:?}");
        };
        let type_id = self.type_id(def)?;
        Ok(CoreFunc {
            func,
            entrance: self.store.entrance(type_id)?,
        })
    }

    fn type_id(&self, def: CoreDef) -> Result<TypeId> {
        match def {
            CoreDef::Export(export) => match self.export(export)? {
                (instance, EntityIndex::Func(index)) => Ok(instance.module().func_type_id(index)),
                (_, other) => bail_bug!("{other:?} is no function"),
            },
            CoreDef::Trampoline(index) => {
                let trampoline = &self.component.description().trampolines[index];
                Ok(self.component.type_id(trampoline.signature()))
            }
            CoreDef::Flags(_) => bail_bug!("flags are no function"),
        }
    }

    /// Resolves the exported functions, in the order of their positions.
    fn lift_exports(&mut self) -> Result<()> {
        let mut lifted = Vec::new();
        for export in self.component.exports().iter() {
            if let Item::Lifted {
                ty, func, options, ..
            } = *export
            {
                let core = self.core_func(func)?;
                lifted.push(LiftedFunc::new(self.instance, core, ty, options));
            }
        }
        self.instance.set_lifted(lifted.into())
    }
}
