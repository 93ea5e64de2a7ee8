use crate::model::Quoted;
use crate::profile::PropertyId;
use crate::segment::arena::Arena;
use crate::segment::ast::Expr;
use crate::segment::build::{CHAIN_DEPTH_MAX, parsed};
use crate::segment::check::{Checker, Reads, Scope, Trace, Type, Typed, part_of};
use crate::segment::echo::Echoes;
use crate::segment::index::Index;
use crate::segment::item::ItemScope;
use crate::segment::names::Names;
use crate::segment::node::{Node, NodeId, Parts};
use crate::segment::plan::{Plan, Segment, SegmentId, SegmentText};
use crate::segment::words::TokenSpans;
use crate::segment::{Error, ErrorKind, Schema, Score, Span};
use hashbrown::HashMap;
use std::cell::Cell;
use std::sync::Arc;

/// An expression that no definition has, compiled to be asked: of one user, or of everyone.
///
/// It may say what a segment may: attributes and events of the schema, `segment("name")`, `some KEY: (…)`. It need
/// not be a condition: `count(view in 7d)` asks for a number. Made by
/// [`Engine::expression`](crate::engine::Engine::expression); cheap to clone; of use for as long as there are
/// definitions that it fits.
///
/// ```
/// use bespoke::definitions::Definitions;
/// use bespoke::engine::Engine;
/// use bespoke::model::{Instant, Message};
///
/// let definitions = Definitions::from_toml(r#"
///     version = 1
///     [events.view]
///     category = "string"
///     [segments]
///     curious = "count(view in 30d) >= 2"
/// "#)?;
/// let engine = Engine::builder(definitions).open()?;
/// let now: Instant = "2026-11-23T10:00:00Z".parse()?;
/// for category in ["shoes", "hats"] {
///     engine.ingest(Message::track("ada", "view").with("category", category), now)?;
/// }
///
/// let expression = engine.expression(r#"segment("curious") and not did(view where category = "bags")"#)?;
/// let answer = engine.evaluate(&expression, "ada", now)?;
/// assert!(answer.holds);
/// // Properties that no definition reads are not kept, and the answer says so.
/// assert_eq!(answer.covered_since, Some(now));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Expression(Arc<Aside>);

impl Expression {
    /// The text that was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.written[0].text
    }

    /// Whether it is something that holds or does not: only such an expression can be asked of everyone.
    #[must_use]
    pub fn is_condition(&self) -> bool {
        matches!(self.0.root.kind, Type::Bool | Type::Any)
    }

    pub(crate) fn compile(ground: &Ground<'_>, text: &str) -> Result<Expression, Vec<Error>> {
        Ok(Expression(Arc::new(Aside::compile(ground, text)?)))
    }

    /// The error of one that is no condition where one is wanted.
    pub(crate) fn condition_wanted(&self) -> Option<Error> {
        let text = &self.0.written[0].text;
        let message = format!("a condition is wanted, this is {}", self.0.root.kind.words());
        let error = Error::new(ErrorKind::Kind, message, Span { start: 0, end: text.len() });
        let error = error.help("compare it with a value, or ask `is present`");
        (!self.is_condition()).then(|| error.in_text(None, text))
    }

    /// What was compiled, anew where other definitions run by now.
    ///
    /// # Errors
    /// It does not fit those.
    pub(crate) fn on(&self, ground: &Ground<'_>) -> Result<Arc<Aside>, Vec<Error>> {
        let fits =
            Arc::ptr_eq(&self.0.texts, ground.texts) && Arc::ptr_eq(&self.0.plan.keep, &ground.plan.keep);
        if fits { Ok(self.0.clone()) } else { Ok(Arc::new(Aside::compile(ground, self.text())?)) }
    }
}

/// What an expression is that is compiled beside the plan that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// A segment's, whose value holds or does not.
    Segment,
    /// Of any value.
    Value,
    /// A condition about an item.
    OfItem,
    /// Of any value, about the events of a span.
    Metric,
}

