//! Small binaries that ask the compiler for much: compiled in time and memory in proportion to them,
//! to code that does the same, or refused with the limit's name.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]
#![allow(missing_docs, reason = "tests")]

use std::fmt::Write as _;
use threadline::{Config, Engine, Instance, Module, Store};

/// What the function `f` of a module gives for an argument.
fn run(engine: &Engine, wat: &str, argument: i32) -> i32 {
    let module = Module::new(engine, wat).unwrap();
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let f = instance
        .get_typed_func::<(i32,), (i32,)>(&mut store, "f")
        .unwrap();
    f.call(&mut store, (argument,)).unwrap().0
}

/// An engine without the verifier of intermediate code, whose time is not bounded.
fn engine() -> Engine {
    Engine::new(Config::new().cranelift_debug_verifier(false)).unwrap()
}

fn refusal(wat: &str) -> String {
    format!("{:#}", Module::new(&engine(), wat).err().unwrap())
}

/// Loops in each other, the innermost of which counts each of its locals up by its number; then
/// their sum. Each loop is gone through once, but for the innermost.
fn loops(depth: usize, locals: usize) -> String {
    let mut body = String::new();
    for i in 0..locals {
        writeln!(
            body,
            "(local.set $l{i} (i32.add (local.get $l{i}) (i32.const {i})))"
        )
        .unwrap();
    }
    let declared: String = (0..locals).map(|i| format!("(local $l{i} i32)")).collect();
    let sum: String = (0..locals)
        .map(|i| format!("local.get $l{i} i32.add "))
        .collect();
    let zero = "(local.tee $p (i32.const 0))";
    format!(
        "(module (func (export \"f\") (param $p i32) (result i32) {declared} {} {body}
            (br_if 0 (local.tee $p (i32.sub (local.get $p) (i32.const 1)))) {}
            (i32.const 0) {sum}))",
        "(loop ".repeat(depth),
        format!("(br_if 0 {zero}))").repeat(depth),
    )
}

#[test]
fn loops_in_each_other_that_set_many_locals_do_the_same() {
    let engine = engine();
    for (depth, locals) in [(3, 10), (140, 140), (10, 1800), (1000, 20)] {
        let sum = (locals * (locals - 1) / 2) as i32;
        assert_eq!(
            run(&engine, &loops(depth, locals), 4),
            4 * sum,
            "{depth} {locals}"
        );
    }
}

