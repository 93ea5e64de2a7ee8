//! The delivery gate: whether a send that is due may go out now. The first rule that says something gives the reason.
//!
//! One file for each rule, in the order of the spec: 1 an exit or the goal, which ends the instance and so asks
//! nothing here; 2 [`consent`]; 3 [`address`]; 4 [`expiry`] and [`late`]; 5 [`holdout`]; 6 [`dedup`]; 7 [`quiet`];
//! 8 [`best`]; 9 [`caps`]; 10 is the order in which a user's sends of one instant come here
//! ([`Ready`](crate::journey::run::Ready)); 11 [`throttle`].
//!
//! Invariants: 1. rules only look. What a send takes, a slot of a cap or a token of its channel, is taken behind the last
//! one. 2. what is deferred comes here again, and goes through all rules anew.

mod address;
mod best;
mod caps;
mod consent;
mod dedup;
mod expiry;
mod holdout;
mod late;
mod quiet;
mod throttle;

use crate::journey::best_time::BestTime;
use crate::journey::caps::{Kind, Send};
use crate::journey::context::Context;
use crate::journey::instance::Instance;
use crate::journey::plan::{CompiledSend, JourneyPlan};
use crate::journey::throttle::Throttles;
use crate::journey::{Class, Reason};
use crate::model::{Instant, Zone};
use crate::predict::SendTimes;
use crate::profile::UserKey;
pub(in crate::journey) use holdout::is_held_out;

/// Why a send does not go out now, and what becomes of it.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Verdict {
    /// It is tried again then.
    Defer { until: Instant, reason: Reason },
    /// It is not sent; the instance goes on.
    Skip(Reason),
    /// It is not sent; the instance goes on at a step.
    Jump { to: u16, reason: Reason },
    /// It would have been sent, if the user were not held out.
    Ghost,
    /// It is not sent, and the instance is over.
    Exit(Reason),
}

/// A send that is due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) user: UserKey,
    pub(crate) instance: &'a Instance,
    pub(crate) send: &'a CompiledSend,
    pub(crate) kind: Kind<'a>,
    /// Of the action that it would be.
    pub(crate) id: u128,
    /// A hash of what it says, where that is not to be said twice.
    pub(crate) content: Option<u64>,
}

impl Candidate<'_> {
    /// When it was due at first.
    fn wanted(&self) -> Instant {
        self.instance.wanted
    }

    /// When it is pointless.
    fn expires_at(&self) -> Option<Instant> {
        self.send.definition.expires.map(|expires| self.wanted() + expires)
    }

    /// Whether it would be pointless at an instant.
    fn is_too_late_at(&self, at: Instant) -> bool {
        self.expires_at().is_some_and(|expires| expires <= at)
    }

    /// Whether the user expects it: neither quiet hours nor caps hold.
    fn is_expected(&self) -> bool {
        self.kind.class == Class::Transactional
    }
}

/// What rules look at.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) cx: &'a Context<'a>,
    pub(crate) plan: &'a JourneyPlan,
    /// What the user was sent, as far as it counts.
    pub(crate) sends: &'a [Send],
    pub(crate) zone: &'a Zone,
    pub(crate) throttles: &'a Throttles,
    pub(crate) times: Option<&'a SendTimes>,
}

impl View<'_> {
    fn now(&self) -> Instant {
        self.cx.now
    }

    /// The best time for a send that asks for it and has none yet.
    pub(crate) fn best_time(&self, candidate: &Candidate<'_>) -> Option<BestTime> {
        best::best_time(candidate, self)
    }
}

type Rule = fn(&Candidate<'_>, &View<'_>) -> Option<Verdict>;

const RULES: [Rule; 10] = [
    consent::rule,
    address::rule,
    expiry::rule,
    late::rule,
    holdout::rule,
    dedup::rule,
    quiet::rule,
    best::rule,
    caps::rule,
    throttle::rule,
];

/// What the first rule says that says anything; nothing where the send may go out.
pub(crate) fn judge(candidate: &Candidate<'_>, view: &View<'_>) -> Option<Verdict> {
    RULES.iter().find_map(|rule| rule(candidate, view))
}
