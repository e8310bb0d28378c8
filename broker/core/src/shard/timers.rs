//! When to look at which connection or session again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use slotmap::{Key, KeyData};

use super::Shard;
use super::connection::{CloseCause, Connection, ConnectionKey, Phase};
use crate::session::{Absence, SessionKey};
use crate::time::Time;

/// Longest time that a timer runs before it looks whether it is still needed, so that connections
/// and sessions which come and go leave nothing behind for hours.
const CHECK_INTERVAL: Duration = Duration::from_mins(1);

/// A heap of deadlines. One that moved away is found out when it fires: receiving a packet costs
/// no more than noting the time.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<Entry>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timer {
    Connection(ConnectionKey),
    Session(SessionKey),
}

/// A timer and when it fires, in 16 bytes: every idle connection has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    /// Twice the milliseconds, and one more for a session.
    when: u64,
    key: u64,
}

impl Entry {
    fn new(time: Time, timer: Timer) -> Self {
        let (kind, key) = match timer {
            Timer::Connection(key) => (0, key.data()),
            Timer::Session(key) => (1, key.data()),
        };
        Self { when: time.as_millis() << 1 | kind, key: key.as_ffi() }
    }

    const fn time(self) -> Time {
        Time::from_millis(self.when >> 1)
    }

    fn timer(self) -> Timer {
        let key = KeyData::from_ffi(self.key);
        if self.when & 1 == 0 { Timer::Connection(key.into()) } else { Timer::Session(key.into()) }
    }
}

impl Timers {
    fn next(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse(entry)| entry.time())
    }

    fn pop(&mut self, now: Time) -> Option<(Time, Timer)> {
        self.next().filter(|time| *time <= now)?;
        self.heap.pop().map(|Reverse(entry)| (entry.time(), entry.timer()))
    }

    fn push(&mut self, time: Time, timer: Timer) {
        self.heap.push(Reverse(Entry::new(time, timer)));
    }

    /// Lets the timer of a connection fire at `deadline`, and no other one.
    pub(super) fn arm(&mut self, key: ConnectionKey, connection: &mut Connection, deadline: Time) {
        connection.timer = deadline;
        self.push(deadline, Timer::Connection(key));
    }

    /// Lets the timer of a session that nobody is connected to fire when it or its Will is due.
    pub(super) fn arm_session(&mut self, now: Time, key: SessionKey, absence: &mut Absence) {
        let will = absence.will.as_ref().map(|(due, _)| *due);
        if let Some(due) = absence.ends.into_iter().chain(will).min() {
            absence.timer = due.min(now + CHECK_INTERVAL);
            self.push(absence.timer, Timer::Session(key));
        }
    }
}

impl Shard {
    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.timers.next().into_iter().chain(self.topics.retained.next_expiry()).min()
    }

    /// Closes what is overdue and forgets what has expired. Calling it early or often does no
    /// harm.
    pub fn handle_timeout(&mut self, now: Time) {
        self.now = now;
        while let Some((time, timer)) = self.timers.pop(now) {
            match timer {
                Timer::Connection(key) => self.handle_connection_timer(time, key),
                Timer::Session(key) => self.handle_session_timer(time, key),
            }
        }
        self.statistics.expired += self.topics.retained.expire(now);
    }

    fn handle_connection_timer(&mut self, time: Time, key: ConnectionKey) {
        let Some(connection) = self.links.get_mut(key).filter(|c| c.timer == time) else { return };
        match connection.phase {
            Phase::AwaitingConnect | Phase::Authenticating => {
                self.close(key, CloseCause::ConnectTimeout);
            }
            Phase::Connected(_) => match connection.keep_alive_deadline() {
                Some(deadline) if deadline <= self.now => {
                    self.close(key, CloseCause::KeepAliveTimeout);
                }
                Some(deadline) => {
                    let next = deadline.min(self.now + CHECK_INTERVAL);
                    self.timers.arm(key, connection, next);
                }
                None => {}
            },
            Phase::Closed => {}
        }
    }

    fn handle_session_timer(&mut self, time: Time, key: SessionKey) {
        if self.links.online(key).is_some() {
            return;
        }
        let Some(session) = self.sessions.get_mut(key) else { return };
        let access = session.access.clone();
        let Some(absence) = session.absence.as_mut().filter(|absence| absence.timer == time) else {
            return;
        };
        let will = absence.will.take_if(|(due, _)| *due <= self.now);
        let over = absence.ends.is_some_and(|ends| ends <= self.now);
        if !over {
            self.timers.arm_session(self.now, key, absence);
        }
        if let Some((_, will)) = will {
            self.publish_will(&will, access.as_deref());
        }
        if over {
            self.statistics.sessions_expired += 1;
            self.end_session(key);
        }
    }

    /// Starts the timer of the keep alive, MQTT 3.1.2.10. That for the CONNECT goes on in its place if
    /// it fires before: it finds the keep alive then, and most connections are on the heap once.
    pub(super) fn arm_keep_alive(&mut self, key: ConnectionKey) {
        let Some(connection) = self.links.get_mut(key) else { return };
        match connection.keep_alive_deadline() {
            Some(deadline) if connection.timer > deadline => {
                self.timers.arm(key, connection, deadline);
            }
            Some(_) => {}
            None => connection.timer = Time::ZERO,
        }
    }
}

impl Connection {
    /// When the silence of the Client has lasted too long, [MQTT-3.1.2-24].
    fn keep_alive_deadline(&self) -> Option<Time> {
        let silence = Duration::from_millis(u64::from(self.keep_alive_seconds) * 1500);
        (!silence.is_zero()).then(|| self.last_received + silence)
    }
}
