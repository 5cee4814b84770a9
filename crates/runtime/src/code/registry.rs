//! All loaded code of the process, by address.
//!
//! The trap handler asks it in a signal handler, so it allocates nothing on that path and cannot
//! deadlock: wasm code never runs under this lock, and if the signal comes from a host fault
//! while this very thread is in here, a thread-local flag tells and the fault is not ours.

use super::LoadedImage;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use threadline_environ::TrapCode;

/// By the address one past the end of the text.
static LOADED: RwLock<BTreeMap<usize, Arc<LoadedImage>>> = RwLock::new(BTreeMap::new());

thread_local! {
    /// Whether this thread holds [`LOADED`]'s lock or is about to.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

/// Makes the image's addresses known.
pub(crate) fn register(image: &Arc<LoadedImage>) {
    let text = image.text();
    if text.is_empty() {
        return;
    }
    let image = Arc::clone(image);
    let previous = while_busy(|| {
        let mut loaded = LOADED.write().unwrap_or_else(PoisonError::into_inner);
        loaded.insert(text.end, image)
    });
    debug_assert!(previous.is_none(), "mappings do not overlap");
}

/// Forgets the image's addresses.
pub(crate) fn unregister(image: &Arc<LoadedImage>) {
    let text = image.text();
    if text.is_empty() {
        return;
    }
    let removed = while_busy(|| {
        let mut loaded = LOADED.write().unwrap_or_else(PoisonError::into_inner);
        loaded.remove(&text.end)
    });
    drop(removed);
}

/// The image whose text holds `pc`.
pub(crate) fn lookup(pc: usize) -> Option<Arc<LoadedImage>> {
    while_busy(|| with_image(pc, Arc::clone))
}

/// Why the instruction at `pc` traps, for signal handlers: `None` if `pc` is not in loaded code,
/// if it is no instruction that can trap, or if the fault was in this module's own code.
pub(crate) fn trap_at_signal(pc: usize) -> Option<TrapCode> {
    if BUSY.get() {
        return None;
    }
    while_busy(|| with_image(pc, |image| image.trap_at(pc))).flatten()
}

fn with_image<R>(pc: usize, f: impl FnOnce(&Arc<LoadedImage>) -> R) -> Option<R> {
    let loaded = LOADED.read().unwrap_or_else(PoisonError::into_inner);
    let (_, image) = loaded.range(pc.checked_add(1)?..).next()?;
    image.text().contains(&pc).then(|| f(image))
}

fn while_busy<R>(f: impl FnOnce() -> R) -> R {
    BUSY.set(true);
    let result = f();
    BUSY.set(false);
    result
}
