//! What a context belongs to.
//!
//! Compiled code passes contexts about without knowing their kind; `VMHeader::owner` leads back
//! to the runtime's record, and every such record is `#[repr(C)]` and begins with an
//! [`OwnerKind`], so the kind of any context can be told.

use super::component_instance::ComponentInstance;
use super::core_instance::CoreInstance;
use super::func_ref::HostFuncInstance;
use super::pointer::{CodePtr, VmPtr};
use threadline_environ::layout::VMHeader;

/// The first field of every record that a `VMHeader::owner` points to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum OwnerKind {
    /// A [`CoreInstance`]; the context is a `VMContext`.
    CoreInstance = 1,
    /// A [`HostFuncInstance`]; the context is a `VMHostFuncContext`.
    HostFunc,
    /// A [`ComponentInstance`]; the context is a `VMComponentContext`.
    Component,
}

/// The owner of a context.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Owner {
    /// A core instance.
    CoreInstance(VmPtr<CoreInstance>),
    /// A host function as one store has it.
    HostFunc(VmPtr<HostFuncInstance>),
    /// A component instance.
    Component(VmPtr<ComponentInstance>),
}

/// The owner of a context that came out of a live `VMFuncRef` or `VMFunctionImport`.
pub(crate) fn owner_of(context: CodePtr) -> Owner {
    // SAFETY: every context begins with a `VMHeader`, whose owner outlives it (it holds it).
    let owner = unsafe { (*context.as_ptr().cast::<VMHeader>()).owner };
    // SAFETY: every owner begins with an `OwnerKind`, which tells its type.
    unsafe {
        match *owner.cast::<OwnerKind>() {
            OwnerKind::CoreInstance => Owner::CoreInstance(VmPtr::known(owner.cast())),
            OwnerKind::HostFunc => Owner::HostFunc(VmPtr::known(owner.cast())),
            OwnerKind::Component => Owner::Component(VmPtr::known(owner.cast())),
        }
    }
}
