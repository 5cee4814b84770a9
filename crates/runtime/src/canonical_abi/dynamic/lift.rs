//! From a guest to [`Val`]s.

use super::super::context::{Range, field_type};
use super::super::list::list_range;
use super::super::variant::load_bits;
use super::super::{Lift, LiftContext};
use super::elements;
use crate::bug::bail_bug;
use crate::component::{ErrorContext, FutureAny, ResourceAny, StreamAny, Val};
use crate::trap::Trap;
use crate::vm::val_raw;
use anyhow::Result;
use threadline_environ::canonical_abi::{SizeAlign, flatten, size_align};
use threadline_environ::component::{InterfaceType, Name};
use threadline_environ::layout::ValRaw;

/// Bytes that a handle is charged which the host is given: its place in the store's table, and what is
/// noted for the end of the call.
const HANDLE: usize = 64;

/// `lift_flat_values`: values of a tuple's types, out of slots or, if they are passed in memory, from
/// where the first slot points; into `to`, where there is room for each. What was there is of no
/// matter.
pub(crate) fn lift_vals(
    cx: &mut LiftContext<'_>,
    tuple: InterfaceType,
    in_memory: bool,
    slots: &[ValRaw],
    to: &mut [Val],
) -> Result<()> {
    let elements = elements(cx.types(), tuple);
    if !in_memory {
        let mut slots = Slots(slots);
        for (ty, to) in elements.iter().zip(to) {
            lift_val_to(cx, *ty, &mut slots, to)?;
        }
        return Ok(());
    }
    let SizeAlign { size, align } = size_align(cx.types(), tuple, cx.address());
    let from = cx.pointee(&slots[0], size, align)?;
    let mut to = to.iter_mut();
    load_fields(cx, tuple, from, &mut |_, val| {
        if let Some(to) = to.next() {
            *to = val;
        }
    })
}

/// `load_list_from_valid_range`, of values one after the other that a guest has at an address. Those
/// before one that can't be lifted are there all the same.
pub(crate) fn load_vals(
    cx: &mut LiftContext<'_>,
    element: InterfaceType,
    address: u64,
    to: &mut Vec<Val>,
    count: usize,
) -> Result<()> {
    let SizeAlign { size, align } = size_align(cx.types(), element, cx.address());
    let length = u64::from(size) * count as u64;
    let bytes = cx.bytes(address, length, align, Trap::CanonicalOutOfBounds)?;
    for i in 0..count {
        let from = &bytes[i * size as usize..][..size as usize];
        to.push(load_val(cx, element, from)?);
    }
    Ok(())
}

/// Slots not yet read.
struct Slots<'a>(&'a [ValRaw]);

impl<'a> Slots<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [ValRaw]> {
        let Some((taken, rest)) = self.0.split_at_checked(count) else {
            bail_bug!("a value has more core values than there are");
        };
        self.0 = rest;
        Ok(taken)
    }
}

/// `lift_flat`.
fn lift_val(cx: &mut LiftContext<'_>, ty: InterfaceType, slots: &mut Slots<'_>) -> Result<Val> {
    let mut val = Val::Bool(false);
    lift_val_to(cx, ty, slots, &mut val)?;
    Ok(val)
}

