//! How a Client comes in, MQTT 3.1.

use super::Shard;
use super::aliases::OutboundAliases;
use super::authenticate::Proved;
use super::connection::{CloseCause, ConnectionKey};
use crate::access::Refusal;
use crate::codec::{
    ConnackProperties, Connect, ConnectReturnCode, DecodeError, Frame, ProtocolVersion, ReasonCode,
    encode_connack, encode_connack_v5,
};
use crate::features::Features;
use crate::limits::Limits;
use crate::qos::QoS;
use crate::session::{Session, SessionExpiry, SessionKey};

impl Shard {
    pub(super) fn handle_connect(
        &mut self,
        key: ConnectionKey,
        frame: Frame<'_>,
    ) -> Result<(), CloseCause> {
        let connect = decode(frame).map_err(|error| self.reject(key, frame.body, error))?;
        self.configure(key, &connect);
        if let Err(reason) = self.features.check_will(&connect) {
            return Err(self.refuse(key, &reason.into()));
        }
        match connect.properties.authentication_method {
            Some(method) => self.begin_authentication(key, frame.body, &connect, method),
            None => self.let_in(key, &connect, None),
        }
    }

    /// Accepts a CONNECT in which nothing is wrong, if its Client may come in: by its credentials,
    /// or by what it has `proved`.
    pub(super) fn let_in(
        &mut self,
        key: ConnectionKey,
        connect: &Connect<'_>,
        proved: Option<Proved>,
    ) -> Result<(), CloseCause> {
        let assigned = self.assign_identifier(key, connect)?;
        let (principal, data) = match proved {
            Some(Proved { principal, data }) => (Some(principal), data),
            None => (None, None),
        };
        let welcome = Welcome { assigned: assigned.as_deref(), data: data.as_deref() };
        if !self.takes_connack(connect, welcome) {
            return Err(self.refuse(key, &ReasonCode::PacketTooLarge.into()));
        }
        let identifier = assigned.as_deref().unwrap_or(connect.client_identifier);
        let access = match principal {
            Some(principal) => self.grant_to(principal, identifier.into()),
            None => self.grant(key, identifier),
        };
        let access = access.map_err(|refusal| self.refuse(key, &refusal))?;
        let kept = self.displace(identifier, connect.clean_session);
        let session_present = kept.is_some();
        let Some(session) = kept.or_else(|| self.begin_session(identifier)) else {
            let refusal = self.features.no_room();
            return Err(self.refuse(key, &refusal));
        };
        self.set_access(session, access);
        self.attach(key, session, connect);
        self.accept(key, session_present, welcome, connect);
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
            (_, DecodeError::ProtocolLevel(level)) => {
                // Bridges set the highest bit of the level that they speak.
                if level & 0x7f >= 5 {
                    self.set_protocol(key, ProtocolVersion::V5);
                }
                self.refuse(key, &ReasonCode::UnsupportedProtocolVersion.into())
            }
            (Ok(ProtocolVersion::V5), _) => {
                self.set_protocol(key, ProtocolVersion::V5);
                self.put_refusal(key, &error.reason_code().into());
                error.into()
            }
            (Ok(ProtocolVersion::V3 | ProtocolVersion::V4) | Err(_), _) => error.into(),
        }
    }

    fn set_protocol(&mut self, key: ConnectionKey, protocol: ProtocolVersion) {
        if let Some(connection) = self.links.get_mut(key) {
            connection.protocol = protocol;
        }
    }

    pub(super) fn refuse(&mut self, key: ConnectionKey, refusal: &Refusal) -> CloseCause {
        self.put_refusal(key, refusal);
        CloseCause::Refused(refusal.reason.in_connack())
    }

    /// Answers a CONNECT; before 5.0 without a word where no return code fits, [MQTT-3.2.2-6].
    pub(super) fn put_refusal(&mut self, key: ConnectionKey, refusal: &Refusal) {
        let reason = refusal.reason.in_connack();
        if self.links.protocol(key).has_properties() {
            let server_reference = refusal.server_reference.as_deref();
            let properties = ConnackProperties { server_reference, ..ConnackProperties::default() };
            let mut connack = Vec::new();
            encode_connack_v5(false, reason, &properties, &mut connack);
            if connack.len() > self.links.packet_bytes_max(key) {
                connack.clear();
                encode_connack_v5(false, reason, &ConnackProperties::default(), &mut connack);
            }
            self.links.put(key, &connack, None);
        } else if let Some(code) = reason.as_connect_return_code() {
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
        connection.keep_alive_seconds = keep_alive;
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
            Err(self.refuse(key, &ReasonCode::ClientIdentifierNotValid.into()))
        }
    }

    /// An identifier that nobody has, and whose session would live on this shard.
    fn new_identifier(&mut self) -> String {
        loop {
            self.identifiers_assigned += 1;
            let number = self.group.hash(format!("{}/{}", self.index, self.identifiers_assigned));
            let identifier = format!("auto-{number:016x}");
            let here = self.group.shard_of(&identifier) == self.index;
            if here && self.identifiers.find(&self.sessions, &identifier).is_none() {
                return identifier;
            }
        }
    }

    /// Closes an older Network Connection of the Client, [MQTT-3.1.4-2], and ends its session if
    /// either of the two asks for it; else returns the session, to be gone on with.
    fn displace(&mut self, identifier: &str, clean_session: bool) -> Option<SessionKey> {
        let session = self.identifiers.find(&self.sessions, identifier)?;
        if let Some(older) = self.links.online(session) {
            self.close(older, CloseCause::TakenOver);
        }
        // It may have ended with its connection.
        let session = self.identifiers.find(&self.sessions, identifier)?;
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
        let session = self.sessions.insert(Session::new(identifier.into()));
        self.identifiers.insert(&self.sessions, identifier, session);
        Some(session)
    }

    fn attach(&mut self, key: ConnectionKey, session_key: SessionKey, connect: &Connect<'_>) {
        self.links.attach(session_key, key);
        if let Some(will) = connect.will
            && let Some(connection) = self.links.get_mut(key)
        {
            connection.rare_mut().will = Some(Box::new(will.into()));
        }
        if let Some(session) = self.sessions.get_mut(session_key) {
            session.expiry = session_expiry(connect).at_most(self.limits.session_expiry_max);
            // The Client is back before its Will was due, [MQTT-3.1.3-9].
            session.absence = None;
            session.outbound.resume();
        }
        self.arm_keep_alive(key);
    }

    fn accept(
        &mut self,
        key: ConnectionKey,
        session_present: bool,
        welcome: Welcome<'_>,
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
                let properties = self.connack_properties(connect, welcome);
                let mut connack = Vec::new();
                encode_connack_v5(session_present, ReasonCode::Success, &properties, &mut connack);
                self.links.put(key, &connack, None);
            }
        }
    }

    /// Whether the CONNACK that lets the Client in is not larger than the packets it takes,
    /// [MQTT-3.1.2-24]: left out like others, it would leave the Client in without a word.
    fn takes_connack(&self, connect: &Connect<'_>, welcome: Welcome<'_>) -> bool {
        let size_max = connect.properties.maximum_packet_size.unwrap_or(u32::MAX);
        let is_encodable = welcome.data.is_none_or(|data| u16::try_from(data.len()).is_ok());
        if size_max == u32::MAX || !is_encodable {
            return is_encodable;
        }
        let properties = self.connack_properties(connect, welcome);
        let mut connack = Vec::new();
        encode_connack_v5(false, ReasonCode::Success, &properties, &mut connack);
        connack.len() <= size_max as usize
    }

    /// What a CONNACK of MQTT 5.0 tells of the Server, 3.2.2.3. What is as the specification has it
    /// by default is left out.
    fn connack_properties<'a>(
        &'a self,
        connect: &Connect<'a>,
        welcome: Welcome<'a>,
    ) -> ConnackProperties<'a> {
        let Self { features, limits, .. } = self;
        let unavailable = |available: bool| (!available).then_some(false);
        let wants_information = connect.properties.request_response_information;
        ConnackProperties {
            session_expiry_interval_seconds: limits.session_expiry_told(connect),
            receive_maximum: Some(limits.receive_maximum),
            maximum_qos: Some(features.maximum_qos).filter(|&qos| qos < QoS::ExactlyOnce),
            retain_available: unavailable(features.retain_available),
            maximum_packet_size: u32::try_from(limits.packet_bytes_max).ok(),
            assigned_client_identifier: welcome.assigned,
            topic_alias_maximum: Some(limits.topic_alias_max).filter(|&max| max > 0),
            wildcard_subscription_available: unavailable(features.wildcard_subscription_available),
            subscription_identifier_available: unavailable(
                features.subscription_identifier_available,
            ),
            shared_subscription_available: unavailable(features.shared_subscription_available),
            server_keep_alive_seconds: Some(limits.keep_alive(connect))
                .filter(|&seconds| seconds != connect.keep_alive_seconds),
            response_information: features
                .response_information
                .as_deref()
                .filter(|_| wants_information),
            authentication_method: connect.properties.authentication_method,
            authentication_data: welcome.data,
            ..ConnackProperties::default()
        }
    }
}

