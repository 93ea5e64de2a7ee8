use crate::model::{Duration, Period, Zone};
use crate::profile::{AffinityRule, EventKind, Keep, PropertyId, Symbol, Symbols};
use crate::segment::ast::{Comparison, Operator};
use crate::segment::{Error, Schema, build};
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::sync::Arc;

/// Dense number of a segment, in order of definition; never stored (the name is).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SegmentId(pub(crate) u32);

impl SegmentId {
    pub(crate) fn number(self) -> u32 {
        self.0
    }
}

/// Number of an expression that is evaluated when it is asked for, such as a branch of a journey.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConditionId(pub(crate) u32);

/// Number of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NodeId(pub(crate) u32);

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
#[derive(Debug)]
pub struct Plan {
    pub(crate) nodes: Vec<Node>,
    pub(crate) segments: Vec<Segment>,
    pub(crate) segment_ids: HashMap<Arc<str>, SegmentId, ahash::RandomState>,
    pub(crate) conditions: Vec<NodeId>,
    pub(crate) filters: Vec<Source>,
    /// Segments that an event of a kind can touch, by kind, in order.
    pub(crate) by_kind: Vec<Vec<SegmentId>>,
    /// Segments that an attribute can touch, in order.
    pub(crate) by_attribute: HashMap<Symbol, Vec<SegmentId>, ahash::RandomState>,
    /// Segments that every attribute below a prefix can touch.
    pub(crate) by_prefix: Vec<(Box<str>, SegmentId)>,
    pub(crate) keep: Arc<Keep>,
    pub(crate) rules: Arc<[AffinityRule]>,
    /// The texts of the expressions; every store begins with a copy.
    pub(crate) symbols: Symbols,
    pub(crate) session_gap: Duration,
    pub(crate) zone: Zone,
    pub(crate) parts_max: usize,
}

/// One segment of a plan.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) name: Arc<str>,
    pub(crate) root: NodeId,
    /// The parts it is evaluated in, where it is keyed.
    pub(crate) parts: Option<Parts>,
    /// Whether an event of one part can change others too: it reads the session, or other segments.
    pub(crate) parts_linked: bool,
}

/// How a user's events are parted by a property.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) by: PropertyId,
    /// The events that the definition reads, each with the window it reads them in. A part exists while one of
    /// its events can be seen in one of them.
    pub(crate) reads: Vec<(Kinds, Window)>,
}

/// A set of kinds of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kinds {
    /// All events of the host; not the elements of their lists.
    Any,
    These(SmallVec<[EventKind; 4]>),
}

impl Kinds {
    pub(crate) fn contains(&self, kind: EventKind, keep: &Keep) -> bool {
        match self {
            Kinds::Any => !keep.kind(kind).is_line,
            Kinds::These(kinds) => kinds.contains(&kind),
        }
    }
}

/// Events of some kinds that meet a condition.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) kinds: Kinds,
    pub(crate) filter: Filter,
}

/// What must hold of an event.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Filter {
    None,
    /// The most frequent one, `property = "text"`, compares eight bytes.
    Text(PropertyId, Symbol),
    Node(NodeId),
}

