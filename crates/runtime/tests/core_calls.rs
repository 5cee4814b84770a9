//! Calls into and out of core wasm: types, values, traps, panics, backtraces.
#![allow(missing_docs, reason = "tests")]

use anyhow::{Result, bail};
use std::panic::{AssertUnwindSafe, catch_unwind};
use threadline::*;

fn instance(wat: &str) -> Result<(Store<()>, Instance)> {
    let engine = Engine::default();
    let module = Module::new(&engine, wat)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    Ok((store, instance))
}

fn trap_of(error: &anyhow::Error) -> Trap {
    *error
        .downcast_ref::<Trap>()
        .unwrap_or_else(|| panic!("expected a trap, got: {error:?}"))
}

#[test]
fn a_typed_call_passes_and_returns_every_scalar() -> Result<()> {
    let (mut store, instance) = instance(
        r#"(module
            (func (export "swap") (param i32 i64 f32 f64) (result f64 f32 i64 i32)
                local.get 3 local.get 2 local.get 1 local.get 0))"#,
    )?;
    let swap = instance
        .get_typed_func::<(i32, i64, f32, f64), (f64, f32, u64, u32)>(&mut store, "swap")?;
    let results = swap.call(&mut store, (-1, i64::MIN, 1.5, -0.0))?;
    assert_eq!(results, (-0.0, 1.5, 1 << 63, u32::MAX));
    assert!(results.0.is_sign_negative());
    Ok(())
}

#[test]
fn more_results_than_registers_come_back_in_order() -> Result<()> {
    let (mut store, instance) = instance(
        r#"(module (func (export "f") (param i32) (result i32 i32 i32 i32 i32 i32 i32 i32)
            local.get 0 i32.const 1 i32.const 2 i32.const 3
            i32.const 4 i32.const 5 i32.const 6 i32.const 7))"#,
    )?;
    type Eight = (i32, i32, i32, i32, i32, i32, i32, i32);
    let f = instance.get_typed_func::<i32, Eight>(&mut store, "f")?;
    assert_eq!(f.call(&mut store, 9)?, (9, 1, 2, 3, 4, 5, 6, 7));
    Ok(())
}

