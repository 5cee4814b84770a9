//! The builtin with which adapters pass strings from guest to guest.

use super::component_instance::ComponentInstancePtr;
use super::host_call::catch;
use super::memory::DefinedMemory;
use super::owner::{Owner, owner_of};
use super::pointer::{CodePtr, VmPtr};
use crate::bug::{bail_bug, bug};
use crate::canonical_abi::utf8;
use crate::store::StoreOpaque;
use crate::trap::Trap;
use anyhow::Result;
use std::ffi::c_void;
use threadline_environ::RuntimeMemoryIndex;
use threadline_environ::layout::VMHeader;

/// `utf8-copy`: copies `length` bytes between two memories of a component and checks that they
/// are utf-8; whether it succeeded.
///
/// # Safety
/// `context` is what compiled code passed as its context.
pub(super) unsafe extern "C" fn utf8_copy(
    context: *mut c_void,
    from_memory: u32,
    to_memory: u32,
    from: u64,
    to: u64,
    length: u64,
) -> bool {
    // SAFETY: the caller answers for `context`, which begins with a header; wasm was entered with
    // an exclusive borrow of the store, which rests until this returns.
    unsafe {
        let store_context = (*context.cast::<VMHeader>()).store_context;
        let body = || {
            let store = &mut *(*store_context).store.cast::<StoreOpaque>();
            let context: CodePtr = VmPtr::known(context);
            let Owner::Component(instance) = owner_of(context) else {
                bail_bug!("a builtin for components was called by a core instance");
            };
            let source = memory(instance, from_memory)?;
            let target = memory(instance, to_memory)?;
            let range = range(source, store, from, length)?;
            utf8(&source.data(store)[range])?;
            range_end(target, store, to, length)?;
            Ok(target.copy_from(to, source, from, length)?)
        };
        catch(store_context, body).is_ok()
    }
}

fn memory(instance: ComponentInstancePtr, index: u32) -> Result<DefinedMemory> {
    let memory = instance.memory(RuntimeMemoryIndex::from_u32(index));
    Ok(memory.ok_or_else(|| bug!("memory {index} has not been extracted"))?)
}

/// The range of `length` bytes at `start`, if the memory has them.
fn range(
    memory: DefinedMemory,
    store: &StoreOpaque,
    start: u64,
    length: u64,
) -> Result<std::ops::Range<usize>, Trap> {
    let end = range_end(memory, store, start, length)?;
    Ok(start as usize..end)
}

fn range_end(
    memory: DefinedMemory,
    store: &StoreOpaque,
    start: u64,
    length: u64,
) -> Result<usize, Trap> {
    let end = start
        .checked_add(length)
        .and_then(|end| usize::try_from(end).ok());
    end.filter(|&end| end <= memory.data(store).len())
        .ok_or(Trap::StringOutOfBounds)
}
