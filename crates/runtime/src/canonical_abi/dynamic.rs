//! Lifting and lowering of [`Val`]s, whose types are known at run time only.
//!
//! Lowering is given values that [`Val::check`] accepted.

use super::scalar::to_char;
use super::string::{lift_range, load_range, lower_range, store_range};
use super::{Lift, LiftContext, Lower, LowerContext};
use crate::bug::bail_bug;
use crate::component::Val;
use crate::trap::Trap;
use crate::vm::val_raw;
use anyhow::Result;
use threadline_environ::canonical_abi::{
    MAX_LIST_BYTE_LENGTH, SizeAlign, flatten, size_align, tuple_layout,
};
use threadline_environ::component::{ComponentTypes, InterfaceType};
use threadline_environ::layout::ValRaw;
use threadline_environ::types::AddressType;

/// Lifts values of these types, one after the other, out of slots.
pub(crate) fn lift_vals(
    cx: &LiftContext<'_>,
    types: impl IntoIterator<Item = InterfaceType>,
    mut slots: &[ValRaw],
    to: &mut [Val],
) -> Result<()> {
    for (ty, to) in types.into_iter().zip(to) {
        let (own, rest) = slots.split_at(flat_count(cx.types(), ty));
        *to = lift_val(cx, ty, own)?;
        slots = rest;
    }
    Ok(())
}

/// Loads values of these types, that the guest has in memory as a tuple.
pub(crate) fn load_vals(
    cx: &LiftContext<'_>,
    types: impl IntoIterator<Item = InterfaceType> + Clone,
    address: u32,
    to: &mut [Val],
) -> Result<()> {
    let layout = tuple_layout(cx.types(), types.clone(), AddressType::I32);
    let SizeAlign { size, align } = layout.size_align;
    cx.check_pointer(address, align, size)?;
    for ((ty, offset), to) in types.into_iter().zip(layout.offsets).zip(to) {
        *to = load_val(cx, ty, address + offset)?;
    }
    Ok(())
}

/// Lowers values of these types, one after the other, into slots.
pub(crate) fn lower_vals(
    cx: &mut LowerContext<'_>,
    types: impl IntoIterator<Item = InterfaceType>,
    vals: &[Val],
    mut slots: &mut [ValRaw],
) -> Result<()> {
    for (ty, val) in types.into_iter().zip(vals) {
        let (own, rest) = slots.split_at_mut(flat_count(cx.types(), ty));
        lower_val(cx, ty, val, own)?;
        slots = rest;
    }
    Ok(())
}

/// Stores values of these types as a tuple: at `address`, if the guest gave one, else where its
/// `realloc` says. Returns the address.
pub(crate) fn store_vals(
    cx: &mut LowerContext<'_>,
    types: impl IntoIterator<Item = InterfaceType> + Clone,
    vals: &[Val],
    address: Option<u32>,
) -> Result<u32> {
    let layout = tuple_layout(cx.types(), types.clone(), AddressType::I32);
    let SizeAlign { size, align } = layout.size_align;
    let address = match address {
        Some(address) => {
            cx.check_pointer(address, align, size)?;
            address
        }
        None => cx.allocate(align, size)?,
    };
    for ((ty, offset), val) in types.into_iter().zip(layout.offsets).zip(vals) {
        store_val(cx, ty, val, address + offset)?;
    }
    Ok(address)
}

/// How many core values there are of a type; types of which there are too many are in memory.
fn flat_count(types: &ComponentTypes, ty: InterfaceType) -> usize {
    flatten(types, ty, AddressType::I32).map_or(0, |flat| flat.len())
}

fn unbuilt(types: &ComponentTypes, ty: InterfaceType) -> anyhow::Error {
    let ty = crate::component::describe_type(types, ty);
    anyhow::anyhow!("values of type `{ty}` are not built yet on the host's side of a call")
}

