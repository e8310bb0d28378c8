//! How a Client comes in, MQTT 3.1.

use std::sync::Arc;

use super::Shard;
use super::aliases::OutboundAliases;
use super::connection::{CloseCause, ConnectionKey};
use crate::codec::{
    ConnackProperties, Connect, ConnectReturnCode, DecodeError, Frame, ProtocolVersion, ReasonCode,
    encode_connack, encode_connack_v5,
};
use crate::session::{Session, SessionExpiry, SessionKey};

impl Shard {
    pub(super) fn handle_connect(
        &mut self,
        key: ConnectionKey,
        frame: Frame<'_>,
    ) -> Result<(), CloseCause> {
        let connect = decode(frame).map_err(|error| self.reject(key, frame.body, error))?;
        self.configure(key, &connect);
        let assigned = self.assign_identifier(key, &connect)?;
        if connect.properties.authentication_method.is_some() {
            return Err(self.refuse(key, ReasonCode::BadAuthenticationMethod));
        }
        if !self.takes_connack(&connect, assigned.as_deref()) {
            return Err(self.refuse(key, ReasonCode::PacketTooLarge));
        }
        let identifier = assigned.as_deref().unwrap_or(connect.client_identifier);
        let access = match self.grant(key, identifier) {
            Ok(access) => access,
            Err(code) => return Err(self.refuse(key, code.into())),
        };
        let kept = self.displace(identifier, connect.clean_session);
        let session_present = kept.is_some();
        let Some(session) = kept.or_else(|| self.begin_session(identifier)) else {
            return Err(self.refuse(key, ReasonCode::ServerUnavailable));
        };
        self.set_access(session, access);
        self.attach(key, session, &connect);
        self.accept(key, session_present, assigned.as_deref(), &connect);
        self.emit_connected(key, session);
        self.announce(session, true);
        self.send_waiting(key, session);
        self.wake_replay(key);
        Ok(())
    }

    /// Answers a CONNECT that cannot be read, where there is an answer: at 5.0 always, before that
    /// when the protocol level is the fault, [MQTT-3.1.2-2].
    fn reject(&mut self, key: ConnectionKey, body: &[u8], error: DecodeError) -> CloseCause {
        match (Connect::decode_protocol(body), error) {
            (_, DecodeError::ProtocolLevel(_)) => {
                self.refuse(key, ReasonCode::UnsupportedProtocolVersion)
            }
            (Ok(ProtocolVersion::V5), _) => {
                if let Some(connection) = self.links.get_mut(key) {
                    connection.protocol = ProtocolVersion::V5;
                }
                self.put_refusal(key, error.reason_code());
                error.into()
            }
            (Ok(ProtocolVersion::V3 | ProtocolVersion::V4) | Err(_), _) => error.into(),
        }
    }

    fn refuse(&mut self, key: ConnectionKey, reason: ReasonCode) -> CloseCause {
        self.put_refusal(key, reason);
        CloseCause::Refused(reason)
    }

    fn put_refusal(&mut self, key: ConnectionKey, reason: ReasonCode) {
        if self.links.protocol(key).has_properties() {
            let mut connack = Vec::new();
            encode_connack_v5(false, reason, &ConnackProperties::default(), &mut connack);
            self.links.put(key, &connack, None);
        } else {
            let code = reason.as_connect_return_code();
            let code = code.unwrap_or(ConnectReturnCode::ServerUnavailable);
            self.links.put(key, &encode_connack(false, code), None);
        }
    }

    /// Notes what the Client says of its side of the Network Connection.
    fn configure(&mut self, key: ConnectionKey, connect: &Connect<'_>) {
        let properties = &connect.properties;
        let (seed, alias_max) = (self.group.seed(), self.limits.topic_alias_max);
        let alias_max = properties.topic_alias_maximum.min(alias_max);
        let Some(connection) = self.links.get_mut(key) else { return };
        connection.protocol = connect.protocol;
        connection.packet_bytes_max = properties.maximum_packet_size.unwrap_or(u32::MAX);
        connection.receive_maximum = properties.receive_maximum;
        connection.outbound_aliases =
            (alias_max > 0).then(|| Box::new(OutboundAliases::new(alias_max, seed)));
        let keep_alive = self.limits.keep_alive(connect);
        connection.silence_max_ms = u32::from(keep_alive) * 1500;
    }

    /// Chooses a Client Identifier for a Client that sent none, if it may, [MQTT-3.1.3-6].
    fn assign_identifier(
        &mut self,
        key: ConnectionKey,
        connect: &Connect<'_>,
    ) -> Result<Option<String>, CloseCause> {
        if !connect.client_identifier.is_empty() {
            return Ok(None);
        }
        let may = match connect.protocol {
            ProtocolVersion::V3 => false,
            ProtocolVersion::V4 => connect.clean_session,
            ProtocolVersion::V5 => true,
        };
        if may {
            Ok(Some(self.new_identifier()))
        } else {
            Err(self.refuse(key, ReasonCode::ClientIdentifierNotValid))
        }
    }

