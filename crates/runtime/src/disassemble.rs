//! The machine code of a binary for people to read, without running any of it.

use crate::module::binary;
use anyhow::{Error, Result};
use threadline_cranelift::{Budget, Compiler, CompilerConfig, disassemble};
use threadline_environ::{Features, Translation};

pub use threadline_cranelift::disassemble::{FunctionListing, Line};
pub use threadline_environ::Tunables;

/// What to compile for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `x86_64`, `aarch64` or a full triple; `None` is this machine with everything it can do.
    pub target: Option<String>,
    /// The options that change the code.
    pub tunables: Tunables,
    /// The proposals that are accepted.
    pub features: Features,
}

/// Compiles a module or component, binary or (with the feature `wat`) text, and lists the code of
/// every function, trampolines included, in the order they are laid out.
///
/// # Errors
/// If the input is refused, the proposals don't fit together, or the target is unknown.
pub fn disassemble(bytes: &[u8], options: &Options) -> Result<Vec<FunctionListing>> {
    options.features.check().map_err(Error::msg)?;
    let bytes = binary(bytes)?;
    let compiler = Compiler::new(&CompilerConfig {
        tunables: options.tunables.clone(),
        target: options.target.clone(),
    })?;
    let translation = Translation::parse(&bytes, options.features)?;
    let (image, descriptions) = compiler.compile(translation, &Budget::unlimited())?;
    disassemble::disassemble(&image, &descriptions, compiler.triple())
}
