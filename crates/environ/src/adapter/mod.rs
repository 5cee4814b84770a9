//! Adapters: calls from guest to guest, as small core modules.
//!
//! For a function that one component lifts and another (or the same) lowers, the canonical ABI's
//! glue is written here as a core module, which is then compiled like any other. A mistake here is
//! a sandboxed mistake. What its main function does, in the order of `canon_lower` and
//! `canon_lift` in `CanonicalABI.md` ([`call`]):
//!
//! 1. trap if the caller may not be left ([`trap`]);
//! 2. put the caller's context slots aside and zero them for the callee's new thread
//!    ([`context_slots`]);
//!    and, if handles are borrowed, begin to count them ([`handle`]);
//! 3. lift the parameters out of the caller and lower them into the callee;
//! 4. call the callee;
//! 5. see that no borrowed handle is left there, lift the result out of the callee and lower it
//!    into the caller;
//! 6. call the callee's `post-return`, on the callee's thread;
//! 7. end the lending of handles;
//! 8. put the caller's context slots back.
//!
//! A call that makes a task is in two functions instead, for the callee need not start at once, nor
//! return when its core function does: [`task`].
//!
//! Values are moved by a compiler in small: [`translate`] writes the code that takes a value of a
//! type from one [`place`] to another, and calls itself for what the value consists of
//! ([`variant`], [`list`], [`string`], [`handle`]). What the code for a type depends on is its
//! [`shape`]. Large types have functions of their own ([`outlined`]).
//!
//! Which adapters a component needs, and what their imports are at run time, is decided in
//! `component/flatten/adapt.rs`. Layouts and flattening are `canonical_abi`'s.

mod body;
mod call;
mod code;
mod context_slots;
mod handle;
mod imports;
mod list;
mod module;
mod outlined;
mod place;
mod realloc;
mod scratch;
mod shape;
mod string;
mod task;
mod translate;
mod trap;
mod variant;

pub(crate) use imports::AdapterImport;
pub(crate) use scratch::SCRATCH_MEMORY;
pub(crate) use shape::Shapes;

use crate::canonical_abi::{FlatFunc, LiftOrLower, flatten, flatten_func};
use crate::component::{
    ComponentFuncType, ComponentTypes, InterfaceType, Resource, StringEncoding,
};
use crate::error::Result;
use crate::index::{ResourceIndex, RuntimeComponentInstanceIndex};
use crate::types::{AddressType, MemoryType};
use body::Body;
use cranelift_entity::PrimaryMap;

/// The export of an adapter module for a call that makes no task.
pub(crate) const ADAPTER_EXPORT: &str = "call";

/// The exports of an adapter module for a call that makes a task.
pub(crate) const START_EXPORT: &str = "start";
/// Likewise.
pub(crate) const RETURN_EXPORT: &str = "return";

/// One of the two sides of a call.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    /// The component that lowers the function.
    Caller,
    /// The component that lifts it.
    Callee,
    /// Neither: a memory in between, in a call from an instance to itself.
    Scratch,
}

/// What an adapter must know about a side.
#[derive(Copy, Clone, Debug)]
pub(crate) struct PeerOptions {
    /// Which component instance it is.
    pub(crate) instance: RuntimeComponentInstanceIndex,
    /// The type of the `memory` that it gave.
    pub(crate) memory: Option<MemoryType>,
    /// Its `string-encoding`.
    pub(crate) string_encoding: StringEncoding,
    /// Whether it gave a `realloc`.
    pub(crate) realloc: bool,
    /// How it would lift.
    pub(crate) lift: LiftOrLower,
    /// How it would lower.
    pub(crate) lower: LiftOrLower,
    /// Whether its instance can see the context slots of its threads.
    pub(crate) uses_context: bool,
}

impl PeerOptions {
    /// The type of pointers and lengths.
    pub(crate) fn address(&self) -> AddressType {
        self.memory.map_or(AddressType::I32, |ty| ty.address)
    }
}

