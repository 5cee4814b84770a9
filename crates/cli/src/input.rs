//! Reads the file a command works on.

use anyhow::{Context, Result, ensure};
use std::path::Path;
use threadline::Engine;

/// What a file holds.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A core module.
    Module,
    /// A component.
    Component,
}

/// Reads a file, and converts text to the binary format.
///
/// # Errors
/// If the file can't be read, or is neither a wasm binary nor the text of one.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let bytes = std::fs::read(path).with_context(|| format!("can't read `{}`", path.display()))?;
    if bytes.starts_with(b"\0asm") {
        return Ok(bytes);
    }
    ensure!(
        Engine::detect_precompiled(&bytes).is_none(),
        "`{}` is native code that `threadline compile` made; this command takes the WebAssembly that \
         it was made of",
        path.display()
    );
    let text = std::str::from_utf8(&bytes).with_context(|| {
        format!(
            "`{}` is no WebAssembly: it has no `\\0asm` at its beginning, and is no text",
            path.display()
        )
    })?;
    let binary = wat::parse_str(text)
        .map_err(|mut error| {
            error.set_path(path);
            error
        })
        .context("can't parse the text")?;
    Ok(binary)
}

/// What a binary says it is. What is no binary counts as a module, which will be refused.
pub(crate) fn kind(bytes: &[u8]) -> Kind {
    match bytes.get(6..8) {
        Some([1, 0]) => Kind::Component,
        _ => Kind::Module,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_and_components_are_told_apart() {
        assert_eq!(kind(&wat::parse_str("(module)").unwrap()), Kind::Module);
        assert_eq!(
            kind(&wat::parse_str("(component)").unwrap()),
            Kind::Component
        );
        assert_eq!(kind(b"\0asm"), Kind::Module);
    }
}
