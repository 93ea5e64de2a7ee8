use crate::model::Instant;
use serde::Serialize;
use std::fmt;

/// Why something is as it is: whether it holds, in words, and what that rests on.
///
/// The one shape in which every room answers "why?": why a variant is shown, why a user is in a segment, why a
/// message was not sent. It is made when it is asked for, so that nothing on the way of an input pays for words.
///
/// ```
/// # fn show(why: &bespoke::model::Explanation) {
/// println!("{why}");                            // the whole tree, a line each
/// for part in why.because.iter().filter(|part| !part.holds) {
///     println!("not so: {}", part.words);
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// Whether what the words say came about: shown, a member, sent. Of a [value](Explanation::value): whether
    /// there is one.
    pub holds: bool,
    /// One line without a full stop.
    pub words: String,
    /// Of what is no condition: its value, as the segment language writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The events that it was made of, where they are kept: of some aggregates over all time only the value is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Box<Evidence>>,
    /// When time alone changes it next, if nothing else happens. That segments come and go by time counts where they are
    /// asked for (`segment("a")`), and not by way of what is written down of it (`entered("a")`, events such as
    /// `segment.left`): what follows from that is told at its instant, and not before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Instant>,
    /// What it is then; none where it was not looked at so far ahead, and `until` is just the earliest instant at
    /// which it may change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub then: Option<String>,
    /// Since when there is all of the history that it asks for, where it asks for more than is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub covered_since: Option<Instant>,
    /// What it rests on, in the order of definition.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<Explanation>,
}

/// The events that a value was made of.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Partition, model::{Duration, Instant, Message}};
/// # let text = "version = 1\n[events.view]\n[segments]\nkeen = 'count(view in 7d) >= 3'";
/// # let mut partition = Partition::new(&Definitions::from_toml(text)?);
/// # let start: Instant = "2026-11-23T10:00:00Z".parse()?;
/// for hour in 0..9 {
///     partition.ingest(&Message::track("ada", "view"), start + Duration::hours(hour))?;
/// }
/// let why = partition.explain("ada", "keen", start + Duration::hours(9))?; // count(view in 7d) >= 3
/// let count = &why.because[0].because[0]; // below the segment its condition, below that what is compared
/// let evidence = count.evidence.as_ref().ok_or("no events")?;
/// assert_eq!((evidence.count, evidence.first, evidence.latest.len()), (9, Some(start), 5)); // five are shown
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Evidence {
    /// How many.
    pub count: usize,
    /// The instant of the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Instant>,
    /// The instant of the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Instant>,
    /// The latest, at most five, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub latest: Vec<Witness>,
}

