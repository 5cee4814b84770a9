//! What linkers take of component instances: functions, and all exports of one at once.
//!
//! A call goes through the host: values are lifted from the caller as [`Val`]s and lowered into the
//! callee, which is why the callee's types, down to its resource types, must be those of the import.

use super::concurrent_host_func::{lift_params, lowered};
use super::error::ComponentError;
use super::export::{ExportTree, Item as Exported};
use super::func::Func;
use super::host_func;
use super::instance::{Instance, instance_module};
use super::linker::LinkerInstance;
use super::types::{ComponentFunc, Description, Type};
use super::{ResourceType, Val};
use crate::canonical_abi::{CallHandles, ResourceLookup, TypeMismatch};
use crate::concurrent::HostTaskFuture;
use crate::store::{AsContext, StoreContextMut, StoreOpaque};
use crate::vm::{
    CallSite, ComponentHostFunc, ComponentInstancePtr, ConcurrentHostBody, HostBody, HostCall,
    Lowering, TypedImport,
};
use anyhow::Result;
use std::collections::BTreeSet;
use std::sync::Arc;
use threadline_environ::component::{ComponentTypes, InterfaceType, TypeDef};
use threadline_environ::entity::EntityRef;
use threadline_environ::layout::ValRaw;
use threadline_environ::{ComponentFuncTypeIndex, ResourceIndex};

impl<T: 'static> LinkerInstance<'_, T> {
    /// Defines a function that an instance of a component exports. Instances that import it must be
    /// of the function's store; in others, calls of it fail.
    ///
    /// Resources pass through as they are. A borrowed one is lent on for the call.
    ///
    /// # Errors
    /// If the function belongs to another store; if the name is defined already, unless shadowing
    /// is allowed.
    pub fn func(&mut self, store: impl AsContext<Data = T>, name: &str, func: Func) -> Result<()> {
        let func = guest_func::<T>(store.as_context().opaque(), func)?;
        self.define_func(name, func)
    }

    /// Defines all that an instance of a component exports, by the same names: functions as
    /// [`LinkerInstance::func`] does, resource types, core modules, and instances of these.
    ///
    /// # Errors
    /// If a name is defined already, unless shadowing is allowed.
    ///
    /// # Panics
    /// If the instance belongs to another store.
    pub fn reexport(&mut self, store: impl AsContext<Data = T>, instance: &Instance) -> Result<()> {
        let store = store.as_context();
        let store = store.opaque();
        let instance = instance.get(store);
        let component = instance.component().clone();
        let exports = component.exports();
        self.reexport_all(store, instance, exports, exports.roots())
    }

    fn reexport_all(
        &mut self,
        store: &StoreOpaque,
        instance: ComponentInstancePtr,
        exports: &ExportTree,
        list: &[(String, u32)],
    ) -> Result<()> {
        for (name, index) in list {
            match exports.get(*index) {
                Some(Exported::Lifted { position, .. }) => {
                    if let Some(func) = instance.lifted(*position as usize) {
                        let func = Func::new(store.id(), func);
                        self.define_func(name, guest_func::<T>(store, func)?)?;
                    }
                }
                Some(Exported::Type(TypeDef::Resource(index))) => {
                    if let Some(ty) = instance.public_resource(store, *index) {
                        let dtor = ty.as_host().and_then(|ty| store.resources.host_dtor(ty));
                        self.define_resource(name, ty, dtor)?;
                    }
                }
                Some(Exported::Instance(inner)) => {
                    self.instance(name)?
                        .reexport_all(store, instance, exports, inner)?;
                }
                Some(Exported::Module(module, _)) => {
                    if let Some(module) = instance_module(instance, *module) {
                        self.module(name, &module)?;
                    }
                }
                Some(Exported::Type(_)) | None => {}
            }
        }
        Ok(())
    }
}

fn guest_func<T: 'static>(store: &StoreOpaque, func: Func) -> Result<ComponentHostFunc> {
    let lifted = func.get(store)?;
    let instance = lifted.instance();
    let count = instance.description().resources.len();
    let resources = (0..count).map(|i| instance.public_resource(store, EntityRef::new(i)));
    Ok(ComponentHostFunc::new_sync_or_concurrent::<T, _>(GuestFunc {
        func,
        of: instance.description().clone(),
        ty: lifted.type_index(),
        resources: resources.collect(),
    }))
}

