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

/// What programs are about.
#[derive(Clone, Copy, PartialEq)]
enum Flavour {
    /// Streams and futures, within instances and passed on.
    Streams,
    /// Calls: what would be done with streams is done with calls.
    Calls,
}

/// A program as guests can run it: functions of later numbers are in later instances, calls go to later
/// instances only, and the host waits for its calls. Where all contend in one
/// instance, they do so still, but for the last function.
fn adapt(program: &Program, flavour: Flavour) -> Program {
    let mut program = program.clone();
    let count = program.functions.len();
    let contend = flavour == Flavour::Streams && program.instances == 1 && count > 1;
    program.instances = if contend { 2 } else { INSTANCES.min(count) };
    for (number, function) in program.functions.iter_mut().enumerate() {
        function.instance = match contend {
            true => usize::from(number + 1 == count),
            false => number * program.instances / count,
        };
    }
    for list in 0..program.lists.len() {
        let ops = std::mem::take(&mut program.lists[list]);
        program.lists[list] = ops
            .into_iter()
            .filter_map(|op| fit(&program, flavour, list, op))
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
fn fit(program: &Program, flavour: Flavour, list: usize, op: Op) -> Option<Op> {
    let calls = flavour == Flavour::Calls;
    match op {
        Op::NewStream(_) | Op::NewFuture(_) if calls => call_later(program, list, (1, true, None)),
        Op::Read(selector, ..) if calls => Some(Op::Poll(selector)),
        Op::Write(..) | Op::Forward(..) if calls => Some(Op::Yield),
        Op::CancelCopy(selector, is_async) if calls => Some(Op::CancelSubtask(selector, is_async)),
        Op::DropEnd(selector) if calls => Some(Op::DropSubtask(selector)),
        Op::Call(selector, is_async, passed) => {
            call_later(program, list, (selector, is_async, passed))
        }
        other => Some(other),
    }
}

/// A call of a function that is in a later instance than that of the list's own function is: lists that
/// are run by threads of earlier ones call it as well. Only those of an async type can be called with
/// `async`.
fn call_later(
    program: &Program,
    list: usize,
    (selector, is_async, passed): (u8, bool, Option<u8>),
) -> Option<Op> {
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
            (callee.instance > own).then_some(Op::Call(selector, is_async, passed))
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
    let (of_machine, of_guests) = schedules(number);
    let ran = machine::run(program, of_machine);
    model::follow(program, number == 0, &ran.trace).map_err(|how| format!("model: {how}"))?;
    if ran.left != Counts::default() {
        return Err(format!("left over: {:?}", ran.left));
    }
    guests.follow(program, of_guests, &ran)?;
    Ok(ran.trace)
}

/// As [`run`], where a panic is a failure like any other.
fn attempt(guests: &Guests, program: &Program, number: u64) -> Result<Vec<Entry>, String> {
    let result = catch_unwind(AssertUnwindSafe(|| run(guests, program, number)));
    result.unwrap_or_else(|_| Err("it panicked".to_owned()))
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
        let generated = program::generate(seed);
        let flavour = [Flavour::Streams, Flavour::Calls][(seed / 3 % 2) as usize];
        let program = adapt(&generated, flavour);
        for schedule in 0..=SCHEDULES {
            let number = if schedule == 0 {
                0
            } else {
                seed * 16 + schedule
            };
            let how = match attempt(&guests, &program, number) {
                Ok(trace) => {
                    for entry in trace {
                        *seen.entry(kind(&entry)).or_insert(0_u64) += 1;
                    }
                    continue;
                }
                Err(how) => how,
            };
            let again = |p: &Program| attempt(&guests, &adapt(p, flavour), number).err();
            let small = program::shrink(&generated, |p| again(p).is_some());
            panic!(
                "program {seed} with schedule {number}: {how}\nsmallest: {:?}\n{:?}",
                adapt(&small, flavour),
                again(&small),
            );
        }
        count += 1;
    }
    println!(
        "{count} programs under {} schedules each: {seen:#?}",
        SCHEDULES + 1
    );
    for wanted in WANTED.into_iter().chain(program::MISUSES) {
        assert!(
            count < 1500 || seen.contains_key(wanted),
            "no program has {wanted}: {seen:#?}"
        );
    }
}

#[test]
fn a_difference_is_noticed() {
    let guests = Guests::new();
    let program = adapt(&program::generate(1), Flavour::Calls);
    let (of_machine, of_guests) = schedules(0);
    let mut ran = machine::run(&program, of_machine);
    assert_eq!(guests.follow(&program, of_guests.clone(), &ran), Ok(()));
    let last = ran.script.len() - 1;
    ran.script[last].found[2] ^= 1;
    let wrong = guests
        .follow(&program, of_guests.clone(), &ran)
        .unwrap_err();
    assert!(wrong.contains("asks, having found"), "{wrong}");
    ran.script[last].found[2] ^= 1;
    ran.script.push(ran.script[last]);
    let wrong = guests.follow(&program, of_guests, &ran).unwrap_err();
    assert!(wrong.contains("was not asked"), "{wrong}");
}

#[test]
fn an_end_that_arrives_elsewhere_is_noticed() {
    let guests = Guests::new();
    // A call has returned, with an end.
    let is_told = |found: [u32; 3]| found[0] == 2 && found[1] != 0;
    let (program, mut ran, at) = (0..)
        .find_map(|seed| {
            let program = adapt(&program::generate(seed), Flavour::Streams);
            let ran = machine::run(&program, schedules(0).0);
            let at = ran.script.iter().position(|asked| is_told(asked.found))?;
            let passed = |entry: &Entry| matches!(entry, Entry::Passed(_, "result", ..));
            ran.trace.iter().any(passed).then_some((program, ran, at))
        })
        .unwrap();
    let of_guests = schedules(0).1;
    assert_eq!(guests.follow(&program, of_guests.clone(), &ran), Ok(()));
    for part in [1, 2] {
        ran.script[at].found[part] += 1;
        let wrong = guests
            .follow(&program, of_guests.clone(), &ran)
            .unwrap_err();
        assert!(wrong.contains("asks, having found"), "{wrong}");
        ran.script[at].found[part] -= 1;
    }
}

/// What must have come up in some thousand runs, or the programs are no test of it.
const WANTED: [&str; 28] = [
    "Blocked",
    "To",
    "Cancelled",
    "Callback 0",
    "Callback 1",
    "Callback 3",
    "Callback 6",
    "Copied",
    "Event 0",
    "Event 1",
    "Event 2",
    "Event 3",
    "Event 4",
    "Event 5",
    "Passed parameter",
    "Passed result",
    "Resume Call",
    "Resume Cancel",
    "Resume Sync",
    "Resume Tick",
    "Did call",
    "Did cancel",
    "Did forward",
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
        Entry::Did(_, what, _) | Entry::Passed(_, what, ..) => format!("{name} {what}"),
        _ => name.to_owned(),
    }
}
