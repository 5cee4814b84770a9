//! [`Schedule`]: who decides what the component model leaves open, as embedders name it.

use std::fmt;
use std::str::FromStr;
use threadline_concurrent::{Fifo, Recording, Replay, Scheduler, Seeded};

/// Who decides what the component model leaves open: which of the threads that are ready runs next,
/// whether a thread that yields is switched away from, which event of a waitable set is
/// delivered first, and so on.
///
/// A guest can rely on none of these decisions. Whatever the schedule, the same program makes the
/// same decisions again, as far as it does not depend on time or on other stores.
///
/// As text (`Display` and `FromStr`) it is `fifo` or `seed=N`; a recording has no such form.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum Schedule {
    /// First come, first served. This is the fastest.
    #[default]
    Fifo,
    /// By a generator of pseudo-random numbers with this seed.
    Seeded(u64),
    /// As was [recorded](crate::Store::record_schedule), and first come, first served when the recording
    /// ends or the program asks something else.
    Replay(Recording),
}

impl Schedule {
    pub(crate) fn set(self, scheduler: &mut Scheduler<super::state::Guests>) {
        match self {
            Schedule::Fifo => scheduler.set_schedule(Fifo),
            Schedule::Seeded(seed) => scheduler.set_schedule(Seeded::new(seed)),
            Schedule::Replay(recording) => scheduler.set_schedule(Replay::new(recording)),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Schedule::Fifo => f.write_str("fifo"),
            Schedule::Seeded(seed) => write!(f, "seed={seed}"),
            Schedule::Replay(recording) => {
                write!(f, "a recording of {} decisions", recording.decisions.len())
            }
        }
    }
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Schedule, String> {
        if text == "fifo" {
            return Ok(Schedule::Fifo);
        }
        let seed = text.strip_prefix("seed=");
        match seed.and_then(|seed| seed.parse().ok()) {
            Some(seed) => Ok(Schedule::Seeded(seed)),
            None => Err(format!(
                "`{text}` is no schedule: write `fifo`, or `seed=N` with a number from 0 to {}",
                u64::MAX
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;

    #[test]
    fn a_schedule_is_what_its_text_says() {
        for schedule in [
            Schedule::Fifo,
            Schedule::Seeded(0),
            Schedule::Seeded(u64::MAX),
        ] {
            assert_eq!(schedule.to_string().parse(), Ok(schedule));
        }
        for text in ["", "seed", "seed=", "seed=-1", "seed=x", "7", "random"] {
            assert!(text.parse::<Schedule>().is_err(), "{text}");
        }
    }
}
