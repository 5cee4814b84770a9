//! Compares the machine code of small inputs with what it is known to be.
//!
//! Each `.wat` under `tests/disas` has a `;;!` TOML header (see [`Header`]), a comment that says
//! why it is there, a module or component, and at its end the expected code as `;;` comments.
//! With `THREADLINE_BLESS=1` in the environment the expected code is rewritten, but not where
//! `CI=true`: what is expected is for a person to look at.

use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use threadline::ContextLowering;
use threadline::disassemble::{self, FunctionListing};
use threadline_wast::test_header;

/// The most lines of expected code a file should need.
const MAX_LINES: usize = 80;

/// How an input is compiled, and what of it is looked at.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    /// `x86_64` or `aarch64`.
    target: String,
    /// How `context.get` and `context.set` are compiled, by the name of the lowering.
    lowering: String,
    /// Whether fuel is consumed.
    #[serde(default)]
    consume_fuel: bool,
    /// Whether epochs interrupt.
    #[serde(default)]
    epoch_interruption: bool,
    /// A regular expression that the names of the functions looked at match.
    function: String,
    /// Proposals that are not as they are by default, by name: whether they are accepted.
    #[serde(default)]
    proposals: BTreeMap<String, bool>,
}

fn main() -> Result<()> {
    let args = Arguments::from_args();
    let set = |name, value| std::env::var(name).is_ok_and(|actual| actual == value);
    let bless = set("THREADLINE_BLESS", "1");
    ensure!(
        !(bless && set("CI", "true")),
        "THREADLINE_BLESS=1 rewrites expectations, which CI must not do"
    );
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/disas");
    let mut inputs = Vec::new();
    collect(&root, &mut inputs)?;
    ensure!(!inputs.is_empty(), "no inputs in {}", root.display());
    let trials = inputs.into_iter().map(|path| {
        let name = path.strip_prefix(&root).unwrap_or(&path);
        Trial::test(name.display().to_string(), move || {
            run(&path, bless).map_err(|error| Failed::from(format!("{error:#}")))
        })
    });
    libtest_mimic::run(&args, trials.collect()).exit();
}

fn run(path: &Path, bless: bool) -> Result<()> {
    let text = std::fs::read_to_string(path)?;
    let (input, expected) = split(&text);
    let header: Header = test_header::parse(input)?;
    ensure!(
        input.lines().any(|line| line.starts_with(";; ")),
        "no comment says why this input is there"
    );
    let actual = listing(&header, input)?;
    ensure!(
        actual.lines().count() <= MAX_LINES,
        "more than {MAX_LINES} lines of code: use a smaller input\n{actual}"
    );
    if actual == expected {
        return Ok(());
    }
    if bless {
        return Ok(std::fs::write(path, format!("{input}{actual}"))?);
    }
    bail!(
        "the code differs; if it should, run again with THREADLINE_BLESS=1\n\
         --- expected\n{expected}--- actual\n{actual}"
    )
}

/// Parts a file into its input and the comment lines at its end.
fn split(text: &str) -> (&str, &str) {
    let mut at = text.len();
    for line in text.split_inclusive('\n').rev() {
        if !line.starts_with(";;") {
            break;
        }
        at -= line.len();
    }
    text.split_at(at)
}

/// The code of the functions looked at, as comment lines.
fn listing(header: &Header, input: &str) -> Result<String> {
    let lowering: ContextLowering = header.lowering.parse().map_err(anyhow::Error::msg)?;
    let wanted = regex::Regex::new(&header.function)?;
    let bytes = wat::parse_str(input)?;
    let mut options = disassemble::Options {
        target: Some(header.target.clone()),
        ..disassemble::Options::default()
    };
    options.tunables.context_lowering = lowering;
    for (name, &enable) in &header.proposals {
        let proposal = name.parse().map_err(anyhow::Error::msg)?;
        options.features.set(proposal, enable);
    }
    options.tunables.consume_fuel = header.consume_fuel;
    options.tunables.epoch_interruption = header.epoch_interruption;
    let functions = disassemble::disassemble(&bytes, &options).context("can't disassemble")?;
    let mut text = String::new();
    for function in functions
        .iter()
        .filter(|function| wanted.is_match(&function.name))
    {
        write_function(&mut text, function)?;
    }
    ensure!(
        !text.is_empty(),
        "no function's name matches `{}`; there are: {}",
        header.function,
        functions
            .iter()
            .map(|function| function.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    );
    Ok(text)
}

fn write_function(text: &mut String, function: &FunctionListing) -> Result<()> {
    writeln!(text, ";; {}:", function.name)?;
    for line in &function.lines {
        writeln!(text, ";;   {:4x}: {}", line.code_offset, line.text)?;
    }
    Ok(())
}

/// The `.wat` files under a folder, in order.
fn collect(folder: &Path, inputs: &mut Vec<PathBuf>) -> Result<()> {
    let mut entries = std::fs::read_dir(folder)
        .with_context(|| format!("can't read {}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            collect(&entry, inputs)?;
        } else if entry
            .extension()
            .is_some_and(|extension| extension == "wat")
        {
            inputs.push(entry);
        }
    }
    Ok(())
}
