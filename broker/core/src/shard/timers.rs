//! When to look at which connection again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::Shard;
use super::connection::{CloseCause, Connection, ConnectionKey, Phase};
use crate::time::Time;

/// Longest time that a timer runs before it looks whether its connection is still there, so that
/// connections which come and go leave nothing behind for hours.
const CHECK_INTERVAL: Duration = Duration::from_secs(60);

/// A heap of deadlines. One that moved away is found out when it fires: receiving a packet costs
/// no more than noting the time.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Time, ConnectionKey)>>,
}

impl Timers {
    fn next(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse((time, _))| *time)
    }

    fn pop(&mut self, now: Time) -> Option<(Time, ConnectionKey)> {
        self.next().filter(|time| *time <= now)?;
        self.heap.pop().map(|Reverse(entry)| entry)
    }

    /// Lets the timer of a connection fire at `deadline`, and no other one.
    pub(super) fn arm(&mut self, key: ConnectionKey, connection: &mut Connection, deadline: Time) {
        connection.timer = deadline;
        self.heap.push(Reverse((deadline, key)));
    }
}

impl Shard {
    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.timers.next()
    }

    /// Closes what is overdue. Calling it early or often does no harm.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some((time, key)) = self.timers.pop(now) {
            let Some(connection) = self.links.get_mut(key) else {
                continue;
            };
            if connection.timer != time {
                continue;
            }
            match connection.phase {
                Phase::AwaitingConnect => self.close(key, CloseCause::ConnectTimeout),
                Phase::Connected(_) => {
                    let deadline = connection.keep_alive_deadline();
                    match deadline {
                        Some(deadline) if deadline <= now => {
                            self.close(key, CloseCause::KeepAliveTimeout);
                        }
                        Some(deadline) => {
                            let next = deadline.min(now + CHECK_INTERVAL);
                            self.timers.arm(key, connection, next);
                        }
                        None => {}
                    }
                }
                Phase::Closed => {}
            }
        }
    }

    /// Starts the timer of the keep alive, MQTT 3.1.2.10, in place of that for the CONNECT.
    pub(super) fn arm_keep_alive(&mut self, now: Time, key: ConnectionKey) {
        let Some(connection) = self.links.get_mut(key) else {
            return;
        };
        if let Some(deadline) = connection.keep_alive_deadline() {
            self.timers.arm(key, connection, deadline.min(now + CHECK_INTERVAL));
        } else {
            connection.timer = Time::ZERO;
        }
    }
}

impl Connection {
    /// When the silence of the Client has lasted too long, [MQTT-3.1.2-24].
    fn keep_alive_deadline(&self) -> Option<Time> {
        let silence = Duration::from_millis(u64::from(self.silence_max_ms));
        (!silence.is_zero()).then(|| self.last_received + silence)
    }
}
