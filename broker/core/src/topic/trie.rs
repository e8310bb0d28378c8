//! A tree of topic levels, shared by subscriptions and retained messages.
//!
//! Nodes lie in one vector and are found by (parent, level) in one hash table for the whole tree:
//! a node with a million children costs no more to search than one with two, and a leaf owns no
//! table of its own.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::FixedState;
use hashbrown::HashTable;
use smallvec::SmallVec;

use super::filter::{MULTI_LEVEL, SINGLE_LEVEL};

/// Index of a node. [`ROOT`] stands for the empty path.
pub(super) type NodeId = u32;

/// Where every path begins.
pub(super) const ROOT: NodeId = 0;

/// No node.
pub(super) const NONE: NodeId = u32::MAX;

/// Bytes of a level; up to [`LEVEL_BYTES_INLINE`] lie in the node itself.
type Level = SmallVec<[u8; LEVEL_BYTES_INLINE]>;

/// As many as a [`Level`] of four words holds.
const LEVEL_BYTES_INLINE: usize = 24;

/// What a look-up needs of a node, in one cache line where `T` is small: in a large tree each line
/// comes from memory.
#[derive(Clone, Debug)]
struct Node<T> {
    level: Level,
    value: T,
    parent: NodeId,
    /// The child named `+`, which a Topic Name cannot name.
    single: NodeId,
    /// The child named `#`.
    multi: NodeId,
    named: Named,
}

/// The children of a node that a Topic Name can name, in a word. Of an only one, as most nodes have
/// at the end of a path, it is the place: between a node and that child lie two cache lines of the
/// table which need not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Named(u32);

impl Named {
    const NONE: Self = Self(0);
    const TWO: Self = Self(2);
    /// Marks what is no number of children but the only child.
    const ONLY: u32 = 1 << 31;

    const fn only(id: NodeId) -> Self {
        Self(id | Self::ONLY)
    }

    const fn as_only(self) -> Option<NodeId> {
        if self.0 & Self::ONLY == 0 { None } else { Some(self.0 & !Self::ONLY) }
    }

    /// With `id` among them.
    const fn with(self, id: NodeId) -> Self {
        match self {
            Self::NONE => Self::only(id),
            only if only.as_only().is_some() => Self::TWO,
            Self(count) => Self(count + 1),
        }
    }

    /// Without one of them; `left` tells which one is left when there were two.
    fn without_one(self, left: impl FnOnce() -> Option<NodeId>) -> Self {
        match self {
            Self::TWO => left().map_or(Self::NONE, Self::only),
            Self::NONE => Self::NONE,
            only if only.as_only().is_some() => Self::NONE,
            Self(count) => Self(count - 1),
        }
    }
}

/// What only changes and walks need of a node.
#[derive(Clone, Debug)]
struct Family {
    first_child: NodeId,
    next_sibling: NodeId,
    previous_sibling: NodeId,
    /// Cursors that stand here: it stays for as long as there are any.
    pins: u32,
    /// Rises from node to node, so that it orders siblings.
    serial: u64,
}

impl<T: Default> Node<T> {
    fn new(parent: NodeId, level: &[u8]) -> Self {
        Self {
            level: Level::from_slice(level),
            value: T::default(),
            parent,
            single: NONE,
            multi: NONE,
            named: Named::NONE,
        }
    }
}

impl Family {
    const fn new(next_sibling: NodeId, serial: u64) -> Self {
        Self { first_child: NONE, next_sibling, previous_sibling: NONE, pins: 0, serial }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Trie<T> {
    nodes: Vec<Node<T>>,
    /// As many as there are nodes.
    families: Vec<Family>,
    free: Vec<NodeId>,
    children: HashTable<NodeId>,
    hasher: FixedState,
    /// Serial number of the last node.
    serial: u64,
}

impl<T: Default> Trie<T> {
    /// Bytes that a look-up may read of a node.
    pub(super) const NODE_BYTES: usize = size_of::<Node<T>>();

    /// `seed` keeps clients from choosing levels that collide.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            nodes: vec![Node::new(NONE, b"")],
            families: vec![Family::new(NONE, 0)],
            free: Vec::new(),
            children: HashTable::new(),
            hasher: FixedState::with_seed(seed),
            serial: 0,
        }
    }

