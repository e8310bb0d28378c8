//! Walks through the retained messages that a Topic Filter matches, as slowly as their reader.
//!
//! The order is that of the tree: a topic before those below it, siblings from the newest to the
//! oldest. A walk keeps the node where it stands, and new nodes come in front of their siblings, so
//! that it goes on rightly whatever was stored or deleted since.

use smallvec::SmallVec;

use super::filter::{MULTI_LEVEL, SINGLE_LEVEL, TopicFilter};
use super::name::TopicName;
use super::retained::{Entry, Retained};
use super::trie::{NONE, NodeId, ROOT};
use crate::message::Message;

/// How far a walk has come. It holds a place in the store: to be given back with
/// [`Retained::end_walk`].
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub struct Walk {
    at: Position,
    /// The store's last change when it began. What came later is not part of it.
    until: u64,
}

/// What a walk has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A message.
    Found(Message),
    /// No message within the given number of levels.
    Paused,
    /// The end.
    Done,
}

/// A topic with a retained message.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    node: NodeId,
    change: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    node: NodeId,
    depth: usize,
}

impl Position {
    const START: Self = Self { node: ROOT, depth: 0 };
}

/// A Topic Filter, split.
#[derive(Debug)]
pub struct FilterLevels<'a>(SmallVec<[&'a [u8]; 8]>);

/// Which children of a node belong to a walk.
enum Below<'a> {
    Nothing,
    One(&'a [u8]),
    Any,
}

impl<'a> FilterLevels<'a> {
    /// The levels of a filter.
    pub fn new(filter: TopicFilter<'a>) -> Self {
        Self(filter.levels().collect())
    }

    fn ends_with_any(&self) -> bool {
        self.0.last() == Some(&MULTI_LEVEL)
    }

    /// What follows at `depth` levels below the root.
    fn below(&self, depth: usize) -> Below<'a> {
        match self.0.get(depth).copied() {
            Some(MULTI_LEVEL | SINGLE_LEVEL) => Below::Any,
            Some(level) => Below::One(level),
            None if self.ends_with_any() => Below::Any,
            None => Below::Nothing,
        }
    }

    /// Whether a topic of so many levels, none of which differs, matches as a whole.
    fn accepts(&self, depth: usize) -> bool {
        depth == self.0.len() || (self.ends_with_any() && depth + 1 >= self.0.len())
    }
}

impl Retained {
    /// Begins a walk through what is stored now.
    pub fn begin_walk(&mut self) -> Walk {
        self.trie.pin(ROOT);
        Walk { at: Position::START, until: self.changes }
    }

    /// Ends a walk, wherever it is.
    pub fn end_walk(&mut self, Walk { at, .. }: Walk) {
        self.trie.unpin(at.node);
        self.trie.prune(at.node, Option::is_none);
    }

    /// Goes on to the next message that `filter` matches, by `steps` levels at most, which it counts
    /// down.
    pub fn step(&mut self, walk: &mut Walk, filter: &FilterLevels<'_>, steps: &mut usize) -> Step {
        let mut at = walk.at;
        let step = loop {
            if *steps == 0 {
                break Step::Paused;
            }
            *steps -= 1;
            let Some(next) = self.after(filter, at) else { break Step::Done };
            at = next;
            if let Some(Entry { change, message: Some(message), .. }) = self.accepted(filter, at)
                && *change <= walk.until
            {
                break Step::Found(message.clone());
            }
        };
        let left = std::mem::replace(&mut walk.at, at);
        if left != at {
            self.trie.pin(at.node);
            self.trie.unpin(left.node);
            self.trie.prune(left.node, Option::is_none);
        }
        step
    }

    /// Calls `visit` with every retained message whose topic `filter` matches.
    pub fn matches(&self, filter: TopicFilter<'_>, mut visit: impl FnMut(&Message)) {
        let filter = FilterLevels::new(filter);
        let mut at = Position::START;
        while let Some(next) = self.after(&filter, at) {
            at = next;
            if let Some(Entry { message: Some(message), .. }) = self.accepted(&filter, at) {
                visit(message);
            }
        }
    }

    /// The retained message of a topic and where it is.
    pub fn get(&self, topic: TopicName<'_>) -> Option<(Place, &Message)> {
        let node = self.trie.find(topic.levels());
        if node == NONE {
            return None;
        }
        let entry = self.trie.value(node).as_ref()?;
        let place = Place { node, change: entry.change };
        entry.message.as_ref().map(|message| (place, message))
    }

    /// Whether a walk through topics that match the one at `place` has not come there yet.
    pub fn is_ahead(&self, walk: &Walk, place: Place) -> bool {
        place.change <= walk.until && self.precedes(walk.at.node, place.node)
    }

    /// Lets all walks that are under way leave a message out.
    pub fn leave_out(&mut self, place: Place) {
        self.changes += 1;
        if let Some(entry) = self.trie.value_mut(place.node) {
            entry.change = self.changes;
        }
    }

    /// The topic, or part of one, after another one in the order of walks.
    fn after(&self, filter: &FilterLevels<'_>, mut at: Position) -> Option<Position> {
        let child = match filter.below(at.depth) {
            _ if self.is_hidden(filter, at) => NONE,
            Below::Nothing => NONE,
            Below::One(level) => self.trie.child(at.node, level),
            Below::Any => self.trie.first_child(at.node),
        };
        if child != NONE {
            return Some(Position { node: child, depth: at.depth + 1 });
        }
        while at.node != ROOT {
            let sibling = match filter.below(at.depth - 1) {
                Below::Any => self.trie.next_sibling(at.node),
                Below::One(_) | Below::Nothing => NONE,
            };
            if sibling != NONE {
                return Some(Position { node: sibling, depth: at.depth });
            }
            at = Position { node: self.trie.parent(at.node), depth: at.depth - 1 };
        }
        None
    }

    /// What is stored where a walk has come to, if that is a whole topic.
    fn accepted(&self, filter: &FilterLevels<'_>, at: Position) -> Option<&Entry> {
        let is_whole = filter.accepts(at.depth) && !self.is_hidden(filter, at);
        self.trie.value(at.node).as_ref().filter(|_| is_whole)
    }

    /// A leading wildcard does not match a level with `$`, [MQTT-4.7.2-1].
    fn is_hidden(&self, filter: &FilterLevels<'_>, at: Position) -> bool {
        at.depth == 1
            && matches!(filter.below(0), Below::Any)
            && self.trie.level(at.node).starts_with(b"$")
    }

    /// Whether a walk comes to `first` before it comes to `second`.
    fn precedes(&self, first: NodeId, second: NodeId) -> bool {
        let (depth, other_depth) = (self.depth(first), self.depth(second));
        let (mut one, mut other) = (first, second);
        for _ in other_depth..depth {
            one = self.trie.parent(one);
        }
        for _ in depth..other_depth {
            other = self.trie.parent(other);
        }
        if one == other {
            return depth < other_depth;
        }
        while self.trie.parent(one) != self.trie.parent(other) {
            (one, other) = (self.trie.parent(one), self.trie.parent(other));
        }
        self.trie.is_newer(one, other)
    }

    fn depth(&self, mut node: NodeId) -> usize {
        let mut depth = 0;
        while node != ROOT {
            node = self.trie.parent(node);
            depth += 1;
        }
        depth
    }
}
