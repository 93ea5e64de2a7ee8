//! In which order segments are looked at that ask for one another's stays.

use crate::segment::check::Reads;

/// The order, and who keeps silent.
#[derive(Debug, Default)]
pub(crate) struct Strata {
    /// By segment: all of which it asks for what they do are in lower ones. Empty where nobody asks.
    pub(crate) of: Vec<u32>,
    /// By segment: it asks what all segments do, or refers to one that does. What these do is no event, for else
    /// they would follow from themselves.
    pub(crate) silent: Vec<bool>,
}

/// Works out the strata of segments without circles. Linear in the references.
pub(crate) fn strata(reads: &[Reads]) -> Strata {
    if !reads.iter().any(|reads| reads.all_stays || !reads.stays.is_empty()) {
        return Strata::default();
    }
    let order = referred_first(reads);
    let mut silent: Vec<bool> = reads.iter().map(|reads| reads.all_stays).collect();
    for &segment in &order {
        silent[segment] |= references(&reads[segment]).any(|(inner, _)| silent[inner]);
    }
    let mut of = vec![0; reads.len()];
    let mut highest = 0;
    for is_silent in [false, true] {
        for &segment in order.iter().filter(|segment| silent[**segment] == is_silent) {
            let above = |(inner, asks): (usize, bool)| of[inner] + u32::from(asks);
            let least = if reads[segment].all_stays { highest + 1 } else { 0 };
            of[segment] = references(&reads[segment]).map(above).max().unwrap_or(0).max(least);
        }
        if !is_silent {
            highest = of.iter().copied().max().unwrap_or(0);
        }
    }
    Strata { of, silent }
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
    use crate::segment::SegmentId;

    fn reads(segments: &[u32], stays: &[u32], all_stays: bool) -> Reads {
        let ids = |list: &[u32]| list.iter().map(|n| SegmentId(*n)).collect();
        Reads { segments: ids(segments), stays: ids(stays), all_stays, ..Reads::default() }
    }

    #[test]
    fn who_asks_comes_behind() {
        let all = [
            reads(&[], &[1], false),     // asks for 1
            reads(&[2], &[], false),     // refers to 2, which asks for 3
            reads(&[], &[3], false),
            reads(&[], &[], false),
            reads(&[], &[], true),       // asks for all
            reads(&[4], &[], false),     // follows from it
            reads(&[], &[4], false),
        ];
        let Strata { of, silent } = strata(&all);
        assert_eq!(of, [2, 1, 1, 0, 3, 3, 4]);
        assert_eq!(silent, [false, false, false, false, true, true, true]);
        assert!(strata(&all[3..4]).of.is_empty());
    }
}
