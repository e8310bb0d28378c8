//! What is a Topic Name and what is not, MQTT 4.7.

use crate::topic::{TopicError, TopicName};

#[test]
fn topic_names_are_as_the_specification_says() {
    for topic in [
        "temperature",
        "/",
        "//",
        "/finance",
        "sport/",
        "a b",
        "ACCOUNTS",
        "$SYS/broker",
        "$",
        "a/$b",
        "\u{feff}",
        "é/𝄞",
        "\u{1}",
        "\u{ffff}",
    ] {
        assert_eq!(TopicName::new(topic).map(TopicName::as_str), Ok(topic));
    }
    for (topic, error) in [
        ("", TopicError::Empty),
        ("\0", TopicError::NullCharacter),
        ("a/\0/b", TopicError::NullCharacter),
        ("+\0", TopicError::NullCharacter),
        ("+", TopicError::WildcardInName),
        ("#", TopicError::WildcardInName),
        ("a/+/b", TopicError::WildcardInName),
        ("a/b#", TopicError::WildcardInName),
        (
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa+",
            TopicError::WildcardInName,
        ),
    ] {
        assert_eq!(TopicName::new(topic), Err(error), "{topic:?}");
    }
}

/// [MQTT-4.7.3-3]
#[test]
fn a_topic_name_has_at_most_65_535_bytes() {
    let longest = "t".repeat(65_535);
    assert!(TopicName::new(&longest).is_ok());
    assert_eq!(TopicName::new(&"t".repeat(65_536)), Err(TopicError::TooLong));
    assert_eq!(TopicName::new(&"é".repeat(32_768)), Err(TopicError::TooLong));
}

/// [MQTT-4.7.2-1]
#[test]
fn names_that_begin_with_a_dollar_sign_are_hidden() {
    for (topic, hidden) in [("$SYS/a", true), ("$", true), ("a/$SYS", false), ("/$SYS", false)] {
        assert_eq!(super::name(topic).is_hidden(), hidden, "{topic}");
    }
}

/// MQTT 4.7.1.1: levels may be empty.
#[test]
fn levels_lie_between_the_slashes() {
    for (topic, levels) in
        [("a", &["a"][..]), ("/", &["", ""]), ("a//b", &["a", "", "b"]), ("/a/", &["", "a", ""])]
    {
        let levels = levels.iter().map(|level| level.as_bytes());
        assert!(super::name(topic).levels().eq(levels), "{topic}");
    }
}

#[test]
fn a_forbidden_character_is_found_wherever_it_stands() {
    for length in 1..=40 {
        assert!(TopicName::new(&"\u{1}\"$*,k\u{ab}é"[..].repeat(length)).is_ok(), "{length}");
        for at in 0..length {
            for (forbidden, error) in [
                (b'\0', TopicError::NullCharacter),
                (b'+', TopicError::WildcardInName),
                (b'#', TopicError::WildcardInName),
            ] {
                let mut topic = vec![b'\x01'; length];
                topic[at] = forbidden;
                let topic = String::from_utf8(topic).unwrap();
                assert_eq!(TopicName::new(&topic), Err(error), "{topic:?}");
            }
        }
    }
}
