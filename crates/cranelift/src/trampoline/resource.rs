//! `canon resource.*`, and what adapters do with handles: `lift_own`, `lower_own`, `lift_borrow`
//! and `lower_borrow` of the canonical ABI.
//!
//! What always happens is compiled here. The host is called where a table has no free entry, to
//! say what is wrong with a handle, and to destroy a resource whose type is not of this component.
//! How tables and scopes are laid out is in `crates/environ/src/layout/handle_table.rs`.

use super::Emitter;
use crate::signature::{self, POINTER};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, BlockArg, InstBuilder, Value, types};
use std::mem::offset_of;
use threadline_environ::component::{Component, ResourceOp, ResourceOrigin, ScopeOp};
use threadline_environ::layout::{
    KIND_FREE, STATE_LEND, STATE_OWN, VMBorrowScope, VMBorrowScopes, VMHandle, VMHandleTable,
    VMResourceType,
};
use threadline_environ::{BuiltinIndex, ResourceIndex, RuntimeComponentInstanceIndex, TrapCode};

const _: () = assert!(size_of::<VMHandle>() == 1 << HANDLE_SHIFT);
const HANDLE_SHIFT: i64 = 4;
const _: () = assert!(size_of::<VMBorrowScope>() == 1 << SCOPE_SHIFT);
const SCOPE_SHIFT: i64 = 3;

/// What is done, with whose handles of which type.
#[derive(Copy, Clone)]
pub(super) struct OnHandle {
    pub(super) op: ResourceOp,
    pub(super) instance: RuntimeComponentInstanceIndex,
    pub(super) resource: ResourceIndex,
}

