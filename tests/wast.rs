//! Runs `.wast` scripts, one test for each file and context lowering.
//!
//! The scripts are those under `tests/misc_testsuite`, and whatever files and folders the
//! environment variable `THREADLINE_WAST_PATHS` lists, separated as in `PATH`. What a script
//! may contain is described in `crates/wast`; known failures are in
//! `tests/misc_testsuite/xfail.txt`.

use anyhow::{Context, Result, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use threadline::{Config, ContextLowering, Engine};
use threadline_wast::{WastRunner, Xfail, test_header};

/// What a script of ours may say about itself.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    /// Proposals that are not as they are by default, by name: whether they are accepted.
    #[serde(default)]
    proposals: BTreeMap<String, bool>,
    /// Whether relaxed SIMD is to do the same on every machine.
    #[serde(default)]
    relaxed_simd_deterministic: bool,
}

/// A script and the name of its tests.
struct Script {
    path: PathBuf,
    name: String,
}

fn main() -> Result<()> {
    let args = Arguments::from_args();
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/misc_testsuite");
    let mut scripts = scripts_under(&suite, &suite)?;
    ensure!(!scripts.is_empty(), "no scripts in {}", suite.display());
    if let Some(paths) = std::env::var_os("THREADLINE_WAST_PATHS") {
        for path in std::env::split_paths(&paths).filter(|path| !path.as_os_str().is_empty()) {
            scripts.extend(scripts_under(&path, Path::new(""))?);
        }
    }
    let xfail = Xfail::read(&suite.join("xfail.txt"))?;
    for listed in xfail.paths() {
        ensure!(
            scripts.iter().any(|script| script.name == listed),
            "xfail.txt lists `{listed}`, which is no script"
        );
    }
    let tests = scripts.iter().flat_map(|script| trials(script, &xfail));
    libtest_mimic::run(&args, tests.collect()).exit();
}

/// The tests of a script, one for each lowering.
fn trials(script: &Script, xfail: &Xfail) -> Vec<Trial> {
    let path: Arc<Path> = script.path.as_path().into();
    let trial = |lowering: ContextLowering| {
        let path = path.clone();
        let known = xfail.reason(&script.name).map(str::to_owned);
        Trial::test(format!("{}::{lowering}", script.name), move || {
            match (run(&path, lowering), known) {
                (Ok(()), None) | (Err(_), Some(_)) => Ok(()),
                (Err(error), None) => Err(Failed::from(format!("{error:#}"))),
                (Ok(()), Some(reason)) => Err(Failed::from(format!(
                    "it passes: take it off xfail.txt, which says: {reason}"
                ))),
            }
        })
    };
    ContextLowering::ALL.into_iter().map(trial).collect()
}

fn run(path: &Path, lowering: ContextLowering) -> Result<()> {
    let text = std::fs::read_to_string(path)?;
    let header: Header = test_header::parse(&text)?;
    let mut config = Config::new();
    config
        .context_lowering(lowering)
        .relaxed_simd_deterministic(header.relaxed_simd_deterministic);
    for (name, &enable) in &header.proposals {
        config.wasm_proposal(name.parse().map_err(anyhow::Error::msg)?, enable);
    }
    let engine = Engine::new(&config)?;
    WastRunner::new(&engine)
        .run_str(&path.display().to_string(), &text)
        .into_result()
}

/// The `.wast` files at or under a path, in order, named relative to `base`.
fn scripts_under(path: &Path, base: &Path) -> Result<Vec<Script>> {
    let metadata = std::fs::metadata(path)
        .with_context(|| format!("can't look for scripts in `{}`", path.display()))?;
    if metadata.is_file() {
        let name = path.strip_prefix(base).unwrap_or(path);
        return Ok(vec![Script {
            path: path.to_owned(),
            name: name.display().to_string(),
        }]);
    }
    let mut entries = std::fs::read_dir(path)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    entries.sort();
    let mut scripts = Vec::new();
    for entry in entries {
        if entry.is_dir()
            || entry
                .extension()
                .is_some_and(|extension| extension == "wast")
        {
            scripts.extend(scripts_under(&entry, base)?);
        }
    }
    Ok(scripts)
}
