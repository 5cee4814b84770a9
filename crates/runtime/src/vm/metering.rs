//! What compiled code asks for when fuel is used up or its deadline has come, and the cells that
//! fuel and deadline are in.
//!
//! Fuel is a signed number in `VMStoreContext`, because compiled code finds out that there is
//! none left by its sign; what an embedder sets beyond that waits in a reserve.

use super::builtins::store_of;
use super::stack_switch::{self, ExitSite, Yielded, answer};
use super::store_state::{StoreCells, VmStoreState};
use crate::UpdateDeadline;
use crate::bug::bail_bug;
use crate::concurrent::{After, Answer, DONE};
use crate::store::{DeadlineCallback, OnDeadline, StoreContextMut, StoreInner, StoreOpaque};
use crate::trap::Trap;
use anyhow::{Result, bail};
use std::ffi::c_void;
use std::num::NonZeroU64;
use std::sync::atomic::Ordering;
use threadline_environ::layout::VMStoreContext;

/// The most fuel that compiled code has at once.
const MOST_AT_ONCE: u64 = 1 << 62;

/// How many bytes the host moves or looks at for a unit of fuel: as many as bulk operators of compiled
/// code do.
const BYTES_PER_UNIT: u64 = 8;

/// How much fuel compiled code is given at once.
fn at_once(cells: &StoreCells) -> u64 {
    cells
        .fuel_slice
        .map_or(MOST_AT_ONCE, |slice| slice.get().min(MOST_AT_ONCE))
}

impl VmStoreState {
    /// How much fuel is left.
    pub(crate) fn fuel(&self) -> u64 {
        // SAFETY: the cells live as long as `self`; compiled code doesn't run meanwhile.
        let cells = unsafe { self.cells.as_ref() };
        let reserve = i128::from(cells.fuel_reserve);
        let left = reserve + i128::from(cells.context.fuel);
        // Overdrawn is as good as none; the sum is at most what was set.
        u64::try_from(left.max(0)).unwrap_or(u64::MAX)
    }

    /// Sets how much fuel is left.
    pub(crate) fn set_fuel(&mut self, fuel: u64) {
        // SAFETY: the cells live as long as `self`; compiled code doesn't run meanwhile, and
        // reads its fuel again when it goes on.
        let cells = unsafe { self.cells.as_mut() };
        let at_once = fuel.min(at_once(cells));
        cells.context.fuel = at_once as i64;
        cells.fuel_reserve = fuel - at_once;
    }

    /// Sets how much fuel wasm is given at once, after which it yields.
    pub(crate) fn set_fuel_slice(&mut self, slice: Option<NonZeroU64>) {
        let fuel = self.fuel();
        // SAFETY: as in `set_fuel`.
        unsafe { self.cells.as_mut() }.fuel_slice = slice;
        self.set_fuel(fuel);
    }

    /// Sets the epoch in which wasm is interrupted.
    pub(crate) fn set_epoch_deadline(&mut self, epoch: u64) {
        // SAFETY: as in `set_fuel`.
        unsafe { self.cells.as_mut() }.context.epoch_deadline = epoch;
    }
}

/// The `out-of-fuel` builtin: compiled code has a negative amount of fuel.
///
/// # Safety
/// Called by compiled code only, with the context it was given.
pub(super) unsafe extern "C" fn out_of_fuel(context: *mut c_void) -> u64 {
    // SAFETY: the caller answers for `context`. The cells are around the store's context, and
    // nothing else touches them while a builtin runs.
    unsafe {
        let store_context = store_of(context);
        answer(store_context, ExitSite::none(), |_| {
            let cells = &mut *StoreCells::of(store_context);
            refill(cells)?;
            if cells.fuel_slice.is_some() {
                // Where it can't yield it goes on: its fuel is finite.
                return Ok(answer_to(stack_switch::yield_now(store_context)));
            }
            Ok(DONE)
        })
    }
}

/// Gives compiled code, which has a negative amount of fuel, more from the reserve.
///
/// # Errors
/// [`Trap::OutOfFuel`] if there is not enough.
fn refill(cells: &mut StoreCells) -> Result<(), Trap> {
    // What is overdrawn is not part of the next slice. The sum is less than 2^63, for the fuel is
    // negative, and so can be added to it.
    let wanted = at_once(cells).saturating_add(cells.context.fuel.unsigned_abs());
    let more = cells.fuel_reserve.min(wanted).min(i64::MAX as u64);
    cells.fuel_reserve -= more;
    cells.context.fuel += more as i64;
    match cells.context.fuel < 0 {
        true => Err(Trap::OutOfFuel),
        false => Ok(()),
    }
}

/// Charges for bytes that a builtin moves or looks at. More than is left may be charged: then compiled code
/// finds out when it goes on.
///
/// # Safety
/// `store_context` is a store's, and called by the store's thread, in a builtin.
pub(super) unsafe fn charge(store_context: *mut VMStoreContext, bytes: u64) {
    let units = i64::try_from(bytes / BYTES_PER_UNIT).unwrap_or(i64::MAX);
    // SAFETY: the caller answers for the context. Compiled code reads its fuel again when it goes on.
    let fuel = unsafe { &mut (*store_context).fuel };
    *fuel = fuel.saturating_sub(units);
}

impl StoreOpaque {
    /// Charges for bytes that a builtin is about to move or look at, and looks at the epoch. What takes
    /// long does so for each part of it.
    ///
    /// # Errors
    /// If there is not as much fuel, or wasm is interrupted.
    pub(crate) fn charge_bytes(&mut self, bytes: u64) -> Result<()> {
        let tunables = self.engine().tunables();
        let (consume_fuel, has_epochs) = (tunables.consume_fuel, tunables.epoch_interruption);
        if consume_fuel {
            // SAFETY: the context is this store's, and the store is borrowed.
            unsafe { charge(self.vm().context_ptr(), bytes) };
            // SAFETY: the cells live as long as the store; compiled code doesn't run meanwhile.
            let cells = unsafe { self.vm_mut().cells.as_mut() };
            if cells.context.fuel < 0 {
                refill(cells)?;
            }
        }
        match has_epochs {
            true => self.check_deadline(),
            false => Ok(()),
        }
    }

