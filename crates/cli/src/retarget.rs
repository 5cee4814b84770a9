//! `threadline retarget`.

use crate::flags::RetargetArgs;
use crate::input;
use anyhow::{Context, Result};
use threadline_retarget::{Options, Report, StackGlobal, Wit};

/// Runs the command.
///
/// # Errors
/// If a file can't be read or written, or the module can't be retargeted or made a component.
pub(crate) fn run(args: &RetargetArgs) -> Result<()> {
    let module = input::read(&args.input)?;
    let options = Options {
        global: args.global.map_or(StackGlobal::Auto, StackGlobal::Index),
        keep_global: args.keep_global,
        ..Options::default()
    };
    let wit = match &args.wit {
        Some(path) => Wit::Path {
            path,
            world: args.world.as_deref(),
        },
        None => Wit::Embedded,
    };
    let component = threadline_retarget::retarget(&module, &options, &wit)
        .with_context(|| format!("`{}`", args.input.display()))?;
    std::fs::write(&args.output, component.bytes)
        .with_context(|| format!("can't write `{}`", args.output.display()))?;
    if let Some(report) = &component.report {
        tell(report);
    }
    Ok(())
}

/// Says what was done, on the standard error.
fn tell(report: &Report) {
    eprintln!(
        "global {} is now context slot 0: {} gets and {} sets rewritten",
        report.global, report.gets, report.sets
    );
    for warning in &report.warnings {
        eprintln!("warning: {warning}");
    }
}
