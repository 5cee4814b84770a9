//! Modules, instantiation, linking, memories, tables and globals.
#![allow(missing_docs, reason = "tests")]

use anyhow::Result;
use threadline::*;

fn memory_type(minimum: u64, maximum: Option<u64>) -> MemoryType {
    MemoryType {
        address: AddressType::I32,
        minimum,
        maximum,
        shared: false,
        page_size_log2: 16,
    }
}

fn table_type(minimum: u64, maximum: Option<u64>) -> TableType {
    TableType {
        element: RefType::FUNCREF,
        address: AddressType::I32,
        minimum,
        maximum,
    }
}

fn trap_of(error: &anyhow::Error) -> Trap {
    *error
        .downcast_ref::<Trap>()
        .unwrap_or_else(|| panic!("expected a trap, got: {error:?}"))
}

#[test]
fn a_module_tells_its_interface() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module $named
            (import "a" "f" (func (param i32) (result i64)))
            (import "a" "m" (memory 1 2))
            (export "f" (func 0))
            (table (export "t") 3 externref)
            (global (export "g") (mut f32) (f32.const 0)))"#,
    )?;
    assert_eq!(module.name(), Some("named"));
    let imports: Vec<_> = module
        .imports()
        .map(|i| format!("{}.{}: {}", i.module(), i.name(), i.ty()))
        .collect();
    assert_eq!(imports, ["a.f: func (i32) -> (i64)", "a.m: memory 1..=2"]);
    let exports: Vec<_> = module
        .exports()
        .map(|e| format!("{}: {}", e.name(), e.ty()))
        .collect();
    assert_eq!(
        exports,
        [
            "f: func (i32) -> (i64)",
            "t: table 3 externref",
            "g: global (mut f32)"
        ]
    );
    assert!(module.get_export("nothing").is_none());
    Ok(())
}

#[test]
fn broken_modules_are_refused() {
    let engine = Engine::default();
    for bytes in [
        &b"\0asm\x01\0\0"[..],
        b"\0asm\x01\0\0\0\x01",
        b"(module (func",
    ] {
        assert!(Module::new(&engine, bytes).is_err());
    }
    let invalid = "(module (func (result i32)))";
    assert!(Module::new(&engine, invalid).is_err());
    let binary = wat_binary("(module (func (result i32)))");
    assert!(Module::validate(&engine, &binary).is_err());
    assert!(Module::validate(&engine, &wat_binary("(module (func))")).is_ok());
    let component = b"\0asm\x0d\0\x01\0";
    for refused in [
        Module::new(&engine, component).err(),
        Module::validate(&engine, component).err(),
    ] {
        let text = refused.expect("it is no module").to_string();
        assert_eq!(text, "expected a core module, found a component");
    }
}

/// A module of one function type and one function, by hand: `wat` isn't a dependency here.
fn wat_binary(text: &str) -> Vec<u8> {
    let result: &[u8] = if text.contains("result") {
        &[1, 0x7f]
    } else {
        &[0]
    };
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    bytes.extend([1, 3 + result.len() as u8, 1, 0x60, 0]);
    bytes.extend(result);
    bytes.extend([3, 2, 1, 0, 10, 4, 1, 2, 0, 0x0b]);
    bytes
}

#[test]
fn imports_that_do_not_fit_are_named() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, r#"(module (import "a" "b" (func (param i32))))"#)?;
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let error = linker
        .instantiate(&mut store, &module)
        .expect_err("nothing is defined");
    assert_eq!(
        error.to_string(),
        "unknown import: `a::b` has not been defined"
    );
    linker.func_wrap("a", "b", |_: i64| ())?;
    let error = linker
        .instantiate(&mut store, &module)
        .expect_err("other type");
    assert_eq!(
        error.to_string(),
        "incompatible import type for `a::b`: expected func (i32) -> (), found func (i64) -> ()"
    );
    let memory = Memory::new(&mut store, memory_type(1, None))?;
    let error = Instance::new(&mut store, &module, &[memory.into()]).expect_err("other kind");
    assert_eq!(
        error.to_string(),
        "incompatible import type for `a::b`: expected func (i32) -> (), found memory 1"
    );
    let error = Instance::new(&mut store, &module, &[]).expect_err("too few");
    assert_eq!(
        error.to_string(),
        "the module has 1 imports, but 0 were given"
    );
    Ok(())
}

