use crate::segment::SegmentId;
use crate::segment::value::NEVER;
use thin_vec::ThinVec;

/// Most rows of a block; one that has more is cut.
const BLOCK_ROWS: usize = 64;
/// Rows of a block that is new.
const NEW_BLOCK_ROWS: usize = 48;
/// So many changes, and a quarter of the rows, are made one by one.
const EDITS_FEW: usize = 16;

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
/// Invariants: 1. the tags of a block are at least its bound, but for the first, and below that of the next; bounds are
/// tags of stays, so that what is known of a segment is in one block. 2. nothing in a block is due before its least
/// instant, at which something is. 3. `rows` and `bytes` are those of all blocks.
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

/// What a row tells, and of which segment: first when it began, then of each segment the stay and when it is due. Who
/// looks at a segment asks for both, and finds them side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tag(u32);

impl Tag {
    pub(crate) const BEGAN: Tag = Tag(0);

    pub(crate) fn stay(segment: SegmentId) -> Tag {
        Tag((segment.0 + 1) << 1)
    }

    pub(crate) fn due(segment: SegmentId) -> Tag {
        Tag((segment.0 + 1) << 1 | 1)
    }

    fn is_due(self) -> bool {
        self.0 & 1 == 1
    }

    fn segment(self) -> SegmentId {
        SegmentId((self.0 >> 1) - 1)
    }
}

/// A row that is to have an instant, or to go.
pub(crate) type Edit = (Tag, Option<i64>);

/// What changes in one look at a user, segment by segment in order: collected, and then made at once.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    /// In order of their tags, each once.
    pub(crate) edits: Vec<Edit>,
    /// Where the last row was found.
    pub(crate) cursor: Cursor,
}

impl Edits {
    /// Forgets what was collected; the room stays.
    pub(crate) fn clear(&mut self) {
        self.edits.clear();
        self.cursor = Cursor::default();
    }
}

fn words(at: i64) -> [u32; 2] {
    [(at as u64 >> 32) as u32, at as u32]
}

fn instant([upper, lower]: [u32; 2]) -> i64 {
    (u64::from(upper) << 32 | u64::from(lower)) as i64
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

    /// The tags, and the instants of each.
    fn parts(&self) -> (&[u32], &[[u32; 2]]) {
        let (tags, instants) = self.0.split_at(self.len());
        (tags, instants.as_chunks().0)
    }

    fn tags(&self) -> &[u32] {
        self.parts().0
    }

    fn get(&self, tag: Tag) -> Option<i64> {
        let (tags, instants) = self.parts();
        tags.binary_search(&tag.0).ok().map(|place| instant(instants[place]))
    }

    /// The earliest instant at which anything is due.
    fn least_due(&self) -> i64 {
        self.dues().map(|(_, at)| at).min().unwrap_or(NEVER)
    }

    fn dues(&self) -> impl Iterator<Item = (SegmentId, i64)> {
        self.rows().filter(|(tag, _)| tag.is_due()).map(|(tag, at)| (tag.segment(), at))
    }

    fn rows(&self) -> impl Iterator<Item = (Tag, i64)> {
        let (tags, instants) = self.parts();
        tags.iter().zip(instants).map(|(tag, at)| (Tag(*tag), instant(*at)))
    }

    /// Puts a row in its place, or takes it away; gives the instant that it had. O(rows), of which all but O(log rows) is
    /// moving words.
    fn put(&mut self, tag: Tag, at: Option<i64>) -> Option<i64> {
        let count = self.len();
        let (tags, instants) = self.parts();
        let place = tags.partition_point(|own| *own < tag.0);
        let before = (tags.get(place) == Some(&tag.0)).then(|| instant(instants[place]));
        let instant = count + 2 * place;
        match (before, at) {
            (Some(_), Some(at)) => self.0[instant..instant + 2].copy_from_slice(&words(at)),
            (None, Some(at)) => {
                if self.0.capacity() < 3 * (count + 1) {
                    // Most users have few, so room is made by few.
                    self.0.reserve_exact(3 + 3 * (count / 24));
                }
                self.0.extend_from_slice(&[0; 3]);
                self.0.copy_within(instant..3 * count, instant + 3);
                self.0.copy_within(place..instant, place + 1);
                self.0[place] = tag.0;
                self.0[instant + 1..instant + 3].copy_from_slice(&words(at));
            }
            (Some(_), None) => {
                self.0.copy_within(place + 1..instant, place);
                self.0.copy_within(instant + 2..3 * count, instant - 1);
                self.0.truncate(3 * (count - 1));
            }
            (None, None) => {}
        }
        before
    }

    /// Takes the rows from a place on.
    fn split_off(&mut self, place: usize) -> Block {
        let behind: Vec<(Tag, i64)> = self.rows().skip(place).collect();
        let count = self.len();
        self.0.copy_within(count..count + 2 * place, place);
        self.0.truncate(3 * place);
        Block::from_sorted(&behind)
    }
}

