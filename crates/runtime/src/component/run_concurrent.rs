//! `Store::run_concurrent`, and the calls that are made in it: several at once.

use super::accessor::Accessor;
use super::func::{Func, LiftedFunc};
use super::task_caller::TaskCaller;
use super::{ComponentNamedList, HasData, Lift, Lower, TypedFunc, Val};
use crate::canonical_abi::{LiftContext, LowerContext, lift_from, lower_to};
use crate::concurrent::{HostCallId, Mail};
use crate::store::{AsContextMut, Store, StoreContextMut, StoreId, StoreOpaque};
use crate::vm::with_lent;
use anyhow::Result;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use threadline_environ::canonical_abi::MAX_FLAT_PARAMS;
use threadline_environ::layout::ValRaw;

impl<T: 'static> Store<T> {
    /// Runs a future that shares the store with its guests: whenever it waits, guests and host functions go
    /// on. It gets at the store by its [`Accessor`].
    ///
    /// What it gives is the result. What was begun and has not ended stays in the store, and goes on when
    /// that is next turned.
    ///
    /// Dropping the future drops the one that runs, and what waits for the host with everything in the
    /// store ends as by a trap.
    ///
    /// # Errors
    /// If a task of a guest or a host function fails, and no call waits for it that could say so.
    ///
    /// # Panics
    /// If a host function that a guest called panics, with its payload.
    ///
    /// ```
    /// # use threadline::component::{Component, Linker};
    /// # use threadline::{Engine, Store};
    /// # async fn run(mut store: Store<()>, linker: Linker<()>, component: Component) -> anyhow::Result<()> {
    /// let instance = linker.instantiate_async(&mut store, &component).await?;
    /// let get = instance.get_typed_func::<(String,), (u32,)>(&mut store, "get")?;
    /// let (first, second) = store
    ///     .run_concurrent(|accessor| async move {
    ///         let first = get.call_concurrent(accessor, ("a".into(),));
    ///         let second = get.call_concurrent(accessor, ("b".into(),));
    ///         // Both go on at once.
    ///         anyhow::Ok((first.await?, second.await?))
    ///     })
    ///     .await??;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn run_concurrent<F, Fut>(&mut self, run: F) -> Result<Fut::Output>
    where
        T: Send,
        F: FnOnce(&'static Accessor<T>) -> Fut,
        Fut: Future,
    {
        self.as_context_mut().run_concurrent(run).await
    }
}

impl<T: 'static> StoreContextMut<'_, T> {
    /// See [`Store::run_concurrent`].
    ///
    /// # Errors
    /// As there.
    pub async fn run_concurrent<F, Fut>(self, run: F) -> Result<Fut::Output>
    where
        T: Send,
        F: FnOnce(&'static Accessor<T>) -> Fut,
        Fut: Future,
    {
        self.opaque().run_with(|| run(Accessor::OF_STORE)).await
    }
}

impl Func {
    /// Calls the function while other things go on in the store; see
    /// [`TypedFunc::call_concurrent`]. The future gives the results.
    ///
    /// # Panics
    /// As [`Accessor::with`].
    pub fn call_concurrent<T: 'static, D: HasData + ?Sized>(
        &self,
        accessor: &Accessor<T, D>,
        params: Vec<Val>,
    ) -> ConcurrentCall<Vec<Val>> {
        accessor.with(|mut access| {
            let store = access.as_context_mut().opaque();
            self.begin_concurrent(store, params)
        })
    }

    /// The same with the store at hand.
    pub(super) fn begin_concurrent(
        &self,
        store: &mut StoreOpaque,
        params: Vec<Val>,
    ) -> ConcurrentCall<Vec<Val>> {
        begin(self, store, |store, func| {
            let no_result = Val::Bool(false);
            let results = vec![no_result; usize::from(func.func_type().result.is_some())];
            func.check_vals(store, &params, &results)?;
            let lower = move |cx: &mut LowerContext<'_>, slots: &mut [ValRaw]| {
                func.lower_params(cx, &params, slots)
            };
            let lift = move |cx: &mut LiftContext<'_>, slots: &[ValRaw]| {
                let mut results = results;
                func.lift_results(cx, slots, &mut results)?;
                Ok(results)
            };
            Ok((lower, lift))
        })
    }
}

impl<Params, Return> TypedFunc<Params, Return>
where
    Params: ComponentNamedList + Lower + Send + 'static,
    Return: ComponentNamedList + Lift + Send + 'static,
{
    /// Calls the function while other things go on in the store, such as further calls. The guest begins
    /// when the store is next turned, and goes on whether or not the future is polled.
    ///
    /// Dropping the future, or its [`canceller`](ConcurrentCall::canceller), asks the guest to cancel the
    /// call. Other errors than those of [`TypedFunc::call_async`] are: [`Cancelled`](super::Cancelled) if
    /// the guest has cancelled the call.
    ///
    /// # Panics
    /// As [`Accessor::with`].
    pub fn call_concurrent<T: 'static, D: HasData + ?Sized>(
        &self,
        accessor: &Accessor<T, D>,
        params: Params,
    ) -> ConcurrentCall<Return> {
        accessor.with(|mut access| {
            begin(self.func(), access.as_context_mut().opaque(), |_, func| {
                let shape = func.shape;
                let max_flat_results = func.as_task().max_flat_results();
                let lower = move |cx: &mut LowerContext<'_>, slots: &mut [ValRaw]| {
                    lower_to(&params, cx, shape.params, MAX_FLAT_PARAMS, slots, None)
                };
                let lift = move |cx: &mut LiftContext<'_>, slots: &[ValRaw]| {
                    lift_from(cx, shape.results, max_flat_results, slots)
                };
                Ok((lower, lift))
            })
        })
    }
}

