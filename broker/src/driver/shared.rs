//! What the threads of one broker share. None of it is on the way of a message.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use broker_core::{Event, EventKinds, Features, Limits, ShardGroup, Statistics, Time};
use tokio::time::Instant;

use super::mailbox::{Mail, Mailboxes};
use super::permit::Permits;
use crate::access::AccessControl;
use crate::builder::Listening;
use crate::publisher::Publisher;

/// What all shards offer their Clients.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) limits: Limits,
    pub(crate) features: Features,
}

pub(crate) struct Shared {
    group: Arc<ShardGroup>,
    limits: Limits,
    features: Features,
    mailboxes: Mailboxes,
    publisher: Publisher,
    handler: Option<Listening>,
    /// By the clock of the timers, so that who stops that one stops the broker's time.
    origin: Instant,
    stopping: AtomicBool,
    permits: Permits,
    access: Option<AccessControl>,
    /// How often the shards were told to ask for all access again.
    access_changes: AtomicU64,
    accepts_failed: AtomicU64,
    handshakes_failed: AtomicU64,
    handshake_timeouts: AtomicU64,
    /// As each shard last published it.
    statistics: Box<[Mutex<Statistics>]>,
}

impl Shared {
    pub(crate) fn new(
        group: Arc<ShardGroup>,
        offer: Offer,
        mailboxes: Mailboxes,
        publisher: Publisher,
        handler: Option<Listening>,
        access: Option<AccessControl>,
    ) -> Self {
        let Offer { limits, features } = offer;
        Self {
            statistics: (0..group.shards()).map(|_| Mutex::default()).collect(),
            group,
            permits: Permits::new(&limits),
            access,
            access_changes: AtomicU64::new(0),
            limits,
            features,
            mailboxes,
            publisher,
            handler,
            origin: Instant::now(),
            stopping: AtomicBool::new(false),
            accepts_failed: AtomicU64::new(0),
            handshakes_failed: AtomicU64::new(0),
            handshake_timeouts: AtomicU64::new(0),
        }
    }

    pub(crate) const fn group(&self) -> &Arc<ShardGroup> {
        &self.group
    }

    pub(crate) const fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) const fn features(&self) -> &Features {
        &self.features
    }

    pub(crate) const fn mailboxes(&self) -> &Mailboxes {
        &self.mailboxes
    }

    pub(crate) const fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// Tells the embedder.
    pub(crate) fn emit(&self, event: &Event<'_>) {
        if let Some(handler) = &self.handler {
            (handler.handler)(&self.publisher, event);
        }
    }

    /// What a shard calls on its events; `None` when nobody listens.
    pub(crate) fn observer(self: &Arc<Self>) -> Option<impl FnMut(&Event<'_>) + use<>> {
        let shared = Arc::clone(self);
        self.handler.is_some().then_some(move |event: &Event<'_>| shared.emit(event))
    }

    /// What it wants to hear of besides.
    pub(crate) fn event_kinds(&self) -> EventKinds {
        self.handler.as_ref().map_or(EventKinds::NONE, |handler| handler.kinds)
    }

    /// Monotonic, the same on all shards.
    pub(crate) fn now(&self) -> Time {
        let millis = self.origin.elapsed().as_millis();
        Time::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Lets every shard end. A shard whose mailbox is full is at work and looks by itself.
    pub(crate) fn request_stop(&self) {
        self.stopping.store(true, Ordering::Release);
        for shard in 0..self.group.shards() {
            if let Err(error) = self.mailboxes.try_send(shard, Mail::Stop) {
                tracing::debug!("shard {shard} was not told to stop: {error:?}");
            }
        }
    }

    pub(crate) const fn permits(&self) -> &Permits {
        &self.permits
    }

    pub(crate) const fn access(&self) -> Option<&AccessControl> {
        self.access.as_ref()
    }

    /// Lets every shard ask for all access again, at its next look at the clock.
    pub(crate) fn recheck_access(&self) {
        self.access_changes.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn access_changes(&self) -> u64 {
        self.access_changes.load(Ordering::Acquire)
    }

    pub(crate) fn count_failed_accept(&self) {
        self.accepts_failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_failed_handshake(&self) {
        self.handshakes_failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_handshake_timeout(&self) {
        self.handshake_timeouts.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn set_statistics(&self, shard: usize, statistics: &Statistics) {
        if let Some(cell) = self.statistics.get(shard) {
            *cell.lock().unwrap_or_else(PoisonError::into_inner) = *statistics;
        }
    }

    /// The shards' figures added up. Each shard holds all retained messages: they count once.
    pub(crate) fn statistics(&self) -> Statistics {
        let mut sum = Statistics::default();
        let (mut messages, mut bytes, mut revoked, mut full) = (0, 0, 0, 0);
        for cell in &self.statistics {
            let one = *cell.lock().unwrap_or_else(PoisonError::into_inner);
            sum += one;
            messages = one.retained_messages.max(messages);
            bytes = one.retained_bytes.max(bytes);
            revoked = one.retained_revoked.max(revoked);
            full = one.dropped_retained_full.max(full);
        }
        sum.retained_revoked = revoked;
        sum.dropped_retained_full = full;
        self.permits.add_to(&mut sum);
        sum.retained_messages = messages;
        sum.retained_bytes = bytes;
        sum.accepts_failed += self.accepts_failed.load(Ordering::Relaxed);
        sum.handshakes_failed += self.handshakes_failed.load(Ordering::Relaxed);
        sum.handshake_timeouts += self.handshake_timeouts.load(Ordering::Relaxed);
        sum
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("limits", &self.limits).finish_non_exhaustive()
    }
}
