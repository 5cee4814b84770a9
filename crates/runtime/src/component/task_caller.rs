//! The host's part in a call that makes a task: lowering, lifting and what was lent.

use super::func::LiftedFunc;
use crate::bug::bail_bug;
use crate::canonical_abi::{CallHandles, LiftContext, LowerContext};
use crate::concurrent::HostCaller;
use crate::store::StoreOpaque;
use anyhow::Result;
use threadline_environ::layout::ValRaw;

/// A call of a function by the host.
pub(super) struct TaskCaller<'a, L, F, R> {
    func: &'a LiftedFunc,
    lower: Option<L>,
    lift: Option<F>,
    handles: CallHandles,
    result: Option<R>,
}

impl<'a, L, F, R> TaskCaller<'a, L, F, R> {
    /// A call that lowers its parameters and lifts its result with these.
    pub(super) fn new(func: &'a LiftedFunc, lower: L, lift: F) -> Self {
        TaskCaller {
            func,
            lower: Some(lower),
            lift: Some(lift),
            handles: CallHandles::default(),
            result: None,
        }
    }

    /// The call is over: its result.
    pub(super) fn end(self, store: &StoreOpaque, called: Result<()>) -> Result<R> {
        self.handles.end(store);
        called?;
        match self.result {
            Some(result) => Ok(result),
            None => bail_bug!("a call has returned, and its result was not lifted"),
        }
    }
}

impl<L, F, R> HostCaller for TaskCaller<'_, L, F, R>
where
    L: FnOnce(&mut LowerContext<'_>, &mut [ValRaw]) -> Result<()>,
    F: FnOnce(&mut LiftContext<'_>, &[ValRaw]) -> Result<R>,
{
    fn lower(&mut self, store: &mut StoreOpaque, slots: &mut [ValRaw]) -> Result<()> {
        let Some(lower) = self.lower.take() else {
            bail_bug!("a call starts twice");
        };
        let instance = self.func.instance();
        let options = instance.options(self.func.options)?;
        lower(
            &mut LowerContext::new(store, instance, options, &self.handles),
            slots,
        )
    }

    fn lift(&mut self, store: &mut StoreOpaque, slots: &mut [ValRaw]) -> Result<()> {
        let Some(lift) = self.lift.take() else {
            bail_bug!("a call returns twice");
        };
        let instance = self.func.instance();
        let options = instance.options(self.func.options)?;
        let cx = &mut LiftContext::new(store, instance, options, &self.handles);
        self.result = Some(lift(cx, slots)?);
        self.handles.exit_scope(instance)?;
        instance.post_return(store, options, slots)
    }

    fn over(&mut self, store: &StoreOpaque) {
        std::mem::take(&mut self.handles).end(store);
    }
}
