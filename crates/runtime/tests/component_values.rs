//! Components as imports and exports of components.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]

use threadline::component::{
    Component, ComponentError, Instance, Linker, Resource, ResourceType, types::ComponentItem,
};
use threadline::{Engine, Module, Store, Trap};

fn call(store: &mut Store<u32>, instance: &Instance, name: &str, x: u32) -> u32 {
    let func = instance
        .get_typed_func::<(u32,), (u32,)>(&mut *store, name)
        .unwrap();
    func.call(store, (x,)).unwrap().0
}

/// Imports a component, and instantiates it twice, with a function of the host and one of its own.
const HOST: &str = r#"(component
    (import "twice" (component $twice
        (import "f" (func (param "x" u32) (result u32)))
        (export "g" (func (param "x" u32) (result u32)))))
    (import "add-hundred" (func $hundred (param "x" u32) (result u32)))
    (core module $m
        (func (export "add-one") (param i32) (result i32)
            (i32.add (local.get 0) (i32.const 1))))
    (core instance $m (instantiate $m))
    (func $one (param "x" u32) (result u32) (canon lift (core func $m "add-one")))
    (instance $a (instantiate $twice (with "f" (func $one))))
    (instance $b (instantiate $twice (with "f" (func $hundred))))
    (core func $ag (canon lower (func $a "g")))
    (core func $bg (canon lower (func $b "g")))
    (core module $both
        (import "" "a" (func $a (param i32) (result i32)))
        (import "" "b" (func $b (param i32) (result i32)))
        (func (export "both") (param i32) (result i32) (call $b (call $a (local.get 0)))))
    (core instance $both (instantiate $both (with "" (instance
        (export "a" (func $ag)) (export "b" (func $bg))))))
    (func (export "both") (param "x" u32) (result u32) (canon lift (core func $both "both")))
    (export "a" (instance $a))
    (export "bg" (func $b "g"))
    (export "twice" (component $twice)))"#;

const TWICE: &str = r#"(component
    (import "f" (func $f (param "x" u32) (result u32)))
    (core func $f (canon lower (func $f)))
    (core module $m
        (import "" "f" (func $f (param i32) (result i32)))
        (global $calls (mut i32) (i32.const 0))
        (func (export "calls") (result i32) (global.get $calls))
        (func (export "g") (param i32) (result i32)
            (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
            (call $f (call $f (local.get 0)))))
    (core instance $m (instantiate $m (with "" (instance (export "f" (func $f))))))
    (func (export "calls") (result u32) (canon lift (core func $m "calls")))
    (func (export "g") (param "x" u32) (result u32) (canon lift (core func $m "g"))))"#;

#[test]
fn an_imported_component_is_instantiated_with_functions_of_host_and_guest() {
    let engine = Engine::default();
    let mut linker = Linker::<u32>::new(&engine);
    let twice = Component::new(&engine, TWICE).unwrap();
    linker.root().component("twice", &twice).unwrap();
    linker
        .root()
        .func_wrap("add-hundred", |mut store, (x,): (u32,)| {
            *store.data_mut() += 1;
            Ok((x + 100,))
        })
        .unwrap();
    let host = Component::new(&engine, HOST).unwrap();
    let pre = linker.instantiate_pre(&host).unwrap();
    let mut store = Store::new(&engine, 0);
    for round in 1..=2 {
        let instance = pre.instantiate(&mut store).unwrap();
        assert_eq!(call(&mut store, &instance, "both", 5), 207);
        assert_eq!(*store.data(), 4 * round - 2);
        assert_eq!(call(&mut store, &instance, "bg", 5), 205);
        let a = instance.get_export_index(&mut store, None, "a").unwrap();
        let g = instance
            .get_export_index(&mut store, Some(&a), "g")
            .unwrap();
        let g = instance.get_typed_func::<(u32,), (u32,)>(&mut store, g);
        assert_eq!(g.unwrap().call(&mut store, (1,)).unwrap(), (3,));
        // The component goes out as it came in, with more than was asked of it.
        let again = instance.get_component(&store, "twice").unwrap();
        assert!(again.get_export(None, "calls").is_some());
        assert!(instance.get_component(&store, "both").is_none());
        assert!(instance.get_func(&store, "twice").is_none());
    }
}

