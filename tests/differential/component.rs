//! What modules do in components: each function that can be lifted is called, up to the first
//! trap. What is in the memories then is found by a module that shares them.

use super::{FUEL, Log};
use std::fmt::Write as _;
use threadline::component::{self, Component};
use threadline::{AddressType, Engine, ExternType, FuncType, MemoryType, Module, Store, ValType};
use threadline_fuzz::generated_module::numbers;

/// A component around instances of a module, whose functions it exports where their types allow
/// it. The second instance gets the intrinsics in another order.
pub(super) fn wrap(engine: &Engine, wasm: &[u8], instances: usize) -> String {
    let module = Module::new(engine, wasm).unwrap();
    let text = wasmprinter::print_bytes(wasm).unwrap();
    let fields = text.strip_prefix("(module").unwrap();
    let mut component = String::from("(component\n");
    for slot in 0..2 {
        writeln!(
            component,
            "(core func $get{slot} (canon context.get i32 {slot}))
             (core func $set{slot} (canon context.set i32 {slot}))"
        )
        .unwrap();
    }
    writeln!(component, "(core module $m {fields}").unwrap();
    for (instance, [first, second]) in [[0, 1], [1, 0]].into_iter().take(instances).enumerate() {
        writeln!(
            component,
            r#"(core instance $i{instance} (instantiate $m (with "context" (instance
                (export "get0" (func $get{first})) (export "get1" (func $get{second}))
                (export "set0" (func $set{first})) (export "set1" (func $set{second}))))))"#
        )
        .unwrap();
        for (number, export) in module.exports().enumerate() {
            let name = escaped(export.name());
            match export.ty() {
                ExternType::Func(ty) => {
                    if let Some(ty) = component_func_type(&ty) {
                        writeln!(
                            component,
                            r#"(func (export "f{instance}-{number}") {ty}
                                (canon lift (core func $i{instance} "{name}")))"#
                        )
                        .unwrap();
                    }
                }
                ExternType::Memory(ty) => {
                    let checker = checker(&ty);
                    writeln!(
                        component,
                        r#"(core module $c{instance}-{number} {checker})
                        (core instance $c{instance}-{number} (instantiate $c{instance}-{number}
                            (with "" (instance
                                (export "memory" (memory $i{instance} "{name}"))))))
                        (func (export "m{instance}-{number}") (result u64)
                            (canon lift (core func $c{instance}-{number} "hash")))"#
                    )
                    .unwrap();
                }
                _ => {}
            }
        }
    }
    component + ")"
}

/// Any string, as part of a string in text.
fn escaped(name: &str) -> String {
    name.bytes().map(|byte| format!("\\{byte:02x}")).collect()
}

/// The type by which a core function can be lifted, if there is one without memory.
fn component_func_type(ty: &FuncType) -> Option<String> {
    let params: Vec<_> = ty.params().iter().map(|&ty| component_type(ty)).collect();
    let results: Vec<_> = ty.results().iter().map(|&ty| component_type(ty)).collect();
    if results.len() > 1 || params.len() > 16 {
        return None;
    }
    let mut text = String::new();
    for (i, ty) in params.into_iter().enumerate() {
        write!(text, "(param \"p{i}\" {})", ty?).unwrap();
    }
    for ty in results {
        write!(text, "(result {})", ty?).unwrap();
    }
    Some(text)
}

