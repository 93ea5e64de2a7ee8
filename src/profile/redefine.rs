//! From what profiles kept under some definitions to what they keep under others.

use crate::model::{Duration, Instant, Value, Zone};
use crate::profile::attributes::Less;
use crate::profile::keep::KindKeep;
use crate::profile::{
    AffinityRule, EventKind, Horizon, Keep, Packed, ProfileStore, PropertyId, Symbols, TotalId,
};
use hashbrown::{HashMap, HashSet};
use std::sync::Arc;

/// What a store goes on with.
#[derive(Debug)]
pub(crate) struct NewKeep {
    pub(crate) keep: Arc<Keep>,
    pub(crate) rules: Arc<[AffinityRule]>,
    pub(crate) zone: Zone,
    pub(crate) session_gap: Duration,
    /// By old number of a total, its new one; nothing where it is gone.
    pub(crate) totals: Vec<Option<TotalId>>,
}

/// How what is kept finds its new place. Kinds, properties and rules are known by their names.
#[derive(Debug)]
pub(crate) struct Moves {
    /// By old number of the kind.
    pub(crate) kinds: Vec<KindMove>,
    /// Whether all kinds and columns stay where they are.
    pub(crate) is_same_shape: bool,
    /// Whether events of some kind are kept no longer. They move, so that totals can be worked out of them, and go then.
    pub(crate) drops: bool,
    /// Whether something is asked for that the old definitions may or may not have dropped already.
    pub(crate) asks_for_more: bool,
    /// Attributes that are declared as instants now and were not, or the other way.
    pub(crate) attributes: Vec<(Box<str>, Declared)>,
    /// By old number of the rule; nothing where its values go.
    pub(crate) rules: Vec<Option<RuleMove>>,
    pub(crate) are_rules_same: bool,
}

/// Where the events of a kind go.
#[derive(Debug)]
pub(crate) struct KindMove {
    /// Nothing for elements of a list that nothing names any longer.
    pub(crate) to: Option<EventKind>,
    /// By new place of a column.
    pub(crate) columns: Vec<ColumnMove>,
    /// Old places of columns that go.
    pub(crate) dropped: Vec<usize>,
    /// Whether every column stays where it is.
    is_same: bool,
}

/// Where the values of a column come from.
#[derive(Debug)]
pub(crate) struct ColumnMove {
    /// Nothing where it was not kept: its values are missing.
    pub(crate) from: Option<usize>,
    pub(crate) declared: Option<Declared>,
}

/// How a declaration changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Declared {
    Instant,
    NoInstant,
}

/// Where the values of a rule go.
#[derive(Debug)]
pub(crate) struct RuleMove {
    pub(crate) to: u32,
    /// The half-life before and after, where it changed.
    pub(crate) half_life: Option<(Duration, Duration)>,
}

impl Declared {
    fn change(before: bool, after: bool) -> Option<Declared> {
        (before != after).then_some(if after { Declared::Instant } else { Declared::NoInstant })
    }

    /// The value as it would have been packed; what cannot be read the new way stays as it is. Its share passes on.
    pub(crate) fn pack_again(self, value: Packed, symbols: &mut Symbols) -> Packed {
        let new = match (self, symbols.value(value)) {
            (Declared::Instant, Value::String(text)) => text.parse().ok().map(Value::Instant),
            (Declared::NoInstant, Value::Instant(at)) => Some(Value::String(at.to_string().into())),
            _ => None,
        };
        let Some(new) = new else { return value };
        symbols.release(value);
        symbols.pack(&new)
    }
}

impl ProfileStore {
    /// Keeps attributes of everybody as they are to be kept from now on. O(attributes of all users).
    pub(crate) fn keep_less(&mut self, less: &dyn Fn(&str, &Value) -> Less) {
        let Self { symbols, profiles, .. } = self;
        for profile in profiles.iter_mut() {
            profile.each_part(|profile| profile.attributes.keep_less(less, symbols));
        }
    }
}

impl KindMove {
    /// Whether the events of this kind stay as they are.
    pub(crate) fn stays(&self, kind: EventKind) -> bool {
        self.is_same && self.to == Some(kind)
    }
}

