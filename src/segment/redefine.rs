//! From the memberships under some definitions to those under others.

use crate::model::Instant;
use crate::profile::{Packed, Symbols};
use crate::segment::Fingerprints;
use crate::segment::change::{Cause, Change, Transition, shared_name};
use crate::segment::maintain::{Memberships, OUT};
use crate::segment::plan::{Plan, SegmentId};
use crate::segment::rows::{Rows, Tag};
use crate::segment::value::NEVER;

/// Where each segment goes, and which ones have to be looked at. Segments are known by their names.
#[derive(Debug)]
pub(crate) struct SegmentMoves {
    /// By old number.
    fates: Vec<Fate>,
    /// Those that are new or mean something else, in order.
    changed: Vec<SegmentId>,
    /// The same by new number.
    is_changed: Vec<bool>,
    /// Whether every row stays as it is.
    are_rows_same: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    /// Means the same: it moves, and that is all.
    Same(SegmentId),
    /// Means something else: who is in it is asked again.
    Changed(SegmentId),
    /// Was one membership of a user and is many now, or has parts by another property: all of them end.
    Rekeyed(SegmentId),
    Gone,
}

impl Fate {
    /// The number of a membership that ends whatever holds.
    fn ends(self) -> Option<SegmentId> {
        match self {
            Fate::Rekeyed(to) => Some(to),
            Fate::Gone => Some(SegmentId::REMOVED),
            Fate::Same(_) | Fate::Changed(_) => None,
        }
    }
}

impl SegmentMoves {
    /// Each plan with the fingerprints of its segments. O(segments).
    pub(crate) fn new(old: (&Plan, &Fingerprints), new: (&Plan, &Fingerprints)) -> SegmentMoves {
        let (
            (old, Fingerprints { segments: old_prints, .. }),
            (new, Fingerprints { segments: new_prints, .. }),
        ) = (old, new);
        let mut is_changed = vec![true; new.segments.len()];
        let fate = |((segment, name), print): ((&crate::segment::plan::Segment, &str), &u128)| {
            let Some(to) = new.segment(name) else { return Fate::Gone };
            let by = |plan: &Plan, id: SegmentId| {
                let parts = plan.segments[id.0 as usize].parts.as_ref();
                parts.map(|parts| plan.keep.property_name(parts.by).to_owned())
            };
            let before = segment.parts.as_ref().map(|parts| old.keep.property_name(parts.by).to_owned());
            match new_prints[to.0 as usize] == *print {
                true => Fate::Same(to),
                false if before == by(new, to) => Fate::Changed(to),
                false => Fate::Rekeyed(to),
            }
        };
        let fates: Vec<Fate> =
            old.segments.iter().zip(old.segment_names()).zip(old_prints).map(fate).collect();
        for fate in &fates {
            if let Fate::Same(to) = fate {
                is_changed[to.0 as usize] = false;
            }
        }
        let ids = (0..new.segments.len()).map(|number| SegmentId(number as u32));
        let changed: Vec<SegmentId> = ids.filter(|id| is_changed[id.0 as usize]).collect();
        let stays = fates.iter().zip(0..).all(|(fate, number)| *fate == Fate::Same(SegmentId(number)));
        let are_rows_same = stays && !changed.iter().any(|id| new.is_default(*id));
        SegmentMoves { fates, changed, is_changed, are_rows_same }
    }

    /// The segments to look at for everybody, in order.
    pub(crate) fn changed(&self) -> &[SegmentId] {
        &self.changed
    }

    pub(crate) fn is_changed(&self, segment: SegmentId) -> bool {
        self.is_changed[segment.0 as usize]
    }

    /// Whether nobody's memberships can change.
    pub(crate) fn are_none(&self) -> bool {
        self.changed.is_empty() && self.fates.iter().all(|fate| fate.ends().is_none())
    }

    /// The segments that are not left by everybody: each old number with the new one.
    pub(crate) fn kept(&self) -> impl Iterator<Item = (usize, SegmentId)> {
        self.fates.iter().enumerate().filter_map(|(from, fate)| match fate {
            Fate::Same(to) | Fate::Changed(to) => Some((from, *to)),
            Fate::Rekeyed(_) | Fate::Gone => None,
        })
    }

