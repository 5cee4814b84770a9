//! The target and the code generator's settings.

use crate::register_allocation::Allocator;
use anyhow::{Context as _, Result, bail};
use cranelift_codegen::isa::{OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use std::str::FromStr;
use target_lexicon::{Architecture, Triple};
use threadline_environ::Tunables;

/// Features assumed of an x86-64 that is not this machine: those of x86-64-v3, so that output for
/// it does not depend on where it was made.
const X86_64_V3: &[&str] = &[
    "has_sse3",
    "has_ssse3",
    "has_sse41",
    "has_sse42",
    "has_popcnt",
    "has_avx",
    "has_avx2",
    "has_bmi1",
    "has_bmi2",
    "has_lzcnt",
    "has_fma",
];

/// How much of a function's way an ISA is for.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Extent {
    /// All of it.
    Whole,
    /// What comes before optimisation.
    Prepare,
    /// What comes after optimisation, with this register allocator.
    Finish(Allocator),
}

/// The code generator for a target; `None` is this machine with all it can do.
///
/// # Errors
/// If the target is unknown, is not a 64-bit little-endian one that we support, or lacks what
/// generated code relies on.
pub(crate) fn build(
    target: Option<&str>,
    tunables: &Tunables,
    extent: Extent,
) -> Result<OwnedTargetIsa> {
    let mut settings = shared_settings(tunables)?;
    match extent {
        Extent::Whole => {}
        Extent::Prepare => settings.set("opt_level", "none")?,
        Extent::Finish(allocator) => finish_only(&mut settings, allocator)?,
    }
    let flags = settings::Flags::new(settings);
    let isa = match target {
        None => cranelift_native::builder()
            .map_err(|reason| anyhow::anyhow!("cannot generate code for this machine: {reason}"))?
            .finish(flags)?,
        Some(name) => named_isa(name, flags)?,
    };
    check(&*isa)?;
    Ok(isa)
}

fn named_isa(name: &str, flags: settings::Flags) -> Result<OwnedTargetIsa> {
    let triple = match name {
        "x86_64" => "x86_64-unknown-linux-gnu",
        "aarch64" => "aarch64-unknown-linux-gnu",
        other => other,
    };
    let triple = Triple::from_str(triple)
        .map_err(|e| anyhow::anyhow!("unknown target `{name}`: {e}; try `x86_64` or `aarch64`"))?;
    let mut builder = cranelift_codegen::isa::lookup(triple.clone())
        .with_context(|| format!("no code generator for the target `{name}`"))?;
    if matches!(triple.architecture, Architecture::X86_64) {
        for feature in X86_64_V3 {
            builder.enable(feature)?;
        }
    }
    Ok(builder.finish(flags)?)
}

fn shared_settings(tunables: &Tunables) -> Result<settings::Builder> {
    let mut builder = settings::builder();
    let opt_level = if tunables.optimize { "speed" } else { "none" };
    for (name, value) in [
        ("opt_level", opt_level),
        ("enable_verifier", yes_or_no(tunables.verify_clif)),
        (
            "enable_nan_canonicalization",
            yes_or_no(tunables.nan_canonicalization),
        ),
        ("preserve_frame_pointers", "true"),
        ("is_pic", "true"),
        // Wasm functions may have more results than registers.
        ("enable_multi_ret_implicit_sret", "true"),
        ("unwind_info", "false"),
        ("enable_probestack", "false"),
        // For `br_table`; what accesses memories and tables is guarded where it is translated.
        ("enable_table_access_spectre_mitigation", "true"),
    ] {
        builder.set(name, value)?;
    }
    Ok(builder)
}

/// Takes out of the settings what is done before and in optimisation.
fn finish_only(settings: &mut settings::Builder, allocator: Allocator) -> Result<()> {
    let allocator = match allocator {
        Allocator::Backtracking => "backtracking",
        Allocator::SinglePass => "single_pass",
    };
    settings.set("regalloc_algorithm", allocator)?;
    settings.set("opt_level", "none")?;
    settings.set("enable_nan_canonicalization", "false")?;
    settings.set("enable_verifier", "false")?;
    Ok(())
}

fn yes_or_no(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

fn check(isa: &dyn TargetIsa) -> Result<()> {
    match isa.triple().architecture {
        Architecture::Aarch64(_) => Ok(()),
        Architecture::X86_64 => {
            let has = |name: &str| {
                isa.isa_flags()
                    .iter()
                    .any(|flag| flag.name == name && flag.as_bool() == Some(true))
            };
            match ["has_ssse3", "has_sse41"]
                .into_iter()
                .find(|&name| !has(name))
            {
                Some(missing) => bail!(
                    "this x86-64 has no {}, which generated code relies on",
                    missing.trim_start_matches("has_")
                ),
                None => Ok(()),
            }
        }
        other => bail!("the architecture {other} is not supported: use x86_64 or aarch64"),
    }
}
