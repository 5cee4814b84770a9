//! Flattening: from nested definitions to a straight-line program.
//!
//! This is an abstract interpretation of the root component. Nested components are instantiated
//! here, at compile time, and every alias and argument is followed to where it comes from
//! ([`value`]), so that what is left are core instances, what they import, and the root's
//! imports and exports. Only what exists at run time is written into the [`Component`].
//!
//! A small binary can ask for exponentially many instances; [`budget`] bounds them.

mod adapt;
mod budget;
mod canon;
mod concurrency;
mod core_instance;
mod export;
mod instance;
mod known_imports;
mod layout;
mod linked;
mod module;
mod nested;
mod reexport;
mod resource;
mod scope;
mod value;

use super::core_type::CoreTypes;
use super::definition::{Definitions, Item, StaticComponentIndex};
use super::info::{
    CanonicalOptions, Component, CoreDef, CoreExport, Export, ExportedModule, ImportSource,
};
use super::intern::TypeInterner;
use super::trampoline::Trampoline;
use crate::Translation;
use crate::adapter::Shapes;
use crate::error::Result;
use crate::index::*;
use crate::module::ModuleTranslation;
use crate::signature_table::SignatureTable;
use budget::Budget;
use cranelift_entity::PrimaryMap;
use scope::Scope;
use std::collections::{BTreeMap, BTreeSet};
use value::{Args, Exports};
use wasmparser::types::TypesRef;

pub(super) use value::inconsistent;

/// What the walk over the sections found.
pub(super) struct Input<'d, 'data> {
    pub(super) definitions: &'d Definitions,
    pub(super) root: StaticComponentIndex,
    pub(super) types: TypesRef<'d>,
    pub(super) signatures: SignatureTable,
    pub(super) modules: PrimaryMap<StaticModuleIndex, ModuleTranslation<'data>>,
}

/// Flattens a component.
pub(super) fn flatten<'data>(input: Input<'_, 'data>) -> Result<Translation<'data>> {
    let root = value::Closure {
        definition: input.root,
        captures: Box::default(),
    };
    let (translation, _) = Flattener::new(input, Budget::default()).flatten(&root)?;
    Ok(translation)
}

/// The state of the interpretation, beside the scopes of the components being instantiated.
struct Flattener<'d, 'data> {
    definitions: &'d Definitions,
    /// What has been written so far, less the types.
    component: Component,
    /// What ids of types refer to.
    wasm_types: TypesRef<'d>,
    types: TypeInterner,
    signatures: SignatureTable,
    core_types: CoreTypes,
    modules: PrimaryMap<StaticModuleIndex, ModuleTranslation<'data>>,
    /// The step that makes each core instance.
    instance_steps: PrimaryMap<RuntimeInstanceIndex, usize>,
    /// What each component instance is an instance of.
    component_instances: PrimaryMap<RuntimeComponentInstanceIndex, StaticComponentIndex>,
    interned: Interned,
    /// What adapters know about types.
    shapes: Shapes,
    extracted: Extracted,
    /// What re-exported functions' values go through.
    scratch: Option<reexport::Scratch>,
    budget: Budget,
    /// Modules that are exported, and so may be instantiated with any imports.
    exported_modules: BTreeSet<StaticModuleIndex>,
    /// Components that are values at run time.
    nested: nested::Nested,
    /// What the modules of the definitions are here, if that is not what they are there.
    module_numbers: Option<BTreeMap<StaticModuleIndex, StaticModuleIndex>>,
    /// Whether any module has a tag, or may have, being imported: without one, nothing can be
    /// thrown.
    may_throw: bool,
}

/// Where what steps extract comes from.
#[derive(Default)]
struct Extracted {
    memories: PrimaryMap<RuntimeMemoryIndex, CoreDef>,
    reallocs: PrimaryMap<RuntimeReallocIndex, CoreDef>,
    post_returns: PrimaryMap<RuntimePostReturnIndex, CoreDef>,
}

/// What has an index already.
#[derive(Default)]
struct Interned {
    memories: BTreeMap<CoreExport, RuntimeMemoryIndex>,
    reallocs: BTreeMap<CoreDef, RuntimeReallocIndex>,
    post_returns: BTreeMap<CoreDef, RuntimePostReturnIndex>,
    callbacks: BTreeMap<CoreDef, RuntimeCallbackIndex>,
    tables: BTreeMap<CoreExport, RuntimeTableIndex>,
    options: BTreeMap<CanonicalOptions, OptionsIndex>,
    trampolines: BTreeMap<Trampoline, TrampolineIndex>,
    imports: BTreeMap<(ImportSource, Vec<String>), RuntimeImportIndex>,
    /// By the import, and whether it is lowered with `async`.
    lowerings: BTreeMap<(RuntimeImportIndex, bool), LoweredIndex>,
    adapters: BTreeMap<adapt::AdapterKey, CoreDef>,
    /// Modules of large adapters, by their binaries.
    adapter_modules: BTreeMap<Vec<u8>, StaticModuleIndex>,
    reexports: BTreeMap<RuntimeImportIndex, Export>,
}

