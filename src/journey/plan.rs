//! Journeys as the engine runs them.

use crate::journey::by_item::ItemUse;
use crate::journey::experiments::CompiledExperiment;
use crate::journey::filling::Filling;
use crate::journey::instance::Instance;
use crate::journey::outbox::Origin;
use crate::journey::timed::Timed;
use crate::journey::{Class, Delivery, DeliveryPolicy, Journey, LocalWait, Permits, Reentry, Send};
use crate::model::{Duration, Instant, Zone};
use crate::segment::{ConditionId, EventFilterId, SegmentId, Transition};
use hashbrown::HashMap;
use std::sync::Arc;

/// Number of a journey, in order of definition.
pub(crate) type JourneyNo = u16;

/// Stands for a journey that is no longer defined: the host may still hold actions of it.
pub(crate) const GONE: JourneyNo = u16::MAX;

/// The step behind the last one of any journey.
pub(crate) const END: u16 = u16::MAX;

/// Journeys and the policy of delivery, compiled.
#[derive(Debug, Default)]
pub(crate) struct JourneyPlan {
    /// In order of definition; behind them those of earlier definitions that users go on under.
    pub(crate) journeys: Vec<CompiledJourney>,
    /// What an event of a name does: exits before entries.
    pub(crate) by_event: HashMap<Box<str>, Vec<EventUse>, ahash::RandomState>,
    pub(crate) by_segment: HashMap<(SegmentId, Transition), Vec<SegmentUse>, ahash::RandomState>,
    /// What changes of items begin, in order of journey.
    pub(crate) by_item: Vec<ItemUse>,
    /// What dates and recurring instants begin, in order of journey.
    pub(crate) by_time: Vec<(JourneyNo, Timed)>,
    /// In order of definition; behind them those of earlier definitions that journeys of those ask.
    pub(super) experiments: Vec<CompiledExperiment>,
    pub(crate) policy: DeliveryPolicy,
    /// How long an action may wait for the host, whatever its step says.
    pub(crate) outbox_max: Option<Duration>,
    /// Whether any step waits for what the host says of a message.
    pub(crate) awaits_answers: bool,
    /// What sends ask of their users.
    pub(crate) permits: Permits,
    /// Whether anything asks for the hour at which users answer best, so that it is learned.
    pub(crate) learns_times: bool,
    /// Who lend one another evidence of that hour; the first that holds of a user counts.
    pub(crate) time_groups: Vec<ConditionId>,
    /// Segments are numbered only once the plan is built.
    pub(super) unresolved: Vec<Unresolved>,
}

impl JourneyPlan {
    /// How long what was sent must be remembered, for caps and so that nothing is said twice.
    pub(crate) fn memory(&self) -> Duration {
        let steps = self.journeys.iter().flat_map(|journey| &journey.steps);
        let again = steps.filter_map(|step| match &step.action {
            CompiledAction::Send(send) => send.dedup,
            _ => None,
        });
        again.max().unwrap_or(Duration::ZERO).max(self.policy.memory())
    }

    /// The send of a step, if it is one.
    pub(crate) fn send(&self, journey: JourneyNo, step: u16) -> Option<&CompiledSend> {
        match &self.journeys.get(usize::from(journey))?.steps.get(usize::from(step))?.action {
            CompiledAction::Send(send) => Some(send),
            _ => None,
        }
    }

    /// The zone to look into before an action is handed out; none where no hour is quiet for it, such as for calls.
    pub(crate) fn quiet_zone(&self, origin: &Origin, zone: &Zone) -> Option<Zone> {
        let send = self.send(origin.journey, origin.step)?;
        let class = self.journeys.get(usize::from(origin.journey))?.definition.class;
        let is_looked_at = class != Class::Transactional && self.policy.quiet_hours(&send.channel).is_some();
        is_looked_at.then(|| zone.clone())
    }
}

/// A trigger that waits for its segment's number.
#[derive(Debug)]
pub(super) struct Unresolved {
    pub(super) path: Vec<Box<str>>,
    pub(super) segment: Box<str>,
    pub(super) transition: Transition,
    pub(super) segment_use: SegmentUse,
}

