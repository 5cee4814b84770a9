//! Rows A1 and A5 to A9: calls of async functions by the host and by other guests, the same
//! component on both sides.
//!
//! A callee adds one to what it is given, so what comes out in the end is how often it was called.
//! Callers check what each call says of itself: whether it had returned, or had to be waited for.

use crate::calls::{Row, measure_rows};
use crate::host_boundary::Measured;
use crate::{Engines, Runner};
use anyhow::Result;

/// How many subtasks are in flight at once.
pub(crate) const IN_FLIGHT: u32 = 10_000;
const _: () = assert!(IN_FLIGHT == 10_000, "as the code of `SUSPENDS` has it");

/// Measures the rows whose names contain `filter`.
pub(crate) fn measure(engines: &Engines, filter: Option<&str>) -> Result<Vec<Measured>> {
    measure_rows(engines, rows(), filter)
}

pub(crate) fn rows() -> Vec<Row> {
    let row = |id, name, target, calls, component, call| Row {
        id,
        name,
        target,
        calls,
        component,
        expected: |n| n,
        call,
    };
    let by_host = |name, component| row("A1", name, 80.0, 5_000, component, host_calls);
    let by_guest =
        |id, name, target, component| row(id, name, target, 5_000, component, Runner::call_async);
    vec![
        by_host("host calls guest, callback", for_host(Lift::Callback)),
        by_host("host calls guest, stackful", for_host(Lift::Stackful)),
        by_guest(
            "A5",
            "guest calls guest, callback, returns at once",
            40.0,
            pair(RETURNS_AT_ONCE, Lift::Callback, HAS_RETURNED),
        ),
        by_guest(
            "A5",
            "guest calls guest, stackful, returns at once",
            40.0,
            pair(RETURNS_AT_ONCE, Lift::Stackful, HAS_RETURNED),
        ),
        by_guest(
            "A6",
            "guest calls guest, callback, waits",
            180.0,
            pair(YIELDS, Lift::Callback, WAITS),
        ),
        by_guest(
            "A6",
            "guest calls guest, stackful, waits",
            180.0,
            pair(YIELDS, Lift::Stackful, WAITS),
        ),
        by_guest(
            "A7",
            "subtask.cancel of a blocked callee",
            200.0,
            pair(PARKS, Lift::Callback, CANCELS),
        ),
        row(
            "A8",
            "10,000 subtasks of a guest in flight: each",
            350.0,
            IN_FLIGHT,
            pair(SUSPENDS, Lift::Stackful, &in_flight()),
            Runner::call_async,
        ),
        by_guest("A9", "a callback task parks and is woken", 200.0, parks()),
    ]
}

/// The host calls `run` so many times, each time with what it got.
fn host_calls(runner: &mut Runner, times: u32) -> u64 {
    (0..times).fold(0, |sum, _| runner.call_async(sum as u32))
}

/// How a callee is lifted.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Lift {
    Callback,
    Stackful,
}

/// The core functions of a callee, lifted with a callback and stackful.
struct Callee {
    callback: &'static str,
    stackful: &'static str,
}

/// Returns one more than it is given.
const RETURNS_AT_ONCE: Callee = Callee {
    callback: r#"(func (export "f") (param i32) (result i32)
            (call $return (i32.add (local.get 0) (i32.const 1)))
            (i32.const 0 (; EXIT ;)))
        (func (export "callback") (param i32 i32 i32) (result i32) (unreachable))"#,
    stackful: r#"(func (export "f") (param i32)
            (call $return (i32.add (local.get 0) (i32.const 1))))"#,
};

/// Lets others run before it returns.
const YIELDS: Callee = Callee {
    callback: r#"(func (export "f") (param i32) (result i32)
            (call $set (local.get 0))
            (i32.const 1 (; YIELD ;)))
        (func (export "callback") (param $event i32) (param i32 i32) (result i32)
            (if (local.get $event) (then unreachable))
            (call $return (i32.add (call $get) (i32.const 1)))
            (i32.const 0 (; EXIT ;)))"#,
    stackful: r#"(func (export "f") (param i32)
            (drop (call $yield))
            (call $return (i32.add (local.get 0) (i32.const 1))))"#,
};

/// Waits for what never comes, until it is cancelled.
const PARKS: Callee = Callee {
    callback: r#"(global $waitables (mut i32) (i32.const 0))
        (func (export "f") (param i32) (result i32)
            (if (i32.eqz (global.get $waitables))
                (then (global.set $waitables (call $set-new))))
            (i32.or (i32.const 2 (; WAIT ;)) (i32.shl (global.get $waitables) (i32.const 4))))
        (func (export "callback") (param $event i32) (param i32 i32) (result i32)
            (if (i32.ne (local.get $event) (i32.const 6 (; TASK_CANCELLED ;))) (then unreachable))
            (call $cancel)
            (i32.const 0 (; EXIT ;)))"#,
    stackful: "",
};

