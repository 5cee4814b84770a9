//! Whether Rust's types stand for a function's.
//!
//! Done once, when a function is typed or a component linked; calls trust it.

use super::error::ComponentError;
use super::types::{ComponentFunc, Description};
use crate::canonical_abi::{ComponentNamedList, TypeMismatch};
use smallvec::SmallVec;
use threadline_environ::ComponentFuncTypeIndex;
use threadline_environ::canonical_abi::{MAX_FLAT_PARAMS, SizeAlign, flatten_fields, tuple_layout};
use threadline_environ::component::{ComponentFuncType, ComponentTypes, InterfaceType};
use threadline_environ::types::AddressType;

/// Checks that `P` and `R` stand for a function's parameters and result.
///
/// # Errors
/// If they don't, saying which and how.
pub(super) fn check_func<P: ComponentNamedList, R: ComponentNamedList>(
    of: &Description,
    ty: ComponentFuncTypeIndex,
) -> Result<(), ComponentError> {
    let (types, func) = (&of.types, &of.types.funcs[ty]);
    let expected = || ComponentFunc::new(of, ty);
    check_params::<P>(types, func)
        .map_err(|error| ComponentError::func_type(expected(), "parameters", &error))?;
    check_results::<R>(types, func)
        .map_err(|error| ComponentError::func_type(expected(), "results", &error))
}

/// Checks that `P` stands for a function's parameters.
pub(super) fn check_params<P: ComponentNamedList>(
    types: &ComponentTypes,
    func: &ComponentFuncType,
) -> Result<(), TypeMismatch> {
    check_list::<P>(types, func.params.iter().map(|&(_, ty)| ty))
}

/// Checks that `R` stands for a function's result.
pub(super) fn check_results<R: ComponentNamedList>(
    types: &ComponentTypes,
    func: &ComponentFuncType,
) -> Result<(), TypeMismatch> {
    check_list::<R>(types, func.result.into_iter())
}

/// Checks that `L` stands for a list of types and, as anyone can implement these traits, that it
/// has the layout that it says.
fn check_list<L: ComponentNamedList>(
    types: &ComponentTypes,
    list: impl Iterator<Item = InterfaceType>,
) -> Result<(), TypeMismatch> {
    let list: SmallVec<[InterfaceType; 16]> = list.collect();
    L::typecheck_list(types, &list)?;
    // That more than `MAX_FLAT_PARAMS` are more is all that matters.
    let flat = flatten_fields(types, list.iter().copied(), AddressType::I32);
    let flat_is_right = match flat {
        Some(flat) => flat.len() == L::FLAT_COUNT,
        None => L::FLAT_COUNT > MAX_FLAT_PARAMS,
    };
    let SizeAlign { size, align } = tuple_layout(types, list, AddressType::I32).size_align;
    if !flat_is_right || (L::SIZE, L::ALIGN) != (size, align) {
        return Err(TypeMismatch::Layout);
    }
    Ok(())
}
