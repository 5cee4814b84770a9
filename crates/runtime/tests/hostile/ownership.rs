//! Nobody acts as another's task: `task.return` and `task.cancel` are about a task of the instance
//! that calls them, or they trap.

use crate::engines;
use std::future::{Future, pending};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use threadline::component::{Component, Func, Instance, Linker, ResourceAny, Val};
use threadline::{Engine, Store, StoreContextMut};

/// What is said about a task that is another's, or that is not there.
const NOT_ASYNC: &str = "the current task is not one that was lifted with `async`";

/// What is said where an instance may not be left.
const MAY_NOT_LEAVE: &str = "cannot leave component instance";

/// A built-in that speaks of the current task, as a core function `b` without operands.
struct Builtin {
    canon: &'static str,
    params: &'static str,
    operands: &'static str,
}

const BUILTINS: [Builtin; 4] = [
    Builtin {
        canon: "(core func $b (canon task.return (result u32)))",
        params: "(param i32)",
        operands: "(i32.const 666)",
    },
    Builtin {
        canon: "(core func $b (canon task.return))",
        params: "",
        operands: "",
    },
    Builtin {
        canon: "(core func $b (canon task.cancel))",
        params: "",
        operands: "",
    },
    // Calls of an instance that can block make tasks, which are not lifted with `async` here.
    Builtin {
        canon: "(core func $b (canon task.return (result u32)))
            (core func (canon thread.yield))",
        params: "(param i32)",
        operands: "(i32.const 666)",
    },
];

impl Builtin {
    /// The inside of a component whose core instance `$i` exports `meddle`, which calls the built-in;
    /// what else is exported and imported is in `more`.
    fn meddler(&self, more: &str, definitions: &str) -> String {
        let Builtin {
            canon,
            params,
            operands,
        } = self;
        format!(
            r#"{canon}
            (core module $m
                (import "" "b" (func $b {params}))
                (func $meddle (export "meddle") (call $b {operands}))
                {more})
            (core instance $i (instantiate $m (with "" (instance (export "b" (func $b))))))
            {definitions}"#
        )
    }
}

/// Exports `f`, which does what `meddle` does.
const EXPORT_F: &str = r#"(func (export "f") (canon lift (core func $i "meddle")))"#;