/// A function of an instance, as an import of others.
struct GuestFunc {
    func: Func,
    /// The component that it is of.
    of: Description,
    ty: ComponentFuncTypeIndex,
    /// What the component's resource types are, by [`ResourceIndex`].
    resources: Arc<[Option<ResourceType>]>,
}

impl TypedImport for GuestFunc {
    fn typecheck(
        &self,
        of: &Description,
        resources: ResourceLookup<'_>,
        ty: ComponentFuncTypeIndex,
    ) -> Result<(), ComponentError> {
        let own_resources =
            |index: ResourceIndex| self.resources.get(index.index()).cloned().flatten();
        let (expected, found) = (&of.types.funcs[ty], &self.of.types.funcs[self.ty]);
        let mut comparison = Comparison {
            expected: (of, resources),
            found: (&self.of, &own_resources),
            same: BTreeSet::new(),
        };
        let types = |params: &[(String, InterfaceType)]| -> Vec<_> {
            params.iter().map(|&(_, ty)| ty).collect()
        };
        let fail = |part, error: TypeMismatch| {
            ComponentError::func_type(ComponentFunc::new(of, ty), part, &error)
        };
        comparison
            .list(&types(&expected.params), &types(&found.params))
            .map_err(|error| fail("parameters", error))?;
        let (expected, found) = (expected.result, found.result);
        comparison
            .list(expected.as_slice(), found.as_slice())
            .map_err(|error| fail("results", error))
    }
}

/// For imports whose type is `async`: other calls go on meanwhile.
impl ConcurrentHostBody for GuestFunc {
    fn begin(
        &self,
        store: &mut StoreOpaque,
        site: CallSite,
        handles: &CallHandles,
        slots: &[ValRaw],
    ) -> Result<HostTaskFuture> {
        let params = lift_params(store, site, handles, slots)?;
        let call = self.func.begin_concurrent(store, params);
        Ok(lowered(site, slots, call))
    }
}

impl<T: 'static> HostBody<T> for GuestFunc {
    fn call<W: Lowering>(
        &self,
        store: StoreContextMut<'_, T>,
        call: HostCall<'_>,
        slots: &mut [ValRaw],
    ) -> Result<()> {
        let callee = |store: StoreContextMut<'_, T>, params: &[Val], results: &mut [Val]| {
            self.func.call(store, params, results)
        };
        host_func::call_dynamic(&callee, store, call, slots)
    }
}

/// A comparison of types of two components.
struct Comparison<'a> {
    expected: (&'a Description, ResourceLookup<'a>),
    found: (&'a Description, ResourceLookup<'a>),
    /// What has been found to be the same; types mention each other often.
    same: BTreeSet<(InterfaceType, InterfaceType)>,
}

