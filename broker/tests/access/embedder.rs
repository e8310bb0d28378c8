//! Decisions through the trait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use broker::topic::{TopicFilter, TopicName};
use broker::{Access, Credentials, Identity, Principal, QoS, Refusal};

use crate::support::Server;
use crate::support::packets::{Connect, Publish, puback, suback, subscribe};

/// Says no to what has `no` in its name; and to everybody once it is closed.
#[derive(Default)]
struct Says {
    closed: AtomicBool,
}

fn is_allowed(name: &str) -> bool {
    !name.contains("no")
}

impl Access for Says {
    fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Principal, Refusal> {
        assert!(credentials.peer.is_some_and(|peer| peer.ip().is_loopback()));
        match (credentials.user_name, credentials.password) {
            (Some("unavailable"), _) => Err(Refusal::Unavailable),
            (Some("stranger"), _) => Err(Refusal::NotAuthorized),
            (Some(name), Some(b"pass")) => {
                Ok(Principal { user_name: Some(name.into()), ..Principal::default() })
            }
            _ => Err(Refusal::BadUserNameOrPassword),
        }
    }

    fn may_publish(&self, client: &Identity, topic: TopicName<'_>, qos: QoS, retain: bool) -> bool {
        assert_eq!(client.principal.user_name.as_deref(), Some("user"));
        is_allowed(topic.as_str()) && !(retain && qos == QoS::ExactlyOnce)
    }

    fn may_subscribe(&self, _: &Identity, filter: TopicFilter<'_>, qos: QoS) -> bool {
        is_allowed(filter.as_str()) && qos < QoS::ExactlyOnce
    }

    fn may_receive(&self, client: &Identity, topic: TopicName<'_>) -> bool {
        !topic.as_str().ends_with(&*client.client_identifier)
    }

    fn admits(&self, _: &Identity) -> bool {
        !self.closed.load(Ordering::Relaxed)
    }
}

fn connect(server: &Server, name: &str) -> Connect {
    Connect {
        user_name: Some("user".into()),
        password: Some(b"pass".to_vec()),
        ..server.connect(name)
    }
}

#[test]
fn a_trait_decides() {
    for shards in [1, 2] {
        let says = Arc::new(Says::default());
        let server = Server::start(shards, |builder| builder.shared_access(Arc::clone(&says) as _));
        for (user, code) in [("unavailable", 3), ("x", 4), ("stranger", 5)] {
            let mut client = server.open();
            let user_name = Some(user.to_owned());
            client.send(&Connect { user_name, ..server.connect(user) }.bytes());
            client.expect(&[0x20, 2, 0, code]);
            client.expect_closed();
        }
        let mut one = server.accepted(&connect(&server, "one"), false);
        let mut two = server.accepted(&connect(&server, "two"), false);
        for client in [&mut one, &mut two] {
            client.send(&subscribe(1, &[("#", 1), ("no/#", 0), ("a", 2)]));
            client.expect(&suback(1, &[1, 0x80, 0x80]));
        }
        let to_one = format!("not/{}", server.identifier("one")).replace("not", "yes");
        one.send(&Publish::new("no", "dropped").qos(1, 5).bytes());
        one.expect(&puback(5));
        one.publish_surely(&Publish::new("a", "dropped").qos(2, 0).retain());
        one.publish(&to_one, "hidden from one");
        one.publish("a", "for both");
        two.expect_message(&to_one, "hidden from one");
        for client in [&mut one, &mut two] {
            client.expect_message("a", "for both");
            client.expect_silence();
        }
        server.wait_for("denials", |s| s.publications_denied == 2 && s.subscriptions_denied == 4);
        says.closed.store(true, Ordering::Relaxed);
        server.broker().recheck_access();
        one.expect_closed();
        two.expect_closed();
        let mut late = server.open();
        late.send(&connect(&server, "late").bytes());
        late.expect(&[0x20, 2, 0, 5]);
    }
}

/// Slow checks hold nobody up who is in already.
#[test]
fn credentials_are_checked_away_from_the_network_thread() {
    struct Slow(std::sync::Mutex<()>);
    impl Access for Slow {
        fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Principal, Refusal> {
            if credentials.user_name.is_some() {
                drop(self.0.lock());
            }
            Ok(Principal::default())
        }
    }
    let slow = Arc::new(Slow(std::sync::Mutex::new(())));
    let server = Server::start(1, |builder| builder.shared_access(Arc::clone(&slow) as _));
    let mut early = server.client("early");
    let held = slow.0.lock().expect("nobody panics with it");
    let mut waiting = server.open();
    waiting.send(&connect(&server, "waiting").bytes());
    for _ in 0..20 {
        early.expect_silence();
    }
    assert_eq!(server.statistics().connects_refused, 0);
    drop(held);
    waiting.expect(&[0x20, 2, 0, 0]);
}
