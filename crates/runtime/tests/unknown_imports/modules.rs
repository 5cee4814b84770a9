//! What linkers of modules define for imports that nothing provides.

use crate::fails;
use threadline::*;

#[test]
fn an_unknown_function_traps_with_the_name_of_the_import() {
    let engine = Engine::default();
    let text = r#"(module
        (import "env" "known" (func $known (result i32)))
        (import "env" "unknown" (func $unknown (param i64 f32 externref) (result v128 i32)))
        (func (export "known") (result i32) (call $known))
        (func (export "unknown")
            (call $unknown (i64.const 1) (f32.const 2) (ref.null extern)) drop drop))"#;
    let module = Module::new(&engine, text).unwrap();
    for shadowing in [false, true] {
        let mut linker = Linker::new(&engine);
        linker.func_wrap("env", "known", || 5).unwrap();
        linker.allow_shadowing(shadowing);
        linker.define_unknown_imports_as_traps(&module).unwrap();
        // Again: there is nothing unknown any more.
        linker.define_unknown_imports_as_traps(&module).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let known = instance.get_typed_func::<(), i32>(&mut store, "known");
        assert_eq!(known.unwrap().call(&mut store, ()).unwrap(), 5);
        let unknown = instance.get_typed_func::<(), ()>(&mut store, "unknown");
        let error = unknown.unwrap().call(&mut store, ()).unwrap_err();
        let expected = LinkError::UnknownImport {
            module: "env".to_owned(),
            name: "unknown".to_owned(),
        };
        assert_eq!(error.downcast_ref(), Some(&expected));
        fails::<()>(Err(error), &["`env::unknown` has not been defined"]);
    }
}

#[test]
fn what_is_no_function_stays_unknown() {
    let engine = Engine::default();
    for import in [
        "(memory 1)",
        "(table 1 funcref)",
        "(global i32)",
        "(tag (param i32))",
    ] {
        let text = format!(r#"(module (import "a" "f" (func)) (import "a" "x" {import}))"#);
        let module = Module::new(&engine, text).unwrap();
        let mut linker = Linker::<()>::new(&engine);
        linker.define_unknown_imports_as_traps(&module).unwrap();
        let instance = linker.instantiate(Store::new(&engine, ()), &module);
        fails(instance, &["`a::x` has not been defined"]);
    }
}

#[test]
fn functions_have_the_type_of_the_import_itself() {
    let engine = Engine::default();
    let text = r#"(module
        (type $open (sub (func (result i32))))
        (rec (type $first (func (param (ref null $second)))) (type $second (func)))
        (import "a" "open" (func (type $open)))
        (import "a" "first" (func (type $first)))
        (import "a" "second" (func $second (type $second)))
        (func (export "call") (call $second)))"#;
    let module = Module::new(&engine, text).unwrap();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.define_unknown_imports_as_traps(&module).unwrap();
    linker.instantiate(&mut store, &module).unwrap();
    linker.instantiate_pre(&module).unwrap();
    let mut linker = Linker::new(&engine);
    linker
        .define_unknown_imports_as_default_values(&mut store, &module)
        .unwrap();
    // The types last as long as the linker.
    drop(module);
    let module = Module::new(&engine, text).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let call = instance.get_typed_func::<(), ()>(&mut store, "call");
    call.unwrap().call(&mut store, ()).unwrap();
}

