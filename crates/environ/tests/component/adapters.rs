//! Calls from component to component: when there is an adapter, and what it does.

use crate::machine::{CALLEE, CALLER, Callee, Machine};
use crate::program::check;
use threadline_environ::module::ModuleTranslation;
use threadline_environ::{Features, Translation, TrapCode};
use wasmparser::{Validator, WasmFeatures};

/// A component with a callee and a caller in it.
pub(crate) struct Call {
    /// Parameters and result of the function, in the component's terms.
    pub(crate) ty: &'static str,
    /// Likewise, of the core function lifted and of that lowered.
    pub(crate) lifted: &'static str,
    pub(crate) lowered: &'static str,
    /// Definitions in either component.
    pub(crate) callee: &'static str,
    pub(crate) caller: &'static str,
    /// Options of the lift and of the lower.
    pub(crate) lift: &'static str,
    pub(crate) lower: &'static str,
}

pub(crate) const MEMORY: &str = r#"(memory (core memory $m "memory"))"#;
pub(crate) const REALLOC: &str =
    r#"(memory (core memory $m "memory")) (realloc (core func $m "realloc"))"#;
pub(crate) const ALL: &str = r#"(memory (core memory $m "memory")) (realloc (core func $m "realloc"))
    (post-return (core func $m "post"))"#;
pub(crate) const CONTEXT: &str = "(core func (canon context.get i32 0))";

pub(crate) const PLAIN: Call = Call {
    ty: r#"(param "a" u32) (param "b" s64) (result f32)"#,
    lifted: "(param i32 i64) (result f32)",
    lowered: "(param i32 i64) (result f32)",
    callee: "",
    caller: "",
    lift: "",
    lower: "",
};

impl Call {
    pub(crate) fn wat(&self) -> String {
        let Call {
            ty,
            lifted,
            lowered,
            callee,
            caller,
            lift,
            lower,
        } = self;
        let post = match lifted.split_once("(result ") {
            Some((_, result)) => format!("(param {result}"),
            None => String::new(),
        };
        format!(
            r#"(component
                (component $callee
                    {callee}
                    (core module $m
                        (memory (export "memory") 1)
                        (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
                        (func (export "post") {post})
                        (func (export "f") {lifted} unreachable)
                        (func (export "c") (param i32 i32 i32) (result i32) unreachable))
                    (core instance $m (instantiate $m))
                    (func (export "f") {ty} (canon lift (core func $m "f") {lift})))
                (component $caller
                    (import "f" (func $f {ty}))
                    {caller}
                    (core module $m
                        (memory (export "memory") 1)
                        (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable))
                    (core instance $m (instantiate $m))
                    (core func $f (canon lower (func $f) {lower}))
                    (core module $n (import "" "f" (func {lowered})))
                    (core instance (instantiate $n (with "" (instance (export "f" (func $f)))))))
                (instance $callee (instantiate $callee))
                (instance (instantiate $caller (with "f" (func $callee "f")))))"#
        )
    }
}

