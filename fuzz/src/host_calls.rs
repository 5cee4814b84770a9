//! What a host can do in safe Rust, in any order and at any place: calls of each kind within host functions of
//! each kind, futures that are dropped, forgotten and polled by other threads, panics, errors, and two stores.
//!
//! The guests make moves ([`crate::moves`]), and each is a call of a host function. So the host's functions run at
//! every place where guests can call: in tasks, threads, callbacks, under switches, on stacks of all kinds.

mod ends;
mod host;

use crate::assert_no_bug;
use crate::generated_module::features;
use crate::moves::{self, Moves};
use host::{World, act, call, function, poll_some};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{LazyLock, Once};
use threadline::component::{Component, InstancePre, Linker};
use threadline::{AsContextMut, Config, Engine, Schedule, Store};

/// Fuel of a store for each of the host's steps.
const FUEL: u64 = 300_000;
/// Steps of the host at most.
const STEPS: usize = 40;

/// The kinds of host functions.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// A plain function.
    Plain,
    /// A future that has the store.
    Waits,
    /// A future that shares the store.
    Beside,
}

/// The guests, with the host's function of each kind.
static GUESTS: LazyLock<[InstancePre<World>; 3]> = LazyLock::new(|| {
    let mut config = Config::new();
    config
        .wasm_features(features())
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_async_stacks(500);
    let engine = Engine::new(&config).unwrap();
    let component = Component::new(&engine, moves::component()).unwrap();
    [Kind::Plain, Kind::Waits, Kind::Beside].map(|kind| {
        let mut linker = Linker::new(&engine);
        function(&mut linker, kind).unwrap();
        linker.instantiate_pre(&component).unwrap()
    })
});

/// A panic that a host function provokes.
pub(crate) struct Provoked;

/// Lets provoked panics pass in silence.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !info.payload().is::<Provoked>() {
                tell(info);
            }
        }));
    });
}

/// Runs what may panic because a host function does.
pub(crate) fn provoked<R>(run: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => Some(result),
        Err(payload) if payload.is::<Provoked>() => None,
        Err(payload) => std::panic::resume_unwind(payload),
    }
}

/// Has a host do anything.
pub fn run(data: &[u8]) {
    run_with(data, true);
}

/// Has guests do anything, while the host waits for them.
pub fn run_patiently(data: &[u8]) {
    run_with(data, false);
}

fn run_with(data: &[u8], is_wild: bool) {
    quiet();
    let mut moves = Moves::new(data);
    let half = Moves::new(&data[data.len() / 2..]);
    let schedules = [moves.byte(), moves.byte()];
    let mut stores = [
        store(moves, is_wild, schedules[0]),
        store(half, is_wild, schedules[1]),
    ];
    for _ in 0..STEPS {
        let moves = &mut stores[0].data_mut().moves;
        if moves.is_empty() {
            break;
        }
        let kind = moves.byte();
        provoked(|| step(&mut stores, kind));
        if kind & 0x80 != 0 {
            renew(&mut stores[0]);
        }
    }
    let [first, second] = stores;
    match data.len() % 2 {
        0 => drop((first, second)),
        _ => drop((second, first)),
    }
}

fn store(moves: Moves, is_wild: bool, schedule: u8) -> Store<World> {
    let guests = usize::from(schedule / 2) % GUESTS.len();
    let engine = GUESTS[guests].component().engine();
    let mut store = Store::new(engine, World::new(moves, is_wild, guests));
    store.limiter(|world| &mut world.limits);
    if schedule.is_multiple_of(2) {
        store.set_schedule(Schedule::Seeded(schedule.into()));
    }
    if schedule & 4 != 0 {
        store.fuel_async_yield_interval(Some(2_000)).unwrap();
    }
    if schedule & 8 != 0 {
        store.epoch_deadline_async_yield_and_update(1);
    }
    refill(&mut store);
    renew(&mut store);
    store
}

/// Another instance, that no trap has locked.
fn renew(store: &mut Store<World>) {
    let guests = &GUESTS[store.data().guests];
    let made = provoked(|| guests.instantiate(&mut *store));
    if let Some(Ok(instance)) = made {
        store.data_mut().instances.push(instance);
    }
}

fn refill(store: &mut Store<World>) {
    store.set_fuel(FUEL).unwrap();
    store.set_epoch_deadline(2);
    let world = store.data_mut();
    world.depth = 0;
}

/// One step of the host's.
fn step(stores: &mut [Store<World>; 2], kind: u8) {
    stores.iter_mut().for_each(refill);
    let [first, second] = stores;
    match kind % 12 {
        // Guests go on that nobody waits for.
        0 => told(first.run_until_stalled(usize::from(kind)).map(drop)),
        1 => stores.swap(0, 1),
        // Calls of both stores at once.
        2 | 3 => {
            let order = first.data_mut().moves.byte();
            let mut a = Box::pin(call(first.as_context_mut()));
            let mut b = Box::pin(call(second.as_context_mut()));
            // What is ready, or has panicked, isn't polled again.
            let mut waits = [true; 2];
            for turn in 0..8 {
                let which = usize::from(order >> turn & 1);
                if waits[which] {
                    let polled = provoked(|| match which {
                        0 => poll_some(a.as_mut(), 1, false),
                        _ => poll_some(b.as_mut(), 2, true),
                    });
                    waits[which] = matches!(polled, Some(None));
                }
            }
            if order.is_multiple_of(2) {
                drop((a, b));
            } else {
                drop((b, a));
            }
        }
        // The second store is within the reach of the first one's host functions.
        4 => {
            let engine = second.engine().clone();
            let empty = Store::new(&engine, World::new(Moves::default(), false, 0));
            let lent = std::mem::replace(second, empty);
            first.data_mut().other = Some(Box::new(lent));
            provoked(|| act(&mut first.as_context_mut(), 2));
            if let Some(other) = first.data_mut().other.take() {
                *second = *other;
            }
        }
        5 => {
            let instances = &mut first.data_mut().instances;
            let keep = instances.len().min(1);
            instances.drain(..keep);
            again(first, kind);
        }
        6 => {
            let schedule = first.data_mut().moves.byte();
            let moves = std::mem::take(&mut first.data_mut().moves);
            let is_wild = first.data().is_wild;
            *first = store(moves, is_wild, schedule);
        }
        other => act(&mut first.as_context_mut(), other),
    }
}

/// Another instance, by a future that may be dropped.
fn again(store: &mut Store<World>, kind: u8) {
    let guests = &GUESTS[usize::from(kind) % GUESTS.len()];
    if !Engine::same(guests.component().engine(), store.engine()) {
        return;
    }
    store.data_mut().guests = usize::from(kind) % GUESTS.len();
    let polls = store.data_mut().moves.below(4);
    let mut made = Box::pin(guests.instantiate_async(&mut *store));
    let instance = poll_some(made.as_mut(), polls.into(), false);
    drop(made);
    if let Some(Ok(instance)) = instance {
        store.data_mut().instances.push(instance);
    }
}

/// Sees that an error is none of ours.
pub(crate) fn told(result: anyhow::Result<()>) {
    if let Err(error) = result {
        assert_no_bug(&error);
    }
}
