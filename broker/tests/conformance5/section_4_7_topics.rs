//! MQTT 5.0 4.7 to 4.9: topics, Shared Subscriptions and flow control.

use std::collections::BTreeSet;

use crate::support::client::Client;
use crate::support::packets::{PINGREQ, PINGRESP, puback, pubcomp, pubrec, pubrel};
use crate::support::{Server, everywhere};
use crate::v5::packets::{Publish, acknowledgement, subscribe};
use crate::v5::properties::{Properties, id};
use crate::v5::{NEVER, on_one_shard, settle5};

/// Subscribes to filters that are none.
fn refuses_filters(filters: &[&str], reason: u8) {
    on_one_shard(|server| {
        for filter in filters {
            server.disconnects5(&subscribe(1, &Properties::new(), &[(filter, 0)]), reason);
            let packet = crate::v5::packets::unsubscribe(1, &Properties::new(), &[filter]);
            server.disconnects5(&packet, reason);
        }
    });
}

/// [MQTT-4.7.0-1] Wildcards are for Topic Filters: a Topic Name has none, that of a Will neither.
#[test]
fn mqtt5_4_7_0_1_names_have_no_wildcards() {
    on_one_shard(|server| {
        for topic in ["+", "#", "a/+", "a/#", "a#", "+a"] {
            server.disconnects5(&Publish::new(topic, "x").bytes(), 0x90);
            server.disconnects5(&Publish::new(topic, "x").alias(1).bytes(), 0x90);
            let connect = server.connect5("client").will(Publish::new(topic, "x"));
            server.refuses5(&connect.bytes(), 0x90);
        }
    });
}

/// [MQTT-4.7.1-1] `#` is the last character, alone or behind a separator.
#[test]
fn mqtt5_4_7_1_1_multi_level_wildcard_is_last() {
    refuses_filters(&["a#", "a/#/b", "#/a", "##", "a/b#", "#/"], 0x8f);
    on_one_shard(|server| {
        let mut client = server.client5("client");
        client.subscribe5("a/#", 0);
        for topic in ["a", "a/", "a/b", "a/b/c"] {
            client.publish5(topic, "x");
            client.expect_message5(topic, "x");
        }
        client.publish5("ab", "x");
        client.expect_silence();
    });
}

/// [MQTT-4.7.1-2] `+` is the whole of its level, which may be any.
#[test]
fn mqtt5_4_7_1_2_single_level_wildcard_fills_its_level() {
    refuses_filters(&["a+", "+a", "a/b+/c", "++", "a/+b"], 0x8f);
    on_one_shard(|server| {
        let mut client = server.client5("client");
        for (filter, matching, other) in
            [("+", "a", "a/b"), ("+/b", "/b", "b"), ("a/+/c", "a//c", "a/c"), ("a/+", "a/", "a")]
        {
            client.subscribe5(filter, 0);
            client.publish5(other, "x");
            client.publish5(matching, "x");
            client.expect_message5(matching, "x");
            client.unsubscribe5(filter);
        }
    });
}

/// [MQTT-4.7.2-1] A filter that begins with a wildcard passes topics by that begin with `$`, those
/// of Shared Subscriptions too.
#[test]
fn mqtt5_4_7_2_1_wildcards_pass_dollar_topics_by() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        for filter in ["#", "+/a", "$share/g/#", "$share/g/+/a"] {
            subscriber.subscribe5(filter, 0);
        }
        publisher.retain5("$other/a", "x");
        publisher.publish5("$other/b", "x");
        subscriber.unsubscribe5("$share/g/#");
        publisher.publish5("marker", "x");
        subscriber.expect_message5("marker", "x");
        subscriber.subscribe5("$other/#", 0);
        publisher.publish5("$other/a", "y");
        let first = subscriber.receive5();
        assert_eq!(first, Publish::new("$other/a", "x").retain());
        subscriber.expect_message5("$other/a", "y");
    });
}

/// [MQTT-4.7.3-1] A topic has at least one character.
#[test]
fn mqtt5_4_7_3_1_topics_are_not_empty() {
    refuses_filters(&[""], 0x82);
    on_one_shard(|server| {
        server.disconnects5(&Publish::new("", "x").bytes(), 0x82);
        let mut client = server.client5("client");
        for topic in ["/", " ", "a", "//"] {
            client.subscribe5(topic, 0);
            client.publish5(topic, "x");
            client.expect_message5(topic, "x");
        }
    });
}

/// [MQTT-4.7.3-2] It has no U+0000.
#[test]
fn mqtt5_4_7_3_2_topics_have_no_null_character() {
    refuses_filters(&["\0", "a/\0/b", "$share/g/\0"], 0x81);
    on_one_shard(|server| server.disconnects5(&Publish::new("a\0b", "x").bytes(), 0x81));
}

