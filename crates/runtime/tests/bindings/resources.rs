//! A world with resources of the host's and of the guest's.

use super::guest;
use t::r::store::File;
use threadline::component::{HasSelf, Linker, Resource};
use threadline::{Engine, Store};

threadline::component::bindgen!({ path: "tests/bindings/wit/resources.wit" });

/// The sizes of all files, `None` for those that are destroyed.
#[derive(Default)]
struct Host {
    files: Vec<Option<u32>>,
    drop_methods: u32,
}

impl Host {
    fn add(&mut self, size: u32) -> Resource<File> {
        self.files.push(Some(size));
        Resource::new_own(self.files.len() as u32 - 1)
    }
}

impl t::r::store::HostFile for Host {
    fn new(&mut self, name: String) -> Resource<File> {
        self.add(name.len() as u32)
    }

    fn size(&mut self, self_: Resource<File>) -> u32 {
        self.files[self_.rep() as usize].unwrap()
    }

    fn drop_(&mut self, _: Resource<File>) {
        self.drop_methods += 1;
    }

    fn open(&mut self, size: u32) -> Resource<File> {
        self.add(size)
    }

    fn drop(&mut self, resource: Resource<File>) -> anyhow::Result<()> {
        self.files[resource.rep() as usize] = None;
        Ok(())
    }
}

impl t::r::store::Host for Host {}

impl t::r::users::Host for Host {
    fn use_it(&mut self, it: Resource<File>) -> u32 {
        assert!(!it.owned());
        100
    }
}

fn instance() -> (Store<Host>, Resources) {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    Resources::add_to_linker::<_, HasSelf<_>>(&mut linker, |host| host).unwrap();
    let mut store = Store::new(&engine, Host::default());
    let component = guest::resources(&engine);
    let resources = Resources::instantiate(&mut store, &component, &linker).unwrap();
    (store, resources)
}

#[test]
fn guests_make_use_and_drop_resources_of_the_host() {
    let (mut store, resources) = instance();
    assert_eq!(resources.call_use_file(&mut store).unwrap(), 4 + 30 + 100);
    assert_eq!(store.data().files, [None, None]);
    assert_eq!(store.data().drop_methods, 1);
}

#[test]
fn the_host_makes_uses_and_drops_resources_of_the_guest() {
    let (mut store, resources) = instance();
    let counters = resources.t_r_counters();
    let counter = counters.counter();
    let a = counter.call_constructor(&mut store, 10).unwrap();
    let b = counter.call_constructor(&mut store, 5).unwrap();
    assert_eq!(counter.call_next(&mut store, a).unwrap(), 11);
    assert_eq!(counter.call_next(&mut store, a).unwrap(), 12);
    let merged = counter.call_merge(&mut store, a, b).unwrap();
    assert_eq!(counter.call_next(&mut store, merged).unwrap(), 18);
    assert_eq!(counters.call_live(&mut store).unwrap(), 2);
    merged.resource_drop(&mut store).unwrap();
    b.resource_drop(&mut store).unwrap();
    assert_eq!(counters.call_live(&mut store).unwrap(), 0);
    let error = counter.call_next(&mut store, a).unwrap_err();
    assert!(error.to_string().contains("given away"), "{error}");
}
