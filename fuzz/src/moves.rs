//! Moves of guests: threads, calls, sets, streams and futures, with indices that are right, wrong or another's, at
//! any time.
//!
//! The guests are those of `tests/async_programs`, which ask the host what to do next. Here the host answers by the
//! input, not by a program. A thread's number says which instance it is of, so that most moves can be with what that
//! instance has: a guest that fails at once tries nothing.

#[allow(dead_code, reason = "moves need little of it")]
#[path = "../../tests/async_programs/component.rs"]
mod component;

use crate::program::Lift;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Moves at most, after which every thread leaves.
const MOVES: usize = 400;
/// The answer by which a function ends.
const LEAVE: u64 = 255;
/// The first answer that is a call.
const CALLS: u64 = 128;
/// Functions of each instance.
const FUNCTIONS: u64 = 4;
/// Numbers of threads of each instance: the guests have that much memory.
const THREADS: u32 = 4000;

/// The types of ends, in the order of their numbers from 1.
const END_TYPES: [&str; 4] = ["stream-u8", "stream-bool", "future-u8", "future-bool"];

/// The ways to lift functions, in the order of their numbers.
const LIFTS: [Lift; 4] = [Lift::Sync, Lift::Exclusive, Lift::Stackful, Lift::Callback];

/// The names of all steps, by number.
static STEPS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let by_number: BTreeMap<u64, String> = component::numbers()
        .into_iter()
        .map(|(name, number)| (number, name))
        .collect();
    by_number.into_values().collect()
});

/// The component of the guests, as text. It imports one function, `next`.
pub fn component() -> String {
    component::text()
}

/// The input, as far as it has not been used, and what guests have.
#[derive(Default)]
pub struct Moves {
    bytes: Vec<u8>,
    at: usize,
    moves: usize,
    instances: [Indices; component::INSTANCES],
    /// The step that each thread does.
    doing: BTreeMap<u32, u64>,
    /// The threads whose tasks are still to return by `task.return`, and whether that is to a guest.
    returning: BTreeMap<u32, bool>,
    threads: u32,
}

/// What an instance has in its tables, or had.
#[derive(Default)]
struct Indices {
    threads: Vec<u32>,
    sets: Vec<u32>,
    subtasks: Vec<u32>,
    /// Readable and writable ends, by the name of their type.
    ends: BTreeMap<String, [Vec<u32>; 2]>,
}

impl Moves {
    /// Moves from an input.
    pub fn new(bytes: &[u8]) -> Moves {
        Moves {
            bytes: bytes.to_vec(),
            ..Moves::default()
        }
    }

