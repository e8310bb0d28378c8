//! The topics under `$SYS/broker`: those of mosquitto 2.0, with its names and formats, so that
//! what reads them there reads them here; and every figure of [`Statistics`] under
//! `$SYS/broker/statistics`.

mod load;
mod memory;

use std::collections::HashMap;
use std::time::Duration;

use broker_core::Statistics;

use load::Load;
pub(crate) use memory::Memory;

/// Topics with what was last published there.
#[derive(Debug, Default)]
pub(crate) struct SysTopics {
    published: HashMap<String, String>,
    loads: [Load; LOADS],
    /// When the figures were last looked at, and what the counters of [`rates`] said.
    last: Option<(Duration, [u64; LOADS])>,
    clients_max: u64,
}

/// Counters that are also published as what they grow by in a minute.
const LOADS: usize = 9;

/// The counters behind `load/…`.
fn rates(figures: &Statistics) -> [(&'static str, u64); LOADS] {
    let connects = figures.connects_accepted + figures.connects_refused;
    let sockets = figures.connections_opened
        + figures.connections_refused
        + figures.connections_refused_address
        + figures.connections_refused_rate
        + figures.handshakes_failed
        + figures.handshake_timeouts;
    [
        ("messages/received", figures.packets_received),
        ("messages/sent", figures.packets_sent),
        ("publish/dropped", dropped(figures)),
        ("publish/received", figures.publications_received),
        ("publish/sent", figures.deliveries),
        ("bytes/received", figures.bytes_received),
        ("bytes/sent", figures.bytes_sent),
        ("sockets", sockets),
        ("connections", connects),
    ]
}

/// PUBLISH packets that did not go to a subscriber because of what was on the way already, or of
/// their size.
const fn dropped(figures: &Statistics) -> u64 {
    figures.dropped_output_full + figures.dropped_queue_full + figures.dropped_too_large
}

impl SysTopics {
    /// Takes in the figures of now, `uptime` after the start; gives the topics below `$SYS/broker`
    /// whose payload has changed to `publish`.
    pub(crate) fn update(
        &mut self,
        uptime: Duration,
        figures: &Statistics,
        memory: Option<Memory>,
        mut publish: impl FnMut(&str, &str),
    ) {
        let mut changed = |topic: &str, payload: String| {
            let last = self.published.get_mut(topic);
            if last.as_ref().is_some_and(|last| **last == payload) {
                return;
            }
            publish(topic, &payload);
            match last {
                Some(last) => *last = payload,
                None => drop(self.published.insert(topic.to_owned(), payload)),
            }
        };
        changed("version", concat!("kelvin version ", env!("CARGO_PKG_VERSION")).to_owned());
        changed("uptime", format!("{} seconds", uptime.as_secs()));
        self.clients_max = self.clients_max.max(figures.sessions);
        for (topic, value) in totals(figures, self.clients_max) {
            changed(topic, value.to_string());
        }
        if let Some(Memory { resident_bytes, resident_bytes_max }) = memory {
            changed("heap/current", resident_bytes.to_string());
            changed("heap/maximum", resident_bytes_max.to_string());
        }
        for (name, value) in figures.iter() {
            changed(&format!("statistics/{name}"), value.to_string());
        }
        let rates = rates(figures);
        let counters = rates.map(|(_, counter)| counter);
        if let Some((then, before)) = self.last.replace((uptime, counters)) {
            let elapsed = uptime.saturating_sub(then);
            for ((load, now), before) in self.loads.iter_mut().zip(counters).zip(before) {
                load.advance(elapsed, now.saturating_sub(before));
            }
        }
        for ((name, _), load) in rates.into_iter().zip(&self.loads) {
            for (minutes, average) in load.averages() {
                changed(&format!("load/{name}/{minutes}min"), format!("{average:.2}"));
            }
        }
    }
}

/// Topics that say one number.
fn totals(figures: &Statistics, clients_max: u64) -> [(&'static str, u64); 23] {
    let connected = figures.clients_connected;
    // The figures of the shards may be a moment apart.
    let disconnected = figures.sessions.saturating_sub(connected);
    let stored = figures.retained_messages + figures.messages_queued;
    [
        ("clients/total", figures.sessions),
        ("clients/maximum", clients_max),
        ("clients/connected", connected),
        ("clients/active", connected),
        ("clients/disconnected", disconnected),
        ("clients/inactive", disconnected),
        ("clients/expired", figures.sessions_expired),
        ("messages/received", figures.packets_received),
        ("messages/sent", figures.packets_sent),
        ("messages/stored", stored),
        // Of mosquitto before 2.0.
        ("messages/inflight", figures.messages_inflight),
        ("publish/messages/received", figures.publications_received),
        ("publish/messages/sent", figures.deliveries),
        ("publish/messages/dropped", dropped(figures)),
        ("publish/bytes/received", figures.payload_bytes_received),
        ("publish/bytes/sent", figures.payload_bytes_sent),
        ("bytes/received", figures.bytes_received),
        ("bytes/sent", figures.bytes_sent),
        ("store/messages/count", stored),
        ("store/messages/bytes", figures.retained_bytes + figures.bytes_queued),
        ("subscriptions/count", figures.subscriptions.saturating_sub(figures.subscriptions_shared)),
        ("shared_subscriptions/count", figures.subscriptions_shared),
        ("retained messages/count", figures.retained_messages),
    ]
}

#[cfg(test)]
mod tests;
