//! Which events a window holds at an instant, when that changes by time alone, and which parts exist.

use crate::model::Instant;
use crate::profile::{Packed, PropertyId, Row, Symbols};
use crate::segment::evaluate::{Evaluation, EventView, Truth};
use crate::segment::maintain::{idle_order, key_order};
use crate::segment::node::{NodeId, Parts, SourceId, Window};
use crate::segment::places::MASK_ROWS;
use crate::segment::value::NEVER;
use std::ops::Range;

/// What a window holds: the rows of a range, and how time changes it.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) rows: Range<usize>,
    pub(crate) motion: Motion,
    /// Until then the range is right, apart from `motion`.
    pub(crate) until: i64,
}

/// How long a part of the events exists.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PartEnd {
    /// Until when; in the past where it does not.
    pub(crate) end: i64,
    /// The instant of its latest event that a window sees: the part that has been idle longest goes first.
    pub(crate) latest: i64,
    /// Until when that event is seen: no longer than the part exists.
    pub(crate) seen: i64,
}

/// How events enter and leave by time alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Motion {
    /// Not at all.
    Still,
    /// Each leaves so long after its instant.
    Leave(i64),
    /// Each enters so long after its instant.
    Enter { after: i64, leave: i64 },
    /// All at once at `until`; where nothing is there or behind it, nothing happens.
    Turn,
}

