//! Clients that come and go by plan: they connect under load, leave, and come back.

use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Worker;
use super::connection::Connection;
use crate::client::Memory;
use crate::mqtt::Encoder;
use crate::payload::scramble;
use crate::plan::{Life, NEVER, Schedule};
use crate::scenario::Leave;

/// How long a client waits for its publications to be acknowledged before it sends DISCONNECT.
const SETTLE: Duration = Duration::from_secs(1);

/// How long it waits for the broker to close the connection after that: a socket that is closed with
/// bytes unread resets the connection, and the broker may then miss the DISCONNECT.
const CLOSE: Duration = Duration::from_millis(500);

/// How often it looks whether they are.
const LOOK: Duration = Duration::from_millis(1);

/// Publications of a flow that a client makes up for when it is back, before others get their turn.
const PUBLICATIONS_ON_RETURN: u32 = 512;

/// How long a client waits before it tries again, when it was not let in or was thrown out; up to
/// twice as long, so that a crowd does not come back as one.
const RETRY_NS: u64 = 500_000_000;

impl Worker {
    /// When the load begins, or began.
    pub(super) async fn load_started(&self) -> Schedule {
        let started = self.started.notified();
        if let Some(schedule) = self.load.get() {
            schedule
        } else {
            started.await;
            self.load.get().unwrap_or_default()
        }
    }

    /// Waits until this time of the run's clock.
    pub(super) async fn until(&self, time_ns: u64) {
        let now_ns = self.setup.clock.now_ns();
        sleep_until(Instant::now() + Duration::from_nanos(time_ns.saturating_sub(now_ns))).await;
    }

    /// A client that comes and goes, from its first connection to its last.
    pub(super) async fn live(
        self: Rc<Self>,
        place: usize,
        life: Life,
        mut permit: Option<OwnedSemaphorePermit>,
    ) {
        let mut memory = Memory::default();
        loop {
            let now_ns = self.setup.clock.now_ns();
            let planned_ns = self.load.get().map_or(0, |schedule| schedule.planned(now_ns));
            let leaves_ns = life.leaves_after(planned_ns);
            let opened = Box::pin(self.open(place, &mut memory, leaves_ns)).await;
            permit.take();
            let comes_back_ns = match opened {
                Some(connection) => {
                    self.check_session(place, &connection, &memory);
                    self.subscribe_under_load(place, &connection);
                    // What became due just before it left, or while it was coming back.
                    self.publish_all_due(&connection, PUBLICATIONS_ON_RETURN);
                    self.stay(place, &life, leaves_ns, &connection, &mut memory).await
                }
                // Before the load the run fails, and after it nobody waits.
                None if self.load.get().is_none() || self.finishing.get() => return,
                None => self.retry(place, &life),
            };
            if comes_back_ns == NEVER || self.finishing.get() {
                return;
            }
            self.until(comes_back_ns).await;
        }
    }

    /// Counts a session that should have outlived the connection before and did not.
    fn check_session(&self, place: usize, connection: &Connection, memory: &Memory) {
        let client = self.clients.get(place).copied().unwrap_or(0);
        let plan = &self.setup.plan;
        let should = plan.subscribes(client) && plan.group(plan.group_of(client).0).is_persistent();
        if should && memory.had_session() && !connection.client.borrow().is_subscribed() {
            self.recorder.borrow_mut().counters.sessions_lost += 1;
        }
    }

    /// One connection until it ends. Answers when the client comes back.
    async fn stay(
        self: &Rc<Self>,
        place: usize,
        life: &Life,
        leaves_ns: u64,
        connection: &Rc<Connection>,
        memory: &mut Memory,
    ) -> u64 {
        let leaving = async {
            let schedule = self.load_started().await;
            // Whoever is there at the end of the load stays, to receive what is owed.
            if schedule.at(leaves_ns) >= schedule.end_ns {
                std::future::pending::<()>().await;
            }
            self.until(schedule.at(leaves_ns)).await;
            schedule
        };
        let left = tokio::select! {
            biased;
            end = self.read(connection) => Err(end),
            left = leaving => Ok(left),
        };
        let schedule = match left {
            Ok(schedule) => schedule,
            Err(end) => {
                self.ended(place, connection, &end);
                connection.client.borrow_mut().remember(memory);
                return self.retry(place, life);
            }
        };
        match self.leave_of(place) {
            Leave::Abort => self.abort(place, connection),
            Leave::Disconnect => self.disconnect(connection).await,
        }
        self.left(place, connection);
        connection.client.borrow_mut().remember(memory);
        match life.absent_until(leaves_ns) {
            Some(NEVER) => NEVER,
            // What waits for it is owed, so it is back when the load ends.
            Some(back_ns) => schedule.at(back_ns).min(schedule.end_ns),
            None => schedule.at(leaves_ns),
        }
    }

    /// When a client tries again that is not connected and should be.
    fn retry(&self, place: usize, life: &Life) -> u64 {
        let Some(schedule) = self.load.get() else {
            return NEVER;
        };
        let now_ns = self.setup.clock.now_ns();
        let jitter_ns = scramble(now_ns ^ place as u64) % RETRY_NS;
        let again_ns = now_ns + RETRY_NS + jitter_ns;
        match life.absent_until(schedule.planned(again_ns)) {
            None => again_ns,
            Some(NEVER) => NEVER,
            Some(back_ns) => schedule.at(back_ns),
        }
    }

    fn leave_of(&self, place: usize) -> Leave {
        let client = self.clients.get(place).copied().unwrap_or(0);
        let plan = &self.setup.plan;
        plan.group(plan.group_of(client).0).presence.leave
    }

    /// Closes the socket, and the broker owes the Will Message.
    fn abort(&self, place: usize, connection: &Connection) {
        connection.failed.set(true);
        // A socket that is closed already cannot be shut down, and need not.
        drop(connection.link.borrow().shutdown());
        let client = self.clients.get(place).copied().unwrap_or(0);
        if let Some(stream) = self.setup.plan.will_stream(client) {
            self.recorder.borrow_mut().will_owed(stream);
        }
    }

    /// Sends DISCONNECT once all publications are acknowledged, and waits for the broker to close.
    async fn disconnect(self: &Rc<Self>, connection: &Rc<Connection>) {
        let settled = async {
            while !connection.is_settled() {
                sleep(LOOK).await;
            }
        };
        tokio::select! {
            _end = self.read(connection) => return,
            _too_long = timeout(SETTLE, settled) => {}
        }
        let mut packet = BytesMut::new();
        if Encoder::new(&mut packet).disconnect().is_ok() {
            self.send(connection, &packet);
        }
        let _end_or_too_long = timeout(CLOSE, self.read(connection)).await;
    }
}
