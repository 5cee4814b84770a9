//! Whether types of two components are the same: those of values, and of functions.

use super::types::{Description, Type};
use crate::canonical_abi::{ResourceLookup, TypeMismatch};
use crate::store::StoreOpaque;
use crate::vm::ComponentInstancePtr;
use std::collections::BTreeSet;
use threadline_environ::component::{ComponentTypes, InterfaceType};
use threadline_environ::{ComponentFuncTypeIndex, ResourceIndex};

/// Whether types of two instances of a store are the same.
pub(super) fn is_same_type(
    store: &StoreOpaque,
    expected: (ComponentInstancePtr, InterfaceType),
    found: (ComponentInstancePtr, InterfaceType),
) -> bool {
    let resources = [expected.0, found.0]
        .map(|instance| move |index: ResourceIndex| instance.public_resource(store, index));
    let mut comparison = Comparison::new(
        (expected.0.description(), &resources[0]),
        (found.0.description(), &resources[1]),
    );
    comparison.same(expected.1, found.1)
}

/// A comparison of types of two components.
pub(super) struct Comparison<'a> {
    expected: (&'a Description, ResourceLookup<'a>),
    found: (&'a Description, ResourceLookup<'a>),
    /// What has been found to be the same; types mention each other often.
    same: BTreeSet<(InterfaceType, InterfaceType)>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(
        expected: (&'a Description, ResourceLookup<'a>),
        found: (&'a Description, ResourceLookup<'a>),
    ) -> Comparison<'a> {
        Comparison {
            expected,
            found,
            same: BTreeSet::new(),
        }
    }

    /// Compares two function types, but for the names of parameters.
    ///
    /// # Errors
    /// If they differ: in what part, and how.
    pub(super) fn funcs(
        &mut self,
        expected: ComponentFuncTypeIndex,
        found: ComponentFuncTypeIndex,
    ) -> Result<(), (&'static str, TypeMismatch)> {
        let expected = &self.expected.0.types.funcs[expected];
        let found = &self.found.0.types.funcs[found];
        let types = |params: &[(String, InterfaceType)]| -> Vec<_> {
            params.iter().map(|&(_, ty)| ty).collect()
        };
        self.list(&types(&expected.params), &types(&found.params))
            .map_err(|error| ("parameters", error))?;
        self.list(expected.result.as_slice(), found.result.as_slice())
            .map_err(|error| ("results", error))
    }

    fn list(
        &mut self,
        expected: &[InterfaceType],
        found: &[InterfaceType],
    ) -> Result<(), TypeMismatch> {
        if expected.len() != found.len() {
            return Err(TypeMismatch::Count {
                expected: expected.len(),
                found: found.len(),
            });
        }
        for (index, (&a, &b)) in expected.iter().zip(found).enumerate() {
            if !self.same(a, b) {
                let error = Box::new(TypeMismatch::Type {
                    expected: Type::new(self.expected.0, a).to_string(),
                    found: Type::new(self.found.0, b).to_string(),
                });
                return Err(TypeMismatch::Element { index, error });
            }
        }
        Ok(())
    }

    /// Whether two types are the same.
    pub(super) fn same(&mut self, a: InterfaceType, b: InterfaceType) -> bool {
        if self.same.contains(&(a, b)) {
            return true;
        }
        let same = self.same_structure(a, b);
        if same {
            self.same.insert((a, b));
        }
        same
    }

    fn same_structure(&mut self, a: InterfaceType, b: InterfaceType) -> bool {
        let (x, y): (&ComponentTypes, &ComponentTypes) =
            (&self.expected.0.types, &self.found.0.types);
        match (a, b) {
            (InterfaceType::List(a), InterfaceType::List(b)) => {
                self.same(x.lists[a].element, y.lists[b].element)
            }
            (InterfaceType::FixedLengthList(a), InterfaceType::FixedLengthList(b)) => {
                let (a, b) = (&x.fixed_length_lists[a], &y.fixed_length_lists[b]);
                a.length == b.length && self.same(a.element, b.element)
            }
            (InterfaceType::Map(a), InterfaceType::Map(b)) => {
                let (a, b) = (&x.maps[a], &y.maps[b]);
                self.same(a.key, b.key) && self.same(a.value, b.value)
            }
            (InterfaceType::Record(a), InterfaceType::Record(b)) => {
                let (a, b) = (&x.records[a].fields, &y.records[b].fields);
                same_all(a, b, |(a, x), (b, y)| a == b && self.same(*x, *y))
            }
            (InterfaceType::Tuple(a), InterfaceType::Tuple(b)) => {
                same_all(&x.tuples[a].types, &y.tuples[b].types, |a, b| {
                    self.same(*a, *b)
                })
            }
            (InterfaceType::Variant(a), InterfaceType::Variant(b)) => {
                let (a, b) = (&x.variants[a].cases, &y.variants[b].cases);
                same_all(a, b, |(a, x), (b, y)| a == b && self.same_optional(*x, *y))
            }
            (InterfaceType::Enum(a), InterfaceType::Enum(b)) => x.enums[a] == y.enums[b],
            (InterfaceType::Flags(a), InterfaceType::Flags(b)) => x.flags[a] == y.flags[b],
            (InterfaceType::Option(a), InterfaceType::Option(b)) => {
                self.same(x.options[a].some, y.options[b].some)
            }
            (InterfaceType::Result(a), InterfaceType::Result(b)) => {
                let (a, b) = (&x.results[a], &y.results[b]);
                self.same_optional(a.ok, b.ok) && self.same_optional(a.err, b.err)
            }
            (InterfaceType::Future(a), InterfaceType::Future(b)) => {
                self.same_optional(x.futures[a].payload, y.futures[b].payload)
            }
            (InterfaceType::Stream(a), InterfaceType::Stream(b)) => {
                self.same_optional(x.streams[a].payload, y.streams[b].payload)
            }
            (InterfaceType::Own(a), InterfaceType::Own(b))
            | (InterfaceType::Borrow(a), InterfaceType::Borrow(b)) => {
                let (a, b) = ((self.expected.1)(a), (self.found.1)(b));
                a.is_some() && a == b
            }
            // Those that are left have no index.
            (a, b) => is_primitive(a) && a == b,
        }
    }

    fn same_optional(&mut self, a: Option<InterfaceType>, b: Option<InterfaceType>) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => self.same(a, b),
            (None, None) => true,
            _ => false,
        }
    }
}

fn same_all<A>(a: &[A], b: &[A], mut same: impl FnMut(&A, &A) -> bool) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
}

/// Whether a type is the same in all components.
fn is_primitive(ty: InterfaceType) -> bool {
    match ty {
        InterfaceType::Bool
        | InterfaceType::S8
        | InterfaceType::U8
        | InterfaceType::S16
        | InterfaceType::U16
        | InterfaceType::S32
        | InterfaceType::U32
        | InterfaceType::S64
        | InterfaceType::U64
        | InterfaceType::F32
        | InterfaceType::F64
        | InterfaceType::Char
        | InterfaceType::String
        | InterfaceType::ErrorContext => true,
        InterfaceType::List(_)
        | InterfaceType::FixedLengthList(_)
        | InterfaceType::Map(_)
        | InterfaceType::Record(_)
        | InterfaceType::Tuple(_)
        | InterfaceType::Variant(_)
        | InterfaceType::Enum(_)
        | InterfaceType::Option(_)
        | InterfaceType::Result(_)
        | InterfaceType::Flags(_)
        | InterfaceType::Own(_)
        | InterfaceType::Borrow(_)
        | InterfaceType::Future(_)
        | InterfaceType::Stream(_) => false,
    }
}
