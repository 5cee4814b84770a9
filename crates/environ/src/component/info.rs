//! What is left of a component after flattening.

use super::Trampoline;
use super::component_type::ComponentType;
use super::module_type::ModuleType;
use super::types::{ComponentTypes, ExternType, TypeDef};
use crate::canonical_abi::LiftOrLower;
use crate::index::*;
use crate::layout::VMComponentLayout;
use crate::types::AddressType;
use cranelift_entity::PrimaryMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A component, ready to be instantiated.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Component {
    /// The types that the rest refers to.
    pub types: ComponentTypes,
    /// What the root component imports, in order: name and type.
    #[serde(with = "crate::serial::map")]
    pub imports: PrimaryMap<ImportIndex, (String, ExternType)>,
    /// Functions that instantiation takes from the imports.
    #[serde(with = "crate::serial::map")]
    pub runtime_imports: PrimaryMap<RuntimeImportIndex, RuntimeImport>,
    /// Core modules that instantiation takes from the imports.
    #[serde(with = "crate::serial::map")]
    pub module_imports: PrimaryMap<ModuleImportIndex, ModuleImport>,
    /// Components that instantiation takes from the imports.
    #[serde(with = "crate::serial::map")]
    pub component_imports: PrimaryMap<ComponentImportIndex, ComponentImport>,
    /// Instances of those, which the steps make.
    #[serde(with = "crate::serial::map")]
    pub linked_instances: PrimaryMap<LinkedInstanceIndex, LinkedInstance>,
    /// Components of the binary that others can be given: each is compiled by itself.
    #[serde(with = "crate::serial::map")]
    pub nested: PrimaryMap<NestedComponentIndex, NestedComponent>,
    /// Resource types.
    #[serde(with = "crate::serial::map")]
    pub resources: PrimaryMap<ResourceIndex, Resource>,
    /// What the root component exports, in order.
    pub exports: Vec<(String, Export)>,
    /// What instantiation does, in order.
    pub steps: Vec<Step>,
    /// Code beside the core modules.
    #[serde(with = "crate::serial::map")]
    pub trampolines: PrimaryMap<TrampolineIndex, Trampoline>,
    /// Canonical options of lifts and lowers.
    #[serde(with = "crate::serial::map")]
    pub options: PrimaryMap<OptionsIndex, CanonicalOptions>,
    /// Core instances that the steps make.
    pub num_runtime_instances: u32,
    /// Component instances, the root among them.
    pub num_component_instances: u32,
    /// Lowered host functions.
    pub num_lowerings: u32,
    /// Memories that the steps extract.
    pub num_memories: u32,
    /// `realloc`s that the steps extract.
    pub num_reallocs: u32,
    /// `post-return`s that the steps extract.
    pub num_post_returns: u32,
    /// `callback`s that the steps extract.
    pub num_callbacks: u32,
    /// Tables that the steps extract.
    pub num_tables: u32,
    /// Calls between guests that make tasks.
    #[serde(with = "crate::serial::map")]
    pub task_adapters: PrimaryMap<TaskAdapterIndex, TaskAdapter>,
    /// Of each component instance, whether calls into it make tasks; others run on the caller's
    /// stack, and know nothing of concurrency.
    #[serde(with = "crate::serial::map")]
    pub makes_tasks: PrimaryMap<RuntimeComponentInstanceIndex, bool>,
    /// Where its contexts are in memory.
    pub layout: VMComponentLayout,
}

impl Component {
    /// Replaces the numbers of function types that types of core modules mention.
    pub fn renumber_mentioned_types(&mut self, number: impl Fn(SignatureIndex) -> SignatureIndex) {
        for import in self.module_imports.values_mut() {
            import.ty.renumber_mentioned_types(&number);
        }
        for import in self.component_imports.values_mut() {
            import.ty.renumber_mentioned_types(&number);
        }
        let mut exports: Vec<&mut Export> = self.exports.iter_mut().map(|(_, e)| e).collect();
        while let Some(export) = exports.pop() {
            match export {
                Export::Module(_, ty) => ty.renumber_mentioned_types(&number),
                Export::Instance(list) => exports.extend(list.iter_mut().map(|(_, e)| e)),
                Export::LiftedFunction { .. } | Export::Type(_) | Export::Component(_) => {}
            }
        }
    }

