//! [`Linker`]: what components are given as imports.

use super::error::ComponentError;
use super::instance::Instance;
use super::instance_pre::InstancePre;
use super::types::ComponentFunc;
use super::{Component, ComponentNamedList, Lift, Lower, Val, host_func};
use crate::Engine;
use crate::error::LinkError;
use crate::store::{AsContextMut, StoreContextMut};
use crate::vm::ComponentHostFunc;
use anyhow::Result;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use threadline_environ::component::{ExternType, RuntimeImport};

/// Names, and the host functions and instances that components import by them, for stores whose
/// data is a `T`.
pub struct Linker<T: 'static> {
    engine: Engine,
    items: Items,
    allow_shadowing: bool,
    data: PhantomData<fn() -> T>,
}

type Items = BTreeMap<String, Item>;

/// What a name stands for.
#[derive(Clone)]
enum Item {
    Func(ComponentHostFunc),
    Instance(Items),
}

impl Item {
    fn kind(&self) -> &'static str {
        match self {
            Item::Func(_) => "a function",
            Item::Instance(_) => "an instance",
        }
    }
}

impl<T: 'static> Clone for Linker<T> {
    fn clone(&self) -> Linker<T> {
        Linker {
            engine: self.engine.clone(),
            items: self.items.clone(),
            allow_shadowing: self.allow_shadowing,
            data: PhantomData,
        }
    }
}

impl<T: 'static> Linker<T> {
    /// A linker without definitions, for components of this engine.
    pub fn new(engine: &Engine) -> Linker<T> {
        Linker {
            engine: engine.clone(),
            items: Items::new(),
            allow_shadowing: false,
            data: PhantomData,
        }
    }

    /// The engine it was made for.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether a definition may replace an earlier one; by default that is an error.
    pub fn allow_shadowing(&mut self, allow: bool) -> &mut Linker<T> {
        self.allow_shadowing = allow;
        self
    }

    /// The names that components import directly.
    pub fn root(&mut self) -> LinkerInstance<'_, T> {
        LinkerInstance {
            items: &mut self.items,
            path: Vec::new(),
            allow_shadowing: self.allow_shadowing,
            data: PhantomData,
        }
    }

    /// The names in an instance that components import, such as `"ns:package/interface"`. Makes
    /// the instance if there is none.
    ///
    /// # Errors
    /// If the name stands for something else, unless shadowing is allowed.
    pub fn instance(&mut self, name: &str) -> Result<LinkerInstance<'_, T>> {
        self.root().into_instance(name)
    }

    /// Finds the definitions of a component's imports and checks their types, once for many
    /// instances.
    ///
    /// # Errors
    /// If a definition is missing or has another type; the error is a [`ComponentError`].
    pub fn instantiate_pre(&self, component: &Component) -> Result<InstancePre<T>> {
        if !Engine::same(&self.engine, component.engine()) {
            return Err(LinkError::WrongEngine { what: "component" }.into());
        }
        let description = component.inner().description();
        for (name, ty) in description.imports.values() {
            self.check_import(component, name, ty)?;
        }
        let imports = description.runtime_imports.values();
        let imports = imports.map(|import| self.resolve(component, import));
        Ok(InstancePre::new(component, imports.collect::<Result<_>>()?))
    }

    /// Instantiates a component: its core modules' start functions run.
    ///
    /// # Errors
    /// As [`Linker::instantiate_pre`]; and if there is no room, or the guest traps.
    pub fn instantiate(
        &self,
        store: impl AsContextMut<Data = T>,
        component: &Component,
    ) -> Result<Instance> {
        self.instantiate_pre(component)?.instantiate(store)
    }

    /// Checks that an import is there with all functions in it, used or not.
    fn check_import(
        &self,
        component: &Component,
        name: &str,
        ty: &ExternType,
    ) -> Result<(), ComponentError> {
        check(
            component,
            &mut vec![name.to_owned()],
            self.items.get(name),
            ty,
        )
    }

    /// The function behind an import whose type has been checked.
    fn resolve(&self, component: &Component, import: &RuntimeImport) -> Result<ComponentHostFunc> {
        let root = &component.inner().description().imports[import.import].0;
        let mut item = self.items.get(root);
        for name in &import.path {
            item = match item {
                Some(Item::Instance(items)) => items.get(name),
                _ => None,
            };
        }
        match item {
            Some(Item::Func(func)) => {
                // As declared where it is lowered, which is what calls go by.
                func.typecheck(component.inner().description(), import.ty)?;
                Ok(func.clone())
            }
            _ => {
                let mut path = vec![root.clone()];
                path.extend(import.path.iter().cloned());
                Err(ComponentError::MissingImport {
                    kind: "function",
                    path,
                }
                .into())
            }
        }
    }
}

