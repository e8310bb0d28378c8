//! Every transport against Kelvin's own broker, with certificates made at run time.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;

use broker::{Broker, ClientCertificates, Listener, Tls};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::loadgen::{Run, loadgen};

/// A short run on one topic.
const RUN: &str = "--clients 20 --rate 50ms -d 600ms --warmup 200ms --quiet";

/// A broker with every transport, and the files of its certificates.
struct Server {
    broker: Broker,
    folder: PathBuf,
}

impl Server {
    fn start(name: &str) -> Self {
        Self::start_with(name, |tls, _| tls)
    }

    fn start_with(name: &str, configure: impl FnOnce(Tls, &Authority) -> Tls) -> Self {
        let folder = format!("transports-{name}-{}", std::process::id());
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(folder);
        fs::create_dir_all(&folder).unwrap();
        let authority = Authority::new();
        fs::write(folder.join("ca.pem"), &authority.certificate).unwrap();
        fs::write(folder.join("other.pem"), Authority::new().certificate).unwrap();
        for name in ["server", "client"] {
            let (certificate, key) = authority.issue();
            fs::write(folder.join(format!("{name}.pem")), certificate).unwrap();
            fs::write(folder.join(format!("{name}.key")), key).unwrap();
        }
        let tls = Tls::new(folder.join("server.pem"), folder.join("server.key"));
        let mut builder = Broker::builder().tls(configure(tls, &authority));
        for url in
            ["mqtt://127.0.0.1:0", "mqtts://127.0.0.1:0", "ws://127.0.0.1:0", "wss://127.0.0.1:0"]
        {
            builder = builder.listen(url.parse::<Listener>().unwrap());
        }
        let socket = format!("unix:{}", folder.join("socket").display());
        let builder = builder.listen(socket.parse::<Listener>().unwrap());
        Self { broker: builder.start().unwrap(), folder }
    }

