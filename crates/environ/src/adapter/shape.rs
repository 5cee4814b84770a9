//! What the code for a type depends on, computed once for each type.

use crate::canonical_abi::size_align;
use crate::component::{ComponentTypes, InterfaceType};
use crate::types::AddressType;
use std::collections::BTreeMap;

/// A value whose code would be larger than this, in about as many scalars, has a function of
/// its own.
pub(super) const MAX_INLINE_COST: u32 = 32;

/// A value that costs no more than this is moved in place, however many there are.
const MIN_CALL_COST: u32 = 2;

/// What is known about a type.
#[derive(Copy, Clone, Debug)]
pub(super) struct Shape {
    /// How much code moves a value, if what it contains is too large to be moved in place is
    /// moved by functions.
    cost: u32,
    /// Whether all bit patterns are values, and all bytes belong to the value: what is in one
    /// memory can be copied to another as it is. Its layout is then the same in all memories.
    pub(super) plain: bool,
    /// Whether there is something in it that a guest's code can see being lifted or lowered:
    /// memory that is allocated, or a handle.
    pub(super) seen: bool,
    /// Whether there are borrowed handles in it.
    pub(super) borrows: bool,
    /// Whether some of them are lifted by code that may run more than once.
    pub(super) borrows_many: bool,
}

impl Shape {
    const fn scalar(plain: bool) -> Shape {
        Shape {
            cost: 1,
            plain,
            seen: false,
            borrows: false,
            borrows_many: false,
        }
    }

    fn list(element: Shape) -> Shape {
        Shape {
            cost: element.inline_cost() + 8,
            plain: false,
            seen: true,
            borrows: element.borrows,
            borrows_many: element.borrows,
        }
    }

    /// Adds what is in a part to what is in the whole.
    fn contain(&mut self, part: Shape) {
        self.cost = self.cost.saturating_add(part.inline_cost());
        self.seen |= part.seen;
        self.borrows |= part.borrows;
        self.borrows_many |= part.borrows_many;
    }

    /// Whether it gets a function of its own.
    pub(super) fn is_large(self) -> bool {
        self.cost > MAX_INLINE_COST
    }

    /// Whether a call is less code than moving a value in place.
    pub(super) fn is_worth_a_call(self) -> bool {
        self.cost > MIN_CALL_COST
    }

    /// What a value costs where it is part of another.
    fn inline_cost(self) -> u32 {
        if self.is_large() { 4 } else { self.cost }
    }
}

/// The shapes of types, for all adapters of a component.
#[derive(Default)]
pub(crate) struct Shapes {
    known: BTreeMap<InterfaceType, Shape>,
}

impl Shapes {
    /// The shape of a type. Types are nested no deeper than validation allows.
    pub(super) fn of(&mut self, types: &ComponentTypes, ty: InterfaceType) -> Shape {
        if let Some(&shape) = self.known.get(&ty) {
            return shape;
        }
        let mut shape = self.compute(types, ty);
        shape.borrows_many |= shape.borrows && shape.is_large();
        self.known.insert(ty, shape);
        shape
    }

    fn compute(&mut self, types: &ComponentTypes, ty: InterfaceType) -> Shape {
        if let Some((fields, _)) = types.fields(ty) {
            return self.fields(types, ty, &fields);
        }
        if let Some(cases) = types.cases(ty) {
            let mut shape = Shape::scalar(false);
            for payload in cases.payloads().flatten() {
                shape.contain(self.of(types, payload));
                shape.cost = shape.cost.saturating_add(2);
            }
            return shape;
        }
        match ty {
            InterfaceType::String => Shape {
                cost: 16,
                seen: true,
                ..Shape::scalar(false)
            },
            InterfaceType::List(index) => Shape::list(self.of(types, types.lists[index].element)),
            InterfaceType::Map(index) => {
                let entry = InterfaceType::Tuple(types.maps[index].entry);
                Shape::list(self.of(types, entry))
            }
            InterfaceType::FixedLengthList(index) => {
                let list = &types.fixed_length_lists[index];
                let element = self.of(types, list.element);
                Shape {
                    cost: 4 + list.length.min(16) * element.inline_cost(),
                    borrows_many: element.borrows,
                    ..element
                }
            }
            InterfaceType::Own(_)
            | InterfaceType::Borrow(_)
            | InterfaceType::Future(_)
            | InterfaceType::Stream(_)
            | InterfaceType::ErrorContext => Shape {
                seen: true,
                borrows: matches!(ty, InterfaceType::Borrow(_)),
                ..Shape::scalar(false)
            },
            InterfaceType::Flags(index) => {
                let labels = types.flags[index].labels.len();
                Shape::scalar(labels as u32 == 8 * size(types, ty))
            }
            InterfaceType::Bool | InterfaceType::Char | InterfaceType::Enum(_) => {
                Shape::scalar(false)
            }
            _ => Shape::scalar(true),
        }
    }

    fn fields(
        &mut self,
        types: &ComponentTypes,
        ty: InterfaceType,
        fields: &[InterfaceType],
    ) -> Shape {
        let mut whole = Shape {
            cost: 0,
            ..Shape::scalar(true)
        };
        let mut bytes = 0;
        for &field in fields {
            let shape = self.of(types, field);
            whole.contain(shape);
            whole.plain &= shape.plain;
            bytes += size(types, field);
        }
        // Padding belongs to nobody, and isn't passed on.
        whole.plain &= bytes == size(types, ty);
        whole
    }
}

/// The size of a type; of one that may be plain, in any memory.
fn size(types: &ComponentTypes, ty: InterfaceType) -> u32 {
    size_align(types, ty, AddressType::I32).size
}
