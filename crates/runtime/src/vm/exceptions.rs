//! The exceptions of a store: what `exnref`s refer to, and when it goes away.
//!
//! A reference is a handle: a place in the table, and how often the place was given away before.
//! So a word that isn't a reference to a living exception is hardly ever taken for one.
//!
//! Most exceptions never have a reference to them: what catches them keeps their values alone
//! (`catch`, `catch_all`), and they end there. For the others (`catch_ref`, `catch_all_ref`), when
//! enough have been made, [`collect`] looks for references wherever one can be:
//!
//! - on the stack, from here out to the outermost entry, on all suspended ones, and in the registers
//!   that are saved across calls. Any word with the bits of a handle counts;
//! - in globals and tables that hold `exnref`s;
//! - among the values of exceptions that are alive.
//!
//! An exception the embedder got a reference to (`ExnRef`) stays until the store is dropped.
//! [`MAX_BYTES`] bounds what a guest can have alive.

use super::stack_switch;
use super::sys::arch;
use super::tag::TagPtr;
use super::val_raw;
use crate::store::StoreOpaque;
use crate::trap::Trap;
use std::cell::Cell;
use threadline_environ::layout::{VMStoreContext, ValRaw};
use threadline_environ::{GlobalIndex, RefType, TableIndex, TopType, ValType};

/// What the exceptions of a store may take in all. Those that are alive after a collection may take as much
/// less as must be allocated before the next one.
const MAX_BYTES: usize = 16 << 20;

/// How much is allocated at least between collections.
const MIN_COLLECT: usize = 256 << 10;

/// How many bytes a collection looks at, at most, for each byte that is allocated before it: so what a
/// `throw` costs doesn't grow with the stacks and tables of the store. (No fuel is charged for that: how
/// large stacks are depends on how the program was compiled.)
const LOOKED_AT_PER_BYTE: usize = 64;

/// What an exception takes beside its values: its record, its place, and the allocator's share.
const OVERHEAD: usize = 128;

/// The exceptions of a store.
pub(super) struct Exceptions {
    places: Vec<Place>,
    /// Places without an exception.
    free: Vec<u32>,
    /// What all of them take.
    bytes: usize,
    /// When to collect.
    collect_at: usize,
    /// The one that was caught last, if it ended there. Its handler is still to read its values.
    caught: Option<Box<Exception>>,
}

#[derive(Default)]
struct Place {
    /// How often it was given away.
    generation: u32,
    exception: Option<Box<Exception>>,
}

/// An exception.
pub(crate) struct Exception {
    /// What kind it is.
    pub(crate) tag: TagPtr,
    /// As many as its tag's type has parameters.
    pub(crate) values: Box<[ValRaw]>,
    /// Whether a guest may have a reference to it.
    referenced: bool,
    /// Whether the embedder has a reference to it.
    pinned: Cell<bool>,
    /// Whether this collection has found a reference to it.
    marked: bool,
}

impl Exception {
    fn size(&self) -> usize {
        OVERHEAD + size_of_val(&*self.values)
    }
}

impl Default for Exceptions {
    fn default() -> Exceptions {
        Exceptions {
            places: Vec::new(),
            free: Vec::new(),
            bytes: 0,
            collect_at: MIN_COLLECT,
            caught: None,
        }
    }
}