/// Queues a call; `prepare` makes what lowers the parameters and lifts the result.
fn begin<R, L, F>(
    func: &Func,
    store: &mut StoreOpaque,
    prepare: impl FnOnce(&StoreOpaque, &'static LiftedFunc) -> Result<(L, F)>,
) -> ConcurrentCall<R>
where
    R: Send + 'static,
    L: FnOnce(&mut LowerContext<'_>, &mut [ValRaw]) -> Result<()> + Send + 'static,
    F: FnOnce(&mut LiftContext<'_>, &[ValRaw]) -> Result<R> + Send + 'static,
{
    let prepared = func.get(store).map_err(anyhow::Error::from);
    let prepared = prepared.and_then(|func| Ok((func, prepare(store, func)?)));
    let (func, (lower, lift)) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return ConcurrentCall(State::Failed(Some(error))),
    };
    let result = Arc::new(Mutex::new(None));
    let to = result.clone();
    let lift = move |cx: &mut LiftContext<'_>, slots: &[ValRaw]| {
        let lifted = lift(cx, slots)?;
        *to.lock().unwrap_or_else(PoisonError::into_inner) = Some(lifted);
        Ok(())
    };
    let caller = TaskCaller::new(func, lower, lift);
    let id = store.queue_call(func.as_task(), Box::new(caller));
    ConcurrentCall(State::Waiting(Waiting {
        result,
        canceller: CallCanceller {
            id,
            mail: store.concurrency.host_tasks.mail().clone(),
        },
        store: store.id(),
    }))
}

/// A call that goes on together with others: see [`TypedFunc::call_concurrent`]. To be polled by futures
/// that the store polls.
#[must_use = "dropping it asks the guest to cancel the call"]
pub struct ConcurrentCall<R>(State<R>);

enum State<R> {
    /// It was never begun.
    Failed(Option<anyhow::Error>),
    Waiting(Waiting<R>),
    Over,
}

struct Waiting<R> {
    result: Arc<Mutex<Option<R>>>,
    canceller: CallCanceller,
    store: StoreId,
}

impl<R> ConcurrentCall<R> {
    /// What asks the guest to cancel the call, while its result is waited for.
    pub fn canceller(&self) -> Option<CallCanceller> {
        match &self.0 {
            State::Waiting(waiting) => Some(waiting.canceller.clone()),
            State::Failed(_) | State::Over => None,
        }
    }
}

/// # Panics
/// If it is polled by something that its store doesn't poll, or after it was ready.
impl<R> Future for ConcurrentCall<R> {
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<R>> {
        let waiting = match &mut self.0 {
            State::Failed(error) => match error.take() {
                Some(error) => return Poll::Ready(Err(error)),
                None => panic!("a call is polled that is over"),
            },
            State::Over => panic!("a call is polled that is over"),
            State::Waiting(waiting) => waiting,
        };
        let poll = with_lent(|store| {
            store.assert_owns(waiting.store, "call");
            store.poll_call(waiting.canceller.id, cx)
        });
        let called = match poll {
            Some(Poll::Ready(called)) => called,
            Some(Poll::Pending) => return Poll::Pending,
            None => panic!("a call is polled by something that its store doesn't poll"),
        };
        let result = waiting.result.clone();
        self.0 = State::Over;
        let result = result.lock().unwrap_or_else(PoisonError::into_inner).take();
        Poll::Ready(called.and_then(|()| {
            result.ok_or_else(|| crate::bug::bug!("a call returned without a result").into())
        }))
    }
}

impl<R> Drop for ConcurrentCall<R> {
    fn drop(&mut self) {
        if let State::Waiting(Waiting { canceller, .. }) = &self.0 {
            canceller.mail.drop_call(canceller.id);
        }
    }
}

impl<R> fmt::Debug for ConcurrentCall<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrentCall").finish_non_exhaustive()
    }
}

/// Asks a guest to cancel a call; from anywhere, at any time. The call's future is ready when the guest
/// has returned or cancelled the call.
#[derive(Clone)]
pub struct CallCanceller {
    id: HostCallId,
    mail: Arc<Mail>,
}

impl CallCanceller {
    /// Asks for it, when the store is next turned. A call that has returned or was asked before isn't
    /// affected.
    pub fn cancel(&self) {
        self.mail.cancel_call(self.id);
    }
}

impl fmt::Debug for CallCanceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallCanceller").finish_non_exhaustive()
    }
}