/// Checks that an item is there and of a type; `path` is how the component names it.
fn check(
    component: &Component,
    path: &mut Vec<String>,
    item: Option<&Item>,
    ty: &ExternType,
) -> Result<(), ComponentError> {
    let of = component.inner().description();
    let wrong_kind = |expected, item: &Item| ComponentError::WrongKind {
        path: path.clone(),
        expected,
        found: item.kind(),
    };
    let missing = |kind| ComponentError::MissingImport {
        kind,
        path: path.clone(),
    };
    match (ty, item) {
        (ExternType::Func(ty), Some(Item::Func(func))) => {
            func.typecheck(of, *ty).map_err(|error| {
                let mismatch = match error {
                    ComponentError::FuncType { part, mismatch, .. } => {
                        format!("{part}: {mismatch}")
                    }
                    other => other.to_string(),
                };
                ComponentError::WrongType {
                    path: path.clone(),
                    expected: ComponentFunc::new(of, *ty).to_string(),
                    mismatch,
                }
            })
        }
        (ExternType::Func(_), Some(other)) => Err(wrong_kind("a function", other)),
        (ExternType::Func(_), None) => Err(missing("function")),
        (ExternType::Instance(exports), Some(Item::Instance(items))) => {
            for (name, ty) in exports {
                path.push(name.clone());
                check(component, path, items.get(name), ty)?;
                path.pop();
            }
            Ok(())
        }
        (ExternType::Instance(_), Some(other)) => Err(wrong_kind("an instance", other)),
        // An instance of types alone needs no definition.
        (ExternType::Instance(exports), None) => {
            for (name, ty) in exports {
                path.push(name.clone());
                check(component, path, None, ty)?;
                path.pop();
            }
            Ok(())
        }
        (ExternType::Type(_), _) => Ok(()),
    }
}

/// The names in one instance of a [`Linker`], or in its root.
pub struct LinkerInstance<'a, T: 'static> {
    items: &'a mut Items,
    path: Vec<String>,
    allow_shadowing: bool,
    data: PhantomData<fn() -> T>,
}

impl<T: 'static> LinkerInstance<'_, T> {
    /// Defines a host function by a Rust closure whose types stand for the import's.
    ///
    /// The closure gets the store and the parameters as a tuple, and returns the result as a tuple
    /// of one, or `()`. An error that it returns ends the guest that called, as a trap does, and
    /// comes back from the call into the guest.
    ///
    /// # Errors
    /// If the name is defined already, unless shadowing is allowed.
    pub fn func_wrap<F, Params, Return>(&mut self, name: &str, func: F) -> Result<()>
    where
        F: Fn(StoreContextMut<'_, T>, Params) -> Result<Return> + Send + Sync + 'static,
        Params: ComponentNamedList + Lift + 'static,
        Return: ComponentNamedList + Lower + 'static,
    {
        self.define(name, Item::Func(host_func::typed(func)))
    }

    /// Defines a host function for imports of any type.
    ///
    /// The closure gets the store, the parameters, and a place for each result, which it must
    /// fill with a value of the result's type.
    ///
    /// # Errors
    /// If the name is defined already, unless shadowing is allowed.
    pub fn func_new<F>(&mut self, name: &str, func: F) -> Result<()>
    where
        F: Fn(StoreContextMut<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    {
        self.define(name, Item::Func(host_func::dynamic(func)))
    }

    /// The names in an instance in this one. Makes the instance if there is none.
    ///
    /// # Errors
    /// If the name stands for something else, unless shadowing is allowed.
    pub fn instance(&mut self, name: &str) -> Result<LinkerInstance<'_, T>> {
        let again = LinkerInstance {
            items: self.items,
            path: self.path.clone(),
            allow_shadowing: self.allow_shadowing,
            data: PhantomData,
        };
        again.into_instance(name)
    }

    fn define(&mut self, name: &str, item: Item) -> Result<()> {
        if self.items.contains_key(name) && !self.allow_shadowing {
            return Err(self.defined_twice(name).into());
        }
        self.items.insert(name.to_owned(), item);
        Ok(())
    }

    fn defined_twice(&self, name: &str) -> ComponentError {
        let mut path = self.path.clone();
        path.push(name.to_owned());
        ComponentError::DefinedTwice { path }
    }
}

impl<'a, T: 'static> LinkerInstance<'a, T> {
    /// As [`LinkerInstance::instance`], for as long as this one was borrowed.
    ///
    /// # Errors
    /// As there.
    pub fn into_instance(self, name: &str) -> Result<LinkerInstance<'a, T>> {
        let twice = self.defined_twice(name);
        let item = self.items.entry(name.to_owned());
        let item = item.or_insert_with(|| Item::Instance(Items::new()));
        if matches!(item, Item::Func(_)) && self.allow_shadowing {
            *item = Item::Instance(Items::new());
        }
        let Item::Instance(items) = item else {
            return Err(twice.into());
        };
        let mut path = self.path;
        path.push(name.to_owned());
        Ok(LinkerInstance {
            items,
            path,
            allow_shadowing: self.allow_shadowing,
            data: PhantomData,
        })
    }
}

impl<T: 'static> std::fmt::Debug for Linker<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.items.keys().collect();
        f.debug_struct("Linker").field("names", &names).finish()
    }
}

impl<T: 'static> std::fmt::Debug for LinkerInstance<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.items.keys().collect();
        f.debug_struct("LinkerInstance")
            .field("path", &self.path)
            .field("names", &names)
            .finish()
    }
}
