//! The host's functions, and what they do.

use super::ends::use_ends;
use super::{Kind, Provoked, provoked, told};
use crate::limits;
use crate::moves::Moves;
use anyhow::{Result, anyhow};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use threadline::component::{Accessor, Func, Instance, Linker, Val};
use threadline::{AsContextMut, Store, StoreContextMut, StoreLimits};

/// Calls of the host within calls of the host, at most.
const DEPTH: u32 = 14;

/// What is in a store.
pub(crate) struct World {
    pub(crate) moves: Moves,
    pub(crate) instances: Vec<Instance>,
    /// Which guests it makes instances of.
    pub(crate) guests: usize,
    /// Whether host functions do more than to answer.
    pub(crate) is_wild: bool,
    /// A store that host functions can use.
    pub(crate) other: Option<Box<Store<World>>>,
    pub(crate) depth: u32,
    pub(crate) limits: StoreLimits,
}

impl World {
    pub(crate) fn new(moves: Moves, is_wild: bool, guests: usize) -> World {
        World {
            moves,
            instances: Vec::new(),
            guests,
            is_wild,
            other: None,
            depth: 0,
            limits: limits(),
        }
    }

    /// What a host function is to do beside its answer: nothing, most often.
    fn whim(&mut self) -> Option<u8> {
        let is_willing = self.is_wild && self.depth < DEPTH && !self.moves.is_empty();
        (is_willing && self.moves.below(4) == 0).then(|| self.moves.byte())
    }
}

type Numbers = (u32, u32, u32, u32);

/// Defines `next` as a host function of some kind.
pub(crate) fn function(linker: &mut Linker<World>, kind: Kind) -> Result<()> {
    let mut root = linker.root();
    match kind {
        Kind::Plain => root.func_wrap("next", plain),
        Kind::Waits => root.func_wrap_async("next", waits),
        Kind::Beside => root.func_wrap_concurrent("next", beside),
    }
}

fn plain(mut store: StoreContextMut<'_, World>, (thread, a, b, c): Numbers) -> Result<(u64,)> {
    if let Some(kind) = store.data_mut().whim() {
        fail(kind)?;
        act(&mut store, kind);
    }
    Ok((store.data_mut().moves.next(thread, [a, b, c]),))
}

fn waits(
    mut store: StoreContextMut<'_, World>,
    (thread, a, b, c): Numbers,
) -> Box<dyn Future<Output = Result<(u64,)>> + Send + '_> {
    Box::new(async move {
        if let Some(kind) = store.data_mut().whim() {
            fail(kind)?;
            pending(kind % 5).await;
            match kind % 3 {
                0 => act(&mut store, kind / 3),
                1 => told(call(store.as_context_mut()).await),
                _ => beside_each_other(store.as_context_mut()).await,
            }
            pending(kind % 2).await;
            fail(kind / 2)?;
        }
        Ok((store.data_mut().moves.next(thread, [a, b, c]),))
    })
}

async fn beside(accessor: &'static Accessor<World>, (thread, a, b, c): Numbers) -> Result<(u64,)> {
    let whim = accessor.with(|mut access| access.data_mut().whim());
    if let Some(kind) = whim {
        fail(kind)?;
        pending(kind % 4).await;
        match kind % 5 {
            0 => accessor.with(|mut access| act(&mut access.as_context_mut(), kind / 5)),
            1 => concurrent_call(accessor, kind).await,
            2 => {
                let handle = accessor.spawn(async move {
                    pending(kind % 3).await;
                    concurrent_call(accessor, kind).await;
                    fail(kind / 3)
                });
                if kind.is_multiple_of(2) {
                    handle.abort();
                }
            }
            3 => {
                // Asks for the news of its being cancelled, and doesn't wait for it.
                let cancelled = accessor.cancelled();
                pending(kind % 3).await;
                drop(cancelled);
            }
            _ => pending(kind % 16).await,
        }
        fail(kind / 2)?;
    }
    Ok((accessor.with(|mut access| access.data_mut().moves.next(thread, [a, b, c])),))
}

/// Fails in one of the ways, or doesn't.
pub(crate) fn fail(kind: u8) -> Result<()> {
    match kind {
        90..=92 => Err(anyhow!("the host says no")),
        93..=95 => std::panic::panic_any(Provoked),
        _ => Ok(()),
    }
}

