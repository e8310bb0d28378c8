//! How many publish and how many subscribe.

use super::{CLIENTS_DEFAULT, CLIENTS_MAX, PAIRS_MAX, ScenarioError};
use crate::cli::{Cli, Topology};
use crate::payload::PUBLISHERS_MAX;

/// Publishers and subscribers, resolved and checked.
pub(super) fn sides(cli: &Cli) -> Result<(u32, u32), ScenarioError> {
    let arguments = &cli.clients;
    let (publishers, subscribers) = match topology(cli) {
        Topology::Shared | Topology::Pairs => halves(cli)?,
        Topology::FanIn => ends(cli, arguments.subscribers, "subscriber")?,
        Topology::FanOut => {
            let (subscribers, publishers) = ends(cli, arguments.publishers, "publisher")?;
            (publishers, subscribers)
        }
    };
    if publishers == 0 || subscribers == 0 {
        return Err(ScenarioError::TooFew);
    }
    let clients = u64::from(publishers) + u64::from(subscribers);
    if clients > u64::from(CLIENTS_MAX) || publishers >= PUBLISHERS_MAX {
        return Err(ScenarioError::TooMany(clients));
    }
    match topology(cli) {
        Topology::Pairs if publishers != subscribers => match arguments.clients {
            Some(clients) if arguments.publishers.or(arguments.subscribers).is_none() => {
                Err(ScenarioError::Odd(clients + 1))
            }
            _ => Err(ScenarioError::Unequal { publishers, subscribers }),
        },
        Topology::Shared if u64::from(publishers) * u64::from(subscribers) > PAIRS_MAX => {
            Err(ScenarioError::Pairs {
                publishers,
                subscribers,
                pairs: u64::from(publishers) * u64::from(subscribers),
            })
        }
        _ => Ok((publishers, subscribers)),
    }
}

fn topology(cli: &Cli) -> Topology {
    cli.clients.topology.unwrap_or(Topology::Shared)
}

/// Two sides of about the same size, unless one of them is given.
fn halves(cli: &Cli) -> Result<(u32, u32), ScenarioError> {
    let arguments = &cli.clients;
    let clients = arguments.clients.unwrap_or(CLIENTS_DEFAULT);
    let others = |part: &'static str, count: u32| {
        clients.checked_sub(count).ok_or(ScenarioError::Part { part, clients })
    };
    match (arguments.publishers, arguments.subscribers) {
        (Some(publishers), Some(subscribers)) => both(arguments.clients, publishers, subscribers),
        (Some(publishers), None) if arguments.clients.is_some() => {
            Ok((publishers, others("--publishers", publishers)?))
        }
        (None, Some(subscribers)) if arguments.clients.is_some() => {
            Ok((others("--subscribers", subscribers)?, subscribers))
        }
        // One side alone and no total: the other side is as large.
        (Some(one), None) | (None, Some(one)) => Ok((one, one)),
        (None, None) => Ok((clients.div_ceil(2), clients / 2)),
    }
}

/// Many on one side, one on the other: returned in this order.
fn ends(cli: &Cli, ones: Option<u32>, role: &'static str) -> Result<(u32, u32), ScenarioError> {
    let arguments = &cli.clients;
    if let Some(count) = ones
        && count != 1
    {
        return Err(ScenarioError::One { topology: topology(cli).name(), role, count });
    }
    let many = match topology(cli) {
        Topology::FanIn => arguments.publishers,
        _ => arguments.subscribers,
    };
    match many {
        Some(many) => both(arguments.clients, many, 1),
        None => Ok((arguments.clients.unwrap_or(CLIENTS_DEFAULT).saturating_sub(1), 1)),
    }
}

fn both(
    clients: Option<u32>,
    publishers: u32,
    subscribers: u32,
) -> Result<(u32, u32), ScenarioError> {
    let sum = u64::from(publishers) + u64::from(subscribers);
    match clients {
        Some(clients) if u64::from(clients) != sum => {
            Err(ScenarioError::Sum { publishers, subscribers, sum, clients })
        }
        _ => Ok((publishers, subscribers)),
    }
}
