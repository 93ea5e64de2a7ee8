//! Aggregates over all time that keep a running value and no events.

use crate::model::Instant;
use crate::profile::{Applied, EventKind, Occurrence, Packed, PropertyId, TotalId, TotalOp};
use crate::segment::arena::Arena;
use crate::segment::evaluate::{Evaluation, EventView};
use crate::segment::index::{Thresholds, measure};
use crate::segment::maintain::Look;
use crate::segment::node::{Aggregate, AggregateOp, Filter, Node, NodeId, SourceId, Window};
use crate::segment::plan::Plan;
use crate::segment::value::Val;
use smallvec::SmallVec;

/// A running value over the events of a source, whenever they were.
///
/// Its source follows from the events alone, so that what an event adds is known for ever when it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Total {
    pub(crate) op: TotalOp,
    pub(crate) source: SourceId,
    /// Where it is about a property, events that lack it are none of its own.
    pub(crate) property: Option<PropertyId>,
}

impl Arena {
    /// The total that gives an aggregate's value outside of any part, if there can be one.
    pub(crate) fn total_of(
        &mut self,
        op: AggregateOp,
        source: SourceId,
        property: Option<PropertyId>,
        window: &Window,
    ) -> Option<TotalId> {
        let op = match op {
            AggregateOp::Did | AggregateOp::Count => TotalOp::Count,
            AggregateOp::Sum => TotalOp::Sum,
            AggregateOp::Average => TotalOp::Average,
            AggregateOp::Least => TotalOp::Least,
            AggregateOp::Greatest => TotalOp::Greatest,
            AggregateOp::First => TotalOp::First,
            AggregateOp::Last => TotalOp::Last,
            AggregateOp::Deviation
            | AggregateOp::Percentile(_)
            | AggregateOp::Distinct
            | AggregateOp::Mode
            | AggregateOp::ActiveDays
            | AggregateOp::Streak => return None,
        };
        let follows = match self.sources[source.0 as usize].filter {
            Filter::None | Filter::Text(..) | Filter::Number(..) => true,
            Filter::Node(node) => self.follows_from_event(node),
        };
        (*window == Window::All && follows).then(|| self.total(Total { op, source, property }))
    }

    /// Whether a condition on an event is decided once and for all when it comes: it looks at nothing of the user.
    fn follows_from_event(&self, node: NodeId) -> bool {
        let node = self.node(node);
        match node {
            Node::Constant(_) | Node::Property(_) | Node::At => true,
            node if node.follows_from_children() => {
                let mut follows = true;
                node.children(|child| follows = follows && self.follows_from_event(child));
                follows
            }
            // Attributes, the zone (`at.hour`), the user's bucket; and whatever else there may come to be.
            _ => false,
        }
    }
}

impl Plan {
    /// The kinds of events that a total is about, and the properties of theirs that it looks at.
    pub(crate) fn total_reads(&self, id: TotalId) -> (Vec<EventKind>, Vec<PropertyId>) {
        let Total { source, property, .. } = self.totals[id.0 as usize];
        let source = self.source(source);
        let mut properties: Vec<PropertyId> = property.into_iter().collect();
        let mut open = Vec::new();
        match source.filter {
            Filter::None => {}
            Filter::Text(property, _) | Filter::Number(property, ..) => properties.push(property),
            Filter::Node(node) => open.push(node),
        }
        while let Some(node) = open.pop() {
            match self.node(node) {
                Node::Property(property) => properties.push(*property),
                other => other.children(|child| open.push(child)),
            }
        }
        let kinds = self.keep.kinds().map(|(kind, _)| kind);
        (kinds.filter(|kind| source.kinds.contains(*kind, &self.keep)).collect(), properties)
    }

    /// Since when a total has seen every event; nothing for the beginning.
    pub(crate) fn total_since(&self, id: TotalId) -> Option<Instant> {
        self.totals_since.get(id.0 as usize).copied().flatten()
    }
}

