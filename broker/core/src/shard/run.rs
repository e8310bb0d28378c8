//! PUBLISH packets to one topic that came in one read: looked up once, and handed to each subscriber together.
//!
//! A Client that has much to say on a topic leaves many of them in a read. Taken one by one, each visits all
//! subscribers, whose connections and sessions no cache holds by then; taken together, each subscriber is visited
//! once. What a subscriber gets, and in which order, is the same.

use super::Shard;
use super::connection::ConnectionKey;
use super::delivery::offer;
use super::event::EventKinds;
use super::links::Put;
use super::outgoing::{Form, Outgoing};
use super::output::SHARED_PAYLOAD_MIN;
use super::queue_limits;
use crate::codec::{
    PUBACK_BYTES, PacketType, ProtocolVersion, Publish, PublishRun, RUN_MAX, ReasonCode, RunPacket,
    each_packet, encode_puback, split,
};
use crate::message::Publication;
use crate::qos::QoS;
use crate::session::{Delivery, SessionKey};
use crate::topic::TopicName;
use crate::topic::cache::Resolved;

/// A run on its way to its subscribers.
struct Travelling<'a> {
    run: &'a PublishRun<'a>,
    topic: TopicName<'a>,
    qos: QoS,
    publisher: SessionKey,
    resolved: &'a Resolved<SessionKey>,
    /// What is made of each publication, once somebody does not get all alike.
    outgoing: Option<[Option<Outgoing<'a>>; RUN_MAX]>,
}

impl<'a> Travelling<'a> {
    /// Publication by publication.
    fn each(&mut self) -> impl Iterator<Item = &mut Outgoing<'a>> {
        let Self { run, topic, qos, publisher, resolved, outgoing } = self;
        let outgoing = outgoing.get_or_insert_with(|| {
            let mut packets = run.packets();
            std::array::from_fn(|_| {
                let publication = Publication {
                    topic: *topic,
                    payload: packets.next()?.payload,
                    properties: &[],
                    expires: None,
                    qos: *qos,
                    retain: false,
                };
                Some(Outgoing::new(publication, &resolved.topic, None, Some(*publisher)))
            })
        });
        outgoing.iter_mut().flatten()
    }
}

