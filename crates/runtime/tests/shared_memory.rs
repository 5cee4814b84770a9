//! Memories that stores on several threads share.
#![allow(missing_docs, reason = "tests")]

use anyhow::Result;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use threadline::*;

fn shared_type(minimum: u64, maximum: u64) -> MemoryType {
    MemoryType {
        address: AddressType::I32,
        minimum,
        maximum: Some(maximum),
        shared: true,
        page_size_log2: 16,
    }
}

const GUEST: &str = r#"(module
    (memory (import "env" "memory") 1 4 shared)
    (func (export "count") (param $at i32) (param $n i32)
      (loop $again
        (drop (i32.atomic.rmw.add (local.get $at) (i32.const 1)))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
    (func (export "wait") (param $at i32) (param $ns i64) (result i32)
      (memory.atomic.wait32 (local.get $at) (i32.const 0) (local.get $ns)))
    (func (export "notify") (param $at i32) (param $count i32) (result i32)
      (memory.atomic.notify (local.get $at) (local.get $count)))
    (func (export "size") (result i32) (memory.size))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
    ;; Spins until the memory has pages enough, then writes to the last of them.
    (func (export "await-pages") (param $pages i32)
      (loop $again (br_if $again (i32.lt_u (memory.size) (local.get $pages))))
      (i32.store
        (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4))
        (i32.const 42))))"#;

fn guest(engine: &Engine, memory: &SharedMemory) -> Result<(Store<()>, Instance)> {
    let module = Module::new(engine, GUEST)?;
    let mut store = Store::new(engine, ());
    let mut linker = Linker::new(engine);
    linker.define(&store, "env", "memory", memory.clone())?;
    let instance = linker.instantiate(&mut store, &module)?;
    Ok((store, instance))
}

fn call<P: WasmParams, R: WasmResults>(
    (store, instance): &mut (Store<()>, Instance),
    name: &str,
    params: P,
) -> Result<R> {
    let func = instance.get_typed_func::<P, R>(&mut *store, name)?;
    func.call(store, params)
}

#[test]
fn a_contended_counter_loses_nothing() -> Result<()> {
    const COUNT: i32 = 100_000;
    let engine = Engine::default();
    let memory = SharedMemory::new(&engine, shared_type(1, 4))?;
    std::thread::scope(|scope| {
        let count = || -> Result<()> {
            let mut guest = guest(&engine, &memory)?;
            call(&mut guest, "count", (16, COUNT))
        };
        let threads = [scope.spawn(count), scope.spawn(count), scope.spawn(count)];
        threads.into_iter().try_for_each(|t| t.join().unwrap())
    })?;
    let mut bytes = [0; 4];
    memory.read(16, &mut bytes)?;
    assert_eq!(i32::from_le_bytes(bytes), 3 * COUNT);
    Ok(())
}

#[test]
fn a_guest_that_waits_is_woken_from_another_store() -> Result<()> {
    let engine = Engine::default();
    let memory = SharedMemory::new(&engine, shared_type(1, 4))?;
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| -> Result<i32> {
            let mut guest = guest(&engine, &memory)?;
            call(&mut guest, "wait", (8, -1i64))
        });
        let mut other = guest(&engine, &memory)?;
        while call::<_, i32>(&mut other, "notify", (8, 1))? == 0 {
            std::thread::yield_now();
        }
        assert_eq!(waiter.join().unwrap()?, 0);
        anyhow::Ok(())
    })
}

#[test]
fn host_and_guest_wait_for_each_other() -> Result<()> {
    let engine = Engine::default();
    let memory = SharedMemory::new(&engine, shared_type(1, 4))?;
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| -> Result<i32> {
            let mut guest = guest(&engine, &memory)?;
            while call::<_, i32>(&mut guest, "notify", (0, 1))? == 0 {
                std::thread::yield_now();
            }
            call(&mut guest, "wait", (64, -1i64))
        });
        assert_eq!(memory.atomic_wait64(0, 0, None)?, WaitResult::Ok);
        while memory.atomic_notify(64, u32::MAX)? == 0 {
            std::thread::yield_now();
        }
        assert_eq!(thread.join().unwrap()?, 0);
        anyhow::Ok(())
    })
}

#[test]
fn a_wait_ends_by_its_time_out_and_not_before() -> Result<()> {
    let engine = Engine::default();
    let memory = SharedMemory::new(&engine, shared_type(1, 4))?;
    let mut guest = guest(&engine, &memory)?;
    let start = Instant::now();
    assert_eq!(call::<_, i32>(&mut guest, "wait", (8, 20_000_000i64))?, 2);
    assert!(start.elapsed() >= Duration::from_millis(20));
    let timeout = Some(Duration::from_millis(1));
    assert_eq!(memory.atomic_wait32(8, 0, timeout)?, WaitResult::TimedOut);
    assert_eq!(memory.atomic_wait32(8, 1, None)?, WaitResult::Mismatch);
    assert_eq!(memory.atomic_wait64(4, 0, None), Err(Trap::UnalignedAtomic));
    assert_eq!(memory.atomic_notify(65536, 1), Err(Trap::MemoryOutOfBounds));
    Ok(())
}

