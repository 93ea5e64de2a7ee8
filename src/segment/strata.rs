//! In which order segments are looked at that ask for one another's stays.

use crate::segment::SegmentId;
use crate::segment::check::Reads;

/// The order, and who keeps silent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strata {
    /// By segment: all of which it asks for what they do are in lower ones. Empty where nobody asks, neither for
    /// segments nor for journeys.
    of: Vec<u32>,
    /// The first one whose segments are looked at behind the journeys.
    late: u32,
    /// By segment: it asks what all segments do, or refers to one that does. What these do is no event, for else
    /// they would follow from themselves.
    silent: Vec<bool>,
}

impl Strata {
    /// Whether all segments are looked at together.
    pub(crate) fn is_flat(&self) -> bool {
        self.of.is_empty()
    }

    pub(crate) fn of(&self, segment: SegmentId) -> u32 {
        self.of.get(segment.0 as usize).copied().unwrap_or(0)
    }

    /// The first stratum whose segments ask who is in a journey, or what such segments do.
    pub(crate) fn late(&self) -> u32 {
        self.late
    }

    pub(crate) fn is_silent(&self, segment: SegmentId) -> bool {
        self.silent.get(segment.0 as usize).copied().unwrap_or(false)
    }
}

/// Works out the strata of segments without circles. Linear in the references.
pub(crate) fn strata(reads: &[Reads]) -> Strata {
    if !reads.iter().any(|reads| reads.journeys || reads.all_stays || !reads.stays.is_empty()) {
        return Strata::default();
    }
    let order = referred_first(reads);
    let mut late: Vec<bool> = reads.iter().map(|reads| reads.journeys).collect();
    let mut silent: Vec<bool> = reads.iter().map(|reads| reads.all_stays).collect();
    for &segment in &order {
        late[segment] |= references(&reads[segment]).any(|(inner, _)| late[inner]);
        silent[segment] |= references(&reads[segment]).any(|(inner, _)| silent[inner]);
    }
    // First those that follow from no journey, then those that do, then those that follow from all others.
    let class = |segment: usize| if silent[segment] { 2 } else { u32::from(late[segment]) };
    let (mut of, mut next, mut first_late) = (vec![0; reads.len()], 0, u32::MAX);
    for own in 0..3 {
        let base = next;
        if own > 0 && late.contains(&true) {
            first_late = first_late.min(base);
        }
        for &segment in order.iter().filter(|segment| class(**segment) == own) {
            let above = |(inner, asks): (usize, bool)| of[inner] + u32::from(asks);
            of[segment] = references(&reads[segment]).map(above).max().unwrap_or(0).max(base);
            next = next.max(of[segment] + 1);
        }
    }
    Strata { of, late: first_late, silent }
}

/// The segments that one refers to, and whether it asks what they do.
fn references(reads: &Reads) -> impl Iterator<Item = (usize, bool)> + '_ {
    let inner = reads.segments.iter().map(|inner| (inner.0 as usize, false));
    inner.chain(reads.stays.iter().map(|inner| (inner.0 as usize, true)))
}

/// The segments in an order in which each comes behind all that it refers to.
fn referred_first(reads: &[Reads]) -> Vec<usize> {
    let mut waits_for: Vec<usize> = reads.iter().map(|reads| references(reads).count()).collect();
    let mut referring: Vec<Vec<usize>> = vec![Vec::new(); reads.len()];
    for (segment, own) in reads.iter().enumerate() {
        references(own).for_each(|(inner, _)| referring[inner].push(segment));
    }
    let mut order: Vec<usize> = (0..reads.len()).filter(|segment| waits_for[*segment] == 0).collect();
    let mut next = 0;
    while next < order.len() {
        for &segment in &referring[order[next]] {
            waits_for[segment] -= 1;
            if waits_for[segment] == 0 {
                order.push(segment);
            }
        }
        next += 1;
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(segments: &[u32], stays: &[u32], all_stays: bool) -> Reads {
        let ids = |list: &[u32]| list.iter().map(|n| SegmentId(*n)).collect();
        Reads { segments: ids(segments), stays: ids(stays), all_stays, ..Reads::default() }
    }

    #[test]
    fn who_asks_comes_behind() {
        let mut all = vec![
            reads(&[], &[1], false), // asks for 1
            reads(&[2], &[], false), // refers to 2, which asks for 3
            reads(&[], &[3], false),
            reads(&[], &[], false),
            reads(&[], &[], true),   // asks for all
            reads(&[4], &[], false), // follows from it
            reads(&[], &[4], false),
        ];
        let found = strata(&all);
        assert_eq!(found.of, [2, 1, 1, 0, 3, 3, 4]);
        assert_eq!(found.late, u32::MAX);
        assert_eq!(found.silent, [false, false, false, false, true, true, true]);
        // Who asks for a journey, and who follows from that, comes behind all who do not.
        all[1].journeys = true;
        let found = strata(&all);
        assert_eq!(found.of, [3, 2, 1, 0, 4, 4, 5]);
        assert_eq!(found.late, 2);
        assert!(strata(&all[3..4]).is_flat());
    }
}