/// What expressions that are asked once may name: the definitions that run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ground<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) texts: &'a Arc<[SegmentText]>,
    pub(crate) lifecycle: &'a [Box<str>],
    pub(crate) scores: &'a [Score],
    pub(crate) plan: &'a Plan,
}

/// An expression with the segments that it refers to, as a small plan beside the one that runs.
///
/// Kinds of events, properties and affinities have the numbers that the running plan gives them, so that the rows of
/// profiles can be read; what no running definition keeps has a number that no row has. Texts and segments have
/// numbers of its own: before it is evaluated beside a store, [`Plan::beside`] looks the texts up.
#[derive(Debug)]
pub(crate) struct Aside {
    pub(crate) plan: Plan,
    pub(crate) root: Typed,
    /// How its events are parted, where it is the text of a keyed segment.
    pub(crate) parts: Option<Parts>,
    /// The expression, then the segments of `plan` in order.
    pub(crate) written: Vec<Written>,
    /// By node, whether its value is shown to nobody.
    hidden: Vec<bool>,
    /// The texts it was compiled beside.
    texts: Arc<[SegmentText]>,
}

/// A text with what became of its parts.
#[derive(Debug)]
pub(crate) struct Written {
    /// Of the segment; none of an expression that was asked.
    pub(crate) name: Option<Arc<str>>,
    pub(crate) by: Option<Box<str>>,
    pub(crate) text: Arc<str>,
    pub(crate) tokens: TokenSpans,
    pub(crate) tree: Expr,
    pub(crate) trace: Trace,
    /// The places of values that are shown to nobody.
    masked: Vec<Span>,
}

impl Aside {
    /// Compiles an expression. Linear in its length and that of the segments it refers to.
    ///
    /// # Errors
    /// Every error of the text.
    pub(crate) fn compile(ground: &Ground<'_>, text: &str) -> Result<Aside, Vec<Error>> {
        Aside::new(ground, &SegmentText { name: "".into(), by: None, text: text.into() }, Asked::Value)
    }

    /// Compiles a condition about an item and whoever is to see it.
    ///
    /// # Errors
    /// Every error of the text.
    pub(crate) fn about_items(ground: &Ground<'_>, text: &str) -> Result<Aside, Vec<Error>> {
        Aside::new(ground, &SegmentText { name: "".into(), by: None, text: text.into() }, Asked::OfItem)
    }

    /// Compiles an expression that is asked of the events of a span: none of its aggregates is a running value.
    ///
    /// # Errors
    /// Every error of the text.
    pub(crate) fn metric(ground: &Ground<'_>, text: &str) -> Result<Aside, Vec<Error>> {
        Aside::new(ground, &SegmentText { name: "".into(), by: None, text: text.into() }, Asked::Metric)
    }

    /// Compiles the text of a segment again: with the places of its parts, which the running plan does not keep.
    pub(crate) fn of_segment(ground: &Ground<'_>, segment: SegmentId) -> Result<Aside, Vec<Error>> {
        Aside::new(ground, &ground.texts[segment.0 as usize], Asked::Segment)
    }