#[test]
fn components_are_listed_with_their_types() {
    let engine = Engine::default();
    let host = Component::new(&engine, HOST).unwrap();
    let ty = host.component_type();
    let ComponentItem::Component(twice) = ty.imports().next().unwrap().1 else {
        panic!("the import is a component");
    };
    let name = |(name, _): (&str, ComponentItem)| name.to_owned();
    assert_eq!(twice.imports().map(name).collect::<Vec<_>>(), ["f"]);
    let Some(("g", ComponentItem::ComponentFunc(g))) = twice.exports().next() else {
        panic!("the export is a function");
    };
    assert_eq!(g.to_string(), "func(x: u32) -> u32");
    let exported = ty.exports().find(|(name, _)| *name == "twice").unwrap().1;
    assert!(matches!(exported, ComponentItem::Component(ty) if ty.exports().len() == 1));
}

/// Imports a component whose instances make resources, and uses one that it makes itself, too.
const RESOURCES: &str = r#"(component
    (import "thing" (type $thing (sub resource)))
    (import "c" (component $c
        (import "thing" (type $thing (sub resource)))
        (export "made" (type $made (sub resource)))
        (export "make" (func (param "from" (own $thing)) (result (own $made))))
        (export "look" (func (param "made" (borrow $made)) (result u32)))
        (export "unmake" (func (param "made" (own $made)) (result (own $thing))))))
    (instance $c (instantiate $c (with "thing" (type $thing))))
    (alias export $c "made" (type $made))
    (core func $make (canon lower (func $c "make")))
    (core func $look (canon lower (func $c "look")))
    (core func $unmake (canon lower (func $c "unmake")))
    (core func $drop (canon resource.drop $made))
    (core module $m
        (import "" "make" (func $make (param i32) (result i32)))
        (import "" "look" (func $look (param i32) (result i32)))
        (import "" "unmake" (func $unmake (param i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "there-and-back") (param i32) (result i32)
            (local $made i32)
            (local.set $made (call $make (local.get 0)))
            (if (i32.ne (call $look (local.get $made)) (i32.const 77)) (then unreachable))
            (call $unmake (local.get $made)))
        (func (export "lose") (param i32) (call $drop (call $make (local.get 0)))))
    (core instance $m (instantiate $m (with "" (instance
        (export "make" (func $make)) (export "look" (func $look))
        (export "unmake" (func $unmake)) (export "drop" (func $drop))))))
    (func (export "there-and-back") (param "thing" (own $thing)) (result (own $thing))
        (canon lift (core func $m "there-and-back")))
    (func (export "lose") (param "thing" (own $thing)) (canon lift (core func $m "lose")))
    (export "made" (type $made)))"#;

