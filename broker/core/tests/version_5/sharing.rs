//! Shared subscriptions, MQTT 5.0 4.8.2.

use crate::broker::{Broker, Link, client};
use crate::wire::{Packet, publish};

/// Members of one group, each on a shard of its own while there are enough.
fn members(broker: &mut Broker, count: usize, filter: &str, qos: u8) -> Vec<Link> {
    let join = |number: usize| {
        let name = member(broker, filter, number);
        let link = broker.begin(&client(&name).kept(1000));
        assert_eq!(broker.subscribe(link, filter, qos, 0), qos);
        link
    };
    (0..count).map(join).collect()
}

/// The Client Identifier of a member.
fn member(broker: &Broker, filter: &str, number: usize) -> String {
    broker.name_on(number % broker.shards.len(), &format!("{filter} {number} "))
}

/// A Topic Filter whose group is at home on a shard.
fn filter_on(broker: &Broker, shard: usize) -> String {
    (0..1000)
        .map(|number| format!("$share/group{number}/a/+"))
        .find(|filter| broker.shard_of(filter) == shard)
        .expect("one of a thousand")
}

fn numbers(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|number| number.to_string().into_bytes()).collect()
}

/// Each message goes to one member, they take turns, and each gets what was published and not what
/// went out before.
#[test]
fn members_take_turns_wherever_they_are() {
    for shards in 1..4 {
        for home in 0..shards {
            let mut broker = Broker::new(shards);
            let filter = filter_on(&broker, home);
            let links = members(&mut broker, 3, &filter, 0);
            let publisher = broker.begin(&client("publisher"));
            for payload in numbers(9) {
                broker.publish(publisher, &publish("a/b", payload));
            }
            let got: Vec<_> = links.iter().map(|&link| broker.payloads(link)).collect();
            assert_eq!(got.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 3], "turns");
            let mut all = got.concat();
            all.sort_unstable();
            assert_eq!(all, numbers(9), "{shards} shards, home {home}");
        }
    }
}

/// Groups, and subscriptions that are not shared, get their copies each.
#[test]
fn each_group_and_each_other_subscriber_gets_each_message() {
    let large = vec![b'x'; 5000];
    for qos in [0, 1] {
        let mut broker = Broker::new(1);
        let mut links = members(&mut broker, 2, "$share/one/a/b", 0);
        links.extend(members(&mut broker, 1, "$share/two/a/#", 1));
        let plain = broker.begin(&client("plain"));
        assert_eq!(broker.subscribe(plain, "a/b", 0, 0), 0);
        let publisher = broker.begin(&client("publisher"));
        for payload in [&b"1"[..], &large, b"2"] {
            broker.publish(publisher, &publish("a/b", payload).at(qos, qos.into()));
        }
        let expected = [b"1".to_vec(), large.clone(), b"2".to_vec()];
        assert_eq!(broker.payloads(plain), expected);
        let [first, second, other] = [0, 1, 2].map(|index| broker.payloads(links[index]));
        assert_eq!([&first[0], &second[0], &first[1]], [&expected[0], &expected[1], &expected[2]]);
        assert_eq!(other, expected);
    }
}

/// [`each_group_and_each_other_subscriber_gets_each_message`] with nothing but groups, so that no
/// other subscriber makes the packets ready.
#[test]
fn groups_at_different_qos_get_whole_packets_each() {
    let mut broker = Broker::new(1);
    let links: Vec<_> = [(0, "a"), (1, "b"), (0, "c"), (2, "d")]
        .into_iter()
        .flat_map(|(qos, name)| members_of(&mut broker, name, qos))
        .collect();
    let publisher = broker.begin(&client("publisher"));
    for payload in [vec![b'1'; 10], vec![b'2'; 5000], vec![b'3'; 10], vec![b'4'; 5000]] {
        broker.publish(publisher, &publish("t", &payload).at(2, 1));
        broker.acknowledge(publisher, 0x62, 1);
        for &link in &links {
            assert_eq!(broker.payloads(link), [&payload[..]]);
        }
    }
}

fn members_of(broker: &mut Broker, name: &str, qos: u8) -> Vec<Link> {
    let link = broker.begin(&client(name));
    assert_eq!(broker.subscribe(link, &format!("$share/{name}/t"), qos, 0), qos);
    vec![link]
}

