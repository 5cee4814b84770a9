//! The names of compiled functions in Cranelift's terms, and direct calls to them.
//!
//! A [`FuncKey`] becomes a pair of numbers and back without a table: the top four bits of the
//! namespace say which kind of key it is, the rest holds the module of a wasm function, and the
//! index holds the key's own index.

use cranelift_codegen::ir::{
    ExtFuncData, ExternalName, FuncRef, Function, Signature, UserExternalName,
};
use std::collections::BTreeMap;
use threadline_environ::artifact::FuncKey;
use threadline_environ::entity::EntityRef;
use threadline_environ::{
    BuiltinIndex, DefinedFuncIndex, SignatureIndex, StaticModuleIndex, TrampolineIndex,
    UnsafeIntrinsic,
};

const KIND_SHIFT: u32 = 28;
const WASM: u32 = 0;
const HOST_TO_WASM: u32 = 1;
const WASM_TO_HOST: u32 = 2;
const INTRINSIC: u32 = 3;
const BUILTIN: u32 = 4;
const TRAMPOLINE: u32 = 5;

/// The name under which a function is referred to in relocations.
pub(crate) fn user_name(key: FuncKey) -> UserExternalName {
    let (kind, module, index) = match key {
        FuncKey::Wasm(module, func) => (WASM, module.as_u32(), func.as_u32()),
        FuncKey::HostToWasm(signature) => (HOST_TO_WASM, 0, signature.as_u32()),
        FuncKey::WasmToHost(signature) => (WASM_TO_HOST, 0, signature.as_u32()),
        FuncKey::Intrinsic(intrinsic) => (INTRINSIC, 0, ordinal(intrinsic)),
        FuncKey::Builtin(builtin) => (BUILTIN, 0, builtin as u32),
        FuncKey::Trampoline(trampoline) => (TRAMPOLINE, 0, trampoline.as_u32()),
    };
    debug_assert!(
        module < 1 << KIND_SHIFT,
        "modules are bounded by the parser"
    );
    UserExternalName::new(kind << KIND_SHIFT | module, index)
}

/// The function with this name; `None` if [`user_name`] gave no such name.
pub(crate) fn func_key(name: &UserExternalName) -> Option<FuncKey> {
    let module = name.namespace & ((1 << KIND_SHIFT) - 1);
    let index = name.index;
    Some(match name.namespace >> KIND_SHIFT {
        WASM => FuncKey::Wasm(
            StaticModuleIndex::from_u32(module),
            DefinedFuncIndex::from_u32(index),
        ),
        HOST_TO_WASM => FuncKey::HostToWasm(SignatureIndex::from_u32(index)),
        WASM_TO_HOST => FuncKey::WasmToHost(SignatureIndex::from_u32(index)),
        INTRINSIC => FuncKey::Intrinsic(UnsafeIntrinsic::all().nth(index as usize)?),
        BUILTIN => FuncKey::Builtin(*BuiltinIndex::ALL.get(index as usize)?),
        TRAMPOLINE => FuncKey::Trampoline(TrampolineIndex::new(index as usize)),
        _ => return None,
    })
}

/// The place of an intrinsic in [`UnsafeIntrinsic::all`].
fn ordinal(intrinsic: UnsafeIntrinsic) -> u32 {
    let position = UnsafeIntrinsic::all().position(|other| other == intrinsic);
    position.expect("all() has every intrinsic") as u32
}

/// The functions of the image that one function calls directly, each declared once.
#[derive(Default)]
pub(crate) struct Callees {
    declared: BTreeMap<FuncKey, FuncRef>,
}

impl Callees {
    /// The reference by which `func` calls `key`; `signature` is asked for the first time.
    pub(crate) fn get(
        &mut self,
        func: &mut Function,
        key: FuncKey,
        signature: impl FnOnce() -> Signature,
    ) -> FuncRef {
        *self.declared.entry(key).or_insert_with(|| {
            let signature = func.import_signature(signature());
            let name = func.declare_imported_user_function(user_name(key));
            func.import_function(ExtFuncData {
                name: ExternalName::user(name),
                signature,
                // All functions of an image share one text section.
                colocated: true,
                patchable: false,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_a_round_trip() {
        let mut keys = vec![
            FuncKey::Wasm(StaticModuleIndex::new(7), DefinedFuncIndex::new(9)),
            FuncKey::Wasm(StaticModuleIndex::new(0), DefinedFuncIndex::new(0)),
            FuncKey::HostToWasm(SignatureIndex::new(3)),
            FuncKey::WasmToHost(SignatureIndex::new(3)),
            FuncKey::Trampoline(TrampolineIndex::new(3)),
        ];
        keys.extend(UnsafeIntrinsic::all().map(FuncKey::Intrinsic));
        keys.extend(BuiltinIndex::ALL.iter().copied().map(FuncKey::Builtin));
        for &key in &keys {
            assert_eq!(func_key(&user_name(key)), Some(key));
        }
        assert_eq!(func_key(&UserExternalName::new(9 << 28, 0)), None);
        assert_eq!(func_key(&UserExternalName::new(3 << 28, 99)), None);
    }
}
