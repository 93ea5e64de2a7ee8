//! `wait = "1h"`

use crate::journey::What;
use crate::journey::instance::{Instance, Stand};
use crate::journey::run::Run;
use crate::journey::step::Next;
use crate::model::{Duration, Instant};

impl Run<'_, '_> {
    pub(in crate::journey) fn wait(&mut self, instance: &mut Instance, duration: Duration) -> Next {
        // From the instant at which it was due, so that a late entry waits from its event's own.
        let until = instance.due + duration;
        self.wait_until(instance, until)
    }

    /// Waits on the step of the instance until an instant, or goes on behind it where that is over.
    pub(in crate::journey) fn wait_until(&mut self, instance: &mut Instance, until: Instant) -> Next {
        instance.wanted = instance.due;
        // What was chosen before is of another instant.
        instance.drop_choice();
        if until > self.cx.now {
            self.note(instance, What::Waiting { until });
            instance.wait_until(until, Stand::Waiting);
            return Next::Wait;
        }
        // The wait is over already: what follows belongs to another instant.
        if until > instance.due {
            instance.burst = 0;
        }
        instance.due = until;
        instance.step += 1;
        Next::Step
    }
}
