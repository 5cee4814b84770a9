//! Binaries of core modules and of components: whatever the bytes, they are refused with an error, or compiled
//! and run within the limits.
//!
//! An input is a binary. Generated inputs are those of the repository, or `wasm-smith`'s, damaged once or more.

use crate::generated_module::{config, features, numbers};
use crate::seeds::{self, Seed};
use crate::{assert_no_bug, bytes, damage, limits};
use anyhow::bail;
use arbitrary::Unstructured;
use std::sync::LazyLock;
use threadline::component::{self, Component};
use threadline::{
    Config, Engine, Extern, ExternType, Linker, Memory, Module, OptLevel, Ref, SharedMemory, Store,
    StoreLimits, Table, Val, ValType,
};

/// Inputs that are longer are not tried: they take long, and say little more.
const MAX_BYTES: usize = 64 << 10;
/// Fuel of a store.
const FUEL: u64 = 50_000;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut config = Config::new();
    config
        .wasm_features(features())
        .consume_fuel(true)
        .cranelift_opt_level(OptLevel::None);
    Engine::new(&config).unwrap()
});

static SEEDS: LazyLock<[Vec<Seed>; 2]> = LazyLock::new(|| {
    let (components, modules) = seeds::all()
        .into_iter()
        .filter(|seed| !seed.bytes.is_empty() && seed.bytes.len() <= MAX_BYTES)
        .partition(|seed| is_component(&seed.bytes));
    [modules, components]
});

/// Whether it is a component or a module, as its header says.
pub fn is_component(bytes: &[u8]) -> bool {
    bytes.get(6..8) == Some(&[1, 0])
}

fn store() -> Store<StoreLimits> {
    let mut store = Store::new(&ENGINE, limits());
    store.limiter(|limits| limits);
    store.set_fuel(FUEL).unwrap();
    store
}

/// Compiles and runs a core module.
pub fn run_core(data: &[u8]) {
    if data.len() > MAX_BYTES || is_component(data) || !data.starts_with(b"\0asm") {
        return;
    }
    if let Err(error) = try_core(data) {
        assert_no_bug(&error);
    }
}

fn try_core(data: &[u8]) -> anyhow::Result<()> {
    let valid = Module::validate(&ENGINE, data).is_ok();
    let module = Module::new(&ENGINE, data)?;
    assert!(valid, "what doesn't validate was compiled");
    // A guest that waits has nobody to notify it, and fuel doesn't end that.
    if waits(data) {
        return Ok(());
    }
    let mut store = store();
    let mut linker = Linker::new(&ENGINE);
    for import in module.imports() {
        let (from, name) = (import.module().to_owned(), import.name().to_owned());
        let item: Extern = match import.ty() {
            ExternType::Func(ty) => {
                linker
                    .func_new(&from, &name, ty, |_, _, _| bail!("no such thing"))
                    .ok();
                continue;
            }
            ExternType::Memory(ty) if ty.shared => SharedMemory::new(&ENGINE, ty)?.into(),
            ExternType::Memory(ty) => Memory::new(&mut store, ty)?.into(),
            ExternType::Table(ty) => {
                let init = Ref::null(ty.element);
                Table::new(&mut store, ty, init)?.into()
            }
            _ => continue,
        };
        linker.define(&store, &from, &name, item).ok();
    }
    let instance = linker.instantiate(&mut store, &module)?;
    for export in module.exports() {
        let Some(Extern::Func(func)) = instance.get_export(&mut store, export.name()) else {
            continue;
        };
        let ty = func.ty(&store);
        let zeros = |types: &[ValType]| -> Option<Vec<Val>> {
            types.iter().map(|&ty| Val::default_for_ty(ty)).collect()
        };
        let (Some(params), Some(mut results)) = (zeros(ty.params()), zeros(ty.results())) else {
            continue;
        };
        store.set_fuel(FUEL)?;
        if let Err(error) = func.call(&mut store, &params, &mut results) {
            assert_no_bug(&error);
        }
    }
    Ok(())
}

