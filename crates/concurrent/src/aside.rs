//! Resumptions that are set aside while the whole driver waits for something outside.
//!
//! What the host does meanwhile finds the scheduler as it was before them. If nobody takes them up again,
//! their threads never go on, and nobody else is any the wiser.

use crate::Platform;
use crate::bug::Bug;
use crate::id::ThreadId;
use crate::scheduler::Scheduler;
use crate::trap::Trap;

/// Resumptions that were [set aside](Scheduler::set_aside).
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct AsideId(u64);

pub(crate) struct Aside {
    id: u64,
    /// Who was current when they began, and when each of the further ones did.
    resumers: Vec<Option<ThreadId>>,
    current: Option<ThreadId>,
}

impl Aside {
    /// The threads that run, were it not for being set aside.
    pub(crate) fn threads(&self) -> impl Iterator<Item = ThreadId> + '_ {
        let inner = self.resumers.iter().skip(1).copied().flatten();
        inner.chain(self.current)
    }
}

impl<P: Platform> Scheduler<P> {
    /// Sets the resumptions aside that have begun when there were so many: who was current then is current
    /// again. None if there are none.
    pub fn set_aside(&mut self, depth: usize) -> Option<AsideId> {
        if self.resumers.len() <= depth {
            return None;
        }
        let resumers = self.resumers.split_off(depth);
        let current = self.current;
        self.current = resumers.first().copied().flatten();
        let id = self.next_aside;
        self.next_aside += 1;
        self.asides.push(Aside {
            id,
            resumers,
            current,
        });
        self.checked();
        Some(AsideId(id))
    }

    /// Goes on with resumptions that were set aside, where that was done.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if somebody else is current now, or they are gone.
    pub fn take_up(&mut self, id: AsideId) -> Result<(), Trap> {
        let place = self.asides.iter().position(|aside| aside.id == id.0);
        let place = place.ok_or(Trap::Internal(Bug::NobodyResumed))?;
        if self.asides[place].resumers.first() != Some(&self.current) {
            return Err(Trap::Internal(Bug::StillRunning));
        }
        let aside = self.asides.swap_remove(place);
        self.resumers.extend(aside.resumers);
        self.current = aside.current;
        self.checked();
        Ok(())
    }
}
