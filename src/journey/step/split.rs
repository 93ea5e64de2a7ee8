//! `split = { salt = "s", arms = { a = 50, b = 50 }, to = { a = "x" } }`

use crate::journey::What;
use crate::journey::instance::Instance;
use crate::journey::plan::CompiledSplit;
use crate::journey::run::Run;
use crate::model::winner;

impl Run<'_, '_> {
    pub(in crate::journey) fn split(&mut self, instance: &mut Instance, split: &CompiledSplit) {
        let user = self.cx.store.get(self.user).bucketing_id();
        let arms = split.arms.iter().map(|arm| (&*arm.name, arm.weight));
        let Some(arm) = winner(&split.salt, user, arms).map(|place| &split.arms[place]) else {
            instance.step += 1;
            return;
        };
        self.note(instance, What::Chose { arm: arm.name.clone() });
        instance.go_to(arm.to);
    }
}
