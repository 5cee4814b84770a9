//! The limits of a store: what a guest gets by default, and that an embedder raises and lowers it.

use super::guest::{SHORT, call, crowd, instance};
use anyhow::Result;
use threadline::component::{Component, Deadlock, Linker, StreamReader};
use threadline::{
    ConcurrencyTrap, Config, Engine, Instance, Module, Store, StoreContextMut, StoreLimits,
    StoreLimitsBuilder, Trap,
};

/// Calls an export of a crowd in a store with these limits, or the default ones.
fn with_limits(limits: Option<StoreLimits>, export: &str, n: u32, m: u32) -> Result<()> {
    let mut store = Store::new(&Engine::default(), limits.clone().unwrap_or_default());
    if limits.is_some() {
        store.limiter(|limits| limits);
    }
    let instance = instance(&mut store, &crowd(SHORT));
    call(&mut store, &instance, export, n, m)
}

fn limits(set: impl FnOnce(StoreLimitsBuilder) -> StoreLimitsBuilder) -> Option<StoreLimits> {
    Some(set(StoreLimitsBuilder::new()).build())
}

#[track_caller]
fn assert_trap(result: Result<()>, expected: Trap, names: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&expected), "{error:?}");
    assert!(format!("{error:?}").contains(names), "{error:?}");
}

#[track_caller]
fn assert_deadlock(result: Result<()>) {
    let error = result.unwrap_err();
    assert!(error.is::<Deadlock>(), "{error:?}");
}

#[track_caller]
fn assert_too_many_threads(result: Result<()>) {
    let error = result.unwrap_err();
    let trap = error.downcast_ref::<ConcurrencyTrap>();
    assert_eq!(trap, Some(&ConcurrencyTrap::TooManyThreads), "{error:?}");
    assert!(format!("{error:?}").contains("ResourceLimiter::threads"));
}

#[test]
fn a_store_has_4096_threads_by_default() {
    // The call is one, too.
    assert_deadlock(with_limits(None, "sets", 4095, 0));
    assert_too_many_threads(with_limits(None, "sets", 4096, 0));
    assert_too_many_threads(with_limits(limits(|it| it), "sets", 4096, 0));
}

#[test]
fn an_embedder_sets_the_number_of_threads() {
    let ten = limits(|it| it.threads(10));
    assert_deadlock(with_limits(ten.clone(), "sets", 9, 0));
    assert_too_many_threads(with_limits(ten, "sets", 10, 0));
    let more = limits(|it| it.threads(6000));
    assert_deadlock(with_limits(more, "sets", 5000, 0));
}

#[test]
fn a_store_has_65536_handles_by_default() {
    // A future has two, and the set and the call have others.
    assert_deadlock(with_limits(None, "wait", 0, 32_000));
    let result = with_limits(None, "wait", 0, 33_000);
    assert_trap(result, Trap::TooManyHandles, "ResourceLimiter::handles");
    let more = limits(|it| it.handles(1 << 17));
    assert_deadlock(with_limits(more, "wait", 0, 33_000));
    let fewer = limits(|it| it.handles(64));
    let result = with_limits(fewer, "wait", 0, 64);
    assert_trap(result, Trap::TooManyHandles, "ResourceLimiter::handles");
}

#[test]
fn a_stores_messages_have_16_mebibytes_by_default() {
    let named = "ResourceLimiter::error_context_bytes";
    assert!(with_limits(None, "messages", 4096, 4096).is_ok());
    let result = with_limits(None, "messages", 4097, 4096);
    assert_trap(result, Trap::TooManyErrorContexts, named);
    // Longer messages are cut, so they are no more.
    assert!(with_limits(None, "messages", 4096, 65536).is_ok());
    assert!(with_limits(None, "messages", 60_000, 10).is_ok());
    let fewer = limits(|it| it.error_context_bytes(100));
    assert!(with_limits(fewer.clone(), "messages", 10, 10).is_ok());
    let result = with_limits(fewer, "messages", 11, 10);
    assert_trap(result, Trap::TooManyErrorContexts, named);
    let more = limits(|it| it.error_context_bytes(32 << 20));
    assert!(with_limits(more, "messages", 5000, 4096).is_ok());
}

