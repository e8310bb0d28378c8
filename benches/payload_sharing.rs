//! From what size on is a payload better shared than copied into every output?
//!
//! One publication to one or [`SUBSCRIBERS`] TCP connections, in both ways that an output of the shard knows:
//! *copied*, header and payload appended to the connection's buffer, then one `write`; *shared*, the
//! header appended and a reference to the payload kept, then one `writev` of both. CPU time is per
//! delivery and includes the system call; the readers empty their sockets outside of it. The result is
//! `SHARED_PAYLOAD_MIN`.

use std::collections::VecDeque;
use std::io::{IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use benches::{CpuTime, TOPIC};
use criterion::measurement::Measurement;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const SUBSCRIBERS: usize = 100;

/// The writing half of a connection, with what waits for it; and the reading half.
struct Connection {
    bytes: Vec<u8>,
    shared: VecDeque<(usize, Arc<[u8]>)>,
    writer: TcpStream,
    reader: TcpStream,
}

impl Connection {
    fn new(listener: &TcpListener) -> Self {
        let address = listener.local_addr().expect("it is bound");
        let writer = TcpStream::connect(address).expect("the listener listens");
        let (reader, _) = listener.accept().expect("somebody connects");
        writer.set_nodelay(true).expect("a socket has this option");
        let (bytes, shared) = (Vec::with_capacity(128 << 10), VecDeque::with_capacity(16));
        Self { bytes, shared, writer, reader }
    }

    fn copy(&mut self, header: &[u8], payload: &[u8]) {
        self.bytes.extend_from_slice(header);
        self.bytes.extend_from_slice(payload);
    }

    fn share(&mut self, header: &[u8], payload: &Arc<[u8]>) {
        self.bytes.extend_from_slice(header);
        self.shared.push_back((self.bytes.len(), Arc::clone(payload)));
    }

    /// Writes all that waits; returns how much it was.
    fn flush(&mut self) -> usize {
        let written = if self.shared.is_empty() {
            self.writer.write(&self.bytes)
        } else {
            let mut slices = [IoSlice::new(&[]); 64];
            let mut start = 0;
            for (pair, (end, payload)) in slices.chunks_exact_mut(2).zip(&self.shared) {
                pair[0] = IoSlice::new(&self.bytes[start..*end]);
                pair[1] = IoSlice::new(payload);
                start = *end;
            }
            self.writer.write_vectored(&slices[..2 * self.shared.len()])
        };
        self.bytes.clear();
        self.shared.clear();
        written.expect("the reader reads")
    }

    fn drain(&mut self, mut count: usize, scratch: &mut [u8]) {
        while count > 0 {
            let wanted = count.min(scratch.len());
            count -= self.reader.read(&mut scratch[..wanted]).expect("it was written");
        }
    }
}

fn sharing(criterion: &mut Criterion<CpuTime>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let mut connections: Vec<_> = (0..SUBSCRIBERS).map(|_| Connection::new(&listener)).collect();
    let mut scratch = vec![0; 1 << 20];
    for (subscribers, messages) in [(1, 1), (SUBSCRIBERS, 1), (SUBSCRIBERS, 4)] {
        let connections = &mut connections[..subscribers];
        let group = format!("payload_sharing/{subscribers}_subscribers/{messages}_per_write");
        let mut group = criterion.benchmark_group(group);
        group.throughput(Throughput::Elements((subscribers * messages) as u64));
        for size in [512, 1024, 2048, 4096, 8192, 16_384] {
            let payload = vec![b'x'; size];
            let packet = benches::publish(TOPIC, &payload, None);
            let header = &packet[..packet.len() - size];
            for shares in [false, true] {
                let way = if shares { "shared" } else { "copied" };
                group.bench_function(BenchmarkId::new(way, size), |bencher| {
                    bencher.iter_custom(|rounds| {
                        let mut taken = Duration::ZERO;
                        for _ in 0..rounds {
                            let begin = CpuTime.start();
                            for _ in 0..messages {
                                // The first copy, that shares: off the scratch buffer.
                                let payload: Option<Arc<[u8]>> = shares.then(|| (&*payload).into());
                                for connection in &mut *connections {
                                    match &payload {
                                        Some(payload) => connection.share(header, payload),
                                        None => connection.copy(header, &packet[header.len()..]),
                                    }
                                }
                            }
                            let written: usize =
                                connections.iter_mut().map(Connection::flush).sum();
                            taken += CpuTime.end(begin);
                            assert_eq!(written, subscribers * messages * packet.len());
                            for connection in &mut *connections {
                                connection.drain(messages * packet.len(), &mut scratch);
                            }
                        }
                        taken
                    });
                });
            }
        }
        group.finish();
    }
}

criterion_group! {
    name = payload_sharing;
    config = benches::criterion().sample_size(10);
    targets = sharing
}
criterion_main!(payload_sharing);
