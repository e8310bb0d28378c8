//! Our codec beside mqttbytes, packet by packet of MQTT 3.1.1, and a PUBLISH of 5.0.
//!
//! Time is per packet. Reading goes over streams of [`STREAM`] packets in one buffer, as a busy
//! socket leaves them there, or of one, `alone`, as most connections of many send them: mqttbytes takes each packet off a `BytesMut`, whose filling is not
//! measured and whose one allocation for sharing is spread over the stream; ours borrows from the
//! same bytes. What a packet owns is freed within the measured time. Writing goes into a buffer
//! with room that is emptied before each packet; the packet to be written stands ready.

use std::hint::black_box;
use std::time::Duration;

use benches::{CpuTime, KIBIBYTE, READING, TOPIC};
use broker_core::QoS;
use broker_core::codec::{
    Acknowledgement, Connect, ConnectReturnCode, Frame, PacketIdentifier, PacketType,
    ProtocolVersion, Publish, PublishHeader, Subscribe, encode_connack, encode_puback,
    encode_suback, split,
};
use bytes::{Bytes, BytesMut};
use criterion::measurement::Measurement;
use criterion::{Criterion, criterion_group, criterion_main};
use mqttbytes::{v4, v5};

/// Packets in a buffer that is read.
const STREAM: usize = 64;
/// Packets that are read between two looks at the clock, which cost as much as some packets.
const ROUND: usize = 64 * STREAM;
const SIZE_MAX: usize = 1 << 20;

/// Reads `packet` over and over with both codecs. `ours` and `theirs` check what they read.
fn decode<T>(
    criterion: &mut Criterion<CpuTime>,
    name: &str,
    packet: &[u8],
    ours: impl for<'a> Fn(Frame<'a>) -> Option<T>,
    theirs: impl Fn(&v4::Packet) -> bool,
) {
    decode_streams(criterion, (name, STREAM), packet, ours, v4::read, theirs);
}

/// [`decode`] with so many packets in a buffer, and a version of theirs.
fn decode_streams<T, P>(
    criterion: &mut Criterion<CpuTime>,
    (name, count): (&str, usize),
    packet: &[u8],
    ours: impl for<'a> Fn(Frame<'a>) -> Option<T>,
    read: impl Fn(&mut BytesMut, usize) -> Result<P, mqttbytes::Error>,
    theirs: impl Fn(&P) -> bool,
) {
    let (frame, _) = split(packet, SIZE_MAX).expect("a good packet").expect("a whole packet");
    assert!(ours(frame).is_some(), "{name}");
    let packet_read = read(&mut BytesMut::from(packet), SIZE_MAX).expect("a good packet");
    assert!(theirs(&packet_read), "{name}");
    let stream = packet.repeat(count);
    let mut group = criterion.benchmark_group(format!("codec/decode_{name}"));
    group.bench_function("kelvin", |bencher| {
        bencher.iter_custom(|packets| {
            time(packets, (&stream, count), |bytes, count| {
                let mut rest = &bytes[..];
                for _ in 0..count {
                    let found = split(black_box(rest), SIZE_MAX).expect("a good packet");
                    let (frame, after) = found.expect("a whole packet");
                    black_box(ours(frame)).expect("a good packet");
                    rest = after;
                }
            })
        });
    });
    group.bench_function("mqttbytes", |bencher| {
        bencher.iter_custom(|packets| {
            time(packets, (&stream, count), |bytes, count| {
                for _ in 0..count {
                    let packet = read(black_box(bytes), SIZE_MAX).expect("a good packet");
                    black_box(packet);
                }
            })
        });
    });
    group.finish();
}

/// How long `read` takes for so many packets; it is given a stream and how many to read from it.
fn time(
    packets: u64,
    (stream, in_stream): (&[u8], usize),
    mut read: impl FnMut(&mut BytesMut, usize),
) -> Duration {
    let mut left = usize::try_from(packets).expect("a number of packets");
    let mut taken = Duration::ZERO;
    while left > 0 {
        let round = left.min(ROUND);
        let new = || BytesMut::from(stream);
        let mut buffers: Vec<_> =
            std::iter::repeat_with(new).take(round.div_ceil(in_stream)).collect();
        left -= round;
        let mut unread = round;
        let begin = CpuTime.start();
        for bytes in &mut buffers {
            let count = unread.min(in_stream);
            read(bytes, count);
            unread -= count;
        }
        taken += CpuTime.end(begin);
    }
    taken
}

/// A closure of its own for each bench, so that reading becomes part of the loop, as it is part of what
/// reads packets in the broker.
macro_rules! read_publish {
    ($version:ident) => {
        |frame| Publish::decode(frame, ProtocolVersion::$version).ok().map(whole)
    };
}

/// All of the view is written down, as all of the packet is by mqttbytes, and not just what is used of it.
#[inline]
fn whole(publish: Publish<'_>) -> usize {
    black_box(&publish).payload.len()
}

fn decode_publish(criterion: &mut Criterion<CpuTime>) {
    let is_publish = |packet: &v4::Packet| matches!(packet, v4::Packet::Publish(_));
    let packet = benches::publish(TOPIC, READING, None);
    decode(criterion, "publish_qos0", &packet, read_publish!(V4), is_publish);
    let packet = benches::publish(TOPIC, READING, Some(7));
    decode(criterion, "publish_qos1", &packet, read_publish!(V4), is_publish);
    let packet = benches::publish(TOPIC, KIBIBYTE, None);
    decode(criterion, "publish_1_kib", &packet, read_publish!(V4), is_publish);
}

