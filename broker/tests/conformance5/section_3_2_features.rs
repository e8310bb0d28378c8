//! MQTT 5.0 3.2.2.3 and 3.14.2.1: what a Server may leave out, check and tell of itself; and each
//! Reason Code with which it disconnects.

use std::sync::Arc;
use std::time::Duration;

use broker::{Access, Credentials, Dismissal, Features, Limits, Principal, QoS, Refusal};

use crate::support::client::Client;
use crate::support::packets::{self as old, PINGREQ};
use crate::support::{Server, wait_until};
use crate::v5::NEVER;
use crate::v5::packets::{Connect, Publish, acknowledgement, disconnect, suback, subscribe};
use crate::v5::properties::{Properties, id};

/// Runs a test against brokers with features other than the default, at 1, 2 and 4 shards.
fn offering(change: impl Fn(&mut Features), test: impl Fn(&Server)) {
    for shards in [1, 2, 4] {
        let mut features = Features::default();
        change(&mut features);
        test(&Server::start(shards, |builder| builder.features(features)));
    }
}

/// What the CONNACK to an ordinary CONNECT says.
fn told(server: &Server) -> Properties {
    server.connacked5(&server.connect5("reader")).1.properties
}

/// Sends a packet from a Client of 3.1.1: the broker closes without a word.
#[track_caller]
fn closes(server: &Server, packet: &[u8]) {
    let mut client = server.client("old");
    client.send(packet);
    client.expect_closed();
}

/// Sends a CONNECT of 3.1.1 with a Will for whose fault there is no return code.
#[track_caller]
fn refuses_silently(server: &Server, qos: u8, retain: bool) {
    let mut client = server.open();
    client.send(&server.connect("old").will("a", "x").will_details(qos, retain).bytes());
    client.expect_closed();
}

const LEVELS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

/// [MQTT-3.2.2-9] A broker without QoS 1 or QoS 2 says so by Maximum QoS; one with both says
/// nothing.
#[test]
fn mqtt5_3_2_2_9_maximum_qos_is_told() {
    for (level, expected) in LEVELS.into_iter().zip([Some(0), Some(1), None]) {
        offering(
            |features| features.maximum_qos = level,
            |server| assert_eq!(told(server).number(id::MAXIMUM_QOS), expected),
        );
    }
}

/// [MQTT-3.2.2-10] It accepts SUBSCRIBE with QoS 0, 1 and 2 all the same, and grants what it has;
/// to Clients of 3.1.1 too. What it publishes is not above it either.
#[test]
fn mqtt5_3_2_2_10_every_qos_may_be_subscribed_to() {
    for (level, max) in LEVELS.into_iter().zip(0..) {
        let granted = [0, 1, 2].map(|asked: u8| asked.min(max));
        offering(
            |features| features.maximum_qos = level,
            |server| {
                let filters = [("a", 0), ("b", 1), ("c", 2)];
                let mut client = server.client5("client");
                client.send(&subscribe(1, &Properties::new(), &filters));
                client.expect(&suback(1, &granted));
                let mut old = server.client("old");
                old.send(&old::subscribe(1, &filters));
                old.expect(&old::suback(1, &granted));
                for retain in [false, true] {
                    let publisher = server.broker().publisher();
                    publisher.publish_with("c", "x", QoS::ExactlyOnce, retain).expect("it runs");
                    assert_eq!(client.receive5_surely().qos, max);
                    assert_eq!(old.receive_surely().qos, max);
                }
            },
        );
    }
}

/// [MQTT-3.2.2-11] A PUBLISH above it closes the connection, at 5.0 with 0x9B.
#[test]
fn mqtt5_3_2_2_11_publish_above_the_maximum_qos_disconnects() {
    for (level, max) in LEVELS.into_iter().zip(0..) {
        offering(
            |features| features.maximum_qos = level,
            |server| {
                for qos in 0..=2_u8 {
                    let publish = Publish::new("a", "x").qos(qos, 1);
                    if qos > max {
                        server.disconnects5(&publish.bytes(), 0x9b);
                        closes(server, &old::Publish::new("a", "x").qos(qos, 1).bytes());
                    } else {
                        server.client5("client").publish5_surely(&publish);
                    }
                }
            },
        );
    }
}