/// `lift_flat`.
fn lift_val(cx: &LiftContext<'_>, ty: InterfaceType, slots: &[ValRaw]) -> Result<Val> {
    Ok(match ty {
        InterfaceType::Bool => Val::Bool(bool::lift_flat(cx, slots)?),
        InterfaceType::S8 => Val::S8(i8::lift_flat(cx, slots)?),
        InterfaceType::U8 => Val::U8(u8::lift_flat(cx, slots)?),
        InterfaceType::S16 => Val::S16(i16::lift_flat(cx, slots)?),
        InterfaceType::U16 => Val::U16(u16::lift_flat(cx, slots)?),
        InterfaceType::S32 => Val::S32(i32::lift_flat(cx, slots)?),
        InterfaceType::U32 => Val::U32(u32::lift_flat(cx, slots)?),
        InterfaceType::S64 => Val::S64(i64::lift_flat(cx, slots)?),
        InterfaceType::U64 => Val::U64(u64::lift_flat(cx, slots)?),
        InterfaceType::F32 => Val::Float32(f32::lift_flat(cx, slots)?),
        InterfaceType::F64 => Val::Float64(f64::lift_flat(cx, slots)?),
        InterfaceType::Char => Val::Char(to_char(val_raw::i32(&slots[0]) as u32)?),
        InterfaceType::String => Val::String(String::lift_flat(cx, slots)?),
        InterfaceType::List(index) => {
            let element = cx.types().lists[index].element;
            load_list(cx, element, lift_range(slots))?
        }
        InterfaceType::Enum(_) | InterfaceType::Flags(_) => {
            named(cx, ty, val_raw::i32(&slots[0]) as u32)?
        }
        other => return Err(unbuilt(cx.types(), other)),
    })
}

/// `load`.
fn load_val(cx: &LiftContext<'_>, ty: InterfaceType, address: u32) -> Result<Val> {
    Ok(match ty {
        InterfaceType::Bool => Val::Bool(bool::load(cx, address)?),
        InterfaceType::S8 => Val::S8(i8::load(cx, address)?),
        InterfaceType::U8 => Val::U8(u8::load(cx, address)?),
        InterfaceType::S16 => Val::S16(i16::load(cx, address)?),
        InterfaceType::U16 => Val::U16(u16::load(cx, address)?),
        InterfaceType::S32 => Val::S32(i32::load(cx, address)?),
        InterfaceType::U32 => Val::U32(u32::load(cx, address)?),
        InterfaceType::S64 => Val::S64(i64::load(cx, address)?),
        InterfaceType::U64 => Val::U64(u64::load(cx, address)?),
        InterfaceType::F32 => Val::Float32(f32::load(cx, address)?),
        InterfaceType::F64 => Val::Float64(f64::load(cx, address)?),
        InterfaceType::Char => Val::Char(char::load(cx, address)?),
        InterfaceType::String => Val::String(String::load(cx, address)?),
        InterfaceType::List(index) => {
            let element = cx.types().lists[index].element;
            load_list(cx, element, load_range(cx, address)?)?
        }
        InterfaceType::Enum(_) | InterfaceType::Flags(_) => {
            let bits = match size_align(cx.types(), ty, AddressType::I32).size {
                1 => u32::from(u8::load(cx, address)?),
                2 => u32::from(u16::load(cx, address)?),
                _ => u32::load(cx, address)?,
            };
            named(cx, ty, bits)?
        }
        other => return Err(unbuilt(cx.types(), other)),
    })
}

/// `load_list_from_range`.
fn load_list(
    cx: &LiftContext<'_>,
    element: InterfaceType,
    (address, length): (u32, u32),
) -> Result<Val> {
    let SizeAlign { size, align } = size_align(cx.types(), element, AddressType::I32);
    let bytes = u64::from(length) * u64::from(size);
    if bytes > u64::from(MAX_LIST_BYTE_LENGTH) {
        return Err(Trap::ListTooLong.into());
    }
    if !address.is_multiple_of(align) {
        return Err(Trap::UnalignedPointer.into());
    }
    let bytes = cx.bytes(address, bytes as usize, Trap::ListPointerOutOfBounds)?;
    if element == InterfaceType::U8 {
        return Ok(Val::List(bytes.iter().copied().map(Val::U8).collect()));
    }
    let elements = (0..length).map(|i| load_val(cx, element, address + i * size));
    Ok(Val::List(elements.collect::<Result<_>>()?))
}

/// The case of an enum, or the labels of flags, that a number stands for.
fn named(cx: &LiftContext<'_>, ty: InterfaceType, bits: u32) -> Result<Val> {
    match ty {
        InterfaceType::Enum(index) => {
            let case = cx.types().enums[index].cases.get(bits as usize);
            Ok(Val::Enum(case.ok_or(Trap::InvalidDiscriminant)?.clone()))
        }
        InterfaceType::Flags(index) => {
            let labels = cx.types().flags[index].labels.iter().enumerate();
            let set = labels.filter(|(bit, _)| bits >> bit & 1 == 1);
            Ok(Val::Flags(set.map(|(_, label)| label.clone()).collect()))
        }
        other => bail_bug!("{other:?} has no names"),
    }
}

