//! What an asynchronous call has of the scheduler while its future isn't polled.
//!
//! A future that waits for the host may be dropped, or forgotten, wherever it is. So it leaves the
//! scheduler as it has found it each time that it has been polled, and takes up what it was doing the next
//! time.

use super::state::Concurrency;
use crate::vm::GuestStackPtr;
use anyhow::Result;
use threadline_concurrent::AsideId;

/// Resumptions that wait for the host, and the outermost stack of theirs.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    resumptions: Option<AsideId>,
    stack: Option<GuestStackPtr>,
}

impl Concurrency {
    /// Sets aside what has begun since there were so many resumptions, and waits for the host.
    pub(crate) fn set_aside(&mut self, depth: usize) -> Aside {
        let resumptions = self.scheduler.set_aside(depth);
        Aside {
            stack: resumptions
                .is_some()
                .then(|| self.interrupted.pop())
                .flatten(),
            resumptions,
        }
    }

    /// Takes up what was set aside.
    ///
    /// # Errors
    /// If that is not where it was set aside, which is a bug.
    pub(crate) fn take_up(&mut self, aside: &mut Aside) -> Result<()> {
        if let Some(resumptions) = aside.resumptions.take() {
            self.scheduler.take_up(resumptions)?;
            self.interrupted.extend(aside.stack.take());
        }
        Ok(())
    }
}