/// Where to cut tags so that what is known of a segment stays together: at a place, or just before it.
fn cut(place: usize, tag: impl Fn(usize) -> Option<u32>) -> usize {
    let is_apart =
        tag(place).is_some_and(|due| place > 0 && tag(place - 1) == Some(due & !1) && due & 1 == 1);
    place - usize::from(is_apart)
}

impl Many {
    fn edit(&mut self, edits: &[Edit]) {
        let mut block = 0;
        for (tag, at) in edits {
            block += self.bounds[block + 1..].partition_point(|bound| *bound <= tag.0);
            let own = &mut self.blocks[block];
            self.bytes -= own.heap_bytes();
            let before = own.put(*tag, *at);
            self.bytes += own.heap_bytes();
            self.rows = self.rows + usize::from(at.is_some()) - usize::from(before.is_some());
            if tag.is_due() {
                let least = &mut self.leasts[block];
                if before == Some(*least) {
                    *least = own.least_due();
                } else {
                    *least = at.map_or(*least, |at| at.min(*least));
                }
            }
            if own.len() > BLOCK_ROWS {
                self.split(block);
            }
        }
    }

    /// Cuts a block into two.
    fn split(&mut self, block: usize) {
        let own = &mut self.blocks[block];
        self.bytes -= own.heap_bytes();
        let behind = own.split_off(cut(own.len() / 2, |place| own.tags().get(place).copied()));
        self.bytes += own.heap_bytes() + behind.heap_bytes();
        self.leasts[block] = own.least_due();
        self.leasts.insert(block + 1, behind.least_due());
        self.bounds.insert(block + 1, behind.tags()[0] & !1);
        self.blocks.insert(block + 1, behind);
    }
}

