//! One client as a state machine: Control Packets in, Control Packets out, no socket, no clock.

mod inflight;
mod publisher;
mod templates;
mod window;

use std::collections::HashSet;

use bytes::BytesMut;

pub(crate) use inflight::{Begun, Inflight, Unexpected};
pub(crate) use publisher::{Batch, Flow, Publisher};
pub(crate) use templates::{Content, Templates};
pub(crate) use window::{Window, Windows};

use crate::mqtt::{
    ConnAck, DecodeError, EncodeError, Encoder, Incoming, Publish, QoS, Reason, ReasonCode,
    ServerLimits, Topic, Version,
};

/// Topic Aliases that a broker may use towards a client that allows any.
pub(crate) const TOPIC_ALIASES_MAX: u16 = 16;

/// Packet Identifier of the one SUBSCRIBE that a client sends.
const SUBSCRIBE_IDENTIFIER: u16 = 1;

/// Messages of QoS 2 that a broker may have open towards one client: every Packet Identifier.
/// A set of them is a few bytes for each that is open.
type Received = HashSet<u16>;

/// A client.
#[derive(Debug)]
pub(crate) struct Client {
    state: State,
    version: Version,
    /// Topic Aliases that stand for a name, one bit each; the lowest is that of alias 1.
    aliases: u16,
    /// Topic Filters of the SUBSCRIBE that awaits its answer.
    filters: u16,
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

/// What outlives a Network Connection of a client that comes back.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Network Connections that were begun.
    connections: u32,
    publisher: Option<Box<Publisher>>,
    /// Whether the broker had its subscriptions when its last Network Connection ended.
    subscribed: bool,
    /// The client's part of a Session State: messages of QoS 2 that are not released.
    received: Option<Box<Received>>,
}

