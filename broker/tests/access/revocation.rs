//! Rules that change under what was granted before. Each place where another broker forgot to ask
//! again has a test named after it.

use crate::files::{Guarded, guarded};
use crate::support::client::Client;
use crate::support::packets::{Connect, Publish};
use crate::support::settle;

const BEFORE: &str = "\
topic settle
user alice
topic settle
topic readwrite news/#
topic readwrite log/#
user bob
topic readwrite news/#
topic readwrite log/#
";

/// Bob loses `news/#`.
const AFTER: &str = "\
topic settle
user alice
topic settle
topic readwrite news/#
topic readwrite log/#
user bob
topic readwrite log/#
";

/// Waits until all that `from` has sent has come to every shard: the names below, one after the
/// other, live on all of them.
fn settle_everywhere(guarded: &Guarded, from: &mut Client) {
    for name in ["probe 1", "probe 2", "probe 3", "probe 4"] {
        settle(from, &mut guarded.server.client(name));
    }
}

/// CVE-2018-12546: a retained message was delivered after its publisher lost access.
#[test]
fn cve_2018_12546_retained_messages_go_with_the_right_to_publish_them() {
    guarded(BEFORE, |guarded| {
        let mut bob = guarded.client("bob");
        bob.retain("news/bob", "false");
        bob.retain("log/bob", "harmless");
        let mut alice = guarded.client("alice");
        alice.retain("news/alice", "true");
        guarded.server.wait_for("three messages", |s| s.retained_messages == 3);
        guarded.change("acl", AFTER).expect("a good file");
        guarded.server.wait_for("one to be removed", |s| s.retained_revoked == 1);
        guarded.server.wait_for("two to be left", |s| s.retained_messages == 2);
        alice.subscribe("+/bob", 0);
        assert_eq!(alice.receive_publish(), Publish::new("log/bob", "harmless").retain());
        alice.subscribe("news/#", 0);
        assert_eq!(alice.receive_publish(), Publish::new("news/alice", "true").retain());
        alice.expect_silence();
    });
}

/// The publisher has gone and its account too.
#[test]
fn retained_messages_of_a_deleted_user_are_removed() {
    guarded(BEFORE, |guarded| {
        guarded.client("bob").retain("news/bob", "false");
        let alice = crate::files::USERS.lines().next().expect("two lines");
        guarded.change("users", alice).expect("a good file");
        guarded.server.wait_for("none to be left", |s| s.retained_messages == 0);
    });
}

/// CVE-2021-34434: a durable session kept a subscription after the right to it was withdrawn.
#[test]
fn cve_2021_34434_subscriptions_of_kept_sessions_go_with_the_right_to_them() {
    guarded(BEFORE, |guarded| {
        let connect = guarded.connect("bob").kept();
        let mut bob = guarded.server.accepted(&connect, false);
        bob.subscribe("news/#", 1);
        bob.subscribe("log/#", 1);
        drop(bob);
        guarded.server.wait_for_connections(0);
        guarded.change("acl", AFTER).expect("a good file");
        guarded.server.wait_for("one subscription to go", |s| s.subscriptions_revoked == 1);
        let mut alice = guarded.client("alice");
        alice.publish_surely(&Publish::new("news/1", "secret").qos(1, 0));
        alice.publish_surely(&Publish::new("log/1", "open").qos(1, 0));
        let mut bob = guarded.server.accepted(&connect, true);
        assert_eq!(bob.receive_surely().topic, "log/1");
        bob.expect_silence();
        assert_eq!(guarded.server.statistics().subscriptions, 1);
    });
}

