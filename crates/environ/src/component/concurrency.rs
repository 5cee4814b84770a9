//! The built-ins of the component model's concurrency, and what else of it adapters need.
//!
//! Here is what each is called, what it has to know and its core type ("Canonical Definitions" in
//! `CanonicalABI.md`); what it does is the runtime's. They are grouped by what they have to know
//! beside the component instance that they belong to.

use super::info::CanonicalOptions;
use super::types::{ComponentTypes, InterfaceType};
use crate::SlotType;
use crate::canonical_abi::{FlatType, flatten_task_return};
use crate::index::*;
use crate::types::{AddressType, FuncType, ValType};
use cranelift_entity::PrimaryMap;
use serde::{Deserialize, Serialize};

/// A built-in of the component model's concurrency.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ConcurrencyBuiltin {
    /// One that knows no more than its instance.
    Plain(PlainBuiltin),
    /// `task.return`.
    TaskReturn {
        /// The type of what is returned, which must be that of the task's function.
        result: Option<InterfaceType>,
        /// How it is lifted, which must be as the task's function is.
        options: OptionsIndex,
    },
    /// `waitable-set.wait` or `waitable-set.poll`.
    WaitableSet {
        /// Which.
        op: SetOp,
        /// Where the event's payload is written.
        memory: RuntimeMemoryIndex,
        /// The memory's address type.
        address: AddressType,
    },
    /// Something done with ends of streams or futures of a type, but for copying.
    End {
        /// What.
        op: EndOp,
        /// The ends' type.
        ty: EndType,
    },
    /// `read` or `write`.
    Copy {
        /// Which.
        op: CopyOp,
        /// The end's type.
        ty: EndType,
        /// How elements are lowered or lifted, and whether it may block.
        options: OptionsIndex,
    },
    /// `error-context.new` or `error-context.debug-message`.
    ErrorContext {
        /// Which.
        op: ErrorContextOp,
        /// How the message is lifted or lowered.
        options: OptionsIndex,
    },
    /// `thread.new-indirect`.
    ThreadNewIndirect {
        /// Where the function is.
        table: RuntimeTableIndex,
        /// The table's address type.
        address: AddressType,
        /// The type of the function's one parameter.
        closure: SlotType,
    },
}

/// A built-in that knows no more than its instance.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each is the built-in of its name")]
pub enum PlainBuiltin {
    TaskCancel,
    BackpressureInc,
    BackpressureDec,
    /// Blocks unless it is `async`.
    SubtaskCancel {
        async_: bool,
    },
    SubtaskDrop,
    WaitableSetNew,
    WaitableSetDrop,
    WaitableJoin,
    ErrorContextDrop,
    ThreadIndex,
    ThreadResumeLater,
    ThreadSuspend,
    ThreadYield,
    ThreadSuspendThenResume,
    ThreadYieldThenResume,
    ThreadSuspendThenPromote,
    ThreadYieldThenPromote,
}

/// Takes an event from a waitable set.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SetOp {
    /// Blocks until there is one.
    Wait,
    /// If there is one.
    Poll,
}

/// The type of the ends of a stream or future. Types are interned: two ends belong together if
/// these are equal, and resource types in them are one.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum EndType {
    /// Of a stream.
    Stream(StreamTypeIndex),
    /// Of a future.
    Future(FutureTypeIndex),
}

/// Something done with ends of streams or futures, but for copying.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum EndOp {
    /// Makes both ends.
    New,
    /// Makes one stream or future of two.
    Forward,
    /// Cancels a read.
    CancelRead {
        /// Whether it answers at once.
        async_: bool,
    },
    /// Cancels a write.
    CancelWrite {
        /// Whether it answers at once.
        async_: bool,
    },
    /// Drops a readable end.
    DropReadable,
    /// Drops a writable end.
    DropWritable,
}

/// A copy by way of a stream or future.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CopyOp {
    /// Out of the readable end.
    Read,
    /// Into the writable end.
    Write,
}

/// What passes an error context's message.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ErrorContextOp {
    /// Makes an error context.
    New,
    /// Gives its message.
    DebugMessage,
}

const I32: ValType = ValType::I32;

