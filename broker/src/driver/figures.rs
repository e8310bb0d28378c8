//! Publishing what the broker counts under `$SYS`, for all shards on one.

use std::time::Duration;

use broker_core::topic::TopicName;
use broker_core::{Message, QoS};
use tokio::time::Instant;

use super::Driver;
use crate::sys::{Memory, SysTopics};

/// The figures of a broker, and when they are published next.
pub(super) struct Figures {
    topics: SysTopics,
    interval: Duration,
    next: Instant,
}

impl Figures {
    /// Publishes now, before anybody can ask.
    pub(super) fn start(driver: &Driver, interval: Duration) -> Self {
        let mut topics = SysTopics::default();
        driver.publish_figures(&mut topics);
        Self { topics, interval, next: after(Instant::now(), interval) }
    }

    /// When they are due again.
    pub(super) const fn next(&self) -> Instant {
        self.next
    }

    pub(super) fn publish_when_due(&mut self, driver: &Driver, now: Instant) {
        if now >= self.next {
            self.next = after(now, self.interval);
            driver.publish_figures(&mut self.topics);
        }
    }
}

/// An interval that no clock can count is as good as a day.
fn after(now: Instant, interval: Duration) -> Instant {
    now.checked_add(interval).unwrap_or_else(|| now + Duration::from_hours(24))
}

impl Driver {
    /// Retained, and at QoS 2 as in mosquitto: what did not change is not said again, so that a
    /// subscriber must not miss any.
    fn publish_figures(&self, topics: &mut SysTopics) {
        self.publish_statistics();
        let now = self.now();
        let uptime = Duration::from_millis(now.as_millis());
        let (figures, memory) = (self.shared.statistics(), Memory::of_this_process());
        let mut core = self.core.borrow_mut();
        topics.update(uptime, &figures, memory, |topic, payload| {
            let topic = format!("$SYS/broker/{topic}");
            if let Ok(topic) = TopicName::new(&topic) {
                core.publish(now, &Message::new(topic, payload.as_bytes(), QoS::ExactlyOnce, true));
            }
        });
        drop(core);
        self.wake_flusher();
    }
}
