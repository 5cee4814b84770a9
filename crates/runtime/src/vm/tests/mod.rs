//! Entry, exit, traps and backtraces, with code assembled by hand; see `machine_code`.
#![cfg(target_arch = "x86_64")]

mod faults_outside_wasm;
mod machine_code;

use super::{
    DEFAULT_MAX_WASM_STACK, HostToWasm, ThreadKind, VmStoreState, call_wasm, catch, raise, trap,
};
use crate::code::{CodeMemory, registry};
use crate::concurrent::switch::{RunningSlots, ThreadScope};
use crate::trap::{Trap, WasmBacktrace};
use anyhow::{Result, anyhow, bail};
use machine_code::Code;
use std::cell::{Cell, UnsafeCell};
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;
use threadline_environ::BuiltinIndex;
use threadline_environ::layout::{ContextSlots, VMHeader, VMHostFuncContext, ValRaw};

type HostFunc = dyn Fn(&Guest) -> Result<()>;

/// A store with one instance of the hand-made module, whose import is `host`.
struct Guest {
    state: VmStoreState,
    code: Arc<CodeMemory>,
    builtins: Box<[usize]>,
    slots: Box<UnsafeCell<ContextSlots>>,
    context: Box<UnsafeCell<VMHostFuncContext>>,
    host: Box<HostFunc>,
}

impl Guest {
    fn new(host: impl Fn(&Guest) -> Result<()> + 'static) -> Guest {
        Guest::with_stack(DEFAULT_MAX_WASM_STACK, host)
    }

    fn with_stack(max_wasm_stack: usize, host: impl Fn(&Guest) -> Result<()> + 'static) -> Guest {
        let state = VmStoreState::new(max_wasm_stack, Arc::default());
        let mut builtins = vec![0; BuiltinIndex::ALL.len()].into_boxed_slice();
        builtins[BuiltinIndex::Raise as usize] = raise as *const () as usize;
        builtins[BuiltinIndex::Trap as usize] = trap as *const () as usize;
        let slots = Box::new(UnsafeCell::new([0; 2]));
        let context = VMHostFuncContext {
            header: VMHeader {
                store_context: state.context_ptr(),
                builtins: builtins.as_ptr(),
                owner: ptr::null_mut(),
                context: slots.get(),
            },
            call: call_host_func as *const c_void,
            importer: ptr::null_mut(),
        };
        Guest {
            state,
            code: machine_code::publish(),
            builtins,
            slots,
            context: Box::new(UnsafeCell::new(context)),
            host: Box::new(host),
        }
    }

    fn without_imports() -> Guest {
        Guest::new(|_| bail!("not called"))
    }

    /// Calls a function with two i64s, and returns two.
    fn call_on(&self, thread: ThreadKind, code: Code, params: [u64; 2]) -> Result<[u64; 2]> {
        assert!(!self.builtins.is_empty());
        let mut args = params.map(|i64| ValRaw { i64: i64 as i64 });
        // SAFETY: the trampoline is the image's own; all pointers live as long as `self`; the
        // fake functions read and write two values at most.
        unsafe {
            (*self.context.get()).header.owner = ptr::from_ref(self).cast_mut().cast();
            let trampoline = HostToWasm::from_ptr(
                self.code
                    .func_ptr(machine_code::host_to_wasm_key())
                    .unwrap(),
            );
            call_wasm(
                self.state.context_ptr(),
                thread,
                trampoline,
                self.code.func_ptr(code.key()).unwrap(),
                self.context.get().cast(),
                &mut args,
            )?;
            Ok(args.map(|value| value.i64 as u64))
        }
    }

    fn call(&self, code: Code, params: [u64; 2]) -> Result<[u64; 2]> {
        self.call_on(ThreadKind::New, code, params)
    }

    fn running_slots(&self) -> [u64; 2] {
        // SAFETY: the store is alive and no compiled code runs.
        unsafe { *self.slots.get() }
    }

    fn set_running_slots(&self, slots: [u64; 2]) {
        // SAFETY: as above.
        unsafe { *self.slots.get() = slots };
    }

    /// Checks that the store is outside wasm, as far as it knows.
    fn assert_left(&self) {
        // SAFETY: as above.
        unsafe { assert!((*self.state.context_ptr()).entry.is_null()) };
        assert!(super::activation::current().is_null());
    }
}