/// Its `run` calls the import `f` and means to return 1.
const VICTIM: &str = r#"(component $Victim
    (import "f" (func $f))
    (core func $f' (canon lower (func $f)))
    (core func $return (canon task.return (result u32)))
    (core module $m
        (import "" "f" (func $f))
        (import "" "return" (func $return (param i32)))
        (func (export "run") (call $f) (call $return (i32.const 1))))
    (core instance $i (instantiate $m (with "" (instance
        (export "f" (func $f')) (export "return" (func $return))))))
    (func (export "run") async (result u32) (canon lift (core func $i "run") async)))"#;

/// A component in which the victim calls `f` of a meddler.
fn with_victim(meddler: &str) -> String {
    format!(
        r#"(component
            (component $Meddler {meddler})
            (instance $meddler (instantiate $Meddler))
            {VICTIM}
            (instance $victim (instantiate $Victim (with "f" (func $meddler "f"))))
            (export "run" (func $victim "run")))"#
    )
}

fn instantiate<T: 'static>(store: &mut Store<T>, wat: &str) -> anyhow::Result<Instance> {
    let engine = store.engine().clone();
    let component = Component::new(&engine, wat).expect(wat);
    Linker::new(&engine).instantiate(store, &component)
}

fn run(engine: &Engine, wat: &str) -> anyhow::Result<Val> {
    let mut store = Store::new(engine, ());
    let instance = instantiate(&mut store, wat)?;
    let run = instance
        .get_func(&mut store, "run")
        .expect("it is exported");
    let mut results = [Val::Bool(false)];
    run.call(&mut store, &[], &mut results)?;
    let [result] = results;
    Ok(result)
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(result: anyhow::Result<T>, expected: &str) {
    let error = format!("{:#}", result.expect_err("it traps"));
    assert!(error.contains(expected), "{error}");
    assert!(!error.contains("bug"), "{error}");
}

#[test]
fn a_victim_that_nobody_meddles_with_returns() {
    let harmless = r#"(core module $m (func (export "f")))
        (core instance $i (instantiate $m))
        (func (export "f") (canon lift (core func $i "f")))"#;
    for engine in engines() {
        let result = run(&engine, &with_victim(harmless)).unwrap();
        assert_eq!(result, Val::U32(1));
    }
}

#[test]
fn a_function_ends_no_task_of_its_caller() {
    for engine in engines() {
        for builtin in &BUILTINS {
            let wat = with_victim(&builtin.meddler("", EXPORT_F));
            assert_refused(run(&engine, &wat), NOT_ASYNC);
        }
    }
}

#[test]
fn a_function_ends_no_task_of_its_callers_caller() {
    // What is between them makes no tasks either.
    let relay = |inner: &str| {
        format!(
            r#"(component $Inner {inner})
            (instance $inner (instantiate $Inner))
            (core func $f (canon lower (func $inner "f")))
            (core module $relay (import "" "f" (func $f)) (func (export "f") (call $f)))
            (core instance $relay (instantiate $relay
                (with "" (instance (export "f" (func $f))))))
            (func (export "f") (canon lift (core func $relay "f")))"#
        )
    };
    let engine = Engine::default();
    for builtin in &BUILTINS {
        let wat = with_victim(&relay(&builtin.meddler("", EXPORT_F)));
        assert_refused(run(&engine, &wat), NOT_ASYNC);
    }
}

#[test]
fn a_destructor_ends_no_task_of_who_drops() {
    let destructor = r#"
        (type $R (resource (rep i32) (dtor (core func $i "dtor"))))
        (export $r "r" (type $R))
        (core func $new (canon resource.new $R))
        (core module $n (import "" "new" (func $new (param i32) (result i32)))
            (func (export "make") (result i32) (call $new (i32.const 1))))
        (core instance $n (instantiate $n (with "" (instance (export "new" (func $new))))))
        (func (export "make") (result (own $r)) (canon lift (core func $n "make")))"#;
    let engine = Engine::default();
    for builtin in &BUILTINS {
        let dtor = r#"(func (export "dtor") (param i32) (call $meddle))"#;
        let meddler = builtin.meddler(dtor, destructor);
        let wat = format!(
            r#"(component
                (component $Meddler {meddler})
                (instance $meddler (instantiate $Meddler))
                (alias export $meddler "r" (type $r))
                (component $Dropper
                    (import "r" (type $R (sub resource)))
                    (import "make" (func $make (result (own $R))))
                    (core func $make' (canon lower (func $make)))
                    (core func $drop (canon resource.drop $R))
                    (core module $m
                        (import "" "make" (func $make (result i32)))
                        (import "" "drop" (func $drop (param i32)))
                        (func (export "f") (call $drop (call $make))))
                    (core instance $i (instantiate $m (with "" (instance
                        (export "make" (func $make')) (export "drop" (func $drop))))))
                    (func (export "f") (canon lift (core func $i "f"))))
                (instance $dropper (instantiate $Dropper
                    (with "r" (type $r)) (with "make" (func $meddler "make"))))
                {VICTIM}
                (instance $victim (instantiate $Victim (with "f" (func $dropper "f"))))
                (export "run" (func $victim "run")))"#
        );
        assert_refused(run(&engine, &wat), NOT_ASYNC);
    }
}

#[test]
fn neither_realloc_nor_post_return_ends_a_task() {
    let engine = Engine::default();
    for builtin in &BUILTINS {
        let post_return = r#"(func (export "f") (canon lift (core func $i "f")
            (post-return (core func $i "meddle"))))"#;
        let more = r#"(func (export "f"))"#;
        let wat = with_victim(&builtin.meddler(more, post_return));
        assert_refused(run(&engine, &wat), MAY_NOT_LEAVE);

        // A relay passes a string, for which `realloc` is called.
        let more = r#"(memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (call $meddle) (i32.const 8))
            (func (export "f") (param i32 i32))"#;
        let takes_string = r#"(func (export "f") (param "s" string) (canon lift (core func $i "f")
            (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))"#;
        let inner = builtin.meddler(more, takes_string);
        let wat = with_victim(&format!(
            r#"(component $Inner {inner})
            (instance $inner (instantiate $Inner))
            (core module $libc (memory (export "memory") 1))
            (core instance $libc (instantiate $libc))
            (core func $f (canon lower (func $inner "f") (memory (core memory $libc "memory"))))
            (core module $relay (import "" "f" (func $f (param i32 i32)))
                (func (export "f") (call $f (i32.const 0) (i32.const 3))))
            (core instance $relay (instantiate $relay
                (with "" (instance (export "f" (func $f))))))
            (func (export "f") (canon lift (core func $relay "f")))"#
        ));
        assert_refused(run(&engine, &wat), MAY_NOT_LEAVE);
    }
}

/// A victim that has something in its table, at index 1, when it calls `f`, and is to return a handle
/// of this type. `types` is the imports of both components, `args` what they are given.
fn with_handle(ty: &str, types: &str, args: &str, before: &str, take: &str) -> String {
    format!(
        r#"(component
            {before}
            (component $Meddler
                {types}
                (core func $b (canon task.return (result {ty})))
                (core module $m
                    (import "" "b" (func $b (param i32)))
                    (func (export "f") (call $b (i32.const 1))))
                (core instance $i (instantiate $m (with "" (instance (export "b" (func $b))))))
                (func (export "f") (canon lift (core func $i "f"))))
            (instance $meddler (instantiate $Meddler {args}))
            (component $Victim
                {types}
                (import "f" (func $f))
                (core module $libc (memory (export "memory") 1))
                (core instance $libc (instantiate $libc))
                (core func $f' (canon lower (func $f)))
                {take}
                (core module $m
                    (import "" "f" (func $f))
                    (import "" "take" (func $take (result i32)))
                    (func (export "run") (drop (call $take)) (call $f)))
                (core instance $i (instantiate $m (with "" (instance
                    (export "f" (func $f')) (export "take" (func $take'))))))
                (func (export "run") async (result {ty}) (canon lift (core func $i "run") async)))
            (instance $victim (instantiate $Victim {args} (with "f" (func $meddler "f"))))
            (export "run" (func $victim "run")))"#
    )
}

#[test]
fn no_handle_of_the_callers_is_given_away() {
    let engine = Engine::default();
    let stream = r#"(core func $new (canon stream.new $T))
        (core module $take (import "" "new" (func $new (result i64)))
            (func (export "take") (result i32) (i32.wrap_i64 (call $new))))
        (core instance $take (instantiate $take (with "" (instance (export "new" (func $new))))))
        (alias core export $take "take" (core func $take'))"#;
    let future = stream.replace("stream.new", "future.new");
    let context = r#"(core func $new (canon error-context.new (memory (core memory $libc "memory"))))
        (core module $take (import "" "new" (func $new (param i32 i32) (result i32)))
            (func (export "take") (result i32) (call $new (i32.const 0) (i32.const 0))))
        (core instance $take (instantiate $take (with "" (instance (export "new" (func $new))))))
        (alias core export $take "take" (core func $take'))"#;
    let handles = [
        ("$T", "(type $T (stream u8))", stream),
        ("$T", "(type $T (future u8))", &future),
        ("error-context", "", context),
    ];
    for (ty, types, take) in handles {
        let wat = with_handle(ty, types, "", "", take);
        assert_refused(run(&engine, &wat), NOT_ASYNC);
    }
    // A resource that the root makes.
    let before = r#"(type $R (resource (rep i32)))
        (export $r "r" (type $R))
        (core func $new (canon resource.new $R))
        (core module $n (import "" "new" (func $new (param i32) (result i32)))
            (func (export "make") (result i32) (call $new (i32.const 7))))
        (core instance $n (instantiate $n (with "" (instance (export "new" (func $new))))))
        (func $make (result (own $r)) (canon lift (core func $n "make")))"#;
    let types = r#"(import "r" (type $R (sub resource)))
        (import "make" (func $make (result (own $R))))"#;
    let args = r#"(with "r" (type $r)) (with "make" (func $make))"#;
    let take = "(core func $take' (canon lower (func $make)))";
    let wat = with_handle("(own $R)", types, args, before, take);
    assert_refused(run(&engine, &wat), NOT_ASYNC);
}

/// Its `run` calls the import `f`, and returns a text that is in its memory.
const SECRETIVE: &str = r#"(component
    (import "f" (func $f))
    (core func $f' (canon lower (func $f)))
    (core module $libc (memory (export "memory") 1)
        (data (i32.const 64) "told by all means") (data (i32.const 512) "never told"))
    (core instance $libc (instantiate $libc))
    (core func $return (canon task.return (result string) (memory (core memory $libc "memory"))))
    (core module $m
        (import "" "f" (func $f))
        (import "" "return" (func $return (param i32 i32)))
        (func (export "run") (call $f) (call $return (i32.const 64) (i32.const 17))))
    (core instance $i (instantiate $m (with "" (instance
        (export "f" (func $f')) (export "return" (func $return))))))
    (func (export "run") async (result string) (canon lift (core func $i "run") async
        (memory (core memory $libc "memory")))))"#;

/// Another root, whose `task.return` has the options with this number of those it has; memory 0 and the
/// text's address are the victim's numbers.
fn stranger(other_options: usize) -> String {
    let others: String = ["utf16", "latin1+utf16", "utf8"][..other_options]
        .iter()
        .enumerate()
        .map(|(i, encoding)| {
            format!(
                r#"(func (export "g{i}") (result string) (canon lift (core func $x "g")
                    (memory (core memory $x "memory")) string-encoding={encoding}))"#
            )
        })
        .collect();
    format!(
        r#"(component
            (core module $x (memory (export "memory") 1) (func (export "g") (result i32) (i32.const 0)))
            (core instance $x (instantiate $x))
            {others}
            (core func $b (canon task.return (result string) (memory (core memory $x "memory"))))
            (core module $m
                (import "" "b" (func $b (param i32 i32)))
                (func (export "f") (call $b (i32.const 512) (i32.const 10))))
            (core instance $i (instantiate $m (with "" (instance (export "b" (func $b))))))
            (func (export "f") (canon lift (core func $i "f"))))"#
    )
}

/// Calls `run` of the victim, which calls a host function that does this.
fn with_host<F>(store: &mut Store<()>, body: F) -> anyhow::Result<Val>
where
    F: Fn(StoreContextMut<'_, ()>) -> anyhow::Result<()> + Send + Sync + 'static,
{
    let engine = store.engine().clone();
    let mut linker = Linker::new(&engine);
    linker
        .root()
        .func_wrap("f", move |store, (): ()| body(store))?;
    let victim = linker.instantiate(&mut *store, &Component::new(&engine, SECRETIVE)?)?;
    let run = victim.get_func(&mut *store, "run").expect("it is exported");
    let mut results = [Val::Bool(false)];
    run.call(&mut *store, &[], &mut results)?;
    let [result] = results;
    Ok(result)
}

fn told() -> Val {
    Val::String("told by all means".into())
}

#[test]
fn another_root_ends_no_task_by_way_of_the_host() {
    for engine in engines() {
        for other_options in 0..=3 {
            let mut store = Store::new(&engine, ());
            let stranger = instantiate(&mut store, &stranger(other_options)).unwrap();
            let f = stranger.get_func(&mut store, "f").unwrap();
            let result = with_host(&mut store, move |mut store| {
                assert_refused(f.call(&mut store, &[], &mut []), NOT_ASYNC);
                Ok(())
            });
            assert_eq!(result.unwrap(), told(), "{other_options}");
        }
    }
}

#[test]
fn another_root_ends_no_task_as_an_import() {
    let engine = Engine::default();
    for other_options in 0..=3 {
        let mut store = Store::new(&engine, ());
        let stranger = instantiate(&mut store, &stranger(other_options)).unwrap();
        let f: Func = stranger.get_func(&mut store, "f").unwrap();
        let mut linker = Linker::new(&engine);
        linker.root().func(&store, "f", f).unwrap();
        let victim = Component::new(&engine, SECRETIVE).unwrap();
        let victim = linker.instantiate(&mut store, &victim).unwrap();
        let run = victim.get_func(&mut store, "run").unwrap();
        let mut results = [Val::Bool(false)];
        let called = run.call(&mut store, &[], &mut results);
        assert_refused(called, NOT_ASYNC);
        assert_eq!(results, [Val::Bool(false)]);
    }
}

/// A component that calls the built-in in a start function.
fn starter(builtin: &Builtin) -> String {
    format!("(component {})", builtin.meddler("(start $meddle)", ""))
}

/// A component whose resources' destructor calls the built-in; `make` makes one.
fn destroyer(builtin: &Builtin) -> String {
    let definitions = r#"
        (type $R (resource (rep i32) (dtor (core func $i "dtor"))))
        (export $r "r" (type $R))
        (core func $new (canon resource.new $R))
        (core module $n (import "" "new" (func $new (param i32) (result i32)))
            (func (export "make") (result i32) (call $new (i32.const 1))))
        (core instance $n (instantiate $n (with "" (instance (export "new" (func $new))))))
        (func (export "make") (result (own $r)) (canon lift (core func $n "make")))"#;
    let dtor = r#"(func (export "dtor") (param i32) (call $meddle))"#;
    format!("(component {})", builtin.meddler(dtor, definitions))
}

fn make(store: &mut Store<()>, builtin: &Builtin) -> ResourceAny {
    let instance = instantiate(store, &destroyer(builtin)).expect("it is valid");
    let make = instance.get_func(&mut *store, "make");
    let make = make.expect("it is exported");
    let mut results = [Val::Bool(false)];
    make.call(&mut *store, &[], &mut results)
        .expect("it doesn't trap");
    match results {
        [Val::Resource(resource)] => resource,
        other => panic!("no resource: {other:?}"),
    }
}

#[test]
fn a_start_function_ends_no_task_of_who_instantiates() {
    let engine = Engine::default();
    for builtin in &BUILTINS {
        let mut store = Store::new(&engine, ());
        let starter = Component::new(&engine, starter(builtin)).unwrap();
        let result = with_host(&mut store, move |mut store| {
            let linker = Linker::new(store.engine());
            let instance = linker.instantiate(&mut store, &starter);
            assert_refused(instance.map(drop), NOT_ASYNC);
            Ok(())
        });
        assert_eq!(result.unwrap(), told());
    }
}

#[test]
fn a_destructor_that_the_host_calls_ends_no_task() {
    let engine = Engine::default();
    for builtin in &BUILTINS {
        let mut store = Store::new(&engine, ());
        let resource = make(&mut store, builtin);
        let result = with_host(&mut store, move |mut store| {
            assert_refused(resource.resource_drop(&mut store), NOT_ASYNC);
            Ok(())
        });
        assert_eq!(result.unwrap(), told());
    }
}

#[test]
fn where_there_is_no_task_nothing_can_be_returned() {
    for engine in engines() {
        for builtin in &BUILTINS {
            let store = &mut Store::new(&engine, ());
            assert_refused(instantiate(store, &starter(builtin)).map(drop), NOT_ASYNC);

            let meddler = format!("(component {})", builtin.meddler("", EXPORT_F));
            let meddler = instantiate(store, &meddler).unwrap();
            let f = meddler.get_func(&mut *store, "f").unwrap();
            assert_refused(f.call(&mut *store, &[], &mut []), NOT_ASYNC);

            let resource = make(store, builtin);
            assert_refused(resource.resource_drop(&mut *store), NOT_ASYNC);
        }
    }
}

#[test]
fn the_same_holds_in_futures() {
    let engine = Engine::default();
    for builtin in &BUILTINS {
        let mut store = Store::new(&engine, ());
        let starter = Component::new(&engine, starter(builtin)).unwrap();
        let linker = Linker::new(&engine);
        let instance = ready(linker.instantiate_async(&mut store, &starter));
        assert_refused(instance.map(drop), NOT_ASYNC);

        let meddler = format!("(component {})", builtin.meddler("", EXPORT_F));
        let meddler = instantiate(&mut store, &meddler).unwrap();
        let f = meddler.get_func(&mut store, "f").unwrap();
        let called = ready(f.call_async(&mut store, &[], &mut []));
        assert_refused(called, NOT_ASYNC);
    }
}

/// What a future gives that needs to be polled once.
fn ready<R>(future: impl Future<Output = R>) -> R {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn a_subtask_can_be_cancelled_where_there_is_no_task() {
    // `subtask.cancel async` never blocks, so calls of this instance make no tasks.
    let wat = r#"(component
        (import "forever" (func $forever async))
        (core func $forever' (canon lower (func $forever) async))
        (core func $cancel (canon subtask.cancel async))
        (core module $m
            (import "" "forever" (func $forever (result i32)))
            (import "" "cancel" (func $cancel (param i32) (result i32)))
            (func (export "f") (result i32)
                (call $cancel (i32.shr_u (call $forever) (i32.const 4)))))
        (core instance $i (instantiate $m (with "" (instance
            (export "forever" (func $forever')) (export "cancel" (func $cancel))))))
        (func (export "f") (result u32) (canon lift (core func $i "f"))))"#;
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    let mut root = linker.root();
    root.func_wrap_concurrent("forever", |_, (): ()| pending::<anyhow::Result<()>>())
        .unwrap();
    let mut store = Store::new(&engine, ());
    let component = Component::new(&engine, wat).unwrap();
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let f = instance
        .get_typed_func::<(), (u32,)>(&mut store, "f")
        .unwrap();
    let result = f.call(&mut store, ());
    // Cancelled before it returned, or asked to and not answered yet.
    assert!(matches!(result, Ok((4 | u32::MAX,))), "{result:?}");
}