impl PlainBuiltin {
    /// All of them, in the order of their codes.
    pub const ALL: [PlainBuiltin; 18] = [
        PlainBuiltin::TaskCancel,
        PlainBuiltin::BackpressureInc,
        PlainBuiltin::BackpressureDec,
        PlainBuiltin::SubtaskCancel { async_: false },
        PlainBuiltin::SubtaskCancel { async_: true },
        PlainBuiltin::SubtaskDrop,
        PlainBuiltin::WaitableSetNew,
        PlainBuiltin::WaitableSetDrop,
        PlainBuiltin::WaitableJoin,
        PlainBuiltin::ErrorContextDrop,
        PlainBuiltin::ThreadIndex,
        PlainBuiltin::ThreadResumeLater,
        PlainBuiltin::ThreadSuspend,
        PlainBuiltin::ThreadYield,
        PlainBuiltin::ThreadSuspendThenResume,
        PlainBuiltin::ThreadYieldThenResume,
        PlainBuiltin::ThreadSuspendThenPromote,
        PlainBuiltin::ThreadYieldThenPromote,
    ];

    /// The number by which compiled code names it to the host.
    pub fn code(self) -> u32 {
        match self {
            PlainBuiltin::TaskCancel => 0,
            PlainBuiltin::BackpressureInc => 1,
            PlainBuiltin::BackpressureDec => 2,
            PlainBuiltin::SubtaskCancel { async_: false } => 3,
            PlainBuiltin::SubtaskCancel { async_: true } => 4,
            PlainBuiltin::SubtaskDrop => 5,
            PlainBuiltin::WaitableSetNew => 6,
            PlainBuiltin::WaitableSetDrop => 7,
            PlainBuiltin::WaitableJoin => 8,
            PlainBuiltin::ErrorContextDrop => 9,
            PlainBuiltin::ThreadIndex => 10,
            PlainBuiltin::ThreadResumeLater => 11,
            PlainBuiltin::ThreadSuspend => 12,
            PlainBuiltin::ThreadYield => 13,
            PlainBuiltin::ThreadSuspendThenResume => 14,
            PlainBuiltin::ThreadYieldThenResume => 15,
            PlainBuiltin::ThreadSuspendThenPromote => 16,
            PlainBuiltin::ThreadYieldThenPromote => 17,
        }
    }

    /// The one with this code.
    pub fn from_code(code: u32) -> Option<PlainBuiltin> {
        PlainBuiltin::ALL.get(code as usize).copied()
    }

    /// Whether it traps if the instance may not be left: all but `backpressure.inc` and
    /// `backpressure.dec`.
    pub fn checks_may_leave(self) -> bool {
        !matches!(
            self,
            PlainBuiltin::BackpressureInc | PlainBuiltin::BackpressureDec
        )
    }

    /// The name in the specification.
    pub fn name(self) -> &'static str {
        match self {
            PlainBuiltin::TaskCancel => "task.cancel",
            PlainBuiltin::BackpressureInc => "backpressure.inc",
            PlainBuiltin::BackpressureDec => "backpressure.dec",
            PlainBuiltin::SubtaskCancel { .. } => "subtask.cancel",
            PlainBuiltin::SubtaskDrop => "subtask.drop",
            PlainBuiltin::WaitableSetNew => "waitable-set.new",
            PlainBuiltin::WaitableSetDrop => "waitable-set.drop",
            PlainBuiltin::WaitableJoin => "waitable.join",
            PlainBuiltin::ErrorContextDrop => "error-context.drop",
            PlainBuiltin::ThreadIndex => "thread.index",
            PlainBuiltin::ThreadResumeLater => "thread.resume-later",
            PlainBuiltin::ThreadSuspend => "thread.suspend",
            PlainBuiltin::ThreadYield => "thread.yield",
            PlainBuiltin::ThreadSuspendThenResume => "thread.suspend-then-resume",
            PlainBuiltin::ThreadYieldThenResume => "thread.yield-then-resume",
            PlainBuiltin::ThreadSuspendThenPromote => "thread.suspend-then-promote",
            PlainBuiltin::ThreadYieldThenPromote => "thread.yield-then-promote",
        }
    }

    /// The core type.
    pub fn signature(self) -> FuncType {
        match self {
            PlainBuiltin::TaskCancel
            | PlainBuiltin::BackpressureInc
            | PlainBuiltin::BackpressureDec => FuncType::new([], []),
            PlainBuiltin::WaitableSetNew
            | PlainBuiltin::ThreadIndex
            | PlainBuiltin::ThreadSuspend
            | PlainBuiltin::ThreadYield => FuncType::new([], [I32]),
            PlainBuiltin::SubtaskDrop
            | PlainBuiltin::WaitableSetDrop
            | PlainBuiltin::ErrorContextDrop
            | PlainBuiltin::ThreadResumeLater => FuncType::new([I32], []),
            PlainBuiltin::WaitableJoin => FuncType::new([I32, I32], []),
            PlainBuiltin::SubtaskCancel { .. }
            | PlainBuiltin::ThreadSuspendThenResume
            | PlainBuiltin::ThreadYieldThenResume
            | PlainBuiltin::ThreadSuspendThenPromote
            | PlainBuiltin::ThreadYieldThenPromote => FuncType::new([I32], [I32]),
        }
    }

    /// Whether calls into an instance that has it need tasks: because it may suspend its caller,
    /// names threads, or keeps calls from entering.
    pub(super) fn needs_tasks(self) -> bool {
        match self {
            PlainBuiltin::BackpressureInc
            | PlainBuiltin::ThreadIndex
            | PlainBuiltin::ThreadSuspend
            | PlainBuiltin::ThreadYield
            | PlainBuiltin::ThreadSuspendThenResume
            | PlainBuiltin::ThreadYieldThenResume
            | PlainBuiltin::ThreadSuspendThenPromote
            | PlainBuiltin::ThreadYieldThenPromote => true,
            PlainBuiltin::SubtaskCancel { async_ } => !async_,
            // Of these, some do nothing but trap without others that need tasks.
            PlainBuiltin::TaskCancel
            | PlainBuiltin::BackpressureDec
            | PlainBuiltin::SubtaskDrop
            | PlainBuiltin::WaitableSetNew
            | PlainBuiltin::WaitableSetDrop
            | PlainBuiltin::WaitableJoin
            | PlainBuiltin::ErrorContextDrop
            | PlainBuiltin::ThreadResumeLater => false,
        }
    }
}

