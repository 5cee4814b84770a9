//! Linux: mappings, signals, stacks.

mod fault_message;
mod image_mapping;
mod mmap;
mod page;
mod stack;
mod trap_signal_handler;

pub(crate) use image_mapping::ImageMapping;
pub(crate) use mmap::Mapping;
pub(crate) use page::page_size;
pub(crate) use stack::{prepare_thread, thread_stack};
pub(crate) use trap_signal_handler::install as install_trap_handlers;
