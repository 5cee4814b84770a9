//! Resources between host and guest: host-defined and guest-defined ones, owned and borrowed, in
//! both directions; destructors; what hostile guests do with handles.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]

use threadline::component::{
    Component, ComponentError, Instance, Linker, Resource, ResourceAny, ResourceType, Val,
};
use threadline::{Engine, Store, Trap};

/// Something of the host's.
struct File;

/// Another thing.
struct Socket;

/// A component that imports a host's resource with functions, and does things with it.
const USES_FILES: &str = r#"(component
    (import "files" (instance $files
        (export "file" (type $file (sub resource)))
        (export "open" (func (param "n" u32) (result (own $file))))
        (export "read" (func (param "f" (borrow $file)) (result u32)))
        (export "take" (func (param "f" (own $file))))))
    (alias export $files "file" (type $file))
    (core func $open (canon lower (func $files "open")))
    (core func $read (canon lower (func $files "read")))
    (core func $take (canon lower (func $files "take")))
    (core func $drop (canon resource.drop $file))
    (core module $m
        (import "" "open" (func $open (param i32) (result i32)))
        (import "" "read" (func $read (param i32) (result i32)))
        (import "" "take" (func $take (param i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "open-read-drop") (param i32) (result i32)
            (local $f i32) (local $r i32)
            (local.set $f (call $open (local.get 0)))
            (local.set $r (call $read (local.get $f)))
            (call $drop (local.get $f))
            (local.get $r))
        (func (export "open-take") (param i32) (call $take (call $open (local.get 0))))
        (func (export "open") (param i32) (result i32) (call $open (local.get 0)))
        (func (export "read") (param i32) (result i32)
            (local $r i32)
            (local.set $r (call $read (local.get 0)))
            (call $drop (local.get 0))
            (local.get $r))
        (func (export "forget") (param i32))
        (func (export "keep") (param i32) (result i32) (local.get 0))
        (func (export "drop-index") (param i32) (call $drop (local.get 0))))
    (core instance $m (instantiate $m (with "" (instance
        (export "open" (func $open)) (export "read" (func $read))
        (export "take" (func $take)) (export "drop" (func $drop))))))
    (func (export "open-read-drop") (param "n" u32) (result u32)
        (canon lift (core func $m "open-read-drop")))
    (func (export "open-take") (param "n" u32) (canon lift (core func $m "open-take")))
    (func (export "open") (param "n" u32) (result (own $file)) (canon lift (core func $m "open")))
    (func (export "read") (param "f" (borrow $file)) (result u32)
        (canon lift (core func $m "read")))
    (func (export "forget") (param "f" (borrow $file)) (canon lift (core func $m "forget")))
    (func (export "keep") (param "f" (own $file)) (result u32)
        (canon lift (core func $m "keep")))
    (func (export "drop-index") (param "i" u32) (canon lift (core func $m "drop-index"))))"#;

/// What the host's functions did.
#[derive(Default)]
struct Log {
    dropped: Vec<u32>,
    taken: Vec<(u32, bool)>,
}

fn files_linker(engine: &Engine) -> Linker<Log> {
    let mut linker = Linker::<Log>::new(engine);
    let mut files = linker.instance("files").unwrap();
    files
        .resource("file", ResourceType::host::<File>(), |mut store, rep| {
            store.data_mut().dropped.push(rep);
            Ok(())
        })
        .unwrap();
    files
        .func_wrap("open", |_, (n,): (u32,)| {
            Ok((Resource::<File>::new_own(n),))
        })
        .unwrap();
    files
        .func_wrap("read", |_, (file,): (Resource<File>,)| {
            assert!(!file.owned());
            Ok((file.rep() * 2,))
        })
        .unwrap();
    files
        .func_wrap("take", |mut store, (file,): (Resource<File>,)| {
            let owned = file.owned();
            store.data_mut().taken.push((file.rep(), owned));
            Ok(())
        })
        .unwrap();
    linker
}

fn with_files() -> (Store<Log>, Instance) {
    let engine = Engine::default();
    let component = Component::new(&engine, USES_FILES).unwrap();
    let mut store = Store::new(&engine, Log::default());
    let linker = files_linker(&engine);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    (store, instance)
}