impl EndOp {
    /// The name in the specification, after `stream.` or `future.`.
    fn name(self) -> &'static str {
        match self {
            EndOp::New => "new",
            EndOp::Forward => "forward",
            EndOp::CancelRead { .. } => "cancel-read",
            EndOp::CancelWrite { .. } => "cancel-write",
            EndOp::DropReadable => "drop-readable",
            EndOp::DropWritable => "drop-writable",
        }
    }

    fn signature(self) -> FuncType {
        match self {
            // Both ends in one: the readable one's index is the lower half.
            EndOp::New => FuncType::new([], [ValType::I64]),
            EndOp::Forward => FuncType::new([I32, I32], []),
            EndOp::CancelRead { .. } | EndOp::CancelWrite { .. } => FuncType::new([I32], [I32]),
            EndOp::DropReadable | EndOp::DropWritable => FuncType::new([I32], []),
        }
    }
}

impl EndType {
    /// `stream` or `future`.
    fn name(self) -> &'static str {
        match self {
            EndType::Stream(_) => "stream",
            EndType::Future(_) => "future",
        }
    }

    /// The type of what goes through, if there is something.
    pub fn payload(self, types: &ComponentTypes) -> Option<InterfaceType> {
        match self {
            EndType::Stream(index) => types.streams[index].payload,
            EndType::Future(index) => types.futures[index].payload,
        }
    }
}

impl ConcurrencyBuiltin {
    /// Whether it traps if the instance may not be left: only `backpressure.*` don't.
    pub fn checks_may_leave(&self) -> bool {
        match self {
            ConcurrencyBuiltin::Plain(builtin) => builtin.checks_may_leave(),
            ConcurrencyBuiltin::TaskReturn { .. }
            | ConcurrencyBuiltin::WaitableSet { .. }
            | ConcurrencyBuiltin::End { .. }
            | ConcurrencyBuiltin::Copy { .. }
            | ConcurrencyBuiltin::ErrorContext { .. }
            | ConcurrencyBuiltin::ThreadNewIndirect { .. } => true,
        }
    }

    /// The name in the specification.
    pub fn name(&self) -> String {
        match self {
            ConcurrencyBuiltin::Plain(builtin) => builtin.name().to_owned(),
            ConcurrencyBuiltin::TaskReturn { .. } => "task.return".to_owned(),
            ConcurrencyBuiltin::WaitableSet { op, .. } => match op {
                SetOp::Wait => "waitable-set.wait".to_owned(),
                SetOp::Poll => "waitable-set.poll".to_owned(),
            },
            ConcurrencyBuiltin::End { op, ty } => format!("{}.{}", ty.name(), op.name()),
            ConcurrencyBuiltin::Copy { op, ty, .. } => match op {
                CopyOp::Read => format!("{}.read", ty.name()),
                CopyOp::Write => format!("{}.write", ty.name()),
            },
            ConcurrencyBuiltin::ErrorContext { op, .. } => match op {
                ErrorContextOp::New => "error-context.new".to_owned(),
                ErrorContextOp::DebugMessage => "error-context.debug-message".to_owned(),
            },
            ConcurrencyBuiltin::ThreadNewIndirect { .. } => "thread.new-indirect".to_owned(),
        }
    }

