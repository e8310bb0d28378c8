//! The loop of one shard: sockets on one side, [`broker_core::Shard`] on the other.
//!
//! The law is natural batching: nothing waits on purpose, and everything that became ready for a
//! connection since its last write leaves in one write. A turn is: each connection that has
//! something is read once and feeds the shard, TCP and Unix sockets by the loop of turns from one
//! queue, those with layers below MQTT by a task each; when all that were ready have had their turn,
//! the loop writes each connection that has output, once.

mod accept;
mod arrival;
mod authenticate;
mod call;
mod connection;
mod duplex;
mod farewell;
mod figures;
mod flusher;
mod link;
mod lobby;
mod log;
pub(crate) mod mailbox;
mod permit;
mod reader;
mod readiness;
mod share;
mod shared;
#[cfg(feature = "slow-down")]
mod slow_down;
mod turns;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use broker_core::{CloseCause, ConnectionKey, Observer, Shard, Time};
use slotmap::SecondaryMap;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Notify, Semaphore};
use tokio::task::spawn_local;

pub(crate) use arrival::Arrival;
pub(crate) use mailbox::{Inbox, Mail, Mailboxes};
pub(crate) use readiness::ReadinessQueue;
pub(crate) use shared::{Offer, Shared};

use crate::transport::Entrance;
use call::Call;
use link::Link;
use log::CloseLog;
use readiness::Registrar;
use share::Share;
use turns::Turns;

/// What one shard does for all of them.
#[derive(Debug, Default)]
pub(crate) struct Duties {
    pub(crate) listeners: Vec<Entrance>,
    /// How often to publish figures, if at all.
    pub(crate) sys_interval: Option<Duration>,
}

/// One shard with its sockets.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    index: usize,
    core: RefCell<Shard>,
    links: RefCell<SecondaryMap<ConnectionKey, Link>>,
    scratch: RefCell<Box<[u8]>>,
    registrar: Registrar,
    /// Sockets that have something to read, in the order of their turns, each once.
    due: RefCell<VecDeque<ConnectionKey>>,
    /// Asks for a turn, in which what waits is written.
    call: Call,
    /// Wakes connections with layers that wait for that, see [`Driver::is_congested`].
    relief: Notify,
    /// Whether another shard's mailbox was full at the last turn.
    blocked_forwards: Cell<bool>,
    /// Turns for handshakes below MQTT.
    handshakes: Semaphore,
    log: CloseLog,
    #[cfg(feature = "slow-down")]
    slow_down: slow_down::SlowDown,
}

/// Runs a shard until it is told to stop. Says on `started` whether it could begin.
pub(crate) fn run(
    shared: Arc<Shared>,
    index: usize,
    inbox: Inbox,
    queue: ReadinessQueue,
    duties: Duties,
    started: &mpsc::SyncSender<io::Result<()>>,
) {
    let runtime = Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build_local(LocalOptions::default());
    let (runtime, result) = match runtime {
        Ok(runtime) => (Some(runtime), Ok(())),
        Err(error) => (None, Err(error)),
    };
    if started.send(result).is_err() {
        return;
    }
    if let Some(runtime) = runtime {
        runtime.block_on(serve(shared, index, inbox, queue, duties, true));
    }
}

/// Is a shard until it is told to stop, on the runtime that polls it. `is_own`: nobody else uses that runtime, or
/// its thread.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    index: usize,
    inbox: Inbox,
    queue: ReadinessQueue,
    duties: Duties,
    is_own: bool,
) {
    if let Err(error) = Driver::main(shared, index, inbox, queue, duties, is_own).await {
        tracing::error!("shard {index} cannot watch its connections: {error}");
    }
}

/// Waits for the threads of shards that were told to stop.
pub(crate) fn join(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a shard's thread ended by a panic");
        }
    }
}

impl Driver {
    async fn main(
        shared: Arc<Shared>,
        index: usize,
        inbox: Inbox,
        queue: ReadinessQueue,
        duties: Duties,
        is_own: bool,
    ) -> io::Result<()> {
        let (registrar, readiness) = queue.open()?;
        let driver = Rc::new(Self::new(shared, index, registrar));
        let turns = Turns::new(Rc::clone(&driver), readiness, inbox, duties, is_own);
        // A task like others: its turn comes after theirs.
        if let Err(error) = spawn_local(turns.run()).await
            && let Ok(panic) = error.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
        driver.core.borrow_mut().shut_down();
        driver.close_finished();
        driver.publish_statistics();
        Ok(())
    }

    fn new(shared: Arc<Shared>, index: usize, registrar: Registrar) -> Self {
        let observer = shared.observer();
        let observer: Option<Observer> = observer.map(|observer| Box::new(observer) as Observer);
        let group = Arc::clone(shared.group());
        let mut core = Shard::new(group, index, shared.limits().clone(), observer)
            .with_event_kinds(shared.event_kinds())
            .with_features(shared.features().clone());
        if let Some(access) = shared.access() {
            core = core.with_policy(Arc::new(access.clone()));
        }
        Self {
            index,
            core: RefCell::new(core),
            links: RefCell::default(),
            registrar,
            due: RefCell::default(),
            scratch: RefCell::new(vec![0; Share::WHOLE.bytes()].into_boxed_slice()),
            call: Call::default(),
            relief: Notify::new(),
            blocked_forwards: Cell::new(false),
            handshakes: Semaphore::new(
                shared.limits().handshakes_max.clamp(1, Semaphore::MAX_PERMITS),
            ),
            log: CloseLog::default(),
            #[cfg(feature = "slow-down")]
            slow_down: slow_down::SlowDown::new(),
            shared,
        }
    }

    fn now(&self) -> Time {
        self.shared.now()
    }

    fn handle_mail(self: &Rc<Self>, mail: Mail) {
        let now = self.now();
        match mail {
            Mail::Forwards(forwards) => {
                let mut core = self.core.borrow_mut();
                for forward in forwards {
                    core.handle_forward(now, forward);
                }
            }
            Mail::Publish(message) => self.core.borrow_mut().publish(now, &message),
            Mail::Connection(handed_over) => self.receive_connection(*handed_over),
            Mail::Dismiss(identifier, refusal) => {
                self.core.borrow_mut().dismiss(now, &identifier, &refusal);
            }
            Mail::Stop => {}
        }
        self.wake_flusher();
    }

    /// To be called after every call of the core that may have left something to write.
    fn wake_flusher(&self) {
        if self.core.borrow().has_work() {
            self.call.call();
        }
    }

    /// To be called regularly.
    fn tick(&self, access_changes: &mut u64) {
        let changes = self.shared.access_changes();
        if std::mem::replace(access_changes, changes) != changes {
            self.core.borrow_mut().recheck_access();
        }
        self.core.borrow_mut().handle_timeout(self.now());
        self.wake_flusher();
        self.publish_statistics();
    }

    fn publish_statistics(&self) {
        self.shared.set_statistics(self.index, &self.core.borrow().statistics());
    }

    /// Ends a connection from the driver's side.
    fn lose(&self, key: ConnectionKey, cause: CloseCause) {
        self.core.borrow_mut().handle_closed(self.now(), key, cause);
        self.call.call();
    }
}
