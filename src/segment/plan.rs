use crate::model::{Duration, Instant, Zone};
use crate::profile::{AffinityRule, Keep, ProfileStore, Symbol, Symbols};
use crate::segment::echo::Echoes;
use crate::segment::index::Index;
use crate::segment::names::Names;
use crate::segment::node::{Node, NodeId, Parts, SlotId, Source, SourceId};
use crate::segment::totals::Total;
use crate::segment::{Error, Schema, Score, build};
use hashbrown::HashMap;
use std::sync::Arc;

/// Dense number of a segment, in order of definition; never stored (the name is).
///
/// ```
/// use bespoke::model::Instant;
/// use bespoke::segment::{Kind, Plan, Schema, SegmentId, Subject};
/// # let mut schema = Schema::strict();
/// # schema.attribute("age", Kind::Number);
/// let plan = Plan::builder(schema).segment("adult", None, "age >= 18").segment("senior", None, "age >= 65").build()?;
/// let mut subject = Subject::new(&plan);
/// let ids: Vec<SegmentId> = subject.set("age", 70).matching(Instant::MIN).collect();
/// let names: Vec<Option<SegmentId>> = ["adult", "senior"].map(|name| plan.segment(name)).into();
/// assert!(ids.into_iter().map(Some).eq(names)); // look a name up once, then compare numbers
/// # Ok::<(), Vec<bespoke::segment::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SegmentId(pub(crate) u32);

impl SegmentId {
    /// Stands in changes for a segment that is no longer defined.
    pub(crate) const REMOVED: SegmentId = SegmentId(u32::MAX);

    pub(crate) fn number(self) -> u32 {
        self.0
    }
}

/// Number of an expression that is evaluated when it is asked for, such as a branch of a journey.
///
/// ```
/// use bespoke::segment::{Kind, Plan, Schema};
/// # let mut schema = Schema::strict();
/// # schema.attribute("age", Kind::Number);
/// let mut builder = Plan::builder(schema);
/// let is_adult = builder.condition("adult", "age >= 18");
/// let is_senior = builder.condition("senior", "aged >= 65");
/// assert!(is_adult < is_senior); // in the order in which they were added
/// let errors = builder.build().unwrap_err();
/// assert_eq!(errors[0].name(), Some("senior")); // each is checked with the plan
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConditionId(pub(crate) u32);

/// All expressions of a set of definitions, compiled together: what to evaluate, what each reads, and what
/// profiles must keep for it.
///
/// Immutable; per-user state is apart. Made by [`Plan::builder`].
///
/// ```
/// use bespoke::segment::{Kind, Plan, Schema};
/// let mut schema = Schema::strict();
/// schema.property("view", "category", Kind::String);
/// let plan = Plan::builder(schema)
///     .segment("sneakerhead", None, r#"count(view where category = "sneakers" in 7d) >= 3"#)
///     .build()?;
/// assert_eq!(plan.segment_names().collect::<Vec<_>>(), ["sneakerhead"]);
/// # Ok::<(), Vec<bespoke::segment::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) nodes: Vec<Node>,
    pub(crate) sources: Vec<Source>,
    /// The running values that aggregates over all time read.
    pub(crate) totals: Vec<Total>,
    /// By total: since when it has seen every event, where definitions came to ask for it later; as far as there is any.
    pub(crate) totals_since: Vec<Option<Instant>>,
    /// The names of the attributes that are read, by slot.
    pub(crate) slots: Vec<Symbol>,
    pub(crate) slot_of: HashMap<Symbol, SlotId, ahash::RandomState>,
    pub(crate) segments: Vec<Segment>,
    pub(crate) names: Names,
    pub(crate) conditions: Vec<NodeId>,
    pub(crate) filters: Vec<SourceId>,
    pub(crate) index: Index,
    pub(crate) echoes: Echoes,
    /// Segments that a user of whom nothing is known may be in, or may enter by time alone.
    pub(crate) fresh: Vec<SegmentId>,
    /// Those that such a user is in for certain and for ever; in order.
    pub(crate) defaults: Vec<SegmentId>,
    pub(crate) timezone: Symbol,
    pub(crate) keep: Arc<Keep>,
    pub(crate) rules: Arc<[AffinityRule]>,
    /// The texts of the expressions; every store begins with a copy, in which the plan has one share of each.
    pub(crate) symbols: Symbols,
    pub(crate) session_gap: Duration,
    pub(crate) zone: Zone,
    pub(crate) parts_max: usize,
}