/// `lift_flat`, into a place.
///
/// A number is written where it is to be. To make a `Val` of it and move that, in wider pieces than
/// it was just written in, would take longer than all else that is done for it.
///
/// What is not a number is out of line: this calls itself for each level of a value, on what is left of
/// the guest's stack.
fn lift_val_to(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    slots: &mut Slots<'_>,
    to: &mut Val,
) -> Result<()> {
    macro_rules! scalar {
        ($variant:ident, $rust:ty, $any:literal) => {{
            let value = <$rust>::lift_flat(cx, ty, slots.take(1)?)?;
            *to = const { Val::$variant($any) };
            if let Val::$variant(to) = to {
                *to = value;
            }
        }};
    }
    match ty {
        InterfaceType::Bool => scalar!(Bool, bool, false),
        InterfaceType::S8 => scalar!(S8, i8, 0),
        InterfaceType::U8 => scalar!(U8, u8, 0),
        InterfaceType::S16 => scalar!(S16, i16, 0),
        InterfaceType::U16 => scalar!(U16, u16, 0),
        InterfaceType::S32 => scalar!(S32, i32, 0),
        InterfaceType::U32 => scalar!(U32, u32, 0),
        InterfaceType::S64 => scalar!(S64, i64, 0),
        InterfaceType::U64 => scalar!(U64, u64, 0),
        InterfaceType::F32 => scalar!(Float32, f32, 0.0),
        InterfaceType::F64 => scalar!(Float64, f64, 0.0),
        InterfaceType::Char => scalar!(Char, char, ' '),
        _ => return lift_parts(cx, ty, slots, to),
    }
    Ok(())
}

/// `lift_flat` of what is not a number.
#[inline(never)]
fn lift_parts(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    slots: &mut Slots<'_>,
    to: &mut Val,
) -> Result<()> {
    cx.check_stack()?;
    match ty {
        InterfaceType::List(_) | InterfaceType::Map(_) => {
            let range = cx.range_from_slots(slots.take(2)?);
            load_list(cx, ty, range, to)
        }
        InterfaceType::FixedLengthList(_) => lift_fixed_length_list(cx, ty, slots, to),
        InterfaceType::Record(_) => lift_record(cx, ty, slots, to),
        InterfaceType::Tuple(_) => lift_tuple(cx, ty, slots, to),
        InterfaceType::Flags(_) => {
            let bits = val_raw::i32(&slots.take(1)?[0]) as u32;
            set_flags(cx, ty, bits, to)
        }
        InterfaceType::Variant(_)
        | InterfaceType::Enum(_)
        | InterfaceType::Option(_)
        | InterfaceType::Result(_) => lift_case(cx, ty, slots, to),
        _ => lift_leaf(cx, ty, slots, to),
    }
}

/// `lift_flat` of what has no parts and is no number.
#[inline(never)]
fn lift_leaf(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    slots: &mut Slots<'_>,
    to: &mut Val,
) -> Result<()> {
    *to = match ty {
        InterfaceType::String => Val::String(String::lift_flat(cx, ty, slots.take(2)?)?),
        InterfaceType::Own(_) | InterfaceType::Borrow(_) => {
            cx.charge(HANDLE)?;
            Val::Resource(ResourceAny::lift_flat(cx, ty, slots.take(1)?)?)
        }
        InterfaceType::Stream(_) => {
            cx.charge(HANDLE)?;
            Val::Stream(StreamAny::lift_flat(cx, ty, slots.take(1)?)?)
        }
        InterfaceType::Future(_) => {
            cx.charge(HANDLE)?;
            Val::Future(FutureAny::lift_flat(cx, ty, slots.take(1)?)?)
        }
        InterfaceType::ErrorContext => {
            Val::ErrorContext(ErrorContext::lift_flat(cx, ty, slots.take(1)?)?)
        }
        _ => bail_bug!("{ty:?} is lifted as if it had no parts"),
    };
    Ok(())
}

#[inline(never)]
fn lift_fixed_length_list(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    slots: &mut Slots<'_>,
    to: &mut Val,
) -> Result<()> {
    let (element, length) = fixed_length(cx, ty)?;
    let mut elements = cx.room(length)?;
    for _ in 0..length {
        elements.push(lift_val(cx, element, slots)?);
    }
    *to = Val::FixedLengthList(elements);
    Ok(())
}

/// `lift_flat_record`.
#[inline(never)]
fn lift_record(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    slots: &mut Slots<'_>,
    to: &mut Val,
) -> Result<()> {
    let fields = record_fields(cx, ty)?;
    let mut vals = cx.room(fields.len())?;
    for (name, ty) in fields {
        vals.push((name.clone(), lift_val(cx, *ty, slots)?));
    }
    *to = Val::Record(vals);
    Ok(())
}

