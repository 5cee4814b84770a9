//! [`Generator`]: where everything is generated, and what options say about it.

use super::check::interface_name;
use super::names;
use super::options::Options;
use super::wit::Wit;
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use std::collections::{BTreeMap, BTreeSet};
use syn::LitStr;
use wit_parser::{
    Function, Interface, InterfaceId, Package, PackageName, Type, TypeDefKind, TypeId, TypeOwner,
    WorldItem, WorldKey,
};

/// Writes Rust for a world.
pub(super) struct Generator<'a> {
    pub(super) wit: &'a Wit,
    pub(super) options: &'a Options,
    places: BTreeMap<InterfaceId, Place>,
    /// Types for which there is something else: by its index in `Options::with`.
    replaced: BTreeMap<TypeId, usize>,
    /// Types instead of which functions return something else as an error: by its index in
    /// `Options::trappable_errors`.
    trappable_errors: BTreeMap<TypeId, usize>,
    /// Types that some function returns as an error.
    errors: BTreeSet<TypeId>,
}

/// Where an interface is generated.
pub(super) struct Place {
    /// As components name it.
    pub(super) name: String,
    /// Modules from the outside to the inside.
    pub(super) modules: Vec<String>,
    pub(super) side: Side,
    /// What there is instead, by its index in `Options::with`, and modules in that.
    replaced: Option<(usize, Vec<String>)>,
}

impl Place {
    /// Whether there is something else instead.
    pub(super) fn is_replaced(&self) -> bool {
        self.replaced.is_some()
    }
}

/// Who defines what is in an interface.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The host.
    Import,
    /// The guest.
    Export,
}

/// Where generated code stands: in an interface, or on top.
pub(super) type Scope = Option<InterfaceId>;

