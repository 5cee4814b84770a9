//! Fuel and epochs: how long wasm of a store may run.

use super::{Store, StoreContext, StoreContextMut, StoreOpaque};
use crate::vm::deadline_callback;
use anyhow::{Context as _, Result, ensure};
use std::num::NonZeroU64;
use std::sync::atomic::Ordering;

/// What an [epoch deadline callback](Store::epoch_deadline_callback) wants.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpdateDeadline {
    /// Wasm goes on; its next deadline is so many epochs from now.
    Continue(u64),
    /// The executor has its turn, then wasm goes on; its next deadline is so many epochs from now.
    /// For wasm that was entered by an asynchronous call; see
    /// [`Store::epoch_deadline_async_yield_and_update`].
    Yield(u64),
    /// Wasm traps with [`Trap::Interrupt`](crate::Trap::Interrupt).
    Interrupt,
}

/// A callback for the store that it is given, which is the one it was made for.
pub(crate) type DeadlineCallback =
    Box<dyn FnMut(&mut StoreOpaque) -> Result<UpdateDeadline> + Send + Sync>;

/// What happens at the epoch deadline.
pub(crate) enum OnDeadline {
    /// Wasm traps.
    Trap,
    /// Wasm yields; its next deadline is so many epochs later.
    Yield(u64),
    /// The embedder decides.
    Callback(DeadlineCallback),
    /// The embedder is deciding: it runs now, and so might wasm that it calls, which then traps.
    Running,
}

impl StoreOpaque {
    fn check_fuel(&self) -> Result<()> {
        ensure!(
            self.engine().tunables().consume_fuel,
            "fuel is not consumed: switch on `Config::consume_fuel`"
        );
        Ok(())
    }

    /// Sets the deadline, so many epochs from now.
    pub(crate) fn set_epoch_deadline(&mut self, epochs: u64) {
        let now = self.engine().epoch().load(Ordering::Relaxed);
        self.vm_mut().set_epoch_deadline(now.saturating_add(epochs));
    }
}

impl<T: 'static> StoreContext<'_, T> {
    /// See [`Store::get_fuel`].
    ///
    /// # Errors
    /// If the engine's wasm does not consume fuel.
    pub fn get_fuel(&self) -> Result<u64> {
        self.0.opaque.check_fuel()?;
        Ok(self.0.opaque.vm().fuel())
    }
}

impl<T: 'static> StoreContextMut<'_, T> {
    /// See [`Store::get_fuel`].
    ///
    /// # Errors
    /// If the engine's wasm does not consume fuel.
    pub fn get_fuel(&self) -> Result<u64> {
        StoreContext(self.0).get_fuel()
    }

    /// See [`Store::set_fuel`].
    ///
    /// # Errors
    /// If the engine's wasm does not consume fuel.
    pub fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        self.0.opaque.check_fuel()?;
        self.0.opaque.vm_mut().set_fuel(fuel);
        Ok(())
    }

    /// See [`Store::set_epoch_deadline`].
    pub fn set_epoch_deadline(&mut self, epochs: u64) {
        self.0.opaque.set_epoch_deadline(epochs);
    }

    /// See [`Store::epoch_deadline_trap`].
    pub fn epoch_deadline_trap(&mut self) {
        *self.0.opaque.on_deadline() = OnDeadline::Trap;
    }

    /// See [`Store::epoch_deadline_async_yield_and_update`].
    pub fn epoch_deadline_async_yield_and_update(&mut self, epochs: u64) {
        *self.0.opaque.on_deadline() = OnDeadline::Yield(epochs);
    }

    /// See [`Store::fuel_async_yield_interval`].
    ///
    /// # Errors
    /// If the engine's wasm does not consume fuel, or the interval is zero.
    pub fn fuel_async_yield_interval(&mut self, interval: Option<u64>) -> Result<()> {
        self.0.opaque.check_fuel()?;
        let slice = interval
            .map(|fuel| {
                NonZeroU64::new(fuel).context("wasm can't yield whenever it has used no fuel")
            })
            .transpose()?;
        self.0.opaque.vm_mut().set_fuel_slice(slice);
        Ok(())
    }

    /// See [`Store::epoch_deadline_callback`].
    pub fn epoch_deadline_callback(
        &mut self,
        callback: impl FnMut(StoreContextMut<'_, T>) -> Result<UpdateDeadline> + Send + Sync + 'static,
    ) {
        *self.0.opaque.on_deadline() = OnDeadline::Callback(deadline_callback(callback));
    }
}

