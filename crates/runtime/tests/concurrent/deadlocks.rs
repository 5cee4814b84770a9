//! What a deadlock tells of the threads that wait.

use threadline::component::{Component, Deadlock, Linker, TypedFunc, WaitingThread};
use threadline::{Engine, Store};

/// `two-threads` suspends itself a few calls deep, with a thread of its own that waits elsewhere;
/// `called-back` waits between callbacks; `caller` waits for a function of another component, which
/// never returns.
const STUCK: &str = r#"(component
    (component $Callee
        (core module $libc (memory (export "memory") 1))
        (core instance $libc (instantiate $libc))
        (core func $set-new (canon waitable-set.new))
        (core func $wait (canon waitable-set.wait (memory (core memory $libc "memory"))))
        (core module $callee
            (import "" "set-new" (func $set-new (result i32)))
            (import "" "wait" (func $wait (param i32 i32) (result i32)))
            (func $waits-for-good
                (drop (call $wait (call $set-new) (i32.const 0))))
            (func (export "stuck") (call $waits-for-good)))
        (core instance $i (instantiate $callee (with "" (instance
            (export "set-new" (func $set-new)) (export "wait" (func $wait))))))
        (func (export "stuck") async (canon lift (core func $i "stuck") async)))
    (instance $callee (instantiate $Callee))
    (component $Caller
        (import "stuck" (func $stuck async))
        (core module $table (table (export "t") 1 funcref))
        (core instance $table (instantiate $table))
        (core module $libc (memory (export "memory") 1))
        (core instance $libc (instantiate $libc))
        (core func $stuck' (canon lower (func $stuck)))
        (core func $set-new (canon waitable-set.new))
        (core func $wait (canon waitable-set.wait (memory (core memory $libc "memory"))))
        (core func $suspend (canon thread.suspend))
        (core func $later (canon thread.resume-later))
        (core type $start (func (param i32)))
        (core func $new (canon thread.new-indirect $start (core table $table "t")))
        (core module $caller
            (import "" "t" (table 1 funcref))
            (import "" "stuck" (func $stuck))
            (import "" "set-new" (func $set-new (result i32)))
            (import "" "wait" (func $wait (param i32 i32) (result i32)))
            (import "" "suspend" (func $suspend (result i32)))
            (import "" "later" (func $later (param i32)))
            (import "" "new" (func $new (param i32 i32) (result i32)))
            (elem (i32.const 0) $worker)
            (func $worker (param i32) (call $waits-for-work))
            (func $waits-for-work
                (drop (call $wait (call $set-new) (i32.const 0))))
            (func $suspends-itself (param $depth i32)
                (if (local.get $depth)
                    (then (call $suspends-itself (i32.sub (local.get $depth) (i32.const 1))))
                    (else (drop (call $suspend)))))
            (func $starts-a-worker
                (call $later (call $new (i32.const 0) (i32.const 0)))
                (call $suspends-itself (i32.const 3)))
            (func (export "two-threads") (call $starts-a-worker))
            ;; WAIT for a set.
            (func (export "called-back") (result i32)
                (i32.or (i32.const 2) (i32.shl (call $set-new) (i32.const 4))))
            (func (export "callback") (param i32 i32 i32) (result i32) unreachable)
            (func $calls-the-other (call $stuck))
            (func (export "caller") (call $calls-the-other)))
        (core instance $i (instantiate $caller (with "" (instance
            (export "t" (table $table "t")) (export "stuck" (func $stuck'))
            (export "set-new" (func $set-new)) (export "wait" (func $wait))
            (export "suspend" (func $suspend)) (export "later" (func $later))
            (export "new" (func $new))))))
        (func (export "two-threads") async (canon lift (core func $i "two-threads")))
        (func (export "called-back") async
            (canon lift (core func $i "called-back") async (callback (core func $i "callback"))))
        (func (export "caller") async (canon lift (core func $i "caller"))))
    (instance $caller (instantiate $Caller (with "stuck" (func $callee "stuck"))))
    (export "two-threads" (func $caller "two-threads"))
    (export "called-back" (func $caller "called-back"))
    (export "caller" (func $caller "caller"))
)"#;

/// What a function of [`STUCK`] comes to.
fn deadlock(name: &str) -> (Vec<WaitingThread>, String) {
    let engine = Engine::default();
    let component = Component::new(&engine, STUCK).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &component)
        .unwrap();
    let func: TypedFunc<(), ()> = instance.get_typed_func(&mut store, name).unwrap();
    let error = func.call(&mut store, ()).unwrap_err();
    let deadlock = error.downcast_ref::<Deadlock>().unwrap();
    let threads = deadlock.threads().to_vec();
    // It needs nothing of what it tells of.
    drop((store, component, engine));
    (threads, deadlock.to_string())
}

/// The functions on a thread's stack, as `module!name`.
fn functions(thread: &WaitingThread) -> Vec<String> {
    let frames = thread.backtrace().map_or(&[][..], |it| it.frames());
    let name = |name: Option<&str>| name.unwrap_or("?").to_owned();
    frames
        .iter()
        .map(|frame| name(frame.module_name()) + "!" + &name(frame.func_name()))
        .collect()
}

#[test]
fn each_thread_is_shown_where_it_waits() {
    let (threads, text) = deadlock("two-threads");
    let [implicit, worker] = &threads[..] else {
        panic!("{text}");
    };
    assert!(implicit.text().contains("is suspended"), "{text}");
    assert_eq!(
        functions(implicit),
        [
            "caller!suspends-itself",
            "caller!suspends-itself",
            "caller!suspends-itself",
            "caller!suspends-itself",
            "caller!starts-a-worker",
            "caller!two-threads",
        ]
    );
    assert!(worker.text().contains("thread 2"), "{text}");
    assert!(worker.text().contains("waits for an event"), "{text}");
    assert_eq!(
        functions(worker),
        ["caller!waits-for-work", "caller!worker"]
    );
    // As text: under the thread's own line, and before the next thread's.
    let places = ["thread 1 of", "!starts-a-worker", "thread 2 of", "!worker"]
        .map(|what| text.find(what).unwrap_or_else(|| panic!("{what}: {text}")));
    assert!(places.is_sorted(), "{text}");
    assert!(
        text.contains("\n    wasm backtrace:\n        0: "),
        "{text}"
    );
}

#[test]
fn a_thread_between_callbacks_is_nowhere() {
    let (threads, text) = deadlock("called-back");
    let [thread] = &threads[..] else {
        panic!("{text}");
    };
    assert!(thread.backtrace().is_none(), "{text}");
    assert!(!text.contains("backtrace"), "{text}");
    assert_eq!(text.lines().count(), 2, "{text}");
}

#[test]
fn a_caller_is_shown_apart_from_the_callee_it_waits_for() {
    let (threads, text) = deadlock("caller");
    let [caller, callee] = &threads[..] else {
        panic!("{text}");
    };
    assert!(caller.text().contains("waits for a call to return"));
    assert_eq!(
        functions(caller),
        ["caller!calls-the-other", "caller!caller"]
    );
    assert!(callee.text().contains("waits for an event"), "{text}");
    // The callee's stack begins with the adapter between them.
    assert_eq!(
        functions(callee),
        [
            "callee!waits-for-good",
            "callee!stuck",
            "adapter stuck!adapter stuck (start)"
        ]
    );
}
