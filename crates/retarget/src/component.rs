//! Makes a component of a core module, by `wit-component`.

use crate::error::{Error, Result};
use std::path::Path;
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{PackageId, Resolve, WorldId};

/// Where the world that a module is for is described.
#[derive(Clone, Copy, Debug)]
pub enum Wit<'a> {
    /// A WIT file, or a folder of them with its `deps`.
    Path {
        /// The file or folder.
        path: &'a Path,
        /// The world's name; may be left out where there is just one.
        world: Option<&'a str>,
    },
    /// The text of a WIT package.
    Text {
        /// The text.
        text: &'a str,
        /// The world's name; may be left out where there is just one.
        world: Option<&'a str>,
    },
    /// What is loaded already.
    Resolved {
        /// The packages.
        resolve: &'a Resolve,
        /// The world among them.
        world: WorldId,
    },
    /// The module carries its world in a `component-type` section, as bindings
    /// generators put it there.
    Embedded,
}

/// Makes a component of a core module that is for the given world, and
/// validates it.
///
/// # Errors
/// If the WIT can't be read, or module and world don't fit.
pub fn componentize(module: &[u8], wit: &Wit<'_>) -> Result<Vec<u8>> {
    let mut module = module.to_vec();
    match *wit {
        Wit::Path { path, world } => {
            let mut resolve = Resolve::default();
            let (package, _) = resolve.push_path(path).map_err(Error::Wit)?;
            let world = select(&resolve, package, world)?;
            embed(&mut module, &resolve, world)?;
        }
        Wit::Text { text, world } => {
            let mut resolve = Resolve::default();
            let package = resolve.push_source("input.wit", text).map_err(Error::Wit)?;
            let world = select(&resolve, package, world)?;
            embed(&mut module, &resolve, world)?;
        }
        Wit::Resolved { resolve, world } => embed(&mut module, resolve, world)?,
        Wit::Embedded if carries_world(&module)? => {}
        Wit::Embedded => return Err(Error::NoEmbeddedWorld),
    }
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true).debug_names(true);
    encoder
        .module(&module)
        .and_then(ComponentEncoder::encode)
        .map_err(Error::Componentize)
}

fn select(resolve: &Resolve, package: PackageId, world: Option<&str>) -> Result<WorldId> {
    resolve.select_world(&[package], world).map_err(Error::Wit)
}

fn carries_world(module: &[u8]) -> Result<bool> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CustomSection(section) = payload.map_err(Error::Malformed)?
            && section.name().starts_with("component-type")
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn embed(module: &mut Vec<u8>, resolve: &Resolve, world: WorldId) -> Result<()> {
    let canonical_names = false;
    embed_component_metadata(
        module,
        resolve,
        world,
        StringEncoding::UTF8,
        canonical_names,
    )
    .map_err(Error::Wit)
}
