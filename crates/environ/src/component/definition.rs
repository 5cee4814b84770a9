//! What a component's sections say, as plain data, before anything is resolved.
//!
//! Indices here are those of the binary's index spaces. Every definition that adds to an index
//! space that flattening keeps is here, in order; types are not, since `wasmparser` resolves them
//! and what needs one carries its id. Resource types are, for each instance makes its own.

use super::concurrency::{CopyOp, EndOp, ErrorContextOp, PlainBuiltin, SetOp};
use super::info::StringEncoding;
use crate::index::StaticModuleIndex;
use crate::{SlotType, UnsafeIntrinsic};
use cranelift_entity::{PrimaryMap, entity_impl};
use std::rc::Rc;
use wasmparser::component_types as wt;

/// A component of the binary, nested or not.
#[derive(Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct StaticComponentIndex(u32);
entity_impl!(StaticComponentIndex, "component");

/// All components of a binary.
#[derive(Default)]
pub(super) struct Definitions {
    /// Inner components come before those around them; the root is last.
    pub(super) components: PrimaryMap<StaticComponentIndex, ComponentDef>,
}

/// One component.
#[derive(Default)]
pub(super) struct ComponentDef {
    /// What it defines, in order.
    pub(super) items: Vec<Item>,
    /// What it uses from around it; `outer` aliases refer to these.
    pub(super) captures: Vec<Capture>,
    /// Whether it has a `canon context.get` or `context.set`. Core functions don't cross the
    /// border of a component instance, so only instances of such a component can see the slots
    /// of their threads.
    pub(super) uses_context: bool,
    /// Whether calls into an instance of it need tasks, threads and stacks: it has a built-in
    /// that may suspend its caller or that needs to know threads, lifts with `async`, or lowers
    /// an `async` function synchronously.
    pub(super) may_block: bool,
    /// Whether a lift or lower of it has a `realloc` or `post-return`: while these run,
    /// `may_leave` is clear, and at no other time.
    pub(super) may_be_unleavable: bool,
}

/// Something that an inner component takes from the component around it.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(super) struct Capture {
    pub(super) sort: CaptureSort,
    pub(super) from: CaptureFrom,
}

/// What kind of thing it is.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(super) enum CaptureSort {
    Module,
    Component,
}

/// Where the component around it has it.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(super) enum CaptureFrom {
    /// In its index space.
    Local(u32),
    /// In its own captures.
    Capture(usize),
}

/// A definition.
pub(super) enum Item {
    /// A core module section.
    Module(StaticModuleIndex),
    /// A component section.
    Component(StaticComponentIndex),
    /// An `outer` alias, by its place among the captures.
    Captured(CaptureSort, usize),
    /// An `outer` alias, zero levels out, of a module.
    OwnModule(u32),
    /// An `outer` alias, zero levels out, of a component.
    OwnComponent(u32),
    /// A core instance.
    CoreInstance(CoreInstanceDef),
    /// An alias of an export of a core instance.
    CoreExportAlias {
        sort: CoreSort,
        instance: u32,
        name: Rc<str>,
    },
    /// A component instance, and its type.
    Instance(InstanceDef, wt::ComponentInstanceTypeId),
    /// An alias of an export of a component instance.
    ExportAlias {
        sort: Sort,
        instance: u32,
        name: Rc<str>,
    },
    /// `canon lift`.
    Lift {
        core_func: u32,
        ty: wt::ComponentFuncTypeId,
        options: OptionsDef,
    },
    /// `canon lower`.
    Lower {
        func: u32,
        ty: wt::ComponentFuncTypeId,
        options: OptionsDef,
        offset: u64,
    },
    /// A canonical built-in that is an intrinsic.
    Intrinsic(UnsafeIntrinsic),
    /// A canonical built-in of concurrency.
    Concurrency(BuiltinDef),
    /// A resource type.
    Resource {
        id: wt::ResourceId,
        dtor: Option<u32>,
    },
    /// A canonical built-in on handles of a resource type.
    ResourceFunc(ResourceFunc, wt::ResourceId),
    /// An import.
    Import {
        name: Rc<str>,
        sort: Sort,
        ty: wt::ComponentEntityType,
        offset: u64,
    },
    /// An export, which also adds to an index space.
    Export {
        name: Rc<str>,
        item: Reference,
        /// The type that it has from here on.
        ty: wt::ComponentEntityType,
        offset: u64,
    },
}

/// A canonical built-in on handles of a resource type.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum ResourceFunc {
    New,
    Rep,
    Drop,
}

/// A [`ConcurrencyBuiltin`](super::ConcurrencyBuiltin), unresolved.
pub(super) enum BuiltinDef {
    Plain(PlainBuiltin),
    TaskReturn {
        result: Option<wt::ComponentValType>,
        options: OptionsDef,
    },
    WaitableSet {
        op: SetOp,
        memory: u32,
    },
    End {
        op: EndOp,
        ty: wt::ComponentDefinedTypeId,
    },
    Copy {
        op: CopyOp,
        ty: wt::ComponentDefinedTypeId,
        options: OptionsDef,
    },
    ErrorContext {
        op: ErrorContextOp,
        options: OptionsDef,
    },
    ThreadNewIndirect {
        table: u32,
        closure: SlotType,
    },
}

impl BuiltinDef {
    /// Whether calls into an instance that has it need tasks.
    pub(super) fn needs_tasks(&self) -> bool {
        match self {
            BuiltinDef::Plain(builtin) => builtin.needs_tasks(),
            BuiltinDef::WaitableSet { op, .. } => *op == SetOp::Wait,
            BuiltinDef::End { op, .. } => match op {
                EndOp::CancelRead { async_ } | EndOp::CancelWrite { async_ } => !async_,
                EndOp::New | EndOp::Forward | EndOp::DropReadable | EndOp::DropWritable => false,
            },
            BuiltinDef::Copy { options, .. } => !options.async_,
            BuiltinDef::ThreadNewIndirect { .. } => true,
            // Without a task that was lifted with `async`, nothing can be returned.
            BuiltinDef::TaskReturn { .. } | BuiltinDef::ErrorContext { .. } => false,
        }
    }
}

/// Something in an index space of a component.
#[derive(Copy, Clone, Debug)]
pub(super) struct Reference {
    pub(super) sort: Sort,
    pub(super) index: u32,
    /// For types, what the index stands for.
    pub(super) ty: Option<wt::ComponentAnyTypeId>,
}

/// How a core instance is made.
pub(super) enum CoreInstanceDef {
    /// From a module and core instances, by the first names of its imports.
    Instantiate {
        module: u32,
        args: Vec<(Rc<str>, u32)>,
    },
    /// From what is there already.
    FromExports(Vec<(Rc<str>, CoreSort, u32)>),
}

/// How a component instance is made.
pub(super) enum InstanceDef {
    /// From a component.
    Instantiate {
        component: u32,
        args: Vec<(Rc<str>, Reference)>,
    },
    /// From what is there already.
    FromExports(Vec<(Rc<str>, Reference)>),
}

/// An index space of core definitions, less those that are types.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum CoreSort {
    Func,
    Table,
    Memory,
    Global,
    Tag,
}

/// An index space of a component.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Module,
    Func,
    Type,
    Instance,
    Component,
}

/// Canonical options, unresolved.
#[derive(Copy, Clone, Default)]
pub(super) struct OptionsDef {
    pub(super) string_encoding: StringEncoding,
    pub(super) memory: Option<u32>,
    pub(super) realloc: Option<u32>,
    pub(super) post_return: Option<u32>,
    pub(super) async_: bool,
    pub(super) callback: Option<u32>,
}
