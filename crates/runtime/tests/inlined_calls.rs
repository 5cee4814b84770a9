//! Calls that are compiled into their callers are frames like any others.

use anyhow::Result;
use threadline::{
    Caller, Config, Engine, FrameInfo, Linker, Module, OptLevel, Store, Trap, WasmBacktrace,
};

const WAT: &str = r#"(module $guest
  (import "host" "call" (func $host (param i32) (result i32)))
  (memory 1)
  (func $load (param i32) (result i32)
    (i32.load (local.get 0)))
  (func $sum (param i32) (result i32)
    (i32.add (call $load (i32.const 0)) (call $load (local.get 0))))
  (func $loads (export "loads") (param i32) (result i32)
    (i32.mul (call $sum (i32.const 8)) (call $sum (local.get 0))))
  (func $ask (param i32) (result i32)
    (i32.add (call $host (local.get 0)) (call $load (local.get 0))))
  (func $asks (export "asks") (param i32) (result i32)
    (i32.sub (call $ask (local.get 0)) (call $ask (i32.const 1))))
  (func $divide (param i32 i32) (result i32)
    (i32.div_u (local.get 0) (local.get 1)))
  (func $down (export "down") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (call $down (i32.sub (local.get 0) (i32.const 1))))
      (else (call $divide (i32.const 1) (local.get 0))))))"#;

fn backtrace(config: &Config, export: &str, argument: i32) -> Result<(Trap, Vec<FrameInfo>)> {
    let engine = Engine::new(config)?;
    let module = Module::new(&engine, WAT)?;
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "call", |_: Caller<'_, ()>, x: i32| -> Result<i32> {
        if x == 1 {
            return Err(Trap::Unreachable.into());
        }
        Ok(x)
    })?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    let func = instance.get_typed_func::<i32, i32>(&mut store, export)?;
    let error = func.call(&mut store, argument).expect_err("a trap");
    let trap = *error.downcast_ref::<Trap>().expect("a trap");
    let backtrace = error.downcast_ref::<WasmBacktrace>().expect("a backtrace");
    Ok((trap, backtrace.frames().to_vec()))
}

/// The frames are those of code in which nothing is inlined, down to the offsets.
fn check(export: &str, argument: i32, trap: Trap, names: &[&str]) -> Result<()> {
    let mut plain = Config::new();
    plain.cranelift_opt_level(OptLevel::None);
    let mut optimized = Config::new();
    optimized.compiler_inlining(false);
    let describe = |frames: &[FrameInfo]| -> Vec<_> {
        let offset = |frame: &FrameInfo| (frame.func_index(), frame.module_offset());
        frames.iter().map(offset).collect()
    };
    let (actual, frames) = backtrace(&Config::new(), export, argument)?;
    assert_eq!(actual, trap);
    let found: Vec<_> = frames.iter().filter_map(FrameInfo::func_name).collect();
    assert_eq!(found, names);
    for config in [plain, optimized] {
        let (_, expected) = backtrace(&config, export, argument)?;
        assert_eq!(describe(&frames), describe(&expected));
    }
    Ok(())
}

#[test]
fn a_trap_in_inlined_calls_names_every_frame() -> Result<()> {
    let names = ["load", "sum", "loads"];
    check("loads", 65536, Trap::MemoryOutOfBounds, &names)
}

#[test]
fn a_host_call_from_an_inlined_call_names_every_frame() -> Result<()> {
    check("asks", 1, Trap::Unreachable, &["ask", "asks"])?;
    check(
        "asks",
        70000,
        Trap::MemoryOutOfBounds,
        &["load", "ask", "asks"],
    )
}

#[test]
fn recursion_that_is_inlined_into_itself_names_every_frame() -> Result<()> {
    let names = [
        "divide", "down", "down", "down", "down", "down", "down", "down",
    ];
    check("down", 6, Trap::IntegerDivisionByZero, &names)
}
