//! Mappings of memories that are gone, for the next ones that are like them.
//!
//! Without a pool, a memory is a mapping of its own. To reserve one and to unmap it, with its page
//! tables, costs the system far more than to take back the pages that were written to. So a few
//! are kept, which take address space but no memory. They are cleared before they get here:
//! nothing of one instance is ever seen by the next.

use super::MemoryImage;
use crate::vm::Mapping;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// How many are kept: the last ones.
const KEPT: usize = 16;

/// What a mapping was when it was made. Those that are alike can stand for each other.
#[derive(Clone)]
pub(in crate::vm) struct Fresh {
    /// Bytes reserved.
    pub(in crate::vm) length: usize,
    /// Bytes that are accessible.
    pub(in crate::vm) accessible: usize,
    /// What it begins with; everything else is zero.
    pub(in crate::vm) image: Option<Arc<MemoryImage>>,
}

impl Fresh {
    fn is_like(&self, other: &Fresh) -> bool {
        let image = |fresh: &Fresh| fresh.image.as_ref().map(Arc::as_ptr);
        (self.length, self.accessible, image(self))
            == (other.length, other.accessible, image(other))
    }
}

/// Mappings that nobody uses, as they were when they were made.
#[derive(Default)]
pub(in crate::vm) struct SpareMappings(Mutex<VecDeque<(Fresh, Mapping)>>);

impl SpareMappings {
    /// A mapping like this, if there is one.
    pub(in crate::vm) fn take(&self, fresh: &Fresh) -> Option<Mapping> {
        let mut spares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = spares.iter().rposition(|(spare, _)| spare.is_like(fresh))?;
        spares.remove(place).map(|(_, mapping)| mapping)
    }

    /// Keeps a mapping that was made so and is not used any more; one that can't be made so again
    /// is given back to the system.
    pub(in crate::vm) fn keep(&self, fresh: Fresh, mut mapping: Mapping) {
        let moved = mapping.length() != fresh.length;
        if moved || fresh.accessible == 0 || mapping.renew(fresh.accessible).is_err() {
            return;
        }
        let mut spares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let too_many = match spares.len() >= KEPT {
            true => spares.pop_front(),
            false => None,
        };
        spares.push_back((fresh, mapping));
        drop(spares);
        drop(too_many);
    }
}