impl<'a> Evaluation<'a> {
    pub(crate) fn rows(&self) -> &'a [Row] {
        self.history.rows()
    }

    pub(crate) fn view(&self, row: Row) -> EventView<'a> {
        EventView { at: row.at(), kind: row.kind(), values: self.history.values_from(row) }
    }

    /// Rows at `from` or later, and before `to`.
    fn between(&self, from: i64, to: i64) -> Range<usize> {
        let rows = self.rows();
        let start = rows.partition_point(|row| row.at() < from);
        let end = if to == NEVER { rows.len() } else { rows.partition_point(|row| row.at() < to) };
        start..end.max(start)
    }

    /// Where a sliding window begins.
    pub(crate) fn start(&self, ms: i64) -> usize {
        let from = self.now.saturating_sub(ms);
        self.rows().partition_point(|row| row.at() <= from)
    }

    pub(crate) fn span(&self, window: &Window) -> Span {
        let span = |rows, motion, until| Span { rows, motion, until };
        match window {
            Window::All => span(0..self.rows().len(), Motion::Still, NEVER),
            Window::Sliding(ms) => {
                let start = self.start(*ms);
                span(start..self.rows().len(), Motion::Leave(*ms), NEVER)
            }
            Window::FromTo(from, to) => {
                let rows = self.between(self.now.saturating_sub(*from) + 1, self.now.saturating_sub(*to) + 1);
                span(rows, Motion::Enter { after: *to, leave: *from }, NEVER)
            }
            Window::Calendar(period, back) => {
                let back = i32::try_from(*back).unwrap_or(i32::MAX);
                let start = |shift: i32| self.zone.period_start(*period, self.instant(), shift).as_millis();
                let rows = match back {
                    0 => self.between(start(0), NEVER),
                    back => self.between(start(-back), start(0)),
                };
                // Where clocks go back over midnight a period may begin again at once; time goes on regardless.
                span(rows, Motion::Turn, start(1).max(self.now + 1))
            }
            Window::SinceLast(events) => {
                let (source, inner) = &**events;
                let inner = self.span(inner);
                let last = self.places(*source, inner.rows.clone()).next_back();
                let until = self.until(*source, &inner);
                let behind = last.map_or(self.rows().len(), |last| {
                    let last = self.rows()[last].order();
                    self.rows().partition_point(|row| row.order() <= last)
                });
                span(behind..self.rows().len(), Motion::Still, until)
            }
            Window::Since(at) => span(self.between(*at, NEVER), Motion::Still, NEVER),
            Window::Before(at) => span(self.between(i64::MIN, *at), Motion::Still, NEVER),
            Window::Between(from, to) => span(self.between(*from, *to), Motion::Still, NEVER),
            Window::Session => {
                let session = &self.profile.session;
                if session.is_on(self.instant(), self.gap) {
                    let end = session.end(self.gap).as_millis();
                    span(self.between(session.first.as_millis(), NEVER), Motion::Turn, end)
                } else {
                    span(0..0, Motion::Still, NEVER)
                }
            }
        }
    }

    /// The first instant at which time alone can change which events of a source a span holds.
    pub(crate) fn until(&self, source: SourceId, span: &Span) -> i64 {
        let first = || self.events_in(source, span).next();
        match span.motion {
            Motion::Still => span.until,
            Motion::Leave(ms) => first().map_or(NEVER, |event| event.at.saturating_add(ms)).min(span.until),
            Motion::Enter { after, leave } => {
                let leaves = first().map_or(NEVER, |event| event.at.saturating_add(leave));
                let newer = Span { rows: span.rows.end..self.rows().len(), ..span.clone() };
                let enters = self
                    .events_in(source, &newer)
                    .next()
                    .map_or(NEVER, |event| event.at.saturating_add(after));
                leaves.min(enters).min(span.until)
            }
            Motion::Turn => {
                // At the turn what is in it leaves, and for a period before this one, what is newer enters.
                let whole = Span { rows: span.rows.start..self.rows().len(), ..span.clone() };
                if self.events_in(source, &whole).next().is_some() { span.until } else { NEVER }
            }
        }
    }

    // --- parts

    /// The instant at which an event can no longer be seen in a window.
    fn out_of_sight(&self, window: &Window, at: i64) -> i64 {
        match window {
            Window::Sliding(ms) | Window::FromTo(ms, _) => at.saturating_add(*ms),
            Window::Calendar(period, back) => {
                let shift = i32::try_from(*back).unwrap_or(i32::MAX).saturating_add(1);
                self.zone.period_start(*period, Instant::from_millis(at), shift).as_millis()
            }
            Window::Session => {
                let session = &self.profile.session;
                let is_in = session.is_on(self.instant(), self.gap) && at >= session.first.as_millis();
                if is_in { session.end(self.gap).as_millis() } else { i64::MIN }
            }
            Window::All
            | Window::SinceLast(_)
            | Window::Since(_)
            | Window::Before(_)
            | Window::Between(..) => NEVER,
        }
    }

    /// Until when a part exists, and its latest event that a window sees.
    pub(crate) fn part_end(&self, parts: &Parts, key: Packed) -> PartEnd {
        let keep = &self.plan.keep;
        let mut part = PartEnd { end: i64::MIN, latest: i64::MIN, seen: i64::MIN };
        let own = self.parted.and_then(|parted| parted.of(parts.by, key, self.symbols));
        for (kinds, window) in &parts.reads {
            let newest = match own {
                Some(places) => {
                    let mut rows = places.iter().rev().map(|place| &self.rows()[*place as usize]);
                    rows.find(|row| kinds.contains(row.kind(), keep))
                }
                None => self.rows().iter().rev().find(|row| {
                    kinds.contains(row.kind(), keep) && {
                        let value = self.view(**row).value(keep, parts.by);
                        value == key || self.symbols.same(value, key)
                    }
                }),
            };
            // One that no window sees any more may be kept or not: that must not show.
            if let Some(row) = newest
                && let end = self.out_of_sight(window, row.at())
                && end > self.now
            {
                part.end = part.end.max(end);
                if row.at() >= part.latest {
                    part.seen = if row.at() > part.latest { end } else { part.seen.max(end) };
                    part.latest = row.at();
                }
            }
        }
        part
    }

    /// The rows of a long history sorted out by the key of their part, for whoever looks at many parts: each would look for
    /// its own among all.
    pub(crate) fn part_rows(&self, parts: &Parts) -> Option<PartRows> {
        (self.rows().len() > MASK_ROWS).then(|| PartRows::new(self, parts.by))
    }

    /// Whether a condition holds in one part.
    pub(crate) fn part_truth(&self, parts: &Parts, condition: NodeId, key: Packed) -> Truth {
        let part = self.part_end(parts, key);
        if part.end <= self.now {
            return Truth::new(false, NEVER);
        }
        let truth = self.in_part(Some((parts.by, key))).truth(condition);
        // When it ends it is no member any more; until then a part that is none may become one. Once its latest event is out
        // of sight it has been idle for longer.
        Truth::new(truth.holds, truth.until.min(part.seen))
    }

    /// The keys that events of a definition have, each once, in the order of their first event.
    pub(crate) fn keys(&self, parts: &Parts) -> Vec<Packed> {
        let keep = &self.plan.keep;
        if let Some(parted) = self.parted.filter(|parted| parted.by == parts.by) {
            let kind = |place: &u32| self.rows()[*place as usize].kind();
            let reads = |place: &&u32| parts.reads.iter().any(|(kinds, _)| kinds.contains(kind(place), keep));
            let first = |places: &[u32]| places.iter().find(reads).copied();
            let mut firsts: Vec<u32> = parted.parts().filter_map(first).collect();
            firsts.sort_unstable();
            // One key may stand there in several forms: the first event says in which it is known.
            let key = |place: u32| self.view_at(place as usize).value(keep, parts.by);
            return firsts.into_iter().map(key).collect();
        }
        let mut keys: Vec<Packed> = Vec::new();
        for row in self.rows() {
            if parts.reads.iter().any(|(kinds, _)| kinds.contains(row.kind(), keep)) {
                let key = self.view(*row).value(keep, parts.by);
                if key.is_key(self.symbols) && !keys.iter().any(|known| self.symbols.same(*known, key)) {
                    keys.push(key);
                }
            }
        }
        keys
    }

    /// The parts that are there, each with its latest event and until when that is seen, in the order of their first events:
    /// of those that are too many the ones idle longest are not.
    pub(crate) fn live(&self, parts: &Parts) -> Vec<(i64, i64, Packed)> {
        let part = |key| {
            let PartEnd { latest, seen, .. } = self.part_end(parts, key);
            (latest, seen, key)
        };
        let mut live: Vec<_> =
            self.keys(parts).into_iter().map(part).filter(|part| part.1 > self.now).collect();
        if let Some(too_many) = live.len().checked_sub(self.plan.parts_max).filter(|too_many| *too_many > 0) {
            let order = |a: &(i64, i64, Packed), b: &(i64, i64, Packed)| {
                idle_order((a.0, a.2), (b.0, b.2), self.symbols)
            };
            let mut by_idleness = live.clone();
            let (_, first, _) = by_idleness.select_nth_unstable_by(too_many.min(live.len() - 1), order);
            live.retain(|part| order(part, first).is_ge());
        }
        live
    }

    /// Whether a condition holds in some part.
    pub(crate) fn some(&self, parts: &Parts, condition: impl Fn(&Evaluation<'_>) -> Truth) -> Truth {
        let (mut none, mut some) = (NEVER, None::<i64>);
        let parted = self.part_rows(parts);
        let all = self.in_part(self.part).parted(parted.as_ref());
        for (_, seen, key) in all.live(parts) {
            let truth = condition(&all.in_part(Some((parts.by, key))));
            let until = truth.until.min(seen);
            if truth.holds {
                some = some.max(Some(until));
            } else {
                none = none.min(until);
            }
        }
        match some {
            Some(until) => Truth::new(true, until),
            None => Truth::new(false, none),
        }
    }
}

