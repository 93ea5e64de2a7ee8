//! One step of a definition to one of a plan.

use crate::journey::compile::At;
use crate::journey::filling::Filling;
use crate::journey::plan::{
    CompiledAction, CompiledArm, CompiledAwaited, CompiledCall, CompiledCapped, CompiledEffect,
    CompiledExperimentStep, CompiledSend, CompiledSplit, CompiledStep, CompiledWaitFor, END,
};
use crate::journey::{
    Awaited, Branch, Capped, Class, DeliveryPolicy, ExperimentStep, Journey, Send, Split, Step, StepAction,
    Trigger, WaitFor,
};
use crate::model::{Problem, Quoted, Value};
use crate::segment::{Kind, PlanBuilder};
use hashbrown::HashMap;
use std::collections::BTreeSet;

/// The purpose of messages of the class `marketing`.
const MARKETING: &str = "marketing";

/// What steps of a journey are compiled with.
pub(super) struct StepCompiler<'c> {
    pub(super) journey: &'c Journey,
    pub(super) policy: &'c DeliveryPolicy,
    /// The numbers of the journey's steps.
    pub(super) labels: HashMap<&'c str, u16, ahash::RandomState>,
    /// Whether a template reads the event that began the journey; nothing where there is no such template.
    pub(super) reads_event: &'c dyn Fn(&str) -> Option<bool>,
    /// The place of the experiment of a name in the plan.
    pub(super) experiment_number: &'c dyn Fn(&str) -> Option<usize>,
    pub(super) builder: &'c mut PlanBuilder,
    pub(super) problems: &'c mut Vec<Problem>,
}

