//! Calls from an instance to itself: values are staged in a scratch memory.
//!
//! `canon_lower` lifts all values of a call before `canon_lift` lowers the first. Adapters do both
//! at once, value by value, because nobody can tell: while values are lowered the only guest code
//! that runs is `realloc`, which cannot leave the instance it belongs to, and so neither sees nor
//! changes what is lifted from another one. Where caller and callee are the same instance it
//! can, and the two may overlap. Then values are first lifted into a memory of the adapter's own,
//! strings in the encoding they have and handles as representations, and lowered from there.
//!
//! The scratch memory is taken from its start for each staging; the i32 at address 0 says up to
//! where. When an adapter is entered again while it runs nothing that is staged is still needed:
//! the callee runs when all parameters are lowered.

use super::body::Body;
use super::code::Local;
use super::outlined::HelperKind;
use super::place::{Move, OwnedPlace};
use super::realloc::ByteLength;
use super::{Peer, PeerOptions};
use crate::TrapCode;
use crate::canonical_abi::{FlatType, flatten_fields, tuple_layout};
use crate::component::InterfaceType;
use crate::error::Result;
use crate::types::{AddressType, MemoryType};
use wasm_encoder::BlockType;

/// Where the first value goes.
const START: i32 = 8;

/// The type of a scratch memory.
pub(crate) const SCRATCH_MEMORY: MemoryType = MemoryType {
    address: AddressType::I32,
    minimum: 1,
    maximum: None,
    shared: false,
    page_size_log2: 16,
};

impl PeerOptions {
    /// Those of the scratch memory between the sides of a call from an instance to itself.
    /// Strings in it are in the encoding of where they come from.
    pub(super) fn scratch(side: &PeerOptions) -> PeerOptions {
        PeerOptions {
            instance: side.instance,
            memory: Some(SCRATCH_MEMORY),
            string_encoding: side.string_encoding,
            realloc: false,
            lift: side.lift,
            lower: side.lower,
            uses_context: false,
        }
    }
}

impl Body<'_> {
    /// Where to lower values from: from where they are, or, if lowering could interfere with
    /// that, from where they have been lifted to.
    pub(super) fn stage(
        &mut self,
        types: &[InterfaceType],
        from: Peer,
        src: OwnedPlace,
    ) -> Result<(Peer, OwnedPlace)> {
        let seen = !src.get().is_flat() || types.iter().any(|&ty| self.shape(ty).seen);
        if self.spec.caller.instance != self.spec.callee.instance || !seen {
            return Ok((from, src));
        }
        let to = Peer::Scratch;
        let start = self.mem_arg(to, 0, 4)?;
        self.emit().i32_const(0).i32_const(START).i32_store(start);
        let dst = if src.get().is_flat() {
            let flat = flatten_fields(self.types(), types.iter().copied(), self.address(to));
            let flat = flat.unwrap_or_default();
            let locals = flat.iter().map(|&ty| self.code.new_local(ty));
            OwnedPlace::Flat(locals.collect())
        } else {
            let layout = tuple_layout(self.types(), types.iter().copied(), self.address(to));
            let size = ByteLength::Const(layout.size_align.size);
            OwnedPlace::Memory(self.allocate(to, layout.size_align.align, size)?)
        };
        let mv = Move {
            from,
            src: src.get(),
            to,
            dst: dst.get(),
        };
        self.tuple(types, mv)?;
        Ok((to, dst))
    }

    /// Takes a part of the scratch memory.
    pub(super) fn allocate_scratch(&mut self, align: u32, length: ByteLength) -> Result<Local> {
        self.emit().i32_const(align as i32);
        self.byte_length(length, Peer::Scratch);
        let ty = FlatType::I32;
        let helper = self.helper(HelperKind::ScratchAllocate, &[ty; 2], &[ty])?;
        self.code.call_helper(helper);
        Ok(self.set_new_local(ty))
    }

    /// The body of [`HelperKind::ScratchAllocate`]: `(align, length) -> pointer`.
    pub(super) fn write_scratch_allocate(&mut self, params: &[Local]) -> Result<()> {
        const MAX_END: i64 = 0xFFFF_0000;
        let memory = self.memory(Peer::Scratch)?;
        let end_arg = self.mem_arg(Peer::Scratch, 0, 4)?;
        let start = self.code.new_local(FlatType::I64);
        let end = self.code.new_local(FlatType::I64);
        // start = end of what is taken, rounded up
        self.emit()
            .i32_const(0)
            .i32_load(end_arg)
            .i64_extend_i32_u();
        self.get(params[0]);
        self.emit()
            .i32_const(1)
            .i32_sub()
            .i64_extend_i32_u()
            .i64_add();
        self.emit().i64_const(0);
        self.get(params[0]);
        self.emit().i64_extend_i32_u().i64_sub().i64_and();
        self.emit().local_tee(start.index);
        self.get(params[1]);
        self.emit()
            .i64_extend_i32_u()
            .i64_add()
            .local_tee(end.index);
        self.emit().i64_const(MAX_END).i64_gt_u();
        self.trap_if(TrapCode::ValuesTooLarge);

        self.get(end);
        self.memory_bytes(Peer::Scratch)?;
        self.emit().i64_gt_u().if_(BlockType::Empty);
        self.get(end);
        self.memory_bytes(Peer::Scratch)?;
        self.emit().i64_sub().i64_const(0xFFFF).i64_add();
        self.emit().i64_const(16).i64_shr_u().i32_wrap_i64();
        self.emit().memory_grow(memory).i32_const(-1).i32_eq();
        self.trap_if(TrapCode::ValuesTooLarge);
        self.emit().end();

        self.emit().i32_const(0);
        self.get(end);
        self.emit().i32_wrap_i64().i32_store(end_arg);
        self.get(start);
        self.emit().i32_wrap_i64();
        Ok(())
    }
}
