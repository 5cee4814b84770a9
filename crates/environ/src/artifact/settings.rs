//! What an image was compiled for: names and values as text, a line each, so that two can be
//! compared at once, and a difference named.

use super::ImageError;
use crate::{Features, Proposal, Tunables};

/// Everything that an image and the engine that loads it must agree on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    text: String,
}

/// How the name of something begins that the processor may have or not.
const PROCESSOR: &str = "processor ";

impl Settings {
    /// What follows from the options of a compiler, before anything about its target.
    ///
    /// How hard the compiler works is not in it, for the code does the same.
    pub fn new(tunables: &Tunables, features: Features) -> Settings {
        // All fields are named, so that a new one is not forgotten here.
        let Tunables {
            context_lowering,
            memory_reservation,
            memory_guard_size,
            relaxed_simd_deterministic,
            consume_fuel,
            epoch_interruption,
            nan_canonicalization,
            inline_calls: _,
            optimize: _,
            verify_clif: _,
        } = tunables;
        let mut settings = Settings::default();
        settings.add("context lowering", context_lowering);
        settings.add("memory reservation", memory_reservation);
        settings.add("memory guard size", memory_guard_size);
        settings.add("relaxed SIMD deterministic", relaxed_simd_deterministic);
        settings.add("fuel", consume_fuel);
        settings.add("epoch interruption", epoch_interruption);
        settings.add("NaN canonicalization", nan_canonicalization);
        for proposal in Proposal::all() {
            settings.add(&format!("proposal {proposal}"), features.has(proposal));
        }
        settings
    }

    /// Adds something by name.
    pub fn add(&mut self, name: &str, value: impl std::fmt::Display) {
        self.text.push_str(&format!("{name}: {value}\n"));
    }

    /// Adds something that the processor can do or not. Code for a processor without it runs on
    /// one that has it.
    pub fn add_processor_feature(&mut self, name: &str, has: bool) {
        self.add(&format!("{PROCESSOR}{name}"), has);
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Checks that an image with these settings can be loaded by an engine with those of `self`.
    ///
    /// # Errors
    /// If not: the first setting that differs.
    pub(super) fn check(&self, image: &[u8]) -> Result<(), ImageError> {
        if self.text.as_bytes() == image {
            return Ok(());
        }
        let image = &*String::from_utf8_lossy(image);
        let find = |text: &str, name: &str| -> Option<String> {
            let mut lines = text.lines().filter_map(|line| line.split_once(": "));
            let (_, value) = lines.find(|(other, _)| *other == name)?;
            Some(value.to_owned())
        };
        let names = image.lines().chain(self.text.lines());
        for name in names.filter_map(|line| Some(line.split_once(": ")?.0)) {
            let (compiled_for, here) = (find(image, name), find(&self.text, name));
            let harmless = name.starts_with(PROCESSOR) && compiled_for.as_deref() == Some("false");
            if compiled_for != here && !harmless {
                let or_unknown = |value: Option<String>| value.unwrap_or("unknown".to_owned());
                return Err(ImageError::Setting {
                    name: name.to_owned(),
                    image: or_unknown(compiled_for),
                    engine: or_unknown(here),
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(fuel: bool, avx: bool) -> Settings {
        let tunables = Tunables {
            consume_fuel: fuel,
            ..Tunables::default()
        };
        let mut settings = Settings::new(&tunables, Features::default());
        settings.add_processor_feature("avx", avx);
        settings
    }

    #[test]
    fn a_difference_is_named() {
        let error = settings(false, true).check(settings(true, true).text().as_bytes());
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("fuel: true") && error.contains("false"),
            "{error}"
        );
    }

    #[test]
    fn a_processor_may_do_more_than_the_image_asks_for_but_not_less() {
        assert!(
            settings(false, true)
                .check(settings(false, false).text().as_bytes())
                .is_ok()
        );
        let error = settings(false, false).check(settings(false, true).text().as_bytes());
        assert!(error.unwrap_err().to_string().contains("avx"));
    }
}
