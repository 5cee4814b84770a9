//! The way in: bytes to a [`Translation`].

use crate::component::Component;
use crate::error::Result;
use crate::index::StaticModuleIndex;
use crate::module::ModuleTranslation;
use crate::types::SignatureTable;
use cranelift_entity::PrimaryMap;

/// Which proposals are accepted.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Features(wasmparser::WasmFeatures);

impl Default for Features {
    /// Everything that is built; of the component model also what the translator then refuses
    /// by name.
    fn default() -> Features {
        use wasmparser::WasmFeatures as F;
        Features(
            F::MUTABLE_GLOBAL
                | F::SATURATING_FLOAT_TO_INT
                | F::SIGN_EXTENSION
                | F::REFERENCE_TYPES
                | F::MULTI_VALUE
                | F::BULK_MEMORY
                | F::SIMD
                | F::FLOATS
                | F::MULTI_MEMORY
                | F::EXCEPTIONS
                | F::COMPONENT_MODEL
                | F::CM_ASYNC
                | F::CM_ASYNC_STACKFUL
                | F::CM_MORE_ASYNC_BUILTINS
                | F::CM_THREADING
                | F::CM_ERROR_CONTEXT
                | F::CM_FIXED_LENGTH_LISTS
                | F::CM_MAP
                | F::CM64
                | F::CM_FORWARD
                | F::CM_IMPLEMENTS
                | F::GC_TYPES,
        )
    }
}

impl Features {
    /// For the validator.
    pub fn wasmparser(self) -> wasmparser::WasmFeatures {
        self.0
    }
}

/// Everything known about a binary before code is generated.
pub struct Translation<'data> {
    /// Function types of all modules.
    pub signatures: SignatureTable,
    /// The core modules: the binary itself, or those in a component with its adapters.
    pub modules: PrimaryMap<StaticModuleIndex, ModuleTranslation<'data>>,
    /// The component, if the binary is one. For a core module there is exactly one module.
    pub component: Option<Component>,
}

impl<'data> Translation<'data> {
    /// Parses and validates a binary, a core module or a component.
    ///
    /// Function bodies are validated when they are compiled.
    ///
    /// # Errors
    /// If the binary is broken, needs what is not built yet, or passes a limit.
    pub fn parse(bytes: &'data [u8], features: Features) -> Result<Translation<'data>> {
        if wasmparser::Parser::is_component(bytes) {
            crate::component::translate(bytes, features)
        } else {
            crate::module::translate(bytes, features)
        }
    }
}
