//! How a function's parameters and results are passed.

use super::TypeAbi;
use threadline_environ::ComponentFuncTypeIndex;
use threadline_environ::canonical_abi::{
    MAX_FLAT_ASYNC_PARAMS, MAX_FLAT_PARAMS, MAX_FLAT_RESULTS, flatten,
};
use threadline_environ::component::{ComponentTypes, InterfaceType};
use threadline_environ::types::AddressType;

/// How a function's parameters and results are passed, computed once for many calls.
///
/// How many core values there are is the same for 32-bit and 64-bit memories.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct FuncShape {
    /// The parameters as a tuple.
    pub(crate) params: InterfaceType,
    /// The results as a tuple.
    pub(crate) results: InterfaceType,
    /// The core values of the parameters; `None` if they are passed in memory.
    pub(crate) flat_params: Option<usize>,
    /// The core values of the result; `None` if it is passed in memory.
    pub(crate) flat_results: Option<usize>,
}

impl FuncShape {
    /// The shape of a function of this type.
    pub(crate) fn new(types: &ComponentTypes, ty: ComponentFuncTypeIndex) -> FuncShape {
        FuncShape::lifted(types, ty, MAX_FLAT_RESULTS)
    }

    /// The same for one whose result has at most so many core values, or is passed in memory.
    pub(crate) fn lifted(
        types: &ComponentTypes,
        ty: ComponentFuncTypeIndex,
        max_flat_results: usize,
    ) -> FuncShape {
        let tuples = types.func_tuples[ty];
        let flat_count = |ty, most| {
            let flat = flatten(types, ty, AddressType::I32)?;
            (flat.len() <= most).then_some(flat.len())
        };
        let params = InterfaceType::Tuple(tuples.params);
        let results = InterfaceType::Tuple(tuples.results);
        FuncShape {
            params,
            results,
            flat_params: flat_count(params, MAX_FLAT_PARAMS),
            flat_results: flat_count(results, max_flat_results),
        }
    }

    /// The shape of a function of this type when it is lowered with `async`: its result is always
    /// passed in memory.
    pub(crate) fn lowered_async(types: &ComponentTypes, ty: ComponentFuncTypeIndex) -> FuncShape {
        let shape = FuncShape::lifted(types, ty, 0);
        FuncShape {
            flat_params: shape
                .flat_params
                .filter(|&count| count <= MAX_FLAT_ASYNC_PARAMS),
            ..shape
        }
    }

    /// In the slots of a lowered function, where the address for a result in memory is.
    #[inline]
    pub(crate) fn out(&self) -> Option<usize> {
        match self.flat_results {
            Some(_) => None,
            None => Some(self.flat_params.unwrap_or(1)),
        }
    }

    /// How many slots a call of the lowered function has.
    #[inline]
    pub(crate) fn lowered_slots(&self) -> usize {
        let params = self.flat_params.unwrap_or(1) + usize::from(self.flat_results.is_none());
        params.max(self.flat_results.unwrap_or(0))
    }
}

/// Whether what a Rust type says of itself is so, for a tuple of parameters or results.
pub(crate) fn is_abi_of(abi: &TypeAbi, types: &ComponentTypes, ty: InterfaceType) -> bool {
    [AddressType::I32, AddressType::I64]
        .into_iter()
        .all(|address| {
            let flat = match flatten(types, ty, address) {
                Some(flat) => abi.flat_count() == flat.len(),
                None => abi.flat_count() > MAX_FLAT_PARAMS,
            };
            flat && abi.size_align(address)
                == threadline_environ::canonical_abi::size_align(types, ty, address)
        })
}
