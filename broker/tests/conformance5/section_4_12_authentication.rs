//! MQTT 5.0 3.15 and 4.12: AUTH, enhanced authentication and re-authentication.

use std::time::Duration;

use broker::topic::TopicName;
use broker::{Access, Authenticator, Credentials, Identity, Limits, Principal, QoS, Refusal, Step};

use crate::support::client::Client;
use crate::support::packets::{DISCONNECT, PINGREQ, PINGRESP};
use crate::support::{Server, wait_until};
use crate::v5::packets::{Connack, Connect, Publish, acknowledgement, auth, parse_auth, subscribe};
use crate::v5::properties::{Properties, id};

/// What the broker sends as a challenge, turned around, is the right answer.
const CHALLENGE: &[u8] = b"drawer";
const ANSWER: &[u8] = b"reward";

/// Has three methods; a Client may publish to topics that begin with its user name.
struct Methods;

/// The user name comes first, then as many challenges as there are.
struct Challenges {
    rounds: usize,
    left: usize,
    user_name: Option<String>,
}

/// Answers at once, with as many bytes as it is told.
struct Immediate;

impl Access for Methods {
    fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Principal, Refusal> {
        let user_name = credentials.user_name.map(Into::into);
        Ok(Principal { user_name, ..Principal::default() })
    }

    fn authenticator(
        &self,
        method: &str,
        credentials: &Credentials<'_>,
    ) -> Option<Box<dyn Authenticator>> {
        assert!(credentials.listener.starts_with("mqtt://127.0.0.1:"));
        let challenges = |rounds| Challenges { rounds, left: 0, user_name: None };
        match method {
            "CHALLENGE" => Some(Box::new(challenges(1))),
            "CHALLENGES" => Some(Box::new(challenges(1000))),
            "IMMEDIATE" => Some(Box::new(Immediate)),
            _ => None,
        }
    }

    fn may_publish(&self, client: &Identity, topic: TopicName<'_>, _: QoS, _: bool) -> bool {
        let user_name = client.principal.user_name.as_deref();
        user_name.is_some_and(|user_name| topic.as_str().starts_with(user_name))
    }

    fn admits(&self, client: &Identity) -> bool {
        client.principal.user_name.as_deref() != Some("banned")
    }
}

impl Authenticator for Challenges {
    fn start(&mut self, data: Option<&[u8]>) -> Step {
        let Some(user_name) = data else {
            return Step::Refuse(Refusal::BadUserNameOrPassword.into());
        };
        self.user_name = Some(String::from_utf8_lossy(user_name).into_owned());
        self.left = self.rounds;
        Step::Continue(CHALLENGE.to_vec())
    }

    fn proceed(&mut self, data: Option<&[u8]>) -> Step {
        self.left -= 1;
        if data != Some(ANSWER) {
            let elsewhere = Some("other:1883".into());
            return Step::Refuse(match data {
                Some(b"elsewhere") => Refusal::UseAnotherServer(elsewhere).into(),
                _ => Refusal::NotAuthorized.into(),
            });
        }
        if self.left > 0 {
            return Step::Continue(CHALLENGE.to_vec());
        }
        let user_name = self.user_name.take().map(Into::into);
        let principal = Principal { user_name, ..Principal::default() };
        Step::Success { principal, data: Some(b"welcome".to_vec()) }
    }
}

impl Authenticator for Immediate {
    fn start(&mut self, data: Option<&[u8]>) -> Step {
        let size = data.map_or(0, |data| usize::from(u16::from_be_bytes([data[0], data[1]])));
        let many = size == usize::from(u16::MAX);
        let data = (size > 0).then(|| vec![b'x'; if many { 1 << 17 } else { size }]);
        Step::Success { principal: Principal::default(), data }
    }

    fn proceed(&mut self, _: Option<&[u8]>) -> Step {
        unreachable!("it has not asked for more")
    }
}

/// Runs a test at 1, 2 and 4 shards.
fn guarded(test: impl Fn(&Server)) {
    for shards in [1, 2, 4] {
        test(&Server::start(shards, |builder| builder.access(Methods)));
    }
}

fn properties(method: &str, data: &[u8]) -> Properties {
    Properties::new()
        .string(id::AUTHENTICATION_METHOD, method)
        .string(id::AUTHENTICATION_DATA, data)
}

/// A CONNECT that begins the exchange as a user.
fn connect(server: &Server, method: &str, user_name: &str) -> Connect {
    server.connect5("client").with(|with| {
        with.string(id::AUTHENTICATION_METHOD, method)
            .string(id::AUTHENTICATION_DATA, user_name.as_bytes())
    })
}

