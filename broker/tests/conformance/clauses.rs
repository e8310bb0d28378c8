//! Holds the table of clauses against the tests that there are.

use std::collections::BTreeSet;

const TABLE: &str = include_str!("clauses.csv");

const SOURCES: [&str; 21] = [
    include_str!("../access/rights.rs"),
    include_str!("section_1_5_data.rs"),
    include_str!("section_2_2_fixed_header.rs"),
    include_str!("section_2_3_packet_identifier.rs"),
    include_str!("section_3_10_unsubscribe.rs"),
    include_str!("section_3_12_ping.rs"),
    include_str!("section_3_14_disconnect.rs"),
    include_str!("section_3_1_connect_flags.rs"),
    include_str!("section_3_1_connect_payload.rs"),
    include_str!("section_3_1_connect_session.rs"),
    include_str!("section_3_1_connect_will.rs"),
    include_str!("section_3_2_connack.rs"),
    include_str!("section_3_3_publish.rs"),
    include_str!("section_3_3_retain.rs"),
    include_str!("section_3_8_subscribe.rs"),
    include_str!("section_4_1_state.rs"),
    include_str!("section_4_3_delivery.rs"),
    include_str!("section_4_4_redelivery.rs"),
    include_str!("section_4_6_order.rs"),
    include_str!("section_4_7_topics.rs"),
    include_str!("section_4_8_errors.rs"),
];

/// Statements of the sections of MQTT 3.1.1, as its Appendix B numbers them.
const SECTIONS: [(&str, usize); 40] = [
    ("1.5.3", 3),
    ("2.2.2", 2),
    ("2.3.1", 7),
    ("3.1.0", 2),
    ("3.1.2", 24),
    ("3.1.3", 11),
    ("3.1.4", 5),
    ("3.2.0", 1),
    ("3.2.2", 6),
    ("3.3.1", 12),
    ("3.3.2", 3),
    ("3.3.4", 1),
    ("3.3.5", 2),
    ("3.6.1", 1),
    ("3.8.1", 1),
    ("3.8.3", 4),
    ("3.8.4", 6),
    ("3.9.3", 2),
    ("3.10.1", 1),
    ("3.10.3", 2),
    ("3.10.4", 6),
    ("3.12.4", 1),
    ("3.14.1", 1),
    ("3.14.4", 3),
    ("4.1.0", 2),
    ("4.2.0", 1),
    ("4.3.1", 1),
    ("4.3.2", 2),
    ("4.3.3", 2),
    ("4.4.0", 1),
    ("4.5.0", 2),
    ("4.6.0", 6),
    ("4.7.1", 3),
    ("4.7.2", 1),
    ("4.7.3", 4),
    ("4.8.0", 2),
    ("6.0.0", 4),
    ("7.0.0", 2),
    ("7.1.1", 1),
    ("7.1.2", 1),
];

/// Clause and status of each row.
fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.lines().skip(1).map(|row| row.split_once(',').expect("a row has two columns"))
}

/// Clause and documentation of each test whose name begins with a clause.
fn tests() -> Vec<(String, String)> {
    let mut tests = Vec::new();
    for source in SOURCES {
        let mut documentation = String::new();
        for line in source.lines() {
            if let Some(text) = line.strip_prefix("/// ") {
                documentation.push_str(text);
            } else if let Some(name) = line.strip_prefix("fn mqtt_") {
                let numbers: Vec<_> = name.splitn(5, '_').take(4).collect();
                let clause = format!("MQTT-{}-{}", numbers[..3].join("."), numbers[3]);
                tests.push((clause, std::mem::take(&mut documentation)));
            } else if !line.starts_with('#') {
                documentation.clear();
            }
        }
    }
    tests
}

#[test]
fn the_table_lists_every_clause_once_and_in_order() {
    let expected = SECTIONS.iter().flat_map(|(section, count)| {
        (1..=*count).map(move |number| format!("MQTT-{section}-{number}"))
    });
    let listed: Vec<_> = rows().map(|(clause, _)| clause.to_owned()).collect();
    assert_eq!(listed, expected.collect::<Vec<_>>());
}

#[test]
fn every_clause_has_tests_or_a_reason() {
    let tested: BTreeSet<_> = tests().into_iter().map(|(clause, _)| clause).collect();
    let mut counts = [0; 3];
    for (clause, status) in rows() {
        let index = match status {
            "tested" => 0,
            "client-only" => 1,
            reason => {
                assert!(reason.len() > 20, "{clause}: {reason:?} is no reason");
                2
            }
        };
        counts[index] += 1;
        // A Client's duty may still have a test of what the broker does when it is not met.
        if index != 1 {
            assert_eq!(tested.contains(clause), index == 0, "{clause}: {status}");
        }
    }
    let listed: BTreeSet<_> = rows().map(|(clause, _)| clause.to_owned()).collect();
    assert!(tested.is_subset(&listed), "tests of clauses that are not in the table");
    let [tested, client_only, reasons] = counts;
    println!("{tested} clauses tested, {client_only} for clients only, {reasons} with a reason");
}

#[test]
fn every_test_names_its_clause_in_its_documentation() {
    for (clause, documentation) in tests() {
        assert!(documentation.starts_with(&format!("[{clause}]")), "{clause}: {documentation:?}");
    }
}
