//! Strings and lists that are looked at where the guest has them, without a copy.
//!
//! Lifting checks where they lie; what is in them is read when asked for, and is then whatever the
//! guest has there by then. So they are for parameters of host functions, who look at them before
//! the guest goes on. A result of a guest's function is as good only if the function has no
//! `post-return`, which frees it before the host sees it.

use super::abi::TypeAbi;
use super::context::{LiftContext, Range, slice};
use super::handle::CallHandles;
use super::list::list_range;
use super::string::{check_string, load_string, utf8};
use super::{ComponentType, Lift, TypeContext, TypeMismatch};
use crate::store::{AsContext, StoreContext, StoreId, StoreOpaque};
use crate::trap::Trap;
use crate::vm::{ComponentInstancePtr, GuestOptions};
use anyhow::Result;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use threadline_environ::OptionsIndex;
use threadline_environ::component::{InterfaceType, StringEncoding};
use threadline_environ::layout::ValRaw;

/// Where something was left, and by what options it is lifted.
#[derive(Copy, Clone)]
struct Place {
    store: StoreId,
    instance: ComponentInstancePtr,
    options: OptionsIndex,
    range: Range,
}

impl Place {
    fn new(cx: &LiftContext<'_>, range: Range) -> Place {
        Place {
            store: cx.store.id(),
            instance: cx.instance,
            options: cx.options.index,
            range,
        }
    }

    /// The bytes of the guest's memory from an address on.
    fn bytes<'a>(&self, store: &'a StoreOpaque, length: u64) -> Result<&'a [u8]> {
        store.check(self.store, "value left in a guest")?;
        let memory = self.instance.guest_memory(self.options()?)?.data(store);
        Ok(slice(memory, self.range.address, length).ok_or(Trap::CanonicalOutOfBounds)?)
    }

    /// Lifts it now.
    fn lift<R>(
        &self,
        store: &StoreOpaque,
        lift: impl FnOnce(&mut LiftContext<'_>, Range) -> Result<R>,
    ) -> Result<R> {
        store.check(self.store, "value left in a guest")?;
        // There are no handles in what is left in a guest.
        let handles = CallHandles::default();
        let cx = &mut LiftContext::new(store, self.instance, self.options()?, &handles);
        lift(cx, self.range)
    }

    fn options<'a>(&self) -> Result<&'a GuestOptions> {
        self.instance.options(self.options)
    }
}

/// A `string` left in a guest's memory: see [`WasmStr::to_str`].
///
/// Good as a parameter of a host function, while the guest waits for it. What a later look finds is
/// whatever the guest has there by then.
#[derive(Copy, Clone)]
pub struct WasmStr(Place);

impl WasmStr {
    fn new(cx: &mut LiftContext<'_>, range: Range) -> Result<WasmStr> {
        check_string(cx, range)?;
        Ok(WasmStr(Place::new(cx, range)))
    }

    /// The string, borrowed if the guest has it in UTF-8.
    ///
    /// # Errors
    /// If it is not well encoded, or `store` is not the one it is in.
    pub fn to_str<'a, T: 'static>(
        &self,
        store: impl Into<StoreContext<'a, T>>,
    ) -> Result<Cow<'a, str>> {
        let store = store.into().opaque();
        let place = &self.0;
        match place.options()?.string_encoding {
            StringEncoding::Utf8 => {
                let bytes = place.bytes(store, place.range.length)?;
                Ok(Cow::Borrowed(utf8(bytes)?))
            }
            StringEncoding::Utf16 | StringEncoding::Latin1Utf16 => {
                Ok(Cow::Owned(place.lift(store, load_string)?))
            }
        }
    }
}

impl fmt::Debug for WasmStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasmStr").finish_non_exhaustive()
    }
}

impl ComponentType for WasmStr {
    const ABI: TypeAbi = str::ABI;

