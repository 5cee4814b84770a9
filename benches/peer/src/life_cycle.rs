//! Rows L2 to L6: loading what was compiled, instances made and dropped, what idle ones take, how large images
//! are, and how long the first instance takes after a load.
//!
//! The large component is made up: 300 kB of code in 1,500 functions, 200 kB of data, and custom
//! sections that make it 3 MB, as debugging information does.
#![expect(
    unsafe_code,
    reason = "both sides trust images that they made themselves"
)]

use crate::measure::{self, Subject};
use crate::{ROUNDS, of_peer, start_programs};
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Instances made in each round of row L3, and images loaded in each of L2.
const OPERATIONS: u64 = 200;
/// The same of what takes longer.
const FEW: u64 = 20;
/// Idle instances that row L4 counts over.
const IDLE: usize = 500;
/// Functions that the large component imports.
const IMPORTS: usize = 20;

const TINY: &str = r#"(component
    (core module $m (func (export "run") (param i32) (result i32) (local.get 0)))
    (core instance $i (instantiate $m))
    (func (export "run") (param "n" u32) (result u32) (canon lift (core func $i "run"))))"#;

const MEMORY: &str = r#"(component
    (core module $m
        (memory (export "memory") 1)
        (data (i32.const 8) "data")
        (func (export "run") (param i32) (result i32) (local.get 0)))
    (core instance $i (instantiate $m))
    (func (export "run") (param "n" u32) (result u32) (canon lift (core func $i "run"))))"#;

/// The large component.
fn large() -> Result<Vec<u8>> {
    let mut text = String::from("(component\n");
    for i in 0..IMPORTS {
        writeln!(
            text,
            "(import \"host-{i}\" (func $h{i} (param \"n\" u32) (result u32)))"
        )?;
        writeln!(text, "(core func $l{i} (canon lower (func $h{i})))")?;
    }
    text.push_str("(core module $m\n(type $f (func (param i32) (result i32)))\n");
    for i in 0..IMPORTS {
        writeln!(text, "(import \"host\" \"{i}\" (func $h{i} (type $f)))")?;
    }
    text.push_str("(memory (export \"memory\") 20)\n(table 500 funcref)\n");
    text.push_str("(global $sp (mut i32) (i32.const 1048576))\n");
    for i in 0..1500_u32 {
        writeln!(text, "(func $function-number-{i} (type $f)")?;
        for k in 0..14_u32 {
            let (offset, constant) = (i * 64 + k * 4, i.wrapping_mul(2_654_435_761) >> 8);
            writeln!(
                text,
                "(local.set 0 (i32.xor (i32.load offset={offset} (local.get 0)) \
                 (i32.const {constant})))"
            )?;
        }
        let callee = if i == 0 {
            "$h0".to_owned()
        } else {
            format!("$function-number-{}", i - 1)
        };
        writeln!(
            text,
            "(if (i32.eqz (local.get 0)) (then (local.set 0 (call {callee} (local.get 0)))))"
        )?;
        writeln!(
            text,
            "(call_indirect (type $f) (i32.const {i}) (local.get 0)))"
        )?;
    }
    text.push_str("(elem (i32.const 0) func");
    for i in 0..500 {
        write!(text, " $function-number-{}", i * 3)?;
    }
    writeln!(
        text,
        ")\n(data (i32.const 1048576) \"{}\")",
        "data ".repeat(40_000)
    )?;
    text.push_str("(func (export \"run\") (param i32) (result i32) (local.get 0))\n");
    for name in [".debug_info", ".debug_line", ".debug_str"] {
        writeln!(
            text,
            "(@custom \"{name}\" \"{}\")",
            "debugging ".repeat(82_000)
        )?;
    }
    text.push_str(")\n(core instance $i (instantiate $m (with \"host\" (instance\n");
    for i in 0..IMPORTS {
        writeln!(text, "(export \"{i}\" (func $l{i}))")?;
    }
    text.push_str("))))\n(func (export \"run\") (param \"n\" u32) (result u32)\n");
    text.push_str("(canon lift (core func $i \"run\"))))");
    Ok(wat::parse_str(&text)?)
}

/// Both engines, on demand and with a pool.
struct Pair {
    ours: threadline::Engine,
    peer: wasmtime::Engine,
}

