use crate::model::{Duration, Instant, Value};
use crate::profile::Packed;
use crate::segment::Span;
use crate::segment::ast::{Comparison, Expr, ExprKind, Literal};
use crate::segment::check::Type;
use crate::segment::formula::{Formula, Gate};
use crate::segment::inquiry::{Inquiry, Part, Present};
use crate::segment::node::{Node, NodeId};
use crate::segment::plan::SegmentId;
use crate::segment::value::Val;
use crate::segment::words::{HIDDEN, in_part, number, written};
use hashbrown::HashMap;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// Most alternatives that are told.
const ALTERNATIVES_MAX: usize = 5;
/// Parts nested deeper count as one condition.
const DEPTH_MAX: usize = 64;

/// The nearest conditions that keep a user out of a segment; of a member, those that keep the user in.
///
/// ```
/// use bespoke::definitions::Definitions;
/// use bespoke::engine::Partition;
/// use bespoke::model::{Instant, Message};
///
/// let definitions = Definitions::from_toml(r#"
///     version = 1
///     [events.view]
///     category = "string"
///     [segments]
///     sneakerhead = 'count(view where category = "sneakers" in 7d) >= 3'
/// "#)?;
/// let mut partition = Partition::new(&definitions);
/// let now: Instant = "2026-11-23T10:00:00Z".parse()?;
/// for _ in 0..2 {
///     partition.ingest(&Message::track("ada", "view").with("category", "sneakers"), now)?;
/// }
/// assert_eq!(
///     partition.why_not("ada", "sneakerhead", now)?.to_string(),
///     "ada is not in sneakerhead: count(view where category = \"sneakers\" in 7d) is 2, needs 1 more"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WhyNot {
    /// The user's id.
    pub user: Arc<str>,
    /// The segment's name.
    pub segment: Arc<str>,
    /// The part that was looked at, where the segment is keyed: the one that was asked for, else the nearest one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Value>,
    /// Whether the user is in it.
    pub holds: bool,
    /// When time alone changes that, if nothing else happens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Instant>,
    /// Sets of conditions, at most five, fewest conditions first: were all conditions of one set the other way
    /// round, and all others as they are, the membership would be. Empty where no condition can change it: an
    /// expression that is what it is for everyone.
    pub alternatives: Vec<Vec<Missing>>,
}

/// A condition that would have to be the other way round.
///
/// ```
/// # use bespoke::{definitions::Definitions, engine::Engine, model::{Instant, Message}};
/// # let text = "version = 1\n[events.view]\n[attributes]\nplan = \"string\"\n\
/// #     [segments]\nupsell = 'count(view in 7d) >= 3 and plan = \"free\"'";
/// # let engine = Engine::builder(Definitions::from_toml(text)?).open()?;
/// # let now = Instant::from_millis(0);
/// engine.ingest(Message::identify("ada").with("plan", "free"), now)?;
/// engine.ingest(Message::track("ada", "view"), now)?;
/// let why_not = engine.why_not("ada", "upsell", now)?; // count(view in 7d) >= 3 and plan = "free"
/// let missing = &why_not.alternatives[0][0];
/// assert_eq!(missing.subject.as_deref(), Some("count(view in 7d)"));
/// assert_eq!((missing.value.as_deref(), missing.needs.as_deref()), (Some("1"), Some("2 more")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Missing {
    /// The condition as it is written.
    pub condition: String,
    /// The segment in whose expression it stands, where that is another one that this one refers to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<Arc<str>>,
    /// Whether it holds now.
    pub holds: bool,
    /// Of a comparison: what is compared, as it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What the subject is now, as the segment language writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What the subject needs: `1 more`, `2h less`, `"FR"`, `between 1 and 5`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
    /// When time alone turns it, if nothing else happens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Instant>,
}

impl fmt::Display for WhyNot {
    /// One line; each further alternative has a line of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (not, part) = (if self.holds { "" } else { "not " }, in_part(self.key.as_ref()));
        write!(f, "{} is {not}in {}{part}", self.user, self.segment)?;
        if self.alternatives.is_empty() {
            f.write_str(", and no condition could change that")?;
        }
        for (i, alternative) in self.alternatives.iter().enumerate() {
            f.write_str(if i == 0 { ": " } else { "\n  or: " })?;
            for (i, missing) in alternative.iter().enumerate() {
                write!(f, "{}{missing}", if i == 0 { "" } else { "; and " })?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.subject, &self.value, &self.needs) {
            (Some(subject), Some(value), Some(needs)) => write!(f, "{subject} is {value}, needs {needs}")?,
            _ if self.holds => write!(f, "{} holds", self.condition)?,
            _ => write!(f, "{} does not hold", self.condition)?,
        }
        if let Some(segment) = &self.segment {
            write!(f, " (of {segment})")?;
        }
        self.until.map_or(Ok(()), |until| write!(f, ", until {until} by time alone"))
    }
}