impl Comparison<'_> {
    fn list(
        &mut self,
        expected: &[InterfaceType],
        found: &[InterfaceType],
    ) -> Result<(), TypeMismatch> {
        if expected.len() != found.len() {
            return Err(TypeMismatch::Count {
                expected: expected.len(),
                found: found.len(),
            });
        }
        for (index, (&a, &b)) in expected.iter().zip(found).enumerate() {
            if !self.same(a, b) {
                let error = Box::new(TypeMismatch::Type {
                    expected: Type::new(self.expected.0, a).to_string(),
                    found: Type::new(self.found.0, b).to_string(),
                });
                return Err(TypeMismatch::Element { index, error });
            }
        }
        Ok(())
    }

    /// Whether two types are the same.
    fn same(&mut self, a: InterfaceType, b: InterfaceType) -> bool {
        if self.same.contains(&(a, b)) {
            return true;
        }
        let same = self.same_structure(a, b);
        if same {
            self.same.insert((a, b));
        }
        same
    }

    fn same_structure(&mut self, a: InterfaceType, b: InterfaceType) -> bool {
        let (x, y): (&ComponentTypes, &ComponentTypes) =
            (&self.expected.0.types, &self.found.0.types);
        match (a, b) {
            (InterfaceType::List(a), InterfaceType::List(b)) => {
                self.same(x.lists[a].element, y.lists[b].element)
            }
            (InterfaceType::FixedLengthList(a), InterfaceType::FixedLengthList(b)) => {
                let (a, b) = (&x.fixed_length_lists[a], &y.fixed_length_lists[b]);
                a.length == b.length && self.same(a.element, b.element)
            }
            (InterfaceType::Map(a), InterfaceType::Map(b)) => {
                let (a, b) = (&x.maps[a], &y.maps[b]);
                self.same(a.key, b.key) && self.same(a.value, b.value)
            }
            (InterfaceType::Record(a), InterfaceType::Record(b)) => {
                let (a, b) = (&x.records[a].fields, &y.records[b].fields);
                same_all(a, b, |(a, x), (b, y)| a == b && self.same(*x, *y))
            }
            (InterfaceType::Tuple(a), InterfaceType::Tuple(b)) => {
                same_all(&x.tuples[a].types, &y.tuples[b].types, |a, b| {
                    self.same(*a, *b)
                })
            }
            (InterfaceType::Variant(a), InterfaceType::Variant(b)) => {
                let (a, b) = (&x.variants[a].cases, &y.variants[b].cases);
                same_all(a, b, |(a, x), (b, y)| a == b && self.same_optional(*x, *y))
            }
            (InterfaceType::Enum(a), InterfaceType::Enum(b)) => x.enums[a] == y.enums[b],
            (InterfaceType::Flags(a), InterfaceType::Flags(b)) => x.flags[a] == y.flags[b],
            (InterfaceType::Option(a), InterfaceType::Option(b)) => {
                self.same(x.options[a].some, y.options[b].some)
            }
            (InterfaceType::Result(a), InterfaceType::Result(b)) => {
                let (a, b) = (&x.results[a], &y.results[b]);
                self.same_optional(a.ok, b.ok) && self.same_optional(a.err, b.err)
            }
            (InterfaceType::Future(a), InterfaceType::Future(b)) => {
                self.same_optional(x.futures[a].payload, y.futures[b].payload)
            }
            (InterfaceType::Stream(a), InterfaceType::Stream(b)) => {
                self.same_optional(x.streams[a].payload, y.streams[b].payload)
            }
            (InterfaceType::Own(a), InterfaceType::Own(b))
            | (InterfaceType::Borrow(a), InterfaceType::Borrow(b)) => {
                let (a, b) = ((self.expected.1)(a), (self.found.1)(b));
                a.is_some() && a == b
            }
            // Those that are left have no index.
            (a, b) => is_primitive(a) && a == b,
        }
    }

    fn same_optional(&mut self, a: Option<InterfaceType>, b: Option<InterfaceType>) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => self.same(a, b),
            (None, None) => true,
            _ => false,
        }
    }
}

fn same_all<A>(a: &[A], b: &[A], mut same: impl FnMut(&A, &A) -> bool) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
}

/// Whether a type is the same in all components.
fn is_primitive(ty: InterfaceType) -> bool {
    match ty {
        InterfaceType::Bool
        | InterfaceType::S8
        | InterfaceType::U8
        | InterfaceType::S16
        | InterfaceType::U16
        | InterfaceType::S32
        | InterfaceType::U32
        | InterfaceType::S64
        | InterfaceType::U64
        | InterfaceType::F32
        | InterfaceType::F64
        | InterfaceType::Char
        | InterfaceType::String
        | InterfaceType::ErrorContext => true,
        InterfaceType::List(_)
        | InterfaceType::FixedLengthList(_)
        | InterfaceType::Map(_)
        | InterfaceType::Record(_)
        | InterfaceType::Tuple(_)
        | InterfaceType::Variant(_)
        | InterfaceType::Enum(_)
        | InterfaceType::Option(_)
        | InterfaceType::Result(_)
        | InterfaceType::Flags(_)
        | InterfaceType::Own(_)
        | InterfaceType::Borrow(_)
        | InterfaceType::Future(_)
        | InterfaceType::Stream(_) => false,
    }
}
