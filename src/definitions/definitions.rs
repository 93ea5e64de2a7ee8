use crate::decision::{Placement, Template};
use crate::definitions::check::{Compiled, check};
use crate::definitions::loose::LooseExpression;
use crate::definitions::reader::{Finding, Report, Table};
use crate::definitions::source::{Place, Source, span};
use crate::definitions::{
    Error, Errors, RecommendDefinition, SegmentDefinition, Settings, content, delivery, experiments, ids,
    journeys, recommend, retention, schema, scores, segments, settings,
};
use crate::experiment::Experiment;
use crate::journey::{DeliveryPolicy, Journey};
use crate::model::{Duration, Problem, Quoted};
use crate::segment::{self, ErrorKind, Plan, PlanBuilder, Schema, Score, Span};
use hashbrown::HashSet;
use std::sync::Arc;
use toml::de::DeTable;

/// Longest text of definitions, in bytes.
pub const TEXT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Everything that a host defines, read and checked: attributes, events, segments, templates, journeys, placements.
///
/// The tables are described in [the module](crate::definitions).
///
/// ```
/// use bespoke::definitions::Definitions;
/// let definitions = Definitions::from_toml(
///     r#"
///     version = 1
///
///     [events.view]
///     category = "string"
///     [events.purchase]
///
///     [segments]
///     sneakerhead = 'count(view where category = "sneakers" in 7d) >= 3'
///     lapsed = 'not did(purchase in 30d)'
///     "#,
/// )?;
/// assert_eq!(definitions.segment_names().collect::<Vec<_>>(), ["sneakerhead", "lapsed"]);
/// # Ok::<(), bespoke::definitions::Errors>(())
/// ```
#[derive(Clone, Debug)]
pub struct Definitions {
    source: Source,
    places: Place,
    pub(crate) settings: Settings,
    pub(crate) schema: Schema,
    /// In the order of the text, which numbers them.
    pub(crate) segments: Vec<SegmentDefinition>,
    /// Names of segments.
    pub(crate) lifecycle: Vec<Box<str>>,
    pub(crate) scores: Vec<Score>,
    pub(crate) templates: Vec<Template>,
    pub(crate) experiments: Vec<Experiment>,
    pub(crate) delivery: DeliveryPolicy,
    pub(crate) journeys: Vec<Journey>,
    pub(crate) placements: Vec<Placement>,
    pub(crate) recommend: RecommendDefinition,
    /// There once everything was found right.
    compiled: Option<Arc<Compiled>>,
}

impl Definitions {
    /// Reads definitions and checks all of them. Linear in the length of the text.
    ///
    /// # Errors
    /// Every mistake in the text; nothing of it is taken then.
    pub fn from_toml(text: &str) -> Result<Definitions, Errors> {
        load(None, text)
    }

    /// The same for a text that is in a file, whose name errors will show.
    ///
    /// # Errors
    /// As [`from_toml`](Definitions::from_toml).
    pub fn from_toml_named(file: &str, text: &str) -> Result<Definitions, Errors> {
        load(Some(file), text)
    }

    /// The text that was read.
    #[must_use]
    pub fn text(&self) -> &str {
        self.source.text()
    }

    /// The same, to be kept by several.
    pub(super) fn shared_text(&self) -> Arc<str> {
        self.source.text().clone()
    }

    /// The name of the file, where one was given.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.source.file()
    }

    /// The names of the segments, in the order of the text.
    pub fn segment_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.segments.iter().map(|segment| &*segment.name)
    }

    /// The names of the journeys, in the order of the text.
    pub fn journey_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.journeys.iter().map(|journey| &*journey.name)
    }

    /// The names of the experiments, in the order of the text.
    pub fn experiment_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.experiments.iter().map(Experiment::name)
    }

    /// The names of the placements, in the order of the text.
    pub fn placement_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.placements.iter().map(|placement| &*placement.name)
    }

    /// How long inputs may stay in the journal of a store, where that is said.
    #[must_use]
    pub fn journal_retention(&self) -> Option<Duration> {
        self.settings.journal_max
    }

    /// What the rooms run.
    pub(crate) fn compiled(&self) -> &Arc<Compiled> {
        self.compiled.as_ref().expect("definitions are handed out only once they are compiled")
    }

    /// A plan with all segments, to which conditions can be added.
    pub(crate) fn plan_builder(&self) -> PlanBuilder {
        let mut builder = Plan::builder(self.schema.clone())
            .session_gap(self.settings.session_gap)
            .default_zone(self.settings.zone.clone());
        builder.lifecycle.clone_from(&self.lifecycle);
        builder.scores.clone_from(&self.scores);
        builder.parts_max = self.settings.parts_max;
        builder.remembered = self.recommend.remembered();
        for SegmentDefinition { name, by, text } in &self.segments {
            builder = builder.segment(name, by.as_deref(), text);
        }
        builder
    }

    /// What a room found wrong, with its place in the text.
    pub(crate) fn problem(&self, problem: &Problem) -> Error {
        let place = self.places.nearest(&problem.path).mark();
        self.source.error(place, problem.message.clone(), problem.help.clone())
    }

    /// What is wrong in the expression at a key path, with its place in the text. A place that is no string, such
    /// as a table, is marked as a whole.
    pub(crate) fn segment_error(&self, path: &[&str], error: &segment::Error) -> Error {
        self.error_at(self.places.nearest(path), error)
    }

    /// What is wrong in an expression that a [`PlanBuilder`] knows by the name of a segment, or else by its key path
    /// written with dots, such as `journeys.cart.step.2.branch.0.when`.
    pub(crate) fn named_error(&self, error: &segment::Error) -> Error {
        let name = error.name().unwrap_or_default();
        if self.places.at(&["segments", name]).is_some() {
            // What is wrong with `by` is told of no part of the text; nor is that the text is empty.
            let by = self.places.at(&["segments", name, "by"]);
            return match by {
                Some(by) if error.span() == Span::default() && error.kind() != ErrorKind::Syntax => {
                    self.error_in(by.mark(), error)
                }
                _ => self.segment_error(&["segments", name, "when"], error),
            };
        }
        match self.places.dotted(name) {
            Some(place) => self.error_at(place, error),
            None => self.error_in(Span::default(), error),
        }
    }

    fn error_at(&self, place: &Place, error: &segment::Error) -> Error {
        let whole = place.mark();
        self.error_in(if place.is_string() { self.source.inside(whole, error.span()) } else { whole }, error)
    }

    fn error_in(&self, place: Span, error: &segment::Error) -> Error {
        self.source.error(place, error.message().to_owned(), error.advice().map(Into::into))
    }
}

