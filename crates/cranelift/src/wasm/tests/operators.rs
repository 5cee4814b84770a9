//! Every group of operators. That they compute the right thing is for the tests that run code;
//! here each is translated, verified and compiled.

use super::{Setup, compile};
use threadline_environ::Tunables;
use threadline_environ::module::KnownImport;
use threadline_environ::{DefinedFuncIndex, FuncIndex, StaticModuleIndex, TrampolineIndex};

/// The CLIF of the first function of a module.
fn clif(wat: &str) -> String {
    compile(wat).remove(0).clif
}

/// Compiles functions that apply each operator to parameters of these types.
fn compile_each(params: &str, result: &str, operators: &str) {
    let gets: String = (0..params.split_whitespace().count())
        .map(|i| format!("(local.get {i})"))
        .collect();
    let functions: String = operators
        .split_whitespace()
        .map(|op| format!("(func (param {params}) (result {result}) {gets} {op})"))
        .collect();
    compile(&format!("(module (memory 1) {functions})"));
}

#[test]
fn integers() {
    for ty in ["i32", "i64"] {
        let all = |names: &str| -> String {
            names
                .split_whitespace()
                .map(|n| format!("{ty}.{n} "))
                .collect()
        };
        let two = format!("{ty} {ty}");
        compile_each(
            &two,
            ty,
            &all("add sub mul div_s div_u rem_s rem_u and or xor"),
        );
        compile_each(&two, ty, &all("shl shr_s shr_u rotl rotr"));
        compile_each(
            &two,
            "i32",
            &all("eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u"),
        );
        compile_each(ty, ty, &all("clz ctz popcnt extend8_s extend16_s"));
        compile_each(ty, "i32", &all("eqz"));
    }
    compile_each("i64", "i64", "i64.extend32_s");
}

#[test]
fn floats() {
    for ty in ["f32", "f64"] {
        let all = |names: &str| -> String {
            names
                .split_whitespace()
                .map(|n| format!("{ty}.{n} "))
                .collect()
        };
        let two = format!("{ty} {ty}");
        compile_each(&two, ty, &all("add sub mul div min max copysign"));
        compile_each(&two, "i32", &all("eq ne lt gt le ge"));
        compile_each(ty, ty, &all("abs neg ceil floor trunc nearest sqrt"));
    }
}

#[test]
fn conversions() {
    for int in ["i32", "i64"] {
        for float in ["f32", "f64"] {
            let truncations: String = ["trunc", "trunc_sat"]
                .into_iter()
                .flat_map(|op| ["s", "u"].map(|sign| format!("{int}.{op}_{float}_{sign} ")))
                .collect();
            compile_each(float, int, &truncations);
            let converts = format!("{float}.convert_{int}_s {float}.convert_{int}_u");
            compile_each(int, float, &converts);
        }
    }
    compile_each("i64", "i32", "i32.wrap_i64");
    compile_each("i32", "i64", "i64.extend_i32_s i64.extend_i32_u");
    compile_each("f64", "f32", "f32.demote_f64");
    compile_each("f32", "f64", "f64.promote_f32");
    compile_each("f32", "i32", "i32.reinterpret_f32");
    compile_each("f64", "i64", "i64.reinterpret_f64");
    compile_each("i32", "f32", "f32.reinterpret_i32");
    compile_each("i64", "f64", "f64.reinterpret_i64");
}

#[test]
fn loads_and_stores() {
    let loads = |ty: &str, names: &str| -> String {
        names
            .split_whitespace()
            .map(|n| format!("{ty}.{n} "))
            .collect()
    };
    compile_each(
        "i32",
        "i32",
        &loads("i32", "load load8_s load8_u load16_s load16_u"),
    );
    compile_each(
        "i32",
        "i64",
        &loads("i64", "load load8_s load8_u load16_s load16_u"),
    );
    compile_each("i32", "i64", &loads("i64", "load32_s load32_u"));
    compile_each("i32", "f32", "f32.load");
    compile_each("i32", "f64", "f64.load");
    compile_each("i32 i32", "", &loads("i32", "store store8 store16"));
    compile_each("i32 i64", "", &loads("i64", "store store8 store16 store32"));
    compile_each("i32 f32", "", "f32.store");
    compile_each("i32 f64", "", "f64.store");
    compile_each("i32", "i32", "memory.grow");
}

