//! The Network Connections of a shard: who is online, what waits for whom, who is to be flushed.

use slotmap::{SecondaryMap, SlotMap};

use super::connection::{Closed, Connection, ConnectionKey, Phase};
use super::output::{BufferPool, Output};
use crate::codec::ProtocolVersion;
use crate::payload::Payload;
use crate::session::SessionKey;
use crate::time::Time;

#[derive(Debug, Default)]
pub(super) struct Links {
    connections: SlotMap<ConnectionKey, Connection>,
    /// The connection of each session that has one. Apart from the sessions, and so dense that a
    /// fan-out to thousands stays in the cache.
    online: SecondaryMap<SessionKey, ConnectionKey>,
    dirty: Vec<ConnectionKey>,
    closed: Vec<Closed>,
    /// Bytes appended since the last [`take_dirty`](Self::take_dirty).
    fresh: usize,
    /// Bytes appended before that, less those that went with their connection.
    appended: u64,
    answers: u64,
    answers_too_large: u64,
    pool: BufferPool,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    Done,
    /// More would wait than may.
    Full,
    /// The Client takes no packet of this size, MQTT 5.0 section 3.1.2.11.4.
    TooLarge,
    /// There is no such connection any more.
    Gone,
    /// The session keeps the message for later, or has dropped and counted it.
    Kept,
}

impl Links {
    pub(super) fn len(&self) -> usize {
        self.connections.len()
    }

    /// Sessions that have a connection.
    pub(super) fn online_len(&self) -> usize {
        self.online.len()
    }

    pub(super) fn open(&mut self, now: Time) -> ConnectionKey {
        self.connections.insert(Connection::new(now))
    }

    pub(super) fn get_mut(&mut self, key: ConnectionKey) -> Option<&mut Connection> {
        self.connections.get_mut(key)
    }

    pub(super) fn keys(&self) -> Vec<ConnectionKey> {
        self.connections.keys().collect()
    }

    pub(super) fn remove(&mut self, key: ConnectionKey) {
        if let Some(mut connection) = self.connections.remove(key) {
            self.appended = self.appended.wrapping_sub(connection.output.pending() as u64);
            if connection.output.advance(connection.output.pending()) {
                connection.output.give_back(&mut self.pool);
            }
        }
    }

    pub(super) fn protocol(&self, key: ConnectionKey) -> ProtocolVersion {
        self.connections.get(key).map_or(ProtocolVersion::V4, |connection| connection.protocol)
    }

    /// Longest packet that a Client takes.
    pub(super) fn packet_bytes_max(&self, key: ConnectionKey) -> usize {
        self.connections.get(key).map_or(0, |connection| connection.packet_bytes_max as usize)
    }

    /// QoS 1 and 2 messages that a Client takes before it acknowledges one.
    pub(super) fn receive_maximum(&self, key: ConnectionKey) -> u16 {
        self.connections.get(key).map_or(0, |connection| connection.receive_maximum)
    }

    pub(super) fn phase(&self, key: ConnectionKey) -> Phase {
        self.connections.get(key).map_or(Phase::Closed, |connection| connection.phase)
    }

    /// How far a connection has come, and in which version: all that a received packet is judged by.
    pub(super) fn state(&self, key: ConnectionKey) -> (Phase, ProtocolVersion) {
        let connection = self.connections.get(key);
        connection.map_or((Phase::Closed, ProtocolVersion::V4), |it| (it.phase, it.protocol))
    }

    /// Marks a connection as closed; what waits may still be written.
    pub(super) fn close(&mut self, closed: Closed) {
        if let Some(connection) = self.connections.get_mut(closed.key) {
            connection.phase = Phase::Closed;
            connection.partial = Vec::new();
            self.closed.push(closed);
        }
    }

    pub(super) fn has_closed(&self) -> bool {
        !self.closed.is_empty()
    }

    pub(super) fn take_closed(&mut self) -> Option<Closed> {
        self.closed.pop()
    }

    pub(super) const fn fresh(&self) -> usize {
        self.fresh
    }

