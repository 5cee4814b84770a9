//! [`LiveSignatures`]: the function types of an engine, each once, as long as somebody uses them.
//!
//! As in a [`SignatureTable`], equal types have equal numbers, and types are equal if their recursion
//! groups are. A group is there as long as it is used: by a module, a host function or whatever else
//! [interned](LiveSignatures::intern_all) it, or by another group that mentions it.
//!
//! A number is never given to another type, not even when its type is gone: compiled code compares
//! numbers, and one that is out of date must be that of no type. So the numbers of an engine can run out,
//! after four thousand million types that were new when they were interned.

use crate::index::SignatureIndex;
use crate::signature_table::{self, Rolled, SignatureTable, SubType, roll};
use crate::types::{FuncType, RefType, ValType};
use cranelift_entity::EntityRef;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Numbers from here on are given to no type.
const END: u32 = u32::MAX - 1;

/// Function types that are counted by what uses them.
#[derive(Default, Debug)]
pub struct LiveSignatures {
    /// By the number of the first type.
    groups: BTreeMap<SignatureIndex, Group>,
    /// The number of each group's first type.
    interned: BTreeMap<Arc<[Rolled]>, SignatureIndex>,
    /// The number that the next new type gets.
    next: u32,
    /// How many types there are.
    len: usize,
}

/// A recursion group.
#[derive(Debug)]
struct Group {
    types: Box<[SubType]>,
    /// The key in `interned`.
    rolled: Arc<[Rolled]>,
    /// How many users it has, among them mentions by other groups.
    uses: u64,
}

/// An engine has given out all numbers that types can have.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct OutOfNumbers;

impl fmt::Display for OutOfNumbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the engine has had as many different function types as it can number: make a new engine",
        )
    }
}

impl std::error::Error for OutOfNumbers {}

impl LiveSignatures {
    /// Interns a type that is declared alone, without `sub`, and counts a use of it. `None` if it
    /// mentions a type by a number that is no type's.
    ///
    /// # Errors
    /// If there is no number left.
    pub fn intern(&mut self, ty: FuncType) -> Result<Option<SignatureIndex>, OutOfNumbers> {
        if ty.concrete_types().any(|index| self.get(index).is_none()) {
            return Ok(None);
        }
        self.intern_group(vec![SubType::plain(ty)]).map(Some)
    }

    /// Interns all types of a table, and counts a use of each group. Returns their numbers here by
    /// their numbers there, and those of the groups' first types, to [release](Self::release) them by.
    ///
    /// # Errors
    /// If there is no number left; then nothing is interned.
    pub fn intern_all(
        &mut self,
        other: &SignatureTable,
    ) -> Result<(Vec<SignatureIndex>, Vec<SignatureIndex>), OutOfNumbers> {
        let mut numbers = Vec::with_capacity(other.len());
        let mut groups = Vec::new();
        for range in other.groups() {
            let group = other.renumbered(range.clone(), self.next_index(), &numbers);
            match self.intern_group(group) {
                Ok(first) => {
                    let members = (0..range.len()).map(|i| SignatureIndex::new(first.index() + i));
                    numbers.extend(members);
                    groups.push(first);
                }
                Err(error) => {
                    self.release(&groups, |_| {});
                    return Err(error);
                }
            }
        }
        Ok((numbers, groups))
    }

    /// Counts a use of a recursion group, which is interned if it is new. Its members have the numbers
    /// they would get then.
    fn intern_group(&mut self, group: Vec<SubType>) -> Result<SignatureIndex, OutOfNumbers> {
        let first = self.next_index();
        let rolled = roll(first, &group);
        if let Some(&known) = self.interned.get(&*rolled) {
            self.add_use(known);
            return Ok(known);
        }
        let next = u32::try_from(group.len()).ok();
        let next = next.and_then(|length| self.next.checked_add(length));
        self.next = next.filter(|&next| next <= END).ok_or(OutOfNumbers)?;
        for mentioned in rolled.iter().flat_map(Rolled::earlier) {
            self.add_use(mentioned);
        }
        let rolled: Arc<[Rolled]> = rolled.into();
        self.len += group.len();
        self.interned.insert(rolled.clone(), first);
        let group = Group {
            types: group.into(),
            rolled,
            uses: 1,
        };
        self.groups.insert(first, group);
        Ok(first)
    }

