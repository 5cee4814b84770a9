//! The output of compilation as plain data, so that a runtime can load code without a compiler.
//!
//! [`CodeImage`] is one position-independent text section with side tables, in the making. With
//! [`Descriptions`] it is [encoded](encode) as bytes, and those are what is loaded, be it from a
//! file or right after compilation: [`ImageLayout::check`], then [`ImageView`]. See
//! `ARCHITECTURE.md`, "Code images".

mod address_map;
mod checksum;
mod error;
mod exception_table;
mod func_key;
mod image_file;
mod inline_table;
mod settings;
#[cfg(test)]
mod shape;
mod trap_table;
mod words;

pub use address_map::{AddressMap, AddressView};
pub use error::ImageError;
pub use exception_table::{CallSite, CatchClause, ExceptionTable, ExceptionView, Handler};
pub use func_key::FuncKey;
pub use image_file::{ImageKind, ImageLayout, ImageView, encode};
pub use inline_table::{InlineTable, InlineView, InlinedCall};
pub use settings::Settings;
pub use trap_table::{TrapTable, TrapView};

use crate::component::Component;
use crate::index::StaticModuleIndex;
use crate::module::Module;
use crate::signature_table::SignatureTable;
use cranelift_entity::PrimaryMap;
use image_file::VERSION;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What remains of a translation once its code is compiled.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Descriptions {
    /// Its core modules.
    #[serde(with = "crate::serial::map")]
    pub modules: PrimaryMap<StaticModuleIndex, Module>,
    /// Its component, if it is one.
    pub component: Option<Component>,
    /// Its function types.
    pub signatures: SignatureTable,
}

/// Machine code for a translation, and what is needed to run it and to explain it.
#[derive(Debug, Default)]
pub struct CodeImage {
    /// Position-independent code; all relocations are resolved.
    pub text: Vec<u8>,
    /// Every function, by ascending start.
    pub functions: Vec<FunctionRecord>,
    /// Offsets in `text` that can trap.
    pub traps: TrapTable,
    /// Which code comes from where in the wasm binary.
    pub addresses: AddressMap,
    /// Where exceptions are handled.
    pub exceptions: ExceptionTable,
    /// Which code belongs to inlined calls.
    pub inlined: InlineTable,
    /// The images of a component's nested components, by
    /// [`NestedComponentIndex`](crate::NestedComponentIndex).
    pub nested: Vec<Vec<u8>>,
    /// `(key, index into functions)`, by ascending key.
    by_key: Vec<(FuncKey, u32)>,
}

/// Where one function is in an image's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionRecord {
    /// What it is.
    pub key: FuncKey,
    /// Offset of its first byte in the text.
    pub start: u32,
    /// Its length in bytes.
    pub length: u32,
}

impl FunctionRecord {
    /// Its bytes in the text.
    pub fn range(&self) -> Range<u32> {
        self.start..self.start + self.length
    }
}

impl CodeImage {
    /// An image of these parts. `functions` must be in ascending order of `start`.
    pub fn new(
        text: Vec<u8>,
        functions: Vec<FunctionRecord>,
        traps: TrapTable,
        addresses: AddressMap,
    ) -> CodeImage {
        let mut by_key: Vec<_> = functions
            .iter()
            .enumerate()
            .map(|(i, f)| (f.key, i as u32))
            .collect();
        by_key.sort_unstable();
        CodeImage {
            text,
            functions,
            traps,
            addresses,
            exceptions: ExceptionTable::default(),
            inlined: InlineTable::default(),
            nested: Vec::new(),
            by_key,
        }
    }

    /// The function with this key, if the image has it.
    pub fn function(&self, key: FuncKey) -> Option<&FunctionRecord> {
        let i = self.by_key.binary_search_by_key(&key, |&(k, _)| k).ok()?;
        self.functions.get(self.by_key[i].1 as usize)
    }

    /// The function whose code holds this offset.
    pub fn function_at(&self, offset: u32) -> Option<&FunctionRecord> {
        let after = self.functions.partition_point(|f| f.start <= offset);
        let record = self.functions.get(after.checked_sub(1)?)?;
        record.range().contains(&offset).then_some(record)
    }
}
