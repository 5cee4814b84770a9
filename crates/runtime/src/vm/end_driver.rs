//! What drives the host's ends of streams and futures, in stores whose data is of one type.

use crate::concurrent::{Driven, OtherGone};
use crate::store::{StoreContextMut, StoreInner, StoreOpaque};
use anyhow::Result;
use std::marker::PhantomData;
use std::task::{Context, Poll};
use threadline_concurrent::EndId;

/// Drives an end in stores whose data is a `T`.
pub(crate) trait DriverOf<T: 'static>: Send + 'static {
    /// A guest waits at the other end: copies what can be copied.
    fn poll(
        &mut self,
        store: StoreContextMut<'_, T>,
        cx: &mut Context<'_>,
        end: EndId,
    ) -> Poll<Result<Driven>>;

    /// There is nobody at the other end any more.
    fn other_gone(self, store: StoreContextMut<'_, T>, how: OtherGone) -> Result<()>;
}

/// A driver in a store, whose data's type isn't told.
pub(crate) struct EndDriver(Box<dyn Erased>);

impl EndDriver {
    /// A driver for the store that this borrows, where it has to stay.
    pub(crate) fn new<T: 'static>(
        _store: &StoreContextMut<'_, T>,
        driver: impl DriverOf<T>,
    ) -> EndDriver {
        EndDriver(Box::new(Typed(driver, PhantomData)))
    }

    /// See [`DriverOf::poll`].
    #[inline]
    pub(crate) fn poll(
        &mut self,
        store: &mut StoreOpaque,
        cx: &mut Context<'_>,
        end: EndId,
    ) -> Poll<Result<Driven>> {
        // SAFETY: drivers are made for a store, are kept there alone, and are polled by it.
        unsafe { self.0.poll(store, cx, end) }
    }

    /// See [`DriverOf::other_gone`].
    pub(crate) fn other_gone(self, store: &mut StoreOpaque, how: OtherGone) -> Result<()> {
        // SAFETY: as in `poll`.
        unsafe { self.0.other_gone(store, how) }
    }
}

struct Typed<T: 'static, D>(D, PhantomData<fn() -> T>);

/// A driver of which the type of the store's data is not known.
trait Erased: Send {
    /// # Safety
    /// The store's data is of the type that the driver was made for.
    unsafe fn poll(
        &mut self,
        store: &mut StoreOpaque,
        cx: &mut Context<'_>,
        end: EndId,
    ) -> Poll<Result<Driven>>;

    /// # Safety
    /// As for `poll`.
    unsafe fn other_gone(self: Box<Self>, store: &mut StoreOpaque, how: OtherGone) -> Result<()>;
}

/// # Safety
/// `store` is that of a `Store<T>`.
unsafe fn typed<T: 'static>(store: &mut StoreOpaque) -> StoreContextMut<'_, T> {
    // SAFETY: a `StoreInner<T>` begins with its opaque part; the borrow of the part stands for one of
    // the whole, as wherever a store is passed on without its type.
    StoreContextMut(unsafe { &mut *std::ptr::from_mut(store).cast::<StoreInner<T>>() })
}

impl<T: 'static, D: DriverOf<T>> Erased for Typed<T, D> {
    unsafe fn poll(
        &mut self,
        store: &mut StoreOpaque,
        cx: &mut Context<'_>,
        end: EndId,
    ) -> Poll<Result<Driven>> {
        // SAFETY: the caller answers for the store.
        self.0.poll(unsafe { typed(store) }, cx, end)
    }

    unsafe fn other_gone(self: Box<Self>, store: &mut StoreOpaque, how: OtherGone) -> Result<()> {
        // SAFETY: as in `poll`.
        self.0.other_gone(unsafe { typed(store) }, how)
    }
}
