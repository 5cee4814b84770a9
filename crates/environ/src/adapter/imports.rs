//! What an adapter module imports.

use super::Peer;
use super::module::val_type;
use crate::canonical_abi::FlatType;
use crate::component::{ResourceOp, ScopeOp, Transcode, TransferOp};
use crate::index::ResourceIndex;
use crate::types::{AddressType, MemoryType};
use crate::{TrapCode, UnsafeIntrinsic};
use wasm_encoder::{EntityType, ImportSection, TypeSection};

/// An import of an adapter module.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum AdapterImport {
    /// The lifted core function.
    Callee,
    /// The `post-return` it was lifted with.
    PostReturn,
    /// A side's `realloc`.
    Realloc(Peer),
    /// A side's memory.
    Memory(Peer),
    /// The flags of a side's instance.
    Flags(Peer),
    /// An intrinsic.
    Intrinsic(UnsafeIntrinsic),
    /// The trampoline that copies a string: `(src, dst, code units of the source)` to a number,
    /// all i64.
    Transcode {
        /// Whose memory is read.
        from: Peer,
        /// Whose memory is written.
        to: Peer,
        /// What it does.
        transcode: Transcode,
    },
    /// What is done with a handle in a side's table.
    Resource {
        /// What.
        op: ResourceOp,
        /// Whose table.
        peer: Peer,
        /// The handle's type.
        resource: ResourceIndex,
    },
    /// What moves an end or error context out of a side's table or into it.
    Transfer {
        /// What.
        op: TransferOp,
        /// Whose table.
        peer: Peer,
    },
    /// What is done once in a call with borrowed handles.
    BorrowScope(ScopeOp),
    /// The trampoline that traps with a code.
    Trap(TrapCode),
}

/// The imports used so far; those of each kind are numbered in order.
#[derive(Default)]
pub(super) struct Imports {
    list: Vec<AdapterImport>,
    types: TypeSection,
    section: ImportSection,
    funcs: Vec<AdapterImport>,
    memories: Vec<AdapterImport>,
    globals: Vec<AdapterImport>,
}

impl Imports {
    /// The index of a function.
    pub(super) fn func(
        &mut self,
        import: AdapterImport,
        params: &[FlatType],
        results: &[FlatType],
    ) -> u32 {
        if let Some(index) = position(&self.funcs, import) {
            return index;
        }
        let ty = EntityType::Function(self.ty(params, results));
        self.funcs.push(import);
        self.add(import, ty);
        self.num_funcs() - 1
    }

    /// The index of a side's memory.
    pub(super) fn memory(&mut self, peer: Peer, ty: &MemoryType) -> u32 {
        let import = AdapterImport::Memory(peer);
        if let Some(index) = position(&self.memories, import) {
            return index;
        }
        self.memories.push(import);
        let ty = wasm_encoder::MemoryType {
            minimum: 0,
            maximum: None,
            memory64: ty.address == AddressType::I64,
            shared: false,
            page_size_log2: (ty.page_size_log2 != 16).then_some(u32::from(ty.page_size_log2)),
        };
        self.add(import, EntityType::Memory(ty));
        self.memories.len() as u32 - 1
    }

    /// The index of the global that holds the flags of a side's instance.
    pub(super) fn flags(&mut self, peer: Peer) -> u32 {
        let import = AdapterImport::Flags(peer);
        if let Some(index) = position(&self.globals, import) {
            return index;
        }
        self.globals.push(import);
        let ty = wasm_encoder::GlobalType {
            val_type: wasm_encoder::ValType::I32,
            mutable: true,
            shared: false,
        };
        self.add(import, EntityType::Global(ty));
        self.globals.len() as u32 - 1
    }

    /// Adds a function type.
    pub(super) fn ty(&mut self, params: &[FlatType], results: &[FlatType]) -> u32 {
        let index = self.types.len();
        self.types.ty().function(
            params.iter().map(|&ty| val_type(ty)),
            results.iter().map(|&ty| val_type(ty)),
        );
        index
    }

    /// How many functions are imported.
    pub(super) fn num_funcs(&self) -> u32 {
        self.funcs.len() as u32
    }

    /// The imports in order, and the sections that declare them.
    pub(super) fn finish(self) -> (Vec<AdapterImport>, TypeSection, ImportSection) {
        (self.list, self.types, self.section)
    }

    fn add(&mut self, import: AdapterImport, ty: EntityType) {
        self.list.push(import);
        let (module, field) = names(import);
        self.section.import(module, &field, ty);
    }
}

fn position(list: &[AdapterImport], import: AdapterImport) -> Option<u32> {
    let position = list.iter().position(|&other| other == import)?;
    Some(position as u32)
}

/// Names for people; what an import is is known by its position.
fn names(import: AdapterImport) -> (&'static str, String) {
    let side = |peer| match peer {
        Peer::Caller => "caller",
        Peer::Callee => "callee",
        Peer::Scratch => "scratch",
    };
    match import {
        AdapterImport::Callee => ("callee", "call".to_owned()),
        AdapterImport::PostReturn => ("callee", "post-return".to_owned()),
        AdapterImport::Realloc(peer) => (side(peer), "realloc".to_owned()),
        AdapterImport::Memory(peer) => (side(peer), "memory".to_owned()),
        AdapterImport::Flags(peer) => (side(peer), "flags".to_owned()),
        AdapterImport::Intrinsic(intrinsic) => ("intrinsic", intrinsic.name()),
        AdapterImport::Transcode {
            from,
            to,
            transcode,
        } => (transcode.name(), format!("{} to {}", side(from), side(to))),
        AdapterImport::Resource { op, peer, resource } => {
            (side(peer), format!("{} {resource:?}", op.name()))
        }
        AdapterImport::Transfer { op, peer } => (side(peer), transfer_name(op)),
        AdapterImport::BorrowScope(op) => ("borrows", op.name().to_owned()),
        AdapterImport::Trap(code) => ("trap", code.message().to_owned()),
    }
}

fn transfer_name(op: TransferOp) -> String {
    match op {
        TransferOp::LiftEnd(ty) | TransferOp::LowerEnd(ty) => format!("{} {ty:?}", op.name()),
        TransferOp::LiftErrorContext | TransferOp::LowerErrorContext => op.name().to_owned(),
    }
}
