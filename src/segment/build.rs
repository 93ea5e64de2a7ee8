//! Texts to a plan: all are parsed and checked, then what they read is turned into what is kept and what is
//! touched.

use crate::model::{Duration, Instant, Quoted};
use crate::profile::{AffinityRule, EventKind, Field, Horizon, Keep, Symbols};
use crate::segment::arena::Arena;
use crate::segment::ast::ExprKind;
use crate::segment::check::{Checker, EventScope, Reads, Scope, part_of};
use crate::segment::echo::{Echoes, tells_of_segments};
use crate::segment::evaluate::Evaluation;
use crate::segment::index::index;
use crate::segment::item::ItemScope;
use crate::segment::names::Names;
use crate::segment::node::{Filter, Kinds, Node, SlotId, Source, SourceId, Window};
use crate::segment::parse::{DEPTH_MAX, Tree, parse};
use crate::segment::plan::{Asks, Plan, PlanBuilder, Remembered, Segment, SegmentId, SegmentText};
use crate::segment::schema::AffinitySchema;
use crate::segment::strata::{Strata, strata};
use crate::segment::value::NEVER;
use crate::segment::{Error, ErrorKind, Kind, Span};
use std::cell::Cell;
use std::sync::Arc;

/// Deepest nesting of a segment together with the segments that it refers to: evaluation recurses so deep.
pub(crate) const CHAIN_DEPTH_MAX: usize = 2 * DEPTH_MAX;

