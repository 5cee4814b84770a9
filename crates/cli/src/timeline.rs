//! What tasks and threads do as trace events, in the JSON format of Chrome's tracing, which Perfetto reads
//! too.
//!
//! A component instance is a process and a guest thread a thread of it: slices say when it runs and what
//! it waits for. Calls are asynchronous slices from their beginning to their end, and what happens at
//! one moment is an instant of the thread that runs.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use threadline::{
    Event, EventCode, InstanceId, Reason, SubtaskId, SubtaskState, TaskId, ThreadId, TraceEvent,
    Tracer, TransferKind,
};

type Recorded = Vec<(Duration, TraceEvent)>;

/// Collects what a store's tracer is told.
pub(crate) struct Timeline {
    begin: Instant,
    events: Arc<Mutex<Recorded>>,
}

impl Timeline {
    /// Nothing yet; time is counted from now on.
    pub(crate) fn new() -> Timeline {
        Timeline {
            begin: Instant::now(),
            events: Arc::default(),
        }
    }

    /// What a store is to tell.
    pub(crate) fn tracer(&self) -> impl Tracer + use<> {
        let (begin, events) = (self.begin, self.events.clone());
        move |event| {
            let mut events = events.lock().unwrap_or_else(PoisonError::into_inner);
            events.push((begin.elapsed(), event));
        }
    }

    /// Writes a file of what has been told.
    ///
    /// # Errors
    /// If it can't be written.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let text = to_json(&events).to_string();
        std::fs::write(path, text).with_context(|| format!("can't write `{}`", path.display()))
    }
}

/// The whole file.
fn to_json(events: &[(Duration, TraceEvent)]) -> Value {
    let mut drawing = Drawing::default();
    for &(time, event) in events {
        drawing.now = time.as_nanos() as f64 / 1000.0;
        drawing.draw(event);
    }
    drawing.finish();
    json!({ "displayTimeUnit": "ns", "traceEvents": drawing.drawn })
}

/// Where a thread is drawn.
#[derive(Copy, Clone)]
struct Track {
    instance: InstanceId,
    task: TaskId,
    /// Its number, from 1, in the order in which threads are made.
    number: usize,
    /// Whether a slice is open.
    is_open: bool,
}

/// The time line as it grows.
#[derive(Default)]
struct Drawing {
    drawn: Vec<Value>,
    /// In microseconds.
    now: f64,
    threads: BTreeMap<ThreadId, Track>,
    tasks: BTreeMap<TaskId, usize>,
    subtasks: BTreeMap<SubtaskId, (usize, InstanceId)>,
    /// Numbers of what is made.
    made: usize,
    made_threads: usize,
    /// Who runs, on whom it rests, and so on outwards.
    running: Vec<ThreadId>,
}

impl Drawing {
    fn draw(&mut self, event: TraceEvent) {
        match event {
            TraceEvent::TaskMade {
                task,
                thread,
                instance,
                caller,
            } => self.task_made(task, thread, instance, caller),
            TraceEvent::ThreadMade {
                thread,
                task,
                instance,
                index,
            } => {
                self.instant("new thread", json!({ "index": index }));
                self.thread_made(thread, task, instance);
            }
            TraceEvent::TaskStarted { task } => self.of_task(task, "started"),
            TraceEvent::TaskReturned { task } => self.of_task(task, "returned"),
            TraceEvent::TaskCancelled { task } => self.of_task(task, "cancelled"),
            TraceEvent::CancelRequested { task } => self.of_task(task, "to be cancelled"),
            TraceEvent::Resumed { thread, .. } => {
                self.running.push(thread);
                self.runs(thread);
            }
            TraceEvent::Blocked { thread, reason } => {
                self.running.pop();
                self.waits(thread, reason);
            }
            TraceEvent::SwitchedTo { from, reason, to } => {
                self.running.pop();
                self.waits(from, reason);
                self.running.push(to);
                self.runs(to);
            }
            TraceEvent::ThreadEnded {
                thread,
                has_trapped,
                ..
            } => {
                if has_trapped {
                    self.instant("trap", json!({}));
                }
                self.running.pop();
                self.close(thread);
            }
            TraceEvent::SubtaskMade { subtask, instance } => {
                self.subtask_made(subtask, instance);
            }
            TraceEvent::SubtaskProgressed { subtask, state } => {
                self.subtask_progressed(subtask, state);
            }
            other => self.draw_transfer(other),
        }
    }

