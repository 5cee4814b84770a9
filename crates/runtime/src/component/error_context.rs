//! [`ErrorContext`]: `error-context` in the host's hands.

use super::{ComponentType, Lift, LiftContext, Lower, LowerContext, TypeAbi, TypeContext};
use crate::canonical_abi::TypeMismatch;
use crate::vm::val_raw;
use anyhow::Result;
use std::fmt;
use std::sync::Arc;
use threadline_environ::component::InterfaceType;
use threadline_environ::layout::ValRaw;

/// An `error-context`: what went wrong, in words that are meant for people.
///
/// It has no identity: guests can't tell one from another with the same message.
#[derive(Clone, PartialEq, Eq)]
pub struct ErrorContext {
    message: Arc<str>,
}

impl ErrorContext {
    /// One that says this.
    pub fn new(message: impl Into<Arc<str>>) -> ErrorContext {
        ErrorContext {
            message: message.into(),
        }
    }

    /// What it says. Messages of guests may have been made shorter.
    pub fn debug_message(&self) -> &str {
        &self.message
    }
}

impl fmt::Debug for ErrorContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ErrorContext").field(&self.message).finish()
    }
}

impl fmt::Display for ErrorContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ErrorContext {}

impl ComponentType for ErrorContext {
    const ABI: TypeAbi = TypeAbi::scalar(4);

    fn typecheck(cx: &TypeContext<'_>, ty: InterfaceType) -> Result<(), TypeMismatch> {
        match ty {
            InterfaceType::ErrorContext => Ok(()),
            other => Err(TypeMismatch::new(cx, other, "error-context")),
        }
    }
}

impl Lower for ErrorContext {
    fn lower_flat(
        &self,
        cx: &mut LowerContext<'_>,
        _: InterfaceType,
        to: &mut [ValRaw],
    ) -> Result<()> {
        to[0] = val_raw::from_i32(cx.lower_error_context(self.clone())? as i32);
        Ok(())
    }

    fn store(&self, cx: &mut LowerContext<'_>, _: InterfaceType, address: usize) -> Result<()> {
        let index = cx.lower_error_context(self.clone())?;
        index.store(cx, InterfaceType::U32, address)
    }
}

impl Lift for ErrorContext {
    fn lift_flat(cx: &mut LiftContext<'_>, _: InterfaceType, from: &[ValRaw]) -> Result<Self> {
        cx.lift_error_context(val_raw::i32(&from[0]) as u32)
    }

    fn load(cx: &mut LiftContext<'_>, _: InterfaceType, from: &[u8]) -> Result<Self> {
        let index = u32::load(cx, InterfaceType::U32, from)?;
        cx.lift_error_context(index)
    }
}
