//! What linkers take of component instances: functions, and all exports of one at once. Instances
//! that are made of imported components are linked in the same way.
//!
//! A call goes through the host: values are lifted from the caller as [`Val`]s and lowered into the
//! callee, which is why the callee's types, down to its resource types, must be those of the import.

use super::concurrent_host_func::{lift_params, lowered};
use super::error::ComponentError;
use super::export::{ExportTree, Item as Exported};
use super::func::Func;
use super::host_func;
use super::import_check::ImportedResource;
use super::instance::{Instance, instance_component, instance_module};
use super::linker::{Item, Items, LinkerInstance};
use super::same_type::Comparison;
use super::types::{ComponentFunc, Description};
use super::{ResourceType, Val};
use crate::canonical_abi::{CallHandles, ResourceLookup};
use crate::concurrent::HostTaskFuture;
use crate::store::{AsContext, StoreOpaque};
use crate::vm::{
    CallSite, ComponentHostFunc, ComponentInstancePtr, ConcurrentHostBody, HostCall, OpaqueBody,
    TypedImport,
};
use anyhow::Result;
use std::sync::Arc;
use threadline_environ::component::TypeDef;
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
        let func = guest_func(store.as_context().opaque(), func)?;
        self.define_func(name, func)
    }

    /// Defines all that an instance of a component exports, by the same names: functions as
    /// [`LinkerInstance::func`] does, resource types, core modules, components, and instances of these.
    ///
    /// # Errors
    /// If a name is defined already, unless shadowing is allowed.
    ///
    /// # Panics
    /// If the instance belongs to another store.
    pub fn reexport(&mut self, store: impl AsContext<Data = T>, instance: &Instance) -> Result<()> {
        let store = store.as_context();
        let store = store.opaque();
        let items = exported_items(store, instance.get(store))?;
        self.define_all(items)
    }

    fn define_all(&mut self, items: Items) -> Result<()> {
        for (name, item) in items {
            match item {
                Item::Instance(items) => self.instance(&name)?.define_all(items)?,
                item => self.define(&name, item)?,
            }
        }
        Ok(())
    }
}

/// All that an instance exports.
///
/// # Errors
/// None but of a bug.
pub(super) fn exported_items(store: &StoreOpaque, instance: ComponentInstancePtr) -> Result<Items> {
    let exports = instance.component().exports();
    items(store, instance, exports, exports.roots())
}

fn items(
    store: &StoreOpaque,
    instance: ComponentInstancePtr,
    exports: &ExportTree,
    list: &[(String, u32)],
) -> Result<Items> {
    let mut items = Items::new();
    for (name, index) in list {
        let item = match exports.get(*index) {
            Some(Exported::Lifted { position, .. }) => {
                let Some(func) = instance.lifted(*position as usize) else {
                    continue;
                };
                Item::Func(guest_func(store, Func::new(store.id(), func))?)
            }
            Some(Exported::Type(TypeDef::Resource(index))) => {
                let Some(resource) = instance_resource(store, instance, *index) else {
                    continue;
                };
                Item::Resource(resource)
            }
            Some(Exported::Instance(inner)) => {
                Item::Instance(self::items(store, instance, exports, inner)?)
            }
            Some(Exported::Module(module, _)) => {
                let Some(module) = instance_module(instance, *module) else {
                    continue;
                };
                Item::Module(module)
            }
            Some(Exported::Component(component)) => {
                let Some(component) = instance_component(instance, *component) else {
                    continue;
                };
                Item::Component(component)
            }
            Some(Exported::Type(_)) | None => continue,
        };
        items.insert(name.clone(), item);
    }
    Ok(items)
}

/// A resource type of an instance, if it is known by now.
pub(super) fn instance_resource(
    store: &StoreOpaque,
    instance: ComponentInstancePtr,
    index: ResourceIndex,
) -> Option<ImportedResource> {
    let ty = instance.public_resource(store, index)?;
    let dtor = ty.as_host().and_then(|ty| store.resources.host_dtor(ty));
    Some(ImportedResource { ty, dtor })
}

/// A function of an instance, as an import of others.
pub(super) fn guest_func(store: &StoreOpaque, func: Func) -> Result<ComponentHostFunc> {
    let lifted = func.get(store)?;
    let instance = lifted.instance();
    let count = instance.description().resources.len();
    let resources = (0..count).map(|i| instance.public_resource(store, EntityRef::new(i)));
    Ok(ComponentHostFunc::new_opaque_or_concurrent(GuestFunc {
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
        let mut comparison = Comparison::new((of, resources), (&self.of, &own_resources));
        comparison.funcs(ty, self.ty).map_err(|(part, error)| {
            ComponentError::func_type(ComponentFunc::new(of, ty), part, &error)
        })
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

impl OpaqueBody for GuestFunc {
    fn call(
        &self,
        store: &mut StoreOpaque,
        call: HostCall<'_>,
        slots: &mut [ValRaw],
    ) -> Result<()> {
        let mut params = vec![Val::Bool(false); host_func::params_of(call)];
        let out = host_func::lift_params(store, call, slots, &mut params)?;
        let mut result = [Val::Bool(false)];
        let results = &mut result[..host_func::results_of(call)];
        self.func.call_in(store, &params, results)?;
        host_func::lower_results(store, call, slots, results, out)
    }
}
