//! The ACL file, in the format of mosquitto:
//!
//! ```text
//! topic read public/#            # before any user: for anonymous clients
//! user alice
//! topic readwrite home/alice/#
//! topic deny home/alice/secret
//! pattern write sensors/%c/state # for everybody; %u is the user name, %c the Client Identifier
//! ```
//!
//! A user's rules come before the patterns, and in each of the two denials come before grants.
//! The first that matches decides; nothing that matches is a refusal.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use broker_core::topic::{OwnedTopicFilter, TopicFilter, TopicName};
use broker_core::{Identity, QoS, Rights};

use super::error::{AccessFileError, Problem};
use super::passwords::read;

/// What a rule says of the topics it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Right {
    Deny,
    Read,
    Write,
    ReadWrite,
}

/// A rule for the topics that a filter matches.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    right: Right,
    filter: OwnedTopicFilter,
    /// Bytes of the filter before its first wildcard and the `/` in front of that, with which every
    /// topic that it matches begins: most rules are passed by on one comparison.
    literal: usize,
}

impl Rule {
    fn new(right: Right, filter: TopicFilter<'_>) -> Self {
        let text = filter.as_str();
        let literal = text.find(['+', '#']).map_or(text.len(), |wildcard| wildcard.max(1) - 1);
        Self { right, filter: filter.into(), literal }
    }

    fn matches(&self, topic: TopicName<'_>) -> bool {
        let filter = self.filter.as_filter();
        let (filter_bytes, topic_bytes) = (filter.as_str().as_bytes(), topic.as_bytes());
        filter_bytes.get(..self.literal).is_some_and(|start| topic_bytes.starts_with(start))
            && filter.matches(topic)
    }
}

/// A whole file.
#[derive(Clone, Debug, Default)]
pub(super) struct Acl {
    anonymous: Arc<[Rule]>,
    users: HashMap<Box<str>, Arc<[Rule]>>,
    patterns: Vec<Rule>,
}

impl Acl {
    pub(super) fn load(path: &Path) -> Result<Self, AccessFileError> {
        Self::parse(path, &read(path)?)
    }

    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, AccessFileError> {
        let mut parser = Parser::default();
        for (index, line) in text.lines().enumerate() {
            parser.add(line.trim()).map_err(|problem| AccessFileError::Line {
                path: path.to_owned(),
                line: index + 1,
                problem,
            })?;
        }
        Ok(parser.finish())
    }

    /// Whether there are rules for users by name.
    pub(super) fn names_users(&self) -> bool {
        !self.users.is_empty()
    }

    /// The rules of one Client.
    pub(super) fn rights(&self, client: &Identity) -> AclRights {
        let user_name = client.principal.user_name.as_deref();
        let own = match user_name {
            Some(user_name) => self.users.get(user_name).cloned().unwrap_or_default(),
            None => Arc::clone(&self.anonymous),
        };
        let names = [user_name, Some(&*client.client_identifier)];
        // A name with such a character would widen the pattern it is put into.
        let unsafe_name = |name: &str| name.contains(['+', '#', '/']);
        let patterns = if names.into_iter().flatten().any(unsafe_name) {
            Vec::new()
        } else {
            self.patterns.iter().filter_map(|rule| fill_in(rule, client)).collect()
        };
        AclRights { own, patterns: patterns.into() }
    }
}

/// A pattern with the names of a Client; `None` when it asks for a user name and there is none.
fn fill_in(rule: &Rule, client: &Identity) -> Option<Rule> {
    let pattern = rule.filter.as_filter().as_str();
    let user_name = client.principal.user_name.as_deref();
    if user_name.is_none() && pattern.contains("%u") {
        return None;
    }
    let mut filled = String::with_capacity(pattern.len() + client.client_identifier.len());
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('%') {
        filled.push_str(before);
        if let Some(after) = after.strip_prefix('u') {
            filled.push_str(user_name.unwrap_or_default());
            rest = after;
        } else if let Some(after) = after.strip_prefix('c') {
            filled.push_str(&client.client_identifier);
            rest = after;
        } else {
            filled.push('%');
            rest = after;
        }
    }
    filled.push_str(rest);
    Some(Rule::new(rule.right, TopicFilter::new(&filled).ok()?))
}

