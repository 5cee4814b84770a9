//! `list`, `list` with a length, and `map`, which is a list of tuples.

use super::Peer;
use super::body::Body;
use super::code::Local;
use super::place::{Move, Place};
use super::realloc::ByteLength;
use crate::TrapCode;
use crate::canonical_abi::{FlatType, MAX_LIST_BYTE_LENGTH, size_align};
use crate::component::InterfaceType;
use crate::error::Result;
use wasm_encoder::BlockType;

/// A list with a length of at most so many elements is moved element by element.
const MAX_UNROLLED: u32 = 4;

/// Elements in both memories, one after the other.
struct Elements {
    ty: InterfaceType,
    /// Pointers to the first.
    src: Local,
    dst: Local,
    /// How many: an i32.
    count: Local,
}

impl Body<'_> {
    /// `load_list_from_range` and `store_list_into_range`.
    pub(super) fn list(&mut self, element: InterfaceType, mv: Move<'_>) -> Result<()> {
        let (src, length) = self.load_range(mv)?;
        let from = size_align(self.types(), element, self.address(mv.from));
        let count = self.check_list_length(length, from.size);
        let bytes = self.times(count, from.size);
        self.check_aligned(src, from.align, TrapCode::UnalignedPointer);
        let code = TrapCode::ListPointerOutOfBounds;
        self.check_range(mv.from, src, ByteLength::Local(bytes), code)?;

        let to = size_align(self.types(), element, self.address(mv.to));
        let to_bytes = if to.size == from.size {
            bytes
        } else {
            self.times(count, to.size)
        };
        let dst = self.allocate(mv.to, to.align, ByteLength::Local(to_bytes))?;
        if self.shape(element).plain {
            self.get(dst);
            self.get(src);
            self.copy_bytes(mv.from, mv.to, ByteLength::Local(bytes))?;
        } else {
            let ty = element;
            self.elements(
                &Elements {
                    ty,
                    src,
                    dst,
                    count,
                },
                mv,
            )?;
        }
        self.store_range(mv, dst, count, None)
    }

    /// Traps if a list is too long; its length as an i32.
    fn check_list_length(&mut self, length: Local, element_size: u32) -> Local {
        let max = MAX_LIST_BYTE_LENGTH / element_size.max(1);
        self.get(length);
        if length.ty == FlatType::I32 {
            self.emit().i32_const(max as i32).i32_gt_u();
            self.trap_if(TrapCode::ListTooLong);
            return length;
        }
        self.emit().i64_const(max.into()).i64_gt_u();
        self.trap_if(TrapCode::ListTooLong);
        self.get(length);
        self.emit().i32_wrap_i64();
        self.set_new_local(FlatType::I32)
    }

    /// An i32 times a constant.
    fn times(&mut self, count: Local, factor: u32) -> Local {
        if factor == 1 {
            return count;
        }
        self.get(count);
        self.emit().i32_const(factor as i32).i32_mul();
        self.set_new_local(FlatType::I32)
    }

    /// `list<T, N>`.
    pub(super) fn fixed_length_list(
        &mut self,
        element: InterfaceType,
        length: u32,
        mv: Move<'_>,
    ) -> Result<()> {
        let [from, to] =
            [mv.from, mv.to].map(|peer| size_align(self.types(), element, self.address(peer)).size);
        let in_memory = !mv.src.is_flat() && !mv.dst.is_flat();
        if !in_memory || length <= MAX_UNROLLED {
            let flat = self.flat_count(element);
            for i in 0..length {
                let start = i as usize * flat;
                self.translate(element, mv.part(start..start + flat, i * from, i * to))?;
            }
            return Ok(());
        }
        let [src, dst] = [mv.src, mv.dst].map(|place| match place {
            Place::Memory { pointer, offset } => {
                self.get_address(pointer, offset);
                self.set_new_local(pointer.ty)
            }
            // It is in memory on both sides.
            Place::Flat(locals) => locals[0],
        });
        self.emit().i32_const(length as i32);
        let count = self.set_new_local(FlatType::I32);
        let ty = element;
        self.elements(
            &Elements {
                ty,
                src,
                dst,
                count,
            },
            mv,
        )
    }

    /// Moves elements in a loop.
    fn elements(&mut self, elements: &Elements, mv: Move<'_>) -> Result<()> {
        let &Elements {
            ty,
            src,
            dst,
            count,
        } = elements;
        let [from, to] =
            [mv.from, mv.to].map(|peer| size_align(self.types(), ty, self.address(peer)).size);
        let [src, dst, count] = [src, dst, count].map(|local| {
            self.get(local);
            self.set_new_local(local.ty)
        });
        self.get(count);
        self.emit().if_(BlockType::Empty).loop_(BlockType::Empty);
        let element = Move {
            src: Place::Memory {
                pointer: src,
                offset: 0,
            },
            dst: Place::Memory {
                pointer: dst,
                offset: 0,
            },
            ..mv
        };
        let repeated = std::mem::replace(&mut self.borrows.repeated, true);
        self.translate(ty, element)?;
        self.borrows.repeated = repeated;
        for (pointer, size) in [(src, from), (dst, to)] {
            self.get_address(pointer, size);
            self.set(pointer);
        }
        self.get(count);
        self.emit()
            .i32_const(1)
            .i32_sub()
            .local_tee(count.index)
            .br_if(0)
            .end()
            .end();
        Ok(())
    }

    /// The pointer and the length of a string or list.
    pub(super) fn load_range(&mut self, mv: Move<'_>) -> Result<(Local, Local)> {
        match mv.src {
            Place::Flat(locals) => Ok((locals[0], locals[1])),
            Place::Memory { pointer, offset } => {
                let ty = self.pointer_type(mv.from);
                let size = pointer_size(ty);
                let mut halves = [pointer; 2];
                for (half, offset) in halves.iter_mut().zip([offset, offset + size]) {
                    let arg = self.mem_arg(mv.from, offset, size)?;
                    self.get(pointer);
                    match ty {
                        FlatType::I64 => self.emit().i64_load(arg),
                        _ => self.emit().i32_load(arg),
                    };
                    *half = self.set_new_local(ty);
                }
                Ok((halves[0], halves[1]))
            }
        }
    }

    /// Puts pointer and length, an i32, of a string or list in their place. The length is or-ed
    /// with the i32 `tag`, shifted to the top.
    pub(super) fn store_range(
        &mut self,
        mv: Move<'_>,
        pointer: Local,
        length: Local,
        tag: Option<Local>,
    ) -> Result<()> {
        for (half, part) in [(false, pointer), (true, length)] {
            self.begin_store(mv.dst);
            self.get(part);
            if half {
                self.widen_length(mv.to, tag);
            }
            self.store_half(mv, half)?;
        }
        Ok(())
    }

    fn widen_length(&mut self, peer: Peer, tag: Option<Local>) {
        let wide = self.pointer_type(peer) == FlatType::I64;
        if wide {
            self.emit().i64_extend_i32_u();
        }
        let Some(tag) = tag else {
            return;
        };
        self.get(tag);
        if wide {
            self.emit()
                .i64_extend_i32_u()
                .i64_const(63)
                .i64_shl()
                .i64_or();
        } else {
            self.emit().i32_const(31).i32_shl().i32_or();
        }
    }

    /// Pops a pointer, or the length after it, into its place.
    fn store_half(&mut self, mv: Move<'_>, second: bool) -> Result<()> {
        let offset = match mv.dst {
            Place::Flat(locals) => {
                self.set(locals[usize::from(second)]);
                return Ok(());
            }
            Place::Memory { offset, .. } => offset,
        };
        let ty = self.pointer_type(mv.to);
        let size = pointer_size(ty);
        let offset = offset + if second { size } else { 0 };
        let arg = self.mem_arg(mv.to, offset, size)?;
        match ty {
            FlatType::I64 => self.emit().i64_store(arg),
            _ => self.emit().i32_store(arg),
        };
        Ok(())
    }
}

fn pointer_size(ty: FlatType) -> u32 {
    if ty == FlatType::I64 { 8 } else { 4 }
}
