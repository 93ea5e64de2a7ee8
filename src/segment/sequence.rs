//! Sequences: whether events follow one another as a sequence says.

use crate::profile::Row;
use crate::segment::evaluate::{Evaluation, Truth};
use crate::segment::node::{PositiveStep, Sequence, SourceId};
use crate::segment::places::Places;
use crate::segment::value::NEVER;
use crate::segment::window::{Motion, Span};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::cell::OnceCell;

/// What may not come, and within which time; without one, never.
type Without<'e> = SmallVec<[(Cow<'e, [u32]>, Option<i64>); 1]>;

/// Events that follow one another as the steps of a sequence say.
#[derive(Debug, Clone, Copy)]
struct Chain {
    first: usize,
    last: usize,
}

/// A step, as far as it was looked at.
#[derive(Debug)]
struct Level<'e, 'a> {
    step: &'e PositiveStep,
    /// The events that were not looked at yet.
    rest: Places<'e, 'a>,
    /// The one that is looked at, and which chain of the step before is the next that it may follow.
    open: Option<(usize, usize)>,
    /// The chains that end here, the newest first.
    chains: SmallVec<[Chain; 4]>,
    is_done: bool,
    without: OnceCell<Without<'e>>,
    free: Free,
}

/// The chains of the step before behind which nothing comes in time that may not: anything may follow them.
#[derive(Debug, Default)]
struct Free {
    numbers: Vec<usize>,
    /// So many were looked at.
    of: usize,
}

impl Free {
    /// The first from a number on; where there is none, the chain that comes next.
    fn next(&mut self, chains: &[Chain], from: usize, is_free: impl Fn(&Chain) -> bool) -> usize {
        let new = (self.of..).zip(&chains[self.of..]);
        self.numbers.extend(new.filter(|(_, chain)| is_free(chain)).map(|(number, _)| number));
        self.of = chains.len();
        let place = self.numbers.partition_point(|number| *number < from);
        self.numbers.get(place).copied().unwrap_or(chains.len())
    }
}

/// Whether an event follows a chain.
enum Follows {
    Yes,
    No,
    /// Nor one that ends earlier.
    None,
}

enum Found {
    Chain,
    /// No other one.
    Nothing,
    /// It depends on the next chain of the step before.
    Earlier,
}

/// The chains of all positive steps, those first that end last. Of those that end with the same event it gives the one that
/// begins last, but where what may not lie between two steps has a `within` of its own, it may be another one.
///
/// Of each step no more events are looked at than it takes. For all chains that is O(steps · events · log events), more only
/// where several such steps lie between two.
#[derive(Debug)]
struct Chains<'e, 'a> {
    evaluation: &'e Evaluation<'a>,
    span: &'e Span,
    levels: SmallVec<[Level<'e, 'a>; 2]>,
}

impl<'e, 'a> Chains<'e, 'a> {
    /// Those whose last event lies at a place or behind it.
    fn new(evaluation: &'e Evaluation<'a>, (sequence, span): (&'e Sequence, &'e Span), from: usize) -> Self {
        let last = sequence.steps.len().saturating_sub(1);
        let level = |(number, step): (usize, &'e PositiveStep)| {
            let start = if number == last { from.max(span.rows.start) } else { span.rows.start };
            let rest = evaluation.places(step.source, start.min(span.rows.end)..span.rows.end);
            let without = OnceCell::new();
            let free = Free::default();
            Level { step, rest, open: None, chains: SmallVec::new(), is_done: false, without, free }
        };
        Chains { evaluation, span, levels: sequence.steps.iter().enumerate().map(level).collect() }
    }

