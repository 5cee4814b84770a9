//! House rules that no lint sees, over every Rust file of the repository: module docs, sizes,
//! names, paths in comments, and where `unsafe` may be.
//!
//! The rules are in `STYLE.md`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The longest a file may be.
const MAX_LINES: usize = 800;
/// Names that say nothing about what is in a module.
const BANNED_NAMES: [&str; 5] = ["util", "utils", "helpers", "common", "misc"];
/// Where `unsafe` code lives.
const UNSAFE_HOMES: [&str; 2] = ["crates/fiber/", "crates/runtime/src/vm/"];

/// Files outside these that load code images, for which callers answer. Each says why it may.
const UNSAFE_GUESTS: [&str; 5] = [
    "crates/cli/src/precompiled.rs",
    "crates/runtime/tests/serialize.rs",
    "crates/runtime/tests/static_data.rs",
    "benches/peer/src/life_cycle.rs",
    "fuzz/src/images.rs",
];

/// A Rust file of the repository.
struct Source {
    /// Relative to the repository's root, with `/`.
    path: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files that are ours.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for folder in ["crates", "tests", "benches", "examples", "fuzz"] {
        collect(&root().join(folder), &mut found);
    }
    assert!(found.len() > 10, "the walk over the repository is broken");
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "target") {
                collect(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(Source {
                path: relative(&path),
                text: fs::read_to_string(&path).expect("sources are readable UTF-8"),
            });
        }
    }
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root())
        .expect("the walk starts at the root")
        .to_string_lossy()
        .replace('\\', "/")
}

/// Applies a rule to every file and reports all that break it.
fn check(rule: &str, breaks: impl Fn(&Source) -> Vec<String>) {
    let broken: Vec<String> = sources()
        .iter()
        .flat_map(|source| {
            breaks(source)
                .into_iter()
                .map(|what| format!("{}: {what}", source.path))
        })
        .collect();
    assert!(broken.is_empty(), "{rule}:\n{}", broken.join("\n"));
}

/// Lines that are code, with their numbers from 1: no comments, no text of string literals.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, String)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, without_strings(line)))
        .map(|(number, line)| match line.find("//") {
            Some(at) => (number, line[..at].to_owned()),
            None => (number, line),
        })
}

/// A line without what stands between quotes; a literal over several lines is not seen through.
fn without_strings(line: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if inside => {
                chars.next();
            }
            '"' => inside = !inside,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out
}

/// Whether a word stands in a line of code.
fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .any(|found| found == word)
}

#[test]
fn every_file_says_what_it_is_for() {
    check("files must begin with `//!`", |source| {
        match source.text.lines().next() {
            Some(line) if line.starts_with("//! ") && line.len() > 10 => Vec::new(),
            _ => vec!["no module doc".to_owned()],
        }
    });
}

#[test]
fn no_file_is_too_long() {
    check("files have a size limit", |source| {
        let lines = source.text.lines().count();
        if lines > MAX_LINES {
            vec![format!("{lines} lines, the limit is {MAX_LINES}")]
        } else {
            Vec::new()
        }
    });
}

#[test]
fn no_file_has_a_name_that_says_nothing() {
    check("names must say what is in a file", |source| {
        let path = Path::new(&source.path);
        path.iter()
            .filter_map(|part| Path::new(part).file_stem()?.to_str())
            .filter(|stem| BANNED_NAMES.contains(stem))
            .map(|stem| format!("`{stem}` is not a name"))
            .collect()
    });
}

#[test]
fn unsafe_code_stays_in_its_homes() {
    check("unsafe code has two homes", |source| {
        if UNSAFE_HOMES
            .iter()
            .any(|home| source.path.starts_with(home))
            || UNSAFE_GUESTS.contains(&source.path.as_str())
        {
            return Vec::new();
        }
        code_lines(&source.text)
            .filter(|(_, line)| has_word(line, "unsafe"))
            .map(|(number, _)| format!("`unsafe` in line {number}"))
            .collect()
    });
}

#[test]
fn unsafe_blocks_and_impls_are_argued_for() {
    check("`unsafe` needs a `SAFETY:` comment", |source| {
        let lines: Vec<&str> = source.text.lines().collect();
        code_lines(&source.text)
            .filter(|(_, line)| line.contains("unsafe {") || line.contains("unsafe impl"))
            .filter(|(number, _)| !argued(&lines, number - 1))
            .map(|(number, _)| format!("line {number}"))
            .collect()
    });
}

/// Whether a `SAFETY:` comment is right above a line, attributes, other comments and the
/// beginning of the statement aside, or on it.
fn argued(lines: &[&str], index: usize) -> bool {
    /// How many lines of one statement may stand between the comment and the block.
    const STATEMENT: usize = 6;
    if lines[index].contains("SAFETY:") {
        return true;
    }
    let mut statement = 0;
    for line in lines[..index].iter().rev() {
        let line = line.trim();
        if line.starts_with("//") {
            if line.contains("SAFETY:") {
                return true;
            }
        } else if !line.starts_with("#[") {
            statement += 1;
            if statement > STATEMENT {
                return false;
            }
        }
    }
    false
}

#[test]
fn paths_in_comments_exist() {
    let root = root();
    check("a comment names a file that is not there", |source| {
        let mut missing = BTreeSet::new();
        for (number, line) in source.text.lines().enumerate() {
            let Some(at) = line.find("//") else { continue };
            for path in paths_in(&line[at..]) {
                // From the repository's root, or the crate's.
                let exists = Path::new(&source.path)
                    .ancestors()
                    .any(|folder| root.join(folder).join(&path).exists());
                if !exists {
                    missing.insert(format!("line {}: `{path}`", number + 1));
                }
            }
        }
        missing.into_iter().collect()
    });
}

/// The repository's paths that a comment names in back quotes.
fn paths_in(comment: &str) -> Vec<String> {
    comment
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|quoted| {
            ["crates/", "tests/", "benches/", "examples/"]
                .iter()
                .any(|top| quoted.starts_with(top))
        })
        .filter(|quoted| !quoted.contains(['*', '<', '{', ' ', '…']))
        .map(str::to_owned)
        .collect()
}

#[test]
fn sources_do_not_end_in_trailing_space() {
    check("no space at the end of a line", |source| {
        source
            .text
            .lines()
            .enumerate()
            .filter(|(_, line)| line.ends_with([' ', '\t']))
            .map(|(index, _)| format!("line {}", index + 1))
            .collect()
    });
}

#[test]
fn scripts_say_what_they_are_for() {
    let mut folders = vec![
        root().join("tests/misc_testsuite"),
        root().join("tests/disas"),
    ];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|e| e != "wast" && e != "wat") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let mut lines = text.lines();
            let first = lines.find(|line| !line.is_empty() && !line.starts_with(";;!"));
            assert!(
                first.is_some_and(|line| line.starts_with(";; ")),
                "{} does not begin with a comment that says what it is for",
                relative(&path)
            );
            seen += 1;
        }
    }
    assert!(seen > 50, "the walk over the scripts is broken");
}
