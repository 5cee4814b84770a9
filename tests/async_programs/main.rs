//! Random asynchronous programs, as components on the runtime.
//!
//! The programs, the scheduler's machine and the model that is written from the specification's text are
//! those of `crates/concurrent/tests/model`. A program first runs on the machine, under a schedule that is
//! recorded; the model must follow that run, so what its threads do, find and when is what the
//! specification says. Then real guests do the same, in the instances of a component (`component.rs`), under the
//! same schedule: whenever one asks what to do next, it must be the thread, and must have found, what the run
//! says; and calls must end in the same way, and all decisions be the same. What fails is made smaller.
//!
//! `THREADLINE_ASYNC_PROGRAMS` says how many programs (or for how many seconds, as `20s`),
//! `THREADLINE_ASYNC_SEED` which is the first.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod component;
mod guests;

#[path = "../../crates/concurrent/tests/model/machine.rs"]
mod machine;
#[path = "../../crates/concurrent/tests/model/model.rs"]
mod model;
#[path = "../../crates/concurrent/tests/model/program.rs"]
mod program;
#[path = "../../crates/concurrent/tests/model/script.rs"]
mod script;
#[path = "../../crates/concurrent/tests/model/trace.rs"]
mod trace;

use crate::component::INSTANCES;
use crate::guests::Guests;
use crate::program::{HostOp, Lift, Op, Program};
use crate::trace::Entry;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use threadline::Schedule;
use threadline_concurrent::{Counts, Fifo, Seeded};

/// How many schedules each program runs under, besides first come, first served.
const SCHEDULES: u64 = 3;

/// A program as guests can run it: functions of later numbers are in later instances, calls go to later
/// instances only, the host waits for its calls, and there are no streams.
fn adapt(program: &Program) -> Program {
    let mut program = program.clone();
    let count = program.functions.len();
    program.instances = INSTANCES.min(count);
    for (number, function) in program.functions.iter_mut().enumerate() {
        function.instance = number * program.instances / count;
    }
    for list in 0..program.lists.len() {
        let ops = std::mem::take(&mut program.lists[list]);
        program.lists[list] = ops
            .into_iter()
            .filter_map(|op| fit(&program, list, op))
            .collect();
    }
    for op in &mut program.host {
        if let HostOp::Call(function) = *op {
            *op = HostOp::Finish(function);
        }
    }
    program
}

/// A step of a list as guests can do it, if they can.
fn fit(program: &Program, list: usize, op: Op) -> Option<Op> {
    match op {
        Op::NewStream(_) | Op::NewFuture(_) => call_later(program, list, 1, true),
        Op::Read(selector, ..) => Some(Op::Poll(selector)),
        Op::Write(..) | Op::Forward(..) => Some(Op::Yield),
        Op::CancelCopy(selector, is_async) => Some(Op::CancelSubtask(selector, is_async)),
        Op::DropEnd(selector) => Some(Op::DropSubtask(selector)),
        Op::Call(selector, is_async, _) => call_later(program, list, selector, is_async),
        other => Some(other),
    }
}

/// A call of a function that is in a later instance than that of the list's own function is: lists that
/// are run by threads of earlier ones call it as well. Only those of an async type can be called with
/// `async`.
fn call_later(program: &Program, list: usize, selector: u8, is_async: bool) -> Option<Op> {
    let own = program
        .functions
        .iter()
        .rposition(|function| function.body <= list)?;
    let own = program.functions[own].instance;
    (0..=u8::MAX)
        .map(|more| selector.wrapping_add(more))
        .find_map(|selector| {
            let callee = program.callee(list, selector)?;
            let callee = &program.functions[callee];
            let is_async = is_async && callee.lift != Lift::Sync;
            (callee.instance > own).then_some(Op::Call(selector, is_async, None))
        })
}

/// Number 0 is first come, first served.
fn schedules(number: u64) -> (Box<dyn threadline_concurrent::Schedule>, Schedule) {
    match number {
        0 => (Box::new(Fifo), Schedule::Fifo),
        seed => (Box::new(Seeded::new(seed)), Schedule::Seeded(seed)),
    }
}

