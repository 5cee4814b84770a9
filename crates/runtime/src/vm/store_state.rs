//! A store's share of `vm`: its `VMStoreContext` and the failure that is on its way out of wasm.
//!
//! Compiled code, signal handlers and host functions all come with a `*mut VMStoreContext`; the
//! context is the first field of [`StoreCells`], so that pointer finds the rest as well.
//!
//! A failure is recorded (by the signal handler, the `trap` builtin, or a host function's edge),
//! then control goes to the innermost entry's landing pad, then [`call_wasm`] takes it. Between
//! the first and the last of these no other wasm runs in the store.
//!
//! [`call_wasm`]: super::entry::call_wasm

use super::backtrace::RawBacktrace;
use super::component_instance::ComponentInstancePtr;
use super::exceptions::Exceptions;
use super::stack_switch::{self, Fibers};
use crate::store::StoreOpaque;
use std::any::Any;
use std::mem::offset_of;
use std::num::NonZeroU64;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use threadline_environ::TrapCode;
use threadline_environ::layout::{VMHeader, VMStoreContext};

/// Bytes of native stack that wasm may use unless the embedder says otherwise.
pub(crate) const DEFAULT_MAX_WASM_STACK: usize = 512 << 10;

/// Why wasm is being left the hard way.
pub(super) enum Failure {
    /// The guest trapped.
    Trap(TrapCode),
    /// A host function returned an error.
    Error(anyhow::Error),
    /// The guest threw an exception, or a host function did by returning the error; either may
    /// turn out to have a handler.
    Exception {
        /// The exception.
        handle: u64,
        /// The host function's error.
        error: Option<anyhow::Error>,
    },
    /// A host function panicked.
    Panic(Box<dyn Any + Send>),
}

/// Everything of a store that is found from the address of its context.
#[repr(C)]
pub(super) struct StoreCells {
    pub(super) context: VMStoreContext,
    /// Keeps alive what `VMStoreContext::epoch_counter` points to.
    _epoch: Arc<AtomicU64>,
    /// Bytes of stack that wasm may use on an outermost entry.
    pub(super) max_wasm_stack: usize,
    /// Fuel beyond what `VMStoreContext::fuel` has room for.
    pub(super) fuel_reserve: u64,
    /// How much fuel wasm is given at once, after which it yields; `None` if it doesn't.
    pub(super) fuel_slice: Option<NonZeroU64>,
    /// The failure on its way out of wasm.
    pub(super) pending: Option<Failure>,
    /// The frames that `pending` came from.
    pub(super) frames: RawBacktrace,
    /// What `exnref`s refer to.
    pub(super) exceptions: Exceptions,
    /// The store's stacks.
    pub(super) fibers: Fibers,
    /// Component instances that were locked and whose tasks have not been seen to.
    locked: Vec<ComponentInstancePtr>,
    /// Component instances that were locked, and whose tasks are freed when no guest thread runs.
    to_free: Vec<ComponentInstancePtr>,
}

const _: () = assert!(offset_of!(StoreCells, context) == 0);

impl StoreCells {
    /// The cells that a context is part of.
    pub(super) fn of(context: *mut VMStoreContext) -> *mut StoreCells {
        context.cast()
    }
}

/// Owns a store's context, which stays where it is when this moves.
#[derive(Debug)]
pub(crate) struct VmStoreState {
    pub(super) cells: NonNull<StoreCells>,
}

// SAFETY: what the cells point to are frames of the thread that is in wasm (null outside), and
// the store that owns `self`. A store that moves to another thread is not in wasm: `call_wasm`
// borrows it for as long as it runs. Errors and panic payloads are `Send` themselves.
unsafe impl Send for VmStoreState {}

impl VmStoreState {
    /// The state of a new store whose outermost entries may use `max_wasm_stack` bytes of stack.
    pub(crate) fn new(max_wasm_stack: usize, epoch: Arc<AtomicU64>) -> VmStoreState {
        super::sys::install_trap_handlers();
        let cells = Box::new(StoreCells {
            context: VMStoreContext {
                stack_limit: AtomicUsize::new(0),
                exit_fp: 0,
                exit_pc: 0,
                entry: ptr::null_mut(),
                fuel: 0,
                epoch_deadline: 0,
                epoch_counter: Arc::as_ptr(&epoch),
                store: ptr::null_mut(),
                host_sp: ptr::null_mut(),
                guest_sp: ptr::null_mut(),
            },
            _epoch: epoch,
            max_wasm_stack,
            fuel_reserve: 0,
            fuel_slice: None,
            pending: None,
            frames: RawBacktrace::new(),
            exceptions: Exceptions::default(),
            fibers: Fibers::default(),
            locked: Vec::new(),
            to_free: Vec::new(),
        });
        VmStoreState {
            cells: NonNull::from(Box::leak(cells)),
        }
    }

    /// Takes note of an instance that was locked.
    pub(super) fn note_locked(instance: ComponentInstancePtr) {
        // SAFETY: every context begins with a header. An instance is used by who has borrowed its
        // store, so nothing else uses the cells now.
        unsafe {
            let header = instance.vmctx().as_ptr().cast::<VMHeader>();
            let cells = StoreCells::of((*header).store_context);
            (*cells).locked.push(instance);
        }
    }

    fn cells(&mut self) -> &mut StoreCells {
        // SAFETY: the cells live as long as `self`; compiled code doesn't run meanwhile.
        unsafe { self.cells.as_mut() }
    }

    /// What `VMHeader::store_context` of the store's contexts points to.
    pub(crate) fn context_ptr(&self) -> *mut VMStoreContext {
        self.cells.as_ptr().cast()
    }
}

impl StoreOpaque {
    /// Whether there are component instances that were locked and not seen to.
    #[inline]
    pub(crate) fn has_locked(&mut self) -> bool {
        let cells = self.vm_mut().cells();
        if cells.locked.is_empty() && cells.to_free.is_empty() {
            return false;
        }
        !cells.locked.is_empty() || self.concurrency.scheduler.depth() == 0
    }

    /// Takes those, and if nothing runs any more, also what was kept to be freed then.
    pub(crate) fn take_locked(&mut self, and_to_free: bool) -> Vec<ComponentInstancePtr> {
        let cells = self.vm_mut().cells();
        let mut locked = std::mem::take(&mut cells.locked);
        if and_to_free {
            locked.append(&mut cells.to_free);
        }
        locked
    }

    /// Keeps instances that were seen to until what is theirs can be freed.
    pub(crate) fn keep_locked(&mut self, mut locked: Vec<ComponentInstancePtr>) {
        self.vm_mut().cells().to_free.append(&mut locked);
    }
}

impl Drop for VmStoreState {
    fn drop(&mut self) {
        // SAFETY: no wasm of the store runs, and nobody will resume a fiber of a store that is gone.
        unsafe { stack_switch::abandon_all(self.context_ptr()) };
        // SAFETY: `new` leaked this box and nothing else frees it; no wasm of the store runs, for
        // `call_wasm` borrows the store.
        drop(unsafe { Box::from_raw(self.cells.as_ptr()) });
    }
}
