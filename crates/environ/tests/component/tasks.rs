//! Calls from component to component that make tasks: what `start` and `return` do, for each way
//! to lift and to lower, and what is still one function.

use crate::adapters::{
    ALL, CONTEXT, Call, MEMORY, PLAIN, REALLOC, check_log, with_adapter, with_adapter_of,
};
use crate::machine::{CALLEE, CALLER, Callee, Machine};
use crate::program::check;
use threadline_environ::TrapCode;

const YIELDS: &str = "(core func (canon thread.yield))";

/// A function from string to string, lifted and lowered synchronously.
const STRINGS: Call = Call {
    ty: r#"async (param "s" string) (result string)"#,
    lifted: "(param i32 i32) (result i32)",
    lowered: "(param i32 i32 i32)",
    callee: YIELDS,
    lift: ALL,
    lower: REALLOC,
    ..PLAIN
};

const STACKFUL: &str =
    r#"async (memory (core memory $m "memory")) (realloc (core func $m "realloc"))"#;
const CALLBACK: &str = r#"async (memory (core memory $m "memory")) (realloc (core func $m "realloc"))
    (callback (core func $m "c"))"#;

/// A callee that notes nothing and gives what its lift does: a pointer, nothing or a code.
const CALLEES: [Callee; 3] = [|_, _| Some(64), |_, _| None, |_, _| Some(2)];

