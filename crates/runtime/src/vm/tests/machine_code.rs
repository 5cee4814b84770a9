//! A code image assembled by hand, so that entry, exit and traps are tested without a compiler.
//!
//! It keeps the protocol between compiled code and the runtime (frame pointers, entry record,
//! exit registers, `raise`), except that its "wasm" functions take `(vmctx, args)` in `rdi` and
//! `rsi` and read parameters and write results in the array. Every function ruins the callee-saved registers, as compiled code may.

use crate::code::{CodeMemory, ModuleNames, lay_out};
use std::arch::global_asm;
use std::mem::offset_of;
use std::sync::Arc;
use threadline_environ::artifact::{
    AddressMap, CodeImage, Descriptions, FuncKey, FunctionRecord, Settings, TrapTable,
};
use threadline_environ::entity::EntityRef;
use threadline_environ::layout::{VMEntryRecord, VMHeader, VMHostFuncContext, VMStoreContext};
use threadline_environ::module::{Function, Module};
use threadline_environ::{
    BuiltinIndex, DefinedFuncIndex, FuncIndex, SignatureIndex, StaticModuleIndex, TrapCode,
};

global_asm!(
    ".pushsection .rodata.threadline_test_code, \"a\", @progbits",
    ".balign 16",
    "threadline_test_text:",
    // (vmctx, code, args, record) -> bool
    "threadline_test_host_to_wasm:",
    "push rbp",
    "mov rbp, rsp",
    "push rbx",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    "sub rsp, 24",
    "lea rax, [rip + 2f]",
    "mov [rcx + {handler_pc}], rax",
    "mov [rcx + {handler_sp}], rsp",
    "mov [rcx + {handler_fp}], rbp",
    "mov rax, rsi",
    "mov rsi, rdx",
    "call rax",
    "mov eax, 1",
    "jmp 3f",
    "2:", // the landing pad: rsp and rbp are this frame's, nothing else is known
    "xor eax, eax",
    "3:",
    "add rsp, 24",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbx",
    "pop rbp",
    "ret",
    // Calls the host function of its context.
    "threadline_test_wasm_to_host:",
    "push rbp",
    "mov rbp, rsp",
    "push rdi",
    "push rdi",
    "mov rax, [rdi + {store_context}]",
    "mov [rax + {exit_fp}], rbp",
    "mov rcx, [rbp + 8]",
    "mov [rax + {exit_pc}], rcx",
    "call [rdi + {call}]",
    "pop rdi",
    "pop rdi",
    "test al, al",
    "jz 4f",
    "pop rbp",
    "ret",
    "4:",
    "mov rax, [rdi + {builtins}]",
    "call [rax + {raise}]",
    "ud2",
    // Calls the `trap` builtin with the first parameter.
    "threadline_test_builtin_trap:",
    "push rbp",
    "mov rbp, rsp",
    "push rdi",
    "push rdi",
    "mov rax, [rdi + {store_context}]",
    "mov [rax + {exit_fp}], rbp",
    "mov rcx, [rbp + 8]",
    "mov [rax + {exit_pc}], rcx",
    "mov rax, [rdi + {builtins}]",
    "mov esi, [rsi]",
    "call [rax + {trap}]",
    "pop rdi",
    "pop rdi",
    "test al, al",
    "jz 4b",
    "pop rbp",
    "ret",
    // Traps at once.
    "threadline_test_unreachable:",
    "push rbp",
    "mov rbp, rsp",
    "xor ebx, ebx",
    "xor r12d, r12d",
    "xor r13d, r13d",
    "xor r14d, r14d",
    "xor r15d, r15d",
    "threadline_test_unreachable_trap:",
    "ud2",
    // Returns its slots, then sets them to 77 and 78.
    "threadline_test_slots:",
    "push rbp",
    "mov rbp, rsp",
    "mov rcx, [rdi + {context}]",
    "mov rax, [rcx]",
    "mov [rsi], rax",
    "mov rax, [rcx + 8]",
    "mov [rsi + 16], rax",
    "mov qword ptr [rcx], 77",
    "mov qword ptr [rcx + 8], 78",
    "xor r12d, r12d",
    "pop rbp",
    "ret",
    // Loads from the address given first, then from the second one if that isn't 0.
    "threadline_test_load:",
    "push rbp",
    "mov rbp, rsp",
    "mov rax, [rsi]",
    "threadline_test_load_trap:",
    "mov eax, [rax]",
    "mov [rsi], rax",
    "mov rax, [rsi + 16]",
    "test rax, rax",
    "jz 6f",
    "mov eax, [rax]", // not in the trap table
    "6:",
    "pop rbp",
    "ret",
    // Divides the first parameter by the second.
    "threadline_test_divide:",
    "push rbp",
    "mov rbp, rsp",
    "mov eax, [rsi]",
    "cdq",
    "threadline_test_divide_trap:",
    "idiv dword ptr [rsi + 16]",
    "mov [rsi], eax",
    "pop rbp",
    "ret",
    // Calls itself until the stack limit.
    "threadline_test_recurse:",
    "push rbp",
    "mov rbp, rsp",
    "mov rcx, [rdi + {store_context}]",
    "cmp rsp, [rcx + {stack_limit}]",
    "ja 5f",
    "threadline_test_recurse_trap:",
    "ud2",
    "5:",
    "call threadline_test_recurse",
    "pop rbp",
    "ret",
    // Sets slot 0 to 5, calls the host, returns the first result and slot 0.
    "threadline_test_call_host:",
    "push rbp",
    "mov rbp, rsp",
    "push rsi",
    "push rdi",
    "mov rcx, [rdi + {context}]",
    "mov qword ptr [rcx], 5",
    "call threadline_test_wasm_to_host",
    "threadline_test_call_host_return:",
    "pop rdi",
    "pop rsi",
    "mov rcx, [rdi + {context}]",
    "mov rax, [rcx]",
    "mov [rsi + 16], rax",
    "pop rbp",
    "ret",
    // Calls `call_host`, so that there are two frames.
    "threadline_test_outer:",
    "push rbp",
    "mov rbp, rsp",
    "call threadline_test_call_host",
    "threadline_test_outer_return:",
    "pop rbp",
    "ret",
    // Traps through the `trap` builtin.
    "threadline_test_explicit_trap:",
    "push rbp",
    "mov rbp, rsp",
    "call threadline_test_builtin_trap",
    "threadline_test_end:",
    ".popsection",
    handler_pc = const offset_of!(VMEntryRecord, handler_pc),
    handler_sp = const offset_of!(VMEntryRecord, handler_sp),
    handler_fp = const offset_of!(VMEntryRecord, handler_fp),
    store_context = const offset_of!(VMHeader, store_context),
    context = const offset_of!(VMHeader, context),
    builtins = const offset_of!(VMHeader, builtins),
    exit_fp = const offset_of!(VMStoreContext, exit_fp),
    exit_pc = const offset_of!(VMStoreContext, exit_pc),
    stack_limit = const offset_of!(VMStoreContext, stack_limit),
    call = const offset_of!(VMHostFuncContext, call),
    raise = const BuiltinIndex::Raise as u32 * 8,
    trap = const BuiltinIndex::Trap as u32 * 8,
);

