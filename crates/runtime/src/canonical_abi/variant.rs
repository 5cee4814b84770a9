//! What has cases: `option`, `result`, and what derived `variant`s use.
//!
//! `load_variant`, `store_variant`, `lift_flat_variant` and `lower_flat_variant`. The coercions
//! between core types that the last two need are none here: a slot holds any core value in its low
//! bytes, with zeros above.

use super::abi::{TypeAbi, VariantAbi};
use super::context::array;
use super::{
    ComponentType, HandleCheck, Lift, LiftContext, Lower, LowerContext, TypeContext, TypeMismatch,
};
use crate::trap::Trap;
use crate::vm::val_raw;
use anyhow::Result;
use threadline_environ::component::InterfaceType;
use threadline_environ::layout::ValRaw;

/// Writes a case's discriminant to the first slot and zeros behind its payload's core values, of
/// which there are `payload`; returns where those go.
#[inline]
pub(super) fn lower_case(to: &mut [ValRaw], case: u32, payload: usize) -> &mut [ValRaw] {
    to[0] = val_raw::from_i32(case as i32);
    let (own, unused) = to[1..].split_at_mut(payload);
    unused.fill(val_raw::ZERO);
    own
}

/// Writes what stands for an `enum`'s case or for `flags` to the slots of one.
#[doc(hidden)]
#[inline]
pub fn lower_bits(to: &mut [ValRaw], bits: u32) {
    to[0] = val_raw::from_i32(bits as i32);
}

/// Reads what [`lower_bits`] writes. A guest's `flags` may have bits without labels, which don't count.
#[doc(hidden)]
#[inline]
pub fn lift_bits(from: &[ValRaw]) -> u32 {
    val_raw::i32(&from[0]) as u32
}

/// The trap of a guest that names a case which there isn't.
#[doc(hidden)]
#[cold]
pub fn invalid_discriminant() -> anyhow::Error {
    Trap::InvalidDiscriminant.into()
}

/// Writes a number of 1, 2 or 4 bytes: a discriminant, or `flags`.
///
/// # Errors
/// If the place is not in the memory.
#[doc(hidden)]
#[inline]
pub fn store_bits(cx: &mut LowerContext<'_>, size: u32, bits: u32, address: usize) -> Result<()> {
    cx.write(address, &bits.to_le_bytes()[..size as usize])
}

/// Reads a number of 1, 2 or 4 bytes: a discriminant, or `flags`.
#[doc(hidden)]
#[inline]
pub fn load_bits(size: u32, from: &[u8]) -> u32 {
    match size {
        1 => u32::from(from[0]),
        2 => u16::from_le_bytes(array(&from[..2])).into(),
        _ => u32::from_le_bytes(array(&from[..4])),
    }
}

impl VariantAbi {
    /// Begins to lower a case into slots; returns those that its payload goes to.
    #[inline]
    pub fn lower_case<'a>(
        &self,
        to: &'a mut [ValRaw],
        case: u32,
        payload: &TypeAbi,
    ) -> &'a mut [ValRaw] {
        lower_case(to, case, payload.flat_count())
    }

    /// Begins to store a case; returns where its payload goes.
    ///
    /// # Errors
    /// If the place is not in the memory.
    #[inline]
    pub fn store_case(
        &self,
        cx: &mut LowerContext<'_>,
        case: u32,
        address: usize,
    ) -> Result<usize> {
        store_bits(cx, self.discriminant_size, case, address)?;
        Ok(address + self.payload_offset.get(cx.address()))
    }

    /// Which case there is in slots.
    ///
    /// # Errors
    /// [`Trap::InvalidDiscriminant`] if there is no such case.
    #[inline]
    pub fn lift_case(&self, from: &[ValRaw]) -> Result<u32> {
        self.check(val_raw::i32(&from[0]) as u32)
    }

    /// Where in the slots of a case its payload is.
    #[inline]
    pub fn payload_slots<'a>(&self, from: &'a [ValRaw], payload: &TypeAbi) -> &'a [ValRaw] {
        &from[1..][..payload.flat_count()]
    }

    /// Which case there is in memory.
    ///
    /// # Errors
    /// [`Trap::InvalidDiscriminant`] if there is no such case.
    #[inline]
    pub fn load_case(&self, from: &[u8]) -> Result<u32> {
        self.check(load_bits(self.discriminant_size, from))
    }

    /// Where in the bytes of a case its payload is.
    #[inline]
    pub fn payload_bytes<'a>(
        &self,
        cx: &LiftContext<'_>,
        from: &'a [u8],
        payload: &TypeAbi,
    ) -> &'a [u8] {
        let address = cx.address();
        &from[self.payload_offset.get(address)..][..payload.size(address)]
    }

    fn check(&self, case: u32) -> Result<u32> {
        if case < self.cases {
            return Ok(case);
        }
        Err(Trap::InvalidDiscriminant.into())
    }
}

