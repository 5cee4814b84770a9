//! How long compiling takes, and whether it grows in proportion to what is compiled.
//!
//! `cargo bench --bench compile` compiles the guest programs and generated modules of 1, 10 and
//! 30 MB on one thread and on two, and prints for each the time, the speed and the number of
//! functions; then the time per byte of the largest against that of the smallest. The generated
//! modules are the same each time, and differ in nothing but how many functions they have.
//! Arguments are numbers of megabytes to use instead.
//!
//! The rule is that the last ratio is at most 1.3; the program says so and fails if it isn't.
#![allow(clippy::print_stdout, reason = "a benchmark reports by printing")]

use anyhow::{Context as _, Result, ensure};
use std::path::Path;
use std::time::{Duration, Instant};
use threadline::component::Component;
use threadline::{Engine, Module};
use wasm_smith::{InstructionKind, InstructionKinds};

/// How much the time per byte may grow from the smallest generated module to the largest.
const RATIO: f64 = 1.3;

/// Sizes of generated modules, in megabytes.
const SIZES: [usize; 3] = [1, 10, 30];

/// The numbers of threads to compile with.
const THREADS: [usize; 2] = [1, 2];

/// What is compiled.
struct Program {
    name: String,
    bytes: Vec<u8>,
    functions: usize,
}

fn main() -> Result<()> {
    // Cargo passes `--bench`.
    let sizes: Vec<usize> = std::env::args()
        .skip(1)
        .filter(|arg| arg != "--bench")
        .map(|arg| arg.parse().with_context(|| format!("`{arg}` is no size")))
        .collect::<Result<_>>()?;
    let sizes = if sizes.is_empty() { &SIZES[..] } else { &sizes };
    println!(
        "{:<24} {:>10} {:>10} {:>8} {:>10} {:>8} {:>10}",
        "program", "bytes", "functions", "threads", "ms", "MB/s", "ns/byte"
    );
    for program in guests()? {
        for threads in THREADS {
            measure(&program, threads, 5)?;
        }
    }
    let mut per_byte = vec![Vec::new(); THREADS.len()];
    for &size in sizes {
        let program = generated(size << 20)?;
        for (threads, times) in THREADS.into_iter().zip(&mut per_byte) {
            // A small module is compiled more often, so that all get their chance at a quiet
            // moment of the machine.
            let rounds = if size < 5 { 5 } else { 2 };
            let time = measure(&program, threads, rounds)?;
            times.push(time.as_secs_f64() / program.bytes.len() as f64);
        }
    }
    for (threads, times) in THREADS.into_iter().zip(per_byte) {
        let (Some(first), Some(last)) = (times.first(), times.last()) else {
            continue;
        };
        let ratio = last / first;
        println!("{threads} threads: time per byte, largest over smallest: {ratio:.2}");
        ensure!(ratio <= RATIO, "the ratio is {ratio:.2}, more than {RATIO}");
    }
    Ok(())
}

/// Compiles a program `rounds` times, and prints and gives the shortest time.
fn measure(program: &Program, threads: usize, rounds: usize) -> Result<Duration> {
    let engine = Engine::default();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()?;
    let is_component = wasmparser::Parser::is_component(&program.bytes);
    let mut best = Duration::MAX;
    for _ in 0..rounds {
        let start = Instant::now();
        pool.install(|| {
            if is_component {
                Component::new(&engine, &program.bytes).map(drop)
            } else {
                Module::new(&engine, &program.bytes).map(drop)
            }
        })
        .with_context(|| format!("failed to compile {}", program.name))?;
        best = best.min(start.elapsed());
    }
    let bytes = program.bytes.len() as f64;
    let seconds = best.as_secs_f64();
    println!(
        "{:<24} {:>10} {:>10} {:>8} {:>10.1} {:>8.2} {:>10.1}",
        program.name,
        program.bytes.len(),
        program.functions,
        threads,
        seconds * 1e3,
        bytes / seconds / 1e6,
        seconds * 1e9 / bytes
    );
    Ok(best)
}

/// The guest programs that are checked in.
fn guests() -> Result<Vec<Program>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests");
    let mut programs = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "wasm")
        {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            programs.push(Program::new(name.into_owned(), std::fs::read(&path)?)?);
        }
    }
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(programs)
}

/// A module of about `size` bytes. How many functions it takes is found from a small one.
fn generated(size: usize) -> Result<Program> {
    const SAMPLE: usize = 200;
    let per_function = generate(SAMPLE)?.len() as f64 / SAMPLE as f64;
    let functions = (size as f64 / per_function).round().max(1.0) as usize;
    let name = format!("generated, {} MB", size >> 20);
    Program::new(name, generate(functions)?)
}

/// A module of so many functions, each a few hundred bytes to a few thousand.
fn generate(functions: usize) -> Result<Vec<u8>> {
    let config = wasm_smith::Config {
        allowed_instructions: InstructionKinds::new(&[
            InstructionKind::NumericInt,
            InstructionKind::Numeric,
            InstructionKind::VectorInt,
            InstructionKind::Parametric,
            InstructionKind::Variable,
            InstructionKind::Memory,
            InstructionKind::Control,
        ]),
        min_funcs: functions,
        max_funcs: functions,
        max_instructions: 600,
        min_types: 20,
        max_types: 20,
        min_imports: 5,
        max_imports: 5,
        min_globals: 10,
        max_globals: 10,
        max_exports: 50,
        min_memories: 1,
        max_memories: 1,
        max_memory32_bytes: 1 << 20,
        max_tables: 1,
        max_table_elements: 100,
        allow_start_export: false,
        exceptions_enabled: false,
        gc_enabled: false,
        compact_imports_enabled: false,
        memory64_enabled: false,
        relaxed_simd_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        extended_const_enabled: false,
        ..wasm_smith::Config::default()
    };
    let bytes = noise(functions * 8192);
    let mut unstructured = arbitrary::Unstructured::new(&bytes);
    Ok(wasm_smith::Module::new(config, &mut unstructured)?.to_bytes())
}

/// Bytes that look random and are the same each time (xorshift).
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes
}

impl Program {
    fn new(name: String, bytes: Vec<u8>) -> Result<Program> {
        let mut functions = 0;
        for payload in wasmparser::Parser::new(0).parse_all(&bytes) {
            if let wasmparser::Payload::CodeSectionStart { count, .. } = payload? {
                functions += count as usize;
            }
        }
        Ok(Program {
            name,
            bytes,
            functions,
        })
    }
}