#[test]
fn a_guest_opens_lends_and_drops_a_resource_of_the_hosts() {
    let (mut store, instance) = with_files();
    let run = instance
        .get_typed_func::<(u32,), (u32,)>(&store, "open-read-drop")
        .unwrap();
    assert_eq!(run.call(&mut store, (21,)).unwrap(), (42,));
    assert_eq!(store.data().dropped, [21]);
    let take = instance
        .get_typed_func::<(u32,), ()>(&store, "open-take")
        .unwrap();
    take.call(&mut store, (7,)).unwrap();
    assert_eq!(store.data().taken, [(7, true)]);
    assert_eq!(store.data().dropped, [21], "the host owns it now");
}

#[test]
fn a_resource_of_the_hosts_comes_back_as_it_went() {
    let (mut store, instance) = with_files();
    let open = instance
        .get_typed_func::<(u32,), (Resource<File>,)>(&store, "open")
        .unwrap();
    let (file,) = open.call(&mut store, (9,)).unwrap();
    assert_eq!((file.rep(), file.owned()), (9, true));
    let read = instance
        .get_typed_func::<(&Resource<File>,), (u32,)>(&store, "read")
        .unwrap();
    assert_eq!(read.call(&mut store, (&file,)).unwrap(), (18,));
    assert!(file.owned(), "it was only lent");
    let keep = instance
        .get_typed_func::<(&Resource<File>,), (u32,)>(&store, "keep")
        .unwrap();
    assert_eq!(keep.call(&mut store, (&file,)).unwrap(), (1,));
    assert!(!file.owned());
    let error = keep.call(&mut store, (&file,)).unwrap_err().to_string();
    assert!(error.contains("given away"), "{error}");
}

#[test]
fn a_guest_that_forgets_what_it_borrowed_traps() {
    let (mut store, instance) = with_files();
    let forget = instance
        .get_typed_func::<(Resource<File>,), ()>(&store, "forget")
        .unwrap();
    let error = forget
        .call(&mut store, (Resource::new_own(3),))
        .unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::BorrowsRemain));
    let error = forget
        .call(&mut store, (Resource::new_own(3),))
        .unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::CannotEnterComponent));
}

#[test]
fn forged_indices_trap() {
    for index in [0, 1, 15, 16, 17, 1 << 28, u32::MAX] {
        let (mut store, instance) = with_files();
        let drop = instance
            .get_typed_func::<(u32,), ()>(&store, "drop-index")
            .unwrap();
        let error = drop.call(&mut store, (index,)).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::UnknownHandle));
        let message = format!("{error:#}");
        assert!(
            message.contains(&format!("unknown handle index {index}")),
            "{message}"
        );
        assert!(store.data().dropped.is_empty());
    }
}

#[test]
fn a_function_that_takes_another_resource_is_refused() {
    let engine = Engine::default();
    let component = Component::new(&engine, USES_FILES).unwrap();
    let mut linker = files_linker(&engine);
    linker.allow_shadowing(true);
    linker
        .instance("files")
        .unwrap()
        .func_wrap("take", |_, (_,): (Resource<Socket>,)| Ok(()))
        .unwrap();
    let mut store = Store::new(&engine, Log::default());
    let error = linker.instantiate(&mut store, &component).unwrap_err();
    let error = error.to_string();
    for part in ["files#take", "File", "Socket"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_missing_resource_type_is_named() {
    let engine = Engine::default();
    let component = Component::new(&engine, USES_FILES).unwrap();
    let linker = Linker::<Log>::new(&engine);
    let mut store = Store::new(&engine, Log::default());
    let error = linker.instantiate(&mut store, &component).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the component imports the resource type `files#file`, which the linker does not define"
    );
}

#[test]
fn imports_of_one_type_must_be_given_one_type() {
    let engine = Engine::default();
    let text = r#"(component
        (import "a" (instance $a (export "r" (type $r (sub resource)))))
        (alias export $a "r" (type $r))
        (import "b" (instance $b (export "r" (type (eq $r))))))"#;
    let component = Component::new(&engine, text).unwrap();
    let instantiate = |b: ResourceType| {
        let mut linker = Linker::<()>::new(&engine);
        let a = ResourceType::host::<File>();
        linker
            .instance("a")
            .unwrap()
            .resource("r", a, |_, _| Ok(()))
            .unwrap();
        linker
            .instance("b")
            .unwrap()
            .resource("r", b, |_, _| Ok(()))
            .unwrap();
        linker.instantiate(Store::new(&engine, ()), &component)
    };
    instantiate(ResourceType::host::<File>()).unwrap();
    let error = instantiate(ResourceType::host::<Socket>()).unwrap_err();
    let Some(ComponentError::WrongResource { path, .. }) = error.downcast_ref() else {
        panic!("another error: {error:?}");
    };
    assert_eq!(path, &["b", "r"]);
}

