//! The canonical section: lifts, lowers and built-ins.

use super::super::definition::{Item, OptionsDef, ResourceFunc};
use super::super::info::StringEncoding;
use super::super::translate::Walk;
use super::concurrency;
use crate::error::{Error, Result};
use crate::{CONTEXT_SLOTS, SlotType, UnsafeIntrinsic};
use wasmparser::component_types::ComponentAnyTypeId;
use wasmparser::{CanonicalFunction, CanonicalOption, ComponentCanonicalSectionReader, ValType};

/// Refuses what belongs to proposals the validator is not told about.
pub(super) fn refuse_before_validation(
    section: &ComponentCanonicalSectionReader<'_>,
) -> Result<()> {
    for canon in section.clone().into_iter_with_offsets() {
        let (offset, canon) = canon?;
        match &canon {
            CanonicalFunction::ThreadSpawnRef { .. }
            | CanonicalFunction::ThreadSpawnIndirect { .. }
            | CanonicalFunction::ThreadAvailableParallelism => {
                return Err(refused(builtin_name(&canon), offset));
            }
            CanonicalFunction::Lift { options, .. } | CanonicalFunction::Lower { options, .. } => {
                for option in options {
                    if let CanonicalOption::Gc | CanonicalOption::CoreType(_) = option {
                        return Err(refused_option(*option, offset));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

pub(in super::super) fn read(
    walk: &mut Walk<'_>,
    section: ComponentCanonicalSectionReader<'_>,
) -> Result<()> {
    for canon in section.into_iter_with_offsets() {
        let (offset, canon) = canon?;
        match canon {
            CanonicalFunction::Lift {
                core_func_index,
                type_index,
                options,
            } => lift(walk, core_func_index, type_index, &options, offset)?,
            CanonicalFunction::Lower {
                func_index,
                options,
            } => lower(walk, func_index, &options, offset)?,
            CanonicalFunction::ContextGet { ty, slot } => {
                let (ty, slot) = context_slot(ty, slot, offset)?;
                context(walk, UnsafeIntrinsic::ContextGet { ty, slot });
            }
            CanonicalFunction::ContextSet { ty, slot } => {
                let (ty, slot) = context_slot(ty, slot, offset)?;
                context(walk, UnsafeIntrinsic::ContextSet { ty, slot });
            }
            CanonicalFunction::ResourceNew { resource } => {
                resource_func(walk, ResourceFunc::New, resource, offset)?;
            }
            CanonicalFunction::ResourceRep { resource } => {
                resource_func(walk, ResourceFunc::Rep, resource, offset)?;
            }
            CanonicalFunction::ResourceDrop { resource } => {
                resource_func(walk, ResourceFunc::Drop, resource, offset)?;
            }
            other => concurrency::read(walk, &other, offset)?,
        }
    }
    Ok(())
}

fn lift(
    walk: &mut Walk<'_>,
    core_func: u32,
    type_index: u32,
    list: &[CanonicalOption],
    offset: u64,
) -> Result<()> {
    let options = options(walk, list, offset)?;
    walk.component().may_block |= options.async_;
    let ComponentAnyTypeId::Func(ty) = walk.wasm_types(offset)?.component_any_type_at(type_index)
    else {
        return Err(Error::invalid(
            "`canon lift` to what is no function",
            offset,
        ));
    };
    walk.define(Item::Lift {
        core_func,
        ty,
        options,
    });
    Ok(())
}

fn lower(walk: &mut Walk<'_>, func: u32, list: &[CanonicalOption], offset: u64) -> Result<()> {
    let options = options(walk, list, offset)?;
    let types = walk.wasm_types(offset)?;
    let ty = types.component_function_at(func);
    let waits = types[ty].async_ && !options.async_;
    walk.component().may_block |= waits;
    walk.define(Item::Lower {
        func,
        ty,
        options,
        offset,
    });
    Ok(())
}

pub(super) fn options(
    walk: &mut Walk<'_>,
    list: &[CanonicalOption],
    offset: u64,
) -> Result<OptionsDef> {
    let mut options = OptionsDef::default();
    for &option in list {
        match option {
            CanonicalOption::UTF8 => options.string_encoding = StringEncoding::Utf8,
            CanonicalOption::UTF16 => options.string_encoding = StringEncoding::Utf16,
            CanonicalOption::CompactUTF16 => {
                options.string_encoding = StringEncoding::Latin1Utf16;
            }
            CanonicalOption::Memory(index) => options.memory = Some(index),
            CanonicalOption::Realloc(index) => options.realloc = Some(index),
            CanonicalOption::PostReturn(index) => options.post_return = Some(index),
            CanonicalOption::Async => options.async_ = true,
            CanonicalOption::Callback(index) => options.callback = Some(index),
            CanonicalOption::CoreType(_) | CanonicalOption::Gc => {
                return Err(refused_option(option, offset));
            }
        }
    }
    if options.realloc.is_some() || options.post_return.is_some() {
        walk.component().may_be_unleavable = true;
    }
    Ok(options)
}

fn resource_func(
    walk: &mut Walk<'_>,
    func: ResourceFunc,
    resource: u32,
    offset: u64,
) -> Result<()> {
    match walk.wasm_types(offset)?.component_any_type_at(resource) {
        ComponentAnyTypeId::Resource(id) => {
            walk.define(Item::ResourceFunc(func, id.resource()));
            Ok(())
        }
        _ => Err(Error::invalid("a handle to what is no resource", offset)),
    }
}

fn context(walk: &mut Walk<'_>, intrinsic: UnsafeIntrinsic) {
    walk.component().uses_context = true;
    walk.define(Item::Intrinsic(intrinsic));
}

fn context_slot(ty: ValType, slot: u32, offset: u64) -> Result<(SlotType, u8)> {
    let ty = match ty {
        ValType::I32 => SlotType::I32,
        ValType::I64 => SlotType::I64,
        _ => return Err(Error::invalid("a context slot is an i32 or an i64", offset)),
    };
    match u8::try_from(slot) {
        Ok(slot) if u32::from(slot) < CONTEXT_SLOTS => Ok((ty, slot)),
        _ => Err(Error::invalid("a context slot is 0 or 1", offset)),
    }
}

pub(super) fn refused(name: &str, offset: u64) -> Error {
    Error::unsupported(format!("`canon {name}`"), offset)
}

fn refused_option(option: CanonicalOption, offset: u64) -> Error {
    let name = match option {
        CanonicalOption::UTF8 => "string-encoding=utf8",
        CanonicalOption::UTF16 => "string-encoding=utf16",
        CanonicalOption::CompactUTF16 => "string-encoding=latin1+utf16",
        CanonicalOption::Memory(_) => "memory",
        CanonicalOption::Realloc(_) => "realloc",
        CanonicalOption::PostReturn(_) => "post-return",
        CanonicalOption::Async => "async",
        CanonicalOption::Callback(_) => "callback",
        CanonicalOption::CoreType(_) => "core-type",
        CanonicalOption::Gc => "gc",
    };
    Error::unsupported(format!("the canonical option `{name}`"), offset)
}

/// A built-in's name in the specification.
pub(super) fn builtin_name(canon: &CanonicalFunction) -> &'static str {
    use CanonicalFunction as C;
    match canon {
        C::Lift { .. } => "lift",
        C::Lower { .. } => "lower",
        C::ResourceNew { .. } => "resource.new",
        C::ResourceDrop { .. } => "resource.drop",
        C::ResourceRep { .. } => "resource.rep",
        C::ThreadSpawnRef { .. } => "thread.spawn-ref",
        C::ThreadSpawnIndirect { .. } => "thread.spawn-indirect",
        C::ThreadAvailableParallelism => "thread.available-parallelism",
        C::BackpressureInc => "backpressure.inc",
        C::BackpressureDec => "backpressure.dec",
        C::TaskReturn { .. } => "task.return",
        C::TaskCancel => "task.cancel",
        C::ContextGet { .. } => "context.get",
        C::ContextSet { .. } => "context.set",
        C::ThreadYield => "thread.yield",
        C::SubtaskDrop => "subtask.drop",
        C::SubtaskCancel { .. } => "subtask.cancel",
        C::StreamNew { .. } => "stream.new",
        C::StreamRead { .. } => "stream.read",
        C::StreamWrite { .. } => "stream.write",
        C::StreamForward { .. } => "stream.forward",
        C::StreamCancelRead { .. } => "stream.cancel-read",
        C::StreamCancelWrite { .. } => "stream.cancel-write",
        C::StreamDropReadable { .. } => "stream.drop-readable",
        C::StreamDropWritable { .. } => "stream.drop-writable",
        C::FutureNew { .. } => "future.new",
        C::FutureRead { .. } => "future.read",
        C::FutureWrite { .. } => "future.write",
        C::FutureForward { .. } => "future.forward",
        C::FutureCancelRead { .. } => "future.cancel-read",
        C::FutureCancelWrite { .. } => "future.cancel-write",
        C::FutureDropReadable { .. } => "future.drop-readable",
        C::FutureDropWritable { .. } => "future.drop-writable",
        C::ErrorContextNew { .. } => "error-context.new",
        C::ErrorContextDebugMessage { .. } => "error-context.debug-message",
        C::ErrorContextDrop => "error-context.drop",
        C::WaitableSetNew => "waitable-set.new",
        C::WaitableSetWait { .. } => "waitable-set.wait",
        C::WaitableSetPoll { .. } => "waitable-set.poll",
        C::WaitableSetDrop => "waitable-set.drop",
        C::WaitableJoin => "waitable.join",
        C::ThreadIndex => "thread.index",
        C::ThreadNewIndirect { .. } => "thread.new-indirect",
        C::ThreadResumeLater => "thread.resume-later",
        C::ThreadSuspend => "thread.suspend",
        C::ThreadSuspendThenResume => "thread.suspend-then-resume",
        C::ThreadYieldThenResume => "thread.yield-then-resume",
        C::ThreadSuspendThenPromote => "thread.suspend-then-promote",
        C::ThreadYieldThenPromote => "thread.yield-then-promote",
    }
}
