//! A guest that makes as many threads, waitables, handles and messages as it is told to.

use anyhow::Result;
use threadline::component::{Component, Instance, Linker};
use threadline::{Engine, Store};

/// The names of a [`crowd`].
#[derive(Clone, Copy)]
pub(crate) struct Names<'a> {
    pub(crate) module: &'a str,
    pub(crate) func: &'a str,
    pub(crate) export: &'a str,
}

pub(crate) const SHORT: Names<'_> = Names {
    module: "crowd",
    func: "deep",
    export: "wait",
};

/// A component that has many of everything. Its exports take two numbers:
///
/// - `wait` (its name can be chosen) starts as many threads as the first says, which wait for one set of
///   as many futures as the second says;
/// - `sets`: each thread waits for a set of its own, and the futures are in no set;
/// - `deep`: the second says how many calls deep each waits;
/// - `trap` is so many calls deep when it traps, with so many threads and futures;
/// - `messages` makes as many error contexts as the first says, of as many bytes as the second says.
pub(crate) fn crowd(names: Names<'_>) -> String {
    let Names {
        module,
        func,
        export,
    } = names;
    format!(
        r#"(component
        (core module $libc (table (export "t") 3 funcref) (memory (export "m") 1))
        (core instance $libc (instantiate $libc))
        (core type $start (func (param i32)))
        (type $future (future u32))
        (core func $new (canon thread.new-indirect $start (core table $libc "t")))
        (core func $later (canon thread.resume-later))
        (core func $suspend (canon thread.suspend))
        (core func $yield (canon thread.yield))
        (core func $set-new (canon waitable-set.new))
        (core func $wait (canon waitable-set.wait (memory (core memory $libc "m"))))
        (core func $join (canon waitable.join))
        (core func $future-new (canon future.new $future))
        (core func $message (canon error-context.new (memory (core memory $libc "m"))))
        (core module ${module}
            (import "" "t" (table 3 funcref))
            (import "" "m" (memory 1))
            (import "" "new" (func $new (param i32 i32) (result i32)))
            (import "" "later" (func $later (param i32)))
            (import "" "suspend" (func $suspend (result i32)))
            (import "" "yield" (func $yield (result i32)))
            (import "" "set-new" (func $set-new (result i32)))
            (import "" "wait" (func $wait (param i32 i32) (result i32)))
            (import "" "join" (func $join (param i32 i32)))
            (import "" "future-new" (func $future-new (result i64)))
            (import "" "message" (func $message (param i32 i32) (result i32)))
            (elem (i32.const 0) $waits-for $waits-alone ${func})
            (func $waits-for (param i32) (drop (call $wait (local.get 0) (i32.const 0))))
            (func $waits-alone (param i32) (drop (call $wait (call $set-new) (i32.const 0))))
            (func ${func} (param i32)
                (if (local.get 0)
                    (then (call ${func} (i32.sub (local.get 0) (i32.const 1))))
                    (else (drop (call $suspend)))))
            (func ${func}.traps (param i32)
                (if (local.get 0)
                    (then (call ${func}.traps (i32.sub (local.get 0) (i32.const 1))))
                    (else unreachable)))
            ;; So many threads with this start function and this parameter.
            (func $threads (param $n i32) (param $func i32) (param $param i32)
                (loop $more
                    (if (local.get $n) (then
                        (call $later (call $new (local.get $func) (local.get $param)))
                        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                        (br $more)))))
            ;; So many futures in this set, or in none if it is 0.
            (func $futures (param $n i32) (param $set i32)
                (loop $more
                    (if (local.get $n) (then
                        (call $join (i32.wrap_i64 (call $future-new)) (local.get $set))
                        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                        (br $more)))))
            (func (export "wait") (param $n i32) (param $m i32) (local $set i32)
                (local.set $set (call $set-new))
                (call $futures (local.get $m) (local.get $set))
                (call $threads (local.get $n) (i32.const 0) (local.get $set))
                (drop (call $suspend)))
            (func (export "sets") (param $n i32) (param $m i32)
                (call $futures (local.get $m) (i32.const 0))
                (call $threads (local.get $n) (i32.const 1) (i32.const 0))
                (drop (call $suspend)))
            (func (export "deep") (param $n i32) (param $m i32)
                (call $threads (local.get $n) (i32.const 2) (local.get $m))
                (drop (call $suspend)))
            (func (export "trap") (param $n i32) (param $m i32)
                (call $futures (local.get $n) (i32.const 0))
                (call $threads (local.get $n) (i32.const 1) (i32.const 0))
                (drop (call $yield))
                (call ${func}.traps (local.get $m)))
            (func (export "messages") (param $n i32) (param $m i32)
                (memory.fill (i32.const 0) (i32.const 65) (i32.const 65536))
                (loop $more
                    (if (local.get $n) (then
                        (drop (call $message (i32.const 0) (local.get $m)))
                        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                        (br $more))))))
        (core instance $i (instantiate ${module} (with "" (instance
            (export "t" (table $libc "t")) (export "m" (memory $libc "m"))
            (export "new" (func $new)) (export "later" (func $later))
            (export "suspend" (func $suspend)) (export "yield" (func $yield))
            (export "set-new" (func $set-new)) (export "wait" (func $wait))
            (export "join" (func $join)) (export "future-new" (func $future-new))
            (export "message" (func $message))))))
        (func (export "{export}") async (param "n" u32) (param "m" u32)
            (canon lift (core func $i "wait")))
        (func (export "sets") async (param "n" u32) (param "m" u32)
            (canon lift (core func $i "sets")))
        (func (export "deep") async (param "n" u32) (param "m" u32)
            (canon lift (core func $i "deep")))
        (func (export "trap") async (param "n" u32) (param "m" u32)
            (canon lift (core func $i "trap")))
        (func (export "messages") async (param "n" u32) (param "m" u32)
            (canon lift (core func $i "messages"))))"#
    )
}

pub(crate) fn instance<T>(store: &mut Store<T>, text: &str) -> Instance {
    let engine: Engine = store.engine().clone();
    let component = Component::new(&engine, text).unwrap();
    Linker::new(&engine).instantiate(store, &component).unwrap()
}

/// Calls an export of a [`crowd`].
pub(crate) fn call<T: Send>(
    store: &mut Store<T>,
    instance: &Instance,
    name: &str,
    n: u32,
    m: u32,
) -> Result<()> {
    let func = instance.get_typed_func::<(u32, u32), ()>(&mut *store, name)?;
    func.call(store, (n, m))
}
