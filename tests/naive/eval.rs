//! # eval: what an expression is worth to a user at an instant
//! Straight from the text of the language, from the whole history, each time anew. Slow on
//! purpose: nothing is kept between two calls, so nothing can be kept wrongly.

use super::ast::{Definitions, Events, Expr, Function, LengthUnit, Millis, Record, Segment};
use super::ast::{SessionField, Source, Step, TextTest, Value, Window};
use super::clock;
use super::history::{Event, Key, Session, User};
use super::value::{calculate, compare, equal, negate, number, order};
use super::{aggregate, value};
use jiff::tz::TimeZone;
use std::cell::OnceCell;
use std::cmp::Ordering;

/// The value of an expression for a user at an instant.
pub(crate) fn value(definitions: &Definitions, user: &User, expr: &Expr, now: Millis) -> Value {
    Evaluation::new(definitions, user, now).value(expr, None)
}

/// Whether the user is in the segment; for a keyed one the keys for which it is, in order.
pub(crate) fn members(
    definitions: &Definitions,
    user: &User,
    segment: &Segment,
    now: Millis,
) -> Vec<Option<Key>> {
    let evaluation = Evaluation::new(definitions, user, now);
    match &segment.by {
        None if evaluation.holds(&segment.when, None) => vec![None],
        None => Vec::new(),
        Some(by) => {
            let mut keys = evaluation.parts(by, &segment.when);
            keys.retain(|key| evaluation.member(by, key, &segment.when));
            keys.sort();
            keys.into_iter().map(Some).collect()
        }
    }
}

/// One event, or one object of an event's list, as an aggregate sees it.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) event: &'a Event,
    /// The event's properties, or the object's.
    pub(super) own: &'a Record,
    row: usize,
}

impl Item<'_> {
    pub(super) fn at(&self) -> Millis {
        self.event.at
    }

    /// Order among events: by instant, then by arrival; objects of one list by place.
    fn order(&self) -> (Millis, usize, usize) {
        (self.event.at, self.event.arrival, self.row)
    }

    /// The value of a property, of `context.…` or of `event.…`.
    pub(super) fn property(&self, path: &str) -> Value {
        let found = match path.split_once('.') {
            Some(("context", rest)) => self.event.context.get(rest),
            Some(("event", rest)) => self.event.properties.get(rest),
            _ => self.own.get(path),
        };
        found.cloned().unwrap_or(Value::Missing)
    }
}

/// The part of a user's events with one value of one property.
#[derive(Clone, Copy)]
struct Part<'a> {
    by: &'a str,
    key: &'a Key,
}

/// A user at an instant, or a part of one.
#[derive(Clone)]
pub(super) struct Evaluation<'a> {
    pub(super) definitions: &'a Definitions,
    pub(super) user: &'a User,
    pub(super) now: Millis,
    zone: OnceCell<TimeZone>,
    part: Option<Part<'a>>,
}

impl<'a> Evaluation<'a> {
    fn new(definitions: &'a Definitions, user: &'a User, now: Millis) -> Self {
        Evaluation { definitions, user, now, zone: OnceCell::new(), part: None }
    }

    /// The user's zone: the attribute, else the default, else UTC.
    pub(super) fn zone(&self) -> &TimeZone {
        self.zone.get_or_init(|| {
            let own = match self.user.attribute("timezone") {
                Value::Text(name) => TimeZone::get(&name).ok(),
                _ => None,
            };
            let default = || TimeZone::get(self.definitions.zone.as_ref()?).ok();
            own.or_else(default).unwrap_or(TimeZone::UTC)
        })
    }

    /// Where a bool is wanted, whatever is not true is false.
    fn holds(&self, expr: &Expr, item: Option<&Item<'a>>) -> bool {
        self.value(expr, item) == Value::Bool(true)
    }

