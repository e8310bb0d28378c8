//! QoS 1 and 2: messages to a Client and the acknowledgements in both directions, MQTT 4.3.2,
//! 4.3.3 and 4.4.

use super::Shard;
use super::connection::ConnectionKey;
use crate::codec::{PacketIdentifier, PublishHeader, encode_pubcomp, encode_pubrel};
use crate::message::Message;
use crate::session::{Delivery, Offered, QueueLimits, Retransmission, Session, SessionKey};

impl Shard {
    /// Sends a message at QoS 1 or 2, or lets it wait.
    pub(super) fn deliver(&mut self, session: SessionKey, delivery: Delivery, limits: QueueLimits) {
        let Delivery { message, qos, retain } = delivery.clone();
        if let Some((key, identifier)) = self.offer(session, delivery, limits) {
            let delivery = Some((qos, identifier));
            self.send(key, PublishHeader { duplicate: false, retain, delivery }, &message);
        }
    }

    /// Gives a message to a session; returns where to send it when that is now.
    pub(super) fn offer(
        &mut self,
        session: SessionKey,
        delivery: Delivery,
        limits: QueueLimits,
    ) -> Option<(ConnectionKey, PacketIdentifier)> {
        let connection = self.links.online(session);
        let outbound = &mut self.sessions.get_mut(session)?.outbound;
        match outbound.offer(delivery, connection.is_some(), limits) {
            Offered::Send(identifier) => Some((connection?, identifier)),
            Offered::Queued => None,
            Offered::Dropped => {
                self.statistics.dropped_queue_full += 1;
                None
            }
        }
    }

    fn send(&mut self, key: ConnectionKey, header: PublishHeader, message: &Message) {
        let (packet, payload) = self.encoder.encode_message(header, message);
        self.links.put(key, packet, payload);
        self.statistics.deliveries += 1;
    }

    pub(super) fn handle_puback(
        &mut self,
        key: ConnectionKey,
        session: SessionKey,
        identifier: PacketIdentifier,
    ) {
        self.settle(session, |session| session.outbound.acknowledge(identifier));
        self.send_queued(key, session);
    }

    /// Answers with PUBREL even when no message waits for it: the Client may have kept an exchange
    /// that this session has lost.
    pub(super) fn handle_pubrec(
        &mut self,
        key: ConnectionKey,
        session: SessionKey,
        identifier: PacketIdentifier,
    ) {
        self.settle(session, |session| session.outbound.receive(identifier));
        self.links.put(key, &encode_pubrel(identifier), None);
    }

    pub(super) fn handle_pubcomp(
        &mut self,
        key: ConnectionKey,
        session: SessionKey,
        identifier: PacketIdentifier,
    ) {
        self.settle(session, |session| session.outbound.finish(identifier));
        self.send_queued(key, session);
    }

    /// Answers with PUBCOMP in any case, [MQTT-4.3.3-2].
    pub(super) fn handle_pubrel(
        &mut self,
        key: ConnectionKey,
        session: SessionKey,
        identifier: PacketIdentifier,
    ) {
        self.settle(session, |session| session.inbound.release(identifier));
        self.links.put(key, &encode_pubcomp(identifier), None);
    }

    fn settle(&mut self, session: SessionKey, apply: impl FnOnce(&mut Session) -> bool) {
        if !self.sessions.get_mut(session).is_some_and(apply) {
            self.statistics.acknowledgements_unknown += 1;
        }
    }

    /// Sends what was not acknowledged on the last Network Connection again, in the old order,
    /// [MQTT-4.4.0-1].
    pub(super) fn send_unacknowledged(&mut self, key: ConnectionKey, session: SessionKey) {
        let Some(session) = self.sessions.get(session) else {
            return;
        };
        for retransmission in session.outbound.retransmissions() {
            match retransmission {
                Retransmission::Pubrel(identifier) => {
                    self.links.put(key, &encode_pubrel(identifier), None);
                }
                Retransmission::Publish(identifier, delivery) => {
                    let header = PublishHeader {
                        duplicate: true,
                        retain: delivery.retain,
                        delivery: Some((delivery.qos, identifier)),
                    };
                    let (packet, payload) = self.encoder.encode_message(header, &delivery.message);
                    self.links.put(key, packet, payload);
                    self.statistics.deliveries += 1;
                }
            }
        }
    }

    /// Sends what waits for as long as the inflight window is open.
    pub(super) fn send_queued(&mut self, key: ConnectionKey, session: SessionKey) {
        let limits = self.queue_limits();
        let Some(session) = self.sessions.get_mut(session) else {
            return;
        };
        while let Some((identifier, delivery)) = session.outbound.next(limits) {
            let header = PublishHeader {
                duplicate: false,
                retain: delivery.retain,
                delivery: Some((delivery.qos, identifier)),
            };
            let (packet, payload) = self.encoder.encode_message(header, &delivery.message);
            self.links.put(key, packet, payload);
            self.statistics.deliveries += 1;
        }
    }
}