/// The fields of a module with a function that gives a hash (FNV-1a, by words where possible) of
/// the size and the contents of the memory it imports.
fn checker(ty: &MemoryType) -> String {
    let address = match ty.address {
        AddressType::I32 => "i32",
        AddressType::I64 => "i64",
    };
    let maximum = ty.maximum.map_or(String::new(), |pages| pages.to_string());
    let shared = if ty.shared { "shared" } else { "" };
    let page_size = ty.page_size();
    let hash = |value: &str| {
        format!(
            "(local.set $hash (i64.mul (i64.const 0x100000001b3)
                (i64.xor (local.get $hash) {value})))"
        )
    };
    let each = |step: u64, load: &str, stop: &str| {
        format!(
            "(block $done (loop $next
                (br_if $done ({address}.eq (local.get $at) {stop}))
                {}
                (local.set $at ({address}.add (local.get $at) ({address}.const {step})))
                (br $next)))",
            hash(&format!("({load} (local.get $at))"))
        )
    };
    let words = each(
        8,
        "i64.load",
        &format!("({address}.and (local.get $end) ({address}.const -8))"),
    );
    let bytes = each(1, "i64.load8_u", "(local.get $end)");
    let size = match ty.address {
        AddressType::I32 => hash("(i64.extend_i32_u (local.get $end))"),
        AddressType::I64 => hash("(local.get $end)"),
    };
    format!(
        r#"(import "" "memory"
            (memory {address} {} {maximum} {shared} (pagesize {page_size})))
        (func (export "hash") (result i64)
            (local $at {address}) (local $end {address}) (local $hash i64)
            (local.set $end ({address}.mul (memory.size) ({address}.const {page_size})))
            (local.set $hash (i64.const 0xcbf29ce484222325))
            {size} {words} {bytes} (local.get $hash))"#,
        ty.minimum
    )
}

fn component_type(ty: ValType) -> Option<&'static str> {
    match ty {
        ValType::I32 => Some("s32"),
        ValType::I64 => Some("s64"),
        ValType::F32 => Some("f32"),
        ValType::F64 => Some("f64"),
        _ => None,
    }
}

/// Calls what a component exports, up to the first trap: nobody may enter it after that.
pub(super) fn run(engine: &Engine, text: &str) -> Log {
    let mut log = Log::default();
    let component = Component::new(engine, text).unwrap();
    let mut store = Store::new(engine, ());
    store.set_fuel(FUEL).unwrap();
    let linker = component::Linker::new(engine);
    let instance = match linker.instantiate(&mut store, &component) {
        Ok(instance) => instance,
        Err(error) => {
            log.failure("instantiation", &error);
            return log;
        }
    };
    log.fuel(store.get_fuel().unwrap());
    for name in names('f') {
        let Some(func) = instance.get_func(&mut store, &name) else {
            continue;
        };
        let ty = func.ty(&store);
        let args: Vec<_> = ty
            .params()
            .zip(numbers(log.lines.len() as u64))
            .map(|((_, ty), bits)| component_value(&ty, bits))
            .collect();
        store.set_fuel(FUEL).unwrap();
        let mut results = vec![component::Val::Bool(false); ty.results().len()];
        match func.call(&mut store, &args, &mut results) {
            Ok(()) => log.lines.push(format!("{name}: {results:?}")),
            Err(error) => {
                log.failure(&name, &error);
                return log;
            }
        }
        log.fuel(store.get_fuel().unwrap());
        memories(&mut log, &mut store, instance);
    }
    log
}

/// The names under which functions of a kind are exported, and some under which none is.
fn names(kind: char) -> impl Iterator<Item = String> {
    (0..2).flat_map(move |instance| (0..64).map(move |i| format!("{kind}{instance}-{i}")))
}

/// Notes down what is in each memory.
fn memories(log: &mut Log, store: &mut Store<()>, instance: component::Instance) {
    store.set_fuel(u64::MAX).unwrap();
    for name in names('m') {
        if let Ok(hash) = instance.get_typed_func::<(), (u64,)>(&mut *store, &name) {
            let (hash,) = hash.call(&mut *store, ()).unwrap();
            log.lines.push(format!("{name}: hash {hash:x}"));
        }
    }
}

fn component_value(ty: &component::Type, bits: u64) -> component::Val {
    match ty {
        component::Type::S32 => component::Val::S32(bits as i32),
        component::Type::S64 => component::Val::S64(bits as i64),
        component::Type::Float32 => component::Val::Float32(f32::from_bits(bits as u32)),
        _ => component::Val::Float64(f64::from_bits(bits)),
    }
}
