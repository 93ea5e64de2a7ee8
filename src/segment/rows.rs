use crate::segment::SegmentId;
use crate::segment::value::NEVER;
use thin_vec::ThinVec;

/// Most rows of a block; one that has more is cut.
const BLOCK_ROWS: usize = 64;
/// Rows of a block that is new.
const NEW_BLOCK_ROWS: usize = 48;

/// Instants that are known of some segments, in twelve bytes each: since when a user is in it, and when time alone
/// can change it next. Besides, the instant at which all of it began.
///
/// Most users have few rows, which are in one block; those who have many have them in blocks of which a change moves
/// only the ones that it is in.
///
/// Invariants: 1. tags ascend from block to block, and no tag is there twice. 2. where there are many, `few` is empty.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    few: Block,
    many: Option<Box<Many>>,
}

/// The blocks of many rows. A block may be empty.
///
/// Invariants: 1. the tags of a block are at least its bound, but for the first, and below that of the next. 2. nothing in
/// a block is due before its least instant, at which something is.
#[derive(Debug, Clone)]
struct Many {
    bounds: Vec<u32>,
    leasts: Vec<i64>,
    blocks: Vec<Block>,
    rows: usize,
    bytes: usize,
}

/// Rows one behind the other. All tags come first, and the instants behind them, so that looking for one touches little
/// memory.
///
/// Invariants: 1. of 3n words the first n are tags, in order; the instant of the i-th tag is in the words n + 2i and
/// n + 2i + 1. 2. no tag is there twice.
#[derive(Debug, Clone, Default)]
struct Block(ThinVec<u32>);

/// Where a row was found that others are looked for behind.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cursor {
    block: usize,
    place: usize,
}

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
    pub(crate) stay: Cursor,
    pub(crate) due: Cursor,
    pub(crate) room: Vec<u32>,
}

impl Edits {
    /// Forgets what was collected; the room stays.
    pub(crate) fn clear(&mut self) {
        self.stays.clear();
        self.dues.clear();
        (self.stay, self.due) = (Cursor::default(), Cursor::default());
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

impl Block {
    fn from_sorted(rows: &[(Tag, i64)]) -> Block {
        let mut all = ThinVec::with_capacity(3 * rows.len());
        all.extend(rows.iter().map(|(tag, _)| tag.0));
        all.extend(rows.iter().flat_map(|(_, at)| words(*at)));
        Block(all)
    }

    fn len(&self) -> usize {
        self.0.len() / 3
    }

    fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<u32>()
    }

    fn tags(&self) -> &[u32] {
        &self.0[..self.len()]
    }

    fn at(&self, place: usize) -> i64 {
        let at = self.len() + 2 * place;
        (u64::from(self.0[at]) << 32 | u64::from(self.0[at + 1])) as i64
    }

    fn get(&self, tag: Tag) -> Option<i64> {
        self.tags().binary_search(&tag.0).ok().map(|place| self.at(place))
    }

    /// The earliest instant at which anything is due.
    fn least_due(&self) -> i64 {
        self.dues().map(|(_, at)| at).min().unwrap_or(NEVER)
    }

    fn dues(&self) -> impl Iterator<Item = (SegmentId, i64)> {
        self.between(Tag(Tag::DUE), Tag(u32::MAX))
    }

    /// The rows of segments from a tag on, and below another one.
    fn between(&self, from: Tag, to: Tag) -> impl Iterator<Item = (SegmentId, i64)> {
        let place = |tag: Tag| self.tags().partition_point(|own| *own < tag.0);
        (place(from)..place(to)).map(|place| (Tag(self.tags()[place]).segment(), self.at(place)))
    }

    fn rows(&self) -> impl Iterator<Item = (Tag, i64)> {
        (0..self.len()).map(|place| (Tag(self.tags()[place]), self.at(place)))
    }

    /// Puts rows in their places, or takes them away; `edits` are sorted by tag, each once. Moves what lies behind
    /// the first one that comes or goes once, however many do; `room` is used for that.
    fn edit(&mut self, edits: &[Edit], room: &mut Vec<u32>) {
        let count = self.len();
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
        if self.0.capacity() < room.len() {
            // Most users have few, so room is made by few.
            self.0.reserve_exact(room.len() - self.0.len() + 3 * (room.len() / 24));
        }
        // All at once: to extend it would be word by word.
        self.0.resize(room.len(), 0);
        self.0.copy_from_slice(room);
    }
}

impl Rows {
    /// Rows in order of their tags, each once.
    pub(crate) fn from_sorted(rows: &[(Tag, i64)]) -> Rows {
        if rows.len() <= BLOCK_ROWS {
            return Rows { few: Block::from_sorted(rows), many: None };
        }
        let blocks: Vec<Block> = rows.chunks(NEW_BLOCK_ROWS).map(Block::from_sorted).collect();
        let bounds = rows.chunks(NEW_BLOCK_ROWS).map(|rows| rows[0].0.0).collect();
        let leasts = blocks.iter().map(Block::least_due).collect();
        let bytes = blocks.iter().map(Block::heap_bytes).sum();
        let many = Many { bounds, leasts, blocks, rows: rows.len(), bytes };
        Rows { few: Block::default(), many: Some(Box::new(many)) }
    }

