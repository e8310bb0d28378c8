//! From a publication to one subscriber: its packet, its queue, the acknowledgements in both
//! directions, MQTT 4.3 and 4.4.

use std::rc::Rc;

use super::Shard;
use super::aliases::TopicAlias;
use super::connection::ConnectionKey;
use super::encoder::{Flavour, PacketForm, header_v5};
use super::links::Put;
use super::outgoing::{Form, Outgoing};
use super::output::SHARED_PAYLOAD_MIN;
use super::queue_limits;
use crate::codec::{PacketIdentifier, PacketType, PublishHeader, PublishHeaderV5, ReasonCode};
use crate::qos::QoS;
use crate::session::{self, Delivery, Held, Offered, Outbound, QueueLimits, Session, SessionKey};
use crate::statistics::Statistics;

/// A packet that is like no other one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Single<'a> {
    pub(super) header: PublishHeader,
    /// Subscription Identifiers that go along.
    pub(super) identifiers: &'a [u32],
    /// Bytes that may wait with it.
    pub(super) pending_max: usize,
}

impl Shard {
    /// Sends a publication to a session, lets it wait there, or drops it and counts.
    pub(super) fn deliver(
        &mut self,
        session: SessionKey,
        form: Form<'_>,
        outgoing: &mut Outgoing<'_>,
    ) {
        if form.qos == QoS::AtMostOnce {
            if let Some(key) = self.links.online(session) {
                self.put_publication(key, session, form, None, outgoing);
            }
            return;
        }
        let kept = Rc::clone(outgoing.kept_with(form.identifiers));
        let delivery = Delivery { kept, qos: form.qos, retain: form.retain };
        let connection = self.links.online(session);
        if let Some((key, identifier)) = self.offer(session, connection, delivery) {
            self.put_publication(key, session, form, Some(identifier), outgoing);
        }
    }

    /// [`deliver`](Self::deliver) for one subscriber that is not part of a fan-out.
    pub(super) fn deliver_alone(
        &mut self,
        session: SessionKey,
        form: Form<'_>,
        outgoing: &mut Outgoing<'_>,
    ) {
        let before = self.statistics.deliveries;
        self.deliver(session, form, outgoing);
        self.note_delivery(before, session, form.qos, outgoing.publication);
    }

    /// [`deliver`](Self::deliver) at QoS 0 and without Subscription Identifiers, as nearly all are:
    /// one look at the connection, a copy, a count.
    #[inline]
    pub(super) fn deliver_common(
        &mut self,
        session: SessionKey,
        retain: bool,
        outgoing: &mut Outgoing<'_>,
    ) {
        let Self { links, encoder, limits, now, statistics, .. } = self;
        let (publication, payload) = (&outgoing.publication, outgoing.shared_payload());
        let put = links.put_common(session, limits.output_bytes_max, payload, |protocol, _| {
            let properties = protocol.has_properties();
            let flavour = Flavour { qos: QoS::AtMostOnce, retain, properties };
            Some(encoder.flavoured(flavour, None, *now, publication, payload.is_some()))
        });
        match put {
            Some(Put::Done) => statistics.deliveries += 1,
            Some(put) => self.count_put(put, session, None),
            None => {
                let form = Form { qos: QoS::AtMostOnce, retain, identifiers: &[] };
                self.deliver(session, form, outgoing);
            }
        }
    }

    /// [`deliver`](Self::deliver) at QoS 1 or 2 and without Subscription Identifiers: one look at the
    /// connection and one at the session.
    pub(super) fn deliver_acknowledged(
        &mut self,
        session: SessionKey,
        qos: QoS,
        retain: bool,
        outgoing: &mut Outgoing<'_>,
    ) {
        let Self { links, sessions, encoder, limits, now, statistics, held, .. } = self;
        let publication = outgoing.publication;
        let Some(kept) = outgoing.kept_plain() else { return };
        let is_large = publication.payload.len() >= SHARED_PAYLOAD_MIN;
        let payload = is_large.then_some(&kept.message.payload);
        let mut identifier = None;
        let put = links.put_common(session, usize::MAX, payload, |protocol, takes| {
            let delivery = Delivery { kept: Rc::clone(kept), qos, retain };
            let outbound = &mut sessions.get_mut(session)?.outbound;
            identifier =
                offer(outbound, delivery, true, queue_limits(limits, takes), held, statistics);
            let flavour = Flavour { qos, retain, properties: protocol.has_properties() };
            let apart = payload.is_some();
            Some(encoder.flavoured(flavour, Some(identifier?), *now, &publication, apart))
        });
        match put {
            Some(Put::Done) => statistics.deliveries += 1,
            None | Some(Put::Gone) => {
                self.deliver(session, Form { qos, retain, identifiers: &[] }, outgoing);
            }
            Some(put) => self.count_put(put, session, identifier),
        }
    }