/// [MQTT-3.2.2-12] A Will above it is refused with 0x9B, before 5.0 without a word.
#[test]
fn mqtt5_3_2_2_12_will_above_the_maximum_qos_is_refused() {
    offering(
        |features| features.maximum_qos = QoS::AtLeastOnce,
        |server| {
            let will = |qos| server.connect5("client").will(Publish::new("a", "x").qos(qos, 0));
            server.refuses5(&will(2).bytes(), 0x9b);
            refuses_silently(server, 2, false);
            server.accepted5(&will(1), false).expect_silence();
        },
    );
}

/// [MQTT-3.2.2-13] Without retained messages, a Will that is to be one is refused with 0x9A.
#[test]
fn mqtt5_3_2_2_13_will_to_be_retained_is_refused() {
    offering(
        |features| features.retain_available = false,
        |server| {
            assert_eq!(told(server).number(id::RETAIN_AVAILABLE), Some(0));
            let will = Publish::new("a", "x");
            server.refuses5(&server.connect5("client").will(will.clone().retain()).bytes(), 0x9a);
            refuses_silently(server, 0, true);
            server.accepted5(&server.connect5("client").will(will), false).expect_silence();
        },
    );
}

/// [MQTT-3.2.2-14] A Client that is told so retains nothing: RETAIN closes its connection, with
/// 0x9A.
#[test]
fn mqtt5_3_2_2_14_retain_disconnects_where_there_is_none() {
    offering(
        |features| features.retain_available = false,
        |server| {
            for payload in ["x", ""] {
                server.disconnects5(&Publish::new("a", payload).retain().bytes(), 0x9a);
                closes(server, &old::Publish::new("a", payload).retain().bytes());
            }
            let mut client = server.client5("client");
            client.publish5_surely(&Publish::new("a", "x"));
            client.subscribe5("a", 0);
            client.expect_silence();
        },
    );
}

/// [MQTT-3.2.2-15] A Client sends nothing above the Maximum Packet Size that it is told: 0x95.
#[test]
fn mqtt5_3_2_2_15_packet_above_the_maximum_disconnects() {
    let mut limits = Limits::default();
    limits.packet_bytes_max = 100;
    let server = Server::start(1, |builder| builder.limits(limits));
    assert_eq!(told(&server).number(id::MAXIMUM_PACKET_SIZE), Some(100));
    // Two bytes of fixed header, three of topic, one of properties.
    server.client5("client").publish5_surely(&Publish::new("a", vec![b'x'; 94]));
    server.disconnects5(&Publish::new("a", vec![b'x'; 95]).bytes(), 0x95);
}

/// A kind of subscription that there is not is a Protocol Error at 5.0, 3.2.2.3.11 to 3.2.2.3.13,
/// and nothing of its SUBSCRIBE is processed; a Client of 3.1.1 is refused that filter.
#[test]
fn kinds_of_subscriptions_may_be_missing() {
    type Change = fn(&mut Features);
    let cases: [(Change, u8, &str, u8); 3] = [
        (
            |features| features.wildcard_subscription_available = false,
            id::WILDCARD_SUBSCRIPTION_AVAILABLE,
            "a/+",
            0xa2,
        ),
        (
            |features| features.shared_subscription_available = false,
            id::SHARED_SUBSCRIPTION_AVAILABLE,
            "$share/group/a",
            0x9e,
        ),
        (
            |features| features.wildcard_subscription_available = false,
            id::WILDCARD_SUBSCRIPTION_AVAILABLE,
            "$share/group/#",
            0xa2,
        ),
    ];
    for (change, property, filter, reason) in cases {
        offering(change, |server| {
            assert_eq!(told(server).number(property), Some(0));
            let mut kept = server.begin5("kept");
            kept.send(&subscribe(1, &Properties::new(), &[("b", 0), (filter, 0)]));
            kept.expect_disconnect(reason);
            let mut kept = server.resume5("kept");
            kept.publish5_surely(&Publish::new("b", "nobody"));
            let mut old = server.client("old");
            old.send(&old::subscribe(1, &[("b", 1), (filter, 1)]));
            old.expect(&old::suback(1, &[1, 0x80]));
            server.wait_for("the count", |statistics| statistics.subscriptions_refused == 1);
            kept.expect_silence();
        });
    }
}

