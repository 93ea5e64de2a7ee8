//! Definitions to a plan: labels become numbers, texts become conditions, and what cannot work is refused.

use crate::journey::compile_step::StepCompiler;
use crate::journey::flow::check_flow;
use crate::journey::plan::{
    CompiledAction, CompiledAwaited, CompiledJourney, CompiledStep, EventUse, JourneyNo, JourneyPlan,
    SegmentUse, Unresolved, Use,
};
use crate::journey::timed::Timed;
use crate::journey::unbuilt::{unbuilt, unbuilt_policy};
use crate::journey::version::version;
use crate::journey::{Awaited, DeliveryPolicy, Journey, Step, StepAction, Trigger};
use crate::model::{Problem, Quoted};
use crate::segment::{Plan, PlanBuilder, Transition};
use hashbrown::HashMap;

/// Most journeys of a set of definitions.
const JOURNEYS_MAX: usize = 10_000;
/// Most steps of a journey.
const STEPS_MAX: usize = 1_000;

/// Where in the definitions something is.
pub(super) struct At<'a>(&'a str, Vec<String>);

impl<'a> At<'a> {
    pub(super) fn journey(journey: &'a str) -> At<'a> {
        At(journey, Vec::new())
    }

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

    pub(super) fn dotted(&self, more: &str) -> String {
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
        let mut problems = unbuilt_policy(policy);
        if let Some(first) = journeys.get(JOURNEYS_MAX) {
            let message =
                format!("there are {} journeys, at most {JOURNEYS_MAX} are allowed", journeys.len());
            problems.push(Problem::new(["journeys", &first.name], message));
        }
        for journey in journeys.iter().take(JOURNEYS_MAX) {
            plan.add(journey, reads_event, builder, &mut problems);
        }
        for uses in plan.by_event.values_mut() {
            uses.sort_by_key(|event| event.what);
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
        problems.extend(unbuilt(journey));
        let number = self.journeys.len() as JourneyNo;
        let here = At::journey(&journey.name);
        let audience =
            journey.audience.as_deref().map(|text| builder.condition(&here.dotted("audience"), text));
        self.trigger(
            number,
            Use::Enter,
            &journey.enter.trigger,
            &At(&journey.name, vec!["enter".into()]),
            builder,
        );
        for (i, exit) in journey.exit.iter().enumerate() {
            self.trigger(
                number,
                Use::Exit,
                exit,
                &At(&journey.name, vec!["exit".into(), i.to_string()]),
                builder,
            );
        }
        if let Some(goal) = &journey.goal {
            self.trigger(number, Use::Goal, &goal.trigger, &At(&journey.name, vec!["goal".into()]), builder);
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
        let policy = &self.policy;
        let mut compiled_steps = {
            let mut compiler = StepCompiler { journey, policy, labels, reads_event, builder, problems };
            let steps = steps.iter().enumerate().map(|(i, step)| compiler.step(i, step));
            steps.collect::<Vec<CompiledStep>>()
        };
        self.await_in(number, &journey.name, steps, &mut compiled_steps, builder);
        let steps = compiled_steps;
        check_flow(&journey.name, &steps, problems);
        self.by_time.extend(Timed::of(journey).map(|timed| (number, timed)));
        self.journeys.push(CompiledJourney {
            name: (&*journey.name).into(),
            definition: journey.clone(),
            version: version(journey),
            audience,
            by_event: matches!(journey.enter.trigger, Trigger::Event { .. }),
            keeps_event: steps.iter().any(|step| match &step.action {
                CompiledAction::Send(send) => reads_event(&send.definition.template) == Some(true),
                _ => false,
            }),
            steps,
        });
    }

    /// Registers what steps wait for.
    fn await_in(
        &mut self,
        journey: JourneyNo,
        name: &str,
        steps: &[Step],
        compiled: &mut [CompiledStep],
        builder: &mut PlanBuilder,
    ) {
        for (i, step) in steps.iter().enumerate() {
            let StepAction::WaitFor(wait) = &step.action else { continue };
            for (condition, awaited) in wait.conditions.iter().enumerate() {
                match awaited {
                    Awaited::Trigger(trigger) => {
                        let list = if wait.all { "all" } else { "any" };
                        let mut at = At::step(name, i);
                        at.1.extend(["wait_for".to_owned(), list.to_owned(), condition.to_string()]);
                        let what = Use::Await { step: i as u16, condition: condition as u8 };
                        self.trigger(journey, what, trigger, &at, builder);
                    }
                    Awaited::Answer { delivery, step } => {
                        self.awaits_answers = true;
                        if let Some(sender) = compiled.iter_mut().find(|sender| *sender.id == **step) {
                            sender.awaited |= 1 << *delivery as u8;
                        }
                    }
                }
            }
        }
    }

    fn trigger(
        &mut self,
        journey: JourneyNo,
        what: Use,
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
                uses.push(EventUse { journey, what, filter, key: key.clone() });
            }
            Trigger::SegmentEntered(segment) | Trigger::SegmentLeft(segment) => {
                let (key, transition) = match trigger {
                    Trigger::SegmentLeft(_) => ("segment_left", Transition::Left),
                    _ => ("segment_entered", Transition::Entered),
                };
                let (path, segment) = (path(key), segment.clone());
                let segment_use = SegmentUse { journey, what };
                self.unresolved.push(Unresolved { path, segment, transition, segment_use });
            }
            // Their time comes by itself: see `timed`.
            Trigger::Date { .. } | Trigger::Cron(_) => {}
            Trigger::Item { .. } | Trigger::Call { .. } => {}
        }
    }

    /// Finds the segments that triggers name, once they have numbers.
    pub(crate) fn resolve_segments(&mut self, plan: &Plan) -> Vec<Problem> {
        let mut problems = Vec::new();
        for Unresolved { path, segment, transition, segment_use } in std::mem::take(&mut self.unresolved) {
            match plan.segment(&segment) {
                Some(id) => {
                    self.by_segment.entry((id, transition)).or_default().push(segment_use);
                    let step = match segment_use.what {
                        Use::Await { step, condition } => Some((step, condition)),
                        _ => None,
                    };
                    let steps = &mut self.journeys[usize::from(segment_use.journey)].steps;
                    if let Some((step, condition)) = step
                        && let CompiledAction::WaitFor(wait) = &mut steps[usize::from(step)].action
                        && let CompiledAwaited::Segment { segment, .. } =
                            &mut wait.conditions[usize::from(condition)]
                    {
                        *segment = Some(id);
                    }
                }
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
            uses.sort_by_key(|segment| segment.what);
        }
        problems
    }
}
