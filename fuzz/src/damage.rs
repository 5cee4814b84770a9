//! How binaries are damaged so that much of them still means something: sections are moved, doubled and
//! told to be longer than they are.

use crate::seeds::Seed;
use std::ops::Range;

/// Small, repeatable, and good enough to pick bytes.
pub struct Random(u64);

impl Random {
    /// The numbers that belong to a mutant.
    pub fn of(mutant: usize) -> Random {
        // Any bijection that leaves no zero; xorshift needs mixed bits to start from.
        let mut random = Random((mutant as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        random.number();
        random.number();
        random
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `bound`, which isn't zero.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.number() % bound as u64) as usize
    }
}

/// The kinds of damage, one after the other.
const KINDS: [fn(&mut Vec<u8>, &mut Random); 8] = [
    truncate,
    |bytes, random| flip_bits(bytes, random),
    |bytes, random| swap_bytes(bytes, random),
    corrupt_length,
    duplicate_section,
    reorder_sections,
    |bytes, random| overwrite(bytes, random),
    splice,
];

/// Damages a binary once, in a way that a number decides.
pub fn damage(bytes: &mut Vec<u8>, number: usize) {
    if !bytes.is_empty() {
        KINDS[number % KINDS.len()](bytes, &mut Random::of(number));
    }
}

/// The mutant with this number: the seed it is of, and its bytes.
pub fn mutant(seeds: &[Seed], number: usize) -> (&Seed, Vec<u8>) {
    let seed = &seeds[number % seeds.len()];
    let mut bytes = seed.bytes.clone();
    let round = number / seeds.len();
    KINDS[(round + number) % KINDS.len()](&mut bytes, &mut Random::of(number));
    (seed, bytes)
}

fn truncate(bytes: &mut Vec<u8>, random: &mut Random) {
    bytes.truncate(random.below(bytes.len()));
}

fn flip_bits(bytes: &mut [u8], random: &mut Random) {
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        bytes[at] ^= 1 << random.below(8);
    }
}

fn swap_bytes(bytes: &mut [u8], random: &mut Random) {
    let (a, b) = (random.below(bytes.len()), random.below(bytes.len()));
    bytes.swap(a, b);
}

/// Makes a length or a count, of which every section begins with one or two, another or enormous.
fn corrupt_length(bytes: &mut Vec<u8>, random: &mut Random) {
    const NUMBERS: [&[u8]; 8] = [
        &[0],
        &[1],
        &[0x7F],
        &[0x80, 0x80, 0x04],
        &[0xFF, 0xFF, 0x7F],
        &[0xFF, 0xFF, 0xFF, 0xFF, 0x07],
        &[0xFF, 0xFF, 0xFF, 0xFF, 0x0F],
        &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
    ];
    let sections = sections(bytes);
    if sections.is_empty() {
        return overwrite(bytes, random);
    }
    let section = sections[random.below(sections.len())].clone();
    let body = section.start + 1 + leb_length(&bytes[section.start + 1..]);
    let at = match random.below(3) {
        0 => section.start + 1,
        _ if body >= bytes.len() => section.start + 1,
        1 => body,
        _ => body + random.below(section.end.max(body + 1) - body),
    };
    let at = at.min(bytes.len() - 1);
    let number = NUMBERS[random.below(NUMBERS.len())];
    let old = leb_length(&bytes[at..]);
    bytes.splice(at..at + old, number.iter().copied());
    // Half of the time the section's own length fits again, so that what is in it is looked at.
    if at > section.start + 1 && random.below(2) == 0 {
        // A length that was damaged before may reach out of the section.
        let length = (section.end + number.len()).saturating_sub(body + old);
        let mut leb = Vec::new();
        let mut rest = length;
        while rest >= 0x80 {
            leb.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        leb.push(rest as u8);
        bytes.splice(section.start + 1..body, leb);
    }
}

fn duplicate_section(bytes: &mut Vec<u8>, random: &mut Random) {
    let sections = sections(bytes);
    if sections.is_empty() {
        return splice(bytes, random);
    }
    let copied = bytes[sections[random.below(sections.len())].clone()].to_vec();
    let to = sections[random.below(sections.len())].start;
    bytes.splice(to..to, copied);
}

fn reorder_sections(bytes: &mut Vec<u8>, random: &mut Random) {
    let sections = sections(bytes);
    if sections.len() < 2 {
        return splice(bytes, random);
    }
    let moved = sections[random.below(sections.len())].clone();
    let section: Vec<u8> = bytes.drain(moved.clone()).collect();
    let to = sections[random.below(sections.len())].start;
    // To the front only: what lies behind has moved, and moving that is the same.
    let to = to.min(moved.start).min(bytes.len());
    bytes.splice(to..to, section);
}

fn overwrite(bytes: &mut [u8], random: &mut Random) {
    let at = random.below(bytes.len());
    let end = bytes.len().min(at + 1 + random.below(8));
    bytes[at..end].fill_with(|| random.number() as u8);
}

/// Copies a piece to elsewhere, or leaves one out.
fn splice(bytes: &mut Vec<u8>, random: &mut Random) {
    let from = random.below(bytes.len());
    let length = random.below((bytes.len() - from).min(32) + 1);
    let piece: Vec<u8> = bytes[from..from + length].to_vec();
    if random.below(2) == 0 {
        bytes.drain(from..from + length);
    } else {
        let to = random.below(bytes.len());
        bytes.splice(to..to, piece);
    }
}

/// Where the sections of a binary are: nested modules count as sections of what they are in and
/// are looked into as well.
fn sections(bytes: &[u8]) -> Vec<Range<usize>> {
    fn collect(bytes: &[u8], start: usize, end: usize, found: &mut Vec<Range<usize>>) {
        let mut at = start + 8;
        while at + 1 < end {
            let Some((length, size)) = leb(&bytes[at + 1..end]) else {
                return;
            };
            let body = at + 1 + size;
            let Some(next) = body.checked_add(length).filter(|&next| next <= end) else {
                return;
            };
            found.push(at..next);
            if bytes[body..next].starts_with(b"\0asm") {
                collect(bytes, body, next, found);
            }
            at = next;
        }
    }
    let mut found = Vec::new();
    collect(bytes, 0, bytes.len(), &mut found);
    found
}

/// A number in LEB128 and how many bytes it takes.
fn leb(bytes: &[u8]) -> Option<(usize, usize)> {
    let size = leb_length(bytes);
    let mut value = 0;
    for (i, byte) in bytes.get(..size)?.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7F) << (7 * i);
    }
    (size > 0).then_some((value, size))
}

/// How many bytes a number in LEB128 takes.
fn leb_length(bytes: &[u8]) -> usize {
    let more = bytes.iter().take_while(|&&byte| byte >= 0x80).count();
    (more + 1).min(bytes.len())
}
