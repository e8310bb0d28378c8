//! One client as a state machine: Control Packets in, Control Packets out, no socket, no clock.

mod inflight;
mod publisher;

use std::collections::HashSet;

use bytes::BytesMut;

pub(crate) use inflight::{Inflight, Unexpected};
pub(crate) use publisher::{Batch, Publisher};

use crate::mqtt::{EncodeError, Encoder, Incoming, Publish, QoS, ReturnCode, connect};

/// Keep Alive of every client.
pub(crate) const KEEP_ALIVE_SECONDS: u16 = 60;

/// Packet Identifier of the one SUBSCRIBE that a client sends.
const SUBSCRIBE_IDENTIFIER: u16 = 1;

/// Messages of QoS 2 that a broker may have open towards one client: every Packet Identifier.
/// A set of them is a few bytes for each that is open.
type Received = HashSet<u16>;

/// A client of MQTT 3.1.1.
#[derive(Debug)]
pub(crate) struct Client {
    state: State,
    /// Packet Identifiers of QoS 2 messages that were received and not released yet.
    received: Option<Box<Received>>,
    /// What it publishes; `None` for a subscriber.
    pub publisher: Option<Box<Publisher>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    AwaitsConnAck,
    Connected,
    AwaitsSubAck,
    Subscribed,
}

/// What a packet meant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    /// Nothing that the owner must know.
    Nothing,
    /// The broker accepted the connection.
    Connected,
    /// The broker refused the connection.
    Refused(ReturnCode),
    /// The broker granted the subscription.
    Subscribed,
    /// The broker refused the subscription.
    NotSubscribed,
    /// A message arrived.
    Delivery(Publish<'a>),
    /// A publication was acknowledged to the end, so another may begin.
    Acknowledged,
    /// An acknowledgement for which nothing waits.
    Unexpected,
}

