//! The checksum of an image's parts.
//!
//! It is there for damaged files, not against forgery. Eight lanes take turns at words of 64
//! bits, so that a processor can work on all at once, at the speed of memory. What a lane does
//! with a word can be undone if the rest is known, so damage that is confined to one lane, such
//! as that of a single byte, always changes the result; any other does but for one case in 2⁶⁴.

const LANES: usize = 8;
/// Odd, so that multiplication by it can be undone.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// The checksum of some bytes.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    let mut lanes = [0_u64; LANES];
    for (lane, seed) in lanes.iter_mut().zip(1..) {
        *lane = FACTOR.wrapping_mul(seed);
    }
    let (blocks, rest) = bytes.as_chunks::<{ LANES * 8 }>();
    for block in blocks {
        take(&mut lanes, block);
    }
    let mut last = [0; LANES * 8];
    last[..rest.len()].copy_from_slice(rest);
    take(&mut lanes, &last);
    let length = step(0, bytes.len() as u64);
    lanes.into_iter().fold(length, step)
}

#[inline(always)]
fn take(lanes: &mut [u64; LANES], block: &[u8; LANES * 8]) {
    for (lane, word) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
        *lane = step(*lane, u64::from_le_bytes(*word));
    }
}

#[inline(always)]
fn step(state: u64, word: u64) -> u64 {
    let product = (state ^ word).wrapping_mul(FACTOR);
    product ^ product >> 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn any_changed_byte_and_any_other_length_change_it() {
        let bytes: Vec<u8> = (0..200).collect();
        let mut seen = BTreeSet::from([checksum(&bytes)]);
        for i in 0..bytes.len() {
            assert!(seen.insert(checksum(&bytes[..i])), "the first {i}");
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[i] ^= 1 << bit;
                assert!(seen.insert(checksum(&changed)), "bit {bit} of byte {i}");
            }
        }
        assert!(seen.insert(checksum(&[0; 64])));
        assert!(seen.insert(checksum(&[0; 65])));
    }
}