#[test]
fn default_values_are_zero_null_and_empty() {
    let engine = Engine::default();
    let text = r#"(module
        (import "a" "f" (func $f (param i64 i64 i64)
            (result i32 i64 f32 f64 v128 funcref externref exnref)))
        (import "a" "memory" (memory 2 3))
        (import "a" "shared" (memory 1 2 shared))
        (import "a" "table" (table 3 funcref))
        (import "a" "global" (global (mut f64)))
        (import "a" "null" (global externref))
        (import "a" "tag" (tag (param i32)))
        (export "memory" (memory 0))
        (export "table" (table 0))
        (export "global" (global 0))
        (export "null" (global 1))
        (func (export "all") (result i32 i64 f32 f64 v128 i32 i32 i32)
            (local funcref externref exnref)
            (call $f (i64.const -1) (i64.const -1) (i64.const -1))
            (local.set 2) (local.set 1) (local.set 0)
            (ref.is_null (local.get 0))
            (ref.is_null (local.get 1))
            (ref.is_null (local.get 2))))"#;
    let module = Module::new(&engine, text).unwrap();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker
        .define_unknown_imports_as_default_values(&mut store, &module)
        .unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let all = instance.get_func(&mut store, "all").unwrap();
    let mut results = [Val::I32(7); 8];
    all.call(&mut store, &[], &mut results).unwrap();
    assert_eq!(
        format!("{results:?}"),
        format!(
            "{:?}",
            [
                Val::I32(0),
                Val::I64(0),
                Val::F32(0),
                Val::F64(0),
                Val::V128(0.into()),
                Val::I32(1),
                Val::I32(1),
                Val::I32(1)
            ]
        )
    );
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    assert_eq!(memory.size(&store), 2);
    assert!(memory.data(&store).iter().all(|&byte| byte == 0));
    let table = instance.get_table(&mut store, "table").unwrap();
    assert_eq!(table.size(&store), 3);
    assert!(table.get(&mut store, 2).unwrap().is_null());
    let global = instance.get_global(&mut store, "global").unwrap();
    assert_eq!(global.get(&mut store).unwrap_f64(), 0.0);
    let null = instance.get_global(&mut store, "null").unwrap();
    assert!(null.get(&mut store).unwrap_extern_ref().is_none());
}

#[test]
fn default_values_leave_what_is_defined() {
    let engine = Engine::default();
    let text = r#"(module
        (import "a" "f" (func $f (result i32)))
        (import "a" "g" (global $g i32))
        (import "a" "new" (global $new i32))
        (func (export "sum") (result i32)
            (i32.add (i32.add (call $f) (global.get $g)) (global.get $new))))"#;
    let module = Module::new(&engine, text).unwrap();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.allow_shadowing(true);
    linker.func_wrap("a", "f", || 5).unwrap();
    let ty = GlobalType {
        content: ValType::I32,
        mutable: false,
    };
    let global = Global::new(&mut store, ty, Val::I32(10)).unwrap();
    linker.define(&store, "a", "g", global).unwrap();
    linker
        .define_unknown_imports_as_default_values(&mut store, &module)
        .unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let sum = instance.get_typed_func::<(), i32>(&mut store, "sum");
    assert_eq!(sum.unwrap().call(&mut store, ()).unwrap(), 15);
}

#[test]
fn what_has_no_default_value_is_named() {
    let engine = Engine::default();
    for (import, parts) in [
        ("(global (ref extern))", &["(ref extern)", "no null"][..]),
        ("(table 1 (ref func))", &["(ref func)", "no null"]),
        ("(func (result i32 (ref func)))", &["(ref func)", "no null"]),
        ("(memory i64 0x10000000000)", &["memory"]),
    ] {
        let text = format!(r#"(module (import "a" "f" (func)) (import "a" "x" {import}))"#);
        let module = Module::new(&engine, text).unwrap();
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        let result = linker.define_unknown_imports_as_default_values(&mut store, &module);
        fails(result, &[&["`a::x`"], parts].concat());
        // Functions that are never called need no results.
        let traps = linker.define_unknown_imports_as_traps(&module);
        traps.unwrap();
    }
}

#[test]
fn engines_are_told_apart() {
    let (engine, other) = (Engine::default(), Engine::default());
    let foreign = Module::new(&other, "(module)").unwrap();
    let own = Module::new(&engine, "(module)").unwrap();
    let mut linker = Linker::new(&engine);
    fails(
        linker.define_unknown_imports_as_traps(&foreign),
        &["the module belongs to another engine"],
    );
    let mut store = Store::new(&engine, ());
    fails(
        linker.define_unknown_imports_as_default_values(&mut store, &foreign),
        &["the module belongs to another engine"],
    );
    let mut store = Store::new(&other, ());
    fails(
        linker.define_unknown_imports_as_default_values(&mut store, &own),
        &["the store belongs to another engine"],
    );
}
