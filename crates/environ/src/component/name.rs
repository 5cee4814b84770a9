//! [`Name`], the name of a field, case or label of a type.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::{Borrow, Cow};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The name of a field of a `record`, a case of a `variant` or `enum`, or a label of a `flags` type.
///
/// A type and all values of the type share the text: a clone copies none of it. A name is made from
/// a `&str` or a `String` by `into()`, and compares with both.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

impl Name {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&*self.0, f)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl From<Arc<str>> for Name {
    fn from(text: Arc<str>) -> Name {
        Name(text)
    }
}

impl From<&Name> for Name {
    fn from(name: &Name) -> Name {
        name.clone()
    }
}

macro_rules! from_text {
    ($($text:ty)*) => {$(
        impl From<$text> for Name {
            fn from(text: $text) -> Name {
                Name(text.into())
            }
        }
    )*};
}

from_text!(&str String Box<str> Cow<'_, str>);

impl From<&String> for Name {
    fn from(text: &String) -> Name {
        Name(text.as_str().into())
    }
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        name.as_str().to_owned()
    }
}

impl From<Name> for Arc<str> {
    fn from(name: Name) -> Arc<str> {
        name.0
    }
}

macro_rules! compares_with_text {
    ($($text:ty)*) => {$(
        impl PartialEq<$text> for Name {
            fn eq(&self, other: &$text) -> bool {
                self.as_str() == &other[..]
            }
        }

        impl PartialEq<Name> for $text {
            fn eq(&self, other: &Name) -> bool {
                &self[..] == other.as_str()
            }
        }
    )*};
}

compares_with_text!(str &str String);

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
        Ok(String::deserialize(deserializer)?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_shares_the_text() {
        let name = Name::from("a-field".to_owned());
        let (text, clone): (Arc<str>, Arc<str>) = (name.clone().into(), name.into());
        assert!(Arc::ptr_eq(&text, &clone));
    }

    #[test]
    fn a_name_is_its_text() {
        let name = Name::from("x");
        assert_eq!(name, "x");
        assert_eq!("x", name);
        assert_eq!(name, "x".to_owned());
        assert_ne!(name, Name::from("y"));
        assert_eq!(format!("{name} {name:?}"), "x \"x\"");
        let bytes = postcard::to_allocvec(&name).unwrap();
        assert_eq!(bytes, postcard::to_allocvec("x").unwrap());
        assert_eq!(postcard::from_bytes::<Name>(&bytes).unwrap(), name);
    }
}
