//! The whole broker over a socket, with its Clients on the same thread.
//!
//! One runtime runs both sides in turn, and its clock stands still, so that no timer gets in between.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use broker::{Broker, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};

use super::Scenario;
use super::packets::{READING, TOPIC, acknowledgement, connect, publish, subscribe};

const SEED: u64 = 1;

/// Messages in one run.
const MESSAGES: usize = 100;

/// Turns of the runtime in which a broker has forgotten a connection that ended. The runtime looks for events of
/// sockets every 61 turns while there is anything else to do.
const SETTLING: usize = 256;

const CONNACK: &[u8] = b"\x20\x02\x00\x00";

pub(crate) fn add(scenarios: &mut Vec<Scenario>) {
    for qos in [0, 1] {
        let name = format!("loopback/qos{qos}");
        scenarios.push(Scenario::new(name, MESSAGES, move || loopback(qos)));
    }
}

/// A blocking task, for whose life the clock of the runtime does not advance by itself.
///
/// It waits at a condition variable, which allocates nothing: an allocation on its thread would be counted or not, as it
/// happens.
struct StoppedClock(Arc<(Mutex<Stage>, Condvar)>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Starting,
    Waiting,
    Over,
}

impl StoppedClock {
    /// Returns when the task is there. To be called within the runtime.
    fn new() -> Self {
        let shared = Arc::new((Mutex::new(Stage::Starting), Condvar::new()));
        let of_task = Arc::clone(&shared);
        tokio::task::spawn_blocking(move || {
            let (stage, changed) = &*of_task;
            let mut stage = stage.lock().unwrap_or_else(PoisonError::into_inner);
            *stage = Stage::Waiting;
            changed.notify_all();
            let over = changed.wait_while(stage, |stage| *stage != Stage::Over);
            drop(over);
        });
        let (stage, changed) = &*shared;
        let stage = stage.lock().unwrap_or_else(PoisonError::into_inner);
        drop(changed.wait_while(stage, |stage| *stage == Stage::Starting));
        Self(shared)
    }
}

impl Drop for StoppedClock {
    fn drop(&mut self) {
        let (stage, changed) = &*self.0;
        *stage.lock().unwrap_or_else(PoisonError::into_inner) = Stage::Over;
        changed.notify_all();
    }
}

/// A broker on the runtime of this thread.
struct Local {
    /// Goes before the runtime, which waits for the task.
    _clock: StoppedClock,
    broker: Broker,
    runtime: LocalRuntime,
}

impl Local {
    fn new() -> Self {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build_local(LocalOptions::default())
            .expect("a runtime");
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let builder = Broker::builder().listen(loopback).hash_seed(SEED).limits(Limits::default());
        let (broker, clock) = runtime.block_on(async {
            let (broker, run) = builder.start_local().expect("a broker");
            tokio::task::spawn_local(run);
            (broker, StoppedClock::new())
        });
        Self { _clock: clock, broker, runtime }
    }

    fn address(&self) -> SocketAddr {
        self.broker.local_addresses()[0]
    }
}

/// CONNECT, SUBSCRIBE, messages to oneself one by one, DISCONNECT.
fn loopback(qos: u8) -> impl FnMut() -> usize {
    let local = Rc::new(Local::new());
    let address = local.address();
    move || local.runtime.block_on(converse(address, qos)).expect("a conversation")
}

async fn converse(address: SocketAddr, qos: u8) -> std::io::Result<usize> {
    let mut client = TcpStream::connect(address).await?;
    client.set_nodelay(true)?;
    let mut answer = [0; 256];
    let mut received = 0;
    client.write_all(&connect("client")).await?;
    received += client.read_exact(&mut answer[..CONNACK.len()]).await?;
    assert_eq!(&answer[..CONNACK.len()], CONNACK);
    client.write_all(&subscribe(TOPIC, qos)).await?;
    received += client.read_exact(&mut answer[..5]).await?;
    for packet_identifier in (1..).take(MESSAGES) {
        let message = publish(TOPIC, qos, packet_identifier, READING);
        client.write_all(&message).await?;
        // At QoS 1 the PUBACK, too.
        let expected = message.len() + if qos == 0 { 0 } else { 4 };
        received += client.read_exact(&mut answer[..expected]).await?;
        if qos > 0 {
            client.write_all(&acknowledgement(0x40, packet_identifier)).await?;
        }
    }
    client.write_all(b"\xe0\x00").await?;
    // The broker closes.
    assert_eq!(client.read(&mut answer).await?, 0);
    drop(client);
    // What the broker still does about it belongs to this run and not to the next.
    for _ in 0..SETTLING {
        tokio::task::yield_now().await;
    }
    Ok(received)
}
