//! Function types interned over an engine, and the trampolines that go with them.
//!
//! A type is there as long as something has its id: a module or component, whose instances keep it, a
//! host function, a tag, or a table or global of the host's. Each has [`LiveTypes`] beside the ids. An id
//! is never given to another type: ids are compared by compiled code of modules that know nothing of
//! each other.
//!
//! Trampolines come from the code of loaded modules where there is one with the type, without keeping
//! it alive; what only the host needs is compiled on demand and kept as long as the type, which is kept for
//! that, unless there are very many.

use crate::code::CodeMemory;
use crate::vm::CodePtr;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use threadline_environ::artifact::FuncKey;
use threadline_environ::{FuncType, LiveSignatures, OutOfNumbers, SignatureIndex, SignatureTable};

/// How many types are kept, with the trampolines that were compiled for them: a host function that is made
/// anew for each store should not have its trampoline compiled anew.
const MAX_RESIDENT: usize = 1024;

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

/// The types of an engine, shared by all that have ids of them.
#[derive(Clone, Default)]
pub(crate) struct SharedTypes(Arc<RwLock<TypeRegistry>>);

/// Ids of types, by their numbers in a module or component. The types are there as long as this is.
#[derive(Default)]
pub(crate) struct LiveTypes {
    ids: Box<[TypeId]>,
    /// The first type of each recursion group.
    groups: Box<[SignatureIndex]>,
    /// None if there are no ids.
    engine: Option<SharedTypes>,
}

impl Deref for LiveTypes {
    type Target = [TypeId];

    fn deref(&self) -> &[TypeId] {
        &self.ids
    }
}

impl Drop for LiveTypes {
    fn drop(&mut self) {
        if let Some(engine) = &self.engine {
            engine.write().release(&self.groups);
        }
    }
}

impl SharedTypes {
    /// A panic while the lock is held leaves at worst a type without trampolines, so poisoning
    /// is of no interest.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, TypeRegistry> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`SharedTypes::read`]. [`LiveTypes`] must not be dropped meanwhile.
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, TypeRegistry> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a type that is declared alone, without `sub`; `None` if it mentions a type by a number
    /// that is no type's.
    ///
    /// # Errors
    /// If the engine has no number left for it.
    pub(crate) fn intern(&self, ty: &FuncType) -> Result<Option<LiveTypes>, OutOfNumbers> {
        let index = self.write().table.intern(ty.clone())?;
        Ok(index.map(|index| self.live(vec![index], vec![index])))
    }

    /// Returns a translation's types, by their numbers there.
    ///
    /// # Errors
    /// If the engine has no numbers left for them.
    pub(crate) fn intern_all(
        &self,
        signatures: &SignatureTable,
    ) -> Result<LiveTypes, OutOfNumbers> {
        let (indices, groups) = self.write().table.intern_all(signatures)?;
        Ok(self.live(indices, groups))
    }

    /// Returns the type that has this number, if there is one.
    pub(crate) fn hold(&self, index: SignatureIndex) -> Option<LiveTypes> {
        let group = self.write().table.add_use(index)?;
        Some(self.live(vec![index], vec![group]))
    }

    fn live(&self, indices: Vec<SignatureIndex>, groups: Vec<SignatureIndex>) -> LiveTypes {
        LiveTypes {
            ids: indices.into_iter().map(TypeId::of).collect(),
            groups: groups.into(),
            engine: Some(self.clone()),
        }
    }
}

/// The types of an engine.
#[derive(Default)]
pub(crate) struct TypeRegistry {
    table: LiveSignatures,
    /// The types for which there have been trampolines.
    entries: BTreeMap<TypeId, Entry>,
    /// Types that an embedder has got a number of, with no end to how long it has that; and the first
    /// [`MAX_RESIDENT`] types with trampolines that were compiled for the engine.
    pinned: BTreeSet<TypeId>,
    /// How many of the latter there are.
    num_resident: usize,
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
    pub(crate) fn table(&self) -> &LiveSignatures {
        &self.table
    }

    /// The type with this id.
    ///
    /// # Panics
    /// If it is gone, so that nothing can have its id.
    pub(crate) fn get(&self, id: TypeId) -> Arc<FuncType> {
        if let Some(entry) = self.entries.get(&id) {
            return entry.ty.clone();
        }
        let ty = self.table.get(id.index());
        let ty = ty.expect("what has the id of a type keeps the type");
        Arc::new(ty.func.clone())
    }

