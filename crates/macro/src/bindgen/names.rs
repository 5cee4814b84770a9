//! Names in Rust for names in WIT.

use proc_macro2::{Ident, Span};

/// Words that Rust doesn't let stand for anything else.
const KEYWORDS: [&str; 52] = [
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue",
    "crate", "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if",
    "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub",
    "ref", "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// An identifier of this text; of a keyword with `_` behind it.
fn ident(text: &str) -> Ident {
    match KEYWORDS.contains(&text) {
        true => Ident::new(&format!("{text}_"), Span::call_site()),
        false => Ident::new(text, Span::call_site()),
    }
}

/// `snake_case` of a kebab-case name, as text.
pub(super) fn snake_text(kebab: &str) -> String {
    kebab.to_ascii_lowercase().replace('-', "_")
}

/// `UpperCamelCase` of a kebab-case name, as text.
pub(super) fn camel_text(kebab: &str) -> String {
    let word = |word: &str| {
        let mut chars = word.chars();
        let first = chars.next().map(|c| c.to_ascii_uppercase());
        let rest = chars.map(|c| c.to_ascii_lowercase());
        first.into_iter().chain(rest).collect::<String>()
    };
    kebab.split('-').map(word).collect()
}

/// For functions, fields, parameters and modules.
pub(super) fn snake(kebab: &str) -> Ident {
    ident(&snake_text(kebab))
}

/// For types and cases.
pub(super) fn camel(kebab: &str) -> Ident {
    ident(&camel_text(kebab))
}

/// For flags.
pub(super) fn shouty(kebab: &str) -> Ident {
    ident(&kebab.to_ascii_uppercase().replace('-', "_"))
}

/// Names that generated code gives to things of its own in the modules of interfaces.
const OWN_TYPES: [&str; 4] = ["Host", "HostWithStore", "Guest", "GuestIndices"];

/// Whether a name is one of these.
pub(super) fn is_own_type(name: &str) -> bool {
    OWN_TYPES.contains(&name)
}

/// For a type defined in a module where these other names are taken.
pub(super) fn type_name(kebab: &str, taken: &[String]) -> Ident {
    let mut name = camel_text(kebab);
    while is_own_type(&name) || taken.contains(&name) {
        name.push('_');
    }
    ident(&name)
}

/// An identifier with something before or behind it, so that it can't be a keyword.
pub(super) fn joined(parts: &[&str]) -> Ident {
    Ident::new(&parts.concat(), Span::call_site())
}

/// For a function that isn't an accessor: `call_…` needs no escape.
pub(super) fn call(kebab: &str) -> Ident {
    joined(&["call_", &snake_text(kebab)])
}
