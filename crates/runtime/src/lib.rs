//! A WebAssembly component runtime with cheap concurrency.
//!
//! An [`Engine`] compiles a [`Module`]; a [`Linker`] instantiates it in a [`Store`]; an
//! [`Instance`] has functions to call.
//!
//! Unsafe code is in `vm` alone.
#![deny(unsafe_code)]

mod bug;
mod canonical_abi;
mod code;
pub mod component;
mod concurrent;
mod config;
mod config_proposals;
#[cfg(feature = "disassemble")]
pub mod disassemble;
mod engine;
mod error;
mod exception;
mod externals;
mod guest_name;
mod host_func;
mod instance;
mod instance_pre;
mod instantiate;
mod linker;
mod module;
mod precompiled;
mod store;
mod trap;
mod type_registry;
mod types;
mod val;
mod vm;

pub use bug::Bug;
pub use concurrent::Schedule;
pub use config::{Config, OptLevel};
pub use engine::Engine;
pub use error::LinkError;
pub use exception::{Exception, ExnRef};
pub use externals::{
    Caller, Extern, Func, Global, Memory, MemoryAccessError, SharedMemory, Table, Tag, TypedFunc,
    WasmParams, WasmResults, WasmTy, WasmTyList,
};
pub use host_func::{IntoFunc, WasmRet};
pub use instance::{Export, Instance};
pub use instance_pre::InstancePre;
pub use linker::Linker;
pub use module::Module;
pub use precompiled::Precompiled;
#[doc(hidden)]
pub use store::StoreOpaque;
pub use store::{
    AsContext, AsContextMut, ResourceLimiter, Store, StoreContext, StoreContextMut, StoreLimits,
    StoreLimitsBuilder, UpdateDeadline,
};
/// Why a guest trapped in what it did with tasks, threads, streams or futures.
pub use threadline_concurrent::Trap as ConcurrencyTrap;
/// Decisions of a schedule, and what there is to see of tasks and threads.
pub use threadline_concurrent::{
    CopyResult, Decision, EndId, Event, EventCode, Id, InstanceId, RawId, Reason, Recording, SetId,
    SubtaskId, SubtaskState, TaskId, ThreadId, TraceEvent, Tracer, TransferKind,
};
pub use threadline_environ::artifact::ImageError;
pub use threadline_environ::{
    AddressType, ContextLowering, Features, FuncType, GlobalType, HeapType, MemoryType, Proposal,
    RefType, TableType, ValType,
};
pub use trap::{FrameInfo, Trap, WasmBacktrace, find_trap};
pub use types::{ExportType, ExternType, ImportType};
pub use val::{ExternRef, Ref, V128, Val};
pub use vm::{InstanceAllocationStrategy, PoolingAllocationConfig, WaitResult};
