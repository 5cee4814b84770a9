//! What an embedder sees of a guest's failure.
//!
//! A call that traps returns an `anyhow::Error` whose source is a [`Trap`] and whose context is a
//! [`WasmBacktrace`]; `downcast_ref` finds both. An error that a host function returned comes
//! back unchanged, with a backtrace as context unless it has one already. How traps are caught
//! and frames are walked is in `vm`.

use std::fmt;
use std::sync::Arc;

/// Why a guest trapped.
pub use threadline_environ::TrapCode as Trap;

/// The guest's trap in an error, if there is one: a [`Trap`], a [`ConcurrencyTrap`], or a
/// [`Deadlock`](crate::component::Deadlock).
///
/// [`ConcurrencyTrap`]: crate::ConcurrencyTrap
pub fn find_trap(error: &anyhow::Error) -> Option<&(dyn std::error::Error + 'static)> {
    // These may also have been put around another error, as its context.
    let concurrency = error.downcast_ref::<crate::ConcurrencyTrap>();
    if let Some(trap) = concurrency.filter(|trap| !trap.is_bug()) {
        return Some(trap);
    }
    if let Some(trap) = error.downcast_ref::<crate::component::Deadlock>() {
        return Some(trap);
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return Some(trap);
    }
    error.chain().find(|cause| {
        let concurrency = cause.downcast_ref::<crate::ConcurrencyTrap>();
        cause.is::<Trap>()
            || cause.is::<crate::component::Deadlock>()
            || concurrency.is_some_and(|trap| !trap.is_bug())
    })
}

/// The wasm functions that were on the stack, innermost first.
#[derive(Debug, Clone)]
pub struct WasmBacktrace {
    frames: Vec<FrameInfo>,
    omitted: usize,
}

impl WasmBacktrace {
    /// A backtrace of these frames, `omitted` more were not recorded.
    pub(crate) fn new(frames: Vec<FrameInfo>, omitted: usize) -> WasmBacktrace {
        WasmBacktrace { frames, omitted }
    }

    /// The innermost frames.
    pub fn frames(&self) -> &[FrameInfo] {
        &self.frames
    }

    /// How many further frames there were on the stack, left out for brevity.
    pub fn omitted(&self) -> usize {
        self.omitted
    }
}

impl fmt::Display for WasmBacktrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wasm backtrace:")?;
        for (i, frame) in self.frames.iter().enumerate() {
            write!(f, "\n  {i:>3}: {frame}")?;
        }
        if self.omitted > 0 {
            write!(f, "\n       ... and {} more frames", self.omitted)?;
        }
        Ok(())
    }
}

/// A frame of a wasm function.
#[derive(Debug, Clone)]
pub struct FrameInfo {
    pub(crate) module_name: Option<Arc<str>>,
    pub(crate) func_index: u32,
    pub(crate) func_name: Option<Arc<str>>,
    pub(crate) module_offset: Option<u32>,
}

impl FrameInfo {
    /// The name of the function's module, from its name section. Only the first 256 bytes of a longer
    /// name are kept.
    pub fn module_name(&self) -> Option<&str> {
        self.module_name.as_deref()
    }

    /// The function's index in its module.
    pub fn func_index(&self) -> u32 {
        self.func_index
    }

    /// The function's name, from the name section. Only the first 256 bytes of a longer name are kept.
    pub fn func_name(&self) -> Option<&str> {
        self.func_name.as_deref()
    }

    /// The byte offset in the binary of the instruction that was running.
    pub fn module_offset(&self) -> Option<usize> {
        self.module_offset.map(|offset| offset as usize)
    }
}

impl fmt::Display for FrameInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.module_offset {
            Some(offset) => write!(f, "{offset:#8x} - ")?,
            None => f.write_str("       ? - ")?,
        }
        f.write_str(self.module_name().unwrap_or("<unnamed>"))?;
        match self.func_name() {
            Some(name) => write!(f, "!{name}"),
            None => write!(f, "!<wasm function {}>", self.func_index),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_as_far_as_they_are_known() {
        let known = FrameInfo {
            module_name: Some("m".into()),
            func_index: 3,
            func_name: Some("f".into()),
            module_offset: Some(0x3f),
        };
        let unknown = FrameInfo {
            module_name: None,
            func_index: 12,
            func_name: None,
            module_offset: None,
        };
        assert_eq!(known.module_offset(), Some(0x3f));
        assert_eq!(
            WasmBacktrace::new(vec![known, unknown], 5).to_string(),
            "wasm backtrace:\n    0:     0x3f - m!f\n    1:        ? - <unnamed>!<wasm function 12>\
             \n       ... and 5 more frames"
        );
    }
}
