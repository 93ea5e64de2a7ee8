//! Calls, aggregates, sequences and windows: the other half of the checker.

use crate::model::{Duration, Quoted};
use crate::segment::ast::{self, EventName, Events, Expr, ExprKind, Literal, Path, Step};
use crate::segment::check::{Checked, Checker, EventScope, Reads, Scope, Type, Typed, part_of};
use crate::segment::check_facts::FACTS;
use crate::segment::node::{
    Aggregate, AggregateOp, Bits, Constant, Filter, Kinds, Node, NodeId, PositiveStep, Sequence, Source,
    SourceId, Window,
};
use crate::segment::parse::AGGREGATES;
use crate::segment::version::is_version;
use crate::segment::{Error, ErrorKind, Span};
use smallvec::SmallVec;

/// Functions of values.
pub(crate) const FUNCTIONS: [&str; 19] = [
    "lower",
    "length",
    "abs",
    "min_of",
    "max_of",
    "distance",
    "geo",
    "age",
    "is_anniversary",
    "any_in",
    "all_in",
    "segment",
    "bucket",
    "affinity",
    "top",
    "sequence",
    "has",
    "version",
    "score",
];

/// Events with the property that is looked at.
struct ResolvedEvents {
    source: SourceId,
    property: Option<(crate::profile::PropertyId, Type)>,
    window: Window,
    /// The property that is kept for the shortest time of those that are read of them, and for how long.
    ttl: Option<(Box<str>, Duration)>,
}

/// Most properties that users are drawn to values of: what is kept of one has fifteen bits for its number, and each look for a
/// name goes through all of them.
const AFFINITIES_MAX: usize = 1 << 12;

