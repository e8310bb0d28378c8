//! What can be typed, and what it means.

use clap::CommandFactory;

use super::*;

fn parse(arguments: &str) -> Cli {
    Cli::try_parse_from(arguments.split_whitespace()).unwrap()
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn the_documented_invocations_parse() {
    let examples = EXAMPLES.lines().map(str::trim).filter(|line| line.starts_with("loadgen"));
    let mut count = 0;
    for line in examples {
        parse(&line.replace('\'', ""));
        count += 1;
    }
    assert_eq!(count, 12);
}

#[test]
fn what_is_not_typed_is_left_to_the_scenario() {
    let cli = parse("loadgen --clients 5000 --rate 3s");
    assert_eq!(cli.clients.clients, Some(5000));
    assert_eq!(cli.messages.rate, Some(Rate::Period(Duration::from_secs(3))));
    assert!(!cli.messages.no_retain);
    assert_eq!(cli.broker.broker, None);
    assert_eq!((cli.messages.qos, cli.messages.sub_qos, cli.messages.seed), (None, None, None));
    assert_eq!((cli.time.duration, cli.time.warmup), (None, None));
}

#[test]
fn flags_that_describe_publishers_and_subscribers_need_no_scenario() {
    for flags in ["--topology pairs", "-t a", "--publishers 3", "--will-topic a"] {
        for source in ["--scenario churn", "--replay summary.json"] {
            let words = format!("loadgen {source} {flags}");
            assert!(Cli::try_parse_from(words.split_whitespace()).is_err(), "{words}");
        }
    }
    assert!(parse("loadgen --scenario churn -c 9 -d 2s --rate 1s").source.scenario.is_some());
    assert!(parse("loadgen scenarios show churn").command.is_some());
}

#[test]
fn h_is_the_host_and_help_is_long() {
    let cli = parse("loadgen -h 10.0.0.1 -p 1884");
    assert_eq!(cli.broker.host.as_deref(), Some("10.0.0.1"));
    assert_eq!(cli.broker.port, Some(1884));
    let help = Cli::try_parse_from(["loadgen", "--help"]).unwrap_err();
    assert_eq!(help.kind(), clap::error::ErrorKind::DisplayHelp);
}

#[test]
fn times_are_seconds_or_have_a_unit() {
    assert_eq!(parse("loadgen -k 90").connection.keepalive, Some(90));
    assert_eq!(parse("loadgen -k 2m").connection.keepalive, Some(120));
    assert_eq!(parse("loadgen --session-expiry 1h").connection.session_expiry, Some(3600));
    for wrong in ["-k 19h", "-k 1ms", "-k x", "--session-expiry 200years"] {
        let words = ["loadgen"].into_iter().chain(wrong.split_whitespace());
        assert!(Cli::try_parse_from(words).is_err(), "{wrong}");
    }
}

#[test]
fn versions_are_typed_as_people_say_them() {
    assert_eq!(parse("loadgen").connection.mqtt_version, None);
    for (text, version) in
        [("3.1", Version::V31), ("3.1.1", Version::V311), ("5", Version::V5), ("5.0", Version::V5)]
    {
        assert_eq!(parse(&format!("loadgen -V {text}")).connection.mqtt_version, Some(version));
    }
    let version = Cli::try_parse_from(["loadgen", "--version"]).unwrap_err();
    assert_eq!(version.kind(), clap::error::ErrorKind::DisplayVersion);
}

#[test]
fn parts_of_a_whole_are_not_given_alone() {
    for alone in ["--cert a", "--key a", "--will-qos 1", "--insecure --cafile a"] {
        let words = ["loadgen"].into_iter().chain(alone.split_whitespace());
        assert!(Cli::try_parse_from(words).is_err(), "{alone}");
    }
}

#[test]
fn retain_is_the_last_that_was_said() {
    assert!(parse("loadgen -r --no-retain").messages.no_retain);
    assert!(!parse("loadgen --no-retain --retain").messages.no_retain);
}

#[test]
fn two_ways_to_name_the_broker_do_not_mix() {
    let arguments = ["loadgen", "--broker", "mqtt://a:1", "-h", "b"];
    assert!(Cli::try_parse_from(arguments).is_err());
}
