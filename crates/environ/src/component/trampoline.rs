//! Everything the compiler must emit for a component beside its core modules.

use super::transcode::Transcode;
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
            | Trampoline::Trap { signature, .. } => signature,
        }
    }
}
