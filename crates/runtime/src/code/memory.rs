//! Executable memory: an image that was mapped, known by its addresses.
//!
//! Text is position-independent, so it is run where it was mapped, and never written to. While a
//! [`CodeMemory`] lives its addresses are in the [`registry`], so that a trap in it is recognised;
//! whoever may still run the code keeps it alive with an `Arc`.

use super::{CheckedImage, LoadedImage, ModuleNames, registry};
use crate::vm::{ImageMapping, page_size};
use anyhow::{Context, Result};
use std::ops::Deref;
use std::sync::Arc;
use threadline_environ::artifact::{CodeImage, Descriptions, Settings, encode};

/// Code that can run. Dereferences to its tables.
pub(crate) struct CodeMemory {
    loaded: Arc<LoadedImage>,
}

impl CodeMemory {
    /// Makes an image known. `names` serve backtraces.
    pub(crate) fn publish(image: CheckedImage, names: Arc<ModuleNames>) -> Arc<CodeMemory> {
        let loaded = Arc::new(LoadedImage::new(image, names));
        registry::register(&loaded);
        Arc::new(CodeMemory { loaded })
    }
}

/// Lays an image that was just compiled out in memory as it would be in a file.
///
/// # Errors
/// If the image is not consistent, or there is no memory.
pub(crate) fn lay_out(
    image: CodeImage,
    descriptions: &Descriptions,
    settings: &Settings,
) -> Result<CheckedImage> {
    let bytes = encode(&image, descriptions, settings, page_size())?;
    // Each of them is as large as all the code.
    drop(image);
    let mapping = ImageMapping::copy(&bytes).context("no memory for code")?;
    CheckedImage::new(mapping, settings)
}

impl Deref for CodeMemory {
    type Target = LoadedImage;

    #[inline]
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

    fn publish(image: CodeImage) -> Result<Arc<CodeMemory>> {
        let image = lay_out(image, &Descriptions::default(), &Settings::default())?;
        Ok(CodeMemory::publish(image, Arc::default()))
    }

    #[test]
    fn functions_and_traps_are_found_where_the_text_was_loaded() {
        let mut traps = TrapTable::default();
        traps.push(6, TrapCode::NullReference);
        let code = publish(image(4, traps)).unwrap();
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
        let code = publish(CodeImage::default()).unwrap();
        assert!(code.text().is_empty());
        assert!(registry::lookup(code.text().start).is_none());
    }

    #[test]
    fn a_function_that_reaches_out_of_the_text_is_refused() {
        let error = publish(image(5, TrapTable::default())).err();
        let error = error.map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains("out of"), "{error}");
    }
}
