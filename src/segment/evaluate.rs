//! Nodes to values, each with the instant until which it holds.

use crate::model::{Duration, Instant, Object, Zone};
use crate::profile::{
    Applied, Attributes, EventKind, EventRows, Keep, Packed, Profile, ProfileStore, PropertyId, Rings,
    Symbols, UserKey,
};
use crate::segment::ast::Comparison;
use crate::segment::echo::part_name;
use crate::segment::gates::{self, GateId};
use crate::segment::item::ItemView;
use crate::segment::node::{AggregateOp, Filter, Node, NodeId, SlotId};
use crate::segment::places::MASK_ROWS;
use crate::segment::plan::{ConditionId, EventFilterId, Plan, SegmentId};
use crate::segment::scratch::Scratch;
use crate::segment::value::{List, NEVER, Signal, Slope, Val, operate};
use crate::segment::version;
use smallvec::SmallVec;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::rc::Rc;

pub(crate) const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Whether something holds, and until when that stays so if nothing happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Truth {
    pub(crate) holds: bool,
    pub(crate) until: i64,
}

impl Truth {
    pub(crate) fn new(holds: bool, until: i64) -> Truth {
        Truth { holds, until }
    }
}

/// An event as filters see it: kept in a profile, or just arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventView<'a> {
    pub(crate) at: i64,
    pub(crate) kind: EventKind,
    /// Begins with the columns of its kind.
    pub(crate) values: &'a [Packed],
}

impl<'a> EventView<'a> {
    /// Those of a message.
    pub(crate) fn all(applied: &'a Applied) -> impl Iterator<Item = EventView<'a>> {
        let view = |(kind, start): &(EventKind, usize)| EventView {
            at: applied.at,
            kind: *kind,
            values: &applied.values[*start..],
        };
        applied.events.iter().map(view)
    }

    pub(crate) fn value(&self, keep: &Keep, property: PropertyId) -> Packed {
        keep.place(self.kind, property).map_or(Packed::MISSING, |place| self.values[place])
    }
}

/// One user at one instant, perhaps within one part of the user's events.
#[derive(Debug)]
pub(crate) struct Evaluation<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) profile: &'a Profile,
    pub(crate) history: &'a EventRows,
    pub(crate) symbols: &'a Symbols,
    /// Facts for everyone.
    world: &'a Attributes,
    pub(crate) zone: &'a Zone,
    pub(crate) gap: Duration,
    pub(crate) now: i64,
    /// The part: a property and its value.
    pub(crate) part: Option<(PropertyId, Packed)>,
    /// The object of a list attribute that is looked at.
    pub(crate) object: Option<&'a Object>,
    /// What the host passes with the decision it asks for.
    pub(crate) request: Option<&'a Object>,
    /// The item of the catalogue that is looked at.
    pub(crate) item: Option<ItemView<'a>>,
    pub(crate) scratch: Option<&'a Scratch>,
    /// Where the history is long: which rows belong to which source.
    pub(crate) rings: Option<&'a Rings>,
    /// The rows of the part, where they are known.
    pub(crate) own: Option<&'a [u32]>,
    /// Whether only values are asked for, and not how long they stay.
    pub(super) is_probe: bool,
    /// Segments that were referred to already: references may meet, and would be evaluated again each time.
    known: RefCell<Vec<(SegmentId, Option<Packed>, Truth)>>,
}

