use crate::model::{Duration, Instant, Period, Zone};
use crate::profile::{
    AffinityRule, EventKind, Keep, Packed, ProfileStore, PropertyId, Symbol, Symbols, TotalId,
};
use crate::segment::ast::{Comparison, Operator};
use crate::segment::echo::Echoes;
use crate::segment::index::Index;
use crate::segment::score::ScoreNode;
use crate::segment::totals::Total;
use crate::segment::{Error, Schema, Score, build};
use hashbrown::{HashMap, HashTable};
use smallvec::SmallVec;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Dense number of a segment, in order of definition; never stored (the name is).
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
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConditionId(pub(crate) u32);

/// Number of a node. Equal nodes of a plan have equal numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct NodeId(pub(crate) u32);

/// Number of a source. Equal sources of a plan have equal numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct SourceId(pub(crate) u32);

/// Number of an attribute among those that a plan reads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct SlotId(pub(crate) u32);

/// A float that is equal to itself bit by bit, so that what holds it can be found again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bits(pub(crate) f64);

impl PartialEq for Bits {
    fn eq(&self, other: &Bits) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Bits {}

impl Hash for Bits {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// A compiled pattern, known by its text.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(pub(crate) Box<regex::Regex>);

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl Hash for Pattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_str().hash(state);
    }
}

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

/// The numbers of segments by their names, which are kept with the segments.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    numbers: HashTable<u32>,
    hasher: ahash::RandomState,
}

impl Names {
    /// Enters the next segment; false where its name is there already.
    pub(crate) fn insert<'n>(&mut self, id: SegmentId, name: impl Fn(SegmentId) -> &'n str) -> bool {
        if self.find(name(id), &name).is_some() {
            return false;
        }
        let hasher = &self.hasher;
        let hash = |number: &u32| hasher.hash_one(name(SegmentId(*number)));
        self.numbers.insert_unique(hash(&id.0), id.0, hash);
        true
    }

    pub(crate) fn find<'n>(&self, wanted: &str, name: impl Fn(SegmentId) -> &'n str) -> Option<SegmentId> {
        let hash = self.hasher.hash_one(wanted);
        self.numbers.find(hash, |number| name(SegmentId(*number)) == wanted).map(|number| SegmentId(*number))
    }

    pub(crate) fn shrink<'n>(&mut self, name: impl Fn(SegmentId) -> &'n str) {
        let hasher = &self.hasher;
        self.numbers.shrink_to_fit(|number| hasher.hash_one(name(SegmentId(*number))));
    }
}

/// One segment of a plan.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) name: Arc<str>,
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

/// How a user's events are parted by a property.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Parts {
    pub(crate) by: PropertyId,
    /// The events that the definition reads, each with the window it reads them in. A part exists while one of
    /// its events can be seen in one of them.
    pub(crate) reads: Vec<(Kinds, Window)>,
}

/// A set of kinds of events.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Kinds {
    /// All events of the host; not the elements of their lists, nor what the engine records itself.
    Any,
    These(SmallVec<[EventKind; 4]>),
}

impl Kinds {
    pub(crate) fn contains(&self, kind: EventKind, keep: &Keep) -> bool {
        match self {
            Kinds::Any => keep.kind(kind).is_of_host(),
            Kinds::These(kinds) => kinds.contains(&kind),
        }
    }
}

/// Events of some kinds that meet a condition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Source {
    pub(crate) kinds: Kinds,
    pub(crate) filter: Filter,
}

