//! What a component's concurrency is compiled to: where `may_leave` is checked and the exit
//! recorded, and what of the host is called with what. The machine code is in
//! `tests/disas/trampoline`.

use super::define_trampoline;
use crate::isa::{self, Extent};
use crate::{Budget, Compiler, CompilerConfig};
use cranelift_codegen::ir::{Function, InstructionData, Opcode, Value};
use cranelift_frontend::FunctionBuilderContext;
use std::mem::offset_of;
use threadline_environ::component::{Component, ConcurrencyBuiltin, PlainBuiltin, Trampoline};
use threadline_environ::entity::EntityRef;
use threadline_environ::layout::VMStoreContext;
use threadline_environ::{
    BuiltinIndex, Features, RuntimeComponentInstanceIndex, Translation, TrapCode, Tunables,
};

/// What is known of the code of a trampoline.
#[derive(Debug, Default, PartialEq)]
struct Code {
    /// Where the `may_leave` is that it checks, if it does, before anything else is done.
    may_leave: Option<u32>,
    /// Whether it takes note of where wasm is left.
    records_exit: bool,
    /// The host functions that it calls itself, with the arguments that are constant.
    host: Vec<(BuiltinIndex, Vec<Option<i64>>)>,
    /// The compiled functions that it calls.
    direct_calls: usize,
}

impl Code {
    fn of(func: &Function) -> Code {
        let mut code = Code::default();
        let mut calls = 0;
        for block in func.layout.blocks() {
            for inst in func.layout.block_insts(block) {
                match func.dfg.insts[inst] {
                    InstructionData::CondTrap { arg, code: why, .. } => {
                        let expected = crate::trap::to_cranelift(TrapCode::CannotLeaveComponent);
                        assert_eq!(why, expected);
                        assert!(calls == 0 && !code.records_exit && code.may_leave.is_none());
                        let flags = func.dfg.value_def(arg).unwrap_inst();
                        code.may_leave = Some(load_offset(func, func.dfg.inst_args(flags)[0]));
                    }
                    InstructionData::Store { offset, .. } => {
                        let exit = offset_of!(VMStoreContext, exit_pc) as i32;
                        code.records_exit |= i32::from(offset) == exit && calls == 0;
                    }
                    InstructionData::CallIndirect { .. } => {
                        calls += 1;
                        code.host.push(host_call(func, func.dfg.inst_args(inst)));
                    }
                    InstructionData::Call { .. } => code.direct_calls += 1,
                    _ => {}
                }
            }
        }
        // What is called on failure, in a block of its own.
        code.host
            .retain(|(builtin, _)| *builtin != BuiltinIndex::Raise);
        code
    }
}

/// The builtin called with these operands, the first of which is its address, and what is
/// constant of the arguments after the context.
fn host_call(func: &Function, operands: &[Value]) -> (BuiltinIndex, Vec<Option<i64>>) {
    let builtin = BuiltinIndex::ALL[load_offset(func, operands[0]) as usize / 8];
    let constant = |&value: &Value| {
        let inst = func.dfg.value_def(value).inst()?;
        match func.dfg.insts[inst] {
            InstructionData::UnaryImm {
                opcode: Opcode::Iconst,
                imm,
            } => Some(imm.bits()),
            _ => None,
        }
    };
    (builtin, operands[2..].iter().map(constant).collect())
}

/// The offset that a value is loaded from.
fn load_offset(func: &Function, value: Value) -> u32 {
    let inst = func.dfg.value_def(value).unwrap_inst();
    match func.dfg.insts[inst] {
        InstructionData::Load { offset, .. } => i32::from(offset) as u32,
        ref other => panic!("not loaded, but {other:?}"),
    }
}

/// A component, its trampolines but for those of resources, and their code. All of it compiles for every target.
fn trampolines(wat: &str) -> (Component, Vec<(Trampoline, Code)>) {
    let bytes = wat::parse_str(wat).unwrap();
    let translation = || Translation::parse(&bytes, Features::default()).unwrap();
    let tunables = Tunables {
        verify_clif: true,
        ..Tunables::default()
    };
    for target in ["x86_64", "aarch64"] {
        let config = CompilerConfig {
            tunables: tunables.clone(),
            target: Some(target.to_owned()),
        };
        let compiler = Compiler::new(&config).unwrap();
        compiler
            .compile(translation(), &Budget::unlimited())
            .unwrap();
    }
    let isa = isa::build(Some("x86_64"), &tunables, Extent::Whole).unwrap();
    let translation = translation();
    let component = translation.component.unwrap();
    let of_concurrency = component
        .trampolines
        .iter()
        .filter(|(_, trampoline)| !matches!(trampoline, Trampoline::Resource { .. }));
    let code = of_concurrency.map(|(index, trampoline)| {
        let ty = &translation.signatures[trampoline.signature()];
        let mut func = Function::new();
        let mut context = FunctionBuilderContext::new();
        define_trampoline(&*isa, &component, index, ty, &mut func, &mut context);
        (trampoline.clone(), Code::of(&func))
    });
    let code = code.collect();
    (component, code)
}