/// An adapter to be made.
pub(crate) struct AdapterSpec<'a> {
    /// What the function type refers to.
    pub(crate) types: &'a ComponentTypes,
    /// The resource types among them.
    pub(crate) resources: &'a PrimaryMap<ResourceIndex, Resource>,
    /// The function's type.
    pub(crate) func: &'a ComponentFuncType,
    /// What the callee is called, for people.
    pub(crate) name: &'a str,
    /// Who lowers it.
    pub(crate) caller: PeerOptions,
    /// Who lifts it.
    pub(crate) callee: PeerOptions,
    /// Whether the lift gave a `post-return`.
    pub(crate) post_return: bool,
    /// Whether the caller's `may_leave` can be clear.
    pub(crate) check_may_leave: bool,
    /// Whether an exception may come out of the callee. It is an adapter's frame that stops it.
    pub(crate) may_throw: bool,
}

/// An adapter.
pub(crate) struct Adapter {
    /// The module's binary.
    pub(crate) bytes: Vec<u8>,
    /// What it imports, in order.
    pub(crate) imports: Vec<AdapterImport>,
}

impl AdapterSpec<'_> {
    /// Whether the adapter would do nothing but call the callee, whose core function can then
    /// stand for it.
    pub(crate) fn is_nothing_but_the_call(&self) -> bool {
        let mut values = self.func.params.iter().map(|&(_, ty)| ty);
        let is_as_is = |ty| is_passed_as_is(self.types, ty);
        let as_is = values.all(is_as_is) && self.func.result.is_none_or(is_as_is);
        // Too many parameters go through memory, and have to be moved.
        let (lifted, lowered) = (self.lifted(), self.lowered());
        as_is
            && self.caller.lower == LiftOrLower::Lower
            && !lifted.params_in_memory
            && lifted.signature == lowered.signature
            && !self.check_may_leave
            && !self.callee.uses_context
            && !self.post_return
            && !self.may_throw
    }

    /// The callee's core function.
    fn lifted(&self) -> FlatFunc {
        let PeerOptions { lift, .. } = self.callee;
        flatten_func(self.types, self.func, lift, self.callee.address())
    }

    /// The core function that the caller calls.
    pub(crate) fn lowered(&self) -> FlatFunc {
        let PeerOptions { lower, .. } = self.caller;
        flatten_func(self.types, self.func, lower, self.caller.address())
    }

    /// Makes the adapter.
    ///
    /// # Errors
    /// If a side lacks an option that its values need, which validation has excluded; if there
    /// is a value of a type that isn't built; if the adapter is too large.
    pub(crate) fn synthesize(&self, shapes: &mut Shapes) -> Result<Adapter> {
        Body::new(self, shapes).write_call()
    }

    /// Makes the adapter of a call that makes a task; see [`TaskAdapter`].
    ///
    /// # Errors
    /// As [`Self::synthesize`].
    ///
    /// [`TaskAdapter`]: crate::component::TaskAdapter
    pub(crate) fn synthesize_task(&self, shapes: &mut Shapes) -> Result<Adapter> {
        Body::new(self, shapes).write_task()
    }
}

/// Whether any core values of the type are a value of the type, the same on both sides.
fn is_passed_as_is(types: &ComponentTypes, ty: InterfaceType) -> bool {
    match ty {
        InterfaceType::S32
        | InterfaceType::U32
        | InterfaceType::S64
        | InterfaceType::U64
        | InterfaceType::F32
        | InterfaceType::F64 => true,
        InterfaceType::FixedLengthList(index) => {
            is_passed_as_is(types, types.fixed_length_lists[index].element)
        }
        // Those that flatten to more core values than are passed so aren't looked into.
        InterfaceType::Record(_) | InterfaceType::Tuple(_) => {
            flatten(types, ty, AddressType::I32).is_some()
                && types.fields(ty).is_some_and(|(fields, _)| {
                    fields.into_iter().all(|ty| is_passed_as_is(types, ty))
                })
        }
        _ => false,
    }
}