/// Suspends itself. The last of [`IN_FLIGHT`] callees lets all go on; they return their numbers.
const SUSPENDS: Callee = Callee {
    callback: "",
    stackful: r#"(global $started (mut i32) (i32.const 0))
        (memory 1)
        (func (export "f") (param $number i32)
            (local $at i32)
            (i32.store (i32.mul (local.get $number) (i32.const 4)) (call $index))
            (if (i32.eq (local.get $number) (i32.const 10000))
                (then (loop $release
                    (call $later (i32.load (local.tee $at (i32.add (local.get $at) (i32.const 4)))))
                    (br_if $release (i32.lt_u (local.get $at) (i32.const 39996)))))
                (else (drop (call $suspend))))
            (call $return (local.get $number)))"#,
};

/// A component that exports `f` as this, lifted so.
fn callee(callee: &Callee, lift: Lift, export: &str) -> String {
    let (code, options) = match lift {
        Lift::Callback => (
            callee.callback,
            r#"async (callback (core func $m "callback"))"#,
        ),
        Lift::Stackful => (callee.stackful, "async"),
    };
    format!(
        r#"(canon task.return (result u32) (core func $return))
        (canon task.cancel (core func $cancel))
        (canon context.get i32 0 (core func $get))
        (canon context.set i32 0 (core func $set))
        (canon thread.yield (core func $yield))
        (canon thread.index (core func $index))
        (canon thread.suspend (core func $suspend))
        (canon thread.resume-later (core func $later))
        (canon waitable-set.new (core func $set-new))
        (core module $m
            (import "" "return" (func $return (param i32)))
            (import "" "cancel" (func $cancel))
            (import "" "get" (func $get (result i32)))
            (import "" "set" (func $set (param i32)))
            (import "" "yield" (func $yield (result i32)))
            (import "" "index" (func $index (result i32)))
            (import "" "suspend" (func $suspend (result i32)))
            (import "" "later" (func $later (param i32)))
            (import "" "set-new" (func $set-new (result i32)))
            {code})
        (core instance $m (instantiate $m (with "" (instance
            (export "return" (func $return)) (export "cancel" (func $cancel))
            (export "get" (func $get)) (export "set" (func $set))
            (export "yield" (func $yield)) (export "index" (func $index))
            (export "suspend" (func $suspend)) (export "later" (func $later))
            (export "set-new" (func $set-new))))))
        (func (export "{export}") async (param "n" u32) (result u32)
            (canon lift (core func $m "f") {options}))"#
    )
}

fn for_host(lift: Lift) -> String {
    format!("(component {})", callee(&RETURNS_AT_ONCE, lift, "run"))
}

