//! The component that carries out every program: instances whose functions ask the host what to do, do
//! it, and tell what they found.
//!
//! There is one function for each way of lifting in each instance, and each instance can call those of
//! all later ones, in both ways of lowering. So the component is compiled once, and a program is what the
//! host answers. The host calls the same functions by other names, and passes no ends.
//!
//! Readable ends go along with calls between guests, and with their results: none, or one of any type, which is
//! told as a number (`Ends::number`), and in the canonical ABI as the three discriminants of [`PASSED`].
//!
//! ```text
//!   memory     0  an event
//!             32  the result of a function that is lifted without `async`
//!             64  elements that are written
//!            128  elements that are read
//!           1024  for each call, by the number of its thread, 64 bytes:
//!                   0  the thread's number and what goes along
//!                  32  the result
//! ```

use crate::program::Lift;
use crate::script::{Act, Ends, Passed};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How many instances there are.
pub(crate) const INSTANCES: usize = 3;

/// The ways of lifting, and what functions that are lifted so are called.
const LIFTS: [(Lift, &str); 4] = [
    (Lift::Sync, "sync"),
    (Lift::Exclusive, "exclusive"),
    (Lift::Stackful, "stackful"),
    (Lift::Callback, "callback"),
];

/// What passes a readable end, or none, is a `$passed`.
const PASSED: &str = "
    (type $streams (result $stream-u8 (error $stream-bool)))
    (type $futures (result $future-u8 (error $future-bool)))
    (type $either (result $streams (error $futures)))
    (type $passed (option $either))";

/// What the host calls a function by.
pub(crate) fn export(instance: usize, lift: Lift) -> String {
    let (_, name) = LIFTS[lift_number(lift)];
    format!("host-{name}{instance}")
}

fn lift_number(lift: Lift) -> usize {
    let found = LIFTS.iter().position(|&(known, _)| known == lift);
    found.expect("all ways are listed")
}

/// A built-in that does one step: its name, how it is made, its core type, and with which operands it is called.
struct Step {
    name: String,
    canon: String,
    params: usize,
    result: &'static str,
    operands: &'static str,
    /// What is told afterwards, if it has no result.
    told: &'static str,
}

/// Built-ins without types: name, how they are made, how many parameters they have and whether a result.
const PLAIN: [(&str, &str, usize, bool); 21] = [
    ("yield", "thread.yield", 0, true),
    ("suspend", "thread.suspend", 0, true),
    (
        "new",
        "thread.new-indirect $body (core table $libc \"table\")",
        2,
        true,
    ),
    ("later", "thread.resume-later", 1, false),
    ("suspend-resume", "thread.suspend-then-resume", 1, true),
    ("yield-resume", "thread.yield-then-resume", 1, true),
    ("suspend-promote", "thread.suspend-then-promote", 1, true),
    ("yield-promote", "thread.yield-then-promote", 1, true),
    ("inc", "backpressure.inc", 0, false),
    ("dec", "backpressure.dec", 0, false),
    ("return", "task.return", 0, false),
    ("return-end", "task.return (result $passed)", 4, false),
    ("cancel", "task.cancel", 0, false),
    ("set", "waitable-set.new", 0, true),
    (
        "wait",
        "waitable-set.wait (memory (core memory $libc \"memory\"))",
        2,
        true,
    ),
    (
        "poll",
        "waitable-set.poll (memory (core memory $libc \"memory\"))",
        2,
        true,
    ),
    ("set-drop", "waitable-set.drop", 1, false),
    ("join", "waitable.join", 2, false),
    ("cancel-call", "subtask.cancel", 1, true),
    ("cancel-call-async", "subtask.cancel async", 1, true),
    ("call-drop", "subtask.drop", 1, false),
];

/// All steps, by the number that the host answers.
fn steps() -> Vec<Step> {
    let mut steps: Vec<Step> = PLAIN.iter().map(plain).collect();
    for ends in ALL_ENDS {
        steps.extend(steps_of(ends));
    }
    steps
}

