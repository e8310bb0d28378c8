//! PUBACK packets that come in one read, [MQTT-4.3.2-3].

use super::{client, shard, take_output};
use crate::time::Time;

const NOW: Time = Time::from_millis(1);

#[test]
fn each_puback_of_a_read_counts_and_what_is_behind_them_is_handled() {
    let mut shard = shard(|limits| limits.inflight_max = 3);
    let publisher = client(&mut shard, NOW, b'p', 0);
    let subscriber = client(&mut shard, NOW, b's', 0);
    shard.handle_bytes(NOW, subscriber, b"\x82\x06\x00\x01\x00\x01t\x01");
    shard.handle_bytes(NOW, publisher, &b"\x32\x06\x00\x01t\x00\x01x".repeat(5));
    let sent = take_output(&mut shard, subscriber);
    let publish = |identifier| [0x32, 6, 0, 1, b't', 0, identifier, b'x'];
    assert_eq!(sent, [&b"\x90\x03\x00\x01\x01"[..], &[1, 2, 3].map(publish).concat()].concat());

    let before = shard.statistics();
    assert_eq!((before.messages_inflight, before.messages_queued), (3, 2));
    // The second one is the first again, and the end of the last has not come.
    let read = b"\x40\x02\x00\x01\x40\x02\x00\x01\x40\x02\x00\x03\xc0\x00\x40\x02\x00";
    shard.handle_bytes(NOW, subscriber, read);
    let after = shard.statistics();
    assert_eq!(after.packets_received - before.packets_received, 4);
    assert_eq!(after.acknowledgements_unknown, 1);
    assert_eq!((after.messages_inflight, after.messages_queued), (3, 0));
    let sent = take_output(&mut shard, subscriber);
    assert_eq!(sent, [&[4, 5].map(publish).concat()[..], b"\xd0\x00"].concat());

    shard.handle_bytes(NOW, subscriber, b"\x02");
    assert_eq!(shard.statistics().messages_inflight, 2);
    // An identifier of zero is no PUBACK of any kind, [MQTT-2.3.1-1].
    shard.handle_bytes(NOW, subscriber, b"\x40\x02\x00\x04\x40\x02\x00\x00");
    assert_eq!(shard.statistics().protocol_violations, 1);
    assert_eq!(shard.poll_closed().map(|closed| closed.key), Some(subscriber));
}
