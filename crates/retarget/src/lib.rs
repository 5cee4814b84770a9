//! Moves a core module's shadow-stack pointer from a global to a context slot,
//! and makes a component of the result.
//!
//! C and Rust keep what has an address (buffers, out-parameters, `alloca`) on a
//! *shadow stack* in linear memory. LLVM's stable targets hold its pointer in a
//! mutable global, which every thread of an instance shares, so two threads
//! can't both have frames. The wasip3 convention holds it in slot 0 of the
//! component model's per-thread context instead. This crate turns the first
//! kind of module into the second, for programs whose toolchain can't yet.
//!
//! [`retarget_module`] rewrites a core module, [`componentize`] hands one to
//! `wit-component`, [`retarget`] does both.
//!
//! # What changes in the module
//! - Two function imports, `context.get` and `context.set` of slot 0, follow
//!   the module's own function imports; each `global.get` and `global.set` of
//!   the pointer becomes a call of one of them.
//! - The pointer's global becomes a flag, "the main stack is taken", at the
//!   same index, so that no global is renumbered.
//! - A `__wasm_task_hook` function is added and exported (`hook.rs`). What
//!   `wit-component` lifts, it wraps in calls of that hook.
//! - A `start` section is wrapped, because it runs at instantiation, where
//!   `wit-component` has no place for the hook.
//! - The name section follows the new indices. Other custom sections are
//!   copied; [`Warning`] says which of them no longer match the code.
//!
//! # Which stack a thread gets
//! A thread starts with its slots at zero. The hook gives it
//! 1. the module's own stack, *the main stack*, if no other thread is on it;
//! 2. else a stack from the module's exported `malloc`, given back by `free`
//!    when the thread is done. A module without these exports traps here:
//!    better than two threads writing over each other's frames. Modules that
//!    export a stackful `async` function, where this is the normal case and not
//!    the rare one, are refused without them.
//!
//! It is the rare case for the others, but not an impossible one: components
//! may be re-entered while one of their calls waits for an import, and a
//! resource dropped by its own component has its destructor run on a thread of
//! its own.
//!
//! # The scratch stack
//! `realloc` is a thread of its own too, called whenever a string or list
//! arrives, often while the main stack has live frames. It can't call imports,
//! so there is one of it at a time and a small stack set aside serves all:
//! [`Options::scratch_stack`] bytes carved from the **top of the main stack**,
//! which then begins below. The hook's own calls of `malloc` and `free` use it
//! as well.
//!
//! The other place to set it aside, pages appended to the initial memory, is
//! wrong for allocators that take all of `__heap_base` up to `memory.size` as
//! theirs (bump allocators, emscripten's `sbrk`, TinyGo); it can't work where
//! the memory is imported or already at its maximum; and it costs 64 KiB where
//! a few are enough. Carving changes no address the linker has handed out. Its
//! price is that deep recursion overflows that much earlier, and that a
//! `realloc` too big for its share would run into the main stack's outermost
//! frames: the size is an option.
//!
//! # What is deliberately elsewhere
//! Text format: callers convert. Modules that start threads themselves are
//! refused: no hook runs on a new explicit thread, so nothing could give it a
//! stack. Relocatable objects and shared libraries are refused as well.
//!
//! # DWARF
//! Addresses in `.debug_*` sections are offsets into the code section, which
//! this rewrite moves. The sections are kept, since types and names in them
//! stay true, and [`Warning::CodeOffsetsMoved`] says that their addresses are
//! not.

#![forbid(unsafe_code)]

mod component;
mod error;
mod hook;
mod rewrite;
mod stack_global;
mod survey;

pub use component::{Wit, componentize};
pub use error::{Error, Result, Warning};

/// Which global holds the shadow-stack pointer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StackGlobal {
    /// The one that the name section calls `__stack_pointer`; without such a
    /// name, the first mutable `i32` global that is neither imported nor
    /// exported, which is where LLVM's linker puts it.
    #[default]
    Auto,
    /// This index.
    Index(u32),
}

/// How to retarget a module.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the shadow-stack pointer is.
    pub global: StackGlobal,
    /// Leave the module as it is, pointer in its global and no hook: the other
    /// side of a benchmark.
    pub keep_global: bool,
    /// Bytes at the top of the main stack set aside for `realloc`, a multiple
    /// of 16.
    pub scratch_stack: u32,
    /// Bytes of a stack taken from `malloc`, a multiple of 16.
    pub task_stack: u32,
}

impl Default for Options {
    /// 8 KiB for `realloc`, and 64 KiB, LLVM's default, for a stack of a task.
    fn default() -> Self {
        Self {
            global: StackGlobal::Auto,
            keep_global: false,
            scratch_stack: 8 << 10,
            task_stack: 64 << 10,
        }
    }
}

/// A module that keeps its shadow-stack pointer in context slot 0.
#[derive(Clone, Debug)]
pub struct Retargeted {
    /// The module's binary.
    pub module: Vec<u8>,
    /// What was done to it.
    pub report: Report,
}

/// What [`retarget_module`] found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Index of the global that held the pointer.
    pub global: u32,
    /// Its initial value: the end of the shadow stack, and of the scratch
    /// stack within it.
    pub stack_top: u32,
    /// Where the main stack begins now.
    pub main_top: u32,
    /// How many `global.get` became `context.get`.
    pub gets: u32,
    /// How many `global.set` became `context.set`.
    pub sets: u32,
    /// Whether further threads get a stack from `malloc`, or trap.
    pub allocates: bool,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// A component, and what was done to the module in it.
#[derive(Clone, Debug)]
pub struct Component {
    /// The component's binary.
    pub bytes: Vec<u8>,
    /// What was done; `None` if the global was kept.
    pub report: Option<Report>,
}

/// Rewrites a core module to keep its shadow-stack pointer in context slot 0.
///
/// [`Options::keep_global`] is [`retarget`]'s to look at: this always rewrites.
///
/// # Errors
/// If `wasm` isn't a valid core module, or one of the kinds that can't be
/// retargeted: see [`Error`].
pub fn retarget_module(wasm: &[u8], options: &Options) -> Result<Retargeted> {
    let survey = survey::Survey::of(wasm)?;
    let stack = stack_global::StackPointer::find(&survey, options)?;
    rewrite::rewrite(wasm, &survey, &stack)
}

/// Retargets a core module and makes a component of it; with
/// [`Options::keep_global`], just makes the component.
///
/// # Errors
/// Those of [`retarget_module`] and [`componentize`].
pub fn retarget(wasm: &[u8], options: &Options, wit: &Wit<'_>) -> Result<Component> {
    if options.keep_global {
        survey::validate(wasm)?;
        let bytes = componentize(wasm, wit)?;
        return Ok(Component {
            bytes,
            report: None,
        });
    }
    let Retargeted { module, report } = retarget_module(wasm, options)?;
    Ok(Component {
        bytes: componentize(&module, wit)?,
        report: Some(report),
    })
}