/// A Rust type whose every case is a payload or nothing, so that the four directions can be
/// written once.
macro_rules! two_cases {
    (
        impl<$($param:ident),*> $ty:ty;
        $variant:expr;
        $($case:literal: $pattern:pat => $payload:expr, |$lifted:pat_param| $make:expr, $bound:ty;)*
    ) => {
        impl<$($param: Lower),*> Lower for $ty {
            #[inline]
            fn check_handles(&self, cx: &HandleCheck<'_>, ty: InterfaceType) -> Result<()> {
                match self {$(
                    $pattern => cx.payload::<$bound>(&$payload, ty, $case),
                )*}
            }

            #[inline]
            fn lower_flat(
                &self,
                cx: &mut LowerContext<'_>,
                ty: InterfaceType,
                to: &mut [ValRaw],
            ) -> Result<()> {
                match self {$(
                    $pattern => {
                        let abi = &<$bound>::ABI;
                        let to = $variant.lower_case(to, $case, abi);
                        let ty = cx.case_type(abi, ty, $case);
                        $payload.lower_flat(cx, ty, to)
                    }
                )*}
            }

            #[inline]
            fn store(
                &self,
                cx: &mut LowerContext<'_>,
                ty: InterfaceType,
                address: usize,
            ) -> Result<()> {
                match self {$(
                    $pattern => {
                        let to = $variant.store_case(cx, $case, address)?;
                        let ty = cx.case_type(&<$bound>::ABI, ty, $case);
                        $payload.store(cx, ty, to)
                    }
                )*}
            }
        }

        impl<$($param: Lift),*> Lift for $ty {
            #[inline]
            fn lift_flat(
                cx: &mut LiftContext<'_>,
                ty: InterfaceType,
                from: &[ValRaw],
            ) -> Result<Self> {
                match $variant.lift_case(from)? {
                    $($case => {
                        let abi = &<$bound>::ABI;
                        let ty = cx.case_type(abi, ty, $case);
                        let $lifted = <$bound>::lift_flat(cx, ty, $variant.payload_slots(from, abi))?;
                        Ok($make)
                    })*
                    _ => Err(Trap::InvalidDiscriminant.into()),
                }
            }

            #[inline]
            fn load(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[u8]) -> Result<Self> {
                match $variant.load_case(from)? {
                    $($case => {
                        let abi = &<$bound>::ABI;
                        let ty = cx.case_type(abi, ty, $case);
                        let from = $variant.payload_bytes(cx, from, abi);
                        let $lifted = <$bound>::load(cx, ty, from)?;
                        Ok($make)
                    })*
                    _ => Err(Trap::InvalidDiscriminant.into()),
                }
            }
        }
    };
}

const fn option_abi<T: ComponentType>() -> VariantAbi {
    VariantAbi::new(&[None, Some(T::ABI)])
}

impl<T: ComponentType> ComponentType for Option<T> {
    const ABI: TypeAbi = option_abi::<T>().abi;

    fn typecheck(cx: &TypeContext<'_>, ty: InterfaceType) -> Result<(), TypeMismatch> {
        match ty {
            InterfaceType::Option(index) => T::typecheck(cx, cx.types().options[index].some)
                .map_err(|error| error.of_parts("`some`")),
            other => Err(TypeMismatch::new(cx, other, "option")),
        }
    }
}

two_cases! {
    impl<T> Option<T>;
    const { &option_abi::<T>() };
    0: None => (), |()| None, ();
    1: Some(payload) => payload, |payload| Some(payload), T;
}

const fn result_abi<T: ComponentType, E: ComponentType>() -> VariantAbi {
    VariantAbi::new(&[Some(T::ABI), Some(E::ABI)])
}

impl<T: ComponentType, E: ComponentType> ComponentType for Result<T, E> {
    const ABI: TypeAbi = result_abi::<T, E>().abi;

    fn typecheck(cx: &TypeContext<'_>, ty: InterfaceType) -> Result<(), TypeMismatch> {
        let InterfaceType::Result(index) = ty else {
            return Err(TypeMismatch::new(cx, ty, "result"));
        };
        let expected = &cx.types().results[index];
        T::typecheck_payload(cx, expected.ok).map_err(|error| error.of_parts("`ok`"))?;
        E::typecheck_payload(cx, expected.err).map_err(|error| error.of_parts("`error`"))
    }
}

two_cases! {
    impl<T, E> Result<T, E>;
    const { &result_abi::<T, E>() };
    0: Ok(payload) => payload, |payload| Ok(payload), T;
    1: Err(payload) => payload, |payload| Err(payload), E;
}
