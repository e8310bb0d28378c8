//! Which session a Client Identifier has.

use std::hash::BuildHasher;

use foldhash::quality::FixedState;
use hashbrown::HashTable;
use slotmap::SlotMap;

use crate::session::{Session, SessionKey};

/// A table of keys alone: each session knows its Client Identifier, so that a second reference to it
/// would cost every Client 16 bytes and more.
#[derive(Debug)]
pub(super) struct Identifiers {
    hasher: FixedState,
    keys: HashTable<SessionKey>,
}

type Sessions = SlotMap<SessionKey, Session>;

impl Identifiers {
    /// `seed` keeps Clients from choosing identifiers that collide.
    pub(super) fn new(seed: u64) -> Self {
        Self { hasher: FixedState::with_seed(seed), keys: HashTable::new() }
    }

    /// The session of a Client Identifier, if it has one.
    pub(super) fn find(&self, sessions: &Sessions, identifier: &str) -> Option<SessionKey> {
        let is_its = |key: &SessionKey| {
            sessions.get(*key).is_some_and(|session| *session.client_identifier == *identifier)
        };
        self.keys.find(self.hasher.hash_one(identifier), is_its).copied()
    }

    /// Adds a session whose identifier has none yet.
    pub(super) fn insert(&mut self, sessions: &Sessions, identifier: &str, key: SessionKey) {
        let Self { hasher, keys } = self;
        keys.insert_unique(hasher.hash_one(identifier), key, |key| {
            let identifier = sessions.get(*key).map_or("", |session| &session.client_identifier);
            hasher.hash_one(identifier)
        });
    }

    /// Forgets a session, which may have been removed already.
    pub(super) fn remove(&mut self, identifier: &str, key: SessionKey) {
        let hash = self.hasher.hash_one(identifier);
        if let Ok(entry) = self.keys.find_entry(hash, |other| *other == key) {
            entry.remove();
        }
    }
}