/// Statements one after the other, each of which adds 1 to one of sixteen locals.
fn in_a_row(count: usize, statement: &str) -> String {
    let body: String = (0..count)
        .map(|i| statement.replace("$x", &format!("$l{}", i % 16)))
        .collect();
    let declared: String = (0..16).map(|i| format!("(local $l{i} i32)")).collect();
    let sum: String = (0..16)
        .map(|i| format!("local.get $l{i} i32.add "))
        .collect();
    format!(
        "(module (tag $e) (global $g (mut i32) (i32.const 0))
            (func (export \"f\") (param $p i32) (result i32) {declared} {body} i32.const 0 {sum}))"
    )
}

#[test]
fn statements_in_a_row_do_the_same_however_many_there_are() {
    let add = "(local.set $x (i32.add (local.get $x) (i32.const 1)))";
    let engine = engine();
    for statement in [
        format!("(block {add})"),
        format!("(if (local.get $p) (then {add}))"),
        format!("(if (local.get $p) (then {add}) (else (local.set $x (i32.const 7))))"),
        format!("(loop {add} (br_if 0 (i32.eqz (local.get $p))))"),
        format!("(block (br_if 0 (i32.eqz (local.get $p))) {add})"),
        format!("(block $h (try_table (catch $e $h) {add}))"),
    ] {
        for count in [100, 6000] {
            let wat = in_a_row(count, &statement);
            assert_eq!(
                run(&engine, &wat, 1),
                count as i32,
                "{count} of {statement}"
            );
        }
    }
}

/// Calls of a function that takes and gives so many values, and turns them by one.
fn wide_calls(calls: usize, width: usize) -> String {
    let ty = "i32 ".repeat(width);
    let turned: String = (1..=width)
        .map(|i| format!("local.get {} ", i % width))
        .collect();
    let values: String = (0..width)
        .map(|i| format!("(i32.add (local.get 0) (i32.const {i})) "))
        .collect();
    format!(
        "(module (type $t (func (param {ty}) (result {ty}))) (func $turn (type $t) {turned})
            (func (export \"f\") (param i32) (result i32)
                {values} {} (local.set 0) {} (local.get 0)))",
        "(call $turn) ".repeat(calls),
        "drop ".repeat(width - 1),
    )
}

#[test]
fn calls_that_pass_very_many_values_do_the_same() {
    let engine = engine();
    for (calls, width) in [(1, 1000), (50, 1000), (300, 150), (1600, 30)] {
        // The last value is the one that was there after so many turns.
        let expected = 1000 + ((width - 1 + calls) % width) as i32;
        assert_eq!(
            run(&engine, &wide_calls(calls, width), 1000),
            expected,
            "{calls} of {width}"
        );
    }
}

#[test]
fn what_asks_for_far_too_much_is_refused_with_the_limit() {
    let tags: String = (0..1000).map(|i| format!("(tag $t{i})")).collect();
    let clauses: String = (0..1000).map(|i| format!("(catch $t{i} $h)")).collect();
    let calls = "(call $f) ".repeat(1000);
    let handlers = format!(
        "(module (import \"\" \"f\" (func $f)) {tags} (func (block $h (try_table {clauses} {calls}))))"
    );
    for (wat, expected) in [
        (handlers, "exception handlers"),
        (
            wide_calls(1000, 1000),
            "blocks, branches and calls pass more than",
        ),
    ] {
        let error = refusal(&wat);
        assert!(error.contains(expected), "{error}");
    }
}

/// Many functions, each well below the limits of one.
#[test]
fn a_binary_as_a_whole_has_a_budget_that_the_embedder_sets() {
    let ty = "i32 ".repeat(500);
    let function = format!("(func {} unreachable)", "(call $f) ".repeat(4));
    let wat = format!(
        "(module (import \"\" \"f\" (func $f (result {ty}))) {})",
        function.repeat(20)
    );
    let compile = |units| {
        let mut config = Config::new();
        let config = config.max_expansion(units).cranelift_debug_verifier(false);
        Module::new(&Engine::new(config).unwrap(), &wat)
    };
    let error = format!("{:#}", compile(20_000).err().unwrap());
    assert!(error.contains("`Config::max_expansion`"), "{error}");
    assert!(compile(1 << 20).is_ok());
}

/// Of a `try_table`'s clauses the first for a tag counts, and the innermost `try_table`'s.
#[test]
fn of_clauses_for_the_same_exception_the_first_and_innermost_is_taken() {
    let engine = engine();
    let wat = "(module (tag $a) (tag $b) (tag $c)
        (func $throw (param i32)
            (if (i32.eq (local.get 0) (i32.const 1)) (then (throw $a)))
            (if (i32.eq (local.get 0) (i32.const 2)) (then (throw $b)))
            (if (i32.eq (local.get 0) (i32.const 3)) (then (throw $c))))
        (func (export \"f\") (param $p i32) (result i32)
            (block $five (block $four (block $three (block $two (block $one
                (try_table (catch $a $five) (catch $b $four) (catch_all $three)
                    (try_table (catch $a $one) (catch $a $two) (catch $a $three)
                        (call $throw (local.get $p)))
                    (try_table (catch $c $two)
                        (call $throw (i32.mul (local.get $p) (i32.const 2)))))
                (return (i32.const 0)))
            (return (i32.const 1))) (return (i32.const 2))) (return (i32.const 3)))
            (return (i32.const 4)))
            (i32.const 5)))";
    for (argument, expected) in [(0, 0), (1, 1), (2, 4), (3, 3), (4, 0)] {
        assert_eq!(run(&engine, wat, argument), expected, "{argument}");
    }
}
