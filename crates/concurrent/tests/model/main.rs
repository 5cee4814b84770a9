//! Random asynchronous programs give the same trace on the scheduler as on a naive interpreter that
//! is written from the text of the specification and shares no code with it.
//!
//! `THREADLINE_MODEL_PROGRAMS` says how many programs, `THREADLINE_MODEL_SEED` which is the first.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod machine;
mod model;
mod program;
mod script;
mod trace;

use std::collections::BTreeMap;

use threadline_concurrent::{Counts, Fifo, Replay, Schedule, Seeded};

use crate::program::Program;
use crate::trace::Entry;

/// How many schedules each program runs under, besides first come, first served.
const SCHEDULES: u64 = 3;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// Number 0 is first come, first served.
fn schedule(number: u64) -> Box<dyn Schedule> {
    match number {
        0 => Box::new(Fifo),
        seed => Box::new(Seeded::new(seed)),
    }
}

/// Runs a program and follows its trace.
fn run(program: &Program, number: u64) -> Result<Vec<Entry>, String> {
    let ran = machine::run(program, schedule(number));
    if ran.left != Counts::default() {
        return Err(format!("left over: {:?}", ran.left));
    }
    model::follow(program, number == 0, &ran.trace)?;
    Ok(ran.trace)
}

/// As [`run`], where a panic of the scheduler is a failure like any other.
fn fails(program: &Program, schedule: u64) -> Option<String> {
    let result = std::panic::catch_unwind(|| run(program, schedule).err());
    result.unwrap_or_else(|_| Some("it panicked".to_owned()))
}

#[test]
fn random_programs_run_as_the_specification_says() {
    let first = number("THREADLINE_MODEL_SEED", 0);
    let count = number("THREADLINE_MODEL_PROGRAMS", 600);
    let mut seen = BTreeMap::new();
    for seed in first..first + count {
        let program = program::generate(seed);
        for schedule in 0..=SCHEDULES {
            let schedule = if schedule == 0 {
                0
            } else {
                seed * 16 + schedule
            };
            if let Some(how) = fails(&program, schedule) {
                let small = program::shrink(&program, |smaller| fails(smaller, schedule).is_some());
                let trace = std::panic::catch_unwind(|| {
                    machine::run(&small, crate::schedule(schedule)).trace
                });
                panic!(
                    "program {seed} with schedule {schedule}: {how}\nsmallest: {small:?}\n{:?}\n{trace:?}",
                    fails(&small, schedule)
                );
            }
            for entry in run(&program, schedule).unwrap() {
                *seen.entry(kind(&entry)).or_insert(0) += 1;
            }
        }
    }
    for wanted in WANTED.into_iter().chain(program::MISUSES) {
        assert!(
            count < 500 || seen.contains_key(wanted),
            "no program has {wanted}: {seen:#?}"
        );
    }
}

/// What must have come up in some thousand runs, or the programs are no test of it.
const WANTED: [&str; 25] = [
    "Blocked",
    "To",
    "Copied",
    "Cancelled",
    "Callback 0",
    "Callback 1",
    "Callback 3",
    "Callback 6",
    "Event 1 2",
    "Event 1 3",
    "Event 1 4",
    "Event 2 0",
    "Event 2 2",
    "Event 3 0",
    "Event 3 1",
    "Event 4 0",
    "Event 5 1",
    "Passed parameter",
    "Passed result",
    "Resume Cancel",
    "Resume Sync",
    "Resume Tick",
    "CopyWithinInstance",
    "SyncTaskBlocked",
    "TaskNotResolved",
];

/// What kind of entry it is, to see that programs do everything there is to do.
fn kind(entry: &Entry) -> String {
    let name = format!("{entry:?}");
    let name = name.split('(').next().unwrap().to_owned();
    match entry {
        Entry::Trap(trap) => trap.clone(),
        Entry::Resume(_, why) => {
            format!("{name} {}", format!("{why:?}").split('(').next().unwrap())
        }
        Entry::Event(_, code, _, payload) => format!("{name} {code} {}", payload % 16),
        Entry::Callback(_, code, ..) => format!("{name} {code}"),
        Entry::Passed(_, what, ..) => format!("{name} {what}"),
        _ => name,
    }
}

#[test]
fn a_recording_is_replayed_exactly() {
    for seed in 0..300 {
        let program = program::generate(seed);
        for number in [0, seed + 1] {
            let first = machine::run(&program, schedule(number));
            let again = machine::run(&program, Box::new(Replay::new(first.recording.clone())));
            assert_eq!(first.trace, again.trace, "program {seed}");
            assert_eq!(first.script, again.script);
            assert_eq!(first.recording, again.recording);
        }
    }
}