/// One segment of a plan.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) root: NodeId,
    /// The parts it is evaluated in, where it is keyed.
    pub(crate) parts: Option<Box<Parts>>,
    /// Whether a user of whom nothing is known is in it, for ever.
    pub(crate) is_default: bool,
    /// Whether an event of one part can change others too: it reads the session, or other segments.
    pub(crate) parts_linked: bool,
    /// How many members of its conjunction are gates; they come first.
    pub(crate) gates: GateCount,
}

/// How many gates a segment has, and whether they are all that it says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GateCount(u16);

impl GateCount {
    const ALONE: u16 = 1 << 15;

    /// Of so many members. Texts have at most 4,096 nodes; of more, some would not be gates and nothing else.
    pub(crate) fn of(gates: usize, members: usize) -> GateCount {
        let alone = if gates == members && gates < usize::from(Self::ALONE) { Self::ALONE } else { 0 };
        GateCount(u16::try_from(gates).unwrap_or(u16::MAX).min(Self::ALONE - 1) | alone)
    }

    fn count(self) -> usize {
        usize::from(self.0 & !Self::ALONE)
    }
}

impl Segment {
    /// The members of its conjunction; where it is none, itself.
    fn members<'n>(&'n self, nodes: &'n [Node]) -> &'n [NodeId] {
        match &nodes[self.root.0 as usize] {
            Node::And(all) => all,
            _ => std::slice::from_ref(&self.root),
        }
    }

    /// Conditions on attributes alone without which it cannot hold. Where one fails, and has failed before, events
    /// change nothing: so much is looked at instead of the segment.
    pub(crate) fn gates<'n>(&'n self, nodes: &'n [Node]) -> &'n [NodeId] {
        &self.members(nodes)[..self.gates.count()]
    }

    /// What has to hold besides.
    pub(crate) fn behind_gates<'n>(&'n self, nodes: &'n [Node]) -> &'n [NodeId] {
        &self.members(nodes)[self.gates.count()..]
    }

    /// Whether nothing has to hold besides.
    pub(crate) fn is_gates_alone(&self) -> bool {
        self.gates.0 & GateCount::ALONE != 0
    }
}

impl Plan {
    /// Begins a plan over a schema.
    pub fn builder(schema: Schema) -> PlanBuilder {
        PlanBuilder {
            schema,
            segments: Vec::new(),
            lifecycle: Vec::new(),
            scores: Vec::new(),
            conditions: Vec::new(),
            filters: Vec::new(),
            remembered: Vec::new(),
            session_gap: Duration::minutes(30),
            zone: Zone::UTC,
            parts_max: 256,
        }
    }

