//! Functions beside an adapter's main one.
//!
//! A type whose code is large, or that is moved very often, gets a function for each way its values go, so that the size of an
//! adapter is proportional to the number of different types in it, however often each is used.
//! They are written when the main function is done, one after the other.

use super::Peer;
use super::body::Body;
use super::code::{Code, Local};
use super::context_slots::SlotsHold;
use super::handle::CallBorrows;
use super::place::{Move, Place};
use crate::canonical_abi::{FlatType, flatten};
use crate::component::InterfaceType;
use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// Bytes of all functions of an adapter at most.
const MAX_ADAPTER_BYTES: usize = 16 << 20;

/// A helper, by its place among them.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct HelperIndex(pub(super) u32);

/// What a helper does.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum HelperKind {
    /// Moves a value of a type. What is flat is passed and returned, what is in a memory is
    /// pointed to: the source first.
    Move {
        ty: InterfaceType,
        from: Peer,
        from_flat: bool,
        to: Peer,
        to_flat: bool,
    },
    /// Takes a part of the scratch memory.
    ScratchAllocate,
}

/// A helper's declaration.
pub(super) struct Helper {
    kind: HelperKind,
    /// Its type's index.
    pub(super) signature: u32,
    params: Vec<FlatType>,
    /// What the context slots hold where it is called; the same everywhere, as that depends on
    /// whom values are lowered into.
    slots: SlotsHold,
}

impl Helper {
    /// What it does, for people.
    pub(super) fn name(&self) -> &'static str {
        match self.kind {
            HelperKind::Move { .. } => "a value",
            HelperKind::ScratchAllocate => "an allocation",
        }
    }
}

/// The helpers asked for.
#[derive(Default)]
pub(super) struct Helpers {
    known: BTreeMap<HelperKind, HelperIndex>,
    list: Vec<Helper>,
}

impl Body<'_> {
    /// Moves a value by a call.
    pub(super) fn move_by_helper(&mut self, ty: InterfaceType, mv: Move<'_>) -> Result<()> {
        let kind = HelperKind::Move {
            ty,
            from: mv.from,
            from_flat: mv.src.is_flat(),
            to: mv.to,
            to_flat: mv.dst.is_flat(),
        };
        let mut params = Vec::new();
        self.push_place(mv.src, &mut params);
        let results = match mv.dst {
            Place::Flat(locals) => locals,
            Place::Memory { .. } => {
                self.push_place(mv.dst, &mut params);
                &[]
            }
        };
        if self.shape(ty).borrows {
            for local in self.borrows.for_helper() {
                match local {
                    Some(local) => self.get(local),
                    None => {
                        self.emit().i32_const(0);
                    }
                }
                params.push(FlatType::I32);
            }
        }
        let result_types: Vec<_> = results.iter().map(|local| local.ty).collect();
        let helper = self.helper(kind, &params, &result_types)?;
        self.code.call_helper(helper);
        for &local in results.iter().rev() {
            self.set(local);
        }
        Ok(())
    }

    /// Pushes the values of a flat place, or a pointer to one in memory.
    fn push_place(&mut self, place: Place<'_>, types: &mut Vec<FlatType>) {
        match place {
            Place::Flat(locals) => {
                self.get_all(locals);
                types.extend(locals.iter().map(|local| local.ty));
            }
            Place::Memory { pointer, offset } => {
                self.get_address(pointer, offset);
                types.push(pointer.ty);
            }
        }
    }

    /// Pushes a pointer plus an offset.
    pub(super) fn get_address(&mut self, pointer: Local, offset: u32) {
        self.get(pointer);
        match (offset, pointer.ty) {
            (0, _) => {}
            (_, FlatType::I64) => {
                self.emit().i64_const(offset.into()).i64_add();
            }
            (_, _) => {
                self.emit().i32_const(offset as i32).i32_add();
            }
        }
    }

    /// The helper of this kind.
    pub(super) fn helper(
        &mut self,
        kind: HelperKind,
        params: &[FlatType],
        results: &[FlatType],
    ) -> Result<HelperIndex> {
        if let Some(&index) = self.helpers.known.get(&kind) {
            return Ok(index);
        }
        let index = HelperIndex(self.helpers.list.len() as u32);
        self.helpers.known.insert(kind, index);
        self.helpers.list.push(Helper {
            kind,
            signature: self.imports.ty(params, results),
            params: params.to_vec(),
            slots: self.slots,
        });
        Ok(index)
    }

    /// Writes all helpers, those among them that the others ask for.
    ///
    /// # Errors
    /// If the adapter is too large.
    pub(super) fn write_helpers(&mut self, mut bytes: usize) -> Result<Vec<(Helper, Code)>> {
        let mut written = Vec::new();
        while let Some(helper) = self.helpers.list.get(written.len()) {
            let (kind, slots) = (helper.kind, helper.slots);
            let (code, params) = Code::new(helper.params.iter().copied());
            self.code = code;
            self.borrows = CallBorrows::in_helper([None; 2]);
            self.slots = slots;
            match kind {
                HelperKind::Move { .. } => self.write_move(kind, &params)?,
                HelperKind::ScratchAllocate => self.write_scratch_allocate(&params)?,
            }
            let code = std::mem::replace(&mut self.code, Code::new([]).0);
            code.check_size()?;
            bytes += code.len();
            if bytes > MAX_ADAPTER_BYTES {
                let message = format!(
                    "passing values from component to component takes more than \
                     {MAX_ADAPTER_BYTES} bytes of code"
                );
                return Err(Error::TooLarge { message });
            }
            written.push(code);
        }
        let list = std::mem::take(&mut self.helpers.list);
        Ok(list.into_iter().zip(written).collect())
    }

    fn write_move(&mut self, kind: HelperKind, params: &[Local]) -> Result<()> {
        let HelperKind::Move {
            ty,
            from,
            from_flat,
            to,
            to_flat,
        } = kind
        else {
            return Ok(());
        };
        let params = match params.split_last_chunk() {
            Some((params, &[scope, lenders])) if self.shape(ty).borrows => {
                self.borrows = CallBorrows::in_helper([Some(scope), Some(lenders)]);
                params
            }
            _ => params,
        };
        let (values, target) = match params.split_last() {
            Some((last, values)) if !to_flat => (values, Some(last)),
            _ => (params, None),
        };
        let src = if from_flat {
            Place::Flat(values)
        } else {
            pointed_to(values.first())
        };
        if target.is_some() {
            let dst = pointed_to(target);
            return self.translate_here(ty, Move { from, src, to, dst });
        }
        let flat = flatten(self.types(), ty, self.address(to)).unwrap_or_default();
        let results: Vec<_> = flat.iter().map(|&ty| self.code.new_local(ty)).collect();
        let dst = Place::Flat(&results);
        self.translate_here(ty, Move { from, src, to, dst })?;
        self.get_all(&results);
        Ok(())
    }
}

/// What a pointer points to.
fn pointed_to<'p>(pointer: Option<&Local>) -> Place<'p> {
    match pointer {
        Some(&pointer) => Place::Memory { pointer, offset: 0 },
        None => Place::Flat(&[]),
    }
}