#[test]
fn a_dynamic_call_checks_count_and_types() -> Result<()> {
    let (mut store, instance) =
        instance(r#"(module (func (export "f") (param i32) (result i64) i64.const 7))"#)?;
    let f = instance.get_func(&mut store, "f").expect("exported");
    let mut results = [Val::I32(0)];
    f.call(&mut store, &[Val::I32(1)], &mut results)?;
    assert_eq!(results[0].unwrap_i64(), 7);

    let message = |result: Result<()>| format!("{:#}", result.expect_err("must be refused"));
    let found = message(f.call(&mut store, &[], &mut results));
    assert_eq!(found, "expected 1 arguments, found 0");
    let found = message(f.call(&mut store, &[Val::I32(1)], &mut []));
    assert_eq!(found, "expected 1 results, found 0");
    let found = message(f.call(&mut store, &[Val::I64(1)], &mut results));
    assert_eq!(found, "argument 0: type mismatch: expected i32, found i64");
    Ok(())
}

#[test]
fn a_function_of_another_type_is_refused_with_both_types() -> Result<()> {
    let (mut store, instance) = instance(r#"(module (func (export "f") (param i32)))"#)?;
    let error = instance
        .get_typed_func::<i64, i32>(&mut store, "f")
        .expect_err("the types differ");
    let text = format!("{error:#}");
    assert!(text.contains("(i64) -> (i32)"), "{text}");
    assert!(text.contains("(i32) -> ()"), "{text}");
    let error = instance
        .get_typed_func::<(), ()>(&mut store, "g")
        .expect_err("there is no such export");
    assert!(format!("{error:#}").contains("`g`"));
    Ok(())
}

#[test]
fn traps_have_their_code_and_named_frames() -> Result<()> {
    let (mut store, instance) = instance(
        r#"(module $m
            (func $inner unreachable)
            (func $outer (export "run") call $inner nop))"#,
    )?;
    let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
    let error = run.call(&mut store, ()).expect_err("it traps");
    assert_eq!(trap_of(&error), Trap::Unreachable);
    let backtrace = error
        .downcast_ref::<WasmBacktrace>()
        .expect("there is a backtrace");
    let names: Vec<_> = backtrace.frames().iter().map(|f| f.func_name()).collect();
    assert_eq!(names, [Some("inner"), Some("outer")]);
    assert_eq!(backtrace.frames()[0].module_name(), Some("m"));
    assert!(backtrace.frames()[0].module_offset().is_some());
    Ok(())
}

#[test]
fn each_way_to_trap_is_told_apart() -> Result<()> {
    let cases = [
        (
            "i32.const 1 i32.const 0 i32.div_s drop",
            Trap::IntegerDivisionByZero,
        ),
        (
            "i32.const 0x80000000 i32.const -1 i32.div_s drop",
            Trap::IntegerOverflow,
        ),
        (
            "f32.const nan i32.trunc_f32_s drop",
            Trap::InvalidConversionToInteger,
        ),
        ("i32.const 65536 i32.load drop", Trap::MemoryOutOfBounds),
        (
            "i32.const -1 i32.load offset=4294967295 drop",
            Trap::MemoryOutOfBounds,
        ),
        (
            "i32.const 65536 i32.const 1 i32.const 1 memory.fill",
            Trap::MemoryOutOfBounds,
        ),
        ("i32.const 9 table.get 0 drop", Trap::TableOutOfBounds),
        (
            "i32.const 9 call_indirect (type $t)",
            Trap::UndefinedElement,
        ),
        (
            "i32.const 0 call_indirect (type $t)",
            Trap::UninitializedElement,
        ),
        (
            "i32.const 1 call_indirect (type $u)",
            Trap::IndirectCallTypeMismatch,
        ),
    ];
    for (code, expected) in cases {
        let (mut store, instance) = instance(&format!(
            r#"(module
                (type $t (func)) (type $u (func (result i32)))
                (memory 1) (table 2 funcref)
                (elem (i32.const 1) func $f)
                (func $f)
                (func (export "run") (block {}{code}{})))"#,
            if code.ends_with("$u)") {
                "(result i32) "
            } else {
                ""
            },
            if code.ends_with("$u)") {
                ") drop (block"
            } else {
                ""
            },
        ))?;
        let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
        let error = run.call(&mut store, ()).expect_err("it traps");
        assert_eq!(trap_of(&error), expected, "{code}");
    }
    Ok(())
}

#[test]
fn runaway_recursion_is_a_trap_and_the_store_goes_on() -> Result<()> {
    let (mut store, instance) = instance(
        r#"(module
            (func $loop (export "loop") (param i32) (result i32)
                (i32.add (i32.const 1) (call $loop (local.get 0))))
            (func (export "one") (result i32) i32.const 1))"#,
    )?;
    let run = instance.get_typed_func::<i32, i32>(&mut store, "loop")?;
    for _ in 0..3 {
        let error = run.call(&mut store, 0).expect_err("it overflows");
        assert_eq!(trap_of(&error), Trap::StackOverflow);
    }
    let one = instance.get_typed_func::<(), i32>(&mut store, "one")?;
    assert_eq!(one.call(&mut store, ())?, 1);
    Ok(())
}

#[test]
fn mutual_recursion_through_the_host_is_a_trap_too() -> Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    linker.func_wrap(
        "host",
        "again",
        |mut caller: Caller<'_, ()>| -> Result<()> {
            let run = caller.get_export("run").and_then(Extern::into_func);
            run.expect("exported").call(&mut caller, &[], &mut [])
        },
    )?;
    let module = Module::new(
        &engine,
        r#"(module (import "host" "again" (func $again)) (func (export "run") call $again))"#,
    )?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
    let error = run.call(&mut store, ()).expect_err("it overflows");
    assert_eq!(trap_of(&error), Trap::StackOverflow);
    Ok(())
}