pub(crate) fn build(builder: PlanBuilder) -> Result<Plan, Vec<Error>> {
    let PlanBuilder {
        schema,
        segments,
        lifecycle,
        scores,
        conditions,
        filters,
        remembered,
        session_gap,
        zone,
        parts_max,
    } = builder;
    let mut errors = Vec::new();
    let mut names = Names::default();
    for segment in &segments {
        if !names.push(&segment.name) {
            let message = format!("the segment {} is defined twice", Quoted(&segment.name));
            let error = Error::new(ErrorKind::UnknownName, message, Span::default());
            errors.push(error.in_text(Some(&segment.name), &segment.text));
        }
    }
    let mut checker = Checker {
        schema: &schema,
        arena: Arena::default(),
        keep: Keep::default(),
        symbols: Symbols::default(),
        columns: Vec::new(),
        names: &names,
        segments: &segments,
        affinities: Vec::new(),
        lifecycle_names: &lifecycle,
        lifecycle: Vec::new(),
        scores: &scores,
        checked_scores: Vec::with_capacity(scores.len()),
        echoes: Echoes::default(),
        reads: Reads::default(),
        errors: Vec::new(),
        compared: Cell::new(0),
        trace: None,
        masked: Vec::new(),
        has_totals: true,
        ttl: None,
    };

    checker.resolve_lifecycle();
    checker.check_scores();
    errors.append(&mut checker.errors);

    let mut compiled = Vec::with_capacity(segments.len());
    let mut all_reads = Vec::with_capacity(segments.len());
    let mut depths = Vec::with_capacity(segments.len());
    for segment in &segments {
        let known = errors.len();
        let tree = parsed(&segment.text, &mut errors);
        let whole = Span { start: 0, end: segment.text.len() };
        let by = segment.by.as_deref().map(|by| checker.part_property(by, Span { start: 0, end: 0 }));
        let root = match (&tree, by) {
            (Some(tree), None) => checker.condition(&tree.root, &Scope::default()),
            (Some(tree), Some(Some(by))) => {
                checker.condition(&tree.root, &Scope { by: Some(by), ..Scope::default() })
            }
            _ => None,
        };
        let reads = std::mem::take(&mut checker.reads);
        errors.append(&mut checker.errors);
        if by.is_some() && root.is_some() && reads.events.is_empty() {
            let error = Error::new(
                ErrorKind::OutOfPlace,
                "a keyed segment reads no event, so it has no parts",
                whole,
            );
            errors.push(error.help("take `by` away, or ask for events: `did(…)`"));
        }
        for error in &mut errors[known..] {
            *error = error.clone().in_text(Some(&segment.name), &segment.text);
        }
        if let Some(root) = root {
            let parts = by.flatten().map(|by| Box::new(part_of(by, &reads)));
            let parts_linked = reads.session
                || !reads.segments.is_empty()
                || !reads.affinities.is_empty()
                || reads.score_depth > 0;
            let gates = if parts.is_some() { Default::default() } else { checker.gate_count(root) };
            compiled.push(Segment { root, parts, parts_linked, is_default: false, gates });
        }
        depths.push(tree.map_or(0, |tree| tree.depth) + reads.score_depth);
        all_reads.push(reads);
    }
    let known = errors.len();
    find_circles(&segments, &all_reads, &depths, &mut errors);
    let order = if errors.len() == known { strata(&all_reads) } else { Strata::default() };
    find_silent(&segments, &all_reads, &order, &mut errors);

    let mut condition_nodes = Vec::new();
    let mut other_reads = Vec::new();
    for condition in &conditions {
        let known = errors.len();
        let scope = match &condition.asks {
            Asks::Nothing => Some(Scope::default()),
            Asks::Request => Some(Scope { in_placement: true, ..Scope::default() }),
            Asks::ItemChange => Some(Scope { item: Some(ItemScope::Change), ..Scope::default() }),
            Asks::Part(by) => {
                let by = checker.part_property(by, Span::default());
                by.map(|by| Scope { by: Some(by), ..Scope::default() })
            }
        };
        let root = parsed(&condition.text, &mut errors)
            .zip(scope)
            .and_then(|(tree, scope)| checker.condition(&tree.root, &scope));
        other_reads.push(std::mem::take(&mut checker.reads));
        errors.append(&mut checker.errors);
        for error in &mut errors[known..] {
            *error = error.clone().in_text(Some(&condition.name), &condition.text);
        }
        condition_nodes.extend(root);
    }
    other_reads.extend(checker.reads_of_scores());
    let mut filter_sources = Vec::new();
    for filter in &filters {
        let known = errors.len();
        filter_sources.extend(event_filter(&mut checker, &filter.event, &filter.text, &mut errors));
        errors.append(&mut checker.errors);
        checker.reads = Reads::default();
        for error in &mut errors[known..] {
            *error = error.clone().in_text(Some(&filter.name), &filter.text);
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }

    let Checker {
        arena: Arena { mut nodes, mut sources, mut totals, slots, .. },
        mut keep,
        mut symbols,
        columns,
        affinities,
        echoes,
        ..
    } = checker;
    nodes.shrink_to_fit();
    sources.shrink_to_fit();
    totals.shrink_to_fit();
    compiled.shrink_to_fit();
    names.shrink();
    let timezone = symbols.intern("timezone");
    // Events of which values go before they do are told apart from others, also where only `any` reads them.
    for event in schema.retention.properties.keys() {
        keep.add_kind(event);
    }
    let rules = affinity_rules(&affinities, &schema, &mut keep);
    for (kinds, property, instant) in columns {
        for kind in members(&kinds, &keep) {
            if !keep.add_column(kind, property, instant) {
                let message = "the definitions read more than 254 properties of one event";
                return Err(vec![Error::new(ErrorKind::Limit, message, Span::default())]);
            }
        }
    }
    for rule in &rules {
        for kind in members(&Kinds::Any, &keep) {
            if rule.weight(kind) > 0.0 {
                keep.add_column(kind, rule.property, false);
            }
        }
    }
    for (kinds, window) in all_reads.iter().chain(&other_reads).flat_map(|reads| &reads.events) {
        for kind in members(kinds, &keep) {
            keep_for(&mut keep, kind, window);
        }
    }
    if !remembered.iter().all(|events| remember(events, &mut keep)) {
        let message = "the definitions read more than 254 properties of one event, or of too many events";
        return Err(vec![Error::new(ErrorKind::Limit, message, Span::default())]);
    }
    keep.retain(&schema.retention);
    keep.instants
        .extend(schema.attributes.iter().filter(|(_, kind)| **kind == Kind::Instant).map(|(n, _)| n.clone()));
    keep.hidden = Arc::new(schema.hidden());
    keep.lists.extend(schema.lists.iter().map(|(list, fields)| {
        let fields = fields.iter();
        let fields = fields.map(|(name, kind)| Field { name: name.clone(), instant: *kind == Kind::Instant });
        (list.clone(), fields.collect())
    }));
    keep.totals = totals.iter().map(|total| total.op).collect();
    let index = index(&nodes, &sources, &totals, &compiled, slots.len(), &keep, rules.len());
    let mut plan = Plan {
        nodes,
        sources,
        totals,
        totals_since: Vec::new(),
        slot_of: slots.iter().enumerate().map(|(i, name)| (*name, SlotId(i as u32))).collect(),
        slots,
        segments: compiled,
        names,
        conditions: condition_nodes,
        filters: filter_sources,
        index,
        echoes: Echoes {
            is_on: tells_of_segments(&keep) || !echoes.stays.is_empty(),
            strata: order,
            ..echoes
        },
        fresh: Vec::new(),
        defaults: Vec::new(),
        timezone,
        keep: Arc::new(keep),
        rules: rules.into(),
        symbols,
        session_gap,
        zone,
        parts_max,
    };
    find_defaults(&mut plan);
    Ok(plan)
}

/// Looks at every segment for a user of whom nothing is known.
fn find_defaults(plan: &mut Plan) {
    let mut store = plan.empty_store();
    let nobody = store.nobody();
    let evaluation = Evaluation::new(plan, &store, nobody, Instant::MIN);
    let differs =
        !plan.echoes.world.is_empty() || plan.nodes.iter().any(|node| matches!(node, Node::Bucket(_)));
    let (mut fresh, mut defaults) = (Vec::new(), Vec::new());
    for (number, segment) in plan.segments.iter().enumerate() {
        let id = SegmentId(number as u32);
        if segment.parts.is_some() {
            continue;
        }
        let truth = evaluation.truth(segment.root);
        // Nobody's bucket is not everybody's, and the world has not begun.
        let differs = differs && plan.differs_for_nobody(segment.root);
        if truth.holds || truth.until != NEVER || differs {
            fresh.push(id);
        }
        if truth.holds && truth.until == NEVER && !differs {
            defaults.push(id);
        }
    }
    defaults.iter().for_each(|id| plan.segments[id.0 as usize].is_default = true);
    (plan.fresh, plan.defaults) = (fresh, defaults);
}

pub(crate) fn parsed(text: &str, errors: &mut Vec<Error>) -> Option<Tree> {
    let (tree, mut found) = parse(text);
    let sound = found.is_empty();
    errors.append(&mut found);
    (sound || !matches!(tree.root.kind, ExprKind::Invalid)).then_some(tree)
}

fn event_filter(
    checker: &mut Checker<'_>,
    event: &str,
    text: &str,
    errors: &mut Vec<Error>,
) -> Option<SourceId> {
    let kind = checker.keep.add_kind(event)?;
    let kinds = Kinds::These(smallvec::smallvec![kind]);
    if text.trim().is_empty() {
        return Some(checker.arena.source(Source { kinds, filter: Filter::None }));
    }
    let tree = parsed(text, errors)?;
    let mut events = EventScope::of_kind(event, kind);
    checker.note_changed(&mut events, Some(&tree.root));
    let scope = Scope { events: Some(events), ..Scope::default() };
    let node = checker.condition(&tree.root, &scope)?;
    let filter = checker.filter(node);
    Some(checker.arena.source(Source { kinds, filter }))
}

/// The kinds of a set, as far as definitions name them; `OTHER` stands for all that they do not name.
fn members(kinds: &Kinds, keep: &Keep) -> Vec<EventKind> {
    keep.kinds().map(|(kind, _)| kind).filter(|kind| kinds.contains(*kind, keep)).collect()
}

/// Keeps what is remembered of events; false where that would be too much.
fn remember(events: &Remembered, keep: &mut Keep) -> bool {
    let Remembered { event, list, properties, age } = events;
    let kind = keep.add_kind(event);
    let kind = kind.and_then(|kind| list.as_ref().map_or(Some(kind), |list| keep.add_lines(kind, list)));
    kind.is_some_and(|kind| {
        keep.extend_horizon(kind, Horizon::For(*age));
        properties
            .iter()
            .all(|path| keep.add_property(path).is_some_and(|id| keep.add_column(kind, id, false)))
    })
}

fn keep_for(keep: &mut Keep, kind: EventKind, window: &Window) {
    let horizon = match window {
        Window::Sliding(..) | Window::FromTo(..) => window.length().map_or(Horizon::Forever, Horizon::For),
        // Two days more, so that a user who changes zones still has the whole period.
        Window::Calendar(..) => {
            window.length().map_or(Horizon::Forever, |length| Horizon::For(length + Duration::days(2)))
        }
        Window::SinceLast(events) => return keep_for(keep, kind, &events.1),
        Window::Session => return keep.keep_session(kind),
        Window::All | Window::Since(_) | Window::Before(_) | Window::Between(..) => Horizon::Forever,
    };
    keep.extend_horizon(kind, horizon);
}

fn affinity_rules(names: &[Box<str>], schema: &crate::segment::Schema, keep: &mut Keep) -> Vec<AffinityRule> {
    let mut rule = |name: &str| {
        let declared = schema.affinities.get(name).cloned().unwrap_or(AffinitySchema::DEFAULT);
        let weights = declared.weights.map(|weights| {
            weights.iter().filter_map(|(event, weight)| Some((keep.add_kind(event)?, *weight))).collect()
        });
        let property = keep.add_property(name)?;
        Some(AffinityRule { property, half_life: declared.half_life, weights, since: None })
    };
    names.iter().filter_map(|name| rule(name)).collect()
}

/// Finds references in a circle, and chains of references that are deeper than evaluation should go.
fn find_circles(segments: &[SegmentText], reads: &[Reads], depths: &[usize], errors: &mut Vec<Error>) {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done(usize),
    }
    let mut states = vec![State::New; segments.len()];
    for root in 0..segments.len() {
        // Depth-first by hand: a chain of ten thousand references must not end the stack.
        let mut path: Vec<(usize, usize)> = vec![(root, 0)];
        while let Some((segment, next)) = path.pop() {
            if next == 0 {
                if matches!(states[segment], State::Done(_)) {
                    continue;
                }
                states[segment] = State::Open;
            }
            let own = &reads[segment];
            let Some(reference) = own.segments.iter().chain(&own.stays).nth(next) else {
                let below = reads[segment].segments.iter().map(|inner| match states[inner.0 as usize] {
                    State::Done(depth) => depth,
                    State::New | State::Open => 0,
                });
                let below = below.max().unwrap_or(0);
                let depth = below + depths[segment];
                states[segment] = State::Done(depth);
                // Reported once, where the chain passes the limit.
                if depth > CHAIN_DEPTH_MAX && below <= CHAIN_DEPTH_MAX {
                    let SegmentText { name, text, .. } = &segments[segment];
                    let message =
                        format!("with the segments it refers to it is more than {CHAIN_DEPTH_MAX} deep");
                    let whole = Span { start: 0, end: text.len() };
                    errors.push(Error::new(ErrorKind::Limit, message, whole).in_text(Some(name), text));
                }
                continue;
            };
            path.push((segment, next + 1));
            let inner = reference.0 as usize;
            match states[inner] {
                State::Open => {
                    let SegmentText { name, text, .. } = &segments[segment];
                    let start = path.iter().position(|(s, _)| *s == inner).unwrap_or(0);
                    let names: Vec<_> = path[start..].iter().map(|(s, _)| &*segments[*s].name).collect();
                    let message =
                        format!("segments in a circle: {} → {}", names.join(" → "), segments[inner].name);
                    let needle = format!("{:?}", segments[inner].name);
                    // It may be referred to by way of the lifecycle or a score, whose names stand there then.
                    let whole = Span { start: 0, end: text.len() };
                    let span =
                        text.find(&needle).map_or(whole, |at| Span { start: at, end: at + needle.len() });
                    errors.push(Error::new(ErrorKind::Circle, message, span).in_text(Some(name), text));
                }
                State::New => path.push((inner, 0)),
                State::Done(_) => {}
            }
        }
    }
}

/// Finds expressions that wait for an event that is never recorded.
fn find_silent(segments: &[SegmentText], reads: &[Reads], order: &Strata, errors: &mut Vec<Error>) {
    for (segment, own) in segments.iter().zip(reads) {
        for (told, span) in &own.told {
            if order.is_silent(*told) {
                let message = format!(
                    "what {} does is no event, because it asks what all segments do",
                    Quoted(&segments[told.0 as usize].name)
                );
                let error = Error::new(ErrorKind::Circle, message, *span);
                let error = error
                    .help("name the segments there: `where name = \"vip\"`, or ask `entered(\"…\")` here");
                errors.push(error.in_text(Some(&segment.name), &segment.text));
            }
        }
    }
}