    /// Keeps a type as long as the engine.
    pub(crate) fn pin(&mut self, id: TypeId) {
        if self.pinned.insert(id) {
            self.table.add_use(id.index());
        }
    }

    fn release(&mut self, groups: &[SignatureIndex]) {
        let entries = &mut self.entries;
        self.table.release(groups, |index| {
            entries.remove(&TypeId::of(index));
        });
    }

    /// The trampoline for a type, if some loaded code has one.
    pub(crate) fn trampoline(&self, id: TypeId, direction: Direction) -> Option<Trampoline> {
        let entry = self.entries.get(&id)?;
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
        self.keep_resident(id);
        self.add(&[id], code, |code, owner| {
            Source::Engine(Trampoline {
                code,
                owner: owner.clone(),
            })
        });
    }

    /// Keeps a type for which trampolines were compiled, unless there are very many.
    fn keep_resident(&mut self, id: TypeId) {
        if self.num_resident < MAX_RESIDENT && !self.pinned.contains(&id) {
            self.pin(id);
            self.num_resident += 1;
        }
    }

    fn add(
        &mut self,
        ids: &[TypeId],
        owner: &Arc<CodeMemory>,
        source: impl Fn(CodePtr, &Arc<CodeMemory>) -> Source,
    ) {
        for (signature, &id) in ids.iter().enumerate() {
            let signature = SignatureIndex::from_u32(signature as u32);
            for direction in [Direction::HostToWasm, Direction::WasmToHost] {
                let Some(code) = CodePtr::of(owner, direction.key(signature)) else {
                    continue;
                };
                let Some(slot) = self.slot(id, direction) else {
                    continue;
                };
                if !slot.is_alive() {
                    *slot = source(code, owner);
                }
            }
        }
    }

