//! `score("name")`: points for events and for conditions, the former fading by a half-life.
//!
//! The score is a float: for each rule over events, in the order in which they are given, and for each of its events,
//! oldest first, the points are added, times 2^(−age ÷ half-life) where there is a half-life; then the points of the
//! conditions that hold. An event counts while it is in the window; with a half-life that is 60 of them, because less
//! than 2^-60 of its points is left by then, which no sum beside other points can see; and so long events are kept.
//!
//! Fading points of one sign make a score that only falls, or only rises, as time passes and nothing happens: each
//! millisecond moves each term by more than it is rounded by, and a sum is rounded in the direction in which its terms
//! go. So the instant at which a comparison flips is found by halving, to the millisecond. Points of both signs would
//! move it either way, and are refused where they fade.

use crate::model::{Duration, Quoted};
use crate::segment::ast::{EventName, Expr};
use crate::segment::build::parsed;
use crate::segment::check::{Checked, Checker, Reads, Scope, Type, Typed};
use crate::segment::evaluate::Evaluation;
use crate::segment::node::{Bits, Constant, Filter, Node, NodeId, Source, SourceId, Window};
use crate::segment::value::{Signal, Slope, Val};
use crate::segment::{Error, ErrorKind, Span};
use std::sync::Arc;

/// After so many half-lives an event counts no more, and is not kept.
const HALF_LIVES: i64 = 60;
/// Longest half-life and window. Much slower points would move by less than they are rounded by.
const DURATION_MAX: Duration = Duration::days(36_500);
/// The most points, and the least, that a rule may give.
const POINTS_MAX: f64 = 1e9;

/// A score as it is defined: points for what a user does and for what holds, as a number that expressions ask for by
/// `score("name")`.
///
/// ```
/// use bespoke::model::Duration;
/// use bespoke::segment::{Kind, Plan, Schema, Score};
/// let mut schema = Schema::strict();
/// schema.property("view", "category", Kind::String).attribute("plan", Kind::String).event("purchase");
/// let engagement = Score::new("engagement")
///     .half_life(Duration::days(14))
///     .event("view", None, 1.0)
///     .event("purchase", None, 20.0)
///     .condition(r#"plan = "pro""#, 10.0);
/// let plan = Plan::builder(schema)
///     .score(engagement)
///     .segment("engaged", None, r#"score("engagement") >= 50"#)
///     .build()?;
/// # let _ = plan;
/// # Ok::<(), Vec<bespoke::segment::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Score {
    pub(crate) name: Box<str>,
    half_life: Option<Duration>,
    window: Option<Duration>,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    what: What,
    points: f64,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    /// A name, and what else must hold of the event.
    Event(Box<str>, Option<Box<str>>),
    Condition(Box<str>),
}

impl Score {
    /// A score without rules. The name is what expressions ask for.
    pub fn new(name: &str) -> Score {
        Score { name: name.into(), half_life: None, window: None, rules: Vec::new() }
    }

    /// Points of events are worth half after so long, and none after 60 times as long. At most 36500 days.
    pub fn half_life(mut self, half_life: Duration) -> Score {
        self.half_life = Some(half_life);
        self
    }

    /// Points of events are worth all for so long, and none from then on. Either this or a half-life; with neither
    /// events count for ever.
    pub fn within(mut self, window: Duration) -> Score {
        self.window = Some(window);
        self
    }

    /// Points for each event of a name that meets a condition, which is written as behind `where`.
    pub fn event(mut self, event: &str, condition: Option<&str>, points: f64) -> Score {
        self.rules.push(Rule { what: What::Event(event.into(), condition.map(Into::into)), points });
        self
    }

    /// Points while an expression holds. It may ask for segments, but not for scores.
    pub fn condition(mut self, text: &str, points: f64) -> Score {
        self.rules.push(Rule { what: What::Condition(text.into()), points });
        self
    }

    fn fades(&self) -> bool {
        self.half_life.is_some() && self.rules.iter().any(|rule| matches!(rule.what, What::Event(..)))
    }