/// NATS advisory 2026-26: replay of queued messages skipped the rules.
#[test]
fn nats_2026_26_queued_messages_are_not_replayed_after_revocation() {
    guarded(BEFORE, |guarded| {
        let connect = guarded.connect("bob").kept();
        let mut bob = guarded.server.accepted(&connect, false);
        bob.subscribe("#", 2);
        drop(bob);
        guarded.server.wait_for_connections(0);
        let mut alice = guarded.client("alice");
        for qos in [1, 2] {
            alice.publish_surely(&Publish::new("news/1", "secret").qos(qos, 0));
            alice.publish_surely(&Publish::new("log/1", "open").qos(qos, 0));
        }
        settle_everywhere(guarded, &mut alice);
        guarded.change("acl", AFTER).expect("a good file");
        guarded.server.wait_for("two to be removed", |s| s.messages_revoked == 2);
        let mut bob = guarded.server.accepted(&connect, true);
        for _ in 0..2 {
            assert_eq!(bob.receive_surely().topic, "log/1");
        }
        bob.expect_silence();
    });
}

/// What was sent and not acknowledged is not sent again either.
#[test]
fn unacknowledged_messages_are_not_sent_again_after_revocation() {
    guarded(BEFORE, |guarded| {
        let connect = guarded.connect("bob").kept();
        let mut bob = guarded.server.accepted(&connect, false);
        bob.subscribe("news/#", 1);
        bob.subscribe("log/#", 1);
        let mut alice = guarded.client("alice");
        alice.publish_surely(&Publish::new("news/1", "secret").qos(1, 0));
        assert_eq!(bob.receive_publish().topic, "news/1");
        alice.publish_surely(&Publish::new("log/1", "open").qos(1, 0));
        assert_eq!(bob.receive_publish().topic, "log/1");
        drop(bob);
        guarded.server.wait_for_connections(1);
        guarded.change("acl", AFTER).expect("a good file");
        guarded.server.wait_for("it to be removed", |s| s.messages_revoked == 1);
        let mut bob = guarded.server.accepted(&connect, true);
        let again = bob.receive_surely();
        assert_eq!((again.topic.as_str(), again.duplicate), ("log/1", true));
        bob.expect_silence();
    });
}

#[test]
fn revocation_holds_for_connected_clients() {
    guarded(BEFORE, |guarded| {
        let (mut alice, mut bob) = (guarded.client("alice"), guarded.client("bob"));
        // One that covers both, and one whose removal tells that Bob's shard has the new rules.
        bob.subscribe("#", 0);
        bob.subscribe("news/x", 0);
        alice.subscribe("news/#", 0);
        alice.publish("news/1", "before");
        bob.publish("news/1", "before");
        for client in [&mut alice, &mut bob] {
            client.expect_message("news/1", "before");
            client.expect_message("news/1", "before");
        }
        guarded.change("acl", AFTER).expect("a good file");
        guarded.server.wait_for("the new rules", |s| s.subscriptions_revoked == 1);
        alice.publish("news/1", "after");
        bob.publish("news/1", "not any more");
        alice.publish("log/1", "after");
        bob.expect_message("log/1", "after");
        bob.expect_silence();
        alice.expect_message("news/1", "after");
        alice.expect_silence();
        guarded.server.wait_for("a denial", |s| s.publications_denied == 1);
    });
}

/// A session that another user left is gone on with under the rights of the one who comes.
#[test]
fn a_resumed_session_has_the_rights_of_who_resumes_it() {
    guarded(AFTER, |guarded| {
        let alice = guarded.connect("alice").kept();
        let mut client = guarded.server.accepted(&alice, false);
        client.subscribe("news/#", 1);
        client.subscribe("log/#", 1);
        drop(client);
        guarded.server.wait_for_connections(0);
        let mut publisher = guarded.server.accepted(
            &Connect { identifier: "publisher".into(), ..guarded.connect("alice") },
            false,
        );
        publisher.publish_surely(&Publish::new("news/1", "for alice").qos(1, 0));
        publisher.publish_surely(&Publish::new("log/1", "for both").qos(1, 0));
        settle_everywhere(guarded, &mut publisher);
        let bob = Connect { identifier: alice.identifier, ..guarded.connect("bob") };
        let mut bob = guarded.server.accepted(&bob.kept(), true);
        assert_eq!(bob.receive_surely().topic, "log/1");
        publisher.publish("news/2", "for alice");
        publisher.publish("log/2", "for both");
        assert_eq!(bob.receive_publish().topic, "log/2");
        bob.expect_silence();
    });
}
