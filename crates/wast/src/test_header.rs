//! The TOML header at the top of a test file.
//!
//! Its lines come first in the file and start with `;;!`. What keys there are is the caller's
//! type; give it `#[serde(deny_unknown_fields)]`, so that a misspelt key is an error and not a
//! test that checks less than it says.

use serde::de::DeserializeOwned;
use std::fmt;

/// What a line of a header starts with.
pub const PREFIX: &str = ";;!";

/// A header that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderError(String);

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "test header: {}", self.0)
    }
}

impl std::error::Error for HeaderError {}

/// Parses the header of a test's text. A test without one has the header of no keys.
///
/// # Errors
/// If the header is not TOML or does not fit `T`, or if header lines occur further down, where
/// they would be passed over.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, HeaderError> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines
        .by_ref()
        .map_while(|line| line.strip_prefix(PREFIX))
        .collect();
    // `map_while` has taken one line too many, which is no header line.
    if let Some(stray) = lines.position(|line| line.trim_start().starts_with(PREFIX)) {
        return Err(HeaderError(format!(
            "line {} starts with `{PREFIX}`, but the header ended at line {}",
            header.len() + stray + 2,
            header.len()
        )));
    }
    toml::from_str(&header.join("\n")).map_err(|error| HeaderError(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Debug, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Header {
        target: Option<String>,
    }

    #[test]
    fn a_header_is_toml_behind_comment_signs() {
        let header: Header = parse(";;! target = \"x86_64\"\n;; text\n(module)").unwrap();
        assert_eq!(header.target.as_deref(), Some("x86_64"));
    }

    #[test]
    fn a_file_without_a_header_has_no_keys() {
        assert_eq!(parse::<Header>("(module)"), Ok(Header { target: None }));
        assert_eq!(parse::<Header>(""), Ok(Header { target: None }));
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        let error = parse::<Header>(";;! tarket = \"x86_64\"\n").unwrap_err();
        assert!(error.to_string().contains("tarket"), "{error}");
    }

    #[test]
    fn header_lines_further_down_are_an_error() {
        let error = parse::<Header>("(module)\n\n;;! target = \"x86_64\"\n").unwrap_err();
        assert!(error.to_string().contains("line 3"), "{error}");
    }
}