impl Moves {
    /// How to get from one to the other. O(both).
    pub(crate) fn new(old: (&Keep, &[AffinityRule]), new: (&Keep, &[AffinityRule])) -> Moves {
        let ((old, old_rules), (new, new_rules)) = (old, new);
        let numbers = kind_numbers(old, new);
        let kinds: Vec<_> = old.kinds().map(|(kind, _)| kind_move(kind, &numbers, old, new)).collect();
        let is_same_shape = old.kinds().len() == new.kinds().len()
            && kinds.iter().zip(0..).all(|(known, number)| known.stays(EventKind(number)));
        let asks_for_more = numbers.iter().zip(old.kinds()).any(|(to, (_, before))| {
            to.is_some_and(|to| {
                let after = new.kind(to);
                after.horizon.longest(before.horizon) != before.horizon || after.session && !before.session
            })
        });
        let drops = old.kinds().zip(&kinds).any(|((_, before), known)| {
            before.is_kept() && !known.to.is_some_and(|to| new.kind(to).is_kept())
        });
        let mut attributes: Vec<_> = old
            .instants
            .union(&new.instants)
            .filter_map(|name| {
                let of = |names: &HashSet<_, _>| names.contains(name);
                Some((name.clone(), Declared::change(of(&old.instants), of(&new.instants))?))
            })
            .collect();
        attributes.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let by_property: HashMap<&str, u32, ahash::RandomState> = new_rules
            .iter()
            .zip(0..)
            .map(|(rule, number)| (new.property_name(rule.property), number))
            .collect();
        let rules: Vec<_> = old_rules
            .iter()
            .map(|rule| {
                let to = *by_property.get(old.property_name(rule.property))?;
                let lives = (rule.half_life, new_rules[to as usize].half_life);
                Some(RuleMove { to, half_life: (lives.0 != lives.1).then_some(lives) })
            })
            .collect();
        let are_rules_same = rules.iter().zip(0..).all(|(rule, number)| {
            rule.as_ref().is_some_and(|rule| rule.to == number && rule.half_life.is_none())
        });
        Moves { kinds, is_same_shape, drops, asks_for_more, attributes, rules, are_rules_same }
    }
}

/// The new number of each old kind that the new definitions name; elements of lists by their event and list.
fn kind_numbers(old: &Keep, new: &Keep) -> Vec<Option<EventKind>> {
    let mut numbers = vec![None; old.kinds().len()];
    for (kind, keep) in old.kinds().filter(|(_, keep)| !keep.is_line) {
        let found = new.kind_of(&keep.name);
        if found == EventKind::OTHER && kind != EventKind::OTHER {
            continue;
        }
        numbers[kind.0 as usize] = Some(found);
        for (path, lines) in &keep.lines {
            let found = new.kind(found).lines.iter().find(|(list, _)| list == path);
            numbers[lines.0 as usize] = found.map(|(_, lines)| *lines);
        }
    }
    numbers
}

fn kind_move(kind: EventKind, numbers: &[Option<EventKind>], old: &Keep, new: &Keep) -> KindMove {
    let before = old.kind(kind);
    let width = before.columns.len();
    // An event of the host that is no longer named is still one of `any`.
    let to = numbers[kind.0 as usize].or(before.is_of_host().then_some(EventKind::OTHER));
    let Some(after) = to.map(|to| new.kind(to)) else {
        return KindMove { to, columns: Vec::new(), dropped: (0..width).collect(), is_same: false };
    };
    let columns: Vec<ColumnMove> = after
        .columns
        .iter()
        .map(|column| {
            let known = old.property(new.property_name(column.property));
            let from = known.and_then(|property| old.place(kind, property));
            let was = from.map(|place| before.columns[place].instant);
            let declared = was.and_then(|was| Declared::change(was, column.instant));
            ColumnMove { from, declared }
        })
        .collect();
    let stays =
        |(column, place): (&ColumnMove, usize)| column.from == Some(place) && column.declared.is_none();
    let is_same = columns.len() == width && columns.iter().zip(0..).all(stays);
    let dropped =
        (0..width).filter(|place| columns.iter().all(|column| column.from != Some(*place))).collect();
    KindMove { to, columns, dropped, is_same }
}

/// The new definitions' keep with what it follows from the old one: since when each thing is there.
pub(crate) fn follow(
    old: (&Keep, &[AffinityRule]),
    new: (&Arc<Keep>, &Arc<[AffinityRule]>),
    now: Instant,
) -> (Arc<Keep>, Arc<[AffinityRule]>) {
    let (mut keep, mut rules) = ((**new.0).clone(), new.1.to_vec());
    let mut before: Vec<Option<EventKind>> = vec![None; keep.kinds().len()];
    for (number, to) in kind_numbers(old.0, &keep).into_iter().zip(0..).filter_map(|(to, n)| Some((n, to?))) {
        before[to.0 as usize] = Some(EventKind(number));
    }
    let names: Vec<Box<str>> =
        (0..keep.property_count()).map(|n| keep.property_name(PropertyId(n as u16)).into()).collect();
    for (number, before) in before.into_iter().enumerate() {
        let kind = keep.kind_mut(EventKind(number as u16));
        let old_kind = before.map(|before| (before, old.0.kind(before)));
        kind.since = match old_kind {
            Some((_, before)) => since(before, kind, now),
            None => kind.is_kept().then_some(now),
        };
        for column in &mut kind.columns {
            let known = old_kind.and_then(|(before, keep)| {
                let property = old.0.property(&names[column.property.0 as usize])?;
                Some(&keep.columns[old.0.place(before, property)?])
            });
            column.since = known.map_or(Some(now), |known| match known.ttl {
                // What went does not come back.
                Some(ttl) if column.ttl.is_none_or(|kept| kept > ttl) => known.since.max(Some(now - ttl)),
                _ => known.since,
            });
        }
    }
    for rule in &mut rules {
        let name = keep.property_name(rule.property);
        let known = old.1.iter().find(|known| old.0.property_name(known.property) == name);
        rule.since = known.map_or(Some(now), |known| known.since);
    }
    (Arc::new(keep), rules.into())
}

