//! Memory that a side gives by its `realloc`.

use super::Peer;
use super::body::{Body, Local, missing};
use super::imports::AdapterImport;
use crate::TrapCode;
use crate::canonical_abi::SizeAlign;
use crate::error::Result;
use crate::types::{FuncType, ValType};

/// How many bytes to allocate.
#[derive(Copy, Clone)]
pub(super) enum ByteLength {
    /// So many.
    Const(u32),
    /// As many as a local says.
    Local(Local),
}

impl Body<'_> {
    /// Allocates memory for a value of this size.
    pub(super) fn allocate_fixed(&mut self, peer: Peer, size_align: SizeAlign) -> Result<Local> {
        let SizeAlign { size, align } = size_align;
        let size = ByteLength::Const(size);
        self.allocate(peer, align, size, TrapCode::ReallocOutOfBounds)
    }

    /// Calls a side's `realloc(0, 0, align, length)`, as a thread of its own that may not leave
    /// the instance, and checks what it returns.
    pub(super) fn allocate(
        &mut self,
        peer: Peer,
        align: u32,
        length: ByteLength,
        out_of_bounds: TrapCode,
    ) -> Result<Local> {
        if !self.options(peer).realloc {
            return Err(missing("realloc"));
        }
        self.clear_may_leave(peer);
        let mut pointer = None;
        self.in_new_thread(peer, |body| {
            body.emit()
                .i32_const(0)
                .i32_const(0)
                .i32_const(align as i32);
            body.byte_length(length);
            let ty = FuncType::new([ValType::I32; 4], [ValType::I32]);
            body.call(AdapterImport::Realloc(peer), &ty);
            pointer = Some(body.set_new_local(ValType::I32));
        });
        self.set_may_leave(peer);
        let pointer = pointer.ok_or_else(|| missing("realloc"))?;
        self.check_aligned(pointer, align);
        self.check_range(peer, pointer, length, out_of_bounds)?;
        Ok(pointer)
    }

    /// Traps if a pointer isn't a multiple of `align`.
    pub(super) fn check_aligned(&mut self, pointer: Local, align: u32) {
        if align > 1 {
            self.get(pointer);
            self.emit().i32_const(align as i32 - 1).i32_and();
            self.trap_if(TrapCode::UnalignedPointer);
        }
    }

    /// Traps if a range isn't inside a side's memory.
    pub(super) fn check_range(
        &mut self,
        peer: Peer,
        pointer: Local,
        length: ByteLength,
        out_of_bounds: TrapCode,
    ) -> Result<()> {
        self.get(pointer);
        self.emit().i64_extend_i32_u();
        self.byte_length(length);
        self.emit().i64_extend_i32_u().i64_add();
        self.memory_bytes(peer)?;
        self.emit().i64_gt_u();
        self.trap_if(out_of_bounds);
        Ok(())
    }

    /// Pushes a length as an i32.
    fn byte_length(&mut self, length: ByteLength) {
        match length {
            ByteLength::Const(length) => {
                self.emit().i32_const(length as i32);
            }
            ByteLength::Local(length) => self.get(length),
        }
    }
}