impl Pair {
    fn new(pooled: bool) -> Result<Pair> {
        let mut ours = threadline::Config::new();
        let mut peer = wasmtime::Config::new();
        peer.wasm_component_model_async(true);
        peer.wasm_component_model_threading(true);
        if pooled {
            let mut pool = threadline::PoolingAllocationConfig::new();
            pool.total_memories(100)
                .total_tables(100)
                .table_elements(40_000);
            ours.allocation_strategy(pool);
            let mut pool = wasmtime::PoolingAllocationConfig::new();
            pool.total_memories(100)
                .total_tables(100)
                .table_elements(40_000);
            peer.allocation_strategy(wasmtime::InstanceAllocationStrategy::Pooling(pool));
        }
        Ok(Pair {
            ours: threadline::Engine::new(&ours)?,
            peer: wasmtime::Engine::new(&peer).map_err(of_peer)?,
        })
    }

    fn ours(&self, bytes: &[u8]) -> Result<threadline::component::InstancePre<()>> {
        self.ours_of(&threadline::component::Component::new(&self.ours, bytes)?)
    }

    fn ours_of(
        &self,
        component: &threadline::component::Component,
    ) -> Result<threadline::component::InstancePre<()>> {
        use threadline::component::Linker;
        let mut linker = Linker::new(&self.ours);
        for i in 0..IMPORTS {
            let echo = |_: threadline::StoreContextMut<'_, ()>, (n,): (u32,)| Ok((n,));
            linker.root().func_wrap(&format!("host-{i}"), echo)?;
        }
        linker.instantiate_pre(component)
    }

    fn peer(&self, bytes: &[u8]) -> Result<wasmtime::component::InstancePre<()>> {
        let component = wasmtime::component::Component::new(&self.peer, bytes);
        self.peer_of(&component.map_err(of_peer)?)
    }

    fn peer_of(
        &self,
        component: &wasmtime::component::Component,
    ) -> Result<wasmtime::component::InstancePre<()>> {
        use wasmtime::component::Linker;
        let mut linker = Linker::new(&self.peer);
        for i in 0..IMPORTS {
            let echo = |_: wasmtime::StoreContextMut<'_, ()>, (n,): (u32,)| Ok((n,));
            linker
                .root()
                .func_wrap(&format!("host-{i}"), echo)
                .map_err(of_peer)?;
        }
        linker.instantiate_pre(component).map_err(of_peer)
    }
}

/// Measures rows L2 to L4 and prints them; for the JSON file, what was measured.
pub(crate) fn run(filter: Option<&str>) -> Result<Vec<Value>> {
    let wanted = |row: &str| filter.is_none_or(|filter| row.contains(filter));
    let programs = [
        ("no memory", wat::parse_str(TINY)?),
        ("with memory", wat::parse_str(MEMORY)?),
        ("3 MB component", large()?),
    ];
    let mut lines = Vec::new();
    let mut records = Vec::new();
    let mut add = |row: String, unit: &str, ours: f64, peer: f64, target: &str| {
        let ratio = ours / peer;
        println!("{row}  {ours:.2}  {peer:.2}  {ratio:.3}  {target}");
        records.push(json!({
            "row": row, "unit": unit, "ours": ours, "peer": peer, "ratio": ratio,
            "target": target,
        }));
        lines.push(vec![
            row,
            unit.to_owned(),
            format!("{ours:.2}"),
            format!("{peer:.2}"),
            format!("{ratio:.3}"),
            target.to_owned(),
        ]);
    };
    for ((name, bytes), target) in [&programs[0], &programs[2]]
        .into_iter()
        .zip(["10 µs", "50 µs"])
    {
        let row = format!("L2 load: {name}");
        if wanted(&row) {
            let [ours, peer] = load(bytes, OPERATIONS)?;
            add(row, "µs", ours, peer, &format!("<= {target}"));
        }
    }
    let starting = [
        ("10,000 segments", start_programs::segments(10_000)?),
        ("40,000 segments", start_programs::segments(40_000)?),
        ("30,000 references", start_programs::table(30_000, 10_000)?),
        ("20,000 functions", start_programs::functions(20_000)?),
    ];
    for (name, bytes) in &starting {
        start(name, bytes, &wanted, &mut add)?;
    }
    for pooled in [false, true] {
        let strategy = if pooled { "pooled" } else { "on demand" };
        for (name, bytes) in &programs {
            let row = format!("L3 store + instance: {name}, {strategy}");
            if wanted(&row) {
                let [ours, peer] = instantiate(bytes, pooled, OPERATIONS)?;
                add(row, "µs", ours, peer, "<= 0.5x");
            }
        }
    }
    if wanted("L4 idle") {
        let [ours, peer] = idle(&programs[2].1)?;
        add(
            "L4 idle instance: memory".into(),
            "kB",
            ours.0,
            peer.0,
            "<= 0.5x",
        );
        add(
            "L4 idle instance: mappings".into(),
            "",
            ours.1,
            peer.1,
            "<= 0.5x",
        );
    }
    let header = ["", "unit", "ours", "peer", "ratio", "target"];
    println!("\n{}", measure::table(&header, &lines));
    Ok(records)
}

