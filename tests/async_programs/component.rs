//! The component that carries out every program: instances whose functions ask the host what to do, do
//! it, and tell what they found.
//!
//! There is one function for each way of lifting in each instance, and each instance can call those of
//! all later ones, in both ways of lowering. So the component is compiled once, and a program is what the
//! host answers.

use crate::program::Lift;
use crate::script::{Act, Ends};
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

/// What an export is called.
pub(crate) fn export(instance: usize, lift: Lift) -> String {
    let (_, name) = LIFTS[lift_number(lift)];
    format!("{name}{instance}")
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
const PLAIN: [(&str, &str, usize, bool); 20] = [
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
            (_, 0) => "",
            (_, 1) => "(local.get $x)",
            _ => "(local.get $x) (local.get $y)",
        },
        told: match name {
            "join" | "set-drop" | "call-drop" => "(local.get $x)",
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
        } => {
            let (instance, lift) = function(callee);
            let callee = instance * LIFTS.len() + lift_number(lift);
            pack(CALLS + 2 * callee as u64 + u64::from(is_async), thread, 0)
        }
        Act::Return => plain("return"),
        Act::Cancel => plain("cancel"),
        Act::NewSet => plain("set"),
        Act::Wait(set) => with("wait", set),
        Act::Poll(set) => with("poll", set),
        Act::DropSet(set) => with("set-drop", set),
        Act::Join(waitable, set) => pack(number("join"), waitable, set),
        Act::CancelSubtask(index, false) => with("cancel-call", index),
        Act::CancelSubtask(index, true) => with("cancel-call-async", index),
        Act::DropSubtask(index) => with("call-drop", index),
        Act::Leave(code) => pack(LEAVE, 0, code),
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
                "(export \"{name}{instance}\" (func $i{instance} \"{name}{instance}\"))"
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

/// One of the components that have functions.
fn component(instance: usize) -> String {
    let mut imports = String::new();
    let mut definitions = String::new();
    let mut given = String::new();
    let mut arms = String::new();
    let mut add = |name: &str, params: usize, result: &str| {
        let params = "i32 ".repeat(params);
        let result = if result.is_empty() {
            String::new()
        } else {
            format!("(result {result})")
        };
        imports += &format!("(import \"\" \"{name}\" (func ${name} (param {params}) {result}))\n");
        given += &format!("(export \"{name}\" (func ${name}))\n");
    };
    for ends in ALL_ENDS {
        let ty = type_name(ends);
        let (kind, element) = ty.split_once('-').expect("it has two parts");
        definitions += &format!("(type ${ty} ({kind} {element}))\n");
    }
    for (number, step) in steps().iter().enumerate() {
        definitions += &format!("(core func ${} (canon {}))\n", step.name, step.canon);
        add(&step.name, step.params, step.result);
        arms += &arm(number as u64, step);
    }
    let mut outer = String::new();
    for (later, (lift, name)) in later(instance) {
        let ty = if lift == Lift::Sync { "" } else { "async" };
        outer +=
            &format!("(import \"{name}{later}\" (func ${name}{later} {ty} (param \"n\" u32)))\n");
        for (suffix, options) in [("s", ""), ("a", "async")] {
            if lift == Lift::Sync && suffix == "a" {
                continue;
            }
            let core = format!("{name}{later}{suffix}");
            definitions +=
                &format!("(core func ${core} (canon lower (func ${name}{later}) {options}))\n");
            let is_async = suffix == "a";
            add(&core, 1, if is_async { "i32" } else { "" });
            let callee = later * LIFTS.len() + lift_number(lift);
            let number = CALLS + 2 * callee as u64 + u64::from(is_async);
            let call = format!("(call ${core} (local.get $x))");
            // A call that has returned is told of as `RETURNED`.
            let result = if is_async {
                call
            } else {
                format!("{call} (i32.const 2)")
            };
            arms += &format!(
                "(if (i32.eq (local.get $op) (i32.const {number})) (then
                    (local.set $a {result_of}) (br $again)))\n",
                result_of = block(&result),
            );
        }
    }
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
            (core module $libc (table (export "table") 1 funcref) (memory (export "memory") 1))
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
                ;; Steps until the host says to leave, and with which code.
                (func $steps (param $a i32) (param $b i32) (param $c i32) (result i32)
                    (local $answer i64) (local $op i32) (local $x i32) (local $y i32)
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
                    (local.get $y))
                (func $plain (export "plain") (param $n i32)
                    (call $put (local.get $n))
                    (drop (call $steps (i32.const 0) (i32.const 0) (i32.const 0))))
                (func (export "callback") (param $n i32) (result i32)
                    (call $put (local.get $n))
                    (call $steps (i32.const 0) (i32.const 0) (i32.const 0)))
                (func (export "called") (param i32 i32 i32) (result i32)
                    (call $steps (local.get 0) (local.get 1) (local.get 2))))
            (core instance $i (instantiate $m (with "" (instance
                (export "memory" (memory $libc "memory")) (export "table" (table $libc "table"))
                (export "next" (func $next)) (export "get" (func $get)) (export "put" (func $put))
                {given}))))
            {exports})"#
    )
}

/// An expression of several, the last of which is its value.
fn block(expressions: &str) -> String {
    format!("(block (result i32) {expressions})")
}

/// What is done when the host answers a step's number.
fn arm(number: u64, step: &Step) -> String {
    let call = format!("(call ${} {})", step.name, step.operands);
    let found = match (step.name.as_str(), step.result) {
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

/// A function that is lifted in one of the ways.
fn lifted(lift: Lift, name: &str, instance: usize) -> String {
    let (ty, core, options) = match lift {
        Lift::Sync => ("", "plain", ""),
        Lift::Exclusive => ("async", "plain", ""),
        Lift::Stackful => ("async", "plain", "async"),
        Lift::Callback => (
            "async",
            "callback",
            "async (callback (core func $i \"called\"))",
        ),
    };
    format!(
        "(func (export \"{name}{instance}\") {ty} (param \"n\" u32)
            (canon lift (core func $i \"{core}\") {options}))\n"
    )
}
