//! What the engine itself keeps of a user, beside what hosts say.

use crate::model::{Consent, ConsentStatus, Instant, OWN_MARK, Value};
use crate::profile::attributes::{Attribute, Attributes};
use crate::profile::{Packed, Symbols, Unpacked};

/// A fact that is kept among the attributes of a user under a name that no host can write, so that what reads
/// attributes reads it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact<'a> {
    /// The user is on a list.
    List(&'a str),
    /// What the user says to a purpose, by any channel or by one.
    Consent(&'a str, Option<&'a str>),
    /// What is kept of the user is not to be processed.
    Restricted,
    /// The variant that was shown last at a placement.
    Variant(&'a str),
    /// The user was exposed to an arm of an experiment: experiment and arm.
    Exposed(&'a str, &'a str),
    /// A number that a model says.
    Prediction(&'a str),
    /// A fact for everyone: kept once, and not with the users.
    World(&'a str),
    /// The beginning of the stay in a segment. Follows from the memberships.
    Entered(&'a str),
    /// The same by the key of a part, whose text stands behind the name.
    EnteredPart(&'a str),
    /// Whether the user is in a journey. Follows from the journeys.
    Journey(&'a str),
}

impl<'a> Fact<'a> {
    /// The name of the attribute it is.
    pub(crate) fn name(self) -> String {
        let (kind, name) = match self {
            Fact::List(name) => ("list", name),
            Fact::Consent(purpose, None) => ("consent", purpose),
            Fact::Consent(purpose, Some(channel)) => {
                return format!("{OWN_MARK}consent{OWN_MARK}{purpose}{OWN_MARK}{channel}");
            }
            Fact::Exposed(experiment, arm) => {
                return format!("{OWN_MARK}exposed{OWN_MARK}{experiment}{OWN_MARK}{arm}");
            }
            Fact::Restricted => ("restricted", ""),
            Fact::Variant(name) => ("variant", name),
            Fact::Prediction(name) => ("predict", name),
            Fact::World(name) => ("world", name),
            Fact::Entered(name) => ("entered", name),
            Fact::EnteredPart(name) => return format!("{OWN_MARK}part{OWN_MARK}{name}{OWN_MARK}"),
            Fact::Journey(name) => ("journey", name),
        };
        format!("{OWN_MARK}{kind}{OWN_MARK}{name}")
    }

    /// The fact of that name; nothing where it is an attribute of the host.
    pub(crate) fn of(name: &'a str) -> Option<Fact<'a>> {
        let (kind, name) = name.strip_prefix(OWN_MARK)?.split_once(OWN_MARK)?;
        Some(match kind {
            "list" => Fact::List(name),
            "consent" => match name.split_once(OWN_MARK) {
                Some((purpose, channel)) => Fact::Consent(purpose, Some(channel)),
                None => Fact::Consent(name, None),
            },
            "restricted" => Fact::Restricted,
            "variant" => Fact::Variant(name),
            "exposed" => {
                let (experiment, arm) = name.split_once(OWN_MARK)?;
                Fact::Exposed(experiment, arm)
            }
            "predict" => Fact::Prediction(name),
            "world" => Fact::World(name),
            "entered" => Fact::Entered(name),
            "part" => Fact::EnteredPart(name),
            "journey" => Fact::Journey(name),
            _ => return None,
        })
    }

    /// Whether it follows from other state, so that it is worked out anew and not merged.
    pub(crate) fn is_derived(self) -> bool {
        matches!(self, Fact::Entered(_) | Fact::EnteredPart(_) | Fact::Journey(_))
    }
}

/// The status of a kept consent, and when it expires.
pub(crate) fn kept_consent(value: Packed, symbols: &Symbols) -> Option<(ConsentStatus, Option<Instant>)> {
    let Unpacked::List([status, rest @ ..]) = symbols.unpack(value) else { return None };
    let expires = match rest {
        [Value::Instant(expires), ..] => Some(*expires),
        _ => None,
    };
    Some((ConsentStatus::named(status.as_str()?)?, expires))
}

/// All that a kept consent says.
pub(crate) fn whole_consent(
    (purpose, channel): (&str, Option<&str>),
    value: Packed,
    symbols: &Symbols,
) -> Option<Consent> {
    let (status, expires) = kept_consent(value, symbols)?;
    let Unpacked::List(row) = symbols.unpack(value) else { return None };
    let text =
        |place: usize| row.get(place).and_then(Value::as_str).filter(|text| !text.is_empty()).map(Into::into);
    let (source, policy_version) = (text(2), text(3));
    Some(Consent {
        purpose: purpose.into(),
        channel: channel.map(Into::into),
        status,
        expires,
        source,
        policy_version,
    })
}

/// A consent as it is kept: status, end, source and version of the policy, as far as there is any of them. An empty text
/// stands for what is not said, as lists hold no nulls.
pub(crate) fn consent_value(consent: &Consent) -> Value {
    let text = |text: &Option<Box<str>>| Value::from(text.as_deref().unwrap_or_default());
    let expires = consent.expires.map_or(Value::from(""), Value::Instant);
    let mut row =
        vec![consent.status.word().into(), expires, text(&consent.source), text(&consent.policy_version)];
    while row.last().is_some_and(|last| last.as_str() == Some("")) {
        row.pop();
    }
    Value::List(row)
}

/// How strict a consent is: of two of one instant the stricter holds.
fn strictness(value: Packed, symbols: &Symbols) -> Option<(ConsentStatus, i64)> {
    let (status, expires) = kept_consent(value, symbols)?;
    let lasts = expires.map_or(i64::MAX, Instant::as_millis);
    // A grant is the stricter for a shorter time, a denial for a longer one.
    Some((status, if status == ConsentStatus::Granted { -lasts } else { lasts }))
}

/// Whether a fact that is there stays beside a new one, by the rule of its kind.
pub(crate) fn outranks(old: &Attribute, new: &Attribute, symbols: &Symbols) -> bool {
    match Fact::of(symbols.text(new.name)) {
        Some(Fact::Consent(..)) => {
            let rank = |a: &Attribute| (a.written, strictness(a.value, symbols), a.arrival);
            rank(old) > rank(new)
        }
        // Of two of one instant the restriction holds.
        Some(Fact::Restricted) => {
            let rank = |a: &Attribute| (a.written, !a.value.is_missing());
            rank(old) > rank(new)
        }
        _ => new.written < old.written,
    }
}

/// Of what two profiles say that have been one user's since so many messages, whether theirs holds. Commutative: no two
/// messages have one arrival.
pub(crate) fn theirs_holds(own: &Attribute, theirs: &Attribute, joined: u32, symbols: &Symbols) -> bool {
    match Fact::of(symbols.text(theirs.name)) {
        // On the list in either, on it in both, unless it was said of both that the user is on it no longer.
        Some(Fact::List(_)) if own.value.is_missing() != theirs.value.is_missing() => {
            let (on, off) = if own.value.is_missing() { (theirs, own) } else { (own, theirs) };
            let is_off = off.arrival > joined.max(on.arrival);
            own.value.is_missing() != is_off
        }
        Some(Fact::Consent(..) | Fact::Restricted) => !outranks(own, theirs, symbols),
        // The first time is what counts.
        Some(Fact::Exposed(..)) => (theirs.written, theirs.arrival) < (own.written, own.arrival),
        _ => (theirs.written, theirs.arrival) > (own.written, own.arrival),
    }
}

impl Attributes {
    /// Drops facts that follow from other state: all of them, or those that hold no longer.
    pub(crate) fn drop_derived(&mut self, all: bool, symbols: &mut Symbols) {
        self.retain(symbols, |attribute, symbols| {
            let derived = Fact::of(symbols.text(attribute.name)).is_some_and(Fact::is_derived);
            !(derived && (all || attribute.value.is_missing()))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for fact in [
            Fact::List("vip-2026"),
            Fact::Consent("marketing", None),
            Fact::Consent("marketing", Some("e.mail")),
            Fact::Restricted,
            Fact::Variant("hero"),
            Fact::Exposed("subject.line", "mail_b"),
            Fact::Prediction("churn"),
            Fact::World("sale.on"),
            Fact::Entered("vip"),
            Fact::Journey("cart"),
        ] {
            assert_eq!(Fact::of(&fact.name()), Some(fact));
        }
        assert_eq!(Fact::of("country"), None);
        assert!(matches!(
            Fact::of(&format!("{}t7", Fact::EnteredPart("cart").name())),
            Some(Fact::EnteredPart(_))
        ));
    }

    #[test]
    fn a_merge_is_the_same_in_either_order() {
        let mut symbols = Symbols::default();
        let until = |ms| Some(Value::Instant(Instant::from_millis(ms)));
        let consent = |word: &str, expires: Option<Value>| {
            Value::List([Some(word.into()), expires].into_iter().flatten().collect())
        };
        let marketing = [
            consent("granted", None),
            consent("granted", until(5)),
            consent("granted", until(9)),
            consent("denied", None),
            consent("denied", until(5)),
            consent("withdrawn", None),
            Value::Null,
        ];
        let facts = [
            (Fact::List("vip"), vec![Value::Bool(true), Value::Null]),
            (Fact::Consent("marketing", Some("email")), marketing.into()),
            (Fact::Restricted, vec![Value::Bool(true), Value::Null]),
        ];
        for (fact, values) in facts {
            let name = symbols.intern(&fact.name());
            let rows: Vec<Attribute> = values
                .iter()
                .flat_map(|value| [1, 2].map(|ms| (value, Instant::from_millis(ms))))
                .map(|(value, written)| Attribute { name, arrival: 0, written, value: symbols.pack(value) })
                .collect();
            let merged = |a: Attribute, b: Attribute| {
                let value = if theirs_holds(&a, &b, u32::MAX, &symbols) { b.value } else { a.value };
                symbols.value(value)
            };
            for a in &rows {
                for b in &rows {
                    assert_eq!(merged(*a, *b), merged(*b, *a), "{a:?} {b:?}");
                }
            }
        }
    }
}
