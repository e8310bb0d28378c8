//! Reading TCP and Unix sockets, one after the other, when they have something.

use std::io;
use std::rc::Rc;

use broker_core::{CloseCause, ConnectionKey};
use mio::event::Event;

use super::Driver;
use super::connection::cause_of;
use super::link::Link;
use super::share::{Room, Share};

impl Driver {
    /// Notes what a socket has or takes. One that takes bytes again is written at once.
    pub(super) fn handle_event(self: &Rc<Self>, key: ConnectionKey, event: &Event) {
        let mut links = self.links.borrow_mut();
        let Some(link) = links.get_mut(key) else { return };
        let has_ended = event.is_read_closed() || event.is_error();
        if (event.is_readable() || has_ended) && link.reading.note_event(has_ended) {
            self.due.borrow_mut().push_back(key);
        }
        let takes_bytes = event.is_writable() || event.is_write_closed() || event.is_error();
        if link.is_blocked && takes_bytes {
            drop(links);
            self.resume(key);
        }
    }

    /// Whether there are connections to be read now.
    pub(super) fn has_turns_to_give(&self) -> bool {
        !self.due.borrow().is_empty() && !self.is_congested()
    }

    /// One turn for each connection that is due, until the flusher must come first.
    pub(super) fn read_due(&self) {
        let turns = self.due.borrow().len();
        for _ in 0..turns {
            if self.is_congested() {
                return;
            }
            let key = self.due.borrow_mut().pop_front();
            if let Some(key) = key {
                while self.receive(key) {}
            }
        }
    }

    /// Reads once and hands the bytes to the core before anybody else uses the scratch buffer. True
    /// when that found how a large packet begins and no more: the rest belongs to the same turn, or
    /// every connection would hold such a buffer before the first of them is filled.
    fn receive(&self, key: ConnectionKey) -> bool {
        let mut scratch = self.scratch.borrow_mut();
        let (received, room, is_in_place) = match self.links.borrow_mut().get_mut(key) {
            Some(link) => {
                link.reading.begin();
                self.read(key, link, &mut scratch)
            }
            None => return false,
        };
        let received = match received {
            Ok(received) if received > 0 => received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            ended => {
                self.lose(key, ended.map_or_else(|error| cause_of(&error), |_| CloseCause::Lost));
                return false;
            }
        };
        let next = if is_in_place {
            self.take_in_appended(key, received)
        } else {
            self.take_in_bytes(key, &scratch[..received])
        };
        let is_backlogged = self.is_backlogged(key);
        if let Some(link) = self.links.borrow_mut().get_mut(key) {
            // What was enough stays so: acknowledgements between large packets say nothing of them.
            if received == room || link.room != Room::Scratch(Share::FRONT) || next == Room::Packet
            {
                link.room = next;
            }
            if link.reading.note_read(received == room, is_backlogged) {
                if next == Room::Packet && room == Share::FRONT.bytes() && !is_in_place {
                    return true;
                }
                self.due.borrow_mut().push_back(key);
            }
        }
        false
    }

    /// Reads once, in the middle of a large packet into its buffer. Answers what came, for how much
    /// there was room, and whether that was in the packet's buffer.
    #[inline]
    fn read(
        &self,
        key: ConnectionKey,
        link: &Link,
        scratch: &mut [u8],
    ) -> (io::Result<usize>, usize, bool) {
        let share = match link.room {
            Room::Scratch(share) => share,
            Room::Packet => {
                if let Some(buffer) = self.core.borrow_mut().packet_buffer(key) {
                    let (received, room) = link.transport.append_to(buffer);
                    return (received, room, true);
                }
                Share::WHOLE
            }
        };
        let room = share.bytes();
        (link.transport.read(&mut scratch[..room]), room, false)
    }
}
