//! [`StreamAny`] and [`FutureAny`]: readable ends in the host's hands whose types are known at run
//! time only.

use super::same_type::is_same_type;
use super::{ComponentType, Lift, LiftContext, Lower, LowerContext, TypeAbi, TypeContext};
use crate::canonical_abi::{HandleCheck, Seen, TypeMismatch};
use crate::concurrent::{end_gone, interface_type};
use crate::store::{AsContextMut, StoreId, StoreOpaque};
use crate::vm::{ComponentInstancePtr, val_raw};
use anyhow::{Result, bail};
use threadline_concurrent::EndId;
use threadline_environ::component::{EndType, InterfaceType};
use threadline_environ::layout::ValRaw;

/// A readable end that the host has: which it is in its store.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct HostEnd {
    pub(super) store: StoreId,
    pub(super) id: EndId,
}

impl HostEnd {
    fn lift(cx: &mut LiftContext<'_>, ty: InterfaceType, index: u32) -> Result<HostEnd> {
        Ok(HostEnd {
            id: cx.lift_end(ty, index)?,
            store: cx.store().id(),
        })
    }

    fn lower(self, cx: &mut LowerContext<'_>, ty: InterfaceType) -> Result<u32> {
        self.check(cx.store(), cx.instance(), ty)?;
        cx.lower_end(ty, self.id)
    }

    /// Whether it can be given to a guest as a value of a type.
    ///
    /// # Errors
    /// If it can't.
    pub(super) fn check(
        self,
        store: &StoreOpaque,
        instance: ComponentInstancePtr,
        ty: InterfaceType,
    ) -> Result<()> {
        store.check(self.store, "stream or future")?;
        let payload = store.concurrency.scheduler.end_type(self.id);
        let (_, payload) = payload.ok_or_else(end_gone)?;
        let same = match (payload.ty, payload.check) {
            (Some((of, found)), _) => {
                let found = interface_type(found);
                (of, found) == (instance, ty) || is_same_type(store, (instance, ty), (of, found))
            }
            (None, Some(check)) => {
                let types = &instance.description().types;
                let resources = |index| instance.public_resource(store, index);
                let cx = TypeContext::new(types).with_resources(&resources);
                end_type(ty).is_some_and(|end| check(&cx, end.payload(types)).is_ok())
            }
            (None, None) => false,
        };
        if !same {
            let expected = super::describe_type(&instance.description().types, ty);
            bail!("expected a value of type `{expected}`, found one with other elements");
        }
        Ok(())
    }

    /// `{stream,future}.drop-readable`.
    fn close(self, store: &mut StoreOpaque) -> Result<()> {
        store.check(self.store, "stream or future")?;
        store.settle_lifted();
        match store.concurrency.scheduler.end_state(self.id) {
            Some((_, _, None)) => store.drop_host_end(self.id),
            _ => Err(end_gone()),
        }
    }
}

/// The ends' type, of a type of values that are ends.
pub(crate) fn end_type(ty: InterfaceType) -> Option<EndType> {
    match ty {
        InterfaceType::Stream(index) => Some(EndType::Stream(index)),
        InterfaceType::Future(index) => Some(EndType::Future(index)),
        _ => None,
    }
}

macro_rules! ends {
    ($($(#[$doc:meta])* $name:ident, $kind:ident, $what:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Copy, Clone, Debug, PartialEq, Eq)]
        pub struct $name(pub(super) HostEnd);

        impl $name {
            /// Drops the readable end, which whoever writes is told.
            ///
            /// # Errors
            /// If it belongs to another store, has been given away or is gone.
            pub fn close(self, mut store: impl AsContextMut) -> Result<()> {
                self.0.close(store.as_context_mut().opaque())
            }

            /// Drops it as part of something that has failed.
            pub(super) fn abandon(self, store: &mut StoreOpaque) {
                // It may have been given away before the failure.
                let _ = self.0.close(store);
            }
        }

        impl ComponentType for $name {
            const ABI: TypeAbi = TypeAbi::HANDLE;

            fn typecheck(cx: &TypeContext<'_>, ty: InterfaceType) -> Result<(), TypeMismatch> {
                match ty {
                    InterfaceType::$kind(_) => Ok(()),
                    other => Err(TypeMismatch::new(cx, other, $what)),
                }
            }
        }

        impl Lower for $name {
            fn check_handles(&self, cx: &HandleCheck<'_>, ty: InterfaceType) -> Result<()> {
                self.0.check(cx.store(), cx.instance(), ty)?;
                cx.see(Seen::End(self.0.id), true)
            }

            fn lower_flat(
                &self,
                cx: &mut LowerContext<'_>,
                ty: InterfaceType,
                to: &mut [ValRaw],
            ) -> Result<()> {
                to[0] = val_raw::from_i32(self.0.lower(cx, ty)? as i32);
                Ok(())
            }

            fn store(
                &self,
                cx: &mut LowerContext<'_>,
                ty: InterfaceType,
                address: usize,
            ) -> Result<()> {
                let index = self.0.lower(cx, ty)?;
                index.store(cx, InterfaceType::U32, address)
            }
        }

        impl Lift for $name {
            fn lift_flat(
                cx: &mut LiftContext<'_>,
                ty: InterfaceType,
                from: &[ValRaw],
            ) -> Result<Self> {
                Ok($name(HostEnd::lift(cx, ty, val_raw::i32(&from[0]) as u32)?))
            }

            fn load(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[u8]) -> Result<Self> {
                let index = u32::load(cx, InterfaceType::U32, from)?;
                Ok($name(HostEnd::lift(cx, ty, index)?))
            }
        }
    )*};
}

ends! {
    /// The readable end of a `stream<T>`, whose type is known at run time only.
    ///
    /// A plain value that names something in a [`Store`](crate::Store), where it is kept until it is
    /// given to a guest or closed.
    StreamAny, Stream, "stream";

    /// The readable end of a `future<T>`, whose type is known at run time only.
    ///
    /// A plain value that names something in a [`Store`](crate::Store), where it is kept until it is
    /// given to a guest or closed.
    FutureAny, Future, "future";
}
