//! Runs generated programs in several ways and compares what comes of it.
//!
//! `wasm-smith` makes the programs from fixed seeds, with all proposals that are built and that it
//! knows ([`threadline_fuzz::generated_module`]). Fuel ends those that would not end by themselves; what is left of it is
//! compared as well, and tells much about the way that control took, as are the memories.
//! Optimisation must change nothing, for modules ([`module`]); for the same modules in components
//! ([`component`]) neither must the lowering of context slots.
//!
//! `THREADLINE_DIFF=N` in the environment runs N seeds of each instead of the usual number, and
//! `THREADLINE_DIFF=M..N` those from M on.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]
#![allow(missing_docs, reason = "tests")]

mod component;
mod module;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use threadline::{Config, ContextLowering, Engine, OptLevel, Trap};
use threadline_fuzz::generated_module::{INTRINSICS, features, generate};

/// Fuel for instantiation and for each call.
const FUEL: u64 = 20_000;
/// Deep recursion is to end for lack of fuel: frames differ in size.
const STACK: usize = 8 << 20;

const MODULES: Range<u64> = 0..200;
const COMPONENTS: Range<u64> = 0..60;

#[test]
fn optimisation_does_not_change_what_a_module_does() {
    let engines =
        [OptLevel::None, OptLevel::Speed].map(|level| engine(ContextLowering::Pinned, level));
    for_each_seed(MODULES, |seed| {
        let wasm = generate(seed, None);
        let logs = engines.each_ref().map(|engine| module::run(engine, &wasm));
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
        // Of a module with several instances the compiler doesn't know what it imports.
        let instances = 1 + seed % 2;
        let component = component::wrap(&engines[0], &wasm, instances as usize);
        let run = |engine| component::run(engine, &component);
        let logs: Vec<_> = engines.iter().map(run).collect();
        assert_same(seed, &wasm, &logs);
    });
}

fn engine(lowering: ContextLowering, level: OptLevel) -> Engine {
    let mut config = Config::new();
    config
        .wasm_features(features())
        .context_lowering(lowering)
        .cranelift_opt_level(level)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .consume_fuel(true)
        .max_wasm_stack(STACK);
    Engine::new(&config).unwrap()
}

/// Spreads the seeds over threads that have the stack.
fn for_each_seed(default: Range<u64>, body: impl Fn(u64) + Sync) {
    let seeds = match std::env::var("THREADLINE_DIFF") {
        Ok(text) => {
            let (first, end) = text.split_once("..").unwrap_or(("0", &text));
            let number = |text: &str| text.parse().expect("THREADLINE_DIFF is N or M..N");
            number(first)..number(end)
        }
        Err(_) => default,
    };
    let next = AtomicU64::new(seeds.start);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
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
