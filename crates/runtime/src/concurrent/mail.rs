//! What reaches a store from outside of it: wakers that were called, calls whose callers have gone.
//!
//! Wakers are called, and futures dropped, by whoever likes to, on any thread of the operating system.
//! None of them has the store, so they leave a letter, which the event loop reads when it next turns.

use super::host_call::HostCallId;
use super::host_task::HostTaskId;
use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// Letters to a store.
#[derive(Default)]
pub(crate) struct Mail {
    /// Whether there is one.
    has_letters: AtomicBool,
    box_: Mutex<MailBox>,
}

#[derive(Default)]
struct MailBox {
    letters: Letters,
    /// Who turns the store, if it waits.
    reader: Option<Waker>,
}

/// What has come since the last time.
#[derive(Default)]
pub(super) struct Letters {
    /// Places of host tasks that were woken.
    pub(super) woken: Vec<u32>,
    /// Calls whose results nobody waits for any more.
    pub(super) dropped: Vec<HostCallId>,
    /// Calls whose callers wait, but would rather have them cancelled.
    pub(super) cancelled: Vec<HostCallId>,
    /// Spawned tasks that are to end.
    pub(super) aborted: Vec<HostTaskId>,
}

impl Letters {
    fn is_empty(&self) -> bool {
        self.woken.is_empty()
            && self.dropped.is_empty()
            && self.cancelled.is_empty()
            && self.aborted.is_empty()
    }
}

impl Mail {
    /// Nothing that is done with the box open can panic, but for want of memory.
    fn open(&self) -> MutexGuard<'_, MailBox> {
        self.box_.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn post(&self, write: impl FnOnce(&mut Letters)) {
        let mut open = self.open();
        write(&mut open.letters);
        self.has_letters.store(true, Ordering::Release);
        let reader = open.reader.take();
        drop(open);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Nobody waits for a call's result any more.
    pub(crate) fn drop_call(&self, call: HostCallId) {
        self.post(|letters| letters.dropped.push(call));
    }

    /// A call is to be cancelled.
    pub(crate) fn cancel_call(&self, call: HostCallId) {
        self.post(|letters| letters.cancelled.push(call));
    }

    /// A spawned task is to end.
    pub(crate) fn abort(&self, task: HostTaskId) {
        self.post(|letters| letters.aborted.push(task));
    }

    /// Whether there are letters.
    #[inline]
    pub(super) fn has_letters(&self) -> bool {
        self.has_letters.load(Ordering::Acquire)
    }

    /// Takes all letters. The places that were woken go into a queue; what else there is comes back.
    pub(super) fn take(&self, woken: &mut VecDeque<u32>) -> Option<Letters> {
        let mut open = self.open();
        self.has_letters.store(false, Ordering::Release);
        for place in open.letters.woken.drain(..) {
            woken.push_back(place);
        }
        match open.letters.is_empty() {
            true => None,
            false => Some(mem::take(&mut open.letters)),
        }
    }

    /// Has this waker called at the next letter. Whether it will be: not if there are letters already.
    pub(super) fn wait(&self, reader: Waker) -> bool {
        let mut open = self.open();
        if !open.letters.is_empty() {
            return false;
        }
        open.reader = Some(reader);
        true
    }
}

/// What the wakers of one place ring: the place's number goes into the mail, once until the place is
/// polled.
pub(super) struct Bell {
    mail: Arc<Mail>,
    place: u32,
    has_rung: AtomicBool,
}

impl Bell {
    pub(super) fn new(mail: &Arc<Mail>, place: u32) -> Arc<Bell> {
        Arc::new(Bell {
            mail: mail.clone(),
            place,
            has_rung: AtomicBool::new(false),
        })
    }

    /// It rings again from now on. What was done before it rang for nothing is seen from now on.
    ///
    /// A store would not do: it need not be seen by a waker that rings when the caller's next load has
    /// been made already. Then the waker's news would be missed, and no letter would come. A swap reads
    /// what the waker's swap has written, or is read by it.
    pub(super) fn reset(&self) {
        self.has_rung.swap(false, Ordering::AcqRel);
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Bell>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Bell>) {
        if !self.has_rung.swap(true, Ordering::AcqRel) {
            self.mail.post(|letters| letters.woken.push(self.place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;
    use std::thread;

    /// A number that the other thread writes, on a cache line of its own.
    #[repr(align(128))]
    struct Shared(AtomicU32);

    impl Shared {
        /// Spins until it is this, but lets the other thread run if there is one processor.
        fn wait_for(&self, expected: u32) {
            let mut spins = 0_u32;
            while self.0.load(Ordering::Acquire) != expected {
                spins += 1;
                match spins % 1_000 {
                    0 => thread::yield_now(),
                    _ => std::hint::spin_loop(),
                }
            }
        }

        fn set(&self, number: u32) {
            self.0.store(number, Ordering::Release);
        }
    }

    /// A letter comes, or what was done before the waker was called is seen after the reset.
    ///
    /// On a machine with two processors and nothing else to do, a reset that is a store fails in all runs of a
    /// release build, and in two of three of a debug build.
    #[test]
    fn what_happens_during_a_reset_is_not_missed() {
        const ROUNDS: u32 = 100_000;
        let mail = Arc::new(Mail::default());
        let bell = Bell::new(&mail, 0);
        let [begun, news, ended] = [const { Shared(AtomicU32::new(0)) }; 3];
        thread::scope(|scope| {
            let waker = Waker::from(bell.clone());
            let (begun, news, ended) = (&begun, &news, &ended);
            scope.spawn(move || {
                for round in 1..=ROUNDS {
                    begun.wait_for(round);
                    news.set(round);
                    waker.wake_by_ref();
                    ended.set(round);
                }
            });
            let mut missed = 0;
            for round in 1..=ROUNDS {
                // It has rung, and the letter was read.
                bell.wake_by_ref();
                mail.take(&mut VecDeque::new());
                begun.set(round);
                for _ in 0..round % 10 {
                    std::hint::spin_loop();
                }
                bell.reset();
                let is_seen = news.0.load(Ordering::Acquire) == round;
                ended.wait_for(round);
                missed += u32::from(!is_seen && !mail.has_letters());
                mail.take(&mut VecDeque::new());
            }
            assert_eq!(missed, 0, "of {ROUNDS} rounds");
        });
    }
}
