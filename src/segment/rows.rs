use crate::segment::SegmentId;

/// Instants that are known of some segments, in twelve bytes each: since when a user is in it, and when time alone
/// can change it next. Besides, the instant at which all of it began.
///
/// All tags lie one behind the other, and the instants behind them, so that looking for one touches little memory.
///
/// Invariants: 1. of 3n words the first n are tags, in order; the instant of the i-th tag is in the words n + 2i and
/// n + 2i + 1. 2. no tag is there twice.
#[derive(Debug, Default)]
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
        let words = |at: i64| [(at as u64 >> 32) as u32, at as u32];
        let mut all = Vec::with_capacity(3 * rows.len());
        all.extend(tags);
        all.extend(rows.iter().flat_map(|(_, at)| words(*at)));
        Rows(all)
    }

    /// When all of it began.
    pub(crate) fn began(&self) -> Option<i64> {
        (self.tags().first() == Some(&Tag::BEGAN.0)).then(|| self.at(0))
    }

    /// Puts a row in its place, or takes it away. O(rows) to move those behind it.
    pub(crate) fn put(&mut self, tag: Tag, at: Option<i64>) {
        let count = self.0.len() / 3;
        let words = |at: i64| [(at as u64 >> 32) as u32, at as u32];
        match (self.tags().binary_search(&tag.0), at) {
            (Ok(place), Some(at)) => {
                self.0[count + 2 * place..][..2].copy_from_slice(&words(at));
            }
            (Ok(place), None) => {
                self.0.drain(count + 2 * place..count + 2 * place + 2);
                self.0.remove(place);
            }
            (Err(_), None) => {}
            (Err(place), Some(at)) => {
                // Most users have few, so room is made by few.
                if self.0.capacity() - self.0.len() < 3 {
                    self.0.reserve_exact(3 * 2.max(count / 8));
                }
                let [high, low] = words(at);
                self.0.insert(count + 2 * place, high);
                self.0.insert(count + 2 * place + 1, low);
                self.0.insert(place, tag.0);
            }
        }
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
        for _ in 0..2_000 {
            let segment = SegmentId(rng.u32(0..20));
            let tag = match rng.u32(0..5) {
                0 => Tag::BEGAN,
                1 | 2 => Tag::stay(segment),
                _ => Tag::due(segment),
            };
            let at = rng.bool().then(|| rng.i64(..));
            rows.put(tag, at);
            match at {
                Some(at) => expected.insert(tag, at),
                None => expected.remove(&tag),
            };
            assert_eq!(rows.get(tag), expected.get(&tag).copied());
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
