//! One step of a definition to one of a plan.

use crate::journey::compile::At;
use crate::journey::plan::{CompiledAction, CompiledSend, CompiledStep, END};
use crate::journey::{Branch, DeliveryPolicy, Journey, Send, Step, StepAction};
use crate::model::{Problem, Quoted};
use crate::segment::PlanBuilder;
use hashbrown::HashMap;
use std::collections::BTreeSet;

/// What steps of a journey are compiled with.
pub(super) struct StepCompiler<'c> {
    pub(super) journey: &'c Journey,
    pub(super) policy: &'c DeliveryPolicy,
    /// The numbers of the journey's steps.
    pub(super) labels: HashMap<&'c str, u16, ahash::RandomState>,
    /// Whether a template reads the event that began the journey; nothing where there is no such template.
    pub(super) reads_event: &'c dyn Fn(&str) -> Option<bool>,
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
            // What is not built yet is refused; so it is none of the mistakes that are found here.
            _ => CompiledAction::Branch(Vec::new()),
        };
        CompiledStep { id: (&*step.id).into(), action }
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
        CompiledAction::Send(Box::new(CompiledSend {
            definition: send.clone(),
            channel: (&*send.channel).into(),
            tags: tags.into_iter().map(Into::into).collect(),
        }))
    }
}