#[test]
fn host_functions_take_and_return_every_shape() -> Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::<u32>::new(&engine);
    linker.func_wrap("h", "nothing", || ())?;
    linker.func_wrap("h", "add", |a: u32, b: i64| a as i64 + b)?;
    linker.func_wrap("h", "pair", |a: f32, b: f64| (b, a))?;
    linker.func_wrap("h", "count", |mut caller: Caller<'_, u32>, by: u32| {
        *caller.data_mut() += by;
        *caller.data()
    })?;
    linker.func_wrap("h", "checked", |a: i32| -> Result<(i32, i32)> {
        if a == 13 {
            bail!("unlucky");
        }
        Ok((a, a + 1))
    })?;
    let module = Module::new(
        &engine,
        r#"(module
            (import "h" "nothing" (func $nothing))
            (import "h" "add" (func $add (param i32 i64) (result i64)))
            (import "h" "pair" (func $pair (param f32 f64) (result f64 f32)))
            (import "h" "count" (func $count (param i32) (result i32)))
            (import "h" "checked" (func $checked (param i32) (result i32 i32)))
            (func (export "add") (param i32 i64) (result i64)
                call $nothing (call $add (local.get 0) (local.get 1)))
            (func (export "pair") (param f32 f64) (result f64 f32)
                (call $pair (local.get 0) (local.get 1)))
            (func (export "count") (result i32)
                (drop (call $count (i32.const 2))) (call $count (i32.const 3)))
            (func (export "checked") (param i32) (result i32 i32)
                (call $checked (local.get 0))))"#,
    )?;
    let mut store = Store::new(&engine, 10);
    let instance = linker.instantiate(&mut store, &module)?;
    let add = instance.get_typed_func::<(u32, i64), i64>(&mut store, "add")?;
    assert_eq!(add.call(&mut store, (u32::MAX, -1))?, u32::MAX as i64 - 1);
    let pair = instance.get_typed_func::<(f32, f64), (f64, f32)>(&mut store, "pair")?;
    assert_eq!(pair.call(&mut store, (1.0, 2.0))?, (2.0, 1.0));
    let count = instance.get_typed_func::<(), u32>(&mut store, "count")?;
    assert_eq!(count.call(&mut store, ())?, 15);
    assert_eq!(*store.data(), 15);
    let checked = instance.get_typed_func::<i32, (i32, i32)>(&mut store, "checked")?;
    assert_eq!(checked.call(&mut store, 1)?, (1, 2));
    let error = checked.call(&mut store, 13).expect_err("the host refuses");
    assert_eq!(error.root_cause().to_string(), "unlucky");
    assert!(error.downcast_ref::<WasmBacktrace>().is_some());
    assert_eq!(checked.call(&mut store, 2)?, (2, 3), "the store goes on");
    assert_eq!(store.into_data(), 15);
    Ok(())
}

#[test]
fn a_dynamic_host_function_must_return_what_it_declares() -> Result<()> {
    let engine = Engine::default();
    let ty = FuncType::new([ValType::I32], [ValType::I64, ValType::F32]);
    let mut store = Store::new(&engine, ());
    let good = Func::new(&mut store, ty.clone(), |_caller, params, results| {
        results[0] = Val::I64(params[0].unwrap_i32().into());
        results[1] = Val::from(0.5f32);
        Ok(())
    });
    let bad = Func::new(&mut store, ty, |_caller, _params, results| {
        results[0] = Val::I32(1);
        Ok(())
    });
    let mut results = [Val::I32(0); 2];
    good.call(&mut store, &[Val::I32(-3)], &mut results)?;
    assert_eq!(results[0].unwrap_i64(), -3);
    assert_eq!(results[1].unwrap_f32(), 0.5);
    let error = bad
        .call(&mut store, &[Val::I32(0)], &mut results)
        .expect_err("the result has the wrong type");
    assert!(
        format!("{error:#}").contains("result 0 of a host function"),
        "{error:#}"
    );
    Ok(())
}

#[test]
fn a_panic_of_the_host_goes_through_wasm_and_leaves_the_store_usable() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let panics = Func::wrap(&mut store, |yes: i32| {
        assert!(yes == 0, "told to");
    });
    let module = Module::new(
        &engine,
        r#"(module (import "" "" (func $f (param i32)))
            (func (export "run") (param i32) (call $f (local.get 0))))"#,
    )?;
    let instance = Instance::new(&mut store, &module, &[panics.into()])?;
    let run = instance.get_typed_func::<i32, ()>(&mut store, "run")?;
    let payload = catch_unwind(AssertUnwindSafe(|| run.call(&mut store, 1)))
        .expect_err("the panic comes through");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"told to"));
    run.call(&mut store, 0)
}

