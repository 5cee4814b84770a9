//! [`StreamReader`] and [`FutureReader`]: readable ends in the host's hands, of elements that Rust's
//! types stand for. What reads and writes for the host is in [`super::stream_io`].

use super::end_any::{FutureAny, HostEnd, StreamAny, end_type};
use super::stream_io::{Consuming, Producing, StreamConsumer, StreamProducer};
use super::stream_io::{FutureConsuming, FutureProducing};
use super::{ComponentType, Lift, LiftContext, Lower, LowerContext, TypeAbi, TypeContext};
use crate::canonical_abi::{HandleCheck, TypeMismatch};
use crate::concurrent::{ElementType, RustElements};
use crate::store::{AsContext, AsContextMut, StoreContextMut, StoreOpaque};
use crate::vm::{DriverOf, EndDriver};
use anyhow::{Context as _, Result};
use std::fmt;
use std::marker::PhantomData;
use threadline_concurrent::TransferKind;
use threadline_environ::component::{EndType, InterfaceType};
use threadline_environ::layout::ValRaw;

/// The readable end of a `stream<T>` (of a `stream`, if `T` is `()`) that the host has.
///
/// It names something in a [`Store`](crate::Store), where it is kept until it is given to a guest (as a
/// parameter or result), [piped](StreamReader::pipe) or [closed](StreamReader::close). Dropping it does
/// nothing: then the guest that writes waits until the store is dropped.
pub struct StreamReader<T> {
    end: HostEnd,
    ty: PhantomData<fn() -> T>,
}

/// The readable end of a `future<T>` (of a `future`, if `T` is `()`) that the host has.
///
/// It names something in a [`Store`](crate::Store), as a [`StreamReader`] does.
pub struct FutureReader<T> {
    end: HostEnd,
    ty: PhantomData<fn() -> T>,
}

/// Makes both ends of something, and has a driver write.
fn produced<D: 'static, T: Lower + Send + 'static>(
    store: StoreContextMut<'_, D>,
    kind: TransferKind,
    driver: impl DriverOf<D>,
) -> Result<HostEnd> {
    let ty = ElementType::of_host(T::typecheck_payload);
    let driver = EndDriver::new(&store, driver);
    let store = store.opaque();
    Ok(HostEnd {
        id: store.new_host_transfer(kind, ty, driver, RustElements::of::<T>())?,
        store: store.id(),
    })
}

impl<T: Lower + Send + 'static> StreamReader<T> {
    /// A new stream, whose elements come from a producer.
    ///
    /// # Errors
    /// Only if this crate is wrong.
    pub fn new<D: 'static>(
        mut store: impl AsContextMut<Data = D>,
        producer: impl StreamProducer<D, Item = T>,
    ) -> Result<StreamReader<T>> {
        let driver = Producing::new(producer);
        let end = produced::<D, T>(store.as_context_mut(), TransferKind::Stream, driver)?;
        Ok(StreamReader::of(end))
    }
}

impl<T: Lift + Send + 'static> StreamReader<T> {
    /// Has a consumer read: it is asked when a guest writes, from now on.
    ///
    /// If the host writes itself, by a producer, elements go from that to the consumer by way of a queue of
    /// a bounded length, as they are: they aren't lowered and lifted. Both are asked in turns, now and then
    /// by whatever turns the store ([`Store::run_concurrent`](crate::Store::run_concurrent), a call). If one
    /// of them fails then, that is the error of whoever turns the store, and the other one is
    /// [told](StreamConsumer::closed).
    ///
    /// # Errors
    /// If the end belongs to another store, has been given away or is gone; if the host writes elements of
    /// another of Rust's types; if the consumer (or producer) fails, when it is asked at once because a
    /// guest (or the host) is writing.
    pub fn pipe<D: 'static>(
        self,
        mut store: impl AsContextMut<Data = D>,
        consumer: impl StreamConsumer<D, Item = T>,
    ) -> Result<()> {
        let store = store.as_context_mut();
        let driver = EndDriver::new(&store, Consuming::new(consumer));
        self.end.drive::<T>(store.opaque(), driver)
    }
}

impl<T: Lower + Send + 'static> FutureReader<T> {
    /// A new future, whose value a future of Rust's gives, which is polled when a guest reads. It may use
    /// the store by an [`Accessor`](super::Accessor). If it fails, so does the guest, as if it had trapped.
    ///
    /// # Errors
    /// Only if this crate is wrong.
    pub fn new<D: 'static>(
        mut store: impl AsContextMut<Data = D>,
        value: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<FutureReader<T>> {
        let driver = FutureProducing::new(value);
        let end = produced::<D, T>(store.as_context_mut(), TransferKind::Future, driver)?;
        Ok(FutureReader::of(end))
    }
}

