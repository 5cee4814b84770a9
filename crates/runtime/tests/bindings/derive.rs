//! Derived types stand for what the guest in `guest.rs` has, and agree with dynamic values.

use super::guest;
use threadline::component::{
    ComponentNamedList, ComponentType, Func, HasSelf, Instance, Lift, Linker, Lower, Val, flags,
};
use threadline::{Engine, Store};

#[derive(ComponentType, Lift, Lower, Clone, Debug, PartialEq)]
#[component(record)]
struct Person<N, T> {
    name: N,
    years_old: u32,
    #[component(name = "tags")]
    labels: Vec<T>,
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct PersonRef<'a> {
    name: &'a str,
    years_old: u32,
    tags: &'a [&'a str],
}

#[derive(ComponentType, Lift, Lower, Clone, Copy, Debug, PartialEq)]
#[component(record)]
struct Point {
    x: i32,
    y: i32,
}

#[derive(ComponentType, Lift, Lower, Clone, Debug, PartialEq)]
#[component(variant)]
enum Shape {
    None,
    Circle(f32),
    #[component(name = "poly")]
    Polygon(Vec<Point>),
}

#[derive(ComponentType, Lift, Lower, Clone, Copy, Debug, PartialEq)]
#[component(enum)]
enum Color {
    Red,
    DarkGreen,
    Blue,
}

flags! {
    /// What one may do.
    Perms {
        #[component(name = "read")]
        const READ;
        const WRITE;
        const SELF;
    }
}

mod host {
    threadline::component::bindgen!("values" in "tests/bindings/wit/values.wit");
}

/// What comes back as it is.
struct Echo;

impl host::t::v::types::Host for Echo {}

impl host::t::v::echo::Host for Echo {
    fn give_person(&mut self, p: host::t::v::types::Person) -> host::t::v::types::Person {
        p
    }

    fn give_shape(&mut self, s: host::t::v::types::Shape) -> host::t::v::types::Shape {
        s
    }

    fn small(
        &mut self,
        c: host::t::v::types::Color,
        p: host::t::v::types::Perms,
        o: Option<u8>,
        t: (char, bool),
    ) -> (
        host::t::v::types::Color,
        host::t::v::types::Perms,
        Option<u8>,
        (char, bool),
    ) {
        (c, p, o, t)
    }

    fn look_up(&mut self, _: Vec<String>, _: u32) -> Result<String, host::t::v::types::Errno> {
        Err(host::t::v::types::Errno::Busy)
    }

    fn nothing(&mut self) {}
}

impl host::local::Host for Echo {
    fn twice(&mut self, n: u64) -> u64 {
        n
    }
}

impl host::ValuesImports for Echo {
    fn log(&mut self, _: String) {}
}

fn instance() -> (Store<Echo>, Instance) {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    host::Values::add_to_linker::<_, HasSelf<_>>(&mut linker, |host| host).unwrap();
    let mut store = Store::new(&engine, Echo);
    let instance = linker
        .instantiate(&mut store, &guest::values(&engine))
        .unwrap();
    (store, instance)
}

fn func(store: &mut Store<Echo>, instance: &Instance, name: &str) -> Func {
    let echo = instance.get_export_index(&mut *store, None, "t:v/echo");
    let index = instance.get_export_index(&mut *store, echo.as_ref(), name);
    instance.get_func(&*store, index.unwrap()).unwrap()
}

/// Calls a function with values typed and dynamic, which must both come back.
fn agree<P, R>(name: &str, typed: P, expected: R, dynamic: &[Val], dynamic_expected: &Val)
where
    P: ComponentNamedList + Lower + 'static,
    R: ComponentNamedList + Lift + PartialEq + std::fmt::Debug + 'static,
{
    let (mut store, instance) = instance();
    let func = func(&mut store, &instance, name);
    let call = func.typed::<P, R>(&store).unwrap();
    assert_eq!(call.call(&mut store, typed).unwrap(), expected);
    let mut result = [Val::Bool(false)];
    func.call(&mut store, dynamic, &mut result).unwrap();
    assert_eq!(result[0], *dynamic_expected);
}

fn text(text: &str) -> Val {
    Val::String(text.to_owned())
}

fn record(fields: &[(&str, Val)]) -> Val {
    let field = |(name, value): &(&str, Val)| ((*name).into(), value.clone());
    Val::Record(fields.iter().map(field).collect())
}

