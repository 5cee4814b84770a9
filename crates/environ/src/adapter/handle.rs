//! `own` and `borrow`.

use super::body::Body;
use super::place::Move;
use crate::component::InterfaceType;
use crate::error::{Error, Result};

impl Body<'_> {
    /// Moves a handle.
    pub(super) fn handle(&mut self, ty: InterfaceType, _mv: Move<'_>) -> Result<()> {
        let feature = format!("a value of type {ty:?} in a call between components");
        Err(Error::unsupported(feature, 0))
    }
}