    /// Streams, futures, events and the host.
    fn draw_transfer(&mut self, event: TraceEvent) {
        match event {
            TraceEvent::Delivered { event } => self.delivered(event),
            TraceEvent::TransferMade { kind, .. } => {
                let name = match kind {
                    TransferKind::Stream => "new stream",
                    TransferKind::Future => "new future",
                };
                self.instant(name, json!({}));
            }
            TraceEvent::CopyBegun { length, .. } => {
                self.instant("copy", json!({ "length": length }));
            }
            TraceEvent::HostAwaited => self.instant("waits for the host", json!({})),
            TraceEvent::HostAnswered => self.instant("the host goes on", json!({})),
            TraceEvent::Copied { count, .. } => self.instant("copied", json!({ "count": count })),
            TraceEvent::EndDropped { .. } => self.instant("end dropped", json!({})),
            // There may be more kinds of events one day.
            _ => {}
        }
    }

    fn task_made(
        &mut self,
        task: TaskId,
        thread: ThreadId,
        instance: InstanceId,
        caller: Option<SubtaskId>,
    ) {
        self.made += 1;
        let number = self.made;
        self.tasks.insert(task, number);
        self.thread_made(thread, task, instance);
        let call = caller.and_then(|subtask| self.subtasks.get(&subtask));
        let caller = call.map_or(Value::Null, |&(call, _)| call.into());
        self.push(
            "b",
            &format!("task {number}"),
            instance,
            None,
            json!({
                "cat": "task", "id": number, "args": { "call": caller },
            }),
        );
    }

    fn thread_made(&mut self, thread: ThreadId, task: TaskId, instance: InstanceId) {
        self.made_threads += 1;
        let number = self.made_threads;
        self.threads.insert(
            thread,
            Track {
                instance,
                task,
                number,
                is_open: false,
            },
        );
        let of_task = self.tasks.get(&task).copied().unwrap_or_default();
        self.push(
            "M",
            "thread_name",
            instance,
            Some(number),
            json!({
                "args": { "name": format!("thread {number} of task {of_task}") },
            }),
        );
    }
}

