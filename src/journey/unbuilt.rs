//! What definitions can say and no engine does yet. Each is refused where it stands, in the words of a line here.

use crate::journey::compile::At;
use crate::journey::{Capped, DeliveryPolicy, Journey, LocalAt, OnQuiet, Send, StepAction, Trigger};
use crate::model::Problem;

/// What of a journey is not built.
pub(super) fn unbuilt(journey: &Journey) -> Vec<Problem> {
    let mut problems = Vec::new();
    let here = At::journey(&journey.name);
    let mut refuse = |is_used: bool, path: &[&str]| {
        if is_used {
            problems.push(not_yet(&here, path));
        }
    };
    let Journey { enter, holdout, purpose, moved_to, .. } = journey;
    refuse(matches!(enter.trigger, Trigger::Item { .. }), &["enter", "item"]);
    refuse(matches!(enter.trigger, Trigger::Call { .. }), &["enter", "call"]);
    refuse(*holdout > 0.0, &["holdout"]);
    refuse(purpose.is_some(), &["purpose"]);
    refuse(!moved_to.is_empty(), &["moved_to"]);
    for (i, step) in journey.steps.iter().enumerate() {
        let at = At::step(&journey.name, i);
        let mut refuse = |is_used: bool, path: &[&str]| {
            if is_used {
                problems.push(not_yet(&at, path));
            }
        };
        match &step.action {
            StepAction::WaitUntil(wait) => refuse(wait.at == LocalAt::Best, &["wait_until", "at"]),
            StepAction::Set(_) => refuse(true, &["set"]),
            StepAction::Emit(_) => refuse(true, &["emit"]),
            StepAction::Call(_) => refuse(true, &["call"]),
            StepAction::Experiment(_) => {
                let message = "there are no experiments yet";
                problems.push(at.problem(&["experiment"], message.into()).help("use a `split`"));
            }
            StepAction::Send(send) => {
                let Send { unreachable, at_best, capped, purpose, dedup, .. } = send;
                refuse(unreachable.is_some(), &["send", "unreachable"]);
                refuse(*at_best, &["send", "at"]);
                refuse(capped.is_some(), &["send", "capped"]);
                refuse(purpose.is_some(), &["send", "purpose"]);
                refuse(dedup.is_some(), &["send", "dedup"]);
            }
            StepAction::Wait(_)
            | StepAction::WaitFor(_)
            | StepAction::Split(_)
            | StepAction::Branch(_)
            | StepAction::Goto(_) => {}
        }
    }
    problems
}

/// What of the policy of delivery is not built.
pub(super) fn unbuilt_policy(policy: &DeliveryPolicy) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut refuse = |is_used: bool, path: &[&str]| {
        if is_used {
            let name = path.last().copied().unwrap_or_default();
            let path = ["delivery"].into_iter().chain(path.iter().copied());
            problems.push(Problem::new(path, format!("`{name}` is not supported yet")));
        }
    };
    for (channel, quiet) in &policy.quiet {
        refuse(quiet.on != OnQuiet::Defer, &["quiet", channel, "on"]);
    }
    for (i, cap) in policy.caps.iter().enumerate() {
        refuse(cap.capped != Capped::Skip, &["cap", &i.to_string(), "capped"]);
    }
    refuse(!policy.throttles.is_empty(), &["throttle"]);
    refuse(policy.dedup.is_some(), &["dedup"]);
    refuse(policy.send_time.is_some(), &["send_time"]);
    problems
}

fn not_yet(at: &At<'_>, path: &[&str]) -> Problem {
    at.problem(path, format!("`{}` is not supported yet", path.last().copied().unwrap_or_default()))
}