#[derive(Debug, Default)]
struct Parser {
    user: Option<Box<str>>,
    anonymous: Vec<Rule>,
    users: HashMap<Box<str>, Vec<Rule>>,
    patterns: Vec<Rule>,
}

impl Parser {
    fn add(&mut self, line: &str) -> Result<(), Problem> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let rest = rest.trim_start();
        match word {
            "user" if rest.is_empty() => return Err(Problem::Incomplete("user")),
            "user" => {
                self.users.entry(rest.into()).or_default();
                self.user = Some(rest.into());
            }
            "topic" => {
                let rule = parse_rule("topic", rest)?;
                match &self.user {
                    Some(user) => self.users.entry(user.clone()).or_default().push(rule),
                    None => self.anonymous.push(rule),
                }
            }
            "pattern" => self.patterns.push(parse_rule("pattern", rest)?),
            other => return Err(Problem::UnknownRule(other.to_owned())),
        }
        Ok(())
    }

    fn finish(mut self) -> Acl {
        self.patterns.sort_by_key(|rule| rule.right != Right::Deny);
        let users = self.users.into_iter().map(|(user, rules)| (user, denials_first(rules)));
        Acl {
            anonymous: denials_first(self.anonymous),
            users: users.collect(),
            patterns: self.patterns,
        }
    }
}

fn denials_first(mut rules: Vec<Rule>) -> Arc<[Rule]> {
    rules.sort_by_key(|rule| rule.right != Right::Deny);
    rules.into()
}

/// `[read|write|readwrite|deny] FILTER`. A single word is a filter; the filter of two or more may
/// hold blanks.
fn parse_rule(keyword: &'static str, text: &str) -> Result<Rule, Problem> {
    if text.is_empty() {
        return Err(Problem::Incomplete(keyword));
    }
    let (right, filter) = match text.split_once([' ', '\t']) {
        None => (Right::ReadWrite, text),
        Some(("read", filter)) => (Right::Read, filter),
        Some(("write", filter)) => (Right::Write, filter),
        Some(("readwrite", filter)) => (Right::ReadWrite, filter),
        Some(("deny", filter)) => (Right::Deny, filter),
        Some((other, _)) => return Err(Problem::UnknownRight(other.to_owned())),
    };
    let filter = TopicFilter::new(filter.trim_start()).map_err(Problem::Topic)?;
    Ok(Rule::new(right, filter))
}

/// The rules of one Client, in the order in which they are asked.
#[derive(Clone, Debug)]
pub(super) struct AclRights {
    own: Arc<[Rule]>,
    patterns: Box<[Rule]>,
}

impl AclRights {
    fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.own.iter().chain(&self.patterns)
    }

    /// Whether the first rule that has a say grants `wanted`.
    fn decide(&self, topic: TopicName<'_>, wanted: Right) -> bool {
        let has_say = |right: Right| matches!(right, Right::Deny | Right::ReadWrite);
        self.rules()
            .find(|rule| (has_say(rule.right) || rule.right == wanted) && rule.matches(topic))
            .is_some_and(|rule| rule.right != Right::Deny)
    }
}

impl Rights for AclRights {
    fn may_publish(&self, topic: TopicName<'_>, _: QoS, _: bool) -> bool {
        self.decide(topic, Right::Write)
    }

    /// Granted when something that the filter matches may be read: the Client gets that and no
    /// more. Refused when nothing could ever come.
    fn may_subscribe(&self, filter: TopicFilter<'_>, _: QoS) -> bool {
        let denied = |index: usize, granted: TopicFilter<'_>| {
            self.rules().take(index).any(|rule| {
                let denial = rule.filter.as_filter();
                rule.right == Right::Deny && (denial.covers(filter) || denial.covers(granted))
            })
        };
        self.rules().enumerate().any(|(index, rule)| {
            let granted = rule.filter.as_filter();
            matches!(rule.right, Right::Read | Right::ReadWrite)
                && granted.overlaps(filter)
                && !denied(index, granted)
        })
    }

    fn may_receive(&self, topic: TopicName<'_>) -> bool {
        self.decide(topic, Right::Read)
    }
}