fn plain(&(name, canon, params, has_result): &(&str, &str, usize, bool)) -> Step {
    Step {
        name: name.to_owned(),
        canon: canon.to_owned(),
        params,
        result: if has_result { "i32" } else { "" },
        operands: match (name, params) {
            // Where the event goes is not for the host to say.
            ("wait" | "poll", _) => "(local.get $x) (i32.const 0)",
            ("call-drop", _) => "(local.get $x)",
            ("return-end", _) => {
                "(i32.ne (local.get $x) (i32.const 0)) (call $is-future (local.get $x))
                 (call $is-bool (local.get $x)) (local.get $y)"
            }
            (_, 0) => "",
            (_, 1) => "(local.get $x)",
            _ => "(local.get $x) (local.get $y)",
        },
        told: match name {
            "join" | "set-drop" => "(local.get $x)",
            _ => "(i32.const 0)",
        },
    }
}

/// The types of streams and futures.
const ALL_ENDS: [Ends; 4] = [
    Ends {
        are_streams: true,
        of_numbers: true,
    },
    Ends {
        are_streams: true,
        of_numbers: false,
    },
    Ends {
        are_streams: false,
        of_numbers: true,
    },
    Ends {
        are_streams: false,
        of_numbers: false,
    },
];

/// What a type is called, as a part of names.
fn type_name(ends: Ends) -> String {
    let kind = if ends.are_streams { "stream" } else { "future" };
    let element = if ends.of_numbers { "u8" } else { "bool" };
    format!("{kind}-{element}")
}

fn step_name(ends: Ends, what: &str, reads: bool, is_async: bool) -> String {
    let side = if reads { "read" } else { "write" };
    let suffix = if is_async { "-async" } else { "" };
    format!("{}-{what}-{side}{suffix}", type_name(ends))
}

/// The built-ins of a type of streams or futures.
fn steps_of(ends: Ends) -> Vec<Step> {
    let kind = if ends.are_streams { "stream" } else { "future" };
    let ty = type_name(ends);
    let step = |name, canon, params, result, operands, told| Step {
        name,
        canon,
        params,
        result,
        operands,
        told,
    };
    let (x, y) = ("(local.get $x)", "(local.get $y)");
    let mut steps = vec![
        step(
            format!("{ty}-new"),
            format!("{kind}.new ${ty}"),
            0,
            "i64",
            "",
            "",
        ),
        step(
            format!("{ty}-forward"),
            format!("{kind}.forward ${ty}"),
            2,
            "",
            "(local.get $x) (local.get $y)",
            y,
        ),
    ];
    for reads in [true, false] {
        let (verb, side) = if reads {
            ("read", "readable")
        } else {
            ("write", "writable")
        };
        // Elements are read from 64, and written to 128.
        let (params, operands) = match (ends.are_streams, reads) {
            (true, true) => (3, "(local.get $x) (i32.const 128) (local.get $y)"),
            (true, false) => (3, "(local.get $x) (i32.const 64) (local.get $y)"),
            (false, true) => (2, "(local.get $x) (i32.const 128)"),
            (false, false) => (2, "(local.get $x) (i32.const 64)"),
        };
        let name = step_name(ends, "drop", reads, false);
        steps.push(step(name, format!("{kind}.drop-{side} ${ty}"), 1, "", x, x));
        for is_async in [false, true] {
            let async_ = if is_async { "async" } else { "" };
            let memory = "(memory (core memory $libc \"memory\"))";
            let copy = format!("{kind}.{verb} ${ty} {async_} {memory}");
            let name = step_name(ends, "copy", reads, is_async);
            steps.push(step(name, copy, params, "i32", operands, ""));
            let cancel = format!("{kind}.cancel-{verb} ${ty} {async_}");
            let name = step_name(ends, "cancel", reads, is_async);
            steps.push(step(name, cancel, 1, "i32", x, ""));
        }
    }
    steps
}

/// The answer by which a function ends.
const LEAVE: u64 = 255;
/// The first answer that is a call; then one for each function of each instance, sync and async.
const CALLS: u64 = 128;

/// Where the function of explicit threads is in the table.
const BODY: u32 = 0;

