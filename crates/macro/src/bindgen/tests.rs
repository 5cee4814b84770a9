//! What `bindgen!` refuses, with the text and the place of the message, and the shape of what it
//! generates.

use super::bindgen;
use quote::quote;

/// The message for a WIT text.
fn refused(wit: &str) -> String {
    bindgen(quote!({ inline: #wit })).unwrap_err().to_string()
}

/// The message for options about a good WIT.
fn refused_options(options: proc_macro2::TokenStream) -> String {
    let wit = "package a:b; interface i { enum e { x } f: func() -> result<u8, e>; } world w { import i; }";
    bindgen(quote!({ inline: #wit, #options }))
        .unwrap_err()
        .to_string()
}

/// What is generated for a WIT text, as text.
fn generated(wit: &str) -> String {
    bindgen(quote!({ inline: #wit })).unwrap().to_string()
}

#[test]
fn errors_of_the_wit_say_where() {
    let text = refused("package a:b;\n\nworld w {\n  import f: funk();\n}\n");
    assert!(text.contains("inline:4:"), "{text}");
    let text = refused("package a:b;\nworld w {\n  import c;\n}\n");
    assert!(text.contains("inline:3:10"), "{text}");
    assert!(text.contains("`c` does not exist"), "{text}");
}

#[test]
fn what_is_refused_within_other_types_is_named_with_its_place() {
    let tuple = format!("tuple<{}>", vec!["u8"; 17].join(", "));
    let text = refused(&format!(
        "package a:b;\nworld w {{\n  export f: func(x: list<stream<{tuple}>>);\n}}"
    ));
    assert!(text.starts_with("inline:3:33: a tuple of 17"), "{text}");
    let text = refused(&format!(
        "package a:b;\ninterface i {{\n  record r {{ x: future<{tuple}> }}\n}}\nworld w {{ import i; }}"
    ));
    assert!(text.starts_with("inline:3:24: a tuple of 17"), "{text}");
}

#[test]
fn limits_are_named_with_their_place() {
    let params: Vec<String> = (0..17).map(|i| format!("a{i}: u8")).collect();
    let text = refused(&format!(
        "package a:b;\nworld w {{\n  import f: func({});\n}}",
        params.join(", ")
    ));
    assert!(
        text.starts_with("inline:3:10: `f` has 17 parameters"),
        "{text}"
    );
    let tuple = vec!["u8"; 17].join(", ");
    let text = refused(&format!(
        "package a:b;\nworld w {{\n  type t = tuple<{tuple}>;\n}}"
    ));
    assert!(
        text.starts_with("inline:3:8: a tuple of 17 elements"),
        "{text}"
    );
}

#[test]
fn worlds_are_chosen_by_name() {
    let text = refused("package a:b; world v {} world w {}");
    assert!(text.contains("a:b/v") && text.contains("a:b/w"), "{text}");
    let error = bindgen(quote!({ inline: "package a:b; world v {}", world: "w" })).unwrap_err();
    assert_eq!(error.to_string(), "World `w` not found in package `a:b`");
    let error = bindgen(quote!("w" in "no/such/folder"))
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("there is no WIT at `"), "{error}");
}

#[test]
fn options_are_checked() {
    let text = refused_options(quote!(colour: true));
    assert!(text.starts_with("there is no option `colour`"), "{text}");
    let text = refused_options(quote!(concurrent_imports: true));
    assert!(
        text.starts_with("there is no option `concurrent_imports`: functions that are `async`"),
        "{text}"
    );
    assert_eq!(
        refused_options(quote!(async: { imports: ["g"] })),
        "the world imports no function `g`"
    );
    assert_eq!(
        refused_options(quote!(async: { exports: ["f"] })),
        "the world exports no function `f`"
    );
    assert_eq!(
        refused_options(quote!(async: { both: true })),
        "expected `imports` or `exports`, not `both`"
    );
    assert_eq!(
        refused_options(quote!(inline: "x")),
        "the option `inline` is given twice"
    );
    let text = refused_options(quote!(ownership: Borrowing));
    assert!(text.starts_with("only `Owning` is supported"), "{text}");
    assert_eq!(
        refused_options(quote!(with: { "a:b/j": crate::j })),
        "`with` names `a:b/j`, but the world imports nothing of that name"
    );
    assert_eq!(
        refused_options(quote!(trappable_error_type: { "a:b/i/nope": E })),
        "`trappable_error_type` names `a:b/i/nope`, but the world imports nothing of that name"
    );
    assert_eq!(
        refused_options(quote!(trappable_imports: ["g"])),
        "the world imports no function `g`"
    );
    let error = bindgen(quote!(w)).unwrap_err().to_string();
    assert!(error.starts_with("expected nothing, the name of a world"));
}

#[test]
fn nothing_generated_is_unsafe() {
    let text = generated(
        "package a:b; interface i { resource r { constructor(); } record s { x: string } f: func(s: s) -> r; } \
         world w { import i; export i; }",
    );
    assert!(!text.contains("unsafe"));
    assert!(text.contains("pub trait HostR"));
    assert!(text.contains("pub struct GuestR"));
}
