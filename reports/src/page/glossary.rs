//! The words of a report, explained where they stand and at its foot.

use maud::{Markup, html};

/// Key, word, meaning.
const TERMS: [(&str, &str, &str); 38] = [
    (
        "open-loop",
        "open loop",
        "The schedule decides when a publication is due, whatever the broker does. A slow broker gets no fewer publications; it gets late.",
    ),
    ("offered", "offered", "Publications that the schedule called for in the measured part."),
    ("sent", "sent", "Publications that were written to a socket."),
    (
        "owed",
        "owed",
        "Deliveries that the publications sent owe: one for each subscriber that should get them.",
    ),
    (
        "delivered",
        "delivered",
        "Deliveries that came, each publication counted once for each subscriber.",
    ),
    ("lost", "lost", "Owed and not come by the end of the drain."),
    (
        "duplicate",
        "duplicate",
        "Deliveries that came again. QoS 1 allows them after a reconnect; QoS 2 never does.",
    ),
    ("reordered", "reordered", "Deliveries that came after a later one of the same publisher."),
    (
        "retained",
        "retained",
        "Messages that came with RETAIN = 1: stored before the subscription, so old, and in no other figure.",
    ),
    ("foreign", "foreign", "Messages on a measured topic that this run did not publish."),
    (
        "impossible",
        "impossible",
        "Samples that say received before due. With one clock there are none.",
    ),
    (
        "backlog",
        "backlog",
        "Deliveries that are owed and have not come yet. It grows when a broker does not keep up.",
    ),
    (
        "from-due",
        "from due",
        "Latency from the moment a publication was due to its arrival at one subscriber. A stall of anybody shows, because nobody is let off waiting: it is free of coordinated omission.",
    ),
    (
        "from-send",
        "from send",
        "Latency from the moment a publication was written to a socket, as most tools measure it: too kind whenever somebody stalls.",
    ),
    (
        "send-lag",
        "send lag",
        "From due to sent: the generator's own lateness. When it is of the size of the latency, the generator is the limit.",
    ),
    ("connect", "connect", "From the start of the TCP connection to the CONNACK."),
    ("TCP connect", "TCP connect", "From the first SYN to the TCP connection."),
    ("TLS handshake", "TLS handshake", "From the first byte of TLS until it is established."),
    ("WebSocket handshake", "WebSocket handshake", "The upgrade of the connection to WebSocket."),
    ("CONNACK", "CONNACK", "From CONNECT to CONNACK: the broker takes the client in."),
    ("SUBACK", "SUBACK", "From SUBSCRIBE to SUBACK: the subscription is in force."),
    ("PUBACK", "PUBACK", "QoS 1, from PUBLISH to PUBACK: the broker has taken the message."),
    ("PUBREC", "PUBREC", "QoS 2, from PUBLISH to PUBREC."),
    ("PUBCOMP", "PUBCOMP", "QoS 2, from PUBREL to PUBCOMP."),
    ("PINGRESP", "PINGRESP", "From PINGREQ to PINGRESP: what an answer takes that costs nothing."),
    (
        "corrupted",
        "corrupted",
        "Messages with this run's stamp whose payload is not the one that was published.",
    ),
    (
        "unacknowledged",
        "unacknowledged",
        "Publications of QoS 1 and 2 that the broker never acknowledged to the end.",
    ),
    (
        "not judged",
        "not judged",
        "Deliveries to clients of which nobody knows what they are owed: away at times without a session, reading too slowly, or their publisher breaks off. Their latency counts, their loss does not.",
    ),
    (
        "repeated",
        "repeated",
        "Deliveries that came again, as they may: to several subscriptions of one client that match, or on another connection of a session.",
    ),
    (
        "Will Messages",
        "Will Messages",
        "Owed to each subscriber when a client breaks off by plan, and how many of them came.",
    ),
    (
        "retained for late subscribers",
        "retained for late subscribers",
        "Retained messages that are owed for certain to clients that subscribe under load, and how many of them came.",
    ),
    ("left", "left", "Network Connections that their clients ended, because the scenario says so."),
    (
        "sessions lost",
        "sessions lost",
        "Sessions that should have outlived a Network Connection and were gone when their clients came back.",
    ),
    (
        "percentile",
        "percentile",
        "p99 = 24 ms: of 100 deliveries, 99 took at most 24 ms. Where fewer than 10 samples lie above it, a percentile says nothing about the next run and is not shown.",
    ),
    (
        "hdr",
        "HDR axis",
        "The percentile on a logarithmic axis of 1/(1-p), so that each step to the right is ten times rarer. Histograms keep three digits: a figure is right to 0.1 %.",
    ),
    ("warm-up", "warm-up", "Load before the measured part, in no count and no percentile."),
    ("drain", "drain", "After the last publication: deliveries that are owed may still come."),
    (
        "cpu",
        "CPU per delivery",
        "User and system time of the process in the measured part, divided by the deliveries.",
    ),
];

/// A word with its meaning behind it.
pub(super) fn term(key: &str) -> Markup {
    html! {
        @if let Some((key, word, meaning)) = TERMS.iter().find(|(known, ..)| *known == key) {
            a.term href={ "#term-" (key.replace(' ', "-")) } title=(meaning) { (word) }
        } @else {
            (key)
        }
    }
}

/// All words.
pub(super) fn section() -> Markup {
    html! {
        section #glossary {
            h2 { "What the words mean" }
            dl.terms {
                @for (key, word, meaning) in TERMS {
                    div id={ "term-" (key.replace(' ', "-")) } { dt { (word) } dd { (meaning) } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_its_place() {
        let section = section().into_string();
        for (key, ..) in TERMS {
            let (link, key) = (term(key).into_string(), key.replace(' ', "-"));
            assert!(link.contains(&format!("href=\"#term-{key}\"")), "{link}");
            assert_eq!(section.matches(&format!("id=\"term-{key}\"")).count(), 1);
        }
        assert_eq!(term("<x>").into_string(), "&lt;x&gt;");
    }
}
