//! `--prometheus`, scraped while the run lasts.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::loadgen::Folder;

const DEADLINE: Duration = Duration::from_mins(1);

/// What `GET path` answers, head and body.
fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// The value of a metric in a scrape.
fn value(scrape: &str, name: &str) -> Option<f64> {
    let line = scrape.lines().find(|line| line.starts_with(&format!("{name} ")))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn a_scrape_has_what_is_expected_next_to_what_came() {
    let folder = Folder::new();
    let mut child = folder
        .start("--clients 10 --rate 50ms --warmup 1s --duration 30s --prometheus 127.0.0.1:0");
    // The first line but one names the port; the rest is read too, so that the pipe does not fill.
    let mut errors = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let line = errors.find(|line| line.starts_with("metrics at http://")).unwrap();
    let address = line.trim_start_matches("metrics at http://").trim_end_matches("/metrics");
    let address: SocketAddr = address.parse().unwrap();
    let reader = thread::spawn(move || errors.for_each(drop));
    let start = Instant::now();
    let scrape = loop {
        let scrape = get(address, "/metrics");
        if value(&scrape, "loadgen_deliveries_total").is_some_and(|count| count > 0.0) {
            break scrape;
        }
        assert!(start.elapsed() < DEADLINE, "{scrape}");
        thread::sleep(Duration::from_millis(50));
    };
    assert!(scrape.starts_with("HTTP/1.1 200 OK\r\n"), "{scrape}");
    assert!(scrape.contains("application/openmetrics-text"), "{scrape}");
    assert!(scrape.ends_with("# EOF\n"), "{scrape}");
    let of = |name| value(&scrape, name).unwrap_or_else(|| panic!("no {name} in {scrape}"));
    assert!(of("loadgen_expected_publications_total") >= of("loadgen_publications_total"));
    assert!(of("loadgen_expected_deliveries_total") >= of("loadgen_deliveries_total"));
    let is = |name, expected: f64| assert!((of(name) - expected).abs() < 0.5, "{name} in {scrape}");
    is("loadgen_expected_publications_per_second", 100.0);
    is("loadgen_expected_deliveries_per_second", 500.0);
    is("loadgen_connections", 10.0);
    let samples = of("loadgen_delivery_latency_seconds_count");
    is("loadgen_delivery_latency_seconds_bucket{le=\"+Inf\"}", samples);
    assert!(get(address, "/").starts_with("HTTP/1.1 404 "));
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
}

#[test]
fn an_address_that_is_taken_ends_the_run_before_it_begins() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let folder = Folder::new();
    let child = folder.start(&format!("--clients 4 --prometheus {address}"));
    let run = folder.wait(child);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(
        run.stderr.contains(&format!("metrics cannot be served at {address}")),
        "{}",
        run.stderr
    );
}
