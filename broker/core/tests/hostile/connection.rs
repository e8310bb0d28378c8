//! Any bytes as what a hostile Client sends, to a shard that has a well-behaved one.

use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use broker_core::topic::{TopicFilter, TopicName};
use broker_core::{
    Admission, CloseCause, ConnectionKey, Identity, Limits, Policy, Principal, QoS, Rights, Shard,
    ShardGroup, Statistics, Time,
};

/// The well-behaved Client, whose name nobody else may have. It subscribes to `w` and publishes there.
const WITNESS: &str = "witness";
/// Most that may wait for a Client that does not read: what the limits of the output, of the inflight
/// window and of a packet add up to, and its answers.
const PENDING_MAX: usize = 64 << 10;

/// One shard, for many hostile streams: each leaves nothing behind, or `check` panics.
pub(crate) struct World {
    shard: Shard,
    gate: Arc<Gate>,
    now: Time,
    witness: ConnectionKey,
    /// Hostile Network Connections so far.
    opened: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut limits = Limits::default();
        limits.packet_bytes_max = 4096;
        limits.connect_packet_bytes_max = 1024;
        limits.output_bytes_max = 4096;
        limits.inflight_max = 8;
        limits.receive_maximum = 4;
        limits.topic_alias_max = 3;
        limits.queued_messages_max = 8;
        limits.subscriptions_max = 16;
        limits.topic_levels_max = 8;
        limits.sessions_max = 8;
        limits.retained_messages_max = 8;
        let gate = Arc::new(Gate { closed: AtomicBool::new(false) });
        let policy: Arc<dyn Policy> = Arc::clone(&gate) as _;
        let group = Arc::new(ShardGroup::new(1, 42));
        let mut shard = Shard::new(group, 0, limits, None).with_policy(policy);
        let now = Time::ZERO;
        let witness = shard.open(now);
        let user_name = Some(WITNESS.into());
        shard.admit(
            witness,
            Admission::Granted(Principal { user_name, mark: 0, is_certified: false }),
        );
        shard.handle_bytes(now, witness, b"\x10\x13\x00\x04MQTT\x04\x02\x00\x00\x00\x07witness");
        shard.handle_bytes(now, witness, b"\x82\x06\x00\x01\x00\x01w\x01");
        let mut world = Self { shard, gate, now, witness, opened: 0 };
        let answers = world.take(witness);
        assert_eq!(answers, b"\x20\x02\x00\x00\x90\x03\x00\x01\x01");
        world.check_witness();
        world
    }

    /// Lets the shard receive `input`; its first byte says in which pieces, whether the connection is
    /// lost half-way, and whether the Client reads what it is sent. Returns what was counted so far.
    pub(crate) fn check(&mut self, input: &[u8]) -> Statistics {
        let (how, stream) = input.split_first().unwrap_or((&0, &[]));
        let piece = [usize::MAX, 1, 2, 3, 5, 16, 61, 200][usize::from(how & 7)];
        let middle = if how & 8 == 0 { 0 } else { stream.len() / 2 };
        let reads = how & 16 == 0;
        let (before, after) = stream.split_at(middle);
        for stream in [before, after] {
            self.run(stream, piece, reads);
        }
        self.check_witness();
        self.clean_up()
    }

    fn run(&mut self, stream: &[u8], piece: usize, reads: bool) {
        let mut client = self.open();
        for bytes in stream.chunks(piece.min(stream.len().max(1))) {
            self.pass(1);
            self.shard.handle_bytes(self.now, client, bytes);
            if reads {
                check_packets(&self.take(client));
            }
            if self.settle(client) {
                client = self.open();
            }
        }
        self.shard.handle_closed(self.now, client, CloseCause::Lost);
        self.settle(client);
    }

    fn open(&mut self) -> ConnectionKey {
        let client = self.shard.open(self.now);
        self.shard.admit(client, Admission::Granted(Principal::default()));
        self.opened += 1;
        client
    }

    fn pass(&mut self, milliseconds: u64) {
        self.now = self.now + Duration::from_millis(milliseconds);
        self.shard.handle_timeout(self.now);
    }

    /// Removes what is closed; returns whether `client` is.
    fn settle(&mut self, client: ConnectionKey) -> bool {
        let pending = self.pending(client);
        assert!(pending <= PENDING_MAX, "{pending} bytes wait for a Client that does not read");
        let mut over = false;
        while let Some(closed) = self.shard.poll_closed() {
            assert_ne!(closed.key, self.witness, "{closed:?}");
            check_packets(&self.take(closed.key));
            self.shard.remove(closed.key);
            over |= closed.key == client;
        }
        over
    }

    fn pending(&self, key: ConnectionKey) -> usize {
        self.shard.output(key).map_or(0, broker_core::Output::pending)
    }

    /// Reads all that waits for a connection.
    fn take(&mut self, key: ConnectionKey) -> Vec<u8> {
        let mut taken = Vec::new();
        while let Some(output) = self.shard.output(key).filter(|output| output.pending() > 0) {
            let mut slices = [IoSlice::new(&[]); 8];
            let count = output.slices(&mut slices);
            let before = taken.len();
            slices[..count].iter().for_each(|slice| taken.extend_from_slice(slice));
            let count = taken.len() - before;
            assert!(count > 0, "bytes wait and cannot be had");
            self.shard.advance(key, count);
        }
        taken
    }

    /// The witness reads and acknowledges all there is.
    fn read_as_witness(&mut self) {
        loop {
            let mut acknowledgements = Vec::new();
            let received = self.take(self.witness);
            for packet in check_packets(&received) {
                assert_eq!(packet[0] & 0xf4, 0x30, "a PUBLISH at QoS 0 or 1: {packet:02x?}");
                if packet[0] & 2 != 0 {
                    acknowledgements.extend([0x40, 2]);
                    acknowledgements.extend_from_slice(identifier(packet));
                }
            }
            if acknowledgements.is_empty() {
                return;
            }
            self.shard.handle_bytes(self.now, self.witness, &acknowledgements);
        }
    }

    /// The witness publishes to itself: that, and an answer, is what it gets.
    fn check_witness(&mut self) {
        self.read_as_witness();
        self.shard.handle_bytes(self.now, self.witness, b"\x32\x06\x00\x01w\x00\x01x\xc0\x00");
        let received = self.take(self.witness);
        let packets = check_packets(&received);
        let [publish, b"\x40\x02\x00\x01", b"\xd0\x00"] = packets[..] else {
            panic!("the witness got {packets:02x?}")
        };
        assert_eq!(
            (publish[0], &publish[..5], publish[7]),
            (0x32, &b"\x32\x06\x00\x01w"[..], b'x')
        );
        let puback = [&[0x40, 2], identifier(publish)].concat();
        self.shard.handle_bytes(self.now, self.witness, &puback);
        assert!(self.take(self.witness).is_empty());
    }

    /// Withdraws all rights but those of the witness, and lets time pass: nobody else is left.
    fn clean_up(&mut self) -> Statistics {
        let s = self.shard.statistics();
        if (s.sessions, s.retained_messages) != (1, 0) {
            self.gate.closed.store(true, Ordering::Relaxed);
            self.shard.recheck_access();
            self.gate.closed.store(false, Ordering::Relaxed);
        }
        self.pass(120_000);
        self.settle(self.witness);
        self.read_as_witness();
        let s = self.shard.statistics();
        assert_eq!((s.connections, s.sessions, s.subscriptions), (1, 1, 1), "{s:?}");
        assert_eq!((s.retained_messages, s.retained_bytes), (0, 0), "{s:?}");
        assert_eq!(s.connections_opened, self.opened + 1);
        let ends = s.disconnects
            + s.connections_lost
            + s.protocol_violations
            + s.connects_refused
            + s.take_overs
            + s.keep_alive_timeouts
            + s.connect_timeouts;
        assert_eq!(ends, self.opened, "each end counts once: {s:?}");
        assert_eq!(self.shard.poll_timeout(), None, "a timer is left");
        self.shard.take_dirty(&mut Vec::new());
        assert!(!self.shard.has_work());
        s
    }
}

