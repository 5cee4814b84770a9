//! `map<K, V>`: in a guest, a list of keys with values. Of several values of one key, the last
//! counts.

use super::abi::TypeAbi;
use super::context::Range;
use super::list::{list_bytes, list_range};
use super::{ComponentType, Lift, LiftContext, Lower, LowerContext, TypeContext, TypeMismatch};
use anyhow::Result;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};
use threadline_environ::component::InterfaceType;
use threadline_environ::layout::ValRaw;

fn typecheck<K: ComponentType, V: ComponentType>(
    cx: &TypeContext<'_>,
    ty: InterfaceType,
) -> Result<(), TypeMismatch> {
    let InterfaceType::Map(index) = ty else {
        return Err(TypeMismatch::new(cx, ty, "map"));
    };
    let expected = &cx.types().maps[index];
    K::typecheck(cx, expected.key).map_err(|error| error.of_parts("`map` keys"))?;
    V::typecheck(cx, expected.value).map_err(|error| error.of_parts("`map` values"))
}

/// Stores entries as a list. `ty` is the map's.
fn store_map<'a, K: Lower + 'a, V: Lower + 'a>(
    cx: &mut LowerContext<'_>,
    ty: InterfaceType,
    entries: impl ExactSizeIterator<Item = (&'a K, &'a V)>,
) -> Result<Range> {
    let abi = <(&K, &V)>::ABI;
    let entry = abi.size_align(cx.address());
    let length = entries.len() as u64;
    let address = cx.allocate(entry.align, list_bytes(length, entry)?)?;
    let ty = cx.element_type(&abi, ty);
    let mut next = address;
    for pair in entries {
        pair.store(cx, ty, next)?;
        next += entry.size as usize;
    }
    let address = address as u64;
    Ok(Range { address, length })
}

/// Loads entries from a list. `ty` is the map's.
fn load_map<K: Lift, V: Lift>(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    range: Range,
) -> Result<Vec<(K, V)>> {
    let abi = <(K, V)>::ABI;
    let (bytes, length) = list_range(cx, range, abi.size_align(cx.address()))?;
    let ty = cx.element_type(&abi, ty);
    <(K, V)>::load_elements(cx, ty, bytes, length)
}

macro_rules! maps {
    ($($map:ident<K, V $(, $hasher:ident)?> {
        key: $($key:path),*;
        $(hasher: $($bound:path),*;)?
    })*) => {$(
        impl<K: ComponentType, V: ComponentType $(, $hasher)?> ComponentType
            for $map<K, V $(, $hasher)?>
        {
            const ABI: TypeAbi = TypeAbi::list(<(K, V)>::ABI);

            fn typecheck(cx: &TypeContext<'_>, ty: InterfaceType) -> Result<(), TypeMismatch> {
                typecheck::<K, V>(cx, ty)
            }
        }

        impl<K: Lower, V: Lower $(, $hasher)?> Lower for $map<K, V $(, $hasher)?> {
            fn lower_flat(
                &self,
                cx: &mut LowerContext<'_>,
                ty: InterfaceType,
                to: &mut [ValRaw],
            ) -> Result<()> {
                let range = store_map(cx, ty, self.iter())?;
                cx.range_to_slots(range, to);
                Ok(())
            }

            fn store(
                &self,
                cx: &mut LowerContext<'_>,
                ty: InterfaceType,
                address: usize,
            ) -> Result<()> {
                let range = store_map(cx, ty, self.iter())?;
                cx.range_to_memory(range, address)
            }
        }

        impl<K: Lift $(+ $key)*, V: Lift $(, $hasher: $($bound +)*)?> Lift
            for $map<K, V $(, $hasher)?>
        {
            fn lift_flat(
                cx: &mut LiftContext<'_>,
                ty: InterfaceType,
                from: &[ValRaw],
            ) -> Result<Self> {
                let range = cx.range_from_slots(from);
                Ok(load_map(cx, ty, range)?.into_iter().collect())
            }

            fn load(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[u8]) -> Result<Self> {
                let range = cx.range_from_memory(from);
                Ok(load_map(cx, ty, range)?.into_iter().collect())
            }
        }
    )*};
}

maps! {
    BTreeMap<K, V> {
        key: Ord;
    }
    HashMap<K, V, S> {
        key: Eq, Hash;
        hasher: BuildHasher, Default;
    }
}