impl Inquiry<'_> {
    /// What keeps the user out of a segment, or in it.
    pub(crate) fn why_not(&self, key: Option<Packed>, user: &str, segment: &Arc<str>) -> WhyNot {
        let node = self.aside.root.node;
        let why = |present: Present, key: Option<Packed>, alternatives| WhyNot {
            user: user.into(),
            segment: segment.clone(),
            key: key.map(|key| self.store.symbols.value(key)),
            holds: present.holds,
            until: present.until.filter(|_| present.then.is_some()),
            alternatives,
        };
        let Some(parts) = &self.aside.parts else {
            return why(self.truth(node, None), None, self.alternatives(None));
        };
        let keys = self.keys(parts);
        if let Some(key) = key {
            let alternatives = self.alternatives(Some((parts.by, key)));
            return why(self.part_truth(parts, node, key), Some(key), alternatives);
        }
        // Of a member the first part that makes it one, else the part that lacks least; of equals the first.
        let evaluation = self.evaluation(None);
        let member = keys.iter().find(|key| evaluation.part_truth(parts, node, **key, None).holds);
        let lacks = |key: Packed| {
            let alternatives = self.alternatives(Some((parts.by, key)));
            (alternatives.first().map_or(usize::MAX, Vec::len), key, alternatives)
        };
        let nearest = match member {
            Some(key) => Some(lacks(*key)),
            None => keys.into_iter().map(lacks).min_by_key(|(count, ..)| *count),
        };
        match nearest {
            Some((_, key, alternatives)) => why(self.part_truth(parts, node, key), Some(key), alternatives),
            None => why(self.any_part(parts, node), None, self.no_part()),
        }
    }

    /// What lacks where there is no part whose conditions could be looked at.
    fn no_part(&self) -> Vec<Vec<Missing>> {
        let own = &self.aside.written[0];
        let missing = Missing {
            condition: own.words(own.tree.span),
            segment: None,
            holds: false,
            subject: own.by.as_deref().map(Into::into),
            value: Some("missing".into()),
            needs: Some("an event that has it".into()),
            until: None,
        };
        vec![vec![missing]]
    }

    /// Of a part that no event has.
    pub(crate) fn nothing_missing(&self, key: &Value, user: &str, segment: &Arc<str>) -> WhyNot {
        WhyNot {
            user: user.into(),
            segment: segment.clone(),
            key: Some(key.clone()),
            holds: false,
            until: None,
            alternatives: self.no_part(),
        }
    }

    fn alternatives(&self, part: Part) -> Vec<Vec<Missing>> {
        let mut search = Search {
            inquiry: self,
            formula: Formula::default(),
            spots: Vec::new(),
            leaves: HashMap::default(),
            segments: HashMap::default(),
        };
        search.gate(0, &self.aside.written[0].tree, part, 0);
        let sets = search.formula.flips();
        let told = |set: Vec<u32>| set.into_iter().map(|leaf| search.missing(leaf)).collect();
        sets.into_iter().take(ALTERNATIVES_MAX).map(told).collect()
    }
}

/// A condition that counts as one.
#[derive(Clone, Copy)]
struct Spot<'a> {
    /// The text it stands in: 0 is the expression, then come the segments it refers to.
    text: usize,
    expr: &'a Expr,
    node: NodeId,
    part: Part,
}

struct Search<'a> {
    inquiry: &'a Inquiry<'a>,
    formula: Formula,
    /// By leaf.
    spots: Vec<Spot<'a>>,
    /// Equal conditions are one leaf, whether they are written the one or the other way round.
    leaves: HashMap<(NodeId, bool), u32, ahash::RandomState>,
    segments: HashMap<SegmentId, u32, ahash::RandomState>,
}

