//! Exceptions at the border with the host, between instances, and over a store's life.

use anyhow::{Context as _, Result};
use threadline::{
    Caller, Config, ContextLowering, Engine, Exception, ExnRef, Extern, Func, FuncType, Instance,
    Linker, Module, OptLevel, Ref, Store, Tag, Trap, Val, ValType, WasmBacktrace,
};

/// A guest that calls the host in a `try_table`.
const GUEST: &str = r#"(module $guest
  (import "host" "tag" (tag $t (param i32 i64)))
  (import "host" "call" (func $host (param i32)))
  (func $throw (export "throw") (param i32)
    (throw $t (local.get 0) (i64.const 7)))
  (func $outer (export "outer") (param i32) (call $throw (local.get 0)))
  (func (export "call") (param i32) (call $host (local.get 0)))
  (func (export "call-and-catch") (param i32) (result i32 i64)
    (block $h (result i32 i64)
      (try_table (catch $t $h) (call $host (local.get 0)))
      (i32.const -1) (i64.const -1)))
  (func (export "call-and-catch-all") (param i32) (result i32)
    (block $h
      (try_table (catch_all $h) (call $host (local.get 0)))
      (return (i32.const 0)))
    (i32.const 1))
  (func $deep (export "deep") (param i32)
    (if (i32.eqz (local.get 0)) (then (throw $t (i32.const 3) (i64.const 4))))
    (call $deep (i32.sub (local.get 0) (i32.const 1))))
  (func (export "catch-deep") (param i32) (result i32 i64)
    (block $h (result i32 i64)
      (try_table (catch $t $h) (call $deep (local.get 0)))
      (unreachable))))"#;

struct Fixture {
    store: Store<()>,
    tag: Tag,
    guest: Instance,
}

type Host = fn(Caller<'_, ()>, Tag, i32) -> Result<()>;

fn configs() -> Vec<Config> {
    let mut configs = Vec::new();
    for lowering in ContextLowering::ALL {
        for level in [OptLevel::None, OptLevel::Speed] {
            let mut config = Config::new();
            config.context_lowering(lowering).cranelift_opt_level(level);
            configs.push(config);
        }
    }
    configs
}

fn fixture(config: &Config, host: Host) -> Result<Fixture> {
    let engine = Engine::new(config)?;
    let module = Module::new(&engine, GUEST)?;
    let mut store = Store::new(&engine, ());
    let tag = Tag::new(&mut store, &FuncType::new([ValType::I32, ValType::I64], []))?;
    let mut linker = Linker::new(&engine);
    linker.define(&store, "host", "tag", tag)?;
    linker.func_wrap("host", "call", move |caller: Caller<'_, ()>, value: i32| {
        host(caller, tag, value)
    })?;
    let guest = linker.instantiate(&mut store, &module)?;
    Ok(Fixture { store, tag, guest })
}

fn everywhere(host: Host, check: impl Fn(&mut Fixture) -> Result<()>) {
    for config in configs() {
        let mut fixture = fixture(&config, host).expect("the guest instantiates");
        for _ in 0..3 {
            check(&mut fixture).expect("the check passes");
        }
    }
}

fn no_host(_: Caller<'_, ()>, _: Tag, _: i32) -> Result<()> {
    anyhow::bail!("not called")
}

fn values(exception: &Exception) -> (i32, i64) {
    let values = exception.values();
    assert_eq!(values.len(), 2);
    (values[0].unwrap_i32(), values[1].unwrap_i64())
}

#[test]
fn an_uncaught_exception_is_an_error_with_its_tag_and_values_and_a_backtrace() {
    everywhere(no_host, |f| {
        let outer = f.guest.get_typed_func::<i32, ()>(&mut f.store, "outer")?;
        let error = outer.call(&mut f.store, 5).unwrap_err();
        let exception = error.downcast_ref::<Exception>().context("no exception")?;
        assert_eq!(exception.tag(), f.tag);
        assert_eq!(values(exception), (5, 7));
        let backtrace = error.downcast_ref::<WasmBacktrace>().context("no frames")?;
        let names: Vec<_> = backtrace.frames().iter().map(|f| f.func_name()).collect();
        assert_eq!(names, [Some("throw"), Some("outer")]);
        assert!(error.downcast_ref::<Trap>().is_none());
        Ok(())
    });
}