#[test]
fn a_reserved_memory_is_accessed_without_a_check_unless_the_offset_passes_the_guard() {
    let access = |offset: u32| {
        clif(&format!(
            "(module (memory 1) (func (param i32) (result i32)
                (i32.load offset={offset} (local.get 0))))"
        ))
    };
    let guard = Tunables::default().memory_guard_size as u32;
    assert!(!access(0).contains("select_spectre_guard"));
    assert!(!access(guard - 4).contains("select_spectre_guard"));
    assert!(access(guard - 3).contains("select_spectre_guard"));
    assert!(access(u32::MAX).contains("select_spectre_guard"));
}

#[test]
fn a_memory_without_a_reservation_is_checked_and_may_move() {
    let setup = Setup {
        tunables: Tunables {
            memory_reservation: 1 << 20,
            ..Tunables::default()
        },
        ..Setup::default()
    };
    let wat = "(module (memory 1) (func (param i32) (result i32) (i32.load (local.get 0))))";
    let clif = setup.compile(wat).unwrap().remove(0).clif;
    assert!(clif.contains("select_spectre_guard"), "{clif}");
    assert!(!clif.contains("readonly can_move region2"), "{clif}");
}

#[test]
fn memories_that_others_can_reach_share_a_region() {
    let wat = |export: &str| {
        format!(
            r#"(module (import "" "m" (memory 1)) (memory $own {export} 1)
                (func (i32.store 0 (i32.const 0) (i32.const 0))
                      (i32.store $own (i32.const 0) (i32.const 0))))"#
        )
    };
    let apart = clif(&wat(""));
    assert!(apart.contains("shared memories") && apart.contains("module0 memory1"));
    let together = clif(&wat("(export \"m\")"));
    assert!(together.contains("shared memories") && !together.contains("memory1"));
}

#[test]
fn bulk_memory_and_tables() {
    compile(
        r#"(module (import "" "t" (table $i 1 1 funcref))
            (memory $m 1) (memory $n 1) (table $t 1 funcref) (table $u 1 2 externref)
            (data $d "x") (elem $e func $f)
            (func $f (param i32 i32 i32)
              (memory.copy $m $n (local.get 0) (local.get 1) (local.get 2))
              (memory.fill $n (local.get 0) (local.get 1) (local.get 2))
              (memory.init $n $d (local.get 0) (local.get 1) (local.get 2))
              (data.drop $d)
              (table.copy $t $i (local.get 0) (local.get 1) (local.get 2))
              (table.init $t $e (local.get 0) (local.get 1) (local.get 2))
              (elem.drop $e)
              (table.set $t (local.get 0) (ref.func $f))
              (table.set $u (local.get 0) (table.get $u (local.get 1)))
              (table.fill $u (local.get 0) (ref.null extern) (local.get 2))
              (drop (table.grow $u (ref.null extern) (local.get 0)))
              (drop (i32.add (table.size $t) (table.size $i)))
              (drop (i32.add (memory.size $m) (memory.size $n)))
              (drop (ref.is_null (table.get $i (local.get 0))))
              (call_indirect $t (param i32 i32 i32)
                (local.get 0) (local.get 1) (local.get 2) (local.get 0))))"#,
    );
}

#[test]
fn atomics() {
    for (ty, widths) in [("i32", "8 16"), ("i64", "8 16 32")] {
        let narrow = |name: &str, suffix: &str| -> String {
            let each = widths.split_whitespace();
            each.map(|n| format!("{ty}.atomic.{name}{n}{suffix} "))
                .collect()
        };
        let rmw = |op: &str| -> String {
            let each = widths.split_whitespace();
            let narrow = each.map(|n| format!("{ty}.atomic.rmw{n}.{op}_u "));
            narrow.collect::<String>() + &format!("{ty}.atomic.rmw.{op}")
        };
        compile_each(
            "i32",
            ty,
            &format!("{ty}.atomic.load {}", narrow("load", "_u")),
        );
        let two = format!("i32 {ty}");
        compile_each(
            &two,
            "",
            &format!("{ty}.atomic.store {}", narrow("store", "")),
        );
        for op in ["add", "sub", "and", "or", "xor", "xchg"] {
            compile_each(&two, ty, &rmw(op));
        }
        compile_each(&format!("i32 {ty} {ty}"), ty, &rmw("cmpxchg"));
    }
    compile_each("", "", "atomic.fence");
    compile_each("i32 i32", "i32", "memory.atomic.notify");
    compile_each("i32 i32 i64", "i32", "memory.atomic.wait32");
    compile_each("i32 i64 i64", "i32", "memory.atomic.wait64");
}