    /// The value of an expression; `item` is the event of the `where` in which it stands.
    fn value(&self, expr: &Expr, item: Option<&Item<'a>>) -> Value {
        let of = |e: &Expr| self.value(e, item);
        match expr {
            Expr::Literal(literal) => literal.clone(),
            Expr::Percent(n) => Value::Int(*n),
            Expr::Length(n, unit) => Value::Float(*n as f64 * metres(*unit)),
            Expr::Attribute(name) | Expr::UserAttribute(name) => self.user.attribute(name),
            Expr::AttributeOfKey(name) => match self.part.map(|part| part.key.value()) {
                Some(Value::Text(key)) => self.user.attribute(&format!("{name}.{key}")),
                Some(Value::Int(key)) => self.user.attribute(&format!("{name}.{key}")),
                _ => Value::Missing,
            },
            Expr::Key => self.part.map_or(Value::Missing, |part| part.key.value()),
            Expr::Property(path) => item.map_or(Value::Missing, |i| i.property(path)),
            Expr::At => item.map_or(Value::Missing, |i| Value::Instant(i.at())),
            Expr::AtHour => item.map_or(Value::Missing, |i| self.hour(i.at())),
            Expr::AtWeekday => item.map_or(Value::Missing, |i| self.weekday(i.at())),
            Expr::Now => Value::Instant(self.now),
            Expr::LocalTime => Value::Time(clock::time_of_day(self.now, self.zone())),
            Expr::LocalHour => self.hour(self.now),
            Expr::Weekday => self.weekday(self.now),
            Expr::Session(field) => self.session_field(*field),
            Expr::Segment(name) => Value::Bool(self.in_segment(name)),
            Expr::Not(a) => Value::Bool(!self.holds(a, item)),
            Expr::And(a, b) => Value::Bool(self.holds(a, item) && self.holds(b, item)),
            Expr::Or(a, b) => Value::Bool(self.holds(a, item) || self.holds(b, item)),
            Expr::Compare(op, a, b) => Value::Bool(compare(*op, &of(a), &of(b))),
            Expr::In(x, list) => Value::Bool(is_in(&of(x), list)),
            Expr::NotIn(x, list) => Value::Bool(!is_in(&of(x), list)),
            Expr::Between(x, low, high) => {
                let (x, low, high) = (of(x), of(low), of(high));
                let above = order(&x, &low).is_some_and(Ordering::is_ge);
                let below = order(&x, &high).is_some_and(Ordering::is_le);
                // Of times of day the night is between 22:00 and 06:00.
                let is_over_midnight =
                    matches!((&low, &high), (Value::Time(low), Value::Time(high)) if low > high);
                Value::Bool(if is_over_midnight { above || below } else { above && below })
            }
            Expr::Test(test, a, b) => Value::Bool(text_test(*test, &of(a), &of(b))),
            Expr::IsMissing(a) => Value::Bool(of(a) == Value::Missing),
            Expr::IsPresent(a) => Value::Bool(of(a) != Value::Missing),
            Expr::Calculate(op, a, b) => calculate(*op, &of(a), &of(b)),
            Expr::Negate(a) => negate(&of(a)),
            Expr::Aggregate(which, events) => {
                aggregate::value(self, *which, &self.items(events), events.property.as_deref())
            }
            Expr::Affinity(property, wanted) => aggregate::affinity(self, property, wanted),
            Expr::Top(property) => aggregate::top(self, property),
            Expr::Sequence(steps, window) => Value::Bool(self.sequence(steps, window)),
            Expr::Call(function, arguments) => {
                let arguments: Vec<Value> = arguments.iter().map(of).collect();
                self.call(*function, &arguments)
            }
            Expr::Some(by, when) => {
                Value::Bool(self.parts(by, when).iter().any(|key| self.member(by, key, when)))
            }
        }
    }

    fn hour(&self, at: Millis) -> Value {
        Value::Int(i64::from(clock::local(at, self.zone()).hour()))
    }

    fn weekday(&self, at: Millis) -> Value {
        Value::Text(clock::weekday(at, self.zone()).to_owned())
    }

    /// The session that is on.
    fn session(&self) -> Option<Session> {
        let gap = self.definitions.gap();
        self.user.session.filter(|s| self.now < s.last + gap)
    }