impl<'a> Generator<'a> {
    /// # Errors
    /// If options name something that isn't there.
    pub(super) fn new(wit: &'a Wit, options: &'a Options) -> syn::Result<Generator<'a>> {
        let mut generator = Generator {
            wit,
            options,
            places: BTreeMap::new(),
            replaced: BTreeMap::new(),
            trappable_errors: BTreeMap::new(),
            errors: BTreeSet::new(),
        };
        generator.place_interfaces();
        generator.apply_with()?;
        generator.apply_trappable_errors()?;
        generator.find_errors();
        Ok(generator)
    }

    fn place_interfaces(&mut self) {
        let world = &self.wit.resolve.worlds[self.wit.world];
        let imports = world.imports.iter().map(|item| (item, Side::Import));
        let exports = world.exports.iter().map(|item| (item, Side::Export));
        for ((key, item), side) in imports.chain(exports) {
            if let WorldItem::Interface { id, .. } = item {
                let place = Place {
                    name: interface_name(self.wit, key),
                    modules: self.modules(key, side),
                    side,
                    replaced: None,
                };
                self.places.insert(*id, place);
            }
        }
    }

    fn modules(&self, key: &WorldKey, side: Side) -> Vec<String> {
        let mut modules: Vec<Ident> = Vec::new();
        if side == Side::Export {
            modules.push(names::snake("exports"));
        }
        match key {
            WorldKey::Name(name) => modules.push(names::snake(name)),
            WorldKey::Interface(id) => {
                let interface = &self.wit.resolve.interfaces[*id];
                if let Some(package) = self.package(interface) {
                    modules.push(names::snake(&package.namespace));
                    modules.push(self.package_module(package));
                }
                let name = interface.name.as_deref().unwrap_or_default();
                modules.push(names::snake(name));
            }
        }
        let mut modules: Vec<String> = modules.iter().map(ToString::to_string).collect();
        if side == Side::Import && modules[0] == "exports" {
            modules[0].push('_');
        }
        modules
    }

    fn package(&self, interface: &Interface) -> Option<&PackageName> {
        Some(&self.wit.resolve.packages[interface.package?].name)
    }

    /// The name of a package's module: with its version, if there are several.
    fn package_module(&self, package: &PackageName) -> Ident {
        let world = &self.wit.resolve.worlds[self.wit.world];
        let mut others = world.imports.keys().chain(world.exports.keys());
        let is_ambiguous = others.any(|key| match key {
            WorldKey::Interface(id) => {
                let other = self.package(&self.wit.resolve.interfaces[*id]);
                other.is_some_and(|other| {
                    other.namespace == package.namespace
                        && other.name == package.name
                        && other.version != package.version
                })
            }
            WorldKey::Name(_) => false,
        });
        match &package.version {
            Some(version) if is_ambiguous => {
                let name = names::snake_text(&package.name);
                names::joined(&[&name, &self.version_text(package, &version.to_string())])
            }
            _ => names::snake(&package.name),
        }
    }

    /// A version as part of a module's name. Another way to write it is taken if the usual one is the
    /// same for another version.
    fn version_text(&self, package: &PackageName, version: &str) -> String {
        let usual = |version: &str| version.replace(['.', '-', '+'], "_");
        let mut packages = self.wit.resolve.packages.iter();
        let is_taken = packages.any(|(_, Package { name, .. })| {
            let other = name.version.as_ref().map(ToString::to_string);
            name.namespace == package.namespace
                && name.name == package.name
                && other.is_some_and(|other| other != version && usual(&other) == usual(version))
        });
        match is_taken {
            true => usual(&version.replace('-', "_dash_").replace('+', "_plus_")),
            false => usual(version),
        }
    }

    fn apply_with(&mut self) -> syn::Result<()> {
        for (index, (key, _)) in self.options.with.iter().enumerate() {
            let name = key.value();
            let mut used = false;
            for place in self.places.values_mut() {
                let Some(inner) = replaced_modules(&name, place) else {
                    continue;
                };
                used = true;
                let is_closer = |(_, known): &(usize, Vec<String>)| inner.len() < known.len();
                if place.replaced.as_ref().is_none_or(is_closer) {
                    place.replaced = Some((index, inner));
                }
            }
            if !used {
                let ty = self.type_named(key, "with")?;
                self.replaced.insert(ty, index);
            }
        }
        Ok(())
    }

    fn apply_trappable_errors(&mut self) -> syn::Result<()> {
        for (index, (key, _)) in self.options.trappable_errors.iter().enumerate() {
            let ty = self.type_named(key, "trappable_error_type")?;
            self.trappable_errors.insert(self.dealias(ty), index);
        }
        Ok(())
    }

    /// An imported type that an option names: `ns:pkg/iface/type`, with `.` for the last `/` too,
    /// or the name of one of the world's own.
    fn type_named(&self, key: &LitStr, option: &str) -> syn::Result<TypeId> {
        let name = key.value();
        let resolve = &self.wit.resolve;
        let imports = &resolve.worlds[self.wit.world].imports;
        for (interface, place) in &self.places {
            let types = &resolve.interfaces[*interface].types;
            let rest = [place.name.as_str(), without_version(&place.name)]
                .into_iter()
                .find_map(|place| name.strip_prefix(place)?.strip_prefix(['/', '.']));
            if let (Side::Import, Some(ty)) = (place.side, rest.and_then(|name| types.get(name))) {
                return Ok(*ty);
            }
        }
        match imports.get(&WorldKey::Name(name.clone())) {
            Some(WorldItem::Type { id, .. }) => Ok(*id),
            _ => Err(syn::Error::new(
                key.span(),
                format!("`{option}` names `{name}`, but the world imports nothing of that name"),
            )),
        }
    }

    fn find_errors(&mut self) {
        let resolve = &self.wit.resolve;
        let world = &resolve.worlds[self.wit.world];
        let mut errors = BTreeSet::new();
        for item in world.imports.values().chain(world.exports.values()) {
            let mut add = |func: &Function| {
                if let Some(Type::Id(id)) = self.error_of(func) {
                    errors.insert(self.dealias(id));
                }
            };
            match item {
                WorldItem::Interface { id, .. } => {
                    resolve.interfaces[*id].functions.values().for_each(add);
                }
                WorldItem::Function(func) => add(func),
                WorldItem::Type { .. } => {}
            }
        }
        self.errors = errors;
    }

    /// The type of a function's errors, if it returns a `result` with one.
    pub(super) fn error_of(&self, func: &Function) -> Option<Type> {
        let Some(Type::Id(id)) = func.result else {
            return None;
        };
        match &self.wit.resolve.types[self.dealias(id)].kind {
            TypeDefKind::Result(result) => result.err,
            _ => None,
        }
    }

    /// Whether some function returns a type as an error.
    pub(super) fn is_error(&self, id: TypeId) -> bool {
        self.errors.contains(&id)
    }

    /// What functions return instead of this as an error, by its index among such.
    pub(super) fn trappable_error(&self, id: TypeId) -> Option<usize> {
        self.trappable_errors.get(&self.dealias(id)).copied()
    }

    /// The path to what functions return instead of an error in the WIT.
    pub(super) fn error_path(&self, index: usize, from: Scope) -> TokenStream {
        let to_top = self.to_top(from);
        let name = error_name(index);
        quote!(#to_top #name)
    }

    /// What there is instead of a type.
    pub(super) fn replacement(&self, id: TypeId) -> Option<usize> {
        self.replaced.get(&id).copied()
    }

    /// The definition behind other names of it.
    pub(super) fn dealias(&self, mut id: TypeId) -> TypeId {
        while let TypeDefKind::Type(Type::Id(of)) = self.wit.resolve.types[id].kind {
            id = of;
        }
        id
    }

    /// Where an interface is.
    pub(super) fn place(&self, id: InterfaceId) -> &Place {
        &self.places[&id]
    }

    /// Whose a resource is.
    pub(super) fn side_of(&self, resource: TypeId) -> Side {
        match self.wit.resolve.types[self.dealias(resource)].owner {
            TypeOwner::Interface(id) => self.place(id).side,
            TypeOwner::World(_) | TypeOwner::None => Side::Import,
        }
    }

    /// The way from a scope to where the world is generated.
    pub(super) fn to_top(&self, from: Scope) -> TokenStream {
        match from.map_or(0, |id| self.place(id).modules.len()) {
            0 => quote!(self::),
            depth => {
                let supers = (0..depth).map(|_| quote!(super::));
                quote!(#(#supers)*)
            }
        }
    }

    /// The way from a scope to the module of an interface, with `::` behind it.
    pub(super) fn to_interface(&self, from: Scope, id: InterfaceId) -> TokenStream {
        let to_top = self.to_top(from);
        let place = self.place(id);
        let (start, modules) = match &place.replaced {
            Some((index, inner)) => (Some(replacement_name(*index)), inner),
            None => (None, &place.modules),
        };
        let modules = modules.iter().map(|name| names::joined(&[name]));
        let path = start.into_iter().chain(modules);
        quote!(#to_top #(#path::)*)
    }

    /// The path to a named type.
    pub(super) fn path(&self, from: Scope, id: TypeId) -> TokenStream {
        let name = self.type_name(id);
        match self.wit.resolve.types[id].owner {
            TypeOwner::Interface(owner) if from == Some(owner) => quote!(#name),
            TypeOwner::Interface(owner) => {
                let way = self.to_interface(from, owner);
                quote!(#way #name)
            }
            TypeOwner::World(_) | TypeOwner::None => {
                let way = self.to_top(from);
                quote!(#way #name)
            }
        }
    }

    /// A named type's name.
    pub(super) fn type_name(&self, id: TypeId) -> Ident {
        let resolve = &self.wit.resolve;
        let def = &resolve.types[id];
        let mut taken: Vec<String> = Vec::new();
        for resource in self.resources_beside(id) {
            let host = self.host_resource_name(resource).to_string();
            taken.push(format!("{host}WithStore"));
            taken.push(host);
            taken.push(self.guest_resource_name(resource).to_string());
        }
        if !matches!(def.owner, TypeOwner::Interface(_)) {
            let world = names::camel_text(&resolve.worlds[self.wit.world].name);
            let parts = ["", "Pre", "Indices", "Imports", "ImportsWithStore"];
            taken.extend(parts.map(|part| format!("{world}{part}")));
        }
        names::type_name(def.name.as_deref().unwrap_or("type"), &taken)
    }

    /// Whether a type is defined as a resource, and not another name of one.
    pub(super) fn is_resource(&self, id: TypeId) -> bool {
        matches!(self.wit.resolve.types[id].kind, TypeDefKind::Resource)
    }

    /// `use`s and aliases of what replaces something, for the top.
    pub(super) fn replacements(&self) -> TokenStream {
        let items = self.options.with.iter().enumerate().map(|(i, (_, path))| {
            let name = replacement_name(i);
            match self.replaced.values().any(|&index| index == i) {
                true => quote!(type #name = #path;),
                false => quote! {
                    #[allow(unused_imports, reason = "perhaps none of its types is mentioned")]
                    use #path as #name;
                },
            }
        });
        let errors = &self.options.trappable_errors;
        let errors = errors.iter().enumerate().map(|(i, (_, path))| {
            let name = error_name(i);
            quote!(type #name = #path;)
        });
        quote!(#(#items)* #(#errors)*)
    }
}

/// What functions return instead of an error in the WIT is called thus on top.
fn error_name(index: usize) -> Ident {
    names::joined(&["__Error", &index.to_string()])
}

/// What replaces something is called thus on top.
pub(super) fn replacement_name(index: usize) -> Ident {
    names::joined(&["__With", &index.to_string()])
}

/// An interface's name without the version.
fn without_version(name: &str) -> &str {
    name.split_once('@').map_or(name, |(name, _)| name)
}

/// If an option's key names an imported interface, its package or namespace: the interface's
/// modules in what there is instead.
fn replaced_modules(key: &str, place: &Place) -> Option<Vec<String>> {
    if place.side == Side::Export {
        return None;
    }
    let name = without_version(&place.name);
    if key == place.name || key == name {
        return Some(Vec::new());
    }
    let (package, _) = name.split_once('/')?;
    let (namespace, _) = package.split_once(':')?;
    let version = place.name.strip_prefix(name)?;
    let last = |count: usize| place.modules[place.modules.len() - count..].to_vec();
    if key == package || key == format!("{package}{version}") {
        Some(last(1))
    } else if key == namespace {
        Some(last(2))
    } else {
        None
    }
}