unsafe extern "C" fn call_host_func(context: *mut VMHostFuncContext, _args: *mut ValRaw) -> bool {
    // SAFETY: compiled code passes its context, whose owner `Guest::call_on` set.
    unsafe {
        let guest = &*(*context).header.owner.cast::<Guest>();
        catch((*context).header.store_context, || (guest.host)(guest)).is_ok()
    }
}

fn trap_of(result: Result<[u64; 2]>) -> Trap {
    let error = result.unwrap_err();
    *error
        .downcast_ref::<Trap>()
        .unwrap_or_else(|| panic!("not a trap: {error:?}"))
}

#[test]
fn an_illegal_instruction_traps_with_a_backtrace() {
    let guest = Guest::without_imports();
    let error = guest.call(Code::Unreachable, [0, 0]).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::Unreachable));
    let backtrace = error.downcast_ref::<WasmBacktrace>().unwrap();
    assert_eq!(backtrace.frames().len(), 1);
    assert_eq!(
        backtrace.to_string(),
        "wasm backtrace:\n    0:    0x101 - fake!boom"
    );
    assert_eq!(backtrace.frames()[0].func_index(), 1);
    guest.assert_left();
}

#[test]
fn a_load_from_a_guard_page_traps_and_others_do_not() {
    let guest = Guest::without_imports();
    let page = super::page_size();
    let mut memory = super::Mapping::reserve(2 * page).unwrap();
    memory.make_accessible(page).unwrap();
    memory.bytes_mut()[page - 4..].copy_from_slice(&9_u32.to_le_bytes());
    let end = memory.base() as u64 + page as u64;
    assert_eq!(guest.call(Code::Load, [end - 4, 0]).unwrap()[0], 9);
    for address in [end - 3, end, end + page as u64 - 4] {
        let trap = trap_of(guest.call(Code::Load, [address, 0]));
        assert_eq!(trap, Trap::MemoryOutOfBounds);
    }
    guest.assert_left();
}

#[test]
fn a_division_by_zero_traps() {
    let guest = Guest::without_imports();
    assert_eq!(guest.call(Code::Divide, [42, 6]).unwrap()[0], 7);
    assert_eq!(
        trap_of(guest.call(Code::Divide, [42, 0])),
        Trap::IntegerDivisionByZero
    );
    assert_eq!(guest.call(Code::Divide, [42, 7]).unwrap()[0], 6);
}

#[test]
fn a_builtin_traps_by_its_code() {
    let guest = Guest::without_imports();
    let code = Trap::CannotLeaveComponent as u64;
    assert_eq!(
        trap_of(guest.call(Code::ExplicitTrap, [code, 0])),
        Trap::CannotLeaveComponent
    );
    let error = guest.call(Code::ExplicitTrap, [250, 0]).unwrap_err();
    assert!(error.downcast_ref::<crate::Bug>().is_some(), "{error:?}");
    guest.assert_left();
}

#[test]
fn a_new_thread_starts_at_zero_and_the_callers_slots_come_back() {
    let guest = Guest::without_imports();
    guest.set_running_slots([3, 4]);
    assert_eq!(guest.call(Code::Slots, [1, 1]).unwrap(), [0, 0]);
    assert_eq!(guest.running_slots(), [3, 4]);
    trap_of(guest.call(Code::Unreachable, [0, 0]));
    assert_eq!(guest.running_slots(), [3, 4]);
}

#[test]
fn calls_in_one_scope_share_their_thread() {
    let mut guest = Guest::without_imports();
    guest.set_running_slots([3, 4]);
    struct Running<'a>(&'a mut Guest);
    impl RunningSlots for Running<'_> {
        fn slots(&mut self) -> &mut ContextSlots {
            self.0.slots.get_mut()
        }
    }
    let mut scope = ThreadScope::begin(Running(&mut guest));
    let mut call = || {
        scope
            .store()
            .0
            .call_on(ThreadKind::Same, Code::Slots, [0, 0])
    };
    assert_eq!(call().unwrap(), [0, 0]);
    assert_eq!(call().unwrap(), [77, 78]);
    drop(scope);
    assert_eq!(guest.running_slots(), [3, 4]);
}

#[test]
fn a_host_error_comes_back_with_the_frames_that_called_it() {
    let guest = Guest::new(|_| Err(anyhow!("no such file")));
    let error = guest.call(Code::Outer, [0, 0]).unwrap_err();
    assert_eq!(error.root_cause().to_string(), "no such file");
    assert_eq!(
        error.downcast_ref::<WasmBacktrace>().unwrap().to_string(),
        "wasm backtrace:\n    0:    0x200 - fake!call-host\n    1:    0x300 - fake!outer"
    );
    guest.assert_left();
}