    /// An identifier that nobody has, and whose session would live on this shard.
    fn new_identifier(&mut self) -> String {
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
        // It may have ended with its connection.
        let session = *self.identifiers.get(identifier)?;
        if clean_session {
            self.end_session(session);
            return None;
        }
        Some(session)
    }

    /// `None` when there are too many sessions.
    fn begin_session(&mut self, identifier: &str) -> Option<SessionKey> {
        if self.sessions.len() >= self.limits.sessions_max {
            return None;
        }
        let identifier: Arc<str> = identifier.into();
        let session = self.sessions.insert(Session::new(Arc::clone(&identifier)));
        self.identifiers.insert(identifier, session);
        Some(session)
    }

    fn attach(&mut self, key: ConnectionKey, session_key: SessionKey, connect: &Connect<'_>) {
        self.links.attach(session_key, key);
        if let Some(connection) = self.links.get_mut(key) {
            connection.will = connect.will.map(|will| Box::new(will.into()));
        }
        if let Some(session) = self.sessions.get_mut(session_key) {
            session.expiry = session_expiry(connect);
            session.ends = None;
            // The Client is back before its Will was due, [MQTT-3.1.3-9].
            session.will = None;
            session.outbound.resume();
        }
        self.arm_keep_alive(key);
    }

    fn accept(
        &mut self,
        key: ConnectionKey,
        session_present: bool,
        assigned: Option<&str>,
        connect: &Connect<'_>,
    ) {
        self.statistics.connects_accepted += 1;
        match connect.protocol {
            // The byte is reserved in MQTT 3.1.
            ProtocolVersion::V3 => {
                self.links.put(key, &encode_connack(false, ConnectReturnCode::Accepted), None);
            }
            ProtocolVersion::V4 => {
                let connack = encode_connack(session_present, ConnectReturnCode::Accepted);
                self.links.put(key, &connack, None);
            }
            ProtocolVersion::V5 => {
                let properties = self.limits.connack_properties(connect, assigned);
                let mut connack = Vec::new();
                encode_connack_v5(session_present, ReasonCode::Success, &properties, &mut connack);
                self.links.put(key, &connack, None);
            }
        }
    }

    /// Whether the CONNACK that lets the Client in is not larger than the packets it takes,
    /// [MQTT-3.1.2-24]: left out like others, it would leave the Client in without a word.
    fn takes_connack(&self, connect: &Connect<'_>, assigned: Option<&str>) -> bool {
        let Some(size_max) = connect.properties.maximum_packet_size else { return true };
        let properties = self.limits.connack_properties(connect, assigned);
        let mut connack = Vec::new();
        encode_connack_v5(false, ReasonCode::Success, &properties, &mut connack);
        connack.len() <= size_max as usize
    }
}

fn decode(frame: Frame<'_>) -> Result<Connect<'_>, DecodeError> {
    let connect = Connect::decode(frame.body)?;
    frame.header.check_version(connect.protocol)?;
    Ok(connect)
}

/// How long the session is to outlive the Network Connection, MQTT 5.0 3.1.2.11.2.
fn session_expiry(connect: &Connect<'_>) -> SessionExpiry {
    match connect.protocol {
        ProtocolVersion::V5 => {
            SessionExpiry::from_seconds(connect.properties.session_expiry_interval_seconds)
        }
        _ if connect.clean_session => SessionExpiry::WithConnection,
        _ => SessionExpiry::Never,
    }
}

impl crate::limits::Limits {
    /// What a CONNACK of MQTT 5.0 tells of the Server, 3.2.2.3.
    fn connack_properties<'a>(
        &self,
        connect: &Connect<'_>,
        assigned: Option<&'a str>,
    ) -> ConnackProperties<'a> {
        ConnackProperties {
            receive_maximum: Some(self.receive_maximum),
            maximum_packet_size: u32::try_from(self.packet_bytes_max).ok(),
            topic_alias_maximum: Some(self.topic_alias_max).filter(|&max| max > 0),
            server_keep_alive_seconds: Some(self.keep_alive(connect))
                .filter(|&seconds| seconds != connect.keep_alive_seconds),
            assigned_client_identifier: assigned,
            ..ConnackProperties::default()
        }
    }

    /// The Keep Alive that holds for a Client: at 5.0, where it can be told, the Server may
    /// shorten it, 3.2.2.3.14.
    fn keep_alive(&self, connect: &Connect<'_>) -> u16 {
        let asked = connect.keep_alive_seconds;
        let max = u16::try_from(self.keep_alive_max.as_secs()).unwrap_or(u16::MAX);
        match (max, asked) {
            (0, _) => asked,
            _ if !connect.protocol.has_properties() => asked,
            (_, 0) => max,
            _ => asked.min(max),
        }
    }
}
