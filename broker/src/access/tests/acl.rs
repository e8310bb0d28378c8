//! ACL files, held against an evaluator that follows their description word by word.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use broker_core::topic::{TopicFilter, TopicName};
use broker_core::{Identity, Principal, QoS, Rights};
use proptest::prelude::*;

use super::super::acl::{Acl, AclRights, Right};
use super::super::error::{AccessFileError, Problem};

fn parse(text: &str) -> Result<Acl, AccessFileError> {
    Acl::parse(Path::new("acl"), text)
}

fn client(user_name: Option<&str>, client_identifier: &str) -> Identity {
    let user_name = user_name.map(Arc::from);
    let principal = Principal { user_name, ..Principal::default() };
    Identity { client_identifier: client_identifier.into(), principal }
}

fn rights(text: &str, user_name: Option<&str>, client_identifier: &str) -> AclRights {
    parse(text).expect("a good file").rights(&client(user_name, client_identifier))
}

fn name(topic: &str) -> TopicName<'_> {
    TopicName::new(topic).expect("a Topic Name")
}

/// `w`, `r`, both or none of them.
fn may(rights: &AclRights, topic: &str) -> &'static str {
    let write = rights.may_publish(name(topic), QoS::AtMostOnce, false);
    match (rights.may_receive(name(topic)), write) {
        (true, true) => "rw",
        (true, false) => "r",
        (false, true) => "w",
        (false, false) => "",
    }
}

fn may_subscribe(rights: &AclRights, filter: &str) -> bool {
    rights.may_subscribe(TopicFilter::new(filter).expect("a Topic Filter"), QoS::AtMostOnce)
}

const FILE: &str = "\
# For those without a name.
topic read public/#

user alice
topic readwrite home/#
topic deny home/secret
topic write log
topic two words/here is one more
topic own

user bob bobson
topic   read \thome/+/light  \n
user alice
topic read $SYS/#

pattern readwrite users/%u/#
pattern read clients/%c/%u/x
pattern write in/%c
";

#[test]
fn rules_are_those_of_the_user_and_the_patterns() {
    let text = FILE.replace("topic two words/here is one more\n", "topic read words/here is one\n");
    let alice = rights(&text, Some("alice"), "c1");
    for (topic, expected) in [
        ("home/x/y", "rw"),
        ("home/secret", ""),
        ("home/secret/x", "rw"),
        ("log", "w"),
        ("words/here is one", "r"),
        ("own", "rw"),
        ("$SYS/broker/uptime", "r"),
        ("public/x", ""),
        ("users/alice/x", "rw"),
        ("users/bob bobson/x", ""),
        ("clients/c1/alice/x", "r"),
        ("in/c1", "w"),
        ("in/c2", ""),
    ] {
        assert_eq!(may(&alice, topic), expected, "{topic}");
    }
    let bob = rights(&text, Some("bob bobson"), "c2");
    assert_eq!(["home/1/light", "home/1/2", "in/c2"].map(|t| may(&bob, t)), ["r", "", "w"]);
    let nobody = rights(&text, None, "c3");
    let topics = ["public/x", "home/1/light", "in/c3", "users//x", "clients/c3//x"];
    assert_eq!(topics.map(|t| may(&nobody, t)), ["r", "", "w", "", ""]);
    let stranger = rights(&text, Some("mallory"), "c4");
    assert_eq!(["public/x", "users/mallory/x"].map(|t| may(&stranger, t)), ["", "rw"]);
}

/// A name like `+` must not open the topics of others.
#[test]
fn names_with_wildcards_or_levels_get_nothing_by_patterns() {
    for evil in ["+", "#", "a/b", "a+", "x#"] {
        let by_user = rights(FILE_PATTERNS, Some(evil), "c");
        let by_client = rights(FILE_PATTERNS, Some("u"), evil);
        for rights in [by_user, by_client] {
            assert_eq!(["users/alice/x", "in/c", "users/a/b/x"].map(|t| may(&rights, t)), [""; 3]);
            assert!(!may_subscribe(&rights, "#"));
        }
    }
}

