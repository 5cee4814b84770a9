//! What is damaged: every module and component that is in the repository.

use std::path::{Path, PathBuf};
use threadline_retarget::{Options, Wit};
use wast::parser::{ParseBuffer, parse};
use wast::{QuoteWat, Wast, WastDirective, Wat};

/// Something to damage.
pub struct Seed {
    /// Where it is from.
    pub name: String,
    /// The binary.
    pub bytes: Vec<u8>,
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// All seeds, in an order that is always the same. Alternates between large and small ones, so
/// that what a limit of time leaves out is not one kind.
pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for path in files(&["tests", "examples"]) {
        let name = path
            .strip_prefix(root())
            .unwrap_or(&path)
            .display()
            .to_string();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("wasm") => {
                let bytes = std::fs::read(&path).expect("a file that was listed");
                let world = if name.contains("stringy") {
                    "stringy"
                } else {
                    "guest"
                };
                if name.contains("guests") {
                    seeds.extend(retargeted(&name, &bytes, world));
                }
                seeds.push(Seed { name, bytes });
            }
            Some("wat") => {
                if let Ok(bytes) = wat::parse_file(&path) {
                    seeds.push(Seed { name, bytes });
                }
            }
            Some("wast") => {
                let text = std::fs::read_to_string(&path).expect("a file that was listed");
                seeds.extend(of_script(&name, &text));
            }
            _ => {}
        }
    }
    assert!(seeds.len() > 100, "only {} seeds", seeds.len());
    seeds
}

/// The files under some folders of the repository, in order.
pub fn files(folders: &[&str]) -> Vec<PathBuf> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        let entries = std::fs::read_dir(folder).expect("a folder of the repository");
        for entry in entries {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                collect(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    for folder in folders {
        collect(&root().join(folder), &mut found);
    }
    found.sort();
    found
}

fn retargeted(name: &str, module: &[u8], world: &str) -> Vec<Seed> {
    let wit = Wit::Path {
        path: &root().join("tests/guests/guests.wit"),
        world: Some(world),
    };
    let component = |keep_global| {
        let options = Options {
            keep_global,
            ..Options::default()
        };
        let made = threadline_retarget::retarget(module, &options, &wit);
        Seed {
            name: format!("{name}, as a component, keep_global: {keep_global}"),
            bytes: made.expect("a guest can be retargeted").bytes,
        }
    };
    vec![component(false), component(true)]
}

/// Every module and component of a script that can be encoded, the invalid ones as well.
fn of_script(name: &str, text: &str) -> Vec<Seed> {
    let buffer = ParseBuffer::new(text).expect("a script of ours");
    let script: Wast<'_> = parse(&buffer).expect("a script of ours");
    let mut seeds = Vec::new();
    for directive in script.directives {
        let mut module = match directive {
            WastDirective::Module(module)
            | WastDirective::ModuleDefinition(module)
            | WastDirective::AssertMalformed { module, .. }
            | WastDirective::AssertInvalid { module, .. } => module,
            WastDirective::AssertUnlinkable { module, .. } => QuoteWat::Wat(module),
            _ => continue,
        };
        let bytes = match &mut module {
            QuoteWat::Wat(Wat::Module(module)) => module.encode(),
            QuoteWat::Wat(Wat::Component(component)) => component.encode(),
            quoted => quoted.encode(),
        };
        if let Ok(bytes) = bytes {
            let name = format!("{name}, number {}", seeds.len());
            seeds.push(Seed { name, bytes });
        }
    }
    seeds
}
