//! What a [`Linker`] defines for imports that it has nothing for.

use super::Linker;
use crate::error::LinkError;
use crate::externals::{Caller, Extern};
use crate::instantiate::{Definition, unknown_import};
use crate::store::AsContextMut;
use crate::type_registry::LiveTypes;
use crate::val::{Ref, Val};
use crate::vm::{HostFunc, val_raw};
use crate::{Engine, Global, Memory, Module, SharedMemory, Table, Tag};
use anyhow::{Context as _, Result, anyhow};
use std::sync::Arc;
use threadline_environ::layout::ValRaw;
use threadline_environ::module::Import;
use threadline_environ::{EntityType, FuncType, HeapType, RefType, SignatureIndex, ValType};

impl<T: 'static> Linker<T> {
    /// Defines each function that a module imports and that is not defined yet. Such a function ends
    /// the guest that calls it: the call into the guest returns [`LinkError::UnknownImport`], which
    /// names the import.
    ///
    /// Imported tables, memories, globals and tags stay undefined. Instantiation refuses them by
    /// name. Definitions that exist stay as they are, even if shadowing is allowed and their type
    /// is another one.
    ///
    /// # Errors
    /// If the module belongs to another engine than the linker.
    ///
    /// # Examples
    /// ```
    /// use threadline::{Engine, Linker, Module, Store};
    ///
    /// # fn main() -> anyhow::Result<()> {
    /// let engine = Engine::default();
    /// let text = r#"(module
    ///     (import "env" "log" (func $log))
    ///     (func (export "quiet"))
    ///     (func (export "loud") (call $log)))"#;
    /// let module = Module::new(&engine, text)?;
    /// let mut linker = Linker::new(&engine);
    /// linker.define_unknown_imports_as_traps(&module)?;
    ///
    /// let mut store = Store::new(&engine, ());
    /// let instance = linker.instantiate(&mut store, &module)?;
    /// let quiet = instance.get_typed_func::<(), ()>(&mut store, "quiet")?;
    /// quiet.call(&mut store, ())?;
    /// let loud = instance.get_typed_func::<(), ()>(&mut store, "loud")?;
    /// let error = loud.call(&mut store, ()).unwrap_err();
    /// assert!(format!("{error:#}").contains("`env::log` has not been defined"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn define_unknown_imports_as_traps(&mut self, module: &Module) -> Result<()> {
        self.check_engine(module.engine(), "module")?;
        let core = module.core();
        for import in &core.module.imports {
            if self.lookup(&import.module, &import.field).is_some() {
                continue;
            }
            if let EntityType::Func(signature) = core.module.entity_type(import.index) {
                let host = trapping_func::<T>(module, import, signature)?;
                let definition = Definition::HostFunc(Arc::new(host));
                self.insert(&import.module, &import.field, definition)?;
            }
        }
        Ok(())
    }

    /// Defines each import of a module that is not defined yet by a value that does nothing:
    ///
    /// - A function returns zeros and nulls.
    /// - A global is zero or null.
    /// - A table has the import's minimum of elements, which are null.
    /// - A memory has the import's minimum of pages, which are zero.
    /// - A tag is a new one, which no other code throws.
    ///
    /// All but the functions belong to the store, so the linker then makes instances in that store
    /// only. Definitions that exist stay as they are, even if shadowing is allowed and their type is
    /// another one.
    ///
    /// # Errors
    /// - If an import has a reference type without null: nothing is its default. The error names the
    ///   import.
    /// - If there is no room for a table or memory. The error names the import.
    /// - If the module or the store belongs to another engine than the linker.
    ///
    /// Imports before the one in error stay defined.
    ///
    /// # Examples
    /// ```
    /// use threadline::{Engine, Linker, Module, Store};
    ///
    /// # fn main() -> anyhow::Result<()> {
    /// let engine = Engine::default();
    /// let text = r#"(module
    ///     (import "env" "random" (func $random (result i32)))
    ///     (import "env" "memory" (memory 1))
    ///     (func (export "run") (result i32)
    ///         (i32.add (call $random) (i32.load (i32.const 8)))))"#;
    /// let module = Module::new(&engine, text)?;
    /// let mut store = Store::new(&engine, ());
    /// let mut linker = Linker::new(&engine);
    /// linker.define_unknown_imports_as_default_values(&mut store, &module)?;
    ///
    /// let instance = linker.instantiate(&mut store, &module)?;
    /// let run = instance.get_typed_func::<(), i32>(&mut store, "run")?;
    /// assert_eq!(run.call(&mut store, ())?, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn define_unknown_imports_as_default_values(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        module: &Module,
    ) -> Result<()> {
        self.check_engine(module.engine(), "module")?;
        self.check_engine(store.as_context_mut().opaque().engine(), "store")?;
        let core = module.core();
        for import in &core.module.imports {
            if self.lookup(&import.module, &import.field).is_some() {
                continue;
            }
            let definition = default_definition(&mut store, module, import).with_context(|| {
                let Import { module, field, .. } = import;
                let ty = core.extern_type(import.index);
                format!("can't define the import `{module}::{field}` by default: it is {ty}")
            })?;
            self.insert(&import.module, &import.field, definition)?;
        }
        Ok(())
    }

    fn check_engine(&self, other: &Engine, what: &'static str) -> Result<(), LinkError> {
        match Engine::same(&self.engine, other) {
            true => Ok(()),
            false => Err(LinkError::WrongEngine { what }),
        }
    }
}

