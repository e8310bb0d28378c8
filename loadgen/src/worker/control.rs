//! Commands in, reports out.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::connection::{Connection, Failure};
use super::probe::Probe;
use super::{Command, News, Report, Worker, WorkerError};
use crate::mqtt::{EncodeError, Encoder};
use crate::recorder::Stage;
use crate::units::SECOND_NS;

/// Time between two reports of running totals under load.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// The same while the main thread waits: for connections, for subscriptions, for the last deliveries.
const REPORT_EVERY_WHEN_AWAITED: Duration = Duration::from_millis(10);

/// tokio's timers do not tell shorter times apart.
const SHORTEST: Duration = Duration::from_millis(1);

/// How long the broker may take to close the connections after DISCONNECT.
const CLOSE: Duration = Duration::from_millis(500);

/// SUBSCRIBE and DISCONNECT packets that leave before reads get their turn.
const PACKETS_PER_TURN: usize = 64;

/// Runs a worker to its end.
pub(super) async fn run(
    worker: Rc<Worker>,
    mut inbox: mpsc::Receiver<Command>,
    reports: mpsc::Sender<Report>,
) -> Result<(), WorkerError> {
    let probe = Probe::start(&worker.queue, worker.setup.clock).map_err(WorkerError::Queue)?;
    let mut driver = tokio::task::spawn_local(Rc::clone(&worker).drive(probe));
    tokio::task::spawn_local(Rc::clone(&worker).keep_alive());
    if worker.is_closed_loop {
        tokio::task::spawn_local(Rc::clone(&worker).give_up());
    }
    worker.lasting_tasks.set(Handle::current().metrics().num_alive_tasks());
    tokio::task::spawn_local(Rc::clone(&worker).connect_all());
    let mut reporter = Reporter::new(Rc::clone(&worker), reports);
    loop {
        tokio::select! {
            command = inbox.recv() => match command {
                Some(Command::Subscribe) => worker.subscribe_all().await?,
                Some(Command::Start(schedule)) => {
                    worker.schedule(schedule).map_err(WorkerError::Queue)?;
                    reporter.every = REPORT_EVERY;
                    reporter.start_ns = schedule.start_ns;
                    reporter.second_ends_ns = schedule.start_ns + SECOND_NS;
                }
                Some(Command::Drain { stop_ns }) => {
                    worker.cut_schedule(stop_ns);
                    worker.recorder.borrow_mut().enter(Stage::Drain);
                    reporter.every = REPORT_EVERY_WHEN_AWAITED;
                    reporter.next = Instant::now();
                }
                Some(Command::Overtime) => worker.recorder.borrow_mut().enter(Stage::After),
                Some(Command::Finish) | None => break,
            },
            () = sleep_until(reporter.next) => reporter.report(),
            stopped = &mut driver => {
                return Err(WorkerError::Queue(stopped.unwrap_or_else(io::Error::other)));
            }
        }
    }
    worker.disconnect_all().await?;
    worker.await_closed().await;
    reporter.finish().await;
    Ok(())
}

