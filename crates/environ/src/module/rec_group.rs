//! Recursion groups of the type section.

use super::TypeSpace;
use super::translate::{Numbering, val_type};
use crate::error::{Error, Result};
use crate::signature_table::{SignatureTable, SubType};
use crate::types::{FuncType, ValType};
use crate::{Proposal, SignatureIndex};
use wasmparser::CompositeInnerType;

/// Adds a recursion group to a module's types.
///
/// # Errors
/// If it needs what is not built.
pub(super) fn rec_group(
    signatures: &mut SignatureTable,
    types: &mut TypeSpace,
    group: wasmparser::RecGroup,
    offset: u64,
) -> Result<()> {
    let start = types.len();
    let next = signatures.next_index().as_u32();
    let count = group.types().len() as u32;
    // While members are read they have the numbers they get if the group is new.
    for place in 0..count {
        types.push(SignatureIndex::from_u32(next + place));
    }
    let members = group
        .into_types()
        .map(|ty| sub_type(types, &ty, offset))
        .collect::<Result<_>>()?;
    let first = signatures.intern_group(members).as_u32();
    for (place, index) in types.values_mut().skip(start).enumerate() {
        *index = SignatureIndex::from_u32(first + place as u32);
    }
    Ok(())
}

/// Converts a function type.
///
/// # Errors
/// If it needs what is not built.
pub(crate) fn sub_type(
    types: &impl Numbering,
    ty: &wasmparser::SubType,
    offset: u64,
) -> Result<SubType> {
    let composite = &ty.composite_type;
    let CompositeInnerType::Func(func) = &composite.inner else {
        return Err(Error::unbuilt(Proposal::Gc, offset));
    };
    if composite.shared {
        return Err(Error::unsupported(
            "the shared-everything-threads proposal",
            offset,
        ));
    }
    let convert = |list: &[wasmparser::ValType]| -> Result<Vec<ValType>> {
        list.iter().map(|&ty| val_type(types, ty, offset)).collect()
    };
    let supertype = ty.supertype_idxs.first();
    let supertype = supertype.and_then(|index| types.number(index.unpack()));
    Ok(SubType {
        is_final: ty.is_final,
        supertype,
        func: FuncType::new(convert(func.params())?, convert(func.results())?),
    })
}