#[derive(Debug, Clone)]
pub(crate) enum Window {
    All,
    Sliding(i64),
    FromTo(i64, i64),
    Calendar(Period, u32),
    /// Behind the last event of a source, which itself is looked for in a window.
    SinceLast(Box<(Source, Window)>),
    Since(i64),
    Before(i64),
    Between(i64, i64),
    Session,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum AggregateOp {
    Did,
    Count,
    Sum,
    Average,
    Least,
    Greatest,
    Deviation,
    /// Nearest rank, in percent.
    Percentile(f64),
    Distinct,
    Mode,
    /// The instant of the first event, or the first value of a property.
    First,
    Last,
    ActiveDays,
    Streak,
}

#[derive(Debug, Clone)]
pub(crate) struct Aggregate {
    pub(crate) op: AggregateOp,
    pub(crate) source: Source,
    pub(crate) property: Option<PropertyId>,
    pub(crate) window: Window,
}

/// A sequence: positive steps with what may not come before each, and what may not come after the last.
#[derive(Debug, Clone)]
pub(crate) struct Sequence {
    pub(crate) steps: Vec<PositiveStep>,
    /// Each with the time for which none may come; without it, none ever.
    pub(crate) after: Vec<(Source, Option<i64>)>,
    pub(crate) window: Window,
}

#[derive(Debug, Clone)]
pub(crate) struct PositiveStep {
    pub(crate) source: Source,
    /// Longest time behind the step before.
    pub(crate) within: Option<i64>,
    /// None of these strictly between the step before and this one, or not within so long behind the former.
    pub(crate) without: Vec<(Source, Option<i64>)>,
}

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Constant {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Symbol),
    Instant(i64),
    Duration(i64),
    Time(i32),
    List(Vec<Constant>),
}

/// One operation. Chains and conjunctions are flat, so evaluating goes no deeper than the text was nested.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Constant(Constant),
    Attribute(Symbol),
    /// The attribute whose name is this prefix and the key.
    KeyedAttribute(Box<str>),
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
    And(Vec<NodeId>),
    Or(Vec<NodeId>),
    Compare(Comparison, NodeId, NodeId),
    /// Whether an aggregate counts at least so many, which flips at an instant that is known ahead.
    AtLeast(u32, i64),
    In(NodeId, NodeId),
    Contains(NodeId, NodeId),
    StartsWith(NodeId, NodeId),
    EndsWith(NodeId, NodeId),
    Matches(NodeId, Box<regex::Regex>),
    AnyIn(NodeId, NodeId),
    AllIn(NodeId, NodeId),
    IsMissing(NodeId),
    Chain(NodeId, Vec<(Operator, NodeId)>),
    Negative(NodeId),
    Lower(NodeId),
    Length(NodeId),
    Abs(NodeId),
    LeastOf(Vec<NodeId>),
    GreatestOf(Vec<NodeId>),
    Distance(NodeId, NodeId),
    Geo(NodeId, NodeId),
    Age(NodeId),
    IsAnniversary(NodeId),
    Aggregate(Box<Aggregate>),
    Sequence(Box<Sequence>),
    /// Rule and value.
    AffinityShare(u32, Constant),
    AffinityTop(u32),
    Segment(SegmentId),
    Some(Box<Parts>, NodeId),
}

impl Plan {
    /// Begins a plan over a schema.
    pub fn builder(schema: Schema) -> PlanBuilder {
        PlanBuilder {
            schema,
            segments: Vec::new(),
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
        self.segment_ids.get(name).copied()
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }
}

/// Collects expressions; [`build`](PlanBuilder::build) checks and compiles all of them.
#[derive(Debug)]
#[must_use]
pub struct PlanBuilder {
    pub(crate) schema: Schema,
    pub(crate) segments: Vec<SegmentText>,
    pub(crate) conditions: Vec<ConditionText>,
    pub(crate) filters: Vec<FilterText>,
    pub(crate) session_gap: Duration,
    pub(crate) zone: Zone,
    pub(crate) parts_max: usize,
}

#[derive(Debug)]
pub(crate) struct SegmentText {
    pub(crate) name: Arc<str>,
    pub(crate) by: Option<Box<str>>,
    pub(crate) text: Arc<str>,
}

#[derive(Debug)]
pub(crate) struct ConditionText {
    pub(crate) name: Arc<str>,
    pub(crate) text: Arc<str>,
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
        self.conditions.push(ConditionText { name: name.into(), text: text.into() });
        ConditionId(self.conditions.len() as u32 - 1)
    }

    /// Adds a condition on events of one name, as behind `where`; an empty text holds for each of them.
    pub(crate) fn event_filter(&mut self, name: &str, event: &str, text: &str) -> EventFilterId {
        self.filters.push(FilterText { name: name.into(), event: event.into(), text: text.into() });
        EventFilterId(self.filters.len() as u32 - 1)
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