const MAKES: &str = r#"(component
    (import "thing" (type $thing (sub resource)))
    (core func $drop (canon resource.drop $thing))
    (core module $d
        (import "" "drop" (func $drop (param i32)))
        (func (export "dtor") (param i32) (call $drop (i32.sub (local.get 0) (i32.const 1000)))))
    (core instance $d (instantiate $d (with "" (instance (export "drop" (func $drop))))))
    (type $made' (resource (rep i32) (dtor (core func $d "dtor"))))
    (export $made "made" (type $made'))
    (core func $new (canon resource.new $made))
    (core func $rep (canon resource.rep $made))
    (core func $forget (canon resource.drop $made))
    (core module $m
        (import "" "new" (func $new (param i32) (result i32)))
        (import "" "rep" (func $rep (param i32) (result i32)))
        (func (export "make") (param i32) (result i32)
            (call $new (i32.add (local.get 0) (i32.const 1000))))
        (func (export "look") (param i32) (result i32) (i32.const 77))
        (func (export "unmake") (param i32) (result i32)
            (i32.sub (call $rep (local.get 0)) (i32.const 1000))))
    (core instance $m (instantiate $m (with "" (instance
        (export "new" (func $new)) (export "rep" (func $rep))))))
    (func (export "make") (param "from" (own $thing)) (result (own $made))
        (canon lift (core func $m "make")))
    (func (export "look") (param "made" (borrow $made)) (result u32)
        (canon lift (core func $m "look")))
    (func (export "unmake") (param "made" (own $made)) (result (own $thing))
        (canon lift (core func $m "unmake"))))"#;

struct Thing;

#[test]
fn resources_go_in_and_out_of_an_instance_of_an_imported_component() {
    let engine = Engine::default();
    let mut linker = Linker::<u32>::new(&engine);
    let makes = Component::new(&engine, MAKES).unwrap();
    linker.root().component("c", &makes).unwrap();
    linker
        .root()
        .resource("thing", ResourceType::host::<Thing>(), |mut store, rep| {
            *store.data_mut() += rep;
            Ok(())
        })
        .unwrap();
    let component = Component::new(&engine, RESOURCES).unwrap();
    let mut store = Store::new(&engine, 0);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let func = instance
        .get_typed_func::<(Resource<Thing>,), (Resource<Thing>,)>(&mut store, "there-and-back")
        .unwrap();
    let (back,) = func.call(&mut store, (Resource::new_own(42),)).unwrap();
    assert_eq!(back.rep(), 42);
    // Dropped by one instance, destroyed by the other, which drops what it holds.
    let lose = instance
        .get_typed_func::<(Resource<Thing>,), ()>(&mut store, "lose")
        .unwrap();
    lose.call(&mut store, (Resource::new_own(7),)).unwrap();
    assert_eq!(*store.data(), 7);
    let made = instance.get_resource(&store, "made").unwrap();
    let other = linker.instantiate(&mut store, &component).unwrap();
    assert!(made != other.get_resource(&store, "made").unwrap());
}

/// Exports components: one that stands alone, one that uses a module, a component and types from
/// around it, and one that uses an imported module.
const EXPORTS: &str = r#"(component
    (import "lib" (core module $lib (export "f" (func (param i32) (result i32)))))
    (core module $m
        (func (export "f") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))
    (type $func (func (param "x" u32) (result u32)))
    (component $double
        (alias outer 1 $m (core module $m))
        (alias outer 1 $func (type $func))
        (core instance $i (instantiate $m))
        (func $f (type $func) (canon lift (core func $i "f")))
        (export "f" (func $f)))
    (component $alone
        (core module $m
            (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))
        (core instance $i (instantiate $m))
        (func (export "f") (param "x" u32) (result u32) (canon lift (core func $i "f"))))
    (component $four
        (alias outer 1 $double (component $double))
        (instance $a (instantiate $double))
        (core func $f (canon lower (func $a "f")))
        (core module $m
            (import "" "f" (func $f (param i32) (result i32)))
            (func (export "f") (param i32) (result i32) (call $f (call $f (local.get 0)))))
        (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
        (func (export "f") (param "x" u32) (result u32) (canon lift (core func $i "f")))
        (export "double" (component $double)))
    (component $uses-lib
        (core instance $i (instantiate $lib))
        (func (export "f") (param "x" u32) (result u32) (canon lift (core func $i "f"))))
    (export "alone" (component $alone))
    (export "four" (component $four))
    (export "uses-lib" (component $uses-lib))
    (instance $in (export "alone" (component $alone)))
    (export "in" (instance $in)))"#;

fn exporter(engine: &Engine, store: &mut Store<u32>, component: &Component) -> Instance {
    let mut linker = Linker::new(engine);
    let lib = Module::new(
        engine,
        r#"(module (func (export "f") (param i32) (result i32)
            (i32.sub (local.get 0) (i32.const 3))))"#,
    );
    linker.root().module("lib", &lib.unwrap()).unwrap();
    linker.instantiate(store, component).unwrap()
}