    /// Bytes that wait for all connections together, when so many were written.
    pub(super) const fn pending(&self, written: u64) -> u64 {
        self.appended.wrapping_add(self.fresh as u64).wrapping_sub(written)
    }

    pub(super) fn attach(&mut self, session: SessionKey, key: ConnectionKey) {
        self.online.insert(session, key);
        if let Some(connection) = self.connections.get_mut(key) {
            connection.phase = Phase::Connected(session);
        }
    }

    pub(super) fn detach(&mut self, session: SessionKey) {
        self.online.remove(session);
    }

    pub(super) fn online(&self, session: SessionKey) -> Option<ConnectionKey> {
        self.online.get(session).copied()
    }

    /// Appends a packet, whatever waits already: for packets whose number is bounded elsewhere.
    pub(super) fn put(&mut self, key: ConnectionKey, packet: &[u8], payload: Option<&Payload>) {
        match self.put_within(key, packet, payload, usize::MAX) {
            Put::Done => self.answers += 1,
            Put::TooLarge => self.answers_too_large += 1,
            Put::Full | Put::Gone | Put::Kept => {}
        }
    }

    /// Packets but PUBLISH that were put into an output.
    pub(super) const fn answers(&self) -> u64 {
        self.answers
    }

    /// Packets but PUBLISH that were left out because the Client takes none of their size.
    pub(super) const fn answers_too_large(&self) -> u64 {
        self.answers_too_large
    }

    /// Appends a packet unless more than `pending_max` bytes would wait.
    pub(super) fn put_within(
        &mut self,
        key: ConnectionKey,
        packet: &[u8],
        payload: Option<&Payload>,
        pending_max: usize,
    ) -> Put {
        self.put_chosen(key, pending_max, payload, |_| Some(packet)).unwrap_or(Put::Gone)
    }

