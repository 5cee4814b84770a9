//! Counts what the process holds, and so needs a process of its own.
#![allow(missing_docs, reason = "tests")]
#![cfg(target_os = "linux")]

use anyhow::Result;
use threadline::component::{Component, Linker};
use threadline::{Engine, Instance, Module, Store, Trap};

/// Mappings of this process, and the bytes of its memory that are resident.
fn held() -> Result<(usize, usize)> {
    let maps = std::fs::read_to_string("/proc/self/maps")?.lines().count();
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: usize = statm.split(' ').nth(1).expect("a second field").parse()?;
    Ok((maps, pages * 4096))
}

/// Runs something once to warm up and then many times, and sees what has been kept.
fn keeps_nothing(mut run: impl FnMut(usize) -> Result<()>, times: usize) -> Result<()> {
    for i in 0..times / 10 {
        run(i)?;
    }
    let (maps, resident) = held()?;
    for i in 0..times {
        run(i)?;
    }
    let (maps_after, resident_after) = held()?;
    assert!(
        maps_after <= maps + 8,
        "{maps} mappings became {maps_after}"
    );
    assert!(
        resident_after <= resident + (4 << 20),
        "{resident} bytes became {resident_after}"
    );
    Ok(())
}

#[test]
fn traps_keep_nothing() -> Result<()> {
    let engine = Engine::default();
    let text = r#"(module
        (memory 1)
        (func (export "load") (drop (i32.load (i32.const -1))))
        (func $deep (export "deep") (call $deep))
        (func (export "divide") (drop (i32.div_s (i32.const 1) (i32.const 0))))
        (func (export "copy") (memory.copy (i32.const -1) (i32.const 0) (i32.const 9))))"#;
    let module = Module::new(&engine, text)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let names = ["load", "deep", "divide", "copy"];
    let funcs = names.map(|name| instance.get_typed_func::<(), ()>(&mut store, name));
    keeps_nothing(
        |i| {
            let func = funcs[i % 4].as_ref().expect("an export");
            let error = func.call(&mut store, ()).expect_err("it traps");
            assert!(error.downcast_ref::<Trap>().is_some());
            Ok(())
        },
        10_000,
    )?;

    // Stores, instances and code that are dropped after a trap.
    let component = Component::new(
        &engine,
        r#"(component
            (core module $m (memory 1) (func (export "f") unreachable))
            (core instance $i (instantiate $m))
            (func (export "f") (canon lift (core func $i "f"))))"#,
    )?;
    let linker = Linker::new(&engine);
    keeps_nothing(
        |i| {
            let mut store = Store::new(&engine, ());
            let instance = linker.instantiate(&mut store, &component)?;
            let func = instance.get_typed_func::<(), ()>(&mut store, "f")?;
            assert!(func.call(&mut store, ()).is_err());
            if i % 20 == 0 {
                let module = Module::new(&engine, "(module (func $f unreachable) (start $f))")?;
                assert!(Instance::new(&mut store, &module, &[]).is_err());
            }
            Ok(())
        },
        2_000,
    )?;

    // Threads that trap and end.
    keeps_nothing(
        |_| {
            let thread = std::thread::spawn({
                let (engine, module) = (engine.clone(), module.clone());
                move || {
                    let mut store = Store::new(&engine, ());
                    let instance = Instance::new(&mut store, &module, &[])?;
                    let deep = instance.get_typed_func::<(), ()>(&mut store, "deep")?;
                    assert!(deep.call(&mut store, ()).is_err());
                    anyhow::Ok(())
                }
            });
            thread.join().expect("no panic")
        },
        500,
    )
}
