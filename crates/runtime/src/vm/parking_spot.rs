//! Where threads wait that `memory.atomic.wait` suspends, until `memory.atomic.notify`.
//!
//! Each address has a queue, first come, first woken. One lock guards all queues of a memory and
//! the comparison that decides whether to wait, so a notification can't fall between the
//! comparison and the wait. Each waiter has a condition variable of its own: a notification wakes
//! those it means and nobody else.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a waiting thread looks whether it is to go on waiting.
const SLICE: Duration = Duration::from_millis(10);

/// How a wait ended.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum WaitResult {
    /// By a notification.
    Ok = 0,
    /// At once: the value was not the expected one.
    Mismatch = 1,
    /// By its time-out.
    TimedOut = 2,
}

/// The waiting threads of one memory, by address.
#[derive(Debug, Default)]
pub(super) struct ParkingSpot {
    queues: Mutex<Queues>,
}

type Queues = BTreeMap<u64, VecDeque<Arc<Waiter>>>;

/// A thread that waits. It is in a queue until it is notified or its time is out.
#[derive(Debug, Default)]
struct Waiter {
    wake: Condvar,
}

impl ParkingSpot {
    /// Waits at an address until notified, if `is_expected` holds; no longer than `timeout`, and
    /// no longer than `patience` has no error, which is asked again and again. Blocks the calling
    /// thread.
    ///
    /// # Errors
    /// That of `patience`.
    pub(super) fn wait<E>(
        &self,
        address: u64,
        timeout: Option<Duration>,
        mut patience: Option<impl FnMut() -> Result<(), E>>,
        is_expected: impl FnOnce() -> bool,
    ) -> Result<WaitResult, E> {
        // A time-out that ends beyond what the clock can tell is none.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut queues = self.lock();
        if !is_expected() {
            return Ok(WaitResult::Mismatch);
        }
        let waiter = Arc::new(Waiter::default());
        queues.entry(address).or_default().push_back(waiter.clone());
        // Wake-ups can be spurious. The queue tells: who notifies takes the waiter out of it.
        while is_queued(&queues, address, &waiter) {
            let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                remove(&mut queues, address, &waiter);
                return Ok(WaitResult::TimedOut);
            }
            let Some(patience) = &mut patience else {
                queues = block(queues, &waiter, left);
                continue;
            };
            // It may take its time, and may come back here.
            drop(queues);
            let patient = patience();
            queues = self.lock();
            if let Err(error) = patient {
                remove(&mut queues, address, &waiter);
                return Err(error);
            }
            if is_queued(&queues, address, &waiter) {
                let slice = left.map_or(SLICE, |left| left.min(SLICE));
                queues = block(queues, &waiter, Some(slice));
            }
        }
        Ok(WaitResult::Ok)
    }

    /// Wakes at most `count` of the threads that wait at an address, those that have waited
    /// longest; how many.
    pub(super) fn notify(&self, address: u64, count: u32) -> u32 {
        let mut queues = self.lock();
        let Some(queue) = queues.get_mut(&address) else {
            return 0;
        };
        let woken = queue.len().min(count as usize);
        for waiter in queue.drain(..woken) {
            waiter.wake.notify_one();
        }
        if queue.is_empty() {
            queues.remove(&address);
        }
        woken as u32
    }

    /// Nothing panics while the lock is held, but for a thread out of memory: then the queues
    /// are whole all the same.
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Blocks the calling thread until something wakes it, for so long at most.
fn block<'q>(
    queues: MutexGuard<'q, Queues>,
    waiter: &Waiter,
    at_most: Option<Duration>,
) -> MutexGuard<'q, Queues> {
    match at_most {
        None => {
            let woken = waiter.wake.wait(queues);
            woken.unwrap_or_else(PoisonError::into_inner)
        }
        Some(time) => {
            let woken = waiter.wake.wait_timeout(queues, time);
            woken.unwrap_or_else(PoisonError::into_inner).0
        }
    }
}

fn is_queued(queues: &Queues, address: u64, waiter: &Arc<Waiter>) -> bool {
    let mut queue = queues.get(&address).into_iter().flatten();
    queue.any(|other| Arc::ptr_eq(other, waiter))
}

fn remove(queues: &mut Queues, address: u64, waiter: &Arc<Waiter>) {
    if let Some(queue) = queues.get_mut(&address) {
        queue.retain(|other| !Arc::ptr_eq(other, waiter));
        if queue.is_empty() {
            queues.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    type Patience = Option<fn() -> Result<(), Infallible>>;

    /// Waits for as long as it takes.
    fn wait(
        spot: &ParkingSpot,
        address: u64,
        timeout: Option<Duration>,
        is_expected: bool,
    ) -> WaitResult {
        let ended = spot.wait(address, timeout, None as Patience, || is_expected);
        ended.unwrap()
    }

    fn waiting(spot: &ParkingSpot, address: u64) -> usize {
        spot.lock().get(&address).map_or(0, VecDeque::len)
    }

    #[test]
    fn an_unexpected_value_is_not_waited_for() {
        let spot = ParkingSpot::default();
        assert_eq!(wait(&spot, 0, None, false), WaitResult::Mismatch);
        assert_eq!(waiting(&spot, 0), 0);
    }

    #[test]
    fn who_is_not_notified_times_out_and_leaves_nothing_behind() {
        let spot = ParkingSpot::default();
        let timeout = Some(Duration::from_millis(5));
        let start = Instant::now();
        assert_eq!(wait(&spot, 8, timeout, true), WaitResult::TimedOut);
        assert!(start.elapsed() >= Duration::from_millis(5));
        assert_eq!(spot.notify(8, u32::MAX), 0);
        assert!(spot.lock().is_empty());
    }

    #[test]
    fn who_runs_out_of_patience_leaves_nothing_behind() {
        let spot = ParkingSpot::default();
        let mut times = 0;
        let patience = || {
            times += 1;
            if times < 3 { Ok(()) } else { Err(times) }
        };
        assert_eq!(spot.wait(8, None, Some(patience), || true), Err(3));
        assert!(spot.lock().is_empty());
    }

    #[test]
    fn as_many_are_woken_as_are_asked_for_and_only_at_that_address() {
        let spot = ParkingSpot::default();
        std::thread::scope(|scope| {
            let spot = &spot;
            let spawn = |address| scope.spawn(move || wait(spot, address, None, true));
            let waiters = [0, 0, 0, 8].map(spawn);
            while waiting(spot, 0) < 3 || waiting(spot, 8) < 1 {
                std::thread::yield_now();
            }
            assert_eq!(spot.notify(0, 0), 0);
            assert_eq!(spot.notify(0, 2), 2);
            assert_eq!(waiting(spot, 0), 1);
            assert_eq!(waiting(spot, 8), 1);
            assert_eq!(spot.notify(0, u32::MAX), 1);
            assert_eq!(spot.notify(8, 1), 1);
            for waiter in waiters {
                assert_eq!(waiter.join().unwrap(), WaitResult::Ok);
            }
        });
    }
}
