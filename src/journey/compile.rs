//! Definitions to a plan: labels become numbers, texts become conditions, and what cannot work is refused.

use crate::journey::flow::check_flow;
use crate::journey::permit::Permits;
use crate::journey::{Branch, Class, DeliveryPolicy, Journey, Reentry, Step, StepAction, Trigger};
use crate::model::{Duration, Problem, Quoted};
use crate::segment::{ConditionId, EventFilterId, Plan, PlanBuilder, SegmentId, Transition};
use hashbrown::HashMap;
use std::sync::Arc;

/// Number of a journey, in order of definition.
pub(crate) type JourneyNo = u16;

/// Stands for a journey that is no longer defined: the host may still hold actions of it.
pub(crate) const GONE: JourneyNo = u16::MAX;

/// The step behind the last one of any journey.
pub(crate) const END: u16 = u16::MAX;

/// Most journeys of a set of definitions.
const JOURNEYS_MAX: usize = 10_000;
/// Most steps of a journey.
const STEPS_MAX: usize = 1_000;

/// Journeys and the policy of delivery, compiled.
#[derive(Debug, Default)]
pub(crate) struct JourneyPlan {
    pub(crate) journeys: Vec<CompiledJourney>,
    /// What an event of a name does: exits before entries.
    pub(crate) by_event: HashMap<Box<str>, Vec<EventUse>, ahash::RandomState>,
    pub(crate) by_segment: HashMap<(SegmentId, Transition), Vec<SegmentUse>, ahash::RandomState>,
    pub(crate) policy: DeliveryPolicy,
    /// How long an action may wait for the host, whatever its step says.
    pub(crate) outbox_max: Option<Duration>,
    /// What sends ask of their users.
    pub(crate) permits: Permits,
    /// Segments are numbered only once the plan is built.
    unresolved: Vec<Unresolved>,
}

/// A trigger that waits for its segment's number.
#[derive(Debug)]
struct Unresolved {
    path: Vec<Box<str>>,
    segment: Box<str>,
    transition: Transition,
    segment_use: SegmentUse,
}

#[derive(Debug)]
pub(crate) struct CompiledJourney {
    pub(crate) name: Arc<str>,
    pub(crate) class: Class,
    pub(crate) priority: i64,
    pub(crate) reentry: Reentry,
    pub(crate) audience: Option<ConditionId>,
    /// Whether an event begins it: only then can an entry be late.
    pub(crate) by_event: bool,
    /// Whether an instance keeps the event that began it, because a template reads it.
    pub(crate) keeps_event: bool,
    pub(crate) steps: Vec<CompiledStep>,
}

impl CompiledJourney {
    /// The label of a step, or `end`.
    pub(crate) fn label(&self, step: u16) -> Arc<str> {
        self.steps.get(usize::from(step)).map_or_else(|| "end".into(), |step| step.id.clone())
    }
}

#[derive(Debug)]
pub(crate) struct CompiledStep {
    pub(crate) id: Arc<str>,
    pub(crate) action: CompiledAction,
}

impl CompiledStep {
    /// The channel it sends by, if it sends.
    pub(crate) fn channel(&self) -> Option<&Arc<str>> {
        match &self.action {
            CompiledAction::Send { channel, .. } => Some(channel),
            _ => None,
        }
    }
}

#[derive(Debug)]
pub(crate) enum CompiledAction {
    Wait(Duration),
    Branch(Vec<(ConditionId, u16)>),
    Send { channel: Arc<str>, template: Box<str>, expires: Option<Duration> },
    Goto(u16),
}

#[derive(Debug)]
pub(crate) struct EventUse {
    pub(crate) journey: JourneyNo,
    pub(crate) is_exit: bool,
    pub(crate) filter: EventFilterId,
    /// The property that keys the instance.
    pub(crate) key: Option<Box<str>>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct SegmentUse {
    pub(crate) journey: JourneyNo,
    pub(crate) is_exit: bool,
}

/// Where in the definitions something is.
pub(super) struct At<'a>(&'a str, Vec<String>);

