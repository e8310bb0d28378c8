//! The client as a state machine, without a socket.

use std::rc::Rc;

use super::*;
use crate::client::templates::tests::templates;
use crate::mqtt::ReturnCode;
use crate::payload::StampPlace;
use crate::plan::{Schedule, Steps, Timing};

fn connected(publisher: Option<Box<Publisher>>) -> Client {
    let mut client = Client::new(Version::V5, publisher);
    let limits = ServerLimits { receive_maximum: 3, ..ServerLimits::default() };
    let accepted = Incoming::ConnAck(ConnAck::Accepted(limits));
    let event = client.handle(accepted, 70, &mut BytesMut::new());
    assert_eq!(event, Ok(Event::Connected(limits)));
    client
}

fn filters(qos: QoS) -> [(String, QoS); 1] {
    [("t".to_owned(), qos)]
}

fn subscribed() -> Client {
    let mut client = connected(None);
    let mut out = BytesMut::new();
    client.subscribe(&filters(QoS::AtLeastOnce), &mut out).unwrap();
    assert_eq!(out[..], *b"\x82\x07\x00\x01\x00\x00\x01t\x01");
    let answer = Incoming::SubAck { identifier: 1, codes: 1, refusal: None };
    assert_eq!(client.handle(answer, 70, &mut out), Ok(Event::Subscribed));
    client
}

fn publish(qos: QoS, identifier: u16) -> Publish<'static> {
    Publish {
        qos,
        dup: false,
        retain: false,
        topic: Topic::Name,
        identifier,
        correlation: b"",
        payload: b"x",
    }
}

#[test]
fn nothing_comes_before_the_connack() {
    let mut client = Client::new(Version::V311, None);
    let mut out = BytesMut::new();
    assert!(client.handle(Incoming::PingResp, 70, &mut out).is_err());
    let early = Incoming::Publish(publish(QoS::AtMostOnce, 0));
    assert!(client.handle(early, 70, &mut out).is_err());
    let refusal = ConnAck::ReturnCode(ReturnCode::NotAuthorized);
    let event = client.handle(Incoming::ConnAck(refusal), 70, &mut out);
    assert_eq!(event, Ok(Event::Refused(refusal)));
}

#[test]
fn a_refused_subscription_is_told() {
    let mut client = connected(None);
    let mut out = BytesMut::new();
    client.subscribe(&filters(QoS::AtMostOnce), &mut out).unwrap();
    let reason = Reason { code: ReasonCode(0x87), text: "no" };
    let answer = Incoming::SubAck { identifier: 1, codes: 1, refusal: Some(reason) };
    assert_eq!(client.handle(answer, 70, &mut out), Ok(Event::NotSubscribed(reason)));
}

#[test]
fn deliveries_are_acknowledged_as_their_qos_asks() {
    let mut client = subscribed();
    let mut out = BytesMut::new();
    for (qos, answer) in [
        (QoS::AtMostOnce, &b""[..]),
        (QoS::AtLeastOnce, b"\x40\x02\x00\x09"),
        (QoS::ExactlyOnce, b"\x50\x02\x00\x09"),
    ] {
        out.clear();
        let message = publish(qos, 9);
        let event = client.handle(Incoming::Publish(message), 70, &mut out);
        assert_eq!(event, Ok(Event::Delivery(message)));
        assert_eq!(out[..], *answer);
    }
}

#[test]
fn a_qos_2_message_is_delivered_once_until_its_release() {
    let mut client = subscribed();
    let mut out = BytesMut::new();
    let message = publish(QoS::ExactlyOnce, 9);
    let mut handle = |packet| {
        out.clear();
        let event = client.handle(packet, 70, &mut out).unwrap();
        (event, out.to_vec())
    };
    let received = b"\x50\x02\x00\x09".to_vec();
    let delivery = (Event::Delivery(message), received.clone());
    assert_eq!(handle(Incoming::Publish(message)), delivery);
    assert_eq!(handle(Incoming::Publish(message)), (Event::Nothing, received));
    let complete = (Event::Nothing, b"\x70\x02\x00\x09".to_vec());
    assert_eq!(handle(Incoming::PubRel(9)), complete);
    assert_eq!(handle(Incoming::Publish(message)), delivery);
}

fn publisher(qos: QoS) -> Client {
    let templates = templates(Version::V5, qos, StampPlace::Payload, false);
    let timing = Timing::new(0, 50, Steps::Even, None);
    let flow = Flow::new(0, 1, Rc::from([templates]), timing);
    let publisher = Publisher::new(vec![flow], *b"abc", 1, u16::MAX);
    connected(Some(Box::new(publisher)))
}

