//! From [`Val`]s to a guest.

use super::super::context::{Range, field_type};
use super::super::list::list_bytes;
use super::super::string::store_string;
use super::super::tuple::place;
use super::super::variant::store_bits;
use super::super::{Lower, LowerContext};
use super::elements;
use crate::bug::{Bug, bail_bug, bug};
use crate::component::Val;
use crate::vm::val_raw;
use anyhow::Result;
use threadline_environ::canonical_abi::{SizeAlign, flatten, size_align};
use threadline_environ::component::{ComponentTypes, InterfaceType, Name};
use threadline_environ::layout::ValRaw;

/// `lower_flat_values`: values of a tuple's types, into slots or, if they are passed in memory, there:
/// where `out` says, or else where `realloc` does, and then the first slot points there.
pub(crate) fn lower_vals(
    cx: &mut LowerContext<'_>,
    tuple: InterfaceType,
    in_memory: bool,
    vals: &[Val],
    slots: &mut [ValRaw],
    out: Option<u64>,
) -> Result<()> {
    let types = cx.types();
    if !in_memory {
        let mut slots = Slots(slots);
        for (ty, val) in elements(types, tuple).iter().zip(vals) {
            lower_val(cx, *ty, val, &mut slots)?;
        }
        return Ok(());
    }
    let address = place(cx, size_align(types, tuple, cx.address()), slots, out)?;
    store_fields(cx, tuple, &mut vals.iter(), address)
}

/// `store_list_into_valid_range`, of values one after the other, at an address that a guest passes.
pub(crate) fn store_vals(
    cx: &mut LowerContext<'_>,
    element: InterfaceType,
    address: u64,
    vals: &[Val],
) -> Result<()> {
    let SizeAlign { size, align } = size_align(cx.types(), element, cx.address());
    let size = (u64::from(size) * vals.len() as u64).try_into();
    let address = cx.check_pointer(address, align, size.unwrap_or(u32::MAX))?;
    store_elements(cx, element, vals, address)
}

/// Slots not yet written.
struct Slots<'a>(&'a mut [ValRaw]);

impl<'a> Slots<'a> {
    fn take(&mut self, count: usize) -> Result<&'a mut [ValRaw]> {
        let Some((taken, rest)) = std::mem::take(&mut self.0).split_at_mut_checked(count) else {
            bail_bug!("a value has more core values than there is room for");
        };
        self.0 = rest;
        Ok(taken)
    }
}

#[cold]
#[inline(never)]
fn unchecked(val: &Val, ty: InterfaceType) -> Bug {
    // A value can be large, so it isn't shown.
    bug!("a {} is lowered unchecked as {ty:?}", val.kind())
}

/// `lower_flat`. What is not a number is out of line: this calls itself for each level of a value, on what
/// is left of the guest's stack.
fn lower_val(
    cx: &mut LowerContext<'_>,
    ty: InterfaceType,
    val: &Val,
    slots: &mut Slots<'_>,
) -> Result<()> {
    match val {
        Val::Bool(value) => value.lower_flat(cx, ty, slots.take(1)?),
        Val::S8(value) => value.lower_flat(cx, ty, slots.take(1)?),
        Val::U8(value) => value.lower_flat(cx, ty, slots.take(1)?),
        Val::S16(value) => value.lower_flat(cx, ty, slots.take(1)?),
        Val::U16(value) => value.lower_flat(cx, ty, slots.take(1)?),
        Val::S32(value) => value.lower_flat(cx, ty, slots.take(1)?),
        Val::U32(value) => value.lower_flat(cx, ty, slots.take(1)?),
        Val::S64(value) => value.lower_flat(cx, ty, slots.take(1)?),
        Val::U64(value) => value.lower_flat(cx, ty, slots.take(1)?),
        Val::Float32(value) => value.lower_flat(cx, ty, slots.take(1)?),
        Val::Float64(value) => value.lower_flat(cx, ty, slots.take(1)?),
        Val::Char(value) => value.lower_flat(cx, ty, slots.take(1)?),
        _ => lower_parts(cx, ty, val, slots),
    }
}

