//! `memory.atomic.wait32`, `memory.atomic.wait64` and `memory.atomic.notify` by guests on several
//! threads, in shared memories of 32-bit and of 64-bit addresses.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]

use anyhow::Result;
use std::time::{Duration, Instant};
use threadline::{
    AddressType, Engine, Instance, Linker, MemoryType, Module, SharedMemory, Store, Trap, Val,
};

const OK: i32 = 0;
const NOT_EQUAL: i32 = 1;
const TIMED_OUT: i32 = 2;
const FOR_EVER: i64 = -1;

/// The operators that wait.
const WAITS: [&str; 2] = ["wait32", "wait64"];

fn text(address: &str) -> String {
    format!(
        r#"(module
            (memory (import "env" "memory") {address} 1 4 shared)
            (func (export "wait32") (param {address} i64 i64) (result i32)
                (memory.atomic.wait32
                    (local.get 0) (i32.wrap_i64 (local.get 1)) (local.get 2)))
            (func (export "wait64") (param {address} i64 i64) (result i32)
                (memory.atomic.wait64 (local.get 0) (local.get 1) (local.get 2)))
            (func (export "wait32+8") (param {address} i64 i64) (result i32)
                (memory.atomic.wait32 offset=8
                    (local.get 0) (i32.wrap_i64 (local.get 1)) (local.get 2)))
            (func (export "wait64+8") (param {address} i64 i64) (result i32)
                (memory.atomic.wait64 offset=8 (local.get 0) (local.get 1) (local.get 2)))
            (func (export "notify") (param {address} i32) (result i32)
                (memory.atomic.notify (local.get 0) (local.get 1)))
            (func (export "notify+8") (param {address} i32) (result i32)
                (memory.atomic.notify offset=8 (local.get 0) (local.get 1))))"#
    )
}

/// A memory, and what makes guests that share it.
struct Shared {
    module: Module,
    memory: SharedMemory,
    address: AddressType,
}

/// A guest in a store of its own.
struct Guest {
    store: Store<()>,
    instance: Instance,
    address: AddressType,
}

fn each_memory(check: impl Fn(&Shared) -> Result<()>) {
    for (address, name) in [(AddressType::I32, "i32"), (AddressType::I64, "i64")] {
        let ty = MemoryType {
            address,
            minimum: 1,
            maximum: Some(4),
            shared: true,
            page_size_log2: 16,
        };
        let engine = Engine::default();
        let shared = Shared {
            module: Module::new(&engine, text(name)).unwrap(),
            memory: SharedMemory::new(&engine, ty).unwrap(),
            address,
        };
        check(&shared).unwrap();
    }
}

impl Shared {
    fn guest(&self) -> Result<Guest> {
        let engine = self.module.engine();
        let mut store = Store::new(engine, ());
        let mut linker = Linker::new(engine);
        linker.define(&store, "env", "memory", self.memory.clone())?;
        let instance = linker.instantiate(&mut store, &self.module)?;
        Ok(Guest {
            store,
            instance,
            address: self.address,
        })
    }
}

impl Guest {
    fn wait(&mut self, name: &str, at: u64, expected: i64, timeout: i64) -> Result<i32> {
        let args = [Val::I64(expected), Val::I64(timeout)];
        self.call(name, at, &args)
    }

    fn notify(&mut self, at: u64, count: i32) -> Result<i32> {
        self.call("notify", at, &[Val::I32(count)])
    }

    /// Notifies until somebody was there to be woken.
    fn wake(&mut self, at: u64) -> Result<()> {
        while self.notify(at, 1)? == 0 {
            std::thread::yield_now();
        }
        Ok(())
    }

    fn call(&mut self, name: &str, at: u64, args: &[Val]) -> Result<i32> {
        let at = match self.address {
            AddressType::I32 => Val::I32(at as i32),
            AddressType::I64 => Val::I64(at as i64),
        };
        let args: Vec<_> = [at].into_iter().chain(args.iter().cloned()).collect();
        let func = self.instance.get_func(&mut self.store, name).unwrap();
        let mut results = [Val::I32(-1)];
        func.call(&mut self.store, &args, &mut results)?;
        Ok(results[0].unwrap_i32())
    }
}

#[track_caller]
fn assert_trap(result: Result<i32>, expected: Trap) {
    let error = result.unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&expected), "{error:?}");
}

#[test]
fn a_value_that_is_not_expected_is_not_waited_for() {
    each_memory(|shared| {
        shared
            .memory
            .write(8, &0x8000_0000_0000_0001u64.to_le_bytes())?;
        let mut guest = shared.guest()?;
        assert_eq!(guest.wait("wait32", 8, 2, FOR_EVER)?, NOT_EQUAL);
        assert_eq!(guest.wait("wait32+8", 0, 2, FOR_EVER)?, NOT_EQUAL);
        // The upper half counts in one, and not in the other.
        assert_eq!(guest.wait("wait64", 8, 1, FOR_EVER)?, NOT_EQUAL);
        assert_eq!(guest.wait("wait64+8", 0, 1, FOR_EVER)?, NOT_EQUAL);
        assert_eq!(guest.wait("wait32", 8, 1, 0)?, TIMED_OUT);
        assert_eq!(guest.wait("wait64", 8, i64::MIN + 1, 0)?, TIMED_OUT);
        Ok(())
    });
}

#[test]
fn a_time_out_ends_a_wait_and_not_before_its_time() {
    each_memory(|shared| {
        let mut guest = shared.guest()?;
        for name in WAITS {
            let start = Instant::now();
            assert_eq!(guest.wait(name, 16, 0, 10_000_000)?, TIMED_OUT);
            assert!(start.elapsed() >= Duration::from_millis(10));
        }
        // A thread that has timed out is not there to be woken.
        assert_eq!(guest.notify(16, -1)?, 0);
        Ok(())
    });
}

