//! From received bytes to handled packets.

use std::sync::Arc;

use super::Shard;
use super::connection::{CloseCause, ConnectionKey, Phase, Violation};
use super::large::{extend, is_large};
use crate::codec::{
    Acknowledgement, DecodeError, Disconnect, FixedHeader, Frame, PINGRESP, PacketType,
    ProtocolVersion, Publish, PublishRun, Subscribe, Unsubscribe, split, split_puback,
};
use crate::payload::Packet;
use crate::session::SessionKey;
use crate::time::Time;

impl Shard {
    /// Handles what was received on a connection, packet by packet. Bytes of a packet that is not
    /// all there yet are kept. Answers whether that packet is a large one, whose
    /// [`packet_buffer`](Self::packet_buffer) what comes next is best read into.
    pub fn handle_bytes(&mut self, now: Time, key: ConnectionKey, bytes: &[u8]) -> bool {
        let Some(partial) = self.begin_receiving(now, key, bytes.len()) else { return false };
        let handled = if partial.is_empty() {
            self.handle_packets(key, bytes)
        } else {
            self.handle_continuation(key, partial, bytes)
        };
        self.end_receiving(key, handled)
    }

    /// Takes the front of a packet whose end had not come; `None` when nothing is received any more.
    #[inline]
    pub(super) fn begin_receiving(
        &mut self,
        now: Time,
        key: ConnectionKey,
        count: usize,
    ) -> Option<Vec<u8>> {
        self.now = now;
        let connection = self.links.get_mut(key)?;
        if connection.phase == Phase::Closed {
            return None;
        }
        connection.last_received = now;
        self.statistics.bytes_received += count as u64;
        Some(std::mem::take(&mut connection.partial))
    }

    #[inline]
    pub(super) fn end_receiving(
        &mut self,
        key: ConnectionKey,
        handled: Result<bool, CloseCause>,
    ) -> bool {
        handled.unwrap_or_else(|cause| {
            self.close(key, cause);
            false
        })
    }

    /// Completes the packet that began in `partial`, then goes on with what is behind it there, or
    /// with the rest of `bytes`.
    pub(super) fn handle_continuation(
        &mut self,
        key: ConnectionKey,
        mut partial: Vec<u8>,
        mut bytes: &[u8],
    ) -> Result<bool, CloseCause> {
        let state = self.links.state(key);
        let size_max = self.packet_bytes_max(state.0);
        let header = loop {
            let header = FixedHeader::decode(&partial, size_max)?;
            let size = header.map_or(partial.len() + 1, |header| header.size());
            let large = header.filter(|header| is_large(header, state.0));
            if let (Some(header), true) = (header, partial.len() >= size) {
                break header;
            }
            let (taken, rest) = bytes.split_at(bytes.len().min(size - partial.len()));
            match large {
                Some(_) => extend(&mut partial, taken, size),
                None => partial.extend_from_slice(taken),
            }
            if taken.is_empty() {
                self.keep(key, partial);
                return Ok(large.is_some());
            }
            bytes = rest;
        };
        if is_large(&header, state.0) {
            let packet = self.handle_large(key, state, header, partial)?;
            let behind = packet.bytes().get(header.size()..).unwrap_or_default();
            return self.handle_packets(key, if behind.is_empty() { bytes } else { behind });
        }
        if let Some((frame, _)) = split(&partial, size_max)? {
            self.handle_packet(key, state, frame, None)?;
        }
        self.handle_packets(key, bytes)
    }

    fn handle_packets(&mut self, key: ConnectionKey, mut bytes: &[u8]) -> Result<bool, CloseCause> {
        // Of a run that was refused each packet is taken alone, and none is asked again.
        let mut run_end = usize::MAX;
        while !bytes.is_empty() {
            let state = self.links.state(key);
            if let Phase::Connected(session) = state.0
                && split_puback(bytes).is_some()
                && let Some(rest) = self.handle_pubacks(key, session, bytes)
            {
                bytes = rest;
                continue;
            }
            if let Phase::Connected(session) = state.0
                && PublishRun::may_begin(bytes)
                && bytes.len() <= run_end
                && let Some((is_done, rest)) = self.handle_run(key, session, state.1, bytes)
            {
                if is_done {
                    bytes = rest;
                    continue;
                }
                run_end = rest.len();
            }
            let Some((frame, rest)) = split(bytes, self.packet_bytes_max(state.0))? else {
                return Ok(self.keep_front(key, state.0, bytes));
            };
            self.handle_packet(key, state, frame, None)?;
            bytes = rest;
        }
        Ok(false)
    }

    /// Keeps the front of a packet; whether it is a large one.
    fn keep_front(&mut self, key: ConnectionKey, phase: Phase, bytes: &[u8]) -> bool {
        let header = FixedHeader::decode(bytes, usize::MAX).ok().flatten();
        let large = header.filter(|header| is_large(header, phase));
        let mut partial = Vec::new();
        match large {
            Some(header) => extend(&mut partial, bytes, header.size()),
            None => partial = bytes.to_vec(),
        }
        self.keep(key, partial);
        large.is_some()
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

    /// `packet` is what the frame is part of, if that has a buffer of its own.
    pub(super) fn handle_packet(
        &mut self,
        key: ConnectionKey,
        (phase, version): (Phase, ProtocolVersion),
        frame: Frame<'_>,
        packet: Option<&Arc<Packet>>,
    ) -> Result<(), CloseCause> {
        self.statistics.packets_received += 1;
        let kind = frame.header.packet;
        match phase {
            Phase::Connected(session) => {
                self.handle_client_packet(key, session, version, frame, packet)
            }
            Phase::AwaitingConnect if kind == PacketType::Connect => {
                self.handle_connect(key, frame)
            }
            Phase::Authenticating => self.handle_authenticating(key, frame),
            Phase::AwaitingConnect | Phase::Closed => Err(Violation::NotConnected(kind).into()),
        }
    }

    fn handle_client_packet(
        &mut self,
        key: ConnectionKey,
        session: SessionKey,
        version: ProtocolVersion,
        frame: Frame<'_>,
        packet: Option<&Arc<Packet>>,
    ) -> Result<(), CloseCause> {
        let (kind, body) = (frame.header.packet, frame.body);
        frame.header.check_version(version)?;
        match kind {
            PacketType::Publish => {
                let publish = Publish::decode(frame, version)?;
                return self.handle_publish(key, session, &publish, packet);
            }
            PacketType::Puback | PacketType::Pubrec | PacketType::Pubrel | PacketType::Pubcomp => {
                let acknowledgement = Acknowledgement::decode(kind, body, version)?;
                self.handle_acknowledgement(key, session, kind, &acknowledgement);
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
            | PacketType::Pingresp => return Err(DecodeError::ServerPacket(kind as u8).into()),
        }
        Ok(())
    }
}

/// PINGREQ is a fixed header alone, MQTT 3.12.
const fn require_empty(body: &[u8]) -> Result<(), DecodeError> {
    if body.is_empty() { Ok(()) } else { Err(DecodeError::TrailingBytes) }
}