    /// The next byte, or 0 when there are no more.
    pub fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        byte
    }

    /// A number below `bound`, or 0 when there are no more bytes.
    pub fn below(&mut self, bound: u8) -> u8 {
        self.byte() % bound
    }

    /// Whether there are no more bytes.
    pub fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// The name of a function that guests export, and the number of the thread that is to carry it out.
    pub fn export(&mut self) -> (String, u32) {
        let choice = self.byte();
        let lift = LIFTS[usize::from(choice % 4)];
        let instance = usize::from(choice / 4) % component::INSTANCES;
        let thread = self.new_thread(instance);
        self.expect_return(thread, lift, false);
        (component::export(instance, lift), thread)
    }

    fn expect_return(&mut self, thread: u32, lift: Lift, is_to_guest: bool) {
        if matches!(lift, Lift::Stackful | Lift::Callback) {
            self.returning.insert(thread, is_to_guest);
        }
    }

    /// What a guest's thread is to do that has found something.
    pub fn next(&mut self, thread: u32, found: [u32; 3]) -> u64 {
        let instance = (thread / THREADS) as usize % component::INSTANCES;
        if let Some(step) = self.doing.remove(&thread) {
            self.instances[instance].learn(step, found);
        }
        self.moves += 1;
        if self.is_empty() || self.moves > MOVES {
            return LEAVE;
        }
        let kind = self.byte();
        let (number, x, y) = match kind {
            0..=15 => self.leave(instance, thread),
            16..=23 => self.return_(instance, thread),
            24..=79 => self.call(instance),
            80..=95 => self.plain("yield"),
            96..=111 => self.plain("set"),
            112..=127 => {
                let number = self.new_thread(instance);
                let (step, ..) = self.plain("new");
                (step, 0, number)
            }
            _ => {
                let step = usize::from(self.byte()) % STEPS.len();
                self.step(instance, step)
            }
        };
        self.doing.insert(thread, number);
        number | u64::from(x & 0xFF_FFFF) << 8 | u64::from(y) << 32
    }

    fn plain(&mut self, name: &str) -> (u64, u32, u32) {
        let step = STEPS.iter().position(|step| step == name).unwrap();
        (step as u64, 0, 0)
    }

    /// A step, or the one that makes what it needs.
    fn step(&mut self, instance: usize, step: usize) -> (u64, u32, u32) {
        let name = &*STEPS[step];
        let of = &self.instances[instance];
        let needed = match name {
            "later" | "suspend-resume" | "yield-resume" | "suspend-promote" | "yield-promote"
                if of.threads.is_empty() =>
            {
                "new"
            }
            "wait" | "poll" | "set-drop" | "join" if of.sets.is_empty() => "set",
            _ => match end_type(name) {
                Some(ty) if !of.ends.contains_key(ty) => &format!("{ty}-new"),
                _ => name,
            },
        };
        if needed != name && self.below(8) != 0 {
            let y = if needed == "new" {
                self.new_thread(instance)
            } else {
                0
            };
            let (step, ..) = self.plain(needed);
            return (step, 0, y);
        }
        let (x, y) = self.operands(instance, name);
        (step as u64, x, y)
    }

    /// The task of a thread returns.
    fn return_(&mut self, instance: usize, thread: u32) -> (u64, u32, u32) {
        match self.returning.remove(&thread) {
            Some(true) => {
                let (step, ..) = self.plain("return-end");
                let (x, y) = self.operands(instance, "return-end");
                (step, x, y)
            }
            Some(false) => self.plain("return"),
            None if self.below(16) == 0 => self.plain("return"),
            None => self.plain("yield"),
        }
    }

    fn new_thread(&mut self, instance: usize) -> u32 {
        self.threads += 1;
        instance as u32 * THREADS + self.threads % THREADS
    }

    /// A call of a later instance, with an end or none.
    fn call(&mut self, instance: usize) -> (u64, u32, u32) {
        let choice = u64::from(self.byte());
        // Nobody calls from the last one; a number without meaning ends in a trap.
        if instance + 1 == component::INSTANCES && !choice.is_multiple_of(16) {
            return self.plain("yield");
        }
        let later = component::INSTANCES - instance - 1;
        let callee = instance + 1 + choice as usize % 2 % later.max(1);
        let callee = callee % component::INSTANCES;
        let function = callee as u64 * FUNCTIONS + choice / 2 % FUNCTIONS;
        let lift = LIFTS[(function % FUNCTIONS) as usize];
        let is_async = lift != Lift::Sync && choice / 16 % 2 == 1;
        let number = CALLS + 2 * function + u64::from(is_async);
        let thread = self.new_thread(callee);
        self.expect_return(thread, lift, true);
        (number, thread, self.passed(instance))
    }

    /// The end of a function: what goes along, and what a callback says.
    fn leave(&mut self, instance: usize, thread: u32) -> (u64, u32, u32) {
        if self.returning.contains_key(&thread) && self.below(8) != 0 {
            return self.return_(instance, thread);
        }
        let code = match self.below(8) {
            0..=3 => 0,
            4 | 5 => 1,
            6 => 2 | self.any(instance, |of| &of.sets) << 4,
            _ => self.operand(),
        };
        (LEAVE, self.passed(instance), code)
    }

    /// An end that goes along, or none: the number of its type, and its index.
    fn passed(&mut self, instance: usize) -> u32 {
        let ty = u32::from(self.below(10));
        match END_TYPES.get((ty as usize).wrapping_sub(1)) {
            Some(name) => ty | self.end(instance, name, 0) << 3,
            None => 0,
        }
    }

    fn operands(&mut self, instance: usize, step: &str) -> (u32, u32) {
        match step {
            "later" | "suspend-resume" | "yield-resume" | "suspend-promote" | "yield-promote" => {
                (self.any(instance, |of| &of.threads), 0)
            }
            "wait" | "poll" | "set-drop" => (self.any(instance, |of| &of.sets), 0),
            "cancel-call" | "cancel-call-async" | "call-drop" => {
                (self.any(instance, |of| &of.subtasks), 1)
            }
            "join" => {
                let waitable = match self.below(3) {
                    0 => self.any(instance, |of| &of.subtasks),
                    side => self.end(instance, "stream-u8", usize::from(side) - 1),
                };
                (waitable, self.any(instance, |of| &of.sets))
            }
            "return-end" => {
                let passed = self.passed(instance);
                (passed & 7, passed >> 3)
            }
            step => {
                let ty = end_type(step).unwrap_or_default();
                let x = self.end(instance, ty, usize::from(step.contains("write")));
                let y = match step.ends_with("forward") {
                    true => self.end(instance, ty, 1),
                    false => self.operand(),
                };
                (x, y)
            }
        }
    }

    /// An index of a kind that an instance has had, or any.
    fn any(&mut self, instance: usize, kind: impl Fn(&Indices) -> &Vec<u32>) -> u32 {
        let choice = self.byte();
        let known = kind(&self.instances[instance]);
        match usize::from(choice).checked_rem(known.len()) {
            Some(back) if choice < 250 => known[known.len() - 1 - back],
            _ => self.operand(),
        }
    }

    fn end(&mut self, instance: usize, ty: &str, side: usize) -> u32 {
        static NONE: Vec<u32> = Vec::new();
        self.any(instance, |of| {
            of.ends.get(ty).map_or(&NONE, |ends| &ends[side])
        })
    }

    fn operand(&mut self) -> u32 {
        let kind = self.byte();
        match kind {
            0..=220 => u32::from(kind % 8),
            221..=240 => u32::from(self.byte()),
            _ => u32::MAX >> (kind % 32),
        }
    }
}

