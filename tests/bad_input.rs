//! Input that is wrong in ways that people and their tools get it wrong, and what is said about
//! it: what, where, and what to do.

use anyhow::{Result, anyhow};
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use threadline::component::{self, Component, Val as ComponentVal};
use threadline::{Engine, Instance, Linker, Module, Store, StoreContextMut, Val};

/// What is said about a module or component that is refused.
#[track_caller]
fn refused(bytes: impl AsRef<[u8]>) -> String {
    let engine = Engine::default();
    let bytes = bytes.as_ref();
    let begin = Instant::now();
    let component = bytes.get(6..8) == Some(&[1, 0]) || bytes.starts_with(b"(component");
    let result = match component {
        true => Component::new(&engine, bytes).map(drop),
        false => Module::new(&engine, bytes).map(drop),
    };
    assert!(
        begin.elapsed() < Duration::from_secs(20),
        "it takes too long"
    );
    format!("{:#}", result.expect_err("it is refused"))
}

#[track_caller]
fn assert_says<T>(result: Result<T>, parts: &[&str]) {
    let Err(error) = result else {
        panic!("it is accepted; expected {parts:?}");
    };
    let message = format!("{error:#}");
    for part in parts {
        assert!(message.contains(part), "{message:?} lacks {part:?}");
    }
}

/// A module of one section.
fn module_of(id: u8, contents: &[u8]) -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    bytes.push(id);
    let mut rest = contents.len();
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes.extend(contents);
    bytes
}

#[test]
fn files_that_are_none() {
    let engine = Engine::default();
    let missing = "tests/no-such-file.wasm";
    assert_says(
        Module::from_file(&engine, missing),
        &[missing, "No such file"],
    );
    assert_says(
        Component::from_file(&engine, missing),
        &[missing, "No such file"],
    );
    assert_says(
        Module::from_file(&engine, "tests"),
        &["`tests`", "directory"],
    );
    assert_says(
        Module::from_file(&engine, "tests/guests/tree.c"),
        &["tests/guests/tree.c", "expected `(`"],
    );
}

#[test]
fn binaries_that_are_none() {
    for (bytes, part) in [
        (&b"\0asm"[..], "unexpected end"),
        (b"\0asm\x01\0", "unexpected end"),
        (b"\0asm\x02\0\0\0", "unknown binary version"),
        (b"\0asm\x0c\0\x01\0", "unknown binary version"),
        (b"\0asm\x01\0\0\0\x01\x05\x01", "unexpected end"),
        (b"\0asm\x01\0\0\0\x7f\0", "malformed section id"),
        (b"\xff\xfe\xfd", "input bytes aren't valid utf-8"),
    ] {
        let message = refused(bytes);
        assert!(message.contains(part), "{bytes:?}: {message}");
    }
    let engine = Engine::default();
    assert_says(
        Component::new(&engine, "(module)"),
        &["is a core module, not a component", "use `Module`"],
    );
    assert_says(Module::new(&engine, "(component)"), &["found a component"]);
}

#[test]
fn text_with_a_mistake_says_the_line() {
    for text in [
        "(module\n  (func\n    i32.cons 1))",
        "(component\n\n (cor module))",
    ] {
        let message = refused(text);
        assert!(message.contains("<anon>:3:"), "{message}");
    }
    let message = refused("(module\n (func (call $missing)))");
    assert!(
        message.contains("<anon>:2:") && message.contains("missing"),
        "{message}"
    );
}