    /// What is wrong with the score itself, each with its place below the score's.
    fn mistakes(&self) -> Vec<(String, Error)> {
        let error = |kind, message: &str| Error::new(kind, message, Span::default());
        let mut mistakes = Vec::new();
        if self.rules.is_empty() {
            mistakes.push(("points".into(), error(ErrorKind::Arguments, "the score gives no points")));
        }
        for (key, duration) in [("half_life", self.half_life), ("in", self.window)] {
            if duration.is_some_and(|duration| duration <= Duration::ZERO) {
                let error = error(ErrorKind::EmptyWindow, "the duration must be more than 0");
                mistakes.push((key.into(), error));
            }
            if duration.is_some_and(|duration| duration > DURATION_MAX) {
                let message = format!("the duration must be at most `{DURATION_MAX}`");
                mistakes.push((key.into(), error(ErrorKind::Limit, &message)));
            }
        }
        if self.half_life.is_some() && self.window.is_some() {
            let error = error(ErrorKind::Arguments, "points either fade by a half-life or end with a window");
            let help = "leave `in` out; with a half-life an event counts for 60 half-lives";
            mistakes.push(("in".into(), error.help(help)));
        }
        let mut sign = None;
        for (number, Rule { what, points }) in self.rules.iter().enumerate() {
            let place = format!("points.{number}.points");
            if !(-POINTS_MAX..=POINTS_MAX).contains(points) {
                let message = format!("{points} points are out of range: at most {POINTS_MAX} either way");
                mistakes.push((place, error(ErrorKind::Limit, &message)));
            } else if self.half_life.is_some() && matches!(what, What::Event(..)) && *points != 0.0 {
                let own = points.signum();
                if *sign.get_or_insert(own) != own {
                    let message = "with a half-life, events that give points and events that take them fade \
                                   against each other, and when time alone changes a comparison cannot be told";
                    let help =
                        "make them two scores, or give the score a window (`in`) instead of a half-life";
                    mistakes.push((place, error(ErrorKind::TimeNotTold, message).help(help)));
                }
            }
        }
        mistakes
    }
}

/// A score as it is evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ScoreNode {
    pub(super) half_life: Option<i64>,
    pub(crate) window: Window,
    /// Each with its points.
    pub(crate) events: Vec<(SourceId, Bits)>,
    pub(crate) conditions: Vec<(NodeId, Bits)>,
}

/// A score once it was checked.
#[derive(Debug)]
pub(crate) struct CheckedScore {
    node: NodeId,
    fades: bool,
    reads: Reads,
    /// Whether an expression asks for it.
    is_asked: bool,
}