/// [MQTT-4.7.3-3] It may have 65,535 bytes.
#[test]
fn mqtt5_4_7_3_3_topics_have_up_to_65535_bytes() {
    everywhere(|server| {
        let topic = "t".repeat(65_535);
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        subscriber.subscribe5(&topic, 0);
        publisher.publish5(&topic, "x");
        subscriber.expect_message5(&topic, "x");
    });
}

/// [MQTT-4.7.3-4] Topics are compared as they are, without any normalization.
#[test]
fn mqtt5_4_7_3_4_topics_are_not_normalized() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        subscriber.subscribe5("caf\u{e9}/A", 0);
        for topic in ["cafe\u{301}/A", "caf\u{e9}/a", "caf\u{e9}/A/", " caf\u{e9}/A", "café/A"] {
            publisher.publish5(topic, "x");
        }
        subscriber.expect_message5("caf\u{e9}/A", "x");
        settle5(&mut publisher, &mut subscriber);
        subscriber.expect_silence();
    });
}

/// [MQTT-4.8.2-1] A Shared Subscription begins with `$share/` and has a ShareName.
#[test]
fn mqtt5_4_8_2_1_share_name_is_there() {
    refuses_filters(&["$share//a", "$share/", "$share//"], 0x8f);
}

/// [MQTT-4.8.2-2] The ShareName has no wildcard; behind it come a separator and a Topic Filter.
#[test]
fn mqtt5_4_8_2_2_filter_is_there() {
    let filters = ["$share/a", "$share/a/", "$share/a+/b", "$share/#", "$share/+/b", "$share/a#/b"];
    refuses_filters(&filters, 0x8f);
    refuses_filters(&["$share/a/b#", "$share/a/#/b", "$share/a/+b"], 0x8f);
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        for (filter, topic) in [("/b", "/b"), ("+/c", "x/c"), ("d/#", "d"), ("$e/f", "$e/f")] {
            subscriber.subscribe5(&format!("$share/group $!/{filter}"), 0);
            publisher.publish5(topic, filter);
            subscriber.expect_message5(topic, filter);
        }
        subscriber.expect_silence();
    });
}

/// Publishes numbers at a QoS and gathers who got which, from members that take turns.
fn share_out(publisher: &mut Client, members: &mut [Client], count: u8, qos: u8) {
    for number in 0..count {
        publisher.publish5_surely(&Publish::new("a", [number]).qos(qos, 0));
    }
    let each = usize::from(count) / members.len();
    let mut received = BTreeSet::new();
    for member in members {
        let messages: Vec<_> = (0..each).map(|_| member.receive5()).collect();
        for message in messages {
            assert_eq!((message.topic.as_str(), message.qos), ("a", qos));
            assert!(received.insert(message.payload[0]), "{message:?} came twice");
            member.complete5(&message);
        }
        member.expect_silence();
    }
    assert!(received.into_iter().eq(0..count));
}

/// [MQTT-4.8.2-3] Each message goes to one member of a group, at the lower QoS of publication and
/// subscription.
#[test]
fn mqtt5_4_8_2_3_one_member_gets_each_message() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut members = ["one", "two", "three", "four"].map(|name| server.client5(name));
        for member in &mut members {
            member.subscribe5("$share/group/a", 2);
        }
        for qos in 0..3 {
            share_out(&mut publisher, &mut members, 40, qos);
        }
        for member in &mut members {
            member.subscribe5("$share/group/a", 1);
        }
        publisher.publish5_surely(&Publish::new("a", "x").qos(2, 0));
        let mut found = 0;
        while found == 0 {
            for member in &mut members {
                member.send(&PINGREQ);
                let packet = member.receive();
                if packet != PINGRESP {
                    assert_eq!(Publish::parse(&packet).qos, 1);
                    found += 1;
                    member.expect(&PINGRESP);
                }
            }
        }
        assert_eq!(found, 1);
    });
}

/// [MQTT-4.8.2-3] Two groups and a plain subscription each get their own copy, with their own
/// Subscription Identifier and their own QoS; no member gets retained messages on subscribing.
#[test]
fn mqtt5_4_8_2_3_groups_are_apart() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut subscriber = server.client5("subscriber");
        let mut other = server.client5("other");
        publisher.retain5("a", "retained");
        settle5(&mut publisher, &mut subscriber);
        subscriber.subscribe5_as(1, "$share/one/a", 2);
        subscriber.subscribe5_as(2, "$share/two/+", 1);
        subscriber.expect_silence();
        other.subscribe5_as(3, "a", 0);
        assert_eq!(other.receive5().payload, b"retained");
        publisher.publish5_surely(&Publish::new("a", "x").qos(2, 0));
        let mut copies = [subscriber.receive5(), subscriber.receive5()];
        copies.sort_by_key(|copy| copy.properties.numbers(id::SUBSCRIPTION_IDENTIFIER));
        for (copy, (number, qos)) in copies.iter().zip([(1, 2), (2, 1)]) {
            assert_eq!(copy.properties.numbers(id::SUBSCRIPTION_IDENTIFIER), [number]);
            assert_eq!(copy.qos, qos);
        }
        assert_eq!(other.receive5().properties.numbers(id::SUBSCRIPTION_IDENTIFIER), [3]);
        subscriber.expect_silence();
    });
}

