//! Definitions of types.

use super::generator::{Generator, Scope, replacement_name};
use super::names;
use super::reference::Mode;
use proc_macro2::TokenStream;
use quote::quote;
use syn::Path;
use wit_parser::{Docs, Enum, Flags, Record, Type, TypeDefKind, TypeId, Variant};

/// Documentation from the WIT, or a sentence if there is none.
pub(super) fn docs(docs: &Docs, otherwise: &str) -> TokenStream {
    let lines = docs.contents.as_deref().unwrap_or(otherwise).lines();
    // As rustdoc has it after `///`.
    let lines = lines.map(|line| format!(" {line}"));
    quote!(#(#[doc = #lines])*)
}

impl Generator<'_> {
    /// The definition of a named type in the scope that owns it.
    pub(super) fn define(&self, id: TypeId, scope: Scope) -> TokenStream {
        let def = &self.wit.resolve.types[id];
        let wit_name = def.name.as_deref().unwrap_or_default();
        let kind = def.kind.as_str();
        let docs = docs(&def.docs, &format!("The {kind} `{wit_name}`."));
        let name = self.type_name(id);
        if let Some(index) = self.replacement(id) {
            let to_top = self.to_top(scope);
            let other = replacement_name(index);
            return quote!(#docs pub type #name = #to_top #other;);
        }
        match &def.kind {
            TypeDefKind::Record(record) => self.record(id, record, &docs, scope),
            TypeDefKind::Variant(variant) => self.variant(id, variant, &docs, scope),
            TypeDefKind::Enum(enumeration) => self.enumeration(id, enumeration, &docs),
            TypeDefKind::Flags(flags) => self.flags(id, flags, &docs),
            TypeDefKind::Resource => self.resource_type(id, &docs),
            kind => {
                let ty = self.kind(kind, scope, Mode::Owned);
                quote!(#docs pub type #name = #ty;)
            }
        }
    }

    /// `#[derive(…)]` and `#[component(…)]` of a type that stands for this kind.
    fn attributes(&self, id: TypeId, kind: &TokenStream) -> TokenStream {
        let krate = &self.options.krate;
        let ty = Type::Id(id);
        let mut derives: Vec<Path> = vec![
            syn::parse_quote!(#krate::component::ComponentType),
            syn::parse_quote!(#krate::component::Lift),
            syn::parse_quote!(#krate::component::Lower),
            syn::parse_quote!(::core::fmt::Debug),
        ];
        if self.is_clone(&ty) {
            derives.push(syn::parse_quote!(::core::clone::Clone));
        }
        if self.is_copy(&ty) {
            derives.push(syn::parse_quote!(::core::marker::Copy));
        }
        if matches!(self.wit.resolve.types[id].kind, TypeDefKind::Enum(_)) {
            derives.push(syn::parse_quote!(::core::cmp::PartialEq));
            derives.push(syn::parse_quote!(::core::cmp::Eq));
        }
        let last = |path: &Path| path.segments.last().map(|segment| segment.ident.clone());
        for path in &self.options.additional_derives {
            if !derives.iter().any(|known| last(known) == last(path)) {
                derives.push(path.clone());
            }
        }
        quote! {
            #[derive(#(#derives),*)]
            #[component(#kind, crate = #krate)]
        }
    }

    fn record(&self, id: TypeId, record: &Record, docs: &TokenStream, scope: Scope) -> TokenStream {
        let attributes = self.attributes(id, &quote!(record));
        let name = self.type_name(id);
        let fields = record.fields.iter().map(|field| {
            let wit_name = &field.name;
            let docs = self::docs(&field.docs, &format!("The field `{wit_name}`."));
            let name = names::snake(wit_name);
            let ty = self.ty(&field.ty, scope, Mode::Owned);
            quote! {
                #docs
                #[component(name = #wit_name)]
                pub #name: #ty,
            }
        });
        let error = self.error_impl(id, &quote!(::core::fmt::Debug::fmt(self, f)));
        quote! {
            #docs
            #attributes
            pub struct #name { #(#fields)* }
            #error
        }
    }

    fn variant(
        &self,
        id: TypeId,
        variant: &Variant,
        docs: &TokenStream,
        scope: Scope,
    ) -> TokenStream {
        let attributes = self.attributes(id, &quote!(variant));
        let name = self.type_name(id);
        let cases = variant.cases.iter().map(|case| {
            let wit_name = &case.name;
            let docs = self::docs(&case.docs, &format!("The case `{wit_name}`."));
            let name = names::camel(wit_name);
            let payload = case.ty.as_ref().map(|ty| {
                let ty = self.ty(ty, scope, Mode::Owned);
                quote!((#ty))
            });
            quote! {
                #docs
                #[component(name = #wit_name)]
                #name #payload,
            }
        });
        let error = self.error_impl(id, &quote!(::core::fmt::Debug::fmt(self, f)));
        quote! {
            #docs
            #attributes
            pub enum #name { #(#cases)* }
            #error
        }
    }

    fn enumeration(&self, id: TypeId, enumeration: &Enum, docs: &TokenStream) -> TokenStream {
        let attributes = self.attributes(id, &quote!(enum));
        let name = self.type_name(id);
        let cases = enumeration.cases.iter().map(|case| {
            let wit_name = &case.name;
            let docs = self::docs(&case.docs, &format!("The case `{wit_name}`."));
            let name = names::camel(wit_name);
            quote! {
                #docs
                #[component(name = #wit_name)]
                #name,
            }
        });
        let labels = enumeration.cases.iter().map(|case| {
            let (label, name) = (&case.name, names::camel(&case.name));
            quote!(Self::#name => #label,)
        });
        let error = self.error_impl(id, &quote!(f.write_str(match self { #(#labels)* })));
        quote! {
            #docs
            #attributes
            pub enum #name { #(#cases)* }
            #error
        }
    }

    fn flags(&self, id: TypeId, flags: &Flags, docs: &TokenStream) -> TokenStream {
        let krate = &self.options.krate;
        let name = self.type_name(id);
        let labels = flags.flags.iter().map(|flag| {
            let wit_name = &flag.name;
            let docs = self::docs(&flag.docs, &format!("The flag `{wit_name}`."));
            let name = names::shouty(wit_name);
            quote! {
                #docs
                #[component(name = #wit_name)]
                const #name;
            }
        });
        quote! {
            #krate::component::flags! {
                #docs
                #[component(crate = #krate)]
                pub #name { #(#labels)* }
            }
        }
    }

    /// `Display`, with this body, and `Error`, if functions return the type as an error.
    fn error_impl(&self, id: TypeId, display: &TokenStream) -> TokenStream {
        if !self.is_error(id) {
            return TokenStream::new();
        }
        let name = self.type_name(id);
        quote! {
            #[automatically_derived]
            impl ::core::fmt::Display for #name {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    #display
                }
            }

            #[automatically_derived]
            impl ::core::error::Error for #name {}
        }
    }
}