#[test]
fn growth_is_seen_by_the_thread_that_did_not_grow() -> Result<()> {
    for reservation in [4 << 30, 0] {
        let mut config = Config::new();
        config.memory_reservation(reservation);
        let engine = Engine::new(&config)?;
        let memory = SharedMemory::new(&engine, shared_type(1, 4))?;
        let mut grower = guest(&engine, &memory)?;
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| -> Result<()> {
                let mut guest = guest(&engine, &memory)?;
                call(&mut guest, "await-pages", 3)
            });
            assert_eq!(call::<_, i32>(&mut grower, "grow", 2)?, 1);
            thread.join().unwrap()
        })?;
        assert_eq!(call::<_, i32>(&mut grower, "load", 3 * 65536 - 4)?, 42);
        let error = call::<_, i32>(&mut grower, "load", 3 * 65536).unwrap_err();
        assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::MemoryOutOfBounds));
        assert_eq!(memory.grow(1)?, 3);
        assert_eq!(call::<_, i32>(&mut grower, "size", ())?, 4);
        assert_eq!(call::<_, i32>(&mut grower, "grow", 1)?, -1);
        assert!(memory.grow(1).is_err());
    }
    Ok(())
}

#[test]
fn a_module_can_define_what_others_share() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module
            (memory (export "memory") 1 4 shared)
            (data (i32.const 4) "\2a")
            (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
            (func (export "size") (result i32) (memory.size)))"#,
    )?;
    let memory = {
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        assert!(instance.get_memory(&mut store, "memory").is_none());
        let memory = instance.get_shared_memory(&mut store, "memory").unwrap();
        let again = instance.get_shared_memory(&mut store, "memory").unwrap();
        assert!(SharedMemory::same(&memory, &again));
        memory.grow(1)?;
        memory.data()[70_000].store(1, Ordering::SeqCst);
        let load = instance.get_typed_func::<i32, i32>(&mut store, "load")?;
        assert_eq!(load.call(&mut store, 70_000)?, 1);
        let size = instance.get_typed_func::<(), i32>(&mut store, "size")?;
        assert_eq!(size.call(&mut store, ())?, 2);
        memory
    };
    // It outlives the store that made it.
    let mut guest = guest(&engine, &memory)?;
    assert_eq!(call::<_, i32>(&mut guest, "load", 4)?, 42);
    assert_eq!(call::<_, i32>(&mut guest, "load", 70_000)?, 1);
    let exported = guest.1.exports(&mut guest.0).count();
    assert_eq!(exported, 7);
    Ok(())
}

#[test]
fn the_host_reads_and_writes_within_bounds() -> Result<()> {
    let memory = SharedMemory::new(&Engine::default(), shared_type(1, 4))?;
    assert_eq!((memory.size(), memory.data_size()), (1, 65536));
    assert_eq!(memory.data().len(), 65536);
    memory.write(65530, b"abcdef")?;
    let mut bytes = [0; 4];
    memory.read(65531, &mut bytes)?;
    assert_eq!(&bytes, b"bcde");
    assert!(memory.write(65531, b"abcdef").is_err());
    assert!(memory.read(65533, &mut bytes).is_err());
    assert!(memory.read(usize::MAX, &mut bytes).is_err());
    Ok(())
}

#[test]
fn a_type_that_does_not_fit_is_refused() -> Result<()> {
    let engine = Engine::default();
    let refuse = |ty: MemoryType, text: &str| {
        let error = SharedMemory::new(&engine, ty).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    };
    let mut unshared = shared_type(1, 4);
    unshared.shared = false;
    refuse(unshared, "not shared");
    let mut endless = shared_type(1, 4);
    endless.maximum = None;
    refuse(endless, "must have maximum");
    refuse(shared_type(5, 4), "minimum size exceeds its maximum");
    let mut store = Store::new(&engine, ());
    let error = Memory::new(&mut store, shared_type(1, 4)).unwrap_err();
    assert!(error.to_string().contains("SharedMemory::new"), "{error}");

    let memory = SharedMemory::new(&engine, shared_type(1, 5))?;
    let error = guest(&engine, &memory).err().unwrap();
    assert_eq!(
        error.to_string(),
        "incompatible import type for `env::memory`: expected memory 1..=4 shared, found memory \
         1..=5 shared"
    );
    let other = Engine::default();
    let memory = SharedMemory::new(&other, shared_type(1, 4))?;
    let error = guest(&engine, &memory).err().unwrap();
    assert!(
        matches!(
            error.downcast_ref(),
            Some(LinkError::WrongEngine {
                what: "shared memory"
            })
        ),
        "{error}"
    );
    Ok(())
}
