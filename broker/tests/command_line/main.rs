//! The binary as a user meets it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A folder that goes with its test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static FOLDERS: AtomicUsize = AtomicUsize::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("kelvin-command-line-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("there is a folder for temporary files");
        Self(path)
    }

    /// The path of a file in it, as text.
    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("UTF-8").to_owned()
    }

    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.0.join(name), text).expect("it can be written");
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            assert!(std::thread::panicking(), "cannot tidy up: {error}");
        }
    }
}

fn broker(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_broker"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = broker(arguments).spawn().expect("the binary runs");
    let mut stdin = child.stdin.take().expect("it is piped");
    // One that wants no input may be gone already.
    drop(stdin.write_all(input.as_bytes()));
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[track_caller]
fn succeeds(arguments: &[&str], input: &str) -> String {
    let output = run(arguments, input);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// Standard error of a run that ends with a code.
#[track_caller]
fn fails(arguments: &[&str], input: &str, code: i32) -> String {
    let output = run(arguments, input);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert_eq!(text(&output.stdout), "");
    stderr
}

#[test]
fn passwd_adds_updates_and_deletes() {
    let folder = Folder::new();
    let users = folder.path("users");
    let read = || fs::read_to_string(&users).expect("it is there");
    let added = succeeds(&["passwd", "--stdin", &users, "alice"], "secret\n");
    assert!(added.contains("\"alice\" added"), "{added}");
    let first = read();
    assert!(first.starts_with("alice:$argon2id$v=19$") && !first.contains("secret"), "{first}");
    assert!(succeeds(&["passwd", "--stdin", &users, "bob"], "b").contains("added"));
    assert!(succeeds(&["passwd", "--stdin", &users, "alice"], "new\n").contains("updated"));
    let second = read();
    assert_eq!(second.lines().count(), 2);
    assert_ne!(first.lines().next(), second.lines().next());
    assert!(succeeds(&["passwd", "-D", &users, "alice"], "").contains("deleted"));
    assert!(read().starts_with("bob:"));
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&users).expect("it is there"));
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn passwd_says_what_it_could_not_do() {
    let folder = Folder::new();
    let users = folder.path("users");
    assert!(fails(&["passwd", &users, "alice"], "x\n", 3).contains("--stdin"));
    assert!(fails(&["passwd", "--stdin", &users, "alice"], "", 3).contains("password is empty"));
    assert!(fails(&["passwd", "--stdin", &users, "a:b"], "x", 3).contains("user name"));
    assert!(!folder.0.join("users").exists());
    let damaged = folder.write("damaged", "alice\n");
    let error = fails(&["passwd", "--stdin", &damaged, "bob"], "x", 3);
    assert!(error.contains("damaged, line 1: expected USER:HASH"), "{error}");
    let good = folder.write("good", "");
    assert!(fails(&["passwd", "-D", &good, "bob"], "", 3).contains("no user \"bob\""));
}

#[test]
fn check_config_prints_what_a_file_and_flags_amount_to() {
    let folder = Folder::new();
    let file = folder.write(
        "kelvin.toml",
        "shards = 3\nlisteners = ['mqtt://127.0.0.1:1884']\n[limits]\ninflight_max = 7\n\
         connections_max = 10\n[access]\npassword_file = 'users'\n",
    );
    let users = folder.write("users", "");
    let arguments = ["--config", &file, "--check-config", "--max-inflight", "9", "--quiet"];
    let printed = succeeds(&arguments, "");
    for line in [
        "shards = 3",
        "listeners = [\"mqtt://127.0.0.1:1884\"]",
        "log_level = \"error\"",
        "allow_anonymous = false",
        &format!("password_file = \"{users}\""),
        "inflight_max = 9",
        "connections_max = 10",
        "packet_bytes_max = 16777216",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line} is not in\n{printed}");
    }
    // What is printed is a configuration that amounts to the same.
    let again = folder.write("again.toml", &printed);
    assert_eq!(succeeds(&["--config", &again, "--check-config"], ""), printed);
}

#[test]
fn check_config_says_what_is_wrong_and_where() {
    let folder = Folder::new();
    let plain = folder.write("plain", "# users\nalice:secret\n");
    for (config, expected) in [
        (
            "shards = 1\n[limits]\nmax_inflight = 3\n",
            "kelvin.toml, line 3: unknown key `limits.max_inflight`; did you mean `inflight_max`",
        ),
        ("shardz = 1\n", "line 1: unknown key `shardz`; did you mean `shards`?"),
        ("shards = 'x'\n", "line 1"),
        ("listeners = ['amqp://x']\n", "\"amqp://x\""),
        ("access.password_file = 'missing'\n", "missing: No such file"),
        (&format!("access.password_file = '{plain}'\n"), "plain, line 2: the password is not"),
        ("listeners = ['mqtt://0.0.0.0:1883']\n", "--allow-anonymous"),
    ] {
        let file = folder.write("kelvin.toml", config);
        let error = fails(&["--config", &file, "--check-config"], "", 2);
        assert!(error.contains(expected), "{error}");
        // It does not start with it either.
        assert!(fails(&["--config", &file], "", 2).contains(expected));
    }
    assert!(fails(&["--config", &folder.path("none")], "", 2).contains("cannot read"));
}