#[test]
fn unknown_imports_trap_when_used() {
    let engine = Engine::default();
    let component = Component::new(&engine, USES_FILES).unwrap();
    let mut linker = Linker::<()>::new(&engine);
    linker.define_unknown_imports_as_traps(&component).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let take = instance
        .get_typed_func::<(u32,), ()>(&store, "open-take")
        .unwrap();
    let error = format!("{:#}", take.call(&mut store, (1,)).unwrap_err());
    assert!(error.contains("`files#open`"), "{error}");
}

/// A component with a resource type of its own, and a counter of what was destroyed.
const DEFINES: &str = r#"(component
    (core module $dtor
        (global $dropped (mut i32) (i32.const 0))
        (func (export "dtor") (param i32)
            (if (i32.eq (local.get 0) (i32.const 666)) (then unreachable))
            (global.set $dropped (local.get 0)))
        (func (export "dropped") (result i32) (global.get $dropped)))
    (core instance $dtor (instantiate $dtor))
    (type $r' (resource (rep i32) (dtor (core func $dtor "dtor"))))
    (export $r "r" (type $r'))
    (core func $new (canon resource.new $r'))
    (core module $m
        (import "" "new" (func $new (param i32) (result i32)))
        (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
        (func (export "get") (param i32) (result i32) (local.get 0))
        (func (export "take") (param i32)))
    (core instance $m (instantiate $m (with "" (instance (export "new" (func $new))))))
    (func (export "make") (param "n" u32) (result (own $r)) (canon lift (core func $m "make")))
    (func (export "get") (param "r" (borrow $r)) (result u32) (canon lift (core func $m "get")))
    (func (export "take") (param "r" (own $r)) (canon lift (core func $m "take")))
    (func (export "dropped") (result u32) (canon lift (core func $dtor "dropped"))))"#;

fn defining(engine: &Engine, store: &mut Store<()>) -> Instance {
    let component = Component::new(engine, DEFINES).unwrap();
    Linker::new(engine).instantiate(store, &component).unwrap()
}

#[test]
fn a_guests_resource_is_lent_given_back_and_dropped() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let instance = defining(&engine, &mut store);
    let make = instance
        .get_typed_func::<(u32,), (ResourceAny,)>(&store, "make")
        .unwrap();
    let get = instance
        .get_typed_func::<(ResourceAny,), (u32,)>(&store, "get")
        .unwrap();
    let take = instance
        .get_typed_func::<(ResourceAny,), ()>(&store, "take")
        .unwrap();
    let dropped = instance
        .get_typed_func::<(), (u32,)>(&store, "dropped")
        .unwrap();
    let (a,) = make.call(&mut store, (11,)).unwrap();
    let (b,) = make.call(&mut store, (22,)).unwrap();
    assert_eq!(a.ty(), instance.get_resource(&store, "r").unwrap());
    assert!(a.owned());
    assert_eq!(get.call(&mut store, (a,)).unwrap(), (11,));
    assert_eq!(get.call(&mut store, (a,)).unwrap(), (11,));
    take.call(&mut store, (a,)).unwrap();
    assert!(a.resource_drop(&mut store).is_err(), "it was given away");
    b.resource_drop(&mut store).unwrap();
    assert_eq!(dropped.call(&mut store, ()).unwrap(), (22,));
    assert!(b.resource_drop(&mut store).is_err(), "it is gone");
}

#[test]
fn a_resource_of_another_instance_is_refused() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let [one, other] = [0; 2].map(|_| defining(&engine, &mut store));
    assert_ne!(
        one.get_resource(&store, "r").unwrap(),
        other.get_resource(&store, "r").unwrap()
    );
    let make = one.get_func(&store, "make").unwrap();
    let mut made = [Val::Bool(false)];
    make.call(&mut store, &[Val::U32(1)], &mut made).unwrap();
    let get = other.get_func(&store, "get").unwrap();
    let mut result = [Val::Bool(false)];
    let error = get.call(&mut store, &made, &mut result).unwrap_err();
    assert!(error.to_string().contains("expected a resource"), "{error}");
    let get = one.get_func(&store, "get").unwrap();
    get.call(&mut store, &made, &mut result).unwrap();
    assert_eq!(result, [Val::U32(1)]);
}

#[test]
fn a_trap_in_a_destructor_that_the_host_runs_locks_the_instance() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let instance = defining(&engine, &mut store);
    let make = instance
        .get_typed_func::<(u32,), (ResourceAny,)>(&store, "make")
        .unwrap();
    let (bad,) = make.call(&mut store, (666,)).unwrap();
    let (good,) = make.call(&mut store, (1,)).unwrap();
    let error = bad.resource_drop(&mut store).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::Unreachable));
    let error = good.resource_drop(&mut store).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::CannotEnterComponent));
}

