//! `flags!`: a set of labels as a Rust type.

use super::attribute::TypeAttributes;
use super::shape::Labels;
use super::support;
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Path, Token, Visibility, braced};

/// The most labels that `flags` may have.
const MAX_LABELS: usize = 32;

/// `flags!`.
///
/// # Errors
/// If the labels can't be those of `flags`, or it isn't written so.
pub(crate) fn flags(input: TokenStream) -> syn::Result<TokenStream> {
    let flags: Flags = syn::parse2(input)?;
    let [definition, operators, traits] = [definition(&flags), operators(&flags), traits(&flags)];
    Ok(quote!(#definition #operators #traits))
}

struct Flags {
    krate: Path,
    attributes: Vec<Attribute>,
    visibility: Visibility,
    name: Ident,
    labels: Vec<Label>,
}

struct Label {
    attributes: Vec<Attribute>,
    name: Ident,
    /// In the component.
    label: String,
}

/// Attributes that are for the compiler.
fn others(attributes: Vec<Attribute>) -> Vec<Attribute> {
    attributes
        .into_iter()
        .filter(|attribute| !attribute.path().is_ident("component"))
        .collect()
}

impl Parse for Flags {
    fn parse(input: ParseStream<'_>) -> syn::Result<Flags> {
        let attributes = Attribute::parse_outer(input)?;
        let said = TypeAttributes::new(&attributes)?;
        if let Some((_, span)) = said.kind {
            return Err(syn::Error::new(span, "the kind is known: `flags`"));
        }
        let visibility = input.parse()?;
        let name: Ident = input.parse()?;
        let body;
        braced!(body in input);
        let mut labels = Vec::new();
        let mut used = Labels::default();
        while !body.is_empty() {
            let attributes = Attribute::parse_outer(&body)?;
            body.parse::<Token![const]>()?;
            let name: Ident = body.parse()?;
            body.parse::<Token![;]>()?;
            if labels.len() == MAX_LABELS {
                let error = format!("`flags` have at most {MAX_LABELS} labels");
                return Err(syn::Error::new(name.span(), error));
            }
            labels.push(Label {
                label: used.next(&name, &attributes)?,
                attributes: others(attributes),
                name,
            });
        }
        if labels.is_empty() {
            let error = "in the component model, `flags` have at least one label";
            return Err(syn::Error::new(name.span(), error));
        }
        Ok(Flags {
            krate: said.krate,
            attributes: others(attributes),
            visibility,
            name,
            labels,
        })
    }
}

impl Flags {
    /// All labels' bits.
    fn all(&self) -> u32 {
        u32::MAX >> (32 - self.labels.len())
    }
}

fn definition(flags: &Flags) -> TokenStream {
    let Flags {
        attributes,
        visibility,
        name,
        labels,
        ..
    } = flags;
    let all = flags.all();
    let constants = labels.iter().enumerate().map(|(i, label)| {
        let Label {
            attributes, name, ..
        } = label;
        let documented = attributes.iter().any(|a| a.path().is_ident("doc"));
        let doc = format!("The flag `{}`.", label.label);
        let doc = (!documented).then(|| quote!(#[doc = #doc]));
        let bit = 1u32 << i;
        quote!(#(#attributes)* #doc pub const #name: Self = Self { bits: #bit };)
    });
    quote! {
        #(#attributes)*
        #[derive(Copy, Clone, PartialEq, Eq, Hash, Default)]
        #visibility struct #name {
            bits: u32,
        }

        #[allow(dead_code, reason = "who needs which of them is not known here")]
        impl #name {
            #(#constants)*

            /// No flags.
            pub const fn empty() -> Self {
                Self { bits: 0 }
            }

            /// All flags.
            pub const fn all() -> Self {
                Self { bits: #all }
            }

            /// As a number: the flag declared first is its lowest bit.
            pub const fn bits(&self) -> u32 {
                self.bits
            }

            /// The flags of a number, without bits that aren't any.
            pub const fn from_bits_truncate(bits: u32) -> Self {
                Self { bits: bits & #all }
            }

            /// Whether there are none.
            pub const fn is_empty(&self) -> bool {
                self.bits == 0
            }

            /// Whether all of `other` are among them.
            pub const fn contains(&self, other: Self) -> bool {
                self.bits & other.bits == other.bits
            }

            /// Whether any of `other` is among them.
            pub const fn intersects(&self, other: Self) -> bool {
                self.bits & other.bits != 0
            }

            /// Adds `other`.
            pub fn insert(&mut self, other: Self) {
                self.bits |= other.bits;
            }

            /// Removes `other`.
            pub fn remove(&mut self, other: Self) {
                self.bits &= !other.bits;
            }

            /// Adds or removes `other`.
            pub fn set(&mut self, other: Self, value: bool) {
                match value {
                    true => self.insert(other),
                    false => self.remove(other),
                }
            }
        }
    }
}

fn operators(flags: &Flags) -> TokenStream {
    let name = &flags.name;
    let all = flags.all();
    let binary = [
        ("BitOr", "bitor", quote!(|= other.bits)),
        ("BitAnd", "bitand", quote!(&= other.bits)),
        ("BitXor", "bitxor", quote!(^= other.bits)),
        ("Sub", "sub", quote!(&= !other.bits)),
    ];
    let binary = binary.map(|(operator, method, change)| {
        let ident = |name: &str| Ident::new(name, proc_macro2::Span::call_site());
        let assign = ident(&format!("{operator}Assign"));
        let method_assign = ident(&format!("{method}_assign"));
        let (operator, method) = (ident(operator), ident(method));
        quote! {
            #[automatically_derived]
            impl ::core::ops::#operator for #name {
                type Output = Self;

                fn #method(mut self, other: Self) -> Self {
                    self.bits #change;
                    self
                }
            }

            #[automatically_derived]
            impl ::core::ops::#assign for #name {
                fn #method_assign(&mut self, other: Self) {
                    self.bits #change;
                }
            }
        }
    });
    let labels = flags.labels.iter().map(|label| {
        let (name, label) = (&label.name, &label.label);
        quote! {
            if self.contains(Self::#name) {
                set.entry(&::core::format_args!(#label));
            }
        }
    });
    quote! {
        #(#binary)*

        #[automatically_derived]
        impl ::core::ops::Not for #name {
            type Output = Self;

            fn not(self) -> Self {
                Self { bits: !self.bits & #all }
            }
        }

        #[automatically_derived]
        impl ::core::fmt::Debug for #name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                let mut set = f.debug_set();
                #(#labels)*
                set.finish()
            }
        }
    }
}

fn traits(flags: &Flags) -> TokenStream {
    let Flags { krate, name, .. } = flags;
    let support = support(krate);
    let count = flags.labels.len();
    let labels = flags.labels.iter().map(|label| &label.label);
    let size = quote!(<Self as #krate::component::ComponentType>::ABI.size(cx.address()) as u32);
    quote! {
        #[automatically_derived]
        impl #krate::component::ComponentType for #name {
            const ABI: #support::TypeAbi = #support::TypeAbi::flags(#count);

            fn typecheck(
                cx: &#support::TypeContext<'_>,
                ty: #support::InterfaceType,
            ) -> ::core::result::Result<(), #support::TypeMismatch> {
                #support::check_flags(cx, ty, &[#(#labels),*])
            }
        }

        #[automatically_derived]
        impl #krate::component::Lower for #name {
            #[inline]
            fn lower_flat(
                &self,
                _: &mut #support::LowerContext<'_>,
                _: #support::InterfaceType,
                to: &mut [#support::ValRaw],
            ) -> #support::Result<()> {
                #support::lower_bits(to, self.bits);
                ::core::result::Result::Ok(())
            }

            #[inline]
            fn store(
                &self,
                cx: &mut #support::LowerContext<'_>,
                _: #support::InterfaceType,
                address: usize,
            ) -> #support::Result<()> {
                let size = #size;
                #support::store_bits(cx, size, self.bits, address)
            }
        }

        #[automatically_derived]
        impl #krate::component::Lift for #name {
            #[inline]
            fn lift_flat(
                _: &mut #support::LiftContext<'_>,
                _: #support::InterfaceType,
                from: &[#support::ValRaw],
            ) -> #support::Result<Self> {
                ::core::result::Result::Ok(Self::from_bits_truncate(#support::lift_bits(from)))
            }

            #[inline]
            fn load(
                cx: &mut #support::LiftContext<'_>,
                _: #support::InterfaceType,
                from: &[u8],
            ) -> #support::Result<Self> {
                let bits = #support::load_bits(#size, from);
                ::core::result::Result::Ok(Self::from_bits_truncate(bits))
            }
        }
    }
}
