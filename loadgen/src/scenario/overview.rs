//! A whole scenario in a few figures.

use super::{File, Group};
use crate::mqtt::QoS;
use crate::payload::StampPlace;
use crate::rate::Rate;
use crate::units::nearest;

/// What all groups together come to, for tables in which a run is one line.
#[derive(Clone, Debug, PartialEq)]
pub struct Overview {
    /// Clients that publish.
    pub publishers: u32,
    /// Clients that subscribe.
    pub subscribers: u32,
    /// Versions of MQTT that are spoken.
    pub protocol: String,
    /// Topic Name of the first publications, with its placeholders.
    pub topic: String,
    /// The greatest QoS of a publication.
    pub qos: QoS,
    /// The greatest QoS of a subscription.
    pub sub_qos: QoS,
    /// The least QoS that a delivery may have: what can be promised of all of them.
    pub least_qos: QoS,
    /// Whether there are publications with RETAIN = 1.
    pub retain: bool,
    /// Size of the largest payload.
    pub payload_bytes: usize,
    /// Where the stamps are.
    pub stamp_place: StampPlace,
    /// Mean time between two publications of one publisher.
    pub period_ns: u64,
    /// The rate as it is written, where there is one entry alone.
    pub rate: Option<Rate>,
    /// The greatest window of a publication in a closed loop; `None` when all is open loop.
    pub window: Option<u32>,
}

impl Overview {
    /// Of the groups that a file came to.
    pub(super) fn of(file: &File, groups: &[Group]) -> Self {
        let publications = || groups.iter().flat_map(|group| &group.publish);
        let clients = |is_in: fn(&&Group) -> bool| {
            groups.iter().filter(is_in).map(|group| group.clients).sum::<u32>()
        };
        let mut versions: Vec<_> = groups.iter().map(|group| group.version).collect();
        versions.sort_unstable();
        versions.dedup();
        let protocol: Vec<_> = versions.iter().map(|version| version.name()).collect();
        let publishers = clients(|group| !group.publish.is_empty());
        let per_second: f64 = groups.iter().map(Group::publications_per_second).sum();
        let mut entries = file.groups.iter().flat_map(|group| &group.publish);
        let rate = match (entries.next(), entries.next()) {
            (Some(entry), None) => entry.rate.map(|rate| rate.0),
            _ => None,
        };
        let places: Vec<_> =
            publications().map(|publication| publication.payload.stamp_place).collect();
        Self {
            publishers,
            subscribers: clients(|group| !group.subscribe.is_empty()),
            protocol: protocol.join(", "),
            topic: publications().next().map_or_else(String::new, |first| first.topic.to_string()),
            qos: publications().map(|one| one.qos).max().unwrap_or(QoS::AtMostOnce),
            sub_qos: groups
                .iter()
                .flat_map(|group| &group.subscribe)
                .map(|subscription| subscription.qos)
                .max()
                .unwrap_or(QoS::AtMostOnce),
            least_qos: publications()
                .map(|one| one.qos)
                .chain(groups.iter().flat_map(|group| &group.subscribe).map(|one| one.qos))
                .min()
                .unwrap_or(QoS::AtMostOnce),
            retain: publications().any(|publication| publication.retain),
            payload_bytes: publications().map(|one| one.payload.bytes).max().unwrap_or(0),
            stamp_place: match places.split_first() {
                None => StampPlace::Payload,
                Some((first, others)) if others.iter().all(|place| place == first) => *first,
                Some(_) => StampPlace::Mixed,
            },
            period_ns: match per_second {
                0.0 => 0,
                _ => nearest(f64::from(publishers) * 1e9 / per_second),
            },
            rate,
            window: publications().filter_map(|one| one.window).max(),
        }
    }
}