#[test]
fn subscription_identifiers_may_be_missing() {
    offering(
        |features| features.subscription_identifier_available = false,
        |server| {
            assert_eq!(told(server).number(id::SUBSCRIPTION_IDENTIFIER_AVAILABLE), Some(0));
            let with = Properties::new().variable(id::SUBSCRIPTION_IDENTIFIER, 1);
            server.disconnects5(&subscribe(1, &with, &[("a", 0)]), 0xa1);
            server.client5("client").subscribe5("a", 0);
        },
    );
}

/// A payload that is said to be UTF-8 and is not.
fn not_utf8(indicator: u8) -> Publish {
    let properties = Properties::new().byte(id::PAYLOAD_FORMAT_INDICATOR, indicator);
    Publish::new("a", [b'x', 0xff]).properties(properties)
}

/// The Payload Format Indicator is looked at where the broker is told to, 3.3.2.3.2: 0x99 in PUBACK,
/// PUBREC or DISCONNECT, and in the CONNACK for a Will, 3.1.3.2.3.
#[test]
fn payloads_may_be_checked() {
    offering(
        |features| features.check_payload_format = true,
        |server| {
            let mut witness = server.client5("witness");
            witness.subscribe5("#", 0);
            let mut client = server.client5("client");
            for _ in 0..2 {
                client.send(&not_utf8(1).qos(1, 1).bytes());
                client.expect(&acknowledgement(0x40, 1, 0x99));
                client.send(&not_utf8(1).qos(2, 2).bytes());
                client.expect(&acknowledgement(0x50, 2, 0x99));
            }
            client.send(&not_utf8(1).retain().bytes());
            client.expect_disconnect(0x99);
            server.refuses5(&server.connect5("client").will(not_utf8(1)).bytes(), 0x99);
            let good = Publish { payload: "é".into(), ..not_utf8(1) };
            server.client5("client").publish5_surely(&good);
            server.client5("client").publish5_surely(&not_utf8(0));
            server.client5("client").publish5_surely(&Publish::new("a", [0xff]));
            server.client("old").publish_surely(&old::Publish::new("a", [0xfe]));
            let payloads = [0; 4].map(|_| witness.receive5().payload);
            assert_eq!(payloads.map(|payload| payload[0]), ["é".as_bytes()[0], b'x', 0xff, 0xfe]);
            witness.expect_silence();
            server.wait_for("the count", |statistics| statistics.payloads_invalid == 5);
        },
    );
    offering(|_| {}, |server| server.client5("client").publish5_surely(&not_utf8(1)));
}

/// [MQTT-3.1.2-28] Response Information goes to the Client that asks for it, and to no other.
#[test]
fn mqtt5_3_1_2_28_response_information_is_told_on_request() {
    offering(
        |features| features.response_information = Some("answers/".into()),
        |server| {
            for (asked, expected) in [(None, None), (Some(0), None), (Some(1), Some("answers/"))] {
                let connect = server.connect5("client").with(|properties| match asked {
                    Some(byte) => properties.byte(id::REQUEST_RESPONSE_INFORMATION, byte),
                    None => properties,
                });
                let (_, connack) = server.connacked5(&connect);
                let information = connack.properties.text(id::RESPONSE_INFORMATION);
                assert_eq!(information.as_deref(), expected, "{asked:?}");
            }
        },
    );
}

/// Each refusal that an embedder can give.
struct Refuses;

impl Access for Refuses {
    fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Principal, Refusal> {
        let other: Option<Arc<str>> = Some("other:1883".into());
        if credentials.client_identifier.starts_with("reserved") {
            return Err(Refusal::ClientIdentifierNotValid);
        }
        match credentials.user_name {
            None => Ok(Principal::default()),
            Some("banned") => Err(Refusal::Banned),
            Some("busy") => Err(Refusal::Busy),
            Some("for now") => Err(Refusal::UseAnotherServer(other)),
            Some("for good") => Err(Refusal::ServerMoved(other)),
            Some(_) => Err(Refusal::ServerMoved(None)),
        }
    }
}