#[test]
fn names_are_defined_once_unless_shadowing_is_allowed() -> Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    linker.func_wrap("a", "b", || 1i32)?;
    let error = linker
        .func_wrap("a", "b", || 2i32)
        .err()
        .expect("defined already");
    assert_eq!(error.to_string(), "`a::b` is defined already");
    linker.allow_shadowing(true).func_wrap("a", "b", || 3i32)?;
    let mut store = Store::new(&engine, ());
    let func = linker.get(&mut store, "a", "b").and_then(Extern::into_func);
    let mut results = [Val::I32(0)];
    func.expect("defined").call(&mut store, &[], &mut results)?;
    assert_eq!(results[0].unwrap_i32(), 3);
    assert!(linker.get(&mut store, "a", "c").is_none());
    Ok(())
}

#[test]
fn handles_of_another_store_or_engine_are_refused() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, r#"(module (import "" "" (memory 1)))"#)?;
    let mut first = Store::new(&engine, ());
    let mut second = Store::new(&engine, ());
    let memory = Memory::new(&mut first, memory_type(1, None))?;
    let error = Instance::new(&mut second, &module, &[memory.into()]).expect_err("other store");
    assert_eq!(error.to_string(), "the memory belongs to another store");
    let mut linker = Linker::new(&engine);
    assert!(linker.define(&second, "", "", memory).is_err());
    linker.define(&first, "", "", memory)?;
    linker.instantiate(&mut first, &module)?;
    let mut third = Store::new(&Engine::default(), ());
    let error = Instance::new(&mut third, &module, &[memory.into()]).expect_err("other engine");
    assert_eq!(error.to_string(), "the module belongs to another engine");
    Ok(())
}

#[test]
fn exports_of_one_instance_link_to_the_next() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let provider = Module::new(
        &engine,
        r#"(module
            (memory (export "memory") 1)
            (global (export "base") i32 (i32.const 100))
            (global (export "counter") (mut i32) (i32.const 0))
            (table (export "table") 4 funcref)
            (func (export "double") (param i32) (result i32)
                (i32.shl (local.get 0) (i32.const 1))))"#,
    )?;
    linker.module(&mut store, "p", &provider)?;
    let user = Module::new(
        &engine,
        r#"(module
            (import "p" "memory" (memory 1))
            (import "p" "base" (global $base i32))
            (import "p" "counter" (global $counter (mut i32)))
            (import "p" "table" (table 1 funcref))
            (import "p" "double" (func $double (param i32) (result i32)))
            (data (global.get $base) "hello")
            (elem (i32.const 2) func $double $mine)
            (global (export "copy") i32 (global.get $base))
            (func $mine (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
            (func (export "run") (result i32)
                (global.set $counter (i32.const 5))
                (i32.add
                    (call $double (i32.load8_u (i32.const 100)))
                    (call_indirect (param i32) (result i32) (i32.const 10) (i32.const 3)))))"#,
    )?;
    let instance = linker.instantiate(&mut store, &user)?;
    let run = instance.get_typed_func::<(), i32>(&mut store, "run")?;
    assert_eq!(run.call(&mut store, ())?, 2 * i32::from(b'h') + 11);
    let get = |store: &mut Store<()>, name: &str| linker.get(store, "p", name).expect("defined");
    let memory = get(&mut store, "memory").into_memory().expect("a memory");
    assert_eq!(&memory.data(&store)[100..105], b"hello");
    let counter = get(&mut store, "counter").into_global().expect("a global");
    assert_eq!(counter.get(&mut store).unwrap_i32(), 5);
    let copy = instance.get_global(&mut store, "copy").expect("exported");
    assert_eq!(copy.get(&mut store).unwrap_i32(), 100);
    let table = get(&mut store, "table").into_table().expect("a table");
    let mine = table.get(&mut store, 3).expect("in bounds");
    let mine = *mine.as_func().expect("not null");
    assert_eq!(mine.typed::<i32, i32>(&mut store)?.call(&mut store, 1)?, 2);
    Ok(())
}

