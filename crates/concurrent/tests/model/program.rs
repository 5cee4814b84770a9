//! Random asynchronous programs: what there is to do, how programs are made up, and how one that
//! fails is made smaller.

/// What a program can do at a step. A `u8` selects among what fits at the time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Op {
    Yield,
    Suspend,
    NewThread(u8),
    ResumeLater(u8),
    SuspendThenResume(u8),
    YieldThenResume(u8),
    SuspendThenPromote(u8),
    YieldThenPromote(u8),
    BackpressureInc,
    BackpressureDec,
    /// Which function, whether `async`, and which readable end goes with it.
    Call(u8, bool, Option<u8>),
    /// And which readable end goes with it, if a guest has called.
    Return(Option<u8>),
    Cancel,
    NewSet,
    Wait(u8),
    Poll(u8),
    DropSet(u8),
    Join(u8, Option<u8>),
    CancelSubtask(u8, bool),
    DropSubtask(u8),
    NewStream(bool),
    NewFuture(bool),
    Read(u8, u8, bool),
    Write(u8, u8, bool),
    CancelCopy(u8, bool),
    DropEnd(u8),
    Forward(u8, u8),
    /// What traps always, if there is what it needs.
    Wrong(Wrong, u8),
}

/// What a guest may not do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wrong {
    /// It gives a built-in, which the number selects, a handle of another kind, or that it doesn't have.
    Handle(u8),
    /// A waitable joins what is no set.
    Join,
    /// A task returns that has, or that returns by its core function's end.
    Return,
    /// A task is cancelled that was not asked to be.
    Cancel,
    BackpressureDec,
}

/// What comes of misuse, each of which must come up in some thousand runs.
pub(crate) const MISUSES: [&str; 7] = [
    "UnknownHandle",
    "WrongHandleType",
    "TaskNotAsync",
    "TaskReturnedTwice",
    "TaskNotCancelled",
    "BackpressureUnderflow",
    "UnsupportedCallbackCode",
];

/// How a function is typed and lifted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lift {
    /// The type isn't `async`.
    Sync,
    /// The type is `async`, the lift is not.
    Exclusive,
    Stackful,
    Callback,
}

/// What a callback's function returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Code {
    Yield,
    Wait(u8),
    /// A code that there isn't, or a set that isn't one.
    Wrong(u8),
}

#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) instance: usize,
    pub(crate) lift: Lift,
    /// Which list of steps it runs.
    pub(crate) body: usize,
    /// What it returns between its callbacks, which run the lists after its body.
    pub(crate) codes: Vec<Code>,
    /// Whether it returns a value before it ends, if it hasn't.
    pub(crate) returns: bool,
    /// Which readable end goes with that.
    pub(crate) passes: Option<u8>,
}

/// What the host does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HostOp {
    Call(u8),
    /// A call, and the event loop until it is resolved.
    Finish(u8),
    Tick,
}

#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) instances: usize,
    pub(crate) functions: Vec<Function>,
    pub(crate) lists: Vec<Vec<Op>>,
    pub(crate) host: Vec<HostOp>,
}

/// How many lists a function has: its body and what its callbacks do.
const LISTS_OF_FUNCTION: usize = 3;

impl Program {
    /// The list that a callback runs, the `n`-th time.
    pub(crate) fn callback_list(&self, function: usize, n: usize) -> usize {
        self.functions[function].body + 1 + n % (LISTS_OF_FUNCTION - 1)
    }

    /// The function that a step calls from a list: one whose lists come later, so calls end.
    pub(crate) fn callee(&self, list: usize, selector: u8) -> Option<usize> {
        let first = list / LISTS_OF_FUNCTION + 1;
        let count = self.functions.len().checked_sub(first)?;
        (count > 0).then(|| first + usize::from(selector) % count)
    }

    /// The list that a new thread runs: a later one.
    pub(crate) fn thread_list(&self, list: usize, selector: u8) -> Option<usize> {
        let count = self.lists.len() - list - 1;
        (count > 0).then(|| list + 1 + usize::from(selector) % count)
    }
}

