//! `threadline compile`: makes images that `threadline run` starts without compiling.

use crate::flags::CompileArgs;
use crate::input::{self, Kind};
use anyhow::{Context, Result};
use std::io::Write as _;
use std::time::Instant;
use threadline::Engine;

/// Runs the command.
///
/// # Errors
/// If a file can't be read or written, or the input can't be compiled.
pub(crate) fn run(args: &CompileArgs) -> Result<()> {
    let bytes = input::read(&args.file)?;
    let engine = Engine::new(&args.codegen.config())?;
    let start = Instant::now();
    let image = match input::kind(&bytes) {
        Kind::Module => engine.precompile_module(&bytes),
        Kind::Component => engine.precompile_component(&bytes),
    };
    let image = image.with_context(|| format!("can't compile `{}`", args.file.display()))?;
    let time = start.elapsed();
    let output = match &args.output {
        Some(output) => output.clone(),
        None => args.file.with_extension("cwasm"),
    };
    replace(&output, &image).with_context(|| format!("can't write `{}`", output.display()))?;
    let report = format!(
        "{}: {}, compiled in {:.3} s\n",
        output.display(),
        size(image.len()),
        time.as_secs_f64()
    );
    // The file is written. If the report can't be printed there is nobody to tell.
    let _ = std::io::stderr().write_all(report.as_bytes());
    Ok(())
}

/// A number of bytes for people: exact and, if it is long, rounded as well.
fn size(bytes: usize) -> String {
    let rounded = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{bytes} bytes ({:.1} kB)", rounded / 1e3),
        1_000_000..1_000_000_000 => format!("{bytes} bytes ({:.1} MB)", rounded / 1e6),
        _ => format!("{bytes} bytes ({:.1} GB)", rounded / 1e9),
    }
}

/// Puts a file in the place of another, which may be running: that one stays as it is.
fn replace(path: &std::path::Path, contents: &[u8]) -> std::io::Result<()> {
    if path.exists() && !path.is_file() {
        return std::fs::write(path, contents);
    }
    let mut new = path.as_os_str().to_owned();
    new.push(format!(".{}.new", std::process::id()));
    std::fs::write(&new, contents)?;
    let renamed = std::fs::rename(&new, path);
    if renamed.is_err() {
        std::fs::remove_file(&new).ok();
    }
    renamed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_exact_and_long_ones_rounded_as_well() {
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1_000), "1000 bytes (1.0 kB)");
        assert_eq!(size(1_234_567), "1234567 bytes (1.2 MB)");
        assert_eq!(size(2_060_000_000), "2060000000 bytes (2.1 GB)");
    }
}
