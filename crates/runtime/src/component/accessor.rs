//! [`Accessor`]: how futures that share a store with its guests get at it.

use super::{HasData, HasSelf};
use crate::concurrent::{HostTaskId, Mail};
use crate::store::{AsContext, AsContextMut, StoreContext, StoreContextMut, StoreId};
use crate::vm::{with_lent, with_lent_store};
use anyhow::Result;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Gives futures that a store polls the store, from time to time: those of
/// [`Store::run_concurrent`](crate::Store::run_concurrent), of host functions defined by
/// [`func_wrap_concurrent`](super::LinkerInstance::func_wrap_concurrent), and those that are
/// [spawned](Accessor::spawn).
///
/// It holds nothing, and can be copied and kept over `.await`: between two uses of the store, guests and
/// other futures use it. It works only while such a future is polled, and then gives the store
/// that polls it; not while one is dropped.
///
/// `D` says what of the store's data [`Access::get`] gives: all of it, if nothing else is said.
pub struct Accessor<T: 'static, D: HasData + ?Sized = HasSelf<T>> {
    get: fn(&mut T) -> D::Data<'_>,
}

impl<T: 'static> Accessor<T> {
    /// What the store's futures get.
    pub(super) const OF_STORE: &'static Accessor<T> = &Accessor { get: |data| data };
}

impl<T: 'static, D: HasData + ?Sized> Accessor<T, D> {
    /// Uses the store.
    ///
    /// # Panics
    /// If it isn't called by a future that a store with such data polls, or is called within itself.
    pub fn with<R>(&self, body: impl FnOnce(Access<'_, T, D>) -> R) -> R {
        with_lent_store(|store| {
            body(Access {
                store,
                get: self.get,
            })
        })
    }

    /// The same, with something else of the store's data.
    pub fn with_getter<E: HasData + ?Sized>(
        &self,
        get: fn(&mut T) -> E::Data<'_>,
    ) -> Accessor<T, E> {
        Accessor { get }
    }

    /// Has the store poll a future of its own, beside everything else that it does, until that is ready or
    /// [aborted](JoinHandle::abort). An error that it gives is the error of whoever turns the store then.
    ///
    /// # Panics
    /// As [`Accessor::with`].
    pub fn spawn(&self, future: impl Future<Output = Result<()>> + Send + 'static) -> JoinHandle {
        self.with(|mut access| {
            let store = access.as_context_mut().opaque();
            let tasks = &mut store.concurrency.host_tasks;
            let id = tasks.spawn(Box::pin(async move { future.await.map(|()| 0) }));
            let mail = tasks.mail().clone();
            JoinHandle {
                store: store.id(),
                id,
                mail,
            }
        })
    }

    /// Waits until the guest that has called the host function by whose future this is polled asks to
    /// cancel the call (`subtask.cancel`).
    ///
    /// Without this, the function's future is dropped then, and the call is cancelled. Once this has been
    /// polled, it is for the function to end: with a result, which the guest then gets all the same, or
    /// with the error [`Cancelled`], which says that the call was cancelled.
    pub fn cancelled(&self) -> CancelRequested {
        CancelRequested { task: None }
    }
}

impl<T: 'static, D: HasData + ?Sized> Clone for Accessor<T, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: 'static, D: HasData + ?Sized> Copy for Accessor<T, D> {}

impl<T: 'static, D: HasData + ?Sized> fmt::Debug for Accessor<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accessor").finish_non_exhaustive()
    }
}

/// The store, as [`Accessor::with`] gives it.
pub struct Access<'a, T: 'static, D: HasData + ?Sized = HasSelf<T>> {
    store: StoreContextMut<'a, T>,
    get: fn(&mut T) -> D::Data<'_>,
}

impl<T: 'static, D: HasData + ?Sized> Access<'_, T, D> {
    /// The store's data.
    pub fn data_mut(&mut self) -> &mut T {
        self.store.data_mut()
    }

    /// What there is for the accessor of the store's data.
    pub fn get(&mut self) -> D::Data<'_> {
        (self.get)(self.store.data_mut())
    }
}

impl<T: 'static, D: HasData + ?Sized> AsContext for Access<'_, T, D> {
    type Data = T;

    fn as_context(&self) -> StoreContext<'_, T> {
        self.store.as_context()
    }
}

impl<T: 'static, D: HasData + ?Sized> AsContextMut for Access<'_, T, D> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        self.store.as_context_mut()
    }
}

impl<T: 'static, D: HasData + ?Sized> fmt::Debug for Access<'_, T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").finish_non_exhaustive()
    }
}

/// The error of a call that was cancelled before it has returned.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the call was cancelled")
    }
}

impl std::error::Error for Cancelled {}

/// The future of [`Accessor::cancelled`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct CancelRequested {
    task: Option<HostTaskId>,
}

impl Future for CancelRequested {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let cancelled = with_lent(|store| {
            let tasks = &mut store.concurrency.host_tasks;
            if self.task.is_none() {
                self.task = tasks.current();
            }
            match self.task {
                Some(task) => tasks.poll_cancelled(task, cx.waker()),
                None => false,
            }
        });
        match cancelled {
            Some(true) => Poll::Ready(()),
            Some(false) => Poll::Pending,
            None => panic!("a host function's future is polled by somebody else than its store"),
        }
    }
}

/// A future that was [spawned](Accessor::spawn); ready when that has ended, to be polled by futures of
/// the same store. Dropping this changes nothing.
#[derive(Clone)]
pub struct JoinHandle {
    store: StoreId,
    id: HostTaskId,
    mail: Arc<Mail>,
}

impl JoinHandle {
    /// Drops the spawned future, when the store is next turned, unless it has ended by then.
    pub fn abort(&self) {
        self.mail.abort(self.id);
    }
}

impl Future for JoinHandle {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let alive = with_lent(|store| {
            store.assert_owns(self.store, "spawned future");
            let tasks = &mut store.concurrency.host_tasks;
            let alive = tasks.is_alive(self.id);
            if alive {
                tasks.on_end(self.id, cx.waker());
            }
            alive
        });
        match alive {
            Some(true) => Poll::Pending,
            Some(false) => Poll::Ready(()),
            None => panic!("a spawned future is waited for by somebody else than its store"),
        }
    }
}

impl fmt::Debug for JoinHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").finish_non_exhaustive()
    }
}