/// Makes streams and passes their readable ends to the host; drops the others.
const GIVES_AWAY: &str = r#"(component
    (type $stream (stream u8))
    (import "take" (func $take (param "s" $stream)))
    (core func $take' (canon lower (func $take)))
    (core func $new (canon stream.new $stream))
    (core func $drop (canon stream.drop-writable $stream))
    (core module $m
        (import "" "take" (func $take (param i32)))
        (import "" "new" (func $new (result i64)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "run") (param $n i32) (local $ends i64)
            (loop $more
                (local.set $ends (call $new))
                (call $take (i32.wrap_i64 (local.get $ends)))
                (call $drop (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
                (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
    (core instance $i (instantiate $m (with "" (instance
        (export "take" (func $take')) (export "new" (func $new)) (export "drop" (func $drop))))))
    (func (export "run") (param "n" u32) (canon lift (core func $i "run"))))"#;

#[test]
fn the_host_has_as_many_ends_that_it_keeps_as_guests_may_have_handles() {
    let run = |n: u32, keeps: bool| {
        let engine = Engine::default();
        let component = Component::new(&engine, GIVES_AWAY)?;
        let mut linker = Linker::new(&engine);
        let take = move |store: StoreContextMut<'_, StoreLimits>,
                         (stream,): (StreamReader<u8>,)| {
            if !keeps {
                stream.close(store)?;
            }
            Ok(())
        };
        linker.root().func_wrap("take", take)?;
        let mut store = Store::new(&engine, StoreLimitsBuilder::new().handles(100).build());
        store.limiter(|limits| limits);
        let instance = linker.instantiate(&mut store, &component)?;
        let run = instance.get_typed_func::<(u32,), ()>(&mut store, "run")?;
        run.call(&mut store, (n,))
    };
    run(150, true).unwrap();
    let result = run(300, true);
    assert_trap(result, Trap::TooManyHandles, "ResourceLimiter::handles");
    run(3000, false).unwrap();
}

/// How many instances of a module a store with this limit has room for.
fn room(config: &Config, memories: &str, address_space: u64) -> (usize, String) {
    let engine = Engine::new(config).unwrap();
    let module = Module::new(&engine, format!("(module {memories})")).unwrap();
    let limits = StoreLimitsBuilder::new().address_space(address_space);
    let mut store = Store::new(&engine, limits.build());
    store.limiter(|limits| limits);
    let mut count = 0;
    loop {
        match Instance::new(&mut store, &module, &[]) {
            Ok(_) => count += 1,
            Err(error) => return (count, error.to_string()),
        }
    }
}

#[test]
fn address_space_of_memories_is_limited() {
    let default = Config::new();
    let (count, error) = room(&default, "(memory 1)", 20 << 30);
    assert_eq!(count, 4, "each takes 4 GiB and a guard");
    assert!(
        error.contains("`ResourceLimiter::address_space`"),
        "{error}"
    );
    assert_eq!(room(&default, "(memory 1) (memory 1)", 20 << 30).0, 2);
    // What grows further is not taken until it does.
    let mut small = Config::new();
    small.memory_reservation(1 << 20).memory_guard_size(65536);
    assert_eq!(room(&small, "(memory 1)", 20 << 20).0, 18);
    assert_eq!(room(&small, "(memory 32 64)", 20 << 20).0, 9);
    // Shared memories never move, so their maximum is taken.
    assert_eq!(room(&small, "(memory 1 64 shared)", 20 << 20).0, 4);
}

#[test]
fn a_store_has_4_tebibytes_of_address_space_by_default() {
    let engine = Engine::default();
    let module = Module::new(&engine, format!("(module {})", "(memory 0)".repeat(100))).unwrap();
    let mut store = Store::new(&engine, ());
    let instances = (0..11).map(|_| Instance::new(&mut store, &module, &[]));
    let errors: Vec<_> = instances.filter_map(Result::err).collect();
    assert_eq!(errors.len(), 1, "1,000 memories fit, 1,100 do not");
    assert!(errors[0].to_string().contains("address space"));
}

#[test]
fn modules_without_memories_take_no_address_space() {
    let engine = Engine::default();
    let module = Module::new(&engine, "(module)").unwrap();
    let mut store = Store::new(&engine, StoreLimitsBuilder::new().address_space(0).build());
    store.limiter(|limits| limits);
    Instance::new(&mut store, &module, &[]).unwrap();
}