/// Pending so often. Asks to be polled again, for the most part.
async fn pending(times: u8) {
    let mut left = times;
    poll_fn(|cx| match left {
        0 => Poll::Ready(()),
        _ => {
            left -= 1;
            if times != 3 {
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        }
    })
    .await;
}

/// Polls a future some times, by another thread if wanted; what it gave, if it was ready.
pub(crate) fn poll_some<F: Future + Send + ?Sized>(
    mut future: Pin<&mut F>,
    times: usize,
    elsewhere: bool,
) -> Option<F::Output>
where
    F::Output: Send,
{
    for turn in 0..times {
        let mut poll = || {
            future
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
        };
        let polled = if elsewhere && turn % 2 == 0 {
            let result = std::thread::scope(|scope| scope.spawn(poll).join());
            result.unwrap_or_else(|payload| std::panic::resume_unwind(payload))
        } else {
            poll()
        };
        if let Poll::Ready(value) = polled {
            return Some(value);
        }
    }
    None
}

/// Some function of some instance, and its parameter.
fn some_func(store: &mut StoreContextMut<'_, World>) -> Option<(Func, Val)> {
    let moves = &mut store.data_mut().moves;
    let which = usize::from(moves.byte());
    let (name, thread) = moves.export();
    let instances = &store.data().instances;
    // The last one, most often.
    let back = if which < 64 { which } else { 0 } % instances.len().max(1);
    let instance = *instances.get(instances.len().checked_sub(1 + back)?)?;
    Some((instance.get_func(store, &*name)?, Val::U32(thread)))
}

/// Calls something, and can wait.
pub(crate) async fn call(mut store: StoreContextMut<'_, World>) -> Result<()> {
    let Some((func, param)) = some_func(&mut store) else {
        return Ok(());
    };
    store.data_mut().depth += 1;
    let result = func.call_async(&mut store, &[param], &mut []).await;
    store.data_mut().depth -= 1;
    result
}

/// Makes some calls that go on beside each other.
async fn beside_each_other(mut store: StoreContextMut<'_, World>) {
    store.data_mut().depth += 1;
    let depth = store.data().depth;
    let run = store.as_context_mut().run_concurrent(async |accessor| {
        let count = accessor.with(|mut access| access.data_mut().moves.below(4));
        for _ in 0..count {
            let kind = accessor.with(|mut access| access.data_mut().moves.byte());
            concurrent_call(accessor, kind).await;
        }
    });
    told(run.await);
    store.data_mut().depth = depth - 1;
}

/// A call that others go on beside, which is waited for, cancelled or left alone.
async fn concurrent_call(accessor: &'static Accessor<World>, kind: u8) {
    let func = accessor.with(|mut access| some_func(&mut access.as_context_mut()));
    let Some((func, param)) = func else { return };
    let call = func.call_concurrent(accessor, vec![param]);
    match kind % 5 {
        0 => drop(call),
        1 => {
            let canceller = call.canceller();
            pending(kind % 4).await;
            if let Some(canceller) = canceller {
                canceller.cancel();
            }
            told(call.await.map(drop));
        }
        2 => std::mem::forget(call),
        _ => told(call.await.map(drop)),
    }
}

/// Does something with the store, from wherever.
pub(crate) fn act(store: &mut StoreContextMut<'_, World>, kind: u8) {
    let depth = store.data().depth;
    if depth >= DEPTH {
        return;
    }
    store.data_mut().depth = depth + 1;
    let option = store.data_mut().moves.byte();
    if option.is_multiple_of(2) {
        // What host functions panic with ends here.
        provoked(|| act_at(store, kind, option));
    } else {
        act_at(store, kind, option);
    }
    store.data_mut().depth = depth;
}

fn act_at(store: &mut StoreContextMut<'_, World>, kind: u8, option: u8) {
    let polls = usize::from(option % 32);
    let elsewhere = option & 32 != 0;
    match kind % 9 {
        0 => {
            if let Some((func, param)) = some_func(store) {
                told(func.call(store, &[param], &mut []));
            }
        }
        // The second store, within the first one's host function.
        1 => {
            if let Some(mut other) = store.data_mut().other.take() {
                provoked(|| act(&mut other.as_context_mut(), option));
                store.data_mut().other = Some(other);
            }
        }
        2 => {
            store.set_fuel(u64::from(option) * 1_000).ok();
            store.engine().increment_epoch();
        }
        3 => {
            let mut run = Box::pin(beside_each_other(store.as_context_mut()));
            poll_some(run.as_mut(), polls, elsewhere);
        }
        4 => {
            // Forgotten, with what it has borrowed.
            let mut call = Box::pin(call(store.as_context_mut()));
            poll_some(call.as_mut(), polls % 4, elsewhere);
            std::mem::forget(call);
        }
        5 => use_ends(store, option),
        _ => {
            let mut call = Box::pin(call(store.as_context_mut()));
            if let Some(result) = poll_some(call.as_mut(), polls, elsewhere) {
                told(result);
            }
        }
    }
}
