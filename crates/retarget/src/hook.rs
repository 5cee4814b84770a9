//! The body of `__wasm_task_hook`.
//!
//! `wit-component` 0.263 imports the main module's export of that name, of type
//! `(param i32) -> ()`, into the module it adds last, and there wraps what it
//! lifts, every `realloc` it passes as a canonical option, and every destructor
//! of a resource, in calls of it. The argument says what happens ([`Event`]).
//! The hook runs on the thread that is beginning or ending, so slot 0 is that
//! thread's. Nothing else is passed: not which export, nor whether an async one
//! is stackful.
//!
//! # Knowing which stack to give back
//! The hook has no storage for each thread but the stack it hands out. So it
//! puts a 16-byte *base record* at the top of it, whose first word says where
//! the stack came from ([`Origin`]), and starts the thread below:
//!
//! ```text
//!   frames ... <-- slot 0 | origin, 12 bytes unused | end of the stack
//! ```
//!
//! Compiled code leaves the stack pointer as it found it, so when a thread ends
//! slot 0 is the address of the record again. That holds across a post-return
//! function too, which runs between the two events on the same thread.
//!
//! A thread that blocks and returns to its event loop (the callback ABI) has no
//! frames then, so it gives its stack back and gets one on resumption.
//!
//! By the spec a start event finds slot 0 at zero. A host that runs a
//! component's own destructor, or `realloc`, on the thread that caused it makes
//! one where it isn't, and is served: the record goes onto the stack that is
//! there, below the live frames, and comes off at the end.

use crate::stack_global::{STACK_ALIGN, StackPointer};
use wasm_encoder::{BlockType, Function, InstructionSink, MemArg, MemArgTarget, ValType};

/// What `wit-component` tells the hook. Numbers 10 and 11 are unused.
#[derive(Clone, Copy)]
pub(crate) enum Event {
    SyncStart = 0,
    SyncFinish = 1,
    AsyncStart = 2,
    AsyncResume = 3,
    AsyncBlock = 4,
    AsyncFinish = 5,
    InitializeStart = 6,
    InitializeFinish = 7,
    DestructorStart = 8,
    DestructorFinish = 9,
    ReallocStart = 12,
    ReallocFinish = 13,
}

/// A bit for each event on which the thread needs a stack.
const STARTS: i32 = 1 << Event::SyncStart as u32
    | 1 << Event::AsyncStart as u32
    | 1 << Event::AsyncResume as u32
    | 1 << Event::InitializeStart as u32
    | 1 << Event::DestructorStart as u32
    | 1 << Event::ReallocStart as u32;

/// A bit for each event on which it gives its stack back.
const FINISHES: i32 = 1 << Event::SyncFinish as u32
    | 1 << Event::AsyncBlock as u32
    | 1 << Event::AsyncFinish as u32
    | 1 << Event::InitializeFinish as u32
    | 1 << Event::DestructorFinish as u32
    | 1 << Event::ReallocFinish as u32;

/// The first word of a base record: one of these, or the address `malloc`
/// returned, which is none of them.
#[derive(Clone, Copy)]
enum Origin {
    /// The thread had a stack already.
    Nested = 1,
    /// The scratch stack.
    Scratch = 2,
    /// The main stack.
    Main = 3,
}

/// Size of a base record.
const RECORD: i32 = STACK_ALIGN.cast_signed();

/// Parameter 0: the event.
const EVENT: u32 = 0;
/// Local 1: the stack pointer, or where the new stack begins.
const SP: u32 = 1;
/// Local 2: the origin.
const ORIGIN: u32 = 2;

/// What the hook refers to, by index in the module as it will be.
pub(crate) struct Callees {
    pub context_get: u32,
    pub context_set: u32,
    /// `malloc` and `free`, where further threads get a stack from them.
    pub malloc_free: Option<(u32, u32, i32)>,
}

/// Emits the hook.
pub(crate) fn task_hook(stack: &StackPointer, callees: &Callees) -> Function {
    let mut function = Function::new([(2, ValType::I32)]);
    let mut sink = function.instructions();
    sink.i32_const(STARTS).local_get(EVENT).i32_shr_u();
    sink.i32_const(1).i32_and();
    sink.if_(BlockType::Empty);
    start(&mut sink, stack, callees);
    sink.return_().end();
    finish(&mut sink, stack, callees);
    sink.end();
    function
}

