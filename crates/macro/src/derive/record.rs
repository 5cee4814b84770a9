//! The bodies of the traits' functions for a `record`.

use super::shape::{Field, Shape};
use super::support;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

/// `<Field as ComponentType>::ABI`, for each field.
fn abis(shape: &Shape, fields: &[Field]) -> Vec<TokenStream> {
    let krate = &shape.krate;
    fields
        .iter()
        .map(|Field { ty, .. }| quote!(<#ty as #krate::component::ComponentType>::ABI))
        .collect()
}

fn locals(fields: &[Field]) -> Vec<Ident> {
    (0..fields.len())
        .map(|i| format_ident!("field{i}"))
        .collect()
}

/// `let offsets = …`, one for each field.
fn offsets(shape: &Shape, fields: &[Field]) -> TokenStream {
    let support = support(&shape.krate);
    let count = fields.len();
    let abis = abis(shape, fields);
    quote! {
        let offsets: [#support::Offset; #count] =
            const { #support::record_offsets(&[#(#abis),*]) };
    }
}

pub(super) fn abi(shape: &Shape, fields: &[Field]) -> TokenStream {
    let support = support(&shape.krate);
    let abis = abis(shape, fields);
    quote!(#support::TypeAbi::record(&[#(#abis),*]))
}

pub(super) fn typecheck(shape: &Shape, fields: &[Field]) -> TokenStream {
    let krate = &shape.krate;
    let support = support(krate);
    let parts = fields.iter().map(
        |Field { label, ty, .. }| quote!((#label, <#ty as #krate::component::ComponentType>::typecheck)),
    );
    quote!(#support::check_record(cx, ty, &[#(#parts),*]))
}

pub(super) fn check_handles(fields: &[Field]) -> TokenStream {
    let parts = fields
        .iter()
        .enumerate()
        .map(|(i, Field { name, ty, .. })| quote!(cx.field::<#ty>(&self.#name, ty, #i)?;));
    quote!(#(#parts)*)
}

pub(super) fn lower_flat(shape: &Shape, fields: &[Field]) -> TokenStream {
    let krate = &shape.krate;
    let abis = abis(shape, fields);
    let parts = fields
        .iter()
        .zip(abis)
        .enumerate()
        .map(|(i, (field, abi))| {
            let Field { name, ty, .. } = field;
            quote! {
                let (part, _rest) = _rest.split_at_mut(#abi.flat_count());
                let part_ty = cx.field_type(&#abi, ty, #i);
                <#ty as #krate::component::Lower>::lower_flat(&self.#name, cx, part_ty, part)?;
            }
        });
    quote! {
        let _rest = to;
        #(#parts)*
        ::core::result::Result::Ok(())
    }
}

pub(super) fn store(shape: &Shape, fields: &[Field]) -> TokenStream {
    let krate = &shape.krate;
    let offsets = offsets(shape, fields);
    let abis = abis(shape, fields);
    let parts = fields
        .iter()
        .zip(abis)
        .enumerate()
        .map(|(i, (field, abi))| {
            let Field { name, ty, .. } = field;
            quote! {
                let part_ty = cx.field_type(&#abi, ty, #i);
                let part = address + offsets[#i].get(cx.address());
                <#ty as #krate::component::Lower>::store(&self.#name, cx, part_ty, part)?;
            }
        });
    quote! {
        #offsets
        #(#parts)*
        ::core::result::Result::Ok(())
    }
}

pub(super) fn lift_flat(shape: &Shape, fields: &[Field]) -> TokenStream {
    let krate = &shape.krate;
    let abis = abis(shape, fields);
    let locals = locals(fields);
    let parts = fields
        .iter()
        .zip(abis)
        .enumerate()
        .map(|(i, (field, abi))| {
            let (ty, local) = (&field.ty, &locals[i]);
            quote! {
                let (part, _rest) = _rest.split_at(#abi.flat_count());
                let part_ty = cx.field_type(&#abi, ty, #i);
                let #local = <#ty as #krate::component::Lift>::lift_flat(cx, part_ty, part)?;
            }
        });
    let names = fields.iter().map(|field| &field.name);
    quote! {
        let _rest = from;
        #(#parts)*
        ::core::result::Result::Ok(Self { #(#names: #locals),* })
    }
}

pub(super) fn load(shape: &Shape, fields: &[Field]) -> TokenStream {
    let krate = &shape.krate;
    let offsets = offsets(shape, fields);
    let abis = abis(shape, fields);
    let locals = locals(fields);
    let parts = fields
        .iter()
        .zip(abis)
        .enumerate()
        .map(|(i, (field, abi))| {
            let (ty, local) = (&field.ty, &locals[i]);
            quote! {
                let part = &from[offsets[#i].get(memory)..][..#abi.size(memory)];
                let part_ty = cx.field_type(&#abi, ty, #i);
                let #local = <#ty as #krate::component::Lift>::load(cx, part_ty, part)?;
            }
        });
    let names = fields.iter().map(|field| &field.name);
    quote! {
        #offsets
        let memory = cx.address();
        #(#parts)*
        ::core::result::Result::Ok(Self { #(#names: #locals),* })
    }
}