macro_rules! labels {
    ($($name:ident = $symbol:ident;)*) => {
        unsafe extern "C" { $(static $symbol: u8;)* }
        $(fn $name() -> u32 {
            ((&raw const $symbol).addr() - (&raw const threadline_test_text).addr()) as u32
        })*
    };
}

labels! {
    host_to_wasm = threadline_test_host_to_wasm;
    wasm_to_host = threadline_test_wasm_to_host;
    builtin_trap = threadline_test_builtin_trap;
    unreachable = threadline_test_unreachable;
    unreachable_trap = threadline_test_unreachable_trap;
    slots = threadline_test_slots;
    load = threadline_test_load;
    load_trap = threadline_test_load_trap;
    divide = threadline_test_divide;
    divide_trap = threadline_test_divide_trap;
    recurse = threadline_test_recurse;
    recurse_trap = threadline_test_recurse_trap;
    call_host = threadline_test_call_host;
    call_host_return = threadline_test_call_host_return;
    outer = threadline_test_outer;
    outer_return = threadline_test_outer_return;
    explicit_trap = threadline_test_explicit_trap;
    end = threadline_test_end;
}

unsafe extern "C" {
    static threadline_test_text: u8;
}

/// The "wasm" functions, by their index among the module's defined functions.
#[derive(Copy, Clone, Debug)]
pub(super) enum Code {
    Unreachable,
    Slots,
    Load,
    Divide,
    Recurse,
    CallHost,
    Outer,
    ExplicitTrap,
}