/// Defines a `Trampoline::Resource`.
pub(super) fn resource(
    (emitter, params): (Emitter<'_>, Vec<Value>),
    component: &Component,
    on: OnHandle,
) {
    let layout = &component.layout;
    let mut code = HandleCode {
        emitter,
        vmctx: params[0],
        on,
        table: layout.handle_table(on.instance) as usize,
        ty: layout.resource_type(on.resource) as usize,
        scopes: layout.borrow_scopes() as usize,
        failed: None,
    };
    let (vmctx, param) = (params[0], params[1]);
    let result = match on.op {
        ResourceOp::New => {
            code.emitter.check_may_leave(vmctx, component, on.instance);
            Some(code.add_own(param))
        }
        ResourceOp::Rep => {
            let entry = code.entry(param);
            Some(code.field(entry, offset_of!(VMHandle, rep)))
        }
        ResourceOp::Drop => {
            code.emitter.check_may_leave(vmctx, component, on.instance);
            code.drop_handle(param, &component.resources[on.resource].origin);
            None
        }
        ResourceOp::LiftOwn => Some(code.lift_own(param)),
        ResourceOp::LowerOwn => Some(code.add_own(param)),
        ResourceOp::LiftBorrow => Some(code.lift_borrow(param)),
        ResourceOp::LiftBorrowAmongMany => {
            let args = code.operands(&[on.instance.as_u32(), on.resource.as_u32()]);
            let args = [&args[..], &params[1..]].concat();
            Some(
                code.emitter
                    .call_builtin_for_i32(vmctx, BuiltinIndex::Lend, &args),
            )
        }
        ResourceOp::LowerBorrow => Some(code.lower_borrow(param, params[2])),
        ResourceOp::EndLend => {
            code.end_lend(param);
            None
        }
    };
    code.finish(result);
}

/// Defines a `Trampoline::BorrowScope`.
pub(super) fn borrow_scope(
    (emitter, params): (Emitter<'_>, Vec<Value>),
    component: &Component,
    op: ScopeOp,
    lender: RuntimeComponentInstanceIndex,
) {
    let vmctx = params[0];
    let scopes = component.layout.borrow_scopes() as usize;
    let mut emitter = emitter;
    let result = match op {
        ScopeOp::Enter => Some(enter_scope(&mut emitter, vmctx, scopes)),
        ScopeOp::Exit => {
            exit_scope(&mut emitter, vmctx, scopes, params[1]);
            None
        }
        ScopeOp::BeginLends => {
            Some(emitter.call_builtin_for_i32(vmctx, BuiltinIndex::BeginLends, &[]))
        }
        ScopeOp::EndLends => {
            let lender = emitter.i32(lender.as_u32());
            emitter.call_builtin(vmctx, BuiltinIndex::EndLends, &[lender, params[1]]);
            None
        }
        ScopeOp::OfTask => Some(emitter.call_builtin_for_i32(vmctx, BuiltinIndex::TaskScope, &[])),
        ScopeOp::LendsToTask => {
            Some(emitter.call_builtin_for_i32(vmctx, BuiltinIndex::TaskLends, &[]))
        }
    };
    emitter.builder.ins().return_(result.as_slice());
    emitter.finish();
}

/// One trampoline while it is written.
struct HandleCode<'a> {
    emitter: Emitter<'a>,
    vmctx: Value,
    on: OnHandle,
    /// Offsets in the `VMComponentContext`.
    table: usize,
    ty: usize,
    scopes: usize,
    /// Where control goes when something is wrong with the handle, and the handle.
    failed: Option<(ir::Block, Value)>,
}

impl HandleCode<'_> {
    /// The address of a handle's entry, which is of the right type.
    fn entry(&mut self, handle: Value) -> Value {
        let length = self.table + offset_of!(VMHandleTable, length);
        let length = self.emitter.load(types::I32, self.vmctx, length);
        let ins = self.emitter.builder.ins();
        let in_bounds = ins.icmp(IntCC::UnsignedLessThan, handle, length);
        self.fail_unless(in_bounds, handle);
        let entry = self.entry_address(handle);
        let kind = self.field(entry, offset_of!(VMHandle, kind));
        let id = self.type_id();
        let same = self.emitter.builder.ins().icmp(IntCC::Equal, kind, id);
        self.fail_unless(same, handle);
        entry
    }

    fn entry_address(&mut self, handle: Value) -> Value {
        let base = self.table + offset_of!(VMHandleTable, base);
        let base = self.emitter.load(POINTER, self.vmctx, base);
        self.emitter.element(base, handle, HANDLE_SHIFT)
    }

    fn type_id(&mut self) -> Value {
        let id = self.ty + offset_of!(VMResourceType, id);
        self.emitter.load(types::I32, self.vmctx, id)
    }

    fn field(&mut self, entry: Value, offset: usize) -> Value {
        self.emitter.load(types::I32, entry, offset)
    }

    fn set_field(&mut self, entry: Value, offset: usize, value: Value) {
        self.emitter.store(value, entry, offset);
    }

    /// Frees an entry: it is the next to be used.
    fn remove(&mut self, handle: Value, entry: Value) {
        let first = self.table + offset_of!(VMHandleTable, free);
        let next = self.emitter.load(types::I32, self.vmctx, first);
        let free = self.emitter.i32(KIND_FREE);
        self.set_field(entry, offset_of!(VMHandle, kind), free);
        self.set_field(entry, offset_of!(VMHandle, rep), next);
        self.emitter.store(handle, self.vmctx, first);
    }

    fn add_own(&mut self, rep: Value) -> Value {
        let own = self.emitter.i32(STATE_OWN);
        let no_scope = self.emitter.i32(0);
        self.add(own, rep, no_scope)
    }

    /// Uses the first free entry; its index.
    fn add(&mut self, state: Value, rep: Value, scope: Value) -> Value {
        let first = self.table + offset_of!(VMHandleTable, free);
        let instance = self.emitter.i32(self.on.instance.as_u32());
        let grow = (BuiltinIndex::HandleTableGrow, &[instance][..]);
        let handle = self.emitter.first_free(self.vmctx, first, grow);
        let entry = self.entry_address(handle);
        let next = self.field(entry, offset_of!(VMHandle, rep));
        self.emitter.store(next, self.vmctx, first);
        let id = self.type_id();
        self.set_field(entry, offset_of!(VMHandle, kind), id);
        self.set_field(entry, offset_of!(VMHandle, state), state);
        self.set_field(entry, offset_of!(VMHandle, rep), rep);
        self.set_field(entry, offset_of!(VMHandle, scope), scope);
        handle
    }

    fn lift_own(&mut self, handle: Value) -> Value {
        let entry = self.entry(handle);
        let state = self.field(entry, offset_of!(VMHandle, state));
        let own = self.emitter.i32(STATE_OWN);
        let owned = self.emitter.builder.ins().icmp(IntCC::Equal, state, own);
        self.fail_unless(owned, handle);
        let rep = self.field(entry, offset_of!(VMHandle, rep));
        self.remove(handle, entry);
        rep
    }

    fn lift_borrow(&mut self, handle: Value) -> Value {
        let entry = self.entry(handle);
        let state = self.field(entry, offset_of!(VMHandle, state));
        let lend = self.emitter.i32(STATE_LEND);
        let ins = self.emitter.builder.ins();
        let (state, too_many) = ins.uadd_overflow(state, lend);
        let ins = self.emitter.builder.ins();
        let fits = ins.icmp_imm_u(IntCC::Equal, too_many, 0);
        self.fail_unless(fits, handle);
        self.set_field(entry, offset_of!(VMHandle, state), state);
        self.field(entry, offset_of!(VMHandle, rep))
    }

    fn end_lend(&mut self, handle: Value) {
        // It was lent before, so all is well with it.
        let entry = self.entry(handle);
        let state = self.field(entry, offset_of!(VMHandle, state));
        let lend = self.emitter.i32(STATE_LEND);
        let state = self.emitter.builder.ins().isub(state, lend);
        self.set_field(entry, offset_of!(VMHandle, state), state);
    }

    fn lower_borrow(&mut self, rep: Value, scope: Value) -> Value {
        let counter = self.emitter.scope(self.vmctx, self.scopes, scope);
        let borrows = self.field(counter, offset_of!(VMBorrowScope, borrows));
        let borrows = self.emitter.builder.ins().iadd_imm_s(borrows, 1);
        self.set_field(counter, offset_of!(VMBorrowScope, borrows), borrows);
        let borrowed = self.emitter.i32(0);
        self.add(borrowed, rep, scope)
    }

    /// `canon_resource_drop`.
    fn drop_handle(&mut self, handle: Value, origin: &ResourceOrigin) {
        let entry = self.entry(handle);
        let state = self.field(entry, offset_of!(VMHandle, state));
        let own = self.emitter.i32(STATE_OWN);
        let owned = self.emitter.builder.ins().icmp(IntCC::Equal, state, own);
        let [drop_owned, not_owned] = self.emitter.blocks();
        let builder = &mut self.emitter.builder;
        builder.ins().brif(owned, drop_owned, &[], not_owned, &[]);

        builder.switch_to_block(not_owned);
        let not_lent = builder.ins().icmp_imm_u(IntCC::Equal, state, 0);
        self.fail_unless(not_lent, handle);
        let scope = self.field(entry, offset_of!(VMHandle, scope));
        self.remove(handle, entry);
        let counter = self.emitter.scope(self.vmctx, self.scopes, scope);
        let borrows = self.field(counter, offset_of!(VMBorrowScope, borrows));
        let borrows = self.emitter.builder.ins().iadd_imm_s(borrows, -1);
        self.set_field(counter, offset_of!(VMBorrowScope, borrows), borrows);
        self.emitter.builder.ins().return_(&[]);

        self.emitter.builder.switch_to_block(drop_owned);
        let rep = self.field(entry, offset_of!(VMHandle, rep));
        self.remove(handle, entry);
        self.destroy(rep, origin);
    }

    /// Ends in a call of the destructor, if there is one.
    fn destroy(&mut self, rep: Value, origin: &ResourceOrigin) {
        match origin {
            ResourceOrigin::Defined { dtor: None, .. } => {}
            ResourceOrigin::Defined { dtor: Some(_), .. } => {
                let code = self.ty + offset_of!(VMResourceType, dtor);
                let code = self.emitter.load(POINTER, self.vmctx, code);
                let context = self.ty + offset_of!(VMResourceType, dtor_vmctx);
                let context = self.emitter.load(POINTER, self.vmctx, context);
                let signature = signature::wasm_signature(&ResourceOp::Drop.signature());
                let builder = &mut self.emitter.builder;
                let signature = builder.import_signature(signature);
                let args = [context, rep];
                builder.ins().return_call_indirect(signature, code, &args);
                let after = builder.create_block();
                builder.switch_to_block(after);
            }
            ResourceOrigin::Imported { .. } | ResourceOrigin::Abstract => {
                let resource = self.emitter.i32(self.on.resource.as_u32());
                let args = [resource, rep];
                self.emitter
                    .call_builtin(self.vmctx, BuiltinIndex::ResourceDestroy, &args);
            }
        }
    }

    /// Numbers as operands.
    fn operands(&mut self, numbers: &[u32]) -> Vec<Value> {
        numbers.iter().map(|&n| self.emitter.i32(n)).collect()
    }

    /// Has the host say what is wrong with the handle unless the condition holds.
    fn fail_unless(&mut self, condition: Value, handle: Value) {
        let builder = &mut self.emitter.builder;
        let (failed, _) = *self.failed.get_or_insert_with(|| {
            let block = builder.create_block();
            builder.set_cold_block(block);
            (block, handle)
        });
        let next = builder.create_block();
        builder.ins().brif(condition, next, &[], failed, &[]);
        builder.switch_to_block(next);
    }

    fn finish(mut self, result: Option<Value>) {
        self.emitter.builder.ins().return_(result.as_slice());
        if let Some((failed, handle)) = self.failed {
            self.emitter.builder.switch_to_block(failed);
            let OnHandle {
                op,
                instance,
                resource,
            } = self.on;
            let mut args = self.operands(&[op as u32, instance.as_u32(), resource.as_u32()]);
            args.push(handle);
            self.emitter
                .call_builtin(self.vmctx, BuiltinIndex::HandleFailure, &args);
            let code = crate::trap::to_cranelift(TrapCode::UnknownHandle);
            self.emitter.builder.ins().trap(code);
        }
        self.emitter.finish();
    }
}

