//! `threadline compile`: makes images that `threadline run` starts without compiling.

use crate::flags::CompileArgs;
use crate::input::{self, Kind};
use anyhow::{Context, Result};
use threadline::Engine;

/// Runs the command.
///
/// # Errors
/// If a file can't be read or written, or the input can't be compiled.
pub(crate) fn run(args: &CompileArgs) -> Result<()> {
    let bytes = input::read(&args.file)?;
    let engine = Engine::new(&args.codegen.config())?;
    let image = match input::kind(&bytes) {
        Kind::Module => engine.precompile_module(&bytes),
        Kind::Component => engine.precompile_component(&bytes),
    };
    let image = image.with_context(|| format!("can't compile `{}`", args.file.display()))?;
    let output = match &args.output {
        Some(output) => output.clone(),
        None => args.file.with_extension("cwasm"),
    };
    replace(&output, &image).with_context(|| format!("can't write `{}`", output.display()))
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