/// Selects the last of what fits.
pub(crate) const LAST: u8 = 249;

/// Pseudo-random numbers: xorshift.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % n as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        self.below(256) as u8
    }

    fn is(&mut self) -> bool {
        self.below(2) == 1
    }
}

/// A program of this seed. Every third one is of one instance whose tasks contend for few sets. In every fourth
/// one a guest does what it may not.
pub(crate) fn generate(seed: u64) -> Program {
    let random = &mut Random::new(seed + 1);
    let mut program = match seed.is_multiple_of(3) {
        true => contention(random),
        false => various(random),
    };
    if random.below(4) == 0 {
        spoil(&mut program, random);
    }
    program
}

/// Adds something that traps.
fn spoil(program: &mut Program, random: &mut Random) {
    let (a, b) = (random.byte(), random.byte());
    let callbacks: Vec<usize> = (0..program.functions.len())
        .filter(|&function| program.functions[function].lift == Lift::Callback)
        .collect();
    let wrong = match random.below(12) {
        0 => Wrong::Join,
        1 | 2 => Wrong::Return,
        3 => Wrong::Cancel,
        4 => Wrong::BackpressureDec,
        5 | 6 if !callbacks.is_empty() => {
            let function = callbacks[usize::from(b) % callbacks.len()];
            program.functions[function].codes.push(Code::Wrong(a));
            return;
        }
        _ => Wrong::Handle(b),
    };
    let list = random.below(program.lists.len());
    let list = &mut program.lists[list];
    let at = random.below(list.len() + 1);
    list.insert(at, Op::Wrong(wrong, a));
    if wrong == Wrong::Return && b.is_multiple_of(2) {
        list.insert(at, Op::Return(None));
    }
}

fn various(random: &mut Random) -> Program {
    let instances = 1 + random.below(3);
    let functions: Vec<Function> = (0..1 + random.below(5))
        .map(|number| Function {
            instance: random.below(instances),
            lift: [
                Lift::Sync,
                Lift::Exclusive,
                Lift::Stackful,
                Lift::Stackful,
                Lift::Stackful,
                Lift::Callback,
                Lift::Callback,
                Lift::Callback,
            ][random.below(8)],
            body: number * LISTS_OF_FUNCTION,
            codes: (0..random.below(4)).map(|_| code(random)).collect(),
            returns: random.below(24) != 0,
            passes: passed(random),
        })
        .collect();
    // Each program likes some steps better than others.
    let favourites: Vec<usize> = (0..3).map(|_| random.below(KINDS)).collect();
    let lists = (0..functions.len() * LISTS_OF_FUNCTION + 2)
        .map(|_| {
            let mut list = Vec::new();
            match random.below(4) {
                0 => list.push(Op::Cancel),
                1 => list.push(Op::NewSet),
                _ => {}
            }
            for _ in 0..random.below(9) {
                match random.below(6) {
                    0 => list.push(op(favourites[random.below(3)], random)),
                    1 | 2 => idiom(&mut list, random),
                    _ => list.push(op(random.below(KINDS), random)),
                }
            }
            list
        })
        .collect();
    let called: Vec<u8> = (0..2).map(|_| random.byte()).collect();
    let mut host: Vec<HostOp> = (0..2 + random.below(9))
        .map(|_| match random.below(3) != 0 {
            true => HostOp::Call(called[random.below(2)]),
            false => HostOp::Tick,
        })
        .collect();
    if random.below(4) == 0 {
        host.push(HostOp::Finish(called[0]));
    }
    Program {
        instances,
        functions,
        lists,
        host,
    }
}

