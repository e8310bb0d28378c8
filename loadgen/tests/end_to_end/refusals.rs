//! Runs that cannot be carried out: one line that says why, exit status 3, and never a hang.

use std::net::TcpListener;
use std::process::Command;

use crate::loadgen::{Folder, loadgen};
use crate::scripted::{Broker, Script};

fn error_of(script: Script) -> String {
    let broker = Broker::start(script);
    let run = loadgen(&format!("--clients 4 --rate 1s -d 60s --quiet {}", broker.options()));
    assert_eq!(run.folder(), None, "nothing was measured");
    run.error().to_owned()
}

#[test]
fn a_broker_that_is_absent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let run = loadgen(&format!("--clients 2 --quiet -p {port}"));
    let expected = format!(
        "cannot connect to 127.0.0.1:{port}: connection refused; is a broker running there? Leave \
         --broker out to use the embedded one"
    );
    assert_eq!(run.error(), expected);
}

#[test]
fn a_broker_that_refuses_after_some() {
    let error = error_of(Script {
        connack: |number| match number {
            0..2 => Some(b"\x20\x02\x00\x00"),
            _ => Some(b"\x20\x02\x00\x03"),
        },
        ..Script::default()
    });
    assert!(error.contains("refused CONNECT: server unavailable (return code 3)"), "{error}");
    assert!(error.ends_with("(2 of 4 clients were connected)"), "{error}");
}

#[test]
fn a_broker_that_closes_instead_of_answering() {
    let error = error_of(Script { connack: |_| Some(b""), ..Script::default() });
    assert!(error.ends_with("closed the connection instead of answering CONNECT"), "{error}");
}

#[test]
fn a_broker_that_answers_nonsense() {
    let error = error_of(Script { connack: |_| Some(b"\xf0\x00"), ..Script::default() });
    assert!(error.starts_with("the handshake with 127.0.0.1:"), "{error}");
}

#[test]
fn a_broker_that_never_answers_connect() {
    let error = error_of(Script { connack: |_| None, ..Script::default() });
    assert!(error.ends_with("did not answer CONNECT within 10 s"), "{error}");
}

#[test]
fn a_broker_that_never_answers_subscribe() {
    let error = error_of(Script { suback: None, ..Script::default() });
    assert!(error.starts_with("only 0 of 2 clients were subscribed within 10 s"), "{error}");
}

#[test]
fn a_broker_that_refuses_the_subscription() {
    let error = error_of(Script { suback: Some(0x80), ..Script::default() });
    assert!(error.ends_with("the broker refused the subscription"), "{error}");
}

#[test]
fn a_folder_that_cannot_be_written_is_found_before_the_load() {
    let folder = Folder::new();
    let child = folder.start("--clients 2 -d 10m --quiet --out /dev/null");
    let run = folder.wait(child);
    assert!(run.error().contains("/dev/null"), "{}", run.error());
}

#[test]
fn a_host_without_an_address() {
    let run = loadgen("--clients 2 --quiet -h broker.invalid");
    assert!(run.error().starts_with("the address of broker.invalid is not known"));
}

#[test]
fn a_limit_of_open_files_that_is_too_low() {
    let script =
        format!("ulimit -n 128 && exec {} --clients 200 --quiet", env!("CARGO_BIN_EXE_loadgen"));
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with("error: 200 clients need 500 open files"), "{text}");
    assert!(text.contains("may open 128"), "{text}");
    assert!(text.contains("ulimit -n 500"), "{text}");
    assert!(text.contains("--clients 14"), "{text}");
}