/// One event that a value was made of.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Partition, model::{Instant, Message}};
/// # let text = "version = 1\n[events.order]\namount = \"number\"\n[segments]\nbig = 'sum(order.amount in 7d) >= 100'";
/// # let mut partition = Partition::new(&Definitions::from_toml(text)?);
/// # let now: Instant = "2026-11-23T10:00:00Z".parse()?;
/// for amount in [80, 45] {
///     partition.ingest(&Message::track("ada", "order").with("amount", amount), now)?;
/// }
/// let spent = partition.expression("sum(order.amount in 7d)")?;
/// let why = partition.explain_expression(&spent, "ada", now)?;
/// let witness = &why.evidence.as_ref().ok_or("no events")?.latest[0];
/// assert_eq!((&*witness.event, witness.at), ("order", now));
/// assert_eq!(witness.value.as_deref(), Some("80")); // its part of 125
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Witness {
    /// When it happened.
    pub at: Instant,
    /// Its name; empty where no definition names it.
    pub event: String,
    /// What it adds, where the value is made of a property.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

impl Explanation {
    pub(crate) fn new(holds: bool, words: impl Into<String>) -> Explanation {
        Explanation {
            holds,
            words: words.into(),
            value: None,
            evidence: None,
            until: None,
            then: None,
            covered_since: None,
            because: Vec::new(),
        }
    }

    /// Of what is no condition.
    pub(crate) fn of_value(words: impl Into<String>, value: impl Into<String>) -> Explanation {
        Explanation { value: Some(value.into()), ..Explanation::new(true, words) }
    }

    pub(crate) fn because(mut self, parts: impl IntoIterator<Item = Explanation>) -> Explanation {
        self.because.extend(parts);
        self
    }

    /// One line of the tree.
    fn write_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            None => write!(f, "{} {}", if self.holds { '✓' } else { '✗' }, self.words)?,
            Some(value) => write!(f, "· {}: {value}", self.words)?,
        }
        if let Some(evidence) = &self.evidence {
            write!(f, "{evidence}")?;
        }
        match (self.until, &self.then, &self.value) {
            (None, ..) => {}
            (Some(at), None, _) => write!(f, ", at least until {at}")?,
            (Some(at), Some(then), Some(_)) => write!(f, ", {then} from {at}")?,
            (Some(at), Some(_), None) => write!(f, ", until {at}")?,
        }
        self.covered_since.map_or(Ok(()), |since| write!(f, "; the history is whole since {since} only"))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        write!(f, "{:indent$}", "", indent = 2 * depth)?;
        self.write_line(f)?;
        self.because.iter().try_for_each(|part| {
            f.write_str("\n")?;
            part.write(f, depth + 1)
        })
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

/// ` (2026-11-23T10:00:00Z, 2026-11-23T11:00:00Z)`; nothing where there are no events.
impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.count == 0 {
            return Ok(());
        }
        f.write_str(" (")?;
        if let (Some(first), true) = (self.first, self.count > self.latest.len()) {
            write!(f, "{} events since {first}, the latest ", self.count)?;
        }
        for (i, witness) in self.latest.iter().enumerate() {
            write!(f, "{}{}", if i > 0 { ", " } else { "" }, witness.at)?;
            witness.value.iter().try_for_each(|value| write!(f, " {value}"))?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_in_words_and_as_data() {
        let why = Explanation::new(true, "sneakerhead").because([
            Explanation::new(true, "3 views of 3"),
            Explanation::new(false, "is missing: opted_out"),
        ]);
        assert_eq!(why.to_string(), "✓ sneakerhead\n  ✓ 3 views of 3\n  ✗ is missing: opted_out");
        assert_eq!(
            serde_json::to_string(&why.because[0]).unwrap(),
            r#"{"holds":true,"words":"3 views of 3"}"#
        );
    }

    #[test]
    fn what_a_line_tells() {
        let at = |minute: i64| Instant::from_millis(60_000 * minute);
        let witness = |minute| Witness { at: at(minute), event: "view".into(), value: None };
        let evidence = |count: usize, from: i64| Evidence {
            count,
            first: (count > 0).then(|| at(0)),
            last: (count > 0).then(|| at(9)),
            latest: (from..=9).map(witness).collect(),
        };
        let base = Explanation::of_value("count(view in 1h)", "2");
        for (explanation, line) in [
            (base.clone(), "· count(view in 1h): 2"),
            (
                Explanation { evidence: Some(Box::new(evidence(10, 8))), ..base.clone() },
                "· count(view in 1h): 2 (10 events since 1970-01-01T00:00:00Z, the latest 1970-01-01T00:08:00Z, 1970-01-01T00:09:00Z)",
            ),
            (
                Explanation {
                    evidence: Some(Box::new(evidence(2, 8))),
                    until: Some(at(60)),
                    then: Some("1".into()),
                    ..base.clone()
                },
                "· count(view in 1h): 2 (1970-01-01T00:08:00Z, 1970-01-01T00:09:00Z), 1 from 1970-01-01T01:00:00Z",
            ),
            (
                Explanation { until: Some(at(1)), then: Some("false".into()), ..Explanation::new(true, "a") },
                "✓ a, until 1970-01-01T00:01:00Z",
            ),
            (
                Explanation { until: Some(at(1)), ..Explanation::new(false, "a") },
                "✗ a, at least until 1970-01-01T00:01:00Z",
            ),
            (
                Explanation { covered_since: Some(at(1)), ..Explanation::new(false, "a") },
                "✗ a; the history is whole since 1970-01-01T00:01:00Z only",
            ),
        ] {
            assert_eq!(explanation.to_string(), line);
        }
        assert_eq!(evidence(0, 10).to_string(), "");
    }
}
