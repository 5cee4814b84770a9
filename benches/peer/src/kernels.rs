//! Row X1: compute kernels, the same core modules on both sides, and the geometric mean of their
//! ratios.
//!
//! Each kernel is a module of its own in `benches/peer/kernels`, without imports, that exports
//! `run: func(n: i32) -> i32`; what it computes is compared between the sides and between rounds.

use crate::measure::{self, Subject, Timing};
use crate::{Engines, of_peer};
use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

/// Rounds of each kernel.
const ROUNDS: usize = 25;

/// The geometric mean that we want to stay below.
const TARGET: f64 = 0.97;

/// A kernel.
struct Kernel {
    name: &'static str,
    wat: &'static str,
    /// The argument to call it with: so much that a round takes some milliseconds.
    n: i32,
}

macro_rules! kernels {
    ($($name:literal $n:literal,)*) => {
        &[$(Kernel {
            name: $name,
            wat: include_str!(concat!("../kernels/", $name, ".wat")),
            n: $n,
        }),*]
    };
}

const KERNELS: &[Kernel] = kernels! {
    "xorshift" 2_000_000,
    "gcd64" 60_000,
    "crc" 200,
    "mandelbrot" 160,
    "nbody" 20_000,
    "matmul" 12,
    "simd_floats" 4_000,
    "simd_bytes" 4_000,
    "fib" 30,
    "ackermann" 800,
    "small_calls" 40,
    "indirect" 1_500_000,
    "globals" 120_000,
    "sieve" 20,
    "copy" 800,
    "hash_table" 60,
    "tree" 15,
    "interpreter" 200_000,
    "sort" 10,
};

/// A kernel ready to run on one of the two.
enum Runner {
    Ours {
        store: threadline::Store<()>,
        run: threadline::TypedFunc<i32, i32>,
    },
    Peer {
        store: wasmtime::Store<()>,
        run: wasmtime::TypedFunc<i32, i32>,
    },
}

impl Runner {
    fn ours(engines: &Engines, module: &[u8]) -> Result<Runner> {
        let module = threadline::Module::new(&engines.ours, module)?;
        let mut store = threadline::Store::new(&engines.ours, ());
        let instance = threadline::Instance::new(&mut store, &module, &[])?;
        let run = instance.get_typed_func(&mut store, "run")?;
        Ok(Runner::Ours { store, run })
    }

    fn peer(engines: &Engines, module: &[u8]) -> Result<Runner> {
        let module = wasmtime::Module::new(&engines.peer, module).map_err(of_peer)?;
        let mut store = wasmtime::Store::new(&engines.peer, ());
        let instance = wasmtime::Instance::new(&mut store, &module, &[]).map_err(of_peer)?;
        let run = instance.get_typed_func(&mut store, "run");
        let run = run.map_err(of_peer)?;
        Ok(Runner::Peer { store, run })
    }

    fn call(&mut self, n: i32) -> u64 {
        let result = match self {
            Runner::Ours { store, run } => run.call(store, n),
            Runner::Peer { store, run } => run.call(store, n).map_err(of_peer),
        };
        match result {
            Ok(value) => u64::from(value as u32),
            Err(error) => panic!("the kernel failed: {error:?}"),
        }
    }
}

/// Measures the kernels whose name has `filter` in it, prints their table and returns the row for
/// the JSON.
pub(crate) fn run(engines: &Engines, filter: Option<&str>) -> Result<Option<Value>> {
    let mut table = Vec::new();
    let mut records = Vec::new();
    let mut medians = GeometricMean::default();
    let mut bests = GeometricMean::default();
    for kernel in KERNELS {
        if filter.is_some_and(|word| !format!("X1 {}", kernel.name).contains(word)) {
            continue;
        }
        let (ours, peer) =
            measure_kernel(engines, kernel).with_context(|| format!("kernel {}", kernel.name))?;
        // The peer comes first, so the ratio of ours is to it, in the same round.
        let best = ours.best / peer.best;
        medians.add(ours.ratio);
        bests.add(best);
        let in_ms = |nanoseconds: f64| format!("{:.3}", nanoseconds / 1e6);
        table.push(vec![
            kernel.name.to_owned(),
            in_ms(ours.median),
            in_ms(peer.median),
            format!("{:.3}", ours.ratio),
            in_ms(ours.best),
            in_ms(peer.best),
            format!("{best:.3}"),
        ]);
        records.push(json!({
            "name": kernel.name, "ours_over_peer": ours.ratio, "ours_over_peer_best": best,
            "ours_median_ns": ours.median, "peer_median_ns": peer.median,
            "ours_best_ns": ours.best, "peer_best_ns": peer.best,
        }));
    }
    if records.is_empty() {
        return Ok(None);
    }
    let mean = [
        "geometric mean",
        "",
        "",
        &medians.text(),
        "",
        "",
        &bests.text(),
    ];
    table.push(mean.map(str::to_owned).to_vec());
    let header = [
        "X1 kernels, ms",
        "ours",
        "peer",
        "ours/peer",
        "ours, best",
        "peer, best",
        "ours/peer, best",
    ];
    println!("\n{}target: <= {TARGET}", measure::table(&header, &table));
    Ok(Some(json!({
        "row": "X1", "name": "compute kernels, geometric mean", "target": TARGET,
        "ours_over_peer": medians.value(), "ours_over_peer_best": bests.value(),
        "kernels": records,
    })))
}

/// Ours and the peer's timing of a round.
fn measure_kernel(engines: &Engines, kernel: &Kernel) -> Result<(Timing, Timing)> {
    let module = wat::parse_str(kernel.wat)?;
    let mut runners = [
        ("peer", Runner::peer(engines, &module)?),
        ("ours", Runner::ours(engines, &module)?),
    ];
    let mut subjects: Vec<Subject<'_>> = runners
        .iter_mut()
        .map(|(name, runner)| Subject::new(*name, move || runner.call(kernel.n)))
        .collect();
    let timings: Result<[Timing; 2], _> = measure::alternate(&mut subjects, ROUNDS, 1).try_into();
    match timings {
        Ok([peer, ours]) => Ok((ours, peer)),
        Err(_) => bail!("two subjects give two timings"),
    }
}

/// The geometric mean of ratios.
#[derive(Default)]
struct GeometricMean {
    logarithms: f64,
    count: u32,
}

impl GeometricMean {
    fn add(&mut self, ratio: f64) {
        self.logarithms += ratio.ln();
        self.count += 1;
    }

    fn value(&self) -> f64 {
        (self.logarithms / f64::from(self.count)).exp()
    }

    fn text(&self) -> String {
        format!("{:.3}", self.value())
    }
}
