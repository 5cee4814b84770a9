//! Several versions of a package in one world have modules of their own.

use super::guest;
use threadline::component::{HasSelf, Linker};
use threadline::{Engine, Store};

threadline::component::bindgen!({ path: "tests/bindings/wit/versions.wit" });

struct Host;

impl a::b1_0_0::c::Host for Host {
    fn f(&mut self) -> u32 {
        1
    }
}

impl a::b2_1_0::c::Host for Host {
    fn f(&mut self) -> u64 {
        2
    }
}

#[test]
fn each_version_is_another_interface() {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    Versions::add_to_linker::<_, HasSelf<_>>(&mut linker, |host| host).unwrap();
    let core = r#"(module
        (import "a:b/c@1.0.0" "f" (func $f (result i32)))
        (import "a:b/c@2.1.0" "f" (func $g (result i64)))
        (func $start
            (if (i32.ne (call $f) (i32.const 1)) (then unreachable))
            (if (i64.ne (call $g) (i64.const 2)) (then unreachable)))
        (start $start))"#;
    let wit = include_str!("wit/versions.wit");
    let component = guest::component(&engine, wit, "versions", core);
    let mut store = Store::new(&engine, Host);
    Versions::instantiate(&mut store, &component, &linker).unwrap();
}
