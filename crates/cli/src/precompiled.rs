//! Files that `threadline compile` made.
#![expect(
    unsafe_code,
    reason = "`--allow-precompiled` says that the image is trusted, as any program is"
)]

use anyhow::{Context, Result};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use threadline::component::Component;
use threadline::{Engine, Module, Precompiled};

/// What the file is an image of, if it is one.
///
/// # Errors
/// If it can't be read.
pub(crate) fn detect(path: &Path) -> Result<Option<Precompiled>> {
    let mut start = Vec::new();
    let file = File::open(path).with_context(|| format!("can't read `{}`", path.display()))?;
    file.take(16)
        .read_to_end(&mut start)
        .with_context(|| format!("can't read `{}`", path.display()))?;
    Ok(Engine::detect_precompiled(&start))
}

/// Loads an image of a core module.
///
/// # Errors
/// If it is damaged, or not for this engine.
pub(crate) fn module(engine: &Engine, path: &Path) -> Result<Module> {
    // SAFETY: `run::load` comes here only with `--allow-precompiled`, by which the caller of the
    // command vouches for the file. `compile` replaces files without writing to them.
    unsafe { Module::deserialize_file(engine, path) }
}

/// Loads an image of a component.
///
/// # Errors
/// If it is damaged, or not for this engine.
pub(crate) fn component(engine: &Engine, path: &Path) -> Result<Component> {
    // SAFETY: as in `module`.
    unsafe { Component::deserialize_file(engine, path) }
}
