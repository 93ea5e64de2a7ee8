//! Which events a window holds at an instant, and when that changes by time alone.

use crate::profile::Row;
use crate::segment::evaluate::{Evaluation, EventView};
use crate::segment::node::{SourceId, Window};
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
                // Where clocks go back over midnight a period that had begun already begins once more.
                let next = Some(start(1)).filter(|next| *next > self.now);
                let again = || self.zone.next_day(self.instant()).as_millis();
                span(rows, Motion::Turn, next.unwrap_or_else(again))
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
}