#[test]
fn check_config_reads_every_file_and_reports_each() {
    let folder = Folder::new();
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a key");
    let chain = folder.write("chain.pem", &issued.cert.pem());
    let key = folder.write("key.pem", &issued.signing_key.serialize_pem());
    let other = rcgen::generate_simple_self_signed(["other".to_owned()]).expect("a key");
    let wrong_key = folder.write("wrong.pem", &other.signing_key.serialize_pem());
    folder.write("users", "");
    folder.write("acl", "topic read a\ntopic both b\n");
    let check = |listener: &str, tls: &str, access: &str| {
        let text = format!("listeners = ['{listener}']\n[tls]\n{tls}\n[access]\n{access}\n");
        let file = folder.write("kelvin.toml", &text);
        fails(&["--config", &file, "--check-config"], "", 2)
    };
    let tls = |chain: &str, key: &str| format!("certificate_file = '{chain}'\nkey_file = '{key}'");
    let secure = "mqtts://127.0.0.1:0";
    for (listener, tls, access, expected) in [
        (secure, "", "", &["TLS needs a certificate and its key"][..]),
        (secure, &tls("missing.pem", &key), "", &["missing.pem: "]),
        (secure, &tls(&chain, &chain), "", &["cannot read a private key from ", "chain.pem"]),
        (secure, &tls(&chain, &wrong_key), "", &["chain.pem with the key in ", "wrong.pem: "]),
        // Also when nothing uses it yet.
        ("mqtt://127.0.0.1:0", &tls(&chain, &wrong_key), "", &["wrong.pem: "]),
        (
            secure,
            &format!("{}\nclient_authority_file = '{key}'", tls(&chain, &key)),
            "",
            &["cannot read certificates from ", "key.pem"],
        ),
        (secure, &tls(&chain, &key), "acl_file = 'acl'", &["acl, line 2: "]),
        // One does not hide the other.
        (
            secure,
            &tls(&chain, &wrong_key),
            "acl_file = 'acl'\npassword_file = 'users'",
            &["acl, line 2: ", "wrong.pem: "],
        ),
    ] {
        let error = check(listener, tls, access);
        assert!(expected.iter().all(|part| error.contains(part)), "{expected:?}: {error}");
    }
    let good = format!("listeners = ['{secure}']\n[tls]\n{}\n", tls(&chain, &key));
    let file = folder.write("kelvin.toml", &good);
    assert!(succeeds(&["--config", &file, "--check-config"], "").contains("chain.pem"));
}

#[test]
fn it_does_not_listen_beyond_loopback_unless_told_who_may_come_in() {
    let error = fails(&["--bind", "0.0.0.0", "--port", "0"], "", 2);
    assert!(error.contains("--password-file") && error.contains("broker passwd"), "{error}");
}

/// A running broker, ended with its test.
struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStderr>>,
}

impl Running {
    fn start(arguments: &[&str]) -> (Self, SocketAddr) {
        Self::of(broker(arguments))
    }

