//! What a client says in its CONNECT and what it publishes, made from the plan.

use std::rc::Rc;
use std::sync::Arc;

use super::{Worker, packet_bytes_max};
use crate::client::{Client, Content, Flow, Memory, Publisher, TOPIC_ALIASES_MAX, Templates};
use crate::mqtt::{Connect, EncodeError, PublicationForm, QoS, Version, WillMessage};
use crate::payload::{self, PAYLOAD_BYTES_MIN, Stamp};
use crate::plan::{ClientNames, has_timed_will};
use crate::scenario::{Body, Connection, Group, Publication, Will};

/// The temperature of a Will Message: nobody reads it.
const WILL_TEMPERATURE: u8 = 1;

impl Worker {
    /// The client for this place and the CONNECT of a connection that ends `leaves_ns` into the load.
    pub(super) fn client(
        &self,
        place: usize,
        leaves_ns: u64,
        memory: &mut Memory,
    ) -> Result<(Client, Connect), EncodeError> {
        let number = self.clients.get(place).copied().unwrap_or(0);
        let (group_number, place) = self.setup.plan.group_of(number);
        let group = self.setup.plan.group(group_number);
        let life = memory.begin();
        let client = if life > 0 {
            Client::again(group.version, memory, group.inflight_max)
        } else {
            let publisher = self.publisher(number, group_number, place)?;
            Client::new(group.version, publisher)
        };
        let names = self.setup.plan.names(number);
        let will = group.connection.will.as_ref();
        let will = will.map(|will| self.will(number, group, will, (life, leaves_ns)));
        Ok((client, self.connect_packet(number, group, names, will)))
    }

    fn publisher(
        &self,
        client: u32,
        group: usize,
        number: u32,
    ) -> Result<Option<Box<Publisher>>, EncodeError> {
        let plan = &self.setup.plan;
        let entries = plan.entries_of_group(group);
        if entries.is_empty() {
            return Ok(None);
        }
        let mut flows = Vec::with_capacity(entries.len());
        for (place, entry) in (0..).zip(entries) {
            let (first_stream, _) = plan.streams_of(entry, number);
            let templates = self.templates(client, group, entry, place)?;
            let timing = plan.timing(entry, number);
            let flow = Flow::new(first_stream, plan.stream_seed(entry, number), templates, timing);
            let mut recorder = self.recorder.borrow_mut();
            flows.push(flow.within(recorder.windows().and_then(|all| all.get(first_stream))));
        }
        let inflight_max = plan.inflight_max(group);
        let (tag, seed) = (self.setup.tag, self.setup.scenario.seed);
        Ok(Some(Box::new(Publisher::new(flows, tag, seed, inflight_max))))
    }

    /// What the publications of a client by an entry, the `place`-th of its group, have in common.
    fn templates(
        &self,
        client: u32,
        group: usize,
        entry: usize,
        place: u16,
    ) -> Result<Rc<[Templates]>, EncodeError> {
        let publication = self.setup.plan.publication(entry);
        let common = are_alike(publication);
        if common && let Some(known) = self.templates.borrow().get(&entry) {
            return Ok(Rc::clone(known));
        }
        let templates = self.encode_templates(client, group, entry, place)?;
        if common {
            self.templates.borrow_mut().insert(entry, Rc::clone(&templates));
        }
        Ok(templates)
    }