    fn session_field(&self, field: SessionField) -> Value {
        if field == SessionField::Number {
            return self.user.session.map_or(Value::Missing, |s| Value::Int(s.number));
        }
        self.session().map_or(Value::Missing, |s| match field {
            SessionField::Number => Value::Int(s.number),
            SessionField::Started => Value::Instant(s.first),
            SessionField::Duration => Value::Duration(s.last - s.first),
            SessionField::Events => Value::Int(s.events),
        })
    }

    fn in_segment(&self, name: &str) -> bool {
        let mut segments = self.definitions.segments.iter();
        let segment = segments.find(|s| s.name == name).expect("the generator refers to its own");
        let whole = Evaluation { part: None, ..self.clone() };
        match (&segment.by, self.part) {
            (None, _) => whole.holds(&segment.when, None),
            (Some(by), Some(part)) if by == part.by => whole.member(by, part.key, &segment.when),
            (Some(by), _) => {
                let keys = whole.parts(by, &segment.when);
                keys.iter().any(|key| whole.member(by, key, &segment.when))
            }
        }
    }

    /// Every value by which the user's events are parted, in order.
    fn keys(&self, by: &str) -> Vec<Key> {
        let values = self.user.events.iter().filter_map(|e| Key::of(e.properties.get(by)?));
        let mut keys: Vec<Key> = values.collect();
        keys.sort();
        keys.dedup();
        keys
    }

    /// The parts that exist: of those that are too many the ones that are idle longest do not, and of equals the lower keys.
    /// A part is idle since its latest event that a window keeps.
    fn parts(&self, by: &str, when: &Expr) -> Vec<Key> {
        let reads = when.reads();
        let latest = |key: &Key| {
            let own = self.user.events.iter().filter(|event| {
                event.at <= self.now
                    && event.properties.get(by).and_then(Key::of).as_ref() == Some(key)
                    && reads
                        .iter()
                        .any(|(source, window)| source.reads(&event.name) && self.keeps(window, event.at))
            });
            own.map(|event| event.at).max()
        };
        let mut keys = self.keys(by);
        keys.retain(|key| self.exists(by, key, when));
        keys.sort_by_key(|key| std::cmp::Reverse((latest(key), key.clone())));
        keys.truncate(self.definitions.parts_max);
        keys
    }

    /// Whether a part exists and the condition holds in it.
    fn member(&self, by: &str, key: &Key, when: &Expr) -> bool {
        let part = Evaluation { part: Some(Part { by, key }), ..self.clone() };
        self.exists(by, key, when) && part.holds(when, None)
    }

    /// A part exists while an event of it that the condition reads is kept, by its name alone.
    fn exists(&self, by: &str, key: &Key, when: &Expr) -> bool {
        let reads = when.reads();
        self.user.events.iter().any(|event| {
            event.at <= self.now
                && event.properties.get(by).and_then(Key::of).as_ref() == Some(key)
                && reads
                    .iter()
                    .any(|(source, window)| source.reads(&event.name) && self.keeps(window, event.at))
        })
    }

    /// Whether an event at `at` is, or may yet come to be, in the window.
    fn keeps(&self, window: &Window, at: Millis) -> bool {
        let periods = |of| clock::period(of, self.now, self.zone()) - clock::period(of, at, self.zone());
        match window {
            Window::All | Window::SinceLast(_) => true,
            Window::Since(_) | Window::Before(_) | Window::Between(..) => true,
            Window::In(length) | Window::FromTo(length, _) => self.now < at + length,
            Window::This(of) => periods(*of) <= 0,
            Window::Last(of, n) => periods(*of) <= *n,
            Window::Session => self.session().is_some_and(|s| s.first <= at),
        }
    }