/// Picks a stack, writes its base record, and sets slot 0 to that.
fn start(sink: &mut InstructionSink<'_>, stack: &StackPointer, callees: &Callees) {
    let pick = |sink: &mut InstructionSink<'_>, origin: Origin, top: u32| {
        sink.i32_const(origin as i32).local_set(ORIGIN);
        sink.i32_const(top.cast_signed()).local_set(SP);
    };
    sink.block(BlockType::Empty);
    sink.call(callees.context_get).local_tee(SP);
    sink.if_(BlockType::Empty);
    sink.i32_const(Origin::Nested as i32).local_set(ORIGIN);
    sink.br(1).end();

    sink.local_get(EVENT)
        .i32_const(Event::ReallocStart as i32)
        .i32_eq();
    sink.if_(BlockType::Empty);
    pick(sink, Origin::Scratch, stack.stack_top);
    sink.br(1).end();

    sink.global_get(stack.global).i32_eqz();
    sink.if_(BlockType::Empty);
    sink.i32_const(1).global_set(stack.global);
    pick(sink, Origin::Main, stack.main_top);
    sink.br(1).end();

    match callees.malloc_free {
        Some((malloc, _, bytes)) => {
            borrow_scratch(sink, stack, callees);
            sink.i32_const(bytes).call(malloc).local_tee(ORIGIN);
            sink.i32_eqz().if_(BlockType::Empty).unreachable().end();
            sink.local_get(ORIGIN).i32_const(bytes).i32_add();
            sink.i32_const(-RECORD).i32_and().local_set(SP);
        }
        None => {
            sink.unreachable();
        }
    }
    sink.end();

    sink.local_get(SP).i32_const(RECORD).i32_sub().local_tee(SP);
    sink.local_get(ORIGIN).i32_store(WORD);
    sink.local_get(SP).call(callees.context_set);
}

/// Reads the base record and gives the stack back.
fn finish(sink: &mut InstructionSink<'_>, stack: &StackPointer, callees: &Callees) {
    // An event of a later protocol, or a host that lost the slot's value: a
    // trap, where to go on would free an address read from nowhere.
    sink.i32_const(FINISHES).local_get(EVENT).i32_shr_u();
    sink.i32_const(1).i32_and().i32_eqz();
    sink.call(callees.context_get).local_tee(SP).i32_eqz();
    sink.i32_or();
    sink.if_(BlockType::Empty).unreachable().end();

    sink.local_get(SP).i32_load(WORD).local_tee(ORIGIN);
    sink.i32_const(Origin::Nested as i32).i32_eq();
    sink.if_(BlockType::Empty);
    sink.local_get(SP).i32_const(RECORD).i32_add();
    sink.call(callees.context_set).return_().end();

    sink.local_get(ORIGIN)
        .i32_const(Origin::Main as i32)
        .i32_eq();
    sink.if_(BlockType::Empty);
    sink.i32_const(0).global_set(stack.global);
    if let Some((_, free, _)) = callees.malloc_free {
        sink.else_();
        sink.local_get(ORIGIN)
            .i32_const(Origin::Scratch as i32)
            .i32_ne();
        sink.if_(BlockType::Empty);
        borrow_scratch(sink, stack, callees);
        sink.local_get(ORIGIN).call(free);
        sink.end();
    }
    sink.end();
    sink.i32_const(0).call(callees.context_set);
}

/// Lets the allocator run on the scratch stack: the thread has none yet, or is
/// about to lose it, and no `realloc` is under way, since a `realloc` can't
/// call anything that would end up here.
fn borrow_scratch(sink: &mut InstructionSink<'_>, stack: &StackPointer, callees: &Callees) {
    sink.i32_const(stack.stack_top.cast_signed());
    sink.call(callees.context_set);
}

/// Emits what runs in place of the `start` function: that, between the events
/// for initialisers.
pub(crate) fn start_wrapper(hook: u32, start: u32) -> Function {
    let mut function = Function::new([]);
    function
        .instructions()
        .i32_const(Event::InitializeStart as i32)
        .call(hook)
        .call(start)
        .i32_const(Event::InitializeFinish as i32)
        .call(hook)
        .end();
    function
}

/// An aligned word at the address itself.
const WORD: MemArg = MemArg {
    offset: 0,
    align: 2,
    target: MemArgTarget::Memory(0),
    ordering: None,
};