#[derive(Debug)]
pub(crate) struct CompiledJourney {
    pub(crate) name: Arc<str>,
    /// As it was defined.
    pub(crate) definition: Journey,
    /// Which of all journeys of this name it is.
    pub(crate) version: u64,
    /// The journey of this name that users enter now: itself, unless it is one of earlier definitions.
    pub(crate) current: JourneyNo,
    pub(crate) audience: Option<ConditionId>,
    /// Whether an event begins it: only then can an entry be late. Nothing begins one of earlier definitions.
    pub(crate) by_event: bool,
    /// Whether an instance keeps the event that began it, because a template reads it.
    pub(crate) keeps_event: bool,
    pub(crate) steps: Vec<CompiledStep>,
}

impl JourneyPlan {
    /// The journey by which the past of a journey is known: the one of its name that users enter now.
    pub(crate) fn current(&self, journey: JourneyNo) -> JourneyNo {
        self.journeys.get(usize::from(journey)).map_or(journey, |compiled| compiled.current)
    }

    /// How many journeys are defined now.
    pub(crate) fn defined(&self) -> usize {
        let is_defined =
            |(number, journey): (usize, &CompiledJourney)| usize::from(journey.current) == number;
        self.journeys.iter().enumerate().take_while(|journey| is_defined(*journey)).count()
    }
}

impl CompiledJourney {
    /// The label of a step, or `end`.
    pub(crate) fn label(&self, step: u16) -> Arc<str> {
        self.steps.get(usize::from(step)).map_or_else(|| "end".into(), |step| step.id.clone())
    }

    /// Whether several instances of one key run side by side.
    pub(crate) fn is_parallel(&self) -> bool {
        matches!(self.definition.enter.reentry, Reentry::Parallel(_))
    }

    /// When an instance has lasted as long as it may; the far end of time where it may for ever.
    pub(crate) fn ends(&self, instance: &Instance) -> Instant {
        self.definition.expires.map_or(Instant::MAX, |expires| instance.entered + expires)
    }

    /// The number of the step of an id.
    pub(crate) fn step_of(&self, id: &str) -> Option<u16> {
        self.steps.iter().position(|step| *step.id == *id).map(|step| step as u16)
    }
}

impl JourneyPlan {
    pub(crate) fn step(&self, journey: JourneyNo, step: u16) -> Option<&CompiledStep> {
        self.journeys.get(usize::from(journey))?.steps.get(usize::from(step))
    }

    pub(crate) fn action(&self, journey: JourneyNo, step: u16) -> Option<&CompiledAction> {
        self.step(journey, step).map(|step| &step.action)
    }
}

#[derive(Debug)]
pub(crate) struct CompiledStep {
    pub(crate) id: Arc<str>,
    pub(crate) action: CompiledAction,
    /// What of its message other steps wait for: a bit for each kind of delivery.
    pub(crate) awaited: u8,
}

impl CompiledStep {
    /// The values that it makes.
    pub(crate) fn fillings(&self) -> &[(Box<str>, Filling)] {
        match &self.action {
            CompiledAction::Affect(CompiledEffect::Set(values)) => values,
            CompiledAction::Affect(CompiledEffect::Emit { properties, .. }) => properties,
            CompiledAction::Call(call) => &call.properties,
            _ => &[],
        }
    }

    /// Whether what it does may hang on what earlier steps have made of the user.
    pub(crate) fn looks_at_user(&self) -> bool {
        let is_made = |(_, filling): &(Box<str>, Filling)| matches!(filling, Filling::Template { .. });
        !matches!(self.action, CompiledAction::Affect(_)) || self.fillings().iter().any(is_made)
    }

    /// The channel it sends or calls by, if it does.
    pub(crate) fn channel(&self) -> Option<&Arc<str>> {
        match &self.action {
            CompiledAction::Send(send) => Some(&send.channel),
            CompiledAction::Call(call) => Some(&call.channel),
            _ => None,
        }
    }
}