impl<'a> Search<'a> {
    fn gate(&mut self, text: usize, expr: &'a Expr, part: Part, depth: usize) -> u32 {
        let all = |search: &mut Self, all: &'a [Expr]| -> Vec<u32> {
            all.iter().map(|each| search.gate(text, each, part, depth + 1)).collect()
        };
        let gate = match &expr.kind {
            ExprKind::Literal(Literal::Bool(holds)) => Gate::Fixed(*holds),
            _ if depth >= DEPTH_MAX => self.leaf(text, expr, part),
            ExprKind::Not(inner) => Gate::Not(self.gate(text, inner, part, depth + 1)),
            ExprKind::And(members) => Gate::All(all(self, members)),
            ExprKind::Or(members) => Gate::Any(all(self, members)),
            ExprKind::Call { .. } => match self.reference(text, expr) {
                Some(segment) => return self.segment(segment, depth),
                None => self.leaf(text, expr, part),
            },
            _ => self.leaf(text, expr, part),
        };
        self.formula.push(gate)
    }

    /// The segment that a call refers to, where its conditions can be looked at as if they stood here.
    fn reference(&self, text: usize, expr: &Expr) -> Option<SegmentId> {
        let node = self.inquiry.aside.written[text].node(expr)?;
        let Node::Segment(id) = self.inquiry.plan.node(node) else { return None };
        self.inquiry.plan.segments[id.0 as usize].parts.is_none().then_some(*id)
    }

    fn segment(&mut self, id: SegmentId, depth: usize) -> u32 {
        if let Some(gate) = self.segments.get(&id) {
            return *gate;
        }
        let gate = self.gate(id.0 as usize + 1, &self.inquiry.aside.written(id).tree, None, depth + 1);
        self.segments.insert(id, gate);
        gate
    }

    fn leaf(&mut self, text: usize, expr: &'a Expr, part: Part) -> Gate {
        let Some(mut node) = self.inquiry.aside.written[text].node(expr) else { return Gate::Fixed(false) };
        let mut negated = false;
        while let Node::Not(inner) = self.inquiry.plan.node(node) {
            (node, negated) = (*inner, !negated);
        }
        let known = self.leaves.get(&(node, part.is_some())).copied();
        let leaf = known.unwrap_or_else(|| {
            let leaf = self.formula.leaf(self.inquiry.evaluation(part).truth(node).holds);
            self.leaves.insert((node, part.is_some()), leaf);
            self.spots.push(Spot { text, expr, node, part });
            leaf
        });
        Gate::Leaf { leaf, negated }
    }

    fn missing(&self, leaf: u32) -> Missing {
        let Spot { text, expr, part, .. } = self.spots[leaf as usize];
        let source = &self.inquiry.aside.written[text];
        let node = source.node(expr).unwrap_or(self.spots[leaf as usize].node);
        let Present { holds, until, then, .. } = self.inquiry.truth(node, part);
        let mut missing = Missing {
            condition: source.words(expr.span),
            segment: if text == 0 { None } else { source.name.clone() },
            holds,
            subject: None,
            value: None,
            needs: None,
            until: until.filter(|_| then.is_some()),
        };
        if let Some((subject, needs)) = self.needs(text, expr, part, !holds) {
            missing.subject = Some(source.words(subject.span));
            missing.value = source.node(subject).map(|node| self.inquiry.shown(node, part).words);
            missing.needs = Some(needs);
        }
        missing
    }

    /// What is compared, and what it would need so that the condition is as it is wanted.
    fn needs(&self, text: usize, expr: &'a Expr, part: Part, wanted: bool) -> Option<(&'a Expr, String)> {
        let source = &self.inquiry.aside.written[text];
        let rest = |from: &Expr, to: &Expr, not: bool| {
            let words = source.words(Span { start: from.span.end, end: to.span.end });
            if not { format!("not to be {words}") } else { words }
        };
        Some(match &expr.kind {
            ExprKind::Compare(comparison, left, right) => {
                let is_constant = |e: &Expr| matches!(e.kind, ExprKind::Literal(_) | ExprKind::List(_));
                let (comparison, subject, other) = if is_constant(left) && !is_constant(right) {
                    (comparison.mirrored(), right, left)
                } else {
                    (*comparison, left, right)
                };
                if source.typed(subject)?.kind == Type::Bool {
                    return None;
                }
                let evaluation = self.inquiry.evaluation(part);
                let value = evaluation.value(source.node(subject)?, None).value;
                let beside = evaluation.value(source.node(other)?, None).value;
                let comparison = if wanted { comparison } else { opposite(comparison) };
                let is_hidden =
                    |e: &Expr| source.node(e).is_some_and(|node| self.inquiry.aside.is_hidden(node));
                let needs = match comparison {
                    // What is wanted would tell as much as what is there.
                    Comparison::NotEqual => self.needed(comparison, &value, &beside),
                    _ if is_hidden(subject) || is_hidden(other) => HIDDEN.to_owned(),
                    _ => self.needed(comparison, &value, &beside),
                };
                (subject, needs)
            }
            ExprKind::In(item, list, true) => {
                let list = source.words(list.span);
                (item, if wanted { format!("not in {list}") } else { format!("in {list}") })
            }
            ExprKind::In(item, list, false) => {
                let list = source.words(list.span);
                (item, if wanted { format!("in {list}") } else { format!("not in {list}") })
            }
            ExprKind::Between(x, _, high) => (x, rest(x, high, !wanted)),
            ExprKind::Text(_, whole, pattern) => (whole, rest(whole, pattern, !wanted)),
            ExprKind::IsMissing(x, negated) => {
                (x, if *negated == wanted { "a value" } else { "to be missing" }.to_owned())
            }
            _ => return None,
        })
    }

    /// What a value needs so that it compares with another one as it should.
    fn needed(&self, comparison: Comparison, value: &Val<'_>, other: &Val<'_>) -> String {
        use Comparison::{Equal, Greater, GreaterOrEqual, Less, NotEqual};
        let symbols = &self.inquiry.store.symbols;
        let up = matches!(comparison, Greater | GreaterOrEqual);
        let strict = matches!(comparison, Greater | Less);
        let distance = match comparison {
            Equal => return written(other, symbols),
            NotEqual => return "another value".to_owned(),
            _ if up => distance(value, other, strict),
            _ => distance(other, value, strict),
        };
        let (more, less) = match value {
            Val::Instant(_) | Val::Time(_) => ("later", "earlier"),
            _ => ("more", "less"),
        };
        match distance {
            Some(distance) => format!("{distance} {}", if up { more } else { less }),
            None => {
                let sign = match comparison {
                    Greater => ">",
                    GreaterOrEqual => ">=",
                    Less => "<",
                    _ => "<=",
                };
                format!("{sign} {}", written(other, symbols))
            }
        }
    }
}

