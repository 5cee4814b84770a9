//! Tuples: as values, and as functions' parameters and results: `lift_flat_values` and
//! `lower_flat_values`.

use super::abi::{Offset, TypeAbi, record_offsets};
use super::{
    ComponentNamedList, ComponentType, HandleCheck, Lift, LiftContext, Lower, LowerContext,
    TypeContext, TypeMismatch,
};
use crate::vm::val_raw;
use anyhow::Result;
use threadline_environ::canonical_abi::SizeAlign;
use threadline_environ::component::InterfaceType;
use threadline_environ::layout::ValRaw;

/// Lifts values out of the slots of a call: they lie there if they flatten to `max_flat` slots at
/// most, else in memory, where the first slot points. `ty` is their tuple's.
#[inline]
pub(crate) fn lift_from<L: Lift>(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    max_flat: usize,
    slots: &[ValRaw],
) -> Result<L> {
    if L::ABI.flat_count() <= max_flat {
        return L::lift_flat(cx, ty, slots);
    }
    let SizeAlign { size, align } = L::ABI.size_align(cx.address());
    let from = cx.pointee(&slots[0], size, align)?;
    L::load(cx, ty, from)
}

/// Lowers values into the slots of a call, or into memory if they flatten to more than `max_flat`
/// slots: at `out`, if the guest gave an address for them; else where its `realloc` says, and
/// then the first slot points there. `ty` is their tuple's.
#[inline]
pub(crate) fn lower_to<L: Lower>(
    values: &L,
    cx: &mut LowerContext<'_>,
    ty: InterfaceType,
    max_flat: usize,
    slots: &mut [ValRaw],
    out: Option<u64>,
) -> Result<()> {
    if L::ABI.flat_count() <= max_flat {
        return values.lower_flat(cx, ty, slots);
    }
    let address = place(cx, L::ABI.size_align(cx.address()), slots, out)?;
    values.store(cx, ty, address)
}

/// Where values that are too many for slots are stored: see [`lower_to`].
pub(super) fn place(
    cx: &mut LowerContext<'_>,
    SizeAlign { size, align }: SizeAlign,
    slots: &mut [ValRaw],
    out: Option<u64>,
) -> Result<usize> {
    if let Some(address) = out {
        return cx.check_pointer(address, align, size);
    }
    let address = cx.allocate(align, size)?;
    slots[0] = val_raw::from_address(cx.address(), address as u64);
    Ok(address)
}

macro_rules! tuples {
    ($(($count:literal $($name:ident $index:tt)*))*) => {$(
        impl<$($name: ComponentType),*> ComponentType for ($($name,)*) {
            const ABI: TypeAbi = TypeAbi::record(&[$($name::ABI),*]);

            fn typecheck(cx: &TypeContext<'_>, ty: InterfaceType) -> Result<(), TypeMismatch> {
                match ty {
                    InterfaceType::Tuple(index) => {
                        Self::typecheck_list(cx, &cx.types().tuples[index].types)
                    }
                    other => Err(TypeMismatch::new(cx, other, "tuple")),
                }
            }

            /// The empty tuple stands for no payload.
            fn typecheck_payload(
                cx: &TypeContext<'_>,
                ty: Option<InterfaceType>,
            ) -> Result<(), TypeMismatch> {
                match ty {
                    None if $count == 0 => Ok(()),
                    Some(_) if $count == 0 => Err(TypeMismatch::Payload { expected: true }),
                    Some(ty) => Self::typecheck(cx, ty),
                    None => Err(TypeMismatch::Payload { expected: false }),
                }
            }
        }

        impl<$($name: ComponentType),*> ComponentNamedList for ($($name,)*) {
            #[allow(unused_variables, reason = "the empty tuple has no use for the types")]
            fn typecheck_list(
                cx: &TypeContext<'_>,
                list: &[InterfaceType],
            ) -> Result<(), TypeMismatch> {
                if list.len() != $count {
                    return Err(TypeMismatch::Count {
                        expected: list.len(),
                        found: $count,
                    });
                }
                $($name::typecheck(cx, list[$index]).map_err(|error| {
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
            fn check_handles(&self, cx: &HandleCheck<'_>, ty: InterfaceType) -> Result<()> {
                $(cx.field(&self.$index, ty, $index)?;)*
                Ok(())
            }

            #[inline]
            fn lower_flat(
                &self,
                cx: &mut LowerContext<'_>,
                ty: InterfaceType,
                to: &mut [ValRaw],
            ) -> Result<()> {
                let mut next = 0;
                $(
                    let abi = &$name::ABI;
                    let slots = &mut to[next..][..abi.flat_count()];
                    self.$index.lower_flat(cx, cx.field_type(abi, ty, $index), slots)?;
                    next += abi.flat_count();
                )*
                Ok(())
            }

            #[inline]
            fn store(
                &self,
                cx: &mut LowerContext<'_>,
                ty: InterfaceType,
                to: usize,
            ) -> Result<()> {
                let offsets: [Offset; $count] = const { record_offsets(&[$($name::ABI),*]) };
                $(
                    let field = cx.field_type(&$name::ABI, ty, $index);
                    self.$index.store(cx, field, to + offsets[$index].get(cx.address()))?;
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
            fn lift_flat(
                cx: &mut LiftContext<'_>,
                ty: InterfaceType,
                from: &[ValRaw],
            ) -> Result<Self> {
                let mut next = 0;
                Ok(($({
                    let abi = &$name::ABI;
                    let slots = &from[next..][..abi.flat_count()];
                    next += abi.flat_count();
                    $name::lift_flat(cx, cx.field_type(abi, ty, $index), slots)?
                },)*))
            }

            #[inline]
            fn load(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[u8]) -> Result<Self> {
                let offsets: [Offset; $count] = const { record_offsets(&[$($name::ABI),*]) };
                let address = cx.address();
                Ok(($({
                    let abi = &$name::ABI;
                    let field = cx.field_type(abi, ty, $index);
                    let from = &from[offsets[$index].get(address)..][..abi.size(address)];
                    $name::load(cx, field, from)?
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
    use threadline_environ::component::ComponentTypes;

    #[test]
    fn the_element_at_fault_is_named() {
        let types = ComponentTypes::default();
        let cx = TypeContext::new(&types);
        let list = [InterfaceType::U32, InterfaceType::String];
        let error = <(u32, u32)>::typecheck_list(&cx, &list).expect_err("not a string");
        assert_eq!(
            error.to_string(),
            "element 1: expected `string`, found `u32`"
        );
        let error = <(u32,)>::typecheck_list(&cx, &list).expect_err("one too few");
        assert_eq!(error.to_string(), "expected 2 value(s), found a tuple of 1");
    }
}