/// Since when all events of some kinds were kept under the old definitions, with some properties of theirs, for what
/// the new ones ask for the first time; nothing for the beginning.
pub(crate) fn kept_since(
    (old, new): (&Keep, &Keep),
    kinds: &[EventKind],
    properties: &[PropertyId],
    now: Instant,
) -> Option<Instant> {
    let numbers = kind_numbers(old, new);
    let of_kind = |kind: &EventKind| {
        let number = numbers.iter().position(|to| to == &Some(*kind));
        let Some(before) = number.map(|number| EventKind(number as u16)) else { return Some(now) };
        let keep = old.kind(before);
        let own = match keep.horizon {
            Horizon::None => Some(now),
            Horizon::For(age) => keep.since.max(Some(now - age)),
            Horizon::Forever => keep.since,
        };
        let columns = properties.iter().map(|property| {
            let known = old.property(new.property_name(*property));
            let place = known.and_then(|property| old.place(before, property));
            place.map_or(Some(now), |place| {
                let column = &keep.columns[place];
                column.since.max(column.ttl.map(|ttl| now - ttl))
            })
        });
        columns.fold(own, Option::max)
    };
    kinds.iter().map(of_kind).max().flatten()
}

/// Since when everything is there that the new definitions ask of a kind which the old ones knew.
fn since(old: &KindKeep, new: &KindKeep, now: Instant) -> Option<Instant> {
    if !new.is_kept() {
        return None;
    }
    let reaches = old.horizon.longest(new.horizon) == old.horizon;
    match old.horizon {
        _ if reaches && (old.session || !new.session) => old.since,
        Horizon::None => Some(now),
        Horizon::For(age) => old.since.max(Some(now - age)),
        Horizon::Forever => old.since,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_millis(1_700_000_000_000);

    /// A kind with a horizon in days, or for the session, and its properties.
    type Kind<'a> = (&'a str, Horizon, bool, &'a [&'a str]);

    fn keep(kinds: &[Kind<'_>]) -> Arc<Keep> {
        let mut keep = Keep::default();
        for (name, horizon, session, properties) in kinds {
            let kind = if name.is_empty() { EventKind::OTHER } else { keep.add_kind(name).unwrap() };
            keep.extend_horizon(kind, *horizon);
            if *session {
                keep.keep_session(kind);
            }
            for property in *properties {
                let property = keep.add_property(property).unwrap();
                assert!(keep.add_column(kind, property, false));
            }
        }
        Arc::new(keep)
    }

    fn after(old: &Keep, new: Arc<Keep>, now: Instant) -> Arc<Keep> {
        follow((old, &[]), (&new, &Arc::from([])), now).0
    }

    fn days(n: i64) -> Horizon {
        Horizon::For(Duration::days(n))
    }

    #[test]
    fn covered_since_follows_from_what_was_kept() {
        let ago = |n: i64| Some(NOW - Duration::days(n));
        // Horizon and session before and after, and since when that is covered.
        for (old, old_session, new, new_session, expected) in [
            (days(7), false, days(7), false, None),
            (days(7), false, days(3), false, None),
            (days(7), false, days(30), false, ago(7)),
            (days(7), false, Horizon::Forever, false, ago(7)),
            (Horizon::Forever, false, Horizon::Forever, true, None),
            (Horizon::None, false, days(1), false, ago(0)),
            (Horizon::None, true, days(1), true, ago(0)),
            (Horizon::None, true, Horizon::None, true, None),
            (Horizon::None, false, Horizon::None, true, ago(0)),
            (days(7), false, Horizon::None, true, ago(7)),
            (days(7), true, Horizon::None, true, None),
            (days(7), false, Horizon::None, false, None),
        ] {
            let before = keep(&[("view", old, old_session, &["sku"])]);
            // Other numbers on the way.
            let next =
                keep(&[("open", days(1), false, &["city"]), ("view", new, new_session, &["sku", "price"])]);
            let next = after(&before, next, NOW);
            let view = next.kind_of("view");
            let told = format!("{old:?} {old_session} to {new:?} {new_session}");
            assert_eq!(next.covered_since(view, None), expected, "{told}");
            assert_eq!(next.covered_since(view, next.property("sku")), expected, "{told}");
            assert_eq!(next.covered_since(view, next.property("price")), Some(NOW), "{told}");
            assert_eq!(next.covered_since(next.kind_of("open"), None), Some(NOW), "{told}");
        }
    }

    #[test]
    fn covered_since_stays_and_may_come_later() {
        let day = |n: i64| NOW + Duration::days(n);
        let mut known = keep(&[("view", days(1), false, &[])]);
        for (at, horizon, expected) in [
            (0, days(30), Some(day(-1))),
            (5, days(30), Some(day(-1))),
            (6, days(3), Some(day(-1))),
            (100, days(90), Some(day(97))),
            (101, Horizon::None, None),
            (102, days(1), Some(day(102))),
        ] {
            known = after(&known, keep(&[("view", horizon, false, &[])]), day(at));
            assert_eq!(known.covered_since(known.kind_of("view"), None), expected, "at {at}");
        }
    }
}
