//! The one table of host functions that compiled code calls.
//!
//! Each is `extern "C"`, takes a context pointer first (the `VMContext` of the calling instance,
//! or a `VMComponentContext` where said), and reports a trap through its failure sentinel: the
//! host has then recorded the trap, and compiled code goes to the `raise` builtin at once, which
//! resumes at the innermost entry's landing pad.

/// A type at the border between compiled code and a builtin.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum BuiltinType {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
    /// A host pointer, or a reference.
    Pointer,
}

/// What a builtin returns, and how it says that a trap is pending.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum BuiltinResult {
    /// Nothing, and it cannot fail.
    Infallible,
    /// A value, and it cannot fail.
    Value(BuiltinType),
    /// An i64; [`BUILTIN_FAILED`] is failure.
    ValueOrFailure,
    /// Success as an 8-bit boolean; `false` is failure.
    Success,
    /// Does not return.
    Never,
}

/// What a builtin of the kind [`BuiltinResult::ValueOrFailure`] returns when it failed.
pub const BUILTIN_FAILED: i64 = i64::MIN;

macro_rules! builtins {
    ($($(#[$doc:meta])* $name:ident = $text:literal ($($param:ident),*) -> $result:expr;)*) => {
        /// A host function that compiled code calls, by its place in the table of pointers.
        #[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u32)]
        pub enum BuiltinIndex {
            $($(#[$doc])* $name,)*
        }

        impl BuiltinIndex {
            /// All of them, in table order.
            pub const ALL: &'static [BuiltinIndex] = &[$(BuiltinIndex::$name),*];

            /// The name in symbols and disassembly.
            pub fn name(self) -> &'static str {
                match self {
                    $(BuiltinIndex::$name => $text,)*
                }
            }

            /// Parameters after the context pointer.
            pub const fn params(self) -> &'static [BuiltinType] {
                match self {
                    $(BuiltinIndex::$name => &[$(BuiltinType::$param),*],)*
                }
            }

            /// What it returns.
            pub fn result(self) -> BuiltinResult {
                match self {
                    $(BuiltinIndex::$name => $result,)*
                }
            }
        }
    };
}

builtins! {
    /// Resumes at the landing pad of the innermost entry, or at the handler of an exception. The
    /// trap or the exception has been recorded.
    Raise = "raise" () -> BuiltinResult::Never;
    /// Records a trap by its code; the caller then raises.
    Trap = "trap" (I32) -> BuiltinResult::Success;
    /// `memory.grow`: (memory index, pages) to the old size in pages, or −1.
    MemoryGrow = "memory.grow" (I32, I64) -> BuiltinResult::ValueOrFailure;
    /// Moves bytes between places that may overlap: (dst, src, length). Compiled code has checked
    /// both ranges against the lengths of their memories, which are not shared.
    MemoryMove = "memory-move" (Pointer, Pointer, I64) -> BuiltinResult::Infallible;
    /// Sets bytes: (dst, byte value, length), likewise.
    MemorySet = "memory-set" (Pointer, I32, I64) -> BuiltinResult::Infallible;
    /// `memory.copy` where a memory is shared: (dst memory, dst, src memory, src, length).
    MemoryCopy = "memory.copy" (I32, I64, I32, I64, I64) -> BuiltinResult::Success;
    /// `memory.fill` of a shared memory: (memory, dst, byte value, length).
    MemoryFill = "memory.fill" (I32, I64, I32, I64) -> BuiltinResult::Success;
    /// `memory.init`: (memory, data segment, dst, src, length).
    MemoryInit = "memory.init" (I32, I32, I64, I32, I32) -> BuiltinResult::Success;
    /// `data.drop`: (data segment).
    DataDrop = "data.drop" (I32) -> BuiltinResult::Success;
    /// `memory.atomic.notify`: (memory, address, count) to how many were woken.
    MemoryAtomicNotify = "memory.atomic.notify" (I32, I64, I32) -> BuiltinResult::ValueOrFailure;
    /// `memory.atomic.wait32`: (memory, address, expected, time-out in ns) to 0, 1 or 2.
    MemoryAtomicWait32 = "memory.atomic.wait32" (I32, I64, I32, I64) -> BuiltinResult::ValueOrFailure;
    /// `memory.atomic.wait64`, likewise.
    MemoryAtomicWait64 = "memory.atomic.wait64" (I32, I64, I64, I64) -> BuiltinResult::ValueOrFailure;
    /// `table.grow`: (table, delta, initial element) to the old size, or −1.
    TableGrow = "table.grow" (I32, I64, Pointer) -> BuiltinResult::ValueOrFailure;
    /// `table.fill`: (table, dst, element, length).
    TableFill = "table.fill" (I32, I64, Pointer, I64) -> BuiltinResult::Success;
    /// `table.copy`: (dst table, src table, dst, src, length).
    TableCopy = "table.copy" (I32, I32, I64, I64, I64) -> BuiltinResult::Success;
    /// `table.init`: (table, element segment, dst, src, length).
    TableInit = "table.init" (I32, I32, I64, I32, I32) -> BuiltinResult::Success;
    /// `elem.drop`: (element segment).
    ElemDrop = "elem.drop" (I32) -> BuiltinResult::Success;
    /// `context.get` in the `Libcall` lowering: (slot) to its 64 bits. Any context of a component.
    ContextGet = "context.get" (I32) -> BuiltinResult::Value(BuiltinType::I64);
    /// `context.set` in the `Libcall` lowering: (slot, 64 bits). Any context of a
    /// component.
    ContextSet = "context.set" (I32, I64) -> BuiltinResult::Infallible;
    /// Copies a string, or a part of one: (place in [`Transcode::ALL`], src, dst, code units of
    /// the source) to what that gives. Compiled code has checked that there is so much to be
    /// read and room for what can come of it. Any context.
    ///
    /// [`Transcode::ALL`]: crate::component::Transcode::ALL
    Transcode = "transcode" (I32, Pointer, Pointer, I64) -> BuiltinResult::Value(BuiltinType::I64);
    /// Says what is wrong with a handle: (`ResourceOp`, component instance, resource type,
    /// handle). The context is a `VMComponentContext`, here and in the following. Never succeeds.
    HandleFailure = "handle-failure" (I32, I32, I32, I32) -> BuiltinResult::Success;
    /// Makes a handle table larger, so that an entry is free: (component instance).
    HandleTableGrow = "handle-table-grow" (I32) -> BuiltinResult::Success;
    /// Makes more borrow scopes, so that one is free.
    BorrowScopesGrow = "borrow-scopes-grow" () -> BuiltinResult::Success;
    /// Destroys a resource whose type is not of this component: (resource type, rep).
    ResourceDestroy = "resource-destroy" (I32, I32) -> BuiltinResult::Success;
    /// `ScopeOp::BeginLends`: the number of a new list of lent handles.
    BeginLends = "begin-lends" () -> BuiltinResult::ValueOrFailure;
    /// `ResourceOp::LiftBorrowAmongMany`: (component instance, resource type, handle, lenders) to
    /// the representation.
    Lend = "lend" (I32, I32, I32, I32) -> BuiltinResult::ValueOrFailure;
    /// `ScopeOp::EndLends`: (component instance, lenders).
    EndLends = "end-lends" (I32, I32) -> BuiltinResult::Success;
    /// `ScopeOp::OfTask`: the scope of the running task.
    TaskScope = "task-scope" () -> BuiltinResult::ValueOrFailure;
    /// `ScopeOp::LendsToTask`: the number of the list of what its caller lends to the running task.
    TaskLends = "task-lends" () -> BuiltinResult::ValueOrFailure;
    /// A `Trampoline::Concurrency`: (its `TrampolineIndex`, operands as an array of `ValRaw`). The
    /// result, if there is one, comes in the first slot.
    Concurrency = "concurrency" (I32, Pointer) -> BuiltinResult::Success;
    /// A `PlainBuiltin`: (`PlainBuiltin::code`, component instance, first operand or 0, second
    /// operand or 0) to the result, or 0 where there is none.
    PlainConcurrency = "plain-concurrency" (I32, I32, I32, I32) -> BuiltinResult::ValueOrFailure;
    /// A `Trampoline::TaskCall`: (its `TaskAdapterIndex`, flat parameters as an array of `ValRaw`).
    /// The flat results come in the first slots.
    TaskCall = "task-call" (I32, Pointer) -> BuiltinResult::Success;
    /// A `Trampoline::Transfer`: (its `TrampolineIndex`, operand) to the result.
    Transfer = "transfer" (I32, I32) -> BuiltinResult::ValueOrFailure;
    /// Whether a function type is a subtype of another: (type, other), by engine-wide ids, to 0 or 1.
    IsSubtype = "is-subtype" (I32, I32) -> BuiltinResult::ValueOrFailure;
    /// `VMStoreContext::fuel` is negative. If there is more, it is put there; the store may go
    /// on to others meanwhile. Any context.
    OutOfFuel = "out-of-fuel" () -> BuiltinResult::Success;
    /// The epoch in `VMStoreContext::epoch_deadline` has come. If wasm is to go on there is a
    /// new one; the store may go on to others meanwhile. Any context.
    NewEpoch = "new-epoch" () -> BuiltinResult::Success;
    /// `throw`: (tag, values as an array of `ValRaw`, their number). Makes an exception and never
    /// succeeds: what raises then goes on at its handler.
    Throw = "throw" (I32, Pointer, I32) -> BuiltinResult::Success;
    /// `throw_ref`: (exception). Never succeeds, as `throw`; traps if the reference is null.
    ThrowRef = "throw_ref" (Pointer) -> BuiltinResult::Success;
}

impl BuiltinIndex {
    /// Byte offset of its pointer in the table that `VMHeader::builtins` points to.
    pub fn offset(self) -> u32 {
        self as u32 * 8
    }
}