#[test]
fn a_failed_instantiation_leaves_what_it_wrote_and_its_functions_alive() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let memory = Memory::new(&mut store, memory_type(1, Some(1)))?;
    let table = Table::new(&mut store, table_type(2, None), Ref::Func(None))?;
    let module = Module::new(
        &engine,
        r#"(module
            (import "" "m" (memory 1))
            (import "" "t" (table 1 funcref))
            (global $g (mut i32) (i32.const 41))
            (elem (i32.const 1) func $f)
            (data (i32.const 0) "kept")
            (data (i32.const 65536) "x")
            (func $f (result i32)
                (global.set $g (i32.add (global.get $g) (i32.const 1)))
                (global.get $g)))"#,
    )?;
    let imports = [memory.into(), table.into()];
    let error = Instance::new(&mut store, &module, &imports).expect_err("out of bounds");
    assert_eq!(trap_of(&error), Trap::MemoryOutOfBounds);
    assert!(
        error.to_string().contains("out of bounds memory access"),
        "{error}"
    );
    drop(module);
    assert_eq!(&memory.data(&store)[..4], b"kept");
    let func = table.get(&mut store, 1).expect("in bounds");
    let func = func
        .as_func()
        .expect("not null")
        .typed::<(), i32>(&mut store)?;
    assert_eq!(func.call(&mut store, ())?, 42);
    assert_eq!(func.call(&mut store, ())?, 43);
    Ok(())
}

#[test]
fn a_start_function_runs_and_its_trap_fails_the_instantiation() -> Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::<i32>::new(&engine);
    linker.func_wrap("", "ran", |mut caller: Caller<'_, i32>| {
        *caller.data_mut() += 1
    })?;
    let module = |body: &str| {
        let text = format!(
            r#"(module (import "" "ran" (func $ran)) (func $s call $ran {body}) (start $s))"#
        );
        Module::new(&engine, text)
    };
    let mut store = Store::new(&engine, 0);
    linker.instantiate(&mut store, &module("")?)?;
    assert_eq!(*store.data(), 1);
    let error = linker
        .instantiate(&mut store, &module("unreachable")?)
        .expect_err("it traps");
    assert_eq!(trap_of(&error), Trap::Unreachable);
    assert_eq!(*store.data(), 2);
    Ok(())
}

#[test]
fn an_imported_host_function_can_be_the_start_function() -> Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::<i32>::new(&engine);
    linker.func_wrap("", "ran", |mut caller: Caller<'_, i32>| {
        *caller.data_mut() += 1
    })?;
    let module = Module::new(
        &engine,
        r#"(module (import "" "ran" (func $f)) (start $f))"#,
    )?;
    let mut store = Store::new(&engine, 0);
    linker.instantiate(&mut store, &module)?;
    assert_eq!(*store.data(), 1);
    Ok(())
}

