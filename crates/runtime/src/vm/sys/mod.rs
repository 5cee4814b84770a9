//! What depends on the operating system and the processor. A port edits this folder only.

pub(super) mod arch;
mod unix;

pub(crate) use unix::{ImageMapping, Mapping, page_size};
pub(super) use unix::{install_trap_handlers, prepare_thread, thread_stack};