impl StepCompiler<'_> {
    pub(super) fn step(&mut self, number: usize, step: &Step) -> CompiledStep {
        let at = At::step(&self.journey.name, number);
        let action = match &step.action {
            StepAction::Wait(duration) => CompiledAction::Wait(*duration),
            StepAction::WaitUntil(wait) => CompiledAction::WaitUntil(wait.clone()),
            StepAction::Goto(label) => CompiledAction::Goto(self.target(&at, label, &["goto"])),
            StepAction::Branch(arms) => self.branch(&at, arms),
            StepAction::Send(send) => self.send(&at, send),
            StepAction::Split(split) => self.split(&at, number, split),
            StepAction::Experiment(step) => self.experiment(&at, step),
            StepAction::WaitFor(wait) => self.wait_for(&at, number, wait),
            StepAction::Set(values) => {
                let schema = &self.builder.schema;
                let kind = |name: &str| schema.attribute_kind(name).filter(|_| schema.strict);
                CompiledAction::Affect(CompiledEffect::Set(fillings(values, kind)))
            }
            StepAction::Emit(emit) => {
                let schema = &self.builder.schema;
                let event = schema.event_schema(&emit.event).filter(|_| schema.strict);
                let kind = |name: &str| event?.properties.get(name).copied();
                let properties = fillings(&emit.properties, kind);
                CompiledAction::Affect(CompiledEffect::Emit { event: (&*emit.event).into(), properties })
            }
            StepAction::Call(call) => {
                let (channel, properties) = ((&*call.channel).into(), fillings(&call.properties, |_| None));
                CompiledAction::Call(Box::new(CompiledCall { channel, properties }))
            }
        };
        CompiledStep { id: (&*step.id).into(), action, awaited: 0 }
    }

    /// The number of the step of a label that stands under some keys.
    fn target(&mut self, at: &At<'_>, label: &str, keys: &[&str]) -> u16 {
        match self.labels.get(label) {
            Some(step) => *step,
            None if label == "end" => END,
            None => {
                let problem = at.problem(keys, format!("unknown step {}", Quoted(label)));
                let labels = self.labels.keys().copied().chain(["end"]);
                self.problems.push(problem.suggest(label, labels));
                END
            }
        }
    }

    fn split(&mut self, at: &At<'_>, number: usize, split: &Split) -> CompiledAction {
        let mut arms = Vec::new();
        for (name, weight) in split.arms.iter().filter(|(_, weight)| *weight > 0.0) {
            let to = split.to.get(name).map(|label| &**label);
            let to = self.target_or_next(at, number, to, &["split", "to", name]);
            arms.push(CompiledArm { name: (&**name).into(), weight: *weight, to });
        }
        CompiledAction::Split(Box::new(CompiledSplit { salt: split.salt.clone(), arms }))
    }

    fn experiment(&mut self, at: &At<'_>, step: &ExperimentStep) -> CompiledAction {
        // One that is not there is told where it is named, or kept: such a plan is of no use.
        let experiment = (self.experiment_number)(&step.experiment).unwrap_or_default();
        let to = step.to.iter().map(|(arm, label)| (arm.clone(), self.target(at, label, &["to", arm])));
        let to = to.collect();
        CompiledAction::Experiment(Box::new(CompiledExperimentStep { experiment, to }))
    }

    /// The number of the step of a label, or of the one behind a step where none is named.
    fn target_or_next(&mut self, at: &At<'_>, number: usize, label: Option<&str>, keys: &[&str]) -> u16 {
        label.map_or(number as u16 + 1, |label| self.target(at, label, keys))
    }

    fn wait_for(&mut self, at: &At<'_>, number: usize, wait: &WaitFor) -> CompiledAction {
        let list = if wait.all { "all" } else { "any" };
        let mut conditions = Vec::new();
        for (condition, awaited) in wait.conditions.iter().enumerate() {
            let keys = ["wait_for", list, &condition.to_string()];
            conditions.push(match awaited {
                Awaited::Trigger(trigger) => match trigger {
                    Trigger::SegmentEntered(_) => CompiledAwaited::Segment { segment: None, is_in: true },
                    Trigger::SegmentLeft(_) => CompiledAwaited::Segment { segment: None, is_in: false },
                    _ => CompiledAwaited::Event,
                },
                Awaited::Answer { delivery, step } => {
                    let step = self.sender(at, number, step, &keys);
                    let kept = self.policy.answers_kept();
                    if wait.timeout > kept {
                        let message = format!("answers are remembered for {kept}, and this waits longer");
                        let help = format!("wait for at most `{kept}`, or remember them for longer: `answers = \"{}\"` in [delivery]", wait.timeout);
                        self.problems.push(at.problem(&["wait_for", "timeout"], message).help(help));
                    }
                    CompiledAwaited::Answer { delivery: *delivery, step }
                }
            });
        }
        CompiledAction::WaitFor(Box::new(CompiledWaitFor {
            all: if wait.all { ((1_u32 << conditions.len()) - 1) as u16 } else { 0 },
            conditions,
            timeout: wait.timeout,
            then: self.target_or_next(at, number, wait.then.as_deref(), &["wait_for", "then"]),
            otherwise: self.target_or_next(at, number, wait.otherwise.as_deref(), &["wait_for", "else"]),
        }))
    }

    /// The number of a step that sends a message, of which a later step waits to hear.
    fn sender(&mut self, at: &At<'_>, number: usize, label: &str, keys: &[&str]) -> u16 {
        let mut keys = keys.to_vec();
        let step = self.target(at, label, &keys);
        let Some(sender) = self.journey.steps.get(usize::from(step)) else {
            if step == END && label == "end" {
                self.problems.push(at.problem(&keys, "`end` sends nothing".into()));
            }
            return step;
        };
        keys.truncate(3);
        let message = match &sender.action {
            StepAction::Send(_) | StepAction::Call(_) if usize::from(step) < number => return step,
            StepAction::Send(_) | StepAction::Call(_) => {
                format!("the step {} comes behind this one, so nothing can be known of it", Quoted(label))
            }
            _ => format!("the step {} sends nothing", Quoted(label)),
        };
        self.problems.push(at.problem(&keys, message).help("name a `send` or `call` that comes before"));
        step
    }

    fn branch(&mut self, at: &At<'_>, arms: &[Branch]) -> CompiledAction {
        let arms = arms.iter().enumerate().map(|(arm, Branch { when, to })| {
            let arm = arm.to_string();
            let condition = self.builder.condition(&at.dotted(&format!("branch.{arm}.when")), when);
            (condition, self.target(at, to, &["branch", &arm, "to"]))
        });
        CompiledAction::Branch(arms.collect())
    }

    fn send(&mut self, at: &At<'_>, send: &Send) -> CompiledAction {
        let template = &send.template;
        if (self.reads_event)(template).is_none() {
            let message = format!("unknown template {}", Quoted(template));
            let problem = at.problem(&["send", "template"], message);
            self.problems.push(problem.help(format!("define it as [templates.{template}]")));
        }
        let tags = self.journey.tags.iter().chain(&send.tags).filter(|tag| self.policy.counts_tag(tag));
        let tags: BTreeSet<&str> = tags.map(|tag| &**tag).collect();
        let tags = tags.into_iter().map(Into::into).collect();
        let unreachable = send.unreachable.as_ref();
        let unreachable = unreachable.map(|label| self.target(at, label, &["send", "unreachable"]));
        let capped = send.capped.as_ref().map(|capped| match capped {
            Capped::Skip => CompiledCapped::Skip,
            Capped::Defer => CompiledCapped::Defer,
            Capped::To(label) => CompiledCapped::To(self.target(at, label, &["send", "capped"])),
        });
        let own = send.purpose.clone().or_else(|| self.journey.purpose.clone());
        let of_class = (self.journey.class == Class::Marketing).then(|| MARKETING.into());
        CompiledAction::Send(Box::new(CompiledSend {
            definition: send.clone(),
            channel: (&*send.channel).into(),
            tags,
            purpose: own.or(of_class),
            unreachable,
            capped,
            dedup: send.dedup.as_ref().map(|dedup| dedup.window).or(self.policy.dedup),
        }))
    }
}

fn fillings(values: &[(Box<str>, Value)], kind: impl Fn(&str) -> Option<Kind>) -> Vec<(Box<str>, Filling)> {
    values.iter().map(|(name, value)| (name.clone(), Filling::new(value, kind(name)))).collect()
}
