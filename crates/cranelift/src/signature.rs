//! Core types and function types in Cranelift's terms.
//!
//! Everything here is the convention of wasm calling wasm: `(context, params…) -> results…` in
//! `CallConv::Tail`. The system's convention, for the border with the host, is the trampolines'.

use cranelift_codegen::ir::{AbiParam, ArgumentPurpose, Signature, Type, types};
use cranelift_codegen::isa::CallConv;
use threadline_environ::{BuiltinIndex, BuiltinResult, BuiltinType, FuncType, ValType};

/// The type of host addresses: hosts are 64-bit.
pub(crate) const POINTER: Type = types::I64;

/// How many integers surely are in registers; on aarch64 two more are.
const INTEGER_REGISTERS: usize = 6;

/// How a value of a core type travels: between functions, between blocks and in locals.
///
/// All `v128` values travel as `i8x16`; references are host pointers or handles of that size.
pub(crate) fn value_type(ty: ValType) -> Type {
    match ty {
        ValType::I32 => types::I32,
        ValType::I64 => types::I64,
        ValType::F32 => types::F32,
        ValType::F64 => types::F64,
        ValType::V128 => types::I8X16,
        ValType::Ref(_) => POINTER,
    }
}

/// The signature of a function of this type as wasm calls it.
pub(crate) fn wasm_signature(ty: &FuncType) -> Signature {
    let mut signature = context_signature();
    add_params(&mut signature, ty.params().iter().map(|&ty| value_type(ty)));
    let results = ty.results().iter().map(|&ty| AbiParam::new(value_type(ty)));
    signature.returns.extend(results);
    signature
}

/// The signature of the compiled function through which wasm calls a host builtin.
///
/// That function checks for failure itself, so a builtin that only succeeds or fails has no
/// result here.
pub(crate) fn builtin_signature(builtin: BuiltinIndex) -> Signature {
    let mut signature = context_signature();
    let params = builtin.params().iter();
    add_params(&mut signature, params.map(|&ty| builtin_type(ty)));
    match builtin.result() {
        BuiltinResult::Value(ty) => signature.returns.push(AbiParam::new(builtin_type(ty))),
        BuiltinResult::ValueOrFailure => signature.returns.push(AbiParam::new(types::I64)),
        BuiltinResult::Infallible | BuiltinResult::Success | BuiltinResult::Never => {}
    }
    // Called in loops, but hardly ever: they are not to cost the loop its registers.
    if matches!(builtin, BuiltinIndex::OutOfFuel | BuiltinIndex::NewEpoch) {
        signature.call_conv = CallConv::PreserveAll;
    }
    signature
}

/// How a value crosses to a builtin.
pub(crate) fn builtin_type(ty: BuiltinType) -> Type {
    match ty {
        BuiltinType::I32 => types::I32,
        BuiltinType::I64 => types::I64,
        BuiltinType::Pointer => POINTER,
    }
}

/// Parameters after the context.
///
/// Callees read integers from the stack as 64 bits. A processor can't forward a narrower store to
/// such a read, which then waits for a dozen cycles: so callers are to write 64 bits.
fn add_params(signature: &mut Signature, types: impl Iterator<Item = Type>) {
    let mut integers = signature.params.len();
    signature.params.extend(types.map(|ty| {
        integers += usize::from(ty.is_int());
        match ty == types::I32 && integers > INTEGER_REGISTERS {
            true => AbiParam::new(ty).uext(),
            false => AbiParam::new(ty),
        }
    }));
}

/// `(context) -> ()`. Stack limit checks find the context by its purpose.
fn context_signature() -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    signature
        .params
        .push(AbiParam::special(POINTER, ArgumentPurpose::VMContext));
    signature
}