#[inline(never)]
fn lift_tuple(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    slots: &mut Slots<'_>,
    to: &mut Val,
) -> Result<()> {
    let types = elements(cx.types(), ty);
    let mut vals = cx.room(types.len())?;
    for ty in types {
        vals.push(lift_val(cx, *ty, slots)?);
    }
    *to = Val::Tuple(vals);
    Ok(())
}

/// `lift_flat_variant`. That a payload shares its core values with others need not be seen to: see
/// `canonical_abi::variant`.
#[inline(never)]
fn lift_case(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    slots: &mut Slots<'_>,
    to: &mut Val,
) -> Result<()> {
    let count = flatten(cx.types(), ty, cx.address()).map_or(0, <[_]>::len);
    let mut slots = Slots(slots.take(count)?);
    let case = val_raw::i32(&slots.take(1)?[0]) as u32;
    let payload = match payload_type(cx, ty, case)? {
        Some(ty) => {
            cx.charge_box::<Val>()?;
            Some(Box::new(lift_val(cx, ty, &mut slots)?))
        }
        None => None,
    };
    *to = case_val(cx, ty, case, payload);
    Ok(())
}

/// The element type of a list with a length, and that.
fn fixed_length(cx: &LiftContext<'_>, ty: InterfaceType) -> Result<(InterfaceType, usize)> {
    let InterfaceType::FixedLengthList(index) = ty else {
        bail_bug!("{ty:?} has no length");
    };
    let list = &cx.types().fixed_length_lists[index];
    Ok((list.element, list.length as usize))
}

/// Names and types of a record's fields.
fn record_fields<'a>(
    cx: &LiftContext<'a>,
    ty: InterfaceType,
) -> Result<&'a [(Name, InterfaceType)]> {
    match ty {
        InterfaceType::Record(index) => Ok(&cx.types().records[index].fields),
        _ => bail_bug!("{ty:?} has no fields with names"),
    }
}

/// The type of the payload of a case that a guest names.
fn payload_type(
    cx: &LiftContext<'_>,
    ty: InterfaceType,
    case: u32,
) -> Result<Option<InterfaceType>, Trap> {
    let cases = cx.types().cases(ty);
    let cases = cases.filter(|cases| (case as usize) < cases.len());
    let cases = cases.ok_or(Trap::InvalidDiscriminant)?;
    Ok(cases.payload(case as usize))
}

/// A case of which it is known that it exists.
fn case_val(cx: &LiftContext<'_>, ty: InterfaceType, case: u32, payload: Option<Box<Val>>) -> Val {
    match ty {
        InterfaceType::Variant(index) => {
            let (name, _) = &cx.types().variants[index].cases[case as usize];
            Val::Variant(name.clone(), payload)
        }
        InterfaceType::Enum(index) => {
            Val::Enum(cx.types().enums[index].cases[case as usize].clone())
        }
        InterfaceType::Option(_) => Val::Option(payload),
        _ if case == 0 => Val::Result(Ok(payload)),
        _ => Val::Result(Err(payload)),
    }
}

/// `unpack_flags_from_int`.
#[inline(never)]
fn set_flags(cx: &mut LiftContext<'_>, ty: InterfaceType, bits: u32, to: &mut Val) -> Result<()> {
    let InterfaceType::Flags(index) = ty else {
        bail_bug!("{ty:?} has no flags");
    };
    let labels = cx.types().flags[index].labels.iter().enumerate();
    let set = labels.filter(|(bit, _)| bits >> bit & 1 == 1);
    let mut flags = cx.room(set.clone().count())?;
    flags.extend(set.map(|(_, label)| label.clone()));
    *to = Val::Flags(flags);
    Ok(())
}