/// The ways to lift a function from string to string, each with what `start` returns.
fn lifts() -> [(Call, Callee, &'static [u64]); 3] {
    let stackful = Call {
        lifted: "(param i32 i32)",
        lift: STACKFUL,
        ..STRINGS
    };
    let callback = Call {
        lifted: "(param i32 i32) (result i32)",
        lift: CALLBACK,
        ..STRINGS
    };
    let [sync, none, code] = CALLEES;
    [
        (STRINGS, sync, &[64]),
        (stackful, none, &[]),
        (callback, code, &[2]),
    ]
}

fn write(machine: &mut Machine, side: usize, at: usize, bytes: &[u8]) {
    machine.memories[side][at..at + bytes.len()].copy_from_slice(bytes);
}

fn words(machine: &Machine, side: usize, at: usize) -> [u32; 2] {
    let word = |at: usize| {
        let bytes = machine.memories[side][at..at + 4].try_into().unwrap();
        u32::from_le_bytes(bytes)
    };
    [word(at), word(at + 4)]
}

#[test]
fn start_passes_the_parameters_and_calls_the_callee() {
    for lower in [STRINGS.lower, STACKFUL] {
        for (call, callee, results) in lifts() {
            let call = lowered(call, lower);
            with_adapter(&call, |adapter| {
                let adapter = adapter.unwrap();
                let mut machine = Machine::new(callee);
                write(&mut machine, CALLER, 16, b"abc");
                let returned = machine.run_export(adapter, "start", &[16, 3, 400]);
                assert_eq!(returned.as_deref(), Ok(results));
                assert_eq!(&machine.memories[CALLEE][2000..2003], b"abc");
                check_log(
                    &machine,
                    "callee.realloc(0 0 1 3): slots 11 22, leave 1 0
                     utf8-to-utf8 caller to callee: 16 2000 3
                     callee(2000 3): slots 11 22, leave 1 1",
                );
            });
        }
    }
}

/// The call, lowered with these options.
fn lowered(call: Call, lower: &'static str) -> Call {
    let lowered = match lower.starts_with("async") {
        true => "(param i32 i32 i32) (result i32)",
        false => call.lowered,
    };
    Call {
        lower,
        lowered,
        ..call
    }
}

#[test]
fn return_passes_the_result_from_where_the_lift_has_it() {
    for lower in [STRINGS.lower, STACKFUL] {
        for (call, callee, _) in lifts() {
            let is_sync = !call.lift.starts_with("async");
            let call = lowered(call, lower);
            with_adapter(&call, |adapter| {
                let mut machine = Machine::new(callee);
                write(&mut machine, CALLEE, 80, b"hi");
                write(&mut machine, CALLEE, 64, &[80, 0, 0, 0, 2, 0, 0, 0]);
                // What the core function returns points to the string; `task.return` gets it.
                let args: &[u64] = if is_sync { &[64, 400] } else { &[80, 2, 400] };
                let returned = machine.run_export(adapter.unwrap(), "return", args);
                assert_eq!(returned, Ok(vec![]));
                assert_eq!(words(&machine, CALLER, 400), [1000, 2]);
                assert_eq!(&machine.memories[CALLER][1000..1002], b"hi");
                let post_return = match is_sync {
                    true => "\npost-return(64): slots 11 22, leave 1 0",
                    false => "",
                };
                check_log(
                    &machine,
                    &format!(
                        "caller.realloc(0 0 1 2): slots 11 22, leave 0 1
                         utf8-to-utf8 callee to caller: 80 1000 2{post_return}"
                    ),
                );
            });
        }
    }
}

#[test]
fn a_flat_result_is_returned_to_who_lowers_synchronously() {
    let call = Call {
        ty: r#"async (param "a" u8) (result u8)"#,
        lifted: "(param i32)",
        lowered: "(param i32) (result i32)",
        lift: "async",
        ..PLAIN
    };
    with_adapter(&call, |adapter| {
        let mut machine = Machine::new(|_, _| None);
        let adapter = adapter.unwrap();
        assert_eq!(machine.run_export(adapter, "start", &[0x1FF]), Ok(vec![]));
        check_log(&machine, "callee(255): slots 11 22, leave 1 1");
        let returned = machine.run_export(adapter, "return", &[0x203]);
        assert_eq!(returned, Ok(vec![3]));
    });
    // Who lowers with `async` wants it in memory.
    let call = Call {
        lowered: "(param i32 i32) (result i32)",
        lower: r#"async (memory (core memory $m "memory"))"#,
        ..call
    };
    with_adapter(&call, |adapter| {
        let mut machine = Machine::new(|_, _| None);
        let adapter = adapter.unwrap();
        assert_eq!(machine.run_export(adapter, "start", &[7, 99]), Ok(vec![]));
        let returned = machine.run_export(adapter, "return", &[0x203, 99]);
        assert_eq!(returned, Ok(vec![]));
        assert_eq!(machine.memories[CALLER][98..101], [0, 3, 0]);
    });
}

#[test]
fn a_result_of_more_than_sixteen_values_is_given_to_task_return_in_memory() {
    let call = Call {
        ty: "async (result (list u8 20))",
        lifted: "",
        lowered: "(param i32)",
        lift: r#"async (memory (core memory $m "memory"))"#,
        lower: MEMORY,
        ..PLAIN
    };
    with_adapter(&call, |adapter| {
        let mut machine = Machine::new(|_, _| None);
        write(&mut machine, CALLEE, 500, &[9; 20]);
        let returned = machine.run_export(adapter.unwrap(), "return", &[500, 300]);
        assert_eq!(returned, Ok(vec![]));
        assert_eq!(machine.memories[CALLER][300..320], [9; 20]);
        let past = machine.run_export(adapter.unwrap(), "return", &[65530, 300]);
        assert_eq!(past, Err(TrapCode::CanonicalOutOfBounds));
    });
}

#[test]
fn five_parameters_lowered_with_async_are_in_memory() {
    let call = Call {
        ty: r#"async (param "a" u8) (param "b" u8) (param "c" u8) (param "d" u8) (param "e" u8)"#,
        lifted: "(param i32 i32 i32 i32 i32)",
        lowered: "(param i32) (result i32)",
        lift: "async",
        lower: r#"async (memory (core memory $m "memory"))"#,
        ..PLAIN
    };
    with_adapter(&call, |adapter| {
        let mut machine = Machine::new(|_, _| None);
        write(&mut machine, CALLER, 64, &[1, 2, 3, 4, 5]);
        let returned = machine.run_export(adapter.unwrap(), "start", &[64]);
        assert_eq!(returned, Ok(vec![]));
        check_log(&machine, "callee(1 2 3 4 5): slots 11 22, leave 1 1");
    });
}

#[test]
fn a_callee_that_cannot_block_has_returned_when_it_is_lowered_with_async() {
    let call = Call {
        ty: r#"async (param "a" u32) (result u32)"#,
        lifted: "(param i32) (result i32)",
        lowered: "(param i32 i32) (result i32)",
        lower: r#"async (memory (core memory $m "memory"))"#,
        ..PLAIN
    };
    with_adapter(&call, |adapter| {
        let mut machine = Machine::new(|_, args| Some(args[0] + 1));
        let returned = machine.run(adapter.unwrap(), &[41, 64]);
        // The state `RETURNED`, and no subtask.
        assert_eq!(returned, Ok(vec![2]));
        assert_eq!(machine.memories[CALLER][64], 42);
    });
}

#[test]
fn reallocs_have_context_slots_of_their_own_in_either_function() {
    let call = Call {
        callee: "(core func (canon context.get i32 0)) (core func (canon thread.yield))",
        caller: CONTEXT,
        ..STRINGS
    };
    with_adapter(&call, |adapter| {
        let adapter = adapter.unwrap();
        let mut machine = Machine::new(CALLEES[0]);
        machine.dirties_slots = [true; 2];
        // Loaded by who resumes the thread.
        machine.slots = [0, 0];
        machine.run_export(adapter, "start", &[16, 3, 400]).unwrap();
        machine.slots = [5, 6];
        write(&mut machine, CALLEE, 64, &[80, 0, 0, 0, 2, 0, 0, 0]);
        machine.run_export(adapter, "return", &[64, 400]).unwrap();
        check_log(
            &machine,
            "callee.realloc(0 0 1 3): slots 0 0, leave 1 0
             utf8-to-utf8 caller to callee: 16 2000 3
             callee(2000 3): slots 0 0, leave 1 1
             caller.realloc(0 0 1 2): slots 0 0, leave 0 1
             utf8-to-utf8 callee to caller: 80 1000 2
             post-return(64): slots 5 6, leave 1 0",
        );
    });
}

#[test]
fn ends_and_error_contexts_move_from_table_to_table() {
    let call = Call {
        ty: r#"async (param "s" (stream u8)) (param "e" error-context) (result (future u8))"#,
        lifted: "(param i32 i32)",
        lowered: "(param i32 i32) (result i32)",
        lift: "async",
        ..PLAIN
    };
    with_adapter(&call, |adapter| {
        let adapter = adapter.unwrap();
        let mut machine = Machine::new(|_, _| None);
        machine.run_export(adapter, "start", &[4, 5]).unwrap();
        let returned = machine.run_export(adapter, "return", &[6]);
        assert_eq!(returned, Ok(vec![6]));
        check_log(
            &machine,
            "caller.lift_stream Stream(streamtype0)(4): slots 11 22, leave 1 1
             callee.lower_stream Stream(streamtype0)(1004): slots 11 22, leave 1 1
             caller.lift_error_context(5): slots 11 22, leave 1 1
             callee.lower_error_context(1005): slots 11 22, leave 1 1
             callee(4 5): slots 11 22, leave 1 1
             callee.lift_future Future(futuretype0)(6): slots 11 22, leave 1 1
             caller.lower_future Future(futuretype0)(1006): slots 11 22, leave 1 1",
        );
    });
}

#[test]
fn a_list_of_ends_is_not_copied_as_bytes() {
    let call = Call {
        ty: r#"async (param "l" (list (stream u8) 20))"#,
        lifted: "(param i32)",
        lowered: "(param i32)",
        lift: STACKFUL,
        lower: MEMORY,
        ..PLAIN
    };
    with_adapter(&call, |adapter| {
        let mut machine = Machine::new(|_, _| None);
        machine
            .run_export(adapter.unwrap(), "start", &[64])
            .unwrap();
        let moved = machine.log.matches("callee.lower_stream").count();
        assert_eq!(moved, 20);
    });
}

#[test]
fn borrowed_handles_are_counted_by_the_task() {
    check(
        r#"(component
            (import "r" (type $r (sub resource)))
            (component $callee
                (import "r" (type $r (sub resource)))
                (core module $m (func (export "f") (param i32)))
                (core instance $m (instantiate $m))
                (func (export "f") async (param "r" (borrow $r))
                    (canon lift (core func $m "f") async)))
            (component $caller
                (import "r" (type $r (sub resource)))
                (import "f" (func $f async (param "r" (borrow $r))))
                (core func $f (canon lower (func $f) async))
                (core module $n (import "" "f" (func (param i32) (result i32))))
                (core instance (instantiate $n (with "" (instance (export "f" (func $f)))))))
            (instance $callee (instantiate $callee (with "r" (type $r))))
            (instance (instantiate $caller (with "r" (type $r)) (with "f" (func $callee "f")))))"#,
        "instantiate rinstance0 = module0 `m` in cinstance1 ()
         instantiate rinstance1 = module2 `adapter f` in cinstance2 (trampoline0, trampoline1, trampoline2, trampoline3, rinstance0.func0)
         task taskadapter0 = rinstance1.func5 and rinstance1.func6, options0 to options1
         instantiate rinstance2 = module1 `n` in cinstance2 (trampoline4)
         known module1 func0: call taskadapter0: (i32) -> (i32)
         known module2 func0: lends to task
         known module2 func1: borrow scope of task
         known module2 func2: trampoline2
         known module2 func3: trampoline3
         known module2 func4: module0 dfunc0",
    );
}