    fn new(ground: &Ground<'_>, text: &SegmentText, asked: Asked) -> Result<Aside, Vec<Error>> {
        let Ground { schema, texts, lifecycle, scores, plan } = *ground;
        let property = |id: PropertyId| plan.keep.property_name(id).into();
        let mut compiler = Compiler {
            texts,
            checker: Checker {
                schema,
                arena: Arena::default(),
                keep: (*plan.keep).clone(),
                symbols: Default::default(),
                columns: Vec::new(),
                names: &plan.names,
                segments: texts,
                affinities: plan.rules.iter().map(|rule| property(rule.property)).collect(),
                lifecycle_names: lifecycle,
                lifecycle: Vec::new(),
                scores,
                checked_scores: Vec::with_capacity(scores.len()),
                echoes: Echoes::default(),
                reads: Reads::default(),
                errors: Vec::new(),
                compared: Cell::new(0),
                trace: None,
                masked: Vec::new(),
                has_totals: asked != Asked::Metric,
                ttl: None,
            },
            numbers: HashMap::default(),
            segments: Vec::new(),
            written: Vec::new(),
        };
        // They were found right with the definitions.
        compiler.checker.resolve_lifecycle();
        compiler.checker.check_scores();
        let whole = compiler.add(text, asked)?;
        if let Some(error) = not_written_down(&compiler.checker.echoes, plan, texts) {
            return Err(vec![error.in_text(None, &text.text)]);
        }
        if whole.depth > CHAIN_DEPTH_MAX {
            let message = format!("with the segments it refers to it is more than {CHAIN_DEPTH_MAX} deep");
            let span = Span { start: 0, end: text.text.len() };
            return Err(vec![Error::new(ErrorKind::Limit, message, span).in_text(None, &text.text)]);
        }
        let Compiler { checker, numbers, segments, mut written, .. } = compiler;
        let nodes = 0..checker.arena.nodes.len() as u32;
        let hidden = nodes.map(|node| checker.is_hidden(NodeId(node))).collect();
        written.insert(0, whole.written);
        let Checker { arena: Arena { mut nodes, sources, totals, slots, .. }, mut symbols, .. } = checker;
        for node in &mut nodes {
            // What only scores refer to that nobody asks for is not there, and is not looked at.
            let renumber = |id: &mut SegmentId| *id = numbers.get(id).map_or(*id, |(number, _)| *number);
            match node {
                Node::Segment(id) => renumber(id),
                Node::Lifecycle(stages) => stages.iter_mut().for_each(|(id, _)| renumber(id)),
                _ => {}
            }
        }
        let timezone = symbols.intern("timezone");
        let plan = Plan {
            nodes,
            sources,
            totals,
            totals_since: Vec::new(),
            slots,
            slot_of: HashMap::default(),
            segments,
            names: Names::default(),
            conditions: Vec::new(),
            filters: Vec::new(),
            index: Index::default(),
            fresh: Vec::new(),
            defaults: Vec::new(),
            timezone,
            echoes: Echoes::default(),
            keep: plan.keep.clone(),
            rules: plan.rules.clone(),
            symbols,
            session_gap: plan.session_gap,
            zone: plan.zone.clone(),
            parts_max: plan.parts_max,
        };
        Ok(Aside { plan, root: whole.root, parts: whole.parts, written, hidden, texts: texts.clone() })
    }

    /// Whether the value of a node is shown to nobody.
    pub(crate) fn is_hidden(&self, node: NodeId) -> bool {
        self.hidden.get(node.0 as usize).copied().unwrap_or(false)
    }

    pub(crate) fn written(&self, segment: SegmentId) -> &Written {
        &self.written[segment.0 as usize + 1]
    }
}

/// What the definitions that run would have to ask for, so that it is written down as it happens.
fn not_written_down(asked: &Echoes, plan: &Plan, texts: &[SegmentText]) -> Option<Error> {
    let stays = asked.stays.iter().filter_map(|(segment, asked)| {
        let known = plan.echoes.stays.get(segment);
        let is_known = known.is_some_and(|known| {
            (known.whole || !asked.whole) && (known.by_key.is_some() || asked.by_key.is_none())
        });
        (!is_known).then(|| format!("when users entered {}", Quoted(&texts[segment.0 as usize].name)))
    });
    let journeys = asked.journeys.keys().filter(|name| !plan.echoes.journeys.contains_key(*name));
    let journeys = journeys.map(|name| format!("who is in the journey {}", Quoted(name)));
    let what = stays.chain(journeys).next()?;
    let message = format!("no definition asks {what}, so it is not written down");
    let error = Error::new(ErrorKind::OutOfPlace, message, Span::default());
    Some(error.help("define a segment that asks for it"))
}