    /// One that may have so many files open.
    fn with_files(files: u32, arguments: &[&str]) -> (Self, SocketAddr) {
        let mut command = Command::new("sh");
        let limited = format!("ulimit -n {files}; exec \"$0\" \"$@\"");
        command.args(["-c", &limited, env!("CARGO_BIN_EXE_broker")]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        Self::of(command)
    }

    fn of(mut command: Command) -> (Self, SocketAddr) {
        let mut child = command.spawn().expect("the binary runs");
        let lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let mut running = Self { child, lines };
        let line = running.wait_for("listening on mqtt://");
        let address = line.split("mqtt://").nth(1).and_then(|rest| rest.split(',').next());
        let address = address.and_then(|address| address.parse().ok());
        (running, address.expect("it says where"))
    }

    /// The next line of its log that contains this.
    #[track_caller]
    fn wait_for(&mut self, part: &str) -> String {
        let line = self.lines.by_ref().map_while(Result::ok).find(|line| line.contains(part));
        line.expect("it says so before it ends")
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(status.expect("there is a kill command").success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let killed = self.child.kill().and_then(|()| self.child.wait());
        assert!(killed.is_ok() || std::thread::panicking(), "{killed:?}");
    }
}

/// The return code that a user gets.
fn connect(address: SocketAddr, user: &str, password: &str) -> u8 {
    use std::io::Read;
    let field =
        |text: &str| [&[0, u8::try_from(text.len()).expect("short")], text.as_bytes()].concat();
    let body = [b"\x00\x04MQTT\x04\xc2\x00\x00".to_vec(), field("c"), field(user), field(password)];
    let body = body.concat();
    let mut stream = std::net::TcpStream::connect(address).expect("it listens");
    stream.write_all(&[0x10, u8::try_from(body.len()).expect("short")]).expect("it reads");
    stream.write_all(&body).expect("it reads");
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).expect("it answers");
    answer[3]
}

#[test]
fn sighup_reads_the_files_again_and_keeps_the_old_ones_when_they_are_damaged() {
    let folder = Folder::new();
    let users = folder.path("users");
    succeeds(&["passwd", "--stdin", &users, "alice"], "secret");
    let arguments = ["--bind", "127.0.0.1", "--port", "0", "--password-file", &users];
    let (mut running, address) = Running::start(&arguments);
    assert_eq!([connect(address, "alice", "secret"), connect(address, "bob", "b")], [0, 4]);
    succeeds(&["passwd", "--stdin", &users, "bob"], "b");
    running.signal("-HUP");
    running.wait_for("SIGHUP: passwords and rules are read again");
    assert_eq!([connect(address, "alice", "secret"), connect(address, "bob", "b")], [0, 0]);
    fs::write(&users, "alice\n").expect("it can be written");
    running.signal("-HUP");
    running.wait_for("users, line 1: expected USER:HASH");
    assert_eq!([connect(address, "alice", "secret"), connect(address, "bob", "b")], [0, 0]);
}

/// The answer to a SUBSCRIBE of an anonymous Client, and to a PINGREQ behind it: a whole SUBACK
/// and, before or behind the PINGRESP, what is retained.
fn subscribe(address: SocketAddr, filter: &str) -> Vec<u8> {
    use std::io::Read;
    let mut stream = std::net::TcpStream::connect(address).expect("it listens");
    let length = |length: usize| u8::try_from(length).expect("short");
    let connect = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01s";
    let mut packets = connect.to_vec();
    packets.extend([0x82, length(5 + filter.len()), 0, 1, 0, length(filter.len())]);
    packets.extend(filter.as_bytes());
    packets.extend([0, 0xc0, 0, 0xe0, 0]);
    stream.write_all(&packets).expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it closes after DISCONNECT");
    answer.split_off(4)
}

#[test]
fn sighup_with_a_damaged_acl_file_keeps_the_rules() {
    let folder = Folder::new();
    let acl = folder.write("acl", "topic read open\n");
    let arguments = ["--bind", "127.0.0.1", "--port", "0", "--acl-file", &acl];
    let (mut running, address) = Running::start(&arguments);
    let granted = |filter: &str| subscribe(address, filter)[4] == 0;
    assert_eq!([granted("open"), granted("other")], [true, false]);
    folder.write("acl", "topic read other\ntopic both open\n");
    running.signal("-HUP");
    running.wait_for("passwords and rules are not changed: ");
    assert_eq!([granted("open"), granted("other")], [true, false]);
    folder.write("acl", "topic read other\n");
    running.signal("-HUP");
    running.wait_for("SIGHUP: passwords and rules are read again");
    assert_eq!([granted("open"), granted("other")], [false, true]);
}

#[test]
fn the_binary_publishes_its_figures_unless_told_not_to() {
    let version = format!("kelvin version {}", env!("CARGO_PKG_VERSION"));
    for (arguments, says) in [(&[][..], true), (&["--sys-interval", "0"], false)] {
        let (_running, address) = Running::start(&[&["--port", "0"], arguments].concat());
        let answer = subscribe(address, "$SYS/broker/version");
        let published = answer.windows(version.len()).any(|part| part == version.as_bytes());
        assert_eq!(published, says, "{answer:02x?}");
    }
}

/// Those who came when there were none wait, and are let in without another one coming.
#[test]
fn descriptors_that_run_out_are_waited_for() {
    const FILES: u32 = 40;
    let arguments = ["--bind", "127.0.0.1", "--port", "0", "--max-connections", "1000"];
    let (mut running, address) = Running::with_files(FILES, &arguments);
    let connect = || std::net::TcpStream::connect(address).expect("the system takes it");
    let early: Vec<_> = (0..FILES).map(|_| connect()).collect();
    running.wait_for("cannot accept a connection, trying on");
    let mut late = connect();
    late.write_all(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01s").expect("the system takes it");
    drop(early);
    let mut answer = [0; 4];
    std::io::Read::read_exact(&mut late, &mut answer).expect("it answers");
    assert_eq!(answer, [0x20, 2, 0, 0]);
}