/// Lets everybody do everything, but nobody call itself the witness; while it is closed, only the witness.
struct Gate {
    closed: AtomicBool,
}

struct All;

impl Policy for Gate {
    fn rights(&self, client: &Arc<Identity>) -> Option<Arc<dyn Rights>> {
        let is_witness = client.principal.user_name.as_deref() == Some(WITNESS);
        let named_so = &*client.client_identifier == WITNESS;
        let may = is_witness || (!named_so && !self.closed.load(Ordering::Relaxed));
        may.then(|| Arc::new(All) as _)
    }
}

impl Rights for All {
    fn may_publish(&self, _: TopicName<'_>, _: QoS, _: bool) -> bool {
        true
    }

    fn may_subscribe(&self, _: TopicFilter<'_>, _: QoS) -> bool {
        true
    }

    fn may_receive(&self, _: TopicName<'_>) -> bool {
        true
    }
}

/// Splits what a Server has sent into packets, which are whole and such as a Server sends.
fn check_packets(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut packets = Vec::new();
    while let [first, rest @ ..] = bytes {
        let types = [2, 3, 4, 5, 6, 7, 9, 11, 13, 14, 15];
        assert!(types.contains(&(first >> 4)), "{bytes:02x?} is of no Server");
        let digits = 1 + rest.iter().take_while(|&&byte| byte & 0x80 != 0).count();
        let digit = |(index, &byte): (usize, &u8)| usize::from(byte & 0x7f) << (7 * index);
        let remaining: usize = rest[..digits].iter().enumerate().map(digit).sum();
        let (packet, after) = bytes.split_at(1 + digits + remaining);
        packets.push(packet);
        bytes = after;
    }
    packets
}

/// The Packet Identifier of a PUBLISH of MQTT 3.1.1, which has one.
fn identifier(packet: &[u8]) -> &[u8] {
    let digits = packet[1..].iter().take_while(|&&byte| byte & 0x80 != 0).count();
    let topic = &packet[2 + digits..];
    let length = usize::from(u16::from_be_bytes([topic[0], topic[1]]));
    &topic[2 + length..4 + length]
}
