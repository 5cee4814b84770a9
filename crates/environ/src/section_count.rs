//! Refuses sections that announce more entries than they have bytes.
//!
//! The validator sets memory aside for as many entries as a section announces, and looks whether
//! they are there later: a few bytes could have it take a hundred megabytes. No entry of a counted
//! section is empty, so a count above the number of bytes can be refused before that.

use crate::error::{Error, Result};
use wasmparser::{Payload, SectionLimited};

/// Checks a section before the validator gets to see it.
pub(crate) fn check(payload: &Payload<'_>) -> Result<()> {
    match payload {
        Payload::TypeSection(section) => fits(section),
        Payload::ImportSection(section) => fits(section),
        Payload::FunctionSection(section) => fits(section),
        Payload::TableSection(section) => fits(section),
        Payload::MemorySection(section) => fits(section),
        Payload::TagSection(section) => fits(section),
        Payload::GlobalSection(section) => fits(section),
        Payload::ExportSection(section) => fits(section),
        Payload::ElementSection(section) => fits(section),
        Payload::DataSection(section) => fits(section),
        Payload::InstanceSection(section) => fits(section),
        Payload::CoreTypeSection(section) => fits(section),
        Payload::ComponentInstanceSection(section) => fits(section),
        Payload::ComponentAliasSection(section) => fits(section),
        Payload::ComponentTypeSection(section) => fits(section),
        Payload::ComponentCanonicalSection(section) => fits(section),
        Payload::ComponentImportSection(section) => fits(section),
        Payload::ComponentExportSection(section) => fits(section),
        // Not counted, or nothing is set aside for it.
        _ => Ok(()),
    }
}

fn fits<T>(section: &SectionLimited<'_, T>) -> Result<()> {
    let range = section.range();
    let bytes = range.end - range.start;
    if u64::from(section.count()) <= bytes {
        return Ok(());
    }
    Err(Error::invalid(
        format!(
            "unexpected end-of-file: a section announces {} entries and has {bytes} bytes",
            section.count()
        ),
        range.start,
    ))
}

#[cfg(test)]
mod tests {
    use crate::{Features, Translation};

    #[test]
    fn a_count_that_cannot_be_is_refused_where_it_is() {
        // An export section of three bytes, all of them its count: 893,790.
        let module = b"\0asm\x01\0\0\0\x07\x03\xde\xc6\x36";
        let component = b"\0asm\x0d\0\x01\0\x0b\x03\xde\xc6\x36";
        for binary in [&module[..], component] {
            let error = Translation::parse(binary, Features::default()).err();
            assert_eq!(
                error.expect("it is broken").to_string(),
                "unexpected end-of-file: a section announces 893790 entries and has 3 bytes \
                 (at offset 0xa)"
            );
        }
    }
}
