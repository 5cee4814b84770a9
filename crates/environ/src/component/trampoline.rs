//! Everything the compiler must emit for a component beside its core modules.

use crate::UnsafeIntrinsic;
use crate::index::*;
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
    /// Copies a utf-8 string from one memory to another and checks it: `(src, dst, length)`,
    /// all i64, to nothing.
    Utf8Copy {
        /// The memory read.
        from: RuntimeMemoryIndex,
        /// The memory written.
        to: RuntimeMemoryIndex,
        /// Its core type.
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
            | Trampoline::Utf8Copy { signature, .. }
            | Trampoline::Trap { signature, .. } => signature,
        }
    }
}