/// Makes a function that returns the error for an import.
///
/// # Errors
/// As [`exact_type`].
fn trapping_func<T: 'static>(
    module: &Module,
    import: &Import,
    signature: SignatureIndex,
) -> Result<HostFunc> {
    let (types, ty) = exact_type(module, signature)?;
    let error = unknown_import(import);
    let body = move |_: Caller<'_, T>, _: &mut [ValRaw]| Err(error.clone().into());
    Ok(HostFunc::new(types, slots(&ty), body))
}

/// Makes a function that returns zeros and nulls.
///
/// # Errors
/// If a result has no default, or as [`exact_type`].
fn idle_func<T: 'static>(module: &Module, signature: SignatureIndex) -> Result<HostFunc> {
    let (types, ty) = exact_type(module, signature)?;
    for &result in ty.results() {
        default_value(result)?;
    }
    let count = ty.results().len();
    // A slot of zeros is zero in every number type, and null in every reference type.
    let body = move |_: Caller<'_, T>, slots: &mut [ValRaw]| {
        slots[..count].fill(val_raw::ZERO);
        Ok(())
    };
    Ok(HostFunc::new(types, slots(&ty), body))
}

/// Returns the very type of an imported function. A type that is declared in a recursion group, or
/// that may have subtypes, differs from the type with the same parameters and results that is
/// declared alone.
///
/// # Errors
/// If the engine has lost the type, which a module keeps.
fn exact_type(module: &Module, signature: SignatureIndex) -> Result<(LiveTypes, Arc<FuncType>)> {
    let id = module.core().type_id(signature);
    let types = module.engine().hold(RefType {
        nullable: true,
        heap_type: HeapType::Concrete(id.index()),
    })?;
    Ok((types, module.engine().func_type(id)))
}

/// Returns how many slots a call needs for its parameters and then its results.
fn slots(ty: &FuncType) -> usize {
    ty.params().len().max(ty.results().len())
}

/// Makes what stands for an import that is not defined.
///
/// # Errors
/// If the import's type has no default, or there is no room.
fn default_definition<T: 'static>(
    mut store: impl AsContextMut<Data = T>,
    module: &Module,
    import: &Import,
) -> Result<Definition> {
    let item = match module.core().module.entity_type(import.index) {
        EntityType::Func(signature) => {
            let host = idle_func::<T>(module, signature)?;
            return Ok(Definition::HostFunc(Arc::new(host)));
        }
        EntityType::Table(ty) => {
            default_value(ValType::Ref(ty.element))?;
            Extern::Table(Table::new(&mut store, ty, Ref::null(ty.element))?)
        }
        EntityType::Memory(ty) if ty.shared => {
            Extern::SharedMemory(SharedMemory::new(module.engine(), ty)?)
        }
        EntityType::Memory(ty) => Extern::Memory(Memory::new(&mut store, ty)?),
        EntityType::Global(ty) => {
            let value = default_value(ty.content)?;
            Extern::Global(Global::new(&mut store, ty, value)?)
        }
        EntityType::Tag(signature) => {
            let ty = module.engine().func_type(module.core().type_id(signature));
            Extern::Tag(Tag::new(&mut store, &ty)?)
        }
    };
    Ok(Definition::Extern(item))
}

/// Returns zero or null.
///
/// # Errors
/// If the type is one of references without null.
fn default_value(ty: ValType) -> Result<Val> {
    Val::default_for_ty(ty)
        .ok_or_else(|| anyhow!("{ty} has no default value, for it has no null: define the import"))
}
