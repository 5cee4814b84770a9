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
use threadline_environ::artifact::{CodeImage, Handler};

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
        for (_, site) in image.exceptions.iter() {
            let inside = |handler: &Handler| (handler.target as usize) < image.text.len();
            ensure!(
                site.handlers.iter().all(inside),
                "code image is damaged: an exception handler is out of its text"
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

#[cfg(test)]
mod tests {
    use super::*;
    use threadline_environ::artifact::{AddressMap, FuncKey, FunctionRecord, TrapTable};
    use threadline_environ::entity::EntityRef;
    use threadline_environ::{SignatureIndex, TrapCode};

    fn image(length: u32, traps: TrapTable) -> CodeImage {
        let function = FunctionRecord {
            key: FuncKey::HostToWasm(SignatureIndex::new(3)),
            start: 4,
            length,
        };
        CodeImage::new(vec![0xCC; 8], vec![function], traps, AddressMap::default())
    }

    #[test]
    fn functions_and_traps_are_found_where_the_text_was_loaded() {
        let mut traps = TrapTable::default();
        traps.push(6, TrapCode::NullReference);
        let code = CodeMemory::publish(image(4, traps), Arc::default()).unwrap();
        let start = code.text().start;
        let key = FuncKey::HostToWasm(SignatureIndex::new(3));
        assert_eq!(code.func_ptr(key).map(|p| p as usize), Some(start + 4));
        let other = FuncKey::WasmToHost(SignatureIndex::new(3));
        assert_eq!(code.func_ptr(other), None);
        assert_eq!(code.trap_at(start + 6), Some(TrapCode::NullReference));
        assert_eq!(code.trap_at(start + 5), None);
        assert_eq!(
            registry::trap_at_signal(start + 6),
            Some(TrapCode::NullReference)
        );
        assert_eq!(registry::trap_at_signal(start + 8), None);
        assert_eq!(registry::trap_at_signal(usize::MAX), None);
        assert_eq!(code.key_at(start + 7), Some(key));
        assert_eq!(code.key_at(start + 3), None);
        assert!(code.frames_at(start + 7).is_empty());
    }

    #[test]
    fn an_image_with_no_code_at_all_is_fine() {
        let code = CodeMemory::publish(CodeImage::default(), Arc::default()).unwrap();
        assert!(code.text().is_empty());
        assert!(registry::lookup(code.text().start).is_none());
    }

    #[test]
    fn a_function_that_reaches_out_of_the_text_is_refused() {
        let error = CodeMemory::publish(image(5, TrapTable::default()), Arc::default());
        let error = error.err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains("damaged"), "{error}");
    }
}
