//! Elements of streams that are moved as bytes after a look at each: those whose layout is the same in all
//! memories, but not every pattern of which is a value.

use super::copy::GuestBuffer;
use super::state::Guests;
use crate::bug::bug;
use crate::store::StoreOpaque;
use crate::trap::Trap as GuestTrap;
use anyhow::Result;
use std::ops::Range;
use threadline_concurrent::Transfer;
use threadline_environ::canonical_abi::discriminant_size;
use threadline_environ::component::{ComponentTypes, InterfaceType};

/// What is looked for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// Nothing; what isn't 0 becomes 1.
    Bool,
    /// A Unicode scalar value.
    Char,
    /// One of so many cases, in so many bytes.
    Case { size: u32, count: u32 },
}

impl Check {
    /// Of elements of this type, if they are such.
    pub(super) fn of(types: &ComponentTypes, ty: InterfaceType) -> Option<Check> {
        match ty {
            InterfaceType::Bool => Some(Check::Bool),
            InterfaceType::Char => Some(Check::Char),
            InterfaceType::Enum(index) => {
                let count = types.enums[index].cases.len();
                Some(Check::Case {
                    size: discriminant_size(count),
                    count: u32::try_from(count).ok()?,
                })
            }
            // One of a single field is as that is. (A stream may not be of `char` itself.)
            InterfaceType::Record(_) | InterfaceType::Tuple(_) => match types.fields(ty)?.0[..] {
                [field] => Check::of(types, field),
                _ => None,
            },
            _ => None,
        }
    }

    fn size(self) -> u32 {
        match self {
            Check::Bool => 1,
            Check::Char => 4,
            Check::Case { size, .. } => size,
        }
    }

    /// Whether all of these are values.
    ///
    /// # Errors
    /// If one isn't.
    fn check(self, elements: &[u8]) -> Result<(), GuestTrap> {
        let are_values = match self {
            Check::Bool => return Ok(()),
            Check::Char => all::<4>(elements, |value| char::from_u32(value).is_some()),
            Check::Case { size: 1, count } => all::<1>(elements, |value| value < count),
            Check::Case { size: 2, count } => all::<2>(elements, |value| value < count),
            Check::Case { count, .. } => all::<4>(elements, |value| value < count),
        };
        match (are_values, self) {
            (true, _) => Ok(()),
            (false, Check::Char) => Err(GuestTrap::InvalidChar),
            (false, Check::Bool | Check::Case { .. }) => Err(GuestTrap::InvalidDiscriminant),
        }
    }

    /// Copies elements from one buffer to the other.
    ///
    /// # Errors
    /// If one is no value: then none is copied.
    pub(super) fn copy(
        self,
        store: &mut StoreOpaque,
        source: &GuestBuffer,
        destination: &GuestBuffer,
        transfer: &Transfer<Guests>,
    ) -> Result<()> {
        let (Some(from), Some(to)) = (source.memory, destination.memory) else {
            return Err(bug!("elements are copied where there is no memory").into());
        };
        let length = u64::from(transfer.count) * u64::from(self.size());
        let read = range(source, transfer.source_progress, self.size(), length);
        let written = range(
            destination,
            transfer.destination_progress,
            self.size(),
            length,
        );
        let elements = from.data(store).get(read.clone());
        self.check(elements.ok_or_else(|| bug!("a buffer is out of bounds"))?)?;
        to.copy_from(written.start as u64, from, read.start as u64, length)?;
        if self == Check::Bool
            && let Some(elements) = to.data_mut(store).get_mut(written)
        {
            for element in elements {
                *element = u8::from(*element != 0);
            }
        }
        Ok(())
    }
}

/// Whether this is so of all numbers of so many bytes.
fn all<const SIZE: usize>(elements: &[u8], is_so: impl Fn(u32) -> bool) -> bool {
    elements.as_chunks::<SIZE>().0.iter().all(|element| {
        let mut bytes = [0; 4];
        bytes[..SIZE].copy_from_slice(element);
        is_so(u32::from_le_bytes(bytes))
    })
}

/// The addresses of elements, which are in bounds of a memory.
fn range(buffer: &GuestBuffer, progress: u32, size: u32, length: u64) -> Range<usize> {
    let start = buffer.at(progress, size);
    start as usize..(start + length) as usize
}

#[cfg(test)]
mod tests {
    use super::Check;
    use crate::trap::Trap;

    #[test]
    fn every_element_is_looked_at() {
        let chars = [0u32, 0xd7ff, 0xe000, 0x10_ffff].map(u32::to_le_bytes);
        assert_eq!(Check::Char.check(chars.as_flattened()), Ok(()));
        for wrong in [0xd800u32, 0xdfff, 0x11_0000, u32::MAX] {
            let chars = [0x61, wrong].map(u32::to_le_bytes);
            let checked = Check::Char.check(chars.as_flattened());
            assert_eq!(checked, Err(Trap::InvalidChar), "{wrong:#x}");
        }
        let small = Check::Case { size: 1, count: 3 };
        assert_eq!(small.check(&[0, 1, 2]), Ok(()));
        assert_eq!(small.check(&[0, 3]), Err(Trap::InvalidDiscriminant));
        let large = Check::Case {
            size: 2,
            count: 300,
        };
        assert_eq!(large.check(&[0x2b, 1]), Ok(()));
        assert_eq!(large.check(&[0x2c, 1]), Err(Trap::InvalidDiscriminant));
        assert_eq!(Check::Bool.check(&[0, 1, 2, 255]), Ok(()));
    }
}
