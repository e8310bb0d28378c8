//! The binary reads its certificates again on SIGHUP.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::client::{Client, connect_tls, parts, soon, tls_config};
use crate::server::{Authority, Folder, write_identity};

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it is a child");
    }
}

impl Running {
    fn hang_up(&self) {
        kill_process(Pid::from_child(&self.0), Signal::HUP).expect("it runs");
    }
}

/// What the broker says, line by line, from a thread that ends with it.
fn lines(stderr: ChildStderr) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

#[tokio::test]
async fn sighup_reads_the_certificates_again() {
    let (folder, authority) = (Folder::new(), Authority::new("authority"));
    write_identity(&folder, &authority.issue("first"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_broker"))
        .args(["--listen", "mqtts://127.0.0.1:0", "--tls-cert"])
        .arg(folder.path("certificate.pem"))
        .arg("--tls-key")
        .arg(folder.path("key.pem"))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = lines(child.stderr.take().unwrap());
    let running = Running(child);
    let line_with = |what: &str| loop {
        let line = lines.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|_| {
            panic!("the broker did not say {what:?}");
        });
        if line.contains(what) {
            return line;
        }
    };
    let line = line_with("listening on ");
    let url = line.split_whitespace().find(|word| word.starts_with("mqtts://")).unwrap();
    let address = parts(url.trim_end_matches(',')).1;
    let open = async || {
        let stream = soon("TLS", connect_tls(address, tls_config(&authority, None))).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    let before = open().await;
    let stream = connect_tls(address, tls_config(&authority, None)).await.unwrap();
    let mut old = Client::over(stream);
    old.connect("old").await;

    let key = std::fs::read_to_string(folder.path("key.pem")).unwrap();
    for damaged in ["key.pem", "certificate.pem"] {
        write_identity(&folder, &authority.issue("not whole"));
        folder.write(damaged, "nothing of that kind");
        running.hang_up();
        let line = line_with("certificates and keys are not changed");
        assert!(line.contains(damaged), "{line}");
        assert_eq!(open().await, before);
    }
    // Good files that do not fit each other.
    write_identity(&folder, &authority.issue("another"));
    folder.write("key.pem", &key);
    running.hang_up();
    line_with("certificates and keys are not changed");
    assert_eq!(open().await, before);

    write_identity(&folder, &authority.issue("second"));
    running.hang_up();
    line_with("certificates and keys are read again");
    assert_ne!(open().await, before);
    old.expect_silence().await;
}
