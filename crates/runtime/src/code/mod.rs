//! Code images made ready to run, and the way back from a code address to what it belongs to.

mod image;
mod memory;
pub(crate) mod registry;

pub(crate) use image::{CheckedImage, ImagePart, ImageSource, LoadedImage, ModuleNames};
pub(crate) use memory::{CodeMemory, lay_out};
