//! `list<u8>`, copied as bytes.

use super::string::{lift_range, load_range, lower_range, store_range};
use super::{ComponentType, Lift, LiftContext, Lower, LowerContext, TypeMismatch};
use crate::trap::Trap;
use anyhow::Result;
use threadline_environ::canonical_abi::MAX_LIST_BYTE_LENGTH;
use threadline_environ::component::{ComponentTypes, InterfaceType};
use threadline_environ::layout::ValRaw;

/// `store_list_into_range` for bytes.
fn store_bytes(cx: &mut LowerContext<'_>, bytes: &[u8]) -> Result<(u32, u32)> {
    cx.allocate_bytes(bytes, MAX_LIST_BYTE_LENGTH)
}

/// `load_list_from_range` for bytes.
fn load_bytes(cx: &LiftContext<'_>, (address, length): (u32, u32)) -> Result<Vec<u8>> {
    if length > MAX_LIST_BYTE_LENGTH {
        return Err(Trap::ListTooLong.into());
    }
    let bytes = cx.bytes(address, length as usize, Trap::ListPointerOutOfBounds)?;
    Ok(bytes.to_vec())
}

impl ComponentType for [u8] {
    const FLAT_COUNT: usize = 2;
    const SIZE: u32 = 8;
    const ALIGN: u32 = 4;

    fn typecheck(types: &ComponentTypes, ty: InterfaceType) -> Result<(), TypeMismatch> {
        match ty {
            InterfaceType::List(index) if types.lists[index].element == InterfaceType::U8 => Ok(()),
            other => Err(TypeMismatch::new(types, other, "list<u8>")),
        }
    }
}

impl Lower for [u8] {
    fn lower_flat(&self, cx: &mut LowerContext<'_>, to: &mut [ValRaw]) -> Result<()> {
        lower_range(store_bytes(cx, self)?, to);
        Ok(())
    }

    fn store(&self, cx: &mut LowerContext<'_>, address: u32) -> Result<()> {
        let range = store_bytes(cx, self)?;
        store_range(cx, range, address)
    }
}

impl ComponentType for Vec<u8> {
    const FLAT_COUNT: usize = <[u8]>::FLAT_COUNT;
    const SIZE: u32 = <[u8]>::SIZE;
    const ALIGN: u32 = <[u8]>::ALIGN;

    fn typecheck(types: &ComponentTypes, ty: InterfaceType) -> Result<(), TypeMismatch> {
        <[u8]>::typecheck(types, ty)
    }
}

impl Lower for Vec<u8> {
    fn lower_flat(&self, cx: &mut LowerContext<'_>, to: &mut [ValRaw]) -> Result<()> {
        self.as_slice().lower_flat(cx, to)
    }

    fn store(&self, cx: &mut LowerContext<'_>, address: u32) -> Result<()> {
        self.as_slice().store(cx, address)
    }
}

impl Lift for Vec<u8> {
    fn lift_flat(cx: &LiftContext<'_>, from: &[ValRaw]) -> Result<Vec<u8>> {
        load_bytes(cx, lift_range(from))
    }

    fn load(cx: &LiftContext<'_>, address: u32) -> Result<Vec<u8>> {
        load_bytes(cx, load_range(cx, address)?)
    }
}
