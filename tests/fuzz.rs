//! Runs each fuzz target over its corpus and over generated inputs, and watches the clock and the heap.
//!
//! A test has the name of a target. By default it takes a fixed number of inputs, and ends early on a slow
//! machine; in the environment
//!
//! - `THREADLINE_FUZZ_SEEDS=N` (or `M..N`) has it run so many, however long that takes,
//! - `THREADLINE_FUZZ_SECONDS=N` has it go on for so long, from input `M` on.
//!
//! What is found is written to `target/fuzz/NAME`, and is in `fuzz/corpus/NAME` from then on.

#![allow(
    clippy::print_stdout,
    reason = "a test without the usual harness, which says what it has done"
)]

use libtest_mimic::{Arguments, Failed, Trial};
use peak_alloc::PeakAlloc;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use threadline_fuzz::watch::Watch;
use threadline_fuzz::{TARGETS, Target};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Generated inputs of each target, unless the environment says otherwise.
const SEEDS: Range<u64> = 0..400;
/// How long these may take before the rest is left out.
const ENOUGH: Duration = Duration::from_secs(6);
/// How long one input may take, in a build without optimisation on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much one input may take of the heap.
const MAX_HEAP: usize = 1 << 30;
/// How long an input that panics is made smaller.
const SHRINKING: Duration = Duration::from_secs(10);
/// Room for wasm, the host and what it calls again.
const STACK: usize = 16 << 20;

fn main() -> ExitCode {
    let mut args = Arguments::from_args();
    // The heap is the process's, and so is measured for one test at a time.
    args.test_threads = Some(1);
    let tests = TARGETS.map(|target| {
        Trial::test(target.name, move || {
            let run = std::thread::Builder::new().stack_size(STACK);
            let run = run.spawn(move || run_target(target))?;
            run.join().map_err(|_| Failed::from("the test panicked"))?
        })
    });
    libtest_mimic::run(&args, tests.into()).exit_code()
}

/// How much to do.
struct Plan {
    seeds: Range<u64>,
    /// When to stop.
    time: Option<Duration>,
}

impl Plan {
    fn from_environment() -> Plan {
        let number = |text: &str| -> u64 { text.parse().expect("numbers in THREADLINE_FUZZ_…") };
        let seeds = std::env::var("THREADLINE_FUZZ_SEEDS").ok().map(|text| {
            let (first, end) = text.split_once("..").unwrap_or(("0", &text));
            number(first)..number(end)
        });
        let seconds = std::env::var("THREADLINE_FUZZ_SECONDS").ok();
        let time = seconds.map(|text| Duration::from_secs(number(&text)));
        match (seeds, time) {
            (Some(seeds), None) => Plan { seeds, time: None },
            (seeds, Some(time)) => Plan {
                seeds: seeds.map_or(0, |seeds| seeds.start)..u64::MAX,
                time: Some(time),
            },
            (None, None) => Plan {
                seeds: SEEDS,
                time: Some(ENOUGH),
            },
        }
    }
}

fn run_target(target: Target) -> Result<(), Failed> {
    let plan = Plan::from_environment();
    let watch = Watch::start(PATIENCE);
    let folder = root().join("fuzz/corpus").join(target.name);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    if files.is_empty() {
        return Err(Failed::from("the corpus is empty"));
    }
    for path in &files {
        check(
            &watch,
            &path.display().to_string(),
            target,
            &std::fs::read(path)?,
        )?;
    }
    let begin = Instant::now();
    let mut done = 0;
    for number in plan.seeds {
        if plan.time.is_some_and(|time| begin.elapsed() > time) {
            break;
        }
        check(
            &watch,
            &format!("{}: seed {number}", target.name),
            target,
            &(target.input)(number),
        )?;
        done += 1;
    }
    println!("{}: {} files and {done} seeds", target.name, files.len());
    match done {
        0 => Err(Failed::from("no input was made: the machine is too slow")),
        _ => Ok(()),
    }
}

/// Tries an input, and watches the heap.
fn check(watch: &Watch, what: &str, target: Target, data: &[u8]) -> Result<(), Failed> {
    // What kills the process leaves this behind.
    let kept = keep(target.name, data)?;
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    let result = watch.run(what, || (target.run)(data));
    let heap = HEAP.peak_usage().saturating_sub(before);
    if result.is_none() {
        let small = shrunk(target, data);
        std::fs::write(&kept, &small)?;
        let (length, kept) = (small.len(), kept.display());
        return Err(Failed::from(format!(
            "{what} panics: {length} bytes in {kept}"
        )));
    }
    if heap > MAX_HEAP {
        let kept = kept.display();
        return Err(Failed::from(format!(
            "{what} takes {heap} bytes of heap: see {kept}"
        )));
    }
    Ok(())
}
/// An input that panics, as short as some tries make it.
fn shrunk(target: Target, data: &[u8]) -> Vec<u8> {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let panics = |data: &[u8]| catch_unwind(AssertUnwindSafe(|| (target.run)(data))).is_err();
    let begin = Instant::now();
    let mut small = data.to_vec();
    let mut piece = small.len() / 2;
    while piece > 0 {
        let mut at = 0;
        while at < small.len() && begin.elapsed() < SHRINKING {
            let mut tried = small.clone();
            tried.drain(at..(at + piece).min(small.len()));
            match panics(&tried) {
                true => small = tried,
                false => at += piece,
            }
        }
        piece /= 2;
    }
    std::panic::set_hook(tell);
    small
}

/// Writes an input down before it is tried.
fn keep(name: &str, data: &[u8]) -> Result<PathBuf, Failed> {
    let folder = root().join("target/fuzz");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(name);
    std::fs::write(&path, data)?;
    Ok(path)
}

/// The repository.
fn root() -> PathBuf {
    let root = std::env::var_os("CARGO_MANIFEST_DIR");
    root.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into())
        .into()
}