#[test]
fn a_host_function_throws_by_returning_an_exception() {
    fn host(mut caller: Caller<'_, ()>, tag: Tag, value: i32) -> Result<()> {
        let values = [Val::I32(value), Val::I64(9)];
        Err(Exception::new(&mut caller, tag, &values)?).context("said by the host")
    }
    everywhere(host, |f| {
        let catch = f
            .guest
            .get_typed_func::<i32, (i32, i64)>(&mut f.store, "call-and-catch")?;
        assert_eq!(catch.call(&mut f.store, 8)?, (8, 9));
        // Nobody catches it: it is the host's own error that arrives.
        let call = f.guest.get_typed_func::<i32, ()>(&mut f.store, "call")?;
        let error = call.call(&mut f.store, 8).unwrap_err();
        assert!(format!("{error:#}").contains("said by the host"));
        assert_eq!(
            values(error.downcast_ref().context("no exception")?),
            (8, 9)
        );
        Ok(())
    });
}

#[test]
fn an_exception_passes_a_host_function_as_its_error() {
    fn host(mut caller: Caller<'_, ()>, _: Tag, value: i32) -> Result<()> {
        let Some(Extern::Func(throw)) = caller.get_export("throw") else {
            anyhow::bail!("the guest exports `throw`");
        };
        let error = throw
            .call(&mut caller, &[Val::I32(value)], &mut [])
            .unwrap_err();
        assert!(error.downcast_ref::<Exception>().is_some());
        Err(error)
    }
    everywhere(host, |f| {
        let catch = f
            .guest
            .get_typed_func::<i32, (i32, i64)>(&mut f.store, "call-and-catch")?;
        assert_eq!(catch.call(&mut f.store, 11)?, (11, 7));
        Ok(())
    });
}

#[test]
fn traps_and_other_errors_of_the_host_are_not_caught() {
    fn host(_: Caller<'_, ()>, _: Tag, value: i32) -> Result<()> {
        match value {
            0 => Err(Trap::Unreachable.into()),
            _ => anyhow::bail!("an error of the host"),
        }
    }
    everywhere(host, |f| {
        let catch = f
            .guest
            .get_typed_func::<i32, i32>(&mut f.store, "call-and-catch-all")?;
        let trap = catch.call(&mut f.store, 0).unwrap_err();
        assert_eq!(trap.downcast_ref(), Some(&Trap::Unreachable));
        let error = catch.call(&mut f.store, 1).unwrap_err();
        assert!(
            error
                .root_cause()
                .to_string()
                .contains("an error of the host")
        );
        Ok(())
    });
}

#[test]
fn an_exception_crosses_many_frames() {
    everywhere(no_host, |f| {
        let catch = f
            .guest
            .get_typed_func::<i32, (i32, i64)>(&mut f.store, "catch-deep")?;
        assert_eq!(catch.call(&mut f.store, 2000)?, (3, 4));
        let deep = f.guest.get_typed_func::<i32, ()>(&mut f.store, "deep")?;
        let error = deep.call(&mut f.store, 2000).unwrap_err();
        assert_eq!(
            values(error.downcast_ref().context("no exception")?),
            (3, 4)
        );
        Ok(())
    });
}

