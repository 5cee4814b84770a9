//! What came of a script.

use std::fmt;

/// How many directives passed, and which did not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Directives that did what they should.
    pub passed: usize,
    /// The others, in the order of the script. A script that can't be read or parsed is one
    /// failure, for nobody knows how many directives it has.
    pub failures: Vec<Failure>,
}

impl Report {
    /// Adds what came of another script.
    pub fn merge(&mut self, other: Report) {
        self.passed += other.passed;
        self.failures.extend(other.failures);
    }

    /// The report as a result, for tests that run a script.
    ///
    /// # Errors
    /// If a directive failed, with every failure; or if there was no directive at all.
    pub fn into_result(self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.passed + self.failures.len() > 0,
            "the script has no directives"
        );
        if self.is_success() {
            return Ok(());
        }
        let failures: Vec<_> = self.failures.iter().map(ToString::to_string).collect();
        anyhow::bail!(
            "{}\n{} passed, {} failed",
            failures.join("\n"),
            self.passed,
            failures.len()
        )
    }

    /// Whether nothing failed.
    pub fn is_success(&self) -> bool {
        self.failures.is_empty()
    }
}

/// A directive that did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The script, as it was named to the runner.
    pub file: String,
    /// The directive's line, from 1; 0 if the failure concerns the file as a whole.
    pub line: usize,
    /// The directive's column, from 1; 0 if the failure concerns the file as a whole.
    pub column: usize,
    /// What was expected and what happened.
    pub message: String,
}

impl fmt::Display for Failure {
    /// `file:line: message`, or `file: message` if there is no line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}", self.message)
    }
}