#[test]
fn a_memory_grows_in_place_up_to_its_maximum() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let module = Module::new(
        &engine,
        r#"(module (memory (export "m") 0 3)
            (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
            (func (export "size") (result i32) memory.size)
            (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))"#,
    )?;
    let instance = Instance::new(&mut store, &module, &[])?;
    let memory = instance.get_memory(&mut store, "m").expect("exported");
    let grow = instance.get_typed_func::<i32, i32>(&mut store, "grow")?;
    let size = instance.get_typed_func::<(), i32>(&mut store, "size")?;
    let load = instance.get_typed_func::<u32, i32>(&mut store, "load")?;
    assert!(load.call(&mut store, 0).is_err());
    assert_eq!(grow.call(&mut store, 1)?, 0);
    memory.write(&mut store, 65535, &[7])?;
    assert_eq!(load.call(&mut store, 65535)?, 7);
    assert!(load.call(&mut store, 65536).is_err());
    assert_eq!(memory.grow(&mut store, 1)?, 1);
    assert_eq!(size.call(&mut store, ())?, 2);
    assert_eq!(memory.data(&store)[65535], 7);
    assert_eq!(load.call(&mut store, 65536)?, 0);
    assert_eq!(grow.call(&mut store, 2)?, -1);
    assert_eq!(grow.call(&mut store, -1)?, -1);
    assert!(memory.grow(&mut store, 2).is_err());
    assert!(memory.grow(&mut store, u64::MAX).is_err());
    assert_eq!(memory.size(&store), 2);
    assert_eq!(memory.data_size(&store), 2 << 16);
    Ok(())
}

#[test]
fn a_memory_with_a_small_reservation_is_checked_and_moves() -> Result<()> {
    let mut config = Config::new();
    config
        .memory_reservation(1 << 16)
        .memory_guard_size(1 << 16);
    let engine = Engine::new(&config)?;
    let mut store = Store::new(&engine, ());
    let module = Module::new(
        &engine,
        r#"(module (memory (export "m") 1)
            (func (export "grow") (param i32) (result i32)
                (i32.store8 (i32.const 5) (i32.const 99))
                (drop (memory.grow (local.get 0)))
                (i32.load8_u (i32.const 5)))
            (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))"#,
    )?;
    let instance = Instance::new(&mut store, &module, &[])?;
    let grow = instance.get_typed_func::<i32, i32>(&mut store, "grow")?;
    let load = instance.get_typed_func::<u32, i32>(&mut store, "load")?;
    for _ in 0..5 {
        assert_eq!(grow.call(&mut store, 3)?, 99);
    }
    let memory = instance.get_memory(&mut store, "m").expect("exported");
    assert_eq!(memory.size(&store), 16);
    let last = (16 << 16) - 4;
    assert_eq!(load.call(&mut store, last)?, 0);
    for address in [last + 1, last + 4, 1 << 30, u32::MAX] {
        let error = load.call(&mut store, address).expect_err("out of bounds");
        assert_eq!(trap_of(&error), Trap::MemoryOutOfBounds);
    }
    Ok(())
}

#[test]
fn the_host_reads_and_writes_memory_within_bounds() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, 5u8);
    let memory = Memory::new(&mut store, memory_type(1, None))?;
    memory.write(&mut store, 10, &[1, 2, 3])?;
    let mut buffer = [0; 3];
    memory.read(&store, 10, &mut buffer)?;
    assert_eq!(buffer, [1, 2, 3]);
    assert!(memory.write(&mut store, 65534, &[1, 2, 3]).is_err());
    assert_eq!(
        memory.data(&store)[65534],
        0,
        "a write out of bounds writes nothing"
    );
    assert!(memory.read(&store, usize::MAX, &mut buffer).is_err());
    let (bytes, data) = memory.data_and_store_mut(&mut store);
    bytes[0] = *data;
    *data += 1;
    memory.data_mut(&mut store)[1] = 9;
    assert_eq!(&memory.data(&store)[..2], &[5, 9]);
    assert_eq!(*store.data(), 6);
    assert!(Memory::new(&mut store, memory_type(2, Some(1))).is_err());
    assert!(Memory::new(&mut store, memory_type(65537, None)).is_err());
    Ok(())
}

