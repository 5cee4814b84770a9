//! Function types interned over an engine, and the trampolines that go with them.
//!
//! Ids are never taken back: they are compared by compiled code of modules that know nothing of
//! each other. Trampolines come from the code of loaded modules where there is one with the
//! type, without keeping it alive; what only the host needs is compiled on demand and kept.

use crate::code::CodeMemory;
use crate::vm::CodePtr;
use std::sync::{Arc, Weak};
use threadline_environ::artifact::FuncKey;
use threadline_environ::{FuncType, SignatureIndex, SignatureTable};

/// A function type's number in its engine.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TypeId(pub(crate) u32);

impl TypeId {
    /// The type with this number in the engine's table.
    pub(crate) fn of(index: SignatureIndex) -> TypeId {
        TypeId(index.as_u32())
    }

    /// The number in the engine's table, by which other types mention the type.
    pub(crate) fn index(self) -> SignatureIndex {
        SignatureIndex::from_u32(self.0)
    }
}

/// Which border a trampoline crosses.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the host into wasm.
    HostToWasm,
    /// From wasm into a host function.
    WasmToHost,
}

impl Direction {
    fn key(self, signature: SignatureIndex) -> FuncKey {
        match self {
            Direction::HostToWasm => FuncKey::HostToWasm(signature),
            Direction::WasmToHost => FuncKey::WasmToHost(signature),
        }
    }
}

/// A trampoline's code, with what keeps it mapped.
#[derive(Clone)]
pub(crate) struct Trampoline {
    /// Its first instruction.
    pub(crate) code: CodePtr,
    /// The image it is in.
    pub(crate) owner: Arc<CodeMemory>,
}

/// The types of an engine.
#[derive(Default)]
pub(crate) struct TypeRegistry {
    table: SignatureTable,
    /// By [`TypeId`].
    entries: Vec<Entry>,
}

struct Entry {
    ty: Arc<FuncType>,
    host_to_wasm: Source,
    wasm_to_host: Source,
}

/// Where a trampoline can be had.
#[derive(Default)]
enum Source {
    #[default]
    Nowhere,
    /// In the code of a module that may be unloaded.
    Module(CodePtr, Weak<CodeMemory>),
    /// In code made for the engine.
    Engine(Trampoline),
}

impl Source {
    fn get(&self) -> Option<Trampoline> {
        match self {
            Source::Nowhere => None,
            Source::Module(code, owner) => Some(Trampoline {
                code: *code,
                owner: owner.upgrade()?,
            }),
            Source::Engine(trampoline) => Some(trampoline.clone()),
        }
    }

    fn is_alive(&self) -> bool {
        match self {
            Source::Nowhere => false,
            Source::Module(_, owner) => owner.strong_count() > 0,
            Source::Engine(_) => true,
        }
    }
}

impl TypeRegistry {
    /// The types by number. What they mention has numbers of this table.
    pub(crate) fn table(&self) -> &SignatureTable {
        &self.table
    }

    /// The id of a type that is declared alone, without `sub`; the same for equal types.
    pub(crate) fn intern(&mut self, ty: &FuncType) -> TypeId {
        let index = self.table.intern(ty.clone());
        self.add_entries();
        TypeId::of(index)
    }

    /// The ids of a translation's types, by their numbers there.
    pub(crate) fn intern_all(&mut self, signatures: &SignatureTable) -> Arc<[TypeId]> {
        let indices = self.table.intern_all(signatures);
        self.add_entries();
        indices.into_iter().map(TypeId::of).collect()
    }

    /// The id of a type that [`intern`](TypeRegistry::intern) would find.
    pub(crate) fn find(&self, ty: &FuncType) -> Option<TypeId> {
        self.table.find(ty).map(TypeId::of)
    }

    /// The type with this id.
    pub(crate) fn get(&self, id: TypeId) -> &Arc<FuncType> {
        &self.entries[id.0 as usize].ty
    }

    /// The trampoline for a type, if some loaded code has one.
    pub(crate) fn trampoline(&self, id: TypeId, direction: Direction) -> Option<Trampoline> {
        let entry = &self.entries[id.0 as usize];
        match direction {
            Direction::HostToWasm => entry.host_to_wasm.get(),
            Direction::WasmToHost => entry.wasm_to_host.get(),
        }
    }

    /// Takes note of a loaded image's trampolines for those types that have none. `ids` are those
    /// of the image's types.
    pub(crate) fn add_module(&mut self, ids: &[TypeId], code: &Arc<CodeMemory>) {
        self.add(ids, code, |code, owner| {
            Source::Module(code, Arc::downgrade(owner))
        });
    }

    /// Takes note of trampolines that were compiled for the engine, for one type.
    pub(crate) fn add_resident(&mut self, id: TypeId, code: &Arc<CodeMemory>) {
        self.add(&[id], code, |code, owner| {
            Source::Engine(Trampoline {
                code,
                owner: owner.clone(),
            })
        });
    }

    fn add(
        &mut self,
        ids: &[TypeId],
        owner: &Arc<CodeMemory>,
        source: impl Fn(CodePtr, &Arc<CodeMemory>) -> Source,
    ) {
        for (signature, id) in ids.iter().enumerate() {
            let signature = SignatureIndex::from_u32(signature as u32);
            let entry = &mut self.entries[id.0 as usize];
            for (slot, direction) in [
                (&mut entry.host_to_wasm, Direction::HostToWasm),
                (&mut entry.wasm_to_host, Direction::WasmToHost),
            ] {
                if slot.is_alive() {
                    continue;
                }
                if let Some(code) = CodePtr::of(owner, direction.key(signature)) {
                    *slot = source(code, owner);
                }
            }
        }
    }

    /// Makes entries for the types that are new in the table.
    fn add_entries(&mut self) {
        for (_, ty) in self.table.iter().skip(self.entries.len()) {
            self.entries.push(Entry {
                ty: Arc::new(ty.clone()),
                host_to_wasm: Source::Nowhere,
                wasm_to_host: Source::Nowhere,
            });
        }
    }
}
