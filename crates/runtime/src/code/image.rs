//! A code image where it is mapped: its tables, by the addresses of its text.

use crate::guest_name;
use crate::trap::FrameInfo;
use crate::vm::ImageMapping;
use anyhow::{Context as _, Result};
use std::ffi::c_void;
use std::fs::File;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use threadline_environ::artifact::{
    CallSite, Descriptions, FuncKey, ImageError, ImageLayout, ImageView, Settings,
};
use threadline_environ::entity::{EntityRef, PrimaryMap};
use threadline_environ::module::Module;
use threadline_environ::{FuncIndex, StaticModuleIndex, TrapCode};

/// The core modules of an image, for the names in backtraces.
#[derive(Default)]
pub(crate) struct ModuleNames {
    /// By their index in [`FuncKey::Wasm`].
    pub(crate) modules: PrimaryMap<StaticModuleIndex, Arc<Module>>,
}

/// Where the bytes of an image are.
pub(crate) enum ImageSource {
    /// Copied; all of them are checked.
    Copy(ImageMapping),
    /// In a file. What backtraces alone need is not read, nor checked, before there is one.
    File(ImageMapping),
}

/// An image that has been checked and can be run.
pub(crate) struct CheckedImage {
    mapping: ImageMapping,
    layout: ImageLayout,
}

impl CheckedImage {
    /// Checks an image, and makes its code executable.
    ///
    /// # Errors
    /// If it is damaged, or not for engines with these settings (an
    /// [`ImageError`]), or the system refuses executable memory.
    pub(crate) fn new(mut mapping: ImageMapping, settings: &Settings) -> Result<CheckedImage> {
        let layout = ImageLayout::find(mapping.bytes())?;
        // Before its pages have been touched, this costs least. If the header is damaged it may
        // fail, but then the checks say why.
        let executable = mapping.make_executable(layout.text());
        layout.check(mapping.bytes(), settings)?;
        executable.context("the system refuses executable memory")?;
        if layout.memories().is_empty() {
            mapping.forget_file();
        }
        Ok(CheckedImage { mapping, layout })
    }

    /// Checks the parts that needn't be read at once: what is for backtraces alone, which would be
    /// checked then, and what memories begin with.
    ///
    /// # Errors
    /// If one is damaged.
    pub(crate) fn check_rest(&self) -> Result<(), ImageError> {
        let view = self.layout.view(self.mapping.bytes());
        let damaged = |part| Err(ImageError::Damaged { part });
        match (view.names_are_intact(), view.memories_are_intact()) {
            (false, _) => damaged("names"),
            (_, false) => damaged("memories"),
            (true, true) => Ok(()),
        }
    }

    /// The images of its nested components.
    pub(crate) fn nested(&self) -> impl Iterator<Item = &[u8]> {
        self.layout.view(self.mapping.bytes()).nested()
    }

    /// What it is made of.
    ///
    /// # Errors
    /// If this version writes no such descriptions.
    pub(crate) fn descriptions(&self) -> Result<Descriptions> {
        let view = self.layout.view(self.mapping.bytes());
        view.descriptions()
            .context("the image's descriptions can't be read")
    }
}

/// Some bytes of an image.
pub(crate) struct ImagePart<'a> {
    pub(crate) bytes: &'a [u8],
    /// Where they are in a file, if they are.
    pub(crate) in_file: Option<(Arc<File>, u64)>,
}

/// An image that has an address.
pub(crate) struct LoadedImage {
    image: CheckedImage,
    names: Arc<ModuleNames>,
    /// Whether the part for backtraces is intact, once somebody asked.
    names_are_intact: OnceLock<bool>,
}

impl LoadedImage {
    /// An image; `names` are of its modules.
    pub(super) fn new(image: CheckedImage, names: Arc<ModuleNames>) -> LoadedImage {
        LoadedImage {
            image,
            names,
            names_are_intact: OnceLock::new(),
        }
    }

