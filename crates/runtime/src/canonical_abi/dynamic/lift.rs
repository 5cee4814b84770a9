//! From a guest to [`Val`]s.

use super::super::context::Range;
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
use threadline_environ::component::InterfaceType;
use threadline_environ::layout::ValRaw;

/// `lift_flat_values`: values of a tuple's types, out of slots or, if they are passed in memory, from
/// where the first slot points; into `to`, where there is room for each. What was there is of no
/// matter.
///
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
    for (val, to) in load_fields(cx, tuple, from)?.into_iter().zip(to) {
        *to = val;
    }
    Ok(())
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
    for from in bytes.chunks_exact(size as usize) {
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
        InterfaceType::String => *to = Val::String(String::lift_flat(cx, ty, slots.take(2)?)?),
        InterfaceType::List(_) | InterfaceType::Map(_) => {
            let range = cx.range_from_slots(slots.take(2)?);
            *to = load_list(cx, ty, range)?;
        }
        InterfaceType::FixedLengthList(index) => {
            let list = &cx.types().fixed_length_lists[index];
            let elements = (0..list.length).map(|_| lift_val(cx, list.element, slots));
            *to = Val::FixedLengthList(elements.collect::<Result<_>>()?);
        }
        InterfaceType::Record(index) => {
            let fields = cx.types().records[index].fields.iter();
            let fields = fields.map(|(name, ty)| Ok((name.clone(), lift_val(cx, *ty, slots)?)));
            *to = Val::Record(fields.collect::<Result<_>>()?);
        }
        InterfaceType::Tuple(_) => {
            let elements = elements(cx.types(), ty).iter();
            let elements = elements.map(|ty| lift_val(cx, *ty, slots));
            *to = Val::Tuple(elements.collect::<Result<_>>()?);
        }
        InterfaceType::Flags(_) => {
            *to = flags(cx, ty, val_raw::i32(&slots.take(1)?[0]) as u32);
        }
        InterfaceType::Variant(_)
        | InterfaceType::Enum(_)
        | InterfaceType::Option(_)
        | InterfaceType::Result(_) => *to = lift_case(cx, ty, slots)?,
        InterfaceType::Own(_) | InterfaceType::Borrow(_) => {
            *to = Val::Resource(ResourceAny::lift_flat(cx, ty, slots.take(1)?)?);
        }
        InterfaceType::Stream(_) => {
            *to = Val::Stream(StreamAny::lift_flat(cx, ty, slots.take(1)?)?);
        }
        InterfaceType::Future(_) => {
            *to = Val::Future(FutureAny::lift_flat(cx, ty, slots.take(1)?)?);
        }
        InterfaceType::ErrorContext => {
            *to = Val::ErrorContext(ErrorContext::lift_flat(cx, ty, slots.take(1)?)?);
        }
    }
    Ok(())
}

