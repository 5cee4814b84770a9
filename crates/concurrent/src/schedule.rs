//! What the specification leaves open, and who decides it.
//!
//! Every `random.choice`, `random.randint` and `random.shuffle` of `definitions.py` is a call of
//! [`Schedule::choose`], except under a schedule that is first come, first served: then nothing need
//! be counted to choose from, and nobody is asked.

use std::collections::VecDeque;

/// Which of the open questions is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// Which of the ready threads runs next (`Store.tick`, the loop of a sync-typed call,
    /// `Task.request_cancellation`).
    Thread,
    /// Whether a thread goes on at once (1) or is switched away from (0), when what it is about to
    /// wait for has come already (`Thread.wait_until`).
    Stay,
    /// Which waitable's event a set delivers (`WaitableSet.get_pending_event`).
    Event,
    /// Which of the threads that wait for the same thing is told first that it has come.
    Waiter,
    /// Whether, after a request to cancel has resumed a thread, another is resumed (1) or the
    /// request is declared to have blocked (0).
    GoOnCancelling,
    /// Whether cancelling a copy with the host blocks (1) or takes effect at once (0) (`End.cancel`).
    BlockCancel,
}

/// Decides what the specification leaves open.
pub trait Schedule: Send + Sync {
    /// One of `0..of`, where `of` is at least 2. An answer beyond is taken as the last.
    fn choose(&mut self, choice: Choice, of: usize) -> usize;

    /// Whether the answer is always the first. If so, it isn't asked for: this is the fast path.
    fn is_first_come(&self) -> bool {
        false
    }
}

impl Schedule for Box<dyn Schedule> {
    fn choose(&mut self, choice: Choice, of: usize) -> usize {
        (**self).choose(choice, of)
    }

    fn is_first_come(&self) -> bool {
        (**self).is_first_come()
    }
}

/// First come, first served: always the first, as the deterministic profile has it; except that who waits
/// for an event of a set that has one takes it at once.
#[derive(Clone, Copy, Default, Debug)]
pub struct Fifo;

impl Schedule for Fifo {
    fn is_first_come(&self) -> bool {
        true
    }

    fn choose(&mut self, _choice: Choice, _of: usize) -> usize {
        0
    }
}

/// Decides by a generator of pseudo-random numbers: the same seed, the same decisions.
#[derive(Clone, Debug)]
pub struct Seeded {
    state: u64,
}

impl Seeded {
    /// The schedule of this seed.
    pub fn new(seed: u64) -> Self {
        Seeded { state: seed }
    }

    /// SplitMix64: a counter, and a mixing function that spreads every bit of it over all others.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Schedule for Seeded {
    fn choose(&mut self, _choice: Choice, of: usize) -> usize {
        (self.next() % of as u64) as usize
    }
}

/// A decision that was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    /// What was asked.
    pub choice: Choice,
    /// How many answers there were.
    pub of: u32,
    /// Which it was.
    pub chosen: u32,
}

/// Decisions that were taken, enough to take them again.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Recording {
    /// Whether all were first come, first served.
    pub is_first_come: bool,
    /// The others.
    pub decisions: Vec<Decision>,
}

/// Takes decisions as they were [recorded](crate::Scheduler::record), and the first answer where
/// there are none any more or the question is another one.
#[derive(Clone, Debug)]
pub struct Replay {
    is_first_come: bool,
    decisions: VecDeque<Decision>,
}

impl Replay {
    /// Takes these decisions.
    pub fn new(recording: Recording) -> Self {
        Replay {
            is_first_come: recording.is_first_come,
            decisions: recording.decisions.into(),
        }
    }
}

impl Schedule for Replay {
    fn is_first_come(&self) -> bool {
        self.is_first_come
    }

    fn choose(&mut self, choice: Choice, of: usize) -> usize {
        match self.decisions.pop_front() {
            Some(decision) if decision.choice == choice && decision.of as usize == of => {
                decision.chosen as usize
            }
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Choice, Decision, Recording, Replay, Schedule, Seeded};

    #[test]
    fn a_seed_decides_everything_and_nothing_is_impossible() {
        let decide = |seed| {
            let mut schedule = Seeded::new(seed);
            (0..100)
                .map(|_| schedule.choose(Choice::Thread, 4))
                .collect::<Vec<_>>()
        };
        assert_eq!(decide(7), decide(7));
        assert_ne!(decide(7), decide(8));
        for answer in 0..4 {
            assert!(decide(7).contains(&answer));
        }
    }

    #[test]
    fn a_replay_answers_as_recorded() {
        let decision = |chosen| Decision {
            choice: Choice::Event,
            of: 3,
            chosen,
        };
        let mut replay = Replay::new(Recording {
            is_first_come: false,
            decisions: vec![decision(2), decision(1), decision(2)],
        });
        assert_eq!(replay.choose(Choice::Event, 3), 2);
        assert_eq!(replay.choose(Choice::Event, 3), 1);
        assert_eq!(replay.choose(Choice::Thread, 3), 0);
        assert_eq!(replay.choose(Choice::Event, 3), 0);
    }
}