/// What a caller imports, of `f` and of the built-ins.
const IMPORTS: &str = r#"
        (import "" "f" (func $f (param i32 i32) (result i32)))
        (import "" "set-new" (func $set-new (result i32)))
        (import "" "join" (func $join (param i32 i32)))
        (import "" "wait" (func $wait (param i32 i32) (result i32)))
        (import "" "cancel" (func $cancel (param i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (import "" "return" (func $return (param i32)))
        (import "m" "m" (memory 1))
        (global $waitables (mut i32) (i32.const 0))
        (func $start (global.set $waitables (call $set-new)))
        (start $start)

        ;; Waits for any subtask: which one. It must have returned.
        (func $wait-for-one (result i32)
            (if (i32.ne (call $wait (global.get $waitables) (i32.const 65528)) (i32.const 1 (; SUBTASK ;)))
                (then unreachable))
            (if (i32.ne (i32.load (i32.const 65532)) (i32.const 2 (; RETURNED ;))) (then unreachable))
            (call $drop (i32.load (i32.const 65528)))
            (i32.load (i32.const 65528)))

        ;; The subtask of a call that must have started, and not returned.
        (func $started (param $packed i32) (result i32)
            (if (i32.ne (i32.and (local.get $packed) (i32.const 15)) (i32.const 1 (; STARTED ;)))
                (then unreachable))
            (i32.shr_u (local.get $packed) (i32.const 4)))"#;

/// A component of a callee, `f`, and of a caller, whose core module has this code and which is
/// lifted so.
fn components(f: Callee, lift: Lift, code: &str, caller: &str) -> String {
    let callee = callee(&f, lift, "f");
    format!(
        r#"(component
    (component $callee {callee})
    (component $caller
        (import "f" (func $f async (param "n" u32) (result u32)))
        (core module $memory (memory (export "m") 1))
        (core instance $memory (instantiate $memory))
        (canon lower (func $f) async (memory (core memory $memory "m")) (core func $f'))
        (canon waitable-set.new (core func $set-new))
        (canon waitable.join (core func $join))
        (canon waitable-set.wait (memory (core memory $memory "m")) (core func $wait))
        (canon subtask.cancel (core func $cancel))
        (canon subtask.drop (core func $drop))
        (canon task.return (result u32) (core func $return))
        (core module $m {IMPORTS} {code})
        (core instance $m (instantiate $m
            (with "m" (instance $memory))
            (with "" (instance
                (export "f" (func $f')) (export "set-new" (func $set-new))
                (export "join" (func $join)) (export "wait" (func $wait))
                (export "cancel" (func $cancel)) (export "drop" (func $drop))
                (export "return" (func $return))))))
        (func (export "run") async (param "n" u32) (result u32)
            (canon lift (core func $m "run") {caller})))
    (instance $callee (instantiate $callee))
    (instance $caller (instantiate $caller (with "f" (func $callee "f"))))
    (export "run" (func $caller "run")))"#
    )
}

/// A caller that does something `$n` times and returns `$sum`.
fn pair(f: Callee, lift: Lift, each: &str) -> String {
    let code = format!(
        r#"(func (export "run") (param $n i32) (result i32)
            (local $sum i32) (local $subtask i32) (local $i i32)
            (loop $again
                {each}
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.get $sum))"#
    );
    components(f, lift, &code, "")
}

const HAS_RETURNED: &str = "
    (if (i32.ne (call $f (local.get $sum) (i32.const 16)) (i32.const 2 (; RETURNED ;)))
        (then unreachable))
    (local.set $sum (i32.load (i32.const 16)))";

const WAITS: &str = "
    (local.set $subtask (call $started (call $f (local.get $sum) (i32.const 16))))
    (call $join (local.get $subtask) (global.get $waitables))
    (if (i32.ne (call $wait-for-one) (local.get $subtask)) (then unreachable))
    (local.set $sum (i32.load (i32.const 16)))";

const CANCELS: &str = "
    (local.set $subtask (call $started (call $f (local.get $sum) (i32.const 16))))
    (if (i32.ne (call $cancel (local.get $subtask)) (i32.const 4 (; CANCELLED_BEFORE_RETURNED ;)))
        (then unreachable))
    (call $drop (local.get $subtask))
    (local.set $sum (i32.add (local.get $sum) (i32.const 1)))";

/// Makes so many calls, of which the last returns at once, then waits for the others; counts the
/// results that are right.
fn in_flight() -> String {
    format!(
        "(local.set $i (i32.add (local.get $i) (i32.const 1)))
        (local.set $subtask (call $f (local.get $i) (i32.mul (local.get $i) (i32.const 4))))
        (if (i32.lt_u (local.get $i) (i32.const {IN_FLIGHT}))
            (then (call $join (call $started (local.get $subtask)) (global.get $waitables)))
            (else
                (if (i32.ne (local.get $subtask) (i32.const 2 (; RETURNED ;))) (then unreachable))
                (loop $wait
                    (drop (call $wait-for-one))
                    (br_if $wait (i32.gt_u
                        (local.tee $i (i32.sub (local.get $i) (i32.const 1)))
                        (i32.const 1))))
                (loop $count
                    (local.set $sum (i32.add (local.get $sum)
                        (i32.eq
                            (i32.load (i32.mul (local.get $i) (i32.const 4)))
                            (local.get $i))))
                    (br_if $count (i32.le_u
                        (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                        (i32.const {IN_FLIGHT}))))))"
    )
}

/// The caller has a callback, too, and no stack while it waits.
fn parks() -> String {
    let code = r#"(global $n (mut i32) (i32.const 0))
        (func $call (result i32)
            (call $join
                (call $started (call $f (i32.load (i32.const 16)) (i32.const 16)))
                (global.get $waitables))
            (i32.or (i32.const 2 (; WAIT ;)) (i32.shl (global.get $waitables) (i32.const 4))))
        (func (export "run") (param $n i32) (result i32)
            (global.set $n (local.get $n))
            (i32.store (i32.const 16) (i32.const 0))
            (call $call))
        (func (export "callback") (param $event i32) (param $subtask i32) (param $state i32) (result i32)
            (if (i32.ne (local.get $event) (i32.const 1 (; SUBTASK ;))) (then unreachable))
            (if (i32.ne (local.get $state) (i32.const 2 (; RETURNED ;))) (then unreachable))
            (call $drop (local.get $subtask))
            (global.set $n (i32.sub (global.get $n) (i32.const 1)))
            (if (result i32) (global.get $n)
                (then (call $call))
                (else
                    (call $return (i32.load (i32.const 16)))
                    (i32.const 0 (; EXIT ;)))))"#;
    components(
        YIELDS,
        Lift::Callback,
        code,
        r#"async (callback (core func $m "callback"))"#,
    )
}
