//! `call = { channel = "discounts", properties = { percent = 10 } }`: something for the host to do. It is no message, so
//! the gate asks nothing but whether the user is held out: those are to see nothing of the journey.

use crate::journey::What;
use crate::journey::instance::{HELD_OUT, Instance};
use crate::journey::plan::CompiledCall;
use crate::journey::run::Run;
use crate::journey::step::send::Made;

impl Run<'_, '_> {
    pub(in crate::journey) fn call(&mut self, instance: &mut Instance, call: &CompiledCall) {
        let channel = &call.channel;
        let what = match instance.flags & HELD_OUT != 0 {
            true => What::Ghost { channel: channel.clone() },
            false => {
                let id = self.action_id(instance, channel);
                let content = call.properties.clone();
                self.put(id, instance, Made { channel, template: "", content, probability: None }, None);
                self.expect_answers(instance);
                What::Called { channel: channel.clone() }
            }
        };
        self.note(instance, what);
        instance.step += 1;
    }
}