#[test]
fn a_caller_sees_the_exports_of_whoever_imports_the_function() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, Vec::new());
    let look = Func::wrap(&mut store, |mut caller: Caller<'_, Vec<i64>>| {
        let value = match caller.get_export("g") {
            Some(Extern::Global(global)) => global.get(&mut caller).unwrap_i64(),
            _ => -1,
        };
        caller.data_mut().push(value);
    });
    let module = |value: i64| {
        Module::new(
            &engine,
            format!(
                r#"(module (import "" "look" (func $look))
                    (global (export "g") i64 (i64.const {value}))
                    (export "look" (func $look))
                    (func (export "run") call $look))"#
            ),
        )
    };
    let first = Instance::new(&mut store, &module(1)?, &[look.into()])?;
    // The second imports what the first exports again, and is an importer of its own.
    let exported = first.get_export(&mut store, "look").expect("exported");
    let second = Instance::new(&mut store, &module(2)?, &[exported])?;
    for instance in [first, second, first] {
        let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
        run.call(&mut store, ())?;
    }
    look.call(&mut store, &[], &mut [])?;
    assert_eq!(store.data(), &[1, 2, 1, -1]);
    Ok(())
}

#[test]
fn references_cross_the_border_both_ways() -> Result<()> {
    let (mut store, instance) = instance(
        r#"(module
            (func $seven (result i32) i32.const 7)
            (elem declare func $seven)
            (func (export "seven") (result funcref) ref.func $seven)
            (func (export "same") (param externref) (result externref) local.get 0)
            (table 1 funcref)
            (func (export "call") (param funcref) (result i32)
                (table.set 0 (i32.const 0) (local.get 0))
                (call_indirect (result i32) (i32.const 0))))"#,
    )?;
    let seven = instance.get_typed_func::<(), Option<Func>>(&mut store, "seven")?;
    let func = seven.call(&mut store, ())?.expect("not null");
    assert_eq!(func.typed::<(), i32>(&mut store)?.call(&mut store, ())?, 7);
    let call = instance.get_typed_func::<Option<Func>, i32>(&mut store, "call")?;
    assert_eq!(call.call(&mut store, Some(func))?, 7);
    let host = Func::wrap(&mut store, || 8i32);
    assert_eq!(call.call(&mut store, Some(host))?, 8);
    let error = call.call(&mut store, None).expect_err("null");
    assert_eq!(trap_of(&error), Trap::UninitializedElement);

    let same =
        instance.get_typed_func::<Option<ExternRef>, Option<ExternRef>>(&mut store, "same")?;
    let text = ExternRef::new(&mut store, "some text".to_owned());
    let back = same.call(&mut store, Some(text))?.expect("not null");
    assert_eq!(back, text);
    let data = back.data(&store)?.downcast_ref::<String>();
    assert_eq!(data.map(String::as_str), Some("some text"));
    assert_eq!(same.call(&mut store, None)?, None);

    let mut other = Store::new(store.engine(), ());
    let foreign = Func::wrap(&mut other, || 9i32);
    let error = call
        .call(&mut store, Some(foreign))
        .expect_err("it belongs to another store");
    assert!(error.downcast_ref::<LinkError>().is_some(), "{error:?}");
    assert!(text.data(&other).is_err());
    Ok(())
}

#[test]
#[should_panic(expected = "the function belongs to another store")]
fn calling_with_another_store_panics() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let func = Func::wrap(&mut store, || ());
    let mut other = Store::new(&engine, ());
    let _ = func.call(&mut other, &[], &mut []);
}

#[test]
fn a_store_can_move_to_another_thread() -> Result<()> {
    let (mut store, instance) = instance(r#"(module (func (export "trap") unreachable))"#)?;
    let run = instance.get_typed_func::<(), ()>(&mut store, "trap")?;
    let joined = std::thread::spawn(move || {
        let error = run.call(&mut store, ()).expect_err("it traps");
        trap_of(&error)
    });
    assert_eq!(joined.join().expect("no panic"), Trap::Unreachable);
    Ok(())
}

#[test]
fn sixteen_parameters_arrive_in_order() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    #[allow(clippy::too_many_arguments, reason = "that is what is tested")]
    fn digits(
        a: i64,
        b: i64,
        c: i64,
        d: i64,
        e: i64,
        f: i64,
        g: i64,
        h: i64,
        i: i64,
        j: i64,
        k: i64,
        l: i64,
        m: i64,
        n: i64,
        o: i64,
        p: i64,
    ) -> i64 {
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
            .iter()
            .fold(0, |sum, digit| (sum << 4) | digit)
    }
    let func = Func::wrap(&mut store, digits);
    let params: Vec<_> = (0..16).map(Val::I64).collect();
    let mut results = [Val::I64(0)];
    func.call(&mut store, &params, &mut results)?;
    assert_eq!(results[0].unwrap_i64(), 0x0123_4567_89ab_cdef);
    Ok(())
}