const FILE_PATTERNS: &str = "pattern readwrite users/%u/#\npattern readwrite in/%c\n";

#[test]
fn a_percent_sign_alone_stands_for_itself() {
    let rights = rights("pattern read 100%/%%u/%x/%c%", Some("u"), "c");
    assert_eq!(may(&rights, "100%/%u/%x/c%"), "r");
}

#[test]
fn subscribing_needs_something_to_read() {
    let text = "topic read a/+/c\ntopic write w\ntopic deny d/#\ntopic read d/e\ntopic read $SYS/x";
    let rights = rights(text, None, "c");
    for filter in ["a/b/c", "a/#", "#", "+/b/+", "a/+/c", "$SYS/#", "$SYS/x"] {
        assert!(may_subscribe(&rights, filter), "{filter}");
    }
    for filter in ["w", "b/#", "a/b", "a/b/c/d", "d/e", "d/#", "+", "$SYS/y", "+/x"] {
        assert!(!may_subscribe(&rights, filter), "{filter}");
    }
}

#[test]
fn an_empty_file_grants_nothing() {
    assert_eq!(may(&rights("", Some("alice"), "c"), "a"), "");
}

#[test]
fn malformed_lines_are_named() {
    let check = |line: &str, expected: &Problem| match parse(&format!("topic a\n\n{line}\n")) {
        Err(AccessFileError::Line { line: 3, problem, .. }) => assert_eq!(&problem, expected),
        other => panic!("{line}: {other:?}"),
    };
    for (line, expected) in [
        ("user", Problem::Incomplete("user")),
        ("user  ", Problem::Incomplete("user")),
        ("topic", Problem::Incomplete("topic")),
        ("pattern ", Problem::Incomplete("pattern")),
        ("topics a", Problem::UnknownRule("topics".into())),
        ("allow read a", Problem::UnknownRule("allow".into())),
        ("topic both a", Problem::UnknownRight("both".into())),
        ("pattern Read a", Problem::UnknownRight("Read".into())),
    ] {
        check(line, &expected);
    }
    for line in ["topic a/#/b", "topic read a+", "pattern deny #a"] {
        let error = parse(&format!("# one\n{line}")).expect_err("no Topic Filter").to_string();
        assert!(error.starts_with("acl, line 2: not a Topic Filter: "), "{error}");
    }
}

/// One line of a file.
#[derive(Clone, Debug)]
enum Line {
    User(&'static str),
    Rule { pattern: bool, right: Right, filter: String },
}

const USERS: [&str; 3] = ["u", "v", "+"];
const LEVELS: [&str; 5] = ["a", "b", "u", "c", "$s"];

fn line() -> impl Strategy<Value = Line> {
    let right =
        prop::sample::select(vec![Right::Deny, Right::Read, Right::Write, Right::ReadWrite]);
    let level = prop::sample::select(vec!["a", "b", "u", "+", "%u", "%c", "$s"]);
    let filter = (prop::collection::vec(level, 1..4), any::<bool>()).prop_map(|(levels, multi)| {
        let mut filter = levels.join("/");
        if multi {
            filter.push_str("/#");
        }
        filter
    });
    let rule = (any::<bool>(), right, filter);
    prop_oneof![
        1 => prop::sample::select(USERS.to_vec()).prop_map(Line::User),
        4 => rule.prop_map(|(pattern, right, filter)| Line::Rule { pattern, right, filter }),
    ]
}

fn write_down(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        match line {
            Line::User(user) => writeln!(text, "user {user}"),
            Line::Rule { pattern, right, filter } => {
                let keyword = if *pattern { "pattern" } else { "topic" };
                let right = format!("{right:?}").to_lowercase();
                writeln!(text, "{keyword} {right} {filter}")
            }
        }
        .expect("a string takes all");
    }
    text
}