/// `load`. `from` is the value's bytes. As in [`lift_val_to`], what is no number is out of line.
fn load_val(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[u8]) -> Result<Val> {
    macro_rules! scalar {
        ($variant:ident, $rust:ty) => {
            Val::$variant(<$rust>::load(cx, ty, from)?)
        };
    }
    Ok(match ty {
        InterfaceType::Bool => scalar!(Bool, bool),
        InterfaceType::S8 => scalar!(S8, i8),
        InterfaceType::U8 => scalar!(U8, u8),
        InterfaceType::S16 => scalar!(S16, i16),
        InterfaceType::U16 => scalar!(U16, u16),
        InterfaceType::S32 => scalar!(S32, i32),
        InterfaceType::U32 => scalar!(U32, u32),
        InterfaceType::S64 => scalar!(S64, i64),
        InterfaceType::U64 => scalar!(U64, u64),
        InterfaceType::F32 => scalar!(Float32, f32),
        InterfaceType::F64 => scalar!(Float64, f64),
        InterfaceType::Char => scalar!(Char, char),
        _ => {
            let mut val = Val::Bool(false);
            load_parts(cx, ty, from, &mut val)?;
            val
        }
    })
}

/// `load` of what is no number.
#[inline(never)]
fn load_parts(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    from: &[u8],
    to: &mut Val,
) -> Result<()> {
    cx.check_stack()?;
    match ty {
        InterfaceType::List(_) | InterfaceType::Map(_) => {
            let range = cx.range_from_memory(from);
            load_list(cx, ty, range, to)
        }
        InterfaceType::FixedLengthList(_) => load_fixed_length_list(cx, ty, from, to),
        InterfaceType::Record(_) => load_record(cx, ty, from, to),
        InterfaceType::Tuple(_) => load_tuple(cx, ty, from, to),
        InterfaceType::Flags(_) => set_flags(cx, ty, load_bits(from.len() as u32, from), to),
        InterfaceType::Variant(_)
        | InterfaceType::Enum(_)
        | InterfaceType::Option(_)
        | InterfaceType::Result(_) => load_case(cx, ty, from, to),
        _ => load_leaf(cx, ty, from, to),
    }
}

/// `load` of what has no parts and is no number.
#[inline(never)]
fn load_leaf(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[u8], to: &mut Val) -> Result<()> {
    *to = match ty {
        InterfaceType::String => Val::String(String::load(cx, ty, from)?),
        InterfaceType::Own(_) | InterfaceType::Borrow(_) => {
            cx.charge(HANDLE)?;
            Val::Resource(ResourceAny::load(cx, ty, from)?)
        }
        InterfaceType::Stream(_) => {
            cx.charge(HANDLE)?;
            Val::Stream(StreamAny::load(cx, ty, from)?)
        }
        InterfaceType::Future(_) => {
            cx.charge(HANDLE)?;
            Val::Future(FutureAny::load(cx, ty, from)?)
        }
        InterfaceType::ErrorContext => Val::ErrorContext(ErrorContext::load(cx, ty, from)?),
        _ => bail_bug!("{ty:?} is loaded as if it had no parts"),
    };
    Ok(())
}

#[inline(never)]
fn load_fixed_length_list(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    from: &[u8],
    to: &mut Val,
) -> Result<()> {
    let (element, length) = fixed_length(cx, ty)?;
    *to = Val::FixedLengthList(load_elements(cx, element, from, length)?);
    Ok(())
}

/// `load_record`.
#[inline(never)]
fn load_record(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    from: &[u8],
    to: &mut Val,
) -> Result<()> {
    let names = record_fields(cx, ty)?;
    let mut vals = cx.room(names.len())?;
    load_fields(cx, ty, from, &mut |i, val| {
        vals.push((names[i].0.clone(), val));
    })?;
    *to = Val::Record(vals);
    Ok(())
}

