//! What the command line answers before anything runs.

use crate::loadgen::loadgen;

#[test]
fn help_teaches_with_examples() {
    let run = loadgen("--help");
    assert_eq!(run.code, Some(0));
    for text in [
        "loadgen --clients 5000 --rate 3s",
        "Broker (the embedded one when none is named):",
        "-h, --host <HOST>",
        "TLS (mqtts:// and wss://):",
        "Connection (%i is the number of the client among its kind):",
        "-V, --mqtt-version <3.1|3.1.1|5>",
        "Exit status: 0 done",
    ] {
        assert!(run.stdout.contains(text), "{text} is not in {}", run.stdout);
    }
}

#[test]
fn a_wrong_usage_is_exit_status_2_and_names_the_cure() {
    let run = loadgen("--rate fast");
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("write 3s (a period per publisher)"), "{}", run.stderr);

    let run = loadgen("--topology pairs --clients 3");
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("try --clients 4"), "{}", run.stderr);

    let run = loadgen("--size 3");
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("the smallest is 33"), "{}", run.stderr);

    let run = loadgen("--topic-alias");
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("--topic-alias needs MQTT 5; add -V 5"), "{}", run.stderr);

    let run = loadgen("--cafile ca.pem");
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("the embedded one has none"), "{}", run.stderr);
}

#[test]
fn a_file_of_tls_that_is_not_there_is_named() {
    let run = loadgen("--broker mqtts://127.0.0.1 --cafile /dev/null/ca.pem");
    assert!(run.error().starts_with("--cafile /dev/null/ca.pem cannot be used"), "{}", run.error());
    let run = loadgen("--broker mqtts://127.0.0.1 --cafile /dev/null");
    assert!(run.error().ends_with("there is no certificate in it"), "{}", run.error());
}
