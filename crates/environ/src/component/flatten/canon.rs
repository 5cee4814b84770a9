//! Lifts, lowers and intrinsics: what they become at run time.

use super::Flattener;
use super::scope::Scope;
use super::value::{Func, ImportedFunc, LiftedFunc, inconsistent};
use crate::UnsafeIntrinsic;
use crate::canonical_abi::flatten_func;
use crate::component::definition::{CoreSort, OptionsDef};
use crate::component::info::{CanonicalOptions, CoreDef, RuntimeImport, Step};
use crate::component::trampoline::Trampoline;
use crate::error::Result;
use crate::index::*;
use crate::types::AddressType;
use wasmparser::component_types as wt;

impl Flattener<'_, '_> {
    /// `canon lift`.
    pub(super) fn lift(
        &mut self,
        scope: &mut Scope<'_>,
        core_func: u32,
        ty: wt::ComponentFuncTypeId,
        options: &OptionsDef,
    ) -> Result<()> {
        let ty = self.func_type(scope, ty)?;
        let core = scope.core(CoreSort::Func, core_func)?;
        let options = self.options(scope, options)?;
        scope
            .funcs
            .push(Func::Lifted(LiftedFunc { ty, core, options }));
        Ok(())
    }

    /// `canon lower`: of a host function, a trampoline; of a guest's, an adapter.
    pub(super) fn lower(
        &mut self,
        scope: &mut Scope<'_>,
        func: u32,
        ty: wt::ComponentFuncTypeId,
        options: &OptionsDef,
        offset: u64,
    ) -> Result<()> {
        let ty = self.func_type(scope, ty)?;
        let options = self.options(scope, options)?;
        let def = match scope.func(func)?.clone() {
            Func::Imported(func) => self.lower_import(&func, ty, options),
            Func::Lifted(callee) => self.adapt(callee, ty, options, offset)?,
        };
        scope.core_funcs.push(def);
        Ok(())
    }

    pub(super) fn lower_import(
        &mut self,
        func: &ImportedFunc,
        ty: ComponentFuncTypeIndex,
        options: OptionsIndex,
    ) -> CoreDef {
        let import = self.runtime_import(func);
        let CanonicalOptions {
            address, async_, ..
        } = self.component.options[options];
        let index = match self.interned.lowerings.get(&(import, async_)) {
            Some(&index) => index,
            None => {
                let index = LoweredIndex::from_u32(self.component.num_lowerings);
                self.component.num_lowerings += 1;
                self.interned.lowerings.insert((import, async_), index);
                self.component.steps.push(Step::LowerImport {
                    index,
                    import,
                    async_,
                });
                index
            }
        };
        let types = self.types.types();
        let side = self.component.options[options].lower();
        let flat = flatten_func(types, &types.funcs[ty], side, address);
        let signature = self.signatures.intern(flat.signature);
        self.trampoline(Trampoline::LowerImport {
            index,
            options,
            ty,
            signature,
        })
    }

    /// The index of a function that instantiation takes from the imports.
    pub(super) fn runtime_import(&mut self, func: &ImportedFunc) -> RuntimeImportIndex {
        let ImportedFunc { path, ty } = func;
        let names: Vec<String> = path.path.iter().map(|name| name.to_string()).collect();
        let imports = &mut self.component.runtime_imports;
        *self
            .interned
            .imports
            .entry((path.from, names))
            .or_insert_with_key(|(from, path)| {
                imports.push(RuntimeImport {
                    from: *from,
                    path: path.clone(),
                    ty: *ty,
                })
            })
    }

    /// An intrinsic as a function.
    pub(super) fn intrinsic(&mut self, intrinsic: UnsafeIntrinsic) -> CoreDef {
        let signature = self.signatures.intern(intrinsic.signature());
        self.trampoline(Trampoline::Intrinsic {
            intrinsic,
            signature,
        })
    }

    /// A trampoline as a function.
    pub(super) fn trampoline(&mut self, trampoline: Trampoline) -> CoreDef {
        let trampolines = &mut self.component.trampolines;
        let index = self
            .interned
            .trampolines
            .entry(trampoline)
            .or_insert_with_key(|trampoline| trampolines.push(trampoline.clone()));
        CoreDef::Trampoline(*index)
    }

    /// Resolves canonical options; what they need is extracted by steps written here, and so
    /// before anything that uses them.
    pub(super) fn options(
        &mut self,
        scope: &Scope<'_>,
        options: &OptionsDef,
    ) -> Result<OptionsIndex> {
        let memory = match options.memory {
            Some(index) => {
                let def = scope.core(CoreSort::Memory, index)?;
                Some(self.extract_memory(def)?)
            }
            None => None,
        };
        let realloc = match options.realloc {
            Some(index) => Some(self.extract_realloc(scope.core(CoreSort::Func, index)?)),
            None => None,
        };
        let post_return = match options.post_return {
            Some(index) => Some(self.extract_post_return(scope.core(CoreSort::Func, index)?)),
            None => None,
        };
        let callback = match options.callback {
            Some(index) => Some(self.extract_callback(scope.core(CoreSort::Func, index)?)),
            None => None,
        };
        let address = match memory {
            Some(index) => self.memory_type(index)?.address,
            None => AddressType::I32,
        };
        let options = CanonicalOptions {
            instance: scope.runtime_instance,
            string_encoding: options.string_encoding,
            memory,
            address,
            realloc,
            post_return,
            async_: options.async_,
            callback,
            passes_on: false,
        };
        Ok(self.intern_options(options))
    }

    pub(super) fn intern_options(&mut self, options: CanonicalOptions) -> OptionsIndex {
        let all = &mut self.component.options;
        let index = self
            .interned
            .options
            .entry(options)
            .or_insert_with_key(|options| all.push(options.clone()));
        *index
    }

    pub(super) fn extract_memory(&mut self, def: CoreDef) -> Result<RuntimeMemoryIndex> {
        let CoreDef::Export(export) = def else {
            return Err(inconsistent());
        };
        if let Some(&index) = self.interned.memories.get(&export) {
            return Ok(index);
        }
        let index = self.extracted.memories.push(def);
        self.component.num_memories += 1;
        self.interned.memories.insert(export, index);
        let step = Step::ExtractMemory { index, export };
        self.component.steps.push(step);
        Ok(index)
    }

    pub(super) fn extract_realloc(&mut self, def: CoreDef) -> RuntimeReallocIndex {
        if let Some(&index) = self.interned.reallocs.get(&def) {
            return index;
        }
        let index = self.extracted.reallocs.push(def);
        self.component.num_reallocs += 1;
        self.interned.reallocs.insert(def, index);
        self.component
            .steps
            .push(Step::ExtractRealloc { index, def });
        index
    }

    pub(super) fn extract_post_return(&mut self, def: CoreDef) -> RuntimePostReturnIndex {
        if let Some(&index) = self.interned.post_returns.get(&def) {
            return index;
        }
        let index = self.extracted.post_returns.push(def);
        self.component.num_post_returns += 1;
        self.interned.post_returns.insert(def, index);
        let step = Step::ExtractPostReturn { index, def };
        self.component.steps.push(step);
        index
    }
}
