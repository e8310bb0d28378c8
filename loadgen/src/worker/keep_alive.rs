//! PINGREQ where nothing else is sent for half of the Keep Alive, and an end to connections whose
//! broker no longer answers.

use std::rc::Rc;
use std::time::Duration;

use super::Worker;
use super::connection::Failure;
use crate::client::KEEP_ALIVE_SECONDS;
use crate::mqtt::Encoder;
use crate::payload::scramble;
use crate::units::SECOND_NS;

/// How often the clients are looked at.
const SWEEP: Duration = Duration::from_millis(250);

/// Silence after which a client pings, at most.
const IDLE_NS: u64 = KEEP_ALIVE_SECONDS as u64 * SECOND_NS / 2;

/// Clients that fell silent together ping within this time, and not in one burst that would show
/// in the latency.
const SPREAD_NS: u64 = IDLE_NS / 2;

/// How long an answer may take.
const ANSWER_NS: u64 = KEEP_ALIVE_SECONDS as u64 * SECOND_NS;

impl Worker {
    /// Pings until the worker ends.
    pub(super) async fn keep_alive(self: Rc<Self>) {
        loop {
            tokio::time::sleep(SWEEP).await;
            let now_ns = self.setup.clock.now_ns();
            for place in 0..self.places() {
                self.keep_one_alive(place, now_ns);
            }
        }
    }

    fn keep_one_alive(self: &Rc<Self>, place: usize, now_ns: u64) {
        let Some(connection) = self.connection(place) else {
            return;
        };
        let pinged_ns = connection.ping_ns.get();
        if pinged_ns != 0 && now_ns.saturating_sub(pinged_ns) > ANSWER_NS {
            connection.abandon(Failure::Silent);
        } else if pinged_ns == 0
            && now_ns.saturating_sub(connection.written_ns.get()) > idle_ns(place)
        {
            let mut packet = self.write_buffer.take();
            if Encoder::new(&mut packet).pingreq().is_ok() {
                self.send(&connection, &packet);
                connection.ping_ns.set(now_ns);
                connection.written_ns.set(now_ns);
            }
            packet.clear();
            self.write_buffer.replace(packet);
        }
    }
}

/// Silence after which the client in this place pings.
fn idle_ns(place: usize) -> u64 {
    IDLE_NS - scramble(place as u64) % SPREAD_NS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pings_are_spread_and_in_time() {
        let times: Vec<u64> = (0..1000).map(idle_ns).collect();
        assert!(times.iter().all(|time| (IDLE_NS - SPREAD_NS..=IDLE_NS).contains(time)));
        let early = times.iter().filter(|time| **time < IDLE_NS - SPREAD_NS / 2).count();
        assert!((400..600).contains(&early), "{early}");
    }
}
