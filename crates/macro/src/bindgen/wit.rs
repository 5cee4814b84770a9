//! [`Wit`]: the WIT package, read and resolved.

use super::options::Options;
use proc_macro2::Span;
use std::path::{Path, PathBuf};
use syn::LitStr;
use wit_parser::{PackageId, Resolve, WorldId};

/// What a text in the macro's input is called in messages.
const INLINE: &str = "inline";

/// A world and all that it refers to.
pub(super) struct Wit {
    pub(super) resolve: Resolve,
    pub(super) world: WorldId,
    /// The files it was read from, by absolute path.
    pub(super) files: Vec<String>,
    /// Where messages point.
    span: Span,
}

impl Wit {
    /// Reads the package and finds the world.
    ///
    /// # Errors
    /// If that fails.
    pub(super) fn load(options: &Options) -> syn::Result<Wit> {
        let mut resolve = Resolve {
            all_features: options.all_features,
            ..Resolve::default()
        };
        for feature in &options.features {
            resolve.features.insert(feature.value());
        }
        let mut files = Vec::new();
        let mut packages = Vec::new();
        for path in &options.paths {
            packages.push(load_path(&mut resolve, path, &mut files)?);
        }
        if let Some(inline) = &options.inline {
            let package = resolve.push_source(INLINE, &inline.value());
            let package = package
                .map_err(|error| syn::Error::new(inline.span(), resolve.render_error(&error)))?;
            packages = vec![package];
        }
        let world = select(&resolve, &packages, options)?;
        resolve.generate_nominal_type_ids(world);
        Ok(Wit {
            resolve,
            world,
            files,
            span: options.span(),
        })
    }

    /// An error about a place in the WIT.
    pub(super) fn error(&self, at: wit_parser::Span, message: &str) -> syn::Error {
        let place = match at.is_known() {
            true => format!("{}: ", self.resolve.render_location(at)),
            false => String::new(),
        };
        syn::Error::new(self.span, format!("{place}{message}"))
    }
}

fn select(resolve: &Resolve, packages: &[PackageId], options: &Options) -> syn::Result<WorldId> {
    let name = options.world.as_ref().map(LitStr::value);
    resolve
        .select_world(packages, name.as_deref())
        .map_err(|error| {
            let span = options
                .world
                .as_ref()
                .map_or_else(|| options.span(), LitStr::span);
            syn::Error::new(span, format!("{error:#}"))
        })
}

fn load_path(
    resolve: &mut Resolve,
    path: &LitStr,
    files: &mut Vec<String>,
) -> syn::Result<PackageId> {
    let full = root(path.span())?.join(path.value());
    let fail = |message: String| syn::Error::new(path.span(), message);
    if !full.exists() {
        return Err(fail(format!(
            "there is no WIT at `{}`; paths are relative to the folder of `Cargo.toml`",
            full.display()
        )));
    }
    let (package, sources) = resolve
        .push_path(&full)
        .map_err(|error| fail(resolve.render_error(&error)))?;
    for file in sources.paths().map(Path::to_str) {
        let file = file.ok_or_else(|| fail("a file's name is not UTF-8".to_owned()))?;
        if !files.iter().any(|known| known == file) {
            files.push(file.to_owned());
        }
    }
    Ok(package)
}

/// The folder that paths are relative to.
fn root(span: Span) -> syn::Result<PathBuf> {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .ok_or_else(|| {
            syn::Error::new(
                span,
                "relative paths need `CARGO_MANIFEST_DIR`, which cargo sets",
            )
        })
}
