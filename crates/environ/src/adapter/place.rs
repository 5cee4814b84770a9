//! Where a value is or is to be: in core values, or in a memory.

use super::Peer;
use super::code::Local;
use std::ops::Range;

/// A place on one of the sides.
#[derive(Copy, Clone, Debug)]
pub(super) enum Place<'p> {
    /// In locals, of the types that the value flattens to on that side.
    Flat(&'p [Local]),
    /// In that side's memory, in bounds and aligned.
    Memory {
        /// An address.
        pointer: Local,
        /// What to add to it.
        offset: u32,
    },
}

impl<'p> Place<'p> {
    /// A part of what is here: these of the core values, or what is at this offset.
    pub(super) fn part(self, flat: Range<usize>, offset: u32) -> Place<'p> {
        match self {
            Place::Flat(locals) => Place::Flat(locals.get(flat).unwrap_or_default()),
            Place::Memory {
                pointer,
                offset: start,
            } => Place::Memory {
                pointer,
                offset: start + offset,
            },
        }
    }

    /// Whether it is in locals.
    pub(super) fn is_flat(self) -> bool {
        matches!(self, Place::Flat(_))
    }
}

/// A place for a whole function's values.
#[derive(Clone, Debug)]
pub(super) enum OwnedPlace {
    /// [`Place::Flat`].
    Flat(Vec<Local>),
    /// [`Place::Memory`], at offset 0.
    Memory(Local),
}

impl OwnedPlace {
    /// The place.
    pub(super) fn get(&self) -> Place<'_> {
        match self {
            OwnedPlace::Flat(locals) => Place::Flat(locals),
            &OwnedPlace::Memory(pointer) => Place::Memory { pointer, offset: 0 },
        }
    }

    /// The core values that stand for it.
    pub(super) fn locals(&self) -> &[Local] {
        match self {
            OwnedPlace::Flat(locals) => locals,
            OwnedPlace::Memory(pointer) => std::slice::from_ref(pointer),
        }
    }
}

/// From where to where a value goes.
#[derive(Copy, Clone, Debug)]
pub(super) struct Move<'p> {
    /// Whose it is.
    pub(super) from: Peer,
    /// Where it is.
    pub(super) src: Place<'p>,
    /// Whose it will be.
    pub(super) to: Peer,
    /// Where it will be.
    pub(super) dst: Place<'p>,
}

impl<'p> Move<'p> {
    /// The same for a part of the value.
    pub(super) fn part(self, flat: Range<usize>, from: u32, to: u32) -> Move<'p> {
        Move {
            src: self.src.part(flat.clone(), from),
            dst: self.dst.part(flat, to),
            ..self
        }
    }
}
