//! `threadline explore`: whether what a call gives depends on the schedule.

use crate::call::{Call, UnknownImports};
use crate::flags::ExploreArgs;
use crate::invocation::Invocation;
use crate::run::{Program, load};
use crate::timeline::Timeline;
use crate::write_stdout;
use anyhow::{Result, bail, ensure};
use std::fmt::{self, Write as _};
use std::process::ExitCode;
use threadline::{Engine, Schedule};

/// Runs the command.
///
/// # Errors
/// If the file can't be read or compiled, the call can't be made, or the program depends on more than
/// the schedule. Results that differ are no error but an exit status.
pub(crate) fn run(args: &ExploreArgs) -> Result<ExitCode> {
    let invocation = Invocation::parse(&args.invoke)?;
    let engine = Engine::new(&args.codegen.config())?;
    let Program::Component(component) = load(&engine, &args.file, args.precompiled)? else {
        bail!(
            "`{}` is a core module, which has no threads to schedule",
            args.file.display()
        );
    };
    let unknown = UnknownImports::of(&args.codegen);
    let call = Call::new(&engine, &component, Some(&invocation), unknown)?;
    let first = outcome(&call, Schedule::Fifo, None)?;
    for seed in 0..args.schedules {
        let schedule = Schedule::Seeded(seed);
        let other = outcome(&call, schedule.clone(), None)?;
        if other != first {
            return differs(args, &call, &first, &schedule, &other);
        }
    }
    let count = args.schedules;
    write_stdout(format!("{count} schedules, and first come, first served: {first}\n").as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// What a call gives.
#[derive(PartialEq, Eq)]
enum Outcome {
    /// The result as text.
    Result(String),
    /// The trap's text.
    Trap(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Result(result) if result.is_empty() => f.write_str("no result"),
            Outcome::Result(result) => f.write_str(result),
            Outcome::Trap(trap) => write!(f, "trap: {trap}"),
        }
    }
}

fn outcome(call: &Call<'_>, schedule: Schedule, timeline: Option<&Timeline>) -> Result<Outcome> {
    match call.make(schedule, timeline) {
        Ok(result) => Ok(Outcome::Result(result)),
        Err(error) => match threadline::find_trap(&error) {
            Some(trap) => Ok(Outcome::Trap(trap.to_string())),
            None => Err(error),
        },
    }
}

/// Tells of the first schedule under which something else happens, after having seen it again.
fn differs(
    args: &ExploreArgs,
    call: &Call<'_>,
    first: &Outcome,
    schedule: &Schedule,
    other: &Outcome,
) -> Result<ExitCode> {
    let timeline = Timeline::new();
    let again = outcome(call, schedule.clone(), Some(&timeline))?;
    ensure!(
        again == *other,
        "the program depends on more than its schedule: with `--schedule {schedule}` it gives \
         `{other}`, and then `{again}`"
    );
    let mut text = format!("fifo: {first}\n{schedule}: {other}\n");
    let file = args.file.display();
    let allow = match args.precompiled.allow_precompiled {
        true => " --allow-precompiled",
        false => "",
    };
    let quoted = args.invoke.replace('\'', r"'\''");
    writeln!(
        text,
        "To see it again: threadline run {file} --invoke '{quoted}' --schedule {schedule}{allow}{}",
        args.codegen.text()
    )?;
    if let Some(path) = &args.trace {
        timeline.write(path)?;
        writeln!(text, "Its time line: {}", path.display())?;
    }
    write_stdout(text.as_bytes())?;
    Ok(ExitCode::FAILURE)
}
