//! What is published when, and what the averages come to.

use super::*;

/// What an update publishes, by topic.
fn update(topics: &mut SysTopics, seconds: u64, figures: &Statistics) -> HashMap<String, String> {
    let mut published = HashMap::new();
    topics.update(Duration::from_secs(seconds), figures, None, |topic, payload| {
        let before = published.insert(topic.to_owned(), payload.to_owned());
        assert_eq!(before, None, "{topic} is published twice");
    });
    published
}

#[test]
fn everything_is_published_once_and_then_what_has_changed() {
    let mut topics = SysTopics::default();
    let mut figures = Statistics::default();
    let first = update(&mut topics, 0, &figures);
    assert_eq!(first["uptime"], "0 seconds");
    assert_eq!(first["load/bytes/sent/15min"], "0.00");
    assert!(figures.iter().all(|(name, _)| first[&format!("statistics/{name}")] == "0"));
    assert!(update(&mut topics, 0, &figures).is_empty());
    figures.sessions = 3;
    figures.clients_connected = 1;
    let second = update(&mut topics, 10, &figures);
    let expected = [
        ("clients/active", "1"),
        ("clients/connected", "1"),
        ("clients/disconnected", "2"),
        ("clients/inactive", "2"),
        ("clients/maximum", "3"),
        ("clients/total", "3"),
        ("statistics/clients_connected", "1"),
        ("statistics/sessions", "3"),
        ("uptime", "10 seconds"),
    ];
    let expected = expected.map(|(topic, payload)| (topic.to_owned(), payload.to_owned()));
    assert_eq!(second, HashMap::from(expected));
    figures.sessions = 1;
    let third = update(&mut topics, 20, &figures);
    assert_eq!(third["clients/total"], "1");
    assert!(!third.contains_key("clients/maximum"), "it stays what it was");
}

/// The figures of mosquitto 2.0.11, worked out from its formula: after ten seconds at 60 packets a
/// minute, and after another ten without any.
#[test]
fn averages_are_damped_by_their_time() {
    let mut topics = SysTopics::default();
    let mut figures = Statistics::default();
    update(&mut topics, 0, &figures);
    figures.packets_received = 10;
    let load = |published: &HashMap<String, String>| {
        ["1min", "5min", "15min"]
            .map(|time| published[&format!("load/messages/received/{time}")].clone())
    };
    let busy = update(&mut topics, 10, &figures);
    assert_eq!(load(&busy), ["9.21", "1.97", "0.66"]);
    let idle = update(&mut topics, 20, &figures);
    assert_eq!(idle["load/messages/received/1min"], "7.80");
    assert_eq!(idle["load/messages/received/5min"], "1.90");
    assert!(!idle.contains_key("load/messages/received/15min"), "two decimals are the same");
}

#[test]
fn memory_is_said_when_it_is_known() {
    let mut topics = SysTopics::default();
    let mut heap = Vec::new();
    let memory = Memory { resident_bytes: 4096, resident_bytes_max: 8192 };
    topics.update(Duration::ZERO, &Statistics::default(), Some(memory), |topic, payload| {
        if topic.starts_with("heap/") {
            heap.push(format!("{topic}={payload}"));
        }
    });
    assert_eq!(heap, ["heap/current=4096", "heap/maximum=8192"]);
}