/// Slices, instants, and what else there is in the format.
impl Drawing {
    fn push(
        &mut self,
        phase: &str,
        name: &str,
        at: InstanceId,
        thread: Option<usize>,
        more: Value,
    ) {
        let mut event = json!({
            "ph": phase,
            "name": name,
            "ts": self.now,
            "pid": number_of(at),
            "tid": thread.unwrap_or(0),
        });
        if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
            event.extend(more);
        }
        self.drawn.push(event);
    }

    /// A slice of a thread begins, and another one ends.
    fn open(&mut self, thread: ThreadId, name: &str) {
        self.close(thread);
        if let Some(track) = self.threads.get_mut(&thread) {
            track.is_open = true;
            let (instance, number) = (track.instance, track.number);
            self.push(
                "B",
                name,
                instance,
                Some(number),
                json!({ "cat": "thread" }),
            );
        }
    }

    fn close(&mut self, thread: ThreadId) {
        if let Some(track) = self.threads.get_mut(&thread)
            && std::mem::take(&mut track.is_open)
        {
            let (instance, number) = (track.instance, track.number);
            self.push("E", "", instance, Some(number), json!({}));
        }
    }

    fn runs(&mut self, thread: ThreadId) {
        self.open(thread, "runs");
    }

    fn waits(&mut self, thread: ThreadId, reason: Option<Reason>) {
        let name = self.reason(reason);
        self.open(thread, &name);
    }

    fn reason(&self, reason: Option<Reason>) -> String {
        let call = |subtask| self.subtasks.get(&subtask).map_or(0, |&(number, _)| number);
        match reason {
            None => "suspended".to_owned(),
            Some(Reason::Yield) => "yields".to_owned(),
            Some(Reason::Enter) => "waits to enter".to_owned(),
            Some(Reason::Subtask(subtask)) => format!("waits for call {}", call(subtask)),
            Some(Reason::Cancel(subtask)) => format!("cancels call {}", call(subtask)),
            Some(Reason::End(_)) => "waits for a copy".to_owned(),
            Some(Reason::Set(_)) => "waits for events".to_owned(),
            Some(Reason::CallbackYield) => "yields, to be called back".to_owned(),
            Some(Reason::CallbackSet(_)) => "waits to be called back".to_owned(),
        }
    }

    /// Something that happens at one moment, to the thread that runs.
    fn instant(&mut self, name: &str, args: Value) {
        let running = self.running.last().and_then(|id| self.threads.get(id));
        if let Some(&Track {
            instance, number, ..
        }) = running
        {
            let more = json!({ "s": "t", "args": args });
            self.push("i", name, instance, Some(number), more);
        }
    }

    fn of_task(&mut self, task: TaskId, what: &str) {
        let track = self.threads.values().find(|track| track.task == task);
        if let (Some(&number), Some(&Track { instance, .. })) = (self.tasks.get(&task), track) {
            let is_end = matches!(what, "returned" | "cancelled");
            let name = if is_end {
                format!("task {number}")
            } else {
                what.to_owned()
            };
            let phase = if is_end { "e" } else { "n" };
            let more = json!({ "cat": "task", "id": number, "args": { "what": what } });
            self.push(phase, &name, instance, None, more);
        }
    }

    fn subtask_made(&mut self, subtask: SubtaskId, instance: InstanceId) {
        self.made += 1;
        let number = self.made;
        self.subtasks.insert(subtask, (number, instance));
        let more = json!({ "cat": "call", "id": number });
        self.push("b", &format!("call {number}"), instance, None, more);
    }

    fn subtask_progressed(&mut self, subtask: SubtaskId, state: SubtaskState) {
        let Some(&(number, instance)) = self.subtasks.get(&subtask) else {
            return;
        };
        let more = json!({
            "cat": "call", "id": number, "args": { "state": format!("{state:?}") },
        });
        match state.is_resolved() {
            true => self.push("e", &format!("call {number}"), instance, None, more),
            false => self.push("n", "started", instance, None, more),
        }
    }

    fn delivered(&mut self, event: Event) {
        let name = match event.code {
            EventCode::None => "no event",
            EventCode::Subtask => "event of a call",
            EventCode::StreamRead => "event of a stream's readable end",
            EventCode::StreamWrite => "event of a stream's writable end",
            EventCode::FutureRead => "event of a future's readable end",
            EventCode::FutureWrite => "event of a future's writable end",
            EventCode::TaskCancelled => "request to cancel",
        };
        let args = json!({ "index": event.index, "payload": event.payload });
        self.instant(name, args);
    }

    /// Ends what hasn't ended, and names the processes.
    fn finish(&mut self) {
        let threads: Vec<ThreadId> = self.threads.keys().copied().collect();
        for thread in threads {
            self.close(thread);
        }
        let mut instances: Vec<InstanceId> =
            self.threads.values().map(|track| track.instance).collect();
        instances.sort_unstable();
        instances.dedup();
        for instance in instances {
            let name = format!("component instance {}", number_of(instance));
            let more = json!({ "args": { "name": name } });
            self.push("M", "process_name", instance, None, more);
        }
    }
}

/// A number for a component instance, from 1, in the order in which they are first called.
fn number_of(instance: InstanceId) -> usize {
    threadline::Id::raw(instance).index() + 1
}
