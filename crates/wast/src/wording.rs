//! Errors that the reference tests name, in the words of those who find them.
//!
//! Most errors in modules are found by `wast` (text) and `wasmparser` (binaries), and these word
//! some differently. Which words stand for which is in [`REFUSALS`], the one table of its kind; it
//! is consulted for modules that must be refused, and nothing else. What modules do when they run
//! or are linked is worded by us, and must be worded as the tests have it, but for [`TRAPS`].

/// What a test says, and beginnings or parts of what may be said instead.
type Row = (&'static str, &'static [&'static str]);

/// Whether an error says what a test that a module is refused expects.
pub(crate) fn refusal_matches(actual: &str, expected: &str) -> bool {
    actual.contains(expected)
        || REFUSALS
            .iter()
            .filter(|(words, _)| expected.starts_with(words))
            .any(|(_, others)| others.iter().any(|other| actual.contains(other)))
}

/// Whether a trap says what a test expects. WebAssembly 1.0 and 2.0 say which element is
/// uninitialized; the text came without its number later.
pub(crate) fn trap_matches(actual: &str, expected: &str) -> bool {
    const UNINITIALIZED: &str = "uninitialized element";
    let numbered = expected
        .strip_prefix(UNINITIALIZED)
        .is_some_and(|number| number.trim_start().parse::<u32>().is_ok());
    actual.contains(if numbered { UNINITIALIZED } else { expected })
        || TRAPS
            .iter()
            .filter(|(words, _)| expected.ends_with(words))
            .any(|(_, others)| others.iter().any(|other| actual.contains(other)))
}

/// A fault of the canonical ABI is the same trap between guests as at the host; the tests name
/// those between guests otherwise, and don't tell what a guest passes from what `realloc` returns.
const TRAPS: &[Row] = &[
    (
        "string content out-of-bounds",
        &[
            "string pointer/length out of bounds of memory",
            "realloc return: beyond end of memory",
        ],
    ),
    (
        "list content out-of-bounds",
        &[
            "list pointer/length out of bounds of memory",
            "realloc return: beyond end of memory",
        ],
    ),
    ("unaligned pointer", &["realloc return: result not aligned"]),
];

/// Whether a link error says what a test expects.
pub(crate) fn link_error_matches(actual: &str, expected: &str) -> bool {
    actual.contains(expected)
}

const REFUSALS: &[Row] = &[
    // Text.
    ("invalid UTF-8 encoding", &["malformed UTF-8 encoding"]),
    (
        "unknown operator",
        &[
            "expected a ",
            "expected an instruction",
            "expected `(`",
            "expected valid module field",
            "constant out of range",
            "unknown operator or unexpected token",
            "unexpected token, expected ",
        ],
    ),
    (
        "unexpected token",
        &[
            "expected a ",
            "expected `(`",
            "extra tokens remaining after parse",
            "constant out of range",
            "legacy-exceptions",
        ],
    ),
    (
        "i32 constant",
        &["constant out of range", "malformed lane index"],
    ),
    (
        "malformed lane index",
        &["expected a u8", "constant out of range"],
    ),
    (
        "wrong number of lane literals",
        &[
            "expected a ",
            "expected an instruction",
            "constant out of range",
        ],
    ),
    (
        "wrong number of lane indices",
        &["expected a u8", "expected an instruction"],
    ),
    (
        "invalid lane length",
        &["expected a u8", "expected an instruction"],
    ),
    ("illegal character", &["unexpected character"]),
    ("unclosed string", &["unexpected end-of-file"]),
    ("empty identifier", &["invalid character in string"]),
    ("empty annotation id", &["invalid character in string"]),
    // Binaries: how sections and functions end.
    (
        "unexpected end",
        &[
            "unexpected end-of-file",
            "magic header not detected",
            "control frames remain at end of function body",
            "unknown label: branch depth too large",
        ],
    ),
    (
        "END opcode expected",
        &["control frames remain at end of function body"],
    ),
    (
        "section size mismatch",
        &["control frames remain at end of function body"],
    ),
    (
        "length out of bounds",
        &[
            "unexpected end-of-file",
            "expected section, got wasm magic number",
        ],
    ),
    (
        "unexpected content after last section",
        &[
            "section out of order",
            "function and code section have inconsistent lengths",
        ],
    ),
    ("junk after last section", &["section out of order"]),
    ("multiple start sections", &["section out of order"]),
    ("invalid section id", &["malformed section id"]),
    ("malformed section id", &["unexpected end-of-file"]),
    (
        "function and code section have inconsistent lengths",
        &[
            "function section is absent but code section has non-zero count",
            "function section has non-zero count but code section is absent",
        ],
    ),
    (
        "data count and data section have inconsistent lengths",
        &["data count is non-zero but data section is absent"],
    ),
    // Binaries: numbers and flags.
    (
        "integer representation too long",
        &[
            "unexpected end-of-file",
            "malformed section id",
            "memory limits flags",
            "table resizable limits flags",
            "invalid leading byte (0xe0) for type",
            "trailing bytes at end of section",
        ],
    ),
    (
        "integer too large",
        &[
            "unexpected end-of-file",
            "malformed section id",
            "memory limits flags",
            "table resizable limits flags",
            "trailing bytes at end of section",
            "offset out of range",
            "invalid memop alignment",
            "memory size must be at most",
        ],
    ),
    (
        "zero byte expected",
        &[
            "unknown memory",
            "the multi-memory proposal is switched off",
        ],
    ),
    (
        "zero flag expected",
        &[
            "unknown memory",
            "unknown table",
            "trailing bytes at end of section",
            "zero byte expected",
            "the multi-memory proposal is switched off",
        ],
    ),
    (
        "malformed import kind",
        &["for external kind", "unexpected end-of-file"],
    ),
    (
        "malformed mutability",
        &[
            "malformed global flags",
            "the shared-everything-threads proposal",
        ],
    ),
    (
        "invalid mutability",
        &[
            "malformed global flags",
            "the shared-everything-threads proposal",
            "unexpected end-of-file",
        ],
    ),
    (
        "malformed limits flags",
        &[
            "invalid table resizable limits flags",
            "invalid memory limits flags",
            "unexpected end-of-file",
        ],
    ),
    (
        "malformed memop flags",
        &[
            "malformed memop: reserved flags bits set",
            "invalid memop alignment",
            "values remaining on stack at end of block",
        ],
    ),
    (
        "malformed elements segment kind",
        &["unexpected end-of-file"],
    ),
    ("invalid value type", &["unexpected end-of-file"]),
    (
        "illegal opcode",
        &[
            "illegal opcode",
            "unexpected end-of-file",
            "constant expression required",
        ],
    ),
    // Rules of validation.
    ("invalid lane index", &["SIMD index out of bounds"]),
    ("memory size", &["memory size must be at most"]),
    (
        "i32 constant out of range",
        &[
            "table size must be at most",
            "memory size must be at most",
            "integer too large",
        ],
    ),
    ("i64 constant out of range", &["constant out of range"]),
    (
        "i8 constant out of range",
        &["constant out of range", "malformed lane index"],
    ),
    (
        "i32 constant",
        &["offset out of range", "integer too large"],
    ),
    ("offset out of range", &["integer too large"]),
    (
        "type mismatch: instruction requires",
        &["type mismatch: expected"],
    ),
    ("immutable global", &["global is immutable"]),
    (
        "constant expression required",
        &["type mismatch: expected funcref, found i32"],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_words_stand_for_those_they_are_listed_with_and_no_others() {
        let actual = "SIMD index out of bounds (at offset 0x20)";
        assert!(refusal_matches(actual, "invalid lane index"));
        assert!(!refusal_matches(actual, "type mismatch"));
        assert!(refusal_matches("type mismatch: i32", "type mismatch"));
        assert!(!refusal_matches("not supported yet", "invalid lane index"));
    }

    #[test]
    fn only_a_number_may_be_missing_from_a_trap() {
        let actual = "wasm trap: uninitialized element";
        assert!(trap_matches(actual, "uninitialized element 7"));
        assert!(trap_matches(actual, "uninitialized element"));
        assert!(!trap_matches(actual, "uninitialized element of a table"));
        assert!(!trap_matches(actual, "undefined element"));
    }
}