#[test]
fn a_call_that_makes_a_task_begins_it() {
    check(
        r#"(component
            (component $callee
                (core module $m
                    (func (export "f") (result i32) unreachable)
                    (func (export "c") (param i32 i32 i32) (result i32) unreachable))
                (core instance $m (instantiate $m))
                (func (export "f") async
                    (canon lift (core func $m "f") async (callback (core func $m "c")))))
            (component $caller
                (import "f" (func $f async))
                (core func $f (canon lower (func $f) async))
                (core func $g (canon lower (func $f)))
                (core module $n (import "" "f" (func (result i32))) (import "" "g" (func)))
                (core instance (instantiate $n (with "" (instance
                    (export "f" (func $f)) (export "g" (func $g)))))))
            (instance $callee (instantiate $callee))
            (instance (instantiate $caller (with "f" (func $callee "f")))))"#,
        "instantiate rinstance0 = module0 `m` in cinstance1 ()
         callback rcallback0 = rinstance0.func1
         instantiate rinstance1 = module2 `adapter f` in cinstance2 (rinstance0.func0)
         task taskadapter0 = rinstance1.func1 and rinstance1.func2, options0 to options1
         instantiate rinstance2 = module3 `adapter f` in cinstance2 (rinstance0.func0)
         task taskadapter1 = rinstance2.func1 and rinstance2.func2, options0 to options2
         instantiate rinstance3 = module1 `n` in cinstance2 (trampoline0, trampoline1)
         known module1 func0: call taskadapter0: () -> (i32)
         known module1 func1: call taskadapter1: () -> ()
         known module2 func0: module0 dfunc0
         known module3 func0: module0 dfunc0",
    );
}

