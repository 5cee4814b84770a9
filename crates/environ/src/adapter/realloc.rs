//! Memory that a side gives by its `realloc`, and bounds.

use super::Peer;
use super::body::{Body, missing};
use super::code::Local;
use super::imports::AdapterImport;
use crate::TrapCode;
use crate::canonical_abi::FlatType;
use crate::error::Result;
use crate::types::AddressType;

/// A number of bytes, below 2³².
#[derive(Copy, Clone)]
pub(super) enum ByteLength {
    /// So many.
    Const(u32),
    /// As many as an i32 local says.
    Local(Local),
}

impl Body<'_> {
    /// `allocate`: calls a side's `realloc(0, 0, align, length)` and checks what it returns.
    pub(super) fn allocate(&mut self, peer: Peer, align: u32, length: ByteLength) -> Result<Local> {
        if peer == Peer::Scratch {
            return self.allocate_scratch(align, length);
        }
        let pointer = self.code.new_local(self.pointer_type(peer));
        self.emit_null(peer);
        self.set(pointer);
        self.reallocate(peer, (pointer, ByteLength::Const(0)), align, length)?;
        Ok(pointer)
    }

    /// `reallocate`: calls a side's `realloc(pointer, old, align, length)`, as a thread of its
    /// own that may not leave the instance, and checks what it returns, which then is the pointer.
    pub(super) fn reallocate(
        &mut self,
        peer: Peer,
        (pointer, old): (Local, ByteLength),
        align: u32,
        length: ByteLength,
    ) -> Result<()> {
        if !self.options(peer).realloc {
            return Err(missing("realloc"));
        }
        self.clear_may_leave(peer);
        let ty = self.pointer_type(peer);
        self.scoped(|body| {
            body.in_new_thread(peer, |body| {
                body.get(pointer);
                body.byte_length(old, peer);
                body.byte_length(ByteLength::Const(align), peer);
                body.byte_length(length, peer);
                body.call(AdapterImport::Realloc(peer), &[ty; 4], &[ty]);
                body.set(pointer);
            });
        });
        self.set_may_leave(peer);
        self.check_aligned(pointer, align, TrapCode::ReallocUnaligned);
        self.check_range(peer, pointer, length, TrapCode::ReallocOutOfBounds)
    }

    fn emit_null(&mut self, peer: Peer) {
        self.byte_length(ByteLength::Const(0), peer);
    }

    /// Traps if a pointer isn't a multiple of `align`.
    pub(super) fn check_aligned(&mut self, pointer: Local, align: u32, unaligned: TrapCode) {
        if align <= 1 {
            return;
        }
        self.get(pointer);
        if pointer.ty == FlatType::I64 {
            self.emit().i32_wrap_i64();
        }
        self.emit().i32_const(align as i32 - 1).i32_and();
        self.trap_if(unaligned);
    }

    /// Traps if a range isn't inside a side's memory.
    pub(super) fn check_range(
        &mut self,
        peer: Peer,
        pointer: Local,
        length: ByteLength,
        out_of_bounds: TrapCode,
    ) -> Result<()> {
        match self.address(peer) {
            AddressType::I32 => {
                // No sum of two numbers of 32 bits is too large for 64.
                self.get(pointer);
                self.emit().i64_extend_i32_u();
                self.byte_length_i64(length);
                self.emit().i64_add();
                self.memory_bytes(peer)?;
                self.emit().i64_gt_u();
            }
            AddressType::I64 => {
                // pointer > bytes - length, or there are no `length` bytes at all.
                self.scoped(|body| -> Result<()> {
                    body.memory_bytes(peer)?;
                    let bytes = body.set_new_local(FlatType::I64);
                    body.get(pointer);
                    body.get(bytes);
                    body.byte_length_i64(length);
                    body.emit().i64_sub().i64_gt_u();
                    body.get(bytes);
                    body.byte_length_i64(length);
                    body.emit().i64_lt_u().i32_or();
                    Ok(())
                })?;
            }
        }
        self.trap_if(out_of_bounds);
        Ok(())
    }

    /// Pushes a length as a side has it.
    pub(super) fn byte_length(&mut self, length: ByteLength, peer: Peer) {
        match self.address(peer) {
            AddressType::I32 => match length {
                ByteLength::Const(length) => {
                    self.emit().i32_const(length as i32);
                }
                ByteLength::Local(length) => self.get(length),
            },
            AddressType::I64 => self.byte_length_i64(length),
        }
    }

    fn byte_length_i64(&mut self, length: ByteLength) {
        match length {
            ByteLength::Const(length) => {
                self.emit().i64_const(length.into());
            }
            ByteLength::Local(length) => {
                self.get(length);
                self.emit().i64_extend_i32_u();
            }
        }
    }
}
