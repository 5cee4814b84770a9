//! The `threadline` command.
//!
//! This file starts a command and turns what comes of it into an exit status: 0, 134 if a guest
//! trapped, 1 for any other error. The arguments are in `flags.rs`, each command in a file of
//! its name. Results go to the standard output, everything else to the standard error.

#![deny(unsafe_code)]

mod call;
mod compile;
mod explore;
mod flags;
mod input;
mod invocation;
mod objdump;
mod precompiled;
mod retarget;
mod run;
mod timeline;
mod wast;
mod wave;

use clap::{CommandFactory, Parser};
use flags::{Cli, Command};
use std::process::ExitCode;
use threadline::find_trap;

/// The status of a process that a trap ended: what a shell reports after `abort`.
const EXIT_TRAP: u8 = 134;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, and are no errors. If they can't be printed
            // there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    if let Err(error) = cli.command.check() {
        return report(&error);
    }
    let outcome = match cli.command {
        Command::Run(args) => run::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Explore(args) => explore::run(&args),
        Command::Compile(args) => compile::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Wast(args) => wast::run(&args),
        Command::Objdump(args) => objdump::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Retarget(args) => retarget::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Completions(args) => {
            let mut command = Cli::command();
            let mut script = Vec::new();
            clap_complete::generate(args.shell, &mut command, "threadline", &mut script);
            write_stdout(&script).map(|()| ExitCode::SUCCESS)
        }
    };
    outcome.unwrap_or_else(|error| report(&error))
}

/// Writes to the standard output. A reader that has gone away is no error.
fn write_stdout(bytes: &[u8]) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

/// Tells what went wrong, and with which status to exit.
fn report(error: &anyhow::Error) -> ExitCode {
    let Some(trap) = find_trap(error) else {
        eprintln!("error: {error:#}");
        return ExitCode::FAILURE;
    };
    eprintln!("error: {trap}");
    // What else is in the chain was put around the trap on its way: the backtrace.
    for cause in error
        .chain()
        .filter(|&cause| !std::ptr::addr_eq(cause, trap))
    {
        eprintln!("{cause}");
    }
    ExitCode::from(EXIT_TRAP)
}
