//! Runs generated programs in several ways and compares what comes of it.
//!
//! `wasm-smith` makes the programs from fixed seeds, with the proposals that are on by default.
//! Fuel ends those that would not end by themselves; what is left of it is compared as well, and
//! tells much about the way that control took. Optimisation must change nothing, for modules; for
//! components neither must the lowering of context slots.
//!
//! `THREADLINE_DIFF=N` in the environment runs N seeds of each instead of the usual number.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]
#![allow(missing_docs, reason = "tests")]

use arbitrary::Unstructured;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};
use threadline::component::{self, Component};
use threadline::{
    Config, ContextLowering, Engine, Extern, ExternType, Features, FuncType, Linker, Module,
    OptLevel, Proposal, Store, Trap, Val, ValType,
};

/// Fuel for instantiation and for each call.
const FUEL: u64 = 20_000;
/// Deep recursion is to end for lack of fuel: frames differ in size.
const STACK: usize = 8 << 20;
/// Bytes that a program is made from.
const SEED_BYTES: usize = 4096;

const MODULES: u64 = 200;
const COMPONENTS: u64 = 60;

#[test]
fn optimisation_does_not_change_what_a_module_does() {
    let engines =
        [OptLevel::None, OptLevel::Speed].map(|level| engine(ContextLowering::Pinned, level));
    for_each_seed(MODULES, |seed| {
        let wasm = generate(seed, None);
        let logs = engines.each_ref().map(|engine| run_module(engine, &wasm));
        assert_same(seed, &wasm, &logs);
    });
}

#[test]
fn lowerings_do_not_change_what_a_component_does() {
    let mut engines = Vec::new();
    for lowering in ContextLowering::ALL {
        for level in [OptLevel::None, OptLevel::Speed] {
            engines.push(engine(lowering, level));
        }
    }
    for_each_seed(COMPONENTS, |seed| {
        let wasm = generate(seed, Some(INTRINSICS));
        let component = wrap(&engines[0], &wasm);
        let run = |engine| run_component(engine, &component);
        let logs: Vec<_> = engines.iter().map(run).collect();
        assert_same(seed, &wasm, &logs);
    });
}

/// What modules in components may import.
const INTRINSICS: &str = r#"(module
    (import "context" "get0" (func (result i32)))
    (import "context" "get1" (func (result i32)))
    (import "context" "set0" (func (param i32)))
    (import "context" "set1" (func (param i32))))"#;

fn engine(lowering: ContextLowering, level: OptLevel) -> Engine {
    let mut config = Config::new();
    config
        .context_lowering(lowering)
        .cranelift_opt_level(level)
        .cranelift_nan_canonicalization(true)
        .consume_fuel(true)
        .max_wasm_stack(STACK);
    Engine::new(&config).unwrap()
}

/// Spreads the seeds over threads that have the stack.
fn for_each_seed(default: u64, body: impl Fn(u64) + Sync) {
    let count = match std::env::var("THREADLINE_DIFF") {
        Ok(text) => text.parse().expect("THREADLINE_DIFF is a number"),
        Err(_) => default,
    };
    let next = AtomicU64::new(0);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= count {
                break;
            }
            body(seed);
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..threads {
            std::thread::Builder::new()
                .stack_size(STACK + (4 << 20))
                .spawn_scoped(scope, work)
                .unwrap();
        }
    });
}

/// Numbers that depend on the seed alone (xorshift).
fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    })
}

/// A module with what is on by default, which imports nothing but what it may.
fn generate(seed: u64, imports: Option<&str>) -> Vec<u8> {
    let features = Features::default();
    let has = |proposal| features.has(proposal);
    let mut config = wasm_smith::Config {
        available_imports: Some(wat::parse_str(imports.unwrap_or("(module)")).unwrap()),
        export_everything: true,
        min_funcs: 4,
        max_funcs: 12,
        max_instructions: 120,
        min_memories: 1,
        max_memories: if has(Proposal::MultiMemory) { 3 } else { 1 },
        max_memory32_bytes: 10 << 16,
        max_memory64_bytes: 10 << 16,
        memory_max_size_required: true,
        max_tables: 3,
        max_table_elements: 1000,
        table_max_size_required: true,
        max_type_size: 100,
        ..wasm_smith::Config::default()
    };
    for (switch, proposal) in [
        (&mut config.bulk_memory_enabled, Proposal::BulkMemory),
        (
            &mut config.reference_types_enabled,
            Proposal::ReferenceTypes,
        ),
        (&mut config.simd_enabled, Proposal::Simd),
        (&mut config.multi_value_enabled, Proposal::MultiValue),
        (&mut config.tail_call_enabled, Proposal::TailCall),
        (&mut config.extended_const_enabled, Proposal::ExtendedConst),
        (&mut config.memory64_enabled, Proposal::Memory64),
        (&mut config.exceptions_enabled, Proposal::Exceptions),
        (&mut config.gc_enabled, Proposal::Gc),
        (
            &mut config.custom_page_sizes_enabled,
            Proposal::CustomPageSizes,
        ),
        (
            &mut config.wide_arithmetic_enabled,
            Proposal::WideArithmetic,
        ),
    ] {
        *switch = has(proposal);
    }
    // Results may differ by the processor, or by what another thread does.
    config.relaxed_simd_enabled = false;
    config.threads_enabled = false;
    config.compact_imports_enabled = false;
    let words = numbers(seed).take(SEED_BYTES / 8);
    let bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    let module = wasm_smith::Module::new(config, &mut Unstructured::new(&bytes)).unwrap();
    module.to_bytes()
}