    fn encode_templates(
        &self,
        client: u32,
        group: usize,
        entry: usize,
        place: u16,
    ) -> Result<Rc<[Templates]>, EncodeError> {
        let plan = &self.setup.plan;
        let group = plan.group(group);
        let publication = plan.publication(entry);
        let properties = publication.user_properties.iter();
        let user_properties: Vec<_> = properties
            .map(|(name, value)| (plan.text(client, name), plan.text(client, value)))
            .collect();
        let body: Option<Arc<[u8]>> = match &publication.payload.body {
            Body::Temperature => None,
            Body::Text(pattern) => Some(plan.text(client, pattern).into_bytes().into()),
            Body::Bytes(bytes) => Some(Arc::clone(bytes)),
        };
        let (first_stream, streams) = plan.streams_of(entry, plan.group_of(client).1);
        // One Topic Alias for each entry that has one topic.
        let topic_alias = (group.topic_alias && streams == 1).then_some(place + 1);
        let payload_bytes = body
            .as_ref()
            .map_or(publication.payload.bytes, |body| PAYLOAD_BYTES_MIN + 1 + body.len());
        let templates = (first_stream..first_stream + streams).map(|stream| {
            let form = PublicationForm {
                version: group.version,
                topic: &plan.topic_name(stream),
                qos: publication.qos,
                retain: publication.retain,
                payload_bytes,
                topic_alias: None,
                correlation_bytes: 0,
                user_properties: &user_properties,
            };
            let stamp_place = publication.payload.stamp_place;
            Templates::new(&form, Content { stamp_place, body: body.clone() }, topic_alias)
        });
        templates.collect()
    }

    /// The Will Message, with a stamp where its arrival is timed.
    fn will(&self, client: u32, group: &Group, will: &Will, life: (u32, u64)) -> WillMessage {
        let plan = &self.setup.plan;
        let stream = plan.will_stream(client).filter(|_| has_timed_will(group));
        let payload = match (&will.payload, stream) {
            (Some(text), _) => plan.text(client, text),
            (None, None) => String::new(),
            (None, Some(stream)) => {
                let (sequence, due_ns) = life;
                let stamp = Stamp { publisher: stream, sequence, due_ns, lag_us: 0 };
                let mut text = bytes::BytesMut::new();
                payload::write(&mut text, WILL_TEMPERATURE, (self.setup.tag, &stamp), b"", 0);
                String::from_utf8_lossy(&text).into_owned()
            }
        };
        let topic = plan.text(client, &will.topic);
        WillMessage { topic, payload, qos: will.qos, retain: will.retain }
    }

    fn connect_packet(
        &self,
        client: u32,
        group: &Group,
        names: ClientNames,
        will: Option<WillMessage>,
    ) -> Connect {
        let scenario = &self.setup.scenario;
        let Connection { password, clean, session_expiry_seconds, keep_alive_seconds, .. } =
            &group.connection;
        let is_new = group.version == Version::V5;
        Connect {
            version: group.version,
            identifier: names.identifier,
            clean: *clean,
            keep_alive_seconds: *keep_alive_seconds,
            user: names.user,
            password: self.setup.plan.text(client, password),
            will,
            session_expiry_seconds: *session_expiry_seconds,
            topic_alias_maximum: if is_new && group.topic_alias { TOPIC_ALIASES_MAX } else { 0 },
            packet_bytes_max: u32::try_from(packet_bytes_max(scenario)).unwrap_or(u32::MAX),
        }
    }

    /// The Topic Filters of the client in this place, with their Share Names.
    pub(super) fn filters(&self, place: usize) -> Vec<(String, QoS)> {
        let plan = &self.setup.plan;
        let client = self.clients.get(place).copied().unwrap_or(0);
        let subscriptions = plan.group(plan.group_of(client).0).subscribe.iter().enumerate();
        let filter = |(entry, subscription): (usize, &crate::scenario::Subscription)| {
            let filter = plan.topic_filter(client, entry);
            let filter = match &subscription.share {
                None => filter,
                Some(share) => format!("$share/{share}/{filter}"),
            };
            (filter, subscription.qos)
        };
        subscriptions.map(filter).collect()
    }
}

/// Whether the publications by an entry are the same for all clients, but for their stamps.
fn are_alike(publication: &Publication) -> bool {
    let mut properties = publication.user_properties.iter();
    publication.topic.is_common_but_random()
        && properties.all(|(name, value)| name.is_common() && value.is_common())
        && match &publication.payload.body {
            Body::Temperature | Body::Bytes(_) => true,
            Body::Text(text) => text.is_common(),
        }
}
