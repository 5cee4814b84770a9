//! [`SignatureTable`]: function types by number, equal numbers for equal types; and subtyping.
//!
//! Types are declared in recursion groups, and are equal if their groups are equal as a whole and
//! they have the same place in them. A group is looked up in *rolled* form, in which it refers
//! to its own members by their place and to types before it by their number; those are numbers of
//! this table already, so comparing rolled groups decides equality.

use crate::index::SignatureIndex;
use crate::types::{FuncType, HeapType, RefType, ValType};
use cranelift_entity::{EntityRef, PrimaryMap};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;

/// A function type as it is declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubType {
    /// Whether it can have no subtypes.
    pub is_final: bool,
    /// The type it is declared to be a subtype of.
    pub supertype: Option<SignatureIndex>,
    /// The type itself.
    pub func: FuncType,
}

impl SubType {
    /// A type that is declared without `sub`.
    pub fn plain(func: FuncType) -> SubType {
        SubType {
            is_final: true,
            supertype: None,
            func,
        }
    }

    pub(crate) fn renumber(
        &self,
        mut number: impl FnMut(SignatureIndex) -> SignatureIndex,
    ) -> SubType {
        SubType {
            is_final: self.is_final,
            supertype: self.supertype.map(&mut number),
            func: self.func.renumber(number),
        }
    }
}

/// Function types, each once: those of a translation with all its modules. Those of an engine, which come
/// and go, are in [`LiveSignatures`](crate::LiveSignatures).
#[derive(Default, Debug, Clone, Serialize, Deserialize)]
pub struct SignatureTable {
    #[serde(with = "crate::serial::map")]
    types: PrimaryMap<SignatureIndex, SubType>,
    /// Where each recursion group ends.
    group_ends: Vec<SignatureIndex>,
    /// The first type of each group. A table that was loaded is only read.
    #[serde(skip)]
    interned: BTreeMap<Box<[Rolled]>, SignatureIndex>,
}

/// A member of a recursion group in rolled form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rolled {
    is_final: bool,
    supertype: Option<Mention>,
    /// The type, with numbers that mean nothing.
    shape: FuncType,
    /// What those numbers stand for, in order.
    mentions: Box<[Mention]>,
}

/// A function type as another one mentions it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mention {
    /// A member of the same group, by its place.
    Member(usize),
    /// A type of an earlier group.
    Earlier(SignatureIndex),
}

impl SignatureTable {
    /// The number of a type that is declared alone, without `sub`. What it mentions has numbers
    /// of this table.
    pub fn intern(&mut self, ty: FuncType) -> SignatureIndex {
        match self.find(&ty) {
            Some(index) => index,
            None => self.intern_group(vec![SubType::plain(ty)]),
        }
    }

    /// The number of a type that [`intern`](SignatureTable::intern) has been given before.
    pub fn find(&self, ty: &FuncType) -> Option<SignatureIndex> {
        let group = [SubType::plain(ty.clone())];
        self.interned
            .get(&*roll(self.next_index(), &group))
            .copied()
    }

    /// The number of a recursion group's first type; the others' follow. In the group, its own
    /// members have the numbers they would get if it were new, from
    /// [`next_index`](SignatureTable::next_index) on.
    pub fn intern_group(&mut self, group: Vec<SubType>) -> SignatureIndex {
        let first = self.next_index();
        if group.is_empty() {
            return first;
        }
        let rolled = roll(first, &group);
        if let Some(&known) = self.interned.get(&rolled) {
            return known;
        }
        self.interned.insert(rolled, first);
        for ty in group {
            self.types.push(ty);
        }
        self.group_ends.push(self.next_index());
        first
    }

    /// Takes over all types of another table; their numbers here, by their numbers there.
    pub fn intern_all(&mut self, other: &SignatureTable) -> Vec<SignatureIndex> {
        let mut numbers: Vec<SignatureIndex> = Vec::with_capacity(other.len());
        for range in other.groups() {
            let group = other.renumbered(range.clone(), self.next_index(), &numbers);
            let first = self.intern_group(group).index();
            numbers.extend((0..range.len()).map(|place| SignatureIndex::new(first + place)));
        }
        numbers
    }

    /// A recursion group as another table has it, where its first type has the number `first`, and types
    /// of groups before it have these `numbers`.
    pub(crate) fn renumbered(
        &self,
        group: Range<usize>,
        first: SignatureIndex,
        numbers: &[SignatureIndex],
    ) -> Vec<SubType> {
        let number = |index: SignatureIndex| match index.index().checked_sub(group.start) {
            Some(place) => SignatureIndex::new(first.index() + place),
            None => numbers[index.index()],
        };
        let types = &self.types.values().as_slice()[group.clone()];
        types.iter().map(|ty| ty.renumber(number)).collect()
    }