#[inline(never)]
fn load_tuple(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    from: &[u8],
    to: &mut Val,
) -> Result<()> {
    let mut vals = cx.room(elements(cx.types(), ty).len())?;
    load_fields(cx, ty, from, &mut |_, val| vals.push(val))?;
    *to = Val::Tuple(vals);
    Ok(())
}

/// `load_record`, without names: each field and its position are handed to `put`.
fn load_fields(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    from: &[u8],
    put: &mut dyn FnMut(usize, Val),
) -> Result<()> {
    let types = cx.types();
    let layout = match ty {
        InterfaceType::Record(index) => &types.records[index].layout,
        InterfaceType::Tuple(index) => &types.tuples[index].layout,
        _ => bail_bug!("{ty:?} has no fields"),
    };
    let offsets = layout.offsets.get(cx.address());
    for (i, offset) in offsets.iter().enumerate() {
        let ty = field_type(types, ty, i);
        let size = size_align(types, ty, cx.address()).size;
        let from = &from[*offset as usize..][..size as usize];
        put(i, load_val(cx, ty, from)?);
    }
    Ok(())
}

/// `load_variant`.
#[inline(never)]
fn load_case(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[u8], to: &mut Val) -> Result<()> {
    let types = cx.types();
    let (discriminant_size, payload_offset) = match types.variant_layout(ty) {
        Some(layout) => (
            layout.discriminant_size,
            *layout.payload_offset.get(cx.address()) as usize,
        ),
        // An `enum` is its discriminant.
        None => (from.len() as u32, from.len()),
    };
    let case = load_bits(discriminant_size, from);
    let payload = match payload_type(cx, ty, case)? {
        Some(ty) => {
            cx.charge_box::<Val>()?;
            let size = size_align(types, ty, cx.address()).size as usize;
            let from = &from[payload_offset..][..size];
            Some(Box::new(load_val(cx, ty, from)?))
        }
        None => None,
    };
    *to = case_val(cx, ty, case, payload);
    Ok(())
}

/// `load_list_from_range`, of a `list` or a `map`.
#[inline(never)]
fn load_list(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    range: Range,
    to: &mut Val,
) -> Result<()> {
    let types = cx.types();
    let element = match ty {
        InterfaceType::List(index) => types.lists[index].element,
        InterfaceType::Map(index) => InterfaceType::Tuple(types.maps[index].entry),
        _ => bail_bug!("{ty:?} has no elements"),
    };
    let (bytes, length) = list_range(cx, range, size_align(types, element, cx.address()))?;
    *to = match ty {
        InterfaceType::List(_) => Val::List(load_elements(cx, element, bytes, length)?),
        _ => Val::Map(load_entries(cx, element, bytes, length)?),
    };
    Ok(())
}

/// The same, of a `map`'s entries.
fn load_entries(
    cx: &mut LiftContext<'_>,
    entry: InterfaceType,
    bytes: &[u8],
    length: usize,
) -> Result<Vec<(Val, Val)>> {
    let size = size_align(cx.types(), entry, cx.address()).size as usize;
    let mut entries = cx.room(length)?;
    for i in 0..length {
        let mut pair = (Val::Bool(false), Val::Bool(false));
        load_fields(
            cx,
            entry,
            &bytes[i * size..][..size],
            &mut |i, val| match i {
                0 => pair.0 = val,
                _ => pair.1 = val,
            },
        )?;
        entries.push(pair);
    }
    Ok(entries)
}

/// `load_list_from_valid_range`.
fn load_elements(
    cx: &mut LiftContext<'_>,
    element: InterfaceType,
    bytes: &[u8],
    length: usize,
) -> Result<Vec<Val>> {
    let size = size_align(cx.types(), element, cx.address()).size as usize;
    let mut elements = cx.room(length)?;
    for i in 0..length {
        elements.push(load_val(cx, element, &bytes[i * size..][..size])?);
    }
    Ok(elements)
}