    fn blocks(&self) -> &[Block] {
        match &self.many {
            None => std::slice::from_ref(&self.few),
            Some(many) => &many.blocks,
        }
    }

    /// The block from one on that a tag belongs into.
    fn block_of(&self, from: usize, tag: Tag) -> usize {
        match &self.many {
            None => 0,
            Some(many) => from + many.bounds[from + 1..].partition_point(|bound| *bound <= tag.0),
        }
    }

    /// The instant of a tag. O(log rows).
    pub(crate) fn get(&self, tag: Tag) -> Option<i64> {
        self.blocks()[self.block_of(0, tag)].get(tag)
    }

    /// The same for tags that are asked in order: looks from a cursor on, and leaves it where it found it.
    /// O(log of how far it lies behind).
    pub(crate) fn get_from(&self, cursor: &mut Cursor, tag: Tag) -> Option<i64> {
        let block = self.block_of(cursor.block, tag);
        if block != cursor.block {
            *cursor = Cursor { block, place: 0 };
        }
        let (block, place) = (&self.blocks()[block], &mut cursor.place);
        let rest = block.tags().get(*place..).unwrap_or_default();
        let mut reach = 8;
        while reach < rest.len() && rest[reach] < tag.0 {
            reach *= 2;
        }
        *place += rest[..reach.min(rest.len())].partition_point(|own| *own < tag.0);
        (block.tags().get(*place) == Some(&tag.0)).then(|| block.at(*place))
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let block = size_of::<Block>() + size_of::<u32>() + size_of::<i64>();
        let many = |many: &Many| size_of::<Many>() + many.blocks.capacity() * block + many.bytes;
        self.few.heap_bytes() + self.many.as_deref().map_or(0, many)
    }

    /// When all of it began.
    pub(crate) fn began(&self) -> Option<i64> {
        let first = &self.blocks()[0];
        (first.tags().first() == Some(&Tag::BEGAN.0)).then(|| first.at(0))
    }

    /// Makes what was collected. O(rows in the blocks where any come or go).
    pub(crate) fn apply(&mut self, edits: &mut Edits) {
        edits.stays.append(&mut edits.dues);
        self.edit(&edits.stays, &mut edits.room);
    }

    /// Puts rows in their places, or takes them away; `edits` are sorted by tag, each once; `room` is used for that.
    pub(crate) fn edit(&mut self, mut edits: &[Edit], room: &mut Vec<u32>) {
        let Some(many) = &mut self.many else {
            self.few.edit(edits, room);
            if self.few.len() > BLOCK_ROWS {
                self.cut_anew();
            }
            return;
        };
        let (mut block, mut is_full) = (0, false);
        while let Some((tag, _)) = edits.first() {
            block += many.bounds[block + 1..].partition_point(|bound| *bound <= tag.0);
            let end = many
                .bounds
                .get(block + 1)
                .map_or(edits.len(), |bound| edits.partition_point(|(tag, _)| tag.0 < *bound));
            let (own, others) = edits.split_at(end);
            let own_block = &mut many.blocks[block];
            let before = (own_block.len(), own_block.heap_bytes());
            own_block.edit(own, room);
            many.rows = many.rows + own_block.len() - before.0;
            many.bytes = many.bytes + own_block.heap_bytes() - before.1;
            is_full |= own_block.len() > BLOCK_ROWS;
            if own.last().is_some_and(|(tag, _)| tag.0 >= Tag::DUE) {
                many.leasts[block] = own_block.least_due();
            }
            edits = others;
        }
        // Few rows in many blocks are cut anew as well, but not when they have just been.
        if is_full || many.rows * 4 < many.blocks.len() * NEW_BLOCK_ROWS {
            self.cut_anew();
        }
    }

    /// Cuts all rows into blocks with room for more. O(rows); each time is paid for by the rows that came or went since
    /// the last one.
    fn cut_anew(&mut self) {
        let rows: Vec<(Tag, i64)> = self.blocks().iter().flat_map(Block::rows).collect();
        *self = Rows::from_sorted(&rows);
    }

