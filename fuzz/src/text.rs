//! Texts: modules and components as text, and `.wast` scripts.

use crate::assert_no_bug;
use crate::generated_module::{features, numbers};
use crate::seeds;
use std::sync::LazyLock;
use threadline::component::Component;
use threadline::{Config, Engine, Module, OptLevel};
use threadline_wast::WastRunner;

const MAX_BYTES: usize = 20_000;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut config = Config::new();
    config
        .wasm_features(features())
        .cranelift_opt_level(OptLevel::None);
    Engine::new(&config).unwrap()
});

static TEXTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let paths = seeds::files(&["tests"]);
    let is_text = |path: &std::path::PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("wat" | "wast"))
    };
    let texts = paths.into_iter().filter(is_text);
    let texts = texts.filter_map(|path| std::fs::read_to_string(path).ok());
    texts.filter(|text| text.len() < MAX_BYTES).collect()
});

/// Reads a text in each way.
pub fn run(data: &[u8]) {
    if data.len() > MAX_BYTES {
        return;
    }
    let as_module = Module::new(&ENGINE, data).map(drop);
    let as_component = Component::new(&ENGINE, data).map(drop);
    for error in [as_module.err(), as_component.err()].into_iter().flatten() {
        assert_no_bug(&error);
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    // Scripts call what they define, and neither end loops nor wake what waits.
    if ["loop", "wait", "return_call", "thread"]
        .iter()
        .any(|word| text.contains(word))
    {
        return;
    }
    let report = WastRunner::new(&ENGINE).run_str("fuzz.wast", text);
    for failure in &report.failures {
        let text = failure.to_string();
        assert!(!text.contains("bug in"), "{text}");
    }
}

/// What means something in a text.
const TOKENS: [&str; 14] = [
    "(",
    ")",
    "\"",
    "(;",
    "$",
    "-1",
    "4294967296",
    "99999999999999999999",
    "i32",
    "(func)",
    "(module",
    "(component",
    "\u{0}",
    "(export \"\" (func 0))",
];

/// A damaged text.
pub fn input(number: u64) -> Vec<u8> {
    let mut random = numbers(number).map(|random| random as usize);
    let mut next = |bound: usize| random.next().unwrap_or_default() % bound;
    let texts = &*TEXTS;
    let mut text = texts[next(texts.len())].clone();
    for _ in 0..next(4) {
        let other = &texts[next(texts.len())];
        text = damage(&text, other, &TOKENS, &mut next);
    }
    text.truncate(text.floor_char_boundary(MAX_BYTES));
    text.into_bytes()
}

/// Replaces a piece by one of another text, or by a token.
pub(crate) fn damage(
    text: &str,
    other: &str,
    tokens: &[&str],
    next: &mut impl FnMut(usize) -> usize,
) -> String {
    let piece = |text: &str, start: usize, length: usize| -> (usize, usize) {
        let start = text.floor_char_boundary(start);
        (start, text.floor_char_boundary(start + length))
    };
    let (from, to) = {
        let start = next(text.len() + 1);
        piece(text, start, next(40))
    };
    let put = match next(3) {
        0 => "",
        1 => tokens[next(tokens.len())],
        _ => {
            let start = next(other.len() + 1);
            let (from, to) = piece(other, start, next(200));
            &other[from..to]
        }
    };
    format!("{}{put}{}", &text[..from], &text[to..])
}
