//! The options that change what code is generated.

use std::fmt;
use std::str::FromStr;

/// How `context.get` and `context.set` are compiled.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum ContextLowering {
    /// A call into the host.
    Libcall,
    /// A call to a compiled function.
    OutOfLine,
    /// A load of the slots' address from the `VMContext`, then the access.
    Inline,
    /// The access alone: the slots are pinned at a distance from the `VMContext` that is known at
    /// compile time. Where it is not, because a module is instantiated more than once, as `Inline`.
    Pinned,
}

impl ContextLowering {
    /// Every lowering, from the costliest to the cheapest.
    pub const ALL: [ContextLowering; 4] = [
        ContextLowering::Libcall,
        ContextLowering::OutOfLine,
        ContextLowering::Inline,
        ContextLowering::Pinned,
    ];

    /// The name used on command lines and in test headers.
    pub fn name(self) -> &'static str {
        match self {
            ContextLowering::Libcall => "libcall",
            ContextLowering::OutOfLine => "out-of-line",
            ContextLowering::Inline => "inline",
            ContextLowering::Pinned => "pinned",
        }
    }
}

impl fmt::Display for ContextLowering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ContextLowering {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        ContextLowering::ALL
            .into_iter()
            .find(|lowering| lowering.name() == name)
            .ok_or_else(|| {
                format!(
                    "unknown context lowering `{name}`: use `libcall`, `out-of-line`, `inline` or `pinned`"
                )
            })
    }
}

/// Everything that changes generated code, and that a code image is therefore bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tunables {
    /// How `context.get` and `context.set` are compiled.
    pub context_lowering: ContextLowering,
    /// Bytes of address space reserved for a 32-bit memory; 4 GiB lets bounds checks go.
    pub memory_reservation: u64,
    /// Bytes of unmapped address space behind a reservation. Accesses whose constant offset is
    /// below it need no check of that offset.
    pub memory_guard_size: u64,
    /// Whether relaxed SIMD operators do on every machine what the specification's deterministic
    /// profile says, instead of what is fastest on this one.
    pub relaxed_simd_deterministic: bool,
    /// Whether wasm consumes fuel.
    pub consume_fuel: bool,
    /// Whether wasm looks at the engine's epoch.
    pub epoch_interruption: bool,
    /// Whether every NaN that wasm computes is the canonical one.
    pub nan_canonicalization: bool,
    /// Whether calls of small functions are inlined.
    pub inline_calls: bool,
    /// Whether Cranelift optimises.
    pub optimize: bool,
    /// Whether Cranelift's verifier runs over every function.
    pub verify_clif: bool,
}

impl Default for Tunables {
    fn default() -> Tunables {
        Tunables {
            context_lowering: ContextLowering::Pinned,
            memory_reservation: 1 << 32,
            memory_guard_size: 32 << 20,
            relaxed_simd_deterministic: false,
            consume_fuel: false,
            epoch_interruption: false,
            nan_canonicalization: false,
            inline_calls: true,
            optimize: true,
            verify_clif: cfg!(debug_assertions),
        }
    }
}
