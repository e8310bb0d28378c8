//! The file and its errors.

use std::collections::BTreeSet;

use super::*;

const EXAMPLE: &str = include_str!("../../kelvin.example.toml");

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Path::new("kelvin.toml"), text)
}

#[track_caller]
fn error(text: &str) -> String {
    parse(text).and_then(Config::resolve).expect_err("it is wrong").to_string()
}

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(parse("").expect("nothing is wrong"), Config::default());
}

#[test]
fn the_example_says_the_defaults() {
    assert_eq!(parse(EXAMPLE).expect("the example is right"), Config::default());
}

/// All keys of a table, with the names of the sections.
fn keys(table: &toml::Table) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for (name, value) in table {
        match value {
            toml::Value::Table(section) => {
                keys.extend(section.keys().map(|key| format!("{name}.{key}")));
            }
            _ => drop(keys.insert(name.clone())),
        }
    }
    keys
}

#[test]
fn the_example_names_every_setting() {
    let uncommented: Vec<&str> = EXAMPLE
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| rest.contains(" = ")).unwrap_or(line))
        .filter(|line| !line.starts_with('#'))
        .collect();
    let uncommented = uncommented.join("\n");
    let config = parse(&uncommented).expect("its settings without a default are right too");
    assert_eq!(config.limits.connections_max, Some(broker::Limits::default().connections_max));
    let named: toml::Table = toml::from_str(&uncommented).expect("it was read just now");
    let all = toml::Table::try_from(Config::complete()).expect("a configuration is TOML");
    assert_eq!(keys(&named), keys(&all));
}

/// A limit that is added to the broker is to be found in the file.
#[test]
fn every_limit_is_a_setting() {
    let limits = format!("{:#?}", broker::Limits::default());
    let all = toml::Table::try_from(Config::complete()).expect("a configuration is TOML");
    let all = keys(&all);
    let fields = limits.lines().filter_map(|line| line.trim().split_once(": "));
    for (field, value) in fields {
        let unit = if value.ends_with("s,") { "_seconds" } else { "" };
        assert!(all.contains(&format!("limits.{field}{unit}")), "{field} cannot be set");
    }
}

#[test]
fn what_is_printed_reads_the_same() {
    for config in [Config::default(), Config::complete()] {
        let text = toml::to_string(&config).expect("a configuration is TOML");
        assert_eq!(parse(&text).expect("it was written so"), config);
    }
}

#[test]
fn unknown_keys_are_named_with_their_line_and_what_was_meant() {
    for (text, expected) in [
        ("shard = 2", "line 1: unknown key `shard`; did you mean `shards`?"),
        (
            "\n[limits]\n\nconections_max = 3",
            "line 4: unknown key `limits.conections_max`; did you mean `connections_max` in [limits]?",
        ),
        (
            "password_file = 'x'",
            "line 1: unknown key `password_file`; did you mean `password_file` in [access]?",
        ),
        ("[acces]\nacl_file = 'x'", "line 1: unknown key `acces`; did you mean `access`?"),
        ("shards = 1\nxyz = 2", "line 2: unknown key `xyz`"),
    ] {
        let error = error(text);
        assert_eq!(error, format!("kelvin.toml, {expected}"));
    }
}

#[test]
fn wrong_values_are_named_with_their_line() {
    for text in [
        "\nshards = 0",
        "\nshards = 'two'",
        "\nlog_level = 'loud'",
        "\nlimits.inflight_max = 70000",
        "\nlimits.packet_bytes_max = -1",
        "\nlisteners = 1883",
        "\nshards = ",
    ] {
        let error = error(text);
        assert!(error.contains("kelvin.toml: ") && error.contains("line 2"), "{error}");
    }
}

#[test]
fn a_limit_that_lets_nothing_through_is_refused() {
    assert_eq!(error("limits.inflight_max = 0"), "limits.inflight_max must be at least 1");
    assert_eq!(error("limits.connections_max = 0"), "limits.connections_max must be at least 1");
}

#[test]
fn every_feature_is_a_setting() {
    let features = format!("{:#?}", broker::Features::default());
    let all = toml::Table::try_from(Config::complete()).expect("a configuration is TOML");
    let all = keys(&all);
    for (field, _) in features.lines().filter_map(|line| line.trim().split_once(": ")) {
        assert!(all.contains(&format!("features.{field}")), "{field} cannot be set");
    }
}