    /// The number that the next new type gets.
    pub fn next_index(&self) -> SignatureIndex {
        self.types.next_key()
    }

    /// The type with this number as it was declared, if there is one.
    pub fn get(&self, index: SignatureIndex) -> Option<&SubType> {
        self.types.get(index)
    }

    /// Index and type of each, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (SignatureIndex, &FuncType)> {
        self.types.iter().map(|(index, ty)| (index, &ty.func))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// Whether every function of type `a` is one of type `b`: they are the same, or `a` is
    /// declared as a subtype of `b`, be it over others.
    pub fn is_subtype(&self, a: SignatureIndex, b: SignatureIndex) -> bool {
        is_subtype(|index| self.get(index), a, b)
    }

    /// Whether every reference to what `a` names refers to what `b` names.
    pub fn heap_type_matches(&self, a: HeapType, b: HeapType) -> bool {
        heap_type_matches(|index| self.get(index), a, b)
    }

    /// Whether every reference of type `a` is one of type `b`.
    pub fn ref_type_matches(&self, a: RefType, b: RefType) -> bool {
        ref_type_matches(|index| self.get(index), a, b)
    }

    /// Whether every value of type `a` is one of type `b`.
    pub fn val_type_matches(&self, a: ValType, b: ValType) -> bool {
        val_type_matches(|index| self.get(index), a, b)
    }

    /// The places of each recursion group's members.
    pub(crate) fn groups(&self) -> impl Iterator<Item = Range<usize>> {
        let mut start = 0;
        self.group_ends.iter().map(move |end| {
            let group = start..end.index();
            start = end.index();
            group
        })
    }
}

/// A group as it is looked up, in a table where it would get numbers from `first` on.
pub(crate) fn roll(first: SignatureIndex, group: &[SubType]) -> Box<[Rolled]> {
    let mention = |index: SignatureIndex| match index.index().checked_sub(first.index()) {
        Some(place) => Mention::Member(place),
        None => Mention::Earlier(index),
    };
    let rolled = group.iter().map(|ty| Rolled {
        is_final: ty.is_final,
        supertype: ty.supertype.map(mention),
        shape: ty.func.renumber(|_| SignatureIndex::new(0)),
        mentions: ty.func.concrete_types().map(mention).collect(),
    });
    rolled.collect()
}

impl Rolled {
    /// The types of earlier groups that it mentions, each as often as it does.
    pub(crate) fn earlier(&self) -> impl Iterator<Item = SignatureIndex> {
        let mentions = self.supertype.iter().chain(&*self.mentions);
        mentions.filter_map(|mention| match mention {
            Mention::Member(_) => None,
            Mention::Earlier(index) => Some(*index),
        })
    }
}

/// Whether every function of type `a` is one of type `b`, where `get` finds types.
pub(crate) fn is_subtype<'a>(
    get: impl Fn(SignatureIndex) -> Option<&'a SubType>,
    a: SignatureIndex,
    b: SignatureIndex,
) -> bool {
    let declared = |&index: &SignatureIndex| get(index)?.supertype;
    std::iter::successors(Some(a), declared).any(|index| index == b)
}

/// Whether every reference to what `a` names refers to what `b` names.
pub(crate) fn heap_type_matches<'a>(
    get: impl Fn(SignatureIndex) -> Option<&'a SubType>,
    a: HeapType,
    b: HeapType,
) -> bool {
    match (a, b) {
        (HeapType::Concrete(a), HeapType::Concrete(b)) => is_subtype(get, a, b),
        _ => a == b || a.top() == b.top() && (a.is_bottom() || is_top(b)),
    }
}

/// Whether every reference of type `a` is one of type `b`.
pub(crate) fn ref_type_matches<'a>(
    get: impl Fn(SignatureIndex) -> Option<&'a SubType>,
    a: RefType,
    b: RefType,
) -> bool {
    (b.nullable || !a.nullable) && heap_type_matches(get, a.heap_type, b.heap_type)
}

/// Whether every value of type `a` is one of type `b`.
pub(crate) fn val_type_matches<'a>(
    get: impl Fn(SignatureIndex) -> Option<&'a SubType>,
    a: ValType,
    b: ValType,
) -> bool {
    match (a, b) {
        (ValType::Ref(a), ValType::Ref(b)) => ref_type_matches(get, a, b),
        _ => a == b,
    }
}

fn is_top(heap_type: HeapType) -> bool {
    matches!(heap_type, HeapType::Func | HeapType::Extern | HeapType::Exn)
}

impl std::ops::Index<SignatureIndex> for SignatureTable {
    type Output = FuncType;