/// Receives an AUTH with this Reason Code and data; all of it has the method.
#[track_caller]
fn expect_auth(client: &mut Client, reason: u8, method: &str, data: &[u8]) {
    let (received, with) = parse_auth(&client.receive());
    assert_eq!((received, with), (reason, properties(method, data)));
}

/// A Client that has got its challenge.
#[track_caller]
fn challenged(server: &Server) -> Client {
    let mut client = server.open();
    client.send(&connect(server, "CHALLENGE", "alice").bytes());
    expect_auth(&mut client, 0x18, "CHALLENGE", CHALLENGE);
    client
}

/// A Client that has come in as `alice`.
#[track_caller]
fn authenticated(server: &Server) -> Client {
    let mut client = challenged(server);
    client.send(&auth(0x18, &properties("CHALLENGE", ANSWER)));
    let connack = Connack::parse(&client.receive());
    assert_eq!((connack.flags, connack.reason), (0, 0));
    client
}

/// Receives a CONNACK of this Reason Code and the end.
#[track_caller]
fn expect_refusal(client: &mut Client, reason: u8) -> Properties {
    let connack = Connack::parse(&client.receive());
    assert_eq!((connack.flags, connack.reason), (0, reason));
    client.expect_closed();
    connack.properties
}

/// [MQTT-3.15.1-1] The flags of an AUTH are zero, before the CONNACK as well.
#[test]
fn mqtt5_3_15_1_1_flags_of_auth_before_connack() {
    let server = Server::start(1, |builder| builder.access(Methods));
    for flags in 1..16 {
        let mut client = challenged(&server);
        client.send(&[0xf0 | flags, 0]);
        expect_refusal(&mut client, 0x81);
    }
}

/// [MQTT-3.15.2-1] AUTH has one of its Reason Codes: the broker takes Continue where it has asked,
/// Re-authenticate where it has not, and nothing else.
#[test]
fn mqtt5_3_15_2_1_reason_codes_of_auth() {
    let server = Server::start(1, |builder| builder.access(Methods));
    let with = properties("CHALLENGE", ANSWER);
    for code in (0..=255).filter(|code| *code != 0x18) {
        let mut client = challenged(&server);
        client.send(&auth(code, &with));
        expect_refusal(&mut client, 0x82);
    }
    for code in (0..=255).filter(|code| *code != 0x19) {
        let mut client = authenticated(&server);
        client.send(&auth(code, &with));
        client.expect_disconnect(0x82);
    }
    for bare in [&[0xf0, 0][..], &[0xf0, 1, 0x18], &[0xf0, 2, 0x18, 0]] {
        let mut client = challenged(&server);
        client.send(bare);
        let connack = Connack::parse(&client.receive());
        assert!(matches!(connack.reason, 0x81 | 0x82), "{connack:02x?} to {bare:02x?}");
        client.expect_closed();
    }
}

/// What the smallest AUTH of the broker, and its CONNACK, have as properties. `slack` is what there
/// is room for besides.
fn smallest(slack: u32, check: impl Fn(&Properties)) {
    let server = Server::start(1, |builder| builder.access(Methods));
    let size = 3 + properties("CHALLENGE", CHALLENGE).bytes().len();
    let size = u32::try_from(size).expect("it is short") + slack;
    let small = |size: u32| {
        connect(&server, "CHALLENGE", "alice").with(|p| p.four_bytes(id::MAXIMUM_PACKET_SIZE, size))
    };
    let mut client = server.open();
    client.send(&small(size).bytes());
    let (_, with) = parse_auth(&client.receive());
    check(&with);
    if slack == 0 {
        server.refuses5(&small(size - 1).bytes(), 0x95);
    }
}

/// [MQTT-3.15.2-2] No Reason String makes an AUTH too large for the Client: there is none. An AUTH
/// that is too large without is not sent, and the Client is told so.
#[test]
fn mqtt5_3_15_2_2_reason_string_of_auth_fits() {
    for slack in [0, 1000] {
        smallest(slack, |with| assert!(!with.has(id::REASON_STRING), "{with:?}"));
    }
}

/// [MQTT-3.15.2-3] Nor does a User Property.
#[test]
fn mqtt5_3_15_2_3_user_property_of_auth_fits() {
    for slack in [0, 1000] {
        smallest(slack, |with| assert!(!with.has(id::USER_PROPERTY), "{with:?}"));
    }
}

