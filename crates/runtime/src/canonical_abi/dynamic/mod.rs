//! Lifting and lowering of [`Val`](crate::component::Val)s, whose types are known at run time only.
//!
//! Lowering is given values that `Val::check` accepted.

mod lift;
mod lower;

pub(crate) use lift::lift_vals;
pub(crate) use lower::lower_vals;

use crate::bug::{Bug, bug};
use threadline_environ::component::{ComponentTypes, InterfaceType};

/// The types of a tuple's elements.
fn elements(types: &ComponentTypes, tuple: InterfaceType) -> &[InterfaceType] {
    match tuple {
        InterfaceType::Tuple(index) => &types.tuples[index].types,
        _ => &[],
    }
}

/// Of a value that no function of a component can have: `ComponentTypes::unbuilt` refuses those.
fn unbuilt(types: &ComponentTypes, ty: InterfaceType) -> Bug {
    let ty = crate::component::describe_type(types, ty);
    bug!("values of type `{ty}` are not built")
}
