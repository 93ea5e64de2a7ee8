//! Definitions to a plan: labels become numbers, texts become conditions, and what cannot work is refused.

use crate::experiment::Experiment;
use crate::journey::by_item::ItemUse;
use crate::journey::compile_step::StepCompiler;
use crate::journey::flow::check_flow;
use crate::journey::plan::{
    CompiledAction, CompiledAwaited, CompiledJourney, CompiledStep, EventUse, JourneyNo, JourneyPlan,
    SegmentUse, Unresolved, Use,
};
use crate::journey::timed::Timed;
use crate::journey::version::version;
use crate::journey::{Awaited, DeliveryPolicy, Journey, LocalAt, Step, StepAction, Trigger};
use crate::model::{Problem, Quoted};
use crate::segment::{Kind, Plan, PlanBuilder, Transition};
use hashbrown::HashMap;

/// Most journeys of a set of definitions.
const JOURNEYS_MAX: usize = 10_000;
/// Most journeys together with those of earlier definitions.
const PINNED_BELOW: usize = 60_000;
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
        experiments: &[Experiment],
        reads_event: &dyn Fn(&str) -> Option<bool>,
        builder: &mut PlanBuilder,
    ) -> (JourneyPlan, Vec<Problem>) {
        let mut plan = JourneyPlan { policy: policy.clone(), ..JourneyPlan::default() };
        let mut problems = Vec::new();
        plan.send_times(builder, &mut problems);
        plan.add_experiments(experiments, builder);
        if let Some(first) = journeys.get(JOURNEYS_MAX) {
            let message =
                format!("there are {} journeys, at most {JOURNEYS_MAX} are allowed", journeys.len());
            problems.push(Problem::new(["journeys", &first.name], message));
        }
        for journey in journeys.iter().take(JOURNEYS_MAX) {
            plan.add(journey, reads_event, builder, &mut problems);
        }
        let asks = |step: &CompiledStep| match &step.action {
            CompiledAction::Send(send) => send.definition.at_best,
            CompiledAction::WaitUntil(wait) => wait.at == LocalAt::Best,
            _ => false,
        };
        plan.learns_times = plan.policy.send_time.is_some()
            || plan.journeys.iter().any(|journey| journey.steps.iter().any(asks));
        for uses in plan.by_event.values_mut() {
            uses.sort_by_key(|event| event.what);
        }
        (plan, problems)
    }

    /// What the policy says of the best hour: who lend one another evidence.
    fn send_times(&mut self, builder: &mut PlanBuilder, problems: &mut Vec<Problem>) {
        let policy = self.policy.send_time.clone().unwrap_or_default();
        let path = |key: &str| Problem::new(["delivery", "send_time", key], String::new());
        if let Err(error) = policy.params().check() {
            let key = match &error {
                crate::predict::Error::Parameter { name: "groups", .. } => "segments",
                crate::predict::Error::Parameter { name, .. } => name,
                // Nothing else is wrong in parameters.
                _ => "segments",
            };
            problems.push(Problem { message: error.to_string(), ..path(key) });
            return;
        }
        for (i, segment) in policy.segments.iter().enumerate() {
            let i = i.to_string();
            if builder.segments.iter().any(|known| *known.name == **segment) {
                let asked = format!("segment({})", serde_json::Value::from(&**segment));
                let group = builder.condition(&format!("delivery.send_time.segments.{i}"), &asked);
                self.time_groups.push(group);
            } else {
                let message = format!("unknown segment {}", Quoted(segment));
                let problem = Problem::new(["delivery", "send_time", "segments", &i], message);
                problems.push(problem.suggest(segment, builder.segments.iter().map(|known| &*known.name)));
            }
        }
    }

    fn add(
        &mut self,
        journey: &Journey,
        reads_event: &dyn Fn(&str) -> Option<bool>,
        builder: &mut PlanBuilder,
        problems: &mut Vec<Problem>,
    ) {
        let number = self.journeys.len() as JourneyNo;
        let here = At::journey(&journey.name);
        let audience = journey.audience.as_deref().map(|text| match &journey.enter.trigger {
            Trigger::Item { key: Some(by), .. } => builder.part_condition(&here.dotted("audience"), text, by),
            _ => builder.condition(&here.dotted("audience"), text),
        });
        self.trigger(
            number,
            Use::Enter,
            &journey.enter.trigger,
            &At(&journey.name, vec!["enter".into()]),
            builder,
        );
        self.by_time.extend(Timed::of(journey).map(|timed| (number, timed)));
        self.add_running(journey, reads_event, builder, problems);
        let known = |id: &str| journey.steps.iter().any(|step| *step.id == *id);
        for (from, to) in &journey.moved_to {
            if !known(to) {
                let problem = here.problem(&["moved_to", from], format!("unknown step {}", Quoted(to)));
                problems.push(match &**to {
                    "end" => {
                        problem.help("leave it out: whoever stands on a step that is gone leaves the journey")
                    }
                    _ => problem.suggest(to, journey.steps.iter().map(|step| &*step.id)),
                });
            } else if known(from) {
                let message = format!("the step {} is still there", Quoted(from));
                let help = "whoever stands on it stays; name steps that are gone";
                problems.push(here.problem(&["moved_to", from], message).help(help));
            }
        }
        let compiled = &mut self.journeys[usize::from(number)];
        compiled.audience = audience;
        compiled.by_event = matches!(journey.enter.trigger, Trigger::Event { .. });
    }

    /// Adds a journey of earlier definitions, for those who have entered it and go on under it: nobody enters it. `name`
    /// is what problems and conditions call it, and `experiments` are those of its definitions: of one that is not defined
    /// any more it asks that one.
    pub(crate) fn pin(
        &mut self,
        journey: &Journey,
        name: &str,
        experiments: &[Experiment],
        reads_event: &dyn Fn(&str) -> Option<bool>,
        builder: &mut PlanBuilder,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        let named = Journey { name: name.into(), ..journey.clone() };
        let current = self.journeys.iter().find(|current| *current.name == *journey.name);
        let Some(current) = current.map(|current| (current.name.clone(), current.current)) else {
            return vec![At::journey(name).problem(&[], "the journey is gone".into())];
        };
        if self.journeys.len() >= PINNED_BELOW {
            return vec![At::journey(name).problem(&[], "there are too many journeys".into())];
        }
        for (i, step) in journey.steps.iter().enumerate() {
            let StepAction::Experiment(step) = &step.action else { continue };
            let at = At::step(name, i);
            match experiments.iter().find(|known| *known.name() == *step.experiment) {
                Some(known) => self.keep_experiment(known, &at.dotted("experiment"), builder),
                None => problems.push(at.problem(&["experiment"], "the experiment is gone".into())),
            }
        }
        self.add_running(&named, reads_event, builder, &mut problems);
        if let Some(compiled) = self.journeys.last_mut() {
            compiled.definition.name = journey.name.clone();
            (compiled.name, compiled.current) = current;
        }
        for uses in self.by_event.values_mut() {
            uses.sort_by_key(|event| event.what);
        }
        problems
    }

    /// Adds what those follow who are in a journey.
    fn add_running(
        &mut self,
        journey: &Journey,
        reads_event: &dyn Fn(&str) -> Option<bool>,
        builder: &mut PlanBuilder,
        problems: &mut Vec<Problem>,
    ) {
        let number = self.journeys.len() as JourneyNo;
        let here = At::journey(&journey.name);
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
            let experiment_number = &|name: &str| self.experiment_number(name);
            let mut compiler =
                StepCompiler { journey, policy, labels, reads_event, experiment_number, builder, problems };
            let steps = steps.iter().enumerate().map(|(i, step)| compiler.step(i, step));
            steps.collect::<Vec<CompiledStep>>()
        };
        self.await_in(number, &journey.name, steps, &mut compiled_steps, builder);
        let steps = compiled_steps;
        check_flow(journey, &steps, problems);
        self.journeys.push(CompiledJourney {
            name: (&*journey.name).into(),
            definition: journey.clone(),
            version: version(journey),
            current: number,
            audience: None,
            by_event: false,
            keeps_event: steps.iter().any(|step| match &step.action {
                CompiledAction::Send(send) => reads_event(&send.definition.template) == Some(true),
                _ => step.fillings().iter().any(|(_, filling)| filling.reads_event()),
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
            Trigger::Item { change, condition, key } => {
                let is_text = |text: &str| !text.trim().is_empty();
                let condition = Some(condition).filter(|text| is_text(text));
                let condition = condition.map(|text| builder.item_condition(&at.dotted("where"), text));
                let is_number = |key: &str| {
                    let mut events = builder.schema.events.values();
                    events.any(|event| event.properties.get(key) == Some(&Kind::Number))
                };
                let key = key.as_ref().map(|key| (key.clone(), is_number(key)));
                self.by_item.push(ItemUse { journey, change: *change, condition, key });
            }
            Trigger::Call { .. } => {}
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