#[test]
fn an_atomic_access_checks_its_alignment_unless_it_is_a_byte() {
    let clif = clif(
        "(module (memory 1 1 shared)
          (func (param i32) (result i32) (i32.atomic.load offset=2 (local.get 0))))",
    );
    assert!(clif.contains("band"), "{clif}");
    assert_eq!(clif.matches("trapnz").count(), 1, "{clif}");
    let byte = compile(
        "(module (memory 1 1 shared)
          (func (param i32) (result i32) (i32.atomic.load8_u offset=2 (local.get 0))))",
    );
    assert!(
        !byte[0].clif.contains("select_spectre_guard"),
        "{}",
        byte[0].clif
    );
}

#[test]
fn the_size_of_a_shared_memory_is_read_atomically_through_its_definition() {
    let shared = clif("(module (memory 1 1 shared) (func (result i32) (memory.size)))");
    assert!(shared.contains("atomic_load"), "{shared}");
    let own = clif("(module (memory 1 1) (func (result i32) (memory.size)))");
    assert!(!own.contains("atomic_load"), "{own}");
}

#[test]
fn globals() {
    let clif = clif(
        r#"(module (import "" "g" (global $imported (mut i32)))
            (global $own (mut i32) (i32.const 1)) (global $constant i32 (i32.const 42))
            (global $shared (mut i32) (i32.const 2)) (export "shared" (global $shared))
            (global $v (mut v128) (v128.const i64x2 1 2))
            (func (result i32)
              (global.set $imported (i32.const 3))
              (global.set $own (i32.const 4))
              (global.set $shared (i32.const 5))
              (global.set $v (i32x4.add (global.get $v) (global.get $v)))
              (i32.add (global.get $own) (global.get $constant))))"#,
    );
    assert_eq!(clif.matches("shared globals of type i32").count(), 1);
    assert_eq!(clif.matches("\"module0 global").count(), 2);
    assert!(clif.contains("iconst.i32 42"));
}

#[test]
fn control() {
    compile(
        "(module (type $two (func (param i32 i32) (result i32 i32)))
          (func (param i32 i32) (result i32 i32)
            (local.get 0) (local.get 1)
            (block (type $two) (br_if 0 (local.get 0)))
            (loop (type $two) (br_if 0 (local.get 1)))
            (if (type $two) (local.get 0) (then))
            (if (type $two) (local.get 0) (then (br 1)) (else drop drop unreachable))
            (block (type $two) (br_table 0 1 0 1 (local.get 0))))
          (func (param v128 i32) (result v128)
            (block (result v128)
              (select (i32x4.neg (local.get 0)) (f32x4.neg (local.get 0)) (local.get 1))
              (br_if 0 (local.get 1))
              (local.set 0)
              (f64x2.neg (local.get 0))))
          (func (result i32) (loop (result i32) (br 0)))
          (func (result i32)
            (return (i32.const 1))
            (block (result i32) (loop (result i32) br 0 (if (then) (else unreachable (drop) (drop (i32.add)) (br 3)))))))",
    );
}

#[test]
fn calls_are_direct_where_the_callee_is_known() {
    let known = [
        KnownImport::Wasm(
            StaticModuleIndex::from_u32(3),
            DefinedFuncIndex::from_u32(5),
        ),
        KnownImport::Trampoline(TrampolineIndex::from_u32(9)),
    ];
    let setup = Setup {
        known_imports: (0..).map(FuncIndex::from_u32).zip(known).collect(),
        ..Setup::default()
    };
    let wat = r#"(module (import "" "a" (func $a)) (import "" "b" (func $b))
        (func $own (call $a) (call $b) (call $own)))"#;
    let clif = setup.compile(wat).unwrap().remove(0).clif;
    assert!(!clif.contains("call_indirect"), "{clif}");
    assert!(clif.contains("colocated u3:5"), "{clif}");
    assert!(
        clif.contains(&format!("colocated u{}:9", 5u32 << 28)),
        "{clif}"
    );
    assert!(clif.contains("colocated u0:0"), "{clif}");
}

#[test]
fn many_results_and_parameters() {
    let types = "i64 f32 v128 ".repeat(30);
    compile(&format!(
        "(module (func $f (param {types}) (result {types}) unreachable)
          (func (result {types}) unreachable)
          (func (call 1) (call $f) unreachable))"
    ));
}

