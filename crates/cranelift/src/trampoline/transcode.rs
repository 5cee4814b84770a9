//! Copying strings from one guest's memory to another's.
//!
//! The host does the copying, and knows nothing of memories: that the ranges are in bounds is
//! checked here, and what is wrong with a string becomes a trap here. So there is nothing to be
//! caught on the way.

use super::Emitter;
use crate::signature::POINTER;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use std::mem::offset_of;
use threadline_environ::canonical_abi::MAX_STRING_BYTE_LENGTH;
use threadline_environ::component::Transcode;
use threadline_environ::layout::{VMComponentLayout, VMMemoryDefinition};
use threadline_environ::{BuiltinIndex, RuntimeMemoryIndex, TrapCode};

/// Defines a `Trampoline::Transcode`: `(src, dst, units) -> i64`.
pub(super) fn transcode(
    (mut emitter, params): (Emitter<'_>, Vec<Value>),
    layout: &VMComponentLayout,
    transcode: Transcode,
    memories: [RuntimeMemoryIndex; 2],
) {
    let (vmctx, units) = (params[0], params[3]);
    let max = i64::from(MAX_STRING_BYTE_LENGTH);
    let too_many = emitter
        .builder
        .ins()
        .icmp_imm_u(IntCC::UnsignedGreaterThan, units, max);
    trap_if(&mut emitter, too_many, TrapCode::ListTooLong);
    let [from, to] = memories.map(|memory| layout.memory(memory) as usize);
    let read = (params[1], transcode.source_unit());
    let src = address(&mut emitter, vmctx, from, read, units);
    let written = (params[2], transcode.max_written());
    let dst = address(&mut emitter, vmctx, to, written, units);

    let number = Transcode::ALL.iter().position(|&other| other == transcode);
    let number = number.unwrap_or(Transcode::ALL.len()) as i64;
    let number = emitter.builder.ins().iconst(types::I32, number);
    let args = [number, src, dst, units];
    let result = emitter
        .call_builtin_in_host(vmctx, BuiltinIndex::Transcode, &args)
        .expect("this builtin returns a value");
    for &failure in transcode.failures() {
        let failed = emitter
            .builder
            .ins()
            .icmp_imm_s(IntCC::Equal, result, failure as i64);
        trap_if(&mut emitter, failed, failure.trap_code());
    }
    emitter.builder.ins().return_(&[result]);
    emitter.finish();
}

/// The host's address of a place in the memory whose definition is behind a field of the
/// context, where `units` times so many bytes are in bounds.
fn address(
    emitter: &mut Emitter<'_>,
    vmctx: Value,
    memory: usize,
    (place, unit): (Value, u32),
    units: Value,
) -> Value {
    let definition = emitter.load(POINTER, vmctx, memory);
    let base = emitter.load(POINTER, definition, offset_of!(VMMemoryDefinition, base));
    let length = emitter.load(POINTER, definition, offset_of!(VMMemoryDefinition, length));
    let ins = emitter.builder.ins();
    let bytes = ins.imul_imm_u(units, i64::from(unit));
    let too_long = emitter
        .builder
        .ins()
        .icmp(IntCC::UnsignedGreaterThan, bytes, length);
    trap_if(emitter, too_long, TrapCode::StringPointerOutOfBounds);
    let last = emitter.builder.ins().isub(length, bytes);
    let too_far = emitter
        .builder
        .ins()
        .icmp(IntCC::UnsignedGreaterThan, place, last);
    trap_if(emitter, too_far, TrapCode::StringPointerOutOfBounds);
    emitter.builder.ins().iadd(base, place)
}

fn trap_if(emitter: &mut Emitter<'_>, condition: Value, code: TrapCode) {
    let code = crate::trap::to_cranelift(code);
    emitter.builder.ins().trapnz(condition, code);
}