impl Code {
    pub(super) fn key(self) -> FuncKey {
        FuncKey::Wasm(
            StaticModuleIndex::new(0),
            DefinedFuncIndex::new(self as usize),
        )
    }
}

/// The entry trampoline's key.
pub(super) fn host_to_wasm_key() -> FuncKey {
    FuncKey::HostToWasm(SignatureIndex::new(0))
}

/// The module has one import, so that function indices differ from those of defined functions.
const IMPORTS: usize = 1;

fn module() -> Module {
    let mut module = Module {
        name: Some("fake".into()),
        num_imported_funcs: IMPORTS,
        ..Module::default()
    };
    for _ in 0..=IMPORTS + Code::ExplicitTrap as usize {
        module.functions.push(Function {
            signature: SignatureIndex::new(0),
            func_ref: None,
        });
    }
    let mut name = |code: Code, name: &str| {
        module.func_names[FuncIndex::new(IMPORTS + code as usize)] = Some(name.into());
    };
    name(Code::Unreachable, "boom");
    name(Code::CallHost, "call-host");
    name(Code::Outer, "outer");
    name(Code::Recurse, "recurse");
    module
}

/// The image, before it is loaded.
pub(super) fn image() -> CodeImage {
    let length = end() as usize;
    // SAFETY: the labels delimit read-only bytes of this program.
    let text = unsafe { std::slice::from_raw_parts(&raw const threadline_test_text, length) };
    let starts = [
        (host_to_wasm_key(), host_to_wasm()),
        (FuncKey::WasmToHost(SignatureIndex::new(0)), wasm_to_host()),
        (FuncKey::Builtin(BuiltinIndex::Trap), builtin_trap()),
        (Code::Unreachable.key(), unreachable()),
        (Code::Slots.key(), slots()),
        (Code::Load.key(), load()),
        (Code::Divide.key(), divide()),
        (Code::Recurse.key(), recurse()),
        (Code::CallHost.key(), call_host()),
        (Code::Outer.key(), outer()),
        (Code::ExplicitTrap.key(), explicit_trap()),
    ];
    let ends = starts
        .iter()
        .skip(1)
        .map(|&(_, start)| start)
        .chain([end()]);
    let functions = starts
        .iter()
        .zip(ends)
        .map(|(&(key, start), end)| FunctionRecord {
            key,
            start,
            length: end - start,
        })
        .collect();

    let mut traps = TrapTable::default();
    traps.push(unreachable_trap(), TrapCode::Unreachable);
    traps.push(load_trap(), TrapCode::MemoryOutOfBounds);
    traps.push(divide_trap(), TrapCode::IntegerDivisionByZero);
    traps.push(recurse_trap(), TrapCode::StackOverflow);

    // As if each function's body began at a round wasm offset, and traps were a byte in.
    let mut addresses = AddressMap::default();
    addresses.push(unreachable(), Some(0x100));
    addresses.push(unreachable_trap(), Some(0x101));
    addresses.push(slots(), None);
    addresses.push(call_host(), Some(0x200));
    addresses.push(call_host_return(), Some(0x208));
    addresses.push(outer(), Some(0x300));
    addresses.push(outer_return(), Some(0x308));
    CodeImage::new(text.to_vec(), functions, traps, addresses)
}

/// The image, loaded.
pub(super) fn publish() -> Arc<CodeMemory> {
    let mut descriptions = Descriptions::default();
    descriptions.modules.push(module());
    let image = lay_out(image(), &descriptions, &Settings::default()).unwrap();
    let mut names = ModuleNames::default();
    for (_, module) in image.descriptions().unwrap().modules {
        names.modules.push(Arc::new(module));
    }
    CodeMemory::publish(image, Arc::new(names))
}
