//! `FuncKey::Trampoline`: the functions a component needs beside its core modules.
//!
//! Their context is the `VMComponentContext`.

use super::resource::{self, OnHandle};
use super::{Emitter, concurrency};
use crate::intrinsic;
use crate::signature::{self, POINTER};
use cranelift_codegen::ir::{self, InstBuilder, Value, types};
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::FunctionBuilderContext;
use std::mem::offset_of;
use threadline_environ::component::{Component, Trampoline};
use threadline_environ::entity::EntityRef;
use threadline_environ::layout::VMLowering;
use threadline_environ::{FuncType, LoweredIndex, OptionsIndex, TrampolineIndex, TrapCode};

/// Defines one of a component's trampolines, whose core type is `ty`.
pub(crate) fn define_trampoline(
    isa: &dyn TargetIsa,
    component: &Component,
    index: TrampolineIndex,
    ty: &FuncType,
    func: &mut ir::Function,
    context: &mut FunctionBuilderContext,
) {
    match component.trampolines[index] {
        Trampoline::Intrinsic { intrinsic, .. } => {
            intrinsic::define_intrinsic(func, context, isa.frontend_config(), intrinsic);
        }
        Trampoline::LowerImport {
            index: lowering,
            options,
            ..
        } => {
            let start = Emitter::new(isa, signature::wasm_signature(ty), func, context);
            lower_import(start, component, lowering, options, ty);
        }
        Trampoline::Transcode {
            transcode,
            from,
            to,
            ..
        } => {
            let start = Emitter::new(isa, signature::wasm_signature(ty), func, context);
            super::transcode::transcode(start, &component.layout, transcode, [from, to]);
        }
        Trampoline::Resource {
            op,
            instance,
            resource,
            ..
        } => {
            let start = Emitter::new(isa, signature::wasm_signature(ty), func, context);
            let on = OnHandle {
                op,
                instance,
                resource,
            };
            resource::resource(start, component, on);
        }
        Trampoline::BorrowScope { op, lender, .. } => {
            let start = Emitter::new(isa, signature::wasm_signature(ty), func, context);
            resource::borrow_scope(start, component, op, lender);
        }
        Trampoline::Concurrency {
            ref builtin,
            instance,
            ..
        } => {
            let start = Emitter::new(isa, signature::wasm_signature(ty), func, context);
            let on = (builtin, instance, index);
            concurrency::concurrency(start, component, on, ty);
        }
        Trampoline::TaskCall { adapter, .. } => {
            let start = Emitter::new(isa, signature::wasm_signature(ty), func, context);
            concurrency::task_call(start, component, adapter, ty);
        }
        Trampoline::Transfer { .. } => {
            let start = Emitter::new(isa, signature::wasm_signature(ty), func, context);
            concurrency::transfer(start, index);
        }
        Trampoline::Trap { code, .. } => {
            let start = Emitter::new(isa, signature::wasm_signature(ty), func, context);
            trap(start, code);
        }
    }
}

/// `canon lower` of a host function (`canon_lower` in `definitions.py`).
fn lower_import(
    (mut emitter, params): (Emitter<'_>, Vec<Value>),
    component: &Component,
    index: LoweredIndex,
    options: OptionsIndex,
    ty: &FuncType,
) {
    let vmctx = params[0];
    let layout = &component.layout;
    emitter.check_may_leave(vmctx, component, component.options[options].instance);
    emitter.record_exit(vmctx);
    let array = emitter.spill(&params[1..], ty.results().len());
    let lowering = layout.lowering(index) as usize;
    let code = emitter.load(POINTER, vmctx, lowering + offset_of!(VMLowering, call));
    let data = emitter.load(POINTER, vmctx, lowering + offset_of!(VMLowering, data));
    let options = emitter
        .builder
        .ins()
        .iconst(types::I32, options.index() as i64);
    emitter.call_host(vmctx, code, &[vmctx, data, options, array]);
    let results = emitter.load_values(ty.results(), array);
    emitter.builder.ins().return_(&results);
    emitter.finish();
}

fn trap((mut emitter, _): (Emitter<'_>, Vec<Value>), code: TrapCode) {
    emitter.builder.ins().trap(crate::trap::to_cranelift(code));
    emitter.finish();
}
