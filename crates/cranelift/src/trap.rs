//! Trap codes in Cranelift's terms.
//!
//! Traps that the translator asks for carry the number of the product's own code. Cranelift's
//! instructions also trap by themselves, with codes of Cranelift's that [`from_cranelift`] maps.

use cranelift_codegen::ir;
use threadline_environ::TrapCode;

/// The code for explicit trap instructions and for memory accesses that may fault.
pub(crate) fn to_cranelift(code: TrapCode) -> ir::TrapCode {
    ir::TrapCode::unwrap_user(code as u8)
}

/// The code for a trap in compiled code; `None` if the translator never asks for such a trap.
pub(crate) fn from_cranelift(code: ir::TrapCode) -> Option<TrapCode> {
    match code {
        ir::TrapCode::STACK_OVERFLOW => Some(TrapCode::StackOverflow),
        ir::TrapCode::HEAP_OUT_OF_BOUNDS => Some(TrapCode::MemoryOutOfBounds),
        ir::TrapCode::INTEGER_OVERFLOW => Some(TrapCode::IntegerOverflow),
        ir::TrapCode::INTEGER_DIVISION_BY_ZERO => Some(TrapCode::IntegerDivisionByZero),
        ir::TrapCode::BAD_CONVERSION_TO_INTEGER => Some(TrapCode::InvalidConversionToInteger),
        user => TrapCode::from_u8(user.as_raw().get()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_codes_survive_a_round_trip() {
        for &code in TrapCode::ALL {
            assert_eq!(from_cranelift(to_cranelift(code)), Some(code));
        }
    }

    #[test]
    fn every_code_of_cranelifts_has_a_meaning() {
        for &code in ir::TrapCode::non_user_traps() {
            assert!(from_cranelift(code).is_some(), "{code}");
        }
    }
}
