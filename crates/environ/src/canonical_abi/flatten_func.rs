//! `flatten_functype`: the core function type that a function is lifted from or lowered to.

use super::{
    FlatType, MAX_FLAT_ASYNC_PARAMS, MAX_FLAT_PARAMS, MAX_FLAT_RESULTS, flatten, flatten_fields,
};
use crate::component::{ComponentFuncType, ComponentTypes, InterfaceType};
use crate::types::{AddressType, FuncType, ValType};

/// Which side of a call a core function is on, and how it is called.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LiftOrLower {
    /// `canon lift`: the core function is the callee, and returns the result.
    Lift,
    /// `canon lift async`: the core function is the callee, and calls `task.return`.
    LiftStackful,
    /// `canon lift async` with a `callback`: likewise, and it returns what to wait for.
    LiftCallback,
    /// `canon lower`: the core function is what the caller calls.
    Lower,
    /// `canon lower async`: likewise, and it returns a subtask.
    LowerAsync,
}

impl LiftOrLower {
    /// Core parameters at most.
    fn max_flat_params(self) -> usize {
        match self {
            LiftOrLower::LowerAsync => MAX_FLAT_ASYNC_PARAMS,
            _ => MAX_FLAT_PARAMS,
        }
    }

    /// Core values that stand for the result at most; `None` if it is not returned at all.
    fn max_flat_results(self) -> Option<usize> {
        match self {
            LiftOrLower::Lift | LiftOrLower::Lower => Some(MAX_FLAT_RESULTS),
            LiftOrLower::LowerAsync => Some(0),
            LiftOrLower::LiftStackful | LiftOrLower::LiftCallback => None,
        }
    }
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

/// Flattens a function, with pointers of this type.
pub fn flatten_func(
    types: &ComponentTypes,
    func: &ComponentFuncType,
    side: LiftOrLower,
    address: AddressType,
) -> FlatFunc {
    let pointer = FlatType::pointer(address);
    let param_types = func.params.iter().map(|&(_, ty)| ty);
    let flat_params = flatten_fields(types, param_types, address)
        .filter(|flat| flat.len() <= side.max_flat_params());
    let flat_result = match (func.result, side.max_flat_results()) {
        (Some(ty), Some(max)) => flatten(types, ty, address).filter(|flat| flat.len() <= max),
        (None, _) | (_, None) => Some(&[][..]),
    };
    let params_in_memory = flat_params.is_none();
    let result_in_memory = flat_result.is_none();
    let mut params = flat_params.map_or_else(|| vec![pointer], Vec::from);
    let mut results = flat_result.map_or_else(Vec::new, Vec::from);
    match side {
        LiftOrLower::Lift if result_in_memory => results.push(pointer),
        LiftOrLower::Lower | LiftOrLower::LowerAsync if result_in_memory => params.push(pointer),
        _ => {}
    }
    if let LiftOrLower::LiftCallback | LiftOrLower::LowerAsync = side {
        results.push(FlatType::I32);
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

/// Flattens `task.return` of a function with this result: the result is its one parameter.
pub fn flatten_task_return(
    types: &ComponentTypes,
    result: Option<InterfaceType>,
    address: AddressType,
) -> FlatFunc {
    let flat = flatten_fields(types, result.into_iter(), address);
    let params_in_memory = flat.is_none();
    let params = flat.map_or_else(|| vec![FlatType::pointer(address)], Vec::from);
    FlatFunc {
        signature: FuncType::new(params.into_iter().map(ValType::from), []),
        params_in_memory,
        result_in_memory: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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

    #[test]
    fn async_lifts_return_nothing_or_a_code() {
        use InterfaceType::*;
        for result in [None, Some(U8), Some(String)] {
            check(
                &[String],
                result,
                LiftOrLower::LiftStackful,
                "(i32, i32) -> ()",
            );
            check(
                &[String],
                result,
                LiftOrLower::LiftCallback,
                "(i32, i32) -> (i32)",
            );
        }
        let nine = vec![String; 9];
        check(&nine, None, LiftOrLower::LiftStackful, "(i32) -> ()");
        check(&nine, None, LiftOrLower::LiftCallback, "(i32) -> (i32)");
    }

    #[test]
    fn async_lowers_take_four_flat_parameters_and_where_the_result_goes() {
        use InterfaceType::*;
        let side = LiftOrLower::LowerAsync;
        check(&[], None, side, "() -> (i32)");
        check(&[], Some(U64), side, "(i32) -> (i32)");
        check(&[U64; 4], None, side, "(i64, i64, i64, i64) -> (i32)");
        check(
            &[F32; 4],
            Some(U8),
            side,
            "(f32, f32, f32, f32, i32) -> (i32)",
        );
        check(&[U64; 5], None, side, "(i32) -> (i32)");
        check(
            &[String, String, U8],
            Some(String),
            side,
            "(i32, i32) -> (i32)",
        );
    }
}
