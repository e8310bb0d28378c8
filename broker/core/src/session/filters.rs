//! The Topic Filters of one session.

use foldhash::fast::FixedState;
use indexmap::IndexSet;

/// Filters up to which a list is looked through: shorter than a table, and no slower.
const FEW: usize = 8;

/// Topic Filters without repetition, in no particular order. Most sessions have one or none: those
/// pay for no table.
#[derive(Debug)]
pub struct Filters(Kind);

#[derive(Debug)]
enum Kind {
    Few(Vec<Box<str>>),
    Many(Box<IndexSet<Box<str>, FixedState>>),
}

impl Default for Filters {
    fn default() -> Self {
        Self(Kind::Few(Vec::new()))
    }
}

impl Filters {
    /// How many there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Kind::Few(filters) => filters.len(),
            Kind::Many(filters) => filters.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether this filter is one of them.
    pub fn contains(&self, filter: &str) -> bool {
        match &self.0 {
            Kind::Few(filters) => filters.iter().any(|other| **other == *filter),
            Kind::Many(filters) => filters.contains(filter),
        }
    }

    /// Adds a filter. False when it was there.
    pub fn insert(&mut self, filter: &str) -> bool {
        if self.contains(filter) {
            return false;
        }
        match &mut self.0 {
            Kind::Few(filters) if filters.len() < FEW => {
                // Room for one, or two, is all that most need.
                filters.reserve_exact(filters.len().max(1));
                filters.push(filter.into());
            }
            Kind::Few(filters) => {
                let mut many: IndexSet<_, _> = std::mem::take(filters).into_iter().collect();
                many.insert(filter.into());
                self.0 = Kind::Many(Box::new(many));
            }
            Kind::Many(filters) => {
                filters.insert(filter.into());
            }
        }
        true
    }

    /// Removes a filter. False when it was not there.
    pub fn remove(&mut self, filter: &str) -> bool {
        match &mut self.0 {
            Kind::Few(filters) => {
                let position = filters.iter().position(|other| **other == *filter);
                position.map(|position| filters.swap_remove(position)).is_some()
            }
            Kind::Many(filters) => filters.swap_remove(filter),
        }
    }

    /// Removes those that `keep` does not keep.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        match &mut self.0 {
            Kind::Few(filters) => filters.retain(|filter| keep(filter)),
            Kind::Many(filters) => filters.retain(|filter| keep(filter)),
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let (few, many) = match &self.0 {
            Kind::Few(filters) => (Some(filters), None),
            Kind::Many(filters) => (None, Some(filters)),
        };
        let few = few.into_iter().flatten();
        few.chain(many.into_iter().flat_map(|filters| filters.iter())).map(|filter| &**filter)
    }
}