fn load(file: Option<&str>, text: &str) -> Result<Definitions, Errors> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("the text has {} bytes, at most {TEXT_BYTES_MAX} are allowed", text.len());
        return Err(Errors::new(vec![Source::new(file, "").error(Span::default(), message, None)], 0));
    }
    let source = Source::new(file, text);
    let (document, refused) = DeTable::parse_recoverable(text);
    if !refused.is_empty() {
        let error = |error: &toml::de::Error| {
            let place = error.span().map(|range| span(&range)).unwrap_or_default();
            let message = match (error.message(), text.get(place.range())) {
                ("duplicate key", Some(key)) => format!("the key {} is there twice", Quoted(key)),
                (message, _) => message.to_owned(),
            };
            source.error(place, message, None)
        };
        return Err(Errors::new(refused.iter().map(error).collect(), 0));
    }
    let report = Report::default();
    let Some(Read { mut definitions, is_sound, loose }) = read(source.clone(), document.get_ref(), &report)
    else {
        return Err(refuse(&source, report, Vec::new()));
    };
    let checked = match is_sound {
        true => check(&definitions, &loose),
        // Names may be missing because they could not be read: what is not declared is not wrong then.
        false => {
            let mut lenient = definitions.clone();
            lenient.schema.strict = false;
            lenient.schema.is_partial = true;
            check(&lenient, &loose)
        }
    };
    match checked {
        Ok(compiled) if report.count() == 0 => {
            definitions.compiled = Some(Arc::new(compiled));
            Ok(definitions)
        }
        checked => Err(refuse(&source, report, checked.err().unwrap_or_default())),
    }
}

struct Read {
    definitions: Definitions,
    /// Whether all that expressions may name could be read.
    is_sound: bool,
    loose: Vec<LooseExpression>,
}

/// Reads the whole document. Nothing where its version is not known.
fn read(source: Source, document: &DeTable<'_>, report: &Report) -> Option<Read> {
    let mut root = Table::new(report, Span::default(), document);
    if !settings::read_version(&mut root) {
        return None;
    }
    let mut loose = Vec::new();
    let mut settings = settings::read(&mut root);
    settings.identity.kinds = ids::read(&mut root);
    let mut names = schema::read(&mut root, &settings);
    retention::read(&mut root, &mut settings, &mut names);
    let segments = segments::read(&mut root);
    let known = report.count();
    let lifecycle = segments::read_lifecycle(&mut root);
    let scores = scores::read(&mut root);
    let facts_are_sound = report.count() == known;
    let templates = content::read_templates(&mut root);
    let delivery = delivery::read(&mut root);
    let segment_names = segments.iter().map(|segment| &*segment.name).collect();
    let experiments = experiments::read(&mut root, &names, &mut loose);
    let journeys = journeys::Reader { names: &names, segments: segment_names, experiments: &experiments }
        .read(&mut root, &mut loose);
    let placements = content::read_placements(&mut root, &mut loose);
    let recommend = recommend::read(&mut root, &settings, &names);
    root.not_yet(&["policies", "predict", "privacy"]);
    root.finish();
    let schema::Names { schema, is_sound } = names;
    let places = Place::root(document);
    let definitions = Definitions {
        source,
        places,
        settings,
        schema,
        segments,
        lifecycle,
        scores,
        templates,
        experiments: experiments.read,
        delivery,
        journeys,
        placements,
        recommend,
        compiled: None,
    };
    Some(Read { definitions, is_sound: is_sound && facts_are_sound, loose })
}

/// All errors of both passes; of two about one place, the first pass has it.
fn refuse(source: &Source, report: Report, more: Vec<Error>) -> Errors {
    let (findings, left_out) = report.into_findings();
    let told: HashSet<Span, ahash::RandomState> = findings.iter().map(|finding| finding.span).collect();
    let found = |Finding { span, message, help }| source.error(span, message, help);
    let mut errors: Vec<Error> = findings.into_iter().map(found).collect();
    errors.extend(more.into_iter().filter(|error| !told.contains(&error.span)));
    Errors::new(errors, left_out)
}
