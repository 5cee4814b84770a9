//! Functions larger than those that compilers write: compiled in other ways than usual, so that
//! they take time in proportion to their size, and to code that does the same.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]
#![allow(missing_docs, reason = "tests")]

use std::fmt::Write as _;
use threadline::{Engine, Instance, Module, Store};

/// Enough for the functions to be compiled otherwise than usual, and not for their frames to pass
/// the default limit.
const LOCALS: u32 = 6000;

/// A function that gives each local a value, calling another one in between, and then adds them
/// up. Locals have three types in turn. `more` is code that has a local's new value on the stack
/// and its number to go by.
fn sum_of_locals(more: impl Fn(u32) -> &'static str) -> String {
    let mut locals = String::new();
    let mut set = String::new();
    let mut add = String::new();
    for i in 0..LOCALS {
        let (ty, from, to) = match i % 3 {
            0 => ("i32", "", ""),
            1 => ("i64", "i64.extend_i32_u", "i32.wrap_i64"),
            _ => ("v128", "i32x4.splat", "i32x4.extract_lane 3"),
        };
        let more = more(i);
        write!(locals, "(local $l{i} {ty})").unwrap();
        writeln!(
            set,
            "(call $g (i32.add (local.get $p) (i32.const {i}))) {more} {from} local.set $l{i}"
        )
        .unwrap();
        writeln!(add, "local.get $l{i} {to} i32.add").unwrap();
    }
    format!(
        r#"(module
            (func $g (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
            (func (export "f") (param $p i32) (result i32) {locals}
                {set}
                i32.const 0
                {add}))"#
    )
}

/// What the function gives for each argument.
fn run(wat: &str, arguments: [u32; 3]) -> [u32; 3] {
    let engine = Engine::default();
    let module = Module::new(&engine, wat).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let f = instance
        .get_typed_func::<(u32,), (u32,)>(&mut store, "f")
        .unwrap();
    arguments.map(|argument| f.call(&mut store, (argument,)).unwrap().0)
}

fn expected(argument: u32, more: impl Fn(u32, u32) -> u32) -> u32 {
    let value = |i: u32| more(i, argument.wrapping_add(i).wrapping_mul(3));
    (0..LOCALS).map(value).fold(0, u32::wrapping_add)
}

#[test]
fn a_function_may_keep_very_many_locals_alive_across_calls() {
    let wat = sum_of_locals(|_| "");
    let arguments = [0, 77, u32::MAX];
    let expected = arguments.map(|argument| expected(argument, |_, value| value));
    assert_eq!(run(&wat, arguments), expected);
}

#[test]
fn a_function_may_have_very_many_locals_and_blocks() {
    let wat = sum_of_locals(|i| match i % 2 {
        0 => "(if (param i32) (result i32) (local.get $p) (then (i32.add (i32.const 5))))",
        _ => "(if (param i32) (result i32) (local.get $p) (then) (else (i32.add (i32.const 9))))",
    });
    let arguments = [0, 77, u32::MAX];
    let expected = arguments.map(|argument| {
        expected(argument, |i, value| match (i % 2, argument) {
            (0, 1..) => value.wrapping_add(5),
            (1, 0) => value.wrapping_add(9),
            _ => value,
        })
    });
    assert_eq!(run(&wat, arguments), expected);
}
