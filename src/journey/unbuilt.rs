//! What definitions can say and no engine does yet. Each is refused where it stands, in the words of a line here.

use crate::journey::compile::At;
use crate::journey::{Journey, StepAction};
use crate::model::Problem;

/// What of a journey is not built.
pub(super) fn unbuilt(journey: &Journey) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (i, step) in journey.steps.iter().enumerate() {
        let at = At::step(&journey.name, i);
        if let StepAction::Experiment(_) = &step.action {
            let message = "there are no experiments yet";
            problems.push(at.problem(&["experiment"], message.into()).help("use a `split`"));
        }
    }
    problems
}
