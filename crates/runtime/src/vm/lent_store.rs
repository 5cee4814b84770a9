//! The store, lent to the futures of the host that it polls: [`Accessor::with`] finds it here.
//!
//! A future that lasts longer than a call into the host can't hold a borrow of the store. It is lent one
//! for as long as it is polled, by way of a variable of this thread of the operating system. It can't
//! get at it twice at a time, for who has it takes it out of there.
//!
//! [`Accessor::with`]: crate::component::Accessor::with

use crate::store::{StoreContextMut, StoreInner, StoreOpaque};
use std::any::TypeId;
use std::cell::Cell;
use std::ptr;

thread_local! {
    /// The store that is lent, by who polls or has polled the innermost future; null if it is used,
    /// or nothing is polled.
    static LENT: Cell<*mut StoreOpaque> = const { Cell::new(ptr::null_mut()) };
}

/// Puts back what was lent before.
struct Restore(*mut StoreOpaque);

impl Drop for Restore {
    #[inline]
    fn drop(&mut self) {
        LENT.set(self.0);
    }
}

/// Lends a store while `body` runs, from beginning to end on this thread of the operating system.
#[inline]
pub(crate) fn lend<R>(store: &mut StoreOpaque, body: impl FnOnce() -> R) -> R {
    let _restore = Restore(LENT.replace(store));
    body()
}

/// Runs with nothing lent, such as what drops futures.
pub(crate) fn lend_nothing<R>(body: impl FnOnce() -> R) -> R {
    let _restore = Restore(LENT.replace(ptr::null_mut()));
    body()
}

/// Uses the store that is lent, if one is.
#[inline]
pub(crate) fn with_lent<R>(body: impl FnOnce(&mut StoreOpaque) -> R) -> Option<R> {
    let lent = LENT.replace(ptr::null_mut());
    let _restore = Restore(lent);
    // SAFETY: whoever has lent it has borrowed it exclusively, and rests in `lend` until what called
    // this returns. It was taken out of its place, so nobody else uses it meanwhile.
    unsafe { lent.as_mut() }.map(body)
}

/// Uses the store that is lent, whose data is a `T`.
///
/// # Panics
/// If none is lent, or its data is of another type.
#[inline]
pub(crate) fn with_lent_store<T: 'static, R>(body: impl FnOnce(StoreContextMut<'_, T>) -> R) -> R {
    let result = with_lent(|store| {
        assert!(
            store.data_type() == TypeId::of::<T>(),
            "an accessor is used in a store whose data is of another type than its own"
        );
        let store: *mut StoreOpaque = store;
        // SAFETY: every `StoreOpaque` begins the `StoreInner` of its store, whose data has the type that
        // it was compared with.
        body(StoreContextMut(unsafe {
            &mut *store.cast::<StoreInner<T>>()
        }))
    });
    match result {
        Some(result) => result,
        None => panic!(
            "an accessor is used where it can't be: only futures that the accessor's store polls can \
             use it, and not within `Accessor::with`, nor when they are dropped"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::AsContextMut;
    use crate::{Engine, Store};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn a_store_is_lent_once_at_a_time_and_to_its_own_type() {
        let mut store = Store::new(&Engine::default(), 1u32);
        let data = lend(store.as_context_mut().opaque(), || {
            with_lent_store::<u32, _>(|mut store| {
                assert!(with_lent(|_| ()).is_none());
                *store.data_mut() += 1;
            });
            assert!(catch_unwind(AssertUnwindSafe(|| with_lent_store::<i32, _>(|_| ()))).is_err());
            assert!(lend_nothing(|| with_lent(|_| ())).is_none());
            with_lent_store::<u32, _>(|store| *store.data())
        });
        assert_eq!(data, 2);
        assert!(with_lent(|_| ()).is_none());
    }
}
