//! Scalars cross the border in both directions, typed and dynamic, as the canonical ABI says.

use threadline::component::{Component, Linker, Name, Val};
use threadline::{Engine, Store, Trap};

/// A component that passes what it gets through a host function, of type `ty` and core type
/// `core`, and gives back what that returned.
fn echo(ty: &str, core: &str) -> String {
    format!(
        r#"(component
            (type $t {ty})
            (import "t" (type $T (eq $t)))
            (import "host" (func $host (param "v" $T) (result $T)))
            (core func $lowered (canon lower (func $host)))
            (core module $m
                (import "" "host" (func $host (param {core}) (result {core})))
                (func (export "echo") (param {core}) (result {core})
                    (call $host (local.get 0)))
            )
            (core instance $i (instantiate $m
                (with "" (instance (export "host" (func $lowered))))))
            (func (export "echo") (param "v" $T) (result $T)
                (canon lift (core func $i "echo")))
        )"#
    )
}

/// Passes a value to the guest, which passes it to the host, which passes it on as it is; all
/// dynamically.
fn through(ty: &str, core: &str, val: &Val) -> Val {
    let engine = Engine::default();
    let component = Component::new(&engine, echo(ty, core)).expect("a valid component");
    let mut linker = Linker::new(&engine);
    linker
        .root()
        .func_new("host", |mut store, params, results| {
            results.clone_from_slice(params);
            *store.data_mut() = params.first().cloned();
            Ok(())
        })
        .expect("a new name");
    let mut store = Store::new(&engine, None::<Val>);
    let instance = linker.instantiate(&mut store, &component).expect("it fits");
    let func = instance.get_func(&mut store, "echo").expect("an export");
    let mut results = [Val::Bool(false)];
    func.call(&mut store, std::slice::from_ref(val), &mut results)
        .expect("no trap");
    assert_eq!(store.data().as_ref(), Some(val), "what the host saw");
    let [result] = results;
    result
}

#[test]
fn every_scalar_goes_through_a_guest_unchanged() {
    for (ty, core, vals) in [
        ("bool", "i32", vec![Val::Bool(true), Val::Bool(false)]),
        (
            "s8",
            "i32",
            vec![Val::S8(i8::MIN), Val::S8(-1), Val::S8(i8::MAX)],
        ),
        ("u8", "i32", vec![Val::U8(0), Val::U8(u8::MAX)]),
        ("s16", "i32", vec![Val::S16(i16::MIN), Val::S16(i16::MAX)]),
        ("u16", "i32", vec![Val::U16(u16::MAX)]),
        ("s32", "i32", vec![Val::S32(i32::MIN), Val::S32(i32::MAX)]),
        ("u32", "i32", vec![Val::U32(0), Val::U32(u32::MAX)]),
        ("s64", "i64", vec![Val::S64(i64::MIN), Val::S64(i64::MAX)]),
        ("u64", "i64", vec![Val::U64(u64::MAX)]),
        (
            "f32",
            "f32",
            vec![Val::Float32(1.5), Val::Float32(f32::NAN)],
        ),
        (
            "f64",
            "f64",
            vec![Val::Float64(-0.1), Val::Float64(f64::INFINITY)],
        ),
        (
            "char",
            "i32",
            vec![Val::Char('\0'), Val::Char('\u{10ffff}')],
        ),
    ] {
        for val in vals {
            assert_eq!(through(ty, core, &val), val, "{ty}");
        }
    }
}

#[test]
fn enums_and_flags_go_by_their_names() {
    let color = r#"(enum "red" "green" "blue")"#;
    for name in ["red", "blue"] {
        let val = Val::Enum(name.into());
        assert_eq!(through(color, "i32", &val), val);
    }
    let rights = r#"(flags "read" "write" "run")"#;
    for set in [vec![], vec!["read"], vec!["run", "write"]] {
        let val = Val::Flags(set.into_iter().map(Name::from).collect());
        assert_eq!(through(rights, "i32", &val), val);
    }
}

