//! `#[derive(ComponentType, Lift, Lower)]` and `flags!`.
//!
//! [`shape`] is what a type says of itself, checked; `record`, `variant` and `enumeration` write
//! the bodies of the traits' functions; the `impl`s around them are here. What they have to do is
//! described in `threadline`'s `canonical_abi`.

mod attribute;
mod enumeration;
mod flags;
mod kebab;
mod record;
mod shape;
#[cfg(test)]
mod tests;
mod variant;

pub(crate) use flags::flags;

use proc_macro2::TokenStream;
use quote::quote;
use shape::{Kind, Shape};
use syn::{GenericParam, Generics, Path, parse_quote};

/// `#[derive(ComponentType)]`.
///
/// # Errors
/// If the type can't stand for one of the component model.
pub(crate) fn component_type(input: TokenStream) -> syn::Result<TokenStream> {
    let shape = Shape::new(syn::parse2(input)?)?;
    Ok(component_type_of(&shape))
}

/// `#[derive(Lift)]`.
///
/// # Errors
/// As [`component_type`]; and if it has lifetimes.
pub(crate) fn lift(input: TokenStream) -> syn::Result<TokenStream> {
    let shape = Shape::new(syn::parse2(input)?)?;
    if let Some(lifetime) = shape.generics.lifetimes().next() {
        return Err(syn::Error::new_spanned(
            lifetime,
            "`Lift` makes values that own what is in them, so that the type can have no lifetimes; \
             derive `Lower` alone",
        ));
    }
    Ok(lift_of(&shape))
}

/// `#[derive(Lower)]`.
///
/// # Errors
/// As [`component_type`].
pub(crate) fn lower(input: TokenStream) -> syn::Result<TokenStream> {
    let shape = Shape::new(syn::parse2(input)?)?;
    Ok(lower_of(&shape))
}

/// What the runtime has for derived code.
fn support(krate: &Path) -> TokenStream {
    quote!(#krate::component::derive)
}

/// The type's parameters with the bound that a derived trait needs on each.
fn bounded(shape: &Shape, name: &str) -> Generics {
    let mut generics = shape.generics.clone();
    let bound = trait_path(shape, name);
    for param in &mut generics.params {
        if let GenericParam::Type(param) = param {
            param.bounds.push(parse_quote!(#bound));
        }
    }
    generics
}

fn trait_path(shape: &Shape, name: &str) -> Path {
    let krate = &shape.krate;
    let name = syn::Ident::new(name, proc_macro2::Span::call_site());
    parse_quote!(#krate::component::#name)
}

fn component_type_of(shape: &Shape) -> TokenStream {
    let Shape { krate, name, .. } = shape;
    let support = support(krate);
    let generics = bounded(shape, "ComponentType");
    let (params, arguments, bounds) = generics.split_for_impl();
    let (abi, typecheck) = match &shape.kind {
        Kind::Record(fields) => (record::abi(shape, fields), record::typecheck(shape, fields)),
        Kind::Variant(cases) => (variant::abi(shape, cases), variant::typecheck(shape, cases)),
        Kind::Enum(cases) => (
            enumeration::abi(shape, cases),
            enumeration::typecheck(shape, cases),
        ),
    };
    quote! {
        #[automatically_derived]
        impl #params #krate::component::ComponentType for #name #arguments #bounds {
            const ABI: #support::TypeAbi = #abi;

            fn typecheck(
                cx: &#support::TypeContext<'_>,
                ty: #support::InterfaceType,
            ) -> ::core::result::Result<(), #support::TypeMismatch> {
                #typecheck
            }
        }
    }
}

fn lift_of(shape: &Shape) -> TokenStream {
    let Shape { krate, name, .. } = shape;
    let support = support(krate);
    let generics = bounded(shape, "Lift");
    let (params, arguments, bounds) = generics.split_for_impl();
    let (lift_flat, load) = match &shape.kind {
        Kind::Record(fields) => (
            record::lift_flat(shape, fields),
            record::load(shape, fields),
        ),
        Kind::Variant(cases) => (
            variant::lift_flat(shape, cases),
            variant::load(shape, cases),
        ),
        Kind::Enum(cases) => (
            enumeration::lift_flat(shape, cases),
            enumeration::load(shape, cases),
        ),
    };
    quote! {
        #[automatically_derived]
        impl #params #krate::component::Lift for #name #arguments #bounds {
            #[inline]
            fn lift_flat(
                cx: &mut #support::LiftContext<'_>,
                ty: #support::InterfaceType,
                from: &[#support::ValRaw],
            ) -> #support::Result<Self> {
                #lift_flat
            }

            #[inline]
            fn load(
                cx: &mut #support::LiftContext<'_>,
                ty: #support::InterfaceType,
                from: &[u8],
            ) -> #support::Result<Self> {
                #load
            }
        }
    }
}

fn lower_of(shape: &Shape) -> TokenStream {
    let Shape { krate, name, .. } = shape;
    let support = support(krate);
    let generics = bounded(shape, "Lower");
    let (params, arguments, bounds) = generics.split_for_impl();
    let check_handles = match &shape.kind {
        Kind::Record(fields) => record::check_handles(fields),
        Kind::Variant(cases) => variant::check_handles(cases),
        // The default does nothing.
        Kind::Enum(_) => TokenStream::new(),
    };
    let check_handles = (!check_handles.is_empty()).then(|| {
        quote! {
            #[inline]
            fn check_handles(
                &self,
                cx: &#support::HandleCheck<'_>,
                ty: #support::InterfaceType,
            ) -> #support::Result<()> {
                #check_handles
                ::core::result::Result::Ok(())
            }
        }
    });
    let (lower_flat, store) = match &shape.kind {
        Kind::Record(fields) => (
            record::lower_flat(shape, fields),
            record::store(shape, fields),
        ),
        Kind::Variant(cases) => (
            variant::lower_flat(shape, cases),
            variant::store(shape, cases),
        ),
        Kind::Enum(cases) => (
            enumeration::lower_flat(shape, cases),
            enumeration::store(shape, cases),
        ),
    };
    quote! {
        #[automatically_derived]
        impl #params #krate::component::Lower for #name #arguments #bounds {
            #check_handles

            #[inline]
            fn lower_flat(
                &self,
                cx: &mut #support::LowerContext<'_>,
                ty: #support::InterfaceType,
                to: &mut [#support::ValRaw],
            ) -> #support::Result<()> {
                #lower_flat
            }

            #[inline]
            fn store(
                &self,
                cx: &mut #support::LowerContext<'_>,
                ty: #support::InterfaceType,
                address: usize,
            ) -> #support::Result<()> {
                #store
            }
        }
    }
}
