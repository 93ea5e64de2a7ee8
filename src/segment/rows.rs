use crate::segment::SegmentId;

/// Instants that are known of some segments, in twelve bytes each: since when a user is in it, and when time alone
/// can change it next. Besides, the instant at which all of it began.
///
/// All tags lie one behind the other, and the instants behind them, so that looking for one touches little memory.
///
/// Invariants: 1. of 3n words the first n are tags, in order; the instant of the i-th tag is in the words n + 2i and
/// n + 2i + 1. 2. no tag is there twice.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows(Vec<u32>);

/// What a row tells, and of which segment: first when it began, then all stays, then all that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tag(u32);

impl Tag {
    pub(crate) const BEGAN: Tag = Tag(0);
    const DUE: u32 = 1 << 31;

    pub(crate) fn stay(segment: SegmentId) -> Tag {
        Tag(segment.0 + 1)
    }

    pub(crate) fn due(segment: SegmentId) -> Tag {
        Tag((segment.0 + 1) | Tag::DUE)
    }

    fn segment(self) -> SegmentId {
        SegmentId((self.0 & !Tag::DUE) - 1)
    }
}

/// A row that is to have an instant, or to go.
pub(crate) type Edit = (Tag, Option<i64>);

/// What changes in one look at a user, segment by segment in order: collected, and then made at once.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    pub(crate) stays: Vec<Edit>,
    pub(crate) dues: Vec<Edit>,
    /// Where the last stay and the last due row were found.
    pub(crate) stay: usize,
    pub(crate) due: usize,
    pub(crate) room: Vec<u32>,
}

impl Edits {
    /// Forgets what was collected; the room stays.
    pub(crate) fn clear(&mut self) {
        self.stays.clear();
        self.dues.clear();
        (self.stay, self.due) = (0, 0);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Tags,
    Instants,
}

fn words(at: i64) -> [u32; 2] {
    [(at as u64 >> 32) as u32, at as u32]
}

impl Rows {
    fn tags(&self) -> &[u32] {
        &self.0[..self.0.len() / 3]
    }

    fn at(&self, place: usize) -> i64 {
        let at = self.0.len() / 3 + 2 * place;
        (u64::from(self.0[at]) << 32 | u64::from(self.0[at + 1])) as i64
    }

    /// The instant of a tag. O(log rows).
    pub(crate) fn get(&self, tag: Tag) -> Option<i64> {
        self.tags().binary_search(&tag.0).ok().map(|place| self.at(place))
    }

    /// Rows in order of their tags, each once.
    pub(crate) fn from_sorted(rows: &[(Tag, i64)]) -> Rows {
        let tags = rows.iter().map(|(tag, _)| tag.0);
        let mut all = Vec::with_capacity(3 * rows.len());
        all.extend(tags);
        all.extend(rows.iter().flat_map(|(_, at)| words(*at)));
        Rows(all)
    }

    /// The same for tags that are asked in order: looks from `place` on, and leaves there where it found it.
    /// O(log of how far it lies behind).
    pub(crate) fn get_from(&self, place: &mut usize, tag: Tag) -> Option<i64> {
        let rest = self.tags().get(*place..).unwrap_or_default();
        let mut reach = 8;
        while reach < rest.len() && rest[reach] < tag.0 {
            reach *= 2;
        }
        *place += rest[..reach.min(rest.len())].partition_point(|own| *own < tag.0);
        (self.tags().get(*place) == Some(&tag.0)).then(|| self.at(*place))
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<u32>()
    }

    /// When all of it began.
    pub(crate) fn began(&self) -> Option<i64> {
        (self.tags().first() == Some(&Tag::BEGAN.0)).then(|| self.at(0))
    }

    /// Makes what was collected. O(rows) where any come or go.
    pub(crate) fn apply(&mut self, edits: &mut Edits) {
        edits.stays.append(&mut edits.dues);
        self.edit(&edits.stays, &mut edits.room);
    }

