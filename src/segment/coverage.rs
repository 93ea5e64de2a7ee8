//! How far back the history that is kept goes, beside what an expression asks for.

use crate::model::Instant;
use crate::profile::{EventKind, Horizon, PropertyId};
use crate::segment::evaluate::Evaluation;
use crate::segment::node::{Filter, Kinds, Node, NodeId, Parts, SourceId, Window};
use smallvec::SmallVec;

/// The first instant from which on something is there.
fn beginning(since: Option<Instant>) -> i64 {
    since.map_or(i64::MIN, Instant::as_millis)
}

type Properties = SmallVec<[PropertyId; 4]>;

impl Evaluation<'_> {
    /// Since when there is all that a node looks back at, where it looks back further.
    ///
    /// Nothing is missing where the user came later, or where only what the windows reach counts.
    pub(crate) fn covered_since(&self, node: NodeId) -> Option<i64> {
        match self.plan.node(node) {
            Node::Aggregate(aggregate) => match aggregate.total {
                // A running value has seen every event since it runs.
                Some(total) => self.gap_to(i64::MIN, beginning(self.plan.total_since(total))),
                None => self.source_gap(aggregate.source, &aggregate.window, aggregate.property),
            },
            Node::Sequence(sequence) => {
                let positive = sequence
                    .steps
                    .iter()
                    .flat_map(|step| step.without.iter().map(|(source, _)| *source).chain([step.source]));
                let sources = positive.chain(sequence.after.iter().map(|(source, _)| *source));
                sources.filter_map(|source| self.source_gap(source, &sequence.window, None)).max()
            }
            Node::Score(score) => {
                let gaps =
                    score.events.iter().map(|(source, _)| self.source_gap(*source, &score.window, None));
                gaps.flatten().max()
            }
            Node::Some(parts, _) => self.parts_covered_since(parts),
            // An affinity is learned event by event: of one that no definition reads nothing is known.
            Node::AffinityShare(rule, _) | Node::AffinityTop(rule) => {
                let rule = self.plan.rules.get(*rule as usize);
                self.gap_to(i64::MIN, rule.map_or(self.now + 1, |rule| beginning(rule.since)))
            }
            _ => None,
        }
    }

    /// The same for the parts that the events of an expression fall into.
    pub(crate) fn parts_covered_since(&self, parts: &Parts) -> Option<i64> {
        let by = SmallVec::from_slice(&[parts.by]);
        parts.reads.iter().filter_map(|(kinds, window)| self.kinds_gap(kinds, window, &by)).max()
    }

    fn source_gap(&self, source: SourceId, window: &Window, property: Option<PropertyId>) -> Option<i64> {
        let source = self.plan.source(source);
        let mut properties: Properties = property.into_iter().collect();
        match source.filter {
            Filter::None => {}
            Filter::Text(property, _) | Filter::Number(property, ..) => properties.push(property),
            Filter::Node(node) => self.add_properties(node, &mut properties),
        }
        let own = self.kinds_gap(&source.kinds, window, &properties);
        let Window::SinceLast(since) = window else { return own };
        own.max(self.source_gap(since.0, &since.1, None))
    }

    /// The properties that a condition on events looks at.
    fn add_properties(&self, node: NodeId, properties: &mut Properties) {
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            match self.plan.node(node) {
                Node::Property(property) => properties.push(*property),
                other => other.children(|child| open.push(child)),
            }
        }
    }

    fn kinds_gap(&self, kinds: &Kinds, window: &Window, properties: &Properties) -> Option<i64> {
        let reach = self.reach(window);
        let gap = |kind| {
            let own = self.kept_from(kind, None);
            let columns = properties.iter().map(|property| self.kept_from(kind, Some(*property)));
            self.gap_to(reach, columns.fold(own, i64::max))
        };
        match kinds {
            Kinds::These(kinds) => kinds.iter().filter_map(|kind| gap(*kind)).max(),
            Kinds::Any => {
                let all = self.plan.keep.kinds().filter(|(_, keep)| keep.is_of_host());
                all.filter_map(|(kind, _)| gap(kind)).max()
            }
        }
    }

    /// What lies between what is asked and what is kept matters where the user was there.
    fn gap_to(&self, reach: i64, kept_from: i64) -> Option<i64> {
        let matters = kept_from > reach && kept_from > self.profile.first_seen.as_millis();
        matters.then_some(kept_from.min(self.now))
    }

    /// The first instant that a window looks at.
    fn reach(&self, window: &Window) -> i64 {
        match window {
            Window::All | Window::Before(_) => i64::MIN,
            Window::Sliding(ms) | Window::FromTo(ms, _) => self.now.saturating_sub(*ms) + 1,
            Window::Calendar(period, back) => {
                let back = i32::try_from(*back).unwrap_or(i32::MAX);
                self.zone.period_start(*period, self.instant(), -back).as_millis()
            }
            Window::SinceLast(since) => self.reach(&since.1),
            Window::Since(at) | Window::Between(at, _) => *at,
            // Outside a session there is nothing to look at.
            Window::Session => self.session_start().unwrap_or(self.now + 1),
        }
    }

    fn session_start(&self) -> Option<i64> {
        let session = &self.profile.session;
        session.is_on(self.instant(), self.gap).then(|| session.first.as_millis())
    }

    /// The first instant from which on all events of a kind are there, with a property; behind now where none are.
    fn kept_from(&self, kind: EventKind, property: Option<PropertyId>) -> i64 {
        let keep = &self.plan.keep;
        let none = self.now + 1;
        if kind.0 as usize >= keep.kinds().len()
            || property.is_some_and(|property| keep.place(kind, property).is_none())
        {
            return none;
        }
        let kept = keep.kind(kind);
        let from = match kept.horizon {
            Horizon::None => none,
            Horizon::For(age) => self.now.saturating_sub(age.as_millis()) + 1,
            Horizon::Forever => i64::MIN,
        };
        let session = self.session_start().filter(|_| kept.session);
        let since = beginning(keep.covered_since(kind, property));
        let ttl = property.and_then(|property| kept.ttl(keep.place(kind, property)?));
        let valued = ttl.map_or(i64::MIN, |ttl| self.now.saturating_sub(ttl.as_millis()) + 1);
        from.min(session.unwrap_or(none)).max(since).max(valued)
    }
}
