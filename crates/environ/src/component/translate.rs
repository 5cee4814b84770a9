//! The walk over a component's sections.

use crate::error::{Error, Result};
use crate::{Features, Translation};

/// Translates a component binary.
pub(crate) fn translate(_bytes: &[u8], _features: Features) -> Result<Translation<'_>> {
    Err(Error::unsupported("the component model", 0))
}
