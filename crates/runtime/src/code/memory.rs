//! Executable memory: an image's text, mapped, copied in, and then protected.
//!
//! The memory is writable first and executable after, never both. Text is position-independent,
//! so nothing is patched in between. While a [`CodeMemory`] lives its addresses are in the
//! [`registry`], so that a trap in it is recognised; whoever may still run the code keeps it
//! alive with an `Arc`.

use super::{LoadedImage, ModuleNames, registry};
use crate::vm::{Mapping, page_size};
use anyhow::{Context, Result, ensure};
use std::ops::Deref;
use std::sync::Arc;
use threadline_environ::artifact::CodeImage;

/// Code that can run. Dereferences to its tables.
pub(crate) struct CodeMemory {
    loaded: Arc<LoadedImage>,
    /// Holds the text; unmapped after `drop` took it out of the registry.
    _mapping: Mapping,
}

impl CodeMemory {
    /// Loads an image. `names` serve backtraces.
    ///
    /// # Errors
    /// If the system refuses the memory, or a function's record reaches out of the text.
    pub(crate) fn publish(image: CodeImage, names: Arc<ModuleNames>) -> Result<Arc<CodeMemory>> {
        for function in &image.functions {
            let end = u64::from(function.start) + u64::from(function.length);
            ensure!(
                end <= image.text.len() as u64,
                "code image is damaged: a function reaches out of its text"
            );
        }
        let length = image.text.len();
        let mapped = length.max(1).next_multiple_of(page_size());
        let mut mapping = Mapping::reserve(mapped).context("no address space for code")?;
        mapping
            .make_accessible(mapped)
            .context("no memory for code")?;
        mapping.bytes_mut()[..length].copy_from_slice(&image.text);
        mapping
            .make_executable()
            .context("the system refuses executable memory")?;

        let start = mapping.base() as usize;
        let loaded = Arc::new(LoadedImage::new(start..start + length, image, names));
        registry::register(&loaded);
        Ok(Arc::new(CodeMemory {
            loaded,
            _mapping: mapping,
        }))
    }
}

impl Deref for CodeMemory {
    type Target = LoadedImage;

    fn deref(&self) -> &LoadedImage {
        &self.loaded
    }
}

impl Drop for CodeMemory {
    fn drop(&mut self) {
        registry::unregister(&self.loaded);
    }
}
