//! Resources that can't be passed as parameters are found before anything happens: neither is the
//! instance locked, nor anything given away.
#![cfg(feature = "component-macro")]
#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]

use threadline::component::{
    Component, ComponentError, ComponentType, Instance, Linker, Lower, Resource, ResourceAny,
    ResourceType,
};
use threadline::{Engine, Store};

/// Something of the host's.
struct File;

/// Defines a resource type, uses another, and takes them in all kinds of types.
const COMPONENT: &str = r#"(component
    (import "file" (type $file (sub resource)))
    (type $r' (resource (rep i32)))
    (export $r "r" (type $r'))
    (core func $new (canon resource.new $r'))
    (core module $m
        (import "" "new" (func $new (param i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
        (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
        (func (export "get") (param i32) (result i32) (local.get 0))
        (func (export "take") (param i32))
        (func (export "take-file") (param i32))
        (func (export "both") (param i32 i32))
        (func (export "record") (param i32 i32))
        (func (export "variant") (param i32 i32))
        (func (export "option") (param i32 i32))
        (func (export "list") (param i32 i32)))
    (core instance $m (instantiate $m (with "" (instance (export "new" (func $new))))))
    (type $pair' (record (field "first" (own $r)) (field "second" (borrow $r))))
    (export $pair "pair" (type $pair'))
    (type $either' (variant (case "none") (case "own" (own $r))))
    (export $either "either" (type $either'))
    (func (export "make") (param "n" u32) (result (own $r)) (canon lift (core func $m "make")))
    (func (export "get") (param "r" (borrow $r)) (result u32) (canon lift (core func $m "get")))
    (func (export "take") (param "r" (own $r)) (canon lift (core func $m "take")))
    (func (export "take-file") (param "f" (own $file)) (canon lift (core func $m "take-file")))
    (func (export "both") (param "a" (own $r)) (param "b" (own $r))
        (canon lift (core func $m "both")))
    (func (export "files") (param "a" (own $file)) (param "b" (own $file))
        (canon lift (core func $m "both")))
    (func (export "record") (param "p" $pair) (canon lift (core func $m "record")))
    (func (export "variant") (param "p" $either) (canon lift (core func $m "variant")))
    (func (export "option") (param "p" (option (own $r))) (canon lift (core func $m "option")))
    (func (export "list") (param "l" (list (own $r))) (canon lift (core func $m "list")
        (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
    (func (export "fixed") (param "l" (list (own $r) 2)) (canon lift (core func $m "both"))))"#;

#[derive(ComponentType, Lower)]
#[component(record)]
struct Pair {
    first: ResourceAny,
    second: ResourceAny,
}

#[derive(ComponentType, Lower)]
#[component(variant)]
enum Either {
    None,
    Own(ResourceAny),
}

struct Tested {
    store: Store<()>,
    instance: Instance,
}

impl Tested {
    fn new(engine: &Engine) -> Tested {
        let component = Component::new(engine, COMPONENT).unwrap();
        let mut linker = Linker::new(engine);
        linker
            .root()
            .resource("file", ResourceType::host::<File>(), |_, _| Ok(()))
            .unwrap();
        let mut store = Store::new(engine, ());
        let instance = linker.instantiate(&mut store, &component).unwrap();
        Tested { store, instance }
    }

    fn make(&mut self) -> ResourceAny {
        let make = self
            .instance
            .get_typed_func::<(u32,), (ResourceAny,)>(&self.store, "make");
        make.unwrap().call(&mut self.store, (5,)).unwrap().0
    }

    fn get(&mut self, resource: ResourceAny) -> anyhow::Result<u32> {
        let get = self
            .instance
            .get_typed_func::<(ResourceAny,), (u32,)>(&self.store, "get");
        Ok(get.unwrap().call(&mut self.store, (resource,))?.0)
    }

    fn call<P>(&mut self, name: &str, params: P) -> anyhow::Result<()>
    where
        P: threadline::component::ComponentNamedList + Lower,
    {
        let func = self.instance.get_typed_func::<P, ()>(&self.store, name);
        func.unwrap().call(&mut self.store, params)
    }

    /// Checks that a call is refused, and that `kept` is still there and the instance open.
    fn refused<P>(&mut self, name: &str, params: P, expected: &str, kept: ResourceAny)
    where
        P: threadline::component::ComponentNamedList + Lower,
    {
        let error = self.call(name, params).unwrap_err();
        assert!(error.to_string().contains(expected), "{name}: {error}");
        assert!(matches!(
            error.downcast_ref(),
            Some(ComponentError::Value { .. })
        ));
        assert_eq!(self.get(kept).unwrap(), 5, "{name}");
    }
}

const GONE: &str = "has been dropped or given away";

#[test]
fn what_is_gone_is_refused_wherever_it_is() {
    let mut tested = Tested::new(&Engine::default());
    let (kept, gone) = (tested.make(), tested.make());
    tested.call("take", (gone,)).unwrap();
    tested.refused("take", (gone,), GONE, kept);
    tested.refused("both", (kept, gone), GONE, kept);
    tested.refused("both", (&kept, Box::new(gone)), GONE, kept);
    let pair = |first, second| Pair { first, second };
    tested.refused("record", (pair(kept, gone),), GONE, kept);
    tested.refused("record", (pair(gone, kept),), GONE, kept);
    tested.refused("variant", (Either::Own(gone),), GONE, kept);
    tested.refused("option", (Some(gone),), GONE, kept);
    tested.refused("list", (vec![kept, gone],), GONE, kept);
    tested.refused("list", (&[kept, gone][..],), GONE, kept);
    tested.refused("fixed", ([kept, gone],), GONE, kept);
    let error = tested.get(gone).unwrap_err().to_string();
    assert!(error.contains(GONE), "{error}");
    // What is there goes.
    tested.call("variant", (Either::None,)).unwrap();
    let other = tested.make();
    tested.call("record", (pair(other, kept),)).unwrap();
    let other = tested.make();
    tested.call("fixed", ([kept, other],)).unwrap();
    assert!(tested.get(kept).is_err());
}

#[test]
fn what_is_given_away_is_given_once() {
    let mut tested = Tested::new(&Engine::default());
    let kept = tested.make();
    let twice = "is there once more among the values";
    tested.refused("both", (kept, kept), twice, kept);
    tested.refused("list", (vec![kept; 3],), twice, kept);
    let pair = Pair {
        first: kept,
        second: kept,
    };
    tested.refused("record", (pair,), twice, kept);
    let file = Resource::<File>::new_own(7);
    tested.refused("files", (&file, &file), twice, kept);
    tested.call("take-file", (&file,)).unwrap();
    tested.refused("take-file", (file,), "has been given away", kept);
    let borrowed = Resource::<File>::new_borrow(7);
    tested.refused("take-file", (borrowed,), "can't be given away", kept);
}

#[test]
fn what_is_of_another_type_or_store_is_refused() {
    let engine = Engine::default();
    let (mut tested, mut other) = (Tested::new(&engine), Tested::new(&engine));
    let kept = tested.make();
    let foreign = other.make();
    let error = tested.get(foreign).unwrap_err().to_string();
    assert!(error.contains("another store"), "{error}");
    tested.refused("option", (Some(foreign),), "another store", kept);
    assert_eq!(other.get(foreign).unwrap(), 5);
    let file = Resource::<File>::new_own(7);
    let file = ResourceAny::try_from_resource(file, &mut tested.store).unwrap();
    tested.refused("take", (file,), "expected a resource of type `r`", kept);
    tested.refused("take-file", (kept,), "expected a resource of type", kept);
    tested.call("take-file", (file,)).unwrap();
}
