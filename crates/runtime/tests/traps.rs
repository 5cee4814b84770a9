//! Traps, backtraces and threads of compiled wasm, under every lowering.

use anyhow::{Result, bail};
use threadline::{
    Caller, Config, ContextLowering, Engine, Instance, Linker, Module, Store, Trap, WasmBacktrace,
};

const WAT: &str = r#"(module $guest
  (import "host" "call" (func $host (param i32) (result i32)))
  (memory 1)
  (func $load (export "load") (param i32) (result i32)
    (i32.load (local.get 0)))
  (func $divide (export "divide") (param i32 i32) (result i32)
    (i32.div_s (local.get 0) (local.get 1)))
  (func $unreachable (export "unreachable") unreachable)
  (func $recurse (export "recurse") (param i32) (result i32)
    (i32.add (call $recurse (local.get 0)) (i32.const 1)))
  (func $inner (param i32) (result i32)
    (i32.add (call $host (local.get 0)) (i32.const 1)))
  (func $outer (export "outer") (param i32) (result i32)
    (i32.add (call $inner (local.get 0)) (i32.const 1))))"#;

type Host = fn(Caller<'_, ()>, i32) -> Result<i32>;

fn instantiate(lowering: ContextLowering, host: Host) -> Result<(Store<()>, Instance)> {
    let engine = Engine::new(Config::new().context_lowering(lowering))?;
    let module = Module::new(&engine, WAT)?;
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "call", host)?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    Ok((store, instance))
}

fn everywhere(host: Host, check: impl Fn(&mut Store<()>, Instance) -> Result<()>) {
    for lowering in ContextLowering::ALL {
        let (mut store, instance) = instantiate(lowering, host).expect("the guest instantiates");
        for _ in 0..3 {
            check(&mut store, instance).expect("the check passes");
        }
    }
}

fn unused(_: Caller<'_, ()>, _: i32) -> Result<i32> {
    bail!("not called")
}

fn names(error: &anyhow::Error) -> Vec<String> {
    let backtrace = error.downcast_ref::<WasmBacktrace>().expect("a backtrace");
    backtrace
        .frames()
        .iter()
        .map(|frame| frame.func_name().unwrap_or("?").to_owned())
        .collect()
}

#[test]
fn compiled_code_traps() {
    everywhere(unused, |store, instance| {
        let load = instance.get_typed_func::<i32, i32>(&mut *store, "load")?;
        assert_eq!(load.call(&mut *store, 65532)?, 0);
        for address in [65533, 65536, -1, i32::MIN] {
            let error = load.call(&mut *store, address).unwrap_err();
            assert_eq!(error.downcast_ref(), Some(&Trap::MemoryOutOfBounds));
            assert_eq!(names(&error), ["load"]);
        }
        let divide = instance.get_typed_func::<(i32, i32), i32>(&mut *store, "divide")?;
        assert_eq!(divide.call(&mut *store, (6, 2))?, 3);
        let error = divide.call(&mut *store, (6, 0)).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::IntegerDivisionByZero));
        let error = divide.call(&mut *store, (i32::MIN, -1)).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::IntegerOverflow));
        let unreachable = instance.get_typed_func::<(), ()>(&mut *store, "unreachable")?;
        let error = unreachable.call(&mut *store, ()).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::Unreachable));
        let backtrace = error.downcast_ref::<WasmBacktrace>().expect("a backtrace");
        println!("{error:?}");
        assert!(backtrace.frames()[0].module_offset().is_some());
        let recurse = instance.get_typed_func::<i32, i32>(&mut *store, "recurse")?;
        let error = recurse.call(&mut *store, 0).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::StackOverflow));
        Ok(())
    });
}

#[test]
fn host_errors_and_panics_cross_compiled_code() {
    fn fail(_: Caller<'_, ()>, how: i32) -> Result<i32> {
        match how {
            0 => bail!("refused"),
            1 => std::panic::panic_any(7_u8),
            n => Ok(n),
        }
    }
    everywhere(fail, |store, instance| {
        let outer = instance.get_typed_func::<i32, i32>(&mut *store, "outer")?;
        assert_eq!(outer.call(&mut *store, 5)?, 7);
        let error = outer.call(&mut *store, 0).unwrap_err();
        assert_eq!(error.root_cause().to_string(), "refused");
        assert_eq!(names(&error), ["inner", "outer"]);
        let panic =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| outer.call(&mut *store, 1)));
        assert_eq!(panic.unwrap_err().downcast_ref::<u8>(), Some(&7));
        assert_eq!(outer.call(&mut *store, 5)?, 7);
        Ok(())
    });
}

#[test]
fn a_trap_within_a_host_call_tells_all_frames() {
    fn nest(mut caller: Caller<'_, ()>, depth: i32) -> Result<i32> {
        let Some(outer) = caller.get_export("outer").and_then(|e| e.into_func()) else {
            bail!("no export")
        };
        if depth == 0 {
            let trap = caller.get_export("unreachable").and_then(|e| e.into_func());
            let trap = trap.expect("an export").typed::<(), ()>(&mut caller)?;
            trap.call(&mut caller, ())?;
        }
        outer
            .typed::<i32, i32>(&mut caller)?
            .call(&mut caller, depth - 1)
    }
    everywhere(nest, |store, instance| {
        let outer = instance.get_typed_func::<i32, i32>(&mut *store, "outer")?;
        let error = outer.call(&mut *store, 1).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::Unreachable));
        assert_eq!(
            names(&error),
            ["unreachable", "inner", "outer", "inner", "outer"]
        );
        // Without a bottom, the stack is.
        let error = outer.call(&mut *store, -1).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::StackOverflow));
        Ok(())
    });
}
