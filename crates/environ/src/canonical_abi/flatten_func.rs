//! `flatten_functype`: the core function type that a function is lifted from or lowered to.

use super::{FlatType, MAX_FLAT_RESULTS, flatten, flatten_fields};
use crate::component::{ComponentFuncType, ComponentTypes};
use crate::types::{AddressType, FuncType, ValType};

/// Which side of a call a core function is on.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum LiftOrLower {
    /// `canon lift`: the core function is the callee.
    Lift,
    /// `canon lower`: the core function is what the caller calls.
    Lower,
}

/// A component function as core wasm sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlatFunc {
    /// The core type.
    pub signature: FuncType,
    /// Whether the parameters lie in memory, as a tuple to which the one core parameter (the
    /// first, when lowered with a result in memory) points.
    pub params_in_memory: bool,
    /// Whether the result lies in memory, as a tuple to which the core result (when lifted) or
    /// the last core parameter (when lowered) points.
    pub result_in_memory: bool,
}

/// Flattens a synchronous function, with pointers of this type.
pub fn flatten_func(
    types: &ComponentTypes,
    func: &ComponentFuncType,
    side: LiftOrLower,
    address: AddressType,
) -> FlatFunc {
    let pointer = FlatType::pointer(address);
    let param_types = func.params.iter().map(|&(_, ty)| ty);
    let flat_params = flatten_fields(types, param_types, address);
    let flat_result = match func.result {
        Some(ty) => flatten(types, ty, address).filter(|flat| flat.len() <= MAX_FLAT_RESULTS),
        None => Some(&[][..]),
    };
    let params_in_memory = flat_params.is_none();
    let result_in_memory = flat_result.is_none();
    let mut params = flat_params.map_or_else(|| vec![pointer], Vec::from);
    let mut results = flat_result.map_or_else(Vec::new, Vec::from);
    if result_in_memory {
        match side {
            LiftOrLower::Lift => results.push(pointer),
            LiftOrLower::Lower => params.push(pointer),
        }
    }
    FlatFunc {
        signature: FuncType::new(
            params.into_iter().map(ValType::from),
            results.into_iter().map(ValType::from),
        ),
        params_in_memory,
        result_in_memory,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::InterfaceType;

    fn check(
        params: &[InterfaceType],
        result: Option<InterfaceType>,
        side: LiftOrLower,
        expected: &str,
    ) {
        let func = ComponentFuncType {
            params: params.iter().map(|&ty| (String::new(), ty)).collect(),
            result,
            async_: false,
        };
        let flat = flatten_func(&ComponentTypes::default(), &func, side, AddressType::I32);
        assert_eq!(flat.signature.to_string(), expected);
    }

    #[test]
    fn scalars_are_passed_as_they_are() {
        use InterfaceType::*;
        for side in [LiftOrLower::Lift, LiftOrLower::Lower] {
            check(
                &[Bool, S64, F32, Char],
                Some(F64),
                side,
                "(i32, i64, f32, i32) -> (f64)",
            );
            check(&[], None, side, "() -> ()");
        }
    }

    #[test]
    fn a_string_result_goes_through_memory() {
        let string = InterfaceType::String;
        check(
            &[string],
            Some(string),
            LiftOrLower::Lift,
            "(i32, i32) -> (i32)",
        );
        check(
            &[string],
            Some(string),
            LiftOrLower::Lower,
            "(i32, i32, i32) -> ()",
        );
    }

    #[test]
    fn sixteen_flat_parameters_are_passed_and_seventeen_spilled() {
        let string = InterfaceType::String;
        let sixteen = vec!["i32"; 16].join(", ");
        let mut params = vec![string; 8];
        check(
            &params,
            None,
            LiftOrLower::Lift,
            &format!("({sixteen}) -> ()"),
        );
        params.push(InterfaceType::U64);
        check(&params, None, LiftOrLower::Lift, "(i32) -> ()");
        check(
            &params,
            Some(string),
            LiftOrLower::Lower,
            "(i32, i32) -> ()",
        );
        params.pop();
        check(
            &params,
            Some(string),
            LiftOrLower::Lower,
            &format!("({sixteen}, i32) -> ()"),
        );
    }
}
