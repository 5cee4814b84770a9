//! Core modules in Threadline and in `wasmi`, an interpreter that shares nothing but the parser: results, traps,
//! memories and globals are the same.
//!
//! `wasm-smith` makes the modules, counts down a fuel of its own in each loop and function, and makes NaNs
//! canonical. Where one engine runs out of stack, the rest isn't compared.

use crate::generated_module::{config, features, numbers};
use crate::{assert_no_bug, limits};
use arbitrary::Unstructured;
use std::sync::LazyLock;
use threadline::{
    Config, Engine, Extern, Features, Linker, Module, OptLevel, Proposal, Store, StoreLimits, Trap,
    Val, ValType,
};
use wasmi::TrapCode;
use wasmi::errors::{ErrorKind, InstantiationError};

/// What the second engine doesn't have.
const OURS_ALONE: [Proposal; 5] = [
    Proposal::RelaxedSimd,
    Proposal::Threads,
    Proposal::Exceptions,
    Proposal::FunctionReferences,
    Proposal::Gc,
];
/// Loops and calls until a module ends itself.
const STEPS: u32 = 500;
/// What stands for a lack of stack, where runs stop being compared.
const NO_STACK: &str = "no stack";

static ENGINES: LazyLock<([Engine; 2], wasmi::Engine, Features)> = LazyLock::new(|| {
    let mut features = features();
    for proposal in OURS_ALONE {
        features.set(proposal, false);
    }
    let ours = [OptLevel::None, OptLevel::Speed].map(|level| {
        let mut config = Config::new();
        config
            .wasm_features(features)
            .cranelift_opt_level(level)
            .max_wasm_stack(1 << 20);
        Engine::new(&config).unwrap()
    });
    let mut config = wasmi::Config::default();
    config.wasm_custom_page_sizes(true);
    config.wasm_wide_arithmetic(true);
    config.wasm_multi_memory(true);
    config.wasm_memory64(true);
    config.wasm_simd(true);
    (ours, wasmi::Engine::new(&config), features)
});

/// Runs the module that the input makes.
pub fn run(data: &[u8]) {
    let (ours, theirs, features) = &*ENGINES;
    let mut config = config(features, "(module)");
    // Code that avoids traps is what wasmi 2.0.0 gets wrong: it divides by 0 after a `select` that has seen to it
    // that it doesn't.
    config.disallow_traps = false;
    config.canonicalize_nans = true;
    config.max_instructions = 200;
    config.exceptions_enabled = false;
    config.gc_enabled = false;
    let Ok(mut module) = wasm_smith::Module::new(config, &mut Unstructured::new(data)) else {
        return;
    };
    if module.ensure_termination(STEPS).is_err() {
        return;
    }
    let wasm = module.to_bytes();
    let [plain, quick] = ours.each_ref().map(|engine| in_ours(engine, &wasm));
    let other = in_theirs(theirs, &wasm);
    for log in [&quick, &other] {
        if let Some(difference) = difference(&plain, log) {
            let text = wasmprinter::print_bytes(&wasm).unwrap();
            panic!("{text}\n{difference}\n{plain:#?}\n{log:#?}");
        }
    }
}

/// Where two runs differ, as far as both had a stack.
fn difference(a: &[String], b: &[String]) -> Option<String> {
    let end = |log: &[String]| {
        let cut = log.iter().position(|line| line.ends_with(NO_STACK));
        cut.unwrap_or(usize::MAX)
    };
    let compared = end(a).min(end(b));
    if compared == usize::MAX && a.len() != b.len() {
        return Some(format!("{} lines and {}", a.len(), b.len()));
    }
    let mut pairs = a.iter().zip(b).take(compared);
    let (a, b) = pairs.find(|(a, b)| a != b)?;
    Some(format!("{a} and {b}"))
}