fn decode(frame: Frame<'_>) -> Result<Connect<'_>, DecodeError> {
    let connect = Connect::decode(frame.body)?;
    frame.header.check_version(connect.protocol)?;
    Ok(connect)
}

/// What is for one Client in the CONNACK that lets it in.
#[derive(Clone, Copy, Debug)]
struct Welcome<'a> {
    /// The Client Identifier that it was given.
    assigned: Option<&'a str>,
    /// The end of its authentication.
    data: Option<&'a [u8]>,
}

/// How long the session is to outlive the Network Connection, MQTT 5.0 3.1.2.11.2.
fn session_expiry(connect: &Connect<'_>) -> SessionExpiry {
    match connect.protocol {
        ProtocolVersion::V5 => {
            SessionExpiry::from_seconds(connect.properties.session_expiry_interval_seconds)
        }
        _ if connect.clean_session => SessionExpiry::WITH_CONNECTION,
        _ => SessionExpiry::NEVER,
    }
}

impl Features {
    /// Refuses a Will that this Server could not publish, [MQTT-3.2.2-12] and [MQTT-3.2.2-13].
    fn check_will(&self, connect: &Connect<'_>) -> Result<(), ReasonCode> {
        let Some(will) = &connect.will else { return Ok(()) };
        if will.qos > self.maximum_qos {
            Err(ReasonCode::QoSNotSupported)
        } else if will.retain && !self.retain_available {
            Err(ReasonCode::RetainNotSupported)
        } else if self.check_payload_format {
            will.check_payload_format().map_err(|error| error.reason_code())
        } else {
            Ok(())
        }
    }

    /// Said when there are too many sessions.
    fn no_room(&self) -> Refusal {
        match &self.server_reference {
            None => ReasonCode::QuotaExceeded.into(),
            reference => Refusal {
                reason: ReasonCode::UseAnotherServer,
                server_reference: reference.clone(),
            },
        }
    }
}

impl Limits {
    /// The Session Expiry Interval if it is not the one that the Client asks for, 3.2.2.3.2.
    fn session_expiry_told(&self, connect: &Connect<'_>) -> Option<u32> {
        let asked = session_expiry(connect);
        let granted = asked.at_most(self.session_expiry_max);
        let time = granted.time().filter(|_| granted != asked)?;
        u32::try_from(time.as_secs()).ok()
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
