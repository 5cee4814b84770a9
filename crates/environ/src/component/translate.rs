//! The walk over a component's sections.
//!
//! `wasmparser` validates each payload; then the section's own file under `section/` collects
//! what it defines. A stack of unfinished components stands for their nesting. What comes out is
//! handed to flattening.

use super::definition::{CaptureFrom, ComponentDef, Definitions, Item, StaticComponentIndex};
use super::flatten;
use super::section;
use crate::error::{Error, Result};
use crate::index::StaticModuleIndex;
use crate::module::{ModuleTranslation, ModuleTranslator};
use crate::section_count;
use crate::signature_table::SignatureTable;
use crate::{Features, Translation};
use cranelift_entity::PrimaryMap;
use std::borrow::Cow;
use wasmparser::types::TypesRef;
use wasmparser::{Parser, Payload, ValidPayload, Validator};

/// Components inside components at most.
const MAX_NESTING: usize = 100;

/// Core modules in a binary at most, over all its components.
const MAX_MODULES: usize = 10_000;

/// Translates a component binary.
pub(crate) fn translate(bytes: &[u8], features: Features) -> Result<Translation<'_>> {
    match walk(bytes, features) {
        // What is broken is broken, whatever else it needs: that is the better answer.
        Err(error @ Error::Unsupported { .. }) => {
            validate(bytes, features)?;
            Err(error)
        }
        result => result,
    }
}

/// Validates all but function bodies.
fn validate(bytes: &[u8], features: Features) -> Result<()> {
    let mut validator = Validator::new_with_features(features.wasmparser());
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        section_count::check(&payload)?;
        section::refuse_before_validation(&payload)?;
        validator.payload(&payload)?;
    }
    Ok(())
}

fn walk(bytes: &[u8], features: Features) -> Result<Translation<'_>> {
    let mut walk = Walk {
        bytes,
        validator: Validator::new_with_features(features.wasmparser()),
        signatures: SignatureTable::default(),
        modules: PrimaryMap::new(),
        definitions: Definitions::default(),
        stack: Vec::new(),
    };
    let mut payloads = Parser::new(0).parse_all(bytes);
    let mut root = None;
    while let Some(payload) = payloads.next() {
        match payload? {
            Payload::ModuleSection {
                parser,
                unchecked_range,
            } => {
                walk.validator.payload(&Payload::ModuleSection {
                    parser,
                    unchecked_range: unchecked_range.clone(),
                })?;
                walk.module(unchecked_range, &mut payloads)?;
            }
            Payload::End(offset) => {
                let valid = walk.validator.payload(&Payload::End(offset))?;
                if let (Some(component), ValidPayload::End(types)) = (walk.end(), valid) {
                    root = Some((component, types));
                }
            }
            payload => walk.payload(payload)?,
        }
    }
    let Some((root, types)) = root else {
        return Err(Error::invalid(
            "unexpected end of the component",
            bytes.len() as u64,
        ));
    };
    walk.finish(root, types.as_ref())
}

/// What the walk has gathered.
pub(super) struct Walk<'data> {
    bytes: &'data [u8],
    validator: Validator,
    signatures: SignatureTable,
    modules: PrimaryMap<StaticModuleIndex, ModuleTranslation<'data>>,
    definitions: Definitions,
    /// The component being read, innermost last.
    pub(super) stack: Vec<ComponentDef>,
}

impl<'data> Walk<'data> {
    /// Validates and collects a payload of a component.
    fn payload(&mut self, payload: Payload<'_>) -> Result<()> {
        section_count::check(&payload)?;
        section::refuse_before_validation(&payload)?;
        self.validator.payload(&payload)?;
        match payload {
            Payload::Version { .. } => self.begin(),
            Payload::InstanceSection(s) => section::core_instance::read(self, s),
            Payload::ComponentInstanceSection(s) => section::instance::read(self, s),
            Payload::ComponentAliasSection(s) => section::alias::read(self, s),
            Payload::ComponentCanonicalSection(s) => section::canon::read(self, s),
            Payload::ComponentImportSection(s) => section::import::read(self, s),
            Payload::ComponentExportSection(s) => section::export::read(self, s),
            Payload::ComponentTypeSection(s) => section::ty::read(self, s),
            // Core types are `wasmparser`'s. Custom sections mean nothing.
            _ => Ok(()),
        }
    }