#[test]
fn host_resources_are_told_by_their_rust_type() {
    let (mut store, instance) = with_files();
    let any = ResourceAny::try_from_resource(Resource::<File>::new_own(5), &mut store).unwrap();
    assert_eq!(any.ty(), ResourceType::host::<File>());
    let error = any.try_into_resource::<Socket>(&mut store).unwrap_err();
    assert!(error.to_string().contains("Socket"), "{error}");
    let read = instance.get_func(&store, "read").unwrap();
    let mut result = [Val::Bool(false)];
    let params = [Val::Resource(any)];
    read.call(&mut store, &params, &mut result).unwrap();
    assert_eq!(result, [Val::U32(10)]);
    let file = any.try_into_resource::<File>(&mut store).unwrap();
    assert_eq!((file.rep(), file.owned()), (5, true));
}

/// A component that imports the resource of another one, through the host.
const IMPORTS_R: &str = r#"(component
    (import "other" (instance $other
        (export "r" (type $r (sub resource)))
        (export "make" (func (param "n" u32) (result (own $r))))
        (export "get" (func (param "r" (borrow $r)) (result u32)))))
    (alias export $other "r" (type $r))
    (core func $make (canon lower (func $other "make")))
    (core func $get (canon lower (func $other "get")))
    (core func $drop (canon resource.drop $r))
    (core module $m
        (import "" "make" (func $make (param i32) (result i32)))
        (import "" "get" (func $get (param i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "run") (param i32) (result i32)
            (local $r i32) (local $n i32)
            (local.set $r (call $make (local.get 0)))
            (local.set $n (call $get (local.get $r)))
            (call $drop (local.get $r))
            (local.get $n)))
    (core instance $m (instantiate $m (with "" (instance
        (export "make" (func $make)) (export "get" (func $get)) (export "drop" (func $drop))))))
    (func (export "run") (param "n" u32) (result u32) (canon lift (core func $m "run"))))"#;

#[test]
fn a_guests_resource_goes_through_the_host_to_another_guest() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let defining = defining(&engine, &mut store);
    let mut linker = Linker::<()>::new(&engine);
    let mut other = linker.instance("other").unwrap();
    let ty = defining.get_resource(&store, "r").unwrap();
    other.guest_resource("r", ty).unwrap();
    for name in ["make", "get"] {
        let func = defining.get_func(&store, name).unwrap();
        other
            .func_new(name, move |store, params, results| {
                func.call(store, params, results)
            })
            .unwrap();
    }
    let component = Component::new(&engine, IMPORTS_R).unwrap();
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let run = instance
        .get_typed_func::<(u32,), (u32,)>(&store, "run")
        .unwrap();
    assert_eq!(run.call(&mut store, (77,)).unwrap(), (77,));
    let dropped = defining
        .get_typed_func::<(), (u32,)>(&store, "dropped")
        .unwrap();
    assert_eq!(dropped.call(&mut store, ()).unwrap(), (77,));
}

