//! `experiment = "subject_line", to = { treatment = "mail_b" }`

use crate::experiment::Assignment;
use crate::journey::What;
use crate::journey::instance::{HELD_OUT, Instance};
use crate::journey::plan::CompiledExperimentStep;
use crate::journey::run::Run;
use crate::journey::step::Effect;

impl Run<'_, '_> {
    pub(in crate::journey) fn experiment(&mut self, instance: &mut Instance, step: &CompiledExperimentStep) {
        let asked = &self.plan.experiments[step.experiment];
        let arm = match asked.assignment(self.cx, &self.plan.permits, Ok(self.user)) {
            Assignment::Arm(arm) => arm,
            Assignment::Outside(why) => {
                self.note(instance, What::Outside { why });
                instance.step += 1;
                return;
            }
        };
        self.note(instance, What::Chose { arm: arm.clone() });
        // Who is held out is to see nothing of the journey, and so was exposed to nothing.
        let experiment = asked.experiment.name();
        if instance.flags & HELD_OUT == 0 && !self.cx.store.is_exposed(self.user, (experiment, &arm)) {
            self.want(instance, Effect::Expose { experiment: experiment.into(), arm: arm.clone() });
        }
        let to = step.to.iter().find(|(name, _)| **name == *arm);
        instance.go_to(to.map_or(instance.step + 1, |(_, to)| *to));
    }
}
