//! `list<T>` and `list<T, N>`.
//!
//! The bounds of a list are checked once, and elements whose bytes are the same on both sides are
//! copied together: see `store_elements` and `load_elements` of the scalars.

use super::abi::TypeAbi;
use super::context::Range;
use super::{
    ComponentType, HandleCheck, Lift, LiftContext, Lower, LowerContext, TypeContext, TypeMismatch,
};
use crate::trap::Trap;
use anyhow::Result;
use std::array;
use threadline_environ::canonical_abi::{MAX_LIST_BYTE_LENGTH, SizeAlign};
use threadline_environ::component::InterfaceType;
use threadline_environ::layout::ValRaw;

/// The bytes of that many elements, if a list may have that many.
pub(super) fn list_bytes(length: u64, element: SizeAlign) -> Result<u32, Trap> {
    let bytes = length.checked_mul(element.size.into());
    match bytes.map(u32::try_from) {
        Some(Ok(bytes)) if bytes <= MAX_LIST_BYTE_LENGTH => Ok(bytes),
        _ => Err(Trap::ListTooLong),
    }
}

/// Checks a list that a guest gave and finds its bytes and its length: the first half of
/// `load_list_from_range`.
pub(super) fn list_range<'a>(
    cx: &mut LiftContext<'a>,
    Range { address, length }: Range,
    element: SizeAlign,
) -> Result<(&'a [u8], usize)> {
    let bytes = list_bytes(length, element)?.into();
    let bytes = cx.bytes(address, bytes, element.align, Trap::ListPointerOutOfBounds)?;
    Ok((bytes, length as usize))
}

/// `store_list_into_range`. `ty` is the list's.
fn store_list<T: Lower>(
    cx: &mut LowerContext<'_>,
    ty: InterfaceType,
    elements: &[T],
) -> Result<Range> {
    let element = T::ABI.size_align(cx.address());
    let length = elements.len() as u64;
    let address = cx.allocate(element.align, list_bytes(length, element)?)?;
    let ty = cx.element_type(&T::ABI, ty);
    T::store_elements(elements, cx, ty, address)?;
    let address = address as u64;
    Ok(Range { address, length })
}

/// `load_list_from_range`. `ty` is the list's.
fn load_list<T: Lift>(cx: &mut LiftContext<'_>, ty: InterfaceType, range: Range) -> Result<Vec<T>> {
    let (bytes, length) = list_range(cx, range, T::ABI.size_align(cx.address()))?;
    let ty = cx.element_type(&T::ABI, ty);
    T::load_elements(cx, ty, bytes, length)
}

impl<T: ComponentType> ComponentType for [T] {
    const ABI: TypeAbi = TypeAbi::list(T::ABI);

    fn typecheck(cx: &TypeContext<'_>, ty: InterfaceType) -> Result<(), TypeMismatch> {
        match ty {
            InterfaceType::List(index) => T::typecheck(cx, cx.types().lists[index].element)
                .map_err(|error| error.of_parts("`list` elements")),
            other => Err(TypeMismatch::new(cx, other, "list")),
        }
    }
}

impl<T: Lower> Lower for [T] {
    fn check_handles(&self, cx: &HandleCheck<'_>, ty: InterfaceType) -> Result<()> {
        cx.elements(self.iter(), ty)
    }

    fn lower_flat(
        &self,
        cx: &mut LowerContext<'_>,
        ty: InterfaceType,
        to: &mut [ValRaw],
    ) -> Result<()> {
        let range = store_list(cx, ty, self)?;
        cx.range_to_slots(range, to);
        Ok(())
    }

    fn store(&self, cx: &mut LowerContext<'_>, ty: InterfaceType, address: usize) -> Result<()> {
        let range = store_list(cx, ty, self)?;
        cx.range_to_memory(range, address)
    }
}

impl<T: ComponentType> ComponentType for Vec<T> {
    const ABI: TypeAbi = <[T]>::ABI;

    fn typecheck(cx: &TypeContext<'_>, ty: InterfaceType) -> Result<(), TypeMismatch> {
        <[T]>::typecheck(cx, ty)
    }
}