/// A component with functions that return the core value they get as each type.
fn masks() -> &'static str {
    r#"(component
        (type $e' (enum "a" "b" "c"))
        (export $e "e" (type $e'))
        (type $f' (flags "a" "b" "c"))
        (export $f "f" (type $f'))
        (core module $m
            (func (export "id") (param i32) (result i32) (local.get 0))
            (func (export "f32") (param i32) (result f32) (f32.reinterpret_i32 (local.get 0)))
            (func (export "f64") (param i64) (result f64) (f64.reinterpret_i64 (local.get 0)))
        )
        (core instance $i (instantiate $m))
        (alias core export $i "id" (core func $id))
        (func (export "bool") (param "v" u32) (result bool) (canon lift (core func $id)))
        (func (export "s8") (param "v" u32) (result s8) (canon lift (core func $id)))
        (func (export "u8") (param "v" u32) (result u8) (canon lift (core func $id)))
        (func (export "s16") (param "v" u32) (result s16) (canon lift (core func $id)))
        (func (export "u16") (param "v" u32) (result u16) (canon lift (core func $id)))
        (func (export "char") (param "v" u32) (result char) (canon lift (core func $id)))
        (func (export "enum") (param "v" u32) (result $e) (canon lift (core func $id)))
        (func (export "flags") (param "v" u32) (result $f) (canon lift (core func $id)))
        (func (export "f32") (param "v" u32) (result f32)
            (canon lift (core func $i "f32")))
        (func (export "f64") (param "v" u64) (result f64)
            (canon lift (core func $i "f64")))
    )"#
}

fn lift(name: &str, bits: Val) -> anyhow::Result<Val> {
    let engine = Engine::default();
    let component = Component::new(&engine, masks())?;
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
    let func = instance.get_func(&mut store, name).expect("an export");
    let mut results = [Val::Bool(false)];
    func.call(&mut store, &[bits], &mut results)?;
    let [result] = results;
    Ok(result)
}

#[test]
fn bits_above_a_small_type_are_ignored() {
    for (name, bits, expected) in [
        ("bool", 2, Val::Bool(true)),
        ("bool", 0x100, Val::Bool(true)),
        ("s8", 0x1_80, Val::S8(-128)),
        ("u8", 0x1_ff, Val::U8(255)),
        ("s16", 0x7_8000, Val::S16(i16::MIN)),
        ("u16", 0xffff_0001, Val::U16(1)),
        (
            "flags",
            0xffff_fff5,
            Val::Flags(vec!["a".into(), "c".into()]),
        ),
    ] {
        assert_eq!(lift(name, Val::U32(bits)).expect(name), expected, "{name}");
    }
}

#[test]
fn values_that_a_type_does_not_have_are_traps() {
    for (name, bits, trap) in [
        ("char", 0xd800, Trap::InvalidChar),
        ("char", 0xdfff, Trap::InvalidChar),
        ("char", 0x11_0000, Trap::InvalidChar),
        ("char", u32::MAX, Trap::InvalidChar),
        ("enum", 3, Trap::InvalidDiscriminant),
        ("enum", u32::MAX, Trap::InvalidDiscriminant),
    ] {
        let error = lift(name, Val::U32(bits)).expect_err("not a value");
        assert_eq!(
            error.downcast_ref(),
            Some(&trap),
            "{name} {bits:#x}: {error:?}"
        );
    }
    assert_eq!(
        lift("char", Val::U32(0xe000)).expect("a char"),
        Val::Char('\u{e000}')
    );
    assert_eq!(
        lift("enum", Val::U32(2)).expect("a case"),
        Val::Enum("c".into())
    );
}

#[test]
fn lifted_nans_are_canonical() {
    let Val::Float32(value) = lift("f32", Val::U32(0xffff_ffff)).expect("a float") else {
        panic!("not an f32");
    };
    assert_eq!(value.to_bits(), 0x7fc0_0000);
    let Val::Float64(value) = lift("f64", Val::U64(u64::MAX)).expect("a float") else {
        panic!("not an f64");
    };
    assert_eq!(value.to_bits(), 0x7ff8_0000_0000_0000);
}

#[test]
fn typed_and_dynamic_calls_agree() {
    let engine = Engine::default();
    let component = Component::new(&engine, echo("u32", "i32")).expect("a valid component");
    let mut linker = Linker::new(&engine);
    linker
        .root()
        .func_wrap("host", |_, (value,): (u32,)| Ok((value.wrapping_mul(3),)))
        .expect("a new name");
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component).expect("it fits");
    let typed = instance
        .get_typed_func::<(u32,), (u32,)>(&mut store, "echo")
        .expect("the right types");
    for value in [0, 7, u32::MAX] {
        let (result,) = typed.call(&mut store, (value,)).expect("no trap");
        assert_eq!(result, value.wrapping_mul(3));
        let mut results = [Val::Bool(false)];
        typed
            .func()
            .call(&mut store, &[Val::U32(value)], &mut results)
            .expect("no trap");
        assert_eq!(results, [Val::U32(result)]);
    }
}

#[test]
fn more_than_sixteen_parameters_go_through_memory() {
    let params: String = (0..17).map(|i| format!("(param \"p{i}\" u16)")).collect();
    let text = format!(
        r#"(component
            (core module $m
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                    (if (i32.ne (local.get 2) (i32.const 2)) (then unreachable))
                    (if (i32.ne (local.get 3) (i32.const 34)) (then unreachable))
                    (i32.const 64))
                (func (export "last") (param i32) (result i32)
                    (i32.load16_u offset=32 (local.get 0)))
            )
            (core instance $i (instantiate $m))
            (func (export "last") {params} (result u16)
                (canon lift (core func $i "last") (memory (core memory $i "memory"))
                    (realloc (core func $i "realloc"))))
        )"#
    );
    let engine = Engine::default();
    let component = Component::new(&engine, text).expect("a valid component");
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &component)
        .expect("no imports");
    let func = instance.get_func(&mut store, "last").expect("an export");
    let params: Vec<Val> = (100..117).map(Val::U16).collect();
    let mut results = [Val::Bool(false)];
    func.call(&mut store, &params, &mut results)
        .expect("no trap");
    assert_eq!(results, [Val::U16(116)]);
}
