//! The memory of a broker that is a process of its own, so that nothing else counts.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::{env, fs, process};

use crate::support::client::Client;
use crate::support::packets::{Connect, Publish, puback, subscribe};

/// The binary, ended with its test.
struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    /// With a configuration that is given as text.
    fn start(name: &str, configuration: &str) -> Self {
        let file = env::temp_dir().join(format!("kelvin-{name}-{}.toml", process::id()));
        fs::write(&file, configuration).expect("a file can be written");
        let mut child = Command::new(env!("CARGO_BIN_EXE_broker"))
            .args(["--bind", "127.0.0.1", "--port", "0", "--config"])
            .arg(&file)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let mut lines = lines.map_while(Result::ok);
        let line = lines.find(|line| line.contains("mqtt://")).expect("it says where");
        // What it says later goes nowhere, but is taken.
        std::thread::spawn(move || lines.for_each(drop));
        fs::remove_file(&file).expect("it is there");
        let address = line.split("mqtt://").nth(1).and_then(|rest| rest.split(',').next());
        let address = address.and_then(|address| address.parse().ok()).expect("it says where");
        Self { child, address }
    }

    fn client(&self, name: &str) -> Client {
        let mut client = Client::open(self.address);
        client.send(&Connect::new(name).bytes());
        client.expect(&[0x20, 2, 0, 0]);
        client
    }

    fn resident_bytes(&self) -> usize {
        let file = format!("/proc/{}/statm", self.child.id());
        let pages = fs::read_to_string(file).expect("it runs");
        let pages = pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
        pages.expect("a number of pages") * rustix::param::page_size()
    }

    /// The bytes by which it grew since it had `before`.
    fn growth(&self, before: usize) -> usize {
        self.resident_bytes().saturating_sub(before)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let ended = self.child.kill().and_then(|()| self.child.wait());
        assert!(ended.is_ok() || std::thread::panicking(), "{ended:?}");
    }
}

/// CVE-2021-33175, CVE-2021-33176, CVE-2021-22116: packets that announce much and bring little. What is held
/// is what was sent: a hundred times 16 MiB would be 1.6 GiB.
#[test]
fn cve_2021_33175_announced_bytes_are_not_held() {
    let process = Process::start("announced", "");
    let mut witness = process.client("witness");
    let before = process.resident_bytes();
    let mut clients: Vec<_> = (0..100).map(|n| process.client(&format!("c{n}"))).collect();
    for client in &mut clients {
        client.send(&[0x30, 0xfb, 0xff, 0xff, 0x07, 0, 1, b'a']);
        client.send(&[0; 1000]);
        witness.expect_silence();
    }
    let growth = process.growth(before);
    assert!(growth < 64 << 20, "resident memory grew by {growth} bytes");
}

/// Retained messages of the next test, and the bytes of each: 64 MiB together.
const RETAINED: u16 = 16_384;
const RETAINED_BYTES: usize = 4096;

/// NanoMQ#2266, FlashMQ#156: each subscriber of a large retained set took as much memory again. Those who do
/// not read hold what the limit of the output says and no more; those who do get all of it.
#[test]
fn nanomq_2266_subscribers_of_a_large_retained_set_hold_little() {
    let process = Process::start("retained", "[limits]\noutput_bytes_max = 1048576\n");
    let mut publisher = process.client("publisher");
    for number in 0..RETAINED {
        let payload = vec![number.to_le_bytes()[0]; RETAINED_BYTES];
        publisher.send(
            &Publish::new(&format!("r/{number}"), payload).qos(1, 1 + number).retain().bytes(),
        );
        publisher.expect(&puback(1 + number));
    }
    let before = process.resident_bytes();
    let mut frozen: Vec<_> = (0..32).map(|n| process.client(&format!("frozen{n}"))).collect();
    for (number, client) in frozen.iter_mut().enumerate() {
        client.send(&subscribe(1, &[("r/#", u8::try_from(number % 2).unwrap_or_default())]));
        publisher.expect_silence();
    }
    let growth = process.growth(before);
    // 32 times 64 MiB would be 2 GiB.
    assert!(growth < 256 << 20, "resident memory grew by {growth} bytes for those who do not read");
    for name in ["one", "two"] {
        let mut reader = process.client(name);
        reader.subscribe_and_read(usize::from(RETAINED));
    }
    let growth = process.growth(before);
    assert!(growth < 256 << 20, "resident memory grew by {growth} bytes for those who read");
    drop(frozen);
    publisher.expect_silence();
}

impl Client {
    /// Subscribes to the retained set at QoS 1 and receives each message once.
    fn subscribe_and_read(&mut self, count: usize) {
        self.send(&subscribe(1, &[("r/#", 1)]));
        let mut topics = Vec::new();
        while topics.len() < count {
            let packet = self.receive();
            if packet[0] == 0x90 {
                continue;
            }
            let message = Publish::parse(&packet);
            assert!(message.retain && message.payload.len() == RETAINED_BYTES);
            if message.qos > 0 {
                self.send(&puback(message.identifier));
            }
            topics.push(message.topic);
        }
        topics.sort();
        topics.dedup();
        assert_eq!(topics.len(), count, "each topic comes once");
        self.expect_silence();
    }
}
