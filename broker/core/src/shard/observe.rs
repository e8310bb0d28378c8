//! When the embedder is told. Without a listener, or for a kind that nobody asked for, each of these
//! is one branch, and none is taken for each delivery.

use super::Shard;
use super::connection::{CloseCause, ConnectionKey, Phase};
use super::event::{Client, Event, EventKinds};
use crate::codec::{Acknowledgement, PacketType};
use crate::message::Publication;
use crate::qos::QoS;
use crate::session::SessionKey;

impl Shard {
    /// Chooses the kinds of events that come once for each packet; without this call they are
    /// [`EventKinds::default`].
    #[must_use]
    pub fn with_event_kinds(mut self, kinds: EventKinds) -> Self {
        if self.observer.is_some() {
            self.event_kinds = kinds;
        }
        self
    }

    /// Whether anybody wants events of this kind.
    pub(super) const fn tells(&self, kind: EventKinds) -> bool {
        self.event_kinds.contains(kind)
    }

    pub(super) fn emit_connected(&mut self, connection: ConnectionKey, session: SessionKey) {
        if let (Some(observer), Some(session)) = (&mut self.observer, self.sessions.get(session)) {
            let client = Client { identifier: &session.client_identifier, connection };
            observer(&Event::ClientConnected { client });
        }
    }

    /// Says that a Client goes, and before that what was wrong.
    pub(super) fn emit_end(&mut self, key: ConnectionKey, identifier: &str, cause: CloseCause) {
        let Some(observer) = &mut self.observer else { return };
        let client = Client { identifier, connection: key };
        match cause {
            CloseCause::Violation(violation) => {
                observer(&Event::ClientError { client, violation });
            }
            CloseCause::KeepAliveTimeout => observer(&Event::KeepAliveTimeout { client }),
            _ => {}
        }
        observer(&Event::ClientDisconnected { client, cause });
    }

    pub(super) fn emit_ping(&mut self, connection: ConnectionKey, session: SessionKey) {
        if !self.tells(EventKinds::PING) {
            return;
        }
        if let (Some(observer), Some(session)) = (&mut self.observer, self.sessions.get(session)) {
            let client = Client { identifier: &session.client_identifier, connection };
            observer(&Event::Ping { client });
        }
    }

    pub(super) fn emit_published(
        &mut self,
        publication: Publication<'_>,
        from: Option<ConnectionKey>,
    ) {
        if !self.tells(EventKinds::PUBLISHED) {
            return;
        }
        let Some(observer) = &mut self.observer else { return };
        let client = from.and_then(|connection| match self.links.phase(connection) {
            Phase::Connected(session) => {
                let session = self.sessions.get(session)?;
                Some(Client { identifier: &session.client_identifier, connection })
            }
            Phase::AwaitingConnect | Phase::Authenticating | Phase::Closed => None,
        });
        observer(&Event::Published { publication, client });
    }

    /// Counts and tells what became of a delivery when there were `before` of them: nothing, when
    /// the message waits or was dropped.
    pub(super) fn note_delivery(
        &mut self,
        before: u64,
        session: SessionKey,
        qos: QoS,
        publication: Publication<'_>,
    ) {
        if self.statistics.deliveries == before {
            return;
        }
        self.statistics.payload_bytes_sent += publication.payload.len() as u64;
        if !self.tells(EventKinds::DELIVERED) {
            return;
        }
        let connection = self.links.online(session);
        if let (Some(observer), Some(session), Some(connection)) =
            (&mut self.observer, self.sessions.get(session), connection)
        {
            let client = Client { identifier: &session.client_identifier, connection };
            observer(&Event::Delivered { client, publication, qos });
        }
    }

    /// Tells of a PUBACK or PUBREC that a message waits for.
    pub(super) fn emit_acknowledged(
        &mut self,
        connection: ConnectionKey,
        session: SessionKey,
        packet: PacketType,
        acknowledgement: &Acknowledgement<'_>,
    ) {
        let qos = match packet {
            PacketType::Puback => QoS::AtLeastOnce,
            PacketType::Pubrec => QoS::ExactlyOnce,
            _ => return,
        };
        let Self { observer: Some(observer), sessions, .. } = self else { return };
        let Some(session) = sessions.get(session) else { return };
        let sent = session.outbound.sent(acknowledgement.packet_identifier);
        let Some((message, _)) = sent.filter(|(_, sent_at)| *sent_at == qos) else { return };
        observer(&Event::Acknowledged {
            client: Client { identifier: &session.client_identifier, connection },
            publication: message.as_publication(),
            qos,
            reason: acknowledgement.reason,
        });
    }
}
