//! [`Resource`] and [`ResourceAny`]: resources in the host's hands.

use super::resource_type::{HostType, ResourceType, ResourceTypeId};
use super::{ComponentType, Lift, LiftContext, Lower, LowerContext, TypeAbi, TypeContext};
use crate::canonical_abi::{HandleCheck, Seen, TypeMismatch};
use crate::store::{AsContextMut, HostHandle, HostHandleKey, StoreId, StoreOpaque};
use crate::vm::val_raw;
use anyhow::{Context as _, Result, anyhow, bail};
use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU8, Ordering};
use threadline_environ::component::InterfaceType;
use threadline_environ::layout::ValRaw;

/// A resource of the host's own, of the type [`ResourceType::host::<T>`](ResourceType::host).
///
/// It is a number, the resource's representation, that means something to the embedder alone:
/// often an index into a [`ResourceTable`](super::ResourceTable). Dropping a `Resource` does
/// nothing.
///
/// Given to a guest as `own<…>`, an owned one is the guest's; it can't be given away twice.
pub struct Resource<T: 'static> {
    rep: u32,
    state: AtomicU8,
    ty: PhantomData<fn() -> T>,
}

const OWNED: u8 = 0;
const BORROWED: u8 = 1;
const GIVEN_AWAY: u8 = 2;

impl<T: 'static> Resource<T> {
    /// A resource that the host owns.
    pub fn new_own(rep: u32) -> Resource<T> {
        Resource::new(rep, OWNED)
    }

    /// A resource that is borrowed for a call.
    pub fn new_borrow(rep: u32) -> Resource<T> {
        Resource::new(rep, BORROWED)
    }

    fn new(rep: u32, state: u8) -> Resource<T> {
        Resource {
            rep,
            state: AtomicU8::new(state),
            ty: PhantomData,
        }
    }

    /// The representation.
    pub fn rep(&self) -> u32 {
        self.rep
    }

    /// Whether the host owns it.
    pub fn owned(&self) -> bool {
        self.state.load(Ordering::Relaxed) == OWNED
    }

    /// The same as a resource whose type is known at run time only.
    ///
    /// # Errors
    /// As [`ResourceAny::try_from_resource`].
    pub fn try_into_resource_any(self, store: impl AsContextMut) -> Result<ResourceAny> {
        ResourceAny::try_from_resource(self, store)
    }

    /// The same as a Rust type's.
    ///
    /// # Errors
    /// As [`ResourceAny::try_into_resource`].
    pub fn try_from_resource_any(any: ResourceAny, store: impl AsContextMut) -> Result<Self> {
        any.try_into_resource(store)
    }

    /// Takes it from its owner.
    fn give_away(&self) -> Result<u32> {
        let result =
            self.state
                .compare_exchange(OWNED, GIVEN_AWAY, Ordering::Relaxed, Ordering::Relaxed);
        match result {
            Ok(_) => Ok(self.rep),
            Err(BORROWED) => bail!("a borrowed {self:?} can't be given away"),
            Err(_) => bail!("{self:?} has been given away"),
        }
    }
}

impl<T: 'static> fmt::Debug for Resource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resource<{}>({})", type_name::<T>(), self.rep)
    }
}

impl<T: 'static> ComponentType for Resource<T> {
    const ABI: TypeAbi = TypeAbi::HANDLE;

    fn typecheck(cx: &TypeContext<'_>, ty: InterfaceType) -> Result<(), TypeMismatch> {
        let (InterfaceType::Own(index) | InterfaceType::Borrow(index)) = ty else {
            let found = format!("resource {}", type_name::<T>());
            return Err(TypeMismatch::new(cx, ty, found));
        };
        let found = ResourceType::host::<T>();
        match cx.resource(index) {
            Some(expected) if expected == found => Ok(()),
            expected => Err(TypeMismatch::Type {
                expected: match expected {
                    Some(expected) => format!("resource {expected}"),
                    None => "a resource of the guest's".to_owned(),
                },
                found: format!("resource {found}"),
            }),
        }
    }
}