impl<T: Lift + Send + 'static> FutureReader<T> {
    /// Has the value given to a function when a guest writes it, or the host itself; `None` if the guest
    /// that could have written it trapped, or the host's future failed.
    ///
    /// # Errors
    /// As [`StreamReader::pipe`].
    pub fn pipe<D: 'static>(
        self,
        mut store: impl AsContextMut<Data = D>,
        consumer: impl FnOnce(StoreContextMut<'_, D>, Option<T>) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let store = store.as_context_mut();
        let driver = EndDriver::new(&store, FutureConsuming::new(consumer));
        self.end.drive::<T>(store.opaque(), driver)
    }
}

impl HostEnd {
    fn drive<T: Send + 'static>(self, store: &mut StoreOpaque, driver: EndDriver) -> Result<()> {
        store.check(self.store, "stream or future")?;
        store.drive_readable(self.id, driver, RustElements::of::<T>())
    }

    /// Whether a Rust type stands for its elements.
    fn check_elements<T: ComponentType>(self, store: &StoreOpaque) -> Result<()> {
        store.check(self.store, "stream or future")?;
        let payload = store.concurrency.scheduler.end_type(self.id);
        let (_, payload) = payload.ok_or_else(crate::concurrent::end_gone)?;
        let Some((instance, ty)) = payload.ty else {
            anyhow::bail!("the host has made it, and knows its type");
        };
        let types = &instance.description().types;
        let resources = |index| instance.public_resource(store, index);
        let cx = TypeContext::new(types).with_resources(&resources);
        T::typecheck_payload(&cx, ty.payload(types)).context("the elements are of another type")
    }
}

macro_rules! readers {
    ($($name:ident, $any:ident, $kind:ident, $what:literal;)*) => {$(
        impl<T> $name<T> {
            pub(super) fn of(end: HostEnd) -> $name<T> {
                $name { end, ty: PhantomData }
            }

            /// Drops the readable end, which whoever writes is told.
            ///
            /// # Errors
            /// If it belongs to another store, has been given away or is gone.
            pub fn close(self, store: impl AsContextMut) -> Result<()> {
                self.into_any().close(store)
            }

            /// The same without its type.
            pub fn into_any(self) -> $any {
                $any(self.end)
            }

            /// An end whose type wasn't known, as one whose elements `T` stands for.
            ///
            /// # Errors
            /// If it belongs to another store or is gone, or if `T` doesn't stand for its elements.
            pub fn try_from_any(any: $any, store: impl AsContext) -> Result<$name<T>>
            where
                T: ComponentType,
            {
                any.0.check_elements::<T>(store.as_context().opaque())?;
                Ok($name::of(any.0))
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }

        impl<T: ComponentType> ComponentType for $name<T> {
            const ABI: TypeAbi = TypeAbi::HANDLE;

            fn typecheck(cx: &TypeContext<'_>, ty: InterfaceType) -> Result<(), TypeMismatch> {
                match end_type(ty) {
                    Some(end @ EndType::$kind(_)) => T::typecheck_payload(cx, end.payload(cx.types()))
                        .map_err(|error| error.of_parts(concat!("`", $what, "` elements"))),
                    _ => Err(TypeMismatch::new(cx, ty, $what)),
                }
            }
        }

        impl<T: ComponentType> Lower for $name<T> {
            fn check_handles(&self, cx: &HandleCheck<'_>, ty: InterfaceType) -> Result<()> {
                $any(self.end).check_handles(cx, ty)
            }

            fn lower_flat(
                &self,
                cx: &mut LowerContext<'_>,
                ty: InterfaceType,
                to: &mut [ValRaw],
            ) -> Result<()> {
                $any(self.end).lower_flat(cx, ty, to)
            }

            fn store(
                &self,
                cx: &mut LowerContext<'_>,
                ty: InterfaceType,
                address: usize,
            ) -> Result<()> {
                $any(self.end).store(cx, ty, address)
            }
        }

        impl<T: ComponentType> Lift for $name<T> {
            fn lift_flat(
                cx: &mut LiftContext<'_>,
                ty: InterfaceType,
                from: &[ValRaw],
            ) -> Result<Self> {
                Ok($name::of($any::lift_flat(cx, ty, from)?.0))
            }

            fn load(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[u8]) -> Result<Self> {
                Ok($name::of($any::load(cx, ty, from)?.0))
            }
        }
    )*};
}

readers! {
    StreamReader, StreamAny, Stream, "stream";
    FutureReader, FutureAny, Future, "future";
}