/// [MQTT-4.8.2-3] A large payload, which is sent from one place, arrives whole in groups of
/// different QoS.
#[test]
fn mqtt5_4_8_2_3_large_payloads_are_shared() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let names = ["one", "two", "three", "four", "five"];
        let mut members = names.map(|name| server.client5(name));
        for (number, member) in members.iter_mut().enumerate() {
            let qos = u8::try_from(number % 2).expect("0 or 1");
            member.subscribe5(&format!("$share/group {number}/a"), qos);
        }
        for round in 0..3_u8 {
            let payload = vec![round; 10_000];
            publisher.publish5_surely(&Publish::new("a", &payload).qos(1, 0));
            for member in &mut members {
                assert_eq!(member.receive5_surely().payload, payload);
            }
        }
    });
}

/// [MQTT-4.8.2-3] Clients of 3.1.1 are members like others.
#[test]
fn mqtt5_4_8_2_3_members_of_3_1_1_share() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut old = server.client("old");
        let mut new = server.client5("new");
        old.subscribe("$share/group/a", 1);
        new.subscribe5("$share/group/a", 1);
        let mut received = BTreeSet::new();
        for number in 0..20_u8 {
            publisher.publish5_surely(&Publish::new("a", [number]).qos(1, 0));
        }
        for _ in 0..10 {
            received.insert(old.receive_surely().payload);
            received.insert(new.receive5_surely().payload);
        }
        assert_eq!(received.len(), 20);
        old.expect_silence();
        new.expect_silence();
    });
}

/// [MQTT-4.8.2-3] A member that leaves, by UNSUBSCRIBE or with its session, has no more part; one
/// that is away has none while others are there.
#[test]
fn mqtt5_4_8_2_3_members_come_and_go() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut members =
            vec![server.client5("one"), server.client5("two"), server.begin5("three")];
        for member in &mut members {
            member.subscribe5("$share/group/a", 1);
        }
        share_out(&mut publisher, &mut members, 12, 1);
        drop(members.pop());
        server.wait_for_connections(3);
        settle_groups(server, &mut publisher);
        share_out(&mut publisher, &mut members, 12, 1);
        members[1].unsubscribe5("$share/group/a");
        share_out(&mut publisher, &mut members[..1], 12, 1);
        members.push(server.resume5("three"));
        members.swap_remove(1);
        server.wait_for_connections(3);
        settle_groups(server, &mut publisher);
        share_out(&mut publisher, &mut members, 12, 1);
    });
}

/// Waits until what the shards have told each other of groups has arrived: each shard takes its
/// mail in order, so that a message from every shard to every other one comes behind.
fn settle_groups(server: &Server, publisher: &mut Client) {
    let names = ["settle one", "settle two", "settle three", "settle four"];
    let mut clients = names.map(|name| server.client5(name));
    for index in 0..clients.len() {
        for other in 0..clients.len() {
            if index != other {
                let [from, to] = clients.get_disjoint_mut([index, other]).expect("two of them");
                settle5(from, to);
            }
        }
    }
    let before = server.statistics().connections;
    drop(clients);
    assert!(before > 0);
    publisher.expect_silence();
}

/// [MQTT-4.8.2-4] A delivery at QoS 2 that the connection's end interrupts is completed to the same
/// member when it is back.
#[test]
fn mqtt5_4_8_2_4_qos_2_is_completed_to_the_member() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut one = server.begin5("one");
        one.subscribe5("$share/group/a", 2);
        publisher.publish5_surely(&Publish::new("a", "1").qos(2, 0));
        publisher.publish5_surely(&Publish::new("a", "2").qos(2, 0));
        let messages = [one.receive5(), one.receive5()];
        let mut two = server.client5("two");
        two.subscribe5("$share/group/a", 2);
        one.send(&pubrec(messages[0].identifier));
        one.expect(&pubrel(messages[0].identifier));
        drop(one);
        server.wait_for_connections(2);
        two.expect_silence();
        let mut one = server.resume5("one");
        one.expect(&pubrel(messages[0].identifier));
        one.send(&pubcomp(messages[0].identifier));
        assert_eq!(one.receive5_surely(), messages[1].clone().duplicate());
        one.expect_silence();
        two.expect_silence();
    });
}