/// [MQTT-3.1.2-30] Until the CONNACK a Client sends AUTH and DISCONNECT alone: anything else is a
/// Protocol Error, and is not processed.
#[test]
fn mqtt5_3_1_2_30_nothing_else_before_the_connack() {
    guarded(|server| {
        let mut witness = server.client5("witness");
        witness.subscribe5("#", 0);
        let publish = Publish::new("alice", "x").retain().bytes();
        let packets = [
            publish.clone(),
            subscribe(1, &Properties::new(), &[("a", 0)]),
            PINGREQ.to_vec(),
            acknowledgement(0x40, 1, 0),
            connect(server, "CHALLENGE", "alice").bytes(),
        ];
        for packet in packets {
            let mut client = challenged(server);
            client.send(&packet);
            expect_refusal(&mut client, 0x82);
            // Not even in one go with the CONNECT.
            let mut client = server.open();
            client.send(&[connect(server, "CHALLENGE", "alice").bytes(), packet].concat());
            expect_refusal(&mut client, 0x82);
        }
        let mut client = challenged(server);
        client.send(&[&DISCONNECT[..], &publish].concat());
        client.expect_closed();
        witness.expect_silence();
    });
}

/// [MQTT-4.12.0-1] A method that the broker does not have is refused as such, though it has others.
#[test]
fn mqtt5_4_12_0_1_methods_are_told_apart() {
    guarded(|server| {
        for method in ["challenge", "CHALLENGE ", "", "SCRAM-SHA-256"] {
            server.refuses5(&connect(server, method, "alice").bytes(), 0x8c);
        }
        server.wait_for("refusals", |statistics| statistics.connects_refused == 4);
    });
}

/// [MQTT-4.12.0-2] What the broker needs it asks for by AUTH with Reason Code 0x18, as often as the
/// method wants it.
#[test]
fn mqtt5_4_12_0_2_broker_asks_with_continue() {
    guarded(|server| {
        let mut client = server.open();
        client.send(&connect(server, "CHALLENGES", "alice").bytes());
        for _ in 0..1000 {
            expect_auth(&mut client, 0x18, "CHALLENGES", CHALLENGE);
            client.send(&auth(0x18, &properties("CHALLENGES", ANSWER)));
        }
        assert_eq!(Connack::parse(&client.receive()).reason, 0);
        // One that needs nothing more asks for nothing.
        let (_, connack) = server.connacked5(&connect(server, "IMMEDIATE", "\0\x03"));
        assert_eq!(connack.reason, 0);
        assert_eq!(connack.properties.text(id::AUTHENTICATION_DATA).as_deref(), Some("xxx"));
        let none = |p: Properties| p.string(id::AUTHENTICATION_METHOD, "IMMEDIATE");
        let (_, connack) = server.connacked5(&server.connect5("other").with(none));
        assert!(!connack.properties.has(id::AUTHENTICATION_DATA), "{connack:02x?}");
    });
}

/// [MQTT-4.12.0-3] The Client answers with Continue: one that begins anew, or answers before it was
/// asked, is refused.
#[test]
fn mqtt5_4_12_0_3_client_answers_with_continue() {
    guarded(|server| {
        let mut client = challenged(server);
        client.send(&auth(0x19, &properties("CHALLENGE", ANSWER)));
        expect_refusal(&mut client, 0x82);
        let answer = auth(0x18, &properties("CHALLENGE", ANSWER));
        let mut client = server.open();
        client.send(&[connect(server, "CHALLENGE", "alice").bytes(), answer.clone()].concat());
        expect_refusal(&mut client, 0x82);
        let mut client = challenged(server);
        client.send(&[answer.clone(), answer].concat());
        expect_refusal(&mut client, 0x82);
    });
}

/// [MQTT-4.12.0-4] The broker refuses at any step, with a CONNACK that says why and perhaps where
/// else to go, and closes. A session that there is stays whose it was.
#[test]
fn mqtt5_4_12_0_4_broker_refuses_at_any_step() {
    guarded(|server| {
        let mut older = authenticated(server);
        let no_data = |p: Properties| p.string(id::AUTHENTICATION_METHOD, "CHALLENGE");
        server.refuses5(&server.connect5("client").with(no_data).bytes(), 0x86);
        for (answer, reason) in [(&b"wrong"[..], 0x87), (b"", 0x87), (b"elsewhere", 0x9c)] {
            let mut client = challenged(server);
            client.send(&auth(0x18, &properties("CHALLENGE", answer)));
            let with = expect_refusal(&mut client, reason);
            let elsewhere = (reason == 0x9c).then(|| "other:1883".to_owned());
            assert_eq!(with.text(id::SERVER_REFERENCE), elsewhere);
        }
        // Proved, and yet not admitted.
        let mut client = server.open();
        client.send(&connect(server, "CHALLENGE", "banned").bytes());
        expect_auth(&mut client, 0x18, "CHALLENGE", CHALLENGE);
        client.send(&auth(0x18, &properties("CHALLENGE", ANSWER)));
        expect_refusal(&mut client, 0x87);
        older.expect_silence();
        assert_eq!(server.statistics().take_overs, 0);
    });
}

