//! Which of all journeys of one name a journey is: a fingerprint of what its instances follow.

use crate::journey::{Journey, Send, StepAction, WaitFor};
use crate::model::stable_hash;
use std::fmt::{Debug, Write};

/// A stable hash of all that instances follow, whatever says so in the text of the definitions. What only says who
/// enters is not in it, and neither is what a host adds to a journey and leaves at its default.
pub(super) fn version(journey: &Journey) -> u64 {
    stable_hash(&[text(journey).as_bytes()]) as u64
}

/// What a version is made of, a line for each thing. A later crate must write the same of the same journey, so whatever
/// is new comes with a line of its own, and none where it is at its default.
fn text(journey: &Journey) -> String {
    let mut lines = Lines(String::new());
    let Journey { name: _, class, priority, enter: _, audience: _, exit, goal, holdout: _, .. } = journey;
    let Journey { late, expires, tags, purpose, on_change: _, moved_to: _, steps, .. } = journey;
    lines.add("class", class);
    lines.add("priority", priority);
    for exit in exit {
        lines.add("exit", exit);
    }
    lines.some("goal", goal.as_ref());
    lines.add("late", &(late.catch_up, late.otherwise));
    lines.some("expires", expires.as_ref());
    lines.some("tags", Some(tags).filter(|tags| !tags.is_empty()));
    lines.some("purpose", purpose.as_ref());
    for step in steps {
        lines.add("step", &step.id);
        lines.action(&step.action);
    }
    lines.0
}

struct Lines(String);

impl Lines {
    fn add(&mut self, name: &str, value: &dyn Debug) {
        // Writing into a text does not fail.
        let _ = writeln!(self.0, "{name} {value:?}");
    }

    fn some<T: Debug>(&mut self, name: &str, value: Option<&T>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }

    fn action(&mut self, action: &StepAction) {
        match action {
            StepAction::Wait(duration) => self.add("wait", duration),
            StepAction::WaitUntil(wait) => {
                self.add("wait_until", &(wait.day, wait.at, wait.between, wait.fallback))
            }
            StepAction::WaitFor(WaitFor { all, conditions, timeout, then, otherwise }) => {
                self.add("wait_for", &(all, conditions, timeout, then, otherwise));
            }
            StepAction::Branch(arms) => {
                let arms: Vec<_> = arms.iter().map(|arm| (&arm.when, &arm.to)).collect();
                self.add("branch", &arms);
            }
            StepAction::Split(split) => self.add("split", &(&split.salt, &split.arms, &split.to)),
            StepAction::Experiment(step) => self.add("experiment", &(&step.experiment, &step.to)),
            StepAction::Send(send) => self.send(send),
            StepAction::Set(values) => self.add("set", values),
            StepAction::Emit(emit) => self.add("emit", &(&emit.event, &emit.properties)),
            StepAction::Call(call) => self.add("call", &(&call.channel, &call.properties)),
            StepAction::Goto(to) => self.add("goto", to),
        }
    }

    fn send(&mut self, send: &Send) {
        let Send { channel, template, expires, unreachable, at_best, between, fallback, .. } = send;
        let Send { capped, purpose, tags, dedup, .. } = send;
        self.add("send", &(channel, template));
        self.some("expires", expires.as_ref());
        self.some("unreachable", unreachable.as_ref());
        self.some("at", Some(&(between, fallback)).filter(|_| *at_best));
        self.some("capped", capped.as_ref());
        self.some("purpose", purpose.as_ref());
        self.some("tags", Some(tags).filter(|tags| !tags.is_empty()));
        self.some("dedup", dedup.as_ref().map(|dedup| (&dedup.key, dedup.window)).as_ref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::Definitions;

    fn of(more: &str) -> u64 {
        let text = format!(
            "version = 1\n[events.go]\n[templates.t]\na = 'x'\n[journeys.j]\nenter = {{ event = 'go' }}\n\
             step = [{{ id = 'a', wait = '1h' }}, {{ id = 'b', send = {{ channel = 'push', template = 't' }} }}]\n{more}"
        );
        version(&Definitions::from_toml(&text).unwrap().journeys[0])
    }

    #[test]
    fn it_changes_with_what_instances_follow_and_with_nothing_else() {
        let plain = of("");
        // Ids of actions are made of it: it may not move.
        assert_eq!(plain, 9_019_061_686_041_563_080);
        for same in ["# words", "class = 'marketing'", "audience = 'did(go)'", "on_change = 'migrate'"] {
            assert_eq!(of(same), plain, "{same}");
        }
        for other in ["priority = 1", "exit = [{ event = 'go' }]", "class = 'service'", "tags = ['x']"] {
            assert_ne!(of(other), plain, "{other}");
        }
    }
}