impl<'d, 'data> Flattener<'d, 'data> {
    fn new(input: Input<'d, 'data>, budget: Budget) -> Flattener<'d, 'data> {
        let may_throw = input.modules.values().any(|m| !m.module.tags.is_empty())
            || module::imports_modules(&input);
        Flattener {
            definitions: input.definitions,
            component: Component::default(),
            wasm_types: input.types,
            types: TypeInterner::default(),
            signatures: input.signatures,
            core_types: CoreTypes::default(),
            modules: input.modules,
            instance_steps: PrimaryMap::new(),
            component_instances: PrimaryMap::new(),
            interned: Interned::default(),
            shapes: Shapes::default(),
            extracted: Extracted::default(),
            scratch: None,
            budget,
            exported_modules: BTreeSet::new(),
            nested: nested::Nested::default(),
            module_numbers: None,
            may_throw,
        }
    }

    /// Flattens a component; what is left of the budget comes back.
    fn flatten(mut self, root: &value::Closure) -> Result<(Translation<'data>, Budget)> {
        let exports = self.instantiate(root, Args::Root, 0)?;
        self.export_root(&exports)?;
        let nested = self.flatten_nested()?;
        self.fill_known_imports();
        self.component.num_component_instances = self.component_instances.len() as u32;
        self.component.num_runtime_instances = self.instance_steps.len() as u32;
        let instances = self.component_instances.keys();
        self.component.makes_tasks = instances.map(|i| self.makes_tasks(i)).collect();
        self.lay_out()?;
        self.component.types = self.types.finish();
        let translation = Translation {
            signatures: self.signatures,
            modules: self.modules,
            component: Some(self.component),
            nested,
        };
        Ok((translation, self.budget))
    }
}

impl Flattener<'_, '_> {
    /// Instantiates a component: evaluates its definitions one after the other.
    fn instantiate(&mut self, closure: &value::Closure, args: Args, depth: u32) -> Result<Exports> {
        self.budget.enter(depth)?;
        self.budget.component_instance()?;
        let instance = self.component_instances.push(closure.definition);
        let definitions = self.definitions;
        let mut scope = Scope::new(instance, closure, args, depth);
        for item in &definitions.components[closure.definition].items {
            self.budget.spend(1)?;
            self.evaluate(&mut scope, item)?;
        }
        Ok(scope.exports)
    }

    /// Evaluates a definition; what it defines is added to an index space of the scope.
    fn evaluate(&mut self, scope: &mut Scope<'_>, item: &Item) -> Result<()> {
        match item {
            Item::Module(index) => {
                let index = self.own_module(*index)?;
                scope.modules.push(ExportedModule::Defined(index));
            }
            Item::Component(index) => self.close_over(scope, *index)?,
            Item::Captured(sort, place) => scope.captured(*sort, *place)?,
            Item::OwnModule(index) => scope.modules.push(scope.module(*index)?),
            Item::OwnComponent(index) => scope.components.push(scope.component(*index)?),
            Item::CoreInstance(definition) => self.core_instance(scope, definition)?,
            Item::CoreExportAlias {
                sort,
                instance,
                name,
            } => {
                let instance = scope.core_instance(*instance)?;
                let def = self.core_export(instance, name)?;
                scope.core_space(*sort).push(def);
            }
            Item::Instance(definition, ty) => self.instance(scope, definition, *ty)?,
            Item::Resource { id, dtor } => self.define_resource(scope, *id, *dtor)?,
            Item::Concurrency(builtin) => self.concurrency(scope, builtin)?,
            Item::ResourceFunc(func, id) => self.resource_func(scope, *func, *id)?,
            Item::ExportAlias {
                sort,
                instance,
                name,
            } => {
                let value = scope.instance(*instance)?.of_sort(*sort, name)?;
                scope.define(value);
            }
            Item::Lift {
                core_func,
                ty,
                options,
            } => self.lift(scope, *core_func, *ty, options)?,
            Item::Lower {
                func,
                ty,
                options,
                offset,
            } => self.lower(scope, *func, *ty, options, *offset)?,
            Item::Intrinsic(intrinsic) => {
                let def = self.intrinsic(*intrinsic);
                scope.core_funcs.push(def);
            }
            Item::Import {
                name,
                sort,
                ty,
                offset,
            } => self.import(scope, name, *sort, *ty, *offset)?,
            Item::Export {
                name,
                item,
                ty,
                offset,
            } => {
                let value = self.value(scope, item)?;
                // What is exported may have got types of its own.
                self.bind_types(scope, *ty, &value)?;
                self.name_resource(&value, name);
                scope.define(value.clone());
                scope.exports.add(name.clone(), value, *offset)?;
            }
        }
        Ok(())
    }
}
