//! A code image's tables at the addresses where its text was loaded.
//!
//! The text itself is in the mapping that `CodeMemory` owns; this is everything else, shared
//! between it and the registry.

use crate::trap::FrameInfo;
use std::ffi::c_void;
use std::ops::Range;
use std::sync::Arc;
use threadline_environ::artifact::{CallSite, CodeImage, FuncKey};
use threadline_environ::entity::{EntityRef, PrimaryMap};
use threadline_environ::module::Module;
use threadline_environ::{FuncIndex, StaticModuleIndex, TrapCode};

/// The core modules of an image, for the names in backtraces.
#[derive(Default)]
pub(crate) struct ModuleNames {
    /// By their index in [`FuncKey::Wasm`].
    pub(crate) modules: PrimaryMap<StaticModuleIndex, Arc<Module>>,
}

/// The tables of an image whose text is at known addresses.
pub(crate) struct LoadedImage {
    text: Range<usize>,
    /// Without its text.
    image: CodeImage,
    names: Arc<ModuleNames>,
}

impl LoadedImage {
    /// The tables of `image`, whose text was copied to the addresses `text`.
    pub(crate) fn new(text: Range<usize>, mut image: CodeImage, names: Arc<ModuleNames>) -> Self {
        image.text = Vec::new();
        LoadedImage { text, image, names }
    }

    /// Where the text is.
    pub(crate) fn text(&self) -> Range<usize> {
        self.text.clone()
    }

    /// The entry point of a function, if the image has it.
    pub(crate) fn func_ptr(&self, key: FuncKey) -> Option<*const c_void> {
        let record = self.image.function(key)?;
        Some((self.text.start + record.start as usize) as *const c_void)
    }

    /// Why the instruction at exactly `pc` traps, if it is one that can.
    pub(crate) fn trap_at(&self, pc: usize) -> Option<TrapCode> {
        self.image.traps.lookup(self.offset(pc)?)
    }

    /// Whether no exception may leave the frame that a call returns to at `return_address`.
    pub(crate) fn is_exception_barrier(&self, return_address: usize) -> bool {
        let offset = self.return_offset(return_address);
        offset.is_some_and(|offset| self.image.exceptions.is_barrier(offset))
    }

    /// The handlers of the call that returns to `return_address`.
    pub(crate) fn exception_site(&self, return_address: usize) -> Option<CallSite<'_>> {
        let offset = self.return_offset(return_address)?;
        self.image.exceptions.lookup(offset)
    }

    /// The address of a place in the text.
    pub(crate) fn address(&self, offset: u32) -> usize {
        self.text.start + offset as usize
    }

    /// What the code at `pc` belongs to.
    pub(crate) fn key_at(&self, pc: usize) -> Option<FuncKey> {
        Some(self.image.function_at(self.offset(pc)?)?.key)
    }

    /// The wasm frames that run the code at `pc`, innermost first: that of the function, and
    /// before it those of calls that are inlined there. None if that is no function of a module
    /// but code that the compiler added.
    pub(crate) fn frames_at(&self, pc: usize) -> Vec<FrameInfo> {
        let mut frames = Vec::new();
        let (Some(key), Some(code)) = (self.key_at(pc), self.offset(pc)) else {
            return frames;
        };
        let mut offset = self.image.addresses.lookup(code);
        for call in self.image.inlined.lookup(code) {
            frames.extend(self.frame(call.callee, offset));
            offset = Some(call.call_site);
        }
        frames.extend(self.frame(key, offset));
        frames
    }

    /// The frame of a function of a module, at an offset of the binary.
    fn frame(&self, key: FuncKey, module_offset: Option<u32>) -> Option<FrameInfo> {
        let FuncKey::Wasm(module, func) = key else {
            return None;
        };
        let Some(module) = self.names.modules.get(module) else {
            return Some(FrameInfo {
                module_name: None,
                func_index: func.as_u32(),
                func_name: None,
                module_offset,
            });
        };
        let index = FuncIndex::new(module.num_imported_funcs + func.index());
        Some(FrameInfo {
            module_name: module.name.as_deref().map(Arc::from),
            func_index: index.as_u32(),
            func_name: module.func_name(index).map(Arc::from),
            module_offset,
        })
    }

    /// A return address may be one past the end of the text.
    fn return_offset(&self, return_address: usize) -> Option<u32> {
        Some(self.offset(return_address.checked_sub(1)?)? + 1)
    }

    fn offset(&self, pc: usize) -> Option<u32> {
        if !self.text.contains(&pc) {
            return None;
        }
        u32::try_from(pc - self.text.start).ok()
    }
}
