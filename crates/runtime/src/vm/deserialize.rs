//! Loading what was compiled earlier: the functions whose callers answer for bytes that are run.

use super::ImageMapping;
use crate::code::ImageSource;
use crate::component::Component;
use crate::{Engine, Module};
use anyhow::{Context as _, Result};
use std::fs::File;
use std::path::Path;

impl Module {
    /// Loads a module from the image that [`Module::serialize`] or
    /// [`Engine::precompile_module`] made.
    ///
    /// Damage is found by checksums, and so is an image of another version, configuration or
    /// machine.
    ///
    /// # Safety
    /// The bytes come from Threadline. They are not validated as WebAssembly is: whoever can
    /// forge them can run any code.
    ///
    /// # Errors
    /// If the image is damaged or not for this engine (an [`ImageError`](crate::ImageError)), or
    /// is one of a component.
    pub unsafe fn deserialize(engine: &Engine, image: impl AsRef<[u8]>) -> Result<Module> {
        Module::from_image(engine, copy(image.as_ref())?)
    }

    /// As [`Module::deserialize`], with the file mapped instead of read. Names of functions and
    /// the like are read, and their checksum looked at, when there is a backtrace: damage to them
    /// leaves frames without.
    ///
    /// # Safety
    /// As there; and nobody changes the file while the module is in use. To replace it, put a new
    /// one in its place by renaming.
    ///
    /// # Errors
    /// As there, and if the file can't be mapped.
    pub unsafe fn deserialize_file(engine: &Engine, path: impl AsRef<Path>) -> Result<Module> {
        let path = path.as_ref();
        // SAFETY: the caller promises that the file stays as it is.
        let mapping = unsafe { map(path)? };
        Module::from_image(engine, mapping).with_context(|| failed(path))
    }
}

impl Component {
    /// Loads a component from the image that [`Component::serialize`] or
    /// [`Engine::precompile_component`] made.
    ///
    /// Damage is found by checksums, and so is an image of another version, configuration or
    /// machine.
    ///
    /// # Safety
    /// The bytes come from Threadline. They are not validated as WebAssembly is: whoever can
    /// forge them can run any code.
    ///
    /// # Errors
    /// If the image is damaged or not for this engine (an [`ImageError`](crate::ImageError)), or
    /// is one of a core module.
    pub unsafe fn deserialize(engine: &Engine, image: impl AsRef<[u8]>) -> Result<Component> {
        Component::from_image(engine, copy(image.as_ref())?)
    }

    /// As [`Component::deserialize`], with the file mapped instead of read. Names of functions
    /// and the like are read, and their checksum looked at, when there is a backtrace: damage to
    /// them leaves frames without.
    ///
    /// # Safety
    /// As there; and nobody changes the file while the component is in use. To replace it, put a
    /// new one in its place by renaming.
    ///
    /// # Errors
    /// As there, and if the file can't be mapped.
    pub unsafe fn deserialize_file(engine: &Engine, path: impl AsRef<Path>) -> Result<Component> {
        let path = path.as_ref();
        // SAFETY: the caller promises that the file stays as it is.
        let mapping = unsafe { map(path)? };
        Component::from_image(engine, mapping).with_context(|| failed(path))
    }
}

fn copy(image: &[u8]) -> Result<ImageSource> {
    if image.is_empty() {
        return Err(crate::ImageError::NotAnImage.into());
    }
    let mapping = ImageMapping::copy(image).context("no memory for code")?;
    Ok(ImageSource::Copy(mapping))
}

/// # Safety
/// Nobody changes the file as long as the mapping is there.
unsafe fn map(path: &Path) -> Result<ImageSource> {
    let open = || -> std::io::Result<_> {
        let file = File::open(path)?;
        // SAFETY: passed on.
        Ok(ImageSource::File(unsafe { ImageMapping::of_file(file)? }))
    };
    open().with_context(|| format!("can't map `{}`", path.display()))
}

fn failed(path: &Path) -> String {
    format!("failed to load `{}`", path.display())
}
