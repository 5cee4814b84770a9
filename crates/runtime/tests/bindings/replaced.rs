//! Options: types and interfaces of the embedder's instead of generated ones, imports that may trap,
//! and errors of the embedder's.

use super::guest;
use threadline::component::{HasData, HasSelf, Linker, Resource, ResourceTable};
use threadline::{Engine, Store, Trap};

/// A file.
#[derive(Debug)]
pub(crate) struct MyFile {
    size: u32,
}

/// The interface with resources, where the embedder's type is a file.
mod store {
    threadline::component::bindgen!({
        path: "tests/bindings/wit/resources.wit",
        with: { "t:r/store/file": super::MyFile },
        trappable_imports: ["[constructor]file", "t:r/store#size", "open"],
    });
}

/// The same world, with that interface instead of one of its own.
mod world {
    threadline::component::bindgen!({
        path: "tests/bindings/wit/resources.wit",
        with: { "t:r/store": super::store::t::r::store },
        trappable_imports: true,
    });
}

#[derive(Default)]
struct Data {
    table: ResourceTable,
    used: u32,
}

/// What is lent of the data.
struct View<'a> {
    table: &'a mut ResourceTable,
    used: &'a mut u32,
}

struct HasView;

impl HasData for HasView {
    type Data<'a> = View<'a>;
}

impl store::t::r::store::HostFile for View<'_> {
    fn new(&mut self, name: String) -> anyhow::Result<Resource<MyFile>> {
        self.open(name.len() as u32)
    }

    fn size(&mut self, self_: Resource<MyFile>) -> anyhow::Result<u32> {
        Ok(self.table.get(&self_)?.size)
    }

    fn drop_(&mut self, _: Resource<MyFile>) {}

    fn open(&mut self, size: u32) -> anyhow::Result<Resource<MyFile>> {
        Ok(self.table.push(MyFile { size })?)
    }

    fn drop(&mut self, resource: Resource<MyFile>) -> anyhow::Result<()> {
        self.table.delete(resource)?;
        Ok(())
    }
}

impl store::t::r::store::Host for View<'_> {}

impl world::t::r::users::Host for View<'_> {
    fn use_it(&mut self, it: Resource<MyFile>) -> anyhow::Result<u32> {
        *self.used += 1;
        Ok(self.table.get(&it)?.size)
    }
}

fn view(data: &mut Data) -> View<'_> {
    View {
        table: &mut data.table,
        used: &mut data.used,
    }
}

#[test]
fn a_type_and_an_interface_of_the_embedders_are_used() {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    world::Resources::add_to_linker::<_, HasView>(&mut linker, view).unwrap();
    let component = guest::resources(&engine);
    let missing = linker.instantiate_pre(&component).err().unwrap();
    assert!(missing.to_string().contains("t:r/store"), "{missing}");
    store::t::r::store::add_to_linker::<_, HasView>(&mut linker, view).unwrap();

    let mut store = Store::new(&engine, Data::default());
    let world = world::Resources::instantiate(&mut store, &component, &linker).unwrap();
    assert_eq!(world.call_use_file(&mut store).unwrap(), 4 + 30 + 30);
    assert_eq!(store.data().used, 1);
    assert!(store.data().table.is_empty());
}

#[test]
fn an_error_of_a_trappable_import_ends_the_guest() {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    world::Resources::add_to_linker::<_, HasView>(&mut linker, view).unwrap();
    store::t::r::store::add_to_linker::<_, HasView>(&mut linker, view).unwrap();
    let mut store = Store::new(&engine, Data::default());
    store.data_mut().table.set_max_capacity(1);
    let component = guest::resources(&engine);
    let world = world::Resources::instantiate(&mut store, &component, &linker).unwrap();
    let error = world.call_use_file(&mut store).unwrap_err();
    assert!(format!("{error:#}").contains("table is full"), "{error:#}");
    let error = world.call_use_file(&mut store).unwrap_err();
    assert_eq!(
        error.downcast_ref::<Trap>(),
        Some(&Trap::CannotEnterComponent)
    );
}

/// An error of the embedder's.
#[derive(Debug)]
pub(crate) enum MyError {
    /// What the guest is told.
    Missing,
    /// What it isn't.
    Broken,
}

mod errors {
    threadline::component::bindgen!({
        path: "tests/bindings/wit/values.wit",
        trappable_error_type: { "t:v/types/errno": super::MyError },
        additional_derives: [PartialEq, Clone],
    });
}

struct Errors(bool);

impl errors::t::v::types::Host for Errors {}

impl errors::t::v::echo::Host for Errors {
    fn give_person(&mut self, p: errors::t::v::types::Person) -> errors::t::v::types::Person {
        p
    }

    fn give_shape(&mut self, s: errors::t::v::types::Shape) -> errors::t::v::types::Shape {
        s
    }

    fn small(
        &mut self,
        c: errors::t::v::types::Color,
        p: errors::t::v::types::Perms,
        o: Option<u8>,
        t: (char, bool),
    ) -> (
        errors::t::v::types::Color,
        errors::t::v::types::Perms,
        Option<u8>,
        (char, bool),
    ) {
        (c, p, o, t)
    }

    fn look_up(&mut self, _: Vec<String>, _: u32) -> Result<String, MyError> {
        Err(match self.0 {
            true => MyError::Broken,
            false => MyError::Missing,
        })
    }

    fn nothing(&mut self) {}

    fn convert_errno(&mut self, error: MyError) -> anyhow::Result<errors::t::v::types::Errno> {
        match error {
            MyError::Missing => Ok(errors::t::v::types::Errno::NotFound),
            MyError::Broken => anyhow::bail!("it is broken"),
        }
    }
}

impl errors::local::Host for Errors {
    fn twice(&mut self, n: u64) -> u64 {
        n
    }
}

impl errors::ValuesImports for Errors {
    fn log(&mut self, _: String) {}
}

#[test]
fn errors_of_the_embedders_are_converted_or_trap() {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    errors::Values::add_to_linker::<_, HasSelf<_>>(&mut linker, |host| host).unwrap();
    let component = guest::values(&engine);
    let mut store = Store::new(&engine, Errors(false));
    let values = errors::Values::instantiate(&mut store, &component, &linker).unwrap();
    let told = values.t_v_echo().call_look_up(&mut store, &[], 0).unwrap();
    assert_eq!(told, Err(errors::t::v::types::Errno::NotFound));
    store.data_mut().0 = true;
    let error = values
        .t_v_echo()
        .call_look_up(&mut store, &[], 0)
        .unwrap_err();
    assert!(format!("{error:#}").contains("it is broken"), "{error:#}");
}
