//! Mutated byte streams against a live broker over real sockets, while a well-behaved pair goes on.
//!
//! 20,000 streams by default; the environment has `KELVIN_HOSTILE_STREAMS` for another number, such as the
//! million of `just hostile`, and `KELVIN_HOSTILE_SEED` and `KELVIN_HOSTILE_FIRST` to repeat one: a failure
//! prints all three. A stream depends on the seed and its number alone.

mod mutation;
#[path = "../../core/src/codec/tests/packets.rs"]
#[expect(dead_code, reason = "the tests of the codec use the rest")]
mod packets;
#[path = "../../core/src/codec/tests/packets_v5.rs"]
mod packets_v5;
mod pair;
mod script;
mod stream;

use std::env;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use broker::{Broker, Limits, Statistics};
// For the tables of packets.
use broker_core::{codec, topic};

use pair::Pair;
use script::Script;
use stream::{Listeners, Stream};

/// How long anything may take before the test gives up. Never reached when all is well.
const DEADLINE: Duration = Duration::from_secs(30);

/// Threads that send.
const SENDERS: u64 = 4;
/// Connections that each of them has at once.
const AT_ONCE: u64 = 128;

/// Bytes by which the process may grow after the first quarter of the streams.
const GROWTH_MAX: usize = 32 << 20;

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Which streams.
#[derive(Clone, Copy, Debug)]
struct Plan {
    seed: u64,
    first: u64,
    streams: u64,
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    // Small, so that hostile Clients come to them and what they leave is bounded.
    limits.packet_bytes_max = 64 << 10;
    limits.connect_packet_bytes_max = 4 << 10;
    limits.output_bytes_max = 64 << 10;
    limits.queued_messages_max = 20;
    limits.inflight_max = 10;
    limits.retained_messages_max = 500;
    limits
}

fn start() -> (Broker, Listeners) {
    let tcp = |last| SocketAddr::from(([127, 0, 0, last], 0));
    let web_socket: broker::Listener = "ws://127.0.0.3:0".parse().expect("a valid URL");
    let builder = Broker::builder().listen(tcp(1)).listen(tcp(2)).listen(web_socket);
    let broker = builder.shards(2).limits(limits()).start().expect("free ports");
    let &[first, second, web_socket] = broker.local_addresses() else {
        panic!("three listeners have three addresses")
    };
    (broker, Listeners { tcp: [first, second], web_socket })
}

#[test]
fn mutated_streams_do_not_disturb_a_good_pair() {
    let plan = Plan {
        seed: setting("KELVIN_HOSTILE_SEED", 20_261_128),
        first: setting("KELVIN_HOSTILE_FIRST", 0),
        streams: setting("KELVIN_HOSTILE_STREAMS", 20_000),
    };
    let _hint = Hint(plan);
    let (broker, listeners) = start();
    let begin = Instant::now();
    let pair = Pair::start(listeners.tcp[0]);
    let quarter = attack_all(Plan { streams: plan.streams / 4, ..plan }, &listeners);
    let resident_before = resident_bytes();
    let rest = Plan {
        first: plan.first + plan.streams / 4,
        streams: plan.streams - plan.streams / 4,
        ..plan
    };
    let upgraded = quarter + attack_all(rest, &listeners);
    let growth = resident_bytes().saturating_sub(resident_before);
    let exchanged = pair.stop();
    let statistics = check_counts(&broker, upgraded);
    assert_eq!(statistics.handshakes_failed + upgraded, plan.streams, "{statistics:?}");
    say(&format!(
        "{plan:?}: {} s, {exchanged} messages of the pair came at each QoS, resident memory grew by {} KiB \
         after the first quarter\n{statistics:?}",
        begin.elapsed().as_secs(),
        growth >> 10,
    ));
    assert!(growth < GROWTH_MAX, "resident memory grew by {growth} bytes");
    assert!(exchanged > plan.streams / 1_000, "the pair was held up: {exchanged} messages");
}

/// Sends all streams; returns how many came through to MQTT: all but those
/// over WebSocket without a handshake.
fn attack_all(plan: Plan, listeners: &Listeners) -> u64 {
    let next = AtomicU64::new(plan.first);
    let end = plan.first + plan.streams;
    let upgraded = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| {
                loop {
                    let first = next.fetch_add(AT_ONCE, Ordering::Relaxed);
                    if first >= end {
                        break;
                    }
                    let _hint = Hint(Plan { first, streams: AT_ONCE, ..plan });
                    let count = attack(plan.seed, first..end.min(first + AT_ONCE), listeners);
                    upgraded.fetch_add(count, Ordering::Relaxed);
                }
            });
        }
    });
    upgraded.into_inner()
}

/// Sends some streams at the same time, piece by piece.
fn attack(seed: u64, numbers: std::ops::Range<u64>, listeners: &Listeners) -> u64 {
    let mut streams: Vec<_> =
        numbers.map(|number| Stream::open(Script::new(seed, number), listeners)).collect();
    let upgraded = streams.iter().filter(|stream| stream.reaches_mqtt()).count();
    loop {
        let mut more = false;
        for stream in &mut streams {
            more |= stream.send_piece();
        }
        if !more {
            break;
        }
        thread::yield_now();
    }
    streams.into_iter().for_each(Stream::end);
    upgraded as u64
}

/// Waits until every hostile connection has ended, and holds the counters against their number.
fn check_counts(broker: &Broker, upgraded: u64) -> Statistics {
    let end = Instant::now() + DEADLINE;
    loop {
        let s = broker.statistics();
        let ended = s.disconnects
            + s.connections_lost
            + s.protocol_violations
            + s.connects_refused
            + s.take_overs
            + s.keep_alive_timeouts
            + s.connect_timeouts;
        // Each counts once as opened and once as ended; the pair has taken its leave.
        if (s.connections, s.connections_opened, ended) == (0, upgraded + 2, upgraded + 2) {
            assert_eq!(s.connections_refused + s.accepts_failed, 0, "{s:?}");
            assert!(s.protocol_violations > upgraded / 4, "mutations are found: {s:?}");
            assert!(s.connects_accepted > upgraded / 4, "many are let in first: {s:?}");
            return s;
        }
        assert!(Instant::now() < end, "{ended} of {upgraded} have ended: {s:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Says on a failure how to repeat it.
struct Hint(Plan);

impl Drop for Hint {
    fn drop(&mut self) {
        if thread::panicking() {
            let Plan { seed, first, streams } = self.0;
            say(&format!(
                "failed; to repeat: KELVIN_HOSTILE_SEED={seed} KELVIN_HOSTILE_FIRST={first} \
                 KELVIN_HOSTILE_STREAMS={streams}"
            ));
        }
    }
}

fn say(text: &str) {
    writeln!(std::io::stderr(), "{text}").unwrap_or_default();
}

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * rustix::param::page_size()
}
