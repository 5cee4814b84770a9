//! References to functions of one type, at the border between host and wasm.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]
#![allow(missing_docs, reason = "tests")]

use anyhow::Result;
use threadline::*;

/// Exports functions of two types, and takes references to functions of one of them.
const TYPED: &str = r#"(module
    (type $unary (func (param i32) (result i32)))
    (func $double (export "double") (type $unary) (i32.mul (local.get 0) (i32.const 2)))
    (func (export "nullary") (result i32) (i32.const 1))
    (func (export "apply") (param (ref $unary) i32) (result i32)
        (call_ref $unary (local.get 1) (local.get 0)))
    (func (export "is_null") (param (ref null $unary)) (result i32)
        (ref.is_null (local.get 0)))
    (func (export "get") (result (ref func)) (ref.func $double))
    (table (export "table") 1 (ref $unary) (ref.func $double))
    (global (export "global") (mut (ref null $unary)) (ref.null $unary))
    (global (export "constant") (ref $unary) (ref.func $double)))"#;

fn instance() -> Result<(Store<()>, Instance)> {
    let engine = Engine::default();
    let module = Module::new(&engine, TYPED)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    Ok((store, instance))
}

fn call(store: &mut Store<()>, instance: Instance, name: &str, params: &[Val]) -> Result<i32> {
    let func = instance.get_func(&mut *store, name).unwrap();
    let mut results = [Val::I32(0)];
    func.call(&mut *store, params, &mut results)?;
    Ok(results[0].unwrap_i32())
}

/// `(ref null? $unary)`.
fn unary(store: &Store<()>, nullable: bool) -> RefType {
    let ty = FuncType::new([ValType::I32], [ValType::I32]);
    RefType {
        nullable,
        heap_type: store.engine().heap_type(&ty),
    }
}

#[test]
fn arguments_are_checked_for_null_and_for_their_type() -> Result<()> {
    let (mut store, instance) = instance()?;
    let double = instance.get_func(&mut store, "double").unwrap();
    let nullary = instance.get_func(&mut store, "nullary").unwrap();
    let three = Val::I32(3);
    let applied = call(&mut store, instance, "apply", &[double.into(), three])?;
    assert_eq!(applied, 6);
    for wrong in [Val::FuncRef(None), nullary.into(), Val::ExternRef(None)] {
        let error = call(&mut store, instance, "apply", &[wrong, three]).unwrap_err();
        assert!(format!("{error:#}").contains("type mismatch"), "{error:#}");
    }
    let null = [Val::FuncRef(None)];
    assert_eq!(call(&mut store, instance, "is_null", &null)?, 1);
    Ok(())
}

#[test]
fn a_host_function_of_the_type_is_one_that_wasm_takes() -> Result<()> {
    let (mut store, instance) = instance()?;
    let negate = Func::wrap(&mut store, |x: i32| -x);
    let params = [negate.into(), Val::I32(3)];
    assert_eq!(call(&mut store, instance, "apply", &params)?, -3);
    Ok(())
}

#[test]
fn a_result_that_is_never_null_is_a_funcref_for_rust() -> Result<()> {
    let (mut store, instance) = instance()?;
    let get = instance.get_typed_func::<(), Option<Func>>(&mut store, "get")?;
    let double = get.call(&mut store, ())?.unwrap();
    let double = double.typed::<i32, i32>(&mut store)?;
    assert_eq!(double.call(&mut store, 4)?, 8);
    // A funcref may be no reference to a unary function, so this one must stay untyped.
    let is_null = instance.get_typed_func::<Option<Func>, i32>(&mut store, "is_null");
    assert!(is_null.is_err());
    Ok(())
}

#[test]
fn tables_and_globals_hold_references_of_their_type_only() -> Result<()> {
    let (mut store, instance) = instance()?;
    let nullary = instance.get_func(&mut store, "nullary").unwrap();
    let double = instance.get_func(&mut store, "double").unwrap();
    let table = instance.get_table(&mut store, "table").unwrap();
    assert_eq!(table.ty(&store).element, unary(&store, false));
    assert!(table.set(&mut store, 0, Ref::Func(None)).is_err());
    assert!(table.set(&mut store, 0, Ref::Func(Some(nullary))).is_err());
    table.set(&mut store, 0, Ref::Func(Some(double)))?;
    assert!(table.grow(&mut store, 1, Ref::Func(None)).is_err());
    assert_eq!(table.grow(&mut store, 1, Ref::Func(Some(double)))?, 1);

    let global = instance.get_global(&mut store, "global").unwrap();
    let ty = ValType::Ref(unary(&store, true));
    assert_eq!(global.ty(&store).content, ty);
    assert!(global.set(&mut store, nullary.into()).is_err());
    global.set(&mut store, double.into())?;
    assert!(global.get(&mut store).unwrap_func_ref().is_some());
    Ok(())
}

