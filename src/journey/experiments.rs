//! Experiments as journeys and whoever else knows users ask them: consent and audience first, then the draw.

use crate::experiment::{Assignment, Experiment, Outside};
use crate::journey::plan::JourneyPlan;
use crate::journey::{Context, Permits};
use crate::profile::UserKey;
use crate::segment::{ConditionId, PlanBuilder};

/// An experiment with its audience compiled.
#[derive(Debug)]
pub(crate) struct CompiledExperiment {
    pub(crate) experiment: Experiment,
    audience: Option<ConditionId>,
    /// Whether it is of earlier definitions, and only journeys of those ask it.
    is_gone: bool,
}

impl CompiledExperiment {
    /// The arm of a user, or why there is none; of a user of whom nothing is known by the id that the host gave. The
    /// restriction is for whoever calls to look at.
    pub(crate) fn assignment(
        &self,
        cx: &Context<'_>,
        permits: &Permits,
        user: Result<UserKey, &str>,
    ) -> Assignment {
        let (store, purpose) = (cx.store, self.experiment.consent());
        if !permits.agrees(store, user.ok(), purpose, cx.now) {
            return Assignment::Outside(Outside::NoConsent);
        }
        if let Some(audience) = self.audience
            && !user.is_ok_and(|user| cx.evaluation(user).condition(audience))
        {
            return Assignment::Outside(Outside::Audience);
        }
        let arm = self.experiment.drawn_arm(user.map_or_else(|id| id, |user| store.get(user).bucketing_id()));
        arm.map_or(Assignment::Outside(Outside::Traffic), |arm| Assignment::Arm(arm.clone()))
    }
}

impl JourneyPlan {
    /// Adds experiments and registers their audiences.
    pub(super) fn add_experiments(&mut self, experiments: &[Experiment], builder: &mut PlanBuilder) {
        for experiment in experiments {
            self.add_experiment(experiment, &format!("experiments.{}", experiment.name()), false, builder);
        }
    }

    /// Adds one of earlier definitions that a journey of those asks; `at` is how what is wrong with it is told.
    pub(super) fn keep_experiment(&mut self, experiment: &Experiment, at: &str, builder: &mut PlanBuilder) {
        if self.experiment_number(experiment.name()).is_none() {
            self.add_experiment(experiment, at, true, builder);
        }
    }

    fn add_experiment(
        &mut self,
        experiment: &Experiment,
        at: &str,
        is_gone: bool,
        builder: &mut PlanBuilder,
    ) {
        let condition = |text: &str| builder.condition(&format!("{at}.audience"), text);
        let audience = experiment.audience().map(condition);
        self.experiments.push(CompiledExperiment { experiment: experiment.clone(), audience, is_gone });
    }

    /// The place of the experiment of a name, also of one that only journeys of earlier definitions ask.
    pub(super) fn experiment_number(&self, name: &str) -> Option<usize> {
        self.experiments.iter().position(|known| known.experiment.name() == name)
    }

    /// The experiments that are defined, in order.
    pub(crate) fn experiments(&self) -> impl Iterator<Item = &CompiledExperiment> + Clone {
        self.experiments.iter().filter(|known| !known.is_gone)
    }
}