    /// Looks for the next chain that ends with a step.
    fn look(&mut self, level: usize) -> Found {
        let (before, own) = self.levels[..=level].split_at_mut(level);
        let own = &mut own[0];
        let rows = self.evaluation.rows();
        while !own.is_done {
            let Some((place, mut next)) = own.open.take().or_else(|| Some((own.rest.next_back()?, 0))) else {
                break;
            };
            let Some(before) = before.last() else {
                own.chains.push(Chain { first: place, last: place });
                return Found::Chain;
            };
            let is_late = |chain: &Chain| rows[chain.last].order() >= rows[place].order();
            if next == 0 {
                next = before.chains.partition_point(is_late);
            }
            loop {
                let Some(chain) = before.chains.get(next) else {
                    if !before.is_done {
                        own.open = Some((place, next));
                        return Found::Earlier;
                    }
                    // What nothing is before has nothing before it that something is before.
                    own.is_done = before.chains.last().is_none_or(is_late);
                    break;
                };
                if is_late(chain) {
                    next += 1;
                    continue;
                }
                let without = own.without.get_or_init(|| self.evaluation.without(own.step, self.span));
                match self.evaluation.follows(chain.last, place, own.step.within, without) {
                    Follows::Yes => {
                        own.chains.push(Chain { first: chain.first, last: place });
                        return Found::Chain;
                    }
                    // What breaks this chain breaks those before it too, unless they are free of it.
                    Follows::No if without.len() == 1 => {
                        let first = |chain: &Chain| rows[chain.last];
                        let is_free =
                            |chain: &Chain| self.evaluation.breaks(first(chain), &without[0]).is_none();
                        next = own.free.next(&before.chains, next + 1, is_free);
                    }
                    Follows::No => next += 1,
                    Follows::None => break,
                }
            }
        }
        own.is_done = true;
        Found::Nothing
    }
}

impl Iterator for Chains<'_, '_> {
    type Item = Chain;

    /// Goes down and up the steps in a loop: texts have more of them than a stack has room for.
    fn next(&mut self) -> Option<Chain> {
        let top = self.levels.len().checked_sub(1)?;
        let mut level = top;
        loop {
            match self.look(level) {
                Found::Chain if level == top => return self.levels[top].chains.last().copied(),
                Found::Nothing if level == top => return None,
                Found::Chain | Found::Nothing => level += 1,
                Found::Earlier => level -= 1,
            }
        }
    }
}

