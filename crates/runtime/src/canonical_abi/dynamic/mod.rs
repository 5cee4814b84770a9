//! Lifting and lowering of [`Val`](crate::component::Val)s, whose types are known at run time only.
//!
//! Lowering is given values that `Val::check` accepted.

mod lift;
mod lower;

pub(crate) use lift::{lift_vals, load_vals};
pub(crate) use lower::{lower_vals, store_vals};

use threadline_environ::component::{ComponentTypes, InterfaceType};

/// The types of a tuple's elements.
fn elements(types: &ComponentTypes, tuple: InterfaceType) -> &[InterfaceType] {
    match tuple {
        InterfaceType::Tuple(index) => &types.tuples[index].types,
        _ => &[],
    }
}