/// What failed: a word for each trap, the same for both engines.
fn of_trap(error: &anyhow::Error) -> &'static str {
    assert_no_bug(error);
    match error.downcast_ref::<Trap>() {
        Some(Trap::Unreachable) => "unreachable",
        Some(Trap::MemoryOutOfBounds) => "memory",
        Some(Trap::TableOutOfBounds | Trap::UndefinedElement) => "table",
        Some(Trap::UninitializedElement | Trap::NullReference) => "null",
        Some(Trap::IntegerDivisionByZero) => "division",
        Some(Trap::IntegerOverflow) => "overflow",
        Some(Trap::InvalidConversionToInteger) => "conversion",
        Some(Trap::IndirectCallTypeMismatch) => "signature",
        Some(Trap::StackOverflow) => NO_STACK,
        other => panic!("{other:?}: {error:?}"),
    }
}

fn of_trap_code(error: &wasmi::Error) -> &'static str {
    // Segments that don't fit are no traps there.
    match error.kind() {
        ErrorKind::Instantiation(InstantiationError::ElementSegmentDoesNotFit { .. })
        | ErrorKind::Table(_) => return "table",
        ErrorKind::Memory(_) => return "memory",
        _ => {}
    }
    match error.as_trap_code() {
        Some(TrapCode::UnreachableCodeReached) => "unreachable",
        Some(TrapCode::MemoryOutOfBounds) => "memory",
        Some(TrapCode::TableOutOfBounds) => "table",
        Some(TrapCode::IndirectCallToNull) => "null",
        Some(TrapCode::IntegerDivisionByZero) => "division",
        Some(TrapCode::IntegerOverflow) => "overflow",
        Some(TrapCode::BadConversionToInteger) => "conversion",
        Some(TrapCode::BadSignature) => "signature",
        Some(TrapCode::StackOverflow) => NO_STACK,
        other => panic!("{other:?}: {error:?}"),
    }
}

fn in_ours(engine: &Engine, wasm: &[u8]) -> Vec<String> {
    let module = Module::new(engine, wasm).unwrap();
    let mut store: Store<StoreLimits> = Store::new(engine, limits());
    store.limiter(|limits| limits);
    let instance = match Linker::new(engine).instantiate(&mut store, &module) {
        Ok(instance) => instance,
        Err(error) => return vec![format!("start: {}", of_trap(&error))],
    };
    let mut log = Vec::new();
    // In an order that both engines have.
    let mut names: Vec<_> = module.exports().map(|export| export.name()).collect();
    names.sort_unstable();
    for (number, &name) in names.iter().enumerate() {
        let Some(Extern::Func(func)) = instance.get_export(&mut store, name) else {
            continue;
        };
        let ty = func.ty(&store);
        let value = |(&ty, bits): (&ValType, u64)| match ty {
            ValType::I32 => Val::I32(bits as i32),
            ValType::I64 => Val::I64(bits as i64),
            ValType::F32 => Val::F32(bits as u32),
            ValType::F64 => Val::F64(bits),
            other => Val::default_for_ty(other).unwrap(),
        };
        let params = ty.params().iter().zip(numbers(number as u64));
        let params: Vec<_> = params.map(value).collect();
        let zeros = ty
            .results()
            .iter()
            .map(|&ty| Val::default_for_ty(ty).unwrap());
        let mut results: Vec<_> = zeros.collect();
        log.push(match func.call(&mut store, &params, &mut results) {
            Ok(()) => format!(
                "{name}: {:?}",
                results.into_iter().map(of_val).collect::<Vec<_>>()
            ),
            Err(error) => format!("{name}: {}", of_trap(&error)),
        });
    }
    for name in names {
        match instance.get_export(&mut store, name) {
            Some(Extern::Memory(memory)) => {
                log.push(format!("{name}: {}", of_bytes(memory.data(&store))))
            }
            Some(Extern::Global(global)) => {
                let value = of_val(global.get(&mut store));
                log.push(format!("{name}: {value:?}"));
            }
            Some(Extern::Table(table)) => log.push(format!("{name}: {}", table.size(&store))),
            _ => {}
        }
    }
    log
}