#[test]
fn exported_components_are_instantiated_by_the_host_and_by_others() {
    let engine = Engine::default();
    let component = Component::new(&engine, EXPORTS).unwrap();
    let mut store = Store::new(&engine, 0);
    let exporter = exporter(&engine, &mut store, &component);
    for (name, of_five) in [("alone", 6), ("four", 20), ("uses-lib", 2)] {
        let exported = exporter.get_component(&store, name).unwrap();
        let linker = Linker::new(&engine);
        // In another store, too.
        let mut other = Store::new(&engine, 0);
        let instance = linker.instantiate(&mut other, &exported).unwrap();
        assert_eq!(call(&mut other, &instance, "f", 5), of_five, "{name}");
        let instance = linker.instantiate(&mut store, &exported).unwrap();
        assert_eq!(call(&mut store, &instance, "f", 5), of_five, "{name}");
        // It has an image of its own, unless it uses what the other component was given.
        assert_eq!(exported.serialize().is_err(), name == "uses-lib");
        if name == "four" {
            let double = instance.get_component(&store, "double").unwrap();
            let double = linker.instantiate(&mut store, &double).unwrap();
            assert_eq!(call(&mut store, &double, "f", 5), 10);
        }
    }
    let listed = component.component_type();
    let four = listed.exports().find(|(name, _)| *name == "four").unwrap();
    let ComponentItem::Component(four) = four.1 else {
        panic!("it is a component");
    };
    let names: Vec<_> = four.exports().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(names, ["double", "f"]);

    // All exports of the instance as imports of another component.
    let user = Component::new(
        &engine,
        r#"(component
                (import "four" (component $four
                    (export "f" (func (param "x" u32) (result u32)))
                    (export "double" (component
                        (export "f" (func (param "x" u32) (result u32)))))))
                (import "in" (instance $in (export "alone" (component
                    (export "f" (func (param "x" u32) (result u32)))))))
                (import "uses-lib" (component $lib
                    (export "f" (func (param "x" u32) (result u32)))))
                (instance $four (instantiate $four))
                (instance $double (instantiate (component $four "double")))
                (instance $alone (instantiate (component $in "alone")))
                (instance $lib (instantiate $lib))
                (export "four" (func $four "f"))
                (export "double" (func $double "f"))
                (export "alone" (func $alone "f"))
                (export "lib" (func $lib "f")))"#,
    )
    .unwrap();
    let mut linker = Linker::new(&engine);
    linker.root().reexport(&store, &exporter).unwrap();
    let user = linker.instantiate(&mut store, &user).unwrap();
    for (name, of_five) in [("four", 20), ("double", 10), ("alone", 6), ("lib", 2)] {
        assert_eq!(call(&mut store, &user, name, 5), of_five, "{name}");
    }
}

#[test]
fn an_imported_component_is_given_components_modules_and_instances() {
    let engine = Engine::default();
    let taker = Component::new(
        &engine,
        r#"(component
            (import "make" (component $make
                (import "f" (func (param "x" u32) (result u32)))
                (export "g" (func (param "x" u32) (result u32)))))
            (import "m" (core module $m (export "f" (func (param i32) (result i32)))))
            (import "i" (instance $i (export "h" (func (param "x" u32) (result u32)))))
            (core instance $m (instantiate $m))
            (func $f (param "x" u32) (result u32) (canon lift (core func $m "f")))
            (instance $made (instantiate $make (with "f" (func $f))))
            (instance $again (instantiate $make (with "f" (func $i "h"))))
            (export "through-module" (func $made "g"))
            (export "through-instance" (func $again "g")))"#,
    );
    let giver = Component::new(
        &engine,
        r#"(component
            (import "taker" (component $taker
                (import "make" (component
                    (import "f" (func (param "x" u32) (result u32)))
                    (export "g" (func (param "x" u32) (result u32)))))
                (import "m" (core module (export "f" (func (param i32) (result i32)))))
                (import "i" (instance (export "h" (func (param "x" u32) (result u32)))))
                (export "through-module" (func (param "x" u32) (result u32)))
                (export "through-instance" (func (param "x" u32) (result u32)))))
            (core module $m
                (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
                (func (export "h") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3))))
            (core instance $m (instantiate $m))
            (func $h (param "x" u32) (result u32) (canon lift (core func $m "h")))
            (component $twice
                (import "f" (func $f (param "x" u32) (result u32)))
                (core func $f (canon lower (func $f)))
                (core module $n
                    (import "" "f" (func $f (param i32) (result i32)))
                    (func (export "g") (param i32) (result i32) (call $f (call $f (local.get 0)))))
                (core instance $n (instantiate $n (with "" (instance (export "f" (func $f))))))
                (func (export "g") (param "x" u32) (result u32) (canon lift (core func $n "g"))))
            (instance $i (export "h" (func $h)))
            (instance $t (instantiate $taker (with "make" (component $twice))
                (with "m" (core module $m)) (with "i" (instance $i))))
            (export "module" (func $t "through-module"))
            (export "instance" (func $t "through-instance")))"#,
    );
    let mut linker = Linker::new(&engine);
    linker.root().component("taker", &taker.unwrap()).unwrap();
    let mut store = Store::new(&engine, 0);
    let instance = linker.instantiate(&mut store, &giver.unwrap()).unwrap();
    assert_eq!(call(&mut store, &instance, "module", 5), 7);
    assert_eq!(call(&mut store, &instance, "instance", 5), 45);
}

