//! How an image's tables are stored: as little-endian words that need not be decoded to be
//! searched, so that a table is used right where the image was mapped.

/// A table of words, somewhere in an image or in one that is being made.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct Words<'a>(&'a [[u8; 4]]);

impl<'a> Words<'a> {
    /// The words in `bytes`; what is left over at the end belongs to none.
    pub(super) fn of(bytes: &'a [u8]) -> Words<'a> {
        Words(bytes.as_chunks().0)
    }

    /// A record of `N` words, by its number.
    pub(super) fn record<const N: usize>(self, index: usize) -> Option<[u32; N]> {
        let start = index.checked_mul(N)?;
        let words = self.0.get(start..start.checked_add(N)?)?;
        let mut record = [0; N];
        for (field, word) in record.iter_mut().zip(words) {
            *field = u32::from_le_bytes(*word);
        }
        Some(record)
    }

    /// How many records of `N` words there are.
    pub(super) fn count<const N: usize>(self) -> usize {
        self.0.len() / N
    }

    /// All records of `N` words, in order.
    pub(super) fn iter<const N: usize>(self) -> impl Iterator<Item = [u32; N]> {
        (0..self.count::<N>()).filter_map(move |index| self.record(index))
    }

    /// The number of the first record of `N` words for which `before` doesn't hold. Those for
    /// which it does come first.
    pub(super) fn partition_point<const N: usize>(
        self,
        before: impl Fn([u32; N]) -> bool,
    ) -> usize {
        let (mut low, mut high) = (0, self.count::<N>());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.record(middle).is_some_and(&before) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The last record of `N` words for which `before` holds, and its number.
    pub(super) fn last_before<const N: usize>(
        self,
        before: impl Fn([u32; N]) -> bool,
    ) -> Option<(usize, [u32; N])> {
        let number = self.partition_point(before).checked_sub(1)?;
        Some((number, self.record(number)?))
    }
}

/// Adds a record to a table.
pub(super) fn push<const N: usize>(table: &mut Vec<u8>, record: [u32; N]) {
    for word in record {
        table.extend_from_slice(&word.to_le_bytes());
    }
}