/// What came of a program, a line a step.
#[derive(Default)]
struct Log {
    lines: Vec<String>,
    /// The stack was exhausted, which is not the program's doing: what follows may differ.
    cut: bool,
}

impl Log {
    fn fuel(&mut self, left: u64) {
        self.lines.push(format!("fuel left: {left}"));
    }

    /// Takes note of a failure, by its trap or else by its first line.
    fn failure(&mut self, step: &str, error: &anyhow::Error) {
        let trap = error.downcast_ref::<Trap>();
        self.cut = trap == Some(&Trap::StackOverflow);
        let reason = match trap {
            Some(trap) => trap.to_string(),
            None => error.root_cause().to_string(),
        };
        self.lines.push(format!("{step}: {reason}"));
    }
}

fn assert_same(seed: u64, wasm: &[u8], logs: &[Log]) {
    let first = &logs[0];
    for other in &logs[1..] {
        let cut = [first, other].into_iter().filter(|log| log.cut);
        // What comes before the stack was exhausted must be the same.
        let compared = cut
            .map(|log| log.lines.len() - 1)
            .min()
            .unwrap_or(usize::MAX);
        let [a, b] = [first, other].map(|log| &log.lines[..compared.min(log.lines.len())]);
        assert!(
            a == b,
            "seed {seed}\n{}\n{a:#?}\n{b:#?}",
            wasmprinter::print_bytes(wasm).unwrap()
        );
    }
}

fn run_module(engine: &Engine, wasm: &[u8]) -> Log {
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
            Some(Extern::Memory(memory)) => {
                let mut hasher = DefaultHasher::new();
                memory.data(&store).hash(&mut hasher);
                format!(
                    "{} bytes, hash {:x}",
                    memory.data(&store).len(),
                    hasher.finish()
                )
            }
            Some(Extern::Global(global)) => show(global.get(&mut store)),
            Some(Extern::Table(table)) => format!("{} elements", table.size(&store)),
            _ => continue,
        };
        log.lines.push(format!("{name}: {line}"));
    }
    log
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

/// A component around a module whose functions it exports, where their types allow it.
fn wrap(engine: &Engine, wasm: &[u8]) -> String {
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
    writeln!(
        component,
        r#"(core module $m {fields}
        (core instance $i (instantiate $m (with "context" (instance
            (export "get0" (func $get0)) (export "get1" (func $get1))
            (export "set0" (func $set0)) (export "set1" (func $set1))))))"#
    )
    .unwrap();
    for (number, export) in module.exports().enumerate() {
        let ExternType::Func(ty) = export.ty() else {
            continue;
        };
        let params: Option<Vec<_>> = ty.params().iter().map(|&ty| component_type(ty)).collect();
        let results: Option<Vec<_>> = ty.results().iter().map(|&ty| component_type(ty)).collect();
        let (Some(params), Some(results)) = (params, results) else {
            continue;
        };
        if results.len() > 1 || params.len() > 16 {
            continue;
        }
        let mut signature = String::new();
        for (i, ty) in params.iter().enumerate() {
            write!(signature, "(param \"p{i}\" {ty})").unwrap();
        }
        for ty in results {
            write!(signature, "(result {ty})").unwrap();
        }
        let name: String = export
            .name()
            .bytes()
            .map(|b| format!("\\{b:02x}"))
            .collect();
        writeln!(
            component,
            "(func (export \"f{number}\") {signature} (canon lift (core func $i \"{name}\")))"
        )
        .unwrap();
    }
    component + ")"
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
fn run_component(engine: &Engine, text: &str) -> Log {
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
    for number in 0..100 {
        let name = format!("f{number}");
        let Some(func) = instance.get_func(&mut store, &name) else {
            continue;
        };
        let ty = func.ty(&store);
        let args: Vec<_> = ty
            .params()
            .zip(numbers(number))
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
    }
    log
}

fn component_value(ty: &component::Type, bits: u64) -> component::Val {
    match ty {
        component::Type::S32 => component::Val::S32(bits as i32),
        component::Type::S64 => component::Val::S64(bits as i64),
        component::Type::Float32 => component::Val::Float32(f32::from_bits(bits as u32)),
        _ => component::Val::Float64(f64::from_bits(bits)),
    }
}
