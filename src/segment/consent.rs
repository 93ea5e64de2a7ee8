//! Whether a user agrees to something, and until when that stays so.

use crate::model::{ConsentStatus, Instant};
use crate::profile::kept_consent;
use crate::segment::evaluate::{Evaluation, Truth};
use crate::segment::node::SlotId;
use crate::segment::value::NEVER;

impl Evaluation<'_> {
    /// The record for one channel goes before that for all of them, and without either the default holds. A record
    /// that has expired is none.
    pub(crate) fn consent(&self, general: SlotId, own: Option<SlotId>, granted: bool) -> Truth {
        for slot in own.into_iter().chain([general]) {
            if let Some((status, expires)) = kept_consent(self.attribute(slot), self.symbols) {
                let until = expires.map_or(NEVER, Instant::as_millis);
                if until > self.now {
                    return Truth::new(status == ConsentStatus::Granted, until);
                }
            }
        }
        Truth::new(granted, NEVER)
    }
}
