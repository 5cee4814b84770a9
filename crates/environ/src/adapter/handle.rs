//! Handles: what is moved or lent in a call.
//!
//! On the way from side to side a handle is its resource's representation. All that is done with
//! the sides' tables is done by trampolines (`Trampoline::Resource`); here is which of them, and
//! what a call must remember: a scope that counts the handles borrowed by the callee, if it is
//! given any, and which handles the caller has lent, for these are not lent any more once the call
//! is over. A lent handle can't be removed, so its index stands for it until then.
//!
//! A component that defines a resource type borrows representations, not handles: where the
//! callee does, nothing is counted.

use super::Peer;
use super::body::{Body, flat_signature};
use super::code::Local;
use super::imports::AdapterImport;
use super::place::Move;
use crate::canonical_abi::FlatType;
use crate::component::{
    Borrowed, EndType, InterfaceType, ResourceOp, ResourceOrigin, ScopeOp, TransferOp,
};
use crate::error::{Error, Result};
use crate::index::ResourceIndex;
use wasm_encoder::BlockType;

/// What a call with borrowed handles remembers.
#[derive(Default)]
pub(super) struct CallBorrows {
    /// The scope, if the callee may get handles.
    scope: Option<Local>,
    /// The list of lent handles, if there may be any number of them.
    lenders: Option<Local>,
    /// Other handles that have been lent, if they aren't 0.
    lent: Vec<(Local, ResourceIndex)>,
    /// Whether the code being written may run more than once in a call: it is a helper, or a
    /// loop in the main function.
    pub(super) repeated: bool,
}

impl CallBorrows {
    /// In a helper that gets scope and lenders as parameters.
    pub(super) fn in_helper([scope, lenders]: [Option<Local>; 2]) -> CallBorrows {
        CallBorrows {
            scope,
            lenders,
            lent: Vec::new(),
            repeated: true,
        }
    }

    /// What a helper needs to know.
    pub(super) fn for_helper(&self) -> [Option<Local>; 2] {
        [self.scope, self.lenders]
    }
}