    /// Puts rows in their places, or takes them away; `edits` are sorted by tag, each once. Moves what lies behind
    /// the first one that comes or goes once, however many do; `room` is used for that.
    pub(crate) fn edit(&mut self, edits: &[Edit], room: &mut Vec<u32>) {
        let count = self.0.len() / 3;
        let mut place = 0;
        let mut moves = false;
        for (tag, at) in edits {
            place += self.tags()[place..].partition_point(|own| *own < tag.0);
            match (self.tags().get(place) == Some(&tag.0), at) {
                (true, Some(at)) => self.0[count + 2 * place..][..2].copy_from_slice(&words(*at)),
                (is_there, at) => moves |= is_there != at.is_some(),
            }
        }
        if !moves {
            return;
        }
        room.clear();
        // First all tags, then all instants; both are copied in runs between the rows that come or go.
        for part in [Part::Tags, Part::Instants] {
            let (start, width) = if part == Part::Tags { (0, 1) } else { (count, 2) };
            let mut copied = 0;
            for (tag, at) in edits {
                let place = copied + self.tags()[copied..].partition_point(|own| *own < tag.0);
                let is_there = self.tags().get(place) == Some(&tag.0);
                room.extend_from_slice(&self.0[start + width * copied..start + width * place]);
                copied = place + usize::from(is_there);
                match (at, part) {
                    (Some(_), Part::Tags) => room.push(tag.0),
                    (Some(at), Part::Instants) => room.extend(words(*at)),
                    (None, _) => {}
                }
            }
            room.extend_from_slice(&self.0[start + width * copied..start + width * count]);
        }
        self.0.clear();
        if self.0.capacity() < room.len() {
            // Most users have few, so room is made by few.
            self.0.reserve_exact(room.len() + 3 * (room.len() / 24));
        }
        self.0.extend_from_slice(room);
    }

    fn in_places(&self, places: std::ops::Range<usize>) -> impl Iterator<Item = (SegmentId, i64)> {
        places.map(|place| (Tag(self.tags()[place]).segment(), self.at(place)))
    }

    /// The stays, in order of segment.
    pub(crate) fn stays(&self) -> impl Iterator<Item = (SegmentId, i64)> {
        let start = usize::from(self.began().is_some());
        self.in_places(start..self.tags().partition_point(|tag| *tag < Tag::DUE))
    }

    /// What is due, in order of segment.
    pub(crate) fn dues(&self) -> impl Iterator<Item = (SegmentId, i64)> {
        self.in_places(self.tags().partition_point(|tag| *tag < Tag::DUE)..self.tags().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn rows_are_a_sorted_map() {
        let rng = &mut fastrand::Rng::with_seed(1);
        let (mut rows, mut expected) = (Rows::default(), BTreeMap::new());
        let room = &mut Vec::new();
        for _ in 0..2_000 {
            let mut edits = BTreeMap::new();
            for _ in 0..rng.usize(0..9) {
                let segment = SegmentId(rng.u32(0..60));
                let tag = match rng.u32(0..5) {
                    0 => Tag::BEGAN,
                    1 | 2 => Tag::stay(segment),
                    _ => Tag::due(segment),
                };
                edits.insert(tag, rng.bool().then(|| rng.i64(..)));
            }
            let edits: Vec<Edit> = edits.into_iter().collect();
            rows.edit(&edits, room);
            for (tag, at) in &edits {
                match at {
                    Some(at) => expected.insert(*tag, *at),
                    None => expected.remove(tag),
                };
            }
            // Asked in order, each cursor goes on from where it was.
            let (mut stay, mut due) = (0, 0);
            for segment in (0..60).map(SegmentId) {
                for (cursor, tag) in [(&mut stay, Tag::stay(segment)), (&mut due, Tag::due(segment))] {
                    let wanted = expected.get(&tag).copied();
                    assert_eq!(rows.get(tag), wanted);
                    assert_eq!(rows.get_from(cursor, tag), wanted);
                }
            }
            assert_eq!(rows.began(), expected.get(&Tag::BEGAN).copied());
            let of = |due: bool| {
                let all =
                    expected.iter().filter(move |(tag, _)| **tag != Tag::BEGAN && (tag.0 >= Tag::DUE) == due);
                all.map(|(tag, at)| (tag.segment(), *at)).collect::<Vec<_>>()
            };
            assert_eq!(rows.0, Rows::from_sorted(&expected.clone().into_iter().collect::<Vec<_>>()).0);
            assert_eq!(rows.stays().collect::<Vec<_>>(), of(false));
            assert_eq!(rows.dues().collect::<Vec<_>>(), of(true));
        }
    }
}