/// Rows of a program that is about starting.
fn start(
    name: &str,
    bytes: &[u8],
    wanted: &dyn Fn(&str) -> bool,
    add: &mut dyn FnMut(String, &str, f64, f64, &str),
) -> Result<()> {
    let row = format!("L2 load: {name}");
    if wanted(&row) {
        let [ours, peer] = load(bytes, FEW)?;
        add(row, "µs", ours, peer, "<= 1x");
    }
    for (pooled, strategy) in [(false, "on demand"), (true, "pooled")] {
        let row = format!("L3 store + instance: {name}, {strategy}");
        if wanted(&row) {
            let [ours, peer] = instantiate(bytes, pooled, FEW)?;
            add(row, "µs", ours, peer, "<= 0.5x");
        }
    }
    let row = format!("L5 image: {name}");
    if wanted(&row) {
        let [ours, peer] = Images::new(&Pair::new(false)?, bytes)?.sizes()?;
        add(row, "kB", ours, peer, "<= 1x");
    }
    let row = format!("L6 first instance: {name}");
    if wanted(&row) {
        let [ours, peer] = first_instance(bytes)?;
        add(row, "µs", ours, peer, "<= 1x");
    }
    Ok(())
}

/// Images of a component in files, which go when this does.
struct Images {
    ours: PathBuf,
    peer: PathBuf,
}

impl Images {
    fn new(pair: &Pair, bytes: &[u8]) -> Result<Images> {
        let path = |name: &str| {
            let name = format!("peer-{}-{name}", std::process::id());
            std::env::temp_dir().join(name)
        };
        let images = Images {
            ours: path("ours"),
            peer: path("theirs"),
        };
        std::fs::write(&images.ours, pair.ours.precompile_component(bytes)?)?;
        let peer = pair.peer.precompile_component(bytes).map_err(of_peer)?;
        std::fs::write(&images.peer, peer)?;
        Ok(images)
    }

    /// Kilobytes of each.
    fn sizes(&self) -> Result<[f64; 2]> {
        let size = |path: &Path| -> Result<f64> { Ok(path.metadata()?.len() as f64 / 1000.0) };
        Ok([size(&self.ours)?, size(&self.peer)?])
    }

    fn load_ours(&self, pair: &Pair) -> Result<threadline::component::Component> {
        // SAFETY: the file was just made and nobody else writes to it.
        unsafe { threadline::component::Component::deserialize_file(&pair.ours, &self.ours) }
    }

    fn load_peer(&self, pair: &Pair) -> Result<wasmtime::component::Component> {
        // SAFETY: as above.
        let loaded =
            unsafe { wasmtime::component::Component::deserialize_file(&pair.peer, &self.peer) };
        loaded.map_err(of_peer)
    }
}

