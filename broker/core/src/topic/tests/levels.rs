//! The children of a tree's nodes against a set of paths.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::topic::trie::{NONE, NodeId, ROOT, Trie};

const LEVELS: [&[u8]; 6] =
    [b"", b"a", b"b", b"a level of more bytes than a node holds", b"+", b"#"];

type Path = Vec<&'static [u8]>;

fn any_path() -> impl Strategy<Value = Path> {
    vec(prop::sample::select(&LEVELS[..]), 1..4)
}

/// Looks at each node that the paths make: its children are those that they have, by either way.
fn check(trie: &Trie<bool>, paths: &BTreeSet<Path>, prefix: &mut Path, node: NodeId) {
    for level in LEVELS {
        prefix.push(level);
        let expected = paths.iter().any(|path| path.starts_with(prefix));
        let child = trie.child(node, level);
        assert_eq!(child != NONE, expected, "{prefix:?}");
        match level {
            b"+" => assert_eq!(trie.single(node), child),
            b"#" => assert_eq!(trie.multi(node), child),
            _ => assert_eq!(trie.named_child(node, level), child),
        }
        if child != NONE {
            check(trie, paths, prefix, child);
        }
        prefix.pop();
    }
}

proptest! {
    #[test]
    fn children_that_come_and_go_are_found_while_they_are_there(
        steps in vec((any_path(), prop::bool::weighted(0.6)), 0..40),
    ) {
        let mut trie = Trie::new(7);
        let mut paths = BTreeSet::new();
        for (path, comes) in steps {
            if comes {
                let node = trie.insert(path.iter().copied());
                *trie.value_mut(node) = true;
                paths.insert(path);
            } else {
                let node = trie.find(path.iter().copied());
                if node != NONE {
                    *trie.value_mut(node) = false;
                    trie.prune(node, |&is_there| !is_there);
                }
                paths.remove(&path);
            }
            check(&trie, &paths, &mut Path::new(), ROOT);
        }
    }
}
