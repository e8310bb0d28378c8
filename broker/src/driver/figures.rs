//! Publishing what the broker counts under `$SYS`, for all shards on one.

use std::rc::Rc;
use std::time::Duration;

use broker_core::topic::TopicName;
use broker_core::{Message, QoS};

use super::Driver;
use crate::sys::{Memory, SysTopics};

impl Driver {
    /// Publishes now, before anybody can ask, and then every `interval` for as long as the runtime
    /// lives.
    pub(super) fn start_figures(self: &Rc<Self>, interval: Duration) {
        let mut topics = SysTopics::default();
        self.publish_figures(&mut topics);
        let driver = Rc::clone(self);
        tokio::task::spawn_local(async move {
            loop {
                tokio::time::sleep(interval).await;
                driver.publish_figures(&mut topics);
            }
        });
    }

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