#[test]
fn a_destructor_of_an_instance_that_can_block_is_a_task() {
    check(
        r#"(component
            (core module $m (func (export "d") (param i32)))
            (core instance $m (instantiate $m))
            (core func (canon thread.yield))
            (type $r (resource (rep i32) (dtor (core func $m "d")))))"#,
        "instantiate rinstance0 = module0 `m` in cinstance0 ()
         instantiate rinstance1 = module1 `adapter d` in cinstance0 (rinstance0.func0)
         task taskadapter0 = rinstance1.func1 and rinstance1.func2, options0 to options0
         make resource0
         known module1 func0: module0 dfunc0",
    );
}

#[test]
fn what_a_task_borrows_is_lent_and_counted_for_the_task() {
    let call = Call {
        ty: r#"async (param "r" (borrow $r))"#,
        lifted: "(param i32)",
        lowered: "(param i32) (result i32)",
        callee: "(type $own (resource (rep i32)))",
        lift: "async",
        lower: "async",
        ..PLAIN
    };
    let wat = call.wat();
    // One type for both, which neither defines.
    let import = r#"(import "r" (type $r (sub resource)))"#;
    let wat = wat
        .replacen("(component", &format!("(component {import}"), 1)
        .replacen(
            "(component $callee",
            &format!("(component $callee {import}"),
            1,
        )
        .replacen(
            "(component $caller",
            &format!("(component $caller {import}"),
            1,
        )
        .replacen(
            "(instantiate $callee)",
            r#"(instantiate $callee (with "r" (type $r)))"#,
            1,
        )
        .replacen(
            "(instantiate $caller",
            r#"(instantiate $caller (with "r" (type $r))"#,
            1,
        );
    with_adapter_of(&wat, |adapter| {
        let mut machine = Machine::new(|_, _| None);
        let returned = machine.run_export(adapter.unwrap(), "start", &[4]);
        assert_eq!(returned, Ok(vec![]));
        check_log(
            &machine,
            "lends to task(): slots 11 22, leave 1 1
             borrow scope of task(): slots 11 22, leave 1 1
             caller.lift_borrow among many resource0(4 77): slots 11 22, leave 1 1
             callee.lower_borrow resource0(1004 77): slots 11 22, leave 1 1
             callee(4): slots 11 22, leave 1 1",
        );
        machine.log.clear();
        // That the borrows are over is seen by who calls this.
        let returned = machine.run_export(adapter.unwrap(), "return", &[]);
        assert_eq!(returned, Ok(vec![]));
        check_log(&machine, "");
    });
}
