//! `lift_async_value`, `lower_async_value` and error contexts on the host's side: what is in tables
//! of handles and isn't a resource.

use super::context::{LiftContext, LowerContext};
use crate::bug::{Bug, bug};
use crate::component::{ErrorContext, end_type};
use crate::vm::ComponentInstancePtr;
use anyhow::Result;
use threadline_concurrent::EndId;
use threadline_environ::component::{EndType, InterfaceType};

fn type_of(ty: InterfaceType) -> Result<EndType, Bug> {
    end_type(ty).ok_or_else(|| bug!("an end is passed as {ty:?}"))
}

impl LiftContext<'_> {
    /// `lift_async_value`: the end is the host's from now on.
    pub(crate) fn lift_end(&mut self, ty: InterfaceType, index: u32) -> Result<EndId> {
        let owner = self.options.instance;
        self.store
            .lift_end(self.instance, owner, type_of(ty)?, index)
    }

    /// `lift_error_context`.
    pub(crate) fn lift_error_context(&mut self, index: u32) -> Result<ErrorContext> {
        let owner = self.options.instance;
        self.store.lift_error_context(self.instance, owner, index)
    }
}

impl LowerContext<'_> {
    /// `lower_async_value`, of an end that the host has.
    pub(crate) fn lower_end(&mut self, ty: InterfaceType, id: EndId) -> Result<u32> {
        let owner = self.options.instance;
        self.store.lower_end(self.instance, owner, type_of(ty)?, id)
    }

    /// `lower_error_context`.
    pub(crate) fn lower_error_context(&mut self, context: ErrorContext) -> Result<u32> {
        let owner = self.options.instance;
        self.store
            .lower_error_context(self.instance, owner, context)
    }

    /// The component instance that is lowered into.
    pub(crate) fn instance(&self) -> ComponentInstancePtr {
        self.instance
    }
}
