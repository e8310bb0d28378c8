//! What runs were told to do: where they must agree, and what it comes to.

use super::MergeError;
use crate::{Config, Run};

/// What has to be the same, in words. Topics may differ: generators that share one receive each other's messages.
fn settings(config: &Config) -> [(&'static str, String); 12] {
    [
        ("the broker", config.broker.clone()),
        ("the version of MQTT", config.protocol.clone()),
        ("the transport", config.transport.clone()),
        ("the pattern", config.topology.clone()),
        ("the QoS of publications", config.qos.to_string()),
        ("the QoS of subscriptions", config.sub_qos.to_string()),
        ("RETAIN", u8::from(config.retain).to_string()),
        ("the payload in bytes", config.payload_bytes.to_string()),
        ("the period in seconds", config.period_seconds.to_string()),
        (
            "the window of the closed loop",
            config.window.map_or_else(|| "-".to_owned(), |size| size.to_string()),
        ),
        ("the warm-up in seconds", config.warmup_seconds.to_string()),
        ("the measured part in seconds", config.duration_seconds.to_string()),
    ]
}

/// Refuses runs that did not do the same.
pub(super) fn compatible(first: &Run, others: &[Run]) -> Result<(), MergeError> {
    let mine = settings(&first.summary.config);
    for other in others {
        for ((what, first_value), (_, other_value)) in
            mine.iter().zip(settings(&other.summary.config))
        {
            if *first_value != other_value {
                return Err(MergeError::Differs {
                    first: first.name.clone(),
                    other: other.name.clone(),
                    what,
                    first_value: first_value.clone(),
                    other_value,
                });
            }
        }
    }
    match first.summary.config.broker.as_str() {
        "embedded" => Err(MergeError::Embedded { name: first.name.clone() }),
        _ => Ok(()),
    }
}

/// What all of them did together.
pub(super) fn config(runs: &[Run], first: &Config) -> Config {
    let each = || runs.iter().map(|run| &run.summary.config);
    let commands: Vec<&str> = each().map(|config| config.command.as_str()).collect();
    let mut topics: Vec<&str> = each().map(|config| config.topic.as_str()).collect();
    topics.sort_unstable();
    topics.dedup();
    Config {
        command: commands.join("\n"),
        topic: topics.join(", "),
        publishers: each().fold(0, |sum, config| config.publishers.saturating_add(sum)),
        subscribers: each().fold(0, |sum, config| config.subscribers.saturating_add(sum)),
        threads: each().fold(0, |sum, config| config.threads.saturating_add(sum)),
        publications_per_second: each().map(|config| config.publications_per_second).sum(),
        deliveries_per_second: each().map(|config| config.deliveries_per_second).sum(),
        measured_seconds: each().map(|config| config.measured_seconds).fold(0.0, f64::max),
        connect_rate: each().map(|config| config.connect_rate).sum(),
        ..first.clone()
    }
}
