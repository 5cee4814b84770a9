//! Which proposals are accepted: [`Proposal`] names them, [`Features`] is a set of them.
//!
//! This is the one place that knows what `wasmparser` calls a proposal and how it says that one
//! is missing. Whether a proposal is *built* is said in [`PROPOSALS`]; one that is not is refused
//! as unsupported, whatever the switches say.

use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;
use wasmparser::WasmFeatures as F;

macro_rules! proposals {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $flag:expr, $default:ident, $state:ident;)*) => {
        /// A proposal, merged into the specification or not, that can be switched on or off.
        #[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum Proposal {
            $($(#[$doc])* $name,)*
        }

        /// What is known of each proposal, in the order of the enumeration.
        const PROPOSALS: &[Entry] = &[$(Entry {
            proposal: Proposal::$name,
            name: $text,
            flag: $flag,
            default: Default::$default,
            state: State::$state,
        },)*];
    };
}

/// A row of [`PROPOSALS`].
struct Entry {
    proposal: Proposal,
    /// As in the proposal's repository.
    name: &'static str,
    flag: F,
    default: Default,
    state: State,
}

/// Whether a proposal that is built is accepted when nobody says otherwise.
#[derive(PartialEq, Eq)]
enum Default {
    On,
    Off,
}

/// Whether a proposal is implemented.
#[derive(PartialEq, Eq)]
enum State {
    Built,
    Unbuilt,
}

proposals! {
    /// Imported and exported globals may be mutable.
    MutableGlobal = "mutable-global", F::MUTABLE_GLOBAL, On, Built;
    /// Conversions of floats to integers that saturate.
    SaturatingFloatToInt = "saturating-float-to-int", F::SATURATING_FLOAT_TO_INT, On, Built;
    /// `i32.extend8_s` and its kin.
    SignExtension = "sign-extension", F::SIGN_EXTENSION, On, Built;
    /// Several results of functions, and parameters of blocks.
    MultiValue = "multi-value", F::MULTI_VALUE, On, Built;
    /// `memory.copy`, passive segments and their kin.
    BulkMemory = "bulk-memory", F::BULK_MEMORY, On, Built;
    /// `externref`, several tables, and operators on tables.
    ReferenceTypes = "reference-types", F::REFERENCE_TYPES, On, Built;
    /// 128-bit vectors.
    Simd = "simd", F::SIMD, On, Built;
    /// Vector operators whose results may differ between processors.
    RelaxedSimd = "relaxed-simd", F::RELAXED_SIMD, On, Built;
    /// `return_call` and its kin.
    TailCall = "tail-call", F::TAIL_CALL, On, Built;
    /// Arithmetic in constant expressions.
    ExtendedConst = "extended-const", F::EXTENDED_CONST, On, Built;
    /// Several memories in a module.
    MultiMemory = "multi-memory", F::MULTI_MEMORY, On, Built;
    /// Memories and tables with 64-bit addresses.
    Memory64 = "memory64", F::MEMORY64, On, Built;
    /// Shared memories and atomic operators. `memory.atomic.wait` blocks a thread of the host, for as
    /// long as `Config::max_atomic_wait` says, or until an epoch deadline. Fuel doesn't bound it.
    Threads = "threads", F::THREADS, On, Built;
    /// Tags, `throw` and `try_table`.
    Exceptions = "exceptions", F::EXCEPTIONS, On, Built;
    /// Typed references to functions.
    FunctionReferences = "function-references", F::FUNCTION_REFERENCES, On, Built;
    /// Structures and arrays that are garbage-collected.
    Gc = "gc", F::GC, On, Unbuilt;
    /// Memories with pages of another size than 64 KiB.
    CustomPageSizes = "custom-page-sizes", F::CUSTOM_PAGE_SIZES, Off, Built;
    /// 128-bit addition, subtraction and multiplication of integers.
    WideArithmetic = "wide-arithmetic", F::WIDE_ARITHMETIC, Off, Built;
    /// Components.
    ComponentModel = "component-model", F::COMPONENT_MODEL, On, Built;
    /// The canonical ABI's `async`, streams, futures and context slots.
    ComponentModelAsync = "component-model-async", F::CM_ASYNC, On, Built;
    /// Stackful lifts in the canonical ABI.
    ComponentModelAsyncStackful =
        "component-model-async-stackful", F::CM_ASYNC_STACKFUL, On, Built;
    /// Further built-ins for `async`.
    ComponentModelMoreAsyncBuiltins =
        "component-model-more-async-builtins", F::CM_MORE_ASYNC_BUILTINS, On, Built;
    /// `thread.*` built-ins.
    ComponentModelThreading = "component-model-threading", F::CM_THREADING, On, Built;
    /// `error-context`.
    ComponentModelErrorContext = "component-model-error-context", F::CM_ERROR_CONTEXT, On, Built;
    /// Lists whose type has their length.
    ComponentModelFixedLengthLists =
        "component-model-fixed-length-lists", F::CM_FIXED_LENGTH_LISTS, On, Built;
    /// `map`.
    ComponentModelMap = "component-model-map", F::CM_MAP, On, Built;
    /// 64-bit memories and context slots in the canonical ABI.
    ComponentModel64 = "component-model-64", F::CM64, On, Built;
    /// `stream.forward` and `future.forward`.
    ComponentModelForward = "component-model-forward", F::CM_FORWARD, On, Built;
    /// `implements` in the names of imports and exports.
    ComponentModelImplements = "component-model-implements", F::CM_IMPLEMENTS, On, Built;
}

