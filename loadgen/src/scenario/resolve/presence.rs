//! When the clients of a group come and go.

use super::super::fault::GroupError;
use super::super::file::{ConnectFile, GroupFile, Leave, Meeting};
use super::super::{Absence, Connecting, Presence};
use super::Context;
use crate::units::{SECOND_NS, nearest};

/// Times of a storm at most.
const STORMS_MAX: usize = 10_000;

/// How long a client of a churn stays and is away when nothing is said.
const STAY_NS: u64 = 5 * SECOND_NS;
const AWAY_NS: u64 = SECOND_NS;

/// Resolved and checked.
pub(super) fn connecting(file: &GroupFile) -> Result<Connecting, GroupError> {
    let Some(connect) = &file.connect else {
        return Ok(Connecting { arrival: Meeting::Spread, interval_ns: 0 });
    };
    Ok(Connecting { arrival: connect.arrival, interval_ns: interval_ns(connect, file.clients)? })
}

fn interval_ns(connect: &ConnectFile, clients: u32) -> Result<u64, GroupError> {
    let is_given = connect.rate.is_some() || connect.over.is_some();
    match (connect.rate, connect.over) {
        (Some(_), Some(_)) => Err(GroupError::Both("connect.rate", "connect.over")),
        (Some(rate), _) if !(rate.is_finite() && rate > 0.0) => {
            Err(GroupError::Zero("connect.rate"))
        }
        _ if connect.arrival == Meeting::Herd && is_given => {
            Err(GroupError::Both("arrival = \"herd\"", "connect.rate or connect.over"))
        }
        _ if connect.arrival == Meeting::Poisson && !is_given => {
            Err(GroupError::Needs("arrival = \"poisson\"", "connect.rate or connect.over"))
        }
        (Some(rate), None) => Ok(nearest(1e9 / rate)),
        (None, Some(over)) => Ok(over.0.ns() / u64::from(clients.max(1))),
        (None, None) => Ok(0),
    }
}

/// Resolved and checked.
pub(super) fn presence(file: &GroupFile, context: &Context) -> Result<Presence, GroupError> {
    let moment = |moment: super::super::file::Moment| {
        moment.since_start_ns(context.warmup_ns, context.duration_ns)
    };
    let (start_ns, stop_ns) =
        (file.start.map(|start| moment(start.0)), file.stop.map(|stop| moment(stop.0)));
    if let (Some(start_ns), Some(stop_ns)) = (start_ns, stop_ns)
        && stop_ns <= start_ns
    {
        return Err(GroupError::Order);
    }
    let (absence, leave) = match (&file.churn, &file.storm) {
        (Some(_), Some(_)) => return Err(GroupError::Both("churn", "storm")),
        (None, None) => (Absence::Never, Leave::Disconnect),
        (Some(churn), None) => {
            let stay_ns = churn.stay.map_or(STAY_NS, |stay| stay.0.ns());
            if stay_ns == 0 {
                return Err(GroupError::Zero("churn.stay"));
            }
            let away_ns = churn.away.map_or(AWAY_NS, |away| away.0.ns());
            (Absence::Churn { stay_ns, away_ns }, churn.end)
        }
        (None, Some(storm)) => {
            if storm.at.is_empty() {
                return Err(GroupError::Needs("storm", "at, such as at = [\"50%\"]"));
            }
            if storm.at.len() > STORMS_MAX {
                return Err(GroupError::Storms);
            }
            let mut at_ns: Vec<_> = storm.at.iter().map(|at| moment(at.0)).collect();
            at_ns.sort_unstable();
            let absence = Absence::Storm {
                at_ns: at_ns.into(),
                away_ns: storm.away.map_or(0, |away| away.0.ns()),
                back_over_ns: storm.back_over.map_or(0, |over| over.0.ns()),
            };
            (absence, storm.end)
        }
    };
    Ok(Presence { start_ns, stop_ns, absence, leave })
}
