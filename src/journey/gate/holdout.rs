//! Rule 5: the user is not one of those who go through the journey and are sent nothing, so that its worth can be
//! measured.

use crate::journey::Journey;
use crate::journey::gate::{Candidate, Verdict, View};
use crate::journey::instance::HELD_OUT;
use crate::model::stable_hash;

pub(super) fn rule(candidate: &Candidate<'_>, _: &View<'_>) -> Option<Verdict> {
    (candidate.instance.flags & HELD_OUT != 0).then_some(Verdict::Ghost)
}

/// Whether a journey holds a user out: the same user always, whatever else the definitions say.
pub(in crate::journey) fn is_held_out(journey: &Journey, bucketing_id: &str) -> bool {
    if journey.holdout <= 0.0 {
        return false;
    }
    let hash = stable_hash(&[b"holdout", journey.name.as_bytes(), bucketing_id.as_bytes()]);
    // 53 bits of it, as a number from 0 up to 100.
    (hash as u64 >> 11) as f64 / (1_u64 << 53) as f64 * 100.0 < journey.holdout
}