    fn index(&self, index: SignatureIndex) -> &FuncType {
        &self.types[index].func
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(index: usize) -> ValType {
        ValType::Ref(RefType {
            nullable: true,
            heap_type: HeapType::Concrete(SignatureIndex::new(index)),
        })
    }

    /// `(func (param (ref null 'index))…)`
    fn takes(indices: &[usize]) -> SubType {
        let params = indices.iter().map(|&index| reference(index));
        SubType::plain(FuncType::new(params, []))
    }

    fn taking_itself(table: &mut SignatureTable) -> SignatureIndex {
        let next = table.next_index().index();
        table.intern_group(vec![takes(&[next])])
    }

    #[test]
    fn types_that_refer_to_themselves_in_the_same_way_are_equal() {
        let mut table = SignatureTable::default();
        let first = taking_itself(&mut table);
        assert_eq!(taking_itself(&mut table), first);
        assert_eq!(table.len(), 1);
        // One that refers to the first is another: the first refers to itself.
        let other = table.intern_group(vec![takes(&[first.index()])]);
        assert_ne!(other, first);
    }

    #[test]
    fn a_type_in_a_group_of_two_is_not_the_one_that_is_declared_alone() {
        let mut table = SignatureTable::default();
        let plain = FuncType::new([], []);
        let alone = table.intern(plain.clone());
        let group = vec![SubType::plain(plain.clone()), SubType::plain(plain.clone())];
        let first = table.intern_group(group.clone());
        assert_ne!(first, alone);
        assert_eq!(table.intern_group(group), first);
        assert_eq!(table.find(&plain), Some(alone));
        assert_eq!(table.len(), 3);
    }

    #[test]
    fn the_place_in_a_group_counts() {
        let mut table = SignatureTable::default();
        let mutual = |table: &mut SignatureTable| {
            let next = table.next_index().index();
            table.intern_group(vec![takes(&[next + 1]), takes(&[next])])
        };
        let crossed = mutual(&mut table);
        assert_eq!(mutual(&mut table), crossed);
        let next = table.next_index().index();
        let straight = table.intern_group(vec![takes(&[next]), takes(&[next + 1])]);
        assert_ne!(straight, crossed);
    }

    #[test]
    fn tables_agree_on_equal_types_however_they_are_numbered() {
        let mut engine = SignatureTable::default();
        engine.intern(FuncType::new([ValType::F64], []));
        let mut modules = [SignatureTable::default(), SignatureTable::default()];
        modules[1].intern(FuncType::new([ValType::I32], []));
        let numbers = modules.each_mut().map(|module| {
            let recursive = taking_itself(module);
            let user = module.intern_group(vec![takes(&[recursive.index()])]);
            let numbers = engine.intern_all(module);
            (numbers[recursive.index()], numbers[user.index()])
        });
        assert_eq!(numbers[0], numbers[1]);
        let mentioned = engine[numbers[0].1].concrete_types().next();
        assert_eq!(mentioned, Some(numbers[0].0));
    }

    #[test]
    fn a_declared_supertype_is_one_and_a_type_of_the_same_shape_is_not() {
        let mut table = SignatureTable::default();
        let func = FuncType::new([], []);
        let open = |supertype| SubType {
            is_final: false,
            supertype,
            func: func.clone(),
        };
        let top = table.intern_group(vec![open(None)]);
        let middle = table.intern_group(vec![open(Some(top))]);
        let bottom = table.intern_group(vec![open(Some(middle))]);
        let stranger = table.intern(func.clone());
        assert!(table.is_subtype(bottom, top) && table.is_subtype(top, top));
        assert!(!table.is_subtype(top, bottom));
        assert!(!table.is_subtype(stranger, top) && !table.is_subtype(bottom, stranger));
    }

    #[test]
    fn bottom_types_match_all_of_their_hierarchy_and_nothing_of_another() {
        let mut table = SignatureTable::default();
        let concrete = HeapType::Concrete(table.intern(FuncType::new([], [])));
        let matches = |a, b| table.heap_type_matches(a, b);
        assert!(matches(HeapType::NoFunc, concrete) && matches(concrete, HeapType::Func));
        assert!(!matches(HeapType::Func, concrete) && !matches(concrete, HeapType::NoFunc));
        assert!(matches(HeapType::NoExtern, HeapType::Extern));
        assert!(!matches(HeapType::NoExtern, HeapType::Func));
        assert!(!matches(HeapType::NoExtern, concrete));
        let non_null = RefType {
            nullable: false,
            heap_type: HeapType::Func,
        };
        assert!(table.ref_type_matches(non_null, RefType::FUNCREF));
        assert!(!table.ref_type_matches(RefType::FUNCREF, non_null));
    }
}