fn encode(client: &mut Client, now_ns: u64) -> usize {
    let schedule = Schedule { start_ns: 0, measure_ns: 0, end_ns: 1000 };
    let publisher = client.publisher.as_mut().unwrap();
    let mut batch = Batch::default();
    batch.begin(now_ns);
    publisher.encode_due(0, &schedule, 10, &mut BytesMut::new(), &mut batch);
    batch.publications().len()
}

#[test]
fn a_publisher_completes_its_handshakes() {
    let mut client = publisher(QoS::ExactlyOnce);
    let mut out = BytesMut::new();
    assert_eq!(encode(&mut client, 60), 2);
    let received = Incoming::PubRec(1, ReasonCode::SUCCESS);
    let answered = |by, at_ns| Answered { by, begun: Begun { at_ns, measured: true } };
    let first = answered(Acknowledgement::PubRec, 60);
    assert_eq!(client.handle(received, 70, &mut out), Ok(Event::Received(first)));
    assert_eq!(out[..], *b"\x62\x02\x00\x01");
    let last = Event::Acknowledged(answered(Acknowledgement::PubComp, 70));
    assert_eq!(client.handle(Incoming::PubComp(1), 80, &mut out), Ok(last));
    assert_eq!(client.handle(Incoming::PubComp(1), 70, &mut out), Ok(Event::Unexpected));
    let acknowledged = Incoming::PubAck(2, ReasonCode::SUCCESS);
    assert_eq!(client.handle(acknowledged, 70, &mut out), Ok(Event::Unexpected));
}

#[test]
fn a_publisher_keeps_to_the_receive_maximum_of_the_broker() {
    let mut client = publisher(QoS::AtLeastOnce);
    assert_eq!(encode(&mut client, 900), 3);
    assert_eq!(encode(&mut client, 900), 0);
    let refused = Incoming::PubAck(2, ReasonCode(0x97));
    let event = client.handle(refused, 70, &mut BytesMut::new());
    assert_eq!(event, Ok(Event::Rejected(ReasonCode(0x97))));
    assert_eq!(encode(&mut client, 900), 1, "a refused one is in flight no more");
}

#[test]
fn a_refused_qos_2_publication_is_not_released() {
    let mut client = publisher(QoS::ExactlyOnce);
    let mut out = BytesMut::new();
    assert_eq!(encode(&mut client, 60), 2);
    let refused = Incoming::PubRec(1, ReasonCode(0x87));
    assert_eq!(client.handle(refused, 70, &mut out), Ok(Event::Rejected(ReasonCode(0x87))));
    assert!(out.is_empty());
}

#[test]
fn topic_aliases_of_the_broker_stand_for_what_it_said() {
    let mut client = subscribed();
    let mut handle = |topic| {
        let message = Publish { topic, ..publish(QoS::AtMostOnce, 0) };
        client.handle(Incoming::Publish(message), 70, &mut BytesMut::new()).map(drop)
    };
    assert_eq!(handle(Topic::Alias(2)), Err(ClientError::TopicAlias(2)));
    assert_eq!(handle(Topic::NameAndAlias(2)), Ok(()));
    assert_eq!(handle(Topic::Alias(2)), Ok(()));
    assert_eq!(handle(Topic::Alias(1)), Err(ClientError::TopicAlias(1)));
    assert_eq!(handle(Topic::NameAndAlias(16)), Ok(()));
    assert_eq!(handle(Topic::NameAndAlias(17)), Err(ClientError::TopicAlias(17)));
    assert_eq!(handle(Topic::NameAndAlias(0)), Err(ClientError::TopicAlias(0)));
}

#[test]
fn a_disconnect_of_the_broker_is_told_with_its_reason() {
    let mut client = subscribed();
    let reason = Reason { code: ReasonCode(0x8e), text: "" };
    let event = client.handle(Incoming::Disconnect(reason), 70, &mut BytesMut::new());
    assert_eq!(event, Ok(Event::Disconnected(reason)));
}

#[test]
fn a_session_that_is_kept_needs_no_second_subscription() {
    let mut client = subscribed();
    let mut out = BytesMut::new();
    let message = publish(QoS::ExactlyOnce, 9);
    let event = client.handle(Incoming::Publish(message), 70, &mut out);
    assert_eq!(event, Ok(Event::Delivery(message)));
    let mut memory = Memory::default();
    client.remember(&mut memory);
    let mut client = Client::again(Version::V5, &mut memory, u16::MAX);
    let limits = ServerLimits { session_present: true, ..ServerLimits::default() };
    let accepted = Incoming::ConnAck(ConnAck::Accepted(limits));
    client.handle(accepted, 70, &mut out).unwrap();
    let event = client.handle(Incoming::Publish(message), 70, &mut out);
    assert_eq!(event, Ok(Event::Nothing), "it was received on the connection before");
}