/// `lower_flat` of what is not a number.
#[inline(never)]
fn lower_parts(
    cx: &mut LowerContext<'_>,
    ty: InterfaceType,
    val: &Val,
    slots: &mut Slots<'_>,
) -> Result<()> {
    cx.check_stack()?;
    match val {
        Val::List(_) | Val::Map(_) => {
            let range = store_list(cx, ty, val)?;
            cx.range_to_slots(range, slots.take(2)?);
            Ok(())
        }
        Val::FixedLengthList(elements) => {
            let InterfaceType::FixedLengthList(index) = ty else {
                return Err(unchecked(val, ty).into());
            };
            let element = cx.types().fixed_length_lists[index].element;
            let mut elements = elements.iter();
            elements.try_for_each(|val| lower_val(cx, element, val, slots))
        }
        Val::Record(fields) => {
            let mut fields = fields.iter().enumerate();
            fields.try_for_each(|(i, (_, val))| lower_field(cx, (ty, i), val, slots))
        }
        Val::Tuple(elements) => {
            let mut elements = elements.iter().enumerate();
            elements.try_for_each(|(i, val)| lower_field(cx, (ty, i), val, slots))
        }
        Val::Variant(..) | Val::Enum(_) | Val::Option(_) | Val::Result(_) => {
            lower_case(cx, ty, val, slots)
        }
        _ => lower_leaf(cx, ty, val, slots),
    }
}

/// `lower_flat` of what has no parts and is no number.
#[inline(never)]
fn lower_leaf(
    cx: &mut LowerContext<'_>,
    ty: InterfaceType,
    val: &Val,
    slots: &mut Slots<'_>,
) -> Result<()> {
    match val {
        Val::String(value) => value.lower_flat(cx, ty, slots.take(2)?),
        Val::Resource(resource) => resource.lower_flat(cx, ty, slots.take(1)?),
        Val::Stream(end) => end.lower_flat(cx, ty, slots.take(1)?),
        Val::Future(end) => end.lower_flat(cx, ty, slots.take(1)?),
        Val::ErrorContext(context) => context.lower_flat(cx, ty, slots.take(1)?),
        Val::Flags(set) => {
            slots.take(1)?[0] = val_raw::from_i32(bits(cx.types(), ty, set)? as i32);
            Ok(())
        }
        _ => Err(unchecked(val, ty).into()),
    }
}

/// Lowers a field of a `record`, or an element of a `tuple`, of this type and at this place.
fn lower_field(
    cx: &mut LowerContext<'_>,
    (of, i): (InterfaceType, usize),
    val: &Val,
    slots: &mut Slots<'_>,
) -> Result<()> {
    let ty = field_type(cx.types(), of, i);
    lower_val(cx, ty, val, slots)
}

/// `lower_flat_variant`. That a payload shares its core values with others need not be seen to: see
/// `canonical_abi::variant`.
#[inline(never)]
fn lower_case(
    cx: &mut LowerContext<'_>,
    ty: InterfaceType,
    val: &Val,
    slots: &mut Slots<'_>,
) -> Result<()> {
    let count = flatten(cx.types(), ty, cx.address()).map_or(0, <[_]>::len);
    let mut slots = Slots(slots.take(count)?);
    let (case, payload) = case(cx.types(), ty, val)?;
    slots.take(1)?[0] = val_raw::from_i32(case as i32);
    if let Some((ty, val)) = payload {
        lower_val(cx, ty, val, &mut slots)?;
    }
    slots.0.fill(val_raw::ZERO);
    Ok(())
}

