//! Where cargo has unpacked the reference tests.

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `cargo metadata` says, as far as it is of use here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
}

/// The folder of the reference tests.
///
/// # Errors
/// If cargo can't find or fetch the package that they come with.
pub(crate) fn suite() -> Result<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .arg("--manifest-path")
        .arg(&manifest)
        .output()
        .context("cargo can't be run")?;
    ensure!(
        output.status.success(),
        "`cargo metadata` failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    let package = metadata
        .packages
        .into_iter()
        .find(|package| package.name == "wasm-tools")
        .context("cargo knows no package `wasm-tools`")?;
    let folder = package
        .manifest_path
        .parent()
        .context("a file has no folder")?;
    let suite = folder.join("tests/component-model/test");
    ensure!(suite.is_dir(), "there is no folder {}", suite.display());
    Ok(suite)
}
