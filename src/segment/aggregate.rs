//! Aggregates over the events of a window.

use crate::model::Instant;
use crate::profile::{Different, Packed, PropertyId};
use crate::segment::ast::Comparison;
use crate::segment::days::Days;
use crate::segment::evaluate::{Evaluation, Truth};
use crate::segment::node::{Aggregate, AggregateOp, Node, NodeId, SourceId, Window};
use crate::segment::summed::Summed;
use crate::segment::value::{NEVER, Signal, Val, add};
use crate::segment::window::Motion;
use smallvec::SmallVec;
use std::cmp::Ordering;
use std::ops::Range;

impl Evaluation<'_> {
    pub(crate) fn value_at(&self, place: usize, property: PropertyId) -> Packed {
        self.view_at(place).value(&self.plan.keep, property)
    }

    /// Whether there is an event at all. It stays until the newest one leaves.
    pub(crate) fn did(&self, aggregate: &Aggregate) -> Truth {
        if let Some(total) = aggregate.total {
            return Truth::new(self.profile.totals.get(total).is_some(), NEVER);
        }
        if let Window::Sliding(ms) = aggregate.window {
            return self.nth_newest(aggregate.source, ms, 0);
        }
        let span = self.span(&aggregate.window);
        let newest = self.events_in(aggregate.source, &span).next_back();
        Truth::new(newest.is_some(), self.until(aggregate.source, &span))
    }

    /// Whether a count is at least `least`: it stops being so when the `least`-th newest event leaves.
    pub(crate) fn at_least(&self, node: NodeId, least: i64) -> Truth {
        let Node::Aggregate(aggregate) = self.plan.node(node) else {
            return Truth::new(false, NEVER);
        };
        if least <= 0 {
            return Truth::new(true, NEVER);
        }
        if let Some(total) = aggregate.total {
            let count = self.profile.totals.get(total).map_or(0, |row| row.count());
            return Truth::new(count >= least, NEVER);
        }
        let rank = usize::try_from(least - 1).unwrap_or(usize::MAX);
        if let Window::Sliding(ms) = aggregate.window {
            return self.nth_newest(aggregate.source, ms, rank);
        }
        let span = self.span(&aggregate.window);
        match self.events_in(aggregate.source, &span).nth_back(rank) {
            None => Truth::new(false, NEVER),
            Some(_) => Truth::new(true, span.until),
        }
    }

    /// Whether so many events of a source, and one more, are no older than a window: until the oldest of them leaves.
    fn nth_newest(&self, source: SourceId, ms: i64, rank: usize) -> Truth {
        let most = rank.saturating_add(1);
        match self.newest(source, self.now.saturating_sub(ms), most).nth(rank) {
            Some(place) => Truth::new(true, self.rows()[place].at().saturating_add(ms)),
            None => Truth::new(false, NEVER),
        }
    }

    /// An aggregate beside what stays as it is.
    ///
    /// Where events only leave, most aggregates move in one direction, and so does what the comparison says, up to
    /// the instant at which nothing is left: its one flip is found by halving over the departures.
    pub(crate) fn threshold(
        &self,
        aggregate: &Aggregate,
        comparison: Comparison,
        constant: &Val<'_>,
    ) -> Truth {
        let Aggregate { op, source, property, window, .. } = aggregate;
        let sliding = match window {
            Window::Sliding(ms) if *op != AggregateOp::Streak => Some(*ms),
            _ => None,
        };
        let Some(ms) = sliding else { return self.standing(aggregate, comparison, constant) };
        let rows = self.start(ms)..self.rows().len();
        let summed = Summed::new(self, aggregate, rows.clone());
        let compares = |from| summed.as_ref().and_then(|summed| summed.compares(from, comparison, constant));
        let known = || compares(rows.start);
        if let Some(decided) = self.by_one_event(aggregate, comparison, constant, (ms, &rows), known) {
            return decided;
        }
        let is_extreme = matches!(op, AggregateOp::Least | AggregateOp::Greatest);
        let (mut own, mut is_mixed) = (SmallVec::<[u32; 32]>::new(), false);
        let places = match (self.own_ring(*source), &summed) {
            (Some(ring), Some(summed)) if is_extreme => summed.trim(ring.within(&rows)),
            (Some(ring), _) if !is_extreme => ring.within(&rows),
            _ => {
                let newest_first = self.newest(*source, self.now.saturating_sub(ms), usize::MAX);
                own.extend(newest_first.map(|place| place as u32));
                own.reverse();
                if is_extreme {
                    is_mixed = self.retain_ordered(*property, &mut own);
                }
                &own
            }
        };
        let holds = |left: usize| {
            let from = || places.get(left).map_or(rows.end, |place| *place as usize);
            let from = if left == 0 { rows.start } else { from() };
            let of_each = || self.compare_of_each(aggregate, &(from..rows.end), comparison, constant);
            compares(from).or_else(of_each).unwrap_or_else(|| {
                let places = places[left..].iter().map(|place| *place as usize);
                match (op, property) {
                    (AggregateOp::Percentile(percent), Some(property)) if constant.number().is_some() => {
                        let values = places.map(|place| self.value_at(place, *property));
                        match self.percentile_order(percent.0, values, constant) {
                            Some(order) => comparison.holds(order),
                            None => Val::Missing.compare(comparison, constant, self.symbols),
                        }
                    }
                    _ => self.fold(aggregate, places).compare(comparison, constant, self.symbols),
                }
            })
        };
        let (now, count) = (holds(0), places.len());
        let departure = |left: usize| self.rows()[places[left - 1] as usize].at().saturating_add(ms);
        if count == 0 {
            return Truth::new(now, NEVER);
        }
        let in_order = !matches!(comparison, Comparison::Equal | Comparison::NotEqual)
            && match op {
                AggregateOp::Least | AggregateOp::Greatest => !is_mixed,
                AggregateOp::Count | AggregateOp::Distinct | AggregateOp::ActiveDays => true,
                AggregateOp::First | AggregateOp::Last => true,
                AggregateOp::Sum => match &summed {
                    Some(summed) => summed.numbers.least().is_none_or(|least| least >= 0.0),
                    None => places.iter().all(|place| self.adds(aggregate, *place as usize)),
                },
                _ => false,
            };
        if !in_order {
            // Whether there are any, and when the last one was, stays until the last one leaves.
            let is_of_last = matches!(op, AggregateOp::Did | AggregateOp::Last);
            return Truth::new(now, departure(if is_of_last { count } else { 1 }));
        }
        // What events only raise falls only as they leave.
        let rises = !matches!(op, AggregateOp::Least | AggregateOp::First | AggregateOp::Last);
        let upwards = matches!(comparison, Comparison::Greater | Comparison::GreaterOrEqual);
        if rises && upwards && !now {
            return Truth::new(false, NEVER);
        }
        if holds(count - 1) != now {
            let (mut same, mut other) = (0, count - 1);
            while other - same > 1 {
                let middle = same + (other - same) / 2;
                if holds(middle) == now { same = middle } else { other = middle }
            }
            return Truth::new(now, departure(other));
        }
        let until = if holds(count) == now { NEVER } else { departure(count) };
        Truth::new(now, until)
    }

    /// An aggregate over a window that does not slide, beside what stays as it is.
    fn standing(&self, aggregate: &Aggregate, comparison: Comparison, constant: &Val<'_>) -> Truth {
        if aggregate.op.is_of_each() && self.own_ring(aggregate.source).is_some() {
            let span = self.span(&aggregate.window);
            if let Some(holds) = self.compare_of_each(aggregate, &span.rows, comparison, constant) {
                return Truth::new(holds, self.until(aggregate.source, &span));
            }
        }
        if aggregate.op.is_of_numbers() && self.own_ring(aggregate.source).is_some() {
            let span = self.span(&aggregate.window);
            let summed = Summed::new(self, aggregate, span.rows.clone());
            if let Some(holds) = summed.and_then(|s| s.compares(span.rows.start, comparison, constant)) {
                return Truth::new(holds, self.until(aggregate.source, &span));
            }
        }
        let signal = self.aggregate(aggregate);
        Truth::new(signal.value.compare(comparison, constant, self.symbols), signal.until)
    }

    /// The same over a sliding window where one event decides it, and until that one leaves. `known` is what is known without
    /// looking at events.
    fn by_one_event(
        &self,
        aggregate: &Aggregate,
        comparison: Comparison,
        constant: &Val<'_>,
        (ms, rows): (i64, &Range<usize>),
        known: impl Fn() -> Option<bool>,
    ) -> Option<Truth> {
        use Comparison::{Greater, GreaterOrEqual, Less, LessOrEqual};
        let Aggregate { op, source, property, .. } = aggregate;
        let departure = |place: usize| self.rows()[place].at().saturating_add(ms);
        if let (AggregateOp::First | AggregateOp::Last, Some(property)) = (op, *property) {
            let place = self.first_or_last(*op, property, self.places(*source, rows.clone()));
            let value =
                place.map_or(Val::Missing, |place| Val::unpack(self.value_at(place, property), self.symbols));
            let holds = value.compare(comparison, constant, self.symbols);
            return Some(Truth::new(holds, place.map_or(NEVER, departure)));
        }
        let (wanted, is_turned) = match (op, comparison) {
            // Where none is high enough, or low enough, only another event can change it.
            (AggregateOp::Greatest, Greater | GreaterOrEqual) | (AggregateOp::Least, Less | LessOrEqual)
                if known() == Some(false) =>
            {
                return Some(Truth::new(false, NEVER));
            }
            // To be below a number is not to have reached it.
            (AggregateOp::Distinct | AggregateOp::ActiveDays, Less) => (GreaterOrEqual, true),
            (AggregateOp::Distinct | AggregateOp::ActiveDays, LessOrEqual) => (Greater, true),
            _ => (comparison, false),
        };
        let newest_first = self.newest(*source, self.now.saturating_sub(ms), usize::MAX);
        let count = || self.own_ring(*source).map(|ring| ring.within(rows).len());
        let decisive = self.decisive(aggregate, wanted, constant, (newest_first, count))?;
        Some(Truth::new(decisive.is_some() != is_turned, decisive.map_or(NEVER, departure)))
    }

    /// Keeps the places whose values are numbers or instants, and gives whether they are both.
    ///
    /// Of nothing there is neither a least nor a greatest, beside which every comparison is false: what has no value is not
    /// waited for, lest one flips twice. Where numbers meet instants it may.
    fn retain_ordered(&self, property: Option<PropertyId>, places: &mut SmallVec<[u32; 32]>) -> bool {
        let (mut numbers, mut instants) = (false, false);
        places.retain(|place| {
            let value = property.map(|property| self.value_at(*place as usize, property));
            match value.map(|value| Val::unpack(value, self.symbols)) {
                Some(Val::Int(_) | Val::Float(_)) => numbers = true,
                Some(Val::Instant(_)) => instants = true,
                _ => return false,
            }
            true
        });
        numbers && instants
    }

    /// Where what events only raise is to be high enough, or what they only lower low enough: the newest event with
    /// which, and all newer ones, it is so, if there is one. It holds until that one leaves. Nothing where that
    /// cannot be told by looking at events one by one.
    #[allow(clippy::option_option)] // whether it can be told, and whether it holds
    fn decisive(
        &self,
        aggregate: &Aggregate,
        comparison: Comparison,
        constant: &Val<'_>,
        (mut newest_first, count): (impl Iterator<Item = usize>, impl Fn() -> Option<usize>),
    ) -> Option<Option<usize>> {
        constant.number()?;
        let upwards = matches!(comparison, Comparison::Greater | Comparison::GreaterOrEqual);
        let downwards = matches!(comparison, Comparison::Less | Comparison::LessOrEqual);
        let value = |place: usize| {
            let property = aggregate.property?;
            Some(self.value_at(place, property)).filter(|value| !value.is_missing())
        };
        let enough = |n: i64| Val::Int(n).compare(comparison, constant, self.symbols);
        match aggregate.op {
            AggregateOp::Greatest if upwards => {}
            AggregateOp::Least if downwards => {}
            // Of nothing there is nothing different, and that is to be too few. No more can be different than there are.
            AggregateOp::Distinct | AggregateOp::ActiveDays
                if upwards && !enough(0) && count().is_some_and(|count| !enough(count as i64)) =>
            {
                return Some(None);
            }
            AggregateOp::Distinct if upwards && !enough(0) => {
                let mut known = Different::default();
                return Some(newest_first.find(|place| {
                    let Some(value) = value(*place) else { return false };
                    let before = known.len();
                    known.number(value, self.symbols) == before && enough(known.len() as i64)
                }));
            }
            AggregateOp::ActiveDays if upwards && !enough(0) => {
                let mut days = Days::default();
                return Some(newest_first.find(|place| {
                    days.is_new(self.day(self.rows()[*place].at())) && enough(days.len() as i64)
                }));
            }
            _ => return None,
        }
        Some(newest_first.find(|place| {
            let value = value(*place).map(|value| Val::unpack(value, self.symbols));
            value.is_some_and(|value| {
                value.number().is_some() && value.compare(comparison, constant, self.symbols)
            })
        }))
    }

    /// Whether an event adds nothing below zero to a sum.
    pub(crate) fn adds(&self, aggregate: &Aggregate, place: usize) -> bool {
        let value = aggregate.property.map(|property| self.value_at(place, property));
        let number = value.and_then(|value| Val::unpack(value, self.symbols).number());
        number.is_none_or(|number| number >= 0.0)
    }

    pub(crate) fn aggregate(&self, aggregate: &Aggregate) -> Signal<'_> {
        let Aggregate { op, source, property, window, total } = aggregate;
        if let Some(total) = total {
            return Signal::still(self.total(aggregate, *total), NEVER);
        }
        if *op == AggregateOp::Did {
            let truth = self.did(aggregate);
            return Signal::still(Val::Bool(truth.holds), truth.until);
        }
        let span = self.span(window);
        if *op == AggregateOp::Streak {
            let streak = self.streak(*source, &span.rows);
            let until = self.until(*source, &span).min(self.streak_end(streak));
            return Signal::still(Val::Int(streak.1.into()), until);
        }
        let places = self.places(*source, span.rows.clone());
        let until = match (op, span.motion) {
            // It stays until the event leaves that it is of.
            (AggregateOp::First | AggregateOp::Last, Motion::Leave(ms)) => {
                let place = match property {
                    Some(property) => self.first_or_last(*op, *property, places.clone()),
                    None if *op == AggregateOp::Last => places.clone().next_back(),
                    None => places.clone().next(),
                };
                let at = place.map(|place| self.rows()[place].at());
                at.map_or(NEVER, |at| at.saturating_add(ms)).min(span.until)
            }
            _ => self.until(*source, &span),
        };
        let value = match op {
            AggregateOp::Count => Some(Val::Int(self.count(*source, span.rows.clone()) as i64)),
            _ => Summed::new(self, aggregate, span.rows.clone()).and_then(|summed| summed.value()),
        };
        Signal::still(value.unwrap_or_else(|| self.fold(aggregate, places)), until)
    }

    /// Where the event is whose value is the first or the last one.
    fn first_or_last(
        &self,
        op: AggregateOp,
        property: PropertyId,
        mut places: impl DoubleEndedIterator<Item = usize>,
    ) -> Option<usize> {
        let has_it = |place: &usize| !self.value_at(*place, property).is_missing();
        if op == AggregateOp::First { places.find(has_it) } else { places.rfind(has_it) }
    }

    /// The value over events at places, oldest first.
    pub(crate) fn fold(
        &self,
        aggregate: &Aggregate,
        places: impl DoubleEndedIterator<Item = usize> + Clone,
    ) -> Val<'_> {
        let Aggregate { op, property, .. } = aggregate;
        let events = || places.clone().map(|place| self.view_at(place));
        // The values that are there, oldest first.
        let values = || {
            events().filter_map(|event| {
                let value = event.value(&self.plan.keep, (*property)?);
                (!value.is_missing()).then_some(value)
            })
        };
        let numbers = || values().filter_map(|value| Val::unpack(value, self.symbols).number());
        match op {
            AggregateOp::Did => Val::Bool(places.clone().next().is_some()),
            AggregateOp::Count => Val::Int(places.count() as i64),
            AggregateOp::Sum => values()
                .map(|value| Val::unpack(value, self.symbols))
                .filter(|value| value.number().is_some())
                .fold(Val::Int(0), |sum, value| add(&sum, &value)),
            AggregateOp::Average => {
                let (n, sum) = numbers().fold((0_u64, 0.0), |(n, sum), x| (n + 1, sum + x));
                if n == 0 { Val::Missing } else { Val::float(sum / n as f64) }
            }
            AggregateOp::Least => self.extreme_of(values(), Ordering::Less),
            AggregateOp::Greatest => self.extreme_of(values(), Ordering::Greater),
            AggregateOp::Deviation => deviation(numbers),
            AggregateOp::Percentile(percent) => {
                let mut values: Vec<Packed> =
                    values().filter(|v| Val::unpack(*v, self.symbols).number().is_some()).collect();
                if values.is_empty() {
                    return Val::Missing;
                }
                let rank = nearest_rank(percent.0, values.len());
                let (_, ranked, _) =
                    values.select_nth_unstable_by(rank - 1, |a, b| self.number_order(*a, *b));
                Val::unpack(*ranked, self.symbols)
            }
            AggregateOp::Distinct => Val::Int(self.tally(values()).len() as i64),
            AggregateOp::Mode => {
                // Of equals the one seen last: the tally keeps the place of the last sight.
                let most = self.tally(values()).into_iter().max_by_key(|(_, count, last)| (*count, *last));
                most.map_or(Val::Missing, |(value, _, _)| Val::unpack(value, self.symbols))
            }
            AggregateOp::First if property.is_none() => {
                events().next().map_or(Val::Missing, |e| Val::Instant(e.at))
            }
            AggregateOp::Last if property.is_none() => {
                events().next_back().map_or(Val::Missing, |e| Val::Instant(e.at))
            }
            AggregateOp::First => values().next().map_or(Val::Missing, |v| Val::unpack(v, self.symbols)),
            AggregateOp::Last => values().next_back().map_or(Val::Missing, |v| Val::unpack(v, self.symbols)),
            AggregateOp::ActiveDays => {
                let mut days = Days::default();
                places.for_each(|place| {
                    days.is_new(self.day(self.rows()[place].at()));
                });
                Val::Int(days.len() as i64)
            }
            // Of places alone nothing is known of the days between them.
            AggregateOp::Streak => Val::Missing,
        }
    }

    /// How a percentile lies beside a number: that follows from how many values are below it, without sorting them. Nothing
    /// where no value is a number.
    fn percentile_order(
        &self,
        percent: f64,
        values: impl Iterator<Item = Packed>,
        number: &Val<'_>,
    ) -> Option<Ordering> {
        let (mut below, mut equal, mut count) = (0, 0, 0);
        let values = values.map(|value| Val::unpack(value, self.symbols));
        for value in values.filter(|value| value.number().is_some()) {
            count += 1;
            match value.order(number, self.symbols) {
                Some(Ordering::Less) => below += 1,
                Some(Ordering::Equal) => equal += 1,
                _ => {}
            }
        }
        rank_order(percent, [below, equal, count])
    }

    /// The newest day with an event, and how many days in a row, if the streak is on. Of a long history it leaps over what is
    /// of one day.
    fn streak(&self, source: SourceId, rows: &Range<usize>) -> (i32, i32) {
        const FAR: usize = 32;
        let today = self.day(self.now);
        let (mut streak, mut newest, mut end) = (0, None, rows.end);
        'leaps: loop {
            for place in self.places(source, rows.start..end).rev() {
                let day = self.day(self.rows()[place].at());
                let newest_day = *newest.get_or_insert(day);
                if newest_day < today - 1 || day < newest_day - streak {
                    break;
                }
                if day == newest_day - streak {
                    streak += 1;
                    if place < rows.start + FAR {
                        continue;
                    }
                    // Where clocks go back over midnight, some of a day lie before others of the next one, but no later than
                    // in its first hours.
                    let morning = self.zone.start_of_day(day).as_millis() + 3 * 3_600_000;
                    end = self.rows().partition_point(|row| row.at() < morning);
                    if end + FAR < place {
                        continue 'leaps;
                    }
                }
            }
            return (newest.unwrap_or(today), streak);
        }
    }

    /// When a streak ends that nothing continues: as the day after the day behind its last one begins.
    fn streak_end(&self, (newest, streak): (i32, i32)) -> i64 {
        if streak == 0 {
            return NEVER;
        }
        let end = self.zone.start_of_day(newest + 2).as_millis();
        if end > self.now { end } else { self.zone.next_day(self.instant()).as_millis() }
    }

    pub(crate) fn day(&self, at: i64) -> i32 {
        self.zone.civil(Instant::from_millis(at)).day
    }

    fn number_order(&self, a: Packed, b: Packed) -> Ordering {
        let (a, b) = (Val::unpack(a, self.symbols), Val::unpack(b, self.symbols));
        a.order(&b, self.symbols).unwrap_or(Ordering::Equal)
    }

    /// The least or greatest of the numbers, or where there are none, of the instants.
    fn extreme_of(&self, values: impl Iterator<Item = Packed>, wanted: Ordering) -> Val<'_> {
        let (mut number, mut instant) = (Val::Missing, Val::Missing);
        for value in values {
            let value = Val::unpack(value, self.symbols);
            let best = match value {
                Val::Int(_) | Val::Float(_) => &mut number,
                Val::Instant(_) => &mut instant,
                _ => continue,
            };
            if best.is_missing() || value.order(best, self.symbols) == Some(wanted) {
                *best = value;
            }
        }
        if number.is_missing() { instant } else { number }
    }

    /// Different values with how often each is there, and the place where it is last.
    fn tally(&self, values: impl Iterator<Item = Packed>) -> Vec<(Packed, usize, usize)> {
        let (mut different, mut tally) = (Different::default(), Vec::new());
        for (place, value) in values.enumerate() {
            let number = different.number(value, self.symbols);
            match tally.get_mut(number) {
                Some((_, count, last)) => (*count, *last) = (*count + 1, place),
                None => tally.push((value, 1, place)),
            }
        }
        tally
    }
}

/// How a percentile lies beside a number, of which it is known how many values are below it, equal to it, and there at all.
/// Nothing where there are none.
pub(super) fn rank_order(percent: f64, [below, equal, count]: [usize; 3]) -> Option<Ordering> {
    let rank = nearest_rank(percent, count);
    (count > 0).then(|| match rank {
        rank if rank <= below => Ordering::Less,
        rank if rank <= below + equal => Ordering::Equal,
        _ => Ordering::Greater,
    })
}

/// The deviation of a sample: of fewer than two there is none.
pub(super) fn deviation<N: Iterator<Item = f64>>(numbers: impl Fn() -> N) -> Val<'static> {
    let (n, sum) = numbers().fold((0_u64, 0.0), |(n, sum), x| (n + 1, sum + x));
    let mean = sum / n as f64;
    let squares: f64 = numbers().map(|x| (x - mean) * (x - mean)).sum();
    if n < 2 { Val::Missing } else { Val::float(libm::sqrt(squares / (n - 1) as f64)) }
}

/// Which of so many values in order is a percentile, from 1 on.
fn nearest_rank(percent: f64, count: usize) -> usize {
    // In this order the product is exact for whole percentages.
    ((percent * count as f64 / 100.0).ceil() as usize).max(1)
}
