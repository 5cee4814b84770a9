//! A world with values of all kinds: imports, exports, and functions of the world's own.

use super::guest;
use t::v::echo::{Errno, Perms, Person, Shape};
use t::v::types::Point;
use threadline::component::bindgen::Exports;
use threadline::component::{Component, HasSelf, Linker};
use threadline::{Engine, Store};

threadline::component::bindgen!("values" in "tests/bindings/wit/values.wit");

#[derive(Default)]
struct Host {
    log: Vec<String>,
    calls: u32,
}

impl t::v::types::Host for Host {}

impl t::v::echo::Host for Host {
    fn give_person(&mut self, p: Person) -> Person {
        p
    }

    fn give_shape(&mut self, s: Shape) -> Shape {
        s
    }

    fn small(
        &mut self,
        c: Color,
        p: Perms,
        o: Option<u8>,
        t: (char, bool),
    ) -> (Color, Perms, Option<u8>, (char, bool)) {
        (c, p, o, t)
    }

    fn look_up(&mut self, names: Vec<String>, store: u32) -> Result<String, Errno> {
        let name = names.into_iter().nth(store as usize);
        name.ok_or(Errno::NotFound)
    }

    fn nothing(&mut self) {
        self.calls += 1;
    }
}

impl local::Host for Host {
    fn twice(&mut self, n: u64) -> u64 {
        2 * n
    }
}

impl ValuesImports for Host {
    fn log(&mut self, message: String) {
        self.log.push(message);
    }
}

fn instance() -> (Store<Host>, Values) {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    Values::add_to_linker::<_, HasSelf<_>>(&mut linker, |host| host).unwrap();
    let mut store = Store::new(&engine, Host::default());
    let component = guest::values(&engine);
    let values = Values::instantiate(&mut store, &component, &linker).unwrap();
    (store, values)
}

#[test]
fn values_of_each_kind_come_back() {
    let (mut store, values) = instance();
    let echo = values.t_v_echo();

    let person = exports::t::v::echo::Person {
        name: "Zoë".to_owned(),
        years_old: 41,
        tags: vec!["a".to_owned(), String::new()],
    };
    let back = echo.call_give_person(&mut store, &person).unwrap();
    assert_eq!(back.name, "Zoë");
    assert_eq!(back.years_old, 41);
    assert_eq!(back.tags, ["a", ""]);

    let poly = Shape::Poly(vec![Point { x: -1, y: 2 }, Point { x: 3, y: -4 }]);
    let Shape::Poly(points) = echo.call_give_shape(&mut store, &poly).unwrap() else {
        panic!("another case");
    };
    assert_eq!((points[1].x, points[1].y), (3, -4));
    let circle = echo
        .call_give_shape(&mut store, &Shape::Circle(1.5))
        .unwrap();
    assert!(matches!(circle, Shape::Circle(r) if r == 1.5));
    let none = echo.call_give_shape(&mut store, &Shape::None).unwrap();
    assert!(matches!(none, Shape::None));

    let perms = Perms::READ | Perms::SELF;
    let back = echo
        .call_small(&mut store, Color::DarkGreen, perms, Some(7), ('ß', true))
        .unwrap();
    assert_eq!(back, (Color::DarkGreen, perms, Some(7), ('ß', true)));
}

#[test]
fn results_are_results() {
    let (mut store, values) = instance();
    let names = ["a".to_owned(), "b".to_owned()];
    let echo = values.t_v_echo();
    let found = echo.call_look_up(&mut store, &names, 1).unwrap();
    assert_eq!(found, Ok("b".to_owned()));
    let error = echo.call_look_up(&mut store, &names, 2).unwrap();
    assert_eq!(error.unwrap_err().to_string(), "not-found");
}

#[test]
fn functions_of_the_world_and_of_inline_interfaces_are_called() {
    let (mut store, values) = instance();
    assert_eq!(values.call_run(&mut store, "hello").unwrap(), 5);
    assert_eq!(store.data().log, ["hello"]);
    assert_eq!(
        values.call_mix(&mut store, Color::Blue).unwrap(),
        Color::Red
    );
    assert_eq!(
        values.local().call_twice(&mut store, 1 << 40).unwrap(),
        1 << 41
    );
    values.t_v_echo().call_nothing(&mut store).unwrap();
    assert_eq!(store.data().calls, 1);
}

#[test]
fn an_instance_made_otherwise_is_taken_apart() {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    Values::add_to_linker::<_, HasSelf<_>>(&mut linker, |host| host).unwrap();
    let mut store = Store::new(&engine, Host::default());
    let component = guest::values(&engine);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let values = Values::new(&mut store, &instance).unwrap();
    assert_eq!(values.call_run(&mut store, "").unwrap(), 0);

    let pre = Values::instantiate_pre(&component, &linker).unwrap();
    let first = pre.instantiate(&mut store).unwrap();
    let second = pre.clone().instantiate(&mut store).unwrap();
    assert_eq!(first.call_run(&mut store, "1").unwrap(), 1);
    assert_eq!(second.call_run(&mut store, "22").unwrap(), 2);
}

#[test]
fn what_a_component_does_not_export_is_named() {
    let engine = Engine::default();
    let linker = Linker::<Host>::new(&engine);
    let component = |text: &str| Component::new(&engine, text).unwrap();
    let error = Values::instantiate_pre(&component("(component)"), &linker);
    assert_eq!(
        error.err().unwrap().to_string(),
        "the component exports no function `run`"
    );
    let refused = |text: &str| {
        let component = component(text);
        let mut exports = Exports::of_component(&component);
        let indices = exports::t::v::echo::GuestIndices::new(&mut exports);
        indices.err().unwrap().to_string()
    };
    assert_eq!(
        refused("(component)"),
        "the component exports no instance `t:v/echo`"
    );
    assert_eq!(
        refused(r#"(component (instance $i) (export "t:v/echo" (instance $i)))"#),
        "the component exports the instance `t:v/echo` without a function `give-person`"
    );
}
