//! Runs the reference tests of the component model, one test for each file.
//!
//! They are in the sources of the package `wasm-tools`, which is a dependency for no platform:
//! cargo fetches and unpacks it, tells where, and compiles nothing of it.
//!
//! A directive may fail in two ways only: with a message of the parser or validator that is worded
//! in another way ([`WORDING`]), and because what it needs is not built and refused by name
//! ([`TO_COME`]). What is listed there must fail so.

mod locate;

use anyhow::{Result, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};
use threadline::Engine;
use threadline_wast::{Failure, Report, WastRunner};

/// The folders that are run.
const FOLDERS: [&str; 5] = ["binary", "linking", "resources", "validation", "values"];

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

/// Scripts that need what is not built.
const TO_COME: &[&str] = &[
    // Asynchronous functions.
    "binary/binary.wast",
    "validation/indicies.wast",
    "values/post-return.wast",
    "values/variants.wast",
];

fn main() -> Result<()> {
    let args = Arguments::from_args();
    let suite = locate::suite()?;
    let mut tests = Vec::new();
    for folder in FOLDERS {
        let scripts = scripts(&suite.join(folder))?;
        ensure!(!scripts.is_empty(), "no scripts in `{folder}`");
        for path in scripts {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            let name = format!("{folder}/{file}");
            tests.push(Trial::test(name.clone(), move || {
                run(&name, &path).map_err(|error| Failed::from(format!("{error:#}")))
            }));
        }
    }
    let names = WORDING.iter().map(|(name, _)| name).chain(TO_COME);
    for name in names {
        let known = tests.iter().any(|test| test.name() == *name);
        ensure!(known, "`{name}` is no script");
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

fn run(name: &str, path: &Path) -> Result<()> {
    let engine = Engine::default();
    let text = std::fs::read_to_string(path)?;
    judge(name, WastRunner::new(&engine).run_str(name, &text))
}

/// Whether a script fails where it may, and nowhere else.
fn judge(name: &str, report: Report) -> Result<()> {
    let wording = WORDING.iter().find(|(script, _)| *script == name);
    let wording = wording.map_or(&[][..], |(_, lines)| lines);
    let (worded, others): (Vec<Failure>, Vec<_>) = report
        .failures
        .into_iter()
        .partition(|failure| wording.contains(&failure.line) && is_wording(failure));
    let lines: Vec<_> = worded.iter().map(|failure| failure.line).collect();
    ensure!(
        lines == wording,
        "of the lines {wording:?} only {lines:?} fail for their wording"
    );
    let (to_come, failures): (Vec<_>, Vec<_>) = others
        .into_iter()
        .partition(|failure| TO_COME.contains(&name) && is_to_come(failure));
    ensure!(
        to_come.is_empty() != TO_COME.contains(&name),
        "nothing is refused: take it off the list of what needs what is not built"
    );
    Report {
        passed: report.passed + worded.len() + to_come.len(),
        failures,
    }
    .into_result()
}

/// Whether there was an error, and only not in the words expected.
fn is_wording(failure: &Failure) -> bool {
    failure.message.starts_with("expected an error with")
}

/// Whether something was refused by name.
fn is_to_come(failure: &Failure) -> bool {
    failure.message.contains("is not supported yet")
}
