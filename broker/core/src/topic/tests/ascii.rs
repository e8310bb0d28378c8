//! Many bytes at a time against a look at each.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::topic::ascii::is_name;
use crate::topic::{TopicError, TopicName};

/// Bytes next to what is looked for, above and below.
const NEIGHBOURS: [u8; 14] =
    [0x00, 0x01, 0x22, 0x23, 0x24, 0x2a, 0x2b, 0x2c, 0x7f, 0x80, 0x81, 0xa3, 0xab, 0xff];

fn model(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes.iter().all(|byte| byte.is_ascii() && !matches!(byte, 0 | b'+' | b'#'))
}

fn check(bytes: &[u8]) {
    assert_eq!(is_name(bytes), model(bytes), "{bytes:02x?}");
}

#[test]
fn each_byte_counts_at_each_place() {
    check(&[]);
    for length in 1..=40 {
        for other in [b'a', 0x01, 0x22, 0x24, 0x2a, 0x2c, 0x7f] {
            let mut bytes = vec![other; length];
            check(&bytes);
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    bytes[at] = byte;
                    check(&bytes);
                }
                bytes[at] = other;
            }
        }
    }
}

/// Nothing in a byte hides or makes up what is in its neighbour.
#[test]
fn each_pair_of_bytes_counts() {
    for length in 2..=17 {
        for at in 0..length - 1 {
            let mut bytes = vec![b'a'; length];
            for first in 0..=u8::MAX {
                for second in NEIGHBOURS {
                    for (one, other) in [(first, second), (second, first)] {
                        (bytes[at], bytes[at + 1]) = (one, other);
                        check(&bytes);
                    }
                }
            }
        }
    }
}

/// The rules one by one, in the order in which they are told.
fn topic_error(topic: &str) -> Option<TopicError> {
    if topic.is_empty() {
        Some(TopicError::Empty)
    } else if topic.len() > 65_535 {
        Some(TopicError::TooLong)
    } else if topic.contains('\0') {
        Some(TopicError::NullCharacter)
    } else if topic.contains(['+', '#']) {
        Some(TopicError::WildcardInName)
    } else {
        None
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes(bytes in vec(prop_oneof![9 => 0x24..0x2b_u8, 9 => b'a'..=b'z', 1 => any::<u8>(), 1 => select(&NEIGHBOURS[..])], 0..100)) {
        check(&bytes);
    }

    #[test]
    fn any_string(topic in "[a-z/$ é\u{feff}𝄞]{0,40}[\0+#a-zé]{0,2}[a-z/é]{0,20}") {
        let name = TopicName::new(&topic);
        prop_assert_eq!(name.err(), topic_error(&topic));
        if let Ok(name) = name {
            prop_assert_eq!(name.as_str(), &topic);
            prop_assert_eq!(name.as_bytes(), topic.as_bytes());
            let levels: Vec<_> = topic.split('/').map(str::as_bytes).collect();
            prop_assert_eq!(name.levels().collect::<Vec<_>>(), levels);
        }
    }
}