impl Checker<'_> {
    /// Refuses what depends on `now` inside `where`.
    pub(crate) fn outside_where(&mut self, what: &str, span: Span, scope: &Scope) -> Option<()> {
        if scope.events.is_none() {
            return Some(());
        }
        let error = Error::new(ErrorKind::NotInWhere, format!("{what} is not known inside `where`"), span);
        self.error(error.help(
            "a condition on events may ask for properties, `context.…`, `user.…`, `at.hour` and `at.weekday`",
        ))
    }

    pub(crate) fn call(
        &mut self,
        name: &str,
        name_span: Span,
        args: &[Expr],
        span: Span,
        scope: &Scope,
    ) -> Checked {
        if FACTS.contains(&name) {
            return self.fact(name, args, span, scope);
        }
        let count = |wanted: usize| (args.len() == wanted).then_some(());
        let arity = match name {
            "lower" | "length" | "abs" | "age" | "is_anniversary" | "segment" | "bucket" | "top"
            | "version" | "score" => count(1),
            "distance" | "geo" | "any_in" | "all_in" | "affinity" => count(2),
            "min_of" | "max_of" => (args.len() >= 2).then_some(()),
            _ => {
                let near =
                    self.near(name, FUNCTIONS.into_iter().chain(FACTS).chain(AGGREGATES)).map(str::to_owned);
                let error = Error::new(
                    ErrorKind::UnknownName,
                    format!("unknown function {}", Quoted(name)),
                    name_span,
                );
                return self.error(error.suggest(near.as_deref()));
            }
        };
        if arity.is_none() {
            let wanted = match name {
                "min_of" | "max_of" => "two arguments or more",
                "distance" | "geo" | "any_in" | "all_in" | "affinity" => "two arguments",
                _ => "one argument",
            };
            let message = format!("`{name}` takes {wanted}, not {}", args.len());
            return self.refuse(ErrorKind::Arguments, message, span);
        }
        match name {
            "segment" => {
                self.outside_where("`segment(…)`", span, scope)?;
                return self.segment_reference(&args[0]);
            }
            "bucket" => {
                let salt =
                    self.literal_text(&args[0], "`bucket` takes a salt in quotes: `bucket(\"spring\")`")?;
                return self.still(Node::Bucket(salt), Type::Number);
            }
            "score" => return self.score(&args[0], span, scope),
            "affinity" | "top" => {
                self.outside_where("an affinity", span, scope)?;
                return self.affinity(name, args);
            }
            _ => {}
        }
        let typed: Vec<Checked> = args.iter().map(|arg| self.expr(arg, scope)).collect();
        let typed: Vec<Typed> = typed.into_iter().collect::<Option<_>>()?;
        let wants = |checker: &mut Self, i: usize, kinds: &[Type], words: &str| {
            let kind = typed[i].kind;
            if kind == Type::Any || kinds.contains(&kind) {
                Some(())
            } else {
                checker.wrong_kind(words, kind, args[i].span)
            }
        };
        let stands = |checker: &mut Self, i: usize| {
            if !typed[i].moves {
                return Some(());
            }
            let error = Error::new(
                ErrorKind::TimeNotTold,
                "when time alone changes this cannot be told",
                args[i].span,
            );
            checker.error(error.help(format!("`{name}` takes what stands still, such as an attribute")))
        };
        let numbers = [Type::Number, Type::Distance];
        let node = |i: usize| typed[i].node;
        match name {
            "lower" => {
                wants(self, 0, &[Type::Text], "a string")?;
                self.still(Node::Lower(node(0)), Type::Text)
            }
            "version" => {
                wants(self, 0, &[Type::Text], "a string")?;
                self.versions_written_out(&args[0])?;
                self.still(Node::Version(node(0)), Type::Version)
            }
            "length" => {
                wants(self, 0, &[Type::Text, Type::List], "a string or a list")?;
                self.still(Node::Length(node(0)), Type::Number)
            }
            "abs" => {
                wants(self, 0, &[Type::Number, Type::Distance, Type::Duration], "a number or a duration")?;
                let abs = self.push(Node::Abs(node(0)));
                Some(Typed { node: abs, ..typed[0] })
            }
            "min_of" | "max_of" => {
                let first = typed.iter().map(|t| t.kind).find(|kind| *kind != Type::Any).unwrap_or(Type::Any);
                for i in 0..typed.len() {
                    let kinds = if numbers.contains(&first) { &numbers[..] } else { &[first][..] };
                    let ordered = [
                        Type::Any,
                        Type::Number,
                        Type::Distance,
                        Type::Instant,
                        Type::Duration,
                        Type::Text,
                        Type::Time,
                        Type::Version,
                    ];
                    if !ordered.contains(&typed[i].kind) {
                        return self.wrong_kind("something with an order", typed[i].kind, args[i].span);
                    }
                    wants(self, i, kinds, first.words())?;
                }
                self.fade_alone(&typed, span)?;
                let nodes: Box<[NodeId]> = typed.iter().map(|t| t.node).collect();
                let node =
                    self.push(if name == "min_of" { Node::LeastOf(nodes) } else { Node::GreatestOf(nodes) });
                Some(Typed { node, kind: first, moves: typed.iter().any(|t| t.moves) })
            }
            "distance" => {
                wants(self, 0, &[Type::Geo], "a geo point")?;
                wants(self, 1, &[Type::Geo], "a geo point")?;
                self.still(Node::Distance(node(0), node(1)), Type::Distance)
            }
            "geo" => {
                for i in 0..2 {
                    wants(self, i, &numbers, "a number of degrees")?;
                    stands(self, i)?;
                }
                self.still(Node::Geo(node(0), node(1)), Type::Geo)
            }
            "age" | "is_anniversary" => {
                self.outside_where(&format!("`{name}(…)`"), span, scope)?;
                wants(self, 0, &[Type::Instant], "an instant")?;
                stands(self, 0)?;
                self.reads.zone = true;
                if name == "age" {
                    self.still(Node::Age(node(0)), Type::Number)
                } else {
                    self.still(Node::IsAnniversary(node(0)), Type::Bool)
                }
            }
            _ => {
                wants(self, 0, &[Type::List], "a list")?;
                wants(self, 1, &[Type::List], "a list")?;
                let whole = if name == "any_in" {
                    Node::AnyIn(node(0), node(1))
                } else {
                    Node::AllIn(node(0), node(1))
                };
                self.still(whole, Type::Bool)
            }
        }
    }

    /// Checks the versions that are written out as texts, so that a slip is told and not just missing.
    pub(crate) fn versions_written_out(&mut self, expr: &Expr) -> Option<()> {
        let texts = match &expr.kind {
            ExprKind::Literal(literal) => &[(literal.clone(), expr.span)][..],
            ExprKind::List(items) => items,
            _ => return Some(()),
        };
        let strange = texts.iter().find_map(|(literal, span)| match literal {
            Literal::Text(text) if !is_version(text) => Some((text.clone(), *span)),
            _ => None,
        });
        let Some((text, span)) = strange else { return Some(()) };
        let error = Error::new(ErrorKind::Lexical, format!("{} is not a version", Quoted(&text)), span);
        self.error(error.help(match text.strip_prefix(['v', 'V']).filter(|rest| is_version(rest)) {
            Some(rest) => format!("write it without the letter: `\"{rest}\"`"),
            None => "write numbers joined by dots: `\"4.10.2\"`, `\"5.0.0-beta.1\"`".to_owned(),
        }))
    }

    pub(crate) fn literal_text(&mut self, expr: &Expr, wanted: &str) -> Option<Box<str>> {
        match &expr.kind {
            ExprKind::Literal(Literal::Text(text)) => Some(text.clone()),
            _ => self.refuse(ErrorKind::Arguments, wanted, expr.span),
        }
    }

    fn segment_reference(&mut self, arg: &Expr) -> Checked {
        let name =
            self.literal_text(arg, "`segment` takes the name of a segment in quotes: `segment(\"vip\")`")?;
        let id = self.segment_named(&name, arg.span)?;
        self.reads.segments.push(id);
        self.still(Node::Segment(id), Type::Bool)
    }

    fn affinity(&mut self, name: &str, args: &[Expr]) -> Checked {
        let property =
            self.literal_text(&args[0], &format!("`{name}` takes the name of a property in quotes"))?;
        self.may_be_shown(&property, args[0].span)?;
        let declared = self.schema.events.values().any(|event| event.properties.contains_key(&property));
        if !declared
            && self.schema.strict
            && !property.starts_with("context.")
            && !self.schema.affinities.contains_key(&property)
        {
            let names = self.schema.events.values().flat_map(|event| event.properties.keys());
            let near = self.near(&property, names.map(|name| &**name)).map(str::to_owned);
            let error = Error::new(
                ErrorKind::UnknownName,
                format!("unknown property {}", Quoted(&property)),
                args[0].span,
            );
            return self.error(error.suggest(near.as_deref()));
        }
        let kind = self.kind_of_any(&property);
        let rule = match self.affinities.iter().position(|known| *known == property) {
            Some(known) => known,
            None if self.affinities.len() == AFFINITIES_MAX => {
                let message = format!("more than {AFFINITIES_MAX} properties have affinities");
                let error = Error::new(ErrorKind::Limit, message, args[0].span);
                return self.error(error.help("ask for those of fewer properties"));
            }
            None => {
                self.affinities.push(property);
                self.affinities.len() - 1
            }
        } as u32;
        self.reads.affinities.push(rule);
        if name == "top" {
            return self.still(Node::AffinityTop(rule), kind);
        }
        match &args[1].kind {
            ExprKind::Literal(literal) => {
                let value = match literal {
                    Literal::Text(text) if kind == Type::Hash => self.hashed_text(text),
                    other => self.constant(other).0,
                };
                self.still(Node::AffinityShare(rule, Box::new(value)), Type::Number)
            }
            _ => self.refuse(
                ErrorKind::Arguments,
                "`affinity` takes a value that is written out",
                args[1].span,
            ),
        }
    }

    // --- events

    pub(crate) fn event_scope(&mut self, names: &[(EventName, Span)]) -> Option<EventScope> {
        let mut known: Option<Vec<Box<str>>> = Some(Vec::new());
        let mut kinds: SmallVec<[crate::profile::EventKind; 4]> = SmallVec::new();
        let mut sound = true;
        for (name, span) in names {
            let EventName::Named(name) = name else {
                known = None;
                continue;
            };
            if self.is_unknown_event(name) {
                let near = self.near(name, self.schema.event_names()).map(str::to_owned);
                let error =
                    Error::new(ErrorKind::UnknownName, format!("unknown event {}", Quoted(name)), *span);
                self.errors.push(match near {
                    Some(near) => error.suggest(Some(&near)),
                    None => error.help(format!("declare it as [events.{name}]")),
                });
                sound = false;
                continue;
            }
            match self.keep.add_kind(name) {
                Some(kind) if !kinds.contains(&kind) => kinds.push(kind),
                Some(_) => {}
                None => return self.refuse(ErrorKind::Limit, "the definitions name too many events", *span),
            }
            if let Some(known) = &mut known {
                known.push(name.clone());
            }
        }
        if !sound {
            return None;
        }
        let kinds = if known.is_some() { Kinds::These(kinds) } else { Kinds::Any };
        Some(EventScope { names: known, list: None, kinds, changed: None })
    }

    /// Looks among the events' lists of objects for the longest that begins the path.
    fn enter_list(&mut self, scope: &mut EventScope, path: Option<&Path>) -> Option<String> {
        let path = path?;
        let Some(names) = &scope.names else { return Some(path.dotted()) };
        for length in (1..=path.names.len()).rev() {
            let list = path.names[..length].join(".");
            let has = |name: &str| {
                self.schema.event_schema(name).is_some_and(|event| event.lists.contains_key(&*list))
            };
            if !names.iter().all(|name| has(name)) {
                continue;
            }
            let Kinds::These(kinds) = &scope.kinds else { return Some(path.dotted()) };
            let lines: Option<SmallVec<_>> =
                kinds.iter().map(|kind| self.keep.add_lines(*kind, &list)).collect();
            scope.kinds = Kinds::These(lines?);
            scope.list = Some(list.into());
            return (length < path.names.len()).then(|| path.names[length..].join("."));
        }
        Some(path.dotted())
    }

    fn events(&mut self, events: &Events, scope: &Scope) -> Option<ResolvedEvents> {
        let events = &*self.own_events(events);
        let window = match &events.window {
            Some((window, span)) => self.window(window, *span, scope),
            None => Some(Window::All),
        };
        let mut inner = self.event_scope(&events.names)?;
        self.note_changed(&mut inner, events.condition.as_ref());
        let outer_ttl = self.ttl.take();
        let property_name = self.enter_list(&mut inner, events.path.as_ref());
        let property = match (&property_name, &events.path) {
            (Some(name), Some(path)) => Some(self.property(name, path.span, &inner)),
            _ => None,
        };
        if let Some(by) = scope.by {
            self.columns.push((inner.kinds.clone(), by, false));
        }
        let kinds = inner.kinds.clone();
        let filter = match &events.condition {
            None => Filter::None,
            Some(condition) => {
                let scope = Scope { events: Some(inner), list: None, ..scope.clone() };
                let node = self.condition(condition, &scope)?;
                self.filter(node)
            }
        };
        self.note_memberships(&kinds, filter, events.span)?;
        let ttl = std::mem::replace(&mut self.ttl, outer_ttl);
        let window = window?;
        let span = events.window.as_ref().map_or(events.span, |(_, span)| *span);
        self.check_retention(&events.names, &window, span)?;
        self.check_ttl(ttl.as_ref(), &window, span)?;
        self.reads.events.push((kinds.clone(), window.clone()));
        let property = match property {
            Some(property) => Some(property?),
            None => None,
        };
        let source = self.arena.source(Source { kinds, filter });
        Some(ResolvedEvents { source, property, window, ttl })
    }

    /// How long the first of some events to go may be kept, with its name.
    fn shortest_retention(&self, names: &[(EventName, Span)]) -> Option<(String, Duration)> {
        let retention = &self.schema.retention;
        let of = |(name, _): &(EventName, Span)| match name {
            EventName::Named(name) => Some((name.to_string(), retention.event(name)?)),
            _ => retention.shortest_event().map(|(name, age)| (name.unwrap_or("default").to_owned(), age)),
        };
        names.iter().filter_map(of).min_by_key(|(_, age)| *age)
    }

    /// Refuses a window that reaches further back than events may be kept.
    fn check_retention(&mut self, names: &[(EventName, Span)], window: &Window, span: Span) -> Option<()> {
        let Some(((name, kept), asked)) = self.shortest_retention(names).zip(window.length()) else {
            return Some(());
        };
        if asked <= kept {
            return Some(());
        }
        let message = format!("this asks for {asked}, but retention keeps {kept} of {}", Quoted(&name));
        let error = Error::new(ErrorKind::Retention, message, span);
        self.error(error.help(format!(
            "ask for at most `{kept}`, or keep it longer: `events.{name} = \"{asked}\"` under [retention]"
        )))
    }

    /// Refuses a window that reaches further back than values of a property are kept.
    fn check_ttl(&mut self, ttl: Option<&(Box<str>, Duration)>, window: &Window, span: Span) -> Option<()> {
        let Some(((name, kept), asked)) = ttl.zip(window.length()).filter(|((_, kept), asked)| asked > kept)
        else {
            return Some(());
        };
        let name = Quoted(name);
        let message = format!("this asks for {asked}, but values of {name} are kept for {kept}");
        let error = Error::new(ErrorKind::Retention, message, span);
        self.error(error.help(format!("ask for at most `{kept}`, or give the property a longer `ttl`")))
    }

    pub(crate) fn filter(&self, node: NodeId) -> Filter {
        if let Node::Compare(comparison, left, right) = self.arena.node(node)
            && let (Node::Property(property), Node::Constant(constant)) =
                (self.arena.node(*left), self.arena.node(*right))
        {
            match constant {
                Constant::Text(text) if *comparison == ast::Comparison::Equal => {
                    return Filter::Text(*property, *text);
                }
                // Up to here floats hold integers exactly; a property that is missing differs from every number.
                Constant::Int(n)
                    if n.unsigned_abs() <= 1 << 53 && *comparison != ast::Comparison::NotEqual =>
                {
                    return Filter::Number(*property, *comparison, Bits(*n as f64));
                }
                Constant::Float(x) if !x.0.is_nan() && *comparison != ast::Comparison::NotEqual => {
                    return Filter::Number(*property, *comparison, *x);
                }
                _ => {}
            }
        }
        Filter::Node(node)
    }

    fn window(&mut self, window: &ast::Window, span: Span, scope: &Scope) -> Option<Window> {
        Some(match window {
            ast::Window::Sliding(ms) => Window::Sliding(*ms),
            ast::Window::FromTo(from, to) => Window::FromTo(*from, *to),
            ast::Window::Calendar(period, back) => {
                self.reads.zone = true;
                Window::Calendar(*period, *back)
            }
            ast::Window::Since(at) => Window::Since(*at),
            ast::Window::Before(at) => Window::Before(*at),
            ast::Window::Between(from, to) => Window::Between(*from, *to),
            ast::Window::Session => {
                self.reads.session = true;
                Window::Session
            }
            ast::Window::SinceLast(events) => {
                let resolved = self.events(events, scope)?;
                if resolved.property.is_some() {
                    return self.refuse(
                        ErrorKind::Arguments,
                        "`since last` takes events, not a property of theirs",
                        span,
                    );
                }
                Window::SinceLast(Box::new((resolved.source, resolved.window)))
            }
        })
    }

    pub(crate) fn aggregate(
        &mut self,
        name: &str,
        name_span: Span,
        events: &Events,
        args: &[Expr],
        scope: &Scope,
    ) -> Checked {
        self.outside_where(&format!("`{name}(…)`"), name_span, scope)?;
        let known = self.reads.events.len();
        let resolved = self.events(events, scope);
        let wanted = usize::from(name == "percentile");
        if args.len() != wanted {
            let message = if wanted == 1 {
                "`percentile` takes events and a percentage: `percentile(payment.amount in 30d, 90)`"
                    .to_owned()
            } else {
                format!("`{name}` takes one argument")
            };
            return self.refuse(ErrorKind::Arguments, message, events.span);
        }
        let resolved = resolved?;
        let kind = resolved.property.map(|(_, kind)| kind);
        let op = match name {
            "did" => AggregateOp::Did,
            "count" => AggregateOp::Count,
            "sum" => AggregateOp::Sum,
            "avg" => AggregateOp::Average,
            "min" => AggregateOp::Least,
            "max" => AggregateOp::Greatest,
            "stddev" => AggregateOp::Deviation,
            "median" => AggregateOp::Percentile(Bits(50.0)),
            "percentile" => match args[0].kind {
                ExprKind::Literal(Literal::Int(p @ 0..=100)) => AggregateOp::Percentile(Bits(p as f64)),
                ExprKind::Literal(Literal::Float(p)) if (0.0..=100.0).contains(&p) => {
                    AggregateOp::Percentile(Bits(p))
                }
                _ => {
                    return self.refuse(
                        ErrorKind::Arguments,
                        "a percentage is a number from 0 to 100",
                        args[0].span,
                    );
                }
            },
            "distinct" => AggregateOp::Distinct,
            "mode" => AggregateOp::Mode,
            "first" => AggregateOp::First,
            "last" => AggregateOp::Last,
            "active_days" => AggregateOp::ActiveDays,
            _ => AggregateOp::Streak,
        };
        if matches!(op, AggregateOp::ActiveDays | AggregateOp::Streak) {
            self.reads.zone = true;
        }
        let word = |(name, _): &(EventName, Span)| match name {
            EventName::Named(name) => name.to_string(),
            EventName::Any => "any".to_owned(),
        };
        let event = match &events.names[..] {
            [only] => word(only),
            more => format!("[{}]", more.iter().map(word).collect::<Vec<_>>().join(", ")),
        };
        let result = match (op, kind) {
            (
                AggregateOp::Did | AggregateOp::Count | AggregateOp::ActiveDays | AggregateOp::Streak,
                Some(_),
            ) => {
                let property = events.path.as_ref().map(Path::dotted).unwrap_or_default();
                // Of a list's objects, which are events themselves, it is the list's part of the path that says which.
                let (event, property) = match property.rsplit_once('.') {
                    Some((list, field)) if self.schema.has_list(&event, list) => {
                        (format!("{event}.{list}"), field.to_owned())
                    }
                    _ => (event, property),
                };
                let error = Error::new(
                    ErrorKind::Arguments,
                    format!("`{name}` takes events, not a property of theirs"),
                    events.span,
                );
                return self.error(
                    error.help(format!("those that have it: `{name}({event} where {property} is present)`")),
                );
            }
            (AggregateOp::Did, None) => Type::Bool,
            (AggregateOp::Count | AggregateOp::ActiveDays | AggregateOp::Streak, None) => Type::Number,
            (AggregateOp::First | AggregateOp::Last, None) => Type::Instant,
            (AggregateOp::First | AggregateOp::Last | AggregateOp::Mode, Some(kind)) => kind,
            (AggregateOp::Distinct, Some(_)) => Type::Number,
            (AggregateOp::Least | AggregateOp::Greatest, Some(kind)) => {
                if !kind.is_number() && kind != Type::Instant {
                    return self.wrong_kind("a property that is a number or an instant", kind, events.span);
                }
                kind
            }
            (_, Some(kind)) => {
                if !kind.is_number() {
                    return self.wrong_kind("a property that is a number", kind, events.span);
                }
                Type::Number
            }
            (_, None) => {
                let error = Error::new(
                    ErrorKind::Arguments,
                    format!("`{name}` takes a property of events"),
                    events.span,
                );
                return self.error(error.help(format!("as in `{name}({event}.amount in 30d)`")));
            }
        };
        let property = resolved.property.map(|(id, _)| id);
        let ResolvedEvents { source, window, ttl, .. } = resolved;
        // A running value would go on saying what may be kept no longer.
        let is_kept = self.shortest_retention(&events.names).is_none() && ttl.is_none();
        let is_whole = scope.by.is_none() && is_kept && self.has_totals;
        let total = if is_whole { self.arena.total_of(op, source, property, &window) } else { None };
        if total.is_some() {
            // It looks back at no event.
            self.reads.events.truncate(known);
        }
        let aggregate = Aggregate { op, source, property, window, total };
        self.still(Node::Aggregate(Box::new(aggregate)), result)
    }

    pub(crate) fn sequence(
        &mut self,
        steps: &[Step],
        window: Option<&(ast::Window, Span)>,
        span: Span,
        scope: &Scope,
    ) -> Checked {
        self.outside_where("`sequence(…)`", span, scope)?;
        let window_span = window.map_or(span, |(_, span)| *span);
        let window = match window {
            Some((window, span)) => self.window(window, *span, scope),
            None => Some(Window::All),
        };
        let known = self.reads.events.len();
        let resolved: Vec<Option<ResolvedEvents>> = steps
            .iter()
            .map(|step| {
                let resolved = self.events(&step.events, scope)?;
                if resolved.property.is_some() {
                    return self.refuse(
                        ErrorKind::Arguments,
                        "a step is an event, not a property of one",
                        step.events.span,
                    );
                }
                if let Some(window) = &window {
                    self.check_retention(&step.events.names, window, window_span)?;
                    self.check_ttl(resolved.ttl.as_ref(), window, window_span)?;
                }
                Some(resolved)
            })
            .collect();
        let window = window?;
        let mut sequence = Sequence { steps: Vec::new(), after: Vec::new(), window: window.clone() };
        for (step, resolved) in steps.iter().zip(resolved) {
            let source = resolved?.source;
            if step.negative {
                sequence.after.push((source, step.within));
            } else {
                let without = std::mem::take(&mut sequence.after);
                sequence.steps.push(PositiveStep { source, within: step.within, without });
            }
        }
        // Steps have no window of their own, so `events` noted them as read at any time.
        self.reads.events[known..].iter_mut().for_each(|(_, read_in)| read_in.clone_from(&window));
        self.still(Node::Sequence(Box::new(sequence)), Type::Bool)
    }

    pub(crate) fn some(&mut self, property: &Path, condition: &Expr, span: Span, scope: &Scope) -> Checked {
        self.outside_where("`some`", span, scope)?;
        if scope.by.is_some() {
            let error =
                Error::new(ErrorKind::OutOfPlace, "events are parted already, and parts do not nest", span);
            return self
                .error(error.help("give the inner rule a segment of its own, and ask `segment(\"…\")`"));
        }
        let by = self.part_property(&property.dotted(), property.span)?;
        // What is read inside is noted apart, for the parts, and then added to what is read in all.
        let outer = std::mem::take(&mut self.reads);
        self.reads.pattern_bytes = outer.pattern_bytes;
        let node = self.condition(condition, &Scope { by: Some(by), list: None, ..scope.clone() });
        let inner = std::mem::replace(&mut self.reads, outer);
        let parts = part_of(by, &inner);
        self.reads.absorb(inner);
        self.still(Node::Some(Box::new(parts), node?), Type::Bool)
    }

    /// Resolves the property that events are parted by.
    pub(crate) fn part_property(&mut self, name: &str, span: Span) -> Option<crate::profile::PropertyId> {
        let any = |checker: &Self| {
            checker.schema.events.values().chain(checker.schema.own_events.values()).any(|event| {
                event.properties.contains_key(name)
                    || event.lists.values().any(|fields| fields.contains_key(name))
            })
        };
        if self.schema.strict && !name.starts_with("context.") && !any(self) {
            let names = self.schema.events.values().flat_map(|event| event.properties.keys());
            let near = self.near(name, names.map(|name| &**name)).map(str::to_owned);
            let error =
                Error::new(ErrorKind::UnknownName, format!("unknown property {}", Quoted(name)), span);
            return self.error(error.suggest(near.as_deref()));
        }
        self.may_be_shown(name, span)?;
        match self.keep.add_property(name) {
            Some(id) => Some(id),
            None => self.refuse(ErrorKind::Limit, "the definitions read too many properties", span),
        }
    }
}

impl Reads {
    pub(crate) fn absorb(&mut self, other: Reads) {
        self.events.extend(other.events);
        self.attributes.extend(other.attributes);
        self.prefixes.extend(other.prefixes);
        self.affinities.extend(other.affinities);
        self.segments.extend(other.segments);
        self.stays.extend(other.stays);
        self.told.extend(other.told);
        self.all_stays |= other.all_stays;
        self.journeys |= other.journeys;
        self.session |= other.session;
        self.zone |= other.zone;
        self.score_depth = self.score_depth.max(other.score_depth);
        self.pattern_bytes = self.pattern_bytes.max(other.pattern_bytes);
    }
}
