//! The list of tests that are known to fail.
//!
//! One a line, `path | reason`; empty lines and lines that start with `#` are passed over.
//! Whoever runs the tests turns the verdict of a listed one around, so that one that passes
//! fails the run and is taken off the list.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// Tests that are known to fail, with the reasons.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Xfail {
    reasons: BTreeMap<String, String>,
}

/// What is wrong with a list of known failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XfailError {
    /// The line, from 1; 0 if the file can't be read.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for XfailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "list of known failures: {}", self.message),
            line => write!(f, "list of known failures, line {line}: {}", self.message),
        }
    }
}

impl std::error::Error for XfailError {}

impl Xfail {
    /// Reads the list in a file.
    ///
    /// # Errors
    /// If the file can't be read, or its text [can't be parsed](Xfail::parse).
    pub fn read(path: &Path) -> Result<Xfail, XfailError> {
        let text = std::fs::read_to_string(path).map_err(|error| XfailError {
            line: 0,
            message: format!("{}: {error}", path.display()),
        })?;
        Xfail::parse(&text)
    }

    /// Parses the text of a list.
    ///
    /// # Errors
    /// If a line is not `path | reason`, or names a path again.
    pub fn parse(text: &str) -> Result<Xfail, XfailError> {
        let mut reasons = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let error = |message: String| XfailError {
                line: index + 1,
                message,
            };
            let (path, reason) = line
                .split_once('|')
                .map(|(path, reason)| (path.trim(), reason.trim()))
                .filter(|(path, reason)| !path.is_empty() && !reason.is_empty())
                .ok_or_else(|| error(format!("`{line}` is not `path | reason`")))?;
            if reasons.insert(path.to_owned(), reason.to_owned()).is_some() {
                return Err(error(format!("`{path}` is listed twice")));
            }
        }
        Ok(Xfail { reasons })
    }

    /// Why the test at this path is known to fail, if it is.
    pub fn reason(&self, path: &str) -> Option<&str> {
        self.reasons.get(path).map(String::as_str)
    }

    /// The paths listed, in order; for finding those that name no test.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.reasons.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_paths_with_reasons() {
        let list = Xfail::parse("# known\n\na/b.wast | needs threads\n").unwrap();
        assert_eq!(list.reason("a/b.wast"), Some("needs threads"));
        assert_eq!(list.reason("a/c.wast"), None);
        assert_eq!(list.paths().collect::<Vec<_>>(), ["a/b.wast"]);
    }

    #[test]
    fn a_line_without_a_reason_is_an_error() {
        for text in ["a.wast", "a.wast |", "| reason"] {
            assert_eq!(Xfail::parse(text).unwrap_err().line, 1);
        }
    }

    #[test]
    fn a_path_listed_twice_is_an_error() {
        assert_eq!(Xfail::parse("a | x\nb | y\na | z").unwrap_err().line, 3);
    }
}