#[test]
fn who_waits_is_woken_from_another_store_before_any_time_out() {
    each_memory(|shared| {
        for (name, timeout) in [
            ("wait32", FOR_EVER),
            ("wait64", FOR_EVER),
            ("wait32", i64::MIN),
            ("wait32", i64::MAX),
            ("wait64", i64::MAX),
        ] {
            std::thread::scope(|scope| {
                let waiter = scope.spawn(|| shared.guest()?.wait(name, 24, 0, timeout));
                shared.guest()?.wake(24)?;
                assert_eq!(waiter.join().unwrap()?, OK, "{name} {timeout}");
                anyhow::Ok(())
            })?;
        }
        Ok(())
    });
}

#[test]
fn a_notification_wakes_so_many_and_says_how_many() {
    each_memory(|shared| {
        std::thread::scope(|scope| {
            let wait = |name: &'static str| {
                scope.spawn(move || shared.guest()?.wait(name, 32, 0, FOR_EVER))
            };
            // A queue has waiters of both widths.
            let waiters = ["wait32", "wait64", "wait32", "wait64", "wait32"].map(wait);
            let elsewhere = scope.spawn(|| shared.guest()?.wait("wait64", 40, 0, 300_000_000));
            let mut guest = shared.guest()?;
            let mut woken = 0;
            while woken < 5 {
                assert_eq!(guest.notify(32, 0)?, 0);
                let now = guest.notify(32, 2)?;
                assert!((0..=2).contains(&now), "{now}");
                woken += now;
                std::thread::yield_now();
            }
            assert_eq!(woken, 5);
            assert_eq!(guest.notify(32, -1)?, 0);
            for waiter in waiters {
                assert_eq!(waiter.join().unwrap()?, OK);
            }
            assert_eq!(elsewhere.join().unwrap()?, TIMED_OUT);
            anyhow::Ok(())
        })
    });
}

#[test]
fn all_are_woken_by_the_largest_count() {
    each_memory(|shared| {
        std::thread::scope(|scope| {
            let wait = |_| scope.spawn(|| shared.guest()?.wait("wait32", 32, 0, FOR_EVER));
            let waiters = [(); 4].map(wait);
            let mut guest = shared.guest()?;
            let mut woken = 0;
            // It is unsigned.
            while woken < 4 {
                woken += guest.notify(32, -1)?;
                std::thread::yield_now();
            }
            assert_eq!(woken, 4);
            for waiter in waiters {
                assert_eq!(waiter.join().unwrap()?, OK);
            }
            anyhow::Ok(())
        })
    });
}

#[test]
fn guests_wait_in_memory_that_another_thread_has_grown() {
    each_memory(|shared| {
        let mut guest = shared.guest()?;
        let at = shared.memory.data_size() as u64 + 8;
        assert_trap(guest.wait("wait32", at, 0, 0), Trap::MemoryOutOfBounds);
        std::thread::scope(|scope| {
            scope.spawn(|| shared.memory.grow(1)).join().unwrap()?;
            let waiter = scope.spawn(|| shared.guest()?.wait("wait64", at, 0, FOR_EVER));
            guest.wake(at)?;
            assert_eq!(waiter.join().unwrap()?, OK);
            anyhow::Ok(())
        })
    });
}

#[test]
fn addresses_must_be_aligned_and_in_bounds() {
    each_memory(|shared| {
        let mut guest = shared.guest()?;
        let end = shared.memory.data_size() as u64;
        for (name, size) in [("wait32", 4), ("wait64", 8)] {
            for by in 1..size {
                assert_trap(guest.wait(name, by, 0, 0), Trap::UnalignedAtomic);
                let offset = format!("{name}+8");
                assert_trap(guest.wait(&offset, by, 0, 0), Trap::UnalignedAtomic);
            }
            assert_eq!(guest.wait(name, end - size, 0, 0)?, TIMED_OUT);
            assert_trap(guest.wait(name, end, 0, 0), Trap::MemoryOutOfBounds);
            let offset = format!("{name}+8");
            assert_trap(
                guest.wait(&offset, end - size, 0, 0),
                Trap::MemoryOutOfBounds,
            );
            // The sum does not wrap.
            let last = size.wrapping_neg();
            assert_trap(guest.wait(&offset, last, 0, 0), Trap::MemoryOutOfBounds);
        }
        for by in 1..4 {
            assert_trap(guest.notify(by, 1), Trap::UnalignedAtomic);
        }
        assert_eq!(guest.notify(end - 4, 1)?, 0);
        assert_trap(guest.notify(end, 1), Trap::MemoryOutOfBounds);
        let result = guest.call("notify+8", 4u64.wrapping_neg(), &[Val::I32(1)]);
        assert_trap(result, Trap::MemoryOutOfBounds);
        Ok(())
    });
}

#[test]
fn an_epoch_ends_a_wait_that_nobody_else_would() {
    let engine = Engine::new(threadline::Config::new().epoch_interruption(true)).unwrap();
    let wat = r#"(module
        (memory 1 1 shared)
        (func (export "wait") (result i32)
            (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))))"#;
    let module = Module::new(&engine, wat).unwrap();
    let mut store = Store::new(&engine, ());
    store.set_epoch_deadline(1);
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let wait = instance
        .get_typed_func::<(), i32>(&mut store, "wait")
        .unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(20));
            engine.increment_epoch();
        });
        let error = wait.call(&mut store, ()).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::Interrupt));
    });
}