/// `lower_flat`.
fn lower_val(
    cx: &mut LowerContext<'_>,
    ty: InterfaceType,
    val: &Val,
    slots: &mut [ValRaw],
) -> Result<()> {
    match val {
        Val::Bool(value) => value.lower_flat(cx, slots),
        Val::S8(value) => value.lower_flat(cx, slots),
        Val::U8(value) => value.lower_flat(cx, slots),
        Val::S16(value) => value.lower_flat(cx, slots),
        Val::U16(value) => value.lower_flat(cx, slots),
        Val::S32(value) => value.lower_flat(cx, slots),
        Val::U32(value) => value.lower_flat(cx, slots),
        Val::S64(value) => value.lower_flat(cx, slots),
        Val::U64(value) => value.lower_flat(cx, slots),
        Val::Float32(value) => value.lower_flat(cx, slots),
        Val::Float64(value) => value.lower_flat(cx, slots),
        Val::Char(value) => value.lower_flat(cx, slots),
        Val::String(value) => value.lower_flat(cx, slots),
        Val::List(elements) => {
            lower_range(store_list(cx, ty, elements)?, slots);
            Ok(())
        }
        Val::Enum(_) | Val::Flags(_) => bits(cx, ty, val)?.lower_flat(cx, slots),
    }
}

/// `store`.
fn store_val(cx: &mut LowerContext<'_>, ty: InterfaceType, val: &Val, address: u32) -> Result<()> {
    match val {
        Val::Bool(value) => value.store(cx, address),
        Val::S8(value) => value.store(cx, address),
        Val::U8(value) => value.store(cx, address),
        Val::S16(value) => value.store(cx, address),
        Val::U16(value) => value.store(cx, address),
        Val::S32(value) => value.store(cx, address),
        Val::U32(value) => value.store(cx, address),
        Val::S64(value) => value.store(cx, address),
        Val::U64(value) => value.store(cx, address),
        Val::Float32(value) => value.store(cx, address),
        Val::Float64(value) => value.store(cx, address),
        Val::Char(value) => value.store(cx, address),
        Val::String(value) => value.store(cx, address),
        Val::List(elements) => {
            let range = store_list(cx, ty, elements)?;
            store_range(cx, range, address)
        }
        Val::Enum(_) | Val::Flags(_) => {
            let bits = bits(cx, ty, val)?;
            match size_align(cx.types(), ty, AddressType::I32).size {
                1 => (bits as u8).store(cx, address),
                2 => (bits as u16).store(cx, address),
                _ => bits.store(cx, address),
            }
        }
    }
}

/// `store_list_into_range`.
fn store_list(
    cx: &mut LowerContext<'_>,
    ty: InterfaceType,
    elements: &[Val],
) -> Result<(u32, u32)> {
    let InterfaceType::List(index) = ty else {
        bail_bug!("a list is lowered as {ty:?}");
    };
    let element = cx.types().lists[index].element;
    let SizeAlign { size, align } = size_align(cx.types(), element, AddressType::I32);
    let length = u32::try_from(elements.len()).unwrap_or(u32::MAX);
    let bytes = u64::from(length) * u64::from(size);
    if bytes > u64::from(MAX_LIST_BYTE_LENGTH) {
        return Err(Trap::ListTooLong.into());
    }
    let address = cx.allocate(align, bytes as u32)?;
    for (i, val) in (0..length).zip(elements) {
        store_val(cx, element, val, address + i * size)?;
    }
    Ok((address, length))
}

/// The number that stands for the case of an enum or the labels of flags.
fn bits(cx: &LowerContext<'_>, ty: InterfaceType, val: &Val) -> Result<u32> {
    let position = |names: &[String], name: &String| names.iter().position(|known| known == name);
    let found = match (val, ty) {
        (Val::Enum(case), InterfaceType::Enum(index)) => {
            position(&cx.types().enums[index].cases, case).map(|case| case as u32)
        }
        (Val::Flags(set), InterfaceType::Flags(index)) => {
            let labels = &cx.types().flags[index].labels;
            set.iter()
                .try_fold(0, |bits, label| Some(bits | 1 << position(labels, label)?))
        }
        _ => None,
    };
    match found {
        Some(bits) => Ok(bits),
        None => bail_bug!("{val:?} is lowered unchecked as {ty:?}"),
    }
}
