//! Components: compiling, linking, instantiating and calling them.
//!
//! ```text
//! Component ──▶ Linker::instantiate ──▶ Instance ──▶ Func / TypedFunc ──▶ call
//!                    ▲ host functions
//! ```
//!
//! Values cross the border in one of two ways: as Rust's types ([`Lift`], [`Lower`]), compared
//! with the component's once, or as [`Val`]s, compared in each call. How they are laid out is in
//! `crate::canonical_abi`; the contexts that compiled code sees are in `crate::vm`.
//!
//! A trap locks the instance that the host called, with everything nested in it: each further
//! call into it is a trap. Other instances of the store go on.

#[expect(
    clippy::module_inception,
    reason = "a file is named after the noun it is about"
)]
mod component;
#[doc(hidden)]
pub mod derive;
mod destructor;
mod error;
mod export;
mod func;
mod guest_func;
mod host_func;
mod import_check;
mod instance;
mod instance_pre;
mod instantiate;
mod linker;
mod module_check;
mod resource;
mod resource_table;
mod resource_type;
mod type_check;
mod typed_func;
pub mod types;
mod val;
mod version;

pub use self::component::Component;
pub use crate::canonical_abi::{ComponentNamedList, ComponentType, Lift, Lower, WasmList, WasmStr};
#[doc(hidden)]
pub use crate::canonical_abi::{LiftContext, LowerContext, TypeAbi, TypeContext, TypeMismatch};
pub use error::ComponentError;
pub use export::{ComponentExportIndex, ExportLookup};
pub use func::Func;
pub use instance::Instance;
pub use instance_pre::InstancePre;
pub use linker::{Linker, LinkerInstance};
pub use resource::{Resource, ResourceAny};
pub use resource_table::{ResourceTable, ResourceTableError};
pub use resource_type::ResourceType;
pub use typed_func::TypedFunc;
pub use types::Type;
pub use val::Val;

pub(crate) use self::component::CompiledComponent;
pub(crate) use destructor::{destroy_imported, handle_error};
pub(crate) use func::LiftedFunc;
pub(crate) use resource_type::{HostType, ResourceTypeId};
pub(crate) use types::describe as describe_type;
