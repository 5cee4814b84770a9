//! What linkers define for imports that nothing provides.
#![allow(missing_docs, reason = "tests")]

mod components;
mod modules;

#[track_caller]
pub(crate) fn fails<T>(result: anyhow::Result<T>, parts: &[&str]) {
    let error = match result {
        Ok(_) => panic!("it works"),
        Err(error) => format!("{error:#}"),
    };
    for part in parts {
        assert!(error.contains(part), "{error} lacks {part}");
    }
}