impl Drop for Images {
    fn drop(&mut self) {
        for path in [&self.ours, &self.peer] {
            // One that was never written isn't there.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Microseconds to load an image from a file and to drop it again.
fn load(bytes: &[u8], operations: u64) -> Result<[f64; 2]> {
    let pair = Pair::new(false)?;
    let images = Images::new(&pair, bytes)?;
    let mut subjects = [
        Subject::new("ours", || {
            for _ in 0..operations {
                assert!(images.load_ours(&pair).is_ok());
            }
            1
        }),
        Subject::new("peer", || {
            for _ in 0..operations {
                assert!(images.load_peer(&pair).is_ok());
            }
            1
        }),
    ];
    Ok(best(&mut subjects, operations))
}

/// Microseconds for a store and the first instance of a component that was just loaded from a file.
fn first_instance(bytes: &[u8]) -> Result<[f64; 2]> {
    let pair = Pair::new(false)?;
    let images = Images::new(&pair, bytes)?;
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        let ours = pair.ours_of(&images.load_ours(&pair)?)?;
        let start = Instant::now();
        let mut store = threadline::Store::new(&pair.ours, ());
        ours.instantiate(&mut store)?;
        times[0].push(start.elapsed().as_secs_f64() * 1e6);
        let peer = pair.peer_of(&images.load_peer(&pair)?)?;
        let start = Instant::now();
        let mut store = wasmtime::Store::new(&pair.peer, ());
        peer.instantiate(&mut store).map_err(of_peer)?;
        times[1].push(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    }))
}

/// Microseconds for a new store, an instance in it, and dropping both.
fn instantiate(bytes: &[u8], pooled: bool, operations: u64) -> Result<[f64; 2]> {
    let pair = Pair::new(pooled)?;
    let (ours, peer) = (pair.ours(bytes)?, pair.peer(bytes)?);
    let mut subjects = [
        Subject::new("ours", || {
            for _ in 0..operations {
                let mut store = threadline::Store::new(&pair.ours, ());
                assert!(ours.instantiate(&mut store).is_ok());
            }
            1
        }),
        Subject::new("peer", || {
            for _ in 0..operations {
                let mut store = wasmtime::Store::new(&pair.peer, ());
                assert!(peer.instantiate(&mut store).is_ok());
            }
            1
        }),
    ];
    Ok(best(&mut subjects, operations))
}

fn best(subjects: &mut [Subject<'_>; 2], operations: u64) -> [f64; 2] {
    let timings = measure::alternate(subjects, ROUNDS, operations);
    [&timings[0], &timings[1]].map(|timing| timing.median / 1000.0)
}

/// Kilobytes and mappings per idle instance. Each side is measured in a process of its own that
/// compiles nothing, for what a compiler leaves free hides what instances take.
fn idle(bytes: &[u8]) -> Result<[(f64, f64); 2]> {
    let pair = Pair::new(false)?;
    let ours = pair.ours.precompile_component(bytes)?;
    let peer = pair.peer.precompile_component(bytes).map_err(of_peer)?;
    let measure = |side: &str, image: Vec<u8>| -> Result<(f64, f64)> {
        let path = std::env::temp_dir().join(format!("idle-{}-{side}", std::process::id()));
        std::fs::write(&path, image)?;
        let mut child = std::process::Command::new(std::env::current_exe()?);
        let output = child.args(["--idle", side]).arg(&path).output()?;
        std::fs::remove_file(path)?;
        let text = String::from_utf8(output.stdout)?;
        let numbers = text.split_whitespace().map(str::parse);
        let numbers: Vec<f64> = numbers.collect::<Result<_, _>>()?;
        ensure!(
            numbers.len() == 2,
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok((numbers[0], numbers[1]))
    };
    Ok([measure("ours", ours)?, measure("peer", peer)?])
}

/// Prints what `idle` reads.
pub(crate) fn idle_in_this_process(side: &str, image: &str) -> Result<()> {
    let pair = Pair::new(false)?;
    let (kilobytes, mappings) = if side == "ours" {
        // SAFETY: the parent made the file.
        let component =
            unsafe { threadline::component::Component::deserialize_file(&pair.ours, image)? };
        let pre = pair.ours_of(&component)?;
        taken_by(|| {
            let mut store = threadline::Store::new(&pair.ours, ());
            pre.instantiate(&mut store)?;
            Ok(store)
        })?
    } else {
        // SAFETY: the parent made the file.
        let component =
            unsafe { wasmtime::component::Component::deserialize_file(&pair.peer, image) };
        let pre = pair.peer_of(&component.map_err(of_peer)?)?;
        taken_by(|| {
            let mut store = wasmtime::Store::new(&pair.peer, ());
            pre.instantiate(&mut store).map_err(of_peer)?;
            Ok(store)
        })?
    };
    println!("{kilobytes} {mappings}");
    Ok(())
}

/// What each of many things takes.
fn taken_by<S>(mut make: impl FnMut() -> Result<S>) -> Result<(f64, f64)> {
    // What is made once for all of them.
    let first = make()?;
    let before = taken()?;
    let mut stores = Vec::with_capacity(IDLE);
    for _ in 0..IDLE {
        stores.push(make()?);
    }
    let after = taken()?;
    ensure!(stores.len() == IDLE);
    drop(first);
    let each = |before: f64, after: f64| (after - before) / IDLE as f64;
    Ok((each(before.0, after.0), each(before.1, after.1)))
}

/// Kilobytes that only this process has in memory, and its mappings.
fn taken() -> Result<(f64, f64)> {
    let smaps = std::fs::read_to_string("/proc/self/smaps")?;
    let (mut kilobytes, mut mappings) = (0.0, 0.0);
    for line in smaps.lines() {
        if line.starts_with("VmFlags:") {
            mappings += 1.0;
        } else if line.starts_with("Private_Clean:") || line.starts_with("Private_Dirty:") {
            let size = line.split_whitespace().nth(1).unwrap_or_default();
            kilobytes += size.parse::<f64>()?;
        }
    }
    Ok((kilobytes, mappings))
}
