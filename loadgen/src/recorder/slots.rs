//! Where the ledger keeps what one subscriber received of one stream.
//!
//! A row for each stream, a column for each receiver, so that neighbours read one after the other
//! share cache lines. Where everybody receives everything, as in the main job, a multiplication finds
//! the slot and nothing else is looked at. Everywhere else a row has as many columns as its audience
//! has members on this worker.

use std::collections::HashMap;

use crate::mqtt::QoS;
use crate::plan::{Contract, Plan};

/// Finds slots.
#[derive(Debug)]
pub(super) enum Slots {
    /// Every stream goes to every subscriber at one QoS, and all of it is owed.
    Dense {
        streams: u32,
        subscribers: usize,
        qos: QoS,
    },
    Sparse(Sparse),
}

/// What is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub index: usize,
    pub qos: QoS,
    pub contract: Contract,
    /// A message may rightly come again.
    pub may_repeat: bool,
    /// Members of a share group have it together: order is nobody's promise.
    pub shared: bool,
}

#[derive(Debug)]
pub(super) struct Sparse {
    /// Of each stream.
    rows: Box<[Row]>,
    /// Members on this worker of every audience, by their place.
    members: Box<[Member]>,
    slots: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Row {
    /// The slot of its first column.
    first: u32,
    /// Where its members begin, and how many there are.
    members: u32,
    count: u32,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    /// Its place among the worker's subscribers.
    place: u32,
    column: u32,
    qos: QoS,
    contract: Contract,
    may_repeat: bool,
    shared: bool,
}

impl Slots {
    /// For these subscribers of a worker, in the order of their places.
    pub(super) fn new(plan: &Plan, subscribers: &[u32]) -> Self {
        match dense_qos(plan, subscribers) {
            Some(qos) => {
                Self::Dense { streams: plan.streams(), subscribers: subscribers.len(), qos }
            }
            None => Self::Sparse(Sparse::new(plan, subscribers)),
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Dense { streams, subscribers, .. } => *streams as usize * subscribers,
            Self::Sparse(sparse) => sparse.slots,
        }
    }

    /// The slot of the subscriber in this place for this stream; `None` when it is not owed any of it.
    #[inline]
    pub(super) fn find(&self, place: usize, stream: u32) -> Option<Slot> {
        match self {
            Self::Dense { streams, subscribers, qos } => (stream < *streams).then_some(Slot {
                index: stream as usize * subscribers + place,
                qos: *qos,
                contract: Contract::Whole,
                may_repeat: false,
                shared: false,
            }),
            Self::Sparse(sparse) => sparse.find(place, stream),
        }
    }
}

impl Sparse {
    fn new(plan: &Plan, subscribers: &[u32]) -> Self {
        let places: HashMap<u32, u32> = subscribers.iter().copied().zip(0..).collect();
        let mut members = Vec::new();
        // Where the members of an audience begin, how many there are, and how many columns.
        let mut audiences = Vec::with_capacity(plan.audiences().len());
        for audience in plan.audiences() {
            let first = members.len();
            let mut columns = 0;
            let mut shares: HashMap<u16, u32> = HashMap::new();
            for member in &audience.members {
                let Some(place) = places.get(&member.client) else {
                    continue;
                };
                let column = match member.share {
                    None => columns,
                    Some(share) => *shares.entry(share).or_insert(columns),
                };
                columns = columns.max(column + 1);
                members.push(Member {
                    place: *place,
                    column,
                    qos: member.qos,
                    contract: member.contract,
                    may_repeat: member.may_repeat,
                    shared: member.share.is_some(),
                });
            }
            audiences.push((first, members.len() - first, columns));
        }
        let mut slots = 0;
        let bounded = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let rows = (0..plan.streams()).map(|stream| {
            let audience = audiences.get(plan.audience_number(stream) as usize);
            let (first, count, columns) = audience.copied().unwrap_or_default();
            let row = Row { first: bounded(slots), members: bounded(first), count: bounded(count) };
            slots += columns as usize;
            row
        });
        let rows = rows.collect();
        Self { rows, members: members.into(), slots }
    }

