//! The rules of a closed loop: a limit is found in any case, and the question is whose.

use reports::Reason;

use super::rules::{per_second, saturated, worst};
use super::{Evidence, reason};
use crate::units::{grouped, nearest};

/// Share of a core from which on a broker is taken to have no time left. It may have more threads than
/// one, but with less than this none of them is the limit.
const SATURATED_CORES: f64 = 0.9;

/// What speaks against the generator: it had no time left while the broker had, or nobody knows.
pub(super) fn generator(evidence: &Evidence) -> Vec<Reason> {
    if broker_is_saturated(evidence) {
        return Vec::new();
    }
    let worker = worst(&evidence.workers);
    worker.and_then(|worker| saturated(worker, evidence.workers.len())).into_iter().collect()
}

fn broker_is_saturated(evidence: &Evidence) -> bool {
    evidence.broker_cores.is_some_and(|cores| cores >= SATURATED_CORES)
}

/// What the limit was.
pub(super) fn limit(evidence: &Evidence) -> Reason {
    let arrived = per_second(evidence.arrived, evidence);
    let busy = worst(&evidence.workers).unwrap_or_default().busy;
    let cores = evidence.broker_cores.unwrap_or(0.0);
    let (code, text) = if broker_is_saturated(evidence) {
        let text = "the broker used {cores} cores: this is what it carries";
        ("broker_saturated", text.replace("{cores}", &format!("{cores:.2}")))
    } else {
        let text = "neither the broker nor the generator was out of time: what a message takes on its way \
                    is the limit, and a larger --window may carry more";
        ("window", text.to_owned())
    };
    reason(
        code,
        format!("closed loop, {} deliveries/s; {text}", grouped(nearest(arrived))),
        [
            ("arrived_per_second", arrived),
            ("broker_cores", cores),
            ("broker_limit_cores", SATURATED_CORES),
            ("busy_share", busy),
        ],
    )
}