#[test]
fn every_lowering_runs_calls_host_functions_and_traps() -> Result<()> {
    for lowering in ContextLowering::ALL {
        for opt_level in [OptLevel::None, OptLevel::Speed] {
            let mut config = Config::new();
            config
                .context_lowering(lowering)
                .cranelift_opt_level(opt_level);
            let engine = Engine::new(&config)?;
            let mut linker = Linker::<()>::new(&engine);
            // Re-enters the instance, with a trap on the way for odd numbers.
            linker.func_wrap("h", "half", |mut caller: Caller<'_, ()>, n: i32| {
                let check = caller.get_export("check").and_then(Extern::into_func);
                let check = check.expect("exported").typed::<i32, ()>(&mut caller)?;
                match check.call(&mut caller, n) {
                    Ok(()) => Ok(n / 2),
                    Err(error) if error.is::<Trap>() => Ok(-1),
                    Err(error) => Err(error),
                }
            })?;
            let module = Module::new(
                &engine,
                r#"(module
                    (import "h" "half" (func $half (param i32) (result i32)))
                    (func (export "check") (param i32)
                        (if (i32.and (local.get 0) (i32.const 1)) (then unreachable)))
                    (func (export "run") (param i32 i32) (result i32)
                        (i32.sub (call $half (local.get 0)) (call $half (local.get 1)))))"#,
            )?;
            let mut store = Store::new(&engine, ());
            let instance = linker.instantiate(&mut store, &module)?;
            let run = instance.get_typed_func::<(i32, i32), i32>(&mut store, "run")?;
            for _ in 0..3 {
                assert_eq!(run.call(&mut store, (10, 4))?, 3, "{lowering}");
                assert_eq!(run.call(&mut store, (7, 20))?, -11, "{lowering}");
            }
        }
    }
    Ok(())
}

#[test]
fn shared_things_cross_threads() {
    fn is_send_and_sync<T: Send + Sync>() {}
    fn is_send<T: Send>() {}
    is_send_and_sync::<Engine>();
    is_send_and_sync::<Module>();
    is_send_and_sync::<Linker<()>>();
    is_send_and_sync::<Func>();
    is_send_and_sync::<Instance>();
    is_send_and_sync::<TypedFunc<(i32, u64), f32>>();
    is_send::<Store<std::cell::Cell<u8>>>();
}

#[test]
fn host_functions_outlive_the_modules_they_were_called_from() -> Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    linker.func_wrap("", "f", |a: f32, b: u64| a as u64 + b)?;
    let text = r#"(module (import "" "f" (func (param f32 i64) (result i64)))
        (export "f" (func 0)))"#;
    for _ in 0..3 {
        let module = Module::new(&engine, text)?;
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module)?;
        let f = instance.get_typed_func::<(f32, u64), u64>(&mut store, "f")?;
        drop((module, instance));
        assert_eq!(f.call(&mut store, (2.0, 3))?, 5);
    }
    let mut store = Store::new(&engine, ());
    let f = linker.get(&mut store, "", "f").and_then(Extern::into_func);
    let f = f.expect("defined").typed::<(f32, u64), u64>(&mut store)?;
    assert_eq!(f.call(&mut store, (1.0, 1))?, 2);
    Ok(())
}

#[test]
fn extremes_of_the_stack_limit_trap_rather_than_crash() -> Result<()> {
    for limit in [0, 1, 4096, usize::MAX] {
        let mut config = Config::new();
        config.max_wasm_stack(limit);
        let engine = Engine::new(&config)?;
        let module = Module::new(
            &engine,
            r#"(module (func $f (export "f") (param i64) (result i64)
                (i64.add (call $f (local.get 0)) (i64.const 1))))"#,
        )?;
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        let f = instance.get_typed_func::<i64, i64>(&mut store, "f")?;
        let error = f.call(&mut store, 0).expect_err("it overflows");
        assert_eq!(trap_of(&error), Trap::StackOverflow, "limit {limit}");
    }
    Ok(())
}