/// [MQTT-3.2.2-8] What an embedder refuses has its Reason Code, and may name another Server, 4.11;
/// unless that makes the CONNACK too large for the Client.
#[test]
fn mqtt5_3_2_2_8_refusals_of_an_embedder() {
    for shards in [1, 2] {
        let server = Server::start(shards, |builder| builder.access(Refuses));
        let named = Some("other:1883".to_owned());
        let cases = [
            ("banned", 0x8a, 5, None),
            ("busy", 0x89, 3, None),
            ("for now", 0x9c, 3, named.clone()),
            ("for good", 0x9d, 3, named),
            ("somewhere", 0x9d, 3, None),
        ];
        for (user, reason, return_code, reference) in cases {
            let connect = server.connect5("client").user_name(user);
            let (mut client, connack) = server.connacked5(&connect);
            assert_eq!(connack.reason, reason);
            assert_eq!(connack.properties.text(id::SERVER_REFERENCE), reference);
            client.expect_closed();
            // Room for what lets a Client in, and one byte.
            let small = connect.with(|p| p.four_bytes(id::MAXIMUM_PACKET_SIZE, 17));
            let (_, connack) = server.connacked5(&small);
            assert_eq!((connack.reason, connack.properties.is_empty()), (reason, true));
            let mut client = server.open();
            let user_name = Some(user.to_owned());
            client.send(&old::Connect { user_name, ..server.connect("old") }.bytes());
            client.expect(&[0x20, 2, 0, return_code]);
            client.expect_closed();
        }
    }
}

/// [MQTT-3.1.3-8] A Client Identifier that is not accepted is answered with 0x85, before 5.0 with
/// return code 2, and the connection is closed.
#[test]
fn mqtt5_3_1_3_8_client_identifier_may_be_refused() {
    for shards in [1, 2] {
        let server = Server::start(shards, |builder| builder.access(Refuses));
        server.refuses5(&server.connect5("reserved").bytes(), 0x85);
        let mut old = server.open();
        old.send(&server.connect("reserved").bytes());
        old.expect(&[0x20, 2, 0, 2]);
        old.expect_closed();
        server.client5("client").expect_silence();
    }
}

/// [MQTT-3.14.2-1] Each Reason Code of 3.14.2.1 that there is for a Client which is sent away; the
/// Will goes out and the session stays.
#[test]
fn mqtt5_3_14_2_1_dismissals_have_their_reason_code() {
    for shards in [1, 2, 4] {
        let server = Server::start(shards, |builder| builder);
        let mut witness = server.client5("witness");
        witness.subscribe5("will", 0);
        let other: Option<Arc<str>> = Some("other:1883".into());
        let cases = [
            (Dismissal::MessageRateTooHigh, 0x96, None),
            (Dismissal::QuotaExceeded, 0x97, None),
            (Dismissal::AdministrativeAction, 0x98, None),
            (Dismissal::UseAnotherServer(other.clone()), 0x9c, other.clone()),
            (Dismissal::ServerMoved(other.clone()), 0x9d, other),
            (Dismissal::ServerMoved(None), 0x9d, None),
            (Dismissal::MaximumConnectTime, 0xa0, None),
        ];
        let connect =
            server.connect5("client").expiry(100).resume().will(Publish::new("will", "gone"));
        for (round, (dismissal, reason, reference)) in cases.into_iter().enumerate() {
            let mut client = server.accepted5(&connect, round > 0);
            let identifier = server.identifier("client");
            server.broker().publisher().dismiss(&identifier, dismissal.clone()).expect("it runs");
            let properties = client.expect_disconnect(reason);
            assert_eq!(properties.text(id::SERVER_REFERENCE).as_deref(), reference.as_deref());
            witness.expect_message5("will", "gone");
        }
        // A Client of 3.1.1 is closed without a word; one that is not there is no error.
        let mut old = server.client("old");
        for name in ["old", "client", "nobody"] {
            let identifier = server.identifier(name);
            let dismissed =
                server.broker().publisher().dismiss(&identifier, Dismissal::AdministrativeAction);
            dismissed.expect("it runs");
        }
        old.expect_closed();
        server.wait_for("the count", |statistics| statistics.dismissals == 8);
    }
}

/// A Client that is told where to go, with the room that it leaves for that.
fn with_room(server: &Server, name: &str, size: u32) -> Client {
    let connect = server.connect5(name).with(|p| p.four_bytes(id::MAXIMUM_PACKET_SIZE, size));
    server.accepted5(&connect, false)
}