/// What must hold of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Filter {
    None,
    /// The most frequent one, `property = "text"`, compares eight bytes.
    Text(PropertyId, Symbol),
    /// A property beside a number.
    Number(PropertyId, Comparison, Bits),
    Node(NodeId),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Window {
    All,
    Sliding(i64),
    FromTo(i64, i64),
    Calendar(Period, u32),
    /// Behind the last event of a source, which itself is looked for in a window.
    SinceLast(Box<(SourceId, Window)>),
    Since(i64),
    Before(i64),
    Between(i64, i64),
    Session,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum AggregateOp {
    Did,
    Count,
    Sum,
    Average,
    Least,
    Greatest,
    Deviation,
    /// Nearest rank, in percent.
    Percentile(Bits),
    Distinct,
    Mode,
    /// The instant of the first event, or the first value of a property.
    First,
    Last,
    ActiveDays,
    Streak,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Aggregate {
    pub(crate) op: AggregateOp,
    pub(crate) source: SourceId,
    pub(crate) property: Option<PropertyId>,
    pub(crate) window: Window,
    /// The running value that is read instead of events.
    pub(crate) total: Option<TotalId>,
}

/// A sequence: positive steps with what may not come before each, and what may not come after the last.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Sequence {
    pub(crate) steps: Vec<PositiveStep>,
    /// Each with the time for which none may come; without it, none ever.
    pub(crate) after: Vec<(SourceId, Option<i64>)>,
    pub(crate) window: Window,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PositiveStep {
    pub(crate) source: SourceId,
    /// Longest time behind the step before.
    pub(crate) within: Option<i64>,
    /// None of these strictly between the step before and this one, or not within so long behind the former.
    pub(crate) without: Vec<(SourceId, Option<i64>)>,
}

/// A constant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Constant {
    Bool(bool),
    Int(i64),
    Float(Bits),
    Text(Symbol),
    /// A text that no profile holds, in an expression that is asked once.
    #[allow(clippy::box_collection)]
    Written(Box<String>),
    Instant(i64),
    Duration(i64),
    Time(i32),
    /// Behind a pointer, so that all others are small.
    #[allow(clippy::box_collection)]
    List(Box<Vec<Constant>>),
}

/// One operation. Chains and conjunctions are flat, so evaluating goes no deeper than the text was nested.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    Constant(Constant),
    Attribute(SlotId),
    /// Compares an attribute with a number: the most frequent predicate, with the next one.
    TestNumber(Comparison, SlotId, Bits),
    /// Whether an attribute is this text or bool.
    TestIs(SlotId, Packed),
    /// Whether an attribute is one of these texts; they are sorted by their bits.
    TestIn(SlotId, Box<[Packed]>),
    /// The attribute whose name is this prefix and the key.
    KeyedAttribute(Box<str>),
    /// The beginning of the stay in a segment for the key; what the names of such facts begin with.
    EnteredPart(Box<str>),
    /// Whether a purpose is agreed to: the record for all channels, that for one, and what holds without any.
    Consent(SlotId, Option<SlotId>, bool),
    Now,
    SessionNumber,
    SessionStarted,
    SessionDuration,
    SessionEvents,
    LocalTime,
    LocalHour,
    Weekday,
    Bucket(Box<str>),
    Key,
    /// A property of the event that a filter looks at.
    Property(PropertyId),
    At,
    AtHour,
    AtWeekday,
    Not(NodeId),
    And(Box<[NodeId]>),
    Or(Box<[NodeId]>),
    Compare(Comparison, NodeId, NodeId),
    /// Whether an aggregate counts at least so many, which flips at an instant that is known ahead.
    AtLeast(u32, i64),
    In(NodeId, NodeId),
    Contains(NodeId, NodeId),
    StartsWith(NodeId, NodeId),
    EndsWith(NodeId, NodeId),
    Matches(NodeId, Pattern),
    AnyIn(NodeId, NodeId),
    AllIn(NodeId, NodeId),
    IsMissing(NodeId),
    Chain(NodeId, Box<[(Operator, NodeId)]>),
    Negative(NodeId),
    Lower(NodeId),
    /// A text that is read as a version.
    Version(NodeId),
    Length(NodeId),
    Abs(NodeId),
    LeastOf(Box<[NodeId]>),
    GreatestOf(Box<[NodeId]>),
    Distance(NodeId, NodeId),
    Geo(NodeId, NodeId),
    Age(NodeId),
    IsAnniversary(NodeId),
    Aggregate(Box<Aggregate>),
    Sequence(Box<Sequence>),
    /// Rule and value.
    AffinityShare(u32, Box<Constant>),
    AffinityTop(u32),
    Segment(SegmentId),
    Some(Box<Parts>, NodeId),
    /// Whether one object of a list attribute meets a condition.
    Has(SlotId, NodeId),
    /// A field of the object that `Has` looks at.
    Field(Box<str>),
    /// The name of the first of these segments that holds.
    Lifecycle(Box<[(SegmentId, Constant)]>),
    Score(Box<ScoreNode>),
    /// What the host's request has at a path.
    Request(Box<str>),
}

impl Node {
    /// Whether its value follows from those of its children alone, whoever is looked at and whenever.
    pub(crate) fn follows_from_children(&self) -> bool {
        matches!(
            self,
            Node::Not(_)
                | Node::And(_)
                | Node::Or(_)
                | Node::Compare(..)
                | Node::In(..)
                | Node::Contains(..)
                | Node::StartsWith(..)
                | Node::EndsWith(..)
                | Node::Matches(..)
                | Node::AnyIn(..)
                | Node::AllIn(..)
                | Node::IsMissing(_)
                | Node::Chain(..)
                | Node::Negative(_)
                | Node::Lower(_)
                | Node::Length(_)
                | Node::Abs(_)
                | Node::LeastOf(_)
                | Node::GreatestOf(_)
                | Node::Distance(..)
                | Node::Geo(..)
                | Node::Version(_)
        )
    }

