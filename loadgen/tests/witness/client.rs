//! A second opinion: the temperature pattern by other means. One epoll loop, its own bytes, exact percentiles
//! from a sorted list. It shares no line with the load generator, so that a fault of one shows as a
//! disagreement with the other.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::epoll;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// Bytes of a payload: as many as the load generator's, so that both load the broker alike.
const PAYLOAD_BYTES: usize = 33;

/// How long deliveries are waited for after the last publication.
const DRAIN: Duration = Duration::from_secs(3);

/// How often it is looked at the clock while nothing is due.
const TICK: Duration = Duration::from_millis(10);

/// What is played.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) broker: SocketAddr,
    pub(crate) publishers: usize,
    pub(crate) subscribers: usize,
    pub(crate) period: Duration,
    pub(crate) warmup: Duration,
    pub(crate) duration: Duration,
    /// Topic Name of somebody else's publications, which come as often and midway between its own.
    pub(crate) beside: Option<String>,
}

/// What was seen, of publications that were due after the warm-up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) sent: u64,
    pub(crate) delivered: u64,
    /// From due to arrival, in nanoseconds, sorted.
    pub(crate) latencies: Vec<u64>,
}

impl Seen {
    /// The latency that so many in a thousand deliveries do not exceed.
    pub(crate) fn quantile(&self, thousandths: usize) -> Option<Duration> {
        let last = self.latencies.len().checked_sub(1)?;
        let latency = self.latencies.get(last * thousandths / 1000)?;
        Some(Duration::from_nanos(*latency))
    }
}

struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

/// Plays a load to its end.
pub(crate) fn play(load: &Load) -> io::Result<Seen> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut clients = Vec::new();
    for number in 0..load.publishers + load.subscribers {
        let client = connect(load, number)?;
        let data = epoll::EventData::new_u64(number as u64);
        epoll::add(&epoll, &client.stream, data, epoll::EventFlags::IN)?;
        clients.push(client);
    }
    // Its number is that of no client.
    let timer = Timer::new()?;
    epoll::add(&epoll, &timer.0, epoll::EventData::new_u64(u64::MAX), epoll::EventFlags::IN)?;
    let mut seen = Seen::default();
    let end = load.warmup + load.duration;
    let each = load.period / u32::try_from(load.publishers).unwrap_or(u32::MAX);
    let start = match &load.beside {
        Some(topic) => midway(load, topic, each)?,
        None => Instant::now() + Duration::from_millis(100),
    };
    let (mut number, mut buffer) = (0_u64, vec![0; 1 << 16]);
    loop {
        let now = Instant::now();
        let mut due = each * u32::try_from(number).unwrap_or(u32::MAX);
        while due < end && start + due <= now {
            let index = usize::try_from(number).unwrap_or(0) % load.publishers;
            clients[index].stream.write_all(&publish(number, due))?;
            seen.sent += u64::from(due >= load.warmup);
            number += 1;
            due = each * u32::try_from(number).unwrap_or(u32::MAX);
        }
        let all = seen.sent * load.subscribers as u64;
        let over = due >= end && (seen.delivered >= all || now > start + end + DRAIN);
        if over {
            break;
        }
        // Asleep, and to the nanosecond: a client that spins finds an awake core and a broker that need not wake it, and one that
        // counts milliseconds, as epoll does, is late by itself.
        let wait = if due < end { (start + due).saturating_duration_since(now) } else { TICK };
        timer.set(wait)?;
        let mut events = [epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: epoll::EventData::new_u64(0),
        }; 256];
        let count = epoll::wait(&epoll, &mut events, None)?;
        for event in &events[..count] {
            let index = usize::try_from(event.data.u64()).unwrap_or(0);
            let Some(client) = clients.get_mut(index) else { continue };
            read(client, &mut buffer, start, load.warmup, &mut seen)?;
        }
    }
    seen.latencies.sort_unstable();
    Ok(seen)
}

