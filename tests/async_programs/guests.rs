//! Guests that do what a run of the machine says, and are checked against it at each step.

use crate::component;
use crate::machine::Ran;
use crate::program::{HostOp, Lift, Program};
use crate::script::Asked;
use crate::trace::{Entry, Why};
use anyhow::{Error, anyhow};
use std::collections::BTreeMap;
use std::sync::Arc;
use threadline::component::{Component, Deadlock, InstancePre, Linker, Val};
use threadline::{ConcurrencyTrap, Engine, Schedule, Store, StoreContextMut, Trap, find_trap};

/// The component, ready to be instantiated.
pub(crate) struct Guests {
    engine: Engine,
    instance: InstancePre<Progress>,
    numbers: Arc<BTreeMap<String, u64>>,
}

/// How far guests are.
struct Progress {
    /// What they are to ask, one after the other.
    script: Vec<Asked>,
    at: usize,
    /// The instance and lift of each function.
    functions: Vec<(usize, Lift)>,
    /// The numbers of steps.
    numbers: Arc<BTreeMap<String, u64>>,
    /// The first thing that was not as it should be.
    wrong: Option<String>,
}

impl Progress {
    /// A thread asks: what it is to do.
    fn next(&mut self, thread: u32, found: [u32; 3]) -> Result<u64, Error> {
        let expected = self.script.get(self.at);
        match expected {
            Some(expected) if (expected.thread, expected.found) == (thread, found) => {
                self.at += 1;
                Ok(component::answer(expected.act, &self.numbers, |number| {
                    self.functions[number]
                }))
            }
            _ => {
                let wrong = format!(
                    "step {}: thread {thread} asks, having found {found:?}; to come was {expected:?}, \
                     after {:?}",
                    self.at,
                    &self.script[self.at.saturating_sub(6)..self.at]
                );
                self.wrong = Some(wrong.clone());
                Err(anyhow!(wrong))
            }
        }
    }
}

impl Guests {
    pub(crate) fn new() -> Guests {
        let engine = Engine::default();
        let component = Component::new(&engine, component::text()).unwrap();
        let mut linker = Linker::<Progress>::new(&engine);
        linker
            .root()
            .func_wrap(
                "next",
                |mut store: StoreContextMut<'_, Progress>,
                 (thread, a, b, c): (u32, u32, u32, u32)| {
                    Ok((store.data_mut().next(thread, [a, b, c])?,))
                },
            )
            .unwrap();
        let instance = linker.instantiate_pre(&component).unwrap();
        Guests {
            engine,
            instance,
            numbers: Arc::new(component::numbers()),
        }
    }

    /// Does what the machine did.
    ///
    /// # Errors
    /// If something else happens.
    pub(crate) fn follow(
        &self,
        program: &Program,
        schedule: Schedule,
        ran: &Ran,
    ) -> Result<(), String> {
        let functions: Vec<_> = program
            .functions
            .iter()
            .map(|function| (function.instance, function.lift))
            .collect();
        let progress = Progress {
            script: ran.script.clone(),
            at: 0,
            functions: functions.clone(),
            numbers: self.numbers.clone(),
            wrong: None,
        };
        let mut store = Store::new(&self.engine, progress);
        store.set_schedule(schedule);
        store.record_schedule();
        let instance = self.instance.instantiate(&mut store).unwrap();
        // Threads have the numbers that the machine gave them, so calls of the host do as well.
        let mut calls = ran.trace.windows(2).filter_map(|pair| match *pair {
            [Entry::Host(_), Entry::Resume(thread, Why::Call)] => Some(thread as u32),
            _ => None,
        });
        let mut failed = None;
        for op in &program.host {
            let result = match *op {
                HostOp::Call(selector) | HostOp::Finish(selector) => {
                    let Some(number) = calls.next() else {
                        return Err("the machine has stopped before this call".to_owned());
                    };
                    let (at, lift) = functions[usize::from(selector) % functions.len()];
                    let func = instance.get_func(&mut store, component::export(at, lift).as_str());
                    func.unwrap().call(&mut store, &[Val::U32(number)], &mut [])
                }
                HostOp::Tick => store.run_until_stalled(1).map(|_| ()),
            };
            if let Err(error) = result {
                failed = Some(error);
                break;
            }
        }
        if failed.is_none() {
            failed = store.run_until_stalled(usize::MAX).err();
        }
        check_end(&store, failed, &ran.trace)?;
        let recording = store.take_recording();
        match recording == ran.recording {
            true => Ok(()),
            false => Err(format!(
                "the machine decides {:?}, guests {recording:?}",
                ran.recording
            )),
        }
    }
}

/// What the scheduler calls the trap that an error is.
fn name_of(error: &Error) -> Result<String, String> {
    let trap = find_trap(error).ok_or_else(|| format!("no trap: {error:?}"))?;
    if trap.is::<Deadlock>() {
        return Ok("Deadlock".to_owned());
    }
    // What is passed on that isn't there or is something else is found before the scheduler is asked.
    if let Some(trap) = trap.downcast_ref::<Trap>() {
        return Ok(format!("{trap:?}"));
    }
    let trap = trap.downcast_ref::<ConcurrencyTrap>();
    let name = format!(
        "{:?}",
        trap.ok_or_else(|| format!("no trap of concurrency: {error:?}"))?
    );
    Ok(name.split('(').next().unwrap_or_default().to_owned())
}

/// Whether the end is that of the trace, and everything was asked.
fn check_end(
    store: &Store<Progress>,
    failed: Option<Error>,
    trace: &[Entry],
) -> Result<(), String> {
    let progress = store.data();
    if let Some(wrong) = &progress.wrong {
        return Err(wrong.clone());
    }
    let trap = failed.as_ref().map(name_of).transpose()?;
    let expected = match trace.last() {
        Some(Entry::Trap(name)) => Some(name.as_str()),
        _ => None,
    };
    if trap.as_deref() != expected {
        return Err(format!("the end should be {expected:?} and is {failed:?}"));
    }
    match progress.script.get(progress.at) {
        None => Ok(()),
        Some(missing) => Err(format!("{missing:?} was not asked: step {}", progress.at)),
    }
}
