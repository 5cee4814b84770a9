//! Constant expressions, and element and data segments of an instance.

use super::core_instance::InstancePtr;
use super::pointer::VmPtr;
use super::val_raw;
use crate::bug::bail_bug;
use crate::code::ImagePart;
use crate::trap::Trap;
use anyhow::Result;
use smallvec::SmallVec;
use threadline_environ::entity::EntityRef;
use threadline_environ::layout::{VMFuncRef, ValRaw};
use threadline_environ::module::{ConstExpr, ConstOp, DataSegment, ElemItems};
use threadline_environ::{AddressType, DataIndex, ElemIndex, FuncIndex, MemoryIndex, TableIndex};

impl InstancePtr {
    /// The value of a constant expression.
    ///
    /// # Errors
    /// Only if the parser let something through that isn't one.
    pub(crate) fn eval(self, expr: &ConstExpr) -> Result<ValRaw> {
        if let [op] = expr.ops() {
            return self.constant(*op);
        }
        let mut stack: SmallVec<[ValRaw; 4]> = SmallVec::new();
        for &op in expr.ops() {
            let value = match arithmetic(op) {
                Some(apply) => {
                    let (Some(y), Some(x)) = (stack.pop(), stack.pop()) else {
                        bail_bug!("a constant expression takes more than it has: {expr:?}");
                    };
                    apply(&x, &y)
                }
                None => self.constant(op)?,
            };
            stack.push(value);
        }
        match stack[..] {
            [value] => Ok(value),
            _ => bail_bug!("a constant expression of {} values", stack.len()),
        }
    }

    /// The value of an operator without operands.
    fn constant(self, op: ConstOp) -> Result<ValRaw> {
        Ok(match op {
            ConstOp::I32Const(value) => val_raw::from_i32(value),
            ConstOp::I64Const(value) => val_raw::from_i64(value),
            ConstOp::F32Const(bits) => val_raw::from_f32(bits),
            ConstOp::F64Const(bits) => val_raw::from_f64(bits),
            ConstOp::V128Const(bytes) => val_raw::from_v128(bytes),
            ConstOp::GlobalGet(index) => self.global(index).read(),
            ConstOp::RefNull(_) => val_raw::ZERO,
            ConstOp::RefFunc(func) => val_raw::from_funcref(Some(self.known_func_ref(func)?)),
            other => bail_bug!("{other:?} takes operands"),
        })
    }

    fn known_func_ref(self, func: FuncIndex) -> Result<VmPtr<VMFuncRef>> {
        match self.func_ref(func) {
            Some(func_ref) => Ok(func_ref),
            None => bail_bug!("function {} has no reference", func.index()),
        }
    }

    /// A reference-typed constant expression, as a table element.
    pub(crate) fn eval_element(self, expr: &ConstExpr) -> Result<usize> {
        Ok(val_raw::externref(&self.eval(expr)?) as usize)
    }

    /// An address or index, which is unsigned, as a constant expression gives it.
    pub(crate) fn eval_address(self, expr: &ConstExpr, address: AddressType) -> Result<u64> {
        let value = self.eval(expr)?;
        Ok(match address {
            AddressType::I32 => u64::from(val_raw::i32(&value) as u32),
            AddressType::I64 => val_raw::i64(&value) as u64,
        })
    }

    /// `table.init`.
    ///
    /// # Errors
    /// [`Trap::TableOutOfBounds`].
    pub(crate) fn table_init(
        self,
        table: TableIndex,
        elem: ElemIndex,
        to: u64,
        from: u32,
        length: u32,
    ) -> Result<()> {
        let module = self.module();
        let items = &module.module.elems[elem].items;
        let available = match items {
            _ if self.is_elem_dropped(elem) => 0,
            ElemItems::Funcs(funcs) => funcs.len(),
            ElemItems::Exprs(exprs) => exprs.len(),
        };
        let start = from as usize;
        let end = start + length as usize;
        if end > available {
            return Err(Trap::TableOutOfBounds.into());
        }
        if let Some(offsets) = module.elem_func_refs(elem) {
            let context = self.vmctx().as_ptr().addr();
            let elements = offsets[start..end].iter();
            let elements = elements.map(|&offset| context + offset as usize);
            return Ok(self.table(table).write(to, elements)?);
        }
        let elements = match items {
            ElemItems::Funcs(funcs) => funcs[start..end]
                .iter()
                .map(|&func| Ok(self.known_func_ref(func)?.as_ptr().addr()))
                .collect::<Result<Vec<usize>>>()?,
            ElemItems::Exprs(exprs) => exprs[start..end]
                .iter()
                .map(|expr| self.eval_element(expr))
                .collect::<Result<Vec<usize>>>()?,
        };
        Ok(self.table(table).write(to, elements.into_iter())?)
    }

