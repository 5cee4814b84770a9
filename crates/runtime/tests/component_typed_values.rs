//! Rust's types stand for a component's: each through a guest and a host function and back, with
//! records, variants, enums and flags implemented as a derive macro would.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::rc::Rc;
use std::sync::Arc;
use threadline::component::derive::{
    self, InterfaceType, LiftContext, LowerContext, Offset, Result, TypeAbi, TypeContext,
    TypeMismatch, ValRaw, VariantAbi,
};
use threadline::component::{
    Component, ComponentNamedList, ComponentType, Instance, Lift, Linker, Lower,
};
use threadline::{Config, Engine, Proposal, Store};

/// A guest that passes its parameter, which flattens to `core`, through the host's `echo`.
fn component(definitions: &str, ty: &str, core: &str, wide: bool) -> String {
    let p = if wide { "i64" } else { "i32" };
    let index = if wide { "i64" } else { "" };
    let gets = core.split_whitespace().enumerate();
    let gets: String = gets.map(|(i, _)| format!("(local.get {i})")).collect();
    format!(
        r#"(component
        {definitions}
        (import "echo" (func $echo (param "v" {ty}) (result {ty})))
        (core module $allocator
            (memory (export "memory") {index} 16)
            (global $next (mut {p}) ({p}.const 8192))
            (func (export "realloc") (param {p} {p} {p} {p}) (result {p})
                (local $at {p})
                (local.set $at (global.get $next))
                (global.set $next ({p}.and ({p}.const -16)
                    ({p}.add ({p}.const 31) ({p}.add (local.get $at) (local.get 3)))))
                (local.get $at)))
        (core instance $a (instantiate $allocator))
        (core func $echo' (canon lower (func $echo)
            (memory (core memory $a "memory")) (realloc (core func $a "realloc"))))
        (core module $m
            (import "" "echo" (func $echo (param {core} {p})))
            (func (export "run") (param {core}) (result {p})
                (call $echo {gets} ({p}.const 64))
                ({p}.const 64)))
        (core instance $i (instantiate $m (with "" (instance (export "echo" (func $echo'))))))
        (func (export "run") (param "v" {ty}) (result {ty})
            (canon lift (core func $i "run")
                (memory (core memory $a "memory")) (realloc (core func $a "realloc")))))"#
    )
}

fn engine() -> Engine {
    let mut config = Config::new();
    config.wasm_memory64(true);
    for proposal in [
        Proposal::ComponentModelMap,
        Proposal::ComponentModelFixedLengthLists,
    ] {
        config.wasm_proposal(proposal, true);
    }
    Engine::new(&config).unwrap()
}

fn instance<T>(text: &str) -> (Store<Option<T>>, Instance)
where
    T: Lift + Lower + Clone + Send + Sync + 'static,
{
    let engine = engine();
    let component = Component::new(&engine, text).unwrap();
    let mut linker = Linker::<Option<T>>::new(&engine);
    linker
        .root()
        .func_wrap("echo", |mut store, (value,): (T,)| {
            *store.data_mut() = Some(value.clone());
            Ok((value,))
        })
        .unwrap();
    let mut store = Store::new(&engine, None);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    (store, instance)
}

/// Passes values through, in a 32-bit and a 64-bit memory. `core` has `P` for pointers.
#[track_caller]
fn check_defined<T>(definitions: &str, ty: &str, core: &str, values: &[T])
where
    T: Lift + Lower + Clone + PartialEq + Debug + Send + Sync + 'static,
    (T,): ComponentNamedList + Lift + Lower,
{
    for (wide, pointer) in [(false, "i32"), (true, "i64")] {
        let core = core.replace('P', pointer);
        let (mut store, instance) = instance::<T>(&component(definitions, ty, &core, wide));
        let run = instance
            .get_typed_func::<(T,), (T,)>(&mut store, "run")
            .unwrap();
        for value in values {
            let (result,) = run.call(&mut store, (value.clone(),)).unwrap();
            assert_eq!(result, *value, "the result");
            assert_eq!(store.data().as_ref(), Some(value), "what the host saw");
        }
    }
}

#[track_caller]
fn check<T>(ty: &str, core: &str, values: &[T])
where
    T: Lift + Lower + Clone + PartialEq + Debug + Send + Sync + 'static,
{
    let definitions = format!("(type $t {ty}) (import \"t\" (type $T (eq $t)))");
    check_defined(&definitions, "$T", core, values);
}

#[test]
fn lists_stand_for_lists() {
    check("(list u8)", "P P", &[vec![], vec![1_u8, 2, 255]]);
    check("(list s16)", "P P", &[vec![i16::MIN, -1, 2]]);
    check("(list u64)", "P P", &[vec![u64::MAX, 1]]);
    check("(list f32)", "P P", &[vec![1.5_f32, -0.0]]);
    check("(list char)", "P P", &[vec!['a', '☃']]);
    check("(list bool)", "P P", &[vec![true, false]]);
    check(
        "(list string)",
        "P P",
        &[vec!["".to_owned(), "é".to_owned(), "thread".to_owned()]],
    );
    check(
        "(list (list u32))",
        "P P",
        &[vec![vec![1_u32], vec![], vec![2, 3]]],
    );
    check(
        "(list (tuple u8 u64))",
        "P P",
        &[vec![(1_u8, 2_u64), (3, 4)]],
    );
    let boxed: Box<[u32]> = vec![1, 2].into();
    check("(list u32)", "P P", &[boxed]);
}

#[test]
fn arrays_stand_for_lists_with_a_length() {
    check("(list u8 3)", "i32 i32 i32", &[[1_u8, 2, 3]]);
    check(
        "(list string 2)",
        "P P P P",
        &[["a".to_owned(), "b".to_owned()]],
    );
    check("(list u64 17)", "P", &[[7_u64; 17]]);
}

#[test]
fn maps_stand_for_maps() {
    let map = [("a".to_owned(), 1_u16), ("b".to_owned(), 2)];
    check(
        "(map string u16)",
        "P P",
        &[HashMap::from(map.clone()), HashMap::new()],
    );
    check("(map string u16)", "P P", &[BTreeMap::from(map)]);
}

#[test]
fn options_and_results_stand_for_theirs() {
    check("(option u64)", "i32 i64", &[None, Some(u64::MAX)]);
    check(
        "(option (option string))",
        "i32 i32 P P",
        &[None, Some(None), Some(Some("x".to_owned()))],
    );
    check::<Result<u8, f64>>("(result u8 (error f64))", "i32 i64", &[Ok(7), Err(0.5)]);
    check::<Result<(), String>>(
        "(result (error string))",
        "i32 P P",
        &[Ok(()), Err("no".to_owned())],
    );
    check::<Result<f32, ()>>("(result f32)", "i32 f32", &[Ok(-1.0), Err(())]);
}

#[test]
fn tuples_stand_for_tuples() {
    check(
        "(tuple u8 f32 string)",
        "i32 f32 P P",
        &[(1_u8, 2.5_f32, "x".to_owned())],
    );
    let many = (1_u8, 2_u16, 3_u32, 4_u64, 5_i8, 6_i16, 7_i32, 8_i64, true);
    check(
        "(tuple u8 u16 u32 u64 s8 s16 s32 s64 bool)",
        "i32 i32 i32 i64 i32 i32 i32 i64 i32",
        &[many],
    );
}

#[test]
fn pointers_to_a_type_stand_for_the_same() {
    let definitions = r#"(type $t (list string)) (import "t" (type $T (eq $t)))"#;
    let text = component(definitions, "$T", "i32 i32", false);
    let (mut store, instance) = instance::<Vec<String>>(&text);
    let func = instance.get_func(&mut store, "run").unwrap();
    fn check<P: Lower + ComponentType>(
        store: &mut Store<Option<Vec<String>>>,
        func: threadline::component::Func,
        value: P,
    ) where
        (P,): ComponentNamedList + Lower,
    {
        let run = func.typed::<(P,), (Vec<Box<str>>,)>(&mut *store).unwrap();
        let (result,) = run.call(&mut *store, (value,)).unwrap();
        assert_eq!(result, [Box::from("a"), Box::from("b")]);
    }
    check(&mut store, func, ["a", "b"].as_slice());
    let list = vec!["a", "b"];
    check(&mut store, func, &list);
    check(&mut store, func, list);
    check(
        &mut store,
        func,
        Rc::new(vec![Arc::<str>::from("a"), "b".into()]),
    );
    check::<Box<[String]>>(
        &mut store,
        func,
        vec!["a".to_owned(), "b".to_owned()].into(),
    );
}

/// `record { x: u8, label: string, y: f64 }`.
#[derive(Clone, Debug, PartialEq)]
struct Point {
    x: u8,
    label: String,
    y: f64,
}

impl Point {
    const FIELDS: [TypeAbi; 3] = [u8::ABI, String::ABI, f64::ABI];
    const OFFSETS: [Offset; 3] = derive::record_offsets(&Self::FIELDS);
}

impl ComponentType for Point {
    const ABI: TypeAbi = TypeAbi::record(&Self::FIELDS);

    fn typecheck(cx: &TypeContext<'_>, ty: InterfaceType) -> Result<(), TypeMismatch> {
        derive::check_record(
            cx,
            ty,
            &[
                ("x", u8::typecheck),
                ("label", String::typecheck),
                ("y", f64::typecheck),
            ],
        )
    }
}

impl Lower for Point {
    fn lower_flat(
        &self,
        cx: &mut LowerContext<'_>,
        ty: InterfaceType,
        to: &mut [ValRaw],
    ) -> Result<()> {
        let (own, to) = to.split_at_mut(u8::ABI.flat_count());
        self.x.lower_flat(cx, cx.field_type(&u8::ABI, ty, 0), own)?;
        let (own, to) = to.split_at_mut(String::ABI.flat_count());
        self.label
            .lower_flat(cx, cx.field_type(&String::ABI, ty, 1), own)?;
        self.y.lower_flat(cx, cx.field_type(&f64::ABI, ty, 2), to)
    }

    fn store(&self, cx: &mut LowerContext<'_>, ty: InterfaceType, address: usize) -> Result<()> {
        let at = |offset: Offset, cx: &LowerContext<'_>| address + offset.get(cx.address());
        self.x
            .store(cx, cx.field_type(&u8::ABI, ty, 0), at(Self::OFFSETS[0], cx))?;
        self.label.store(
            cx,
            cx.field_type(&String::ABI, ty, 1),
            at(Self::OFFSETS[1], cx),
        )?;
        self.y.store(
            cx,
            cx.field_type(&f64::ABI, ty, 2),
            at(Self::OFFSETS[2], cx),
        )
    }
}

impl Lift for Point {
    fn lift_flat(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[ValRaw]) -> Result<Point> {
        Ok(Point {
            x: u8::lift_flat(cx, cx.field_type(&u8::ABI, ty, 0), &from[..1])?,
            label: String::lift_flat(cx, cx.field_type(&String::ABI, ty, 1), &from[1..3])?,
            y: f64::lift_flat(cx, cx.field_type(&f64::ABI, ty, 2), &from[3..])?,
        })
    }

    fn load(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[u8]) -> Result<Point> {
        let address = cx.address();
        let part =
            |i: usize| &from[Self::OFFSETS[i].get(address)..][..Self::FIELDS[i].size(address)];
        Ok(Point {
            x: u8::load(cx, cx.field_type(&u8::ABI, ty, 0), part(0))?,
            label: String::load(cx, cx.field_type(&String::ABI, ty, 1), part(1))?,
            y: f64::load(cx, cx.field_type(&f64::ABI, ty, 2), part(2))?,
        })
    }
}

/// `variant { nothing, number(f32), text(string) }`.
#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Nothing,
    Number(f32),
    Text(String),
}

impl Shape {
    const VARIANT: VariantAbi = VariantAbi::new(&[None, Some(f32::ABI), Some(String::ABI)]);
}

impl ComponentType for Shape {
    const ABI: TypeAbi = Self::VARIANT.abi;

    fn typecheck(cx: &TypeContext<'_>, ty: InterfaceType) -> Result<(), TypeMismatch> {
        derive::check_variant(
            cx,
            ty,
            &[
                ("nothing", None),
                ("number", Some(f32::typecheck)),
                ("text", Some(String::typecheck)),
            ],
        )
    }
}

impl Lower for Shape {
    fn lower_flat(
        &self,
        cx: &mut LowerContext<'_>,
        ty: InterfaceType,
        to: &mut [ValRaw],
    ) -> Result<()> {
        match self {
            Shape::Nothing => {
                Self::VARIANT.lower_case(to, 0, &<()>::ABI);
                Ok(())
            }
            Shape::Number(value) => {
                let to = Self::VARIANT.lower_case(to, 1, &f32::ABI);
                value.lower_flat(cx, cx.case_type(&f32::ABI, ty, 1), to)
            }
            Shape::Text(value) => {
                let to = Self::VARIANT.lower_case(to, 2, &String::ABI);
                value.lower_flat(cx, cx.case_type(&String::ABI, ty, 2), to)
            }
        }
    }

    fn store(&self, cx: &mut LowerContext<'_>, ty: InterfaceType, address: usize) -> Result<()> {
        match self {
            Shape::Nothing => Self::VARIANT.store_case(cx, 0, address).map(drop),
            Shape::Number(value) => {
                let at = Self::VARIANT.store_case(cx, 1, address)?;
                value.store(cx, cx.case_type(&f32::ABI, ty, 1), at)
            }
            Shape::Text(value) => {
                let at = Self::VARIANT.store_case(cx, 2, address)?;
                value.store(cx, cx.case_type(&String::ABI, ty, 2), at)
            }
        }
    }
}

impl Lift for Shape {
    fn lift_flat(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[ValRaw]) -> Result<Shape> {
        Ok(match Self::VARIANT.lift_case(from)? {
            0 => Shape::Nothing,
            1 => {
                let from = Self::VARIANT.payload_slots(from, &f32::ABI);
                Shape::Number(f32::lift_flat(cx, cx.case_type(&f32::ABI, ty, 1), from)?)
            }
            2 => {
                let from = Self::VARIANT.payload_slots(from, &String::ABI);
                Shape::Text(String::lift_flat(
                    cx,
                    cx.case_type(&String::ABI, ty, 2),
                    from,
                )?)
            }
            _ => return Err(derive::invalid_discriminant()),
        })
    }

    fn load(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[u8]) -> Result<Shape> {
        Ok(match Self::VARIANT.load_case(from)? {
            0 => Shape::Nothing,
            1 => {
                let from = Self::VARIANT.payload_bytes(cx, from, &f32::ABI);
                Shape::Number(f32::load(cx, cx.case_type(&f32::ABI, ty, 1), from)?)
            }
            2 => {
                let from = Self::VARIANT.payload_bytes(cx, from, &String::ABI);
                Shape::Text(String::load(cx, cx.case_type(&String::ABI, ty, 2), from)?)
            }
            _ => return Err(derive::invalid_discriminant()),
        })
    }
}

const POINT: &str = r#"
    (type $p (record (field "x" u8) (field "label" string) (field "y" f64)))
    (import "p" (type $P (eq $p)))"#;

const SHAPE: &str = r#"
    (type $s (variant (case "nothing") (case "number" f32) (case "text" string)))
    (import "s" (type $S (eq $s)))"#;

fn points() -> [Point; 2] {
    let point = |x, label: &str, y| Point {
        x,
        label: label.to_owned(),
        y,
    };
    [point(1, "", -0.5), point(255, "☃", 1e300)]
}

fn shapes() -> [Shape; 3] {
    [
        Shape::Nothing,
        Shape::Number(-1.5),
        Shape::Text("x".to_owned()),
    ]
}

#[test]
fn structs_stand_for_records() {
    check_defined(POINT, "$P", "i32 P P f64", &points());
    let list = format!("{POINT} (type $l (list $P)) (import \"l\" (type $L (eq $l)))");
    check_defined(&list, "$L", "P P", &[points().to_vec()]);
}

#[test]
fn enums_with_data_stand_for_variants() {
    // The float and the pointer share a core value.
    check_defined(SHAPE, "$S", "i32 P P", &shapes());
    let list = format!("{SHAPE} (type $l (list $S)) (import \"l\" (type $L (eq $l)))");
    check_defined(&list, "$L", "P P", &[shapes().to_vec()]);
}

#[test]
fn what_does_not_stand_for_a_type_is_told_in_detail() {
    fn refusal<T>(definitions: &str, ty: &str, core: &str) -> String
    where
        T: Lift + Lower + Clone + Send + Sync + 'static,
    {
        let engine = engine();
        let component = Component::new(&engine, component(definitions, ty, core, false)).unwrap();
        let mut linker = Linker::<()>::new(&engine);
        linker
            .root()
            .func_wrap("echo", |_, (value,): (T,)| Ok((value,)))
            .unwrap();
        let error = linker.instantiate_pre(&component).err().unwrap();
        format!("{error:#}")
    }
    #[track_caller]
    fn check(refusal: String, part: &str) {
        assert!(
            refusal.contains(part),
            "`{refusal}` does not contain `{part}`"
        );
    }
    let point = "(type $p (record (field \"x\" u8) (field \"text\" string) (field \"y\" f64))) \
                 (import \"p\" (type $P (eq $p)))";
    check(
        refusal::<Point>(point, "$P", "i32 i32 i32 f64"),
        "expected the fields `x, text, y`, found `x, label, y`",
    );
    let point = point.replace("text", "label").replace("f64", "u64");
    check(
        refusal::<Point>(&point, "$P", "i32 i32 i32 i64"),
        "field `y`: expected `u64`, found `f64`",
    );
    check(
        refusal::<Shape>(&SHAPE.replace(" f32", ""), "$S", "i32 i32 i32"),
        "case `number`: expected no payload, found one",
    );
    let t = |ty: &str| format!("(type $t {ty}) (import \"t\" (type $T (eq $t)))");
    check(
        refusal::<Vec<u8>>(&t("(list s8)"), "$T", "i32 i32"),
        "`list` elements: expected `s8`, found `u8`",
    );
    check(
        refusal::<Result<u8, ()>>(&t("(result u8 (error u8))"), "$T", "i32 i32"),
        "`error`: expected a payload, found none",
    );
    check(
        refusal::<[u8; 4]>(&t("(list u8 3)"), "$T", "i32 i32 i32"),
        "expected `list<u8, 3>`, found `list<_, 4>`",
    );
    check(
        refusal::<Option<u8>>(&t("(tuple u8 u8)"), "$T", "i32 i32"),
        "expected `tuple`, found `option`",
    );
}
