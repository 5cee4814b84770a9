//! What derives refuse, with the message.

use super::{component_type, flags, lift};
use proc_macro2::TokenStream;

fn tokens(text: &str) -> TokenStream {
    text.parse().unwrap()
}

fn refused(text: &str) -> String {
    component_type(tokens(text)).unwrap_err().to_string()
}

#[test]
fn a_type_says_what_it_stands_for() {
    let text = refused("struct P { x: u32 }");
    assert!(text.starts_with("what does it stand for?"), "{text}");
    assert_eq!(
        refused("#[component(record, enum)] struct P { x: u32 }"),
        "the kind is given twice"
    );
    assert_eq!(
        refused("#[component(recrd)] struct P { x: u32 }"),
        "expected `record`, `variant`, `enum` or `crate = …`"
    );
    assert_eq!(
        refused("#[component(flags)] struct P { x: u32 }"),
        "`flags` are defined by the macro `flags!`"
    );
    assert_eq!(
        refused("#[component(name = \"p\")] struct P { x: u32 }"),
        "a name is given to fields and cases, not to types"
    );
}

#[test]
fn the_kind_of_the_rust_type_fits() {
    assert_eq!(
        refused("#[component(record)] enum E { A }"),
        "a `record` is a `struct` in Rust"
    );
    assert_eq!(
        refused("#[component(variant)] struct P { x: u32 }"),
        "a `variant` is an `enum` in Rust"
    );
    assert_eq!(
        refused("#[component(enum)] union P { x: u32 }"),
        "an `enum` is an `enum` in Rust, too"
    );
}

#[test]
fn records_have_named_fields() {
    assert_eq!(
        refused("#[component(record)] struct Unit;"),
        "in the component model, a `record` has at least one field"
    );
    assert_eq!(
        refused("#[component(record)] struct Empty {}"),
        "in the component model, a `record` has at least one field"
    );
    let text = refused("#[component(record)] struct Pair(u32, u32);");
    assert!(
        text.starts_with("the fields of a `record` have names"),
        "{text}"
    );
}

#[test]
fn cases_have_one_payload_or_none() {
    let text = refused("#[component(variant)]\nenum V { A, B(u32, u32) }");
    assert!(text.starts_with("a case has one payload"), "{text}");
    let text = refused("#[component(variant)]\nenum V { A { x: u32 } }");
    assert!(
        text.starts_with("the payload of a case has no name"),
        "{text}"
    );
    assert_eq!(
        refused("#[component(enum)] enum E { A, B(u32) }"),
        "the cases of an `enum` have no payloads; those of a `variant` have"
    );
    assert_eq!(
        refused("#[component(enum)] enum E {}"),
        "in the component model, an `enum` has at least one case"
    );
}

#[test]
fn names_are_kebab_case_and_differ() {
    let text = refused("#[component(record)] struct P { #[component(name = \"a_b\")] x: u32 }");
    assert!(text.starts_with("`a_b` is not in kebab-case"), "{text}");
    assert_eq!(
        refused("#[component(enum)] enum E { A, #[component(name = \"a\")] B }"),
        "the name `a` is used twice"
    );
    assert_eq!(
        refused("#[component(enum)] enum E { #[component(rename = \"a\")] B }"),
        "expected `name = \"…\"`"
    );
}

#[test]
fn rust_names_become_kebab_case() {
    let of = super::kebab::of_rust_name;
    assert_eq!(of("years_old"), "years-old");
    assert_eq!(of("NotFound"), "not-found");
    assert_eq!(of("READ_ALL"), "read-all");
    assert_eq!(of("r#type"), "type");
    assert_eq!(of("type_"), "type");
}

#[test]
fn lifted_types_own_what_is_in_them() {
    let error = lift(tokens("#[component(record)] struct P<'a> { x: &'a str }")).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("`Lift` makes values that own"), "{text}");
}

#[test]
fn flags_have_between_one_and_32_labels() {
    let refused = |text: &str| flags(tokens(text)).unwrap_err().to_string();
    assert_eq!(
        refused("F {}"),
        "in the component model, `flags` have at least one label"
    );
    let labels: String = (0..33).map(|i| format!("const A{i};")).collect();
    let text = refused(&format!("F {{ {labels} }}"));
    assert!(text.ends_with("`flags` have at most 32 labels"), "{text}");
    assert_eq!(
        refused("F { const A; const a; }"),
        "the name `a` is used twice"
    );
    assert_eq!(
        refused("#[component(record)] F { const A; }"),
        "the kind is known: `flags`"
    );
}
