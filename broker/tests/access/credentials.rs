//! CONNECT with and without the right credentials.

use crate::files::{Guarded, USERS, guarded};
use crate::support::packets::{Connect, PINGREQ};

const ALL: &str = "topic #\npattern #\n";

#[test]
fn the_right_password_opens_the_door() {
    guarded(ALL, |guarded| {
        guarded.client("alice").expect_silence();
        guarded.client("bob").expect_silence();
        guarded.server.client("anonymous").expect_silence();
    });
}

#[test]
fn a_wrong_one_does_not() {
    guarded(ALL, |guarded| {
        let alice = guarded.connect("alice");
        for connect in [
            Connect { password: Some(b"Secret".to_vec()), ..alice.clone() },
            Connect { password: Some(Vec::new()), ..alice.clone() },
            Connect { password: None, ..alice.clone() },
            Connect { user_name: Some("bob".into()), ..alice.clone() },
            Connect { user_name: Some("mallory".into()), ..alice.clone() },
            Connect { user_name: Some(String::new()), ..alice },
        ] {
            guarded.refused(&connect, 4);
        }
        guarded.server.wait_for("refusals", |statistics| statistics.connects_refused == 6);
        guarded.server.wait_for_connections(0);
    });
}

#[test]
fn without_a_name_is_not_authorized_when_names_are_required() {
    for shards in [1, 2] {
        let guarded = Guarded::start(shards, false, ALL);
        guarded.refused(&guarded.server.connect("nobody"), 5);
        guarded.client("alice").expect_silence();
    }
}

/// What is wrong with the CONNECT itself comes first.
#[test]
fn another_fault_of_the_connect_is_answered_first() {
    let guarded = Guarded::start(1, false, ALL);
    let bad = Connect { password: Some(b"bad".to_vec()), ..guarded.connect("alice") };
    guarded.refused(&Connect { protocol: ("MQTT", 3), ..bad.clone() }, 1);
    guarded.refused(&Connect { identifier: String::new(), ..bad }.kept(), 2);
    let mut client = guarded.server.open();
    client.send(&PINGREQ);
    client.expect_closed();
}

/// CVE class of mosquitto's advisories: a refused Client takes nobody's place.
#[test]
fn a_refused_client_takes_no_session_over() {
    guarded(ALL, |guarded| {
        let mut alice = guarded.client("alice");
        let bad = Connect { password: Some(b"bad".to_vec()), ..guarded.connect("alice") };
        guarded.refused(&bad, 4);
        alice.expect_silence();
        assert_eq!(guarded.server.statistics().take_overs, 0);
    });
}

/// What came behind the CONNECT waits for the answer, in order.
#[test]
fn packets_behind_the_connect_are_handled_after_it() {
    guarded(ALL, |guarded| {
        let mut client = guarded.server.open();
        client.send(&[guarded.connect("alice").bytes(), PINGREQ.to_vec()].concat());
        client.expect(&[0x20, 2, 0, 0]);
        client.expect(&[0xd0, 0]);
    });
}

#[test]
fn who_loses_the_password_is_closed_and_cannot_come_back() {
    guarded(ALL, |guarded| {
        let mut alice = guarded.client("alice");
        let mut bob = guarded.client("bob");
        let bob_alone = USERS.lines().nth(1).expect("two lines");
        guarded.change("users", bob_alone).expect("a good file");
        alice.expect_closed();
        bob.expect_silence();
        guarded.refused(&guarded.connect("alice"), 4);
        guarded.server.wait_for("one session", |statistics| statistics.sessions_revoked == 1);
    });
}

/// Whoever has the old password is out, whoever brings the new one may come in.
#[test]
fn a_changed_password_closes_those_who_came_by_the_old_one() {
    let guarded = Guarded::start(2, true, ALL);
    let mut alice = guarded.client("alice");
    let (_, hash_of_bob) = USERS.trim().rsplit_once(':').expect("a hash");
    let changed = format!("alice:{hash_of_bob}\n");
    guarded.change("users", &changed).expect("a good file");
    alice.expect_closed();
    guarded.refused(&guarded.connect("alice"), 4);
    let new = Connect { password: Some(b"hunter2".to_vec()), ..guarded.connect("alice") };
    guarded.server.accepted(&new, false).expect_silence();
}

/// CVE-2017-7652: a reload that fails must not fall back to letting everybody in.
#[test]
fn cve_2017_7652_a_failed_reload_keeps_the_old_rules() {
    let guarded = Guarded::start(1, false, "user alice\ntopic read mine");
    let mut alice = guarded.client("alice");
    for (file, text) in [("users", "alice:plain"), ("acl", "topic both a")] {
        let error = guarded.change(file, text).expect_err("a damaged file").to_string();
        assert!(error.contains(", line 1: "), "{error}");
        guarded.refused(&guarded.server.connect("nobody"), 5);
        guarded.client("bob").expect_silence();
        alice.subscribe("mine", 0);
        let good = if file == "users" { USERS } else { "user alice\ntopic read mine" };
        guarded.change(file, good).expect("good again");
    }
    alice.expect_silence();
}