    /// Counts one more use of the group of a type. Returns the number of the group's first type, or
    /// `None` if there is no such type.
    pub fn add_use(&mut self, index: SignatureIndex) -> Option<SignatureIndex> {
        let (&first, group) = self.groups.range_mut(..=index).next_back()?;
        group.types.get(index.index() - first.index())?;
        group.uses += 1;
        Some(first)
    }

    /// Takes back a use of each of these groups, which are named by their first types. Types that nobody
    /// uses any more are gone, and those that only they mention; `gone` is told of each.
    pub fn release(&mut self, groups: &[SignatureIndex], mut gone: impl FnMut(SignatureIndex)) {
        // Types may be mentioned in chains as long as there are types.
        let mut released = groups.to_vec();
        while let Some(index) = released.pop() {
            let Some((&first, group)) = self.groups.range_mut(..=index).next_back() else {
                continue;
            };
            group.uses = group.uses.saturating_sub(1);
            if group.uses > 0 {
                continue;
            }
            let Some(group) = self.groups.remove(&first) else {
                continue;
            };
            self.interned.remove(&group.rolled);
            self.len -= group.types.len();
            (0..group.types.len()).for_each(|i| gone(SignatureIndex::new(first.index() + i)));
            released.extend(group.rolled.iter().flat_map(Rolled::earlier));
        }
    }

    /// The number of a type that is declared alone, without `sub`, if it is there.
    pub fn find(&self, ty: &FuncType) -> Option<SignatureIndex> {
        let group = [SubType::plain(ty.clone())];
        self.interned
            .get(&*roll(self.next_index(), &group))
            .copied()
    }

    fn next_index(&self) -> SignatureIndex {
        SignatureIndex::from_u32(self.next)
    }