impl Worker {
    async fn subscribe_all(self: &Rc<Self>) -> Result<(), EncodeError> {
        for (subscriber, number) in self.subscribers.iter().enumerate() {
            let place = self.clients.binary_search(number).unwrap_or(usize::MAX);
            if let Some(connection) = self.connection(place) {
                self.subscribe(place, &connection)?;
            }
            if subscriber % PACKETS_PER_TURN == PACKETS_PER_TURN - 1 {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Sends SUBSCRIBE.
    fn subscribe(
        self: &Rc<Self>,
        place: usize,
        connection: &Rc<Connection>,
    ) -> Result<(), EncodeError> {
        let mut packet = BytesMut::new();
        connection.client.borrow_mut().subscribe(&self.filters(place), &mut packet)?;
        let now_ns = self.setup.clock.now_ns();
        connection.asked_ns.set(now_ns);
        connection.receiver.subscribed_ns.set(now_ns);
        self.send(connection, &packet);
        Ok(())
    }

    /// Subscribes a client that connected under load, unless the broker has kept its session.
    pub(super) fn subscribe_under_load(self: &Rc<Self>, place: usize, connection: &Rc<Connection>) {
        let client = self.clients.get(place).copied().unwrap_or(0);
        let is_subscribed = connection.client.borrow().is_subscribed();
        if self.load.get().is_none() || is_subscribed || !self.setup.plan.subscribes(client) {
            return;
        }
        if let Err(error) = self.subscribe(place, connection) {
            connection.abandon(Failure::Encode(error));
        }
    }

    async fn disconnect_all(self: &Rc<Self>) -> Result<(), EncodeError> {
        self.finishing.set(true);
        let mut packet = BytesMut::new();
        Encoder::new(&mut packet).disconnect()?;
        for place in 0..self.places() {
            if let Some(connection) = self.connection(place) {
                self.send(&connection, &packet);
            }
            if place % PACKETS_PER_TURN == PACKETS_PER_TURN - 1 {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }
}

impl Worker {
    /// Waits a little for the broker to close the connections: a socket that is closed with bytes
    /// unread resets the connection, and the broker may then miss the DISCONNECT.
    async fn await_closed(&self) {
        let deadline = Instant::now() + CLOSE;
        while self.recorder.borrow().counters.connected > 0 && Instant::now() < deadline {
            tokio::time::sleep(SHORTEST).await;
        }
    }
}

/// Reports to the main thread.
struct Reporter {
    worker: Rc<Worker>,
    reports: mpsc::Sender<Report>,
    every: Duration,
    next: Instant,
    /// When the schedule starts.
    start_ns: u64,
    /// When the current second of the schedule ends; `u64::MAX` before there is a schedule.
    second_ends_ns: u64,
    told_disconnect: bool,
}

impl Reporter {
    fn new(worker: Rc<Worker>, reports: mpsc::Sender<Report>) -> Self {
        Self {
            worker,
            reports,
            every: REPORT_EVERY_WHEN_AWAITED,
            next: Instant::now(),
            start_ns: 0,
            second_ends_ns: u64::MAX,
            told_disconnect: false,
        }
    }

    /// Reports if there is room; what there is no room for comes with a later report.
    fn report(&mut self) {
        self.next = self.next_report();
        let reports = self.reports.clone();
        let Ok(permit) = reports.try_reserve() else {
            return;
        };
        let news = self.news();
        permit.send(Report {
            worker: self.worker.number,
            counters: self.worker.recorder.borrow_mut().counters(),
            news,
        });
    }

    /// Soon, and at the end of a second.
    fn next_report(&self) -> Instant {
        let now_ns = self.worker.setup.clock.now_ns();
        let second = Duration::from_nanos(self.second_ends_ns.saturating_sub(now_ns));
        Instant::now() + second.clamp(SHORTEST, self.every)
    }

    fn news(&mut self) -> News {
        let now_ns = self.worker.setup.clock.now_ns();
        if now_ns >= self.second_ends_ns {
            return self.second(now_ns);
        }
        if let Some(error) = self.worker.connect_failure.take() {
            return News::ConnectFailed(error);
        }
        if !self.told_disconnect
            && let Some(reason) = self.worker.disconnect_reason.borrow().clone()
        {
            self.told_disconnect = true;
            return News::Disconnected(reason);
        }
        News::None
    }

    /// The samples up to now, which belong to the last second that has ended.
    fn second(&mut self, now_ns: u64) -> News {
        let ended = now_ns.saturating_sub(self.start_ns) / SECOND_NS;
        self.second_ends_ns = self.start_ns + (ended + 1) * SECOND_NS;
        News::Second {
            index: ended.saturating_sub(1),
            samples: Box::new(self.worker.recorder.borrow_mut().take_second()),
        }
    }

    async fn finish(self) {
        let now_ns = self.worker.setup.clock.now_ns();
        let last = News::Second {
            index: now_ns.saturating_sub(self.start_ns) / SECOND_NS,
            samples: Box::new(self.worker.recorder.borrow_mut().take_second()),
        };
        let counters = self.worker.recorder.borrow_mut().counters();
        let totals = self.worker.recorder.borrow().totals();
        for news in [last, News::Finished(Box::new(totals))] {
            let report = Report { worker: self.worker.number, counters, news };
            if self.reports.send(report).await.is_err() {
                // The main thread is gone, and with it everybody who would read this.
                return;
            }
        }
    }
}
