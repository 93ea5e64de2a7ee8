//! The delivery gate: whether a send that is due may go out now. The first rule that says something gives the reason.
//!
//! One file for each rule, in the order of the spec: 1 an exit or the goal, which ends the instance and so asks
//! nothing here; 2 [`consent`]; 3 [`address`]; 4 [`expiry`]
//! and [`late`]; 7 [`quiet`]; 9 [`caps`]; 10 is the order in which a user's
//! sends of one instant come here ([`Ready`](crate::journey::run::Ready)).

mod address;
mod caps;
mod consent;
mod expiry;
mod late;
mod quiet;

use crate::journey::caps::{Kind, Send};
use crate::journey::plan::CompiledSend;
use crate::journey::{DeliveryPolicy, Late, Permits, Reason};
use crate::model::{Instant, Zone};
use crate::profile::{ProfileStore, UserKey};

/// Why a send does not go out now, and what becomes of it.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Verdict {
    /// It is tried again then.
    Defer { until: Instant, reason: Reason },
    /// It is not sent; the instance goes on.
    Skip(Reason),
    /// It is not sent, and the instance is over.
    Exit(Reason),
}

/// A send that is due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) user: UserKey,
    pub(crate) send: &'a CompiledSend,
    pub(crate) kind: Kind<'a>,
    /// What its journey says of what comes late.
    pub(crate) late: Late,
    /// When it is due, and when it was due at first.
    pub(crate) due: Instant,
    pub(crate) wanted: Instant,
}

/// What rules look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) store: &'a ProfileStore,
    pub(crate) policy: &'a DeliveryPolicy,
    pub(crate) permits: &'a Permits,
    /// What the user was sent, as far as it counts.
    pub(crate) sends: &'a [Send],
    pub(crate) zone: &'a Zone,
    pub(crate) now: Instant,
    /// What time it is, as the host says: later than `now` where nobody moved the clock for a while.
    pub(crate) clock: Instant,
}

type Rule = fn(&Candidate<'_>, &View<'_>) -> Option<Verdict>;

const RULES: [Rule; 6] = [consent::rule, address::rule, expiry::rule, late::rule, quiet::rule, caps::rule];

/// What the first rule says that says anything; nothing where the send may go out.
pub(crate) fn judge(candidate: &Candidate<'_>, view: &View<'_>) -> Option<Verdict> {
    RULES.iter().find_map(|rule| rule(candidate, view))
}