/// The rows of a history by the key of their part.
#[derive(Debug)]
pub(crate) struct PartRows {
    by: PropertyId,
    /// Sorted, each once, with where its places end.
    keys: Vec<(Packed, u32)>,
    places: Vec<u32>,
}

impl PartRows {
    /// O(rows · log rows) comparisons of words, and few others: most events of a part have the same eight bytes.
    fn new(evaluation: &Evaluation<'_>, by: PropertyId) -> PartRows {
        let symbols = evaluation.symbols;
        let key = |row: &Row| evaluation.view(*row).value(&evaluation.plan.keep, by);
        let rows = evaluation.rows().iter().map(key).zip(0..);
        let mut rows: Vec<(Packed, u32)> = rows.filter(|(key, _)| key.is_key(symbols)).collect();
        rows.sort_unstable();
        let mut same: Vec<&[(Packed, u32)]> = rows.chunk_by(|a, b| a.0 == b.0).collect();
        same.sort_by(|a, b| key_order(a[0].0, b[0].0, symbols));
        let (mut keys, mut places) = (Vec::new(), Vec::with_capacity(rows.len()));
        for part in same.chunk_by(|a, b| key_order(a[0].0, b[0].0, symbols).is_eq()) {
            let start = places.len();
            places.extend(part.iter().copied().flatten().map(|(_, place)| *place));
            if part.len() > 1 {
                // The same number in several forms.
                places[start..].sort_unstable();
            }
            keys.push((part[0][0].0, places.len() as u32));
        }
        PartRows { by, keys, places }
    }