impl Evaluation<'_> {
    /// What an aggregate that has a total says. O(log totals).
    pub(crate) fn total(&self, aggregate: &Aggregate, id: TotalId) -> Val<'_> {
        debug_assert!(self.part.is_none(), "within parts aggregates have no totals");
        let row = self.profile.totals.get(id);
        let value = |packed: Packed| Val::unpack(packed, self.symbols);
        match (aggregate.op, row) {
            (AggregateOp::Did, row) => Val::Bool(row.is_some()),
            (AggregateOp::Count, row) => Val::Int(row.map_or(0, |row| row.count())),
            (AggregateOp::Sum, None) => Val::Int(0),
            (_, None) => Val::Missing,
            (AggregateOp::Average, Some(row)) => match value(row.value()).number() {
                Some(sum) => Val::float(sum / row.count() as f64),
                None => Val::Missing,
            },
            (AggregateOp::First | AggregateOp::Last, Some(row)) if aggregate.property.is_none() => {
                Val::Instant(row.at())
            }
            (_, Some(row)) => value(row.value()),
        }
    }

    /// A total as a number that thresholds are compared with.
    pub(crate) fn level(&self, id: TotalId) -> Option<f64> {
        let Total { op, property, .. } = self.plan.totals[id.0 as usize];
        let row = self.profile.totals.get(id);
        match (op, row) {
            (TotalOp::Count, row) => Some(row.map_or(0, |row| row.count()) as f64),
            (TotalOp::Sum, None) => Some(0.0),
            (_, None) => None,
            (TotalOp::First | TotalOp::Last, Some(row)) if property.is_none() => Some(row.at() as f64),
            // An instant is beside no number.
            (TotalOp::Least | TotalOp::Greatest | TotalOp::Sum, Some(row)) => {
                Val::unpack(row.value(), self.symbols).number()
            }
            (TotalOp::Average, Some(row)) => {
                let sum = Val::unpack(row.value(), self.symbols).number();
                sum.map(|sum| sum / row.count() as f64)
            }
            (_, Some(row)) => measure(&Val::unpack(row.value(), self.symbols)),
        }
    }

    /// The event of a total, where it is one.
    fn occurrence(&self, id: TotalId, event: EventView<'_>, arrival: u32) -> Option<Occurrence> {
        let property = self.plan.totals[id.0 as usize].property;
        let value = property.map_or(Packed::MISSING, |property| event.value(&self.plan.keep, property));
        let has_it = property.is_none() || !value.is_missing();
        has_it.then_some(Occurrence { at: event.at, arrival, value })
    }
}

/// What the events of a message add to which totals.
pub(crate) type Notes = SmallVec<[(TotalId, Occurrence); 16]>;

/// The levels of totals before a message; sorted.
#[derive(Debug, Default)]
pub(crate) struct Before(SmallVec<[(TotalId, Option<f64>); 8]>);

impl Before {
    /// Nothing where it was not asked for.
    pub(crate) fn level(&self, id: TotalId) -> Option<Option<f64>> {
        self.0.binary_search_by_key(&id, |(known, _)| *known).ok().map(|place| self.0[place].1)
    }
}

impl Evaluation<'_> {
    /// Notes what an event of a source adds to the totals over it.
    pub(crate) fn note(&self, source: SourceId, event: EventView<'_>, arrival: u32, notes: &mut Notes) {
        for id in self.plan.index.totals(source) {
            if let Some(occurrence) = self.occurrence(*id, event, arrival) {
                notes.push((*id, occurrence));
            }
        }
    }
}