/// [MQTT-4.8.2-5] If the session of that member ends instead, nobody else gets the message.
#[test]
fn mqtt5_4_8_2_5_qos_2_goes_to_no_other_member() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut one = server.client5("one");
        one.subscribe5("$share/group/a", 2);
        publisher.publish5_surely(&Publish::new("a", "1").qos(2, 0));
        assert_eq!(one.receive5().payload, b"1");
        let mut two = server.client5("two");
        two.subscribe5("$share/group/a", 2);
        drop(one);
        server.wait_for_connections(2);
        settle_groups(server, &mut publisher);
        publisher.publish5_surely(&Publish::new("a", "2").qos(2, 0));
        assert_eq!(two.receive5_surely().payload, b"2");
        two.expect_silence();
    });
}

/// [MQTT-4.8.2-6] A message that a member refuses goes to no other one.
#[test]
fn mqtt5_4_8_2_6_refused_message_goes_to_no_other_member() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut one = server.client5("one");
        one.subscribe5("$share/group/a", 2);
        for qos in 1..3 {
            publisher.publish5_surely(&Publish::new("a", [qos]).qos(qos, 0));
        }
        let messages = [one.receive5(), one.receive5()];
        let mut two = server.client5("two");
        two.subscribe5("$share/group/a", 2);
        one.send(&acknowledgement(0x40, messages[0].identifier, 0x80));
        one.send(&acknowledgement(0x50, messages[1].identifier, 0x97));
        one.expect_silence();
        settle_groups(server, &mut publisher);
        two.expect_silence();
        one.unsubscribe5("$share/group/a");
        publisher.publish5_surely(&Publish::new("a", "next").qos(1, 0));
        assert_eq!(two.receive5_surely().payload, b"next");
    });
}

/// A subscriber to `a` whose Receive Maximum is this.
fn narrow(server: &Server, maximum: u16) -> Client {
    let connect = server.connect5("narrow").resume().expiry(NEVER);
    let connect = connect.with(|properties| properties.two_bytes(id::RECEIVE_MAXIMUM, maximum));
    let (mut client, connack) = server.connacked5(&connect);
    if connack.flags == 0 {
        client.subscribe5("a", 2);
    }
    client
}

/// [MQTT-4.9.0-1] The first quota is above zero and not above the Receive Maximum, on each Network
/// Connection anew.
#[test]
fn mqtt5_4_9_0_1_quota_begins_with_the_receive_maximum() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        drop(narrow(server, 1));
        server.wait_for_connections(1);
        for number in 0..10_u8 {
            publisher.publish5_surely(&Publish::new("a", [number]).qos(1, 0));
        }
        for maximum in [1, 3, 5, 2] {
            let mut client = narrow(server, maximum);
            for number in (0..10_u8).take(usize::from(maximum)) {
                assert_eq!(client.receive5().payload, [number]);
            }
            client.expect_silence();
        }
    });
}

/// [MQTT-4.9.0-2] At a quota of zero no PUBLISH above QoS 0 goes; each acknowledgement lets one go.
#[test]
fn mqtt5_4_9_0_2_no_publish_without_quota() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut client = narrow(server, 2);
        for number in 0..10_u8 {
            publisher.publish5_surely(&Publish::new("a", [number]).qos(1 + number % 2, 0));
        }
        let mut open = vec![client.receive5(), client.receive5()];
        for number in 2..10_u8 {
            client.expect_silence();
            let message = open.remove(0);
            match message.qos {
                1 => client.send(&puback(message.identifier)),
                _ => {
                    client.send(&pubrec(message.identifier));
                    client.expect(&pubrel(message.identifier));
                    client.send(&pubcomp(message.identifier));
                }
            }
            open.push(client.receive5());
            assert_eq!(open[1].payload, [number]);
        }
        // What acknowledges nothing lets nothing go.
        publisher.publish5_surely(&Publish::new("a", "last").qos(1, 0));
        client.send(&[puback(0x7777), pubcomp(0x7777)].concat());
        client.expect_silence();
    });
}

/// [MQTT-4.9.0-3] At a quota of zero every other packet is handled as ever.
#[test]
fn mqtt5_4_9_0_3_other_packets_are_handled_without_quota() {
    everywhere(|server| {
        let mut publisher = server.client5("publisher");
        let mut client = narrow(server, 1);
        for _ in 0..3 {
            publisher.publish5_surely(&Publish::new("a", "x").qos(2, 0));
        }
        let message = client.receive5();
        client.expect_silence();
        client.subscribe5("b", 2);
        client.publish5("b", "x");
        client.expect_message5("b", "x");
        client.unsubscribe5("b");
        client.publish5_surely(&Publish::new("c", "x").qos(2, 0));
        client.send(&pubrec(message.identifier));
        client.expect(&pubrel(message.identifier));
        client.expect_silence();
        client.send(&pubcomp(message.identifier));
        assert_eq!(client.receive5_surely().payload, b"x");
    });
}
