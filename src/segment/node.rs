//! What expressions are once they are compiled: nodes, the events that they look at, and in which windows.

use crate::model::{Duration, Period};
use crate::profile::{EventKind, Keep, Packed, PropertyId, Symbol, TotalId};
use crate::segment::ast::{Comparison, Operator};
use crate::segment::score::ScoreNode;
use crate::segment::{ItemSlot, SegmentId};
use smallvec::SmallVec;
use std::hash::{Hash, Hasher};

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
    /// An attribute of the item that is looked at, now and before it changed; and its id.
    Item(ItemSlot),
    ItemBefore(ItemSlot),
    ItemId,
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

    /// The least cost of what looks at more than attributes: gates cost less, and so come first.
    pub(crate) const MOVES: u8 = 4;

    /// How much there is to evaluate, apart from its children.
    pub(crate) fn cost(&self) -> u8 {
        match self {
            Node::TestIs(..) | Node::TestIn(..) => 0,
            Node::TestNumber(..) => 1,
            Node::Matches(..) => 3,
            Node::Aggregate(aggregate) if aggregate.total.is_none() => match aggregate.op {
                AggregateOp::Did | AggregateOp::Count | AggregateOp::First | AggregateOp::Last => {
                    Self::MOVES + 1
                }
                AggregateOp::Sum | AggregateOp::Least | AggregateOp::Greatest => Self::MOVES + 2,
                _ => Self::MOVES + 3,
            },
            Node::Sequence(_)
            | Node::Segment(_)
            | Node::Lifecycle(_)
            | Node::Score(_)
            | Node::Some(..)
            | Node::Has(..) => Self::MOVES + 4,
            _ => 2,
        }
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
            | Node::Request(_)
            | Node::Item(_)
            | Node::ItemBefore(_)
            | Node::ItemId => {}
        }
    }
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

impl Window {
    /// How far back it reaches at most, where that is said.
    pub(crate) fn length(&self) -> Option<Duration> {
        match self {
            Window::Sliding(ms) | Window::FromTo(ms, _) => Some(Duration::from_millis(*ms)),
            Window::Calendar(period, back) => {
                let days = match period {
                    Period::Day => 1,
                    Period::Week => 7,
                    Period::Month => 31,
                    Period::Year => 366,
                };
                Some(Duration::days(days * (i64::from(*back) + 1)))
            }
            _ => None,
        }
    }
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

impl AggregateOp {
    /// Whether it is worked out of numbers that blocks of events come to.
    pub(crate) fn is_of_numbers(self) -> bool {
        matches!(self, AggregateOp::Sum | AggregateOp::Average | AggregateOp::Least | AggregateOp::Greatest)
    }

    /// Whether it is worked out of the numbers of all events.
    pub(crate) fn is_of_each(self) -> bool {
        matches!(self, AggregateOp::Deviation | AggregateOp::Percentile(_))
    }
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