#[test]
fn counts_that_are_huge() {
    const HUGE: [u8; 5] = [0xFF, 0xFF, 0xFF, 0xFF, 0x0F];
    for section in [1, 2, 3, 4, 5, 6, 7, 9, 11] {
        let message = refused(module_of(section, &HUGE));
        assert!(
            message.contains("announces 4294967295 entries"),
            "{message}"
        );
        assert!(message.contains("offset 0xa"), "{message}");
    }
    // Locals, 4 billion and a few too many.
    let with_locals = |count: &[u8]| {
        let mut code = vec![1, count.len() as u8 + 4, 1];
        code.extend(count);
        code.extend([0x7F, 0x0B]);
        code[1] = code.len() as u8 - 2;
        let mut bytes = module_of(1, &[1, 0x60, 0, 0]);
        bytes.extend([3, 2, 1, 0, 10, code.len() as u8]);
        bytes.extend(code);
        bytes
    };
    for count in [&HUGE[..], &[0xD1, 0x86, 0x03]] {
        let message = refused(with_locals(count));
        assert!(message.contains("too many locals"), "{message}");
        assert!(message.contains("offset"), "{message}");
    }
    // 50,000 are allowed, and cost little.
    assert!(Module::new(&Engine::default(), with_locals(&[0xD0, 0x86, 0x03])).is_ok());
}

#[test]
fn memories_and_tables_that_are_huge() -> Result<()> {
    let message = refused("(module (memory 65537))");
    assert!(
        message.contains("memory size must be at most 0x10000 65536-byte pages"),
        "{message}"
    );
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    // Address space alone is taken for these.
    let module = Module::new(&engine, format!("(module {})", "(memory 65536)".repeat(50)))?;
    Instance::new(&mut store, &module, &[])?;
    let message = refused(format!("(module {})", "(memory 0)".repeat(101)));
    assert!(message.contains("memories count"), "{message}");
    let result = Module::new(&engine, "(module (table 4294967295 funcref))")
        .and_then(|module| Instance::new(&mut store, &module, &[]));
    assert_says(result, &["4294967295 elements", "limit of 10000000"]);
    Ok(())
}

#[test]
fn names_that_are_no_text() {
    let message = refused(module_of(7, &[1, 2, 0xFF, 0xFE, 0, 0]));
    assert!(message.contains("malformed UTF-8 encoding"), "{message}");
    assert!(message.contains("offset 0xd"), "{message}");
}

/// A module with one function of so many blocks in each other.
fn nested_blocks(depth: usize) -> Vec<u8> {
    let mut code = vec![0];
    code.extend([0x02, 0x40].repeat(depth));
    code.extend([0x0B].repeat(depth + 1));
    let mut length = code.len();
    let mut body = vec![1];
    while length >= 0x80 {
        body.push(length as u8 | 0x80);
        length >>= 7;
    }
    body.push(length as u8);
    body.extend(code);
    let mut bytes = module_of(1, &[1, 0x60, 0, 0]);
    bytes.extend([3, 2, 1, 0]);
    bytes.extend(&module_of(10, &body)[8..]);
    bytes
}

#[test]
fn nesting_that_is_deep() {
    // Blocks cost a heap entry each, and nobody's stack. The code generator takes time in the
    // square of their number, so there is a limit.
    let begin = Instant::now();
    let result = Module::new(&Engine::default(), nested_blocks(10_000));
    assert!(begin.elapsed() < Duration::from_secs(20));
    result.expect("this many are no burden yet");
    let message = refused(nested_blocks(100_000));
    assert!(message.contains("nested more than 16384 deep"), "{message}");
    assert!(begin.elapsed() < Duration::from_secs(20));

    // Components, from the inside out.
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    for _ in 0..10_000 {
        let mut around = b"\0asm\x0d\0\x01\0".to_vec();
        around.extend(&module_of(4, &component)[8..]);
        component = around;
    }
    let message = refused(&component);
    assert!(message.contains("nested more than"), "{message}");

    // Text, which parsers like to recurse over.
    for text in [
        format!("{}{}", "(component ".repeat(100_000), ")".repeat(100_000)),
        format!("(module (func {}", "(block ".repeat(100_000)),
        format!("(module (type {}", "(func ".repeat(100_000)),
    ] {
        let message = refused(text);
        assert!(message.contains("<anon>:1:"), "{message}");
    }
}

#[test]
fn branch_tables_that_are_long() -> Result<()> {
    let mut text = String::from("(module (func (param i32) (br_table ");
    for _ in 0..100_000 {
        text.push_str("0 ");
    }
    let _ = write!(text, "(local.get 0))))");
    let begin = Instant::now();
    Module::new(&Engine::default(), text)?;
    assert!(begin.elapsed() < Duration::from_secs(20));
    Ok(())
}