    /// The names of the segments, in order of definition.
    pub fn segment_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter()
    }

    /// The name of a segment.
    pub(crate) fn name(&self, segment: SegmentId) -> &str {
        self.names.get(segment)
    }

    /// The number of a segment.
    #[must_use]
    pub fn segment(&self, name: &str) -> Option<SegmentId> {
        self.names.find(name)
    }

    /// A store without users that speaks the plan's numbers.
    pub(crate) fn empty_store(&self) -> ProfileStore {
        ProfileStore::new(
            self.keep.clone(),
            self.rules.clone(),
            self.symbols.with_one_share_each(),
            self.zone.clone(),
            self.session_gap,
        )
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// Whether a condition looks at what a user of whom nothing is known has too: the number that is drawn for
    /// each, or a fact for everyone.
    pub(crate) fn differs_for_nobody(&self, node: NodeId) -> bool {
        match self.node(node) {
            Node::Bucket(_) => true,
            Node::Attribute(slot)
            | Node::TestNumber(_, slot, _)
            | Node::TestIs(slot, _)
            | Node::TestIn(slot, _) => self.echoes.world.contains(slot),
            Node::Segment(inner) => self.differs_for_nobody(self.segments[inner.0 as usize].root),
            Node::Lifecycle(stages) => {
                stages.iter().any(|(id, _)| self.differs_for_nobody(self.segments[id.0 as usize].root))
            }
            other => {
                let mut found = false;
                other.children(|child| found = found || self.differs_for_nobody(child));
                found
            }
        }
    }

    /// Whether a user of whom nothing is known is in a segment, for ever.
    pub(crate) fn is_default(&self, segment: SegmentId) -> bool {
        self.segments[segment.0 as usize].is_default
    }

    pub(crate) fn source(&self, id: SourceId) -> &Source {
        &self.sources[id.0 as usize]
    }
}

/// Collects expressions; [`build`](PlanBuilder::build) checks and compiles all of them.
///
/// ```
/// # use bespoke::segment::{Kind, Plan, Schema};
/// let mut schema = Schema::strict();
/// schema.attribute("age", Kind::Number);
/// let mut builder = Plan::builder(schema);
/// for (name, text) in [("adult", "age >= 18"), ("senior", "aged >= 65"), ("teen", "12 < age < 20")] {
///     builder = builder.segment(name, None, text);
/// }
/// let errors = builder.build().unwrap_err(); // of all texts at once
/// assert_eq!(errors.iter().map(|error| error.name()).collect::<Vec<_>>(), [Some("senior"), Some("teen")]);
/// ```
#[derive(Debug)]
#[must_use]
pub struct PlanBuilder {
    pub(crate) schema: Schema,
    pub(crate) segments: Vec<SegmentText>,
    pub(crate) lifecycle: Vec<Box<str>>,
    pub(crate) scores: Vec<Score>,
    pub(crate) conditions: Vec<ConditionText>,
    pub(crate) filters: Vec<FilterText>,
    pub(crate) remembered: Vec<Remembered>,
    pub(crate) session_gap: Duration,
    pub(crate) zone: Zone,
    pub(crate) parts_max: usize,
}

/// Events that are kept although no expression looks back at them.
#[derive(Debug, Clone)]
pub(crate) struct Remembered {
    pub(crate) event: Box<str>,
    /// The list of objects in the event that is meant rather than the event.
    pub(crate) list: Option<Box<str>>,
    /// What is kept of each: paths as expressions write them.
    pub(crate) properties: Vec<Box<str>>,
    pub(crate) age: Duration,
}

#[derive(Debug, Clone)]
pub(crate) struct SegmentText {
    pub(crate) name: Arc<str>,
    pub(crate) by: Option<Box<str>>,
    pub(crate) text: Arc<str>,
}

#[derive(Debug)]
pub(crate) struct ConditionText {
    pub(crate) name: Arc<str>,
    pub(crate) text: Arc<str>,
    pub(crate) asks: Asks,
}

/// What a condition may ask for beside what every expression may.
#[derive(Debug)]
pub(crate) enum Asks {
    Nothing,
    /// The host's request.
    Request,
    /// An item that has changed: what it is, and what it was.
    ItemChange,
    /// What a keyed segment may, by this property: it is asked in one part.
    Part(Box<str>),
}

#[derive(Debug)]
pub(crate) struct FilterText {
    pub(crate) name: Arc<str>,
    pub(crate) event: Box<str>,
    pub(crate) text: Arc<str>,
}

impl PlanBuilder {
    /// Adds a segment; `by` is the property whose values key it.
    pub fn segment(mut self, name: &str, by: Option<&str>, text: &str) -> PlanBuilder {
        self.segments.push(SegmentText { name: name.into(), by: by.map(Into::into), text: text.into() });
        self
    }