impl Rows {
    /// Rows in order of their tags, each once.
    pub(crate) fn from_sorted(rows: &[(Tag, i64)]) -> Rows {
        if rows.len() <= BLOCK_ROWS {
            return Rows { few: Block::from_sorted(rows), many: None };
        }
        let mut blocks = Vec::with_capacity(rows.len().div_ceil(NEW_BLOCK_ROWS - 1));
        let mut bounds = Vec::with_capacity(blocks.capacity());
        let mut rest = rows;
        while let [(first, _), ..] = rest {
            let len = cut(rest.len().min(NEW_BLOCK_ROWS), |place| rest.get(place).map(|(tag, _)| tag.0));
            let (own, behind) = rest.split_at(len);
            bounds.push(first.0 & !1);
            blocks.push(Block::from_sorted(own));
            rest = behind;
        }
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

    /// The stay of a segment and when it is due. For segments that are asked in order: looks from a cursor on, and leaves
    /// it where it found it. O(log of how far it lies behind).
    pub(crate) fn of_segment(&self, cursor: &mut Cursor, segment: SegmentId) -> [Option<i64>; 2] {
        let [stay, due] = [Tag::stay(segment), Tag::due(segment)];
        let block = self.block_of(cursor.block, stay);
        if block != cursor.block {
            *cursor = Cursor { block, place: 0 };
        }
        let (tags, instants) = self.blocks()[block].parts();
        let rest = tags.get(cursor.place..).unwrap_or_default();
        let mut reach = 8;
        while reach < rest.len() && rest[reach] < stay.0 {
            reach *= 2;
        }
        cursor.place += rest[..reach.min(rest.len())].partition_point(|own| *own < stay.0);
        let at = |place: usize, tag: Tag| (tags.get(place) == Some(&tag.0)).then(|| instant(instants[place]));
        let since = at(cursor.place, stay);
        [since, at(cursor.place + usize::from(since.is_some()), due)]
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let block = size_of::<Block>() + size_of::<u32>() + size_of::<i64>();
        let many = |many: &Many| size_of::<Many>() + many.blocks.capacity() * block + many.bytes;
        self.few.heap_bytes() + self.many.as_deref().map_or(0, many)
    }

    /// When all of it began.
    pub(crate) fn began(&self) -> Option<i64> {
        let first = &self.blocks()[0];
        first.rows().next().filter(|(tag, _)| *tag == Tag::BEGAN).map(|(_, at)| at)
    }

    /// Puts rows in their places, or takes them away; `edits` are sorted by tag, each once. O(edits * rows of a block), and
    /// O(rows + edits) where these are many.
    pub(crate) fn edit(&mut self, edits: &[Edit]) {
        let rows = self.many.as_deref().map_or(self.few.len(), |many| many.rows);
        if edits.len() > EDITS_FEW + rows / 4 {
            return self.merge(edits);
        }
        let Some(many) = &mut self.many else {
            for (tag, at) in edits {
                self.few.put(*tag, *at);
            }
            if self.few.len() > BLOCK_ROWS {
                self.cut_anew();
            }
            return;
        };
        many.edit(edits);
        // Few rows in many blocks are cut anew, but not when they have just been.
        if many.rows * 4 < many.blocks.len() * NEW_BLOCK_ROWS {
            self.cut_anew();
        }
    }

    /// The same where much changes: all rows are laid out anew.
    fn merge(&mut self, edits: &[Edit]) {
        let mut merged: Vec<(Tag, i64)> = Vec::new();
        let mut rows = self.blocks().iter().flat_map(Block::rows).peekable();
        for (tag, at) in edits {
            merged.extend(std::iter::from_fn(|| rows.next_if(|(own, _)| own < tag)));
            rows.next_if(|(own, _)| own == tag);
            merged.extend(at.map(|at| (*tag, at)));
        }
        merged.extend(rows);
        *self = Rows::from_sorted(&merged);
    }

    /// Cuts all rows into blocks with room for more. O(rows); each time is paid for by the rows that went since the last
    /// one.
    fn cut_anew(&mut self) {
        let rows: Vec<(Tag, i64)> = self.blocks().iter().flat_map(Block::rows).collect();
        *self = Rows::from_sorted(&rows);
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

    /// The stays, in order of segment. O(rows).
    pub(crate) fn stays(&self) -> impl Iterator<Item = (SegmentId, i64)> {
        let rows = self.blocks().iter().flat_map(Block::rows);
        rows.filter(|(tag, _)| *tag != Tag::BEGAN && !tag.is_due()).map(|(tag, at)| (tag.segment(), at))
    }

    /// What is due, in order of segment. O(rows).
    pub(crate) fn dues(&self) -> impl Iterator<Item = (SegmentId, i64)> {
        self.blocks().iter().flat_map(Block::dues)
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
            rows.edit(&edits);
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
        // Asked in order, the cursor goes on from where it was.
        let mut cursor = Cursor::default();
        for segment in (0..segments).map(SegmentId) {
            let tags = [Tag::stay(segment), Tag::due(segment)];
            let wanted = tags.map(|tag| expected.get(&tag).copied());
            assert_eq!(tags.map(|tag| rows.get(tag)), wanted);
            assert_eq!(rows.of_segment(&mut cursor, segment), wanted);
        }
        assert_eq!(rows.began(), expected.get(&Tag::BEGAN).copied());
        let of = |due: bool| {
            let all = expected.iter().filter(move |(tag, _)| **tag != Tag::BEGAN && tag.is_due() == due);
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