#[derive(Debug)]
pub(crate) enum CompiledAction {
    Wait(Duration),
    WaitUntil(LocalWait),
    WaitFor(Box<CompiledWaitFor>),
    Branch(Vec<(ConditionId, u16)>),
    Split(Box<CompiledSplit>),
    Experiment(Box<CompiledExperimentStep>),
    Affect(CompiledEffect),
    Call(Box<CompiledCall>),
    Send(Box<CompiledSend>),
    Goto(u16),
}

/// What a step does to the user.
#[derive(Debug)]
pub(crate) enum CompiledEffect {
    Set(Vec<(Box<str>, Filling)>),
    Emit { event: Arc<str>, properties: Vec<(Box<str>, Filling)> },
}

#[derive(Debug)]
pub(crate) struct CompiledCall {
    pub(crate) channel: Arc<str>,
    pub(crate) properties: Vec<(Box<str>, Filling)>,
}

#[derive(Debug)]
pub(crate) struct CompiledSplit {
    pub(crate) salt: Box<str>,
    /// Those that anybody takes.
    pub(crate) arms: Vec<CompiledArm>,
}

#[derive(Debug)]
pub(crate) struct CompiledArm {
    pub(crate) name: Arc<str>,
    pub(crate) weight: f64,
    pub(crate) to: u16,
}

#[derive(Debug)]
pub(crate) struct CompiledExperimentStep {
    /// Its place among the experiments of the plan.
    pub(crate) experiment: usize,
    /// Arms that lead elsewhere than to the next step, by name.
    pub(crate) to: Vec<(Box<str>, u16)>,
}

#[derive(Debug)]
pub(crate) struct CompiledWaitFor {
    /// A bit for each condition that has to be met; where any one is enough, none.
    pub(crate) all: u16,
    pub(crate) conditions: Vec<CompiledAwaited>,
    pub(crate) timeout: Duration,
    pub(crate) then: u16,
    pub(crate) otherwise: u16,
}

impl CompiledWaitFor {
    /// Whether it is over once these conditions are met.
    pub(crate) fn is_over(&self, met: u16) -> bool {
        met != 0 && met & self.all == self.all
    }
}

#[derive(Debug)]
pub(crate) enum CompiledAwaited {
    Event,
    /// That the user is in a segment, or is not; its number is known once the plan is built.
    Segment {
        segment: Option<SegmentId>,
        is_in: bool,
    },
    /// That the host says something of the message of a step.
    Answer {
        delivery: Delivery,
        step: u16,
    },
}

#[derive(Debug)]
pub(crate) struct CompiledSend {
    /// As it was defined.
    pub(crate) definition: Send,
    pub(crate) channel: Arc<str>,
    /// Those of its tags, and of its journey's, that caps count.
    pub(crate) tags: Vec<Arc<str>>,
    /// What the user must agree to: as it says itself, or its journey, or the journey's class.
    pub(crate) purpose: Option<Box<str>>,
    /// Where the instance goes on if the user has no address.
    pub(crate) unreachable: Option<u16>,
    /// What happens where a cap is full; none for what the cap says.
    pub(crate) capped: Option<CompiledCapped>,
    /// How long the same is not sent again.
    pub(crate) dedup: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompiledCapped {
    Skip,
    Defer,
    To(u16),
}

#[derive(Debug)]
pub(crate) struct EventUse {
    pub(crate) journey: JourneyNo,
    pub(crate) what: Use,
    pub(crate) filter: EventFilterId,
    /// The property that keys the instance.
    pub(crate) key: Option<Box<str>>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct SegmentUse {
    pub(crate) journey: JourneyNo,
    pub(crate) what: Use,
}

/// What a trigger does, in the order in which those of one event do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Use {
    /// Before what ends instances for other reasons, so that it counts.
    Goal,
    Exit,
    /// Meets a condition of a wait.
    Await {
        step: u16,
        condition: u8,
    },
    Enter,
}