impl Exceptions {
    fn add(&mut self, tag: TagPtr, values: Box<[ValRaw]>) -> u64 {
        let exception = Box::new(Exception {
            tag,
            values,
            referenced: false,
            pinned: Cell::new(false),
            marked: false,
        });
        self.bytes += exception.size();
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place::default());
            self.places.len() as u32 - 1
        });
        let place = &mut self.places[index as usize];
        place.generation += 1;
        place.exception = Some(exception);
        u64::from(place.generation) << 32 | u64::from(index)
    }

    fn place(&self, handle: u64) -> Option<&Place> {
        let place = self.places.get(handle as u32 as usize)?;
        (u64::from(place.generation) == handle >> 32).then_some(place)
    }

    /// The exception that a handle refers to.
    pub(super) fn get(&self, handle: u64) -> Option<&Exception> {
        self.place(handle)?.exception.as_deref()
    }

    fn get_mut(&mut self, handle: u64) -> Option<&mut Exception> {
        self.place(handle)?;
        self.places[handle as u32 as usize].exception.as_deref_mut()
    }

    /// Keeps an exception until the store is dropped.
    pub(super) fn pin(&self, handle: u64) {
        if let Some(exception) = self.get(handle) {
            exception.pinned.set(true);
        }
    }

    /// What a handler is given that keeps a reference to an exception, or does not: where the
    /// values are. They stay until the next exception is caught at least.
    pub(super) fn catch(&mut self, handle: u64, by_reference: bool) -> Option<*const ValRaw> {
        let exception = self.get_mut(handle)?;
        exception.referenced |= by_reference;
        let values = exception.values.as_ptr();
        self.caught = self.end(handle);
        Some(values)
    }

    /// Takes an exception out of the table, unless somebody may have a reference to it.
    pub(super) fn end(&mut self, handle: u64) -> Option<Box<Exception>> {
        let exception = self.get(handle)?;
        if exception.referenced || exception.pinned.get() {
            return None;
        }
        self.remove(handle as u32 as usize)
    }

    fn remove(&mut self, index: usize) -> Option<Box<Exception>> {
        let place = &mut self.places[index];
        let exception = place.exception.take()?;
        self.bytes -= exception.size();
        // A place that has been given away as often as can be counted is not used again.
        if place.generation < u32::MAX {
            self.free.push(index as u32);
        }
        Some(exception)
    }

    /// Marks the exception that `word` refers to, if it is a handle of one, and those it refers to.
    fn mark(&mut self, word: u64) {
        let mut found = vec![word];
        while let Some(word) = found.pop() {
            let Some(exception) = self.get_mut(word) else {
                continue;
            };
            if !exception.marked {
                exception.marked = true;
                found.extend(exception.values.iter().map(val_raw::exnref));
            }
        }
    }

    /// Decides when to collect again, after a collection that has looked at so many bytes.
    fn set_next_collection(&mut self, looked_at: usize) {
        let room = (looked_at / LOOKED_AT_PER_BYTE).clamp(MIN_COLLECT, MAX_BYTES / 2);
        let collect_at = (self.bytes * 2).max(self.bytes + room).min(MAX_BYTES);
        // Where there would hardly be room before the next collection, there is none.
        self.collect_at = match collect_at - self.bytes < room {
            true => self.bytes,
            false => collect_at,
        };
    }

    fn sweep(&mut self) {
        for index in 0..self.places.len() {
            if let Some(exception) = &mut self.places[index].exception
                && !std::mem::take(&mut exception.marked)
            {
                drop(self.remove(index));
            }
        }
    }
}

impl StoreOpaque {
    /// Makes an exception; a handle to it.
    ///
    /// # Errors
    /// [`Trap::TooManyExceptions`].
    pub(crate) fn add_exception(&self, tag: TagPtr, values: &[ValRaw]) -> Result<u64, Trap> {
        let needed = OVERHEAD + size_of_val(values);
        let (used, collect_at) = self.with_exceptions(|all| (all.bytes, all.collect_at));
        if used + needed > collect_at {
            collect(self);
        }
        self.with_exceptions(|all| {
            if all.bytes + needed > all.collect_at {
                return Err(Trap::TooManyExceptions);
            }
            Ok(all.add(tag, values.into()))
        })
    }

    /// Lets go of what a guest has hoarded until it failed with [`Trap::TooManyExceptions`]; nothing for other
    /// errors. The guest's frames are gone, but the next call's are at the same addresses: if a word there
    /// that is not written yet were still a handle, nothing of the hoard would go, then or ever.
    pub(crate) fn let_go_of_hoard(&self, error: &anyhow::Error) {
        if let Some(Trap::TooManyExceptions) = error.downcast_ref() {
            collect(self);
        }
    }

