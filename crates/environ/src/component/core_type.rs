//! Core function types of a component, outside of its modules, from `wasmparser`'s to numbers of the
//! translation's table.

use super::flatten::inconsistent;
use crate::error::{Error, Result};
use crate::index::SignatureIndex;
use crate::module::{Numbering, sub_type};
use crate::signature_table::SignatureTable;
use std::collections::BTreeMap;
use wasmparser::types::{CoreTypeId, TypesRef};
use wasmparser::{CompositeInnerType, HeapType, SubType, UnpackedIndex, ValType};

/// Recursion groups that mention others, at most in a row.
const MAX_DEPTH: u32 = 100;

/// The recursion groups that have numbers, by the first member of each.
#[derive(Default)]
pub(super) struct CoreTypes {
    groups: BTreeMap<CoreTypeId, SignatureIndex>,
    /// Types converted so far, for who bounds the work.
    pub(super) converted: usize,
}

impl CoreTypes {
    /// The number of a function type; `offset` is where it is used.
    ///
    /// # Errors
    /// If it needs what is not built.
    pub(super) fn number(
        &mut self,
        types: TypesRef<'_>,
        signatures: &mut SignatureTable,
        id: CoreTypeId,
        offset: u64,
    ) -> Result<SignatureIndex> {
        let mut conversion = Conversion {
            types,
            signatures,
            known: self,
            offset,
        };
        conversion.number(id, 0)
    }

    /// What the function types are called that have been numbered.
    pub(super) fn known<'a>(&'a self, types: TypesRef<'a>) -> Known<'a> {
        Known { types, known: self }
    }
}

/// Types by the numbers that they have already.
pub(super) struct Known<'a> {
    types: TypesRef<'a>,
    known: &'a CoreTypes,
}

impl Numbering for Known<'_> {
    fn number(&self, index: UnpackedIndex) -> Option<SignatureIndex> {
        let UnpackedIndex::Id(id) = index else {
            return None;
        };
        let (first, place) = place(self.types, id)?;
        member(*self.known.groups.get(&first)?, place)
    }
}

/// The first member of a type's group, and the type's place in the group.
fn place(types: TypesRef<'_>, id: CoreTypeId) -> Option<(CoreTypeId, u32)> {
    let mut group = types.rec_group_elements(types.rec_group_id_of(id));
    let first = group.next()?;
    if first == id {
        return Some((first, 0));
    }
    let place = group.position(|member| member == id)?;
    Some((first, u32::try_from(place).ok()?.checked_add(1)?))
}

fn member(first: SignatureIndex, place: u32) -> Option<SignatureIndex> {
    Some(SignatureIndex::from_u32(first.as_u32().checked_add(place)?))
}

struct Conversion<'a> {
    types: TypesRef<'a>,
    signatures: &'a mut SignatureTable,
    known: &'a mut CoreTypes,
    offset: u64,
}

impl Conversion<'_> {
    fn number(&mut self, id: CoreTypeId, depth: u32) -> Result<SignatureIndex> {
        let types = self.types;
        let (first, place) = place(types, id).ok_or_else(inconsistent)?;
        if let Some(&known) = self.known.groups.get(&first) {
            return member(known, place).ok_or_else(inconsistent);
        }
        if depth > MAX_DEPTH {
            return Err(Error::TooLarge {
                message: format!("core function types mention others more than {MAX_DEPTH} deep"),
            });
        }
        let group: Vec<CoreTypeId> = types
            .rec_group_elements(types.rec_group_id_of(id))
            .collect();
        self.known.converted += group.len();
        for &member in &group {
            for mentioned in mentions(&types[member]) {
                if !group.contains(&mentioned) {
                    self.number(mentioned, depth + 1)?;
                }
            }
        }
        let numbering = OfGroup {
            group: &group,
            next: self.signatures.next_index(),
            known: self.known.known(types),
        };
        let members = group.iter();
        let members = members.map(|&id| sub_type(&numbering, &types[id], self.offset));
        let members = members.collect::<Result<_>>()?;
        let number = self.signatures.intern_group(members);
        self.known.groups.insert(first, number);
        member(number, place).ok_or_else(inconsistent)
    }
}

/// The types that a type mentions, but for those of its group that it mentions by place.
fn mentions(ty: &SubType) -> Vec<CoreTypeId> {
    let mut indices: Vec<UnpackedIndex> = ty.supertype_idxs.iter().map(|i| i.unpack()).collect();
    if let CompositeInnerType::Func(func) = &ty.composite_type.inner {
        for ty in func.params().iter().chain(func.results()) {
            if let ValType::Ref(ty) = ty
                && let HeapType::Concrete(index) = ty.heap_type()
            {
                indices.push(index);
            }
        }
    }
    let ids = indices.into_iter().filter_map(|index| match index {
        UnpackedIndex::Id(id) => Some(id),
        UnpackedIndex::Module(_) | UnpackedIndex::RecGroup(_) => None,
    });
    ids.collect()
}

/// Types as members of a group mention them: its own by the numbers that they get if it is new.
struct OfGroup<'a> {
    group: &'a [CoreTypeId],
    next: SignatureIndex,
    known: Known<'a>,
}

impl Numbering for OfGroup<'_> {
    fn number(&self, index: UnpackedIndex) -> Option<SignatureIndex> {
        let place = match index {
            UnpackedIndex::RecGroup(place) => place,
            UnpackedIndex::Id(id) => match self.group.iter().position(|member| *member == id) {
                Some(place) => u32::try_from(place).ok()?,
                None => return self.known.number(index),
            },
            UnpackedIndex::Module(_) => return None,
        };
        member(self.next, place)
    }
}
