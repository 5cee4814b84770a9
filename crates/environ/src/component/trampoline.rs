//! Everything the compiler must emit for a component beside its core modules.

use super::concurrency::{ConcurrencyBuiltin, TransferOp};
use super::transcode::Transcode;
use crate::UnsafeIntrinsic;
use crate::index::*;
use crate::types::{FuncType, ValType};
use serde::{Deserialize, Serialize};

/// A function the compiler makes for a component. Called as wasm calls wasm, with the
/// `VMComponentContext` as its context.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Trampoline {
    /// `canon lower` of a host function: checks that the instance may be left, then calls the
    /// [`VMLowering`](crate::layout::VMLowering) with flat parameters in an array.
    LowerImport {
        /// Which `VMLowering`.
        index: LoweredIndex,
        /// How it is lowered.
        options: OptionsIndex,
        /// Its type in the component.
        ty: ComponentFuncTypeIndex,
        /// Its core type.
        signature: SignatureIndex,
    },
    /// An intrinsic, for where the import is not known at compile time.
    Intrinsic {
        /// Which.
        intrinsic: UnsafeIntrinsic,
        /// Its core type.
        signature: SignatureIndex,
    },
    /// Copies a string, or a part of one, from one memory to another: `(src, dst, code units of
    /// the source)` to what the transcoding gives, all i64. Traps if the source isn't what it
    /// should be.
    Transcode {
        /// What it does.
        transcode: Transcode,
        /// The memory read.
        from: RuntimeMemoryIndex,
        /// The memory written.
        to: RuntimeMemoryIndex,
        /// Its core type.
        signature: SignatureIndex,
    },
    /// `canon resource.*`, or what adapters do with handles.
    Resource {
        /// What is done.
        op: ResourceOp,
        /// In whose handle table.
        instance: RuntimeComponentInstanceIndex,
        /// The handle's type.
        resource: ResourceIndex,
        /// Its core type, [`ResourceOp::signature`].
        signature: SignatureIndex,
    },
    /// Bookkeeping of a call with borrowed handles; for adapters.
    BorrowScope {
        /// What is done.
        op: ScopeOp,
        /// The component instance that lends.
        lender: RuntimeComponentInstanceIndex,
        /// Its core type, [`ScopeOp::signature`].
        signature: SignatureIndex,
    },
    /// A built-in of the component model's concurrency. All but `backpressure.*` trap if the
    /// instance may not be left.
    Concurrency {
        /// Which.
        builtin: ConcurrencyBuiltin,
        /// Whose.
        instance: RuntimeComponentInstanceIndex,
        /// Its core type, [`ConcurrencyBuiltin::signature`].
        signature: SignatureIndex,
    },
    /// `canon lower` of a guest's function, a call of which is a task: checks that the caller may
    /// be left, then begins the task with flat parameters in an array.
    TaskCall {
        /// What the task is made of.
        adapter: TaskAdapterIndex,
        /// Its core type.
        signature: SignatureIndex,
    },
    /// Moves a stream's or future's end, or an error context; for adapters.
    Transfer {
        /// What is done.
        op: TransferOp,
        /// In whose handle table.
        instance: RuntimeComponentInstanceIndex,
        /// Its core type, [`TransferOp::signature`].
        signature: SignatureIndex,
    },
    /// Traps with a fixed code; for adapters: `() -> ()`.
    Trap {
        /// Why.
        code: crate::TrapCode,
        /// Its core type.
        signature: SignatureIndex,
    },
}

impl Trampoline {
    /// Its core type.
    pub fn signature(&self) -> SignatureIndex {
        match *self {
            Trampoline::LowerImport { signature, .. }
            | Trampoline::Intrinsic { signature, .. }
            | Trampoline::Transcode { signature, .. }
            | Trampoline::Resource { signature, .. }
            | Trampoline::BorrowScope { signature, .. }
            | Trampoline::Concurrency { signature, .. }
            | Trampoline::TaskCall { signature, .. }
            | Trampoline::Transfer { signature, .. }
            | Trampoline::Trap { signature, .. } => signature,
        }
    }
}