    /// Gives a message to a session; returns where to send it when that is now.
    pub(super) fn offer(
        &mut self,
        session: SessionKey,
        connection: Option<ConnectionKey>,
        delivery: Delivery,
    ) -> Option<(ConnectionKey, PacketIdentifier)> {
        let limits = self.queue_limits(connection);
        let Self { sessions, held, statistics, .. } = self;
        let outbound = &mut sessions.get_mut(session)?.outbound;
        let identifier = offer(outbound, delivery, connection.is_some(), limits, held, statistics)?;
        Some((connection?, identifier))
    }

    fn put_publication(
        &mut self,
        key: ConnectionKey,
        session: SessionKey,
        form: Form<'_>,
        identifier: Option<PacketIdentifier>,
        outgoing: &Outgoing<'_>,
    ) {
        let Self { links, encoder, limits, now, .. } = self;
        let (publication, payload) = (&outgoing.publication, outgoing.shared_payload());
        let Form { qos, retain, identifiers } = form;
        let pending_max = pending_max(identifier, limits.output_bytes_max);
        let put = links.put_chosen(key, pending_max, payload, |connection| {
            if !identifiers.is_empty() || connection.outbound_aliases.is_some() {
                return None;
            }
            let flavour = Flavour { qos, retain, properties: connection.protocol.has_properties() };
            Some(encoder.flavoured(flavour, identifier, *now, publication, payload.is_some()))
        });
        if let Some(put) = put {
            return self.count_put(put, session, identifier);
        }
        let delivery = identifier.map(|identifier| (qos, identifier));
        let header = PublishHeader { duplicate: false, retain, delivery };
        self.put_single(key, session, Single { header, identifiers, pending_max }, outgoing);
    }

    /// Sends a packet that is like no other one.
    pub(super) fn put_single(
        &mut self,
        key: ConnectionKey,
        session: SessionKey,
        Single { header, identifiers, pending_max }: Single<'_>,
        outgoing: &Outgoing<'_>,
    ) {
        let Self { links, encoder, now, .. } = self;
        let (publication, payload) = (&outgoing.publication, outgoing.shared_payload());
        let Some(connection) = links.get_mut(key) else { return };
        let topic = publication.topic.as_bytes();
        let aliases = connection.outbound_aliases.as_deref();
        let mut alias = aliases.and_then(|aliases| aliases.choose(topic));
        let has_properties = connection.protocol.has_properties();
        let identifier = header.delivery.map(|(_, identifier)| identifier);
        let mut put_with = |alias: Option<TopicAlias>| {
            let form = if has_properties {
                let header = PublishHeaderV5 {
                    subscription_identifiers: identifiers,
                    topic_alias: alias.map(TopicAlias::number),
                    ..header_v5(header, publication, *now)
                };
                let names_topic = !matches!(alias, Some(TopicAlias::Known(_)));
                PacketForm::V5 { header, names_topic }
            } else {
                PacketForm::V4(header)
            };
            let packet = encoder.single(&form, publication, payload.is_some());
            links.put_within(key, packet, payload, pending_max)
        };
        let mut put = put_with(alias);
        if put == Put::TooLarge && alias.take().is_some() {
            // An alias takes three bytes, which may be those too many.
            put = put_with(None);
        }
        if let (Put::Done, Some(alias)) = (put, alias)
            && let Some(connection) = links.get_mut(key)
            && let Some(aliases) = &mut connection.outbound_aliases
        {
            aliases.learn(topic, alias);
        }
        self.count_put(put, session, identifier);
    }