/// Gives the one adapter of a component, validated, or nothing if there is none.
#[track_caller]
pub(crate) fn with_adapter<R>(
    call: &Call,
    f: impl FnOnce(Option<&ModuleTranslation<'_>>) -> R,
) -> R {
    with_adapter_of(&call.wat(), f)
}

/// Likewise.
#[track_caller]
pub(crate) fn with_adapter_of<R>(
    wat: &str,
    f: impl FnOnce(Option<&ModuleTranslation<'_>>) -> R,
) -> R {
    let bytes = wat::parse_str(wat).unwrap();
    let translation = match Translation::parse(&bytes, Features::default()) {
        Ok(translation) => translation,
        Err(error) => panic!("refused: {error}"),
    };
    let mut adapters = translation
        .modules
        .values()
        .filter(|m| m.module.name.as_deref() == Some("adapter f"));
    let adapter = adapters.next();
    assert!(adapters.next().is_none());
    if let Some(adapter) = adapter {
        Validator::new_with_features(WasmFeatures::all())
            .validate_all(&adapter.bytes)
            .unwrap();
    }
    f(adapter)
}

/// Runs the adapter of a call.
#[track_caller]
fn run(call: &Call, machine: &mut Machine, args: &[u64]) -> Result<Vec<u64>, TrapCode> {
    with_adapter(call, |adapter| machine.run(adapter.unwrap(), args))
}

/// Checks what calls a run makes, and what those who are called see.
#[track_caller]
pub(crate) fn check_log(machine: &Machine, expected: &str) {
    let log: Vec<&str> = machine.log.lines().collect();
    let expected: Vec<&str> = expected.lines().map(str::trim).collect();
    assert_eq!(log, expected);
}

#[track_caller]
fn check_direct(call: &Call) {
    with_adapter(call, |adapter| assert!(adapter.is_none()));
}

#[test]
fn a_call_with_nothing_to_adapt_is_direct() {
    check_direct(&PLAIN);
    check(
        &PLAIN.wat(),
        "instantiate rinstance0 = module0 `m` in cinstance1 ()
         instantiate rinstance1 = module1 `m` in cinstance2 ()
         instantiate rinstance2 = module2 `n` in cinstance2 (rinstance0.func2)
         known module2 func0: module0 dfunc2",
    );
}

#[test]
fn a_caller_that_sees_its_slots_still_calls_directly_one_that_does_not() {
    let call = Call {
        caller: CONTEXT,
        ..PLAIN
    };
    check_direct(&call);
}

#[test]
fn a_callee_that_sees_its_slots_gets_zeros_and_the_callers_come_back() {
    let call = Call {
        callee: CONTEXT,
        ..PLAIN
    };
    let mut machine = Machine::new(|_, _| Some(9));
    machine.dirties_slots = [false, true];
    assert_eq!(run(&call, &mut machine, &[5, 6]), Ok(vec![9]));
    check_log(&machine, "callee(5 6): slots 0 0, leave 1 1");
    assert_eq!(machine.slots, [11, 22]);
}

#[test]
fn a_caller_that_may_not_be_left_traps() {
    // A realloc anywhere in the component is what can clear the flag.
    let call = Call {
        ty: "",
        lifted: "",
        lowered: "",
        lower: REALLOC,
        ..PLAIN
    };
    let mut machine = Machine::new(|_, _| None);
    assert_eq!(run(&call, &mut machine, &[]), Ok(vec![]));
    machine.flags = [0, 1];
    let trap = Err(TrapCode::CannotLeaveComponent);
    assert_eq!(run(&call, &mut machine, &[]), trap);
    machine.flags = [2, 1];
    assert_eq!(run(&call, &mut machine, &[]), trap);
    check_log(&machine, "callee(): slots 11 22, leave 1 1");
}

#[test]
fn scalars_are_masked_extended_and_checked() {
    let max = u64::from(u32::MAX);
    let char_trap = Err(TrapCode::InvalidChar);
    let enum_trap = Err(TrapCode::InvalidDiscriminant);
    let flags = r#"(flags "a" "b" "c" "d" "e" "f" "g" "h" "i")"#;
    for (ty, value, expected) in [
        ("bool", 0, Ok(0)),
        ("bool", 1, Ok(1)),
        ("bool", 0x100, Ok(1)),
        ("u8", 0x1FF, Ok(0xFF)),
        ("u16", 0x1_2345, Ok(0x2345)),
        ("s8", 0x17F, Ok(0x7F)),
        ("s8", 0x80, Ok(max - 0x7F)),
        ("s16", 0x1_8000, Ok(max - 0x7FFF)),
        ("s16", 0x7FFF, Ok(0x7FFF)),
        ("u32", max, Ok(max)),
        ("char", 0, Ok(0)),
        ("char", 0xD7FF, Ok(0xD7FF)),
        ("char", 0xD800, char_trap),
        ("char", 0xDFFF, char_trap),
        ("char", 0xE000, Ok(0xE000)),
        ("char", 0x10_FFFF, Ok(0x10_FFFF)),
        ("char", 0x11_0000, char_trap),
        ("char", 0x11_D800, char_trap),
        ("char", max, char_trap),
        (r#"(enum "a" "b" "c")"#, 2, Ok(2)),
        (r#"(enum "a" "b" "c")"#, 3, enum_trap),
        (r#"(enum "a" "b" "c")"#, max, enum_trap),
        (flags, 0x1FF, Ok(0x1FF)),
        (flags, 0xFE00, Ok(0)),
    ] {
        check_scalar_both_ways(ty, value, expected);
    }
}

/// Passes a value as a parameter, and as a result.
#[track_caller]
fn check_scalar_both_ways(ty: &str, value: u64, expected: Result<u64, TrapCode>) {
    // An enum or flags type has a name where it is exported and where it is imported.
    let (export, import, with, ty) = if ty.starts_with('(') {
        (
            format!(r#"(type $t {ty}) (export $u "t" (type $t))"#),
            format!(r#"(type $t {ty}) (import "t" (type $u (eq $t)))"#),
            r#"(with "t" (type $callee "t"))"#,
            "$u",
        )
    } else {
        (String::new(), String::new(), "", ty)
    };
    for (signature, core, args) in [
        (format!(r#"(param "a" {ty})"#), "(param i32)", vec![value]),
        (format!("(result {ty})"), "(result i32)", vec![]),
    ] {
        // The context makes an adapter of what would be a direct call.
        let wat = format!(
            r#"(component
                (component $callee
                    {CONTEXT} {export}
                    (core module $m (func (export "f") {core} unreachable))
                    (core instance $m (instantiate $m))
                    (func (export "f") {signature} (canon lift (core func $m "f"))))
                (component $caller
                    {import}
                    (import "f" (func $f {signature}))
                    (core func $f (canon lower (func $f)))
                    (core module $n (import "" "f" (func {core})))
                    (core instance (instantiate $n (with "" (instance (export "f" (func $f)))))))
                (instance $callee (instantiate $callee))
                (instance (instantiate $caller {with} (with "f" (func $callee "f")))))"#
        );
        let bytes = wat::parse_str(&wat).unwrap();
        let translation = Translation::parse(&bytes, Features::default());
        let translation = translation.unwrap_or_else(|error| panic!("{error}: {wat}"));
        let adapter = translation.modules.values().last().unwrap();
        assert_eq!(adapter.module.name.as_deref(), Some("adapter f"));
        let mut machine = Machine::new(pass_on);
        machine.memories[CALLEE][..8].copy_from_slice(&value.to_le_bytes());
        let result = machine
            .run(adapter, &args)
            .map(|results| match results[..] {
                [result] => result,
                _ => first_word(&machine.memories[CALLER]),
            });
        assert_eq!(result, expected, "{ty} {value:#x} {signature}");
    }
}

/// Leaves a parameter at the caller's address 0, and returns what is at the callee's.
fn pass_on(machine: &mut Machine, args: &[u64]) -> Option<u64> {
    let Some(arg) = args.first() else {
        return Some(first_word(&machine.memories[CALLEE]));
    };
    machine.memories[CALLER][..8].copy_from_slice(&arg.to_le_bytes());
    None
}

fn first_word(memory: &[u8]) -> u64 {
    u64::from_le_bytes(memory[..8].try_into().unwrap())
}

/// A call that passes a string and a list and returns a string.
const BYTES: Call = Call {
    ty: r#"(param "a" string) (param "b" (list u8)) (result string)"#,
    lifted: "(param i32 i32 i32 i32) (result i32)",
    lowered: "(param i32 i32 i32 i32 i32)",
    callee: CONTEXT,
    caller: CONTEXT,
    lift: ALL,
    lower: REALLOC,
};

/// Returns a string of three bytes at 500, by way of a pair at 600.
fn return_abc(machine: &mut Machine, _: &[u64]) -> Option<u64> {
    let memory = &mut machine.memories[CALLEE];
    memory[500..503].copy_from_slice(b"abc");
    memory[600..604].copy_from_slice(&500u32.to_le_bytes());
    memory[604..608].copy_from_slice(&3u32.to_le_bytes());
    Some(600)
}

#[test]
fn strings_and_lists_are_copied_through_reallocs_on_threads_of_their_own() {
    let mut machine = Machine::new(return_abc);
    machine.dirties_slots = [true, true];
    machine.memories[CALLER][8..13].copy_from_slice(b"hello");
    machine.memories[CALLER][20..22].copy_from_slice(&[7, 8]);
    assert_eq!(run(&BYTES, &mut machine, &[8, 5, 20, 2, 40]), Ok(vec![]));
    check_log(
        &machine,
        "callee.realloc(0 0 1 5): slots 0 0, leave 1 0
         utf8-to-utf8 caller to callee: 8 2000 5
         callee.realloc(0 0 1 2): slots 0 0, leave 1 0
         callee(2000 5 2100 2): slots 0 0, leave 1 1
         caller.realloc(0 0 1 3): slots 0 0, leave 0 1
         utf8-to-utf8 callee to caller: 500 1000 3
         post-return(600): slots 101 101, leave 1 0",
    );
    assert_eq!(machine.memories[CALLEE][2100..2102], [7, 8]);
    assert_eq!(machine.memories[CALLER][40..48], [232, 3, 0, 0, 3, 0, 0, 0]);
    assert_eq!(machine.memories[CALLER][1000..1003], *b"abc");
    assert_eq!(machine.slots, [11, 22]);
    assert_eq!(machine.flags, [1, 1]);
}

#[test]
fn the_callers_slots_are_hidden_from_its_realloc_whoever_else_sees_slots() {
    let callee_blind = Call {
        callee: "",
        ..BYTES
    };
    let no_post_return = Call {
        lift: REALLOC,
        ..BYTES
    };
    for call in [callee_blind, no_post_return] {
        let mut machine = Machine::new(return_abc);
        machine.dirties_slots = [true, !call.callee.is_empty()];
        assert_eq!(run(&call, &mut machine, &[8, 5, 20, 2, 40]), Ok(vec![]));
        let realloc = "caller.realloc(0 0 1 3): slots 0 0, leave 0 1";
        assert!(machine.log.contains(realloc), "{}", machine.log);
        assert_eq!(machine.slots, [11, 22]);
    }
}

#[test]
fn ranges_out_of_bounds_trap() {
    let max = u64::from(u32::MAX);
    for (args, expected) in [
        ([65536, 0, 0, 0, 0], None),
        (
            [65537, 0, 0, 0, 0],
            Some(TrapCode::StringPointerOutOfBounds),
        ),
        (
            [65535, 2, 0, 0, 0],
            Some(TrapCode::StringPointerOutOfBounds),
        ),
        ([max, 1, 0, 0, 0], Some(TrapCode::StringPointerOutOfBounds)),
        ([0, 1 << 28, 0, 0, 0], Some(TrapCode::ListTooLong)),
        (
            [0, (1 << 28) - 1, 0, 0, 0],
            Some(TrapCode::StringPointerOutOfBounds),
        ),
        ([0, max, 0, 0, 0], Some(TrapCode::ListTooLong)),
        ([0, 0, 65535, 2, 0], Some(TrapCode::ListPointerOutOfBounds)),
        ([0, 0, 0, max, 0], Some(TrapCode::ListTooLong)),
        ([0, 0, 0, 0, 65528], None),
        ([0, 0, 0, 0, 65529], Some(TrapCode::UnalignedPointer)),
        ([0, 0, 0, 0, 65532], Some(TrapCode::CanonicalOutOfBounds)),
        ([0, 0, 0, 0, max - 3], Some(TrapCode::CanonicalOutOfBounds)),
    ] {
        let mut machine = Machine::new(return_abc);
        let result = run(&BYTES, &mut machine, &args);
        assert_eq!(result.err(), expected, "{args:?}");
    }
}

#[test]
fn a_callees_result_out_of_bounds_traps() {
    let callees: [(Callee, TrapCode); 4] = [
        (|_, _| Some(65532), TrapCode::CanonicalOutOfBounds),
        (|_, _| Some(0xFFFF_FFFC), TrapCode::CanonicalOutOfBounds),
        (|_, _| Some(2), TrapCode::UnalignedPointer),
        (
            |machine, args| {
                let pair = return_abc(machine, args);
                machine.memories[CALLEE][603] = 0xFF;
                pair
            },
            TrapCode::StringPointerOutOfBounds,
        ),
    ];
    for (callee, expected) in callees {
        let mut machine = Machine::new(callee);
        let result = run(&BYTES, &mut machine, &[0, 0, 0, 0, 0]);
        assert_eq!(result, Err(expected));
    }
}

#[test]
fn a_realloc_that_returns_memory_out_of_bounds_traps() {
    for (next, args, expected) in [
        (65530, [0, 7, 0, 0, 0], TrapCode::ReallocOutOfBounds),
        (65537 - 100, [0, 0, 0, 0, 0], TrapCode::ReallocOutOfBounds),
    ] {
        let mut machine = Machine::new(return_abc);
        machine.next[CALLEE] = next;
        assert_eq!(run(&BYTES, &mut machine, &args), Err(expected));
    }
}

#[test]
fn more_than_sixteen_flat_parameters_go_through_memory() {
    let mut ty = String::new();
    for i in 0..14 {
        ty += &format!(r#"(param "a{i}" u16) "#);
    }
    ty += r#"(param "b" s8) (param "c" string) (param "d" f64)"#;
    let call = Call {
        ty: ty.leak(),
        lifted: "(param i32)",
        lowered: "(param i32)",
        callee: "",
        lift: REALLOC,
        lower: MEMORY,
        ..PLAIN
    };
    let mut machine = Machine::new(|_, _| None);
    for i in 0..14 {
        machine.memories[CALLER][16 + 2 * i] = i as u8;
    }
    machine.memories[CALLER][16 + 28] = 0x85;
    machine.memories[CALLER][16 + 32..16 + 40].copy_from_slice(&[100, 0, 0, 0, 2, 0, 0, 0]);
    machine.memories[CALLER][16 + 40..16 + 48].copy_from_slice(&1.5f64.to_le_bytes());
    machine.memories[CALLER][100..102].copy_from_slice(b"xy");
    assert_eq!(run(&call, &mut machine, &[16]), Ok(vec![]));
    check_log(
        &machine,
        "callee.realloc(0 0 8 48): slots 11 22, leave 1 0
         callee.realloc(0 0 1 2): slots 11 22, leave 1 0
         utf8-to-utf8 caller to callee: 100 2100 2
         callee(2000): slots 11 22, leave 1 1",
    );
    let (caller, callee) = (&machine.memories[CALLER], &machine.memories[CALLEE]);
    assert_eq!(callee[2000..2029], caller[16..45]);
    assert_eq!(callee[2032..2040], [52, 8, 0, 0, 2, 0, 0, 0]);
    assert_eq!(callee[2040..2048], caller[56..64]);
    assert_eq!(callee[2100..2102], *b"xy");

    for (pointer, next, expected) in [
        (12, 2000, TrapCode::UnalignedPointer),
        (65496, 2000, TrapCode::CanonicalOutOfBounds),
        (16, 2004, TrapCode::ReallocUnaligned),
        (16, 65496, TrapCode::ReallocOutOfBounds),
    ] {
        machine.next[CALLEE] = next;
        assert_eq!(run(&call, &mut machine, &[pointer]), Err(expected));
    }
}

#[test]
fn adapters_are_shared_by_equal_lowerings_and_known_to_their_importers() {
    check(
        r#"(component
            (component $callee
                (core module $m (func (export "f") (param i32)))
                (core instance $m (instantiate $m))
                (func (export "f") (param "a" u8) (canon lift (core func $m "f"))))
            (component $caller
                (import "f" (func $f (param "a" u8)))
                (core func $f1 (canon lower (func $f)))
                (core func $f2 (canon lower (func $f)))
                (core module $n (import "" "f1" (func (param i32)))
                    (import "" "f2" (func (param i32))))
                (core instance (instantiate $n (with "" (instance
                    (export "f1" (func $f1)) (export "f2" (func $f2)))))))
            (instance $callee (instantiate $callee))
            (instance (instantiate $caller (with "f" (func $callee "f")))))"#,
        "instantiate rinstance0 = module0 `m` in cinstance1 ()
         instantiate rinstance1 = module2 `adapter f` in cinstance2 (rinstance0.func0)
         instantiate rinstance2 = module1 `n` in cinstance2 (rinstance1.func1, rinstance1.func1)
         known module1 func0: module2 dfunc0
         known module1 func1: module2 dfunc0
         known module2 func0: module0 dfunc0",
    );
}

#[test]
fn adapters_name_their_trampolines_flags_and_memories() {
    check(
        &Call {
            ty: r#"(param "a" string)"#,
            lifted: "(param i32 i32)",
            lowered: "(param i32 i32)",
            callee: "",
            lift: REALLOC,
            lower: MEMORY,
            ..PLAIN
        }
        .wat(),
        "instantiate rinstance0 = module0 `m` in cinstance1 ()
         memory rmemory0 = rinstance0.memory0
         realloc rrealloc0 = rinstance0.func0
         instantiate rinstance1 = module1 `m` in cinstance2 ()
         memory rmemory1 = rinstance1.memory0
         instantiate rinstance2 = module3 `adapter f` in cinstance2 (trampoline0, rinstance1.memory0, trampoline1, flags of 1, rinstance0.func0, rinstance0.memory0, trampoline2, trampoline3, rinstance0.func2)
         instantiate rinstance3 = module2 `n` in cinstance2 (rinstance2.func6)
         known module2 func0: module3 dfunc0
         known module3 func0: trap ListTooLong
         known module3 func1: trap StringPointerOutOfBounds
         known module3 func2: module0 dfunc0
         known module3 func3: trap ReallocOutOfBounds
         known module3 func4: utf8-to-utf8 rmemory1 rmemory0
         known module3 func5: module0 dfunc2",
    );
}

#[test]
fn a_component_can_call_what_it_lifted_itself() {
    check(
        r#"(component
            (core module $m
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
                (func (export "f") (param i32 i32)))
            (core instance $m (instantiate $m))
            (func $f (param "a" (list u8))
                (canon lift (core func $m "f") (memory (core memory $m "memory"))
                    (realloc (core func $m "realloc"))))
            (core func $g (canon lower (func $f) (memory (core memory $m "memory"))))
            (core module $n (import "" "g" (func (param i32 i32))))
            (core instance (instantiate $n (with "" (instance (export "g" (func $g)))))))"#,
        "instantiate rinstance0 = module0 `m` in cinstance0 ()
         memory rmemory0 = rinstance0.memory0
         realloc rrealloc0 = rinstance0.func0
         instantiate rinstance1 = module2 in cinstance0 ()
         memory rmemory1 = rinstance1.memory0
         instantiate rinstance2 = module3 `adapter f` in cinstance0 (flags of 0, trampoline0, rinstance1.memory0, trampoline1, rinstance0.memory0, trampoline2, flags of 0, rinstance0.func0, rinstance0.memory0, trampoline3, rinstance0.func1, trampoline4)
         instantiate rinstance3 = module1 `n` in cinstance0 (rinstance2.func7)
         known module1 func0: module3 dfunc0
         known module3 func0: trap CannotLeaveComponent
         known module3 func1: trap ListTooLong
         known module3 func2: trap ListPointerOutOfBounds
         known module3 func3: module0 dfunc0
         known module3 func4: trap ReallocOutOfBounds
         known module3 func5: module0 dfunc1
         known module3 func6: trap ValuesTooLarge",
    );
}
