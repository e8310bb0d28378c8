//! Rules that another spelling passes by.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use broker::topic::{TopicFilter, TopicName};
use broker::{Access, Credentials, Identity, Principal, QoS, Refusal};

use crate::support::Server;
use crate::support::client::Client;
use crate::support::packets::{Publish, suback, subscribe};

/// Lets everybody publish everywhere, and everybody but `insider` see all but `secret`; once it is lifted,
/// everybody see everything.
#[derive(Default)]
struct Secret {
    is_lifted: AtomicBool,
}

fn is_insider(client: &Identity) -> bool {
    client.client_identifier.starts_with("insider")
}

fn is_secret(topic: &str) -> bool {
    topic.split('/').any(|level| level == "secret")
}

impl Access for Secret {
    fn authenticate(&self, _: &Credentials<'_>) -> Result<Principal, Refusal> {
        Ok(Principal::default())
    }

    fn may_publish(&self, _: &Identity, _: TopicName<'_>, _: QoS, _: bool) -> bool {
        true
    }

    fn may_subscribe(&self, client: &Identity, filter: TopicFilter<'_>, _: QoS) -> bool {
        assert!(!filter.as_str().starts_with('$'), "asked for the filter, not for the share");
        is_insider(client) || !is_secret(filter.as_str())
    }

    fn may_receive(&self, client: &Identity, topic: TopicName<'_>) -> bool {
        let is_lifted = self.is_lifted.load(Ordering::Relaxed);
        is_lifted || is_insider(client) || !is_secret(topic.as_str())
    }

    fn admits(&self, _: &Identity) -> bool {
        true
    }
}

/// CVE-2026-33217: rules did not hold in a namespace of the broker's own. Those for a Topic Filter hold for a
/// share of it; and a member that may not have a message takes it from none that may.
#[test]
fn cve_2026_33217_rules_hold_for_shared_subscriptions() {
    for shards in [1, 2, 4] {
        let secret = Arc::new(Secret::default());
        let access = Arc::clone(&secret);
        let server = Server::start(shards, |builder| builder.shared_access(access));
        let mut outsider = server.client("outsider");
        let mut insider = server.client("insider");
        let filters = [("$share/g/secret", 1), ("$share/g/a/+/secret", 1), ("$share/g/+", 1)];
        outsider.send(&subscribe(1, &filters));
        outsider.expect(&suback(1, &[0x80, 0x80, 1]));
        insider.subscribe("$share/g/+", 1);
        let mut publisher = server.client("publisher");
        for number in 0..20_u8 {
            publisher.publish_surely(&Publish::new("secret", [number]).qos(1, 0));
            let message = insider.receive_surely();
            assert_eq!((message.topic.as_str(), &message.payload[..]), ("secret", &[number][..]));
        }
        // What both may have goes to either.
        for number in 0..20_u8 {
            publisher.publish_surely(&Publish::new("open", [number]).qos(1, 0));
        }
        let mut open = 0;
        crate::support::wait_until("each open message to come to one of them", || {
            open += messages_to(&mut outsider, "open") + messages_to(&mut insider, "open");
            open >= 20
        });
        assert_eq!(open, 20);
        // The one that is left may have what it might not have before, once the rules say so.
        insider.unsubscribe("$share/g/+");
        secret.is_lifted.store(true, Ordering::Relaxed);
        server.broker().recheck_access();
        let mut received = 0;
        crate::support::wait_until("the rules to be known", || {
            publisher.publish_surely(&Publish::new("secret", "x").qos(1, 0));
            received += messages_to(&mut outsider, "secret");
            received > 0
        });
    }
}

/// Messages to `topic` before the answer to a ping; there are no others.
fn messages_to(client: &mut Client, topic: &str) -> usize {
    client.send(&[0xc0, 0]);
    let mut count = 0;
    loop {
        let packet = client.receive();
        if packet[0] >> 4 == 13 {
            return count;
        }
        let message = Publish::parse(&packet);
        assert_eq!(message.topic, topic);
        client.send(&crate::support::packets::puback(message.identifier));
        count += 1;
    }
}