impl Checker<'_> {
    /// Checks all scores, before the expressions that ask for them.
    pub(crate) fn check_scores(&mut self) {
        let scores = self.scores;
        for (number, score) in scores.iter().enumerate() {
            let known = self.errors.len();
            if scores[..number].iter().any(|other| other.name == score.name) {
                let message = format!("the score {} is defined twice", Quoted(&score.name));
                self.errors.push(Error::new(ErrorKind::UnknownName, message, Span::default()));
            }
            self.place_errors(known, &score.name, "", "");
            for (place, error) in score.mistakes() {
                let known = self.errors.len();
                self.errors.push(error);
                self.place_errors(known, &score.name, &format!(".{place}"), "");
            }
            let node = self.score_node(score);
            let reads = std::mem::take(&mut self.reads);
            let score = node.map(|node| CheckedScore {
                node: self.push(Node::Score(Box::new(node))),
                fades: score.fades(),
                reads,
                is_asked: false,
            });
            self.checked_scores.push(score);
        }
    }

    fn score_node(&mut self, score: &Score) -> Option<ScoreNode> {
        let half_life = score.half_life.map(Duration::as_millis);
        let window = match (half_life, score.window) {
            (Some(ms), _) => Window::Sliding(ms.saturating_mul(HALF_LIVES)),
            (None, Some(window)) => Window::Sliding(window.as_millis()),
            (None, None) => Window::All,
        };
        let mut node = ScoreNode { half_life, window, events: Vec::new(), conditions: Vec::new() };
        let mut is_sound = true;
        for (number, Rule { what, points }) in score.rules.iter().enumerate() {
            let place = format!(".points.{number}");
            match what {
                What::Event(event, condition) => {
                    let source =
                        self.score_source(&score.name, &place, event, condition.as_deref(), &node.window);
                    is_sound &= source.is_some();
                    node.events.extend(source.map(|source| (source, Bits(*points))));
                }
                What::Condition(text) => {
                    let condition =
                        self.score_condition(text, &score.name, &format!("{place}.when"), &Scope::default());
                    is_sound &= condition.is_some();
                    node.conditions.extend(condition.map(|condition| (condition, Bits(*points))));
                }
            }
        }
        is_sound.then_some(node)
    }

    fn score_source(
        &mut self,
        score: &str,
        place: &str,
        event: &str,
        condition: Option<&str>,
        window: &Window,
    ) -> Option<SourceId> {
        let known = self.errors.len();
        let whole = Span { start: 0, end: event.len() };
        let scope = self.event_scope(&[(EventName::Named(event.into()), whole)]);
        self.place_errors(known, score, &format!("{place}.event"), event);
        let scope = scope?;
        let kinds = scope.kinds.clone();
        self.reads.events.push((kinds.clone(), window.clone()));
        let filter = match condition {
            None => Filter::None,
            Some(text) => {
                let scope = Scope { events: Some(scope), ..Scope::default() };
                let node = self.score_condition(text, score, &format!("{place}.where"), &scope)?;
                self.filter(node)
            }
        };
        Some(self.arena.source(Source { kinds, filter }))
    }

    fn score_condition(&mut self, text: &str, score: &str, place: &str, scope: &Scope) -> Option<NodeId> {
        let known = self.errors.len();
        let tree = parsed(text, &mut self.errors);
        let node = tree.and_then(|tree| {
            self.reads.score_depth = self.reads.score_depth.max(tree.depth + 2);
            let mut scope = scope.clone();
            if let Some(events) = &mut scope.events {
                self.note_changed(events, Some(&tree.root));
            }
            self.condition(&tree.root, &scope)
        });
        self.place_errors(known, score, place, text);
        node
    }

    /// Says of errors which part of a score they are in.
    fn place_errors(&mut self, known: usize, score: &str, place: &str, text: &str) {
        let name: Arc<str> = format!("scores.{score}{place}").into();
        let text: Arc<str> = text.into();
        for error in &mut self.errors[known..] {
            *error = error.clone().in_text(Some(&name), &text);
        }
    }

    pub(crate) fn score(&mut self, arg: &Expr, span: Span, scope: &Scope) -> Checked {
        self.outside_where("`score(…)`", span, scope)?;
        let name =
            self.literal_text(arg, "`score` takes the name of a score in quotes: `score(\"engagement\")`")?;
        if self.checked_scores.len() < self.scores.len() {
            let error = Error::new(ErrorKind::OutOfPlace, "a score does not ask for scores", span);
            return self.error(error.help("ask for a segment that does: `segment(\"…\")`"));
        }
        let Some(place) = self.scores.iter().position(|score| score.name == name) else {
            if self.schema.is_partial {
                return self.still(Node::Constant(Constant::Int(0)), Type::Number);
            }
            let near = self.near(&name, self.scores.iter().map(|score| &*score.name));
            let error =
                Error::new(ErrorKind::UnknownName, format!("unknown score {}", Quoted(&name)), arg.span);
            return self.error(match near {
                Some(near) => error.suggest(Some(near)),
                None => error.help(format!("define it as [scores.{name}]")),
            });
        };
        // What is wrong with it was told.
        let score = self.checked_scores[place].as_mut()?;
        score.is_asked = true;
        // A score is the user's, so the parts of a keyed segment do not follow from its events.
        self.reads.absorb(Reads { events: Vec::new(), ..score.reads.clone() });
        self.reads.score_depth = self.reads.score_depth.max(2);
        Some(Typed { node: score.node, kind: Type::Number, moves: score.fades })
    }

    /// What the scores read that expressions ask for.
    pub(crate) fn reads_of_scores(&mut self) -> Vec<Reads> {
        let scores = std::mem::take(&mut self.checked_scores);
        scores.into_iter().flatten().filter(|score| score.is_asked).map(|score| score.reads).collect()
    }

    /// Whether a value has a fading score in it.
    fn fades(&self, node: NodeId) -> bool {
        match self.arena.node(node) {
            Node::Score(score) => score.half_life.is_some() && !score.events.is_empty(),
            other => {
                let mut found = false;
                other.children(|child| found = found || self.fades(child));
                found
            }
        }
    }

    /// Refuses a fading score beside something else that moves: their difference may go either way.
    pub(crate) fn fade_alone(&mut self, values: &[Typed], span: Span) -> Option<()> {
        let mut moving = values.iter().filter(|typed| typed.moves);
        if moving.clone().count() < 2 || !moving.any(|typed| self.fades(typed.node)) {
            return Some(());
        }
        let message = "a score that fades moves beside something else that does, and when time alone changes \
                       this cannot be told";
        let error = Error::new(ErrorKind::TimeNotTold, message, span);
        self.error(error.help("compare each with what stands still, and join the two with `and` or `or`"))
    }
}

impl Evaluation<'_> {
    /// The score of the user, whatever the part.
    pub(crate) fn score(&self, score: &ScoreNode) -> Signal<'static> {
        match self.part {
            None => self.whole_score(score),
            Some(_) => self.in_part(None).whole_score(score),
        }
    }

    fn whole_score(&self, score: &ScoreNode) -> Signal<'static> {
        let span = self.span(&score.window);
        let (mut sum, mut until) = (0.0, span.until);
        for (source, Bits(points)) in &score.events {
            until = until.min(self.until(*source, &span));
            match score.half_life {
                None => sum += points * self.count(*source, span.rows.clone()) as f64,
                Some(half_life) => {
                    for place in self.places(*source, span.rows.clone()) {
                        let age = self.now - self.rows()[place].at();
                        sum += points * libm::exp2(-(age as f64 / half_life as f64));
                    }
                }
            }
        }
        let slope = match score.half_life {
            Some(_) if sum != 0.0 => Slope::Smooth(-sum.signum()),
            _ => Slope::Still,
        };
        for (condition, Bits(points)) in &score.conditions {
            let truth = self.truth(*condition);
            until = until.min(truth.until);
            if truth.holds {
                sum += points;
            }
        }
        Signal { value: Val::float(sum), slope, until }
    }
}