/// Why the connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Bytes that are no Control Packet.
    #[error("the broker sent {0}")]
    Decode(#[from] crate::mqtt::DecodeError),
    /// A packet that has no place here.
    #[error("the broker sent a {0} out of place")]
    OutOfPlace(&'static str),
    /// A packet of ours could not be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl Client {
    /// A client that publishes, or subscribes when there is no `publisher`.
    pub(crate) fn new(publisher: Option<Box<Publisher>>) -> Self {
        Self { state: State::AwaitsConnAck, received: None, publisher }
    }

    /// The CONNECT with which it begins.
    pub(crate) fn connect(client_identifier: &str) -> Result<BytesMut, EncodeError> {
        connect(client_identifier, KEEP_ALIVE_SECONDS)
    }

    /// Appends the SUBSCRIBE.
    pub(crate) fn subscribe(
        &mut self,
        filter: &str,
        qos: QoS,
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        self.state = State::AwaitsSubAck;
        Encoder::new(out).subscribe(SUBSCRIBE_IDENTIFIER, filter, qos)
    }

    /// Takes a packet of the broker; appends what is to be answered.
    #[inline]
    pub(crate) fn handle<'a>(
        &mut self,
        packet: Incoming<'a>,
        out: &mut BytesMut,
    ) -> Result<Event<'a>, ClientError> {
        match packet {
            Incoming::Publish(publish) => self.handle_publish(publish, out),
            other => self.handle_control(&other, out),
        }
    }

    #[inline]
    fn handle_publish<'a>(
        &mut self,
        publish: Publish<'a>,
        out: &mut BytesMut,
    ) -> Result<Event<'a>, ClientError> {
        if !matches!(self.state, State::Subscribed | State::AwaitsSubAck) {
            return Err(ClientError::OutOfPlace("PUBLISH"));
        }
        match publish.qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => Encoder::new(out).puback(publish.identifier)?,
            QoS::ExactlyOnce => {
                Encoder::new(out).pubrec(publish.identifier)?;
                let received = self.received.get_or_insert_default();
                if !received.insert(publish.identifier) {
                    // The same message again, before its release: not a second delivery.
                    return Ok(Event::Nothing);
                }
            }
        }
        Ok(Event::Delivery(publish))
    }

    fn handle_control<'a>(
        &mut self,
        packet: &Incoming<'_>,
        out: &mut BytesMut,
    ) -> Result<Event<'a>, ClientError> {
        if self.state == State::AwaitsConnAck && !matches!(packet, Incoming::ConnAck(_)) {
            return Err(ClientError::OutOfPlace("packet before CONNACK"));
        }
        match *packet {
            Incoming::ConnAck(code) => self.handle_connack(code),
            Incoming::SubAck { identifier, granted } => self.handle_suback(identifier, granted),
            Incoming::PubRel(identifier) => {
                if let Some(received) = &mut self.received {
                    received.remove(&identifier);
                }
                // Answered even when nothing is known of it: so the broker can forget it too.
                Encoder::new(out).pubcomp(identifier)?;
                Ok(Event::Nothing)
            }
            Incoming::PubAck(identifier) => {
                Ok(self.acknowledge(|all| all.acknowledged(identifier)))
            }
            Incoming::PubComp(identifier) => Ok(self.acknowledge(|all| all.completed(identifier))),
            Incoming::PubRec(identifier) => {
                match self.acknowledge(|all| all.received(identifier)) {
                    Event::Acknowledged => {
                        Encoder::new(out).pubrel(identifier)?;
                        Ok(Event::Nothing)
                    }
                    event => Ok(event),
                }
            }
            Incoming::PingResp | Incoming::Publish(_) => Ok(Event::Nothing),
        }
    }

    fn handle_connack<'a>(&mut self, code: ReturnCode) -> Result<Event<'a>, ClientError> {
        match (self.state, code) {
            (State::AwaitsConnAck, ReturnCode::Accepted) => {
                self.state = State::Connected;
                Ok(Event::Connected)
            }
            (State::AwaitsConnAck, code) => Ok(Event::Refused(code)),
            _ => Err(ClientError::OutOfPlace("second CONNACK")),
        }
    }

    fn handle_suback<'a>(
        &mut self,
        identifier: u16,
        granted: bool,
    ) -> Result<Event<'a>, ClientError> {
        if self.state != State::AwaitsSubAck || identifier != SUBSCRIBE_IDENTIFIER {
            return Err(ClientError::OutOfPlace("SUBACK"));
        }
        if granted {
            self.state = State::Subscribed;
            Ok(Event::Subscribed)
        } else {
            Ok(Event::NotSubscribed)
        }
    }

    fn acknowledge<'a>(
        &mut self,
        step: impl FnOnce(&mut Inflight) -> Result<(), Unexpected>,
    ) -> Event<'a> {
        match self.publisher.as_mut().map(|publisher| step(&mut publisher.inflight)) {
            Some(Ok(())) => Event::Acknowledged,
            Some(Err(Unexpected)) | None => Event::Unexpected,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::mqtt::PublishTemplate;
    use crate::plan::Schedule;

    fn connected(publisher: Option<Box<Publisher>>) -> Client {
        let mut client = Client::new(publisher);
        let event = client.handle(Incoming::ConnAck(ReturnCode::Accepted), &mut BytesMut::new());
        assert_eq!(event, Ok(Event::Connected));
        client
    }

    fn subscribed() -> Client {
        let mut client = connected(None);
        let mut out = BytesMut::new();
        client.subscribe("t", QoS::AtLeastOnce, &mut out).unwrap();
        assert_eq!(out[..], *b"\x82\x06\x00\x01\x00\x01t\x01");
        let answer = Incoming::SubAck { identifier: 1, granted: true };
        assert_eq!(client.handle(answer, &mut out), Ok(Event::Subscribed));
        client
    }

    fn publish(qos: QoS, identifier: u16) -> Publish<'static> {
        Publish { qos, retain: false, identifier, payload: b"x" }
    }

    #[test]
    fn nothing_comes_before_the_connack() {
        let mut client = Client::new(None);
        let mut out = BytesMut::new();
        assert!(client.handle(Incoming::PingResp, &mut out).is_err());
        let early = Incoming::Publish(publish(QoS::AtMostOnce, 0));
        assert!(client.handle(early, &mut out).is_err());
        let refusal = Incoming::ConnAck(ReturnCode::NotAuthorized);
        assert_eq!(client.handle(refusal, &mut out), Ok(Event::Refused(ReturnCode::NotAuthorized)));
    }

    #[test]
    fn a_refused_subscription_is_told() {
        let mut client = connected(None);
        let mut out = BytesMut::new();
        client.subscribe("t", QoS::AtMostOnce, &mut out).unwrap();
        let answer = Incoming::SubAck { identifier: 1, granted: false };
        assert_eq!(client.handle(answer, &mut out), Ok(Event::NotSubscribed));
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
            let event = client.handle(Incoming::Publish(message), &mut out);
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
            let event = client.handle(packet, &mut out).unwrap();
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

    #[test]
    fn a_publisher_completes_its_handshakes() {
        let template = PublishTemplate::new("t", QoS::ExactlyOnce, false, 30).unwrap();
        let publisher = Publisher::new(0, 0, Rc::new(template), *b"abc", 1);
        let mut client = connected(Some(Box::new(publisher)));
        let mut out = BytesMut::new();
        let schedule = Schedule { start_ns: 0, measure_ns: 0, end_ns: 100, period_ns: 50 };
        let publisher = client.publisher.as_mut().unwrap();
        assert_eq!(publisher.encode_due(&schedule, 60, 10, &mut out).count, 2);
        out.clear();
        assert_eq!(client.handle(Incoming::PubRec(1), &mut out), Ok(Event::Nothing));
        assert_eq!(out[..], *b"\x62\x02\x00\x01");
        assert_eq!(client.handle(Incoming::PubComp(1), &mut out), Ok(Event::Acknowledged));
        assert_eq!(client.handle(Incoming::PubComp(1), &mut out), Ok(Event::Unexpected));
        assert_eq!(client.handle(Incoming::PubAck(2), &mut out), Ok(Event::Unexpected));
    }
}