impl<'a> Evaluation<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        store: &'a ProfileStore,
        user: UserKey,
        now: Instant,
    ) -> Evaluation<'a> {
        let evaluation = Evaluation::of_profile(plan, store, store.unfolded(user), now);
        let rows = evaluation.rows().len();
        let rings = if rows > MASK_ROWS { store.rings(user) } else { None };
        Evaluation { rings: rings.filter(|rings| rings.are_of(rows)), ..evaluation }
    }

    /// A profile, which may be in no store, without the store's rings.
    pub(crate) fn of_profile(
        plan: &'a Plan,
        store: &'a ProfileStore,
        profile: &'a Profile,
        now: Instant,
    ) -> Evaluation<'a> {
        Evaluation {
            plan,
            profile,
            history: profile.history.rows(),
            symbols: &store.symbols,
            world: &store.world,
            zone: store.zone(profile),
            gap: store.session_gap(),
            now: now.as_millis(),
            part: None,
            object: None,
            request: None,
            item: None,
            scratch: None,
            rings: None,
            own: None,
            is_probe: false,
            known: RefCell::new(Vec::new()),
        }
    }

    /// The same under a plan of other numbers than the store's rings, which are left aside.
    pub(crate) fn beside(
        plan: &'a Plan,
        store: &'a ProfileStore,
        user: UserKey,
        now: Instant,
    ) -> Evaluation<'a> {
        Evaluation::of_profile(plan, store, store.unfolded(user), now)
    }

    /// The same user with other events.
    pub(crate) fn over<'b>(self, history: &'b EventRows) -> Evaluation<'b>
    where
        'a: 'b,
    {
        Evaluation { history, rings: None, own: None, ..self }
    }

    /// The same where the rows of the part are known.
    pub(crate) fn within<'b>(self, own: Option<&'b [u32]>) -> Evaluation<'b>
    where
        'a: 'b,
    {
        Evaluation { own, ..self }
    }

    /// The same, with what is worked out once for several expressions.
    pub(crate) fn with(self, scratch: &'a Scratch) -> Evaluation<'a> {
        Evaluation { scratch: Some(scratch), ..self }
    }

    /// The same, for a decision that is asked for with a request: what holds later is another decision.
    pub(crate) fn for_request(self, request: &'a Object) -> Evaluation<'a> {
        Evaluation { request: Some(request), is_probe: true, ..self }
    }

    pub(crate) fn attribute(&self, slot: SlotId) -> Packed {
        if let Some(scratch) = self.scratch {
            return scratch.fact(slot);
        }
        let name = self.plan.slots[slot.0 as usize];
        let own = self.profile.attributes.get(name);
        if own.is_missing() { self.world.get(name) } else { own }
    }

    pub(crate) fn test_number(&self, comparison: Comparison, value: Packed, number: f64) -> bool {
        gates::is(comparison, value, number, self.symbols)
    }

    /// The same at another instant, at which nothing but time has passed. Of its values it does not look for how long
    /// they stay: whoever looks for a flip asks many times, and within one flip there may be others.
    fn at(&self, now: i64) -> Evaluation<'a> {
        Evaluation { now, is_probe: true, known: RefCell::new(Vec::new()), ..*self }
    }

    /// The same, looking at an object of a list.
    pub(crate) fn of_object(&self, object: &'a Object) -> Evaluation<'a> {
        Evaluation { object: Some(object), known: RefCell::new(Vec::new()), ..*self }
    }

    pub(crate) fn in_part(&self, part: Option<(PropertyId, Packed)>) -> Evaluation<'a> {
        Evaluation { part, own: None, known: RefCell::new(Vec::new()), ..*self }
    }

    pub(crate) fn instant(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    /// Whether a condition holds.
    pub(crate) fn condition(&self, condition: ConditionId) -> bool {
        self.truth(self.plan.conditions[condition.0 as usize]).holds
    }

    /// Whether an event meets a condition of its own.
    pub(crate) fn filter(&self, filter: EventFilterId, event: EventView<'_>) -> bool {
        let source = self.plan.source(self.plan.filters[filter.0 as usize]);
        source.kinds.contains(event.kind, &self.plan.keep) && self.meets(source.filter, event)
    }

    /// Whether an event is of the part that is looked at, if any is.
    pub(crate) fn is_of_part(&self, event: EventView<'_>) -> bool {
        self.part.is_none_or(|(by, key)| {
            let value = event.value(&self.plan.keep, by);
            value == key || self.symbols.same(value, key)
        })
    }

    pub(crate) fn meets(&self, filter: Filter, event: EventView<'_>) -> bool {
        match filter {
            Filter::None => true,
            Filter::Text(property, text) => event.value(&self.plan.keep, property) == text.packed(),
            Filter::Number(property, comparison, number) => {
                self.test_number(comparison, event.value(&self.plan.keep, property), number.0)
            }
            Filter::Node(node) => self.truth_of(node, Some(event)).holds,
        }
    }

    /// Whether a gate holds.
    #[inline]
    pub(crate) fn gate(&self, gate: GateId, scratch: &Scratch) -> bool {
        self.plan.index.gates.passes(gate, scratch.facts(), |node| self.truth(node).holds)
    }

    /// Whether all conditions on attributes alone hold without which a segment cannot.
    pub(crate) fn passes(&self, segment: SegmentId) -> bool {
        match self.scratch {
            Some(scratch) => self.plan.index.gates.of(segment).iter().all(|gate| self.gate(*gate, scratch)),
            None => {
                let gates = self.plan.segments[segment.0 as usize].gates(&self.plan.nodes);
                gates.iter().all(|gate| self.truth(*gate).holds)
            }
        }
    }

    /// Whether a segment holds that is not keyed. The same as the truth of its root.
    pub(crate) fn segment_truth(&self, segment: SegmentId) -> Truth {
        if !self.passes(segment) {
            return Truth::new(false, NEVER);
        }
        let own = &self.plan.segments[segment.0 as usize];
        if own.is_gates_alone() {
            return Truth::new(true, NEVER);
        }
        match own.behind_gates(&self.plan.nodes) {
            [only] => self.truth(*only),
            more => self.all(more, None, false),
        }
    }

    pub(crate) fn truth(&self, node: NodeId) -> Truth {
        self.truth_of(node, None)
    }

    fn truth_of(&self, node: NodeId, event: Option<EventView<'_>>) -> Truth {
        match self.plan.node(node) {
            Node::TestNumber(comparison, slot, number) => {
                Truth::new(self.test_number(*comparison, self.attribute(*slot), number.0), NEVER)
            }
            Node::TestIs(slot, wanted) => Truth::new(self.attribute(*slot) == *wanted, NEVER),
            Node::TestIn(slot, wanted) => Truth::new(gates::is_in(self.attribute(*slot), wanted), NEVER),
            Node::Not(inner) => {
                let inner = self.truth_of(*inner, event);
                Truth::new(!inner.holds, inner.until)
            }
            Node::And(all) => self.all(all, event, false),
            Node::Or(all) => self.all(all, event, true),
            Node::Compare(comparison, left, right) => self.compare(*comparison, *left, *right, event),
            Node::AtLeast(aggregate, least) => self.at_least(NodeId(*aggregate), *least),
            Node::Aggregate(aggregate) if aggregate.op == AggregateOp::Did => self.did(aggregate),
            Node::Sequence(sequence) => self.sequence(sequence),
            Node::Segment(segment) => self.segment(*segment),
            Node::Consent(general, own, granted) => self.consent(*general, *own, *granted),
            Node::Some(parts, condition) => self.some(parts, *condition),
            Node::Has(slot, condition) => self.has(*slot, *condition),
            Node::In(item, list) => self.is_in(*item, *list, event),
            Node::IsMissing(inner) => {
                let signal = self.value(*inner, event);
                Truth::new(signal.value.is_missing(), signal.until)
            }
            Node::Contains(text, wanted) => self.test(*text, *wanted, event, |whole, wanted| match whole {
                Val::List(list) => list.iter().any(|element| element.same(wanted, self.symbols)),
                _ => self.texts(whole, wanted, |whole, wanted| whole.contains(wanted)),
            }),
            Node::StartsWith(text, start) => self.test(*text, *start, event, |text, start| {
                self.texts(text, start, |text, start| text.starts_with(start))
            }),
            Node::EndsWith(text, end) => self
                .test(*text, *end, event, |text, end| self.texts(text, end, |text, end| text.ends_with(end))),
            Node::Matches(text, regex) => {
                let signal = self.value(*text, event);
                Truth::new(
                    signal.value.text(self.symbols).is_some_and(|text| regex.0.is_match(text)),
                    signal.until,
                )
            }
            Node::AnyIn(list, wanted) => self.lists(*list, *wanted, event, |list, wanted| {
                wanted.iter().any(|w| list.iter().any(|element| element.same(&w, self.symbols)))
            }),
            Node::AllIn(list, wanted) => self.lists(*list, *wanted, event, |list, wanted| {
                wanted.iter().all(|w| list.iter().any(|element| element.same(&w, self.symbols)))
            }),
            Node::IsAnniversary(instant) => {
                let signal = self.value(*instant, event);
                let Val::Instant(at) = signal.value else { return Truth::new(false, signal.until) };
                let (today, until) = self.zone.is_anniversary(Instant::from_millis(at), self.instant());
                Truth::new(today, signal.until.min(until.as_millis()))
            }
            _ => {
                let signal = self.value(node, event);
                Truth::new(matches!(signal.value, Val::Bool(true)), signal.until)
            }
        }
    }

    /// A conjunction (`decisive` false) or disjunction (`decisive` true). One decisive member is enough, so the
    /// whole stays as long as the one that stays longest; without one, as long as all do.
    fn all(&self, nodes: &[NodeId], event: Option<EventView<'_>>, decisive: bool) -> Truth {
        let (mut decided, mut until, mut decided_until) = (false, NEVER, i64::MIN);
        for node in nodes {
            let truth = self.truth_of(*node, event);
            if truth.holds == decisive {
                decided = true;
                decided_until = decided_until.max(truth.until);
                if decided_until == NEVER {
                    break;
                }
            } else {
                until = until.min(truth.until);
            }
        }
        if decided { Truth::new(decisive, decided_until) } else { Truth::new(!decisive, until) }
    }

    fn test(
        &self,
        left: NodeId,
        right: NodeId,
        event: Option<EventView<'_>>,
        holds: impl Fn(&Val<'_>, &Val<'_>) -> bool,
    ) -> Truth {
        let (left, right) = (self.value(left, event), self.value(right, event));
        Truth::new(holds(&left.value, &right.value), left.until.min(right.until))
    }

    fn texts(&self, a: &Val<'_>, b: &Val<'_>, holds: impl Fn(&str, &str) -> bool) -> bool {
        match (a.text(self.symbols), b.text(self.symbols)) {
            (Some(a), Some(b)) => holds(a, b),
            _ => false,
        }
    }

    fn lists(
        &self,
        left: NodeId,
        right: NodeId,
        event: Option<EventView<'_>>,
        holds: impl Fn(List<'_>, List<'_>) -> bool,
    ) -> Truth {
        self.test(left, right, event, |left, right| match (left, right) {
            (Val::List(left), Val::List(right)) => holds(*left, *right),
            _ => false,
        })
    }

    fn compare(
        &self,
        comparison: Comparison,
        left: NodeId,
        right: NodeId,
        event: Option<EventView<'_>>,
    ) -> Truth {
        if let (Node::Aggregate(aggregate), Node::Constant(constant)) =
            (self.plan.node(left), self.plan.node(right))
        {
            return self.threshold(aggregate, comparison, &Val::constant(constant));
        }
        let is_aggregate = |node: NodeId| matches!(self.plan.node(node), Node::Aggregate(_));
        if !is_aggregate(left) && is_aggregate(right) {
            return self.compare(comparison.mirrored(), right, left, event);
        }
        if let Some(truth) = self.compare_nearly(comparison, left, right) {
            return truth;
        }
        let b = self.value(right, event);
        if let (Node::Aggregate(aggregate), Slope::Still) = (self.plan.node(left), b.slope) {
            // What stays as it is is a constant until then.
            let truth = self.threshold(aggregate, comparison, &b.value);
            return Truth::new(truth.holds, truth.until.min(b.until));
        }
        let a = self.value(left, event);
        let until = a.until.min(b.until);
        let holds = a.value.compare(comparison, &b.value, self.symbols);
        let until = self.flip(&a, &b, until, Some(comparison), |t| {
            let then = self.at(t);
            then.value(left, event).value.order(&then.value(right, event).value, self.symbols)
        });
        Truth::new(holds, until)
    }

    fn is_in(&self, item: NodeId, list: NodeId, event: Option<EventView<'_>>) -> Truth {
        let (signal, elements) = (self.value(item, event), self.value(list, event));
        let mut until = signal.until.min(elements.until);
        let Val::List(elements) = elements.value else { return Truth::new(false, until) };
        let mut holds = false;
        for element in elements.iter() {
            holds |= signal.value.same(&element, self.symbols);
            if signal.slope != Slope::Still {
                let still = Signal::still(element.clone(), NEVER);
                until = until.min(self.flip(&signal, &still, until, None, |t| {
                    self.at(t).value(item, event).value.order(&element, self.symbols)
                }));
            }
        }
        Truth::new(holds, until)
    }

    pub(crate) fn segment(&self, id: SegmentId) -> Truth {
        let segment = &self.plan.segments[id.0 as usize];
        let key = self.part.map(|(_, key)| key);
        let known =
            self.known.borrow().iter().find(|(s, k, _)| *s == id && *k == key).map(|(_, _, truth)| *truth);
        if let Some(known) = known {
            return known;
        }
        let truth = match &segment.parts {
            None if self.part.is_none() => self.truth(segment.root),
            None => self.in_part(None).truth(segment.root),
            Some(parts) => match self.part.filter(|(by, _)| *by == parts.by) {
                Some((_, key)) => self.part_truth(parts, segment.root, key, self.own),
                None => self.in_part(None).some(parts, segment.root),
            },
        };
        self.known.borrow_mut().push((id, key, truth));
        truth
    }

    /// The value of a node; inside `where`, of an event.
    pub(crate) fn value<'v>(&'v self, node: NodeId, event: Option<EventView<'_>>) -> Signal<'v> {
        let still = |value| Signal::still(value, NEVER);
        let moving = |value, until| Signal { value, slope: Slope::Exact(1), until };
        match self.plan.node(node) {
            Node::Constant(constant) => still(Val::constant(constant)),
            Node::Attribute(slot) => still(Val::unpack(self.attribute(*slot), self.symbols)),
            Node::KeyedAttribute(prefix) => still(self.keyed_attribute(prefix)),
            Node::EnteredPart(prefix) => still(self.entered_part(prefix)),
            Node::Now => moving(Val::Instant(self.now), NEVER),
            Node::SessionNumber => still(match self.profile.session.number {
                0 => Val::Missing,
                number => Val::Int(number.into()),
            }),
            Node::SessionStarted => self.in_session(Val::Instant(self.profile.session.first.as_millis())),
            Node::SessionDuration => {
                let session = &self.profile.session;
                self.in_session(Val::Duration((session.last - session.first).as_millis()))
            }
            Node::SessionEvents => self.in_session(Val::Int(self.profile.session.events.into())),
            Node::LocalTime => {
                let next = self.zone.next_day(self.instant()).min(self.zone.next_transition(self.instant()));
                moving(Val::Time(self.zone.civil(self.instant()).millis.into()), next.as_millis())
            }
            Node::LocalHour => {
                let hour = self.zone.civil(self.instant()).hour();
                Signal::still(Val::Int(hour.into()), self.zone.next_hour(self.instant()).as_millis())
            }
            Node::Weekday => {
                let day = self.zone.civil(self.instant()).weekday();
                Signal::still(Val::Text(WEEKDAYS[day]), self.zone.next_day(self.instant()).as_millis())
            }
            Node::Bucket(salt) => still(Val::Float(self.profile.bucket(salt))),
            Node::Key => still(self.part.map_or(Val::Missing, |(_, key)| Val::unpack(key, self.symbols))),
            Node::Property(property) => still(event.map_or(Val::Missing, |event| {
                Val::unpack(event.value(&self.plan.keep, *property), self.symbols)
            })),
            Node::Score(score) => self.score(score),
            Node::Lifecycle(stages) => self.lifecycle(stages),
            Node::Request(path) => still(self.request(path)),
            Node::Item(slot) => still(self.item_value(*slot)),
            Node::ItemBefore(slot) => still(self.item_before(*slot)),
            Node::ItemId => still(self.item_id()),
            Node::Field(name) => still(self.field(name)),
            Node::At => still(event.map_or(Val::Missing, |event| Val::Instant(event.at))),
            Node::AtHour => still(event.map_or(Val::Missing, |event| {
                Val::Int(self.zone.civil(Instant::from_millis(event.at)).hour().into())
            })),
            Node::AtWeekday => still(event.map_or(Val::Missing, |event| {
                Val::Text(WEEKDAYS[self.zone.civil(Instant::from_millis(event.at)).weekday()])
            })),
            Node::Chain(first, rest) => {
                rest.iter().fold(self.value(*first, event), |left, (operator, right)| {
                    operate(*operator, &left, &self.value(*right, event))
                })
            }
            Node::Negative(inner) => {
                let signal = self.value(*inner, event);
                Signal { value: negative(&signal.value), slope: signal.slope.negative(), until: signal.until }
            }
            Node::Abs(inner) => self.abs(*inner, event),
            Node::LeastOf(nodes) => self.extreme(nodes, event, Ordering::Less),
            Node::GreatestOf(nodes) => self.extreme(nodes, event, Ordering::Greater),
            Node::Lower(inner) => {
                let signal = self.value(*inner, event);
                let text = signal.value.text(self.symbols).map(|text| Rc::from(text.to_lowercase()));
                Signal::still(text.map_or(Val::Missing, Val::Owned), signal.until)
            }
            Node::Version(inner) => {
                let Signal { value, until, .. } = self.value(*inner, event);
                let version = match value {
                    Val::Symbol(symbol) => Val::Version(self.symbols.text(symbol)),
                    Val::Text(text) => Val::Version(text),
                    Val::Owned(text) => Val::OwnedVersion(text),
                    _ => Val::Missing,
                };
                let is_version = version.version().is_some_and(version::is_version);
                Signal::still(if is_version { version } else { Val::Missing }, until)
            }
            Node::Length(inner) => {
                let signal = self.value(*inner, event);
                let length = match &signal.value {
                    Val::List(list) => Some(list.len()),
                    other => other.text(self.symbols).map(|text| text.chars().count()),
                };
                Signal::still(length.map_or(Val::Missing, |n| Val::Int(n as i64)), signal.until)
            }
            Node::Distance(a, b) => {
                let (a, b) = (self.value(*a, event), self.value(*b, event));
                let until = a.until.min(b.until);
                match (a.value, b.value) {
                    (Val::Geo(a), Val::Geo(b)) => Signal::still(Val::float(a.distance_metres(b)), until),
                    _ => Signal::still(Val::Missing, until),
                }
            }
            Node::Geo(lat, lon) => {
                let (lat, lon) = (self.value(*lat, event), self.value(*lon, event));
                let until = lat.until.min(lon.until);
                match (lat.value.number(), lon.value.number()) {
                    (Some(lat), Some(lon)) => Signal::still(Val::Geo(crate::model::Geo { lat, lon }), until),
                    _ => Signal::still(Val::Missing, until),
                }
            }
            Node::Age(birth) => {
                let signal = self.value(*birth, event);
                let Val::Instant(at) = signal.value else { return Signal::still(Val::Missing, signal.until) };
                let (years, until) = self.zone.age(Instant::from_millis(at), self.instant());
                Signal::still(Val::Int(years), signal.until.min(until.as_millis()))
            }
            Node::Aggregate(aggregate) => self.aggregate(aggregate),
            Node::AffinityShare(rule, wanted) => {
                let wanted = Val::constant(wanted);
                let is_wanted = |value| Val::unpack(value, self.symbols).same(&wanted, self.symbols);
                still(Val::float(self.profile.affinities.share(*rule, is_wanted)))
            }
            Node::AffinityTop(rule) => still(Val::unpack(self.profile.affinities.top(*rule), self.symbols)),
            Node::TestNumber(..)
            | Node::TestIs(..)
            | Node::TestIn(..)
            | Node::Not(_)
            | Node::And(_)
            | Node::Or(_)
            | Node::Compare(..)
            | Node::AtLeast(..)
            | Node::In(..)
            | Node::Contains(..)
            | Node::StartsWith(..)
            | Node::EndsWith(..)
            | Node::Matches(..)
            | Node::AnyIn(..)
            | Node::AllIn(..)
            | Node::IsMissing(_)
            | Node::IsAnniversary(_)
            | Node::Sequence(_)
            | Node::Segment(_)
            | Node::Consent(..)
            | Node::Some(..)
            | Node::Has(..) => {
                let truth = self.truth_of(node, event);
                Signal::still(Val::Bool(truth.holds), truth.until)
            }
        }
    }

    fn in_session<'v>(&self, value: Val<'v>) -> Signal<'v> {
        if self.profile.session.is_on(self.instant(), self.gap) {
            Signal::still(value, self.profile.session.end(self.gap).as_millis())
        } else {
            Signal::still(Val::Missing, NEVER)
        }
    }

    fn keyed_attribute(&self, prefix: &str) -> Val<'_> {
        let Some((_, key)) = self.part else { return Val::Missing };
        let name = match Val::unpack(key, self.symbols) {
            Val::Int(n) => format!("{prefix}{n}"),
            Val::Float(x) => format!("{prefix}{x}"),
            other => match other.text(self.symbols) {
                Some(text) => format!("{prefix}{text}"),
                None => return Val::Missing,
            },
        };
        self.attribute_named(&name)
    }

    fn entered_part(&self, prefix: &str) -> Val<'_> {
        let name = self.part.and_then(|(_, key)| part_name(prefix, &self.symbols.value(key)));
        name.map_or(Val::Missing, |name| self.attribute_named(&name))
    }

    fn attribute_named(&self, name: &str) -> Val<'_> {
        // A name that nobody holds is no attribute of this user either.
        match self.symbols.get(name) {
            Some(symbol) => Val::unpack(self.profile.attributes.get(symbol), self.symbols),
            None => Val::Missing,
        }
    }

    fn abs(&self, inner: NodeId, event: Option<EventView<'_>>) -> Signal<'_> {
        let signal = self.value(inner, event);
        let zero = match signal.value {
            Val::Duration(_) => Val::Duration(0),
            _ => Val::Int(0),
        };
        let below = signal.value.order(&zero, self.symbols) == Some(Ordering::Less);
        let still = Signal::still(zero.clone(), NEVER);
        // Behind zero it moves the other way.
        let until = self.flip(&signal, &still, signal.until, None, |t| {
            self.at(t).value(inner, event).value.order(&zero, self.symbols)
        });
        match signal.value {
            _ if below => Signal { value: negative(&signal.value), slope: signal.slope.negative(), until },
            Val::Int(_) | Val::Float(_) | Val::Duration(_) => Signal { until, ..signal },
            _ => Signal::still(Val::Missing, until),
        }
    }

    /// The least or greatest of several values; missing where one of them is, or where they have no order.
    fn extreme(&self, nodes: &[NodeId], event: Option<EventView<'_>>, wanted: Ordering) -> Signal<'_> {
        let signals: SmallVec<[Signal<'_>; 4]> = nodes.iter().map(|node| self.value(*node, event)).collect();
        let mut until = signals.iter().map(|signal| signal.until).min().unwrap_or(NEVER);
        let mut best = 0;
        for (i, signal) in signals.iter().enumerate().skip(1) {
            let Some(order) = signal.value.order(&signals[best].value, self.symbols) else {
                return Signal::still(Val::Missing, until);
            };
            until = self.flip(signal, &signals[best], until, None, |t| {
                let then = self.at(t);
                then.value(nodes[i], event).value.order(&then.value(nodes[best], event).value, self.symbols)
            });
            if order == wanted {
                best = i;
            }
        }
        Signal { until, ..signals[best].clone() }
    }
}

fn negative<'v>(value: &Val<'_>) -> Val<'v> {
    match value {
        Val::Int(n) => n.checked_neg().map_or(Val::Float(-(*n as f64)), Val::Int),
        Val::Float(x) => Val::Float(-x),
        Val::Duration(ms) => Val::Duration(ms.saturating_neg()),
        _ => Val::Missing,
    }
}