impl Look<'_> {
    /// Takes in what a message's events add to totals, where nothing else has to be found of them.
    pub(crate) fn note_events(&mut self, applied: &Applied) {
        let mut notes = Notes::new();
        let evaluation = self.evaluation();
        for event in EventView::all(applied) {
            evaluation
                .sources_of(event, |source| evaluation.note(source, event, applied.arrival, &mut notes));
        }
        self.add_up(notes);
    }

    /// Adds what was recorded last to the totals, where no segment asks for it: a journey or a placement may.
    pub(crate) fn note_recorded(&mut self) {
        if let Some(recorded) = self.recorded.pop() {
            self.note_events(&recorded);
            self.recorded.push(recorded);
        }
    }

    /// What the totals are that aggregates read.
    pub(crate) fn levels<'t>(&self, read: impl Iterator<Item = &'t Thresholds>) -> Before {
        let mut before = Before::default();
        let evaluation = self.evaluation();
        for id in read.filter_map(|thresholds| thresholds.total) {
            // What compares one total lies together.
            if before.0.last().is_none_or(|(last, _)| *last != id) {
                before.0.push((id, evaluation.level(id)));
            }
        }
        before.0.sort_unstable_by_key(|(id, _)| *id);
        before
    }

    /// Adds what was noted to the totals, in order.
    pub(crate) fn add_up(&mut self, mut notes: Notes) {
        if !notes.is_empty() {
            // By number, new rows go behind those that are there; of one total, events stay in order.
            notes.sort_by_key(|(id, _)| *id);
            self.store.note_totals(self.user, &notes);
        }
    }

    /// Works a total out of the events that are kept, where the definitions ask for it since now. What is kept no
    /// more cannot be known.
    pub(crate) fn work_out_total(&mut self, id: TotalId) {
        self.scratch.begin(self.plan, self.store, self.user);
        let evaluation = self.evaluation();
        let source = self.plan.totals[id.0 as usize].source;
        let rows = evaluation.rows();
        let events = evaluation.places(source, 0..rows.len());
        let occurrence =
            |place: usize| evaluation.occurrence(id, evaluation.view_at(place), rows[place].order().1);
        let notes: Notes = events.filter_map(|place| Some((id, occurrence(place)?))).collect();
        self.store.note_totals_of_whole(self.user, &notes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Duration, Instant, Message, Object, Value};
    use crate::profile::Symbols;
    use crate::segment::{Memberships, Plan, Schema, Scratch, Touch};

    const RULES: [&str; 7] = [
        "count(order where at > @1970-01-01) > 1",
        "sum(order.amount) > 1 and avg(order.amount) > 1",
        "min(order.amount) > 1 and max(order.amount) > 1",
        "first(order.sku) = last(order.sku)",
        "now - last(order) > 1h",
        "count(order.lines where price > 1) > 2",
        "last(order.lines.price) > 1",
    ];

    fn plan(kept: &str) -> Plan {
        let mut schema = Schema::lenient();
        schema.line("order", "lines", "price", crate::segment::Kind::Number);
        let mut builder = Plan::builder(schema).segment("kept", None, kept);
        for (number, rule) in RULES.iter().enumerate() {
            builder = builder.segment(&format!("s{number}"), None, rule);
        }
        builder.build().unwrap()
    }

    fn order(n: i64) -> Message {
        let line = |price: i64| {
            let mut line = Object::new();
            line.set("price", price);
            Value::Object(line)
        };
        let lines = (0..n % 4).map(|i| line(n + i)).collect::<Vec<_>>();
        let message = Message::track("ada", "order").with("lines", Value::List(lines));
        match n % 5 {
            0 => message.with("sku", "a"),
            1 => message.with("sku", "b").with("amount", n),
            _ => message.with("amount", n as f64 / 2.0),
        }
    }

    #[test]
    fn what_is_kept_says_what_running_values_say() {
        // Up to 64 rows are looked at in another way than more.
        for count in [20, 200] {
            let plan = plan("did(order in 9d) and did(order.lines in 9d)");
            assert_eq!(plan.totals.len(), 10);
            let mut store = plan.empty_store();
            let user = store.nobody();
            let (mut scratch, mut memberships) = (Scratch::default(), Memberships::default());
            let (mut dropped, mut changes, mut applied) = (0, Vec::new(), Applied::default());
            let mut recorded = Vec::new();
            let start = Instant::from_millis(1_790_000_000_000);
            for n in 0..count {
                let now = start + Duration::minutes(n);
                let late = now - Duration::minutes(n * n % 17);
                store.apply(user, &order(n), (late, now), true, &mut applied);
                let mut look = Look {
                    plan: &plan,
                    store: &mut store,
                    scratch: &mut scratch,
                    user,
                    now,
                    dropped: &mut dropped,
                    changes: &mut changes,
                    recorded: &mut recorded,
                };
                let mut candidates = memberships.candidates(&mut look, Touch::Message(&applied));
                memberships.refresh_below(&mut look, Touch::Message(&applied), &mut candidates, u32::MAX);
                applied.clear(&mut store.symbols);
            }
            let rows = |store: &crate::profile::ProfileStore| {
                let row =
                    |row: crate::profile::TotalRow| (row.id(), row.order(), store.symbols.value(row.value()));
                store.get(user).totals.iter().map(row).collect::<Vec<_>>()
            };
            let expected = rows(&store);
            assert_eq!(expected.len(), plan.totals.len(), "all have seen an event");

            let mut symbols: Symbols = std::mem::take(&mut store.symbols);
            store.get_mut(user).totals.renumber(|_| None, &mut symbols);
            store.symbols = symbols;
            let now = start + Duration::minutes(count);
            let mut look = Look {
                plan: &plan,
                store: &mut store,
                scratch: &mut scratch,
                user,
                now,
                dropped: &mut dropped,
                changes: &mut changes,
                recorded: &mut recorded,
            };
            (0..plan.totals.len() as u32).for_each(|id| look.work_out_total(TotalId(id)));
            assert_eq!(rows(&store), expected);
        }
    }

    #[test]
    fn equal_aggregates_have_one_total() {
        let plan = Plan::builder(Schema::lenient())
            .segment("a", None, "did(view) and count(view) >= 3")
            .segment("b", None, "count(view) < 9 and count(view where sku = \"x\") > 1")
            .segment("c", Some("sku"), "count(view) >= 3")
            .build()
            .unwrap();
        assert_eq!(plan.totals.len(), 2, "one of all views, one of those of `x`; parts have none");
    }
}