    fn find(&self, place: usize, stream: u32) -> Option<Slot> {
        let row = self.rows.get(stream as usize)?;
        let first = row.members as usize;
        let members = self.members.get(first..first + row.count as usize)?;
        let place = u32::try_from(place).ok()?;
        let at = members.binary_search_by_key(&place, |member| member.place).ok()?;
        let Member { column, qos, contract, may_repeat, shared, .. } = *members.get(at)?;
        Some(Slot { index: (row.first + column) as usize, qos, contract, may_repeat, shared })
    }
}

/// The QoS of all deliveries, if every stream goes to all of these and to nobody else of this worker.
fn dense_qos(plan: &Plan, subscribers: &[u32]) -> Option<QoS> {
    let [audience] = plan.audiences() else {
        return None;
    };
    let qos = audience.members.first().map_or(QoS::AtMostOnce, |member| member.qos);
    let owed_alike = audience.members.iter().all(|member| {
        member.share.is_none()
            && member.contract == Contract::Whole
            && !member.may_repeat
            && member.qos == qos
    });
    let has_wills = plan.streams() > plan.published_streams();
    let is_member = |client: &u32| {
        audience.members.binary_search_by_key(client, |member| member.client).is_ok()
    };
    (owed_alike && !has_wills && subscribers.iter().all(is_member)).then_some(qos)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::plan::tests_plan;

    /// Every subscriber of a plan, as one worker has them.
    fn subscribers(plan: &Plan) -> Vec<u32> {
        plan.subscribers_of_worker(0, 1)
    }

    #[test]
    fn the_main_job_is_found_by_a_multiplication() {
        let plan = tests_plan(
            "[[group]]\nname = 'a'\nclients = 3\npublish = [{ topic = 't' }]\n\
            [[group]]\nname = 'b'\nclients = 2\nsubscribe = [{ filter = 't' }]",
        );
        let slots = Slots::new(&plan, &subscribers(&plan));
        assert!(matches!(slots, Slots::Dense { streams: 3, subscribers: 2, qos: QoS::AtMostOnce }));
        assert_eq!(slots.count(), 6);
        assert_eq!(slots.find(1, 2).map(|slot| slot.index), Some(5));
        assert_eq!(slots.find(0, 3), None);
    }

    #[test]
    fn one_audience_at_several_qos_is_not_the_main_job() {
        let plan = tests_plan(
            "[[group]]\nname = 'a'\nclients = 1\npublish = [{ topic = 't', qos = 2 }]\n\
            [[group]]\nname = 'b'\nclients = 1\nsubscribe = [{ filter = 't', qos = 1 }]\n\
            [[group]]\nname = 'c'\nclients = 1\nsubscribe = [{ filter = 't', qos = 2 }]",
        );
        assert_eq!(plan.audiences().len(), 1);
        let slots = Slots::new(&plan, &subscribers(&plan));
        let qos = |place| slots.find(place, 0).map(|slot| slot.qos);
        assert_eq!((qos(0), qos(1)), (Some(QoS::AtLeastOnce), Some(QoS::ExactlyOnce)));
    }

    const MIXED: &str = "\
        [[group]]\nname = 'a'\nclients = 3\nversion = 5\n\
        publish = [{ topic = 'a/%i' }, { topic = 'b', qos = 1 }]\n\
        [[group]]\nname = 'pairs'\nclients = 3\nversion = 5\nsubscribe = [{ filter = 'a/%i' }]\n\
        [[group]]\nname = 'shared'\nclients = 4\nversion = 5\n\
        subscribe = [{ filter = 'b', share = 's' }]\n\
        [[group]]\nname = 'all'\nclients = 1\nversion = 5\nread_rate = 1\n\
        subscribe = [{ filter = '#' }]";

    #[test]
    fn every_receiver_of_a_stream_has_a_slot_of_its_own_and_a_share_group_has_one() {
        let plan = tests_plan(MIXED);
        let slots = Slots::new(&plan, &subscribers(&plan));
        let mut seen = HashSet::new();
        for stream in 0..3 {
            let own = slots.find(stream as usize, stream).unwrap();
            assert!(own.contract == Contract::Whole && !own.shared && seen.insert(own.index));
            assert_eq!(slots.find((stream as usize + 1) % 3, stream), None);
            let slow = slots.find(7, stream).unwrap();
            assert!(slow.contract == Contract::Slow && seen.insert(slow.index));
        }
        for stream in 3..6 {
            let shared = slots.find(3, stream).unwrap();
            assert!(shared.shared && seen.insert(shared.index));
            assert!((4..7).all(|place| slots.find(place, stream) == Some(shared)));
            assert!(seen.insert(slots.find(7, stream).unwrap().index));
            assert_eq!(slots.find(0, stream), None);
        }
        assert_eq!((seen.len(), slots.count()), (12, 12));
        assert_eq!(slots.find(0, 6), None);
        assert_eq!(slots.find(8, 0), None);
    }

    #[test]
    fn workers_have_slots_for_their_own_subscribers_only() {
        let plan = tests_plan(MIXED);
        let count = |worker| Slots::new(&plan, &plan.subscribers_of_worker(worker, 2)).count();
        assert_eq!(count(0) + count(1), 12);
        assert_eq!(count(1), 1, "share groups are on the first worker");
    }
}