    fn typecheck(cx: &TypeContext<'_>, ty: InterfaceType) -> Result<(), TypeMismatch> {
        str::typecheck(cx, ty)
    }
}

impl Lift for WasmStr {
    fn lift_flat(cx: &mut LiftContext<'_>, _ty: InterfaceType, from: &[ValRaw]) -> Result<Self> {
        let range = cx.range_from_slots(from);
        WasmStr::new(cx, range)
    }

    fn load(cx: &mut LiftContext<'_>, _ty: InterfaceType, from: &[u8]) -> Result<Self> {
        let range = cx.range_from_memory(from);
        WasmStr::new(cx, range)
    }
}

/// A `list` left in a guest's memory, of elements without resources in them.
///
/// Good as a parameter of a host function, while the guest waits for it. What a later look finds is
/// whatever the guest has there by then.
pub struct WasmList<T> {
    place: Place,
    element: PhantomData<fn() -> T>,
}

impl<T: Lift> WasmList<T> {
    fn new(cx: &mut LiftContext<'_>, range: Range) -> Result<WasmList<T>> {
        list_range(cx, range, T::ABI.size_align(cx.address()))?;
        Ok(WasmList {
            place: Place::new(cx, range),
            element: PhantomData,
        })
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.place.range.length as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An element, lifted now.
    ///
    /// # Errors
    /// If it is malformed, or `store` is not the one that the list is in.
    pub fn get(&self, store: impl AsContext, index: usize) -> Option<Result<T>> {
        if index >= self.len() {
            return None;
        }
        Some(self.place.lift(store.as_context().opaque(), |cx, range| {
            let element = T::ABI.size_align(cx.address());
            let (bytes, _) = list_range(cx, range, element)?;
            let size = element.size as usize;
            // Without resources in it, an element's type is not looked at.
            T::load(cx, InterfaceType::Bool, &bytes[index * size..][..size])
        }))
    }

    /// All elements, lifted now.
    ///
    /// # Errors
    /// If one is malformed, or `store` is not the one that the list is in.
    pub fn to_vec(&self, store: impl AsContext) -> Result<Vec<T>> {
        self.place.lift(store.as_context().opaque(), |cx, range| {
            let (bytes, count) = list_range(cx, range, T::ABI.size_align(cx.address()))?;
            T::load_elements(cx, InterfaceType::Bool, bytes, count)
        })
    }
}

impl WasmList<u8> {
    /// The bytes, as the guest has them.
    ///
    /// # Errors
    /// If `store` is not the one that the list is in.
    pub fn as_slice<'a, T: 'static>(
        &self,
        store: impl Into<StoreContext<'a, T>>,
    ) -> Result<&'a [u8]> {
        self.place
            .bytes(store.into().opaque(), self.place.range.length)
    }
}

impl<T> Copy for WasmList<T> {}

impl<T> Clone for WasmList<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> fmt::Debug for WasmList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasmList")
            .field("len", &self.place.range.length)
            .finish_non_exhaustive()
    }
}

impl<T: ComponentType> ComponentType for WasmList<T> {
    const ABI: TypeAbi = <[T]>::ABI;

    fn typecheck(cx: &TypeContext<'_>, ty: InterfaceType) -> Result<(), TypeMismatch> {
        if T::ABI.has_handles() {
            let found = "a list left in the guest, whose elements can't have resources in them";
            return Err(TypeMismatch::new(cx, ty, found));
        }
        <[T]>::typecheck(cx, ty)
    }
}

impl<T: Lift> Lift for WasmList<T> {
    fn lift_flat(cx: &mut LiftContext<'_>, _ty: InterfaceType, from: &[ValRaw]) -> Result<Self> {
        let range = cx.range_from_slots(from);
        WasmList::new(cx, range)
    }

    fn load(cx: &mut LiftContext<'_>, _ty: InterfaceType, from: &[u8]) -> Result<Self> {
        let range = cx.range_from_memory(from);
        WasmList::new(cx, range)
    }
}
