//! The parts of a user's events: which there are, until when, and whether a condition holds in any.

use crate::model::Instant;
use crate::profile::{Packed, PropertyId, Row, Symbols};
use crate::segment::ast::Comparison;
use crate::segment::different::Different;
use crate::segment::evaluate::{Evaluation, Truth};
use crate::segment::maintain::idle_order;
use crate::segment::node::{AggregateOp, Constant, Kinds, Node, NodeId, Parts, Window};
use crate::segment::value::NEVER;
use smallvec::SmallVec;

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

/// A part that is there.
#[derive(Debug, Clone, Copy)]
struct Live {
    /// Its number among the rows that are sorted out.
    part: u32,
    /// As of a [`PartEnd`].
    latest: i64,
    seen: i64,
}

impl Evaluation<'_> {
    /// The instant at which an event can no longer be seen in a window: never earlier for a later event.
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

    /// The rows sorted out by the key of their part, for whoever looks at many parts: each would look for its own among
    /// all.
    pub(crate) fn part_rows(&self, parts: &Parts) -> PartRows {
        PartRows::new(self, parts.by)
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
    pub(crate) fn keys(&self, parts: &Parts, parted: &PartRows) -> Vec<Packed> {
        let mut firsts: Vec<u32> = parted.parts().filter_map(|part| self.first_read(parts, part)).collect();
        firsts.sort_unstable();
        firsts.into_iter().map(|place| self.key_at(parts, place)).collect()
    }

    /// The first event of a part that a definition reads.
    fn first_read(&self, parts: &Parts, part: &[u32]) -> Option<u32> {
        let kind = |place: u32| self.rows()[place as usize].kind();
        let is_read =
            |place: u32| parts.reads.iter().any(|(kinds, _)| kinds.contains(kind(place), &self.plan.keep));
        part.iter().copied().find(|place| is_read(*place))
    }

    /// One key may stand there in several forms: the first event says in which it is known.
    fn key_at(&self, parts: &Parts, first: u32) -> Packed {
        self.view_at(first as usize).value(&self.plan.keep, parts.by)
    }

    /// The keys of the parts that are there, in the order of their first events.
    pub(crate) fn live_keys(&self, parts: &Parts) -> Vec<Packed> {
        let parted = self.part_rows(parts);
        let (live, _) = self.live(parts, &parted);
        let mut firsts: Vec<u32> =
            live.iter().filter_map(|live| self.first_read(parts, parted.at(live.part))).collect();
        firsts.sort_unstable();
        firsts.into_iter().map(|place| self.key_at(parts, place)).collect()
    }

    /// The parts that are there, the one that was idle shortest first; of those that are too many the ones idle longest are
    /// not, and that there are such ones is told beside. O(rows down to the oldest that counts).
    fn live(&self, parts: &Parts, parted: &PartRows) -> (Vec<Live>, bool) {
        let (keep, most) = (&self.plan.keep, self.plan.parts_max);
        let mut live: Vec<Live> = Vec::new();
        let mut known: Vec<u32> = vec![NONE; parted.len()];
        // Windows that do not see an event see none before it.
        let mut reads: SmallVec<[&(Kinds, Window); 4]> = parts.reads.iter().collect();
        for (row, part) in self.rows().iter().zip(&parted.part_of).rev() {
            let at = row.at();
            if reads.is_empty() || live.len() > most && live.last().is_some_and(|last| last.latest > at) {
                break;
            }
            if *part == NONE {
                continue;
            }
            let place = &mut known[*part as usize];
            if live.get(*place as usize).is_some_and(|live| live.latest > at) {
                continue;
            }
            let mut seen = i64::MIN;
            reads.retain(|(kinds, window)| {
                let is_read = kinds.contains(row.kind(), keep);
                let end = if is_read { self.out_of_sight(window, at) } else { NEVER };
                seen = if is_read { seen.max(end) } else { seen };
                end > self.now
            });
            if seen <= self.now {
                continue;
            }
            match live.get_mut(*place as usize) {
                Some(live) => live.seen = live.seen.max(seen),
                None => {
                    *place = live.len() as u32;
                    live.push(Live { part: *part, latest: at, seen });
                }
            }
        }
        let are_too_many = live.len() > most;
        if are_too_many {
            let key = |live: &Live| parted.keys.value(live.part as usize);
            live.sort_by(|a, b| idle_order((b.latest, key(b)), (a.latest, key(a)), self.symbols));
            live.truncate(most);
        }
        (live, are_too_many)
    }

    /// Whether a condition holds in some part.
    ///
    /// Whoever keeps memberships comes again when time may change what was found, and so does not have to hear of all parts
    /// in which it holds: that it does is known with the first. All others hear the last instant at which it may.
    pub(crate) fn some(&self, parts: &Parts, condition: NodeId) -> Truth {
        let is_one_enough = self.is_probe || self.scratch.is_some();
        let parted = self.part_rows(parts);
        let all = self.in_part(self.part).parted(Some(&parted));
        let (live, are_too_many) = all.live(parts, &parted);
        let fewest = self.fewest(condition);
        let (mut none, mut some) = (NEVER, None::<i64>);
        for Live { part, seen, .. } in live {
            let own = parted.at(part);
            let truth = match self.first_read(parts, own) {
                Some(first) if own.len() >= fewest => {
                    all.in_part(Some((parts.by, self.key_at(parts, first)))).truth(condition)
                }
                _ => Truth::new(false, NEVER),
            };
            if truth.holds {
                some = some.max(Some(truth.until.min(seen)));
                if is_one_enough {
                    break;
                }
            } else {
                // One that ends leaves nothing behind, but its place to another one.
                none = none.min(truth.until).min(if are_too_many { seen } else { NEVER });
            }
        }
        match some {
            Some(until) => Truth::new(true, until),
            None => Truth::new(false, none),
        }
    }

    /// With fewer events a condition holds at no time. Most parts have few: they need not be looked at.
    fn fewest(&self, condition: NodeId) -> usize {
        let node = |node: NodeId| self.plan.node(node);
        match node(condition) {
            Node::And(all) => all.iter().map(|each| self.fewest(*each)).max().unwrap_or(0),
            Node::Or(all) => all.iter().map(|each| self.fewest(*each)).min().unwrap_or(0),
            Node::AtLeast(_, least) => usize::try_from(*least).unwrap_or(0),
            Node::Aggregate(aggregate) if aggregate.op == AggregateOp::Did => 1,
            Node::Compare(comparison, left, right) => match (node(*left), node(*right)) {
                (Node::Aggregate(aggregate), Node::Constant(Constant::Int(least)))
                    if matches!(aggregate.op, AggregateOp::Distinct | AggregateOp::ActiveDays) =>
                {
                    let least = usize::try_from(*least).unwrap_or(0);
                    match comparison {
                        Comparison::GreaterOrEqual | Comparison::Equal => least,
                        Comparison::Greater => least.saturating_add(1),
                        _ => 0,
                    }
                }
                _ => 0,
            },
            _ => 0,
        }
    }
}

