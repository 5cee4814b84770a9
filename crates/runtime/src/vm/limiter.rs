//! A store's limiter, without the type of the store's data.

use crate::store::{ResourceLimiter, StoreInner, StoreOpaque};
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// What is done with a limiter once it has been found.
type Use<'a> = &'a mut dyn FnMut(&mut dyn ResourceLimiter);

/// Finds the limiter in the data of a store of the right type.
type Find = Box<dyn FnMut(*mut StoreOpaque, Use<'_>) + Send + Sync>;

/// The way from a store to its limiter, which is in the embedder's data.
pub(crate) struct Limiter {
    find: Mutex<Find>,
}

impl Limiter {
    /// The limiter of a `Store<T>`; to be kept by that store and used with no other.
    pub(crate) fn new<T: 'static>(
        mut limiter: impl (FnMut(&mut T) -> &mut dyn ResourceLimiter) + Send + Sync + 'static,
    ) -> Limiter {
        let find = move |store: *mut StoreOpaque, body: Use<'_>| {
            // SAFETY: `with` has a store of this type exclusively, and every `StoreOpaque` is the
            // first field of a `StoreInner`. Nobody else uses the data meanwhile: host functions,
            // which borrow it, rest or have not begun.
            let data = unsafe { &mut (*store.cast::<StoreInner<T>>()).data };
            body(limiter(data));
        };
        Limiter {
            find: Mutex::new(Box::new(find)),
        }
    }

    /// Asks the limiter of the store that keeps it. There always is an answer.
    pub(crate) fn with<R>(
        &self,
        store: &mut StoreOpaque,
        question: impl FnOnce(&mut dyn ResourceLimiter) -> R,
    ) -> Option<R> {
        let mut question = Some(question);
        let mut answer = None;
        let mut find = self.find.lock().unwrap_or_else(PoisonError::into_inner);
        find(store, &mut |limiter| {
            if let Some(question) = question.take() {
                answer = Some(question(limiter));
            }
        });
        answer
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Limiter")
    }
}