struct Compiler<'a> {
    texts: &'a [SegmentText],
    checker: Checker<'a>,
    /// By the number of a segment in the running plan: its number here, and how deep it goes.
    numbers: HashMap<SegmentId, (SegmentId, usize), ahash::RandomState>,
    segments: Vec<Segment>,
    written: Vec<Written>,
}

struct Whole {
    written: Written,
    root: Typed,
    parts: Option<Parts>,
    depth: usize,
    parts_linked: bool,
}

impl Compiler<'_> {
    /// Compiles a text, then the segments it refers to. References have no circles and are not deeper than
    /// [`CHAIN_DEPTH_MAX`], for the running plan was built of them.
    fn add(&mut self, text: &SegmentText, asked: Asked) -> Result<Whole, Vec<Error>> {
        let name = (asked == Asked::Segment).then(|| text.name.clone());
        let mut errors = Vec::new();
        self.checker.trace = Some(Trace::default());
        let tree = parsed(&text.text, &mut errors);
        let by = text.by.as_deref().and_then(|by| self.checker.part_property(by, Span::default()));
        let item = (asked == Asked::OfItem).then_some(ItemScope::Now);
        let scope = Scope { by, item, ..Scope::default() };
        let checked = tree.as_ref().and_then(|tree| match asked {
            Asked::Segment | Asked::OfItem => self.checker.condition(&tree.root, &scope).map(drop),
            Asked::Value | Asked::Metric => self.checker.expr(&tree.root, &scope).map(drop),
        });
        errors.append(&mut self.checker.errors);
        let (trace, reads) =
            (self.checker.trace.take().unwrap_or_default(), std::mem::take(&mut self.checker.reads));
        let root = checked.and(tree.as_ref()).and_then(|tree| trace.get(&tree.root.span).copied());
        let (Some(tree), Some(root), true) = (tree, root, errors.is_empty()) else {
            let place = |error: Error| error.in_text(name.as_ref(), &text.text);
            return Err(errors.into_iter().map(place).collect());
        };
        let mut below = 0;
        for reference in &reads.segments {
            below = below.max(self.refer(*reference)?);
        }
        let written = Written {
            name,
            by: text.by.clone(),
            text: text.text.clone(),
            tokens: TokenSpans::of(&text.text),
            tree: tree.root,
            trace,
            masked: std::mem::take(&mut self.checker.masked),
        };
        let parts_linked = reads.session
            || !reads.segments.is_empty()
            || !reads.affinities.is_empty()
            || reads.score_depth > 0;
        let parts = by.map(|by| part_of(by, &reads));
        Ok(Whole { written, root, parts, depth: tree.depth + below, parts_linked })
    }

    /// Sees to it that a segment is there, and gives how deep it goes.
    fn refer(&mut self, id: SegmentId) -> Result<usize, Vec<Error>> {
        if let Some((_, depth)) = self.numbers.get(&id) {
            return Ok(*depth);
        }
        let text = &self.texts[id.0 as usize];
        let Whole { written, root, parts, depth, parts_linked } = self.add(text, Asked::Segment)?;
        let number = SegmentId(self.segments.len() as u32);
        let (root, parts) = (root.node, parts.map(Box::new));
        self.segments.push(Segment {
            root,
            parts,
            is_default: false,
            parts_linked,
            gates: Default::default(),
        });
        self.written.push(written);
        self.numbers.insert(id, (number, depth));
        Ok(depth)
    }
}

impl Written {
    /// What became of a part.
    pub(crate) fn typed(&self, part: &Expr) -> Option<Typed> {
        self.trace.get(&part.span).copied()
    }

    pub(crate) fn node(&self, part: &Expr) -> Option<NodeId> {
        self.typed(part).map(|typed| typed.node)
    }

    /// A part as it is written, on one line and cut where it is long.
    pub(crate) fn words(&self, span: Span) -> String {
        self.tokens.words(&self.text, span, &self.masked)
    }
}
