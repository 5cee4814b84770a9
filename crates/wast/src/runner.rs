//! The way in: from a file or a text to a [`Report`].
//!
//! What a directive does is in `script.rs`, and running one after the other in `thread.rs`.

use crate::report::{Failure, Report};
use crate::script::{Options, Script};
use crate::thread::{Source, run_all};
use std::path::Path;
use threadline::{Engine, Schedule};
use wast::Wast;
use wast::lexer::Lexer;
use wast::parser::ParseBuffer;

/// Runs scripts with one engine. Each script gets a store of its own.
pub struct WastRunner {
    engine: Engine,
    options: Options,
}

impl WastRunner {
    /// A runner that compiles with the engine's configuration, and compares messages.
    pub fn new(engine: &Engine) -> WastRunner {
        WastRunner {
            engine: engine.clone(),
            options: Options::default(),
        }
    }

    /// Whether to let any message do where an `assert_*` names one. Without this the message
    /// must occur somewhere in the text of the error, causes included; or, where a module is refused,
    /// words that are known to stand for it.
    pub fn ignore_messages(&mut self, ignore: bool) -> &mut WastRunner {
        self.options.ignore_messages = ignore;
        self
    }

    /// Who decides what the component model leaves open: first come, first served without this.
    pub fn schedule(&mut self, schedule: Schedule) -> &mut WastRunner {
        self.options.schedule = schedule;
        self
    }

    /// Runs the script in a file. A file that can't be read is a failure in the report.
    pub fn run_file(&self, path: &Path) -> Report {
        let name = path.display().to_string();
        match std::fs::read(path) {
            Err(error) => failed(&name, 0, 0, format!("can't be read: {error}")),
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => self.run_str(&name, &text),
                Err(error) => failed(&name, 0, 0, format!("is not UTF-8: {}", error.utf8_error())),
            },
        }
    }

    /// Runs a script. The name is for the report.
    pub fn run_str(&self, name: &str, text: &str) -> Report {
        let mut lexer = Lexer::new(text);
        lexer.allow_confusing_unicode(true);
        let buffer = match ParseBuffer::new_with_lexer(lexer) {
            Ok(buffer) => buffer,
            Err(error) => return unparsed(name, text, &error),
        };
        let mut wast = match wast::parser::parse::<Wast<'_>>(&buffer) {
            Ok(wast) => wast,
            Err(error) => return unparsed(name, text, &error),
        };
        let script = match Script::new(&self.engine, &self.options) {
            Ok(script) => script,
            Err(error) => return failed(name, 0, 0, format!("can't be set up: {error:#}")),
        };
        let source = Source { name, text };
        std::thread::scope(|scope| run_all(scope, source, script, &mut wast.directives))
    }
}

/// The report of a script that can't be parsed.
fn unparsed(name: &str, text: &str, error: &wast::Error) -> Report {
    let (line, column) = error.span().linecol_in(text);
    failed(name, line + 1, column + 1, error.message())
}

/// A report of one failure.
fn failed(file: &str, line: usize, column: usize, message: String) -> Report {
    Report {
        passed: 0,
        failures: vec![Failure {
            file: file.to_owned(),
            line,
            column,
            message,
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Report {
        let engine = Engine::default();
        WastRunner::new(&engine).run_str("test.wast", text)
    }

    #[test]
    fn a_script_that_cannot_be_parsed_is_one_failure_with_a_place() {
        let report = run("(module)\n  (assert_return (frobnicate))");
        assert_eq!(report.passed, 0);
        assert_eq!(report.failures.len(), 1);
        assert_eq!(
            (report.failures[0].line, report.failures[0].column),
            (2, 19)
        );
    }

    #[test]
    fn a_missing_file_is_a_failure_without_a_line() {
        let engine = Engine::default();
        let report = WastRunner::new(&engine).run_file(Path::new("no/such/file.wast"));
        assert_eq!(report.failures.len(), 1);
        assert!(
            report.failures[0]
                .to_string()
                .starts_with("no/such/file.wast: can't be read")
        );
    }

    #[test]
    fn every_directive_is_counted_and_a_failure_does_not_stop_the_script() {
        let report = run(r#"
            (module (func (export "one") (result i32) (i32.const 1)))
            (assert_return (invoke "one") (i32.const 2))
            (assert_return (invoke "one") (i32.const 1))
            (assert_trap (invoke "one") "unreachable")
            (assert_return (invoke "two"))
        "#);
        assert_eq!(report.passed, 2);
        let lines: Vec<_> = report.failures.iter().map(|f| f.line).collect();
        assert_eq!(lines, [3, 5, 6]);
    }

    #[test]
    fn what_depends_on_a_failed_module_fails_with_its_reason() {
        let report = run(r#"
            (module $m (import "nowhere" "f" (func)) (func (export "f")))
            (invoke "f")
            (invoke $m "f")
        "#);
        assert_eq!(report.passed, 0);
        assert_eq!(report.failures.len(), 3);
        for failure in &report.failures {
            assert!(failure.message.contains("nowhere"), "{failure}");
        }
    }

    #[test]
    fn what_a_thread_does_is_in_the_report_whether_it_is_waited_for_or_not() {
        let report = run(r#"
            (module $m (memory (export "memory") 1 1 shared))
            (thread $a (shared (module $m))
              (register "m" $m)
              (module (memory (import "m" "memory") 1 1 shared)
                (func (export "f") (result i32) (i32.atomic.load (i32.const 0))))
              (assert_return (invoke "f") (i32.const 0)))
            (wait $a)
            (thread $b
              (module (func (export "f") unreachable))
              (invoke "f"))
            (wait $nobody)
        "#);
        assert_eq!(report.passed, 8, "{:?}", report.failures);
        let lines: Vec<_> = report.failures.iter().map(|f| f.line).collect();
        assert_eq!(lines, [12, 11]);
    }

    #[test]
    fn a_thread_sees_nothing_of_the_script_but_what_it_is_given() {
        let report = run(r#"
            (module $m (memory (export "memory") 1))
            (register "m" $m)
            (thread $a (shared (module $m))
              (register "m" $m)
              (module (memory (import "m" "memory") 1)))
            (wait $a)
        "#);
        let lines: Vec<_> = report.failures.iter().map(|f| f.line).collect();
        assert_eq!(lines, [6]);
    }

    #[test]
    fn messages_are_compared_unless_ignored() {
        let text = r#"
            (module (func (export "f") unreachable))
            (assert_trap (invoke "f") "out of bounds memory access")
        "#;
        assert_eq!(run(text).failures.len(), 1);
        let engine = Engine::default();
        let mut runner = WastRunner::new(&engine);
        runner.ignore_messages(true);
        assert!(runner.run_str("test.wast", text).is_success());
    }

    #[test]
    fn a_wrong_argument_is_not_taken_for_a_trap() {
        let engine = Engine::default();
        let mut runner = WastRunner::new(&engine);
        runner.ignore_messages(true);
        let report = runner.run_str(
            "test.wast",
            r#"
            (module (func (export "f") (param i32) unreachable))
            (assert_trap (invoke "f") "")
            (assert_trap (invoke "f" (i64.const 0)) "")
            "#,
        );
        assert_eq!(report.failures.len(), 2);
    }
}