    /// The places of each part, in order.
    fn parts(&self) -> impl Iterator<Item = &[u32]> {
        (0..self.keys.len()).map(|part| self.at(part))
    }

    fn at(&self, part: usize) -> &[u32] {
        let start = part.checked_sub(1).map_or(0, |before| self.keys[before].1);
        &self.places[start as usize..self.keys[part].1 as usize]
    }

    /// The places of a part, in order; nothing where they were sorted out by another property.
    pub(crate) fn of(&self, by: PropertyId, key: Packed, symbols: &Symbols) -> Option<&[u32]> {
        (self.by == by).then(|| {
            let part = self.keys.binary_search_by(|(own, _)| key_order(*own, key, symbols));
            part.map_or(&[][..], |part| self.at(part))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{Duration, Instant, Message};
    use crate::profile::Applied;
    use crate::segment::evaluate::{Evaluation, Truth};
    use crate::segment::{Plan, Schema};

    const RULES: [&str; 6] = [
        "count(view in 30d) >= 2 and not did(buy in 30d)",
        "sum(buy.amount in 7d) > 50",
        "sequence(view, not buy) in 30d",
        "now - last(view in 30d) > 1d",
        "distinct(view.amount in 30d) >= 2",
        "did(view where sku = key in 3d)",
    ];

    /// Texts, whole numbers and floats; some stand for the same key, and some events have none.
    fn event(dice: &mut fastrand::Rng) -> Message {
        let message = Message::track("ada", dice.choice(["view", "buy", "other"]).unwrap());
        let message = match dice.u32(0..4) {
            0 => message.with("sku", format!("sku-{}", dice.u32(0..30))),
            1 => message.with("sku", dice.i64(0..9)),
            2 => message.with("sku", dice.i64(0..9) as f64 / 2.0),
            _ => message,
        };
        message.with("amount", dice.i64(1..40))
    }

    #[test]
    fn rows_that_are_sorted_out_say_what_all_rows_say() {
        let mut builder = Plan::builder(Schema::lenient());
        for (number, rule) in RULES.iter().enumerate() {
            builder = builder.segment(&format!("s{number}"), Some("sku"), rule);
        }
        let plan = builder.build().unwrap();
        for seed in 0..8 {
            let dice = &mut fastrand::Rng::with_seed(seed);
            let mut store = plan.empty_store();
            let (user, mut applied) = (store.nobody(), Applied::default());
            let start = Instant::from_millis(1_790_000_000_000);
            for n in 0..400 {
                let now = start + Duration::hours(n);
                store.apply(user, &event(dice), (now, now), true, &mut applied);
                applied.clear(&mut store.symbols);
            }
            let now = start + Duration::hours(400 + dice.i64(0..200));
            for segment in &plan.segments {
                let parts = segment.parts.as_deref().unwrap();
                let plain = Evaluation::new(&plan, &store, user, now);
                let sorted = plain.part_rows(parts);
                assert!(sorted.is_some(), "so many rows are sorted out");
                let parted = Evaluation::new(&plan, &store, user, now).parted(sorted.as_ref());
                let keys = plain.keys(parts);
                assert_eq!(parted.keys(parts), keys, "seed {seed}");
                assert!(keys.len() > 20);
                let mut holding = Vec::new();
                for key in keys {
                    assert_eq!(parted.part_end(parts, key), plain.part_end(parts, key), "seed {seed}");
                    let truth = plain.part_truth(parts, segment.root, key);
                    assert_eq!(parted.part_truth(parts, segment.root, key), truth, "seed {seed}");
                    holding.extend(truth.holds.then_some(truth.until));
                }
                let some: Truth = plain.some(parts, |part| part.truth(segment.root));
                let until = holding.iter().max().copied();
                assert_eq!((some.holds, some.holds.then_some(some.until)), (until.is_some(), until));
            }
        }
    }
}