#[test]
fn a_host_panic_goes_through_wasm_with_its_payload() {
    let guest = Guest::new(|_| std::panic::panic_any(1234_u32));
    guest.set_running_slots([1, 2]);
    let result = catch_unwind(AssertUnwindSafe(|| guest.call(Code::Outer, [0, 0])));
    assert_eq!(result.unwrap_err().downcast_ref::<u32>(), Some(&1234));
    guest.assert_left();
    assert_eq!(guest.running_slots(), [1, 2]);
    assert_eq!(guest.call(Code::Divide, [6, 2]).unwrap()[0], 3);
}

#[test]
fn a_nested_trap_that_the_host_swallows_leaves_the_outer_call_alone() {
    let guest = Guest::new(|guest| {
        assert_eq!(guest.running_slots(), [5, 0]);
        assert_eq!(
            trap_of(guest.call(Code::Unreachable, [0, 0])),
            Trap::Unreachable
        );
        assert_eq!(guest.running_slots(), [5, 0]);
        assert_eq!(guest.call(Code::Slots, [0, 0])?, [0, 0]);
        Ok(())
    });
    assert_eq!(guest.call(Code::Outer, [0, 0]).unwrap()[1], 5);
    guest.assert_left();
}

#[test]
fn a_nested_trap_tells_all_frames_across_the_host() {
    let guest = Guest::new(|guest| guest.call(Code::Unreachable, [0, 0]).map(drop));
    let error = guest.call(Code::Outer, [0, 0]).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::Unreachable));
    let backtrace = error.downcast_ref::<WasmBacktrace>().unwrap();
    let names: Vec<_> = backtrace.frames().iter().map(|f| f.func_name()).collect();
    assert_eq!(names, [Some("boom"), Some("call-host"), Some("outer")]);
    assert_eq!(format!("{error:?}").matches("wasm backtrace:").count(), 1);
}

#[test]
fn another_stores_trap_within_a_host_call_is_its_own() {
    let guest = Guest::new(|outer| {
        let inner = Guest::without_imports();
        assert_eq!(
            trap_of(inner.call(Code::Divide, [1, 0])),
            Trap::IntegerDivisionByZero
        );
        assert_eq!(super::activation::current(), outer.state.context_ptr());
        bail!(inner.call(Code::Unreachable, [0, 0]).unwrap_err())
    });
    let error = guest.call(Code::Outer, [0, 0]).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::Unreachable));
    guest.assert_left();
}

#[test]
fn endless_recursion_exhausts_the_stack_limit() {
    let guest = Guest::without_imports();
    let error = guest.call(Code::Recurse, [0, 0]).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::StackOverflow));
    let backtrace = error.downcast_ref::<WasmBacktrace>().unwrap();
    assert_eq!(backtrace.frames().len(), 64);
    // Two words a frame; the host's own frames at the top count for a few.
    let expected = DEFAULT_MAX_WASM_STACK / 16;
    let total = 64 + backtrace.omitted();
    assert!(total.abs_diff(expected) < 500, "{total} frames");
    assert!(backtrace.to_string().ends_with("more frames"));
    guest.assert_left();
}

#[test]
fn a_limit_beyond_the_threads_stack_stops_short_of_its_end() {
    let run = || {
        let guest = Guest::with_stack(usize::MAX, |_| bail!("not called"));
        trap_of(guest.call(Code::Recurse, [0, 0]))
    };
    let thread = std::thread::Builder::new().stack_size(1 << 20);
    let code = thread.spawn(run).unwrap().join().unwrap();
    assert_eq!(code, Trap::StackOverflow);
    // Not even the reserve is there: the call is refused.
    let thread = std::thread::Builder::new().stack_size(96 << 10);
    let code = thread.spawn(run).unwrap().join().unwrap();
    assert_eq!(code, Trap::StackOverflow);
}

#[test]
fn endless_recursion_through_the_host_is_a_trap() {
    let guest = Guest::new(|guest| guest.call(Code::Outer, [0, 0]).map(drop));
    let error = guest.call(Code::Outer, [0, 0]).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::StackOverflow));
    let backtrace = error.downcast_ref::<WasmBacktrace>().unwrap();
    assert_eq!(backtrace.frames()[0].func_name(), Some("call-host"));
    assert!(backtrace.omitted() > 0);
    guest.assert_left();
}

