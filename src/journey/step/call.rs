//! `call = { channel = "discounts", properties = { percent = 10 } }`: something for the host to do. It is no message, so
//! the gate asks nothing but whether the user is held out: those are to see nothing of the journey.

use crate::journey::instance::{HELD_OUT, Instance};
use crate::journey::plan::CompiledCall;
use crate::journey::run::Run;
use crate::journey::step::send::Made;
use crate::journey::{Reason, What};

impl Run<'_, '_> {
    pub(in crate::journey) fn call(&mut self, instance: &mut Instance, call: &CompiledCall) {
        let channel = &call.channel;
        let what = match self.filled(instance, &call.properties) {
            _ if instance.flags & HELD_OUT != 0 => What::Ghost { channel: channel.clone() },
            Err(_) => What::NotDone { reason: Reason::Template },
            Ok(content) => {
                let id = self.action_id(instance, channel);
                self.put(id, instance, Made { channel, template: "", content, probability: None }, None);
                self.expect_answers(instance);
                What::Called { channel: channel.clone() }
            }
        };
        self.note(instance, what);
        instance.step += 1;
    }
}
