//! Whether Rust's types stand for a function's.
//!
//! Done once, when a function is typed or a component linked; calls trust it.

use super::error::ComponentError;
use super::types::{ComponentFunc, Description};
use crate::canonical_abi::{
    ComponentNamedList, ResourceLookup, TypeContext, TypeMismatch, is_abi_of,
};
use threadline_environ::component::InterfaceType;
use threadline_environ::{ComponentFuncTypeIndex, TupleTypeIndex};

/// Checks that `P` and `R` stand for a function's parameters and result.
///
/// # Errors
/// If they don't, saying which and how.
pub(super) fn check_func<P: ComponentNamedList, R: ComponentNamedList>(
    of: &Description,
    resources: ResourceLookup<'_>,
    ty: ComponentFuncTypeIndex,
) -> Result<(), ComponentError> {
    let types = &of.types;
    let cx = &TypeContext::new(types).with_resources(resources);
    let tuples = types.func_tuples[ty];
    let expected = || ComponentFunc::new(of, ty);
    check_list::<P>(cx, tuples.params)
        .map_err(|error| ComponentError::func_type(expected(), "parameters", &error))?;
    check_list::<R>(cx, tuples.results)
        .map_err(|error| ComponentError::func_type(expected(), "results", &error))
}

/// Checks that `L` stands for a tuple of types and, as anyone can implement these traits, that it
/// has the layout that it says.
fn check_list<L: ComponentNamedList>(
    cx: &TypeContext<'_>,
    tuple: TupleTypeIndex,
) -> Result<(), TypeMismatch> {
    let types = cx.types();
    L::typecheck_list(cx, &types.tuples[tuple].types)?;
    if !is_abi_of(&L::ABI, types, InterfaceType::Tuple(tuple)) {
        return Err(TypeMismatch::Layout);
    }
    Ok(())
}