    /// Adds an expression that is evaluated when it is asked for; conditions are numbered from 0 in the order in
    /// which they were added. `name` stands in its errors.
    pub fn condition(&mut self, name: &str, text: &str) -> ConditionId {
        self.add_condition(name, text, Asks::Nothing)
    }

    /// The same for a condition of a placement, which may ask for `request.…`.
    pub(crate) fn placement_condition(&mut self, name: &str, text: &str) -> ConditionId {
        self.add_condition(name, text, Asks::Request)
    }

    /// The same for a condition about an item that has changed and a user: a plain name is an attribute of the item,
    /// `old.NAME` what it was before.
    pub(crate) fn item_condition(&mut self, name: &str, text: &str) -> ConditionId {
        self.add_condition(name, text, Asks::ItemChange)
    }

    /// The same for a condition that is asked in one part of a user's events, as that of a segment with this `by`.
    pub(crate) fn part_condition(&mut self, name: &str, text: &str, by: &str) -> ConditionId {
        self.add_condition(name, text, Asks::Part(by.into()))
    }

    fn add_condition(&mut self, name: &str, text: &str, asks: Asks) -> ConditionId {
        self.conditions.push(ConditionText { name: name.into(), text: text.into(), asks });
        ConditionId(self.conditions.len() as u32 - 1)
    }

    /// Names the segments of the lifecycle, in order: `lifecycle` is the name of the first that holds.
    ///
    /// ```
    /// use bespoke::model::Instant;
    /// use bespoke::segment::{Kind, Plan, Schema, Subject};
    /// let mut schema = Schema::strict();
    /// schema.attribute("orders", Kind::Number);
    /// let plan = Plan::builder(schema)
    ///     .segment("regular", None, "orders >= 5")
    ///     .segment("buyer", None, "orders >= 1")
    ///     .segment("one_time", None, r#"lifecycle = "buyer""#)
    ///     .lifecycle(["regular", "buyer"])
    ///     .build()?;
    /// let mut subject = Subject::new(&plan);
    /// let one_time = plan.segment("one_time").unwrap();
    /// assert!(subject.set("orders", 1).matches(one_time, Instant::MIN));
    /// assert!(!subject.set("orders", 5).matches(one_time, Instant::MIN));
    /// # Ok::<(), Vec<bespoke::segment::Error>>(())
    /// ```
    pub fn lifecycle<'n>(mut self, order: impl IntoIterator<Item = &'n str>) -> PlanBuilder {
        self.lifecycle = order.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a condition on events of one name, as behind `where`; an empty text holds for each of them.
    pub(crate) fn event_filter(&mut self, name: &str, event: &str, text: &str) -> EventFilterId {
        self.filters.push(FilterText { name: name.into(), event: event.into(), text: text.into() });
        EventFilterId(self.filters.len() as u32 - 1)
    }

    /// Adds a score, which expressions ask for by its name.
    pub fn score(mut self, score: Score) -> PlanBuilder {
        self.scores.push(score);
        self
    }

    /// How long a session lasts without an event; 30 minutes unless set.
    pub fn session_gap(mut self, gap: Duration) -> PlanBuilder {
        self.session_gap = gap;
        self
    }

    /// The zone of users who have none; UTC unless set.
    pub fn default_zone(mut self, zone: Zone) -> PlanBuilder {
        self.zone = zone;
        self
    }

    /// Checks and compiles everything. Linear in the length of the texts.
    ///
    /// # Errors
    /// Every error of every text.
    pub fn build(self) -> Result<Plan, Vec<Error>> {
        build::build(self)
    }
}

/// Number of a condition on the events of one name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct EventFilterId(pub(crate) u32);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::node::Constant;

    /// A plan of many segments is mostly nodes and rows of segments.
    #[test]
    fn small_parts() {
        assert_eq!(size_of::<Node>(), 24);
        assert_eq!(size_of::<Constant>(), 16);
        assert!(size_of::<Segment>() <= 32);
    }
}