/// A member that is not there gets nothing while another one is.
#[test]
fn members_that_are_there_come_first() {
    for shards in 1..3 {
        let mut broker = Broker::new(shards);
        let filter = filter_on(&broker, shards - 1);
        let links = members(&mut broker, 3, &filter, 1);
        let publisher = broker.begin(&client("publisher"));
        broker.lose(links[1]);
        for payload in numbers(6) {
            broker.publish(publisher, &publish("a/b", payload));
        }
        assert_eq!(broker.payloads(links[0]).len(), 3);
        assert_eq!(broker.payloads(links[2]).len(), 3);
    }
}

/// When nobody is there, the sessions keep what can be kept, and the Clients find it there.
#[test]
fn messages_wait_when_no_member_is_there() {
    for shards in 1..3 {
        let mut broker = Broker::new(shards);
        let filter = filter_on(&broker, 0);
        let links = members(&mut broker, 2, &filter, 1);
        for &link in &links {
            broker.lose(link);
        }
        let publisher = broker.begin(&client("publisher"));
        for payload in numbers(4) {
            broker.publish(publisher, &publish("a/b", payload).at(1, 1));
        }
        let mut all = Vec::new();
        for number in 0..2 {
            let name = member(&broker, &filter, number);
            let (link, present) = broker.connect(&client(&name).going_on());
            assert!(present);
            let got = broker.payloads(link);
            assert_eq!(got.len(), 2);
            all.extend(got);
        }
        all.sort_unstable();
        assert_eq!(all, numbers(4));
    }
}

/// Whoever leaves, by UNSUBSCRIBE or at the end of its session, leaves no trace: no shard forwards
/// to another any more.
#[test]
fn a_group_ends_with_its_last_member() {
    let mut broker = Broker::new(3);
    let filter = filter_on(&broker, 0);
    let links = members(&mut broker, 4, &filter, 0);
    assert_eq!(broker.statistics().subscriptions, 4);
    // Again, with other options: no member more.
    assert_eq!(broker.subscribe(links[1], &filter, 1, 0), 1);
    assert_eq!(broker.statistics().subscriptions, 4);
    broker.unsubscribe(links[0], &filter);
    broker.disconnect(links[1], 0, &[crate::wire::seconds(crate::wire::SESSION_EXPIRY, 0)]);
    let publisher = broker.begin(&client("publisher"));
    for payload in numbers(4) {
        broker.publish(publisher, &publish("a/b", payload));
    }
    assert_eq!(links[2..].iter().map(|&link| broker.payloads(link).len()).sum::<usize>(), 4);
    assert_eq!(broker.payloads(links[0]).len(), 0);
    broker.lose(links[2]);
    broker.pass(std::time::Duration::from_secs(1001));
    broker.unsubscribe(links[3], &filter);
    assert_eq!(broker.statistics().subscriptions, 0);
    let before = broker.statistics().forwarded;
    for shard in 0..3 {
        let name = broker.name_on(shard, "other");
        let link = broker.begin(&client(&name));
        broker.publish(link, &publish("a/b", "x").at(1, 7));
        // 0x10: nobody there who wants it, MQTT 5.0 3.4.2.1.
        assert_eq!(broker.take(link), [Packet::Acknowledgement(0x40, 7, 0x10)]);
    }
    assert_eq!(broker.statistics().forwarded, before);
}

/// A Server may offer them to Clients of 3.1.1; what is no shared subscription is a plain filter
/// there, and a Protocol Error at 5.0.
#[test]
fn clients_of_both_versions_share() {
    let mut broker = Broker::new(1);
    let new = members(&mut broker, 1, "$share/g/t", 0)[0];
    let old = broker.begin(&client("old").of_3_1_1());
    assert_eq!(broker.subscribe(old, "$share/g/t", 0, 0), 0);
    let publisher = broker.begin(&client("publisher"));
    broker.publish(publisher, &publish("t", "1").retained());
    broker.publish(publisher, &publish("t", "2"));
    assert_eq!((broker.payloads(new).len(), broker.payloads(old).len()), (1, 1));
    // No retained messages, MQTT 5.0 4.8.2.
    broker.unsubscribe(new, "$share/g/t");
    broker.subscribe(new, "$share/g/t", 0, 0);
    assert_eq!(broker.messages(new), []);
}
