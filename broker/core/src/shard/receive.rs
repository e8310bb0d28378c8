//! From received bytes to handled packets.

use super::Shard;
use super::connection::{CloseCause, ConnectionKey, Phase, Violation};
use crate::codec::{
    Acknowledgement, DecodeError, Disconnect, FixedHeader, Frame, PINGRESP, PacketType,
    ProtocolVersion, Publish, Subscribe, Unsubscribe, split,
};
use crate::session::SessionKey;
use crate::time::Time;

impl Shard {
    /// Handles what was received on a connection, packet by packet. Bytes of a packet that is not
    /// all there yet are kept.
    pub fn handle_bytes(&mut self, now: Time, key: ConnectionKey, bytes: &[u8]) {
        self.now = now;
        let Some(connection) = self.links.get_mut(key) else { return };
        if connection.phase == Phase::Closed {
            return;
        }
        connection.last_received = now;
        self.statistics.bytes_received += bytes.len() as u64;
        let partial = std::mem::take(&mut connection.partial);
        let handled = if partial.is_empty() {
            self.handle_packets(key, bytes)
        } else {
            self.handle_continuation(key, partial, bytes)
        };
        if let Err(cause) = handled {
            self.close(key, cause);
        }
    }

    /// Completes the packet that began in `partial`, then goes on with the rest of `bytes`.
    fn handle_continuation(
        &mut self,
        key: ConnectionKey,
        mut partial: Vec<u8>,
        mut bytes: &[u8],
    ) -> Result<(), CloseCause> {
        let state = self.links.state(key);
        let size_max = self.packet_bytes_max(state.0);
        loop {
            let header = FixedHeader::decode(&partial, size_max)?;
            let missing = header.map_or(1, |header| header.size() - partial.len());
            if missing == 0 {
                break;
            }
            let (taken, rest) = bytes.split_at(missing.min(bytes.len()));
            if taken.is_empty() {
                self.keep(key, partial);
                return Ok(());
            }
            partial.extend_from_slice(taken);
            bytes = rest;
        }
        if let Some((frame, _)) = split(&partial, size_max)? {
            self.handle_packet(key, state, frame)?;
        }
        self.handle_packets(key, bytes)
    }

    fn handle_packets(&mut self, key: ConnectionKey, mut bytes: &[u8]) -> Result<(), CloseCause> {
        while !bytes.is_empty() {
            let state = self.links.state(key);
            let Some((frame, rest)) = split(bytes, self.packet_bytes_max(state.0))? else { break };
            self.handle_packet(key, state, frame)?;
            bytes = rest;
        }
        if !bytes.is_empty() {
            self.keep(key, bytes.to_vec());
        }
        Ok(())
    }

    fn keep(&mut self, key: ConnectionKey, partial: Vec<u8>) {
        if let Some(connection) = self.links.get_mut(key) {
            connection.partial = partial;
        }
    }

    /// A stranger may send less than a Client.
    const fn packet_bytes_max(&self, phase: Phase) -> usize {
        match phase {
            Phase::Connected(_) => self.limits.packet_bytes_max,
            Phase::AwaitingConnect | Phase::Authenticating | Phase::Closed => {
                self.limits.connect_packet_bytes_max
            }
        }
    }

    fn handle_packet(
        &mut self,
        key: ConnectionKey,
        (phase, version): (Phase, ProtocolVersion),
        frame: Frame<'_>,
    ) -> Result<(), CloseCause> {
        self.statistics.packets_received += 1;
        let packet = frame.header.packet;
        match phase {
            Phase::Connected(session) => self.handle_client_packet(key, session, version, frame),
            Phase::AwaitingConnect if packet == PacketType::Connect => {
                self.handle_connect(key, frame)
            }
            Phase::Authenticating => self.handle_authenticating(key, frame),
            Phase::AwaitingConnect | Phase::Closed => Err(Violation::NotConnected(packet).into()),
        }
    }

    fn handle_client_packet(
        &mut self,
        key: ConnectionKey,
        session: SessionKey,
        version: ProtocolVersion,
        frame: Frame<'_>,
    ) -> Result<(), CloseCause> {
        let (packet, body) = (frame.header.packet, frame.body);
        frame.header.check_version(version)?;
        match packet {
            PacketType::Publish => {
                return self.handle_publish(key, session, &Publish::decode(frame, version)?);
            }
            PacketType::Puback | PacketType::Pubrec | PacketType::Pubrel | PacketType::Pubcomp => {
                let acknowledgement = Acknowledgement::decode(packet, body, version)?;
                self.handle_acknowledgement(key, session, packet, &acknowledgement);
            }
            PacketType::Subscribe => {
                return self.handle_subscribe(key, session, Subscribe::decode(body, version)?);
            }
            PacketType::Unsubscribe => {
                self.handle_unsubscribe(key, session, &Unsubscribe::decode(body, version)?);
            }
            PacketType::Pingreq => {
                require_empty(body)?;
                self.emit_ping(key, session);
                self.links.put(key, &PINGRESP, None);
            }
            PacketType::Disconnect => {
                return Err(self.handle_disconnect(session, &Disconnect::decode(body, version)?));
            }
            PacketType::Connect => return Err(Violation::SecondConnect.into()),
            PacketType::Auth => return self.handle_auth(key, body),
            PacketType::Connack
            | PacketType::Suback
            | PacketType::Unsuback
            | PacketType::Pingresp => return Err(DecodeError::ServerPacket(packet as u8).into()),
        }
        Ok(())
    }
}

/// PINGREQ is a fixed header alone, MQTT 3.12.
const fn require_empty(body: &[u8]) -> Result<(), DecodeError> {
    if body.is_empty() { Ok(()) } else { Err(DecodeError::TrailingBytes) }
}