    /// What is known of each segment of the new plan by number, from what was known of those of the old one.
    pub(crate) fn carry<T: Copy + Default>(&self, old: &[T]) -> Vec<T> {
        let mut new = vec![T::default(); self.is_changed.len()];
        for (fate, known) in self.fates.iter().zip(old) {
            if let Fate::Same(to) | Fate::Changed(to) | Fate::Rekeyed(to) = fate {
                new[to.0 as usize] = *known;
            }
        }
        new
    }
}

/// Whose memberships move, and when.
#[derive(Debug)]
pub(crate) struct Move<'a> {
    pub(crate) old: &'a Plan,
    pub(crate) new: &'a Plan,
    pub(crate) moves: &'a SegmentMoves,
    pub(crate) name: &'a str,
    pub(crate) now: Instant,
}

impl Memberships {
    /// Gives everything its new number, and reports what ends because its segment is gone or has other parts. Segments
    /// that mean something else are as they were, until they are looked at. O(rows + changed segments).
    pub(crate) fn relocate(&mut self, of: &Move<'_>, symbols: &mut Symbols, changes: &mut Vec<Change>) {
        let Move { old, new, moves, now, .. } = of;
        if moves.are_rows_same {
            return;
        }
        self.report_ends(of, symbols, changes);
        let mut rows: Vec<(Tag, i64)> = Vec::new();
        // What is listed speaks for itself, as what is not does of a segment that means the same.
        let began = self.rows.began();
        if !new.defaults.is_empty() {
            rows.push((Tag::BEGAN, began.unwrap_or(now.as_millis())));
        }
        let fate = |segment: SegmentId| moves.fates[segment.0 as usize];
        let same = |segment: SegmentId| match fate(segment) {
            Fate::Same(to) => Some(to),
            _ => None,
        };
        rows.extend(self.rows.stays().filter_map(|(id, since)| Some((Tag::stay(same(id)?), since))));
        rows.extend(self.rows.dues().filter_map(|(id, until)| Some((Tag::due(same(id)?), until))));
        // Of what means something else is listed whatever differs from nobody under the new definitions.
        let mut before = vec![OUT; moves.changed.len()];
        let place = |to: &SegmentId| moves.changed.binary_search(to).ok();
        for (segment, since) in self.whole(old) {
            if let Fate::Changed(to) = fate(segment)
                && let Some(place) = place(&to)
            {
                before[place] = since;
            }
        }
        for (to, since) in moves.changed.iter().zip(before) {
            if since != OUT || new.is_default(*to) {
                rows.push((Tag::stay(*to), since));
            }
        }
        rows.sort_unstable();
        self.rows = Rows::from_sorted(&rows);
        if let Some(parts) = &mut self.keyed {
            parts.retain_mut(|part| match fate(part.segment) {
                Fate::Same(to) => {
                    part.segment = to;
                    true
                }
                Fate::Changed(to) => {
                    (part.segment, part.until) = (to, NEVER);
                    true
                }
                Fate::Rekeyed(_) | Fate::Gone => {
                    symbols.release(part.key);
                    false
                }
            });
            // Within a segment they keep their order.
            parts.sort_by_key(|part| part.segment);
        }
        self.least = self.find_least();
    }

    fn report_ends(&self, of: &Move<'_>, symbols: &Symbols, changes: &mut Vec<Change>) {
        let Move { old, moves, name, now, .. } = of;
        let ends = |segment: SegmentId| moves.fates[segment.0 as usize].ends();
        if moves.fates.iter().all(|fate| fate.ends().is_none()) {
            return;
        }
        let whole = self.whole(old).map(|(segment, _)| (segment, None::<Packed>));
        let parts = self.parts().iter().filter(|part| part.since != OUT);
        let mut ended: Vec<_> = whole
            .chain(parts.map(|part| (part.segment, Some(part.key))))
            .filter_map(|(segment, key)| Some((segment, ends(segment)?, key)))
            .collect();
        // Parts are in order of their keys.
        ended.sort_by_key(|(segment, ..)| *segment);
        let user = shared_name(changes, name);
        changes.extend(ended.into_iter().map(|(segment, id, key)| Change {
            cause: Cause::Ordinary,
            id,
            at: *now,
            user: user.clone(),
            segment: old.name(segment).into(),
            key: key.map(|key| symbols.value(key)),
            transition: Transition::Left,
        }));
    }
}
