//! Threadline and its peer side by side: the same component bytes on both, in one process, in
//! alternating rounds. Prints the rows that exist so far with ratios, and writes them as JSON if
//! given `--json FILE`; draws them if given `--svg FILE`.
//!
//! The K rows are ratios of ratios: what keeping the stack pointer in a context slot costs each
//! side over keeping it in a global. Row X1 is in `kernels.rs`.

#![expect(clippy::print_stdout, reason = "its tables are for people to read")]

mod async_calls;
mod calls;
mod chart;
mod compile_time;
#[path = "../../guests.rs"]
mod guests;
mod host_async;
mod host_boundary;
mod kernels;
mod life_cycle;
mod many_threads;
#[path = "../../measure.rs"]
mod measure;
#[path = "../../programs.rs"]
#[expect(dead_code, reason = "the benchmark of context slots has more ways")]
mod programs;
#[path = "../../repeat.rs"]
mod repeat;
mod start_programs;
mod streams;
mod threads;

use anyhow::{Context as _, Result, bail};
use measure::{Subject, Timing};
use programs::{Home, PROGRAMS};
use serde_json::json;
use std::path::Path;

/// Rounds of each measurement; the table shows their median.
const ROUNDS: usize = 41;

/// Where the C programs are.
const GUESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/guests");

/// A component ready to run on one of the two.
enum Runner {
    Ours {
        store: threadline::Store<threadline::StoreLimits>,
        run: threadline::component::TypedFunc<(u32,), (u32,)>,
    },
    Peer {
        store: wasmtime::Store<()>,
        run: wasmtime::component::TypedFunc<(u32,), (u32,)>,
    },
}

/// Both engines, with default tuning.
struct Engines {
    ours: threadline::Engine,
    peer: wasmtime::Engine,
}

impl Engines {
    fn new() -> Result<Engines> {
        Ok(Engines {
            // Rows T6 to T8 make a million threads at once.
            ours: threadline::Engine::new(threadline::Config::new().max_async_stacks(1 << 21))?,
            peer: wasmtime::Engine::new(&Engines::config_of_peer()).map_err(of_peer)?,
        })
    }

    /// The peer's defaults, and what has to be enabled there.
    fn config_of_peer() -> wasmtime::Config {
        let mut config = wasmtime::Config::new();
        config.wasm_component_model_async(true);
        config.wasm_component_model_async_stackful(true);
        config.wasm_component_model_more_async_builtins(true);
        config.wasm_component_model_threading(true);
        config
    }

    fn ours(&self, component: &[u8]) -> Result<Runner> {
        use threadline::component::{Component, Linker};
        let component = Component::new(&self.ours, component)?;
        // Row A8 has more calls in flight than a store allows by default.
        let limits = threadline::StoreLimitsBuilder::new().threads(1 << 20);
        let mut store = threadline::Store::new(&self.ours, limits.build());
        store.limiter(|limits| limits);
        let mut linker = Linker::new(&self.ours);
        host_async::define_ours(&mut linker)?;
        let instance = linker.instantiate(&mut store, &component)?;
        let run = instance.get_typed_func(&mut store, "run")?;
        Ok(Runner::Ours { store, run })
    }

    fn peer(&self, component: &[u8]) -> Result<Runner> {
        use wasmtime::component::{Component, Linker};
        let component = Component::new(&self.peer, component).map_err(of_peer)?;
        let mut store = wasmtime::Store::new(&self.peer, ());
        let mut linker = Linker::new(&self.peer);
        host_async::define_peer(&mut linker).map_err(of_peer)?;
        // It wants this of components that import async functions.
        let instance = block_on(linker.instantiate_async(&mut store, &component));
        let instance = instance.map_err(of_peer)?;
        let run = instance.get_typed_func(&mut store, "run");
        let run = run.map_err(of_peer)?;
        Ok(Runner::Peer { store, run })
    }
}

/// The peer's error type as ours.
fn of_peer(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("the peer: {error:?}")
}

impl Runner {
    fn call(&mut self, n: u32) -> u64 {
        let result = match self {
            Runner::Ours { store, run } => run.call(store, (n,)),
            Runner::Peer { store, run } => run.call(store, (n,)).map_err(of_peer),
        };
        match result {
            Ok((value,)) => value.into(),
            Err(error) => panic!("the program failed: {error:?}"),
        }
    }

