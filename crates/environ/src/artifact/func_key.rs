//! The names of functions in an image.

use crate::index::{DefinedFuncIndex, SignatureIndex, StaticModuleIndex, TrampolineIndex};
use crate::{BuiltinIndex, UnsafeIntrinsic};

/// What a compiled function is; unique within its image.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FuncKey {
    /// A function that a core module defines: `(vmctx, params…) -> results…`.
    Wasm(StaticModuleIndex, DefinedFuncIndex),
    /// Enters wasm from the host, one per type, in the system's calling convention:
    /// `(vmctx, code, *mut ValRaw, *mut VMEntryRecord) -> bool`.
    HostToWasm(SignatureIndex),
    /// Calls a host function from wasm, one per type; its context is a `VMHostFuncContext`.
    WasmToHost(SignatureIndex),
    /// An intrinsic as a function of its own, for imports not known at compile time and for the
    /// lowerings that don't inline; any context.
    Intrinsic(UnsafeIntrinsic),
    /// Calls a host builtin: `(context, params…) -> result`, with the failure check in it.
    Builtin(BuiltinIndex),
    /// A component's trampoline; its context is the `VMComponentContext`.
    Trampoline(TrampolineIndex),
}
