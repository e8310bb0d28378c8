//! Publishing and subscribing under rules.

use crate::files::guarded;
use crate::support::packets::{
    DISCONNECT, Publish, puback, pubcomp, pubrec, pubrel, suback, subscribe,
};
use crate::support::settle;

const RULES: &str = "\
topic read public/#
user alice
topic write public/#
topic readwrite alice/#
topic deny alice/secret
topic settle
user bob
topic read public/#
topic settle
pattern readwrite own/%u/#
pattern readwrite by/%c/#
";

/// [MQTT-3.3.5-2]: what may not be published is acknowledged and goes nowhere.
#[test]
fn mqtt_3_3_5_2_an_unauthorized_publish_is_acknowledged_dropped_and_counted() {
    guarded(RULES, |guarded| {
        let mut bob = guarded.client("bob");
        bob.subscribe("public/#", 2);
        let mut alice = guarded.client("alice");
        let mut intruder = guarded.server.client("intruder");
        intruder.publish("public/x", "0");
        intruder.send(&Publish::new("public/x", "1").qos(1, 7).bytes());
        intruder.expect(&puback(7));
        for _ in ["sent", "sent again"] {
            intruder.send(&Publish::new("public/x", "2").qos(2, 8).bytes());
            intruder.expect(&pubrec(8));
        }
        intruder.send(&pubrel(8));
        intruder.expect(&pubcomp(8));
        intruder.retain("public/retained", "not kept");
        alice.publish("public/x", "from alice");
        bob.expect_message("public/x", "from alice");
        settle(&mut alice, &mut bob);
        guarded.server.wait_for("denials", |s| s.publications_denied == 4);
        assert_eq!(guarded.server.statistics().retained_messages, 0);
    });
}

#[test]
fn an_unauthorized_subscription_is_refused_and_the_others_are_not() {
    guarded(RULES, |guarded| {
        let mut bob = guarded.client("bob");
        let filters =
            [("public/#", 1), ("alice/#", 1), ("own/bob/x", 2), ("own/alice/x", 2), ("+/x", 0)];
        bob.send(&subscribe(1, &filters));
        bob.expect(&suback(1, &[1, 0x80, 2, 0x80, 0]));
        guarded.server.wait_for("refusals", |s| s.subscriptions_denied == 2);
        assert_eq!(guarded.server.statistics().subscriptions, 3);
    });
}

/// A wider filter is granted and brings what may be read, no more.
#[test]
fn a_wide_subscription_brings_only_what_may_be_read() {
    guarded(RULES, |guarded| {
        let mut alice = guarded.client("alice");
        alice.retain("alice/1", "retained, not for bob");
        alice.retain("public/1", "retained");
        let mut bob = guarded.client("bob");
        bob.subscribe("#", 1);
        assert_eq!(bob.receive_surely(), Publish::new("public/1", "retained").retain());
        alice.publish("alice/2", "not for bob");
        alice.publish_surely(&Publish::new("alice/3", "not for bob either").qos(1, 0));
        alice.publish("public/2", "for bob");
        bob.expect_message("public/2", "for bob");
        bob.expect_silence();
    });
}

#[test]
fn a_denial_is_stronger_than_a_grant() {
    guarded(RULES, |guarded| {
        let mut alice = guarded.client("alice");
        alice.subscribe("alice/#", 0);
        alice.publish("alice/secret", "nobody");
        alice.publish("alice/open", "she");
        alice.expect_message("alice/open", "she");
    });
}

#[test]
fn user_names_and_client_identifiers_fill_patterns() {
    guarded(RULES, |guarded| {
        let mut alice = guarded.client("alice");
        let identifier = guarded.server.identifier("alice");
        let mine = format!("by/{identifier}/x");
        alice.subscribe("own/alice/#", 0);
        alice.subscribe(&mine, 0);
        for topic in ["own/bob/x", "by/other/x", "own/alice/x", &mine] {
            alice.publish(topic, topic);
        }
        alice.expect_message("own/alice/x", "own/alice/x");
        alice.expect_message(&mine, &mine);
        alice.expect_silence();
    });
}

/// A Will is a publication like any other.
#[test]
fn an_unauthorized_will_is_not_published() {
    guarded(RULES, |guarded| {
        let mut bob = guarded.client("bob");
        bob.subscribe("public/#", 0);
        for (user, topic) in [("nobody", "public/will"), ("alice", "public/will")] {
            let connect = match user {
                "alice" => guarded.connect(user),
                _ => guarded.server.connect(user),
            };
            drop(guarded.server.accepted(&connect.will(topic, user), false));
            guarded.server.wait_for_connections(1);
        }
        bob.expect_message("public/will", "alice");
        guarded
            .server
            .wait_for("a denial", |s| s.publications_denied == 1 && s.wills_published == 1);
        bob.send(&DISCONNECT);
    });
}
