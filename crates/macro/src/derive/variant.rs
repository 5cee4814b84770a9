//! The bodies of the traits' functions for a `variant`.

use super::shape::{Case, Shape};
use super::support;
use proc_macro2::TokenStream;
use quote::quote;
use syn::Type;

/// `<Payload as ComponentType>::ABI`; of a case without one, the ABI of `()`.
fn payload_abi(shape: &Shape, payload: Option<&Type>) -> TokenStream {
    let krate = &shape.krate;
    match payload {
        Some(ty) => quote!(<#ty as #krate::component::ComponentType>::ABI),
        None => quote!(<() as #krate::component::ComponentType>::ABI),
    }
}

/// The `VariantAbi`, a constant.
fn variant_abi(shape: &Shape, cases: &[Case]) -> TokenStream {
    let support = support(&shape.krate);
    let payloads = cases.iter().map(|case| match &case.payload {
        Some(ty) => {
            let abi = payload_abi(shape, Some(ty));
            quote!(::core::option::Option::Some(#abi))
        }
        None => quote!(::core::option::Option::None),
    });
    quote!(#support::VariantAbi::new(&[#(#payloads),*]))
}

pub(super) fn abi(shape: &Shape, cases: &[Case]) -> TokenStream {
    let abi = variant_abi(shape, cases);
    quote!(#abi.abi)
}

pub(super) fn typecheck(shape: &Shape, cases: &[Case]) -> TokenStream {
    let krate = &shape.krate;
    let support = support(krate);
    let parts = cases.iter().map(|Case { label, payload, .. }| {
        let check = match payload {
            Some(ty) => quote! {
                ::core::option::Option::Some(<#ty as #krate::component::ComponentType>::typecheck)
            },
            None => quote!(::core::option::Option::None),
        };
        quote!((#label, #check))
    });
    quote! {
        let cases: &[(&str, ::core::option::Option<#support::Typecheck>)] = &[#(#parts),*];
        #support::check_variant(cx, ty, cases)
    }
}

pub(super) fn check_handles(cases: &[Case]) -> TokenStream {
    let arms = cases.iter().enumerate().map(|(i, case)| {
        let name = &case.name;
        match &case.payload {
            Some(ty) => quote!(Self::#name(payload) => cx.payload::<#ty>(payload, ty, #i)?,),
            None => quote!(Self::#name => {}),
        }
    });
    quote!(match self { #(#arms)* })
}

pub(super) fn lower_flat(shape: &Shape, cases: &[Case]) -> TokenStream {
    let krate = &shape.krate;
    let abi = variant_abi(shape, cases);
    let arms = cases.iter().enumerate().map(|(i, case)| {
        let (name, number) = (&case.name, i as u32);
        let part_abi = payload_abi(shape, case.payload.as_ref());
        match &case.payload {
            Some(ty) => quote! {
                Self::#name(payload) => {
                    let part = variant.lower_case(to, #number, &#part_abi);
                    let part_ty = cx.case_type(&#part_abi, ty, #i);
                    <#ty as #krate::component::Lower>::lower_flat(payload, cx, part_ty, part)
                }
            },
            None => quote! {
                Self::#name => {
                    variant.lower_case(to, #number, &#part_abi);
                    ::core::result::Result::Ok(())
                }
            },
        }
    });
    quote! {
        let variant = const { &#abi };
        match self { #(#arms)* }
    }
}

pub(super) fn store(shape: &Shape, cases: &[Case]) -> TokenStream {
    let krate = &shape.krate;
    let abi = variant_abi(shape, cases);
    let arms = cases.iter().enumerate().map(|(i, case)| {
        let (name, number) = (&case.name, i as u32);
        let part_abi = payload_abi(shape, case.payload.as_ref());
        match &case.payload {
            Some(ty) => quote! {
                Self::#name(payload) => {
                    let part = variant.store_case(cx, #number, address)?;
                    let part_ty = cx.case_type(&#part_abi, ty, #i);
                    <#ty as #krate::component::Lower>::store(payload, cx, part_ty, part)
                }
            },
            None => quote! {
                Self::#name => {
                    variant.store_case(cx, #number, address)?;
                    ::core::result::Result::Ok(())
                }
            },
        }
    });
    quote! {
        let variant = const { &#abi };
        match self { #(#arms)* }
    }
}

pub(super) fn lift_flat(shape: &Shape, cases: &[Case]) -> TokenStream {
    let found = quote!(variant.lift_case(from)?);
    lift(shape, cases, &found, |ty, part_abi| {
        let krate = &shape.krate;
        quote! {
            let part = variant.payload_slots(from, &#part_abi);
            <#ty as #krate::component::Lift>::lift_flat(cx, part_ty, part)?
        }
    })
}

pub(super) fn load(shape: &Shape, cases: &[Case]) -> TokenStream {
    let found = quote!(variant.load_case(from)?);
    lift(shape, cases, &found, |ty, part_abi| {
        let krate = &shape.krate;
        quote! {
            let part = variant.payload_bytes(cx, from, &#part_abi);
            <#ty as #krate::component::Lift>::load(cx, part_ty, part)?
        }
    })
}

/// Lifts from wherever: `found` is the case's number, `payload` an expression for a payload of
/// some type, with some ABI.
fn lift(
    shape: &Shape,
    cases: &[Case],
    found: &TokenStream,
    payload: impl Fn(&Type, &TokenStream) -> TokenStream,
) -> TokenStream {
    let support = support(&shape.krate);
    let abi = variant_abi(shape, cases);
    let arms = cases.iter().enumerate().map(|(i, case)| {
        let (name, number) = (&case.name, i as u32);
        match &case.payload {
            Some(ty) => {
                let part_abi = payload_abi(shape, Some(ty));
                let payload = payload(ty, &part_abi);
                quote! {
                    #number => {
                        let part_ty = cx.case_type(&#part_abi, ty, #i);
                        ::core::result::Result::Ok(Self::#name({ #payload }))
                    }
                }
            }
            None => quote!(#number => ::core::result::Result::Ok(Self::#name),),
        }
    });
    quote! {
        let variant = const { &#abi };
        match #found {
            #(#arms)*
            _ => ::core::result::Result::Err(#support::invalid_discriminant()),
        }
    }
}