    /// The same, where `run` is a function that may block.
    fn call_async(&mut self, n: u32) -> u64 {
        let result = match self {
            Runner::Ours { store, run } => block_on(run.call_async(store, (n,))),
            Runner::Peer { store, run } => block_on(run.call_async(store, (n,))).map_err(of_peer),
        };
        match result {
            Ok((value,)) => value.into(),
            Err(error) => panic!("the program failed: {error:?}"),
        }
    }
}

/// Polls a future until it is ready: nothing here waits for anything outside of the process.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
}

/// A program with the stack pointer in a slot and in a global.
struct Row {
    id: String,
    name: String,
    target: f64,
    n: u32,
    operations: u64,
    slot: Vec<u8>,
    global: Vec<u8>,
}

fn rows() -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for program in PROGRAMS.iter().filter(|program| program.row != "-") {
        rows.push(Row {
            id: program.row.to_owned(),
            name: program.name.to_owned(),
            target: if program.row == "K1" { 1.01 } else { 1.02 },
            n: program.n,
            operations: program.operations,
            slot: wat::parse_str(program.component(Home::Slot))?,
            global: wat::parse_str(program.component(Home::OwnGlobal))?,
        });
    }
    for guest in guests::all(Path::new(GUESTS))? {
        rows.push(Row {
            id: "K4".to_owned(),
            name: format!("C: {}", guest.name),
            target: 1.01,
            n: guest.n,
            operations: guest.n.into(),
            slot: guest.slot,
            global: guest.global,
        });
    }
    Ok(rows)
}

/// Medians of one row: ours with a global and a slot, the peer's likewise.
fn measure_row(engines: &Engines, row: &Row) -> Result<[Timing; 4]> {
    let mut runners = [
        ("ours, global", engines.ours(&row.global)?),
        ("ours, slot", engines.ours(&row.slot)?),
        ("peer, global", engines.peer(&row.global)?),
        ("peer, slot", engines.peer(&row.slot)?),
    ];
    let mut subjects: Vec<Subject<'_>> = runners
        .iter_mut()
        .map(|(name, runner)| Subject::new(*name, move || runner.call(row.n)))
        .collect();
    match measure::alternate(&mut subjects, ROUNDS, row.operations).try_into() {
        Ok(timings) => Ok(timings),
        Err(_) => bail!("four subjects give four timings"),
    }
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let (mut json_path, mut svg_path) = (None, None);
    let mut filter = None;
    let mut million = false;
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--json" => json_path = Some(args.next().context("--json needs a file name")?),
            "--svg" => svg_path = Some(args.next().context("--svg needs a file name")?),
            "--draw" => {
                let (Some(json), Some(svg)) = (args.next(), args.next()) else {
                    bail!("--draw needs two file names: what --json has written, and an SVG");
                };
                let text = std::fs::read_to_string(&json);
                let text = text.with_context(|| format!("cannot read {json}"))?;
                let records: Vec<serde_json::Value> = serde_json::from_str(&text)
                    .with_context(|| format!("{json} is not what --json has written"))?;
                return chart::draw(&records, &svg);
            }
            "--bench" => {}
            "--idle" => {
                let side = args
                    .next()
                    .context("--idle is for this program's own use")?;
                let image = args
                    .next()
                    .context("--idle is for this program's own use")?;
                return life_cycle::idle_in_this_process(&side, &image);
            }
            "--ours" => {
                let row = args.next().context("--ours needs the name of a row")?;
                return run_ours(&row);
            }
            "--million" => million = true,
            "--threads" => {
                let (Some(side), Some(threads)) = (args.next(), args.next()) else {
                    bail!("--threads is for this program's own use");
                };
                return many_threads::in_this_process(&side, threads.parse()?);
            }
            word if word.starts_with('-') => {
                bail!(
                    "unknown option `{word}`: try --json FILE, --svg FILE, --draw JSON SVG, \
                     --million for row T6, or --ours ROW"
                )
            }
            _ => filter = Some(arg),
        }
    }
    let engines = Engines::new()?;
    let mut records = slots(&engines, filter.as_deref())?;
    records.extend(compile_time::run(&engines, filter.as_deref())?);
    records.extend(kernels::run(&engines, filter.as_deref())?);
    records.extend(life_cycle::run(filter.as_deref())?);
    records.extend(absolute(&calls::measure(&engines, filter.as_deref())?));
    records.extend(absolute(&threads::measure(&engines, filter.as_deref())?));
    records.extend(many_threads::run(filter.as_deref(), million)?);
    records.extend(absolute(&async_calls::measure(
        &engines,
        filter.as_deref(),
    )?));
    records.extend(absolute(&host_async::measure(&engines, filter.as_deref())?));
    records.extend(absolute(&streams::measure(&engines, filter.as_deref())?));
    let boundary = host_boundary::measure(&engines, ROUNDS, filter.as_deref())?;
    records.extend(absolute(&boundary));
    if let Some(path) = json_path {
        std::fs::write(&path, serde_json::to_string_pretty(&records)?)
            .with_context(|| format!("cannot write {path}"))?;
    }
    if let Some(path) = svg_path {
        chart::draw(&records, &path)?;
    }
    Ok(())
}

