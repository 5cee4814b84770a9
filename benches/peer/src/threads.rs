//! Rows T1 to T5: guest threads that make, switch to and yield to each other, the same component on
//! both sides.
//!
//! All threads are of one component, whose loop makes them. They count what they do, and the count
//! is what is returned, so no switch can be left out.

use crate::calls::{Row, measure_rows};
use crate::host_boundary::Measured;
use crate::{Engines, Runner};
use anyhow::Result;

/// How many threads the rows with many have.
const MANY: u32 = 1_000;

/// Measures the rows whose names contain `filter`.
pub(crate) fn measure(engines: &Engines, filter: Option<&str>) -> Result<Vec<Measured>> {
    measure_rows(engines, rows(), filter)
}

pub(crate) fn rows() -> Vec<Row> {
    let row = |id, name, target, calls, component| Row {
        id,
        name,
        target,
        calls,
        component,
        expected: |n| n,
        call: Runner::call_async,
    };
    vec![
        row(
            "T1",
            "ping-pong by suspend-then-resume, both ways",
            20.0,
            20_000,
            ping_pong(),
        ),
        row("T2", "yield, nobody else ready", 10.0, 20_000, yields()),
        row(
            "T3",
            "yield, 1,000 others ready",
            40.0,
            200 * MANY,
            many_yield(),
        ),
        row(
            "T4",
            "make, switch to and finish a thread",
            100.0,
            5_000,
            one_by_one(),
        ),
        row(
            "T5",
            "make 1,000, run all, finish: each",
            150.0,
            5 * MANY,
            thousands(),
        ),
    ]
}

/// A component whose threads run `$thread`, and whose `run(n)` is this.
fn component(thread: &str, run: &str) -> String {
    format!(
        r#"(component
    (core module $Table (table (export "t") 2 2 funcref))
    (core instance $table (instantiate $Table))
    (core type $start (func (param i32)))
    (canon thread.index (core func $index))
    (canon thread.new-indirect $start (core table $table "t") (core func $new))
    (canon thread.suspend-then-resume (core func $switch))
    (canon thread.yield-then-resume (core func $run))
    (canon thread.resume-later (core func $later))
    (canon thread.yield (core func $yield))
    (core module $m
        (import "t" "t" (table 2 2 funcref))
        (import "" "index" (func $index (result i32)))
        (import "" "new" (func $new (param i32 i32) (result i32)))
        (import "" "switch" (func $switch (param i32) (result i32)))
        (import "" "run" (func $run (param i32) (result i32)))
        (import "" "later" (func $later (param i32)))
        (import "" "yield" (func $yield (result i32)))
        (elem (i32.const 1) $thread)
        (global $count (mut i32) (i32.const 0))
        (global $stop (mut i32) (i32.const 0))
        (func $count (global.set $count (i32.add (global.get $count) (i32.const 1))))
        (func $thread (param $arg i32) {thread})
        (func (export "run") (param $n i32) (result i32)
            (local $thread i32) (local $i i32)
            (global.set $count (i32.const 0))
            (global.set $stop (i32.const 0))
            {run}
            (global.get $count)))
    (core instance $m (instantiate $m
        (with "t" (instance $table))
        (with "" (instance
            (export "index" (func $index)) (export "new" (func $new))
            (export "switch" (func $switch)) (export "run" (func $run))
            (export "later" (func $later)) (export "yield" (func $yield))))))
    (func (export "run") async (param "n" u32) (result u32) (canon lift (core func $m "run"))))"#
    )
}

/// Does something `$n` times.
fn times(each: &str) -> String {
    format!(
        "(loop $again
            {each}
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
    )
}

/// `$thread` switches back to who made it, until it is told to stop.
fn ping_pong() -> String {
    component(
        "(loop $again
            (call $count)
            (drop (call $switch (local.get $arg)))
            (br_if $again (i32.eqz (global.get $stop))))
        (call $later (local.get $arg))",
        &format!(
            "(local.set $thread (call $new (i32.const 1) (call $index)))
            {}
            (global.set $stop (i32.const 1))
            (drop (call $switch (local.get $thread)))",
            times("(drop (call $switch (local.get $thread)))")
        ),
    )
}

fn yields() -> String {
    component(
        "(unreachable)",
        &times("(call $count) (drop (call $yield))"),
    )
}

/// Of `n` yields each thread does its share.
fn many_yield() -> String {
    component(
        "(loop $again
            (call $count)
            (drop (call $yield))
            (br_if $again (local.tee $arg (i32.sub (local.get $arg) (i32.const 1)))))
        (global.set $stop (i32.add (global.get $stop) (i32.const 1)))",
        &format!(
            "(loop $make
                (call $later (call $new (i32.const 1)
                    (i32.div_u (local.get $n) (i32.const {MANY}))))
                (br_if $make (i32.lt_u
                    (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                    (i32.const {MANY}))))
            {WAIT}"
        ),
    )
}

/// Yields until all threads have stopped.
const WAIT: &str = "(loop $wait
                (drop (call $yield))
                (br_if $wait (i32.lt_u (global.get $stop) (local.get $i))))";

fn one_by_one() -> String {
    component(
        "(call $count)",
        &times("(drop (call $run (call $new (i32.const 1) (i32.const 0))))"),
    )
}

fn thousands() -> String {
    component(
        "(call $count)
        (global.set $stop (i32.add (global.get $stop) (i32.const 1)))",
        &format!(
            "(local.set $n (i32.div_u (local.get $n) (i32.const {MANY})))
            {}",
            times(&format!(
                "(global.set $stop (local.tee $i (i32.const 0)))
                (loop $make
                    (call $later (call $new (i32.const 1) (i32.const 0)))
                    (br_if $make (i32.lt_u
                        (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                        (i32.const {MANY}))))
                {WAIT}"
            ))
        ),
    )
}