/// The rows of a history by the key of their part.
#[derive(Debug)]
pub(crate) struct PartRows {
    by: PropertyId,
    /// A part's number is that of its key.
    keys: Different,
    /// Of each row the number of its part, or [`NONE`].
    part_of: Vec<u32>,
    /// The places of each part, in order, one part behind the other; and where each ends.
    places: Vec<u32>,
    ends: Vec<u32>,
}

/// Stands for no part.
const NONE: u32 = u32::MAX;

impl PartRows {
    /// O(rows).
    fn new(evaluation: &Evaluation<'_>, by: PropertyId) -> PartRows {
        let (keep, symbols) = (&evaluation.plan.keep, evaluation.symbols);
        let (mut keys, mut ends) = (Different::default(), Vec::<u32>::new());
        let part_of = |row: &Row| {
            let key = evaluation.view(*row).value(keep, by);
            if !key.is_key(symbols) {
                return NONE;
            }
            let part = keys.number(key, symbols);
            match ends.get_mut(part) {
                Some(count) => *count += 1,
                None => ends.push(1),
            }
            part as u32
        };
        let part_of: Vec<u32> = evaluation.rows().iter().map(part_of).collect();
        let mut count = 0;
        for end in &mut ends {
            // Where it begins; as its places are put in, it moves to where it ends.
            count += std::mem::replace(end, count);
        }
        let mut places = vec![0; count as usize];
        for (part, place) in part_of.iter().zip(0..).filter(|(part, _)| **part != NONE) {
            let end = &mut ends[*part as usize];
            places[*end as usize] = place;
            *end += 1;
        }
        PartRows { by, keys, part_of, places, ends }
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    /// The places of each part, in order.
    fn parts(&self) -> impl Iterator<Item = &[u32]> {
        (0..self.len() as u32).map(|part| self.at(part))
    }

    fn at(&self, part: u32) -> &[u32] {
        let start = part.checked_sub(1).map_or(0, |before| self.ends[before as usize]);
        &self.places[start as usize..self.ends[part as usize] as usize]
    }

    /// The places of a part, in order; nothing where they were sorted out by another property.
    pub(crate) fn of(&self, by: PropertyId, key: Packed, symbols: &Symbols) -> Option<&[u32]> {
        let find = || self.keys.find(key, symbols).map_or(&[][..], |part| self.at(part as u32));
        (self.by == by).then(find)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Duration, Message};
    use crate::profile::Applied;
    use crate::segment::scratch::Scratch;
    use crate::segment::{Plan, Schema};

    const RULES: [&str; 9] = [
        "count(view in 30d) >= 2 and not did(buy in 30d)",
        "sum(buy.amount in 7d) > 50",
        "sequence(view, not buy) in 30d",
        "now - last(view in 30d) > 1d",
        "distinct(view.amount in 30d) >= 2",
        "did(view where sku = key in 3d)",
        "count(view in 2d) >= 2 or sum(buy.amount in this week) > 40 and distinct(view.amount in 9d) > 1",
        "active_days(buy in 7d) >= 2",
        "not did(view in 5d)",
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

    /// The parts that are there, looked for one by one, without those that are too many.
    fn naive_live(evaluation: &Evaluation<'_>, parts: &Parts) -> Vec<Packed> {
        let (keep, symbols) = (&evaluation.plan.keep, evaluation.symbols);
        let mut keys: Vec<Packed> = Vec::new();
        for row in evaluation.rows() {
            let key = evaluation.view(*row).value(keep, parts.by);
            let is_read = parts.reads.iter().any(|(kinds, _)| kinds.contains(row.kind(), keep));
            if is_read && key.is_key(symbols) && !keys.iter().any(|known| symbols.same(*known, key)) {
                keys.push(key);
            }
        }
        keys.retain(|key| evaluation.part_end(parts, *key).seen > evaluation.now);
        let idle = |key: &Packed| (evaluation.part_end(parts, *key).latest, *key);
        let mut by_idleness = keys.clone();
        by_idleness.sort_by(|a, b| idle_order(idle(a), idle(b), symbols));
        let gone = &by_idleness[..keys.len().saturating_sub(evaluation.plan.parts_max)];
        keys.retain(|key| !gone.contains(key));
        keys
    }

    #[test]
    fn rows_that_are_sorted_out_say_what_all_rows_say() {
        let (mut held, mut cut) = (0, 0);
        for seed in 0..60 {
            let dice = &mut fastrand::Rng::with_seed(seed);
            let mut builder = Plan::builder(Schema::lenient());
            for (number, rule) in RULES.iter().enumerate() {
                builder = builder.segment(&format!("s{number}"), Some("sku"), rule);
            }
            let mut plan = builder.build().unwrap();
            plan.parts_max = dice.choice([1, 3, 20, 256]).unwrap();
            let mut store = plan.empty_store();
            let (user, mut applied) = (store.nobody(), Applied::default());
            let start = Instant::from_millis(1_790_000_000_000);
            let count = dice.choice([0, 1, 30, 100, 400]).unwrap();
            for n in 0..count {
                // Some at the same instant.
                let now = start + Duration::hours(n / 3 * 3);
                store.apply(user, &event(dice), (now, now), true, &mut applied);
                applied.clear(&mut store.symbols);
            }
            let now = start + Duration::hours(count + dice.i64(0..200));
            let plain = Evaluation::new(&plan, &store, user, now);
            for segment in &plan.segments {
                let parts = segment.parts.as_deref().unwrap();
                let sorted = plain.part_rows(parts);
                let parted = Evaluation::new(&plan, &store, user, now).parted(Some(&sorted));
                for key in plain.keys(parts, &sorted) {
                    assert_eq!(parted.part_end(parts, key), plain.part_end(parts, key), "seed {seed}");
                    let truth = plain.part_truth(parts, segment.root, key);
                    assert_eq!(parted.part_truth(parts, segment.root, key), truth, "seed {seed}");
                }
                let live = naive_live(&plain, parts);
                assert_eq!(plain.live_keys(parts), live, "seed {seed}");
                cut += usize::from(live.len() == plan.parts_max);
                let truths = live.iter().map(|key| plain.part_truth(parts, segment.root, *key));
                let until = truths.filter(|truth| truth.holds).map(|truth| truth.until).max();
                let some = plain.some(parts, segment.root);
                assert_eq!((some.holds, some.holds.then_some(some.until)), (until.is_some(), until));
                held += usize::from(some.holds);
                // Whoever comes again may hear of an earlier instant, and until that it is as it was.
                let scratch = Scratch::default();
                let soon = Evaluation::new(&plan, &store, user, now).with(&scratch);
                for found in [some, soon.some(parts, segment.root)] {
                    assert_eq!(found.holds, some.holds, "seed {seed}");
                    let last = found.until.min(now.as_millis() + 100 * 86_400_000) - 1;
                    for at in [now.as_millis() + 1, now.as_millis().midpoint(last), last] {
                        let then = Evaluation::new(&plan, &store, user, Instant::from_millis(at));
                        assert!(
                            naive_live(&then, parts)
                                .iter()
                                .any(|key| then.part_truth(parts, segment.root, *key).holds)
                                == found.holds
                                || at >= found.until,
                            "seed {seed}"
                        );
                    }
                }
            }
        }
        assert!(held > 50 && cut > 50, "{held} hold, {cut} have as many as may be");
    }
}
