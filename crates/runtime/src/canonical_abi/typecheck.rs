//! Whether Rust's types stand for a component's, part by part.
//!
//! For derived types: each function takes what the Rust type says of its parts and compares it
//! with one type of a component.

use crate::component::ResourceType;
use std::fmt;
use threadline_environ::ResourceIndex;
use threadline_environ::component::{ComponentTypes, InterfaceType, Name};

/// What a component's types are looked up in.
#[doc(hidden)]
#[derive(Copy, Clone)]
pub struct TypeContext<'a> {
    types: &'a ComponentTypes,
    resources: Option<ResourceLookup<'a>>,
}

/// Says what a component's resource types are, as far as that is known.
pub(crate) type ResourceLookup<'a> = &'a dyn Fn(ResourceIndex) -> Option<ResourceType>;

impl<'a> TypeContext<'a> {
    pub(crate) fn new(types: &'a ComponentTypes) -> TypeContext<'a> {
        TypeContext {
            types,
            resources: None,
        }
    }

    /// The same, for a component whose resource types are known.
    pub(crate) fn with_resources(self, resources: ResourceLookup<'a>) -> TypeContext<'a> {
        TypeContext {
            resources: Some(resources),
            ..self
        }
    }

    /// What a resource type is, if that is known.
    pub(crate) fn resource(&self, index: ResourceIndex) -> Option<ResourceType> {
        self.resources?(index)
    }

    pub(crate) fn types(&self) -> &'a ComponentTypes {
        self.types
    }
}

/// `ComponentType::typecheck` of some type.
#[doc(hidden)]
pub type Typecheck = fn(&TypeContext<'_>, InterfaceType) -> Result<(), TypeMismatch>;

/// Whether `ty` is a `record` of these fields.
#[doc(hidden)]
pub fn check_record(
    cx: &TypeContext<'_>,
    ty: InterfaceType,
    fields: &[(&str, Typecheck)],
) -> Result<(), TypeMismatch> {
    let InterfaceType::Record(index) = ty else {
        return Err(TypeMismatch::new(cx, ty, "record"));
    };
    let expected = &cx.types.records[index].fields;
    check_names(
        "fields",
        expected.iter().map(|(name, _)| name.as_str()),
        fields.iter().map(|&(name, _)| name),
    )?;
    for ((name, ty), (_, typecheck)) in expected.iter().zip(fields) {
        typecheck(cx, *ty).map_err(|error| error.of_part("field", name))?;
    }
    Ok(())
}

/// Whether `ty` is a `variant` of these cases, with or without payloads.
#[doc(hidden)]
pub fn check_variant(
    cx: &TypeContext<'_>,
    ty: InterfaceType,
    cases: &[(&str, Option<Typecheck>)],
) -> Result<(), TypeMismatch> {
    let InterfaceType::Variant(index) = ty else {
        return Err(TypeMismatch::new(cx, ty, "variant"));
    };
    let expected = &cx.types.variants[index].cases;
    check_names(
        "cases",
        expected.iter().map(|(name, _)| name.as_str()),
        cases.iter().map(|&(name, _)| name),
    )?;
    for ((name, payload), (_, typecheck)) in expected.iter().zip(cases) {
        match (payload, typecheck) {
            (None, None) => Ok(()),
            (Some(ty), Some(typecheck)) => typecheck(cx, *ty),
            (expected, _) => Err(TypeMismatch::Payload {
                expected: expected.is_some(),
            }),
        }
        .map_err(|error| error.of_part("case", name))?;
    }
    Ok(())
}

/// Whether `ty` is an `enum` of these cases.
#[doc(hidden)]
pub fn check_enumeration(
    cx: &TypeContext<'_>,
    ty: InterfaceType,
    cases: &[&str],
) -> Result<(), TypeMismatch> {
    let InterfaceType::Enum(index) = ty else {
        return Err(TypeMismatch::new(cx, ty, "enum"));
    };
    let expected = cx.types.enums[index].cases.iter().map(Name::as_str);
    check_names("cases", expected, cases.iter().copied())
}

/// Whether `ty` is a `flags` of these labels.
#[doc(hidden)]
pub fn check_flags(
    cx: &TypeContext<'_>,
    ty: InterfaceType,
    labels: &[&str],
) -> Result<(), TypeMismatch> {
    let InterfaceType::Flags(index) = ty else {
        return Err(TypeMismatch::new(cx, ty, "flags"));
    };
    let expected = cx.types.flags[index].labels.iter().map(Name::as_str);
    check_names("labels", expected, labels.iter().copied())
}

fn check_names<'a>(
    what: &'static str,
    expected: impl ExactSizeIterator<Item = &'a str> + Clone,
    found: impl ExactSizeIterator<Item = &'a str> + Clone,
) -> Result<(), TypeMismatch> {
    if expected.clone().eq(found.clone()) {
        return Ok(());
    }
    let list = |names: &mut dyn Iterator<Item = &'a str>| names.collect::<Vec<_>>().join(", ");
    Err(TypeMismatch::Names {
        what,
        expected: list(&mut expected.into_iter()),
        found: list(&mut found.into_iter()),
    })
}

/// How a Rust type fails to stand for a type of the component model.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeMismatch {
    /// It stands for another.
    Type {
        /// The component's type, in WIT's words.
        expected: String,
        /// What the Rust type stands for.
        found: String,
    },
    /// The tuple has more or fewer elements.
    Count {
        /// How many values there are.
        expected: usize,
        /// The number of elements.
        found: usize,
    },
    /// An element of the tuple is at fault.
    Element {
        /// Which, counted from zero.
        index: usize,
        /// How.
        error: Box<TypeMismatch>,
    },
    /// A part is at fault.
    Part {
        /// Which, in WIT's words.
        part: String,
        /// How.
        error: Box<TypeMismatch>,
    },
    /// Fields, cases or labels have other names, or another order.
    Names {
        /// What they are names of.
        what: &'static str,
        /// The component's.
        expected: String,
        /// The Rust type's.
        found: String,
    },
    /// There is a payload in one of both only.
    Payload {
        /// Whether the component has it.
        expected: bool,
    },
    /// It says of itself what isn't so.
    Layout,
}

