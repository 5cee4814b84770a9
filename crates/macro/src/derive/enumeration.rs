//! The bodies of the traits' functions for an `enum`: a number, whatever the cases' are in Rust.

use super::shape::{EnumCase, Shape};
use super::support;
use proc_macro2::TokenStream;
use quote::quote;

pub(super) fn abi(shape: &Shape, cases: &[EnumCase]) -> TokenStream {
    let support = support(&shape.krate);
    let count = cases.len();
    quote!(#support::TypeAbi::enumeration(#count))
}

pub(super) fn typecheck(shape: &Shape, cases: &[EnumCase]) -> TokenStream {
    let support = support(&shape.krate);
    let labels = cases.iter().map(|case| &case.label);
    quote!(#support::check_enumeration(cx, ty, &[#(#labels),*]))
}

/// The number of `self`.
fn number(cases: &[EnumCase]) -> TokenStream {
    let arms = cases.iter().enumerate().map(|(i, EnumCase { name, .. })| {
        let number = i as u32;
        quote!(Self::#name => #number,)
    });
    quote!(match self { #(#arms)* })
}

/// The case with a number.
fn case(shape: &Shape, cases: &[EnumCase], number: &TokenStream) -> TokenStream {
    let support = support(&shape.krate);
    let arms = cases.iter().enumerate().map(|(i, EnumCase { name, .. })| {
        let number = i as u32;
        quote!(#number => ::core::result::Result::Ok(Self::#name),)
    });
    quote! {
        match #number {
            #(#arms)*
            _ => ::core::result::Result::Err(#support::invalid_discriminant()),
        }
    }
}

/// Bytes of the number in memory.
fn size(shape: &Shape) -> TokenStream {
    let krate = &shape.krate;
    quote!(<Self as #krate::component::ComponentType>::ABI.size(cx.address()) as u32)
}

pub(super) fn lower_flat(shape: &Shape, cases: &[EnumCase]) -> TokenStream {
    let support = support(&shape.krate);
    let number = number(cases);
    quote! {
        let (_, _) = (cx, ty);
        #support::lower_bits(to, #number);
        ::core::result::Result::Ok(())
    }
}

pub(super) fn store(shape: &Shape, cases: &[EnumCase]) -> TokenStream {
    let support = support(&shape.krate);
    let number = number(cases);
    let size = size(shape);
    quote! {
        let _ = ty;
        let size = #size;
        #support::store_bits(cx, size, #number, address)
    }
}

pub(super) fn lift_flat(shape: &Shape, cases: &[EnumCase]) -> TokenStream {
    let support = support(&shape.krate);
    let case = case(shape, cases, &quote!(#support::lift_bits(from)));
    quote! {
        let (_, _) = (cx, ty);
        #case
    }
}

pub(super) fn load(shape: &Shape, cases: &[EnumCase]) -> TokenStream {
    let support = support(&shape.krate);
    let size = size(shape);
    let case = case(shape, cases, &quote!(#support::load_bits(#size, from)));
    quote! {
        let _ = ty;
        #case
    }
}