/// The type of ends that a step is about, if it needs one.
fn end_type(step: &str) -> Option<&'static str> {
    let found = END_TYPES.into_iter().find(|ty| step.starts_with(ty));
    found.filter(|_| !step.ends_with("-new"))
}

impl Indices {
    /// What came of a step.
    fn learn(&mut self, step: u64, [a, b, c]: [u32; 3]) {
        if (CALLS..LEAVE).contains(&step) {
            // A subtask, or a call that has returned with an end.
            match a >> 4 {
                0 => self.learn_passed(b, c),
                subtask => self.subtasks.push(subtask),
            }
            return;
        }
        match STEPS.get(step as usize).map_or("", String::as_str) {
            "new" => self.threads.push(a),
            "set" => self.sets.push(a),
            "call-drop" => self.learn_passed(b, c),
            step => {
                if let Some(ty) = step.strip_suffix("-new") {
                    let [readable, writable] = self.ends.entry(ty.to_owned()).or_default();
                    readable.push(a);
                    writable.push(b);
                }
            }
        }
    }

    fn learn_passed(&mut self, kind: u32, index: u32) {
        if let Some(ty) = END_TYPES.get((kind as usize).wrapping_sub(1)) {
            let [readable, _] = self.ends.entry((*ty).to_owned()).or_default();
            readable.push(index);
        }
    }
}