impl<'a> At<'a> {
    pub(super) fn step(journey: &'a str, step: usize) -> At<'a> {
        At(journey, vec!["step".into(), step.to_string()])
    }

    pub(super) fn problem(&self, more: &[&str], message: String) -> Problem {
        let path = ["journeys", self.0]
            .into_iter()
            .chain(self.1.iter().map(String::as_str))
            .chain(more.iter().copied());
        Problem::new(path, message)
    }

    fn dotted(&self, more: &str) -> String {
        let inner: String = self.1.iter().map(|part| format!(".{part}")).collect();
        format!("journeys.{}{inner}.{more}", self.0)
    }
}

impl JourneyPlan {
    /// Registers conditions with the builder and reports what is wrong with the structure. `reads_event` tells
    /// whether a template reads the event that began the journey; nothing where there is no such template.
    pub(crate) fn compile(
        journeys: &[Journey],
        policy: &DeliveryPolicy,
        reads_event: &dyn Fn(&str) -> Option<bool>,
        builder: &mut PlanBuilder,
    ) -> (JourneyPlan, Vec<Problem>) {
        let mut plan = JourneyPlan { policy: policy.clone(), ..JourneyPlan::default() };
        let mut problems = Vec::new();
        if let Some(first) = journeys.get(JOURNEYS_MAX) {
            let message =
                format!("there are {} journeys, at most {JOURNEYS_MAX} are allowed", journeys.len());
            problems.push(Problem::new(["journeys", &first.name], message));
        }
        for journey in journeys.iter().take(JOURNEYS_MAX) {
            plan.add(journey, reads_event, builder, &mut problems);
        }
        for uses in plan.by_event.values_mut() {
            uses.sort_by_key(|event| !event.is_exit);
        }
        (plan, problems)
    }

    fn add(
        &mut self,
        journey: &Journey,
        reads_event: &dyn Fn(&str) -> Option<bool>,
        builder: &mut PlanBuilder,
        problems: &mut Vec<Problem>,
    ) {
        let number = self.journeys.len() as JourneyNo;
        let here = At(&journey.name, Vec::new());
        let audience =
            journey.audience.as_deref().map(|text| builder.condition(&here.dotted("audience"), text));
        self.trigger(
            number,
            false,
            &journey.enter.trigger,
            &At(&journey.name, vec!["enter".into()]),
            builder,
        );
        for (i, exit) in journey.exit.iter().enumerate() {
            self.trigger(number, true, exit, &At(&journey.name, vec!["exit".into(), i.to_string()]), builder);
        }
        if journey.steps.is_empty() {
            let help = format!("add `[[journeys.{}.step]]`", journey.name);
            problems.push(here.problem(&[], "a journey needs a step".into()).help(help));
        }
        if journey.steps.len() > STEPS_MAX {
            let message = format!("it has {} steps, at most {STEPS_MAX} are allowed", journey.steps.len());
            problems.push(here.problem(&["step"], message).help("part it into several journeys"));
        }
        let steps = &journey.steps[..journey.steps.len().min(STEPS_MAX)];
        let mut labels: HashMap<&str, u16, ahash::RandomState> = HashMap::default();
        for (i, step) in steps.iter().enumerate() {
            let at = At::step(&journey.name, i);
            if &*step.id == "end" {
                let message = "`end` is where every journey ends, so no step can be called so".into();
                problems.push(at.problem(&["id"], message));
            } else if labels.contains_key(&*step.id) {
                problems.push(at.problem(&["id"], format!("two steps are called {}", Quoted(&step.id))));
            } else {
                labels.insert(&step.id, i as u16);
            }
        }
        let steps: Vec<CompiledStep> = steps
            .iter()
            .enumerate()
            .map(|(i, step)| {
                let at = At::step(&journey.name, i);
                self.step(step, &at, &labels, reads_event, builder, problems)
            })
            .collect();
        check_flow(&journey.name, &steps, problems);
        self.journeys.push(CompiledJourney {
            name: (&*journey.name).into(),
            class: journey.class,
            priority: journey.priority,
            reentry: journey.enter.reentry,
            audience,
            by_event: matches!(journey.enter.trigger, Trigger::Event { .. }),
            keeps_event: steps.iter().any(|step| match &step.action {
                CompiledAction::Send { template, .. } => reads_event(template) == Some(true),
                _ => false,
            }),
            steps,
        });
    }

