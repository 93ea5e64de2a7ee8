//! Definitions to a plan: labels become numbers, texts become conditions, and what cannot work is refused.

use crate::journey::{Branch, Class, DeliveryPolicy, Journey, Reentry, StepAction, Trigger};
use crate::model::{Duration, Problem, Quoted};
use crate::segment::{ConditionId, EventFilterId, Plan, PlanBuilder, SegmentId, Transition};
use hashbrown::HashMap;
use std::sync::Arc;

/// Number of a journey, in order of definition.
pub(crate) type JourneyNo = u16;

/// The step behind the last one of any journey.
pub(crate) const END: u16 = u16::MAX;

/// Journeys and the policy of delivery, compiled.
#[derive(Debug, Default)]
pub(crate) struct JourneyPlan {
    pub(crate) journeys: Vec<CompiledJourney>,
    /// What an event of a name does: exits before entries.
    pub(crate) by_event: HashMap<Box<str>, Vec<EventUse>, ahash::RandomState>,
    pub(crate) by_segment: HashMap<(SegmentId, Transition), Vec<SegmentUse>, ahash::RandomState>,
    pub(crate) policy: DeliveryPolicy,
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
    pub(crate) steps: Vec<CompiledStep>,
    /// Whether an instance keeps the event that began it, because a template reads it.
    pub(crate) keeps_event: bool,
}

#[derive(Debug)]
pub(crate) struct CompiledStep {
    pub(crate) id: Arc<str>,
    pub(crate) action: CompiledAction,
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
struct At<'a>(&'a str, Vec<String>);

impl At<'_> {
    fn problem(&self, more: &[&str], message: String) -> Problem {
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
        for journey in journeys.iter().take(usize::from(END)) {
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
            problems.push(
                here.problem(&[], "a journey needs a step".into()).help("add `[[journeys.NAME.step]]`"),
            );
        }
        let labels: Vec<&str> = journey.steps.iter().map(|step| &*step.id).collect();
        let mut keeps_event = false;
        let mut steps = Vec::with_capacity(journey.steps.len());
        for (i, step) in journey.steps.iter().enumerate() {
            let at = At(&journey.name, vec!["step".into(), i.to_string()]);
            if &*step.id == "end" {
                problems
                    .push(at.problem(&["id"], "`end` is where every journey ends, so no step can be".into()));
            } else if labels[..i].contains(&&*step.id) {
                problems.push(at.problem(&["id"], format!("two steps are called {}", Quoted(&step.id))));
            }
            let mut target =
                |label: &str, keys: &[&str]| match labels.iter().position(|known| *known == label) {
                    Some(step) => step as u16,
                    None if label == "end" => END,
                    None => {
                        let problem = at.problem(keys, format!("unknown step {}", Quoted(label)));
                        problems.push(problem.suggest(label, labels.iter().copied().chain(["end"])));
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
                    keeps_event |= reads_event(template).unwrap_or(false);
                    if reads_event(template).is_none() {
                        let problem = at
                            .problem(&["send", "template"], format!("unknown template {}", Quoted(template)));
                        problems.push(problem.help(format!("define it as [templates.{template}]")));
                    }
                    CompiledAction::Send {
                        channel: (&**channel).into(),
                        template: template.clone(),
                        expires: *expires,
                    }
                }
            };
            steps.push(CompiledStep { id: (&*step.id).into(), action });
        }
        check_flow(&journey.name, &steps, problems);
        let Journey { class, priority, .. } = *journey;
        let name = (&*journey.name).into();
        self.journeys.push(CompiledJourney {
            name,
            class,
            priority,
            reentry: journey.enter.reentry,
            audience,
            steps,
            keeps_event,
        });
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
                let segment_use = SegmentUse { journey, is_exit };
                self.unresolved.push(Unresolved {
                    path: path(key),
                    segment: segment.clone(),
                    transition,
                    segment_use,
                });
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

/// Refuses steps that nothing leads to, and loops in which no time passes.
fn check_flow(journey: &str, steps: &[CompiledStep], problems: &mut Vec<Problem>) {
    let next = |i: usize| -> Vec<usize> {
        let fall = i + 1;
        let targets: Vec<usize> = match &steps[i].action {
            CompiledAction::Goto(to) => vec![usize::from(*to)],
            CompiledAction::Branch(arms) => {
                arms.iter().map(|(_, to)| usize::from(*to)).chain([fall]).collect()
            }
            CompiledAction::Wait(_) | CompiledAction::Send { .. } => vec![fall],
        };
        targets.into_iter().filter(|to| *to < steps.len()).collect()
    };
    let mut reached = vec![false; steps.len()];
    let mut open: Vec<usize> = (0..steps.len().min(1)).collect();
    while let Some(i) = open.pop() {
        if !std::mem::replace(&mut reached[i], true) {
            open.extend(next(i));
        }
    }
    let at = |i: usize| At(journey, vec!["step".into(), i.to_string()]);
    for (i, step) in steps.iter().enumerate() {
        if !reached[i] {
            let problem = at(i).problem(&["id"], format!("nothing leads to the step {}", Quoted(&step.id)));
            problems.push(problem.help("the step before it jumps away; name it in a `branch` or `goto`"));
            continue;
        }
        // From here, by steps that take no time, back to here.
        let mut seen = vec![false; steps.len()];
        let takes_time =
            |i: usize| matches!(&steps[i].action, CompiledAction::Wait(d) if *d > Duration::ZERO);
        let mut open = if takes_time(i) { Vec::new() } else { next(i) };
        while let Some(j) = open.pop() {
            if j == i {
                let problem = at(i)
                    .problem(&["id"], format!("a loop through the step {} without a wait", Quoted(&step.id)));
                problems.push(problem.help("put a `wait` into the loop"));
                break;
            }
            if !takes_time(j) && !std::mem::replace(&mut seen[j], true) {
                open.extend(next(j));
            }
        }
    }
}
