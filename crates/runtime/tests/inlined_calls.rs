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

/// A callee that loads from its own memory, one that goes through an adapter which checks a
/// `char`, and one whose adapter copies a record.
const COMPONENT: &str = r#"(component
  (component $Callee
    (core module $callee
      (memory (export "memory") 1)
      (data (i32.const 4) "\2a\00\00\00")
      (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
      (func (export "char") (param i32) (result i32) (local.get 0))
      (func (export "record") (param i32) (result i32)
        (i32.store (i32.const 16) (local.get 0))
        (select (i32.const 16) (i32.const 17) (i32.ne (local.get 0) (i32.const 7)))))
    (core instance $i (instantiate $callee))
    (type $R' (record (field "a" u32) (field "b" u32)))
    (export $R "r" (type $R'))
    (func (export "load") (param "a" u32) (result u32) (canon lift (core func $i "load")))
    (func (export "char") (param "a" char) (result u32) (canon lift (core func $i "char")))
    (func (export "record") (param "a" u32) (result $R)
      (canon lift (core func $i "record") (memory (core memory $i "memory")))))
  (component $Caller
    (type $R' (record (field "a" u32) (field "b" u32)))
    (import "r" (type $R (eq $R')))
    (import "load" (func $load (param "a" u32) (result u32)))
    (import "char" (func $char (param "a" char) (result u32)))
    (import "record" (func $record (param "a" u32) (result $R)))
    (core module $Memory (memory (export "memory") 1))
    (core instance $memory (instantiate $Memory))
    (core func $load' (canon lower (func $load)))
    (core func $char' (canon lower (func $char)))
    (core func $record' (canon lower (func $record) (memory (core memory $memory "memory"))))
    (core module $caller
      (import "" "memory" (memory 1))
      (import "" "load" (func $load (param i32) (result i32)))
      (import "" "char" (func $char (param i32) (result i32)))
      (import "" "record" (func $record (param i32 i32)))
      (func (export "load") (param i32) (result i32)
        (i32.store (i32.const 4) (i32.const 1))
        (i32.sub (call $load (local.get 0)) (i32.load (i32.const 4))))
      (func (export "char") (param i32) (result i32) (call $char (local.get 0)))
      (func (export "record") (param i32) (result i32)
        (call $record (local.get 0) (i32.const 32))
        (i32.load (i32.const 32))))
    (core instance $i (instantiate $caller (with "" (instance
      (export "memory" (memory $memory "memory"))
      (export "load" (func $load'))
      (export "char" (func $char'))
      (export "record" (func $record'))))))
    (func (export "load") (param "a" u32) (result u32) (canon lift (core func $i "load")))
    (func (export "char") (param "a" u32) (result u32) (canon lift (core func $i "char")))
    (func (export "record") (param "a" u32) (result u32) (canon lift (core func $i "record"))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller
    (with "r" (type $callee "r"))
    (with "load" (func $callee "load"))
    (with "char" (func $callee "char"))
    (with "record" (func $callee "record"))))
  (export "load" (func $caller "load"))
  (export "char" (func $caller "char"))
  (export "record" (func $caller "record")))"#;

/// What a call of an export gives: a number, or a trap with function index and offset of each
/// frame.
type Outcome = std::result::Result<u32, (Trap, Vec<(u32, Option<usize>)>)>;

fn call_component(config: &Config, export: &str, argument: u32) -> Result<Outcome> {
    use threadline::component::{Component, Linker};
    let engine = Engine::new(config)?;
    let component = Component::new(&engine, COMPONENT)?;
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
    let func = instance.get_typed_func::<(u32,), (u32,)>(&mut store, export)?;
    let error = match func.call(&mut store, (argument,)) {
        Ok((result,)) => return Ok(Ok(result)),
        Err(error) => error,
    };
    // The trap locked everything.
    assert!(func.call(&mut store, (0,)).is_err());
    let trap = *error.downcast_ref::<Trap>().expect("a trap");
    let frames = error.downcast_ref::<WasmBacktrace>().expect("a backtrace");
    let frames = frames.frames().iter();
    let places = frames.map(|frame| (frame.func_index(), frame.module_offset()));
    Ok(Err((trap, places.collect())))
}

#[test]
fn calls_between_components_do_the_same_inlined() -> Result<()> {
    let mut called = Config::new();
    called.compiler_inlining(false);
    for (export, argument, expected) in [
        ("load", 4, Ok(41)),
        ("load", 65_536, Err(Trap::MemoryOutOfBounds)),
        ("char", 97, Ok(97)),
        ("char", 0xD800, Err(Trap::InvalidChar)),
        ("record", 5, Ok(5)),
        ("record", 7, Err(Trap::UnalignedPointer)),
    ] {
        let inlined = call_component(&Config::new(), export, argument)?;
        assert_eq!(
            inlined,
            call_component(&called, export, argument)?,
            "{export}"
        );
        let outcome = inlined.map_err(|(trap, frames)| {
            assert!(frames.len() >= 2, "{export}: {frames:?}");
            trap
        });
        assert_eq!(outcome, expected, "{export}");
    }
    Ok(())
}
