//! What nothing can be generated for is refused here, by name and with its place in the WIT; so is
//! what options name and the world hasn't.

use super::options::{Functions, Options};
use super::wit::Wit;
use syn::LitStr;
use wit_parser::{
    Function, InterfaceId, Span, Type, TypeDefKind, TypeId, World, WorldItem, WorldKey,
};

/// The most parameters, and elements of a tuple, that Rust's tuples stand for.
const MAX_TUPLE: usize = 16;
/// The most labels that `flags` may have.
const MAX_LABELS: usize = 32;

/// Checks all that the world refers to.
///
/// # Errors
/// If something is not supported.
pub(super) fn check(wit: &Wit, options: &Options) -> syn::Result<()> {
    let world = &wit.resolve.worlds[wit.world];
    for item in world.imports.values().chain(world.exports.values()) {
        match item {
            WorldItem::Interface { id, .. } => check_interface(wit, *id)?,
            WorldItem::Function(func) => check_func(wit, func)?,
            WorldItem::Type { id, span } => check_type_def(wit, *id, *span)?,
        }
    }
    check_named(wit, world, options)
}

fn check_interface(wit: &Wit, id: InterfaceId) -> syn::Result<()> {
    let interface = &wit.resolve.interfaces[id];
    for &ty in interface.types.values() {
        check_type_def(wit, ty, interface.span)?;
    }
    interface
        .functions
        .values()
        .try_for_each(|func| check_func(wit, func))
}

fn check_func(wit: &Wit, func: &Function) -> syn::Result<()> {
    let name = func.item_name();
    if func.kind.accessor().is_some() {
        return Err(wit.error(
            func.span,
            &format!("`{name}` is a getter or setter, which is not supported yet"),
        ));
    }
    if func.params.len() > MAX_TUPLE {
        return Err(wit.error(
            func.span,
            &format!(
                "`{name}` has {} parameters; more than {MAX_TUPLE} are not supported: put some \
                 into a record",
                func.params.len()
            ),
        ));
    }
    for param in &func.params {
        check_type(wit, &param.ty, param.span)?;
    }
    func.result
        .iter()
        .try_for_each(|ty| check_type(wit, ty, func.span))
}

fn check_type(wit: &Wit, ty: &Type, span: Span) -> syn::Result<()> {
    match ty {
        Type::Id(id) if wit.resolve.types[*id].name.is_none() => check_type_def(wit, *id, span),
        // Named types are checked where they are defined.
        _ => Ok(()),
    }
}

fn check_type_def(wit: &Wit, id: TypeId, outer: Span) -> syn::Result<()> {
    let def = &wit.resolve.types[id];
    let span = if def.span.is_known() { def.span } else { outer };
    let part = |ty: &Type| check_type(wit, ty, span);
    match &def.kind {
        TypeDefKind::Tuple(tuple) if tuple.types.len() > MAX_TUPLE => Err(wit.error(
            span,
            &format!(
                "a tuple of {} elements: more than {MAX_TUPLE} are not supported; use a record",
                tuple.types.len()
            ),
        )),
        TypeDefKind::Flags(flags) if flags.flags.len() > MAX_LABELS => Err(wit.error(
            span,
            &format!(
                "`flags` with {} labels: {MAX_LABELS} are the most that there may be",
                flags.flags.len()
            ),
        )),
        TypeDefKind::Record(record) => record.fields.iter().try_for_each(|f| part(&f.ty)),
        TypeDefKind::Variant(variant) => {
            let mut payloads = variant.cases.iter().filter_map(|case| case.ty.as_ref());
            payloads.try_for_each(part)
        }
        TypeDefKind::Tuple(tuple) => tuple.types.iter().try_for_each(part),
        TypeDefKind::Option(ty) | TypeDefKind::List(ty) | TypeDefKind::FixedLengthList(ty, _) => {
            part(ty)
        }
        TypeDefKind::Future(element) | TypeDefKind::Stream(element) => {
            element.iter().try_for_each(part)
        }
        TypeDefKind::Map(key, value) => part(key).and_then(|()| part(value)),
        TypeDefKind::Result(result) => [&result.ok, &result.err]
            .into_iter()
            .flatten()
            .try_for_each(part),
        TypeDefKind::Type(ty) => part(ty),
        TypeDefKind::Flags(_)
        | TypeDefKind::Enum(_)
        | TypeDefKind::Resource
        | TypeDefKind::Handle(_)
        | TypeDefKind::Unknown => Ok(()),
    }
}

/// Whether an option's name for a function means this one.
pub(super) fn names_func(name: &str, interface: Option<&str>, func: &Function) -> bool {
    if name == func.name || name == func.item_name() {
        return true;
    }
    let Some(interface) = interface else {
        return false;
    };
    let rest = name.strip_prefix(interface);
    let rest = rest.and_then(|rest| rest.strip_prefix(['#', '.']));
    rest.is_some_and(|rest| rest == func.name || rest == func.item_name())
}

/// Names of functions in options must be of the world's, on that side.
fn check_named(wit: &Wit, world: &World, options: &Options) -> syn::Result<()> {
    for (functions, items, verb) in [
        (&options.trappable_imports, &world.imports, "imports"),
        (&options.async_imports, &world.imports, "imports"),
        (&options.async_exports, &world.exports, "exports"),
    ] {
        let Functions::These(names) = functions else {
            continue;
        };
        let is_used = |name: &LitStr| {
            let name = name.value();
            items.iter().any(|(key, item)| match item {
                WorldItem::Function(func) => names_func(&name, None, func),
                WorldItem::Interface { id, .. } => {
                    let interface = interface_name(wit, key);
                    let mut funcs = wit.resolve.interfaces[*id].functions.values();
                    funcs.any(|func| names_func(&name, Some(&interface), func))
                }
                WorldItem::Type { .. } => false,
            })
        };
        if let Some(name) = names.iter().find(|name| !is_used(name)) {
            return Err(syn::Error::new(
                name.span(),
                format!("the world {verb} no function `{}`", name.value()),
            ));
        }
    }
    Ok(())
}

/// How components name an interface.
pub(super) fn interface_name(wit: &Wit, key: &WorldKey) -> String {
    wit.resolve.name_world_key(key)
}