    /// Appends the packet that `choose` chooses for the connection, unless more than
    /// `pending_max` bytes would wait; `None` when it chooses none.
    pub(super) fn put_chosen<'a>(
        &mut self,
        key: ConnectionKey,
        pending_max: usize,
        payload: Option<&Payload>,
        choose: impl FnOnce(&Connection) -> Option<&'a [u8]>,
    ) -> Option<Put> {
        let connection = self.connections.get_mut(key);
        let Some(connection) = connection else { return Some(Put::Gone) };
        let packet = choose(connection)?;
        let Self { dirty, fresh, pool, .. } = self;
        Some(connection.put(packet, payload, pending_max, pool, |size, is_first| {
            *fresh += size;
            if is_first {
                dirty.push(key);
            }
        }))
    }

    /// Appends to the connection of a session the packet that `choose` chooses for all with such a
    /// protocol and Receive Maximum, or nothing when that is `None`. Answers `None` when the
    /// connection may take Topic Aliases and so another packet, and [`Put::Gone`] when there is no
    /// connection; nothing was asked of `choose` then.
    #[inline]
    pub(super) fn put_common<'a>(
        &mut self,
        session: SessionKey,
        pending_max: usize,
        payload: Option<&Payload>,
        choose: impl FnOnce(ProtocolVersion, u16) -> Option<&'a [u8]>,
    ) -> Option<Put> {
        let Some(&key) = self.online.get(session) else { return Some(Put::Gone) };
        let connection = self.connections.get_mut(key);
        let Some(connection) = connection else { return Some(Put::Gone) };
        if connection.outbound_aliases.is_some() {
            return None;
        }
        let packet = choose(connection.protocol, connection.receive_maximum);
        let Some(packet) = packet else { return Some(Put::Kept) };
        let Self { dirty, fresh, pool, .. } = self;
        Some(connection.put(packet, payload, pending_max, pool, |size, is_first| {
            *fresh += size;
            if is_first {
                dirty.push(key);
            }
        }))
    }

    /// Appends packets that lie end to end and have no Topic Alias to the connection of a session. `choose` gives them
    /// and the size of the longest for a protocol. When not all of them may go, none does, and [`Put::Full`] or
    /// [`Put::TooLarge`] says so; `None` and [`Put::Gone`] are those of [`put_common`](Self::put_common).
    #[inline]
    pub(super) fn put_all<'a>(
        &mut self,
        session: SessionKey,
        pending_max: usize,
        choose: impl FnOnce(ProtocolVersion) -> (&'a [u8], usize),
    ) -> Option<Put> {
        let Some(&key) = self.online.get(session) else { return Some(Put::Gone) };
        let connection = self.connections.get_mut(key);
        let Some(connection) = connection else { return Some(Put::Gone) };
        if connection.outbound_aliases.is_some() {
            return None;
        }
        let (packets, longest) = choose(connection.protocol);
        if longest > connection.packet_bytes_max as usize {
            return Some(Put::TooLarge);
        }
        if packets.len() > pending_max.saturating_sub(connection.output.pending()) {
            return Some(Put::Full);
        }
        let Self { dirty, fresh, pool, .. } = self;
        // Each of them takes what the Client takes, and so do all.
        connection.append(packets, pool, |size, is_first| {
            *fresh += size;
            if is_first {
                dirty.push(key);
            }
        });
        Some(Put::Done)
    }

    /// Appends packets that lie end to end, each of a size that the Client takes, whatever waits already.
    #[inline]
    pub(super) fn append(&mut self, key: ConnectionKey, packets: &[u8]) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let Self { dirty, fresh, pool, .. } = self;
        connection.append(packets, pool, |size, is_first| {
            *fresh += size;
            if is_first {
                dirty.push(key);
            }
        });
    }

    /// [`append`](Self::append) for so many packets that are no PUBLISH.
    pub(super) fn append_answers(&mut self, key: ConnectionKey, packets: &[u8], count: usize) {
        self.append(key, packets);
        self.answers += count as u64;
    }

    pub(super) fn has_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    pub(super) fn take_dirty(&mut self, taken: &mut Vec<ConnectionKey>) {
        taken.clear();
        self.appended = self.appended.wrapping_add(std::mem::take(&mut self.fresh) as u64);
        std::mem::swap(taken, &mut self.dirty);
        for &key in &*taken {
            if let Some(connection) = self.connections.get_mut(key) {
                connection.dirty = false;
            }
        }
    }

    pub(super) fn output(&self, key: ConnectionKey) -> Option<&Output> {
        self.connections.get(key).map(|connection| &connection.output)
    }

    pub(super) fn advance(&mut self, key: ConnectionKey, count: usize) {
        if let Some(connection) = self.connections.get_mut(key)
            && connection.output.advance(count)
        {
            connection.output.give_back(&mut self.pool);
        }
    }
}

impl Connection {
    /// Appends a packet unless more than `pending_max` bytes would wait. `note` hears of its size and
    /// whether it is the first since the last flush.
    #[inline]
    fn put(
        &mut self,
        packet: &[u8],
        payload: Option<&Payload>,
        pending_max: usize,
        pool: &mut BufferPool,
        note: impl FnOnce(usize, bool),
    ) -> Put {
        let size = packet.len() + payload.map_or(0, |payload| payload.len());
        if size > self.packet_bytes_max as usize {
            return Put::TooLarge;
        }
        let output = &mut self.output;
        // A single packet above the limit passes when nothing else waits.
        if output.pending() > 0 && size > pending_max.saturating_sub(output.pending()) {
            return Put::Full;
        }
        output.lend(pool);
        output.append(packet);
        if let Some(payload) = payload {
            output.append_shared(payload);
        }
        note(size, !std::mem::replace(&mut self.dirty, true));
        Put::Done
    }

    /// Appends packets, whatever waits.
    #[inline]
    fn append(&mut self, packets: &[u8], pool: &mut BufferPool, note: impl FnOnce(usize, bool)) {
        self.output.lend(pool);
        self.output.append(packets);
        note(packets.len(), !std::mem::replace(&mut self.dirty, true));
    }
}
