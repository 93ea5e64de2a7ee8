//! Whether a user agrees to something, and until when that stays so.

use crate::model::Instant;
use crate::profile::Agreement;
use crate::segment::evaluate::{Evaluation, Truth};
use crate::segment::node::SlotId;
use crate::segment::value::NEVER;

impl Evaluation<'_> {
    /// Whether a purpose is agreed to, from the slots of its records.
    pub(crate) fn consent(&self, general: SlotId, own: Option<SlotId>, granted: bool) -> Truth {
        let records = (own.map(|own| self.attribute(own)), self.attribute(general));
        let agreement = Agreement::of(records, granted, self.symbols, self.instant());
        Truth::new(agreement.holds, agreement.until.map_or(NEVER, Instant::as_millis))
    }
}
