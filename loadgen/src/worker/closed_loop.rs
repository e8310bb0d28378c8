//! Closed loops: publishers that publish when what they published before has arrived.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::sleep;

use super::Worker;
use crate::client::{Window, Windows};
use crate::recorder::FlowPlace;

/// Between two looks for windows that stand still: what nothing comes after is given up after a second
/// to a second and a half.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Worker {
    /// The windows of the publishers of this worker; `None` in open loop.
    pub(super) fn windows(&self) -> Option<Windows<FlowPlace>> {
        let plan = &self.setup.plan;
        if !plan.has_closed_loop() {
            return None;
        }
        let workers = u32::from(self.setup.scenario.threads);
        let mut windows = Vec::new();
        for (client, number) in self.clients.iter().enumerate() {
            let (group, number) = plan.group_of(*number);
            for (flow, entry) in plan.entries_of_group(group).enumerate() {
                let Some(limit) = plan.publication(entry).window else {
                    continue;
                };
                let (stream, _) = plan.streams_of(entry, number);
                let owed = plan.owed_on_worker(stream, self.number, workers);
                let place = FlowPlace { client, flow };
                windows.push((stream, Window::new(limit, owed), place));
            }
        }
        Some(Windows::new(plan.streams(), windows))
    }

    /// Publishes what has become possible.
    pub(super) fn publish_opened(self: &Rc<Self>) {
        loop {
            let next = self.recorder.borrow_mut().windows().and_then(Windows::opened);
            let Some(place) = next else {
                return;
            };
            if let Some(connection) = self.connection(place.client) {
                self.publish_due(&connection, place.flow, u32::MAX);
            }
        }
    }

    /// Lets windows go on whose last messages were lost, until the worker ends.
    pub(super) async fn give_up(self: Rc<Self>) {
        loop {
            sleep(LOOK_EVERY).await;
            let now_ns = self.setup.clock.now_ns();
            if self.load.get().is_none_or(|schedule| now_ns >= schedule.end_ns) {
                continue;
            }
            let mut recorder = self.recorder.borrow_mut();
            let given_up = recorder.windows().map_or(0, Windows::give_up);
            recorder.counters.given_up += given_up;
            drop(recorder);
            self.publish_opened();
        }
    }
}