/// Callbacks and threads that wait for the same sets, the lock and entry, and others that take
/// events away, join and cancel.
fn contention(random: &mut Random) -> Program {
    let functions: Vec<Function> = (0..5)
        .map(|number| Function {
            instance: 0,
            lift: match (number, random.below(4)) {
                (0, _) => Lift::Stackful,
                (_, 0) => Lift::Stackful,
                (_, 1) => Lift::Exclusive,
                _ => Lift::Callback,
            },
            body: number * LISTS_OF_FUNCTION,
            codes: (0..1 + random.below(3))
                .map(|_| match random.below(4) {
                    0 => Code::Yield,
                    _ => Code::Wait(random.byte()),
                })
                .collect(),
            returns: true,
            passes: passed(random),
        })
        .collect();
    let mut lists: Vec<Vec<Op>> = (0..functions.len() * LISTS_OF_FUNCTION + 2)
        .map(|_| (0..random.below(5)).map(|_| contend(random)).collect())
        .collect();
    // The first function makes the sets, and streams that give them events.
    let mut first = vec![Op::NewSet];
    for _ in 0..1 + random.below(3) {
        first.extend([
            Op::NewStream(true),
            Op::Write(LAST, 2, true),
            Op::Join(LAST, Some(0)),
        ]);
    }
    if random.is() {
        first.push(Op::NewSet);
    }
    first.append(&mut lists[0]);
    lists[0] = first;
    let mut host = vec![HostOp::Call(0)];
    for _ in 0..4 + random.below(10) {
        host.push(match random.below(4) {
            0 => HostOp::Tick,
            _ => HostOp::Call(random.byte()),
        });
    }
    Program {
        instances: 1,
        functions,
        lists,
        host,
    }
}

/// A readable end that goes with a result, more often than not.
fn passed(random: &mut Random) -> Option<u8> {
    match random.below(8) {
        0 => None,
        1 | 2 => Some(LAST),
        _ => Some(random.byte()),
    }
}

fn contend(random: &mut Random) -> Op {
    let (a, b, flag) = (random.byte(), random.byte(), random.is());
    match random.below(16) {
        0 | 1 => Op::Yield,
        2 | 3 => Op::Poll(a),
        4 | 5 => Op::Wait(a),
        6 | 7 => Op::Read(a, 1, true),
        8 | 9 => Op::Write(a, 1, true),
        10 | 11 => Op::Join(a, Some(b)),
        12 => Op::Call(a, true, None),
        13 => Op::CancelSubtask(a, flag),
        14 if flag => Op::BackpressureInc,
        14 => Op::BackpressureDec,
        _ => Op::Cancel,
    }
}

fn code(random: &mut Random) -> Code {
    match random.is() {
        true => Code::Yield,
        false => Code::Wait(random.byte()),
    }
}

/// Steps that belong together: alone they seldom meet what they are for.
fn idiom(list: &mut Vec<Op>, random: &mut Random) {
    let (a, length, flag) = (random.byte(), random.below(4) as u8, random.below(3) != 0);
    // The last handle made is often meant.
    let last = LAST;
    let waits_for_last = [Op::NewSet, Op::Join(last, Some(last)), Op::Wait(last)];
    let joins_last = [Op::Join(last, Some(a))];
    let steps: &[Op] = match random.below(21) {
        0 => &[Op::NewStream(true), Op::Write(a, length, true)],
        1 => &waits_for_last,
        2 => {
            list.push(Op::Call(a, true, Some(a)));
            &waits_for_last
        }
        3 => &[Op::Call(a, true, None), Op::CancelSubtask(last, flag)],
        4 => &[Op::NewThread(a), Op::ResumeLater(a), Op::Yield],
        5 => &[Op::NewThread(a), Op::SuspendThenResume(a)],
        6 => &[Op::BackpressureInc, Op::Yield, Op::BackpressureDec],
        7 => &[
            Op::NewFuture(true),
            Op::Call(a, true, Some(last)),
            Op::Write(a, 1, flag),
        ],
        8 => {
            list.extend([Op::NewStream(true), Op::Read(last, length, true)]);
            &waits_for_last
        }
        9 => &[
            Op::NewStream(flag),
            Op::Call(a, true, Some(a)),
            Op::Write(last, length, flag),
        ],
        10 => &[
            Op::NewStream(true),
            Op::Write(last, length, true),
            Op::NewStream(true),
            Op::Read(last, length, true),
            Op::Forward(a, a),
        ],
        11 => &[
            Op::Read(a, length, true),
            Op::Write(a, 3, true),
            Op::Poll(a),
        ],
        12 | 13 => {
            list.extend([Op::NewStream(true), Op::Write(last, length, true)]);
            &joins_last
        }
        14 => {
            list.push(Op::Call(a, true, None));
            &joins_last
        }
        15 => &[Op::Wait(a), Op::Wait(a), Op::DropSubtask(a)],
        16 => &[Op::Read(a, length, true), Op::Read(last, length, true)],
        17 => &[Op::NewStream(flag), Op::Return(Some(last)), Op::Yield],
        18 => {
            // The other end is the caller's, who may read what is written.
            list.extend([Op::NewFuture(flag), Op::Return(Some(last))]);
            &[Op::Write(LAST, 1, true)]
        }
        19 => &[
            Op::Call(a, flag, Some(last)),
            Op::Read(last, length, true),
            Op::DropEnd(last),
        ],
        _ => &[Op::Return(None), Op::Yield],
    };
    list.extend_from_slice(steps);
}