#[test]
fn threads_trap_each_in_its_own_activation() {
    std::thread::scope(|scope| {
        for i in 0..8 {
            scope.spawn(move || {
                let guest = Guest::without_imports();
                for j in 0..200 {
                    let trap = trap_of(guest.call(Code::Divide, [i * j, 0]));
                    assert_eq!(trap, Trap::IntegerDivisionByZero);
                    assert_eq!(guest.call(Code::Divide, [i * j, 1]).unwrap()[0], i * j);
                }
                guest.assert_left();
            });
        }
    });
}

#[test]
fn a_store_that_moved_to_another_thread_traps_there() {
    let guest = Guest::without_imports();
    trap_of(guest.call(Code::Unreachable, [0, 0]));
    let state = guest.state;
    let context = state.context_ptr() as usize;
    std::thread::spawn(move || {
        let mut moved = Guest::without_imports();
        // SAFETY: nothing is called through the old store any more.
        unsafe { (*moved.context.get()).header.store_context = state.context_ptr() };
        moved.state = state;
        assert_eq!(moved.state.context_ptr() as usize, context);
        assert_eq!(
            trap_of(moved.call(Code::Unreachable, [0, 0])),
            Trap::Unreachable
        );
        moved.assert_left();
    })
    .join()
    .unwrap();
}

#[test]
fn a_thread_that_ends_takes_its_signal_stack_along() {
    let mappings = || {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        maps.lines().count()
    };
    let run = || {
        std::thread::spawn(|| {
            let guest = Guest::without_imports();
            trap_of(guest.call(Code::Divide, [1, 0]));
        })
        .join()
        .unwrap();
    };
    run();
    let before = mappings();
    for _ in 0..500 {
        run();
    }
    // A leak would be two for each; other tests run meanwhile.
    let grown = mappings().saturating_sub(before);
    assert!(grown < 250, "{grown} mappings more");
}

#[test]
fn code_is_executable_and_not_writable_while_it_lives_and_then_gone() {
    let code = machine_code::publish();
    let text = code.text();
    // Neighbouring mappings of the same kind share a line.
    let permissions = || {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        maps.lines().find_map(|line| {
            let mut words = line.split(' ');
            let (start, end) = words.next()?.split_once('-')?;
            let start = usize::from_str_radix(start, 16).ok()?;
            let end = usize::from_str_radix(end, 16).ok()?;
            (start..end)
                .contains(&text.start)
                .then(|| words.next().map(str::to_owned))?
        })
    };
    assert_eq!(permissions().as_deref(), Some("r-xp"));
    let found = registry::lookup(text.end - 1).unwrap();
    assert_eq!(found.text(), text);
    let loaded = Arc::downgrade(&found);
    drop(found);
    drop(code);
    assert!(loaded.upgrade().is_none(), "the registry forgot it");
}

#[test]
fn ten_thousand_failures_leak_nothing() {
    let token = Arc::new(());
    let kept = Arc::clone(&token);
    let count = Cell::new(0_u32);
    let guest = Guest::new(move |_| {
        #[derive(Debug, Clone)]
        struct Failed(#[expect(dead_code, reason = "held to be counted")] Arc<()>);
        impl std::fmt::Display for Failed {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("failed")
            }
        }
        impl std::error::Error for Failed {}
        count.set(count.get() + 1);
        if count.get().is_multiple_of(2) {
            return Err(Failed(Arc::clone(&kept)).into());
        }
        std::panic::resume_unwind(Box::new(Failed(Arc::clone(&kept))))
    });
    let round = || {
        trap_of(guest.call(Code::Unreachable, [0, 0]));
        let result = catch_unwind(AssertUnwindSafe(|| guest.call(Code::Outer, [0, 0])));
        assert!(!matches!(result, Ok(Ok(_))));
    };
    round();
    let before = resident_pages();
    for _ in 0..10_000 {
        round();
    }
    assert_eq!(Arc::strong_count(&token), 2);
    // A leak of so little as 512 bytes a round would be 1,250 pages; other tests run meanwhile.
    let grown = resident_pages().saturating_sub(before);
    assert!(grown < 1_000, "{grown} pages more");
    guest.assert_left();
}

fn resident_pages() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse().unwrap()
}
