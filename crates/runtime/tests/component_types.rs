//! What embedders see of a component's types.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]

use threadline::Engine;
use threadline::component::types::{ComponentFunc, ComponentItem};
use threadline::component::{Component, Type};

const TEXT: &str = r#"(component
    (import "file" (type $file (sub resource)))
    (type $point' (record (field "x" u8) (field "y" (option string))))
    (import "point" (type $point (eq $point')))
    (type $shape' (variant (case "none") (case "point" $point)))
    (import "shape" (type $shape (eq $shape')))
    (type $color' (enum "red" "green"))
    (import "color" (type $color (eq $color')))
    (type $rights' (flags "read" "write"))
    (import "rights" (type $rights (eq $rights')))
    (import "draw" (func
        (param "shape" $shape)
        (param "colors" (list $color))
        (param "rights" $rights)
        (param "at" (tuple s8 f32))
        (param "file" (borrow $file))
        (result (result (own $file) (error (list u8 4))))))
    (import "many" (func (param "m" (map string (result)))
        (result (result (error (option (list bool)))))))
)"#;

fn func(text: &str, name: &str) -> ComponentFunc {
    let component = Component::new(&Engine::default(), text).unwrap();
    let ty = component.component_type();
    let (_, item) = ty.imports().find(|(known, _)| *known == name).unwrap();
    match item {
        ComponentItem::ComponentFunc(func) => func,
        other => panic!("{other:?}"),
    }
}

#[test]
fn types_are_written_as_in_wit() {
    assert_eq!(
        func(TEXT, "draw").to_string(),
        "func(shape: variant { none, point(record { x: u8, y: option<string> }) }, \
         colors: list<enum { red, green }>, rights: flags { read, write }, \
         at: tuple<s8, f32>, file: borrow<file>) -> result<own<file>, list<u8, 4>>"
    );
    assert_eq!(
        func(TEXT, "many").to_string(),
        "func(m: map<string, result>) -> result<_, option<list<bool>>>"
    );
}

#[test]
fn types_of_different_components_are_equal_if_they_are_built_alike() {
    let with = |ty: &str| {
        let text = format!("(component (import \"f\" (func (param \"p\" {ty}))))");
        func(&text, "f")
    };
    assert_eq!(
        with("(list (tuple u8 string))"),
        with("(list (tuple u8 string))")
    );
    for other in [
        "(list (tuple u8 u8))",
        "(list (tuple u8 string u8))",
        "(list (tuple u8 string) 4)",
        "(option (tuple u8 string))",
    ] {
        assert_ne!(with("(list (tuple u8 string))"), with(other), "{other}");
    }
    assert_ne!(with("(list u8 3)"), with("(list u8 4)"));
    assert_ne!(with("(result u8)"), with("(result (error u8))"));

    let record = |name: &str| {
        format!(
            "(component (type $r (record (field \"{name}\" u8))) (import \"r\" (type $R (eq $r)))
                (import \"f\" (func (param \"p\" $R))))"
        )
    };
    assert_eq!(func(&record("a"), "f"), func(&record("a"), "f"));
    assert_ne!(func(&record("a"), "f"), func(&record("b"), "f"));
}

#[test]
fn imported_types_are_listed() {
    let component = Component::new(&Engine::default(), TEXT).unwrap();
    let ty = component.component_type();
    let kinds = ty.imports().map(|(name, item)| match item {
        ComponentItem::Type(ty) => format!("{name} = {ty}"),
        ComponentItem::Resource(ty) => format!("{name}: resource {ty}"),
        ComponentItem::ComponentFunc(_) => format!("{name}: func"),
        other => panic!("{other:?}"),
    });
    let kinds: Vec<_> = kinds.collect();
    assert_eq!(
        kinds,
        [
            "file: resource file",
            "point = record { x: u8, y: option<string> }",
            "shape = variant { none, point(record { x: u8, y: option<string> }) }",
            "color = enum { red, green }",
            "rights = flags { read, write }",
            "draw: func",
            "many: func",
        ]
    );
}

#[test]
fn the_parts_of_types_can_be_looked_at() {
    let draw = func(TEXT, "draw");
    let params: Vec<_> = draw.params().collect();
    let Type::Variant(shape) = &params[0].1 else {
        panic!("{params:?}");
    };
    let cases: Vec<_> = shape.cases().collect();
    assert_eq!(cases[0].name, "none");
    assert_eq!(cases[0].ty, None);
    let Some(Type::Record(point)) = &cases[1].ty else {
        panic!("{cases:?}");
    };
    let names: Vec<_> = point.fields().map(|field| field.name).collect();
    assert_eq!(names, ["x", "y"]);
    let Some(Type::Result(result)) = draw.results().next() else {
        panic!("a result");
    };
    let Some(Type::FixedLengthList(list)) = result.err() else {
        panic!("{result}");
    };
    assert_eq!((list.ty(), list.len()), (Type::U8, 4));
    assert!(
        matches!((result.ok(), &params[4].1), (Some(Type::Own(a)), Type::Borrow(b)) if a == *b)
    );
}