    /// The core type.
    pub fn signature(
        &self,
        types: &ComponentTypes,
        options: &PrimaryMap<OptionsIndex, CanonicalOptions>,
    ) -> FuncType {
        let of_address = |address| ValType::from(FlatType::pointer(address));
        let pointer = |index: OptionsIndex| of_address(options[index].address);
        match *self {
            ConcurrencyBuiltin::Plain(builtin) => builtin.signature(),
            ConcurrencyBuiltin::TaskReturn {
                result,
                options: index,
            } => flatten_task_return(types, result, options[index].address).signature,
            ConcurrencyBuiltin::WaitableSet { address, .. } => {
                FuncType::new([I32, of_address(address)], [I32])
            }
            ConcurrencyBuiltin::End { op, .. } => op.signature(),
            ConcurrencyBuiltin::Copy {
                ty: EndType::Stream(_),
                options,
                ..
            } => {
                // The address, how many elements, and how many were copied.
                let pointer = pointer(options);
                FuncType::new([I32, pointer, pointer], [pointer])
            }
            ConcurrencyBuiltin::Copy {
                ty: EndType::Future(_),
                options,
                ..
            } => FuncType::new([I32, pointer(options)], [I32]),
            ConcurrencyBuiltin::ErrorContext { op, options } => {
                let pointer = pointer(options);
                match op {
                    ErrorContextOp::New => FuncType::new([pointer, pointer], [I32]),
                    ErrorContextOp::DebugMessage => FuncType::new([I32, pointer], []),
                }
            }
            ConcurrencyBuiltin::ThreadNewIndirect {
                address, closure, ..
            } => FuncType::new([of_address(address), closure.val_type()], [I32]),
        }
    }
}

/// How the readable end of a stream or future, or an error context, gets out of the handle table
/// of one component instance and into that of another; for adapters. In between, a number stands
/// for it.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TransferOp {
    /// `lift_stream` or `lift_future`: takes a readable end out of a table.
    LiftEnd(EndType),
    /// `lower_stream` or `lower_future`: puts it into a table.
    LowerEnd(EndType),
    /// `lift_error_context`. The handle stays where it is.
    LiftErrorContext,
    /// `lower_error_context`: puts another handle of it into a table.
    LowerErrorContext,
}

impl TransferOp {
    /// The core type: an index to the number, or back.
    pub fn signature(self) -> FuncType {
        FuncType::new([I32], [I32])
    }

    /// The name in symbols and disassembly.
    pub fn name(self) -> &'static str {
        match self {
            TransferOp::LiftEnd(EndType::Stream(_)) => "lift_stream",
            TransferOp::LiftEnd(EndType::Future(_)) => "lift_future",
            TransferOp::LowerEnd(EndType::Stream(_)) => "lower_stream",
            TransferOp::LowerEnd(EndType::Future(_)) => "lower_future",
            TransferOp::LiftErrorContext => "lift_error_context",
            TransferOp::LowerErrorContext => "lower_error_context",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BuiltinIndex;

    #[test]
    fn codes_and_plain_builtins_are_inverse() {
        for (code, builtin) in (0..).zip(PlainBuiltin::ALL) {
            assert_eq!(builtin.code(), code);
            assert_eq!(PlainBuiltin::from_code(code), Some(builtin));
        }
        let codes = PlainBuiltin::ALL.len() as u32;
        assert_eq!(PlainBuiltin::from_code(codes), None);
        assert_eq!(PlainBuiltin::from_code(u32::MAX), None);
    }

    #[test]
    fn operands_of_plain_builtins_fit_in_registers() {
        for builtin in PlainBuiltin::ALL {
            let ty = builtin.signature();
            // Beside the code and the instance.
            let room = BuiltinIndex::PlainConcurrency.params().len() - 2;
            assert!(ty.params().len() <= room, "{builtin:?}");
            assert!(ty.results().len() <= 1, "{builtin:?}");
            let mut types = ty.params().iter().chain(ty.results());
            assert!(types.all(|&ty| ty == I32), "{builtin:?}");
        }
    }

    #[test]
    fn only_backpressure_may_be_changed_where_the_instance_may_not_be_left() {
        let names: Vec<_> = PlainBuiltin::ALL
            .into_iter()
            .filter(|builtin| !builtin.checks_may_leave())
            .map(PlainBuiltin::name)
            .collect();
        assert_eq!(names, ["backpressure.inc", "backpressure.dec"]);
    }
}
