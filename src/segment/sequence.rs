//! Sequences: whether events follow one another as a sequence says.

use crate::profile::Row;
use crate::segment::evaluate::{Evaluation, Truth};
use crate::segment::node::{Sequence, SourceId};
use crate::segment::value::NEVER;
use crate::segment::window::{Motion, Span};

impl Evaluation<'_> {
    /// Step by step: which events can end the first so many steps. O(steps · events · log events), more only where
    /// a negative step between two positive ones has a `within` of its own.
    pub(crate) fn sequence(&self, sequence: &Sequence) -> Truth {
        let span = self.span(&sequence.window);
        let rows = self.rows();
        let places = |source: SourceId, range: std::ops::Range<usize>| -> Vec<usize> {
            self.places(source, range).collect()
        };
        let everywhere = span.rows.start..rows.len();
        let mut ends: Vec<usize> = Vec::new();
        for (number, step) in sequence.steps.iter().enumerate() {
            let candidates = places(step.source, span.rows.clone());
            if number == 0 {
                ends = candidates;
            } else {
                let without: Vec<(Vec<usize>, Option<i64>)> = step
                    .without
                    .iter()
                    .map(|(source, within)| (places(*source, span.rows.clone()), *within))
                    .collect();
                ends = candidates
                    .into_iter()
                    .filter(|j| {
                        let before = &ends[..ends.partition_point(|i| rows[*i].order() < rows[*j].order())];
                        follows(before, *j, step.within, &without, rows)
                    })
                    .collect();
            }
            if ends.is_empty() {
                break;
            }
        }
        let after: Vec<(Vec<usize>, Option<i64>)> = sequence
            .after
            .iter()
            .map(|(source, within)| (places(*source, everywhere.clone()), *within))
            .collect();
        let (mut holds, mut pending) = (false, NEVER);
        for end in ends {
            let at = rows[end].at();
            let mut ripe = self.now;
            let broken = after.iter().any(|(places, within)| match within {
                None => places.last().is_some_and(|last| rows[*last].order() > rows[end].order()),
                Some(ms) => {
                    ripe = ripe.max(at.saturating_add(*ms));
                    let next =
                        places[places.partition_point(|i| *i <= end)..].iter().find(|i| rows[**i].at() > at);
                    next.is_some_and(|i| rows[*i].at() <= at.saturating_add(*ms))
                }
            });
            if !broken && ripe <= self.now {
                holds = true;
            } else if !broken {
                pending = pending.min(ripe);
            }
        }
        let window = self.window_until(sequence, &span);
        // While it does not hold, events that leave cannot make it hold; those that enter can.
        match span.motion {
            _ if holds => Truth::new(true, window),
            Motion::Enter { .. } | Motion::Turn => Truth::new(false, pending.min(window)),
            Motion::Still | Motion::Leave(_) => Truth::new(false, pending.min(span.until)),
        }
    }

    /// When time alone changes which of the positive steps' events the window holds.
    fn window_until(&self, sequence: &Sequence, span: &Span) -> i64 {
        let steps = sequence.steps.iter().map(|step| self.until(step.source, span));
        steps.min().unwrap_or(NEVER).min(if span.motion == Motion::Still { span.until } else { NEVER })
    }
}

/// Whether an event at place `j` follows one of those in `before` as a step demands.
fn follows(
    before: &[usize],
    j: usize,
    within: Option<i64>,
    without: &[(Vec<usize>, Option<i64>)],
    rows: &[Row],
) -> bool {
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