/// Runs a program on the machine, the model and guests: what the machine did.
fn run(guests: &Guests, program: &Program, number: u64) -> Result<Vec<Entry>, String> {
    let program = adapt(program);
    let (of_machine, of_guests) = schedules(number);
    let ran = machine::run(&program, of_machine);
    model::follow(&program, number == 0, &ran.trace).map_err(|how| format!("model: {how}"))?;
    if ran.left != Counts::default() {
        return Err(format!("left over: {:?}", ran.left));
    }
    guests.follow(&program, of_guests, &ran)?;
    Ok(ran.trace)
}

/// As [`run`], where a panic is a failure like any other.
fn fails(guests: &Guests, program: &Program, number: u64) -> Option<String> {
    let result = catch_unwind(AssertUnwindSafe(|| run(guests, program, number).err()));
    result.unwrap_or_else(|_| Some("it panicked".to_owned()))
}

/// How long to go on.
enum Effort {
    Programs(u64),
    Time(Duration),
}

fn effort() -> Effort {
    let text = std::env::var("THREADLINE_ASYNC_PROGRAMS").unwrap_or_else(|_| "20s".to_owned());
    match text.strip_suffix('s') {
        Some(seconds) => Effort::Time(Duration::from_secs(seconds.parse().unwrap())),
        None => Effort::Programs(text.parse().unwrap()),
    }
}

#[test]
fn guests_do_as_the_specification_says() {
    let first: u64 = std::env::var("THREADLINE_ASYNC_SEED").map_or(0, |text| text.parse().unwrap());
    let (begin, effort) = (Instant::now(), effort());
    let guests = Guests::new();
    let mut seen = BTreeMap::new();
    let mut count = 0;
    while match effort {
        Effort::Programs(programs) => count < programs,
        Effort::Time(time) => begin.elapsed() < time,
    } {
        let seed = first + count;
        let program = program::generate(seed);
        for schedule in 0..=SCHEDULES {
            let number = if schedule == 0 {
                0
            } else {
                seed * 16 + schedule
            };
            if let Some(how) = fails(&guests, &program, number) {
                let small = program::shrink(&program, |p| fails(&guests, p, number).is_some());
                panic!(
                    "program {seed} with schedule {number}: {how}\nsmallest: {:?}\n{:?}",
                    adapt(&small),
                    fails(&guests, &small, number),
                );
            }
            for entry in run(&guests, &program, number).unwrap() {
                *seen.entry(kind(&entry)).or_insert(0_u64) += 1;
            }
        }
        count += 1;
    }
    println!(
        "{count} programs under {} schedules each: {seen:#?}",
        SCHEDULES + 1
    );
    for wanted in WANTED {
        assert!(
            count < 500 || seen.contains_key(wanted),
            "no program has {wanted}: {seen:#?}"
        );
    }
}

/// What must have come up in some thousand runs, or the programs are no test of it.
const WANTED: [&str; 19] = [
    "Blocked",
    "To",
    "Cancelled",
    "Callback 0",
    "Callback 1",
    "Callback 6",
    "Event 0",
    "Event 1",
    "Resume Call",
    "Resume Cancel",
    "Resume Sync",
    "Resume Tick",
    "Did call",
    "Did cancel",
    "Did return",
    "Did thread",
    "Deadlock",
    "SyncTaskBlocked",
    "TaskNotResolved",
];

/// What kind of entry it is, to see that programs do everything there is to do.
fn kind(entry: &Entry) -> String {
    let name = format!("{entry:?}");
    let name = name.split('(').next().unwrap();
    match entry {
        Entry::Trap(trap) => trap.clone(),
        Entry::Resume(_, why) => {
            format!("{name} {}", format!("{why:?}").split('(').next().unwrap())
        }
        Entry::Event(_, code, ..) | Entry::Callback(_, code, ..) => format!("{name} {code}"),
        Entry::Did(_, what, _) => format!("{name} {what}"),
        _ => name.to_owned(),
    }
}
