//! The standard library's sets and maps as values.

#![expect(
    clippy::disallowed_types,
    reason = "users may ask for hash containers in their own types; the crate itself never iterates over one"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

use super::value::write_entries;
use super::{Reader, Type, Value, Writer};
use crate::error::DecodeError;

impl<T: Value + Eq + Hash, S: BuildHasher + Default> Value for HashSet<T, S> {
    const TYPE: Type = Type::Set;

    fn write(&self, out: &mut Writer<'_>) {
        out.list_begin(T::TYPE, self.len());
        self.iter().for_each(|element| element.write(out));
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_set(input)
    }
}

impl<T: Value + Ord> Value for BTreeSet<T> {
    const TYPE: Type = Type::Set;

    fn write(&self, out: &mut Writer<'_>) {
        out.list_begin(T::TYPE, self.len());
        self.iter().for_each(|element| element.write(out));
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_set(input)
    }
}

impl<K: Value + Eq + Hash, V: Value, S: BuildHasher + Default> Value for HashMap<K, V, S> {
    const TYPE: Type = Type::Map;

    fn write(&self, out: &mut Writer<'_>) {
        write_entries(out, self.iter());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_map(input)
    }
}

impl<K: Value + Ord, V: Value> Value for BTreeMap<K, V> {
    const TYPE: Type = Type::Map;

    fn write(&self, out: &mut Writer<'_>) {
        write_entries(out, self.iter());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_map(input)
    }
}

fn read_set<T: Value, S: Default + Extend<T>>(input: &mut Reader<'_>) -> Result<S, DecodeError> {
    let count = input.list_begin(T::TYPE)?;
    let mut set = S::default();
    for _ in 0..count {
        set.extend([T::read(input)?]);
    }
    input.end();
    Ok(set)
}

fn read_map<K: Value, V: Value, M: Default + Extend<(K, V)>>(input: &mut Reader<'_>) -> Result<M, DecodeError> {
    let count = input.map_begin(K::TYPE, V::TYPE)?;
    let mut map = M::default();
    for _ in 0..count {
        map.extend([(K::read(input)?, V::read(input)?)]);
    }
    input.end();
    Ok(map)
}