impl TypeMismatch {
    /// A type stands for `found`, not for `expected`.
    #[doc(hidden)]
    pub fn new(cx: &TypeContext<'_>, expected: InterfaceType, found: impl Into<String>) -> Self {
        TypeMismatch::Type {
            expected: crate::component::describe_type(cx.types, expected),
            found: found.into(),
        }
    }

    /// The mismatch of the whole of which a part has this one.
    pub(super) fn of_part(self, what: &str, name: &str) -> TypeMismatch {
        TypeMismatch::Part {
            part: format!("{what} `{name}`"),
            error: Box::new(self),
        }
    }

    /// The mismatch of something whose parts, of which there is one kind, have this one.
    pub(crate) fn of_parts(self, what: &str) -> TypeMismatch {
        TypeMismatch::Part {
            part: what.to_owned(),
            error: Box::new(self),
        }
    }
}

impl fmt::Display for TypeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TypeMismatch::Type { expected, found } => {
                write!(f, "expected `{expected}`, found `{found}`")
            }
            TypeMismatch::Count { expected, found } => {
                write!(f, "expected {expected} value(s), found a tuple of {found}")
            }
            TypeMismatch::Element { index, error } => write!(f, "element {index}: {error}"),
            TypeMismatch::Part { part, error } => write!(f, "{part}: {error}"),
            TypeMismatch::Names {
                what,
                expected,
                found,
            } => {
                write!(f, "expected the {what} `{expected}`, found `{found}`")
            }
            TypeMismatch::Payload { expected: true } => {
                f.write_str("expected a payload, found none")
            }
            TypeMismatch::Payload { expected: false } => {
                f.write_str("expected no payload, found one")
            }
            TypeMismatch::Layout => f.write_str("the Rust type's layout is not the component's"),
        }
    }
}

impl std::error::Error for TypeMismatch {}