/// Whether a binary may have operators that wait: two bytes that are the beginning of one.
fn waits(data: &[u8]) -> bool {
    data.windows(2).any(|pair| matches!(pair, [0xFE, 1 | 2]))
}

/// Compiles and runs a component.
pub fn run_component(data: &[u8]) {
    if data.len() > MAX_BYTES || !is_component(data) {
        return;
    }
    if let Err(error) = try_component(data) {
        assert_no_bug(&error);
    }
}

fn try_component(data: &[u8]) -> anyhow::Result<()> {
    let component = Component::new(&ENGINE, data)?;
    if waits(data) {
        return Ok(());
    }
    let mut store = store();
    let mut linker = component::Linker::new(&ENGINE);
    linker.define_unknown_imports_as_traps(&component)?;
    let instance = linker.instantiate(&mut store, &component)?;
    for (name, _) in component.component_type().exports() {
        let Some(func) = instance.get_func(&mut store, name) else {
            continue;
        };
        let ty = func.ty(&store);
        let params = ty.params().map(|(_, ty)| zero(&ty, 0));
        let Some(params) = params.collect::<Option<Vec<_>>>() else {
            continue;
        };
        let mut results = vec![component::Val::Bool(false); ty.results().len()];
        store.set_fuel(FUEL)?;
        if let Err(error) = func.call(&mut store, &params, &mut results) {
            assert_no_bug(&error);
        }
    }
    Ok(())
}

/// The plainest value of a type, if it has one that needs nothing else.
fn zero(ty: &component::Type, depth: u32) -> Option<component::Val> {
    use component::{Type, Val};
    if depth > 10 {
        return None;
    }
    Some(match ty {
        Type::Bool => Val::Bool(false),
        Type::S8 => Val::S8(0),
        Type::U8 => Val::U8(0),
        Type::S16 => Val::S16(0),
        Type::U16 => Val::U16(0),
        Type::S32 => Val::S32(0),
        Type::U32 => Val::U32(0),
        Type::S64 => Val::S64(0),
        Type::U64 => Val::U64(0),
        Type::Float32 => Val::Float32(0.0),
        Type::Float64 => Val::Float64(0.0),
        Type::Char => Val::Char('a'),
        Type::String => Val::String(String::from("text")),
        Type::List(list) => Val::List(vec![zero(&list.ty(), depth + 1)?; 2]),
        Type::Option(_) => Val::Option(None),
        Type::Tuple(tuple) => {
            let fields = tuple.types().map(|ty| zero(&ty, depth + 1));
            Val::Tuple(fields.collect::<Option<_>>()?)
        }
        Type::Flags(_) => Val::Flags(Vec::new()),
        _ => return None,
    })
}

/// A damaged module.
pub fn core_input(number: u64) -> Vec<u8> {
    if number.is_multiple_of(3) {
        let bytes = bytes(number);
        let mut config = config(&features(), "(module)");
        config.available_imports = None;
        let made = wasm_smith::Module::new(config, &mut Unstructured::new(&bytes));
        if let Ok(module) = made {
            return damaged(module.to_bytes(), number, 2);
        }
    }
    of_seed(0, number)
}

/// A damaged component.
pub fn component_input(number: u64) -> Vec<u8> {
    of_seed(1, number)
}

fn of_seed(kind: usize, number: u64) -> Vec<u8> {
    let random = numbers(number).nth(3).unwrap_or_default() as usize;
    let seeds = &SEEDS[kind];
    damaged(seeds[random % seeds.len()].bytes.clone(), number, 4)
}

/// Damages a binary up to so many times, or not at all.
fn damaged(mut bytes: Vec<u8>, number: u64, times: u64) -> Vec<u8> {
    for random in numbers(number).take((number % (times + 1)) as usize) {
        damage::damage(&mut bytes, random as usize);
    }
    bytes
}