#[test]
fn a_heap_type_leads_back_to_its_function_type() -> Result<()> {
    let (mut store, instance) = instance()?;
    let apply = instance.get_func(&mut store, "apply").unwrap();
    let ty = apply.ty(&store);
    let ValType::Ref(param) = ty.params()[0] else {
        panic!("{ty}")
    };
    assert!(!param.nullable);
    let found = store.engine().func_type_of(param.heap_type).unwrap();
    assert_eq!(found, FuncType::new([ValType::I32], [ValType::I32]));
    assert_eq!(store.engine().func_type_of(HeapType::Func), None);
    Ok(())
}

#[test]
fn constant_globals_match_supertypes_and_variables_only_their_own() -> Result<()> {
    let (mut store, instance) = instance()?;
    let mut linker = Linker::new(&store.engine().clone());
    linker.instance(&mut store, "m", instance)?;
    let mut link = |import: &str| {
        let text = format!(
            r#"(module (type $unary (func (param i32) (result i32))) (import "m" {import}))"#
        );
        let module = Module::new(store.engine(), text).unwrap();
        linker.instantiate(&mut store, &module).map(drop)
    };
    link(r#""constant" (global funcref)"#)?;
    link(r#""constant" (global (ref null $unary))"#)?;
    link(r#""global" (global (mut (ref null $unary)))"#)?;
    link(r#""table" (table 1 (ref $unary))"#)?;
    for wrong in [
        r#""global" (global (mut funcref))"#,
        r#""table" (table 1 funcref)"#,
        r#""table" (table 1 (ref null $unary))"#,
        r#""constant" (global externref)"#,
    ] {
        let error = link(wrong).unwrap_err();
        assert!(
            error.to_string().contains("incompatible import type"),
            "{error}"
        );
    }
    Ok(())
}

#[test]
fn a_table_of_the_hosts_can_have_a_function_type() -> Result<()> {
    let (mut store, instance) = instance()?;
    let double = instance.get_func(&mut store, "double").unwrap();
    let ty = TableType {
        element: unary(&store, false),
        address: AddressType::I32,
        minimum: 2,
        maximum: None,
    };
    assert!(Table::new(&mut store, ty, Ref::Func(None)).is_err());
    let table = Table::new(&mut store, ty, Ref::Func(Some(double)))?;
    let module = Module::new(
        store.engine(),
        r#"(module
            (type $unary (func (param i32) (result i32)))
            (import "" "" (table 2 (ref $unary)))
            (func (export "run") (result i32)
                (call_indirect (type $unary) (i32.const 5) (i32.const 1))))"#,
    )?;
    let user = Instance::new(&mut store, &module, &[table.into()])?;
    assert_eq!(call(&mut store, user, "run", &[])?, 10);
    Ok(())
}

/// A type that only its own engine knows.
fn foreign() -> RefType {
    let engine = Engine::default();
    // More types than any engine has from the beginning.
    let heap_type = (1..50).fold(HeapType::Func, |_, n| {
        engine.heap_type(&FuncType::new(vec![ValType::I64; n], []))
    });
    RefType {
        nullable: true,
        heap_type,
    }
}

#[test]
fn a_function_type_of_another_engine_is_refused_wherever_a_type_is_given() {
    #[track_caller]
    fn assert_refused<T>(result: Result<T>) {
        let Err(error) = result else {
            panic!("it is accepted");
        };
        let error = format!("{error:#}");
        assert!(error.contains("belongs to another engine"), "{error}");
    }
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let element = foreign();
    let content = ValType::Ref(element);
    for address in [AddressType::I32, AddressType::I64] {
        for minimum in [0, 3] {
            let ty = TableType {
                element,
                address,
                minimum,
                maximum: None,
            };
            assert_refused(Table::new(&mut store, ty, Ref::Func(None)));
        }
    }
    for mutable in [false, true] {
        let ty = GlobalType { content, mutable };
        assert_refused(Global::new(&mut store, ty, Val::FuncRef(None)));
    }
    assert_refused(Tag::new(&mut store, &FuncType::new([content], [])));
    let mut linker = Linker::<()>::new(&engine);
    for ty in [
        FuncType::new([content], []),
        FuncType::new([ValType::I32, content], [ValType::I32]),
        FuncType::new([], [ValType::I32, content]),
    ] {
        assert_refused(linker.func_new("", "f", ty.clone(), |_, _, _| Ok(())));
        let body = |_: threadline::Caller<'_, ()>, _: &[Val], _: &mut [Val]| {
            unreachable!("it is never called")
        };
        assert_refused(
            linker.func_new_async("", "g", ty, move |caller, params, results| {
                Box::new(std::future::ready(body(caller, params, results)))
            }),
        );
    }
    assert_eq!(engine.func_type_of(element.heap_type), None);
    // What is refused leaves the store as it was.
    let global = Global::new(
        &mut store,
        GlobalType {
            content: ValType::Ref(RefType::FUNCREF),
            mutable: true,
        },
        Val::FuncRef(None),
    );
    global.unwrap();
}

#[test]
#[should_panic(expected = "mentions a function type that the engine doesn't know")]
fn a_function_of_a_type_of_another_engine_is_a_panic() {
    let mut store = Store::new(&Engine::default(), ());
    let ty = FuncType::new([ValType::Ref(foreign())], []);
    Func::new(&mut store, ty, |_, _, _| Ok(()));
}
