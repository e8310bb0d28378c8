//! Which Topic Filters match a Topic Name, section 4.7.

use std::collections::HashMap;

/// Topic Filters, each with a number: those without wildcards by their name, the others as a tree of
/// levels.
#[derive(Debug)]
pub(super) struct Filters {
    plain: HashMap<String, u32>,
    nodes: Vec<Node>,
    count: u32,
}

#[derive(Debug, Default)]
struct Node {
    children: HashMap<String, usize>,
    /// The filter that ends here.
    here: Option<u32>,
    /// The filter that goes on with `#`.
    rest: Option<u32>,
}

const ROOT: usize = 0;
const ONE_LEVEL: &str = "+";
const ALL_LEVELS: &str = "#";

impl Filters {
    pub(super) fn new() -> Self {
        Self { plain: HashMap::new(), nodes: vec![Node::default()], count: 0 }
    }

    /// The number of a filter, which may be a new one: they count from 0.
    pub(super) fn number(&mut self, filter: &str) -> u32 {
        let new = self.count;
        let number = if filter.contains(['+', '#']) {
            self.insert(filter, new)
        } else {
            match self.plain.get(filter) {
                Some(number) => *number,
                None => *self.plain.entry(filter.to_owned()).or_insert(new),
            }
        };
        self.count += u32::from(number == new);
        number
    }

    fn insert(&mut self, filter: &str, new: u32) -> u32 {
        let mut at = ROOT;
        for level in filter.split('/') {
            if level == ALL_LEVELS {
                return *self.nodes[at].rest.get_or_insert(new);
            }
            at = if let Some(child) = self.nodes[at].children.get(level) {
                *child
            } else {
                let child = self.nodes.len();
                self.nodes.push(Node::default());
                self.nodes[at].children.insert(level.to_owned(), child);
                child
            };
        }
        *self.nodes[at].here.get_or_insert(new)
    }

    /// Filters that there are.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// The numbers of those that match, in ascending order.
    pub(super) fn matching(&self, topic: &str) -> Vec<u32> {
        let mut found: Vec<_> = self.plain.get(topic).copied().into_iter().collect();
        let levels: Vec<_> = topic.split('/').collect();
        // A wildcard at the front matches no topic that begins with `$` [MQTT-4.7.2-1].
        let is_hidden = topic.starts_with('$');
        self.walk(ROOT, &levels, is_hidden, &mut found);
        found.sort_unstable();
        found
    }

    fn walk(&self, at: usize, levels: &[&str], is_hidden: bool, found: &mut Vec<u32>) {
        let node = &self.nodes[at];
        if !is_hidden {
            // `#` stands for its parent too.
            found.extend(node.rest);
        }
        let Some((first, others)) = levels.split_first() else {
            found.extend(node.here);
            return;
        };
        if let Some(child) = node.children.get(*first) {
            self.walk(*child, others, false, found);
        }
        if !is_hidden && let Some(child) = node.children.get(ONE_LEVEL) {
            self.walk(*child, others, false, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As the specification says it, one filter at a time.
    fn matches(filter: &str, topic: &str) -> bool {
        if topic.starts_with('$') && filter.starts_with(['+', '#']) {
            return false;
        }
        let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
        loop {
            match (filter.next(), topic.next()) {
                (Some("#"), _) | (None, None) => return true,
                (Some("+"), Some(_)) => {}
                (Some(a), Some(b)) if a == b => {}
                _ => return false,
            }
        }
    }

    #[test]
    fn mqtt_4_7_1_2_a_multi_level_wildcard_stands_for_its_parent_too() {
        let mut filters = Filters::new();
        let all = filters.number("a/#");
        assert_eq!(filters.number("a/#"), all, "the same filter has the same number");
        assert_eq!(filters.matching("a"), [all]);
        assert_eq!(filters.matching("a/b/c"), [all]);
        assert!(filters.matching("b").is_empty());
    }

    #[test]
    fn mqtt_4_7_2_1_wildcards_at_the_front_match_no_topic_of_the_server() {
        let mut filters = Filters::new();
        for filter in ["#", "+/a"] {
            filters.number(filter);
        }
        let own = filters.number("$x/#");
        assert_eq!(filters.matching("$x/a"), [own]);
        assert_eq!(filters.matching("x/a"), [0, 1]);
    }

    proptest! {
        #[test]
        fn the_tree_agrees_with_the_specification(
            written in proptest::collection::vec("(\\$|a|b|\\+|)(/(a|b|\\+|)){0,3}(/#)?|#", 1..12),
            topic in "(\\$|a|b|)(/(a|b|)){0,3}",
        ) {
            prop_assume!(!topic.is_empty());
            let mut filters = Filters::new();
            let numbers: Vec<_> = written.iter().map(|filter| filters.number(filter)).collect();
            let mut expected: Vec<_> = written
                .iter()
                .zip(&numbers)
                .filter(|(filter, _)| matches(filter, &topic))
                .map(|(_, number)| *number)
                .collect();
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(filters.matching(&topic), expected);
            prop_assert!(numbers.iter().all(|number| *number < filters.count()));
        }
    }
}