impl<T: 'static> Store<T> {
    /// How much fuel wasm has left: what it was last [set](Self::set_fuel) to, less what wasm has
    /// consumed since.
    ///
    /// After a trap that was a fault (an access out of bounds, a division by zero) the function
    /// that trapped has not accounted for what it did since its last call.
    ///
    /// # Errors
    /// If the engine's wasm does not consume fuel
    /// ([`Config::consume_fuel`](crate::Config::consume_fuel)).
    pub fn get_fuel(&self) -> Result<u64> {
        StoreContext(&self.inner).get_fuel()
    }

    /// Sets how much fuel wasm has left; a new store has none.
    ///
    /// Each operator costs a unit, each function called another; bulk operators cost more by how
    /// much they move. Wasm that has none left where a function or a loop begins traps with
    /// [`Trap::OutOfFuel`](crate::Trap::OutOfFuel). What a program consumes depends on the program
    /// alone, not on how it is compiled or where it runs.
    ///
    /// # Errors
    /// If the engine's wasm does not consume fuel
    /// ([`Config::consume_fuel`](crate::Config::consume_fuel)).
    pub fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        StoreContextMut(&mut self.inner).set_fuel(fuel)
    }

    /// Sets the epoch in which wasm of this store is interrupted, as a number of epochs from now.
    ///
    /// A new store's deadline is the first epoch, which has always begun: without this, wasm that
    /// was compiled with [`Config::epoch_interruption`](crate::Config::epoch_interruption) is
    /// interrupted at once.
    pub fn set_epoch_deadline(&mut self, epochs: u64) {
        StoreContextMut(&mut self.inner).set_epoch_deadline(epochs);
    }

    /// Lets wasm trap with [`Trap::Interrupt`](crate::Trap::Interrupt) at its deadline. This is
    /// what a new store does.
    pub fn epoch_deadline_trap(&mut self) {
        StoreContextMut(&mut self.inner).epoch_deadline_trap();
    }

    /// Lets wasm yield to the executor at its deadline, and go on; the next deadline is then `epochs`
    /// epochs from that.
    ///
    /// Wasm that was entered by a plain call can't yield, and fails with an error. Within an
    /// asynchronous call there are places where it can't either: functions of the guest that
    /// allocate memory for values passed, and plain calls made by host functions. There it goes on
    /// past a few deadlines, and then traps with [`Trap::Interrupt`](crate::Trap::Interrupt).
    pub fn epoch_deadline_async_yield_and_update(&mut self, epochs: u64) {
        StoreContextMut(&mut self.inner).epoch_deadline_async_yield_and_update(epochs);
    }

    /// Lets wasm yield to the executor whenever it has consumed so much fuel; `None`, the default, is
    /// never. Where it can't yield, as in a plain call, it goes on.
    ///
    /// # Errors
    /// If the engine's wasm does not consume fuel, or the interval is zero.
    pub fn fuel_async_yield_interval(&mut self, interval: Option<u64>) -> Result<()> {
        StoreContextMut(&mut self.inner).fuel_async_yield_interval(interval)
    }

    /// Calls `callback` when wasm gets to its deadline: it decides how to go on. An error that it
    /// returns comes out of the call into wasm.
    pub fn epoch_deadline_callback(
        &mut self,
        callback: impl FnMut(StoreContextMut<'_, T>) -> Result<UpdateDeadline> + Send + Sync + 'static,
    ) {
        StoreContextMut(&mut self.inner).epoch_deadline_callback(callback);
    }
}