impl<T: 'static> Resource<T> {
    /// Whether it can be given to a guest as a handle of a type.
    ///
    /// # Errors
    /// If it can't.
    fn check_handle(&self, cx: &HandleCheck<'_>, ty: InterfaceType) -> Result<()> {
        let own = matches!(ty, InterfaceType::Own(_));
        match self.state.load(Ordering::Relaxed) {
            GIVEN_AWAY => bail!("{self:?} has been given away"),
            BORROWED if own => bail!("a borrowed {self:?} can't be given away"),
            BORROWED => Ok(()),
            _ => cx.see(Seen::Owner(std::ptr::from_ref(self).addr()), own),
        }
    }

    fn lift(cx: &mut LiftContext<'_>, ty: InterfaceType, handle: u32) -> Result<Self> {
        let lifted = cx.lift_handle(ty, handle)?;
        Ok(match lifted.own {
            true => Resource::new_own(lifted.rep),
            false => Resource::new_borrow(lifted.rep),
        })
    }

    fn lower(&self, cx: &mut LowerContext<'_>, ty: InterfaceType) -> Result<u32> {
        let rep = match ty {
            InterfaceType::Own(_) => self.give_away()?,
            _ if self.state.load(Ordering::Relaxed) == GIVEN_AWAY => {
                bail!("{self:?} has been given away")
            }
            _ => self.rep,
        };
        cx.lower_handle(ty, rep)
    }
}

/// A resource whose type is known at run time only: a guest's, or the host's.
///
/// A plain value that names a handle in a [`Store`](crate::Store). A handle that the host owns
/// is kept until it is given to a guest or dropped by [`ResourceAny::resource_drop`]; one that is
/// borrowed, until the host function returns that it was passed to.
#[derive(Copy, Clone, PartialEq, Eq)]
pub struct ResourceAny {
    store: StoreId,
    key: HostHandleKey,
    ty: AnyType,
    owned: bool,
}

#[derive(Copy, Clone, PartialEq, Eq)]
enum AnyType {
    Host(HostType),
    Guest(ResourceTypeId),
}

impl ResourceAny {
    /// # Errors
    /// If the host has as many handles as it may.
    fn add(store: &StoreOpaque, ty: ResourceTypeId, rep: u32, own: bool) -> Result<ResourceAny> {
        let key = store.resources.handles().add(HostHandle {
            ty,
            rep,
            own,
            lends: 0,
        })?;
        Ok(ResourceAny {
            store: store.id(),
            key,
            ty: match store.resources.as_host(ty) {
                Some(host) => AnyType::Host(host),
                None => AnyType::Guest(ty),
            },
            owned: own,
        })
    }

    /// Its type.
    pub fn ty(&self) -> ResourceType {
        match self.ty {
            AnyType::Host(ty) => ResourceType::host_type(ty),
            AnyType::Guest(id) => ResourceType::guest(self.store, id, None),
        }
    }

    /// Whether the host owns it.
    pub fn owned(&self) -> bool {
        self.owned
    }