    /// What a resource type is called: as it is exported, or else as it is imported.
    pub fn resource_name(&self, index: ResourceIndex) -> Option<&str> {
        let resource = &self.resources[index];
        match (&resource.name, &resource.origin) {
            (Some(name), _) => Some(name),
            (None, ResourceOrigin::Imported { from, path }) => match (path.last(), from) {
                (Some(name), _) => Some(name),
                (None, ImportSource::Host(import)) => Some(&self.imports[*import].0),
                (None, ImportSource::Instance(_)) => None,
            },
            (None, ResourceOrigin::Defined { .. } | ResourceOrigin::Abstract) => None,
        }
    }
}

/// A function that a component takes from its imports.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuntimeImport {
    /// Where it is found.
    pub from: ImportSource,
    /// Names to follow through nested instances; empty if the import itself is the function.
    pub path: Vec<String>,
    /// The type it must have.
    pub ty: ComponentFuncTypeIndex,
}

/// Where a component finds what is not its own.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ImportSource {
    /// The root's import, which the host gives.
    Host(ImportIndex),
    /// The exports of an instance of an imported component.
    Instance(LinkedInstanceIndex),
}

/// A core module that a component imports.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModuleImport {
    /// The type it must have.
    pub ty: ModuleType,
}

/// A component that a component imports.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ComponentImport {
    /// The type it must have.
    pub ty: ComponentType,
}

/// An instance of an imported component.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LinkedInstance {
    /// What it exports, by the type of the component.
    pub exports: Vec<(String, ExternType)>,
}

/// A component of the binary that is a value at run time, because it is exported or given to an
/// imported component. It is compiled by itself, with all that it uses from around it but what is
/// known at run time alone.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct NestedComponent {
    /// Imported modules that it uses from around it: which it is there, and which here.
    pub modules: Vec<(ModuleImportIndex, ModuleImportIndex)>,
    /// Imported components that it uses from around it: which it is there, and which here.
    pub components: Vec<(ComponentImportIndex, ComponentImportIndex)>,
    /// Its description, once it is loaded.
    #[serde(skip)]
    pub description: Option<Arc<Component>>,
}

/// A resource type.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Resource {
    /// What it is called, if it has a name: for people.
    pub name: Option<String>,
    /// Where it comes from.
    pub origin: ResourceOrigin,
}

/// Where a resource type comes from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum ResourceOrigin {
    /// The host gives it.
    Imported {
        /// Where it is found.
        from: ImportSource,
        /// Names to follow through nested instances; empty if the import itself is the type.
        path: Vec<String>,
    },
    /// It is none yet: the type of an imported component leaves it open.
    Abstract,
    /// An instance of a component makes it.
    Defined {
        /// The component instance whose resource type it is.
        instance: RuntimeComponentInstanceIndex,
        /// Its destructor: `(rep i32) -> ()`.
        dtor: Option<CoreDef>,
        /// The destructor as `resource.drop` in this component calls it: as the callee of a call
        /// between components.
        adapted_dtor: Option<CoreDef>,
    },
}