    /// The tag and the values of an exception.
    pub(crate) fn exception(&self, handle: u64) -> Option<(TagPtr, Box<[ValRaw]>)> {
        self.with_exceptions(|all| {
            let exception = all.get(handle)?;
            Some((exception.tag, exception.values.clone()))
        })
    }

    /// Keeps an exception until the store is dropped.
    pub(crate) fn pin_exception(&self, handle: u64) {
        self.with_exceptions(|all| all.pin(handle));
    }

    fn with_exceptions<R>(&self, f: impl FnOnce(&mut Exceptions) -> R) -> R {
        self.vm().with_exceptions(f)
    }
}

/// Drops all exceptions that nothing refers to.
#[cold]
#[inline(never)]
fn collect(store: &StoreOpaque) {
    let saved = arch::callee_saved_registers();
    let context = store.vm().context_ptr();
    store.vm().with_exceptions(|all| {
        let pinned: Vec<u64> = pinned(all).collect();
        let words = saved.iter().map(|&word| word as u64).chain(pinned);
        words.for_each(|word| all.mark(word));
        // SAFETY: this is the store's thread, and its frames out to the outermost entry are
        // further out than this one.
        let on_stacks = unsafe { mark_stack(all, context) };
        let instances = store.core_instances();
        let in_instances = instances.map(|instance| mark_instance(all, instance));
        let words = on_stacks + in_instances.sum::<usize>() + all.places.len();
        all.sweep();
        all.set_next_collection(words * size_of::<u64>());
    });
}

fn pinned(all: &Exceptions) -> impl Iterator<Item = u64> {
    all.places.iter().enumerate().filter_map(|(i, place)| {
        let pinned = place.exception.as_ref()?.pinned.get();
        pinned.then_some(u64::from(place.generation) << 32 | i as u64)
    })
}

/// Marks whatever a word of the stack refers to; how many words there are.
///
/// # Safety
/// `context` is that of the store that this thread runs.
unsafe fn mark_stack(all: &mut Exceptions, context: *mut VMStoreContext) -> usize {
    let mut words = 0;
    let here = 0usize;
    // SAFETY: the caller's word.
    for stack in unsafe { stack_switch::stacks_of(context, (&raw const here).addr()) } {
        for address in stack.step_by(size_of::<usize>()) {
            // SAFETY: the range is of a stack of the store's, in frames that are active, or just
            // below them, where the stack is mapped too; each word is aligned. It may be one that
            // some frame has not written: any bits will do.
            let word = unsafe { arch::read_any(address as *const usize) };
            all.mark(word as u64);
            words += 1;
        }
    }
    words
}