#[test]
fn a_guest_cannot_drop_what_it_has_lent_to_the_host() {
    let engine = Engine::default();
    let component = Component::new(&engine, USES_FILES).unwrap();
    let mut linker = Linker::<Option<Instance>>::new(&engine);
    let mut files = linker.instance("files").unwrap();
    let ty = ResourceType::host::<File>();
    files.resource("file", ty, |_, _| Ok(())).unwrap();
    files
        .func_wrap("open", |_, (n,): (u32,)| {
            Ok((Resource::<File>::new_own(n),))
        })
        .unwrap();
    files
        .func_wrap("read", |mut store, (_,): (Resource<File>,)| {
            let instance = store.data().unwrap();
            let drop = instance.get_typed_func::<(u32,), ()>(&store, "drop-index")?;
            // The guest's own handle, which is lent for this very call.
            drop.call(&mut store, (1,))?;
            Ok((0u32,))
        })
        .unwrap();
    files
        .func_wrap("take", |_, (_,): (Resource<File>,)| Ok(()))
        .unwrap();
    let mut store = Store::new(&engine, None);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    *store.data_mut() = Some(instance);
    let run = instance
        .get_typed_func::<(u32,), (u32,)>(&store, "open-read-drop")
        .unwrap();
    let error = run.call(&mut store, (1,)).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::HandleLent));
}

#[test]
fn a_borrowed_resource_ends_with_the_call() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, None::<ResourceAny>);
    let component = Component::new(&engine, USES_FILES).unwrap();
    let mut linker = Linker::new(&engine);
    let mut files = linker.instance("files").unwrap();
    let ty = ResourceType::host::<File>();
    files.resource("file", ty, |_, _| Ok(())).unwrap();
    files
        .func_wrap("open", |_, (n,): (u32,)| {
            Ok((Resource::<File>::new_own(n),))
        })
        .unwrap();
    files
        .func_wrap("read", |mut store, (file,): (ResourceAny,)| {
            assert!(!file.owned());
            *store.data_mut() = Some(file);
            Ok((1u32,))
        })
        .unwrap();
    files
        .func_wrap("take", |_, (_,): (Resource<File>,)| Ok(()))
        .unwrap();
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let run = instance
        .get_typed_func::<(u32,), (u32,)>(&store, "open-read-drop")
        .unwrap();
    run.call(&mut store, (1,)).unwrap();
    let kept = store.data().unwrap();
    assert!(kept.resource_drop(&mut store).is_err());
    assert!(kept.try_into_resource::<File>(&mut store).is_err());
}

#[test]
fn an_import_that_is_exported_again_can_be_called() {
    let engine = Engine::default();
    let text = r#"(component
        (import "api" (instance $api
            (export "file" (type $file (sub resource)))
            (export "open" (func (param "name" string) (result (own $file))))
            (export "name" (func (param "f" (borrow $file)) (result string)))
            (export "add" (func (param "a" u32) (param "b" f64) (result f64)))))
        (export "api" (instance $api)))"#;
    let component = Component::new(&engine, text).unwrap();
    let mut linker = Linker::<Vec<String>>::new(&engine);
    let mut api = linker.instance("api").unwrap();
    let ty = ResourceType::host::<File>();
    api.resource("file", ty, |_, _| Ok(())).unwrap();
    api.func_wrap("open", |mut store, (name,): (String,)| {
        store.data_mut().push(name);
        let rep = store.data().len() as u32 - 1;
        Ok((Resource::<File>::new_own(rep),))
    })
    .unwrap();
    api.func_wrap("name", |store, (file,): (Resource<File>,)| {
        Ok((store.data()[file.rep() as usize].clone(),))
    })
    .unwrap();
    api.func_wrap("add", |_, (a, b): (u32, f64)| Ok((f64::from(a) + b,)))
        .unwrap();
    let mut store = Store::new(&engine, Vec::new());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let api = instance.get_export_index(&mut store, None, "api").unwrap();
    let mut find = |name| {
        instance
            .get_export_index(&mut store, Some(&api), name)
            .unwrap()
    };
    let [open, name, add] = ["open", "name", "add"].map(&mut find);
    let open = instance
        .get_typed_func::<(&str,), (Resource<File>,)>(&store, open)
        .unwrap();
    let name = instance
        .get_typed_func::<(Resource<File>,), (String,)>(&store, name)
        .unwrap();
    let add = instance
        .get_typed_func::<(u32, f64), (f64,)>(&store, add)
        .unwrap();
    assert_eq!(add.call(&mut store, (1, 0.5)).unwrap(), (1.5,));
    let long = "x".repeat(200_000);
    for text in ["short", &long, ""] {
        let (file,) = open.call(&mut store, (text,)).unwrap();
        assert_eq!(name.call(&mut store, (file,)).unwrap().0, text);
    }
}
