//! How a Client comes in and goes, MQTT 3.1 and 3.14.

use std::sync::Arc;

use super::Shard;
use super::connection::{CloseCause, Closed, ConnectionKey, Phase};
use super::event::{Client, Event};
use crate::codec::{Connect, ConnectReturnCode, DecodeError, ProtocolVersion, encode_connack};
use crate::message::Message;
use crate::session::{Session, SessionKey};
use crate::time::Time;
use crate::topic::TopicFilter;

impl Shard {
    pub(super) fn handle_connect(
        &mut self,
        now: Time,
        key: ConnectionKey,
        body: &[u8],
    ) -> Result<(), CloseCause> {
        let connect = match Connect::decode(body) {
            Ok(connect) => connect,
            Err(DecodeError::ProtocolLevel(_)) => {
                return Err(self.refuse(key, ConnectReturnCode::UnacceptableProtocolVersion));
            }
            Err(error) => return Err(error.into()),
        };
        let assigned;
        let identifier = if connect.client_identifier.is_empty() {
            if !connect.clean_session || connect.protocol == ProtocolVersion::V3 {
                return Err(self.refuse(key, ConnectReturnCode::IdentifierRejected));
            }
            assigned = self.assign_identifier();
            &*assigned
        } else {
            connect.client_identifier
        };
        let access = match self.grant(key, identifier) {
            Ok(access) => access,
            Err(code) => return Err(self.refuse(key, code)),
        };
        let kept = self.displace(identifier, connect.clean_session);
        // The byte is reserved in MQTT 3.1.
        let session_present = kept.is_some() && connect.protocol != ProtocolVersion::V3;
        let Some(session) = kept.or_else(|| self.begin_session(identifier, connect.clean_session))
        else {
            return Err(self.refuse(key, ConnectReturnCode::ServerUnavailable));
        };
        self.set_access(session, access);
        self.accept(now, key, session, &connect);
        let accepted = encode_connack(session_present, ConnectReturnCode::Accepted);
        self.links.put(key, &accepted, None);
        self.emit_connected(key, session);
        self.send_unacknowledged(key, session);
        self.send_queued(key, session);
        Ok(())
    }

    fn refuse(&mut self, key: ConnectionKey, code: ConnectReturnCode) -> CloseCause {
        self.links.put(key, &encode_connack(false, code), None);
        CloseCause::Refused(code)
    }

    /// An identifier that nobody has, and whose session would live on this shard.
    fn assign_identifier(&mut self) -> String {
        loop {
            self.identifiers_assigned += 1;
            let number = self.group.hash(&format!("{}/{}", self.index, self.identifiers_assigned));
            let identifier = format!("auto-{number:016x}");
            let here = self.group.shard_of(&identifier) == self.index;
            if here && !self.identifiers.contains_key(identifier.as_str()) {
                return identifier;
            }
        }
    }

    /// Closes an older Network Connection of the Client, [MQTT-3.1.4-2], and ends its session if
    /// either of the two asks for it; else returns the session, to be gone on with.
    fn displace(&mut self, identifier: &str, clean_session: bool) -> Option<SessionKey> {
        let session = *self.identifiers.get(identifier)?;
        if let Some(older) = self.links.online(session) {
            self.close(older, CloseCause::TakenOver);
        }
        // A clean session has ended with its connection.
        let session = *self.identifiers.get(identifier)?;
        if clean_session {
            self.end_session(session);
            return None;
        }
        Some(session)
    }

    /// `None` when there are too many sessions.
    fn begin_session(&mut self, identifier: &str, clean_session: bool) -> Option<SessionKey> {
        if self.sessions.len() >= self.limits.sessions_max {
            return None;
        }
        let identifier: Arc<str> = identifier.into();
        let session = self.sessions.insert(Session::new(Arc::clone(&identifier), clean_session));
        self.identifiers.insert(identifier, session);
        Some(session)
    }

    fn accept(
        &mut self,
        now: Time,
        key: ConnectionKey,
        session: SessionKey,
        connect: &Connect<'_>,
    ) {
        self.statistics.connects_accepted += 1;
        self.links.attach(session, key);
        if let Some(connection) = self.links.get_mut(key) {
            connection.silence_max_ms = u32::from(connect.keep_alive_seconds) * 1500;
            connection.will = connect.will.map(|will| {
                Box::new(Message::new(will.topic, will.payload, will.qos, will.retain))
            });
        }
        self.arm_keep_alive(now, key);
    }

    fn emit_connected(&mut self, connection: ConnectionKey, session: SessionKey) {
        if let (Some(observer), Some(session)) = (&mut self.observer, self.sessions.get(session)) {
            let client = Client { identifier: &session.client_identifier, connection };
            observer(&Event::ClientConnected { client });
        }
    }

    /// Ends a Network Connection: its Will goes out unless the Client took its leave,
    /// [MQTT-3.1.2-8], and a clean session ends with it, [MQTT-3.1.2-6].
    pub(super) fn close(&mut self, key: ConnectionKey, cause: CloseCause) {
        let phase = self.links.phase(key);
        if phase == Phase::Closed {
            return;
        }
        self.count_close(cause);
        let will = self.links.get_mut(key).and_then(|connection| connection.will.take());
        let session_key = match phase {
            Phase::Connected(session) => Some(session),
            Phase::AwaitingConnect | Phase::Closed => None,
        };
        let session = session_key.and_then(|session| self.sessions.get(session));
        let client_identifier = session.map(|session| Arc::clone(&session.client_identifier));
        let access = session.and_then(|session| session.access.clone());
        self.links.close(Closed { key, cause, client_identifier });
        let Some(session_key) = session_key else { return };
        self.links.detach(session_key);
        if let Some(session) = self.sessions.get(session_key) {
            if let Some(observer) = &mut self.observer {
                let client = Client { identifier: &session.client_identifier, connection: key };
                observer(&Event::ClientDisconnected { client, cause });
            }
            if session.clean {
                self.end_session(session_key);
            }
        }
        if cause == CloseCause::Revoked && will.is_some() {
            self.statistics.publications_denied += 1;
        }
        let keeps_will =
            matches!(cause, CloseCause::Disconnect | CloseCause::Shutdown | CloseCause::Revoked);
        if let Some(will) = will.filter(|_| !keeps_will)
            && self.may_publish_will(access.as_ref(), will.as_publication())
        {
            self.statistics.wills_published += 1;
            let origin = access.as_ref().map(|access| &access.identity);
            self.publish_from(&will, origin);
        }
    }

    fn count_close(&mut self, cause: CloseCause) {
        let statistics = &mut self.statistics;
        *match cause {
            CloseCause::Disconnect | CloseCause::Shutdown | CloseCause::Revoked => {
                &mut statistics.disconnects
            }
            CloseCause::Lost => &mut statistics.connections_lost,
            CloseCause::Violation(_) => &mut statistics.protocol_violations,
            CloseCause::Refused(_) => &mut statistics.connects_refused,
            CloseCause::TakenOver => &mut statistics.take_overs,
            CloseCause::KeepAliveTimeout => &mut statistics.keep_alive_timeouts,
            CloseCause::ConnectTimeout => &mut statistics.connect_timeouts,
        } += 1;
    }

    pub(super) fn end_session(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.remove(key) else {
            return;
        };
        self.identifiers.remove(&session.client_identifier);
        for filter in &session.filters {
            self.drop_subscription(TopicFilter::new_unchecked(filter), key);
        }
    }
}
