//! A tiny broker that does what a test tells it, wrong things above all. Its own bytes, so that a
//! fault in the client's codec cannot hide behind the same fault here.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread;

/// What becomes of one publication on its way to one subscriber: the packets to write now.
/// The first argument counts the publications from 0, the second the subscribers. The publication
/// has the QoS of its delivery where subscriptions are granted as they ask.
pub(crate) type Route = Box<dyn FnMut(usize, usize, &[u8]) -> Vec<Vec<u8>> + Send>;

/// How the broker answers.
pub(crate) struct Script {
    /// The answer to the n-th CONNECT; `None` is silence, an empty one closes the connection.
    pub connack: fn(usize) -> Option<&'static [u8]>,
    /// Return code of every SUBACK; `None` is silence.
    pub suback: Option<u8>,
    /// Subscriptions are granted the QoS that they ask for, and publications lowered to it.
    pub grants: bool,
    /// Written to each subscriber right after its SUBACK.
    pub greeting: Vec<u8>,
    /// What becomes of publications.
    pub route: Route,
    /// The answer to a publication, to its publisher.
    pub answer: fn(&[u8]) -> Vec<u8>,
    /// Gets every packet that comes.
    pub seen: Option<mpsc::Sender<Vec<u8>>>,
    /// After this publication, these subscribers' connections are closed, or all when there are
    /// none.
    pub close_after: Option<(usize, Vec<usize>)>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            connack: |_| Some(b"\x20\x02\x00\x00"),
            suback: Some(0),
            grants: false,
            greeting: Vec::new(),
            route: Box::new(|_, _, packet| vec![packet.to_vec()]),
            answer: |_| Vec::new(),
            seen: None,
            close_after: None,
        }
    }
}

/// The running broker. Its threads end with the connections.
pub(crate) struct Broker {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    peers: Arc<Mutex<Vec<SocketAddr>>>,
}

struct State {
    script: Script,
    all: Vec<TcpStream>,
    subscribers: Vec<Subscriber>,
    publications: usize,
}

struct Subscriber {
    stream: TcpStream,
    /// The QoS that it was granted, if that is kept to.
    qos: Option<u8>,
}

impl Broker {
    pub(crate) fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopping);
        let peers = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&peers);
        thread::spawn(move || accept(&listener, script, &stop, &seen));
        Self { address, stopping, peers }
    }

    /// Where its clients came from.
    pub(crate) fn peers(&self) -> Vec<SocketAddr> {
        self.peers.lock().unwrap().clone()
    }

    /// The options that name it.
    pub(crate) fn options(&self) -> String {
        format!("-h 127.0.0.1 -p {}", self.address.port())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        // Wakes the listener.
        drop(TcpStream::connect(self.address));
    }
}

fn accept(
    listener: &TcpListener,
    script: Script,
    stop: &AtomicBool,
    peers: &Mutex<Vec<SocketAddr>>,
) {
    let state = Arc::new(Mutex::new(State {
        script,
        all: Vec::new(),
        subscribers: Vec::new(),
        publications: 0,
    }));
    let connects = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming().flatten() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        stream.set_nodelay(true).unwrap();
        peers.lock().unwrap().push(stream.peer_addr().unwrap());
        let (state, connects) = (Arc::clone(&state), Arc::clone(&connects));
        // A connection that fails is one that the client closed.
        thread::spawn(move || drop(serve(stream, &state, &connects)));
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>, connects: &AtomicUsize) -> io::Result<()> {
    lock(state).all.push(stream.try_clone()?);
    let mut is_new = false;
    loop {
        let packet = read_packet(&mut stream)?;
        let mut state = lock(state);
        if let Some(seen) = &state.script.seen {
            // A test that has seen enough listens no more.
            drop(seen.send(packet.clone()));
        }
        match packet[0] >> 4 {
            1 => {
                let number = connects.fetch_add(1, Ordering::Relaxed);
                is_new = packet.windows(5).any(|bytes| bytes == b"MQTT\x05");
                match (state.script.connack)(number) {
                    Some(b"") => stream.shutdown(Shutdown::Both)?,
                    Some(answer) => stream.write_all(answer)?,
                    None => {}
                }
            }
            3 => {
                stream.write_all(&(state.script.answer)(&packet))?;
                state.publish(&packet)?;
            }
            // PUBREC of a subscriber, PUBREL of a publisher.
            5 => stream.write_all(&[0x62, 2, packet[2], packet[3]])?,
            6 => stream.write_all(&[0x70, 2, packet[2], packet[3]])?,
            8 => {
                let Some(code) = state.script.suback else {
                    continue;
                };
                let asked = state.script.grants.then(|| packet[packet.len() - 1] & 3);
                let code = asked.unwrap_or(code);
                let answer = if is_new {
                    vec![0x90, 4, packet[2], packet[3], 0, code]
                } else {
                    vec![0x90, 3, packet[2], packet[3], code]
                };
                stream.write_all(&answer)?;
                stream.write_all(&state.script.greeting)?;
                state.subscribers.push(Subscriber { stream: stream.try_clone()?, qos: asked });
            }
            12 => stream.write_all(b"\xd0\x00")?,
            _ => {}
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap()
}

impl State {
    fn publish(&mut self, packet: &[u8]) -> io::Result<()> {
        let mut live = packet.to_vec();
        // A subscription that is there already gets it with RETAIN = 0.
        live[0] &= !1;
        let number = self.publications;
        self.publications += 1;
        for (place, subscriber) in self.subscribers.iter_mut().enumerate() {
            let lowered = subscriber.qos.map(|granted| lowered(&live, granted));
            for packet in (self.script.route)(number, place, lowered.as_deref().unwrap_or(&live)) {
                // One that was closed on purpose takes nothing more.
                drop(subscriber.stream.write_all(&packet));
            }
        }
        match &self.script.close_after {
            Some((last, places)) if *last == number => self.close(places),
            _ => Ok(()),
        }
    }

    fn close(&self, places: &[usize]) -> io::Result<()> {
        if places.is_empty() {
            return self.all.iter().try_for_each(|stream| stream.shutdown(Shutdown::Both));
        }
        places.iter().try_for_each(|place| self.subscribers[*place].stream.shutdown(Shutdown::Both))
    }
}

/// A short PUBLISH of MQTT 3.1.1 at no more than this QoS.
fn lowered(packet: &[u8], granted: u8) -> Vec<u8> {
    let qos = packet[0] >> 1 & 3;
    let mut lowered = packet.to_vec();
    lowered[0] = packet[0] & !6 | qos.min(granted) << 1;
    if qos > 0 && granted == 0 {
        assert!(packet[1] < 128, "one byte of length");
        let identifier = 4 + usize::from(packet[3]);
        lowered.drain(identifier..identifier + 2);
        lowered[1] -= 2;
    }
    lowered
}

/// One whole packet, its fixed header included.
fn read_packet(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut packet = vec![0; 2];
    stream.read_exact(&mut packet)?;
    let mut length = usize::from(packet[1] & 0x7f);
    let mut shift = 7;
    while packet[packet.len() - 1] & 0x80 != 0 {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        packet.push(byte[0]);
        length |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
    }
    let header = packet.len();
    packet.resize(header + length, 0);
    stream.read_exact(&mut packet[header..])?;
    Ok(packet)
}