    fn hash(hasher: &FixedState, parent: NodeId, level: &[u8]) -> u64 {
        let mut state = hasher.build_hasher();
        state.write_u32(parent);
        state.write(level);
        state.finish()
    }

    /// The child of `parent` named `level`, or [`NONE`].
    pub(super) fn child(&self, parent: NodeId, level: &[u8]) -> NodeId {
        let hash = Self::hash(&self.hasher, parent, level);
        let same = |&id: &NodeId| {
            let node = &self.nodes[id as usize];
            node.parent == parent && *node.level == *level
        };
        self.children.find(hash, same).copied().unwrap_or(NONE)
    }

    /// [`child`](Self::child) for a level of a Topic Name, which is no wildcard.
    pub(super) fn named_child(&self, parent: NodeId, level: &[u8]) -> NodeId {
        let named = self.nodes[parent as usize].named;
        match named.as_only() {
            Some(only) if *self.nodes[only as usize].level == *level => only,
            Some(_) => NONE,
            None if named == Named::NONE => NONE,
            None => self.child(parent, level),
        }
    }

    /// The child of `parent` named `+`, or [`NONE`].
    pub(super) fn single(&self, parent: NodeId) -> NodeId {
        self.nodes[parent as usize].single
    }

    /// The child of `parent` named `#`, or [`NONE`].
    pub(super) fn multi(&self, parent: NodeId) -> NodeId {
        self.nodes[parent as usize].multi
    }

    pub(super) fn value(&self, id: NodeId) -> &T {
        &self.nodes[id as usize].value
    }

    pub(super) fn value_mut(&mut self, id: NodeId) -> &mut T {
        &mut self.nodes[id as usize].value
    }

    /// The children of `parent`, newest first.
    pub(super) fn children(&self, parent: NodeId) -> impl Iterator<Item = NodeId> {
        let mut next = self.families[parent as usize].first_child;
        std::iter::from_fn(move || {
            let family = self.families.get(next as usize)?;
            Some(std::mem::replace(&mut next, family.next_sibling))
        })
    }

    pub(super) fn parent(&self, id: NodeId) -> NodeId {
        self.nodes[id as usize].parent
    }

    pub(super) fn level(&self, id: NodeId) -> &[u8] {
        &self.nodes[id as usize].level
    }

    /// The newest child, or [`NONE`].
    pub(super) fn first_child(&self, parent: NodeId) -> NodeId {
        self.families[parent as usize].first_child
    }

    /// The sibling that came just before this node did, or [`NONE`].
    pub(super) fn next_sibling(&self, id: NodeId) -> NodeId {
        self.families[id as usize].next_sibling
    }

    /// Whether a sibling came after `id` did.
    pub(super) fn is_newer(&self, sibling: NodeId, id: NodeId) -> bool {
        self.families[sibling as usize].serial > self.families[id as usize].serial
    }

    /// Keeps a node, and with it its place among its siblings, until it is unpinned as often.
    pub(super) fn pin(&mut self, id: NodeId) {
        self.families[id as usize].pins += 1;
    }

    /// Takes one [`pin`](Self::pin) back. The caller then prunes.
    pub(super) fn unpin(&mut self, id: NodeId) {
        let pins = &mut self.families[id as usize].pins;
        *pins = pins.saturating_sub(1);
    }