    /// A resource of the host's as one whose type is known at run time only.
    ///
    /// # Errors
    /// If it is owned and has been given away.
    pub fn try_from_resource<T: 'static>(
        resource: Resource<T>,
        mut store: impl AsContextMut,
    ) -> Result<ResourceAny> {
        let store = store.as_context_mut().opaque();
        let own = resource.state.load(Ordering::Relaxed) != BORROWED;
        let rep = match own {
            true => resource.give_away()?,
            false => resource.rep,
        };
        let ty = store.resources.host_type(HostType::of::<T>(), None);
        ResourceAny::add(store, ty, rep, own)
    }

    /// A resource of the host's as its Rust type has it.
    ///
    /// # Errors
    /// If it is of another type, of another store, lent to a call, or gone.
    pub fn try_into_resource<T: 'static>(
        self,
        mut store: impl AsContextMut,
    ) -> Result<Resource<T>> {
        let store = store.as_context_mut().opaque();
        let expected = ResourceType::host::<T>();
        if self.ty() != expected {
            bail!(
                "expected a resource of type `{expected}`, found `{}`",
                self.ty()
            );
        }
        let handle = self.take(store)?;
        Ok(match handle.own {
            true => Resource::new_own(handle.rep),
            false => Resource::new_borrow(handle.rep),
        })
    }

    /// Drops the handle and, if the host owns the resource, destroys it: the destructor is called, a
    /// guest's as a call of its own.
    ///
    /// # Errors
    /// If the handle is of another store, lent to a call, or gone. If the destructor fails: a
    /// guest's is then locked.
    pub fn resource_drop(self, mut store: impl AsContextMut) -> Result<()> {
        let store = store.as_context_mut().opaque();
        let handle = self.take(store)?;
        if !handle.own {
            return Ok(());
        }
        super::destructor::destroy(store, handle.ty, handle.rep)
    }

    /// Removes the host's handle, if it has it still, and nothing else.
    pub(super) fn forget(self, store: &StoreOpaque) {
        store.resources.handles().remove(self.key);
    }

    /// Removes the host's handle.
    fn take(self, store: &StoreOpaque) -> Result<HostHandle> {
        store.check(self.store, "resource")?;
        let handles = &mut store.resources.handles();
        match handles.get_mut(self.key) {
            Some(handle) if handle.lends > 0 => bail!("the resource is lent to a call"),
            Some(_) => handles.remove(self.key).context("the resource is gone"),
            None => bail!("the resource has been dropped or given away"),
        }
    }

    fn lift(cx: &mut LiftContext<'_>, ty: InterfaceType, handle: u32) -> Result<ResourceAny> {
        let lifted = cx.lift_handle(ty, handle)?;
        let any = ResourceAny::add(cx.store(), lifted.ty, lifted.rep, lifted.own)?;
        if !any.owned {
            cx.ends_with_call(any.key);
        }
        Ok(any)
    }

    fn lower(&self, cx: &mut LowerContext<'_>, ty: InterfaceType) -> Result<u32> {
        let rep = self.lend_or_take(cx, ty)?;
        cx.lower_handle(ty, rep)
    }

    /// Whether it can be given to a guest as a handle of a type: to keep, or to borrow.
    ///
    /// # Errors
    /// If it can't.
    fn check(&self, store: &StoreOpaque, expected: ResourceTypeId, own: bool) -> Result<()> {
        store.check(self.store, "resource")?;
        let mut handles = store.resources.handles();
        let Some(handle) = handles.get_mut(self.key) else {
            bail!("the resource has been dropped or given away");
        };
        if handle.ty != expected {
            let expected = store.resources.public(store.id(), expected);
            let expected = expected.map_or_else(String::new, |ty| ty.to_string());
            bail!(
                "expected a resource of type `{expected}`, found `{}`",
                self.ty()
            );
        }
        if own && !handle.own {
            bail!("a borrowed resource can't be given away");
        }
        if own && handle.lends > 0 {
            bail!("the resource is lent to a call");
        }
        Ok(())
    }

    fn check_handle(&self, cx: &HandleCheck<'_>, ty: InterfaceType) -> Result<()> {
        let (expected, own) = cx.expected(ty)?;
        self.check(cx.store(), expected, own)?;
        cx.see(Seen::Handle(self.key), own)
    }

    fn lend_or_take(&self, cx: &mut LowerContext<'_>, ty: InterfaceType) -> Result<u32> {
        let expected = cx.resource_type_id(ty)?;
        let own = matches!(ty, InterfaceType::Own(_));
        let store = cx.store();
        self.check(store, expected, own)?;
        let mut handles = store.resources.handles();
        let gone = || anyhow!("the resource has been dropped or given away");
        if own {
            return Ok(handles.remove(self.key).ok_or_else(gone)?.rep);
        }
        let handle = handles.get_mut(self.key).ok_or_else(gone)?;
        handle.lends += 1;
        let rep = handle.rep;
        drop(handles);
        cx.lent_by_host(self.key);
        Ok(rep)
    }
}

impl fmt::Debug for ResourceAny {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceAny")
            .field("ty", &self.ty())
            .field("owned", &self.owned)
            .finish_non_exhaustive()
    }
}

impl ComponentType for ResourceAny {
    const ABI: TypeAbi = TypeAbi::HANDLE;

    fn typecheck(cx: &TypeContext<'_>, ty: InterfaceType) -> Result<(), TypeMismatch> {
        match ty {
            InterfaceType::Own(_) | InterfaceType::Borrow(_) => Ok(()),
            other => Err(TypeMismatch::new(cx, other, "resource")),
        }
    }
}

macro_rules! handles {
    ($([$($param:ident)?] $name:ty),*) => {$(
        impl$(<$param: 'static>)? Lower for $name {
            fn check_handles(&self, cx: &HandleCheck<'_>, ty: InterfaceType) -> Result<()> {
                self.check_handle(cx, ty)
            }

            fn lower_flat(
                &self,
                cx: &mut LowerContext<'_>,
                ty: InterfaceType,
                to: &mut [ValRaw],
            ) -> Result<()> {
                to[0] = val_raw::from_i32(self.lower(cx, ty)? as i32);
                Ok(())
            }

            fn store(
                &self,
                cx: &mut LowerContext<'_>,
                ty: InterfaceType,
                address: usize,
            ) -> Result<()> {
                let handle = self.lower(cx, ty)?;
                handle.store(cx, InterfaceType::U32, address)
            }
        }

        impl$(<$param: 'static>)? Lift for $name {
            fn lift_flat(
                cx: &mut LiftContext<'_>,
                ty: InterfaceType,
                from: &[ValRaw],
            ) -> Result<Self> {
                Self::lift(cx, ty, val_raw::i32(&from[0]) as u32)
            }

            fn load(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[u8]) -> Result<Self> {
                let handle = u32::load(cx, InterfaceType::U32, from)?;
                Self::lift(cx, ty, handle)
            }
        }
    )*};
}

handles!([T] Resource<T>, [] ResourceAny);