    /// The rows of segments from a tag on, and below another one.
    fn between(&self, from: Tag, to: Tag) -> impl Iterator<Item = (SegmentId, i64)> {
        let blocks = &self.blocks()[self.block_of(0, from)..=self.block_of(0, to)];
        blocks.iter().flat_map(move |block| block.between(from, to))
    }

    /// The earliest instant at which anything is due. O(blocks).
    pub(crate) fn least_due(&self) -> i64 {
        match &self.many {
            None => self.few.least_due(),
            Some(many) => many.leasts.iter().copied().min().unwrap_or(NEVER),
        }
    }

    /// What is due at `now` or before, in order of segment. O(blocks + rows of those in which anything is).
    pub(crate) fn due(&self, now: i64) -> impl Iterator<Item = SegmentId> {
        let leasts = self.many.as_deref().map_or(&[] as &[i64], |many| &many.leasts);
        let blocks = self.blocks().iter().enumerate();
        let blocks = blocks.filter(move |(block, _)| leasts.get(*block).is_none_or(|least| *least <= now));
        let dues = blocks.flat_map(|(_, block)| block.dues());
        dues.filter(move |(_, until)| *until <= now).map(|(segment, _)| segment)
    }

    /// The stays, in order of segment.
    pub(crate) fn stays(&self) -> impl Iterator<Item = (SegmentId, i64)> {
        self.between(Tag(Tag::BEGAN.0 + 1), Tag(Tag::DUE))
    }

    /// What is due, in order of segment.
    pub(crate) fn dues(&self) -> impl Iterator<Item = (SegmentId, i64)> {
        self.between(Tag(Tag::DUE), Tag(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn rows_are_a_sorted_map() {
        for (seed, segments, changes) in [(1, 25, 9), (2, 400, 9), (3, 2_000, 300)] {
            rows_of(seed, segments, changes);
        }
    }

    fn rows_of(seed: u64, segments: u32, changes: usize) {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let (mut rows, mut expected) = (Rows::default(), BTreeMap::new());
        let room = &mut Vec::new();
        let mut most_blocks = 0;
        for round in 0..1_200 {
            // They become many, and few again.
            let comes = if round % 400 < 200 { 0.8 } else { 0.2 };
            let mut edits = BTreeMap::new();
            for _ in 0..rng.usize(0..changes) {
                let segment = SegmentId(rng.u32(0..segments));
                let tag = match rng.u32(0..5) {
                    0 => Tag::BEGAN,
                    1 | 2 => Tag::stay(segment),
                    _ => Tag::due(segment),
                };
                edits.insert(tag, (rng.f64() < comes).then(|| rng.i64(..)));
            }
            let edits: Vec<Edit> = edits.into_iter().collect();
            rows.edit(&edits, room);
            for (tag, at) in &edits {
                match at {
                    Some(at) => expected.insert(*tag, *at),
                    None => expected.remove(tag),
                };
            }
            most_blocks = most_blocks.max(rows.blocks().len());
            if round % 10 == 0 {
                check(&rows, &expected, segments);
            }
        }
        assert_eq!(most_blocks > 1, segments > 25, "{most_blocks}");
    }

    fn check(rows: &Rows, expected: &BTreeMap<Tag, i64>, segments: u32) {
        // Asked in order, each cursor goes on from where it was.
        let (mut stay, mut due) = (Cursor::default(), Cursor::default());
        for segment in (0..segments).map(SegmentId) {
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
        assert_eq!(rows.stays().collect::<Vec<_>>(), of(false));
        assert_eq!(rows.dues().collect::<Vec<_>>(), of(true));
        let dues = of(true);
        assert_eq!(rows.least_due(), dues.iter().map(|(_, at)| *at).min().unwrap_or(NEVER));
        let median = dues.get(dues.len() / 2).map_or(0, |(_, at)| *at);
        let by: Vec<_> = dues.iter().filter(|(_, at)| *at <= median).map(|(segment, _)| *segment).collect();
        assert_eq!(rows.due(median).collect::<Vec<_>>(), by);
        assert!(rows.blocks().iter().all(|block| block.len() <= BLOCK_ROWS));
        let bytes: usize = rows.blocks().iter().map(Block::heap_bytes).sum();
        assert!(rows.heap_bytes() >= bytes);
        assert!(rows.many.as_ref().is_none_or(|many| many.bytes == bytes && many.rows == expected.len()));
        // There are never more blocks than rows ask for.
        assert!(rows.blocks().len() <= 1 + expected.len() * 4 / NEW_BLOCK_ROWS);
    }
}