impl Proposal {
    /// Every proposal that has a switch.
    pub fn all() -> impl Iterator<Item = Proposal> {
        PROPOSALS.iter().map(|entry| entry.proposal)
    }

    /// Its name, as its repository has it.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// Whether it is implemented. One that is not can't be switched on.
    ///
    /// What is not built of the component model is refused by a name of its own, so its
    /// proposals count as built.
    pub fn is_built(self) -> bool {
        self.entry().state == State::Built
    }

    /// Whether it is accepted when nobody says otherwise.
    pub fn is_default(self) -> bool {
        self.is_built() && self.entry().default == Default::On
    }

    /// The proposals that it makes no sense without.
    fn needs(self) -> &'static [Proposal] {
        match self {
            Proposal::RelaxedSimd => &[Proposal::Simd],
            Proposal::FunctionReferences | Proposal::Exceptions => &[Proposal::ReferenceTypes],
            Proposal::Gc => &[Proposal::FunctionReferences],
            _ => &[],
        }
    }

    fn entry(self) -> &'static Entry {
        &PROPOSALS[self as usize]
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Proposal {
    type Err = String;

    fn from_str(name: &str) -> Result<Proposal, String> {
        let entry = PROPOSALS.iter().find(|entry| entry.name == name);
        entry.map(|entry| entry.proposal).ok_or_else(|| {
            let names: Vec<_> = PROPOSALS.iter().map(|entry| entry.name).collect();
            format!("unknown proposal `{name}`: use one of {}", names.join(", "))
        })
    }
}

/// The proposals that are accepted.
#[derive(Copy, Clone, PartialEq, Eq)]
pub struct Features {
    flags: F,
}

/// What `wasmparser` can do without but we have no switch for: floats, and `externref`.
const ALWAYS: F = F::FLOATS.union(F::GC_TYPES);

impl std::default::Default for Features {
    /// What [`Proposal::is_default`].
    fn default() -> Features {
        Features::of(Proposal::all().filter(|proposal| proposal.is_default()))
    }
}

impl Features {
    fn of(proposals: impl IntoIterator<Item = Proposal>) -> Features {
        let mut features = Features { flags: ALWAYS };
        for proposal in proposals {
            features.set(proposal, true);
        }
        features
    }

    /// WebAssembly 1.0, without components.
    pub fn wasm_1_0() -> Features {
        Features::of([Proposal::MutableGlobal])
    }

    /// WebAssembly 2.0, without components.
    pub fn wasm_2_0() -> Features {
        Features::of([
            Proposal::MutableGlobal,
            Proposal::SaturatingFloatToInt,
            Proposal::SignExtension,
            Proposal::MultiValue,
            Proposal::BulkMemory,
            Proposal::ReferenceTypes,
            Proposal::Simd,
        ])
    }

    /// Switches a proposal on or off.
    pub fn set(&mut self, proposal: Proposal, enable: bool) -> &mut Features {
        self.flags.set(proposal.entry().flag, enable);
        self
    }

    /// Whether a proposal is accepted.
    pub fn has(&self, proposal: Proposal) -> bool {
        self.flags.contains(proposal.entry().flag)
    }

    /// Whether the proposals fit together and are built.
    ///
    /// # Errors
    /// A sentence that says which is not, or which other it needs.
    pub fn check(&self) -> Result<(), String> {
        for proposal in Proposal::all().filter(|&proposal| self.has(proposal)) {
            if !proposal.is_built() {
                return Err(format!("the {proposal} proposal is not supported yet"));
            }
            if let Some(missing) = proposal.needs().iter().find(|&&needed| !self.has(needed)) {
                return Err(format!(
                    "the {proposal} proposal needs the {missing} proposal, which is switched \
                     off: switch off {proposal} too, or {missing} on"
                ));
            }
        }
        Ok(())
    }