const KINDS: usize = 34;

fn op(kind: usize, random: &mut Random) -> Op {
    let (a, b, flag) = (random.byte(), random.byte(), random.below(3) != 0);
    match kind {
        0 | 27 => Op::Yield,
        1 => Op::Suspend,
        2 | 28 => Op::NewThread(a),
        3 => Op::ResumeLater(a),
        4 => Op::SuspendThenResume(a),
        5 => Op::YieldThenResume(a),
        6 => Op::SuspendThenPromote(a),
        7 => Op::YieldThenPromote(a),
        8 => Op::BackpressureInc,
        9 | 29 => Op::BackpressureDec,
        10 | 30 | 31 => Op::Call(a, flag, random.is().then_some(b)),
        11 => Op::Return(flag.then_some(b)),
        12 => Op::Cancel,
        13 => Op::NewSet,
        14 | 32 => Op::Wait(a),
        15 => Op::Poll(a),
        16 => Op::DropSet(a),
        17 | 33 => Op::Join(a, (random.below(8) != 0).then_some(b)),
        18 => Op::CancelSubtask(a, flag),
        19 => Op::DropSubtask(a),
        20 => Op::NewStream(random.below(8) != 0),
        21 => Op::NewFuture(random.below(8) != 0),
        22 => Op::Read(a, b % 4, flag),
        23 => Op::Write(a, b % 4, flag),
        24 => Op::CancelCopy(a, flag),
        25 => Op::DropEnd(a),
        _ => Op::Forward(a, b),
    }
}

/// The smallest program found, by leaving out one thing after the other, that still fails.
pub(crate) fn shrink(program: &Program, fails: impl Fn(&Program) -> bool) -> Program {
    let mut smallest = program.clone();
    loop {
        let Some(smaller) = smaller(&smallest).into_iter().find(|p| fails(p)) else {
            return smallest;
        };
        smallest = smaller;
    }
}

fn smaller(program: &Program) -> Vec<Program> {
    let mut found = Vec::new();
    let mut without = |edit: &dyn Fn(&mut Program)| {
        let mut copy = program.clone();
        edit(&mut copy);
        found.push(copy);
    };
    for (at, list) in program.lists.iter().enumerate() {
        if list.len() > 1 {
            without(&|p| p.lists[at].clear());
        }
        for step in 0..list.len() {
            without(&|p| {
                p.lists[at].remove(step);
            });
        }
    }
    for at in 0..program.host.len() {
        without(&|p| {
            p.host.remove(at);
        });
    }
    for (at, function) in program.functions.iter().enumerate() {
        for code in 0..function.codes.len() {
            without(&|p| {
                p.functions[at].codes.remove(code);
            });
        }
        if function.passes.is_some() {
            without(&|p| p.functions[at].passes = None);
        }
        if function.lift != Lift::Stackful {
            without(&|p| p.functions[at].lift = Lift::Stackful);
        }
        if function.instance != 0 {
            without(&|p| p.functions[at].instance = 0);
        }
    }
    found
}
