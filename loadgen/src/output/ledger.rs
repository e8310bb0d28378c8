//! What was owed and what came, and what MQTT says about the difference.

use reports::{Contract, Counts, Finding};

use crate::recorder::{Counters, QoSCounters};
use crate::scenario::Scenario;
use crate::units::grouped;

/// The counts of a run of which `offered` publications were due.
pub(crate) fn counts(offered: u64, counters: &Counters) -> Counts {
    let came = counters.measured_delivered;
    Counts {
        offered,
        sent: counters.measured_sent,
        unacknowledged: counters.to_acknowledge.saturating_sub(counters.acknowledged),
        expected: counters.measured_owed,
        delivered: came.saturating_sub(counters.late_after_drain),
        lost: counters.measured_owed.saturating_sub(came),
        duplicate: counters.measured_duplicate,
        duplicate_with_dup: counters.measured_duplicate_with_dup,
        corrupted: counters.corrupted,
        late_in_drain: counters.late_in_drain,
        late_after_drain: counters.late_after_drain,
        reordered: counters.measured_reordered,
        retained: counters.retained,
        foreign: counters.foreign,
        impossible: counters.impossible,
        connected: counters.opened,
        connect_failed: counters.connect_failed,
        disconnected: counters.disconnected,
        left: counters.left,
        sessions_lost: counters.sessions_lost,
        not_judged: counters.measured_unjudged,
        repeated: counters.repeated,
        // Who is owed retained messages is known at the end.
        retained_expected: 0,
        retained_missing: 0,
        wills_expected: counters.wills_owed,
        wills: counters.wills,
    }
}

/// The counts of each QoS at which something was owed or came, judged by what is promised there.
///
/// Where nothing was, there is one for the least QoS that a delivery of the run could have had.
pub(super) fn contracts(scenario: &Scenario, counters: &Counters) -> Vec<Contract> {
    let least = scenario.overview.least_qos.number();
    let all = (0..).zip(&counters.at).filter(|(_, counted)| **counted != QoSCounters::default());
    let mut contracts: Vec<Contract> =
        all.map(|(qos, counted)| contract(qos, counted, counters.disconnected)).collect();
    if contracts.is_empty() {
        contracts.push(Contract { qos: least, ..Contract::default() });
    }
    contracts
}

fn contract(qos: u8, counted: &QoSCounters, disconnected: u64) -> Contract {
    let contract = Contract {
        qos,
        expected: counted.owed,
        delivered: counted.delivered.saturating_sub(counted.late_after_drain),
        lost: counted.owed.saturating_sub(counted.delivered),
        duplicate: counted.duplicate,
        duplicate_with_dup: counted.duplicate_with_dup,
        reordered: counted.reordered,
        corrupted: counted.corrupted,
        late_after_drain: counted.late_after_drain,
        findings: Vec::new(),
    };
    Contract { findings: findings(&contract, disconnected), ..contract }
}

/// What MQTT does not allow at this QoS. What a client that connects again may get again is not among
/// the duplicates, so nothing excuses a repetition.
fn findings(counts: &Contract, disconnected: u64) -> Vec<Finding> {
    let qos = counts.qos;
    let mut findings = Vec::new();
    let mut find = |code: &str, count: u64, what: &str, clause: &str| {
        if count > 0 {
            let text = format!("{} {what} {clause}", grouped(count));
            findings.push(Finding { code: code.to_owned(), count, text });
        }
    };
    let ended = match disconnected {
        0 => String::new(),
        ended => format!(
            "; {} connection(s) ended during the run, and what these were owed is among them",
            grouped(ended)
        ),
    };
    if qos > 0 {
        let clause = if qos == 1 { "at least once" } else { "exactly once" };
        let clause = format!("[section 4.3: {clause}]{ended}");
        find(
            "lost",
            counts.lost,
            "deliveries never came, although QoS 1 and 2 must arrive",
            &clause,
        );
    }
    let repeated = match qos {
        0 => "deliveries came again, although QoS 0 arrives once or not at all [MQTT-4.3.1]",
        1 => {
            "deliveries came again without a reconnection, after which alone QoS 1 may repeat itself \
              [MQTT-4.4.0-1]"
        }
        _ => "deliveries came again, although QoS 2 arrives exactly once [MQTT-4.3.3]",
    };
    let dup = format!(
        "({} with DUP = 1, {} without)",
        grouped(counts.duplicate_with_dup),
        grouped(counts.duplicate.saturating_sub(counts.duplicate_with_dup))
    );
    find("duplicate", counts.duplicate, repeated, &dup);
    let order =
        "deliveries came after a later one of the same publisher, although every topic is ordered";
    find("reordered", counts.reordered, order, "[MQTT-4.6.0-5, MQTT-4.6.0-6]");
    let payload = "messages do not hold the payload that was published";
    find("corrupted", counts.corrupted, payload, "[section 3.3.3]");
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(qos: u8, counts: &Contract) -> Vec<String> {
        findings(&Contract { qos, ..counts.clone() }, 0)
            .into_iter()
            .map(|finding| finding.code)
            .collect()
    }

    #[test]
    fn each_qos_is_held_to_its_own_promise() {
        let all = Contract {
            lost: 1,
            duplicate: 2,
            duplicate_with_dup: 1,
            reordered: 3,
            corrupted: 4,
            ..Contract::default()
        };
        assert_eq!(codes(0, &all), ["duplicate", "reordered", "corrupted"], "QoS 0 may lose");
        for qos in [1, 2] {
            assert_eq!(codes(qos, &all), ["lost", "duplicate", "reordered", "corrupted"]);
        }
        assert_eq!(codes(2, &Contract::default()), [""; 0]);
    }

    #[test]
    fn a_loss_after_connections_ended_says_so() {
        let counts = Contract { qos: 1, lost: 1_500, ..Contract::default() };
        let text = &findings(&counts, 2)[0].text;
        assert!(text.starts_with("1,500 deliveries never came"), "{text}");
        assert!(text.contains("2 connection(s) ended during the run"), "{text}");
    }
}