/// A call from guest to guest that makes a task.
///
/// There are two functions, both run on the task's thread. `start` is called when the task
/// starts, with all core parameters of the caller: it lifts and lowers the parameters of the
/// function, calls the callee's core function and returns what that returns. `return_` is called
/// when the task returns, with the core results of the callee or, if that was lifted with
/// `async`, the parameters of `task.return`; and then, if the caller wants the result in memory,
/// with where it wants it, the last of its core parameters. It lifts and lowers the result, calls
/// `post-return`, and returns the core results of the caller, if it lowers synchronously;
/// otherwise it returns nothing.
///
/// The context slots hold those of the task's thread. Handles that are borrowed are counted by
/// [`ScopeOp::OfTask`](super::ScopeOp::OfTask) and
/// [`ScopeOp::LendsToTask`](super::ScopeOp::LendsToTask); it is not here that either ends.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TaskAdapter {
    /// Starts the task.
    pub start: CoreDef,
    /// Returns its result.
    pub return_: CoreDef,
    /// How the function is lifted.
    pub lift: OptionsIndex,
    /// How it is lowered.
    pub lower: OptionsIndex,
    /// Its type in the component that lowers it.
    pub ty: ComponentFuncTypeIndex,
}

/// A step of instantiation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Step {
    /// Makes the next core instance, running its `start` function.
    Instantiate {
        /// The instance made; instances are made in ascending order.
        instance: RuntimeInstanceIndex,
        /// The component instance it belongs to.
        component_instance: RuntimeComponentInstanceIndex,
        /// The module.
        module: StaticModuleIndex,
        /// Its imports, in the order of [`Module::imports`](crate::module::Module::imports);
        /// types have been checked.
        args: Box<[CoreDef]>,
    },
    /// Makes the next core instance, of an imported module.
    InstantiateImported {
        /// The instance made, as in [`Step::Instantiate`]. [`CoreExport`]s of it mean exports of
        /// the module's type: see [`ModuleType::exported`].
        instance: RuntimeInstanceIndex,
        /// The component instance it belongs to.
        component_instance: RuntimeComponentInstanceIndex,
        /// The module.
        module: ModuleImportIndex,
        /// What there is for it to import, in the order of the imports of the module's type.
        args: Box<[CoreDef]>,
    },
    /// Takes note of a memory.
    ExtractMemory {
        /// Where it is noted.
        index: RuntimeMemoryIndex,
        /// Where it comes from.
        export: CoreExport,
    },
    /// Takes note of a `realloc` function.
    ExtractRealloc {
        /// Where it is noted.
        index: RuntimeReallocIndex,
        /// Where it comes from.
        def: CoreDef,
    },
    /// Takes note of a `post-return` function.
    ExtractPostReturn {
        /// Where it is noted.
        index: RuntimePostReturnIndex,
        /// Where it comes from.
        def: CoreDef,
    },
    /// Takes note of a `callback` function.
    ExtractCallback {
        /// Where it is noted.
        index: RuntimeCallbackIndex,
        /// Where it comes from.
        def: CoreDef,
    },
    /// Takes note of a table.
    ExtractTable {
        /// Where it is noted.
        index: RuntimeTableIndex,
        /// Where it comes from.
        export: CoreExport,
    },
    /// Takes note of the two functions of a [`TaskAdapter`].
    ExtractTaskAdapter {
        /// Which.
        index: TaskAdapterIndex,
    },
    /// Makes a resource type. What its destructor refers to is there by now.
    Resource {
        /// Which; it is [`ResourceOrigin::Defined`].
        index: ResourceIndex,
    },
    /// Makes the next instance of an imported component.
    InstantiateComponent {
        /// The instance made.
        instance: LinkedInstanceIndex,
        /// The component.
        component: ComponentImportIndex,
        /// What there is for it to import, by name.
        args: Box<[(String, Argument)]>,
    },
    /// Fills in the `VMLowering` behind a [`Trampoline::LowerImport`].
    LowerImport {
        /// Where the `VMLowering` is.
        index: LoweredIndex,
        /// The host function.
        import: RuntimeImportIndex,
        /// Whether it is lowered with `async`.
        async_: bool,
    },
}

