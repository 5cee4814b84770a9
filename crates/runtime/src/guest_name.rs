//! Names that a guest has chosen, in messages: they may be megabytes long, and are cut.

use std::borrow::Cow;

/// How many bytes of a name are shown.
pub(crate) const MAX_NAME: usize = 256;

/// Returns a name as a message shows it: with `…` in place of what is beyond [`MAX_NAME`] bytes.
pub(crate) fn cut(name: &str) -> Cow<'_, str> {
    if name.len() <= MAX_NAME {
        return Cow::Borrowed(name);
    }
    Cow::Owned(format!("{}…", &name[..name.floor_char_boundary(MAX_NAME)]))
}

#[cfg(test)]
mod tests {
    use super::{MAX_NAME, cut};

    #[test]
    fn a_name_is_cut_between_characters_and_only_if_it_is_long() {
        let fits = "n".repeat(MAX_NAME);
        assert_eq!(cut(&fits), fits);
        assert_eq!(cut(&(fits.clone() + "n")), fits.clone() + "…");
        // Three bytes a character: the last one that begins within the limit doesn't fit.
        let wide = "あ".repeat(1_000_000);
        assert_eq!(cut(&wide), "あ".repeat(MAX_NAME / 3) + "…");
        assert_eq!(cut(""), "");
    }
}