    /// The option that names a transport, by a name that is in the certificate.
    fn option(&self, scheme: &str) -> String {
        let urls = self.broker.local_urls();
        let url = urls.iter().find(|url| url.split(':').next() == Some(scheme)).unwrap();
        format!("--broker {}", url.replace("127.0.0.1", "localhost"))
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// What makes a client trust it, where that is needed.
    fn trust(&self, scheme: &str) -> String {
        match scheme {
            "mqtts" | "wss" => format!("--cafile {}", self.file("ca.pem")),
            _ => String::new(),
        }
    }

    fn run(&self, scheme: &str, options: &str) -> Run {
        loadgen(&format!("{RUN} {} {options}", self.option(scheme)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// Who issues certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(parameters, key), certificate }
    }

    /// A certificate for localhost, and its key.
    fn issue(&self) -> (String, String) {
        let parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

#[test]
fn everything_arrives_over_every_transport_in_every_version() {
    let server = Server::start("all");
    for (scheme, transport) in
        [("mqtt", "tcp"), ("mqtts", "tls"), ("ws", "ws"), ("wss", "wss"), ("unix", "unix")]
    {
        for options in ["-V 3.1 --qos 1", "-V 3.1.1 --qos 2 --sub-qos 2", "-V 5 --payload plain"] {
            let options = format!("{options} {}", server.trust(scheme));
            let summary = server.run(scheme, &options).summary(0);
            assert_eq!(summary.config.transport, transport);
            let counts = summary.counts;
            assert_eq!((counts.expected, counts.lost), (1200, 0), "{scheme} {options}");
            assert_eq!((counts.duplicate, counts.disconnected), (0, 0), "{scheme} {options}");
            assert!(summary.warnings.is_empty(), "{scheme} {options}: {:?}", summary.warnings);
        }
    }
}

#[test]
fn groups_take_their_own_doors_of_one_broker_with_their_own_names() {
    let server = Server::start("doors");
    let port = |scheme| {
        let url = server.option(scheme);
        let digits = url.split(':').nth(2).unwrap().split('/').next().unwrap();
        digits.parse::<u16>().unwrap()
    };
    let first = format!(
        "broker = 'mqtt://localhost:{}'\nwarmup = '200ms'\nduration = '600ms'\n\
         [[group]]\nname = 'sensors'\nclients = 2\nuser = 'sensor%i'\n\
         publish = [{{ topic = 't/%i', rate = '50ms', qos = 1 }}]\n",
        port("mqtt")
    );
    let others = [("tls", "mqtts"), ("ws", "ws"), ("wss", "wss")].map(|(transport, scheme)| {
        format!(
            "[[group]]\nname = 'by-{transport}'\nclients = 2\ntransport = '{transport}'\n\
             port = {}\nversion = 5\nuser = '{transport}%i'\npassword = 'p'\n\
             subscribe = [{{ filter = 't/#', qos = 1 }}]\n",
            port(scheme)
        )
    });
    let last = format!(
        "[[group]]\nname = 'by-unix'\nclients = 1\ntransport = 'unix'\npath = '{}'\n\
         subscribe = [{{ filter = 't/#', qos = 1 }}]\n",
        server.file("socket")
    );
    let text = [first, others.concat(), last].concat();
    let scenario = server.folder.join("doors.toml");
    fs::write(&scenario, text).unwrap();
    let run = loadgen(&format!(
        "--scenario {} --cafile {} --quiet",
        scenario.display(),
        server.file("ca.pem")
    ));
    let summary = run.summary(0);
    assert_eq!(summary.config.transport, "tcp, tls, unix, ws, wss");
    // Two publishers, twelve periods, seven subscribers.
    assert_eq!((summary.counts.expected, summary.counts.lost), (2 * 12 * 7, 0));
    assert!(summary.legs.tls_handshake.count >= 4 && summary.legs.web_socket_handshake.count >= 4);
    let plan = loadgen(&format!("--scenario {} --dry-run", scenario.display()));
    assert!(
        plan.stdout.contains("by-ws: 2 clients, subscribed to t/#, at ws://localhost:"),
        "{}",
        plan.stdout
    );
}

#[test]
fn large_messages_arrive_over_every_transport() {
    let server = Server::start("large");
    for scheme in ["mqtts", "ws", "wss", "unix"] {
        let trust = server.trust(scheme);
        let large = "--clients 4 --rate 200ms -d 1s --warmup 100ms --quiet --size 300000";
        let run = loadgen(&format!("{large} {} {trust}", server.option(scheme)));
        let summary = run.summary(0);
        assert_eq!((summary.counts.sent, summary.counts.lost), (10, 0), "{scheme}");
    }
}

#[test]
fn a_stream_of_messages_is_not_stuck_in_the_layers() {
    let server = Server::start("stream");
    for scheme in ["mqtts", "ws", "wss", "unix"] {
        let pairs = "--topology pairs --clients 4 --rate 4000/s -d 1s --warmup 0s --quiet -V 5";
        let trust = server.trust(scheme);
        let run = loadgen(&format!("{pairs} --qos 1 {} {trust}", server.option(scheme)));
        let summary = run.summary(0);
        let counts = summary.counts;
        assert_eq!((counts.offered, counts.sent), (4000, 4000), "{scheme}");
        assert_eq!((counts.delivered, counts.duplicate), (4000, 0), "{scheme}");
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_with_the_cure() {
    let server = Server::start("stranger");
    let stranger = format!("--cafile {}", server.file("other.pem"));
    for scheme in ["mqtts", "wss"] {
        let run = server.run(scheme, &stranger);
        let error = run.error();
        assert!(error.contains("the TLS handshake failed: invalid peer certificate"), "{error}");
        assert!(error.contains("name its authority with --cafile"), "{error}");
        server.run(scheme, "--insecure").summary(0);
    }
}

#[test]
fn a_certificate_for_another_host_is_refused() {
    let server = Server::start("host");
    let url = server.option("mqtts").replace("localhost", "127.0.0.1");
    let run = loadgen(&format!("{RUN} {url} {}", server.trust("mqtts")));
    assert!(run.error().contains("invalid peer certificate"), "{}", run.error());
}

#[test]
fn a_client_shows_its_certificate_when_it_has_one() {
    let server = Server::start_with("mutual", |tls, authority| {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("transports-mutual-{}", std::process::id()))
            .join("clients.pem");
        fs::write(&path, &authority.certificate).unwrap();
        tls.client_certificates(ClientCertificates::Required, path)
    });
    let trust = server.trust("mqtts");
    let identity =
        format!("--cert {} --key {}", server.file("client.pem"), server.file("client.key"));
    for scheme in ["mqtts", "wss"] {
        server.run(scheme, &format!("{trust} {identity}")).summary(0);
        let run = server.run(scheme, &trust);
        assert!(
            run.error().starts_with("cannot connect to") || run.error().contains("closed"),
            "{}",
            run.error()
        );
    }
    let unfit = format!("--cert {} --key {}", server.file("client.pem"), server.file("server.key"));
    let run = server.run("mqtts", &format!("{trust} {unfit}"));
    assert!(run.error().starts_with("--cert and --key cannot be used"), "{}", run.error());
}

#[test]
fn a_wrong_path_and_a_wrong_protocol_are_told() {
    let server = Server::start("wrong");
    let run = loadgen(&format!("{RUN} {}", server.option("ws").replace("/mqtt", "/other")));
    assert!(run.error().contains("the WebSocket handshake failed"), "{}", run.error());
    let port = server.option("mqtt");
    let run = loadgen(&format!("{RUN} {} --insecure", port.replace("mqtt://", "mqtts://")));
    assert!(run.error().starts_with("cannot connect to 127.0.0.1:"), "{}", run.error());
}

#[test]
fn a_unix_socket_that_is_not_there_is_told() {
    let run = loadgen(&format!("{RUN} --broker unix:/dev/null/socket"));
    assert!(run.error().starts_with("cannot connect to unix:/dev/null/socket"), "{}", run.error());
}

#[test]
fn a_broker_that_is_silent_in_the_handshake_does_not_hang_the_run() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let run = loadgen(&format!("{RUN} --broker mqtts://127.0.0.1:{port} --insecure"));
    assert!(run.error().ends_with("did not answer CONNECT within 10 s"), "{}", run.error());
}
