//! The way in: bytes to a [`Translation`].

use crate::Features;
use crate::component::Component;
use crate::error::Result;
use crate::index::{NestedComponentIndex, StaticModuleIndex};
use crate::module::ModuleTranslation;
use crate::signature_table::SignatureTable;
use cranelift_entity::PrimaryMap;
use wasmparser::{BinaryReader, FuncValidatorAllocations};

/// Everything known about a binary before code is generated.
pub struct Translation<'data> {
    /// Function types of all modules.
    pub signatures: SignatureTable,
    /// The core modules: the binary itself, or those in a component with its adapters.
    pub modules: PrimaryMap<StaticModuleIndex, ModuleTranslation<'data>>,
    /// The component, if the binary is one. For a core module there is exactly one module.
    pub component: Option<Component>,
    /// Components of the binary that are values at run time; each stands by itself.
    pub nested: PrimaryMap<NestedComponentIndex, Translation<'data>>,
}

impl<'data> Translation<'data> {
    /// Parses and validates a binary, a core module or a component.
    ///
    /// Function bodies are validated when they are compiled.
    ///
    /// # Errors
    /// If the binary is broken, needs what is not built yet or is switched off, or passes a limit.
    pub fn parse(bytes: &'data [u8], features: Features) -> Result<Translation<'data>> {
        if wasmparser::Parser::is_component(bytes) {
            features.check_components()?;
            crate::component::translate(bytes, features)
        } else {
            crate::module::translate(bytes, features)
        }
    }

    /// Validates function bodies, which otherwise happens when they are compiled.
    ///
    /// # Errors
    /// If one is invalid.
    pub fn validate_bodies(&self) -> Result<()> {
        let mut allocations = FuncValidatorAllocations::default();
        for module in self.modules.values() {
            for body in module.bodies.values() {
                let bytes = &module.bytes[body.range.clone()];
                let offset = module.base_offset + body.range.start as u64;
                let body = body.clone().validator;
                let mut validator = body.into_validator(allocations);
                validator.validate(&wasmparser::FunctionBody::new(BinaryReader::new(
                    bytes, offset,
                )))?;
                allocations = validator.into_allocations();
            }
        }
        Ok(())
    }
}