#[test]
fn features_are_those_of_the_file() {
    let text = "[features]\nmaximum_qos = 1\nretain_available = false\n\
        wildcard_subscription_available = false\nsubscription_identifier_available = false\n\
        shared_subscription_available = false\ncheck_payload_format = true\n\
        response_information = 'answers'\nserver_reference = 'other'\n";
    let features = parse(text).expect("it can be read").features.features().expect("good values");
    let mut expected = broker::Features::default();
    expected.maximum_qos = broker::QoS::AtLeastOnce;
    expected.retain_available = false;
    expected.wildcard_subscription_available = false;
    expected.subscription_identifier_available = false;
    expected.shared_subscription_available = false;
    expected.check_payload_format = true;
    expected.response_information = Some("answers".into());
    expected.server_reference = Some("other".into());
    assert_eq!(features, expected);
    assert_eq!(error("features.maximum_qos = 3"), "features.maximum_qos is 3; it is 0, 1 or 2");
    for text in ["", "a\\u0000"] {
        let error = error(&format!("features.server_reference = \"{text}\""));
        assert!(error.starts_with("features.server_reference"), "{error}");
    }
}

#[test]
fn certificates_may_prove_who_clients_are() {
    let tls = "[tls]\ncertificate_file = 'c'\nkey_file = 'k'\nuse_identity_as_username = true\n";
    let secure = "listeners = ['mqtts://192.0.2.1', 'mqtt://127.0.0.1']\n";
    let error_of = |listeners: &str, rest: &str| error(&format!("{listeners}{tls}{rest}"));
    let authority = "client_authority_file = 'a'\n";
    for rest in ["", "client_authority_file = 'a'\nclient_certificates = 'none'\n"] {
        assert!(error_of(secure, rest).contains("tls.client_authority_file"), "{rest}");
    }
    let config = parse(&format!("{secure}{tls}{authority}")).and_then(Config::resolve);
    let files = config.expect("nobody comes in unproved").access_files().expect("access control");
    assert!(files.certified_users && files.allow_anonymous);
    let open = "listeners = ['mqtts://192.0.2.1', 'mqtt://192.0.2.1']\n";
    assert!(error_of(open, authority).contains("--allow-anonymous"));
    let closed = format!("{secure}access.allow_anonymous = false\n{tls}{authority}");
    assert!(parse(&closed).and_then(Config::resolve).is_ok());
}

#[test]
fn listeners_are_urls() {
    assert!(error("listeners = []").starts_with("there is no listener"));
    assert!(error("listeners = ['mqtt//x']").contains("\"mqtt//x\""));
    assert!(error("tls.key_file = 'x'").starts_with("tls.certificate_file and tls.key_file"));
    for url in ["unix:/x", "ws://localhost", "mqtts://127.0.0.2", "wss://[::1]/x"] {
        assert!(
            parse(&format!("listeners = ['{url}']")).and_then(Config::resolve).is_ok(),
            "{url}"
        );
    }
    for url in ["ws://example.org", "mqtt://[::]", "mqtts://192.0.2.1"] {
        assert!(error(&format!("listeners = ['{url}']")).contains("--allow-anonymous"), "{url}");
    }
}

#[test]
fn who_may_come_in_without_a_name_depends_on_the_rest() {
    let anonymous = |text: &str| {
        let config = parse(text).expect("it can be read").resolve();
        config.map(|config| config.access.allow_anonymous).ok()
    };
    let everywhere = "listeners = ['mqtt://127.0.0.1:1', 'mqtt://192.0.2.1:1']\n";
    for (text, on_loopback, on_all) in [
        ("", Some(Some(true)), None),
        ("access.acl_file = 'a'", Some(Some(true)), None),
        ("access.password_file = 'p'", Some(Some(false)), Some(Some(false))),
        ("access.allow_anonymous = true", Some(Some(true)), Some(Some(true))),
        ("access.allow_anonymous = false", None, None),
        (
            "access = { allow_anonymous = true, password_file = 'p' }",
            Some(Some(true)),
            Some(Some(true)),
        ),
    ] {
        assert_eq!(anonymous(text), on_loopback, "on loopback: {text}");
        assert_eq!(anonymous(&format!("{everywhere}{text}")), on_all, "on all: {text}");
    }
}
