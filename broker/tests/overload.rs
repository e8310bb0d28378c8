//! More than the readers take, for as long as it lasts: memory stays within its bound, what is dropped
//! is counted, and keep alive and acknowledgements go on for everybody else.

#[path = "support/mod.rs"]
#[expect(dead_code, reason = "shared with the conformance tests, which use all of it")]
mod support;

use std::io::Read;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use support::packets::Publish;
use support::{everywhere_with, limits};

const FLOODERS: usize = 2;
const READERS: usize = 9;
/// One reader in ten does not read at all.
const STALLED: usize = 1;
const SUBSCRIBERS: usize = READERS + STALLED;
const MESSAGES: usize = 10_000;
/// Of one write of a flooder.
const BATCH: usize = 50;
const OUTPUT_MAX: usize = 128 << 10;
/// What may wait for the flusher, see `docs/limits.md`, and the batches between shards.
const FRESH_MAX: u64 = 64 << 20;

#[test]
fn a_flood_is_bounded_counted_and_leaves_acknowledgements_and_keep_alive_alone() {
    everywhere_with(&limits(|limits| limits.output_bytes_max = OUTPUT_MAX), |server| {
        let mut subscribers: Vec<_> = (0..SUBSCRIBERS)
            .map(|number| {
                let mut client = server.client(&format!("reader-{number}-"));
                client.subscribe("flood", 0);
                client
            })
            .collect();
        let stalled = subscribers.split_off(READERS);
        let flooders: Vec<_> =
            (0..FLOODERS).map(|number| server.client(&format!("flooder-{number}-"))).collect();
        let mut bystander = server.client("bystander");
        bystander.subscribe("aside", 2);
        let bound = (SUBSCRIBERS * OUTPUT_MAX) as u64 + FRESH_MAX;

        let is_over = AtomicBool::new(false);
        let mut rounds = 0;
        thread::scope(|scope| {
            for reader in &subscribers {
                scope.spawn(|| {
                    let mut bytes = [0; 16 << 10];
                    while reader.stream().read(&mut bytes).is_ok_and(|count| count > 0) {}
                });
            }
            let floods: Vec<_> = flooders
                .into_iter()
                .map(|mut flooder| {
                    scope.spawn(move || {
                        let batch = Publish::new("flood", [b'x'; 1000]).bytes().repeat(BATCH);
                        (0..MESSAGES / BATCH).for_each(|_| flooder.send(&batch));
                        flooder.expect_silence();
                    })
                })
                .collect();
            scope.spawn(|| {
                for flood in floods {
                    flood.join().expect("the broker takes it all");
                }
                is_over.store(true, Ordering::Release);
            });
            while !is_over.load(Ordering::Acquire) {
                bystander.expect_silence();
                let identifier = bystander.next_identifier();
                bystander.send(&Publish::new("aside", "x").qos(1, identifier).bytes());
                let (one, other) = (bystander.receive(), bystander.receive());
                let mut kinds = [one[0] >> 4, other[0] >> 4];
                kinds.sort_unstable();
                assert_eq!(kinds, [3, 4], "its PUBLISH and its PUBACK");
                let publish = if one[0] >> 4 == 3 { &one } else { &other };
                let identifier = Publish::parse(publish).identifier;
                bystander.send(&support::packets::puback(identifier));
                let held = server.statistics().output_bytes;
                assert!(held <= bound, "{held} bytes wait, not {bound} at most");
                rounds += 1;
            }
            let aside = rounds;
            let all = (FLOODERS * MESSAGES * SUBSCRIBERS) as u64 + aside;
            server.wait_for("each message to be delivered or to count as dropped", |s| {
                s.deliveries + s.dropped_output_full == all
            });
            // The readers' threads end with their connections.
            for reader in &subscribers {
                reader.stream().shutdown(Shutdown::Both).expect("an open socket");
            }
        });
        assert!(rounds > 0, "the flood was over before anybody could ask");
        let statistics = server.statistics();
        assert!(statistics.dropped_output_full > 0, "the system's buffers took it all");
        assert_eq!(statistics.dropped_queue_full, 0);
        drop(stalled);
    });
}