/// A component with a memory, a table and a `realloc`, and these definitions.
fn with_module(definitions: &str) -> String {
    format!(
        r#"(component
            (core module $m
                (memory (export "m") 1)
                (table (export "t") 1 funcref)
                (func (export "r") (param i32 i32 i32 i32) (result i32) unreachable)
                (func (export "f") (param i32) (result i32) unreachable)
                (func (export "c") (param i32 i32 i32) (result i32) unreachable))
            (core instance $m (instantiate $m))
            (alias core export $m "m" (core memory $m))
            (alias core export $m "t" (core table $t))
            (alias core export $m "r" (core func $r))
            (core type $start (func (param i32)))
            (type $s (stream u8))
            (type $f (future string))
            {definitions})"#
    )
}

#[test]
fn plain_builtins_are_called_with_their_codes_and_operands() {
    let names = PlainBuiltin::ALL.map(|builtin| match builtin {
        PlainBuiltin::SubtaskCancel { async_: true } => "subtask.cancel async",
        builtin => builtin.name(),
    });
    let definitions = names.map(|name| format!("(core func (canon {name}))"));
    let (component, trampolines) = trampolines(&with_module(&definitions.concat()));
    assert_eq!(trampolines.len(), PlainBuiltin::ALL.len());
    for ((trampoline, code), plain) in trampolines.into_iter().zip(PlainBuiltin::ALL) {
        let Trampoline::Concurrency {
            builtin, instance, ..
        } = trampoline
        else {
            panic!("{trampoline:?}");
        };
        assert_eq!(builtin, ConcurrencyBuiltin::Plain(plain));
        // The code, the instance, and operands or 0.
        let operands = plain.signature().params().len();
        let mut args = vec![Some(i64::from(plain.code())), Some(0), Some(0), Some(0)];
        args[2..][..operands].fill(None);
        let expected = Code {
            may_leave: Some(component.layout.flags(instance))
                .filter(|_| !plain.name().starts_with("backpressure.")),
            records_exit: true,
            host: vec![(BuiltinIndex::PlainConcurrency, args)],
            direct_calls: 0,
        };
        assert_eq!(code, expected, "{plain:?}");
    }
}

#[test]
fn other_builtins_are_called_with_their_place_and_an_array() {
    let definitions = [
        "task.return (result string) (memory $m)",
        "waitable-set.wait (memory $m)",
        "waitable-set.poll (memory $m)",
        "stream.new $s",
        "stream.forward $s",
        "stream.cancel-read $s",
        "future.cancel-write $f async",
        "stream.drop-readable $s",
        "future.drop-writable $f",
        "stream.read $s (memory $m)",
        "future.read $f (memory $m) (realloc $r)",
        "stream.write $s async (memory $m)",
        "error-context.new (memory $m)",
        "error-context.debug-message (memory $m) (realloc $r)",
        "thread.new-indirect $start (core table $t)",
    ];
    let builtins = definitions.map(|name| format!("(core func (canon {name}))"));
    let (component, trampolines) = trampolines(&with_module(&builtins.concat()));
    assert_eq!(trampolines.len(), definitions.len());
    for (index, (trampoline, code)) in trampolines.into_iter().enumerate() {
        let root = RuntimeComponentInstanceIndex::new(0);
        let expected = Code {
            may_leave: Some(component.layout.flags(root)),
            records_exit: true,
            host: vec![(BuiltinIndex::Concurrency, vec![Some(index as i64), None])],
            direct_calls: 0,
        };
        assert_eq!(code, expected, "{trampoline:?}");
    }
}

/// A component whose callee takes a borrowed handle, a stream and an error context.
const CALL: &str = r#"(component
    (component $Resources
        (type $R' (resource (rep i32)))
        (export $R "r" (type $R')))
    (instance $resources (instantiate $Resources))
    (component $Callee
        (import "r" (type $R (sub resource)))
        (core func (canon thread.yield))
        (core module $m (func (export "f") (param i32 i32 i32)))
        (core instance $m (instantiate $m))
        (type $s (stream u8))
        (func (export "f") async
            (param "r" (borrow $R)) (param "s" $s) (param "e" error-context)
            (canon lift (core func $m "f"))))
    (component $Caller
        (import "r" (type $R (sub resource)))
        (type $s (stream u8))
        (import "f" (func $f async
            (param "r" (borrow $R)) (param "s" $s) (param "e" error-context)))
        (core func (canon lower (func $f) async)))
    (instance $callee (instantiate $Callee (with "r" (type $resources "r"))))
    (instance (instantiate $Caller
        (with "r" (type $resources "r")) (with "f" (func $callee "f")))))"#;

#[test]
fn a_call_that_makes_a_task_is_one_call_of_the_host() {
    let mut calls = 0;
    let (component, trampolines) = trampolines(CALL);
    for (trampoline, code) in trampolines {
        let expected = match trampoline {
            Trampoline::TaskCall { adapter, .. } => Code {
                // The caller's.
                may_leave: {
                    let lower = component.task_adapters[adapter].lower;
                    let caller = component.options[lower].instance;
                    Some(component.layout.flags(caller))
                },
                records_exit: true,
                host: vec![(
                    BuiltinIndex::TaskCall,
                    vec![Some(adapter.index() as i64), None],
                )],
                direct_calls: 0,
            },
            // By way of the builtin's function, which records the exit.
            Trampoline::Transfer { .. } | Trampoline::BorrowScope { .. } => Code {
                direct_calls: 1,
                ..Code::default()
            },
            Trampoline::Concurrency { .. } => continue,
            _ => panic!("{trampoline:?}"),
        };
        assert_eq!(code, expected, "{trampoline:?}");
        calls += 1;
    }
    // The call itself, two scopes, and two values on each side.
    assert_eq!(calls, 7);
}
