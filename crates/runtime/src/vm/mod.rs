//! The runtime's unsafe half: entering and leaving wasm, traps, and the memory behind it all.
#![allow(
    unsafe_code,
    reason = "raw contexts and machine code are handled here and only here"
)]

mod activation;
mod atomics;
mod backtrace;
mod builtins;
mod call_slots;
mod component_instance;
mod concurrency;
mod core_instance;
mod deserialize;
mod end_driver;
mod entry;
mod exceptions;
mod func_ref;
mod global;
mod handle_table;
mod host_call;
mod host_caller;
mod host_stack;
mod instance_allocator;
mod invoke;
mod lent_store;
mod limiter;
mod lowered_import;
mod memory;
mod metering;
mod owned_index;
mod owner;
mod parking_spot;
mod pointer;
mod racy;
mod resources;
mod segments;
mod shared_memory;
mod stack_switch;
mod store_state;
mod sys;
mod table;
mod tag;
#[cfg(test)]
mod tests;
mod throw;
mod transcode;
pub(crate) mod val_raw;

pub(crate) use call_slots::{HostSlots, OwnedSlots};
pub(crate) use component_instance::{
    ComponentInstancePtr, CoreFunc, Dtor, GuestOptions, GuestOptionsPtr, InstanceIn,
    InstanceResource, LiftedFuncPtr, OwnedComponentInstance,
};
pub(crate) use core_instance::{
    ContextPlace, FunctionImport, Imports, InstancePtr, OwnedInstance, RawExtern,
};
pub(crate) use end_driver::{DriverOf, EndDriver};
pub(crate) use entry::ThreadKind;
#[cfg(test)]
use entry::{HostToWasm, call_wasm};
pub(crate) use func_ref::{FuncRefPtr, HostFunc, OwnedHostFunc};
pub(crate) use global::GlobalPtr;
pub(crate) use handle_table::{BorrowScopesPtr, HandleFault, HandleTablePtr, OtherKind};
#[cfg(test)]
use host_call::{catch, raise, trap};
pub(crate) use host_caller::CallerSlot;
pub(crate) use host_stack::StackFloor;
pub use instance_allocator::{InstanceAllocationStrategy, PoolingAllocationConfig};
pub(crate) use instance_allocator::{InstanceAllocator, StaticData};
pub(crate) use invoke::Entrance;
pub(crate) use lent_store::{lend, lend_nothing, with_lent, with_lent_store};
pub(crate) use limiter::Limiter;
pub(crate) use lowered_import::{
    AsyncHostBody, CallSite, ComponentHostFunc, ConcurrentHostBody, HostBody, HostCall,
    LoweredType, Lowering, OpaqueBody, TypedImport,
};
pub(crate) use memory::DefinedMemory;
pub(crate) use metering::deadline_callback;
pub(crate) use owned_index::{IndexOf, Owned};
pub use parking_spot::WaitResult;
pub(crate) use pointer::CodePtr;
pub(crate) use resources::HostDtor;
pub(crate) use shared_memory::SharedLinearMemory;
pub(crate) use stack_switch::{FiberRecord, GuestStack, GuestStackPtr, GuestStep, HostFuture};
pub(crate) use store_state::{DEFAULT_MAX_WASM_STACK, VmStoreState};
pub(crate) use sys::{ImageMapping, Mapping, page_size};
pub(crate) use table::DefinedTable;
pub(crate) use tag::TagPtr;
pub(crate) use val_raw::{CallSlots, SlotArray};