/// Runs our side of a row alone, for a profiler.
fn run_ours(row: &str) -> Result<()> {
    let engines = Engines::new()?;
    for rows in [
        calls::rows(),
        threads::rows(),
        async_calls::rows(),
        host_async::rows(),
        streams::rows(),
    ] {
        if calls::run_ours(&engines, rows, row)? {
            return Ok(());
        }
    }
    bail!("no row of a loop in a guest is called `{row}`")
}

/// Measures the K rows and prints them; returns their records.
fn slots(engines: &Engines, filter: Option<&str>) -> Result<Vec<serde_json::Value>> {
    let mut table = Vec::new();
    let mut records = Vec::new();
    for row in rows()? {
        if filter.is_some_and(|word| !format!("{} {}", row.id, row.name).contains(word)) {
            continue;
        }
        let timings =
            measure_row(engines, &row).with_context(|| format!("row {} {}", row.id, row.name))?;
        let [ours_global, ours_slot, peer_global, peer_slot] =
            timings.each_ref().map(|timing| timing.median);
        // Ratios of the same round; every timing's is to the first one, ours with a global.
        let [_, ours, peer_over_ours_global, peer_slot_over_ours_global] =
            timings.each_ref().map(|timing| timing.ratio);
        let peer = peer_slot_over_ours_global / peer_over_ours_global;
        let against_peer = ours / peer_slot_over_ours_global;
        let cells = [
            ours_global,
            ours_slot,
            ours,
            peer_global,
            peer_slot,
            peer,
            ours_slot / peer_slot,
        ];
        let mut line = vec![format!("{} {}", row.id, row.name)];
        line.extend(cells.iter().map(|cell| format!("{cell:.3}")));
        line.push(format!("<= {:.2}", row.target));
        println!("{}", line.join("  "));
        table.push(line);
        records.push(json!({
            "row": row.id, "name": row.name, "target": row.target,
            "ours_slot_over_global": ours, "peer_slot_over_global": peer,
            "ours_over_peer_slot": against_peer,
            "timings": timings.each_ref().map(|timing| json!({
                "name": timing.name, "best_ns": timing.best, "median_ns": timing.median,
            })),
        }));
    }
    let header = [
        "ns/op, median",
        "ours global",
        "ours slot",
        "slot/global",
        "peer global",
        "peer slot",
        "slot/global",
        "ours/peer slot",
        "target slot/global",
    ];
    println!("\n{}", measure::table(&header, &table));
    Ok(records)
}

/// Prints rows whose targets are times; returns their records.
fn absolute(measured: &[host_boundary::Measured]) -> Vec<serde_json::Value> {
    let mut table = Vec::new();
    let mut records = Vec::new();
    for row in measured {
        let [ours, peer] = &row.timings;
        table.push(vec![
            format!("{} {}", row.id, row.name),
            format!("{:.1}", ours.best),
            format!("{:.1}", ours.median),
            format!("{:.1}", peer.best),
            format!("{:.1}", peer.median),
            format!("{:.3}", 1.0 / peer.ratio),
            format!("<= {}", row.target),
        ]);
        records.push(json!({
            "row": row.id, "name": row.name, "target_ns": row.target,
            "ours_over_peer": 1.0 / peer.ratio,
            "timings": row.timings.each_ref().map(|timing| json!({
                "name": timing.name, "best_ns": timing.best, "median_ns": timing.median,
            })),
        }));
    }
    let header = [
        "ns/call",
        "ours best",
        "ours median",
        "peer best",
        "peer median",
        "ours/peer",
        "target ours",
    ];
    println!("{}", measure::table(&header, &table));
    records
}
