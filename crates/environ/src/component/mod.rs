//! Components: from bytes to a straight-line program that instantiates core modules.
//!
//! A component's nested components and instances exist only at compile time: they are flattened,
//! so that what remains ([`Component`]) is a list of [`Step`]s over core instances, with every
//! name resolved. Calls from one component to another become adapter modules on the way.

mod component_type;
mod concurrency;
mod core_type;
mod definition;
mod flatten;
mod info;
mod intern;
mod module_type;
mod name;
mod section;
mod trampoline;
mod transcode;
mod translate;
mod types;

pub use component_type::{ComponentType, DeclaredType};
pub use concurrency::{
    ConcurrencyBuiltin, CopyOp, EndOp, EndType, ErrorContextOp, PlainBuiltin, SetOp, TransferOp,
};
pub use info::{
    Argument, CanonicalOptions, Component, ComponentImport, CoreDef, CoreExport, Export,
    ExportedComponent, ExportedModule, ImportSource, LinkedInstance, ModuleImport, NestedComponent,
    Resource, ResourceOrigin, RuntimeImport, Step, StringEncoding, TaskAdapter,
};
pub use module_type::{CoreExternType, CoreFuncType, ModuleImportType, ModuleType};
pub use name::Name;
pub use trampoline::{ResourceOp, ScopeOp, Trampoline};
pub use transcode::{Transcode, TranscodeFailure};
pub use types::{
    Borrowed, Cases, ComponentFuncType, ComponentTypes, EnumType, ExternType, FixedLengthListType,
    FlagsType, FutureType, InterfaceType, ListType, MapType, OptionType, RecordType, ResultType,
    StreamType, TupleType, TypeDef, VariantType,
};

pub(crate) use translate::translate;
