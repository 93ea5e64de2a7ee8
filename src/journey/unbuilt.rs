//! What definitions can say and no engine does yet. Each is refused where it stands, in the words of a line here.

use crate::journey::compile::At;
use crate::journey::{Journey, LocalAt, StepAction};
use crate::model::Problem;

/// What of a journey is not built.
pub(super) fn unbuilt(journey: &Journey) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (i, step) in journey.steps.iter().enumerate() {
        let at = At::step(&journey.name, i);
        let mut refuse = |is_used: bool, path: &[&str]| {
            if is_used {
                problems.push(not_yet(&at, path));
            }
        };
        match &step.action {
            StepAction::WaitUntil(wait) => refuse(wait.at == LocalAt::Best, &["wait_until", "at"]),
            StepAction::Experiment(_) => {
                let message = "there are no experiments yet";
                problems.push(at.problem(&["experiment"], message.into()).help("use a `split`"));
            }
            _ => {}
        }
    }
    problems
}

fn not_yet(at: &At<'_>, path: &[&str]) -> Problem {
    at.problem(path, format!("`{}` is not supported yet", path.last().copied().unwrap_or_default()))
}
