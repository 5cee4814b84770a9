//! `#[component(…)]`.

use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::{Attribute, LitStr, Path, parse_quote};

/// The kind of type that a Rust type says it stands for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum KindName {
    Record,
    Variant,
    Enum,
}

/// What is said on a type.
pub(super) struct TypeAttributes {
    pub(super) kind: Option<(KindName, Span)>,
    /// The path to `threadline`.
    pub(super) krate: Path,
}

fn component(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("component"))
}

/// The path to the runtime if nothing is said.
pub(super) fn default_crate() -> Path {
    parse_quote!(::threadline)
}

impl TypeAttributes {
    /// # Errors
    /// If there is something else, or more than one kind.
    pub(super) fn new(attributes: &[Attribute]) -> syn::Result<TypeAttributes> {
        let mut found = TypeAttributes {
            kind: None,
            krate: default_crate(),
        };
        for attribute in component(attributes) {
            attribute.parse_nested_meta(|meta| {
                let kind = match meta.path.get_ident().map(ToString::to_string).as_deref() {
                    Some("record") => KindName::Record,
                    Some("variant") => KindName::Variant,
                    Some("enum") => KindName::Enum,
                    Some("flags") => {
                        return Err(meta.error("`flags` are defined by the macro `flags!`"));
                    }
                    Some("crate") => {
                        found.krate = meta.value()?.parse()?;
                        return Ok(());
                    }
                    Some("name") => {
                        return Err(meta.error("a name is given to fields and cases, not to types"));
                    }
                    _ => {
                        return Err(
                            meta.error("expected `record`, `variant`, `enum` or `crate = …`")
                        );
                    }
                };
                let span = meta.path.span();
                if found.kind.replace((kind, span)).is_some() {
                    return Err(meta.error("the kind is given twice"));
                }
                Ok(())
            })?;
        }
        Ok(found)
    }
}

/// The name that is given to a field, case or label.
///
/// # Errors
/// If there is something else, or more than one name.
pub(super) fn name(attributes: &[Attribute]) -> syn::Result<Option<LitStr>> {
    let mut name = None;
    for attribute in component(attributes) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("name") {
                return Err(meta.error("expected `name = \"…\"`"));
            }
            if name.replace(meta.value()?.parse()?).is_some() {
                return Err(meta.error("the name is given twice"));
            }
            Ok(())
        })?;
    }
    Ok(name)
}