/// Takes a scope from the free list; its counter is 0.
fn enter_scope(emitter: &mut Emitter<'_>, vmctx: Value, scopes: usize) -> Value {
    let first = scopes + offset_of!(VMBorrowScopes, free);
    let grow = (BuiltinIndex::BorrowScopesGrow, &[][..]);
    let scope = emitter.first_free(vmctx, first, grow);
    let counter = emitter.scope(vmctx, scopes, scope);
    let next = emitter.load(types::I32, counter, offset_of!(VMBorrowScope, next));
    emitter.store(next, vmctx, first);
    let zero = emitter.i32(0);
    emitter.store(zero, counter, offset_of!(VMBorrowScope, borrows));
    scope
}

/// Traps if the scope's counter isn't 0, and puts the scope on the free list.
fn exit_scope(emitter: &mut Emitter<'_>, vmctx: Value, scopes: usize, scope: Value) {
    let first = scopes + offset_of!(VMBorrowScopes, free);
    let counter = emitter.scope(vmctx, scopes, scope);
    let borrows = emitter.load(types::I32, counter, offset_of!(VMBorrowScope, borrows));
    let code = crate::trap::to_cranelift(TrapCode::BorrowsRemain);
    emitter.builder.ins().trapnz(borrows, code);
    let next = emitter.load(types::I32, vmctx, first);
    emitter.store(next, counter, offset_of!(VMBorrowScope, next));
    emitter.store(scope, vmctx, first);
}

