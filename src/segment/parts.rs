//! The parts of a user's events: which there are, until when, and whether a condition holds in any.

use crate::model::Instant;
use crate::profile::{Packed, PartRows, PropertyId};
use crate::segment::ast::Comparison;
use crate::segment::evaluate::{Evaluation, Truth};
use crate::segment::maintain::idle_order;
use crate::segment::node::{AggregateOp, Constant, Kinds, Node, NodeId, Parts, Window};
use crate::segment::value::NEVER;
use smallvec::SmallVec;
use std::sync::Arc;

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
                let start =
                    |shift| self.zone.period_start(*period, Instant::from_millis(at), shift).as_millis();
                let next = start(1);
                match shift {
                    // Where clocks go back over midnight, what comes then is in the period that had begun already.
                    _ if next <= at => start(shift.saturating_add(1)),
                    1 => next,
                    _ => start(shift),
                }
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

    /// Until when a part exists, and its latest event that a window sees. Its rows may be known.
    pub(crate) fn part_end(&self, parts: &Parts, key: Packed, own: Option<&[u32]>) -> PartEnd {
        let keep = &self.plan.keep;
        let mut part = PartEnd { end: i64::MIN, latest: i64::MIN, seen: i64::MIN };
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

    /// The rows sorted out by a property, for whoever looks at many parts: each would look for its own among all. Whoever keeps
    /// memberships has it once a look, and of a long history at hand as soon as an event came; all others take O(rows).
    pub(crate) fn part_rows(&self, by: PropertyId) -> Arc<PartRows> {
        self.known_part_rows(by).unwrap_or_else(|| {
            let sort = |parted: &mut PartRows| {
                (0..self.rows().len()).for_each(|place| parted.push(self.value_at(place, by), self.symbols));
            };
            match self.scratch {
                Some(scratch) => scratch.sort_out(by, sort),
                None => {
                    let mut parted = PartRows::new(by);
                    sort(&mut parted);
                    Arc::new(parted)
                }
            }
        })
    }

    /// The same where it was done already.
    pub(crate) fn known_part_rows(&self, by: PropertyId) -> Option<Arc<PartRows>> {
        let kept = self.rings.and_then(|rings| rings.part_rows(by)).cloned();
        kept.or_else(|| self.scratch?.part_rows(by))
    }

    /// Whether a condition holds in one part, whose rows may be known.
    pub(crate) fn part_truth(
        &self,
        parts: &Parts,
        condition: NodeId,
        key: Packed,
        own: Option<&[u32]>,
    ) -> Truth {
        let part = self.part_end(parts, key, own);
        if part.end <= self.now {
            return Truth::new(false, NEVER);
        }
        let truth = self.in_part(Some((parts.by, key))).within(own).truth(condition);
        // When it ends it is no member any more; until then a part that is none may become one. Once its latest event is out
        // of sight it has been idle for longer.
        Truth::new(truth.holds, truth.until.min(part.seen))
    }

    /// The keys of the parts that are there, in the order of their first events.
    pub(crate) fn live_keys(&self, parts: &Parts) -> Vec<Packed> {
        let parted = self.part_rows(parts.by);
        let (live, _) = self.live(parts, &parted, 0);
        let first = |live: &Live| {
            let own = parted.few_places(live.part);
            self.first_read(parts, &parted, live.part, own.as_deref())
        };
        let mut firsts: Vec<u32> = live.iter().filter_map(first).collect();
        firsts.sort_unstable();
        firsts.into_iter().map(|place| self.key_at(parts, place)).collect()
    }

    /// The first event of a part that a definition reads. Its rows may be known.
    fn first_read(&self, parts: &Parts, parted: &PartRows, part: u32, own: Option<&[u32]>) -> Option<u32> {
        let kind = |place: u32| self.rows()[place as usize].kind();
        let is_read =
            |place: &u32| parts.reads.iter().any(|(kinds, _)| kinds.contains(kind(*place), &self.plan.keep));
        match own {
            Some(own) => own.iter().copied().find(is_read),
            None => {
                let mut rows = 0..parted.len() as u32;
                rows.find(|place| parted.part_of(*place as usize) == Some(part) && is_read(place))
            }
        }
    }

    /// One key may stand there in several forms: the first event says in which it is known.
    fn key_at(&self, parts: &Parts, first: u32) -> Packed {
        self.value_at(first as usize, parts.by)
    }

    /// The parts that are there, the one that was idle shortest first; of those that are too many the ones idle longest are
    /// not, and that there are such ones is told beside. Where there are not, nobody asks for those that have fewer events than
    /// so many. O(parts + rows down to the oldest that counts).
    fn live(&self, parts: &Parts, parted: &PartRows, fewest: usize) -> (Vec<Live>, bool) {
        let (keep, most) = (&self.plan.keep, self.plan.parts_max);
        let may_be_too_many = parted.parts() as usize > most;
        let enough = (parted.parts() as usize).min(most + 1);
        let mut live: Vec<Live> = Vec::with_capacity(enough);
        let mut known: Vec<Option<u32>> = vec![None; parted.parts() as usize];
        // Windows that do not see an event see none before it.
        let mut reads: SmallVec<[&(Kinds, Window); 4]> = parts.reads.iter().collect();
        for (place, row) in self.rows().iter().enumerate().rev() {
            let at = row.at();
            if reads.is_empty() || live.len() >= enough && live.last().is_some_and(|last| last.latest > at) {
                break;
            }
            let Some(part) = parted.part_of(place) else { continue };
            if !may_be_too_many && parted.count(part) < fewest {
                continue;
            }
            let known = &mut known[part as usize];
            if known.is_some_and(|known| live[known as usize].latest > at) {
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
            match *known {
                Some(known) => {
                    let live = &mut live[known as usize];
                    live.seen = live.seen.max(seen);
                }
                None => {
                    *known = Some(live.len() as u32);
                    live.push(Live { part, latest: at, seen });
                }
            }
        }
        let are_too_many = live.len() > most;
        if are_too_many {
            let key = |live: &Live| parted.key(live.part);
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
        let parted = self.part_rows(parts.by);
        let fewest = self.fewest(condition);
        let (live, are_too_many) = self.live(parts, &parted, fewest);
        let (mut none, mut some) = (NEVER, None::<i64>);
        for Live { part, seen, .. } in live {
            let truth = if parted.count(part) < fewest {
                Truth::new(false, NEVER)
            } else {
                let own = parted.few_places(part);
                let first = self.first_read(parts, &parted, part, own.as_deref());
                let part = first.map(|first| (parts.by, self.key_at(parts, first)));
                self.in_part(part).within(own.as_deref()).truth(condition)
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
        keys.retain(|key| evaluation.part_end(parts, *key, None).seen > evaluation.now);
        let idle = |key: &Packed| (evaluation.part_end(parts, *key, None).latest, *key);
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
                let sorted = plain.part_rows(parts.by);
                for key in (0..sorted.parts()).map(|part| sorted.key(part)) {
                    let own = sorted.few_places_of(key, plain.symbols);
                    let end = plain.part_end(parts, key, None);
                    assert_eq!(plain.part_end(parts, key, own.as_deref()), end, "seed {seed}");
                    let truth = plain.part_truth(parts, segment.root, key, None);
                    assert_eq!(
                        plain.part_truth(parts, segment.root, key, own.as_deref()),
                        truth,
                        "seed {seed}"
                    );
                }
                let live = naive_live(&plain, parts);
                assert_eq!(plain.live_keys(parts), live, "seed {seed}");
                cut += usize::from(live.len() == plan.parts_max);
                let truths = live.iter().map(|key| plain.part_truth(parts, segment.root, *key, None));
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
                                .any(|key| then.part_truth(parts, segment.root, *key, None).holds)
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