/// Whether a filter matches, level by level.
fn naive_match(filter: &[&str], topic: &[&str]) -> bool {
    match (filter, topic) {
        ([], []) | (["#"], _) => true,
        ([level, filter @ ..], [name, topic @ ..]) => {
            (level == name || *level == "+") && naive_match(filter, topic)
        }
        _ => false,
    }
}

/// The description of the format, with neither preparation nor order: the client's own rules say
/// no if one denies, yes if one grants; else the patterns do the same; else it is no.
fn naive(lines: &[Line], client: &Identity, topic: &str, wanted: Right) -> bool {
    let user = client.principal.user_name.as_deref();
    let hostile = |name: &str| name.contains(['+', '#', '/']);
    let hostile = hostile(&client.client_identifier) || user.is_some_and(hostile);
    for patterns in [false, true] {
        let (mut section, mut granted) = (None, false);
        for line in lines {
            match line {
                Line::User(user) => section = Some(*user),
                Line::Rule { pattern, right, filter } if *pattern == patterns => {
                    if !patterns && section != user {
                        continue;
                    }
                    if patterns && (hostile || (user.is_none() && filter.contains("%u"))) {
                        continue;
                    }
                    let filled = if patterns {
                        let filled = filter.replace("%u", user.unwrap_or_default());
                        filled.replace("%c", &client.client_identifier)
                    } else {
                        filter.clone()
                    };
                    let hidden = topic.starts_with('$') && !filled.starts_with('$');
                    let filter: Vec<_> = filled.split('/').collect();
                    let topic: Vec<_> = topic.split('/').collect();
                    if hidden || !naive_match(&filter, &topic) {
                        continue;
                    }
                    if *right == Right::Deny {
                        return false;
                    }
                    granted |= *right == Right::ReadWrite || *right == wanted;
                }
                Line::Rule { .. } => {}
            }
        }
        if granted {
            return true;
        }
    }
    false
}

/// All Topic Names of up to three levels.
fn topics() -> Vec<String> {
    let one = LEVELS.map(str::to_owned).to_vec();
    let longer = |from: &[String]| -> Vec<String> {
        from.iter().flat_map(|t| LEVELS.map(|level| format!("{t}/{level}"))).collect()
    };
    let two = longer(&one);
    let three = longer(&two);
    [one, two, three].concat()
}

proptest! {
    #[test]
    fn a_generated_file_decides_as_its_description_says(
        lines in prop::collection::vec(line(), 0..10),
        user in prop::option::of(prop::sample::select(USERS.to_vec())),
        client_identifier in prop::sample::select(vec!["c", "d", "a/b"]),
    ) {
        let client = client(user, client_identifier);
        let acl = parse(&write_down(&lines)).expect("a good file");
        let rights = acl.rights(&client);
        for topic in topics() {
            let topic_name = name(&topic);
            let write = rights.may_publish(topic_name, QoS::AtMostOnce, false);
            prop_assert_eq!(write, naive(&lines, &client, &topic, Right::Write), "write {}", topic);
            let read = rights.may_receive(topic_name);
            prop_assert_eq!(read, naive(&lines, &client, &topic, Right::Read), "read {}", topic);
        }
    }

    /// Who may read a topic may subscribe to every filter that matches it; who may subscribe to a
    /// topic by its name may read it.
    #[test]
    fn subscribing_goes_with_reading(
        lines in prop::collection::vec(line(), 0..8),
        filter in prop::collection::vec(prop::sample::select(vec!["a", "b", "+", "$s"]), 1..4),
        multi in any::<bool>(),
    ) {
        let acl = parse(&write_down(&lines)).expect("a good file");
        let rights = acl.rights(&client(None, "c"));
        let filter = filter.join("/") + if multi { "/#" } else { "" };
        let filter = TopicFilter::new(&filter).expect("a Topic Filter");
        for topic in topics() {
            let readable = rights.may_receive(name(&topic));
            if readable && filter.matches(name(&topic)) {
                prop_assert!(rights.may_subscribe(filter, QoS::AtMostOnce), "{}", topic);
            }
            prop_assert_eq!(readable, may_subscribe(&rights, &topic), "{}", topic);
        }
    }
}
