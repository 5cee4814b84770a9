//! What the translation of a function may look at.

use super::inline;
use crate::signature::value_type;
use crate::vm_access::{Definition, Life, Place, Region};
use cranelift_codegen::isa::TargetIsa;
use std::collections::BTreeSet;
use std::sync::OnceLock;
use threadline_environ::component::Trampoline;
use threadline_environ::entity::PrimaryMap;
use threadline_environ::layout::VMContextLayout;
use threadline_environ::module::{ConstOp, FunctionBody, KnownImport, Module, ModuleTranslation};
use threadline_environ::{
    DefinedFuncIndex, EntityIndex, FuncIndex, FuncType, GlobalIndex, HeapType, MemoryIndex,
    RefType, SignatureIndex, StaticModuleIndex, TableIndex, TrampolineIndex, Translation, TrapCode,
    Tunables, TypeIndex, ValType,
};
use wasmparser::BinaryReader;

/// Everything about a module that the translation of its functions may look at; shared by all
/// threads.
pub(crate) struct ModuleEnv<'a> {
    /// The module, its signatures and its neighbours.
    pub(crate) translation: &'a Translation<'a>,
    /// Which module it is.
    pub(crate) module_index: StaticModuleIndex,
    /// Where things are in its `VMContext`.
    pub(crate) layout: &'a VMContextLayout,
    /// The options that change code.
    pub(crate) tunables: &'a Tunables,
    /// The target.
    pub(crate) isa: &'a dyn TargetIsa,
    /// What other modules may reach by an export, beside functions.
    exported: BTreeSet<EntityIndex>,
    /// Which functions may be inlined, where somebody has asked.
    inlinable: PrimaryMap<DefinedFuncIndex, OnceLock<bool>>,
}

/// All modules of a translation.
pub(crate) type ModuleEnvs<'a> = PrimaryMap<StaticModuleIndex, ModuleEnv<'a>>;

/// How a table's elements are found.
pub(super) struct TableAccess {
    pub(super) definition: Definition,
    /// The number of elements, if it can't change.
    pub(super) fixed_length: Option<u32>,
}

