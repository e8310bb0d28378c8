//! What MQTT 5.0 has for a Client that may not do what it asks for: in CONNACK, PUBACK, PUBREC and
//! SUBACK.

use broker::topic::{TopicFilter, TopicName};
use broker::{Access, Credentials, Identity, Principal, QoS, Refusal};

use crate::support::Server;
use crate::v5::packets::{Connect, Publish, acknowledgement, suback, subscribe};
use crate::v5::properties::Properties;

/// Refuses topics that begin with `no`, and some users.
struct Says;

impl Access for Says {
    fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Principal, Refusal> {
        match credentials.user_name {
            None => Ok(Principal::default()),
            Some("unavailable") => Err(Refusal::Unavailable),
            Some("stranger") => Err(Refusal::NotAuthorized),
            Some(_) => Err(Refusal::BadUserNameOrPassword),
        }
    }

    fn may_publish(&self, _: &Identity, topic: TopicName<'_>, _: QoS, _: bool) -> bool {
        !topic.as_str().starts_with("no")
    }

    fn may_subscribe(&self, _: &Identity, filter: TopicFilter<'_>, _: QoS) -> bool {
        !filter.as_str().starts_with("no")
    }
}

/// Runs a test at 1, 2 and 4 shards.
fn guarded(test: impl Fn(&Server)) {
    for shards in [1, 2, 4] {
        test(&Server::start(shards, |builder| builder.access(Says)));
    }
}

/// [MQTT-3.1.4-2] A Client that is not who it says, or may not come in, is refused with the Reason
/// Code for that, and the connection is closed.
#[test]
fn mqtt5_3_1_4_2_who_may_not_come_in_is_refused() {
    guarded(|server| {
        for (user, reason) in [("unavailable", 0x88), ("stranger", 0x87), ("other", 0x86)] {
            server.refuses5(&server.connect5("client").user_name(user).bytes(), reason);
        }
        server.accepted5(&Connect::new("anybody"), false).expect_silence();
    });
}

/// [MQTT-3.9.3-2] A subscription that is not allowed is answered with 0x87, and is none.
#[test]
fn mqtt5_3_9_3_2_subscription_that_is_not_allowed() {
    guarded(|server| {
        let mut client = server.client5("client");
        client.send(&subscribe(1, &Properties::new(), &[("a", 1), ("no", 1), ("b", 0)]));
        client.expect(&suback(1, &[1, 0x87, 0]));
    });
}

/// [MQTT-4.3.3-9] After a PUBREC of 0x80 or more the identifier stands for a new message, which
/// needs no PUBREL before it.
#[test]
fn mqtt5_4_3_3_9_identifier_is_new_after_a_refusal() {
    guarded(|server| {
        let mut subscriber = server.client5("subscriber");
        subscriber.subscribe5("#", 0);
        let mut publisher = server.client5("publisher");
        for round in 0..3_u8 {
            publisher.send(&Publish::new("no", [round]).qos(2, 5).bytes());
            publisher.expect(&acknowledgement(0x50, 5, 0x87));
            publisher.send(&Publish::new("no", [round]).qos(1, 6).bytes());
            publisher.expect(&acknowledgement(0x40, 6, 0x87));
        }
        publisher.publish5_surely(&Publish::new("yes", "x").qos(2, 0));
        publisher.send(&Publish::new("yes", "y").qos(2, 5).bytes());
        assert_eq!(publisher.receive()[..4], [0x50, 2, 0, 5]);
        subscriber.expect_message5("yes", "x");
        subscriber.expect_message5("yes", "y");
        subscriber.expect_silence();
    });
}