/// The temperature again, of 5.0 too, in a buffer of its own and among others.
fn decode_publish_versions(criterion: &mut Criterion<CpuTime>) {
    let is_v4 = |packet: &v4::Packet| matches!(packet, v4::Packet::Publish(_));
    let is_v5 = |packet: &v5::Packet| matches!(packet, v5::Packet::Publish(_));
    let packet = benches::publish(TOPIC, READING, None);
    let alone = ("publish_qos0_alone", 1);
    decode_streams(criterion, alone, &packet, read_publish!(V4), v4::read, is_v4);
    // No properties: their length, 0, before the payload.
    let packet = benches::publish(TOPIC, &[b"\0", READING].concat(), None);
    for (name, count) in [("publish_v5", STREAM), ("publish_v5_alone", 1)] {
        decode_streams(criterion, (name, count), &packet, read_publish!(V5), v5::read, is_v5);
    }
    let properties = b"\x0d\x01\x01\x02\x00\x00\x00\x3c\x03\x00\x03txt";
    let packet = benches::publish(TOPIC, &[properties, READING].concat(), None);
    let name = ("publish_v5_properties", STREAM);
    decode_streams(criterion, name, &packet, read_publish!(V5), v5::read, is_v5);
}

fn decode_others(criterion: &mut Criterion<CpuTime>) {
    decode(
        criterion,
        "puback",
        b"\x40\x02\x00\x07",
        |frame| {
            let (packet, version) = (PacketType::Puback, ProtocolVersion::V4);
            let read = Acknowledgement::decode(packet, frame.body, version).ok();
            read.map(|acknowledgement| acknowledgement.packet_identifier)
        },
        |packet| *packet == v4::Packet::PubAck(v4::PubAck { pkid: 7 }),
    );
    decode(
        criterion,
        "pingreq",
        b"\xc0\x00",
        |frame| frame.body.is_empty().then_some(frame.header.packet),
        |packet| *packet == v4::Packet::PingReq,
    );
    for (name, filter) in [("subscribe", TOPIC), ("subscribe_wildcards", "site/+/device/#")] {
        decode(
            criterion,
            name,
            &benches::subscribe(filter, 1),
            |frame| {
                Subscribe::decode(frame.body, ProtocolVersion::V4)
                    .ok()
                    .map(|subscribe| subscribe.entries().count())
            },
            |packet| matches!(packet, v4::Packet::Subscribe(s) if s.filters.len() == 1),
        );
    }
    decode(
        criterion,
        "connect",
        &benches::connect("sensor-000001"),
        |frame| Connect::decode(frame.body).ok().map(|connect| connect.keep_alive_seconds),
        |packet| matches!(packet, v4::Packet::Connect(c) if c.client_id == "sensor-000001"),
    );
}

/// Writes a packet over and over with both codecs, which must write the same bytes.
fn encode(
    criterion: &mut Criterion<CpuTime>,
    name: &str,
    ours: impl Fn(&mut Vec<u8>),
    theirs: impl Fn(&mut BytesMut) -> Result<usize, mqttbytes::Error>,
) {
    let (mut out, mut their_out) = (Vec::with_capacity(4096), BytesMut::with_capacity(4096));
    ours(&mut out);
    theirs(&mut their_out).expect(name);
    assert_eq!(out, their_out, "{name}");
    let mut group = criterion.benchmark_group(format!("codec/encode_{name}"));
    group.bench_function("kelvin", |bencher| {
        bencher.iter(|| {
            out.clear();
            ours(black_box(&mut out));
            out.len()
        });
    });
    group.bench_function("mqttbytes", |bencher| {
        bencher.iter(|| {
            their_out.clear();
            theirs(black_box(&mut their_out))
        });
    });
    group.finish();
}

fn encode_publish(criterion: &mut Criterion<CpuTime>) {
    let identifier = PacketIdentifier::new(7).expect("not zero");
    for (name, payload, delivery) in [
        ("publish_qos0", READING, None),
        ("publish_qos1", READING, Some((QoS::AtLeastOnce, identifier))),
        ("publish_1_kib", KIBIBYTE, None),
    ] {
        let header = PublishHeader { duplicate: false, retain: false, delivery };
        let qos = match delivery {
            Some(_) => mqttbytes::QoS::AtLeastOnce,
            None => mqttbytes::QoS::AtMostOnce,
        };
        let mut publish = v4::Publish::from_bytes(TOPIC, qos, Bytes::from_static(payload));
        publish.pkid = delivery.map_or(0, |(_, identifier)| identifier.get());
        encode(
            criterion,
            name,
            |out| {
                header.encode(black_box(TOPIC), payload.len(), out);
                out.extend_from_slice(black_box(payload));
            },
            |out| publish.write(out),
        );
    }
}

fn encode_others(criterion: &mut Criterion<CpuTime>) {
    let identifier = PacketIdentifier::new(7).expect("not zero");
    encode(
        criterion,
        "connack",
        |out| {
            let accepted = black_box(ConnectReturnCode::Accepted);
            out.extend_from_slice(&encode_connack(false, accepted));
        },
        |out| v4::ConnAck::new(v4::ConnectReturnCode::Success, false).write(out),
    );
    let granted = [Some(QoS::AtLeastOnce)];
    let code = v4::SubscribeReasonCode::Success(mqttbytes::QoS::AtLeastOnce);
    let suback = v4::SubAck::new(7, vec![code]);
    encode(
        criterion,
        "suback",
        |out| encode_suback(black_box(identifier), &granted, out),
        |out| suback.write(out),
    );
    encode(
        criterion,
        "puback",
        |out| out.extend_from_slice(&encode_puback(black_box(identifier))),
        |out| v4::PubAck::new(black_box(7)).write(out),
    );
}

criterion_group! {
    name = codec;
    config = benches::criterion();
    targets = decode_publish, decode_publish_versions, decode_others, encode_publish, encode_others
}
criterion_main!(codec);
