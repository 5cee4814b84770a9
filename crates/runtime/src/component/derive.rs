//! What derived implementations of `ComponentType`, `Lift` and `Lower` are written with.
//!
//! Not for people. What such an implementation must do is described in `crate::canonical_abi`.

pub use crate::canonical_abi::{HandleCheck, LiftContext, LowerContext};
pub use crate::canonical_abi::{
    Offset, TypeAbi, TypeContext, TypeMismatch, Typecheck, VariantAbi, check_enumeration,
    check_flags, check_record, check_variant, invalid_discriminant, lift_bits, load_bits,
    lower_bits, record_offsets, store_bits,
};
pub use anyhow::Result;
pub use threadline_environ::component::InterfaceType;
pub use threadline_environ::layout::ValRaw;
