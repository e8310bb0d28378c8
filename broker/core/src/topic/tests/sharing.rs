//! Shared Subscriptions, MQTT 5.0 4.8.2.

use proptest::prelude::*;

use super::any_filter;
use crate::topic::{SubscriptionTarget, TopicError, TopicFilter};

#[test]
fn a_shared_subscription_is_a_name_and_a_topic_filter() {
    for (target, name, filter) in [
        ("$share/g/a", "g", "a"),
        ("$share/consumer1/sport/tennis/+", "consumer1", "sport/tennis/+"),
        ("$share/g//a", "g", "/a"),
        ("$share/g//", "g", "/"),
        ("$share/$g/#", "$g", "#"),
        ("$share/é/$SYS/#", "é", "$SYS/#"),
        ("$share/$share/$share/g/a", "$share", "$share/g/a"),
    ] {
        for read in [SubscriptionTarget::new, SubscriptionTarget::new_lenient] {
            let shared = read(target).expect(target);
            assert!(shared.is_shared());
            assert_eq!(shared.share_name(), Some(name));
            assert_eq!(shared.filter().as_str(), filter);
            assert_eq!(shared.whole().as_str(), target);
        }
    }
}

#[test]
fn other_filters_are_plain() {
    for target in ["a", "#", "$share", "$shared/g/a", "/$share/g/a", "$SHARE/g/a", "a/$share/g/a"] {
        for read in [SubscriptionTarget::new, SubscriptionTarget::new_lenient] {
            let plain = read(target).expect(target);
            assert_eq!((plain.is_shared(), plain.share_name()), (false, None));
            assert_eq!((plain.filter(), plain.whole().as_str()), (plain.whole(), target));
        }
    }
}

/// [MQTT-4.8.2-1], [MQTT-4.8.2-2]; to a Client of 3.1.1 they are Topic Filters like others.
#[test]
fn a_shared_subscription_without_its_parts_is_invalid_from_5_0_on() {
    for (target, error) in [
        ("$share/", TopicError::ShareFilter),
        ("$share//a", TopicError::ShareName),
        ("$share//", TopicError::ShareName),
        ("$share/g", TopicError::ShareFilter),
        ("$share/g/", TopicError::ShareFilter),
        ("$share/+/a", TopicError::ShareName),
        ("$share/#", TopicError::ShareFilter),
    ] {
        assert_eq!(SubscriptionTarget::new(target), Err(error), "{target}");
        let lenient = SubscriptionTarget::new_lenient(target).expect(target);
        assert_eq!((lenient.is_shared(), lenient.filter().as_str()), (false, target));
    }
}

#[test]
fn what_is_no_topic_filter_is_no_target() {
    for (target, error) in [
        ("", TopicError::Empty),
        ("a#", TopicError::MultiLevelWildcard),
        ("$share/g+/a", TopicError::SingleLevelWildcard),
        ("$share/g/a+", TopicError::SingleLevelWildcard),
        ("$share/#/a", TopicError::MultiLevelWildcard),
        ("$share/g\0/a", TopicError::NullCharacter),
    ] {
        assert_eq!(SubscriptionTarget::new(target), Err(error), "{target:?}");
        assert_eq!(SubscriptionTarget::new_lenient(target), Err(error), "{target:?}");
    }
}

proptest! {
    #[test]
    fn every_topic_filter_can_be_shared(name in "[a-z$ é]{1,9}", filter in any_filter()) {
        let target = format!("$share/{name}/{filter}");
        let shared = SubscriptionTarget::new(&target).expect("a Shared Subscription");
        prop_assert_eq!(shared.share_name(), Some(&*name));
        prop_assert_eq!(shared.filter().as_str(), &filter);
        prop_assert!(TopicFilter::new(&target).is_ok());
    }

    #[test]
    fn a_target_is_a_topic_filter(text in "(\\$share/)?[a$/+#]{0,6}") {
        let filter = TopicFilter::new(&text);
        let lenient = SubscriptionTarget::new_lenient(&text);
        prop_assert_eq!(lenient.map(SubscriptionTarget::whole), filter);
        if let Ok(target) = SubscriptionTarget::new(&text) {
            prop_assert_eq!(lenient, Ok(target));
            prop_assert!(TopicFilter::new(target.filter().as_str()).is_ok());
        }
    }
}