/// The numbers of steps, by name.
pub(crate) fn numbers() -> BTreeMap<String, u64> {
    steps().into_iter().map(|step| step.name).zip(0..).collect()
}

/// What the host answers a thread: the number of a step, and two operands. A function is given by its
/// instance and lift.
pub(crate) fn answer(
    act: Act,
    numbers: &BTreeMap<String, u64>,
    function: impl Fn(usize) -> (usize, Lift),
) -> u64 {
    let number = |name: &str| numbers[name];
    let pack = |number: u64, a: u32, b: u32| number | u64::from(a) << 8 | u64::from(b) << 32;
    let plain = |name: &str| pack(number(name), 0, 0);
    let with = |name: &str, operand| pack(number(name), operand, 0);
    let in_one = |passed| {
        let [kind, index] = Passed::told(passed);
        kind | index << 3
    };
    match act {
        Act::Yield => plain("yield"),
        Act::Suspend => plain("suspend"),
        Act::NewThread { number: thread } => pack(number("new"), BODY, thread),
        Act::ResumeLater(index) => with("later", index),
        Act::SuspendThenResume(index) => with("suspend-resume", index),
        Act::YieldThenResume(index) => with("yield-resume", index),
        Act::SuspendThenPromote(index) => with("suspend-promote", index),
        Act::YieldThenPromote(index) => with("yield-promote", index),
        Act::BackpressureInc => plain("inc"),
        Act::BackpressureDec => plain("dec"),
        Act::Call {
            function: callee,
            is_async,
            number: thread,
            passed,
        } => {
            let (instance, lift) = function(callee);
            let callee = instance * LIFTS.len() + lift_number(lift);
            let number = CALLS + 2 * callee as u64 + u64::from(is_async);
            pack(number, thread, in_one(passed))
        }
        Act::Return {
            to_guest: false, ..
        } => plain("return"),
        Act::Return {
            to_guest: true,
            passed,
        } => {
            let [kind, index] = Passed::told(passed);
            pack(number("return-end"), kind, index)
        }
        Act::Cancel => plain("cancel"),
        Act::NewSet => plain("set"),
        Act::Wait(set) => with("wait", set),
        Act::Poll(set) => with("poll", set),
        Act::DropSet(set) => with("set-drop", set),
        Act::Join(waitable, set) => pack(number("join"), waitable, set),
        Act::CancelSubtask(index, false) => with("cancel-call", index),
        Act::CancelSubtask(index, true) => with("cancel-call-async", index),
        Act::DropSubtask(index, thread) => pack(number("call-drop"), index, thread),
        Act::Leave { code, passed } => pack(LEAVE, in_one(passed), code),
        Act::NewEnds(ends) => plain(&format!("{}-new", type_name(ends))),
        Act::Copy {
            ends,
            reads,
            is_async,
            index,
            length,
        } => pack(
            number(&step_name(ends, "copy", reads, is_async)),
            index,
            length,
        ),
        Act::CancelCopy {
            ends,
            reads,
            is_async,
            index,
        } => with(&step_name(ends, "cancel", reads, is_async), index),
        Act::DropEnd { ends, reads, index } => with(&step_name(ends, "drop", reads, false), index),
        Act::Forward {
            ends,
            readable,
            writable,
        } => pack(
            number(&format!("{}-forward", type_name(ends))),
            readable,
            writable,
        ),
    }
}

/// The component's text.
pub(crate) fn text() -> String {
    let mut text = String::from(
        r#"(component
        (import "next" (func $next (param "thread" u32) (param "a" u32) (param "b" u32)
            (param "c" u32) (result u64)))"#,
    );
    for instance in 0..INSTANCES {
        text += &component(instance);
    }
    for instance in (0..INSTANCES).rev() {
        write!(
            text,
            "\n(instance $i{instance} (instantiate $c{instance} (with \"next\" (func $next))"
        )
        .expect("strings grow");
        for (later, (_, name)) in later(instance) {
            write!(
                text,
                "(with \"{name}{later}\" (func $i{later} \"{name}{later}\"))"
            )
            .expect("strings grow");
        }
        text += "))";
        for (_, name) in LIFTS {
            write!(
                text,
                "(export \"host-{name}{instance}\" (func $i{instance} \"host-{name}{instance}\"))"
            )
            .expect("strings grow");
        }
    }
    text + ")"
}

