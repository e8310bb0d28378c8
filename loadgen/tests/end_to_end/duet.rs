//! Duets whose outcome no machine can change.

use std::net::{Ipv4Addr, SocketAddr};
use std::{env, thread};

use broker::topic::TopicName;
use broker::{Access, Broker, Credentials, Identity, Principal, QoS, Refusal};

use crate::loadgen::{Folder, Run};

/// Where the broker of [`lossy_broker`] listens.
const PORT: &str = "DUET_TEST_PORT";

/// Drops what is published.
#[derive(Debug)]
struct Lossy;

impl Access for Lossy {
    fn authenticate(&self, _: &Credentials<'_>) -> Result<Principal, Refusal> {
        Ok(Principal::default())
    }

    fn may_publish(&self, _: &Identity, _: TopicName<'_>, _: QoS, _: bool) -> bool {
        false
    }
}

/// No test: the process that plays in [`lost_deliveries_leave_no_verdict`], until it is killed.
#[test]
#[ignore = "no test by itself: `lost_deliveries_leave_no_verdict` starts it as a process, in every run"]
fn lossy_broker() {
    let Some(port) = env::var(PORT).ok().and_then(|port| port.parse().ok()) else { return };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let _broker = Broker::builder().listen(address).access(Lossy).start().unwrap();
    loop {
        thread::park();
    }
}

fn duet(folder: Folder, words: &str) -> Run {
    let child = folder.start_bare(&format!("duet {words}"));
    folder.wait(child)
}

#[test]
fn lost_deliveries_leave_no_verdict() {
    let folder = Folder::new();
    let itself = env::current_exe().unwrap();
    let description = format!(
        "command = ['{}', '--exact', '--ignored', 'duet::lossy_broker']\n[environment]\n{PORT} = '{{port}}'\n",
        itself.display()
    );
    let broker = folder.write("lossy.toml", &description).display().to_string();
    let load = "--topology pairs --clients 2 --rate 10/s -q 0 --no-retain";
    let run = duet(folder, &format!("--a {broker} --b {broker} --format json -- {load}"));
    assert_eq!(run.code, Some(5), "{}", run.stderr);
    let report: reports::regress::DuetReport = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report.verdict, reports::regress::Change::CannotMeasure);
    let reasons = report.loads.first().unwrap().reasons.join("\n");
    assert!(reasons.contains("A/A: the sides did not do the same work"), "{reasons}");
}

#[test]
fn a_broker_that_ends_is_told_in_its_own_words() {
    let folder = Folder::new();
    let dies = "command = ['sh', '-c', 'echo no room >&2; exit 7']";
    let dies = folder.write("dies.toml", dies).display().to_string();
    let run = duet(folder, &format!("--a {dies} --b {dies} --load fan-out"));
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(
        run.stderr.contains("error: broker A: it ended by itself")
            && run.stderr.contains("no room"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_broker_with_a_port_for_tls_gets_a_certificate() {
    let folder = Folder::new();
    let shows = "command = ['sh', '-c', 'cat {cert} {key} >&2; exit 7']\n[environment]\nPORT = '{tls_port}'\n";
    let shows = folder.write("shows.toml", shows).display().to_string();
    let run = duet(folder, &format!("--a {shows} --b {shows} --load pairs-tls"));
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    // Of its words the last are told.
    assert!(run.stderr.contains("-----END PRIVATE KEY-----"), "{}", run.stderr);
}

#[test]
fn what_makes_no_sense_is_said_before_a_broker_starts() {
    for (words, part) in [
        ("--a mqtt://127.0.0.1:1 --b kelvin", "a duet starts its brokers itself"),
        ("--a mosquito --b kelvin", "did you mean mosquitto?"),
        ("--a kelvin --b kelvin --load pears", "no load is called pears"),
        ("--a kelvin --b kelvin --load pairs-tls", "kelvin has no port for TLS"),
        ("--a kelvin --b kelvin --margin 5%", "write percent from 0 to 4"),
        ("--a kelvin --b kelvin -- --duration 3s", "--duration belongs to the duet"),
    ] {
        let run = duet(Folder::new(), words);
        assert_eq!(run.code, Some(2), "{words}: {}", run.stderr);
        assert!(run.stderr.contains(part), "{words}: {}", run.stderr);
    }
}