impl Emitter<'_> {
    fn blocks<const N: usize>(&mut self) -> [ir::Block; N] {
        std::array::from_fn(|_| self.builder.create_block())
    }

    /// The address of an element whose size is a power of two.
    fn element(&mut self, base: Value, index: Value, shift: i64) -> Value {
        let index = self.builder.ins().uextend(POINTER, index);
        let offset = self.builder.ins().ishl_imm_u(index, shift);
        self.builder.ins().iadd(base, offset)
    }

    /// The address of a borrow scope, whose number came from [`enter_scope`].
    fn scope(&mut self, vmctx: Value, scopes: usize, scope: Value) -> Value {
        let length = scopes + offset_of!(VMBorrowScopes, length);
        let length = self.load(types::I32, vmctx, length);
        let ins = self.builder.ins();
        let in_bounds = ins.icmp(IntCC::UnsignedLessThan, scope, length);
        // An adapter may be wrong, but not harmful.
        self.trap_unless(in_bounds, TrapCode::Unreachable);
        let base = scopes + offset_of!(VMBorrowScopes, base);
        let base = self.load(POINTER, vmctx, base);
        self.element(base, scope, SCOPE_SHIFT)
    }

    /// The first element of the free list whose head is at an offset of the context; if there is
    /// none, a builtin makes some. The list is as it was, or as the builtin left it.
    fn first_free(
        &mut self,
        vmctx: Value,
        head: usize,
        (grow, args): (BuiltinIndex, &[Value]),
    ) -> Value {
        let [empty, found] = self.blocks();
        self.builder.set_cold_block(empty);
        let free = self.builder.append_block_param(found, types::I32);
        let first = self.load(types::I32, vmctx, head);
        let some = [BlockArg::Value(first)];
        self.builder.ins().brif(first, found, &some, empty, &[]);
        self.builder.switch_to_block(empty);
        self.call_builtin(vmctx, grow, args);
        let first = self.load(types::I32, vmctx, head);
        self.builder.ins().jump(found, &[BlockArg::Value(first)]);
        self.builder.switch_to_block(found);
        free
    }
}
