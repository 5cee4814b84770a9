//! Calls from component to component: when there is an adapter, and what it does.

use crate::program::check;
use threadline_environ::{Features, Translation};

/// A component with a callee and a caller in it.
struct Call {
    /// Parameters and result of the function, in the component's terms.
    ty: &'static str,
    /// Likewise, of the core function lifted and of that lowered.
    lifted: &'static str,
    lowered: &'static str,
    /// Definitions in either component.
    callee: &'static str,
    caller: &'static str,
    /// Options of the lift and of the lower.
    lift: &'static str,
    lower: &'static str,
}

const MEMORY: &str = r#"(memory (core memory $m "memory"))"#;
const REALLOC: &str = r#"(memory (core memory $m "memory")) (realloc (core func $m "realloc"))"#;
const ALL: &str = r#"(memory (core memory $m "memory")) (realloc (core func $m "realloc"))
    (post-return (core func $m "post"))"#;
const CONTEXT: &str = "(core func (canon context.get i32 0))";

const PLAIN: Call = Call {
    ty: r#"(param "a" u32) (param "b" s64) (result f32)"#,
    lifted: "(param i32 i64) (result f32)",
    lowered: "(param i32 i64) (result f32)",
    callee: "",
    caller: "",
    lift: "",
    lower: "",
};

impl Call {
    fn wat(&self) -> String {
        let Call {
            ty,
            lifted,
            lowered,
            callee,
            caller,
            lift,
            lower,
        } = self;
        let post = match lifted.split_once("(result ") {
            Some((_, result)) => format!("(param {result}"),
            None => String::new(),
        };
        format!(
            r#"(component
                (component $callee
                    {callee}
                    (core module $m
                        (memory (export "memory") 1)
                        (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
                        (func (export "post") {post})
                        (func (export "f") {lifted} unreachable))
                    (core instance $m (instantiate $m))
                    (func (export "f") {ty} (canon lift (core func $m "f") {lift})))
                (component $caller
                    (import "f" (func $f {ty}))
                    {caller}
                    (core module $m
                        (memory (export "memory") 1)
                        (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable))
                    (core instance $m (instantiate $m))
                    (core func $f (canon lower (func $f) {lower}))
                    (core module $n (import "" "f" (func {lowered})))
                    (core instance (instantiate $n (with "" (instance (export "f" (func $f)))))))
                (instance $callee (instantiate $callee))
                (instance (instantiate $caller (with "f" (func $callee "f")))))"#
        )
    }
}

/// The code of the one adapter, in the text format without indentation, or nothing if there is
/// none. The adapter is validated on the way.
#[track_caller]
fn adapter(call: &Call) -> String {
    let bytes = wat::parse_str(call.wat()).unwrap();
    let translation = match Translation::parse(&bytes, Features::default()) {
        Ok(translation) => translation,
        Err(error) => panic!("refused: {error}"),
    };
    let adapters: Vec<_> = translation
        .modules
        .values()
        .filter(|m| m.module.name.as_deref() == Some("adapter f"))
        .collect();
    assert!(adapters.len() <= 1);
    let Some(adapter) = adapters.first() else {
        return String::new();
    };
    let features = wasmparser::WasmFeatures::all();
    wasmparser::Validator::new_with_features(features)
        .validate_all(&adapter.bytes)
        .unwrap();
    let text = wasmprinter::print_bytes(&adapter.bytes).unwrap();
    let lines = text.lines().map(str::trim);
    lines
        .skip_while(|line| !line.starts_with("(func $"))
        .take_while(|line| *line != ")" && !line.starts_with("(export"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// How often a text occurs.
fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

/// Checks that these occur in this order.
#[track_caller]
fn check_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => panic!("no `{part}` in its place in:\n{text}"),
        }
    }
}

#[test]
fn a_call_with_nothing_to_adapt_is_direct() {
    assert_eq!(adapter(&PLAIN), "");
    check(
        &PLAIN.wat(),
        "instantiate rinstance0 = module0 `m` in cinstance1 ()
         instantiate rinstance1 = module1 `m` in cinstance2 ()
         instantiate rinstance2 = module2 `n` in cinstance2 (rinstance0.func2)
         known module2 func0: module0 dfunc2",
    );
}

#[test]
fn a_caller_that_sees_its_slots_still_calls_directly_one_that_does_not() {
    let call = Call {
        caller: CONTEXT,
        ..PLAIN
    };
    assert_eq!(adapter(&call), "");
}

#[test]
fn a_callee_that_sees_its_slots_gets_zeros_and_the_callers_come_back() {
    let call = Call {
        callee: CONTEXT,
        ..PLAIN
    };
    let text = adapter(&call);
    println!("{text}");
    check_order(
        &text,
        &[
            "call 0",
            "local.set 2",
            "call 1",
            "local.set 3",
            "i64.const 0",
            "call 2",
            "i64.const 0",
            "call 3",
            "local.get 0",
            "local.get 1",
            "call 4",
            "local.set 4",
            "local.get 4",
            "local.get 2",
            "call 2",
            "local.get 3",
            "call 3",
        ],
    );
}