impl<'a> ModuleEnv<'a> {
    /// Looks over a module once.
    pub(crate) fn new(
        translation: &'a Translation<'a>,
        module_index: StaticModuleIndex,
        layout: &'a VMContextLayout,
        tunables: &'a Tunables,
        isa: &'a dyn TargetIsa,
    ) -> ModuleEnv<'a> {
        let module = &translation.modules[module_index];
        let exports = module.module.exports.iter();
        let exported = exports
            .map(|&(_, index)| index)
            .filter(|index| !matches!(index, EntityIndex::Func(_)))
            .collect();
        ModuleEnv {
            translation,
            module_index,
            layout,
            tunables,
            isa,
            exported,
            inlinable: module.bodies.keys().map(|_| OnceLock::new()).collect(),
        }
    }

    /// The module with its code.
    pub(super) fn module_translation(&self) -> &'a ModuleTranslation<'a> {
        &self.translation.modules[self.module_index]
    }

    /// Reads a body of the module.
    pub(super) fn body_reader(&self, body: &FunctionBody) -> BinaryReader<'a> {
        let translation = self.module_translation();
        BinaryReader::new_features(
            &translation.bytes[body.range.clone()],
            translation.base_offset + body.range.start as u64,
            body.validator.features,
        )
    }

    /// Whether a function of the module may be inlined.
    pub(super) fn is_inlinable(&self, index: DefinedFuncIndex) -> bool {
        *self.inlinable[index].get_or_init(|| inline::is_inlinable(self, index))
    }

    /// The module's description.
    pub(super) fn module(&self) -> &'a Module {
        &self.module_translation().module
    }

    pub(super) fn type_signature(&self, index: u32) -> SignatureIndex {
        self.module().types[TypeIndex::from_u32(index)]
    }

    pub(super) fn func_type(&self, signature: SignatureIndex) -> &'a FuncType {
        &self.translation.signatures[signature]
    }

    pub(super) fn known_import(&self, func: FuncIndex) -> Option<KnownImport> {
        self.module_translation().known_imports.get(&func).copied()
    }

    /// The trap that a trampoline is.
    pub(super) fn trap_of(&self, trampoline: TrampolineIndex) -> Option<TrapCode> {
        let component = self.translation.component.as_ref()?;
        match component.trampolines[trampoline] {
            Trampoline::Trap { code, .. } => Some(code),
            _ => None,
        }
    }

    pub(super) fn memory(&self, index: MemoryIndex) -> Definition {
        let defined = self.module().defined_memory_index(index);
        match defined {
            Some(defined) if self.module().memories[index].shared => {
                Definition::shared_memory(self.layout, defined)
            }
            _ => Definition::memory(self.layout, index, defined),
        }
    }

    /// What a memory's bytes may alias.
    pub(super) fn memory_region(&self, index: MemoryIndex) -> Region {
        let own = self.module().defined_memory_index(index).is_some()
            && !self.exported.contains(&EntityIndex::Memory(index));
        if own {
            Region::OwnMemory(self.module_index, index)
        } else {
            Region::SharedMemory
        }
    }

    /// A table whose type leaves it no room to grow has a fixed length, also when it is imported:
    /// the limits of an import's type hold the actual size.
    pub(super) fn table(&self, index: TableIndex) -> TableAccess {
        let ty = &self.module().tables[index];
        let defined = self.module().defined_table_index(index);
        TableAccess {
            definition: Definition::table(self.layout, index, defined),
            fixed_length: match ty.maximum {
                Some(maximum) if maximum == ty.minimum => u32::try_from(maximum).ok(),
                _ => None,
            },
        }
    }

    /// Whether every function in a table is known to be of this type.
    pub(super) fn table_holds_only(&self, table: TableIndex, signature: SignatureIndex) -> bool {
        let element = self.module().tables[table].element.heap_type;
        let signatures = &self.translation.signatures;
        signatures.heap_type_matches(element, HeapType::Concrete(signature))
    }

    /// Whether a type of the module can have no subtypes.
    pub(super) fn is_final(&self, index: TypeIndex) -> bool {
        let signature = self.module().types[index];
        let ty = self.translation.signatures.get(signature);
        ty.is_some_and(|ty| ty.is_final)
    }

    /// The definition of a global and the place of its value in it.
    pub(super) fn global(&self, index: GlobalIndex) -> (Definition, Place) {
        let ty = self.module().globals[index];
        let defined = self.module().defined_global_index(index);
        let definition = Definition::global(self.layout, index, defined);
        let own = defined.is_some() && !self.exported.contains(&EntityIndex::Global(index));
        let (region, life) = match (ty.mutable, own) {
            (false, _) => (Region::Settled, Life::Fixed),
            (true, true) => (Region::OwnGlobal(self.module_index, index), Life::Mutable),
            (true, false) => (Region::SharedGlobal(ty.content), Life::Mutable),
        };
        let place = definition.global_value(value_type(ty.content), region, life);
        (definition, place)
    }

    /// The value of an immutable global that the module itself gives it as a number.
    pub(super) fn constant_global(&self, index: GlobalIndex) -> Option<ConstOp> {
        let module = self.module();
        let defined = module.defined_global_index(index)?;
        if module.globals[index].mutable {
            return None;
        }
        match module.global_inits[defined].ops() {
            &[
                op @ (ConstOp::I32Const(_)
                | ConstOp::I64Const(_)
                | ConstOp::F32Const(_)
                | ConstOp::F64Const(_)),
            ] => Some(op),
            _ => None,
        }
    }
}

/// A value type as `wasmparser` has it, in our terms. Which reference a reference is makes no
/// difference to CLIF; types that are not built were refused by the validator.
pub(super) fn core_type(ty: wasmparser::ValType) -> ValType {
    match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(_) => ValType::Ref(RefType::FUNCREF),
    }
}
