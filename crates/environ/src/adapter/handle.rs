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
use super::body::{Body, Local};
use super::imports::AdapterImport;
use crate::component::{Borrowed, ResourceOp, ResourceOrigin, ScopeOp};
use crate::index::ResourceIndex;
use crate::types::ValType;
use wasm_encoder::BlockType;

/// What a call with borrowed handles remembers.
#[derive(Default)]
pub(super) struct CallBorrows {
    /// The scope, if the callee may get handles.
    scope: Option<Local>,
    /// The list of lent handles, if lists of them are passed.
    lenders: Option<Local>,
    /// Other handles that have been lent, if they aren't 0.
    lent: Vec<(Local, ResourceIndex)>,
}

impl Body<'_> {
    /// Begins the bookkeeping of the call, if it needs any.
    pub(super) fn begin_borrows(&mut self) {
        let spec = self.spec;
        let borrowed = spec.types.borrowed(spec.func);
        if borrowed.iter().any(|borrowed| borrowed.listed) {
            self.borrows.lenders = Some(self.new_scope_local(ScopeOp::BeginLends));
        }
        let gets_handle = |borrowed: &Borrowed| !spec.callee_defines(borrowed.resource);
        if borrowed.iter().any(gets_handle) {
            self.borrows.scope = Some(self.new_scope_local(ScopeOp::Enter));
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

    /// `lift_own`: replaces a handle on the stack by its representation.
    pub(super) fn lift_own(&mut self, peer: Peer, resource: ResourceIndex) {
        self.resource_op(ResourceOp::LiftOwn, peer, resource);
    }

    /// `lower_own`: replaces a representation on the stack by a handle.
    pub(super) fn lower_own(&mut self, peer: Peer, resource: ResourceIndex) {
        self.resource_op(ResourceOp::LowerOwn, peer, resource);
    }

    /// `lift_borrow` out of the caller: replaces a handle on the stack by its representation.
    ///
    /// For code that runs at most once in a call.
    pub(super) fn lift_borrow(&mut self, resource: ResourceIndex) {
        let handle = self.set_new_local(ValType::I32);
        self.get(handle);
        self.borrows.lent.push((handle, resource));
        self.resource_op(ResourceOp::LiftBorrow, Peer::Caller, resource);
    }

    /// As [`Self::lift_borrow`], for code that runs any number of times: for elements of lists.
    #[allow(
        dead_code,
        reason = "lists of handles come with lists of more than bytes"
    )]
    pub(super) fn lift_borrow_in_list(&mut self, resource: ResourceIndex) {
        let lenders = self.borrows.lenders;
        self.get(lenders.expect("`begin_borrows` looked for lists"));
        self.resource_op(ResourceOp::LiftBorrowAmongMany, Peer::Caller, resource);
    }

    /// `lower_borrow` into the callee: replaces a representation on the stack by a handle, unless
    /// the callee gets the representation itself.
    pub(super) fn lower_borrow(&mut self, resource: ResourceIndex) {
        if self.spec.callee_defines(resource) {
            return;
        }
        let scope = self.borrows.scope;
        self.get(scope.expect("`begin_borrows` looked for such types"));
        self.resource_op(ResourceOp::LowerBorrow, Peer::Callee, resource);
    }

    fn resource_op(&mut self, op: ResourceOp, peer: Peer, resource: ResourceIndex) {
        let import = AdapterImport::Resource { op, peer, resource };
        self.call(import, &op.signature());
    }

    fn scope_op(&mut self, op: ScopeOp) {
        self.call(AdapterImport::BorrowScope(op), &op.signature());
    }

    fn new_scope_local(&mut self, op: ScopeOp) -> Local {
        self.scope_op(op);
        self.set_new_local(ValType::I32)
    }
}

impl super::AdapterSpec<'_> {
    /// Whether the callee's instance defines a resource type.
    fn callee_defines(&self, resource: ResourceIndex) -> bool {
        match self.resources[resource].origin {
            ResourceOrigin::Defined { instance, .. } => instance == self.callee.instance,
            ResourceOrigin::Imported { .. } => false,
        }
    }
}
