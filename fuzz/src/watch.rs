//! Sees to it that inputs neither panic nor hang.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::exit;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// Watches inputs that are tried one after the other. One that takes too long ends the process.
pub struct Watch {
    /// Says what is being tried, and `None` when it is done.
    progress: mpsc::Sender<Option<String>>,
}

impl Watch {
    /// Begins to watch: each input may take so long.
    pub fn start(patience: Duration) -> Watch {
        let (progress, events) = mpsc::channel::<Option<String>>();
        std::thread::spawn(move || {
            while let Ok(event) = events.recv() {
                let Some(what) = event else { continue };
                if let Err(RecvTimeoutError::Timeout) = events.recv_timeout(patience) {
                    eprintln!("{what} takes more than {patience:?}");
                    exit(1);
                }
            }
        });
        Watch { progress }
    }

    /// Tries something; `None` if it panics.
    pub fn run<R>(&self, what: &str, run: impl FnOnce() -> R) -> Option<R> {
        let tell = |what| self.progress.send(what).unwrap();
        tell(Some(what.to_owned()));
        let result = catch_unwind(AssertUnwindSafe(run));
        tell(None);
        result.ok()
    }
}