    fn count_put(&mut self, put: Put, session: SessionKey, identifier: Option<PacketIdentifier>) {
        match put {
            Put::Done => self.statistics.deliveries += 1,
            Put::Full => self.statistics.dropped_output_full += 1,
            Put::Gone | Put::Kept => {}
            Put::TooLarge => {
                self.statistics.dropped_too_large += 1;
                // It counts as delivered, [MQTT-3.1.2-25].
                if let Some(identifier) = identifier {
                    self.change_outbound(session, |outbound| outbound.refuse(identifier));
                }
            }
        }
    }

    /// Sends what waits for as long as the inflight window is open: first, after a reconnect, what
    /// was not acknowledged on the Network Connection before, in the old order.
    pub(super) fn send_waiting(&mut self, key: ConnectionKey, session: SessionKey) {
        if !self.sessions.get(session).is_some_and(|session| session.outbound.has_unsent()) {
            return;
        }
        let limits = self.queue_limits(Some(key));
        let now = self.now;
        while self.sessions.get(session).is_some_and(|session| session.outbound.has_unsent()) {
            let mut expired = 0;
            let wanted = |delivery: &Delivery| {
                let is_expired = delivery.kept.message.is_expired(now);
                expired += u64::from(is_expired);
                !is_expired
            };
            let next = |outbound: &mut Outbound| outbound.next(limits, wanted);
            let next = self.change_outbound(session, next).flatten();
            self.statistics.expired += expired;
            match next {
                None => return,
                Some(session::Outgoing::Pubrel(identifier)) => {
                    let (packet, reason) = (PacketType::Pubrel, ReasonCode::Success);
                    self.put_acknowledgement(key, packet, identifier, reason);
                }
                Some(session::Outgoing::Publish { identifier, delivery, duplicate }) => {
                    let Delivery { kept, qos, retain } = delivery;
                    let header =
                        PublishHeader { duplicate, retain, delivery: Some((qos, identifier)) };
                    let outgoing = Outgoing::of(&kept.message);
                    let before = self.statistics.deliveries;
                    let identifiers = &*kept.identifiers;
                    let single = Single { header, identifiers, pending_max: usize::MAX };
                    self.put_single(key, session, single, &outgoing);
                    self.note_delivery(before, session, qos, outgoing.publication);
                }
            }
        }
    }

    /// PUBACK, or PUBREC and PUBCOMP with a Reason Code of failure: the next message may go.
    pub(super) fn settle(
        &mut self,
        key: ConnectionKey,
        session: SessionKey,
        apply: impl FnOnce(&mut Session) -> bool,
    ) {
        self.apply(session, apply);
        self.go_on_sending(key, session);
    }

    /// The inflight window may have opened.
    pub(super) fn go_on_sending(&mut self, key: ConnectionKey, session: SessionKey) {
        self.send_waiting(key, session);
        self.wake_replay(key);
    }

    /// False, and counted, when nothing waits for the acknowledgement.
    pub(super) fn apply(
        &mut self,
        session: SessionKey,
        apply: impl FnOnce(&mut Session) -> bool,
    ) -> bool {
        let known = self.sessions.get_mut(session).is_some_and(|session| {
            let before = session.outbound.inflight();
            let known = apply(session);
            self.held.inflight -= before - session.outbound.inflight();
            known
        });
        self.statistics.acknowledgements_unknown += u64::from(!known);
        known
    }
}

/// Gives a message to a session and counts; returns its identifier when it is to be sent now.
pub(super) fn offer(
    outbound: &mut Outbound,
    delivery: Delivery,
    connected: bool,
    limits: QueueLimits,
    held: &mut Held,
    statistics: &mut Statistics,
) -> Option<PacketIdentifier> {
    let bytes = outbound.queued_bytes();
    match outbound.offer(delivery, connected, limits) {
        Offered::Send(identifier) => {
            held.inflight += 1;
            return Some(identifier);
        }
        Offered::Queued => {
            held.queued += 1;
            held.queued_bytes += outbound.queued_bytes() - bytes;
        }
        Offered::Dropped => statistics.dropped_queue_full += 1,
    }
    None
}

/// QoS 1 and 2 are bounded by the inflight window instead.
fn pending_max(identifier: Option<PacketIdentifier>, output_bytes_max: usize) -> usize {
    if identifier.is_some() { usize::MAX } else { output_bytes_max }
}