#[test]
fn vectors_by_lane() {
    let shapes = ["i8x16", "i16x8", "i32x4", "i64x2", "f32x4", "f64x2"];
    for (i, shape) in shapes.into_iter().enumerate() {
        let scalar = ["i32", "i32", "i32", "i64", "f32", "f64"][i];
        let narrow = i < 2;
        compile_each(scalar, "v128", &format!("{shape}.splat"));
        let replace = format!(
            "(func (param v128 {scalar}) (result v128) (local.get 0) (local.get 1) {shape}.replace_lane 1)"
        );
        let extracts: &[&str] = if narrow { &["_s", "_u"] } else { &[""] };
        let extracts: String = extracts.iter().map(|sign| format!("(func (param v128) (result {scalar}) (local.get 0) {shape}.extract_lane{sign} 1)")).collect();
        compile(&format!("(module {replace} {extracts})"));
        let of = |names: &str| -> String {
            names
                .split_whitespace()
                .map(|n| format!("{shape}.{n} "))
                .collect()
        };
        if i < 4 {
            compile_each(
                "v128 v128",
                "v128",
                &of("add sub eq ne lt_s gt_s le_s ge_s"),
            );
            compile_each("v128 i32", "v128", &of("shl shr_s shr_u"));
            compile_each("v128", "v128", &of("abs neg"));
            compile_each("v128", "i32", &of("all_true bitmask"));
        } else {
            compile_each(
                "v128 v128",
                "v128",
                &of("add sub mul div min max pmin pmax"),
            );
            compile_each("v128 v128", "v128", &of("eq ne lt gt le ge"));
            compile_each("v128", "v128", &of("abs neg sqrt ceil floor trunc nearest"));
        }
        if i < 3 {
            let unsigned = of("lt_u gt_u le_u ge_u min_s min_u max_s max_u");
            compile_each("v128 v128", "v128", &unsigned);
        }
        if narrow {
            let saturating = of("add_sat_s add_sat_u sub_sat_s sub_sat_u avgr_u");
            compile_each("v128 v128", "v128", &saturating);
        }
    }
    compile_each(
        "v128 v128",
        "v128",
        "i16x8.mul i32x4.mul i64x2.mul i8x16.swizzle",
    );
    compile_each("v128 v128", "v128", "v128.and v128.andnot v128.or v128.xor");
    compile_each("v128 v128 v128", "v128", "v128.bitselect");
    compile_each("v128", "v128", "v128.not i8x16.popcnt");
    compile_each("v128", "i32", "v128.any_true");
}

#[test]
fn vector_conversions() {
    for (narrow, wide) in [("i8x16", "i16x8"), ("i16x8", "i32x4"), ("i32x4", "i64x2")] {
        for sign in ["s", "u"] {
            compile_each(
                "v128",
                "v128",
                &format!("{wide}.extend_low_{narrow}_{sign} {wide}.extend_high_{narrow}_{sign}"),
            );
            compile_each(
                "v128 v128",
                "v128",
                &format!("{wide}.extmul_low_{narrow}_{sign} {wide}.extmul_high_{narrow}_{sign}"),
            );
            if wide != "i64x2" {
                compile_each(
                    "v128",
                    "v128",
                    &format!("{wide}.extadd_pairwise_{narrow}_{sign}"),
                );
                compile_each(
                    "v128 v128",
                    "v128",
                    &format!("{narrow}.narrow_{wide}_{sign}"),
                );
            }
        }
    }
    compile_each("v128 v128", "v128", "i32x4.dot_i16x8_s i16x8.q15mulr_sat_s");
    compile_each(
        "v128",
        "v128",
        "i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u",
    );
    compile_each(
        "v128",
        "v128",
        "f32x4.convert_i32x4_s f32x4.convert_i32x4_u",
    );
    compile_each(
        "v128",
        "v128",
        "i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero",
    );
    compile_each(
        "v128",
        "v128",
        "f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u",
    );
    compile_each(
        "v128",
        "v128",
        "f32x4.demote_f64x2_zero f64x2.promote_low_f32x4",
    );
}

#[test]
fn vector_loads_and_stores() {
    compile_each(
        "i32",
        "v128",
        "v128.load v128.load8x8_s v128.load8x8_u v128.load16x4_s v128.load16x4_u v128.load32x2_s v128.load32x2_u",
    );
    compile_each(
        "i32",
        "v128",
        "v128.load8_splat v128.load16_splat v128.load32_splat v128.load64_splat v128.load32_zero v128.load64_zero",
    );
    compile_each("i32 v128", "", "v128.store");
    for width in [8, 16, 32, 64] {
        compile(&format!(
            "(module (memory 1)
              (func (param i32 v128) (result v128)
                (v128.load{width}_lane offset=4 1 (local.get 0) (local.get 1)))
              (func (param i32 v128)
                (v128.store{width}_lane offset=4 1 (local.get 0) (local.get 1)))
              (func (result v128)
                (i8x16.shuffle 0 17 2 19 4 21 6 23 8 25 10 27 12 29 14 31
                  (v128.const i32x4 1 2 3 4) (v128.const f64x2 1 2))))"
        ));
    }
}