/// The functions that an instance can call.
fn later(instance: usize) -> impl Iterator<Item = (usize, (Lift, &'static str))> {
    (instance + 1..INSTANCES).flat_map(|later| LIFTS.map(|lift| (later, lift)))
}

/// What steps and calls add to a component.
#[derive(Default)]
struct Pieces {
    /// Types and imports of the component.
    outer: String,
    /// Built-ins and lowered functions.
    definitions: String,
    /// Imports of the core module.
    imports: String,
    /// What it is instantiated with.
    given: String,
    /// What is done for each answer of the host.
    arms: String,
}

impl Pieces {
    /// A core function that the module imports.
    fn add(&mut self, name: &str, params: usize, result: &str) {
        let params = "i32 ".repeat(params);
        let result = match result {
            "" => String::new(),
            result => format!("(result {result})"),
        };
        self.imports +=
            &format!("(import \"\" \"{name}\" (func ${name} (param {params}) {result}))\n");
        self.given += &format!("(export \"{name}\" (func ${name}))\n");
    }

    fn add_steps(&mut self) {
        for ends in ALL_ENDS {
            let ty = type_name(ends);
            let (kind, element) = ty.split_once('-').expect("it has two parts");
            self.outer += &format!("(type ${ty} ({kind} {element}))\n");
        }
        self.outer += PASSED;
        for (number, step) in steps().iter().enumerate() {
            self.definitions += &format!("(core func ${} (canon {}))\n", step.name, step.canon);
            self.add(&step.name, step.params, step.result);
            self.arms += &arm(number as u64, step);
        }
    }

    /// A function of a later instance, in both ways of lowering if it has both.
    fn add_callee(&mut self, later: usize, lift: Lift, name: &str) {
        let ty = if lift == Lift::Sync { "" } else { "async" };
        self.outer += &format!(
            "(import \"{name}{later}\" (func ${name}{later} {ty} (param \"n\" u32)
                (param \"end\" $passed) (result $passed)))\n"
        );
        for is_async in [false, true] {
            if lift == Lift::Sync && is_async {
                continue;
            }
            let (suffix, options) = if is_async { ("a", "async") } else { ("s", "") };
            let core = format!("{name}{later}{suffix}");
            self.definitions += &format!(
                "(core func ${core} (canon lower (func ${name}{later}) {options}
                    (memory (core memory $libc \"memory\"))))\n"
            );
            let params = if is_async { 2 } else { 6 };
            self.add(&core, params, if is_async { "i32" } else { "" });
            let callee = later * LIFTS.len() + lift_number(lift);
            let number = CALLS + 2 * callee as u64 + u64::from(is_async);
            // What has many parameters and is lowered with `async` has them in memory.
            let at = "(local.get $at)";
            let result = format!("(i32.add {at} (i32.const 32))");
            let params: String = [0, 4, 8, 12, 16]
                .map(|offset| format!("(i32.load offset={offset} {at})"))
                .concat();
            // A call that has returned is told of as `RETURNED`.
            let call = match is_async {
                true => format!("(local.set $a (call ${core} {at} {result}))"),
                false => format!("(call ${core} {params} {result}) (local.set $a (i32.const 2))"),
            };
            self.arms += &format!(
                "(if (i32.eq (local.get $op) (i32.const {number})) (then
                    (local.set $at (call $prepare (local.get $x) (local.get $y)))
                    {call}
                    (local.set $b (call $kind-at {result}))
                    (local.set $c (i32.load offset=44 {at}))
                    (br $again)))\n"
            );
        }
    }
}

/// One of the components that have functions.
fn component(instance: usize) -> String {
    let mut pieces = Pieces::default();
    pieces.add_steps();
    for (later, (lift, name)) in later(instance) {
        pieces.add_callee(later, lift, name);
    }
    let Pieces {
        outer,
        definitions,
        imports,
        given,
        arms,
    } = pieces;
    let exports: String = LIFTS
        .iter()
        .map(|&(lift, name)| lifted(lift, name, instance))
        .collect();
    format!(
        r#"
        (component $c{instance}
            (import "next" (func $next (param "thread" u32) (param "a" u32) (param "b" u32)
                (param "c" u32) (result u64)))
            {outer}
            (core module $libc (table (export "table") 1 funcref) (memory (export "memory") 16))
            (core instance $libc (instantiate $libc))
            (core type $body (func (param i32)))
            (core func $next (canon lower (func $next)))
            (core func $get (canon context.get i32 0))
            (core func $put (canon context.set i32 0))
            {definitions}
            (core module $m
                (import "" "memory" (memory 1))
                (import "" "table" (table 1 funcref))
                (import "" "next" (func $next (param i32 i32 i32 i32) (result i64)))
                (import "" "get" (func $get (result i32)))
                (import "" "put" (func $put (param i32)))
                {imports}
                (elem (i32.const {BODY}) $plain)
                {PASSING}
                ;; Steps until the host says to leave, and with which code.
                (func $steps (param $a i32) (param $b i32) (param $c i32) (result i32)
                    (local $answer i64) (local $op i32) (local $x i32) (local $y i32) (local $at i32)
                    (loop $again
                        (local.set $answer (call $next
                            (call $get) (local.get $a) (local.get $b) (local.get $c)))
                        (local.set $op (i32.and (i32.wrap_i64 (local.get $answer)) (i32.const 255)))
                        (local.set $x (i32.shr_u (i32.wrap_i64 (local.get $answer)) (i32.const 8)))
                        (local.set $y (i32.wrap_i64 (i64.shr_u (local.get $answer) (i64.const 32))))
                        (local.set $b (i32.const 0))
                        (local.set $c (i32.const 0))
                        {arms}
                        (if (i32.ne (local.get $op) (i32.const {LEAVE})) (then unreachable)))
                    (call $store-end (i32.const 32)
                        (i32.and (local.get $x) (i32.const 7))
                        (i32.shr_u (local.get $x) (i32.const 3)))
                    (local.get $y))
                (func $plain (export "plain") (param $n i32)
                    (call $put (local.get $n))
                    (drop (call $steps (i32.const 0) (i32.const 0) (i32.const 0))))
                (func (export "callback") (param $n i32) (result i32)
                    (call $put (local.get $n))
                    (call $steps (i32.const 0) (i32.const 0) (i32.const 0)))
                (func $passed (export "passed-callback") (param $n i32)
                    (param $some i32) (param $future i32) (param $bool i32) (param $end i32) (result i32)
                    (call $put (local.get $n))
                    (call $steps
                        (call $kind (local.get $some) (local.get $future) (local.get $bool))
                        (local.get $end) (i32.const 0)))
                (func (export "passed") (param i32 i32 i32 i32 i32)
                    (drop (call $passed (local.get 0) (local.get 1) (local.get 2) (local.get 3)
                        (local.get 4))))
                (func (export "passed-result") (param i32 i32 i32 i32 i32) (result i32)
                    (drop (call $passed (local.get 0) (local.get 1) (local.get 2) (local.get 3)
                        (local.get 4)))
                    (i32.const 32))
                (func (export "called") (param i32 i32 i32) (result i32)
                    (call $steps (local.get 0) (local.get 1) (local.get 2))))
            (core instance $i (instantiate $m (with "" (instance
                (export "memory" (memory $libc "memory")) (export "table" (table $libc "table"))
                (export "next" (func $next)) (export "get" (func $get)) (export "put" (func $put))
                {given}))))
            {exports})"#
    )
}

/// What is done when the host answers a step's number.
fn arm(number: u64, step: &Step) -> String {
    let call = format!("(call ${} {})", step.name, step.operands);
    let found = match (step.name.as_str(), step.result) {
        // What has come back with the call is where it was put then.
        ("call-drop", _) => format!(
            "{call}
             (local.set $at (call $place (local.get $y)))
             (local.set $a (local.get $x))
             (local.set $b (call $kind-at (i32.add (local.get $at) (i32.const 32))))
             (local.set $c (i32.load offset=44 (local.get $at)))"
        ),
        ("wait" | "poll", _) => format!(
            "(local.set $a {call})
             (local.set $b (i32.load (i32.const 0)))
             (local.set $c (i32.load (i32.const 4)))"
        ),
        (_, "i64") => format!(
            "(local.set $answer {call})
             (local.set $a (i32.wrap_i64 (local.get $answer)))
             (local.set $b (i32.wrap_i64 (i64.shr_u (local.get $answer) (i64.const 32))))"
        ),
        (_, "i32") => format!("(local.set $a {call})"),
        _ => format!("{call} (local.set $a {})", step.told),
    };
    format!("(if (i32.eq (local.get $op) (i32.const {number})) (then {found} (br $again)))\n")
}

/// How ends that are passed on are in memory and in parameters.
const PASSING: &str = r#"
    (func $is-future (param $kind i32) (result i32) (i32.gt_u (local.get $kind) (i32.const 2)))
    (func $is-bool (param $kind i32) (result i32)
        (i32.and (i32.sub (local.get $kind) (i32.const 1)) (i32.const 1)))
    (func $kind (param $some i32) (param $future i32) (param $bool i32) (result i32)
        (if (result i32) (local.get $some)
            (then (i32.add (i32.const 1)
                (i32.add (i32.shl (local.get $future) (i32.const 1)) (local.get $bool))))
            (else (i32.const 0))))
    (func $kind-at (param $at i32) (result i32)
        (call $kind (i32.load8_u (local.get $at)) (i32.load8_u offset=4 (local.get $at))
            (i32.load8_u offset=8 (local.get $at))))
    (func $store-end (param $at i32) (param $kind i32) (param $end i32)
        (i32.store (local.get $at) (i32.ne (local.get $kind) (i32.const 0)))
        (i32.store offset=4 (local.get $at) (call $is-future (local.get $kind)))
        (i32.store offset=8 (local.get $at) (call $is-bool (local.get $kind)))
        (i32.store offset=12 (local.get $at) (local.get $end)))
    ;; Where a call has its place.
    (func $place (param $thread i32) (result i32)
        (i32.add (i32.const 1024) (i32.shl (local.get $thread) (i32.const 6))))
    ;; What goes along is put there, and no result is there yet.
    (func $prepare (param $thread i32) (param $passed i32) (result i32)
        (local $at i32)
        (local.set $at (call $place (local.get $thread)))
        (i32.store (local.get $at) (local.get $thread))
        (call $store-end (i32.add (local.get $at) (i32.const 4))
            (i32.and (local.get $passed) (i32.const 7))
            (i32.shr_u (local.get $passed) (i32.const 3)))
        (i64.store offset=32 (local.get $at) (i64.const 0))
        (i64.store offset=40 (local.get $at) (i64.const 0))
        (local.get $at))"#;

/// A function that is lifted in one of the ways, for guests and for the host.
fn lifted(lift: Lift, name: &str, instance: usize) -> String {
    let memory = "(memory (core memory $libc \"memory\"))";
    let callback = "async (callback (core func $i \"called\"))";
    let (ty, core, options) = match lift {
        Lift::Sync => ("", "passed-result", memory),
        Lift::Exclusive => ("async", "passed-result", memory),
        Lift::Stackful => ("async", "passed", "async"),
        Lift::Callback => ("async", "passed-callback", callback),
    };
    let (host_core, host_options) = match lift {
        Lift::Sync | Lift::Exclusive => ("plain", ""),
        Lift::Stackful => ("plain", "async"),
        Lift::Callback => ("callback", callback),
    };
    format!(
        "(func (export \"{name}{instance}\") {ty} (param \"n\" u32) (param \"end\" $passed)
            (result $passed) (canon lift (core func $i \"{core}\") {options}))
        (func (export \"host-{name}{instance}\") {ty} (param \"n\" u32)
            (canon lift (core func $i \"{host_core}\") {host_options}))\n"
    )
}