/// A moment soon that lies midway between two publications of the other one, which come at this distance: the median of where
/// a few of them lay.
fn midway(load: &Load, topic: &str, each: Duration) -> io::Result<Instant> {
    let mut listener = connect(load, load.publishers + load.subscribers)?.stream;
    subscribe(&mut listener, topic)?;
    let mut buffer = vec![0; 1 << 16];
    let (first, mut phases) = (Instant::now(), Vec::new());
    while phases.len() < 101 {
        if listener.read(&mut buffer)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        phases.push(first.elapsed().as_nanos() % each.as_nanos());
    }
    // Around the first, so that a phase near zero is not two.
    let around = phases.first().copied().unwrap_or(0);
    let turned = |phase: u128| (phase + each.as_nanos() * 3 / 2 - around) % each.as_nanos();
    phases.sort_unstable_by_key(|phase| turned(*phase));
    let phase = phases.get(phases.len() / 2).copied().unwrap_or(0);
    let phase = Duration::from_nanos(u64::try_from(phase).unwrap_or(0));
    let whole = (first.elapsed() + Duration::from_millis(100)).as_nanos() / each.as_nanos();
    Ok(first + each * u32::try_from(whole).unwrap_or(0) + phase + each / 2)
}

/// Is readable from the set time on until it is set again.
struct Timer(OwnedFd);

impl Timer {
    fn new() -> io::Result<Self> {
        Ok(Self(timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK)?))
    }

    fn set(&self, wait: Duration) -> io::Result<()> {
        let wait = wait.max(Duration::from_nanos(1));
        let it_value = Timespec {
            tv_sec: wait.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: wait.subsec_nanos().into(),
        };
        let value = Itimerspec { it_interval: Timespec::default(), it_value };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &value)?;
        Ok(())
    }
}

fn connect(load: &Load, number: usize) -> io::Result<Client> {
    let mut stream = TcpStream::connect(load.broker)?;
    stream.set_nodelay(true)?;
    let name = format!("witness-{}-{number}", std::process::id());
    let mut packet = b"\x10\x00\x00\x04MQTT\x04\x02\x00\x3c\x00".to_vec();
    packet.push(u8::try_from(name.len()).unwrap_or(0));
    packet.extend_from_slice(name.as_bytes());
    packet[1] = u8::try_from(packet.len() - 2).unwrap_or(0);
    stream.write_all(&packet)?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer)?;
    if answer != *b"\x20\x02\x00\x00" {
        return Err(io::Error::other("the broker refused CONNECT"));
    }
    if (load.publishers..load.publishers + load.subscribers).contains(&number) {
        subscribe(&mut stream, "witness")?;
    }
    Ok(Client { stream, received: Vec::new() })
}

fn subscribe(stream: &mut TcpStream, filter: &str) -> io::Result<()> {
    let length = u8::try_from(filter.len()).unwrap_or(u8::MAX);
    let mut packet = vec![0x82, length.saturating_add(5), 0, 1, 0, length];
    packet.extend_from_slice(filter.as_bytes());
    packet.push(0);
    stream.write_all(&packet)?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer)?;
    if answer[4] > 2 {
        return Err(io::Error::other("the broker refused SUBSCRIBE"));
    }
    Ok(())
}

fn publish(number: u64, due: Duration) -> Vec<u8> {
    let mut packet = b"\x30\x2a\x00\x07witness".to_vec();
    packet.extend_from_slice(format!("{number:016x}{:016x} ", due.as_nanos()).as_bytes());
    packet
}

/// Takes all that has arrived at one client.
fn read(
    client: &mut Client,
    buffer: &mut [u8],
    start: Instant,
    warmup: Duration,
    seen: &mut Seen,
) -> io::Result<()> {
    // Level-triggered: one read a time, and what is left comes again.
    match client.stream.read(buffer) {
        Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
        Ok(length) => client.received.extend_from_slice(&buffer[..length]),
        Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
        Err(error) => return Err(error),
    }
    let now = Instant::now().saturating_duration_since(start);
    let packet = 2 + 2 + "witness".len() + PAYLOAD_BYTES;
    let mut taken = 0;
    while let Some(bytes) = client.received.get(taken..taken + packet) {
        let due =
            bytes.get(packet - 17..packet - 1).and_then(|text| std::str::from_utf8(text).ok());
        let due = due.and_then(|text| u64::from_str_radix(text, 16).ok());
        let due = due.ok_or_else(|| io::Error::other("the broker sent something else"))?;
        let due = Duration::from_nanos(due);
        if due >= warmup {
            seen.delivered += 1;
            let latency = now.saturating_sub(due).as_nanos();
            seen.latencies.push(u64::try_from(latency).unwrap_or(u64::MAX));
        }
        taken += packet;
    }
    client.received.drain(..taken);
    Ok(())
}
