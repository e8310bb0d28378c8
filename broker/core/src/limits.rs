//! Every bound of the broker with its default.

use std::time::Duration;

/// What a shard may hold and how long it waits. Each limit that is hit counts in
/// [`Statistics`](crate::Statistics).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Network Connections of the whole broker. One more is closed at once.
    pub connections_max: usize,
    /// Network Connections from one IP address; 0 for any number. One more is closed at once.
    pub connections_per_address_max: usize,
    /// Network Connections that the whole broker takes in one second; 0 for any number. One more
    /// is closed at once.
    pub connections_per_second_max: u32,
    /// TLS and WebSocket handshakes at once. Others wait for their turn, within their time.
    pub handshakes_max: usize,
    /// Time from the opening of a socket to the end of its TLS and WebSocket handshakes.
    pub handshake_timeout: Duration,
    /// Time from the opening of a Network Connection to its CONNECT.
    pub connect_timeout: Duration,
    /// Size of a CONNECT packet in bytes: all that a stranger may make the broker hold.
    pub connect_packet_bytes_max: usize,
    /// Size of any other Control Packet in bytes.
    pub packet_bytes_max: usize,
    /// Bytes that wait for a slow connection. Past it QoS 0 messages for it are dropped; QoS 1
    /// and 2 stay within the inflight window and the queue of its session.
    pub output_bytes_max: usize,
    /// Bytes of output up to which a connection is given retained messages for its new
    /// subscriptions, one message more at most. The next are added when half of them are written.
    pub replay_bytes_max: usize,
    /// QoS 1 and 2 messages of one session that are sent and not yet acknowledged.
    pub inflight_max: u16,
    /// QoS 2 publications of one Network Connection that are not released yet, the Receive Maximum
    /// of MQTT 5.0; QoS 1 is acknowledged at once. One more closes the connection.
    pub receive_maximum: u16,
    /// Topic Aliases of one connection in each direction; 0 for none.
    pub topic_alias_max: u16,
    /// Longest Keep Alive of a Client of MQTT 5.0, which is told so; zero for any.
    pub keep_alive_max: Duration,
    /// Longest time that a session outlives its Network Connection, in whole seconds; zero for any.
    /// Clients of MQTT 5.0 are told so.
    pub session_expiry_max: Duration,
    /// QoS 1 and 2 messages that wait in one session. Past it the newest are dropped. Retained
    /// messages for a new subscription wait in the store until they can be sent.
    pub queued_messages_max: usize,
    /// Bytes of topic, payload and properties that wait in one session. Past it the newest are
    /// dropped.
    pub queued_bytes_max: usize,
    /// Subscriptions of one session. One more is refused with 0x80.
    pub subscriptions_max: usize,
    /// Bytes of a Topic Filter that is subscribed to, and of a Topic Name that is published to. A
    /// longer filter is refused with 0x80; a longer name closes the Network Connection.
    pub topic_bytes_max: usize,
    /// Levels of a Topic Filter that is subscribed to and of a Topic Name that is retained: each
    /// may take a hundred bytes, so that 64 KiB of slashes would take megabytes. A longer filter
    /// is refused with 0x80, a longer name is delivered but not retained.
    pub topic_levels_max: usize,
    /// Sessions of one shard, connected or not. One more is refused with return code 3.
    pub sessions_max: usize,
    /// Retained messages. The payload of a publication past it is delivered but not retained.
    pub retained_messages_max: usize,
    /// Bytes of topic and payload of all retained messages together.
    pub retained_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 100_000,
            connections_per_address_max: 0,
            connections_per_second_max: 0,
            handshakes_max: 1024,
            handshake_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            connect_packet_bytes_max: 256 << 10,
            packet_bytes_max: 16 << 20,
            output_bytes_max: 8 << 20,
            replay_bytes_max: 64 << 10,
            inflight_max: 256,
            receive_maximum: u16::MAX,
            topic_alias_max: 64,
            keep_alive_max: Duration::ZERO,
            session_expiry_max: Duration::ZERO,
            queued_messages_max: 1_000,
            queued_bytes_max: 16 << 20,
            subscriptions_max: 100_000,
            topic_bytes_max: 65_535,
            topic_levels_max: 200,
            sessions_max: 1_000_000,
            retained_messages_max: 1_000_000,
            retained_bytes_max: 1 << 30,
        }
    }
}