#[test]
fn a_trap_in_an_instance_of_an_imported_component_locks_both() {
    let engine = Engine::default();
    let inner = Component::new(
        &engine,
        r#"(component
            (core module $m (func (export "f") unreachable))
            (core instance $m (instantiate $m))
            (func (export "f") (canon lift (core func $m "f"))))"#,
    );
    let outer = Component::new(
        &engine,
        r#"(component
            (import "c" (component $c (export "f" (func))))
            (instance $c (instantiate $c))
            (export "f" (func $c "f")))"#,
    );
    let mut linker = Linker::new(&engine);
    linker.root().component("c", &inner.unwrap()).unwrap();
    let mut store = Store::new(&engine, ());
    let outer = linker.instantiate(&mut store, &outer.unwrap()).unwrap();
    let f = outer.get_typed_func::<(), ()>(&mut store, "f").unwrap();
    let error = f.call(&mut store, ()).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::Unreachable));
    let error = f.call(&mut store, ()).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::CannotEnterComponent));
}

#[test]
fn a_trap_while_an_imported_component_starts_ends_the_instantiation() {
    let engine = Engine::default();
    let inner = Component::new(
        &engine,
        "(component (core module $m (func $f unreachable) (start $f))
            (core instance (instantiate $m)))",
    );
    let outer = Component::new(
        &engine,
        r#"(component (import "c" (component $c)) (instance (instantiate $c)))"#,
    );
    let mut linker = Linker::new(&engine);
    linker.root().component("c", &inner.unwrap()).unwrap();
    let mut store = Store::new(&engine, ());
    let error = linker.instantiate(&mut store, &outer.unwrap()).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::Unreachable));
}

/// What is wrong with a component as the import of another.
fn refused(import: &str, component: &str) -> String {
    let engine = Engine::default();
    let outer = format!(
        r#"(component
            (import "r" (type $r (sub resource)))
            (import "i" (instance $i (export "c" (component {import})))))"#
    );
    let outer = Component::new(&engine, outer).unwrap();
    let mut linker = Linker::<u32>::new(&engine);
    let component = Component::new(&engine, component).unwrap();
    linker
        .root()
        .resource("r", ResourceType::host::<Thing>(), |_, _| Ok(()))
        .unwrap();
    let mut i = linker.instance("i").unwrap();
    i.component("c", &component).unwrap();
    match linker.instantiate_pre(&outer) {
        Ok(_) => "it fits".to_owned(),
        Err(error) => match error.downcast_ref() {
            Some(ComponentError::WrongComponent { path, mismatch }) => {
                assert_eq!(path[..], ["i", "c"]);
                mismatch.clone()
            }
            _ => panic!("another error: {error:?}"),
        },
    }
}

