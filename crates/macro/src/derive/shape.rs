//! [`Shape`]: what a Rust type says it stands for, checked.

use super::attribute::{self, KindName, TypeAttributes};
use super::kebab;
use proc_macro2::{Ident, Span};
use std::collections::BTreeSet;
use syn::spanned::Spanned as _;
use syn::{Attribute, Data, DataEnum, DataStruct, DeriveInput, Fields, Generics, Path, Type};

/// A Rust type that stands for one of the component model.
pub(super) struct Shape {
    /// The path to `threadline`.
    pub(super) krate: Path,
    pub(super) name: Ident,
    pub(super) generics: Generics,
    pub(super) kind: Kind,
}

/// What it stands for.
pub(super) enum Kind {
    Record(Vec<Field>),
    Variant(Vec<Case>),
    Enum(Vec<EnumCase>),
}

/// A field of a `record`.
pub(super) struct Field {
    pub(super) name: Ident,
    /// In the component.
    pub(super) label: String,
    pub(super) ty: Type,
}

/// A case of a `variant`.
pub(super) struct Case {
    pub(super) name: Ident,
    /// In the component.
    pub(super) label: String,
    pub(super) payload: Option<Type>,
}

/// A case of an `enum`.
pub(super) struct EnumCase {
    pub(super) name: Ident,
    /// In the component.
    pub(super) label: String,
}

impl Shape {
    /// # Errors
    /// If it can't be derived for, pointing at what is wrong.
    pub(super) fn new(input: DeriveInput) -> syn::Result<Shape> {
        let attributes = TypeAttributes::new(&input.attrs)?;
        let Some((kind, span)) = attributes.kind else {
            return Err(syn::Error::new(
                input.ident.span(),
                "what does it stand for? Say `#[component(record)]`, `#[component(variant)]` or \
                 `#[component(enum)]` on it",
            ));
        };
        let kind = match (kind, input.data) {
            (KindName::Record, Data::Struct(data)) => Kind::Record(fields(data, &input.ident)?),
            (KindName::Record, _) => {
                return Err(syn::Error::new(span, "a `record` is a `struct` in Rust"));
            }
            (KindName::Variant, Data::Enum(data)) => Kind::Variant(cases(data, &input.ident)?),
            (KindName::Enum, Data::Enum(data)) => Kind::Enum(enum_cases(data, &input.ident)?),
            (KindName::Variant, _) => {
                return Err(syn::Error::new(span, "a `variant` is an `enum` in Rust"));
            }
            (KindName::Enum, _) => {
                return Err(syn::Error::new(span, "an `enum` is an `enum` in Rust, too"));
            }
        };
        Ok(Shape {
            krate: attributes.krate,
            name: input.ident,
            generics: input.generics,
            kind,
        })
    }
}

/// The labels of one type, which must differ.
#[derive(Default)]
pub(super) struct Labels {
    used: BTreeSet<String>,
}

impl Labels {
    /// The label of something with this Rust name and these attributes.
    ///
    /// # Errors
    /// If it isn't in kebab-case, or used already. Case doesn't tell labels apart.
    pub(super) fn next(&mut self, name: &Ident, attributes: &[Attribute]) -> syn::Result<String> {
        let (label, span): (String, Span) = match attribute::name(attributes)? {
            Some(given) => (given.value(), given.span()),
            None => (kebab::of_rust_name(&name.to_string()), name.span()),
        };
        kebab::check(&label, span)?;
        if !self.used.insert(label.to_ascii_lowercase()) {
            return Err(syn::Error::new(
                span,
                format!("the name `{label}` is used twice"),
            ));
        }
        Ok(label)
    }
}

fn fields(data: DataStruct, name: &Ident) -> syn::Result<Vec<Field>> {
    let fields = match data.fields {
        Fields::Named(fields) => fields.named,
        Fields::Unnamed(fields) => {
            return Err(syn::Error::new(
                fields.span(),
                "the fields of a `record` have names; without names it is a tuple, for which \
                 nothing need be derived",
            ));
        }
        Fields::Unit => return Err(empty(name, "a `record`", "field")),
    };
    if fields.is_empty() {
        return Err(empty(name, "a `record`", "field"));
    }
    let mut labels = Labels::default();
    fields
        .into_iter()
        .filter_map(|field| Some((field.ident?, field.attrs, field.ty)))
        .map(|(name, attributes, ty)| {
            Ok(Field {
                label: labels.next(&name, &attributes)?,
                name,
                ty,
            })
        })
        .collect()
}

fn empty(name: &Ident, what: &str, part: &str) -> syn::Error {
    syn::Error::new(
        name.span(),
        format!("in the component model, {what} has at least one {part}"),
    )
}

fn cases(data: DataEnum, name: &Ident) -> syn::Result<Vec<Case>> {
    if data.variants.is_empty() {
        return Err(empty(name, "a `variant`", "case"));
    }
    let mut labels = Labels::default();
    let case = |variant: syn::Variant| {
        let span = variant.fields.span();
        let label = labels.next(&variant.ident, &variant.attrs)?;
        let payload = match variant.fields {
            Fields::Unit => None,
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                fields.unnamed.into_iter().next().map(|field| field.ty)
            }
            Fields::Unnamed(_) => {
                return Err(syn::Error::new(
                    span,
                    "a case has one payload or none; several values can be a tuple: \
                     `Case((A, B))`",
                ));
            }
            Fields::Named(_) => {
                return Err(syn::Error::new(
                    span,
                    "the payload of a case has no name; named values can be a record of their own",
                ));
            }
        };
        Ok(Case {
            name: variant.ident,
            label,
            payload,
        })
    };
    data.variants.into_iter().map(case).collect()
}

fn enum_cases(data: DataEnum, name: &Ident) -> syn::Result<Vec<EnumCase>> {
    if data.variants.is_empty() {
        return Err(empty(name, "an `enum`", "case"));
    }
    let mut labels = Labels::default();
    let case = |variant: syn::Variant| {
        let label = labels.next(&variant.ident, &variant.attrs)?;
        if !matches!(variant.fields, Fields::Unit) {
            return Err(syn::Error::new(
                variant.fields.span(),
                "the cases of an `enum` have no payloads; those of a `variant` have",
            ));
        }
        Ok(EnumCase {
            name: variant.ident,
            label,
        })
    };
    data.variants.into_iter().map(case).collect()
}