/// What is true where a comparison is not.
fn opposite(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Equal => Comparison::NotEqual,
        Comparison::NotEqual => Comparison::Equal,
        Comparison::Less => Comparison::GreaterOrEqual,
        Comparison::LessOrEqual => Comparison::Greater,
        Comparison::Greater => Comparison::LessOrEqual,
        Comparison::GreaterOrEqual => Comparison::Less,
    }
}

/// A distance with as many digits as others are shown with, and not too short by those that are left out.
fn enough(distance: f64) -> String {
    let shown = number(distance);
    let short = distance - shown.parse::<f64>().unwrap_or(distance);
    // What arithmetic in binary leaves behind is less.
    if short > distance.abs() * 1e-12 { number((distance * 1e6).ceil() / 1e6) } else { shown }
}

/// How far one value is below another, or below one that is just above that; nothing where that is no number.
fn distance(low: &Val<'_>, high: &Val<'_>, strict: bool) -> Option<String> {
    match (low, high) {
        (Val::Int(low), Val::Int(high)) => {
            Some((i128::from(*high) - i128::from(*low) + i128::from(strict)).to_string())
        }
        (Val::Int(_) | Val::Float(_), Val::Int(_) | Val::Float(_)) => {
            let distance = enough(high.number()? - low.number()?);
            Some(if strict { format!("over {distance}") } else { distance })
        }
        (Val::Instant(low), Val::Instant(high))
        | (Val::Duration(low), Val::Duration(high))
        | (Val::Time(low), Val::Time(high)) => {
            let distance = high.checked_sub(*low)?.checked_add(strict.into())?;
            Some(Duration::from_millis(distance).to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_is_enough_as_it_is_shown() {
        for (distance, shown) in [
            (0.1 + 0.2, "0.3"),
            (0.123_456_4, "0.123457"),
            (0.123_456_6, "0.123457"),
            (12.5, "12.5"),
            (1e-9, "0.000000001"),
            (1e300, &number(1e300)),
        ] {
            assert_eq!(enough(distance), shown);
        }
    }
}