impl Body<'_> {
    /// Begins the bookkeeping of the call, if it needs any.
    pub(super) fn begin_borrows(&mut self) {
        let spec = self.spec;
        let mut params = spec.func.params.iter();
        if params.any(|&(_, ty)| self.shape(ty).borrows_many) {
            self.borrows.lenders = Some(self.new_scope_local(ScopeOp::BeginLends));
        }
        let borrowed = spec.types.borrowed(spec.func);
        let gets_handle = |borrowed: &Borrowed| !spec.callee_defines(borrowed.resource);
        if borrowed.iter().any(gets_handle) {
            self.borrows.scope = Some(self.new_scope_local(ScopeOp::Enter));
        }
    }

    /// Looks up the bookkeeping of the task that is about to start, if it needs any. It is not
    /// here that it ends.
    pub(super) fn begin_task_borrows(&mut self) {
        let spec = self.spec;
        let borrowed = spec.types.borrowed(spec.func);
        if borrowed.is_empty() {
            return;
        }
        self.borrows.lenders = Some(self.new_scope_local(ScopeOp::LendsToTask));
        // What is lent is remembered longer than this function runs.
        self.borrows.repeated = true;
        let gets_handle = |borrowed: &Borrowed| !spec.callee_defines(borrowed.resource);
        if borrowed.iter().any(gets_handle) {
            self.borrows.scope = Some(self.new_scope_local(ScopeOp::OfTask));
        }
    }

    /// The callee has returned: it must have dropped what it borrowed.
    pub(super) fn end_borrow_scope(&mut self) {
        if let Some(scope) = self.borrows.scope {
            self.get(scope);
            self.scope_op(ScopeOp::Exit);
        }
    }

    /// The call is over: what was lent isn't any more.
    pub(super) fn end_lends(&mut self) {
        for (handle, resource) in std::mem::take(&mut self.borrows.lent) {
            self.get(handle);
            self.emit().if_(BlockType::Empty);
            self.get(handle);
            self.resource_op(ResourceOp::EndLend, Peer::Caller, resource);
            self.emit().end();
        }
        if let Some(lenders) = self.borrows.lenders {
            self.get(lenders);
            self.scope_op(ScopeOp::EndLends);
        }
    }

    /// Moves a handle. In the scratch memory there is a representation.
    pub(super) fn handle(&mut self, ty: InterfaceType, mv: Move<'_>) -> Result<()> {
        const SIZE: u32 = 4;
        self.begin_store(mv.dst);
        self.push_scalar(InterfaceType::U32, SIZE, mv)?;
        let (lift, lower) = (mv.from != Peer::Scratch, mv.to != Peer::Scratch);
        match ty {
            InterfaceType::Own(resource) => {
                if lift {
                    self.resource_op(ResourceOp::LiftOwn, mv.from, resource);
                }
                if lower {
                    self.resource_op(ResourceOp::LowerOwn, mv.to, resource);
                }
            }
            InterfaceType::Borrow(resource) => {
                if lift {
                    self.lift_borrow(resource)?;
                }
                if lower {
                    self.lower_borrow(resource)?;
                }
            }
            InterfaceType::Stream(index) => self.transfer_end(EndType::Stream(index), mv),
            InterfaceType::Future(index) => self.transfer_end(EndType::Future(index), mv),
            InterfaceType::ErrorContext => {
                if lift {
                    self.transfer(TransferOp::LiftErrorContext, mv.from);
                }
                if lower {
                    self.transfer(TransferOp::LowerErrorContext, mv.to);
                }
            }
            _ => unreachable!("only handles come here"),
        }
        self.end_store(InterfaceType::U32, SIZE, mv)
    }

    /// Moves the readable end whose index is on the stack. In the scratch memory there is what
    /// stands for it.
    fn transfer_end(&mut self, ty: EndType, mv: Move<'_>) {
        if mv.from != Peer::Scratch {
            self.transfer(TransferOp::LiftEnd(ty), mv.from);
        }
        if mv.to != Peer::Scratch {
            self.transfer(TransferOp::LowerEnd(ty), mv.to);
        }
    }

    fn transfer(&mut self, op: TransferOp, peer: Peer) {
        let (params, results) = flat_signature(&op.signature());
        self.call(AdapterImport::Transfer { op, peer }, &params, &results);
    }

    /// `lift_borrow` out of the caller: replaces a handle on the stack by its representation.
    fn lift_borrow(&mut self, resource: ResourceIndex) -> Result<()> {
        if self.borrows.repeated {
            let lenders = self.borrows.lenders.ok_or_else(unexpected)?;
            self.get(lenders);
            self.resource_op(ResourceOp::LiftBorrowAmongMany, Peer::Caller, resource);
            return Ok(());
        }
        let handle = self.code.new_zero_local(FlatType::I32);
        self.emit().local_tee(handle.index);
        self.borrows.lent.push((handle, resource));
        self.resource_op(ResourceOp::LiftBorrow, Peer::Caller, resource);
        Ok(())
    }

    /// `lower_borrow` into the callee: replaces a representation on the stack by a handle, unless
    /// the callee gets the representation itself.
    fn lower_borrow(&mut self, resource: ResourceIndex) -> Result<()> {
        if self.spec.callee_defines(resource) {
            return Ok(());
        }
        let scope = self.borrows.scope.ok_or_else(unexpected)?;
        self.get(scope);
        self.resource_op(ResourceOp::LowerBorrow, Peer::Callee, resource);
        Ok(())
    }

    fn resource_op(&mut self, op: ResourceOp, peer: Peer, resource: ResourceIndex) {
        let import = AdapterImport::Resource { op, peer, resource };
        let (params, results) = flat_signature(&op.signature());
        self.call(import, &params, &results);
    }

    fn scope_op(&mut self, op: ScopeOp) {
        let (params, results) = flat_signature(&op.signature());
        self.call(AdapterImport::BorrowScope(op), &params, &results);
    }

    fn new_scope_local(&mut self, op: ScopeOp) -> Local {
        self.scope_op(op);
        self.set_new_local(FlatType::I32)
    }
}

/// The error for a borrowed handle where validation allows none: outside of parameters.
fn unexpected() -> Error {
    Error::invalid("a borrowed handle that isn't a parameter's", 0)
}

impl super::AdapterSpec<'_> {
    /// Whether the callee's instance defines a resource type.
    fn callee_defines(&self, resource: ResourceIndex) -> bool {
        match self.resources[resource].origin {
            ResourceOrigin::Defined { instance, .. } => instance == self.callee.instance,
            ResourceOrigin::Imported { .. } | ResourceOrigin::Abstract => false,
        }
    }
}
