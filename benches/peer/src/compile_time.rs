//! Row L1: how long compiling a component of about 3 MB takes, 300 kB of it code, on two threads
//! and on one, both sides with the options they have by default.
//!
//! The component is made of what is checked in: each C program of `tests/guests`, with its
//! functions so many times over that they come to 300 kB, moved to a context slot and made a
//! component; these are nested in one, with a core module of 600 kB of data. A custom section, as
//! debug information would be, fills it up. Before the timing each program is run on both sides
//! and must give the same answer.

use crate::measure::{self, Subject, Timing};
use crate::repeat::repeat;
use crate::{Engines, GUESTS, of_peer};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::hint::black_box;
use std::path::Path;
use threadline_retarget::{Options, Wit};
use wasm_encoder::{ComponentBuilder, ComponentExportKind};

const PROGRAMS: [&str; 5] = ["tree", "format", "json", "sort", "blend"];
/// Bytes of core modules with functions in the component.
const CODE: usize = 300_000;
/// Bytes of data in it.
const DATA: usize = 600_000;
/// Bytes of all of it.
const SIZE: usize = 3_000_000;
/// Rounds of each measurement.
const ROUNDS: usize = 21;
/// Threads to compile with, and how long ours may take in terms of the peer's time.
const ROWS: [(usize, f64); 2] = [(2, 1.0), (1, 1.0)];

/// Measures and prints the row, and gives its records. `filter` chooses rows, as elsewhere.
pub(crate) fn run(engines: &Engines, filter: Option<&str>) -> Result<Vec<Value>> {
    let mut table = Vec::new();
    let mut records = Vec::new();
    let mut component = None;
    for (threads, target) in ROWS {
        let name = format!("compile, {threads} threads");
        if filter.is_some_and(|word| !format!("L1 {name}").contains(word)) {
            continue;
        }
        let bytes = match &mut component {
            Some(bytes) => bytes,
            none => none.insert(checked_component(engines)?),
        };
        let [ours, peer] = measure_row(engines, bytes, threads)?;
        let cells = [ours.median, ours.best, peer.median, peer.best].map(|ns| ns / 1e6);
        let mut line = vec![format!("L1 {name}")];
        line.extend(cells.iter().map(|cell| format!("{cell:.1}")));
        // The peer's is to ours, of the same round.
        line.push(format!("{:.3}", 1.0 / peer.ratio));
        line.push(format!("{:.3}", ours.best / peer.best));
        line.push(format!("<= {target:.2}"));
        table.push(line);
        let timings = [&ours, &peer].map(|timing| {
            json!({"name": timing.name, "best_ns": timing.best, "median_ns": timing.median})
        });
        records.push(json!({
            "row": "L1", "name": name, "target": target, "bytes": bytes.len(),
            "ours_over_peer": 1.0 / peer.ratio,
            "timings": timings,
        }));
    }
    if !table.is_empty() {
        let header = [
            "ms",
            "ours, median",
            "best",
            "peer, median",
            "best",
            "ours/peer, median",
            "best",
            "target",
        ];
        println!("\n{}", measure::table(&header, &table));
    }
    Ok(records)
}

fn measure_row(engines: &Engines, bytes: &[u8], threads: usize) -> Result<[Timing; 2]> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()?;
    let ours = || {
        use threadline::component::Component;
        let component = pool.install(|| Component::new(&engines.ours, bytes));
        u64::from(black_box(component).is_ok())
    };
    let peer = || {
        use wasmtime::component::Component;
        let component = pool.install(|| Component::new(&engines.peer, bytes));
        u64::from(black_box(component).is_ok())
    };
    let mut subjects = [Subject::new("ours", ours), Subject::new("peer", peer)];
    let timings = measure::alternate(&mut subjects, ROUNDS, 1);
    timings.try_into().ok().context("two subjects, two timings")
}

/// The component, once both sides have run it.
fn checked_component(engines: &Engines) -> Result<Vec<u8>> {
    let bytes = component()?;
    for name in PROGRAMS {
        let ours = run_ours(engines, &bytes, name)?;
        let peer = run_peer(engines, &bytes, name)?;
        ensure!(ours == peer, "`{name}` gives {ours} here and {peer} there");
    }
    Ok(bytes)
}

fn run_ours(engines: &Engines, bytes: &[u8], name: &str) -> Result<u32> {
    use threadline::component::{Component, Linker};
    let component = Component::new(&engines.ours, bytes)?;
    let mut store = threadline::Store::new(&engines.ours, ());
    let instance = Linker::new(&engines.ours).instantiate(&mut store, &component)?;
    let run = instance.get_typed_func::<(u32,), (u32,)>(&mut store, name)?;
    Ok(run.call(&mut store, (10,))?.0)
}

fn run_peer(engines: &Engines, bytes: &[u8], name: &str) -> Result<u32> {
    use wasmtime::component::{Component, Linker};
    let run = || {
        let component = Component::new(&engines.peer, bytes)?;
        let mut store = wasmtime::Store::new(&engines.peer, ());
        let instance = Linker::new(&engines.peer).instantiate(&mut store, &component)?;
        let run = instance.get_typed_func::<(u32,), (u32,)>(&mut store, name)?;
        Ok(run.call(&mut store, (10,))?.0)
    };
    run().map_err(of_peer)
}

fn component() -> Result<Vec<u8>> {
    let mut modules = Vec::new();
    for name in PROGRAMS {
        let path = Path::new(GUESTS).join(format!("{name}.wasm"));
        modules.push(std::fs::read(&path).with_context(|| format!("cannot read {path:?}"))?);
    }
    let once: usize = modules.iter().map(Vec::len).sum();
    let times = (CODE / once) as u32;
    let mut builder = ComponentBuilder::default();
    for (name, module) in PROGRAMS.iter().zip(&modules) {
        let wit = Wit::Path {
            path: &Path::new(GUESTS).join("guests.wit"),
            world: Some("guest"),
        };
        let options = Options::default();
        let nested = threadline_retarget::retarget(&repeat(module, times)?, &options, &wit)
            .with_context(|| format!("the guest program `{name}`"))?;
        let nested = builder.component_raw(None, &nested.bytes);
        let no_args: [(&str, ComponentExportKind, u32); 0] = [];
        let instance = builder.instantiate(None, nested, no_args);
        let run = builder.alias_export(instance, "run", ComponentExportKind::Func);
        builder.export(*name, ComponentExportKind::Func, run, None);
    }
    let data = builder.core_module(None, &data_module());
    builder.core_instantiate(None, data, []);
    let rest = noise(SIZE - CODE - DATA);
    builder.custom_section(&wasm_encoder::CustomSection {
        name: "debug".into(),
        data: rest.into(),
    });
    Ok(builder.finish())
}

fn data_module() -> wasm_encoder::Module {
    let mut memories = wasm_encoder::MemorySection::new();
    memories.memory(wasm_encoder::MemoryType {
        minimum: DATA.div_ceil(1 << 16) as u64,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut data = wasm_encoder::DataSection::new();
    data.active(0, &wasm_encoder::ConstExpr::i32_const(0), noise(DATA));
    let mut module = wasm_encoder::Module::new();
    module.section(&memories).section(&data);
    module
}

/// Bytes that are the same each time (xorshift).
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let next = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}
