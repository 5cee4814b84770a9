//! Names in kebab-case: what the component model calls a `label`.

use proc_macro2::Span;

/// The kebab-case of a Rust name, of whatever case.
///
/// A word begins after an underscore, and where an upper-case letter follows one that is not.
pub(super) fn of_rust_name(name: &str) -> String {
    let name = name.strip_prefix("r#").unwrap_or(name);
    let mut kebab = String::new();
    let mut last: Option<char> = None;
    for c in name.chars() {
        if c == '_' {
            if !kebab.is_empty() && !kebab.ends_with('-') {
                kebab.push('-');
            }
        } else {
            let begins = c.is_ascii_uppercase()
                && last.is_some_and(|last| last.is_ascii_lowercase() || last.is_ascii_digit());
            if begins && !kebab.ends_with('-') {
                kebab.push('-');
            }
            kebab.push(c.to_ascii_lowercase());
        }
        last = Some(c);
    }
    kebab.trim_end_matches('-').to_owned()
}

/// Checks that a name is in kebab-case.
///
/// # Errors
/// If it isn't.
pub(super) fn check(name: &str, span: Span) -> syn::Result<()> {
    if is_kebab(name) {
        return Ok(());
    }
    Err(syn::Error::new(
        span,
        format!(
            "`{name}` is not in kebab-case: words of letters and digits, each all lower-case or \
             all upper-case and beginning with a letter, joined by `-`"
        ),
    ))
}

fn is_kebab(name: &str) -> bool {
    name.split('-').enumerate().all(|(i, word)| {
        let lower = word
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        let upper = word
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        let letter_first = word.starts_with(|c: char| c.is_ascii_alphabetic());
        // Words after the first may begin with a digit.
        !word.is_empty() && (lower || upper) && (letter_first || i > 0)
    })
}