#[test]
fn core_imports_and_exports_that_do_not_fit() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::<()>::new(&engine);
    let module = Module::new(&engine, r#"(module (import "env" "f" (func (param i32))))"#)?;
    assert_says(
        linker.instantiate(&mut store, &module),
        &["env", "f", "import"],
    );
    linker.func_wrap("env", "f", |_: i64| ())?;
    assert_says(
        linker.instantiate(&mut store, &module),
        &["env", "f", "type", "(i32) -> ()", "(i64) -> ()"],
    );

    let module = Module::new(
        &engine,
        r#"(module (func (export "add") (param i32 i32) (result i32)
            (i32.add (local.get 0) (local.get 1))))"#,
    )?;
    let instance = Instance::new(&mut store, &module, &[])?;
    assert_says(
        instance.get_typed_func::<(), ()>(&mut store, "sub"),
        &["sub"],
    );
    assert_says(
        instance.get_typed_func::<(i32, i64), i32>(&mut store, "add"),
        &["i32"],
    );
    let add = instance
        .get_func(&mut store, "add")
        .ok_or_else(|| anyhow!("no export"))?;
    let mut sum = [Val::I32(0)];
    assert_says(
        add.call(&mut store, &[Val::I32(1)], &mut sum),
        &["2", "1", "arguments"],
    );
    let wrong = [Val::I32(1), Val::I64(2)];
    assert_says(
        add.call(&mut store, &wrong, &mut sum),
        &["argument 1", "i32", "i64"],
    );
    let right = [Val::I32(1), Val::I32(2)];
    assert_says(
        add.call(&mut store, &right, &mut []),
        &["results", "1", "0"],
    );
    Ok(())
}

#[test]
fn component_imports_and_exports_that_do_not_fit() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let component = Component::new(
        &engine,
        r#"(component
            (import "a:b/c" (instance (export "f" (func (param "x" u32)))))
            (core module $m (func (export "g") (param i32)))
            (core instance $i (instantiate $m))
            (func (export "g") (param "flag" bool) (canon lift (core func $i "g"))))"#,
    )?;
    let mut linker = component::Linker::<()>::new(&engine);
    assert_says(
        linker.instantiate(&mut store, &component),
        &["a:b/c#f", "does not define"],
    );
    linker.root().func_new("a:b/c", |_, _, _| Ok(()))?;
    assert_says(
        linker.instantiate(&mut store, &component),
        &["a:b/c", "an instance", "a function"],
    );
    let mut linker = component::Linker::<()>::new(&engine);
    let wrong = |_: StoreContextMut<'_, ()>, (_,): (String,)| Ok(());
    linker.instance("a:b/c")?.func_wrap("f", wrong)?;
    assert_says(
        linker.instantiate(&mut store, &component),
        &["a:b/c#f", "u32", "string"],
    );
    let mut linker = component::Linker::<()>::new(&engine);
    let right = |_: StoreContextMut<'_, ()>, (_,): (u32,)| Ok(());
    linker.instance("a:b/c")?.func_wrap("f", right)?;
    let instance = linker.instantiate(&mut store, &component)?;
    assert_says(instance.get_typed_func::<(), ()>(&mut store, "h"), &["h"]);
    assert_says(
        instance.get_typed_func::<(u8,), ()>(&mut store, "g"),
        &["bool", "u8"],
    );
    let g = instance
        .get_func(&mut store, "g")
        .ok_or_else(|| anyhow!("no export"))?;
    assert_says(
        g.call(&mut store, &[ComponentVal::U8(1)], &mut []),
        &["`flag`", "bool", "u8"],
    );
    assert_says(
        g.call(&mut store, &[], &mut []),
        &["1 parameters", "0 were given"],
    );
    Ok(())
}

/// Names are for people: what is wrong with them is nobody's business.
#[test]
fn a_name_for_a_function_that_cannot_be_is_passed_over() {
    let wat = r#"(module
        (func (export "f"))
        (@custom "name" "\01\08\01\ff\ff\ff\ff\0f\01x"))"#;
    Module::new(&Engine::default(), wat).unwrap();
}
