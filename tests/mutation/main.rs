//! Damages every binary and text we ship thousands of times: the host says what is wrong or
//! accepts it, and never panics, hangs or takes memory out of proportion.
//!
//! Two tests share the mutants, which are numbered and made from their number alone:
//!
//! - *compile* has this process compile them, one at a time, and watches the clock and the heap.
//! - *run* has a child process (this program again) instantiate those that compile and call what
//!   they export. A damaged loop may have no end, and nothing stops a guest from outside yet: so
//!   the child says which mutant it is at, and one that takes too long is killed with it, which is
//!   no failure. That the child dies otherwise is one.
//!
//! `THREADLINE_MUTATIONS=N` has N mutants made of each seed, without a limit of time.

#![allow(
    clippy::print_stdout,
    reason = "a test without the usual harness; the child talks to its parent"
)]

mod child;
mod compile;

use libtest_mimic::{Arguments, Failed, Trial};
use peak_alloc::PeakAlloc;
use std::process::ExitCode;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Mutants of each seed, unless the environment says otherwise.
const MUTANTS: usize = 24;

fn main() -> ExitCode {
    let plan = Plan::from_environment();
    if let Some(first) = child::first_mutant() {
        child::run_from(first, &plan);
        return ExitCode::SUCCESS;
    }
    let mut args = Arguments::from_args();
    // The heap is the process's, and so is measured for one test at a time.
    args.test_threads = Some(1);
    let trial = |name, test: fn(&Plan) -> anyhow::Result<()>| {
        let plan = plan.clone();
        Trial::test(name, move || {
            test(&plan).map_err(|error| Failed::from(format!("{error:#}")))
        })
    };
    let tests = vec![
        trial("compile", compile::all),
        trial("texts", compile::texts),
        trial("run", child::all),
    ];
    libtest_mimic::run(&args, tests).exit_code()
}

/// How much to do.
#[derive(Clone)]
struct Plan {
    /// Mutants of each seed.
    mutants: usize,
    /// Whether to stop when enough time has passed.
    limited: bool,
}

impl Plan {
    fn from_environment() -> Plan {
        let wanted = std::env::var("THREADLINE_MUTATIONS").ok();
        let wanted = wanted.map(|n| n.parse().expect("THREADLINE_MUTATIONS is a number"));
        Plan {
            mutants: wanted.unwrap_or(MUTANTS),
            limited: wanted.is_none(),
        }
    }
}
