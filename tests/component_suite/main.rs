//! Runs the reference tests of the component model, one test for each file.
//!
//! They are in the sources of the package `wasm-tools`, which is a dependency for no platform:
//! cargo fetches and unpacks it, tells where, and compiles nothing of it.
//!
//! A directive may fail in one way only: with a message of the parser or validator that is worded
//! in another way ([`WORDING`]). What is listed there must fail so.
//!
//! The scripts of the folder `async` run first come, first served, and under [`SEEDS`] other schedules as
//! well; [`ORDER`] lists those that may fail there, and why.

mod locate;

use anyhow::{Error, Result, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};
use threadline::{Engine, Schedule};
use threadline_wast::{Failure, Report, WastRunner};

/// The folders that are run.
const FOLDERS: [&str; 6] = [
    ASYNC,
    "binary",
    "linking",
    "resources",
    "validation",
    "values",
];

/// The folder whose scripts run under many schedules.
const ASYNC: &str = "async";

/// How many schedules those are, besides first come, first served.
const SEEDS: u64 = 20;

/// Lines of scripts that expect an error in words that are not those of the libraries that find
/// it: it is the right error.
const WORDING: &[(&str, &[usize])] = &[
    (
        "binary/binary.wast",
        &[
            1110, 1166, 1175, 1186, 1208, 1230, 1239, 1248, 1257, 1266, 1275,
        ],
    ),
    ("validation/attributes.wast", &[87, 91]),
    ("validation/kebab.wast", &[159]),
];

/// Scripts that depend on an order that the specification doesn't promise, and on which one.
const ORDER: &[(&str, &str)] = &[
    (
        "async/big-interleaving-test.wast",
        "who waits for an event that is there already is not to be switched away from",
    ),
    (
        "async/async-calls-sync.wast",
        "of calls that wait to enter two instances, the first is to start first",
    ),
    (
        "async/drop-subtask.wast",
        "who yields before a callback is not to be called back at once",
    ),
];

fn main() -> Result<()> {
    let args = Arguments::from_args();
    let suite = locate::suite()?;
    let mut tests = Vec::new();
    let mut names = Vec::new();
    for folder in FOLDERS {
        let scripts = scripts(&suite.join(folder))?;
        ensure!(!scripts.is_empty(), "no scripts in `{folder}`");
        for path in scripts {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            let name = format!("{folder}/{file}");
            if folder == ASYNC {
                tests.push(under_seeds(&name, &path));
            }
            let script = name.clone();
            let run = move || run(&script, &path, Schedule::Fifo).map_err(failed);
            tests.push(Trial::test(name.clone(), run));
            names.push(name);
        }
    }
    let worded = WORDING.iter().map(|(name, _)| name);
    let ordered = ORDER.iter().map(|(name, _)| name);
    for name in worded.chain(ordered) {
        ensure!(
            names.iter().any(|known| known == name),
            "`{name}` is no script"
        );
    }
    libtest_mimic::run(&args, tests).exit();
}

/// The scripts in a folder, in order.
fn scripts(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut scripts = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "wast")
        {
            scripts.push(path);
        }
    }
    scripts.sort();
    Ok(scripts)
}

fn failed(error: Error) -> Failed {
    Failed::from(format!("{error:#}"))
}

/// A script under many schedules. If it depends on an order, it must be seen to.
fn under_seeds(name: &str, path: &Path) -> Trial {
    let order = ORDER.iter().find(|(script, _)| *script == name);
    let order = order.map(|&(_, order)| order);
    let (name, path) = (name.to_owned(), path.to_owned());
    let kind = order.map_or(String::new(), |order| format!("depends on order: {order}"));
    Trial::test(format!("{name}, {SEEDS} seeds"), move || {
        let mut failures = 0;
        for seed in 0..SEEDS {
            let schedule = Schedule::Seeded(seed);
            let text = schedule.to_string();
            match (run(&name, &path, schedule), order) {
                (Ok(()), _) => {}
                (Err(_), Some(_)) => failures += 1,
                (Err(error), None) => return Err(failed(error.context(text))),
            }
        }
        match (order, failures) {
            (Some(_), 0) => Err(Failed::from(
                "it passes under all schedules: take it off the list of what depends on order",
            )),
            _ => Ok(()),
        }
    })
    .with_kind(kind)
}

fn run(name: &str, path: &Path, schedule: Schedule) -> Result<()> {
    let engine = Engine::default();
    let text = std::fs::read_to_string(path)?;
    let mut runner = WastRunner::new(&engine);
    judge(name, runner.schedule(schedule).run_str(name, &text))
}

/// Whether a script fails where it may, and nowhere else.
fn judge(name: &str, report: Report) -> Result<()> {
    let wording = WORDING.iter().find(|(script, _)| *script == name);
    let wording = wording.map_or(&[][..], |(_, lines)| lines);
    let (worded, failures): (Vec<Failure>, Vec<_>) = report
        .failures
        .into_iter()
        .partition(|failure| wording.contains(&failure.line) && is_wording(failure));
    let lines: Vec<_> = worded.iter().map(|failure| failure.line).collect();
    ensure!(
        lines == wording,
        "of the lines {wording:?} only {lines:?} fail for their wording"
    );
    Report {
        passed: report.passed + worded.len(),
        failures,
    }
    .into_result()
}

/// Whether there was an error, and only not in the words expected.
fn is_wording(failure: &Failure) -> bool {
    failure.message.starts_with("expected an error with")
}
