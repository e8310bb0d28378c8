//! Closed loops: of whose arrivals a publisher hears, for these open its window.

use std::collections::HashMap;

use super::{Audience, Contract, Plan};
use crate::mqtt::QoS;
use crate::scenario::PlanError;

impl Plan {
    /// Whether some publisher waits for its window.
    pub(crate) fn has_closed_loop(&self) -> bool {
        self.scenario.overview.window.is_some()
    }

    /// Publications that a client of this group may have unacknowledged: in a closed loop the windows of
    /// its entries together.
    pub(crate) fn inflight_max(&self, group: usize) -> u16 {
        let group = self.group(group);
        let windows = group.publish.iter().map(|publication| publication.window);
        let windows = windows.sum::<Option<u32>>().and_then(|sum| u16::try_from(sum).ok());
        windows.map_or(group.inflight_max, |windows| windows.min(group.inflight_max))
    }

    /// Deliveries that one publication on a stream owes to the subscribers of this worker out of
    /// `workers`: no thread hears of what arrived at another.
    pub(crate) fn owed_on_worker(&self, stream: u32, worker: u32, workers: u32) -> u32 {
        self.audience(stream).map_or(0, |audience| self.owed_here(audience, worker, workers))
    }

    fn owed_here(&self, audience: &Audience, worker: u32, workers: u32) -> u32 {
        let is_here = |client: u32| self.worker_of(client, workers) == worker;
        let members = || {
            let members = audience.members.iter();
            members.filter(|member| member.contract == Contract::Whole && is_here(member.client))
        };
        let alone = members().filter(|member| member.share.is_none()).count();
        let mut shares: Vec<_> = members().filter_map(|member| member.share).collect();
        shares.sort_unstable();
        shares.dedup();
        u32::try_from(alone + shares.len()).unwrap_or(u32::MAX)
    }

    /// See [`Plan::clients_of_worker`].
    fn worker_of(&self, client: u32, workers: u32) -> u32 {
        let (group, number) = self.group_of(client);
        if self.group(group).is_sharing() { 0 } else { number % workers.max(1) }
    }
}

/// Refuses publications at QoS 0 of which the publisher's thread would never hear that they arrived.
pub(super) fn check(plan: &Plan) -> Result<(), PlanError> {
    if !plan.has_closed_loop() {
        return Ok(());
    }
    let workers = u32::from(plan.scenario.threads);
    let mut known = HashMap::new();
    for entry in 0..plan.entries() {
        let publication = plan.publication(entry);
        if publication.window.is_none() || publication.qos > QoS::AtMostOnce {
            continue;
        }
        let first_client = plan.clients_of_group(plan.entries[entry].group).start;
        for number in 0..plan.clients_of_entry(entry) {
            let (stream, _) = plan.streams_of(entry, number);
            let worker = plan.worker_of(first_client + number, workers);
            let owed = known
                .entry((plan.audience_number(stream), worker))
                .or_insert_with(|| plan.owed_on_worker(stream, worker, workers));
            if *owed == 0 {
                return Err(PlanError::Unheard {
                    topic: plan.topic_name(stream),
                    threads: plan.scenario.threads,
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::plan::tests_plan;

    const FAN_OUT: &str = "threads = 2\n\
        [[group]]\nname = 'a'\nclients = 1\npublish = [{ topic = 't', rate = 'max', window = 7 }]\n\
        [[group]]\nname = 'b'\nclients = 5\nsubscribe = [{ filter = 't' }]";

    #[test]
    fn a_window_counts_the_subscribers_of_its_own_thread() {
        let plan = tests_plan(FAN_OUT);
        assert!(plan.has_closed_loop());
        assert_eq!(plan.owed_on_worker(0, 0, 1), 5);
        assert_eq!(plan.owed_on_worker(0, 0, 2), 3);
        assert_eq!(plan.owed_on_worker(0, 1, 2), 2);
        for worker in 0..2 {
            let subscribers = plan.subscribers_of_worker(worker, 2);
            assert_eq!(subscribers.len(), plan.owed_on_worker(0, worker, 2) as usize);
        }
    }
}