/// A broker that knows another one says so when it stops, 0x9C, and when it has no room for a
/// session; as far as that fits.
#[test]
fn another_server_is_named() {
    let mut features = Features::default();
    features.server_reference = Some("other:1883".into());
    let mut limits = Limits::default();
    limits.sessions_max = 3;
    let server = Server::start(1, |builder| builder.features(features).limits(limits));
    let mut large = with_room(&server, "large", 1000);
    let mut medium = with_room(&server, "medium", 30);
    let mut old = server.client("old");
    let (_, connack) = server.connacked5(&Connect::new("one more"));
    assert_eq!(connack.reason, 0x9c);
    assert_eq!(connack.properties.text(id::SERVER_REFERENCE).as_deref(), Some("other:1883"));
    let mut late = server.open();
    late.send(&old::Connect::new("one more").bytes());
    late.expect(&[0x20, 2, 0, 3]);
    server.stop();
    let properties = large.expect_disconnect(0x9c);
    assert_eq!(properties.text(id::SERVER_REFERENCE).as_deref(), Some("other:1883"));
    assert!(properties.has(id::REASON_STRING), "{properties:?}");
    let properties = medium.expect_disconnect(0x9c);
    assert!(properties.has(id::SERVER_REFERENCE), "{properties:?}");
    assert!(!properties.has(id::REASON_STRING), "{properties:?}");
    old.expect_closed();
}

/// A Session Expiry Interval above the maximum is told, 3.2.2.3.2, and holds, also for a DISCONNECT
/// that asks for more and for a session of 3.1.1.
#[test]
fn session_expiry_may_be_bounded() {
    let mut limits = Limits::default();
    limits.session_expiry_max = Duration::from_secs(1);
    let server = Server::start(2, |builder| builder.limits(limits));
    for (asked, told) in [(None, None), (Some(0), None), (Some(1), None), (Some(2), Some(1))] {
        let connect = server.connect5("client");
        let connect = if let Some(seconds) = asked { connect.expiry(seconds) } else { connect };
        let (_, connack) = server.connacked5(&connect);
        assert_eq!(connack.properties.number(id::SESSION_EXPIRY_INTERVAL), told, "{asked:?}");
    }
    let mut asks = server.accepted5(&server.connect5("asks").expiry(1), false);
    asks.send(&disconnect(0, &Properties::new().four_bytes(id::SESSION_EXPIRY_INTERVAL, NEVER)));
    drop(server.accepted5(&server.connect5("never").expiry(NEVER), false));
    drop(server.begin("old"));
    server.wait_for("the sessions to end", |statistics| {
        // The figures may be older than the last session.
        statistics.connects_accepted == 7 && statistics.sessions == 0
    });
    assert_eq!(server.statistics().sessions_expired, 4);
}

/// [MQTT-3.3.4-7] A QoS 2 publication that is refused takes no part of the Receive Maximum.
#[test]
fn mqtt5_3_3_4_7_refused_publications_do_not_count() {
    let mut limits = Limits::default();
    limits.receive_maximum = 2;
    let mut features = Features::default();
    features.check_payload_format = true;
    let server = Server::start(1, |builder| builder.limits(limits).features(features));
    let mut client = server.client5("client");
    for identifier in 1..10 {
        client.send(&not_utf8(1).qos(2, identifier).bytes());
        client.expect(&acknowledgement(0x50, identifier, 0x99));
    }
    for identifier in [20, 21] {
        client.send(&Publish::new("a", "x").qos(2, identifier).bytes());
        assert_eq!(client.receive()[0], 0x50);
    }
    client.send(&Publish::new("a", "x").qos(2, 22).bytes());
    client.expect_disconnect(0x93);
}

/// A SUBACK that is too large for the Client is left out, [MQTT-3.1.2-24], and counted.
#[test]
fn answers_that_are_left_out_count() {
    let server = Server::start(1, |builder| builder);
    let (_, connack) = server.connacked5(&server.connect5("client"));
    let size = u32::try_from(4 + connack.properties.bytes().len()).expect("it is short");
    let mut client = with_room(&server, "client", size);
    let filters: Vec<_> = (0..size).map(|_| ("a", 0)).collect();
    client.send(&[&subscribe(1, &Properties::new(), &filters)[..], &PINGREQ].concat());
    assert_eq!(client.receive()[0], 0xd0);
    wait_until("the count", || server.statistics().answers_too_large == 1);
}