    /// The events of an aggregate, in order.
    fn items(&self, events: &Events) -> Vec<Item<'a>> {
        let mut items = self.matching(&events.source, events.condition.as_deref());
        self.restrict(&mut items, &events.window);
        items
    }

    /// All events up to now, in order, that a source and a condition select.
    pub(super) fn matching(&self, source: &Source, condition: Option<&Expr>) -> Vec<Item<'a>> {
        let mut items = Vec::new();
        let up_to_now = self.user.events.iter().filter(|e| e.at <= self.now);
        for event in up_to_now.filter(|e| source.reads(&e.name)) {
            match source {
                Source::Rows(_, list) => {
                    let Some(Value::Rows(rows)) = event.properties.get(list) else {
                        continue;
                    };
                    let rows = rows.iter().enumerate();
                    items.extend(rows.map(|(row, own)| Item { event, own, row }));
                }
                _ => items.push(Item { event, own: &event.properties, row: 0 }),
            }
        }
        if let Some(Part { by, key }) = self.part {
            items.retain(|i| i.own.get(by).and_then(Key::of).as_ref() == Some(key));
        }
        if let Some(condition) = condition {
            items.retain(|item| self.holds(condition, Some(item)));
        }
        items.sort_by_key(Item::order);
        items
    }

    /// Leaves the items that the window holds (§5, table of windows).
    fn restrict(&self, items: &mut Vec<Item<'a>>, window: &Window) {
        let now = self.now;
        let period = |of, at| clock::period(of, at, self.zone());
        match window {
            Window::All => {}
            Window::In(length) => items.retain(|i| now - length < i.at()),
            Window::FromTo(far, near) => {
                items.retain(|i| now - far < i.at() && i.at() <= now - near);
            }
            Window::This(of) => items.retain(|i| period(*of, i.at()) == period(*of, now)),
            Window::Last(of, n) => items.retain(|i| {
                let ago = period(*of, now) - period(*of, i.at());
                1 <= ago && ago <= *n
            }),
            Window::SinceLast(events) => match self.items(events).last() {
                Some(last) => items.retain(|i| {
                    let (at, arrival, _) = last.order();
                    (i.at(), i.event.arrival) > (at, arrival)
                }),
                None => items.clear(),
            },
            Window::Since(from) => items.retain(|i| *from <= i.at()),
            Window::Before(to) => items.retain(|i| i.at() < *to),
            Window::Between(from, to) => items.retain(|i| *from <= i.at() && i.at() < *to),
            Window::Session => match self.session() {
                Some(session) => items.retain(|i| session.first <= i.at()),
                None => items.clear(),
            },
        }
    }

    /// §5, Sequences. `ends` are the events at which the steps so far can end.
    fn sequence(&self, steps: &[Step], window: &Window) -> bool {
        let mut ends: Option<Vec<Item<'a>>> = None;
        let mut negatives: Vec<&Step> = Vec::new();
        for step in steps {
            if step.negative {
                negatives.push(step);
                continue;
            }
            let mut found = self.matching(&step.source, step.condition.as_deref());
            self.restrict(&mut found, window);
            if let Some(before) = &ends {
                found.retain(|next| {
                    before.iter().any(|previous| self.follows(previous, next, step, &negatives))
                });
            }
            ends = Some(found);
            negatives.clear();
        }
        let ends = ends.expect("the first step is positive");
        ends.iter().any(|end| negatives.iter().all(|step| self.nothing_after(end, step)))
    }

    fn follows(&self, previous: &Item, next: &Item, step: &Step, negatives: &[&Step]) -> bool {
        let soon_enough = step.within.is_none_or(|d| next.at() - previous.at() <= d);
        previous.order() < next.order()
            && soon_enough
            && negatives.iter().all(|negative| {
                let unwanted = self.matching(&negative.source, negative.condition.as_deref());
                !unwanted.iter().any(|u| {
                    let between = previous.order() < u.order() && u.order() < next.order();
                    between && negative.within.is_none_or(|d| u.at() - previous.at() <= d)
                })
            })
    }

    /// A negative step at the end, after the last positive one. It looks past the window.
    fn nothing_after(&self, end: &Item, step: &Step) -> bool {
        let unwanted = self.matching(&step.source, step.condition.as_deref());
        match step.within {
            None => !unwanted.iter().any(|u| end.order() < u.order()),
            Some(d) => {
                let until = end.at() + d;
                let seen = unwanted.iter().any(|u| end.at() < u.at() && u.at() <= until);
                !seen && until <= self.now
            }
        }
    }

    fn call(&self, function: Function, arguments: &[Value]) -> Value {
        match (function, arguments) {
            (Function::Lower, [Value::Text(s)]) => Value::Text(s.to_lowercase()),
            (Function::Length, [Value::Text(s)]) => Value::Int(s.chars().count() as i64),
            (Function::Length, [Value::List(items)]) => Value::Int(items.len() as i64),
            (Function::Length, [Value::Rows(rows)]) => Value::Int(rows.len() as i64),
            (Function::Abs, [a]) => match order(a, &negate(a)) {
                Some(Ordering::Less) => negate(a),
                Some(_) => a.clone(),
                None => Value::Missing,
            },
            (Function::MinOf, all) => extreme(all, Ordering::Less),
            (Function::MaxOf, all) => extreme(all, Ordering::Greater),
            (Function::Geo, [lat, lon]) => match (number(lat), number(lon)) {
                (Some(lat), Some(lon)) => Value::Geo(lat, lon),
                _ => Value::Missing,
            },
            (Function::Distance, [Value::Geo(..), Value::Geo(..)]) => haversine(&arguments[0], &arguments[1]),
            (Function::Age, [Value::Instant(born)]) => {
                Value::Int(clock::full_years(*born, self.now, self.zone()))
            }
            (Function::IsAnniversary, [Value::Instant(of)]) => {
                Value::Bool(clock::is_anniversary(*of, self.now, self.zone()))
            }
            (Function::AnyIn, [Value::List(list), Value::List(wanted)]) => {
                Value::Bool(wanted.iter().any(|w| is_in(w, list)))
            }
            (Function::AllIn, [Value::List(list), Value::List(wanted)]) => {
                Value::Bool(wanted.iter().all(|w| is_in(w, list)))
            }
            _ => Value::Missing,
        }
    }
}

