//! Tuples, as functions' parameters and results: `lift_flat_values` and `lower_flat_values`.

use super::{
    ComponentNamedList, ComponentType, Lift, LiftContext, Lower, LowerContext, TypeMismatch,
    align_to,
};
use crate::vm::val_raw;
use anyhow::Result;
use threadline_environ::component::{ComponentTypes, InterfaceType};
use threadline_environ::layout::ValRaw;

/// Lifts values out of the slots of a call: they lie there if they flatten to `max_flat` slots at
/// most, else in memory, where the first slot points.
#[inline]
pub(crate) fn lift_from<L: Lift>(
    cx: &LiftContext<'_>,
    max_flat: usize,
    slots: &[ValRaw],
) -> Result<L> {
    if L::FLAT_COUNT <= max_flat {
        return L::lift_flat(cx, slots);
    }
    let address = val_raw::i32(&slots[0]) as u32;
    cx.check_pointer(address, L::ALIGN, L::SIZE)?;
    L::load(cx, address)
}

/// Lowers values into the slots of a call, or into memory if they flatten to more than `max_flat`
/// slots: at `out`, if the guest gave an address for them; else where its `realloc` says, and
/// then the first slot points there.
#[inline]
pub(crate) fn lower_to<L: Lower>(
    values: &L,
    cx: &mut LowerContext<'_>,
    max_flat: usize,
    slots: &mut [ValRaw],
    out: Option<u32>,
) -> Result<()> {
    if L::FLAT_COUNT <= max_flat {
        return values.lower_flat(cx, slots);
    }
    match out {
        Some(address) => {
            cx.check_pointer(address, L::ALIGN, L::SIZE)?;
            values.store(cx, address)
        }
        None => {
            let address = cx.allocate(L::ALIGN, L::SIZE)?;
            slots[0] = val_raw::from_i32(address as i32);
            values.store(cx, address)
        }
    }
}

/// The offset behind a field of this size and alignment that comes next at `offset` or later.
const fn after(offset: u32, align: u32, size: u32) -> u32 {
    align_to(offset, align) + size
}

const fn larger(a: u32, b: u32) -> u32 {
    if a > b { a } else { b }
}

macro_rules! tuples {
    ($(($count:literal $($name:ident $index:tt)*))*) => {$(
        impl<$($name: ComponentType),*> ComponentType for ($($name,)*) {
            const FLAT_COUNT: usize = 0 $(+ $name::FLAT_COUNT)*;
            const ALIGN: u32 = {
                #[allow(unused_mut, reason = "the empty tuple has nothing to add")]
                let mut align = 1;
                $(align = larger(align, $name::ALIGN);)*
                align
            };
            const SIZE: u32 = {
                #[allow(unused_mut, reason = "the empty tuple has nothing to add")]
                let mut size = 0;
                $(size = after(size, $name::ALIGN, $name::SIZE);)*
                align_to(size, Self::ALIGN)
            };

            fn typecheck(types: &ComponentTypes, ty: InterfaceType) -> Result<(), TypeMismatch> {
                Err(TypeMismatch::new(types, ty, "tuple"))
            }
        }

        impl<$($name: ComponentType),*> ComponentNamedList for ($($name,)*) {
            #[allow(unused_variables, reason = "the empty tuple has no use for the types")]
            fn typecheck_list(
                types: &ComponentTypes,
                list: &[InterfaceType],
            ) -> Result<(), TypeMismatch> {
                if list.len() != $count {
                    return Err(TypeMismatch::Count {
                        expected: list.len(),
                        found: $count,
                    });
                }
                $($name::typecheck(types, list[$index]).map_err(|error| {
                    TypeMismatch::Element {
                        index: $index,
                        error: Box::new(error),
                    }
                })?;)*
                Ok(())
            }
        }

        #[allow(
            unused_variables,
            unused_mut,
            unused_assignments,
            reason = "the empty tuple uses nothing, and the last element has none after it"
        )]
        impl<$($name: Lower),*> Lower for ($($name,)*) {
            #[inline]
            fn lower_flat(&self, cx: &mut LowerContext<'_>, to: &mut [ValRaw]) -> Result<()> {
                let mut next = 0;
                $(
                    self.$index.lower_flat(cx, &mut to[next..][..$name::FLAT_COUNT])?;
                    next += $name::FLAT_COUNT;
                )*
                Ok(())
            }

            fn store(&self, cx: &mut LowerContext<'_>, address: u32) -> Result<()> {
                let mut next = 0;
                $(
                    self.$index.store(cx, address + align_to(next, $name::ALIGN))?;
                    next = after(next, $name::ALIGN, $name::SIZE);
                )*
                Ok(())
            }
        }

        #[allow(
            unused_variables,
            unused_mut,
            unused_assignments,
            clippy::unused_unit,
            reason = "the empty tuple uses nothing, and the last element has none after it"
        )]
        impl<$($name: Lift),*> Lift for ($($name,)*) {
            #[inline]
            fn lift_flat(cx: &LiftContext<'_>, from: &[ValRaw]) -> Result<Self> {
                let mut next = 0;
                Ok(($({
                    let slots = &from[next..][..$name::FLAT_COUNT];
                    next += $name::FLAT_COUNT;
                    $name::lift_flat(cx, slots)?
                },)*))
            }

            fn load(cx: &LiftContext<'_>, address: u32) -> Result<Self> {
                let mut next = 0;
                Ok(($({
                    let field = address + align_to(next, $name::ALIGN);
                    next = after(next, $name::ALIGN, $name::SIZE);
                    $name::load(cx, field)?
                },)*))
            }
        }
    )*};
}