    /// Calls `f` with the nodes it is made of. What the filters of its sources look at, and other segments, are not
    /// among them.
    pub(crate) fn children(&self, mut f: impl FnMut(NodeId)) {
        match self {
            Node::Not(inner)
            | Node::IsMissing(inner)
            | Node::Negative(inner)
            | Node::Lower(inner)
            | Node::Version(inner)
            | Node::Length(inner)
            | Node::Abs(inner)
            | Node::Matches(inner, _)
            | Node::Age(inner)
            | Node::IsAnniversary(inner)
            | Node::Some(_, inner)
            | Node::Has(_, inner) => f(*inner),
            Node::AtLeast(aggregate, _) => f(NodeId(*aggregate)),
            Node::And(all) | Node::Or(all) | Node::LeastOf(all) | Node::GreatestOf(all) => {
                all.iter().for_each(|each| f(*each));
            }
            Node::Compare(_, a, b)
            | Node::In(a, b)
            | Node::Contains(a, b)
            | Node::StartsWith(a, b)
            | Node::EndsWith(a, b)
            | Node::AnyIn(a, b)
            | Node::AllIn(a, b)
            | Node::Distance(a, b)
            | Node::Geo(a, b) => {
                f(*a);
                f(*b);
            }
            Node::Score(score) => score.conditions.iter().for_each(|(condition, _)| f(*condition)),
            Node::Chain(first, rest) => {
                f(*first);
                rest.iter().for_each(|(_, term)| f(*term));
            }
            Node::Constant(_)
            | Node::Attribute(_)
            | Node::TestNumber(..)
            | Node::TestIs(..)
            | Node::TestIn(..)
            | Node::KeyedAttribute(_)
            | Node::EnteredPart(_)
            | Node::Consent(..)
            | Node::Now
            | Node::SessionNumber
            | Node::SessionStarted
            | Node::SessionDuration
            | Node::SessionEvents
            | Node::LocalTime
            | Node::LocalHour
            | Node::Weekday
            | Node::Bucket(_)
            | Node::Key
            | Node::Property(_)
            | Node::At
            | Node::AtHour
            | Node::AtWeekday
            | Node::Aggregate(_)
            | Node::Sequence(_)
            | Node::AffinityShare(..)
            | Node::AffinityTop(_)
            | Node::Segment(_)
            | Node::Field(_)
            | Node::Lifecycle(_)
            | Node::Request(_) => {}
        }
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
            session_gap: Duration::minutes(30),
            zone: Zone::UTC,
            parts_max: 256,
        }
    }

    /// The names of the segments, in order of definition.
    pub fn segment_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.segments.iter().map(|segment| &*segment.name)
    }

    /// The number of a segment.
    #[must_use]
    pub fn segment(&self, name: &str) -> Option<SegmentId> {
        self.names.find(name, |id| &self.segments[id.0 as usize].name)
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
#[derive(Debug)]
#[must_use]
pub struct PlanBuilder {
    pub(crate) schema: Schema,
    pub(crate) segments: Vec<SegmentText>,
    pub(crate) lifecycle: Vec<Box<str>>,
    pub(crate) scores: Vec<Score>,
    pub(crate) conditions: Vec<ConditionText>,
    pub(crate) filters: Vec<FilterText>,
    pub(crate) session_gap: Duration,
    pub(crate) zone: Zone,
    pub(crate) parts_max: usize,
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
    /// Whether it may ask for the host's request.
    pub(crate) in_placement: bool,
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
        self.add_condition(name, text, false)
    }

    /// The same for a condition of a placement, which may ask for `request.…`.
    pub(crate) fn placement_condition(&mut self, name: &str, text: &str) -> ConditionId {
        self.add_condition(name, text, true)
    }

    fn add_condition(&mut self, name: &str, text: &str, in_placement: bool) -> ConditionId {
        self.conditions.push(ConditionText { name: name.into(), text: text.into(), in_placement });
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

    /// A plan of many segments is mostly nodes and rows of segments.
    #[test]
    fn small_parts() {
        assert_eq!(size_of::<Node>(), 24);
        assert_eq!(size_of::<Constant>(), 16);
        assert!(size_of::<Segment>() <= 32);
    }
}
