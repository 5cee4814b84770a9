//! Core functions that are called as tasks, in instances whose calls make tasks: start functions of core
//! modules, and destructors that the host calls. They are of sync types.

use super::aside::Aside;
use super::state::{GuestTask, GuestThread, TaskWork};
use super::turn::{Ran, new_stack, next_for_sync};
use crate::store::StoreOpaque;
use crate::vm::{ComponentInstancePtr, CoreFunc, Owned};
use anyhow::{Result, anyhow};
use std::future::poll_fn;
use std::task::Poll;
use threadline_concurrent::{InstanceId, NewTask, TaskId, TaskState};
use threadline_environ::RuntimeComponentInstanceIndex;

/// A core function to be called.
#[derive(Copy, Clone, Debug)]
pub(crate) struct StartTask {
    /// The component.
    pub(crate) instance: ComponentInstancePtr,
    /// The component instance that the function is of.
    pub(crate) owner: RuntimeComponentInstanceIndex,
    /// The function.
    pub(crate) func: CoreFunc,
    /// Its parameter, if it has one.
    pub(crate) arg: Option<u32>,
}

impl StoreOpaque {
    /// Calls the function, in a plain call.
    ///
    /// # Errors
    /// If it traps, or blocks.
    pub(crate) fn start_task(&mut self, start: StartTask) -> Result<()> {
        self.turn(None, |store| {
            let instance = store.scheduled(start.instance, start.owner);
            let (task, ran) = store.begin_start(start, instance)?;
            match (ran, store.drive_start(task, instance)?) {
                (Ran::Done, Ran::Done) => Ok(()),
                _ => Err(anyhow!(
                    "a start function or destructor waits for the host, and a plain call can't wait: use \
                     `instantiate_async`"
                )),
            }
        })
    }

    /// The same within a future.
    ///
    /// # Errors
    /// As [`Self::start_task`].
    pub(crate) async fn start_task_async(&mut self, start: StartTask) -> Result<()> {
        let instance = self.scheduled(start.instance, start.owner);
        let depth = self.concurrency.scheduler.depth();
        let mut starting = Starting {
            store: self,
            depth,
            aside: Aside::default(),
        };
        let mut begun: Option<TaskId> = None;
        poll_fn(|cx| {
            let aside = &mut starting.aside;
            let ran = starting.store.turn(Some(cx), |store| {
                store.concurrency.take_up(aside)?;
                let (task, ran) = match begun {
                    Some(task) => (task, store.go_on_after_host()?),
                    None => store.begin_start(start, instance)?,
                };
                begun = Some(task);
                match ran {
                    Ran::Done => store.drive_start(task, instance),
                    Ran::Pending => Ok(Ran::Pending),
                }
            });
            match ran {
                Ok(Ran::Done) => Poll::Ready(Ok(())),
                Ok(Ran::Pending) => {
                    starting.aside = starting.store.concurrency.set_aside(depth);
                    Poll::Pending
                }
                Err(error) => Poll::Ready(Err(error)),
            }
        })
        .await
    }

    fn begin_start(&mut self, start: StartTask, instance: InstanceId) -> Result<(TaskId, Ran)> {
        let stack = new_stack(self, start.instance)?;
        let (task, thread) = self.concurrency.scheduler.new_task(NewTask {
            instance,
            async_typed: false,
            needs_exclusive: false,
            caller: None,
            task: || GuestTask {
                instance: start.instance,
                lift: None,
                result: Owned::new(start.instance, None),
                work: TaskWork::Start(start.func),
                root: None,
                args: start.arg.map(|arg| [arg.into()].into()),
                out: 0,
                scope: 0,
            },
            thread: || GuestThread::of_task(stack),
        })?;
        Ok((task, self.run_thread(thread)?))
    }

    fn drive_start(&mut self, task: TaskId, instance: InstanceId) -> Result<Ran> {
        while self.concurrency.scheduler.task_state(task) != TaskState::Resolved {
            let next = next_for_sync(&mut self.concurrency.scheduler, instance)?;
            if self.run_thread(next)? == Ran::Pending {
                return Ok(Ran::Pending);
            }
        }
        Ok(Ran::Done)
    }
}

/// A start function within a future; dropped early, it ends where it is.
struct Starting<'a> {
    store: &'a mut StoreOpaque,
    /// How many resumptions it was begun within.
    depth: usize,
    aside: Aside,
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        self.store.abandon_interrupted(self.depth, &mut self.aside);
    }
}
