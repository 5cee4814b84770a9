//! Copying strings from one guest's memory to another's.
//!
//! The host does the copying, and knows nothing of memories: that the ranges are in bounds is
//! checked here, and what is wrong with a string becomes a trap here. So there is nothing to be
//! caught on the way.

use super::Emitter;
use crate::signature::POINTER;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, MemFlagsData, Type, Value, types};
use cranelift_frontend::FunctionBuilder;
use std::mem::offset_of;
use threadline_environ::canonical_abi::MAX_STRING_BYTE_LENGTH;
use threadline_environ::component::Transcode;
use threadline_environ::layout::{VMComponentLayout, VMMemoryDefinition};
use threadline_environ::{BuiltinIndex, RuntimeMemoryIndex, TrapCode};

/// From that many bytes on, the host is faster.
const MAX_SHORT: i64 = 512;

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

    if transcode == Transcode::Utf8ToUtf8 && from != to {
        short_ascii(&mut emitter, src, dst, units);
    }
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

/// Copies a text of 4 bytes up to [`MAX_SHORT`], and returns if it was ASCII. Otherwise the code that
/// comes behind does all of it once more.
///
/// It is copied in pieces of one size. The last piece ends where the text does, so it may have
/// bytes in it that were copied before. A text that ends up looked at twice is none the worse: what
/// was written is what the guest had there, and nobody sees it before the call returns.
fn short_ascii(emitter: &mut Emitter<'_>, src: Value, dst: Value, units: Value) {
    let builder = &mut emitter.builder;
    let [host, small, vectors, tiny] = std::array::from_fn(|_| builder.create_block());
    let shorter_than = |builder: &mut FunctionBuilder<'_>, length: i64| {
        builder
            .ins()
            .icmp_imm_u(IntCC::UnsignedLessThan, units, length)
    };
    let is_small = shorter_than(builder, 16);
    builder.ins().brif(is_small, small, &[], vectors, &[]);

    builder.switch_to_block(vectors);
    let is_short = shorter_than(builder, MAX_SHORT);
    let body = builder.create_block();
    builder.ins().brif(is_short, body, &[], host, &[]);
    builder.switch_to_block(body);
    ascii_vectors(builder, [src, dst, units], host);

    builder.switch_to_block(small);
    let is_tiny = shorter_than(builder, 8);
    let words = builder.create_block();
    builder.ins().brif(is_tiny, tiny, &[], words, &[]);
    builder.switch_to_block(words);
    ascii_twice(builder, types::I64, [src, dst, units], host);

    builder.switch_to_block(tiny);
    let is_tiny = shorter_than(builder, 4);
    let words = builder.create_block();
    builder.ins().brif(is_tiny, host, &[], words, &[]);
    builder.switch_to_block(words);
    ascii_twice(builder, types::I32, [src, dst, units], host);

    builder.seal_all_blocks();
    builder.switch_to_block(host);
}

/// Copies 16 bytes or more. Returns, or goes to `otherwise`.
fn ascii_vectors(builder: &mut FunctionBuilder<'_>, text: [Value; 3], otherwise: Block) {
    let [src, dst, units] = text;
    let [again, done] = std::array::from_fn(|_| builder.create_block());
    // The last vector first, so that its bytes are those that all else is collected in.
    let last = builder.ins().iadd_imm_s(units, -16);
    let seen = copy(builder, types::I8X16, [src, dst, last]);
    let start = builder.ins().iconst(POINTER, 0);
    builder.append_block_param(again, POINTER);
    builder.append_block_param(again, types::I8X16);
    builder.append_block_param(done, types::I8X16);
    let args = [start.into(), seen.into()];
    builder.ins().jump(again, &args);

    builder.switch_to_block(again);
    let (at, seen) = (
        builder.block_params(again)[0],
        builder.block_params(again)[1],
    );
    let bytes = copy(builder, types::I8X16, [src, dst, at]);
    let seen = builder.ins().bor(seen, bytes);
    let next = builder.ins().iadd_imm_u(at, 16);
    let more = builder.ins().icmp(IntCC::UnsignedLessThan, next, last);
    let args = [next.into(), seen.into()];
    builder.ins().brif(more, again, &args, done, &[seen.into()]);

    builder.switch_to_block(done);
    let seen = builder.block_params(done)[0];
    let high = builder.ins().vhigh_bits(types::I32, seen);
    return_if_zero(builder, high, otherwise);
}

/// Copies the first and the last bytes, which together are all. Returns, or goes to `otherwise`.
fn ascii_twice(builder: &mut FunctionBuilder<'_>, ty: Type, text: [Value; 3], otherwise: Block) {
    let [src, dst, units] = text;
    let start = builder.ins().iconst(POINTER, 0);
    let last = builder.ins().iadd_imm_s(units, -i64::from(ty.bytes()));
    let first = copy(builder, ty, [src, dst, start]);
    let second = copy(builder, ty, [src, dst, last]);
    let seen = builder.ins().bor(first, second);
    let mask = u64::from_le_bytes([0x80; 8]) >> (64 - ty.bits());
    let high = builder.ins().band_imm_u(seen, mask as i64);
    return_if_zero(builder, high, otherwise);
}

/// Copies what is at an offset, and gives it.
fn copy(builder: &mut FunctionBuilder<'_>, ty: Type, [src, dst, at]: [Value; 3]) -> Value {
    let flags = MemFlagsData::new().with_notrap();
    let [from, to] = [src, dst].map(|base| builder.ins().iadd(base, at));
    let bytes = builder.ins().load(ty, flags, from, 0);
    builder.ins().store(flags, bytes, to, 0);
    bytes
}

/// The result of success is 0.
fn return_if_zero(builder: &mut FunctionBuilder<'_>, value: Value, otherwise: Block) {
    let success = builder.create_block();
    builder.ins().brif(value, otherwise, &[], success, &[]);
    builder.switch_to_block(success);
    let zero = builder.ins().iconst(types::I64, 0);
    builder.ins().return_(&[zero]);
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