    /// Does what happens at the epoch deadline, if it has come. A builtin can't yield then; it looks
    /// again at the next deadline.
    fn check_deadline(&mut self) -> Result<()> {
        let epoch = self.engine().epoch().load(Ordering::Relaxed);
        // SAFETY: the cells live as long as the store; compiled code doesn't run meanwhile.
        let cells = unsafe { self.vm_mut().cells.as_ref() };
        if epoch < cells.context.epoch_deadline {
            return Ok(());
        }
        deadline(self).map(drop)
    }
}

/// The `new-epoch` builtin: the deadline has come, as far as compiled code knows.
///
/// # Safety
/// Called by compiled code only, with the context it was given.
pub(super) unsafe extern "C" fn new_epoch(context: *mut c_void) -> u64 {
    // SAFETY: the caller answers for `context`. `VMStoreContext::store` was set from the exclusive
    // borrow of the store with which wasm was entered, and that borrow rests until wasm returns.
    unsafe {
        let store_context = store_of(context);
        answer(store_context, ExitSite::none(), |_| {
            match deadline(running_store(store_context)?)? {
                AtDeadline::GoOn => Ok(DONE),
                AtDeadline::Yield => yield_at_deadline(store_context),
            }
        })
    }
}

/// Yields at the deadline, the next of which has been set.
///
/// # Errors
/// If that is not possible.
///
/// # Safety
/// As for [`stack_switch::yield_now`].
unsafe fn yield_at_deadline(store_context: *mut VMStoreContext) -> Result<Answer> {
    // SAFETY: passed on.
    match unsafe { stack_switch::yield_now(store_context) } {
        yielded @ (Yielded::Yes | Yielded::Missed) => Ok(answer_to(yielded)),
        Yielded::TooOften => Err(Trap::Interrupt.into()),
        Yielded::PlainCall => bail!(
            "wasm is to yield at its epoch deadline, and can't: enter it with `call_async` (or \
             `instantiate_async`)"
        ),
    }
}

/// The answer of a builtin that has asked to yield.
fn answer_to(yielded: Yielded) -> Answer {
    match yielded {
        Yielded::Yes => Answer::Waits(After::Nothing),
        Yielded::Missed | Yielded::TooOften | Yielded::PlainCall => DONE,
    }
}

/// Does what happens at the deadline, if it has come, for a builtin that takes its time.
///
/// # Errors
/// If wasm is interrupted.
///
/// # Safety
/// Called by builtins only, with the context that compiled code passed.
pub(super) unsafe fn check_epoch(context: *mut c_void) -> Result<()> {
    // SAFETY: as in `new_epoch`.
    unsafe { running_store(store_of(context)) }?.check_deadline()
}

/// The store whose wasm runs.
///
/// # Safety
/// Its wasm has called a builtin, and nothing else has borrowed the store from the builtin.
pub(super) unsafe fn running_store<'a>(
    store_context: *mut VMStoreContext,
) -> Result<&'a mut StoreOpaque> {
    // SAFETY: see `new_epoch`.
    let store = unsafe { (*store_context).store.cast::<StoreOpaque>().as_mut() };
    match store {
        Some(store) => Ok(store),
        None => bail_bug!("wasm runs in a store that was not entered"),
    }
}

/// What wasm does at its deadline, if it isn't interrupted. The next one has been set.
enum AtDeadline {
    GoOn,
    Yield,
}

fn deadline(store: &mut StoreOpaque) -> Result<AtDeadline> {
    let mut callback = match std::mem::replace(store.on_deadline(), OnDeadline::Running) {
        OnDeadline::Callback(callback) => callback,
        OnDeadline::Yield(epochs) => {
            *store.on_deadline() = OnDeadline::Yield(epochs);
            store.set_epoch_deadline(epochs);
            return Ok(AtDeadline::Yield);
        }
        other => {
            *store.on_deadline() = other;
            return Err(Trap::Interrupt.into());
        }
    };
    let update = callback(store);
    // The callback may have put something else in its place.
    if let OnDeadline::Running = store.on_deadline() {
        *store.on_deadline() = OnDeadline::Callback(callback);
    }
    match update? {
        UpdateDeadline::Continue(epochs) => {
            store.set_epoch_deadline(epochs);
            Ok(AtDeadline::GoOn)
        }
        UpdateDeadline::Yield(epochs) => {
            store.set_epoch_deadline(epochs);
            Ok(AtDeadline::Yield)
        }
        UpdateDeadline::Interrupt => Err(Trap::Interrupt.into()),
    }
}

/// A callback for a `Store<T>`, to be kept by that store.
pub(crate) fn deadline_callback<T: 'static>(
    mut callback: impl FnMut(StoreContextMut<'_, T>) -> Result<UpdateDeadline> + Send + Sync + 'static,
) -> DeadlineCallback {
    Box::new(move |store| {
        let store: *mut StoreOpaque = store;
        // SAFETY: `StoreContextMut<T>::epoch_deadline_callback` puts this into its own store, and
        // only `deadline` above calls it, with the store it was found in; a `StoreOpaque` is the
        // first field of its `StoreInner<T>`, and the pointer comes from one to that.
        let store = unsafe { &mut *store.cast::<StoreInner<T>>() };
        callback(StoreContextMut(store))
    })
}
