//! PINGREQ where nothing else is sent for half of the Keep Alive, and an end to connections whose
//! broker no longer answers.

use std::rc::Rc;
use std::time::Duration;

use super::Worker;
use super::connection::Failure;
use crate::mqtt::Encoder;
use crate::payload::scramble;
use crate::units::SECOND_NS;

/// How often the clients are looked at.
const SWEEP: Duration = Duration::from_millis(250);

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
        let keep_alive_ns = u64::from(connection.keep_alive_seconds) * SECOND_NS;
        if keep_alive_ns == 0 {
            return;
        }
        let pinged_ns = connection.ping_ns.get();
        if pinged_ns != 0 && now_ns.saturating_sub(pinged_ns) > keep_alive_ns {
            connection.abandon(Failure::Silent);
        } else if pinged_ns == 0
            && now_ns.saturating_sub(connection.written_ns.get()) > idle_ns(place, keep_alive_ns)
        {
            let mut packet = self.write_buffer.take();
            if Encoder::new(&mut packet).pingreq().is_ok() {
                // Before the write, as every other leg, so that its time is in it.
                let asked_ns = self.setup.clock.now_ns();
                self.send(&connection, &packet);
                connection.ping_ns.set(now_ns);
                if connection.asked_ns.get() == 0 {
                    connection.asked_ns.set(asked_ns);
                }
                connection.written_ns.set(now_ns);
            }
            packet.clear();
            self.write_buffer.replace(packet);
        }
    }
}

/// Silence after which the client in this place pings: half of the Keep Alive at most. Clients that
/// fell silent together do not ping in one burst, which would show in the latency.
fn idle_ns(place: usize, keep_alive_ns: u64) -> u64 {
    let idle_ns = keep_alive_ns / 2;
    idle_ns - scramble(place as u64) % (idle_ns / 2).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pings_are_spread_and_in_time() {
        for keep_alive_ns in [SECOND_NS, 60 * SECOND_NS] {
            let times: Vec<u64> = (0..1000).map(|place| idle_ns(place, keep_alive_ns)).collect();
            let quarter_ns = keep_alive_ns / 4;
            assert!(times.iter().all(|time| (quarter_ns..=2 * quarter_ns).contains(time)));
            let early = times.iter().filter(|time| **time < quarter_ns + quarter_ns / 2).count();
            assert!((400..600).contains(&early), "{early}");
        }
    }
}