    /// Where a trampoline for a type is noted; `None` if the type is gone.
    fn slot(&mut self, id: TypeId, direction: Direction) -> Option<&mut Source> {
        let ty = &self.table.get(id.index())?.func;
        let entry = self.entries.entry(id).or_insert_with(|| Entry {
            ty: Arc::new(ty.clone()),
            host_to_wasm: Source::Nowhere,
            wasm_to_host: Source::Nowhere,
        });
        Some(match direction {
            Direction::HostToWasm => &mut entry.host_to_wasm,
            Direction::WasmToHost => &mut entry.wasm_to_host,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::component::Component;
    use crate::{
        AddressType, Engine, Extern, Func, FuncType, Global, GlobalType, HeapType, Instance,
        Linker, Module, Ref, RefType, Store, Table, TableType, Tag, Val, ValType,
    };

    /// A module with `count` types that no other `kind` has; its function `f` is of the last one.
    fn module(kind: usize, count: usize) -> String {
        let params = |mut n: usize| {
            let types = ["i32", "i64", "f32", "f64"];
            let mut params = String::new();
            for _ in 0..12 {
                params = params + " " + types[n % 4];
                n /= 4;
            }
            params
        };
        let types =
            (0..count).map(|n| format!("(type (func (param {})))", params(kind * 1000 + n)));
        let types: String = types.collect();
        format!(
            r#"(module {types} (func (export "f") (type {})))"#,
            count - 1
        )
    }

    fn zeros(ty: &FuncType) -> Vec<Val> {
        let zeros = ty.params().iter().map(|&ty| Val::default_for_ty(ty));
        zeros.map(Option::unwrap).collect()
    }

    #[test]
    fn types_go_with_the_modules_that_have_them() {
        let engine = Engine::default();
        for kind in 0..20 {
            let first = Module::new(&engine, module(kind, 100)).unwrap();
            let second = Module::new(&engine, module(kind, 50)).unwrap();
            assert_eq!(engine.type_count(), 100);
            drop(first);
            assert_eq!(engine.type_count(), 50);
            drop(second);
            assert_eq!(engine.type_count(), 0);
        }
    }

    #[test]
    fn types_go_with_components_and_with_what_can_not_be_compiled() {
        let engine = Engine::default();
        let core = |kind| {
            let module = module(kind, 30).replacen("(module", "(core module $m", 1);
            module + "(core instance (instantiate $m))"
        };
        let text = format!(
            "(component {} (component $c {}) (instance (instantiate $c)))",
            core(1),
            core(2)
        );
        let component = Component::new(&engine, text).unwrap();
        let clone = component.clone();
        drop(component);
        assert!(engine.type_count() >= 60);
        drop(clone);
        assert_eq!(engine.type_count(), 0);
        let wrong = module(3, 30).replace("(func (export", "(func (result i32) (export");
        assert!(Module::new(&engine, wrong).is_err());
        assert_eq!(engine.type_count(), 0);
    }

    #[test]
    fn an_instance_keeps_its_types_and_can_be_called() {
        let engine = Engine::default();
        let mut store = Store::new(&engine, ());
        let f = {
            let module = Module::new(&engine, module(4, 20)).unwrap();
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            instance.get_func(&mut store, "f").unwrap()
        };
        assert_eq!(engine.type_count(), 20);
        let ty = f.ty(&store);
        f.call(&mut store, &zeros(&ty), &mut []).unwrap();
        drop(store);
        assert_eq!(engine.type_count(), 0);
    }

    #[test]
    fn functions_link_with_a_type_that_was_gone_in_between() {
        let engine = Engine::default();
        let mut store = Store::new(&engine, ());
        drop(Module::new(&engine, module(5, 1)).unwrap());
        let exporter = Module::new(&engine, module(5, 1)).unwrap();
        let f = Instance::new(&mut store, &exporter, &[]).unwrap();
        let f = f.get_func(&mut store, "f").unwrap();
        drop(exporter);
        let importer = module(5, 1).replace(
            r#"(func (export "f") (type 0))"#,
            r#"(import "" "" (func (type 0)))"#,
        );
        let importer = Module::new(&engine, importer).unwrap();
        Instance::new(&mut store, &importer, &[Extern::Func(f)]).unwrap();
        assert_eq!(engine.type_count(), 1);
    }

    #[test]
    fn a_host_function_keeps_its_type() {
        let engine = Engine::default();
        let mut linker = Linker::<()>::new(&engine);
        linker.func_wrap("", "", |_: i64, _: f32| 1.0f64).unwrap();
        assert_eq!(engine.type_count(), 1);
        let mut store = Store::new(&engine, ());
        let ty = FuncType::new([ValType::F64; 9], []);
        let func = Func::new(&mut store, ty.clone(), |_, _, _| Ok(()));
        assert_eq!(engine.type_count(), 2);
        func.call(&mut store, &zeros(&ty), &mut []).unwrap();
        drop((linker, store));
        assert_eq!(engine.type_count(), 1, "that with compiled trampolines");
    }

    #[test]
    fn so_many_types_are_kept_with_the_trampolines_compiled_for_them() {
        let engine = Engine::default();
        let most = super::MAX_RESIDENT;
        for n in 0..most + 5 {
            let bit = |i: usize| match n >> i & 1 {
                0 => ValType::I32,
                _ => ValType::I64,
            };
            let types = engine.intern(&FuncType::new((0..16).map(bit), []));
            // As if one had been compiled.
            let mut registry = engine.inner_types().write();
            registry.keep_resident(types[0]);
            drop(registry);
        }
        assert_eq!(engine.type_count(), most);
    }

    #[test]
    fn tags_tables_and_globals_of_the_host_keep_their_types() {
        let engine = Engine::default();
        let mut store = Store::new(&engine, ());
        Tag::new(&mut store, &FuncType::new([ValType::I64], [])).unwrap();
        assert_eq!(engine.type_count(), 1);
        let held = engine.intern(&FuncType::new([ValType::F32], []));
        let ty = RefType {
            nullable: true,
            heap_type: HeapType::Concrete(held[0].index()),
        };
        let table = TableType {
            element: ty,
            address: AddressType::I32,
            minimum: 1,
            maximum: None,
        };
        let global = GlobalType {
            content: ValType::Ref(ty),
            mutable: false,
        };
        Table::new(&mut store, table, Ref::Func(None)).unwrap();
        Global::new(&mut store, global, Val::FuncRef(None)).unwrap();
        drop(held);
        assert_eq!(engine.type_count(), 2);
        drop(store);
        assert_eq!(engine.type_count(), 0);
        // Now it is a type of nobody's.
        let mut store = Store::new(&engine, ());
        assert!(Table::new(&mut store, table, Ref::Func(None)).is_err());
        assert!(Global::new(&mut store, global, Val::FuncRef(None)).is_err());
    }

    #[test]
    fn a_heap_type_that_an_embedder_has_is_kept() {
        let engine = Engine::default();
        let ty = FuncType::new([ValType::I32], []);
        let heap_type = engine.heap_type(&ty);
        assert_eq!(engine.heap_type(&ty), heap_type);
        assert_eq!(engine.func_type_of(heap_type), Some(ty));
        assert_eq!(engine.type_count(), 1);
    }
}
