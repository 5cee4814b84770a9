//! `threadline wast`.

use crate::flags::WastArgs;
use crate::write_stdout;
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use threadline::Engine;
use threadline_wast::{Report, WastRunner};

/// Runs the command.
///
/// # Errors
/// If a path can't be searched, or there are no scripts. A directive that fails is no error but
/// an exit status.
pub(crate) fn run(args: &WastArgs) -> Result<ExitCode> {
    let mut scripts = Vec::new();
    for path in &args.paths {
        let before = scripts.len();
        collect(path, &mut scripts)?;
        ensure!(
            scripts.len() > before,
            "there are no .wast files in `{}`",
            path.display()
        );
    }
    let config = args.codegen.config_with(args.codegen.all_features());
    let engine = Engine::new(&config)?;
    let mut runner = WastRunner::new(&engine);
    runner
        .ignore_messages(args.ignore_messages)
        .schedule(args.schedule.clone());
    let mut report = Report::default();
    for script in &scripts {
        let of_script = runner.run_file(script);
        if !args.json {
            for failure in &of_script.failures {
                write_stdout(format!("{failure}\n").as_bytes())?;
            }
        }
        report.merge(of_script);
    }
    let summary = if args.json {
        to_json(&report)
    } else {
        format!("{} passed, {} failed", report.passed, report.failures.len())
    };
    write_stdout(format!("{summary}\n").as_bytes())?;
    Ok(if report.is_success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn to_json(report: &Report) -> String {
    let failures: Vec<_> = report
        .failures
        .iter()
        .map(|failure| {
            json!({
                "file": failure.file,
                "line": failure.line,
                "column": failure.column,
                "message": failure.message,
            })
        })
        .collect();
    json!({
        "passed": report.passed,
        "failed": failures.len(),
        "failures": failures,
    })
    .to_string()
}

/// Adds a file, or the `.wast` files under a folder in alphabetical order.
fn collect(path: &Path, scripts: &mut Vec<PathBuf>) -> Result<()> {
    let metadata =
        std::fs::metadata(path).with_context(|| format!("can't look at `{}`", path.display()))?;
    if metadata.is_file() {
        scripts.push(path.to_owned());
        return Ok(());
    }
    let mut entries = std::fs::read_dir(path)
        .and_then(|entries| {
            entries
                .map(|entry| Ok(entry?.path()))
                .collect::<std::io::Result<Vec<_>>>()
        })
        .with_context(|| format!("can't search `{}`", path.display()))?;
    entries.sort();
    for entry in entries {
        if entry.is_dir()
            || entry
                .extension()
                .is_some_and(|extension| extension == "wast")
        {
            collect(&entry, scripts)?;
        }
    }
    Ok(())
}
