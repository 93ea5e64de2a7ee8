//! Sequences: whether events follow one another as a sequence says.

use crate::segment::evaluate::{Evaluation, Truth};
use crate::segment::node::{PositiveStep, Sequence};
use crate::segment::value::NEVER;
use crate::segment::window::{Motion, Span};
use smallvec::SmallVec;

impl Evaluation<'_> {
    /// Step by step: which events can end the first so many steps. O(steps · events · log events), more only where
    /// a negative step between two positive ones has a `within` of its own. Of the last step it looks at the newest first, and
    /// no further than it must.
    pub(crate) fn sequence(&self, sequence: &Sequence) -> Truth {
        let span = self.span(&sequence.window);
        let Some((last, first)) = sequence.steps.split_last() else { return Truth::new(false, NEVER) };
        let mut before: Vec<usize> = Vec::new();
        for (number, step) in first.iter().enumerate() {
            let candidates = self.places(step.source, span.rows.clone());
            let without = self.without(step, &span);
            let is_end = |end: &usize| number == 0 || self.follows(&before, *end, step.within, &without);
            before = candidates.filter(is_end).collect();
            if before.is_empty() {
                break;
            }
        }
        let is_cut = !first.is_empty() && before.is_empty();
        let without = if is_cut { Without::new() } else { self.without(last, &span) };
        let rows = if is_cut { 0..0 } else { span.rows.clone() };
        let is_end = |end: &usize| first.is_empty() || self.follows(&before, *end, last.within, &without);
        let ends = self.places(last.source, rows).rev().filter(is_end);
        let (holds, pending) = self.judge(sequence, &span, ends);
        let window = self.window_until(sequence, &span);
        // While it does not hold, events that leave cannot make it hold; those that enter can.
        match span.motion {
            _ if holds => Truth::new(true, window),
            Motion::Enter { .. } | Motion::Turn => Truth::new(false, pending.min(window)),
            Motion::Still | Motion::Leave(_) => Truth::new(false, pending.min(span.until)),
        }
    }

    /// Whether the sequence holds that ends at one of some places, the newest first; if not, when it may without another event.
    fn judge(&self, sequence: &Sequence, span: &Span, ends: impl Iterator<Item = usize>) -> (bool, i64) {
        let rows = self.rows();
        let everywhere = span.rows.start..rows.len();
        // The newest event that no end may be before.
        let never = sequence.after.iter().filter(|(_, within)| within.is_none());
        let last = never.filter_map(|(source, _)| self.places(*source, everywhere.clone()).next_back());
        let last = last.map(|last| rows[last].order()).max();
        let limited = sequence.after.iter().filter_map(|(source, within)| Some((*source, (*within)?)));
        let places = |source| self.places(source, everywhere.clone()).collect();
        let limited: SmallVec<[(Vec<usize>, i64); 2]> =
            limited.map(|(source, within)| (places(source), within)).collect();
        let mut pending = NEVER;
        for end in ends {
            if last.is_some_and(|last| last > rows[end].order()) {
                // So it is of all before it.
                break;
            }
            let (at, mut ripe) = (rows[end].at(), self.now);
            let broken = limited.iter().any(|(places, within)| {
                ripe = ripe.max(at.saturating_add(*within));
                let next =
                    places[places.partition_point(|i| *i <= end)..].iter().find(|i| rows[**i].at() > at);
                next.is_some_and(|i| rows[*i].at() <= at.saturating_add(*within))
            });
            match broken {
                false if ripe <= self.now => return (true, NEVER),
                false => pending = pending.min(ripe),
                true => {}
            }
        }
        (false, pending)
    }

    /// What may not be before a step.
    fn without(&self, step: &PositiveStep, span: &Span) -> Without {
        let places = |source| self.places(source, span.rows.clone()).collect();
        step.without.iter().map(|(source, within)| (places(*source), *within)).collect()
    }

    /// Whether an event at place `j` follows one of those in `before` as a step demands.
    fn follows(&self, before: &[usize], j: usize, within: Option<i64>, without: &Without) -> bool {
        let rows = self.rows();
        let before = &before[..before.partition_point(|i| rows[*i].order() < rows[j].order())];
        for i in before.iter().rev() {
            let (first, second) = (rows[*i], rows[j]);
            if within.is_some_and(|ms| second.at() - first.at() > ms) {
                return false;
            }
            let mut broken_for_earlier_too = false;
            let broken = without.iter().any(|(places, limit)| {
                let next = places[places.partition_point(|k| rows[*k].order() <= first.order())..].first();
                let Some(next) = next.filter(|k| rows[**k].order() < second.order()) else { return false };
                broken_for_earlier_too |= limit.is_none();
                limit.is_none_or(|ms| rows[*next].at() <= first.at().saturating_add(ms))
            });
            if !broken {
                return true;
            }
            if broken_for_earlier_too {
                return false;
            }
        }
        false
    }

    /// When time alone changes which of the positive steps' events the window holds.
    fn window_until(&self, sequence: &Sequence, span: &Span) -> i64 {
        let steps = sequence.steps.iter().map(|step| self.until(step.source, span));
        steps.min().unwrap_or(NEVER).min(if span.motion == Motion::Still { span.until } else { NEVER })
    }
}

/// The places of the events of a negative step, and within which time they count.
type Without = SmallVec<[(Vec<usize>, Option<i64>); 1]>;