    fn step(
        &self,
        step: &Step,
        at: &At<'_>,
        labels: &HashMap<&str, u16, ahash::RandomState>,
        reads_event: &dyn Fn(&str) -> Option<bool>,
        builder: &mut PlanBuilder,
        problems: &mut Vec<Problem>,
    ) -> CompiledStep {
        let mut target = |label: &str, keys: &[&str]| match labels.get(label) {
            Some(step) => *step,
            None if label == "end" => END,
            None => {
                let problem = at.problem(keys, format!("unknown step {}", Quoted(label)));
                problems.push(problem.suggest(label, labels.keys().copied().chain(["end"])));
                END
            }
        };
        let action = match &step.action {
            StepAction::Wait(duration) => CompiledAction::Wait(*duration),
            StepAction::Goto(label) => CompiledAction::Goto(target(label, &["goto"])),
            StepAction::Branch(arms) => {
                let arms = arms.iter().enumerate().map(|(arm, Branch { when, to })| {
                    let arm = arm.to_string();
                    let condition = builder.condition(&at.dotted(&format!("branch.{arm}.when")), when);
                    (condition, target(to, &["branch", &arm, "to"]))
                });
                CompiledAction::Branch(arms.collect())
            }
            StepAction::Send { channel, template, expires } => {
                if reads_event(template).is_none() {
                    let message = format!("unknown template {}", Quoted(template));
                    let problem = at.problem(&["send", "template"], message);
                    problems.push(problem.help(format!("define it as [templates.{template}]")));
                }
                let (channel, template) = ((&**channel).into(), template.clone());
                CompiledAction::Send { channel, template, expires: *expires }
            }
        };
        CompiledStep { id: (&*step.id).into(), action }
    }

    fn trigger(
        &mut self,
        journey: JourneyNo,
        is_exit: bool,
        trigger: &Trigger,
        at: &At<'_>,
        builder: &mut PlanBuilder,
    ) {
        let path = |key: &str| {
            let inner = at.1.iter().map(|part| part.as_str().into());
            ["journeys", at.0].map(Into::into).into_iter().chain(inner).chain([key.into()]).collect()
        };
        match trigger {
            Trigger::Event { event, condition, key } => {
                let filter = builder.event_filter(&at.dotted("where"), event, condition);
                let uses = self.by_event.entry(event.clone()).or_default();
                uses.push(EventUse { journey, is_exit, filter, key: key.clone() });
            }
            Trigger::SegmentEntered(segment) | Trigger::SegmentLeft(segment) => {
                let (key, transition) = match trigger {
                    Trigger::SegmentLeft(_) => ("segment_left", Transition::Left),
                    _ => ("segment_entered", Transition::Entered),
                };
                let (path, segment) = (path(key), segment.clone());
                let segment_use = SegmentUse { journey, is_exit };
                self.unresolved.push(Unresolved { path, segment, transition, segment_use });
            }
        }
    }

    /// Finds the segments that triggers name, once they have numbers.
    pub(crate) fn resolve_segments(&mut self, plan: &Plan) -> Vec<Problem> {
        let mut problems = Vec::new();
        for Unresolved { path, segment, transition, segment_use } in std::mem::take(&mut self.unresolved) {
            match plan.segment(&segment) {
                Some(id) => self.by_segment.entry((id, transition)).or_default().push(segment_use),
                None => {
                    let problem = Problem::new(
                        path.iter().map(|key| &**key),
                        format!("unknown segment {}", Quoted(&segment)),
                    );
                    problems.push(problem.suggest(&segment, plan.segment_names()));
                }
            }
        }
        for uses in self.by_segment.values_mut() {
            uses.sort_by_key(|segment| !segment.is_exit);
        }
        problems
    }
}