    /// The type with this number as it was declared, if it is there.
    pub fn get(&self, index: SignatureIndex) -> Option<&SubType> {
        let (first, group) = self.groups.range(..=index).next_back()?;
        group.types.get(index.index() - first.index())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// As [`SignatureTable::is_subtype`].
    pub fn is_subtype(&self, a: SignatureIndex, b: SignatureIndex) -> bool {
        signature_table::is_subtype(|index| self.get(index), a, b)
    }

    /// As [`SignatureTable::ref_type_matches`].
    pub fn ref_type_matches(&self, a: RefType, b: RefType) -> bool {
        signature_table::ref_type_matches(|index| self.get(index), a, b)
    }

    /// As [`SignatureTable::val_type_matches`].
    pub fn val_type_matches(&self, a: ValType, b: ValType) -> bool {
        signature_table::val_type_matches(|index| self.get(index), a, b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::HeapType;

    fn reference(index: SignatureIndex) -> ValType {
        ValType::Ref(RefType {
            nullable: true,
            heap_type: HeapType::Concrete(index),
        })
    }

    /// `(func (param (ref null 'index))…)`
    fn takes(indices: &[SignatureIndex]) -> FuncType {
        FuncType::new(indices.iter().map(|&index| reference(index)), [])
    }

    fn numbered(n: u32) -> FuncType {
        let bit = |i: u32| match n >> i & 1 {
            0 => ValType::I32,
            _ => ValType::I64,
        };
        FuncType::new((0..20).map(bit), [])
    }

    /// `count` types, each of which mentions the one before.
    fn chain(count: usize) -> SignatureTable {
        let mut table = SignatureTable::default();
        let mut last = table.intern(FuncType::new([ValType::F32], []));
        for _ in 1..count {
            last = table.intern(takes(&[last]));
        }
        table
    }

    #[test]
    fn types_are_gone_with_their_last_user() {
        let mut live = LiveSignatures::default();
        let mut table = SignatureTable::default();
        for n in 0..100 {
            table.intern(numbered(n));
        }
        let (first, groups) = live.intern_all(&table).unwrap();
        let (second, again) = live.intern_all(&table).unwrap();
        assert_eq!((&first, live.len()), (&second, 100));
        live.release(&groups, |index| panic!("{index} is used"));
        assert_eq!(live.get(first[7]).unwrap().func, numbered(7));
        let mut gone = Vec::new();
        live.release(&again, |index| gone.push(index));
        gone.sort();
        assert_eq!(gone, first);
        assert!(live.is_empty() && live.interned.is_empty() && live.groups.is_empty());
        assert!(live.get(first[7]).is_none() && live.find(&numbered(7)).is_none());
    }

    #[test]
    fn a_number_is_never_another_types() {
        let mut live = LiveSignatures::default();
        let old = live.intern(numbered(1)).unwrap().unwrap();
        live.release(&[old], |_| {});
        let new = live.intern(numbered(2)).unwrap().unwrap();
        let same = live.intern(numbered(1)).unwrap().unwrap();
        assert!(old != new && old != same);
        assert!(!live.is_subtype(old, new) && !live.is_subtype(same, old));
        // What mentions a type that is gone is none.
        assert_eq!(live.intern(takes(&[old])), Ok(None));
    }

    #[test]
    fn a_type_that_is_mentioned_is_kept() {
        let mut live = LiveSignatures::default();
        let inner = live.intern(numbered(3)).unwrap().unwrap();
        let outer = live.intern(takes(&[inner, inner])).unwrap().unwrap();
        live.release(&[inner], |index| panic!("{index} is mentioned"));
        assert!(live.get(inner).is_some());
        let mut gone = Vec::new();
        live.release(&[outer], |index| gone.push(index));
        assert_eq!(gone, [outer, inner]);
    }

    #[test]
    fn a_supertype_is_kept() {
        let mut table = SignatureTable::default();
        let open = |supertype| SubType {
            is_final: false,
            supertype,
            func: FuncType::new([], []),
        };
        let top = table.intern_group(vec![open(None)]);
        table.intern_group(vec![open(Some(top))]);
        let mut live = LiveSignatures::default();
        let (numbers, groups) = live.intern_all(&table).unwrap();
        let [top, bottom] = numbers[..] else {
            panic!("two types")
        };
        live.release(&groups[..1], |index| panic!("{index} is a supertype"));
        assert!(live.is_subtype(bottom, top) && !live.is_subtype(top, bottom));
        live.release(&groups[1..], |_| {});
        assert!(live.is_empty());
    }

    #[test]
    fn a_long_chain_of_mentions_is_given_back() {
        let mut live = LiveSignatures::default();
        let (numbers, groups) = live.intern_all(&chain(10_000)).unwrap();
        live.release(&groups[..9_999], |index| panic!("{index} is mentioned"));
        assert_eq!(live.len(), 10_000);
        assert!(live.add_use(numbers[9_999]).is_some());
        live.release(&[groups[9_999]], |index| panic!("{index} is used"));
        live.release(&[groups[9_999]], |_| {});
        assert!(live.is_empty());
    }

    #[test]
    fn a_member_of_a_group_keeps_all_of_it() {
        let mut table = SignatureTable::default();
        let next = table.next_index().index();
        let members = [next + 1, next].map(SignatureIndex::new);
        table.intern_group(members.map(|index| SubType::plain(takes(&[index]))).into());
        let mut live = LiveSignatures::default();
        let (numbers, groups) = live.intern_all(&table).unwrap();
        assert_eq!((numbers.len(), groups.len()), (2, 1));
        assert_eq!(live.add_use(numbers[1]), Some(groups[0]));
        live.release(&groups, |index| panic!("{index} is used"));
        live.release(&groups, |_| {});
        assert!(live.is_empty());
    }

    #[test]
    fn numbers_that_run_out_are_an_error_and_nothing_is_interned() {
        let mut live = LiveSignatures {
            next: END - 3,
            ..LiveSignatures::default()
        };
        assert_eq!(live.intern_all(&chain(4)), Err(OutOfNumbers));
        assert!(live.is_empty());
        live.next = END - 3;
        let (numbers, _) = live.intern_all(&chain(3)).unwrap();
        assert_eq!(live.intern(numbered(1)), Err(OutOfNumbers));
        // What is known needs no number.
        assert_eq!(live.intern(takes(&[numbers[0]])), Ok(Some(numbers[1])));
    }
}