impl<T: Lower> Lower for Vec<T> {
    fn check_handles(&self, cx: &HandleCheck<'_>, ty: InterfaceType) -> Result<()> {
        cx.elements(self.iter(), ty)
    }

    fn lower_flat(
        &self,
        cx: &mut LowerContext<'_>,
        ty: InterfaceType,
        to: &mut [ValRaw],
    ) -> Result<()> {
        self.as_slice().lower_flat(cx, ty, to)
    }

    fn store(&self, cx: &mut LowerContext<'_>, ty: InterfaceType, address: usize) -> Result<()> {
        self.as_slice().store(cx, ty, address)
    }
}

impl<T: Lift> Lift for Vec<T> {
    fn lift_flat(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[ValRaw]) -> Result<Vec<T>> {
        let range = cx.range_from_slots(from);
        load_list(cx, ty, range)
    }

    fn load(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[u8]) -> Result<Vec<T>> {
        let range = cx.range_from_memory(from);
        load_list(cx, ty, range)
    }
}

impl<T: Lift> Lift for Box<[T]> {
    fn lift_flat(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[ValRaw]) -> Result<Self> {
        Ok(Vec::lift_flat(cx, ty, from)?.into())
    }

    fn load(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[u8]) -> Result<Self> {
        Ok(Vec::load(cx, ty, from)?.into())
    }
}

impl<T: ComponentType, const N: usize> ComponentType for [T; N] {
    const ABI: TypeAbi = TypeAbi::fixed_length_list(T::ABI, N);

    fn typecheck(cx: &TypeContext<'_>, ty: InterfaceType) -> Result<(), TypeMismatch> {
        let mismatch = || TypeMismatch::new(cx, ty, format!("list<_, {N}>"));
        match ty {
            InterfaceType::FixedLengthList(index) => {
                let expected = &cx.types().fixed_length_lists[index];
                if expected.length as usize != N {
                    return Err(mismatch());
                }
                T::typecheck(cx, expected.element)
                    .map_err(|error| error.of_parts("`list` elements"))
            }
            _ => Err(mismatch()),
        }
    }
}

impl<T: Lower, const N: usize> Lower for [T; N] {
    fn check_handles(&self, cx: &HandleCheck<'_>, ty: InterfaceType) -> Result<()> {
        cx.elements(self.iter(), ty)
    }

    fn lower_flat(
        &self,
        cx: &mut LowerContext<'_>,
        ty: InterfaceType,
        to: &mut [ValRaw],
    ) -> Result<()> {
        let ty = cx.element_type(&T::ABI, ty);
        let count = T::ABI.flat_count();
        for (i, element) in self.iter().enumerate() {
            element.lower_flat(cx, ty, &mut to[i * count..][..count])?;
        }
        Ok(())
    }

    fn store(&self, cx: &mut LowerContext<'_>, ty: InterfaceType, address: usize) -> Result<()> {
        let ty = cx.element_type(&T::ABI, ty);
        T::store_elements(self, cx, ty, address)
    }
}

impl<T: Lift, const N: usize> Lift for [T; N] {
    fn lift_flat(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[ValRaw]) -> Result<Self> {
        let ty = cx.element_type(&T::ABI, ty);
        let count = T::ABI.flat_count();
        try_array(|i| T::lift_flat(cx, ty, &from[i * count..][..count]))
    }

    fn load(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[u8]) -> Result<Self> {
        let ty = cx.element_type(&T::ABI, ty);
        let size = T::ABI.size(cx.address());
        try_array(|i| T::load(cx, ty, &from[i * size..][..size]))
    }
}

/// An array of what a function makes, unless it fails.
fn try_array<T, const N: usize>(mut make: impl FnMut(usize) -> Result<T>) -> Result<[T; N]> {
    let mut failure = None;
    let made = array::from_fn(|i| match (&failure, make(i)) {
        (None, Ok(value)) => Some(value),
        (None, Err(error)) => {
            failure = Some(error);
            None
        }
        (Some(_), _) => None,
    });
    match failure {
        None => Ok(made.map(|value: Option<T>| value.expect("nothing failed"))),
        Some(error) => Err(error),
    }
}