impl Evaluation<'_> {
    pub(crate) fn sequence(&self, sequence: &Sequence) -> Truth {
        let span = self.span(&sequence.window);
        let (found, pending) = self.judge(sequence, &span);
        match (found, span.motion) {
            // It stays until this one leaves, at the least.
            (Some(chain), Motion::Leave(ms)) => {
                Truth::new(true, self.rows()[chain.first].at().saturating_add(ms).min(span.until))
            }
            (Some(_), _) => Truth::new(true, self.window_until(sequence, &span)),
            // While it does not hold, events that leave cannot make it hold; those that enter can.
            (None, Motion::Enter { .. } | Motion::Turn) => {
                Truth::new(false, pending.min(self.window_until(sequence, &span)))
            }
            (None, Motion::Still | Motion::Leave(_)) => Truth::new(false, pending.min(span.until)),
        }
    }

    /// The newest chain behind which nothing came that may not; without one, when there may be one without another event.
    fn judge(&self, sequence: &Sequence, span: &Span) -> (Option<Chain>, i64) {
        let rows = self.rows();
        let everywhere = span.rows.start..rows.len();
        // The newest event that no end may be before.
        let never = sequence.after.iter().filter(|(_, within)| within.is_none());
        let last = never.filter_map(|(source, _)| self.places(*source, everywhere.clone()).next_back());
        let last = last.map(|last| rows[last].order()).max();
        let from = last.map_or(0, |last| rows.partition_point(|row| row.order() < last));
        let limited = sequence.after.iter().filter_map(|(source, within)| Some((*source, (*within)?)));
        let limited: SmallVec<[(Cow<'_, [u32]>, i64); 2]> =
            limited.map(|(source, within)| (self.listed(source, everywhere.clone()), within)).collect();
        let mut pending = NEVER;
        for chain in Chains::new(self, (sequence, span), from) {
            let (at, mut ripe) = (rows[chain.last].at(), self.now);
            let broken = limited.iter().any(|(places, within)| {
                ripe = ripe.max(at.saturating_add(*within));
                let next = &places[places.partition_point(|i| *i as usize <= chain.last)..];
                let next = next.iter().map(|i| rows[*i as usize].at()).find(|next| *next > at);
                next.is_some_and(|next| next <= at.saturating_add(*within))
            });
            match broken {
                false if ripe <= self.now => return (Some(chain), NEVER),
                false => pending = pending.min(ripe),
                true => {}
            }
        }
        (None, pending)
    }

    /// What may not be before a step.
    fn without(&self, step: &PositiveStep, span: &Span) -> Without<'_> {
        let listed = |source: SourceId| self.listed(source, span.rows.clone());
        step.without.iter().map(|(source, within)| (listed(*source), *within)).collect()
    }

    /// Whether an event at place `j` follows one at `i`, which is before it, as a step demands.
    fn follows(&self, i: usize, j: usize, within: Option<i64>, without: &Without<'_>) -> Follows {
        let rows = self.rows();
        let (first, second) = (rows[i], rows[j]);
        if within.is_some_and(|ms| second.at() - first.at() > ms) {
            return Follows::None;
        }
        let (mut is_broken, mut is_so_for_earlier) = (false, false);
        for step in without {
            if self.breaks(first, step).is_some_and(|next| next.order() < second.order()) {
                is_broken = true;
                is_so_for_earlier |= step.1.is_none();
            }
        }
        match (is_broken, is_so_for_earlier) {
            (_, true) => Follows::None,
            (true, false) => Follows::No,
            (false, false) => Follows::Yes,
        }
    }

    /// The first event behind another one that may not come so soon, if there is one.
    fn breaks(&self, first: Row, (places, limit): &(Cow<'_, [u32]>, Option<i64>)) -> Option<Row> {
        let rows = self.rows();
        let place = places.partition_point(|k| rows[*k as usize].order() <= first.order());
        let next = places.get(place).map(|k| rows[*k as usize])?;
        limit.is_none_or(|ms| next.at() <= first.at().saturating_add(ms)).then_some(next)
    }

    /// When time alone changes which of the positive steps' events the window holds.
    fn window_until(&self, sequence: &Sequence, span: &Span) -> i64 {
        let steps = sequence.steps.iter().map(|step| self.until(step.source, span));
        steps.min().unwrap_or(NEVER).min(if span.motion == Motion::Still { span.until } else { NEVER })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Duration, Instant, Message};
    use crate::profile::Applied;
    use crate::segment::node::Node;
    use crate::segment::scratch::Scratch;
    use crate::segment::{Plan, Schema};

    const WINDOW: i64 = 20_000;
    const RULES: [&str; 12] = [
        "sequence(a) in 20s",
        "sequence(a, b) in 20s",
        "sequence(a, b, a, c) in 20s",
        "sequence(a, not b) in 20s",
        "sequence(a, not b, c) in 20s",
        "sequence(a, b within 3s, c within 4s, not a) in 20s",
        "sequence(a, not a, b, not c, c) in 20s",
        "sequence(a, a, a, a, b, b within 2s) in 20s",
        "sequence(a where n > 3, not b where n > 2, c within 6s, not c) in 20s",
        "sequence(a, not b within 2s, c, not a within 3s) in 20s",
        "sequence(a, not b within 2s, c) in 20s",
        "sequence(a, not b within 3s, not d within 2s, not d, a, not a within 1s, c) in 20s",
    ];

    /// Where the chains begin behind which nothing came that may not: all of them, one event after another.
    fn naive(evaluation: &Evaluation<'_>, sequence: &Sequence, span: &Span) -> Vec<usize> {
        let rows = evaluation.rows();
        let of = |source| evaluation.places(source, span.rows.clone()).collect::<Vec<usize>>();
        let order = |place: usize| rows[place].order();
        let lies = |source, from: usize, to: Option<usize>, within: Option<i64>| {
            of(source).into_iter().any(|k| {
                order(k) > order(from)
                    && to.is_none_or(|to| order(k) < order(to))
                    && (to.is_some() || within.is_none() || rows[k].at() > rows[from].at())
                    && within.is_none_or(|ms| rows[k].at() <= rows[from].at() + ms)
            })
        };
        let mut chains: Vec<[usize; 2]> = of(sequence.steps[0].source).iter().map(|i| [*i; 2]).collect();
        for step in &sequence.steps[1..] {
            let mut longer = Vec::new();
            for [first, last] in chains {
                for next in of(step.source) {
                    let is_after = order(next) > order(last)
                        && step.within.is_none_or(|ms| rows[next].at() <= rows[last].at() + ms);
                    if is_after && !step.without.iter().any(|(s, within)| lies(*s, last, Some(next), *within))
                    {
                        longer.push([first, next]);
                    }
                }
            }
            longer.sort_unstable();
            longer.dedup();
            chains = longer;
        }
        chains.retain(|[_, last]| {
            sequence.after.iter().all(|(source, within)| {
                let is_ripe = within.is_none_or(|ms| rows[*last].at() + ms <= evaluation.now);
                is_ripe && !lies(*source, *last, None, *within)
            })
        });
        chains.into_iter().map(|[first, _]| first).collect()
    }

    #[test]
    fn the_chain_that_begins_last_says_until_when() {
        let (mut held, mut not_held) = ([0; RULES.len()], [0; RULES.len()]);
        for seed in 0..300 {
            let dice = &mut fastrand::Rng::with_seed(seed);
            let mut builder = Plan::builder(Schema::lenient());
            for (number, rule) in RULES.iter().enumerate() {
                builder = builder.segment(&format!("s{number}"), None, rule);
            }
            let plan = builder.build().unwrap();
            let mut store = plan.empty_store();
            let (user, mut applied) = (store.nobody(), Applied::default());
            let start = Instant::from_millis(1_790_000_000_000);
            let mut now = start;
            for _ in 0..dice.usize(0..24) {
                now = now + Duration::from_millis(dice.choice([0, 1_000, 1_000, 2_000]).unwrap());
                let event = Message::track("ada", dice.choice(["a", "b", "c", "d"]).unwrap());
                store.apply(user, &event.with("n", dice.i64(1..6)), (now, now), true, &mut applied);
                applied.clear(&mut store.symbols);
            }
            let now = now + Duration::seconds(dice.i64(0..12));
            for (number, rule) in RULES.iter().enumerate() {
                let mut scratch = Scratch::default();
                scratch.begin(&plan, &store, user);
                let evaluation = Evaluation::new(&plan, &store, user, now).with(&scratch);
                let Node::Sequence(sequence) = plan.node(plan.segments[number].root) else {
                    panic!("{rule}")
                };
                let naive = naive(&evaluation, sequence, &evaluation.span(&sequence.window));
                let at = |place: usize| evaluation.rows()[place].at();
                let latest = naive.iter().map(|first| at(*first) + WINDOW).max();
                let truth = evaluation.sequence(sequence);
                assert_eq!(truth.holds, latest.is_some(), "seed {seed}: {rule}");
                match latest {
                    // Beside a `within` of what may not lie between, it may be looked at again before.
                    Some(latest) if number >= 9 => {
                        assert!(truth.until > evaluation.now && truth.until <= latest, "seed {seed}: {rule}");
                    }
                    Some(latest) => assert_eq!(truth.until, latest, "seed {seed}: {rule}"),
                    None => {}
                }
                held[number] += usize::from(truth.holds);
                not_held[number] += usize::from(!truth.holds);
            }
        }
        assert!(held.iter().chain(&not_held).all(|count| *count > 5), "{held:?} {not_held:?}");
    }
}
