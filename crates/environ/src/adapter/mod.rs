//! Adapters: calls from guest to guest, as small core modules.
//!
//! For a function that one component lifts and another (or the same) lowers, the canonical ABI's
//! glue is written here as a core module with one function, which is then compiled like any
//! other. A mistake here is a sandboxed mistake. What the function does, in the order of
//! `canon_lower` and `canon_lift` in `CanonicalABI.md`:
//!
//! 1. trap if the caller may not be left ([`trap`]);
//! 2. put the caller's context slots aside and zero them for the callee's new thread
//!    ([`context_slots`]);
//!    and, if handles are borrowed, begin to count them ([`handle`]);
//! 3. lift the parameters out of the caller ([`lift`]), lower them into the callee ([`lower`]);
//! 4. call the callee;
//! 5. lift the result out of the callee, see that no borrowed handle is left there, lower the
//!    result into the caller;
//! 6. call the callee's `post-return`, on the callee's thread;
//! 7. end the lending of handles;
//! 8. put the caller's context slots back.
//!
//! Which adapters a component needs, and what their imports are at run time, is decided in
//! `component/flatten/adapt.rs`. Layouts and flattening are `canonical_abi`'s.

mod body;
mod context_slots;
mod handle;
mod imports;
mod lift;
mod lower;
mod realloc;
mod trap;

pub(crate) use imports::AdapterImport;

use crate::canonical_abi::{LiftOrLower, flatten_func};
use crate::component::{ComponentFuncType, ComponentTypes, InterfaceType, Resource};
use crate::error::{Error, Result};
use crate::index::{ResourceIndex, RuntimeComponentInstanceIndex};
use crate::types::AddressType;
use body::Body;
use cranelift_entity::PrimaryMap;

/// The export of an adapter module.
pub(crate) const ADAPTER_EXPORT: &str = "call";

/// One of the two sides of a call.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// The component that lowers the function.
    Caller,
    /// The component that lifts it.
    Callee,
}

/// What an adapter must know about a side.
#[derive(Copy, Clone, Debug)]
pub(crate) struct PeerOptions {
    /// Which component instance it is.
    pub(crate) instance: RuntimeComponentInstanceIndex,
    /// Whether it gave a `memory`.
    pub(crate) memory: bool,
    /// Whether it gave a `realloc`.
    pub(crate) realloc: bool,
    /// Whether its instance can see the context slots of its threads.
    pub(crate) uses_context: bool,
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
        let mut values = self.func.params.iter().map(|(_, ty)| ty);
        let as_is = values.all(is_passed_as_is) && self.func.result.iter().all(is_passed_as_is);
        // Too many parameters go through memory, and have to be moved.
        let lifted = flatten_func(self.types, self.func, LiftOrLower::Lift, AddressType::I32);
        let lowered = flatten_func(self.types, self.func, LiftOrLower::Lower, AddressType::I32);
        as_is
            && !lifted.params_in_memory
            && lifted.signature == lowered.signature
            && !self.check_may_leave
            && !self.callee.uses_context
            && !self.post_return
            && !self.may_throw
    }

    fn is_adapted(&self, ty: InterfaceType) -> bool {
        match ty {
            InterfaceType::List(list) => self.types.lists[list].element == InterfaceType::U8,
            InterfaceType::FixedLengthList(_)
            | InterfaceType::Map(_)
            | InterfaceType::Record(_)
            | InterfaceType::Tuple(_)
            | InterfaceType::Variant(_)
            | InterfaceType::Option(_)
            | InterfaceType::Result(_)
            | InterfaceType::Future(_)
            | InterfaceType::Stream(_)
            | InterfaceType::ErrorContext => false,
            _ => true,
        }
    }

    /// Makes the adapter.
    ///
    /// # Errors
    /// If a side lacks an option that its values need, which validation has excluded.
    pub(crate) fn synthesize(&self) -> Result<Adapter> {
        let types = self.func.params.iter().map(|&(_, ty)| ty);
        if let Some(ty) = types
            .chain(self.func.result)
            .find(|&ty| !self.is_adapted(ty))
        {
            let feature = format!("a value of type {ty:?} in a call between components");
            return Err(Error::unsupported(feature, 0));
        }
        let mut body = Body::new(self);
        body.check_may_leave();
        body.begin_callee_thread();
        body.begin_borrows();
        let params = body.lift_params()?;
        body.lower_params(&params)?;
        body.call_callee();
        let result = body.lift_result()?;
        body.end_borrow_scope();
        body.lower_result(result.as_ref())?;
        body.post_return();
        body.end_lends();
        body.end_callee_thread();
        Ok(body.finish())
    }
}

/// Whether any core value of the type is a value of the type, the same on both sides.
fn is_passed_as_is(ty: &InterfaceType) -> bool {
    matches!(
        ty,
        InterfaceType::S32
            | InterfaceType::U32
            | InterfaceType::S64
            | InterfaceType::U64
            | InterfaceType::F32
            | InterfaceType::F64
    )
}
