//! Finds the shadow-stack pointer, checks it, and lays out the stacks.
//!
//! ```text
//!            main stack grows down           scratch stack grows down
//!   ... <----------------------------+------------------------------+
//!                                main_top                       stack_top
//!                                    |<------ scratch_stack ------->|
//! ```

use crate::error::{Error, Result, UnfitGlobal, Warning};
use crate::survey::{Allocator, Survey};
use crate::{Options, StackGlobal};

/// The biggest stack an option may ask for.
pub(crate) const MAX_STACK: u32 = 256 << 20;

/// Every stack begins at a multiple of this, as LLVM's frames expect.
pub(crate) const STACK_ALIGN: u32 = 16;

/// The least the main stack must be left with.
const LEAST_MAIN_STACK: u32 = 1024;

/// Where the shadow-stack pointer is, and where the stacks are to be.
#[derive(Debug)]
pub(crate) struct StackPointer {
    /// The global's index.
    pub global: u32,
    /// Where the scratch stack begins.
    pub stack_top: u32,
    /// Where the main stack begins.
    pub main_top: u32,
    /// What more than one thread at a time needs; `None` traps instead.
    pub allocation: Option<Allocation>,
    /// What there is to know about the choice.
    pub warnings: Vec<Warning>,
}

/// How further threads get a stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allocation {
    /// Index of `malloc` in the module as it came.
    pub malloc: u32,
    /// Index of `free` in the module as it came.
    pub free: u32,
    /// Bytes of such a stack.
    pub bytes: u32,
}

impl StackPointer {
    /// Finds the pointer by the rule that `options` names.
    pub(crate) fn find(survey: &Survey, options: &Options) -> Result<Self> {
        check_size("scratch_stack", options.scratch_stack)?;
        check_size("task_stack", options.task_stack)?;
        let mut warnings = Vec::new();
        let global = match (options.global, survey.named_stack_pointer) {
            (StackGlobal::Index(global), _) | (StackGlobal::Auto, Some(global)) => global,
            (StackGlobal::Auto, None) => {
                let global = first_candidate(survey).ok_or(Error::NoStackGlobal)?;
                warnings.push(Warning::ChosenByPosition { global });
                global
            }
        };
        let stack_top = initial_value(survey, global)
            .map_err(|reason| Error::UnfitGlobal { global, reason })?;
        let memory_bytes = survey.memory_bytes.ok_or(Error::NoMemory)?;
        let needed = options.scratch_stack + LEAST_MAIN_STACK;
        let unfit = |reason| Err(Error::UnfitGlobal { global, reason });
        if stack_top < needed {
            return unfit(UnfitGlobal::TooSmall { stack_top, needed });
        }
        if u64::from(stack_top) > memory_bytes {
            return unfit(UnfitGlobal::OutsideMemory { stack_top });
        }
        let aligned_top = stack_top & !(STACK_ALIGN - 1);
        let allocation = match survey.allocator {
            Allocator {
                malloc: Some(malloc),
                free: Some(free),
            } => Some(Allocation {
                malloc,
                free,
                bytes: options.task_stack,
            }),
            _ => None,
        };
        Ok(Self {
            global,
            stack_top: aligned_top,
            main_top: aligned_top - options.scratch_stack,
            allocation,
            warnings,
        })
    }
}

fn check_size(option: &'static str, bytes: u32) -> Result<()> {
    if bytes.is_multiple_of(STACK_ALIGN) && (64..=MAX_STACK).contains(&bytes) {
        Ok(())
    } else {
        Err(Error::StackSize { option, bytes })
    }
}

fn first_candidate(survey: &Survey) -> Option<u32> {
    let position = survey
        .globals
        .iter()
        .position(|g| !g.imported && !g.exported && g.fits)?;
    u32::try_from(position).ok()
}

/// The global's initial value, if it can be the pointer.
fn initial_value(survey: &Survey, global: u32) -> std::result::Result<u32, UnfitGlobal> {
    let found = survey
        .globals
        .get(global as usize)
        .ok_or(UnfitGlobal::Missing)?;
    if found.imported {
        Err(UnfitGlobal::Imported)
    } else if found.exported {
        Err(UnfitGlobal::Exported)
    } else if !found.fits {
        Err(UnfitGlobal::Type)
    } else {
        found.initial.ok_or(UnfitGlobal::Initializer)
    }
}