#[test]
fn each_instance_has_tags_of_its_own() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let thrower = Module::new(
        &engine,
        r#"(module (tag $t (export "t")) (func (export "f") (throw $t)))"#,
    )?;
    let catcher = Module::new(
        &engine,
        r#"(module
          (import "" "t" (tag $t))
          (import "" "f" (func $f))
          (func (export "run") (result i32)
            (block $all
              (block $h
                (try_table (catch $t $h) (catch_all $all) (call $f))
                (unreachable))
              (return (i32.const 1)))
            (i32.const 2)))"#,
    )?;
    let a = Instance::new(&mut store, &thrower, &[])?;
    let b = Instance::new(&mut store, &thrower, &[])?;
    assert_ne!(a.get_tag(&mut store, "t"), b.get_tag(&mut store, "t"));
    for (thrown, expected) in [(a, 1), (b, 2)] {
        let tag = a.get_tag(&mut store, "t").context("no tag")?;
        let f = thrown.get_func(&mut store, "f").context("no function")?;
        let catcher = Instance::new(&mut store, &catcher, &[tag.into(), f.into()])?;
        let run = catcher.get_typed_func::<(), i32>(&mut store, "run")?;
        assert_eq!(run.call(&mut store, ())?, expected);
    }
    Ok(())
}

#[test]
fn a_tag_of_another_type_is_not_accepted() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let module = Module::new(&engine, r#"(module (import "" "t" (tag (param i32))))"#)?;
    let tag = Tag::new(&mut store, &FuncType::new([ValType::I64], []))?;
    let error = Instance::new(&mut store, &module, &[tag.into()]).unwrap_err();
    assert!(
        error.to_string().contains("incompatible import type"),
        "{error}"
    );
    assert!(Tag::new(&mut store, &FuncType::new([], [ValType::I64])).is_err());
    assert!(Exception::new(&mut store, tag, &[Val::I32(0)]).is_err());
    assert!(Exception::new(&mut store, tag, &[]).is_err());
    Ok(())
}

/// Keeps references to exceptions in many places, and lets go of most of them.
const KEEPER: &str = r#"(module
  (tag $t (export "t") (param i32))
  (tag $nest (param exnref))
  (global $g (mut exnref) (ref.null exn))
  (table $table 4 exnref)
  (export "table" (table $table))
  (func $make (param i32) (result exnref)
    (block $h (result i32 exnref)
      (try_table (catch_ref $t $h) (throw $t (local.get 0)))
      (unreachable))
    (return)
    (unreachable))
  (func $value (param exnref) (result i32)
    (block $h (result i32)
      (try_table (catch $t $h) (throw_ref (local.get 0)))
      (unreachable)))
  (func $nest (param exnref) (result exnref)
    (block $h (result exnref exnref)
      (try_table (catch_ref $nest $h) (throw $nest (local.get 0)))
      (unreachable))
    (return)
    (unreachable))
  (func $unnest (param exnref) (result exnref)
    (block $h (result exnref)
      (try_table (catch $nest $h) (throw_ref (local.get 0)))
      (unreachable)))
  (func $waste (param $n i32)
    (loop $again
      (drop (call $make (local.get $n)))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $again (local.get $n))))
  (func (export "keep") (param $n i32) (result i32)
    (local $local exnref)
    (local.set $local (call $make (i32.const 1)))
    (global.set $g (call $make (i32.const 20)))
    (table.set $table (i32.const 2) (call $make (i32.const 300)))
    (table.set $table (i32.const 3) (call $nest (call $make (i32.const 4000))))
    (call $waste (local.get $n))
    (i32.add
      (i32.add (call $value (local.get $local)) (call $value (global.get $g)))
      (i32.add
        (call $value (table.get $table (i32.const 2)))
        (call $value (call $unnest (table.get $table (i32.const 3)))))))
  (func (export "hoard") (param $n i32)
    (local $list exnref)
    (loop $again
      (local.set $list (call $nest (local.get $list)))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $again (local.get $n)))
    (drop (call $unnest (local.get $list))))
  (func (export "throw") (param i32) (throw $t (local.get 0)))
  (func (export "same") (param exnref) (result exnref) (local.get 0))
  (func (export "value") (param exnref) (result i32) (call $value (local.get 0))))"#;

fn keeper(config: &Config) -> Result<(Store<()>, Instance)> {
    let engine = Engine::new(config)?;
    let module = Module::new(&engine, KEEPER)?;
    let mut store = Store::new(&engine, ());
    let keeper = Instance::new(&mut store, &module, &[])?;
    Ok((store, keeper))
}

