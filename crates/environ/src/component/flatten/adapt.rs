//! Calls from guest to guest.

use super::Flattener;
use super::value::LiftedFunc;
use crate::component::info::CoreDef;
use crate::error::{Error, Result};
use crate::index::*;

/// What an adapter is made for.
#[derive(Copy, Clone, PartialEq, Eq, Hash)]
pub(super) struct AdapterKey {
    callee: CoreDef,
    lift: OptionsIndex,
    lower: OptionsIndex,
    ty: ComponentFuncTypeIndex,
}

impl Flattener<'_, '_> {
    /// The core function that calls a lifted function from where it is lowered.
    pub(super) fn adapt(
        &mut self,
        callee: LiftedFunc,
        ty: ComponentFuncTypeIndex,
        lower: OptionsIndex,
        offset: u64,
    ) -> Result<CoreDef> {
        let _ = (callee, ty, lower, &self.interned.adapters);
        Err(Error::unsupported(
            "a call from component to component",
            offset,
        ))
    }
}
