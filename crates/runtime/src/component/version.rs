//! Names with versions, and which of them stand for each other.
//!
//! An import is given what is defined, and who asks for an export what is exported, by its very name, or else by another version of it on the same
//! *track*: one whose canonical name ("Canonical interface name" in `Explainer.md`) is the same.
//! Whether what is found there fits is for the type check to say.

use std::collections::BTreeMap;
use std::ops::Bound;

/// The definition with this name, or else the one with the highest version that is compatible.
pub(super) fn find<'a, V>(items: &'a BTreeMap<String, V>, name: &str) -> Option<&'a V> {
    Some(find_entry(items, name)?.1)
}

/// The name that [`find`] finds.
pub(super) fn find_name<'a, V>(items: &'a BTreeMap<String, V>, name: &str) -> Option<&'a str> {
    Some(find_entry(items, name)?.0)
}

fn find_entry<'a, V>(items: &'a BTreeMap<String, V>, name: &str) -> Option<(&'a str, &'a V)> {
    if let Some((name, exact)) = items.get_key_value(name) {
        return Some((name, exact));
    }
    compatible(name, |base| {
        let from = (Bound::Included(base), Bound::Unbounded);
        let versions = items.range::<str, _>(from);
        versions.map(|(name, item)| (name.as_str(), item))
    })
}

/// Of names in ascending order, from one on that `from` is given, the one with the highest version
/// that is compatible with `name`.
pub(super) fn compatible<'a, V, I>(name: &str, from: impl FnOnce(&str) -> I) -> Option<(&'a str, V)>
where
    I: Iterator<Item = (&'a str, V)>,
{
    let (base, version) = split(name)?;
    let wanted = Version::parse(version)?.track;
    // The base of a name, up to its `@`, is a prefix of all its versions.
    let versions = from(base).take_while(|(name, _)| name.starts_with(base));
    let compatible = versions.filter_map(|(name, item)| {
        let version = Version::parse(&name[base.len()..])?;
        (version.track == wanted).then_some((version.number, name, item))
    });
    let (_, name, item) = compatible.max_by_key(|(number, ..)| *number)?;
    Some((name, item))
}

/// A name with its `@`, and its version.
fn split(name: &str) -> Option<(&str, &str)> {
    let at = name.rfind('@')?;
    Some(name.split_at(at + 1))
}

/// A version, as far as compatibility goes.
struct Version<'a> {
    track: Track<'a>,
    number: [u64; 3],
}

/// `canonversion`: what compatible versions have in common.
#[derive(PartialEq, Eq)]
enum Track<'a> {
    Major(u64),
    Minor(u64),
    Patch(u64),
    /// A version before a release is compatible with itself alone.
    PreRelease([u64; 3], &'a str),
}

impl<'a> Version<'a> {
    /// A version in full, or a `canonversion`. `None` if it is neither.
    fn parse(version: &'a str) -> Option<Version<'a>> {
        let (version, _build) = version.split_once('+').unwrap_or((version, ""));
        let (release, pre_release) = match version.split_once('-') {
            Some((release, label)) => (release, Some(label)),
            None => (version, None),
        };
        let mut number = [0; 3];
        let mut count = 0;
        for part in release.split('.') {
            if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            *number.get_mut(count)? = part.parse().ok()?;
            count += 1;
        }
        let [major, minor, patch] = number;
        let (track, least) = match pre_release {
            Some(label) => (Track::PreRelease(number, label), 3),
            None if major > 0 => (Track::Major(major), 1),
            None if minor > 0 => (Track::Minor(minor), 2),
            None => (Track::Patch(patch), 3),
        };
        (count >= least).then_some(Version { track, number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(defined: &[&str], name: &str) -> Option<String> {
        let items = defined.iter().map(|&name| (name.to_owned(), name));
        let items: BTreeMap<_, _> = items.collect();
        find(&items, name).map(|&name| name.to_owned())
    }

    #[test]
    fn an_exact_match_wins_over_a_higher_version() {
        let defined = ["a:b/c@1.2.0", "a:b/c@1.3.1"];
        assert_eq!(found(&defined, "a:b/c@1.2.0").unwrap(), "a:b/c@1.2.0");
        assert_eq!(found(&defined, "a:b/c@1.2.7").unwrap(), "a:b/c@1.3.1");
    }

    #[test]
    fn versions_are_ordered_by_number() {
        let defined = ["a:b/c@1.10.0", "a:b/c@1.9.0", "a:b/c@2.0.0"];
        assert_eq!(found(&defined, "a:b/c@1.0.0").unwrap(), "a:b/c@1.10.0");
    }

    #[test]
    fn other_tracks_are_not_found() {
        for (defined, name) in [
            ("a:b/c@2.0.0", "a:b/c@1.2.0"),
            ("a:b/c@0.3.0", "a:b/c@0.2.0"),
            ("a:b/c@0.0.2", "a:b/c@0.0.1"),
            ("a:b/c@1.2.0-rc.1", "a:b/c@1.2.0"),
            ("a:b/c@1.2.0", "a:b/c@1.2.0-rc.1"),
            ("a:b/c", "a:b/c@1.2.0"),
            ("a:b/c@1.2.0", "a:b/c"),
            ("a:b/cc@1.3.0", "a:b/c@1.2.0"),
            ("a:b/c@1.2.0", "a:b/c@x"),
            ("a:b/c@1.2.0", "a:b/c@1..0"),
            ("a:b/c@1.2.0", "a:b/c@1.2.0.4"),
            ("a:b/c@18446744073709551616.0.0", "a:b/c@0.0.0"),
        ] {
            assert_eq!(found(&[defined], name), None, "{defined} for {name}");
        }
    }

    #[test]
    fn compatible_versions_are_found_lower_ones_among_them() {
        for (defined, name) in [
            ("a:b/c@0.2.1", "a:b/c@0.2.6"),
            ("a:b/c@0.2.6", "a:b/c@0.2"),
            ("a:b/c@1", "a:b/c@1.2.3"),
            ("a:b/c@1.2.0+sha.5", "a:b/c@1.2.0"),
            ("a:b/c@0.0.1+x-y", "a:b/c@0.0.1"),
            ("a:b/c@1.2.0-rc.1+b", "a:b/c@1.2.0-rc.1"),
        ] {
            assert_eq!(found(&[defined], name).as_deref(), Some(defined), "{name}");
        }
    }
}