/// Marks what globals and tables that an instance defines refer to; how many elements there are.
fn mark_instance(all: &mut Exceptions, instance: super::InstancePtr) -> usize {
    let mut words = 0;
    let module = &instance.module().module;
    let is_exn = |ty: RefType| ty.heap_type.top() == TopType::Exn;
    for (i, ty) in module.globals.iter().skip(module.num_imported_globals) {
        let index: GlobalIndex = i;
        if matches!(ty.content, ValType::Ref(ty) if is_exn(ty)) {
            all.mark(val_raw::exnref(&instance.global(index).read()));
        }
    }
    for (i, ty) in module.tables.iter().skip(module.num_imported_tables) {
        let index: TableIndex = i;
        if is_exn(ty.element) {
            let table = instance.table(index);
            let elements = (0..table.size()).filter_map(|i| table.get(i));
            elements.for_each(|element| all.mark(element as u64));
            words += table.size() as usize;
        }
    }
    words + module.globals.len() + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::AsContext;
    use crate::vm::pointer::VmPtr;
    use crate::{Engine, Instance, Module, Store};
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use threadline_environ::layout::VMTagDefinition;

    #[test]
    fn a_hoard_is_gone_when_the_call_has_failed() {
        const HOARD: &str = r#"(module
          (tag $nested (param exnref))
          (func $nest (param exnref) (result exnref)
            (block $caught (result exnref exnref)
              (try_table (catch_ref $nested $caught) (throw $nested (local.get 0)))
              unreachable)
            (return))
          (func (export "run")
            (local $list exnref)
            (loop $again (local.set $list (call $nest (local.get $list))) (br $again))))"#;
        for is_async in [false, true] {
            let engine = Engine::default();
            let module = Module::new(&engine, HOARD).unwrap();
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            let run = instance
                .get_typed_func::<(), ()>(&mut store, "run")
                .unwrap();
            let result = match is_async {
                false => run.call(&mut store, ()),
                true => {
                    let call = pin!(run.call_async(&mut store, ()));
                    match call.poll(&mut Context::from_waker(Waker::noop())) {
                        Poll::Ready(result) => result,
                        Poll::Pending => panic!("nothing waits"),
                    }
                }
            };
            let trap = result.unwrap_err().downcast::<Trap>().unwrap();
            assert_eq!(trap, Trap::TooManyExceptions);
            let opaque = store.as_context().opaque();
            assert_eq!(opaque.with_exceptions(|all| all.bytes), 0, "{is_async}");
        }
    }

    fn tag() -> TagPtr {
        let definition = Box::leak(Box::new(VMTagDefinition { type_id: 0 }));
        // SAFETY: leaked, so it lives for ever.
        unsafe { VmPtr::known(definition) }
    }

    #[test]
    fn a_handle_of_an_exception_that_has_ended_refers_to_nothing() {
        let mut all = Exceptions::default();
        let first = all.add(tag(), Box::default());
        assert!(all.end(first).is_some());
        let second = all.add(tag(), Box::default());
        assert_ne!(first, second);
        assert!(all.get(first).is_none());
        assert!(all.get(second).is_some());
    }

    #[test]
    fn what_is_caught_by_value_ends_and_keeps_its_values_for_the_handler() {
        let mut all = Exceptions::default();
        let values: Box<[ValRaw]> = Box::new([val_raw::from_i32(7)]);
        let handle = all.add(tag(), values);
        let values = all.catch(handle, false).unwrap();
        assert!(all.get(handle).is_none());
        // SAFETY: nothing has been caught since.
        assert_eq!(val_raw::i32(unsafe { &*values }), 7);
    }

    #[test]
    fn a_collection_is_paid_for_by_what_was_allocated_before() {
        for (bytes, looked_at, collect_at) in [
            (0, 0, MIN_COLLECT),
            (MIN_COLLECT, 1000, 2 * MIN_COLLECT),
            (4 << 20, 0, 8 << 20),
            // Large stacks: seldom.
            (0, 256 << 20, 4 << 20),
            (1 << 20, 256 << 20, 5 << 20),
            (0, usize::MAX, MAX_BYTES / 2),
            // Nearly all is alive: no more.
            (MAX_BYTES - MIN_COLLECT, 0, MAX_BYTES),
            (MAX_BYTES - MIN_COLLECT + 1, 0, MAX_BYTES - MIN_COLLECT + 1),
            (13 << 20, 256 << 20, 13 << 20),
            (MAX_BYTES, 0, MAX_BYTES),
        ] {
            let mut all = Exceptions {
                bytes,
                ..Exceptions::default()
            };
            all.set_next_collection(looked_at);
            assert_eq!(all.collect_at, collect_at, "{bytes} {looked_at}");
        }
    }

    #[test]
    fn a_sweep_leaves_what_is_marked_and_what_that_refers_to() {
        let mut all = Exceptions::default();
        let inner = all.add(tag(), Box::default());
        let outer = all.add(tag(), Box::new([val_raw::from_exnref(inner)]));
        let other = all.add(tag(), Box::default());
        all.catch(other, true);
        all.mark(outer);
        all.sweep();
        assert!(all.get(inner).is_some());
        assert!(all.get(outer).is_some());
        assert!(all.get(other).is_none());
        all.sweep();
        assert_eq!(all.bytes, 0);
    }
}