    fn begin(&mut self) -> Result<()> {
        if self.stack.len() >= MAX_NESTING {
            return Err(Error::TooLarge {
                message: format!("components are nested more than {MAX_NESTING} deep"),
            });
        }
        self.stack.push(ComponentDef::default());
        Ok(())
    }

    /// Ends a component; it belongs to the one around it, or is the root.
    fn end(&mut self) -> Option<StaticComponentIndex> {
        let definition = self.stack.pop()?;
        let index = self.definitions.components.push(definition);
        match self.stack.last_mut() {
            Some(outer) => {
                outer.items.push(Item::Component(index));
                None
            }
            None => Some(index),
        }
    }

    /// Takes the payloads of a core module, its end among them.
    fn module(
        &mut self,
        range: std::ops::Range<u64>,
        payloads: &mut impl Iterator<Item = wasmparser::Result<Payload<'data>>>,
    ) -> Result<()> {
        if self.modules.len() >= MAX_MODULES {
            return Err(Error::TooLarge {
                message: format!("a component has more than {MAX_MODULES} core modules"),
            });
        }
        let Some(bytes) = self.bytes.get(range.start as usize..range.end as usize) else {
            return Err(Error::invalid(
                "unexpected end of a core module",
                range.start,
            ));
        };
        let bytes = Cow::Borrowed(bytes);
        let mut module = ModuleTranslator::new(bytes, range.start, &mut self.signatures);
        for payload in payloads {
            let payload = payload?;
            let end = matches!(payload, Payload::End(_));
            module.payload(&mut self.validator, payload)?;
            if end {
                break;
            }
        }
        let index = self.modules.push(module.finish()?);
        self.define(Item::Module(index));
        Ok(())
    }

    fn finish(self, root: StaticComponentIndex, types: TypesRef<'_>) -> Result<Translation<'data>> {
        flatten::flatten(flatten::Input {
            definitions: &self.definitions,
            root,
            types,
            signatures: self.signatures,
            modules: self.modules,
        })
    }

    /// The component being read.
    pub(super) fn component(&mut self) -> &mut ComponentDef {
        self.stack
            .last_mut()
            .expect("the validator wants a header before sections")
    }

    /// Adds a definition to the component being read.
    pub(super) fn define(&mut self, item: Item) {
        self.component().items.push(item);
    }

    /// What the validator knows of the types of the component being read, for something at
    /// `offset`.
    pub(super) fn wasm_types(&self, offset: u64) -> Result<TypesRef<'_>> {
        let types = self.validator.types(0);
        types.ok_or_else(|| Error::invalid("a section outside of a component", offset))
    }

    /// The place among the captures of the component being read of what the component `count`
    /// levels out has in its index space at `index`.
    pub(super) fn capture(
        &mut self,
        sort: super::definition::CaptureSort,
        count: usize,
        index: u32,
    ) -> usize {
        let mut from = CaptureFrom::Local(index);
        let mut place = 0;
        // From the outside in: each component on the way captures it from the one around it.
        for inner in (0..count).rev() {
            let level = self.stack.len() - 1 - inner;
            let captures = &mut self.stack[level].captures;
            let capture = super::definition::Capture { sort, from };
            place = captures
                .iter()
                .position(|c| *c == capture)
                .unwrap_or_else(|| {
                    captures.push(capture);
                    captures.len() - 1
                });
            from = CaptureFrom::Capture(place);
        }
        place
    }
}