fn is_in(x: &Value, list: &[Value]) -> bool {
    list.iter().any(|y| equal(x, y))
}

fn text_test(test: TextTest, a: &Value, b: &Value) -> bool {
    match (test, a, b) {
        (TextTest::Contains, Value::Text(a), Value::Text(b)) => a.contains(b.as_str()),
        (TextTest::Contains, Value::List(list), x) => is_in(x, list),
        (TextTest::StartsWith, Value::Text(a), Value::Text(b)) => a.starts_with(b.as_str()),
        (TextTest::EndsWith, Value::Text(a), Value::Text(b)) => a.ends_with(b.as_str()),
        _ => false,
    }
}

/// The least or greatest; missing where two of them do not compare.
fn extreme(all: &[Value], wanted: Ordering) -> Value {
    let mut all = all.iter();
    let Some(first) = all.next() else {
        return Value::Missing;
    };
    let found = all
        .try_fold(first, |best, x| order(x, best).map(|standing| if standing == wanted { x } else { best }));
    found.map_or(Value::Missing, Value::clone)
}

fn metres(unit: LengthUnit) -> f64 {
    match unit {
        LengthUnit::Metre => 1.0,
        LengthUnit::Kilometre => 1_000.0,
        LengthUnit::Mile => 1_609.344,
    }
}

/// Metres between two points on a sphere.
fn haversine(a: &Value, b: &Value) -> Value {
    const EARTH_RADIUS_METRES: f64 = 6_371_008.8;
    let (Value::Geo(lat_a, lon_a), Value::Geo(lat_b, lon_b)) = (a, b) else {
        return Value::Missing;
    };
    let (phi_a, phi_b) = (lat_a.to_radians(), lat_b.to_radians());
    let half_phi = (phi_b - phi_a) / 2.0;
    let half_lambda = (lon_b - lon_a).to_radians() / 2.0;
    let h = half_phi.sin().powi(2) + phi_a.cos() * phi_b.cos() * half_lambda.sin().powi(2);
    value::float(2.0 * EARTH_RADIUS_METRES * h.sqrt().min(1.0).asin())
}
