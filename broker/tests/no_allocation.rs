//! What a shard's thread asks of the allocator while messages come from sockets and go to sockets,
//! once everything has grown to its size: the reading task, the shard, the flusher and the runtime
//! below them, counted from within by a handler of events.

#[path = "../core/tests/support/allocations.rs"]
#[expect(dead_code, reason = "what runs on a thread of the broker cannot be put into a closure")]
mod allocations;
#[path = "support/mod.rs"]
#[expect(dead_code, reason = "shared with the conformance tests, which use all of it")]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use broker::Event;

use support::Server;
use support::client::Client;
use support::packets::Publish;

const SUBSCRIBERS: usize = 10;
/// Enough for queues, buffers and pools to come to their final sizes.
const WARM_UP: u64 = 50;
const PUBLICATIONS: u64 = 300;
/// Times that something grows after all: a thread that was away finds a larger batch than before. One allocation
/// for each publication would be 300 more, for each delivery 3,000.
const GROWTH_MAX: u64 = 20;

/// Allocations of the shard's thread up to the last publication.
struct Counted {
    server: Server,
    allocations: Arc<AtomicU64>,
    publisher: Client,
    subscribers: Vec<Client>,
}

impl Counted {
    fn new(qos: u8) -> Self {
        let allocations = Arc::new(AtomicU64::new(0));
        let so_far = Arc::clone(&allocations);
        let server = Server::start(1, |builder| {
            builder.on_event(move |_, event| {
                if matches!(event, Event::Published { .. }) {
                    so_far.store(allocations::so_far().count, Ordering::SeqCst);
                }
            })
        });
        let publisher = server.client("publisher");
        let subscribers = (0..SUBSCRIBERS).map(|number| {
            let mut client = server.client(&format!("display-{number}-"));
            client.subscribe("t", qos);
            client
        });
        let subscribers = subscribers.collect();
        Self { server, allocations, publisher, subscribers }
    }

    /// Publishes so often, each time when everybody has what came before, and returns what the last
    /// publication found to have been asked of the allocator.
    fn publish(&mut self, message: &Publish, times: u64) -> u64 {
        for _ in 0..times {
            self.publisher.publish_surely(message);
            for subscriber in &mut self.subscribers {
                let received = subscriber.receive_surely();
                assert_eq!(received.payload.len(), message.payload.len());
            }
        }
        self.allocations.load(Ordering::SeqCst)
    }

    fn measure(mut self, message: &Publish) -> u64 {
        let before = self.publish(message, WARM_UP);
        assert!(before > 0, "the broker's thread is counted");
        let after = self.publish(message, PUBLICATIONS);
        self.server.stop();
        after - before
    }
}

#[test]
fn a_message_at_qos_0_allocates_nothing_from_socket_to_socket() {
    let found = Counted::new(0).measure(&Publish::new("t", "21.5"));
    assert!(found <= GROWTH_MAX, "{found}");
}

/// The buffer that is read into and written from, what counts its holders, and the message around it, for all
/// subscribers together.
#[test]
fn a_large_message_allocates_its_buffer_once_from_socket_to_socket() {
    for qos in [0, 1] {
        let message = Publish { qos, ..Publish::new("t", vec![b'x'; 64 << 10]) };
        let found = Counted::new(qos).measure(&message);
        let expected = 3 * PUBLICATIONS..=3 * PUBLICATIONS + GROWTH_MAX;
        assert!(expected.contains(&found), "QoS {qos}: {found}");
    }
}

/// The payload and the message around it, which the sessions share; nothing for each delivery.
#[test]
fn a_message_at_qos_1_or_2_allocates_twice_from_socket_to_socket() {
    for qos in [1, 2] {
        let message = Publish { qos, ..Publish::new("t", "21.5") };
        let found = Counted::new(qos).measure(&message);
        let expected = 2 * PUBLICATIONS..=2 * PUBLICATIONS + GROWTH_MAX;
        assert!(expected.contains(&found), "QoS {qos}: {found}");
    }
}