/// [MQTT-4.12.0-4] The time that a CONNECT has is that of the whole exchange.
#[test]
fn mqtt5_4_12_0_4_exchange_has_the_time_of_a_connect() {
    let mut limits = Limits::default();
    limits.connect_timeout = Duration::from_millis(500);
    let server = Server::start(2, |builder| builder.access(Methods).limits(limits));
    let mut idle = challenged(&server);
    let mut busy = server.open();
    busy.send(&connect(&server, "CHALLENGES", "alice").bytes());
    let mut rounds = 0;
    while let Some(packet) = busy.next() {
        assert_eq!(packet[0], 0xf0, "{packet:02x?}");
        rounds += 1;
        assert!(rounds < 900, "it has had its time");
        std::thread::sleep(Duration::from_millis(2));
        busy.send_in_vain(&auth(0x18, &properties("CHALLENGES", ANSWER)));
    }
    idle.expect_closed();
    server.wait_for("timeouts", |statistics| statistics.connect_timeouts == 2);
    server.wait_for_connections(0);
}

/// [MQTT-4.12.0-5] Every AUTH and the CONNACK have the method of the CONNECT; an AUTH of the Client
/// with another one is a Protocol Error.
#[test]
fn mqtt5_4_12_0_5_method_is_the_same_throughout() {
    guarded(|server| {
        let mut client = challenged(server);
        client.send(&auth(0x18, &properties("CHALLENGE", ANSWER)));
        let connack = Connack::parse(&client.receive());
        let text = |identifier| connack.properties.text(identifier);
        assert_eq!(text(id::AUTHENTICATION_METHOD).as_deref(), Some("CHALLENGE"));
        assert_eq!(text(id::AUTHENTICATION_DATA).as_deref(), Some("welcome"));
        for method in ["CHALLENGES", "challenge", ""] {
            let mut client = challenged(server);
            client.send(&auth(0x18, &properties(method, ANSWER)));
            expect_refusal(&mut client, 0x82);
        }
        // What makes the CONNACK too large, for the Client or altogether, lets nobody in.
        let small = |p: Properties| p.four_bytes(id::MAXIMUM_PACKET_SIZE, 200);
        let large = connect(server, "IMMEDIATE", "\0\x7f\x7f");
        assert_eq!(server.connacked5(&large).1.reason, 0);
        server.refuses5(&connect(server, "IMMEDIATE", "\u{7f}\u{7f}").with(small).bytes(), 0x95);
        let too_large = server.connect5("client").with(|p| {
            p.string(id::AUTHENTICATION_METHOD, "IMMEDIATE")
                .string(id::AUTHENTICATION_DATA, [0xff, 0xff])
        });
        server.refuses5(&too_large.bytes(), 0x95);
    });
}

/// [MQTT-4.12.1-1] Re-authentication is by the method of the CONNECT: another one is a Protocol
/// Error. It gives the Client the rights of what it has proved anew, and holds up nothing else.
#[test]
fn mqtt5_4_12_1_1_reauthentication_changes_rights() {
    guarded(|server| {
        let mut witness = server.client5("witness");
        witness.subscribe5("#", 0);
        let mut client = authenticated(server);
        let may = |client: &mut Client, topic: &str, reason: u8| {
            client.send(&Publish::new(topic, "x").qos(1, 1).bytes());
            let expected =
                if reason == 0 { vec![0x40, 2, 0, 1] } else { acknowledgement(0x40, 1, reason) };
            client.expect(&expected);
        };
        may(&mut client, "alice", 0);
        may(&mut client, "bob", 0x87);
        for round in 0..3 {
            let (from, to) = if round % 2 == 0 { ("alice", "bob") } else { ("bob", "alice") };
            client.send(&auth(0x19, &properties("CHALLENGE", to.as_bytes())));
            expect_auth(&mut client, 0x18, "CHALLENGE", CHALLENGE);
            may(&mut client, from, 0);
            client.expect_silence();
            client.send(&auth(0x18, &properties("CHALLENGE", ANSWER)));
            expect_auth(&mut client, 0x00, "CHALLENGE", b"welcome");
            may(&mut client, from, 0x87);
            may(&mut client, to, 0);
        }
        assert!(witness.receive5().topic.starts_with("alice"));
        client.send(&auth(0x19, &properties("CHALLENGES", b"alice")));
        client.expect_disconnect(0x82);
    });
}

