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

/// Whether a text that is generated defines this as a whole word.
#[track_caller]
fn assert_defines(generated: &str, definition: &str) {
    let found = generated.split(definition).skip(1).any(|rest| {
        let next = rest.chars().next();
        next.is_none_or(|next| !next.is_alphanumeric() && next != '_')
    });
    assert!(found, "no `{definition}` in {generated}");
}

#[test]
fn types_step_aside_for_what_belongs_to_resources() {
    let interface = generated(
        "package a:b; interface i {
            resource top { f: async func(); }
            record host-top { x: u8 } record host-top-with-store { x: u8 } record guest-top { x: u8 }
            record host { x: u8 } record host-with-store { x: u8 } record guest { x: u8 }
            record guest-indices { x: u8 }
            g: async func(a: host-top, b: host-with-store);
        } world w { import i; export i; }",
    );
    for name in [
        "HostTop_",
        "HostTopWithStore_",
        "GuestTop_",
        "Host_",
        "HostWithStore_",
        "Guest_",
        "GuestIndices_",
    ] {
        assert_defines(&interface, &format!("pub struct {name}"));
    }
    for name in ["Host", "HostWithStore", "HostTop", "HostTopWithStore"] {
        assert_defines(&interface, &format!("pub trait {name}"));
    }
    let world = generated(
        "package a:b; world w {
            resource top { f: async func(); }
            record host-top { x: u8 } record host-top-with-store { x: u8 }
            record w { x: u8 } record w-pre { x: u8 } record w-indices { x: u8 }
            record w-imports { x: u8 } record w-imports-with-store { x: u8 }
            import g: async func(a: host-top);
        }",
    );
    for name in [
        "HostTop_",
        "HostTopWithStore_",
        "W_",
        "WPre_",
        "WIndices_",
        "WImports_",
        "WImportsWithStore_",
    ] {
        assert_defines(&world, &format!("pub struct {name}"));
    }
}

#[test]
fn what_belongs_to_a_resource_steps_aside_for_what_belongs_to_others() {
    let text = generated(
        "package a:b; interface i {
            resource with-store { f: async func(); }
            resource top { f: async func(); }
            resource top-with-store { f: async func(); }
            resource indices { f: func(); }
            record host-with-store { x: u8 }
            g: async func();
        } world w { import i; export i; }",
    );
    for name in [
        "HostWithStore",
        "HostWithStore_",
        "HostTopWithStore",
        "HostTopWithStore_",
    ] {
        assert_defines(&text, &format!("pub trait {name}"));
    }
    // A type has to step aside twice.
    assert_defines(&text, "pub struct HostWithStore__");
    assert_defines(&text, "pub struct GuestIndices");
    assert_defines(&text, "pub struct GuestIndices_");
}

#[test]
fn conversions_of_errors_step_aside_for_functions() {
    for (scope, wit) in [
        (
            "a:b/i/errno",
            "package a:b; interface i { enum errno { x } f: func() -> result<u8, errno>;
                convert-errno: func(); } world w { import i; }",
        ),
        (
            "errno",
            "package a:b; world w { enum errno { x } import f: func() -> result<u8, errno>;
                import convert-errno: func(); }",
        ),
    ] {
        let options = quote!({ inline: #wit, trappable_error_type: { #scope: Errno } });
        let text = bindgen(options).unwrap().to_string();
        assert_defines(&text, "fn convert_errno_");
        assert_defines(&text, "fn convert_errno");
    }
}

#[test]
fn parameters_step_aside_for_the_accessor() {
    let text = generated(
        "package a:b; interface i { f: async func(accessor: u8); } world w { import i; export i; }",
    );
    assert!(text.contains("accessor_ : u8"), "{text}");
}

#[test]
fn a_name_that_would_be_defined_twice_is_named() {
    for (wit, name) in [
        // The accessor of a resource, and the method for a function.
        (
            "package a:b; interface i { resource call-f {} f: func(); } world w { export i; }",
            "call_f",
        ),
        // Fields for methods.
        (
            "package a:b; interface i { resource x { y-z: func(); } resource x-y { z: func(); } }
                world w { export i; }",
            "method_x_y_z",
        ),
        // Accessors of interfaces.
        (
            "package r:w; package a:b { interface c-d {} } package a:b-c { interface d {} }
                world w { export a:b/c-d; export a:b-c/d; }",
            "a_b_c_d",
        ),
    ] {
        let Err(error) = bindgen(quote!({ inline: #wit })) else {
            panic!("it is accepted: {wit}");
        };
        let error = error.to_string();
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn versions_that_are_written_alike_have_modules_of_their_own() {
    let text = generated(
        "package r:w; package a:b@1.0.0-a.b { interface i {} } package a:b@1.0.0-a-b { interface i {} }
            package a:b@2.0.0 { interface i {} }
            world w { import a:b/i@1.0.0-a.b; import a:b/i@1.0.0-a-b; import a:b/i@2.0.0; }",
    );
    for name in ["b1_0_0_dash_a_b", "b1_0_0_dash_a_dash_b", "b2_0_0"] {
        assert_defines(&text, &format!("pub mod {name}"));
    }
}
