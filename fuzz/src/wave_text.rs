//! Calls as the command reads them (`--invoke`): arguments in WAVE for functions of many types. What is read is
//! printed, and read again as the same.

use crate::assert_no_bug;
use crate::generated_module::numbers;
use crate::invocation::Invocation;
use crate::text::damage;
use crate::wave;
use std::sync::LazyLock;
use threadline::component::types::ComponentFunc;
use threadline::component::{Component, Linker, Val};
use threadline::{Config, Engine, OptLevel, Store};

const MAX_BYTES: usize = 20_000;

/// Types of parameters, and a value of each.
const TYPES: [(&str, &str); 22] = [
    ("bool", "true"),
    ("u8", "255"),
    ("s8", "-128"),
    ("u16", "65535"),
    ("s16", "-32768"),
    ("u32", "4294967295"),
    ("s32", "-1"),
    ("u64", "18446744073709551615"),
    ("s64", "-9223372036854775808"),
    ("f32", "-1.5e3"),
    ("f64", "inf"),
    ("char", r"'\u{1f980}'"),
    ("string", r#""a\n\"b\\\u{0}""#),
    ("(list u8)", "[1, 2, 3]"),
    ("(list (list string))", r#"[[], ["x", ""]]"#),
    ("(list u16 2)", "[7, 8]"),
    ("(tuple s8 (tuple string f64))", r#"(-1, ("y", nan))"#),
    ("$record", r#"{a-b: 1, c: some("z"), %true: [{x: 2}]}"#),
    ("$variant", "two([(1, 'c')])"),
    ("$enum", "%err"),
    ("$flags", "{first, third}"),
    (
        "(result (option (option u8)) (error string))",
        "ok(some(none))",
    ),
];

/// The types above that have names.
const NAMED: &str = r#"
    (type $inner' (record (field "x" u64)))
    (import "inner" (type $inner (eq $inner')))
    (type $record' (record (field "a-b" u8) (field "c" (option string)) (field "true" (list $inner))))
    (import "record-type" (type $record (eq $record')))
    (type $variant' (variant (case "one") (case "two" (list (tuple u8 char))) (case "some" f32)))
    (import "variant-type" (type $variant (eq $variant')))
    (type $enum' (enum "ok" "err" "none"))
    (import "enum-type" (type $enum (eq $enum')))
    (type $flags' (flags "first" "second" "third"))
    (import "flags-type" (type $flags (eq $flags')))
"#;

/// By number, the type of a function that takes and gives a value of a type.
static FUNCTIONS: LazyLock<Vec<ComponentFunc>> = LazyLock::new(|| {
    let mut config = Config::new();
    config.cranelift_opt_level(OptLevel::None);
    let engine = Engine::new(&config).unwrap();
    let mut text = format!("(component {NAMED}");
    for (number, (ty, _)) in TYPES.iter().enumerate() {
        text += &format!(
            r#"(import "f{number}" (func $f{number} (param "value" {ty}) (result {ty})))
            (export "g{number}" (func $f{number}))"#
        );
    }
    text.push(')');
    let component = Component::new(&engine, &text).unwrap();
    let mut linker = Linker::<()>::new(&engine);
    linker.define_unknown_imports_as_traps(&component).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let functions = TYPES.iter().enumerate().map(|(number, (ty, value))| {
        let func = instance.get_func(&mut store, format!("g{number}").as_str());
        let func = func.unwrap().ty(&store);
        let call = Invocation::parse(&format!("g{number}({value})")).unwrap();
        wave::arguments(&call.call, &func)
            .unwrap_or_else(|error| panic!("{value}: {ty}: {error:#}"));
        func
    });
    functions.collect()
});

/// Reads a call of `g` and a number.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if text.len() > MAX_BYTES {
        return;
    }
    let Ok(call) = Invocation::parse(text) else {
        return;
    };
    let number = call.function.strip_prefix('g').unwrap_or_default();
    let ty = number.parse().ok().and_then(|n: usize| FUNCTIONS.get(n));
    let Some(ty) = ty else {
        return;
    };
    let values = match wave::arguments(&call.call, ty) {
        Ok(values) => values,
        Err(error) => return assert_no_bug(&error),
    };
    let printed = print(&values, ty);
    let name = &call.function;
    let again = Invocation::parse(&format!("{name}({printed})")).unwrap();
    let again = wave::arguments(&again.call, ty).unwrap();
    assert_eq!(print(&again, ty), printed, "{text}");
}

/// Values as text, for which no input is too long.
fn print(values: &[Val], ty: &ComponentFunc) -> String {
    wave::results(values, ty).unwrap_or_else(|error| panic!("{values:?}: {error:#}"))
}

/// What means something in WAVE.
const TOKENS: [&str; 20] = [
    "(", ")", "[", "]", "{", "}", ",", ":", "\"", "'", "\\u{", "%", "-", "nan", "some(", "none",
    "ok", "1e999", "// x\n", "\u{f8}",
];

/// A call with a damaged argument.
pub fn input(number: u64) -> Vec<u8> {
    let mut random = numbers(number).map(|random| random as usize);
    let mut next = |bound: usize| random.next().unwrap_or_default() % bound;
    let function = next(TYPES.len());
    let mut text = TYPES[function].1.to_owned();
    for _ in 0..next(4) {
        let other = TYPES[next(TYPES.len())].1;
        text = damage(&text, other, &TOKENS, &mut next);
    }
    format!("g{function}({text})").into_bytes()
}
