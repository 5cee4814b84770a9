//! [`Config`]'s switches for proposals, one a proposal.

use crate::Config;
use threadline_environ::{Features, Proposal};

/// A switch for each proposal, by the names that embedders know.
macro_rules! switches {
    ($($name:ident: $proposal:ident;)*) => {
        /// Proposals that are accepted. Defaults are those of the engines people use: what is in
        /// WebAssembly 3.0 is on, what is not finished is off; of the component model everything
        /// is on. [`Engine::new`](crate::Engine::new) fails if a proposal is switched on that is
        /// not built yet, or one is off that another needs.
        impl Config {
            $(
                #[doc = concat!("Whether [`Proposal::", stringify!($proposal), "`] is accepted.")]
                pub fn $name(&mut self, enable: bool) -> &mut Config {
                    self.wasm_proposal(Proposal::$proposal, enable)
                }
            )*
        }
    };
}

switches! {
    wasm_mutable_global: MutableGlobal;
    wasm_saturating_float_to_int: SaturatingFloatToInt;
    wasm_sign_extension: SignExtension;
    wasm_multi_value: MultiValue;
    wasm_bulk_memory: BulkMemory;
    wasm_reference_types: ReferenceTypes;
    wasm_simd: Simd;
    wasm_relaxed_simd: RelaxedSimd;
    wasm_tail_call: TailCall;
    wasm_extended_const: ExtendedConst;
    wasm_multi_memory: MultiMemory;
    wasm_memory64: Memory64;
    wasm_threads: Threads;
    wasm_exceptions: Exceptions;
    wasm_function_references: FunctionReferences;
    wasm_gc: Gc;
    wasm_custom_page_sizes: CustomPageSizes;
    wasm_wide_arithmetic: WideArithmetic;
    wasm_component_model: ComponentModel;
    wasm_component_model_async: ComponentModelAsync;
    wasm_component_model_async_stackful: ComponentModelAsyncStackful;
    wasm_component_model_more_async_builtins: ComponentModelMoreAsyncBuiltins;
    wasm_component_model_threading: ComponentModelThreading;
    wasm_component_model_error_context: ComponentModelErrorContext;
    wasm_component_model_fixed_length_lists: ComponentModelFixedLengthLists;
    wasm_component_model_map: ComponentModelMap;
    wasm_component_model_64: ComponentModel64;
    wasm_component_model_forward: ComponentModelForward;
    wasm_component_model_implements: ComponentModelImplements;
}

impl Config {
    /// Whether a proposal is accepted.
    pub fn wasm_proposal(&mut self, proposal: Proposal, enable: bool) -> &mut Config {
        self.features.set(proposal, enable);
        self
    }

    /// Accepts these proposals and no others.
    pub fn wasm_features(&mut self, features: Features) -> &mut Config {
        self.features = features;
        self
    }
}