/// `lift_flat_variant`. That a payload shares its core values with others need not be seen to: see
/// `canonical_abi::variant`.
fn lift_case(cx: &mut LiftContext<'_>, ty: InterfaceType, slots: &mut Slots<'_>) -> Result<Val> {
    let count = flatten(cx.types(), ty, cx.address()).map_or(0, <[_]>::len);
    let mut slots = Slots(slots.take(count)?);
    let case = val_raw::i32(&slots.take(1)?[0]) as u32;
    let payload = payload_type(cx, ty, case)?;
    let payload = payload.map(|ty| lift_val(cx, ty, &mut slots)).transpose()?;
    Ok(case_val(cx, ty, case, payload))
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
fn case_val(cx: &LiftContext<'_>, ty: InterfaceType, case: u32, payload: Option<Val>) -> Val {
    let payload = payload.map(Box::new);
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
fn flags(cx: &LiftContext<'_>, ty: InterfaceType, bits: u32) -> Val {
    let InterfaceType::Flags(index) = ty else {
        return Val::Flags(Vec::new());
    };
    let labels = cx.types().flags[index].labels.iter().enumerate();
    let set = labels.filter(|(bit, _)| bits >> bit & 1 == 1);
    Val::Flags(set.map(|(_, label)| label.clone()).collect())
}

/// `load`. `from` is the value's bytes.
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
        InterfaceType::String => scalar!(String, String),
        InterfaceType::List(_) | InterfaceType::Map(_) => {
            let range = cx.range_from_memory(from);
            load_list(cx, ty, range)?
        }
        InterfaceType::FixedLengthList(index) => {
            let list = &cx.types().fixed_length_lists[index];
            Val::FixedLengthList(load_elements(cx, list.element, from, list.length as usize)?)
        }
        InterfaceType::Record(index) => {
            let names = cx.types().records[index].fields.iter();
            let names = names.map(|(name, _)| name.clone());
            Val::Record(names.zip(load_fields(cx, ty, from)?).collect())
        }
        InterfaceType::Tuple(_) => Val::Tuple(load_fields(cx, ty, from)?),
        InterfaceType::Flags(_) => flags(cx, ty, load_bits(from.len() as u32, from)),
        InterfaceType::Variant(_)
        | InterfaceType::Enum(_)
        | InterfaceType::Option(_)
        | InterfaceType::Result(_) => load_case(cx, ty, from)?,
        InterfaceType::Own(_) | InterfaceType::Borrow(_) => {
            Val::Resource(ResourceAny::load(cx, ty, from)?)
        }
        InterfaceType::Stream(_) => scalar!(Stream, StreamAny),
        InterfaceType::Future(_) => scalar!(Future, FutureAny),
        InterfaceType::ErrorContext => scalar!(ErrorContext, ErrorContext),
    })
}

/// `load_record`, without names.
fn load_fields(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[u8]) -> Result<Vec<Val>> {
    let types = cx.types();
    let Some((fields, layout)) = types.fields(ty) else {
        bail_bug!("{ty:?} has no fields");
    };
    let offsets = layout.offsets.get(cx.address());
    let mut vals = Vec::with_capacity(fields.len());
    for (ty, offset) in fields.into_iter().zip(offsets) {
        let size = size_align(types, ty, cx.address()).size;
        vals.push(load_val(
            cx,
            ty,
            &from[*offset as usize..][..size as usize],
        )?);
    }
    Ok(vals)
}

/// `load_variant`.
fn load_case(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[u8]) -> Result<Val> {
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
    let payload = payload_type(cx, ty, case)?.map(|ty| {
        let size = size_align(types, ty, cx.address()).size as usize;
        load_val(cx, ty, &from[payload_offset..][..size])
    });
    let payload = payload.transpose()?;
    Ok(case_val(cx, ty, case, payload))
}

/// `load_list_from_range`, of a `list` or a `map`.
fn load_list(cx: &mut LiftContext<'_>, ty: InterfaceType, range: Range) -> Result<Val> {
    let types = cx.types();
    let element = match ty {
        InterfaceType::List(index) => types.lists[index].element,
        InterfaceType::Map(index) => InterfaceType::Tuple(types.maps[index].entry),
        _ => bail_bug!("{ty:?} has no elements"),
    };
    let (bytes, length) = list_range(cx, range, size_align(types, element, cx.address()))?;
    if let InterfaceType::List(_) = ty {
        return Ok(Val::List(load_elements(cx, element, bytes, length)?));
    }
    let size = size_align(types, element, cx.address()).size as usize;
    let mut entries = cx.room(length)?;
    for i in 0..length {
        let entry = load_fields(cx, element, &bytes[i * size..][..size])?;
        let Ok([key, value]) = <[Val; 2]>::try_from(entry) else {
            bail_bug!("an entry of a map is not a key and a value");
        };
        entries.push((key, value));
    }
    Ok(Val::Map(entries))
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