/// [MQTT-4.12.1-2] A re-authentication that fails, at any step, is answered by DISCONNECT with a
/// Reason Code of that packet, and the end of the connection. The session stays, the Will goes out.
#[test]
fn mqtt5_4_12_1_2_failed_reauthentication_disconnects() {
    guarded(|server| {
        let mut witness = server.client5("witness");
        witness.subscribe5("alice/will", 0);
        let connect = connect(server, "CHALLENGE", "alice")
            .will(Publish::new("alice/will", "gone"))
            .expiry(100);
        let begin: [(&str, Option<&[u8]>); 4] =
            [("alice", Some(b"wrong")), ("alice", Some(b"")), ("banned", Some(ANSWER)), ("", None)];
        for (user_name, answer) in begin {
            let mut client = server.open();
            client.send(&connect.bytes());
            expect_auth(&mut client, 0x18, "CHALLENGE", CHALLENGE);
            client.send(&auth(0x18, &properties("CHALLENGE", ANSWER)));
            assert_eq!(Connack::parse(&client.receive()).reason, 0);
            if let Some(answer) = answer {
                client.send(&auth(0x19, &properties("CHALLENGE", user_name.as_bytes())));
                expect_auth(&mut client, 0x18, "CHALLENGE", CHALLENGE);
                client.send(&auth(0x18, &properties("CHALLENGE", answer)));
            } else {
                // Without data: refused as a bad user name, for which DISCONNECT has no code.
                let bare = Properties::new().string(id::AUTHENTICATION_METHOD, "CHALLENGE");
                client.send(&auth(0x19, &bare));
            }
            client.expect_disconnect(0x87);
            witness.expect_message5("alice/will", "gone");
        }
        server.wait_for("failures", |statistics| statistics.reauthentications_failed == 4);
        // In the middle of one, another beginning is a Protocol Error.
        let mut client = authenticated(server);
        client.send(&auth(0x19, &properties("CHALLENGE", b"alice")));
        expect_auth(&mut client, 0x18, "CHALLENGE", CHALLENGE);
        client.send(&auth(0x19, &properties("CHALLENGE", b"alice")));
        client.expect_disconnect(0x82);
    });
}

/// A step that takes its time holds nobody up; one whose Client has gone, or that panics, harms
/// nobody.
#[test]
fn steps_are_taken_away_from_the_network_thread() {
    use std::sync::{Arc, Mutex};

    struct Gate(Arc<Mutex<()>>);
    struct Waits(Arc<Mutex<()>>);
    impl Access for Gate {
        fn authenticate(&self, _: &Credentials<'_>) -> Result<Principal, Refusal> {
            Ok(Principal::default())
        }
        fn authenticator(&self, _: &str, _: &Credentials<'_>) -> Option<Box<dyn Authenticator>> {
            Some(Box::new(Waits(Arc::clone(&self.0))))
        }
    }
    impl Authenticator for Waits {
        fn start(&mut self, data: Option<&[u8]>) -> Step {
            assert_ne!(data, Some(&b"panic"[..]), "as it is told");
            drop(self.0.lock());
            Step::Success { principal: Principal::default(), data: None }
        }
        fn proceed(&mut self, _: Option<&[u8]>) -> Step {
            Step::Continue(Vec::new())
        }
    }

    let gate = Arc::new(Mutex::new(()));
    let access = Gate(Arc::clone(&gate));
    let server = Server::start(1, |builder| builder.access(access));
    let mut early = server.client5("early");
    let held = gate.lock().expect("nobody panics with it");
    let mut waiting = server.open();
    waiting.send(&connect(&server, "ANY", "x").bytes());
    let mut gone = server.open();
    gone.send(&connect(&server, "ANY", "x").bytes());
    wait_until("both to wait", || server.statistics().packets_received >= 3);
    drop(gone);
    for _ in 0..20 {
        early.expect_silence();
    }
    drop(held);
    assert_eq!(Connack::parse(&waiting.receive()).reason, 0);
    server.refuses5(&connect(&server, "ANY", "panic").bytes(), 0x88);
    waiting.send(&PINGREQ);
    waiting.expect(&PINGRESP);
}