fn in_theirs(engine: &wasmi::Engine, wasm: &[u8]) -> Vec<String> {
    let module = wasmi::Module::new(engine, wasm).unwrap();
    let limits = wasmi::StoreLimitsBuilder::new()
        .memory_size(16 << 20)
        .table_elements(100_000);
    let mut store = wasmi::Store::new(engine, limits.build());
    store.limiter(|limits| limits);
    let instance = match wasmi::Linker::new(engine).instantiate_and_start(&mut store, &module) {
        Ok(instance) => instance,
        Err(error) => return vec![format!("start: {}", of_trap_code(&error))],
    };
    let mut log = Vec::new();
    // In an order that both engines have.
    let mut names: Vec<_> = module.exports().map(|export| export.name()).collect();
    names.sort_unstable();
    for (number, &name) in names.iter().enumerate() {
        let Some(wasmi::Extern::Func(func)) = instance.get_export(&store, name) else {
            continue;
        };
        let ty = func.ty(&store);
        let value = |(ty, bits): (&wasmi::ValType, u64)| match ty {
            wasmi::ValType::I32 => wasmi::Val::I32(bits as i32),
            wasmi::ValType::I64 => wasmi::Val::I64(bits as i64),
            wasmi::ValType::F32 => wasmi::Val::F32(wasmi::F32::from_bits(bits as u32)),
            wasmi::ValType::F64 => wasmi::Val::F64(wasmi::F64::from_bits(bits)),
            other => wasmi::Val::default_for_ty(*other),
        };
        let params = ty.params().iter().zip(numbers(number as u64));
        let params: Vec<_> = params.map(value).collect();
        let zeros = ty
            .results()
            .iter()
            .map(|&ty| wasmi::Val::default_for_ty(ty));
        let mut results: Vec<_> = zeros.collect();
        log.push(match func.call(&mut store, &params, &mut results) {
            Ok(()) => {
                let results: Vec<_> = results.iter().map(of_their_val).collect();
                format!("{name}: {results:?}")
            }
            Err(error) => format!("{name}: {}", of_trap_code(&error)),
        });
    }
    for name in names {
        match instance.get_export(&store, name) {
            Some(wasmi::Extern::Memory(memory)) => {
                log.push(format!("{name}: {}", of_bytes(memory.data(&store))));
            }
            Some(wasmi::Extern::Global(global)) => {
                log.push(format!("{name}: {:?}", of_their_val(&global.get(&store))));
            }
            Some(wasmi::Extern::Table(table)) => {
                log.push(format!("{name}: {}", table.size(&store)))
            }
            _ => {}
        }
    }
    log
}

/// A value as its bits; of references whether they are null.
fn of_val(value: Val) -> u128 {
    match value {
        Val::I32(value) => u128::from(value as u32),
        Val::I64(value) => u128::from(value as u64),
        Val::F32(bits) => u128::from(bits),
        Val::F64(bits) => u128::from(bits),
        Val::V128(value) => value.as_u128(),
        Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None) => 0,
        _ => 1,
    }
}

fn of_their_val(value: &wasmi::Val) -> u128 {
    match value {
        wasmi::Val::I32(value) => u128::from(*value as u32),
        wasmi::Val::I64(value) => u128::from(*value as u64),
        wasmi::Val::F32(value) => u128::from(value.to_bits()),
        wasmi::Val::F64(value) => u128::from(value.to_bits()),
        wasmi::Val::V128(value) => value.as_u128(),
        wasmi::Val::FuncRef(func) => u128::from(!func.is_null()),
        wasmi::Val::ExternRef(value) => u128::from(!value.is_null()),
    }
}

fn of_bytes(bytes: &[u8]) -> String {
    // FNV-1a.
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    format!("{} bytes, hash {hash:x}", bytes.len())
}
