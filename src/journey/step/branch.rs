//! `branch = [{ when = 'expression', to = "id" }]`

use crate::journey::What;
use crate::journey::instance::Instance;
use crate::journey::run::Run;
use crate::segment::ConditionId;

impl Run<'_, '_> {
    pub(in crate::journey) fn branch(&mut self, instance: &mut Instance, arms: &[(ConditionId, u16)]) {
        let evaluation = self.cx.evaluation(self.user);
        match arms.iter().find(|(condition, _)| evaluation.condition(*condition)) {
            Some((_, to)) => {
                self.note(instance, What::Branched { to: self.label(instance, *to) });
                instance.go_to(*to);
            }
            None => instance.step += 1,
        }
    }
}
