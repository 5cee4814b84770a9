//! `variant`, `option` and `result`.

use super::body::Body;
use super::code::Local;
use super::place::{Move, Place};
use crate::canonical_abi::{FlatType, VariantLayout, flatten};
use crate::component::{ComponentTypes, InterfaceType};
use crate::error::Result;
use wasm_encoder::BlockType;

/// Cases next to each other with the same payload.
#[derive(Copy, Clone)]
struct Arm {
    /// The first of them.
    first: usize,
    payload: Option<InterfaceType>,
}

impl Body<'_> {
    /// Moves a value of a type with cases that have payloads.
    pub(super) fn variant(&mut self, ty: InterfaceType, mv: Move<'_>) -> Result<()> {
        let types = self.types();
        let (Some(cases), Some(layout)) = (types.cases(ty), variant_layout(types, ty)) else {
            unreachable!("only variants, options and results come here, and all have cases");
        };
        let discriminant = self.code.new_local(FlatType::I32);
        self.begin_store(mv.dst);
        // Of an unsigned number, so that it is loaded as one.
        let (ty, size) = (InterfaceType::U32, layout.discriminant_size);
        self.push_scalar(ty, size, mv)?;
        self.check_discriminant(cases.len());
        self.emit().local_tee(discriminant.index);
        self.end_store(ty, size, mv)?;

        let mut arms: Vec<Arm> = Vec::new();
        for (first, payload) in cases.payloads().enumerate() {
            if arms.last().is_none_or(|arm| arm.payload != payload) {
                arms.push(Arm { first, payload });
            }
        }
        self.clear_unused(&arms, mv.dst);
        let [from, to] =
            [mv.from, mv.to].map(|peer| *layout.payload_offset.get(self.address(peer)));
        self.arms(&arms, discriminant, mv.part(1..mv.flat_len(), from, to))
    }

    /// Sets those core values of the payload to 0 that some case leaves unused.
    fn clear_unused(&mut self, arms: &[Arm], dst: Place<'_>) {
        let Place::Flat(locals) = dst else {
            return;
        };
        let used = arms
            .iter()
            .map(|arm| arm.payload.map_or(0, |ty| self.flat_count(ty)))
            .min()
            .unwrap_or_default();
        for &local in locals.iter().skip(1 + used) {
            let mut sink = self.emit();
            match local.ty {
                FlatType::I32 => sink.i32_const(0),
                FlatType::I64 => sink.i64_const(0),
                FlatType::F32 => sink.f32_const(0.0.into()),
                FlatType::F64 => sink.f64_const(0.0.into()),
            };
            self.set(local);
        }
    }

    /// Finds the payload that the discriminant says, by bisection, and moves it.
    fn arms(&mut self, arms: &[Arm], discriminant: Local, mv: Move<'_>) -> Result<()> {
        let (left, right) = match arms {
            [] => return Ok(()),
            [arm] => {
                return match arm.payload {
                    Some(ty) => self.payload(ty, mv),
                    None => Ok(()),
                };
            }
            _ => arms.split_at(arms.len() / 2),
        };
        let is_empty = |arms: &[Arm]| arms.iter().all(|arm| arm.payload.is_none());
        self.get(discriminant);
        self.emit().i32_const(right[0].first as i32);
        if is_empty(left) {
            self.emit().i32_ge_u().if_(BlockType::Empty);
            self.arms(right, discriminant, mv)?;
        } else {
            self.emit().i32_lt_u().if_(BlockType::Empty);
            self.arms(left, discriminant, mv)?;
            if !is_empty(right) {
                self.emit().else_();
                self.arms(right, discriminant, mv)?;
            }
        }
        self.emit().end();
        Ok(())
    }

    /// Moves a payload, which in core values has the types that all payloads' are joined to.
    fn payload(&mut self, ty: InterfaceType, mv: Move<'_>) -> Result<()> {
        let mark = self.code.mark();
        let src = match mv.src {
            Place::Flat(joined) => Some(self.split(ty, joined, mv)),
            Place::Memory { .. } => None,
        };
        let own = match mv.dst {
            Place::Flat(joined) => Some((joined, self.own_locals(ty, joined, mv))),
            Place::Memory { .. } => None,
        };
        let payload = Move {
            src: src.as_deref().map_or(mv.src, Place::Flat),
            dst: own.as_ref().map_or(mv.dst, |(_, own)| Place::Flat(own)),
            ..mv
        };
        self.translate(ty, payload)?;
        if let Some((joined, own)) = own {
            for (value, &joined) in own.into_iter().zip(joined) {
                if value != joined {
                    self.get(value);
                    self.join(value.ty, joined.ty);
                    self.set(joined);
                }
            }
        }
        self.code.release(mark);
        Ok(())
    }

    /// The core values of a payload, out of joined ones (`lift_flat_variant`).
    fn split(&mut self, ty: InterfaceType, joined: &[Local], mv: Move<'_>) -> Vec<Local> {
        let flat = flatten(self.types(), ty, self.address(mv.from)).unwrap_or_default();
        let mut own = Vec::with_capacity(flat.len());
        for (&want, &have) in flat.iter().zip(joined) {
            own.push(if want == have.ty {
                have
            } else {
                self.get(have);
                let mut sink = self.emit();
                match (have.ty, want) {
                    (FlatType::I32, FlatType::F32) => {
                        sink.f32_reinterpret_i32();
                    }
                    (FlatType::I64, FlatType::I32) => {
                        sink.i32_wrap_i64();
                    }
                    (FlatType::I64, FlatType::F32) => {
                        sink.i32_wrap_i64().f32_reinterpret_i32();
                    }
                    (FlatType::I64, FlatType::F64) => {
                        sink.f64_reinterpret_i64();
                    }
                    // No others are joined.
                    _ => {}
                }
                self.set_new_local(want)
            });
        }
        own
    }

    /// Where the core values of a payload go before they are joined.
    fn own_locals(&mut self, ty: InterfaceType, joined: &[Local], mv: Move<'_>) -> Vec<Local> {
        let flat = flatten(self.types(), ty, self.address(mv.to)).unwrap_or_default();
        let locals = flat.iter().zip(joined).map(|(&have, &want)| {
            if have == want.ty {
                want
            } else {
                self.code.new_local(have)
            }
        });
        locals.collect()
    }

    /// Makes a joined core value of the one on the stack (`lower_flat_variant`).
    fn join(&mut self, have: FlatType, want: FlatType) {
        let mut sink = self.emit();
        match (have, want) {
            (FlatType::F32, FlatType::I32) => {
                sink.i32_reinterpret_f32();
            }
            (FlatType::I32, FlatType::I64) => {
                sink.i64_extend_i32_u();
            }
            (FlatType::F32, FlatType::I64) => {
                sink.i32_reinterpret_f32().i64_extend_i32_u();
            }
            (FlatType::F64, FlatType::I64) => {
                sink.i64_reinterpret_f64();
            }
            // No others are joined.
            _ => {}
        }
    }
}

impl Move<'_> {
    /// How many core values the value has at most on either side.
    fn flat_len(self) -> usize {
        let len = |place| match place {
            Place::Flat(locals) => locals.len(),
            Place::Memory { .. } => 1,
        };
        len(self.src).max(len(self.dst))
    }
}

fn variant_layout(types: &ComponentTypes, ty: InterfaceType) -> Option<&VariantLayout> {
    Some(match ty {
        InterfaceType::Variant(index) => &types.variants[index].layout,
        InterfaceType::Option(index) => &types.options[index].layout,
        InterfaceType::Result(index) => &types.results[index].layout,
        _ => return None,
    })
}