/// `match_case`: the discriminant, and the payload with its type.
fn case<'a>(
    types: &ComponentTypes,
    ty: InterfaceType,
    val: &'a Val,
) -> Result<(u32, Option<(InterfaceType, &'a Val)>)> {
    let (case, payload) = match (val, ty) {
        (Val::Variant(name, payload), InterfaceType::Variant(index)) => {
            let mut names = types.variants[index].cases.iter().map(|(name, _)| name);
            (names.position(|known| known == name), payload)
        }
        (Val::Enum(name), InterfaceType::Enum(index)) => {
            let mut names = types.enums[index].cases.iter();
            (names.position(|known| known == name), &None)
        }
        (Val::Option(payload), InterfaceType::Option(_)) => {
            (Some(usize::from(payload.is_some())), payload)
        }
        (Val::Result(Ok(payload)), InterfaceType::Result(_)) => (Some(0), payload),
        (Val::Result(Err(payload)), InterfaceType::Result(_)) => (Some(1), payload),
        _ => (None, &None),
    };
    let (Some(case), Some(cases)) = (case, types.cases(ty)) else {
        return Err(unchecked(val, ty).into());
    };
    let payload = cases.payload(case).zip(payload.as_deref());
    Ok((case as u32, payload))
}

/// `pack_flags_into_int`.
fn bits(types: &ComponentTypes, ty: InterfaceType, set: &[Name]) -> Result<u32> {
    let InterfaceType::Flags(index) = ty else {
        bail_bug!("{ty:?} has no flags");
    };
    let labels = &types.flags[index].labels;
    let bit = |label| labels.iter().position(|known| known == label);
    let bits = set
        .iter()
        .try_fold(0, |bits, label| Some(bits | 1 << bit(label)?));
    Ok(bits.ok_or_else(|| bug!("flags that a type doesn't have are lowered unchecked"))?)
}

/// `store`. As in [`lower_val`], what is no number is out of line.
fn store_val(
    cx: &mut LowerContext<'_>,
    ty: InterfaceType,
    val: &Val,
    address: usize,
) -> Result<()> {
    match val {
        Val::Bool(value) => value.store(cx, ty, address),
        Val::S8(value) => value.store(cx, ty, address),
        Val::U8(value) => value.store(cx, ty, address),
        Val::S16(value) => value.store(cx, ty, address),
        Val::U16(value) => value.store(cx, ty, address),
        Val::S32(value) => value.store(cx, ty, address),
        Val::U32(value) => value.store(cx, ty, address),
        Val::S64(value) => value.store(cx, ty, address),
        Val::U64(value) => value.store(cx, ty, address),
        Val::Float32(value) => value.store(cx, ty, address),
        Val::Float64(value) => value.store(cx, ty, address),
        Val::Char(value) => value.store(cx, ty, address),
        _ => store_parts(cx, ty, val, address),
    }
}

/// `store` of what is not a number.
#[inline(never)]
fn store_parts(
    cx: &mut LowerContext<'_>,
    ty: InterfaceType,
    val: &Val,
    address: usize,
) -> Result<()> {
    cx.check_stack()?;
    match val {
        Val::List(_) | Val::Map(_) => {
            let range = store_list(cx, ty, val)?;
            cx.range_to_memory(range, address)
        }
        Val::FixedLengthList(elements) => {
            let InterfaceType::FixedLengthList(index) = ty else {
                return Err(unchecked(val, ty).into());
            };
            let element = cx.types().fixed_length_lists[index].element;
            store_elements(cx, element, elements, address)
        }
        Val::Record(fields) => {
            store_fields(cx, ty, &mut fields.iter().map(|(_, val)| val), address)
        }
        Val::Tuple(elements) => store_fields(cx, ty, &mut elements.iter(), address),
        Val::Variant(..) | Val::Enum(_) | Val::Option(_) | Val::Result(_) => {
            store_case(cx, ty, val, address)
        }
        _ => store_leaf(cx, ty, val, address),
    }
}

/// `store` of what has no parts and is no number.
#[inline(never)]
fn store_leaf(
    cx: &mut LowerContext<'_>,
    ty: InterfaceType,
    val: &Val,
    address: usize,
) -> Result<()> {
    match val {
        Val::String(value) => {
            let range = store_string(cx, value)?;
            cx.range_to_memory(range, address)
        }
        Val::Resource(resource) => resource.store(cx, ty, address),
        Val::Stream(end) => end.store(cx, ty, address),
        Val::Future(end) => end.store(cx, ty, address),
        Val::ErrorContext(context) => context.store(cx, ty, address),
        Val::Flags(set) => {
            let bits = bits(cx.types(), ty, set)?;
            let size = size_align(cx.types(), ty, cx.address()).size;
            store_bits(cx, size, bits, address)
        }
        _ => Err(unchecked(val, ty).into()),
    }
}

/// `store_record`.
#[inline(never)]
fn store_fields(
    cx: &mut LowerContext<'_>,
    ty: InterfaceType,
    vals: &mut dyn Iterator<Item = &Val>,
    address: usize,
) -> Result<()> {
    let types = cx.types();
    let layout = match ty {
        InterfaceType::Record(index) => &types.records[index].layout,
        InterfaceType::Tuple(index) => &types.tuples[index].layout,
        _ => bail_bug!("{ty:?} has no fields"),
    };
    let offsets = layout.offsets.get(cx.address()).iter();
    for (i, (offset, val)) in offsets.zip(vals).enumerate() {
        store_val(
            cx,
            field_type(types, ty, i),
            val,
            address + *offset as usize,
        )?;
    }
    Ok(())
}

/// `store_variant`.
#[inline(never)]
fn store_case(
    cx: &mut LowerContext<'_>,
    ty: InterfaceType,
    val: &Val,
    address: usize,
) -> Result<()> {
    let types = cx.types();
    let (case, payload) = case(types, ty, val)?;
    let Some(layout) = types.variant_layout(ty) else {
        // An `enum` is its discriminant.
        let size = size_align(types, ty, cx.address()).size;
        return store_bits(cx, size, case, address);
    };
    store_bits(cx, layout.discriminant_size, case, address)?;
    if let Some((ty, val)) = payload {
        let offset = *layout.payload_offset.get(cx.address()) as usize;
        store_val(cx, ty, val, address + offset)?;
    }
    Ok(())
}

/// `store_list_into_range`, of a `list` or a `map`.
#[inline(never)]
fn store_list(cx: &mut LowerContext<'_>, ty: InterfaceType, val: &Val) -> Result<Range> {
    let types = cx.types();
    let (element, length) = match (ty, val) {
        (InterfaceType::List(index), Val::List(elements)) => {
            (types.lists[index].element, elements.len())
        }
        (InterfaceType::Map(index), Val::Map(entries)) => {
            (InterfaceType::Tuple(types.maps[index].entry), entries.len())
        }
        _ => return Err(unchecked(val, ty).into()),
    };
    let size_align = size_align(types, element, cx.address());
    let length = length as u64;
    let address = cx.allocate(size_align.align, list_bytes(length, size_align)?)?;
    match val {
        Val::Map(entries) => {
            for (i, (key, value)) in entries.iter().enumerate() {
                let entry = address + i * size_align.size as usize;
                store_fields(cx, element, &mut [key, value].into_iter(), entry)?;
            }
        }
        Val::List(elements) => store_elements(cx, element, elements, address)?,
        _ => return Err(unchecked(val, ty).into()),
    }
    let address = address as u64;
    Ok(Range { address, length })
}

/// `store_list_into_valid_range`.
fn store_elements(
    cx: &mut LowerContext<'_>,
    element: InterfaceType,
    elements: &[Val],
    address: usize,
) -> Result<()> {
    let size = size_align(cx.types(), element, cx.address()).size as usize;
    for (i, val) in elements.iter().enumerate() {
        store_val(cx, element, val, address + i * size)?;
    }
    Ok(())
}
