//! `threadline objdump`.

use crate::flags::{CodegenOption, ObjdumpArgs};
use crate::{input, write_stdout};
use anyhow::{Result, bail};
use std::fmt::Write as _;
use threadline::OptLevel;
use threadline::disassemble::{self, FunctionListing};

/// Runs the command.
///
/// # Errors
/// If the file can't be read or compiled, or no function has a name that is asked for.
pub(crate) fn run(args: &ObjdumpArgs) -> Result<()> {
    let bytes = input::read(&args.file)?;
    let mut options = disassemble::Options {
        target: args.target.clone(),
        features: args.codegen.features(),
        ..disassemble::Options::default()
    };
    for option in args.codegen.options() {
        match option {
            CodegenOption::ContextLowering(lowering) => {
                options.tunables.context_lowering = lowering;
            }
            CodegenOption::OptLevel(level) => options.tunables.optimize = level == OptLevel::Speed,
        }
    }
    let functions = disassemble::disassemble(&bytes, &options)?;
    let wanted = |function: &&FunctionListing| match &args.function {
        Some(regex) => regex.is_match(&function.name),
        None => true,
    };
    let mut text = String::new();
    for function in functions.iter().filter(wanted) {
        write_function(&mut text, function)?;
    }
    if text.is_empty() {
        match &args.function {
            Some(regex) => bail!("no function's name matches `{regex}`"),
            None => bail!("the file has no functions"),
        }
    }
    write_stdout(text.as_bytes())
}

/// A heading, then a line an instruction.
fn write_function(text: &mut String, function: &FunctionListing) -> Result<()> {
    /// Bytes shown in a line; the few longer instructions push what follows aside.
    const BYTES: usize = 8;
    if !text.is_empty() {
        text.push('\n');
    }
    match function.wasm_offset {
        Some(offset) => writeln!(text, "{}: wasm {offset:#x}", function.name)?,
        None => writeln!(text, "{}:", function.name)?,
    }
    for line in &function.lines {
        let bytes: Vec<_> = line
            .bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let wasm = match line.wasm_offset {
            Some(offset) => format!("{offset:#x}"),
            None => String::new(),
        };
        writeln!(
            text,
            "{:6x}: {:width$} {wasm:>8}  {}",
            line.code_offset,
            bytes.join(" "),
            line.text,
            width = BYTES * 3
        )?;
    }
    Ok(())
}
