//! What a shard counts. Nothing is lost without a counter that says so.

use std::ops::AddAssign;

macro_rules! statistics {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Counters since the start, and gauges of what is held now. Those of several shards add up.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Statistics {
            $($(#[$doc])* pub $name: u64,)+
        }

        impl AddAssign for Statistics {
            fn add_assign(&mut self, other: Self) {
                $(self.$name += other.$name;)+
            }
        }

        impl Statistics {
            /// Every figure with its name, in the order of declaration.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
                [$((stringify!($name), self.$name)),+].into_iter()
            }
        }
    };
}

statistics! {
    /// Network Connections that are open (gauge).
    connections,
    /// Sessions, connected or not (gauge).
    sessions,
    /// Sessions whose Client is connected (gauge).
    clients_connected,
    /// Subscriptions, shared ones included (gauge).
    subscriptions,
    /// Subscriptions that are shared (gauge).
    subscriptions_shared,
    /// QoS 1 and 2 messages that are sent and not yet acknowledged (gauge).
    messages_inflight,
    /// QoS 1 and 2 messages that wait in sessions (gauge).
    messages_queued,
    /// Bytes of topic, payload and properties of those that wait (gauge).
    bytes_queued,
    /// Retained messages (gauge). Each shard holds all of them; the broker reports one shard's.
    retained_messages,
    /// Bytes of topic and payload of the retained messages (gauge), as above.
    retained_bytes,
    /// Bytes that wait to be written (gauge).
    output_bytes,
    /// Subscriptions that have not got all retained messages yet (gauge).
    replays,
    /// Network Connections that were opened.
    connections_opened,
    /// CONNECT packets that were accepted.
    connects_accepted,
    /// CONNECT packets that were refused with a return code.
    connects_refused,
    /// Network Connections that a limit closed at once.
    connections_refused,
    /// Network Connections closed at once because their address had too many.
    connections_refused_address,
    /// Network Connections closed at once because too many came in one second.
    connections_refused_rate,
    /// Connections that could not be accepted, mostly for want of file descriptors.
    accepts_failed,
    /// Connections that failed in the TLS or WebSocket handshake.
    handshakes_failed,
    /// Connections whose TLS or WebSocket handshake was not over in time.
    handshake_timeouts,
    /// Network Connections that ended with a DISCONNECT.
    disconnects,
    /// Network Connections that ended without one.
    connections_lost,
    /// Network Connections closed because the Client broke the protocol.
    protocol_violations,
    /// Network Connections closed because another one took the Client Identifier over.
    take_overs,
    /// Network Connections closed because the keep alive time ran out.
    keep_alive_timeouts,
    /// Network Connections closed because no CONNECT came in time, or its authentication was not
    /// over.
    connect_timeouts,
    /// Network Connections closed because a re-authentication failed.
    reauthentications_failed,
    /// Network Connections that the embedder closed.
    dismissals,
    /// Bytes that were received.
    bytes_received,
    /// Those of them that were read into the buffer of their packet, and not copied there.
    bytes_received_in_place,
    /// Bytes that were sent.
    bytes_sent,
    /// Control Packets that were received.
    packets_received,
    /// Control Packets that were put into a connection's output.
    packets_sent,
    /// PUBLISH packets that were received.
    publications_received,
    /// Bytes of payload of the PUBLISH packets that were received.
    payload_bytes_received,
    /// PUBLISH packets that were put into a connection's output.
    deliveries,
    /// Bytes of payload of the PUBLISH packets that were put into a connection's output.
    payload_bytes_sent,
    /// QoS 0 messages dropped because a connection's output was full.
    dropped_output_full,
    /// QoS 1 and 2 messages dropped because a session's queue was full.
    dropped_queue_full,
    /// Answers such as a SUBACK that were left out because the Client takes no packet of their
    /// size, [MQTT-3.1.2-24].
    answers_too_large,
    /// Messages dropped because the Client takes no packet of their size.
    dropped_too_large,
    /// Messages that expired, waiting or retained.
    expired,
    /// Publications that were not retained because the store was full or their topic has too many
    /// levels. Each shard holds all that are; the broker reports one shard's.
    dropped_retained_full,
    /// Subscriptions refused because the session had too many.
    subscriptions_refused,
    /// Sessions ended because their Session Expiry Interval was over.
    sessions_expired,
    /// Publications refused because their payload is not the UTF-8 that it is said to be.
    payloads_invalid,
    /// Publications and Wills dropped because their Client may not publish there, nor anybody to
    /// `$SYS`.
    publications_denied,
    /// Subscriptions refused because the Client may not have them.
    subscriptions_denied,
    /// Sessions ended because the Client may not be here any more.
    sessions_revoked,
    /// Subscriptions removed because the Client may not have them any more.
    subscriptions_revoked,
    /// Waiting messages removed because the Client may not have them any more.
    messages_revoked,
    /// Retained messages removed because their publisher may not publish them any more. Each
    /// shard holds all of them; the broker reports one shard's.
    retained_revoked,
    /// QoS 2 publications that came again and were not passed on.
    duplicates_received,
    /// Acknowledgements that no message waited for.
    acknowledgements_unknown,
    /// Will Messages that were published.
    wills_published,
    /// Publications that were handed to another shard.
    forwarded,
}
