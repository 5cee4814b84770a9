//! What a module does: each exported function is called, then memories, tables and globals are
//! looked at.

use super::{FUEL, Log};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use threadline::{Engine, Extern, FuncType, Linker, Module, SharedMemory, Store, Val, ValType};
use threadline_fuzz::generated_module::numbers;

pub(super) fn run(engine: &Engine, wasm: &[u8]) -> Log {
    let mut log = Log::default();
    let module = Module::new(engine, wasm).unwrap();
    let mut store = Store::new(engine, ());
    store.set_fuel(FUEL).unwrap();
    let instance = match Linker::new(engine).instantiate(&mut store, &module) {
        Ok(instance) => instance,
        Err(error) => {
            log.failure("instantiation", &error);
            return log;
        }
    };
    log.fuel(store.get_fuel().unwrap());
    let exports: Vec<_> = module
        .exports()
        .map(|export| export.name().to_owned())
        .collect();
    for (number, name) in exports.iter().enumerate() {
        let Some(Extern::Func(func)) = instance.get_export(&mut store, name) else {
            continue;
        };
        let ty = func.ty(&store);
        let args = arguments(&ty, number as u64);
        let mut results: Vec<_> = ty.results().iter().map(|&ty| zero(ty)).collect();
        store.set_fuel(FUEL).unwrap();
        match func.call(&mut store, &args, &mut results) {
            Ok(()) => {
                let line = results
                    .iter()
                    .fold(name.clone(), |line, &v| line + " " + &show(v));
                log.lines.push(line);
            }
            Err(error) => log.failure(name, &error),
        }
        if log.cut {
            return log;
        }
        log.fuel(store.get_fuel().unwrap());
    }
    for name in &exports {
        let line = match instance.get_export(&mut store, name) {
            Some(Extern::Memory(memory)) => contents(memory.data(&store)),
            Some(Extern::SharedMemory(memory)) => contents(&shared_bytes(&memory)),
            Some(Extern::Global(global)) => show(global.get(&mut store)),
            Some(Extern::Table(table)) => format!("{} elements", table.size(&store)),
            _ => continue,
        };
        log.lines.push(format!("{name}: {line}"));
    }
    log
}

fn contents(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("{} bytes, hash {:x}", bytes.len(), hasher.finish())
}

fn shared_bytes(memory: &SharedMemory) -> Vec<u8> {
    let mut bytes = vec![0; memory.data_size()];
    memory.read(0, &mut bytes).unwrap();
    bytes
}

fn zero(ty: ValType) -> Val {
    Val::default_for_ty(ty).unwrap_or(Val::I32(0))
}

fn arguments(ty: &FuncType, seed: u64) -> Vec<Val> {
    let value = |(&ty, bits): (&ValType, u64)| match ty {
        ValType::I32 => Val::I32(bits as i32),
        ValType::I64 => Val::I64(bits as i64),
        ValType::F32 => Val::F32(bits as u32),
        ValType::F64 => Val::F64(bits),
        other => zero(other),
    };
    ty.params().iter().zip(numbers(seed)).map(value).collect()
}

/// References differ from store to store; whether one is null does not.
fn show(value: Val) -> String {
    match value {
        Val::I32(_) | Val::I64(_) | Val::F32(_) | Val::F64(_) | Val::V128(_) => {
            format!("{value:?}")
        }
        Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None) => "null".to_owned(),
        _ => "a reference".to_owned(),
    }
}