#[test]
fn a_component_of_another_type_is_refused() {
    let func = |name: &str, ty: &str| {
        format!(
            r#"(component
                (core module $m (func (export "f") (param i32)))
                (core instance $m (instantiate $m))
                (func (export "{name}") {ty} (canon lift (core func $m "f"))))"#
        )
    };
    for (import, component, expected) in [
        ("", "(component)", "it fits"),
        (
            r#"(export "f" (func (param "x" u32)))"#,
            "(component)",
            "it does not export a function `f`",
        ),
        (
            r#"(export "f" (func (param "x" u32)))"#,
            &func("f", r#"(param "y" u32)"#),
            "it fits",
        ),
        (
            r#"(export "f" (func (param "x" u32)))"#,
            &func("f", r#"(param "x" s32)"#),
            "its export `f`: the parameters of `func(x: u32)` differ: element 0: expected `u32`, \
             found `s32`",
        ),
        (
            r#"(export "f" (instance))"#,
            &func("f", r#"(param "x" s32)"#),
            "its export `f`: expected an instance, found a function",
        ),
        (
            r#"(export "a:b/c@1.0.1" (func (param "x" u32)))"#,
            &func("a:b/c@1.2.0", r#"(param "x" u32)"#),
            "it fits",
        ),
        // What is given need not be imported.
        (r#"(import "f" (func))"#, "(component)", "it fits"),
        (
            "",
            r#"(component (import "f" (func)))"#,
            "it imports a function `f`, which the component does not give it",
        ),
        (
            r#"(import "f" (func (result u8)))"#,
            r#"(component (import "f" (func)))"#,
            "its import `f`: the results of `func()` differ: expected 0 value(s), found \
             a tuple of 1",
        ),
        (
            r#"(import "i" (instance (export "f" (func))))"#,
            r#"(component (import "i" (instance (export "g" (func)))))"#,
            "its import `i`: a function `g` is missing",
        ),
        (
            "",
            r#"(component (type $t u8) (import "t" (type (eq $t))))"#,
            "it fits",
        ),
    ] {
        assert_eq!(refused(import, component), expected, "{import} {component}");
    }
}

#[test]
fn resource_types_that_are_left_open_stand_for_what_they_are_given() {
    for (import, component, expected) in [
        (
            r#"(import "r" (type $r (sub resource))) (export "s" (type (eq $r)))"#,
            r#"(component (import "r" (type $r (sub resource))) (export "s" (type $r)))"#,
            "it fits",
        ),
        (
            r#"(import "r" (type $r (sub resource))) (export "s" (type (sub resource)))"#,
            r#"(component (import "r" (type $r (sub resource))) (export "s" (type $r)))"#,
            "it fits",
        ),
        (
            r#"(import "r" (type $r (sub resource))) (export "s" (type (eq $r)))"#,
            r#"(component (type $s (resource (rep i32))) (export "s" (type $s)))"#,
            "its export `s`: expected the resource type `r`, found another, `s`",
        ),
        (
            r#"(import "r" (type (eq $r)))"#,
            r#"(component (import "r" (type $r (sub resource)))
                (export "s" (type $r)))"#,
            "it fits",
        ),
        // One type where it expects that they may differ, but not the other way around.
        (
            r#"(import "r" (type $r (sub resource))) (import "s" (type (eq $r)))"#,
            r#"(component (import "r" (type (sub resource))) (import "s" (type (sub resource))))"#,
            "it fits",
        ),
        (
            r#"(import "r" (type $r (sub resource))) (import "s" (type (sub resource)))"#,
            r#"(component (import "r" (type $r (sub resource))) (import "s" (type (eq $r))))"#,
            "its import `s`: expected the resource type `r`, found another, `s`",
        ),
    ] {
        assert_eq!(refused(import, component), expected, "{import} {component}");
    }
}

#[test]
fn modules_and_components_in_the_type_of_a_component_are_compared() {
    for (import, component, expected) in [
        (
            r#"(export "m" (core module (export "f" (func))))"#,
            r#"(component (core module $m) (export "m" (core module $m)))"#,
            "its export `m`: the module does not export `f`",
        ),
        (
            r#"(import "m" (core module (export "f" (func (param i32)))))"#,
            r#"(component (import "m" (core module (export "f" (func (param i64))))))"#,
            "its import `m`: the module's export `f`: expected `func (i64) -> ()`, found \
             `func (i32) -> ()`",
        ),
        (
            r#"(export "c" (component (import "f" (func))))"#,
            r#"(component (component $c (import "f" (func)) (import "g" (func)))
                (export "c" (component $c)))"#,
            "its export `c`: it imports a function `g`, which the component does not give it",
        ),
        (
            r#"(import "c" (component (import "f" (func))))"#,
            r#"(component (import "c" (component (import "f" (func)) (import "g" (func)))))"#,
            "it fits",
        ),
        (
            r#"(import "c" (component (import "f" (func)) (import "g" (func))))"#,
            r#"(component (import "c" (component (import "f" (func)))))"#,
            "its import `c`: it imports a function `g`, which the component does not give it",
        ),
    ] {
        assert_eq!(refused(import, component), expected, "{import} {component}");
    }
}

#[test]
fn a_missing_component_is_named() {
    let engine = Engine::default();
    let component = Component::new(
        &engine,
        r#"(component (import "x" (instance (export "c" (component)))))"#,
    );
    let mut linker = Linker::<()>::new(&engine);
    let component = component.unwrap();
    let error = linker.instantiate_pre(&component).err().unwrap();
    assert_eq!(
        error.to_string(),
        "the component imports the component `x#c`, which the linker does not define"
    );
    let module = Module::new(&engine, "(module)").unwrap();
    linker.instance("x").unwrap().module("c", &module).unwrap();
    let error = linker.instantiate_pre(&component).err().unwrap();
    assert_eq!(
        error.to_string(),
        "the component imports `x#c` as a component, but the linker defines it as a core module"
    );
}
