//! The `thread` and `wait` directives: scripts within a script, each on a thread of the operating
//! system, with a store of its own.
//!
//! A thread sees nothing of the script it is part of but the shared memories that one instance
//! exports: `(thread $t (shared (module $m)) …)`. A script that ends joins its threads; what they
//! did is in its report.

use crate::report::{Failure, Report};
use crate::script::Script;
use anyhow::{Context, Result, anyhow};
use std::collections::BTreeMap;
use std::thread::{Scope, ScopedJoinHandle};
use wast::token::Id;
use wast::{WastDirective, WastThread};

/// What is being run, for reports.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    /// The script's name.
    pub(crate) name: &'a str,
    /// Its text.
    pub(crate) text: &'a str,
}

/// Runs directives in order, and waits for the threads they start.
pub(crate) fn run_all<'scope, 'wast: 'scope>(
    scope: &'scope Scope<'scope, '_>,
    source: Source<'scope>,
    mut script: Script,
    directives: &'scope mut [WastDirective<'wast>],
) -> Report {
    let mut report = Report::default();
    let mut threads = Threads {
        scope,
        source,
        running: BTreeMap::new(),
    };
    for directive in directives {
        let (line, column) = directive.span().linecol_in(source.text);
        let result = match directive {
            WastDirective::Thread(thread) => threads.start(&mut script, thread),
            WastDirective::Wait { thread, .. } => threads
                .wait(*thread)
                .map(|of_thread| report.merge(of_thread)),
            directive => script.run(directive),
        };
        match result {
            Ok(()) => report.passed += 1,
            Err(error) => report.failures.push(Failure {
                file: source.name.to_owned(),
                line: line + 1,
                column: column + 1,
                message: format!("{error:#}"),
            }),
        }
    }
    report.merge(threads.wait_for_all());
    report
}

/// The threads of a script.
struct Threads<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    source: Source<'scope>,
    running: BTreeMap<String, ScopedJoinHandle<'scope, Report>>,
}

impl<'scope> Threads<'scope, '_> {
    fn start<'wast: 'scope>(
        &mut self,
        script: &mut Script,
        thread: &'scope mut WastThread<'wast>,
    ) -> Result<()> {
        let within = script.for_thread(thread.shared_module)?;
        let (scope, source) = (self.scope, self.source);
        let name = thread.name.name().to_owned();
        let body = move || run_all(scope, source, within, &mut thread.directives);
        let handle = std::thread::Builder::new()
            .name(name.clone())
            .spawn_scoped(scope, body)
            .context("can't start a thread")?;
        // One of the same name goes on, and is joined with the scope.
        if self.running.insert(name.clone(), handle).is_some() {
            return Err(anyhow!("there is a thread `${name}` already"));
        }
        Ok(())
    }

    /// Waits for a thread: what came of its directives.
    fn wait(&mut self, thread: Id<'_>) -> Result<Report> {
        let name = thread.name();
        let handle = self.running.remove(name);
        handle
            .with_context(|| format!("there is no thread `${name}`"))?
            .join()
            .map_err(|_| anyhow!("the thread `${name}` panicked"))
    }

    fn wait_for_all(self) -> Report {
        let mut report = Report::default();
        for (name, handle) in self.running {
            report.merge(handle.join().unwrap_or_else(|_| Report {
                passed: 0,
                failures: vec![Failure {
                    file: self.source.name.to_owned(),
                    line: 0,
                    column: 0,
                    message: format!("the thread `${name}` panicked"),
                }],
            }));
        }
        report
    }
}