    /// For the validator. It takes recursive and declared subtypes of functions for part of the
    /// gc proposal, but typed references to functions make little sense without; what else that
    /// proposal brings to a module's sections the translator refuses, and to function bodies
    /// ([`Features::within_bodies`]) the validator.
    pub(crate) fn wasmparser(self) -> F {
        if self.has(Proposal::FunctionReferences) {
            self.flags | F::GC
        } else {
            self.flags
        }
    }

    /// For the validation of function bodies, given what the module as a whole is validated with.
    /// Types are declared outside of bodies, so nothing in one needs the gc proposal.
    pub(crate) fn within_bodies(flags: F) -> F {
        flags - F::GC
    }

    /// A refusal of a whole component, if there are to be none.
    pub(crate) fn check_components(self) -> Result<()> {
        if self.has(Proposal::ComponentModel) {
            return Ok(());
        }
        Err(Error::Disabled {
            proposal: Proposal::ComponentModel,
            message: "this is a component".to_owned(),
            // Of the version, which is what tells components from modules.
            offset: 4,
        })
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = Proposal::all().filter(|&proposal| self.has(proposal));
        f.debug_set().entries(on.map(Proposal::name)).finish()
    }
}

/// Rules of the specification as it is that a proposal would relax: breaking one is an error of
/// its own, unless we could accept it.
const RELAXED_RULES: &[&str] = &["constant expression required", "invalid exception type"];

/// Refusals in which `wasmparser` leaves out the proposal.
const UNTAGGED: &[(&str, Proposal)] = &[
    ("multiple memories", Proposal::MultiMemory),
    ("multiple tables", Proposal::ReferenceTypes),
    ("data count section requires", Proposal::BulkMemory),
];

/// The flag of the proposal that an input needs, if that is what is wrong with it.
fn missing_flag(error: &wasmparser::BinaryReaderError) -> Option<F> {
    let message = error.message();
    let untagged = UNTAGGED
        .iter()
        .find(|(start, _)| message.starts_with(start));
    let flag = untagged.map(|(_, proposal)| proposal.entry().flag);
    error.missing_wasm_feature().or(flag)
}

impl From<wasmparser::BinaryReaderError> for Error {
    fn from(error: wasmparser::BinaryReaderError) -> Error {
        let (message, offset) = (error.message().to_owned(), error.offset());
        let invalid = |message| Error::Invalid { message, offset };
        let Some(flag) = missing_flag(&error) else {
            return invalid(message);
        };
        // `F::BULK_MEMORY_OPT` and its like are part of their proposal's flag.
        let entry = PROPOSALS.iter().find(|entry| entry.flag.intersects(flag));
        match entry {
            Some(entry) if entry.state == State::Built => Error::Disabled {
                proposal: entry.proposal,
                message,
                offset,
            },
            _ if RELAXED_RULES.iter().any(|rule| message.starts_with(rule)) => invalid(message),
            Some(entry) => Error::unbuilt(entry.proposal, offset),
            None => match flag.iter_names().next() {
                Some((name, _)) => {
                    let name = name.to_lowercase().replace('_', "-");
                    Error::unsupported(format!("the {name} proposal"), offset)
                }
                None => invalid(message),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_at_its_proposals_place() {
        for (place, entry) in PROPOSALS.iter().enumerate() {
            assert_eq!(entry.proposal as usize, place);
            assert_eq!(entry.name.parse(), Ok(entry.proposal));
        }
    }

    #[test]
    fn the_default_proposals_fit_together() {
        assert_eq!(Features::default().check(), Ok(()));
        assert_eq!(Features::wasm_1_0().check(), Ok(()));
        assert_eq!(Features::wasm_2_0().check(), Ok(()));
    }

    #[test]
    fn a_proposal_that_is_not_built_cannot_be_switched_on() {
        for proposal in Proposal::all() {
            let mut features = Features::of(Proposal::all().filter(|p| p.is_built()));
            features.set(proposal, true);
            assert_eq!(features.check().is_ok(), proposal.is_built(), "{proposal}");
        }
    }

    #[test]
    fn a_proposal_is_not_accepted_without_those_it_needs() {
        for proposal in Proposal::all().filter(|p| p.is_built()) {
            for &needed in proposal.needs() {
                let mut features = Features::of(Proposal::all().filter(|p| p.is_built()));
                features.set(needed, false);
                let error = features.check().unwrap_err();
                assert!(error.contains(needed.name()), "{error}");
            }
        }
    }
}