#[test]
fn tables_are_read_written_grown_filled_and_copied() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let func = Func::wrap(&mut store, || 3i32);
    let table = Table::new(&mut store, table_type(2, Some(5)), Ref::Func(Some(func)))?;
    let other = Table::new(&mut store, table_type(4, None), Ref::Func(None))?;
    assert!(table.get(&mut store, 2).is_none());
    assert!(!table.get(&mut store, 1).expect("in bounds").is_null());
    table.set(&mut store, 0, Ref::Func(None))?;
    assert!(table.get(&mut store, 0).expect("in bounds").is_null());
    assert_eq!(table.grow(&mut store, 3, Ref::Func(Some(func)))?, 2);
    assert!(table.grow(&mut store, 1, Ref::Func(None)).is_err());
    assert!(table.set(&mut store, 5, Ref::Func(None)).is_err());
    assert!(table.set(&mut store, 0, Ref::Extern(None)).is_err());
    Table::copy(&mut store, &other, 1, &table, 0, 3)?;
    let nulls = |store: &mut Store<()>, table: Table| -> Vec<bool> {
        let size = table.size(&mut *store);
        let items = (0..size).map(|i| table.get(&mut *store, i).expect("in bounds").is_null());
        items.collect()
    };
    assert_eq!(nulls(&mut store, other), [true, true, false, false]);
    // Overlapping, upwards: as if all were read first.
    Table::copy(&mut store, &other, 0, &other, 1, 3)?;
    assert_eq!(nulls(&mut store, other), [true, false, false, false]);
    other.fill(&mut store, 2, Ref::Func(None), 2)?;
    assert_eq!(nulls(&mut store, other), [true, false, true, true]);
    assert!(Table::copy(&mut store, &other, 2, &table, 0, 3).is_err());
    assert!(Table::new(&mut store, table_type(1 << 31, None), Ref::Func(None)).is_err());
    Ok(())
}

#[test]
fn globals_keep_their_type_and_mutability() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let ty = |content, mutable| GlobalType { content, mutable };
    let global = Global::new(&mut store, ty(ValType::I64, true), Val::I64(1))?;
    global.set(&mut store, Val::I64(-2))?;
    assert_eq!(global.get(&mut store).unwrap_i64(), -2);
    assert!(global.set(&mut store, Val::I32(0)).is_err());
    let fixed = Global::new(&mut store, ty(ValType::F64, false), Val::from(0.5))?;
    assert!(fixed.set(&mut store, Val::from(1.0)).is_err());
    assert_eq!(fixed.get(&mut store).unwrap_f64(), 0.5);
    assert!(Global::new(&mut store, ty(ValType::F64, false), Val::I32(1)).is_err());
    let vector = Global::new(&mut store, ty(ValType::V128, true), Val::from(1u128 << 100))?;
    assert_eq!(vector.get(&mut store).unwrap_v128().as_u128(), 1 << 100);
    let func = Func::wrap(&mut store, || 4i32);
    let func = Global::new(
        &mut store,
        ty(ValType::Ref(RefType::FUNCREF), true),
        func.into(),
    )?;
    let func = func.get(&mut store).unwrap_func_ref().expect("not null");
    assert_eq!(func.typed::<(), i32>(&mut store)?.call(&mut store, ())?, 4);
    Ok(())
}

