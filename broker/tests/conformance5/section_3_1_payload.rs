//! MQTT 5.0 3.1.3: the payload of CONNECT.

use std::collections::BTreeSet;

use crate::support::everywhere;
use crate::support::packets::{Connect as Connect311, field};
use crate::v5::packets::{Connack, Connect, Publish, disconnect};
use crate::v5::properties::{Properties, id};
use crate::v5::{NEVER, on_one_shard};

/// [MQTT-3.1.3-1] The fields come in their order: Client Identifier, Will Properties, Will Topic,
/// Will Payload, User Name, Password.
#[test]
fn mqtt5_3_1_3_1_fields_are_in_order() {
    everywhere(|server| {
        let mut witness = server.client5("witness");
        witness.subscribe5("will", 0);
        let will = Publish::new("will", "payload").properties(Properties::new().user("a", "b"));
        let connect = server.connect5("client").expiry(NEVER).will(will.clone());
        drop(server.accepted5(&connect.user_name("user").password(b"\xff"), false));
        assert_eq!(witness.receive5(), will);
        server.wait_for_connections(1);
        drop(server.resume5("client"));
        // Password where the User Name should be: it is no string.
        let payload = [field(b"client"), field(b"\xff"), field(b"user")].concat();
        server.refuses5(&Connect::new("").bytes_with(0xc2, &payload), 0x81);
    });
}

/// [MQTT-3.1.3-2] The Client Identifier tells sessions apart, whatever the version that the Client
/// comes back with.
#[test]
fn mqtt5_3_1_3_2_client_identifier_names_the_session() {
    everywhere(|server| {
        server.begin5("one").subscribe5("one", 0);
        server.begin5("two").subscribe5("two", 0);
        let mut publisher = server.client5("publisher");
        server.wait_for_connections(1);
        let mut one = server.resume5("one");
        let mut two = server.resume("two");
        for topic in ["two", "one"] {
            publisher.publish5(topic, topic);
        }
        one.expect_message5("one", "one");
        two.expect_message("two", "two");
        one.expect_silence();
        two.expect_silence();
        drop((one, two));
        server.wait_for_connections(1);
        let mut two = server.resume5("two");
        publisher.publish5("two", "x");
        two.expect_message5("two", "x");
        // What is alike but for a letter is another Client.
        let other = server.identifier("one").to_uppercase();
        drop(server.accepted5(&Connect::new(&other).resume(), false));
    });
}

/// [MQTT-3.1.3-3] The Client Identifier is there.
#[test]
fn mqtt5_3_1_3_3_client_identifier_is_present() {
    on_one_shard(|server| {
        for payload in [&[][..], &[0], &[0, 2, b'a']] {
            server.refuses5(&Connect::new("").bytes_with(0x02, payload), 0x81);
        }
    });
}

/// [MQTT-3.1.3-4] It is a string.
#[test]
fn mqtt5_3_1_3_4_client_identifier_is_utf8() {
    on_one_shard(|server| {
        for identifier in [&b"\xff"[..], b"\xed\xa0\x80", b"a\0"] {
            server.refuses5(&Connect::new("").bytes_with(0x02, &field(identifier)), 0x81);
        }
        server.accepted5(&Connect::new("Ωμέγα / #+$ \u{10ffff}"), false).expect_silence();
    });
}

/// [MQTT-3.1.3-5] Letters and digits, from one byte to 23, are taken; and so are longer ones.
#[test]
fn mqtt5_3_1_3_5_ordinary_identifiers_are_taken() {
    everywhere(|server| {
        let all = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        for length in [1, 2, 22, 23] {
            for start in [0, 10, 20, 30, all.len() - length] {
                let identifier = &all[start..start + length];
                server.accepted5(&Connect::new(identifier), false).expect_silence();
            }
        }
        server.accepted5(&Connect::new(&all.repeat(1000)), false).expect_silence();
    });
}

/// [MQTT-3.1.3-6] A Client with an empty identifier gets one that nobody has.
#[test]
fn mqtt5_3_1_3_6_empty_identifier_gets_a_unique_one() {
    everywhere(|server| {
        let clients = (0..20).map(|_| server.connacked5(&Connect::new(""))).collect::<Vec<_>>();
        let assigned: BTreeSet<_> = clients
            .iter()
            .filter_map(|(_, connack)| connack.properties.text(id::ASSIGNED_CLIENT_IDENTIFIER))
            .collect();
        assert_eq!(assigned.len(), 20, "{assigned:?}");
        for (mut client, connack) in clients {
            assert_eq!((connack.flags, connack.reason), (0, 0));
            client.expect_silence();
        }
    });
}

/// [MQTT-3.1.3-7] The identifier in the CONNACK is the Client's, as if it had sent it: with it the
/// Client comes back to its session, and is taken over.
#[test]
fn mqtt5_3_1_3_7_assigned_identifier_is_told_and_holds() {
    everywhere(|server| {
        let connect = Connect::new("").expiry(NEVER);
        for connect in [connect.clone(), connect.resume()] {
            let (mut first, connack) = server.connacked5(&connect);
            assert_eq!((connack.flags, connack.reason), (0, 0));
            let assigned = connack.properties.text(id::ASSIGNED_CLIENT_IDENTIFIER);
            let assigned = assigned.expect("an identifier is assigned");
            let again = Connect::new(&assigned).resume().expiry(NEVER);
            let (mut second, connack) = server.connacked5(&again);
            assert_eq!((connack.flags, connack.reason), (1, 0));
            assert!(!connack.properties.has(id::ASSIGNED_CLIENT_IDENTIFIER), "{connack:02x?}");
            first.expect_disconnect(0x8e);
            second.send(&disconnect(0, &Properties::new()));
            second.expect_closed();
            drop(server.accepted5(&again, true));
        }
    });
}

/// [MQTT-3.1.3-6] At 3.1.1 an empty identifier without a clean session is still refused.
#[test]
fn mqtt5_3_1_3_6_the_rule_of_3_1_1_stays() {
    everywhere(|server| {
        let mut client = server.open();
        client.send(&Connect311::new("").kept().bytes());
        client.expect(&[0x20, 2, 0, 2]);
        client.expect_closed();
        let mut client = server.open();
        client.send(&Connect::new("").resume().bytes());
        assert_eq!(Connack::parse(&client.receive()).reason, 0);
    });
}

/// [MQTT-3.1.3-12] The User Name is a string.
#[test]
fn mqtt5_3_1_3_12_user_name_is_utf8() {
    on_one_shard(|server| {
        for name in [&b"\xff"[..], b"\xed\xa0\x80", b"a\0"] {
            let payload = [field(b"client"), field(name)].concat();
            server.refuses5(&Connect::new("").bytes_with(0x82, &payload), 0x81);
        }
    });
}
