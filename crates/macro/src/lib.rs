//! The macros of `threadline::component`: derives for the component model's types, and bindings
//! from WIT.
//!
//! Each macro is a plain function over tokens, in the modules `derive` and `bindgen`; here they are but
//! given to the compiler. What the generated code calls is in `threadline`'s `component::derive`
//! and `component::bindgen`.
#![forbid(unsafe_code)]

mod bindgen;
mod derive;

use proc_macro::TokenStream;

/// Derives `ComponentType`: that a Rust type stands for a type of the component model.
///
/// `#[component(record)]`, `#[component(variant)]` or `#[component(enum)]` says for which kind:
///
/// - `record`: a struct with named fields;
/// - `variant`: an enum, each of whose cases has one unnamed field (its payload) or none;
/// - `enum`: an enum without payloads.
///
/// Fields and cases are, in the order in which they are declared, the component's. Their names are
/// the kebab-case of the Rust ones, or what `#[component(name = "…")]` on the field or case says.
/// `#[component(crate = …)]` on the type is the path to `threadline`, if it isn't `::threadline`.
///
/// That the type fits is checked when a function is typed or a component linked.
///
/// ```ignore
/// #[derive(ComponentType, Lift, Lower, Clone, Debug)]
/// #[component(record)]
/// struct Person {
///     name: String,
///     #[component(name = "years-old")]
///     age: u32,
/// }
/// ```
#[proc_macro_derive(ComponentType, attributes(component))]
pub fn derive_component_type(input: TokenStream) -> TokenStream {
    tokens(derive::component_type(input.into()))
}

/// Derives `Lift`: that values of a type can be taken from a guest. See `ComponentType`.
#[proc_macro_derive(Lift, attributes(component))]
pub fn derive_lift(input: TokenStream) -> TokenStream {
    tokens(derive::lift(input.into()))
}

/// Derives `Lower`: that values of a type can be given to a guest. See `ComponentType`.
#[proc_macro_derive(Lower, attributes(component))]
pub fn derive_lower(input: TokenStream) -> TokenStream {
    tokens(derive::lower(input.into()))
}

/// Defines a type that stands for `flags`, with a constant for each label.
///
/// The type is a set: `Perms::READ | Perms::WRITE`, `contains`, `insert`, `remove`, `is_empty`,
/// `empty()`, `all()` and `bits()` do what their names say.
///
/// ```ignore
/// flags! {
///     /// What one may do.
///     pub Perms {
///         #[component(name = "read")]
///         const READ;
///         #[component(name = "write")]
///         const WRITE;
///     }
/// }
/// ```
#[proc_macro]
pub fn flags(input: TokenStream) -> TokenStream {
    tokens(derive::flags(input.into()))
}

/// Generates bindings for a world of a WIT package.
///
/// ```ignore
/// bindgen!();                              // the only world in `wit`
/// bindgen!("my-world");                    // one of several
/// bindgen!("my-world" in "other/path");
/// bindgen!({
///     path: "wit",                         // or ["a", "b"]; relative to `Cargo.toml`
///     world: "ns:pkg/my-world",
///     inline: "package a:b; world w { … }",
///     with: {
///         "ns:pkg/iface": crate::bindings::iface,
///         "ns:pkg/other/file": crate::File,
///     },
///     trappable_imports: ["read"],         // or true
///     async: { imports: ["read"], exports: true }, // or true
///     trappable_error_type: { "ns:pkg/iface/errno": crate::Error },
///     additional_derives: [PartialEq],
///     features: ["unstable-thing"],
/// });
/// ```
///
/// # What is generated
///
/// For a world `w`, a struct `W` with `instantiate`, `instantiate_pre`, `add_to_linker` (if it
/// imports anything) and `call_…` for each exported function, and `WPre`, which has the imports and
/// exports looked up already.
///
/// For each imported interface a module `ns::pkg::iface` with its types, a trait `Host` with its
/// functions and `add_to_linker`; for each resource `r` a type `R` and a trait `HostR` with its
/// constructor (`new`), methods, static functions and `drop`. What the world imports itself is in
/// the trait `WImports`. The traits are implemented by the store's data, or something in it that
/// `add_to_linker` is told how to get (see `HasData`).
///
/// Functions that are `async` in the WIT are in traits `HostWithStore` (`HostRWithStore`,
/// `WImportsWithStore`), without `self`: they get an `Accessor`, by which they use the store from time to
/// time. These traits are implemented by what `HasData` is.
///
/// For each exported interface a module `exports::ns::pkg::iface` with its types and a struct `Guest`
/// with `call_…` for each of its functions, which `W` has an accessor for: `ns_pkg_iface`. Resources
/// of the guest are `ResourceAny`s, and `Guest::r` gives what can be called on them.
///
/// A package's version is part of the module's name (`ns::pkg1_0_0`) if there are several versions
/// of it. Documentation comes from the WIT.
///
/// Parameters of exported functions are passed by reference: `&str`, `&[T]`, and `&T` for what has
/// such parts; else values are owned. Those that are `async` in the WIT are called with an `Accessor`
/// (`Store::run_concurrent`) instead of the store, are futures and own their parameters.
///
/// # Options
///
/// - `inline` is a WIT package as text, which may use those in `path`. Without `inline`, `path` is
///   `"wit"` if it isn't given.
/// - `with` replaces what would be generated: an interface, a package or a namespace by a module in
///   the shape of generated code (which is not added to linkers; its own `add_to_linker` does
///   that), or one type of an imported interface. A type must be `Clone` and `Debug` if it isn't a
///   resource.
/// - `trappable_imports` lets these functions (`"f"`, `"[method]r.f"` or `"ns:pkg/iface#f"`; all by
///   `true`) return `anyhow::Result<…>`, an error being a trap.
/// - `async` makes functions futures that aren't `async` in the WIT, named likewise or all: `imports` have
///   the store (`func_wrap_async`), `exports` are called by `call_async`.
/// - `trappable_error_type` lets functions whose error is this type return another, which `Host`
///   has a method to convert from: `convert_errno`.
/// - `additional_derives` are derived for all records, variants and enums.
/// - `features` and `all_features` enable what is `@unstable`.
/// - `threadline_crate` is the path to `threadline`, if it isn't `::threadline`.
#[proc_macro]
pub fn bindgen(input: TokenStream) -> TokenStream {
    tokens(bindgen::bindgen(input.into()))
}

fn tokens(expansion: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    expansion
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