    /// Writes what memories begin with, where it isn't mapped.
    ///
    /// # Errors
    /// If the image doesn't fit, which would be a bug.
    pub(crate) fn write_images(self) -> Result<()> {
        let module = self.module();
        for image in &module.module.memory_images {
            if module.static_data().image(image.memory).is_some() {
                continue;
            }
            let range = image.range.start as usize..image.range.end as usize;
            let Some(ImagePart { bytes, .. }) = module.image(range) else {
                bail_bug!("the image of a memory is not in the module's");
            };
            // Pages of the system reach beyond the end of a memory whose own pages are smaller.
            let memory = self.memory(module.module.memory_index(image.memory));
            let room = memory.byte_size().saturating_sub(image.start);
            let length = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
            memory.write(image.start, &bytes[..length])?;
        }
        Ok(())
    }

    /// `memory.init`.
    ///
    /// # Errors
    /// [`Trap::MemoryOutOfBounds`].
    pub(crate) fn memory_init(
        self,
        memory: MemoryIndex,
        data: DataIndex,
        to: u64,
        from: u32,
        length: u32,
    ) -> Result<(), Trap> {
        let module = self.module();
        let segments = &module.module.data;
        let segment: &[u8] = match segments.get(data).filter(|_| !self.is_data_dropped(data)) {
            Some(DataSegment { range, .. }) => {
                &module.data_bytes()[range.start as usize..range.end as usize]
            }
            None => &[],
        };
        let start = from as usize;
        let bytes = segment
            .get(start..start + length as usize)
            .ok_or(Trap::MemoryOutOfBounds)?;
        self.memory(memory).write(to, bytes)
    }

    /// `elem.drop`.
    pub(crate) fn elem_drop(self, elem: ElemIndex) {
        // SAFETY: the record is alive, and marks are read and written only in this module, for
        // moments in which nothing else of the store runs.
        unsafe { (&mut (*self.as_ptr()).dropped_elems)[elem.index()] = true };
    }

    /// `data.drop`.
    pub(crate) fn data_drop(self, data: DataIndex) {
        let Some(place) = self.module().module.data.place(data) else {
            return;
        };
        // SAFETY: as in `elem_drop`.
        unsafe { (&mut (*self.as_ptr()).dropped_data)[place] = true };
    }

    fn is_elem_dropped(self, elem: ElemIndex) -> bool {
        // SAFETY: as in `elem_drop`.
        unsafe { (&(*self.as_ptr()).dropped_elems)[elem.index()] }
    }

    /// Whether a segment is gone: it was dropped, or it is a part of an image.
    fn is_data_dropped(self, data: DataIndex) -> bool {
        let Some(place) = self.module().module.data.place(data) else {
            return true;
        };
        // SAFETY: as in `elem_drop`.
        unsafe { (&(*self.as_ptr()).dropped_data)[place] }
    }
}

/// What an operator of the extended-const proposal makes of its operands; `None` for others.
fn arithmetic(op: ConstOp) -> Option<fn(&ValRaw, &ValRaw) -> ValRaw> {
    use val_raw::{from_i32, from_i64, i32, i64};
    Some(match op {
        ConstOp::I32Add => |x, y| from_i32(i32(x).wrapping_add(i32(y))),
        ConstOp::I32Sub => |x, y| from_i32(i32(x).wrapping_sub(i32(y))),
        ConstOp::I32Mul => |x, y| from_i32(i32(x).wrapping_mul(i32(y))),
        ConstOp::I64Add => |x, y| from_i64(i64(x).wrapping_add(i64(y))),
        ConstOp::I64Sub => |x, y| from_i64(i64(x).wrapping_sub(i64(y))),
        ConstOp::I64Mul => |x, y| from_i64(i64(x).wrapping_mul(i64(y))),
        _ => return None,
    })
}