    /// The whole image.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.image.mapping.bytes()
    }

    #[inline]
    fn view(&self) -> ImageView<'_> {
        self.image.layout.view(self.bytes())
    }

    /// Where the text is.
    #[inline]
    pub(crate) fn text(&self) -> Range<usize> {
        let (base, text) = (self.bytes().as_ptr().addr(), self.image.layout.text());
        base + text.start..base + text.end
    }

    /// The entry point of a function, if the image has it.
    pub(crate) fn func_ptr(&self, key: FuncKey) -> Option<*const c_void> {
        let record = self.view().function(key)?;
        Some(self.address(record.start) as *const c_void)
    }

    /// The entry point of the function with the `n`th `VMFuncRef`, counted over all modules;
    /// `None` for an imported one.
    pub(crate) fn func_ref_ptr(&self, n: usize) -> Option<*const c_void> {
        let start = self.view().func_ref(n)?;
        Some(self.address(start) as *const c_void)
    }

    /// The bytes of data segments, module after module.
    pub(crate) fn data(&self) -> &[u8] {
        self.view().data()
    }

    /// A part of the images of memories.
    pub(crate) fn memories(&self, range: Range<usize>) -> Option<ImagePart<'_>> {
        let all = self.image.layout.memories();
        let bytes = self.bytes().get(all.clone())?.get(range.clone())?;
        let file = self.image.mapping.file();
        let in_file = file.map(|file| (file.clone(), (all.start + range.start) as u64));
        Some(ImagePart { bytes, in_file })
    }

    /// Why the instruction at exactly `pc` traps, if it is one that can.
    pub(crate) fn trap_at(&self, pc: usize) -> Option<TrapCode> {
        self.view().traps().lookup(self.offset(pc)?)
    }

    /// Whether no exception may leave the frame that a call returns to at `return_address`.
    pub(crate) fn is_exception_barrier(&self, return_address: usize) -> bool {
        let offset = self.return_offset(return_address);
        offset.is_some_and(|offset| self.view().exceptions().is_barrier(offset))
    }

    /// The handlers of the call that returns to `return_address`.
    pub(crate) fn exception_site(&self, return_address: usize) -> Option<CallSite<'_>> {
        let offset = self.return_offset(return_address)?;
        self.view().exceptions().lookup(offset)
    }

    /// The address of a place in the text.
    pub(crate) fn address(&self, offset: u32) -> usize {
        self.text().start + offset as usize
    }

    /// What the code at `pc` belongs to.
    pub(crate) fn key_at(&self, pc: usize) -> Option<FuncKey> {
        Some(self.view().function_at(self.offset(pc)?)?.key)
    }

    /// The wasm frames that run the code at `pc`, innermost first: that of the function, and
    /// before it those of calls that are inlined there. None if that is no function of a module
    /// but code that the compiler added.
    pub(crate) fn frames_at(&self, pc: usize) -> Vec<FrameInfo> {
        let mut frames = Vec::new();
        let (Some(key), Some(code)) = (self.key_at(pc), self.offset(pc)) else {
            return frames;
        };
        let explained = self.explained();
        let mut offset = None;
        if let Some(view) = explained {
            offset = view.addresses().lookup(code);
            for call in view.inlined().lookup(code) {
                frames.extend(self.frame(explained, call.callee, offset));
                offset = Some(call.call_site);
            }
        }
        frames.extend(self.frame(explained, key, offset));
        frames
    }

    /// The frame of a function of a module, at an offset of the binary.
    fn frame(
        &self,
        explained: Option<ImageView<'_>>,
        key: FuncKey,
        module_offset: Option<u32>,
    ) -> Option<FrameInfo> {
        let FuncKey::Wasm(module_index, func) = key else {
            return None;
        };
        let Some(module) = self.names.modules.get(module_index) else {
            return Some(FrameInfo {
                module_name: None,
                func_index: func.as_u32(),
                func_name: None,
                module_offset,
            });
        };
        let index = FuncIndex::new(module.num_imported_funcs + func.index());
        let name = explained.and_then(|view| view.func_name(module_index, index));
        Some(FrameInfo {
            module_name: module.name.as_deref().map(shown),
            func_index: index.as_u32(),
            func_name: name.or_else(|| module.func_name(index)).map(shown),
            module_offset,
        })
    }

    /// The image, if the part of it that explains frames is intact.
    fn explained(&self) -> Option<ImageView<'_>> {
        let view = self.view();
        let intact = self
            .names_are_intact
            .get_or_init(|| view.names_are_intact());
        intact.then_some(view)
    }

    /// A return address may be one past the end of the text.
    fn return_offset(&self, return_address: usize) -> Option<u32> {
        Some(self.offset(return_address.checked_sub(1)?)? + 1)
    }

    #[inline]
    fn offset(&self, pc: usize) -> Option<u32> {
        let text = self.text();
        if !text.contains(&pc) {
            return None;
        }
        u32::try_from(pc - text.start).ok()
    }
}

/// A name as backtraces have it.
fn shown(name: &str) -> Arc<str> {
    guest_name::cut(name).into()
}