/// Something done with a handle in the table of a component instance.
///
/// Handles (`i`), representations and scopes are all i32s.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u32)]
pub enum ResourceOp {
    /// `canon resource.new`: `(rep) -> i`. Traps if the instance may not be left.
    New,
    /// `canon resource.rep`: `(i) -> rep`.
    Rep,
    /// `canon resource.drop`: `(i) -> ()`. Traps if the instance may not be left.
    Drop,
    /// `lift_own`: `(i) -> rep`.
    LiftOwn,
    /// `lower_own`: `(rep) -> i`.
    LowerOwn,
    /// `lift_borrow`: `(i) -> rep`. The handle is lent until [`ResourceOp::EndLend`].
    LiftBorrow,
    /// `lift_borrow` where it is not known how often: `(i, lenders) -> rep`. The handle is lent
    /// until [`ScopeOp::EndLends`].
    LiftBorrowAmongMany,
    /// `lower_borrow` into an instance that doesn't define the type: `(rep, scope) -> i`. Where
    /// it does, the representation itself is what is lowered.
    LowerBorrow,
    /// `deliver_resolve` for one handle that was lent: `(i) -> ()`.
    EndLend,
}

impl ResourceOp {
    /// All of them, in the order of their numbers.
    pub const ALL: [ResourceOp; 9] = [
        ResourceOp::New,
        ResourceOp::Rep,
        ResourceOp::Drop,
        ResourceOp::LiftOwn,
        ResourceOp::LowerOwn,
        ResourceOp::LiftBorrow,
        ResourceOp::LiftBorrowAmongMany,
        ResourceOp::LowerBorrow,
        ResourceOp::EndLend,
    ];

    /// The core type.
    pub fn signature(self) -> FuncType {
        const I32: ValType = ValType::I32;
        match self {
            ResourceOp::New
            | ResourceOp::Rep
            | ResourceOp::LiftOwn
            | ResourceOp::LowerOwn
            | ResourceOp::LiftBorrow => FuncType::new([I32], [I32]),
            ResourceOp::LiftBorrowAmongMany | ResourceOp::LowerBorrow => {
                FuncType::new([I32, I32], [I32])
            }
            ResourceOp::Drop | ResourceOp::EndLend => FuncType::new([I32], []),
        }
    }

    /// The name in symbols and disassembly.
    pub fn name(self) -> &'static str {
        match self {
            ResourceOp::New => "resource.new",
            ResourceOp::Rep => "resource.rep",
            ResourceOp::Drop => "resource.drop",
            ResourceOp::LiftOwn => "lift_own",
            ResourceOp::LowerOwn => "lower_own",
            ResourceOp::LiftBorrow => "lift_borrow",
            ResourceOp::LiftBorrowAmongMany => "lift_borrow among many",
            ResourceOp::LowerBorrow => "lower_borrow",
            ResourceOp::EndLend => "end lend",
        }
    }
}

/// Something done once in a call with borrowed handles.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ScopeOp {
    /// Begins to count borrowed handles in the callee's table: `() -> scope`.
    Enter,
    /// Ends that; traps if some are left: `(scope) -> ()`.
    Exit,
    /// Begins a list of lent handles: `() -> lenders`.
    BeginLends,
    /// Ends it, and with it all lends in it: `(lenders) -> ()`.
    EndLends,
    /// What counts the borrowed handles of the running task: `() -> scope`. It ends with the task.
    OfTask,
    /// What the caller of the running task lends to it: `() -> lenders`. It ends when the caller
    /// knows that the task is over.
    LendsToTask,
}

impl ScopeOp {
    /// The core type.
    pub fn signature(self) -> FuncType {
        match self {
            ScopeOp::Enter | ScopeOp::BeginLends | ScopeOp::OfTask | ScopeOp::LendsToTask => {
                FuncType::new([], [ValType::I32])
            }
            ScopeOp::Exit | ScopeOp::EndLends => FuncType::new([ValType::I32], []),
        }
    }

    /// The name in symbols and disassembly.
    pub fn name(self) -> &'static str {
        match self {
            ScopeOp::Enter => "enter borrow scope",
            ScopeOp::Exit => "exit borrow scope",
            ScopeOp::BeginLends => "begin lends",
            ScopeOp::EndLends => "end lends",
            ScopeOp::OfTask => "borrow scope of task",
            ScopeOp::LendsToTask => "lends to task",
        }
    }
}