/// What a packet meant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    /// Nothing that the owner must know.
    Nothing,
    /// The broker accepted the connection, within these limits.
    Connected(ServerLimits),
    /// The broker refused the connection.
    Refused(ConnAck<'a>),
    /// The broker granted the subscription.
    Subscribed,
    /// The broker refused the subscription.
    NotSubscribed(Reason<'a>),
    /// A message arrived.
    Delivery(Publish<'a>),
    /// A publication was acknowledged to the end, so another may begin.
    Acknowledged(Answered),
    /// The first of the two answers to a publication of QoS 2.
    Received(Answered),
    /// The answer to PINGREQ.
    Pong,
    /// A publication was refused, so another may begin.
    Rejected(ReasonCode),
    /// An acknowledgement for which nothing waits.
    Unexpected,
    /// The broker says why it is about to close the connection.
    Disconnected(Reason<'a>),
}

/// An acknowledgement, and what it is the answer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    /// Which packet it is.
    pub by: Acknowledgement,
    /// When the packet that it answers was encoded.
    pub begun: Begun,
}

/// The packets that acknowledge a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "the names of the specification")]
pub(crate) enum Acknowledgement {
    PubAck,
    PubRec,
    PubComp,
}

/// Why the connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Bytes that are no Control Packet.
    #[error("the broker sent {0}")]
    Decode(#[from] DecodeError),
    /// A packet that has no place here.
    #[error("the broker sent a {0} out of place")]
    OutOfPlace(&'static str),
    /// A Topic Alias that stands for nothing, or that the client did not allow.
    #[error("the broker used the Topic Alias {0}, which stands for no topic")]
    TopicAlias(u16),
    /// A packet of ours could not be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl ClientError {
    /// What a DISCONNECT of MQTT 5 says about it.
    pub(crate) fn reason_code(&self) -> ReasonCode {
        match self {
            Self::Decode(DecodeError::TooLong(_)) => ReasonCode::PACKET_TOO_LARGE,
            Self::Decode(DecodeError::Direction | DecodeError::Authentication)
            | Self::OutOfPlace(_) => ReasonCode::PROTOCOL_ERROR,
            Self::Decode(_) => ReasonCode::MALFORMED_PACKET,
            Self::TopicAlias(_) => ReasonCode::TOPIC_ALIAS_INVALID,
            Self::Encode(_) => ReasonCode::UNSPECIFIED,
        }
    }
}

impl Memory {
    /// Begins another Network Connection. Answers how many were begun before.
    pub(crate) fn begin(&mut self) -> u32 {
        self.connections += 1;
        self.connections - 1
    }

    /// Whether the broker had its subscriptions when its last Network Connection ended.
    pub(crate) fn had_session(&self) -> bool {
        self.subscribed
    }
}

impl Client {
    /// A client that publishes if there is a `publisher`.
    pub(crate) fn new(version: Version, publisher: Option<Box<Publisher>>) -> Self {
        Self {
            state: State::AwaitsConnAck,
            version,
            aliases: 0,
            filters: 0,
            received: None,
            publisher,
        }
    }

    /// The same client on another Network Connection, with at most `inflight_max` publications
    /// unacknowledged.
    pub(crate) fn again(version: Version, memory: &mut Memory, inflight_max: u16) -> Self {
        let mut client = Self::new(version, memory.publisher.take());
        client.received = memory.received.take();
        if let Some(publisher) = &mut client.publisher {
            publisher.reconnect(inflight_max);
        }
        client
    }

    /// Keeps what outlives the Network Connection.
    pub(crate) fn remember(&mut self, memory: &mut Memory) {
        memory.subscribed |= self.state == State::Subscribed;
        memory.publisher = self.publisher.take();
        memory.received = self.received.take();
    }

    /// Whether it has its subscriptions.
    pub(crate) fn is_subscribed(&self) -> bool {
        self.state == State::Subscribed
    }

    /// Version of MQTT.
    #[inline]
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// Appends the SUBSCRIBE.
    pub(crate) fn subscribe(
        &mut self,
        filters: &[(String, QoS)],
        out: &mut BytesMut,
    ) -> Result<(), EncodeError> {
        self.state = State::AwaitsSubAck;
        self.filters = u16::try_from(filters.len()).unwrap_or(u16::MAX);
        Encoder::new(out).subscribe(self.version, SUBSCRIBE_IDENTIFIER, filters)
    }

    /// Takes a packet of the broker that came at `now_ns`; appends what is to be answered.
    #[inline]
    pub(crate) fn handle<'a>(
        &mut self,
        packet: Incoming<'a>,
        now_ns: u64,
        out: &mut BytesMut,
    ) -> Result<Event<'a>, ClientError> {
        match packet {
            Incoming::Publish(publish) => self.handle_publish(publish, out),
            other => self.handle_control(&other, now_ns, out),
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
        if publish.topic != Topic::Name {
            self.resolve(publish.topic)?;
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

    /// Keeps the broker to Topic Aliases that stand for something.
    fn resolve(&mut self, topic: Topic) -> Result<(), ClientError> {
        let bit = |alias: u16| match alias {
            1..=TOPIC_ALIASES_MAX => Ok(1_u16 << (alias - 1)),
            _ => Err(ClientError::TopicAlias(alias)),
        };
        match topic {
            Topic::NameAndAlias(alias) => self.aliases |= bit(alias)?,
            Topic::Alias(alias) if self.aliases & bit(alias)? == 0 => {
                return Err(ClientError::TopicAlias(alias));
            }
            Topic::Name | Topic::Alias(_) => {}
        }
        Ok(())
    }

    fn handle_control<'a>(
        &mut self,
        packet: &Incoming<'a>,
        now_ns: u64,
        out: &mut BytesMut,
    ) -> Result<Event<'a>, ClientError> {
        if self.state == State::AwaitsConnAck && !matches!(packet, Incoming::ConnAck(_)) {
            return Err(ClientError::OutOfPlace("packet before CONNACK"));
        }
        match *packet {
            Incoming::ConnAck(answer) => self.handle_connack(answer),
            Incoming::SubAck { identifier, codes, refusal } => {
                let refusal = if codes == usize::from(self.filters) {
                    refusal
                } else {
                    Some(Reason::bare(ReasonCode::UNSPECIFIED))
                };
                self.handle_suback(identifier, refusal)
            }
            Incoming::PubRel(identifier) => {
                if let Some(received) = &mut self.received {
                    received.remove(&identifier);
                }
                // Answered even when nothing is known of it: so the broker can forget it too.
                Encoder::new(out).pubcomp(identifier)?;
                Ok(Event::Nothing)
            }
            Incoming::PubAck(identifier, code) => {
                let by = Acknowledgement::PubAck;
                Ok(self.acknowledge(by, code, |all| all.acknowledged(identifier)))
            }
            Incoming::PubComp(identifier) => {
                let (by, code) = (Acknowledgement::PubComp, ReasonCode::SUCCESS);
                Ok(self.acknowledge(by, code, |all| all.completed(identifier)))
            }
            Incoming::PubRec(identifier, code) if code.is_failure() => {
                let by = Acknowledgement::PubRec;
                Ok(self.acknowledge(by, code, |all| all.refused(identifier)))
            }
            Incoming::PubRec(identifier, code) => {
                let by = Acknowledgement::PubRec;
                match self.acknowledge(by, code, |all| all.received(identifier, now_ns)) {
                    Event::Acknowledged(answered) => {
                        Encoder::new(out).pubrel(identifier)?;
                        Ok(Event::Received(answered))
                    }
                    event => Ok(event),
                }
            }
            Incoming::Disconnect(reason) => Ok(Event::Disconnected(reason)),
            Incoming::PingResp => Ok(Event::Pong),
            Incoming::Publish(_) => Ok(Event::Nothing),
        }
    }

    fn handle_connack<'a>(&mut self, answer: ConnAck<'a>) -> Result<Event<'a>, ClientError> {
        match (self.state, answer) {
            (State::AwaitsConnAck, ConnAck::Accepted(limits)) => {
                self.state =
                    if limits.session_present { State::Subscribed } else { State::Connected };
                if !limits.session_present {
                    self.received = None;
                }
                if let Some(publisher) = &mut self.publisher {
                    publisher.limit(&limits);
                }
                Ok(Event::Connected(limits))
            }
            (State::AwaitsConnAck, refused) => Ok(Event::Refused(refused)),
            _ => Err(ClientError::OutOfPlace("second CONNACK")),
        }
    }

    fn handle_suback<'a>(
        &mut self,
        identifier: u16,
        refusal: Option<Reason<'a>>,
    ) -> Result<Event<'a>, ClientError> {
        if self.state != State::AwaitsSubAck || identifier != SUBSCRIBE_IDENTIFIER {
            return Err(ClientError::OutOfPlace("SUBACK"));
        }
        if let Some(reason) = refusal {
            return Ok(Event::NotSubscribed(reason));
        }
        self.state = State::Subscribed;
        Ok(Event::Subscribed)
    }

    fn acknowledge<'a>(
        &mut self,
        by: Acknowledgement,
        code: ReasonCode,
        step: impl FnOnce(&mut Inflight) -> Result<Begun, Unexpected>,
    ) -> Event<'a> {
        match self.publisher.as_mut().map(|publisher| step(&mut publisher.inflight)) {
            Some(Ok(_)) if code.is_failure() => Event::Rejected(code),
            Some(Ok(begun)) => Event::Acknowledged(Answered { by, begun }),
            Some(Err(Unexpected)) | None => Event::Unexpected,
        }
    }
}

#[cfg(test)]
mod tests;
