//! The broker's process, as far as all runs watched one.

use crate::{BrokerUse, Run, Summary};

/// What all runs together know of the broker's process, and why they know no more.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Watched {
    pub(super) cpu_seconds: Option<f64>,
    pub(super) memory_bytes: Option<u64>,
    pub(super) process: Option<BrokerUse>,
    /// Why figures are absent that the runs have.
    pub(super) absent: Option<String>,
}

/// The figures of one process that all runs which watched one have watched, at one time.
///
/// Each run saw the whole process in its own measured part, so figures are taken, not added: those of the run that
/// saw it work most. `together` says whether the measured parts are one time.
pub(super) fn watched(runs: &[Run], delivered: u64, together: bool) -> Watched {
    let known = runs.iter().filter(|run| knows_broker(&run.summary));
    let known: Vec<&Run> = known.collect();
    let Some((first, others)) = known.split_first() else {
        return Watched::default();
    };
    if let Some(other) = others.iter().find(|other| !same_process(first, other)) {
        return without(format!(
            "{} watched {} and {} watched {}: figures of several processes do not add up to those of \
             one broker, and are left out",
            first.name,
            process(first),
            other.name,
            process(other)
        ));
    }
    if !together {
        return without(
            "what the broker's process spent is left out: the runs did not measure at one time"
                .to_owned(),
        );
    }
    let busiest = known.iter().max_by(|one, other| cpu(one).total_cmp(&cpu(other)));
    let busiest = busiest.map_or(&first.summary, |run| &run.summary);
    let each = || known.iter().map(|run| &run.summary);
    let cpu_seconds = busiest.cpu.broker_seconds;
    let peaks = each().filter_map(|summary| summary.broker?.resident_peak_bytes);
    Watched {
        cpu_seconds,
        memory_bytes: each().filter_map(|summary| summary.memory.broker_bytes).max(),
        process: busiest.broker.map(|process| BrokerUse {
            cpu_us_per_delivery: cpu_seconds
                .and_then(|seconds| crate::text::cpu_per_delivery(seconds, delivered)),
            resident_peak_bytes: peaks.max(),
            // It grew by the connections of all runs while each counted its own.
            bytes_per_connection: None,
            ..process
        }),
        absent: None,
    }
}

fn without(reason: String) -> Watched {
    Watched { absent: Some(reason), ..Watched::default() }
}

fn knows_broker(summary: &Summary) -> bool {
    summary.broker.is_some()
        || summary.cpu.broker_seconds.is_some()
        || summary.memory.broker_bytes.is_some()
}

/// A process is known by its identifier and its machine. Runs of before, which had no identifier, loaded one URL.
fn same_process(one: &Run, other: &Run) -> bool {
    let pid = |run: &Run| run.summary.broker.map(|broker| broker.pid);
    let (first, second) = (&one.summary.machine, &other.summary.machine);
    pid(one) == pid(other) && first.cpu == second.cpu && first.memory_bytes == second.memory_bytes
}

fn process(run: &Run) -> String {
    let machine = &run.summary.machine;
    match run.summary.broker {
        Some(broker) => format!("process {} ({}, {})", broker.pid, machine.cpu, machine.os),
        None => format!("a process without an identifier ({}, {})", machine.cpu, machine.os),
    }
}

fn cpu(run: &Run) -> f64 {
    run.summary.cpu.broker_seconds.unwrap_or_default()
}