#[test]
fn exceptions_with_references_stay_and_others_make_room() -> Result<()> {
    for config in configs() {
        let (mut store, keeper) = keeper(&config)?;
        let keep = keeper.get_typed_func::<i32, i32>(&mut store, "keep")?;
        // Far more than a store keeps at once.
        assert_eq!(keep.call(&mut store, 200_000)?, 4321);
        assert_eq!(keep.call(&mut store, 10_000)?, 4321);
    }
    Ok(())
}

#[test]
fn a_guest_that_hoards_exceptions_traps() -> Result<()> {
    let (mut store, keeper) = keeper(&Config::new())?;
    let hoard = keeper.get_typed_func::<i32, ()>(&mut store, "hoard")?;
    hoard.call(&mut store, 1000)?;
    let error = hoard.call(&mut store, 10_000_000).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::TooManyExceptions));
    // What it hoarded is let go.
    hoard.call(&mut store, 1000)?;
    Ok(())
}

#[test]
fn uncaught_exceptions_leave_nothing_behind() -> Result<()> {
    let (mut store, keeper) = keeper(&Config::new())?;
    let throw = keeper.get_typed_func::<i32, ()>(&mut store, "throw")?;
    for i in 0..150_000 {
        let error = throw.call(&mut store, i).unwrap_err();
        let exception = error.downcast_ref::<Exception>().context("no exception")?;
        assert_eq!(exception.values()[0].unwrap_i32(), i);
    }
    Ok(())
}

#[test]
fn the_host_makes_and_reads_references() -> Result<()> {
    let (mut store, keeper) = keeper(&Config::new())?;
    let tag = keeper.get_tag(&mut store, "t").context("no tag")?;
    let exception = Exception::new(&mut store, tag, &[Val::I32(77)])?;
    let reference = ExnRef::new(&mut store, &exception)?;
    let value = keeper.get_typed_func::<Option<ExnRef>, i32>(&mut store, "value")?;
    assert_eq!(value.call(&mut store, Some(reference))?, 77);
    let error = value.call(&mut store, None).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::NullExceptionReference));

    let same = keeper.get_func(&mut store, "same").context("no function")?;
    let mut results = [Val::I32(0)];
    same.call(&mut store, &[reference.into()], &mut results)?;
    assert_eq!(results[0].unwrap_exn_ref(), Some(reference));

    let table = keeper.get_table(&mut store, "table").context("no table")?;
    table.set(&mut store, 0, Ref::Exn(Some(reference)))?;
    let keep = keeper.get_typed_func::<i32, i32>(&mut store, "keep")?;
    keep.call(&mut store, 10_000)?;
    let Some(Ref::Exn(Some(read))) = table.get(&mut store, 0) else {
        anyhow::bail!("the table holds the reference");
    };
    let read = read.exception(&mut store)?;
    assert_eq!(read.tag(), tag);
    assert_eq!(read.values()[0].unwrap_i32(), 77);
    Ok(())
}

#[test]
fn an_exception_of_another_store_is_only_an_error() -> Result<()> {
    let engine = Engine::default();
    let mut other = Store::new(&engine, ());
    let ty = FuncType::new([], []);
    let foreign_tag = Tag::new(&mut other, &ty)?;
    let foreign = Exception::new(&mut other, foreign_tag, &[])?;

    let mut store = Store::new(&engine, ());
    assert!(ExnRef::new(&mut store, &foreign).is_err());
    assert!(Exception::new(&mut store, foreign_tag, &[]).is_err());
    let module = Module::new(
        &engine,
        r#"(module (import "" "f" (func $f))
          (func (export "run") (block $h (try_table (catch_all $h) (call $f)))))"#,
    )?;
    let f = Func::wrap(&mut store, move || -> Result<()> {
        Err(foreign.clone().into())
    });
    let guest = Instance::new(&mut store, &module, &[f.into()])?;
    let run = guest.get_typed_func::<(), ()>(&mut store, "run")?;
    let error = run.call(&mut store, ()).unwrap_err();
    assert!(error.downcast_ref::<Exception>().is_some());
    Ok(())
}
