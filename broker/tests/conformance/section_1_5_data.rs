//! MQTT 1.5: UTF-8 encoded strings.

use crate::support::packets::{Connect, field, packet};
use crate::support::{Server, everywhere};

/// Sends a string at every place that a Client can put one; each time the broker must close.
fn refused_everywhere(server: &Server, string: &[u8]) {
    let string = &field(string);
    let first = Connect::new("");
    let will = [field(b"a"), string.clone(), field(b"")].concat();
    let user_name = [field(b"a"), string.clone()].concat();
    for (flags, payload) in [(0x02, string), (0x06, &will), (0x82, &user_name)] {
        let mut client = server.open();
        client.send(&first.bytes_with(flags, payload));
        client.expect_closed();
    }
    let publish = packet(0x30, &[string, b"payload"]);
    let subscribe = packet(0x82, &[&[0, 1], string, &[0]]);
    let unsubscribe = packet(0xa2, &[&[0, 1], string]);
    for bytes in [publish, subscribe, unsubscribe] {
        let mut client = server.client("speaker");
        client.send(&bytes);
        client.expect_closed();
    }
}

/// [MQTT-1.5.3-1] A string that is not well-formed UTF-8, such as one with a surrogate, makes the
/// broker close the connection, wherever it stands.
#[test]
fn mqtt_1_5_3_1_ill_formed_utf8_closes() {
    everywhere(|server| {
        let surrogate = b"a\xed\xa0\x80";
        let overlong = b"a\xc0\xaf";
        let cut_off = b"a\xe2\x82";
        let above_unicode = b"a\xf4\x90\x80\x80";
        let continuation = b"\x80a";
        for string in [&surrogate[..], overlong, cut_off, above_unicode, continuation] {
            refused_everywhere(server, string);
        }
    });
}

/// [MQTT-1.5.3-2] A string with U+0000 makes the broker close the connection.
#[test]
fn mqtt_1_5_3_2_null_character_closes() {
    everywhere(|server| refused_everywhere(server, b"a\0b"));
}

/// [MQTT-1.5.3-3] EF BB BF is the character U+FEFF wherever it stands, and is never left out.
#[test]
fn mqtt_1_5_3_3_byte_order_mark_is_kept() {
    everywhere(|server| {
        let mut subscriber = server.client("subscriber");
        let mut publisher = server.client("publisher");
        subscriber.subscribe("\u{feff}a/\u{feff}", 0);
        publisher.publish("a/", "without");
        publisher.publish("a/\u{feff}", "with one");
        publisher.publish("\u{feff}a/\u{feff}", "with both");
        subscriber.expect_message("\u{feff}a/\u{feff}", "with both");
    });
}
