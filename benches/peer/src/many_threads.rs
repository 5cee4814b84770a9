//! Rows T6 to T8: guest threads that are alive at once, in one store: how many there can be, what it
//! takes to make and to finish them, and how much memory each has.
//!
//! Each measurement is made in a process of its own, since what one leaves behind is the next one's
//! memory. The guest tells the host when it is done with each step.

use crate::measure;
use crate::{Engines, block_on, of_peer};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// How many threads are alive while the cost of a thread is taken.
const ALIVE: u32 = 30_000;
/// How many threads there should be at once, by default and with `--million`.
const MANY: u32 = 100_000;
const MILLION: u32 = 1_000_000;
/// Rounds, each in a process of its own.
const ROUNDS: usize = 7;

/// `run(n)`: makes `n` threads, each of which suspends itself, then lets all of them finish; twice.
const COMPONENT: &str = r#"(component
    (import "mark" (func $mark))
    (core func $mark' (canon lower (func $mark)))
    (core module $Table (table (export "t") 2 2 funcref))
    (core instance $table (instantiate $Table))
    (core type $start (func (param i32)))
    (canon thread.new-indirect $start (core table $table "t") (core func $new))
    (canon thread.yield-then-resume (core func $run))
    (canon thread.suspend (core func $suspend))
    (core module $m
        (import "t" "t" (table 2 2 funcref))
        (import "" "new" (func $new (param i32 i32) (result i32)))
        (import "" "run" (func $run (param i32) (result i32)))
        (import "" "suspend" (func $suspend (result i32)))
        (import "" "mark" (func $mark))
        (memory 64)
        (elem (i32.const 1) $thread)
        (global $finished (mut i32) (i32.const 0))
        (func $thread (param i32)
            (drop (call $suspend))
            (global.set $finished (i32.add (global.get $finished) (i32.const 1))))
        (func $round (param $n i32)
            (local $at i32) (local $end i32)
            (local.set $end (i32.mul (local.get $n) (i32.const 4)))
            (call $mark)
            (loop $make
                (i32.store (local.get $at) (call $new (i32.const 1) (i32.const 0)))
                (drop (call $run (i32.load (local.get $at))))
                (br_if $make (i32.lt_u
                    (local.tee $at (i32.add (local.get $at) (i32.const 4)))
                    (local.get $end))))
            (call $mark)
            (local.set $at (i32.const 0))
            (loop $finish
                (drop (call $run (i32.load (local.get $at))))
                (br_if $finish (i32.lt_u
                    (local.tee $at (i32.add (local.get $at) (i32.const 4)))
                    (local.get $end))))
            (call $mark))
        (func (export "run") (param $n i32) (result i32)
            (call $round (local.get $n))
            (call $round (local.get $n))
            (global.get $finished)))
    (core instance $m (instantiate $m
        (with "t" (instance $table))
        (with "" (instance
            (export "new" (func $new)) (export "run" (func $run))
            (export "suspend" (func $suspend)) (export "mark" (func $mark'))))))
    (func (export "run") async (param "n" u32) (result u32) (canon lift (core func $m "run"))))"#;

/// What the host notes when the guest tells it to.
struct Mark {
    time: Instant,
    bytes: f64,
}

impl Mark {
    /// Now. Memory that only this process has, and the page tables for it.
    fn now() -> Result<Mark> {
        let time = Instant::now();
        let status = std::fs::read_to_string("/proc/self/status")?;
        let kilobytes = |name: &str| -> Result<f64> {
            let line = status.lines().find(|line| line.starts_with(name));
            let line = line.with_context(|| format!("no {name} in /proc/self/status"))?;
            Ok(line.split_whitespace().nth(1).unwrap_or("").parse()?)
        };
        Ok(Mark {
            time,
            bytes: 1024.0 * (kilobytes("RssAnon:")? + kilobytes("VmPTE:")?),
        })
    }
}

/// Of each thread.
struct Cost {
    /// Nanoseconds to start and to finish it, the first time and the second.
    cold: f64,
    warm: f64,
    bytes: f64,
}

/// How the stacks of the peer are allocated.
const STRATEGIES: [&str; 3] = ["ours", "peer", "peer-pooled"];

/// Measures rows T6 to T8 and prints them; for the JSON file, what was measured.
pub(crate) fn run(filter: Option<&str>, million: bool) -> Result<Vec<Value>> {
    if filter.is_some_and(|word| !["T6", "T7", "T8"].contains(&word)) {
        return Ok(Vec::new());
    }
    let mut rounds: [Vec<Cost>; 3] = Default::default();
    for _ in 0..ROUNDS {
        for (side, costs) in STRATEGIES.iter().zip(&mut rounds) {
            costs.push(in_a_process(side, ALIVE)?);
        }
    }
    let median = |side: usize, of: fn(&Cost) -> f64| {
        let mut values: Vec<f64> = rounds[side].iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let many = if million { MILLION } else { MANY };
    let alive = |side: &str| match in_a_process(side, many) {
        Ok(cost) => {
            println!(
                "T6: {side}: {many} threads alive, {:.0} bytes each",
                cost.bytes
            );
            many
        }
        Err(error) => {
            println!("T6: {side}: not {many}: {error:#}");
            ALIVE
        }
    };
    let rows = [
        (
            "T6 threads alive",
            "",
            alive("ours").into(),
            alive("peer").into(),
            ">= 1000000",
        ),
        (
            "T7 start and finish, 30,000 alive: cold",
            "ns",
            median(0, |cost| cost.cold),
            median(1, |cost| cost.cold),
            "<= 2800",
        ),
        (
            "T7 … stacks used before",
            "ns",
            median(0, |cost| cost.warm),
            median(2, |cost| cost.warm),
            "<= 200",
        ),
        (
            "T8 memory of a suspended thread",
            "B",
            median(0, |cost| cost.bytes),
            median(1, |cost| cost.bytes),
            "<= 4500",
        ),
    ];
    let mut lines = Vec::new();
    let mut records = Vec::new();
    for (row, unit, ours, peer, target) in rows {
        let ratio: f64 = ours / peer;
        records.push(json!({
            "row": row, "unit": unit, "ours": ours, "peer": peer, "ratio": ratio,
            "target": target,
        }));
        lines.push(vec![
            row.to_owned(),
            unit.to_owned(),
            format!("{ours:.0}"),
            format!("{peer:.0}"),
            format!("{ratio:.3}"),
            target.to_owned(),
        ]);
    }
    let header = ["", "unit", "ours", "peer", "ratio", "target"];
    println!("\n{}", measure::table(&header, &lines));
    Ok(records)
}

fn in_a_process(side: &str, threads: u32) -> Result<Cost> {
    let mut child = std::process::Command::new(std::env::current_exe()?);
    let output = child
        .args(["--threads", side, &threads.to_string()])
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let numbers = text.split_whitespace().map(str::parse);
    let numbers: Vec<f64> = numbers.collect::<Result<_, _>>()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    let first_lines: Vec<&str> = errors.lines().take(3).collect();
    ensure!(numbers.len() == 3, "{side}: {}", first_lines.join(" "));
    Ok(Cost {
        cold: numbers[0],
        warm: numbers[1],
        bytes: numbers[2],
    })
}

/// Prints what `in_a_process` reads.
pub(crate) fn in_this_process(side: &str, threads: u32) -> Result<()> {
    let marks = Arc::new(Mutex::new(Vec::with_capacity(6)));
    let note = marks.clone();
    let note = move || -> Result<()> {
        let mark = Mark::now()?;
        if let Ok(mut marks) = note.lock() {
            marks.push(mark);
        }
        Ok(())
    };
    let finished = match side {
        "ours" => ours(threads, note)?,
        _ => peer(threads, note, side == "peer-pooled")?,
    };
    ensure!(
        finished == 2 * threads,
        "{finished} threads have finished, twice {threads} should have"
    );
    let marks = marks
        .lock()
        .map_err(|_| anyhow::anyhow!("a panic is an end"))?;
    ensure!(
        marks.len() == 6,
        "{} marks were made, 6 should be",
        marks.len()
    );
    let time = |from: usize, to: usize| {
        (marks[to].time - marks[from].time).as_nanos() as f64 / f64::from(threads)
    };
    let bytes = (marks[1].bytes - marks[0].bytes) / f64::from(threads);
    println!("{} {} {bytes}", time(0, 2), time(3, 5));
    Ok(())
}

fn ours(threads: u32, note: impl Fn() -> Result<()> + Send + Sync + 'static) -> Result<u32> {
    use threadline::component::{Component, Linker};
    let Engines { ours: engine, .. } = Engines::new()?;
    let component = Component::new(&engine, COMPONENT)?;
    let mut linker = Linker::<threadline::StoreLimits>::new(&engine);
    let mark = move |_: threadline::StoreContextMut<'_, threadline::StoreLimits>, (): ()| note();
    linker.root().func_wrap("mark", mark)?;
    let limits = threadline::StoreLimitsBuilder::new().threads(usize::MAX);
    let mut store = threadline::Store::new(&engine, limits.build());
    store.limiter(|limits| limits);
    let instance = linker.instantiate(&mut store, &component)?;
    let run = instance.get_typed_func::<(u32,), (u32,)>(&mut store, "run")?;
    let (finished,) = block_on(run.call_async(&mut store, (threads,)))?;
    Ok(finished)
}

fn peer(
    threads: u32,
    note: impl Fn() -> Result<()> + Send + Sync + 'static,
    pooled: bool,
) -> Result<u32> {
    use wasmtime::component::{Component, Linker};
    let mut config = Engines::config_of_peer();
    if pooled {
        let mut pool = wasmtime::PoolingAllocationConfig::new();
        pool.total_memories(10)
            .total_tables(10)
            .total_stacks(threads + 10);
        config.allocation_strategy(wasmtime::InstanceAllocationStrategy::Pooling(pool));
    }
    let run = || -> wasmtime::Result<u32> {
        let engine = wasmtime::Engine::new(&config)?;
        let component = Component::new(&engine, COMPONENT)?;
        let mut linker = Linker::<()>::new(&engine);
        linker.root().func_wrap(
            "mark",
            move |_: wasmtime::StoreContextMut<'_, ()>, (): ()| {
                note().map_err(|error| wasmtime::Error::msg(error.to_string()))
            },
        )?;
        let mut store = wasmtime::Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &component)?;
        let run = instance.get_typed_func::<(u32,), (u32,)>(&mut store, "run")?;
        let (finished,) = block_on(run.call_async(&mut store, (threads,)))?;
        Ok(finished)
    };
    run().map_err(of_peer)
}
