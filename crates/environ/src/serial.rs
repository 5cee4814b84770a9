//! Serialised forms of collections that `serde` does not know, for `#[serde(with = "…")]`.

/// A [`PrimaryMap`](cranelift_entity::PrimaryMap): its values in order.
pub(crate) mod map {
    use cranelift_entity::{EntityRef, PrimaryMap};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<K, V, S>(map: &PrimaryMap<K, V>, to: S) -> Result<S::Ok, S::Error>
    where
        K: EntityRef,
        V: Serialize,
        S: Serializer,
    {
        map.values().as_slice().serialize(to)
    }

    pub(crate) fn deserialize<'de, K, V, D>(from: D) -> Result<PrimaryMap<K, V>, D::Error>
    where
        K: EntityRef,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::deserialize(from)?.into())
    }
}

/// A [`SmallVec`](smallvec::SmallVec): its elements in order.
pub(crate) mod small {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use smallvec::{Array, SmallVec};

    pub(crate) fn serialize<A, S>(elements: &SmallVec<A>, to: S) -> Result<S::Ok, S::Error>
    where
        A: Array<Item: Serialize>,
        S: Serializer,
    {
        elements.as_slice().serialize(to)
    }

    pub(crate) fn deserialize<'de, A, D>(from: D) -> Result<SmallVec<A>, D::Error>
    where
        A: Array<Item: Deserialize<'de>>,
        D: Deserializer<'de>,
    {
        Ok(Vec::deserialize(from)?.into())
    }
}
