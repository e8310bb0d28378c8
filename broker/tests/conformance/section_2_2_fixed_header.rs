//! MQTT 2.2: the fixed header.

use crate::support::everywhere;
use crate::support::packets::{
    Connect, DISCONNECT, PINGREQ, Publish, puback, pubcomp, pubrec, pubrel, subscribe, unsubscribe,
};

/// [MQTT-2.2.2-1] Reserved flag bits are as the table says in all that the broker sends.
#[test]
fn mqtt_2_2_2_1_reserved_flags_are_sent_as_listed() {
    everywhere(|server| {
        let mut client = server.open();
        client.send(&server.connect("client").bytes());
        assert_eq!(client.receive()[0], 0x20, "CONNACK");
        client.send(&subscribe(1, &[("a", 2)]));
        assert_eq!(client.receive()[0], 0x90, "SUBACK");
        client.send(&Publish::new("b", "").qos(1, 2).bytes());
        assert_eq!(client.receive()[0], 0x40, "PUBACK");
        client.send(&Publish::new("b", "").qos(2, 3).bytes());
        assert_eq!(client.receive()[0], 0x50, "PUBREC");
        client.send(&pubrel(3));
        assert_eq!(client.receive()[0], 0x70, "PUBCOMP");
        client.publish("a", "for QoS 0");
        assert_eq!(client.receive()[0], 0x30, "PUBLISH");
        client.send(&pubrec(9));
        assert_eq!(client.receive()[0], 0x62, "PUBREL");
        client.send(&unsubscribe(4, &["a"]));
        assert_eq!(client.receive()[0], 0xb0, "UNSUBACK");
        client.send(&PINGREQ);
        assert_eq!(client.receive()[0], 0xd0, "PINGRESP");
    });
}

/// [MQTT-2.2.2-2] A packet whose flags are not as the table says makes the broker close.
#[test]
fn mqtt_2_2_2_2_invalid_flags_close() {
    everywhere(|server| {
        let packets = [
            puback(1),
            pubrec(1),
            pubrel(1),
            pubcomp(1),
            subscribe(1, &[("a", 0)]),
            unsubscribe(1, &["a"]),
            PINGREQ.to_vec(),
            DISCONNECT.to_vec(),
        ];
        for good in packets {
            for flags in (0..16).filter(|&flags| flags != good[0] & 0x0f) {
                let mut bad = good.clone();
                bad[0] = good[0] & 0xf0 | flags;
                let mut client = server.client("client");
                client.send(&bad);
                client.expect_closed();
            }
        }
        for flags in 1..16 {
            let mut bad = server.connect("client").bytes();
            bad[0] |= flags;
            let mut client = server.open();
            client.send(&bad);
            client.expect_closed();
        }
    });
}

/// MQTT 3.1, 2.1: a Client that sends PUBREL, SUBSCRIBE or UNSUBSCRIBE again sets DUP, which later versions reserve.
#[test]
fn dup_of_what_is_sent_again_is_accepted_at_3_1() {
    everywhere(|server| {
        let connect = Connect { protocol: ("MQIsdp", 3), ..server.connect("client") }.bytes();
        let again = |mut packet: Vec<u8>| {
            packet[0] |= 0b1000;
            packet
        };
        let mut client = server.open();
        client.send(&connect);
        client.expect(&[0x20, 2, 0, 0]);
        client.send(&again(subscribe(1, &[("a", 0)])));
        client.expect(&[0x90, 3, 0, 1, 0]);
        client.send(&again(unsubscribe(2, &["a"])));
        client.expect(&[0xb0, 2, 0, 2]);
        client.send(&Publish::new("b", "").qos(2, 3).bytes());
        client.expect(&pubrec(3));
        client.send(&again(pubrel(3)));
        client.expect(&pubcomp(3));
        // The other packets are never sent again.
        client.send(&again(PINGREQ.to_vec()));
        client.expect_closed();
    });
}
