//! [`Store`]: the home of instances and everything they refer to.
//!
//! [`StoreOpaque`] is the part that doesn't depend on the embedder's data; [`StoreInner`] adds
//! the data. `context` has the borrowed forms of a store that functions take, and
//! `concurrency` the schedule and who is told of it.

mod concurrency;
mod context;
mod limits;
mod metering;
mod opaque;
mod resources;

pub use context::{AsContext, AsContextMut, StoreContext, StoreContextMut};
pub use limits::{ResourceLimiter, StoreLimits, StoreLimitsBuilder};
pub use metering::UpdateDeadline;
pub(crate) use metering::{DeadlineCallback, OnDeadline};
pub(crate) use opaque::StoreId;
pub use opaque::StoreOpaque;
pub(crate) use resources::{HostHandle, HostHandleKey, StoreResourceType};

use crate::Engine;
use crate::vm::Limiter;
use std::any::TypeId;

/// Owns instances, and the embedder's data `T` that host functions can get at.
///
/// Nothing in a store is freed before the store is dropped, which runs no guest code. Handles
/// such as [`Instance`](crate::Instance) and [`Func`](crate::Func) are plain values that name
/// something in a store; used with another store they panic, or fail where there is an error to
/// return.
pub struct Store<T: 'static> {
    inner: Box<StoreInner<T>>,
}

/// What a [`Store`] owns. Its address is that of `opaque`, so host functions get from one to the
/// other.
#[repr(C)]
pub(crate) struct StoreInner<T: 'static> {
    pub(crate) opaque: StoreOpaque,
    pub(crate) data: T,
}

impl<T: 'static> Store<T> {
    /// A store without instances.
    pub fn new(engine: &Engine, data: T) -> Store<T> {
        Store {
            inner: Box::new(StoreInner {
                opaque: StoreOpaque::new(engine, TypeId::of::<T>()),
                data,
            }),
        }
    }

    /// The embedder's data.
    pub fn data(&self) -> &T {
        &self.inner.data
    }

    /// The embedder's data, to be changed.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.inner.data
    }

    /// Drops everything but the embedder's data.
    pub fn into_data(mut self) -> T {
        // Before the store is moved: what is dropped may use it where it is.
        self.inner.opaque.drop_host_work();
        let StoreInner { opaque, data } = *self.inner;
        drop(opaque);
        data
    }

    /// Sets who decides what guests of this store may take. `limiter` finds it in the embedder's
    /// data, whenever there is something to decide.
    ///
    /// What the store has already is not asked about.
    pub fn limiter(
        &mut self,
        limiter: impl (FnMut(&mut T) -> &mut dyn ResourceLimiter) + Send + Sync + 'static,
    ) {
        self.inner.opaque.set_limiter(Limiter::new(limiter));
    }

    pub(crate) fn opaque(&self) -> &StoreOpaque {
        &self.inner.opaque
    }

    pub(crate) fn opaque_mut(&mut self) -> &mut StoreOpaque {
        &mut self.inner.opaque
    }

    /// The engine it was made with.
    pub fn engine(&self) -> &Engine {
        self.inner.opaque.engine()
    }
}

impl<T: 'static> AsContext for Store<T> {
    type Data = T;

    fn as_context(&self) -> StoreContext<'_, T> {
        StoreContext(&self.inner)
    }
}

impl<T: 'static> AsContextMut for Store<T> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        StoreContextMut(&mut self.inner)
    }
}

impl<T: Default + 'static> Default for Store<T> {
    /// A store of an engine of its own with the default options.
    ///
    /// # Panics
    /// If the host isn't one we generate code for.
    fn default() -> Store<T> {
        Store::new(&Engine::default(), T::default())
    }
}

impl<T: std::fmt::Debug + 'static> std::fmt::Debug for Store<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("data", &self.inner.data)
            .finish_non_exhaustive()
    }
}
