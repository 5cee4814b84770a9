//! The `spectest` module that the core test suite's scripts import from.

use anyhow::Result;
use threadline::{
    AddressType, Global, GlobalType, Linker, Memory, MemoryType, Ref, RefType, SharedMemory, Store,
    Table, TableType, Val, ValType,
};

/// What the module is called.
const NAME: &str = "spectest";

/// Defines `spectest` with the contents that the scripts count on. Its functions take their
/// arguments and print nothing.
pub(crate) fn define(linker: &mut Linker<()>, store: &mut Store<()>) -> Result<()> {
    define_functions(linker)?;
    let globals = [
        ("global_i32", ValType::I32, Val::I32(666)),
        ("global_i64", ValType::I64, Val::I64(666)),
        ("global_f32", ValType::F32, Val::F32(666.6f32.to_bits())),
        ("global_f64", ValType::F64, Val::F64(666.6f64.to_bits())),
    ];
    for (name, content, value) in globals {
        let ty = GlobalType {
            content,
            mutable: false,
        };
        let global = Global::new(&mut *store, ty, value)?;
        linker.define(&mut *store, NAME, name, global)?;
    }
    let tables = [("table", AddressType::I32), ("table64", AddressType::I64)];
    for (name, address) in tables {
        let ty = TableType {
            element: RefType::FUNCREF,
            address,
            minimum: 10,
            maximum: Some(20),
        };
        let table = Table::new(&mut *store, ty, Ref::Func(None))?;
        linker.define(&mut *store, NAME, name, table)?;
    }
    let memory = Memory::new(
        &mut *store,
        MemoryType {
            address: AddressType::I32,
            minimum: 1,
            maximum: Some(2),
            shared: false,
            page_size_log2: 16,
        },
    )?;
    linker.define(&mut *store, NAME, "memory", memory)?;
    let shared = SharedMemory::new(
        store.engine(),
        MemoryType {
            address: AddressType::I32,
            minimum: 1,
            maximum: Some(2),
            shared: true,
            page_size_log2: 16,
        },
    )?;
    linker.define(&mut *store, NAME, "shared_memory", shared)?;
    Ok(())
}

fn define_functions(linker: &mut Linker<()>) -> Result<()> {
    linker.func_wrap(NAME, "print", || {})?;
    linker.func_wrap(NAME, "print_i32", |_: i32| {})?;
    linker.func_wrap(NAME, "print_i64", |_: i64| {})?;
    linker.func_wrap(NAME, "print_f32", |_: f32| {})?;
    linker.func_wrap(NAME, "print_f64", |_: f64| {})?;
    linker.func_wrap(NAME, "print_i32_f32", |_: i32, _: f32| {})?;
    linker.func_wrap(NAME, "print_f64_f64", |_: f64, _: f64| {})?;
    Ok(())
}