tuples! {
    (0)
    (1 A1 0)
    (2 A1 0 A2 1)
    (3 A1 0 A2 1 A3 2)
    (4 A1 0 A2 1 A3 2 A4 3)
    (5 A1 0 A2 1 A3 2 A4 3 A5 4)
    (6 A1 0 A2 1 A3 2 A4 3 A5 4 A6 5)
    (7 A1 0 A2 1 A3 2 A4 3 A5 4 A6 5 A7 6)
    (8 A1 0 A2 1 A3 2 A4 3 A5 4 A6 5 A7 6 A8 7)
    (9 A1 0 A2 1 A3 2 A4 3 A5 4 A6 5 A7 6 A8 7 A9 8)
    (10 A1 0 A2 1 A3 2 A4 3 A5 4 A6 5 A7 6 A8 7 A9 8 A10 9)
    (11 A1 0 A2 1 A3 2 A4 3 A5 4 A6 5 A7 6 A8 7 A9 8 A10 9 A11 10)
    (12 A1 0 A2 1 A3 2 A4 3 A5 4 A6 5 A7 6 A8 7 A9 8 A10 9 A11 10 A12 11)
    (13 A1 0 A2 1 A3 2 A4 3 A5 4 A6 5 A7 6 A8 7 A9 8 A10 9 A11 10 A12 11 A13 12)
    (14 A1 0 A2 1 A3 2 A4 3 A5 4 A6 5 A7 6 A8 7 A9 8 A10 9 A11 10 A12 11 A13 12 A14 13)
    (15 A1 0 A2 1 A3 2 A4 3 A5 4 A6 5 A7 6 A8 7 A9 8 A10 9 A11 10 A12 11 A13 12 A14 13 A15 14)
    (16 A1 0 A2 1 A3 2 A4 3 A5 4 A6 5 A7 6 A8 7 A9 8 A10 9 A11 10 A12 11 A13 12 A14 13 A15 14 A16 15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use threadline_environ::AddressType::I32;
    use threadline_environ::canonical_abi::{flatten_fields, tuple_layout};

    #[test]
    fn layouts_are_those_of_the_canonical_abi() {
        use InterfaceType::*;
        fn check<T: ComponentNamedList>(list: &[InterfaceType]) {
            let types = ComponentTypes::default();
            assert_eq!(T::typecheck_list(&types, list), Ok(()));
            let layout = tuple_layout(&types, list.iter().copied(), I32).size_align;
            assert_eq!((T::SIZE, T::ALIGN), (layout.size, layout.align), "{list:?}");
            let flat = flatten_fields(&types, list.iter().copied(), I32).expect("not many");
            assert_eq!(T::FLAT_COUNT, flat.len(), "{list:?}");
        }
        check::<()>(&[]);
        check::<(u8, u32, bool)>(&[U8, U32, Bool]);
        check::<(u16, f64, char, i8)>(&[U16, F64, Char, S8]);
        check::<(std::string::String, u64, &str)>(&[String, U64, String]);
    }

    #[test]
    fn the_element_at_fault_is_named() {
        let types = ComponentTypes::default();
        let list = [InterfaceType::U32, InterfaceType::String];
        let error = <(u32, u32)>::typecheck_list(&types, &list).expect_err("not a string");
        assert_eq!(
            error.to_string(),
            "element 1: expected `string`, found `u32`"
        );
        let error = <(u32,)>::typecheck_list(&types, &list).expect_err("one too few");
        assert_eq!(error.to_string(), "expected 2 value(s), found a tuple of 1");
    }
}
