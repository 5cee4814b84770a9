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

impl FuncKey {
    /// As an image stores it: three words, equal for equal keys only.
    pub(super) fn to_words(self) -> [u32; 3] {
        match self {
            FuncKey::Wasm(module, func) => [0, module.as_u32(), func.as_u32()],
            FuncKey::HostToWasm(signature) => [1, signature.as_u32(), 0],
            FuncKey::WasmToHost(signature) => [2, signature.as_u32(), 0],
            FuncKey::Intrinsic(intrinsic) => {
                let place = UnsafeIntrinsic::all().position(|other| other == intrinsic);
                [3, place.map_or(u32::MAX, |place| place as u32), 0]
            }
            FuncKey::Builtin(builtin) => [4, builtin as u32, 0],
            FuncKey::Trampoline(index) => [5, index.as_u32(), 0],
        }
    }

    /// The key that is stored so.
    pub(super) fn from_words([kind, a, b]: [u32; 3]) -> Option<FuncKey> {
        Some(match kind {
            0 => FuncKey::Wasm(
                StaticModuleIndex::from_u32(a),
                DefinedFuncIndex::from_u32(b),
            ),
            1 => FuncKey::HostToWasm(SignatureIndex::from_u32(a)),
            2 => FuncKey::WasmToHost(SignatureIndex::from_u32(a)),
            3 => FuncKey::Intrinsic(UnsafeIntrinsic::all().nth(a as usize)?),
            4 => FuncKey::Builtin(*BuiltinIndex::ALL.get(a as usize)?),
            5 => FuncKey::Trampoline(TrampolineIndex::from_u32(a)),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_stored_in_its_own_way() {
        let keys = [
            FuncKey::Wasm(
                StaticModuleIndex::from_u32(7),
                DefinedFuncIndex::from_u32(9),
            ),
            FuncKey::HostToWasm(SignatureIndex::from_u32(7)),
            FuncKey::WasmToHost(SignatureIndex::from_u32(7)),
            FuncKey::Trampoline(TrampolineIndex::from_u32(7)),
        ];
        let keys = keys
            .into_iter()
            .chain(UnsafeIntrinsic::all().map(FuncKey::Intrinsic));
        let builtins = BuiltinIndex::ALL.iter().copied().map(FuncKey::Builtin);
        for key in keys.chain(builtins) {
            assert_eq!(FuncKey::from_words(key.to_words()), Some(key));
        }
        assert_eq!(FuncKey::from_words([6, 0, 0]), None);
    }
}
