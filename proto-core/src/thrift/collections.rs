//! Sets and maps in wire order.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use super::value::{read_elements, read_entries, write_elements, write_entries};
use super::{Reader, Type, Value, Writer};
use crate::error::DecodeError;

/// A map that keeps the order of its entries and asks nothing of its keys but equality, so that doubles, lists and
/// structs can be keys.
///
/// Lookups are linear: meant for the sizes that messages have; collect into a hash map for more, or let the generator
/// use one. A key that a peer sent twice is there twice, and [`Self::get`] finds the later one. Two maps are equal when
/// they hold the same entries in any order.
#[derive(Clone)]
pub struct Map<K, V> {
    entries: Vec<(K, V)>,
}

impl<K, V> Map<K, V> {
    /// An empty map.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Adds an entry without looking whether its key is there already.
    pub fn push(&mut self, key: K, value: V) {
        self.entries.push((key, value));
    }

    /// Sets the value of `key` and gives the one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V>
    where
        K: PartialEq,
    {
        match self.get_mut(&key) {
            Some(place) => Some(std::mem::replace(place, value)),
            None => {
                self.push(key, value);
                None
            }
        }
    }

    /// The value of `key` to change.
    pub fn get_mut<Q: PartialEq + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.entries
            .iter_mut()
            .rev()
            .find(|(known, _)| known.borrow() == key)
            .map(|(_, value)| value)
    }

    /// The value of `key`.
    #[must_use]
    pub fn get<Q: PartialEq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries
            .iter()
            .rev()
            .find(|(known, _)| known.borrow() == key)
            .map(|(_, value)| value)
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &K> {
        self.entries.iter().map(|(key, _)| key)
    }

    /// The values, in order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> {
        self.entries.iter().map(|(_, value)| value)
    }
}

/// A set that keeps the order of its elements and asks nothing of them but equality.
///
/// Lookups are linear. An element that a peer sent twice is there twice. Two sets are equal when they hold the same
/// elements in any order.
#[derive(Clone)]
pub struct Set<T> {
    elements: Vec<T>,
}

impl<T> Set<T> {
    /// An empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { elements: Vec::new() }
    }

    /// Adds an element without looking whether it is there already.
    pub fn push(&mut self, element: T) {
        self.elements.push(element);
    }

    /// Adds an element unless it is there already; says whether it was added.
    pub fn insert(&mut self, element: T) -> bool
    where
        T: PartialEq,
    {
        let new = !self.elements.contains(&element);
        if new {
            self.elements.push(element);
        }
        new
    }

    /// Whether `element` is in the set.
    #[must_use]
    pub fn contains<Q: PartialEq + ?Sized>(&self, element: &Q) -> bool
    where
        T: Borrow<Q>,
    {
        self.elements.iter().any(|known| known.borrow() == element)
    }
}

impl<K: Value, V: Value> Value for Map<K, V> {
    const TYPE: Type = Type::Map;

    fn write(&self, out: &mut Writer<'_>) {
        write_entries(out, self.entries.iter().map(|(key, value)| (key, value)));
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            entries: read_entries(input)?,
        })
    }
}

impl<T: Value> Value for Set<T> {
    const TYPE: Type = Type::Set;

    fn write(&self, out: &mut Writer<'_>) {
        write_elements(out, &self.elements);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            elements: read_elements(input)?,
        })
    }
}

/// The entries, in order.
impl<K, V> Deref for Map<K, V> {
    type Target = [(K, V)];

    fn deref(&self) -> &[(K, V)] {
        &self.entries
    }
}

/// The elements, in order.
impl<T> Deref for Set<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.elements
    }
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Default for Set<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for Map<K, V> {
    fn eq(&self, other: &Self) -> bool {
        same_elements(&self.entries, &other.entries)
    }
}

impl<T: PartialEq> PartialEq for Set<T> {
    fn eq(&self, other: &Self) -> bool {
        same_elements(&self.elements, &other.elements)
    }
}

impl<K: Eq, V: Eq> Eq for Map<K, V> {}

impl<T: Eq> Eq for Set<T> {}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Map<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.entries.iter().map(|(key, value)| (key, value)))
            .finish()
    }
}

impl<T: fmt::Debug> fmt::Debug for Set<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(&self.elements).finish()
    }
}

impl<K, V> From<Vec<(K, V)>> for Map<K, V> {
    fn from(entries: Vec<(K, V)>) -> Self {
        Self { entries }
    }
}

impl<K, V, const N: usize> From<[(K, V); N]> for Map<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        Self {
            entries: entries.into(),
        }
    }
}

impl<T> From<Vec<T>> for Set<T> {
    fn from(elements: Vec<T>) -> Self {
        Self { elements }
    }
}

impl<T, const N: usize> From<[T; N]> for Set<T> {
    fn from(elements: [T; N]) -> Self {
        Self {
            elements: elements.into(),
        }
    }
}

impl<K, V> FromIterator<(K, V)> for Map<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Self {
            entries: entries.into_iter().collect(),
        }
    }
}

impl<T> FromIterator<T> for Set<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        Self {
            elements: elements.into_iter().collect(),
        }
    }
}

impl<K, V> IntoIterator for Map<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<T> IntoIterator for Set<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.elements.into_iter()
    }
}

impl<'a, K, V> IntoIterator for &'a Map<K, V> {
    type Item = &'a (K, V);
    type IntoIter = std::slice::Iter<'a, (K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.iter()
    }
}

impl<'a, T> IntoIterator for &'a Set<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.elements.iter()
    }
}

/// Whether both hold the same elements; their order does not matter.
fn same_elements<T: PartialEq>(left: &[T], right: &[T]) -> bool {
    left == right
        || (left.len() == right.len()
            && left.iter().all(|element| right.contains(element))
            && right.iter().all(|element| left.contains(element)))
}
