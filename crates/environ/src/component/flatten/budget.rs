//! How much a binary may ask of flattening.

use crate::error::{Error, Result};

/// Component instances at most, the root among them.
const MAX_COMPONENT_INSTANCES: u32 = 10_000;
/// Core instances at most, adapters among them.
const MAX_CORE_INSTANCES: u32 = 10_000;
/// Instantiations inside instantiations at most, and instances inside instances.
pub(super) const MAX_DEPTH: u32 = 100;
/// Exports at most, counted through nested instances.
const MAX_EXPORTS: u32 = 100_000;
/// Imports at most, counted through nested instances.
const MAX_IMPORTS: u32 = 100_000;
/// Definitions evaluated, imports resolved and names looked at, at most.
const MAX_WORK: u64 = 2_000_000;

/// What is left of each.
pub(super) struct Budget {
    component_instances: u32,
    core_instances: u32,
    exports: u32,
    imports: u32,
    work: u64,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget {
            component_instances: MAX_COMPONENT_INSTANCES,
            core_instances: MAX_CORE_INSTANCES,
            exports: MAX_EXPORTS,
            imports: MAX_IMPORTS,
            work: MAX_WORK,
        }
    }
}

impl Budget {
    /// Allows an instantiation (or an instance) at this depth.
    pub(super) fn enter(&self, depth: u32) -> Result<()> {
        if depth <= MAX_DEPTH {
            return Ok(());
        }
        too_large(format!("instances are nested more than {MAX_DEPTH} deep"))
    }

    /// Allows one more component instance.
    pub(super) fn component_instance(&mut self) -> Result<()> {
        match self.component_instances.checked_sub(1) {
            Some(left) => self.component_instances = left,
            None => {
                return too_large(format!(
                    "a component makes more than {MAX_COMPONENT_INSTANCES} component instances"
                ));
            }
        }
        Ok(())
    }

    /// Allows one more core instance.
    pub(super) fn core_instance(&mut self) -> Result<()> {
        match self.core_instances.checked_sub(1) {
            Some(left) => self.core_instances = left,
            None => {
                return too_large(format!(
                    "a component makes more than {MAX_CORE_INSTANCES} core instances"
                ));
            }
        }
        Ok(())
    }

    /// Allows one more export.
    pub(super) fn export(&mut self) -> Result<()> {
        match self.exports.checked_sub(1) {
            Some(left) => self.exports = left,
            None => {
                return too_large(format!("a component has more than {MAX_EXPORTS} exports"));
            }
        }
        Ok(())
    }

    /// Allows one more import.
    pub(super) fn import(&mut self) -> Result<()> {
        match self.imports.checked_sub(1) {
            Some(left) => self.imports = left,
            None => {
                return too_large(format!("a component has more than {MAX_IMPORTS} imports"));
            }
        }
        Ok(())
    }

    /// Allows so many units of work.
    pub(super) fn spend(&mut self, units: usize) -> Result<()> {
        match self.work.checked_sub(units as u64) {
            Some(left) => self.work = left,
            None => {
                return too_large(format!(
                    "instantiating a component takes more than {MAX_WORK} steps"
                ));
            }
        }
        Ok(())
    }
}

fn too_large(message: String) -> Result<()> {
    Err(Error::TooLarge { message })
}
