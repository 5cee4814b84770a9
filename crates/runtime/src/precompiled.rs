//! [`Precompiled`]: what a code image is of. The images themselves are in `code`.

use anyhow::{Result, bail};
use threadline_environ::artifact::ImageKind;

/// What a precompiled image is of.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Precompiled {
    /// A core module.
    Module,
    /// A component.
    Component,
}

impl Precompiled {
    pub(crate) fn detect(bytes: &[u8]) -> Option<Precompiled> {
        Some(match ImageKind::detect(bytes)? {
            ImageKind::Module => Precompiled::Module,
            ImageKind::Component => Precompiled::Component,
        })
    }

    /// Checks that it is what is expected.
    ///
    /// # Errors
    /// If it isn't.
    pub(crate) fn check(self, is_component: bool) -> Result<()> {
        match (self, is_component) {
            (Precompiled::Module, false) | (Precompiled::Component, true) => Ok(()),
            (Precompiled::Module, true) => {
                bail!("expected a core module, found a component: use `Component`")
            }
            (Precompiled::Component, false) => {
                bail!("the binary is a core module, not a component: use `Module`")
            }
        }
    }
}