/// Something that can be passed to an imported component as an import.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Argument {
    /// A function that is imported itself.
    ImportedFunction(RuntimeImportIndex),
    /// A lifted core function.
    LiftedFunction {
        /// Its type.
        ty: ComponentFuncTypeIndex,
        /// The core function.
        func: CoreDef,
        /// How it is lifted.
        options: OptionsIndex,
    },
    /// An instance.
    Instance(Vec<(String, Argument)>),
    /// A type.
    Type(TypeDef),
    /// A core module.
    Module(ExportedModule),
    /// A component.
    Component(ExportedComponent),
}

/// Something that can be passed to a core module as an import.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CoreDef {
    /// An export of a core instance.
    Export(CoreExport),
    /// A trampoline, as a function whose context is the `VMComponentContext`.
    Trampoline(TrampolineIndex),
    /// A component instance's flags, as a mutable i32 global.
    Flags(RuntimeComponentInstanceIndex),
}

/// An export of a core instance, by its place in the module's index spaces.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CoreExport {
    /// The instance.
    pub instance: RuntimeInstanceIndex,
    /// What of it.
    pub entity: EntityIndex,
}

/// An export of a component.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Export {
    /// A lifted core function.
    LiftedFunction {
        /// Its type.
        ty: ComponentFuncTypeIndex,
        /// The core function.
        func: CoreDef,
        /// How it is lifted.
        options: OptionsIndex,
    },
    /// An instance.
    Instance(Vec<(String, Export)>),
    /// A type.
    Type(TypeDef),
    /// A core module, and its type.
    Module(ExportedModule, Box<ModuleType>),
    /// A component.
    Component(ExportedComponent),
}

/// A component that is exported, or given to an imported one.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExportedComponent {
    /// One of the binary's.
    Nested(NestedComponentIndex),
    /// One that it imports.
    Imported(ComponentImportIndex),
}

/// A core module that is exported. No code of it depends on where it is instantiated.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExportedModule {
    /// One of the component's.
    Defined(StaticModuleIndex),
    /// One that it imports.
    Imported(ModuleImportIndex),
}

/// How strings are encoded in a linear memory.
#[derive(
    Debug, Copy, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum StringEncoding {
    /// UTF-8.
    #[default]
    Utf8,
    /// UTF-16, little-endian.
    Utf16,
    /// `latin1+utf16`: Latin-1, or UTF-16 if the length has [`utf16_tag`] set.
    ///
    /// [`utf16_tag`]: crate::canonical_abi::utf16_tag
    Latin1Utf16,
}

/// The canonical options of a lift or lower, with everything resolved.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CanonicalOptions {
    /// The component instance that lifts or lowers.
    pub instance: RuntimeComponentInstanceIndex,
    /// `string-encoding`.
    pub string_encoding: StringEncoding,
    /// `memory`.
    pub memory: Option<RuntimeMemoryIndex>,
    /// The memory's address type, which is that of pointers and lengths.
    pub address: AddressType,
    /// `realloc`.
    pub realloc: Option<RuntimeReallocIndex>,
    /// `post-return`.
    pub post_return: Option<RuntimePostReturnIndex>,
    /// `async`.
    pub async_: bool,
    /// `callback`.
    pub callback: Option<RuntimeCallbackIndex>,
    /// Whether what is lifted only passes on what it borrows: the handles are dropped for it.
    pub passes_on: bool,
}

impl CanonicalOptions {
    /// How a function that is lifted with these is called.
    pub fn lift(&self) -> LiftOrLower {
        match (self.async_, self.callback) {
            (false, _) => LiftOrLower::Lift,
            (true, None) => LiftOrLower::LiftStackful,
            (true, Some(_)) => LiftOrLower::LiftCallback,
        }
    }

    /// How a function that is lowered with these is called.
    pub fn lower(&self) -> LiftOrLower {
        match self.async_ {
            false => LiftOrLower::Lower,
            true => LiftOrLower::LowerAsync,
        }
    }
}
