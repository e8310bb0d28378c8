//! A Client that knows what every topic under `$SYS/broker` last said.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::support::client::Client;
use crate::support::packets::Publish;
use crate::support::{DEADLINE, Server};

/// What all topics of a broker start with.
const PREFIX: &str = "$SYS/broker/";

/// How often the brokers of these tests publish.
const INTERVAL: Duration = Duration::from_millis(50);

/// Runs a test against brokers of 1, 2 and 4 shards that publish often.
pub(crate) fn watched(test: impl Fn(&Server)) {
    for shards in [1, 2, 4] {
        test(&Server::start(shards, |builder| builder.sys_interval(INTERVAL)));
    }
}

pub(crate) struct Watcher {
    client: Client,
    pub(crate) figures: BTreeMap<String, String>,
}

impl Watcher {
    /// Subscribes to everything under `$SYS`.
    pub(crate) fn new(server: &Server) -> Self {
        let mut client = server.client("watcher");
        client.subscribe("$SYS/#", 0);
        Self { client, figures: BTreeMap::new() }
    }

    /// The next publication: below which topic, and whether it is a retained one from before.
    pub(crate) fn next(&mut self) -> (String, Publish) {
        let message = self.client.receive_publish();
        let topic = message.topic.strip_prefix(PREFIX).expect("another prefix").to_owned();
        let payload = String::from_utf8(message.payload.clone()).expect("a figure is text");
        self.figures.insert(topic.clone(), payload);
        (topic, message)
    }

    /// Reads on until the figures are as they should be.
    #[track_caller]
    pub(crate) fn wait_until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let end = Instant::now() + DEADLINE;
        while !holds(self) {
            assert!(Instant::now() < end, "waited in vain for {what}: {:#?}", self.figures);
            self.next();
        }
    }

    /// Reads on until each of these topics says this.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, figures: &[(&str, &str)]) {
        self.wait_until(&format!("{figures:?}"), |watcher| {
            figures.iter().all(|(topic, payload)| watcher.says(topic) == Some(payload))
        });
    }

    pub(crate) fn says(&self, topic: &str) -> Option<&str> {
        self.figures.get(topic).map(String::as_str)
    }

    /// The number that a topic says; zero when it says nothing yet.
    pub(crate) fn number(&self, topic: &str) -> u64 {
        self.says(topic).map_or(0, |payload| payload.parse().expect("a number"))
    }
}