#[test]
fn records_agree_with_values() {
    let person = Person {
        name: "Ada".to_owned(),
        years_old: 36,
        labels: vec!["x".to_owned(), "yz".to_owned()],
    };
    let val = record(&[
        ("name", text("Ada")),
        ("years-old", Val::U32(36)),
        ("tags", Val::List(vec![text("x"), text("yz")])),
    ]);
    agree(
        "give-person",
        (person.clone(),),
        (person.clone(),),
        std::slice::from_ref(&val),
        &val,
    );
    let borrowed = PersonRef {
        name: "Ada",
        years_old: 36,
        tags: &["x", "yz"],
    };
    agree(
        "give-person",
        (borrowed,),
        (person,),
        std::slice::from_ref(&val),
        &val,
    );
}

#[test]
fn variants_agree_with_values() {
    let point = |x, y| record(&[("x", Val::S32(x)), ("y", Val::S32(y))]);
    let points = vec![Point { x: 1, y: -2 }, Point { x: i32::MIN, y: 0 }];
    let case = |name: &str, payload: Option<Val>| Val::Variant(name.into(), payload.map(Box::new));
    let vals = Val::List(vec![point(1, -2), point(i32::MIN, 0)]);
    for (shape, val) in [
        (Shape::None, case("none", None)),
        (Shape::Circle(0.5), case("circle", Some(Val::Float32(0.5)))),
        (Shape::Polygon(points), case("poly", Some(vals))),
    ] {
        agree(
            "give-shape",
            (shape.clone(),),
            (shape,),
            std::slice::from_ref(&val),
            &val,
        );
    }
}

#[test]
fn enums_and_flags_agree_with_values() {
    type Small = (Color, Perms, Option<u8>, (char, bool));
    for (color, name) in [
        (Color::Red, "red"),
        (Color::DarkGreen, "dark-green"),
        (Color::Blue, "blue"),
    ] {
        let perms = Perms::all() - Perms::WRITE;
        let typed: Small = (color, perms, None, ('x', false));
        let dynamic = [
            Val::Enum(name.into()),
            Val::Flags(vec!["self".into(), "read".into()]),
            Val::Option(None),
            Val::Tuple(vec![Val::Char('x'), Val::Bool(false)]),
        ];
        let expected = Val::Tuple(dynamic.to_vec());
        agree("small", typed, (typed,), &dynamic, &expected);
    }
}

#[test]
fn flags_are_sets() {
    let mut perms = Perms::empty();
    assert!(perms.is_empty());
    perms.insert(Perms::READ | Perms::SELF);
    assert!(perms.contains(Perms::READ) && !perms.contains(Perms::WRITE));
    assert_eq!(perms.bits(), 0b101);
    assert_eq!(format!("{perms:?}"), "{read, self}");
    perms.set(Perms::READ, false);
    perms.set(Perms::WRITE, true);
    assert_eq!(perms, !Perms::READ);
    assert_eq!(perms & Perms::WRITE, Perms::WRITE);
    perms.remove(Perms::WRITE);
    perms ^= Perms::READ;
    assert!(perms.intersects(Perms::SELF));
    assert_eq!(Perms::from_bits_truncate(u32::MAX), Perms::all());
    assert_eq!(perms, Perms::READ | Perms::SELF);
}

#[test]
fn other_names_and_types_are_refused() {
    #[derive(ComponentType, Lift, Lower, Debug)]
    #[component(record)]
    struct Renamed {
        name: String,
        age: u32,
        tags: Vec<String>,
    }

    #[derive(ComponentType, Lift, Lower, Debug)]
    #[component(variant)]
    enum WithoutPayload {
        None,
        Circle,
        Poly(Vec<Point>),
    }

    let (mut store, instance) = instance();
    let person = func(&mut store, &instance, "give-person");
    let refused = |error: anyhow::Error| error.to_string();
    let error = refused(person.typed::<(Renamed,), (Renamed,)>(&store).unwrap_err());
    let expected = "expected the fields `name, years-old, tags`, found `name, age, tags`";
    assert!(error.ends_with(expected), "{error}");
    type Wrong = Person<u32, String>;
    let error = refused(person.typed::<(Wrong,), (Wrong,)>(&store).unwrap_err());
    assert!(
        error.ends_with("field `name`: expected `string`, found `u32`"),
        "{error}"
    );
    let shape = func(&mut store, &instance, "give-shape");
    let error = shape.typed::<(WithoutPayload,), (WithoutPayload,)>(&store);
    let error = refused(error.unwrap_err());
    let expected = "case `circle`: expected a payload, found none";
    assert!(error.ends_with(expected), "{error}");
}
