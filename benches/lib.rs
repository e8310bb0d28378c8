//! Fixtures that the benches share: what is measured and for how long, and packets as they stand
//! on the wire.

use std::time::Duration;

use criterion::Criterion;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use mimalloc::MiMalloc;
use rustix::time::{ClockId, clock_gettime};

/// The allocator that the binaries have, so that allocations cost here what they cost there.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// CPU time of the thread that measures.
///
/// On a machine that has other work as well, wall time mostly tells how often the thread had to
/// wait. CPU time leaves that out; what it keeps is the loss of caches to the neighbours.
#[derive(Clone, Copy, Debug)]
pub struct CpuTime;

impl CpuTime {
    fn now() -> Duration {
        Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
    }
}

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        Self::now()
    }

    fn end(&self, begin: Duration) -> Duration {
        Self::now().saturating_sub(begin)
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

/// Criterion with times that let all benches end within three minutes.
pub fn criterion() -> Criterion<CpuTime> {
    Criterion::default()
        .with_measurement(CpuTime)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(700))
        .sample_size(40)
        .without_plots()
}

/// The topic of the pattern that everything is measured with.
pub const TOPIC: &str = "temperature";

/// A temperature and the stamp that loadgen puts behind it, in size.
pub const READING: &[u8] = b"21 AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

/// A payload of 1 KiB.
pub const KIBIBYTE: &[u8] = &[b'x'; 1024];

/// A CONNECT of MQTT 3.1.1 with Clean Session.
///
/// # Panics
/// When the packet has more than 127 bytes after its fixed header.
pub fn connect(client_identifier: &str) -> Vec<u8> {
    let length = u8::try_from(client_identifier.len()).expect("a short Client Identifier");
    let mut packet = vec![0x10, 12 + length];
    packet.extend_from_slice(b"\x00\x04MQTT\x04\x02\x00\x3c\x00");
    packet.push(length);
    packet.extend_from_slice(client_identifier.as_bytes());
    assert!(packet.len() < 130);
    packet
}

/// A SUBSCRIBE to one Topic Filter.
///
/// # Panics
/// When the packet has more than 127 bytes after its fixed header.
pub fn subscribe(filter: &str, qos: u8) -> Vec<u8> {
    let length = u8::try_from(filter.len()).expect("a short Topic Filter");
    let mut packet = vec![0x82, 5 + length, 0, 1, 0, length];
    packet.extend_from_slice(filter.as_bytes());
    packet.push(qos);
    assert!(packet.len() < 130);
    packet
}

/// A PUBLISH, at QoS 0 or with a Packet Identifier at QoS 1.
///
/// # Panics
/// When the packet is too large for MQTT.
pub fn publish(topic: &str, payload: &[u8], packet_identifier: Option<u16>) -> Vec<u8> {
    let topic_length = u16::try_from(topic.len()).expect("a Topic Name");
    let mut body = topic_length.to_be_bytes().to_vec();
    body.extend_from_slice(topic.as_bytes());
    body.extend(packet_identifier.into_iter().flat_map(u16::to_be_bytes));
    body.extend_from_slice(payload);
    let mut packet = vec![if packet_identifier.is_some() { 0x32 } else { 0x30 }];
    broker_core::codec::encode_remaining_length(body.len(), &mut packet);
    packet.extend_from_slice(&body);
    packet
}
