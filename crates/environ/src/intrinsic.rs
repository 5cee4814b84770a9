//! Unsafe intrinsics: functions a core module can import that the translator emits in place.
//!
//! They are "unsafe" in that their code reads and writes runtime state directly; nothing about
//! them is unsafe for the guest. `context.get` and `context.set` are the first; their place in
//! the canonical ABI is "canon context.get/set" in `CanonicalABI.md`.

use crate::types::{FuncType, ValType};
use serde::{Deserialize, Serialize};

/// How many context slots a guest thread has.
pub const CONTEXT_SLOTS: u32 = 2;

/// The width of a context slot access.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SlotType {
    /// The low half of a slot.
    I32,
    /// A whole slot.
    I64,
}

impl SlotType {
    /// The core value type.
    pub fn val_type(self) -> ValType {
        match self {
            SlotType::I32 => ValType::I32,
            SlotType::I64 => ValType::I64,
        }
    }
}

/// A function that the translator emits in place of a call.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum UnsafeIntrinsic {
    /// `context.get`: the running thread's slot.
    ContextGet {
        /// The width read.
        ty: SlotType,
        /// 0 or 1.
        slot: u8,
    },
    /// `context.set`: sets the running thread's slot. An i32 write zeroes the upper half.
    ContextSet {
        /// The width written.
        ty: SlotType,
        /// 0 or 1.
        slot: u8,
    },
}

impl UnsafeIntrinsic {
    /// All intrinsics, in a fixed order.
    pub fn all() -> impl Iterator<Item = UnsafeIntrinsic> {
        [SlotType::I32, SlotType::I64].into_iter().flat_map(|ty| {
            (0..CONTEXT_SLOTS as u8).flat_map(move |slot| {
                [
                    UnsafeIntrinsic::ContextGet { ty, slot },
                    UnsafeIntrinsic::ContextSet { ty, slot },
                ]
            })
        })
    }

    /// The core function type.
    pub fn signature(self) -> FuncType {
        match self {
            UnsafeIntrinsic::ContextGet { ty, .. } => FuncType::new([], [ty.val_type()]),
            UnsafeIntrinsic::ContextSet { ty, .. } => FuncType::new([ty.val_type()], []),
        }
    }

    /// The name in symbols and disassembly.
    pub fn name(self) -> String {
        let width = |ty| match ty {
            SlotType::I32 => "i32",
            SlotType::I64 => "i64",
        };
        match self {
            UnsafeIntrinsic::ContextGet { ty, slot } => {
                format!("context.get {} {slot}", width(ty))
            }
            UnsafeIntrinsic::ContextSet { ty, slot } => {
                format!("context.set {} {slot}", width(ty))
            }
        }
    }
}
