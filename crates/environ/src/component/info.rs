//! What is left of a component after flattening.

use super::Trampoline;
use super::module_type::ModuleType;
use super::types::{ComponentTypes, ExternType, TypeDef};
use crate::canonical_abi::LiftOrLower;
use crate::index::*;
use crate::layout::VMComponentLayout;
use crate::types::AddressType;
use cranelift_entity::PrimaryMap;
use serde::{Deserialize, Serialize};

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
    /// What a resource type is called: as it is exported, or else as it is imported.
    pub fn resource_name(&self, index: ResourceIndex) -> Option<&str> {
        let resource = &self.resources[index];
        match (&resource.name, &resource.origin) {
            (Some(name), _) => Some(name),
            (None, ResourceOrigin::Imported { import, path }) => {
                Some(path.last().unwrap_or(&self.imports[*import].0))
            }
            (None, ResourceOrigin::Defined { .. }) => None,
        }
    }
}

/// A function that a component takes from its imports.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuntimeImport {
    /// The root's import.
    pub import: ImportIndex,
    /// Names to follow through nested instances; empty if the import itself is the function.
    pub path: Vec<String>,
    /// The type it must have.
    pub ty: ComponentFuncTypeIndex,
}

/// A core module that a component imports.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModuleImport {
    /// The type it must have.
    pub ty: ModuleType,
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
        /// The root's import.
        import: ImportIndex,
        /// Names to follow through nested instances; empty if the import itself is the type.
        path: Vec<String>,
    },
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
