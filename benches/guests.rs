//! The C programs of `tests/guests`, as components that differ in where the stack pointer is.

use anyhow::{Context as _, Result};
use std::path::Path;
use threadline_retarget::{Options, Wit};

/// One program, twice.
pub(crate) struct Guest {
    /// Its file name without an extension.
    pub(crate) name: &'static str,
    /// The argument to call it with: so many rounds of work.
    pub(crate) n: u32,
    /// The component with the stack pointer in context slot 0.
    pub(crate) slot: Vec<u8>,
    /// The component with the stack pointer in its global.
    pub(crate) global: Vec<u8>,
}

/// The programs of the world `guest`, from the folder `tests/guests`.
pub(crate) fn all(folder: &Path) -> Result<Vec<Guest>> {
    ["tree", "format", "json", "sort", "blend"]
        .into_iter()
        .map(|name| guest(folder, name).with_context(|| format!("the guest program `{name}`")))
        .collect()
}

fn guest(folder: &Path, name: &'static str) -> Result<Guest> {
    let module = std::fs::read(folder.join(format!("{name}.wasm")))?;
    let wit = Wit::Path {
        path: &folder.join("guests.wit"),
        world: Some("guest"),
    };
    let component = |keep_global| {
        let options = Options {
            keep_global,
            ..Options::default()
        };
        threadline_retarget::retarget(&module, &options, &wit)
    };
    Ok(Guest {
        name,
        n: 150,
        slot: component(false)?.bytes,
        global: component(true)?.bytes,
    })
}