#[test]
fn bulk_operations_work_across_memories_and_drop_segments() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let module = Module::new(
        &engine,
        r#"(module
            (memory $a (export "a") 1) (memory $b (export "b") 1)
            (data $d "abcdef")
            (func (export "init") (param i32 i32 i32)
                (memory.init $b $d (local.get 0) (local.get 1) (local.get 2)))
            (func (export "drop") (data.drop $d))
            (func (export "copy") (param i32 i32 i32)
                (memory.copy $a $b (local.get 0) (local.get 1) (local.get 2)))
            (func (export "shift") (memory.copy $a $a (i32.const 1) (i32.const 0) (i32.const 6)))
            (func (export "fill") (memory.fill $a (i32.const 0) (i32.const 0x17a) (i32.const 2))))"#,
    )?;
    let instance = Instance::new(&mut store, &module, &[])?;
    let init = instance.get_typed_func::<(i32, i32, i32), ()>(&mut store, "init")?;
    let copy = instance.get_typed_func::<(i32, i32, i32), ()>(&mut store, "copy")?;
    let run = |store: &mut Store<()>, name: &str| {
        instance
            .get_typed_func::<(), ()>(&mut *store, name)?
            .call(store, ())
    };
    init.call(&mut store, (10, 1, 5))?;
    assert!(init.call(&mut store, (10, 1, 6)).is_err());
    copy.call(&mut store, (0, 10, 5))?;
    assert!(copy.call(&mut store, (65532, 0, 5)).is_err());
    assert!(copy.call(&mut store, (0, -1, 2)).is_err());
    let memory = instance.get_memory(&mut store, "a").expect("exported");
    assert_eq!(&memory.data(&store)[..6], b"bcdef\0");
    run(&mut store, "shift")?;
    assert_eq!(&memory.data(&store)[..7], b"bbcdef\0");
    run(&mut store, "fill")?;
    assert_eq!(&memory.data(&store)[..3], b"zzc");
    run(&mut store, "drop")?;
    init.call(&mut store, (0, 0, 0))?;
    assert!(init.call(&mut store, (0, 0, 1)).is_err());
    Ok(())
}

#[test]
fn table_instructions_work_and_drop_segments() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let module = Module::new(
        &engine,
        r#"(module
            (table $t (export "t") 4 8 funcref)
            (table $u 4 funcref)
            (elem $e funcref (ref.func $f) (ref.null func) (ref.func $f))
            (func $f (result i32) i32.const 11)
            (func (export "run") (result i32)
                (table.init $u $e (i32.const 1) (i32.const 0) (i32.const 3))
                (table.copy $t $u (i32.const 0) (i32.const 1) (i32.const 3))
                (elem.drop $e)
                (drop (table.grow $t (ref.func $f) (i32.const 2)))
                (table.fill $t (i32.const 3) (ref.null func) (i32.const 1))
                (table.size $t))
            (func (export "init") (param i32)
                (table.init $u $e (i32.const 0) (i32.const 0) (local.get 0))))"#,
    )?;
    let instance = Instance::new(&mut store, &module, &[])?;
    let run = instance.get_typed_func::<(), i32>(&mut store, "run")?;
    assert_eq!(run.call(&mut store, ())?, 6);
    let table = instance.get_table(&mut store, "t").expect("exported");
    let nulls: Vec<_> = (0..6)
        .map(|i| table.get(&mut store, i).expect("in bounds").is_null())
        .collect();
    assert_eq!(nulls, [false, true, false, true, false, false]);
    let init = instance.get_typed_func::<i32, ()>(&mut store, "init")?;
    init.call(&mut store, 0)?;
    let error = init.call(&mut store, 1).expect_err("dropped");
    assert_eq!(trap_of(&error), Trap::TableOutOfBounds);
    Ok(())
}

#[test]
fn exports_come_in_order() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let module = Module::new(
        &engine,
        r#"(module (func (export "z")) (memory (export "a") 1) (export "m" (func 0)))"#,
    )?;
    let instance = Instance::new(&mut store, &module, &[])?;
    let names: Vec<_> = instance
        .exports(&mut store)
        .map(|e| e.name().to_owned())
        .collect();
    assert_eq!(names, ["z", "a", "m"]);
    Ok(())
}

#[test]
fn many_large_tables_take_no_memory_before_they_are_used() -> Result<()> {
    let engine = Engine::default();
    let tables = "(table 10000000 funcref) ".repeat(50);
    let module = Module::new(&engine, format!("(module {tables})"))?;
    let mut store = Store::new(&engine, ());
    for _ in 0..20 {
        Instance::new(&mut store, &module, &[])?;
    }
    let module = Module::new(&engine, "(module (table 10000001 funcref))")?;
    let error = Instance::new(&mut store, &module, &[]).expect_err("too large");
    assert!(error.to_string().contains("exceeds the limit"), "{error}");
    Ok(())
}