    /// The node at the end of `path`, or [`NONE`].
    pub(super) fn find<'a>(&self, path: impl Iterator<Item = &'a [u8]>) -> NodeId {
        let mut node = ROOT;
        for level in path {
            node = self.child(node, level);
            if node == NONE {
                break;
            }
        }
        node
    }

    /// The node at the end of `path`, made where it is missing.
    pub(super) fn insert<'a>(&mut self, path: impl Iterator<Item = &'a [u8]>) -> NodeId {
        let mut node = ROOT;
        for level in path {
            let child = self.child(node, level);
            node = if child == NONE { self.add(node, level) } else { child };
        }
        node
    }

    fn add(&mut self, parent: NodeId, level: &[u8]) -> NodeId {
        let sibling = self.families[parent as usize].first_child;
        self.serial += 1;
        let (node, family) = (Node::new(parent, level), Family::new(sibling, self.serial));
        let id = if let Some(id) = self.free.pop() {
            self.nodes[id as usize] = node;
            self.families[id as usize] = family;
            id
        } else {
            self.nodes.push(node);
            self.families.push(family);
            NodeId::try_from(self.nodes.len() - 1).unwrap_or(NONE)
        };
        assert!(id < Named::ONLY, "a topic tree holds fewer than 2^31 levels");
        if sibling != NONE {
            self.families[sibling as usize].previous_sibling = id;
        }
        self.link(parent, level, sibling, id);
        let (nodes, hasher) = (&self.nodes, &self.hasher);
        let rehash = |&id: &NodeId| {
            let node = &nodes[id as usize];
            Self::hash(hasher, node.parent, &node.level)
        };
        let hash = Self::hash(hasher, parent, level);
        self.children.insert_unique(hash, id, rehash);
        id
    }

    /// Points the parent at a child that comes (`id`) or goes (`NONE`), `first` now leading.
    fn link(&mut self, parent: NodeId, level: &[u8], first: NodeId, id: NodeId) {
        self.families[parent as usize].first_child = if id == NONE { first } else { id };
        let node = &mut self.nodes[parent as usize];
        if level == SINGLE_LEVEL {
            node.single = id;
        } else if level == MULTI_LEVEL {
            node.multi = id;
        } else if id == NONE {
            let named = node.named;
            let named = named.without_one(|| self.children(parent).find(|&id| self.is_named(id)));
            self.nodes[parent as usize].named = named;
        } else {
            node.named = node.named.with(id);
        }
    }

    /// Whether a Topic Name can name this child.
    fn is_named(&self, id: NodeId) -> bool {
        ![SINGLE_LEVEL, MULTI_LEVEL].contains(&self.level(id))
    }

    /// Removes `node` and then its ancestors for as long as they hold nothing.
    pub(super) fn prune(&mut self, mut node: NodeId, is_empty: impl Fn(&T) -> bool) {
        while node != ROOT {
            let Family { first_child, pins, .. } = self.families[node as usize];
            let Node { parent, ref value, .. } = self.nodes[node as usize];
            if first_child != NONE || pins > 0 || !is_empty(value) {
                return;
            }
            self.remove(node);
            node = parent;
        }
    }

    fn remove(&mut self, id: NodeId) {
        let removed = std::mem::replace(&mut self.nodes[id as usize], Node::new(NONE, b""));
        let family = std::mem::replace(&mut self.families[id as usize], Family::new(NONE, 0));
        let Node { level, parent, .. } = removed;
        let Family { next_sibling, previous_sibling, .. } = family;
        let hash = Self::hash(&self.hasher, parent, &level);
        if let Ok(entry) = self.children.find_entry(hash, |&other| other == id) {
            entry.remove();
        }
        if next_sibling != NONE {
            self.families[next_sibling as usize].previous_sibling = previous_sibling;
        }
        if previous_sibling != NONE {
            self.families[previous_sibling as usize].next_sibling = next_sibling;
        }
        let first = self.families[parent as usize].first_child;
        self.link(parent, &level, if first == id { next_sibling } else { first }, NONE);
        self.free.push(id);
    }

    /// Nodes in use, the root not counted.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.children.len()
    }
}