impl Shard {
    /// Passes the run at the front of `bytes` on and acknowledges it, or refuses it: its packets are to be taken one by
    /// one then, and nothing has happened. Answers which, and what is behind the run; `None` when there is none.
    // Apart, so that a packet that comes alone does not pay for it.
    #[inline(never)]
    pub(super) fn handle_run<'a>(
        &mut self,
        key: ConnectionKey,
        session: SessionKey,
        version: ProtocolVersion,
        bytes: &'a [u8],
    ) -> Option<(bool, &'a [u8])> {
        if self.tells(EventKinds::PUBLISHED) || self.tells(EventKinds::DELIVERED) {
            return None;
        }
        let size_max = SHARED_PAYLOAD_MIN.min(self.limits.packet_bytes_max.saturating_add(1));
        let (run, rest) = PublishRun::split(bytes, version, size_max)?;
        Some((self.pass_run_on(key, session, version, &run), rest))
    }

    fn pass_run_on(
        &mut self,
        key: ConnectionKey,
        session: SessionKey,
        version: ProtocolVersion,
        run: &PublishRun<'_>,
    ) -> bool {
        let Ok(Some((first, _))) = split(run.bytes(), self.limits.packet_bytes_max) else {
            return false;
        };
        let Ok(publish) = Publish::decode(first, version) else { return false };
        let Some(topic) = publish.topic else { return false };
        if self.check_publication(&publish).is_err()
            || self.check_topic(topic).is_err()
            || !self.is_free_to_publish(session, topic, publish.qos(), false)
        {
            return false;
        }
        #[cfg(feature = "slow-down")]
        for _ in 1..run.count {
            crate::slow_down::codec();
            crate::slow_down::route();
        }
        self.statistics.packets_received += run.count as u64;
        self.statistics.publications_received += run.count as u64;
        self.statistics.payload_bytes_received += run.payload_bytes as u64;
        let reason = self.route_run(topic, publish.qos(), session, run);
        if publish.qos() == QoS::AtLeastOnce {
            self.acknowledge_run(key, version, run, reason);
        }
        true
    }

    fn route_run(
        &mut self,
        topic: TopicName<'_>,
        qos: QoS,
        publisher: SessionKey,
        run: &PublishRun<'_>,
    ) -> ReasonCode {
        let hash = self.group.hash(topic.as_bytes());
        let resolved = self.resolve(hash, topic);
        self.send_retained_first(topic);
        let resolved = &*resolved;
        let mut travelling = Travelling { run, topic, qos, publisher, resolved, outgoing: None };
        self.run_forms.begin();
        let matches = &resolved.matches;
        for found in matches.iter().filter(|found| found.is_for(Some(publisher))) {
            #[cfg(feature = "slow-down")]
            for _ in 0..run.count {
                crate::slow_down::delivery();
            }
            let form = Form {
                qos: found.qos.min(qos),
                retain: false,
                identifiers: matches.identifiers(found),
            };
            let is_done = form.identifiers.is_empty()
                && match form.qos {
                    QoS::AtMostOnce => self.deliver_run(found.subscriber, &travelling),
                    _ => self.deliver_run_acknowledged(found.subscriber, &mut travelling),
                };
            if !is_done {
                for outgoing in travelling.each() {
                    self.encoder.begin();
                    self.deliver_alone(found.subscriber, form, outgoing);
                }
            }
        }
        let shared = self.share_run(hash, &mut travelling);
        let forwarded = self.forward_run(hash, &mut travelling);
        if shared || forwarded || !matches.is_empty() {
            ReasonCode::Success
        } else {
            ReasonCode::NoMatchingSubscribers
        }
    }

    /// At QoS 0. False when the subscriber is to get each alone.
    #[inline]
    fn deliver_run(&mut self, subscriber: SessionKey, travelling: &Travelling<'_>) -> bool {
        let Self { links, run_forms, limits, statistics, .. } = self;
        let Travelling { run, topic, .. } = travelling;
        let put = links.put_all(subscriber, limits.output_bytes_max, |protocol| {
            run_forms.plain(protocol.has_properties(), topic.as_bytes(), run)
        });
        match put {
            Some(Put::Done) => {
                statistics.deliveries += run.count as u64;
                statistics.payload_bytes_sent += run.payload_bytes as u64;
            }
            Some(Put::Gone) => {}
            Some(_) => self.deliver_run_in_pieces(subscriber, travelling),
            None => return false,
        }
        true
    }

    /// At QoS 0, as many as may wait.
    #[inline(never)]
    fn deliver_run_in_pieces(&mut self, subscriber: SessionKey, travelling: &Travelling<'_>) {
        let Travelling { run, topic, .. } = travelling;
        let Some(key) = self.links.online(subscriber) else { return };
        let properties = self.links.protocol(key).has_properties();
        let Self { links, run_forms, limits, statistics, .. } = self;
        let (packets, _) = run_forms.plain(properties, topic.as_bytes(), run);
        for (packet, RunPacket { payload, .. }) in each_packet(packets).zip(run.packets()) {
            match links.put_within(key, packet, None, limits.output_bytes_max) {
                Put::Done => {
                    statistics.deliveries += 1;
                    statistics.payload_bytes_sent += payload.len() as u64;
                }
                Put::Full => statistics.dropped_output_full += 1,
                Put::TooLarge => statistics.dropped_too_large += 1,
                Put::Gone | Put::Kept => {}
            }
        }
    }

    /// At QoS 1. False when the subscriber is to get each alone.
    #[inline]
    fn deliver_run_acknowledged(
        &mut self,
        subscriber: SessionKey,
        travelling: &mut Travelling<'_>,
    ) -> bool {
        let Some(key) = self.links.online(subscriber) else { return false };
        let Self { links, sessions, run_forms, limits, held, statistics, .. } = self;
        let Some(connection) = links.get_mut(key) else { return false };
        let (protocol, takes) = (connection.protocol, connection.receive_maximum);
        let (mut numbered, longest) = run_forms.numbered(
            protocol.has_properties(),
            travelling.topic.as_bytes(),
            travelling.run,
        );
        if connection.outbound_aliases.is_some() || longest > connection.packet_bytes_max as usize {
            return false;
        }
        let Some(session) = sessions.get_mut(subscriber) else { return false };
        let limits = queue_limits(limits, takes);
        let (mut sent, mut payload_bytes) = (0, 0);
        let mut each = travelling.each();
        numbered.number(
            || {
                let outgoing = each.next()?;
                let payload = outgoing.publication.payload.len() as u64;
                let kept = outgoing.kept_plain()?.clone();
                let delivery = Delivery { kept, qos: QoS::AtLeastOnce, retain: false };
                let outbound = &mut session.outbound;
                let identifier = offer(outbound, delivery, true, limits, held, statistics)?;
                payload_bytes += payload;
                Some(identifier)
            },
            |packets, count| {
                links.append(key, packets);
                sent += count;
            },
        );
        statistics.deliveries += sent;
        statistics.payload_bytes_sent += payload_bytes;
        true
    }

    /// Of shared subscriptions each publication goes to one member, which another one may not.
    fn share_run(&mut self, hash: u64, travelling: &mut Travelling<'_>) -> bool {
        let mut any = false;
        if !self.topics.groups.is_empty() {
            for outgoing in travelling.each() {
                any |= self.fan_out_shared(hash, outgoing);
            }
        }
        any
    }

    fn forward_run(&mut self, hash: u64, travelling: &mut Travelling<'_>) -> bool {
        let topic = travelling.topic;
        let others = (0..self.forwards.len()).filter(|&shard| shard != self.index);
        let mut wanted = others.map(|shard| self.group.may_want(shard, topic, hash));
        if !wanted.any(|wanted| wanted) {
            return false;
        }
        for outgoing in travelling.each() {
            self.forward(hash, 0, None, outgoing);
        }
        true
    }

    fn acknowledge_run(
        &mut self,
        key: ConnectionKey,
        version: ProtocolVersion,
        run: &PublishRun<'_>,
        reason: ReasonCode,
    ) {
        let identifiers = run.packets().filter_map(|packet| packet.packet_identifier);
        let is_told = reason != ReasonCode::Success && version.has_properties();
        if is_told || self.links.packet_bytes_max(key) < PUBACK_BYTES {
            for identifier in identifiers {
                self.put_acknowledgement(key, PacketType::Puback, identifier, reason);
            }
            return;
        }
        let mut answers = [0; RUN_MAX * PUBACK_BYTES];
        let mut length = 0;
        for (place, identifier) in answers.chunks_exact_mut(PUBACK_BYTES).zip(identifiers) {
            place.copy_from_slice(&encode_puback(identifier));
            length += PUBACK_BYTES;
        }
        let answers = answers.get(..length).unwrap_or_default();
        self.links.append_answers(key, answers, length / PUBACK_BYTES);
    }
}
